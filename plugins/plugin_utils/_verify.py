# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of verify_hosts: what became of the simulator's assumptions and of the examples on a real host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._verify.scrub import everywhere, scrubber

SCHEMA = 1
HELD, NOT_HELD, NOT_SETTLED = "held", "not held", "not settled"
PASSES = ("check", "real", "again")  # the runs of an example
Report = dict[str, Any]


def assemble(
    result: Mapping[str, Any], examples: Iterable[Mapping[str, Any]], words: Iterable[str], created: str | None
) -> Report:
    """The report, from the result of host_experiment and those of the examples, each in its three runs."""
    scrub = scrubber([str(word) for word in words], (), ())
    entries = [dict(entry) for entry in result.get("entries") or ()]
    checked = [everywhere(_example(example), scrub) for example in examples]
    return {
        "schema": SCHEMA,
        "created": created,
        "host": result.get("host"),
        "summary": dict(Counter(row["verdict"] for row in (*entries, *checked))),
        "examples": checked,
        "entries": entries,
    }


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the runs of an example kept the promises: the check foresaw the change, and nothing was left to do."""
    runs = [run for run in example.get("results") or () if not run.get("skipped")]
    changed = {run["item"]: bool(run.get("changed")) for run in runs}
    failed = [f"{run['item']}: {run.get('msg', '')}" for run in runs if run.get("failed")]
    name = str(example.get("name", ""))
    if failed or [*changed] != list(PASSES):
        reason = "; ".join(failed) or "it was not run"
        return {"name": name, "verdict": NOT_HELD if failed else NOT_SETTLED, "changed": changed, "reason": reason}
    kept = changed["check"] == changed["real"] and not changed["again"]
    return {"name": name, "verdict": HELD if kept else NOT_HELD, "changed": changed, "reason": ""}


def markdown(report: Report) -> str:
    """The report as Markdown, without the messages."""
    host = report["host"] or {}
    lines = ["# Assumptions of the simulator on a real host", ""]
    lines += [f"- {name}: {host[name]}" for name in ("os", "version", "stack") if host.get(name)]
    lines += [f"- {verdict}: {number}" for verdict, number in sorted(report["summary"].items())]
    lines += ["", "The JSON file has the messages. Names, addresses and GUIDs in both files are replaced.", ""]
    for verdict in (NOT_HELD, HELD, NOT_SETTLED):
        rows = [row for row in report["entries"] if row["verdict"] == verdict]
        if rows:
            lines += [f"## {verdict.capitalize()}", "", "| entry | action | expected | observed |", "|---|---|---|---|"]
            lines += [_row(row) for row in rows] + [""]
    if report["examples"]:
        lines += ["## Examples", "", "| example | verdict | changed: check, real, again |", "|---|---|---|"]
        lines += [
            f"| {row['name']} | {row['verdict']} {_cell(row['reason'])} | {_cell(list(row['changed'].values()))} |"
            for row in report["examples"]
        ]
    return "\n".join(lines).rstrip() + "\n"


def _row(entry: Mapping[str, Any]) -> str:
    """A row with the values that differ, or with the reason."""
    expected, observed = entry.get("expected") or {}, entry.get("observed") or {}
    names = [name for name in expected if observed.get(name) != expected[name]]
    if entry["verdict"] != NOT_HELD:
        return f"| {entry['id']} | {_cell(entry['action'])} | {_cell(entry['reason'])} | |"
    shown = (_cell({name: side.get(name) for name in names}) for side in (expected, observed))
    return f"| {entry['id']} | {_cell(entry['action'])} | {' | '.join(shown)} |"


def _cell(value: Any) -> str:
    text = ", ".join(f"{name}: {inner}" for name, inner in value.items()) if isinstance(value, dict) else str(value)
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
