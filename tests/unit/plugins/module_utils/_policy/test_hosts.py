"""From simulated hosts of all kinds, through host_info and vm_info, to what the support rules say of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.host import facts as host_facts
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import facts as vm_facts
from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import BY_ID, judge
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rule import Request
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import model
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock

HOST_GROUPS = [*host_facts.GROUPS, *host_facts.MORE_GROUPS]
VM_GROUPS = [*vm_facts.GROUPS, *vm_facts.MORE_GROUPS]
OLD_AMD = {"nested-host-build", "nested-vm-version", "nested-extensions"}

# The rules that a host and its VM violate for production, without notes.
EXPECTED: dict[str, set[str]] = {
    "good": set(),
    "intel-server2016": set(),
    "intel-server2019": set(),
    "intel-server2022": set(),
    "intel-server2025": set(),
    "intel-windows10": set(),
    "intel-windows11": set(),
    "amd-server2016": OLD_AMD,
    "amd-server2019": OLD_AMD,
    "amd-server2022": set(),
    "amd-server2025": set(),
    "amd-windows10": OLD_AMD,
    "amd-windows11": set(),
    "inside-hyperv": {"nested-depth"},
    "inside-vmware": {"nested-foreign-hypervisor"},
    "inside-azure": {"nested-depth", "nested-azure"},
    "node": {"nested-cluster", "nested-live-migration", "vm-clustered"},
    "old-version": {"nested-extensions", "nested-vm-version"},
    "old-version-amd": {"nested-vm-version"},
    "saved": {"nested-extensions", "nested-vm-saved"},
    "replicated": {"nested-live-migration"},
    "mixed-spoofing": {"nested-mac-spoofing-mixed"},
    "old-certificates": {"vm-secure-boot-certificates"},
    "no-nat-rights": {"nat-rights"},
    "launch-off": {"hyperv-launch", "hyperv-not-running"},
    "not-offered": {"nested-not-offered"},
}
# Hosts without a Hyper-V that answers, on which no VM can be read.
WITHOUT_VMS: dict[str, set[str]] = {"stopped": {"hyperv-not-running"}, "no-hyperv": {"hyperv-not-running"}}


@pytest.fixture(scope="module")
def hosts() -> Iterator[Lab]:
    with open_lab("preflight", "good") as lab:
        yield lab


def violated(lab: Lab, vm: str | None = "lab01") -> set[str]:
    """The rules that the facts of the host, and of a VM of it, violate."""
    facts = lab.succeeds("host_info", include=HOST_GROUPS)
    if vm:
        (facts["vm"],) = lab.succeeds("vm_info", name=[vm], include=VM_GROUPS)["vms"]
    judgement = judge(facts, Request("nested_vms", "production"))
    return {finding["id"] for finding in judgement.findings if finding["severity"] != "info"}


def test_every_host_of_the_model_is_tested() -> None:
    names = {machine.name for machine in model.by_name(model.build(model.read("preflight"), Clock())).values()}
    assert names == EXPECTED.keys() | WITHOUT_VMS.keys() | {"outer"}


@pytest.mark.parametrize("name", EXPECTED)
def test_hosts_with_a_vm(hosts: Lab, name: str) -> None:
    assert violated(hosts.on(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", WITHOUT_VMS)
def test_hosts_without_hyperv(hosts: Lab, name: str) -> None:
    assert violated(hosts.on(name), vm=None) >= WITHOUT_VMS[name]


def test_a_vm_of_a_node_that_is_no_role_of_the_cluster(hosts: Lab) -> None:
    assert violated(hosts.on("node"), "own01") == {"nested-live-migration"}


def test_a_vm_that_is_a_host(hosts: Lab) -> None:
    assert violated(hosts.on("outer"), "inside-hyperv") == set()


@pytest.mark.parametrize("name", ["good", "node", "inside-hyperv", "no-nat-rights"])
def test_no_fact_of_host_and_vm_is_missing(hosts: Lab, name: str) -> None:
    """What the rules for nested VMs read is there; what only guests say, and Secure Boot's variables, is not."""
    lab = hosts.on(name)
    facts = lab.succeeds("host_info", include=HOST_GROUPS)
    (facts["vm"],) = lab.succeeds("vm_info", name=["lab01"], include=VM_GROUPS)["vms"]
    unknown = set(judge(facts, Request("nested_vms", "production")).unknown)
    allowed = {"vm-secure-boot-certificates", "hyperv-processor"} | (
        {"hyperv-launch", "nested-not-offered"} if name == "no-nat-rights" else set()
    )
    missing = [BY_ID[rule] for rule in unknown - allowed]
    assert [rule.id for rule in missing if not any(read.startswith("guest.") for read in rule.reads)] == []
