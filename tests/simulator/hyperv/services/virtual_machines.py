"""Msvm_VirtualSystemManagementService: create and delete virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.schema import HYPERV
from ...cim.values import Reference
from ...machine.disks import new_guid
from ...machine.files import FileError
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, NOT_SUPPORTED, Plan, Refused
from ...machine.machine import parts
from ...machine.service import Service
from ...model import make_vm, new_vm_spec
from .. import checkpoints, settings
from ..settings import system
from ..states import OFF, SAVED

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS = "Msvm_VirtualSystemManagementService"
Answer = tuple[int, dict[str, Any]]
# Properties that DefineSystem sets and that are read-only afterwards.
AT_CREATION = system.FOLDERS | {"VirtualSystemSubType", "Version", "ElementName"}
NAME = "New Virtual Machine"


class VirtualMachines(Service):
    CLASSES = (CLASS,)

    def define_system(self, call: Call) -> Answer:
        """A shell: memory, processor, integration services, in generation 1 also IDE controllers.

        No SCSI controller, adapter or DVD drive (captured from a Windows 11 host); without VirtualSystemSubType the
        generation is 1 (docs).
        """
        machine = call.machine

        def plan() -> Plan:
            if call["ReferenceConfiguration"] is not None:
                raise Refused(NOT_SUPPORTED)
            values = _system_values(machine, call["SystemSettings"])
            resources = [settings.read(machine, text) for text in call["ResourceSettings"] or ()]
            vm_id = new_guid()

            def work() -> None:
                vm = _make(machine, vm_id, values)
                try:
                    _set_system(vm, values)
                    for cls, given in resources:
                        _set_resource(vm, cls, dict(given))
                    _make_files(vm)
                except BaseException:
                    _forget(vm)
                    raise

            keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id}
            reference = Reference(HYPERV, "Msvm_ComputerSystem", keys)
            return Plan(work=work, outputs={"ResultingSystem": reference}, affected=[reference])

        return machine.jobs.perform(call, "define", plan)

    def destroy_system(self, call: Call) -> Answer:
        """Needs a VM that is off or saved and idle, else 32775; a display name as key: 32773 (captured). Disks stay."""
        machine = call.machine

        def plan() -> Plan:
            reference = call["AffectedSystem"]
            name = str(reference.key("Name") or "").upper() if reference is not None else ""
            vm = machine.vms.get(name)
            if vm is None:
                raise Refused(INVALID_PARAMETER)
            if vm.busy or vm.state not in (OFF, SAVED):
                raise vm.refusal("error_state", INVALID_STATE)

            def work() -> None:
                for checkpoint in list(vm.checkpoints.values()):
                    checkpoints.remove(checkpoint)
                checkpoints.merge(vm)  # deleting a VM merges its checkpoints (Microsoft Learn, "Checkpoints")
                _forget(vm)

            return Plan(work=work, vm=vm, exclusive=True)

        return machine.jobs.perform(call, "destroy", plan)


def _system_values(machine: Machine, text: str | None) -> dict[str, Any]:
    cls, values = settings.read(machine, text) if text else (None, {})
    if cls is not None and not cls.is_a("CIM_VirtualSystemSettingData"):
        raise Refused(INVALID_PARAMETER)
    values = {name: value for name, value in values.items() if name not in system.IGNORED - AT_CREATION}
    values.pop("InstanceID", None)
    sub_type = (values.get("VirtualSystemSubType") or "Microsoft:Hyper-V:SubType:1").lower()
    if sub_type not in ("microsoft:hyper-v:subtype:1", "microsoft:hyper-v:subtype:2"):
        raise Refused(INVALID_PARAMETER)
    values["VirtualSystemSubType"] = f"Microsoft:Hyper-V:SubType:{sub_type[-1]}"
    values["ElementName"] = values.get("ElementName") or NAME
    if not 1 <= len(values["ElementName"]) <= 100:
        raise Refused(INVALID_PARAMETER)
    if values.get("Version") not in (None, "", *machine.os["configuration_versions"]):
        raise Refused(NOT_SUPPORTED, machine.text("error_unknown_version", version=values["Version"]), in_job=True)
    return values


def _make(machine: Machine, vm_id: str, values: dict[str, Any]) -> Vm:
    # A VM from DefineSystem has standard checkpoints, one from New-VM production (said of a Windows 11 host: VM-10).
    first = {"UserSnapshotType": checkpoints.STANDARD}
    first |= {name: values[name] for name in AT_CREATION & set(values) if values[name]}
    return make_vm(
        machine,
        vm_id,
        new_vm_spec(
            name=values["ElementName"],
            generation=int(values["VirtualSystemSubType"][-1]),
            system=first,
            controllers={"scsi": 0},
        ),
    )


def _set_system(vm: Vm, values: dict[str, Any]) -> None:
    rest = {name: value for name, value in values.items() if name not in AT_CREATION}
    different = {name: value for name, value in rest.items() if not settings.same(value, vm.system[name])}
    settings.kind_of(vm.system.cls.name).check_modify(vm, vm.system, different)
    vm.system.update(different)
    system.check_folders(vm, {name: vm.system[name] for name in system.FOLDERS})


def _set_resource(vm: Vm, cls: Any, values: dict[str, Any]) -> None:
    r"""Memory, processor and integration services replace their defaults, whatever InstanceID they bring (templates:
    `Microsoft:Definition\…\Default`, as libhvee sends them); other devices are added.
    """
    if not cls.is_a("CIM_ResourceAllocationSettingData"):
        raise Refused(INVALID_PARAMETER)
    kind = settings.kind_of(cls.name)
    values.pop("InstanceID", None)
    if kind.ONE_PER_VM:
        row = vm.rows(cls.name)[0]
        different = {name: value for name, value in values.items() if not settings.same(value, row[name])}
        kind.check_modify(vm, row, different)
        row.update(different)
        return
    for row in kind.plan_add(vm, vm.system, cls, values):
        vm.machine.repository.store(row, owner=vm.id)
        kind.added(vm, row)


def config_files(vm: Vm) -> list[str]:
    root = vm.system["ConfigurationDataRoot"]
    return [f"{root}\\{vm.system['ConfigurationFile']}", f"{root}\\{vm.system['GuestStateFile']}"]


def _make_files(vm: Vm) -> None:
    try:
        for path in config_files(vm):
            vm.machine.files.create(path, bytes=64 * 1024, folders=True)
    except FileError as error:
        raise Refused(INVALID_PARAMETER, vm.machine.system_text(error.hresult)) from error


def _forget(vm: Vm) -> None:
    for path in config_files(vm):
        if vm.machine.files.get(path):
            vm.machine.files.delete(path)
    for part in parts():
        part.remove_vm(vm)
    for checkpoint in list(vm.checkpoints):
        vm.machine.repository.disown(checkpoint)
    vm.machine.repository.disown(vm.id)
    vm.machine.vms.pop(vm.id, None)
