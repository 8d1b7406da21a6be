"""The shell resource, over HTTP."""

from __future__ import annotations

import base64
import threading

import pytest

from ..talk import NS, Talk

CMD = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
GONE = ("s:Sender", "w:InvalidSelectors", 2150858843)


@pytest.fixture
def talk(serve):
    return Talk(serve(max_shells_per_user=3))


def create(talk):
    return talk.transfer("Create", CMD, None, "<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams></rsp:Shell>")


def command(talk, shell, line, *arguments):
    inner = f"<rsp:Command>{line}</rsp:Command>" + "".join(f"<rsp:Arguments>{one}</rsp:Arguments>" for one in arguments)
    return act(talk, shell, "Command", f"<rsp:CommandLine>{inner}</rsp:CommandLine>")


def act(talk, shell, operation, body):
    return talk.ask(f"{NS['rsp']}/{operation}", CMD, body, selectors={"ShellId": shell})


def receive(talk, shell, identifier):
    body = f'<rsp:Receive><rsp:DesiredStream CommandId="{identifier}">stdout stderr</rsp:DesiredStream></rsp:Receive>'
    return act(talk, shell, "Receive", body)


def streams(answer, name):
    found = answer.root.findall(f".//rsp:Stream[@Name='{name}']", NS)
    return b"".join(base64.b64decode(one.text or "") for one in found)


@pytest.fixture
def shell(talk):
    return create(talk).find(".//rsp:ShellId").text


def test_create(talk):
    answer = create(talk)
    identifier = answer.find("s:Body/rsp:Shell/rsp:ShellId").text
    assert answer.find(".//w:Selector").text == identifier
    assert answer.find(".//w:Selector").get("Name") == "ShellId"
    assert answer.find("s:Body/rsp:Shell/rsp:Owner").text == "HV01\\Administrator"


def test_run(talk, shell):
    identifier = command(talk, shell, "ipconfig", "/all", "x").find(".//rsp:CommandId").text
    answer = receive(talk, shell, identifier)
    assert streams(answer, "stdout") == b"ipconfig /all x\r\n"
    assert streams(answer, "stderr") == "Größe".encode()
    state = answer.find(".//rsp:CommandState")
    assert state.get("State").endswith("/CommandState/Done")
    assert answer.find(".//rsp:ExitCode").text == "3"


def test_input(talk, shell):
    identifier = command(talk, shell, "cat.exe").find(".//rsp:CommandId").text
    for text, end in ((b"one\n", "false"), (b"two\n", "true")):
        data = base64.b64encode(text).decode()
        stream = f'<rsp:Stream Name="stdin" CommandId="{identifier}" End="{end}">{data}</rsp:Stream>'
        assert act(talk, shell, "Send", f"<rsp:Send>{stream}</rsp:Send>").status == 200
    assert streams(receive(talk, shell, identifier), "stdout") == b"one\ntwo\n"


def test_much_output_comes_in_parts(talk, shell):
    identifier = command(talk, shell, "big.exe").find(".//rsp:CommandId").text
    out, errors, states = b"", b"", []
    while not states or not states[-1].endswith("Done"):
        answer = receive(talk, shell, identifier)
        out, errors = out + streams(answer, "stdout"), errors + streams(answer, "stderr")
        states.append(answer.find(".//rsp:CommandState").get("State"))
        assert len(answer.text) < 40_000
    assert out == b"x" * 100_000
    assert errors == b"e" * 50_000
    assert len(states) > 3


def test_a_program_that_takes_longer_than_the_timeout(serve, machine):
    finish = threading.Event()

    def run_program(command, arguments, stdin):
        finish.wait(10)
        return b"done", b"", 0

    machine.run_program = run_program
    talk = Talk(serve(max_timeout=0.05))
    shell = create(talk).find(".//rsp:ShellId").text
    identifier = command(talk, shell, "slow.exe").find(".//rsp:CommandId").text
    assert receive(talk, shell, identifier).fault == ("s:Receiver", "w:TimedOut", 2150858793)
    finish.set()
    assert streams(receive(talk, shell, identifier), "stdout") == b"done"


def test_signal_and_delete(talk, shell):
    identifier = command(talk, shell, "ipconfig").find(".//rsp:CommandId").text
    signal = f'<rsp:Signal CommandId="{identifier}"><rsp:Code>{NS["rsp"]}/signal/terminate</rsp:Code></rsp:Signal>'
    assert act(talk, shell, "Signal", signal).status == 200
    assert receive(talk, shell, identifier).fault == GONE
    deleted = talk.transfer("Delete", CMD, {"ShellId": shell})
    assert (deleted.status, len(deleted.body)) == (200, 0)
    assert command(talk, shell, "ipconfig").fault == GONE


def test_shells_are_limited_and_idle_ones_die(talk, machine):
    for _turn in range(3):
        assert create(talk).status == 200
    assert create(talk).fault == ("s:Receiver", "w:InternalError", 2150859173)
    machine.clock.advance(7201)
    assert create(talk).status == 200


def test_a_shell_belongs_to_its_user(serve):
    endpoint = serve()
    shell = create(Talk(endpoint)).find(".//rsp:ShellId").text
    assert command(Talk(endpoint, "operator:x"), shell, "ipconfig").fault == GONE


@pytest.mark.parametrize("operation", ["Nope", "Command"])
def test_what_a_shell_does_not_do(talk, shell, operation):
    assert act(talk, shell, operation, "<rsp:Nope/>").status == 500
