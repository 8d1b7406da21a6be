"""NAT for guests: switch, address, NAT and mappings in one task, on a host and on a VM that is one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL

MODULE = "nat_network"
LAB = {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24"}
SSH = {"external_port": 2222, "internal_address": "192.168.100.10", "internal_port": 22}
WEB = {"external_port": 8080, "internal_address": "192.168.100.11"}


def shown(mapping: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "tcp", "external_address": "0.0.0.0", "internal_port": mapping["external_port"], **mapping}


def test_all_in_one_task_and_back(lab: Lab) -> None:
    before = lab.facts("network")
    args = {**LAB, "manage_switch": True}
    result = lab.apply(MODULE, **args, static_mappings=[SSH, WEB])
    assert result["nat"] == {
        "name": "lab",
        "prefix": "192.168.100.0/24",
        "external_prefix": None,
        "static_mappings": [shown(SSH), shown(WEB)],
    }
    found = lab.switch("NAT")
    assert found["type"] == "internal"
    assert "192.168.100.1/24" in found["host_adapter"]["addresses"]
    assert lab.facts("network")["nats"] == [result["nat"]]

    result = lab.apply(MODULE, name="LAB", switch="nat", manage_switch=True, state="absent")
    assert result["nat"] is None
    assert lab.facts("network") == before


def test_on_a_switch_that_is_there(lab: Lab) -> None:
    args = {**LAB, "switch": "Internal"}
    lab.apply(MODULE, **args)
    assert set(lab.switch("Internal")["host_adapter"]["addresses"]) >= {"10.9.8.1/24", "192.168.100.1/24"}
    lab.apply(MODULE, **args, static_mappings=[SSH])
    lab.leaves_alone(MODULE, **args)
    result = lab.apply(MODULE, **args, static_mappings=[WEB])
    assert result["nat"]["static_mappings"] == [shown(WEB)]
    lab.apply(MODULE, **args, static_mappings=[])
    lab.apply(MODULE, **args, state="absent")
    assert lab.switch("Internal")["host_adapter"]["addresses"] == ["10.9.8.1/24"]
    assert lab.facts("network")["nats"] == []


def test_another_address_in_the_prefix_takes_its_place(lab: Lab) -> None:
    args = {**LAB, "switch": "Internal"}
    lab.apply(MODULE, **args)
    result = lab.apply(MODULE, **{**args, "address": "192.168.100.254/24"})
    assert result["diff"] == {"before": {"address": "192.168.100.1/24"}, "after": {"address": "192.168.100.254/24"}}
    assert set(lab.switch("Internal")["host_adapter"]["addresses"]) == {"10.9.8.1/24", "192.168.100.254/24"}


def test_an_address_that_is_there_with_another_length(lab: Lab) -> None:
    lab.apply(MODULE, name="lab", switch="Internal", address="10.9.8.1/25", prefix="10.9.8.0/24")
    assert lab.switch("Internal")["host_adapter"]["addresses"] == ["10.9.8.1/25"]


def test_a_larger_prefix(lab: Lab) -> None:
    result = lab.apply(MODULE, **LAB, manage_switch=True, prefix="192.168.0.0/16")
    assert result["nat"]["prefix"] == "192.168.0.0/16"


def test_without_a_nat_nothing_is_absent(lab: Lab) -> None:
    lab.leaves_alone(MODULE, name="lab", switch="NAT", state="absent")
    lab.leaves_alone(MODULE, name="lab", switch="NAT", state="absent", manage_switch=True)


def test_a_switch_with_guests_is_not_removed_by_the_way(lab: Lab) -> None:
    lab.apply(MODULE, **{**LAB, "switch": "Internal"})
    args = {"name": "lab", "switch": "Internal", "state": "absent", "manage_switch": True}
    lab.refuses(MODULE, "is in use by 'old01', 'saved01'", **args)
    lab.apply(MODULE, **args, force=True)


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
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses(MODULE, *words, **{**LAB, "switch": "Internal", **args})


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"address": "172.16.5.1/24"}, ("overlaps with 172.16.0.0/16, which NAT 'old' translates",)),
        ({}, ("has the NAT 'old' for 172.16.0.0/16 already", "rule one-nat")),
        ({"name": "OLD"}, ("NAT 'old' has the internal prefix 172.16.0.0/16", "can't change it to 192.168.100.0/24")),
    ],
)
def test_a_host_with_a_nat(args: dict[str, Any], words: tuple[str, ...]) -> None:
    with open_lab(WITH_NAT) as lab:
        lab.refuses(MODULE, *words, **{**LAB, "switch": "Internal", **args})


def test_a_route_of_the_host(lab: Lab) -> None:
    network = lab.machine.network
    network.routes.append(type(network.routes[0])(network.find(name="Ethernet 3"), "192.168.0.0/16", "198.51.100.1"))
    words = "overlaps with the host's route to 192.168.0.0/16 over 'Ethernet 3'"
    lab.refuses(MODULE, words, **{**LAB, "switch": "Internal"})


def test_a_route_that_comes_later_does_not_hurt_a_nat_that_works(lab: Lab) -> None:
    lab.apply(MODULE, **{**LAB, "switch": "Internal"})
    network = lab.machine.network
    network.routes.append(type(network.routes[0])(network.find(name="Ethernet 3"), "192.168.0.0/16", "198.51.100.1"))
    lab.leaves_alone(MODULE, **{**LAB, "switch": "Internal"})


def test_a_port_that_windows_listens_on(lab: Lab) -> None:
    result = lab.run(MODULE, **{**LAB, "switch": "Internal"}, static_mappings=[{**SSH, "external_port": 5985}])
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
def test_a_write_that_fails_is_told_and_can_be_done_again(lab: Lab, rule: dict[str, Any]) -> None:
    args = {**LAB, "switch": "Internal"}
    lab.sim.faults.add(simulator.Rule(do="fault", fault="InternalError", times=2, **rule))
    results = [
        lab.run(MODULE, **args, static_mappings=[SSH]),
        lab.run(MODULE, **args, state="absent"),
    ]
    assert [one.get("failed", False) for one in results].count(True) >= 1
    for _attempt in range(2):
        lab.run(MODULE, **args, static_mappings=[SSH])
    lab.leaves_alone(MODULE, **args, static_mappings=[SSH])
    for _attempt in range(2):
        lab.run(MODULE, **args, state="absent")
    lab.leaves_alone(MODULE, **args, state="absent")


def test_an_answer_that_tells_nothing_counts_as_done_when_it_is(lab: Lab) -> None:
    """The operation times out, but Windows did it."""
    lab.sim.faults.add(simulator.Rule(do="lose", operation="Create", class_name="MSFT_NetNat"))
    result = lab.run(MODULE, **{**LAB, "switch": "Internal"})
    assert result.get("failed") or lab.facts("network")["nats"]
    lab.leaves_alone(MODULE, **{**LAB, "switch": "Internal"})


def test_a_host_without_hyperv() -> None:
    with open_lab({"hosts": [{"name": "hv01", "hyperv": False}]}) as lab:
        lab.refuses(MODULE, "Windows has no NAT on this host", **LAB)


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


def test_on_a_vm_that_is_a_host_itself() -> None:
    with open_lab(NESTED) as outer:
        (name,) = (name for name in outer.sim.machines if name != "hv01")
        inner = outer.on(name)
        outer.leaves_alone("vm_nesting", name="lab01", network="nat")
        inner.apply(MODULE, **LAB, manage_switch=True)
        inner.apply("vm_network_adapter", vm="inner", name="LAN", switch="NAT")
        assert inner.facts("network")["nats"][0]["prefix"] == "192.168.100.0/24"
        assert outer.facts("network")["nats"] == []
        inner.refuses(MODULE, "192.168.100.0/24 already", name="other", switch="NAT", address="192.0.2.1/24")
