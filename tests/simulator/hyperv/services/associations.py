"""Association classes by rule, without stored rows: a thousand VMs stay cheap (ends: docs of each class)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ...cim.repository import Association, Pair
from ...cim.values import Instance
from ...machine.service import Service
from ..guest import COMPONENTS
from .components import device, guest_network
from .summary_information import summary_row

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

SYSTEM, SETTINGS = "Msvm_ComputerSystem", "Msvm_VirtualSystemSettingData"
ADAPTER, CONNECTION = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
FEATURE = "Msvm_EthernetSwitchPortFeatureSettingData"


def per_vm(machine: Machine, name: str, ends: tuple[str, str], pairs_of: Callable[[Vm], Iterable[Pair]]) -> Association:
    """A rule whose pairs lie within one VM."""

    def every() -> Iterator[Pair]:
        for vm in tuple(machine.vms.values()):
            yield from pairs_of(vm)

    def of(row: Instance) -> Iterable[Pair]:
        vm = machine.vm_of(row, checkpoints=True)
        return pairs_of(vm) if vm else ()

    return Association(name, ends, every, of)


class Associations(Service):
    def install(self, machine: Machine) -> None:
        repository = machine.repository

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

        def rule(name: str, ends: tuple[str, str], pairs_of: Callable[[Vm], Iterable[Pair]]) -> None:
            repository.associate(per_vm(machine, name, ends, pairs_of))

        group = ("GroupComponent", "PartComponent")
        rule("Msvm_SettingsDefineState", ("ManagedElement", "SettingData"), lambda vm: [(system_row(vm), vm.system)])
        rule("Msvm_VirtualSystemSettingDataComponent", group, parts)
        rule("Msvm_SettingDataComponent", group, guest_networks)
        rule("Msvm_EthernetPortSettingDataComponent", group, features)
        rule("Msvm_SystemDevice", group, devices)
        rule("Msvm_ComputerSystemSummaryInformation", ("Antecedent", "Dependent"), summary)
        repository.associate(Association("Msvm_HostedService", ("Antecedent", "Dependent"), services))
