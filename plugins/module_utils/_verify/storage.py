# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments about virtual disks, boot orders and checkpoints, on throw-away VMs and disks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._hyperv.schema import (
    CHECKPOINT_SERVICE,
    IMAGE_SERVICE,
    KEYBOARD,
    MEMORY,
    VIDEO_HEAD,
    VM_SERVICE,
    VM_SETTINGS,
)
from .._wsman.cim import embedded, like_prefix
from .bench import (
    NO_FILE,
    OFF,
    RUNNING,
    Attempt,
    Bench,
    NotSettled,
    add_drive,
    attempt,
    checkpoint,
    create_disk,
    disk,
    done,
    insert,
    machine,
    modify,
    modify_system,
    part,
    references,
)
from .experiment import Experiment

Seen = Mapping[str, Any]
_HRESULT = re.compile(r"0x[0-9A-Fa-f]{8}")


def _with_number(answer: Attempt) -> str:
    """An outcome with the HRESULT in the text of its job."""
    found = _HRESULT.search((answer.job or {}).get("ErrorDescription") or "")
    return f"{answer} {found[0]}" if found else str(answer)


def _missing_file(bench: Bench) -> Seen:
    return {"answer": str(insert(bench, machine(bench), 1, bench.path(NO_FILE)))}


def _read_missing(bench: Bench) -> Seen:
    arguments = {"Path": bench.path(NO_FILE)}
    return {
        method: str(attempt(bench, IMAGE_SERVICE, method, arguments))
        for method in ("GetVirtualHardDiskSettingData", "GetVirtualHardDiskState")
    }


def _create_in_the_way(bench: Bench) -> Seen:
    return {
        "existing file": _with_number(create_disk(bench, disk(bench))),
        "missing folder": _with_number(create_disk(bench, f"{bench.folder}\\{bench.prefix}none\\x.vhdx")),
    }


def _folder(bench: Bench) -> Seen:
    answer = create_disk(bench, f"{bench.folder}\\{bench.prefix}none\\x.vhdx")
    return {"answer": _with_number(answer).rpartition(" ")[2]}


def _twice(bench: Bench) -> Seen:
    vm, other, path = machine(bench), machine(bench, name="other"), disk(bench, "shared.vhdx")
    done(insert(bench, vm, 2, path), "attach a disk")
    again = insert(bench, vm, 3, path)
    return {
        "in one VM": "accepted" if str(again) in ("0", "4096, done") else "refused",
        "in two VMs": str(insert(bench, other, 1, path)),
    }


def _without_place(bench: Bench) -> Seen:
    vm = machine(bench, name="other")
    return {"answer": str(add_drive(bench, vm, None))}


def _boot_order(bench: Bench) -> Seen:
    vm = machine(bench)
    disk_path = disk(bench, "boot.vhdx")
    done(insert(bench, vm, 4, disk_path), "attach a disk")

    def order() -> list[str]:
        return part(bench, vm, VM_SETTINGS, ("InstanceID", "BootSourceOrder"))["BootSourceOrder"]

    before = order()
    empty = modify_system(bench, vm, {"BootSourceOrder": []})
    if len(before) < 2:
        raise NotSettled(f"the VM has {len(before)} boot entries, and the experiment needs two")
    after = order()
    return {
        "empty": str(empty),
        "unchanged": before == after,
        "one fewer": str(modify_system(bench, vm, {"BootSourceOrder": before[1:]})),
    }


def _checkpoint_settings(bench: Bench) -> Seen:
    instance_id = checkpoint(bench, machine(bench))

    def write(**values: Any) -> str:
        text = embedded(VM_SETTINGS, {"InstanceID": instance_id, **values})
        return str(attempt(bench, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": text}))

    where = f"InstanceID LIKE {like_prefix(instance_id)}"
    memory = bench.host.client.query(MEMORY, columns=("InstanceID",), where=where)
    if not memory:
        raise NotSettled("the checkpoint has no settings of memory below its own InstanceID")
    return {
        "AutomaticStartupAction": write(AutomaticStartupAction=2),
        "ElementName": write(ElementName=f"{bench.prefix}named"),
        "memory": str(modify(bench, MEMORY, memory[0]["InstanceID"], {"Weight": 1})),
    }


def _unmounted(bench: Bench) -> Seen:
    def ask(criterion: int) -> str:
        arguments = {"CriterionType": criterion, "SelectionCriterion": disk(bench)}
        return str(attempt(bench, IMAGE_SERVICE, "FindMountedStorageImageInstance", arguments))

    return {"0": ask(0), "7": ask(7)}


def _no_checkpoint(bench: Bench) -> Seen:
    vm = machine(bench)
    done(modify_system(bench, vm, {"UserSnapshotType": 2}), "disable checkpoints")
    arguments = {"AffectedSystem": vm.reference, "SnapshotSettings": "", "SnapshotType": 2}
    answer = attempt(bench, CHECKPOINT_SERVICE, "CreateSnapshot", arguments)
    modify_system(bench, vm, {"UserSnapshotType": 5})
    return {"disabled": str(answer)}


def _running_drives(bench: Bench) -> Seen:
    vm = machine(bench)
    done(insert(bench, vm, 5, disk(bench, "hot.vhdx")), "attach a disk to a running VM")
    return {"add to SCSI": True}


def _devices(bench: Bench) -> Seen:
    vm = machine(bench)

    def count(cls: Any) -> int:
        return len(bench.host.client.query(cls, columns=("SystemName",), where={"SystemName": vm.id}))

    return {"keyboards": count(KEYBOARD), "video heads": count(VIDEO_HEAD)}


def _applied(bench: Bench) -> Seen:
    vm = machine(bench)
    instance_id = checkpoint(bench, vm)
    modify_system(bench, vm, {"ElementName": f"{bench.prefix}renamed", "Notes": ["later"]})
    answer = attempt(bench, CHECKPOINT_SERVICE, "ApplySnapshot", {"Snapshot": references(instance_id, VM_SETTINGS)})
    done(answer, "apply a checkpoint")
    row = part(bench, vm, VM_SETTINGS, ("InstanceID", "ElementName", "Notes"))
    modify_system(bench, vm, {"ElementName": f"{bench.prefix}vm2"})
    return {
        "keeps its name": row["ElementName"] == f"{bench.prefix}renamed",
        "keeps its notes": row["Notes"] == ["later"],
    }


EXPERIMENTS = (
    Experiment("VM-01", "attach a missing file", {"answer": "4096, error 32779"}, _missing_file, OFF),
    Experiment(
        "VM-02",
        "read a missing file",
        dict.fromkeys(("GetVirtualHardDiskSettingData", "GetVirtualHardDiskState"), "32779"),
        _read_missing,
    ),
    Experiment(
        "VM-03",
        "create a disk onto an existing file, and in a missing folder",
        {
            "existing file": "4096, error 32768 0x80070050",
            "missing folder": "4096, error 32779 0x80070003",
        },
        _create_in_the_way,
    ),
    Experiment("VM-04", "attach a disk twice", {"in one VM": "refused", "in two VMs": "0"}, _twice, OFF),
    Experiment("VM-05", "add a drive without a place", {"answer": "0"}, _without_place),
    Experiment(
        "VM-06",
        "write an empty boot order, and one without an entry",
        {
            "empty": "0",
            "unchanged": True,
            "one fewer": "32773",
        },
        _boot_order,
        OFF,
    ),
    Experiment(
        "VM-07",
        "write settings of a checkpoint",
        {
            "AutomaticStartupAction": "32773",
            "ElementName": "0",
            "memory": "32773",
        },
        _checkpoint_settings,
        OFF,
    ),
    Experiment("VM-09", "find a disk that is not mounted", {"0": "32779", "7": "32770"}, _unmounted),
    Experiment(
        "VM-13",
        "create a checkpoint of a VM with disabled checkpoints",
        {"disabled": "4096, error 32768"},
        _no_checkpoint,
        OFF,
    ),
    Experiment("VM-19", "create a disk in a missing folder", {"answer": "0x80070003"}, _folder),
    Experiment("VM-20", "add a disk to a running VM", {"add to SCSI": True}, _running_drives, RUNNING),
    Experiment(
        "VM-22", "apply a checkpoint to a renamed VM", {"keeps its name": True, "keeps its notes": False}, _applied, OFF
    ),
    Experiment(
        "VM-31",
        "count the screens and keyboards of a VM that is off",
        {"keyboards": 1, "video heads": 0},
        _devices,
        OFF,
    ),
)
