"""Places of drives: which are free, which can be had, and what stands in the way."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.storage.layout import (
    DISK,
    DVD,
    IDE,
    SCSI,
    Drive,
    Layout,
    Place,
    WantedPlace,
    arrange,
    choose,
)
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, VM
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Refused

VM_ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"
VM01 = VM(VM_ID, "vm01", OFF)


def controller(name: str, kind: int, address: str | None = None) -> dict[str, object]:
    return {"InstanceID": name, "ResourceType": kind, "Address": address, "Parent": None, "HostResource": []}


def drive(on: str, kind: int, location: int, host_resource: str = "") -> dict[str, object]:
    parent = f'\\\\HV01\\root\\virtualization\\v2:Msvm_ResourceAllocationSettingData.InstanceID="{on}"'
    return {
        "InstanceID": f"{on}\\{location}\\D",
        "ResourceType": kind,
        "Parent": parent.replace(on, on.replace("\\", "\\\\")),
        "AddressOnParent": str(location),
        "HostResource": [host_resource] if host_resource else [],
    }


def test_rows_become_drives_at_their_places() -> None:
    """IDE controllers go by their address, SCSI controllers by their order; other devices are left out."""
    first, second = "Microsoft:vm\\scsi-z\\0", "Microsoft:vm\\scsi-a\\0"
    rows = [
        controller("Microsoft:vm\\ide\\1", 5, "1"),
        controller("Microsoft:vm\\ide\\0", 5, "0"),
        controller(first, 6),
        controller(second, 6),
        controller("Microsoft:vm\\mouse", 13),
        drive(second.upper(), 17, 5),
        drive(first, 16, 0),
        drive(first, 17, 3, "\\\\HV01\\root\\virtualization\\v2:Msvm_DiskDrive"),
    ]
    medium = drive(second, 31, 5) | {"InstanceID": f"{second}\\5\\L", "HostResource": ["C:\\x.vhdx"]}
    medium["Parent"] = drive(f"{second}\\5\\D", 31, 0)["Parent"]
    layout = arrange(rows, [medium])
    assert layout.controllers == {
        (IDE, 1): "Microsoft:vm\\ide\\1",
        (IDE, 0): "Microsoft:vm\\ide\\0",
        (SCSI, 0): first,
        (SCSI, 1): second,
    }
    assert [(one.kind, str(one.place), one.path) for one in layout.drives] == [
        (DVD, "scsi 0:0", None),
        (DISK, "scsi 0:3", "\\\\HV01\\root\\virtualization\\v2:Msvm_DiskDrive"),
        (DISK, "scsi 1:5", "C:\\x.vhdx"),
    ]


def layout(*drives: Drive, scsi: int = 1, ide: int = 0) -> Layout:
    there = {(SCSI, n): f"scsi{n}" for n in range(scsi)} | {(IDE, n): f"ide{n}" for n in range(ide)}
    return Layout(there, list(drives))


def at(number: int, location: int, kind: str = DISK, path: str | None = "C:\\x.vhdx", on: str = SCSI) -> Drive:
    return Drive(kind, Place(on, number, location), f"id {number} {location}", None, path)


@pytest.mark.parametrize(
    ("there", "asked", "place", "new"),
    [
        (layout(), (None, None, None), (SCSI, 0, 0), False),
        (layout(at(0, 0), at(0, 2)), (None, None, None), (SCSI, 0, 1), False),
        (layout(scsi=0), (None, None, None), (SCSI, 0, 0), True),
        (layout(scsi=0), (None, None, 9), (SCSI, 0, 9), True),
        (layout(), (SCSI, 1, None), (SCSI, 1, 0), True),
        (layout(), (SCSI, 1, 63), (SCSI, 1, 63), True),
        (layout(at(0, 0)), (None, None, 5), (SCSI, 0, 5), False),
        (layout(*[at(0, n) for n in range(64)]), (None, None, None), (SCSI, 1, 0), True),
        (layout(*[at(0, n) for n in range(64)], scsi=2), (None, None, None), (SCSI, 1, 0), False),
        (layout(at(0, 0, path=None)), (None, None, None), (SCSI, 0, 0), False),
    ],
)
def test_a_place_on_generation_2(
    there: Layout, asked: tuple[str | None, int | None, int | None], place: tuple[str, int, int], new: bool
) -> None:
    chosen = choose(VM01, there, DISK, WantedPlace(*asked))
    assert chosen == Place(*place)
    assert (place[:2] not in there.controllers) is new


def test_a_place_on_generation_1() -> None:
    there = layout(scsi=0, ide=2)
    for location in range(4):
        place = choose(VM01, there, DVD, WantedPlace())
        assert place == Place(IDE, location // 2, location % 2)
        there = there.with_drive(DVD, place, None)
    assert choose(VM01, there, DVD, WantedPlace()) == Place(SCSI, 0, 0)


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        (layout(), (IDE, None, None), ("controller_type", "generation 2", "use scsi")),
        (layout(), (SCSI, -1, None), ("controller_number: -1 is out of range", "0 to 1")),
        (layout(), (SCSI, 2, None), ("controller_number: 2", "0 to 1")),
        (layout(scsi=4), (SCSI, 4, None), ("controller_number: 4", "0 to 3")),
        (layout(), (None, 0, -1), ("controller_location: -1 is out of range", "0 to 63")),
        (layout(ide=2), (IDE, 0, 2), ("controller_location: 2 is out of range", "0 to 1")),
        (layout(at(0, 3)), (None, 0, 3), ("scsi 0:3 of VM 'vm01' holds C:\\x.vhdx",)),
        (layout(at(0, 3, DVD, None)), (None, 0, 3), ("holds an empty drive",)),
        (
            layout(*[at(n // 2, n % 2, on=IDE) for n in range(4)], ide=2),
            (IDE, None, None),
            ("controller_type: all ide locations of VM 'vm01' are occupied",),
        ),
    ],
)
def test_a_place_that_can_not_be_had(
    there: Layout, asked: tuple[str | None, int | None, int | None], words: tuple[str, ...]
) -> None:
    with pytest.raises(Refused) as caught:
        choose(VM01, there, DISK, WantedPlace(*asked))
    sentence = caught.value.sentence()
    assert [word for word in words if word not in sentence] == [], sentence


def test_an_empty_drive_is_for_disks_alone() -> None:
    there = layout(at(0, 0, path=None))
    assert choose(VM01, there, DVD, WantedPlace()) == Place(SCSI, 0, 1)
    planned = there.with_drive(DISK, Place(SCSI, 0, 0), "C:\\new.vhdx")
    assert [drive.path for drive in planned.drives] == ["C:\\new.vhdx"]
    assert [drive.path for drive in there.drives] == [None], "planning leaves the layout as it is"
