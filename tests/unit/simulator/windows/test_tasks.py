"""The Task Scheduler over CIM: registering from XML, running, codes of results, and the redirections of cmd.exe."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.identity import security_id
from ansible_collections.nested.hyperv.tests.simulator.windows.services.scheduled_tasks import NAMESPACE

from ..hosts import host

SYSTEM = "C:\\Windows\\System32\\"
XML = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Principals><Principal id="Author"><UserId>{user}</UserId><LogonType>{logon}</LogonType></Principal></Principals>
<Settings><ExecutionTimeLimit>{limit}</ExecutionTimeLimit></Settings>
<Actions><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>"""
KEYS = {"TaskName": "t", "TaskPath": "\\"}
NOT_RUN, RUNS, TERMINATED = 267011, 267009, 267014


@pytest.fixture
def on() -> Machine:
    return host(hyperv=False, folders=[r"C:\out"])


def xml(command: str = f"{SYSTEM}ping.exe", arguments: str = "-n 11 localhost", **given: str) -> str:
    words = {"user": "administrator", "logon": "S4U", "limit": "PT1H", **given}
    return XML.format(command=command, arguments=arguments, **words)


def call(on: Machine, method: str, user: User | None = None, **given: Any) -> tuple[int, dict[str, Any]]:
    return on.invoke(on.find_class(NAMESPACE, "PS_ScheduledTask"), None, method, {**KEYS, **given}, user)


def result(on: Machine) -> int:
    return call(on, "GetInfoByName")[1]["cmdletOutput"]["LastTaskResult"]


def code(on: Machine, method: str, user: User | None = None, **given: Any) -> int:
    with pytest.raises(CimError) as error:
        call(on, method, user, **given)
    return error.value.status


def test_a_task_runs_its_program_as_the_user(on: Machine) -> None:
    sid = security_id(on.name, "administrator")
    line = rf'/c "{SYSTEM}whoami.exe /groups /fo csv /nh >C:\out\groups.txt"'
    registered = call(on, "RegisterByXml", Xml=xml(f"{SYSTEM}cmd.exe", line, user=sid))[1]["cmdletOutput"]
    assert (registered["TaskName"], registered["State"], result(on)) == ("t", 3, NOT_RUN)
    call(on, "StartByPath")
    assert result(on) == NOT_RUN
    on.clock.advance(1)
    assert result(on) == 0
    said = on.files.read(r"C:\out\groups.txt").decode()
    assert "BATCH" in said
    assert "NETWORK" not in said
    on.delete(on.find_class(NAMESPACE, "MSFT_ScheduledTask"), KEYS)
    assert code(on, "GetInfoByName") == 0x80070002


def test_codes_of_a_program_that_runs_and_is_ended(on: Machine) -> None:
    call(on, "RegisterByXml", Xml=xml())
    assert code(on, "RegisterByXml", Xml=xml()) == 0x800700B7
    call(on, "RegisterByXml", Xml=xml(), Force=True)
    assert code(on, "StopByPath") == 0x8004130B
    call(on, "StartByPath")
    on.clock.advance(2)
    assert result(on) == RUNS
    call(on, "StartByPath")  # not a second time
    assert len(on.processes) == 1
    call(on, "StopByPath")
    assert (result(on), on.processes) == (TERMINATED, [])
    call(on, "StartByPath")
    on.clock.advance(20)
    assert result(on) == 0


def test_a_time_limit_and_the_end_of_windows(on: Machine) -> None:
    call(on, "RegisterByXml", Xml=xml(limit="PT5S"))
    call(on, "StartByPath")
    on.clock.advance(7)
    assert result(on) == TERMINATED
    call(on, "StartByPath")
    on.clock.advance(2)
    on.stopped(graceful=True)
    assert result(on) == 1073807364


def test_a_deleted_task_leaves_its_program_alone(on: Machine) -> None:
    call(on, "RegisterByXml", Xml=xml())
    call(on, "StartByPath")
    on.clock.advance(2)
    on.delete(on.find_class(NAMESPACE, "MSFT_ScheduledTask"), KEYS)
    assert len(on.processes) == 1
    on.clock.advance(20)
    assert on.processes == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (xml(user="nobody"), 0x80070534),
        (xml(logon="Magic"), 0x80041318),
        (xml(limit="an hour"), 0x80041318),
        (xml().replace("Actions>", "Action>"), 0x80041316),
        (xml().replace("<Command>", "<!--").replace("</Command>", "-->"), 0x80041319),
        (xml().replace("2004/02", "2004/03"), 0x80041317),
        (xml().replace("</Task>", ""), 0x8004131A),
    ],
)
def test_xml_that_is_refused(on: Machine, given: str, expected: int) -> None:
    assert code(on, "RegisterByXml", Xml=given) == expected


def test_who_may_register_and_what_does_not_start(on: Machine) -> None:
    user = User("bob", groups=("Remote Management Users",))
    assert code(on, "RegisterByXml", user, Xml=xml()) == 0x80070005
    call(on, "RegisterByXml", Xml=xml(r"C:\nope.exe"))
    call(on, "StartByPath")
    on.clock.advance(1)
    assert result(on) == 0x80070002
    call(on, "RegisterByXml", Xml=xml(logon="InteractiveToken"), Force=True)
    call(on, "StartByPath")
    on.clock.advance(1)
    assert result(on) == 0x800704DD


# ---- cmd.exe, through which a task keeps the output of a program ----


def run(on: Machine, line: str, stdin: bytes = b"") -> tuple[int | None, bytes]:
    process = programs.start(on, line, user=on.find_user("administrator"))
    process.write(stdin, end=True)
    return process.exit_code, b"".join(data for _stream, data in process.context.output)


def content(on: Machine, name: str) -> bytes:
    return on.files.read(rf"C:\out\{name}")


def test_output_goes_where_it_is_led(on: Machine) -> None:
    assert run(on, r'hostname >"C:\out\a b.txt"') == (0, b"")
    assert run(on, r'whoami >>"C:\out\a b.txt"') == (0, b"")
    assert content(on, "a b.txt") == b"HV01\r\nhv01\\administrator\r\n"
    assert run(on, r"nope 2>C:\out\e.txt") == (1, b"")
    assert b"not recognized" in content(on, "e.txt")
    assert run(on, r"nope >C:\out\both.txt 2>&1 <nul & hostname") == (0, b"HV01\r\n")
    assert b"not recognized" in content(on, "both.txt")
    assert run(on, "hostname >nul") == (0, b"")
    assert run(on, r"hostname >C:\nope\x.txt")[0] == 1


def test_carets_take_the_meaning_of_signs_away(on: Machine) -> None:
    assert run(on, "echo a^>b^&c") == (0, b"a>b&c\r\n")
    assert run(on, 'cmd.exe /s /c "set WORD=1&&echo %WORD% %WORD^% >nul&echo done"') == (0, b"done\r\n")


def test_a_file_is_the_input_of_a_program() -> None:
    on = host(hyperv=False, files=[{"path": r"C:\out\in.txt", "content": b"text"}], wsl={
        "version": "2.7.14.0", "distributions": [{"name": "x"}]}, features={"VirtualMachinePlatform": "enabled"},
        os="server2025")  # fmt: skip
    program = r'"C:\Program Files\WSL\wsl.exe" -d x --exec cat'
    assert run(on, rf"{program} <C:\out\in.txt >C:\out\copy.txt") == (0, b"")
    assert on.files.read(r"C:\out\copy.txt") == b"text"
    assert run(on, f"{program} <nul", b"not read") == (0, b"")
