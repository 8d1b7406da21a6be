"""Win32_NetworkAdapter and Win32_NetworkAdapterConfiguration (root/cimv2): the network as older tools read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2
from ...cim.values import Instance
from ...machine.network import ACTIVE, Adapter
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine

CONNECTED, DISCONNECTED, DISABLED = 2, 7, 0  # Win32_NetworkAdapter.NetConnectionStatus docs: 7 media disconnected


class Adapters(Service):
    def install(self, machine: Machine) -> None:
        provide = machine.repository.provide
        for name, values in (("Win32_NetworkAdapter", _adapter), ("Win32_NetworkAdapterConfiguration", _configuration)):
            provide(name, lambda name=name, values=values: _rows(machine, name, values), CIMV2)


def _rows(machine: Machine, name: str, values: Any) -> Iterator[Instance]:
    for index, adapter in enumerate(machine.network.adapters, start=1):
        common = {"Index": index, "InterfaceIndex": adapter.index, "MACAddress": _mac(adapter)}
        common["Caption"] = f"[{index:08}] {adapter.description}"
        common["Description"] = adapter.description
        yield machine.repository.new(name, {**common, **values(machine, adapter, index)}, CIMV2)


def _mac(adapter: Adapter) -> str | None:
    """Six octets with colons."""
    digits = adapter.mac.replace("-", "").replace(":", "").upper()
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2)) or None


def _adapter(machine: Machine, adapter: Adapter, index: int) -> dict[str, Any]:
    status = CONNECTED if adapter.working else DISABLED if not adapter.enabled else DISCONNECTED
    return {
        "DeviceID": str(index),
        "Name": adapter.description,
        "ProductName": adapter.description,
        "GUID": f"{{{adapter.guid}}}",
        "NetConnectionID": adapter.name,
        "NetConnectionStatus": status,
        "NetEnabled": adapter.working,
        "PhysicalAdapter": adapter.physical,
        "AdapterType": "Ethernet 802.3",
        "AdapterTypeId": 0,
        "Installed": True,
        "Speed": adapter.speed if adapter.working else None,
        "CreationClassName": "Win32_NetworkAdapter",
        "SystemCreationClassName": "Win32_ComputerSystem",
        "SystemName": machine.name,
    }


def _configuration(machine: Machine, adapter: Adapter, index: int) -> dict[str, Any]:
    network = machine.network
    # IPv4 first; masks of IPv6 addresses are prefix lengths (Win32_NetworkAdapterConfiguration docs).
    addresses = sorted(
        (a for a in network.all_addresses() if a.adapter is adapter and ACTIVE in a.stores),
        key=lambda address: address.family,
    )
    gateways = [r.gateway for r in network.routes if r.adapter is adapter and r.destination in ("0.0.0.0/0", "::/0")]
    masks = [str(a.network.netmask) if a.value.version == 4 else str(a.prefix) for a in addresses]
    return {
        "SettingID": f"{{{adapter.guid}}}",
        "DHCPEnabled": adapter.dhcp,
        "DNSHostName": machine.name if addresses else None,
        "IPEnabled": bool(addresses) and adapter.working,
        "IPAddress": [str(address.value) for address in addresses] or None,
        "IPSubnet": masks or None,
        "DefaultIPGateway": gateways or None,
    }
