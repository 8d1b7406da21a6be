"""Screen, keyboard and drives of a VM as devices.

DeviceIDs of controllers and keyboard: printed from a Windows Server host; those of heads and the values of a screen:
ASSUMPTIONS VM-31.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...cim.repository import Pair
from ...cim.values import Instance
from ...machine.service import Service
from ..console import GRAPHICS, TEXT_MODE
from ..settings import storage
from .associations import SYSTEM, per_vm

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

KEYBOARD, HEAD, DISK = "Msvm_Keyboard", "Msvm_VideoHead", "Msvm_DiskDrive"
EMULATED, SYNTHETIC = "Msvm_S3DisplayController", "Msvm_SyntheticDisplayController"
DEVICES = {
    KEYBOARD: "DE6CDC86-E1FB-4940-801B-C3C1A26C4DA4",
    EMULATED: "7D80D3DB-61EE-4879-8879-5609F1100AD0",
    SYNTHETIC: "F3CF6965-E8D3-44A9-9B7D-A04245EA7525",
}
ENABLED, DISABLED = 2, 3


class VirtualDevices(Service):
    def install(self, machine: Machine) -> None:
        repository = machine.repository
        for class_name in (KEYBOARD, EMULATED, SYNTHETIC, HEAD, DISK):
            repository.provide(class_name, _rows_of(machine, class_name))

        def parts(vm: Vm) -> Iterator[Pair]:
            system = repository.owned(vm.id, SYSTEM)[0]
            for row in devices(vm):
                yield system, row

        repository.associate(per_vm(machine, "Msvm_SystemDevice", ("GroupComponent", "PartComponent"), parts))
        ends = ("Antecedent", "Dependent")
        repository.associate(per_vm(machine, "Msvm_VideoHeadOnController", ends, lambda vm: list(_screens(vm))))


def devices(vm: Vm) -> Iterator[Instance]:
    """A keyboard always (Msvm_Keyboard docs); the others while the VM has a worker process, as integration services."""
    yield _device(vm, KEYBOARD)
    if not vm.powered:
        return
    for controller, head in _screens(vm):
        yield controller
        yield head
    for drive in storage.drives(vm):
        if drive["ResourceSubType"] == storage.DISK_DRIVE:
            device_id = "Microsoft:" + drive["InstanceID"].partition("\\")[2]
            yield _device(vm, DISK, DeviceID=device_id, DriveNumber=None)


def _screens(vm: Vm) -> Iterator[tuple[Instance, Instance]]:
    """Controllers with their heads: the emulated one until the guest's driver has taken over, in generation 1 only."""
    if not vm.powered:
        return
    graphics = vm.screen.synthetic
    if vm.generation == 1:
        yield _screen(vm, EMULATED, TEXT_MODE, not graphics)
    yield _screen(vm, SYNTHETIC, GRAPHICS, graphics)


def _screen(vm: Vm, class_name: str, size: tuple[int, int], on: bool) -> tuple[Instance, Instance]:
    head = _device(
        vm,
        HEAD,
        DeviceID=f"Microsoft:{DEVICES[class_name]}\\Head",
        EnabledState=ENABLED if on else DISABLED,
        CurrentHorizontalResolution=size[0] if on else 0,
        CurrentVerticalResolution=size[1] if on else 0,
    )
    return _device(vm, class_name), head


def _device(vm: Vm, class_name: str, **values: object) -> Instance:
    identity = {"DeviceID": f"Microsoft:{DEVICES.get(class_name)}", "SystemName": vm.id}
    return vm.machine.repository.new(class_name, {**identity, **values})


def _rows_of(machine: Machine, class_name: str) -> Callable[[], Iterator[Instance]]:
    def rows() -> Iterator[Instance]:
        for vm in tuple(machine.vms.values()):
            yield from (row for row in devices(vm) if row.cls.name == class_name)

    return rows
