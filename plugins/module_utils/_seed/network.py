# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static addresses of the network adapters of a guest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._task.errors import Invalid, about, within
from .._task.given import check_distinct
from .._task.ip import parse_any_interface, parse_gateway, parse_ip
from .._task.mac import format_mac, parse_mac

OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "mac_address": {"type": "str"},
    "address": {"type": "str", "required": True},
    "gateway": {"type": "str"},
    "dns_servers": {"type": "list", "elements": "str"},
}
DEFAULT_NAME = "Ethernet"  # of the first adapter of Windows, in most of its languages


def check(adapters: Sequence[Mapping[str, Any]]) -> None:
    """Raise Invalid for addresses that no guest can have, and for an adapter with two addresses of one version."""
    with within("network_adapters"):
        checked = [_check(adapter) for adapter in adapters]
        for version in (4, 6):
            check_distinct(
                (name for name, of_version in checked if of_version == version),
                "",
                f"is the adapter of two entries with an IPv{version} address; an adapter has at most one entry for "
                "IPv4 and one entry for IPv6. Set 'name' or 'mac_address' in the entries of other adapters",
            )


def _check(adapter: Mapping[str, Any]) -> tuple[str, int]:
    """The identifier of an adapter whose options are possible, and the version of its address."""
    if adapter["name"] and adapter["mac_address"]:
        raise Invalid("can't be combined with 'name'; leave one of them out", option="mac_address")
    with within("mac_address"):
        name = identifier(adapter)
    with about(f"adapter {name}"):
        with within("address"):
            address = parse_any_interface(adapter["address"])
        with within("gateway"):
            if adapter["gateway"]:
                parse_gateway(adapter["gateway"], address)
        with within("dns_servers"):
            for server in adapter["dns_servers"] or ():
                parse_ip(server)
    return name, address.version


def by_identifier(adapters: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The entries of each adapter, in their order."""
    spellings: dict[str, str] = {}
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for adapter in adapters:
        name = identifier(adapter)
        entries.setdefault(spellings.setdefault(name.lower(), name), []).append(adapter)
    return entries


def identifier(adapter: Mapping[str, Any]) -> str:
    """The adapter as Windows Setup knows it: its connection name, or its MAC address with hyphens."""
    if not adapter["mac_address"]:
        return adapter["name"] or DEFAULT_NAME
    return (format_mac(parse_mac(adapter["mac_address"])) or "").replace(":", "-")
