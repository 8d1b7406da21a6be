"""The nat_mapping module: one port of the host for a guest, beside the other mappings of a NAT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

MODULE = "nat_mapping"
SSH = {"external_port": 2222, "internal_address": "192.168.100.10", "internal_port": 22}
WINRM = {"external_port": 55985, "internal_address": "192.168.100.20", "internal_port": 5985}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "switches": [{"name": "NAT", "type": "internal", "addresses": ["192.168.100.1/24"]}],
            "nats": [{"name": "lab", "prefix": "192.168.100.0/24", "mappings": [SSH]}],
        }
    ]
}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with open_lab(MODEL) as lab:
        yield lab


def mappings(lab: Lab) -> list[dict[str, Any]]:
    return lab.facts("network")["nats"][0]["static_mappings"]


def shown(mapping: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "tcp", "external_address": "0.0.0.0", "internal_port": mapping["external_port"], **mapping}


def test_added_beside_others_and_removed(lab: Lab) -> None:
    result = lab.apply(MODULE, nat="LAB", **WINRM)
    assert result["mapping"] == shown(WINRM)
    assert result["diff"] == {"before": {"static_mappings": []}, "after": {"static_mappings": [shown(WINRM)]}}
    assert mappings(lab) == [shown(SSH), shown(WINRM)]
    assert lab.apply(MODULE, nat="lab", external_port=55985, state="absent")["mapping"] is None
    assert mappings(lab) == [shown(SSH)]


def test_only_the_mapping_to_a_guest_is_removed(lab: Lab) -> None:
    lab.leaves_alone(MODULE, nat="lab", state="absent", **{**SSH, "internal_address": "192.168.100.30"})
    lab.apply(MODULE, nat="lab", state="absent", **SSH)
    assert mappings(lab) == []


def test_another_guest_takes_the_port(lab: Lab) -> None:
    lab.apply(MODULE, nat="lab", **{**SSH, "internal_address": "192.168.100.30"})
    assert mappings(lab) == [shown({**SSH, "internal_address": "192.168.100.30"})]


def test_the_old_mapping_is_restored_if_the_new_one_fails(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule("fault", operation="Create", class_name="MSFT_NetNatStaticMapping"))
    result = lab.fails(MODULE, "add the static mapping", nat="lab", **{**SSH, "internal_address": "192.168.100.30"})
    assert result["changed"] is False
    assert mappings(lab) == [shown(SSH)]


def test_a_missing_nat_has_no_mapping(lab: Lab) -> None:
    lab.leaves_alone(MODULE, nat="none", external_port=1, state="absent")
    lab.refuses(MODULE, "nat: there is no NAT 'none' on the host", "nat_network", nat="none", **WINRM)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"external_port": 0}, ("external_port: tcp 0: 0 is out of range",)),
        ({"internal_port": 70000}, ("internal_port: ", "70000 is out of range")),
        ({"internal_address": "192.0.2.5"}, ("internal_address: 192.0.2.5 lies outside the prefix 192.168.100.0/24",)),
        ({"internal_address": "x"}, ("internal_address: ", "is not an IPv4 address")),
        ({"internal_address": None}, ("internal_address",)),
    ],
)
def test_bad_input(lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    options = {key: value for key, value in {"nat": "lab", **WINRM, **args}.items() if value is not None}
    lab.refuses(MODULE, *words, **options)


def test_the_port_of_the_connection_is_not_mapped(lab: Lab) -> None:
    port = int(lab.variables["ansible_port"])
    lab.refuses(
        MODULE, "external_port: ", "through which Ansible manages", nat="lab", **{**WINRM, "external_port": port}
    )


def test_several_guests_in_one_check() -> None:
    """Each task of a check finds the mappings that earlier tasks would have added, as the real run does."""
    play = [
        Task("one", MODULE, {"nat": "lab", **WINRM}),
        Task("the same", MODULE, {"nat": "lab", **WINRM}),
        Task("two", MODULE, {"nat": "lab", **WINRM, "external_port": 55986}),
        Task("gone", MODULE, {"nat": "lab", "external_port": 55985, "state": "absent"}),
    ]
    assert unforeseen(three_runs(MODEL, play)) == {}


def test_rights_are_refused_before_the_first_write() -> None:
    users = [
        {"name": "administrator", "password": "Passw0rd!"},
        {"name": "operator", "password": "Passw0rd!", "groups": ["Hyper-V Administrators", "Remote Management Users"]},
    ]
    with open_lab({"hosts": [{**MODEL["hosts"][0], "users": users}]}) as lab:
        words = ("the user may not add the static mapping", "(rule nat-rights)", "root/StandardCimv2")
        lab.by("operator").refuses(MODULE, *words, nat="lab", **WINRM)
        lab.by("operator").leaves_alone(MODULE, nat="lab", **SSH)
