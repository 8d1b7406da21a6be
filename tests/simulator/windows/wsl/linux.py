"""A Linux of a distribution: its files and users, and the few programs of it that clients of the simulator start."""

from __future__ import annotations

import configparser
import io
import lzma
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...machine.contents import VHDX

Steps = Generator[Any, Any, int]
Reader = Callable[[], Generator[Any, bytes, bytes]]
Writer = Callable[[str, bytes], None]
_FOLDERS = ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin")
_ERRORS = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error)


class NotAnArchive(Exception):
    """bsdtar can't read it."""


@dataclass(eq=False)
class Linux:
    """Files by absolute path. A fresh one has what its archive had."""

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"/"})

    @property
    def valid(self) -> bool:
        """Windows takes it for a Linux (microsoft/WSL, init/main.cpp)."""
        return "/etc" in self.folders or "/bin/sh" in self.files

    @property
    def default_name(self) -> str:
        """Of a .wsl file: what its distribution is to be called."""
        return self.configuration("/etc/wsl-distribution.conf").get("oobe", {}).get("defaultname", "")

    def users(self) -> dict[str, int]:
        """Uids by name."""
        lines = self.files.get("/etc/passwd", b"").decode("utf-8", "replace").splitlines()
        rows = [line.split(":") for line in lines if line.count(":") >= 2]
        return {"root": 0} | {row[0]: int(row[2]) for row in rows if row[2].isdigit()}

    def user(self, uid: int) -> str:
        return next((name for name, number in self.users().items() if number == uid), str(uid))

    def configuration(self, path: str) -> dict[str, dict[str, str]]:
        """A file such as /etc/wsl.conf; empty if it isn't there or can't be read."""
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(self.files.get(path, b"").decode("utf-8", "replace"))
        except configparser.Error:
            return {}
        return {name.lower(): {key: value or "" for key, value in parser[name].items()} for name in parser.sections()}

    def write(self, path: str, content: bytes) -> bool:
        """False if its folder isn't there."""
        if posixpath.dirname(path) not in self.folders or path in self.folders:
            return False
        self.files[path] = content
        return True

    def make_folder(self, path: str) -> None:
        while path not in self.folders:
            self.folders.add(path)
            path = posixpath.dirname(path)


def unpack(content: bytes) -> Linux:
    """The Linux of an archive (tar, also gz and xz), or of a disk that one was put on; NotAnArchive for anything else.

    An empty file is an empty archive (microsoft/WSL, UnitTests.cpp: BrokenDistroImport).
    """
    linux = Linux()
    content = content.removeprefix(VHDX)
    if not content:
        return linux
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                path = posixpath.normpath(f"/{member.name}")
                linux.make_folder(path if member.isdir() else posixpath.dirname(path))
                if member.isdir():
                    continue
                data = archive.extractfile(member) if member.isfile() else None
                linux.files[path] = data.read() if data else b""
    except _ERRORS as error:
        raise NotAnArchive(str(error)) from error
    return linux


@dataclass(frozen=True)
class Io:
    """Who runs a program where, and its streams: `read` gives all of standard input, `write` takes stream and bytes."""

    linux: Linux
    user: str
    uid: int
    kernel: str
    read: Reader
    write: Writer
    directory: str = "/"

    def out(self, text: str | bytes) -> None:
        self.write("stdout", text if isinstance(text, bytes) else text.encode())

    def err(self, text: str) -> None:
        self.write("stderr", text.encode())

    def path(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, name))


def execute(arguments: Sequence[str], io_: Io) -> Steps:
    """A program by its path or name, without a shell (wsl.exe --exec)."""
    program = _find(arguments[0])
    if program is None:
        io_.err(
            f"<3>WSL (9 - Relay) ERROR: CreateProcessCommon:819: execvpe({arguments[0]}) failed: "
            "No such file or directory\n"
        )
        return 1
    return (yield from program(list(arguments[1:]), io_))


def shell(text: str, io_: Io, arguments: Sequence[str] = ()) -> Steps:
    """A line for the user's shell; `arguments` are $1, $2, …"""
    return (yield from _line(_words(text, io_, arguments), text, io_))


def _find(name: str) -> Callable[[list[str], Io], Steps] | None:
    folder, base = posixpath.split(name)
    return COMMANDS.get(base) if folder in ("", *_FOLDERS) else None


# --- the shell: words, quotes, $NAME, && || ; and redirections

_PIECE = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(\s+)|(&&|\|\||;|>>|>|<|\n)|([^\s'"\\;&|<>]+)""", re.DOTALL)


def _words(text: str, io_: Io, arguments: Sequence[str]) -> list[tuple[str, bool]]:
    """Words and operators; the second of a pair says that it is an operator."""
    words: list[tuple[str, bool]] = []
    current: str | None = None
    values = {"USER": io_.user, "HOME": "/root" if io_.uid == 0 else f"/home/{io_.user}", "0": "sh"}
    values |= {str(number): value for number, value in enumerate(arguments, 1)}

    def expand(part: str) -> str:
        return re.sub(r"\$(\w+|\{\w+\})", lambda match: values.get(match[1].strip("{}"), ""), part)

    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise NotImplementedError(f"the simulator's shell of Linux doesn't read: {text}")
        at = match.end()
        single, double, escaped, blank, operator, bare = match.groups()
        if blank is not None and "\n" not in blank:
            words += [(current, False)] if current is not None else []
            current = None
        elif operator is not None or blank is not None:
            words += [(current, False)] if current is not None else []
            words.append((operator or ";", True))
            current = None
        elif single is not None:
            current = (current or "") + single
        elif double is not None:
            current = (current or "") + re.sub(r'\\([\\"$`])', r"\1", expand(double))
        else:
            current = (current or "") + (escaped if escaped is not None else expand(bare))
    return words + ([(current, False)] if current is not None else [])


def _line(words: list[tuple[str, bool]], text: str, io_: Io) -> Steps:
    code, operator, command = 0, ";", []
    for word, special in (*words, (";", True)):
        if special and word in ("&&", "||", ";"):
            if command and ((operator != "&&" or not code) and (operator != "||" or code)):
                code = yield from _command(command, text, io_)
            operator, command = word, []
        else:
            command.append((word, special))
    return code


def _command(words: list[tuple[str, bool]], text: str, io_: Io) -> Steps:
    """One command with its redirections."""
    arguments: list[str] = []
    target, append, at = "", False, 0
    while at < len(words):
        word, special = words[at]
        if not special:
            arguments.append(word)
            at += 1
            continue
        name = words[at + 1][0] if at + 1 < len(words) else ""
        if word == "<":
            octets = b"" if name == "/dev/null" else io_.linux.files.get(io_.path(name), b"")
            io_ = replace(io_, read=lambda octets=octets: _given(octets))
        else:
            target, append = io_.path(name), word == ">>"
        at += 2
    written: list[bytes] = []
    if target:
        plain = io_.write
        io_ = replace(
            io_, write=lambda stream, data: written.append(data) if stream == "stdout" else plain(stream, data)
        )
    program = _find(arguments[0]) if arguments else COMMANDS["true"]
    if program is None:
        io_.err(f"/bin/sh: 1: {arguments[0]}: not found\n")
        return 127
    code = yield from program(arguments[1:], io_)
    if target and target != "/dev/null":
        before = io_.linux.files.get(target, b"") if append else b""
        if not io_.linux.write(target, before + b"".join(written)):
            io_.err(f"/bin/sh: 1: cannot create {target}: Directory nonexistent\n")
            return 2
    return code


def _given(octets: bytes) -> Generator[Any, bytes, bytes]:
    yield from ()
    return octets


# --- programs


def _id(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    names = [argument for argument in arguments if argument[:1] != "-"]
    name, users = names[0] if names else io_.user, io_.linux.users()
    if name not in users and not name.isdigit():
        io_.err(f"id: \u2018{name}\u2019: no such user\n")
        return 1
    uid = users.get(name, io_.uid if not names else int(name) if name.isdigit() else 0)
    flags = "".join(argument[1:] for argument in arguments if re.fullmatch(r"-[a-z]+", argument))
    if "u" in flags:
        io_.out(f"{name if 'n' in flags else uid}\n")
    else:
        io_.out(f"uid={uid}({name}) gid={uid}({name}) groups={uid}({name})\n")
    return 0


def _uname(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    shown = {"": "Linux", "-s": "Linux", "-r": io_.kernel, "-m": "x86_64", "-o": "GNU/Linux"}
    everything = f"Linux wsl {io_.kernel} #1 SMP PREEMPT_DYNAMIC x86_64 x86_64 x86_64 GNU/Linux"
    io_.out(shown.get(" ".join(arguments), everything) + "\n")
    return 0


def _cat(arguments: list[str], io_: Io) -> Steps:
    code = 0
    for name in arguments or ["-"]:
        if name == "-":
            io_.out((yield from io_.read()))
        elif (content := io_.linux.files.get(io_.path(name))) is not None:
            io_.out(content)
        else:
            io_.err(f"cat: {name}: No such file or directory\n")
            code = 1
    return code


def _tee(arguments: list[str], io_: Io) -> Steps:
    content = yield from io_.read()
    io_.out(content)
    code = 0
    for name in arguments:
        if name == "-a":
            continue
        path = io_.path(name)
        before = io_.linux.files.get(path, b"") if "-a" in arguments else b""
        if not io_.linux.write(path, before + content):
            io_.err(f"tee: {name}: No such file or directory\n")
            code = 1
    return code


def _make_folder(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    for name in arguments:
        if name[:1] != "-":
            io_.linux.make_folder(io_.path(name))
    return 0


def _remove(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    for name in arguments:
        found = io_.linux.files.pop(io_.path(name), None) if name[:1] != "-" else b""
        if found is None and "-f" not in arguments:
            io_.err(f"rm: cannot remove '{name}': No such file or directory\n")
            return 1
    return 0


def _add_user(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    name, users = arguments[-1], io_.linux.users()
    if name in users:
        io_.err(f"useradd: user '{name}' already exists\n")
        return 9
    uid = max([999, *users.values()]) + 1
    row = f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n".encode()
    io_.linux.files["/etc/passwd"] = io_.linux.files.get("/etc/passwd", b"") + row
    return 0


def _test(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    path = io_.path(arguments[-1])
    there = {"-f": path in io_.linux.files, "-d": path in io_.linux.folders}
    return 0 if there.get(arguments[0], path in io_.linux.files or path in io_.linux.folders) else 1


def _echo(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    plain = arguments[:1] == ["-n"]
    io_.out(" ".join(arguments[plain:]) + ("" if plain else "\n"))
    return 0


def _print(arguments: list[str], io_: Io) -> Steps:
    """printf with %s and the common escapes."""
    yield from ()
    text = arguments[0].replace("\\n", "\n").replace("\\t", "\t")
    rest = iter(arguments[1:])
    io_.out(re.sub("%s", lambda _match: next(rest, ""), text))
    return 0


def _shell(arguments: list[str], io_: Io) -> Steps:
    if "-c" in arguments:
        at = arguments.index("-c") + 1
        return (yield from shell(arguments[at], io_, arguments[at + 2 :]))
    return (yield from shell((yield from io_.read()).decode(), io_))


def _sleep(arguments: list[str], io_: Io) -> Steps:
    yield float(arguments[0])
    return 0


def _constant(code: int) -> Callable[[list[str], Io], Steps]:
    def program(arguments: list[str], io_: Io) -> Steps:
        yield from ()
        return code

    return program


def _who(arguments: list[str], io_: Io) -> Steps:
    yield from ()
    io_.out(f"{io_.user}\n")
    return 0


COMMANDS: dict[str, Callable[[list[str], Io], Steps]] = {
    "bash": _shell,
    "cat": _cat,
    "chmod": _constant(0),
    "chown": _constant(0),
    "echo": _echo,
    "false": _constant(1),
    "id": _id,
    "mkdir": _make_folder,
    "printf": _print,
    "rm": _remove,
    "sh": _shell,
    "sleep": _sleep,
    "tee": _tee,
    "test": _test,
    "true": _constant(0),
    "uname": _uname,
    "useradd": _add_user,
    "whoami": _who,
}
