"""The host_info module, on hosts of all kinds."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL


def test_all_groups_of_a_host_are_returned(shared_lab: Lab) -> None:
    found = shared_lab.run("host_info")["host"]
    assert found["os"]["build"] == 20348
    assert (found["os"]["type"], found["os"]["edition"]) == ("server", "Datacenter Server")
    assert found["processor"]["vendor"] == "GenuineIntel"
    assert found["processor"]["virtualization"] == {
        "trusted": False,
        "monitor_mode": None,
        "second_level_address_translation": None,
        "enabled_in_firmware": None,
    }
    assert found["hypervisor_present"] is True
    assert found["machine"]["platform"] is None
    assert 0 < found["memory"]["free"] < found["memory"]["total"]
    assert found["hyperv"]["vm_versions"] == ["8.0", "8.1", "8.2", "8.3", "9.0", "9.1", "9.2", "9.3", "10.0"]
    assert found["features"]["Microsoft-Hyper-V"] == "enabled"
    assert found["nesting"] == {"supported": True, "minimum_vm_version": "8.0", "reasons": []}
    switches = {one["name"]: one for one in found["network"]["switches"] if one["name"].lower() != "twin"}
    assert {name: one["type"] for name, one in switches.items()} == {
        "External": "external",
        "Internal": "internal",
        "Private": "private",
    }
    assert switches["External"]["net_adapters"] == ["Ethernet"]
    assert switches["External"]["host_adapter"]["addresses"] == ["192.0.2.10/24"]
    assert switches["Internal"]["host_adapter"]["addresses"] == ["10.9.8.1/24"]
    assert switches["Private"]["host_adapter"] is None
    names = [one["name"] for one in found["network"]["adapters"]]
    assert names == ["Ethernet", "Ethernet 2", "Ethernet 3", "Ethernet 4"]


def test_only_the_requested_groups_are_queried_and_returned(shared_lab: Lab) -> None:
    assert shared_lab.run("host_info", include=["features"])["host"].keys() == {"features"}
    assert shared_lab.cost() <= 2
    assert shared_lab.run("host_info", include=["nesting"])["host"].keys() == {"nesting"}


def test_all_groups_take_at_most_forty_requests(shared_lab: Lab) -> None:
    shared_lab.run("host_info")
    assert shared_lab.cost() <= 40


@pytest.mark.parametrize(
    ("spec", "platform", "rules"),
    [
        ({"os": "server2019", "cpu": "amd"}, None, ["nested-host-build"]),
        ({"os": "server2022", "cpu": "amd"}, None, []),
        ({"hyperv": False}, None, ["hyperv-not-running"]),
        ({"kind": "azure"}, "azure", ["nested-depth", "nested-azure"]),
        ({"kind": "vmware"}, "vmware", ["nested-foreign-hypervisor"]),
        (
            {"kind": "vmware", "hyperv": False},
            "vmware",
            ["hyperv-not-running", "nested-foreign-hypervisor"],
        ),
    ],
)
def test_nesting_support_follows_from_the_rules(spec: dict[str, Any], platform: str | None, rules: list[str]) -> None:
    with open_lab({"hosts": [{"name": "hv01", **spec}]}) as lab:
        found = lab.run("host_info")["host"]
    assert found["machine"]["platform"] == platform
    assert [one["rule"] for one in found["nesting"]["reasons"]] == rules
    fails = [one for one in found["nesting"]["reasons"] if one["severity"] == "fail"]
    assert found["nesting"]["supported"] is not bool(fails)
    assert all(one["source"] and one["found"] and one["text"] for one in found["nesting"]["reasons"])


def test_processor_flags_are_trusted_when_no_hypervisor_runs() -> None:
    with open_lab({"hosts": [{"name": "hv01", "hyperv": False}]}) as lab:
        found = lab.run("host_info")["host"]
    assert found["hypervisor_present"] is False
    assert found["processor"]["virtualization"]["trusted"] is True
    assert found["processor"]["virtualization"]["monitor_mode"] is True
    assert found["hyperv"] is None
    assert found["network"]["switches"] == []


@pytest.mark.parametrize("locale", ["ja-JP", "de-DE"])
def test_the_language_of_the_host_makes_no_difference(shared_lab: Lab, locale: str) -> None:
    english = shared_lab.run("host_info")["host"]
    with open_lab({"hosts": [{**MODEL["hosts"][0], "locale": locale}]}) as lab:
        other = lab.run("host_info")["host"]
    for found in (english, other):
        del found["os"]["booted"], found["memory"]
        found["os"].pop("name")
    assert other == english


@pytest.mark.parametrize(("vms", "most"), [(10, 70), (1000, 200)])
def test_a_full_inventory_stays_within_its_requests(vms: int, most: int) -> None:
    adapters = [{"name": "LAN", "switch": "LAN", "mac_spoofing": True}, {"name": "Lab", "switch": "LAN", "vlan": 20}]
    vm = {"name": "vm{n:04}", "count": vms, "state": "running", "memory": "1GB", "adapters": adapters}
    switches = [{"name": "LAN", "type": "external", "adapters": ["Ethernet"]}]
    with open_lab({"hosts": [{"name": "hv01", "memory": "2TB", "switches": switches, "vms": [vm]}]}) as lab:
        lab.run("host_info")
        requests = lab.cost()
        found = lab.run("vm_info", include=["settings", "nesting", "processor", "memory", "network_adapters"])["vms"]
        requests += lab.cost()
    assert len(found) == vms
    assert all(len(row["network_adapters"]) == 2 and row["memory"]["assigned"] == 1 << 30 for row in found)
    assert requests <= most
