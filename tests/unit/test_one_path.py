"""One disk under every spelling of its path: each module finds it, and no spelling gets past a check."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab

DISK, ISO, PARENT = r"D:\vms\owner\os.vhdx", r"D:\iso\setup.iso", r"D:\vms\golden.vhdx"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}],
            "files": [
                {"path": ISO, "size": "1GB"},
                {"path": r"\\nas\iso\x.iso", "size": "1GB"},
                {"path": r"\\nas\vms\any.vhdx", "size": "1GB"},
                {"path": PARENT, "size": "40GB"},
                {"path": r"D:\vms\child.vhdx", "parent": PARENT},
            ],
            "vms": [
                {"name": "owner", "disks": [{"path": DISK, "size": "40GB"}], "dvd_drives": [{"path": ISO}, {}]},
                {"name": "other", "dvd_drives": [{}]},
                {"name": "heir", "disks": [{"path": r"D:\vms\child.vhdx"}]},
            ],
        }
    ]
}


def spellings(path: str) -> list[str]:
    r"""Other spellings of a path below ``D:\``."""
    folder, _slash, name = path.rpartition("\\")
    return [
        path,
        path.upper(),
        path.replace("\\", "\\\\"),
        path.replace("\\", "/"),
        f"{folder}\\.\\{name}",
        f"{folder}\\x\\..\\{name}",
        f"D:\\..\\{path[3:]}",
        f"{path}\\",
        f"d:/{path[3:]}//",
    ]


@pytest.mark.parametrize("number", range(len(spellings(DISK))))
def test_each_module_knows_a_disk_by_every_spelling(shared_lab: Lab, number: int) -> None:
    lab, disk, iso, parent = shared_lab, *(spellings(path)[number] for path in (DISK, ISO, PARENT))
    new = r"D:\vms\new.vhdx"
    # It is the owner's.
    assert lab.leaves_alone("vm_disk", vm="owner", path=disk)["drive"]["path"] == DISK
    lab.leaves_alone("vm", name="owner", disks=[{"path": disk}], firmware={"boot_order": [f"disk:{DISK}"]})
    lab.leaves_alone("vm", name="owner", dvd_drives=[{"path": iso}, {"path": ""}])
    lab.leaves_alone("vm_dvd_drive", vm="owner", path=iso)
    lab.leaves_alone("vm_disk", path=disk, size="40GB")
    # And nobody else's.
    lab.refuses("vm_disk", "path: ", "is attached to VM 'owner'", vm="other", path=disk)
    lab.refuses("vm", "disks.path: ", "is attached to VM 'owner'", name="other", disks=[{"path": disk}])
    lab.refuses("vm", "disks.path: ", "is attached to VM 'owner'", name="new01", disks=[{"path": disk}])
    lab.refuses("vm_disk", "parent: ", "is attached to VM 'owner'", path=new, parent=disk)
    lab.refuses("vm_disk", "source: ", "can't be a copy of itself", path=disk, source=DISK)
    lab.refuses("vm_disk", "is in use by VM 'owner'", path=disk, state="absent", delete_file=True)
    lab.refuses("vm_disk", "is in use by VM 'owner'", vm="other", path=disk, state="absent", delete_file=True)
    lab.refuses("vm_disk", "is a parent of ", vm="other", path=parent)
    lab.refuses("vm_disk", "in use by VM 'heir' as a parent of ", path=parent, state="absent", delete_file=True)
    lab.refuses("vm_disk", "in use by VM 'heir' as a parent of ", path=parent, size="60GB")
    lab.refuses("vm", "is listed twice", name="other", disks=[{"path": DISK}, {"path": disk}])


@pytest.mark.parametrize("number", range(len(spellings(DISK))))
def test_absent_finds_what_it_names(lab: Lab, number: int) -> None:
    lab.apply("vm_dvd_drive", vm="owner", path=spellings(ISO)[number], state="absent")
    lab.apply("vm_disk", vm="owner", path=spellings(DISK)[number], state="absent", delete_file=True)
    assert not lab.machine.files.get(DISK)


@pytest.mark.parametrize("attached", ["d:/VMS/owner/OS.vhdx", r"D:\vms\.\owner\os.vhdx", r"D:\vms\\owner\os.vhdx\\"])
def test_a_disk_that_was_attached_under_another_spelling(lab: Lab, attached: str) -> None:
    """By Hyper-V Manager, or by a script."""
    (medium,) = (
        row for row in lab.machine.repository.rows("Msvm_StorageAllocationSettingData") if row["HostResource"] == [DISK]
    )
    medium["HostResource"] = [attached]
    lab.leaves_alone("vm_disk", vm="owner", path=DISK)
    lab.refuses("vm_disk", "is attached to VM 'owner'", vm="other", path=DISK)
    lab.refuses("vm_disk", "is in use by VM 'owner'", path=DISK, state="absent", delete_file=True)


def hidden(path: str) -> list[str]:
    """Spellings that only the host can resolve."""
    short = path.replace("os.vhdx", "OS~1.VHD").replace("golden.vhdx", "GOLDEN~1.VHD")
    return [
        short,
        "\\\\localhost\\D$" + path[2:],
        "\\\\HV01\\d$" + path[2:],
        "//127.0.0.1/D$" + short[2:].replace("\\", "/"),
    ]


@pytest.mark.parametrize("number", range(len(hidden(DISK))))
def test_what_spelling_hides_the_id_of_the_disk_decides(shared_lab: Lab, number: int) -> None:
    lab, disk, parent = shared_lab, hidden(DISK)[number], hidden(PARENT)[number]
    assert lab.leaves_alone("vm_disk", vm="owner", path=disk)["drive"]["path"] == DISK
    lab.refuses("vm_disk", "path: ", "is attached to VM 'owner'", vm="other", path=disk)
    lab.refuses(
        "vm_disk", "parent: ", "is attached to VM 'owner'", path=r"D:\vms\new" + disk[disk.rindex(".") :], parent=disk
    )
    lab.refuses("vm_disk", "is in use by VM 'owner'", path=disk, state="absent", delete_file=True)
    lab.refuses("vm_disk", "is a parent of ", vm="other", path=parent)


@pytest.mark.parametrize("attached", hidden(DISK))
def test_a_disk_that_was_attached_under_a_hidden_spelling(lab: Lab, attached: str) -> None:
    rows = lab.machine.repository.rows("Msvm_StorageAllocationSettingData")
    (medium,) = (row for row in rows if row["HostResource"] == [DISK])
    medium["HostResource"] = [attached]
    lab.leaves_alone("vm_disk", vm="owner", path=DISK)
    lab.refuses("vm_disk", "is attached to VM 'owner'", vm="other", path=DISK)
    lab.refuses("vm_disk", "is in use by VM 'owner'", path=DISK, state="absent", delete_file=True)


SHARED_ISO, SHARED_DISK = r"\\nas\iso\x.iso", r"\\nas\vms\share.vhdx"


def test_files_on_a_share(lab: Lab) -> None:
    """The host's own file system doesn't show them."""
    lab.apply("vm_dvd_drive", vm="other", path=SHARED_ISO)
    lab.leaves_alone("vm_dvd_drive", vm="other", path="//NAS/iso/./x.iso")
    lab.apply("vm_dvd_drive", vm="other", path=SHARED_ISO, state="absent")
    lab.apply("vm_disk", vm="other", path=SHARED_DISK, size="1GB")
    lab.refuses("vm_disk", "is attached to VM 'other'", vm="owner", path=SHARED_DISK)
    lab.apply("vm_disk", vm="other", path=SHARED_DISK, state="absent")
    words = ("path: ", "is on a share", "Delete it on the file server")
    lab.refuses("vm_disk", *words, path=SHARED_DISK, state="absent", delete_file=True)
    lab.apply("vm", name="new01", path=r"\\nas\vms", disks=[{"path": r"\\nas\vms\new.vhdx", "size": "1GB"}])
    lab.fails("vm_dvd_drive", "x.iso", vm="owner", controller_location=2, path=r"\\nas\gone\x.iso")


@pytest.mark.parametrize("path", ["\\\\?\\D:\\vms\\owner\\os.vhdx", "//./D:/vms/owner/os.vhdx"])
def test_a_path_that_has_no_other_spelling_is_refused(shared_lab: Lab, path: str) -> None:
    for args in ({"path": path}, {"path": r"D:\vms\n.vhdx", "parent": path}, {"path": r"D:\n.vhdx", "source": path}):
        shared_lab.refuses("vm_disk", "names a device", **args)
    shared_lab.refuses("vm_dvd_drive", "path: ", "names a device", vm="owner", path=path)
    shared_lab.refuses("vm", "path: ", "names a device", name="new01", path=path)
