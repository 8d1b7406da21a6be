# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole VM: its sections of options, creating it, planning all of it at once, and removing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Invalid, MethodFailed, Refused, within
from ..._task.journal import position, taken_back
from ..._task.session import Target
from ..._task.step import Step, diff, merge, needing_off, under
from ..._task.units import format_size
from ..._task.wait import wait_until
from ..._windows import paths
from ..._wsman import cim
from ..._wsman.cim import CimClass
from .. import jobs
from ..host import capacity
from ..host import facts as host_facts
from ..network import adapter
from ..schema import COMPUTER_SYSTEM, MEMORY, PORT_SECURITY, PROCESSOR, VM_SERVICE, VM_SETTINGS
from ..storage import disk_file, drive
from ..storage import layout as layouts
from ..storage.layout import DISK, IDE, Layout
from . import (
    checkpoint,
    firmware,
    integration,
    memory,
    nesting,
    network_adapters,
    processor,
    security,
    settings,
    version,
)
from .checkpoint import Checkpoint
from .find import OFF, VM
from .parts import Parts, fetch_all


class Section(NamedTuple):
    """Options of a VM that belong together.

    ``option`` is the option that contains them, empty at the top level. ``place`` moves steps, planned in the words
    of the section, below the option.
    """

    name: str
    option: str
    spec: Mapping[str, Any]
    parse: Callable[[Any], Any]
    plan: Callable[[Parts, Any], list[Step]]
    place: Callable[[str, Iterable[Step]], list[Step]] = under


def _dict(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "dict", "options": options}


def _list(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "options": options}


# Sections that a VM is created with, in the order of writing.
INNATE = (
    Section("version", "", version.OPTIONS, version.parse, version.plan, needing_off),
    Section("settings", "", settings.OPTIONS, settings.parse, settings.plan, needing_off),
    Section("processor", "processor", _dict(processor.OPTIONS), processor.parse, processor.plan),
    Section("memory", "memory", _dict(memory.OPTIONS), memory.parse, memory.plan),
    Section("integration", "integration_services", _dict(integration.OPTIONS), integration.parse, integration.plan),
)
# Sections that are added to it, in the order that Hyper-V needs.
ADDED = (
    Section(
        "adapters", "network_adapters", _list(network_adapters.OPTIONS), network_adapters.parse, network_adapters.plan
    ),
    Section("disks", "disks", _list(drive.DISK_OPTIONS), drive.parse_disks, drive.plan_disks, needing_off),
    Section("dvd_drives", "dvd_drives", _list(drive.DVD_OPTIONS), drive.parse_dvds, drive.plan_dvds, needing_off),
    Section("security", "", security.OPTIONS, security.parse, security.plan, needing_off),
    Section("nesting", "nesting", _dict(nesting.OPTIONS), nesting.parse, nesting.plan),
    Section("boot_order", "firmware", _dict(firmware.OPTIONS), firmware.parse_boot_order, firmware.plan_boot_order),
)

OPTIONS: dict[str, Any] = {
    "generation": {"type": "int", "choices": [1, 2]},
    "path": {"type": "str"},
    **{
        name: option
        for section in (*INNATE, *ADDED)
        for name, option in ({section.option: section.spec} if section.option else section.spec).items()
    },
}

_SUBTYPE = "Microsoft:Hyper-V:SubType:{}"
_MOST_NAME = 100  # characters
_ROOTS = ("ConfigurationDataRoot", "SnapshotDataRoot", "SuspendDataRoot", "SwapFileDataRoot", "LogDataRoot")

# The host's templates that settings of a new VM stand for (Msvm_SettingsDefineCapabilities; libhvee sends them so).
_TEMPLATES = {
    PROCESSOR.name: r"Microsoft:Definition\B637F347-6A0E-4DEC-AF52-BD70CB80A21D\Default",
    MEMORY.name: r"Microsoft:Definition\4764334E-E001-4176-82EE-5594EC9B530E\Default",
}

Wanted = Mapping[str, Any]  # parsed options by name of the section


# ---- options ----


def parse(params: Mapping[str, Any]) -> Wanted:
    """What the options ask for, by section. Raises Invalid before anything is read."""
    if params["path"]:
        paths.canonical(params["path"], of_folder=True)
    wanted = {section.name: _parse(section, params) for section in (*INNATE, *ADDED)}
    nested, adapters = wanted["nesting"], wanted["adapters"]
    if nested is None:
        return wanted
    _check_agreeing(wanted["memory"], nested)
    # Nesting's MAC address spoofing reaches the adapters that the task configures through their own options.
    spoofing = {name: options.with_spoofing(nested.spoofing_of(name)) for name, options in adapters.items()}
    return {**wanted, "adapters": spoofing, "nesting": nested._replace(others={name.lower() for name in adapters})}


def _parse(section: Section, params: Mapping[str, Any]) -> Any:
    if not section.option:
        return section.parse(params)
    with within(section.option):
        return section.parse(params[section.option] or {})


def _check_agreeing(memory_options: Mapping[str, Any], nested: nesting.Wanted) -> None:
    """Raise Invalid if memory and nesting ask for opposites, which each run would change again."""
    startup = memory_options.get("startup")
    if nested.minimum is not None and startup is not None and startup < nested.minimum:
        raise Invalid(
            f"{format_size(startup)} is below nesting.minimum_startup_memory, {format_size(nested.minimum)}; "
            "leave one of them out",
            option="memory.startup",
        )
    if memory_options.get("dynamic") and nested.static_memory:
        text = "nesting.static_memory asks for the opposite; leave one of them out"
        raise Invalid(text, option="memory.dynamic")


def features(wanted: Wanted) -> list[CimClass]:
    """The adapter features that a plan for these options looks at."""
    asked = [cls for options in wanted["adapters"].values() for cls in options.features]
    if wanted["nesting"] and wanted["nesting"].spoofing is not None:
        asked.append(PORT_SECURITY)
    return [cls for cls in adapter.FEATURES if cls in asked]


def folder(name: str, params: Mapping[str, Any]) -> str | None:
    """The folder that a new VM gets for its files, if the option ``path`` is given."""
    if not params["path"]:
        return None
    home = f"{paths.canonical(params['path'], of_folder=True)}\\{name}"
    paths.check_name(name, home, "name")
    return home


# ---- planning ----


def plan(parts: Parts, params: Mapping[str, Any], wanted: Wanted) -> list[Step]:
    """The steps from a VM as it is to the wanted options, in the order that Hyper-V needs.

    Everything is checked before anything is written, so that the last option's refusal comes before the first one's
    write. Raises Invalid, Missing, Refused.
    """
    _check_permanent(parts, params)
    steps = _plan(parts, wanted, (*INNATE, *ADDED))
    if params["path"] and parts.planned_folders:
        _check_not_elsewhere(parts, params)
    return steps


def _plan(parts: Parts, wanted: Wanted, sections: Iterable[Section]) -> list[Step]:
    steps: list[Step] = []
    for section in sections:
        with within(section.option):
            steps += section.place(section.option, section.plan(parts, wanted[section.name]))
    return steps


def _check_permanent(parts: Parts, params: Mapping[str, Any]) -> None:
    """Raise Refused if an option asks for another value of a setting that is fixed at creation."""
    vm, generation = parts.vm, parts.generation
    if params["generation"] not in (None, generation):
        raise Refused(
            f"{vm} is a generation {generation} VM, and the generation can't be changed. Create another VM, or leave "
            "it out",
            option="generation",
            vm=vm.name,
        )


def _check_not_elsewhere(parts: Parts, params: Mapping[str, Any]) -> None:
    """Raise Refused if new disks would be created in the folder of a new VM, though the VM exists elsewhere."""
    vm, home = parts.vm, folder(parts.vm.name, params) or ""
    if paths.key(home) in map(paths.key, parts.planned_folders):
        raise Refused(
            f"{vm} exists, and there is no folder '{home}', which only a new VM gets; an existing VM is not moved, and "
            "would only get new disks there. Correct the path, or omit it",
            option="path",
            vm=vm.name,
            path=home,
        )


# ---- creating ----


def check_new(name: str | None) -> None:
    """Raise Invalid if no VM can be created under this name."""
    if not name:
        text = "no VM has this id, and a VM that is created gets a new one; set its 'name' instead"
        raise Invalid(text, option="id")
    if not name.strip() or len(name) > _MOST_NAME:
        text = f"a VM's name has 1 to {_MOST_NAME} characters, '{name[:20]}…' has {len(name)}"
        raise Invalid(text, option="name")


def fresh(host: Target, name: str, params: Mapping[str, Any], wanted: Wanted, rules: Any) -> Parts:
    """A VM as Hyper-V creates it, to plan one that doesn't exist yet; the step of plan_new() fills in its ids.

    Raises Refused if the host doesn't support the wanted version.
    """
    parts = Parts(host, VM("", name, OFF), rules, folder(name, params))
    generation = params["generation"] or 2
    parts.settings = {
        "ElementName": name,
        "VirtualSystemSubType": _SUBTYPE.format(generation),
        "Version": version.of_new(host, name, wanted["version"]),
        **settings.FRESH,
        **({"SecureBootEnabled": False} if generation == 1 else {}),
    }
    parts.processor, parts.memory = dict(processor.FRESH), dict(memory.FRESH)
    parts.integration, parts.security = integration.FRESH, dict(security.FRESH)
    parts.layout = Layout({(IDE, 0): "", (IDE, 1): ""} if generation == 1 else {})
    parts.adapters = []
    return parts


def plan_new(parts: Parts, params: Mapping[str, Any], wanted: Wanted) -> list[Step]:
    """The steps to a VM that doesn't exist yet: creating it, correcting values that the host adjusted, adding to it."""
    _check_home(parts.host, params["path"])
    innate, added, name = _plan(parts, wanted, INNATE), _plan(parts, wanted, ADDED), parts.vm.name
    after: dict[str, Any] = {"state": "present", "name": name, "generation": params["generation"] or 2}
    after |= {"path": params["path"]} if params["path"] is not None else {}
    merge(after, {"memory": memory.amounts(parts.planned_memory)})  # also what the task leaves to the defaults
    merge(after, diff(step for step in innate if step.changes)["after"])
    what = f"create the VM '{name}'"
    create = Step(what, {"state": "absent"}, after, lambda: _create(parts, params, wanted, what))
    adjust = Step(f"adjust the settings of {parts.vm}", {}, {"state": "present"}, lambda: _adjust(parts, wanted))
    return [create, adjust, *added]


def _check_home(host: Target, path: str | None) -> None:
    """Raise Missing if the drive of the VM's files doesn't exist: of ``path``, or of the host's default folder."""
    default = "" if path else (host_facts.fetch_settings(host) or {}).get("DefaultExternalDataRoot")
    capacity.check_drive(host, path or default or "")


def summary(name: str, steps: Iterable[Step]) -> Step:
    """The creation of a VM as one step: from absent to everything that the steps give it."""
    after = diff(step for step in steps if step.changes)["after"]
    return Step(f"create the VM '{name}'", {"state": "absent"}, after, lambda: None)


def _create(parts: Parts, params: Mapping[str, Any], wanted: Wanted, what: str) -> None:
    """Create the VM, which is off and has no devices but those that Hyper-V gives every VM."""
    values: dict[str, Any] = {
        "ElementName": parts.vm.name,
        "VirtualSystemSubType": _SUBTYPE.format(params["generation"] or 2),
        **settings.values(parts, wanted["settings"]),
        **(dict.fromkeys(_ROOTS, parts.folder) if parts.folder else {}),
        **version.values(wanted["version"]),
    }
    before = position()
    answer = jobs.call(
        parts.host,
        VM_SERVICE,
        "DefineSystem",
        {
            "SystemSettings": cim.embedded(VM_SETTINGS, values),
            "ResourceSettings": _resources(wanted["processor"], wanted["memory"]),
        },
        returns={"ResultingSystem": "ref"},
        what=what,
    )
    created = answer.get("ResultingSystem")
    if created is None:
        text = f"the host created the VM '{parts.vm.name}', but did not return its ID"
        raise MethodFailed(text, method="DefineSystem")
    parts.vm.id = created.keys["Name"].upper()
    _check_alone(parts.host, parts.vm, before)


def _check_alone(host: Target, vm: VM, before: int) -> None:
    """Remove the VM just created, if another task created one of this name at the same time and was the first."""
    where = f"ElementName = {cim.quote(vm.name)}"
    rows = host.client.query(COMPUTER_SYSTEM, columns=("Name", "InstallDate"), where=where)
    created = {row["Name"].upper(): row["InstallDate"].isoformat() if row["InstallDate"] else "" for row in rows}
    first = min(created, key=lambda id: (created[id], id), default=vm.id)
    if first == vm.id:
        return
    with taken_back(lambda: _destroy(host, vm), f"a second VM of this name stays, whose ID is {vm.id}", before):
        raise Refused(
            f"another task created {vm} at the same time, so this task removed its own again. Run it again, which "
            f"then configures the VM that exists (ID {first})",
            option="name",
            vm=vm.name,
            ids=[first],
        )


def _adjust(parts: Parts, wanted: Wanted) -> None:
    """Read the new VM in place of the prediction of it, and correct the values that the host adjusted."""
    for name in ("settings", "planned_version", "planned_memory", "security"):
        vars(parts).pop(name, None)
    fetch_all(parts, [])
    for step in _plan(parts, wanted, INNATE):
        if step.changes:
            step.apply()


def _resources(processor_options: Mapping[str, Any], memory_options: Mapping[str, Any]) -> list[str]:
    """Processor and memory as embedded instances that the VM is created with."""
    given = (
        (PROCESSOR, table.values(table.changes(processor.PROPERTIES, {}, processor_options))),
        (MEMORY, memory.fresh_values(memory_options)),
    )
    return [cim.embedded(cls, {"InstanceID": _TEMPLATES[cls.name], **values}) for cls, values in given if values]


# ---- removing ----


def plan_removal(host: Target, vm: VM, remove_checkpoints: bool, delete_disks: bool) -> list[Step]:
    """The steps that remove a VM. Raises Refused if it has checkpoints, or disks that others need.

    The VM goes last, because only it knows its disks: after a failure, the next run finds what is left of them.
    """
    checkpoints = checkpoint.query(host, vm)
    kept = [snapshot.name for snapshot in checkpoints if not snapshot.automatic]
    if kept and not remove_checkpoints:
        raise Refused(
            f"{vm} has checkpoints ({', '.join(map(repr, kept))}), which would be removed with it. Delete them first, "
            "or allow it with 'remove_checkpoints: true'",
            option="remove_checkpoints",
            vm=vm.name,
            checkpoints=kept,
        )
    steps = _plan_disk_removal(host, vm, checkpoints) if delete_disks else []
    what = f"remove {vm}"
    destroy = Step(what, {"state": "present"}, {"state": "absent"}, lambda: _destroy(host, vm), ("state",))
    return [*steps, destroy]


def _destroy(host: Target, vm: VM) -> None:
    """Remove a VM; the host merges the disks of its checkpoints first. Its disk files stay."""
    jobs.call(host, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}, what=f"remove {vm}")


def _plan_disk_removal(host: Target, vm: VM, checkpoints: list[Checkpoint]) -> list[Step]:
    """The steps that delete the checkpoints of a VM, whose disks the host merges, and then the disk files."""
    kept = [snapshot for snapshot in checkpoints if not snapshot.automatic]
    ids = [snapshot.guid for snapshot in checkpoints]
    steps = [step for path in _fetch_files(host, vm) for step in drive.plan_delete(host, path, vm, ids, "delete_disks")]
    if not checkpoints or not steps:
        return steps

    def merge() -> None:
        for root in checkpoint.roots(kept):
            checkpoint.delete(host, vm, root, True)
        _wait_for_merge(host, vm)

    if not kept:  # the host itself deletes an automatic checkpoint when the VM is turned off
        first = steps[0]

        def delete_merged() -> None:
            merge()
            first.apply()

        return [first._replace(apply=delete_merged), *steps[1:]]
    names = [snapshot.name for snapshot in kept]
    what = f"delete the checkpoints of {vm}"
    return [Step(what, {"checkpoints": names}, {"checkpoints": []}, merge, ("state",)), *steps]


def _wait_for_merge(host: Target, vm: VM) -> None:
    """Wait until the VM is on the files that people created. Raises Refused. Predictions don't take time to merge."""
    if host.foresees:
        return

    def merged() -> bool:
        drives = layouts.fetch(host, vm).drives
        return not any(paths.suffix(attached.path or "") in disk_file.ON_CHECKPOINT for attached in drives)

    way_out = "Set a longer 'job_timeout', or run the task again later; Hyper-V Manager shows the progress"
    wait_until(host, merged, host.job_timeout, f"merge the checkpoints of {vm} into its disks", way_out)


def _fetch_files(host: Target, vm: VM) -> list[str]:
    """The disk files of a VM that people created; those of its checkpoints are merged into them when it is removed."""
    files = [attached.path for attached in layouts.fetch(host, vm).drives if attached.kind == DISK and attached.path]
    return [disk_file.fetch_base(host, path) for path in files if disk_file.is_disk(path)]
