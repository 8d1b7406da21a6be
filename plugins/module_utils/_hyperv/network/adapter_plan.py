# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of network adapters: adding them, connecting them, and the features of their switch ports."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.journal import taken_back, wrote
from ..._task.mac import parse_mac
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.cim import CimClass
from ..._wsman.faults import AccessDenied, Fault, HostError, OperationTimedOut, QuotaExceeded
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
    VM_SERVICE,
)
from ..vm import resources
from ..vm.find import OFF, SAVED, VM, owner
from ..vm.find import query as query_vms
from .adapter import (
    BANDWIDTH,
    DYNAMIC,
    FEATURE_DEFAULTS,
    NO_SWITCH,
    PORT,
    SECURITY,
    Adapter,
    Slot,
    WantedAdapter,
    query_by_mac,
    query_named,
    query_rows,
)
from .ethernet import complete_vlan, describe_vlan, vlan_values
from .switch import (
    BY_BITS,
    BY_DEFAULT,
    BY_WEIGHT,
    CONNECTED,
    DISCONNECTED,
    ETHERNET_CONNECTION,
    FIXED,
    SwitchName,
    fetch_by_name,
)

_PORT = 10  # ResourceType
_SUBTYPES = {
    SYNTHETIC_ADAPTER.name: "Microsoft:Hyper-V:Synthetic Ethernet Port",
    LEGACY_ADAPTER.name: "Microsoft:Hyper-V:Emulated Ethernet Port",
}
# Faults after which another method would fail as well, or might repeat a write.
_FINAL = (AccessDenied, OperationTimedOut, QuotaExceeded)


class Feature(NamedTuple):
    """The change of one feature: its class, the CIM properties to write, and the step that writes them alone."""

    cls: CimClass
    values: Mapping[str, Any]
    step: Step


class AdapterPlan(NamedTuple):
    """The changes of one adapter.

    ``port`` adds the adapter or writes its own settings, ``connect`` connects or disconnects it. ``switch`` is the id
    of its switch afterwards.
    """

    port: Step
    connect: Step | None
    switch: str | None
    features: Sequence[Feature]

    def steps(self) -> list[Step]:
        """The steps in the order in which a single adapter is changed."""
        connect = [self.connect] if self.connect else []
        return [self.port, *connect, *(feature.step for feature in self.features)]


# ---- planning ----


def plan(slot: Slot, name: str, wanted: WantedAdapter) -> AdapterPlan:
    """The changes to the wanted settings; a missing adapter is added under this name.

    Fetches the switch, writes nothing. Raises Invalid, Missing, Ambiguous, Refused.
    """
    adapter = slot.adapter or _added(name, "", {"DeviceNamingEnabled": False}, wanted.cls)
    _check_kind(slot, adapter, wanted)
    _check_new_name(slot, adapter, wanted)
    if wanted.mac_address not in (None, DYNAMIC, slot.adapter and adapter.mac_address):
        _warn_of_duplicates(slot, adapter, wanted.mac_address)
    if adapter.cls is LEGACY_ADAPTER and wanted.port.get("device_naming") is not None:
        text = f"'{adapter.name}' of {slot.vm} is a legacy adapter, which has no such setting; omit it"
        raise Invalid(text, option="device_naming")
    port = _plan_port(slot, adapter, wanted) if slot.adapter else _plan_new(slot, name, wanted)
    connect, switch = None, adapter.switch
    if wanted.switch is not None:
        target = _fetch_wanted_switch(slot.host, wanted.switch)
        connect, switch = _plan_switch(slot, adapter, target), target.id
    _check_bandwidth(slot.host, adapter, wanted, switch)
    return AdapterPlan(port, connect, switch, list(_plan_features(slot, adapter, wanted)))


def _check_kind(slot: Slot, adapter: Adapter, wanted: WantedAdapter) -> None:
    """Raise Refused for a legacy adapter in a VM that can't have one, and for another kind of an existing adapter."""
    if slot.adapter is None:
        if wanted.legacy and slot.generation() != 1:
            text = f"{slot.vm} is a generation 2 VM, which has no legacy adapters; omit it, all its adapters do PXE"
            raise Refused(text, option="legacy", vm=slot.vm.name)
    elif wanted.legacy not in (None, adapter.cls is LEGACY_ADAPTER):
        kind = "legacy" if adapter.cls is LEGACY_ADAPTER else "synthetic"
        text = (
            f"'{adapter.name}' of {slot.vm} is a {kind} adapter, which is fixed when an adapter is added. Omit it, or "
            "remove the adapter first with 'state: absent'"
        )
        raise Refused(text, option="legacy", vm=slot.vm.name, adapter=adapter.name)


def _check_new_name(slot: Slot, adapter: Adapter, wanted: WantedAdapter) -> None:
    """Raise Refused if another adapter of the VM has the name: both could be chosen by id only, for ever."""
    name = wanted.port.get("name")
    if name is None or name.lower() == adapter.name.lower():
        return
    ids = [row["InstanceID"] for row in query_named(slot.host, slot.vm, name)]
    if ids:
        raise Refused(
            f"another adapter of {slot.vm} has the name '{name}' already, its id is {ids[0]}. Choose another name",
            option="name",
            vm=slot.vm.name,
            adapter=adapter.name,
            ids=ids,
        )


def _warn_of_duplicates(slot: Slot, adapter: Adapter, address: str) -> None:
    """Warn of other adapters on this host with the MAC address, which may be on purpose, as in a copy that is off."""
    rows = [row for row in query_by_mac(slot.host, parse_mac(address)) if row["InstanceID"] != adapter.id]
    ids = sorted({owner(row["InstanceID"]) for row in rows})
    if not ids:
        return
    names = {vm.id: str(vm) for vm in query_vms(slot.host, [], ids)}  # the others are checkpoints
    for row in rows:
        if vm := names.get(owner(row["InstanceID"])):
            warn_of_duplicate(slot, adapter.name, address, f"adapter '{row['ElementName']}' of {vm}")


def warn_of_duplicate(slot: Slot, name: str, address: str, other: str) -> None:
    """Warn that two adapters have one MAC address."""
    slot.host.warn(
        f"{slot.host.name}: {other} has the MAC address {address} as well, which adapter '{name}' of {slot.vm} gets; "
        "both can't work in one network"
    )


def plan_removal(slot: Slot) -> list[Step]:
    """The step that removes the adapter, with its connection and features."""
    adapter = slot.adapter
    if adapter is None:
        return []
    what = f"remove adapter '{adapter.name}' from {slot.vm}"

    def remove() -> None:
        resources.remove(slot.host, adapter.cls, adapter.id, what)
        slot.adapter = None

    return [Step(what, {"state": "present"}, {"state": "absent"}, remove, _needs_off(slot, adapter.cls))]


def _fetch_wanted_switch(host: Target, text: str) -> SwitchName:
    """The switch that the option names; its id is empty for ``disconnected``. Raises Missing, Ambiguous."""
    if text.lower() == NO_SWITCH:
        return SwitchName("", NO_SWITCH)
    return host.once(("switch", text), lambda: fetch_by_name(host, text, "switch"))


def _check_bandwidth(host: Target, adapter: Adapter, wanted: WantedAdapter, switch: str | None) -> None:
    """Raise Refused if the switch uses another bandwidth mode (New-VMSwitch -MinimumBandwidthMode)."""
    changes = table.changes(BANDWIDTH, adapter.feature(PORT_BANDWIDTH), wanted.bandwidth)
    options = sorted(wanted.shares_bandwidth & {change.option for change in changes})
    if not options or not switch:
        return
    where = f"InstanceID = {cim.quote(f'Microsoft:{switch}')}"
    columns = ("InstanceID", "ElementName", *(row.cim for row in FIXED))
    for row in host.client.query(SWITCH_SETTINGS, columns=columns, where=where):
        fixed = table.read(FIXED, row)
        if fixed["bandwidth_mode"] == BY_DEFAULT and not fixed["iov"]:
            continue  # the host has chosen one and doesn't say which
        allowed = {BY_WEIGHT: "weight", BY_BITS: "minimum"}.get(fixed["bandwidth_mode"])
        if unsupported := [option for option in options if option != allowed]:
            instead = f"use bandwidth.{allowed} instead" if allowed else "omit it"
            raise Refused(
                f"the virtual switch '{row['ElementName']}' uses a different bandwidth mode, which is fixed when the "
                f"switch is created; {instead}, or connect '{adapter.name}' to another switch",
                option=f"bandwidth.{unsupported[0]}",
                adapter=adapter.name,
                switch=row["ElementName"],
            )


def _needs_off(slot: Slot, cls: CimClass) -> tuple[str, ...]:
    """Only a running generation 2 VM accepts new adapters and loses adapters; a saved VM never does."""
    if slot.vm.state == OFF:
        return ()
    hot = slot.vm.state != SAVED and cls is not LEGACY_ADAPTER and slot.generation() == 2
    return () if hot else ("state",)


def _plan_new(slot: Slot, name: str, wanted: WantedAdapter) -> Step:
    def add(host: Target, vm: VM, _absent: Adapter | None) -> Adapter:
        values = new_values(wanted)
        cls = wanted.cls
        ids = resources.add(host, vm, [adapter_text(name, values, cls)], f"add adapter '{name}' to {vm}")
        return added(vm, name, ids[0] if ids else id_by_name(vm, name, query_ids_by_name(host, vm, [cls])), values, cls)

    return Step(
        f"add adapter '{name}' to {slot.vm}",
        {"state": "absent"},
        {
            "state": "present",
            "name": name,
            **wanted.port,
            "mac_address": wanted.mac_address or DYNAMIC,
            **({"legacy": True} if wanted.legacy else {}),
        },
        slot.doing(add),
        _needs_off(slot, wanted.cls),
    )


def _plan_port(slot: Slot, adapter: Adapter, wanted: WantedAdapter) -> Step:
    """Name, device naming and MAC address; only the last needs the VM off (Set-VMNetworkAdapter)."""
    changes = table.changes(PORT, adapter.instance, wanted.port)
    before, after = _sides(changes)
    values, needs_off = table.values(changes), ()
    if wanted.mac_address not in (None, adapter.mac_address):
        before["mac_address"], after["mac_address"] = adapter.mac_address, wanted.mac_address
        values |= _mac_values(wanted.mac_address)
        needs_off = ("mac_address",)
    what = f"set {', '.join(after)} of adapter '{adapter.name}' of {slot.vm}"

    def modify(host: Target, _vm: VM, current: Adapter) -> Adapter:
        resources.modify(host, current.cls, current.id, values, what)
        return current._replace(instance={**current.instance, **values})

    return Step(what, before, after, slot.doing(modify), needs_off)


def _plan_switch(slot: Slot, adapter: Adapter, switch: SwitchName) -> Step:
    what = f"disconnect adapter '{adapter.name}' of {slot.vm}"
    if switch.id:
        what = f"connect adapter '{adapter.name}' of {slot.vm} to '{switch.name}'"
    before = switch.name if adapter.switch == (switch.id or None) else _switch_name(adapter)
    return Step(
        what,
        {"switch": before},
        {"switch": switch.name},
        slot.doing(lambda host, vm, current: connect(host, vm, current, switch.id)),
    )


def _switch_name(adapter: Adapter) -> str:
    """The name of the adapter's switch; the host stores it with the connection."""
    if not adapter.switch:
        return NO_SWITCH
    return adapter.connection.get("LastKnownSwitchName") or adapter.switch


def _plan_features(slot: Slot, adapter: Adapter, wanted: WantedAdapter) -> Iterator[Feature]:
    """The features that differ from the wanted ones."""
    if security := table.changes(SECURITY, adapter.feature(PORT_SECURITY), wanted.security):
        before, after = _sides(security)
        yield _feature(slot, adapter, PORT_SECURITY, table.values(security), before, after)
    if wanted.vlan:
        row = adapter.feature(PORT_VLAN)
        before, after = describe_vlan(row), complete_vlan(wanted.vlan, row)
        if before != after:
            yield _feature(slot, adapter, PORT_VLAN, vlan_values(after), {"vlan": before}, {"vlan": after})
    if bandwidth := table.changes(BANDWIDTH, adapter.feature(PORT_BANDWIDTH), wanted.bandwidth):
        before, after = _sides(bandwidth)
        yield _feature(
            slot, adapter, PORT_BANDWIDTH, table.values(bandwidth), {"bandwidth": before}, {"bandwidth": after}
        )


def _feature(
    slot: Slot,
    adapter: Adapter,
    cls: CimClass,
    values: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> Feature:
    def write(host: Target, vm: VM, current: Adapter) -> Adapter:
        write_feature(host, vm, current, cls, values)
        return current

    what = f"set {', '.join(after)} of adapter '{adapter.name}' of {slot.vm}"
    return Feature(cls, values, Step(what, before, after, slot.doing(write)))


def _sides(changes: list[table.Change]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {change.option: change.before for change in changes}, {change.option: change.after for change in changes}


# ---- writing ----


def _mac_values(address: str | None) -> dict[str, Any]:
    """CIM properties of a MAC address; zeros let the host assign an address at the next start."""
    if address is None:
        return {}
    static = address != DYNAMIC
    return {"StaticMacAddress": static, "Address": parse_mac(address) if static else "000000000000"}


def new_values(wanted: WantedAdapter) -> dict[str, Any]:
    """CIM properties of a new adapter."""
    port = {row.cim: wanted.port[row.option] for row in PORT if row.option in wanted.port}
    return port | _mac_values(wanted.mac_address)


def adapter_text(name: str, values: Mapping[str, Any], cls: CimClass) -> str:
    """A new adapter as AddResourceSettings takes it."""
    identity: dict[str, Any] = {"ResourceType": _PORT, "ResourceSubType": _SUBTYPES[cls.name], "ElementName": name}
    if cls is SYNTHETIC_ADAPTER:
        identity["VirtualSystemIdentifiers"] = [f"{{{uuid.uuid4()}}}"]
    return cim.embedded(cls, {**identity, **values})


def connection_text(adapter: Adapter, values: Mapping[str, Any]) -> str:
    """A new connection of an adapter as AddResourceSettings takes it."""
    return cim.embedded(CONNECTION, {**ETHERNET_CONNECTION, "Parent": adapter.reference.path(), **values})


def added(vm: VM, name: str, instance_id: str, values: Mapping[str, Any], cls: CimClass) -> Adapter:
    """An adapter that was just added with these properties."""
    return _added(name, instance_id, values, cls)._replace(vm=vm.id)


def _added(name: str, instance_id: str, values: Mapping[str, Any], cls: CimClass) -> Adapter:
    instance = {"InstanceID": instance_id, "ElementName": name, "Address": None, "StaticMacAddress": False}
    return Adapter("", cls, {**instance, **values}, None, {})


def query_ids_by_name(host: Target, vm: VM, classes: Iterable[CimClass]) -> dict[str, str]:
    """InstanceIDs of the VM's adapters by name in lower case; a host that answers with a job does not return them."""
    rows = [row for cls in classes for row in query_rows(host, [vm], cls)]
    return {row["ElementName"].lower(): row["InstanceID"] for row in rows}


def id_by_name(vm: VM, name: str, ids: Mapping[str, str]) -> str:
    """The id of an adapter that was just added. Raises MethodFailed if the VM does not have it."""
    if name.lower() not in ids:
        text = f"the host accepted the adapter '{name}' of {vm}, but the VM does not have it"
        raise MethodFailed(text, vm=vm.name, adapter=name)
    return ids[name.lower()]


def connection_values(switch: str | None) -> dict[str, Any]:
    """CIM properties of a connection to the switch with this id, or to none."""
    if not switch:
        return {"EnabledState": DISCONNECTED}
    keys = {"CreationClassName": SWITCH.name, "Name": switch}
    return {"EnabledState": CONNECTED, "HostResource": [SWITCH.reference(keys).path()]}


def connect(host: Target, vm: VM, adapter: Adapter, switch: str | None) -> Adapter:
    """Connect the adapter to the switch with this id, or disconnect it; returns the adapter afterwards.

    A disconnected adapter keeps its connection row, and with it its features.
    """
    values = connection_values(switch)
    if adapter.connection:
        what = f"{'connect' if switch else 'disconnect'} adapter '{adapter.name}' of {vm}"
        resources.modify(host, CONNECTION, adapter.connection["InstanceID"], values, what)
        return adapter._replace(connection={**adapter.connection, **values})
    what = f"add a connection to adapter '{adapter.name}' of {vm}"
    ids = resources.add(host, vm, [connection_text(adapter, values)], what)
    instance_id = ids[0] if ids else adapter.connection_reference.keys["InstanceID"]
    return adapter._replace(connection={"InstanceID": instance_id, **values})


def write_feature(host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any]) -> None:
    """Write these properties of a feature: modify its row if it exists, add the row otherwise."""
    what = f"set {', '.join(values)} of adapter '{adapter.name}' of {vm}"
    row = adapter.features.get(cls.name)
    if row is None:
        _add_feature(host, vm, adapter, cls, values, what)
        return
    text = cim.embedded(cls, {"InstanceID": row["InstanceID"], **values})
    try:
        jobs.call(host, VM_SERVICE, "ModifyFeatureSettings", {"FeatureSettings": [text]}, what=what)
    except Fault as fault:
        if cls is not PORT_VLAN or isinstance(fault, _FINAL):
            raise
        _replace_feature(host, vm, adapter, cls, values, what, fault)


def _replace_feature(
    host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any], what: str, fault: Fault
) -> None:
    """Remove the row and add it again: old hosts fail to modify a VLAN (found by OpenStack's os-win)."""
    row = adapter.features[cls.name]
    before = {name: value for name, value in row.items() if name in FEATURE_DEFAULTS[cls.name] and value is not None}
    reference = cls.reference({"InstanceID": row["InstanceID"]})
    removing = f"remove the VLAN settings of adapter '{adapter.name}' of {vm}"
    try:
        # Recorded below, inside the part that can be undone.
        jobs.ask(host, VM_SERVICE, "RemoveFeatureSettings", {"FeatureSettings": [reference]}, what=removing)
    except HostError:
        raise fault from None
    with taken_back(
        lambda: _add_feature(host, vm, adapter, cls, before, f"restore the VLAN settings of adapter '{adapter.name}'"),
        "the previous VLAN settings are lost, since adding them again failed too",
    ):
        wrote(removing)
        _add_feature(host, vm, adapter, cls, {**before, **values}, what)


def _add_feature(host: Target, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any], what: str) -> None:
    """Add a feature to the connection, whose id follows from the adapter's.

    If the adapter has no connection yet, a disconnected one is added first. That is only checked after a failure,
    because most adapters have one.
    """
    try:
        add_features(host, adapter, [cim.embedded(cls, values)], what)
    except (Fault, MethodFailed) as error:
        if isinstance(error, _FINAL):
            raise
        where = f"InstanceID = {cim.quote(adapter.connection_reference.keys['InstanceID'])}"
        if adapter.connection or host.client.query(CONNECTION, columns=("InstanceID",), where=where):
            raise
        connected = connect(host, vm, adapter, None)
        add_features(host, connected, [cim.embedded(cls, values)], what)


def add_features(host: Target, adapter: Adapter, texts: Sequence[str], what: str) -> None:
    """Add features, given as embedded instances, to the connection of an adapter."""
    arguments = {"AffectedConfiguration": adapter.connection_reference, "FeatureSettings": list(texts)}
    jobs.call(host, VM_SERVICE, "AddFeatureSettings", arguments, what=what)
