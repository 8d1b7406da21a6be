# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host module: each setting alone and together, folders in any spelling, and what its changes do to later tasks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}],
            "folders": [r"D:\VMs"],
            "vms": [{"name": "lab01"}],
        },
        {"name": "plain01", "hyperv": False},
    ]
}
RANGE = ["00:15:5D:0A:01:00", "00:15:5D:0A:01:FF"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"vm_path": r"D:\VMs"},
        {"vm_path": "D:\\"},
        {"disk_path": r"\\nas\vms\disks"},
        {"mac_range": RANGE},
        {"mac_range": ["00:15:5D:0A:01:00", "00:15:5D:0A:01:00"]},
        {"numa_spanning": False},
        {"enhanced_session_mode": True},
        {"vm_path": r"D:\VMs", "disk_path": r"D:\VMs\Disks", "mac_range": RANGE, "numa_spanning": False},
    ],
    ids=str,
)
def test_what_is_set_is_returned_by_host_info(lab: Lab, wanted: dict[str, Any]) -> None:
    before = lab.facts("hyperv")
    result = lab.apply("host", **wanted)
    assert result["diff"] == {"before": {name: before[name] for name in wanted}, "after": wanted}
    after = lab.facts("hyperv")
    assert after == {**before, **wanted}
    assert result["hyperv"] == {name: value for name, value in after.items() if name != "vm_versions"}
    assert result["vmms_restart_required"] is ("numa_spanning" in wanted)


def test_no_options_change_nothing_and_return_the_settings(lab: Lab) -> None:
    result = lab.leaves_alone("host")
    assert result["hyperv"].items() <= lab.facts("hyperv").items()
    assert result["vmms_restart_required"] is False


def test_all_settings_take_one_write(lab: Lab) -> None:
    lab.succeeds("host", vm_path=r"D:\VMs", numa_spanning=False, mac_range=RANGE)
    assert [entry.method for entry in lab.requests if entry.method] == ["ModifyServiceSettings"]
    assert lab.cost() <= 4
    lab.leaves_alone("host", vm_path=r"D:\VMs", numa_spanning=False, mac_range=RANGE)
    assert lab.cost() == 1


@pytest.mark.parametrize("path", ["d:/vms", "D:\\VMS\\", "D:\\.\\VMs", r"D:\other\..\VMs"])
def test_a_folder_in_another_spelling_is_the_same_folder(lab: Lab, path: str) -> None:
    lab.succeeds("host", vm_path=r"D:\VMs", disk_path=r"D:\VMs")
    lab.leaves_alone("host", vm_path=path, disk_path=path)


@pytest.mark.parametrize(("path", "written"), [("d:/New//x/", r"d:\New\x"), ("d:/", "d:\\"), ("D:/.", "D:\\")])
def test_a_folder_is_written_in_one_spelling(lab: Lab, path: str, written: str) -> None:
    assert lab.apply("host", vm_path=path)["hyperv"]["vm_path"] == written


@pytest.mark.parametrize(
    ("wanted", "option", "word"),
    [
        ({"vm_path": "VMs"}, "vm_path", "not a full path"),
        ({"disk_path": r"\\?\D:\VMs"}, "disk_path", "names a device"),
        ({"disk_path": r"D:\VMs\a?"}, "disk_path", "not a name for a file"),
        ({"vm_path": r"E:\VMs"}, "vm_path", "no drive E:"),
        ({"disk_path": r"E:\VMs"}, "disk_path", "no drive E:"),
        ({"mac_range": RANGE[:1]}, "mac_range", "it has 1"),
        ({"mac_range": []}, "mac_range", "it has 0"),
        ({"mac_range": [*RANGE, RANGE[0]]}, "mac_range", "it has 3"),
        ({"mac_range": RANGE[::-1]}, "mac_range", "after its end"),
        ({"mac_range": ["00:15:5D", RANGE[1]]}, "mac_range", "not a MAC address"),
        ({"mac_range": ["01:15:5D:0A:01:00", RANGE[1]]}, "mac_range", "multicast"),
    ],
    ids=str,
)
def test_an_impossible_setting_is_refused(lab: Lab, wanted: dict[str, Any], option: str, word: str) -> None:
    assert lab.refuses("host", f"{option}: ", word, **wanted)["option"] == option


def test_a_mac_range_in_any_notation(lab: Lab) -> None:
    lab.apply("host", mac_range=["00-15-5d-0a-01-00", "00155D0A01FF"])
    lab.leaves_alone("host", mac_range=RANGE)


def test_a_host_without_hyper_v(lab: Lab) -> None:
    lab.on("plain01").fails("host", "Hyper-V is not installed", numa_spanning=False)


def test_a_user_who_sees_nothing_of_hyper_v() -> None:
    with open_lab({"hosts": [{"name": "hv01"}]}) as lab:
        (row,) = lab.machine.repository.rows("Msvm_VirtualSystemManagementServiceSettingData")
        lab.machine.repository.remove(row)
        lab.fails("host", "Hyper-V Administrators", numa_spanning=False)


def test_a_lost_answer_is_looked_up(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule("lose", method="ModifyServiceSettings"))
    assert lab.succeeds("host", vm_path="d:/vms", numa_spanning=False)["changed"] is True
    assert lab.facts("hyperv")["numa_spanning"] is False


def test_a_request_that_never_arrived_is_reported_as_not_done(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule("drop", method="ModifyServiceSettings"))
    result = lab.fails("host", "set numa_spanning of the host", numa_spanning=False)
    assert result["changed"] is False


def test_later_tasks_of_a_check_find_the_settings() -> None:
    play = [
        Task("folder", "host", {"vm_path": r"D:\VMs", "disk_path": r"D:\VMs"}),
        Task("again", "host", {"vm_path": "d:/VMs"}),
        Task("facts", "host_info", {"include": ["hyperv"]}),
        Task("another", "host", {"enhanced_session_mode": True}),
        Task("vm", "vm", {"name": "new01"}),
    ]
    assert unforeseen(three_runs(MODEL, play)) == {}
