# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of virtual switches, the host's adapters on them, their addresses, and NATs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..._wsman import cim
from ..._wsman.cim import Instance, Reference
from ..network import host_network, switch
from ..network.switch import DISCONNECTED, Switch
from ..schema import (
    COMPUTER_SYSTEM,
    CONNECTION,
    EXTERNAL_PORT,
    INTERNAL_PORT,
    NET_ADAPTER,
    NET_ADDRESS,
    NET_NAT,
    NET_NAT_MAPPING,
    NET_ROUTE,
    SWITCH,
    SWITCH_SERVICE,
    SWITCH_SETTINGS,
)
from .client import Call, Shadow, embedded

_FIRST_INDEX = 1 << 20  # InterfaceIndex of adapters that don't exist yet, above those that Windows gives


# ---- switches ----


def define_switch(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    given = embedded(call.arguments["SystemSettings"])
    guid = shadow.overlay.new_id()
    keys = {"CreationClassName": SWITCH.name, "Name": guid}
    shadow.overlay.add(SWITCH, {**keys, "ElementName": given["ElementName"]})
    defaults = {"Notes": [], "TeamingEnabled": False, "IOVPreferred": False, "BandwidthReservationMode": 0}
    own = {"InstanceID": f"Microsoft:{guid}", "CreationTime": datetime.now(timezone.utc)}
    shadow.overlay.add(SWITCH_SETTINGS, {**defaults, **given, **own})
    for text in call.arguments["ResourceSettings"]:
        _add_port(shadow, guid, embedded(text))
    return {"ResultingSystem": SWITCH.reference(keys)}


def destroy_switch(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The host's adapter goes with it, and adapters of VMs are disconnected."""
    current = _switch(shadow, call.arguments["AffectedSystem"].keys["Name"])
    for port in (*current.internals, *current.externals):
        _remove_port(shadow, current, port["InstanceID"] if isinstance(port, Mapping) else port[0])
    for row in shadow.query(CONNECTION, columns=("InstanceID", "HostResource", "EnabledState")):
        if any(switch.leads_to(path, current) for path in row["HostResource"]):
            shadow.overlay.set(CONNECTION, row, {"HostResource": [], "EnabledState": DISCONNECTED})
    shadow.overlay.remove(SWITCH, {"CreationClassName": SWITCH.name, "Name": current.id})
    shadow.overlay.remove(SWITCH_SETTINGS, {"InstanceID": f"Microsoft:{current.id}"})
    return {}


def modify_switch(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    values = embedded(call.arguments["SystemSettings"])
    shadow.overlay.set(SWITCH_SETTINGS, values, values)
    if "ElementName" in values:
        keys = {"CreationClassName": SWITCH.name, "Name": values["InstanceID"].partition(":")[2]}
        shadow.overlay.set(SWITCH, keys, {"ElementName": values["ElementName"]})
    return {}


def _switch(shadow: Shadow, guid: str) -> Switch:
    return next(each for each in switch.fetch_all(shadow.target) if each.id == guid.upper())


# ---- ports of switches ----


def add_ports(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    guid = call.arguments["AffectedConfiguration"].keys["InstanceID"].partition(":")[2]
    added = [_add_port(shadow, guid, embedded(text)) for text in call.arguments["ResourceSettings"]]
    references = [CONNECTION.reference({"InstanceID": instance_id}) for instance_id in added]
    return {"ResultingResourceSettings": references}


def modify_ports(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """Another physical adapter for a port."""
    for text in call.arguments["ResourceSettings"]:
        values = embedded(text)
        before = shadow.get(CONNECTION, {"InstanceID": values["InstanceID"]})
        if values.get("HostResource"):
            _bind(shadow, before, False)
            _bind(shadow, values, True)
        shadow.overlay.set(CONNECTION, values, values)
    return {}


def remove_ports(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    for reference in call.arguments["ResourceSettings"]:
        instance_id = reference.keys["InstanceID"]
        guid = instance_id.partition(":")[2].partition("\\")[0]
        _remove_port(shadow, _switch(shadow, guid), instance_id)
    return {}


def _add_port(shadow: Shadow, guid: str, given: Instance) -> str:
    """A port to a physical adapter, or one with an adapter of the host."""
    row = {**given, "InstanceID": f"Microsoft:{guid}\\{shadow.overlay.new_id()}"}
    shadow.overlay.add(CONNECTION, row)
    if _leads_to_host(row):
        _add_host_adapter(shadow, guid, row)
    else:
        _bind(shadow, row, True)
    return row["InstanceID"]


def _remove_port(shadow: Shadow, current: Switch, instance_id: str) -> None:
    row = shadow.get(CONNECTION, {"InstanceID": instance_id})
    if _leads_to_host(row):
        _remove_host_adapter(shadow, current)
    else:
        _bind(shadow, row, False)
    shadow.overlay.remove(CONNECTION, row)


def _target(row: Mapping[str, Any]) -> Reference:
    return cim.parse_path(row["HostResource"][0])


def _leads_to_host(row: Mapping[str, Any]) -> bool:
    return _target(row).class_name.lower() == COMPUTER_SYSTEM.name.lower()


def _bind(shadow: Shadow, port: Mapping[str, Any], bound: bool) -> None:
    shadow.overlay.set(EXTERNAL_PORT, _target(port).keys, {"IsBound": bound})


# ---- the host's adapters ----


def _add_host_adapter(shadow: Shadow, guid: str, port: Mapping[str, Any]) -> None:
    """The host's adapter, which takes over the addresses of the physical adapter of the switch."""
    device, name = shadow.overlay.new_id(), port.get("ElementName") or ""
    address = {"PermanentAddress": port.get("Address")}
    index = _FIRST_INDEX + len(shadow.overlay.of(NET_ADAPTER))
    shadow.overlay.add(INTERNAL_PORT, {"DeviceID": f"Microsoft:{device}", "ElementName": name, **address})
    alias = f"vEthernet ({name})"
    shadow.overlay.add(
        NET_ADAPTER,
        {
            "DeviceID": f"{{{device}}}",
            "Name": alias,
            "InterfaceDescription": "Hyper-V Virtual Ethernet Adapter",
            "InterfaceIndex": index,
            "HardwareInterface": False,
            "MediaConnectState": 1,
            **address,
        },
    )
    physical = _physical(shadow, _switch(shadow, guid))
    if physical:
        _hand_over(shadow, physical["InterfaceIndex"], index, alias)


def _remove_host_adapter(shadow: Shadow, current: Switch) -> None:
    """Its addresses go back to the physical adapter, or with it."""
    own = host_network.fetch_adapter(shadow.target, current)
    if own is None:
        return
    physical = _physical(shadow, current)
    if physical:
        _hand_over(shadow, own["InterfaceIndex"], physical["InterfaceIndex"], physical["Name"])
    else:
        for cls in (NET_ADDRESS, NET_ROUTE):
            for row in shadow.query(cls, where=f"InterfaceIndex = {own['InterfaceIndex']}"):
                shadow.overlay.remove(cls, row)
    guids = {switch.guid(own["DeviceID"])}
    for cls in (NET_ADAPTER, INTERNAL_PORT):
        for row in shadow.query(cls):
            if switch.guid(row["DeviceID"]) in guids:
                shadow.overlay.remove(cls, row)


def _physical(shadow: Shadow, current: Switch) -> Instance | None:
    """The only physical adapter of a switch."""
    if len(current.externals) != 1:
        return None
    rows = shadow.query(NET_ADAPTER, columns=("DeviceID", "Name", "InterfaceIndex"))
    return next((row for row in rows if switch.guid(row["DeviceID"]) in current.adapter_guids), None)


def _hand_over(shadow: Shadow, source: int, target: int, alias: str) -> None:
    """Move the addresses and routes of one adapter to another."""
    for cls in (NET_ADDRESS, NET_ROUTE):
        for row in shadow.query(cls, where=f"InterfaceIndex = {source}"):
            shadow.overlay.set(cls, row, {"InterfaceIndex": target, "InterfaceAlias": alias})


# ---- addresses and NATs ----


def create_address(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    given = call.arguments
    where = f"InterfaceIndex = {given['InterfaceIndex']}"
    adapters = shadow.query(NET_ADAPTER, columns=("Name", "InterfaceIndex"), where=where)
    shadow.overlay.add(
        NET_ADDRESS,
        {
            "Name": shadow.overlay.new_id(),
            "IPAddress": given["IPAddress"],
            "PrefixLength": given["PrefixLength"],
            "AddressFamily": given["AddressFamily"],
            "InterfaceIndex": given["InterfaceIndex"],
            "InterfaceAlias": adapters[0]["Name"] if adapters else "",
            "PrefixOrigin": host_network.MANUAL,
        },
    )
    return {}


def delete_address(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    shadow.overlay.remove(NET_ADDRESS, call.keys)
    return {}


def create_nat(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    row = {**call.arguments, "InstanceID": f"{call.arguments['Name']};0"}
    shadow.overlay.add(NET_NAT, row)
    return {"Reference": NET_NAT.reference(row)}


def delete_nat(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The mappings go with it."""
    nat = shadow.get(NET_NAT, call.keys)
    for row in shadow.query(NET_NAT_MAPPING, where=f"NatName = {cim.quote(nat['Name'])}"):
        shadow.overlay.remove(NET_NAT_MAPPING, row)
    shadow.overlay.remove(NET_NAT, call.keys)
    return {}


def create_mapping(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    row = {**call.arguments, "InstanceID": f"{shadow.overlay.new_id()};0"}
    shadow.overlay.add(NET_NAT_MAPPING, row)
    return {"Reference": NET_NAT_MAPPING.reference(row)}


def delete_mapping(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    shadow.overlay.remove(NET_NAT_MAPPING, call.keys)
    return {}


METHODS = {
    (SWITCH_SERVICE.name, "DefineSystem"): define_switch,
    (SWITCH_SERVICE.name, "DestroySystem"): destroy_switch,
    (SWITCH_SERVICE.name, "ModifySystemSettings"): modify_switch,
    (SWITCH_SERVICE.name, "AddResourceSettings"): add_ports,
    (SWITCH_SERVICE.name, "ModifyResourceSettings"): modify_ports,
    (SWITCH_SERVICE.name, "RemoveResourceSettings"): remove_ports,
    (NET_ADDRESS.name, "Create"): create_address,
    (NET_ADDRESS.name, "WS-Delete"): delete_address,
    (NET_NAT.name, "WS-Create"): create_nat,
    (NET_NAT.name, "WS-Delete"): delete_nat,
    (NET_NAT_MAPPING.name, "WS-Create"): create_mapping,
    (NET_NAT_MAPPING.name, "WS-Delete"): delete_mapping,
}
