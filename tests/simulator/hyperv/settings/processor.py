"""Msvm_ProcessorSettingData: one row per VM; Limit and Reservation in 1/1000 percent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.jobs import FAILED, INVALID_PARAMETER, INVALID_STATE, Refused
from ..states import OFF
from . import Setting, in_range

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

CLASS = "Msvm_ProcessorSettingData"
DEVICE = "b637f346-6a0e-4dec-af52-bd70cb80a21d"
# Set-VMProcessor docs: reserve, limit and weight may change while the VM runs; other changes need it off.
WHILE_RUNNING = {"Reservation", "Limit", "Weight", "CpuGroupId", "ElementName"}
LIMITS = {"Limit": (0, 100000), "Reservation": (0, 100000), "Weight": (0, 10000)}
# Nesting: host build and configuration version by processor vendor (Microsoft Learn, "Enable nested virtualization";
# Intel from the 2015 preview build 10565).
NESTING = {"GenuineIntel": (10565, (8, 0)), "AuthenticAMD": (20348, (9, 3))}


class Processor(Setting):
    CLASSES = (CLASS,)
    ONE_PER_VM = True

    def install(self, machine: Machine) -> None:
        machine.repository.live(
            CLASS, "ElementName", lambda row: row.values.get("ElementName") or machine.text("processor")
        )

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        vm.processor = vm.machine.repository.add(
            CLASS, {"InstanceID": f"Microsoft:{vm.id}\\{DEVICE}\\0", **spec["processor"]}, owner=vm.id
        )

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        if not values:
            return
        if vm.busy or (vm.state != OFF and not (vm.powered and set(values) <= WHILE_RUNNING)):
            raise vm.refusal("error_state", INVALID_STATE)
        in_range(values, LIMITS)
        # More than the host has is refused: ASSUMPTIONS HV-08.
        in_range(values, {"VirtualQuantity": (1, vm.machine.logical_processors), "HwThreadsPerCore": (0, 2)})
        in_range(values, {"MaxProcessorsPerNumaNode": (1, 64), "MaxNumaNodesPerSocket": (1, 64)})
        if values.get("Reservation", row["Reservation"]) > values.get("Limit", row["Limit"]):
            raise Refused(INVALID_PARAMETER)
        if values.get("ExposeVirtualizationExtensions"):
            check_nesting(vm)


def check_nesting(vm: Vm) -> None:
    """ "… Cannot modify property." if the host or the version of the VM does not support nesting (HV-09)."""
    build, version = NESTING.get(vm.machine.cpu["vendor"], (10**9, (0, 0)))
    if vm.machine.os["build"] < build or vm.version < version or not vm.machine.cpu["virtualization"]:
        raise vm.refusal(
            "error_modify",
            FAILED,
            in_job=True,
            device=vm.machine.text("processor"),
            reason=vm.machine.text("error_property"),
        )
