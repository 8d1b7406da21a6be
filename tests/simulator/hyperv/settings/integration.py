"""Integration services: a setting row per service and VM; only EnabledState (2 on, 3 off) can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, Refused
from ..guest import COMPONENTS
from ..states import SAVED
from . import Setting, in_range

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

CLASSES = tuple(f"Msvm_{name}ComponentSettingData" for name in COMPONENTS)
OFF_BY_DEFAULT = {"GuestServiceInterface"}


class Integration(Setting):
    CLASSES = CLASSES
    ONE_PER_VM = True

    def install(self, machine: Machine) -> None:
        for name, cls in zip(COMPONENTS, CLASSES, strict=True):
            for prop in ("ElementName", "Caption"):
                machine.repository.live(cls, prop, lambda _, name=name: machine.text(name.lower()))

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        disabled = spec["disabled_services"]
        for name, cls in zip(COMPONENTS, CLASSES, strict=True):
            off = name in disabled or (name in OFF_BY_DEFAULT and name not in spec["enabled_services"])
            vm.machine.repository.add(
                cls,
                {"InstanceID": f"Microsoft:{vm.id}\\{COMPONENTS[name]}", "EnabledState": 3 if off else 2},
                owner=vm.id,
            )

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        if vm.busy or vm.state == SAVED:
            raise vm.refusal("error_state", INVALID_STATE)
        if set(values) - {"EnabledState"}:
            raise Refused(INVALID_PARAMETER)
        in_range(values, {"EnabledState": (2, 3)})
