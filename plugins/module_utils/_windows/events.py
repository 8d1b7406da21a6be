# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event logs of Windows (Win32_NTLogEvent): the newest events of one source."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from .._task.session import Target
from .._wsman import cim
from .._wsman.faults import HostError
from .schema import EVENT

_COLUMNS = ("RecordNumber", "EventCode", "EventType", "TimeGenerated", "InsertionStrings", "Message")
ERROR = 1  # EventType


class Event(NamedTuple):
    """An event: its number in the log, its code, its text in the language of the target."""

    number: int
    code: int
    is_error: bool
    time: datetime | None
    text: str


def newest_number(target: Target, log: str, source: str) -> int:
    """The number of the newest event of a source, 0 without one. Providers return the newest events first."""
    rows = _query(target, log, source, "", limit=1)
    return max((row["RecordNumber"] or 0 for row in rows), default=0)


def after(target: Target, log: str, source: str, number: int) -> list[Event]:
    """The events of a source behind the one with this number, the oldest first; none if the log can't be read."""
    try:
        rows = _query(target, log, source, f" AND RecordNumber > {number}")
    except HostError:
        return []
    return sorted((_event(row) for row in rows), key=lambda event: event.number)


def since(target: Target, log: str, source: str, begin: datetime) -> list[Event]:
    """The events of a source since a point of time, the oldest first."""
    rows = _query(target, log, source, f" AND TimeGenerated >= {cim.quote(cim.native_datetime(begin))}")
    return sorted((_event(row) for row in rows), key=lambda event: event.number)


def _query(target: Target, log: str, source: str, more: str, limit: int | None = None) -> list[dict[str, Any]]:
    where = f"Logfile = {cim.quote(log)} AND SourceName = {cim.quote(source)}{more}"
    return target.client.query(EVENT, columns=_COLUMNS, where=where, limit=limit)


def _event(row: dict[str, Any]) -> Event:
    """The strings that the source inserted, else the text; a source without its message file has no text."""
    strings = [text.strip() for text in row["InsertionStrings"] or () if text and text.strip()]
    text = " ".join(strings) or (row["Message"] or "").strip()
    return Event(row["RecordNumber"] or 0, row["EventCode"] or 0, row["EventType"] == ERROR, row["TimeGenerated"], text)
