"""The vm_dvd_drive module: drives, and what is in them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

SETUP, TOOLS, MORE = r"C:\ISO\setup.iso", r"C:\ISO\tools.iso", r"C:\ISO\more.iso"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "files": [{"path": SETUP, "size": "5GB"}, {"path": TOOLS, "size": "1GB"}, {"path": MORE, "size": "1GB"}],
            "vms": [
                {"name": "none01", "controllers": {"scsi": 0}},
                {"name": "empty01", "state": "running", "disks": [{}], "dvd_drives": [{}]},
                {"name": "full01", "state": "running", "dvd_drives": [{"path": SETUP}, {"path": TOOLS, "location": 9}]},
                {"name": "bios01", "generation": 1, "state": "running", "dvd_drives": [{}]},
                {"name": "saved01", "state": "saved", "dvd_drives": [{}]},
            ],
        }
    ]
}


@pytest.fixture(params=["real", "async"])
def jobs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Hosts answer as real ones do, or with a job for everything."""
    return {"mode": request.param}


def place(location: int) -> dict[str, Any]:
    return {"controller_type": "scsi", "controller_number": 0, "controller_location": location}


def drives(lab: Lab, vm: str) -> list[tuple[str, str | None]]:
    """Places and media of the DVD drives of a VM."""
    return [
        (f"{drive['controller_type']} {drive['controller_number']}:{drive['controller_location']}", drive["path"])
        for drive in lab.info(vm, "disks")["dvd_drives"]
    ]


def test_an_image_goes_in_and_out(lab: Lab) -> None:
    result = lab.apply("vm_dvd_drive", vm="empty01", path=SETUP)
    assert result["id"] == lab.vm("empty01").id
    assert result["diff"] == {
        "before": {"dvd_drives": {"scsi 0:1": {"path": None}}},
        "after": {"dvd_drives": {"scsi 0:1": {"path": SETUP}}},
    }
    assert result["power_cycle_required"] is False
    lab.apply("vm_dvd_drive", vm="empty01", path=TOOLS)
    assert drives(lab, "empty01") == [("scsi 0:1", TOOLS)]
    lab.leaves_alone("vm_dvd_drive", vm="empty01", path=TOOLS.upper().replace("\\", "/"))
    lab.leaves_alone("vm_dvd_drive", vm="empty01")
    lab.apply("vm_dvd_drive", vm="empty01", path="")
    assert drives(lab, "empty01") == [("scsi 0:1", None)]


def test_another_image_takes_one_request(lab: Lab) -> None:
    """So that a drive doesn't lose its medium where the new one is refused."""
    lab.run("vm_dvd_drive", vm="full01", path=TOOLS, controller_location=0)
    assert lab.writes == ["Invoke Msvm_VirtualSystemManagementService ModifyResourceSettings"]
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="ModifyResourceSettings", text="On fire."))
    before = lab.state()
    result = lab.fails(
        "vm_dvd_drive",
        f"insert '{SETUP}' into the dvd drive at scsi 0:0 of VM 'full01'",
        vm="full01",
        path=SETUP,
        controller_location=0,
    )
    assert result["changed"] is False
    assert lab.state() == before


def test_a_drive_is_added(lab: Lab) -> None:
    result = lab.apply("vm_dvd_drive", vm="none01", path=SETUP)
    assert result["diff"]["before"] == {"scsi_controllers": 0, "dvd_drives": {}}
    assert result["diff"]["after"] == {"scsi_controllers": 1, "dvd_drives": {"scsi 0:0": {"path": SETUP}}}
    assert result["drive"] == {"path": SETUP, **place(0)}
    result = lab.apply("vm_dvd_drive", vm="none01", controller_location=4)
    assert result["drive"] == {"path": None, **place(4)}
    assert drives(lab, "none01") == [("scsi 0:0", SETUP), ("scsi 0:4", None)]
    lab.apply("vm_dvd_drive", vm="empty01", controller_number=0, controller_location=5, path=TOOLS)
    assert drives(lab, "empty01") == [("scsi 0:1", None), ("scsi 0:5", TOOLS)]


def test_a_drive_is_removed(lab: Lab) -> None:
    result = lab.apply("vm_dvd_drive", vm="full01", controller_location=9, state="absent")
    assert result["diff"] == {"before": {"dvd_drives": {"scsi 0:9": {"path": TOOLS}}}, "after": {"dvd_drives": {}}}
    assert drives(lab, "full01") == [("scsi 0:0", SETUP)]
    assert lab.apply("vm_dvd_drive", vm="full01", state="absent")["drive"] is None
    lab.leaves_alone("vm_dvd_drive", vm="full01", state="absent")
    assert lab.machine.files.get(SETUP), "the image stays"


def test_a_drive_on_ide(lab: Lab) -> None:
    """Media change while the VM runs, drives don't."""
    lab.apply("vm_dvd_drive", vm="bios01", path=SETUP)
    task = {"vm": "bios01", "controller_type": "ide", "controller_number": 1}
    lab.refuses("vm_dvd_drive", "VM 'bios01' is running", "changing controller_type needs it off", **task)
    assert lab.apply("vm_dvd_drive", **task, allow_power_cycle=True)["power_cycled"] is True
    assert drives(lab, "bios01") == [("ide 0:0", SETUP), ("ide 1:0", None)]
    gone = {"vm": "bios01", "state": "absent", "controller_number": 1}
    lab.refuses("vm_dvd_drive", "VM 'bios01' is running", **gone)
    lab.apply("vm_dvd_drive", once_more=False, **gone, allow_power_cycle=True)
    assert lab.vm("bios01").running


def test_several_drives_of_one_task(lab: Lab) -> None:
    """Those with a place are found first, and each entry stands for a drive of its own."""
    lab.leaves_alone("vm", name="full01", dvd_drives=[{}, {"controller_location": 0}])
    lab.apply("vm", name="full01", dvd_drives=[{"path": ""}, {"controller_location": 0, "path": SETUP}])
    assert drives(lab, "full01") == [("scsi 0:0", SETUP), ("scsi 0:9", None)]
    lab.apply("vm", name="full01", dvd_drives=[{}, {}, {"path": TOOLS}])
    assert drives(lab, "full01") == [("scsi 0:0", SETUP), ("scsi 0:1", None), ("scsi 0:9", TOOLS)]
    lab.leaves_alone("vm", name="full01", dvd_drives=[{"path": ""}, {"path": TOOLS}, {"path": SETUP}])
    words = (
        "dvd_drives.controller_location: VM 'full01' has several DVD drives that fit",
        "scsi 0:0",
        "scsi 0:1 (empty)",
    )
    lab.refuses("vm", *words, name="full01", dvd_drives=[{"path": ""}])


def test_an_image_means_the_drive_that_holds_it(lab: Lab) -> None:
    for path, location in ((SETUP, 0), (TOOLS, 9)):
        found = lab.leaves_alone("vm_dvd_drive", vm="full01", path=path)["drive"]
        assert found == {"path": path, **place(location)}
    lab.leaves_alone("vm_dvd_drive", vm="full01", path=MORE, state="absent")
    words = ("path: the DVD drive at scsi 0:0 of VM 'full01' holds", "Omit the path to remove this drive")
    at = {"controller_type": "scsi", "controller_number": 0, "controller_location": 0}
    lab.refuses("vm_dvd_drive", *words, vm="full01", path=TOOLS, state="absent", **at)
    result = lab.apply("vm_dvd_drive", vm="full01", path=TOOLS, state="absent")
    assert result["diff"]["before"] == {"dvd_drives": {"scsi 0:9": {"path": TOOLS}}}
    assert drives(lab, "full01") == [("scsi 0:0", SETUP)]


def test_one_of_several_drives_is_not_guessed(lab: Lab) -> None:
    words = ("controller_location: VM 'full01' has several DVD drives", f"scsi 0:0 ({SETUP}), scsi 0:9 ({TOOLS})")
    for args in ({}, {"state": "absent"}, {"path": ""}, {"path": MORE}, {"controller_number": 0}):
        lab.refuses("vm_dvd_drive", *words, vm="full01", **args)
    lab.apply("vm_dvd_drive", vm="full01", path="", controller_location=9)
    lab.apply("vm_dvd_drive", vm="full01", path=MORE)
    assert drives(lab, "full01") == [("scsi 0:0", SETUP), ("scsi 0:9", MORE)], "an empty drive comes first"
    lab.refuses("vm_dvd_drive", "path: is empty", vm="full01", path="", state="absent")


@pytest.mark.parametrize("path", [r"C:\VMs\other.vhdx", "C:/VMs/OTHER.VHDX", r"C:\x.vhd", r"C:\x.avhdx"])
def test_a_hard_disk_is_no_image(shared_lab: Lab, path: str) -> None:
    words = ("is a virtual hard disk", "takes an ISO image")
    shared_lab.refuses("vm_dvd_drive", "path: ", *words, vm="empty01", path=path)
    shared_lab.refuses("vm", "dvd_drives.path: ", *words, name="empty01", dvd_drives=[{"path": path}])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"vm": "empty01", "path": r"C:\ISO\gone.iso"},
            (r"path: there is no file 'C:\ISO\gone.iso'", "copy the image"),
        ),
        ({"vm": "empty01", "path": "setup.iso"}, ("path: 'setup.iso' is not a full path on the host",)),
        (
            {"vm": "empty01", "controller_location": 0},
            ("controller_location: scsi 0:0 of VM 'empty01' holds ", ".vhdx"),
        ),
        (
            {"vm": "full01", "controller_number": 3},
            ("controller_number: 3 is out of range for VM 'full01', whose scsi controllers are 0 to 1",),
        ),
        (
            {"vm": "empty01", "controller_type": "ide"},
            ("controller_type: VM 'empty01' is a generation 2 VM", "use scsi"),
        ),
        ({"vm": "saved01", "path": SETUP}, ("VM 'saved01' is saved", "'discard_saved_state: true'")),
        ({"vm": "nosuch"}, ("no VM has the name 'nosuch'",)),
        ({"path": SETUP}, ("one of the following is required: vm, vm_id",)),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_dvd_drive", *words, **args)
