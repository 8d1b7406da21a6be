# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of the fault matrix, in which nothing may be wrong but what is known, and what is known must be true."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from ansible_collections.nested.hyperv.tests.faults import matrix, tables
from ansible_collections.nested.hyperv.tests.faults.flows import BY_NAME, FLOWS
from ansible_collections.nested.hyperv.tests.faults.known import KNOWN
from ansible_collections.nested.hyperv.tests.faults.matrix import COLUMNS, FAULTS, Case, Verdict
from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.simulator import Rule

SAMPLE = 3  # runs of each flow
SEED = 1
# It reads what the modules that write to guests read, too.
READS_GUESTS = {"guest_info"}
known = {(row.flow, row.fault, row.column) for row in KNOWN}


@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_is_wrong_in_a_sample(name: str) -> None:
    for case in random.Random(f"{SEED} {name}").sample(list(matrix.cases([name])), SAMPLE):
        verdict = matrix.judge(case)
        new = {column: text for column, text in verdict.wrong.items() if (name, case.fault, column) not in known}
        assert not new, f"{case}: {new}"


def test_what_is_known_is_still_wrong() -> None:
    for row in KNOWN:
        found = (matrix.judge(case).wrong for case in matrix.cases([row.flow], [row.fault]))
        assert any(row.column in wrong for wrong in found), f"remove the row from known.py: {row}"


def test_what_is_known_is_said_once_and_exists() -> None:
    assert len(known) == len(KNOWN)
    for row in KNOWN:
        assert row.flow in BY_NAME
        assert row.fault in FAULTS
        assert row.column in COLUMNS
        assert row.reason


def test_every_module_and_playbook_has_flows() -> None:
    modules = {flow.runs for flow in FLOWS if not flow.is_playbook}
    assert modules >= {module for module in collection.modules() if module not in READS_GUESTS}
    playbooks = {flow.runs for flow in FLOWS if flow.is_playbook}
    paths = (collection.FOLDER.parents[1] / "playbooks").glob("*.yml")
    # Those of roles run on guests, with the modules of other flows. Of the others, capture_model only runs the modules
    # of survey_hosts, and to verify_hosts a fault is a finding; its own tests see that nothing is left behind.
    others = {path.stem for path in paths if "  roles:" not in path.read_text("utf-8")}
    assert playbooks == others - {"capture_model", "verify_hosts"}


def test_rows_are_counted_by_flow_and_fault() -> None:
    verdicts = [
        Verdict(Case("vm save", "cut", 1), {}),
        Verdict(Case("vm save", "cut", 2), {"false_unchanged": "x", "not_converged": "y"}),
        Verdict(Case("vm create", "503", 1), {"tracebacks": "z"}),
    ]
    rows = matrix.count(verdicts)
    assert [(row["flow"], row["fault"], row["runs"]) for row in rows] == [
        ("vm create", "503", 1),
        ("vm save", "cut", 2),
    ]
    assert [[row[column] for column in COLUMNS] for row in rows] == [[0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1]]
    assert tables.by_fault(rows)[-1] == "| all | 3 | 1 | 0 | 1 | 0 | 0 | 1 |"
    assert sum("--at 2" in line for line in tables.examples(verdicts)) == 2


def test_lies_are_told_from_what_may_be() -> None:
    for changed, uncertain, differs, wrong in (
        (False, False, True, ["false_unchanged"]),
        (False, True, True, ["false_unchanged"]),
        (True, False, True, []),
        (True, True, True, []),
        (True, False, False, ["false_changed"]),
        (True, True, False, []),
        (False, False, False, []),
    ):
        result = {"changed": changed, "failed": True, "msg": "x", **({"uncertain": ["it"]} if uncertain else {})}
        assert list(matrix._lies(result, differs)) == wrong


def test_a_part_that_is_begun_again_is_another_write_and_the_same_file_is_not() -> None:
    """Both are extracted by the same command line; the names are in the input of tar.exe."""
    flow = BY_NAME["guest_file create"]
    with matrix._host(flow) as lab, matrix._writes(lab) as writes:
        lab.sim.faults.add(Rule("unplug", operation="Receive", at=2, seconds=30))
        assert flow.run(lab)["changed"] is True
        parts = [rest for method, rest in writes if method == "start tar.exe"]
    assert len(parts) == len(set(parts)) == 2
    expected = matrix.baseline(flow.name)
    assert matrix._double(writes, expected, ()) == {}
    assert matrix._double([*writes, ("start tar.exe", parts[0])], expected, ()) == {
        "double_writes": "start tar.exe 2 times"
    }


def test_the_published_table_is_of_these_flows_and_faults() -> None:
    text = tables.DOCUMENT.read_text("utf-8")
    lines = text.partition(tables.BEGIN)[2].partition(tables.END)[0].splitlines()
    first = [line.split(" | ")[0].strip("| ") for line in lines if line.startswith("|")]
    rows: Sequence[str] = [name for name in first if name not in ("fault", "flow", "---", "all")]
    assert rows == [*FAULTS, *BY_NAME]
    (total,) = (line for line in lines if line.startswith("| all |"))
    assert int(total.split(" | ")[1]) >= 3000
