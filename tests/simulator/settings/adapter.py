"""Network adapters of VMs (Msvm_SyntheticEthernetPortSettingData) and their connections to switches."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from ..cim import CimClass, Instance, PathError, parse_path
from ..jobs import INVALID_PARAMETER, INVALID_STATE, Refused
from . import in_range
from .feature import add_offload

if TYPE_CHECKING:
    from ..machine import Machine
    from ..vm import Vm

ADAPTER, CONNECTION = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
CLASSES = (ADAPTER, CONNECTION)
NO_MAC = "000000000000"
# The MAC address needs the VM off (Set-VMNetworkAdapter docs); over WMI not seen: ASSUMPTIONS HV-10.
NEED_OFF = {"Address", "StaticMacAddress"}
CONNECTED, DISCONNECTED = 2, 3


def install(machine: Machine) -> None:
    machine.repository.live(
        ADAPTER, "ElementName", lambda row: row.values.get("ElementName") or machine.text("adapter")
    )


def install_vm(vm: Vm, spec: dict[str, Any]) -> None:
    for adapter in spec["adapters"]:
        row = new_adapter(vm, adapter["id"], {"ElementName": adapter["name"]} if adapter["name"] else {})
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


def new_adapter(vm: Vm, device: str, values: dict[str, Any]) -> Instance:
    return vm.machine.repository.new(
        ADAPTER,
        {"InstanceID": f"Microsoft:{vm.id}\\{device}", "VirtualSystemIdentifiers": [f"{{{device.lower()}}}"], **values},
    )


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


def check_modify(vm: Vm, row: Instance, values: dict[str, Any]) -> None:
    """Connections and names change in any state, MAC addresses only while the VM is off."""
    if not values:
        return
    if vm.busy or (row.cls.name == ADAPTER and vm.state != 3 and set(values) & NEED_OFF):
        raise vm.refusal("error_state", INVALID_STATE)
    if row.cls.name == ADAPTER:
        _check_mac(values)
        return
    in_range(values, {"EnabledState": (2, 3)})
    if "Parent" in values:
        raise Refused(INVALID_PARAMETER)
    if values.get("HostResource"):
        values["HostResource"] = [_switch_path(vm, values["HostResource"])]
        values["LastKnownSwitchName"] = _switch(vm, values["HostResource"][0])["ElementName"]


def plan_add(vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
    if vm.busy:
        raise vm.refusal("error_state", INVALID_STATE)
    values.pop("InstanceID", None)
    return _plan_adapter(vm, values) if cls.name == ADAPTER else _plan_connection(vm, values)


def _plan_adapter(vm: Vm, values: dict[str, Any]) -> list[Instance]:
    """Hot add needs generation 2 and Windows Server 2016 (Add-VMNetworkAdapter docs)."""
    if vm.state == 6 or (vm.powered and vm.generation == 1):
        raise vm.refusal("error_state", INVALID_STATE)
    if len(vm.rows(ADAPTER)) >= 8:  # eight synthetic adapters per VM (Hyper-V scalability limits)
        raise Refused(INVALID_PARAMETER)
    _check_mac(values)
    row = new_adapter(vm, str(uuid.uuid4()).upper(), values)
    vm.addresses.setdefault(row["InstanceID"].lower(), [])
    return [row]


def _plan_connection(vm: Vm, values: dict[str, Any]) -> list[Instance]:
    """Both the escaped Parent path and HostResource as an array are needed, else 32773 (captured, 2 × 2)."""
    adapter = _by_path(vm, values.pop("Parent", None) or "")
    if (
        adapter is None
        or adapter.cls.name != ADAPTER
        or not adapter["InstanceID"].upper().startswith(f"MICROSOFT:{vm.id}\\")
    ):
        raise Refused(INVALID_PARAMETER)
    if vm.machine.repository.row(CONNECTION, InstanceID=f"{adapter['InstanceID']}\\C") is not None:
        raise Refused(INVALID_PARAMETER)
    in_range(values, {"EnabledState": (2, 3)})
    hosts = values.pop("HostResource", None)
    path = _switch_path(vm, hosts) if hosts else None
    row = new_connection(vm, adapter, path, values.pop("EnabledState", CONNECTED))
    row.update(values)
    if path:
        row["LastKnownSwitchName"] = _switch(vm, path)["ElementName"]
    return [row]


def check_remove(vm: Vm, row: Instance) -> None:
    if vm.busy or (row.cls.name == ADAPTER and (vm.state == 6 or (vm.powered and vm.generation == 1))):
        raise vm.refusal("error_state", INVALID_STATE)


def with_it(vm: Vm, row: Instance) -> list[Instance]:
    r"""An adapter takes its connection along, a connection its features: all that starts with its InstanceID\."""
    prefix = row["InstanceID"].lower() + "\\"
    return [other for other in vm.rows("CIM_SettingData") if other["InstanceID"].lower().startswith(prefix)]


def _check_mac(values: dict[str, Any]) -> None:
    """12 hex digits, no multicast address; "000000000000" stands for a dynamic one."""
    if "Address" in values and values["Address"] != NO_MAC:
        address = values["Address"]
        if not re.fullmatch(r"[0-9A-Fa-f]{12}", address) or int(address[:2], 16) & 1:
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
