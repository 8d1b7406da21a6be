"""Msvm_SyntheticEthernetPort: the adapter of a VM as a device, which exists while the VM runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.repository import Pair
from ...cim.values import Instance
from ...machine.service import Service
from ..settings.adapter import ADAPTER
from .associations import per_vm

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

DEVICE, SYSTEM = "Msvm_SyntheticEthernetPort", "Msvm_ComputerSystem"


class AdapterPorts(Service):
    def install(self, machine: Machine) -> None:
        """Associate device and settings as for other devices: Msvm_SystemDevice, Msvm_SettingsDefineState."""

        def devices(vm: Vm) -> Iterator[Pair]:
            for row in _adapters(vm):
                yield vm.reference, _device(vm, row)

        def states(vm: Vm) -> Iterator[Pair]:
            for row in _adapters(vm):
                yield _device(vm, row), row

        def every() -> Iterator[Instance]:
            for vm in tuple(machine.vms.values()):
                for row in _adapters(vm):
                    yield _device(vm, row)

        machine.repository.provide(DEVICE, every)
        ends = ("ManagedElement", "SettingData")
        machine.repository.associate(per_vm(machine, "Msvm_SystemDevice", ("GroupComponent", "PartComponent"), devices))
        machine.repository.associate(per_vm(machine, "Msvm_SettingsDefineState", ends, states))


def _adapters(vm: Vm) -> list[Instance]:
    return vm.rows(ADAPTER) if vm.powered else []


def _device(vm: Vm, row: Instance) -> Instance:
    tail = row["InstanceID"].rpartition("\\")[2]
    return vm.machine.repository.new(
        DEVICE,
        {
            "CreationClassName": DEVICE,
            "DeviceID": f"Microsoft:{tail}",
            "SystemCreationClassName": SYSTEM,
            "SystemName": vm.id,
            "ElementName": row["ElementName"],
            "PermanentAddress": row["Address"],
            "NetworkAddresses": [row["Address"]],
            "EnabledState": 2,
            "HealthState": 5,
            "StatusDescriptions": ["OK"],
        },
    )
