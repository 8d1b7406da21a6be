"""Programs of Windows that a shell, or another program, can start: one file per program or family.

A program is a function of its Context (process.py) that returns its exit code. It reads context.arguments, changes the
state of context.machine and writes with context.out() and context.err(). A program that waits is a generator:
    yield 2.5            lets time pass on the simulator's clock
    data = yield READ    waits for input; b"" at its end
It runs under the simulation's lock between two yields, and holds nothing while it waits. A signal is raised at the
yield as Interrupted; a program that doesn't catch it ends with CONTROL_C_EXIT. A new program is a file here and a row
of PROGRAMS.
"""

from __future__ import annotations

import codecs
import ntpath
from typing import TYPE_CHECKING, NamedTuple

from ..docker import archives
from ..wsl.package import PROGRAM
from . import (
    certutil,
    cmd,
    curl,
    dism,
    docker,
    dockerd,
    findstr,
    icacls,
    identity,
    msiexec,
    net,
    ping,
    reg,
    services,
    shutdown,
    tar,
    wsl,
)
from .command_line import split
from .process import NETWORK, Context, Main, Process

if TYPE_CHECKING:
    from ...machine.accounts import User
    from ...machine.machine import Machine

WINDOWS = r"c:\windows" + "\\"
SYSTEM = r"c:\windows\system32" + "\\"
# OEM code pages (Microsoft, "Code page identifiers"), for clients that choose no code page.
OEM_CODE_PAGES = {"en-US": 437, "de-DE": 850, "ja-JP": 932}


class Program(NamedTuple):
    """`since` is the first build of Windows that has it."""

    main: Main
    since: int = 0


# By path in lower case. A program outside of the Windows folder exists only if a file of that path exists.
PROGRAMS: dict[str, Program] = {
    f"{SYSTEM}certutil.exe": Program(certutil.main),
    f"{SYSTEM}cmd.exe": Program(cmd.main),
    f"{SYSTEM}curl.exe": Program(curl.main, since=17063),
    f"{SYSTEM}dism.exe": Program(dism.main),
    f"{SYSTEM}findstr.exe": Program(findstr.main),
    f"{SYSTEM}hostname.exe": Program(identity.hostname),
    f"{SYSTEM}icacls.exe": Program(icacls.main),
    f"{SYSTEM}msiexec.exe": Program(msiexec.main),
    f"{SYSTEM}net.exe": Program(net.main),
    f"{SYSTEM}ping.exe": Program(ping.main),
    f"{SYSTEM}reg.exe": Program(reg.main),
    f"{SYSTEM}sc.exe": Program(services.main),
    f"{SYSTEM}shutdown.exe": Program(shutdown.main),
    f"{SYSTEM}tar.exe": Program(tar.main, since=17063),
    f"{SYSTEM}whoami.exe": Program(identity.whoami),
    f"{SYSTEM}wsl.exe": Program(wsl.stub, since=18362),
    PROGRAM.lower(): Program(wsl.main),
}
# By what stands in the file, wherever it lies (docker/archives.py).
BY_CONTENT: dict[str, Main] = {"docker": docker.main, "dockerd": dockerd.main}


def find(machine: Machine, path: str) -> Main | None:
    """The program of a path on this machine."""
    program = PROGRAMS.get(path.lower())
    if program is None:
        file = machine.files.get(path)
        known = archives.program_of(file.content) if file else None
        return BY_CONTENT[known[0]] if known else None
    if machine.os["build"] < program.since:
        return None
    return program.main if path.lower().startswith(WINDOWS) or machine.files.get(path) else None


def code_page(machine: Machine, number: str | None) -> str:
    """Python's name of a code page, that of the machine's console without a number; LookupError if there is none."""
    name = "utf-8" if number == "65001" else f"cp{number or OEM_CODE_PAGES[machine.locale]}"
    return codecs.lookup(name).name


def start(
    machine: Machine,
    line: str,
    *,
    user: User | None = None,
    directory: str = "",
    environment: dict[str, str] | None = None,
    encoding: str = "utf-8",
    console: bool = False,
    direct: bool = False,
    logon: str = NETWORK,
) -> Process:
    """Start a command line through cmd.exe, or `direct` as CreateProcess does: FileNotFoundError without one."""
    variables = default_environment(machine, user)
    for name, value in (environment or {}).items():
        variables = {key: old for key, old in variables.items() if key.lower() != name.lower()} | {name: value}
    directory = directory or variables.get("USERPROFILE", "")
    line_of_cmd = f"{SYSTEM}cmd.exe /C {line}"
    context = Context(machine, user, directory, variables, encoding, console, line_of_cmd, logon=logon)
    if direct:
        main, context = _created_process(context, line)
    else:
        main = cmd.main
    return Process(context, main).start()


def _created_process(context: Context, line: str) -> tuple[Main, Context]:
    """The program of a line as CreateProcess takes it apart: a quoted path, else the shortest one that exists.

    CreateProcessW docs, lpCommandLine; the system's folder comes before the directory and PATH.
    """
    line = line.lstrip()
    if line.startswith('"'):
        ends = [len(line) if line.find('"', 1) < 0 else line.find('"', 1) + 1]
    else:
        ends = [at for at, sign in enumerate(f"{line} ") if sign in " \t"]
    for end in ends:
        word = line[:end].strip('"')
        path = cmd.locate(context, f"{SYSTEM}{word}" if word == ntpath.basename(word) else word) or cmd.locate(
            context, word
        )
        main = path and find(context.machine, path)
        if main:
            return main, context.child(line, tuple(split(line)[1:]))
    raise FileNotFoundError(line)


def default_environment(machine: Machine, user: User | None) -> dict[str, str]:
    """Variables that every program of a remote shell finds (captured from Windows Server 2016, those in use here)."""
    name = user.name if user else "SYSTEM"
    return {
        "ALLUSERSPROFILE": r"C:\ProgramData",
        "COMPUTERNAME": machine.name.upper(),
        "ComSpec": r"C:\Windows\system32\cmd.exe",
        "OS": "Windows_NT",
        "Path": r"C:\Windows\system32;C:\Windows;C:\Windows\System32\Wbem;C:\Windows\System32\WindowsPowerShell\v1.0"
        + "\\",
        "PATHEXT": ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC",
        "ProgramData": r"C:\ProgramData",
        "ProgramFiles": r"C:\Program Files",
        "PROMPT": "$P$G",
        "SystemDrive": "C:",
        "SystemRoot": r"C:\Windows",
        "TEMP": rf"C:\Users\{name}\AppData\Local\Temp",
        "USERNAME": name,
        "USERPROFILE": rf"C:\Users\{name}",
        "windir": r"C:\Windows",
    }
