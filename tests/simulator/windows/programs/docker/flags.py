"""Command lines of docker.exe: the flags of its commands, read as pflag does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SWITCH, TEXT, LIST, NUMBER = "bool", "string", "list", "int"


class Usage(Exception):
    """A mistake in the command line: what is printed, and the exit code."""

    def __init__(self, text: str, code: int = 125) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Syntax:
    """`flags` by long name: (short name, kind). `least` and `most` count the arguments.

    `mixed` says that flags may follow arguments; commands that start programs end their flags at the first argument.
    """

    line: str
    flags: dict[str, tuple[str, str]] = field(default_factory=dict)
    least: int = 0
    most: int | None = None
    mixed: bool = True

    @property
    def command(self) -> str:
        """docker image rm."""
        words = self.line.split(" ")
        return " ".join(word for word in words if word.islower())


def parse(syntax: Syntax, arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Flags and arguments; Usage for what the command doesn't take."""
    given: dict[str, Any] = {}
    rest: list[str] = []
    shorts = {short: name for name, (short, _kind) in syntax.flags.items() if short}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if not word.startswith("-") or word == "-":
            rest.append(word)
            if not syntax.mixed:
                rest += words
                break
            continue
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name not in syntax.flags:
                raise Usage(_with_usage(f"unknown flag: --{name}", syntax))
            _set(syntax, given, name, f"--{name}", value if equals else None, words)
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter not in shorts:
                raise Usage(_with_usage(f"unknown shorthand flag: '{letter}' in {word}", syntax))
            name = shorts[letter]
            if syntax.flags[name][1] == SWITCH and not letters.startswith("="):
                given[name] = True
                continue
            value = letters.removeprefix("=") or None
            letters = ""
            _set(syntax, given, name, f"'{letter}' in {word}", value, words)
    _count(syntax, rest)
    return given, rest


def _set(syntax: Syntax, given: dict[str, Any], name: str, shown: str, value: str | None, words: list[str]) -> None:
    kind = syntax.flags[name][1]
    if kind == SWITCH:
        given[name] = (value or "true").lower() in ("true", "1", "t")
        return
    if value is None:
        if not words:
            raise Usage(_with_usage(f"flag needs an argument: {shown}", syntax))
        value = words.pop(0)
    if kind == LIST:
        given.setdefault(name, []).append(value)
    elif kind == NUMBER:
        if not value.lstrip("-").isdigit():
            sentence = f'strconv.ParseInt: parsing "{value}": invalid syntax'
            raise Usage(_with_usage(f'invalid argument "{value}" for "--{name}" flag: {sentence}', syntax))
        given[name] = int(value)
    else:
        given[name] = value


def _with_usage(error: str, syntax: Syntax) -> str:
    return f"{error}\n\nUsage:  {syntax.line}\n\nRun '{syntax.command} --help' for more information"


def _count(syntax: Syntax, rest: list[str]) -> None:
    if len(rest) >= syntax.least and (syntax.most is None or len(rest) <= syntax.most):
        return
    command, least, most = syntax.command, syntax.least, syntax.most
    if most == 0:
        sentence = f"{command} accepts no arguments"
    elif least == most:
        sentence = f"{command} requires {least} argument{'' if least == 1 else 's'}"
    elif len(rest) < least:
        sentence = f"{command} requires at least {least} argument{'' if least == 1 else 's'}"
    else:
        sentence = f"{command} requires at most {most} argument{'' if most == 1 else 's'}"
    raise Usage(
        f"docker: '{command}' {sentence.removeprefix(command + ' ')}\n\nUsage:  {syntax.line}\n\n"
        f"Run '{command} --help' for more information",
        1,
    )
