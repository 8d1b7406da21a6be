"""The shell resource, over HTTP: programs that take time, stream, read, are signalled and end with their shell."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import winrm

from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import SYSTEM, Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import READ, Context, Interrupted, Steps
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

from ..talk import NS, Answer, Talk
from ..talk import SYSTEM as V2_SYSTEM

CMD = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
GONE = ("s:Sender", "w:InvalidSelectors", 2150858843)
ABORTED = ("s:Receiver", "w:InternalError", 995)
TIMED_OUT = ("s:Receiver", "w:TimedOut", 2150858793)
BROKEN_PIPE = ("s:Receiver", "w:InternalError", 109)
PARAMETER = ("s:Sender", "w:InvalidParameter", 87)


def ticks(context: Context) -> Steps:
    for number in range(int(context.arguments[0])):
        context.out(f"tick {number}\r\n")
        yield 10
    return -1


def loud(context: Context) -> int:
    context.out(b"x" * 100_000)
    context.err(b"e" * 50_000)
    return 0


def echo(context: Context) -> Steps:
    """Answers each part of its input by itself."""
    while part := (yield READ):
        context.out(b"<" + part + b">")
    context.err("Größe")
    return 3


def silent(context: Context) -> Steps:
    yield 3600
    return 0


def stubborn(context: Context) -> Steps:
    """Cleans up for five seconds when it is interrupted."""
    try:
        yield 3600
    except Interrupted as interrupted:
        context.out(f"{interrupted}\r\n")
        yield 5
        return 7
    return 0


def broken(context: Context) -> Steps:
    yield 0
    raise RuntimeError("a bug")


@pytest.fixture(autouse=True)
def test_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in (ticks, loud, echo, silent, stubborn, broken):
        monkeypatch.setitem(programs.PROGRAMS, f"{SYSTEM}{program.__name__}.exe", Program(program))


@pytest.fixture
def endpoint(serve):
    return serve(max_shells_per_user=3)


@pytest.fixture
def talk(endpoint):
    return Talk(endpoint)


@pytest.fixture
def shell(talk):
    return create(talk)


@pytest.fixture
def waiting_receive(endpoint, machine, monkeypatch) -> Iterator[Callable[[str, str], Future[Answer]]]:
    """Send a Receive on a connection of its own; returns when the service waits for the output."""
    waits, wait = threading.Semaphore(0), machine.clock.wait

    def begin(ready: Callable[[], bool], seconds: float) -> bool:
        waits.release()
        return wait(ready, seconds)

    monkeypatch.setattr(machine.clock, "wait", begin)
    with ThreadPoolExecutor() as pool:

        def send_receive(shell: str, identifier: str) -> Future[Answer]:
            answer = pool.submit(receive, Talk(endpoint), shell, identifier)
            assert waits.acquire(timeout=20)
            return answer

        yield send_receive


def ask_shell(talk: Talk, inner: str = "", **options: Any) -> Answer:
    return talk.ask(f"{NS['x']}/Create", CMD, f"<rsp:Shell>{inner}</rsp:Shell>", **options)


def create(talk: Talk, inner: str = "", **options: Any) -> str:
    return ask_shell(talk, inner, **options).find(".//rsp:ShellId").text or ""


def act(talk: Talk, shell: str, operation: str, body: str, extra: str = "") -> Answer:
    return talk.ask(f"{NS['rsp']}/{operation}", CMD, body, selectors={"ShellId": shell}, extra=extra)


def command(talk: Talk, shell: str, line: str, *arguments: str, extra: str = "") -> Answer:
    inner = "".join(f"<rsp:Arguments>{argument}</rsp:Arguments>" for argument in arguments)
    body = f"<rsp:CommandLine><rsp:Command>{line}</rsp:Command>{inner}</rsp:CommandLine>"
    return act(talk, shell, "Command", body, extra)


def start(talk: Talk, shell: str, line: str, *arguments: str, extra: str = "") -> str:
    return command(talk, shell, line, *arguments, extra=extra).find(".//rsp:CommandId").text or ""


def send(talk: Talk, shell: str, identifier: str, data: bytes, *, end: bool = False) -> Answer:
    text = base64.b64encode(data).decode()
    stream = f'<rsp:Stream Name="stdin" CommandId="{identifier}" End="{str(end).lower()}">{text}</rsp:Stream>'
    return act(talk, shell, "Send", f"<rsp:Send>{stream}</rsp:Send>")


def receive(talk: Talk, shell: str, identifier: str, timeout: str = "PT60S", wanted: str = "stdout stderr") -> Answer:
    extra = f"<w:OperationTimeout>{timeout}</w:OperationTimeout>"
    body = f'<rsp:Receive><rsp:DesiredStream CommandId="{identifier}">{wanted}</rsp:DesiredStream></rsp:Receive>'
    return act(talk, shell, "Receive", body, extra)


def signal(talk: Talk, shell: str, identifier: str, code: str) -> Answer:
    inner = f"<rsp:Code>{NS['rsp']}/signal/{code}</rsp:Code>"
    attribute = f' CommandId="{identifier}"' if identifier else ""
    return act(talk, shell, "Signal", f"<rsp:Signal{attribute}>{inner}</rsp:Signal>")


def option(name: str, value: str) -> str:
    return f'<w:OptionSet><w:Option Name="{name}">{value}</w:Option></w:OptionSet>'


def streams(answer: Answer, name: str = "stdout") -> bytes:
    found = answer.root.findall(f".//rsp:Stream[@Name='{name}']", NS)
    return b"".join(base64.b64decode(stream.text or "") for stream in found)


def state(answer: Answer) -> str:
    return answer.find(".//rsp:CommandState").get("State", "").rpartition("/")[2]


def code(answer: Answer) -> int | None:
    text = answer.root.findtext(".//rsp:ExitCode", None, NS)
    return None if text is None else int(text)


# --- shells


def test_a_new_shell_is_described(talk):
    variables = '<rsp:Environment><rsp:Variable Name="a b">1 &lt; 2</rsp:Variable></rsp:Environment>'
    answer = ask_shell(
        talk, rf"{variables}<rsp:WorkingDirectory>C:\x</rsp:WorkingDirectory><rsp:IdleTimeOut>PT60S</rsp:IdleTimeOut>"
    )
    identifier = answer.find("s:Body/rsp:Shell/rsp:ShellId").text
    assert answer.find(".//w:Selector").text == identifier
    assert answer.find(".//w:Selector").get("Name") == "ShellId"
    values = {child.tag.rpartition("}")[2]: child.text for child in answer.find("s:Body/rsp:Shell")}
    assert values["Owner"] == "HV01\\Administrator"
    assert (values["WorkingDirectory"], values["IdleTimeOut"]) == (r"C:\x", "PT60.000S")
    assert (values["InputStreams"], values["OutputStreams"]) == ("stdin", "stdout stderr")
    assert answer.find(".//rsp:Variable").get("Name") == "a b"
    assert answer.find(".//rsp:Variable").text == "1 < 2"


def test_shells_are_limited_per_user(talk):
    for _turn in range(3):
        assert ask_shell(talk).status == 200
    assert ask_shell(talk).fault == ("s:Receiver", "w:InternalError", 2150859173)


def test_a_shell_belongs_to_its_user(endpoint, shell):
    assert command(Talk(endpoint, "operator:x"), shell, "hostname").fault == GONE


def test_unknown_shells_and_commands_are_told_apart_by_a_sentence(talk, shell):
    answer = command(talk, "F00", "hostname")
    assert answer.fault == GONE
    assert "shell was not found on the server" in answer.find(".//f:Message").text
    answer = receive(talk, shell, "F00")
    assert answer.fault == GONE
    assert "command identifier that does not exist" in answer.find(".//f:Message").text


@pytest.mark.parametrize("wrong", ["3600000", "PT", "soon"])
def test_an_idle_time_out_is_a_duration(talk, wrong):
    answer = ask_shell(talk, f"<rsp:IdleTimeOut>{wrong}</rsp:IdleTimeOut>")
    assert answer.fault == ("s:Sender", "w:SchemaValidationError", 2150858817)


def test_an_idle_shell_ends_with_its_program(talk, machine):
    shell = create(talk, "<rsp:IdleTimeOut>PT100S</rsp:IdleTimeOut>")
    identifier = start(talk, shell, "silent")
    (process,) = machine.processes
    machine.clock.advance(99)
    assert receive(talk, shell, identifier, "PT0.01S").fault == TIMED_OUT
    machine.clock.advance(99)
    assert process.running, "the Receive began its idle time anew"
    machine.clock.advance(2)
    assert process.killed
    assert receive(talk, shell, identifier).fault == GONE


def test_a_shell_has_a_longest_life(talk, machine):
    shell = create(talk, "<rsp:Lifetime>PT10S</rsp:Lifetime>")
    identifier = start(talk, shell, "silent")
    machine.clock.advance(10)
    assert machine.processes == []
    assert receive(talk, shell, identifier).fault == GONE


def test_a_shell_has_the_idle_time_out_of_the_service(talk, machine, shell):
    machine.clock.advance(7199)
    assert code(receive(talk, shell, start(talk, shell, "hostname"))) == 0
    machine.clock.advance(7201)
    assert command(talk, shell, "hostname").fault == GONE


@pytest.mark.parametrize("operation", ["Nope", "Command", "Receive", "Send", "Signal"])
def test_what_a_shell_does_not_do(talk, shell, operation):
    assert act(talk, shell, operation, "<rsp:Nope/>").status == 500


# --- programs that take time


def test_output_streams_while_the_program_runs(talk, shell, machine):
    identifier = start(talk, shell, "ticks", "2")
    answers = [receive(talk, shell, identifier)]
    for _turn in range(2):
        machine.clock.advance(10)
        answers.append(receive(talk, shell, identifier))
    assert [streams(answer) for answer in answers] == [b"tick 0\r\n", b"tick 1\r\n", b""]
    assert [state(answer) for answer in answers] == ["Running", "Running", "Done"]
    assert [code(answer) for answer in answers] == [None, None, 0xFFFFFFFF]
    assert [len(answer.root.findall(".//rsp:Stream[@End='true']", NS)) for answer in answers] == [0, 0, 2]


def test_a_program_runs_without_being_asked_for_its_output(talk, shell, machine):
    identifier = start(talk, shell, "ticks", "2")
    machine.clock.advance(60)
    answer = receive(talk, shell, identifier)
    assert (streams(answer), state(answer)) == (b"tick 0\r\ntick 1\r\n", "Done")


def test_receive_without_output_times_out_and_can_be_repeated(talk, shell, machine):
    identifier = start(talk, shell, "silent")
    for _turn in range(2):
        assert receive(talk, shell, identifier, "PT0.01S").fault == TIMED_OUT
    machine.clock.advance(3600)
    assert code(receive(talk, shell, identifier)) == 0


def test_the_time_out_is_on_the_clock_of_the_simulation(talk, shell, machine, waiting_receive):
    answer = waiting_receive(shell, start(talk, shell, "silent"))
    machine.clock.advance(59)
    assert not answer.done()
    machine.clock.advance(2)
    assert answer.result().fault == TIMED_OUT


def test_a_waiting_receive_is_answered_when_the_output_comes(talk, shell, machine, waiting_receive):
    identifier = start(talk, shell, "ticks", "2")
    assert streams(receive(talk, shell, identifier)) == b"tick 0\r\n"
    answer = waiting_receive(shell, identifier)
    machine.clock.advance(10)
    assert streams(answer.result()) == b"tick 1\r\n"


def test_a_running_program_holds_up_nobody(talk, machine, waiting_receive):
    """While two programs run and a Receive waits for each, other requests are answered."""
    shells = [create(talk), create(talk)]
    commands = [start(talk, shell, "silent") for shell in shells]
    answers = [waiting_receive(shell, identifier) for shell, identifier in zip(shells, commands, strict=True)]
    assert talk.enumerate(V2_SYSTEM).status == 200
    other = create(talk)
    assert code(receive(talk, other, start(talk, other, "hostname"))) == 0
    assert [answer.done() for answer in answers] == [False, False]
    for shell, identifier in zip(shells, commands, strict=True):
        signal(talk, shell, identifier, "ctrl_c")
    assert [code(answer.result()) for answer in answers] == [0xC000013A] * 2


def test_much_output_comes_in_parts(talk, shell):
    identifier = start(talk, shell, "loud")
    out, errors, answers = b"", b"", []
    while not answers or state(answers[-1]) != "Done":
        answers.append(receive(talk, shell, identifier))
        out, errors = out + streams(answers[-1]), errors + streams(answers[-1], "stderr")
        assert len(answers[-1].text) < 40_000
    assert (out, errors) == (b"x" * 100_000, b"e" * 50_000)
    assert len(answers) > 3


def test_only_the_desired_streams_come(talk, shell):
    identifier = start(talk, shell, "loud")
    answer = receive(talk, shell, identifier, wanted="stderr")
    assert (streams(answer), len(streams(answer, "stderr"))) == (b"", 24_000)


def test_a_shell_omits_the_streams_it_was_not_created_with(talk):
    shell = create(talk, "<rsp:OutputStreams>stdout</rsp:OutputStreams>")
    answer = receive(talk, shell, start(talk, shell, "echo one &amp; nonsense"))
    assert (streams(answer), streams(answer, "stderr"), code(answer)) == (b"one \r\n", b"", 1)


def test_a_bug_of_a_program_ends_it(talk, shell, capsys):
    assert code(receive(talk, shell, start(talk, shell, "broken"))) == 0xC0000005
    assert "a bug" in capsys.readouterr().err


def test_a_shell_runs_one_program_at_a_time(talk, shell, machine):
    identifier = start(talk, shell, "ticks", "1")
    assert command(talk, shell, "hostname").fault == ("s:Sender", "w:Concurrency", 2150858802)
    machine.clock.advance(10)
    assert command(talk, shell, "hostname").fault == ("s:Sender", "w:Concurrency", 2150858802)
    assert state(receive(talk, shell, identifier)) == "Done"
    assert streams(receive(talk, shell, start(talk, shell, "hostname"))) == b"HV01\r\n"


# --- input


def test_a_program_reads_while_it_runs(talk, shell):
    identifier = start(talk, shell, "echo.exe")
    for part in (b"one", b"two"):
        assert send(talk, shell, identifier, part).status == 200
        assert streams(receive(talk, shell, identifier)) == b"<" + part + b">"
    send(talk, shell, identifier, b"three", end=True)
    answer = receive(talk, shell, identifier)
    assert (streams(answer), streams(answer, "stderr"), code(answer)) == (b"<three>", "Größe".encode("cp437"), 3)


def test_an_empty_message_is_not_the_end_of_the_input(talk, shell):
    identifier = start(talk, shell, "echo.exe")
    send(talk, shell, identifier, b"")
    assert receive(talk, shell, identifier, "PT0.01S").fault == TIMED_OUT
    send(talk, shell, identifier, b"", end=True)
    assert code(receive(talk, shell, identifier)) == 3


def test_no_input_comes_after_its_end(talk, shell):
    identifier = start(talk, shell, "silent")
    assert send(talk, shell, identifier, b"last", end=True).status == 200
    assert send(talk, shell, identifier, b"more").fault == BROKEN_PIPE


def test_input_that_nobody_reads_any_more(talk, shell):
    identifier = start(talk, shell, "echo.exe")
    send(talk, shell, identifier, b"", end=True)
    assert send(talk, shell, identifier, b"more").fault == BROKEN_PIPE
    receive(talk, shell, identifier)
    ended = start(talk, shell, "hostname")
    assert send(talk, shell, ended, b"more").fault == BROKEN_PIPE


# --- signals


@pytest.mark.parametrize("name", ["ctrl_c", "ctrl_break"])
def test_an_interrupted_program_ends_unless_it_handles_the_signal(talk, shell, machine, name):
    identifier = start(talk, shell, "silent")
    assert signal(talk, shell, identifier, name).status == 200
    answer = receive(talk, shell, identifier)
    assert (state(answer), code(answer)) == ("Done", 0xC000013A)
    identifier = start(talk, shell, "stubborn")
    signal(talk, shell, identifier, name)
    answer = receive(talk, shell, identifier)
    assert (streams(answer), state(answer)) == (f"{name}\r\n".encode(), "Running")
    machine.clock.advance(5)
    assert code(receive(talk, shell, identifier)) == 7


def test_a_signal_after_the_end_changes_nothing(talk, shell):
    identifier = start(talk, shell, "hostname")
    assert signal(talk, shell, identifier, "ctrl_c").status == 200
    assert code(receive(talk, shell, identifier)) == 0


def test_terminate_kills_and_forgets_the_command(talk, shell, machine, waiting_receive):
    identifier = start(talk, shell, "stubborn")
    (process,) = machine.processes
    answer = waiting_receive(shell, identifier)
    assert signal(talk, shell, identifier, "terminate").status == 200
    assert answer.result().fault == ABORTED
    assert (process.killed, process.exit_code, machine.processes) == (True, None, [])
    assert receive(talk, shell, identifier).fault == GONE
    assert code(receive(talk, shell, start(talk, shell, "hostname"))) == 0


def test_a_signal_without_a_command_is_for_all_of_the_shell(talk, shell):
    identifier = start(talk, shell, "silent")
    assert signal(talk, shell, "", "ctrl_c").status == 200
    assert code(receive(talk, shell, identifier)) == 0xC000013A


def test_deleting_the_shell_kills_its_program(talk, shell, machine, waiting_receive):
    answer = waiting_receive(shell, start(talk, shell, "stubborn"))
    deleted = talk.transfer("Delete", CMD, {"ShellId": shell})
    assert (deleted.status, len(deleted.body)) == (200, 0)
    assert answer.result().fault == ABORTED
    assert machine.processes == []
    assert command(talk, shell, "hostname").fault == GONE


# --- what a program is started with


def test_the_environment_reaches_the_program(talk):
    shell = create(talk, '<rsp:Environment><rsp:Variable Name="env1">var1</rsp:Variable></rsp:Environment>')
    lines = streams(receive(talk, shell, start(talk, shell, "cmd.exe", "/c", "set"))).decode().splitlines()
    assert {"env1=var1", "COMPUTERNAME=HV01", r"USERPROFILE=C:\Users\Administrator"} <= set(lines)


@pytest.mark.parametrize(("page", "encoding"), [("65001", "utf-8"), ("850", "cp850"), ("932", "cp932"), ("", "cp437")])
def test_text_comes_in_the_code_page_of_the_shell(talk, page, encoding):
    shell = create(talk, extra=option("WINRS_CODEPAGE", page) if page else "")
    word = "日本" if page == "932" else "Größe"
    assert streams(receive(talk, shell, start(talk, shell, f"echo {word}"))) == f"{word}\r\n".encode(encoding)


def test_an_unknown_code_page_is_refused(talk):
    assert ask_shell(talk, extra=option("WINRS_CODEPAGE", "7")).fault == PARAMETER


@pytest.mark.parametrize("console", [True, False])
def test_a_program_knows_whether_its_input_is_a_console(talk, shell, machine, console):
    start(talk, shell, "silent", extra=option("WINRS_CONSOLEMODE_STDIN", str(console).upper()))
    assert machine.processes[0].context.console is console


def test_cmd_reads_the_line_whatever_the_client_asks(talk, shell):
    """MS-WSMV note 117: Windows Server 2012 R2 and later ignore WINRS_SKIP_CMD_SHELL."""
    identifier = start(talk, shell, "echo one &amp;&amp; hostname", extra=option("WINRS_SKIP_CMD_SHELL", "TRUE"))
    assert streams(receive(talk, shell, identifier)) == b"one \r\nHV01\r\n"


@pytest.mark.parametrize("line", ["", "  "])
def test_a_command_needs_a_name(talk, shell, line):
    answer = command(talk, shell, line)
    assert answer.fault == PARAMETER
    assert answer.find(".//f:ProviderFault").get("provider") == "Shell cmd plugin"


def test_receive_needs_a_command(talk, shell):
    answer = act(talk, shell, "Receive", "<rsp:Receive><rsp:DesiredStream>stdout</rsp:DesiredStream></rsp:Receive>")
    assert answer.fault == PARAMETER


# --- with others


def test_a_rule_that_delays_takes_no_output_away(endpoint, talk, shell, rules):
    identifier = start(talk, shell, "hostname")
    rules.add(Rule("delay", operation="Receive", seconds=30))
    assert receive(talk, shell, identifier, "PT5S").fault == TIMED_OUT
    assert streams(receive(talk, shell, identifier)) == b"HV01\r\n"


def test_pywinrm_runs_a_program(endpoint):
    session = winrm.Session(endpoint.url, auth=("Administrator", "p:ss wörd"), transport="basic")
    result = session.run_cmd("cmd.exe", ["/c", "echo", "hi"])
    assert (result.status_code, result.std_out, result.std_err) == (0, b"hi\r\n", b"")
    result = session.run_cmd("nonsense.exe")
    assert result.status_code == 1
    assert b"'nonsense.exe' is not recognized" in result.std_err
