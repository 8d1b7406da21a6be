# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook gate_nesting, as a pipeline runs it: which hosts pass, and the files for people and machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from ansible import template

from ansible_collections.nested.hyperv.plugins.plugin_utils._gate import SECTIONS
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes, collection
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables

pytestmark = pytest.mark.playbook

GATE = "nested.hyperv.gate_nesting"
NESTED = {
    "name": "lab01",
    "nested": True,
    "memory": "4GB",
    "adapters": [{"name": "LAN", "switch": "Lab", "mac_spoofing": True}],
}
HOSTILE = "<b>@root</b>|*x*##vso[task.complete]"
MODEL = {
    "hosts": [
        {"name": "hv01", "switches": [{"name": "Lab", "type": "internal"}], "vms": [NESTED, {"name": "plain"}]},
        {
            "name": "hv02",
            "vms": [
                {**NESTED, "adapters": [], "memory": {"startup": "2GB", "dynamic": True}},
                {**NESTED, "name": HOSTILE, "adapters": [], "memory": {"startup": "2GB", "dynamic": True}},
            ],
        },
        {"name": "hv03", "hyperv": False},
        {"name": "hv04", "vms": [{**NESTED, "adapters": [], "memory": {"startup": "4GB", "dynamic": True}}]},
    ]
}
DECLARED = {
    "switches": [{"name": "lab", "type": "internal"}],
    "vms": [{"name": "LAB01", "memory": {"startup": "4GB", "dynamic": False}, "nesting": {"state": "enabled"}}],
}


def cases(folder: Path, outcome: str) -> list[str | None]:
    """Names of the test cases in the JUnit file that have an outcome."""
    root = ElementTree.parse(folder / "gate-nesting.junit.xml").getroot()
    return [case.get("name") for case in root.iter("testcase") if case.find(outcome) is not None]


@pytest.mark.parametrize("purpose", ["production", "evaluation"])
def test_a_good_host_passes(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path, purpose: str) -> None:
    before = changes.state(sim.machines["hv01"])
    ended = playbook(GATE, variables={"gate_nesting_declared": DECLARED, "gate_nesting_purpose": purpose})
    assert ended.code == 0, ended.text
    assert not ended.writes
    assert changes.state(sim.machines["hv01"]) == before
    assert ended.recap()["changed"] == 0
    assert f"PASSED: 1 host (purpose {purpose}" in ended.text
    assert not cases(tmp_path, "failure")
    assert "passed" in (tmp_path / "gate-nesting.md").read_text().splitlines()[0]
    assert {path.name for path in tmp_path.glob("*gate*")} == {"gate-nesting.md", "gate-nesting.junit.xml"}


def test_the_hosts_that_fail_are_named_with_their_findings(
    sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path
) -> None:
    hosts: dict[str, Any] = {
        "away": variables(sim, "hv02", ansible_host="no-such-host.invalid"),
        **{name: variables(sim, name) for name in ("hv01", "hv02", "hv03")},
    }
    ended = playbook(GATE, hosts=hosts)
    assert ended.code == 2, ended.text
    assert not ended.writes
    assert {host: ended.recap(host)["failed"] for host in hosts} == {"away": 1, "hv01": 0, "hv02": 1, "hv03": 1}
    summary = ended.words
    assert "FAILED: 3 of 4 hosts (purpose production, scenario any, severity fail, no declared state)" in summary
    assert "away: not checked: away: " in summary
    assert "fail: lab01: nested-minimum-memory: " in summary
    assert "1 other host passed" in summary
    assert "##vso" not in ended.text

    root = ElementTree.parse(tmp_path / "gate-nesting.junit.xml").getroot()
    assert [suite.get("name") for suite in root] == sorted(hosts)
    assert {suite.get("name"): int(suite.get("failures", 0)) > 0 for suite in root} == {
        "away": False, "hv01": False, "hv02": True, "hv03": True,
    }  # fmt: skip
    assert int(root.get("errors", 0)) >= 1
    text = (tmp_path / "gate-nesting.md").read_text()
    assert text.startswith("## Nested virtualization: failed\n")
    assert HOSTILE not in text
    assert "<b>" not in text
    assert "@root" not in text
    assert all(line.count("|") == 7 for line in text.splitlines() if line.startswith("| <code>hv02"))


@pytest.mark.parametrize("playbook_of_hosts", ["gate_nesting", "survey_hosts"])
def test_no_host_is_no_success(playbook: Playbooks, tmp_path: Path, playbook_of_hosts: str) -> None:
    name, variable = f"nested.hyperv.{playbook_of_hosts}", f"{playbook_of_hosts}_hosts"
    misspelt = playbook(name, variables={variable: "hyprev"})
    assert misspelt.code == 2, misspelt.text
    assert f"No host matches 'hyprev'. Set {variable} to a pattern of hosts in the inventory (" in misspelt.words
    assert "inventory.yml)" in misspelt.words
    hosts = {host: variables(playbook.sim, host) for host in ("hv01", "hv02")}
    other = playbook(name, "--limit", "hv02", variables={variable: "hv01"}, hosts=hosts)
    assert other.code == 2, other.text
    assert "No host matches 'hv01' within --limit hv02." in other.words
    assert not misspelt.requests + other.requests
    assert {path.name for path in tmp_path.iterdir()} == {"inventory.yml"}
    chosen = playbook(name, "--limit", "hv01", hosts=hosts)
    assert chosen.code == 0, chosen.text


def test_warnings_fail_if_the_severity_is_warn(playbook: Playbooks, tmp_path: Path) -> None:
    hosts = {"hv04": variables(playbook.sim, "hv04")}
    lenient = playbook(GATE, hosts=hosts)
    assert lenient.code == 0, lenient.text
    assert not cases(tmp_path, "failure")
    strict = playbook(GATE, variables={"gate_nesting_severity": "warn"}, hosts=hosts)
    assert strict.code == 2, strict.text
    assert "warn: lab01: nested-dynamic-memory: " in strict.words
    assert "lab01: nested-dynamic-memory" in cases(tmp_path, "failure")


def test_ignored_rules_pass_with_their_reason(playbook: Playbooks, tmp_path: Path) -> None:
    hosts = {"hv02": variables(playbook.sim, "hv02")}
    failed = playbook(GATE, hosts=hosts)
    assert failed.code == 2, failed.text
    rules = sorted({str(name).rpartition(": ")[2] for name in cases(tmp_path, "failure")})
    ignored = playbook(
        GATE,
        variables={"gate_nesting_ignore": [{"rule": rule, "reason": "a lab | for tests"} for rule in rules]},
        hosts=hosts,
    )
    assert ignored.code == 0, ignored.text
    assert sorted({str(name).rpartition(": ")[2] for name in cases(tmp_path, "skipped")}) == rules
    assert "a lab &#124; for tests" in (tmp_path / "gate-nesting.md").read_text()


def test_differences_from_the_declared_state_fail(
    sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path
) -> None:
    before = changes.state(sim.machines["hv01"])
    declared = {
        "switches": [{"name": "Lab", "type": "private"}],
        "nats": [{"name": "NAT", "switch": "Lab", "address": "192.168.100.1/24"}],
        "vms": [
            {"name": "lab01", "processor": {"count": 4}},
            {"name": "gone", "memory": {"startup": "1GB"}},
            {"name": "plain", "state": "absent"},
            {"name": "plain", "network_adapters": [{"name": "LAN", "switch": "no switch"}]},
        ],
    }
    ended = playbook(GATE, variables={"gate_nesting_declared": declared})
    assert ended.code == 2, ended.text
    assert not ended.writes
    assert changes.state(sim.machines["hv01"]) == before
    text = ended.words
    for line in (
        "6 differences from the declared state",
        "drift: switch 'Lab': type is internal, declared: private",
        "drift: NAT 'NAT': address is not set, declared: 192.168.100.1/24",
        "drift: VM 'lab01': processor.count is 2, declared: 4",
        "drift: VM 'gone': does not exist",
        "drift: VM 'plain': exists, declared: absent",
        "and 1 more in the report",
    ):
        assert line in text, ended.text
    assert len(cases(tmp_path, "failure")) == 6
    assert "no switch" in (tmp_path / "gate-nesting.md").read_text()

    check = playbook(GATE, "--check", variables={"gate_nesting_declared": declared})
    assert check.code == 2, check.text
    assert not check.writes


def test_a_running_vm_is_compared_without_permission_for_a_power_cycle(
    sim: simulator.Simulation, playbook: Playbooks
) -> None:
    assert Lab(sim).succeeds("vm", name="plain", state="running")["changed"]
    close_clients()
    for permission, line in (
        ({}, "VM 'plain': processor.count is 2, declared: 4"),
        ({"allow_power_cycle": False}, "VM 'plain': hv01: VM 'plain' is running, and changing processor.count"),
    ):
        entry = {"name": "plain", "processor": {"count": 4}, **permission}
        ended = playbook(GATE, variables={"gate_nesting_declared": {"vms": [entry]}})
        assert ended.code == 2, ended.text
        assert line in ended.words


def test_check_mode_has_the_same_verdict_and_writes_no_file(playbook: Playbooks, tmp_path: Path) -> None:
    for host, code in (("hv01", 0), ("hv02", 2)):
        hosts = {host: variables(playbook.sim, host)}
        ended = playbook(GATE, "--check", hosts=hosts)
        assert ended.code == code, ended.text
        assert not list(tmp_path.glob("*gate*"))
        real = playbook(GATE, hosts=hosts)
        assert real.code == code, real.text
        for path in tmp_path.glob("gate*"):
            path.unlink()


def test_chosen_vms_are_evaluated_instead_of_those_that_nest(playbook: Playbooks) -> None:
    ended = playbook(GATE, variables={"gate_nesting_vms": ["plain"]})
    assert ended.code == 2, ended.text
    assert "fail: plain: nested-extensions: " in ended.words
    missing = playbook(GATE, variables={"gate_nesting_vms": ["nobody"]})
    assert missing.code == 2, missing.text
    assert "hv01: not checked completely" in missing.words or "no VM has the name 'nobody'" in missing.words


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["real", "check"])
def test_wrong_variables_are_all_named_before_a_host_is_queried(
    playbook: Playbooks, tmp_path: Path, check: tuple[str, ...]
) -> None:
    (tmp_path / "folder.md").mkdir()
    wrong: dict[str, Any] = {
        "gate_nesting_severty": "fail",
        "gate_nesting_purpose": "prod",
        "gate_nesting_scenario": "wsl",
        "gate_nesting_severity": "info",
        "gate_nesting_vms": "lab01",
        "gate_nesting_ignore": [{"rule": "nested-azur", "reason": "x"}],
        "gate_nesting_declared": {"vm": []},
        "gate_nesting_report": "folder",
    }
    ended = playbook(GATE, *check, variables=wrong)
    assert ended.code == 2
    text = ended.words
    filters = ["gate_nesting_ignore", "gate_nesting_declared"]
    if not hasattr(template, "trust_as_template"):  # before ansible-core 2.19, the first error of a filter is the last
        wrong = {name: value for name, value in wrong.items() if name not in filters}
    for name in wrong:
        assert f"item={name}" in text, ended.text
    assert "gate_nesting_severty: unknown. The playbook supports gate_nesting_hosts, " in text
    assert "nested-azure" in text
    assert not ended.requests


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"gate_nesting_declared": {"vms": [{"processor": {}}]}}, "declared.vms[0]: must contain the options"),
        ({"gate_nesting_declared": {"vms": ["lab01"]}}, "declared.vms[0]: must contain the options"),
        ({"gate_nesting_declared": {"vms": {"name": "lab01"}}}, "declared.vms: must be a list"),
        ({"gate_nesting_declared": []}, "declared must be a dictionary"),
        ({"gate_nesting_declared": {"vms": [{"name": "x", "procesor": {}}]}}, "did you mean processor?"),
        ({"gate_nesting_ignore": [{"rule": "nested-azure"}]}, "reason"),
        ({"gate_nesting_report": "missing/gate"}, "gate_nesting_report is in a folder that does not exist"),
        ({"gate_nesting_report": "/proc/gate"}, "gate_nesting_report cannot be written"),
    ],
)
def test_other_wrong_values_are_refused_before_a_host_is_queried(
    playbook: Playbooks, value: dict[str, Any], name: str
) -> None:
    ended = playbook(GATE, variables=value)
    assert ended.code == 2, ended.text
    assert name in ended.words
    assert not ended.requests


def test_a_rule_that_cannot_be_ignored_is_refused_with_that_reason_alone(playbook: Playbooks) -> None:
    ended = playbook(GATE, variables={"gate_nesting_ignore": [{"rule": "nested-depth", "reason": "x"}]})
    assert ended.code == 2, ended.text
    assert "nested-depth can't be ignored for production" in ended.words
    assert "must be a list" not in ended.words


def test_the_variables_of_the_page_pass_on_a_host_in_their_state(tmp_path: Path) -> None:
    page = (collection.FOLDER.parents[1] / "docs/pipelines.md").read_text()
    (gate,) = re.findall(r"^```yaml\n(gate_nesting_.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "gate.yml").write_text(gate)
    vm = {"name": "lab01", "processors": 4, "nested": True, "memory": "2GB"}
    model = {"hosts": [{"name": "hv01", "switches": [{"name": "Lab", "type": "internal"}], "vms": [vm]}]}
    with simulator.start(model, strict=True) as sim:
        playbook = Playbooks(sim, tmp_path)
        ended = playbook(GATE, "-e", "@gate.yml")
        assert ended.code == 0, ended.text
        assert cases(tmp_path, "skipped") == ["lab01: nested-minimum-memory"]
        assert Lab(sim).succeeds("vm", name="lab01", processor={"count": 2})["changed"]
        close_clients()
        changed = playbook(GATE, "-e", "@gate.yml")
        assert changed.code == 2, changed.text
        assert "drift: VM 'lab01': processor.count is 2, declared: 4" in changed.words


def test_the_declared_state_has_the_options_of_the_modules() -> None:
    _require, play = yaml.safe_load((collection.FOLDER.parents[1] / "playbooks/gate_nesting.yml").read_text())
    options = {name: set(task[name]) for task in play["tasks"] for name in task if name.startswith("nested.hyperv.")}
    for section in SECTIONS.values():
        top = {option for option in collection.options(section.module) if "." not in option}
        assert options[f"nested.hyperv.{section.module}"] == top


def test_a_value_that_the_module_does_not_accept_fails_the_gate(playbook: Playbooks) -> None:
    ended = playbook(GATE, variables={"gate_nesting_declared": {"vms": [{"name": "lab01", "generation": 3}]}})
    assert ended.code == 2, ended.text
    assert "drift: VM 'lab01': value of generation must be one of" in ended.words
