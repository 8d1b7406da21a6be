# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a host, changed at random: flipped, cut, repeated, with values and elements that no host sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

_PROPERTY = '&lt;PROPERTY NAME="Name" TYPE="uint8"&gt;&lt;VALUE&gt;x&lt;/VALUE&gt;&lt;/PROPERTY&gt;'
_NUMBERS = ("-1", "0", "1", "2", "4096", "32775", "65536", "9" * 30, "9" * 5000, "1e999", "nan", "0x10", "1_0")
_DATES = (
    "20261301000000.000000+000",
    "00010101000000.000000+999",
    "99999999999999.999999:000",
    "P1",
    "P99999999999D",
    "2026-13-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1601-01-01T00:00:00Z",
)
_TEXTS = (
    "",
    " ",
    "true",
    "perhaps",
    "uuid:",
    "Microsoft:",
    "\\",
    "\\\\",
    '"',
    "AQID=",
    "A" * 3000,
    "Z\u0130\u00df\u2028",
)
_PATHS = (
    "X.A=" + " " * 2000 + "?",
    'X.A="',
    "\\\\h\\root:X.A=1,",
    "root/virtualization/v2:Msvm_X=@",
)
_EMBEDDED = (
    '&lt;INSTANCE CLASSNAME="X"/&gt;',
    "&lt;INSTANCE",
    "&lt;!DOCTYPE a&gt;&lt;INSTANCE/&gt;",
    f'&lt;INSTANCE CLASSNAME="X"&gt;{_PROPERTY}&lt;/INSTANCE&gt;',
    "&lt;a&gt;" * 600 + "&lt;/a&gt;" * 600,
)
_MARKUP = (
    "&#0;",
    "&amp;",
    "]]>",
    "<x/>",
    "<x><y>1</y></x>",
    "<x>" * 70 + "</x>" * 70,
    "<x>" * 2000 + "</x>" * 2000,
    "<VALUE>1</VALUE>",
    '<c:Datetime xmlns:c="http://schemas.dmtf.org/wbem/wscim/1/common">soon</c:Datetime>',
    '<w:ResourceURI xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">x</w:ResourceURI>',
)
VALUES = (*_NUMBERS, *_DATES, *_TEXTS, *_PATHS, *_EMBEDDED, *_MARKUP)
_TEXT = re.compile(r">([^<>]*)<")
_ELEMENT = re.compile(r"<([\w:.]+)(?:\s[^<>]*)?>[^<>]*</\1>")
_TAG = re.compile(r"</?[\w:.]+")
_ATTRIBUTE = re.compile(r'\s[\w:]+="[^"]*"')
_ESCAPED = re.compile(r"&gt;([^&<>]*)&lt;")


def mutated(text: str, random: Random) -> bytes:
    """The answer with one to three changes, or in another encoding."""
    for _turn in range(random.choice((1, 1, 1, 2, 3))):
        text = random.choice(_CHANGES)(text, random)
    return text.encode(random.choice(("utf-8",) * 20 + ("utf-16", "utf-8-sig", "utf-32")), "surrogatepass")


def _replace(pattern: re.Pattern[str], new: Callable[[re.Match[str], Random], str]) -> Callable[[str, Random], str]:
    def change(text: str, random: Random) -> str:
        found = list(pattern.finditer(text))
        if not found:
            return text
        match = random.choice(found)
        return text[: match.start()] + new(match, random) + text[match.end() :]

    return change


def _flip(text: str, random: Random) -> str:
    position = random.randrange(len(text) or 1)
    return (
        text[:position]
        + chr(ord(text[position : position + 1] or "x") ^ (1 << random.randrange(7)))
        + text[position + 1 :]
    )


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) or 1)]


def _span(text: str, random: Random) -> tuple[int, int]:
    start = random.randrange(len(text) or 1)
    return start, min(len(text), start + random.randrange(1, 200))


def _lose(text: str, random: Random) -> str:
    start, end = _span(text, random)
    return text[:start] + text[end:]


def _stutter(text: str, random: Random) -> str:
    start, end = _span(text, random)
    return text[:end] + text[start:end] * random.choice((1, 2, 50)) + text[end:]


def _document_type(text: str, random: Random) -> str:
    return (
        random.choice(("<!DOCTYPE a>", '<!DOCTYPE a [<!ENTITY b "c">]>', f"<!-- {'x' * 3000} --><!DOCTYPE a>")) + text
    )


_CHANGES: tuple[Callable[[str, Random], str], ...] = (
    *[_replace(_TEXT, lambda _match, random: f">{random.choice(VALUES)}<")] * 4,
    *[_replace(_ESCAPED, lambda _match, random: f"&gt;{random.choice(VALUES)}&lt;")] * 2,
    *[_replace(_ELEMENT, lambda _match, _random: "")] * 3,
    *[_replace(_ELEMENT, lambda match, random: match[0] * random.choice((2, 3, 100)))] * 2,
    _replace(
        _ELEMENT,
        lambda match, _random: f'<{match[1]} xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>',
    ),
    _replace(_ELEMENT, lambda match, random: f"<{match[1]}>{match[0]}{random.choice(VALUES)}</{match[1]}>"),
    _replace(_TAG, lambda match, random: match[0] + random.choice("xX_1")),
    _replace(_TAG, lambda match, random: match[0][: random.randrange(1, len(match[0]))]),
    _replace(_ATTRIBUTE, lambda _match, _random: ""),
    _replace(
        _ATTRIBUTE,
        lambda match, random: (
            match[0].partition("=")[0] + f'="{random.choice(("", "x", "uint8", "datetime", "true"))}"'
        ),
    ),
    _flip,
    _cut,
    _lose,
    _stutter,
    _document_type,
)
