# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WinRS: a remote shell in which programs run one after the other (MS-WSMV 3.1.4.5 to 3.1.4.14)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from xml.etree.ElementTree import Element

from .envelope import ACTION_CREATE, ACTION_DELETE, attribute, text
from .faults import (
    BadAnswer,
    Fault,
    HostError,
    InvalidSelectors,
    OperationTimeout,
    ProgramTimeout,
    RequestTooLarge,
    WSManError,
)

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CMD = f"{SHELL}/cmd"
TERMINATE = f"{SHELL}/signal/terminate"

# A shell that its client forgets ends after this time; Windows keeps it for two hours otherwise.
IDLE = 900  # seconds
# Octets of input in one message: as base64 they fit the envelope of the service (500 KB) next to the rest.
CHUNK = 262_144
SMALLEST_CHUNK = 8_000
MOST_OUTPUT = 64 << 20  # octets
RECEIVE_PAUSES = (0.5, 2.0, 5.0)
EMPTY_PAUSE = 0.1  # seconds after an answer without output, which a host may give at once
_NO_PROGRAM = {0x80070002, 0x80070003}
_DONE = "/Done"


class Caller(Protocol):
    """The operation of a Client that a shell needs."""

    def call(
        self,
        action: str,
        resource: str,
        body: str = "",
        selectors: Mapping[str, Any] | None = None,
        *,
        extra_headers: str = "",
        repeatable: bool = False,
        timeout: float | None = None,
    ) -> Element: ...


class Ended(NamedTuple):
    """A program that has ended: its output as octets, its exit code from 0 to 2^32-1.

    ``complete`` is false if output was lost with an answer of the host.
    """

    stdout: bytes
    stderr: bytes
    code: int
    complete: bool = True


class NoProgram(Fault):
    """Windows errors 2 and 3 for a command: there is no such program."""

    meaning = "the program does not exist"


class Shell:
    """A shell of a host; it is opened by its first program, and again if the host has forgotten it.

    The environment belongs to the shell, so that all of its programs have the same.
    """

    def __init__(
        self,
        client: Caller,
        environment: Mapping[str, str] | None = None,
        *,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.environment = dict(environment or {})
        self._client = client
        self._id = ""
        self._sleep = sleep or _pause
        self._clock = clock or _now

    def run(
        self,
        program: str,
        arguments: str = "",
        stdin: bytes | Iterable[bytes] | None = None,
        timeout: float = 60,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Ended:
        """Run a command line to its end; both parts are written as the host is to read them.

        ``stdin`` None leaves the input open, b"" ends it; none of it is sent twice. ``on_output`` gets the standard
        output as it comes. Raises NoProgram, ProgramTimeout after ``timeout`` s (the program is stopped, what it has
        started may go on), and WSManError with ``sent`` if nobody can say what became of the program.
        """
        deadline = self._clock() + timeout
        try:
            command = self._start(program, arguments)
            with _started():
                if stdin is not None:
                    self._feed(command, _pieces(stdin), deadline, timeout)
                ended = self._read(command, deadline, timeout, on_output)
        except BaseException:
            self.close()  # a shell runs one program at a time, and this one may still run
            raise
        with contextlib.suppress(HostError):
            self._signal(command)  # the host forgets the program
        return ended

    def close(self) -> None:
        """Delete the shell, which stops its program; nothing if there is none."""
        if self._id:
            with contextlib.suppress(HostError):
                self._call(ACTION_DELETE)
            self._id = ""

    @property
    def is_open(self) -> bool:
        """Whether the host has this shell, as far as is known; with it, the profile of the user is loaded."""
        return bool(self._id)

    def forget(self) -> None:
        """Open a new shell for the next program: the host has restarted, and this one is gone."""
        self._id = ""

    # ---- a program ----

    def _start(self, program: str, arguments: str) -> str:
        body = f"<rsp:Command>{text(program)}</rsp:Command>"
        if arguments:
            body += f"<rsp:Arguments>{text(arguments)}</rsp:Arguments>"
        # The program gets a pipe for its input: with a console, programs believe that somebody sits at it.
        options = _options(WINRS_CONSOLEMODE_STDIN="FALSE", WINRS_SKIP_CMD_SHELL="TRUE")
        line = f'<rsp:CommandLine xmlns:rsp="{SHELL}">{body}</rsp:CommandLine>'
        known = bool(self._id)
        self._open()
        try:
            answer = self._call(f"{SHELL}/Command", line, options)
        except InvalidSelectors:
            if not known:
                raise
            self.forget()  # the host had deleted the shell, and has not run the command
            self._open()
            answer = self._call(f"{SHELL}/Command", line, options)
        except Fault as fault:
            if _NO_PROGRAM.intersection(fault.codes):
                raise NoProgram(fault.parts, resource=fault.resource, action=fault.action) from fault
            raise
        return _text_of(answer, "CommandId")

    def _feed(self, command: str, pieces: Iterator[bytes], deadline: float, timeout: float) -> None:
        """Send the input and end it. A program that has ended already takes none."""
        size, pending, more = CHUNK, b"", True
        while True:
            while more and len(pending) <= size:  # one octet more shows that this is not the end
                piece = next(pieces, None)
                more, pending = piece is not None, pending + (piece or b"")
            part, at_end = pending[:size], len(pending) <= size
            end = ' End="true"' if at_end else ""
            stream = f'<rsp:Stream Name="stdin" CommandId="{attribute(command)}"{end}>'
            stream += f"{base64.b64encode(part).decode()}</rsp:Stream>"
            if self._clock() >= deadline:
                raise _too_long(timeout)
            try:
                self._call(f"{SHELL}/Send", f'<rsp:Send xmlns:rsp="{SHELL}">{stream}</rsp:Send>')
            except RequestTooLarge:
                if size <= SMALLEST_CHUNK:
                    raise
                size //= 2
                continue
            except Fault:
                return  # the end of the program says more
            if at_end:
                return
            pending = pending[size:]

    def _read(self, command: str, deadline: float, timeout: float, on_output: Callable[[bytes], None] | None) -> Ended:
        output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        complete, total = True, 0
        while True:
            left = deadline - self._clock()
            if left <= 0:
                raise _too_long(timeout)
            try:
                answer, whole = self._receive(command, left)
            except OperationTimeout as silence:
                if not isinstance(silence, Fault):
                    raise
                continue  # nothing new for as long as the host lets a request wait
            if next(answer.iter(f"{{{SHELL}}}Stream"), None) is None and _exit_code(answer) is None:
                self._sleep(EMPTY_PAUSE)
            complete = complete and whole
            for name, data in _streams(answer):
                total += len(data)
                if total > MOST_OUTPUT:
                    raise BadAnswer(f"The output of the program is larger than {MOST_OUTPUT >> 20} MB.")
                output.setdefault(name, []).append(data)
                if on_output and name == "stdout" and data:
                    on_output(data)
            code = _exit_code(answer)
            if code is not None:
                return Ended(b"".join(output["stdout"]), b"".join(output["stderr"]), code, complete)

    def _receive(self, command: str, left: float) -> tuple[Element, bool]:
        """One answer about a running program, and whether none was lost before it."""
        wanted = f'<rsp:DesiredStream CommandId="{attribute(command)}">stdout stderr</rsp:DesiredStream>'
        body = f'<rsp:Receive xmlns:rsp="{SHELL}">{wanted}</rsp:Receive>'
        for pause in RECEIVE_PAUSES:
            try:
                answer = self._call(f"{SHELL}/Receive", body, _options(WSMAN_CMDSHELL_OPTION_KEEPALIVE="TRUE"), left)
                return answer, pause == RECEIVE_PAUSES[0]
            except Fault:
                raise
            except WSManError as error:
                if not error.sent:
                    raise
            self._sleep(pause)
        return self._call(f"{SHELL}/Receive", body, _options(WSMAN_CMDSHELL_OPTION_KEEPALIVE="TRUE"), left), False

    def _signal(self, command: str) -> None:
        self._call(
            f"{SHELL}/Signal",
            f'<rsp:Signal xmlns:rsp="{SHELL}" CommandId="{attribute(command)}"><rsp:Code>{TERMINATE}</rsp:Code>'
            "</rsp:Signal>",
        )

    # ---- the shell ----

    def _open(self) -> None:
        if self._id:
            return
        variables = "".join(
            f'<rsp:Variable Name="{attribute(name)}">{text(value)}</rsp:Variable>'
            for name, value in self.environment.items()
        )
        environment = f"<rsp:Environment>{variables}</rsp:Environment>" if variables else ""
        body = (
            f'<rsp:Shell xmlns:rsp="{SHELL}">{environment}<rsp:IdleTimeOut>PT{IDLE}.000S</rsp:IdleTimeOut>'
            "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )
        headers = _options(WINRS_NOPROFILE="FALSE", WINRS_CODEPAGE="65001")
        try:  # one that is created twice ends by itself, and changes nothing
            answer = self._client.call(ACTION_CREATE, CMD, body, extra_headers=headers, repeatable=True)
        except WSManError as error:
            error.sent = False  # no program has been started
            raise
        self._id = _selector(answer) or _text_of(answer, "ShellId")

    def _call(self, action: str, body: str = "", headers: str = "", timeout: float | None = None) -> Element:
        return self._client.call(action, CMD, body, {"ShellId": self._id}, extra_headers=headers, timeout=timeout)


@contextlib.contextmanager
def _started() -> Iterator[None]:
    """A program runs: an error about it, even of a request that the host did not take, leaves its end unknown."""
    try:
        yield
    except WSManError as error:
        error.sent = True
        raise


def _pieces(stdin: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """Input in pieces that are cheap to cut."""
    if isinstance(stdin, bytes):
        return (stdin[at : at + CHUNK] for at in range(0, len(stdin), CHUNK))
    return iter(stdin)


def _too_long(timeout: float) -> ProgramTimeout:
    return ProgramTimeout(f"The program did not end within {timeout:g} s.", timeout=timeout)


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _now() -> float:
    return time.monotonic()


def _options(**options: str) -> str:
    rows = "".join(f'<w:Option Name="{name}">{value}</w:Option>' for name, value in options.items())
    return f'<w:OptionSet s:mustUnderstand="true">{rows}</w:OptionSet>'


def _selector(answer: Element) -> str:
    """The id of a new shell as the answer to Create refers to it."""
    rows = (row for row in answer.iter() if row.tag.endswith("}Selector") and row.get("Name") == "ShellId")
    return next((row.text or "" for row in rows), "")


def _text_of(answer: Element, name: str) -> str:
    found = next((row.text for row in answer.iter(f"{{{SHELL}}}{name}") if row.text), "")
    if not found:
        raise BadAnswer(f"The host's answer about a shell has no {name}.")
    return found


def _streams(answer: Element) -> list[tuple[str, bytes]]:
    try:
        return [
            (row.get("Name", ""), base64.b64decode(row.text or "", validate=False))
            for row in answer.iter(f"{{{SHELL}}}Stream")
        ]
    except binascii.Error as error:
        raise BadAnswer("The output of a program is not base64.") from error


def _exit_code(answer: Element) -> int | None:
    """The exit code of a program that is done, as unsigned 32 bit; some hosts write it signed."""
    state = next(answer.iter(f"{{{SHELL}}}CommandState"), None)
    if state is None or not state.get("State", "").endswith(_DONE):
        return None
    try:
        return int(state.findtext(f"{{{SHELL}}}ExitCode") or "0") & 0xFFFFFFFF
    except ValueError as error:
        raise BadAnswer("The exit code of a program is not a number.") from error
