"""What can't be a NAT, found out before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import nat
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

OPTIONS = {"name": "lab", "state": "present", "address": "192.168.100.1/24", "prefix": None, "static_mappings": None}


def mapping(**more: Any) -> dict[str, Any]:
    return {
        "protocol": "tcp",
        "external_address": "0.0.0.0",
        "external_port": 2222,
        "internal_address": "192.168.100.10",
        "internal_port": None,
        **more,
    }


def test_the_prefix_is_the_network_of_the_address() -> None:
    wanted = nat.parse(OPTIONS)
    assert (str(wanted.address), str(wanted.prefix), wanted.mappings) == ("192.168.100.1/24", "192.168.100.0/24", None)


def test_the_prefix_may_be_larger() -> None:
    assert str(nat.parse({**OPTIONS, "prefix": "192.168.0.0/16"}).prefix) == "192.168.0.0/16"


def test_the_internal_port_is_the_external_one_where_it_is_left_out() -> None:
    (one,) = nat.parse({**OPTIONS, "static_mappings": [mapping()]}).mappings or ()
    assert one.internal_port == 2222


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"address": None}, "address: give the host's address"),
        ({"address": "192.168.100.1"}, "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.300/24"}, "is not an IPv4 address with its prefix length"),
        ({"address": "fd00::1/64"}, "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.1/33"}, "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.1/31"}, "leaves no addresses for guests"),
        ({"address": "192.168.100.0/24"}, "is the network address"),
        ({"address": "192.168.100.255/24"}, "is the broadcast address .* 192.168.100.1 to 192.168.100.254"),
        ({"address": "127.0.0.1/8"}, "can't be an adapter's address"),
        ({"address": "224.0.0.1/24"}, "can't be an adapter's address"),
        ({"prefix": "192.168.200.0/24"}, "address: 192.168.100.1/24 lies outside the prefix 192.168.200.0/24"),
        ({"prefix": "192.168.100.0/25"}, "lies outside the prefix"),
        ({"prefix": "192.168.100.1/16"}, "is not an IPv4 prefix with zeros"),
        ({"static_mappings": [mapping(internal_address="10.0.0.5")]}, "lies outside the prefix 192.168.100.0/24"),
        ({"static_mappings": [mapping(internal_address="192.168.100.1")]}, "is the host's own address"),
        ({"static_mappings": [mapping(internal_address="guest")]}, "tcp 2222: .*write an IPv4 address"),
        ({"static_mappings": [mapping(external_port=0)]}, "external_port 0 is out of range"),
        ({"static_mappings": [mapping(internal_port=70000)]}, "internal_port 70000 is out of range"),
        (
            {"static_mappings": [mapping(), mapping(internal_address="192.168.100.11")]},
            "192.168.100.11:2222 clashes with .*192.168.100.10:2222",
        ),
        ({"static_mappings": [mapping(), mapping(external_address="192.0.2.1")]}, "clashes with"),
    ],
)
def test_parse_refuses(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        nat.parse({**OPTIONS, **options})


def test_what_does_not_clash() -> None:
    mappings = [
        mapping(),
        mapping(protocol="udp"),
        mapping(external_port=2223),
        mapping(external_port=80, external_address="192.0.2.1"),
        mapping(external_port=80, external_address="192.0.2.2"),
    ]
    assert len(nat.parse({**OPTIONS, "static_mappings": mappings}).mappings or ()) == 5


def test_absent_needs_no_address() -> None:
    assert nat.parse({**OPTIONS, "state": "absent", "address": None}).prefix is None
