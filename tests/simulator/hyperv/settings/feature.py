"""Features of a switch port (Msvm_EthernetSwitchPort…SettingData): rows that exist once they were added."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...cim import errors
from ...cim.errors import CimError
from ...cim.values import CimClass, Instance
from ...machine.jobs import INVALID_PARAMETER, Refused
from . import Setting, in_range

if TYPE_CHECKING:
    from ..vm import Vm

# Class → its UUID qualifier in the documentation, which ends the InstanceID (the tail isn't confirmed: HV-11).
FEATURES = {
    "Msvm_EthernetSwitchPortSecuritySettingData": "776E0BA7-94A1-41C8-8F28-951F524251B5",
    "Msvm_EthernetSwitchPortVlanSettingData": "952C5004-4465-451C-8CB8-FA9AB382B773",
    "Msvm_EthernetSwitchPortBandwidthSettingData": "24AD3CE1-69BD-4978-B2AC-DAAD389D699C",
    "Msvm_EthernetSwitchPortOffloadSettingData": "C885BFD1-ABB7-418F-8163-9F379C9F7166",
}
_SWITCH = re.compile(r'Msvm_VirtualEthernetSwitch\..*?Name="([0-9A-Fa-f-]{36})"')
VLAN = "Msvm_EthernetSwitchPortVlanSettingData"
OFFLOAD = "Msvm_EthernetSwitchPortOffloadSettingData"
BANDWIDTH = "Msvm_EthernetSwitchPortBandwidthSettingData"
ACCESS, TRUNK, PRIVATE = 1, 2, 3
PROMISCUOUS = 3
VLAN_MODIFY_SINCE = 15063
BY_WEIGHT, ABSOLUTE, NO_BANDWIDTH = 1, 2, 3  # Msvm_VirtualEthernetSwitchSettingData.BandwidthReservationMode docs
LIMITS = {
    "OperationMode": (0, 3),
    "PvlanMode": (0, 3),
    "MonitorMode": (0, 2),
    "Weight": (0, 100),
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


class Feature(Setting):
    CLASSES = tuple(FEATURES)

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
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

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """Allowed in any state of the VM; on old hosts changing a VLAN row fails (os-win): ASSUMPTIONS NET-08."""
        if row.cls.name == VLAN and vm.machine.os["build"] < VLAN_MODIFY_SINCE:
            raise CimError(errors.FAILED, operation="ExecMethod", parameter_info=row["InstanceID"])
        check_values(row, values)
        _check_switch(vm, row, values)

    def plan_add(self, vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
        """`parent` is the connection. A second row of one class: ASSUMPTIONS HV-12."""
        values.pop("InstanceID", None)
        if parent is None or parent.cls.name != "Msvm_EthernetPortAllocationSettingData" or cls.name not in FEATURES:
            raise Refused(INVALID_PARAMETER)
        row = new_feature(vm, parent, cls.name, {})
        if vm.machine.repository.row(cls.name, InstanceID=row["InstanceID"]) is not None:
            raise Refused(INVALID_PARAMETER)
        check_values(row, values)
        _check_switch(vm, row, values)
        row.update(values)
        return [row]

    def check_remove(self, vm: Vm, row: Instance) -> None:
        """Any time."""


def _check_switch(vm: Vm, row: Instance, values: dict[str, Any]) -> None:
    """Check the values against the switch that the port is connected to."""
    if row.cls.name != BANDWIDTH:
        return
    connection_id = row["InstanceID"].rpartition("\\")[0]
    connection = vm.machine.repository.row("Msvm_EthernetPortAllocationSettingData", InstanceID=connection_id)
    match = _SWITCH.search((connection["HostResource"] or [""])[0]) if connection is not None else None
    switch = f"Microsoft:{match[1]}" if match else ""
    check_bandwidth(row, values, vm.machine.repository.row("Msvm_VirtualEthernetSwitchSettingData", InstanceID=switch))


def check_values(row: Instance, values: dict[str, Any]) -> None:
    in_range(values, LIMITS)
    if row.cls.name != VLAN:
        return
    _check_vlan({name: values.get(name, row[name]) for name in row})


def _check_vlan(vlan: dict[str, Any]) -> None:
    """Values that each mode requires (Set-VMNetworkAdapterVlan docs; the code of a refusal: ASSUMPTIONS NET-09)."""
    mode = vlan["OperationMode"]
    many = [*(vlan["TrunkVlanIdArray"] or ()), *(vlan["SecondaryVlanIdArray"] or ()), *(vlan["PruneVlanIdArray"] or ())]
    valid = all(1 <= number <= 4094 for number in many)
    if mode == ACCESS:
        valid = valid and vlan["AccessVlanId"] >= 1
    elif mode == TRUNK:
        valid = valid and bool(vlan["TrunkVlanIdArray"])
    elif mode == PRIVATE:
        second = vlan["SecondaryVlanIdArray"] if vlan["PvlanMode"] == PROMISCUOUS else [vlan["SecondaryVlanId"]]
        valid = valid and vlan["PvlanMode"] >= 1 and vlan["PrimaryVlanId"] >= 1
        valid = valid and bool(second) and 0 not in second and vlan["PrimaryVlanId"] not in second
    if not valid:
        raise Refused(INVALID_PARAMETER)


def check_bandwidth(row: Instance, values: dict[str, Any], switch: Instance | None) -> None:
    """A reservation needs a switch in absolute mode, a weight one in weight mode (Set-VMNetworkAdapter docs)."""
    if switch is None:
        return
    mode = switch["BandwidthReservationMode"] or (NO_BANDWIDTH if switch["IOVPreferred"] else BY_WEIGHT)
    for name, wanted in (("Weight", BY_WEIGHT), ("Reservation", ABSOLUTE)):
        if values.get(name, row[name]) and mode != wanted:
            raise Refused(INVALID_PARAMETER)
