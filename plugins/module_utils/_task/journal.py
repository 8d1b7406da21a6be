# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes of a running step, so that a failure in the middle of it can report the writes before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .._wsman.faults import HostError

_writes: ContextVar[list[str] | None] = ContextVar("writes", default=None)


@contextmanager
def recording() -> Iterator[list[str]]:
    """The writes done inside, in words, in their order."""
    writes: list[str] = []
    token = _writes.set(writes)
    try:
        yield writes
    finally:
        _writes.reset(token)


def wrote(what: str) -> None:
    """Record a write that the host has carried out; outside of a step nothing records."""
    writes = _writes.get()
    if writes is not None:
        writes.append(what)


def position() -> int:
    """How many writes are recorded so far, for taken_back()."""
    return len(_writes.get() or ())


@contextmanager
def taken_back(undo: Callable[[], object], otherwise: str, since: int | None = None) -> Iterator[None]:
    """Undo the writes done inside, or since a position, when the work inside fails; they then count as not done.

    When undoing fails too, the first error says so: ``otherwise`` is the state that is left behind.
    """
    since = position() if since is None else since
    try:
        yield
    except HostError as error:
        try:
            undo()
        except HostError as second:
            error.message += f"; and {otherwise}: {second.message}"
        else:
            del (_writes.get() or [])[since:]
        raise
