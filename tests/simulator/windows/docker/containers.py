"""A container: what it was created with, and the program that runs in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...machine.files import Drive, Files
from ..programs.command_line import join, split
from ..programs.process import READ, Context, Pipe, Process, Steps, run

if TYPE_CHECKING:
    from ...machine.clock import Clock
    from .images import Image

HYPERV, PROCESS = "hyperv", "process"
CREATED, RUNNING, EXITED, RESTARTING = "created", "running", "exited", "restarting"
STOPPED_CODE = 0x40010004  # DBG_TERMINATE_PROCESS of ntstatus.h: how programs end at `docker stop` (WIN-36)
UNKNOWN_CODE = 128  # exitUnknown of moby's errors.go: a container that could not start
NOT_FOUND_CODE = 127
_SHELL = re.compile(r'^"?(?:c:\\windows\\system32\\)?cmd(?:\.exe)?"?\s*$', re.IGNORECASE)


class NotStarted(Exception):
    """The sentence that the daemon answers a start with."""

    def __init__(self, text: str, code: int = UNKNOWN_CODE) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Container:
    """`ports` are (container port/protocol, host address, host port); `binds` are texts as given."""

    id: str
    name: str
    image: Image
    image_name: str
    created: datetime
    isolation: str
    entrypoint: list[str]
    command: list[str]
    environment: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    memory: int = 0
    nano_cpus: int = 0
    cpu_count: int = 0
    ports: list[tuple[str, str, str]] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)
    restart: str = "no"
    auto_remove: bool = False
    hostname: str = ""
    directory: str = ""
    user: str = ""
    network: str = "default"
    interactive: bool = False
    tty: bool = False
    status: str = CREATED
    exit_code: int = 0
    error: str = ""
    pid: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    restarts: int = 0
    stopped_by_user: bool = False
    log: list[tuple[str, bytes]] = field(default_factory=list)
    process: Process | None = None
    inside: Inside | None = None

    @property
    def running(self) -> bool:
        return self.status == RUNNING

    @property
    def line(self) -> list[str]:
        """The command line in parts: path and arguments."""
        return [*self.entrypoint, *self.command]

    @property
    def restart_name(self) -> str:
        return self.restart.partition(":")[0] or "no"

    @property
    def restart_limit(self) -> int:
        limit = self.restart.partition(":")[2]
        return int(limit) if limit.isdigit() else 0


class Inside:
    """Windows in a container, as far as programs ask for it: its version is that of the image."""

    def __init__(self, container: Container, clock: Clock) -> None:
        self.clock = clock
        self.name = container.hostname
        self.locale = "en-US"
        parts = container.image.os_version.split(".")
        self.os = {"build": container.image.build, "revision": int(parts[3]) if len(parts) > 3 else 0}
        self.files = Files(clock)
        self.files.add_drive(Drive("C", 20 << 30, 0))
        self.files.make_folder("C:\\Windows\\System32")
        self.processes: list[Process] = []

    def start(
        self, container: Container, line: list[str], *, ended: Any = None, variables: Iterable[str] = ()
    ) -> Process:
        """Start a program; NotStarted if there is none of that name. `ended` gets its exit code."""
        from .. import programs  # it knows docker.exe, which knows this file

        command_line = join(line)
        environment = programs.default_environment(self, None)  # type: ignore[arg-type]
        environment |= {"USERNAME": "ContainerAdministrator"}
        environment |= dict(entry.split("=", 1) for entry in (*container.environment, *variables) if "=" in entry)
        context = Context(
            self,  # type: ignore[arg-type]
            None,
            container.directory or "C:\\",
            environment,
            "utf-8",
            container.tty,
            command_line,
            tuple(split(command_line)[1:]),
            Pipe(closed=not container.interactive and not container.tty),
        )
        if _SHELL.fullmatch(command_line):
            program = _shell
        else:
            path = programs.cmd.locate(context, line[0])
            found = path and programs.find(context.machine, path)
            if not found:
                sentence = f"hcs::System::CreateProcess {container.id}: The system cannot find the file specified."
                raise NotStarted(sentence, NOT_FOUND_CODE)
            program = found

        def body(inner: Context) -> Steps:
            code = yield from run(program, inner)
            if ended:
                ended(code & 0xFFFFFFFF)
            return code

        return Process(context, body)


def _shell(context: Context) -> Steps:
    """cmd.exe without a command: it ends with its input."""
    os = context.machine.os
    context.out(f"Microsoft Windows [Version 10.0.{os['build']}.{os['revision']}]\r\n")
    context.out("(c) Microsoft Corporation. All rights reserved.\r\n\r\nC:\\>")
    while (yield READ):
        pass
    return 0
