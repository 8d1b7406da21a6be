# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Server 2016: what it lacks is no error where nothing is asked of it."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL = {
    "hosts": [{"name": "hv01", "os": "server2016", "vms": [{"name": "web01"}]}],
}


@pytest.mark.parametrize("vm", ["web01", "new01"])
def test_no_automatic_checkpoints_are_what_the_host_has(lab: Lab, vm: str) -> None:
    wanted = {"name": vm, "checkpoints": {"automatic": False, "type": "production"}}
    if vm == "new01":
        lab.apply("vm", **wanted)
    else:
        lab.leaves_alone("vm", **wanted)
    assert "AutomaticSnapshotsEnabled" not in lab.vm(vm).system


@pytest.mark.parametrize("vm", ["web01", "new01"])
def test_automatic_checkpoints_are_refused_before_anything_is_written(lab: Lab, vm: str) -> None:
    result = lab.refuses(
        "vm", "checkpoints.automatic", "Windows Server 2019", name=vm, notes="x", checkpoints={"automatic": True}
    )
    assert result["option"] == "checkpoints.automatic"


def test_checkpoints_are_taken_and_listed(lab: Lab) -> None:
    lab.apply("vm_checkpoint", vm="web01", name="before")
    assert [row["name"] for row in lab.info("web01", "checkpoints")["checkpoints"]] == ["before"]
