"""What the commands of docker.exe share: the connection to the daemon, formats and the texts of errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...docker import api as docker_api
from ...docker import archives
from ...docker.api import DOWN, STARTING, DaemonError, number
from .. import cmd
from ..command_line import split
from ..process import Context, Steps
from .template import TemplateError, render, to_json

if TYPE_CHECKING:
    from ...docker.engine import Engine

PIPE = "//./pipe/docker_engine"
HOST = "npipe:////./pipe/docker_engine"
POLL = 0.25  # seconds between two looks of a client that waits


class Failed(Exception):
    """A command ends: what it prints on standard error, and its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class NotConnected(Failed):
    """There is no daemon to talk to."""


class Client(NamedTuple):
    """A run of docker.exe."""

    context: Context
    version: str

    @property
    def engine(self) -> Engine:
        return self.context.machine.docker

    def out(self, text: str) -> None:
        """Standard output, UTF-8 whatever the code page: Go writes bytes."""
        self.context.out(text.encode())

    def err(self, text: str) -> None:
        self.context.err(text.encode())

    def connect(self, request: str = "Get containers/json") -> Generator[Any, Any, Engine]:
        """The engine, once it answers; NotConnected without one. While it starts its pipe is busy, and clients wait."""
        engine = self.engine
        while engine.state == STARTING and engine.configuration.listens:
            self._check_rights(request)
            yield POLL
        if engine.state == DOWN or not engine.configuration.listens:
            raise NotConnected(self._down(request, self.context.machine.text("win32_2")))
        self._check_rights(request)
        newest, oldest = docker_api.api(self.version).newest, docker_api.api(engine.version).oldest
        if _pair(newest) < _pair(oldest):
            raise Failed(
                f"Error response from daemon: client version {newest} is too old. Minimum supported API version is "
                f"{oldest}, please upgrade your client to a newer version"
            )
        return engine

    def _check_rights(self, request: str) -> None:
        if self.engine.may_connect(self.context.user):
            return
        if number(self.version) >= (29,):
            raise NotConnected(f"permission denied while trying to connect to the docker API at {HOST}")
        sentence = "in the default daemon configuration on Windows, the docker client must be run with elevated "
        raise NotConnected(
            f"error during connect: {sentence}privileges to connect: {self._request(request)}open {PIPE}: "
            f"{self.context.machine.text('win32_5')}"
        )

    def _down(self, request: str, sentence: str) -> str:
        if number(self.version) >= (29,):
            return (
                f"failed to connect to the docker API at {HOST}; check if the path is correct and if the daemon is "
                f"running: open {PIPE}: {sentence}"
            )
        hint = "this error may indicate that the docker daemon is not running"
        return f"error during connect: {hint}: {self._request(request)}open {PIPE}: {sentence}"

    def _request(self, request: str) -> str:
        verb, _blank, path = request.partition(" ")
        return f'{verb} "http://%2F%2F.%2Fpipe%2Fdocker_engine/v{docker_api.api(self.version).newest}/{path}": '


def program_file(context: Context) -> tuple[str, str]:
    """Path and version of the program that runs: what stands in its file."""
    line = context.command_line
    # CreateProcess also finds a path with blanks that has no quotes.
    words = [split(line)[0], *(line[:at] for at, sign in enumerate(f"{line} ") if sign == " ")]
    for path in filter(None, (cmd.locate(context, word) for word in words)):
        if file := context.machine.files.get(path):
            known = archives.program_of(file.content)
            assert known is not None
            return path, known[1]
    raise AssertionError(line)


Command = Callable[[Client, dict[str, Any], list[str]], Steps | int]


def _pair(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def response(error: DaemonError) -> str:
    """What the client prints of an error; its own have no prefix."""
    return str(error) if error.of_client else f"Error response from daemon: {error}"


def inspect(client: Client, names: Sequence[str], form: str, find: Callable[[str], Any]) -> int:
    """Print what `find` returns for each name, by a template or as JSON (cli/command/inspect)."""
    found, errors = [], []
    for name in names:
        try:
            found.append(find(name))
        except DaemonError as error:
            errors.append(response(error))
    if form in ("", "json"):
        client.out((to_json(found) if form else _indented(found)) + "\n")
    else:
        lines = []
        for one in found:
            try:
                lines.append(render(form, one) + "\n")
            except TemplateError as error:
                errors.append(f"template parsing error: {error}")
        client.out("".join(lines) or "\n")
    if errors:
        raise Failed("\n".join(errors))
    return 0


def _indented(found: list[Any]) -> str:
    """json.Indent of Go: four blanks, nothing within empty brackets."""
    return json.dumps(found, indent=4, ensure_ascii=False) if found else "[]"


def listing(client: Client, rows: Iterable[dict[str, Any]], form: str, columns: Sequence[tuple[str, str]]) -> int:
    """A list by a template, as JSON lines, or as a table of (header, field)."""
    rows = list(rows)
    if form == "json" or (form and not form.startswith("table")):
        form = "{{json .}}" if form == "json" else form.replace(r"\t", "\t").replace(r"\n", "\n")
        for row in rows:
            try:
                client.out(render(form, {key: row[key] for key in sorted(row)}) + "\n")
            except TemplateError as error:
                raise Failed(f"template parsing error: {error}") from error
        return 0
    if form.removeprefix("table").strip():
        raise NotImplementedError("the simulator's docker.exe knows no --format table with a template")
    table = [[header for header, _field in columns]]
    table += [[str(row[name]) for _header, name in columns] for row in rows]
    widths = [max(10, *(len(line[number]) + 3 for line in table)) for number in range(len(columns) - 1)]
    for line in table:
        client.out("".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)) + "\n")
    return 0


def human(seconds: float) -> str:
    """units.HumanDuration of docker/go-units."""
    if seconds < 1:
        return "Less than a second"
    if seconds < 2:
        return "1 second"
    if seconds < 60:
        return f"{int(seconds)} seconds"
    minutes = int(seconds / 60)
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = round(seconds / 3600)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    days = int(seconds / 86400)
    return f"{days} days" if days < 14 else f"{days // 7} weeks" if days < 60 else f"{days // 30} months"


def size(count: float, base: float = 1000.0) -> str:
    """units.HumanSizeWithPrecision(…, 3), or BytesSize with a base of 1024."""
    names = ("B", "kB", "MB", "GB", "TB") if base == 1000 else ("B", "KiB", "MiB", "GiB", "TiB")
    at = 0
    while count >= base and at < len(names) - 1:
        count /= base
        at += 1
    return f"{count:.{3 if base == 1000 else 4}g}{names[at]}"
