"""Association classes by rule: no stored rows, so a thousand VMs cost nothing (ends as in the association's docs)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...cim.repository import Association, Pair
from ...cim.values import Instance
from ...machine.service import Service
from ..guest import COMPONENTS
from ..settings import owner_id
from .components import device, guest_network
from .summary_information import summary_row

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

SYSTEM, SETTINGS = "Msvm_ComputerSystem", "Msvm_VirtualSystemSettingData"
ADAPTER, CONNECTION = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
FEATURE = "Msvm_EthernetSwitchPortFeatureSettingData"


class Associations(Service):
    def install(self, machine: Machine) -> None:
        repository = machine.repository

        def vm_of(row: Instance) -> Vm | None:
            if row.cls.name == SYSTEM:
                return machine.vms.get(row["Name"].upper())
            if "SystemName" in row and row.cls.is_a("CIM_LogicalDevice"):
                return machine.vms.get(row["SystemName"].upper())
            if row.cls.name == SETTINGS:
                return machine.vms.get((row["VirtualSystemIdentifier"] or "").upper())
            return machine.vms.get(owner_id(row["InstanceID"])) if "InstanceID" in row else None

        def per_vm(name: str, ends: tuple[str, str], pairs_of) -> None:
            """A rule whose pairs lie within one VM."""

            def every() -> Iterator[Pair]:
                for vm in tuple(machine.vms.values()):
                    yield from pairs_of(vm)

            def of(row: Instance) -> Iterable[Pair]:
                vm = vm_of(row)
                return pairs_of(vm) if vm else ()

            repository.associate(Association(name, ends, every, of))

        def system_row(vm: Vm) -> Instance:
            return repository.owned(vm.id, SYSTEM)[0]

        def parts(vm: Vm) -> Iterator[Pair]:
            for row in repository.owned(vm.id, "CIM_SettingData"):
                if not row.cls.is_a("CIM_VirtualSystemSettingData") and not row.cls.is_a("Msvm_FeatureSettingData"):
                    yield vm.system, row

        def guest_networks(vm: Vm) -> Iterator[Pair]:
            for row in vm.rows(ADAPTER):
                yield row, guest_network(vm, row["InstanceID"])

        def features(vm: Vm) -> Iterator[Pair]:
            connections = {row["InstanceID"].lower(): row for row in vm.rows(CONNECTION)}
            for row in vm.rows(FEATURE):
                yield connections[row["InstanceID"].rpartition("\\")[0].lower()], row

        def devices(vm: Vm) -> Iterator[Pair]:
            for name in COMPONENTS:
                if (row := device(vm, name)) is not None:
                    yield system_row(vm), row

        def summary(vm: Vm) -> Iterator[Pair]:
            yield system_row(vm), summary_row(vm)

        def services() -> Iterator[Pair]:
            host = repository.row(SYSTEM, CreationClassName=SYSTEM, Name=machine.name)
            for row in repository.rows("CIM_Service"):
                yield host, row

        group = ("GroupComponent", "PartComponent")
        per_vm("Msvm_SettingsDefineState", ("ManagedElement", "SettingData"), lambda vm: [(system_row(vm), vm.system)])
        per_vm("Msvm_VirtualSystemSettingDataComponent", group, parts)
        per_vm("Msvm_SettingDataComponent", group, guest_networks)
        per_vm("Msvm_EthernetPortSettingDataComponent", group, features)
        per_vm("Msvm_SystemDevice", group, devices)
        per_vm("Msvm_ComputerSystemSummaryInformation", ("Antecedent", "Dependent"), summary)
        repository.associate(Association("Msvm_HostedService", ("Antecedent", "Dependent"), services))
