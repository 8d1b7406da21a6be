# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides whether Hyper-V can run inside a VM, read from the host that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._policy import nesting as policy
from ..._policy.rules import DYNAMIC_MEMORY_WHILE_NESTED
from ..._task import table
from ..._task.errors import Invalid, Refused
from ..._task.session import Host
from ..._task.step import Step, step
from ..._task.table import MEGABYTES, Property
from ..network import adapter
from ..network import adapter_plan as port
from ..network.adapter import Adapter
from ..schema import CPU, OPERATING_SYSTEM, PORT_SECURITY, PROCESSOR, VM_SETTINGS
from . import memory, processor
from .find import VM, modify_resource, setting

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


def minimum_startup_memory(params: Mapping[str, Any]) -> int | None:
    """The option in bytes, or None where it isn't given. Raises Invalid."""
    return table.parse(_MINIMUM, params).get("minimum_startup_memory")


def spoofing(params: Mapping[str, Any]) -> bool | None:
    """What ``network`` and ``mac_spoofing`` ask of the adapters together, None to leave them alone. Raises Invalid."""
    allowed = params.get("mac_spoofing")
    if params.get("network") == SPOOFING:
        if allowed is False:
            raise Invalid("mac_spoofing: 'network: mac_spoofing' switches it on; leave one of them out")
        if params["state"] == "disabled":
            raise Invalid(
                "network: a VM with 'state: disabled' has no nested guests to connect; leave it out, "
                "or give 'mac_spoofing' by itself"
            )
        allowed = True
    if params.get("adapters") and allowed is None:
        raise Invalid("adapters: says where MAC address spoofing is meant; add 'network: mac_spoofing'")
    return allowed


def wanted_memory(instance: Mapping[str, Any], static: bool, minimum: int | None) -> dict[str, Any]:
    """The memory options that nesting asks for; a maximum below the raised startup memory moves along."""
    current = table.read(memory.PROPERTIES, instance)
    wanted: dict[str, Any] = {"dynamic": False} if static else {}
    if minimum is not None and current["startup"] < minimum:
        wanted["startup"] = minimum
        if current["dynamic"] and not static and current["maximum"] < minimum:
            wanted["maximum"] = minimum
    return wanted


def lacks(host: Host, vm: VM, version: str | None = None) -> list[policy.Lack]:
    """The rules of nesting that this host's processor and build and the VM's version break.

    Three requests, or two where the version is known. A VM that isn't there yet gets the host's newest version, which
    can nest where the host can.
    """
    vendor, build = host.once("nesting", lambda: _vendor_and_build(host))
    if version is None and vm.id:
        version = setting(host, vm, VM_SETTINGS)["Version"]
    return policy.lacks(vendor, build, version)


def _vendor_and_build(host: Host) -> tuple[str, int]:
    vendor = host.client.query(CPU, columns=("DeviceID", "Manufacturer"))[0]["Manufacturer"] or ""
    build = host.client.query(OPERATING_SYSTEM, columns=("Name", "BuildNumber"))[0]["BuildNumber"]
    return vendor, int(build)


def check(host: Host, vm: VM, version: str | None = None) -> None:
    """Raise Refused, with the rule's id and source, where this VM can't nest on this host."""
    broken = lacks(host, vm, version)
    if broken:
        raise Refused(
            f"{vm} can't run Hyper-V on this host: {'; '.join(one.sentence() for one in broken)}. "
            f"Move it to a host that can, or upgrade the VM's configuration version while it is off "
            f"(it can't be taken back)",
            vm=vm.name,
            lacks=[{**one.rule.details(), "found": one.found} for one in broken],
            **broken[0].rule.details(),
        )


def plan(
    host: Host,
    vm: VM,
    params: Mapping[str, Any],
    processor_row: Mapping[str, Any],
    read_memory: Callable[[], Mapping[str, Any]],
    adapters: list[Adapter],
    section: str = "",
    version: str | None = None,
) -> list[Step]:
    """The steps to what nesting needs; check() refuses before the extensions are exposed where they can't work.

    Memory is read where the options look at it, and where the extensions are about to be exposed, for the warning.
    """
    enabled = params["state"] == "enabled"
    differences = table.changes(processor.NESTING, processor_row, {"virtualization_extensions": enabled})
    if differences and enabled:
        check(host, vm, version)
    # Alone in its request: the provider refuses the flag together with a property that the VM's version doesn't know.
    extensions = step(
        f"set virtualization extensions of {vm}",
        differences,
        lambda: modify_resource(host, vm, PROCESSOR, processor_row["InstanceID"], table.values(differences)),
        section=section,
    )
    steps = [extensions]
    if _needs_memory(params):
        row = read_memory()
        wanted = wanted_memory(row, params["static_memory"], minimum_startup_memory(params))
        steps.append(memory.plan(host, vm, row, wanted, "assume", section))
    if differences and enabled and not params["static_memory"] and read_memory()["DynamicMemoryEnabled"]:
        rule = DYNAMIC_MEMORY_WHILE_NESTED
        host.once((rule.id, vm.name), lambda: host.warn(f"{vm}: {rule.text} (rule {rule.id}, {rule.source})"))
    return steps + _mac_spoofing(host, vm, spoofing(params), params["adapters"], adapters, section)


def _needs_memory(params: Mapping[str, Any]) -> bool:
    """Whether these options look at the VM's memory at all."""
    return params["static_memory"] or params["minimum_startup_memory"] is not None


def _mac_spoofing(
    host: Host, vm: VM, allowed: bool | None, names: list[str] | None, adapters: list[Adapter], section: str
) -> list[Step]:
    if allowed is None:
        return []

    def one_step(one: Adapter) -> Step:
        name = adapter.label(one, adapters)
        before = {"mac_spoofing": {name: one.feature(PORT_SECURITY)["AllowMacSpoofing"]}}
        after = {"mac_spoofing": {name: allowed}}
        return Step(
            f"set MAC address spoofing of adapter '{name}' of {vm}",
            {section: before} if section else before,
            {section: after} if section else after,
            lambda: port.set_feature(host, vm, one, PORT_SECURITY, {"AllowMacSpoofing": allowed}),
        )

    return [one_step(one) for one in adapter.select(vm, adapters, names)]
