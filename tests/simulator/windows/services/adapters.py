"""Win32_NetworkAdapter and Win32_NetworkAdapterConfiguration (root/cimv2): the network as older tools read it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2
from ...cim.values import Instance
from ...machine.network import ACTIVE, IPV4, Adapter, Route
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

CONNECTED, DISCONNECTED, DISABLED = 2, 7, 0  # Win32_NetworkAdapter.NetConnectionStatus docs: 7 media disconnected


# Return values of the methods of Win32_NetworkAdapterConfiguration (docs).
INVALID_MASK, INVALID_ADDRESS, INVALID_GATEWAY, NOT_IP_ENABLED, DENIED = 66, 70, 71, 84, 91


class Adapters(Service):
    """Methods change the configuration of now and of later starts; the docs say nothing of a tentative time."""

    CLASSES = ("Win32_NetworkAdapterConfiguration",)

    def enable_static(self, call: Call) -> int:
        """Set static IPv4 addresses; DHCP goes, gateways and IPv6 stay."""
        addresses, masks = call["IPAddress"] or [], call["SubnetMask"] or []
        if error := _refusal(call):
            return error
        if not addresses or not all(_is_ipv4(text) for text in addresses):
            return INVALID_ADDRESS
        if len(masks) != len(addresses) or not all(_is_mask(text) for text in masks):
            return INVALID_MASK
        adapter = _remove_ipv4(call)
        pairs = [str(ipaddress.ip_interface(f"{ip}/{mask}")) for ip, mask in zip(addresses, masks, strict=True)]
        call.machine.network.configure(adapter, pairs, dhcp=False)
        return 0

    def enable_dhcp(self, call: Call) -> int:
        """The machine's network has no DHCP server, so the adapter has no address afterwards."""
        if error := _refusal(call):
            return error
        adapter = _remove_ipv4(call)
        adapter.dhcp = True
        _remove_gateways(call, adapter)
        return 0

    def set_gateways(self, call: Call) -> int:
        gateways = call["DefaultIPGateway"] or []
        if error := _refusal(call):
            return error
        if not all(_is_ipv4(text) for text in gateways):
            return INVALID_GATEWAY
        adapter = _of(call)
        _remove_gateways(call, adapter)
        call.machine.network.routes += [Route(adapter, "0.0.0.0/0", gateway, 1) for gateway in gateways]
        return 0

    def set_dns_server_search_order(self, call: Call) -> int:
        servers = call["DNSServerSearchOrder"] or []
        if error := _refusal(call):
            return error
        if not all(_is_ipv4(text) for text in servers):
            return INVALID_ADDRESS
        _of(call).dns = tuple(servers)
        return 0

    def install(self, machine: Machine) -> None:
        provide = machine.repository.provide
        for name, values in (("Win32_NetworkAdapter", _adapter), ("Win32_NetworkAdapterConfiguration", _configuration)):
            provide(name, lambda name=name, values=values: _rows(machine, name, values), CIMV2)


def _of(call: Call) -> Adapter:
    adapter = call.machine.network.find(index=call.row["InterfaceIndex"])
    assert adapter is not None
    return adapter


def _refusal(call: Call) -> int:
    """Adapters without TCP/IP, or whose cable is not connected, are not configured."""
    if call.user is not None and not call.user.administrator:
        return DENIED
    adapter = _of(call)
    return 0 if adapter.working and not adapter.switch else NOT_IP_ENABLED


def _remove_ipv4(call: Call) -> Adapter:
    adapter, network = _of(call), call.machine.network
    network.addresses = [a for a in network.addresses if a.adapter is not adapter or a.family != IPV4]
    return adapter


def _remove_gateways(call: Call, adapter: Adapter) -> None:
    network = call.machine.network
    network.routes = [r for r in network.routes if r.adapter is not adapter or r.destination != "0.0.0.0/0"]


def _is_ipv4(text: str) -> bool:
    try:
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False


def _is_mask(text: str) -> bool:
    try:
        return bool(ipaddress.IPv4Network(f"0.0.0.0/{text}"))
    except ValueError:
        return False


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
        "DNSServerSearchOrder": list(adapter.dns) or None,
    }
