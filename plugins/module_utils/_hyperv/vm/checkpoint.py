# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a VM (Msvm_VirtualSystemSnapshotService): a tree of settings that hang on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Ambiguous, Invalid, MethodFailed, Missing, Refused
from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import Reference
from ..._wsman.faults import HostError
from .. import jobs
from ..schema import AFFECTED_BY_JOB, CHECKPOINT, CHECKPOINT_SERVICE, CHECKPOINT_SETTINGS, V2, VM_SERVICE
from . import settings as configuration
from .find import VM

# ConsistencyLevel of Msvm_VirtualSystemSnapshotSettingData; without it the VM's own checkpoint type decides.
TYPES = {"production": 1, "standard": 2}

_FULL = 2  # SnapshotType
_CREATED = 5  # ElementEffects of the row that names the new checkpoint


class Checkpoint(NamedTuple):
    """A checkpoint; ``parent`` is the InstanceID of the one it was taken on, None for the first.

    An ``automatic`` one was taken by the host when the VM started, and goes when the VM stops.
    """

    id: str
    name: str
    created: str | None
    parent: str | None
    automatic: bool = False

    @property
    def guid(self) -> str:
        return self.id.partition(":")[2].upper()

    @property
    def reference(self) -> Reference:
        return Reference(V2, CHECKPOINT.name, {"InstanceID": self.id})


def read(host: Host, vm: VM) -> list[Checkpoint]:
    """The VM's checkpoints, oldest first; one or two requests.

    All columns are asked for, since hosts before Windows Server 2019 don't know IsAutomaticSnapshot.
    """
    where = f"VirtualSystemIdentifier = {cim.quote(vm.id)} AND VirtualSystemType LIKE 'Microsoft:Hyper-V:Snapshot:%'"
    return arrange(host.client.query(CHECKPOINT, where=where))


def arrange(rows: Iterable[Mapping[str, Any]]) -> list[Checkpoint]:
    """Rows of one VM's checkpoints, oldest first."""
    found = [
        Checkpoint(
            row["InstanceID"],
            row["ElementName"] or "",
            row["CreationTime"].isoformat() if row["CreationTime"] else None,
            cim.parse_path(row["Parent"]).keys["InstanceID"] if row["Parent"] else None,
            str(row.get("IsAutomaticSnapshot")).lower() == "true",
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.created or "", one.id))


def select(vm: VM, checkpoints: list[Checkpoint], name: str) -> Checkpoint | None:
    """The one checkpoint of that name (compared without case) or id. Raises Ambiguous."""
    wanted = name.lower()
    found = [one for one in checkpoints if wanted in (one.name.lower(), one.guid.lower())]
    if len(found) > 1:
        ids = [one.guid for one in found]
        raise Ambiguous(
            f"name: {len(found)} checkpoints of {vm} are named '{name}'; give the id of one instead: {', '.join(ids)}",
            vm=vm.name,
            ids=ids,
        )
    return found[0] if found else None


def required(vm: VM, checkpoints: list[Checkpoint], name: str) -> Checkpoint:
    """The checkpoint of that name. Raises Missing with those that are there."""
    found = select(vm, checkpoints, name)
    if found is None:
        there = ", ".join(f"'{one.name}'" for one in checkpoints) or "none"
        raise Missing(f"name: {vm} has no checkpoint '{name}'; it has {there}", vm=vm.name, checkpoint=name)
    return found


def descendants(checkpoints: list[Checkpoint], root: Checkpoint) -> list[Checkpoint]:
    """The checkpoints below this one."""
    children = [one for one in checkpoints if one.parent and one.parent.lower() == root.id.lower()]
    return [one for child in children for one in (child, *descendants(checkpoints, child))]


def check_new(host: Host, vm: VM, name: str) -> None:
    """Raise Invalid where Hyper-V takes no such name, Refused where checkpoints of this VM are disabled."""
    if not name.strip() or len(name) > 100:
        raise Invalid(f"name: '{name}' is not a name for a checkpoint of {vm}; write 1 to 100 characters", vm=vm.name)
    row = configuration.read(host, vm)
    if row["UserSnapshotType"] == configuration.CHECKPOINT_TYPES["disabled"]:
        raise Refused(
            f"checkpoints of {vm} are disabled. Allow them with the vm module's 'checkpoints: {{type: production}}'",
            vm=vm.name,
        )


def create(host: Host, vm: VM, name: str, kind: str | None) -> None:
    """Take a checkpoint and name it; Hyper-V takes no name, so it is renamed once its job tells which it is."""
    known = {one.id.lower() for one in read(host, vm)}
    settings = cim.embedded(CHECKPOINT_SETTINGS, {"ConsistencyLevel": TYPES[kind]}) if kind else ""
    answer = jobs.call(
        host,
        CHECKPOINT_SERVICE,
        "CreateSnapshot",
        {"AffectedSystem": vm.reference, "SnapshotSettings": settings, "SnapshotType": _FULL},
        returns={"ResultingSnapshot": "ref"},
        what=f"take a checkpoint of {vm}",
    )
    created = answer.get("ResultingSnapshot") or _created_by(host, answer.get("Job"))
    instance_id = created.keys["InstanceID"] if created else _new(host, vm, known)
    try:
        rename(host, vm, instance_id, name)
    except HostError as error:
        _take_back(host, vm, instance_id, error)
        raise


def _take_back(host: Host, vm: VM, instance_id: str, error: HostError) -> None:
    """Delete a checkpoint that couldn't be named, so that another run takes it anew."""
    try:
        delete(host, vm, Checkpoint(instance_id, "", None, None), False)
    except HostError as second:
        guid = instance_id.partition(":")[2]
        error.message += f"; and the checkpoint {guid} stays under the name that Hyper-V gave it: {second.message}"


def _created_by(host: Host, job: Reference | None) -> Reference | None:
    """The checkpoint that a finished job made (Msvm_AffectedJobElement, seen on a real host)."""
    if job is None:
        return None
    for row in host.client.references(job, AFFECTED_BY_JOB):
        if _CREATED in row["ElementEffects"]:
            return row["AffectedElement"]
    return None


def _new(host: Host, vm: VM, known: set[str]) -> str:
    """The checkpoint that wasn't there before, where the job doesn't tell."""
    found = [one.id for one in read(host, vm) if one.id.lower() not in known]
    if len(found) != 1:
        raise MethodFailed(f"took a checkpoint of {vm}, but can't tell which one it is to name it", vm=vm.name)
    return found[0]


def rename(host: Host, vm: VM, instance_id: str, name: str) -> None:
    """Name a checkpoint."""
    text = cim.embedded(CHECKPOINT, {"InstanceID": instance_id, "ElementName": name})
    what = f"name the checkpoint '{name}' of {vm}"
    jobs.call(host, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what)


def apply(host: Host, vm: VM, one: Checkpoint) -> None:
    """Bring the VM, which must be off or saved by now, to the checkpoint; one that holds memory leaves it saved."""
    arguments = {"Snapshot": one.reference}
    jobs.call(host, CHECKPOINT_SERVICE, "ApplySnapshot", arguments, what=f"apply the checkpoint '{one.name}' to {vm}")


def delete(host: Host, vm: VM, one: Checkpoint, include_children: bool) -> None:
    """Delete a checkpoint, or it and all below it; its disks are merged in the background."""
    what = f"delete the checkpoint '{one.name}' of {vm}"
    method, argument = "DestroySnapshot", "AffectedSnapshot"
    if include_children:
        method, argument = "DestroySnapshotTree", "SnapshotSettingData"
    jobs.call(host, CHECKPOINT_SERVICE, method, {argument: one.reference}, what=what)


def describe(one: Checkpoint, checkpoints: list[Checkpoint]) -> dict[str, Any]:
    """A checkpoint as results show it."""
    parents = {other.id.lower(): other.name for other in checkpoints}
    return {
        "id": one.guid,
        "name": one.name,
        "created": one.created,
        "parent": parents.get((one.parent or "").lower()),
    }
