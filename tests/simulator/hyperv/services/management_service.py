"""Msvm_VirtualSystemManagementService: changes of virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.values import Instance, Reference
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, NOT_SUPPORTED, Plan, Refused
from ...machine.service import Service
from .. import settings
from ..states import OFF
from . import summary_information

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS = "Msvm_VirtualSystemManagementService"
RESOURCE, FEATURE = "CIM_ResourceAllocationSettingData", "Msvm_EthernetSwitchPortFeatureSettingData"
Answer = tuple[int, dict[str, Any]]


class ManagementService(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        add_service(machine, CLASS, "vmms")
        repository.add(
            "Msvm_VirtualSystemManagementServiceSettingData",
            {
                "InstanceID": f"Microsoft:{machine.name}",
                "DefaultExternalDataRoot": r"C:\ProgramData\Microsoft\Windows\Hyper-V",
                "DefaultVirtualHardDiskPath": r"C:\ProgramData\Microsoft\Windows\Virtual Hard Disks",
                "MinimumMacAddress": f"{machine.macs.prefix}00",
                "MaximumMacAddress": f"{machine.macs.prefix}FF",
                "NumaSpanningEnabled": True,
                "EnhancedSessionModeEnabled": machine.os["product_type"] == 1,
                "HypervisorRootSchedulerEnabled": machine.os["product_type"] == 1,
            },
        )

    # --- settings of a VM

    def modify_system_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            change = settings.read_change(call.machine, call["SystemSettings"] or "", "CIM_VirtualSystemSettingData")
            return Plan(work=change.apply, vm=change.vm)

        return call.machine.jobs.perform(call, "modify_system", plan)

    def modify_resource_settings(self, call: Call) -> Answer:
        return call.machine.jobs.perform(
            call, "modify_resources", lambda: _modify(call, "ResourceSettings", RESOURCE, "ResultingResourceSettings")
        )

    def modify_feature_settings(self, call: Call) -> Answer:
        return call.machine.jobs.perform(
            call, "modify_features", lambda: _modify(call, "FeatureSettings", FEATURE, "ResultingFeatureSettings")
        )

    def add_resource_settings(self, call: Call) -> Answer:
        """AffectedConfiguration: the VM's VSSD; a path of the VM itself works too (os-win)."""
        return call.machine.jobs.perform(
            call, "add_resources", lambda: _add(call, "ResourceSettings", RESOURCE, "ResultingResourceSettings")
        )

    def add_feature_settings(self, call: Call) -> Answer:
        """AffectedConfiguration: the connection (Msvm_EthernetPortAllocationSettingData) of the adapter."""
        return call.machine.jobs.perform(
            call, "add_features", lambda: _add(call, "FeatureSettings", FEATURE, "ResultingFeatureSettings")
        )

    def remove_resource_settings(self, call: Call) -> Answer:
        return call.machine.jobs.perform(call, "remove_resources", lambda: _remove(call, "ResourceSettings", RESOURCE))

    def remove_feature_settings(self, call: Call) -> Answer:
        return call.machine.jobs.perform(call, "remove_features", lambda: _remove(call, "FeatureSettings", FEATURE))

    def upgrade_system_version(self, call: Call) -> Answer:
        """To the newest version, or that of UpgradeSettingData (HV-27); only while off, never back, and never with a
        checkpoint that contains a saved state (docs of Update-VMVersion and Update-SCVMVersion).
        """

        def plan() -> Plan:
            vm = call.machine.vm_of(_find(call.machine, call["ComputerSystem"]))
            if vm is None:
                raise Refused(INVALID_PARAMETER)
            versions = call.machine.os["configuration_versions"]
            wanted = versions[-1]
            if call["UpgradeSettingData"]:
                wanted = settings.read(call.machine, call["UpgradeSettingData"])[1].get("Version", wanted)
            if vm.busy or vm.state != OFF:
                raise vm.refusal("error_state", INVALID_STATE)
            saved = any(checkpoint.saved for checkpoint in vm.checkpoints.values())
            if wanted not in versions or _number(wanted) < vm.version or saved:
                raise vm.refusal("error_version", NOT_SUPPORTED, in_job=True)

            def work() -> None:
                vm.system["Version"] = wanted
                vm.changed = call.machine.clock.now()

            return Plan(work=work, vm=vm, exclusive=True)

        return call.machine.jobs.perform(call, "upgrade", plan)

    def modify_service_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            cls, values = settings.read(call.machine, call["SettingData"] or "")
            row = call.machine.repository.row(
                "Msvm_VirtualSystemManagementServiceSettingData", InstanceID=values.pop("InstanceID", None)
            )
            if row is None or cls is not row.cls:
                raise Refused(INVALID_PARAMETER)
            return Plan(work=lambda: row.update(values))

        return call.machine.jobs.perform(call, "service_settings", plan)

    # --- reading

    def get_summary_information(self, call: Call) -> Answer:
        """Of all VMs if SettingData is NULL. Properties not requested are NULL; an unknown reference is 32773."""
        machine = call.machine
        vms: list[Vm] = list(machine.vms.values())
        if call["SettingData"]:
            named = [machine.vm_of(_find(machine, reference)) for reference in call["SettingData"]]
            if None in named:
                return INVALID_PARAMETER, {}
            vms = named
        return 0, {
            "SummaryInformation": summary_information.summaries(machine, vms, call["RequestedInformation"] or [])
        }


def add_service(machine: Machine, class_name: str, name: str) -> Instance:
    """A provider's singleton, with the key values that real hosts use."""
    return machine.repository.add(
        class_name,
        {
            "CreationClassName": class_name,
            "Name": name,
            "SystemCreationClassName": "Msvm_ComputerSystem",
            "SystemName": machine.name,
            "StatusDescriptions": [machine.text("service_running")],
        },
    )


def _modify(call: Call, parameter: str, base: str, result: str) -> Plan:
    """All settings of the call are checked before the first is applied."""
    texts = call[parameter]
    if not texts:
        raise Refused(INVALID_PARAMETER)
    changes = [settings.read_change(call.machine, text, base) for text in texts]
    _one_vm(change.vm for change in changes)

    def work() -> None:
        for change in changes:
            change.apply()

    return Plan(work=work, vm=changes[0].vm, outputs={result: [change.row.reference() for change in changes]})


def _add(call: Call, parameter: str, base: str, result: str) -> Plan:
    machine, texts = call.machine, call[parameter]
    parent = _find(machine, call["AffectedConfiguration"])
    vm = machine.vm_of(parent)
    if not texts or vm is None:
        raise Refused(INVALID_PARAMETER)
    rows: list[Instance] = []
    for text in texts:
        cls, values = settings.read(machine, text)
        if not cls.is_a(base):
            raise Refused(INVALID_PARAMETER)
        rows += settings.kind_of(cls.name).plan_add(vm, parent, cls, values)

    def work() -> None:
        for row in rows:
            machine.repository.store(row, owner=vm.id)
        for row in rows:
            settings.kind_of(row.cls.name).added(vm, row)
        vm.changed = machine.clock.now()

    return Plan(work=work, vm=vm, outputs={result: [row.reference() for row in rows]})


def _remove(call: Call, parameter: str, base: str) -> Plan:
    machine = call.machine
    rows = [_find(machine, reference) for reference in call[parameter] or ()]
    vms = [machine.vm_of(row) for row in rows]
    if not rows or None in vms or not all(row.cls.is_a(base) for row in rows):
        raise Refused(INVALID_PARAMETER)
    vm = _one_vm(vms)
    going: dict[int, Instance] = {}
    for row in rows:
        kind = settings.kind_of(row.cls.name)
        kind.check_remove(vm, row)
        going |= {id(leaving): leaving for leaving in (row, *kind.with_it(vm, row))}

    def work() -> None:
        for row in going.values():
            machine.repository.remove(row)
        for row in going.values():
            settings.kind_of(row.cls.name).removed(vm, row)
        vm.changed = machine.clock.now()

    return Plan(work=work, vm=vm)


# --- help


def _find(machine: Machine, reference: Reference | None) -> Instance | None:
    return machine.repository.find(reference, partial=True) if reference is not None else None


def _one_vm(vms: Any) -> Vm:
    different = list({vm.id: vm for vm in vms}.values())
    if len(different) != 1:
        raise Refused(INVALID_PARAMETER)
    return different[0]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
