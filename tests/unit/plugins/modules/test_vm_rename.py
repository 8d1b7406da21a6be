# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM gets another name, once, whether it runs or not."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL = {"hosts": [{"name": "hv01", "vms": [{"name": "web01", "state": "running"}, {"name": "web02"}]}]}


@pytest.mark.parametrize("vm", ["web01", "web02"])
def test_a_vm_is_renamed_and_found_by_either_name(lab: Lab, vm: str) -> None:
    before = lab.vm(vm)
    result = lab.apply("vm", name=vm, new_name="db01")
    assert (result["id"], result["name"]) == (before.id, "db01")
    assert result["diff"] == {"before": {"new_name": vm}, "after": {"new_name": "db01"}}
    lab.leaves_alone("vm", name="db01", new_name="db01")
    lab.leaves_alone("vm", id=before.id, new_name="db01")
    assert lab.vm("db01") is before


def test_only_the_case_changes(lab: Lab) -> None:
    assert lab.apply("vm", name="web01", new_name="WEB01")["name"] == "WEB01"


def test_the_name_of_another_vm_is_refused(lab: Lab) -> None:
    result = lab.refuses("vm", "another VM has the name 'web02'", lab.vm("web02").id, name="web01", new_name="web02")
    assert result["option"] == "new_name"


def test_no_vm_is_created_under_a_new_name(lab: Lab) -> None:
    lab.refuses("vm", "no VM has the name 'gone01'", name="gone01", new_name="db01")


def test_a_name_that_is_too_long_is_refused_before_anything_is_written(lab: Lab) -> None:
    lab.refuses("vm", "new_name", "1 to 100 characters", name="web01", new_name="x" * 101)
