# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the modules for containers enforce in a guest."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import enforce
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules.containers import (
    CONTAINER_RULES,
    ENGINE_RULES,
)
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Refused

FEATURES = {"Containers": "enabled", "Microsoft-Hyper-V": "enabled"}


def facts(host: int, image: int | None, isolation: str = "hyperv", **guest: Any) -> dict[str, Any]:
    return {"guest": {"os": {"build": host}, **guest}, "image": {"build": image, "isolation": isolation}}


@pytest.mark.parametrize(
    ("host", "image", "hyperv", "process"),
    [
        (26100, 26100, True, True),
        (26100, 20348, True, True),
        (26100, 17763, True, False),
        (20348, 26100, False, False),
        (20348, 20348, True, True),
        (20348, 17763, True, True),
        (20348, 14393, True, False),
        (17763, 17763, True, True),
        (17763, 14393, True, False),
        (19045, 17763, True, False),
        (22631, 20348, True, True),
        (22631, 26100, False, False),
        (20348, None, True, True),
    ],
)
def test_the_builds_that_run_an_image(host: int, image: int | None, hyperv: bool, process: bool) -> None:
    for isolation, runs in (("hyperv", hyperv), ("process", process)):
        given = facts(host, image, isolation)
        if runs:
            enforce(CONTAINER_RULES, given, "guest01")
            continue
        with pytest.raises(Refused, match=f"guest01 has an image of build {image} in a guest of build {host}"):
            enforce(CONTAINER_RULES, given, "guest01")


def test_a_refusal_names_rule_source_option_and_remedy() -> None:
    options = {"containers-hypervisor": "isolation"}
    with pytest.raises(Refused, match="vm_nesting") as refused:
        enforce(CONTAINER_RULES, facts(20348, 20348, launch_failure="no VMX."), "guest01", options)
    assert refused.value.option == "isolation"
    assert refused.value.details["rule"] == "containers-hypervisor"
    assert refused.value.details["source"].startswith("https://")


def test_missing_facts_refuse_nothing() -> None:
    for rules in (CONTAINER_RULES, ENGINE_RULES):
        enforce(rules, {}, "guest01")
        enforce(rules, facts(20348, 20348, features=FEATURES), "guest01")


@pytest.mark.parametrize("os", [{"build": 14393, "sku": 7}, {"build": 19045, "sku": 101}])
def test_an_engine_needs_a_recent_windows_that_is_no_home_edition(os: dict[str, int]) -> None:
    with pytest.raises(Refused):
        enforce(ENGINE_RULES, {"guest": {"os": os}}, "guest01")
