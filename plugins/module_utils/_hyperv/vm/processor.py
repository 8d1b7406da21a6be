# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processor of a VM (Msvm_ProcessorSettingData)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Invalid
from ..._task.session import Host
from ..._task.step import Step, step
from ..._task.table import AS_IS, PERCENT, Property, changes, shown, values
from ..schema import PROCESSOR
from .find import SAVED, VM, modify_resource

OPTIONS: dict[str, Any] = {
    "count": {"type": "int"},
    "reserve": {"type": "int"},
    "limit": {"type": "int"},
    "weight": {"type": "int"},
    "threads_per_core": {"type": "int"},
    "migration_compatibility": {"type": "bool"},
}

# What needs the VM off follows the restart list of Set-VMProcessor; reserve, limit and weight are live.
PROPERTIES = (
    Property("count", "VirtualQuantity", needs_off=True, least=1, most=2048),
    Property("reserve", "Reservation", PERCENT, least=0, most=100),
    Property("limit", "Limit", PERCENT, least=0, most=100),
    Property("weight", "Weight", least=0, most=10000),
    Property("threads_per_core", "HwThreadsPerCore", needs_off=True, least=0, most=8),
    Property("migration_compatibility", "LimitProcessorFeatures", AS_IS, needs_off=True),
)

NESTING = (Property("virtualization_extensions", "ExposeVirtualizationExtensions", AS_IS, needs_off=True),)

# What a VM has that was just made.
FRESH: dict[str, Any] = {
    "VirtualQuantity": 1,
    "Reservation": 0,
    "Limit": 100000,
    "Weight": 100,
    "HwThreadsPerCore": 0,
    "LimitProcessorFeatures": False,
    "ExposeVirtualizationExtensions": False,
}


def check(vm: VM, instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise Invalid where the processor that would result can't be, before anything is written."""
    result = shown(PROPERTIES, instance, wanted)
    if result["reserve"] > result["limit"]:
        raise Invalid(
            f"{vm} would get a reserve of {result['reserve']} % above its limit of {result['limit']} %; change both"
        )


def plan(host: Host, vm: VM, instance: Mapping[str, Any], wanted: Mapping[str, Any], section: str = "") -> Step:
    """The step to the wanted (parsed) processor. Raises Invalid."""
    check(vm, instance, wanted)
    differences = changes(PROPERTIES, instance, wanted)
    return step(
        f"set processor of {vm}",
        differences,
        lambda: modify_resource(host, vm, PROCESSOR, instance["InstanceID"], values(differences)),
        # A saved VM takes no change of its processors, a running one those that the table doesn't mark.
        [change.option for change in differences] if vm.state == SAVED else None,
        section=section,
    )
