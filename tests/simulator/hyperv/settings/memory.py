"""Msvm_MemorySettingData: startup (VirtualQuantity), minimum (Reservation) and maximum (Limit) in MB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, NO_MEMORY
from ..states import SAVED
from . import Setting, in_range

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

CLASS = "Msvm_MemorySettingData"
DEVICE = "4764334d-e001-4176-82ee-5594ec9b530e"
MAXIMUM = 1048576  # MB; Limit of a VM with static memory
SMALLEST = 32
AMOUNTS = ("VirtualQuantity", "Reservation", "Limit")
# Other changes need the VM off (Msvm_MemorySettingData docs, Set-VMMemory docs).
WHILE_RUNNING = {"TargetMemoryBuffer", "Weight", "ElementName", *AMOUNTS}
LIMITS = {"TargetMemoryBuffer": (5, 2000), "Weight": (0, 10000)}


class Memory(Setting):
    CLASSES = (CLASS,)
    ONE_PER_VM = True

    def install(self, machine: Machine) -> None:
        machine.repository.live(
            CLASS, "ElementName", lambda row: row.values.get("ElementName") or machine.text("memory")
        )

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        vm.memory = vm.machine.repository.add(
            CLASS, {"InstanceID": f"Microsoft:{vm.id}\\{DEVICE}", **spec["memory"]}, owner=vm.id
        )

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """The rules of Set-VMMemory, of dynamic memory and of nesting (codes: ASSUMPTIONS HV-16, HV-17)."""
        if not values:
            return
        if vm.busy or vm.state == SAVED:
            raise vm.refusal("error_state", INVALID_STATE)
        in_range(values, LIMITS)
        wanted = {name: values.get(name, row[name]) for name in (*AMOUNTS, "DynamicMemoryEnabled")}
        if vm.powered:
            _check_running(vm, row, values)
        _check_amounts(vm, values, wanted)
        if wanted["DynamicMemoryEnabled"] and "DynamicMemoryEnabled" in values and vm.system["VirtualNumaEnabled"]:
            # Set-VMMemory turns virtual NUMA off first; the two exclude each other (Hyper-V virtual NUMA overview).
            raise vm.refusal("error_memory_numa", INVALID_PARAMETER)
        if not wanted["DynamicMemoryEnabled"] and "VirtualQuantity" in values:
            values["Reservation"] = values["VirtualQuantity"]  # with static memory it equals the startup memory


def _check_running(vm: Vm, row: Instance, values: dict[str, Any]) -> None:
    """Microsoft, nested virtualization: no change while a hypervisor runs inside (the error: HV-14)."""
    if not set(values) <= WHILE_RUNNING:
        raise vm.refusal("error_state", INVALID_STATE)
    if vm.guest.hypervisor_running and set(values) & set(AMOUNTS):
        raise vm.refusal("error_memory_nested", INVALID_STATE)
    if row["DynamicMemoryEnabled"]:
        # Minimum only down, maximum only up, startup fixed (Set-VMMemory docs).
        lower_minimum = values.get("Reservation", row["Reservation"]) <= row["Reservation"]
        higher_maximum = values.get("Limit", row["Limit"]) >= row["Limit"]
        if "VirtualQuantity" in values or not lower_minimum or not higher_maximum:
            raise vm.refusal("error_state", INVALID_STATE)
    elif "VirtualQuantity" in values:
        # Runtime resize of static memory: Windows Server 2016 and configuration version 8.0.
        if vm.version < (8, 0) or vm.machine.os["build"] < 14393:
            raise vm.refusal("error_state", INVALID_STATE)
        more = values["VirtualQuantity"] - row["VirtualQuantity"]
        if more > vm.machine.memory_free:
            raise vm.refusal("error_memory", NO_MEMORY, in_job=True, amount=values["VirtualQuantity"])


def _check_amounts(vm: Vm, values: dict[str, Any], wanted: dict[str, Any]) -> None:
    """2 MB alignment and order (of static memory: ASSUMPTIONS HV-15)."""
    for name in AMOUNTS:
        if name in values and wanted[name] % 2:
            raise vm.refusal("error_memory_alignment", INVALID_PARAMETER, amount=wanted[name])
    startup, minimum, maximum = (wanted[name] for name in AMOUNTS)
    dynamic = wanted["DynamicMemoryEnabled"]
    ordered = SMALLEST <= minimum <= startup <= maximum if dynamic else SMALLEST <= startup <= maximum
    if not ordered or maximum > MAXIMUM:
        raise vm.refusal("error_memory_range", INVALID_PARAMETER, amount=startup)
