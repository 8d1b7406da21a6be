"""WinRS: the shell resource of WinRM, in which a client runs native programs (MS-WSMV 3.1.4.5 to 3.1.4.14)."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ..windows import programs
from .encode import interval
from .envelope import SHELL, TRANSFER, Request, duration, escape, escape_attribute, local_name
from .faults import fault

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from ..windows.programs.process import Process
    from .config import Settings

CMD = f"{SHELL}/cmd"
_STATE = f"{SHELL}/CommandState"
# Bytes of output in one ReceiveResponse.
_ROOM = 24_000
_NO_SHELL = (
    "The request for the Windows Remote Shell with ShellId {id} failed because the shell was not found on the server. "
    "Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. Provide the "
    "correct ShellId or create a new shell and retry the operation. "
)
_NO_COMMAND = (
    "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. "
    "Either the command has completed execution or the client specified an invalid command identifier. "
)


def is_shell(resource_uri: str) -> bool:
    return resource_uri.lower() == CMD.lower()


def line_of(body: Element | None) -> str:
    """The command line of a request; "" if it has none."""
    if body is None or body.tag != f"{{{SHELL}}}CommandLine":
        return ""
    command = (body.findtext(f"{{{SHELL}}}Command") or "").strip()
    arguments = [argument.text or "" for argument in body.findall(f"{{{SHELL}}}Arguments")]
    return " ".join((command, *arguments)) if command else ""


@dataclass
class Command:
    """A program of a shell; `reported` once a client has received that it is done."""

    process: Process
    reported: bool = False


@dataclass
class Shell:
    """`boot` is the run of Windows it belongs to: no shell outlives a restart."""

    identifier: str
    owner: str
    user: User
    boot: int
    idle_timeout: float
    used: float
    directory: str
    environment: dict[str, str]
    encoding: str
    streams: list[str]
    commands: dict[str, Command] = field(default_factory=dict)


class Shells:
    """The shells of a machine. Programs run on the clock; only Receive waits, without holding the simulation's lock."""

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self.machine = machine
        self.settings = settings
        self._shells: dict[str, Shell] = {}

    def handle(self, request: Request, user: User, address: str, client: str, timeout: float) -> tuple[str, str]:
        """Kind of envelope and body of the answer."""
        with self.machine.turn():
            if request.action == f"{TRANSFER}/Create":
                return "shell-create", self._create(request, user, address, client)
            shell = self._find(request, user)
            if request.action == f"{TRANSFER}/Delete":
                self._delete(shell)
                return "transfer", ""
            operation = request.action.removeprefix(f"{SHELL}/")
            body = request.body
            expected = {"Command": "CommandLine", "Send": "Send", "Receive": "Receive", "Signal": "Signal"}.get(
                operation
            )
            if expected is None:
                raise fault("InvalidAction")
            if body is None or body.tag != f"{{{SHELL}}}{expected}":
                raise fault("InvalidBody")
            match operation:
                case "Command":
                    return "shell", self._command(shell, body, request)
                case "Send":
                    return "shell", self._send(shell, body)
                case "Signal":
                    return "shell", self._signal(shell, body)
            try:
                return "shell", self._receive(shell, body, timeout)
            finally:
                shell.used = self.machine.clock.seconds()

    # --- shells

    def _create(self, request: Request, user: User, address: str, client: str) -> str:
        body = request.body
        if body is None or body.tag != f"{{{SHELL}}}Shell":
            raise fault("InvalidBody")
        parts = {local_name(child.tag).lower(): (child.text or "").strip() for child in body}
        idle = duration(parts["idletimeout"]) if "idletimeout" in parts else self.settings.shell_idle_timeout
        if idle is None:
            raise fault("SchemaValidationError")
        try:
            encoding = programs.code_page(self.machine, request.options.get("winrs_codepage"))
        except LookupError as error:
            raise fault("ShellParameter") from error
        self._forget_ended()
        if sum(shell.owner == user.name for shell in self._shells.values()) >= self.settings.max_shells_per_user:
            raise fault("MaxShells")
        identifier = body.get("ShellId") or str(uuid.uuid4()).upper()
        shell = self._shells[identifier] = Shell(
            identifier,
            user.name,
            user,
            self.machine.boots,
            idle,
            self.machine.clock.seconds(),
            parts.get("workingdirectory", ""),
            {variable.get("Name", ""): variable.text or "" for variable in body.iter(f"{{{SHELL}}}Variable")},
            encoding,
            (parts.get("outputstreams") or "stdout stderr").split(),
        )
        self._expire_later(shell, idle)
        if lifetime := duration(parts.get("lifetime", "")):
            self.machine.clock.after(lifetime, lambda: self._delete(shell))
        return _created(shell, self.machine, address, client, parts.get("inputstreams") or "stdin")

    def _find(self, request: Request, user: User) -> Shell:
        self._forget_ended()
        identifier = str({name.lower(): value for name, value in request.selectors}.get("shellid", ""))
        shell = self._shells.get(identifier)
        if shell is None or shell.owner != user.name:
            # Captured by many clients: InvalidSelectors, with a sentence of its own in the detail.
            raise fault("InvalidSelectors", message=_NO_SHELL.format(id=identifier))
        shell.used = self.machine.clock.seconds()
        return shell

    def _delete(self, shell: Shell) -> None:
        """End a shell and all its programs, also while a client waits for their output."""
        if self._shells.get(shell.identifier) is shell:
            del self._shells[shell.identifier]
        for command in shell.commands.values():
            command.process.kill()

    def _forget_ended(self) -> None:
        """Shells of an earlier run of Windows are gone."""
        self._shells = {key: shell for key, shell in self._shells.items() if shell.boot == self.machine.boots}

    def _expire_later(self, shell: Shell, seconds: float) -> None:
        self.machine.clock.after(seconds, lambda: self._expire(shell))

    def _expire(self, shell: Shell) -> None:
        """Delete a shell that no request was sent to for its idle time-out (MS-WSMV 3.1.4.1.31.5)."""
        if self._shells.get(shell.identifier) is not shell:
            return
        left = shell.used + shell.idle_timeout - self.machine.clock.seconds()
        if left > 0:
            self._expire_later(shell, left)
        else:
            self._delete(shell)

    # --- commands

    def _command(self, shell: Shell, body: Element, request: Request) -> str:
        line = line_of(body)
        if not line:
            raise fault("ShellParameter")
        if any(not command.reported for command in shell.commands.values()):
            raise fault("Concurrency")  # MS-WSMV note 121: until a client has received the end of the previous command
        direct = self.settings.skip_cmd_shell and _is_set(request, "winrs_skip_cmd_shell")
        try:
            process = programs.start(
                self.machine,
                line,
                user=shell.user,
                directory=shell.directory,
                environment=shell.environment,
                encoding=shell.encoding,
                console=_is_set(request, "winrs_consolemode_stdin"),
                direct=direct,
            )
        except FileNotFoundError as error:
            raise fault("NoProgram") from error
        identifier = body.get("CommandId") or str(uuid.uuid4()).upper()
        shell.commands[identifier] = Command(process)
        return f"<rsp:CommandResponse><rsp:CommandId>{escape(identifier)}</rsp:CommandId></rsp:CommandResponse>"

    def _find_command(self, shell: Shell, identifier: str) -> Command:
        command = shell.commands.get(identifier)
        if command is None:
            raise fault("InvalidSelectors", message=_NO_COMMAND)
        return command

    def _send(self, shell: Shell, body: Element) -> str:
        for stream in body.findall(f"{{{SHELL}}}Stream"):
            process = self._find_command(shell, stream.get("CommandId", "")).process
            try:
                data = base64.b64decode(stream.text or "")
            except binascii.Error as error:
                raise fault("SchemaValidationError") from error
            if not process.running or process.context.stdin.closed:
                raise fault("BrokenPipe")
            process.write(data, end=stream.get("End", "").lower() in ("true", "1"))
        return "<rsp:SendResponse/>"

    def _receive(self, shell: Shell, body: Element, timeout: float) -> str:
        desired = body.find(f"{{{SHELL}}}DesiredStream")
        identifier = desired.get("CommandId") if desired is not None else None
        if desired is None or not identifier:
            raise fault("ShellParameter")
        command = self._find_command(shell, identifier)
        process = command.process
        streams = [stream for stream in (desired.text or "").split() if stream in shell.streams]
        if not self.machine.clock.wait(lambda: process.has_output(streams) or not process.running, timeout):
            raise fault("TimedOut")
        if process.killed:
            raise fault("OperationAborted")
        return self._output(command, identifier, streams)

    def _output(self, command: Command, identifier: str, streams: list[str]) -> str:
        """As much output as fits; the state is Done, with the exit code, in the answer that has the last of it."""
        quoted, process = escape_attribute(identifier), command.process
        parts = [
            f'<rsp:Stream Name="{name}" CommandId="{quoted}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in process.take(streams, _ROOM)
        ]
        if process.running or process.has_output(streams):
            state = f'<rsp:CommandState CommandId="{quoted}" State="{_STATE}/Running"></rsp:CommandState>'
        else:
            command.reported = True
            parts += [f'<rsp:Stream Name="{name}" CommandId="{quoted}" End="true"></rsp:Stream>' for name in streams]
            state = (
                f'<rsp:CommandState CommandId="{quoted}" State="{_STATE}/Done">'
                f"<rsp:ExitCode>{process.exit_code}</rsp:ExitCode></rsp:CommandState>"
            )
        return f"<rsp:ReceiveResponse>{''.join(parts)}{state}</rsp:ReceiveResponse>"

    def _signal(self, shell: Shell, body: Element) -> str:
        """Terminate ends a command and forgets it; Ctrl+C and Ctrl+Break leave it to the program (MS-WSMV 2.2.4.38)."""
        identifier = body.get("CommandId")
        code = (body.findtext(f"{{{SHELL}}}Code") or "").strip().rpartition("/")[2].lower()
        if code not in ("terminate", "ctrl_c", "ctrl_break"):
            raise fault("InvalidBody")
        # Without a command the signal is for the shell: for all that runs in it.
        commands = {identifier: self._find_command(shell, identifier)} if identifier else dict(shell.commands)
        for key, command in commands.items():
            if code == "terminate":
                command.process.kill()
                del shell.commands[key]
            else:
                command.process.signal(code)
        return "<rsp:SignalResponse/>"


def _is_set(request: Request, option: str) -> bool:
    return request.options.get(option, "").lower() in ("true", "1")


def _created(shell: Shell, machine: Machine, address: str, client: str, input_streams: str) -> str:
    """The body of a CreateResponse, in the order captured from Windows Server 2016."""
    identifier = escape(shell.identifier)
    variables = "".join(
        f'<rsp:Variable Name="{escape_attribute(name)}">{escape(value)}</rsp:Variable>'
        for name, value in shell.environment.items()
    )
    environment = f"<rsp:Environment>{variables}</rsp:Environment>" if variables else ""
    directory = f"<rsp:WorkingDirectory>{escape(shell.directory)}</rsp:WorkingDirectory>" if shell.directory else ""
    none = interval(timedelta())
    return (
        f"<x:ResourceCreated><a:Address>http://{escape(address)}/wsman</a:Address><a:ReferenceParameters>"
        f'<w:ResourceURI>{CMD}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{identifier}</w:Selector>'
        "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
        f"<rsp:Shell><rsp:ShellId>{identifier}</rsp:ShellId><rsp:ResourceUri>{CMD}</rsp:ResourceUri>"
        f"<rsp:Owner>{escape(machine.name)}\\{escape(shell.owner)}</rsp:Owner>"
        f"<rsp:ClientIP>{escape(client)}</rsp:ClientIP>{environment}{directory}"
        f"<rsp:IdleTimeOut>PT{shell.idle_timeout:.3f}S</rsp:IdleTimeOut>"
        f"<rsp:InputStreams>{escape(input_streams)}</rsp:InputStreams>"
        f"<rsp:OutputStreams>{escape(' '.join(shell.streams))}</rsp:OutputStreams>"
        f"<rsp:ShellRunTime>{none}</rsp:ShellRunTime><rsp:ShellInactivity>{none}</rsp:ShellInactivity></rsp:Shell>"
    )
