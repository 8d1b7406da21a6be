"""Files, directories and drives of a host in root/cimv2."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2
from ansible_collections.nested.hyperv.tests.simulator.machine import files
from ansible_collections.nested.hyperv.tests.simulator.machine.files import FileError
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import host, rows
from ..machines import GB, ROOT, create, names

DISK = rf"{ROOT}\one.vhdx"


def on(machine: Machine, class_name: str, path: str, method: str, **parameters: Any) -> int:
    return machine.invoke(machine.find_class(CIMV2, class_name), {"Name": path}, method, parameters)[0]


def test_a_file_shows_as_windows_shows_it() -> None:
    machine = host(files=[{"path": DISK, "size": "40GB", "read_only": True}])
    row = machine.get(machine.find_class(CIMV2, "CIM_DataFile"), {"Name": DISK.upper()})
    assert (row["Name"], row["FileName"], row["Extension"]) == (DISK.lower(), "one", "vhdx")
    assert (row["Drive"], row["Path"]) == ("c:", "\\programdata\\microsoft\\windows\\virtual hard disks\\")
    assert (row["FileSize"], row["Writeable"]) == (4 << 20, False)


def test_deleting_a_file_frees_its_space() -> None:
    machine = host(files=[{"path": DISK, "type": "fixed", "size": "40GB"}])
    before = rows(machine, "Win32_LogicalDisk", CIMV2)[0]["FreeSpace"]
    assert on(machine, "CIM_DataFile", DISK, "Delete") == 0
    assert rows(machine, "Win32_LogicalDisk", CIMV2)[0]["FreeSpace"] - before == 40 * GB + (4 << 20)


@pytest.mark.parametrize(("spec", "code"), [({"in_use": True}, 15), ({"read_only": True}, 2)])
def test_files_that_can_not_be_deleted(spec: dict[str, Any], code: int) -> None:
    machine = host(files=[{"path": DISK, "size": "1GB", **spec}])
    assert on(machine, "CIM_DataFile", DISK, "Delete") == code
    assert names(machine) == {"one.vhdx"}


def test_the_disk_of_a_running_vm_can_not_be_deleted() -> None:
    machine = host({"state": "running", "disks": [{"path": DISK}]})
    assert on(machine, "CIM_DataFile", DISK, "Delete") == 15


def test_a_directory_goes_with_what_is_in_it_unless_something_is_open() -> None:
    machine = host(
        files=[{"path": r"C:\lab\vm\a.iso", "size": 1}, {"path": r"C:\lab\b.iso", "size": 1, "in_use": True}]
    )
    assert on(machine, "Win32_Directory", r"c:\lab", "Delete") == 15
    assert on(machine, "Win32_Directory", r"c:\lab\vm", "Delete") == 0
    assert {row["Name"] for row in rows(machine, "Win32_Directory", CIMV2)} >= {r"c:\lab"}
    assert machine.files.get(r"C:\lab\vm\a.iso") is None


def test_renaming_stays_on_the_drive_and_copying_keeps_the_disk() -> None:
    machine = host(files=[{"path": DISK, "size": "40GB"}])
    assert on(machine, "CIM_DataFile", DISK, "Copy", FileName=rf"{ROOT}\two.vhdx") == 0
    assert on(machine, "CIM_DataFile", DISK, "Rename", FileName=rf"{ROOT}\two.vhdx") == 10
    assert on(machine, "CIM_DataFile", DISK, "Rename", FileName=r"D:\two.vhdx") == 13
    assert on(machine, "CIM_DataFile", DISK, "Rename", FileName=rf"{ROOT}\three.vhdx") == 0
    assert names(machine) == {"two.vhdx", "three.vhdx"}


def test_drives_of_the_model() -> None:
    machine = host(drives=[{"letter": "C", "size": "500GB", "used": "100GB"}, {"letter": "D:", "size": "1TB"}])
    assert [(row["DeviceID"], row["FreeSpace"] // GB) for row in rows(machine, "Win32_LogicalDisk", CIMV2)] == [
        ("C:", 400),
        ("D:", 1024),
    ]
    assert create(machine, r"D:\x.vhdx", Type=2, MaxInternalSize=600 * GB)[0] == 0
    assert create(machine, r"D:\y.vhdx", Type=2, MaxInternalSize=600 * GB)[0] == 32768


@pytest.mark.parametrize("path", ["", "x", r"C:x", r"\\server", r"\\?\C:\x", r"C:\a?b", "C:\\a. \\b", r"C:\a|b"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(FileError):
        files.normal(path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("c:/a/b", r"c:\a\b"),
        (r"C:\\a\\b", r"C:\a\b"),
        ("C:\\", "C:\\"),
        (r"C:\a b", r"C:\a b"),
        (r"\\nas\iso\\", r"\\nas\iso"),
    ],
)
def test_paths_in_one_spelling(given: str, expected: str) -> None:
    assert files.normal(given) == expected


@pytest.mark.parametrize(("given", "size"), [("40GB", 40 << 30), ("1 tb", 1 << 40), (5, 5), (None, 0)])
def test_sizes(given: Any, size: int) -> None:
    assert files.amount(given) == size


# --- spellings of one path


SPELLINGS = [
    r"C:\lab\disks\web01 data.vhdx",
    "c:/LAB/disks/web01 data.vhdx",
    r"C:\lab\\disks\web01 data.vhdx",
    r"C:\lab\.\disks\..\disks\web01 data.vhdx",
    r"C:\..\lab\disks\web01 data.vhdx",
    r"C:\lab\disks\WEB01D~1.VHD",
    r"\\localhost\C$\lab\disks\web01 data.vhdx",
    r"\\hv01\c$\lab\disks\web01d~1.vhd",
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_all_spellings_lead_to_the_same_file(path: str) -> None:
    machine = host(files=[{"path": SPELLINGS[0], "size": "1GB"}])
    assert machine.files.need(path).path == SPELLINGS[0]
    with pytest.raises(FileError):
        machine.files.create(path)


def test_short_names_are_numbered_in_the_order_of_creation() -> None:
    assert files.short_names(["long name.vhdx", "longname.vhdx", "short.iso", "a+b.txt"]) == {
        "long name.vhdx": "LONGNA~1.VHD",
        "longname.vhdx": "LONGNA~2.VHD",
        "a+b.txt": "A_B~1.TXT",
    }


def test_the_short_name_of_a_file_and_its_folders() -> None:
    machine = host(files=[{"path": r"C:\virtual machines\golden image.vhdx", "size": "1GB"}])
    (row,) = (row for row in rows(machine, "CIM_DataFile", CIMV2) if row["FileName"] == "golden image")
    assert row["EightDotThreeFileName"] == r"c:\virtua~1\golden~1.vhd"


def test_files_in_the_root_of_a_drive() -> None:
    machine = host({"disks": [{"path": r"C:\root.vhdx"}]}, files=[{"path": r"C:\setup.iso", "size": "1GB"}])
    found = {row["FileName"]: row["Path"] for row in rows(machine, "CIM_DataFile", CIMV2)}
    assert (found["root"], found["setup"]) == ("\\", "\\")


def test_files_on_a_share_exist_but_are_not_the_machines() -> None:
    iso = r"\\nas\iso\win\setup.iso"
    machine = host({"dvd_drives": [{"path": iso}]}, files=[{"path": iso, "size": "5GB"}])
    assert machine.files.need(r"\\NAS\iso\win\.\setup.iso").size == 5 * GB
    assert "setup" not in {row["FileName"] for row in rows(machine, "CIM_DataFile", CIMV2)}
    assert create(machine, r"\\nas\iso\new.vhdx", MaxInternalSize=GB)[0] == 0
    assert create(machine, r"\\other\share\new.vhdx", MaxInternalSize=GB)[0] == 32779
