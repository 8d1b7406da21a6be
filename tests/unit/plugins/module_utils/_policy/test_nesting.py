"""Who can nest: processor vendor, host build, VM configuration version."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy import rules
from ansible_collections.nested.hyperv.plugins.module_utils._policy.nesting import (
    HostFacts,
    describe,
    host_reasons,
    lacks,
    version_tuple,
)

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
    assert [one.rule.id for one in lacks(vendor, build, version)] == broken


def test_a_lack_says_what_is_asked_and_what_was_found() -> None:
    (lack,) = lacks(AMD, 20348, "9.2")
    assert "9.3 or later on AMD" in lack.sentence()
    assert lack.sentence().endswith("found version 9.2 with AuthenticAMD")


def test_every_rule_has_an_id_of_its_own_a_severity_and_a_source() -> None:
    found = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule)]
    assert len({rule.id for rule in found}) == len(found) > 0
    assert {rule.severity for rule in found} <= {"fail", "warn"}
    assert all(rule.source.startswith("https://learn.microsoft.com/") for rule in found)
    assert all(rule.text and rule.details() == {"rule": rule.id, "source": rule.source} for rule in found)


FIT = HostFacts(INTEL, 20348, sku=8, hyperv=True, hypervisor=True, extensions=None, platform=None)


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, []),
        ({"vendor": AMD}, []),
        ({"vendor": AMD, "build": 17763}, [("nested-host-build", "fail")]),
        ({"sku": 101}, [("hyperv-edition", "fail")]),
        ({"hyperv": False}, [("hyperv-not-running", "fail")]),
        ({"hypervisor": False, "extensions": True}, [("hyperv-not-running", "fail")]),
        ({"hypervisor": False, "extensions": False}, [("hyperv-processor", "fail"), ("hyperv-not-running", "fail")]),
        ({"platform": "hyper-v"}, [("nested-depth", "warn")]),
        ({"platform": "azure"}, [("nested-depth", "warn"), ("nested-azure", "warn")]),
        ({"platform": "vmware"}, [("nested-foreign-hypervisor", "warn")]),
        ({"platform": "kvm", "hyperv": False}, [("hyperv-not-running", "fail"), ("nested-foreign-hypervisor", "warn")]),
    ],
)
def test_host_reasons(changed: dict[str, object], reasons: list[tuple[str, str]]) -> None:
    found = host_reasons(FIT._replace(**changed))
    assert [(one.rule.id, one.rule.severity) for one in found] == reasons
    assert all(one.rule.source.startswith("https://learn.microsoft.com/") and one.found for one in found)


def facts(trusted: bool = False, **changed: object) -> dict[str, Any]:
    """The facts of a host as host_info returns them, as far as nesting looks at them."""
    flags = {
        "trusted": trusted,
        "monitor_mode": True,
        "second_level_address_translation": True,
        "enabled_in_firmware": True,
    }
    system = {
        "processor": {"vendor": INTEL, "virtualization": flags},
        "os": {"build": 20348, "sku": 8},
        "machine": {"platform": None},
        "hypervisor_present": True,
    }
    for path, value in changed.items():
        *sections, name = path.split("__")
        target: dict[str, Any] = system
        for section in sections:
            target = target[section]
        target[name] = value
    return system


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
        ({"machine__platform": "hyper-v"}, True, "8.0", ["nested-depth"]),
        ({"machine__platform": "azure"}, True, "8.0", ["nested-depth", "nested-azure"]),
        ({"trusted": True}, True, "8.0", []),
    ],
)
def test_a_host_is_supported_unless_a_rule_of_severity_fail_is_broken(
    changed: dict[str, object], supported: bool, minimum: str | None, reasons: list[str]
) -> None:
    result = describe(facts(**changed), hyperv=True)
    assert [reason["rule"] for reason in result["reasons"]] == reasons
    assert (result["supported"], result["minimum_vm_version"]) == (supported, minimum)
    assert all(reason.keys() == {"rule", "source", "severity", "text", "found"} for reason in result["reasons"])
    assert all(all(reason.values()) for reason in result["reasons"])


@pytest.mark.parametrize("flag", ["monitor_mode", "second_level_address_translation", "enabled_in_firmware"])
@pytest.mark.parametrize("trusted", [True, False])
def test_every_processor_flag_counts_unless_a_hypervisor_hides_them(flag: str, trusted: bool) -> None:
    changed = {f"processor__virtualization__{flag}": False}
    reasons = [reason["rule"] for reason in describe(facts(trusted, **changed), hyperv=True)["reasons"]]
    assert reasons == (["hyperv-processor"] if trusted else [])


def test_failures_come_before_warnings() -> None:
    found = host_reasons(FIT._replace(platform="azure", sku=101, hyperv=False, vendor="QEMU"))
    assert [lack.rule.severity for lack in found] == ["fail", "fail", "fail", "warn", "warn"]
