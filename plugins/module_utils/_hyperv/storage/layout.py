# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers, drives and media of a VM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..._task.answer import Output, before_again
from ..._task.errors import Refused
from ..._task.journal import position, taken_back
from ..._task.session import Target
from ..._windows import paths
from ..._wsman import cim
from ..schema import MEDIUM, RESOURCE
from ..vm import resources as vm_resources
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
    """The location of a drive: ``scsi 0:1`` is location 1 of the first SCSI controller."""

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


PLACE_OPTIONS: dict[str, Any] = {
    "controller_type": {"type": "str", "choices": ["scsi", "ide"]},
    "controller_number": {"type": "int"},
    "controller_location": {"type": "int"},
}


class WantedPlace(NamedTuple):
    """The location that a task asks for; None leaves the choice to the collection."""

    controller: str | None = None
    number: int | None = None
    location: int | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> WantedPlace:
        return cls(*(params[option] for option in PLACE_OPTIONS))

    def fits(self, place: Place) -> bool:
        """Whether a place is the wanted one, as far as the task says."""
        return all(wanted in (None, actual) for wanted, actual in zip(self, place, strict=True))


class Drive(NamedTuple):
    """A disk or DVD drive and its medium; an empty DVD drive has none. The id of a planned drive is empty."""

    kind: str
    place: Place
    id: str
    medium_id: str | None
    path: str | None


@dataclass
class Layout:
    """The controllers (ids by type and number) and drives of a VM. A planned controller has no id yet."""

    controllers: dict[tuple[str, int], str] = field(default_factory=dict)
    drives: list[Drive] = field(default_factory=list)

    @property
    def has_ide(self) -> bool:
        """Generation 1 VMs always have IDE controllers, generation 2 VMs never."""
        return any(controller == IDE for controller, _number in self.controllers)

    def numbers(self, controller: str) -> list[int]:
        """The numbers of the controllers of this type."""
        return sorted(number for of_type, number in self.controllers if of_type == controller)

    def at(self, place: Place) -> Drive | None:
        return next((drive for drive in self.drives if drive.place == place), None)

    def free(self, place: Place, kind: str) -> bool:
        """Whether a drive fits here; a disk drive without a disk, as a failed task may leave it, takes one."""
        occupant = self.at(place)
        return occupant is None or (occupant.kind == kind == DISK and occupant.path is None)

    def holding(self, path: str) -> Drive | None:
        return next((drive for drive in self.drives if drive.path and paths.key(drive.path) == paths.key(path)), None)

    def copy(self) -> Layout:
        return Layout(copy(self.controllers), copy(self.drives))

    def with_drive(self, kind: str, place: Place, path: str | None) -> Layout:
        """A copy with a planned drive, which replaces an empty one at its place, and with a controller for it."""
        layout = self.without(self.at(place))
        layout.controllers.setdefault((place.controller, place.number), "")
        occupant = self.at(place)
        layout.drives.append(Drive(kind, place, occupant.id if occupant else "", None, path))
        layout.drives.sort(key=lambda drive: drive.place)
        return layout

    def with_medium(self, drive: Drive, path: str | None) -> Layout:
        """A copy in which a drive holds another medium."""
        layout = self.copy()
        layout.drives = [other._replace(path=path) if other is drive else other for other in self.drives]
        return layout

    def without(self, drive: Drive | None) -> Layout:
        """A copy without a drive."""
        layout = self.copy()
        layout.drives = [other for other in self.drives if other is not drive]
        return layout


# ---- reading ----


def fetch(host: Target, vm: VM) -> Layout:
    """The VM's controllers and drives; one request for each of two classes."""
    where = of_vms([vm])
    return arrange(
        host.client.query(RESOURCE, columns=tuple(RESOURCE.properties), where=where),
        host.client.query(MEDIUM, columns=tuple(MEDIUM.properties), where=where),
    )


def arrange(resources: Iterable[Mapping[str, Any]], media: Iterable[Mapping[str, Any]]) -> Layout:
    """A layout from rows. IDE controllers are numbered by Address, SCSI controllers in the order of the rows."""
    resources = list(resources)
    layout, numbers = Layout(), {}
    for row in resources:
        controller = _CONTROLLER_TYPES.get(row["ResourceType"])
        if controller:
            number = (
                cim.convert("uint16", row["Address"] or "0", "Address")
                if controller == IDE
                else len(layout.numbers(SCSI))
            )
            layout.controllers[controller, number] = row["InstanceID"]
            numbers[row["InstanceID"].lower()] = (controller, number)
    by_drive = {_parent(row): row for row in media}
    for row in resources:
        kind, controller = _DRIVE_TYPES.get(row["ResourceType"]), numbers.get(_parent(row))
        if kind and controller:
            medium = by_drive.get(row["InstanceID"].lower())
            # A physical disk or drive of the host is named by the drive itself.
            path = ((medium or row)["HostResource"] or [None])[0]
            place = Place(*controller, cim.convert("uint16", row["AddressOnParent"] or "0", "AddressOnParent"))
            medium_id = medium["InstanceID"] if medium else None
            layout.drives.append(Drive(kind, place, row["InstanceID"], medium_id, path))
    layout.drives.sort(key=lambda drive: drive.place)
    return layout


def _parent(row: Mapping[str, Any]) -> str:
    """InstanceID in lower case of the setting that contains this one."""
    return cim.parse_path(row["Parent"]).keys["InstanceID"].lower() if row["Parent"] else ""


# ---- choosing a place ----


def choose(vm: VM, layout: Layout, kind: str, wanted: WantedPlace) -> Place:
    """The place for a new drive, possibly on a SCSI controller that has to be added. Raises Refused."""
    controller = wanted.controller or _default_controller(layout, kind)
    for place in _candidates(layout, controller, wanted):
        if layout.free(place, kind):
            return place
    raise _why_no_place(vm, layout, controller, wanted)


def _default_controller(layout: Layout, kind: str) -> str:
    """IDE as long as it has a free place, as in Hyper-V Manager."""
    free = any(layout.free(place, kind) for place in _candidates(layout, IDE, WantedPlace()))
    return IDE if free else SCSI


def _candidates(layout: Layout, controller: str, wanted: WantedPlace) -> Iterator[Place]:
    """The places that the task could mean, existing controllers first."""
    numbers = _allowed_numbers(layout, controller)
    if wanted.number is not None:
        numbers = [number for number in numbers if number == wanted.number]
    elif wanted.location is not None:
        numbers = numbers[:1]
    for number in numbers:
        for location in range(_SLOTS[controller]):
            if wanted.location in (None, location):
                yield Place(controller, number, location)


def _allowed_numbers(layout: Layout, controller: str) -> list[int]:
    """The numbers of the existing controllers, and of a SCSI controller that can be added."""
    numbers = layout.numbers(controller)
    return [*numbers, len(numbers)] if controller == SCSI and len(numbers) < _MOST_SCSI else numbers


def _why_no_place(vm: VM, layout: Layout, controller: str, wanted: WantedPlace) -> Refused:
    numbers = _allowed_numbers(layout, controller)
    most = _SLOTS[controller] - 1
    if controller == IDE and not layout.has_ide:
        option, text = "controller_type", f"{vm} is a generation 2 VM, which has no IDE controllers; use scsi"
    elif wanted.number is not None and wanted.number not in numbers:
        option = "controller_number"
        text = f"{wanted.number} is out of range for {vm}, whose {controller} controllers are 0 to {numbers[-1]}"
    elif wanted.location is not None and not 0 <= wanted.location <= most:
        option = "controller_location"
        text = f"{wanted.location} is out of range; {controller} controllers have 0 to {most}"
    elif wanted.location is not None:
        place = Place(controller, numbers[0] if wanted.number is None else wanted.number, wanted.location)
        occupant = layout.at(place)
        option = "controller_location"
        text = (
            f"{place} of {vm} holds {(occupant and occupant.path) or 'an empty drive'}. "
            "Detach that first, or choose another location"
        )
    elif wanted.number is not None:
        option = "controller_number"
        text = f"{controller} controller {wanted.number} of {vm} is full; choose another one"
    else:
        option = "controller_type"
        text = f"all {controller} locations of {vm} are occupied; detach something first"
    return Refused(text, option=option, vm=vm.name)


# ---- writing ----


def add_controller(host: Target, vm: VM, layout: Layout, number: int) -> None:
    """Add a SCSI controller and note its id in the layout; nothing to do if the host has already added it."""
    if layout.controllers.get((SCSI, number)):
        return
    settings = cim.embedded(RESOURCE, _NEW_CONTROLLER)
    known = len(layout.numbers(SCSI))

    def look() -> Output | None:
        return {} if len(fetch(host, vm).numbers(SCSI)) > known else None

    added = vm_resources.add(host, vm, [settings], f"add SCSI controller {number} to {vm}", look)
    layout.controllers[SCSI, number] = added[0] if added else _fetch_new_controller(host, vm, layout)


def _fetch_new_controller(host: Target, vm: VM, layout: Layout) -> str:
    """The controller just added (an asynchronous call does not return its ID)."""
    known = {instance_id.lower() for instance_id in layout.controllers.values()}
    now = fetch(host, vm).controllers.values()
    return next(instance_id for instance_id in now if instance_id.lower() not in known)


def attach(host: Target, vm: VM, layout: Layout, kind: str, place: Place, path: str | None) -> None:
    """Add a drive with a medium, and note it in the layout; a drive whose medium is refused is removed again."""
    occupant = layout.at(place)
    if occupant:  # an empty disk drive
        medium_id = insert(host, vm, kind, occupant.id, path)
        now = occupant._replace(medium_id=medium_id, path=path)
        layout.drives = [now if other is occupant else other for other in layout.drives]
        return
    before = position()
    drive_id, medium_id = _add_drive(host, vm, layout, kind, place), None
    if path is not None:
        what = f"remove the empty drive at {place} from {vm}"
        with taken_back(
            lambda: vm_resources.remove(host, RESOURCE, drive_id, what),
            f"an empty {kind} drive remains at {place}",
            before,
        ):
            medium_id = insert(host, vm, kind, drive_id, path)
    layout.drives.append(Drive(kind, place, drive_id, medium_id, path))
    layout.drives.sort(key=lambda drive: drive.place)


def _add_drive(host: Target, vm: VM, layout: Layout, kind: str, place: Place) -> str:
    controller = layout.controllers[place.controller, place.number]
    parent = RESOURCE.reference({"InstanceID": controller})
    values = {**_NEW_DRIVE[kind], "Parent": parent.path(), "AddressOnParent": str(place.location)}
    added = vm_resources.add(host, vm, [cim.embedded(RESOURCE, values)], f"add a {kind} drive to {vm} at {place}")
    return added[0] if added else f"{controller}\\{place.location}\\D"  # the id that hosts give to a drive


def insert(host: Target, vm: VM, kind: str, drive_id: str, path: str | None) -> str:
    """Insert a medium into a drive; returns the id of the medium."""
    parent = RESOURCE.reference({"InstanceID": drive_id})
    text = cim.embedded(MEDIUM, {**_NEW_MEDIUM[kind], "Parent": parent.path(), "HostResource": [path]})
    added = vm_resources.add(host, vm, [text], f"attach '{path}' to {vm}")
    return added[0] if added else f"{drive_id.removesuffix('D')}L"  # the id that hosts give to its medium


def change(host: Target, vm: VM, drive: Drive, path: str | None) -> None:
    """Change the medium of a DVD drive, or eject it; one request, so that a failure doesn't empty the drive."""
    if path is None:
        eject(host, vm, drive)
    elif drive.medium_id is None:
        insert(host, vm, drive.kind, drive.id, path)
    else:
        what = f"insert '{path}' into the {drive.kind} drive at {drive.place} of {vm}"
        vm_resources.modify(host, MEDIUM, drive.medium_id, {"HostResource": [path]}, what)


def eject(host: Target, vm: VM, drive: Drive) -> None:
    """Remove the medium from a drive."""
    if drive.medium_id:
        vm_resources.remove(host, MEDIUM, drive.medium_id, f"detach '{drive.path}' from {vm}")


def detach(host: Target, vm: VM, layout: Layout, drive: Drive) -> None:
    """Remove medium and drive, in this order: hosts refuse the other one. The medium is put back if the drive stays."""
    before = position()
    with before_again(f"If '{drive.path}' is not in the drive any more, name the drive by its place: {drive.place}"):
        eject(host, vm, drive)
    what = f"remove the {drive.kind} drive at {drive.place} from {vm}"

    def undo() -> None:
        if drive.medium_id:
            insert(host, vm, drive.kind, drive.id, drive.path)

    with taken_back(undo, f"the {drive.kind} drive at {drive.place} of {vm} stays without '{drive.path}'", before):
        vm_resources.remove(host, RESOURCE, drive.id, what)
    layout.drives = [other for other in layout.drives if other.id != drive.id]
