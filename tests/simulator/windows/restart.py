"""Shutdowns and restarts of a machine from inside, as its programs and CIM methods ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine.files import check_keys

if TYPE_CHECKING:
    from ..machine.machine import Machine

# winerror.h: ERROR_SHUTDOWN_IN_PROGRESS, ERROR_NO_SHUTDOWN_IN_PROGRESS, ERROR_SHUTDOWN_IS_SCHEDULED
IN_PROGRESS, NONE_IN_PROGRESS, ALREADY_SCHEDULED = 1115, 1116, 1190
DEFAULTS = {"closing": 1.0, "boot": 0.0}


class Restart:
    """`restart` of the machine's model: it answers for `closing` seconds after a shutdown has begun; a host is back
    after `boot` seconds, a guest after the boot_seconds of its VM.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        given = machine.spec.get("restart") or {}
        check_keys(given, set(DEFAULTS), "restart")
        self.seconds = {**DEFAULTS, **given}
        self.closing = False
        self._scheduled: object = None

    def schedule(self, seconds: float, *, restart: bool) -> int:
        """Shut down after some seconds; 0 or the Windows error."""
        if self.closing:
            return IN_PROGRESS
        if self._scheduled:
            return ALREADY_SCHEDULED
        plan = self._scheduled = object()
        self.machine.clock.after(seconds, lambda: self._close(restart) if self._scheduled is plan else None)
        return 0

    def abort(self) -> int:
        if not self._scheduled:
            return NONE_IN_PROGRESS
        self._scheduled = None
        return 0

    def at_once(self, seconds: float) -> None:
        """Restart a host without warning, as an update or an administrator does; it is away for some seconds."""
        with self.machine.turn():
            self._go_down(True, seconds)

    def ended(self) -> None:
        """The machine went down, for whatever reason."""
        self.closing, self._scheduled = False, None

    def _close(self, restart: bool) -> None:
        plan = self._scheduled = object()
        self.closing = True
        self.machine.clock.after(
            self.seconds["closing"], lambda: self._go_down(restart) if self._scheduled is plan else None
        )

    def _go_down(self, restart: bool, away: float | None = None) -> None:
        if self.machine.inside:
            self.ended()
            self.machine.inside.guest.leave(reboot=restart)
            return
        self.machine.stopped(graceful=True)
        self.machine.changed()
        if restart:
            self.machine.clock.after(self.seconds["boot"] if away is None else away, self.machine.started)
