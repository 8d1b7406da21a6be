# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network address translation of Windows (WinNAT) behind an internal switch: root/StandardCimv2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Refused, about, within
from ..._task.ip import check_guest, check_usable, parse_interface, parse_ipv4, parse_prefix
from ..._task.session import Target
from ..._wsman.cim import Instance
from ..._wsman.faults import InvalidClass
from ..schema import NET_NAT, NET_NAT_MAPPING
from . import switch
from .host_network import MANUAL, fetch_adapter, interface, parse_network, query_addresses, query_routes
from .names import check_name
from .switch import Switch

PROTOCOLS = {"tcp": 6, "udp": 17}
ANY = "0.0.0.0"

MAPPING_OPTIONS: dict[str, Any] = {
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
    "external_address": {"type": "str", "default": ANY},
    "external_port": {"type": "int", "required": True},
    "internal_address": {"type": "str", "required": True},
    "internal_port": {"type": "int"},
}
OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "switch": {"type": "str", "required": True},
    "manage_switch": {"type": "bool", "default": False},
    "address": {"type": "str"},
    "prefix": {"type": "str"},
    "static_mappings": {"type": "list", "elements": "dict", "options": MAPPING_OPTIONS},
    "force": {"type": "bool", "default": False},
}


class StaticMapping(NamedTuple):
    """A static mapping, named as the suboptions are."""

    protocol: str
    external_address: str
    external_port: int
    internal_address: str
    internal_port: int

    def __str__(self) -> str:
        external = f"{self.external_address}:{self.external_port}"
        return f"{self.protocol} {external} -> {self.internal_address}:{self.internal_port}"

    def clashes(self, other: StaticMapping) -> bool:
        """Whether both map the same external port; 0.0.0.0 stands for every address."""
        same_address = ANY in (self.external_address, other.external_address) or (
            self.external_address == other.external_address
        )
        return same_address and (self.protocol, self.external_port) == (other.protocol, other.external_port)


class WantedNat(NamedTuple):
    """The options, parsed; ``mappings`` is None to leave them alone. ``prefix_option`` is the option that gave prefix.

    ``prefix`` and ``address`` may be None for a NAT that is removed.
    """

    name: str
    switch: str
    manage_switch: bool
    address: IPv4Interface | None
    prefix: IPv4Network | None
    prefix_option: str
    mappings: tuple[StaticMapping, ...] | None


class HostNetwork(NamedTuple):
    """The switch, the host's adapter on it, the NAT, and the tables of the host that a NAT can conflict with."""

    switch: Switch | None
    adapter: Mapping[str, Any] | None
    nat: Mapping[str, Any] | None
    nats: list[Instance]
    mappings: list[Instance]
    addresses: list[Instance]
    routes: list[Instance]

    @property
    def own_addresses(self) -> list[IPv4Interface]:
        """The addresses of the host's adapter that were configured manually."""
        index = self.adapter["InterfaceIndex"] if self.adapter else None
        rows = (row for row in self.addresses if row["InterfaceIndex"] == index and row["PrefixOrigin"] == MANUAL)
        return sorted({interface(row) for row in rows})


# ---- options ----


def parse(params: Mapping[str, Any]) -> WantedNat:
    """The options, as far as they can be checked without the host. Raises Invalid."""
    check_name(params["name"])
    check_name(params["switch"], "switch")
    with within("address"):
        address = parse_interface(params["address"]) if params["address"] else None
        if address and address.network.prefixlen > 30:
            raise Invalid(f"{address} leaves no addresses for guests; choose a prefix length of at most 30")
    with within("prefix"):
        prefix = parse_prefix(params["prefix"]) if params["prefix"] else address.network if address else None
    if params["state"] == "present" and address is None:
        text = "give the host's address behind the NAT with its prefix length, such as 192.168.100.1/24"
        raise Invalid(text, option="address")
    if params["state"] == "present" and prefix:
        with within("prefix" if params["prefix"] else "address"):
            check_usable(prefix)
    if address and prefix and not (address.ip in prefix and address.network.subnet_of(prefix)):
        raise Invalid(f"{address} lies outside the prefix {prefix}; choose one of its addresses", option="address")
    mappings = params["static_mappings"]
    if mappings is not None:
        with within("static_mappings"):
            mappings = _parse_mappings(mappings, address, prefix)
    return WantedNat(
        params["name"],
        params["switch"],
        params["manage_switch"],
        address,
        prefix,
        "prefix" if params["prefix"] else "address",
        mappings,
    )


def _parse_mappings(
    options: Iterable[Mapping[str, Any]], address: IPv4Interface | None, prefix: IPv4Network | None
) -> tuple[StaticMapping, ...]:
    mappings: list[StaticMapping] = []
    for option in options:
        mapping = parse_mapping(option, address, prefix)
        clash = next((other for other in mappings if mapping.clashes(other)), None)
        if clash:
            text = f"{mapping} clashes with {clash}, which uses the same port; change one of them"
            raise Invalid(text, option="external_port")
        mappings.append(mapping)
    return tuple(sorted(mappings))


def parse_mapping(
    option: Mapping[str, Any], address: IPv4Interface | None = None, prefix: IPv4Network | None = None
) -> StaticMapping:
    """One mapping, within the network if that is known. Raises Invalid."""
    with about(f"{option['protocol']} {option['external_port']}"):
        internal_port = option["external_port"] if option["internal_port"] is None else option["internal_port"]
        for name, port in (("external_port", option["external_port"]), ("internal_port", internal_port)):
            if not 1 <= port <= 65535:
                raise Invalid(f"{port} is out of range, choose a port from 1 to 65535", option=name)
        with within("external_address"):
            external = parse_ipv4(option["external_address"])
        with within("internal_address"):
            internal = parse_ipv4(option["internal_address"])
            check_guest(internal, address, prefix)
    return StaticMapping(option["protocol"], str(external), option["external_port"], str(internal), internal_port)


# ---- reading ----


def fetch(host: Target, wanted: WantedNat) -> HostNetwork:
    """The network of the host; each table once. Raises Ambiguous, and Refused if this Windows has no NAT."""
    nats = _need_nats(host)
    current = switch.pick(switch.fetch_all(host), wanted.switch, "switch")
    return HostNetwork(
        current,
        fetch_adapter(host, current) if current else None,
        _named(nats, wanted.name),
        nats,
        query_mappings(host),
        query_addresses(host),
        query_routes(host),
    )


def _need_nats(host: Target) -> list[Instance]:
    nats = query_nats(host)
    if nats is None:
        raise Refused(
            "Windows has no NAT on this host: the class MSFT_NetNat is missing, which comes with Windows Server 2016, "
            "Windows 10 and the Hyper-V role. Install Hyper-V on it first"
        )
    return nats


def fetch_nat(host: Target, name: str) -> Instance | None:
    """The NAT with this name. Raises Refused if this Windows has no NAT at all."""
    return _named(_need_nats(host), name)


def fetch_again(host: Target, network: HostNetwork, wanted: WantedNat) -> HostNetwork:
    """The same with the current NATs and mappings."""
    nats = query_nats(host) or []
    return network._replace(nat=_named(nats, wanted.name), nats=nats, mappings=query_mappings(host))


def _named(nats: list[Instance], name: str) -> Instance | None:
    return next((row for row in nats if row["Name"].lower() == name.lower()), None)


def query_nats(host: Target) -> list[Instance] | None:
    """The NATs, or None if this Windows has no NAT at all."""
    try:
        return host.client.query(NET_NAT, columns=tuple(NET_NAT.properties))
    except InvalidClass:
        return None


def query_mappings(host: Target) -> list[Instance]:
    """The static mappings of all NATs."""
    return host.client.query(NET_NAT_MAPPING, columns=tuple(NET_NAT_MAPPING.properties))


def prefix_of(nat: Mapping[str, Any]) -> IPv4Network | None:
    """The internal prefix, unless it is one of IPv6."""
    text = nat["InternalIPInterfaceAddressPrefix"]
    return parse_network(text) if text and ":" not in text else None


def mapping_of(row: Mapping[str, Any]) -> StaticMapping:
    """The mapping that a row of MSFT_NetNatStaticMapping describes."""
    words = {number: word for word, number in PROTOCOLS.items()}
    return StaticMapping(
        words.get(row["Protocol"], str(row["Protocol"])),
        (row["ExternalIPAddress"] or ANY).partition("/")[0],
        row["ExternalPort"] or 0,
        row["InternalIPAddress"] or "",
        row["InternalPort"] or 0,
    )


def mappings_of(nat: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, StaticMapping]:
    """The static mappings of the NAT with this name by their InstanceID."""
    return {row["InstanceID"]: mapping_of(row) for row in rows if row["NatName"].lower() == nat.lower()}


def describe(nat: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A NAT in the form that results have."""
    return {
        "name": nat["Name"],
        "prefix": nat["InternalIPInterfaceAddressPrefix"] or None,
        "external_prefix": nat["ExternalIPInterfaceAddressPrefix"] or None,
        "static_mappings": mapping_options(mappings_of(nat["Name"], rows).values()),
    }


def mapping_options(mappings: Iterable[StaticMapping]) -> list[dict[str, Any]]:
    """Static mappings as the option lists them."""
    return [mapping._asdict() for mapping in sorted(mappings)]
