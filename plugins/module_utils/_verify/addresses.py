# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses without what identifies a network; relations of addresses and networks stay.

The mapping is a tree of bits: at each node of the tree, the bits of all addresses below it are either kept or flipped.
Therefore different addresses stay different, and addresses with a common prefix of any length keep a common prefix. The
bit of the first address at a node becomes that of a fixed pattern, so the result depends on the order only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
Node = tuple[int, int, int]  # IP version, number of bits before the node, these bits

_FORM = re.compile(r"([^%/]+)(?:%([^/]*))?(?:/(\d{1,3}))?")
_PATTERN = {4: 0x55555555, 6: int(ipaddress.IPv6Address("2001:db8:5555:5555:5555:5555:5555:5555"))}
# The last bits of IPv4 addresses are kept; those of IPv6 addresses contain a MAC address or identify a machine.
_REPLACED = {4: 24, 6: 128}
# Addresses that mean the same on every host.
_SAME_EVERYWHERE = ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/24", "240.0.0.0/4", "::/127")
# Blocks with a meaning, which addresses neither leave nor enter.
_BLOCKS = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4")
_BLOCKS += ("fd00::/8", "fe80::/64", "ff01::/64", "ff02::/64", "ff05::/64")
_KEPT = tuple(ipaddress.ip_network(text) for text in _SAME_EVERYWHERE)


def parse(text: str) -> tuple[Address, str, int | None] | None:
    """Address, zone and prefix length of a text such as ``fe80::1%5/64``, None if the text is something else."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    try:
        address = ipaddress.ip_address(form[1])
    except ValueError:
        return None
    length = int(form[3]) if form[3] else None
    return None if length is not None and length > address.max_prefixlen else (address, form[2] or "", length)


class Addresses:
    """Replaces addresses. Networks in `known` stay networks, and none of their hosts gets the network address."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._flips = {node: 0 for text in (*_SAME_EVERYWHERE, *_BLOCKS) for node in _above(ipaddress.ip_network(text))}
        for text in known:
            self._learn(text)

    def replace(self, text: str) -> str | None:
        """The address that stands for another, with its prefix length and its numeric zone; None without an address."""
        parsed = parse(text)
        if parsed is None:
            return None
        address, zone, length = parsed
        if any(address in network for network in _KEPT):
            return text
        self._learn(text)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            new = f"::ffff:{self.replace(str(address.ipv4_mapped))}"
        else:
            new = str(type(address)(self._map(address, length)))
        zone = f"%{zone}" if zone.isdecimal() else ""
        return f"{new}{zone}" if length is None else f"{new}{zone}/{length}"

    def _learn(self, text: str) -> None:
        """Keep first and last address of a network such as ``10.0.0.0/23``, unless its nodes are in use."""
        parsed = parse(text)
        if parsed is None:
            return
        address, _zone, length = parsed
        length = (24 if address.version == 4 else 64) if length is None else length
        if length:
            for node in _inside(ipaddress.ip_network(f"{address}/{length}", strict=False)):
                self._flips.setdefault(node, 0)

    def _map(self, address: Address, length: int | None) -> int:
        value, bits, result = int(address), address.max_prefixlen, 0
        for depth in range(bits):
            bit = _bit(value, bits, depth)
            result = result << 1 | bit ^ self._flip((address.version, depth, value >> (bits - depth)), bit)
        hosts = (1 << (bits - length)) - 1 if length is not None else 0
        return result if value & hosts else result & ~hosts

    def _flip(self, node: Node, bit: int) -> int:
        version, depth, _bits = node
        if depth >= _REPLACED[version]:
            return 0
        return self._flips.setdefault(node, bit ^ _bit(_PATTERN[version], 32 if version == 4 else 128, depth))


def _bit(value: int, bits: int, depth: int) -> int:
    return value >> (bits - 1 - depth) & 1


def _above(network: Network) -> Iterator[Node]:
    """The nodes on the way to a network."""
    value, bits = int(network.network_address), network.max_prefixlen
    return ((network.version, depth, value >> (bits - depth)) for depth in range(network.prefixlen))


def _inside(network: Network) -> Iterator[Node]:
    """The nodes on the way from a network to its first and last address."""
    bits = network.max_prefixlen
    for address in (network.network_address, network.broadcast_address):
        for depth in range(network.prefixlen, bits):
            yield network.version, depth, int(address) >> (bits - depth)
