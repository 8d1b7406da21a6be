# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network adapters of VMs: port setting, connection to a switch, and the features of that connection."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Ambiguous, Invalid, Missing, within
from ..._task.session import Target
from ..._task.table import BIT_RATE, Property
from ..._wsman import cim
from ..._wsman.cim import CimClass, Reference
from ..._wsman.faults import Fault
from ..schema import CONNECTION, LEGACY_ADAPTER, PORT_BANDWIDTH, PORT_SECURITY, PORT_VLAN, SWITCH, SYNTHETIC_ADAPTER, V2
from ..vm.find import VM, of_vms, owner
from .ethernet import describe_vlan, format_mac, parse_mac, parse_vlan

CONNECTED, DISCONNECTED = 2, 3  # EnabledState of a connection

# Words that stand for something else than a switch or an address of that name.
NO_SWITCH, DYNAMIC = "disconnected", "dynamic"

OPTIONS: dict[str, Any] = {
    "switch": {"type": "str"},
    "mac_address": {"type": "str"},
    "device_naming": {"type": "bool"},
    "mac_spoofing": {"type": "bool"},
    "allow_teaming": {"type": "bool"},
    "dhcp_guard": {"type": "bool"},
    "router_guard": {"type": "bool"},
    "vlan": {
        "type": "dict",
        "options": {
            "mode": {"type": "str", "choices": ["untagged", "access", "trunk"], "required": True},
            "id": {"type": "int"},
            "native_id": {"type": "int"},
            "allowed_ids": {"type": "list", "elements": "str"},
        },
        "required_if": [("mode", "access", ("id",)), ("mode", "trunk", ("allowed_ids",))],
    },
    "bandwidth": {
        "type": "dict",
        "options": {"weight": {"type": "int"}, "minimum": {"type": "str"}, "maximum": {"type": "str"}},
    },
}

PORT = (Property("name", "ElementName"), Property("device_naming", "DeviceNamingEnabled"))
SECURITY = (
    Property("mac_spoofing", "AllowMacSpoofing"),
    Property("allow_teaming", "AllowTeaming"),
    Property("dhcp_guard", "EnableDhcpGuard"),
    Property("router_guard", "EnableRouterGuard"),
)
BANDWIDTH = (
    Property("weight", "Weight", least=0, most=100),
    Property("minimum", "Reservation", BIT_RATE),
    Property("maximum", "Limit", BIT_RATE),
)

# A feature row is absent until something differs from its defaults.
FEATURE_DEFAULTS: dict[str, dict[str, Any]] = {
    PORT_SECURITY.name: {row.cim: False for row in SECURITY},
    PORT_VLAN.name: {"OperationMode": 0, "AccessVlanId": 0, "NativeVlanId": 0, "TrunkVlanIdArray": []},
    PORT_BANDWIDTH.name: {row.cim: 0 for row in BANDWIDTH},
}
FEATURES = (PORT_SECURITY, PORT_VLAN, PORT_BANDWIDTH)

_KINDS = {cls.name: cls for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER)}
_COLUMNS: dict[str, tuple[str, ...]] = {
    SYNTHETIC_ADAPTER.name: ("InstanceID", "ElementName", "Address", "StaticMacAddress", "DeviceNamingEnabled"),
    CONNECTION.name: ("InstanceID", "HostResource", "EnabledState"),
}


class Adapter(NamedTuple):
    """One adapter; ``instance`` is its port setting, ``features`` its feature rows by class name.

    ``connection`` is None for an adapter that was never connected, and where it wasn't read.
    """

    vm: str
    cls: CimClass
    instance: Mapping[str, Any]
    connection: Mapping[str, Any] | None
    features: Mapping[str, Mapping[str, Any]]

    @property
    def id(self) -> str:
        return self.instance["InstanceID"]

    @property
    def name(self) -> str:
        return self.instance["ElementName"] or ""

    @property
    def reference(self) -> Reference:
        return Reference(V2, self.cls.name, {"InstanceID": self.id})

    @property
    def connection_reference(self) -> Reference:
        return Reference(V2, CONNECTION.name, {"InstanceID": f"{self.id}\\C"})

    @property
    def switch(self) -> str | None:
        """The id of the switch that the adapter is connected to."""
        connection = self.connection or {}
        if connection.get("EnabledState") != CONNECTED or not connection.get("HostResource"):
            return None
        return cim.parse_path(connection["HostResource"][0]).keys["Name"].upper()

    @property
    def mac_address(self) -> str:
        """The option's value: a static address, or ``dynamic``."""
        return (format_mac(self.instance["Address"]) or DYNAMIC) if self.instance["StaticMacAddress"] else DYNAMIC

    def feature(self, cls: CimClass) -> Mapping[str, Any]:
        """The feature's properties, with Hyper-V's defaults where it was never set."""
        return self.features.get(cls.name) or FEATURE_DEFAULTS[cls.name]


class Wanted(NamedTuple):
    """What a task asks of an adapter, parsed; None and missing options are left alone."""

    port: Mapping[str, Any]
    mac_address: str | None
    switch: str | None
    security: Mapping[str, Any]
    vlan: Mapping[str, Any] | None
    bandwidth: Mapping[str, Any]

    @property
    def features(self) -> tuple[CimClass, ...]:
        """The feature classes that have to be read for it."""
        asked = zip(FEATURES, (self.security, self.vlan, self.bandwidth), strict=True)
        return tuple(cls for cls, wanted in asked if wanted)

    def with_spoofing(self, allowed: bool | None) -> Wanted:
        """The same with MAC address spoofing as another option asks for it, unless the task sets it."""
        if allowed is None or "mac_spoofing" in self.security:
            return self
        return self._replace(security={**self.security, "mac_spoofing": allowed})

    @property
    def shares_bandwidth(self) -> set[str]:
        """The options that claim a share of the switch, which it has to have been made for."""
        return {option for option in ("weight", "minimum") if self.bandwidth.get(option)}


@dataclass
class Slot:
    """The adapter that a plan is about, None as long as there is none; steps put in what they make of it."""

    host: Target
    vm: VM
    adapter: Adapter | None
    generation: Callable[[], int]

    def doing(self, write: Callable[[Target, VM, Adapter], Adapter]) -> Callable[[], None]:
        def apply() -> None:
            self.adapter = write(self.host, self.vm, self.adapter)

        return apply


# For a task that looks for an adapter only to remove it.
NOTHING = Wanted({}, None, None, {}, None, {})


def parse(params: Mapping[str, Any]) -> Wanted:
    """The options of OPTIONS, and ``name``, which renames where ``id`` is what chooses. Raises Invalid."""
    mac = params.get("mac_address")
    if mac is not None:
        mac = DYNAMIC if mac.strip().lower() == DYNAMIC else format_mac(parse_mac(mac))
    bandwidth = params.get("bandwidth") or {}
    with within("bandwidth"):
        rates = table.parse(BANDWIDTH, bandwidth)
    return Wanted(
        table.parse(PORT, {**params, "name": params.get("name") if params.get("id") else None}),
        mac,
        params.get("switch"),
        table.parse(SECURITY, params),
        parse_vlan(params.get("vlan")),
        rates,
    )


def describe(one: Adapter) -> dict[str, Any]:
    """The adapter's settings in the words of the options, its switch aside."""
    return {
        "id": one.id,
        "name": one.name,
        "mac_address": format_mac(one.instance["Address"]),
        "dynamic_mac_address": not one.instance["StaticMacAddress"],
        "device_naming": bool(one.instance.get("DeviceNamingEnabled")),
        **table.read(SECURITY, one.feature(PORT_SECURITY)),
        "vlan": describe_vlan(one.feature(PORT_VLAN)),
        "bandwidth": table.read(BANDWIDTH, one.feature(PORT_BANDWIDTH)),
    }


def _columns(cls: CimClass) -> tuple[str, ...]:
    return _COLUMNS.get(cls.name, tuple(cls.properties))


def fetch(
    host: Target,
    vms: list[VM],
    features: Iterable[CimClass] = (PORT_SECURITY,),
    rows_of: Callable[[CimClass], list[dict[str, Any]]] | None = None,
) -> list[Adapter]:
    """The adapters of these VMs in the order of their ids; each class is read once, whatever the number of VMs.

    ``rows_of`` gives the rows of a class where they were read already.
    """
    rows_of = rows_of or partial(query_rows, host, vms)
    ports = [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in rows_of(cls)]
    connections = rows_of(CONNECTION) if ports else []
    return arrange(ports, connections, {cls.name: rows_of(cls) for cls in features if connections})


def query_rows(host: Target, vms: list[VM], cls: CimClass) -> list[dict[str, Any]]:
    """The rows of a class that are of these VMs, not of checkpoints or templates."""
    wanted = {vm.id for vm in vms}
    found = host.client.query(cls, columns=_columns(cls), where=of_vms(vms))
    return [row for row in found if owner(row["InstanceID"]) in wanted]


def arrange(
    ports: Iterable[tuple[CimClass, Mapping[str, Any]]],
    connections: Iterable[Mapping[str, Any]],
    features: Mapping[str, Iterable[Mapping[str, Any]]],
) -> list[Adapter]:
    """Put rows together: ports with their class, connections, and feature rows by class name."""
    by_port = {_port(row["InstanceID"]): row for row in connections}
    found = {name: {_port(row["InstanceID"]): row for row in of_class} for name, of_class in features.items()}
    return [
        Adapter(
            owner(row["InstanceID"]),
            cls,
            row,
            by_port.get(port := _port(row["InstanceID"])),
            {name: of_class[port] for name, of_class in found.items() if port in of_class},
        )
        for cls, row in sorted(ports, key=lambda one: one[1]["InstanceID"].lower())
    ]


def fetch_one(host: Target, vm: VM, name: str | None, id: str | None, wanted: Wanted) -> Adapter | None:
    """The one adapter of that literal name or id, with what ``wanted`` is compared to; None where there is none.

    Every query is narrow enough to be answered by one row, and so by one request. Raises Ambiguous.
    """
    prefix = f"Microsoft:{vm.id}\\"
    if id:
        where = f"InstanceID = {cim.quote(prefix + port_id(vm, id))}"
    else:
        where = f"InstanceID LIKE {cim.like_prefix(prefix)} AND ElementName = {cim.quote(name or '')}"
    rows = _query_ports(host, where)
    if len(rows) > 1:
        ids = sorted(row["InstanceID"] for row in rows)
        raise Ambiguous(
            f"{len(rows)} network adapters of {vm} share the name '{name}'; choose one by 'id': {', '.join(ids)}",
            option="name",
            vm=vm.name,
            adapter=name,
            ids=ids,
        )
    if not rows:
        return None
    row = rows[0]
    like = f"InstanceID LIKE {cim.like_prefix(row['InstanceID'] + chr(92))}"

    def one_row(cls: CimClass, *more: str) -> dict[str, Any] | None:
        found = host.client.query(cls, columns=(*_columns(cls), *more), where=like)
        return found[0] if found else None

    features = {cls.name: feature for cls in wanted.features if (feature := one_row(cls))}
    return Adapter(
        vm.id,
        _KINDS[row["__CLASS"]],
        row,
        one_row(CONNECTION, "LastKnownSwitchName") if wanted.switch or wanted.shares_bandwidth else None,
        features,
    )


def _query_ports(host: Target, where: str) -> list[dict[str, Any]]:
    """Rows of both kinds of adapters, by one query of the class that they have in common.

    WMI answers with instances of their own classes. Where one comes as something else, or there is none, which isn't
    to be believed lightly, each kind is asked for by itself.
    """
    try:
        rows = host.client.wql(V2, f"SELECT * FROM CIM_EthernetPortAllocationSettingData WHERE {where}", _KINDS)
    except Fault:
        rows = []
    found = [row for row in rows if row["__CLASS"] in _KINDS]
    if found and all(row["__CLASS"] in _KINDS or row["__CLASS"] == CONNECTION.name for row in rows):
        return found
    return [
        {**row, "__CLASS": name}
        for name, cls in _KINDS.items()
        for row in host.client.query(cls, columns=_columns(cls), where=where)
    ]


def port_id(vm: VM, id: str) -> str:
    """The adapter's part of an id as vm_info returns it, or of a bare GUID. Raises Invalid."""
    head, _slash, tail = id.rpartition("\\")
    try:
        port = str(uuid.UUID(tail)).upper()
    except ValueError as error:
        raise Invalid(
            f"'{id}' is not an adapter's id, which looks like Microsoft:{vm.id}\\7C9E6679-7425-40DE-944B-E07FC1F90AE7",
            option="id",
        ) from error
    if head and head.lower() != f"microsoft:{vm.id}".lower():
        raise Invalid(f"the adapter '{id}' doesn't belong to {vm}, whose id is {vm.id}", option="id")
    return port


def fetch_switch(host: Target, text: str) -> tuple[str, str]:
    """Id and name of the one switch of that literal name or id. Raises Missing, Ambiguous."""
    where = f"ElementName = {cim.quote(text)}"
    with suppress(ValueError):
        where += f" OR Name = {cim.quote(str(uuid.UUID(text)))}"
    rows = host.client.query(SWITCH, columns=("Name", "ElementName"), where=where)
    if len(rows) > 1:
        ids = sorted(row["Name"].upper() for row in rows)
        raise Ambiguous(
            f"{len(rows)} virtual switches share the name '{text}'; give the id instead: {', '.join(ids)}",
            option="switch",
            switch=text,
            ids=ids,
        )
    if not rows and host.predicts("switch", text):
        return "to be made", text  # an id that no switch has, so that connecting to it is a change
    if not rows:
        there = sorted(row["ElementName"] for row in host.client.query(SWITCH, columns=("Name", "ElementName")))
        raise Missing(
            f"there is no virtual switch '{text}'; this host has {', '.join(map(repr, there)) or 'none'}",
            option="switch",
            switch=text,
        )
    return rows[0]["Name"].upper(), rows[0]["ElementName"]


def _port(instance_id: str) -> str:
    """``microsoft:<vm>\\<adapter>`` of an adapter, its connection or a feature: GUIDs come in either case."""
    return "\\".join(instance_id.lower().split("\\")[:2])


def select(vm: VM, adapters: list[Adapter], names: list[str] | None) -> list[Adapter]:
    """The adapters of these literal names (compared without case), or all. Raises Missing."""
    if names is None:
        return adapters
    chosen = []
    for name in names:
        same = [adapter for adapter in adapters if adapter.name.lower() == name.lower()]
        if not same:
            there = ", ".join(f"'{adapter.name}'" for adapter in adapters) or "none"
            raise Missing(
                f"{vm} has no network adapter '{name}'; it has {there}", option="adapters", vm=vm.name, adapter=name
            )
        chosen += same
    return chosen


def label(one: Adapter, adapters: list[Adapter]) -> str:
    """The adapter's name, with its id where it shares the name with another one."""
    shared = sum(other.name.lower() == one.name.lower() for other in adapters) > 1
    return f"{one.name} ({one.id.rpartition(chr(92))[2]})" if shared else one.name
