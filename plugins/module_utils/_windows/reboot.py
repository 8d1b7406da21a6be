# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts of Windows: asked for once, waited for until Windows answers again and is done with its features."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from .._task.cycle import nothing_to_put_back
from .._task.errors import MethodFailed, Refused, Unanswered
from .._task.journal import may_have_written, sending, wrote
from .._task.session import Target
from .._task.step import Step
from .._task.wait import reached_within
from .._wsman.faults import HostError, WSManError, may_have_run
from . import feature, pending, program
from .foreseen import change
from .schema import OPERATING_SYSTEM

OPTIONS: dict[str, Any] = {
    "allow_reboot": {"type": "bool", "default": False},
    "reboot_timeout": {"type": "int", "default": 900},
}

# A restart, forced and planned (2:4, reconfiguration of the operating system), with time for an answer before it.
_ARGUMENTS = ("/r", "/f", "/t", "2", "/d", "p:2:4")
_DONE, _DENIED, _IN_PROGRESS, _SCHEDULED = 0, 5, 1115, 1190
_CLOSING = 60.0  # seconds in which Windows begins to shut down, if it ever does
_BETWEEN_LOOKS = 15.0  # seconds between two runs of dism.exe, which competes with Windows at work on its features


class Boot(NamedTuple):
    """The start of Windows: its time, and how long it runs by its own clock, whoever sets that."""

    began: datetime
    uptime: float
    read_at: float

    @property
    def text(self) -> str:
        return self.began.replace(microsecond=0).isoformat()

    def is_before(self, later: Boot) -> bool:
        """Whether Windows has started again between two looks."""
        return later.uptime < later.read_at - self.read_at + self.uptime / 2


def fetch_boot(target: Target) -> Boot:
    """When Windows has started."""
    (row,) = target.client.query(OPERATING_SYSTEM, columns=("LastBootUpTime", "LocalDateTime"))
    began, now = row["LastBootUpTime"], row["LocalDateTime"]
    return Boot(began, (now - began).total_seconds(), time.monotonic())


def restart(target: Target, timeout: float) -> None:
    """Restart Windows and wait until it is ready again; in check mode only foretell that.

    Raises Refused if Windows doesn't do it, and Unanswered if it doesn't come back within ``timeout`` s.
    """
    values: dict[str, Any] = {}
    if target.foresees:
        values = {**feature.after_restart(target), "reboot": False, "boot": target.foreseen.get("boot", 0) + 1}
    change(target, lambda: _restart(target, timeout), values)


def _restart(target: Target, timeout: float) -> None:
    what = f"restart {target.name}"
    before, was_servicing = fetch_boot(target), pending.is_servicing(target)
    target.report(what)
    waiting = _Waiting(target, before, not _ask(target, what))
    try:
        if not reached_within(target, waiting.is_back, timeout, f"{what} and wait for it", waiting.last_seen):
            raise Unanswered(
                f"{target.name} did not restart and answer within {timeout:.0f} s: {waiting.last_seen()}. Look at its "
                "console, or run the task again with a longer 'reboot_timeout'",
                timeout=timeout,
                last_seen=waiting.last_seen(),
            )
    except HostError:
        may_have_written(what)
        raise
    wrote(what)
    left = timeout - (time.monotonic() - before.read_at)
    if was_servicing and not reached_within(target, _Settling(target).is_over, max(left, 1.0), "finish the features"):
        target.warn(f"{target.name}: Windows has restarted, and was not done with its features after {timeout:.0f} s")


def _ask(target: Target, what: str, again: bool = False) -> bool:
    """Ask for the restart; false if nobody can say whether Windows has got it. Raises Refused."""
    shutdown = program.system(target, "shutdown.exe")
    try:
        with sending(what):
            result = program.run(target, shutdown, *_ARGUMENTS)
            if result.code == _SCHEDULED and not again:  # perhaps a shutdown, or a restart in an hour
                program.run(target, shutdown, "/a")
                result = program.run(target, shutdown, *_ARGUMENTS)
    except (WSManError, Unanswered) as error:
        if isinstance(error, WSManError) and not may_have_run(error):
            error.message = f"could not {what}: {error.message}"
            raise
        return False
    finally:
        target.client.shell().forget()  # it ends with this start of Windows
    if result.code in (_DONE, _IN_PROGRESS) or (again and result.code == _SCHEDULED):
        return True
    right = "the user may not shut Windows down" if result.code == _DENIED else f"shutdown.exe failed: {result.words}"
    details = {"program": "shutdown.exe", "code": result.code, "said": result.words}
    raise Refused(f"could not {what}: {right} (code {result.code})", **details)


@dataclass
class _Waiting:
    """Looks for the next start of Windows; remembers what was seen last."""

    target: Target
    before: Boot
    unsure: bool  # whether Windows has got the request
    answered: float | None = None
    failure: str = ""

    def is_back(self) -> bool:
        try:
            boot = fetch_boot(self.target)
        except WSManError as error:  # also refused credentials, while Windows starts
            self.failure = error.message.partition(". ")[0]
            return False
        self.failure, self.answered = "", time.monotonic() - self.before.read_at
        if self.before.is_before(boot):
            return True
        if self.unsure and self.answered > _CLOSING:
            self.unsure = not _ask(self.target, f"restart {self.target.name}", again=True)
        return False

    def last_seen(self) -> str:
        """What the target did at last."""
        if not self.failure:
            return "it answers, and has not shut down yet"
        since = f"{self.answered:.0f} s after the request" if self.answered else "before the request"
        return f"it answered last {since}, and now: {self.failure}"


def _now() -> float:
    return time.monotonic()


@dataclass
class _Settling:
    """Looks whether a Windows that has started is done with its features."""

    target: Target
    looked: float = field(default_factory=_now)

    def is_over(self) -> bool:
        now = time.monotonic()
        if pending.is_servicing(self.target) and now - self.looked < _BETWEEN_LOOKS:
            return False
        self.looked = now
        try:
            # Windows may be done, and wait for another restart: then nothing works on its features.
            return feature.is_settled(self.target) and not feature.is_working(self.target)
        except MethodFailed:  # dism.exe of a Windows that is at work
            return False


@dataclass
class RebootCycle:
    """The restart of Windows, as a Cycle of the engine: after the changes, if they wait for it and it is permitted.

    ``waits`` is whether they do, asked once they are written. With ``first`` Windows waits for a restart already and
    takes no change before it.
    """

    target: Target
    allowed: bool
    timeout: float
    waits: Callable[[], bool]
    first: bool = False
    needed: bool = False
    done: bool = field(default=False, init=False)

    @classmethod
    def of(cls, target: Target, params: Mapping[str, Any], waits: Callable[[], bool], first: bool) -> RebootCycle:
        return cls(target, params["allow_reboot"], params["reboot_timeout"], waits, first)

    def check(self, steps: Sequence[Step]) -> None:
        self.needed = any(step.needs_off for step in steps)
        if self.needed and self.first and not self.allowed:
            raise Refused(
                "Windows waits for a restart, before which it changes none of its features. Restart it first, with "
                "nested.hyperv.guest_reboot, or let this task do it with 'allow_reboot: true'",
                reboot_required=True,
                rebooted=False,
            )

    def report(self) -> dict[str, Any]:
        return {"rebooted": self.done}

    @contextmanager
    def interruption(self, put_back: Callable[[], bool] = nothing_to_put_back) -> Iterator[None]:
        if self.needed and self.first:
            self._restart()
        yield
        if self.needed and self.allowed and self.waits():
            self._restart()

    def _restart(self) -> None:
        restart(self.target, self.timeout)
        self.done = not self.target.foresees
