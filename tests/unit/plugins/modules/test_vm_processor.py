"""The vm_processor module: what a running VM takes, and where reserve and limit meet."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [{"name": "off01", "processors": 2}, {"name": "run01", "state": "running", "processors": 2}],
        }
    ]
}


def test_the_result_has_the_processor_after_the_change(lab: Lab) -> None:
    result = lab.apply("vm_processor", name="off01", count=4, weight=200, threads_per_core=1)
    assert (result["id"], result["name"]) == (lab.vm("off01").id, "off01")
    assert result["diff"]["after"] == {"count": 4, "weight": 200, "threads_per_core": 1}
    processor = {"count": 4, "reserve": 0, "limit": 100, "weight": 200, "threads_per_core": 1}
    assert processor.items() <= result["processor"].items()


@pytest.mark.parametrize("share", [{"reserve": 50, "limit": 50}, {"reserve": 100}, {"limit": 1}])
def test_a_reserve_up_to_the_limit_is_accepted(lab: Lab, share: dict[str, int]) -> None:
    lab.apply("vm_processor", name="off01", **share)


@pytest.mark.parametrize("share", [{"reserve": 51, "limit": 50}, {"limit": 9}])
def test_a_reserve_above_the_limit_is_refused(lab: Lab, share: dict[str, int]) -> None:
    lab.apply("vm_processor", name="off01", reserve=10)
    lab.refuses("vm_processor", "VM 'off01'", "above its limit", name="off01", **share)


def test_a_running_vm_takes_shares_but_no_other_number_of_processors(lab: Lab) -> None:
    shares = {"reserve": 10, "limit": 90, "weight": 300}
    assert lab.apply("vm_processor", name="run01", **shares)["power_cycle_required"] is False
    refused = lab.refuses("vm_processor", "VM 'run01' is running", name="run01", count=4, threads_per_core=1)
    assert refused["options"] == ["count", "threads_per_core"]
    assert lab.apply("vm_processor", name="run01", count=4, allow_power_cycle=True)["power_cycled"] is True
