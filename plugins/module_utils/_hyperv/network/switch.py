# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual switches and what they are connected to (Msvm_VirtualEthernetSwitchManagementService)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

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
CONNECTED = 2  # EnabledState of a port
_ETHERNET_CONNECTION = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}

# The switch that client Windows makes for itself and gives addresses to; the same id everywhere, its name localized.
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


class Switch(NamedTuple):
    """A switch with its own ports: those to physical adapters as (InstanceID, DeviceID), those to the host as rows."""

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
        """The physical adapters, as guid() writes them."""
        return {guid(device) for _port, device in self.externals}

    @property
    def reference(self) -> Reference:
        return Reference(V2, SWITCH.name, {"CreationClassName": SWITCH.name, "Name": self.id})

    @property
    def settings_reference(self) -> Reference:
        return Reference(V2, SWITCH_SETTINGS.name, {"InstanceID": f"Microsoft:{self.id}"})

    def __str__(self) -> str:
        return f"virtual switch '{self.name}'"


# A switch that is to be, in the words of describe().
NEW: dict[str, Any] = {
    "name": "",
    "type": PRIVATE,
    "net_adapters": [],
    "teaming": False,
    "allow_management_os": False,
    "notes": "",
}


class NetAdapter(NamedTuple):
    """A physical adapter that a switch can take: its port (Msvm_ExternalEthernetPort), and what Windows calls it."""

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


def read(host: Target) -> list[Switch]:
    """All switches, by name."""
    settings = host.client.query(SWITCH_SETTINGS, columns=("InstanceID", "ElementName", "Notes", "TeamingEnabled"))
    ids = {owner(row["InstanceID"]): row for row in settings if _is_switch(row["InstanceID"])}
    conditions = [f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{id}')}" for id in ids]
    columns = ("InstanceID", "ElementName", "Address", "HostResource")
    ports: dict[str, list[dict[str, Any]]] = {id: [] for id in ids}
    # A few conditions at a time: the same table holds the connections of all VMs, and WMI limits the length of a query.
    for first in range(0, len(conditions), 16):
        where = " OR ".join(conditions[first : first + 16])
        for row in host.client.query(CONNECTION, columns=columns, where=where):
            ports[owner(row["InstanceID"])].append(row)
    found = [_switch(id, row, ports[id]) for id, row in ids.items()]
    return sorted(found, key=lambda one: (one.name.lower(), one.id))


def _is_switch(instance_id: str) -> bool:
    """Templates are settings as well: ``Microsoft:Definition\\…``."""
    return re.fullmatch(r"Microsoft:[0-9A-F-]{36}", instance_id, re.IGNORECASE) is not None


def _switch(id: str, row: Mapping[str, Any], ports: list[dict[str, Any]]) -> Switch:
    externals, internals = [], []
    for port in sorted(ports, key=lambda port: port["InstanceID"].lower()):
        # A team has one port for each adapter, or one for all of them: either is understood.
        for path in port["HostResource"]:
            reference = cim.parse_path(path)
            if reference.class_name.lower() == COMPUTER_SYSTEM.name.lower():
                internals.append(port)
            else:
                externals.append((port["InstanceID"], reference.keys.get("DeviceID", "")))
    notes, teaming = "\n".join(row["Notes"] or []), bool(row["TeamingEnabled"])
    return Switch(id, row["ElementName"] or "", notes, teaming, tuple(externals), tuple(internals))


def pick(switches: list[Switch], text: str, option: str = "name") -> Switch | None:
    """The one switch of that literal name (compared without case) or id. Raises Ambiguous."""
    same = [one for one in switches if text.lower() in (one.name.lower(), one.id.lower())]
    if len(same) > 1:
        ids = sorted(one.id for one in same)
        raise Ambiguous(
            f"{len(same)} virtual switches share the name '{text}'; give the id instead: {', '.join(ids)}",
            option=option,
            switch=text,
            ids=ids,
        )
    return same[0] if same else None


def switch_id(text: str) -> str:
    """A switch's GUID in the form that CIM keys have. Raises Invalid."""
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError as error:
        raise Invalid(f"'{text}' is not a switch id, which looks like {DEFAULT_SWITCH}", option="id") from error


def net_adapters(host: Target) -> list[NetAdapter]:
    """The physical adapters that switches can take, with the names they have in Windows."""
    ports = host.client.query(EXTERNAL_PORT, columns=tuple(EXTERNAL_PORT.properties))
    rows = host.client.query(NET_ADAPTER, columns=("DeviceID", "Name", "InterfaceDescription"))
    return name_ports(ports, rows)


def name_ports(ports: list[Instance], adapters: list[Instance]) -> list[NetAdapter]:
    """Ports (Msvm_ExternalEthernetPort) with the names of their adapters (MSFT_NetAdapter)."""
    named = {guid(row["DeviceID"]): row for row in adapters}
    found = []
    for port in ports:
        row = named.get(guid(port["DeviceID"]), {})
        description = row.get("InterfaceDescription") or port["ElementName"] or ""
        found.append(NetAdapter(port, row.get("Name"), description))
    return sorted(found, key=lambda one: (one.name or one.description).lower())


def guid(device_id: str) -> str:
    """The GUID within ``{GUID}`` or ``Microsoft:{GUID}``, in lower case."""
    return device_id.rpartition(":")[2].strip("{}").lower()


def choose(adapters: list[NetAdapter], names: list[str]) -> list[NetAdapter]:
    """The adapters of these literal names or descriptions, each once. Raises Missing, Ambiguous."""
    chosen: list[NetAdapter] = []
    for name in names:
        same = [one for one in adapters if (one.name or "").lower() == name.lower()] or [
            one for one in adapters if one.description.lower() == name.lower()
        ]
        if not same:
            there = ", ".join(f"{one} ({one.description})" for one in adapters) or "none"
            raise Missing(
                f"this host has no network adapter '{name}' that a switch can take; it has {there}",
                option="net_adapters",
                adapter=name,
            )
        if len(same) > 1:
            raise Ambiguous(
                f"{len(same)} network adapters share the description '{name}'; give a name instead: "
                f"{', '.join(map(str, same))}",
                option="net_adapters",
                adapter=name,
            )
        if same[0] not in chosen:
            chosen.append(same[0])
    return chosen


def users(host: Target, switch: Switch) -> list[str]:
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


def describe(one: Switch, adapters: list[NetAdapter]) -> dict[str, Any]:
    """A switch as results show it."""
    return {
        "name": one.name,
        "type": one.type,
        "net_adapters": _names([adapter for adapter in adapters if guid(adapter.id) in one.adapter_guids]),
        "teaming": one.teaming,
        "allow_management_os": bool(one.internals),
        "notes": one.notes,
    }


def predict(now: Mapping[str, Any], steps: Iterable[Step]) -> dict[str, Any]:
    """The same, as the steps leave it."""
    after = dict(now)
    for one in steps:
        after |= {name: value for name, value in one.after.items() if name in after}
    if after["type"] != EXTERNAL:
        after |= {"net_adapters": [], "allow_management_os": after["type"] == INTERNAL}
    return after


# ---- planning ----


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid for options that contradict each other, whatever the host has."""
    kind, adapters = params["type"], params["net_adapters"]
    if adapters is not None and not adapters:
        raise Invalid("give at least one network adapter, or leave it out", option="net_adapters")
    if adapters and kind in (INTERNAL, PRIVATE):
        raise Invalid(
            f"a switch of type '{kind}' has no physical adapter; leave it out, or use 'external'", option="net_adapters"
        )
    if params["allow_management_os"] is not None and kind in (INTERNAL, PRIVATE):
        always = "is always" if kind == INTERNAL else "is never"
        raise Invalid(
            f"the host {always} connected to a switch of type '{kind}'; leave it out", option="allow_management_os"
        )


class _Goal(NamedTuple):
    """What a switch shall be connected to; None leaves as it is."""

    adapters: list[NetAdapter] | None
    management_os: bool | None


def plan(host: Target, current: Switch | None, switches: list[Switch], params: Mapping[str, Any]) -> list[Step]:
    """The steps to what the options ask for. Raises Invalid, Missing, Refused."""
    check(params)
    if current is None:
        return [_plan_new(host, switches, params)]
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "changed")
    goal = _goal(host, current, switches, params)
    return [
        *_plan_settings(host, current, params),
        *_plan_connections(host, current, goal),
    ]


def _refuse_default(current: Switch, done: str) -> None:
    raise Refused(
        f"{current} is the Default Switch, which belongs to Windows and can't be {done}. Make a switch of your own",
        switch=current.name,
    )


def _wanted_adapters(
    host: Target, current: Switch | None, switches: list[Switch], names: list[str]
) -> list[NetAdapter]:
    """The adapters to connect. Raises Refused for one that something else holds."""
    chosen = choose(net_adapters(host), names)
    mine = current.adapter_guids if current else set()
    for one in chosen:
        if guid(one.id) in mine:
            continue
        holder = next((switch for switch in switches if guid(one.id) in switch.adapter_guids), None)
        if holder or one.port["IsBound"]:
            raise Refused(
                f"{one} is held by {holder or 'something else than a virtual switch'}, and an adapter "
                "belongs to one switch at a time. Take it from there first, or choose another one",
                option="net_adapters",
                adapter=one.name or one.description,
                switch=holder.name if holder else None,
            )
    return chosen


def _plan_new(host: Target, switches: list[Switch], params: Mapping[str, Any]) -> Step:
    names, kind, name = params["net_adapters"], params["type"], params["name"]
    kind = kind or (EXTERNAL if names else None)
    if not name:
        raise Missing(f"there is no virtual switch with the id '{params['id']}'", option="id", switch=params["id"])
    if not kind:
        raise Missing(f"there is no virtual switch '{name}'; give its 'type' to make it", switch=name)
    if kind == EXTERNAL and not names:
        raise Invalid(f"an external switch needs a network adapter; name one for '{name}'", option="net_adapters")
    adapters = _wanted_adapters(host, None, switches, names) if names else []
    management_os = kind == INTERNAL or (kind == EXTERNAL and params["allow_management_os"] is not False)
    shown = {"state": "present", "name": name, "type": kind, "notes": params["notes"] or ""}
    if kind == EXTERNAL:
        shown |= {"net_adapters": _names(adapters), "allow_management_os": management_os}
        shown |= {"teaming": True} if len(adapters) > 1 else {}
    what = f"make the {kind} virtual switch '{name}'"
    return Step(
        what,
        {"state": "absent"},
        shown,
        lambda: create(host, name, adapters, management_os, params["notes"]),
    )


def _names(adapters: list[NetAdapter]) -> list[str]:
    return sorted((one.name or one.description for one in adapters), key=str.lower)


def _goal(host: Target, current: Switch, switches: list[Switch], params: Mapping[str, Any]) -> _Goal:
    """What the options mean for this switch. Raises Refused where Hyper-V would need a new one."""
    names, kind = params["net_adapters"], params["type"]
    kind = kind or (EXTERNAL if names else current.type)
    if kind != EXTERNAL:
        if params["allow_management_os"] is not None:
            raise Invalid(
                f"{current} is {current.type}; it counts for an external switch only", option="allow_management_os"
            )
        return _Goal([], kind == INTERNAL)
    if not names and current.type != EXTERNAL:
        raise Invalid(
            f"{current} is {current.type}; name the network adapter that makes it external", option="net_adapters"
        )
    management_os = params["allow_management_os"]
    if management_os is None and current.type == PRIVATE:
        management_os = True
    if not names:
        return _Goal(None, management_os)
    adapters = _wanted_adapters(host, current, switches, names)
    if len(adapters) > 1 and not current.teaming:
        raise Refused(
            f"{current} was made without teaming, which is decided when a switch is made, so it takes "
            "one network adapter. Name one, or remove the switch (its VMs are disconnected then) and make it anew with "
            "all of them",
            option="net_adapters",
            switch=current.name,
        )
    return _Goal(adapters, management_os)


def _plan_settings(host: Target, current: Switch, params: Mapping[str, Any]) -> Iterator[Step]:
    """Notes; and the name, where the switch was chosen by its id."""
    wanted = {"notes": params["notes"], "name": params["name"] if params["id"] else None}
    before = {"notes": current.notes, "name": current.name}
    differing = [option for option, value in wanted.items() if value is not None and value != before[option]]
    if not differing:
        return
    values: dict[str, Any] = {"InstanceID": f"Microsoft:{current.id}"}
    if "notes" in differing:
        values["Notes"] = [wanted["notes"]]
    if "name" in differing:
        values["ElementName"] = wanted["name"]
    what = f"set {', '.join(differing)} of {current}"
    text = cim.embedded(SWITCH_SETTINGS, values)
    yield Step(
        what,
        {option: before[option] for option in differing},
        {option: wanted[option] for option in differing},
        lambda: jobs.call(host, SWITCH_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what),
    )


def _plan_connections(host: Target, current: Switch, goal: _Goal) -> Iterator[Step]:
    """Physical adapters that go, come or take another's place; then the host's own adapter."""
    if goal.adapters is not None and {guid(one.id) for one in goal.adapters} != current.adapter_guids:
        what = f"connect {current} to {', '.join(map(str, goal.adapters)) or 'no network adapter'}"
        kind = EXTERNAL if goal.adapters else INTERNAL if goal.management_os else PRIVATE
        yield Step(
            what,
            {"type": current.type, "net_adapters": _names_of(host, current)},
            {"type": kind, "net_adapters": _names(goal.adapters)},
            lambda: _exchange(host, current, goal.adapters or [], what),
        )
    if goal.management_os is not None and goal.management_os != bool(current.internals):
        yield _plan_management_os(host, current, goal)


def _names_of(host: Target, current: Switch) -> list[str]:
    if not current.externals:
        return []
    return _names([one for one in net_adapters(host) if guid(one.id) in current.adapter_guids])


def _plan_management_os(host: Target, current: Switch, goal: _Goal) -> Step:
    external = goal.adapters if goal.adapters is not None else current.externals
    if external:
        before, after = {"allow_management_os": not goal.management_os}, {"allow_management_os": goal.management_os}
    else:
        before, after = {"type": current.type}, {"type": INTERNAL if goal.management_os else PRIVATE}
    if goal.management_os:
        what = f"connect the host to {current}"
        return Step(what, before, after, lambda: _add_ports(host, current, [_host_port(host, current.name)], what))
    what = f"disconnect the host from {current}"
    ports = [port["InstanceID"] for port in current.internals]
    return Step(what, before, after, lambda: _remove_ports(host, ports, what))


def plan_removal(host: Target, current: Switch | None, force: bool) -> list[Step]:
    """The step that removes a switch. Raises Refused, with the VMs that use it, unless ``force`` allows it."""
    if current is None:
        return []
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "removed")
    using = users(host, current)
    if using and not force:
        raise Refused(
            f"{current} is in use by {', '.join(repr(name) for name in using)}. Connect them to another switch first "
            "(vm_network_adapter), or disconnect them with 'force: true'",
            switch=current.name,
            vms=using,
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
    """Make a switch; several adapters make a team (Switch Embedded Teaming), which can't be decided later."""
    settings: dict[str, Any] = {"ElementName": name}
    if notes:
        settings["Notes"] = [notes]
    if len(adapters) > 1:
        settings["TeamingEnabled"] = True
    ports = [_external_port(one) for one in adapters]
    if management_os:
        # A single adapter's address goes to the host's new one, so that its DHCP lease stays (as New-VMSwitch does).
        address = adapters[0].port["PermanentAddress"] if len(adapters) == 1 else None
        ports.append(_host_port(host, name, address))
    jobs.call(
        host,
        SWITCH_SERVICE,
        "DefineSystem",
        {
            "SystemSettings": cim.embedded(SWITCH_SETTINGS, settings),
            "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
        },
        what=f"make the virtual switch '{name}'",
    )


def _external_port(adapter: NetAdapter) -> dict[str, Any]:
    return {**_ETHERNET_CONNECTION, "HostResource": [adapter.path], "EnabledState": CONNECTED}


def _host_port(host: Target, name: str, address: str | None = None) -> dict[str, Any]:
    """The port that gives the host an adapter of its own, called like the switch."""
    computer = host.client.query(COMPUTER, columns=("Name",))[0]["Name"]
    reference = Reference(V2, COMPUTER_SYSTEM.name, {"CreationClassName": COMPUTER_SYSTEM.name, "Name": computer})
    port = {**_ETHERNET_CONNECTION, "ElementName": name, "HostResource": [reference.path()], "EnabledState": CONNECTED}
    return {**port, "Address": address} if address else port


def _exchange(host: Target, current: Switch, wanted: list[NetAdapter], what: str) -> None:
    """One adapter for another is a change of its port, which keeps the rest of the switch as it is."""
    ids = {guid(one.id) for one in wanted}
    leaving = [port for port, device in current.externals if guid(device) not in ids]
    coming = [one for one in wanted if guid(one.id) not in current.adapter_guids]
    while leaving and coming:
        text = cim.embedded(CONNECTION, {"InstanceID": leaving.pop(), "HostResource": [coming.pop().path]})
        jobs.call(host, SWITCH_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]}, what=what)
    if coming:
        _add_ports(host, current, [_external_port(one) for one in coming], what)
    if leaving:
        _remove_ports(host, leaving, what)


def _add_ports(host: Target, current: Switch, ports: list[Mapping[str, Any]], what: str) -> None:
    arguments = {
        "AffectedConfiguration": current.settings_reference,
        "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
    }
    jobs.call(host, SWITCH_SERVICE, "AddResourceSettings", arguments, what=what)


def _remove_ports(host: Target, ports: list[str], what: str) -> None:
    references = [Reference(V2, CONNECTION.name, {"InstanceID": port}) for port in ports]
    jobs.call(host, SWITCH_SERVICE, "RemoveResourceSettings", {"ResourceSettings": references}, what=what)
