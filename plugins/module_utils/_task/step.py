# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned writes to the target: steps, and the plan that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from .errors import Rule, join
from .table import Change


class Step(NamedTuple):
    """One change of the target: in words, in the options' terms before and after, and the function that writes it."""

    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    apply: Callable[[], Any]
    needs_off: tuple[str, ...] = ()  # options whose change needs the interruption (a VM that is off, a reboot)
    rule: Rule | None = None  # the support rule behind that, if any
    undo: Callable[[], Any] | None = None  # puts back what was before, for a target that can't run with the change

    @property
    def changes(self) -> bool:
        return self.before != self.after


class Plan(NamedTuple):
    """Everything that a task would do, planned before its first write.

    `steps` run within the interruption that some of them need, `after` once it is over. `summary` replaces the
    individual steps in the diff. `outcome` runs last, also when nothing changed, and adds to the result.
    """

    steps: Sequence[Step] = ()
    after: Sequence[Step] = ()
    summary: Step | None = None
    outcome: Callable[[], Mapping[str, Any]] | None = None

    def without_no_ops(self) -> Plan:
        """The plan without the steps that change nothing."""
        return self._replace(
            steps=[step for step in self.steps if step.changes], after=[step for step in self.after if step.changes]
        )

    def diff(self) -> dict[str, Any]:
        return diff([self.summary] if self.summary else [*self.steps, *self.after])


def step(
    what: str,
    changes: Iterable[Change],
    apply: Callable[[], Any],
    needs_off: Iterable[str] | None = None,
    rule: Rule | None = None,
    undo: Callable[[], Any] | None = None,
) -> Step:
    """The step that writes changes of properties; which of them need the VM off defaults to the property table."""
    changes = list(changes)
    if needs_off is None:
        needs_off = [change.option for change in changes if change.property.needs_off]
    before = {change.option: change.property.format(change.before) for change in changes}
    after = {change.option: change.property.format(change.after) for change in changes}
    return Step(what, before, after, apply, tuple(needs_off), rule, undo)


def under(section: str, steps: Iterable[Step]) -> list[Step]:
    """The same steps as suboptions of a section."""
    return needing_off(section, entry(section, steps))


def entry(name: str, steps: Iterable[Step]) -> list[Step]:
    """The same steps as those of the entry of that name in a list; the paths of options contain no entries."""
    return [step._replace(before={name: step.before}, after={name: step.after}) for step in steps]


def needing_off(section: str, steps: Iterable[Step]) -> list[Step]:
    """The same steps, with the options that need the VM off named as suboptions of a section."""
    return [
        step._replace(needs_off=tuple(join(section, option) for option in step.needs_off)) if step.needs_off else step
        for step in steps
    ]


def together(what: str, steps: Iterable[Step], apply: Callable[[], Any]) -> Step:
    """One step in place of several that the target carries out in one request."""
    steps = list(steps)
    both = diff(steps)
    options = dict.fromkeys(option for step in steps for option in step.needs_off)
    return Step(what, both["before"], both["after"], apply, tuple(options))


def diff(steps: Iterable[Step]) -> dict[str, Any]:
    """The merged `before` and `after` of steps, as Ansible's diff mode shows them."""
    both: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
    for step in steps:
        merge(both["before"], step.before)
        merge(both["after"], step.after)
    return both


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Merge in place and deeply, so that several steps can change the same section."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = deepcopy(value)
