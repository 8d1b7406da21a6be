"""NAT for guests: switch, address, NAT and mappings in one task, on a host and on a VM that is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator

from .conftest import MODEL, Hosts

MODULE = "nat_network"
LAB = {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24"}
SSH = {"external_port": 2222, "internal_address": "192.168.100.10", "internal_port": 22}
WEB = {"external_port": 8080, "internal_address": "192.168.100.11"}


def shown(mapping: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "tcp", "external_address": "0.0.0.0", "internal_port": mapping["external_port"], **mapping}


def test_all_in_one_task_and_back(host: Hosts) -> None:
    before = host.facts("network")
    args = {**LAB, "manage_switch": True}
    result = host.change(MODULE, **args, static_mappings=[SSH, WEB])
    assert result["nat"] == {
        "name": "lab",
        "prefix": "192.168.100.0/24",
        "external_prefix": None,
        "static_mappings": [shown(SSH), shown(WEB)],
    }
    found = host.switch("NAT")
    assert found["type"] == "internal"
    assert "192.168.100.1/24" in found["host_adapter"]["addresses"]
    assert host.facts("network")["nats"] == [result["nat"]]

    result = host.change(MODULE, name="LAB", switch="nat", manage_switch=True, state="absent")
    assert result["nat"] is None
    assert host.facts("network") == before


def test_on_a_switch_that_is_there(host: Hosts) -> None:
    args = {**LAB, "switch": "Internal"}
    host.change(MODULE, **args)
    assert set(host.switch("Internal")["host_adapter"]["addresses"]) >= {"10.9.8.1/24", "192.168.100.1/24"}
    host.change(MODULE, **args, static_mappings=[SSH])
    assert host.run(MODULE, **args)["changed"] is False, "mappings that aren't given are left alone"
    result = host.change(MODULE, **args, static_mappings=[WEB])
    assert result["nat"]["static_mappings"] == [shown(WEB)]
    host.change(MODULE, **args, static_mappings=[])
    host.change(MODULE, **args, state="absent")
    assert host.switch("Internal")["host_adapter"]["addresses"] == ["10.9.8.1/24"]
    assert host.facts("network")["nats"] == []


def test_another_address_in_the_prefix_takes_its_place(host: Hosts) -> None:
    args = {**LAB, "switch": "Internal"}
    host.change(MODULE, **args)
    result = host.change(MODULE, **{**args, "address": "192.168.100.254/24"})
    assert result["diff"] == {"before": {"address": "192.168.100.1/24"}, "after": {"address": "192.168.100.254/24"}}
    assert set(host.switch("Internal")["host_adapter"]["addresses"]) == {"10.9.8.1/24", "192.168.100.254/24"}


def test_an_address_that_is_there_with_another_length(host: Hosts) -> None:
    host.change(MODULE, name="lab", switch="Internal", address="10.9.8.1/25", prefix="10.9.8.0/24")
    assert host.switch("Internal")["host_adapter"]["addresses"] == ["10.9.8.1/25"]


def test_a_larger_prefix(host: Hosts) -> None:
    result = host.change(MODULE, **LAB, manage_switch=True, prefix="192.168.0.0/16")
    assert result["nat"]["prefix"] == "192.168.0.0/16"


def test_without_a_nat_nothing_is_absent(host: Hosts) -> None:
    assert host.run(MODULE, name="lab", switch="NAT", state="absent")["changed"] is False
    assert host.run(MODULE, name="lab", switch="NAT", state="absent", manage_switch=True)["changed"] is False


def test_a_switch_with_guests_is_not_removed_by_the_way(host: Hosts) -> None:
    host.change(MODULE, **{**LAB, "switch": "Internal"})
    args = {"name": "lab", "switch": "Internal", "state": "absent", "manage_switch": True}
    assert "is in use by 'old01', 'saved01'" in host.refuse(MODULE, **args)
    host.change(MODULE, **args, force=True)


WITH_NAT = {
    "hosts": [
        {
            **MODEL["hosts"][0],
            "switches": [
                *MODEL["hosts"][0]["switches"],
                {"name": "Old", "type": "internal", "addresses": ["172.16.0.1/16"]},
            ],
            "nats": [
                {
                    "name": "old",
                    "prefix": "172.16.0.0/16",
                    "mappings": [{"external_port": 80, "internal_address": "172.16.0.5", "internal_port": 80}],
                }
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"switch": "Nowhere"}, ("switch: there is no virtual switch 'Nowhere'", "'manage_switch: true'")),
        ({"switch": "Private"}, ("virtual switch 'Private' is private", "internal first")),
        ({"switch": "Twin"}, ("switch: 2 virtual switches share the name 'Twin'",)),
        ({"address": "192.168.100.1"}, ("address: '192.168.100.1' is not an IPv4 address with its prefix length",)),
        ({"address": "192.168.100.0/24"}, ("is the network address",)),
        ({"prefix": "192.168.200.0/24"}, ("address: 192.168.100.1/24 lies outside the prefix 192.168.200.0/24",)),
        ({"address": "192.0.2.129/25"}, ("overlaps with 192.0.2.10/24", "vEthernet (External)")),
        ({"address": "192.0.2.10/24"}, ("overlaps with 192.0.2.10/24",)),
        ({"address": "198.0.0.1/8"}, ("overlaps with 198.51.100.10/24", "'Ethernet 3'")),
        ({"static_mappings": [SSH, {**WEB, "external_port": 2222}]}, ("static_mappings", "clashes with")),
        ({"static_mappings": [{**SSH, "internal_address": "10.0.0.1"}]}, ("lies outside the prefix 192.168.100.0/24",)),
    ],
)
def test_bad_input(host: Hosts, args: dict[str, Any], words: tuple[str, ...]) -> None:
    message = host.refuse(MODULE, **{**LAB, "switch": "Internal", **args})
    assert not [word for word in words if word not in message], message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"address": "172.16.5.1/24"}, ("overlaps with 172.16.0.0/16, which NAT 'old' translates",)),
        ({}, ("has the NAT 'old' for 172.16.0.0/16 already", "rule one-nat")),
        ({"name": "OLD"}, ("NAT 'old' has the internal prefix 172.16.0.0/16", "can't change it to 192.168.100.0/24")),
    ],
)
def test_a_host_with_a_nat(start: Callable[..., Hosts], args: dict[str, Any], words: tuple[str, ...]) -> None:
    message = start(WITH_NAT).refuse(MODULE, **{**LAB, "switch": "Internal", **args})
    assert not [word for word in words if word not in message], message


def test_a_route_of_the_host(host: Hosts) -> None:
    network = host.machine.network
    network.routes.append(type(network.routes[0])(network.find(name="Ethernet 3"), "192.168.0.0/16", "198.51.100.1"))
    words = host.refuse(MODULE, **{**LAB, "switch": "Internal"})
    assert "overlaps with the host's route to 192.168.0.0/16 over 'Ethernet 3'" in words


def test_a_later_route_of_the_host_does_not_fail_an_unchanged_nat(host: Hosts) -> None:
    host.change(MODULE, **{**LAB, "switch": "Internal"})
    network = host.machine.network
    network.routes.append(type(network.routes[0])(network.find(name="Ethernet 3"), "192.168.0.0/16", "198.51.100.1"))
    result = host.run(MODULE, **{**LAB, "switch": "Internal"})
    assert (result.get("failed", False), result["changed"]) == (False, False), result


def test_a_port_that_windows_listens_on(host: Hosts) -> None:
    result = host.run(MODULE, **{**LAB, "switch": "Internal"}, static_mappings=[{**SSH, "external_port": 5985}])
    assert result["failed"] is True
    assert "could not add the static mapping tcp 0.0.0.0:5985 -> 192.168.100.10:22 to NAT 'lab'" in result["msg"]
    assert len(result["completed"]) == 2, "what was done before is told"
    assert result["changed"] is True


@pytest.mark.parametrize(
    "rule",
    [
        {"operation": "Create", "class_name": "MSFT_NetNat"},
        {"operation": "Create", "class_name": "MSFT_NetNatStaticMapping"},
        {"operation": "Delete", "class_name": "MSFT_NetNat"},
        {"method": "Create", "class_name": "MSFT_NetIPAddress"},
        {"operation": "Delete", "class_name": "MSFT_NetIPAddress"},
    ],
)
def test_a_write_that_fails_is_told_and_can_be_done_again(host: Hosts, rule: dict[str, Any]) -> None:
    args = {**LAB, "switch": "Internal"}
    host.sim.faults.add(simulator.Rule(do="fault", fault="InternalError", times=2, **rule))
    results = [
        host.run(MODULE, **args, static_mappings=[SSH]),
        host.run(MODULE, **args, state="absent"),
    ]
    assert [one.get("failed", False) for one in results].count(True) >= 1
    for _attempt in range(2):
        host.run(MODULE, **args, static_mappings=[SSH])
    assert host.run(MODULE, **args, static_mappings=[SSH])["changed"] is False
    for _attempt in range(2):
        host.run(MODULE, **args, state="absent")
    assert host.run(MODULE, **args, state="absent")["changed"] is False


def test_an_answer_that_tells_nothing_counts_as_done_when_it_is(host: Hosts) -> None:
    """The operation times out, but Windows did it."""
    host.sim.faults.add(simulator.Rule(do="lose", operation="Create", class_name="MSFT_NetNat"))
    result = host.run(MODULE, **{**LAB, "switch": "Internal"})
    assert result.get("failed") or host.facts("network")["nats"]
    assert host.run(MODULE, **{**LAB, "switch": "Internal"})["changed"] is False


def test_a_host_without_hyperv(start: Callable[..., Hosts]) -> None:
    host = start({"hosts": [{"name": "hv01", "hyperv": False}]})
    assert host.run(MODULE, **LAB)["failed"] is True


NESTED = {
    "hosts": [
        {
            "name": "hv01",
            "switches": [{"name": "External", "type": "external", "adapters": ["Ethernet"]}],
            "vms": [
                {
                    "name": "lab01",
                    "state": "running",
                    "nested": True,
                    "memory": "8GB",
                    "adapters": [{"name": "LAN", "switch": "External", "addresses": ["192.0.2.50"]}],
                    "guest": {
                        "machine": {
                            "os": "server2022",
                            "vms": [{"name": "inner", "adapters": [{"name": "LAN", "connection": False}]}],
                        }
                    },
                }
            ],
        }
    ]
}


def test_on_a_vm_that_is_a_host_itself(start: Callable[..., Hosts]) -> None:
    outer = start(NESTED)
    (name,) = (name for name in outer.sim.machines if name != "hv01")
    inner = outer._replace(name=name)
    assert outer.run("vm_nesting", name="lab01", network="nat")["changed"] is False
    inner.change(MODULE, **LAB, manage_switch=True)
    inner.change("vm_network_adapter", vm="inner", name="LAN", switch="NAT")
    assert inner.facts("network")["nats"][0]["prefix"] == "192.168.100.0/24"
    assert outer.facts("network")["nats"] == []
    words = inner.refuse(MODULE, name="other", switch="NAT", address="192.0.2.1/24")
    assert "192.168.100.0/24 already" in words
