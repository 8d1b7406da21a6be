"""Features of a switch port (Msvm_EthernetSwitchPort…SettingData): rows that exist once they were added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cim import CimClass, Instance
from ..jobs import INVALID_PARAMETER, Refused
from . import in_range

if TYPE_CHECKING:
    from ..vm import Vm

# Class → its UUID qualifier in the documentation, which ends the InstanceID (the tail isn't confirmed: HV-11).
FEATURES = {
    "Msvm_EthernetSwitchPortSecuritySettingData": "776E0BA7-94A1-41C8-8F28-951F524251B5",
    "Msvm_EthernetSwitchPortVlanSettingData": "952C5004-4465-451C-8CB8-FA9AB382B773",
    "Msvm_EthernetSwitchPortBandwidthSettingData": "24AD3CE1-69BD-4978-B2AC-DAAD389D699C",
    "Msvm_EthernetSwitchPortOffloadSettingData": "C885BFD1-ABB7-418F-8163-9F379C9F7166",
}
CLASSES = tuple(FEATURES)
VLAN = "Msvm_EthernetSwitchPortVlanSettingData"
OFFLOAD = "Msvm_EthernetSwitchPortOffloadSettingData"
LIMITS = {
    "OperationMode": (0, 3),
    "PvlanMode": (0, 3),
    "MonitorMode": (0, 2),
    "AccessVlanId": (0, 4094),
    "NativeVlanId": (0, 4094),
    "PrimaryVlanId": (0, 4094),
    "SecondaryVlanId": (0, 4094),
    "VMQOffloadWeight": (0, 100),
    "IOVOffloadWeight": (0, 100),
}


def new_feature(vm: Vm, connection: Instance, class_name: str, values: dict[str, Any]) -> Instance:
    instance_id = f"{connection['InstanceID']}\\{FEATURES[class_name]}"
    return vm.machine.repository.new(class_name, {"InstanceID": instance_id, **values})


def add_offload(vm: Vm, connection: Instance) -> None:
    """Every connected port has an offload row (os-win reads it without looking whether it exists)."""
    vm.machine.repository.store(new_feature(vm, connection, OFFLOAD, {}), owner=vm.id)


def install_vm(vm: Vm, spec: dict[str, Any]) -> None:
    for adapter in spec["adapters"]:
        connection = vm.machine.repository.row(
            "Msvm_EthernetPortAllocationSettingData", InstanceID=f"Microsoft:{vm.id}\\{adapter['id']}\\C"
        )
        for class_name, values in adapter["features"].items():
            row = new_feature(vm, connection, class_name, values)
            existing = vm.machine.repository.row(class_name, InstanceID=row["InstanceID"])
            if existing is None:
                vm.machine.repository.store(row, owner=vm.id)
            else:
                existing.update(values)


def check_modify(vm: Vm, row: Instance, values: dict[str, Any]) -> None:
    """Features change in any state of the VM."""
    check_values(row, values)


def plan_add(vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
    """`parent` is the connection. A second row of one class: ASSUMPTIONS HV-12."""
    values.pop("InstanceID", None)
    if parent is None or parent.cls.name != "Msvm_EthernetPortAllocationSettingData" or cls.name not in FEATURES:
        raise Refused(INVALID_PARAMETER)
    row = new_feature(vm, parent, cls.name, {})
    if vm.machine.repository.row(cls.name, InstanceID=row["InstanceID"]) is not None:
        raise Refused(INVALID_PARAMETER)
    check_values(row, values)
    row.update(values)
    return [row]


def check_remove(vm: Vm, row: Instance) -> None:
    """Any time."""


def check_values(row: Instance, values: dict[str, Any]) -> None:
    in_range(values, LIMITS)
    if row.cls.name != VLAN:
        return
    merged = {name: values.get(name, row[name]) for name in ("OperationMode", "AccessVlanId", "TrunkVlanIdArray")}
    if merged["OperationMode"] == 1 and not 1 <= merged["AccessVlanId"] <= 4094:
        raise Refused(INVALID_PARAMETER)
    if any(not 1 <= vlan <= 4094 for vlan in merged["TrunkVlanIdArray"] or ()):
        raise Refused(INVALID_PARAMETER)
