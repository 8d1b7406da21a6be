"""What host_info tells, of hosts of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import MODEL, Hosts


def test_a_host(host: Hosts) -> None:
    found = host.run("host_info")["host"]
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


def test_only_the_groups_that_are_asked_for(host: Hosts) -> None:
    assert host.run("host_info", include=["features"])["host"].keys() == {"features"}
    assert len(host.requests()) <= 2
    assert host.run("host_info", include=["nesting"])["host"].keys() == {"nesting"}


def test_a_full_reading_is_cheap(host: Hosts) -> None:
    host.run("host_info")
    assert len(host.requests()) <= 40


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
def test_the_verdict(start: Callable[..., Hosts], spec: dict[str, Any], platform: str | None, rules: list[str]) -> None:
    found = start({"hosts": [{"name": "hv01", **spec}]}).run("host_info")["host"]
    assert found["machine"]["platform"] == platform
    assert [one["rule"] for one in found["nesting"]["reasons"]] == rules
    fails = [one for one in found["nesting"]["reasons"] if one["severity"] == "fail"]
    assert found["nesting"]["supported"] is not bool(fails)
    assert all(one["source"] and one["found"] and one["text"] for one in found["nesting"]["reasons"])


def test_flags_of_the_processor_count_where_no_hypervisor_hides_them(start: Callable[..., Hosts]) -> None:
    found = start({"hosts": [{"name": "hv01", "hyperv": False}]}).run("host_info")["host"]
    assert found["hypervisor_present"] is False
    assert found["processor"]["virtualization"]["trusted"] is True
    assert found["processor"]["virtualization"]["monitor_mode"] is True
    assert found["hyperv"] is None
    assert found["network"]["switches"] == []


@pytest.mark.parametrize("locale", ["ja-JP", "de-DE"])
def test_the_language_of_the_host_makes_no_difference(start: Callable[..., Hosts], locale: str) -> None:
    english = start().run("host_info")["host"]
    other = start({"hosts": [{**MODEL["hosts"][0], "locale": locale}]}).run("host_info")["host"]
    for found in (english, other):
        del found["os"]["booted"], found["memory"]
        found["os"].pop("name")
    assert other == english


@pytest.mark.parametrize(("vms", "most"), [(10, 70), (1000, 200)])
def test_a_full_inventory_stays_within_its_requests(start: Callable[..., Hosts], vms: int, most: int) -> None:
    adapters = [{"name": "LAN", "switch": "LAN", "mac_spoofing": True}, {"name": "Lab", "switch": "LAN", "vlan": 20}]
    host = start(
        {
            "hosts": [
                {
                    "name": "hv01",
                    "memory": "2TB",
                    "switches": [{"name": "LAN", "type": "external", "adapters": ["Ethernet"]}],
                    "vms": [
                        {"name": "vm{n:04}", "count": vms, "state": "running", "memory": "1GB", "adapters": adapters}
                    ],
                }
            ]
        }
    )
    host.run("host_info")
    requests = len(host.requests())
    found = host.run("vm_info", include=["settings", "nesting", "processor", "memory", "network_adapters"])["vms"]
    assert len(found) == vms
    assert all(len(one["network_adapters"]) == 2 and one["memory"]["assigned"] == 1 << 30 for one in found)
    assert requests + len(host.requests()) <= most
