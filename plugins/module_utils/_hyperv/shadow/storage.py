# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of files: virtual disks that are created, expanded and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Refused
from ..._windows.schema import DATA_FILE
from ..._wsman import cim
from ..._wsman.cim import Instance
from ..schema import COMPUTER_SYSTEM, DISK_SETTINGS, DISK_STATE, IMAGE_SERVICE, MEDIUM, VOLUME
from ..storage import disk_file
from ..vm.find import RUNNING, owner, state_word
from .client import Call, Shadow, embedded
from .overlay import Change

# Settings of disk files by path: the host has no rows of them, and answers by a method.
DISK = DISK_SETTINGS._replace(keys=("Path",))

_FILE_NOT_FOUND = 32779
_FIXED, _DIFFERENCING = disk_file.TYPES["fixed"], disk_file.TYPES["differencing"]


# ---- reading ----


def get_settings(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The settings of a disk as an embedded instance, with its predicted changes."""
    path = call.arguments["Path"]
    change = _change(shadow, path)
    if change is None:
        return shadow.read(call)
    shadow.used = True
    if not change:
        return {"ReturnValue": _FILE_NOT_FOUND}
    if "row" in change:
        return {"SettingData": cim.embedded(DISK, {name: change["row"].get(name) for name in DISK.properties})}
    answer = shadow.read(call)
    if answer.get("SettingData"):
        known = {name: value for name, value in _known(answer["SettingData"]).items() if name in DISK.properties}
        answer["SettingData"] = cim.embedded(DISK, {**known, **change["set"]})
    return answer


def _change(shadow: Shadow, path: str) -> Change | None:
    """The change of a disk; an image that a program would have written is a disk of unknown size."""
    change, written = shadow.overlay.of(DISK).get(path.lower()), shadow.overlay.file(path)
    if written is None or (change and "row" in change):
        return change
    if not written:
        return {}
    image = {"Path": path, "Type": disk_file.TYPES["dynamic"], "ParentPath": ""}
    return {"row": {**image, **(change or {}).get("set", {})}}


def _known(text: str) -> Instance:
    return cim.from_embedded(text, DISK)


def settings_of(shadow: Shadow, path: str) -> Instance | None:
    """The settings of a disk, None if there is no such disk or it can't be read."""
    try:
        return disk_file.fetch(shadow.target, path)
    except Refused:
        return None


def parent(shadow: Shadow, path: str) -> str:
    """The path of a disk's parent, empty if it has none."""
    return (settings_of(shadow, path) or {}).get("ParentPath") or ""


def get_state(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """Whether a disk is in use: as the host says, but for VMs whose power or disks are changed."""
    path = call.arguments["Path"]
    if path.lower() in _open(shadow):
        return _state(True)
    if not shadow.overlay or "row" in (_change(shadow, path) or {}):
        return shadow.read(call) if not shadow.overlay else _state(False)
    answer = shadow.read(call)
    if not answer.get("State") or not cim.from_embedded(answer["State"], DISK_STATE)["InUse"]:
        return answer
    return _state(not _released(shadow, path))


def _state(in_use: bool) -> Mapping[str, Any]:
    return {"State": cim.embedded(DISK_STATE, {"InUse": in_use})}


def _changed_vms(shadow: Shadow) -> set[str]:
    """VMs whose power or media are changed, upper case."""
    systems = {key.rpartition("|")[2].upper() for key in shadow.overlay.of(COMPUTER_SYSTEM)}
    return systems | {owner(key) for key in shadow.overlay.of(MEDIUM)}


def _open(shadow: Shadow) -> set[str]:
    """The disks, in lower case, that changed VMs have open because they run."""
    vms = _changed_vms(shadow)
    if not vms:
        return set()
    systems = shadow.query(COMPUTER_SYSTEM, columns=("Name", "EnabledState"))
    running = {row["Name"].upper() for row in systems if state_word(row["EnabledState"]) == RUNNING} & vms
    if not running:
        return set()
    media = shadow.query(MEDIUM, columns=("InstanceID", "HostResource"))
    paths = [path for row in media if owner(row["InstanceID"]) in running for path in row["HostResource"][:1]]
    return {file.lower() for path in paths for file in disk_file.fetch_chain(shadow.target, path)}


def _released(shadow: Shadow, path: str) -> bool:
    """Whether a disk that the host has in use is attached to VMs of the host that are changed: it is free then."""
    vms = _changed_vms(shadow) | shadow.overlay.gone
    for row in shadow.real(MEDIUM, ("InstanceID", "HostResource")):
        if owner(row["InstanceID"]) in vms:
            files = disk_file.fetch_chain(shadow.target, (row["HostResource"] or [""])[0])
            if path.lower() in (file.lower() for file in files):
                return True
    return False


def validate(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """A chain with predicted disks is whole; any other chain is asked about."""
    chain = disk_file.fetch_chain(shadow.target, call.arguments["Path"])
    if any(_change(shadow, path) is not None for path in chain):
        return {}
    return shadow.read(call)


# ---- writing ----


def create(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    given = embedded(call.arguments["VirtualDiskSettingData"])
    if given["Type"] == _DIFFERENCING:
        add_child(shadow, given["Path"], given["ParentPath"], given)
    else:
        _add(shadow, given)
    if given["Type"] == _FIXED:
        _take_space(shadow, given["Path"], given["MaxInternalSize"])
    return {}


def _add(shadow: Shadow, disk: Mapping[str, Any]) -> None:
    shadow.overlay.forget_file(disk["Path"])
    shadow.overlay.add(DISK, {**disk, "VirtualDiskId": shadow.overlay.new_id()})
    shadow.overlay.add(DATA_FILE, {"Name": disk["Path"]})


def add_child(shadow: Shadow, path: str, on: str, given: Mapping[str, Any] | None = None) -> None:
    """A differencing disk, which has the size of its parent."""
    base = settings_of(shadow, on) or {}
    own = {"Path": path, "ParentPath": on, "Type": _DIFFERENCING}
    _add(shadow, {"Format": base.get("Format"), "MaxInternalSize": base.get("MaxInternalSize"), **(given or {}), **own})


def convert(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """A copy has the size of its source, and no parent."""
    given = embedded(call.arguments["VirtualDiskSettingData"])
    size = (settings_of(shadow, call.arguments["SourcePath"]) or {}).get("MaxInternalSize")
    _add(shadow, {**given, "MaxInternalSize": size})
    if given["Type"] == _FIXED and size:
        _take_space(shadow, given["Path"], size)
    return {}


def _take_space(shadow: Shadow, path: str, size: int) -> None:
    """A fixed disk takes its whole size from the drive."""
    for row in shadow.query(VOLUME, where=f"DriveLetter = {cim.quote(path[:2])}"):
        shadow.overlay.set(VOLUME, row, {"FreeSpace": max(0, (row["FreeSpace"] or 0) - size)})


def compact(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The file becomes smaller, which nothing here depends on."""
    return {}


def resize(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    size = call.arguments["MaxInternalSize"]
    shadow.overlay.set(DISK, {"Path": call.arguments["Path"]}, {"MaxInternalSize": size})
    return {}


def delete_file(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    remove(shadow, call.keys["Name"])
    return {}


def remove(shadow: Shadow, path: str) -> None:
    """A file is gone, and with it the disk in it."""
    shadow.overlay.forget_file(path)
    shadow.overlay.remove(DATA_FILE, {"Name": path})
    shadow.overlay.remove(DISK, {"Path": path})


METHODS = {
    (IMAGE_SERVICE.name, "GetVirtualHardDiskSettingData"): get_settings,
    (IMAGE_SERVICE.name, "GetVirtualHardDiskState"): get_state,
    (IMAGE_SERVICE.name, "ValidateVirtualHardDisk"): validate,
    (IMAGE_SERVICE.name, "CreateVirtualHardDisk"): create,
    (IMAGE_SERVICE.name, "ConvertVirtualHardDisk"): convert,
    (IMAGE_SERVICE.name, "CompactVirtualHardDisk"): compact,
    (IMAGE_SERVICE.name, "ResizeVirtualHardDisk"): resize,
    (DATA_FILE.name, "Delete"): delete_file,
}
