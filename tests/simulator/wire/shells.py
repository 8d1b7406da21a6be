"""WinRS: the shell resource of WinRM, in which a client runs native programs (MS-WSMV 3.1.4.5 to 3.1.4.11)."""

from __future__ import annotations

import base64
import binascii
import threading
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from .encode import interval
from .envelope import SHELL, TRANSFER, Request, escape, local_name
from .faults import fault

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from .config import Settings

CMD = f"{SHELL}/cmd"
_STATE = f"{SHELL}/CommandState"
# Base64 characters of output in one ReceiveResponse.
_CHUNK = 32_000


def is_shell(resource_uri: str) -> bool:
    return resource_uri.lower() == CMD.lower()


@dataclass
class Command:
    """A program of a shell; it starts when its input is complete or its output is asked for."""

    line: str
    arguments: list[str]
    stdin: bytes = b""
    stdin_closed: bool = False
    output: list[tuple[str, bytes]] = field(default_factory=list)
    code: int | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)
    started: bool = False


@dataclass
class Shell:
    identifier: str
    owner: str
    created: float
    used: float
    commands: dict[str, Command] = field(default_factory=dict)


class Shells:
    """The shells of one machine."""

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self.machine = machine
        self.settings = settings
        self._shells: dict[str, Shell] = {}
        self._lock = threading.Lock()

    def handle(self, request: Request, user: User, address: str, client: str, timeout: float) -> tuple[str, str]:
        """Kind of envelope and body of the answer."""
        if request.action == f"{TRANSFER}/Create":
            return "shell-create", self._create(request, user, address, client)
        shell = self._find(request, user)
        if request.action == f"{TRANSFER}/Delete":
            with self._lock:
                self._shells.pop(shell.identifier, None)
            return "transfer", ""
        operation = request.action.removeprefix(f"{SHELL}/")
        body = request.body
        expected = {"Command": "CommandLine", "Send": "Send", "Receive": "Receive", "Signal": "Signal"}.get(operation)
        if expected is None:
            raise fault("InvalidAction")
        if body is None or body.tag != f"{{{SHELL}}}{expected}":
            raise fault("InvalidBody")
        match operation:
            case "Command":
                return "shell", self._command(shell, body)
            case "Send":
                return "shell", self._send(shell, body)
            case "Receive":
                return "shell", self._receive(shell, body, timeout)
        return "shell", self._signal(shell, body)

    def _create(self, request: Request, user: User, address: str, client: str) -> str:
        body = request.body
        if body is None or body.tag != f"{{{SHELL}}}Shell":
            raise fault("InvalidBody")
        now = self.machine.clock.seconds()
        identifier = body.get("ShellId") or str(uuid.uuid4()).upper()
        with self._lock:
            self._expire()
            if sum(shell.owner == user.name for shell in self._shells.values()) >= self.settings.max_shells_per_user:
                raise fault("MaxShells")
            self._shells[identifier] = Shell(identifier, user.name, now, now)
        parts = {local_name(child.tag): (child.text or "").strip() for child in body}
        idle = parts.get("IdleTimeOut") or parts.get("IdleTimeout") or "PT7200.000S"
        selector = (
            "<a:ReferenceParameters>"
            f'<w:ResourceURI>{CMD}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{escape(identifier)}'
            "</w:Selector></w:SelectorSet></a:ReferenceParameters>"
        )
        return (
            f"<x:ResourceCreated><a:Address>http://{escape(address)}/wsman</a:Address>{selector}</x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{escape(identifier)}</rsp:ShellId><rsp:ResourceUri>{CMD}</rsp:ResourceUri>"
            f"<rsp:Owner>{escape(self.machine.name)}\\{escape(user.name)}</rsp:Owner>"
            f"<rsp:ClientIP>{escape(client)}</rsp:ClientIP><rsp:IdleTimeOut>{escape(idle)}</rsp:IdleTimeOut>"
            f"<rsp:InputStreams>{escape(parts.get('InputStreams') or 'stdin')}</rsp:InputStreams>"
            f"<rsp:OutputStreams>{escape(parts.get('OutputStreams') or 'stdout stderr')}</rsp:OutputStreams>"
            f"<rsp:ShellRunTime>{_elapsed(0)}</rsp:ShellRunTime><rsp:ShellInactivity>{_elapsed(0)}"
            "</rsp:ShellInactivity></rsp:Shell>"
        )

    def _find(self, request: Request, user: User) -> Shell:
        selectors = {name.lower(): value for name, value in request.selectors}
        with self._lock:
            self._expire()
            shell = self._shells.get(str(selectors.get("shellid", "")))
        if shell is None or shell.owner != user.name:
            # Captured by many clients: a shell that is gone answers InvalidSelectors, 2150858843.
            raise fault("InvalidSelectors")
        shell.used = self.machine.clock.seconds()
        return shell

    def _expire(self) -> None:
        oldest = self.machine.clock.seconds() - self.settings.shell_idle_timeout
        for identifier in [key for key, shell in self._shells.items() if shell.used < oldest]:
            del self._shells[identifier]

    def _command(self, shell: Shell, body: Element) -> str:
        line = (body.findtext(f"{{{SHELL}}}Command") or "").strip()
        if not line:
            raise fault("InvalidBody")
        arguments = [argument.text or "" for argument in body.findall(f"{{{SHELL}}}Arguments")]
        identifier = body.get("CommandId") or str(uuid.uuid4()).upper()
        shell.commands[identifier] = Command(line, arguments)
        return f"<rsp:CommandResponse><rsp:CommandId>{escape(identifier)}</rsp:CommandId></rsp:CommandResponse>"

    def _one(self, shell: Shell, identifier: str | None) -> Command:
        command = shell.commands.get(identifier or "")
        if command is None:
            raise fault("InvalidSelectors")
        return command

    def _send(self, shell: Shell, body: Element) -> str:
        for stream in body.findall(f"{{{SHELL}}}Stream"):
            command = self._one(shell, stream.get("CommandId"))
            if command.started or command.stdin_closed:
                raise fault("InvalidBody")
            try:
                command.stdin += base64.b64decode(stream.text or "")
            except binascii.Error as error:
                raise fault("SchemaValidationError") from error
            if stream.get("End", "").lower() in ("true", "1"):
                command.stdin_closed = True
                self._start(command)
        return "<rsp:SendResponse/>"

    def _start(self, command: Command) -> None:
        if command.started:
            return
        command.started = True

        def run() -> None:
            try:
                stdout, stderr, code = self.machine.run_program(command.line, command.arguments, command.stdin)
                command.output = [("stdout", _octets(stdout)), ("stderr", _octets(stderr))]
                command.code = code
            finally:
                if command.code is None:
                    command.code = 1
                command.done.set()

        threading.Thread(target=run, name="simulator-program", daemon=True).start()

    def _receive(self, shell: Shell, body: Element, timeout: float) -> str:
        desired = body.find(f"{{{SHELL}}}DesiredStream")
        identifier = desired.get("CommandId") if desired is not None else None
        command = self._one(shell, identifier)
        self._start(command)
        if not command.done.wait(timeout):
            raise fault("TimedOut")
        wanted = ((desired.text or "") if desired is not None else "").split()
        return self._output(command, identifier or "", wanted)

    def _output(self, command: Command, identifier: str, wanted: list[str]) -> str:
        """As much output as fits in one answer; the state is Done when the last of it is out."""
        quoted = escape(identifier)
        parts, room = [], _CHUNK * 3 // 4
        left: list[tuple[str, bytes]] = []
        for name, data in command.output:
            if name in wanted and data:
                text = base64.b64encode(data[:room]).decode() if room else ""
                if text:
                    parts.append(f'<rsp:Stream Name="{name}" CommandId="{quoted}">{text}</rsp:Stream>')
                if data[room:]:
                    left.append((name, data[room:]))
                room = max(0, room - len(data))
        command.output = left
        if left:
            state = f'<rsp:CommandState CommandId="{quoted}" State="{_STATE}/Running"></rsp:CommandState>'
        else:
            parts += [f'<rsp:Stream Name="{name}" CommandId="{quoted}" End="true"></rsp:Stream>' for name in wanted]
            state = (
                f'<rsp:CommandState CommandId="{quoted}" State="{_STATE}/Done">'
                f"<rsp:ExitCode>{command.code}</rsp:ExitCode></rsp:CommandState>"
            )
        return f"<rsp:ReceiveResponse>{''.join(parts)}{state}</rsp:ReceiveResponse>"

    def _signal(self, shell: Shell, body: Element) -> str:
        identifier = body.get("CommandId")
        command = self._one(shell, identifier)
        code = (body.findtext(f"{{{SHELL}}}Code") or "").rpartition("/")[2].lower()
        if code not in ("terminate", "ctrl_c", "ctrl_break"):
            raise fault("InvalidBody")
        if code == "terminate":
            shell.commands.pop(identifier or "", None)
        if not command.started:
            command.started = True
            command.code = 1
            command.done.set()
        return "<rsp:SignalResponse/>"


def _elapsed(seconds: float) -> str:
    return interval(timedelta(seconds=int(seconds)))


def _octets(output: str | bytes) -> bytes:
    return output if isinstance(output, bytes) else output.encode()
