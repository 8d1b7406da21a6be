# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a VM (Msvm_VirtualSystemSnapshotService), which form a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._task.answer import Output, before_again
from ..._task.errors import Ambiguous, Invalid, MethodFailed, Missing, Refused
from ..._task.journal import position, taken_back
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.cim import Reference
from ..._wsman.faults import HostError
from .. import jobs
from ..schema import AFFECTED_BY_JOB, CHECKPOINT_SERVICE, CHECKPOINT_SETTINGS, VM_SETTINGS
from . import resources, settings
from .find import MOST_NAME, VM
from .parts import Parts

# ConsistencyLevel of Msvm_VirtualSystemSnapshotSettingData; without it the VM's own checkpoint type decides.
TYPES = {"production": 1, "standard": 2}

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FULL = 2  # SnapshotType
_CREATED = 5  # ElementEffects of the row that names the new checkpoint


class Checkpoint(NamedTuple):
    """A checkpoint; ``parent`` is the InstanceID of the one it was taken on, None for the first.

    An ``automatic`` one was taken by the host when the VM started, and goes when the VM stops. A ``saved`` one contains
    the state of a VM that was not off.
    """

    id: str
    name: str
    created: str | None
    parent: str | None
    automatic: bool = False
    saved: bool = False

    @property
    def guid(self) -> str:
        return self.id.partition(":")[2].upper()

    @property
    def reference(self) -> Reference:
        return VM_SETTINGS.reference({"InstanceID": self.id})


def query(host: Target, vm: VM) -> list[Checkpoint]:
    """The VM's checkpoints, oldest first; one or two requests.

    All columns are asked for, since hosts before Windows Server 2019 don't know IsAutomaticSnapshot.
    """
    where = f"VirtualSystemIdentifier = {cim.quote(vm.id)} AND VirtualSystemType LIKE 'Microsoft:Hyper-V:Snapshot:%'"
    return arrange(host.client.query(VM_SETTINGS, where=where))


def arrange(rows: Iterable[Mapping[str, Any]]) -> list[Checkpoint]:
    """Rows of one VM's checkpoints, oldest first."""
    checkpoints = [
        Checkpoint(
            row["InstanceID"],
            row["ElementName"] or "",
            row["CreationTime"].isoformat() if row["CreationTime"] else None,
            cim.parse_path(row["Parent"]).keys["InstanceID"] if row["Parent"] else None,
            bool(row.get("IsAutomaticSnapshot")),
            bool(row.get("IsSaved")),
        )
        for row in rows
    ]
    return sorted(checkpoints, key=lambda checkpoint: (checkpoint.created or "", checkpoint.id))


def select(vm: VM, checkpoints: list[Checkpoint], name: str) -> Checkpoint | None:
    """The one checkpoint of that name (compared without case) or id. Raises Ambiguous."""
    same = _named(checkpoints, name)
    if len(same) > 1:
        ids = [checkpoint.guid for checkpoint in same]
        raise Ambiguous(
            f"{len(same)} checkpoints of {vm} are named '{name}'; use the id of one of them: {', '.join(ids)}",
            option="name",
            vm=vm.name,
            ids=ids,
        )
    return same[0] if same else None


def _named(checkpoints: list[Checkpoint], name: str) -> list[Checkpoint]:
    """The checkpoints of that name (compared without case) or id."""
    wanted = name.lower()
    return [checkpoint for checkpoint in checkpoints if wanted in (checkpoint.name.lower(), checkpoint.guid.lower())]


def required(vm: VM, checkpoints: list[Checkpoint], name: str) -> Checkpoint:
    """The checkpoint of that name. Raises Missing with the names of the others."""
    chosen = select(vm, checkpoints, name)
    if chosen is None:
        names = ", ".join(f"'{checkpoint.name}'" for checkpoint in checkpoints) or "none"
        raise Missing(f"{vm} has no checkpoint '{name}'; it has {names}", option="name", vm=vm.name, checkpoint=name)
    return chosen


def select_renamed(vm: VM, checkpoints: list[Checkpoint], name: str, new_name: str) -> Checkpoint:
    """The checkpoint that a new name is for, by its name, its id or, once it is renamed, its new name.

    Raises Invalid, Missing, Ambiguous, Refused if another checkpoint of the VM has the new name.
    """
    _check_name(vm, new_name, "new_name")
    holders = _named(checkpoints, new_name)
    if len(holders) == 1 and not _is_guid(name) and select(vm, checkpoints, name) is None:
        return holders[0]
    chosen = required(vm, checkpoints, name)
    if taken := [holder.guid for holder in holders if holder is not chosen]:
        text = f"another checkpoint of {vm} has the name '{new_name}' (ID {taken[0]}); choose another name"
        raise Refused(text, option="new_name", vm=vm.name)
    return chosen


def _is_guid(text: str) -> bool:
    return bool(_GUID.fullmatch(text))


def descendants(checkpoints: list[Checkpoint], root: Checkpoint) -> list[Checkpoint]:
    """The checkpoints below this one."""
    children = [
        checkpoint for checkpoint in checkpoints if checkpoint.parent and checkpoint.parent.lower() == root.id.lower()
    ]
    return [checkpoint for child in children for checkpoint in (child, *descendants(checkpoints, child))]


def roots(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    """The checkpoints that are below no other of these."""
    ids = {checkpoint.id.lower() for checkpoint in checkpoints}
    return [checkpoint for checkpoint in checkpoints if (checkpoint.parent or "").lower() not in ids]


def check_new(parts: Parts, name: str) -> None:
    """Raise Invalid if Hyper-V doesn't take the name, Refused if checkpoints of this VM are disabled."""
    vm = parts.vm
    _check_name(vm, name, "name")
    if parts.settings["UserSnapshotType"] == settings.CHECKPOINT_TYPES["disabled"]:
        raise Refused(
            f"checkpoints of {vm} are disabled. Allow them with the vm module's 'checkpoints: {{type: production}}'",
            vm=vm.name,
        )


def _check_name(vm: VM, name: str, option: str) -> None:
    if not name.strip() or len(name) > MOST_NAME:
        text = f"'{name}' is not a name for a checkpoint of {vm}; write 1 to {MOST_NAME} characters"
        raise Invalid(text, option=option, vm=vm.name)


def create(host: Target, vm: VM, name: str, kind: str | None) -> Checkpoint:
    """Create a checkpoint. Hyper-V doesn't take a name, so the checkpoint is renamed once its job has identified it.

    Raises Refused if another task has given this name to a checkpoint in the meantime.
    """
    known = {checkpoint.id.lower() for checkpoint in query(host, vm)}
    before = position()
    options = cim.embedded(CHECKPOINT_SETTINGS, {"ConsistencyLevel": TYPES[kind]}) if kind else ""
    with before_again("Before, delete the checkpoint that may appear under the name that Hyper-V gives it"):
        answer = jobs.call(
            host,
            CHECKPOINT_SERVICE,
            "CreateSnapshot",
            {"AffectedSystem": vm.reference, "SnapshotSettings": options, "SnapshotType": _FULL},
            returns={"ResultingSnapshot": "ref"},
            what=f"create a checkpoint of {vm}",
            look=lambda: _look_for_new(host, vm, known),
        )
    new = None

    def undo() -> None:
        delete(host, vm, new or Checkpoint(_fetch_new(host, vm, known), name, None, None), False)

    with taken_back(undo, f"a checkpoint of {vm} stays under the name that Hyper-V gave it", before):
        created = answer.get("ResultingSnapshot") or _fetch_created(host, answer.get("Job"))
        instance_id = created.keys["InstanceID"] if created else _fetch_new(host, vm, known)
        new = Checkpoint(instance_id, name, None, None)
        rename(host, vm, new, name)
    first = next((other for other in query(host, vm) if other.name.lower() == name.lower()), new)
    if first.id.lower() == new.id.lower():
        return new
    with taken_back(lambda: delete(host, vm, new, False), f"a second checkpoint '{name}' stays: {new.guid}", before):
        raise Refused(
            f"another task created a checkpoint '{name}' of {vm} at the same time, so this task deleted its own again. "
            f"Run it again, which then finds the other one (ID {first.guid})",
            option="name",
            vm=vm.name,
            ids=[first.guid],
        )


def _fetch_created(host: Target, job: Reference | None) -> Reference | None:
    """The checkpoint that a finished job created (Msvm_AffectedJobElement, seen on a real host)."""
    if job is None:
        return None
    for row in host.client.references(job, AFFECTED_BY_JOB):
        if _CREATED in row["ElementEffects"]:
            return row["AffectedElement"]
    return None


def _look_for_new(host: Target, vm: VM, known: set[str]) -> Output | None:
    """The checkpoint that was not known before, as the output of the method that creates one."""
    new = [checkpoint for checkpoint in query(host, vm) if checkpoint.id.lower() not in known]
    return {"ResultingSnapshot": new[0].reference} if new else None


def _fetch_new(host: Target, vm: VM, known: set[str]) -> str:
    """InstanceID of the checkpoint that wasn't known before, for a host whose job doesn't name it."""
    new = [checkpoint.id for checkpoint in query(host, vm) if checkpoint.id.lower() not in known]
    if len(new) != 1:
        raise MethodFailed(f"created a checkpoint of {vm}, but can't identify it to name it", vm=vm.name)
    return new[0]


def rename(host: Target, vm: VM, checkpoint: Checkpoint, name: str) -> None:
    """Give a checkpoint a name."""
    resources.modify_system(host, checkpoint.id, {"ElementName": name}, f"name the checkpoint '{name}' of {vm}")


def apply(host: Target, vm: VM, checkpoint: Checkpoint) -> None:
    """Apply a checkpoint to a VM that is off or saved; a checkpoint that contains memory leaves the VM saved."""
    what = f"apply the checkpoint '{checkpoint.name}' to {vm}"

    def look() -> Output | None:
        """Whether the VM is based on another checkpoint; if it is based on this one, nothing shows since when."""
        parent = host.client.get(VM_SETTINGS, vm.settings_reference.keys)["Parent"]
        if parent and cim.parse_path(parent).keys["InstanceID"].lower() == checkpoint.id.lower():
            raise HostError("the VM is based on the checkpoint")
        return None

    jobs.call(host, CHECKPOINT_SERVICE, "ApplySnapshot", {"Snapshot": checkpoint.reference}, what=what, look=look)


def delete(host: Target, vm: VM, checkpoint: Checkpoint, include_children: bool) -> None:
    """Delete a checkpoint, alone or with all below it; its disks are merged in the background."""
    what = f"delete the checkpoint '{checkpoint.name}' of {vm}"
    method, argument = "DestroySnapshot", "AffectedSnapshot"
    if include_children:
        method, argument = "DestroySnapshotTree", "SnapshotSettingData"
    jobs.call(host, CHECKPOINT_SERVICE, method, {argument: checkpoint.reference}, what=what)


def describe(checkpoint: Checkpoint, checkpoints: list[Checkpoint]) -> dict[str, Any]:
    """A checkpoint as results show it."""
    parents = {other.id.lower(): other.name for other in checkpoints}
    return {
        "id": checkpoint.guid,
        "name": checkpoint.name,
        "created": checkpoint.created,
        "parent": parents.get((checkpoint.parent or "").lower()),
    }
