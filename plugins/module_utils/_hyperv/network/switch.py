# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual switches and their connections (Msvm_VirtualEthernetSwitchManagementService)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ..._task.errors import Ambiguous, Invalid, Missing, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.cim import Instance, Reference
from .. import jobs
from ..schema import (
    COMPUTER,
    COMPUTER_SYSTEM,
    CONNECTION,
    EXTERNAL_PORT,
    NET_ADAPTER,
    SWITCH,
    SWITCH_SERVICE,
    SWITCH_SETTINGS,
    V2,
)
from ..vm.find import is_vm, owner

PRIVATE, INTERNAL, EXTERNAL = "private", "internal", "external"
CONNECTED, DISCONNECTED = 2, 3  # EnabledState of a port
ETHERNET_CONNECTION = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}

# The Default Switch of client Windows, with NAT and DHCP: its id is the same everywhere, its name is localized.
DEFAULT_SWITCH = "C08CB7B8-9B3C-408E-8E30-5E16A3AEB444"

OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "id": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "type": {"type": "str", "choices": [INTERNAL, PRIVATE, EXTERNAL]},
    "net_adapters": {"type": "list", "elements": "str"},
    "allow_management_os": {"type": "bool"},
    "notes": {"type": "str"},
    "force": {"type": "bool", "default": False},
}


# Stands for the id of a switch that an earlier task of a check would have created: no switch has it.
TO_BE_CREATED = "to be created"


class SwitchName(NamedTuple):
    """Id and name of a switch."""

    id: str
    name: str


class Switch(NamedTuple):
    """A switch and its ports: (InstanceID, DeviceID) of those to physical adapters, rows of those to the host."""

    id: str
    name: str
    notes: str
    teaming: bool
    externals: tuple[tuple[str, str], ...]
    internals: tuple[Mapping[str, Any], ...]

    @property
    def type(self) -> str:
        return EXTERNAL if self.externals else INTERNAL if self.internals else PRIVATE

    @property
    def adapter_guids(self) -> set[str]:
        """GUIDs of the physical adapters, as guid() returns them."""
        return {guid(device) for _port, device in self.externals}

    @property
    def reference(self) -> Reference:
        return Reference(V2, SWITCH.name, {"CreationClassName": SWITCH.name, "Name": self.id})

    @property
    def settings_reference(self) -> Reference:
        return Reference(V2, SWITCH_SETTINGS.name, {"InstanceID": f"Microsoft:{self.id}"})

    def __str__(self) -> str:
        return f"virtual switch '{self.name}'"


Named = TypeVar("Named", Switch, SwitchName)

# A switch before it is created, in the form that describe() returns.
NEW: dict[str, Any] = {
    "name": "",
    "type": PRIVATE,
    "net_adapters": [],
    "teaming": False,
    "allow_management_os": False,
    "notes": "",
}


class NetAdapter(NamedTuple):
    """A physical adapter that a switch can use: its port (Msvm_ExternalEthernetPort), and its names in Windows."""

    port: Mapping[str, Any]
    name: str | None
    description: str

    @property
    def id(self) -> str:
        return self.port["DeviceID"]

    @property
    def path(self) -> str:
        return EXTERNAL_PORT.reference(self.port).path()

    def __str__(self) -> str:
        return f"'{self.name or self.description}'"


# ---- reading ----


def fetch_all(host: Target) -> list[Switch]:
    """All switches, sorted by name."""
    settings = host.client.query(SWITCH_SETTINGS, columns=("InstanceID", "ElementName", "Notes", "TeamingEnabled"))
    ids = {owner(row["InstanceID"]): row for row in settings if _is_switch(row["InstanceID"])}
    conditions = [f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{id}')}" for id in ids]
    columns = ("InstanceID", "ElementName", "Address", "HostResource")
    ports: dict[str, list[dict[str, Any]]] = {id: [] for id in ids}
    # A few conditions at a time: the class also has the connections of all VMs, and WMI limits the length of a query.
    for first in range(0, len(conditions), 16):
        where = " OR ".join(conditions[first : first + 16])
        for row in host.client.query(CONNECTION, columns=columns, where=where):
            ports[owner(row["InstanceID"])].append(row)
    switches = [_switch(id, row, ports[id]) for id, row in ids.items()]
    return sorted(switches, key=lambda switch: (switch.name.lower(), switch.id))


def fetch_by_name(host: Target, text: str, option: str) -> SwitchName:
    """The switch of that literal name or id; ``option`` is named in errors. Raises Missing, Ambiguous."""
    conditions = [f"ElementName = {cim.quote(text)}"]
    if id := _as_id(text):
        conditions.append(f"Name = {cim.quote(id)}")
    named = pick(_query_names(host, " OR ".join(conditions)), text, option)
    if named:
        return named
    if host.predicts("switch", text):
        return SwitchName(TO_BE_CREATED, text)
    existing = ", ".join(repr(name) for name in sorted(switch.name for switch in _query_names(host))) or "none"
    raise Missing(f"there is no virtual switch '{text}'; this host has {existing}", option=option, switch=text)


def _query_names(host: Target, where: str | None = None) -> list[SwitchName]:
    rows = host.client.query(SWITCH, columns=("Name", "ElementName"), where=where)
    return [SwitchName(row["Name"].upper(), row["ElementName"] or "") for row in rows]


def _is_switch(instance_id: str) -> bool:
    """Whether these are settings of a switch; templates have ``Microsoft:Definition\\…``."""
    return re.fullmatch(r"Microsoft:[0-9A-F-]{36}", instance_id, re.IGNORECASE) is not None


def _switch(id: str, row: Mapping[str, Any], ports: list[dict[str, Any]]) -> Switch:
    externals, internals = [], []
    for port in sorted(ports, key=lambda port: port["InstanceID"].lower()):
        # A team has one port for each adapter, or one port for all of them; both are supported.
        for path in port["HostResource"]:
            reference = cim.parse_path(path)
            if reference.class_name.lower() == COMPUTER_SYSTEM.name.lower():
                internals.append(port)
            else:
                externals.append((port["InstanceID"], reference.keys.get("DeviceID", "")))
    notes, teaming = "\n".join(row["Notes"] or []), bool(row["TeamingEnabled"])
    return Switch(id, row["ElementName"] or "", notes, teaming, tuple(externals), tuple(internals))


def pick(switches: Iterable[Named], text: str, option: str = "name") -> Named | None:
    """The switch of that literal name (compared without case) or id; None if none matches. Raises Ambiguous."""
    id = _as_id(text)
    same = [switch for switch in switches if switch.name.lower() == text.lower() or switch.id == id]
    if len(same) > 1:
        ids = sorted(switch.id for switch in same)
        raise Ambiguous(
            f"{len(same)} virtual switches share the name '{text}'; give the id instead: {', '.join(ids)}",
            option=option,
            switch=text,
            ids=ids,
        )
    return same[0] if same else None


def _as_id(text: str) -> str | None:
    """A GUID in the form that CIM keys have; None for any other text."""
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError:
        return None


def switch_id(text: str) -> str:
    """The value of the option ``id`` in the form that CIM keys have. Raises Invalid."""
    id = _as_id(text)
    if id is None:
        raise Invalid(f"'{text}' is not a switch id, which looks like {DEFAULT_SWITCH}", option="id")
    return id


def query_net_adapters(host: Target) -> list[NetAdapter]:
    """The physical adapters that switches can use, with their names in Windows."""
    ports = host.client.query(EXTERNAL_PORT, columns=tuple(EXTERNAL_PORT.properties))
    rows = host.client.query(NET_ADAPTER, columns=("DeviceID", "Name", "InterfaceDescription"))
    return name_ports(ports, rows)


def name_ports(ports: list[Instance], adapters: list[Instance]) -> list[NetAdapter]:
    """Ports (Msvm_ExternalEthernetPort) with the names of their adapters (MSFT_NetAdapter), sorted by name."""
    rows = {guid(row["DeviceID"]): row for row in adapters}
    named = []
    for port in ports:
        row = rows.get(guid(port["DeviceID"]), {})
        description = row.get("InterfaceDescription") or port["ElementName"] or ""
        named.append(NetAdapter(port, row.get("Name"), description))
    return sorted(named, key=lambda adapter: _display_name(adapter).lower())


def guid(device_id: str) -> str:
    """The GUID within ``{GUID}`` or ``Microsoft:{GUID}``, in lower case."""
    return device_id.rpartition(":")[2].strip("{}").lower()


def choose(adapters: list[NetAdapter], names: list[str]) -> list[NetAdapter]:
    """The adapters of these literal names or descriptions, each once. Raises Missing, Ambiguous."""
    chosen: list[NetAdapter] = []
    for name in names:
        adapter = _choose(adapters, name)
        if adapter not in chosen:
            chosen.append(adapter)
    return chosen


def _choose(adapters: list[NetAdapter], name: str) -> NetAdapter:
    same = [adapter for adapter in adapters if (adapter.name or "").lower() == name.lower()]
    same = same or [adapter for adapter in adapters if adapter.description.lower() == name.lower()]
    if not same:
        existing = ", ".join(f"{adapter} ({adapter.description})" for adapter in adapters) or "none"
        text = f"this host has no network adapter '{name}' that a switch can use; it has {existing}"
        raise Missing(text, option="net_adapters", adapter=name)
    if len(same) > 1:
        names = ", ".join(map(str, same))
        text = f"{len(same)} network adapters share the description '{name}'; give a name instead: {names}"
        raise Ambiguous(text, option="net_adapters", adapter=name)
    return same[0]


def query_users(host: Target, switch: Switch) -> list[str]:
    """Names of the VMs with an adapter that is connected to the switch."""
    rows = host.client.query(CONNECTION, columns=("InstanceID", "HostResource"), where=f"EnabledState = {CONNECTED}")
    ids = {owner(row["InstanceID"]) for row in rows if any(_leads_to(path, switch) for path in row["HostResource"])}
    if not ids:
        return []
    systems = host.client.query(COMPUTER_SYSTEM, columns=("Name", "ElementName"))
    return sorted(row["ElementName"] for row in systems if is_vm(row) and row["Name"].upper() in ids)


def _leads_to(path: str, switch: Switch) -> bool:
    reference = cim.parse_path(path)
    return reference.class_name.lower() == SWITCH.name.lower() and reference.keys.get("Name", "").upper() == switch.id


def describe(switch: Switch, adapters: list[NetAdapter]) -> dict[str, Any]:
    """A switch in the form that results have."""
    return {
        "name": switch.name,
        "type": switch.type,
        "net_adapters": _names([adapter for adapter in adapters if guid(adapter.id) in switch.adapter_guids]),
        "teaming": switch.teaming,
        "allow_management_os": bool(switch.internals),
        "notes": switch.notes,
    }


def fetch_description(host: Target, switch: Switch) -> dict[str, Any]:
    """The same, with the names of the physical adapters from the host."""
    return describe(switch, query_net_adapters(host))


def predict(current: Mapping[str, Any], steps: Iterable[Step]) -> dict[str, Any]:
    """The description of a switch after these steps."""
    after = dict(current)
    for step in steps:
        after |= {name: value for name, value in step.after.items() if name in after}
    if after["type"] != EXTERNAL:
        after |= {"net_adapters": [], "allow_management_os": after["type"] == INTERNAL}
    return after


# ---- planning ----


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid for options that contradict each other on every host."""
    kind, adapters = params["type"], params["net_adapters"]
    if adapters is not None and not adapters:
        raise Invalid("give at least one network adapter, or omit it", option="net_adapters")
    if adapters and kind in (INTERNAL, PRIVATE):
        text = f"a switch of type '{kind}' has no physical adapter; omit it, or use 'external'"
        raise Invalid(text, option="net_adapters")
    if params["allow_management_os"] is not None and kind in (INTERNAL, PRIVATE):
        always = "is always" if kind == INTERNAL else "is never"
        text = f"the host {always} connected to a switch of type '{kind}'; omit it"
        raise Invalid(text, option="allow_management_os")


class _Goal(NamedTuple):
    """The wanted connections of a switch; None leaves them as they are."""

    adapters: list[NetAdapter] | None
    management_os: bool | None


def plan(host: Target, current: Switch | None, switches: list[Switch], params: Mapping[str, Any]) -> list[Step]:
    """The steps to the settings in the options. Raises Invalid, Missing, Ambiguous, Refused."""
    if current is None:
        return [_plan_new(host, switches, params)]
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "changed")
    goal = _fetch_goal(host, current, switches, params)
    return [*_plan_settings(host, current, params), *_plan_connections(host, current, goal)]


def _refuse_default(current: Switch, change: str) -> None:
    raise Refused(
        f"{current} is the Default Switch, which belongs to Windows and can't be {change}. Create another switch",
        switch=current.name,
    )


def _fetch_wanted_adapters(
    host: Target, current: Switch | None, switches: list[Switch], names: list[str]
) -> list[NetAdapter]:
    """The adapters to connect. Raises Missing, Ambiguous, and Refused if another switch or driver uses an adapter."""
    chosen = choose(query_net_adapters(host), names)
    connected = current.adapter_guids if current else set()
    for adapter in chosen:
        if guid(adapter.id) in connected:
            continue
        holder = next((switch for switch in switches if guid(adapter.id) in switch.adapter_guids), None)
        if holder or adapter.port["IsBound"]:
            raise Refused(
                f"{adapter} is held by {holder or 'something other than a virtual switch'}, and an adapter "
                "belongs to one switch at a time. Remove it from there first, or choose another adapter",
                option="net_adapters",
                adapter=_display_name(adapter),
                switch=holder.name if holder else None,
            )
    return chosen


def _plan_new(host: Target, switches: list[Switch], params: Mapping[str, Any]) -> Step:
    names, name, notes = params["net_adapters"], params["name"], params["notes"]
    kind = params["type"] or (EXTERNAL if names else None)
    if not name:
        raise Missing(f"there is no virtual switch with the id '{params['id']}'", option="id", switch=params["id"])
    if not kind:
        raise Missing(f"there is no virtual switch '{name}'; give its 'type' to create it", option="type", switch=name)
    if kind == EXTERNAL and not names:
        raise Invalid(f"an external switch needs a network adapter; name one for '{name}'", option="net_adapters")
    adapters = _fetch_wanted_adapters(host, None, switches, names) if names else []
    management_os = kind == INTERNAL or (kind == EXTERNAL and params["allow_management_os"] is not False)
    after = {"state": "present", "name": name, "type": kind, "notes": notes or ""}
    if kind == EXTERNAL:
        after |= {"net_adapters": _names(adapters), "allow_management_os": management_os}
        after |= {"teaming": True} if len(adapters) > 1 else {}
    return Step(
        f"create the {kind} virtual switch '{name}'",
        {"state": "absent"},
        after,
        lambda: create(host, name, adapters, management_os, notes),
    )


def _display_name(adapter: NetAdapter) -> str:
    return adapter.name or adapter.description


def _names(adapters: list[NetAdapter]) -> list[str]:
    return sorted((_display_name(adapter) for adapter in adapters), key=str.lower)


def _fetch_goal(host: Target, current: Switch, switches: list[Switch], params: Mapping[str, Any]) -> _Goal:
    """The wanted connections of an existing switch. Raises Refused if Hyper-V would need a new switch."""
    names, management_os = params["net_adapters"], params["allow_management_os"]
    kind = params["type"] or (EXTERNAL if names else current.type)
    if kind != EXTERNAL:
        if management_os is not None:
            text = f"{current} is {current.type}; the option is for an external switch only"
            raise Invalid(text, option="allow_management_os")
        return _Goal([], kind == INTERNAL)
    if not names and current.type != EXTERNAL:
        text = f"{current} is {current.type}; name the network adapter that makes it external"
        raise Invalid(text, option="net_adapters")
    if management_os is None and current.type == PRIVATE:
        management_os = True
    if not names:
        return _Goal(None, management_os)
    adapters = _fetch_wanted_adapters(host, current, switches, names)
    if len(adapters) > 1 and not current.teaming:
        raise Refused(
            f"{current} was created without teaming, which is fixed when a switch is created, so it supports one "
            "network adapter. Name one adapter, or remove the switch (which disconnects its VMs) and recreate it with "
            "all of them",
            option="net_adapters",
            switch=current.name,
        )
    return _Goal(adapters, management_os)


def _plan_settings(host: Target, current: Switch, params: Mapping[str, Any]) -> Iterator[Step]:
    """Notes; and the name, if the switch was chosen by its id."""
    wanted = {"notes": params["notes"], "name": params["name"] if params["id"] else None}
    before = {"notes": current.notes, "name": current.name}
    after = {option: value for option, value in wanted.items() if value is not None and value != before[option]}
    if not after:
        return
    values: dict[str, Any] = {"InstanceID": f"Microsoft:{current.id}"}
    if "notes" in after:
        values["Notes"] = [after["notes"]]
    if "name" in after:
        values["ElementName"] = after["name"]
    what = f"set {', '.join(after)} of {current}"
    text = cim.embedded(SWITCH_SETTINGS, values)
    yield Step(
        what,
        {option: before[option] for option in after},
        after,
        lambda: jobs.call(host, SWITCH_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what),
    )


def _plan_connections(host: Target, current: Switch, goal: _Goal) -> Iterator[Step]:
    """Physical adapters that are removed, added or replaced; then the host's own adapter."""
    if goal.adapters is not None and {guid(adapter.id) for adapter in goal.adapters} != current.adapter_guids:
        what = f"connect {current} to {', '.join(map(str, goal.adapters)) or 'no network adapter'}"
        kind = EXTERNAL if goal.adapters else INTERNAL if goal.management_os else PRIVATE
        yield Step(
            what,
            {"type": current.type, "net_adapters": _fetch_current_names(host, current)},
            {"type": kind, "net_adapters": _names(goal.adapters)},
            lambda: _exchange(host, current, goal.adapters or [], what),
        )
    if goal.management_os is not None and goal.management_os != bool(current.internals):
        yield _plan_management_os(host, current, goal)


def _fetch_current_names(host: Target, current: Switch) -> list[str]:
    return fetch_description(host, current)["net_adapters"] if current.externals else []


def _plan_management_os(host: Target, current: Switch, goal: _Goal) -> Step:
    external = goal.adapters if goal.adapters is not None else current.externals
    if external:
        before, after = {"allow_management_os": not goal.management_os}, {"allow_management_os": goal.management_os}
    else:
        before, after = {"type": current.type}, {"type": INTERNAL if goal.management_os else PRIVATE}
    if goal.management_os:
        what = f"connect the host to {current}"

        def connect() -> None:
            _add_ports(host, current, [_fetch_host_port(host, current.name)], what)

        return Step(what, before, after, connect)
    what = f"disconnect the host from {current}"
    ports = [port["InstanceID"] for port in current.internals]
    return Step(what, before, after, lambda: _remove_ports(host, ports, what))


def plan_removal(host: Target, current: Switch | None, force: bool) -> list[Step]:
    """The step that removes a switch. Raises Refused, listing the VMs that use it, unless ``force`` allows it."""
    if current is None:
        return []
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "removed")
    users = query_users(host, current)
    if users and not force:
        raise Refused(
            f"{current} is in use by {', '.join(map(repr, users))}. Connect them to another switch first "
            "(vm_network_adapter), or disconnect them with 'force: true'",
            option="force",
            switch=current.name,
            vms=users,
        )
    what = f"remove {current}"
    return [
        Step(
            what,
            {"state": "present"},
            {"state": "absent"},
            lambda: jobs.call(host, SWITCH_SERVICE, "DestroySystem", {"AffectedSystem": current.reference}, what=what),
        )
    ]


# ---- writing ----


def create(host: Target, name: str, adapters: list[NetAdapter], management_os: bool, notes: str | None = None) -> None:
    """Create a switch; several adapters form a team (Switch Embedded Teaming), which can't be changed later."""
    settings: dict[str, Any] = {"ElementName": name}
    if notes:
        settings["Notes"] = [notes]
    if len(adapters) > 1:
        settings["TeamingEnabled"] = True
    ports = [_external_port(adapter) for adapter in adapters]
    if management_os:
        # The host's adapter takes the address of a single physical one, to keep its DHCP lease (as New-VMSwitch does).
        address = adapters[0].port["PermanentAddress"] if len(adapters) == 1 else None
        ports.append(_fetch_host_port(host, name, address))
    jobs.call(
        host,
        SWITCH_SERVICE,
        "DefineSystem",
        {
            "SystemSettings": cim.embedded(SWITCH_SETTINGS, settings),
            "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
        },
        what=f"create the virtual switch '{name}'",
    )


def _external_port(adapter: NetAdapter) -> dict[str, Any]:
    return {**ETHERNET_CONNECTION, "HostResource": [adapter.path], "EnabledState": CONNECTED}


def _fetch_host_port(host: Target, name: str, address: str | None = None) -> dict[str, Any]:
    """The port that gives the host its own adapter, which is named after the switch."""
    computer = host.client.query(COMPUTER, columns=("Name",))[0]["Name"]
    reference = Reference(V2, COMPUTER_SYSTEM.name, {"CreationClassName": COMPUTER_SYSTEM.name, "Name": computer})
    port = {**ETHERNET_CONNECTION, "ElementName": name, "HostResource": [reference.path()], "EnabledState": CONNECTED}
    return {**port, "Address": address} if address else port


def _exchange(host: Target, current: Switch, wanted: list[NetAdapter], what: str) -> None:
    """Replace adapters by changing their ports, which keeps the rest of the switch; then add or remove the others."""
    ids = {guid(adapter.id) for adapter in wanted}
    extra = [port for port, device in current.externals if guid(device) not in ids]
    missing = [adapter for adapter in wanted if guid(adapter.id) not in current.adapter_guids]
    while extra and missing:
        text = cim.embedded(CONNECTION, {"InstanceID": extra.pop(), "HostResource": [missing.pop().path]})
        jobs.call(host, SWITCH_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]}, what=what)
    if missing:
        _add_ports(host, current, [_external_port(adapter) for adapter in missing], what)
    if extra:
        _remove_ports(host, extra, what)


def _add_ports(host: Target, current: Switch, ports: list[Mapping[str, Any]], what: str) -> None:
    arguments = {
        "AffectedConfiguration": current.settings_reference,
        "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
    }
    jobs.call(host, SWITCH_SERVICE, "AddResourceSettings", arguments, what=what)


def _remove_ports(host: Target, ports: list[str], what: str) -> None:
    references = [Reference(V2, CONNECTION.name, {"InstanceID": port}) for port in ports]
    jobs.call(host, SWITCH_SERVICE, "RemoveResourceSettings", {"ResourceSettings": references}, what=what)
