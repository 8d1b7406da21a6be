# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers, drives and media of a VM: three levels of settings, one word for people each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..._task.errors import Refused
from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import Reference
from ..._wsman.faults import HostError
from .. import jobs
from ..schema import MEDIUM, RESOURCE, V2, VM_SERVICE
from ..vm.find import VM, of_vms

IDE, SCSI = "ide", "scsi"
DISK, DVD = "disk", "dvd"

_CONTROLLER_TYPES = {5: IDE, 6: SCSI}  # ResourceType
_DRIVE_TYPES = {17: DISK, 16: DVD}
_SLOTS = {IDE: 2, SCSI: 64}
_MOST_SCSI = 4

_NEW_CONTROLLER = {"ResourceType": 6, "ResourceSubType": "Microsoft:Hyper-V:Synthetic SCSI Controller"}
_NEW_DRIVE = {
    DISK: {"ResourceType": 17, "ResourceSubType": "Microsoft:Hyper-V:Synthetic Disk Drive"},
    DVD: {"ResourceType": 16, "ResourceSubType": "Microsoft:Hyper-V:Synthetic DVD Drive"},
}
_NEW_MEDIUM = {
    DISK: {"ResourceType": 31, "ResourceSubType": "Microsoft:Hyper-V:Virtual Hard Disk"},
    DVD: {"ResourceType": 31, "ResourceSubType": "Microsoft:Hyper-V:Virtual CD/DVD Disk"},
}


class Place(NamedTuple):
    """Where a drive is: ``scsi 0:1`` is location 1 of the first SCSI controller."""

    controller: str
    number: int
    location: int

    def __str__(self) -> str:
        return f"{self.controller} {self.number}:{self.location}"

    def options(self) -> dict[str, Any]:
        return {
            "controller_type": self.controller,
            "controller_number": self.number,
            "controller_location": self.location,
        }


class Drive(NamedTuple):
    """A disk or DVD drive and what is in it; an empty DVD drive has no medium."""

    kind: str
    place: Place
    id: str
    medium_id: str | None
    path: str | None


@dataclass
class Layout:
    """A VM's controllers (their ids by type and number) and drives, also while a task adds some."""

    controllers: dict[tuple[str, int], str | None] = field(default_factory=dict)
    drives: list[Drive] = field(default_factory=list)

    def at(self, place: Place) -> Drive | None:
        return next((drive for drive in self.drives if drive.place == place), None)

    def free(self, place: Place, kind: str) -> bool:
        """Whether a drive fits here; a disk drive without a disk, as a failed task may leave it, takes one."""
        there = self.at(place)
        return there is None or (there.kind == kind == DISK and there.path is None)

    def holding(self, path: str) -> Drive | None:
        return next((drive for drive in self.drives if (drive.path or "").lower() == path.lower()), None)


def read(host: Host, vm: VM) -> Layout:
    """The VM's controllers and drives; each class is read once."""
    where = of_vms([vm])
    return arrange(
        host.client.query(RESOURCE, columns=tuple(RESOURCE.properties), where=where),
        host.client.query(MEDIUM, columns=tuple(MEDIUM.properties), where=where),
    )


def arrange(resources: Iterable[Mapping[str, Any]], media: Iterable[Mapping[str, Any]]) -> Layout:
    """Put rows together. IDE controllers are numbered by Address, SCSI controllers in the order that the host tells."""
    resources = list(resources)
    layout, numbers = Layout(), {}
    for row in resources:
        controller = _CONTROLLER_TYPES.get(row["ResourceType"])
        if controller:
            so_far = sum(1 for kind, _number in layout.controllers if kind == controller)
            number = int(row["Address"] or 0) if controller == IDE else so_far
            layout.controllers[controller, number] = row["InstanceID"]
            numbers[row["InstanceID"].lower()] = (controller, number)
    by_drive = {_parent(row): row for row in media}
    for row in resources:
        kind, controller = _DRIVE_TYPES.get(row["ResourceType"]), numbers.get(_parent(row))
        if kind and controller:
            medium = by_drive.get(row["InstanceID"].lower())
            # A physical disk or drive of the host is named by the drive itself.
            path = ((medium or row)["HostResource"] or [None])[0]
            place = Place(*controller, int(row["AddressOnParent"] or 0))
            medium_id = medium["InstanceID"] if medium else None
            layout.drives.append(Drive(kind, place, row["InstanceID"], medium_id, path))
    layout.drives.sort(key=lambda drive: drive.place)
    return layout


def _parent(row: Mapping[str, Any]) -> str:
    """InstanceID in lower case of the setting that this one hangs on."""
    return cim.parse_path(row["Parent"]).keys["InstanceID"].lower() if row["Parent"] else ""


def choose(
    vm: VM,
    layout: Layout,
    generation: int,
    kind: str,
    controller: str | None,
    number: int | None,
    location: int | None,
) -> tuple[Place, bool]:
    """The place for a new drive, and whether a SCSI controller has to be added for it. Raises Refused."""
    controller = controller or (IDE if generation == 1 and _free(layout, kind, IDE, None) else SCSI)
    if controller == IDE and generation != 1:
        raise Refused(f"controller_type: {vm} is of generation 2, which has no IDE controllers; use scsi", vm=vm.name)
    if number is None and location is None and (place := _free(layout, kind, controller, None)):
        return place, False
    there = [n for of, n in layout.controllers if of == controller]
    most = len(there) - 1 if controller == IDE else min(len(there), _MOST_SCSI - 1)
    if number is None and location is None and len(there) > most:
        raise Refused(f"controller_type: all {controller} places of {vm} are taken; detach something first", vm=vm.name)
    number = number if number is not None else 0 if there and location is not None else len(there)
    if not 0 <= number <= most:
        raise Refused(
            f"controller_number: {number} is not for {vm}; its {controller} controllers are 0 to {most}", vm=vm.name
        )
    new = (controller, number) not in layout.controllers
    if location is None:
        place = Place(controller, number, 0) if new else _free(layout, kind, controller, number)
        if place is None:
            raise Refused(
                f"controller_number: {controller} controller {number} of {vm} is full; choose another one", vm=vm.name
            )
        return place, new
    if not 0 <= location < _SLOTS[controller]:
        raise Refused(
            f"controller_location: {location} is out of range; {controller} controllers have 0 to "
            f"{_SLOTS[controller] - 1}",
            vm=vm.name,
        )
    place = Place(controller, number, location)
    if not layout.free(place, kind):
        holder = layout.at(place)
        raise Refused(
            f"controller_location: {place} of {vm} holds {(holder and holder.path) or 'an empty drive'}. "
            "Detach that first, or choose another location",
            vm=vm.name,
        )
    return place, new


def _free(layout: Layout, kind: str, controller: str, number: int | None) -> Place | None:
    """The first free place on a controller of this type (and number)."""
    numbers = sorted(n for of, n in layout.controllers if of == controller and number in (None, n))
    places = (Place(controller, n, location) for n in numbers for location in range(_SLOTS[controller]))
    return next((place for place in places if layout.free(place, kind)), None)


def reserve(layout: Layout, kind: str, place: Place, path: str | None) -> None:
    """Take a place for a drive that a later step of the same task attaches, which then puts its id in."""
    layout.controllers.setdefault((place.controller, place.number), None)
    left_over = layout.at(place)
    if left_over:
        layout.drives.remove(left_over)
    layout.drives.append(Drive(kind, place, left_over.id if left_over else "", None, path))
    layout.drives.sort(key=lambda drive: drive.place)


def add_controller(host: Host, vm: VM, layout: Layout, number: int) -> None:
    """Add a SCSI controller and note its id in the layout."""
    added = _add(host, vm, cim.embedded(RESOURCE, _NEW_CONTROLLER), f"add SCSI controller {number} to {vm}")
    layout.controllers[SCSI, number] = added or _new_controller(host, vm, layout)


def _new_controller(host: Host, vm: VM, layout: Layout) -> str:
    """The controller that came while we looked away: a host that answers through a job doesn't name it."""
    known = {(instance_id or "").lower() for instance_id in layout.controllers.values()}
    there = read(host, vm).controllers.values()
    return next(instance_id for instance_id in there if instance_id and instance_id.lower() not in known)


def attach(host: Host, vm: VM, layout: Layout, kind: str, place: Place, path: str | None) -> None:
    """Add a drive and put the medium in; a drive whose medium is refused is taken away again."""
    reserved = layout.at(place)
    drive = reserved.id if reserved and reserved.id else _add_drive(host, vm, layout, kind, place)
    layout.drives = [one._replace(id=drive) if one.place == place else one for one in layout.drives]
    if path is None:
        return
    try:
        insert(host, vm, kind, drive, path)
    except HostError as error:
        try:
            _remove(host, RESOURCE.name, drive, f"take the empty drive at {place} from {vm}")
        except HostError as second:
            error.message += f"; and an empty {kind} drive stays at {place}: {second.message}"
        raise


def _add_drive(host: Host, vm: VM, layout: Layout, kind: str, place: Place) -> str:
    controller = layout.controllers[place.controller, place.number]
    parent = Reference(V2, RESOURCE.name, {"InstanceID": controller or ""})
    values = {**_NEW_DRIVE[kind], "Parent": parent.path(), "AddressOnParent": str(place.location)}
    added = _add(host, vm, cim.embedded(RESOURCE, values), f"add a {kind} drive to {vm} at {place}")
    return added or f"{controller}\\{place.location}\\D"  # the id that hosts give to a drive


def insert(host: Host, vm: VM, kind: str, drive: str, path: str) -> None:
    """Put a medium into a drive."""
    parent = Reference(V2, RESOURCE.name, {"InstanceID": drive})
    text = cim.embedded(MEDIUM, {**_NEW_MEDIUM[kind], "Parent": parent.path(), "HostResource": [path]})
    _add(host, vm, text, f"attach '{path}' to {vm}")


def change(host: Host, vm: VM, drive: Drive, path: str | None) -> None:
    """Have this medium, or none, in a DVD drive; one request, so that a drive never loses one for another's failure."""
    if path is None:
        eject(host, vm, drive)
    elif drive.medium_id is None:
        insert(host, vm, drive.kind, drive.id, path)
    else:
        text = cim.embedded(MEDIUM, {"InstanceID": drive.medium_id, "HostResource": [path]})
        what = f"put '{path}' into the {drive.kind} drive at {drive.place} of {vm}"
        jobs.call(host, VM_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]}, what=what)


def eject(host: Host, vm: VM, drive: Drive) -> None:
    """Take the medium out of a drive."""
    if drive.medium_id:
        _remove(host, MEDIUM.name, drive.medium_id, f"detach '{drive.path}' from {vm}")


def detach(host: Host, vm: VM, drive: Drive) -> None:
    """Take medium and drive away, in this order: hosts refuse the other one."""
    eject(host, vm, drive)
    _remove(host, RESOURCE.name, drive.id, f"remove the {drive.kind} drive at {drive.place} from {vm}")


def _add(host: Host, vm: VM, text: str, what: str) -> str | None:
    """Add one resource; its InstanceID, where the host tells it."""
    answer = jobs.call(
        host,
        VM_SERVICE,
        "AddResourceSettings",
        {"AffectedConfiguration": vm.settings_reference, "ResourceSettings": [text]},
        returns={"ResultingResourceSettings": "ref[]"},
        what=what,
    )
    added = answer["ResultingResourceSettings"]
    return added[0].keys["InstanceID"] if added else None


def _remove(host: Host, class_name: str, instance_id: str, what: str) -> None:
    reference = Reference(V2, class_name, {"InstanceID": instance_id})
    jobs.call(host, VM_SERVICE, "RemoveResourceSettings", {"ResourceSettings": [reference]}, what=what)
