"""cmd.exe /C: what it makes of a line before a program sees it (cmd /?), and the few commands of its own."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...machine.files import DISK_FULL, FILE_NOT_FOUND, PATH_NOT_FOUND, SHARING_VIOLATION, FileError
from .. import programs
from .command_line import split
from .process import READ, Context, Interrupted, Steps, run

LONGEST = 8191  # characters of a command line (Microsoft, "Command prompt line string limitation")
_OPTIONS = re.compile(r'\s*(?:"[^"]*"|[^\s"]+)((?:\s*/[a-z](?::\w+)?)*?)\s*/c(.*)', re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"%([^%\r\n]+)%")
# A quoted part, or what has no meaning to cmd.exe; a caret and what it protects; an operator.
_TOKEN = re.compile(r'("[^"]*"?|[^"^&|<>]+)|\^(.?)|(&&|\|\||>>|[&|<>])', re.DOTALL)
_HANDLE = re.compile(r"(?:^|(?<=\s))([0-9])$")
_SYNTAX = "The filename, directory name, or volume label syntax is incorrect.\r\n"
_NAME = re.compile(r'(?:"[^"]*"?|[^\s,;="])+')


class Exit(Exception):
    """The command exit."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


def main(context: Context) -> Steps:
    options = _OPTIONS.match(context.command_line)
    if options is None:
        raise NotImplementedError(f"the simulator's cmd.exe needs /C: {context.command_line}")
    line = options[2].strip(" \t")
    if len(line) > LONGEST:
        context.err("The command line is too long.\r\n")
        return 1
    code = 0
    try:
        for command in _commands(_expand(_unwrap(line, context), context)):
            if (command.operator != "&&" or not code) and (command.operator != "||" or code):
                code = yield from (
                    _redirected(command, context) if command.redirections else _run(command.text, context)
                )
    except Exit as end:
        code = end.code
    return code


def _unwrap(line: str, context: Context) -> str:
    """Quotes around the line: kept if they are the only two and hold the path of a program, else the outer two go."""
    if not line.startswith('"'):
        return line
    kept = re.fullmatch(r'"([^"&<>()@^|]*\s[^"&<>()@^|]*)"[^"]*', line)
    if kept and locate(context, kept[1]):
        return line
    before, _quote, after = line[1:].rpartition('"')
    return before + after if _quote else line[1:]


def _expand(line: str, context: Context) -> str:
    """%NAME%, also within quotes; a name that isn't set stays as it is."""
    return _VARIABLE.sub(lambda match: context.variable(match[1]) or match[0], line)


@dataclass
class Redirection:
    """`handle` is that of the stream, `sign` <, > or >>, `to` a file, or the handle of another stream after &."""

    handle: int
    sign: str
    to: str = ""


@dataclass
class Command:
    """A command of a line, the operator before it, and where its streams lead."""

    operator: str = ""
    text: str = ""
    redirections: list[Redirection] = field(default_factory=list)


def _commands(line: str) -> list[Command]:
    """The commands of a line; carets are gone, what they protected stays."""
    commands, current, open_ = [], Command(), None
    for plain, escaped, sign in _TOKEN.findall(line):
        if open_ and sign == "&" and not open_.to:
            open_.to = "&"
            continue
        if open_ and (plain or escaped):
            text = plain if open_.to or escaped else plain.lstrip()
            name = re.match(r'(?:"[^"]*"?|[^\s,;="])*' if open_.to != "&" else r"\d", text or escaped)
            assert name is not None
            open_.to += name[0].replace('"', "")
            rest = text[name.end() :]
            if rest or open_.to[:1] == "&":
                current.text, open_ = f"{current.text} {rest}", None
            continue
        open_ = None
        if sign in ("<", ">", ">>"):
            handle = _HANDLE.search(current.text)
            current.text = current.text[: handle.start()] if handle else current.text
            open_ = Redirection(int(handle[1]) if handle else int(sign != "<"), sign)
            current.redirections.append(open_)
        elif sign == "|":
            raise NotImplementedError(f"the simulator's cmd.exe knows no {sign}: {line}")
        elif sign:
            commands.append(current)
            current = Command(sign)
        else:
            current.text += plain or escaped
    for command in (*commands, current):
        command.text = command.text.lstrip(" \t@")
    return [command for command in (*commands, current) if command.text.strip()]


def _redirected(command: Command, context: Context) -> Steps:
    """Run a command with its streams where they lead; a file is emptied before, and written when the command ends."""
    streams: dict[int, str | Redirection] = {1: "stdout", 2: "stderr"}
    files, given = context.machine.files, None
    for one in command.redirections:
        path = ntpath.normpath(ntpath.join(context.directory, one.to))
        try:
            if one.to.startswith("&"):
                streams[one.handle] = streams[int(one.to[1:])]
            elif one.handle == 0:
                given = b"" if one.to.lower() == "nul" else files.read(path)
            else:
                streams[one.handle] = Redirection(one.handle, one.sign, "" if one.to.lower() == "nul" else path)
                if one.to.lower() != "nul" and (one.sign == ">" or not files.get(path)):
                    if not files.has_folder(ntpath.dirname(path)):
                        raise FileError(PATH_NOT_FOUND, path)
                    files.write(path, b"")
        except FileError as error:
            missing = error.hresult in (PATH_NOT_FOUND, FILE_NOT_FOUND)
            context.err("The system cannot find the path specified.\r\n" if missing else "Access is denied.\r\n")
            return 1
    inner = replace(context, output=[])
    steps, full, owner = _run(command.text, inner), False, f"cmd.exe {id(inner)}"
    for to in streams.values():
        if isinstance(to, Redirection) and to.to:
            files.hold(owner, files.need(to.to), write=True)
    try:
        code = yield from (steps if given is None else _fed(steps, given))
    finally:
        files.release(owner)
        full = not _deliver(inner.output, streams, context)
    return 1 if full else code


def _deliver(output: list[tuple[str, bytes]], streams: dict[int, str | Redirection], context: Context) -> bool:
    """Hand the output of a command on; whether its files had room for it."""
    files, content = context.machine.files, {}
    for name, octets in output:
        to = streams[1 if name == "stdout" else 2]
        if isinstance(to, str):
            context.out(octets, to)
        elif to.to:
            content[to.to] = content.get(to.to, files.read(to.to)) + octets
    try:
        for path, octets in content.items():
            files.fill(path, octets)
    except FileError:
        context.err("There is not enough space on the disk.\r\n")
        return False
    return True


def _fed(steps: Steps, given: bytes) -> Steps:
    """The steps of a program whose standard input is this."""
    value: bytes | None = None
    signal: Interrupted | None = None
    try:
        while True:
            wanted = steps.throw(signal) if signal else steps.send(value)
            value = signal = None
            if wanted is READ:
                value, given = given, b""
                continue
            try:
                value = yield wanted
            except Interrupted as raised:
                signal = raised
    except StopIteration as end:
        return int(end.value)
    finally:
        steps.close()


def _run(command: str, context: Context) -> Steps:
    name = _NAME.match(command)
    word = name[0].replace('"', "") if name else ""
    rest = command[name.end() :] if name else command
    if word.lower() == "call":
        return (yield from _run(rest.lstrip(), context))
    if word.lower() in BUILT_IN:
        return BUILT_IN[word.lower()](context, rest)
    path = locate(context, word)
    program = path and programs.find(context.machine, path)
    if not program:
        context.err(
            f"'{word}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        )
        return 1
    return (yield from run(program, context.child(command, tuple(split(command)[1:]))))


def locate(context: Context, name: str) -> str | None:
    """The path of a program: as given, else in the current directory, else in those of PATH; .exe may be left out."""
    folders = ["", *(context.variable("PATH") or "").split(";")] if name == ntpath.basename(name) else [""]
    names = [name, f"{name}.exe"] if ntpath.splitext(name)[1] else [f"{name}.exe"]
    paths = [ntpath.normpath(ntpath.join(context.directory, folder, file)) for folder in folders for file in names]
    return next((path for path in paths if programs.find(context.machine, path)), None)


def _echo(context: Context, rest: str) -> int:
    context.out(f"{rest[1:]}\r\n")
    return 0


def _exit(context: Context, rest: str) -> int:
    code = rest.replace("/b", "").replace("/B", "").strip()
    raise Exit(int(code) if code.lstrip("-").isdigit() else 0)


def _set(context: Context, rest: str) -> int:
    """Show the variables, or set one for the commands that follow (set docs)."""
    given, equals, value = rest.strip().partition("=")
    if equals:
        for known in [key for key in context.environment if key.lower() == given.lower()]:
            del context.environment[known]
        if value:
            context.environment[given] = value
        return 0
    for name, value in sorted(context.environment.items(), key=lambda item: item[0].lower()):
        context.out(f"{name}={value}\r\n")
    return 0


def _type(context: Context, rest: str) -> int:
    """What is in a file, up to Ctrl+Z; UTF-16 with a byte order mark is converted (type docs; WIN-82)."""
    for path in _paths(context, rest):
        try:
            content = context.machine.files.read(path)
        except FileError as error:
            missing = error.hresult in (FILE_NOT_FOUND, PATH_NOT_FOUND)
            context.err("The system cannot find the file specified.\r\n" if missing else "Access is denied.\r\n")
            return 1
        if content.startswith(b"\xff\xfe"):
            context.out(content.decode("utf-16"))
        else:
            context.out(content.partition(b"\x1a")[0])
    return 0


def _ver(context: Context, rest: str) -> int:
    os = context.machine.os
    context.out(f"\r\nMicrosoft Windows [Version 10.0.{os['build']}.{os['revision']}]\r\n")
    return 0


def _paths(context: Context, rest: str) -> list[str]:
    """The arguments of a command of cmd.exe, which end at a blank, a comma, a semicolon or an equals sign (cmd /?)."""
    words = re.findall(r'(?:"[^"]*"?|[^\s,;="])+', rest)
    return [ntpath.normpath(ntpath.join(context.directory, word.replace('"', ""))) for word in words]


def _mkdir(context: Context, rest: str) -> int:
    """Create folders with those that lead to them (mkdir docs: command extensions are on by default)."""
    files, code = context.machine.files, 0
    for path in _paths(context, rest):
        if files.get(path) or files.has_folder(path):
            context.err(f"A subdirectory or file {path} already exists.\r\n")
            code = 1
            continue
        above = path
        while above != ntpath.dirname(above) and not files.get(above):
            above = ntpath.dirname(above)
        try:
            if files.get(above):
                raise FileError(PATH_NOT_FOUND, path)
            files.make_folder(path)
        except FileError as error:
            context.err(
                "The system cannot find the path specified.\r\n" if error.hresult == PATH_NOT_FOUND else _SYNTAX
            )
            code = 1
    return code


def _rmdir(context: Context, rest: str) -> int:
    """Remove folders that are empty (rmdir docs, without /s); the error number of Windows is its exit code."""
    files, code = context.machine.files, 0
    for path in _paths(context, rest):
        if not files.has_folder(path):
            context.err("The system cannot find the file specified.\r\n")
            code = 2
        elif not files.is_empty(path):
            context.err("The directory is not empty.\r\n")
            code = 145
        else:
            files.delete_folder(path)
    return code


def _copy(context: Context, rest: str) -> int:
    """Copy one file to a new name, octet by octet (copy docs). Shares need delegated credentials."""
    files = context.machine.files
    words = re.findall(r'(?:"[^"]*"?|[^\s,;="])+', rest)
    names = [word for word in words if not word.startswith("/")]
    if len(names) != 2 or "+" in rest or "*" in rest:
        raise NotImplementedError(f"the simulator's copy knows one file and its new name: {rest}")
    source, target = _paths(context, " ".join(names))
    if source.startswith("\\\\") and not files.reaches_shares:
        context.err("Access is denied.\r\n")
        return 1
    try:
        file = files.need(source)
        if any(file.holders.values()):
            raise FileError(SHARING_VIOLATION, source)
        if len(file.content) == file.size:
            files.fill(target, file.content)
        else:
            files.create(target, bytes=file.bytes, disk=replace(file.disk) if file.disk else None)
    except FileError as error:
        context.err(_COPY_ERRORS.get(error.hresult, "The system cannot find the file specified.\r\n"))
        context.out("        0 file(s) copied.\r\n")
        return 1
    context.out("        1 file(s) copied.\r\n")
    return 0


_COPY_ERRORS = {
    SHARING_VIOLATION: "The process cannot access the file because it is being used by another process.\r\n",
    DISK_FULL: "There is not enough space on the disk.\r\n",
}

BUILT_IN: dict[str, Callable[[Context, str], int]] = {
    "copy": _copy,
    "echo": _echo,
    "exit": _exit,
    "md": _mkdir,
    "mkdir": _mkdir,
    "rd": _rmdir,
    "rmdir": _rmdir,
    "set": _set,
    "type": _type,
    "ver": _ver,
}
