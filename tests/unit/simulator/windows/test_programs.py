"""Programs of Windows: how their command lines are read, and what those of the simulator do."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import SYSTEM, Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.command_line import split
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context, Process

from ..hosts import host

USER = User("bob", groups=("Remote Management Users",))


def start(machine: Machine, line: str, **options: Any) -> Process:
    return programs.start(machine, line, **{"user": machine.find_user("administrator"), **options})


def run(machine: Machine, line: str, stdin: bytes = b"", **options: Any) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a program that doesn't wait for long."""
    process = start(machine, line, **options)
    process.write(stdin, end=True)
    return process.exit_code, text(process), text(process, "stderr")


def text(process: Process, stream: str = "stdout") -> str:
    return b"".join(data for name, data in process.context.output if name == stream).decode()


@pytest.fixture
def machine() -> Machine:
    return host(hyperv=False)


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Arguments that the program `args` was started with."""
    seen: list[tuple[str, ...]] = []

    def args(context: Context) -> int:
        seen.append(context.arguments)
        return 0

    for path in (f"{SYSTEM}args.exe", r"c:\program files\x\args.exe"):
        monkeypatch.setitem(programs.PROGRAMS, path, Program(args))
    return seen


# --- command lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x", ["x"]),
        ("x  a\tb ", ["x", "a", "b"]),
        (r'"C:\Program Files\x.exe" a', [r"C:\Program Files\x.exe", "a"]),
        (r'x "a b" c\d "e\" f', ["x", "a b", r"c\d", 'e" f']),
        (r'x "a\\" b\\\\c', ["x", "a\\", r"b\\\\c"]),
        (r'x "a\\\"b" ""', ["x", r"a\"b", ""]),
        ('x "a""b" c"d e"f', ["x", 'a"b', "cd ef"]),
        ('x "a b', ["x", "a b"]),
    ],
)
def test_command_lines_are_split_as_windows_does(line, expected):
    assert split(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("args a b", ("a", "b")),
        ("ARGS.EXE a", ("a",)),
        (r"C:\Windows\System32\args.exe a", ("a",)),
        ('args "a & b" ^& c^^d', ("a & b", "&", "c^d")),
        ('args %COMPUTERNAME% %NOPE% "%OS%"', ("HV01", "%NOPE%", "Windows_NT")),
        ('args ^"a b^"', ("a b",)),
        ('"args a"', ("a",)),
        ('"args" "a b"', None),
        (r'"C:\Program Files\x\args.exe"', ()),
        (r'"C:\Program Files\x\args.exe" a', ("a",)),
        (r'"C:\Program Files\x\args.exe" "a"', None),
        (r'""C:\Program Files\x\args.exe" "a b""', ("a b",)),
        (r'call "C:\Program Files\x\args.exe" "a"', ("a",)),
    ],
)
def test_cmd_reads_the_line_before_the_program_does(machine, arguments, line, expected):
    """None: cmd.exe takes the first and the last quote away, and nothing of that name is left."""
    machine.files.create(r"C:\Program Files\x\args.exe", folders=True)
    code, _out, error = run(machine, line)
    if expected is None:
        assert (code, arguments) == (1, [])
        assert "is not recognized" in error
    else:
        assert (code, arguments) == (0, [expected]), error


def test_cmd_runs_several_commands_of_a_line(machine):
    assert run(machine, "exit 3 & hostname") == (3, "", "")
    assert run(machine, "nonsense || echo no && hostname")[:2] == (0, "no \r\nHV01\r\n")
    assert run(machine, "nonsense && echo no")[0] == 1
    assert run(machine, "exit -1")[0] == 0xFFFFFFFF
    assert run(machine, "cmd /c exit 5")[0] == 5


def test_a_line_for_cmd_has_a_longest_length(machine):
    assert run(machine, "echo " + "x" * 8186)[0] == 0
    assert run(machine, "echo " + "x" * 8187) == (1, "", "The command line is too long.\r\n")


def test_a_program_of_a_folder_is_there_while_its_file_is(machine, arguments):
    assert run(machine, r"x\args", directory=r"C:\Program Files")[0] == 1
    machine.files.create(r"C:\Program Files\x\args.exe", folders=True)
    assert run(machine, r"x\args", directory=r"C:\Program Files")[0] == 0
    assert run(machine, "args", environment={"PATH": r"C:\nope;C:\Program Files\x"})[0] == 0
    assert len(arguments) == 2


def test_the_version_of_windows():
    machine = host(os={"product": "server2022", "revision": 2582})
    assert run(machine, "ver") == (0, "\r\nMicrosoft Windows [Version 10.0.20348.2582]\r\n", "")


# --- who and where


def test_identity(machine):
    assert run(machine, "HOSTNAME.EXE") == (0, "HV01\r\n", "")
    assert run(machine, "whoami")[1] == "hv01\\administrator\r\n"
    code, out, _error = run(machine, "whoami /user /fo csv /nh")
    name, _separator, sid = out.strip().partition(",")
    assert (code, name) == (0, '"hv01\\administrator"')
    assert sid.startswith('"S-1-5-21-')
    assert sid.endswith('-500"')
    assert run(machine, "whoami /user /fo csv /nh", user=USER)[1] != out
