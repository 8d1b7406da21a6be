"""wsl.exe: which program a path is, how it reads its command line, and its commands (microsoft/WSL, WslClient.cpp).

C:\\Windows\\System32\\wsl.exe is a stub of Windows until WSL's package is installed; on some builds also afterwards.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..wsl import package
from ..wsl.errors import WITHOUT_CODE, Failed
from ..wsl.linux import Io, execute, shell
from ..wsl.registrations import Distribution, Registrations
from ..wsl.service import NOBODY, Session, Wsl
from .command_line import split
from .identity import security_id
from .process import NETWORK, Context, Steps

FAILURE = 0xFFFFFFFF
BINARY = "wsl.exe"
RETRIES = 60  # seconds that it waits for a service which isn't there
_HEADER = ("NAME", "STATE", "VERSION")
_STATES = {3: "Installing", 4: "Uninstalling", 5: "Converting", 6: "Exporting"}
# What a stub without WSL's package says (WIN-20).
_NOT_INSTALLED = (
    "The Windows Subsystem for Linux is not installed. You can install by running 'wsl.exe --install'.\n"
    "For more information please visit https://aka.ms/wslinstall\n"
)


def stub(context: Context) -> Steps:
    """C:\\Windows\\System32\\wsl.exe, in the session of services."""
    machine = context.machine
    installed = package.installed(machine)
    if installed and package.runs_directly(machine):
        return (yield from main(context))
    if installed or machine.wsl.store:
        context.out(f"{machine.text('message_1920')}\r\n".encode("utf-16-le"))
        return 1
    if machine.os["build"] < 22000:
        context.out(machine.text("wsl_usage").replace("\n", "\r\n").encode("utf-16-le"))
        return FAILURE
    if context.console:
        context.out("Press any key to install Windows Subsystem for Linux.\r\n".encode("utf-16-le"))
        yield 60.0
    context.out(_NOT_INSTALLED.replace("\n", "\r\n").encode("utf-16-le"))
    return 1


@dataclass
class Client:
    """One run of wsl.exe: what it says, and the service it asks."""

    context: Context
    session: Session | None = None

    @property
    def wsl(self) -> Wsl:
        return self.context.machine.wsl

    @property
    def sid(self) -> str:
        return security_id(self.context.machine.name, self.context.user.name) if self.context.user else "S-1-5-18"

    @property
    def registrations(self) -> Registrations:
        return self.wsl.registrations(self.sid)

    @property
    def config(self) -> str:
        """Where the settings of the calling user are."""
        return ntpath.join(self.context.variable("USERPROFILE") or "", ".wslconfig")

    def text(self, key: str, *words: Any) -> str:
        """A sentence in the language of Windows; system messages end with a blank."""
        text = self.context.machine.text(key).format(*words)
        return f"{text} " if key.startswith("message_") else text

    def print(self, text: str, stream: str = "stdout") -> None:
        r"""A line: UTF-16 without a byte order mark, or UTF-8 if WSL_UTF8 says so; line feeds become \r\n."""
        encoding = "utf-8" if self.context.variable("WSL_UTF8") == "1" else "utf-16-le"
        self.context.out(f"{text}\n".replace("\n", "\r\n").encode(encoding), stream)

    def say(self, key: str, *words: Any) -> None:
        self.print(self.text(key, *words))

    def warn(self, key: str) -> None:
        if self.context.variable("WSL_DISABLE_WARNINGS") != "1":
            self.print(f"wsl: {self.text(key)}", "stderr")

    def succeed(self) -> int:
        self.say("message_0")
        return 0

    def connect(self) -> Steps:
        """Activate the service; the session of the calling user."""
        self.wsl.check_windows()
        for _second in range(RETRIES):
            if self.wsl.start(local_system=self.context.user is None):
                self.session = self.wsl.session(self.sid)
                self.session.network = self.context.logon == NETWORK
                if self.session.network and self.wsl.network_logon not in ("", NOBODY):
                    raise Failed(self.wsl.network_logon)
                return self.session
            yield 1.0
        raise Failed("ERROR_SERVICE_DOES_NOT_EXIST")

    def absolute(self, path: str) -> str:
        return ntpath.normpath(ntpath.join(self.context.directory, path))


def main(context: Context) -> Steps:
    """C:\\Program Files\\WSL\\wsl.exe."""
    client = Client(context)
    try:
        return (yield from _run(client, _after_program(context.command_line)))
    except Failed as failure:
        text = client.text(failure.say, *failure.words)
        if failure.code in WITHOUT_CODE:
            client.print(text)
        else:
            client.say("wsl_error_code", text, "/".join(("Wsl", *failure.place, failure.code)))
        return FAILURE


# --- the command line: words are separated by blanks, and quotes have no meaning before the command


def _after_program(line: str) -> str:
    """What follows the name of the program: up to the first blank outside of quotes."""
    quoted, at = False, 0
    while at < len(line) and (quoted or line[at] not in " \t"):
        quoted ^= line[at] == '"'
        at += 1
    return line[at:].lstrip(" \t")


def _next(line: str, *, quotes: bool = False) -> tuple[str, str]:
    """The first word, and what follows it."""
    found = re.match(r'"[^"]*"' if quotes and line[:1] == '"' and '"' in line[1:] else r"[^ \t]*", line)
    assert found is not None
    return found[0], line[found.end() :].lstrip(" \t")


@dataclass(frozen=True)
class Launch:
    """Which program to run where."""

    guid: str = ""
    user: str = ""
    directory: str = ""


def _run(client: Client, line: str) -> Steps:
    launch = Launch()
    word, rest = _next(line)
    if re.fullmatch(r"\{[0-9a-fA-F-]{36}\}", word):
        launch, line = replace(launch, guid=word.lower()), rest
    if _next(line)[0] == "~":
        launch, line = replace(launch, directory="~"), _next(line)[1]
    while line:
        word, rest = _next(line)
        if word in COMMANDS:
            return (yield from COMMANDS[word](client, line))
        if word in ("-d", "--distribution", "-u", "--user"):
            value, rest = _next(rest)
            if not value:
                client.say("wsl_missing_parameter", "--distribution" if "d" in word else "--user")
                return FAILURE
            if word in ("-u", "--user"):
                launch = replace(launch, user=value)
            elif launch.guid:
                client.say("wsl_already_set")
                return FAILURE
            else:
                yield from client.connect()
                launch = replace(launch, guid=client.wsl.need(client.sid, value).guid)
        elif word == "--cd":
            value, rest = _next(rest, quotes=True)
            launch = replace(launch, directory=_directory(client, value.strip('"')))
        elif word in ("-e", "--exec"):
            return (yield from _launch(client, launch, rest, exec_mode=True))
        elif word == "--":
            line = rest
            break
        elif word.startswith("-"):
            client.say("wsl_invalid_argument", word, BINARY)
            return FAILURE
        else:
            break
        line = rest
    return (yield from _launch(client, launch, line, exec_mode=False))


def _directory(client: Client, given: str) -> str:
    """A path of Linux stays; one of Windows is below /mnt."""
    if given[:1] in ("/", "~") and given:
        return given
    if not ntpath.isabs(given):
        raise Failed("E_INVALIDARG")
    if not client.context.machine.files.has_folder(ntpath.normpath(given)):
        raise Failed("ERROR_FILE_NOT_FOUND")
    return f"/mnt/{given[0].lower()}{given[2:].replace(chr(92), '/')}"


def _launch(client: Client, launch: Launch, line: str, *, exec_mode: bool) -> Steps:
    arguments = split(f"x {line}")[1:] if exec_mode else [line]
    if exec_mode and not arguments:
        raise Failed("E_INVALIDARG")
    session = yield from client.connect()
    distribution = _chosen(client, launch.guid)
    instance = yield from _start(client, session, distribution)
    linux = client.wsl.linux(distribution)
    users = linux.users()
    default = instance.uid if instance.uid is not None else int(distribution.read("DefaultUid", 0))
    user = launch.user or linux.user(default)
    if launch.user and user not in users:
        raise Failed("WSL_E_USER_NOT_FOUND")
    uid = users.get(user, default)
    home = "/root" if uid == 0 else f"/home/{user}"
    io_ = Io(
        linux,
        user,
        uid,
        _kernel(client, distribution),
        client.context.read_all,
        lambda stream, data: client.context.out(data, stream),
        launch.directory.replace("~", home, 1) or "/",
    )
    instance.busy += 1
    instance.turn = None
    try:
        if not line:  # a login shell reads its commands from standard input
            return (yield from execute(["sh"], io_))
        return (yield from execute(arguments, io_) if exec_mode else shell(line, io_))
    finally:
        instance.busy -= 1
        client.wsl.idle(session, distribution.guid)


def _chosen(client: Client, guid: str) -> Distribution:
    if not guid:
        default = client.registrations.default
        if default is None:
            raise Failed("WSL_E_DEFAULT_DISTRO_NOT_FOUND", "Service", "CreateInstance")
        return default
    found = next((one for one in client.registrations if one.guid.lower() == guid.lower()), None)
    if found is None:
        raise Failed("WSL_E_DISTRO_NOT_FOUND", "Service", "CreateInstance")
    return found


def _start(client: Client, session: Session, distribution: Distribution) -> Steps:
    """Start the distribution, and the virtual machine if need be."""
    if distribution.state != 1:
        raise Failed("E_ILLEGAL_STATE_CHANGE", "Service", "CreateInstance")
    if distribution.version == 1:
        if not client.wsl.has_wsl1:
            raise Failed("WSL_E_WSL1_NOT_SUPPORTED", "Service", "CreateInstance")
        return client.wsl.instance(session, distribution)
    running = session.vm
    try:
        seconds = client.wsl.start_vm(session, config=client.config)
    except Failed as failure:
        raise failure.within("Service", "CreateInstance") from failure
    if seconds:
        yield seconds
    if not running:
        for key in client.wsl.warnings(session):
            client.warn(key)
    return client.wsl.instance(session, distribution)


def _kernel(client: Client, distribution: Distribution) -> str:
    """The release that uname shows: Linux' own, or the one that WSL 1 pretends to be."""
    if distribution.version == 1:
        return f"4.4.0-{client.context.machine.os['build']}-Microsoft"
    components = package.installed(client.context.machine) or package.COMPONENTS
    return f"{components['kernel'].partition('-')[0]}-microsoft-standard-WSL2"


# --- commands


def _version(client: Client, line: str) -> Steps:
    yield from ()
    os, installed = client.context.machine.os, package.installed(client.context.machine) or {}
    names = ("version", "kernel", "wslg", "msrdc", "direct3d", "dxcore")
    client.say("wsl_versions", *(installed.get(name, "") for name in names), f"10.0.{os['build']}.{os['revision']}")
    return 0


def _status(client: Client, line: str) -> Steps:
    yield from client.connect()
    if default := client.registrations.default:
        client.say("wsl_status_distribution", default.name)
    client.say("wsl_status_version", client.registrations.default_version)
    if not client.wsl.has_wsl1:
        client.say("wsl_no_wsl1")
    if client.context.machine.software.find_service("vmcompute") is None:
        client.say("wsl_no_virtualization")
    return 0


def _help(client: Client, line: str) -> Steps:
    yield from ()
    client.say("wsl_usage")
    return FAILURE


def options(line: str, values: dict[str, bool], short: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Positional words and options of a command, which reads its part of the line as Windows does; `values` says of
    each option whether it has a value, `short` are the letters of some.
    """
    words, found, positional, literal = split(f"x {line}")[2:], {}, [], False
    while words:
        word = words.pop(0)
        if word == "--" and not literal:
            literal = True
            continue
        name = short.get(word, word)
        if literal or word[:1] != "-" or word == "-":
            positional.append(word)
        elif name not in values:
            letters = [f"-{letter}" for letter in word[1:]]
            if word[:2] == "--" or not all(short.get(letter) in values for letter in letters):
                raise Failed("E_INVALIDARG", say="wsl_invalid_argument", words=(word, BINARY))
            found |= {short[letter]: "" for letter in letters}
        elif not values[name]:
            found[name] = ""
        elif words:
            found[name] = words.pop(0)
        else:
            raise Failed("E_INVALIDARG", say="wsl_missing_argument", words=(word, BINARY))
    return positional, found


_LIST = {"--all": False, "--running": False, "--quiet": False, "--verbose": False, "--online": False}


def _list(client: Client, line: str) -> Steps:
    positional, given = options(line, _LIST, {"-q": "--quiet", "-v": "--verbose", "-o": "--online"})
    if positional:
        raise Failed("E_INVALIDARG", say="wsl_invalid_argument", words=(positional[0], BINARY))
    if {"--quiet", "--verbose"} <= set(given) or {"--all", "--running"} <= set(given):
        raise Failed("WSL_E_INVALID_USAGE")
    if "--online" in given:
        raise Failed("WININET_E_NAME_NOT_RESOLVED")
    session = yield from client.connect()
    default = client.registrations.default
    chosen = default.guid if default else ""
    rows = sorted(client.registrations, key=lambda one: one.guid != chosen)
    if "--verbose" in given:
        _table(client, session, rows, chosen)
        return 0
    if "--running" in given:
        rows = [one for one in rows if one.guid in session.instances]
        if not rows and "--quiet" not in given:
            client.say("wsl_none_running")
            return FAILURE
    if "--all" not in given:
        rows = [one for one in rows if one.state == 1]
    if "--quiet" not in given:
        if not rows:
            raise Failed("WSL_E_DEFAULT_DISTRO_NOT_FOUND")
        client.say("wsl_list_header")
    for one in rows:
        marked = "--quiet" not in given and one.guid == chosen
        client.print(client.text("wsl_default", one.name) if marked else one.name)
    return 0


def _table(client: Client, session: Session, rows: list[Distribution], chosen: str) -> None:
    if not rows:
        raise Failed("WSL_E_DEFAULT_DISTRO_NOT_FOUND")
    width = max(len(name) for name in (_HEADER[0], *(one.name for one in rows))) + 4

    def row(mark: str, name: str, state: str, version: str) -> None:
        client.print(f"{mark} {name:<{width}}{state:<16}{version}")

    row(" ", *_HEADER)
    for one in rows:
        running = "Running" if one.guid in session.instances else "Stopped"
        row("*" if one.guid == chosen else " ", one.name, _STATES.get(one.state, running), str(one.version))


def _named(line: str, option: str, client: Client) -> str:
    """The name behind an option that isn't read as Windows does; an empty one is a mistake that has been told."""
    name = _next(_next(line)[1])[0]
    if not name:
        client.say("wsl_missing_parameter", option)
    return name


def _set_default(client: Client, line: str) -> Steps:
    if not (name := _named(line, "--set-default", client)):
        return FAILURE
    yield from client.connect()
    client.registrations.default = client.wsl.need(client.sid, name)
    return client.succeed()


def _terminate(client: Client, line: str) -> Steps:
    if not (name := _named(line, "--terminate", client)):
        return FAILURE
    session = yield from client.connect()
    client.wsl.terminate(session, client.wsl.need(client.sid, name))
    return client.succeed()


def _unregister(client: Client, line: str) -> Steps:
    if not (name := _named(line, "--unregister", client)):
        return FAILURE
    session = yield from client.connect()
    client.wsl.unregister(session, client.wsl.need(client.sid, name, unfinished=True))
    return client.succeed()


def _shutdown(client: Client, line: str) -> Steps:
    options(line, {"--force": False}, {})
    session = yield from client.connect()
    client.wsl.shutdown(session)
    return 0


def version_number(text: str) -> int:
    if text not in ("1", "2"):
        raise Failed("ERROR_VERSION_PARSE_ERROR")
    return int(text)


def _set_default_version(client: Client, line: str) -> Steps:
    yield from ()
    version = version_number(_next(_next(line)[1])[0])
    if version == 2:
        client.say("wsl_version_2")
    elif not client.wsl.has_wsl1:
        raise Failed("WSL_E_WSL1_NOT_SUPPORTED")
    client.registrations.default_version = version
    return client.succeed()


def _set_version(client: Client, line: str) -> Steps:
    name, rest = _next(_next(line)[1])
    if not name:
        client.say("wsl_missing_parameter", "--set-version")
        return FAILURE
    session = yield from client.connect()
    one = client.wsl.need(client.sid, name)
    version = version_number(_next(rest)[0])
    if version == 2:
        client.say("wsl_version_2")
    if one.version == version:
        raise Failed("WSL_E_VM_MODE_INVALID_STATE", "Service")
    if not client.wsl.has_wsl1:
        raise Failed("WSL_E_WSL1_NOT_SUPPORTED", "Service")
    client.wsl.terminate(session, one)
    yield float(client.wsl.seconds["import"])
    one.write(Flags=one.read("Flags", 7) ^ 8)
    return client.succeed()


_MANAGE = {"--set-default-user": True, "--set-sparse": True, "--move": True, "--resize": True, "--allow-unsafe": False}


def _manage(client: Client, line: str) -> Steps:
    positional, given = options(line, _MANAGE, {"-s": "--set-sparse", "-m": "--move", "-r": "--resize"})
    if not positional:
        raise Failed("WSL_E_INVALID_USAGE")
    session = yield from client.connect()
    one = client.wsl.need(client.sid, positional[0])
    if len(set(given) - {"--allow-unsafe"}) != 1:
        raise Failed("WSL_E_INVALID_USAGE")
    if "--set-default-user" not in given:
        raise NotImplementedError(f"the simulator's wsl.exe knows --manage --set-default-user: {line}")
    yield from _start(client, session, one)
    users, user = client.wsl.linux(one).users(), given["--set-default-user"]
    client.wsl.idle(session, one.guid)
    if user not in users:
        client.context.err(f"id: \u2018{user}\u2019: no such user\n".encode())
        return 1
    one.write(DefaultUid=users[user])
    client.wsl.terminate(session, one)
    return client.succeed()


def _command(name: str) -> Callable[[Client, str], Steps]:
    """A command of wsl_install.py, which needs this module."""

    def run(client: Client, line: str) -> Steps:
        from . import wsl_install

        return (yield from getattr(wsl_install, name)(client, line))

    return run


COMMANDS: dict[str, Callable[[Client, str], Steps]] = {
    "--help": _help,
    "--import": _command("import_"),
    "--import-in-place": _command("import_in_place"),
    "--install": _command("install"),
    "--list": _list,
    "-l": _list,
    "--manage": _manage,
    "--set-default": _set_default,
    "--setdefault": _set_default,
    "-s": _set_default,
    "--set-default-version": _set_default_version,
    "--set-version": _set_version,
    "--shutdown": _shutdown,
    "--status": _status,
    "--terminate": _terminate,
    "-t": _terminate,
    "--uninstall": _command("uninstall"),
    "--unregister": _unregister,
    "--update": _command("update"),
    "--version": _version,
    "-v": _version,
}
