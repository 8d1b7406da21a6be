# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a native program on a target, in the one remote shell of a task."""

from __future__ import annotations

import ntpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from .._task.errors import Missing, Unanswered, Unforeseen
from .._task.journal import has_ended
from .._task.session import Target
from .._wsman.faults import InvalidSelectors, ProgramTimeout, WSManError, is_passing
from .._wsman.shell import Ended, NoProgram, Shell
from . import command_line
from .schema import OPERATING_SYSTEM

# For all programs: wsl.exe writes UTF-8 with it.
ENVIRONMENT = {"WSL_UTF8": "1"}
FIRST_WITH_CURL = 17063  # build of Windows that has curl.exe and tar.exe
TIMEOUT = 120.0  # seconds for a program that only reads
TRIES = 3  # for such a program, if the connection breaks
# STILL_ACTIVE: the exit code of a program whose shell died.
UNKNOWN = 259
# A program, and an argument that it knows only without the caret, which cmd.exe removes.
_PROBE = ("whoami.exe", "^/user")


class Result(NamedTuple):
    """What a program has written, and its exit code as unsigned 32 bit."""

    stdout: bytes
    stderr: bytes
    code: int

    @property
    def text(self) -> str:
        """Standard output as text."""
        return decode(self.stdout)

    @property
    def errors(self) -> str:
        """Standard error as text."""
        return decode(self.stderr)

    @property
    def words(self) -> str:
        """What it said, for a message: the last lines, in the language of the target."""
        lines = [line.strip() for line in f"{self.errors}\n{self.text}".splitlines() if line.strip()]
        return " ".join(lines[:3])


def system(target: Target, name: str) -> str:
    """The full path of a program of Windows."""
    return ntpath.join(windows(target)["SystemDirectory"] or r"C:\Windows\System32", name)


def build(target: Target) -> int:
    """The build of Windows."""
    return int(windows(target)["BuildNumber"])


def windows(target: Target) -> Mapping[str, Any]:
    """Identity of Windows (Win32_OperatingSystem), which no task changes."""
    columns = ("Name", "Caption", "Version", "BuildNumber", "ProductType", "OperatingSystemSKU", "SystemDirectory")
    (row,) = target.once("windows", lambda: target.client.query(OPERATING_SYSTEM, columns=columns))
    return row


def run(
    target: Target,
    path: str,
    *arguments: str,
    reads: bool = False,
    stdin: bytes | Iterable[bytes] | None = None,
    timeout: float = TIMEOUT,
    on_output: Callable[[bytes], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run a program by its full path; the exit code is for the caller to judge.

    A program that ``reads`` changes nothing: it is repeated if the connection breaks, and runs in check mode too. Any
    other is started once. ``stdin`` b"" is needed by programs that read to the end of their input. ``environment`` is
    for secrets that no command line may show; such a program has a shell of its own. Raises Missing if there is no such
    program, ProgramTimeout after ``timeout`` s, and errors for which `may_have_run` is true if nobody can say what
    became of it: ask the target's state.
    """
    if target.foresees and not reads:
        raise Unforeseen(f"check mode can't foresee what {ntpath.basename(path)} does")
    name = ntpath.basename(path)
    command_line.check_verbatim(name, arguments)
    for attempt in range(TRIES if reads else 1):
        try:
            with _shell(target, environment) as shell:
                ended = _run(target, shell, path, command_line.join(arguments, name), stdin, timeout, on_output)
        except NoProgram as fault:
            raise Missing(f"{path} does not exist on {target.name}", path=path) from fault
        except WSManError as error:
            if reads:
                error.writes = False
            again = reads and attempt < TRIES - 1 and not isinstance(error, ProgramTimeout)
            if not again or not (is_passing(error) or isinstance(error, InvalidSelectors)):
                error.message = f"{name}: {error.message}"
                raise
        else:
            if not reads:
                has_ended(name)
            if ended.code != UNKNOWN and (ended.complete or not reads):
                return Result(ended.stdout, ended.stderr, ended.code)
            if not reads:
                break
    raise Unanswered(f"{name} was started, and its end is unknown: its remote shell ended before it did", path=path)


@contextmanager
def _shell(target: Target, environment: Mapping[str, str] | None) -> Iterator[Shell]:
    """The one shell of a task, or one with more variables, which is closed afterwards."""
    if not environment:
        yield target.client.shell(ENVIRONMENT)
        return
    shell = Shell(target.client, {**ENVIRONMENT, **environment})
    try:
        yield shell
    finally:
        shell.close()


def _run(
    target: Target,
    shell: Shell,
    path: str,
    arguments: str,
    stdin: bytes | Iterable[bytes] | None,
    timeout: float,
    on_output: Callable[[bytes], None] | None,
) -> Ended:
    command = command_line.quote(path)
    line = f"{command} {arguments}".rstrip()
    if command_line.is_same_to_cmd(line) or not _passes_to_cmd(target):
        return shell.run(command, arguments, stdin, timeout, on_output)
    return shell.run(command_line.for_cmd(line), "", stdin, timeout, on_output)


def _passes_to_cmd(target: Target) -> bool:
    """Whether the target hands command lines to cmd.exe, which takes a caret away."""

    def ask() -> bool:
        name, argument = _PROBE
        return target.client.shell(ENVIRONMENT).run(system(target, name), argument, timeout=TIMEOUT).code == 0

    return target.once("passes_to_cmd", ask)


def decode(data: bytes) -> str:
    """Output of a program as text: UTF-8, UTF-16 as programs of Windows write it, else the OEM code page of the US."""
    if data[:2] == b"\xff\xfe" or b"\0" in data[:200]:
        return data.decode("utf-16-le", "replace").lstrip("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp437")
