"""Programs of Windows that a shell can start: PROGRAMS maps the name of the executable to a function."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..machine.machine import Machine

# (machine, arguments, stdin) → (stdout, stderr, exit code)
Program = Callable[["Machine", tuple[str, ...], bytes], tuple[str, str, int]]
NOT_FOUND = 9009  # %ERRORLEVEL% of cmd.exe for a name that is no program


def hostname(machine: Machine, arguments: tuple[str, ...], stdin: bytes) -> tuple[str, str, int]:
    return f"{machine.name}\r\n", "", 0


def ver(machine: Machine, arguments: tuple[str, ...], stdin: bytes) -> tuple[str, str, int]:
    return f"\r\nMicrosoft Windows [Version 10.0.{machine.os['build']}.1]\r\n", "", 0


PROGRAMS: dict[str, Program] = {"hostname": hostname, "ver": ver}


def run(machine: Machine, line: str, arguments: tuple[str, ...], stdin: bytes) -> tuple[bytes, bytes, int]:
    """Split a command line as far as the listed programs need it; case and a trailing .exe don't matter."""
    words = [word.strip('"') for word in shlex.split(line, posix=False)] or [""]
    name = words[0].replace("/", "\\").rpartition("\\")[2].lower().removesuffix(".exe")
    program = PROGRAMS.get(name)
    if program is None:
        text = f"'{words[0]}' is not recognized as an internal or external command,\r\noperable program or batch file."
        return b"", f"{text}\r\n".encode(), NOT_FOUND
    stdout, stderr, code = program(machine, (*words[1:], *arguments), stdin)
    return stdout.encode(), stderr.encode(), code
