"""Msvm_ConcreteJob, Msvm_StorageJob, Msvm_CopyFileToGuestJob, and the elements that they affect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

CLASSES = ("Msvm_ConcreteJob", "Msvm_StorageJob", "Msvm_CopyFileToGuestJob")
TERMINATE, KILL = 4, 5


class ConcreteJob(Service):
    CLASSES = CLASSES

    def install(self, machine: Machine) -> None:
        for name in CLASSES:
            machine.repository.provide(name, lambda name=name: machine.jobs.instances(name))

        def affected(job_class: str) -> Any:
            return lambda: (
                machine.repository.new(
                    f"Msvm_Affected{'Storage' if job_class == 'Msvm_StorageJob' else ''}JobElement",
                    {"AffectedElement": element, "AffectingElement": job.reference, "ElementEffects": [effect]},
                )
                for element, job, effect in machine.jobs.affected()
                if job.kind.job_class == job_class
            )

        machine.repository.provide("Msvm_AffectedJobElement", affected("Msvm_ConcreteJob"))
        machine.repository.provide("Msvm_AffectedStorageJobElement", affected("Msvm_StorageJob"))

    def get_error(self, call: Call) -> tuple[int, dict[str, Any]]:
        errors = list(call.machine.jobs.errors(call.row["InstanceID"]))
        return 0, {"Error": errors[0] if errors else ""}

    def get_error_ex(self, call: Call) -> tuple[int, dict[str, Any]]:
        return 0, {"Errors": list(call.machine.jobs.errors(call.row["InstanceID"]))}

    def request_state_change(self, call: Call) -> int:
        """4 terminates, 5 kills a job; a finished job is refused."""
        job = call.machine.jobs.running[call.row["InstanceID"]]
        if call["RequestedState"] not in (TERMINATE, KILL):
            return INVALID_PARAMETER
        if job.done:
            return INVALID_STATE
        job.cancel()
        return 0

    def kill_job(self, call: Call) -> int:
        job = call.machine.jobs.running[call.row["InstanceID"]]
        if job.done:
            return INVALID_STATE
        job.cancel()
        return 0
