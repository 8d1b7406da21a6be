# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole VM: making it, everything that it is made of read at once, planning all of it, and destroying it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._wsman import cim
from .._wsman.cim import CimClass
from . import (
    adapter,
    configuration,
    disk,
    drive,
    integration,
    jobs,
    memory,
    nesting,
    port,
    processor,
    security,
    storage,
    table,
)
from .adapter import Adapter
from .configuration import generation
from .errors import Invalid, MethodFailed, Refused
from .schema import (
    CHECKPOINT,
    CONNECTION,
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
from .session import Host
from .step import Step, merge, under
from .storage import DISK, IDE, Layout
from .vm import OFF, VM

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

# What a VM is made of, as one query of its components returns it.
_COMPONENTS = {
    cls.name: cls for cls in (PROCESSOR, MEMORY, SYNTHETIC_ADAPTER, LEGACY_ADAPTER, CONNECTION, RESOURCE, MEDIUM)
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
    """The VM as it is, as far as the options look: its components come in one query, whatever their classes."""
    components: dict[str, list[dict[str, Any]]] = {name: [] for name in _COMPONENTS}
    for row in host.client.associators(
        vm.settings_reference, _COMPONENTS, assoc_class="Msvm_VirtualSystemSettingDataComponent"
    ):
        if row["__CLASS"] in components:
            components[row["__CLASS"]].append(row)
    features = _features(params)
    return Whole(
        configuration.read(host, vm),
        components[PROCESSOR.name][0],
        components[MEMORY.name][0],
        adapter.arrange(
            [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in components[cls.name]],
            components[CONNECTION.name],
            {cls.name: adapter.rows(host, [vm], cls) for cls in features if components[CONNECTION.name]},
        ),
        storage.arrange(components[RESOURCE.name], components[MEDIUM.name]),
        integration.read(host, vm, params["integration_services"] or {}),
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
    for section, parse_one in (("disks", drive.parse_disk), ("network_adapters", adapter.parse)):
        for one in params[section] or ():
            parse_one(one)
    nesting_options = params["nesting"] or {}
    nesting.minimum_startup_memory(nesting_options)
    nesting.spoofing(nesting_options)
    return {
        **configuration.parse(params),
        "processor": _in_section("processor", processor.PROPERTIES, params),
        "memory": _in_section("memory", memory.PROPERTIES, params),
    }


def _in_section(section: str, properties: tuple[table.Property, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return table.parse(properties, params[section] or {})
    except Invalid as error:
        raise Invalid(f"{section}.{error.message}") from error


def plan(
    host: Host, vm: VM, params: Mapping[str, Any], wanted: Mapping[str, Any], now: Whole, belief: str = "auto"
) -> list[Step]:
    """The steps from what a VM is to what the options ask for, in the order that Hyper-V wants.

    Nothing is written and everything is checked, so that the last option's refusal comes before the first one's
    write. Raises Invalid, Refused.
    """
    number = generation(now.configuration)
    _check_kept(vm, params, now, number)
    configuration.check(wanted, number)
    steps = [
        configuration.plan(host, vm, now.configuration, wanted),
        processor.plan(host, vm, now.processor, wanted["processor"], "processor"),
        memory.plan(host, vm, now.memory, wanted["memory"], belief, "memory"),
    ]
    targets = {one.name: port.Target(host, vm, one) for one in now.adapters}
    steps += _adapter_steps(host, vm, params, now.adapters, targets)
    for one in params["disks"] or ():
        steps += drive.plan_disk(host, vm, number, now.layout, one, folder(vm.name, params))
    for index, one in enumerate(params["dvd_drives"] or ()):
        steps += drive.plan_dvd(host, vm, number, now.layout, one, skip=index)
    steps += integration.plan(host, vm, now.integration, params["integration_services"] or {})
    steps += security.plan(host, vm, now.security, params["tpm"], number)
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
    for one in params["network_adapters"] or ():
        name = one["name"]
        same = [there for there in adapters if there.name.lower() == name.lower()]
        if len(same) > 1:
            ids = ", ".join(there.id for there in same)
            raise Refused(
                f"network_adapters: {len(same)} adapters of {vm} are named '{name}'; rename or remove all but one of "
                f"them with vm_network_adapter first, which chooses by id: {ids}",
                vm=vm.name,
                adapter=name,
            )
        spoofing = _nesting_spoofing(params["nesting"], name)
        asked = {**one, "name": None, "mac_spoofing": spoofing if one["mac_spoofing"] is None else one["mac_spoofing"]}
        target = targets[name] = port.Target(host, vm, same[0] if same else None)
        steps += [under(step, "network_adapters", name) for step in port.plan(target, name, adapter.parse(asked))]
    return steps


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
        {**now.memory, **changed} if nesting.needs_memory(options) else None,
        [one for one in now.adapters if one.name.lower() not in told],
        "nesting",
        now.configuration["Version"],
    )


# ---- making and destroying ----


def check_new(host: Host, name: str | None, params: Mapping[str, Any]) -> None:
    """Raise Invalid where no VM can be made of these options."""
    if not name:
        raise Invalid("id: no VM has this id, and a VM that is made gets a new one; give its 'name' instead")
    if not name.strip() or len(name) > _MOST_NAME:
        raise Invalid(f"name: a VM's name has 1 to {_MOST_NAME} characters, '{name[:20]}…' has {len(name)}")


def describe_new(name: str, params: Mapping[str, Any], steps: list[Step]) -> Step:
    """The making of a VM as one step: from absent to everything that the steps will give it."""
    after: dict[str, Any] = {"state": "present", "name": name, "generation": params["generation"] or 2}
    after |= {option: params[option] for option in ("version", "path") if params[option] is not None}
    for one in steps:
        if one.before != one.after:
            merge(after, one.after)
    return Step(f"make the VM '{name}'", {"state": "absent"}, after, lambda: None)


def folder(name: str, params: Mapping[str, Any]) -> str | None:
    """The folder that a new VM gets for its files, where the option ``path`` is given."""
    return params["path"].rstrip("\\") + "\\" + name if params["path"] else None


def create(host: Host, name: str, params: Mapping[str, Any]) -> VM:
    """Make a VM that has what Hyper-V gives every VM, and is off."""
    values: dict[str, Any] = {
        "ElementName": name,
        "VirtualSystemSubType": _SUBTYPE.format(params["generation"] or 2),
    }
    if where := folder(name, params):
        values |= dict.fromkeys(_ROOTS, where)
    if params["version"]:
        values["Version"] = params["version"]
    answer = jobs.call(
        host,
        VM_SERVICE,
        "DefineSystem",
        {"SystemSettings": cim.embedded(VM_CONFIGURATION, values)},
        returns={"ResultingSystem": "ref"},
        what=f"make the VM '{name}'",
    )
    made = answer.get("ResultingSystem")
    if made is None:
        raise MethodFailed(f"the host made the VM '{name}', but didn't tell its id", method="DefineSystem")
    return VM(made.keys["Name"].upper(), name, OFF)


def destroy(host: Host, vm: VM) -> None:
    """Remove a VM that is off; its disks stay."""
    jobs.call(host, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}, what=f"remove {vm}")


def plan_removal(host: Host, vm: VM, remove_checkpoints: bool, delete_disks: bool) -> list[Step]:
    """The steps that remove a VM. Raises Refused where it has checkpoints, or disks that others need."""
    checkpoints = host.client.query(
        CHECKPOINT,
        columns=("InstanceID", "ElementName"),
        where=f"VirtualSystemIdentifier = {cim.quote(vm.id)} AND VirtualSystemType LIKE 'Microsoft:Hyper-V:Snapshot:%'",
    )
    if checkpoints and not remove_checkpoints:
        names = ", ".join(f"'{row['ElementName']}'" for row in checkpoints)
        raise Refused(
            f"{vm} has checkpoints ({names}), which go with it. Delete them first, or allow it with "
            "'remove_checkpoints: true'",
            vm=vm.name,
            checkpoints=[row["ElementName"] for row in checkpoints],
        )
    steps = [Step(f"remove {vm}", {"state": "present"}, {"state": "absent"}, lambda: destroy(host, vm), ("state",))]
    if delete_disks:
        for path in _files(host, vm):
            steps += drive.plan_delete(host, path, vm)
    return steps


def _files(host: Host, vm: VM) -> list[str]:
    """The disk files of a VM, each with the parents that only its checkpoints made."""
    found: list[str] = []
    for one in storage.read(host, vm).drives:
        if one.kind == DISK and one.path:
            found += disk.chain(host, one.path) if one.path.lower().endswith((".avhdx", ".avhd")) else [one.path]
    return found
