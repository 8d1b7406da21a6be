"""Msvm_GuestFileService: files from the host into a running guest.

The service exists while the guest's own service has registered (says public code that uses it; VM-33).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.repository import Pair
from ...cim.values import Instance
from ...machine.files import ACCESS_DENIED, FileError, HostFile
from ...machine.jobs import FAILED, INVALID_PARAMETER, Plan, Refused
from ...machine.service import Service
from .. import settings
from ..guest_files import expand
from .associations import per_vm
from .components import device

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS, SETTING, INTERFACE = "Msvm_GuestFileService", "Msvm_CopyFileToGuestSettingData", "GuestServiceInterface"


class GuestFileService(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        def every() -> Iterator[Instance]:
            for vm in tuple(machine.vms.values()):
                if (row := _service(vm)) is not None:
                    yield row

        def registered(vm: Vm) -> Iterator[Pair]:
            row, component = _service(vm), device(vm, INTERFACE)
            if row is not None and component is not None:
                yield component, row

        machine.repository.provide(CLASS, every)
        ends = ("Antecedent", "Dependent")
        machine.repository.associate(per_vm(machine, "Msvm_RegisteredGuestService", ends, registered))

    def copy_files_to_guest(self, call: Call) -> tuple[int, dict[str, Any]]:
        """A job that fails with the guest's error; the files before the one that failed are there."""
        machine = call.machine
        vm = machine.vms[call.row["SystemName"].upper()]

        def plan() -> Plan:
            texts = call["CopyFileToGuestSettings"] or ()
            wanted = [settings.read(machine, text) for text in texts]
            if not wanted or any(cls.name != SETTING for cls, _values in wanted):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                for _cls, values in wanted:
                    _copy(vm, values)

            shows = {"CopyFileToGuestSettingData": list(texts), "VirtualSystemName": vm.id}
            return Plan(work=work, vm=vm, shows=shows)

        return machine.jobs.perform(call, "copy_to_guest", plan)


def _service(vm: Vm) -> Instance | None:
    if not (vm.guest.component(INTERFACE) and vm.guest.spec["file_copy"]):
        return None
    return vm.machine.repository.new(CLASS, {"Name": "Microsoft Guest File Service", "SystemName": vm.id})


def _copy(vm: Vm, values: dict[str, Any]) -> None:
    source, path = values.get("SourcePath") or "", values.get("DestinationPath") or ""
    try:
        if _service(vm) is None:
            raise FileError(0x800710DF, path)  # ERROR_DEVICE_NOT_AVAILABLE
        vm.guest.files.receive(
            _source(vm.machine, source),
            path,
            overwrite=bool(values.get("OverwriteExisting")),
            folders=bool(values.get("CreateFullPath")),
        )
    except FileError as error:
        reason = vm.machine.system_text(error.hresult)
        raise vm.refusal("error_copy_to_guest", FAILED, source=source, path=path, reason=reason) from error


def _source(machine: Machine, path: str) -> HostFile:
    r"""A file of the host, which its management service opens: it has no rights on shares, and opens no folder."""
    where = machine.files.resolve(expand(path))
    if where.startswith("\\\\") or machine.files.has_folder(where):
        raise FileError(ACCESS_DENIED, path)
    return machine.files.need(where)
