r"""Checkpoints of a VM: copies of its settings under a new GUID, and their chains of .avhdx files.

Forms captured from a Windows 11 host: InstanceID `Microsoft:<checkpoint>`, ConfigurationID the same GUID,
VirtualSystemIdentifier the VM's, VirtualSystemType "Microsoft:Hyper-V:Snapshot:Realized", Notes inherited, Parent a
path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..cim.values import Instance
from ..machine import disks
from ..machine.files import FileError
from ..machine.jobs import FAILED, Plan, Refused
from .settings import storage
from .states import OFF, SAVED

if TYPE_CHECKING:
    from .vm import Vm

SYSTEM = "Msvm_VirtualSystemSettingData"
SNAPSHOT, REALIZED = "Microsoft:Hyper-V:Snapshot:Realized", "Microsoft:Hyper-V:System:Realized"
DISABLED, PRODUCTION, PRODUCTION_ONLY, STANDARD = 2, 3, 4, 5
FULL, DISK_ONLY, RECOVERY = 2, 3, 32768  # CreateSnapshot.SnapshotType
APPLICATION_CONSISTENT = 1  # Msvm_VirtualSystemSnapshotSettingData.ConsistencyLevel
# Properties of the VM or the checkpoint itself, not copied back when a checkpoint is applied.
OWN = {
    "InstanceID",
    "ElementName",
    "VirtualSystemIdentifier",
    "VirtualSystemType",
    "ConfigurationID",
    "ConfigurationFile",
    "CreationTime",
    "Parent",
    "IsAutomaticSnapshot",
}


@dataclass(eq=False)
class Checkpoint:
    """`saved`: it holds a memory state, so that applying it leaves the VM saved."""

    id: str
    vm: Vm
    system: Instance
    saved: bool

    @property
    def rows(self) -> list[Instance]:
        return self.vm.machine.repository.owned(self.id)

    @property
    def path(self) -> str:
        return self.system.reference().path(self.vm.machine.name)

    @property
    def parent(self) -> Checkpoint | None:
        return at(self.vm, self.system["Parent"])

    @property
    def children(self) -> list[Checkpoint]:
        return [checkpoint for checkpoint in self.vm.checkpoints.values() if checkpoint.parent is self]

    @property
    def automatic(self) -> bool:
        return bool(self.system.get("IsAutomaticSnapshot"))


def at(vm: Vm, path: str | None) -> Checkpoint | None:
    """The checkpoint that a Parent names."""
    match = re.search(r'Microsoft:([0-9A-Fa-f-]{36})"', path or "")
    return vm.checkpoints.get(match[1].upper()) if match else None


def default_name(vm: Vm, now: datetime, *, automatic: bool) -> str:
    """ "<VM> - (date - time)" in the host's language, to the second (captured ja-JP: YYYY/MM/DD - HH:MM:SS)."""
    match vm.machine.locale:
        case "ja-JP":
            stamp = f"{now:%Y/%m/%d - %H:%M:%S}"
        case "de-DE":
            stamp = f"{now:%d.%m.%Y - %H:%M:%S}"
        case _:
            half = "PM" if now.hour >= 12 else "AM"
            stamp = f"{now.month}/{now.day}/{now.year} - {(now.hour % 12) or 12}:{now:%M:%S} {half}"
    prefix = vm.machine.text("automatic_checkpoint") + " - " if automatic else ""
    return f"{prefix}{vm.name} - ({stamp})"


def kind_of(vm: Vm, level: int | None) -> int:
    """The checkpoint type by the VM's setting or the ConsistencyLevel of the call: ASSUMPTIONS VM-24."""
    setting = vm.system["UserSnapshotType"]
    if level is None or setting == DISABLED or (setting == PRODUCTION_ONLY and level == APPLICATION_CONSISTENT):
        return setting
    return PRODUCTION if level == APPLICATION_CONSISTENT else STANDARD


def holds_memory(vm: Vm, snapshot_type: int, level: int | None = None) -> bool:
    """A standard checkpoint contains the memory of a running or paused VM; every kind the state of a saved VM.

    Production checkpoints use VSS in the guest; without it "production" falls back to standard (Set-VM docs).
    """
    if snapshot_type == DISK_ONLY:
        return False
    if vm.state == SAVED:
        return True
    kind = kind_of(vm, level)
    return vm.powered and (kind == STANDARD or (kind == PRODUCTION and not vm.guest.component("Vss")))


def why_not(vm: Vm, snapshot_type: int, level: int | None = None) -> Refused | None:
    """The refusal if checkpoints are disabled, or production only and the guest has no VSS."""
    kind = kind_of(vm, level)
    if kind == DISABLED and snapshot_type != RECOVERY:
        return vm.refusal("error_snapshots_disabled", FAILED, in_job=True)
    if kind == PRODUCTION_ONLY and vm.powered and not vm.guest.component("Vss"):
        return vm.refusal("error_snapshot_production", FAILED, in_job=True)
    for medium in storage.media(vm):
        try:
            disks.chain(vm.machine.files, storage.path_of(medium))
        except FileError as error:
            return storage.file_refusal(vm, error, "error_snapshot_disk", medium)
    return None


def take(
    vm: Vm, *, saved: bool, automatic: bool = False, name: str = "", created: datetime | None = None
) -> Checkpoint:
    """Copy the settings and give the VM new differencing disks on top of the present ones."""
    guid, now = disks.new_guid(), created or vm.machine.clock.now()
    copies = list(_copies(vm, vm.rows("CIM_SettingData"), vm.id, guid))
    system = next(row for row in copies if row.cls.name == SYSTEM)
    system.update(
        {
            "ElementName": name or default_name(vm, now, automatic=automatic),
            "VirtualSystemType": SNAPSHOT,
            "ConfigurationID": guid,
            "ConfigurationFile": f"Snapshots\\{guid}.vmcx",
            "CreationTime": now,
            "Parent": vm.system["Parent"],
        }
    )
    if automatic:
        system["IsAutomaticSnapshot"] = True
    checkpoint = Checkpoint(guid, vm, system, saved)
    _branch_disks(vm)
    for row in copies:
        vm.machine.repository.store(row, owner=guid)
    vm.checkpoints[guid] = checkpoint
    vm.system["Parent"] = checkpoint.path
    vm.changed = vm.machine.clock.now()
    return checkpoint


def apply(checkpoint: Checkpoint) -> None:
    """Replace settings, disks and memory of the VM by those of the checkpoint."""
    vm, repository = checkpoint.vm, checkpoint.vm.machine.repository
    leaves = [storage.path_of(medium) for medium in storage.media(vm)]
    before = {(row.cls.name, row["InstanceID"].lower()): row for row in vm.rows("CIM_SettingData")}
    for copy in _copies(vm, checkpoint.rows, checkpoint.id, vm.id):
        row = before.pop((copy.cls.name, copy["InstanceID"].lower()), None)
        if row is None:
            repository.store(copy, owner=vm.id)
        elif row is vm.system:
            kept = {name: value for name, value in row.values.items() if name in OWN}
            row.values = {name: value for name, value in copy.values.items() if name not in OWN} | kept
        else:
            row.values = copy.values
    for row in before.values():
        repository.remove(row)
    vm.system["Parent"] = checkpoint.path
    vm.last_applied = checkpoint.id
    _branch_disks(vm)
    for path in leaves:
        _drop(vm, path)
    if checkpoint.saved != (vm.state == SAVED):
        vm.set_state(SAVED if checkpoint.saved else OFF)
    vm.changed = vm.machine.clock.now()


def remove(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint and attach its children to its parent. merge() merges its disks later."""
    vm = checkpoint.vm
    above = checkpoint.system["Parent"]
    for child in checkpoint.children:
        child.system["Parent"] = above
    if at(vm, vm.system["Parent"]) is checkpoint:
        vm.system["Parent"] = above
    if vm.last_applied == checkpoint.id:
        vm.last_applied = ""
    for row in checkpoint.rows:
        if row.cls.name == storage.SASD and row["ResourceSubType"] == storage.HARD_DISK:
            vm.unmerged.add(storage.path_of(row).lower())
    vm.machine.repository.disown(checkpoint.id)
    del vm.checkpoints[checkpoint.id]
    vm.changed = vm.machine.clock.now()


def tree(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """The checkpoint and its descendants, leaves first."""
    for child in checkpoint.children:
        yield from tree(child)
    yield checkpoint


def merge_later(vm: Vm) -> None:
    """Merge in a background job that does not block the VM (docs: also while it runs)."""
    if vm.unmerged:
        vm.machine.jobs.start("merge", Plan(work=lambda: merge(vm), vm=vm), "SYSTEM")


def merging(vm: Vm) -> bool:
    running = vm.machine.jobs.running.values() if vm.unmerged else ()
    return any(job.name == "merge" and not job.done and job.plan.vm is vm for job in running)


def merge(vm: Vm) -> None:
    """Merge the disk of each removed checkpoint with its only child; delete disks without children."""
    files = vm.machine.files
    was_open = bool(files.held_by(vm.id))
    files.release(vm.id)
    try:
        while any(_merge_one(vm, path) for path in sorted(vm.unmerged)):
            pass
    finally:
        if was_open:
            storage.open_media(vm)


def _merge_one(vm: Vm, path: str) -> bool:
    files = vm.machine.files
    file = files.get(path)
    if file is None:
        vm.unmerged.discard(path)
        return True
    media = [row for owner in (vm.id, *vm.checkpoints) for row in _hard_disks(vm, owner)]
    if any(storage.path_of(row).lower() == path for row in media):
        return False
    own = {storage.path_of(row).lower() for row in media} | vm.unmerged
    standing = [child for child in disks.children(files, file) if child.path.lower() in own]
    if not standing and disks.extension_of(path) in (".avhdx", ".avhd"):
        files.delete(path)
        vm.unmerged.discard(path)
        return True
    if len(standing) != 1:
        return False
    child = standing[0].path.lower()
    disks.merge(files, standing[0], file)
    for row in media:
        if storage.path_of(row).lower() == child:
            row["HostResource"] = [file.path]
    vm.unmerged.discard(path)
    if child in vm.unmerged:
        vm.unmerged.discard(child)
        vm.unmerged.add(path)
    return True


def before_start(vm: Vm) -> None:
    """Take an automatic checkpoint when the VM starts (Microsoft Learn, "Checkpoints", automatic checkpoints).

    A VM without disks gets none: ASSUMPTIONS VM-12.
    """
    if vm.system.get("AutomaticSnapshotsEnabled") and storage.media(vm) and not why_not(vm, FULL):
        after_stop(vm)
        take(vm, saved=False, automatic=True)


def after_stop(vm: Vm) -> None:
    """Remove and merge automatic checkpoints when the VM stops."""
    for checkpoint in [taken for taken in vm.checkpoints.values() if taken.automatic]:
        remove(checkpoint)
    merge_later(vm)


# --- inside


def _copies(vm: Vm, rows: list[Instance], old: str, new: str) -> Iterator[Instance]:
    """Copies of rows, with the new owner instead of the old one in InstanceID and Parent."""
    pattern = re.compile(f"Microsoft:{old}", re.IGNORECASE)
    for row in rows:
        if "InstanceID" not in row or not pattern.match(row.values.get("InstanceID") or ""):
            continue
        copy = row.copy()
        copy.values["InstanceID"] = pattern.sub(f"Microsoft:{new}", copy.values["InstanceID"])
        if copy.values.get("Parent") and row.cls.name != SYSTEM:
            copy.values["Parent"] = pattern.sub(f"Microsoft:{new}", copy.values["Parent"])
        yield copy


def _hard_disks(vm: Vm, owner: str) -> list[Instance]:
    rows = vm.machine.repository.owned(owner, storage.SASD)
    return [row for row in rows if row["ResourceSubType"] == storage.HARD_DISK]


def _branch_disks(vm: Vm) -> None:
    """A differencing disk for each disk of the VM, beside it and named <disk>_<GUID>.avhdx."""
    files = vm.machine.files
    was_open = bool(files.held_by(vm.id))
    files.release(vm.id)
    for medium in _hard_disks(vm, vm.id):
        parent = disks.need_disk(files, storage.path_of(medium))
        stem = re.sub(r"(_[0-9A-F]{8}-[0-9A-F-]{27})?\.a?vhdx?$", "", parent.path, flags=re.IGNORECASE)
        assert parent.disk is not None
        extension = "avhd" if parent.disk.format == disks.VHD else "avhdx"
        path = f"{stem}_{disks.new_guid()}.{extension}"
        disks.create(files, path, disks.Disk(parent.disk.format, disks.DIFFERENCING), parent.path)
        medium["HostResource"] = [path]
    if was_open:
        storage.open_media(vm)


def _drop(vm: Vm, path: str) -> None:
    """Delete a differencing disk that the VM ran on and that no checkpoint refers to."""
    used = {storage.path_of(row).lower() for owner in (vm.id, *vm.checkpoints) for row in _hard_disks(vm, owner)}
    file = vm.machine.files.get(path)
    if file is not None and path.lower() not in used and disks.extension_of(path) in (".avhdx", ".avhd"):
        vm.machine.files.delete(path)
