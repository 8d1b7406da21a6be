# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processor of a VM (Msvm_ProcessorSettingData)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task import table
from ..._task.errors import Invalid
from ..._task.step import Step, step
from ..._task.table import AS_IS, PERCENT, Property
from ..host import capacity
from ..schema import PROCESSOR
from . import resources
from .find import SAVED, VM
from .parts import Parts

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

# The processor of a VM that was just created.
FRESH: dict[str, Any] = {
    "VirtualQuantity": 1,
    "Reservation": 0,
    "Limit": 100000,
    "Weight": 100,
    "HwThreadsPerCore": 0,
    "LimitProcessorFeatures": False,
    "ExposeVirtualizationExtensions": False,
}


def parse(options: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted options within their bounds. Raises Invalid."""
    return table.parse(PROPERTIES, options)


def check(vm: VM, row: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise Invalid if the processor that would result is impossible."""
    result = table.expected(PROPERTIES, row, wanted)
    if (result["reserve"] or 0) > (100 if result["limit"] is None else result["limit"]):
        raise Invalid(
            f"{vm} would get a reserve of {result['reserve']} % above its limit of {result['limit']} %; change both",
            option="reserve" if "reserve" in wanted else "limit",
        )


def _check_host(parts: Parts, changing: list[str], wanted: Mapping[str, Any]) -> None:
    """Raise Refused if the host has fewer processors or threads; the host is asked only if these change."""
    if "count" in changing:
        capacity.check_count(parts.host, wanted["count"], str(parts.vm), "count")
    if "threads_per_core" in changing:
        capacity.check_threads(parts.host, wanted["threads_per_core"], str(parts.vm), "threads_per_core")


def plan(parts: Parts, wanted: Mapping[str, Any]) -> list[Step]:
    """The step to the wanted (parsed) processor. Raises Invalid, Refused."""
    vm, row = parts.vm, parts.processor
    check(vm, row, wanted)
    changes = table.changes(PROPERTIES, row, wanted)
    _check_host(parts, [change.option for change in changes], wanted)
    # A saved VM takes no change of its processor, a running one takes those that the table doesn't mark.
    needs_off = [change.option for change in changes] if vm.state == SAVED else None
    written = table.values(changes)
    return [
        step(
            f"set processor of {vm}",
            changes,
            lambda: write(parts, written),
            needs_off,
            undo=lambda: write(parts, resources.previous(row, written)),
        )
    ]


def write(parts: Parts, values: Mapping[str, Any]) -> None:
    """Write these CIM properties of the processor and no others."""
    what = f"change {', '.join(values)} of {parts.vm}"
    resources.modify(parts.host, PROCESSOR, parts.processor["InstanceID"], values, what)
