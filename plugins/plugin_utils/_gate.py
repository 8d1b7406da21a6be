# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on hosts: from the findings of preflight and the changes that a declared state would need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from ..module_utils._policy import evaluate
from ..module_utils._policy.rule import FAIL, WARN
from ..module_utils._task.errors import Invalid
from ._report.words import number, printable

SCHEMA = 1
DRIFT = "declared-state"  # id of the findings about differences from the declared state
SEVERITIES = (FAIL, WARN)


class Section(NamedTuple):
    """A part of the declared state: the module whose options its entries have, and the word for such an object."""

    module: str
    word: str


# In the order in which they are compared.
SECTIONS = {
    "switches": Section("virtual_switch", "switch"),
    "nats": Section("nat_network", "NAT"),
    "vms": Section("vm", "VM"),
}

Result = Mapping[str, Any]  # of a task, as it is registered; of a loop with its items in `results`
Gate = dict[str, Any]

_SHOWN = 5  # findings per host in the summary


def assemble(
    rows: Iterable[tuple[str, Sequence[Result], Sequence[Result]]], purpose: str, scenario: str, severity: str
) -> Gate:
    """The verdict on hosts, each with its name, the results of its checks, and of its declared state by section."""
    hosts = [_host(str(name), checks, declared, severity == WARN) for name, checks, declared in rows]
    hosts.sort(key=lambda host: (host["name"].lower(), host["name"]))
    gate = {
        "schema": SCHEMA,
        "purpose": purpose,
        "scenario": scenario,
        "severity": severity,
        "passed": all(host["passed"] for host in hosts),
        "hosts": hosts,
    }
    return {**gate, "title": title(gate), "summary": list(_summary(gate))}


def _host(name: str, checks: Sequence[Result], declared: Sequence[Result], strict: bool) -> dict[str, Any]:
    answers = [item for check in checks for item in _items(check)]
    compared = [(section, item) for section, result in zip(SECTIONS, declared, strict=False) for item in _items(result)]
    lost = [item for item in (*answers, *(item for _section, item in compared)) if item.get("unreachable")]
    error = next((_message(item) for item in (*lost, *(item for item in answers if item.get("failed")))), None)
    findings = {
        (finding["id"], finding["vm"]): dict(finding) for item in answers for finding in item.get("findings") or ()
    }
    rows = [*evaluate.ordered(findings.values()), *(row for section, item in compared for row in _drift(section, item))]
    if not answers and not error:
        error = f"{name}: no task ran on this host"
    blocking = [row for row in rows if evaluate.is_failure(row, strict)]
    return {
        "name": name,
        "reachable": bool(answers) and not lost,
        "error": error,
        "host": {} if any("findings" in item for item in answers) else None,
        "vms": [{"name": vm} for vm in sorted({row["vm"] for row in rows if row["vm"]} | _judged(answers))],
        "parent": None,
        "findings": rows,
        "compared": len(compared),
        "passed": not error and not blocking,
        "blocking": blocking,
        "verdict": _verdict(error, blocking, rows),
    }


def _items(result: Result | None) -> list[Result]:
    """The results of a task or of the items of its loop, without those that were skipped."""
    if not result:
        return []
    rows = result["results"] if isinstance(result.get("results"), list) else [result]
    return [row for row in rows if not row.get("skipped")]


def _message(result: Result) -> str:
    return str(result.get("msg") or "the task failed without a message")


def _judged(answers: Iterable[Result]) -> set[str]:
    """Names of the VMs that preflight has evaluated, which are the items of its loop."""
    return {str(item["item"]["name"]) for item in answers if isinstance(item.get("item"), Mapping)}


# ---- the declared state ----


def validate(declared: Any) -> None:
    """Refuse a declared state with unknown sections or options, or entries without a name. Raises Invalid."""
    if not isinstance(declared, Mapping):
        raise Invalid(f"must be a dictionary with the keys {', '.join(SECTIONS)}, not {_shown(declared)}")
    for section, entries in declared.items():
        if section not in SECTIONS:
            raise Invalid(f"is no section; use {', '.join(SECTIONS)}", option=str(section))
        if not isinstance(entries, list | tuple):
            raise Invalid("must be a list", option=section)
        module = SECTIONS[section].module
        options = import_module(f"...modules.{module}", __name__).SPEC["argument_spec"]
        for position, entry in enumerate(entries):
            path = f"{section}[{position}]"
            if not isinstance(entry, Mapping) or not (entry.get("name") or ("id" in options and entry.get("id"))):
                raise Invalid(f"must contain the options of nested.hyperv.{module}, with a name", option=path)
            for option in entry:
                if option not in options:
                    near = evaluate.nearest(str(option), options)[0]
                    raise Invalid(
                        f"is no option of nested.hyperv.{module}; did you mean {near}?", option=f"{path}.{option}"
                    )


def _drift(section: str, result: Result) -> Iterator[dict[str, Any]]:
    """A finding if an entry of the declared state would change the host, or cannot be applied to it."""
    if result.get("unreachable") or not (result.get("changed") or result.get("failed")):
        return
    entry = result.get("item")
    entry = entry if isinstance(entry, Mapping) else {}
    name = str(entry.get("name") or entry.get("id") or "?")
    if result.get("failed"):
        message, observed = "The declared state cannot be compared with the host", _message(result)
    else:
        message, observed = "The host differs from the declared state", "; ".join(_differences(result.get("diff")))
    yield {
        "id": DRIFT,
        "severity": FAIL,
        "vm": name if section == "vms" else None,
        "message": message,
        "observed": f"{SECTIONS[section].word} '{name}': {observed}",
        "remedy": f"Apply the declared state, or correct gate_nesting_declared.{section}",
        "source": None,
        "ignored": None,
    }


def _differences(diff: Any) -> list[str]:
    """A change in words, with the option's path: `processor.count is 2, declared: 4`."""
    before, after = (diff.get(key) for key in ("before", "after")) if isinstance(diff, Mapping) else (None, None)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if before.get("state") == "absent":
            return ["does not exist"]
        if after.get("state") == "absent":
            return ["exists, declared: absent"]
    return list(_compare("", before, after)) or ["would be changed"]


def _compare(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*after, *before]):
            yield from _compare(f"{path}.{key}" if path else str(key), before.get(key), after.get(key))
    elif before != after:
        yield f"{path} is {_shown(before)}, declared: {_shown(after)}"


def _shown(value: Any) -> str:
    """A value of a diff on one line."""
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}…"


# ---- words ----


def counted(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The findings by kind, in words: 2 violated rules, 1 difference from the declared state, 1 ignored rule."""
    rows = list(rows)
    open_rows = [row for row in rows if row["ignored"] is None]
    drift = sum(row["id"] == DRIFT for row in open_rows)
    by_severity = [sum(row["severity"] == severity for row in open_rows) for severity in (FAIL, WARN, "info")]
    kinds = (
        (by_severity[0] - drift, "violated rule", ""),
        (drift, "difference from the declared state", "differences from the declared state"),
        (by_severity[1], "warning", ""),
        (by_severity[2], "note", ""),
        (len(rows) - len(open_rows), "ignored finding", ""),
    )
    return [number(count, singular, plural) for count, singular, plural in kinds if count]


def _verdict(error: str | None, blocking: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    if error and not rows:
        return f"not checked: {error}"
    return ", ".join([*counted(rows), *([f"not checked completely: {error}"] if error else [])]) or "no findings"


def title(gate: Mapping[str, Any]) -> str:
    """The verdict in one sentence."""
    hosts = gate["hosts"]
    failed = sum(not host["passed"] for host in hosts)
    compared = sum(host["compared"] for host in hosts)
    asked = (
        f"purpose {gate['purpose']}, scenario {gate['scenario']}, severity {gate['severity']}, "
        f"{number(compared, 'declared object') if compared else 'no declared state'}"
    )
    if failed:
        return f"FAILED: {failed} of {number(len(hosts), 'host')} ({asked})"
    return f"PASSED: {number(len(hosts), 'host')} ({asked})"


def _summary(gate: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, then the hosts that fail with the findings that cause it, then the number of the other hosts."""
    yield gate_line(title(gate))
    failed = [host for host in gate["hosts"] if not host["passed"]]
    for host in failed:
        yield gate_line(f"{host['name']}: {host['verdict']}")
        for row in host["blocking"][:_SHOWN]:
            kind = "drift" if row["id"] == DRIFT else row["severity"]
            yield gate_line(f"  {kind}: {described(row)}")
        if len(host["blocking"]) > _SHOWN:
            yield f"  and {len(host['blocking']) - _SHOWN} more in the report"
    passed = len(gate["hosts"]) - len(failed)
    if failed and passed:
        yield f"{number(passed, 'other host')} passed"


def described(row: Mapping[str, Any]) -> str:
    """A finding on one line: lab01: nested-memory: found dynamic memory."""
    if row["id"] == DRIFT:
        return str(row["observed"])
    return f"{row['vm'] or 'host'}: {row['id']}: {row['message']}; found {row['observed']}"


def gate_line(text: str) -> str:
    """The text on one line, without what terminals and pipelines execute: control characters, ##vso[…], ::error::."""
    return printable(text).translate(_SPACES).replace("##", "# #").replace("::", ": :")


_SPACES = {ord(character): " " for character in "\t\n\r"}
