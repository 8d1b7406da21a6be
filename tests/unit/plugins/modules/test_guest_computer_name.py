# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_computer_name: the name of now and of the next start, restarts, and what Windows refuses."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

MODEL: dict[str, Any] = {"hosts": [{"name": "win01", "hyperv": False, "restart": {"closing": 1, "boot": 30}}]}


@pytest.fixture
def lab() -> Any:
    with open_lab(MODEL, "win01") as lab:
        yield lab


def test_a_computer_is_renamed_with_its_next_start(lab: Lab) -> None:
    result = lab.apply("guest_computer_name", name="node1")
    assert (result["name"], result["next_name"].lower(), result["reboot_required"]) == ("WIN01", "node1", True)
    assert result["diff"] == {"before": {"name": "WIN01"}, "after": {"name": "node1"}}
    assert lab.succeeds("guest_info", include=["reboot"])["guest"]["reboot_reasons"] == ["computer_name"]
    result = lab.succeeds("guest_computer_name", name="NODE1", allow_reboot=True)
    assert (result["changed"], result["rebooted"], result["reboot_required"]) == (True, True, False)
    assert result["name"] == "NODE1"
    lab.leaves_alone("guest_computer_name", name="node1", allow_reboot=True)


def test_renaming_and_restarting_in_one_task(lab: Lab) -> None:
    check = lab.run("guest_computer_name", check=True, name="node1", allow_reboot=True)
    assert not lab.writes
    result = lab.succeeds("guest_computer_name", name="node1", allow_reboot=True)
    assert (check["changed"], check["diff"]) == (result["changed"], result["diff"])
    assert (result["name"], result["rebooted"]) == ("NODE1", True)


@pytest.mark.parametrize("name", ["my_node", "a" * 16, "123", "-a", "a-", "a b"])
def test_impossible_names_are_refused(lab: Lab, name: str) -> None:
    lab.refuses("guest_computer_name", "name: ", "is not a computer name", name=name)
    assert not lab.requests


def test_a_computer_of_a_domain_is_not_renamed() -> None:
    with open_lab({"hosts": [{"name": "win01", "hyperv": False, "domain": "example.com"}]}, "win01") as lab:
        lab.fails("guest_computer_name", "name: ", "belongs to a domain", name="node1")


@pytest.mark.parametrize("do", ["drop", "lose"])
def test_a_lost_answer(lab: Lab, do: str) -> None:
    lab.sim.faults.add(Rule(do, method="Rename"))
    result = lab.run("guest_computer_name", name="node1")
    assert bool(result.get("failed")) == (do == "drop")
    lab.sim.faults.clear()
    lab.succeeds("guest_computer_name", name="node1")
    lab.leaves_alone("guest_computer_name", name="node1")


def test_tasks_of_a_check_see_each_other() -> None:
    play = [
        Task("rename", "guest_computer_name", {"name": "node1"}),
        Task("again", "guest_computer_name", {"name": "node1"}),
        Task("reasons", "guest_reboot", {"only_if_required": True}),
        Task("after", "guest_computer_name", {"name": "node1"}),
    ]
    assert unforeseen(three_runs(MODEL, play, "win01")) == {}
