"""Methods of Win32_OperatingSystem that shut Windows down or restart it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.service import Call

PRIVILEGE_NOT_HELD = 1314
# Win32Shutdown docs; 4 in addition forces.
LOG_OFF, SHUT_DOWN, REBOOT, FORCE, POWER_OFF = 0, 1, 2, 4, 8


class OperatingSystem(Service):
    CLASSES = ("Win32_OperatingSystem",)

    def reboot(self, call: Call) -> int:
        return _schedule(call, REBOOT)

    def shutdown(self, call: Call) -> int:
        return _schedule(call, SHUT_DOWN)

    def win32_shutdown(self, call: Call) -> int:
        return _schedule(call, call["Flags"] or LOG_OFF)

    def win32_shutdown_tracker(self, call: Call) -> int:
        return _schedule(call, call["Flags"] or LOG_OFF, call["Timeout"] or 0)


def _schedule(call: Call, flags: int, seconds: float = 0) -> int:
    if call.user and not call.user.administrator:
        return PRIVILEGE_NOT_HELD
    what = flags & ~FORCE
    return 0 if what == LOG_OFF else call.machine.restart.schedule(seconds, restart=what == REBOOT)
