"""The engine: what counts as a change, what is reported of it, and what a failure leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import memory
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, RUNNING, SAVED, VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.power import Permission, VmCycle
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules.nesting import MEMORY_WHILE_NESTED
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.cycle import nothing_to_put_back
from ansible_collections.nested.hyperv.plugins.module_utils._task.ensure import ensure
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.journal import position, taken_back, wrote
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._task.step import Plan, Step, entry, step, together, under
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client

ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


HOST = Target("hv01", Client(unreachable))


def cycle(state: str, **permission: Any) -> VmCycle:
    return VmCycle(HOST, VM(ID, "web01", state), Permission(**permission))


class Outage:
    """An interruption that needs no host: what happens inside and after it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def check(self, steps: Any) -> None:
        self.needed = any(step.needs_off for step in steps)

    def report(self) -> dict[str, Any]:
        return {"interrupted": bool(self.events)}

    @contextmanager
    def interruption(self, put_back: Callable[[], bool] = nothing_to_put_back) -> Iterator[None]:
        self.events += ["off"] * self.needed
        try:
            yield
        finally:
            self.events += ["on"] * self.needed


class Things:
    """What stands for a host: properties that steps write, in the order in which they do."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def step(self, name: str, before: Any, after: Any, needs_off: tuple[str, ...] = (), **more: Any) -> Step:
        fails = more.pop("fails", False)

        def apply() -> None:
            if fails:
                raise MethodFailed(f"could not set {name}: invalid parameter", return_value=32773)
            self.written.append(name)

        return Step(f"set {name}", {name: before}, {name: after}, apply, needs_off, **more)


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_to_do(check_mode: bool) -> None:
    things = Things()
    steps = [things.step("dynamic", False, False, ("dynamic",)), things.step("mac", {"a": True}, {"a": True})]
    result = ensure(Plan(steps), check_mode, cycle(RUNNING))
    assert result == {
        "changed": False,
        "diff": {"before": {}, "after": {}},
        "power_cycle_required": False,
        "power_cycled": False,
    }
    assert things.written == []


def test_only_steps_that_change_something_are_done_in_their_order() -> None:
    things = Things()
    steps = [things.step("c", 1, 2), things.step("a", 1, 1), things.step("b", None, 0)]
    result = ensure(Plan(steps), False)
    assert things.written == ["c", "b"]
    assert result["changed"] is True
    assert result["diff"] == {"before": {"c": 1, "b": None}, "after": {"c": 2, "b": 0}}


def test_check_mode_returns_the_same_and_writes_the_same_to_predictions() -> None:
    real, predictions = Things(), Things()
    steps = [("startup", 1, 2, ("startup",)), ("priority", 50, 80)]
    done = ensure(Plan([real.step(*one) for one in steps]), False, cycle(OFF))
    predicted = ensure(Plan([predictions.step(*one) for one in steps]), True, cycle(OFF))
    assert predicted == done
    assert real.written == predictions.written == ["startup", "priority"]


@pytest.mark.parametrize("error", [Refused("no shutdown service"), KeyError("InstanceID")], ids=repr)
def test_what_predictions_lack_is_a_warning_and_fails_no_check(error: Exception) -> None:
    def fail() -> None:
        raise error

    step = Step("set memory", {"startup": 1}, {"startup": 2}, fail)
    result = ensure(Plan([step]), True)
    assert (result["changed"], result["diff"]) == (True, {"before": {"startup": 1}, "after": {"startup": 2}})
    (warning,) = result["warnings"]
    assert warning.startswith("later tasks of this check don't see all that this task would change: ")
    assert str(error.args[0]) in warning


def test_steps_may_speak_of_the_same_section() -> None:
    things = Things()
    steps = [
        things.step("mac_spoofing", {"LAN": False}, {"LAN": True}),
        things.step("mac_spoofing", {"DMZ": False}, {"DMZ": True}),
        things.step("memory", {"limits": {"low": 1}}, {"limits": {"low": 2}}),
        things.step("memory", {"limits": {"high": 3}}, {"limits": {"high": 4}}),
    ]
    result = ensure(Plan(steps), False)
    assert result["diff"] == {
        "before": {"mac_spoofing": {"LAN": False, "DMZ": False}, "memory": {"limits": {"low": 1, "high": 3}}},
        "after": {"mac_spoofing": {"LAN": True, "DMZ": True}, "memory": {"limits": {"low": 2, "high": 4}}},
    }
    assert steps[0].before == {"mac_spoofing": {"LAN": False}}
    assert steps[2].after == {"memory": {"limits": {"low": 2}}}


def test_a_later_failure_says_what_was_done_before_it() -> None:
    things = Things()
    steps = [things.step("a", 1, 2), things.step("b", 1, 2), things.step("c", 1, 2, fails=True), things.step("d", 1, 2)]
    with pytest.raises(MethodFailed) as caught:
        ensure(Plan(steps), False)
    assert things.written == ["a", "b"]
    assert caught.value.details == {
        "return_value": 32773,
        "changed": True,
        "diff": {"before": {"a": 1, "b": 1}, "after": {"a": 2, "b": 2}},
        "completed": ["set a", "set b"],
    }


def test_a_first_failure_has_changed_nothing() -> None:
    things = Things()
    with pytest.raises(MethodFailed) as caught:
        ensure(Plan([things.step("a", 1, 2, fails=True), things.step("b", 1, 2)]), False)
    assert caught.value.details == {"return_value": 32773, "changed": False}


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("state", "way_out"), [(RUNNING, "allow_power_cycle"), (SAVED, "discard_saved_state")])
def test_a_refusal_comes_before_the_first_write_in_check_mode_too(state: str, way_out: str, check_mode: bool) -> None:
    things = Things()
    steps = [
        things.step("priority", 1, 2),
        things.step("x", 1, 2, ("x",)),
        things.step("dynamic", 1, 2, ("dynamic",), rule=MEMORY_WHILE_NESTED),
    ]
    with pytest.raises(Refused) as caught:
        ensure(Plan(steps), check_mode, cycle(state))
    assert things.written == []
    assert f"'{way_out}: true'" in caught.value.message
    assert caught.value.details["options"] == ["x", "dynamic"]
    assert caught.value.details["rule"] == MEMORY_WHILE_NESTED.id


def test_what_does_not_change_needs_no_power_cycle() -> None:
    things = Things()
    steps = [things.step("priority", 1, 2), things.step("dynamic", 1, 1, ("dynamic",))]
    result = ensure(Plan(steps), False, cycle(RUNNING))
    assert (result["power_cycle_required"], things.written) == (False, ["priority"])


def test_check_mode_announces_the_power_cycle() -> None:
    things = Things()
    plan = Plan([things.step("dynamic", 1, 2, ("dynamic",))])
    result = ensure(plan, True, cycle(RUNNING, allow_power_cycle=True, force_off=True))
    assert (result["power_cycle_required"], result["power_cycled"], things.written) == (True, False, [])


def test_a_step_takes_its_words_and_needs_from_the_property_table() -> None:
    current = {"DynamicMemoryEnabled": True, "VirtualQuantity": 4096, "Weight": 5000}
    found = table.changes(memory.PROPERTIES, current, {"dynamic": False, "startup": 8 << 30, "priority": 50})
    assert step("set memory", found, list)[:3] == (
        "set memory",
        {"dynamic": True, "startup": "4GB"},
        {"dynamic": False, "startup": "8GB"},
    )
    assert step("set memory", found, list).needs_off == ("dynamic",)
    assert step("set memory", found, list, needs_off=["startup"]).needs_off == ("startup",)
    assert step("set memory", [], list).before == step("set memory", [], list).after == {}


def test_suboptions_are_shown_below_their_option() -> None:
    found = table.changes(memory.PROPERTIES, {"DynamicMemoryEnabled": True}, {"dynamic": False})
    (moved,) = under("memory", [step("set memory", found, list)])
    assert moved[1:3] == ({"memory": {"dynamic": True}}, {"memory": {"dynamic": False}})
    assert moved.needs_off == ("memory.dynamic",)
    (listed,) = under("adapters", entry("LAN", [moved]))
    assert listed.before == {"adapters": {"LAN": {"memory": {"dynamic": True}}}}
    assert listed.needs_off == ("adapters.memory.dynamic",)


def test_the_outcome_comes_last_and_adds_to_the_result() -> None:
    things = Things()

    def outcome() -> dict[str, Any]:
        return {"seen": list(things.written)}

    result = ensure(Plan([things.step("a", 1, 2)], [things.step("b", 1, 2)], outcome=outcome), False)
    assert result["seen"] == ["a", "b"]
    nothing = {"changed": False, "diff": {"before": {}, "after": {}}, "seen": ["a", "b"]}
    assert ensure(Plan(outcome=outcome), False) == nothing
    assert ensure(Plan([things.step("c", 1, 2)], outcome=outcome), True)["seen"] == ["a", "b", "c"]


def test_an_outcome_that_fails_says_what_was_done() -> None:
    def outcome() -> dict[str, Any]:
        raise Refused("gave up after 1 s", timeout=1)

    with pytest.raises(Refused) as caught:
        ensure(Plan([Things().step("a", 1, 2)], outcome=outcome), False)
    assert caught.value.details == {
        "timeout": 1,
        "changed": True,
        "diff": {"before": {"a": 1}, "after": {"a": 2}},
        "completed": ["set a"],
    }


def test_a_summary_replaces_the_steps_in_the_diff_but_not_in_a_failure() -> None:
    things = Things()
    summary = Step("create it", {"state": "absent"}, {"state": "present", "a": 2}, list)
    assert ensure(Plan([things.step("a", 1, 2)], summary=summary), False)["diff"] == {
        "before": {"state": "absent"},
        "after": {"state": "present", "a": 2},
    }
    with pytest.raises(MethodFailed) as caught:
        ensure(Plan([things.step("a", 1, 2), things.step("b", 1, 2, fails=True)], summary=summary), False)
    assert caught.value.details["completed"] == ["set a"]
    assert caught.value.details["diff"]["after"] == {"a": 2}


def test_a_step_that_fails_half_way_says_what_it_had_written() -> None:
    def apply() -> None:
        wrote("remove the old mapping")
        raise MethodFailed("could not add the new mapping")

    with pytest.raises(MethodFailed) as caught:
        ensure(Plan([Things().step("a", 1, 2), Step("replace the mapping", {"m": 1}, {"m": 2}, apply)]), False)
    assert caught.value.details["changed"] is True
    assert caught.value.details["completed"] == ["set a", "remove the old mapping"]
    assert caught.value.details["diff"]["after"] == {"a": 2}, "the diff shows complete steps alone"


def failing_undo() -> None:
    raise MethodFailed("access denied")


@pytest.mark.parametrize(
    ("undo", "changed", "words"),
    [(lambda: wrote("undone"), False, ""), (failing_undo, True, "; and the drive stays empty: access denied")],
)
def test_what_a_step_takes_back_does_not_count(undo: Any, changed: bool, words: str) -> None:
    def apply() -> None:
        before = position()
        wrote("add a drive")
        with taken_back(undo, "the drive stays empty", before):
            wrote("add a medium")
            raise MethodFailed("could not attach")

    with pytest.raises(MethodFailed) as caught:
        ensure(Plan([Step("attach", {"d": 1}, {"d": 2}, apply)]), False)
    assert caught.value.details["changed"] is changed
    assert caught.value.message == f"could not attach{words}"


@pytest.mark.parametrize("fails", [False, True])
def test_one_interruption_carries_all_steps_and_ends_before_those_after_it(fails: bool) -> None:
    outage = Outage()

    def event(name: str, needs_off: tuple[str, ...] = (), broken: bool = False) -> Step:
        def apply() -> None:
            if broken:
                raise MethodFailed("could not")
            outage.events.append(name)

        return Step(name, {name: 1}, {name: 2}, apply, needs_off)

    plan = Plan([event("a", ("x",)), event("b", broken=fails)], [event("c")])
    if fails:
        with pytest.raises(MethodFailed) as caught:
            ensure(plan, False, outage)
        assert outage.events == ["off", "a", "on"]
        assert caught.value.details["interrupted"] is True
    else:
        assert ensure(plan, False, outage)["interrupted"] is True
        assert outage.events == ["off", "a", "b", "on", "c"]


def test_several_steps_become_one_request() -> None:
    things = Things()
    one = together("set both", [things.step("a", 1, 2, ("x",)), things.step("b", 3, 4, ("x", "y"))], list)
    assert (one.before, one.after, one.needs_off) == ({"a": 1, "b": 3}, {"a": 2, "b": 4}, ("x", "y"))


def test_an_option_that_several_steps_need_off_is_named_once() -> None:
    things = Things()
    steps = [things.step("a", 1, 2, ("x",)), things.step("b", 1, 2, ("x", "y"))]
    with pytest.raises(Refused) as caught:
        ensure(Plan(steps), False, cycle(RUNNING))
    assert caught.value.details["options"] == ["x", "y"]
