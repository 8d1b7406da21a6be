"""Msvm_SummaryInformation: runtime values of VMs, by method or (since 2016; HV-21) as rows of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

CLASS = "Msvm_SummaryInformation"
LOAD = 3  # % of processor time a running guest uses

# RequestedInformation code → property (Msvm_VirtualSystemManagementService.GetSummaryInformation docs).
CODES = {
    0: "Name",
    1: "ElementName",
    2: "CreationTime",
    3: "Notes",
    4: "NumberOfProcessors",
    5: "ThumbnailImage",
    6: "ThumbnailImage",
    7: "ThumbnailImage",
    8: "AllocatedGPU",
    9: "VirtualSwitchNames",
    10: "Version",
    11: "Shielded",
    100: "EnabledState",
    101: "ProcessorLoad",
    102: "ProcessorLoadHistory",
    103: "MemoryUsage",
    104: "Heartbeat",
    105: "UpTime",
    106: "GuestOperatingSystem",
    107: "Snapshots",
    108: "AsynchronousTasks",
    109: "HealthState",
    110: "OperationalStatus",
    111: "StatusDescriptions",
    112: "MemoryAvailable",
    113: "AvailableMemoryBuffer",
    114: "ReplicationMode",
    115: "ReplicationState",
    116: "ReplicationHealth",
    117: "ApplicationHealth",
    118: "ReplicationStateEx",
    119: "ReplicationHealthEx",
    120: "SwapFilesInUse",
    121: "IntegrationServicesVersionState",
    122: "ReplicationProviderId",
    123: "MemorySpansPhysicalNumaNodes",
    132: "OtherEnabledState",
    135: "VirtualSystemSubType",
}


def _memory(vm: Vm) -> int | None:
    return vm.guest.memory_assigned() if vm.powered else None


def _headroom(vm: Vm) -> int | None:
    """MemoryAvailable: free memory of the guest in percent."""
    if not vm.powered or not vm.memory["DynamicMemoryEnabled"]:
        return None
    assigned = vm.guest.memory_assigned()
    return max(0, (assigned - vm.guest.demand()) * 100 // assigned)


def _switches(vm: Vm) -> list[str] | None:
    rows = (row for row in vm.rows("Msvm_EthernetPortAllocationSettingData") if row["EnabledState"] == 2)
    return [row["LastKnownSwitchName"] for row in rows if row["LastKnownSwitchName"]] or None


OF_VM: dict[str, Callable[[Vm], Any]] = {
    "Name": lambda vm: vm.id,
    "ElementName": lambda vm: vm.name,
    "CreationTime": lambda vm: vm.created,
    "Notes": lambda vm: (vm.system["Notes"] or [""])[0],
    "NumberOfProcessors": lambda vm: vm.processor["VirtualQuantity"],
    "VirtualSwitchNames": _switches,
    "Version": lambda vm: vm.system["Version"],
    "Shielded": lambda vm: False,
    "EnabledState": lambda vm: vm.enabled_state,
    "EnhancedSessionModeState": lambda vm: 6 if vm.running else 3,
    "ProcessorLoad": lambda vm: LOAD if vm.running else 0,
    "MemoryUsage": _memory,
    "MemoryAvailable": _headroom,
    "AvailableMemoryBuffer": _headroom,
    "Heartbeat": lambda vm: vm.guest.heartbeat if vm.powered else None,
    "UpTime": lambda vm: int(vm.uptime.total_seconds() * 1000),
    "GuestOperatingSystem": lambda vm: vm.guest.os_name(),
    "HealthState": lambda vm: 5,
    "HostComputerSystemName": lambda vm: vm.machine.name,
    "OperationalStatus": lambda vm: [2],
    "StatusDescriptions": lambda vm: [vm.machine.text("status_normal")],
    "ReplicationMode": lambda vm: 0,
    "ReplicationState": lambda vm: 0,
    "ReplicationHealth": lambda vm: 0,
    "SwapFilesInUse": lambda vm: False,
    "MemorySpansPhysicalNumaNodes": lambda vm: False,
    "IntegrationServicesVersionState": lambda vm: 1 if vm.guest.component("Heartbeat") else 0,
    "VirtualSystemSubType": lambda vm: vm.system["VirtualSystemSubType"],
    "Snapshots": lambda vm: [checkpoint.system.copy() for checkpoint in vm.checkpoints.values()] or None,
    "AsynchronousTasks": lambda vm: vm.machine.jobs.instances_of(vm),
}


class SummaryInformation(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        known = repository.cls(CLASS).properties

        def of(function: Callable[[Vm], Any]) -> Callable[[Instance], Any]:
            def value(row: Instance) -> Any:
                return function(machine.vms[row.values["Name"]])

            return value

        for prop, function in OF_VM.items():
            if prop in known and prop != "Name":
                repository.live(CLASS, prop, of(function))
        repository.provide(CLASS, lambda: (summary_row(vm) for vm in tuple(machine.vms.values())))


def summary_row(vm: Vm) -> Instance:
    return vm.machine.repository.new(CLASS, {"InstanceID": f"Microsoft:{vm.id}", "Name": vm.id})


def summaries(machine: Machine, vms: Iterable[Vm], codes: Iterable[int]) -> list[Instance]:
    """One instance per VM with the requested properties, others NULL; unknown codes are ignored."""
    cls = machine.repository.cls(CLASS)
    wanted = [CODES[code] for code in codes if code in CODES and CODES[code] in cls.properties]
    return [Instance(cls, {name: OF_VM[name](vm) if name in OF_VM else None for name in wanted}) for vm in vms]
