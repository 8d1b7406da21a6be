"""Virtual hard disk files: what can be made, changed, merged and mounted, and with which errors."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2
from ansible_collections.nested.hyperv.tests.simulator.machine import disks
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, JOB, OK, call, embedded, host, power, rows
from ..machines import GB, IMAGES, ROOT, create, disk_paths, file, header, images, names, state, vhd

MISSING = 32779
BASE, CHILD = rf"{ROOT}\base.vhdx", rf"{ROOT}\child.vhdx"


@pytest.fixture
def hv() -> Machine:
    return host(files=[{"path": BASE, "size": "40GB", "used": "9GB", "minimum_size": "20GB"}])


def free(machine: Machine) -> int:
    return next(row["FreeSpace"] for row in rows(machine, "Win32_LogicalDisk", CIMV2))


def test_a_new_disk_has_the_defaults_of_its_format(hv: Machine) -> None:
    code, outputs = call(
        hv,
        IMAGES,
        "CreateVirtualHardDisk",
        VirtualDiskSettingData=vhd(Type=3, Format=3, Path=rf"{ROOT}\new.vhdx", MaxInternalSize=10 * GB + 1),
    )
    assert code == JOB
    assert outputs["Job"].class_name == "Msvm_StorageJob"
    hv.clock.advance(1)
    values = header(hv, rf"{ROOT}\new.vhdx")
    assert (values["Type"], values["Format"], values["MaxInternalSize"]) == (3, 3, 10 * GB + 512)
    assert (values["BlockSize"], values["LogicalSectorSize"], values["PhysicalSectorSize"]) == (32 << 20, 512, 4096)
    assert values["ParentPath"] == ""
    assert state(hv, rf"{ROOT}\new.vhdx")["FileSize"] == 4 << 20


def test_a_fixed_disk_takes_its_whole_size_from_the_drive(hv: Machine) -> None:
    before = free(hv)
    assert create(hv, rf"{ROOT}\fixed.vhdx", Type=2, MaxInternalSize=100 * GB)[0] == OK
    assert before - free(hv) == 100 * GB + (4 << 20)


@pytest.mark.parametrize(
    ("path", "values", "code", "word"),
    [
        (BASE, {}, FAILED, "0x80070050"),
        (BASE.upper(), {}, FAILED, "0x80070050"),
        (r"C:\nowhere\x.vhdx", {}, MISSING, "0x80070003"),
        (r"X:\x.vhdx", {}, MISSING, "0x80070003"),
        (r"x.vhdx", {}, INVALID_PARAMETER, "0x8007007B"),
        (rf"{ROOT}\a:b.vhdx", {}, INVALID_PARAMETER, "0x8007007B"),
        (rf"{ROOT}\x.vhd", {}, INVALID_PARAMETER, "0x80070057"),
        (rf"{ROOT}\x.vhdx", {"MaxInternalSize": 1 << 20}, INVALID_PARAMETER, "0xC03A0012"),
        (rf"{ROOT}\x.vhd", {"Format": 2, "MaxInternalSize": 3000 * GB}, INVALID_PARAMETER, "0xC03A0012"),
        (rf"{ROOT}\x.vhdx", {"Type": 2, "MaxInternalSize": 9000 * GB}, FAILED, "0x80070070"),
        (
            rf"{ROOT}\x.vhdx",
            {"Type": 4, "MaxInternalSize": None, "ParentPath": rf"{ROOT}\no.vhdx"},
            MISSING,
            "0x80070002",
        ),
        (rf"{ROOT}\x.vhdx", {"Type": 5}, INVALID_PARAMETER, ""),
        (rf"{ROOT}\x.vhdx", {"MaxInternalSize": None}, INVALID_PARAMETER, ""),
        (rf"{ROOT}\x.vhdx", {"ParentPath": BASE}, INVALID_PARAMETER, ""),
    ],
)
def test_disks_that_can_not_be_made(hv: Machine, path: str, values: dict[str, Any], code: int, word: str) -> None:
    before = names(hv)
    found, text = create(hv, path, **values)
    assert found == code
    assert word in text
    assert names(hv) == before


def test_the_job_carries_the_hresult_and_the_text_quotes_the_path(hv: Machine) -> None:
    text = vhd(Path=BASE, MaxInternalSize=GB)
    _rest, outputs = call(hv, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text)
    hv.clock.advance(1)
    job = hv.get(hv.find_class("root/virtualization/v2", "Msvm_StorageJob"), outputs["Job"].keys)
    assert (job["JobState"], job["JobCompletionStatusCode"]) == (10, 0x80070050)
    assert BASE in job["ErrorDescription"]


def test_a_long_creation_shows_its_progress() -> None:
    machine = host(jobs={"delays": {"create_disk": 10}})
    text = vhd(Path=BASE, MaxInternalSize=GB)
    _rest, outputs = call(machine, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text)
    cls = machine.find_class("root/virtualization/v2", "Msvm_StorageJob")
    machine.clock.advance(4)
    job = machine.get(cls, outputs["Job"].keys)
    assert (job["JobState"], job["PercentComplete"]) == (4, 40)
    assert names(machine) == set()
    machine.clock.advance(6)
    assert machine.get(cls, outputs["Job"].keys)["PercentComplete"] == 100
    assert names(machine) == {"base.vhdx"}


@pytest.mark.parametrize("method", ["GetVirtualHardDiskSettingData", "GetVirtualHardDiskState"])
def test_a_missing_file_is_32779(hv: Machine, method: str) -> None:
    assert call(hv, IMAGES, method, Path=rf"{ROOT}\no.vhdx")[0] == MISSING


# --- size


@pytest.mark.parametrize(
    ("size", "code"),
    [(60 * GB, OK), (20 * GB, OK), (19 * GB, INVALID_PARAMETER), (0, INVALID_PARAMETER), (65 << 40, INVALID_PARAMETER)],
)
def test_vhdx_grows_and_shrinks_to_what_its_partitions_need(hv: Machine, size: int, code: int) -> None:
    assert images(hv, "ResizeVirtualHardDisk", Path=BASE, MaxInternalSize=size)[0] == code
    assert header(hv, BASE)["MaxInternalSize"] == (size if code == OK else 40 * GB)


def test_vhd_only_grows() -> None:
    path = rf"{ROOT}\old.vhd"
    machine = host(files=[{"path": path, "size": "40GB"}])
    code, text = images(machine, "ResizeVirtualHardDisk", Path=path, MaxInternalSize=30 * GB)
    assert (code, "0xC03A001B" in text) == (FAILED, True)
    assert images(machine, "ResizeVirtualHardDisk", Path=path, MaxInternalSize=50 * GB)[0] == OK


@pytest.mark.parametrize(("bus", "code"), [("scsi", OK), ("ide", FAILED)])
def test_a_disk_in_use_grows_only_on_scsi(bus: str, code: int) -> None:
    machine = host({"generation": 1, "state": "running", "disks": [{"path": BASE, "size": "40GB", "controller": bus}]})
    assert images(machine, "ResizeVirtualHardDisk", Path=BASE, MaxInternalSize=50 * GB)[0] == code


# --- chains


def test_a_child_remembers_its_parent_and_follows_its_size(hv: Machine) -> None:
    assert create(hv, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)[0] == OK
    values = header(hv, CHILD)
    assert (values["Type"], values["ParentPath"], values["MaxInternalSize"]) == (4, BASE, 40 * GB)
    assert values["ParentIdentifier"] == file(hv, BASE).disk.data_id
    assert images(hv, "ValidateVirtualHardDisk", Path=CHILD)[0] == OK


def test_a_parent_that_was_written_breaks_its_children(hv: Machine) -> None:
    create(hv, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)
    disks.touch(hv.files, file(hv, BASE))
    code, text = images(hv, "ValidateVirtualHardDisk", Path=CHILD)
    assert (code, "0xC03A000E" in text) == (FAILED, True)
    assert images(hv, "SetParentVirtualHardDisk", ChildPath=CHILD, ParentPath=BASE, IgnoreIDMismatch=False)[0] == FAILED
    assert images(hv, "SetParentVirtualHardDisk", ChildPath=CHILD, ParentPath=BASE, IgnoreIDMismatch=True)[0] == OK
    assert images(hv, "ValidateVirtualHardDisk", Path=CHILD)[0] == OK


def test_a_model_can_hold_a_stale_child_a_missing_parent_and_a_file_in_use() -> None:
    machine = host(
        files=[
            {"path": CHILD, "parent": BASE, "stale": True},
            {"path": BASE, "size": "40GB"},
            {"path": rf"{ROOT}\busy.vhdx", "in_use": True},
            {"path": rf"{ROOT}\fixed.vhdx", "size": "1GB", "type": "fixed", "read_only": True},
        ]
    )
    assert images(machine, "ValidateVirtualHardDisk", Path=CHILD)[0] == FAILED
    assert state(machine, rf"{ROOT}\busy.vhdx")["InUse"] is True
    assert header(machine, rf"{ROOT}\fixed.vhdx")["Type"] == 2
    machine.files.delete(BASE)
    _rest, text = images(machine, "ValidateVirtualHardDisk", Path=CHILD)
    assert "0xC03A000D" in text


def test_growing_a_parent_breaks_its_children(hv: Machine) -> None:
    create(hv, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)
    images(hv, "ResizeVirtualHardDisk", Path=BASE, MaxInternalSize=50 * GB)
    assert images(hv, "ValidateVirtualHardDisk", Path=CHILD)[0] == FAILED


def test_merging_gives_the_child_to_the_parent(hv: Machine) -> None:
    create(hv, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)
    file(hv, CHILD).disk.used = 3 * GB
    assert images(hv, "MergeVirtualHardDisk", SourcePath=CHILD, DestinationPath=BASE)[0] == OK
    assert names(hv) == {"base.vhdx"}
    assert file(hv, BASE).disk.used == 12 * GB


def test_merging_a_disk_that_is_no_child_is_refused(hv: Machine) -> None:
    _rest, text = images(hv, "MergeVirtualHardDisk", SourcePath=BASE, DestinationPath=BASE)
    assert "0xC03A001B" in text


def test_a_parent_opened_for_writing_has_no_new_children() -> None:
    machine = host({"state": "running", "disks": [{"path": BASE, "size": "40GB"}]})
    code, text = create(machine, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)
    assert (code, "0x80070020" in text) == (FAILED, True)


def test_two_vms_share_a_parent_but_not_a_disk() -> None:
    clones = [{"disks": [{"path": rf"{ROOT}\{name}.vhdx", "parent": BASE}]} for name in "ab"]
    machine = host(*clones, {"disks": [{"path": rf"{ROOT}\a.vhdx"}]}, files=[{"path": BASE, "size": "40GB"}])
    assert [power(machine, name, 2) for name in ("vm0", "vm1")] == [JOB, JOB]
    machine.clock.advance(1)
    assert [machine.vm(name).state for name in ("vm0", "vm1")] == [2, 2]
    assert state(machine, BASE)["InUse"] is True
    power(machine, "vm2", 2)
    machine.clock.advance(1)
    assert machine.vm("vm2").state == 3


# --- other changes


def test_a_conversion_writes_the_whole_chain_into_one_new_file(hv: Machine) -> None:
    create(hv, CHILD, Type=4, MaxInternalSize=None, ParentPath=BASE)
    text = vhd(Path=rf"{ROOT}\flat.vhdx", Type=2, Format=3)
    assert images(hv, "ConvertVirtualHardDisk", SourcePath=CHILD, VirtualDiskSettingData=text)[0] == OK
    values = header(hv, rf"{ROOT}\flat.vhdx")
    assert (values["Type"], values["MaxInternalSize"], values["ParentPath"]) == (2, 40 * GB, "")
    assert names(hv) == {"base.vhdx", "child.vhdx", "flat.vhdx"}


def test_exactly_one_setting_of_a_disk_changes_at_a_time(hv: Machine) -> None:
    def change(**values: Any) -> int:
        text = vhd(Path=BASE, **values)
        return images(hv, "SetVirtualHardDiskSettingData", VirtualDiskSettingData=text)[0]

    guid = disks.new_guid()
    assert change(VirtualDiskId=guid) == OK
    assert header(hv, BASE)["VirtualDiskId"] == guid
    assert change(PhysicalSectorSize=512) == OK
    assert change(PhysicalSectorSize=1024) == INVALID_PARAMETER
    assert change(PhysicalSectorSize=512, VirtualDiskId=guid) == INVALID_PARAMETER
    assert change() == INVALID_PARAMETER
    assert change(ParentPath=BASE) == FAILED


def test_mounting_holds_the_file(hv: Machine) -> None:
    assert images(hv, "AttachVirtualHardDisk", Path=BASE, AssignDriveLetter=False, ReadOnly=True)[0] == OK
    code, outputs = call(hv, IMAGES, "FindMountedStorageImageInstance", SelectionCriterion=BASE, CriterionType=0)
    assert code == OK
    assert images(hv, "AttachVirtualHardDisk", Path=BASE, AssignDriveLetter=False, ReadOnly=True)[0] == FAILED
    keys = dict(outputs["Image"].keys)
    assert call(hv, "Msvm_MountedStorageImage", "DetachVirtualHardDisk", keys)[0] == OK
    assert state(hv, BASE)["InUse"] is False
    assert call(hv, IMAGES, "FindMountedStorageImageInstance", SelectionCriterion=BASE, CriterionType=0)[0] == MISSING


def test_settings_of_another_class_are_refused(hv: Machine) -> None:
    text = embedded("Msvm_MemorySettingData", VirtualQuantity=1024)
    assert images(hv, "CreateVirtualHardDisk", VirtualDiskSettingData=text)[0] == INVALID_PARAMETER


def test_disks_of_a_model_get_a_path_of_their_own() -> None:
    machine = host({"name": "web", "disks": [{"size": "40GB"}, {"size": "10GB"}]})
    assert disk_paths(machine.vm("web")) == [rf"{ROOT}\web.vhdx", rf"{ROOT}\web_1.vhdx"]


def test_fifty_clones_are_quick() -> None:
    machine = host(files=[{"path": BASE, "size": "40GB", "read_only": True}])
    for number in range(50):
        assert create(machine, rf"{ROOT}\c{number}.vhdx", Type=4, MaxInternalSize=None, ParentPath=BASE)[0] == OK
    assert len(names(machine)) == 51
