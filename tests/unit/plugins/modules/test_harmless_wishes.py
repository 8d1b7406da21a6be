# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data-driven plays say everything: what a VM has anyway is no error, only contradictions are."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

NESTED = {"processor_settings": {"ExposeVirtualizationExtensions": True}, "guest": {"hypervisor_running": True}}
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [
                {"name": "old01", "generation": 1, "memory": "1GB", "notes": "first\nsecond"},
                {"name": "l1", "state": "running", "memory": "4GB", **NESTED},
            ],
        }
    ]
}
ALL_SAID: list[dict[str, Any]] = [
    {"firmware": {"secure_boot": False}},
    {"tpm": False},
    {"memory": {"dynamic": False, "startup": "1GB", "minimum": "1GB", "maximum": "1TB"}},
    {"notes": "first\r\nsecond"},
]


@pytest.mark.parametrize("options", ALL_SAID, ids=[next(iter(options)) for options in ALL_SAID])
def test_what_a_vm_is_anyway_is_no_change(lab: Lab, options: dict[str, Any]) -> None:
    lab.leaves_alone("vm", name="old01", **options)


def test_a_new_vm_of_generation_1_may_be_told_everything(lab: Lab) -> None:
    options = {key: value for options in ALL_SAID for key, value in options.items()}
    lab.apply("vm", name="new01", generation=1, **options)
    memory = lab.vm("new01").memory
    assert (memory["VirtualQuantity"], memory["DynamicMemoryEnabled"]) == (1024, False)
    assert lab.vm("new01").system["Notes"] == ["first\nsecond"]


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"firmware": {"secure_boot": True}}, "firmware.secure_boot"),
        ({"firmware": {"secure_boot": False, "secure_boot_template": "windows"}}, "firmware.secure_boot_template"),
        ({"tpm": True}, "tpm"),
        ({"memory": {"minimum": "512MB"}}, "memory.minimum"),
        ({"memory": {"dynamic": False, "startup": "1GB", "minimum": "2GB"}}, "memory.minimum"),
        ({"memory": {"dynamic": False, "startup": "2GB", "maximum": "1GB"}}, "memory.maximum"),
    ],
)
def test_contradictions_are_refused(lab: Lab, options: dict[str, Any], option: str) -> None:
    assert lab.refuses("vm", name="old01", **options)["option"] == option


def test_a_new_vm_with_little_memory_is_told_the_way_out(lab: Lab) -> None:
    lab.refuses("vm", "'dynamic: false'", "memory.startup", name="new01", memory={"startup": "256MB"})
    lab.apply("vm", name="new01", memory={"startup": "256MB", "dynamic": False})


def test_buffer_and_priority_are_no_amount_of_memory(lab: Lab) -> None:
    lab.apply("vm", name="l1", memory={"buffer": 30, "priority": 80})
    assert lab.vm("l1").running


def test_the_belief_about_the_guest_is_an_option_of_the_whole_vm(lab: Lab) -> None:
    refused = lab.refuses("vm", "memory.startup", name="l1", memory={"startup": "6GB"})
    assert refused["rule"]
    failed = lab.fails("vm", name="l1", memory={"startup": "6GB", "hypervisor_in_guest": "ignore"})
    assert failed["changed"] is False
