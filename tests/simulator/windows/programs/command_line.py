"""Command lines as Windows programs split and write them."""

from __future__ import annotations

import re
from collections.abc import Iterable


def split(line: str) -> list[str]:
    """The arguments of a command line, the program first (CommandLineToArgvW docs).

    The program ends at its closing quote or the first blank. In arguments 2n backslashes before a quote stand for n,
    2n+1 for n and the quote itself; two quotes within quotes are one.
    """
    line = line.lstrip(" \t")
    program = re.match(r'"([^"]*)"?|([^ \t]*)', line)
    assert program is not None
    arguments = [program[1] if program[1] is not None else program[2]]
    rest = line[program.end() :].lstrip(" \t")
    while rest:
        argument, rest = _argument(rest)
        arguments.append(argument)
        rest = rest.lstrip(" \t")
    return arguments


def _argument(text: str) -> tuple[str, str]:
    """The first argument of a text, and what follows it."""
    parts: list[str] = []
    quoted, at = False, 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        slashes = re.compile(r"\\*").match(text, at)
        assert slashes is not None
        count, at = len(slashes[0]), slashes.end()
        if at < len(text) and text[at] == '"':
            parts.append("\\" * (count // 2))
            if count % 2:
                parts.append('"')
            elif quoted and text[at + 1 : at + 2] == '"':
                parts.append('"')
                at += 1
            else:
                quoted = not quoted
            at += 1
        elif count:
            parts.append("\\" * count)
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts), text[at:]


def quote(argument: str) -> str:
    """An argument as CommandLineToArgvW reads it again (Go's syscall.EscapeArg: quotes only where they are needed)."""
    if argument and not re.search(r'[ \t"]', argument):
        return argument
    escaped = re.sub(r'(\\*)"', r"\1\1\\" + '"', argument)
    if not re.search(r"[ \t]", argument) and argument:
        return escaped
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def join(arguments: Iterable[str]) -> str:
    return " ".join(map(quote, arguments))
