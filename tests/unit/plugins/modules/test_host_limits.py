"""Changes that the host can't carry are refused before anything is written, in check mode as in the real run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

HOST: dict[str, Any] = {
    "name": "hv01",
    "memory": "16GB",
    "cpu": {"logical_processors": 8, "threads": 2},
    "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "100GB"}],
    "folders": [r"D:\vms"],
    "files": [
        {"path": r"D:\vms\kept.vhdx", "size": "1GB", "read_only": True},
        {"path": r"D:\vms\loose.vhdx", "size": "1GB"},
    ],
    "vms": [
        {"name": "off01", "memory": "2GB", "disks": [{"path": r"D:\vms\off01.vhdx", "size": "1GB"}]},
        {"name": "huge01", "memory": "32GB"},
        {"name": "run01", "state": "running", "memory": "2GB", "guest": {"integration_services": False}},
    ],
}
MODEL = {"hosts": [HOST]}
NEW = r"D:\vms\new.vhdx"


@pytest.mark.parametrize(
    ("module", "args", "words"),
    [
        ("vm_processor", {"name": "off01", "count": 9}, ["count: ", "9 virtual processors", "8 logical processors"]),
        ("vm", {"name": "off01", "processor": {"count": 64}}, ["processor.count: "]),
        ("vm", {"name": "new01", "processor": {"count": 64}}, ["processor.count: ", "VM 'new01' can't have 64"]),
        ("vm_processor", {"name": "off01", "threads_per_core": 3}, ["threads_per_core: ", "have 2"]),
        ("vm", {"name": "new01", "processor": {"threads_per_core": 4}}, ["processor.threads_per_core: "]),
        ("vm_disk", {"path": r"Z:\new.vhdx", "size": "1GB"}, ["path: ", "no drive Z:", "it has C:, D:"]),
        ("vm_disk", {"path": r"Z:\VMs\new.vhdx", "size": "1GB"}, ["path: ", "no drive Z:", "it has C:, D:"]),
        ("vm_dvd_drive", {"vm": "off01", "path": r"Z:\iso\a.iso"}, ["path: ", "no drive Z:", "it has C:, D:"]),
        ("vm", {"name": "new01", "path": r"Z:\VMs"}, ["path: ", "no drive Z:"]),
        ("vm", {"name": "new01", "disks": [{"path": r"Z:\a.vhdx", "size": "1GB"}]}, ["disks.path: ", "no drive Z:"]),
        ("vm_disk", {"path": NEW, "size": "100GB", "type": "fixed"}, ["size: ", "does not fit on D:", "MB left"]),
        ("vm_disk", {"path": r"D:\vms\kept.vhdx", "state": "absent", "delete_file": True}, ["path: ", "read-only"]),
        ("vm", {"name": "huge01", "state": "running"}, ["state: ", "32GB of startup memory", "16384 MB"]),
        ("vm", {"name": "new01", "memory": {"startup": "32GB"}, "state": "running"}, ["state: ", "32GB"]),
        ("vm_memory", {"name": "run01", "startup": "32GB", "allow_power_cycle": True}, ["startup: ", "32GB"]),
    ],
    ids=str,
)
def test_a_change_that_the_host_cannot_carry(lab: Lab, module: str, args: dict[str, Any], words: list[str]) -> None:
    lab.refuses(module, *words, **args)


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("vm_processor", {"name": "off01", "count": 8}),
        ("vm_processor", {"name": "off01", "threads_per_core": 2}),
        ("vm_disk", {"path": r"D:\new.vhdx", "size": "1GB"}),
        ("vm_disk", {"path": NEW, "size": "99GB"}),
        ("vm_disk", {"path": r"D:\vms\loose.vhdx", "state": "absent", "delete_file": True}),
        ("vm_memory", {"name": "off01", "startup": "32GB"}),
        ("vm", {"name": "off01", "state": "running"}),
    ],
    ids=str,
)
def test_a_change_that_the_host_can_carry(lab: Lab, module: str, args: dict[str, Any]) -> None:
    lab.apply(module, **args)


def test_the_default_folder_of_the_host_is_on_a_drive_that_exists(lab: Lab) -> None:
    (row,) = lab.machine.repository.rows("Msvm_VirtualSystemManagementServiceSettingData")
    row["DefaultExternalDataRoot"] = r"E:\Hyper-V"
    lab.refuses("vm", "path: ", "no drive E:", r"'E:\Hyper-V'", name="new01")
    lab.apply("vm", name="new01", path=r"D:\vms")


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("vm_processor", {"name": "off01", "count": 2}),
        ("vm_memory", {"name": "huge01", "startup": "32GB"}),
        ("vm", {"name": "off01", "state": "off", "processor": {"count": 2}, "disks": [{"path": r"D:\vms\off01.vhdx"}]}),
    ],
    ids=str,
)
def test_the_host_is_asked_only_if_something_changes(lab: Lab, module: str, args: dict[str, Any]) -> None:
    lab.leaves_alone(module, **args)
    asked = {entry.class_name for entry in lab.requests}
    assert not asked & {"Win32_Processor", "Win32_OperatingSystem", "Win32_Volume"}


@pytest.mark.parametrize("rights", ["sees no volumes", "is refused"])
def test_a_user_without_rights_to_see_the_volumes_is_not_refused(lab: Lab, rights: str) -> None:
    if rights == "sees no volumes":
        lab.machine.files.drives, drives = {}, lab.machine.files.drives
        assert lab.run("vm_disk", check=True, path=r"D:\new.vhdx", size="99GB", type="fixed")["changed"] is True
        lab.machine.files.drives = drives
    lab.sim.faults.add(simulator.Rule(do="fault", class_name="Win32_Volume", times=0, fault="AccessDenied"))
    assert lab.run("vm_disk", path=r"D:\new.vhdx", size="1GB", type="fixed")["changed"] is True


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("vm", {"name": "run01", "state": "off"}),
        ("vm", {"name": "run01", "state": "restarted"}),
        ("vm", {"name": "run01", "state": "absent"}),
        ("vm_processor", {"name": "run01", "count": 4, "allow_power_cycle": True}),
    ],
    ids=str,
)
def test_a_guest_without_a_shutdown_service_that_answers(lab: Lab, module: str, args: dict[str, Any]) -> None:
    lab.sim.advance(300)  # a guest that boots may answer later
    lab.refuses(module, "VM 'run01' has no shutdown integration service that answers", "force_off: true", **args)
    lab.apply(module, once_more=args.get("state") != "restarted", force_off=True, **args)
