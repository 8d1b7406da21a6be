# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of disks and DVD drives to steps: the file, the place, and what is in the drive."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..._task.errors import Invalid, Missing, Refused
from ..._task.session import Host
from ..._task.step import Step
from ..._task.units import format_size, parse_size
from ..vm.find import OFF, SAVED, VM
from . import disk_file as disk
from . import layout as storage
from .disk_file import Wanted
from .layout import DISK, DVD, IDE, Drive, Layout, Place

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
    path, parent = disk.normal(params["path"]), params["parent"] and disk.normal(params["parent"])
    sizes = {name: _size(name, params[name]) for name in ("size", "block_size")}
    wanted = Wanted(path, type=params["type"], parent=parent, **sizes)
    disk.check_wanted(wanted)
    return wanted


def _size(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_size(text)
    except Invalid as error:
        raise Invalid(f"{option}: {error.message}") from error


def parse_dvd(params: Mapping[str, Any]) -> str | None:
    """Path of the wanted medium; empty for none, None where the medium is to be left alone. Raises Invalid."""
    path = params["path"]
    if not path:
        return path
    disk.check_path("path", disk.normal(path))
    return disk.normal(path)


def _place_of(params: Mapping[str, Any]) -> tuple[str | None, int | None, int | None]:
    return tuple(params[name] for name in PLACE_OPTIONS)  # type: ignore[return-value]


def plan_file(
    host: Host, wanted: Wanted, new_folder: str | None = None, held: Drive | None = None, running: bool = False
) -> list[Step]:
    """The step that makes the file or lets it grow; refuses what would lose data.

    ``new_folder`` is one that an earlier step of the task makes, ``held`` the drive of a VM that has the disk.
    """
    path = wanted.path
    current = disk.known(host, path)
    if current is None:
        return _plan_new_file(host, wanted, new_folder)
    disk.check_kept(current, wanted)
    size = current["MaxInternalSize"]
    if wanted.size is None or wanted.size <= size:
        return []
    _check_growth(host, path, held)
    return [
        Step(
            f"grow the virtual disk '{path}' to {format_size(wanted.size)}",
            {"disks": {path: {"size": format_size(size)}}},
            {"disks": {path: {"size": format_size(wanted.size)}}},
            lambda: disk.grow(host, path, wanted.size),
            ("size",) if running and held and (held.place.controller == IDE or disk.suffix(path) == ".vhd") else (),
        )
    ]


def _plan_new_file(host: Host, wanted: Wanted, new_folder: str | None) -> list[Step]:
    path = wanted.path
    if host.predicts("file", path):
        host.warn(f"{host.name}: '{path}' isn't there yet; an earlier task of this check would have made it")
        return []
    disk.check_new(host, wanted)
    disk.check_folder(host, path, new_folder)
    after = {
        "type": "differencing" if wanted.parent else wanted.type or "dynamic",
        **({"size": format_size(wanted.size)} if wanted.size else {}),
        **({"parent": wanted.parent} if wanted.parent else {}),
    }
    what = f"make the virtual disk '{path}'"
    return [Step(what, {"disks": {}}, {"disks": {path: after}}, lambda: disk.create(host, wanted))]


def would_make(host: Host, path: str) -> list[tuple[str, str]]:
    """The file, where only this task would make it, for later tasks of a check."""
    path = disk.normal(path)
    return [] if disk.known(host, path) else [("file", path)]


def _check_growth(host: Host, path: str, held: Drive | None) -> None:
    """Raise Refused where a disk has children, which no longer fit a parent that grew (0xC03A0017)."""
    if held and (held.path or "").lower() != path.lower():
        raise Refused(
            f"size: '{path}' can't grow while checkpoints stand on it. Delete them with vm_checkpoint first, or leave "
            "the size as it is",
            path=path,
        )
    users = {who for who, used in disk.attached(host) if used.lower() == path.lower()}
    disk.check_childless(host, path, users, "size")
    if held is None and disk.in_use(host, path):
        raise Refused(f"size: '{path}' is in use by something else on the host. Wait for it, or try later", path=path)


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
    held = holder(host, layout, wanted.path)
    steps = plan_file(host, wanted, new_folder, held, vm.state != OFF)
    if held is None:
        if current := disk.known(host, wanted.path):
            disk.check_attachable(host, wanted.path, current)
        return steps + _attach(host, vm, generation, layout, DISK, params, wanted.path)
    controller, number, location = _place_of(params)
    here = held.place
    same_controller = controller in (None, here.controller) and number in (None, here.number)
    if same_controller and location in (None, here.location):
        return steps
    layout.drives.remove(held)
    place = {
        "controller_type": controller or here.controller,
        "controller_number": here.number if number is None and same_controller else number,
    }
    moved = _attach(host, vm, generation, layout, DISK, {**params, **place}, held.path, held)
    return steps + moved


def holder(host: Host, layout: Layout, path: str) -> Drive | None:
    """The drive that holds this disk, also through the .avhdx files of checkpoints."""
    if drive := layout.holding(path):
        return drive
    return next((drive for drive in layout.drives if drive.path and _stands_on(host, drive.path, path)), None)


def _stands_on(host: Host, leaf: str, path: str) -> bool:
    return disk.suffix(leaf) in disk.ON_CHECKPOINT and disk.base(host, leaf).lower() == path.lower()


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
    place, new_controller = storage.choose(vm, layout, generation, kind, *_place_of(params))
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
    section, name = ("disks", disk.normal(params["path"])) if kind == DISK else ("dvd_drives", str(place))
    after: dict[str, Any] = {"attached": str(place)} if kind == DISK else {"path": path}
    before: dict[str, Any] = {"attached": str(moved_from.place) if moved_from else None} if kind == DISK else {}

    def apply() -> None:
        if moved_from:
            storage.detach(host, vm, moved_from)
        storage.attach(host, vm, layout, kind, place, path)

    return [
        *steps,
        Step(
            f"{'move' if moved_from else 'attach'} {path or f'an empty {kind} drive'} to {vm} at {place}",
            {section: {name: before} if before else {}},
            {section: {name: after}},
            apply,
            _needs_off(vm, place, moved_from),
        ),
    ]


def _needs_off(vm: VM, place: Place, moved_from: Drive | None = None) -> tuple[str, ...]:
    """The option that the VM must be off for.

    IDE drives come and go while the VM is off, a saved VM takes no drive at all, and no disk is taken from a running
    guest to be put elsewhere.
    """
    if vm.state == SAVED:
        return ("path",)
    return ("controller_type",) if place.controller == IDE else ("controller_location",) if moved_from else ()


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
            _needs_off(vm, held.place),
        )
    ]


def plan_delete(host: Host, path: str, leaving: VM | None = None, with_it: Collection[str] = ()) -> list[Step]:
    """The step that deletes a disk file. Raises Refused where a VM or checkpoint still needs it, itself or as a parent.

    ``leaving`` is the VM that the disk is taken from, ``with_it`` the ids of checkpoints that go as well.
    """
    current = disk.known(host, path)
    if current is None:
        return []
    disk.check_childless(host, path, {*with_it, *([leaving.id] if leaving else [])})
    if (leaving is None or leaving.state == OFF) and disk.in_use(host, path):
        raise Refused(
            f"path: '{path}' is in use by something else on the host, such as a mount or a backup. Wait for it, or "
            "leave the file as it is",
            path=path,
        )
    before = {"disks": {path: {"exists": True}}}
    return [Step(f"delete '{path}'", before, {"disks": {path: {"exists": False}}}, lambda: disk.delete(host, path))]


def dvd_at(layout: Layout, params: Mapping[str, Any], taken: Collection[Place] = (), path: str = "") -> Drive | None:
    """The DVD drive at the wanted place that isn't ``taken``: the one that holds the path already, or the first."""
    controller, number, location = _place_of(params)
    found = [
        one
        for one in layout.drives
        if one.kind == DVD
        and one.place not in taken
        and controller in (None, one.place.controller)
        and number in (None, one.place.number)
        and location in (None, one.place.location)
    ]
    holding = (one for one in found if path and (one.path or "").lower() == path.lower())
    return next(holding, found[0] if found else None)


def plan_dvds(host: Host, vm: VM, generation: int, layout: Layout, wanted: list[Mapping[str, Any]]) -> list[Step]:
    """The steps to several DVD drives, each entry for another drive; entries that say more choose first."""
    steps: list[Step] = []
    taken: set[Place] = set()
    for params in sorted(wanted, key=lambda one: (one["controller_location"] is None, not one["path"])):
        steps += plan_dvd(host, vm, generation, layout, params, taken)
    return steps


def plan_dvd(
    host: Host,
    vm: VM,
    generation: int,
    layout: Layout,
    params: Mapping[str, Any],
    taken: set[Place] | None = None,
) -> list[Step]:
    """The step to a DVD drive with this medium; no path leaves the medium, an empty one takes it out.

    Where several are planned, notes the drive in ``taken`` and passes by those that are.
    """
    path = parse_dvd(params)
    if path and not host.predicts("file", path) and not disk.exists(host, path):
        raise Missing(f"path: there is no file '{path}' on the host; copy the image there first", path=path)
    drive = dvd_at(layout, params) if taken is None else dvd_at(layout, params, taken, path or "")
    taken = set() if taken is None else taken
    if drive is None:
        steps = _attach(host, vm, generation, layout, DVD, params, path or None)
        taken.update(one.place for one in layout.drives if one.kind == DVD and not one.id)
        return steps
    taken.add(drive.place)
    if path is None or path.lower() == (drive.path or "").lower():
        return []
    return [
        Step(
            f"change the medium of the DVD drive at {drive.place} of {vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {str(drive.place): {"path": path or None}}},
            lambda: storage.change(host, vm, drive, path or None),
            ("path",) if vm.state == SAVED else (),
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
            _needs_off(vm, drive.place),
        )
    ]
