# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a gate: which results pass, in which words, and that no name becomes markup or a command."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.gate_data import gate_data
from ansible_collections.nested.hyperv.plugins.filter.gate_markdown import escape, gate_markdown
from ansible_collections.nested.hyperv.plugins.filter.survey_junit import survey_junit

HOSTILE = "a|b\n`c` *d* <script>alert(1)</script> [e](http://f) @everyone #1 ##vso[x]y ::error::z \x1b[31m \u202egnp \\"


def finding(rule: str = "nested-memory", severity: str = "fail", **more: Any) -> dict[str, Any]:
    return {
        "id": rule, "severity": severity, "vm": "lab01", "message": "Needs memory", "observed": "1 GB",
        "remedy": "Add memory", "source": "https://example.com/rule", "ignored": None, **more,
    }  # fmt: skip


def checked(*findings: Mapping[str, Any]) -> dict[str, Any]:
    return {"changed": False, "supported": not findings, "findings": list(findings)}


def compared(item: Mapping[str, Any], **result: Any) -> dict[str, Any]:
    """The registered loop that compares one VM."""
    return {"changed": True, "results": [{"item": item, "changed": False, **result}]}


def of_vm(item: Mapping[str, Any], **result: Any) -> dict[str, Any]:
    return gate_data([["hv01", [checked()], [{}, {}, compared(item, **result)]]])


@pytest.mark.parametrize(
    ("findings", "lenient", "strict"),
    [
        ([], True, True),
        ([finding(severity="info")], True, True),
        ([finding(severity="warn")], True, False),
        ([finding()], False, False),
        ([finding(ignored="a lab")], True, True),
        ([finding(severity="warn", ignored="a lab"), finding("other")], False, False),
    ],
)
def test_the_severity_decides(findings: list[dict[str, Any]], lenient: bool, strict: bool) -> None:
    for severity, passes in (("fail", lenient), ("warn", strict)):
        gate = gate_data([["hv01", [checked(*findings)], []]], severity=severity)
        assert gate["passed"] is passes
        root = ElementTree.fromstring(survey_junit(gate, severity, "gate").encode())
        assert (root.get("failures") == "0") is passes
        assert gate_markdown(gate).startswith(f"## Nested virtualization: {'passed' if passes else 'failed'}\n")
        assert gate["summary"][0].startswith("PASSED: 1 host" if passes else "FAILED: 1 of 1 host")


def test_findings_about_the_host_that_each_vm_repeats_count_once() -> None:
    own = finding(vm=None)
    loop = {"results": [{**checked(own, finding()), "item": {"name": "lab01", "id": "1"}}]}
    (host,) = gate_data([["hv01", [checked(own), loop], []]])["hosts"]
    assert [row["vm"] for row in host["findings"]] == [None, "lab01"]
    assert host["verdict"] == "2 violated rules"


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([{"unreachable": True, "msg": "hv01: no connection"}], "not checked: hv01: no connection"),
        ([{"failed": True, "msg": "hv01: access denied"}], "not checked: hv01: access denied"),
        ([checked(), {"failed": True, "msg": "no VMs"}], "not checked: no VMs"),
        ([checked(finding()), {"unreachable": True, "msg": "lost"}], "1 violated rule, not checked completely: lost"),
        ([], "not checked: hv01: no task ran on this host"),
        ([{"skipped": True}], "not checked: hv01: no task ran on this host"),
    ],
)
def test_a_host_that_is_not_checked_fails(checks: list[dict[str, Any]], words: str) -> None:
    gate = gate_data([["hv01", checks, []], ["hv02", [checked()], []]])
    assert gate["passed"] is False
    assert [host["passed"] for host in gate["hosts"]] == [False, True]
    assert gate["hosts"][0]["verdict"] == words
    assert ElementTree.fromstring(survey_junit(gate).encode()).get("errors") == "1"
    assert "1 host could not be checked" in gate_markdown(gate)


@pytest.mark.parametrize(
    ("result", "observed"),
    [
        (
            {"changed": True, "diff": {"before": {"processor": {"count": 2}}, "after": {"processor": {"count": 4}}}},
            "processor.count is 2, declared: 4",
        ),
        (
            {"changed": True, "diff": {"before": {"tpm": False}, "after": {"tpm": True, "notes": "x"}}},
            "tpm is false, declared: true; notes is not set, declared: x",
        ),
        ({"changed": True, "diff": {"before": {"state": "absent"}, "after": {"state": "present"}}}, "does not exist"),
        ({"changed": True, "diff": {"before": {}, "after": {"state": "absent"}}}, "exists, declared: absent"),
        ({"changed": True}, "would be changed"),
        ({"failed": True, "msg": "needs it off"}, "needs it off"),
    ],
)
def test_a_difference_from_the_declared_state_fails(result: dict[str, Any], observed: str) -> None:
    gate = of_vm({"name": "lab01"}, **result)
    assert gate["passed"] is False
    assert gate["summary"][1:] == [
        "hv01: 1 difference from the declared state",
        f"  drift: VM 'lab01': {observed}",
    ]


def test_a_host_as_declared_passes_and_a_lost_host_does_not() -> None:
    gate = of_vm({"name": "lab01"})
    assert gate["passed"] is True
    assert "1 declared object)" in gate["title"]
    lost = of_vm({"name": "lab01"}, unreachable=True, msg="hv01: gone")
    assert lost["passed"] is False
    assert lost["hosts"][0]["verdict"] == "not checked: hv01: gone"


def test_names_and_values_are_neither_markup_nor_commands() -> None:
    gate = gate_data(
        [[HOSTILE, [checked(finding(vm=HOSTILE, observed=HOSTILE, ignored=HOSTILE), finding("x", vm=HOSTILE))], []]]
    )
    text = gate_markdown(gate)
    for line in text.splitlines():
        if line.startswith("| <code>"):
            assert line.count(" | ") == 5
    plain = re.sub(r"</?(code|details|summary)>|https://example.com/rule", "", text)
    for part in ("<script", "`", "*d*", "](http", "@everyone", "##vso", "\x1b", "\u202e"):
        assert part not in plain
    summary = "\n".join(gate["summary"])
    for part in ("##", "::", "\x1b"):
        assert part not in summary
    assert all("\n" not in line for line in gate["summary"])


def test_escaped_text_renders_as_itself() -> None:
    text = "".join(map(chr, range(33, 127)))
    assert html.unescape(escape(text)) == text
    assert set(escape(text)) & set("|<>`*_[]@") == set()


def test_a_large_gate_fits_into_a_comment() -> None:
    rows = [
        [f"hv{n}", [checked(*(finding(vm=f"{m} {'|' * 900}") for m in range(20)), finding("w", "warn"))], []]
        for n in range(100)
    ]
    text = gate_markdown(gate_data([*rows, *([f"x{n}", [{"failed": True, "msg": "|" * 5000}], []] for n in range(99))]))
    assert len(text) < 65_000
    assert "more in the other reports" in text


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ([], "declared must be a dictionary"),
        ({"vm": []}, "declared.vm: is no section; use switches, nats, vms"),
        ({"vms": {"name": "x"}}, "declared.vms: must be a list"),
        ({"vms": ["x"]}, r"declared.vms\[0\]: must contain the options of nested.hyperv.vm, with a name"),
        ({"vms": [{"name": "x", "procesor": 1}]}, r"declared.vms\[0\].procesor: .* did you mean processor\?"),
        ({"nats": [{"id": "x"}]}, r"declared.nats\[0\]: must contain"),
    ],
)
def test_a_wrong_declared_state_is_refused(declared: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        gate_data([], declared=declared)


@pytest.mark.parametrize("rows", [["hv01"], [["hv01", {}]], [["hv01", {}, []]], [["hv01", [], [{}, {}, {}, {}]]]])
def test_what_is_no_list_of_results(rows: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="requires a list of hosts"):
        gate_data(rows)


def test_what_is_no_gate() -> None:
    with pytest.raises(AnsibleFilterError, match="severity must be fail or warn, not 'info'"):
        gate_data([], severity="info")
    with pytest.raises(AnsibleFilterError, match="severity must be fail or warn"):
        survey_junit(gate_data([]), "info")
    for value in (None, {"schema": 1}):
        with pytest.raises(AnsibleFilterError, match="requires a verdict"):
            gate_markdown(value)  # type: ignore[arg-type]
