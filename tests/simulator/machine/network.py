"""The network of a machine's Windows: adapters, addresses and routes, of which root/StandardCimv2 shows rows."""

from __future__ import annotations

import ipaddress
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Machine

PERSISTENT, ACTIVE = 0, 1  # MSFT_NetIPAddress.Store, MSFT_NetRoute.Store docs
BOTH = (ACTIVE, PERSISTENT)
IPV4, IPV6 = 2, 23
MANUAL, WELL_KNOWN, DHCP = 1, 2, 3  # MSFT_NetIPAddress.PrefixOrigin docs
LINK_LAYER = 4  # SuffixOrigin docs
# TimeSpan.MaxValue, which is how an address without an end reads (output of New-NetIPAddress).
INFINITE = timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477580)
# Duplicate address detection: a new address is tentative for about this long (RFC 5227; seen in New-NetIPAddress).
TENTATIVE = timedelta(seconds=3)
LOOPBACK = 1
# Client Hyper-V's own switch, the same on every machine since Windows 10 1709 (containers/libhvee).
DEFAULT_SWITCH = "C08CB7B8-9B3C-408E-8E30-5E16A3AEB444"
DEFAULT_SWITCH_SINCE = 16299


@dataclass(eq=False)
class Adapter:
    """A network adapter.

    `switch` is the GUID of the virtual switch that holds it, `port` the switch port of a host vNIC, `device` the
    InstanceID of a VM's adapter seen from inside the VM.
    """

    index: int
    guid: str
    name: str
    description: str
    mac: str
    speed: int = 10_000_000_000
    up: bool = True
    enabled: bool = True
    physical: bool = True
    dhcp: bool = True
    forwarding: bool = False
    category: int = 0
    switch: str = ""
    port: str = ""
    device: str = ""
    dns: tuple[str, ...] = ()
    parked: list[Address] = field(default_factory=list)
    parked_routes: list[Route] = field(default_factory=list)

    @property
    def working(self) -> bool:
        return self.up and self.enabled


@dataclass(eq=False)
class Address:
    adapter: Adapter
    ip: str
    prefix: int
    since: datetime
    origin: int = MANUAL
    suffix: int = MANUAL
    stores: tuple[int, ...] = BOTH
    skip: bool = False

    @property
    def value(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return ipaddress.ip_address(self.ip.partition("%")[0])

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(f"{self.value}/{self.prefix}", strict=False)

    @property
    def family(self) -> int:
        return IPV4 if self.value.version == 4 else IPV6


@dataclass(eq=False)
class Route:
    """A configured route; Network.all_routes() adds those that an address implies."""

    adapter: Adapter
    destination: str
    gateway: str
    metric: int = 256
    stores: tuple[int, ...] = BOTH
    protocol: int = 3  # NetMgmt; 2 is Local

    @property
    def family(self) -> int:
        return IPV4 if ipaddress.ip_network(self.destination).version == 4 else IPV6


class Network:
    """The model's `network_adapters`; switches add and remove host vNICs, a guest has the adapters of its VM."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._adapters: list[Adapter] = []
        self.addresses: list[Address] = []
        self.routes: list[Route] = []
        self._next_index = LOOPBACK
        loopback = self.add_adapter(
            "Loopback Pseudo-Interface 1", "Software Loopback Interface 1", "", physical=False, speed=1_073_741_824
        )
        loopback.dhcp = False
        for ip, prefix in (("127.0.0.1", 8), ("::1", 128)):
            self.addresses.append(
                Address(loopback, ip, prefix, machine.created, WELL_KNOWN, WELL_KNOWN, (ACTIVE,)),
            )
        self.loopback = loopback
        for spec in machine.spec.get("network_adapters") or ():
            self._from_model(spec)

    def _from_model(self, spec: dict[str, Any]) -> None:
        adapter = self.add_adapter(
            spec["name"], spec["description"], spec["mac"], guid=spec["guid"], speed=spec["speed"]
        )
        adapter.up = spec["up"]
        adapter.category = spec["category"]
        self.configure(adapter, spec["addresses"], dhcp=spec["dhcp"], gateway=spec["gateway"])

    def configure(self, adapter: Adapter, addresses: list[str], *, dhcp: bool, gateway: str | None = None) -> None:
        """Add addresses of the model ("10.0.0.5/24"), for which duplicate detection has ended."""
        adapter.dhcp = dhcp
        for text in addresses:
            interface = ipaddress.ip_interface(text)
            origin, stores = (DHCP, (ACTIVE,)) if dhcp else (MANUAL, BOTH)
            self.addresses.append(
                Address(
                    adapter,
                    str(interface.ip),
                    interface.network.prefixlen,
                    self.machine.created - TENTATIVE,
                    origin,
                    origin,
                    stores,
                )
            )
        if gateway:
            self.routes.append(Route(adapter, "0.0.0.0/0", gateway, 0, (ACTIVE,) if dhcp else BOTH))

    # --- adapters

    def add_adapter(
        self,
        name: str,
        description: str,
        mac: str,
        *,
        guid: str | None = None,
        speed: int = 10_000_000_000,
        physical: bool = True,
    ) -> Adapter:
        """Add an adapter; Windows numbers names and descriptions that exist already."""
        seed = f"{self.machine.name}/{name}/{mac}"
        adapter = Adapter(
            index=self._next_index,
            guid=(guid or str(uuid.uuid5(uuid.NAMESPACE_OID, seed))).upper().strip("{}"),
            name=_unique(name, {other.name.lower() for other in self._adapters}, "{} {}"),
            description=_unique(description, {other.description.lower() for other in self._adapters}, "{} #{}"),
            mac=mac,
            speed=speed,
            physical=physical,
        )
        # Interface indexes are whatever was free; they differ between hosts, so these do too.
        self._next_index += 1 + (zlib.crc32(seed.encode()) % 5 if self._next_index > LOOPBACK else 1)
        self._adapters.append(adapter)
        return adapter

    def remove_adapter(self, adapter: Adapter) -> None:
        self._adapters.remove(adapter)
        self.addresses = [address for address in self.addresses if address.adapter is not adapter]
        self.routes = [route for route in self.routes if route.adapter is not adapter]

    @property
    def adapters(self) -> list[Adapter]:
        """All but the loopback interface."""
        self._plug()
        return [adapter for adapter in self._adapters if adapter is not self.loopback]

    @property
    def physical(self) -> list[Adapter]:
        return [adapter for adapter in self.adapters if adapter.physical]

    def find(self, *, index: int | None = None, name: str | None = None, guid: str | None = None) -> Adapter | None:
        """An adapter (or the loopback interface) by index, connection name or GUID."""
        self._plug()
        for adapter in self._adapters:
            if index is not None and adapter.index != index:
                continue
            if name is not None and adapter.name.lower() != name.lower():
                continue
            if guid is not None and adapter.guid.lower() != guid.strip("{}").lower():
                continue
            return adapter
        return None

    def _plug(self) -> None:
        """A guest has the adapters of its VM. Their addresses are those of the VM (KVP)."""
        vm = self.machine.inside
        if vm is None:
            return
        rows = {row["InstanceID"].lower(): row for row in vm.rows("CIM_EthernetPortAllocationSettingData")}
        rows = {key: row for key, row in rows.items() if row.cls.name.endswith("EthernetPortSettingData")}
        for adapter in [other for other in self._adapters if other.device and other.device not in rows]:
            self.remove_adapter(adapter)
        known = {other.device: other for other in self._adapters if other.device}
        for key, row in rows.items():
            adapter = known.get(key)
            if adapter is None:
                adapter = self.add_adapter(
                    self.machine.text("ethernet"), "Microsoft Hyper-V Network Adapter", row["Address"] or ""
                )
                adapter.device = key
                self.configure(adapter, [_with_prefix(text) for text in vm.addresses.get(key, ())], dhcp=True)
            adapter.mac = row["Address"] or ""
            adapter.up = _connected(self.machine, row["InstanceID"])

    # --- binding to a switch

    def park(self, adapter: Adapter) -> None:
        """Store the IP configuration that an adapter loses to a switch (Microsoft: creating an external switch)."""
        adapter.parked += [address for address in self.addresses if address.adapter is adapter]
        adapter.parked_routes += [route for route in self.routes if route.adapter is adapter]
        self.addresses = [address for address in self.addresses if address.adapter is not adapter]
        self.routes = [route for route in self.routes if route.adapter is not adapter]

    def hand_over(self, source: Adapter, target: Adapter) -> None:
        """Move the stored configuration of `source` to `target`: the host vNIC, or the adapter itself."""
        for entry in (*source.parked, *source.parked_routes):
            entry.adapter = target
        self.addresses += source.parked
        self.routes += source.parked_routes
        target.dhcp = source.dhcp
        source.parked, source.parked_routes = [], []

    def take_back(self, source: Adapter, target: Adapter) -> None:
        """Store the configuration of a host vNIC that is removed on its physical adapter."""
        self.park(source)
        target.parked += source.parked
        target.parked_routes += source.parked_routes
        source.parked, source.parked_routes = [], []

    # --- addresses and routes

    def all_addresses(self) -> Iterator[Address]:
        """Set addresses, and the link-local one of every working adapter that no switch holds."""
        self._plug()
        yield from self.addresses
        for adapter in self._adapters:
            if adapter is not self.loopback and adapter.working and not adapter.switch and adapter.mac:
                ip = f"{_link_local(adapter.mac)}%{adapter.index}"
                yield Address(adapter, ip, 64, self.machine.created, WELL_KNOWN, LINK_LAYER, (ACTIVE,))

    def all_routes(self) -> Iterator[Route]:
        """Configured routes, and those that Windows adds for each address: network, host and broadcast."""
        yield from self.routes
        multicast: set[tuple[int, int]] = set()
        for address in self.all_addresses():
            if ACTIVE not in address.stores:
                continue
            v4, net = address.family == IPV4, address.network
            prefixes = [str(net), f"{address.value}/{32 if v4 else 128}"]
            if v4 and net.prefixlen < 31:
                prefixes.append(f"{net.broadcast_address}/32")
            if (address.adapter.index, address.family) not in multicast:
                multicast.add((address.adapter.index, address.family))
                prefixes += ["224.0.0.0/4", "255.255.255.255/32"] if v4 else ["ff00::/8"]
            nowhere = "0.0.0.0" if v4 else "::"
            for prefix in dict.fromkeys(prefixes):
                yield Route(address.adapter, prefix, nowhere, 256, (ACTIVE,), protocol=2)


def _unique(name: str, taken: set[str], pattern: str) -> str:
    number, wanted = 1, name
    while wanted.lower() in taken:
        number += 1
        wanted = pattern.format(name, number)
    return wanted


def _link_local(mac: str) -> ipaddress.IPv6Address:
    """Modified EUI-64 (RFC 4291, appendix A)."""
    octets = bytearray(bytes.fromhex(mac))
    octets[0] ^= 2
    tail = bytes(octets[:3]) + b"\xff\xfe" + bytes(octets[3:])
    return ipaddress.IPv6Address(b"\xfe\x80" + b"\0" * 6 + tail)


def _with_prefix(text: str) -> str:
    return text if "/" in text else f"{text}/{64 if ':' in text else 24}"


def _connected(machine: Machine, device: str) -> bool:
    """The cable of a VM's adapter is plugged into a switch of the machine it runs on."""
    connection = machine.host.repository.row("Msvm_EthernetPortAllocationSettingData", InstanceID=f"{device}\\C")
    return connection is not None and connection["EnabledState"] == 2 and bool(connection["HostResource"])
