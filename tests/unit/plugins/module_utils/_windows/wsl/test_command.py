# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes with which wsl.exe fails, in the languages and releases in which they were recorded."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._windows.program import Result
from ansible_collections.nested.hyperv.plugins.module_utils._windows.wsl import command


def result(text: str, encoding: str = "utf-8") -> Result:
    return Result(text.encode(encoding), b"", command.FAILED)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x\r\nError code: Wsl/Service/RegisterDistro/ERROR_ALREADY_EXISTS\r\n", "ERROR_ALREADY_EXISTS"),
        ("x\r\nFehlercode: Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED\r\n",
         "HCS_E_HYPERV_NOT_INSTALLED"),
        ("x\r\n오류 코드: Wsl/Service/CreateInstance/0x80070569\r\n", "0x80070569"),
        ("Error code: Wsl/Service/0x80370102\r\n", "HCS_E_HYPERV_NOT_INSTALLED"),
        ("Error code: Wsl/Service/CreateInstance/CreateVm/HCS/0x8004032D\r\n",
         "WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED"),
        ("Error code: Wsl/0x8000000d\r\n", "E_ILLEGAL_STATE_CHANGE"),
        ("Error code: Bash/Service/E_UNEXPECTED\r\n", "E_UNEXPECTED"),
        ("Windows Subsystem for Linux has no installed distributions.\r\n", ""),
        ("", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_the_code_of_a_failure(text: str, code: str, encoding: str) -> None:
    assert command.code_of(result(text, encoding)) == code


@pytest.mark.parametrize(("code", "meaning"), sorted(command.MEANINGS.items()))
def test_each_meaning_is_a_sentence_with_its_code(code: str, meaning: str) -> None:
    error = command.failure(result(f"Weiß nicht.\r\nFehlercode: Wsl/Service/{code}\r\n"), "do it")
    assert error.message == f"could not do it: {meaning} (Wsl/Service/{code})"
    assert error.details["error"] == f"Wsl/Service/{code}"
    assert error.details["said"].startswith("Weiß nicht.")


def test_an_unknown_failure_is_quoted() -> None:
    error = command.failure(result("Strange.\r\nError code: Wsl/Service/0x80071234\r\n"), "do it")
    assert isinstance(error, MethodFailed)
    assert error.message.startswith("could not do it: wsl.exe failed (Wsl/Service/0x80071234): Strange.")


def test_the_state_of_the_guest_refuses() -> None:
    error = command.failure(result("Error code: Wsl/Service/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED\r\n"), "start it")
    assert isinstance(error, Refused)
    assert "Expose virtualization extensions" in error.message
