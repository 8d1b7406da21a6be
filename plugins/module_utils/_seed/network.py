# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static addresses of the network adapters of a guest."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from .._task.errors import Invalid

OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "mac_address": {"type": "str"},
    "address": {"type": "str", "required": True},
    "gateway": {"type": "str"},
    "dns_servers": {"type": "list", "elements": "str"},
}
DEFAULT_NAME = "Ethernet"  # of the first adapter of Windows, in most of its languages
_MAC = re.compile(r"[0-9A-F]{12}")
_SECTION = "network_adapters"

Interface: TypeAlias = "ipaddress.IPv4Interface | ipaddress.IPv6Interface"


def check(adapters: Sequence[Mapping[str, Any]]) -> None:
    """Raise Invalid for addresses that no guest can have, and for an adapter that is named twice."""
    for adapter in adapters:
        if adapter["name"] and adapter["mac_address"]:
            raise Invalid("can't be combined with 'name'; leave one of them out", option=f"{_SECTION}.mac_address")
        address = parse_address(adapter["address"])
        if adapter["gateway"]:
            gateway = _parse(adapter["gateway"], "gateway")
            if gateway not in address.network or gateway == address.ip:
                raise Invalid(
                    f"'{gateway}' is not another address in {address.network}, the network of the adapter",
                    option=f"{_SECTION}.gateway",
                )
        for server in adapter["dns_servers"] or ():
            _parse(server, "dns_servers")
    identifiers = [identifier(adapter).lower() for adapter in adapters]
    if len(set(identifiers)) < len(identifiers):
        raise Invalid("name an adapter twice; set 'name' or 'mac_address' for each of them", option=_SECTION)


def parse_address(text: str) -> Interface:
    """An address with its prefix. Raises Invalid."""
    option = f"{_SECTION}.address"
    try:
        address = ipaddress.ip_interface(text)
    except ValueError as error:
        raise Invalid(
            f"'{text}' is not an address with its prefix, such as 192.168.100.11/24", option=option
        ) from error
    ip, net = address.ip, address.network
    ends = (net.network_address, net.broadcast_address) if ip.version == 4 and net.prefixlen < 31 else ()
    if "/" not in text or ip in ends or ip.is_multicast or ip.is_unspecified or ip.is_loopback:
        text = f"'{text}' is not the address of a computer with its prefix, such as 192.168.100.11/24"
        raise Invalid(text, option=option)
    return address


def identifier(adapter: Mapping[str, Any]) -> str:
    """The adapter as Windows Setup knows it: its connection name, or its MAC address with hyphens."""
    if not adapter["mac_address"]:
        return adapter["name"] or DEFAULT_NAME
    digits = re.sub(r"[:.\-]", "", adapter["mac_address"]).upper()
    if not _MAC.fullmatch(digits):
        text = f"'{adapter['mac_address']}' is not a MAC address, such as 00-15-5D-01-02-03"
        raise Invalid(text, option=f"{_SECTION}.mac_address")
    return "-".join(digits[place : place + 2] for place in range(0, 12, 2))


def _parse(text: str, option: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise Invalid(f"'{text}' is not an IP address", option=f"{_SECTION}.{option}") from error
