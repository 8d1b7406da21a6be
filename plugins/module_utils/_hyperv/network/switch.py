# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual switches and their connections (Msvm_VirtualEthernetSwitchManagementService)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from ..._task import table
from ..._task.errors import Ambiguous, Invalid, MethodFailed, Missing
from ..._task.session import Target
from ..._task.table import Kind, Property, choice
from ..._wsman import cim
from ..._wsman.cim import Instance, Reference
from ..schema import COMPUTER_SYSTEM, CONNECTION, EXTERNAL_PORT, NET_ADAPTER, SWITCH, SWITCH_SETTINGS
from ..vm.find import is_vm, owner

PRIVATE, INTERNAL, EXTERNAL = "private", "internal", "external"
CONNECTED, DISCONNECTED = 2, 3  # EnabledState of a port
ETHERNET_CONNECTION = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}

# Bandwidth modes of a switch (New-VMSwitch -MinimumBandwidthMode); by default the host chooses one of the others.
BY_DEFAULT, BY_WEIGHT, BY_BITS, NO_SHARES = "default", "weight", "absolute", "none"
_MODE = choice({BY_DEFAULT: 0, BY_WEIGHT: 1, BY_BITS: 2, NO_SHARES: 3})
_FLAG = Kind(read=bool)
# Settings that Hyper-V fixes when it creates a switch.
FIXED = (
    Property("teaming", "TeamingEnabled", _FLAG),
    Property("bandwidth_mode", "BandwidthReservationMode", _MODE._replace(read=lambda mode: _MODE.read(mode or 0))),
    Property("iov", "IOVPreferred", _FLAG),
)

# The Default Switch of client Windows, with NAT and DHCP: its id is the same everywhere, its name is localized.
DEFAULT_SWITCH = "C08CB7B8-9B3C-408E-8E30-5E16A3AEB444"

OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "id": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "type": {"type": "str", "choices": [INTERNAL, PRIVATE, EXTERNAL]},
    "net_adapters": {"type": "list", "elements": "str"},
    "allow_management_os": {"type": "bool"},
    "teaming": {"type": "bool"},
    "bandwidth_mode": {"type": "str", "choices": [BY_BITS, BY_WEIGHT, BY_DEFAULT, NO_SHARES]},
    "iov": {"type": "bool"},
    "notes": {"type": "str"},
    "force": {"type": "bool", "default": False},
}


class SwitchName(NamedTuple):
    """Id and name of a switch."""

    id: str
    name: str


class Switch(NamedTuple):
    """A switch and its ports: (InstanceID, DeviceID) of those to physical adapters, rows of those to the host.

    ``fixed`` has the options of FIXED.
    """

    id: str
    name: str
    notes: str
    fixed: Mapping[str, Any]
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
        return SWITCH.reference({"CreationClassName": SWITCH.name, "Name": self.id})

    @property
    def settings_reference(self) -> Reference:
        return SWITCH_SETTINGS.reference({"InstanceID": f"Microsoft:{self.id}"})

    def __str__(self) -> str:
        return f"virtual switch '{self.name}'"


Named = TypeVar("Named", Switch, SwitchName)


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
    fixed = tuple(row.cim for row in FIXED)
    settings = host.client.query(SWITCH_SETTINGS, columns=("InstanceID", "ElementName", "Notes", *fixed))
    ids = {owner(row["InstanceID"]): row for row in settings if is_switch(row["InstanceID"])}
    conditions = [f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{id}')}" for id in ids]
    columns = ("InstanceID", "ElementName", "Address", "HostResource")
    ports: dict[str, list[dict[str, Any]]] = {id: [] for id in ids}
    # A few conditions at a time: the class also has the connections of all VMs, and WMI limits the length of a query.
    for first in range(0, len(conditions), 16):
        where = " OR ".join(conditions[first : first + 16])
        for row in host.client.query(CONNECTION, columns=columns, where=where):
            ports.setdefault(owner(row["InstanceID"]), []).append(row)
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
    existing = ", ".join(repr(name) for name in sorted(switch.name for switch in _query_names(host))) or "none"
    raise Missing(f"there is no virtual switch '{text}'; this host has {existing}", option=option, switch=text)


def _query_names(host: Target, where: str | None = None) -> list[SwitchName]:
    rows = host.client.query(SWITCH, columns=("Name", "ElementName"), where=where)
    return [SwitchName(row["Name"].upper(), row["ElementName"] or "") for row in rows]


def is_switch(instance_id: str) -> bool:
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
    notes = "\n".join(row["Notes"] or [])
    return Switch(id, row["ElementName"] or "", notes, table.read(FIXED, row), tuple(externals), tuple(internals))


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


def fetch_again(host: Target, text: str) -> Switch:
    """The switch of that name or id, which the task has just changed. Raises MethodFailed if it is gone."""
    found = pick(fetch_all(host), text)
    if found is None:
        raise MethodFailed(f"the virtual switch '{text}' is gone; something else has removed it meanwhile", switch=text)
    return found


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
    return sorted(named, key=lambda adapter: adapter_name(adapter).lower())


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
    ids = {owner(row["InstanceID"]) for row in rows if any(leads_to(path, switch) for path in row["HostResource"])}
    if not ids:
        return []
    systems = host.client.query(COMPUTER_SYSTEM, columns=("Name", "ElementName"))
    return sorted(row["ElementName"] for row in systems if is_vm(row) and row["Name"].upper() in ids)


def leads_to(path: str, switch: Switch) -> bool:
    """Whether the HostResource of a connection is this switch."""
    reference = cim.parse_path(path)
    return reference.class_name.lower() == SWITCH.name.lower() and reference.keys.get("Name", "").upper() == switch.id


def describe(switch: Switch, adapters: list[NetAdapter]) -> dict[str, Any]:
    """A switch in the form that results have."""
    return {
        "name": switch.name,
        "type": switch.type,
        "net_adapters": adapter_names([adapter for adapter in adapters if guid(adapter.id) in switch.adapter_guids]),
        "allow_management_os": bool(switch.internals),
        **{row.option: switch.fixed[row.option] for row in FIXED},
        "notes": switch.notes,
    }


def fetch_description(host: Target, switch: Switch) -> dict[str, Any]:
    """The same, with the names of the physical adapters from the host."""
    return describe(switch, query_net_adapters(host))


def adapter_name(adapter: NetAdapter) -> str:
    """The name by which options choose the adapter."""
    return adapter.name or adapter.description


def adapter_names(adapters: Iterable[NetAdapter]) -> list[str]:
    """The names in the order that results have."""
    return sorted((adapter_name(adapter) for adapter in adapters), key=str.lower)
