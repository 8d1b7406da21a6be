# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a VM (Msvm_MemorySettingData) and what a running VM allows to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._policy.rules import MEMORY_WHILE_NESTED
from ..._task import table
from ..._task.errors import Invalid
from ..._task.session import Host
from ..._task.step import Step, step
from ..._task.table import MEGABYTES, PRIORITY, Change, Property, changes, shown
from ..._task.units import format_size
from ..schema import MEMORY, PROCESSOR, VM_SETTINGS
from . import find as vms
from .find import OFF, RUNNING, VM

OPTIONS: dict[str, Any] = {
    "dynamic": {"type": "bool"},
    "startup": {"type": "str"},
    "minimum": {"type": "str"},
    "maximum": {"type": "str"},
    "buffer": {"type": "int"},
    "priority": {"type": "int"},
}

_MB = 1 << 20
LEAST = 32 * _MB  # smallest startup and minimum that Hyper-V takes
MOST = 240 * 1024 * 1024 * _MB  # 240 TB, a generation 2 VM on Windows Server 2025
ALIGNMENT = 2 * _MB

PROPERTIES = (
    Property("dynamic", "DynamicMemoryEnabled", needs_off=True),
    Property("startup", "VirtualQuantity", MEGABYTES, least=LEAST, most=MOST),
    Property("minimum", "Reservation", MEGABYTES, least=LEAST, most=MOST),
    Property("maximum", "Limit", MEGABYTES, least=LEAST, most=MOST),
    Property("buffer", "TargetMemoryBuffer", least=5, most=2000),
    Property("priority", "Weight", PRIORITY, least=0, most=100),
)

# What a VM has that was just made (seen on a real host: its memory is dynamic).
FRESH: dict[str, Any] = {
    "DynamicMemoryEnabled": True,
    "VirtualQuantity": 1024,
    "Reservation": 512,
    "Limit": 1048576,
    "TargetMemoryBuffer": 20,
    "Weight": 5000,
}


def described(options: Mapping[str, Any]) -> dict[str, Any]:
    """Memory options as results show them: static memory has no minimum and maximum, whatever Hyper-V keeps there."""
    hidden = {"minimum": None, "maximum": None} if options["dynamic"] is False else {}
    return {**options, **hidden}


def check(vm: VM, instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise Invalid where the memory that would result can't be, before anything is written."""
    result = shown(PROPERTIES, instance, wanted)
    for option in ("startup", "minimum", "maximum"):
        if option in wanted and wanted[option] % ALIGNMENT:
            raise Invalid(f"{option}: {format_size(wanted[option])} of {vm} is not a multiple of 2MB")
    if not result["dynamic"]:
        useless = [option for option in ("minimum", "maximum") if option in wanted]
        if useless:
            raise Invalid(
                f"{', '.join(useless)}: {vm} has static memory, where only 'startup' counts; "
                "add 'dynamic: true', or leave it out"
            )
        return
    low, start, high = (result[option] for option in ("minimum", "startup", "maximum"))
    if not low <= start <= high:
        raise Invalid(
            f"{vm} would get minimum {format_size(low)}, startup {format_size(start)} and maximum {format_size(high)}; "
            "they must not decrease in this order, so give those of the three that have to move along"
        )


def values(found: list[Change], instance: Mapping[str, Any]) -> dict[str, Any]:
    """The CIM properties to write.

    Limit and Reservation of a static VM are invisible to people, but the provider wants them around the quantity.
    """
    written = table.values(found)
    quantity = written.get("VirtualQuantity")
    if quantity and not {**instance, **written}["DynamicMemoryEnabled"]:
        if (instance["Reservation"] or 0) > quantity:
            written["Reservation"] = quantity
        if (instance["Limit"] or 0) < quantity:
            written["Limit"] = quantity
    return written


def fresh_values(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """All the CIM properties of a new VM's memory, so that they don't depend on what its host gives to VMs."""
    return {**FRESH, **values(changes(PROPERTIES, FRESH, wanted), FRESH)}


def needing_off(vm: VM, found: list[Change], instance: Mapping[str, Any], inside: bool) -> list[str]:
    """The options of these changes that the VM in its present state doesn't allow (as Set-VMMemory)."""
    if vm.state == OFF:
        return []
    if vm.state != RUNNING or inside:
        return [change.option for change in found]
    return [change.option for change in found if not _live(change, instance["DynamicMemoryEnabled"])]


def _live(change: Change, dynamic: bool) -> bool:
    """Whether a running VM takes this change: dynamic memory widens only, static memory is resized."""
    match change.option:
        case "minimum":
            return dynamic and change.after < change.before
        case "maximum":
            return dynamic and change.after > change.before
        case "startup":
            return not dynamic
        case "buffer" | "priority":
            return True
    return False


def hypervisor_inside(host: Host, vm: VM, belief: str) -> bool:
    """Whether a running VM counts as one in which Hyper-V runs, which its host can't see; at most one request."""
    if vm.state == OFF or belief == "ignore":
        return False
    return belief == "assume" or bool(vms.setting(host, vm, PROCESSOR)["ExposeVirtualizationExtensions"])


def write(host: Host, vm: VM, instance: Mapping[str, Any], found: list[Change]) -> None:
    """Write memory changes; dynamic memory and virtual NUMA exclude each other, so the latter goes first."""
    written = values(found, instance)
    if written.get("DynamicMemoryEnabled"):
        settings = vms.setting(host, vm, VM_SETTINGS)
        if settings["VirtualNumaEnabled"]:
            vms.modify_system(host, vm, {"VirtualNumaEnabled": False})
    vms.modify_resource(host, vm, MEMORY, instance["InstanceID"], written)


def plan(
    host: Host,
    vm: VM,
    instance: Mapping[str, Any],
    wanted: Mapping[str, Any],
    belief: str = "auto",
    section: str = "",
) -> Step:
    """The step to the wanted (parsed) memory. Raises Invalid.

    ``belief`` is the option hypervisor_in_guest: whether Hyper-V counts as running inside.
    """
    check(vm, instance, wanted)
    differences = changes(PROPERTIES, instance, wanted)
    inside = bool(differences) and hypervisor_inside(host, vm, belief)
    return step(
        f"set memory of {vm}",
        differences,
        lambda: write(host, vm, instance, differences),
        needs_off=needing_off(vm, differences, instance, inside),
        section=section,
        rule=MEMORY_WHILE_NESTED if inside else None,
    )
