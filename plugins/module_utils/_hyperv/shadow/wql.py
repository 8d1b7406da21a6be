# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditions of WQL that this collection sends, evaluated over rows that the host does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Unforeseen
from ..._wsman.client import Where

Row = Mapping[str, Any]

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([()])|(<>|!=|=)|(-?\d+)\b|(\w+))", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}


class Condition(NamedTuple):
    """A condition: the columns it compares, whether a row meets it, and whether a row can hold one of these texts only.

    ``only`` answers whether each row that meets it contains one of the given texts (upper case).
    """

    columns: frozenset[str]
    meets: Callable[[Row], bool]
    only: Callable[[frozenset[str]], bool]


ALWAYS = Condition(frozenset(), lambda row: True, lambda texts: False)


def parse(where: Where) -> Condition:
    """The condition of a query, as text or as a mapping of equalities. Raises Unforeseen for other WQL."""
    if not where:
        return ALWAYS
    if isinstance(where, Mapping):
        return _all([_comparison(name, "=", value) for name, value in where.items()])
    tokens = list(_tokens(where))
    condition = _parse_or(tokens, where)
    if tokens:
        raise _unknown(where)
    return condition


def _tokens(text: str) -> Iterator[tuple[str, Any]]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unknown(text)
        quoted, bracket, operator, number, word = match.groups()
        if quoted is not None:
            yield "value", re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        elif number is not None:
            yield "value", int(number)
        else:
            yield "word", bracket or operator or word
        position = match.end()


def _unknown(text: str) -> Unforeseen:
    return Unforeseen(f"check mode can't evaluate the query condition {text}")


def _is(tokens: list[tuple[str, Any]], word: str) -> bool:
    """Whether the next token is this word, which is then consumed."""
    if tokens and tokens[0][0] == "word" and tokens[0][1].lower() == word:
        del tokens[0]
        return True
    return False


def _parse_or(tokens: list[tuple[str, Any]], text: str) -> Condition:
    branches = [_parse_and(tokens, text)]
    while _is(tokens, "or"):
        branches.append(_parse_and(tokens, text))
    return _any(branches)


def _parse_and(tokens: list[tuple[str, Any]], text: str) -> Condition:
    parts = [_parse_one(tokens, text)]
    while _is(tokens, "and"):
        parts.append(_parse_one(tokens, text))
    return _all(parts)


def _parse_one(tokens: list[tuple[str, Any]], text: str) -> Condition:
    if _is(tokens, "("):
        inner = _parse_or(tokens, text)
        if not _is(tokens, ")"):
            raise _unknown(text)
        return inner
    if len(tokens) < 3 or tokens[0][0] != "word" or tokens[1][0] != "word":
        raise _unknown(text)
    (_word, column), (_operator, operator), (kind, value) = tokens[:3]
    del tokens[:3]
    if kind == "word":
        if value.lower() not in _WORDS:
            raise _unknown(text)
        value = _WORDS[value.lower()]
    return _comparison(column, operator.lower(), value)


def _comparison(column: str, operator: str, value: Any) -> Condition:
    holds = operator in ("like", "=")
    return Condition(
        frozenset({column}),
        _row_test(column, operator, value),
        lambda texts: holds and any(text in str(value).upper() for text in texts),
    )


def _row_test(column: str, operator: str, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a row meets a comparison."""
    if operator == "like":
        pattern = _pattern(str(value))
        return lambda row: pattern.fullmatch(str(row.get(column) or "")) is not None
    if operator in ("=", "is"):
        return lambda row: _same(row.get(column), value)
    if operator in ("<>", "!="):
        return lambda row: not _same(row.get(column), value)
    raise _unknown(f"{column} {operator} {value}")


def _all(parts: list[Condition]) -> Condition:
    columns = frozenset().union(*(part.columns for part in parts))
    return Condition(
        columns,
        lambda row: all(part.meets(row) for part in parts),
        lambda texts: any(part.only(texts) for part in parts),
    )


def _any(branches: list[Condition]) -> Condition:
    columns = frozenset().union(*(branch.columns for branch in branches))
    return Condition(
        columns,
        lambda row: any(branch.meets(row) for branch in branches),
        lambda texts: all(branch.only(texts) for branch in branches),
    )


def _pattern(text: str) -> re.Pattern[str]:
    """A LIKE pattern: ``%`` for any text, ``_`` for a character, ``[…]`` for one of these characters."""
    parts = re.split(r"(\[[^\]]+\]|%|_)", text)
    words = {"%": ".*", "_": "."}
    return re.compile(
        "".join(
            words.get(part) or (f"[{re.escape(part[1:-1])}]" if re.fullmatch(r"\[[^\]]+\]", part) else re.escape(part))
            for part in parts
        ),
        re.IGNORECASE | re.DOTALL,
    )


def _same(one: Any, other: Any) -> bool:
    """Equality as in WQL, which compares text without case."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return one == other
