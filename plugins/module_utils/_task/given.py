# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are given but empty, as the default of an undefined variable leaves them, and those that are doubled."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from .errors import Invalid, join


def check_given(params: Mapping[str, Any], may_be_empty: Container[str] = ()) -> None:
    """Raise Invalid for a text that is empty or blank.

    Unless the full path of its option, or of one that contains it, is in ``may_be_empty``.
    """
    for names, value in _texts(params):
        if not value.strip() and not any(join(*names[:depth]) in may_be_empty for depth in range(1, len(names) + 1)):
            raise Invalid(
                "is empty, which selects nothing. Set a value, or omit the option (default(omit) for a variable that "
                "may be undefined)",
                option=join(*names),
            )


def check_distinct(
    values: Iterable[Any], option: str, problem: str = "is listed twice; merge both entries into one"
) -> None:
    """Raise Invalid if two entries of a list have the same value, compared without case. None is no value."""
    seen: set[str] = set()
    for value in values:
        key = str(value).lower()
        if value is not None and key in seen:
            raise Invalid(f"'{value}' {problem}", option=option)
        seen.add(key)


def _texts(value: Any, *names: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in the options with the names on the way to its option."""
    if isinstance(value, str):
        yield names, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, *names, name)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry, *names)
