# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hyper-V hosts, listed or nested, and the VMs on them; which of several addresses leads to a VM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...module_utils._hyperv.network.nat import ANY
from ...module_utils._wsman.client import ConnectionOptions
from .options import DIRECT, NAT, Preferences


class Place(NamedTuple):
    """An address for a guest, with a port if only that one leads to it; ``port_in_guest`` differs behind a NAT."""

    address: str
    port: int | None = None
    way: str = DIRECT
    port_in_guest: int | None = None


@dataclass(eq=False)
class Host:
    """A Hyper-V host. ``vm`` is the VM that it is itself, ``way`` how it is reached, ``mappings`` those of its NATs."""

    key: str
    name: str
    options: ConnectionOptions
    vm: Guest | None = None
    way: str = DIRECT
    mappings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def level(self) -> int:
        """0, or the level of the VM that it is."""
        return self.vm.level if self.vm else 0

    @property
    def address(self) -> str:
        return urlsplit(self.options.endpoint).hostname or ""

    @property
    def port(self) -> int | None:
        return urlsplit(self.options.endpoint).port

    @property
    def above(self) -> list[Host]:
        """The hosts that it runs on, the nearest first."""
        return [self.vm.host, *self.vm.host.above] if self.vm else []


@dataclass(eq=False)
class Guest:
    """A VM on a host; ``facts`` are those of an overview (module_utils/_hyperv/vm/overview.py)."""

    host: Host
    facts: dict[str, Any]

    @property
    def level(self) -> int:
        return self.host.level + 1

    @property
    def name(self) -> str:
        return self.facts["name"] or self.facts["id"]

    def __str__(self) -> str:
        return f"'{self.name}' on {self.host.name}"

    @property
    def key(self) -> str:
        """The key of the host that it may be."""
        return f"{self.host.key}/{self.facts['id']}"

    @property
    def may_be_host(self) -> bool:
        """Whether Hyper-V can run in it now."""
        system = self.facts["guest"]["os"]
        return bool(self.facts["nesting"]) and self.facts["state"] == "running" and (not system or "Windows" in system)

    @cached_property
    def reported(self) -> list[str]:
        """All addresses that the guest reports."""
        return list(
            dict.fromkeys(address for adapter in self.facts["network_adapters"] for address in adapter["ip_addresses"])
        )

    @cached_property
    def addresses(self) -> list[str]:
        """The addresses that the guest reports and that others may reach it by."""
        return [address for address in self.reported if _usable(address)]


@cache
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None


@cache
def _usable(address: str) -> bool:
    parsed = _parsed(address)
    return parsed is not None and _is_of_one(parsed) and not _is_local(parsed)


def _is_of_one(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is the address of one computer."""
    return not (address.is_multicast or address.is_unspecified)


def _is_local(thing: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> bool:
    """Whether this is only valid on one link or one computer."""
    return thing.is_link_local or thing.is_loopback


def preferred(addresses: Iterable[str], preferences: Preferences) -> list[str]:
    """The addresses in the preferred networks and families: by network, by family, then as the guest reports them.

    Link-local and loopback addresses are only in networks that consist of them.
    """
    ranked = []
    for number, address in enumerate(addresses):
        parsed = _parsed(address)
        if parsed is None or not _is_of_one(parsed) or parsed.version not in preferences.families:
            continue
        local = _is_local(parsed)
        inside = [
            index
            for index, network in enumerate(preferences.networks)
            if parsed in network and (not local or _is_local(network))
        ]
        if not inside and (local or preferences.networks):
            continue
        ranked.append((inside[0] if inside else 0, preferences.families.index(parsed.version), number, address))
    return [address for *_rank, address in sorted(ranked)]


def places(guest: Guest, preferences: Preferences, ports: Iterable[int]) -> Iterator[Place]:
    """Where the guest may be reached, best first; ``ports`` are those of the guest that a NAT may lead to."""
    addresses = guest.addresses
    for way in preferences.ways:
        if way == DIRECT:
            yield from (Place(address) for address in preferred(guest.reported, preferences))
            continue
        for port in ports:
            yield from (Place(*outer, NAT, port) for outer in _mapped(guest.host, addresses, port))


def _mapped(host: Host, addresses: Iterable[str], port: int) -> Iterator[tuple[str, int]]:
    """Addresses and ports that static mappings lead from to this port; through the NATs above, if need be."""
    for mapping in host.mappings:
        if mapping["protocol"] != "tcp" or mapping["internal_port"] != port:
            continue
        if mapping["internal_address"] not in addresses:
            continue
        if host.vm and host.way == NAT:
            yield from _mapped(host.vm.host, host.vm.addresses, mapping["external_port"])
        else:
            external = mapping["external_address"]
            yield (host.address if external == ANY else external), mapping["external_port"]
