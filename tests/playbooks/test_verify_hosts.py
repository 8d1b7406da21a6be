# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify_hosts: refused without confirmation, its report, and what it leaves of a host."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes, replay
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run

pytestmark = pytest.mark.playbook

VERIFY = "nested.hyperv.verify_hosts"
CONFIRM = {"verify_hosts_confirm": True}
FEW = {**CONFIRM, "verify_hosts_experiments": ["HV-01", "HV-03", "HV-11", "PROTO-01", "NET-01"]}
MODEL: dict[str, Any] = {
    "hosts": [{"name": "hv01", "switches": [{"name": "Payroll"}], "vms": [{"name": "ledger", "state": "running"}]}]
}


def state(sim: simulator.Simulation) -> dict[str, Any]:
    found = changes.state(sim.machines["hv01"])
    return {path: row for path, row in found.items() if not path.endswith("Virtual Machines")}


def test_nothing_is_done_without_confirmation(playbook: Playbooks) -> None:
    ended = playbook(VERIFY)
    assert ended.code != 0
    assert "-e verify_hosts_confirm=true" in ended.text
    assert ended.requests == []


def test_the_report_and_nothing_else_is_left(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path) -> None:
    before = state(sim)
    ended = playbook(VERIFY, variables=FEW)
    assert ended.code == 0, ended.text
    report = json.loads((tmp_path / "verify-hosts-hv01.json").read_text("utf-8"))
    assert report["summary"] == {"held": 11}, (report["examples"], report["summary"])
    assert [row["changed"] for row in report["examples"]] == [{"check": True, "real": True, "again": False}] * 6
    assert replay.differences(report["entries"]) == {}
    text = (tmp_path / "verify-hosts-hv01.md").read_text("utf-8")
    assert "| HV-01 |" in text
    assert "hv01" not in text.lower()
    assert changes.difference(before, state(sim)) == {}


def test_leftovers_are_named_and_removed_on_request(sim: simulator.Simulation, playbook: Playbooks) -> None:
    before = state(sim)
    leave = {"tasks": [{"nested.hyperv.vm": {"name": "nested-hyperv-verify-vm2"}}]}
    assert playbook(leave).code == 0
    refused = playbook(VERIFY, variables=CONFIRM)
    assert refused.code != 0
    assert "nested-hyperv-verify-vm2" in refused.text
    assert "verify_hosts_cleanup=true" in refused.text
    assert refused.writes == []
    cleaned = playbook(VERIFY, variables={"verify_hosts_cleanup": True})
    assert cleaned.code == 0, cleaned.text
    assert cleaned.recap()["changed"] == 1
    assert changes.difference(before, state(sim)) == {}


def test_check_mode_creates_nothing(playbook: Playbooks) -> None:
    ended = playbook(VERIFY, "--check", variables=CONFIRM)
    assert ended.code == 0, ended.text
    assert ended.writes == []


def test_two_runs_at_once_report_the_truth(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path) -> None:
    before = state(sim)

    def run(report: str) -> Run:
        return playbook(VERIFY, variables={**FEW, "verify_hosts_report": report})

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(run, ["a", "b"]))
    reports = [json.loads(path.read_text("utf-8")) for path in tmp_path.glob("?-hv01.json")]
    refused = [one for one in ended if one.code]
    assert len(reports) == 2 - len(refused)
    assert all("has objects whose names begin with" in one.text for one in refused)
    assert all(report["summary"] == {"held": 11} for report in reports), [report["summary"] for report in reports]
    assert changes.difference(before, state(sim)) == {}
