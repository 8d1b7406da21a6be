# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running wsl.exe, and the meaning of the codes with which it fails; its sentences are in the language of Windows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..._task.errors import MethodFailed, Refused, TaskError, Unforeseen
from ..._task.session import Target
from ..._task.wait import pauses
from .. import program, scheduled_task
from .package import fetch_program

# The exit code of wsl.exe itself (-1); other codes are those of the program in Linux.
FAILED = 0xFFFFFFFF
START_TIMEOUT = 300.0  # seconds in which a distribution starts and runs a short program
# A failure's last line, in every language: the path of what WSL was doing, and a code.
_CODE = re.compile(r"\b((?:Wsl|WslConfig|Bash)(?:/[A-Za-z]+)*)/([A-Z][A-Z0-9_]+|0x[0-9A-Fa-f]{1,8})\b")
_RETRY_FOR = 60.0  # seconds
_MAY_USE_TASK = "wsl.exe may run in a scheduled task"

_VIRTUALIZATION = (
    "no hypervisor runs in the guest. Expose virtualization extensions to the VM on its Hyper-V host while the VM is "
    "off (module vm_nesting), enable the feature VirtualMachinePlatform and restart the guest; 'hypervisorlaunchtype' "
    "must be 'auto' in its boot configuration (bcdedit)"
)
_COMPUTE = (
    "the service vmcompute does not exist: the feature VirtualMachinePlatform is not enabled, or the guest has not "
    "been restarted since (module wsl with allow_reboot)"
)
_COMPONENT = (
    "the feature Microsoft-Windows-Subsystem-Linux is not enabled, or the guest has not been restarted since (module "
    "wsl with allow_reboot)"
)
_LOGON = (
    "the group 'NT VIRTUAL MACHINE\\Virtual Machines' (S-1-5-83-0) lacks the right 'Log on as a service' "
    "(SeServiceLogonRight), usually because of a group policy. Add the group to the policy; until the policy is "
    "applied again, restarting the service vmcompute helps"
)
_SERVICE = "the service WSLService is not available; repair or reinstall WSL (module wsl)"
_NOT_FOUND = "the user has no distribution of this name; distributions belong to the user who has imported them"
_SYSTEM = "WSL does not run as LocalSystem. Connect with an account of an administrator (ansible_user), without become"
_POLICY = (
    "a policy forbids WSL (AllowWSL in HKLM\\SOFTWARE\\Policies\\WSL, 'Allow the Windows Subsystem for Linux'). Have "
    "it changed by those who manage the policies of this computer"
)
_IN_PROGRESS = "an import, a removal or a conversion of this distribution is in progress; run the task again later"
_OLD_WINDOWS = "this Windows lacks the update that WSL requires; install the current updates of Windows"

_NETWORK = (
    "Windows may refuse it to the network logon of a remote shell. Let it run in a scheduled task of the same user "
    "(module wsl_distribution with 'scheduled_task: true')"
)

# What a code means and what to do. Older releases of WSL print the number of a code that newer ones name.
MEANINGS: Mapping[str, str] = {
    "E_ACCESSDENIED": "access was denied. The user needs rights on the folder of the distribution and on the source; "
    f"if the user has them, {_NETWORK[0].lower()}{_NETWORK[1:]}",
    "E_ILLEGAL_STATE_CHANGE": _IN_PROGRESS,
    "E_UNEXPECTED": "WSL or the service vmcompute failed unexpectedly; restart the guest",
    "ERROR_ACCESS_DISABLED_BY_POLICY": _POLICY,
    "ERROR_ALREADY_EXISTS": "a distribution of this name exists already; choose another name",
    "ERROR_DISK_FULL": "the volume of the distribution is full; free space, or choose another location",
    "ERROR_FILE_EXISTS": "the folder belongs to another distribution, or contains a disk that a removed one has left; "
    "choose another location, or remove the file",
    "ERROR_FILE_NOT_FOUND": "a file does not exist",
    "ERROR_NO_SUCH_LOGON_SESSION": _NETWORK,
    "ERROR_PATH_NOT_FOUND": "a folder does not exist",
    "ERROR_SERVICE_DISABLED": "the service WSLService, or one that it needs, is disabled; set its start type to Auto",
    "ERROR_SERVICE_DOES_NOT_EXIST": _SERVICE,
    "ERROR_SHARING_VIOLATION": "the disk is in use by another program or another distribution",
    "HCS_E_CONNECTION_TIMEOUT": "the virtual machine of WSL did not start in time; a nested VM with little memory or "
    "one processor is slow. Run the task again",
    "HCS_E_HYPERV_NOT_INSTALLED": _VIRTUALIZATION,
    "HCS_E_SERVICE_NOT_AVAILABLE": _COMPUTE,
    "REGDB_E_CLASSNOTREG": _SERVICE,
    "WSL_E_DEFAULT_DISTRO_NOT_FOUND": "the user has no distributions",
    "WSL_E_DISK_CORRUPTED": "the disk of the distribution is damaged",
    "WSL_E_DISTRO_NOT_FOUND": _NOT_FOUND,
    "WSL_E_IMPORT_FAILED": "the source could not be unpacked; it must be a tar archive (plain, gz or xz), a .wsl file "
    "or a virtual disk",
    "WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED": _SYSTEM,
    "WSL_E_NOT_A_LINUX_DISTRO": "the source contains no Linux distribution",
    "WSL_E_OS_NOT_SUPPORTED": _OLD_WINDOWS,
    "WSL_E_USER_NOT_FOUND": "the distribution has no such user",
    "WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED": _COMPUTE,
    "WSL_E_VM_CRASHED": "the virtual machine of WSL crashed; run the task again",
    "WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED": _COMPONENT,
    "0x8007023f": f"the virtual machine of WSL does not start while nobody is logged on. {_NETWORK}",
    "0x80070569": _LOGON,
}
# Numbers of codes (wslservice.idl, winerror.h), for releases that do not name them.
_NAMES: Mapping[int, str] = {
    0x80004005: "E_FAIL",
    0x80040154: "REGDB_E_CLASSNOTREG",
    0x80040301: "WSL_E_DEFAULT_DISTRO_NOT_FOUND",
    0x80040302: "WSL_E_DISTRO_NOT_FOUND",
    0x80040308: "WSL_E_USER_NOT_FOUND",
    0x8004030B: "WSL_E_IMPORT_FAILED",
    0x80040321: "WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED",
    0x80040326: "WSL_E_NOT_A_LINUX_DISTRO",
    0x80040327: "WSL_E_OS_NOT_SUPPORTED",
    0x8004032D: "WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED",
    0x8004032E: "WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED",
    0x8004032F: "WSL_E_DISK_CORRUPTED",
    0x80040332: "WSL_E_VM_CRASHED",
    0x80070002: "ERROR_FILE_NOT_FOUND",
    0x80070003: "ERROR_PATH_NOT_FOUND",
    0x80070005: "E_ACCESSDENIED",
    0x80070020: "ERROR_SHARING_VIOLATION",
    0x80070050: "ERROR_FILE_EXISTS",
    0x80070070: "ERROR_DISK_FULL",
    0x800700B7: "ERROR_ALREADY_EXISTS",
    0x80070422: "ERROR_SERVICE_DISABLED",
    0x80070424: "ERROR_SERVICE_DOES_NOT_EXIST",
    0x800704EC: "ERROR_ACCESS_DISABLED_BY_POLICY",
    0x80070520: "ERROR_NO_SUCH_LOGON_SESSION",
    0x80370102: "HCS_E_HYPERV_NOT_INSTALLED",
    0x80370109: "HCS_E_CONNECTION_TIMEOUT",
    0x80370114: "HCS_E_SERVICE_NOT_AVAILABLE",
    0x8000000D: "E_ILLEGAL_STATE_CHANGE",
    0x8000FFFF: "E_UNEXPECTED",
    0xC0351000: "HCS_E_HYPERV_NOT_INSTALLED",
}
# Codes that say that nothing was done, and that the same may work in a while.
_PASSING = frozenset({"E_ILLEGAL_STATE_CHANGE"})
# Codes with which Windows refuses what a network logon may not do, and a logon of another kind may: microsoft/WSL#9231,
# #8072, and its own treatment of 1312. An import that is denied lacks rights on a folder (#13083).
_OF_NETWORK_LOGON = frozenset({"E_ACCESSDENIED", "ERROR_NO_SUCH_LOGON_SESSION", "0x8007023f"})
_OF_FOLDER = "RegisterDistro/E_ACCESSDENIED"
# Codes about the state of the guest, not about this command.
_STATE_OF_GUEST = frozenset({_VIRTUALIZATION, _COMPUTE, _COMPONENT, _LOGON, _SYSTEM, _POLICY, _OLD_WINDOWS})


def run(
    target: Target,
    what: str,
    *arguments: str,
    reads: bool = False,
    timeout: float = START_TIMEOUT,
    on_output: Callable[[bytes], None] | None = None,
) -> program.Result:
    """Run wsl.exe of the installed package. Raises Refused or MethodFailed with the meaning of the code if it fails.

    The exit code of a program in Linux is for the caller to judge. ``what`` completes "could not". Raises Unforeseen in
    check mode if that needs a scheduled task, which allow_scheduled_task() permits.
    """
    path = fetch_program(target)
    began = time.monotonic()
    for pause in pauses(first=1.0, longest=10.0):
        left = timeout - (time.monotonic() - began)
        result = program.run(target, path, *arguments, reads=reads, stdin=b"", timeout=left, on_output=on_output)
        if _is_of_network_logon(result) and target.once(_MAY_USE_TASK, lambda: False):
            result = _run_in_task(target, what, path, *arguments, timeout=left)
        if result.code != FAILED:
            return result
        if code_of(result) not in _PASSING or time.monotonic() - began + pause > min(timeout, _RETRY_FOR):
            raise failure(result, what)
        target.report(f"{what}: WSL is at work on it, next try in {pause:.0f} s")
        time.sleep(pause)
    raise AssertionError("pauses() never ends")


def allow_scheduled_task(target: Target) -> None:
    """Let wsl.exe run in a scheduled task of the user if it fails because the remote shell is a network logon."""
    target.once(_MAY_USE_TASK, lambda: True)


def _is_of_network_logon(result: program.Result) -> bool:
    if result.code != FAILED:
        return False
    path, code = _found(result)
    return code in _OF_NETWORK_LOGON and not path.endswith(_OF_FOLDER)


def _run_in_task(target: Target, what: str, path: str, *arguments: str, timeout: float) -> program.Result:
    if target.foresees:
        raise Unforeseen(f"check mode can't {what}, because that needs a scheduled task on {target.name}")
    result = scheduled_task.run(target, what, path, *arguments, timeout=timeout)
    target.once(
        "scheduled task warned",
        lambda: target.warn(
            f"{target.name}: wsl.exe has run in a scheduled task of the user, because it failed in the remote shell"
        ),
    )
    return result


def code_of(result: program.Result) -> str:
    """The code with which wsl.exe has failed, by its name; empty if it shows none."""
    return _found(result)[1]


def _found(result: program.Result) -> tuple[str, str]:
    """The whole path of a code as wsl.exe writes it, and the name of the code."""
    matches = list(_CODE.finditer(f"{result.text}\n{result.errors}"))
    if not matches:
        return "", ""
    code = matches[-1][2]
    if code.lower().startswith("0x"):
        number = int(code, 16)
        code = _NAMES.get(number, f"0x{number:08x}")
    return matches[-1][0], code


def failure(result: program.Result, what: str) -> TaskError:
    """The error about a run of wsl.exe that failed."""
    path, code = _found(result)
    said = result.words
    meaning = MEANINGS.get(code)
    details: dict[str, Any] = {"program": "wsl.exe", "code": result.code, "error": path, "said": said}
    if meaning is None:
        shown = f" ({path})" if path else ""
        return MethodFailed(f"could not {what}: wsl.exe failed{shown}: {said}", **details)
    kind = Refused if meaning in _STATE_OF_GUEST else MethodFailed
    return kind(f"could not {what}: {meaning} ({path})", **details)


def ended(result: program.Result, what: str) -> MethodFailed:
    """The error about a program in Linux that failed."""
    details = {"program": "wsl.exe", "code": result.code, "said": result.words}
    return MethodFailed(
        f"could not {what}: a program in Linux ended with code {result.code}: {result.words}", **details
    )
