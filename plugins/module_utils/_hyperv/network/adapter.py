# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network adapters of VMs: port settings, connection to a switch, and the features of the connection."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Ambiguous, Invalid, Missing, within
from ..._task.mac import format_mac, parse_mac
from ..._task.session import Target
from ..._task.table import BIT_RATE, Property
from ..._wsman import cim
from ..._wsman.cim import CimClass, Reference
from ..._wsman.faults import Fault
from ..schema import CONNECTION, LEGACY_ADAPTER, PORT_BANDWIDTH, PORT_SECURITY, PORT_VLAN, SYNTHETIC_ADAPTER, V2
from ..vm.find import VM, of_vms, owner
from .ethernet import describe_vlan, parse_vlan
from .names import check_name
from .switch import CONNECTED

# Words that are not the name of a switch or a MAC address.
NO_SWITCH, DYNAMIC = "disconnected", "dynamic"

OPTIONS: dict[str, Any] = {
    "switch": {"type": "str"},
    "mac_address": {"type": "str"},
    "legacy": {"type": "bool"},
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
_FASTEST = (1 << 63) - 8  # Set-VMNetworkAdapter takes an Int64, and Hyper-V multiples of 8
BANDWIDTH = (
    Property("weight", "Weight", least=0, most=100),
    Property("minimum", "Reservation", BIT_RATE, least=0, most=_FASTEST),
    Property("maximum", "Limit", BIT_RATE, least=0, most=_FASTEST),
)

# A feature has no row until one of its properties differs from its default.
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
    """A network adapter; ``instance`` has its port settings, ``features`` its feature rows by class name.

    ``connection`` is None if the adapter was never connected, or if the connection was not read.
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
        return self.cls.reference({"InstanceID": self.id})

    @property
    def connection_reference(self) -> Reference:
        return CONNECTION.reference({"InstanceID": f"{self.id}\\C"})

    @property
    def switch(self) -> str | None:
        """The id of the switch that the adapter is connected to."""
        connection = self.connection or {}
        if connection.get("EnabledState") != CONNECTED or not connection.get("HostResource"):
            return None
        return cim.parse_path(connection["HostResource"][0]).keys["Name"].upper()

    @property
    def mac_address(self) -> str:
        """The value of the option: a static address, or ``dynamic``."""
        return (format_mac(self.instance["Address"]) or DYNAMIC) if self.instance["StaticMacAddress"] else DYNAMIC

    def feature(self, cls: CimClass) -> Mapping[str, Any]:
        """The properties of the feature; Hyper-V's defaults if it was never set."""
        return self.features.get(cls.name) or FEATURE_DEFAULTS[cls.name]


class WantedAdapter(NamedTuple):
    """The options of an adapter, parsed; settings that are None or missing are not changed."""

    port: Mapping[str, Any]
    mac_address: str | None
    switch: str | None
    security: Mapping[str, Any]
    vlan: Mapping[str, Any] | None
    bandwidth: Mapping[str, Any]
    legacy: bool | None = None

    @property
    def cls(self) -> CimClass:
        """The class of a new adapter with these options."""
        return LEGACY_ADAPTER if self.legacy else SYNTHETIC_ADAPTER

    @property
    def features(self) -> tuple[CimClass, ...]:
        """The feature classes to read for a plan."""
        options = zip(FEATURES, (self.security, self.vlan, self.bandwidth), strict=True)
        return tuple(cls for cls, wanted in options if wanted)

    @property
    def shares_bandwidth(self) -> set[str]:
        """The bandwidth options that reserve a share of the switch, whose bandwidth mode has to support them."""
        return {option for option in ("weight", "minimum") if self.bandwidth.get(option)}

    def with_spoofing(self, allowed: bool | None) -> WantedAdapter:
        """The same with this MAC address spoofing, unless the options set it or it is None."""
        if allowed is None:
            return self
        return self._replace(security={"mac_spoofing": allowed, **self.security})


@dataclass
class Slot:
    """The adapter that a plan is about; None until a step adds it. Steps that are applied update it."""

    host: Target
    vm: VM
    adapter: Adapter | None
    generation: Callable[[], int]

    def doing(self, write: Callable[[Target, VM, Adapter], Adapter]) -> Callable[[], None]:
        """The function of a step that writes, and keeps the adapter as it is afterwards."""

        def apply() -> None:
            self.adapter = write(self.host, self.vm, self.adapter)

        return apply


# For a task that removes an adapter.
NOTHING = WantedAdapter({}, None, None, {}, None, {})


def parse(params: Mapping[str, Any]) -> WantedAdapter:
    """The options of OPTIONS, and ``name``, which renames the adapter if ``id`` identifies it. Raises Invalid."""
    check_name(params.get("name"))
    mac = params.get("mac_address")
    if mac is not None:
        with within("mac_address"):
            mac = DYNAMIC if mac.strip().lower() == DYNAMIC else format_mac(parse_mac(mac))
    with within("vlan"):
        vlan = parse_vlan(params.get("vlan"))
    with within("bandwidth"):
        bandwidth = table.parse(BANDWIDTH, params.get("bandwidth") or {})
    return WantedAdapter(
        table.parse(PORT, {**params, "name": params.get("name") if params.get("id") else None}),
        mac,
        params.get("switch"),
        table.parse(SECURITY, params),
        vlan,
        bandwidth,
        params.get("legacy"),
    )


def describe(adapter: Adapter) -> dict[str, Any]:
    """The adapter's settings except its switch, named as options are."""
    return {
        "id": adapter.id,
        "name": adapter.name,
        "mac_address": format_mac(adapter.instance["Address"]),
        "dynamic_mac_address": not adapter.instance["StaticMacAddress"],
        "legacy": adapter.cls is LEGACY_ADAPTER,
        "device_naming": bool(adapter.instance.get("DeviceNamingEnabled")),
        **table.read(SECURITY, adapter.feature(PORT_SECURITY)),
        "vlan": describe_vlan(adapter.feature(PORT_VLAN)),
        "bandwidth": table.read(BANDWIDTH, adapter.feature(PORT_BANDWIDTH)),
    }


def _columns(cls: CimClass) -> tuple[str, ...]:
    return _COLUMNS.get(cls.name, tuple(cls.properties))


def fetch(
    host: Target,
    vms: list[VM],
    features: Iterable[CimClass] = (PORT_SECURITY,),
    rows_of: Callable[[CimClass], list[dict[str, Any]]] | None = None,
) -> list[Adapter]:
    """The adapters of these VMs in the order in which the host lists them; one query for each class.

    ``rows_of`` returns the rows of a class if they were read already.
    """
    rows_of = rows_of or partial(query_rows, host, vms)
    ports = [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in rows_of(cls)]
    connections = rows_of(CONNECTION) if ports else []
    return arrange(ports, connections, {cls.name: rows_of(cls) for cls in features if connections})


def query_rows(host: Target, vms: list[VM], cls: CimClass) -> list[dict[str, Any]]:
    """The rows of a class that belong to these VMs; not those of checkpoints and templates."""
    ids = {vm.id for vm in vms}
    rows = host.client.query(cls, columns=_columns(cls), where=of_vms(vms))
    return [row for row in rows if owner(row["InstanceID"]) in ids]


def arrange(
    ports: Iterable[tuple[CimClass, Mapping[str, Any]]],
    connections: Iterable[Mapping[str, Any]],
    features: Mapping[str, Iterable[Mapping[str, Any]]],
) -> list[Adapter]:
    """The adapters that these rows describe: ports with their class, connections, and features by class name.

    They stay in the order of the ports, in which hosts list them as they were added (VM-27).
    """
    connection_of = {_port(row["InstanceID"]): row for row in connections}
    feature_of = {name: {_port(row["InstanceID"]): row for row in rows} for name, rows in features.items()}
    return [
        Adapter(
            owner(row["InstanceID"]),
            cls,
            row,
            connection_of.get(port := _port(row["InstanceID"])),
            {name: rows[port] for name, rows in feature_of.items() if port in rows},
        )
        for cls, row in ports
    ]


def fetch_one(host: Target, vm: VM, name: str | None, id: str | None, wanted: WantedAdapter) -> Adapter | None:
    """The adapter of that literal name or id, with the rows that a plan for ``wanted`` compares; None if none exists.

    Each query is narrow enough to return one row, and so to need one request. Raises Invalid, Ambiguous.
    """
    row = _fetch_port(host, vm, name, id)
    if row is None:
        return None
    like = f"InstanceID LIKE {cim.like_prefix(row['InstanceID'] + chr(92))}"

    def fetch_row(cls: CimClass, *more: str) -> dict[str, Any] | None:
        rows = host.client.query(cls, columns=(*_columns(cls), *more), where=like)
        return rows[0] if rows else None

    features = {cls.name: feature for cls in wanted.features if (feature := fetch_row(cls))}
    connects = wanted.switch or wanted.shares_bandwidth
    connection = fetch_row(CONNECTION, "LastKnownSwitchName") if connects else None
    return Adapter(vm.id, _KINDS[row["__CLASS"]], row, connection, features)


def _fetch_port(host: Target, vm: VM, name: str | None, id: str | None) -> dict[str, Any] | None:
    if id:
        rows = _query_ports(host, f"InstanceID = {cim.quote(f'Microsoft:{vm.id}{chr(92)}{port_id(vm, id)}')}")
    else:
        rows = query_named(host, vm, name or "")
    if len(rows) > 1:
        ids = sorted(row["InstanceID"] for row in rows)
        text = f"{len(rows)} network adapters of {vm} share the name '{name}'; choose one by 'id': {', '.join(ids)}"
        raise Ambiguous(text, option="name", vm=vm.name, adapter=name, ids=ids)
    return rows[0] if rows else None


def query_named(host: Target, vm: VM, name: str) -> list[dict[str, Any]]:
    """The port settings of the VM's adapters with this literal name."""
    prefix = f"Microsoft:{vm.id}\\"
    return _query_ports(host, f"InstanceID LIKE {cim.like_prefix(prefix)} AND ElementName = {cim.quote(name)}")


def query_by_mac(host: Target, address: str) -> list[dict[str, Any]]:
    """The port settings of adapters with this MAC address (as CIM stores it), of any VM or checkpoint; one request."""
    text = f"SELECT * FROM CIM_EthernetPortAllocationSettingData WHERE Address = {cim.quote(address)}"
    try:
        rows = host.client.wql(V2, text, _KINDS)
    except Fault:
        return []
    return [row for row in rows if row["__CLASS"] in _KINDS]


def _query_ports(host: Target, where: str) -> list[dict[str, Any]]:
    """Rows of both kinds of adapters, by one query of their common base class.

    If the result is empty or contains rows of another class, each class is queried separately.
    """
    try:
        rows = host.client.wql(V2, f"SELECT * FROM CIM_EthernetPortAllocationSettingData WHERE {where}", _KINDS)
    except Fault:
        rows = []
    ports = [row for row in rows if row["__CLASS"] in _KINDS]
    if ports and all(row["__CLASS"] in _KINDS or row["__CLASS"] == CONNECTION.name for row in rows):
        return ports
    return [
        {**row, "__CLASS": name}
        for name, cls in _KINDS.items()
        for row in host.client.query(cls, columns=_columns(cls), where=where)
    ]


def port_id(vm: VM, id: str) -> str:
    """The adapter's own part of an id that vm_info returned, or of a bare GUID. Raises Invalid."""
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


def _port(instance_id: str) -> str:
    """``microsoft:<vm>\\<adapter>`` of an adapter, its connection or a feature; hosts write GUIDs in either case."""
    return "\\".join(instance_id.lower().split("\\")[:2])


def select(vm: VM, adapters: list[Adapter], names: list[str] | None) -> list[Adapter]:
    """The adapters of these literal names (compared without case), or all adapters. Raises Missing."""
    if names is None:
        return adapters
    selected = []
    for name in names:
        same = [adapter for adapter in adapters if adapter.name.lower() == name.lower()]
        if not same:
            existing = ", ".join(f"'{adapter.name}'" for adapter in adapters) or "none"
            text = f"{vm} has no network adapter '{name}'; it has {existing}"
            raise Missing(text, option="adapters", vm=vm.name, adapter=name)
        selected += same
    return selected


def label(adapter: Adapter, adapters: list[Adapter]) -> str:
    """The adapter's name, followed by its id if it shares the name with another adapter."""
    shared = sum(other.name.lower() == adapter.name.lower() for other in adapters) > 1
    return f"{adapter.name} ({adapter.id.rpartition(chr(92))[2]})" if shared else adapter.name
