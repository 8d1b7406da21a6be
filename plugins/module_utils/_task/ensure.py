# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plan to writes, a diff and a result: the only place that decides "changed"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .._wsman.faults import HostError, WSManError
from .cycle import NO_CYCLE, Cycle
from .errors import Stopped, Unanswered
from .journal import Writes, recording
from .step import Plan, Step, diff


def ensure(plan: Plan, check_mode: bool, cycle: Cycle = NO_CYCLE) -> dict[str, Any]:
    """Carry out the steps that change something, all within one interruption if any of them needs it.

    Check mode decides and refuses as the real run does. Its client predicts: the steps are applied to predictions, for
    the result and for later tasks of the check. When a step fails, the error's details list the changes before it, and
    the writes that may have been done.
    """
    plan = plan.without_no_ops()
    cycle.check(plan.steps)
    result = {"changed": bool(plan.steps or plan.after), "diff": plan.diff()}
    if not (result["changed"] or plan.outcome):
        return {**result, **cycle.report()}
    if check_mode:
        return {**result, **cycle.report(), **_foresee(plan, cycle)}
    with _journal(cycle) as done:
        with cycle.interruption(lambda: _put_back(done)):
            _apply(plan.steps, done)
        _apply(plan.after, done)
        outcome = _outcome(plan, done)
    return {**result, **cycle.report(), **outcome}


def _foresee(plan: Plan, cycle: Cycle) -> dict[str, Any]:
    """The outcome of a plan applied to predictions. What can't be predicted is a warning and never fails the task."""
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
            except BaseException:
                done += [Step(what, {}, {}, step.apply) for what in writes.done]
                raise
        done.append(step)


def _put_back(done: list[Step]) -> bool:
    """Undo the steps that can be undone, newest first; whether there was any."""
    undoable = [step for step in done if step.undo]
    for step in reversed(undoable):
        step.undo()
        done.remove(step)
    return bool(undoable)


def _outcome(plan: Plan, done: list[Step]) -> Mapping[str, Any]:
    try:
        return plan.outcome() if plan.outcome else {}
    except WSManError as error:
        if done:
            error.message = f"everything was done, but the result could not be read: {error.message}"
        raise


@contextmanager
def _journal(cycle: Cycle) -> Iterator[list[Step]]:
    """The steps done; an error raised inside reports them, and the writes of a half-done step, as changes.

    Ansible's own end of a task that takes too long becomes such an error, too.
    """
    done: list[Step] = []
    with recording() as writes:
        try:
            yield done
        except HostError as error:
            _tell(error, cycle, done, writes)
            raise
        except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            contribution = getattr(error, "result_contribution", {})  # Ansible's own words for results
            stopped = Stopped(f"the task was stopped before its end: {error}".rstrip(". :"), **contribution)
            _tell(stopped, cycle, done, writes)
            raise stopped from error


def _tell(error: HostError, cycle: Cycle, done: list[Step], writes: Writes) -> None:
    """Add to an error what had changed before it, what may have changed, and what is left off."""
    completed, report = [step.what for step in done], cycle.report()
    uncertain = list(dict.fromkeys(writes.uncertain))
    error.details |= {"changed": bool(completed or uncertain or report.get("left_off")), **report}
    if completed:
        error.details |= {"diff": diff(done), "completed": completed}
    if uncertain:
        error.details["uncertain"] = uncertain
        if not isinstance(error, Unanswered):
            error.message = f"{error.message.rstrip('.')}. This may have been done: {', '.join(uncertain)}"
    if report.get("left_off"):
        error.message = f"{error.message.rstrip('.')}. {report['left_off']}"
