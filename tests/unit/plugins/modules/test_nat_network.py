"""NAT for guests: switch, address, NAT and mappings in one task, on a host and on a VM that is one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD

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


def networks(lab: Lab) -> dict[str, Any]:
    """NATs, addresses and switches of the host."""
    return lab.facts("network")


def test_a_switch_that_present_would_not_create_is_kept(lab: Lab) -> None:
    args = {"name": "lab", "switch": "External", "manage_switch": True}
    before = networks(lab)
    lab.apply(MODULE, **args, address="10.77.0.1/24")
    result = lab.apply(MODULE, **args, state="absent", force=True)
    assert "creates and removes internal switches only" in result["warnings"][0]
    assert networks(lab) == before


def test_an_external_switch_without_the_host_is_told(lab: Lab) -> None:
    lab.apply("virtual_switch", name="External", allow_management_os=False)
    words = ("switch: the host has no adapter of its own on virtual switch 'External'", "allow_management_os: true")
    lab.refuses(MODULE, *words, **{**LAB, "switch": "External"})


def test_an_unknown_switch_is_not_taken_for_one_that_is_gone(lab: Lab) -> None:
    lab.apply(MODULE, **{**LAB, "switch": "Internal"})
    args = {"name": "lab", "switch": "Intranet", "state": "absent"}
    for more in ({}, {"manage_switch": True}):
        lab.refuses(MODULE, "switch: there is no virtual switch 'Intranet'", "force: true", **args, **more)
    lab.apply(MODULE, **args, force=True)
    lab.leaves_alone(MODULE, **args)


def test_the_port_of_the_connection_is_not_mapped(lab: Lab) -> None:
    port = lab.variables["ansible_port"]
    args = {**LAB, "switch": "Internal"}
    words = f"static_mappings.external_port: tcp 0.0.0.0:{port} -> 192.168.100.10:22 maps port {port}"
    lab.refuses(MODULE, words, **args, static_mappings=[{**SSH, "external_port": port}])
    lab.apply(MODULE, **args, static_mappings=[{**SSH, "external_port": port, "protocol": "udp"}])


def test_a_nat_of_the_other_protocol_is_the_one_nat() -> None:
    host = {**MODEL["hosts"][0], "nats": [{"name": "six", "prefix": "fd00:1::/64"}]}
    with open_lab({"hosts": [host]}) as lab:
        words = ("name: this host has the NAT 'six' for fd00:1::/64 already", "one-nat")
        lab.refuses(MODULE, *words, **{**LAB, "switch": "Internal"})
        lab.refuses(MODULE, "NAT 'six' has no IPv4 prefix", **{**LAB, "name": "six", "switch": "Internal"})


OTHER_SSH = {**SSH, "internal_address": "192.168.100.20"}
ONE = {**SSH, "external_address": "192.0.2.10"}
TWO = {**OTHER_SSH, "external_address": "198.51.100.10"}

# Changes of several requests: the task before, the task, and the ports that must be mapped all the time.
REPLACEMENTS = {
    "one mapping by one": ({"static_mappings": [SSH]}, {"static_mappings": [OTHER_SSH]}, {2222}),
    "one mapping by two": ({"static_mappings": [SSH, WEB]}, {"static_mappings": [ONE, TWO]}, {2222}),
    "two mappings by one": ({"static_mappings": [ONE, TWO]}, {"static_mappings": [WEB, SSH]}, {2222}),
    "all mappings": ({"static_mappings": [SSH, WEB]}, {"static_mappings": []}, set()),
    "the address": ({}, {"address": "192.168.100.254/24"}, set()),
    "the length of the address": ({"prefix": "192.168.100.0/24"}, {"address": "192.168.100.1/25"}, set()),
    "all": (
        {"static_mappings": [SSH, WEB]},
        {"address": "192.168.100.254/24", "static_mappings": [OTHER_SSH]},
        {2222},
    ),
}


class Write(simulator.Rule):
    """A rule for writes of any kind."""

    def matches(self, host: str, operation: str, class_name: str, method: str) -> bool:
        return operation in ("Create", "Delete") or method in ("Create", "DefineSystem", "DestroySystem")


@pytest.mark.parametrize("name", REPLACEMENTS)
@pytest.mark.parametrize("times", [1, 0], ids=["once", "for ever"])
def test_whichever_request_fails_nothing_is_lost_or_untold(lab: Lab, name: str, times: int) -> None:
    before_args, after_args, ports = REPLACEMENTS[name]
    before_args = {**LAB, "switch": "Internal", **before_args}
    after_args = {**before_args, **after_args}
    lab.succeeds(MODULE, **before_args)
    lab.succeeds(MODULE, **after_args)
    count = len(lab.writes)
    after = networks(lab)
    lab.succeeds(MODULE, **before_args)
    before = networks(lab)
    assert count > 0
    for number in range(1, count + 1):
        lab.sim.faults.add(Write(do="fault", at=number, times=times))
        result = lab.run(MODULE, **after_args)
        lab.sim.faults.clear()
        now = networks(lab)
        assert result["changed"] is (now != before), f"request {number}: {result}"
        assert bool(result.get("completed")) is (result["changed"] and bool(result.get("failed")))
        addresses = lab.switch("Internal")["host_adapter"]["addresses"]
        if times == 1:
            assert any(address.startswith("192.168.100.") for address in addresses)
            assert ports <= {each["external_port"] for each in now["nats"][0]["static_mappings"]}
        lab.succeeds(MODULE, **after_args)
        assert networks(lab) == after
        lab.succeeds(MODULE, **before_args)
        assert networks(lab) == before


@pytest.mark.parametrize("name", REPLACEMENTS)
@pytest.mark.parametrize("do", ["lose", "drop"])
def test_a_request_whose_answer_is_lost_counts_if_windows_did_it(lab: Lab, name: str, do: str) -> None:
    before_args, after_args, _ports = REPLACEMENTS[name]
    before_args = {**LAB, "switch": "Internal", **before_args}
    after_args = {**before_args, **after_args}
    lab.succeeds(MODULE, **before_args)
    before = networks(lab)
    lab.succeeds(MODULE, **after_args)
    count = len(lab.writes)
    after = networks(lab)
    for number in range(1, count + 1):
        lab.succeeds(MODULE, **before_args)
        lab.sim.faults.add(Write(do=do, at=number))
        result = lab.run(MODULE, **after_args)
        lab.sim.faults.clear()
        now = networks(lab)
        assert result["changed"] is (now != before), f"request {number}: {result}"
        assert bool(result.get("failed")) is (now != after), f"request {number}: {result}"
        lab.succeeds(MODULE, **after_args)
        assert networks(lab) == after


@pytest.mark.parametrize("manage", [False, True])
def test_a_removal_that_stops_anywhere_can_be_run_again(lab: Lab, manage: bool) -> None:
    before = networks(lab)
    args = {"name": "lab", "switch": "NAT" if manage else "Internal", "manage_switch": manage}
    present = {**args, "address": LAB["address"], "static_mappings": [SSH, WEB]}
    for number in range(1, 6):
        lab.succeeds(MODULE, **present)
        lab.sim.faults.add(Write(do="fault", at=number))
        lab.run(MODULE, **args, state="absent")
        lab.sim.faults.clear()
        lab.succeeds(MODULE, **args, state="absent")
        assert networks(lab) == before, f"request {number}"


def test_mappings_that_windows_left_behind_are_removed(lab: Lab) -> None:
    args = {"name": "lab", "switch": "Internal"}
    lab.apply(MODULE, **args, address=LAB["address"], static_mappings=[SSH])
    mapping = next(iter(lab.machine.repository.rows("MSFT_NetNatStaticMapping", STANDARD)))
    lab.apply(MODULE, **args, state="absent")
    lab.machine.repository.store(mapping)
    lab.apply(MODULE, **args, state="absent")


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


# ---- users who are no administrators ----

OPERATOR = {
    "name": "operator",
    "password": "Oper4tor!",
    "groups": ["Hyper-V Administrators", "Remote Management Users"],
}
ADMINISTRATOR = {"name": "administrator", "password": "Passw0rd!"}
WITH_USERS = {"hosts": [{**host, "users": [ADMINISTRATOR, OPERATOR]} for host in MODEL["hosts"]]}
RULE = "(rule nat-rights)"


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ({**LAB, "manage_switch": True}, "create the NAT 'lab' for 192.168.100.0/24"),
        ({**LAB, "switch": "Internal"}, "create the NAT 'lab' for 192.168.100.0/24"),
        ({**LAB, "switch": "Internal", "static_mappings": [SSH]}, "create the NAT 'lab' for 192.168.100.0/24"),
    ],
)
def test_a_nat_is_refused_before_the_first_write(args: dict[str, Any], what: str) -> None:
    with open_lab(WITH_USERS) as lab:
        result = lab.by("operator").refuses(MODULE, f"the user may not {what}: ", RULE, "root/StandardCimv2", **args)
        assert result["rule"] == "nat-rights"
        assert result["source"].startswith("https://")
        lab.apply(MODULE, **args)


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ({**LAB, "static_mappings": [SSH]}, "set the static mappings of NAT 'lab'"),
        ({"name": "lab", "state": "absent"}, "remove NAT 'lab'"),
        ({"name": "lab", "state": "absent", "manage_switch": True, "force": True}, "remove NAT 'lab'"),
    ],
)
def test_changes_of_a_nat_are_refused_before_the_first_write(args: dict[str, Any], what: str) -> None:
    with open_lab(WITH_USERS) as lab:
        lab.apply(MODULE, **LAB | {"switch": "Internal"})
        lab.by("operator").refuses(
            MODULE, f"the user may not {what}: ", RULE, **{"switch": "Internal", **args} | {"switch": "Internal"}
        )


def test_rights_are_asked_for_only_if_the_nat_changes() -> None:
    with open_lab(WITH_USERS) as lab:
        args = {**LAB, "switch": "Internal"}
        lab.succeeds(MODULE, **args)
        assert [entry.method for entry in lab.requests].count("CheckAccess") == 1
        operator = lab.by("operator")
        operator.leaves_alone(MODULE, **args)
        assert "CheckAccess" not in [entry.method for entry in lab.requests]
        operator.fails(
            MODULE, "the group 'Hyper-V Administrators' is not enough", **{**args, "address": "192.168.100.9/24"}
        )


@pytest.mark.parametrize("fault", ["AccessDenied", "InternalError", "DestinationUnreachable"])
def test_a_host_that_does_not_say_what_the_user_may_do(fault: str) -> None:
    """The task goes on, and the first write that the host denies ends it."""
    with open_lab(WITH_USERS) as lab:
        lab.sim.faults.add(simulator.Rule(do="fault", fault=fault, method="CheckAccess", times=0))
        lab.apply(MODULE, **LAB | {"switch": "Internal"})
        lab.apply(MODULE, name="lab", switch="Internal", state="absent")
        lab.by("operator").fails(
            MODULE, "not allowed", "'Hyper-V Administrators' is not enough", **LAB | {"switch": "Internal"}
        )
