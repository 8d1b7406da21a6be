# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs on a simulated host: their output, their end, and what becomes of them when something breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Missing, Unanswered, Unforeseen
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._windows import program
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import (
    ProgramTimeout,
    WSManError,
    may_have_run,
)
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context, Steps
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

TOOL = r"c:\windows\system32\tool.exe"
SPACED = r"c:\program files\tool\tool.exe"


class Tool:
    """A program that does as a test says, and remembers how it was started."""

    def __init__(self) -> None:
        self.runs: list[Context] = []
        self.main: Any = lambda context: 0

    def __call__(self, context: Context) -> Steps | int:
        self.runs.append(context)
        return self.main(context)


@pytest.fixture(params=[False, True], ids=["cmd", "direct"])
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A host that hands every line to cmd.exe, and one that obeys WINRS_SKIP_CMD_SHELL."""
    files = [{"path": r"C:\Program Files\tool\tool.exe", "content": "MZ"}]
    model = {"hosts": [{"name": "hv01", "winrm": {"skip_cmd_shell": request.param}, "files": files}]}
    with open_lab(model) as lab:
        yield lab


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    tool = Tool()
    for path in (TOOL, SPACED):
        monkeypatch.setitem(programs.PROGRAMS, path, Program(tool))
    return tool


@pytest.fixture
def target(lab: Lab) -> Iterator[Target]:
    address = lab.sim.endpoints["hv01"]
    client = connect(ConnectionOptions(address.http, "ntlm", address.user, address.password))
    yield Target("hv01", client)
    client.close_shell()
    client.close()


def actions(lab: Lab) -> list[str]:
    return [entry.action for entry in lab.requests if entry.resource.endswith("/shell/cmd")]


def test_what_a_program_gets_and_gives(lab: Lab, target: Target, tool: Tool) -> None:
    def main(context: Context) -> Steps:
        data = yield from context.read_all()
        context.out(b"got " + data)
        context.err("wäre\r\n")
        return -1

    tool.main = main
    result = program.run(target, TOOL, "a b", 'c "d"', "%OS%", stdin=b"\x00\xff" * 300_000)
    assert result.stdout == b"got " + b"\x00\xff" * 300_000
    assert result.errors == "wäre\r\n"
    assert result.code == 0xFFFFFFFF
    assert tool.runs[0].arguments == ("a b", 'c "d"', "%OS%")
    assert tool.runs[0].console is False
    assert tool.runs[0].environment["WSL_UTF8"] == "1"


def test_a_path_with_blanks(target: Target, tool: Tool) -> None:
    assert program.run(target, SPACED, "--import", "x", r"C:\a b\c", "{{json .}}").code == 0
    assert tool.runs[0].arguments == ("--import", "x", r"C:\a b\c", "{{json .}}")


def test_one_shell_serves_all_programs(lab: Lab, target: Target, tool: Tool) -> None:
    for _count in range(3):
        program.run(target, TOOL)
    assert actions(lab).count("Create") == 1
    target.client.close_shell()
    assert actions(lab)[-1] == "Delete"


def test_secrets_reach_a_program_in_a_shell_of_its_own(lab: Lab, target: Target, tool: Tool) -> None:
    program.run(target, TOOL)
    program.run(target, TOOL, environment={"PASSWORD": 's3cret "%OS%"'})
    assert tool.runs[1].environment["PASSWORD"] == 's3cret "%OS%"'
    assert tool.runs[1].environment["WSL_UTF8"] == "1"
    assert actions(lab)[-1] == "Delete", "the shell with the secrets is gone"
    program.run(target, TOOL)
    assert "PASSWORD" not in tool.runs[2].environment
    assert actions(lab).count("Create") == 2


def test_a_silent_program_is_waited_for(lab: Lab, target: Target, tool: Tool) -> None:
    def main(context: Context) -> Steps:
        yield 500
        context.out("done")
        return 0

    tool.main = main
    assert program.run(target, TOOL, timeout=600).text == "done"


def test_output_comes_as_it_is_written(target: Target, tool: Tool) -> None:
    def main(context: Context) -> Steps:
        for count in range(3):
            context.out(f"{count}")
            yield 5
        return 0

    tool.main, seen = main, []
    program.run(target, TOOL, on_output=seen.append)
    assert seen == [b"0", b"1", b"2"]


def test_a_program_that_takes_too_long_is_stopped(lab: Lab, target: Target, tool: Tool) -> None:
    def main(context: Context) -> Steps:
        yield 500
        return 0

    tool.main = main
    with pytest.raises(ProgramTimeout) as caught:
        program.run(target, TOOL, timeout=90)
    assert caught.value.message == "tool.exe: The program did not end within 90 s."
    assert may_have_run(caught.value)
    assert not lab.machine.processes
    tool.main = lambda context: 0
    assert program.run(target, TOOL).code == 0  # in a new shell


def test_a_program_that_is_not_there(lab: Lab, target: Target) -> None:
    if not lab.machine.spec["winrm"].get("skip_cmd_shell"):
        assert program.run(target, r"C:\Windows\System32\none.exe").code == 1  # what cmd.exe says
        return
    with pytest.raises(Missing, match=r"none.exe does not exist on hv01"):
        program.run(target, r"C:\Windows\System32\none.exe")


def test_a_restart_ends_the_shell_but_not_the_task(lab: Lab, target: Target, tool: Tool) -> None:
    program.run(target, TOOL)
    lab.machine.stopped(graceful=True)
    lab.machine.started()
    assert program.run(target, TOOL).code == 0
    assert len(tool.runs) == 2


@pytest.mark.parametrize("do", ["refuse", "fault", "unplug"])
def test_a_started_program_is_unknown_even_if_the_host_takes_no_more_requests(
    lab: Lab, target: Target, tool: Tool, do: str
) -> None:
    target.once("passes_to_cmd", lambda: False)
    lab.sim.faults.add(Rule(do, operation="Receive", times=9, seconds=30))
    with pytest.raises(WSManError) as caught:
        program.run(target, TOOL)
    assert len(tool.runs) == 1
    assert may_have_run(caught.value)


@pytest.mark.parametrize("action", ["Create", "Command", "Receive", "Send", "Signal", "Delete"])
@pytest.mark.parametrize("do", ["drop", "lose"])
def test_a_lost_answer(lab: Lab, target: Target, tool: Tool, action: str, do: str) -> None:
    """What only reads is repeated; what writes is started once, and its error says that it may have run."""
    for reads in (True, False):
        tool.runs.clear()
        lab.sim.faults.add(Rule(do, operation=action))
        lost = None
        try:
            assert program.run(target, TOOL, reads=reads, stdin=b"x").code == 0
            target.client.close_shell()
        except WSManError as error:
            lost = error
        if lost:
            assert not reads
            assert action in ("Command", "Send", "Receive")
        assert lost is None or may_have_run(lost)
        assert reads or len(tool.runs) <= 1


def test_the_end_of_a_program_whose_shell_died_is_unknown(target: Target, tool: Tool) -> None:
    tool.main = lambda context: 259
    with pytest.raises(Unanswered, match="its end is unknown"):
        program.run(target, TOOL)
    assert len(tool.runs) == 1
    with pytest.raises(Unanswered):
        program.run(target, TOOL, reads=True)
    assert len(tool.runs) == 1 + program.TRIES


def test_check_mode_runs_what_only_reads(target: Target, tool: Tool) -> None:
    checking = replace(target, foresees=True)
    program.run(checking, TOOL, reads=True)
    with pytest.raises(Unforeseen, match=r"can't foresee what tool.exe does"):
        program.run(checking, TOOL)
    assert len(tool.runs) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Über".encode(), "Über"),
        ("WSL version".encode("utf-16-le"), "WSL version"),
        (b"\xff\xfe" + "a".encode("utf-16-le"), "a"),
        (b"gr\x81n", "grün"),
        (b"", ""),
    ],
)
def test_encodings_of_output(data: bytes, text: str) -> None:
    assert program.decode(data) == text


def test_the_path_of_a_program_of_windows(target: Target) -> None:
    assert program.system(target, "dism.exe") == r"C:\Windows\system32\dism.exe"
