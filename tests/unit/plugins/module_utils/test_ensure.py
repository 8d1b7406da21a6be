"""The engine: what is a change, what is told of it, and what a failure leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._ensure import Step, Task, ensure, having_done, step
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import memory
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, RUNNING, SAVED, VM
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules import MEMORY_WHILE_NESTED
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Host
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client

ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


HOST = Host("hv01", Client(unreachable))


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
    result = ensure(HOST, Task({}, check_mode), steps, VM(ID, "web01", RUNNING))
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
    result = ensure(HOST, Task({}), steps)
    assert things.written == ["c", "b"]
    assert result["changed"] is True
    assert result["diff"] == {"before": {"c": 1, "b": None}, "after": {"c": 2, "b": 0}}


def test_check_mode_tells_the_same_and_writes_nothing() -> None:
    real, check = Things(), Things()
    steps = [("startup", 1, 2, ("startup",)), ("priority", 50, 80)]
    done = ensure(HOST, Task({}), [real.step(*one) for one in steps], VM(ID, "lab01", OFF))
    predicted = ensure(HOST, Task({}, True), [check.step(*one) for one in steps], VM(ID, "lab01", OFF))
    assert predicted == done
    assert (real.written, check.written) == (["startup", "priority"], [])


def test_steps_may_speak_of_the_same_section() -> None:
    things = Things()
    steps = [
        things.step("mac_spoofing", {"LAN": False}, {"LAN": True}),
        things.step("mac_spoofing", {"DMZ": False}, {"DMZ": True}),
        things.step("memory", {"limits": {"low": 1}}, {"limits": {"low": 2}}),
        things.step("memory", {"limits": {"high": 3}}, {"limits": {"high": 4}}),
    ]
    result = ensure(HOST, Task({}), steps)
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
        ensure(HOST, Task({}), steps)
    assert things.written == ["a", "b"]
    assert caught.value.details == {
        "return_value": 32773,
        "changed": True,
        "diff": {"before": {"a": 1, "b": 1}, "after": {"a": 2, "b": 2}},
        "completed": ["set a", "set b"],
        "power_cycled": False,
    }


def test_a_first_failure_has_changed_nothing() -> None:
    things = Things()
    with pytest.raises(MethodFailed) as caught:
        ensure(HOST, Task({}), [things.step("a", 1, 2, fails=True), things.step("b", 1, 2)])
    assert caught.value.details == {"return_value": 32773, "changed": False, "power_cycled": False}


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
        ensure(HOST, Task({"allow_power_cycle": False}, check_mode), steps, VM(ID, "web01", state))
    assert things.written == []
    assert f"'{way_out}: true'" in caught.value.message
    assert caught.value.details["options"] == ["x", "dynamic"]
    assert caught.value.details["rule"] == MEMORY_WHILE_NESTED.id


def test_what_does_not_change_needs_no_power_cycle() -> None:
    things = Things()
    steps = [things.step("priority", 1, 2), things.step("dynamic", 1, 1, ("dynamic",))]
    result = ensure(HOST, Task({"allow_power_cycle": False}), steps, VM(ID, "web01", RUNNING))
    assert (result["power_cycle_required"], things.written) == (False, ["priority"])


def test_check_mode_announces_the_power_cycle() -> None:
    things = Things()
    task = Task({"allow_power_cycle": True}, True)
    result = ensure(HOST, task, [things.step("dynamic", 1, 2, ("dynamic",))], VM(ID, "web01", RUNNING))
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


def test_suboptions_are_told_within_their_option() -> None:
    found = table.changes(memory.PROPERTIES, {"DynamicMemoryEnabled": True}, {"dynamic": False})
    assert step("set memory", found, list, section="memory")[1:3] == (
        {"memory": {"dynamic": True}},
        {"memory": {"dynamic": False}},
    )
    assert step("set memory", found, list, section="memory").needs_off == ("memory.dynamic",)


def test_waiting_comes_last_and_adds_to_the_result() -> None:
    things = Things()

    def wait() -> dict[str, Any]:
        return {"seen": list(things.written)}

    result = ensure(HOST, Task({}), [things.step("a", 1, 2)], then=[things.step("b", 1, 2)], wait=wait)
    assert result["seen"] == ["a", "b"]
    assert ensure(HOST, Task({}), [], wait=wait) == {
        "changed": False,
        "diff": {"before": {}, "after": {}},
        "power_cycle_required": False,
        "power_cycled": False,
        "seen": ["a", "b"],
    }
    assert "seen" not in ensure(HOST, Task({}, True), [things.step("c", 1, 2)], wait=wait)


def test_a_wait_that_fails_tells_what_was_done() -> None:
    def wait() -> dict[str, Any]:
        raise Refused("gave up after 1 s", timeout=1)

    with pytest.raises(Refused) as caught:
        ensure(HOST, Task({}), [Things().step("a", 1, 2)], wait=wait)
    assert caught.value.details == {
        "timeout": 1,
        "changed": True,
        "diff": {"before": {"a": 1}, "after": {"a": 2}},
        "completed": ["set a"],
        "power_cycled": False,
    }


def test_what_is_made_already_is_told_as_a_whole_or_with_what_came_after() -> None:
    things = Things()
    made = Step("make it", {"state": "absent"}, {"state": "present"}, list)
    whole = Step("make it", {"state": "absent"}, {"state": "present", "a": 2}, list)
    steps = [things.step("a", 1, 2)]
    assert ensure(HOST, Task({}), steps, made=made, whole=whole)["diff"] == {
        "before": {"state": "absent"},
        "after": {"state": "present", "a": 2},
    }
    assert ensure(HOST, Task({}), [], made=made, whole=whole)["changed"] is True
    with pytest.raises(MethodFailed) as caught:
        ensure(HOST, Task({}), [*steps, things.step("b", 1, 2, fails=True)], made=made, whole=whole)
    assert caught.value.details["completed"] == ["make it", "set a"]
    assert caught.value.details["diff"]["after"] == {"state": "present", "a": 2}


def test_a_failure_before_the_engine_knows_of_a_step_tells_it_too() -> None:
    made = Step("make it", {"state": "absent"}, {"state": "present"}, list)
    with pytest.raises(MethodFailed) as caught, having_done(made):
        raise MethodFailed("could not read it", return_value=32768)
    assert caught.value.details["completed"] == ["make it"]
    assert caught.value.details["return_value"] == 32768
    with pytest.raises(MethodFailed) as caught, having_done(made):
        raise MethodFailed("could not", changed=True, completed=["make it", "set a"])
    assert caught.value.details["completed"] == ["make it", "set a"], "what is known already counts"


def test_an_option_that_several_steps_need_off_is_named_once() -> None:
    things = Things()
    steps = [things.step("a", 1, 2, ("x",)), things.step("b", 1, 2, ("x", "y"))]
    with pytest.raises(Refused) as caught:
        ensure(HOST, Task({}), steps, VM(ID, "web01", RUNNING))
    assert caught.value.details["options"] == ["x", "y"]
