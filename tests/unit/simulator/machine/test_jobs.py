"""Jobs: their life, their errors, what they affect, and that they are forgotten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.embedded import parse_embedded
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, RUNNING
from ansible_collections.nested.hyperv.tests.simulator.machine.jobs import Kind, Plan, Refused, how
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import JOB, call, host, modify, rows


def start(machine: Machine, state: int = 2) -> Reference:
    keys = dict(machine.vm("vm0").reference.keys)
    code, outputs = call(machine, "Msvm_ComputerSystem", "RequestStateChange", keys, RequestedState=state)
    assert code == JOB
    return outputs["Job"]


def read(machine: Machine, job: Reference) -> Any:
    return machine.get(machine.find_class(HYPERV, job.class_name), job.keys)


def test_a_job_from_beginning_to_end() -> None:
    machine = host({}, jobs={"delay": 100}, locale="ja-JP")
    job = start(machine)
    seen = []
    for _turn in range(6):
        row = read(machine, job)
        seen.append((row["JobState"], row["PercentComplete"] // 10 * 10, row["OperationalStatus"]))
        machine.clock.advance(20)
    assert seen[0] == (2, 0, [2])
    assert [one[0] for one in seen[1:5]] == [4] * 4
    assert [one[1] for one in seen[1:5]] == [20, 40, 60, 80]
    assert seen[5] == (7, 100, [17, 2])
    row = read(machine, job)
    assert row["JobStatus"] == "ジョブは完了しました"
    assert row["StatusDescriptions"] == ["ジョブは完了しました", "ジョブは正常に完了しました"]
    assert (row["ErrorCode"], row["ErrorDescription"], row["JobType"]) == (0, "", 12)
    assert row["Name"] == row["Caption"] == row["ElementName"] != row["Description"]
    assert (row["TimeBeforeRemoval"].total_seconds(), row["InstallDate"].year) == (300, 1601)
    assert 99 < row["ElapsedTime"].total_seconds() < 102


def test_a_job_is_forgotten_five_minutes_after_its_end() -> None:
    machine = host({})
    job = start(machine)
    machine.clock.advance(290)
    assert read(machine, job)["JobState"] == 7
    machine.clock.advance(20)
    with pytest.raises(CimError) as gone:
        read(machine, job)
    assert gone.value.status == errors.NOT_FOUND
    assert rows(machine, "Msvm_ConcreteJob") == []


def test_each_kind_can_take_its_own_time() -> None:
    machine = host({}, jobs={"delay": 1, "delays": {"start": 50}})
    start(machine)
    machine.clock.advance(10)
    assert machine.vm("vm0").state == OFF
    machine.clock.advance(45)
    assert machine.vm("vm0").state == RUNNING


def test_a_failed_job_carries_its_error() -> None:
    machine = host({"memory": "512GB"})
    job = start(machine)
    machine.clock.advance(1)
    row = read(machine, job)
    assert (row["JobState"], row["ErrorCode"]) == (10, 32778)
    _rest, outputs = call(machine, "Msvm_ConcreteJob", "GetErrorEx", dict(job.keys))
    error = parse_embedded(outputs["Errors"][0])
    assert error.class_name == "Msvm_Error"
    assert error.text("Message") == row["ErrorDescription"] != ""
    assert call(machine, "Msvm_ConcreteJob", "GetError", dict(job.keys))[1]["Error"] == outputs["Errors"][0]


def test_a_good_job_has_no_errors() -> None:
    machine = host({})
    job = start(machine)
    machine.clock.advance(1)
    assert call(machine, "Msvm_ConcreteJob", "GetErrorEx", dict(job.keys))[1] == {"Errors": []}


def test_a_job_can_be_terminated_and_then_changes_nothing() -> None:
    machine = host({}, jobs={"delay": 100})
    job = start(machine)
    machine.clock.advance(10)
    assert call(machine, "Msvm_ConcreteJob", "RequestStateChange", dict(job.keys), RequestedState=4)[0] == 0
    assert read(machine, job)["JobState"] == 8
    machine.clock.advance(200)
    assert (machine.vm("vm0").state, machine.vm("vm0").busy) == (OFF, False)
    assert call(machine, "Msvm_ConcreteJob", "RequestStateChange", dict(job.keys), RequestedState=4)[0] == 32775


def test_the_vm_of_a_job() -> None:
    machine = host({}, {}, jobs={"delay": 100})
    job = start(machine)
    (row,) = rows(machine, "Msvm_AffectedJobElement")
    assert row["AffectingElement"] == job
    assert row["AffectedElement"] == machine.vm("vm0").reference
    assert row["ElementEffects"] == [0]
    assert [one.reference() for one in machine.associators(job)] == [machine.vm("vm0").reference]
    assert machine.references(machine.vm("vm1").reference, result_class="Msvm_AffectedJobElement") == []


def test_a_fault_rule_fails_the_job_and_the_change_does_not_happen() -> None:
    machine = host({"state": "running"})
    machine.jobs.intercept.append(
        lambda machine, kind, method: (32768, "no luck") if kind == "modify_resources" else None
    )
    vm = machine.vm("vm0")
    code, outputs = modify(machine, vm.processor, Weight=7)
    assert code == JOB
    machine.clock.advance(1)
    row = read(machine, outputs["Job"])
    assert (row["ErrorCode"], row["ErrorDescription"]) == (32768, "no luck")
    assert vm.processor["Weight"] == 100


def test_unfinished_jobs_show_in_the_summary() -> None:
    machine = host({}, jobs={"delay": 100})
    start(machine)
    vsms = "Msvm_VirtualSystemManagementService"
    _rest, outputs = call(machine, vsms, "GetSummaryInformation", RequestedInformation=[108])
    assert [task["JobType"] for task in outputs["SummaryInformation"][0]["AsynchronousTasks"]] == [12]


@pytest.mark.parametrize(
    ("when", "plan", "real", "sync", "asynchronous"),
    [
        ("now", Plan(), "now", "now", "job"),
        ("job", Plan(), "job", "now", "job"),
        ("running", Plan(), "now", "now", "job"),
        ("running", Plan(vm=SimpleNamespace(powered=False)), "now", "now", "job"),
        ("running", Plan(vm=SimpleNamespace(powered=True)), "job", "now", "job"),
        ("now", Plan(own_time=lambda job: None), "job", "job", "job"),
        ("job", Refused(32775), "refuse", "refuse", "job"),
        ("now", Refused(32768, in_job=True), "job", "job", "job"),
    ],
)
def test_how_a_call_is_answered(when: str, plan: Plan | Refused, real: str, sync: str, asynchronous: str) -> None:
    kind = Kind(1, "job_define", when)
    assert [how(kind, plan, mode) for mode in ("real", "sync", "async")] == [real, sync, asynchronous]
