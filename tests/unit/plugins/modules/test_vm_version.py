# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration version: chosen for a new VM, upgraded by permission only, and never lowered."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import version as module
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [
                {"name": "off01", "version": "8.0"},
                {"name": "run01", "version": "9.0", "state": "running", "guest": {"shutdown_seconds": 1}},
                {"name": "saved01", "version": "9.0", "state": "saved"},
                {"name": "new01"},
                {"name": "tree01", "version": "9.0", "disks": [{}], "checkpoints": [{"name": "plain"}]},
                {"name": "old01", "version": "5.0"},
            ],
        }
    ]
}
UPGRADE: dict[str, Any] = {"version": "latest", "upgrade_version": True}


def version(lab: Lab, name: str) -> str:
    return str(lab.info(name, "settings")["version"])


# ---- new VMs ----


@pytest.mark.parametrize(
    ("wanted", "result"), [("9.0", "9.0"), ("9", "9.0"), ("latest", "10.0"), (" Latest ", "10.0"), ("10.0", "10.0")]
)
def test_a_new_vm_has_the_wanted_version(lab: Lab, wanted: str, result: str) -> None:
    created = lab.apply("vm", name="web01", version=wanted)
    assert created["diff"]["after"]["version"] == result
    assert version(lab, "web01") == result


def test_the_host_chooses_its_latest_version_by_itself() -> None:
    assert module.values(module.Wanted("latest", False)) == module.values(None) == {}
    assert module.values(module.Wanted("9.0", False)) == {"Version": "9.0"}


@pytest.mark.parametrize("wanted", ["1.0", "11.0"])
def test_a_version_that_the_host_does_not_support_is_refused_before_the_vm_is_created(lab: Lab, wanted: str) -> None:
    result = lab.refuses("vm", f"version {wanted}", "it supports 8.0, 8.1", name="web01", version=wanted)
    assert result["option"] == "version"


# ---- upgrades ----


@pytest.mark.parametrize("name", ["off01", "tree01", "old01"])
@pytest.mark.parametrize("wanted", ["latest", "10.0", "10"])
def test_a_vm_that_is_off_is_upgraded(lab: Lab, name: str, wanted: str) -> None:
    before = version(lab, name)
    result = lab.apply("vm", name=name, version=wanted, upgrade_version=True)
    assert result["diff"] == {"before": {"version": before}, "after": {"version": "10.0"}}
    assert version(lab, name) == "10.0"


def test_an_upgrade_is_refused_without_permission_and_says_what_it_means(lab: Lab) -> None:
    words = ("VM 'off01' has configuration version 8.0", "asks for 10.0", "can't be undone", "upgrade_version: true")
    for wanted in ("latest", "10.0"):
        assert lab.refuses("vm", *words, name="off01", version=wanted)["option"] == "version"


def test_a_lower_version_is_refused(lab: Lab) -> None:
    for wanted in ("9.0", "9.3"):
        lab.refuses(
            "vm", "has configuration version 10.0", f"can't be lowered to {wanted}", name="new01", version=wanted
        )


@pytest.mark.parametrize("wanted", ["9.3", "11.0"])
def test_a_version_that_the_host_does_not_upgrade_to_is_refused(lab: Lab, wanted: str) -> None:
    words = ("upgrades VMs to 10.0 only", f"not to {wanted}")
    lab.refuses("vm", *words, name="off01", version=wanted, upgrade_version=True)


@pytest.mark.parametrize("wanted", ["", "newest", "8.x", "v9", "1.2.3"])
def test_a_text_that_is_no_version_is_an_error(lab: Lab, wanted: str) -> None:
    assert lab.refuses("vm", "version: ", name="off01", version=wanted)["option"] == "version"


@pytest.mark.parametrize("wanted", ["latest", "10.0", "10"])
def test_a_vm_that_has_the_version_needs_no_permission(lab: Lab, wanted: str) -> None:
    lab.leaves_alone("vm", name="new01", version=wanted)
    lab.leaves_alone("vm", name="new01", version=wanted, upgrade_version=True)


def test_the_permission_alone_changes_nothing(lab: Lab) -> None:
    lab.leaves_alone("vm", name="off01", upgrade_version=True)


def test_the_latest_version_is_the_default_of_the_host_not_one_before_its_release(lab: Lab) -> None:
    """Get-VMHostSupportedVersion lists versions of previews, too."""
    preview = {"InstanceID": r"Microsoft:Definition\VirtualSystem\Version\254.0", "Version": "254.0"}
    lab.machine.repository.add("Msvm_VirtualSystemSettingData", preview)
    assert lab.facts("hyperv")["vm_versions"][-1] == "254.0"
    lab.apply("vm", name="off01", **UPGRADE)
    assert version(lab, "off01") == "10.0"
    lab.leaves_alone("vm", name="new01", version="latest")


# ---- what an upgrade needs ----


def test_a_running_vm_is_upgraded_within_one_power_cycle(lab: Lab) -> None:
    lab.refuses("vm", "VM 'run01' is running", "changing version needs it off", name="run01", **UPGRADE)
    more = {"processor": {"count": 2}, "allow_power_cycle": True}
    result = lab.apply("vm", name="run01", **UPGRADE, **more)
    assert result["power_cycled"] is True
    assert lab.vm("run01").running
    assert version(lab, "run01") == "10.0"


def test_a_saved_vm_is_upgraded_only_if_it_may_lose_its_state(lab: Lab) -> None:
    lab.refuses("vm", "VM 'saved01' is saved", "discard_saved_state: true", name="saved01", **UPGRADE)
    result = lab.apply("vm", name="saved01", discard_saved_state=True, **UPGRADE)
    assert result["left_off"] == "VM 'saved01' is off; start it with state: running"


def test_checkpoints_with_a_saved_state_are_named(lab: Lab) -> None:
    lab.succeeds("vm_checkpoint", vm="run01", name="online", type="standard")
    result = lab.refuses("vm", "checkpoints", "'online'", name="run01", allow_power_cycle=True, **UPGRADE)
    assert result["checkpoints"] == ["online"]


def test_an_upgrade_lets_a_vm_nest_in_the_same_task(lab: Lab) -> None:
    lab.refuses("vm", "found version 5.0", "upgrade_version: true", name="old01", nesting={"state": "enabled"})
    lab.apply("vm", name="old01", nesting={"state": "enabled"}, **UPGRADE)


def test_later_tasks_of_a_check_find_the_upgraded_vm() -> None:
    play = [
        Task("upgrade", "vm", {"name": "off01", **UPGRADE}),
        Task("again", "vm", {"name": "off01", "version": "10.0"}),
        Task("back", "vm", {"name": "off01", "version": "9.0"}),
        Task("facts", "vm_info", {"name": ["off01"], "include": ["settings"]}),
        Task("create", "vm", {"name": "web01", "version": "9.0"}),
        Task("upgrade the new one", "vm", {"name": "web01", **UPGRADE}),
    ]
    assert unforeseen(three_runs(MODEL, play)) == {}


# ---- the host's answer ----


def test_a_lost_answer_is_looked_up(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule("lose", method="UpgradeSystemVersion"))
    assert lab.succeeds("vm", name="off01", **UPGRADE)["changed"] is True
    assert version(lab, "off01") == "10.0"


def test_a_request_that_never_arrived_is_reported_as_not_done(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule("drop", method="UpgradeSystemVersion"))
    result = lab.fails("vm", "upgrade the configuration version of VM 'off01' to 10.0", name="off01", **UPGRADE)
    assert result["changed"] is False
    assert version(lab, "off01") == "8.0"


def test_tasks_without_a_version_cost_nothing_more(lab: Lab) -> None:
    lab.succeeds("vm", name="off01")
    plain = lab.cost()
    lab.succeeds("vm", name="off01", version="8.0")
    assert lab.cost() == plain
    lab.succeeds("vm", name="new01", version="latest")
    assert lab.cost() <= plain + 2
