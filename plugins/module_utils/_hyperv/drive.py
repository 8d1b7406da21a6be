# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of disks and DVD drives to steps: the file, the place, and what is in the drive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import disk, storage
from .disk import Wanted
from .errors import Missing, Refused
from .schema import MEDIUM
from .session import Host
from .step import Step
from .storage import DISK, DVD, IDE, Drive, Layout, Place
from .units import format_size, parse_size
from .vm import VM, owner

PLACE_OPTIONS: dict[str, Any] = {
    "controller_type": {"type": "str", "choices": ["scsi", "ide"]},
    "controller_number": {"type": "int"},
    "controller_location": {"type": "int"},
}
DISK_OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "size": {"type": "str"},
    "type": {"type": "str", "choices": list(disk.TYPES)},
    "parent": {"type": "str"},
    "block_size": {"type": "str"},
    **PLACE_OPTIONS,
}
DVD_OPTIONS: dict[str, Any] = {"path": {"type": "str"}, **PLACE_OPTIONS}


def parse_disk(params: Mapping[str, Any]) -> Wanted:
    """The disk file that the options describe. Raises Invalid."""
    sizes = {name: parse_size(params[name]) if params[name] else None for name in ("size", "block_size")}
    wanted = Wanted(params["path"], type=params["type"], parent=params["parent"], **sizes)
    disk.check_wanted(wanted)
    return wanted


def _place_of(params: Mapping[str, Any]) -> tuple[str | None, int | None, int | None]:
    return tuple(params[name] for name in PLACE_OPTIONS)  # type: ignore[return-value]


def plan_file(host: Host, wanted: Wanted, new_folder: str | None = None) -> list[Step]:
    """The step that makes the file or lets it grow; refuses what would lose data.

    ``new_folder`` is one that an earlier step of the task makes.
    """
    path = wanted.path
    current = host.once(("disk", path.lower()), lambda: disk.read(host, path))
    if current is None:
        if not (wanted.parent and host.predicts("file", wanted.parent)):
            disk.check_new(host, wanted)
        disk.check_folder(host, path, new_folder)
        after = {
            "type": "differencing" if wanted.parent else wanted.type or "dynamic",
            **({"size": wanted.size} if wanted.size else {}),
            **({"parent": wanted.parent} if wanted.parent else {}),
        }
        what = f"make the virtual disk '{path}'"
        return [Step(what, {"disks": {}}, {"disks": {path: after}}, lambda: disk.create(host, wanted))]
    disk.check_kept(current, wanted)
    size = current["MaxInternalSize"]
    if wanted.size is None or wanted.size <= size:
        return []
    what = f"grow the virtual disk '{path}' to {format_size(wanted.size)}"
    before, after = {"disks": {path: {"size": size}}}, {"disks": {path: {"size": wanted.size}}}
    return [Step(what, before, after, lambda: disk.grow(host, path, wanted.size))]


def plan_disk(
    host: Host,
    vm: VM,
    generation: int,
    layout: Layout,
    params: Mapping[str, Any],
    new_folder: str | None = None,
) -> list[Step]:
    """The steps to a file that is there and attached; the layout notes the place for later plans of the same task."""
    wanted = parse_disk(params)
    steps = plan_file(host, wanted, new_folder)
    held = holder(host, layout, wanted.path)
    if held is None:
        return steps + _attach(host, vm, generation, layout, DISK, params, wanted.path)
    controller, number, location = _place_of(params)
    here = held.place
    target = Place(
        controller or here.controller,
        here.number if number is None else number,
        here.location if location is None else location,
    )
    if target == here:
        return steps
    layout.drives.remove(held)
    return steps + _attach(host, vm, generation, layout, DISK, {**params, **target.options()}, wanted.path, held)


def holder(host: Host, layout: Layout, path: str) -> Drive | None:
    """The drive that holds this disk, also through the .avhdx files of checkpoints."""
    if drive := layout.holding(path):
        return drive
    for drive in layout.drives:
        on_checkpoint = (drive.path or "").lower().endswith((".avhdx", ".avhd"))
        if on_checkpoint and path.lower() in (one.lower() for one in disk.chain(host, drive.path or "")):
            return drive
    return None


def _attach(
    host: Host,
    vm: VM,
    generation: int,
    layout: Layout,
    kind: str,
    params: Mapping[str, Any],
    path: str | None,
    moved_from: Drive | None = None,
) -> list[Step]:
    place, new_controller = storage.choose(vm, layout, generation, *_place_of(params))
    steps = []
    if new_controller:
        number = place.number
        steps.append(
            Step(
                f"add SCSI controller {number} to {vm}",
                {"scsi_controllers": number},
                {"scsi_controllers": number + 1},
                lambda: storage.add_controller(host, vm, layout, number),
                ("controller_number",),
            )
        )
    storage.reserve(layout, kind, place, path)
    section, name = ("disks", path) if kind == DISK else ("dvd_drives", str(place))
    after: dict[str, Any] = {"attached": str(place)} if kind == DISK else {"path": path}
    before: dict[str, Any] = {"attached": str(moved_from.place) if moved_from else None} if kind == DISK else {}
    cold = IDE in (place.controller, moved_from.place.controller if moved_from else None)

    def apply() -> None:
        if moved_from:
            storage.detach(host, vm, moved_from)
        storage.attach(host, vm, layout, kind, place, path)

    return [
        *steps,
        Step(
            f"attach {path or f'an empty {kind} drive'} to {vm} at {place}",
            {section: {name: before} if before else {}},
            {section: {name: after}},
            apply,
            ("controller_type",) if cold else (),
        ),
    ]


def plan_detach(host: Host, vm: VM, layout: Layout, path: str) -> list[Step]:
    """The step that takes a disk from the VM."""
    held = holder(host, layout, path)
    if held is None:
        return []
    layout.drives.remove(held)
    return [
        Step(
            f"detach '{path}' from {vm}",
            {"disks": {path: {"attached": str(held.place)}}},
            {"disks": {path: {"attached": None}}},
            lambda: storage.detach(host, vm, held),
            ("controller_type",) if held.place.controller == IDE else (),
        )
    ]


def plan_delete(host: Host, path: str, leaving: VM | None = None) -> list[Step]:
    """The step that deletes a disk file. Raises Refused where another VM, or a child of the disk, still needs it.

    A disk that is attached to the VM that it leaves is a leaf already, so its children aren't looked for.
    """
    current = disk.read(host, path)
    if current is None:
        return []
    check_unused(host, path, leaving)
    before = {"disks": {path: {"exists": True}}}
    return [Step(f"delete '{path}'", before, {"disks": {path: {"exists": False}}}, lambda: disk.delete(host, path))]


def check_unused(host: Host, path: str, leaving: VM | None) -> None:
    """Raise Refused where a VM other than the one that it leaves uses the disk, itself or as a parent."""
    media = host.client.query(MEDIUM, columns=("InstanceID", "HostResource"))
    for row in media:
        vm_id, used = owner(row["InstanceID"]), (row["HostResource"] or [""])[0]
        if leaving and vm_id == leaving.id:
            continue
        paths = [used] if leaving else disk.chain(host, used) if used.lower().endswith(("vhdx", "vhd")) else []
        if path.lower() in (one.lower() for one in paths):
            raise Refused(
                f"path: '{path}' is in use by the VM {vm_id}, as its disk or the parent of one. Detach it there first",
                path=path,
                vm=vm_id,
            )


def dvd_at(layout: Layout, params: Mapping[str, Any], skip: int = 0) -> Drive | None:
    """The DVD drive at the wanted place, or the VM's first (second, …) one where no place is given."""
    controller, number, location = _place_of(params)
    found = [
        drive
        for drive in layout.drives
        if drive.kind == DVD
        and controller in (None, drive.place.controller)
        and number in (None, drive.place.number)
        and location in (None, drive.place.location)
    ]
    return found[skip] if len(found) > skip else None


def plan_dvd(
    host: Host, vm: VM, generation: int, layout: Layout, params: Mapping[str, Any], skip: int = 0
) -> list[Step]:
    """The step to a DVD drive with this medium; no path leaves the medium, an empty one takes it out."""
    path = params["path"]
    if path and not disk.exists(host, path) and not host.predicts("file", path):
        raise Missing(f"path: there is no file '{path}' on the host; copy the image there first", path=path)
    drive = dvd_at(layout, params, skip)
    if drive is None:
        return _attach(host, vm, generation, layout, DVD, params, path or None)
    if path is None or path.lower() == (drive.path or "").lower():
        return []

    def apply() -> None:
        storage.eject(host, vm, drive)
        if path:
            storage.insert(host, vm, DVD, drive.id, path)

    return [
        Step(
            f"change the medium of the DVD drive at {drive.place} of {vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {str(drive.place): {"path": path or None}}},
            apply,
        )
    ]


def plan_dvd_removal(host: Host, vm: VM, layout: Layout, params: Mapping[str, Any]) -> list[Step]:
    """The step that removes a DVD drive."""
    drive = dvd_at(layout, params)
    if drive is None:
        return []
    return [
        Step(
            f"remove the DVD drive at {drive.place} from {vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {}},
            lambda: storage.detach(host, vm, drive),
            ("controller_type",) if drive.place.controller == IDE else (),
        )
    ]
