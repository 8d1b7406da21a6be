# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole VM: making it, everything that it is made of read at once, planning all of it, and destroying it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Invalid, MethodFailed, Missing, Refused, within
from ..._task.session import Host
from ..._task.step import Step, merge, needing_off_for, under
from ..._task.units import format_size
from ..._wsman import cim
from ..._wsman.cim import CimClass
from .. import jobs
from ..network import adapter
from ..network import adapter_batch as new_adapters
from ..network import adapter_plan as port
from ..network.adapter import Adapter
from ..schema import (
    CONNECTION,
    INTEGRATION_SERVICES,
    LEGACY_ADAPTER,
    MEDIUM,
    MEMORY,
    PORT_SECURITY,
    PROCESSOR,
    RESOURCE,
    SYNTHETIC_ADAPTER,
    VM_CONFIGURATION,
    VM_SERVICE,
)
from ..storage import disk_file as disk
from ..storage import drive
from ..storage import layout as storage
from ..storage.layout import DISK, IDE, Layout
from . import checkpoint, integration, memory, nesting, processor, security
from . import parts as components
from . import settings as configuration
from .find import OFF, VM
from .settings import generation

OPTIONS: dict[str, Any] = {
    "generation": {"type": "int", "choices": [1, 2]},
    "version": {"type": "str"},
    "path": {"type": "str"},
    **configuration.OPTIONS,
    "processor": {"type": "dict", "options": processor.OPTIONS},
    "memory": {"type": "dict", "options": memory.OPTIONS},
    "nesting": {"type": "dict", "options": nesting.OPTIONS},
    "network_adapters": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str", "required": True}, **adapter.OPTIONS},
    },
    "disks": {"type": "list", "elements": "dict", "options": drive.DISK_OPTIONS},
    "dvd_drives": {"type": "list", "elements": "dict", "options": drive.DVD_OPTIONS},
    "tpm": {"type": "bool"},
    "integration_services": {"type": "dict", "options": integration.OPTIONS},
}

_SUBTYPE = "Microsoft:Hyper-V:SubType:{}"
_MOST_NAME = 100  # characters
_ROOTS = ("ConfigurationDataRoot", "SnapshotDataRoot", "SuspendDataRoot", "SwapFileDataRoot", "LogDataRoot")

# The host's templates that settings of a new VM stand for (Msvm_SettingsDefineCapabilities; libhvee sends them so).
_TEMPLATES = {
    PROCESSOR.name: r"Microsoft:Definition\B637F347-6A0E-4DEC-AF52-BD70CB80A21D\Default",
    MEMORY.name: r"Microsoft:Definition\4764334E-E001-4176-82EE-5594EC9B530E\Default",
}


class Whole(NamedTuple):
    """Everything of a VM that a plan compares with."""

    configuration: Mapping[str, Any]
    processor: Mapping[str, Any]
    memory: Mapping[str, Any]
    adapters: list[Adapter]
    layout: Layout
    integration: Mapping[str, Mapping[str, Any]]
    security: Mapping[str, Any]


def read(host: Host, vm: VM, params: Mapping[str, Any]) -> Whole:
    """The VM as it is, as far as the options look."""
    parts = components.read(host, vm)
    if not (parts[PROCESSOR.name] and parts[MEMORY.name]):
        raise Missing(f"{vm} has no settings; somebody removes it just now, or you may not see them", vm=vm.name)
    return Whole(
        configuration.read(host, vm),
        parts[PROCESSOR.name][0],
        parts[MEMORY.name][0],
        adapter.arrange(
            [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in parts[cls.name]],
            parts[CONNECTION.name],
            components.features(host, vm, _features(params)) if parts[CONNECTION.name] else {},
        ),
        storage.arrange(parts[RESOURCE.name], parts[MEDIUM.name]),
        {name: rows[0] for name, cls in INTEGRATION_SERVICES.items() if (rows := parts[cls.name])},
        security.read(host, vm) if params["tpm"] is not None else security.FRESH,
    )


def _features(params: Mapping[str, Any]) -> list[CimClass]:
    """The adapter features that the options look at."""
    asked = [cls for one in params["network_adapters"] or () for cls in adapter.parse(one).features]
    if nesting.spoofing(params["nesting"] or {}) is not None:
        asked.append(PORT_SECURITY)
    return [cls for cls in adapter.FEATURES if cls in asked]


def fresh(params: Mapping[str, Any]) -> Whole:
    """A VM as Hyper-V makes it, to plan one that isn't there yet."""
    number = params["generation"] or 2
    layout = Layout({(IDE, 0): "", (IDE, 1): ""} if number == 1 else {})
    shell = {"VirtualSystemSubType": _SUBTYPE.format(number), **configuration.FRESH, "Version": params["version"]}
    if number == 1:
        shell["SecureBootEnabled"] = False
    return Whole(shell, processor.FRESH, memory.FRESH, [], layout, integration.FRESH, security.FRESH)


def parse(params: Mapping[str, Any]) -> dict[str, Any]:
    """Every option parsed, before anything is read. Raises Invalid."""
    for section, key, parse_one in (
        ("disks", "path", drive.parse_disk),
        ("dvd_drives", "", drive.parse_dvd),
        ("network_adapters", "name", adapter.parse),
    ):
        with within(section):
            for one in params[section] or ():
                parse_one(one)
            if key:
                _check_distinct(key, [one[key] for one in params[section] or ()])
    with within("nesting"):
        nesting.minimum_startup_memory(params["nesting"] or {})
        nesting.spoofing(params["nesting"] or {})
    if params["path"]:
        disk.check_path("path", disk.normal(params["path"]))
    with within("processor"):
        processor_wanted = table.parse(processor.PROPERTIES, params["processor"] or {})
    with within("memory"):
        memory_wanted = table.parse(memory.PROPERTIES, params["memory"] or {})
    _check_agreeing(memory_wanted, params["nesting"] or {})
    return {**configuration.parse(params), "processor": processor_wanted, "memory": memory_wanted}


def _check_agreeing(memory_wanted: Mapping[str, Any], nesting_options: Mapping[str, Any]) -> None:
    """Raise Invalid where memory and nesting ask for opposites, which each run would change again."""
    least, startup = nesting.minimum_startup_memory(nesting_options), memory_wanted.get("startup")
    if least is not None and startup is not None and startup < least:
        raise Invalid(
            f"memory.startup: {format_size(startup)} is below nesting.minimum_startup_memory, {format_size(least)}; "
            "leave one of them out"
        )
    if memory_wanted.get("dynamic") and nesting_options.get("static_memory"):
        raise Invalid("memory.dynamic: nesting.static_memory asks for the opposite; leave one of them out")


def _check_distinct(option: str, values: list[str]) -> None:
    """Raise Invalid where two entries of a list are about the same thing."""
    seen: set[str] = set()
    for value in values:
        if value.lower() in seen:
            raise Invalid(f"{option}: '{value}' is there twice; put what both entries say into one")
        seen.add(value.lower())


def plan(host: Host, vm: VM, params: Mapping[str, Any], wanted: Mapping[str, Any], now: Whole) -> list[Step]:
    """The steps from what a VM is to what the options ask for, in the order that Hyper-V wants.

    Nothing is written and everything is checked, so that the last option's refusal comes before the first one's
    write. Raises Invalid, Refused.
    """
    return [
        *plan_settings(host, vm, params, wanted, now),
        *plan_devices(host, vm, params, wanted, now),
    ]


def plan_settings(host: Host, vm: VM, params: Mapping[str, Any], wanted: Mapping[str, Any], now: Whole) -> list[Step]:
    """The steps to what a new VM can be made with: its own settings, processor and memory."""
    _check_kept(vm, params, now, generation(now.configuration))
    configuration.check(host, vm, now.configuration, wanted)
    return [
        configuration.plan(host, vm, now.configuration, wanted),
        processor.plan(host, vm, now.processor, wanted["processor"], "processor"),
        memory.plan(host, vm, now.memory, wanted["memory"], section="memory"),
    ]


def plan_devices(host: Host, vm: VM, params: Mapping[str, Any], wanted: Mapping[str, Any], now: Whole) -> list[Step]:
    """The steps to everything else."""
    number = generation(now.configuration)
    targets = {one.name: port.Target(host, vm, one) for one in now.adapters}
    with within("network_adapters"):
        steps = _adapter_steps(host, vm, params, now.adapters, targets)
    with within("disks"):
        for one in params["disks"] or ():
            made = None if vm.id else folder(vm.name, params)
            planned = drive.plan_disk(host, vm, number, now.layout, one, made)
            steps += needing_off_for("disks", planned)
    with within("dvd_drives"):
        planned = drive.plan_dvds(host, vm, number, now.layout, params["dvd_drives"] or [])
        steps += needing_off_for("dvd_drives", planned)
    steps += integration.plan(host, vm, now.integration, params["integration_services"] or {})
    steps += security.plan(host, vm, now.security, params["tpm"], number)
    with within("nesting"):
        steps += _nesting_steps(host, vm, params, now, wanted)

    def adapter_ids() -> dict[str, str]:
        return {name: target.adapter.id if target.adapter else "" for name, target in targets.items()}

    order = (params["firmware"] or {}).get("boot_order")
    return steps + configuration.plan_boot_order(host, vm, now.configuration, order, now.layout, adapter_ids)


def _check_kept(vm: VM, params: Mapping[str, Any], now: Whole, number: int) -> None:
    """Raise Refused where an option asks for what a VM has for life."""
    if params["generation"] not in (None, number):
        raise Refused(
            f"generation: {vm} is of generation {number}, which can't be changed. Make another VM, or leave it out",
            vm=vm.name,
        )
    version = now.configuration["Version"]
    if params["version"] is not None and version is not None and params["version"] != version:
        raise Refused(
            f"version: {vm} has configuration version {version}, which is set when a VM is made. Leave it out, or make "
            "another VM",
            vm=vm.name,
        )


def _adapter_steps(
    host: Host, vm: VM, params: Mapping[str, Any], adapters: list[Adapter], targets: dict[str, port.Target]
) -> list[Step]:
    """The steps to the adapters that are asked for; nesting's MAC spoofing goes to those that it means.

    ``targets`` by name are what the steps make of the adapters, for steps that come later.
    """
    steps: list[Step] = []
    new: dict[str, adapter.Wanted] = {}
    for one in params["network_adapters"] or ():
        name = one["name"]
        there = _adapter_named(vm, adapters, name)
        spoofing = _nesting_spoofing(params["nesting"], name)
        asked = {**one, "name": None, "mac_spoofing": spoofing if one["mac_spoofing"] is None else one["mac_spoofing"]}
        target = targets[name] = port.Target(host, vm, there)
        if there:
            steps += [under(step, "network_adapters", name) for step in port.plan(target, name, adapter.parse(asked))]
        else:
            new[name] = adapter.parse(asked)
    return steps + new_adapters.plan(host, vm, new, targets) if new else steps


def _adapter_named(vm: VM, adapters: list[Adapter], name: str) -> Adapter | None:
    """The one adapter of this name. Raises Refused where several have it."""
    same = [one for one in adapters if one.name.lower() == name.lower()]
    if len(same) > 1:
        ids = ", ".join(one.id for one in same)
        raise Refused(
            f"name: {len(same)} adapters of {vm} are named '{name}'; rename or remove all but one of "
            f"them with vm_network_adapter first, which chooses by id: {ids}",
            vm=vm.name,
            adapter=name,
        )
    return same[0] if same else None


def _nesting_spoofing(nesting_options: Mapping[str, Any] | None, name: str) -> bool | None:
    """What nesting asks of the adapter of this name."""
    options = nesting_options or {}
    names = options.get("adapters")
    meant = names is None or name.lower() in (one.lower() for one in names)
    return nesting.spoofing(options) if meant else None


def _nesting_steps(host: Host, vm: VM, params: Mapping[str, Any], now: Whole, wanted: Mapping[str, Any]) -> list[Step]:
    """Nesting looks at memory as the earlier steps leave it, and at the adapters that those don't speak of."""
    options = params["nesting"]
    if options is None:
        return []
    changed = {
        row.cim: row.kind.write(wanted["memory"][row.option])
        for row in memory.PROPERTIES
        if row.option in wanted["memory"]
    }
    told = {one["name"].lower() for one in params["network_adapters"] or ()}
    names = None if options["adapters"] is None else [one for one in options["adapters"] if one.lower() not in told]
    return nesting.plan(
        host,
        vm,
        {**options, "adapters": names},
        now.processor,
        lambda: {**now.memory, **changed},
        [one for one in now.adapters if one.name.lower() not in told],
        "nesting",
        now.configuration["Version"],
    )


# ---- making and destroying ----


def check_new(name: str | None) -> None:
    """Raise Invalid where no VM can be made under this name."""
    if not name:
        raise Invalid("id: no VM has this id, and a VM that is made gets a new one; give its 'name' instead")
    if not name.strip() or len(name) > _MOST_NAME:
        raise Invalid(f"name: a VM's name has 1 to {_MOST_NAME} characters, '{name[:20]}…' has {len(name)}")


def describe_new(name: str, params: Mapping[str, Any], steps: list[Step]) -> Step:
    """The making of a VM as one step: from absent to everything that the steps give it."""
    after: dict[str, Any] = {"state": "present", "name": name, "generation": params["generation"] or 2}
    after |= {option: params[option] for option in ("version", "path") if params[option] is not None}
    for one in steps:
        if one.before != one.after:
            merge(after, one.after)
    return Step(f"make the VM '{name}'", {"state": "absent"}, after, lambda: None)


def folder(name: str, params: Mapping[str, Any]) -> str | None:
    """The folder that a new VM gets for its files, where the option ``path`` is given."""
    return disk.normal(params["path"]).rstrip("\\") + "\\" + name if params["path"] else None


def would_make(host: Host, name: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What later tasks of a check find only because of this one: the VM, its folder, its disk files."""
    where = folder(name, params)
    made = [("vm", name), *([("folder", where)] if where else [])]
    return made + [found for one in params["disks"] or () for found in drive.would_make(host, one["path"])]


def create(host: Host, name: str, params: Mapping[str, Any], wanted: Mapping[str, Any]) -> VM:
    """Make a VM with these settings, which is off and has no devices but those that Hyper-V gives every VM."""
    values: dict[str, Any] = {
        "ElementName": name,
        "VirtualSystemSubType": _SUBTYPE.format(params["generation"] or 2),
        **configuration.values(wanted),
    }
    if where := folder(name, params):
        values |= dict.fromkeys(_ROOTS, where)
    if params["version"]:
        values["Version"] = params["version"]
    answer = jobs.call(
        host,
        VM_SERVICE,
        "DefineSystem",
        {"SystemSettings": cim.embedded(VM_CONFIGURATION, values), "ResourceSettings": _resources(wanted)},
        returns={"ResultingSystem": "ref"},
        what=f"make the VM '{name}'",
    )
    made = answer.get("ResultingSystem")
    if made is None:
        raise MethodFailed(f"the host made the VM '{name}', but didn't tell its id", method="DefineSystem")
    return VM(made.keys["Name"].upper(), name, OFF)


def _resources(wanted: Mapping[str, Any]) -> list[str]:
    """Processor and memory as the VM is made with them; what a host makes of them is read and put right afterwards."""
    given = (
        (PROCESSOR, table.values(table.changes(processor.PROPERTIES, {}, wanted["processor"]))),
        (MEMORY, memory.fresh_values(wanted["memory"]) if wanted["memory"] else {}),
    )
    return [cim.embedded(cls, {"InstanceID": _TEMPLATES[cls.name], **values}) for cls, values in given if values]


def destroy(host: Host, vm: VM) -> None:
    """Remove a VM that is off; its disks stay."""
    jobs.call(host, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}, what=f"remove {vm}")


def plan_removal(host: Host, vm: VM, remove_checkpoints: bool, delete_disks: bool) -> list[Step]:
    """The steps that remove a VM. Raises Refused where it has checkpoints, or disks that others need."""
    checkpoints = checkpoint.read(host, vm)
    kept = [one for one in checkpoints if not one.automatic]
    if kept and not remove_checkpoints:
        names = ", ".join(f"'{one.name}'" for one in kept)
        raise Refused(
            f"{vm} has checkpoints ({names}), which go with it. Delete them first, or allow it with "
            "'remove_checkpoints: true'",
            vm=vm.name,
            checkpoints=[one.name for one in kept],
        )
    steps = [Step(f"remove {vm}", {"state": "present"}, {"state": "absent"}, lambda: destroy(host, vm), ("state",))]
    if delete_disks:
        with within("delete_disks"):
            for path in _files(host, vm):
                steps += drive.plan_delete(host, path, vm, [one.guid for one in checkpoints])
    return steps


def _files(host: Host, vm: VM) -> list[str]:
    """The disk files of a VM that people made; those of its checkpoints are merged into them when it is removed."""
    files = [one.path for one in storage.read(host, vm).drives if one.kind == DISK and one.path]
    return [disk.base(host, path) for path in files if disk.is_disk(path)]
