"""The profiles of Azure Stack HCI: their data, and what the rules make of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import judge
from ansible_collections.nested.hyperv.plugins.module_utils._policy.profiles import LATEST, PROFILES, Profile
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rule import Request
from ansible_collections.nested.hyperv.tests.harness.policy_facts import GB, changed

ROOT = Path(__file__).resolve().parents[5]
EVERY = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def findings(changes: dict[str, Any], **request: Any) -> set[str]:
    """The violated rules that fail or warn."""
    found = judge(changed(changes), Request("azure_stack_hci", **request)).findings
    return {row["id"] for row in found if row["severity"] != "info"}


def fitting(profile: Profile, nodes: int = 1) -> dict[str, Any]:
    """Changes of the good facts that are exactly as the profile asks for."""
    return {
        "host.os.build": profile.host_build,
        "host.memory.total": profile.host_memory_for(nodes),
        "host.volumes": [{"name": "C:", "free": max(profile.host_space, nodes * 30 * GB)}],
        "vm.memory.startup": profile.memory,
        "vm.processor.count": profile.processors,
        "vm.tpm": profile.tpm,
        "vm.disks": [{"path": str(number)} for number in range(profile.data_disks + 1)],
    }


@EVERY
def test_the_numbers_of_a_profile_are_plausible(profile: Profile) -> None:
    assert date.fromisoformat(profile.date) <= date(2026, 11, 26)
    assert profile.source.startswith("https://")
    assert 0 < profile.least_memory <= profile.memory
    assert list(profile.host_memory) == sorted(profile.host_memory)
    assert all(total > number * profile.memory for number, total in enumerate(profile.host_memory, start=1))
    assert len(set(profile.adapter_names)) >= profile.adapters >= 2
    assert profile.describe()["host_memory"] == list(profile.host_memory)


@EVERY
@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_a_host_and_a_node_of_a_profile_violate_nothing(profile: Profile, nodes: int) -> None:
    assert findings(fitting(profile, nodes), profile=profile, nodes=nodes) == set()


@EVERY
def test_a_little_less_than_a_profile_is_found(profile: Profile) -> None:
    fits = fitting(profile)
    for path, rule in (
        ("host.os.build", "hci-host-build"),
        ("vm.processor.count", "hci-processors"),
        ("vm.memory.startup", "hci-recommended-memory"),
    ):
        assert rule in findings({**fits, path: fits[path] - 1}, profile=profile)
    assert "hci-memory" in findings({**fits, "vm.memory.startup": profile.least_memory - 1}, profile=profile)
    assert "hci-data-disks" in findings({**fits, "vm.disks": fits["vm.disks"][1:]}, profile=profile)
    less = {**fits, "host.memory.total": profile.host_memory[0] - 2 * GB}
    assert "hci-host-memory" in findings(less, profile=profile)


def test_more_nodes_need_a_larger_host() -> None:
    host = {"host.memory.total": 48 * GB}
    assert findings(host) == set()
    assert findings(host, nodes=2) == {"hci-host-memory"}
    assert LATEST.host_memory_for(1) == 48 * GB
    assert LATEST.host_memory_for(2) == 72 * GB
    assert LATEST.host_memory_for(4) == 136 * GB


def test_the_oldest_profile_has_no_tpm() -> None:
    assert findings({"vm.tpm": False}) == {"hci-tpm"}
    oldest = PROFILES["azure_stack_hci_20h2"]
    assert "hci-tpm" not in findings({**fitting(oldest), "vm.tpm": False}, profile=oldest)


def test_the_role_offers_every_profile_and_the_latest_by_default() -> None:
    role = ROOT / "roles/azure_stack_hci_eval"
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text("utf-8"))
    option = specs["argument_specs"]["main"]["options"]["azure_stack_hci_eval_profile"]
    assert option["choices"] == list(PROFILES)
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text("utf-8"))
    assert option["default"] == defaults["azure_stack_hci_eval_profile"] == LATEST.name
