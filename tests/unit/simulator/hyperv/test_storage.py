"""Controllers, drives and media of a VM: what goes where, in which state, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import storage
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, JOB, OK, host, modify, outcome, power
from ..machines import GB, ROOT, add, add_controller, add_disk, add_drive, create, disk_paths, remove, state

MISSING = 32779
DISK, SECOND, ISO = rf"{ROOT}\one.vhdx", rf"{ROOT}\two.vhdx", r"C:\iso\setup.iso"
DVD = {"ResourceType": 16, "ResourceSubType": storage.DVD_DRIVE}
MEDIUM = {"ResourceSubType": storage.DVD_DISK}


def hv(**vm: Any) -> Machine:
    """A host with one VM and two disks and an ISO image that nobody uses yet."""
    files = [{"path": DISK, "size": "40GB"}, {"path": SECOND, "size": "10GB"}, {"path": ISO, "size": "5GB"}]
    return host(vm, files=files)


def controller(machine: Machine, sub_type: str = storage.SCSI, number: int = 0) -> Any:
    return storage.controllers(machine.vm("vm0"), sub_type)[number]


def drive(machine: Machine) -> Any:
    return storage.drives(machine.vm("vm0"))[-1]


# --- what a VM begins with


def test_generation_1_has_two_ide_controllers_and_generation_2_of_a_model_one_scsi_controller() -> None:
    machine = host({"generation": 1}, {"generation": 2}, {"generation": 2, "controllers": {"scsi": 3}})
    first, second, third = machine.vms.values()
    assert [row["Address"] for row in storage.controllers(first, storage.IDE)] == ["0", "1"]
    assert [row["InstanceID"][-1] for row in storage.controllers(first, storage.IDE)] == ["0", "1"]
    assert [len(storage.controllers(vm, storage.SCSI)) for vm in (first, second, third)] == [0, 1, 3]
    assert storage.controllers(second, storage.IDE) == []


# --- controllers


def test_four_scsi_controllers_and_no_more() -> None:
    machine = hv()
    vm = machine.vm("vm0")
    assert [add_controller(machine, vm)[0] for _turn in range(4)] == [OK, OK, OK, INVALID_PARAMETER]
    assert len(storage.controllers(vm, storage.SCSI)) == 4


@pytest.mark.parametrize("power_state", ["running", "saved", "paused"])
def test_controllers_come_and_go_only_while_the_vm_is_off(power_state: str) -> None:
    machine = hv(state=power_state)
    vm = machine.vm("vm0")
    assert add_controller(machine, vm)[0] == INVALID_STATE
    assert remove(machine, controller(machine))[0] == INVALID_STATE


def test_a_controller_with_a_drive_can_not_go_and_an_ide_controller_never() -> None:
    machine = hv(generation=1, controllers={"scsi": 1})
    add_drive(machine, machine.vm("vm0"), controller(machine), 0)
    with pytest.raises(CimError):
        remove(machine, controller(machine))
    assert remove(machine, drive(machine))[0] == OK
    assert remove(machine, controller(machine))[0] == OK
    assert remove(machine, controller(machine, storage.IDE))[0] == INVALID_PARAMETER


# --- drives and media


def test_a_disk_is_a_drive_and_then_its_file() -> None:
    machine = hv()
    vm = machine.vm("vm0")
    assert add_drive(machine, vm, controller(machine), 3)[0] == OK
    row = drive(machine)
    assert row["InstanceID"] == f"{controller(machine)['InstanceID']}\\3\\D"
    assert add_disk(machine, vm, row, DISK)[0] == OK
    medium = storage.medium_of(vm, row)
    assert medium["InstanceID"] == f"{controller(machine)['InstanceID']}\\3\\L"
    assert medium["HostResource"] == [DISK]
    assert medium["Parent"].startswith(r"\\HV01\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID=")


def test_without_a_place_the_first_free_one_is_taken() -> None:
    machine = hv()
    vm = machine.vm("vm0")
    for slot in (0, 2, None, None):
        assert add_drive(machine, vm, controller(machine), slot)[0] == OK
    assert sorted(row["AddressOnParent"] for row in storage.drives(vm)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(("sub_type", "slot"), [(storage.SCSI, 64), (storage.IDE, 2), (storage.SCSI, 0)])
def test_places_that_are_taken_or_do_not_exist(sub_type: str, slot: int) -> None:
    machine = hv(generation=1, controllers={"scsi": 1}, disks=[{"path": DISK, "controller": "scsi", "location": 0}])
    vm = machine.vm("vm0")
    assert add_drive(machine, vm, controller(machine, sub_type), slot)[0] == INVALID_PARAMETER


def test_a_parent_path_with_single_backslashes_names_nothing() -> None:
    machine = hv()
    path = controller(machine).reference().path().replace("\\\\", "\\")
    given = {"ResourceType": 17, "ResourceSubType": storage.DISK_DRIVE, "AddressOnParent": "0", "Parent": path}
    assert add(machine, machine.vm("vm0"), storage.RASD, **given)[0] == INVALID_PARAMETER


def test_a_controller_of_another_vm_is_refused() -> None:
    machine = host({}, {})
    other = storage.controllers(machine.vm("vm1"), storage.SCSI)[0]
    assert add_drive(machine, machine.vm("vm0"), other, 0)[0] == INVALID_PARAMETER


def test_a_medium_needs_a_drive_of_its_kind_that_is_empty() -> None:
    machine = hv(dvd_drives=[{}])
    vm = machine.vm("vm0")
    dvd = drive(machine)
    assert add_disk(machine, vm, dvd, DISK)[0] == INVALID_PARAMETER
    assert add_disk(machine, vm, controller(machine), DISK)[0] == INVALID_PARAMETER
    assert add_disk(machine, vm, dvd, ISO, **MEDIUM)[0] == OK
    assert add_disk(machine, vm, dvd, ISO, **MEDIUM)[0] == INVALID_PARAMETER


def test_a_scalar_host_resource_is_refused() -> None:
    machine = hv(disks=[{"empty": True}])
    vm = machine.vm("vm0")
    given = {
        "ResourceType": 31,
        "ResourceSubType": storage.HARD_DISK,
        "Parent": drive(machine).reference().path(),
        "HostResource": ("string", DISK),
    }
    assert add(machine, vm, storage.SASD, **given)[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("path", "code", "word"),
    [
        (rf"{ROOT}\no.vhdx", MISSING, "0x80070002"),
        (r"D:\no.vhdx", MISSING, "0x80070003"),
        (ISO, FAILED, "0xC03A0004"),
        (rf"{ROOT}\stale.vhdx", FAILED, "0xC03A000E"),
    ],
)
def test_files_that_can_not_be_attached(path: str, code: int, word: str) -> None:
    stale = {"path": rf"{ROOT}\stale.vhdx", "parent": DISK, "stale": True}
    machine = host({"disks": [{"empty": True}]}, files=[{"path": DISK}, {"path": ISO, "size": "1GB"}, stale])
    found, text = add_disk(machine, machine.vm("vm0"), drive(machine), path)
    assert found == code
    assert word in text
    assert path in text
    assert storage.media(machine.vm("vm0")) == []


def test_one_file_can_not_be_in_a_vm_twice() -> None:
    machine = hv(disks=[{"path": DISK}, {"empty": True}])
    code, text = add_disk(machine, machine.vm("vm0"), drive(machine), DISK.upper())
    assert code == FAILED
    assert "already connected" in text


def test_the_file_goes_before_its_drive_in_two_calls() -> None:
    machine = hv(disks=[{"path": DISK}])
    vm = machine.vm("vm0")
    row, medium = drive(machine), storage.media(vm)[0]
    for rows in ((row,), (medium, row)):
        with pytest.raises(CimError) as caught:
            remove(machine, *rows)
        assert caught.value.status == errors.FAILED
    assert remove(machine, medium)[0] == OK
    assert remove(machine, row)[0] == OK
    assert storage.drives(vm) == []
    assert machine.files.get(DISK)


def test_an_empty_dvd_drive_goes_alone() -> None:
    machine = hv(dvd_drives=[{}])
    assert remove(machine, drive(machine))[0] == OK


# --- while the VM runs


def test_disks_of_a_running_vm_come_and_go_on_scsi() -> None:
    machine = hv(state="running", disks=[{"path": DISK}])
    vm = machine.vm("vm0")
    assert state(machine, DISK)["InUse"] is True
    assert add_drive(machine, vm, controller(machine), 1)[0] == OK
    assert add_disk(machine, vm, drive(machine), SECOND)[0] == OK
    assert state(machine, SECOND)["InUse"] is True
    assert remove(machine, storage.media(vm)[-1])[0] == OK
    assert state(machine, SECOND)["InUse"] is False
    assert state(machine, DISK)["InUse"] is True


def test_ide_does_not_change_while_the_vm_runs_but_for_the_medium_of_its_dvd_drive() -> None:
    machine = hv(
        generation=1,
        state="running",
        disks=[{"path": DISK}],
        dvd_drives=[{"controller_number": 1, "location": 0, "path": ISO}],
    )
    vm = machine.vm("vm0")
    assert add_drive(machine, vm, controller(machine, storage.IDE, 1), 1)[0] == INVALID_STATE
    assert remove(machine, storage.media(vm)[0])[0] == INVALID_STATE
    iso = storage.media(vm, storage.DVD_DISK)[0]
    assert remove(machine, iso)[0] == OK
    assert remove(machine, drive(machine))[0] == INVALID_STATE


def test_the_medium_of_a_dvd_drive_changes_while_the_vm_runs_and_a_disks_file_does_not() -> None:
    machine = hv(state="running", disks=[{"path": DISK}], dvd_drives=[{"path": ISO}])
    vm = machine.vm("vm0")
    machine.files.create(r"C:\iso\other.iso", bytes=GB)
    iso, disk = storage.media(vm, storage.DVD_DISK)[0], storage.media(vm)[0]
    assert outcome(machine, modify(machine, iso, HostResource=[r"C:\iso\other.iso"]))[0] == OK
    assert iso["HostResource"] == [r"C:\iso\other.iso"]
    assert outcome(machine, modify(machine, iso, HostResource=[r"C:\iso\no.iso"]))[0] == MISSING
    assert outcome(machine, modify(machine, disk, HostResource=[SECOND]))[0] == INVALID_STATE
    assert outcome(machine, modify(machine, disk, IOPSLimit=100))[0] == OK


def test_nothing_changes_in_a_saved_vm() -> None:
    machine = hv(state="saved", disks=[{"path": DISK}])
    vm = machine.vm("vm0")
    assert add_drive(machine, vm, controller(machine), 1)[0] == INVALID_STATE
    assert remove(machine, storage.media(vm)[0])[0] == INVALID_STATE


# --- starting


@pytest.mark.parametrize(
    ("disk", "files", "word"),
    [
        ({"path": DISK, "missing": True}, [], "0x80070002"),
        ({"path": DISK}, [{"path": DISK, "in_use": True}], "0x80070020"),
        ({"path": DISK}, [{"path": DISK, "read_only": True}], "0x80070005"),
        ({"path": SECOND}, [{"path": DISK}, {"path": SECOND, "parent": DISK, "stale": True}], "0xC03A000E"),
    ],
)
def test_a_vm_whose_disk_can_not_be_opened_does_not_start(disk: dict[str, Any], files: list, word: str) -> None:
    machine = host({"disks": [{"size": "1GB"}, disk]}, files=files)
    assert power(machine, "vm0", 2) == JOB
    machine.clock.advance(1)
    vm = machine.vm("vm0")
    job = next(iter(machine.jobs.running.values()))
    assert vm.state == 3
    assert word in job.error_text
    assert disk["path"] in job.error_text
    assert state(machine, disk_paths(vm)[0])["InUse"] is False


def test_files_are_free_when_the_vm_stops() -> None:
    machine = hv(state="running", disks=[{"path": DISK}])
    assert machine.files.get(DISK).in_use
    power(machine, "vm0", 6)
    machine.clock.advance(1)
    assert machine.vm("vm0").state == 6
    assert not machine.files.get(DISK).in_use


def test_starting_a_parent_breaks_its_children() -> None:
    child = {"path": SECOND, "parent": DISK}
    machine = host({"disks": [{"path": DISK}]}, {"disks": [{"path": SECOND}]}, files=[{"path": DISK}, child])
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    power(machine, "vm1", 2)
    machine.clock.advance(1)
    assert machine.vm("vm1").state == 3


def test_a_new_disk_attached_to_a_new_vm_lets_it_start() -> None:
    machine = hv()
    vm = machine.vm("vm0")
    path = rf"{ROOT}\fresh.vhdx"
    assert create(machine, path)[0] == OK
    assert add_drive(machine, vm, controller(machine), 0)[0] == OK
    assert add_disk(machine, vm, drive(machine), path)[0] == OK
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert vm.state == 2
