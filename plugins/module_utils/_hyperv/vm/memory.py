# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a VM (Msvm_MemorySettingData), and which changes a running VM takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task import table
from ..._task.errors import Invalid
from ..._task.step import Step, step
from ..._task.table import MEGABYTES, PRIORITY, Change, Property
from ..._task.units import format_size
from ..host import capacity
from ..schema import MEMORY
from . import resources
from .find import OFF, RUNNING, VM
from .parts import Parts

OPTIONS: dict[str, Any] = {
    "dynamic": {"type": "bool"},
    "startup": {"type": "str"},
    "minimum": {"type": "str"},
    "maximum": {"type": "str"},
    "buffer": {"type": "int"},
    "priority": {"type": "int"},
    "hypervisor_in_guest": {"type": "str", "choices": ["auto", "assume", "ignore"], "default": "auto"},
}

_BELIEF = "hypervisor_in_guest"
_BOUNDS = {"minimum", "maximum"}
_MB = 1 << 20
LEAST = 32 * _MB  # smallest startup and minimum that Hyper-V takes
MOST = 240 * 1024 * 1024 * _MB  # 240 TB, a generation 2 VM on Windows Server 2025
ALIGNMENT = 2 * _MB

_AMOUNTS = (
    Property("dynamic", "DynamicMemoryEnabled", needs_off=True),
    Property("startup", "VirtualQuantity", MEGABYTES, least=LEAST, most=MOST),
    Property("minimum", "Reservation", MEGABYTES, least=LEAST, most=MOST),
    Property("maximum", "Limit", MEGABYTES, least=LEAST, most=MOST),
)
PROPERTIES = (
    *_AMOUNTS,
    Property("buffer", "TargetMemoryBuffer", least=5, most=2000),
    Property("priority", "Weight", PRIORITY, least=0, most=100),
)

# The memory of a VM that was just created (seen on a real host: it is dynamic).
# What a host keeps consistent by itself, and what goes back together.
_DEPENDENT = ("DynamicMemoryEnabled", "VirtualQuantity", "Reservation", "Limit")

FRESH: dict[str, Any] = {
    "DynamicMemoryEnabled": True,
    "VirtualQuantity": 1024,
    "Reservation": 512,
    "Limit": 1048576,
    "TargetMemoryBuffer": 20,
    "Weight": 5000,
}


def parse(options: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted options in bytes and percent, within their bounds; the belief unless it is auto. Raises Invalid."""
    wanted, belief = table.parse(PROPERTIES, options), options.get(_BELIEF, "auto")
    return {**wanted, _BELIEF: belief} if wanted and belief != "auto" else wanted


def expected(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The memory options as they are after the wanted ones were written."""
    return table.expected(PROPERTIES, row, _amounts(wanted))


def _amounts(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted options that are properties of the memory.

    Bounds of dynamic memory beside `dynamic: false` say nothing about the VM, as long as they fit.
    """
    ignored = {_BELIEF} | (_BOUNDS if _fitting_bounds(wanted) else set())
    return {option: value for option, value in wanted.items() if option not in ignored}


def _fitting_bounds(wanted: Mapping[str, Any]) -> bool:
    amounts = [wanted[option] for option in ("minimum", "startup", "maximum") if option in wanted]
    return wanted.get("dynamic") is False and amounts == sorted(amounts)


def described(options: Mapping[str, Any]) -> dict[str, Any]:
    """Memory options as results show them: static memory has no minimum and maximum, whatever Hyper-V stores there."""
    hidden = {"minimum": None, "maximum": None} if options["dynamic"] is False else {}
    return {**options, **hidden}


def amounts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Whether memory is dynamic, and its amounts, as diffs show them."""
    options = described(table.read(_AMOUNTS, row))
    return {row.option: row.format(options[row.option]) for row in _AMOUNTS if options[row.option] is not None}


def check(vm: VM, row: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise Invalid if the memory that would result is impossible."""
    result = table.expected(PROPERTIES, row, wanted)
    for option in ("startup", "minimum", "maximum"):
        if option in wanted and wanted[option] % ALIGNMENT:
            raise Invalid(f"{format_size(wanted[option])} of {vm} is not a multiple of 2MB", option=option)
    if not result["dynamic"]:
        useless = [option for option in ("minimum", "maximum") if option in wanted]
        if useless:
            raise Invalid(
                f"{vm} has static memory, which has no {' and '.join(useless)}, only 'startup'; "
                "add 'dynamic: true', or leave the option out",
                option=useless[0],
            )
        return
    low, start, high = (result[option] for option in ("minimum", "startup", "maximum"))
    if not low <= start <= high:
        raise Invalid(
            f"{vm} would get minimum {format_size(low)}, startup {format_size(start)} and maximum {format_size(high)}; "
            "minimum <= startup <= maximum is required; set the other values as well"
            + ("" if "dynamic" in wanted else ", or 'dynamic: false' for static memory"),
            option=next(option for option in ("startup", "minimum", "maximum", "dynamic") if option in wanted),
        )


def values(changes: list[Change], row: Mapping[str, Any]) -> dict[str, Any]:
    """The CIM properties to write.

    Limit and Reservation of a static VM are invisible to people, but the provider wants them around the quantity.
    """
    written = table.values(changes)
    quantity = written.get("VirtualQuantity")
    if quantity and not {**row, **written}["DynamicMemoryEnabled"]:
        if (row["Reservation"] or 0) > quantity:
            written["Reservation"] = quantity
        if (row["Limit"] or 0) < quantity:
            written["Limit"] = quantity
    return written


def fresh_values(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """All CIM properties of a new VM's memory, so that they don't depend on the host's defaults."""
    return {**FRESH, **values(table.changes(PROPERTIES, FRESH, _amounts(wanted)), FRESH)}


# What a hypervisor in the guest doesn't notice.
_NO_AMOUNT = ("buffer", "priority")


def needing_off(vm: VM, changes: list[Change], dynamic: bool, inside: bool) -> list[str]:
    """The options of these changes that the VM doesn't take in its present state (as Set-VMMemory).

    ``dynamic`` is its memory now, ``inside`` whether Hyper-V counts as running in the guest.
    """
    if vm.state == OFF:
        return []
    if vm.state != RUNNING:
        return [change.option for change in changes]
    if inside:
        return [change.option for change in changes if change.option not in _NO_AMOUNT]
    return [change.option for change in changes if not _live(change, dynamic)]


def _live(change: Change, dynamic: bool) -> bool:
    """Whether a running VM takes this change: dynamic memory can only be widened, static memory is resized."""
    match change.option:
        case "minimum":
            return dynamic and change.after < change.before
        case "maximum":
            return dynamic and change.after > change.before
        case "startup":
            return not dynamic
    return change.option in _NO_AMOUNT


def hypervisor_inside(parts: Parts, belief: str) -> bool:
    """Whether Hyper-V counts as running inside a VM, which its host can't see; at most one request."""
    if parts.vm.state == OFF or belief == "ignore":
        return False
    return belief == "assume" or bool(parts.processor["ExposeVirtualizationExtensions"])


def plan(parts: Parts, wanted: Mapping[str, Any], belief: str | None = None) -> list[Step]:
    """The step to the wanted (parsed) memory. Raises Invalid, Refused.

    ``belief`` is the option hypervisor_in_guest, for whom it isn't among the wanted ones.
    """
    vm, row = parts.vm, parts.planned_memory
    if not wanted:
        return []
    belief, wanted = belief or wanted.get(_BELIEF, "auto"), _amounts(wanted)
    check(vm, row, wanted)
    changes = table.changes(PROPERTIES, row, wanted)
    inside = bool(changes) and hypervisor_inside(parts, belief)
    written = values(changes, row)
    if vm.state != OFF and any(change.option == "startup" for change in changes):
        capacity.check_memory(parts.host, wanted["startup"], str(vm), "startup")
    parts.planned_memory = {**row, **written}
    return [
        step(
            f"set memory of {vm}",
            changes,
            lambda: write(parts, written),
            needing_off(vm, changes, row["DynamicMemoryEnabled"], inside),
            parts.rules.MEMORY_WHILE_NESTED if inside else None,
            lambda: put_back(parts, resources.previous(row, {*written, *_DEPENDENT})),
        )
    ]


def check_start(parts: Parts, option: str) -> None:
    """Raise Refused if the VM couldn't start with the planned memory. A VM with power has its memory already."""
    startup = (parts.planned_memory["VirtualQuantity"] or 0) * _MB
    capacity.check_memory(parts.host, startup, str(parts.vm), option)


def write(parts: Parts, written: Mapping[str, Any]) -> None:
    """Write memory properties; dynamic memory and virtual NUMA exclude each other, so the latter goes first."""
    if written.get("DynamicMemoryEnabled") and parts.settings["VirtualNumaEnabled"]:
        resources.modify_settings(parts.host, parts.vm, {"VirtualNumaEnabled": False})
    what = f"change {', '.join(written)} of {parts.vm}"
    resources.modify(parts.host, MEMORY, parts.memory["InstanceID"], written, what)


def put_back(parts: Parts, values: Mapping[str, Any]) -> None:
    """Write the previous memory properties, and virtual NUMA if dynamic memory took its place."""
    resources.modify(parts.host, MEMORY, parts.memory["InstanceID"], values, f"put back the memory of {parts.vm}")
    if values.get("DynamicMemoryEnabled") is False and parts.settings["VirtualNumaEnabled"]:
        resources.modify_settings(parts.host, parts.vm, {"VirtualNumaEnabled": True})
