"""The vm_disk module: disk files, and where they are attached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.checks import check_run
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.machine import disks
from ansible_collections.nested.hyperv.tests.simulator.machine.files import ACCESS_DENIED, FileError

GB = 1 << 30
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
NEW = r"C:\VMs\new.vhdx"
GOLDEN, CHILD = r"C:\Images\golden.vhdx", r"C:\Images\child.vhdx"


def place(number: int, location: int, controller: str = "scsi") -> dict[str, Any]:
    return {"controller": controller, "controller_number": number, "location": location}


MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "folders": [r"C:\VMs"],
            "files": [
                {"path": r"C:\Images\golden.vhdx", "size": "40GB", "used": "9GB"},
                {"path": r"C:\Images\old.vhd", "size": "20GB"},
                {"path": r"C:\Images\fixed.vhdx", "size": "1GB", "type": "fixed"},
                {"path": r"C:\Images\child.vhdx", "parent": r"C:\Images\golden.vhdx"},
                {"path": r"C:\Images\stale.vhdx", "parent": r"C:\Images\golden.vhdx", "stale": True},
                {"path": r"C:\Images\mounted.vhdx", "size": "10GB", "in_use": True},
                {"path": r"C:\Images\notes.txt", "size": "1KB"},
            ],
            "vms": [
                {"name": "off01", "disks": [{"path": r"C:\VMs\off.vhdx", "size": "40GB"}]},
                {"name": "run01", "state": "running", "disks": [{"path": r"C:\VMs\run.vhdx", "size": "40GB"}]},
                {"name": "vhd01", "state": "running", "disks": [{"path": r"C:\VMs\vhd.vhd", "size": "40GB"}]},
                {"name": "bare01", "controllers": {"scsi": 0}},
                {"name": "bios01", "generation": 1, "disks": [{"path": r"C:\VMs\bios.vhdx", "size": "40GB"}]},
                {
                    "name": "bios02",
                    "generation": 1,
                    "state": "running",
                    "controllers": {"scsi": 1},
                    "disks": [{"path": r"C:\VMs\biosrun.vhdx", "size": "40GB"}],
                },
                {
                    "name": "grown01",
                    "disks": [{"path": r"C:\VMs\grown.vhdx", "size": "40GB"}],
                    "checkpoints": [{"name": "first"}],
                },
                {"name": "saved01", "state": "saved", "disks": [{"path": r"C:\VMs\saved.vhdx", "size": "40GB"}]},
            ],
        }
    ]
}


@pytest.fixture(params=["real", "async"])
def jobs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Hosts answer as real ones do, or with a job for everything."""
    return {"mode": request.param}


real_host = pytest.mark.parametrize("jobs", [{"mode": "real"}], ids=["real"])


def where(lab: Lab, vm: str) -> dict[str, str]:
    """Path → place of the disks of a VM."""
    return {
        disk["path"]: f"{disk['controller_type']} {disk['controller_number']}:{disk['controller_location']}"
        for disk in lab.info(vm, "disks")["disks"]
    }


# ---- files ----


@pytest.mark.parametrize(
    ("args", "kind", "size", "after"),
    [
        ({"size": "40GB"}, DYNAMIC, 40 * GB, {"type": "dynamic", "size": "40GB"}),
        ({"size": 8 * GB, "type": "fixed"}, FIXED, 8 * GB, {"type": "fixed", "size": "8GB"}),
        ({"size": "40GB", "block_size": "1MB"}, DYNAMIC, 40 * GB, {"type": "dynamic", "size": "40GB"}),
        (
            {"parent": r"C:\Images\golden.vhdx"},
            DIFFERENCING,
            40 * GB,
            {"type": "differencing", "parent": r"C:\Images\golden.vhdx"},
        ),
        (
            {"parent": "c:/images/child.vhdx", "type": "differencing"},
            DIFFERENCING,
            40 * GB,
            {"type": "differencing", "parent": r"c:\images\child.vhdx"},
        ),
    ],
)
def test_a_file_is_made(lab: Lab, args: dict[str, Any], kind: int, size: int, after: dict[str, Any]) -> None:
    path = r"C:\VMs\new.vhdx"
    result = lab.apply("vm_disk", path=path, **args)
    assert result["path"] == path
    assert result["diff"] == {"before": {"disks": {}}, "after": {"disks": {path: after}}}
    disk = lab.machine.files.get(path).disk
    assert (disk.type, disk.size) == (kind, size)
    assert "block_size" not in args or disk.block_size == 1 << 20


def test_a_vhd(lab: Lab) -> None:
    lab.apply("vm_disk", path=r"C:\VMs\new.vhd", parent=r"C:\Images\old.vhd")
    assert lab.machine.files.get(r"C:\VMs\new.vhd").disk.format == 2


def test_slashes_and_case_are_the_same_path(lab: Lab) -> None:
    lab.leaves_alone("vm_disk", path="c:/images/GOLDEN.vhdx", size="40GB")
    lab.leaves_alone("vm_disk", path="C:/VMS/off.vhdx", vm="OFF01")


@pytest.mark.parametrize("path", [r"C:\Images\golden.vhdx", r"C:\Images\old.vhd", r"C:\Images\fixed.vhdx"])
@real_host
def test_it_grows(lab: Lab, path: str) -> None:
    before = lab.machine.files.get(path).disk.size
    result = lab.apply("vm_disk", path=path, size="60GB")
    assert result["diff"] == {
        "before": {"disks": {path: {"size": f"{before // GB}GB"}}},
        "after": {"disks": {path: {"size": "60GB"}}},
    }
    assert lab.machine.files.get(path).disk.size == 60 * GB
    lab.leaves_alone("vm_disk", path=path)


@real_host
def test_a_vhdx_on_scsi_grows_while_its_vm_runs(lab: Lab) -> None:
    assert lab.apply("vm_disk", vm="run01", path=r"C:\VMs\run.vhdx", size="60GB")["power_cycle_required"] is False


@pytest.mark.parametrize(("vm", "path"), [("bios02", r"C:\VMs\biosrun.vhdx"), ("vhd01", r"C:\VMs\vhd.vhd")])
@real_host
def test_a_disk_on_ide_and_a_vhd_grow_only_while_their_vm_is_off(lab: Lab, vm: str, path: str) -> None:
    task = {"vm": vm, "path": path, "size": "60GB"}
    lab.refuses("vm_disk", f"VM '{vm}' is running", "changing size needs it off", **task)
    assert lab.apply("vm_disk", **task, allow_power_cycle=True)["power_cycled"] is True


@real_host
def test_deleted(lab: Lab) -> None:
    path = r"C:\Images\old.vhd"
    lab.leaves_alone("vm_disk", path=path, state="absent")
    result = lab.apply("vm_disk", path=path, state="absent", delete_file=True)
    assert result["diff"] == {
        "before": {"disks": {path: {"exists": True}}},
        "after": {"disks": {path: {"exists": False}}},
    }
    assert not lab.machine.files.get(path)


# ---- attaching ----


def test_attached_where_there_is_room(lab: Lab) -> None:
    path = r"C:\VMs\data.vhdx"
    result = lab.apply("vm_disk", vm="off01", path=path, size="10GB")
    assert result["diff"]["after"] == {"disks": {path: {"type": "dynamic", "size": "10GB", "attached": "scsi 0:1"}}}
    assert where(lab, "off01") == {r"C:\VMs\off.vhdx": "scsi 0:0", path: "scsi 0:1"}
    lab.apply("vm_disk", vm="off01", path=r"C:\Images\child.vhdx")
    lab.apply("vm", name="off01", state="running")


def test_attached_at_a_place_with_the_controllers_that_it_takes(lab: Lab) -> None:
    path = r"C:\VMs\data.vhdx"
    task = {"vm_id": lab.vm("bare01").id, "path": path, "size": "10GB", "controller_location": 7}
    result = lab.apply("vm_disk", **task)
    assert result["diff"]["after"]["scsi_controllers"] == 1
    assert where(lab, "bare01") == {path: "scsi 0:7"}
    more = {"path": r"C:\VMs\more.vhdx", "size": "1GB", "controller_number": 1, "controller_location": 63}
    lab.apply("vm_disk", vm="bare01", **more)
    assert where(lab, "bare01") == {path: "scsi 0:7", r"C:\VMs\more.vhdx": "scsi 1:63"}


@real_host
def test_attached_to_a_running_vm(lab: Lab) -> None:
    task = {"vm": "run01", "path": r"C:\VMs\data.vhdx", "size": "10GB"}
    assert lab.apply("vm_disk", **task)["power_cycle_required"] is False
    assert lab.machine.files.get(r"C:\VMs\data.vhdx").in_use
    task = {"vm": "run01", "path": r"C:\VMs\more.vhdx", "size": "10GB", "controller_number": 1}
    lab.refuses("vm_disk", "VM 'run01' is running", "changing controller_number needs it off", **task)
    assert lab.apply("vm_disk", **task, allow_power_cycle=True)["power_cycled"] is True
    assert lab.vm("run01").running


@real_host
def test_generation_1_has_ide_first(lab: Lab) -> None:
    for name, expected in (("a", "ide 0:1"), ("b", "ide 1:0"), ("c", "ide 1:1"), ("d", "scsi 0:0")):
        path = rf"C:\VMs\{name}.vhdx"
        lab.apply("vm_disk", vm="bios01", path=path, size="1GB")
        assert where(lab, "bios01")[path] == expected
    task = {"vm": "bios02", "path": r"C:\VMs\e.vhdx", "size": "1GB"}
    lab.refuses("vm_disk", "VM 'bios02' is running", "changing controller_type needs it off", **task)
    lab.apply("vm_disk", **task, controller_type="scsi")
    assert where(lab, "bios02")[r"C:\VMs\e.vhdx"] == "scsi 0:0"


def test_moved(lab: Lab) -> None:
    path = r"C:\VMs\off.vhdx"
    lab.leaves_alone("vm_disk", vm="off01", path=path, controller_type="scsi", controller_number=0)
    result = lab.apply("vm_disk", vm="off01", path=path, controller_location=5)
    assert result["diff"] == {
        "before": {"disks": {path: {"attached": "scsi 0:0"}}},
        "after": {"disks": {path: {"attached": "scsi 0:5"}}},
    }
    lab.apply("vm_disk", vm="off01", path=path, controller_number=1)
    assert where(lab, "off01") == {path: "scsi 1:0"}, "the first free place of another controller"
    lab.apply("vm_disk", vm="bios01", path=r"C:\VMs\bios.vhdx", controller_type="scsi")
    assert where(lab, "bios01") == {r"C:\VMs\bios.vhdx": "scsi 0:0"}


@real_host
def test_no_disk_is_moved_under_a_running_guest(lab: Lab) -> None:
    task = {"vm": "run01", "path": r"C:\VMs\run.vhdx", "controller_location": 5}
    lab.refuses("vm_disk", "VM 'run01' is running", "changing controller_location needs it off", **task)
    assert lab.apply("vm_disk", **task, allow_power_cycle=True)["power_cycled"] is True


def test_detached(lab: Lab) -> None:
    path = r"C:\VMs\off.vhdx"
    result = lab.apply("vm_disk", vm="off01", path=path, state="absent")
    assert result["diff"] == {
        "before": {"disks": {path: {"attached": "scsi 0:0"}}},
        "after": {"disks": {path: {"attached": None}}},
    }
    assert where(lab, "off01") == {}
    assert lab.machine.files.get(path)
    lab.apply("vm_disk", vm="off01", path=path)


def test_the_drive_is_returned(lab: Lab) -> None:
    path = r"C:\VMs\off.vhdx"
    at = {"controller_type": "scsi", "controller_number": 0, "controller_location": 0}
    expected = {"path": path, "base": path, **at}
    assert lab.leaves_alone("vm_disk", vm="off01", path=path)["drive"] == expected
    moved = lab.apply("vm_disk", vm="off01", path=path, controller_location=7)["drive"]
    assert moved == {**expected, "controller_location": 7}
    assert lab.apply("vm_disk", vm="off01", path=path, state="absent")["drive"] is None
    assert lab.leaves_alone("vm_disk", path=path)["drive"] is None
    (leaf,) = where(lab, "grown01")
    found = lab.leaves_alone("vm_disk", vm="grown01", path=r"C:\VMs\grown.vhdx")["drive"]
    assert found == {"path": leaf, "base": r"C:\VMs\grown.vhdx", **at}
    assert lab.info("grown01", "disks")["disks"] == [found]


@real_host
def test_detached_and_deleted(lab: Lab) -> None:
    for vm, path in (("off01", r"C:\VMs\off.vhdx"), ("run01", r"C:\VMs\run.vhdx")):
        result = lab.apply("vm_disk", vm=vm, path=path, state="absent", delete_file=True)
        assert result["diff"]["after"] == {"disks": {path: {"attached": None, "exists": False}}}
        assert not lab.machine.files.get(path)


@real_host
def test_a_disk_on_ide_is_detached_from_a_vm_that_is_off(lab: Lab) -> None:
    task = {"vm": "bios02", "path": r"C:\VMs\biosrun.vhdx", "state": "absent"}
    lab.refuses("vm_disk", "VM 'bios02' is running", "changing controller_type needs it off", **task)
    assert lab.apply("vm_disk", **task, allow_power_cycle=True)["power_cycled"] is True


# ---- checkpoints ----


def test_a_disk_with_checkpoints_is_found_by_its_first_file(lab: Lab) -> None:
    path = r"C:\VMs\grown.vhdx"
    (leaf,) = where(lab, "grown01")
    assert leaf.endswith(".avhdx")
    lab.leaves_alone("vm_disk", vm="grown01", path=path, size="40GB")
    lab.leaves_alone("vm_disk", vm="grown01", path=leaf)
    lab.apply("vm_disk", vm="grown01", path=path, controller_location=3)
    assert where(lab, "grown01") == {leaf: "scsi 0:3"}, "it is the file that the VM runs on that is moved"


@real_host
def test_what_checkpoints_stand_on_is_kept(lab: Lab) -> None:
    path = r"C:\VMs\grown.vhdx"
    words = (f"size: '{path}' can't be expanded because it has checkpoints", "vm_checkpoint")
    lab.refuses("vm_disk", *words, vm="grown01", path=path, size="60GB")
    lab.refuses("vm_disk", f"size: '{path}' is in use by VM 'grown01' as a parent of", path=path, size="60GB")
    held = (f"path: '{path}' is in use by VM 'grown01' as a parent of", "leave the file as it is")
    lab.refuses("vm_disk", *held, path=path, state="absent", delete_file=True)
    lab.refuses("vm_disk", f"parent: '{path}' is attached to", path=r"C:\VMs\x.vhdx", parent=path)


@real_host
def test_a_disk_with_checkpoints_is_not_detached(lab: Lab) -> None:
    """It couldn't be attached again: its first file belongs to the checkpoint, and the rest to nobody."""
    path = r"C:\VMs\grown.vhdx"
    (leaf,) = where(lab, "grown01")
    words = (f"path: '{path}' has checkpoints of VM 'grown01'", f"runs on '{leaf}'", "vm_checkpoint first")
    for more in ({}, {"delete_file": True}):
        lab.refuses("vm_disk", *words, vm="grown01", path=path, state="absent", **more)
    lab.apply("vm_checkpoint", vm="grown01", name="first", state="absent")
    lab.sim.advance(600)
    lab.apply("vm_disk", vm="grown01", path=path, state="absent")
    lab.apply("vm_disk", vm="grown01", path=path)


# ---- disks that others stand on ----


@real_host
def test_neither_a_parent_nor_a_child_is_attached_beside_the_other_one(lab: Lab) -> None:
    lab.apply("vm_disk", vm="off01", path=CHILD)
    words = (f"path: '{GOLDEN}' is a parent of '{CHILD}', which is attached to VM 'off01'", "'source'")
    for vm in ("bare01", "off01"):
        lab.refuses("vm_disk", *words, vm=vm, path=GOLDEN)
    lab.apply("vm_disk", vm="off01", path=CHILD, state="absent")
    lab.apply("vm_disk", vm="bare01", path=GOLDEN)
    words = (f"path: '{GOLDEN}' is attached to VM 'bare01'", f"corrupt '{CHILD}', which is based on it")
    lab.refuses("vm_disk", *words, vm="off01", path=CHILD)
    lab.refuses("vm_disk", "parent: ", "attached to VM 'bare01'", path=NEW, parent=GOLDEN)


@real_host
def test_a_parent_of_a_checkpoint_of_a_child_is_not_attached(lab: Lab) -> None:
    lab.apply("vm_disk", vm="off01", path=CHILD)
    lab.apply("vm_checkpoint", vm="off01", name="before")
    lab.refuses("vm_disk", f"path: '{GOLDEN}' is a parent of ", vm="bare01", path=GOLDEN)
    lab.apply("vm", name="off01", state="running")


@real_host
def test_the_disk_of_a_saved_vm_does_not_grow(lab: Lab) -> None:
    task = {"path": r"C:\VMs\saved.vhdx", "size": "60GB"}
    words = ("VM 'saved01' is saved", "changing size", "'discard_saved_state: true'")
    lab.refuses("vm_disk", *words, vm="saved01", **task)
    lab.refuses("vm_disk", "size: ", "attached to VM 'saved01', which is saved", **task)
    lab.refuses("vm_disk", "size: ", "attached to VM 'run01', which is running", path=r"C:\VMs\run.vhdx", size="60GB")
    lab.apply("vm_disk", vm="saved01", **task, discard_saved_state=True)


@real_host
def test_a_differencing_disk_is_larger_than_its_parent(lab: Lab) -> None:
    result = lab.apply("vm_disk", path=NEW, parent=GOLDEN, size="60GB")
    expected = {"type": "differencing", "size": "60GB", "parent": GOLDEN}
    assert result["diff"]["after"] == {"disks": {NEW: expected}}
    assert lab.machine.files.get(NEW).disk.size == 60 * GB
    lab.apply("vm_disk", path=r"C:\VMs\same.vhdx", parent=GOLDEN, size="40GB")
    words = ("size: 30GB", f"is smaller than its parent '{GOLDEN}', which has 40GB")
    lab.refuses("vm_disk", *words, path=r"C:\VMs\small.vhdx", parent=GOLDEN, size="30GB")
    words = ("size: ", "differencing .vhd disk can't be expanded", "use .vhdx")
    lab.refuses("vm_disk", *words, path=r"C:\VMs\new.vhd", parent=r"C:\Images\old.vhd", size="60GB")


@real_host
def test_a_differencing_disk_that_could_not_be_expanded_is_at_the_next_run(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="ResizeVirtualHardDisk", text="On fire."))
    task = {"path": NEW, "parent": GOLDEN, "size": "60GB"}
    result = lab.fails("vm_disk", "On fire.", **task)
    assert (result["changed"], result["completed"]) == (True, [f"create the virtual disk '{NEW}'"])
    lab.apply("vm_disk", **task)
    assert lab.machine.files.get(NEW).disk.size == 60 * GB


# ---- copies ----


@real_host
@pytest.mark.parametrize(
    ("path", "args", "expected"),
    [
        (r"C:\VMs\copy.vhdx", {}, (DYNAMIC, 40, 3)),
        (r"C:\VMs\copy.vhdx", {"size": "60GB"}, (DYNAMIC, 60, 3)),
        (r"C:\VMs\copy.vhdx", {"type": "fixed"}, (FIXED, 40, 3)),
        (r"C:\VMs\copy.vhd", {}, (DYNAMIC, 40, 2)),
    ],
)
def test_a_copy(lab: Lab, path: str, args: dict[str, Any], expected: tuple[int, int, int]) -> None:
    for source in (GOLDEN, CHILD):
        result = lab.apply("vm_disk", path=path, source=source, **args)
        assert result["diff"]["after"]["disks"][path]["source"] == source
        disk = lab.machine.files.get(path).disk
        assert (disk.type, disk.size // GB, disk.format, disk.parent) == (*expected, "")
        assert disk.id != lab.machine.files.get(source).disk.id
        lab.apply("vm_disk", path=path, state="absent", delete_file=True)


@real_host
def test_a_copy_is_attached_and_later_runs_leave_its_content_alone(lab: Lab) -> None:
    lab.apply("vm_disk", vm="bare01", path=NEW, source=r"C:\VMs\off.vhdx", size="60GB")
    lab.apply("vm", name="bare01", state="running")
    lab.leaves_alone("vm_disk", vm="bare01", path=NEW, source=r"C:\VMs\off.vhdx")
    lab.machine.files.delete(r"C:\Images\old.vhd")
    lab.leaves_alone("vm_disk", path=NEW, source=r"C:\Images\old.vhd")


@real_host
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (GOLDEN, "fixed"),
        (r"C:\Images\fixed.vhdx", "dynamic"),
        (CHILD, "dynamic"),
        (CHILD, "fixed"),
        (r"C:\Images\old.vhd", "fixed"),
        (r"C:\VMs\it's.vhdx", "fixed"),
    ],
)
def test_a_disk_of_another_type_is_converted_by_the_task_that_the_refusal_writes(
    lab: Lab, path: str, kind: str
) -> None:
    if "'" in path:
        lab.apply("vm_disk", path=path, size="1GB")
    refused = lab.refuses("vm_disk", f"type: '{path}' is", f"can't become {kind} in place", path=path, type=kind)
    (task,) = yaml.safe_load(refused["msg"].partition("instead of it: ")[2]).values()
    assert (task["source"], task["type"]) == (path, kind)
    lab.apply("vm_disk", **task)
    new, old = (lab.machine.files.get(task[option]).disk for option in ("path", "source"))
    assert (new.type, new.size, new.format, new.parent) == (disks.TYPES[kind], old.size, old.format, "")


@real_host
def test_a_disk_is_converted_to_the_other_format_by_the_ending_of_its_copy(lab: Lab) -> None:
    lab.apply("vm_disk", path=r"C:\VMs\new.vhdx", source=r"C:\Images\old.vhd", type="fixed")
    disk = lab.machine.files.get(r"C:\VMs\new.vhdx").disk
    assert (disk.format, disk.type, disk.size) == (disks.VHDX, FIXED, 20 * GB)


@real_host
def test_compacted_at_every_run(lab: Lab) -> None:
    for args in ({"path": CHILD}, {"path": r"C:\VMs\off.vhdx"}, {"vm": "off01", "path": r"C:\VMs\off.vhdx"}):
        assert lab.apply("vm_disk", once_more=False, state="compacted", **args)["changed"] is True
        assert lab.writes == ["Invoke Msvm_ImageManagementService CompactVirtualHardDisk"]
    task = {"vm": "run01", "path": r"C:\VMs\run.vhdx", "state": "compacted"}
    lab.refuses("vm_disk", "VM 'run01' is running", "changing state needs it off", **task)
    result = lab.apply("vm_disk", once_more=False, allow_power_cycle=True, **task)
    assert result["power_cycled"] is True


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (r"C:\Images\gone.vhdx", ("path: the host has no file",)),
        (r"C:\Images\fixed.vhdx", ("state: ", "is a fixed disk")),
        (r"C:\VMs\run.vhdx", ("state: ", "is in use")),
        (r"C:\VMs\grown.vhdx", ("state: ", "is in use by VM 'grown01' as a parent of")),
    ],
)
def test_what_is_not_compacted(shared_lab: Lab, path: str, words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_disk", *words, path=path, state="compacted")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"source": r"C:\Images\gone.vhdx"}, ("source: there is no file", "can't be copied")),
        ({"source": r"C:\VMs\run.vhdx"}, ("source: ", "is in use, by a running VM", "Turn off the VM")),
        ({"source": r"C:\Images\stale.vhdx"}, ("source: ", "can't be used, because its parent")),
        ({"source": r"C:\ISO\x.iso"}, ("source: ", "is not a virtual disk")),
        ({"source": r"c:/vms/.\new.vhdx"}, ("source: ", "can't be a copy of itself")),
        ({"source": r"C:\Images\golden.vhdx", "size": "10GB"}, ("size: 10GB", "is smaller than its source")),
        (
            {"source": r"C:\Images\golden.vhdx", "parent": r"C:\Images\golden.vhdx"},
            ("source: ", "leave one of them out"),
        ),
        ({"source": r"C:\Images\golden.vhdx", "type": "differencing"}, ("source: ", "leave one of them out")),
    ],
)
def test_a_copy_that_cannot_be_made(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_disk", *words, path=r"C:\VMs\new.vhdx", **args)


# ---- lost answers ----

COPYING = {"path": NEW, "source": GOLDEN, "type": "fixed"}


def lose(lab: Lab, method: str) -> None:
    lab.sim.faults.add(simulator.Rule("lose", method=method))


@pytest.mark.parametrize("jobs", [{"delays": {"convert_disk": 600}}])
def test_a_long_copy_whose_answer_is_lost_is_waited_for(lab: Lab) -> None:
    lose(lab, "ConvertVirtualHardDisk")
    assert lab.run("vm_disk", **COPYING)["changed"] is True
    assert lab.machine.files.get(NEW).disk.type == FIXED


@pytest.mark.parametrize("jobs", [{"delays": {"convert_disk": 600}}])
def test_a_copy_that_is_not_awaited_is_uncertain(lab: Lab) -> None:
    lose(lab, "ConvertVirtualHardDisk")
    result = lab.fails("vm_disk", "may have been done", job_timeout=60, **COPYING)
    assert (result["changed"], result["uncertain"]) == (True, [f"copy the virtual disk '{GOLDEN}' to '{NEW}'"])


@real_host
@pytest.mark.parametrize("differs", [{"size": 1 << 30}, {"type": DYNAMIC}])
def test_a_file_that_is_not_the_copy_asked_for_does_not_count_as_done(lab: Lab, differs: dict[str, Any]) -> None:
    copy = disks.create

    def create_other(files: Any, path: str, disk: Any, parent: str = "") -> Any:
        for name, value in differs.items():
            setattr(disk, name, value)
        return copy(files, path, disk, parent)

    lose(lab, "ConvertVirtualHardDisk")
    with mock.patch.object(disks, "create", create_other):
        result = lab.fails("vm_disk", "may have been done", **COPYING)
    assert result["uncertain"]


@pytest.mark.parametrize("jobs", [{"delays": {"compact_disk": 600}}])
def test_a_vm_is_not_started_while_its_disk_is_compacted(lab: Lab) -> None:
    """Nothing shows whether the disk was compacted, but while the job runs, the VM could not start."""
    lose(lab, "CompactVirtualHardDisk")
    task = {"vm": "run01", "path": r"C:\VMs\run.vhdx", "state": "compacted", "allow_power_cycle": True}
    result = lab.fails("vm_disk", "may have been done", **task)
    assert (result["uncertain"], result["power_cycled"]) == ([r"compact the virtual disk 'C:\VMs\run.vhdx'"], True)
    jobs = [job for job in lab.machine.jobs.running.values() if job.kind.job_class == "Msvm_StorageJob"]
    assert [(job.done, job.error) for job in jobs] == [(True, 0)]
    assert lab.vm("run01").running


# ---- folders ----

DEEP = r"C:\New lab\R&D (1), x;y=z\it's^me!\new.vhdx"
FOLDERS = ["C:\\New lab", r"C:\New lab\R&D (1), x;y=z", r"C:\New lab\R&D (1), x;y=z\it's^me!"]


@pytest.fixture(params=[True, False], ids=["direct", "cmd"])
def folder_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A host that obeys WINRS_SKIP_CMD_SHELL, and one that hands every line to cmd.exe; of Windows Server 2016."""
    host = {**MODEL["hosts"][0], "winrm": {"skip_cmd_shell": request.param}, "os": "server2016"}
    with open_lab({"hosts": [host]}) as lab:
        yield lab


def test_missing_folders_are_created(folder_lab: Lab) -> None:
    lab = folder_lab
    result = lab.apply("vm_disk", path=DEEP, size="1GB")
    after = {"type": "dynamic", "size": "1GB"}
    assert result["diff"] == {
        "before": {"disks": {}, "folders": {}},
        "after": {"disks": {DEEP: after}, "folders": {name: {"exists": True} for name in FOLDERS}},
    }
    assert lab.machine.files.get(DEEP)
    assert [name for name in lab.machine.files.folders() if name.startswith("C:\\New")] == FOLDERS
    other = DEEP.replace("new.vhdx", "other.vhdx")
    assert "folders" not in lab.apply("vm_disk", path=other, size="1GB")["diff"]["after"]


def test_a_folder_that_exists_costs_nothing(lab: Lab) -> None:
    lab.apply("vm_disk", once_more=False, path=NEW, size="1GB")
    assert not any(entry.resource.endswith("/shell/cmd") for entry in lab.requests)
    assert sum(entry.class_name in ("Win32_Directory", "CIM_DataFile") for entry in lab.requests) <= 2


def test_a_check_foresees_the_folder_for_later_tasks(folder_lab: Lab) -> None:
    """The play of two disks in one missing folder, in check mode and for real."""
    lab, other = folder_lab, DEEP.replace("new.vhdx", "other.vhdx")
    with check_run():
        foreseen = [lab.succeeds("vm_disk", check=True, path=path, size="1GB")["diff"] for path in (DEEP, other)]
    assert foreseen == [lab.succeeds("vm_disk", path=path, size="1GB")["diff"] for path in (DEEP, other)]


def test_a_folder_is_removed_again_if_its_disk_cannot_be_created(folder_lab: Lab) -> None:
    lab = folder_lab
    lab.sim.faults.add(simulator.Rule("fail_job", method="CreateVirtualHardDisk", text="On fire."))
    before = lab.state()
    result = lab.fails("vm_disk", "On fire.", path=DEEP, size="1GB")
    assert (result["changed"], "completed" in result) == (False, False)
    assert lab.state() == before


def test_a_folder_that_is_not_empty_stays_and_is_named(folder_lab: Lab) -> None:
    lab = folder_lab
    lab.sim.faults.add(simulator.Rule("fail_job", method="CreateVirtualHardDisk", text="On fire."))
    create = lab.machine.files.make_folder

    with mock.patch.object(lab.machine.files, "make_folder", lambda path: create(rf"{path}\mine")):
        words = ("On fire.", f"and the folder '{FOLDERS[-1]}' stays", "The directory is not empty.")
        result = lab.fails("vm_disk", *words, path=DEEP, size="1GB")
    assert (result["changed"], result["completed"]) == (True, [f"create the folder '{FOLDERS[-1]}'"])
    assert lab.machine.files.has_folder(rf"{FOLDERS[-1]}\mine")


@pytest.mark.parametrize("operation", ["Create", "Command", "Receive", "Signal", "Delete"])
@pytest.mark.parametrize("do", ["lose", "drop", "fault"])
def test_a_lost_answer_of_the_program(folder_lab: Lab, operation: str, do: str) -> None:
    """The folder and its disk exist, or the result says what became of them; the next run finishes."""
    lab = folder_lab
    lab.sim.faults.add(simulator.Rule(do, operation=operation, class_name="cmd"))
    before = lab.state()
    result = lab.run("vm_disk", path=DEEP, size="1GB")
    assert result["changed"] is (lab.state() != before)
    assert bool(result.get("failed")) is not bool(lab.machine.files.get(DEEP))
    lab.succeeds("vm_disk", path=DEEP, size="1GB")
    assert lab.machine.files.get(DEEP)


def test_a_folder_that_cannot_be_created(folder_lab: Lab) -> None:
    lab = folder_lab
    refuse = mock.Mock(side_effect=FileError(ACCESS_DENIED, DEEP))
    with mock.patch.object(lab.machine.files, "make_folder", refuse):
        result = lab.fails("vm_disk", f"could not create the folder '{FOLDERS[-1]}'", path=DEEP, size="1GB")
    assert (result["changed"], result["program"], result["code"]) == (False, "cmd.exe", 1)
    assert result["said"]


def test_disks_of_a_vm_in_a_new_folder(folder_lab: Lab) -> None:
    """Below the folder that the VM gets, in one of their own, and in one that contains another one."""
    lab = folder_lab
    paths = [
        r"C:\Lab\new01\disks\a.vhdx",
        r"C:\Lab\new01\b.vhdx",
        r"C:\Lab\c.vhdx",
        r"C:\Store\x\d.vhdx",
        r"C:\Store\e.vhdx",
    ]
    disks_ = [{"path": path, "size": "1GB"} for path in paths]
    result = lab.apply("vm", name="new01", path=r"C:\Lab", disks=disks_)
    created = [r"C:\Lab\new01\disks", r"C:\Store", r"C:\Store\x"]
    assert result["diff"]["after"]["folders"] == {name: {"exists": True} for name in created}
    assert all(map(lab.machine.files.get, paths))


def test_an_existing_vm_gets_no_disks_in_the_folder_of_a_new_one(folder_lab: Lab) -> None:
    task = {"name": "off01", "path": r"C:\Elsewhere", "disks": [{"path": r"C:\Elsewhere\off01\x.vhdx", "size": "1GB"}]}
    folder_lab.refuses("vm", r"path: VM 'off01' exists, and there is no folder 'C:\Elsewhere\off01'", **task)


# ---- bad input ----


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"path": NEW}, (f"path: there is no file '{NEW}'", "set 'size'")),
        ({"path": NEW, "size": "much"}, ("size: 'much' is not a size", "such as 4GB")),
        ({"path": NEW, "size": "1MB"}, ("size: 1MB", "between 3MB and 64TB")),
        ({"path": NEW, "size": 4 * GB + 1}, ("size: ", "is not a multiple of 4KB")),
        ({"path": r"C:\VMs\new.vhd", "size": "3TB"}, ("size: 3TB", "and 2040GB")),
        ({"path": NEW, "size": "4GB", "block_size": "3MB"}, ("block_size: 3MB is not for", "32MB")),
        ({"path": r"C:\VMs\new.img", "size": "4GB"}, ("path: ", "must end in .vhdx or .vhd")),
        ({"path": "new.vhdx", "size": "4GB"}, ("path: 'new.vhdx' is not a full path on the host",)),
        (
            {"path": r"C:\Nosuch\100%\new.vhdx", "size": "4GB"},
            (r"path: there is no folder 'C:\Nosuch\100%'", "with % in its name is not created", "Create it first"),
        ),
        (
            {"path": r"C:\Images\notes.txt\a\new.vhdx", "size": "4GB"},
            (r"path: 'C:\Images\notes.txt' is a file, so there can be no folder 'C:\Images\notes.txt\a'",),
        ),
        ({"path": r"C:\Nosuch\new.vhdx"}, (r"path: there is no file 'C:\Nosuch\new.vhdx'; set 'size'",)),
        *(
            ({"path": NEW, **args}, (f"{option}: the host has no drive Z: for ", "it has C:. Choose another path"))
            for option, args in (
                ("path", {"path": r"Z:\VMs\new.vhdx", "size": "4GB"}),
                ("path", {"path": r"Z:\new.vhdx", "size": "4GB"}),
                ("path", {"path": r"Z:\VMs\new.vhdx"}),
                ("path", {"path": r"Z:\VMs\new.vhdx", "source": GOLDEN}),
                ("path", {"path": r"Z:\VMs\new.vhdx", "state": "compacted"}),
                ("path", {"path": r"z:/VMs/new.vhdx", "vm": "off01", "size": "4GB"}),
                ("parent", {"parent": r"Z:\VMs\base.vhdx"}),
                ("source", {"source": r"Z:\VMs\base.vhdx"}),
            )
        ),
        ({"path": GOLDEN, "size": "10GB"}, (f"size: '{GOLDEN}' has 40GB and is never shrunk", "lose data")),
        ({"path": GOLDEN, "size": "60GB", "vm": "off01", "controller_number": 3}, ("scsi controllers are 0 to 1",)),
        ({"path": GOLDEN, "type": "fixed"}, (f"type: '{GOLDEN}' is dynamic and can't become fixed in place",)),
        (
            {"path": GOLDEN, "parent": CHILD},
            (f"type: '{GOLDEN}' is dynamic and can't become differencing in", "another path"),
        ),
        ({"path": CHILD, "parent": r"C:\Images\fixed.vhdx"}, (f"parent: '{CHILD}' is a child of '{GOLDEN}'",)),
        ({"path": NEW, "parent": r"C:\Images\gone.vhdx"}, (r"parent: there is no file 'C:\Images\gone.vhdx'",)),
        ({"path": NEW, "parent": r"C:\Images\old.vhd"}, ("parent: ", "differ in their format")),
        ({"path": NEW, "parent": GOLDEN, "type": "dynamic"}, ("parent: ", "can't be dynamic and have a parent")),
        ({"path": "\\\\?\\C:\\VMs\\x.vhdx", "size": "4GB"}, ("path: ", "names a device")),
        ({"path": r"C:\VMs\x?.vhdx", "size": "4GB"}, ("path: ", "is not a name for a file on Windows")),
        ({"path": NEW, "type": "differencing"}, ("type: ", "without a 'parent'")),
        (
            {"path": NEW, "parent": r"C:\VMs\off.vhdx"},
            (r"parent: 'C:\VMs\off.vhdx' is attached to VM 'off01'", "Detach it there first"),
        ),
        (
            {"path": NEW, "parent": r"C:\Images\stale.vhdx"},
            (r"parent: 'C:\Images\stale.vhdx' can't be used", GOLDEN, "recreate the disk"),
        ),
        (
            {"path": r"C:\Images\stale.vhdx", "vm": "off01"},
            (r"path: 'C:\Images\stale.vhdx' can't be used", f"its parent '{GOLDEN}'", "Restore the parent"),
        ),
        (
            {"path": r"C:\Images\mounted.vhdx", "vm": "off01"},
            (r"path: 'C:\Images\mounted.vhdx' is in use by something else on the host",),
        ),
        (
            {"path": r"C:\VMs\run.vhdx", "vm": "off01"},
            (r"path: 'C:\VMs\run.vhdx' is attached to VM 'run01' already", "Detach it there first"),
        ),
        ({"path": r"C:\VMs\run.vhdx", "state": "absent", "delete_file": True}, ("is in use by VM 'run01'",)),
        (
            {"path": r"C:\VMs\run.vhdx", "vm": "off01", "state": "absent", "delete_file": True},
            ("is in use by VM 'run01'",),
        ),
        ({"path": r"C:\Images\mounted.vhdx", "state": "absent", "delete_file": True}, ("is in use by something else",)),
        ({"path": r"C:\Images\mounted.vhdx", "size": "60GB"}, ("size: ", "is in use by something else")),
        (
            {"path": NEW, "size": "1GB", "vm": "off01", "controller_type": "ide"},
            ("controller_type: VM 'off01' is a generation 2 VM, which has no IDE controllers",),
        ),
        (
            {"path": NEW, "size": "1GB", "vm": "off01", "controller_location": 0},
            (r"controller_location: scsi 0:0 of VM 'off01' holds C:\VMs\off.vhdx", "another location"),
        ),
        (
            {"path": NEW, "size": "1GB", "vm": "off01", "controller_location": 64},
            ("controller_location: 64 is out of range", "0 to 63"),
        ),
        (
            {"path": NEW, "size": "1GB", "vm": "bios01", "controller_type": "ide", "controller_number": 2},
            ("controller_number: 2 is out of range for VM 'bios01', whose ide controllers are 0 to 1",),
        ),
        ({"path": NEW, "size": "1GB", "vm": "nosuch"}, ("no VM has the name 'nosuch'",)),
        ({"path": NEW, "size": "1GB", "vm": "a", "vm_id": "b"}, ("mutually exclusive: vm|vm_id",)),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_disk", *words, **args)


def test_a_vm_whose_places_are_all_taken_gets_no_disk() -> None:
    """256 disks, which every look at the host would list, have a host of their own."""
    disks = [{"path": rf"C:\VMs\{n}-{at}.vhdx", **place(n, at)} for n in range(4) for at in range(64)]
    vm = {"name": "full01", "controllers": {"scsi": 4}, "disks": disks}
    task = {"path": NEW, "size": "1GB", "vm": "full01"}
    with open_lab({"hosts": [{"name": "hv01", "folders": [r"C:\VMs"], "vms": [vm]}]}) as lab:
        lab.refuses("vm_disk", "controller_type: all scsi locations of VM 'full01' are occupied", **task)
        words = "controller_number: scsi controller 2 of VM 'full01' is full"
        lab.refuses("vm_disk", words, **task, controller_number=2)


@real_host
def test_a_saved_vm_takes_no_disk(lab: Lab) -> None:
    task = {"vm": "saved01", "path": NEW, "size": "1GB"}
    lab.refuses("vm_disk", "VM 'saved01' is saved", "'discard_saved_state: true'", **task)
    lab.apply("vm_disk", **task, discard_saved_state=True)


@real_host
def test_a_parent_that_is_missing(lab: Lab) -> None:
    lab.machine.files.delete(GOLDEN)
    words = (f"path: '{CHILD}' can't be used", f"its parent '{GOLDEN}' is missing")
    lab.refuses("vm_disk", *words, path=CHILD, vm="off01")
    lab.refuses("vm_disk", f"parent: '{CHILD}' can't be used", path=NEW, parent=CHILD)


@real_host
def test_a_file_that_is_no_disk(lab: Lab) -> None:
    lab.machine.files.move(r"C:\Images\notes.txt", r"C:\Images\notes.vhdx")
    path = r"C:\Images\notes.vhdx"
    words = (f"path: '{path}' is a file, but none that the host can read as a virtual disk", "Choose another path")
    lab.refuses("vm_disk", *words, path=path, size="4GB")


@real_host
def test_a_parent_of_an_attached_disk_does_not_grow(lab: Lab) -> None:
    lab.apply("vm_disk", path=CHILD, vm="off01")
    words = (f"size: '{GOLDEN}' is in use by VM 'off01' as a parent of '{CHILD}'",)
    lab.refuses("vm_disk", *words, path=GOLDEN, size="60GB")
    lab.refuses("vm_disk", f"path: '{GOLDEN}' is in use by VM 'off01'", path=GOLDEN, state="absent", delete_file=True)


# ---- failures on the way ----


@pytest.mark.parametrize(
    ("rule", "completed"),
    [
        ({"method": "CreateVirtualHardDisk"}, None),
        ({"method": "AddResourceSettings", "at": 1}, ["create the virtual disk"]),
        ({"method": "AddResourceSettings", "at": 2}, ["create the virtual disk", "add SCSI controller 0"]),
        ({"method": "AddResourceSettings", "at": 3}, ["create the virtual disk", "add SCSI controller 0"]),
    ],
)
@pytest.mark.parametrize("do", ["fail_job", "lose"])
@real_host
def test_a_failure_in_the_middle(lab: Lab, rule: dict[str, Any], completed: list[str] | None, do: str) -> None:
    lab.sim.faults.add(simulator.Rule(do=do, **rule, **({"text": "The disk is on fire."} if do == "fail_job" else {})))
    task = {"vm": "bare01", "path": NEW, "size": "10GB", "controller_location": 4}
    result = lab.run("vm_disk", **task)
    if do == "lose":  # the host shows that it was done
        assert not result.get("failed"), result
        assert result["changed"] is True
    else:
        assert result["changed"] is (completed is not None)
        done = result.get("completed", [])
        assert len(done) == len(completed or [])
        assert [words for words, step in zip(completed or [], done, strict=True) if words not in step] == []
        assert "The disk is on fire." in result["msg"]
    again = lab.run("vm_disk", **task)
    assert not again.get("failed"), again
    lab.leaves_alone("vm_disk", **task)
    assert where(lab, "bare01") == {NEW: "scsi 0:4"}


@real_host
def test_an_empty_drive_that_a_failure_left_is_used(lab: Lab) -> None:
    """Neither the disk goes in, nor the drive out: the next run puts the disk into it."""
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="AddResourceSettings", at=2, text="On fire."))
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="RemoveResourceSettings", text="Stuck."))
    task = {"vm": "off01", "path": GOLDEN, "controller_location": 4}
    lab.fails("vm_disk", "On fire.", "an empty disk drive remains at scsi 0:4: ", "Stuck.", **task)
    assert len(where(lab, "off01")) == 2
    lab.apply("vm_disk", **task)
    assert where(lab, "off01")[GOLDEN] == "scsi 0:4"


def test_a_drive_that_is_full(lab: Lab) -> None:
    words = ("size: ", NEW, "of 30TB does not fit on C:\\", "MB left")
    lab.refuses("vm_disk", *words, path=NEW, size="30TB", type="fixed")


@pytest.mark.parametrize("do", ["fault", "lose", "drop"])
@pytest.mark.parametrize(
    "rule",
    [
        {"method": "RemoveResourceSettings", "at": 1},
        {"method": "RemoveResourceSettings", "at": 2},
        {"method": "Delete"},
    ],
)
@pytest.mark.parametrize("more", [{}, {"delete_file": True}])
@real_host
def test_a_removal_that_is_interrupted_is_finished_by_the_next_run(
    lab: Lab, do: str, rule: dict[str, Any], more: dict[str, Any]
) -> None:
    """Neither the file nor a drive without a disk remains."""
    path = r"C:\VMs\off.vhdx"
    task = {"vm": "off01", "path": path, "state": "absent", **more}
    lab.sim.faults.add(simulator.Rule(do=do, **rule))
    lab.run("vm_disk", **task)
    lab.sim.faults.clear()
    again = lab.run("vm_disk", **task)
    assert not again.get("failed"), again
    assert lab.info("off01", "disks")["disks"] == []
    assert bool(lab.machine.files.get(path)) is not bool(more)
    lab.leaves_alone("vm_disk", **task)


@real_host
def test_a_drive_without_a_disk_is_removed_only_where_the_task_means_it(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="RemoveResourceSettings", at=2, text="Stuck."))
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="AddResourceSettings", text="Stuck, too."))
    task = {"vm": "off01", "path": r"C:\VMs\off.vhdx", "state": "absent"}
    assert lab.fails("vm_disk", "Stuck.", **task)["changed"] is True
    lab.leaves_alone("vm_disk", **task, controller_location=5)
    result = lab.apply("vm_disk", **task)
    assert result["diff"]["before"] == {"disks": {"": {"attached": "scsi 0:0"}}}
    assert lab.info("off01", "disks")["disks"] == []


# ---- long work ----


slow_jobs = pytest.mark.parametrize("jobs", [{"delays": {"create_disk": 8, "resize_disk": 1}}], ids=["slow"])


@slow_jobs
def test_long_work_reports_its_progress(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    result = lab.run("vm_disk", path=NEW, size="1GB", type="fixed")
    assert result["changed"] is True
    lines = [line for line in capsys.readouterr().out.splitlines() if NEW in line]
    assert 1 <= len(lines) <= 3, "at most every few seconds"
    for line in lines:
        assert line.startswith(f"hv01: create the virtual disk '{NEW}': ")
        assert line.endswith(" %")
        assert 0 < int(line.removesuffix(" %").rpartition(" ")[2]) < 100


@slow_jobs
def test_short_work_is_silent(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.run("vm_disk", path=GOLDEN, size="60GB")
    lab.run("vm_disk", check=True, path=NEW, size="1GB")
    assert capsys.readouterr().out == ""
    polls = [entry for entry in lab.requests if entry.class_name == "Msvm_StorageJob"]
    assert len(polls) <= 8, "polling backs off"
