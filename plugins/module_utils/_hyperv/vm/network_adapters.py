# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All network adapters of a VM, as the option ``network_adapters`` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._task.errors import Refused
from ..._task.given import check_distinct
from ..._task.step import Step, entry
from ..network import adapter, adapter_batch, adapter_plan
from ..network.adapter import Adapter, Slot
from .parts import Parts

OPTIONS: dict[str, Any] = {"name": {"type": "str", "required": True}, **adapter.OPTIONS}

Wanted = Mapping[str, Any]  # adapter.parse() by name of the adapter


def parse(entries: Iterable[Mapping[str, Any]]) -> Wanted:
    """The wanted adapters by name. Raises Invalid."""
    entries = list(entries)
    check_distinct((entry["name"] for entry in entries), "name")
    return {options["name"]: adapter.parse(options) for options in entries}


def plan(parts: Parts, wanted: Wanted) -> list[Step]:
    """The steps to the adapters that are listed; the others are not changed. Raises Invalid, Missing, Refused."""
    steps: list[Step] = []
    new: dict[str, Any] = {}
    addresses: dict[str, str] = {}
    for name, options in wanted.items():
        current = _named(parts, name)
        slot = parts.slots[name] = Slot(parts.host, parts.vm, current, lambda: parts.generation)
        if options.mac_address in addresses:
            other = f"adapter '{addresses[options.mac_address]}' of the same VM"
            adapter_plan.warn_of_duplicate(slot, name, options.mac_address, other)
        elif options.mac_address not in (None, adapter.DYNAMIC):
            addresses[options.mac_address] = name
        if current:
            steps += entry(name, adapter_plan.plan(slot, name, options).steps())
        else:
            new[name] = options
    return [*steps, *(adapter_batch.plan(new, parts.slots) if new else ())]


def _named(parts: Parts, name: str) -> Adapter | None:
    """The one adapter of this name. Raises Refused if several have it."""
    same = [candidate for candidate in parts.adapters if candidate.name.lower() == name.lower()]
    if len(same) > 1:
        ids = ", ".join(candidate.id for candidate in same)
        raise Refused(
            f"{len(same)} adapters of {parts.vm} are named '{name}'; rename or remove all but one of "
            f"them with vm_network_adapter first, which chooses by id: {ids}",
            option="name",
            vm=parts.vm.name,
            adapter=name,
        )
    return same[0] if same else None
