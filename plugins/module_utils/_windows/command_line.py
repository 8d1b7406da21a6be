# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines of Windows: one text that the program takes apart itself, whatever stands between it and the caller.

A WinRS service of Windows Server 2012 R2 and later may hand every line to cmd.exe, also with WINRS_SKIP_CMD_SHELL
(MS-WSMV note 117). So a line either means the same to both, or is written for the one that the host uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .._task.errors import Invalid

_PLAIN = re.compile(r'[^\s"]+')
# What programs that split at more than blanks take for one argument without quotes (cmd /?).
_PLAIN_TO = {"cmd.exe": re.compile(r"[\w/:\\.-]+")}
_SLASHES = re.compile(r'(\\*)("|$)')
# What cmd.exe reads as more than text (cmd /?): a caret before each takes that away, outside of quotes.
_SIGNS = re.compile(r'[()%!^"<>&|]')
_OPERATORS = re.compile(r"[&<>|^()]")

# What comes before a command of cmd.exe: no AutoRun commands, parents are created too, and "!" is only text (cmd /?).
CMD = ("/d", "/e:on", "/v:off", "/c")

# Programs that read their command line without taking away quotes, up to and with the first of these words; the rest of
# it they split as other programs do (wsl.exe: src/windows/common, ParseArgument).
VERBATIM: Mapping[str, frozenset[str]] = {
    "wsl.exe": frozenset(
        {"--exec", "-e", "--export", "--import", "--import-in-place", "--install", "--manage", "--mount", "--update"}
    )
}


class Operator(str):
    """A sign with a meaning to cmd.exe, such as a redirection, which gets it without quotes."""

    __slots__ = ()


def quote(argument: str, name: str = "") -> str:
    """One argument as CommandLineToArgvW and the C runtime read it, or as the program of this file name does."""
    if isinstance(argument, Operator):
        return argument
    if _PLAIN_TO.get(name.lower(), _PLAIN).fullmatch(argument):
        return argument
    return '"' + _SLASHES.sub(lambda found: found[1] * 2 + ('\\"' if found[2] else ""), argument) + '"'


def join(arguments: Iterable[str], name: str = "") -> str:
    """Arguments in one text, for the program of this file name."""
    return " ".join(quote(argument, name) for argument in arguments)


def split(line: str) -> list[str]:
    """The program and its arguments, as CommandLineToArgvW takes a line apart, such as the path of a service."""
    line = line.strip()
    program, _end, rest = line[1:].partition('"') if line.startswith('"') else line.partition(" ")
    words, word, slashes, quoted = [program], "", 0, False
    begun = False
    for sign in f"{rest} ":
        if sign == "\\":
            slashes, begun = slashes + 1, True
            continue
        if sign == '"':  # 2n backslashes before it stand for n, 2n+1 for n and the quote itself
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            begun = True
        elif sign in " \t" and not quoted:
            if begun:
                words.append(word + "\\" * slashes)
            word, begun = "", False
        else:
            word, begun = word + "\\" * slashes + sign, True
        slashes = 0
    return words


def check_verbatim(name: str, arguments: Iterable[str]) -> None:
    """Raise Invalid for an argument that needs quotes where the program of this file name takes none away."""
    ends = VERBATIM.get(name.lower())
    if ends is None:
        return
    for argument in arguments:
        if not _PLAIN.fullmatch(argument):
            raise Invalid(f"'{argument}' can't be passed to {name}, which takes no blanks and quotes here")
        if argument in ends:
            return


def is_same_to_cmd(line: str) -> bool:
    """Whether cmd.exe /C starts the same program with the same arguments as CreateProcess does."""
    if "%" in line or "!" in line:
        return False
    if line.startswith('"') and (line.count('"') != 2 or _OPERATORS.search(line)):
        return False  # cmd.exe takes the first quote and the last one away
    return not any(_OPERATORS.search(part) for part in line.split('"')[::2])


def for_cmd(line: str) -> str:
    """The line with which cmd.exe /C starts the program of this line: every sign that it knows is only text."""
    return _SIGNS.sub(r"^\g<0>", line)
