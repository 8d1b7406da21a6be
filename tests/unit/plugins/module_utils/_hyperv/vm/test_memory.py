"""Memory: what can be, what a running VM takes, and what is written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import memory
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import (
    OFF,
    PAUSED,
    RUNNING,
    SAVED,
    VM,
)
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.parts import Parts
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules import nesting as rules
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client

MB, GB = 1 << 20, 1 << 30


def instance(dynamic: bool, startup: int = 4096, low: int = 512, high: int = 8192) -> dict[str, Any]:
    """Msvm_MemorySettingData; sizes in MB."""
    return {
        "DynamicMemoryEnabled": dynamic,
        "VirtualQuantity": startup,
        "Reservation": low,
        "Limit": high,
        "TargetMemoryBuffer": 20,
        "Weight": 5000,
    }


def vm(state: str) -> VM:
    return VM("5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", "web01", state)


@pytest.mark.parametrize(
    ("dynamic", "wanted"),
    [
        (True, {}),
        (True, {"startup": 8 * GB}),
        (True, {"startup": 8 * GB, "maximum": 8 * GB, "minimum": 8 * GB}),
        (True, {"startup": 16 * GB, "maximum": 32 * GB}),
        (True, {"buffer": 30, "priority": 1}),
        (True, {"dynamic": False, "startup": 64 * GB}),
        (False, {"startup": 64 * GB}),
        (False, {"dynamic": True, "maximum": 4 * GB}),
        (False, {"startup": 34 * MB}),
    ],
)
def test_what_can_be(dynamic: bool, wanted: dict[str, Any]) -> None:
    memory.check(vm(OFF), instance(dynamic), wanted)


@pytest.mark.parametrize(
    ("dynamic", "wanted", "words"),
    [
        (True, {"startup": 16 * GB}, ("startup 16GB", "maximum 8GB", "web01")),
        (True, {"minimum": 6 * GB}, ("minimum 6GB", "startup 4GB")),
        (True, {"maximum": 2 * GB}, ("startup 4GB", "maximum 2GB")),
        (True, {"startup": 256 * MB}, ("minimum 512MB", "startup 256MB")),
        (True, {"minimum": 10 * GB, "startup": 12 * GB, "maximum": 11 * GB}, ("startup 12GB", "maximum 11GB")),
        (False, {"dynamic": True, "startup": 16 * GB}, ("startup 16GB", "maximum 8GB")),
        (False, {"startup": 4 * GB + MB}, ("startup: ", "4097MB", "not a multiple of 2MB")),
        (True, {"minimum": 33 * MB}, ("minimum: ", "33MB", "not a multiple of 2MB")),
        (True, {"maximum": 8 * GB + 512}, ("maximum: ", "not a multiple of 2MB")),
        (False, {"minimum": 1 * GB}, ("minimum: ", "static memory", "'dynamic: true'")),
        (True, {"dynamic": False, "maximum": 16 * GB}, ("maximum: ", "static memory")),
        (False, {"minimum": 1 * GB, "maximum": 2 * GB}, ("minimum: ", "no minimum and maximum", "only 'startup'")),
    ],
)
def test_what_cannot_be(dynamic: bool, wanted: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        memory.check(vm(OFF), instance(dynamic), wanted)
    sentence = caught.value.sentence()
    assert [word for word in words if word not in sentence] == [], sentence
    assert caught.value.option in wanted


def needing_off(state: str, dynamic: bool, wanted: dict[str, Any], inside: bool = False) -> list[str]:
    current = instance(dynamic)
    return memory.needing_off(vm(state), table.changes(memory.PROPERTIES, current, wanted), dynamic, inside)


@pytest.mark.parametrize(
    ("dynamic", "wanted", "offline"),
    [
        (True, {"minimum": 256 * MB, "maximum": 16 * GB, "buffer": 30, "priority": 80}, []),
        (True, {"minimum": 1 * GB}, ["minimum"]),
        (True, {"maximum": 6 * GB}, ["maximum"]),
        (True, {"startup": 6 * GB}, ["startup"]),
        (True, {"dynamic": False}, ["dynamic"]),
        (True, {"dynamic": True, "startup": 4 * GB}, []),
        (False, {"startup": 6 * GB}, []),
        (False, {"startup": 2 * GB, "priority": 3}, []),
        (False, {"dynamic": True, "startup": 2 * GB, "minimum": 256 * MB}, ["dynamic", "minimum"]),
        (False, {"dynamic": True, "maximum": 16 * GB}, ["dynamic", "maximum"]),
        (True, {"dynamic": False, "startup": 2 * GB}, ["dynamic", "startup"]),
    ],
)
def test_what_a_running_vm_does_not_take(dynamic: bool, wanted: dict[str, Any], offline: list[str]) -> None:
    assert needing_off(RUNNING, dynamic, wanted) == offline
    assert needing_off(OFF, dynamic, wanted) == []


@pytest.mark.parametrize("state", [SAVED, PAUSED, "busy", "starting"])
def test_any_other_state_takes_nothing(state: str) -> None:
    assert needing_off(state, True, {"priority": 80, "maximum": 16 * GB}) == ["maximum", "priority"]
    assert needing_off(state, True, {"priority": 50}) == []


def test_with_a_hypervisor_inside_no_amount_is_live() -> None:
    assert needing_off(RUNNING, False, {"startup": 6 * GB, "priority": 80}, inside=True) == ["startup"]
    assert needing_off(OFF, False, {"startup": 6 * GB}, inside=True) == []


@pytest.mark.parametrize(
    ("current", "wanted", "written"),
    [
        (instance(True), {"startup": 6 * GB}, {"VirtualQuantity": 6144}),
        (instance(False), {"startup": 6 * GB}, {"VirtualQuantity": 6144}),
        (instance(False), {"startup": 256 * MB}, {"VirtualQuantity": 256, "Reservation": 256}),
        (instance(False), {"startup": 16 * GB}, {"VirtualQuantity": 16384, "Limit": 16384}),
        # Exactly at the invisible Reservation and Limit: they fit already.
        (instance(False), {"startup": 512 * MB}, {"VirtualQuantity": 512}),
        (instance(False), {"startup": 8 * GB}, {"VirtualQuantity": 8192}),
        (
            instance(True),
            {"dynamic": False, "startup": 16 * GB},
            {"DynamicMemoryEnabled": False, "VirtualQuantity": 16384, "Limit": 16384},
        ),
        (instance(True), {"dynamic": False}, {"DynamicMemoryEnabled": False}),
        (
            instance(False),
            {"dynamic": True, "startup": 1 * GB, "minimum": 1 * GB, "maximum": 1 * GB},
            {"DynamicMemoryEnabled": True, "VirtualQuantity": 1024, "Reservation": 1024, "Limit": 1024},
        ),
        (instance(True), {"priority": 80, "buffer": 5}, {"Weight": 8000, "TargetMemoryBuffer": 5}),
    ],
)
def test_what_is_written(current: dict[str, Any], wanted: dict[str, Any], written: dict[str, Any]) -> None:
    found = table.changes(memory.PROPERTIES, current, wanted)
    assert memory.values(found, current) == written


def static_parts(state: str, extensions: bool) -> Parts:
    """A VM with static memory whose parts are known, so that plans ask for nothing."""
    host = Target("hv01", Client(unreachable))
    host.once("windows", lambda: [{"TotalVisibleMemorySize": 64 << 20}])  # KB
    parts = Parts(host, vm(state), rules)
    parts.processor = {"ExposeVirtualizationExtensions": extensions}
    parts.memory = instance(False)
    return parts


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


@pytest.mark.parametrize("state", [RUNNING, OFF])
@pytest.mark.parametrize(
    ("belief", "extensions", "inside"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("assume", True, True),
        ("assume", False, True),
        ("ignore", True, False),
        ("ignore", False, False),
    ],
)
def test_a_change_needs_the_vm_off_by_the_rule_if_hyper_v_runs_inside(
    state: str, belief: str, extensions: bool, inside: bool
) -> None:
    (step,) = memory.plan(static_parts(state, extensions), {"startup": 6 * GB}, belief)
    needed = inside and state == RUNNING
    assert step.needs_off == (("startup",) if needed else ())
    assert step.rule is (rules.MEMORY_WHILE_NESTED if needed else None)


def test_a_change_of_nothing_does_not_look_at_the_processor() -> None:
    parts = static_parts(RUNNING, extensions=True)
    del parts.processor
    (step,) = memory.plan(parts, {"startup": 4 * GB})
    assert not step.changes
    assert memory.plan(parts, {}) == []


def test_later_plans_of_the_same_task_see_the_memory_that_earlier_ones_intend() -> None:
    parts = static_parts(OFF, extensions=False)
    memory.plan(parts, {"startup": 16 * GB})
    assert parts.planned_memory == {**instance(False), "VirtualQuantity": 16384, "Limit": 16384}
    assert parts.memory == instance(False)
    (again,) = memory.plan(parts, {"startup": 16 * GB})
    assert not again.changes


@pytest.mark.parametrize(("dynamic", "shown"), [(False, None), (True, 512 * MB), (None, 512 * MB)])
def test_static_memory_has_no_minimum_and_maximum_in_results(dynamic: bool | None, shown: int | None) -> None:
    found = memory.described({"dynamic": dynamic, "startup": 4 * GB, "minimum": 512 * MB, "maximum": 512 * MB})
    assert found == {"dynamic": dynamic, "startup": 4 * GB, "minimum": shown, "maximum": shown}


@pytest.mark.parametrize("option", ["startup", "minimum", "maximum"])
def test_sizes_are_accepted_up_to_their_bounds(option: str) -> None:
    assert memory.parse({option: "32MB"}) == {option: 32 * MB}
    assert memory.parse({option: "240TB"}) == {option: 240 << 40}
    for size in (32 * MB - 1, (240 << 40) + 1):
        with pytest.raises(Invalid, match="from 32MB to 240TB") as caught:
            memory.parse({option: size})
        assert caught.value.option == option


@pytest.mark.parametrize("missing", [{"Reservation": None}, {"Limit": None}, {"Reservation": None, "Limit": None}])
def test_static_memory_without_an_invisible_bound_is_resized(missing: dict[str, None]) -> None:
    """A missing Reservation leaves room, a missing Limit does not."""
    current = {**instance(False), **missing}
    written = memory.values(table.changes(memory.PROPERTIES, current, {"startup": 6 * GB}), current)
    assert written == {"VirtualQuantity": 6144, **({"Limit": 6144} if "Limit" in missing else {})}
