# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nested virtualization of a VM: virtualization extensions, and the memory and adapters that nested VMs need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Invalid, Refused, renamed
from ..._task.session import Target
from ..._task.step import Step, step
from ..._task.table import MEGABYTES, Property
from ..host import capacity
from ..network import adapter, adapter_plan
from ..network.adapter import Adapter
from ..schema import PORT_SECURITY
from . import memory, processor
from .parts import Parts

SPOOFING = "mac_spoofing"

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "network": {"type": "str", "choices": [SPOOFING, "nat", "leave"], "default": "leave"},
    "mac_spoofing": {"type": "bool"},
    "adapters": {"type": "list", "elements": "str"},
    "static_memory": {"type": "bool", "default": False},
    "minimum_startup_memory": {"type": "str"},
}

_MINIMUM = (Property("minimum_startup_memory", "VirtualQuantity", MEGABYTES, least=memory.LEAST, most=memory.MOST),)

# The options behind the memory options that nesting sets.
_MEMORY_OPTIONS = {
    "dynamic": "static_memory",
    "startup": "minimum_startup_memory",
    "maximum": "minimum_startup_memory",
}


class Wanted(NamedTuple):
    """The options, parsed. ``spoofing`` and ``minimum`` (bytes) are None to leave the setting alone.

    ``names`` are the adapters that spoofing is meant for, None for all; those in ``others`` (lower case) are configured
    by other options of the task.
    """

    enabled: bool
    spoofing: bool | None
    names: list[str] | None
    static_memory: bool
    minimum: int | None
    others: Collection[str] = ()

    def spoofing_of(self, name: str) -> bool | None:
        """The MAC address spoofing that is wanted for the adapter of this name."""
        meant = self.names is None or name.lower() in (meant.lower() for meant in self.names)
        return self.spoofing if meant else None


def parse(options: Mapping[str, Any]) -> Wanted | None:
    """The wanted nesting; None for no options at all. Raises Invalid."""
    if not options:
        return None
    minimum = table.parse(_MINIMUM, options).get("minimum_startup_memory")
    enabled = options["state"] == "enabled"
    return Wanted(enabled, _spoofing(options), options["adapters"], options["static_memory"], minimum)


def _spoofing(options: Mapping[str, Any]) -> bool | None:
    """What ``network`` and ``mac_spoofing`` together ask of the adapters. Raises Invalid."""
    allowed = options["mac_spoofing"]
    if options["network"] == SPOOFING:
        if allowed is False:
            raise Invalid("'network: mac_spoofing' switches it on; leave one of them out", option="mac_spoofing")
        if options["state"] == "disabled":
            raise Invalid(
                "a VM with 'state: disabled' has no nested guests to connect; leave it out, "
                "or give 'mac_spoofing' by itself",
                option="network",
            )
        allowed = True
    if options["adapters"] and allowed is None:
        raise Invalid("says which adapters MAC address spoofing is for; add 'network: mac_spoofing'", option="adapters")
    return allowed


def wanted_memory(row: Mapping[str, Any], static: bool, minimum: int | None) -> dict[str, Any]:
    """The memory options that nesting asks for; a maximum below the raised startup memory is raised as well."""
    current = table.read(memory.PROPERTIES, row)
    wanted: dict[str, Any] = {"dynamic": False} if static else {}
    if minimum is not None and current["startup"] < minimum:
        wanted["startup"] = minimum
        if current["dynamic"] and not static and current["maximum"] < minimum:
            wanted["maximum"] = minimum
    return wanted


def query_vendor_and_build(host: Target) -> tuple[str, int]:
    """Vendor of the host's processor and build of its Windows; two requests."""
    return capacity.query_processors(host)[0]["Manufacturer"] or "", int(capacity.query_windows(host)["BuildNumber"])


def check_supported(parts: Parts) -> None:
    """Raise Refused, with the rule's id and source, if this VM can't nest on this host; up to three requests.

    A VM that doesn't exist yet gets the host's latest version, which can nest if the host can.
    """
    vendor, build = query_vendor_and_build(parts.host)
    broken = parts.rules.lacks(vendor, build, parts.planned_version)
    if broken:
        raise Refused(
            f"{parts.vm} can't run Hyper-V on this host: {'; '.join(lack.sentence() for lack in broken)}. "
            "Move it to a host that can, or upgrade the VM's configuration version (module vm with 'version: latest' "
            "and 'upgrade_version: true', which can't be undone)",
            vm=parts.vm.name,
            lacks=[{**lack.rule.details(), "found": lack.observed} for lack in broken],
            **broken[0].rule.details(),
        )


def plan(parts: Parts, wanted: Wanted | None) -> list[Step]:
    """The steps to the wanted nesting. Raises Refused if the extensions would be exposed but can't work.

    Memory is read if the options look at it, and if the extensions are about to be exposed, for the warning.
    """
    if wanted is None:
        return []
    vm = parts.vm
    changes = table.changes(processor.NESTING, parts.processor, {"virtualization_extensions": wanted.enabled})
    if changes and wanted.enabled:
        check_supported(parts)
    # Alone in its request: the provider refuses the flag together with a property that the VM's version doesn't know.
    written = table.values(changes)
    steps = [
        step(
            f"set virtualization extensions of {vm}",
            changes,
            lambda: processor.write(parts, written),
            _options(changes),
            undo=lambda: processor.write(parts, {name: not value for name, value in written.items()}),
        )
    ]
    if wanted.static_memory or wanted.minimum is not None:
        steps += _memory_steps(parts, wanted)
    if changes and wanted.enabled and parts.planned_memory["DynamicMemoryEnabled"]:
        rule = parts.rules.DYNAMIC_MEMORY_WHILE_NESTED
        parts.host.warn(f"{vm}: {rule.message} (rule {rule.id}, {rule.source})")
    return steps + _spoofing_steps(parts, wanted)


def _options(changes: list[table.Change]) -> list[str]:
    """The option that exposes the extensions."""
    return ["state"] if changes else []


def _memory_steps(parts: Parts, wanted: Wanted) -> list[Step]:
    options = wanted_memory(parts.planned_memory, wanted.static_memory, wanted.minimum)
    with renamed(_MEMORY_OPTIONS):
        steps = memory.plan(parts, options, "assume")
    return [
        step._replace(needs_off=tuple(dict.fromkeys(_MEMORY_OPTIONS[option] for option in step.needs_off)))
        for step in steps
    ]


def _spoofing_steps(parts: Parts, wanted: Wanted) -> list[Step]:
    if wanted.spoofing is None:
        return []
    adapters = [target for target in parts.adapters if target.name.lower() not in wanted.others]
    names = wanted.names and [name for name in wanted.names if name.lower() not in wanted.others]
    return [
        _spoofing_step(parts, target, adapter.label(target, adapters), wanted.spoofing)
        for target in adapter.select(parts.vm, adapters, names)
    ]


def _spoofing_step(parts: Parts, target: Adapter, label: str, allowed: bool) -> Step:
    before = {"mac_spoofing": {label: target.feature(PORT_SECURITY)["AllowMacSpoofing"]}}
    return Step(
        f"set MAC address spoofing of adapter '{label}' of {parts.vm}",
        before,
        {"mac_spoofing": {label: allowed}},
        lambda: adapter_plan.write_feature(parts.host, parts.vm, target, PORT_SECURITY, {"AllowMacSpoofing": allowed}),
    )
