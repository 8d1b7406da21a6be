# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes whose answer is lost or cut: the target is asked what it shows of them, since a write is never sent twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from .._wsman.faults import HostError, OperationTimeout, WSManError, is_passing, may_have_run
from .errors import MethodFailed, Unanswered
from .journal import may_have_written, sending, wrote
from .session import Target
from .wait import RECONNECT, pauses, persist

Output = Mapping[str, Any]
Look: TypeAlias = "Callable[[], Output | None]"

# How long a host that answers may take to show a write: one that it has surely ended, and one that it may still run.
SETTLING = 10.0  # seconds
STILL_RUNNING = 60.0  # seconds


def answer_of(
    target: Target,
    what: str,
    write: Callable[[], Output],
    look: Look | None = None,
    working: Callable[[], bool] = lambda: False,
) -> Output:
    """The output of a write, which is sent once and recorded.

    If its answer is lost, ``look`` reads what the target shows of it: the output, as far as that is known, if the write
    was done, and None if not. ``working`` is whether the target is still at work. A request that fails after a
    program of the write has ended leaves the same doubt, also if it only reads. Raises MethodFailed if the write was
    not done, Unanswered if nobody can say.
    """
    ended: Sequence[str] = ()
    try:
        with sending(what) as ended:
            output = write()
    except Unanswered as error:
        output = _seen(target, what, look, working, error)
    except WSManError as error:
        if not (ended or may_have_run(error)):
            error.message = f"could not {what}: {error.message}"
            raise
        output = _seen(target, what, look, working, error)
    wrote(what)
    return output


def _seen(target: Target, what: str, look: Look | None, working: Callable[[], bool], lost: HostError) -> Output:
    """The output of a write whose answer is lost, from what the target shows."""
    if look is None:
        raise uncertain(what, lost)
    began, answered, at_work = time.monotonic(), None, False
    ended = not isinstance(lost, (OperationTimeout, Unanswered))
    for pause in pauses(first=0.1):
        now = time.monotonic()
        try:
            output = look()
            at_work = output is None and working()
        except HostError as error:
            if not is_passing(error) or now - began > RECONNECT:
                raise uncertain(what, lost) from error
        else:
            if output is not None:
                return output
            answered = now if answered is None else answered
            if "timeout" in lost.details or now - answered >= (STILL_RUNNING if at_work or not ended else SETTLING):
                break
        time.sleep(pause)
    if at_work or not ended:
        raise uncertain(what, lost)
    raise MethodFailed(
        f"could not {what}: {_sentence(lost)} The host shows that it was not done; run the task again", **lost.details
    ) from lost


def uncertain(what: str, lost: HostError) -> Unanswered:
    """The error about a write that may have been done, which is recorded as such."""
    may_have_written(what)
    text = f"could not learn how this ended: {what}. {_sentence(lost)} It may have been done, or may still be done"
    return Unanswered(f"{text}. Run the task again, which looks at the host first", **lost.details)


def insist(action: Callable[[], object]) -> None:
    """Carry out an action that does no harm if it is done twice: again, until the target has surely done it."""
    try:
        persist(action)
    except MethodFailed as error:
        if "return_value" in error.details or "code" in error.details:
            raise
        persist(action)  # its answer was lost, and it was not done


@contextmanager
def before_again(advice: str) -> Iterator[None]:
    """Add to the error about a write that may have been done what to do before the task is run again."""
    try:
        yield
    except Unanswered as error:
        error.message = f"{error.message.rstrip('.')}. {advice}"
        raise


def _sentence(error: HostError) -> str:
    return f"{error.message.rstrip('.')}."
