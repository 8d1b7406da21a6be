"""Msvm_ComputerSystem: the host's own row, a row per VM, and RequestStateChange."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...cim.values import NEVER, Instance
from ...machine.jobs import INVALID_PARAMETER
from ...machine.service import Service
from .. import checkpoints
from ..states import OFF, RUNNING, SAVED, job_kind

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS = "Msvm_ComputerSystem"

# Live properties of a VM's row (captured off and running, Windows 11 host; other states: docs).
OF_VM: dict[str, Callable[[Vm], Any]] = {
    "ElementName": lambda vm: vm.name,
    "Caption": lambda vm: vm.machine.text("vm_caption"),
    "EnabledState": lambda vm: vm.enabled_state,
    "EnabledDefault": lambda vm: vm.state if vm.state in (RUNNING, OFF, SAVED) else RUNNING,
    "EnhancedSessionModeState": lambda vm: 6 if vm.state == RUNNING else 3,
    "InstallDate": lambda vm: vm.created,
    "OnTimeInMilliseconds": lambda vm: int(vm.uptime.total_seconds() * 1000),
    "OperationalStatus": lambda vm: _status(vm),  # pylint: disable=unnecessary-lambda
    "ProcessID": lambda vm: vm.pid,
    "StatusDescriptions": lambda vm: [vm.machine.text("status_normal")],
    "TimeOfLastConfigurationChange": lambda vm: vm.changed,
    "TimeOfLastStateChange": lambda vm: vm.state_changed,
    "HealthState": lambda vm: 5,
    # NULL while off, 2 of a running VM with HwThreadsPerCore 0, which follows the host (captured).
    "HwThreadsPerCoreRealized": lambda vm: (
        (vm.processor["HwThreadsPerCore"] or vm.machine.cpu["threads"]) if vm.powered else None
    ),
}
# Second OperationalStatus beside 11, in service (Msvm_ComputerSystem docs).
BUSY = {"snapshot": 32768, "apply_snapshot": 32769, "delete_snapshot": 32770, "start": 32771}


def _status(vm: Vm) -> list[int]:
    if vm.job is not None and vm.job.name in BUSY:
        return [11, BUSY[vm.job.name]]
    return [11, 32772] if checkpoints.merging(vm) else [2]


# Constant properties of a VM's row (captured).
VM_VALUES = {
    "CreationClassName": CLASS,
    "Description": "Microsoft Virtual Machine",
    "FailedOverReplicationType": 0,
    "LastApplicationConsistentReplicationTime": NEVER,
    "LastReplicationTime": NEVER,
    "LastReplicationType": 0,
    "NumberOfNumaNodes": 1,
    "ReplicationHealth": 0,
    "ReplicationState": 0,
    "RequestedState": 5,
    "ResetCapability": 1,
    "Status": "OK",
}


class ComputerSystem(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        for prop, function in OF_VM.items():
            repository.live(CLASS, prop, _of(machine, prop, function))
        repository.add(
            CLASS,
            {
                "CreationClassName": CLASS,
                "Name": machine.name,
                "ElementName": machine.name,
                "Caption": machine.text("host_caption"),
                "Description": machine.text("host_description"),
                "EnabledDefault": 2,
                "EnabledState": RUNNING,
                "HealthState": 5,
                "OperationalStatus": [2],
                "RequestedState": 12,
                "ResetCapability": 1,
                "Status": "OK",
                "StatusDescriptions": ["OK"],
                "NumberOfNumaNodes": 1,
            },
        )

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        vm.machine.repository.add(
            CLASS, {**VM_VALUES, "Name": vm.id, "ReplicationMode": spec["replication"]}, owner=vm.id
        )

    def request_state_change(self, call: Call) -> tuple[int, dict[str, Any]]:
        """Change the power state. A wrong state and the present one are 32775 (os-win and libhvee rely on it)."""
        vm = call.machine.vm_of(call.row)
        wanted = call["RequestedState"]
        if vm is None or wanted is None:
            return INVALID_PARAMETER, {}
        return call.machine.jobs.perform(call, job_kind(wanted, vm.state), lambda: vm.plan_transition(wanted))


def _of(machine: Machine, prop: str, function: Callable[[Vm], Any]) -> Callable[[Instance], Any]:
    def value(row: Instance) -> Any:
        vm = machine.vms.get(row.values["Name"])
        return row.values.get(prop) if vm is None else function(vm)

    return value
