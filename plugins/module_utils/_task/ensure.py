# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plan to writes, a diff and a result: the only place that decides "changed"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .._wsman.faults import HostError
from .cycle import NO_CYCLE, Cycle
from .journal import recording
from .step import Plan, Step, diff


def ensure(plan: Plan, check_mode: bool, cycle: Cycle = NO_CYCLE) -> dict[str, Any]:
    """Carry out the steps that change something, all within one interruption if any of them needs it.

    Check mode decides and refuses as the real run does. Its client predicts: the steps are applied to predictions, for
    the result and for later tasks of the check. When a step fails, the error's details list the changes before it.
    """
    plan = plan.without_no_ops()
    cycle.check(plan.steps)
    result = {"changed": bool(plan.steps or plan.after), "diff": plan.diff()}
    if not (result["changed"] or plan.outcome):
        return {**result, **cycle.report()}
    if check_mode:
        return {**result, **cycle.report(), **_foresee(plan, cycle)}
    with _journal(cycle) as done:
        with cycle.interruption():
            _apply(plan.steps, done)
        _apply(plan.after, done)
        outcome = plan.outcome() if plan.outcome else {}
    return {**result, **cycle.report(), **outcome}


def _foresee(plan: Plan, cycle: Cycle) -> dict[str, Any]:
    """The outcome of a plan that is applied to predictions; what they lack is a warning, and fails no task."""
    try:
        with cycle.interruption():
            _apply(plan.steps, [])
        _apply(plan.after, [])
        return dict(plan.outcome()) if plan.outcome else {}
    except Exception as error:
        reason = error.message if isinstance(error, HostError) else repr(error)
        return {"warnings": [f"later tasks of this check don't see all that this task would change: {reason}"]}


def _apply(steps: Sequence[Step], done: list[Step]) -> None:
    for step in steps:
        with recording() as writes:
            try:
                step.apply()
            except HostError as error:
                error.details["completed"] = writes
                raise
        done.append(step)


@contextmanager
def _journal(cycle: Cycle) -> Iterator[list[Step]]:
    """The steps done; an error raised inside reports them, and the writes of a half-done step, as changes."""
    done: list[Step] = []
    try:
        yield done
    except HostError as error:
        completed = [step.what for step in done] + error.details.pop("completed", [])
        error.details |= {"changed": bool(completed), **cycle.report()}
        if completed:
            error.details |= {"diff": diff(done), "completed": completed}
        raise
