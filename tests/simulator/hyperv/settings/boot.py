r"""Boot sources of generation 2 VMs: one per drive and adapter (`<device>\B`), in the order of BootSourceOrder.

They are computed from the devices at each reading, so that a new device is last in the order (captured:
adding an adapter or a DVD drive appends to BootSourceOrder).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.paths import PathError, parse_path
from ...cim.repository import Association, Pair
from ...cim.values import Instance
from ...machine.files import check_keys
from ...machine.jobs import INVALID_PARAMETER, Refused
from . import Setting, owner_id
from .storage import DISK_DRIVE, DVD_DRIVE

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

BOOT, SYSTEM = "Msvm_BootSourceSettingData", "Msvm_VirtualSystemSettingData"
DRIVE, NETWORK, FILE = 1, 2, 3
ADAPTERS = ("Msvm_SyntheticEthernetPortSettingData",)


class Boot(Setting):
    CLASSES = (BOOT,)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        repository.provide(BOOT, lambda: (row for owner in _owners(machine) for row, _rest in sources(machine, owner)))
        repository.live(SYSTEM, "BootSourceOrder", lambda row: order(machine, row))
        ends = ("SystemElement", "SameElement")
        repository.associate(
            Association("Msvm_LogicalIdentity", ends, lambda: _pairs(machine), lambda row: _of(machine, row))
        )
        ends = ("GroupComponent", "PartComponent")
        repository.associate(
            Association(
                "Msvm_VirtualSystemSettingDataComponent",
                ends,
                lambda: (pair for owner in _owners(machine) for pair in _components(machine, owner)),
                lambda row: _components(machine, _owner(row)),
            )
        )

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        check_keys(spec.get("firmware") or {}, {"files"}, f"{vm.name}: firmware")
        vm.boot_files = {
            str(description): f"{uuid.uuid4()}".upper()
            for description in (spec.get("firmware") or {}).get("files") or ()
        }


def _owners(machine: Machine) -> Iterator[str]:
    """VMs and checkpoints."""
    for row in machine.repository.rows(SYSTEM, deep=False):
        if owner := owner_id(row["InstanceID"]):
            yield owner


def devices(machine: Machine, owner: str) -> Iterator[tuple[Instance, int]]:
    for row in machine.repository.owned(owner):
        name = row.cls.name
        if name in ADAPTERS:
            yield row, NETWORK
        elif name == "Msvm_ResourceAllocationSettingData" and row["ResourceSubType"] in (DISK_DRIVE, DVD_DRIVE):
            yield row, DRIVE


def sources(machine: Machine, owner: str) -> Iterator[tuple[Instance, Instance | None]]:
    """Boot sources with their device; those of an installed system (File) have none and are listed by the model."""
    new = machine.repository.new
    system = machine.repository.row(SYSTEM, InstanceID=f"Microsoft:{owner}")
    if system is None or not str(system.values.get("VirtualSystemSubType") or "").endswith("2"):
        return
    vm = machine.vm_of(system)
    for description, device in vm.boot_files.items() if vm is not None else ():
        yield (
            new(
                BOOT,
                {
                    "InstanceID": f"Microsoft:{owner}\\{device}\\B",
                    "BootSourceType": FILE,
                    "BootSourceDescription": description,
                    "ElementName": description,
                    "OtherLocation": r"\EFI\Microsoft\Boot\bootmgfw.efi",
                },
            ),
            None,
        )
    for device_row, kind in devices(machine, owner):
        yield (
            new(
                BOOT,
                {
                    "InstanceID": f"{device_row['InstanceID']}\\B",
                    "BootSourceType": kind,
                    "BootSourceDescription": "EFI Network" if kind == NETWORK else "EFI SCSI Device",
                    "ElementName": machine.text("boot_source"),
                    "Caption": machine.text("boot_source"),
                },
            ),
            device_row,
        )


def order(machine: Machine, system: Instance) -> list[str] | None:
    """Paths in the stored order, followed by new devices; None for generation 1."""
    owner = owner_id(system["InstanceID"])
    if not owner or not str(system.values.get("VirtualSystemSubType") or "").endswith("2"):
        return None
    paths = {row["InstanceID"].lower(): row.reference().path(machine.name) for row, _rest in sources(machine, owner)}
    tail = f"microsoft:{owner.lower()}"
    first = [f"{tail}{suffix}" for suffix in system.values.get("BootSourceOrder") or () if f"{tail}{suffix}" in paths]
    return [paths.pop(device) for device in first] + list(paths.values())


def check_order(vm: Vm, values: dict[str, Any]) -> None:
    """Paths of all current boot sources, each once. Kept without the owner's GUID, so that checkpoints can share it."""
    wanted = values.pop("BootSourceOrder")
    if not wanted:
        return  # an empty list changes nothing (Set-VMFirmware -BootOrder @(); over CIM: ASSUMPTIONS VM-06)
    known = {row["InstanceID"].lower() for row, _rest in sources(vm.machine, vm.id)} if vm.generation == 2 else set()
    given: list[str] = []
    for path in wanted:
        try:
            reference = parse_path(path)
        except PathError as error:
            raise Refused(INVALID_PARAMETER) from error
        given.append(str(reference.key("InstanceID") or "").lower())
        if reference.class_name.lower() != BOOT.lower():
            raise Refused(INVALID_PARAMETER)
    if len(set(given)) != len(given) or set(given) != known:
        raise Refused(INVALID_PARAMETER)
    prefix = f"microsoft:{vm.id.lower()}"
    values["BootSourceOrder"] = [source.removeprefix(prefix) for source in given]


def check_bios_order(vm: Vm, values: dict[str, Any]) -> None:
    """BootOrder of generation 1: floppy 0, CD 1, IDE 2, network 3, all four (Msvm_VirtualSystemSettingData docs)."""
    if vm.generation == 2 or sorted(values["BootOrder"] or ()) != [0, 1, 2, 3]:
        raise Refused(INVALID_PARAMETER)


def _pairs(machine: Machine) -> Iterator[Pair]:
    for owner in _owners(machine):
        yield from _owned(machine, owner)


def _components(machine: Machine, owner: str) -> Iterator[Pair]:
    system = machine.repository.row(SYSTEM, InstanceID=f"Microsoft:{owner}") if owner else None
    for row, _rest in sources(machine, owner) if system is not None else ():
        yield system, row


def _owned(machine: Machine, owner: str) -> Iterator[Pair]:
    for row, device in sources(machine, owner):
        if device is not None:
            yield device, row


def _of(machine: Machine, row: Instance) -> Iterator[Pair]:
    owner = _owner(row)
    return _owned(machine, owner) if owner else iter(())


def _owner(row: Instance) -> str:
    return owner_id(str(row["InstanceID"])) if "InstanceID" in row else ""
