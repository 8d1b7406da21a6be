"""Power cycles that are interrupted: the VM is on again afterwards, or message and result say that it is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, RUNNING
from ansible_collections.nested.hyperv.tests.unit.simulator import hosts

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "16GB",
            "vms": [
                {
                    "name": "web01",
                    "state": "running",
                    "memory": {"startup": "1GB", "dynamic": True},
                    "guest": {"shutdown_seconds": 2},
                    "disks": [{"path": r"C:\VMs\web.vhdx", "size": "1GB"}],
                },
                {"name": "slow01", "state": "running", "guest": {"shutdown_seconds": 90}},
                {"name": "saved01", "state": "saved"},
                {"name": "off01"},
            ],
        }
    ]
}
# A task of each module that can turn a VM off.
TASKS: dict[str, dict[str, Any]] = {
    "vm": {"name": "web01", "processor": {"count": 4}},
    "vm_memory": {"name": "web01", "dynamic": False, "startup": "2GB"},
    "vm_processor": {"name": "web01", "count": 4},
    "vm_nesting": {"name": "web01"},
    "vm_disk": {"vm": "web01", "path": r"C:\VMs\data.vhdx", "size": "1GB", "controller_number": 1},
}
MEMORY = TASKS["vm_memory"] | {"allow_power_cycle": True}
IS_OFF = "VM 'web01' is off; start it with state: running"


class TaskTimeoutError(BaseException):
    """Like Ansible's own: not an Exception, and with something to add to the result."""

    result_contribution: ClassVar = {"timedout": {"period": 5}}


def rule(do: str, method: str | None = None, **more: Any) -> simulator.Rule:
    return simulator.Rule(do=do, method=method, **more)


def stop_at(monkeypatch: pytest.MonkeyPatch, lab: Lab, count: int, error: type[BaseException]) -> None:
    """Raise an error at a request of the task, as a signal handler does."""
    from ansible_collections.nested.hyperv.plugins.module_utils._wsman.transport import HttpTransport

    exchange, seen = HttpTransport._exchange, 0

    def interrupted(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal seen
        seen += 1
        response = exchange(self, *args, **more)
        if seen == count:
            raise error
        return response

    monkeypatch.setattr(HttpTransport, "_exchange", interrupted)


# ---- every fault at every request ----

FATES: dict[str, dict[str, Any]] = {
    "drop": {},
    "lose": {},
    "refuse": {"status": 503},
    "fault": {"fault": "InternalError"},
}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("module", TASKS)
def test_one_fault_at_any_request_leaves_no_vm_off(module: str, fate: str) -> None:
    task = TASKS[module] | {"allow_power_cycle": True}
    with open_lab(MODEL) as lab:
        lab.succeeds(module, **task)
        count = len(lab.requests)
    for at in range(1, count + 1):
        with open_lab(MODEL) as lab:
            lab.sim.faults.add(rule(fate, at=at, **FATES[fate]))
            before = lab.state()
            result = lab.run(module, **task)
            changed = lab.state() != before
            assert lab.vm("web01").running, f"{fate} at request {at}: {result}"
            assert "left_off" not in result
            if result.get("failed"):
                assert result["changed"] is changed or result.get("uncertain"), f"{fate} at request {at}: {result}"
            lab.sim.faults.clear()
            assert not lab.run(module, **task).get("failed")


@pytest.mark.parametrize("at", range(1, 30))
def test_the_task_keyword_timeout_leaves_no_vm_off(monkeypatch: pytest.MonkeyPatch, lab: Lab, at: int) -> None:
    stop_at(monkeypatch, lab, at, TaskTimeoutError)
    before = lab.state()
    try:
        result = lab.run("vm_memory", **MEMORY)
    except TaskTimeoutError:  # nothing was begun
        assert lab.state() == before
        return
    assert lab.vm("web01").running
    assert not result.get("failed") or result["changed"] is (lab.state() != before) or result["uncertain"], result
    assert not result.get("failed") or result["timedout"] == {"period": 5}


def test_ctrl_c_starts_the_vm_again(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    for at in range(8, 20):
        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            stop_at(patched, lab, at, KeyboardInterrupt)
            lab.run("vm_memory", **MEMORY | {"startup": f"{2 * at}MB", "dynamic": bool(at % 2)})
        assert lab.vm("web01").running, at


# ---- what can't be helped is said ----


@pytest.mark.parametrize("do", ["drop", "refuse", "fault"])
def test_a_vm_that_can_not_be_started_is_left_off_and_that_is_said(lab: Lab, do: str) -> None:
    lab.sim.faults.add(rule(do, "RequestStateChange", times=0))
    result = lab.fails("vm_memory", "could not start VM 'web01'", IS_OFF, **MEMORY)
    assert result["left_off"] == IS_OFF
    assert (result["changed"], result["power_cycled"]) == (True, False)
    assert "ansible_host" not in result["msg"]
    lab.sim.faults.clear()
    lab.succeeds("vm", name="web01", state="running")


def test_a_host_that_is_gone_is_waited_for(lab: Lab) -> None:
    """The connection is lost after the shutdown, for a minute."""
    lab.sim.faults.add(rule("refuse", at=9, times=25))
    result = lab.run("vm_memory", **MEMORY)
    assert lab.vm("web01").running, result


def test_a_host_that_does_not_come_back_is_not_said_to_be_fine(lab: Lab) -> None:
    lab.sim.faults.add(rule("refuse", at=9, times=0))
    result = lab.fails("vm_memory", "start it with state: running", **MEMORY, shutdown_timeout=5)
    assert result["left_off"] in ("VM 'web01' may be off; start it with state: running", IS_OFF)
    assert result["changed"] is True
    assert result["power_cycled"] is False


def test_a_guest_that_shuts_down_too_late_was_asked(lab: Lab) -> None:
    task = {"name": "slow01", "count": 4, "allow_power_cycle": True, "shutdown_timeout": 10}
    may_go_off = "VM 'slow01' may go off; start it with state: running"
    result = lab.fails("vm_processor", "has been asked and may still go off", may_go_off, **task)
    assert (result["changed"], result["left_off"]) == (True, may_go_off)
    assert result["uncertain"] == ["shut down VM 'slow01'"]
    assert "power_cycled" in result
    assert result["power_cycled"] is False
    # A rerun waits for the guest instead of being refused (32782).
    again = lab.succeeds("vm_processor", **task | {"shutdown_timeout": 300})
    assert again["power_cycled"] is True
    assert lab.vm("slow01").running
    assert lab.vm("slow01").processor["VirtualQuantity"] == 4


# ---- changes that the VM doesn't start with ----


def no_memory(lab: Lab) -> None:
    """Let the host refuse the next start, because others have taken its memory since the task was planned."""
    lab.sim.faults.add(rule("fail_job", "RequestStateChange", code=32778, text="Not enough memory."))


@pytest.mark.parametrize(
    ("module", "task"),
    [
        ("vm_memory", {"name": "web01", "dynamic": False, "startup": "8GB"}),
        ("vm", {"name": "web01", "processor": {"count": 4}, "memory": {"dynamic": False, "startup": "8GB"}}),
        ("vm", {"name": "web01", "nesting": {"static_memory": True, "minimum_startup_memory": "8GB"}}),
    ],
)
def test_settings_that_the_host_can_not_start_are_put_back(lab: Lab, module: str, task: dict[str, Any]) -> None:
    no_memory(lab)
    before = lab.state()
    words = (
        "could not start VM 'web01'",
        "Not enough memory.",
        "has its previous settings again and was started with them",
    )
    result = lab.fails(module, *words, **task, allow_power_cycle=True)
    assert lab.vm("web01").running
    assert lab.state() == before
    assert (result["changed"], result["power_cycled"]) == (False, True)
    assert "left_off" not in result
    assert "completed" not in result


def test_what_can_not_be_put_back_stays_and_is_said(lab: Lab) -> None:
    task = {"name": "web01", "memory": {"startup": "8GB"}, "notes": "new", "allow_power_cycle": True}
    no_memory(lab)
    result = lab.fails("vm", "was started with them", **task)
    assert lab.vm("web01").running
    assert result["completed"] == ["set settings of VM 'web01'"]
    assert result["diff"] == {"before": {"notes": ""}, "after": {"notes": "new"}}


# ---- the saved state of a VM ----


def test_a_saved_vm_stays_off_and_that_is_said_in_check_mode_too(lab: Lab) -> None:
    task = {"name": "saved01", "count": 4, "discard_saved_state": True}
    is_off = "VM 'saved01' is off; start it with state: running"
    for check in (True, False):
        result = lab.run("vm_processor", check=check, **task)
        assert (result["left_off"], result["power_cycled"]) == (is_off, False)
        assert [line for line in result["warnings"] if is_off in line]


@pytest.mark.parametrize("state", ["running", "restarted"])
def test_a_saved_vm_that_is_to_run_is_started(lab: Lab, state: str) -> None:
    task = {"name": "saved01", "state": state, "processor": {"count": 4}, "discard_saved_state": True}
    result = lab.succeeds("vm", **task)
    assert lab.vm("saved01").running
    assert "left_off" not in result
    assert "warnings" not in result
    assert result["power_cycled"] is True


def test_a_removal_that_fails_says_that_the_vm_is_off(lab: Lab) -> None:
    lab.sim.faults.add(rule("fail_job", "DestroySystem"))
    result = lab.fails("vm", IS_OFF, name="web01", state="absent")
    assert result["left_off"] == IS_OFF


# ---- two at once ----


def during(lab: Lab, seconds: float, act: Callable[[], Any]) -> None:
    """Let somebody else do something after so many seconds of the simulation."""
    lab.sim.clock.after(seconds, act)


def test_a_shutdown_that_somebody_else_began_is_waited_for(lab: Lab) -> None:
    lab.vm("web01").guest.shutdown(force=False)
    result = lab.succeeds("vm_processor", name="web01", count=4, allow_power_cycle=True)
    assert result["power_cycled"] is True
    assert lab.vm("web01").running


def test_a_power_cycle_that_somebody_else_ends_is_repeated(lab: Lab) -> None:
    """The other's power cycle ends before this task sees the VM off; then the guest is asked again."""
    vm = lab.vm("web01")
    vm.guest.spec["shutdown_seconds"] = 0
    vm.guest.stopping = True
    during(lab, 3, lambda: (vm.guest_stopped(reboot=False), vm.set_state(RUNNING)))
    result = lab.succeeds("vm_processor", name="web01", count=4, allow_power_cycle=True)
    assert (vm.running, result["power_cycled"]) == (True, True)


def test_the_work_of_others_is_named_and_nobody_is_told_to_cut_the_power(lab: Lab) -> None:
    lab.vm("web01").guest.stopping = True  # for ever
    task = {"name": "web01", "count": 4, "allow_power_cycle": True, "shutdown_timeout": 20}
    result = lab.fails("vm_processor", "another task or person is shutting it down", **task)
    assert "force_off" not in result["msg"]
    assert result["changed"] is False


def test_a_vm_that_somebody_else_starts_meanwhile_is_named(lab: Lab) -> None:
    vm = lab.vm("web01")
    vm.when_off.append(lambda: during(lab, 0, lambda: hosts.power(lab.machine, "web01", RUNNING)))
    result = lab.run("vm_processor", name="web01", count=4, allow_power_cycle=True)
    assert vm.running
    assert not result.get("failed") or "another task or person has started VM 'web01' meanwhile" in result["msg"]


def test_a_transition_of_somebody_else_is_waited_for(lab: Lab) -> None:
    with open_lab(MODEL, jobs={"delays": {"power_off": 100}}) as slow:
        assert hosts.power(slow.machine, "web01", OFF) == hosts.JOB
        result = slow.succeeds("vm_processor", name="web01", count=4, allow_power_cycle=True)
        assert slow.vm("web01").state == OFF, "it was being turned off before this task"
        assert result["changed"] is True
        assert result["power_cycled"] is False
