"""The options of a NAT, checked before anything is read."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import nat
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

OPTIONS = {
    "name": "lab",
    "state": "present",
    "switch": "NAT",
    "manage_switch": False,
    "address": "192.168.100.1/24",
    "prefix": None,
    "static_mappings": None,
}

SPECIAL_NETWORKS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"]


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
    (parsed,) = nat.parse({**OPTIONS, "static_mappings": [mapping()]}).mappings or ()
    assert parsed.internal_port == 2222


@pytest.mark.parametrize(
    ("options", "option", "words"),
    [
        ({"address": None}, "address", "give the host's address"),
        ({"address": "192.168.100.1"}, "address", "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.300/24"}, "address", "is not an IPv4 address with its prefix length"),
        ({"address": "fd00::1/64"}, "address", "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.1/33"}, "address", "is not an IPv4 address with its prefix length"),
        ({"address": "192.168.100.1/31"}, "address", "leaves no addresses for guests"),
        ({"address": "192.168.100.0/24"}, "address", "is the network address"),
        ({"address": "192.168.100.255/24"}, "address", "is the broadcast address .* 192.168.100.1 to 192.168.100.254"),
        ({"name": "x" * 300}, "name", "a name of 300 characters is too long"),
        ({"switch": "a\tb"}, "switch", "control character"),
        ({"prefix": "192.168.200.0/24"}, "address", "192.168.100.1/24 lies outside the prefix 192.168.200.0/24"),
        ({"prefix": "192.168.100.0/25"}, "address", "lies outside the prefix"),
        ({"prefix": "192.168.100.1/16"}, "prefix", "is not an IPv4 prefix with zeros"),
    ],
)
def test_parse_refuses(options: dict[str, Any], option: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        nat.parse({**OPTIONS, **options})
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("mappings", "suboption", "words"),
    [
        ([mapping(internal_address="10.0.0.5")], "internal_address", "lies outside the prefix 192.168.100.0/24"),
        ([mapping(internal_address="192.168.100.1")], "internal_address", "is the host's own address"),
        ([mapping(internal_address="192.168.100.255")], "internal_address", "is the broadcast address"),
        ([mapping(internal_address="192.168.100.0")], "internal_address", "is the network address"),
        ([mapping(internal_address="guest")], "internal_address", "tcp 2222: .*write an IPv4 address"),
        ([mapping(external_address="any")], "external_address", "tcp 2222: 'any' is not an IPv4 address"),
        ([mapping(external_port=0)], "external_port", "tcp 0: 0 is out of range"),
        ([mapping(external_port=65536)], "external_port", "65536 is out of range"),
        ([mapping(internal_port=70000)], "internal_port", "tcp 2222: 70000 is out of range"),
        (
            [mapping(), mapping(internal_address="192.168.100.11")],
            "external_port",
            "192.168.100.11:2222 clashes with .*192.168.100.10:2222",
        ),
        ([mapping(), mapping(external_address="192.0.2.1")], "external_port", "clashes with"),
    ],
)
def test_parse_refuses_mappings(mappings: list[dict[str, Any]], suboption: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        nat.parse({**OPTIONS, "static_mappings": mappings})
    assert caught.value.option == f"static_mappings.{suboption}"


def test_what_does_not_clash() -> None:
    mappings = [
        mapping(),
        mapping(protocol="udp"),
        mapping(external_port=2223),
        mapping(external_port=80, external_address="192.0.2.1"),
        mapping(external_port=80, external_address="192.0.2.2"),
    ]
    assert len(nat.parse({**OPTIONS, "static_mappings": mappings}).mappings or ()) == 5


@pytest.mark.parametrize("network", SPECIAL_NETWORKS)
@pytest.mark.parametrize("length", [30, 24, 16, 2])
def test_no_nat_serves_a_special_network(network: str, length: int) -> None:
    first = ip_network(network)[1]
    prefix = ip_network(f"{first}/{length}", strict=False)
    for options in ({"address": f"{prefix[1]}/{length}"}, {"address": f"{prefix[1]}/30", "prefix": str(prefix)}):
        with pytest.raises(Invalid, match="can't be those of guests") as caught:
            nat.parse({**OPTIONS, **options})
        assert caught.value.option == ("prefix" if "prefix" in options else "address")
        nat.parse({**OPTIONS, **options, "state": "absent"})


@pytest.mark.parametrize("address", ["10.0.0.1/24", "172.16.0.1/12", "192.168.0.1/16", "100.64.0.1/10"])
def test_private_and_shared_networks_are_served(address: str) -> None:
    nat.parse({**OPTIONS, "address": address})


def test_absent_needs_no_address() -> None:
    assert nat.parse({**OPTIONS, "state": "absent", "address": None}).prefix is None
