"""Which address leads to a VM, and which VMs are hosts that were listed; no host is asked."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory import hosts, options
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.places import Guest, Host, Place, places
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.reading import Needs, Part
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.walk import walk, with_same_vms

ANY = "0.0.0.0"


def host(name: str = "hv01", vm: Guest | None = None, way: str = "direct", port: int = 5985) -> Host:
    return Host(name, name, ConnectionOptions(f"http://{name}.example.com:{port}/wsman"), vm, way)


def facts(name: str, *addresses: str, nesting: bool = False, state: str = "running", os: str | None = None) -> Any:
    adapter = {"id": "", "name": "", "mac_address": None, "switch": "Lab", "ip_addresses": list(addresses)}
    return {
        **dict.fromkeys(("uptime", "version", "notes", "processors", "memory")),
        "id": f"ID-{name}",
        "name": name,
        "state": state,
        "generation": 2,
        "nesting": nesting,
        "network_adapters": [adapter],
        "guest": {"heartbeat": None, "os": os},
    }


def mapping(external: int, internal: str, port: int, address: str = ANY, protocol: str = "tcp") -> dict[str, Any]:
    return {
        "protocol": protocol,
        "external_address": address,
        "external_port": external,
        "internal_address": internal,
        "internal_port": port,
    }


def preferences(*ways: str, families: tuple[str, ...] = ("ipv4", "ipv6"), networks: tuple[str, ...] = ()) -> Any:
    return options.parse_preferences(ways or ("direct",), families, networks, [5986, 5985, 22])


ADDRESSES = ("fe80::1", "169.254.1.1", "2001:db8::5", "127.0.0.1", "198.51.100.5", "192.0.2.5", "ff02::1", "::", "?")


@pytest.mark.parametrize(
    ("families", "networks", "expected"),
    [
        (("ipv4", "ipv6"), (), ["198.51.100.5", "192.0.2.5", "2001:db8::5"]),
        (("ipv6", "ipv4"), (), ["2001:db8::5", "198.51.100.5", "192.0.2.5"]),
        (("ipv6",), (), ["2001:db8::5"]),
        (("ipv4", "ipv6"), ("192.0.2.0/24", "2001:db8::/32"), ["192.0.2.5", "2001:db8::5"]),
        (("ipv4", "ipv6"), ("2001:db8::/32", "192.0.2.0/24"), ["2001:db8::5", "192.0.2.5"]),
        (("ipv4",), ("2001:db8::/32",), []),
        (("ipv4", "ipv6"), ("203.0.113.0/24",), []),
        (("ipv4", "ipv6"), ("169.254.0.0/16", "fe80::/10"), ["169.254.1.1", "fe80::1"]),
        (("ipv4", "ipv6"), ("127.0.0.0/8",), ["127.0.0.1"]),
        (("ipv4", "ipv6"), ("192.0.2.0/24", "0.0.0.0/0", "::/0"), ["192.0.2.5", "198.51.100.5", "2001:db8::5"]),
    ],
)
def test_addresses_by_preference(families: Any, networks: Any, expected: list[str]) -> None:
    guest = Guest(host(), facts("web01", *ADDRESSES))
    wanted = preferences(families=families, networks=networks)
    assert [place.address for place in places(guest, wanted, [])] == expected
    assert guest.addresses == ["2001:db8::5", "198.51.100.5", "192.0.2.5"]


def test_a_zone_does_not_hide_an_address() -> None:
    assert Guest(host(), facts("web01", "2001:db8::5%3", "fe80::1%4")).addresses == ["2001:db8::5%3"]


def test_mappings_lead_to_a_guest_by_the_preferred_port() -> None:
    outer = host()
    outer.mappings = [
        mapping(2222, "192.168.100.5", 22),
        mapping(55985, "192.168.100.5", 5985),
        mapping(55986, "192.168.100.5", 5986, protocol="udp"),
        mapping(1, "192.168.100.9", 5985),
        mapping(55987, "192.168.100.5", 5985, address="203.0.113.1"),
    ]
    guest = Guest(outer, facts("l1", "192.168.100.5"))
    found = list(places(guest, preferences("nat", "direct"), [5986, 5985, 22]))
    assert found == [
        Place("hv01.example.com", 55985, "nat", 5985),
        Place("203.0.113.1", 55987, "nat", 5985),
        Place("hv01.example.com", 2222, "nat", 22),
        Place("192.168.100.5"),
    ]


def test_mappings_of_several_levels() -> None:
    outer = host()
    outer.mappings = [mapping(55985, "192.168.100.5", 5985), mapping(60022, "192.168.100.5", 22000)]
    inner = host("l1", Guest(outer, facts("l1", "192.168.100.5")), way="nat")
    inner.mappings = [mapping(22000, "10.0.0.7", 22), mapping(22001, "10.0.0.8", 22)]
    reached = next(places(Guest(inner, facts("l2", "10.0.0.7")), preferences("nat"), [22]))
    assert reached == Place("hv01.example.com", 60022, "nat", 22)
    assert list(places(Guest(inner, facts("l3", "10.0.0.8")), preferences("nat"), [22])) == []  # ends at the inner NAT
    inner.way = "direct"
    reached = next(places(Guest(inner, facts("l3", "10.0.0.8")), preferences("nat"), [22]))
    assert reached == Place("l1.example.com", 22001, "nat", 22)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((["direct"], ["ipv4"], ["192.0.2.1/24"], [22]), "networks: '192.0.2.1/24' is not a network with zeros"),
        ((["direct"], ["ipv4"], ["lab"], [22]), "networks: 'lab' is not a network"),
        ((["direct"], ["ipv4"], [], [0]), "nat_ports: 0 is not a port"),
        (([], ["ipv4"], [], [22]), "reach is empty"),
        ((["direct"], [], [], [22]), "address_families is empty"),
    ],
)
def test_wrong_preferences(arguments: Any, text: str) -> None:
    with pytest.raises(AnsibleError, match=text):
        options.parse_preferences(*arguments)


@pytest.mark.parametrize(
    ("pattern", "name", "verdict"),
    [
        ("lab*", "LAB01", True),
        ("lab?", "lab1", True),
        ("lab?", "lab10", False),
        ("lab[12]", "lab1", False),
        ("lab[12]", "lab[12]", True),
        ("[!a]*", "lab1", False),
        ("a.c", "abc", False),
        ("*", "two\nlines", True),
        ("a\\*", "a\\b", True),
    ],
)
def test_patterns_of_nested_hosts_have_two_wildcards(pattern: str, name: str, verdict: bool) -> None:
    (entry,) = options.parse_nested_hosts([{"names": [pattern]}], ())
    assert entry.match(name, []) is verdict


# ---- names ----


def nothing(_hosts: Any) -> tuple[str, ...]:
    """No reserved names."""
    return ()


def test_names_that_vms_share_do_not_depend_on_the_order() -> None:
    one, two = host("hv01"), host("hv02")
    guests = [
        Guest(one, facts("web01")),
        Guest(two, facts("WEB01")),
        Guest(one, {**facts("twin"), "id": "A"}),
        Guest(one, {**facts("twin"), "id": "B"}),
        Guest(two, facts("hv01")),
        Guest(two, facts("alone")),
        Guest(two, {**facts(""), "id": "C"}),
    ]
    for order in (guests, guests[::-1]):
        names, warning = hosts.unique_names(order, ["hv01", "hv02"], nothing)
        assert [names[guest] for guest in guests] == [
            "web01_hv01",
            "WEB01_hv02",
            "twin_A",
            "twin_B",
            "hv01_hv02",
            "alone",
            "C",
        ]
        assert all(text in warning for text in ("'web01' (1)", "'twin' (2)", "'hv01' (1)"))
        assert "alone" not in warning


def test_a_longer_name_that_another_vm_has() -> None:
    one, two = host("hv01"), host("hv02")
    guests = [Guest(one, facts("a")), Guest(two, facts("a")), Guest(two, facts("a_hv01"))]
    names, _warning = hosts.unique_names(guests, [], nothing)
    assert len(set(names.values())) == 3
    assert sorted(names.values()) == ["a_ID-a", "a_hv01_ID-a_hv01", "a_hv02"]


def test_vms_of_nested_hosts_that_share_a_name_get_the_unique_name_of_their_host() -> None:
    guests = [Guest(host(name), {**facts("lab01"), "id": f"ID-{name}"}) for name in ("hv01", "hv02")]
    guests += [Guest(host("lab01", vm), facts("inner")) for vm in guests]  # on cloned disks, so with the same ID
    for order in (guests, guests[::-1]):
        names, _warning = hosts.unique_names(order, [], nothing)
        assert [names[guest] for guest in guests] == [
            "lab01_hv01",
            "lab01_hv02",
            "inner_lab01_hv01",
            "inner_lab01_hv02",
        ]


def test_reserved_names_depend_on_the_names_of_hosts() -> None:
    guests = [Guest(host("hv01"), facts("group_hv01")), Guest(host("hv02"), facts("all"))]
    names, warning = hosts.unique_names(guests, [], lambda known: {"all", *(f"group_{name}" for name in known)})
    assert list(names.values()) == ["group_hv01_hv01", "all_hv02"]
    assert "'all' (1), 'group_hv01' (1)" in warning


def random_guests(random: Random) -> list[Guest]:
    """VMs whose names collide, also with names that are appended to, and whose IDs are those of cloned disks."""
    parents = [host("a"), host("b"), host("b_a")]
    guests: list[Guest] = []
    for _number in range(random.randint(1, 14)):
        parent = random.choice(parents)
        name = random.choice(["a", "A", "b", "a_a", "a_b", "a_b_a", "a_1", "a_2", "a_b_1", "a_b_1_1", "all", ""])
        free = [id for id in "123456789" if (parent, id) not in [(known.host, known.facts["id"]) for known in guests]]
        if free:
            guests.append(Guest(parent, {**facts(name), "id": free[0]}))
            parents.append(Host(guests[-1].key, name, parent.options, guests[-1]))
    return guests


@pytest.mark.parametrize("seed", range(300))
def test_names_are_always_unique(seed: int) -> None:
    random = Random(seed)
    guests = random_guests(random)
    taken = ["a", "b", "b_a"]

    def reserved(known: Any) -> set[str]:
        return {"all", "a_a_1", *(f"a_{name}" for name in known)}

    names, _warning = hosts.unique_names(guests, taken, reserved)
    folded = [name.lower() for name in names.values()]
    assert list(names) == guests
    assert len(set(folded)) == len(folded)
    assert not set(folded) & set(taken)
    assert not set(names.values()) & {"all", "a_a_1"}
    shuffled = random.sample(guests, len(guests))
    assert hosts.unique_names(shuffled, taken, reserved)[0] == names


# ---- depth ----


def obtain_from(contents: dict[str, list[Any]], asked: list[str]) -> Any:
    def obtain(wave: list[Host]) -> dict[str, Part]:
        asked.extend(known.name for known in wave)
        return {
            known.key: Part(known.options.name, 0, Needs(), contents[known.name], [])
            for known in wave
            if known.name in contents
        }

    return obtain


def as_host(guest: Guest) -> Host:
    return Host(guest.key, guest.name, ConnectionOptions(f"http://{guest.addresses[0]}:5985/wsman"), guest)


def test_depth_is_that_of_the_data() -> None:
    asked: list[str] = []
    contents = {f"l{n}": [facts(f"l{n + 1}", f"10.0.0.{n + 1}", nesting=True)] for n in range(30)}
    guests, same = walk([host("l0")], obtain_from(contents, asked), as_host, preferences())
    assert [guest.level for guest in guests] == list(range(1, 31))
    assert asked == [f"l{n}" for n in range(31)]
    assert same == []


def test_a_vm_within_itself_ends() -> None:
    """Whatever the addresses: a host that answers at every one of them cannot keep the walk going."""
    asked: list[str] = []

    def obtain(wave: list[Host]) -> dict[str, Part]:
        asked.extend(known.key for known in wave)
        vms = [facts("a", f"10.0.{len(asked)}.1", nesting=True), facts("b", f"10.0.{len(asked)}.2", nesting=True)]
        return {known.key: Part(known.options.name, 0, Needs(), vms, []) for known in wave}

    guests, _same = walk([host("l0")], obtain, as_host, preferences())
    assert len(guests) == 2 * len(asked)
    assert max(guest.level for guest in guests) == 3  # a, b within it, and the VMs there, which are not asked
    assert len(asked) <= 5


def test_an_address_is_asked_once() -> None:
    asked: list[str] = []
    contents = {
        "l0": [facts("a", "10.0.0.1", nesting=True), facts("b", "10.0.0.1", nesting=True)],
        "a": [facts("c", "10.0.0.9")],
    }
    guests, same = walk([host("l0")], obtain_from(contents, asked), as_host, preferences())
    assert asked == ["l0", "a"]
    assert [guest.name for guest in guests] == ["a", "b", "c"]
    assert [(guest.name, other.name) for guest, other in same] == [("b", "a")]


@pytest.mark.parametrize("nests", [{"nesting": False}, {"state": "off"}, {"os": "Ubuntu 24.04.1 LTS"}])
def test_vms_that_cannot_be_hosts_are_not_asked(nests: dict[str, Any]) -> None:
    asked: list[str] = []
    contents = {"l0": [facts("a", "10.0.0.1", **{"nesting": True, **nests})]}
    walk([host("l0")], obtain_from(contents, asked), as_host, preferences())
    assert asked == ["l0"]


def test_a_listed_host_that_is_a_vm_of_another_is_a_level_deeper() -> None:
    asked: list[str] = []
    listed = [host("l0"), Host("l1", "l1", ConnectionOptions("http://10.0.0.1:5985/wsman"))]
    contents = {"l0": [facts("inner", "10.0.0.1", nesting=True)], "l1": [facts("l2")]}
    guests, same = walk(listed, obtain_from(contents, asked), as_host, preferences())
    assert asked == ["l0", "l1"]
    assert {guest.name: guest.level for guest in guests} == {"inner": 1, "l2": 2}
    assert [(guest.name, other.name) for guest, other in same] == [("inner", "l1")]


def test_two_listed_hosts_with_private_networks_are_not_within_each_other() -> None:
    listed = [Host(name, name, ConnectionOptions(f"http://10.0.0.{n}:5985/wsman")) for n, name in enumerate("ab", 1)]
    contents = {
        "a": [facts("x", "10.0.0.2", nesting=True)],
        "b": [facts("y", "10.0.0.1", nesting=True)],
    }
    guests, _same = walk(listed, obtain_from(contents, []), as_host, preferences())
    assert all(guest.level <= 3 for guest in guests)


def test_a_nested_host_that_is_listed_by_its_dns_name() -> None:
    """Clones of a host have VMs with the same IDs, so all that can be said is that they may be one host."""
    listed = [host("l0"), host("nestedhost"), host("empty")]
    contents = {
        "l0": [
            facts("lab01", "10.0.0.1", nesting=True),
            facts("none", "10.0.0.2", nesting=True),
            facts("lab02", "10.0.0.3", nesting=True),
        ],
        "nestedhost": [facts("inner")],
        "lab01": [facts("inner")],
        "lab02": [facts("inner"), facts("more")],
        "none": [],
        "empty": [],
    }
    guests, _same = walk(listed, obtain_from(contents, []), as_host, preferences())
    assert [(nested.name, other.name) for nested, other in with_same_vms(guests)] == [("lab01", "nestedhost")]
    assert with_same_vms(guest for guest in guests if guest.host.name != "nestedhost") == []
