"""The host_info module, on hosts of all kinds."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.host import facts
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL

ALL = [*facts.GROUPS, *facts.MORE_GROUPS]


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


def test_a_host_whose_hyperv_is_stopped_is_described() -> None:
    with open_lab({"hosts": [{"name": "hv01", "services": {"vmms": "Stopped"}}]}) as lab:
        found = lab.succeeds("host_info", include=ALL)["host"]
    assert found["service"]["state"] == "stopped"
    assert found["hyperv"] is None
    assert found["network"]["switches"] == []
    assert [row["rule"] for row in found["nesting"]["reasons"]] == ["hyperv-not-running"]
    assert found["rights"]["hyperv_administrator"] is None


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


# ---- groups that are returned on request only ----

OPERATOR = {
    "name": "operator",
    "password": "Oper4tor!",
    "groups": ["Hyper-V Administrators", "Remote Management Users"],
}
READER = {"name": "reader", "password": "Re4der!!", "groups": ["Remote Management Users"]}
USERS = [{"name": "administrator", "password": "Passw0rd!"}, OPERATOR, READER]


def condition(group: str, user: str = "administrator", **spec: Any) -> dict[str, Any]:
    """The facts of a group, on a host with this part of a model."""
    with open_lab({"hosts": [{"name": "hv01", "users": USERS, **spec}]}) as lab:
        return lab.by(user).succeeds("host_info", include=[group])["host"]


def test_a_user_without_rights_is_told_so() -> None:
    with open_lab({"hosts": [{"name": "hv01", "users": USERS}]}) as lab:
        result = lab.by("reader").run("host_info", include=["hyperv"])
    assert "'Hyper-V Administrators'" in result["msg"]
    assert "exception" not in result


@pytest.mark.parametrize(("kind", "level"), [("physical", 0), ("hyperv", 1), ("azure", 1), ("vmware", 1)])
def test_the_level_of_the_host(kind: str, level: int) -> None:
    assert condition("system", kind=kind)["level"] == level


@pytest.mark.parametrize(
    ("spec", "cluster"),
    [
        ({}, {"member": False, "name": None}),
        ({"cluster": "CL01"}, {"member": True, "name": "CL01"}),
        ({"os": "windows11"}, {"member": False, "name": None}),
        ({"features": {"FailoverCluster-FullServer": "enabled"}}, {"member": False, "name": None}),
        (
            {"cluster": "CL01", "services": {"ClusSvc": {"start": "Auto", "state": "Stopped"}}},
            {"member": True, "name": None},
        ),
    ],
)
def test_the_cluster_of_the_host(spec: dict[str, Any], cluster: dict[str, Any]) -> None:
    assert condition("availability", **spec)["cluster"] == cluster


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({}, {"enabled": False}), ({"live_migration": True}, {"enabled": True}), ({"hyperv": False}, None)],
)
def test_live_migration(spec: dict[str, Any], expected: Any) -> None:
    assert condition("availability", **spec)["live_migration"] == expected


@pytest.mark.parametrize(
    ("spec", "launch", "offered"),
    [
        ({}, "auto", True),
        ({"hyperv": False}, None, True),
        ({"boot": {"hypervisor_launch": "off"}}, "off", True),
        ({"boot": {"load_options": "offernestedvirt=false"}}, "auto", False),
        ({"boot": {"load_options": "OFFERNESTEDVIRT = FALSE DEBUG"}}, "auto", False),
        ({"boot": {"load_options": "NOEXECUTE"}}, "auto", True),
    ],
)
def test_the_boot_configuration(spec: dict[str, Any], launch: str | None, offered: bool) -> None:
    assert condition("boot", **spec)["boot"] == {"hypervisor_launch": launch, "nested_offered": offered}


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ({}, {"state": "running", "start_mode": "auto"}),
        ({"vmms": {"state": "Stopped", "start": "Disabled"}}, {"state": "stopped", "start_mode": "disabled"}),
        ({"vmms": {"state": "Start Pending"}}, {"state": "start_pending", "start_mode": "auto"}),
    ],
)
def test_the_service_of_hyperv(services: dict[str, Any], expected: dict[str, Any]) -> None:
    assert condition("boot", services=services)["service"] == expected


def test_a_host_without_the_service() -> None:
    assert condition("boot", hyperv=False)["service"] == {"state": None, "start_mode": None}


@pytest.mark.parametrize(
    ("user", "administrator", "hyperv"),
    [("administrator", True, True), ("operator", False, True), ("reader", False, False)],
)
def test_the_rights_of_the_user(user: str, administrator: bool, hyperv: bool) -> None:
    rights = condition("rights", user)["rights"]
    assert (rights["administrator"], rights["hyperv_administrator"]) == (administrator, hyperv)
    assert "root/MSCluster" not in rights["namespaces"], "this host is in no cluster"
    assert rights["namespaces"]["root/StandardCimv2"] == {"read": True, "methods": True, "write": True}


def test_users_who_are_refused_have_no_rights() -> None:
    assert condition("rights", "reader", without_rights="denied")["rights"]["hyperv_administrator"] is False


def test_without_hyperv_nobody_is_its_administrator() -> None:
    assert condition("rights", hyperv=False)["rights"]["hyperv_administrator"] is None


def test_the_boot_configuration_is_hidden_from_other_users() -> None:
    assert condition("boot", "operator")["boot"] is None


def test_the_volumes() -> None:
    drives = [{"letter": "D", "size": "4TB", "used": "1TB"}, {"letter": "C", "size": "500GB", "used": "60GB"}]
    assert condition("volumes", drives=drives)["volumes"] == [
        {"name": "C:", "free": 440 << 30, "size": 500 << 30},
        {"name": "D:", "free": 3 << 40, "size": 4 << 40},
    ]


UNKNOWN = {
    "cluster": None,
    "live_migration": None,
    "boot": None,
    "service": None,
    "rights": {"administrator": None, "hyperv_administrator": None, "namespaces": {}},
    "volumes": None,
}


@pytest.mark.parametrize("fault", ["AccessDenied", "InternalError", "CannotProcessFilter"])
def test_what_a_host_does_not_say_is_unknown(shared_lab: Lab, fault: str) -> None:
    """No fault of these queries fails the task, whatever a real host has against them."""
    shared_lab.sim.faults.add(simulator.Rule(do="fault", fault=fault, times=1000))
    found = shared_lab.run("host_info", include=["availability", "boot", "rights", "volumes"])
    shared_lab.sim.faults.clear()
    denied = {"rights": {**UNKNOWN["rights"], "hyperv_administrator": False}} if fault == "AccessDenied" else {}
    assert found["host"] == UNKNOWN | denied


def test_these_groups_cost_little(shared_lab: Lab) -> None:
    for group, most in (("availability", 5), ("boot", 2), ("rights", 9), ("volumes", 1)):
        for check in (False, True):
            result = shared_lab.run("host_info", include=[group], check=check)
            assert not result.get("failed")
            assert shared_lab.cost() <= most, group
            assert shared_lab.writes == []


SERVICING = r"SOFTWARE\Microsoft\Windows\CurrentVersion"


@pytest.mark.parametrize(
    ("spec", "pending"),
    [
        ({}, False),
        ({"pending_restart": True}, True),
        ({"registry": {rf"HKLM\{SERVICING}\WindowsUpdate\Auto Update\RebootRequired": {}}}, True),
    ],
)
def test_a_pending_restart_is_returned(spec: dict[str, Any], pending: bool) -> None:
    with open_lab({"hosts": [{"name": "hv01", **spec}]}) as lab:
        assert lab.facts("software")["pending_reboot"] is pending


def test_a_registry_that_is_hidden_is_unknown() -> None:
    with open_lab({"hosts": [{"name": "hv01"}]}) as lab:
        lab.sim.faults.add(simulator.Rule(do="fault", fault="AccessDenied", class_name="StdRegProv", times=0))
        found = lab.facts("software")
    assert (found["revision"], found["pending_reboot"], found["third_party"]) == (None, None, [])
