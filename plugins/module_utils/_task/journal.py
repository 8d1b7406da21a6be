# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes of a running step, so that a failure in the middle of it can report the writes before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from .._wsman.faults import HostError
from .errors import Unanswered
from .wait import persist


class Writes(NamedTuple):
    """Writes in words, in their order: those that the host has carried out, and those that it may have."""

    done: list[str]
    uncertain: list[str]


_writes: ContextVar[Writes | None] = ContextVar("writes", default=None)
# The programs that have ended within the write that is being sent.
_ended: ContextVar[list[str] | None] = ContextVar("ended", default=None)


@contextmanager
def recording() -> Iterator[Writes]:
    """The writes inside. Uncertain ones are recorded outside as well, whatever becomes of the step."""
    outer, writes = _writes.get(), Writes([], [])
    token = _writes.set(writes)
    try:
        yield writes
    finally:
        _writes.reset(token)
        if outer is not None:
            outer.uncertain.extend(writes.uncertain)


def wrote(what: str) -> None:
    """Record a write that the host has carried out; outside of a step nothing records."""
    writes = _writes.get()
    if writes is not None:
        writes.done.append(what)


def may_have_written(what: str) -> None:
    """Record a write that the host may have carried out."""
    writes = _writes.get()
    if writes is not None:
        writes.uncertain.append(what)


def is_uncertain(what: str) -> bool:
    """Whether this write is recorded as one that the host may have carried out."""
    writes = _writes.get()
    return writes is not None and what in writes.uncertain


@contextmanager
def sending(what: str) -> Iterator[list[str]]:
    """A write; if the task is stopped before the answer comes, it is recorded as uncertain.

    The list is of the programs that have ended within it: whatever fails after them, the write may have been done.
    """
    ended: list[str] = []
    token = _ended.set(ended)
    try:
        yield ended
    except Exception:
        raise
    except BaseException:
        may_have_written(what)
        raise
    finally:
        _ended.reset(token)


def has_ended(program: str) -> None:
    """Record that a program, which may have changed something, has ended within the write that is being sent."""
    ended = _ended.get()
    if ended is not None:
        ended.append(program)


def position() -> int:
    """How many writes are recorded so far, for taken_back()."""
    writes = _writes.get()
    return len(writes.done) if writes else 0


def forget(since: int) -> None:
    """Drop the writes recorded since a position, which are undone."""
    writes = _writes.get()
    if writes is not None:
        del writes.done[since:]


@contextmanager
def taken_back(undo: Callable[[], object], otherwise: str, since: int | None = None) -> Iterator[None]:
    """Undo the writes done inside, or since a position, when the work inside fails; they then count as not done.

    When undoing fails too, the first error says so: ``otherwise`` is the state that is left behind. What may have
    succeeded is not undone.
    """
    since = position() if since is None else since
    try:
        yield
    except Unanswered:
        raise
    except HostError as error:
        try:
            persist(undo)
        except HostError as second:
            error.message += f"; and {otherwise}: {second.message}"
        else:
            forget(since)
        raise
