# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network adapters of VMs: port setting, connection to a switch, and the features of that connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._wsman import cim
from .._wsman.cim import CimClass, Reference
from . import jobs
from .errors import Missing
from .schema import CONNECTION, LEGACY_ADAPTER, PORT_SECURITY, PORT_VLAN, SYNTHETIC_ADAPTER, V2, VM_SERVICE
from .session import Host
from .vm import VM, of_vms, owner

CONNECTED, DISCONNECTED = 2, 3  # EnabledState of a connection
_ETHERNET_CONNECTION = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}

# A feature row is absent until something differs from its defaults.
FEATURE_DEFAULTS: dict[str, dict[str, Any]] = {
    PORT_SECURITY.name: {
        "AllowMacSpoofing": False,
        "AllowTeaming": False,
        "EnableDhcpGuard": False,
        "EnableRouterGuard": False,
    },
    PORT_VLAN.name: {"OperationMode": 0, "AccessVlanId": 0, "NativeVlanId": 0, "TrunkVlanIdArray": []},
}


class Adapter(NamedTuple):
    """One adapter; ``instance`` is its port setting, ``features`` its feature rows by class name."""

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
    def switch(self) -> str | None:
        """The id of the switch that the adapter is connected to."""
        connection = self.connection or {}
        if connection.get("EnabledState") != CONNECTED or not connection.get("HostResource"):
            return None
        return cim.parse_path(connection["HostResource"][0]).keys["Name"].upper()

    def feature(self, cls: CimClass) -> Mapping[str, Any]:
        """The feature's properties, with Hyper-V's defaults where it was never set."""
        return self.features.get(cls.name) or FEATURE_DEFAULTS[cls.name]


def read(host: Host, vms: list[VM], features: Iterable[CimClass] = (PORT_SECURITY,)) -> list[Adapter]:
    """The adapters of these VMs in the order of their ids; each class is read once, whatever the number of VMs."""
    where, wanted = of_vms(vms), {vm.id for vm in vms}

    def rows(cls: CimClass) -> list[dict[str, Any]]:
        found = host.client.query(cls, columns=tuple(cls.properties), where=where)
        return [row for row in found if owner(row["InstanceID"]) in wanted]

    ports = [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in rows(cls)]
    connections = {_port(row["InstanceID"]): row for row in rows(CONNECTION)} if ports else {}
    found = {cls.name: {_port(row["InstanceID"]): row for row in rows(cls)} for cls in features if connections}
    return [
        Adapter(
            owner(row["InstanceID"]),
            cls,
            row,
            connections.get(_port(row["InstanceID"])),
            {name: by_port[port] for name, by_port in found.items() if (port := _port(row["InstanceID"])) in by_port},
        )
        for cls, row in sorted(ports, key=lambda port: port[1]["InstanceID"].lower())
    ]


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
            raise Missing(f"adapters: {vm} has no network adapter '{name}'; it has {there}", vm=vm.name, adapter=name)
        chosen += same
    return chosen


def label(one: Adapter, adapters: list[Adapter]) -> str:
    """The adapter's name, with its id where it shares the name with another one."""
    shared = sum(other.name.lower() == one.name.lower() for other in adapters) > 1
    return f"{one.name} ({one.id.rpartition(chr(92))[2]})" if shared else one.name


def set_feature(host: Host, vm: VM, adapter: Adapter, cls: CimClass, values: Mapping[str, Any]) -> None:
    """Write these properties of one feature: its row is modified where it exists, added where it doesn't."""
    what = f"set {', '.join(values)} of adapter '{adapter.name}' of {vm}"
    row = adapter.features.get(cls.name)
    if row:
        text = cim.embedded(cls, {"InstanceID": row["InstanceID"], **values})
        jobs.call(host, VM_SERVICE, "ModifyFeatureSettings", {"FeatureSettings": [text]}, what=what)
        return
    arguments = {
        "AffectedConfiguration": _connection(host, vm, adapter),
        "FeatureSettings": [cim.embedded(cls, values)],
    }
    jobs.call(host, VM_SERVICE, "AddFeatureSettings", arguments, what=what)


def _connection(host: Host, vm: VM, adapter: Adapter) -> Reference:
    """The connection row, which carries the features; an adapter that was never connected gets a disconnected one."""
    if adapter.connection:
        return Reference(V2, CONNECTION.name, {"InstanceID": adapter.connection["InstanceID"]})
    text = cim.embedded(
        CONNECTION, {**_ETHERNET_CONNECTION, "Parent": adapter.reference.path(), "EnabledState": DISCONNECTED}
    )
    answer = jobs.call(
        host,
        VM_SERVICE,
        "AddResourceSettings",
        {"AffectedConfiguration": vm.settings_reference, "ResourceSettings": [text]},
        returns={"ResultingResourceSettings": "ref[]"},
        what=f"add a connection to adapter '{adapter.name}' of {vm}",
    )
    if answer["ResultingResourceSettings"]:
        return answer["ResultingResourceSettings"][0]
    return Reference(V2, CONNECTION.name, {"InstanceID": f"{adapter.id}\\C"})


def format_mac(address: str | None) -> str | None:
    """``00155D010203`` -> ``00:15:5D:01:02:03``; None for an address that the host hasn't given out yet."""
    if not address or not address.strip("0"):
        return None
    return ":".join(address[index : index + 2] for index in range(0, 12, 2))
