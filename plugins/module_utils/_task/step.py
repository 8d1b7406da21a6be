# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps: what a task would write to the host, planned before the first of them is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from .._policy.rules import Rule
from .table import Change


class Step(NamedTuple):
    """One write to the host: what it is in words, what it changes in the options' words, and how."""

    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    apply: Callable[[], Any]
    needs_off: tuple[str, ...] = ()  # the options that the VM must be off for
    rule: Rule | None = None  # the support rule behind that, if any


def step(
    what: str,
    changes: Iterable[Change],
    apply: Callable[[], Any],
    needs_off: Iterable[str] | None = None,
    section: str = "",
    rule: Rule | None = None,
) -> Step:
    """The step that writes these changes; what needs the VM off is in the property table unless said otherwise.

    ``section`` is the option that these are suboptions of, for the diff and for refusals.
    """
    changes = list(changes)
    if needs_off is None:
        needs_off = [change.option for change in changes if change.property.needs_off]
    before = {change.option: change.property.shown(change.before) for change in changes}
    after = {change.option: change.property.shown(change.after) for change in changes}
    if not section:
        return Step(what, before, after, apply, tuple(needs_off), rule)
    options = tuple(f"{section}.{option}" for option in needs_off)
    return Step(what, {section: before}, {section: after}, apply, options, rule)


def under(one: Step, *sections: str) -> Step:
    """The same step, told below these options of a larger whole."""
    before, after = one.before, one.after
    for section in reversed(sections):
        before, after = {section: before}, {section: after}
    return one._replace(before=before, after=after, needs_off=tuple(f"{sections[0]}.{name}" for name in one.needs_off))


def needing_off_for(section: str, steps: Iterable[Step]) -> list[Step]:
    """The same steps, whose options that need the VM off are named as those of a section."""
    return [one._replace(needs_off=tuple(f"{section}.{name}" for name in one.needs_off)) for one in steps]


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Deep merge, so that several steps may speak of the same section."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = deepcopy(value)
