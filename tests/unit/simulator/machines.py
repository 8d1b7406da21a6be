"""What the tests of disks, checkpoints and security do with a host: calls in one line, and who they are made on."""

from __future__ import annotations

from typing import Any

from ansible_collections.nested.hyperv.tests.simulator.cim.embedded import parse_embedded
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, from_text
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import storage
from ansible_collections.nested.hyperv.tests.simulator.hyperv.vm import Vm
from ansible_collections.nested.hyperv.tests.simulator.machine import disks
from ansible_collections.nested.hyperv.tests.simulator.machine.files import HostFile
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from .hosts import VSMS, call, embedded, outcome

IMAGES, SNAPSHOTS, SECURITY = (
    "Msvm_ImageManagementService",
    "Msvm_VirtualSystemSnapshotService",
    "Msvm_SecurityService",
)
VSSD = "Msvm_VirtualSystemSettingData"
GB = 1 << 30
ROOT = disks.DISK_ROOT


def vhd(**values: Any) -> str:
    return embedded("Msvm_VirtualHardDiskSettingData", **values)


def create(machine: Machine, path: str, **values: Any) -> tuple[int, str]:
    """CreateVirtualHardDisk: a dynamic VHDX of 40 GB unless said otherwise."""
    given = {"Type": 3, "Format": 3, "MaxInternalSize": 40 * GB, "Path": path, **values}
    text = vhd(**{name: value for name, value in given.items() if value is not None})
    return outcome(machine, call(machine, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text))


def images(machine: Machine, method: str, **parameters: Any) -> tuple[int, str]:
    return outcome(machine, call(machine, IMAGES, method, **parameters))


def read(machine: Machine, method: str, output: str, path: str) -> dict[str, Any]:
    """Values of GetVirtualHardDiskSettingData and …State."""
    code, outputs = call(machine, IMAGES, method, Path=path)
    assert code == 0
    found = parse_embedded(outputs[output])
    return {one.name: from_text(one.type, str(one.value)) for one in found.properties if one.value is not None}


def header(machine: Machine, path: str) -> dict[str, Any]:
    return read(machine, "GetVirtualHardDiskSettingData", "SettingData", path)


def state(machine: Machine, path: str) -> dict[str, Any]:
    return read(machine, "GetVirtualHardDiskState", "State", path)


def add(machine: Machine, vm: Vm, class_name: str, **values: Any) -> tuple[int, str]:
    answer = call(
        machine,
        VSMS,
        "AddResourceSettings",
        AffectedConfiguration=vm.system.reference(),
        ResourceSettings=[embedded(class_name, **values)],
    )
    return outcome(machine, answer)


def add_controller(machine: Machine, vm: Vm) -> tuple[int, str]:
    return add(machine, vm, storage.RASD, ResourceType=6, ResourceSubType=storage.SCSI)


def add_drive(machine: Machine, vm: Vm, parent: Instance, slot: int | None = None, **values: Any) -> tuple[int, str]:
    given = {"ResourceType": 17, "ResourceSubType": storage.DISK_DRIVE, "Parent": parent.reference().path(), **values}
    if slot is not None:
        given["AddressOnParent"] = str(slot)
    return add(machine, vm, storage.RASD, **given)


def add_disk(machine: Machine, vm: Vm, drive: Instance, path: str, **values: Any) -> tuple[int, str]:
    given = {
        "ResourceType": 31,
        "ResourceSubType": storage.HARD_DISK,
        "Parent": drive.reference().path(),
        "HostResource": [path],
    }
    return add(machine, vm, storage.SASD, **{**given, **values})


def remove(machine: Machine, *rows: Instance) -> tuple[int, str]:
    references = [row.reference() for row in rows]
    return outcome(machine, call(machine, VSMS, "RemoveResourceSettings", ResourceSettings=references))


def system(machine: Machine, row: Instance, **values: Any) -> tuple[int, str]:
    """ModifySystemSettings of a VM's or a checkpoint's settings."""
    text = embedded(VSSD, InstanceID=row["InstanceID"], **values)
    return outcome(machine, call(machine, VSMS, "ModifySystemSettings", SystemSettings=text))


def checkpoint(machine: Machine, vm: Vm, **parameters: Any) -> tuple[int, str]:
    given = {"AffectedSystem": vm.reference, "SnapshotSettings": "", "SnapshotType": 2, **parameters}
    return outcome(machine, call(machine, SNAPSHOTS, "CreateSnapshot", **given))


def snapshot_call(machine: Machine, method: str, row: Instance) -> tuple[int, str]:
    name = {"ApplySnapshot": "Snapshot", "DestroySnapshot": "AffectedSnapshot"}.get(method, "SnapshotSettingData")
    return outcome(machine, call(machine, SNAPSHOTS, method, **{name: row.reference()}))


def disk_paths(vm: Vm) -> list[str]:
    return [storage.path_of(medium) for medium in storage.media(vm)]


def names(machine: Machine) -> set[str]:
    """The last parts of all disk files."""
    return {file.name for file in machine.files if file.disk}


def file(machine: Machine, path: str) -> HostFile:
    return machine.files.need(path)
