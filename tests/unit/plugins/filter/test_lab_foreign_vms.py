# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs that have a name of a lab but are not VMs of the lab."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.lab_foreign_vms import lab_foreign_vms

NONE: list[str | None] = [None]


def vm(*disks: str | None, disc: str | None = None, name: str = "Node01") -> dict[str, Any]:
    return {"name": name, "disks": [{"base": disk} for disk in disks], "dvd_drives": [{"path": disc}]}


def foreign(vm: dict[str, Any], **lab: Any) -> list[dict[str, Any]]:
    return lab_foreign_vms([vm, vm | {"name": "another"}], ["NODE01"], **lab)


@pytest.mark.parametrize("disk", [r"D:\Labs\node01\node01.vhdx", r"d:\LABS\.\Node01\NODE01.VHD"])
def test_the_disk_of_the_lab_is_in_its_folder(disk: str) -> None:
    with_data = vm(r"E:\data.vhdx", None, disk)
    assert not foreign(with_data, path="D:\\Labs\\")
    assert not foreign(with_data, path=r"D:\Labs", absent=True)
    elsewhere = {"name": "Node01", "disks": [r"E:\data.vhdx", disk], "folder": r"D:\Other\Node01"}
    assert foreign(with_data, path=r"D:\Other", absent=True) == [
        elsewhere | {"summary": rf"Node01 (E:\data.vhdx, {disk})"}
    ]
    assert foreign(with_data, disk_folder=r"D:\VHD"), "the lab would create another disk"
    assert not foreign(with_data, disk_folder=r"D:\VHD", absent=True)
    assert not foreign(with_data, absent=True)


def test_all_disks_can_be_in_one_folder() -> None:
    assert not foreign(vm(r"D:\VHD\node01.vhdx"), disk_folder="D:\\VHD\\")
    assert foreign(vm(r"D:\VHD\node01.vhdx"), path=r"D:\VHD", disk_folder=r"D:\VHD")
    for disk in (r"D:\VHD\node02.vhdx", r"D:\VHD\node01.avhdx", r"D:\VHD\xnode01\node01.vhdx"):
        assert foreign(vm(disk), disk_folder=r"D:\VHD", absent=True)


@pytest.mark.parametrize("disks", [[], NONE])
def test_a_vm_without_disks_can_be_unfinished(disks: list[str | None]) -> None:
    (unfinished,) = foreign(vm(*disks), path=r"D:\Labs")
    assert unfinished["folder"] == r"D:\Labs\Node01"
    assert unfinished["summary"] == "Node01 (no disks)"
    assert foreign(vm(*disks), absent=True)[0]["folder"] == ""
    assert not foreign(vm(*disks), disk_folder=r"D:\VHD")
    assert not foreign(vm(*disks), path=r"\\files\labs", disk_folder=r"D:\VHD")
    assert not foreign(vm(*disks, disc=r"D:\Labs\node01-seed.iso"), absent=True)
    assert foreign(vm(*disks, disc=r"D:\Labs\node02-seed.iso"), absent=True)


def test_the_facts_about_disks_are_required() -> None:
    with pytest.raises(AnsibleFilterError, match="with disks"):
        lab_foreign_vms([{"name": "node01"}], ["node01"])
