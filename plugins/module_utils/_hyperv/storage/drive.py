# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and DVD drives of a VM: from their options to steps."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..._task.errors import Ambiguous, Invalid, Refused, within
from ..._task.given import check_distinct
from ..._task.journal import position, taken_back
from ..._task.session import Target
from ..._task.step import Step
from ..._task.units import format_size, parse_size
from ..._task.wait import LONGEST_PAUSE, pauses
from ..._windows import folder, paths
from ..host import capacity
from ..vm import find
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
    "source": {"type": "str"},
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
    files = {
        option: paths.canonical(params[option], option) for option in ("path", "parent", "source") if params[option]
    }
    sizes = {option: _size(option, params[option]) for option in ("size", "block_size")}
    wanted = WantedFile(**files, type=params["type"], **sizes)
    disk_file.check_wanted(wanted)
    return WantedDisk(wanted, WantedPlace.of(params))


def _size(option: str, text: str | None) -> int | None:
    with within(option):
        return None if text is None else parse_size(text)


def parse_disks(entries: Iterable[Mapping[str, Any]]) -> list[WantedDisk]:
    """The disks of a VM, each of another file. Raises Invalid."""
    disks = [parse_disk(entry) for entry in entries]
    check_distinct((disk.file.path for disk in disks), "path")
    return disks


def parse_dvd(params: Mapping[str, Any]) -> WantedDvd:
    """The DVD drive that the options describe. Raises Invalid."""
    path = params["path"]
    if path:
        path = paths.canonical(path)
        if disk_file.is_disk(path):
            raise Invalid(
                f"'{path}' is a virtual hard disk, and a DVD drive takes an ISO image; attach it with the options of "
                "a disk",
                option="path",
                path=path,
            )
    return WantedDvd(path, WantedPlace.of(params))


def parse_dvds(entries: Iterable[Mapping[str, Any]]) -> list[WantedDvd]:
    """The DVD drives of a VM; entries that say more come first, because they choose their drive first."""
    wanted = [parse_dvd(entry) for entry in entries]
    return sorted(wanted, key=lambda dvd: (dvd.place.location is None, not dvd.path))


# ---- disk files ----


def plan_file(
    host: Target,
    wanted: WantedFile,
    planned_folders: set[str] | None = None,
    held: Drive | None = None,
    vm: VM | None = None,
) -> list[Step]:
    """The step that creates or expands the file. Raises Refused for a change that would lose data.

    ``planned_folders`` are those that steps of the task create, this one's added; ``held`` is the drive of the VM that
    has the disk.
    """
    path = wanted.path
    current = disk_file.fetch_known(host, path)
    if current is None:
        return _plan_new_file(host, wanted, set() if planned_folders is None else planned_folders)
    disk_file.check_kept(host, current, wanted)
    size = current["MaxInternalSize"]
    if wanted.size and size is None:
        host.warn(f"check mode does not know the size of '{path}', and so not whether it is expanded")
    if wanted.size is None or size is None or wanted.size <= size:
        return []
    _check_expandable(host, path, held)
    return [
        Step(
            f"expand the virtual disk '{path}' to {format_size(wanted.size)}",
            {"disks": {path: {"size": format_size(size)}}},
            {"disks": {path: {"size": format_size(wanted.size)}}},
            lambda: disk_file.expand(host, path, wanted.size),
            ("size",) if vm and held and not _expands_in_state(vm, held, path) else (),
        )
    ]


def _expands_in_state(vm: VM, held: Drive, path: str) -> bool:
    """Whether a disk can be expanded while its VM isn't off: a VHDX on a SCSI controller (Resize-VHD docs).

    Never that of a saved VM, whose memory knows the old size.
    """
    return vm.state == OFF or (vm.state != SAVED and held.place.controller != IDE and paths.suffix(path) != ".vhd")


def _plan_new_file(host: Target, wanted: WantedFile, planned_folders: set[str]) -> list[Step]:
    path = wanted.path
    disk_file.check_new(host, wanted)
    folders = disk_file.missing_folders(host, path, planned_folders)
    planned_folders.update(folders)
    origin = (wanted.source and disk_file.fetch_known(host, wanted.source)) or {}
    if wanted.type == "fixed":
        capacity.check_space(host, path, wanted.size or origin.get("MaxInternalSize") or 0)
    after = {
        "type": wanted.kind,
        **({"size": format_size(wanted.size)} if wanted.size else {}),
        **({"parent": wanted.parent} if wanted.parent else {}),
        **({"source": wanted.source} if wanted.source else {}),
    }
    what = f"create the virtual disk '{path}'"
    if wanted.source:
        what = f"copy the virtual disk '{wanted.source}' to '{path}'"
    before: dict[str, Any] = {"disks": {}, **({"folders": {}} if folders else {})}
    also = {"folders": {name: {"exists": True} for name in folders}} if folders else {}

    def apply() -> None:
        with folder.created(host, folders):
            disk_file.create(host, wanted)

    return [Step(what, before, {"disks": {path: after}, **also}, apply)]


def _check_expandable(host: Target, path: str, held: Drive | None) -> None:
    """Raise Refused if a disk has children, which no longer fit an expanded parent (0xC03A0017)."""
    if held and not disk_file.same(host, held.path or "", path):
        raise Refused(
            f"'{path}' can't be expanded because it has checkpoints. Delete them with vm_checkpoint first, or leave "
            "the size as it is",
            option="size",
            path=path,
        )
    users = {owner for owner, used in disk_file.query_attached(host) if disk_file.same(host, used, path)}
    disk_file.check_childless(host, path, users, "size")
    for vm in find.query(host, ids=sorted(users)) if held is None else ():
        if vm.state != OFF:
            raise Refused(
                f"'{path}' is attached to {vm}, which is {vm.state}. Name the VM in the task, which then knows what "
                "its state allows, or turn it off first",
                option="size",
                path=path,
                vm=vm.name,
            )
    if held is None and disk_file.query_in_use(host, path):
        text = f"'{path}' is in use by something else on the host. Wait for it, or try later"
        raise Refused(text, option="size", path=path)


def plan_compact(host: Target, path: str, held: Drive | None = None, vm: VM | None = None) -> list[Step]:
    """The step that compacts a file. Raises Missing, Refused if it has children, is open, or is a fixed disk.

    ``held`` is the drive of the VM that has the disk.
    """
    settings = disk_file.fetch_known(host, path)
    if settings is None:
        raise disk_file.missing(host, path, f"the host has no file '{path}', so it can't be compacted")
    if disk_file.describe(settings)["type"] == "fixed":
        text = f"'{path}' is a fixed disk, which keeps its whole size; only other types of disks can be compacted"
        raise Refused(text, option="state", path=path)
    users = {owner for owner, used in disk_file.query_attached(host) if disk_file.same(host, used, path)}
    disk_file.check_childless(host, path, users, "state")
    open_in_vm = bool(vm and held and vm.state != OFF)
    if not open_in_vm and disk_file.query_in_use(host, path):
        text = f"'{path}' is in use. Turn off the VM that has it, name the VM in the task, or try later"
        raise Refused(text, option="state", path=path)
    what = f"compact the virtual disk '{path}'"
    before, after = {"disks": {path: {"compacted": None}}}, {"disks": {path: {"compacted": True}}}
    return [Step(what, before, after, lambda: disk_file.compact(host, path), ("state",) if open_in_vm else ())]


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
    if paths.is_share(path):
        raise Refused(
            f"'{path}' is on a share, and a host deletes only files on its own drives. Delete it on the file server, "
            "and leave the file as it is here",
            option=option,
            path=path,
        )
    disk_file.check_deletable(host, path, option)
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
    steps = plan_file(host, wanted.file, parts.planned_folders, held, vm)
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
    disks = [drive for drive in drives.drives if drive.kind == DISK and drive.path]
    return next((drive for drive in disks if holds(host, drive, path)), None)


def holds(host: Target, drive: Drive, path: str) -> bool:
    """Whether a drive holds this disk, also through the .avhdx files of checkpoints, or this image."""
    used = drive.path or ""
    if drive.kind == DVD:
        return _contains(drive, path)
    return disk_file.same(host, used, path) or disk_file.same(host, disk_file.fetch_base(host, used), path)


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
        before = position()
        layout.attach(host, vm, parts.layout, kind, place, path)
        if kind == DISK and path and not moved_from:
            _check_alone(parts, place, path, before)

    def undo() -> None:
        layout.detach(host, vm, parts.layout, parts.layout.at(place))

    what = f"{'move' if moved_from else 'attach'} {path or f'an empty {kind} drive'} to {vm} at {place}"
    if kind == DISK:
        now = str(moved_from.place) if moved_from else None
        before: dict[str, Any] = {"disks": {name: {"attached": now}}}
        after: dict[str, Any] = {"disks": {name: {"attached": str(place)}}}
    else:
        before, after = {"dvd_drives": {}}, {"dvd_drives": {str(place): {"path": path}}}
    needs_off = _needs_off(vm, place, moved_from)
    return [*steps, Step(what, before, after, apply, needs_off, undo=None if moved_from else undo)]


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


def _check_alone(parts: Parts, place: Place, path: str, before: int) -> None:
    """Detach a disk that was just attached, if another task attached it elsewhere at the same time.

    Of two tasks that see each other, the one with the smaller id waits for the other one to detach its disk.
    """
    host, vm, mine = parts.host, parts.vm, parts.layout.at(place)
    for pause in pauses():
        others = _query_others(host, vm, (mine and mine.medium_id) or "", path)
        if not others:
            return
        if ((mine and mine.medium_id) or "") > min(others) or pause >= LONGEST_PAUSE:
            break
        time.sleep(pause)
    with taken_back(lambda: layout.detach(host, vm, parts.layout, mine), f"'{path}' stays attached to {vm}", before):
        raise Refused(
            f"another task attached '{path}' to {disk_file.fetch_holder_name(host, find.owner(others[0]))} at the same "
            f"time, so it was detached from {vm} again. Choose another disk, or detach it there first",
            option="path",
            path=path,
            holder=find.owner(others[0]),
        )


def _query_others(host: Target, vm: VM, medium_id: str, path: str) -> list[str]:
    """The InstanceIDs of the media other than this one, or than those of the VM, that are this disk."""
    media = [(other, used) for other, used in disk_file.query_media(host) if disk_file.same(host, used, path)]
    if medium_id.lower() in (other.lower() for other, _used in media):
        return [other for other, _used in media if other.lower() != medium_id.lower()]
    return [other for other, _used in media if find.owner(other) != vm.id]


def plan_detach(parts: Parts, wanted: WantedDisk) -> list[Step]:
    """The step that detaches a disk from the VM; or the step that removes an empty drive, if only that is left of it.

    Raises Refused if the VM runs on a file of its checkpoints, without which the disk couldn't be attached again.
    """
    host, vm, path = parts.host, parts.vm, wanted.file.path
    held = fetch_holder(host, parts.planned_layout, path)
    if held is None:
        return _plan_leftovers(parts, wanted.place)
    if paths.suffix(held.path or "") in disk_file.ON_CHECKPOINT:
        raise Refused(
            f"'{path}' has checkpoints of {vm}, which runs on '{held.path}': if it were detached, it could not be "
            "attached again. Delete the checkpoints with vm_checkpoint first (a host's automatic checkpoint goes when "
            "the VM is turned off)",
            option="path",
            path=path,
            vm=vm.name,
        )
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


def _plan_leftovers(parts: Parts, wanted: WantedPlace) -> list[Step]:
    """The steps that remove disk drives without a disk, which a task leaves that is interrupted in the middle."""
    host, vm = parts.host, parts.vm
    empty = [
        drive
        for drive in parts.planned_layout.drives
        if drive.kind == DISK and drive.path is None and wanted.fits(drive.place)
    ]
    return [
        Step(
            f"remove the empty disk drive at {drive.place} from {vm}",
            {"disks": {"": {"attached": str(drive.place)}}},
            {"disks": {}},
            partial(layout.detach, host, vm, parts.layout, drive),
            _needs_off(vm, drive.place),
        )
        for drive in empty
    ]


def describe(host: Target, drive: Drive) -> dict[str, Any]:
    """A drive as results show it; that of a disk with the file below those of checkpoints."""
    base = {"base": drive.path and disk_file.fetch_base(host, drive.path)} if drive.kind == DISK else {}
    return {"path": drive.path, **base, **drive.place.options()}


# ---- DVD drives of a VM ----


def choose_dvd(
    vm: VM, drives: Layout, wanted: WantedDvd, taken: Collection[Place] = (), any_will_do: bool = False
) -> Drive | None:
    """The DVD drive that a task means, which isn't ``taken``; None if there is none.

    At the wanted place, it is the one that holds the image; else the first empty one; else the only one. Raises
    Ambiguous if several remain, unless ``any_will_do``.
    """
    fitting = [
        drive
        for drive in drives.drives
        if drive.kind == DVD and drive.place not in taken and wanted.place.fits(drive.place)
    ]
    if wanted.path:
        holding = [drive for drive in fitting if _contains(drive, wanted.path)]
        empty = [drive for drive in fitting if drive.path is None]
        fitting = holding[:1] or empty[:1] or fitting
    if len(fitting) > 1 and not any_will_do:
        raise _which_dvd(vm, fitting)
    return fitting[0] if fitting else None


def _which_dvd(vm: VM, drives: Iterable[Drive]) -> Ambiguous:
    which = ", ".join(f"{drive.place} ({drive.path or 'empty'})" for drive in drives)
    text = f"{vm} has several DVD drives that fit: {which}. Choose one by its controller_number and controller_location"
    return Ambiguous(text, option="controller_location", vm=vm.name)


def _contains(drive: Drive, path: str) -> bool:
    return drive.path is not None and paths.key(drive.path) == paths.key(path)


def plan_dvds(parts: Parts, wanted: Iterable[WantedDvd]) -> list[Step]:
    """The steps to several DVD drives, each entry for another drive: first those whose image is in a drive already."""
    wanted = list(wanted)
    drives = [drive for drive in parts.planned_layout.drives if drive.kind == DVD]

    def is_in_place(dvd: WantedDvd) -> bool:
        return any(dvd.path and dvd.place.fits(drive.place) and _contains(drive, dvd.path) for drive in drives)

    taken: set[Place] = set()
    in_order = sorted(wanted, key=lambda dvd: not is_in_place(dvd))
    return [step for dvd in in_order for step in plan_dvd(parts, dvd, taken)]


def plan_dvd(parts: Parts, wanted: WantedDvd, taken: set[Place] | None = None) -> list[Step]:
    """The step to a DVD drive with this medium. Raises Missing, Refused, Ambiguous.

    When several are planned, drives that are ``taken`` are passed over, and the chosen one is added to them.
    """
    host, vm, path = parts.host, parts.vm, wanted.path
    of_several = taken is not None
    taken = set() if taken is None else taken
    if path and not disk_file.query_exists(host, path):
        raise disk_file.missing(host, path, f"there is no file '{path}' on the host; copy the image there first")
    drive = choose_dvd(vm, parts.planned_layout, wanted, taken, any_will_do=of_several and path is None)
    if drive is None:
        before = {drive.place for drive in parts.planned_layout.drives}
        steps = _plan_attach(parts, DVD, wanted.place, path or None)
        taken |= {drive.place for drive in parts.planned_layout.drives} - before
        return steps
    taken.add(drive.place)
    if path is None or (_contains(drive, path) if path else drive.path is None):
        return []
    parts.planned_layout = parts.planned_layout.with_medium(drive, path or None)
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
    """The step that removes a DVD drive together with its medium. Raises Invalid, Ambiguous, Refused.

    With an image, it is the drive that holds it, and no other.
    """
    if wanted.path == "":
        raise Invalid("is empty, which chooses no drive to remove; omit it, or set the image", option="path")
    drive = _choose_dvd_to_remove(parts, wanted)
    if drive is None:
        return []
    parts.planned_layout = parts.planned_layout.without(drive)
    return [
        Step(
            f"remove the DVD drive at {drive.place} from {parts.vm}",
            {"dvd_drives": {str(drive.place): {"path": drive.path}}},
            {"dvd_drives": {}},
            lambda: layout.detach(parts.host, parts.vm, parts.layout, drive),
            _needs_off(parts.vm, drive.place),
        )
    ]


def _choose_dvd_to_remove(parts: Parts, wanted: WantedDvd) -> Drive | None:
    vm, drives = parts.vm, parts.planned_layout
    if not wanted.path:
        return choose_dvd(vm, drives, wanted)
    holding = [drive for drive in drives.drives if drive.kind == DVD and _contains(drive, wanted.path)]
    fitting = [drive for drive in holding if wanted.place.fits(drive.place)]
    if len(fitting) > 1:
        raise _which_dvd(vm, fitting)
    at_place = next((drive for drive in drives.drives if tuple(drive.place) == tuple(wanted.place)), None)
    if not fitting and at_place and at_place.kind == DVD and at_place.path:
        raise Refused(
            f"the DVD drive at {at_place.place} of {vm} holds '{at_place.path}', not '{wanted.path}'. Omit the path to "
            "remove this drive, or correct the controller location",
            option="path",
            path=wanted.path,
            vm=vm.name,
        )
    return fitting[0] if fitting else None
