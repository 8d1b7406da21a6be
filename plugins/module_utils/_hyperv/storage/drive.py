# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and DVD drives of a VM: from their options to steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Missing, Refused, within
from ..._task.session import Target
from ..._task.step import Step
from ..._task.units import format_size, parse_size
from ..vm.find import OFF, SAVED, VM
from ..vm.parts import Parts
from . import disk_file, layout
from .disk_file import WantedFile
from .layout import DISK, DVD, IDE, PLACE_OPTIONS, Drive, Layout, Place, WantedPlace

DISK_OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "size": {"type": "str"},
    "type": {"type": "str", "choices": list(disk_file.TYPES)},
    "parent": {"type": "str"},
    "block_size": {"type": "str"},
    **PLACE_OPTIONS,
}
DVD_OPTIONS: dict[str, Any] = {"path": {"type": "str"}, **PLACE_OPTIONS}


class WantedDisk(NamedTuple):
    """A disk file, and the place that it is wanted at."""

    file: WantedFile
    place: WantedPlace


class WantedDvd(NamedTuple):
    """A DVD drive. The path of its medium is empty for none, and None to leave the medium alone."""

    path: str | None
    place: WantedPlace


# ---- options ----


def parse_disk(params: Mapping[str, Any]) -> WantedDisk:
    """The disk that the options describe. Raises Invalid."""
    path, parent = disk_file.normal(params["path"]), params["parent"] and disk_file.normal(params["parent"])
    sizes = {option: _size(option, params[option]) for option in ("size", "block_size")}
    wanted = WantedFile(path, type=params["type"], parent=parent, **sizes)
    disk_file.check_wanted(wanted)
    return WantedDisk(wanted, WantedPlace.of(params))


def _size(option: str, text: str | None) -> int | None:
    with within(option):
        return None if text is None else parse_size(text)


def parse_disks(entries: Iterable[Mapping[str, Any]]) -> list[WantedDisk]:
    """The disks of a VM, each of another file. Raises Invalid."""
    disks = [parse_disk(entry) for entry in entries]
    check_distinct("path", [disk.file.path for disk in disks])
    return disks


def check_distinct(option: str, values: Iterable[str]) -> None:
    """Raise Invalid if two entries of a list are about the same object."""
    seen: set[str] = set()
    for value in values:
        if value.lower() in seen:
            raise Invalid(f"'{value}' is listed twice; merge both entries into one", option=option)
        seen.add(value.lower())


def parse_dvd(params: Mapping[str, Any]) -> WantedDvd:
    """The DVD drive that the options describe. Raises Invalid."""
    path = params["path"]
    if path:
        path = disk_file.normal(path)
        disk_file.check_path("path", path)
    return WantedDvd(path, WantedPlace.of(params))


def parse_dvds(entries: Iterable[Mapping[str, Any]]) -> list[WantedDvd]:
    """The DVD drives of a VM; entries that say more come first, because they choose their drive first."""
    wanted = [parse_dvd(entry) for entry in entries]
    return sorted(wanted, key=lambda dvd: (dvd.place.location is None, not dvd.path))


# ---- disk files ----


def plan_file(
    host: Target, wanted: WantedFile, new_folder: str | None = None, held: Drive | None = None, running: bool = False
) -> list[Step]:
    """The step that creates or expands the file. Raises Refused for a change that would lose data.

    ``new_folder`` is one that an earlier step of the task creates, ``held`` the drive of a VM that has the disk.
    """
    path = wanted.path
    current = disk_file.fetch_known(host, path)
    if current is None:
        return _plan_new_file(host, wanted, new_folder)
    disk_file.check_kept(current, wanted)
    size = current["MaxInternalSize"]
    if wanted.size is None or wanted.size <= size:
        return []
    _check_expandable(host, path, held)
    return [
        Step(
            f"expand the virtual disk '{path}' to {format_size(wanted.size)}",
            {"disks": {path: {"size": format_size(size)}}},
            {"disks": {path: {"size": format_size(wanted.size)}}},
            lambda: disk_file.expand(host, path, wanted.size),
            ("size",) if running and held and not _expands_online(held, path) else (),
        )
    ]


def _expands_online(held: Drive, path: str) -> bool:
    """Whether a disk can be expanded while its VM runs: a VHDX on a SCSI controller (Resize-VHD docs)."""
    return held.place.controller != IDE and disk_file.suffix(path) != ".vhd"


def _plan_new_file(host: Target, wanted: WantedFile, new_folder: str | None) -> list[Step]:
    path = wanted.path
    disk_file.check_new(host, wanted)
    disk_file.check_folder(host, path, new_folder)
    after = {
        "type": "differencing" if wanted.parent else wanted.type or "dynamic",
        **({"size": format_size(wanted.size)} if wanted.size else {}),
        **({"parent": wanted.parent} if wanted.parent else {}),
    }
    what = f"create the virtual disk '{path}'"
    return [Step(what, {"disks": {}}, {"disks": {path: after}}, lambda: disk_file.create(host, wanted))]


def _check_expandable(host: Target, path: str, held: Drive | None) -> None:
    """Raise Refused if a disk has children, which no longer fit an expanded parent (0xC03A0017)."""
    if held and (held.path or "").lower() != path.lower():
        raise Refused(
            f"'{path}' can't be expanded because it has checkpoints. Delete them with vm_checkpoint first, or leave "
            "the size as it is",
            option="size",
            path=path,
        )
    users = {owner for owner, used in disk_file.query_attached(host) if used.lower() == path.lower()}
    disk_file.check_childless(host, path, users, "size")
    if held is None and disk_file.query_in_use(host, path):
        text = f"'{path}' is in use by something else on the host. Wait for it, or try later"
        raise Refused(text, option="size", path=path)


def plan_delete(
    host: Target, path: str, leaving: VM | None = None, checkpoints: Collection[str] = (), option: str = "path"
) -> list[Step]:
    """The step that deletes a disk file. Raises Refused if a VM or checkpoint still uses it, directly or as a parent.

    ``leaving`` is the VM that the disk is detached from, ``checkpoints`` the ids of checkpoints that are deleted too.
    """
    if disk_file.fetch_known(host, path) is None:
        return []
    disk_file.check_childless(host, path, {*checkpoints, *([leaving.id] if leaving else [])}, option)
    if (leaving is None or leaving.state == OFF) and disk_file.query_in_use(host, path):
        raise Refused(
            f"'{path}' is in use by something else on the host, such as a mount or a backup. Wait for it, or "
            "leave the file as it is",
            option=option,
            path=path,
        )
    before, after = {"disks": {path: {"exists": True}}}, {"disks": {path: {"exists": False}}}
    return [Step(f"delete '{path}'", before, after, lambda: disk_file.delete(host, path))]


# ---- disks of a VM ----


def plan_disks(parts: Parts, wanted: Iterable[WantedDisk]) -> list[Step]:
    """The steps to several disks."""
    return [step for disk in wanted for step in plan_disk(parts, disk)]


def plan_disk(parts: Parts, wanted: WantedDisk) -> list[Step]:
    """The steps to a disk file that exists and is attached. Raises Invalid, Missing, Refused."""
    host, vm, path = parts.host, parts.vm, wanted.file.path
    held = fetch_holder(host, parts.planned_layout, path)
    steps = plan_file(host, wanted.file, parts.folder, held, vm.state != OFF)
    if held is None:
        if current := disk_file.fetch_known(host, path):
            disk_file.check_attachable(host, path, current)
        return steps + _plan_attach(parts, DISK, wanted.place, path, path)
    if wanted.place.fits(held.place):
        return steps
    parts.planned_layout = parts.planned_layout.without(held)
    return steps + _plan_attach(parts, DISK, _place_to_move_to(wanted.place, held.place), held.path, path, held)


def _place_to_move_to(wanted: WantedPlace, now: Place) -> WantedPlace:
    """What a task leaves open when it moves a disk stays as it is, if possible."""
    same_controller = wanted.controller in (None, now.controller)
    number = now.number if wanted.number is None and same_controller else wanted.number
    return WantedPlace(wanted.controller or now.controller, number, wanted.location)


def fetch_holder(host: Target, drives: Layout, path: str) -> Drive | None:
    """The drive that holds this disk, also through the .avhdx files of checkpoints."""
    if drive := drives.holding(path):
        return drive
    return next((drive for drive in drives.drives if drive.path and _stands_on(host, drive.path, path)), None)


def _stands_on(host: Target, leaf: str, path: str) -> bool:
    on_checkpoint = disk_file.suffix(leaf) in disk_file.ON_CHECKPOINT
    return on_checkpoint and disk_file.fetch_base(host, leaf).lower() == path.lower()


def _plan_attach(
    parts: Parts, kind: str, wanted: WantedPlace, path: str | None, name: str = "", moved_from: Drive | None = None
) -> list[Step]:
    """The steps to a new drive, with a controller for it if need be; ``name`` is a disk's key in the diff."""
    host, vm = parts.host, parts.vm
    place = layout.choose(vm, parts.planned_layout, kind, wanted)
    steps = []
    if (place.controller, place.number) not in parts.planned_layout.controllers:
        steps.append(_controller_step(parts, place.number))
    parts.planned_layout = parts.planned_layout.with_drive(kind, place, path)

    def apply() -> None:
        if moved_from:
            layout.detach(host, vm, parts.layout, moved_from)
        layout.attach(host, vm, parts.layout, kind, place, path)

    what = f"{'move' if moved_from else 'attach'} {path or f'an empty {kind} drive'} to {vm} at {place}"
    if kind == DISK:
        now = str(moved_from.place) if moved_from else None
        before: dict[str, Any] = {"disks": {name: {"attached": now}}}
        after: dict[str, Any] = {"disks": {name: {"attached": str(place)}}}
    else:
        before, after = {"dvd_drives": {}}, {"dvd_drives": {str(place): {"path": path}}}
    return [*steps, Step(what, before, after, apply, _needs_off(vm, place, moved_from))]


def _controller_step(parts: Parts, number: int) -> Step:
    return Step(
        f"add SCSI controller {number} to {parts.vm}",
        {"scsi_controllers": number},
        {"scsi_controllers": number + 1},
        lambda: layout.add_controller(parts.host, parts.vm, parts.layout, number),
        ("controller_number",),
    )


def _needs_off(vm: VM, place: Place, moved_from: Drive | None = None) -> tuple[str, ...]:
    """The option whose change requires the VM to be off.

    IDE drives are added and removed while the VM is off, a saved VM takes no drive at all, and no disk is moved while
    its guest runs.
    """
    if vm.state == SAVED:
        return ("path",)
    return ("controller_type",) if place.controller == IDE else ("controller_location",) if moved_from else ()


def plan_detach(parts: Parts, path: str) -> list[Step]:
    """The step that detaches a disk from the VM."""
    host, vm = parts.host, parts.vm
    held = fetch_holder(host, parts.planned_layout, path)
    if held is None:
        return []
    parts.planned_layout = parts.planned_layout.without(held)
    return [
        Step(
            f"detach '{path}' from {vm}",
            {"disks": {path: {"attached": str(held.place)}}},
            {"disks": {path: {"attached": None}}},
            lambda: layout.detach(host, vm, parts.layout, held),
            _needs_off(vm, held.place),
        )
    ]


# ---- DVD drives of a VM ----


def choose_dvd(drives: Layout, wanted: WantedDvd, taken: Collection[Place] = (), by_path: bool = False) -> Drive | None:
    """The DVD drive at the wanted place that isn't ``taken``; ``by_path`` prefers the one that holds the medium."""
    fitting = [
        drive
        for drive in drives.drives
        if drive.kind == DVD and drive.place not in taken and wanted.place.fits(drive.place)
    ]
    path = (wanted.path or "").lower()
    holding = (drive for drive in fitting if by_path and path and (drive.path or "").lower() == path)
    return next(holding, fitting[0] if fitting else None)


def plan_dvds(parts: Parts, wanted: Iterable[WantedDvd]) -> list[Step]:
    """The steps to several DVD drives, each entry for another drive."""
    taken: set[Place] = set()
    return [step for dvd in wanted for step in plan_dvd(parts, dvd, taken, by_path=True)]


def plan_dvd(parts: Parts, wanted: WantedDvd, taken: set[Place] | None = None, by_path: bool = False) -> list[Step]:
    """The step to a DVD drive with this medium. Raises Missing, Refused.

    When several are planned, drives that are ``taken`` are passed over, and the chosen one is added to them.
    """
    host, vm, path = parts.host, parts.vm, wanted.path
    taken = set() if taken is None else taken
    if path and not disk_file.query_exists(host, path):
        text = f"there is no file '{path}' on the host; copy the image there first"
        raise Missing(text, option="path", path=path)
    drive = choose_dvd(parts.planned_layout, wanted, taken, by_path)
    if drive is None:
        before = {drive.place for drive in parts.planned_layout.drives}
        steps = _plan_attach(parts, DVD, wanted.place, path or None)
        taken |= {drive.place for drive in parts.planned_layout.drives} - before
        return steps
    taken.add(drive.place)
    if path is None or path.lower() == (drive.path or "").lower():
        return []
    return [
        Step(
            f"change the medium of the DVD drive at {drive.place} of {vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {str(drive.place): {"path": path or None}}},
            lambda: layout.change(host, vm, drive, path or None),
            ("path",) if vm.state == SAVED else (),
        )
    ]


def plan_dvd_removal(parts: Parts, wanted: WantedDvd) -> list[Step]:
    """The step that removes a DVD drive together with its medium."""
    drive = choose_dvd(parts.planned_layout, wanted)
    if drive is None:
        return []
    return [
        Step(
            f"remove the DVD drive at {drive.place} from {parts.vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {}},
            lambda: layout.detach(parts.host, parts.vm, parts.layout, drive),
            _needs_off(parts.vm, drive.place),
        )
    ]
