"""Network adapters of VMs, synthetic and emulated ("legacy"), and their connections to switches."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from ...cim.paths import PathError, parse_path
from ...cim.values import CimClass, Instance
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, Refused
from ..states import OFF, SAVED
from . import Setting, in_range
from .feature import add_offload

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

ADAPTER, CONNECTION = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
LEGACY = "Msvm_EmulatedEthernetPortSettingData"
ADAPTERS = (ADAPTER, LEGACY)
NO_MAC = "000000000000"
# The MAC address needs the VM off (Set-VMNetworkAdapter docs); over WMI not seen: ASSUMPTIONS HV-10.
NEED_OFF = {"Address", "StaticMacAddress"}
CONNECTED, DISCONNECTED = 2, 3
# How many a VM can have (Hyper-V scalability limits; 64 since configuration version 8.3: "Upgrade virtual machine
# version in Hyper-V"). Emulated ones exist in generation 1 only and can't be added or removed while the VM runs.
LIMITS = {ADAPTER: {(0, 0): 8, (8, 3): 64}, LEGACY: {(0, 0): 4}}
LEGACY_SUBTYPE = "Microsoft:Hyper-V:Emulated Ethernet Port"


class Adapter(Setting):
    CLASSES = (*ADAPTERS, CONNECTION)

    def install(self, machine: Machine) -> None:
        live = machine.repository.live
        for cls, name in ((ADAPTER, "adapter"), (LEGACY, "legacy_adapter")):
            live(cls, "ElementName", lambda row, name=name: row.values.get("ElementName") or machine.text(name))
            live(cls, "Caption", lambda _: machine.text("adapter_caption"))

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        for adapter in spec["adapters"]:
            values = {"ElementName": adapter["name"]} if adapter["name"] else {}
            row = new_adapter(vm, adapter["id"], values, LEGACY if adapter["legacy"] else ADAPTER)
            if adapter["mac"]:
                row.update({"Address": adapter["mac"], "StaticMacAddress": adapter["static_mac"]})
            vm.machine.repository.store(row, owner=vm.id)
            vm.addresses[row["InstanceID"].lower()] = adapter["addresses"]
            if adapter["switch"] or adapter["connection"]:
                path = vm.machine.switch_path(adapter["switch"]) if adapter["switch"] else None
                connection = new_connection(vm, row, path)
                if adapter["switch"]:
                    connection["LastKnownSwitchName"] = adapter["switch"]
                vm.machine.repository.store(connection, owner=vm.id)
                add_offload(vm, connection)

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """Connections and names change in any state, MAC addresses only while the VM is off."""
        if not values:
            return
        if vm.busy:
            raise vm.refusal("error_state", INVALID_STATE)
        if row.cls.name in ADAPTERS:
            _check_adapter(row, values)
            if vm.state != OFF and set(values) & NEED_OFF:
                raise vm.refusal("error_static_mac", INVALID_STATE)
            return
        in_range(values, {"EnabledState": (2, 3)})
        if "Parent" in values:
            raise Refused(INVALID_PARAMETER)
        if values.get("HostResource"):
            values["HostResource"] = [_switch_path(vm, values["HostResource"])]
            values["LastKnownSwitchName"] = _switch(vm, values["HostResource"][0])["ElementName"]

    def plan_add(self, vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
        if vm.busy:
            raise vm.refusal("error_state", INVALID_STATE)
        values.pop("InstanceID", None)
        return _plan_connection(vm, values) if cls.name == CONNECTION else _plan_adapter(vm, values, cls.name)

    def check_remove(self, vm: Vm, row: Instance) -> None:
        if vm.busy:
            raise vm.refusal("error_state", INVALID_STATE)
        if row.cls.name in ADAPTERS:
            _check_hot(vm)

    def added(self, vm: Vm, row: Instance) -> None:
        """Add the offload row of a port; give an adapter of a running VM its address."""
        if row.cls.name == CONNECTION:
            add_offload(vm, row)
        elif vm.powered:
            assign_macs(vm)

    def with_it(self, vm: Vm, row: Instance) -> list[Instance]:
        r"""The connection of an adapter, the features of a connection: rows whose InstanceID starts with its own."""
        prefix = row["InstanceID"].lower() + "\\"
        return [other for other in vm.rows("CIM_SettingData") if other["InstanceID"].lower().startswith(prefix)]


def new_adapter(vm: Vm, device: str, values: dict[str, Any], cls: str = ADAPTER) -> Instance:
    instance_id = f"Microsoft:{vm.id}\\{device}"
    if cls == LEGACY:
        # Its MOF has a static address as default and the subtype of the old provider.
        base: dict[str, Any] = {"ResourceSubType": LEGACY_SUBTYPE, "StaticMacAddress": False, "Address": NO_MAC}
    else:
        base = {"VirtualSystemIdentifiers": [f"{{{device.lower()}}}"]}
    return vm.machine.repository.new(cls, {**base, **values, "InstanceID": instance_id})


def new_connection(vm: Vm, adapter: Instance, switch_path: str | None, state: int = CONNECTED) -> Instance:
    return vm.machine.repository.new(
        CONNECTION,
        {
            "InstanceID": f"{adapter['InstanceID']}\\C",
            "Parent": adapter.reference().path(vm.machine.name),
            "HostResource": [switch_path] if switch_path else None,
            "EnabledState": state if switch_path else DISCONNECTED,
        },
    )


def _plan_adapter(vm: Vm, values: dict[str, Any], cls: str) -> list[Instance]:
    """Hot add needs generation 2 and Windows Server 2016 (Add-VMNetworkAdapter docs)."""
    if cls == LEGACY and vm.generation != 1:
        raise Refused(INVALID_PARAMETER)
    _check_hot(vm)
    limit = max(count for version, count in LIMITS[cls].items() if vm.version >= version)
    if len(vm.rows(cls)) >= limit or values.get("ResourceType", 10) != 10:
        raise Refused(INVALID_PARAMETER)
    row = new_adapter(vm, str(uuid.uuid4()).upper(), {}, cls)
    for name in ("ResourceType", "ResourceSubType", "VirtualSystemIdentifiers"):
        values.pop(name, None)
    _check_adapter(row, values)
    row.update(values)
    vm.addresses.setdefault(row["InstanceID"].lower(), [])
    return [row]


def _plan_connection(vm: Vm, values: dict[str, Any]) -> list[Instance]:
    """Both the escaped Parent path and HostResource as an array are needed, else 32773 (captured, 2 × 2)."""
    adapter = _by_path(vm, values.pop("Parent", None) or "")
    if (
        adapter is None
        or adapter.cls.name not in ADAPTERS
        or not adapter["InstanceID"].upper().startswith(f"MICROSOFT:{vm.id}\\")
    ):
        raise Refused(INVALID_PARAMETER)
    if vm.machine.repository.row(CONNECTION, InstanceID=f"{adapter['InstanceID']}\\C") is not None:
        raise Refused(INVALID_PARAMETER)
    in_range(values, {"EnabledState": (2, 3)})
    if values.pop("ResourceType", 33) != 33:
        raise Refused(INVALID_PARAMETER)
    hosts = values.pop("HostResource", None)
    path = _switch_path(vm, hosts) if hosts else None
    row = new_connection(vm, adapter, path, values.pop("EnabledState", CONNECTED))
    row.update(values)
    if path:
        row["LastKnownSwitchName"] = _switch(vm, path)["ElementName"]
    return [row]


def _check_hot(vm: Vm) -> None:
    """Adapters can be added and removed while the VM is off, in generation 2 also while it runs; never while saved."""
    if vm.state == SAVED or (vm.powered and vm.generation == 1):
        raise vm.refusal("error_state", INVALID_STATE)


def assign_macs(vm: Vm) -> None:
    """A dynamic adapter gets its address from the host's range at its first start and keeps it."""
    for cls in ADAPTERS:
        for row in vm.rows(cls):
            if not row["StaticMacAddress"] and row["Address"] == NO_MAC:
                row["Address"] = vm.machine.macs.next()


def _check_adapter(row: Instance, values: dict[str, Any]) -> None:
    """12 hex digits without the multicast bit; a static address is not all zeros, a dynamic one is assigned later."""
    if "Address" in values:
        values["Address"] = values["Address"].upper()
        if not re.fullmatch(r"[0-9A-F]{12}", values["Address"]) or int(values["Address"][:2], 16) & 1:
            raise Refused(INVALID_PARAMETER)
    static = values.get("StaticMacAddress", row["StaticMacAddress"])
    if static and values.get("Address", row["Address"]) == NO_MAC:
        raise Refused(INVALID_PARAMETER)
    if values.get("StaticMacAddress") is False and row["StaticMacAddress"]:
        values.setdefault("Address", NO_MAC)
    if values.get("Address", row["Address"]) == row["Address"]:
        values.pop("Address", None)
    if len(values.get("ElementName", "")) > 255 or values.get("ElementName") == "":
        raise Refused(INVALID_PARAMETER)


def _by_path(vm: Vm, path: str) -> Instance | None:
    try:
        return vm.machine.repository.find(parse_path(path))
    except PathError:
        return None


def _switch(vm: Vm, path: str) -> Instance:
    row = _by_path(vm, path)
    if row is None or row.cls.name != "Msvm_VirtualEthernetSwitch":
        raise Refused(INVALID_PARAMETER)
    return row


def _switch_path(vm: Vm, hosts: list[str]) -> str:
    """The path as the host writes it, with its own name in front."""
    if len(hosts) != 1:
        raise Refused(INVALID_PARAMETER)
    return _switch(vm, hosts[0]).reference().path(vm.machine.name)
