# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""The settings of .wslconfig: what a task sets of them, and the text with it; all other lines stay as they are.

WSL reads ``key = value`` in ``[sections]``, names without case, and of a key that is there twice the first one. ``#``
begins a comment; ``\`` escapes ``\``, ``"``, b, n, t, and continues a value on the next line (microsoft/WSL,
src/shared/configfile/configfile.cpp).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..._task.errors import Invalid

FILE = ".wslconfig"
# A section and a key begin with a letter, and have letters and digits.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_SECTION = re.compile(r"\s*\[([A-Za-z][A-Za-z0-9]*)\]\s*(#.*)?")
_ENTRY = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)\s*=[ \t]*(.*)", re.DOTALL)
_ESCAPED = re.compile(r'\\(?:([\\"])|([bnt])|(\r?\n))')
_CONTROL = {"b": "\b", "n": "\n", "t": "\t"}
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CONTINUES = re.compile(r"(?<!\\)(?:\\\\)*\\\r?\n$")
# A value up to its comment: quoted parts may contain #.
_VALUE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\\.|[^"#\\])*', re.DOTALL)

# Values by section and key, as people write them; None removes a key.
Settings = Mapping[str, Mapping[str, Any]]


class Line(NamedTuple):
    """A line with its end, and those that continue it. ``section`` is where it is, ``key`` is empty if it sets none.

    ``comment`` is what follows the value, with the blanks before it.
    """

    text: str
    section: str = ""
    key: str = ""
    value: str = ""
    comment: str = ""


def parse(given: Mapping[str, Any] | None, option: str = "config") -> dict[str, dict[str, str | None]]:
    """The settings of a task as text. Raises Invalid."""
    settings: dict[str, dict[str, str | None]] = {}
    for section, keys in (given or {}).items():
        _check_name(section, option)
        if not isinstance(keys, Mapping):
            raise Invalid(f"'{section}' is not a section with keys, such as 'wsl2: {{memory: 8GB}}'", option=option)
        for key, value in keys.items():
            _check_name(str(key), option)
            if isinstance(value, (Mapping, list)):
                raise Invalid(f"'{key}' in the section '{section}' is not a single value", option=option)
            settings.setdefault(section, {})[str(key)] = None if value is None else _text(value)
    return settings


def _check_name(name: str, option: str) -> None:
    if not _NAME.fullmatch(str(name)):
        raise Invalid(
            f"'{name}' is not a name of WSL, which consists of letters and digits and begins with a letter",
            option=option,
        )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- reading ----


def values(text: str) -> dict[str, dict[str, str]]:
    """The values that count, by section and key in the spelling of the file."""
    found: dict[str, dict[str, str]] = {}
    for line in _lines(text):
        section = next((name for name in found if name.lower() == line.section.lower()), line.section)
        known = found.setdefault(section, {}) if line.key else {}
        if line.key and line.key.lower() not in map(str.lower, known):
            known[line.key] = line.value
    return found


def value(text: str, section: str, key: str) -> str | None:
    """The value of a key, None without it."""
    lines = (line for line in _lines(text) if _is(line, section, key))
    return next((line.value for line in lines), None)


def differing(text: str, wanted: Settings) -> dict[str, dict[str, tuple[str | None, str | None]]]:
    """The keys that the text doesn't set as wanted, with the value before and after."""
    both = {
        section: {key: (value(text, section, key), after) for key, after in keys.items()}
        for section, keys in wanted.items()
    }
    changes = {section: {key: pair for key, pair in keys.items() if not _same(*pair)} for section, keys in both.items()}
    return {section: keys for section, keys in changes.items() if keys}


def _same(before: str | None, after: str | None) -> bool:
    """Whether two values mean the same to WSL; truth values have no case."""
    return before == after or (after in ("true", "false") and (before or "").lower() == after)


def _is(line: Line, section: str, key: str) -> bool:
    return line.key.lower() == key.lower() and line.section.lower() == section.lower()


def _lines(text: str) -> Iterator[Line]:
    section = ""
    for raw in _physical(text.removeprefix("\ufeff")):
        body = raw.rstrip("\r\n")
        if opened := _SECTION.fullmatch(body):
            section = opened[1]
            yield Line(raw, section)
        elif entry := _ENTRY.fullmatch(body):
            written = _written(entry[2])
            yield Line(raw, section, entry[1], _unescaped(written), entry[2][len(written) :])
        else:
            yield Line(raw, section)


def _written(text: str) -> str:
    """The value at the begin of a text, as it is written: up to a comment and the blanks before it."""
    found = _VALUE.match(text)
    return found[0].rstrip(" \t") if found else ""


def _physical(text: str) -> Iterator[str]:
    """Lines with their ends; a value that is continued is one line."""
    held = ""
    for line in _LINE.findall(text):
        held += line
        if line.endswith("\n") and _CONTINUES.search(held) and _is_value_open(held):
            continue
        yield held
        held = ""
    if held:
        yield held


def _is_value_open(line: str) -> bool:
    """Whether the backslash at the end of a line belongs to a value, and not to a comment."""
    entry = _ENTRY.fullmatch(line)
    return bool(entry) and _VALUE.fullmatch(entry[2]) is not None


def _unescaped(written: str) -> str:
    """A value without its quotes and escapes."""
    parts, at = [], 0
    stripped = written.strip(" \t")
    for escape in _ESCAPED.finditer(stripped):
        parts.append(stripped[at : escape.start()].replace('"', ""))
        parts.append(escape[1] or _CONTROL.get(escape[2], ""))
        at = escape.end()
    return "".join([*parts, stripped[at:].replace('"', "")])


# ---- writing ----


def merged(text: str, wanted: Settings) -> str:
    """The text with the wanted values; a key is changed where it is, or added at the end of its section."""
    end = "\r\n" if "\r\n" in text or not text.strip() else "\n"
    lines = list(_lines(text))
    for section, keys in wanted.items():
        for key, after in keys.items():
            lines = _set(lines, section, key, after, end)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + "".join(line.text for line in lines)


def _set(lines: Sequence[Line], section: str, key: str, after: str | None, end: str) -> list[Line]:
    places = [at for at, line in enumerate(lines) if _is(line, section, key)]
    if after is None:
        return [line for at, line in enumerate(lines) if at not in places]
    if not places:
        return _added(lines, section, key, after, end)
    changed, at = list(lines), places[0]
    if not _same(lines[at].value, after):
        changed[at] = _entry(section, lines[at].key, after, end, lines[at].comment)
    return changed


def _added(lines: Sequence[Line], section: str, key: str, after: str, end: str) -> list[Line]:
    """The lines with one more, behind the last line of its section that is not blank."""
    own = [at for at, line in enumerate(lines) if line.section.lower() == section.lower() and line.text.strip()]
    new = [_entry(section, key, after, end)]
    if not own:
        blank = [Line(end)] if lines and lines[-1].text.strip() else []
        own, new = [len(lines) - 1], [*blank, Line(f"[{section}]{end}", section), *new]
    before = [*lines[: own[-1] + 1]]
    if before and not before[-1].text.endswith(("\n", "\r")):
        before[-1] = before[-1]._replace(text=before[-1].text + end)
    return [*before, *new, *lines[own[-1] + 1 :]]


def _entry(section: str, key: str, after: str, end: str, comment: str = "") -> Line:
    return Line(f"{key}={_escaped(after)}{comment}{end}", section, key, after, comment)


def _escaped(plain: str) -> str:
    """A value as WSL reads it back."""
    text = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"' if "#" in text or text != text.strip(" \t") else text
