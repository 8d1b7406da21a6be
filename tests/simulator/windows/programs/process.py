"""A running program: its steps on the simulator's clock, its streams, signals and exit code."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...machine.accounts import User
    from ...machine.machine import Machine

READ = object()
# The logons of programs (LogonUser docs): that of a remote shell, and that of a scheduled task.
NETWORK, BATCH = "network", "batch"
# STATUS_CONTROL_C_EXIT of ntstatus.h: the default handler of a console program ends the process with it.
CONTROL_C_EXIT = 0xC000013A
ACCESS_VIOLATION = 0xC0000005

# What a program yields: seconds to wait, or READ. What it gets: the input it asked for. What it returns: its exit code.
Steps = Generator[Any, Any, int]
Main = Callable[["Context"], "Steps | int"]


class Interrupted(Exception):
    """A signal of the client, raised where the program waits; the argument is ctrl_c or ctrl_break."""


@dataclass
class Pipe:
    """Standard input: what was sent and not read yet."""

    data: bytes = b""
    closed: bool = False


@dataclass(frozen=True)
class Context:
    """What a program is started with. Programs that another one starts share its streams.

    `console` says that standard input is a console (WINRS_CONSOLEMODE_STDIN), `code_page` is that of the console: text
    that a program writes is encoded in it, bytes are written as they are. `logon` is how its user has been logged on.
    """

    machine: Machine
    user: User | None
    directory: str
    environment: dict[str, str]
    code_page: str
    console: bool = False
    command_line: str = ""
    arguments: tuple[str, ...] = ()
    stdin: Pipe = field(default_factory=Pipe)
    output: list[tuple[str, bytes]] = field(default_factory=list)
    logon: str = NETWORK

    def child(self, command_line: str, arguments: tuple[str, ...]) -> Context:
        return replace(self, command_line=command_line, arguments=arguments)

    def out(self, content: str | bytes, stream: str = "stdout") -> None:
        octets = content if isinstance(content, bytes) else content.encode(self.code_page, "replace")
        if octets:
            self.output.append((stream, octets))

    def err(self, content: str | bytes) -> None:
        self.out(content, "stderr")

    def variable(self, name: str) -> str | None:
        """An environment variable; case doesn't matter."""
        return next((value for key, value in self.environment.items() if key.lower() == name.lower()), None)

    def read_all(self) -> Generator[Any, bytes, bytes]:
        """Standard input up to its end: `data = yield from context.read_all()`."""
        parts: list[bytes] = []
        while part := (yield READ):
            parts.append(part)
        return b"".join(parts)


def run(program: Main, context: Context) -> Steps:
    """The steps of a program, also of one that never waits."""
    result = program(context)
    return result if isinstance(result, int) else (yield from result)


class Process:
    """A started program. Each step runs under the simulation's lock; between two steps it only waits for an event.

    `exit_code` is None while it runs. A killed process ends where it waits, without an exit code.
    """

    def __init__(self, context: Context, program: Main) -> None:
        self.context = context
        self.exit_code: int | None = None
        self.killed = False
        self._clock = context.machine.clock
        self._steps = run(program, context)
        self._waiting: object = None
        context.machine.processes.append(self)

    @property
    def running(self) -> bool:
        return self.exit_code is None and not self.killed

    def start(self) -> Process:
        self._resume()
        return self

    def write(self, data: bytes, *, end: bool) -> None:
        """Give it input; `end` closes the stream."""
        stdin = self.context.stdin
        stdin.data += data
        stdin.closed = end
        if self._waiting is READ and (stdin.data or stdin.closed):
            self._resume(self._input())

    def signal(self, name: str) -> None:
        if self.running:
            self._resume(error=Interrupted(name))

    def kill(self) -> None:
        if self.running:
            self.killed = True
            self._end(None)
            self._steps.close()

    def take(self, streams: list[str], limit: int) -> list[tuple[str, bytes]]:
        """Remove up to `limit` bytes of output from the given streams."""
        taken, kept = [], []
        for stream, data in self.context.output:
            part = data[:limit] if stream in streams else b""
            limit -= len(part)
            if part:
                taken.append((stream, part))
            if rest := data[len(part) :]:
                kept.append((stream, rest))
        self.context.output[:] = kept
        return taken

    def has_output(self, streams: list[str]) -> bool:
        return any(stream in streams for stream, _data in self.context.output)

    def _input(self) -> bytes:
        data, self.context.stdin.data = self.context.stdin.data, b""
        return data

    def _resume(self, value: bytes | None = None, error: Interrupted | None = None) -> None:
        """Run the program until it has to wait or ends."""
        stdin = self.context.stdin
        try:
            while True:
                self._waiting = wanted = self._steps.throw(error) if error else self._steps.send(value)
                value = error = None
                if wanted is READ:
                    if not stdin.data and not stdin.closed:
                        break
                    value = self._input()
                elif wanted > 0:
                    self._sleep(wanted)
                    break
        except StopIteration as end:
            self._end(end.value & 0xFFFFFFFF)
        except Interrupted:
            self._end(CONTROL_C_EXIT)
        except Exception:  # a bug of the program: whoever runs the simulator sees it, the client gets an exit code
            traceback.print_exc()
            self._end(ACCESS_VIOLATION)
        self._clock.notify()

    def _sleep(self, seconds: float) -> None:
        turn = self._waiting = object()  # a signal may end this sleep and begin another one
        self._clock.after(seconds, lambda: self._resume() if self._waiting is turn else None)

    def _end(self, exit_code: int | None) -> None:
        self.exit_code, self._waiting = exit_code, None
        self.context.machine.processes.remove(self)
        self._clock.notify()
