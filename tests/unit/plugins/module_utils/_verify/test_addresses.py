# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaced addresses: networks, hosts and kinds of addresses are related as before."""

from __future__ import annotations

import ipaddress
import random
from itertools import combinations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._verify.addresses import Addresses, parse

SEEDS = range(40)
KINDS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/4", "fd00::/8", "fe80::/64")


def interfaces(seed: int) -> list[str]:
    """Addresses of all kinds with prefix lengths, many of them in networks of each other."""
    chance = random.Random(seed)
    texts = []
    for _number in range(12):
        kind = ipaddress.ip_network(chance.choice((*KINDS, "0.0.0.0/0", "2000::/3")))
        bits = kind.max_prefixlen
        length = chance.randint(max(kind.prefixlen, 1), bits - 2)
        base = int(kind.network_address) | chance.getrandbits(bits - kind.prefixlen)
        for host in (0, 1, chance.getrandbits(bits - length), chance.getrandbits((bits - length) // 2)):
            network = base >> (bits - length) << (bits - length)
            texts.append(f"{type(kind.network_address)(network | host)}/{length}")
    return texts


def block(text: str) -> list[str]:
    address = ipaddress.ip_interface(text).ip
    return [kind for kind in KINDS if address in ipaddress.ip_network(kind)]


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_stay(seed: int) -> None:
    old = interfaces(seed)
    addresses = Addresses(old)
    new = {text: ipaddress.ip_interface(addresses.replace(text) or "") for text in old}
    for text in old:
        before, after = ipaddress.ip_interface(text), new[text]
        assert after.network.prefixlen == before.network.prefixlen
        assert (after.ip == after.network.network_address) == (before.ip == before.network.network_address)
        assert block(text) == block(str(after))
    for one, two in combinations(old, 2):
        before, after = (ipaddress.ip_interface(one), ipaddress.ip_interface(two)), (new[one], new[two])
        assert (before[0].ip == before[1].ip) == (after[0].ip == after[1].ip)
        if before[0].version == before[1].version:
            assert before[0].network.overlaps(before[1].network) == after[0].network.overlaps(after[1].network)


@pytest.mark.parametrize("text", ["192.168.100.7", "10.20.30.40", "203.0.113.9", "2001:db8:7::9", "fd12:3456::1"])
def test_the_network_is_another(text: str) -> None:
    new = Addresses().replace(text) or ""
    length = 24 if ":" not in text else 64
    networks = [ipaddress.ip_network(f"{each}/{length}", strict=False) for each in (text, new)]
    assert networks[0] != networks[1]


def test_many_hosts_of_a_network_keep_their_numbers() -> None:
    addresses = Addresses(["10.1.0.0/16"])
    texts = [f"10.1.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    new = [addresses.replace(text) or "" for text in texts]
    assert len(set(new)) == 1000
    assert [text.rpartition(".")[2] for text in new] == [text.rpartition(".")[2] for text in texts]
    network = ipaddress.ip_network(addresses.replace("10.1.0.0/16") or "")
    assert all(ipaddress.ip_address(text) in network for text in new)


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "0.0.0.0/0", "127.0.0.1", "::1", "::", "::/0", "255.255.255.0", "fe80::1%5", "fe80::1%5/64"]
)
def test_an_address_that_identifies_nobody_stays(text: str) -> None:
    assert Addresses().replace(text) == text


def test_the_machine_behind_an_ipv6_address_is_another() -> None:
    new = Addresses().replace("fe80::215:5dff:fe12:3456%12/64") or ""
    assert new.startswith("fe80::")
    assert new.endswith("%12/64")
    assert "3456" not in new
    assert Addresses().replace("fe80::1%eth0") == "fe80::1"


def test_a_mapped_ipv4_address_stands_for_the_same_address() -> None:
    addresses = Addresses()
    assert addresses.replace("::ffff:10.20.30.40") == f"::ffff:{addresses.replace('10.20.30.40')}"


@pytest.mark.parametrize("text", ["", "web", "10.0.0", "10.0.0.256", "10.0.0.1/33", "12:34:56", "10.0.0.1/24/1"])
def test_other_texts_are_no_addresses(text: str) -> None:
    assert parse(text) is None
    assert Addresses().replace(text) is None
