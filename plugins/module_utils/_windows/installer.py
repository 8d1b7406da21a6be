# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Installer (msiexec.exe): installing and removing packages, and the meaning of its exit codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .._task.answer import Output, answer_of
from .._task.errors import MethodFailed, Refused
from .._task.session import Target
from .._task.wait import pauses
from . import program, registry

TIMEOUT = 900  # seconds
BUSY = 1618  # another package is being installed: nothing was done
FAILED = 1603  # for a reason that only the log contains
_DONE, REBOOT_REQUIRED, REBOOTS = 0, 3010, 1641
_NOT_INSTALLED = 1605
_INSTALLER, _IN_PROGRESS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer", "InProgress"
_LONGEST_PAUSE = 20.0  # seconds
_POLICY = "a policy of Windows forbids to install this package"

# The meaning of exit codes, and what to do (Windows Installer docs, "MsiExec.exe and InstMsi.exe error messages").
REASONS: Mapping[int, str] = {
    5: "access was denied; the user must be an administrator of the guest",
    1601: "the service of Windows Installer (msiserver) is not available; it must not be disabled",
    1602: "the installation was cancelled",
    1603: "the installation failed, and was undone",
    1605: "the package is not installed",
    1612: "the package that was installed is needed to remove it, and is no longer in the cache of Windows Installer",
    1618: "another package was being installed all the time; run the task again later",
    1619: "the package can't be opened; it must be a file on a drive of the guest, not a link to one",
    1620: "the file is not a valid package of Windows Installer",
    1624: "the package can't apply its transforms",
    1625: _POLICY,
    1633: "the package is for another processor architecture, such as arm64",
    1638: "another version of the product is installed, which this package can't replace",
    1643: _POLICY,
    1644: _POLICY,
    1654: _POLICY,
}


def install(
    target: Target,
    what: str,
    path: str,
    properties: Mapping[str, str],
    *,
    is_done: Callable[[], bool],
    log: str,
    timeout: float = TIMEOUT,
) -> bool:
    """Install a package without questions; whether Windows needs a restart for it. Raises MethodFailed, Refused.

    ``is_done`` looks whether the target shows the package, for an end that is unknown.
    """
    arguments = ("/i", path, *(f"{name}={value}" for name, value in properties.items()))
    return _run(target, what, arguments, is_done, log, timeout)


def remove(
    target: Target,
    what: str,
    product_code: str,
    properties: Mapping[str, str],
    *,
    is_done: Callable[[], bool],
    log: str,
    timeout: float = TIMEOUT,
) -> bool:
    """Remove a product without questions; whether Windows needs a restart for it. Raises MethodFailed, Refused."""
    arguments = ("/x", product_code, *(f"{name}={value}" for name, value in properties.items()))
    return _run(target, what, arguments, is_done, log, timeout)


def _run(
    target: Target, what: str, arguments: tuple[str, ...], is_done: Callable[[], bool], log: str, timeout: float
) -> bool:
    def write() -> Output:
        code = _run_until_free(target, what, (*arguments, "/qn", "/norestart", "/L*V", log), timeout)
        if code not in (_DONE, REBOOT_REQUIRED, REBOOTS) and not (code == _NOT_INSTALLED and "/x" in arguments):
            raise _failed(what, code, log)
        return {"reboot": code in (REBOOT_REQUIRED, REBOOTS)}

    def look() -> Output | None:
        return {"reboot": False} if is_done() else None

    return bool(answer_of(target, what, write, look, lambda: is_working(target))["reboot"])


def _run_until_free(target: Target, what: str, arguments: tuple[str, ...], timeout: float) -> int:
    """The exit code of msiexec.exe, which is started again as long as another package is being installed."""
    began = time.monotonic()
    for pause in pauses(first=2.0, longest=_LONGEST_PAUSE):
        left = timeout - (time.monotonic() - began)
        code = program.run(target, program.system(target, "msiexec.exe"), *arguments, timeout=left).code
        if code != BUSY or time.monotonic() - began + pause > timeout:
            return code
        target.report(f"{what}: another package is being installed, next try in {pause:.0f} s")
        time.sleep(pause)
    raise AssertionError("pauses() never ends")


def is_working(target: Target) -> bool:
    """Whether Windows Installer is at work."""
    return _IN_PROGRESS in (registry.keys(target, _INSTALLER) or ())


def _failed(what: str, code: int, log: str) -> MethodFailed | Refused:
    reason = REASONS.get(code, "msiexec.exe failed")
    kind = Refused if reason is _POLICY else MethodFailed
    return kind(f"could not {what}: {reason} (code {code}, see {log})", program="msiexec.exe", code=code, log=log)
