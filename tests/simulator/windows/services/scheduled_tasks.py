"""PS_ScheduledTask and MSFT_ScheduledTask (root/Microsoft/Windows/TaskScheduler): static methods of a CDXML class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...machine.service import Service

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.accounts import User
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..tasks import Task

NAMESPACE = "root/Microsoft/Windows/TaskScheduler"
TASK, INFO = "MSFT_ScheduledTask", "MSFT_TaskDynamicInfo"


class ScheduledTasks(Service):
    CLASSES = ("PS_ScheduledTask", TASK)

    def install(self, machine: Machine) -> None:
        machine.repository.provide(TASK, lambda: _rows(machine), NAMESPACE)

    def register_by_xml(self, call: Call) -> tuple[int, dict[str, Any]]:
        task = call.machine.scheduler.register(
            call["TaskPath"], call["TaskName"], call["Xml"], force=bool(call["Force"]), caller=call.user
        )
        return 0, {"cmdletOutput": _row(call.machine, task)}

    def start_by_path(self, call: Call) -> int:
        call.machine.scheduler.start(_task(call))
        return 0

    def stop_by_path(self, call: Call) -> int:
        call.machine.scheduler.stop(_task(call))
        return 0

    def export_by_name(self, call: Call) -> tuple[int, dict[str, Any]]:
        return 0, {"cmdletOutput": _task(call).xml}

    def get_info_by_name(self, call: Call) -> tuple[int, dict[str, Any]]:
        task = _task(call)
        values = {
            "TaskName": task.name,
            "TaskPath": task.path,
            "LastRunTime": task.last_run,
            "LastTaskResult": task.last_result,
            "NumberOfMissedRuns": 0,
        }
        return 0, {"cmdletOutput": call.machine.repository.new(INFO, values, NAMESPACE)}

    def delete_instance(self, machine: Machine, row: Instance, user: User | None) -> None:
        machine.scheduler.delete(machine.scheduler.need(row["TaskPath"], row["TaskName"]))


def _task(call: Call) -> Task:
    return call.machine.scheduler.need(call["TaskPath"], call["TaskName"])


def _rows(machine: Machine) -> Iterator[Instance]:
    for task in machine.scheduler.tasks.values():
        yield _row(machine, task)


def _row(machine: Machine, task: Task) -> Instance:
    values = {
        "TaskName": task.name,
        "TaskPath": task.path,
        "State": task.state,
        "Description": task.description or None,
        "URI": f"{task.path}{task.name}",
    }
    return machine.repository.new(TASK, values, NAMESPACE)
