# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of checkpoints: created, applied and deleted, with the disk files that the VM runs on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ..._wsman import cim
from ..._wsman.cim import Instance, Reference
from ..network.adapter import FEATURES
from ..schema import CHECKPOINT_SERVICE, COMPUTER_SYSTEM, MEDIUM, VM_SETTINGS
from ..storage import disk_file
from ..vm import checkpoint as checkpoints
from ..vm.checkpoint import Checkpoint
from ..vm.find import OFF, SAVED, VM, state_word
from ..vm.parts import CLASSES
from ..vm.settings import CHECKPOINT_TYPES
from . import storage
from .client import Call, Shadow, embedded

_REALIZED = "Microsoft:Hyper-V:Snapshot:Realized"
_STANDARD_CALL = checkpoints.TYPES["standard"]  # ConsistencyLevel
# Settings of a VM that a checkpoint doesn't bring back.
_OWN = {
    "__CLASS",
    "InstanceID",
    "ElementName",
    "VirtualSystemIdentifier",
    "VirtualSystemType",
    "CreationTime",
    "Parent",
    "IsAutomaticSnapshot",
    "IsSaved",
}


def _reference(guid: str) -> Reference:
    return VM_SETTINGS.reference({"InstanceID": f"Microsoft:{guid}"})


def _settings(shadow: Shadow, guid: str) -> Instance:
    return shadow.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{guid}"})


def _all(shadow: Shadow, vm: str) -> list[Checkpoint]:
    return checkpoints.query(shadow.target, VM(vm, "", OFF))


def _media(shadow: Shadow, guid: str) -> Iterator[tuple[Instance, str]]:
    """The media of a VM or checkpoint that are disk files, with their paths."""
    where = f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{guid}')}"
    for row in shadow.query(MEDIUM, where=where):
        path = (row["HostResource"] or [""])[0]
        if disk_file.is_disk(path):
            yield row, path


# ---- creating ----


def create(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    vm, text = call.arguments["AffectedSystem"].keys["Name"], call.arguments["SnapshotSettings"]
    level = embedded(text).get("ConsistencyLevel") if text else None
    return {"ResultingSnapshot": _reference(_take(shadow, vm, level))}


def _take(shadow: Shadow, vm: str, level: int | None, automatic: bool = False) -> str:
    guid, settings = shadow.overlay.new_id(), _settings(shadow, vm)
    shadow.overlay.keep(guid, vm)
    shadow.overlay.add(
        VM_SETTINGS,
        {
            **settings,
            "InstanceID": f"Microsoft:{guid}",
            "ElementName": f"{settings['ElementName']} - (new)",
            "VirtualSystemType": _REALIZED,
            "CreationTime": _after(_all(shadow, vm)),
            "IsAutomaticSnapshot": automatic,
            "IsSaved": _holds_memory(shadow, vm, settings, level),
        },
    )
    for row, path in list(_media(shadow, vm)):
        shadow.overlay.add(MEDIUM, {**row, **_moved(row, vm, guid)})
        _branch(shadow, row, path)
    shadow.overlay.set(VM_SETTINGS, _reference(vm).keys, {"Parent": _reference(guid).path()})
    return guid


def _after(existing: list[Checkpoint]) -> datetime:
    """A time of creation that sorts after those of the existing checkpoints, whatever the host's clock says."""
    times = [datetime.fromisoformat(checkpoint.created) for checkpoint in existing if checkpoint.created]
    return max([datetime.now(timezone.utc), *(time + timedelta(milliseconds=1) for time in times)])


def _holds_memory(shadow: Shadow, vm: str, settings: Instance, level: int | None) -> bool:
    """Whether a checkpoint contains the memory of the VM: of a saved one always, otherwise a standard checkpoint."""
    keys = {"CreationClassName": COMPUTER_SYSTEM.name, "Name": vm}
    state = state_word(shadow.get(COMPUTER_SYSTEM, keys)["EnabledState"])
    standard = (
        settings["UserSnapshotType"] == CHECKPOINT_TYPES["standard"] if level is None else level == _STANDARD_CALL
    )
    return state == SAVED or (state != OFF and standard)


def _moved(row: Instance, source: str, target: str) -> dict[str, Any]:
    """The texts of a row that name its owner, for another owner."""
    pattern = re.compile(f"Microsoft:{source}", re.IGNORECASE)

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        return pattern.sub(f"Microsoft:{target}", value) if isinstance(value, str) else value

    return {name: moved(row[name]) for name in ("InstanceID", "Parent", "BootSourceOrder") if row.get(name)}


def _branch(shadow: Shadow, medium: Instance, path: str) -> None:
    """Let a medium of the VM be a new differencing disk on this one."""
    stem = re.sub(r"(_[0-9A-F]{8}-[0-9A-F-]{27})?\.a?vhdx?$", "", path, flags=re.IGNORECASE)
    ending = ".avhd" if disk_file.suffix(path) in (".vhd", ".avhd") else ".avhdx"
    leaf = f"{stem}_{shadow.overlay.new_id()}{ending}"
    storage.add_child(shadow, leaf, path)
    shadow.overlay.set(MEDIUM, medium, {"HostResource": [leaf]})


# ---- applying ----


def apply(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The VM is as it was, on new differencing disks; off, or saved if the checkpoint contains memory."""
    guid = call.arguments["Snapshot"].keys["InstanceID"].partition(":")[2].upper()
    taken = _settings(shadow, guid)
    vm = taken["VirtualSystemIdentifier"].upper()
    own = {name: value for name, value in _settings(shadow, vm).items() if name in _OWN}
    leaves = [path for _row, path in _media(shadow, vm)]
    if guid in shadow.overlay.checkpoints:
        shadow.overlay.restore(guid, vm)
    else:
        _replace_parts(shadow, vm, guid, taken)
    for row, path in list(_media(shadow, vm)):
        _branch(shadow, row, path)
    shadow.overlay.set(VM_SETTINGS, _reference(vm).keys, {**own, "Parent": _reference(guid).path()})
    keys = {"CreationClassName": COMPUTER_SYSTEM.name, "Name": vm}
    shadow.overlay.set(COMPUTER_SYSTEM, keys, {"EnabledState": 6 if taken["IsSaved"] else 3})
    for path in leaves:
        _drop(shadow, vm, path)
    return {}


def _replace_parts(shadow: Shadow, vm: str, guid: str, taken: Instance) -> None:
    """Give the VM the parts of a checkpoint that exists on the host."""
    for cls in (*CLASSES, *FEATURES):
        rows = shadow.query(cls, where=f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{guid}')}")
        for row in shadow.query(cls, where=f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{vm}')}"):
            shadow.overlay.remove(cls, row)
        for row in rows:
            shadow.overlay.add(cls, {**row, **_moved(row, guid, vm)})
    values = {**taken, **_moved(taken, guid, vm)}
    restored = {name: value for name, value in values.items() if name not in _OWN}
    shadow.overlay.set(VM_SETTINGS, _reference(vm).keys, restored)


# ---- deleting ----


def destroy(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    _delete(shadow, [call.arguments["AffectedSnapshot"].keys["InstanceID"].partition(":")[2].upper()])
    return {}


def destroy_tree(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    guid = call.arguments["SnapshotSettingData"].keys["InstanceID"].partition(":")[2].upper()
    tree = _all(shadow, _settings(shadow, guid)["VirtualSystemIdentifier"].upper())
    root = next(checkpoint for checkpoint in tree if checkpoint.guid == guid)
    _delete(shadow, [guid, *(checkpoint.guid for checkpoint in checkpoints.descendants(tree, root))][::-1])
    return {}


def _delete(shadow: Shadow, guids: list[str]) -> None:
    """Delete checkpoints, leaves first: what was based on them is based on their parent, and their disks are merged."""
    for guid in guids:
        taken = _settings(shadow, guid)
        vm = taken["VirtualSystemIdentifier"].upper()
        based = [checkpoint.guid for checkpoint in _all(shadow, vm) if checkpoint.guid != guid]
        for other in (vm, *based):
            parent = _settings(shadow, other)["Parent"]
            if parent and cim.parse_path(parent).keys["InstanceID"].partition(":")[2].upper() == guid:
                shadow.overlay.set(VM_SETTINGS, _reference(other).keys, {"Parent": taken["Parent"]})
        paths = [path for _row, path in _media(shadow, guid)]
        shadow.overlay.remove_owner(guid)
        for path in paths:
            _merge(shadow, (vm, *based), path)


def _merge(shadow: Shadow, owners: tuple[str, ...], path: str) -> None:
    """Merge the only child of a disk into it, unless a VM or checkpoint still uses the disk itself."""
    media = [(row, used) for guid in owners for row, used in _media(shadow, guid)]
    if any(used.lower() == path.lower() for _row, used in media):
        return
    standing = [(row, used) for row, used in media if storage.parent(shadow, used).lower() == path.lower()]
    leaves = {used.lower() for _row, used in standing}
    if len(leaves) == 1:
        for row, used in standing:
            shadow.overlay.set(MEDIUM, row, {"HostResource": [path]})
            storage.remove(shadow, used)
    elif not leaves and disk_file.suffix(path) in disk_file.ON_CHECKPOINT:
        storage.remove(shadow, path)


def _drop(shadow: Shadow, vm: str, path: str) -> None:
    """Remove the differencing disk that a VM ran on, if no checkpoint needs it."""
    owners = (vm, *(checkpoint.guid for checkpoint in _all(shadow, vm)))
    used = {other.lower() for guid in owners for _row, other in _media(shadow, guid)}
    if path.lower() not in used and disk_file.suffix(path) in disk_file.ON_CHECKPOINT:
        storage.remove(shadow, path)


# ---- automatic checkpoints ----


def before_start(shadow: Shadow, vm: str) -> None:
    """Hosts that take automatic checkpoints take one when a VM with disks starts."""
    if _settings(shadow, vm)["AutomaticSnapshotsEnabled"] and any(_media(shadow, vm)):
        _take(shadow, vm, None, automatic=True)


def after_stop(shadow: Shadow, vm: str) -> None:
    """They are deleted when it stops."""
    if _settings(shadow, vm)["AutomaticSnapshotsEnabled"]:
        _delete(shadow, [checkpoint.guid for checkpoint in _all(shadow, vm) if checkpoint.automatic])


METHODS = {
    (CHECKPOINT_SERVICE.name, "CreateSnapshot"): create,
    (CHECKPOINT_SERVICE.name, "ApplySnapshot"): apply,
    (CHECKPOINT_SERVICE.name, "DestroySnapshot"): destroy,
    (CHECKPOINT_SERVICE.name, "DestroySnapshotTree"): destroy_tree,
}
