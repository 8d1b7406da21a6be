"""Msvm_SecurityService: key protectors and virtual TPMs of VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, NOT_SUPPORTED, Plan, Refused
from ...machine.service import Service
from .. import settings
from ..settings import security
from ..states import OFF
from .management_service import add_service

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS = "Msvm_SecurityService"
Answer = tuple[int, dict[str, Any]]
ELEMENT = "Msvm_SecurityElement"


class SecurityService(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        add_service(machine, CLASS, "securitysvc")
        machine.repository.provide(ELEMENT, lambda: (_element(vm) for vm in tuple(machine.vms.values())))

    def modify_security_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            vm, row, values = _target(call)
            security.check(vm, values)

            def work() -> None:
                row.update(values)
                vm.changed = call.machine.clock.now()

            return Plan(work=work, vm=vm)

        return call.machine.jobs.perform(call, "security", plan)

    def get_key_protector(self, call: Call) -> Answer:
        """Four zero bytes if the VM has none."""
        try:
            vm, _rest, _rest = _target(call)
        except Refused as refused:
            return refused.code, {}
        return 0, {"KeyProtector": list(vm.tpm.protector)}

    def set_key_protector(self, call: Call) -> Answer:
        """Any protector is accepted; a virtual TPM used before cannot be opened with a new one."""

        def plan() -> Plan:
            vm, _rest, _rest = _target(call)
            if vm.generation == 1 and vm.version < security.SINCE:
                raise Refused(NOT_SUPPORTED)
            if vm.busy or vm.state != OFF:
                raise vm.refusal("error_state", INVALID_STATE)
            protector = bytes(call["KeyProtector"] or ())
            if len(protector) <= len(security.NO_PROTECTOR):
                protector = security.NO_PROTECTOR

            def work() -> None:
                vm.tpm.previous, vm.tpm.protector = vm.tpm.protector, protector

            return Plan(work=work, vm=vm)

        return call.machine.jobs.perform(call, "security", plan)

    def restore_last_known_good_key_protector(self, call: Call) -> Answer:
        def plan() -> Plan:
            vm, _rest, _rest = _target(call)
            if vm.busy or vm.state != OFF:
                raise vm.refusal("error_state", INVALID_STATE)

            def work() -> None:
                vm.tpm.protector = vm.tpm.previous

            return Plan(work=work, vm=vm)

        return call.machine.jobs.perform(call, "security", plan)

    def set_security_policy(self, call: Call) -> Answer:
        """Accepted for a VM that is off and has a key protector (shielded VMs); its content is ignored."""

        def plan() -> Plan:
            vm, _rest, _rest = _target(call)
            if vm.busy or vm.state != OFF:
                raise vm.refusal("error_state", INVALID_STATE)
            if vm.tpm.protector == security.NO_PROTECTOR:
                raise vm.refusal("error_no_protector", INVALID_PARAMETER)
            return Plan(vm=vm)

        return call.machine.jobs.perform(call, "security", plan)


def _element(vm: Vm) -> Instance:
    row = security.row_of(vm)
    return vm.machine.repository.new(
        ELEMENT,
        {
            "CreationClassName": ELEMENT,
            "SystemCreationClassName": "Msvm_ComputerSystem",
            "SystemName": vm.id,
            "Shielded": bool(row is not None and row["ShieldingRequested"]),
            "EncryptStateAndVmMigrationTrafficEnabled": bool(
                row is not None and row["EncryptStateAndVmMigrationTraffic"]
            ),
        },
    )


def _target(call: Call) -> tuple[Vm, Instance, dict[str, Any]]:
    """The row that the embedded Msvm_SecuritySettingData names, and the values that differ."""
    cls, values = settings.read(call.machine, call["SecuritySettingData"] or "")
    row = call.machine.repository.row(security.SECURITY, InstanceID=values.pop("InstanceID", None))
    vm = call.machine.vm_of(row)
    if cls.name != security.SECURITY or row is None or vm is None:
        raise Refused(INVALID_PARAMETER)
    return vm, row, {name: value for name, value in values.items() if not settings.same(value, row[name])}
