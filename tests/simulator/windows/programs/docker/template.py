"""Go templates, as far as --format needs them: fields, json, index, len, and pipes of these.

Anything else raises NotImplementedError: nobody shall believe that the real docker.exe was asked.
"""

from __future__ import annotations

import json
import re
from typing import Any


class Map(dict):
    """A map of Go: a missing key is no error but `<no value>`. Other dicts stand for structs."""


class TemplateError(Exception):
    """The sentence of text/template."""


class _Missing:
    """What a map gives for a key that it hasn't."""


NO_VALUE = _Missing()
_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
_WORD = re.compile(r'\.[\w.]*|"(?:[^"\\]|\\.)*"|`[^`]*`|-?\d+|\w+|\||[()$]')
FUNCTIONS = ("json", "index", "len", "lower", "upper", "join", "println", "print")


def render(template: str, data: Any) -> str:
    """The text of a template; TemplateError where Go stops."""
    out: list[str] = []
    at, trim = 0, False
    for action in _ACTION.finditer(template):
        text = template[at : action.start()]
        out.append((text.lstrip() if trim else text).rstrip() if action[1] else text.lstrip() if trim else text)
        out.append(_print(_pipeline(action[2], data)))
        at, trim = action.end(), bool(action[3])
    rest = template[at:]
    if "{{" in rest:
        raise TemplateError("template: :1: unclosed action")
    out.append(rest.lstrip() if trim else rest)
    return "".join(out)


def fields(template: str) -> set[str]:
    """The first fields that a template reads; an empty one stands for all."""
    found = set()
    for action in _ACTION.finditer(template):
        for word in _WORD.findall(action[2]):
            if word.startswith("."):
                found.add(word[1:].partition(".")[0])
    return found


def to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return None if value is NO_VALUE else str(value)


def _pipeline(text: str, data: Any) -> Any:
    words = _WORD.findall(text)
    if "".join(words) != re.sub(r"\s+", "", text) and not re.search(r'["`]', text):
        raise NotImplementedError(f"the simulator's docker.exe knows no template like {{{{{text}}}}}")
    value: Any = None
    for number, command in enumerate(_commands(words)):
        if not command or any(word in "()$" for word in command):
            raise NotImplementedError(f"the simulator's docker.exe knows no template like {{{{{text}}}}}")
        head, *rest = command
        arguments = [_operand(word, data, text) for word in rest] + ([value] if number else [])
        if head.startswith((".", '"', "`")) or head.lstrip("-").isdigit():
            value = _operand(head, data, text)
        elif head in FUNCTIONS:
            value = _call(head, arguments)
        else:
            raise NotImplementedError(f"the simulator's docker.exe knows no template function {head}: {{{{{text}}}}}")
    return value


def _commands(words: list[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _operand(word: str, data: Any, action: str) -> Any:
    if word.startswith('"'):
        return json.loads(word)
    if word.startswith("`"):
        return word[1:-1]
    if not word.startswith("."):
        if not word.lstrip("-").isdigit():
            raise NotImplementedError(f"the simulator's docker.exe knows no template like {{{{{action}}}}}")
        return int(word)
    value = data
    for name in word[1:].split(".") if word != "." else ():
        if isinstance(value, Map):
            value = value.get(name, NO_VALUE)
        elif isinstance(value, dict):
            if name not in value:
                sentence = f"can't evaluate field {name} in type interface {{}}"
                raise TemplateError(f'template: :1:{len(action)}: executing "" at <{word}>: {sentence}')
            value = value[name]
        elif value is None:
            raise TemplateError(f'template: :1:{len(action)}: executing "" at <{word}>: nil pointer evaluating {word}')
        else:
            raise TemplateError(f'template: :1:{len(action)}: executing "" at <{word}>: can\'t evaluate field {name}')
    return value


def _call(name: str, arguments: list[Any]) -> Any:
    match name:
        case "json":
            return to_json(arguments[0])
        case "index":
            value = arguments[0]
            for key in arguments[1:]:
                if isinstance(value, list):
                    if not 0 <= key < len(value):
                        raise TemplateError(f"error calling index: reflect: slice index out of range: {key}")
                    value = value[key]
                elif isinstance(value, dict):
                    value = value.get(key, NO_VALUE)
                else:
                    raise TemplateError("error calling index: index of untyped nil")
            return value
        case "len":
            return len(arguments[0])
        case "lower" | "upper":
            return getattr(str(arguments[0]), name)()
        case "join":
            return str(arguments[1]).join(map(str, arguments[0]))
    return "".join(map(_print, arguments)) + ("\n" if name == "println" else "")


def _print(value: Any) -> str:
    """As Go's fmt.Print writes a value."""
    if value is NO_VALUE:
        return "<no value>"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(_print, value))}]"
    if isinstance(value, Map):
        return f"map[{' '.join(f'{key}:{_print(value[key])}' for key in sorted(value))}]"
    if isinstance(value, dict):
        return f"{{{' '.join(map(_print, value.values()))}}}"
    return str(value)
