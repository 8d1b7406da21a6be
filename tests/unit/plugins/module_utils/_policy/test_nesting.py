"""Who can nest: processor vendor, host build, VM configuration version."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy import rules
from ansible_collections.nested.hyperv.plugins.module_utils._policy.nesting import (
    HostFacts,
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
