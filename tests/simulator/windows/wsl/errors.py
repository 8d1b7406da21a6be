"""How commands of wsl.exe fail: a sentence, and a code below the path of what was being done."""

from __future__ import annotations

from typing import Any

# Code → key of its sentence (microsoft/WSL, wslutil.cpp: GetErrorString); message_* are system messages.
SENTENCES = {
    "WSL_E_DEFAULT_DISTRO_NOT_FOUND": "wsl_none",
    "WSL_E_DISTRO_NOT_FOUND": "wsl_not_found",
    "WSL_E_DISTRIBUTION_NAME_NEEDED": "wsl_name_needed",
    "WSL_E_IMPORT_FAILED": "wsl_import_failed",
    "WSL_E_INVALID_USAGE": "wsl_usage",
    "WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED": "wsl_local_system",
    "WSL_E_NOT_A_LINUX_DISTRO": "wsl_not_linux",
    "WSL_E_OS_NOT_SUPPORTED": "wsl_old_windows",
    "WSL_E_USER_NOT_FOUND": "wsl_no_user",
    "WSL_E_VM_MODE_INVALID_STATE": "wsl_same_version",
    "WSL_E_WSL1_NOT_SUPPORTED": "wsl_no_wsl1",
    "WSL_E_WSL2_NEEDED": "wsl_wsl2_needed",
    "WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED": "wsl_component_required",
    "HCS_E_HYPERV_NOT_INSTALLED": "wsl_no_virtualization",
    "HCS_E_SERVICE_NOT_AVAILABLE": "message_80370114",
    "ERROR_ACCESS_DISABLED_BY_POLICY": "message_1260",
    "ERROR_ALREADY_EXISTS": "wsl_name_in_use",
    "ERROR_CANCELLED": "message_1223",
    "ERROR_DISK_FULL": "message_112",
    "ERROR_FILE_EXISTS": "message_80",
    "ERROR_FILE_NOT_FOUND": "message_2",
    "ERROR_INVALID_NAME": "message_123",
    "ERROR_PATH_NOT_FOUND": "message_3",
    "ERROR_SERVICE_DISABLED": "message_1058",
    "ERROR_SERVICE_DOES_NOT_EXIST": "message_1060",
    "ERROR_SHARING_VIOLATION": "message_32",
    "ERROR_VERSION_PARSE_ERROR": "message_777",
    "E_ACCESSDENIED": "message_5",
    "E_ILLEGAL_STATE_CHANGE": "wsl_in_progress",
    "E_INVALIDARG": "message_87",
    "WININET_E_NAME_NOT_RESOLVED": "message_80072ee7",
    "0x8007023f": "message_575",
    "0x80070520": "message_1312",
    "0x80070569": "message_1385",
}
# Those that print their sentence alone (WslClient.cpp: Main).
WITHOUT_CODE = ("WSL_E_DEFAULT_DISTRO_NOT_FOUND", "WSL_E_INVALID_USAGE")
# Errors of files (machine/files.py) by the code that wsl.exe prints.
FILES = {
    0x80070002: "ERROR_FILE_NOT_FOUND",
    0x80070003: "ERROR_PATH_NOT_FOUND",
    0x80070005: "E_ACCESSDENIED",
    0x80070020: "ERROR_SHARING_VIOLATION",
    0x80070050: "ERROR_FILE_EXISTS",
    0x80070070: "ERROR_DISK_FULL",
    0x8007007B: "ERROR_INVALID_NAME",
}


class Failed(Exception):
    """`place` are the parts of the path between "Wsl" and the code; `say` and `words` a sentence of its own."""

    def __init__(self, code: str, *place: str, say: str = "", words: tuple[Any, ...] = ()) -> None:
        super().__init__("/".join((*place, code)))
        self.code, self.place, self.say, self.words = code, place, say or SENTENCES[code], words

    def within(self, *place: str) -> Failed:
        """The same failure, of something that was done for something else."""
        return Failed(self.code, *place, *self.place, say=self.say, words=self.words)
