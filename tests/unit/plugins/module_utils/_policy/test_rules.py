"""Every support rule: facts that meet it and facts that violate it, its data, and the requirements behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy import rule as rule_module
from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import BY_ID, RULES
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rule import (
    ALL,
    ANY,
    PURPOSES,
    SCENARIOS,
    SEVERITIES,
    UNKNOWN,
    Request,
    Rule,
)
from ansible_collections.nested.hyperv.tests.harness import support_rules
from ansible_collections.nested.hyperv.tests.harness.policy_facts import ABSENT, GB, GOOD, changed

AMD = {"host.processor.vendor": "AuthenticAMD"}
HIDDEN = {"vm.nesting.virtualization_extensions": False}
RUNNING = {"vm.state": "running"}
OFF_ADAPTER = {"name": "LAN", "mac_spoofing": False}
ON_ADAPTER = {"name": "Storage", "mac_spoofing": True}
NO_GUEST = {"guest": None, "vm.guest.os_version": "10.0.26100"}  # its integration services report the build
LAB = {"name": "lab", "prefix": "192.168.100.0/24"}

# Rule -> changes of good facts that violate it, and a part of the value observed then.
VIOLATED: Mapping[str, list[tuple[Mapping[str, Any], str]]] = {
    "nested-processor": [
        ({"host.processor.vendor": "QEMU"}, "QEMU"),
        ({"host.processor.vendor": None}, "an unknown processor"),
    ],
    "nested-host-build": [
        ({"host.os.build": 14392}, "build 14392 with GenuineIntel"),
        ({**AMD, "host.os.build": 17763}, "build 17763 with AuthenticAMD"),
        ({**AMD, "host.os.build": 20347}, "build 20347"),
    ],
    "nested-vm-version": [
        ({"vm.version": "7.9"}, "version 7.9 with GenuineIntel"),
        ({**AMD, "vm.version": "9.2"}, "version 9.2 with AuthenticAMD"),
    ],
    "nested-memory-off": [
        ({**RUNNING, "vm.memory.startup": 2 * GB}, "a VM that is running, with 2GB"),
        ({"vm.state": "paused", "vm.memory.startup": 2 * GB}, "paused"),
    ],
    "nested-dynamic-memory": [({"vm.memory.dynamic": True}, "dynamic memory that starts with 32GB")],
    "hyperv-processor": [
        ({f"host.processor.virtualization.{flag}": False}, "a processor without them")
        for flag in ("monitor_mode", "second_level_address_translation", "enabled_in_firmware")
    ],
    "hyperv-edition": [({"host.os.sku": 101}, "Home"), ({"host.os.sku": 98}, "Home N")],
    "hyperv-not-running": [
        ({"host.hyperv": None}, "without Hyper-V"),
        ({"host.hypervisor_present": False}, "whose hypervisor doesn't run"),
        ({"host.service.state": "stopped"}, "vmms"),
    ],
    "hyperv-launch": [({"host.boot.hypervisor_launch": "off"}, "hypervisorlaunchtype off")],
    "nested-not-offered": [({"host.boot.nested_offered": False}, "OFFERNESTEDVIRT=FALSE")],
    "hyperv-service-start": [
        ({"host.service.start_mode": "manual"}, "start type manual"),
        ({"host.service.start_mode": "disabled"}, "start type disabled"),
    ],
    "nested-depth": [
        ({"host.machine.platform": "hyper-v", "host.level": 1}, "a host that is a Hyper-V VM itself"),
        ({"host.machine.platform": "hyper-v", "host.level": None}, "a host that is a Hyper-V VM itself"),
        ({"host.machine.platform": "azure", "host.level": 1}, "a host that is a Hyper-V VM itself"),
        ({"host.machine.platform": "hyper-v", "host.level": 2}, "at level 2"),
    ],
    "nested-foreign-hypervisor": [({"host.machine.platform": "vmware"}, "a host that is a VM of vmware")],
    "nested-azure": [({"host.machine.platform": "azure"}, "a host that is an Azure VM")],
    "hyperv-rights": [
        ({"host.rights.administrator": False}, "neither group"),
        ({"host.rights.namespaces": {"root/virtualization/v2": {"methods": False}}}, "root/virtualization/v2"),
    ],
    "host-security": [
        ({"host.security.virtualization_based_security": "running"}, "is running"),
        ({"host.security.virtualization_based_security": "enabled"}, "is enabled"),
    ],
    "nested-extensions": [(HIDDEN, "virtualization extensions are hidden")],
    "nested-vm-off": [({**HIDDEN, **RUNNING}, "running"), ({**HIDDEN, "vm.state": "paused"}, "paused")],
    "nested-vm-saved": [({**HIDDEN, "vm.state": "saved"}, "saved")],
    "nested-minimum-memory": [({"vm.memory.startup": 4 * GB - (1 << 20)}, "4095MB of startup memory")],
    "nested-old-guest-processors": [
        ({"vm.processor.count": 226, "guest.os.build": 17763}, "226 virtual processors with a guest of build 17763"),
        (
            {"vm.processor.count": 240, "vm.guest.os_version": "10.0.14393", "guest": None},
            "240 virtual processors with a guest of build 14393",
        ),
    ],
    "host-memory": [({"vm.memory.startup": 257 * GB}, "257GB of startup memory")],
    "host-free-memory": [({"vm.memory.startup": 129 * GB}, "131072 MB on the host")],
    "nested-mac-spoofing-mixed": [
        ({"vm.nesting.adapters": [OFF_ADAPTER, ON_ADAPTER]}, "off on LAN and on on the others"),
    ],
    "nested-mac-spoofing": [({"vm.nesting.adapters": [OFF_ADAPTER]}, "off on every adapter")],
    "nested-checkpoints": [({**RUNNING, "vm.checkpoints": [{"name": "clean"}]}, "with 1 checkpoint")],
    "nested-live-migration": [
        ({"host.live_migration.enabled": True}, "live migration"),
        ({"vm.replication": {"enabled": True}}, "replication"),
        (
            {"host.live_migration.enabled": True, "vm.replication": {"enabled": True}},
            "live migration and replication",
        ),
    ],
    "nested-cluster": [
        ({"vm.clustered": True}, "a VM that is a role"),
        ({"guest.cluster.member": True}, "a guest that is a node"),
        ({"host.level": 1, "host.cluster.member": True}, "a host that is a VM and a node"),
    ],
    "vm-clustered": [({"vm.clustered": True}, "a role of a failover cluster")],
    "vm-secure-boot-certificates": [({"vm.firmware.certificates_2023": False}, "may have been created before")],
    "nested-third-party": [({"guest.software.third_party": ["VBoxSDS", "VMAuthdService"]}, "VBoxSDS, VMAuthdService")],
    "guest-pending-reboot": [({"guest.software.pending_reboot": True}, "a restart is pending")],
    "wsl-guest-build": [
        ({"guest.os.build": 17763}, "build 17763"),
        ({"guest": None, "vm.guest.os_version": "10.0.18363"}, "build 18363"),
    ],
    "wsl-guest-support": [
        ({"guest.os.build": 20348, "guest.software.revision": 1249}, "20348.1249"),
        ({"guest.os.build": 19045, "guest.software.revision": 2251}, "19045.2251"),
    ],
    "wsl-guest-update": [
        ({"guest.os.build": 20348, "guest.software.revision": 2581}, "20348.2581"),
        ({"guest.os.build": 22000, "guest.software.revision": 9999}, "22000.9999"),
        ({"guest.os.build": 19043, "guest.software.revision": None}, "build 19043"),
    ],
    "wsl-processors": [({"vm.processor.count": 1}, "1 virtual processor")],
    "wsl-features": [
        ({"guest.features": {"Microsoft-Windows-Subsystem-Linux": "enabled"}}, "VirtualMachinePlatform"),
        ({"guest.features.Microsoft-Windows-Subsystem-Linux": "disabled"}, "Microsoft-Windows-Subsystem-Linux"),
    ],
    "wsl-services": [
        ({"guest.software.services": {"HNS": "manual"}}, "vmcompute"),
        ({"guest.os.build": 26100}, "vfpext"),
    ],
    "wsl-connection-sharing": [({"guest.software.services.SharedAccess": "disabled"}, "SharedAccess is disabled")],
    "containers-guest-build": [
        ({"guest.os.build": 14393}, "build 14393"),
        ({"guest": None, "vm.guest.os_version": "10.0.14393"}, "build 14393"),
    ],
    "containers-guest-edition": [({"guest.os.sku": 101}, "Home")],
    "containers-processors": [({"vm.processor.count": 1}, "1 virtual processor")],
    "containers-features": [
        ({"guest.features.Containers": "disabled", "guest.features.Microsoft-Hyper-V": None}, "Containers, Microsoft"),
    ],
    "hci-host-build": [({"host.os.build": 17763}, "build 17763")],
    "hci-host-memory": [({"host.memory.total": 32 * GB}, "32 GB")],
    "hci-host-space": [
        ({"host.volumes": [{"name": "C:", "free": 500 * GB}]}, "500 GB free"),
        ({"host.volumes": []}, "0"),
    ],
    "hci-host-room": [({"host.volumes": [{"name": "C:", "free": 29 * GB}]}, "29 GB free")],
    "hci-vm-version": [({"vm.version": "9.3"}, "version 9.3")],
    "hci-memory": [({"vm.memory.startup": 8 * GB}, "8GB")],
    "hci-recommended-memory": [({"vm.memory.startup": 16 * GB}, "16GB"), ({"vm.memory.startup": 24 * GB}, "24GB")],
    "hci-static-memory": [({"vm.memory.dynamic": True}, "dynamic memory")],
    "hci-processors": [({"vm.processor.count": 2}, "2 virtual processors")],
    "hci-generation": [({"vm.generation": 1}, "generation 1")],
    "hci-secure-boot": [({"vm.firmware.secure_boot": False}, "secure boot is off")],
    "hci-tpm": [({"vm.tpm": False}, "no virtual TPM")],
    "hci-data-disks": [({"vm.disks": [{"path": "os"}, {"path": "s2d1"}, {"path": None}]}, "1 data disk")],
    "hci-adapters": [({"vm.nesting.adapters": [ON_ADAPTER]}, "1 adapter")],
    "hci-mac-spoofing": [({"vm.nesting.adapters": [OFF_ADAPTER, ON_ADAPTER]}, "MAC address spoofing is off on LAN")],
    "hci-allow-teaming": [
        ({"vm.network_adapters": [{"name": "LAN", "allow_teaming": False}]}, "teaming is off on LAN"),
    ],
    "hci-time-synchronization": [({"vm.integration_services.time_synchronization": True}, "is on")],
    "hci-guest-edition": [({"guest.os.sku": 8}, "Datacenter Server"), ({"guest.os.sku": 9999}, "SKU 9999")],
    "hci-checkpoints": [({"vm.checkpoint_type": "production"}, "checkpoints of type production")],
    "one-nat": [({"host.network.nats": [LAB, {**LAB, "name": "old"}]}, "the NATs lab, old")],
    "nat-rights": [({"host.rights.administrator": False}, "not an administrator")],
    "nat-overlap": [
        ({"host.network.nats": [{"name": "lab", "prefix": "192.0.0.0/16"}]}, "overlaps with 192.0.2.0/24"),
        ({"guest.network.nats": [{"name": "docker", "prefix": "192.168.0.0/16"}]}, "overlaps with 192.168.100.0/24"),
    ],
}
# Rules about the request: what violates them, and what doesn't.
OF_REQUEST = {
    "nested-production": (Request(ANY, "production"), Request(ANY, "evaluation")),
    "containers-overhead": (Request("isolated_containers"), Request("nested_vms")),
    "hci-production": (Request("azure_stack_hci", "production"), Request("azure_stack_hci", "evaluation")),
    "hci-evaluation": (Request("azure_stack_hci", "evaluation"), Request("azure_stack_hci", "production")),
}

# Facts that are no violation though they are near one: rule -> changes of good facts.
MET: Mapping[str, list[Mapping[str, Any]]] = {
    "nested-host-build": [{"host.os.build": 14393}, {**AMD, "host.os.build": 20348}, {**AMD, "host.os.build": 22000}],
    "nested-vm-version": [{"vm.version": "8.0"}, {**AMD, "vm.version": "9.3"}, {**AMD, "vm.version": "10.0"}],
    # Merely exposing extensions changes nothing about the memory of a VM that is off, or whose memory is enough.
    "nested-memory-off": [
        {"vm.memory.startup": 2 * GB},
        {**RUNNING, "vm.memory.startup": 4 * GB},
        {**RUNNING, **HIDDEN, "vm.memory.startup": 2 * GB},
    ],
    "nested-depth": [{"host.machine.platform": "vmware", "host.level": 1}],
    "nested-foreign-hypervisor": [{"host.machine.platform": "hyper-v"}, {"host.machine.platform": "azure"}],
    "nested-azure": [{"host.machine.platform": "hyper-v"}],
    "hyperv-rights": [{"host.rights.administrator": False, "host.rights.hyperv_administrator": True}],
    "nested-vm-off": [{**RUNNING}, {**HIDDEN, "vm.state": "saved"}, {**HIDDEN}],
    "nested-vm-saved": [{"vm.state": "saved"}, {**HIDDEN, **RUNNING}],
    "nested-old-guest-processors": [
        {"vm.processor.count": 240},
        {"vm.processor.count": 225, "guest.os.build": 17763},
        {"vm.processor.count": 4, "guest": None, "vm.guest": None},
    ],
    "host-free-memory": [{**RUNNING, "vm.memory.startup": 200 * GB}],
    "nested-mac-spoofing": [
        {"vm.nesting.adapters": []},
        {"vm.nesting.adapters": [OFF_ADAPTER, ON_ADAPTER]},
        {"vm.nesting.adapters": [OFF_ADAPTER], "host.machine.platform": "azure"},
        {"vm.nesting.adapters": [OFF_ADAPTER], "guest.network.nats": [LAB]},
    ],
    "nested-mac-spoofing-mixed": [{"vm.nesting.adapters": [OFF_ADAPTER]}, {"vm.nesting.adapters": [ON_ADAPTER]}],
    "nested-checkpoints": [{"vm.checkpoints": [{"name": "clean"}]}, RUNNING],
    "nested-cluster": [{"host.cluster.member": True}],
    "vm-secure-boot-certificates": [{"vm.firmware": {"secure_boot": False, "certificates_2023": None}}],
    "wsl-guest-build": [{"guest.os.build": 19041}],
    "wsl-guest-support": [
        {"guest.software.revision": 1311},
        {"guest.os.build": 22000, "guest.software.revision": None},
        NO_GUEST,
    ],
    "wsl-guest-update": [
        {"guest.software.revision": 2582},
        {"guest.os.build": 26100, "guest.software.revision": None},
        NO_GUEST,
    ],
    "wsl-features": [
        {"guest.os.build": 26100, "guest.features.Microsoft-Windows-Subsystem-Linux": "disabled"},
    ],
    "wsl-services": [{"guest.features.VirtualMachinePlatform": "disabled", "guest.software.services": {}}],
    "containers-guest-build": [{"guest.os.build": 17763}],
    "nat-overlap": [
        {"host.network.nats": []},
        {"host.network.nats": [{"name": "out", "prefix": None}, {"name": "six", "prefix": "fd00::/64"}]},
        {"guest.network.nats": [{"name": "docker", "prefix": "172.16.0.0/24"}]},
    ],
}

# Requirements of the study that no rule can check, and the reason.
UNCHECKED = {
    "R03": "a property of vm_nesting, which exposes extensions and installs nothing in the guest",
    "R14": "advice about the service level of labs",
    "R22": "a list of uses",
    "P11": "every task that names a VM fails with Missing or Ambiguous before rules are judged",
    "P34": "only secedit.exe returns the user rights of the guest; CIM has no class for them",
    "P35": "a WinRM session is never one of LocalSystem; what runs later in the guest is not known yet",
    "P38": "files on the control node are checked by whoever copies them",
}

SOURCES = ("https://learn.microsoft.com/", "https://support.microsoft.com/", "https://github.com/")


def request_for(rule: Rule) -> Request:
    """A request for which a rule is judged."""
    (scenario, *_more) = [name for name in SCENARIOS if name in rule.scenarios]
    return Request(scenario, next(name for name in PURPOSES if rule.severity[name]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_good_facts_meet_each_rule(rule: Rule) -> None:
    request = OF_REQUEST[rule.id][1] if rule.id in OF_REQUEST else request_for(rule)
    assert rule.check(GOOD, request) is None


@pytest.mark.parametrize(("rule", "changes"), [(rule, changes) for rule in MET for changes in MET[rule]], ids=str)
def test_facts_near_a_violation_meet_the_rule(rule: str, changes: Mapping[str, Any]) -> None:
    assert BY_ID[rule].check(changed(changes), request_for(BY_ID[rule])) is None


@pytest.mark.parametrize(
    ("rule", "changes", "observed"), [(rule, *row) for rule in VIOLATED for row in VIOLATED[rule]], ids=str
)
def test_facts_violate_each_rule(rule: str, changes: Mapping[str, Any], observed: str) -> None:
    found = BY_ID[rule].check(changed(changes), request_for(BY_ID[rule]))
    assert isinstance(found, str)
    assert observed in found


@pytest.mark.parametrize("rule", OF_REQUEST)
def test_requests_violate_their_rules(rule: str) -> None:
    assert isinstance(BY_ID[rule].check({}, OF_REQUEST[rule][0]), str)


def test_every_rule_has_facts_that_violate_it() -> None:
    assert sorted({*VIOLATED, *OF_REQUEST}) == sorted(BY_ID)


# ---- missing facts ----


class Tracked(Mapping[str, Any]):
    """Facts that note which of them a check looks at."""

    def __init__(self, facts: Mapping[str, Any], path: str = "", seen: set[str] | None = None) -> None:
        self.facts, self.path, self.seen = facts, path, set() if seen is None else seen

    def __getitem__(self, name: str) -> Any:
        value, path = self.facts[name], f"{self.path}.{name}".lstrip(".")
        self.seen.add(path)
        return Tracked(value, path, self.seen) if isinstance(value, Mapping) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)


def read_by(rule: Rule) -> set[str]:
    """The facts (``host.os``) that a rule looks at, over all examples."""
    seen: set[str] = set()
    for changes in ({}, *MET.get(rule.id, ()), *(row[0] for row in VIOLATED.get(rule.id, ()))):
        rule.check(Tracked(changed(changes), seen=seen), request_for(rule))
    return {path for path in seen if path.count(".") == 1}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_facts_that_a_rule_reads_are_declared(rule: Rule) -> None:
    assert tuple(sorted(rule.reads)) == rule.reads
    assert read_by(rule) == set(rule.reads)


@pytest.mark.parametrize(
    ("rule", "fact"),
    [(rule, fact) for rule in RULES for fact in rule.reads],
    ids=lambda value: getattr(value, "id", value),
)
def test_a_missing_fact_is_no_violation(rule: Rule, fact: str) -> None:
    assert rule.check(changed({fact: None}), request_for(rule)) in (None, UNKNOWN) or fact == "host.hyperv"
    if fact in at_first(GOOD):
        assert rule.check(changed({fact: ABSENT}), request_for(rule)) in (None, UNKNOWN)


def at_first(facts: Mapping[str, Any]) -> set[str]:
    return {f"{side}.{name}" for side, values in facts.items() for name in values}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.reads], ids=lambda rule: rule.id)
def test_without_any_facts_a_rule_is_unknown(rule: Rule) -> None:
    assert rule.check({"host": {}, "vm": {}, "guest": {}}, request_for(rule)) is UNKNOWN
    if all(fact.startswith(("vm.", "guest.")) for fact in rule.reads):
        assert rule.check({"host": {}, "vm": None, "guest": None}, request_for(rule)) is UNKNOWN


# ---- data ----


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_data_of_each_rule_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", rule.id)
    assert rule.source.startswith(SOURCES)
    assert rule.scenarios
    assert rule.scenarios <= ALL
    assert rule.about in (rule_module.HOST, rule_module.VM, rule_module.NESTED_VM, rule_module.GUEST)
    assert list(rule.severity) == list(PURPOSES)
    assert {severity for severity in rule.severity.values() if severity} <= set(SEVERITIES)
    assert any(rule.severity.values())
    assert not rule.final or rule.severity["production"] == "fail"
    assert rule.details() == {"rule": rule.id, "source": rule.source}
    for text in (rule.checks, rule.message, rule.remedy):
        assert text
        assert text.strip(" .") == text
    assert rule.checks[0].isupper()
    assert rule.remedy[0].isupper()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_production_is_no_milder_than_evaluation(rule: Rule) -> None:
    grades = [SEVERITIES.index(rule.severity[purpose] or "info") for purpose in PURPOSES]
    assert grades[1] <= grades[0]


def test_what_nobody_may_ignore_in_production() -> None:
    assert {rule.id for rule in RULES if rule.final} == {"hci-production", "nested-depth", "nested-cluster"}


def test_every_requirement_has_a_rule_or_a_reason() -> None:
    covered = {ref for rule in RULES for ref in rule.refs}
    wanted = {f"R{number:02}" for number in range(1, 23)} | {f"P{number:02}" for number in range(1, 40)}
    assert covered | set(UNCHECKED) == wanted
    assert not covered & set(UNCHECKED)


def test_user_visible_texts_name_no_requirement_of_the_study() -> None:
    for rule in RULES:
        assert not re.search(r"\b[RP]\d\d\b", " ".join((rule.id, rule.checks, rule.message, rule.remedy)))


# ---- the support matrix ----


@pytest.mark.parametrize(
    ("scenario", "changes", "evaluation", "production"),
    [
        ("nested_vms", {}, [], []),
        ("isolated_containers", {}, [], []),
        ("wsl2", {}, [], []),
        ("azure_stack_hci", {}, [], ["hci-production"]),
        *(
            (scenario, {"host.machine.platform": "hyper-v", "host.level": 1}, [], ["nested-depth"])
            for scenario in ("nested_vms", "isolated_containers", "wsl2")
        ),
        ("azure_stack_hci", {"host.machine.platform": "hyper-v"}, [], ["hci-production", "nested-depth"]),
        ("nested_vms", {"guest.cluster.member": True}, [], ["nested-cluster"]),
        ("nested_vms", {"host.machine.platform": "vmware"}, [], ["nested-foreign-hypervisor"]),
        ("nested_vms", {"guest.software.third_party": ["VBoxSDS"]}, [], ["nested-third-party"]),
    ],
)
def test_support_matrix(
    scenario: str, changes: Mapping[str, Any], evaluation: list[str], production: list[str]
) -> None:
    for purpose, wanted in (("evaluation", evaluation), ("production", production)):
        request = Request(scenario, purpose)
        facts = changed(changes)
        failed = [
            rule.id
            for rule in RULES
            if rule.applies(request)
            and rule.severity[purpose] == "fail"
            and isinstance(rule.check(facts, request), str)
        ]
        assert sorted(failed) == wanted


def test_any_scenario_means_what_all_have_in_common() -> None:
    ids = {rule.id for rule in RULES if rule.applies(Request(ANY))}
    assert {"nested-extensions", "nested-minimum-memory", "nested-dynamic-memory"} <= ids
    assert not {rule for rule in ids if rule.startswith(("wsl-", "containers-", "hci-"))}


def test_the_documentation_is_generated_from_the_rules() -> None:
    assert support_rules.DOCUMENT.read_text("utf-8") == support_rules.document(), "run make rules"
