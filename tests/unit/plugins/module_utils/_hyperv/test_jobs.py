"""Jobs: which errors are about the state of the object, and that none is waited for without a limit."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.jobs import refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab


@pytest.mark.parametrize(
    ("details", "expected"),
    [({"return_value": 32775}, True), ({"error_code": 32775}, True), ({"return_value": 32773}, False), ({}, False)],
)
def test_refused_for_the_state_of_the_object(details: dict[str, int], expected: bool) -> None:
    assert refused(MethodFailed("could not", **details)) is expected


# ---- jobs without an end ----

# A job of each kind that would not end for hours, and the task that starts it.
ENDLESS = [
    ("start", "vm", {"name": "off01", "state": "running"}),
    ("save", "vm", {"name": "web01", "state": "saved"}),
    ("power_off", "vm", {"name": "web01", "state": "off", "force_off": True}),
    ("destroy", "vm", {"name": "off01", "state": "absent"}),
    ("create_disk", "vm_disk", {"path": r"C:\VMs\new.vhdx", "size": "1GB"}),
    ("modify_resources", "vm_processor", {"name": "web01", "weight": 50}),
    ("snapshot", "vm_checkpoint", {"vm": "web01", "name": "before"}),
    ("destroy_switch", "virtual_switch", {"name": "Old", "state": "absent"}),
]
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "switches": [{"name": "Old", "type": "private"}],
            "vms": [
                {"name": "web01", "state": "running", "disks": [{"path": r"C:\VMs\web.vhdx", "size": "1GB"}]},
                {"name": "off01"},
            ],
        }
    ]
}


@pytest.mark.parametrize(("job", "module", "task"), ENDLESS)
@pytest.mark.parametrize("timeout", [None, 20])
def test_a_job_without_end_ends_the_task_with_what_to_look_at(
    job: str, module: str, task: dict[str, Any], timeout: int | None
) -> None:
    with open_lab(MODEL, jobs={"delays": {job: 36_000}}) as lab:
        before = lab.sim.clock.seconds()
        more = {} if timeout is None else {"job_timeout": timeout}
        result = lab.fails(module, "(job_timeout)", "may have been done", "Look at", **task, **more)
        assert result["changed"] is True
        assert len(result["uncertain"]) == 1
        assert result["uncertain"][0] in result["msg"]
        assert result["job"] in result["msg"]
        assert lab.sim.clock.seconds() - before <= (timeout or 1800) + 120


@pytest.mark.parametrize(
    ("job", "module", "task", "advice"),
    [
        ("snapshot", "vm_checkpoint", {"vm": "web01", "name": "before"}, "Before, delete the checkpoint"),
        (
            "remove_resources",
            "vm_dvd_drive",
            {"vm": "web01", "path": r"C:\ISO\a.iso", "state": "absent", "allow_power_cycle": True},
            "name the drive by its place: scsi 0:5",
        ),
    ],
)
def test_a_job_that_ends_too_late_for_the_next_run_comes_with_advice(
    job: str, module: str, task: dict[str, Any], advice: str
) -> None:
    web01 = {**MODEL["hosts"][0]["vms"][0], "dvd_drives": [{"path": r"C:\ISO\a.iso", "location": 5}]}
    host = {"name": "hv01", "files": [{"path": r"C:\ISO\a.iso", "size": "1GB"}], "vms": [web01]}
    with open_lab({"hosts": [host]}, jobs={"delays": {job: 36_000}}) as lab:
        lab.fails(module, "Run the task again", advice, **task)


def test_a_power_cycle_whose_vm_never_starts_says_that_it_may_be_off() -> None:
    with open_lab(MODEL, jobs={"delays": {"start": 36_000}}) as lab:
        words = "VM 'web01' may go off; start it with state: running"
        result = lab.fails("vm_processor", "job_timeout", words, name="web01", count=4, allow_power_cycle=True)
        assert (result["changed"], result["power_cycled"], result["left_off"]) == (True, False, words)


@pytest.mark.parametrize(
    ("module", "option"),
    [("vm", "shutdown_timeout"), ("vm", "wait_timeout"), ("vm", "job_timeout"), ("vm_info", "job_timeout")],
)
def test_time_outs_below_zero_are_refused(shared_lab: Lab, module: str, option: str) -> None:
    name = ["web01"] if module == "vm_info" else "web01"
    result = shared_lab.run(module, name=name, **{option: -1})
    assert result["failed"] is True
    assert f"{option}: -1 is below 0" in result["msg"]
    assert not shared_lab.requests
