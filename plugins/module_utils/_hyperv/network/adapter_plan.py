# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of network adapters: plugging them in, connecting them, and the features of their switch ports."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.journal import taken_back
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.cim import CimClass, Reference
from ..._wsman.faults import AccessDenied, Fault, HostBusy, HostError, OperationTimeout, QuotaExceeded
from .. import jobs
from ..schema import (
    CONNECTION,
    LEGACY_ADAPTER,
    PORT_BANDWIDTH,
    PORT_SECURITY,
    PORT_VLAN,
    SWITCH,
    SWITCH_SETTINGS,
    SYNTHETIC_ADAPTER,
    V2,
    VM_SERVICE,
)
from ..vm import resources
from ..vm.find import OFF, SAVED, VM
from .adapter import (
    BANDWIDTH,
    CONNECTED,
    DISCONNECTED,
    DYNAMIC,
    FEATURE_DEFAULTS,
    NO_SWITCH,
    PORT,
    SECURITY,
    Adapter,
    Slot,
    Wanted,
    fetch_switch,
    query_rows,
)
from .ethernet import describe_vlan, parse_mac, vlan_values

_NETWORK_ADAPTER = {"ResourceType": 10, "ResourceSubType": "Microsoft:Hyper-V:Synthetic Ethernet Port"}
_ETHERNET_CONNECTION = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}
# Msvm_VirtualEthernetSwitchSettingData.BandwidthReservationMode; 0, the default, stands for one of the others.
BY_WEIGHT, BY_BITS, NO_SHARES = 1, 2, 3
# After these nobody knows, or nothing was tried: no reason to go about it another way.
_HOPELESS = (AccessDenied, OperationTimeout, QuotaExceeded, HostBusy)


# ---- planning ----


class Feature(NamedTuple):
    """A feature of a switch port that differs: its class, the diff, and the CIM properties to write."""

    cls: CimClass
    before: dict[str, Any]
    after: dict[str, Any]
    values: dict[str, Any]


class AdapterPlan(NamedTuple):
    """The steps to one adapter: the adapter itself, its connection, and the features of its switch port."""

    port: Step
    connect: Step | None
    features: list[tuple[Feature, Step]]
    switch: str | None = None  # id of the switch to connect to, None for no switch

    def steps(self) -> list[Step]:
        return [self.port, *([self.connect] if self.connect else []), *(step for _feature, step in self.features)]


def plan(slot: Slot, name: str, wanted: Wanted) -> AdapterPlan:
    """The steps to the wanted adapter; a missing adapter gets that name. Reads the switch, writes nothing."""
    vm = slot.vm
    one = slot.adapter or _to_be(vm, name)
    if one.cls is LEGACY_ADAPTER and wanted.port.get("device_naming") is not None:
        raise Invalid(
            f"'{one.name}' of {vm} is a legacy adapter, which has no such setting; leave it out", option="device_naming"
        )
    port = _plan_new(slot, one, wanted) if slot.adapter is None else _plan_port(slot, one, wanted)
    switch, connect = one.switch, None
    if wanted.switch is not None:
        switch, label = wanted_switch(slot.host, wanted.switch)
        connect = _plan_switch(slot, one, (switch, label))
    _check_bandwidth(slot.host, one, wanted, switch)
    features = [(feature, _plan_feature(slot, one, feature)) for feature in feature_changes(one, wanted)]
    return AdapterPlan(port, connect, features, switch if connect else None)


def plan_removal(slot: Slot) -> list[Step]:
    """The step that removes the adapter, with its connection and features."""
    one = slot.adapter
    if one is None:
        return []
    what = f"remove adapter '{one.name}' from {slot.vm}"

    def remove() -> None:
        resources.remove(slot.host, one.cls, one.id, what)
        slot.adapter = None

    return [Step(what, {"state": "present"}, {"state": "absent"}, remove, _needs_off(slot, one))]


def wanted_switch(host: Target, switch: str) -> tuple[str | None, str]:
    """Id and name of the switch that the option stands for; no id for ``disconnected``. Raises Missing, Ambiguous."""
    if switch.lower() == NO_SWITCH:
        return None, NO_SWITCH
    return host.once(("switch", switch), lambda: _look_up_switch(host, switch))


def _look_up_switch(host: Target, switch: str) -> tuple[str, str]:
    try:
        return fetch_switch(host, switch)
    except Missing:
        if host.predicts("switch", switch):
            return "", switch
        raise


def _check_bandwidth(host: Target, one: Adapter, wanted: Wanted, switch: str | None) -> None:
    """Raise Refused where the switch shares bandwidth by other means (New-VMSwitch, MinimumBandwidthMode)."""
    differing = {change.option for change in table.changes(BANDWIDTH, one.feature(PORT_BANDWIDTH), wanted.bandwidth)}
    asked = sorted(wanted.shares_bandwidth & differing)
    if not asked or not switch:
        return
    where = f"InstanceID = {cim.quote(f'Microsoft:{switch}')}"
    columns = ("InstanceID", "ElementName", "BandwidthReservationMode", "IOVPreferred")
    for row in host.client.query(SWITCH_SETTINGS, columns=columns, where=where):
        mode = row["BandwidthReservationMode"] or (NO_SHARES if row["IOVPreferred"] else BY_WEIGHT)
        allowed = {BY_WEIGHT: "weight", BY_BITS: "minimum"}.get(mode)
        if wrong := [option for option in asked if option != allowed]:
            instead = f"use bandwidth.{allowed} there" if allowed else "leave it out"
            raise Refused(
                f"the virtual switch '{row['ElementName']}' shares bandwidth otherwise, which "
                f"was decided when it was made; {instead}, or connect '{one.name}' to another switch",
                option=f"bandwidth.{wrong[0]}",
                adapter=one.name,
                switch=row["ElementName"],
            )


def _to_be(vm: VM, name: str) -> Adapter:
    """An adapter as Hyper-V makes it."""
    instance = {"InstanceID": f"Microsoft:{vm.id}\\", "ElementName": name, "Address": None, "StaticMacAddress": False}
    return Adapter(vm.id, SYNTHETIC_ADAPTER, {**instance, "DeviceNamingEnabled": False}, None, {})


def _needs_off(slot: Slot, one: Adapter) -> tuple[str, ...]:
    """Adapters come to and go from a running VM of generation 2 only, and never in a saved one."""
    vm = slot.vm
    if vm.state == OFF:
        return ()
    if vm.state == SAVED or one.cls is LEGACY_ADAPTER:
        return ("state",)
    return () if slot.generation() == 2 else ("state",)


def _plan_new(slot: Slot, one: Adapter, wanted: Wanted) -> Step:
    vm = slot.vm
    shown = {"name": one.name, **wanted.port, "mac_address": wanted.mac_address or DYNAMIC}
    return Step(
        f"add adapter '{one.name}' to {vm}",
        {"state": "absent"},
        {"state": "present", **shown},
        slot.doing(lambda host, vm, _: _add(host, vm, one.name, new_values(wanted))),
        _needs_off(slot, one),
    )


def _plan_port(slot: Slot, one: Adapter, wanted: Wanted) -> Step:
    """Name, device naming and MAC address; only the last needs the VM off (Set-VMNetworkAdapter)."""
    differences = table.changes(PORT, one.instance, wanted.port)
    before = {change.option: change.before for change in differences}
    after = {change.option: change.after for change in differences}
    values, needs_off = table.values(differences), ()
    if wanted.mac_address not in (None, one.mac_address):
        before["mac_address"], after["mac_address"] = one.mac_address, wanted.mac_address
        values |= _mac_values(wanted.mac_address)
        needs_off = ("mac_address",)
    return Step(
        f"set {', '.join(after)} of adapter '{one.name}' of {slot.vm}",
        before,
        after,
        slot.doing(lambda host, vm, now: _modify(host, vm, now, values)),
        needs_off,
    )


def _plan_switch(slot: Slot, one: Adapter, switch: tuple[str | None, str]) -> Step:
    id, name = switch
    what = f"disconnect adapter '{one.name}' of {slot.vm}"
    if id:
        what = f"connect adapter '{one.name}' of {slot.vm} to '{name}'"
    now = name if one.switch == id else _switch_name(one)
    return Step(what, {"switch": now}, {"switch": name}, slot.doing(lambda host, vm, now: connect(host, vm, now, id)))


def _switch_name(one: Adapter) -> str:
    """The switch it is connected to, for people: the host keeps its name with the connection."""
    return ((one.connection or {}).get("LastKnownSwitchName") or one.switch or NO_SWITCH) if one.switch else NO_SWITCH


def _plan_feature(slot: Slot, one: Adapter, feature: Feature) -> Step:
    def write(host: Target, vm: VM, now: Adapter) -> Adapter:
        write_feature(host, vm, now, feature.cls, feature.values)
        return now

    what = f"set {', '.join(feature.after)} of adapter '{one.name}' of {slot.vm}"
    return Step(what, feature.before, feature.after, slot.doing(write))


def feature_changes(one: Adapter, wanted: Wanted) -> Iterator[Feature]:
    """The features whose wanted values differ."""
    if security := table.changes(SECURITY, one.feature(PORT_SECURITY), wanted.security):
        before, after = _sides(security)
        yield Feature(PORT_SECURITY, before, after, table.values(security))
    vlan = describe_vlan(one.feature(PORT_VLAN))
    if wanted.vlan and wanted.vlan != vlan:
        yield Feature(PORT_VLAN, {"vlan": vlan}, {"vlan": dict(wanted.vlan)}, vlan_values(wanted.vlan))
    if bandwidth := table.changes(BANDWIDTH, one.feature(PORT_BANDWIDTH), wanted.bandwidth):
        before, after = _sides(bandwidth)
        yield Feature(PORT_BANDWIDTH, {"bandwidth": before}, {"bandwidth": after}, table.values(bandwidth))


def _sides(found: list[table.Change]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {one.option: one.before for one in found}, {one.option: one.after for one in found}


# ---- writing ----


def _mac_values(wanted: str | None) -> dict[str, Any]:
    """CIM properties of a MAC address; zeros let the host give one out at the next start."""
    if wanted is None:
        return {}
    static = wanted != DYNAMIC
    return {"StaticMacAddress": static, "Address": parse_mac(wanted) if static else "000000000000"}


def new_values(wanted: Wanted) -> dict[str, Any]:
    """CIM properties that a new adapter is made with."""
    return {row.cim: wanted.port[row.option] for row in PORT if row.option in wanted.port} | _mac_values(
        wanted.mac_address
    )


def adapter_text(name: str, values: Mapping[str, Any]) -> str:
    """A new synthetic adapter as AddResourceSettings takes it."""
    identity = {**_NETWORK_ADAPTER, "ElementName": name, "VirtualSystemIdentifiers": [f"{{{uuid.uuid4()}}}"]}
    return cim.embedded(SYNTHETIC_ADAPTER, {**identity, **values})


def connection_text(one: Adapter, values: Mapping[str, Any]) -> str:
    """A new connection of an adapter as AddResourceSettings takes it."""
    return cim.embedded(CONNECTION, {**_ETHERNET_CONNECTION, "Parent": one.reference.path(), **values})


def added(vm: VM, name: str, instance_id: str, values: Mapping[str, Any]) -> Adapter:
    """An adapter as it is after it was added."""
    instance = {"InstanceID": instance_id, "ElementName": name, "Address": None, "StaticMacAddress": False}
    return Adapter(vm.id, SYNTHETIC_ADAPTER, {**instance, **values}, None, {})


def _add(host: Target, vm: VM, name: str, values: Mapping[str, Any]) -> Adapter:
    """Add a synthetic adapter to the VM."""
    added_ids = resources.add(host, vm, [adapter_text(name, values)], f"add adapter '{name}' to {vm}")
    instance_id = added_ids[0] if added_ids else id_by_name(vm, name, query_ids(host, vm))
    return added(vm, name, instance_id, values)


def query_ids(host: Target, vm: VM) -> dict[str, str]:
    """InstanceIDs of the VM's adapters by name in lower case: a host that answers through a job doesn't tell them."""
    return {row["ElementName"].lower(): row["InstanceID"] for row in query_rows(host, [vm], SYNTHETIC_ADAPTER)}


def id_by_name(vm: VM, name: str, ids: Mapping[str, str]) -> str:
    """The id of an adapter that was just added. Raises MethodFailed where it isn't there."""
    if name.lower() not in ids:
        raise MethodFailed(f"{vm} was to get the adapter '{name}', but has none", vm=vm.name, adapter=name)
    return ids[name.lower()]


def _modify(host: Target, vm: VM, one: Adapter, values: Mapping[str, Any]) -> Adapter:
    resources.modify(host, one.cls, one.id, values, f"set {', '.join(values)} of adapter '{one.name}' of {vm}")
    return one._replace(instance={**one.instance, **values})


def connection_values(switch: str | None) -> dict[str, Any]:
    """CIM properties of a connection to the switch with this id, or to none."""
    if not switch:
        return {"EnabledState": DISCONNECTED}
    keys = {"CreationClassName": SWITCH.name, "Name": switch}
    return {"EnabledState": CONNECTED, "HostResource": [Reference(V2, SWITCH.name, keys).path()]}


def connect(host: Target, vm: VM, one: Adapter, switch: str | None) -> Adapter:
    """Connect the adapter to the switch with this id, or disconnect it; what else is known of it stays.

    A disconnected adapter keeps its connection row, and with it its features.
    """
    values = connection_values(switch)
    if one.connection:
        what = f"connect adapter '{one.name}' of {vm}" if switch else f"disconnect adapter '{one.name}' of {vm}"
        resources.modify(host, CONNECTION, one.connection["InstanceID"], values, what)
        return one._replace(connection={**one.connection, **values})
    return one._replace(connection={"InstanceID": _add_connection(host, vm, one, values), **values})


def _add_connection(host: Target, vm: VM, one: Adapter, values: Mapping[str, Any]) -> str:
    """InstanceID of a connection that is added to an adapter without one."""
    what = f"add a connection to adapter '{one.name}' of {vm}"
    added_ids = resources.add(host, vm, [connection_text(one, values)], what)
    return added_ids[0] if added_ids else one.connection_reference.keys["InstanceID"]


def write_feature(host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any]) -> None:
    """Write these properties of one feature: its row is modified where it exists, added where it doesn't."""
    what = f"set {', '.join(values)} of adapter '{adapter.name}' of {vm}"
    row = adapter.features.get(cls.name)
    if row is None:
        _add_feature(host, vm, adapter, cls, values, what)
        return
    text = cim.embedded(cls, {"InstanceID": row["InstanceID"], **values})
    try:
        jobs.call(host, VM_SERVICE, "ModifyFeatureSettings", {"FeatureSettings": [text]}, what=what)
    except _HOPELESS:
        raise
    except Fault as fault:
        if cls is not PORT_VLAN:
            raise
        _replace_feature(host, vm, adapter, cls, values, what, fault)


def _replace_feature(
    host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any], what: str, fault: Fault
) -> None:
    """Remove and add the row: old hosts raise a fault when a VLAN is modified (known from OpenStack's os-win)."""
    row = adapter.features[cls.name]
    before = {name: value for name, value in row.items() if name in FEATURE_DEFAULTS[cls.name] and value is not None}
    reference = Reference(V2, cls.name, {"InstanceID": row["InstanceID"]})
    with taken_back(lambda: _add_feature(host, vm, adapter, cls, before, what), "the previous setting is lost"):
        try:
            jobs.call(host, VM_SERVICE, "RemoveFeatureSettings", {"FeatureSettings": [reference]}, what=what)
        except HostError:
            raise fault from None
        _add_feature(host, vm, adapter, cls, {**before, **values}, what)


def _add_feature(host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any], what: str) -> None:
    """Add a feature to the connection, whose id follows from the adapter's.

    Where there is no connection yet, a disconnected one is made: the failure tells that, more cheaply than a look.
    """
    text = cim.embedded(cls, values)

    def add(connection: Reference) -> None:
        arguments = {"AffectedConfiguration": connection, "FeatureSettings": [text]}
        jobs.call(host, VM_SERVICE, "AddFeatureSettings", arguments, what=what)

    try:
        add(adapter.connection_reference)
    except _HOPELESS:
        raise
    except (Fault, MethodFailed):
        where = f"InstanceID = {cim.quote(adapter.connection_reference.keys['InstanceID'])}"
        if adapter.connection or host.client.query(CONNECTION, columns=("InstanceID",), where=where):
            raise
        _add_connection(host, vm, adapter, connection_values(None))
        add(adapter.connection_reference)
