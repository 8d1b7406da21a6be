# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the fault matrix, in Markdown: for the documentation, and examples of what is wrong for developers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .flows import FLOWS
from .matrix import COLUMNS, FAULTS, Verdict

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fault_matrix.md"
BEGIN, END = "<!-- begin: make faults -->", "<!-- end: make faults -->"
Rows = Sequence[Mapping[str, Any]]


def publish(rows: Rows) -> None:
    """Replace the tables between the marks of the document."""
    head, _begin, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    lines = [BEGIN, "", *by_fault(rows), "", *by_flow(rows), "", END]
    DOCUMENT.write_text(head + "\n".join(lines) + tail, "utf-8")


def by_fault(rows: Rows) -> list[str]:
    """The sums of each kind of fault."""
    return _table(["fault", "runs", *COLUMNS], [_sums(fault, "fault", rows) for fault in FAULTS] + [_all(rows)])


def by_flow(rows: Rows) -> list[str]:
    """The runs of each flow with each kind of fault, and in brackets those with something wrong in any column."""
    cells = {(row["flow"], row["fault"]): row for row in rows}
    lines = []
    for flow in FLOWS:
        found = [cells.get((flow.name, fault)) for fault in FAULTS]
        lines.append([flow.name, *(_cell(row) for row in found)])
    return _table(["flow", *FAULTS], lines)


def examples(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Of each flow, fault and column that is not 0: how many runs, and how to see one."""
    wrong: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for verdict in verdicts:
        for column, text in verdict.wrong.items():
            key = verdict.case.flow, column, verdict.case.fault
            wrong.setdefault(key, []).append((verdict.case.at, text))
    for (flow, column, fault), found in sorted(wrong.items()):
        at, text = min(found)
        places = ", ".join(str(number) for number, _text in sorted(found))
        yield f"- {flow} | {fault} | {column}: {len(found)} runs (requests {places})"
        yield f"    python -m tests.faults --flow '{flow}' --fault '{fault}' --at {at}"
        yield f"    {' '.join(text.split())[:400]}"


def _sums(name: str, key: str, rows: Rows) -> list[Any]:
    chosen = [row for row in rows if row[key] == name]
    return [name, *(sum(row[column] for row in chosen) for column in ("runs", *COLUMNS))]


def _all(rows: Rows) -> list[Any]:
    return ["all", *(sum(row[column] for row in rows) for column in ("runs", *COLUMNS))]


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    wrong = sum(row[column] for column in COLUMNS)
    return f"{row['runs']} ({wrong})" if wrong else str(row["runs"])


def _table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(map(str, line))} |" for line in (head, rule, *lines)]
