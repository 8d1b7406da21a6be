"""From facts to findings: order, ignoring, surveys, and what host_info and vm_nesting take from the rules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy import evaluate
from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import BY_ID, describe_host, judge, survey
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rule import SEVERITIES, Request
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules.nesting import lacks, version_tuple
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.tests.harness.policy_facts import GB, GOOD, changed

INTEL, AMD = "GenuineIntel", "AuthenticAMD"


@pytest.mark.parametrize(
    ("version", "numbers"), [("9.3", (9, 3)), ("10.0", (10, 0)), ("8", (8, 0)), (None, (0, 0)), ("", (0, 0))]
)
def test_version_tuple(version: str | None, numbers: tuple[int, int]) -> None:
    assert version_tuple(version) == numbers


@pytest.mark.parametrize(
    ("vendor", "build", "version", "broken"),
    [
        (INTEL, 14393, "8.0", []),
        (INTEL, 20348, "10.0", []),
        (INTEL, 26100, None, []),
        (INTEL, 14392, "8.0", ["nested-host-build"]),
        (INTEL, 14393, "7.9", ["nested-vm-version"]),
        (INTEL, 9600, "5.0", ["nested-host-build", "nested-vm-version"]),
        (INTEL, 17763, "5.0", ["nested-vm-version"]),
        (AMD, 20348, "10.0", []),
        (AMD, 22000, "9.3", []),
        (AMD, 20348, "9.3", []),
        (AMD, 20347, "9.3", ["nested-host-build"]),
        (AMD, 20348, "9.2", ["nested-vm-version"]),
        (AMD, 17763, "9.0", ["nested-host-build", "nested-vm-version"]),
        (AMD, 17763, None, ["nested-host-build"]),
        ("QEMU", 26100, "12.0", ["nested-processor"]),
        ("", 26100, None, ["nested-processor"]),
    ],
)
def test_lacks(vendor: str, build: int, version: str | None, broken: list[str]) -> None:
    assert [lack.rule.id for lack in lacks(vendor, build, version)] == broken


def test_a_lack_says_what_is_asked_and_what_was_found() -> None:
    (lack,) = lacks(AMD, 20348, "9.2")
    assert "9.3 or later on AMD" in lack.sentence()
    assert lack.sentence().endswith("found version 9.2 with AuthenticAMD")


def system(trusted: bool = False, **changed: object) -> dict[str, Any]:
    """The facts of a host as host_info returns them, as far as nesting looks at them."""
    flags = {
        "trusted": trusted,
        "monitor_mode": True,
        "second_level_address_translation": True,
        "enabled_in_firmware": True,
    }
    facts = {
        "hyperv": {},
        "processor": {"vendor": INTEL, "virtualization": flags},
        "os": {"build": 20348, "sku": 8},
        "machine": {"platform": None},
        "hypervisor_present": True,
    }
    for path, value in changed.items():
        *sections, name = path.split("__")
        target: dict[str, Any] = facts
        for section in sections:
            target = target[section]
        target[name] = value
    return facts


@pytest.mark.parametrize(
    ("changed", "supported", "minimum", "reasons"),
    [
        ({}, True, "8.0", []),
        ({"processor__vendor": AMD}, True, "9.3", []),
        ({"processor__vendor": AMD, "os__build": 17763}, False, "9.3", ["nested-host-build"]),
        ({"processor__vendor": None}, False, None, ["nested-processor"]),
        ({"os__sku": None}, True, "8.0", []),
        ({"os__sku": 99}, False, "8.0", ["hyperv-edition"]),
        ({"hypervisor_present": False}, False, "8.0", ["hyperv-not-running"]),
        ({"hyperv": None}, False, "8.0", ["hyperv-not-running"]),
        ({"machine__platform": "vmware"}, True, "8.0", ["nested-foreign-hypervisor"]),
        ({"machine__platform": "hyper-v"}, True, "8.0", ["nested-depth"]),
        ({"machine__platform": "azure"}, True, "8.0", ["nested-depth", "nested-azure"]),
        ({"trusted": True}, True, "8.0", []),
    ],
)
def test_a_host_is_supported_unless_a_rule_of_severity_fail_is_broken(
    changed: dict[str, object], supported: bool, minimum: str | None, reasons: list[str]
) -> None:
    result = describe_host(system(**changed))
    assert [reason["rule"] for reason in result["reasons"]] == reasons
    assert (result["supported"], result["minimum_vm_version"]) == (supported, minimum)
    assert all(reason.keys() == {"rule", "source", "severity", "text", "found"} for reason in result["reasons"])
    assert all(all(reason.values()) for reason in result["reasons"])


@pytest.mark.parametrize("flag", ["monitor_mode", "second_level_address_translation", "enabled_in_firmware"])
@pytest.mark.parametrize("trusted", [True, False])
def test_every_processor_flag_counts_unless_a_hypervisor_hides_them(flag: str, trusted: bool) -> None:
    changed = {f"processor__virtualization__{flag}": False}
    reasons = [reason["rule"] for reason in describe_host(system(trusted, **changed))["reasons"]]
    assert reasons == (["hyperv-processor"] if trusted else [])


def test_failures_come_before_warnings() -> None:
    found = describe_host(system(machine__platform="azure", os__sku=101, hyperv=None, processor__vendor="QEMU"))
    assert [(reason["severity"], reason["rule"]) for reason in found["reasons"]] == [
        ("fail", "nested-processor"),
        ("fail", "hyperv-edition"),
        ("fail", "hyperv-not-running"),
        ("warn", "nested-depth"),
        ("warn", "nested-azure"),
    ]


# ---- findings ----

KEYS = ["id", "severity", "vm", "message", "observed", "remedy", "source", "ignored"]
BAD = {
    "host.machine.platform": "azure",
    "host.os.sku": 101,
    "vm.nesting.virtualization_extensions": False,
    "vm.memory.dynamic": True,
    "vm.clustered": True,
    "guest.software.pending_reboot": True,
}


def ids(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["id"] for finding in findings]


def test_good_facts_have_no_findings() -> None:
    for scenario in ("any", "nested_vms", "wsl2"):
        assert judge(GOOD, Request(scenario)) == ([], [])


def test_findings_are_sorted_and_complete() -> None:
    findings = judge(changed(BAD), Request("any", "production")).findings
    assert [list(finding) for finding in findings] == [KEYS] * len(findings)
    order = [(SEVERITIES.index(finding["severity"]), finding["id"]) for finding in findings]
    assert all(first < second for first, second in pairwise(order))
    of = {finding["id"]: finding["vm"] for finding in findings}
    assert of["nested-depth"] is None
    assert of["nested-extensions"] == of["guest-pending-reboot"] == of["vm-clustered"] == "lab01"


def test_severity_follows_the_purpose() -> None:
    for purpose, severity, supported in (("evaluation", "warn", True), ("production", "fail", False)):
        findings = judge(changed({"host.machine.platform": "hyper-v"}), Request("nested_vms", purpose)).findings
        assert next(row["severity"] for row in findings if row["id"] == "nested-depth") == severity
        assert evaluate.supported(findings) is supported
        assert evaluate.supported(findings, strict=True) is False


def test_rules_about_vms_and_guests_need_them() -> None:
    host_only = judge({"host": GOOD["host"], "vm": None, "guest": None}, Request("wsl2"))
    assert host_only == ([], [])
    without_guest = judge({**GOOD, "guest": None}, Request("wsl2"))
    assert without_guest.findings == []
    assert {"wsl-services", "nested-third-party"} <= set(without_guest.unknown)
    assert "wsl-guest-build" not in without_guest.unknown  # which the integration services report


def test_what_is_unknown_is_listed() -> None:
    judgement = judge(changed({"host.boot": None}), Request())
    assert judgement == ([], ["hyperv-launch", "nested-not-offered"])


# ---- ignoring ----


def test_an_ignored_finding_keeps_its_place_and_the_reason() -> None:
    facts, request = changed({"host.os.sku": 101}), Request()
    ignore = evaluate.parse_ignore([{"rule": " Hyperv-Edition", "reason": " a test "}], "evaluation")
    (finding,) = judge(facts, request, ignore).findings
    assert finding["ignored"] == "a test"
    assert evaluate.supported([finding])
    assert not evaluate.supported(judge(facts, request).findings)


@pytest.mark.parametrize("rule", ["hci-production", "nested-depth", "nested-cluster"])
def test_a_final_rule_cannot_be_ignored_in_production(rule: str) -> None:
    with pytest.raises(Invalid, match="can't be ignored for production") as refusal:
        evaluate.parse_ignore([{"rule": rule, "reason": "I want it"}], "production")
    assert refusal.value.option == "ignore.rule"
    assert refusal.value.details["rule"] == rule
    assert evaluate.parse_ignore([{"rule": rule, "reason": "a lab"}], "evaluation") == {rule: "a lab"}
    facts = changed({"host.machine.platform": "hyper-v", "vm.clustered": True})
    findings = judge(facts, Request("nested_vms", "production"), {rule: "not parsed"}).findings
    assert {finding["ignored"] for finding in findings if BY_ID[finding["id"]].final} == {None}


@pytest.mark.parametrize(
    ("entries", "option", "words"),
    [
        (
            [{"rule": "nested-dept", "reason": "x"}],
            "ignore.rule",
            "no rule; the nearest are nested-depth",
        ),
        ([{"rule": "", "reason": "x"}], "ignore.rule", "is no rule"),
        ([{"rule": "nested-depth", "reason": ""}], "ignore.reason", "why rule nested-depth may be ignored"),
        ([{"rule": "nested-depth", "reason": "  "}], "ignore.reason", "says nothing"),
        ([{"rule": "one-nat", "reason": "x"}, {"rule": "One-NAT", "reason": "y"}], "ignore.rule", "listed twice"),
    ],
)
def test_entries_that_ignore_nothing(entries: list[dict[str, str]], option: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        evaluate.parse_ignore(entries, "evaluation")
    assert refusal.value.option == option


# ---- surveys ----


def vm(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    return changed({"vm.name": name, **changes})["vm"]


def test_a_survey_judges_nesting_of_the_vms_to_which_extensions_are_exposed() -> None:
    plain = {"vm.nesting.virtualization_extensions": False}
    vms = [
        vm("b", {"vm.memory.dynamic": True}),
        vm("a", {"vm.memory.dynamic": True}),
        vm("web", {**plain, "vm.memory.dynamic": True, "vm.version": "5.0"}),
        vm("old", {**plain, "vm.firmware.certificates_2023": False}),
    ]
    findings = survey(GOOD["host"], vms, "evaluation").findings
    assert [(finding["id"], finding["vm"]) for finding in findings] == [
        ("nested-dynamic-memory", "a"),
        ("nested-dynamic-memory", "b"),
        ("vm-secure-boot-certificates", "old"),
    ]


def test_one_level_of_nesting_is_supported_in_production() -> None:
    host = changed({"host.machine.platform": "hyper-v", "host.level": 1})["host"]
    plain = vm("web", {"vm.nesting.virtualization_extensions": False})
    assert "nested-depth" not in ids(survey(host, [plain], "production").findings)
    assert "nested-depth" not in ids(survey(host, [], "production").findings)
    assert "nested-depth" in ids(survey(host, [plain, vm("lab01", {})], "production").findings)
    deeper = {**host, "level": 2}
    assert "nested-depth" in ids(survey(deeper, [plain], "production").findings)


def test_a_survey_takes_what_is_ignored() -> None:
    vms = [vm("a", {"vm.memory.dynamic": True})]
    (finding,) = survey(GOOD["host"], vms, "evaluation", {"nested-dynamic-memory": "known"}).findings
    assert finding["ignored"] == "known"


def test_sizes_are_shown_as_people_write_them() -> None:
    (finding, *_more) = judge(changed({"vm.memory.startup": 2 * GB}), Request()).findings
    assert finding["observed"] == "2GB of startup memory"
