# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wanted and current to changes, a diff, a power cycle and writes: the only place that decides "changed"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from ._hyperv.vm import power
from ._hyperv.vm.find import OFF, VM
from ._task.session import Host
from ._task.step import Step, merge, step
from ._wsman.faults import HostError

__all__ = ("Step", "Task", "ensure", "ensure_host", "having_done", "step")


class Task(NamedTuple):
    """What a module's run() gets besides the host: checked options, and whether this is check mode."""

    params: Mapping[str, Any]
    check_mode: bool = False
    # What earlier tasks of the same --check run would have made, as (kind, name) in lower case.
    predicted: frozenset[tuple[str, str]] = frozenset()


def ensure(
    host: Host,
    task: Task,
    steps: Iterable[Step],
    vm: VM | None = None,
    *,
    then: Iterable[Step] = (),
    made: Step | None = None,
    whole: Step | None = None,
    wait: Callable[[], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Do the steps that change something, all in one power cycle where any of them needs the VM off.

    Check mode takes every decision and refusal of the real run, and stops before the first write.
    The steps of ``then`` come after the power cycle. ``made`` is a step that is done already, such as the making of the
    VM that the others belong to, and ``whole`` the one step as which all of them are told. ``wait`` comes last, also
    where nothing changed, and adds to the result.
    When a step fails, the error's details say what had been changed before it.
    """
    steps, then = ([one for one in some if one.before != one.after] for some in (steps, then))
    offline = list(dict.fromkeys(option for one in steps for option in one.needs_off))
    cycle = vm is not None and vm.state != OFF and bool(offline)
    permission = power.Permission.of(task.params)
    if cycle:
        rules = (one.rule for one in steps if one.needs_off and one.rule)
        power.check_may_turn_off(vm, offline, permission, next(rules, None))
    all_steps = steps + then
    result = {
        "changed": bool(all_steps or made),
        "diff": _diff([whole] if whole else all_steps),
        "power_cycle_required": cycle,
        "power_cycled": False,
    }
    if task.check_mode or not (all_steps or wait):
        return result
    done: list[Step] = [made] if made else []
    cycled = False
    try:
        with power.turned_off(host, vm, permission) if cycle else nullcontext():
            cycled = cycle
            for one in steps:
                one.apply()
                done.append(one)
        for one in then:
            one.apply()
            done.append(one)
        told = wait() if wait else {}
    except HostError as error:
        error.details |= _so_far(done, cycled)
        raise
    return {**result, "power_cycled": cycle, **told}


@contextmanager
def having_done(step: Step) -> Iterator[None]:
    """Where what comes after a step fails before ensure() knows of it, the result still tells the step."""
    try:
        yield
    except HostError as error:
        error.details = {**_so_far([step], False), **error.details}
        raise


def ensure_host(host: Host, task: Task, steps: Iterable[Step]) -> dict[str, Any]:
    """The same for what has no power: the settings of the host itself."""
    result = ensure(host, task, steps)
    return {key: result[key] for key in ("changed", "diff")}


def _so_far(done: list[Step], cycled: bool) -> dict[str, Any]:
    """What a failed task leaves behind, for its result."""
    if not done:
        return {"changed": False, "power_cycled": cycled}
    return {"changed": True, "diff": _diff(done), "completed": [one.what for one in done], "power_cycled": cycled}


def _diff(steps: Iterable[Step]) -> dict[str, Any]:
    diff: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
    for one in steps:
        merge(diff["before"], one.before)
        merge(diff["after"], one.after)
    return diff
