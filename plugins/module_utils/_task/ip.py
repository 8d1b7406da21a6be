# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses of options: alone, with their prefix length, as a host, and prefixes. All functions raise Invalid."""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    NetmaskValueError,
    ip_address,
)

from .errors import Invalid

# Networks that hosts use for themselves or not at all (IANA IPv4 Special-Purpose Address Registry).
_UNUSABLE = {
    IPv4Network("0.0.0.0/8"): "for hosts without an address",
    IPv4Network("127.0.0.0/8"): "for loopback",
    IPv4Network("169.254.0.0/16"): "for link-local addresses, which hosts give themselves",
    IPv4Network("224.0.0.0/4"): "for multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}


# RFC 1123, with letters of all languages and underscores, which DNS servers of Windows permit. A last label of digits
# would be an IPv4 address.
_HOST_NAME = re.compile(r"(?!-)(?:[\w-]{1,63}(?<!-)\.(?!-))*(?!\d+\.?$)[\w-]{1,63}(?<!-)\.?")
_MOST_HOST_NAME = 253


def parse_ipv4(text: str) -> IPv4Address:
    """``192.168.44.1``."""
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise Invalid(f"'{text}' is not an IPv4 address; write an IPv4 address such as 192.168.100.10") from error


def parse_interface(text: str) -> IPv4Interface:
    """``192.168.44.1/24``: the address of a computer with its prefix length."""
    try:
        if "/" not in text:
            raise AddressValueError
        interface = IPv4Interface(text)
    except (AddressValueError, NetmaskValueError) as error:
        raise Invalid(f"'{text}' is not an IPv4 address with its prefix length, such as 192.168.100.1/24") from error
    check_host(interface.ip, interface.network)
    return interface


def parse_any_interface(text: str) -> IPv4Interface | IPv6Interface:
    """``192.168.44.1/24`` or ``fd00::1/64``, in a network that computers can be in."""
    if ":" not in text:
        interface = parse_interface(text)
        check_usable(interface.network)
        return interface
    try:
        if "/" not in text:
            raise AddressValueError
        address = IPv6Interface(text)
    except (AddressValueError, NetmaskValueError) as error:
        raise Invalid(f"'{text}' is not an IPv6 address with its prefix length, such as fd00::10/64") from error
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise Invalid(f"{address.ip} is not the address of a computer; choose another")
    return address


def parse_ip(text: str) -> IPv4Address | IPv6Address:
    """``192.168.44.1`` or ``fd00::1``."""
    try:
        return ip_address(text)
    except ValueError as error:
        raise Invalid(f"'{text}' is not an IP address, such as 192.168.100.10 or fd00::10") from error


def parse_host(text: str) -> str:
    """``web01.example.com``, ``192.168.44.1``, ``fd00::1`` or ``[fd00::1]``: a computer, as a socket takes it."""
    is_bracketed = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if is_bracketed else text
    try:
        address = ip_address(bare)
    except ValueError:
        is_name = _HOST_NAME.fullmatch(text) and len(text) <= _MOST_HOST_NAME
    else:
        if address.version == 6 or not is_bracketed:
            return str(address)
        is_name = None
    if not is_name:
        raise Invalid(
            f"'{text}' is neither a host name nor an IP address, such as 192.168.100.10 or fd00::10, without a port or "
            "a prefix length"
        )
    return text


def parse_gateway(text: str, interface: IPv4Interface | IPv6Interface) -> str:
    """Another address in the network of an interface, or a link-local IPv6 address, the usual next hop (RFC 4861)."""
    gateway = parse_ip(text)
    if isinstance(gateway, IPv6Address) and gateway.scope_id:
        raise Invalid(f"'{text}' contains a zone, which is different in each computer; omit '%{gateway.scope_id}'")
    is_near = gateway.version == 6 == interface.version and gateway.is_link_local
    if gateway == interface.ip or not (is_near or gateway in interface.network):
        raise Invalid(f"{gateway} is not another address in {interface.network}, the network of the adapter")
    return str(gateway)


def parse_prefix(text: str) -> IPv4Network:
    """``192.168.44.0/24``."""
    try:
        if "/" not in text:
            raise ValueError
        return IPv4Network(text)
    except ValueError as error:
        raise Invalid(
            f"'{text}' is not an IPv4 prefix with zeros behind its length, such as 192.168.100.0/24"
        ) from error


def check_host(address: IPv4Address, network: IPv4Network) -> None:
    """Refuse the first and the last address of a network, which no computer in it can have (RFC 3021 for /31)."""
    if network.prefixlen < 31 and address in (network.network_address, network.broadcast_address):
        kind = "network" if address == network.network_address else "broadcast"
        raise Invalid(
            f"{address} is the {kind} address of {network}, not an address of a host; "
            f"choose an address from {network[1]} to {network[-2]}"
        )


def check_guest(guest: IPv4Address, host: IPv4Interface | None, prefix: IPv4Network | None = None) -> None:
    """Refuse an address that no guest can have behind a host, in a prefix that defaults to the network of the host."""
    prefix = prefix or (host.network if host else None)
    if prefix and guest not in prefix:
        raise Invalid(f"{guest} lies outside the prefix {prefix} of the guests; choose one of its addresses")
    if host and guest == host.ip:
        raise Invalid(f"{guest} is the host's own address; give the address of a guest")
    network = host.network if host and guest in host.network else prefix
    if network:
        check_host(guest, network)


def check_usable(network: IPv4Network) -> None:
    """Refuse a network whose addresses can't be those of guests."""
    for unusable, use in _UNUSABLE.items():
        if unusable.overlaps(network):
            raise Invalid(
                f"addresses of {unusable} can't be those of guests, since the network is {use}; choose a private "
                "prefix such as 192.168.100.0/24"
            )
