# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wanted and current to changes, a diff, a power cycle and writes: the only place that decides "changed"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from ._hyperv import power
from ._hyperv.session import Host
from ._hyperv.table import Change
from ._hyperv.vm import OFF, VM
from ._policy.rules import Rule
from ._wsman.faults import HostError


class Task(NamedTuple):
    """What a module's run() gets besides the host: checked options, and whether this is check mode."""

    params: Mapping[str, Any]
    check_mode: bool = False


class Step(NamedTuple):
    """One write to the host: what it is in words, what it changes in the options' words, and how."""

    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    apply: Callable[[], Any]
    needs_off: tuple[str, ...] = ()  # the options that the VM must be off for


def step(
    what: str, changes: Iterable[Change], apply: Callable[[], Any], needs_off: Iterable[str] | None = None
) -> Step:
    """The step that writes these changes; what needs the VM off is in the property table unless said otherwise."""
    changes = list(changes)
    if needs_off is None:
        needs_off = [change.option for change in changes if change.property.needs_off]
    before = {change.option: change.before for change in changes}
    after = {change.option: change.after for change in changes}
    return Step(what, before, after, apply, tuple(needs_off))


def ensure(
    host: Host, task: Task, steps: Iterable[Step], vm: VM | None = None, rule: Rule | None = None
) -> dict[str, Any]:
    """Do the steps that change something, all in one power cycle where any of them needs the VM off.

    ``rule`` is the support rule behind the need to turn the VM off, for the refusal.
    Check mode takes every decision and refusal of the real run, and stops before the first write.
    When a step fails, the error's details say what had been changed before it.
    """
    steps = [one for one in steps if one.before != one.after]
    offline = [option for one in steps for option in one.needs_off]
    cycle = vm is not None and vm.state != OFF and bool(offline)
    permission = power.Permission.of(task.params)
    if cycle:
        power.check_may_turn_off(vm, offline, permission, rule)
    result = {"changed": bool(steps), "diff": _diff(steps), "power_cycle_required": cycle, "power_cycled": False}
    if task.check_mode or not steps:
        return result
    done: list[Step] = []
    try:
        with power.turned_off(host, vm, permission) if cycle else nullcontext():
            for one in steps:
                one.apply()
                done.append(one)
    except HostError as error:
        error.details |= _so_far(done, cycle)
        raise
    return {**result, "power_cycled": cycle}


def _so_far(done: list[Step], cycle: bool) -> dict[str, Any]:
    """What a failed task leaves behind, for its result."""
    if not done:
        return {"changed": False}
    return {"changed": True, "diff": _diff(done), "completed": [one.what for one in done], "power_cycled": cycle}


def _diff(steps: Iterable[Step]) -> dict[str, Any]:
    diff: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
    for one in steps:
        _merge(diff["before"], one.before)
        _merge(diff["after"], one.after)
    return diff


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Deep merge, so that several steps may speak of the same section."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value
