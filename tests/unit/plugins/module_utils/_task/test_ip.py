# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses of options."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_interface
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task import ip
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

INTERFACE = ip_interface("192.168.44.10/24")


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (ip.parse_ipv4, "192.168.44.1"),
        (ip.parse_ip, "fd00::1"),
        (ip.parse_interface, "192.168.44.1/24"),
        (ip.parse_interface, "192.168.44.0/31"),
        (ip.parse_any_interface, "192.168.44.1/24"),
        (ip.parse_any_interface, "fd00::1/64"),
        (ip.parse_prefix, "192.168.44.0/24"),
    ],
)
def test_what_is_written_in_the_usual_way_stays_as_it_is(parse: Callable[[str], Any], text: str) -> None:
    assert str(parse(text)) == text


def test_a_mask_says_the_same_as_a_prefix_length() -> None:
    assert str(ip.parse_interface("192.168.44.1/255.255.255.0")) == "192.168.44.1/24"


@pytest.mark.parametrize("text", ["", "x", "192.168.44", "192.168.44.300", "192.168.044.1", "192.168.44.1 ", "1"])
def test_what_is_no_address_is_refused_everywhere(text: str) -> None:
    for parse in (ip.parse_ipv4, ip.parse_ip):
        with pytest.raises(Invalid, match="is not an IP"):
            parse(text)
    for parse in (ip.parse_interface, ip.parse_any_interface):
        for written in (text, f"{text}/24"):
            with pytest.raises(Invalid, match="is not an IPv4 address with its prefix length"):
                parse(written)


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (ip.parse_interface, "192.168.44.1", "with its prefix length"),
        (ip.parse_interface, "192.168.44.1/33", "with its prefix length"),
        (ip.parse_interface, "fd00::1/64", "with its prefix length"),
        (ip.parse_interface, "192.168.44.0/24", "network address of 192.168.44.0/24.* 192.168.44.1 to 192.168.44.254"),
        (ip.parse_interface, "192.168.44.255/24", "broadcast address"),
        (ip.parse_any_interface, "224.0.0.5/24", "multicast"),
        (ip.parse_any_interface, "127.0.0.1/8", "loopback"),
        (ip.parse_any_interface, "fd00::1", "IPv6 address with its prefix length"),
        (ip.parse_any_interface, "fd00::1/129", "IPv6 address with its prefix length"),
        (ip.parse_any_interface, "::1/128", "not the address of a computer"),
        (ip.parse_any_interface, "ff02::1/64", "not the address of a computer"),
        (ip.parse_prefix, "192.168.44.1/24", "zeros behind its length"),
        (ip.parse_prefix, "192.168.44.0", "zeros behind its length"),
        (ip.parse_prefix, "fd00::/64", "zeros behind its length"),
    ],
)
def test_what_no_computer_can_have_is_refused(parse: Callable[[str], Any], text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse(text)


@pytest.mark.parametrize("text", ["192.168.45.1", "192.168.44.10", "fd00::1"])
def test_a_gateway_is_another_address_in_the_network(text: str) -> None:
    assert ip.parse_gateway("192.168.44.1", INTERFACE) == "192.168.44.1"
    with pytest.raises(Invalid, match=r"is not another address in 192\.168\.44\.0/24"):
        ip.parse_gateway(text, INTERFACE)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("192.168.44.1", "192.168.44.1"),
        ("fd00::1", "fd00::1"),
        ("[FD00:0::1]", "fd00::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        *((name, name) for name in ("web01", "WEB-01.example.com", "web01.example.com.", "my_host", "4you", "münchen")),
    ],
)
def test_a_host_is_an_address_or_a_name(text: str, host: str) -> None:
    assert ip.parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1/8", "fd00::1/64", "[192.168.44.1]", "[web01]", "[[::1]]", "192.168.44.1:22", "[fd00::1]:22"),
        *("192.168.44.300", "1.2.3", "12345", "web 01", "-web", "web-", "web..example", ".web", "http://web01", "a,b"),
        *("x" * 64, "x." * 130 + "x", "fd00::g", ""),
    ],
)
def test_no_host(text: str) -> None:
    with pytest.raises(Invalid, match="neither a host name nor an IP address"):
        ip.parse_host(text)


def test_a_link_local_gateway_is_one_of_ipv6() -> None:
    address = ip.parse_any_interface("fd00::5/64")
    assert ip.parse_gateway("fe80::1", address) == "fe80::1"
    assert ip.parse_gateway("fd00::1", address) == "fd00::1"
    for text in ("fd00::5", "fd01::1", "169.254.0.1", "192.168.44.1", "ff02::1"):
        with pytest.raises(Invalid, match="is not another address in fd00::/64"):
            ip.parse_gateway(text, address)
    with pytest.raises(Invalid, match="omit '%3'"):
        ip.parse_gateway("fe80::1%3", address)
    with pytest.raises(Invalid, match="is not another address"):
        ip.parse_gateway("fe80::1", INTERFACE)
    with pytest.raises(Invalid, match="is not another address"):
        ip.parse_gateway("169.254.0.1", INTERFACE)
    with pytest.raises(Invalid, match="is not another address"):
        ip.parse_gateway("fe80::5", ip.parse_any_interface("fe80::5/64"))
