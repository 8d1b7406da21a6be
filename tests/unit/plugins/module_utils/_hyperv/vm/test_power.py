"""Who may turn a VM off, the steps to each state, and requests that a host refuses for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import find, power
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import (
    LASTING,
    OFF,
    PAUSED,
    RUNNING,
    SAVED,
    VM,
)
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.power import (
    RESTARTED,
    Permission,
    VmCycle,
    check_may_turn_off,
    check_shutdown,
    plan_off,
    plan_state,
)
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules.nesting import MEMORY_WHILE_NESTED
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._task.step import Step
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client, ConnectionOptions, connect
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.unit.simulator import hosts

ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"
EVERYTHING = Permission(allow_power_cycle=True, force_off=True, discard_saved_state=True)
MODEL: dict[str, Any] = {
    "hosts": [{"name": "hv01", "vms": [{"name": f"{state}01", "state": state} for state in LASTING]}],
}


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


HOST = Target("hv01", Client(unreachable))


@pytest.fixture
def jobs() -> Mapping[str, Any]:
    return {"delays": {"snapshot": 3600}}


@pytest.fixture
def host(lab: Lab) -> Iterator[Target]:
    address = lab.sim.endpoints["hv01"]
    with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
        yield Target("hv01", client)


@pytest.mark.parametrize(
    ("state", "permission"),
    [
        (RUNNING, Permission(allow_power_cycle=True)),
        (RUNNING, Permission(allow_power_cycle=True, force_off=True)),
        (PAUSED, Permission(allow_power_cycle=True, force_off=True)),
        (SAVED, Permission(discard_saved_state=True)),
        ("busy", Permission(allow_power_cycle=True, force_off=True)),
    ],
)
def test_allowed(state: str, permission: Permission) -> None:
    check_may_turn_off(VM(ID, "web01", state), ["dynamic"], permission)


@pytest.mark.parametrize(
    ("state", "permission", "words"),
    [
        (RUNNING, Permission(), ("is running", "needs it off", "'allow_power_cycle: true'")),
        (RUNNING, Permission(force_off=True), ("is running", "'allow_power_cycle: true'")),
        (RUNNING, Permission(discard_saved_state=True), ("is running", "'allow_power_cycle: true'")),
        (PAUSED, Permission(), ("is paused", "'allow_power_cycle: true'")),
        (PAUSED, Permission(allow_power_cycle=True), ("is paused", "can't shut down", "'force_off: true'")),
        (SAVED, Permission(allow_power_cycle=True, force_off=True), ("is saved", "'discard_saved_state: true'")),
    ],
)
def test_refused_with_the_way_out(state: str, permission: Permission, words: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as caught:
        check_may_turn_off(VM(ID, "web01", state), ["dynamic", "startup"], permission)
    message = caught.value.message
    assert all(word in message for word in ("VM 'web01'", "dynamic, startup", *words)), message
    assert caught.value.details == {
        "vm": "web01",
        "state": state,
        "power_cycle_required": True,
        "options": ["dynamic", "startup"],
    }


def test_a_rule_behind_it_is_named_with_its_source() -> None:
    with pytest.raises(Refused) as caught:
        check_may_turn_off(VM(ID, "web01", RUNNING), ["startup"], Permission(), MEMORY_WHILE_NESTED)
    assert MEMORY_WHILE_NESTED.message in caught.value.message
    assert MEMORY_WHILE_NESTED.id in caught.value.message
    assert caught.value.details["rule"] == "nested-memory-off"
    assert caught.value.details["source"].startswith("https://learn.microsoft.com/")


def test_permission_takes_its_options_from_the_task() -> None:
    params = {"name": "web01", "allow_power_cycle": True, "shutdown_timeout": 5}
    assert Permission.of(params) == Permission(allow_power_cycle=True, shutdown_timeout=5)
    assert Permission.of({}) == Permission(False, False, 300, False)


# ---- the steps to a state ----


@pytest.mark.parametrize("before", LASTING)
@pytest.mark.parametrize("state", [*LASTING, RESTARTED, "present"])
def test_the_steps_report_the_state_before_and_the_requested_one(before: str, state: str) -> None:
    transition = plan_state(HOST, VM(ID, "web01", before), state, EVERYTHING)
    steps = [*transition.first, *transition.after]
    if state in ("present", before):
        assert steps == []
    else:
        assert steps
        assert all((step.before, step.after) == ({"state": before}, {"state": state}) for step in steps)


@pytest.mark.parametrize("state", [*LASTING, RESTARTED, "present"])
@pytest.mark.parametrize("before", LASTING)
def test_changes_find_the_vm_off_only_if_off_is_requested(before: str, state: str) -> None:
    """Changes then need no power cycle; a VM that is started, saved or paused is so after all changes."""
    transition = plan_state(HOST, VM(ID, "web01", before), state, EVERYTHING)
    assert transition.vm.state == (OFF if state == OFF else before)
    if state in (RUNNING, SAVED, PAUSED):
        assert transition.first == []


@pytest.mark.parametrize("before", [RUNNING, SAVED, PAUSED])
def test_a_restart_needs_the_vm_off_and_starts_what_the_power_cycle_leaves_off_or_paused(before: str) -> None:
    transition = plan_state(HOST, VM(ID, "web01", before), RESTARTED, EVERYTHING)
    assert [step.needs_off for step in transition.first] == [("state",)]
    assert [step.what for step in transition.after] == ([] if before == RUNNING else ["start VM 'web01'"])


@pytest.mark.parametrize("state", [OFF, RESTARTED])
def test_a_requested_state_permits_turning_the_vm_off_and_nothing_more(state: str) -> None:
    host = Target("hv01", Client(unreachable))
    host.once(("shutdown", ID), lambda: [{"OperationalStatus": [2]}])
    plan_state(host, VM(ID, "web01", RUNNING), state, Permission())
    for before in (PAUSED, SAVED):
        with pytest.raises(Refused) as caught:
            plan_state(HOST, VM(ID, "web01", before), state, Permission())
        assert caught.value.details["options"] == ["state"]


@pytest.mark.parametrize(("before", "steps"), [(OFF, 0), (SAVED, 0), (RUNNING, 1), (PAUSED, 1)])
def test_a_vm_is_off_for_its_removal_and_a_saved_one_is_removed_as_it_is(before: str, steps: int) -> None:
    permission = Permission(force_off=True)
    transition = plan_off(HOST, VM(ID, "web01", before), permission)
    assert (len(transition.first), transition.after, transition.vm.state) == (steps, [], OFF)


# ---- power cycles ----


def needing(*options: str, **more: Any) -> Step:
    return Step("change it", {"a": 1}, {"a": 2}, lambda: None, options, **more)


@pytest.mark.parametrize(
    ("state", "steps", "needed"),
    [
        (RUNNING, [needing("count")], True),
        (RUNNING, [needing(), needing("count")], True),
        (RUNNING, [needing()], False),
        (RUNNING, [], False),
        (OFF, [needing("count")], False),
        (SAVED, [needing("count")], True),
        ("busy", [needing("count")], True),
    ],
)
def test_a_cycle_is_needed_for_options_that_need_off_a_vm_that_is_not(
    state: str, steps: list[Step], needed: bool
) -> None:
    cycle = VmCycle(HOST, VM(ID, "web01", state), EVERYTHING)
    cycle.check(steps)
    left_off = {"left_off": "VM 'web01' is off; start it with state: running"} if state == SAVED else {}
    assert cycle.report() == {"power_cycle_required": needed, "power_cycled": False, **left_off}


def test_without_a_vm_no_cycle_is_needed() -> None:
    cycle = VmCycle(HOST, None, Permission())
    cycle.check([needing("count")])
    with cycle.interruption():
        pass
    assert cycle.report() == {"power_cycle_required": False, "power_cycled": False}


def test_the_rule_of_a_step_that_needs_no_cycle_is_not_the_reason_for_one() -> None:
    cycle = VmCycle(HOST, VM(ID, "web01", RUNNING), Permission())
    with pytest.raises(Refused) as caught:
        cycle.check([needing(rule=MEMORY_WHILE_NESTED), needing("count")])
    assert "rule" not in caught.value.details


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("before", "after"), [(RUNNING, RUNNING), (PAUSED, PAUSED), (SAVED, OFF)])
def test_a_vm_returns_to_its_state_also_if_the_change_fails(
    lab: Lab, host: Target, before: str, after: str, fails: bool
) -> None:
    vm = find.fetch(host, f"{before}01", None)
    cycle = VmCycle(host, vm, EVERYTHING)
    cycle.check([needing("count")])

    def change() -> None:
        with cycle.interruption():
            assert lab.vm(vm.name).state == simulator.model.STATE_NAMES[OFF]
            if fails:
                raise MethodFailed("the disk is full")

    if fails:
        with pytest.raises(MethodFailed, match=r"^the disk is full$"):
            change()
    else:
        change()
    assert find.fetch_state(host, vm) == after
    left_off = {"left_off": f"{vm} is off; start it with state: running"} if after == OFF else {}
    assert cycle.report() == {"power_cycle_required": True, "power_cycled": after != OFF, **left_off}


def test_a_vm_that_does_not_start_again_adds_to_the_first_failure(lab: Lab, host: Target) -> None:
    vm = find.fetch(host, "running01", None)
    cycle = VmCycle(host, vm, EVERYTHING)
    cycle.check([needing("count")])

    def change() -> None:
        with cycle.interruption():
            no_memory = simulator.Rule(
                do="fail_job", method="RequestStateChange", code=32778, text="Not enough memory."
            )
            lab.sim.faults.add(no_memory)
            raise MethodFailed("the disk is full", return_value=32768)

    with pytest.raises(MethodFailed) as caught:
        change()
    assert caught.value.message.startswith("the disk is full; and could not start VM 'running01': Not enough memory.")
    assert cycle.report()["left_off"] == "VM 'running01' is off; start it with state: running"
    assert caught.value.details["return_value"] == 32768, "the details are those of the first failure"
    assert find.fetch_state(host, vm) == OFF


# ---- requests ----


def hold(lab: Lab, name: str) -> None:
    """Let a checkpoint job hold the VM, so that the host answers each request with 32775."""
    arguments = {"AffectedSystem": lab.vm(name).reference, "SnapshotSettings": "", "SnapshotType": 2}
    code, _outputs = hosts.call(lab.machine, "Msvm_VirtualSystemSnapshotService", "CreateSnapshot", **arguments)
    assert code == hosts.JOB


def test_a_request_for_the_present_state_succeeds_at_once(lab: Lab, host: Target) -> None:
    vm, before = find.fetch(host, "running01", None), lab.sim.clock.seconds()
    power.request(host, vm, RUNNING)
    assert len(lab.power_requests) == 1
    assert lab.sim.clock.seconds() - before < 1


def test_a_vm_that_is_held_for_long_is_asked_again_for_half_a_minute(lab: Lab, host: Target) -> None:
    hold(lab, "off01")
    vm, before = find.fetch(host, "off01", None), lab.sim.clock.seconds()
    with pytest.raises(MethodFailed) as caught:
        power.request(host, vm, RUNNING)
    assert caught.value.details["return_value"] == hosts.INVALID_STATE
    assert 30 <= lab.sim.clock.seconds() - before <= 35
    assert 10 <= len(lab.power_requests) <= 50


def test_a_failure_that_waiting_does_not_mend_is_reported_at_once(lab: Lab, host: Target) -> None:
    lab.sim.faults.add(
        simulator.Rule(do="fail_job", method="RequestStateChange", code=32778, text="No memory.", times=0)
    )
    with pytest.raises(MethodFailed, match="start VM 'off01'"):
        power.start(host, find.fetch(host, "off01", None))
    assert len(lab.power_requests) == 1


@pytest.mark.parametrize(
    ("status", "uptime", "refused"),
    [
        ([], 0, False),
        ([2], 0, False),
        ([2, 2], 10**6, False),
        ([12], 1000, False),
        ([12], 10**6, True),
        ([13], 10**6, True),
    ],
    ids=str,
)
def test_a_guest_that_can_not_shut_down_is_known_before_it_is_asked(
    status: list[int], uptime: int, refused: bool
) -> None:
    host, vm = Target("hv01", Client(unreachable)), VM(ID, "web01", RUNNING, uptime)
    host.once(("shutdown", ID), lambda: [{"OperationalStatus": status}])
    if refused:
        with pytest.raises(Refused, match="no shutdown integration service that answers"):
            check_shutdown(host, vm, Permission())
    else:
        check_shutdown(host, vm, Permission())
    check_shutdown(host, vm, Permission(force_off=True))


def test_a_vm_without_a_shutdown_service_is_never_asked() -> None:
    host = Target("hv01", Client(unreachable))
    host.once(("shutdown", ID), list)
    with pytest.raises(Refused):
        check_shutdown(host, VM(ID, "web01", RUNNING), Permission())
    check_shutdown(host, VM(ID, "web01", PAUSED), Permission())
