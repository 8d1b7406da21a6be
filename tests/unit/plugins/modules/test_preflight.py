"""The preflight module: findings of hosts and VMs, what is ignored, and how many requests it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

FIT = {
    "name": "lab01",
    "processors": 4,
    "nested": True,
    "memory": "32GB",
    "adapters": [{"name": "LAN", "switch": "LAN", "mac_spoofing": True}, {"name": "SAN", "mac_spoofing": True}],
    "disks": [{}, {}, {}],
}
HOST = {"name": "hv01", "memory": "256GB", "switches": [{"name": "LAN", "type": "internal"}]}
GUEST_GROUPS = ["system", "features", "network", "availability", "software"]


def model(host: Mapping[str, Any] | None = None, **vm: Any) -> dict[str, Any]:
    return {"hosts": [{**HOST, **(host or {}), "vms": [{**FIT, **vm}]}]}


def ids(result: Mapping[str, Any], *severities: str) -> list[str]:
    return [row["id"] for row in result["findings"] if row["severity"] in (severities or ("fail", "warn"))]


@pytest.mark.parametrize("purpose", ["evaluation", "production"])
@pytest.mark.parametrize("scenario", ["any", "nested_vms", "wsl2", "isolated_containers"])
def test_a_good_vm_on_a_good_host_is_supported(scenario: str, purpose: str) -> None:
    with open_lab(model()) as lab:
        result = lab.leaves_alone("preflight", vm="lab01", scenario=scenario, purpose=purpose)
    assert result["supported"] is True
    assert ids(result) == []


@pytest.mark.parametrize(
    ("host", "vm", "args", "findings"),
    [
        ({"os": "server2019", "cpu": "amd"}, {}, {}, ["nested-host-build", "nested-vm-version"]),
        ({"hyperv": False}, {}, {"vm": None}, ["hyperv-not-running"]),
        ({}, {"nested": False}, {}, ["nested-extensions"]),
        ({}, {"nested": False, "state": "running"}, {}, ["nested-extensions", "nested-vm-off"]),
        ({}, {"nested": False, "state": "saved"}, {}, ["nested-extensions", "nested-vm-saved"]),
        ({}, {"memory": "2GB"}, {}, ["nested-minimum-memory"]),
        ({}, {"memory": "2GB", "state": "running"}, {}, ["nested-memory-off", "nested-minimum-memory"]),
        ({"kind": "hyperv"}, {}, {"purpose": "production"}, ["nested-depth"]),
        ({"kind": "vmware"}, {}, {"purpose": "production"}, ["nested-foreign-hypervisor"]),
        ({}, {"processors": 1}, {"scenario": "isolated_containers"}, ["containers-processors"]),
        ({}, {}, {"scenario": "azure_stack_hci", "purpose": "production"}, ["hci-production", "hci-tpm"]),
        (
            {"memory": "32GB"},
            {"memory": "8GB", "generation": 1},
            {"scenario": "azure_stack_hci"},
            ["hci-generation", "hci-host-memory", "hci-memory", "hci-tpm"],
        ),
    ],
)
def test_what_is_not_supported_fails(
    host: Mapping[str, Any], vm: Mapping[str, Any], args: Mapping[str, Any], findings: list[str]
) -> None:
    chosen = {"vm": "lab01", **args}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    spec = model(host, **vm)
    if chosen.keys() & {"vm"} == set():
        del spec["hosts"][0]["vms"]
    with open_lab(spec) as lab:
        refused = lab.refuses("preflight", "is not supported for", *findings, **chosen)
        reported = lab.leaves_alone("preflight", report_only=True, **chosen)
    assert refused["supported"] is reported["supported"] is False
    known = [name for name in ids(refused, "fail") if name not in ("hci-adapters", "hci-data-disks")]
    assert known == findings
    assert refused["findings"] == reported["findings"]


@pytest.mark.parametrize("vm", [None, "lab01"])
def test_a_host_without_hyperv_is_a_finding_also_for_a_vm(vm: str | None) -> None:
    chosen = {"vm": vm} if vm else {}
    with open_lab({"hosts": [{"name": "hv01", "hyperv": False}]}) as lab:
        refused = lab.refuses("preflight", "hyperv-not-running", **chosen)
        assert ids(refused, "fail") == ["hyperv-not-running"]
        assert lab.leaves_alone("preflight", report_only=True, **chosen)["supported"] is False


def test_warnings_fail_with_strict() -> None:
    dynamic = {"startup": "8GB", "dynamic": True, "minimum": "1GB", "maximum": "16GB"}
    with open_lab(model(memory=dynamic)) as lab:
        result = lab.leaves_alone("preflight", vm="lab01")
        assert ids(result) == ["nested-dynamic-memory"]
        refused = lab.refuses("preflight", "nested-dynamic-memory: while Hyper-V runs", vm="lab01", strict=True)
        assert ids(refused) == ["nested-dynamic-memory"]
        ignore = [{"rule": "nested-dynamic-memory", "reason": "a small lab"}]
        ignored = lab.leaves_alone("preflight", vm="lab01", strict=True, ignore=ignore)
    assert ignored["supported"] is True
    assert [row["ignored"] for row in ignored["findings"]] == ["a small lab"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"ignore": [{"rule": "nested-dept", "reason": "x"}]}, ("ignore.rule", "no rule", "nested-depth")),
        ({"ignore": [{"rule": "nested-depth", "reason": " "}]}, ("ignore.reason", "is empty")),
        ({"ignore": [{"rule": "nested-depth"}]}, ("reason",)),
        (
            {"ignore": [{"rule": "nested-depth", "reason": "x"}], "purpose": "production"},
            ("ignore.rule", "can't be ignored for production"),
        ),
        ({"scenario": "wsl"}, ("scenario", "wsl2")),
        ({"purpose": "prod"}, ("purpose", "production")),
        ({"vm": "nobody"}, ("vm: ", "no VM has the name")),
        ({"vm_id": "nobody"}, ("vm_id: ", "is not a VM id")),
        ({"vm": "lab01", "vm_id": "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"}, ("mutually exclusive",)),
        ({"vm": "lab01", "guest_facts": {"changed": False, "host": {}}}, ("guest_facts", "guest.host")),
        ({"vm": "lab01", "guest_facts": {"os": "Windows"}}, ("guest_facts", "guest.host")),
        ({"vm": "lab01", "guest_facts": {}}, ("guest_facts", "guest.host")),
    ],
)
def test_bad_input_is_refused(args: Mapping[str, Any], words: tuple[str, ...]) -> None:
    with open_lab(model()) as lab:
        lab.refuses("preflight", *words, **args)


def test_options_are_refused_before_any_request(lab_of_one: Lab) -> None:
    lab_of_one.refuses("preflight", "no rule", ignore=[{"rule": "x", "reason": "y"}])
    assert not lab_of_one.requests


@pytest.fixture
def lab_of_one() -> Any:
    with open_lab(model()) as lab:
        yield lab


def test_a_name_that_vms_share_is_ambiguous() -> None:
    with open_lab({"hosts": [{**HOST, "vms": [FIT, FIT]}]}) as lab:
        refused = lab.refuses("preflight", "2 VMs share the name 'lab01'", "vm_id", vm="lab01")
        assert lab.run("preflight", vm_id=refused["ids"][0])["findings"] == []


def test_facts_of_the_guest_are_judged_and_never_asked_for() -> None:
    guest = {
        "name": "guest01",
        "os": "windows11",
        "hyperv": False,
        "services": {"VBoxSDS": {}},
        "pending_restart": True,
    }
    with open_lab({"hosts": [{**HOST, "vms": [{**FIT, "state": "running"}]}, guest]}) as lab:
        facts = lab.on("guest01").succeeds("host_info", include=GUEST_GROUPS)["host"]
        assert facts["software"]["third_party"] == ["VBoxSDS"]
        result = lab.succeeds("preflight", vm="lab01", scenario="wsl2", guest_facts=facts)
        requests = lab.cost()
        without = lab.succeeds("preflight", vm="lab01", scenario="wsl2")
        assert requests == lab.cost()
    found = {row["id"]: row for row in result["findings"]}
    assert found["nested-third-party"]["observed"] == "the services VBoxSDS"
    assert {found[name]["vm"] for name in ("nested-third-party", "guest-pending-reboot")} == {"lab01"}
    assert "nested-third-party" in without["not_judged"]
    assert "nested-third-party" not in result["not_judged"]


@pytest.mark.parametrize(
    ("args", "most"),
    [({}, 25), ({"vm": "lab01"}, 51), ({"vm": "lab01", "scenario": "azure_stack_hci"}, 51)],
)
def test_requests_are_limited(args: Mapping[str, Any], most: int) -> None:
    with open_lab(model()) as lab:
        lab.run("preflight", report_only=True, **args)
        assert lab.cost() <= most
