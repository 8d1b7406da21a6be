"""The vm_memory module: sizes at their bounds, and the changes that a running VM takes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MB, GB = 1 << 20, 1 << 30
MEMORY = {"startup": "4GB", "dynamic": True, "minimum": "1GB", "maximum": "8GB"}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "64GB",
            "vms": [
                {"name": "off01", "memory": MEMORY},
                {"name": "static01", "memory": "4GB"},
                {"name": "run01", "state": "running", "memory": MEMORY},
                {"name": "fixed01", "state": "running", "memory": "4GB"},
                {"name": "nested01", "state": "running", "nested": True, "memory": "4GB"},
                {"name": "saved01", "state": "saved", "memory": MEMORY},
            ],
        }
    ]
}


def test_the_result_has_the_memory_after_the_change(lab: Lab) -> None:
    result = lab.apply("vm_memory", name="OFF01", startup="2GB", priority=80, buffer=30)
    assert (result["id"], result["name"]) == (lab.vm("off01").id, "off01")
    assert result["diff"]["after"] == {"startup": "2GB", "buffer": 30, "priority": 80}
    assert result["memory"] == {
        "dynamic": True,
        "startup": 2 * GB,
        "minimum": 1 * GB,
        "maximum": 8 * GB,
        "buffer": 30,
        "priority": 80,
    }


@pytest.mark.parametrize(
    "sizes",
    [
        {"minimum": "4GB"},
        {"maximum": "4GB"},
        {"startup": "8GB"},
        {"minimum": "4GB", "startup": "4GB", "maximum": "4GB"},
        {"minimum": "32MB"},
    ],
    ids=str,
)
def test_equal_sizes_and_the_bounds_themselves_are_accepted(lab: Lab, sizes: dict[str, str]) -> None:
    lab.apply("vm_memory", name="off01", **sizes)


@pytest.mark.parametrize(("option", "bounds"), [("priority", (0, 100)), ("buffer", (5, 2000))])
def test_the_bounds_of_percentages_are_accepted_and_the_next_values_are_not(
    lab: Lab, option: str, bounds: tuple[int, int]
) -> None:
    for value in bounds:
        lab.apply("vm_memory", name="off01", **{option: value})
    for value in (bounds[0] - 1, bounds[1] + 1):
        lab.refuses("vm_memory", f"{option}: {value} is out of range", name="off01", **{option: value})


@pytest.mark.parametrize(
    ("vm", "change"),
    [
        ("run01", {"minimum": "512MB"}),
        ("run01", {"maximum": "16GB"}),
        ("run01", {"buffer": 50, "priority": 10}),
        ("fixed01", {"startup": "6GB"}),
        ("fixed01", {"startup": "2GB"}),
    ],
)
def test_a_running_vm_takes_wider_dynamic_memory_and_another_size_of_static_memory(
    lab: Lab, vm: str, change: dict[str, Any]
) -> None:
    assert lab.apply("vm_memory", name=vm, **change)["power_cycle_required"] is False


@pytest.mark.parametrize(
    ("vm", "change", "options"),
    [
        ("run01", {"minimum": "2GB"}, ["minimum"]),
        ("run01", {"maximum": "6GB"}, ["maximum"]),
        ("run01", {"startup": "5GB"}, ["startup"]),
        ("run01", {"dynamic": False}, ["dynamic"]),
        ("fixed01", {"dynamic": True}, ["dynamic"]),
        ("nested01", {"startup": "6GB", "priority": 10}, ["startup"]),
    ],
)
def test_every_other_change_requires_the_vm_to_be_off(
    lab: Lab, vm: str, change: dict[str, Any], options: list[str]
) -> None:
    assert lab.refuses("vm_memory", f"VM '{vm}' is running", name=vm, **change)["options"] == options
    assert lab.apply("vm_memory", name=vm, allow_power_cycle=True, **change)["power_cycled"] is True


@pytest.mark.parametrize(("belief", "needs_off"), [("auto", False), ("assume", True), ("ignore", False)])
def test_hyper_v_in_a_running_guest_is_detected_assumed_or_ignored(lab: Lab, belief: str, needs_off: bool) -> None:
    task = {"name": "fixed01", "startup": "6GB", "hypervisor_in_guest": belief}
    if needs_off:
        lab.refuses("vm_memory", "rule nested-memory-off", **task)
    else:
        lab.apply("vm_memory", **task)


def test_static_memory_stays_within_its_invisible_reservation_and_limit(lab: Lab) -> None:
    """Hyper-V keeps Reservation <= VirtualQuantity <= Limit, also for a VM without dynamic memory."""
    for startup in ("64MB", "32GB", "4GB"):
        lab.apply("vm_memory", name="static01", startup=startup)
        memory = lab.vm("static01").memory
        assert memory["Reservation"] <= memory["VirtualQuantity"] <= memory["Limit"]
