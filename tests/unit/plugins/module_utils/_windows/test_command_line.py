# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines: what is written is what a program of Windows reads, whether cmd.exe stands in between or not."""

from __future__ import annotations

import itertools
import random

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._windows import command_line
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.command_line import split
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context

from ....simulator.hosts import host

PROGRAM = r"c:\program files\x\args.exe"
PIECES = ["", "a", " ", "\t", '"', "\\", "\\\\", "%OS%", "%", "!", "^", "&", "|", "<", ">", "(", ")", "é", "{{json .}}"]


def samples() -> list[list[str]]:
    """Arguments of every pair of signs, and longer ones at random (the same in every run)."""
    pairs = [["".join(pair)] for pair in itertools.product(PIECES, repeat=2)]
    chance = random.Random(7)
    return pairs + [
        ["".join(chance.choices(PIECES, k=chance.randint(0, 6))) for _count in range(chance.randint(1, 4))]
        for _turn in range(600)
    ]


def test_a_program_reads_what_was_written() -> None:
    for arguments in samples():
        assert split(f"x {command_line.join(arguments)}")[1:] == arguments


def test_a_line_is_taken_apart_as_windows_does() -> None:
    for arguments in samples():
        line = f'"C:\\a b\\x.exe" {command_line.join(arguments)}'
        assert command_line.split(line) == split(line) == [r"C:\a b\x.exe", *arguments]
    assert command_line.split(r"C:\x.exe --run-service  -H npipe://") == [
        r"C:\x.exe",
        "--run-service",
        "-H",
        "npipe://",
    ]
    assert command_line.split("x.exe") == ["x.exe"]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "yes"', r'"say \"yes\""'),
        ("C:\\a b\\", r'"C:\a b\\"'),
        ("C:\\ab\\", "C:\\ab\\"),
        ("a\\\\b c", '"a\\\\b c"'),
    ],
)
def test_quotes_of_an_argument(argument: str, text: str) -> None:
    assert command_line.quote(argument) == text


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = host(hyperv=False)
    machine.files.make_folder(r"C:\Program Files\x")
    machine.files.write(PROGRAM, b"MZ")
    return machine


def seen_by(machine: Machine, monkeypatch: pytest.MonkeyPatch, line: str, **options: bool) -> list[str] | None:
    """The arguments that the program gets from a line; None if it isn't started."""
    seen: list[list[str]] = []

    def args(context: Context) -> int:
        seen.append(list(context.arguments))
        return 0

    monkeypatch.setitem(programs.PROGRAMS, PROGRAM, Program(args))
    programs.start(machine, line, **options)
    return seen[0] if len(seen) == 1 else None


def test_cmd_changes_nothing_of_a_line_written_for_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in samples():
        line = f"{command_line.quote(PROGRAM)} {command_line.join(arguments)}"
        assert seen_by(machine, monkeypatch, command_line.for_cmd(line)) == arguments, line


def test_a_line_that_is_the_same_to_cmd(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    same = 0
    for arguments in [*samples(), ["-d", "Ubuntu", "--exec", "/usr/bin/uname", "-r"]]:
        line = f"{command_line.quote(PROGRAM)} {command_line.join(arguments)}"
        assert seen_by(machine, monkeypatch, line, direct=True) == arguments
        if command_line.is_same_to_cmd(line):
            same += 1
            assert seen_by(machine, monkeypatch, line) == arguments, line
    assert same


@pytest.mark.parametrize(
    "line", [r'C:\x.exe "a & b"', "C:\\x.exe /Online", r'"C:\Program Files\x.exe" -d a', r'C:\x.exe "a b" "c (d)"']
)
def test_common_lines_are_the_same_to_cmd(line: str) -> None:
    assert command_line.is_same_to_cmd(line)


def test_wsl_takes_no_quotes_away() -> None:
    with pytest.raises(Invalid, match=r"'a b' can't be passed to wsl.exe"):
        command_line.check_verbatim("wsl.exe", ["-d", "a b"])
    command_line.check_verbatim("wsl.exe", ["--import", "Ubuntu", r"C:\a b", r"D:\c d.tar"])
    command_line.check_verbatim("wsl.exe", ["-d", "Ubuntu", "--exec", "echo", "a b"])
    command_line.check_verbatim("dism.exe", ["a b"])
