# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk files of a host: reading, making, growing, deleting (Msvm_ImageManagementService, CIM_DataFile)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._wsman import cim
from . import jobs
from .errors import Invalid, MethodFailed, Missing, Refused
from .schema import DATA_FILE, DISK_SETTINGS, DISK_STATE, FOLDER, IMAGE_SERVICE
from .session import Host
from .units import format_size

TYPES = {"fixed": 2, "dynamic": 3, "differencing": 4}
_FORMATS = {".vhd": 2, ".vhdx": 3, ".vhds": 4}
_LEAST, _MOST = 3 << 20, 64 << 40  # bytes; the range of the VHDX format as New-VHD takes it
_SECTOR = 4096
_FILE_NOT_FOUND = 32779

# What CIM_DataFile.Delete returns (CIM_LogicalFile docs); other numbers than the virtualization services use.
_DELETE_RESULTS = {2: "access denied", 8: "unspecified failure", 9: "invalid object", 16: "sharing violation"}


class Wanted(NamedTuple):
    """A disk file as a task describes it; sizes in bytes."""

    path: str
    size: int | None = None
    type: str | None = None
    parent: str | None = None
    block_size: int | None = None


def describe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A disk file's settings in the options' words."""
    words = {number: word for word, number in TYPES.items()}
    return {
        "size": settings["MaxInternalSize"],
        "type": words.get(settings["Type"], settings["Type"]),
        "parent": settings["ParentPath"] or None,
    }


def exists(host: Host, path: str) -> bool:
    """Whether the host has a file of this path (compared without case)."""
    return bool(host.client.query(DATA_FILE, columns=("Name",), where=f"Name = {cim.quote(path)}"))


def read(host: Host, path: str) -> dict[str, Any] | None:
    """The settings of a disk file, or None where there is no such file."""
    what = f"read the virtual disk '{path}'"

    def ask() -> str | None:
        answer = jobs.call(
            host,
            IMAGE_SERVICE,
            "GetVirtualHardDiskSettingData",
            {"Path": path},
            returns={"SettingData": "string"},
            what=what,
        )
        return answer.get("SettingData")

    try:
        text = ask() or ask()  # a host that answers through a job has the text ready the second time
    except MethodFailed as error:
        codes = (error.details.get("return_value"), error.details.get("error_code"))
        if _FILE_NOT_FOUND in codes or not exists(host, path):
            return None
        raise
    if not text:
        raise MethodFailed(f"could not {what}: the host told nothing of it", path=path)
    return cim.from_embedded(text, DISK_SETTINGS)


def chain(host: Host, path: str) -> list[str]:
    """The path and those of its parents, child first: a VM with checkpoints runs on the last .avhdx of a chain."""
    paths: list[str] = []
    while path and path.lower() not in (one.lower() for one in paths):
        paths.append(path)
        settings = read(host, path)
        path = (settings or {}).get("ParentPath") or ""
    return paths


def check_wanted(wanted: Wanted) -> None:
    """Raise Invalid where no disk could be like this, whatever the host has."""
    path = wanted.path
    suffix = path[path.rfind(".") :].lower() if "." in path else ""
    if suffix not in (*_FORMATS, ".avhdx", ".avhd"):
        raise Invalid(f"path: '{path}' is not a virtual disk; its name must end in .vhdx or .vhd", path=path)
    if wanted.size is not None and (not _LEAST <= wanted.size <= _MOST or wanted.size % _SECTOR):
        raise Invalid(
            f"size: {format_size(wanted.size)} for '{path}' is not a multiple of 4KB between 3MB and 64TB", path=path
        )
    if wanted.parent and wanted.type not in (None, "differencing"):
        raise Invalid(f"parent: '{path}' can't be {wanted.type} and have a parent; leave one of them out", path=path)
    if wanted.type == "differencing" and not wanted.parent:
        raise Invalid(f"type: '{path}' can't be differencing without a 'parent'", path=path)


def check_new(host: Host, wanted: Wanted) -> None:
    """Raise where the missing file can't be made: no size, or no such parent."""
    path = wanted.path
    if wanted.parent:
        if wanted.size is not None:
            raise Invalid(
                f"size: a differencing disk takes its size from its parent; leave it out for '{path}'", path=path
            )
        if read(host, wanted.parent) is None:
            raise Missing(f"parent: there is no file '{wanted.parent}', so '{path}' can't be made from it", path=path)
    elif wanted.size is None:
        raise Missing(f"there is no file '{path}'; give its 'size' to make it, or the right path", path=path)


def check_folder(host: Host, path: str, made: str | None = None) -> None:
    """Raise Missing where the folder of a new file isn't there; ``made`` is one that the task makes."""
    folder = path.rpartition("\\")[0]
    if len(folder) <= 2 or (made and f"{folder}\\".lower().startswith(f"{made}\\".lower())):
        return
    where = f"Name = {cim.quote(folder)}"
    if not host.once(("folder", folder.lower()), lambda: host.client.query(FOLDER, columns=("Name",), where=where)):
        raise Missing(
            f"path: there is no folder '{folder}' on the host for '{path}'. Make it first, or choose one that is there; "
            "the vm module's 'path' makes a folder for the VM",
            path=path,
        )


def check_kept(current: Mapping[str, Any], wanted: Wanted) -> None:
    """Raise Refused where an existing disk would have to be made anew, which would lose what is on it."""
    now = describe(current)
    if wanted.size is not None and wanted.size < (now["size"] or 0):
        raise Refused(
            f"size: '{wanted.path}' has {format_size(now['size'])} and is not made smaller, since that can lose data. "
            "Ask for at least that size, or shrink it on the host first",
            path=wanted.path,
        )
    wanted_type = wanted.type or ("differencing" if wanted.parent else None)
    if wanted_type and wanted_type != now["type"]:
        raise Refused(
            f"type: '{wanted.path}' is {now['type']} and can't become {wanted_type} without being made anew. "
            "Convert it on the host, or choose another path",
            path=wanted.path,
        )
    if wanted.parent and (now["parent"] or "").lower() != wanted.parent.lower():
        raise Refused(
            f"parent: '{wanted.path}' is a child of '{now['parent']}', not of '{wanted.parent}'. Choose another path",
            path=wanted.path,
        )


def create(host: Host, wanted: Wanted) -> None:
    """Make the file; differencing where it has a parent, dynamic unless said otherwise."""
    path = wanted.path
    kind = "differencing" if wanted.parent else wanted.type or "dynamic"
    values: dict[str, Any] = {"Type": TYPES[kind], "Format": _FORMATS[path[path.rfind(".") :].lower()], "Path": path}
    if wanted.parent:
        values["ParentPath"] = wanted.parent
    else:
        values["MaxInternalSize"] = wanted.size
    if wanted.block_size:
        values["BlockSize"] = wanted.block_size
    text = cim.embedded(DISK_SETTINGS, values)
    jobs.call(
        host,
        IMAGE_SERVICE,
        "CreateVirtualHardDisk",
        {"VirtualDiskSettingData": text},
        what=f"make the virtual disk '{path}'",
    )


def grow(host: Host, path: str, size: int) -> None:
    """Make a disk larger."""
    jobs.call(
        host,
        IMAGE_SERVICE,
        "ResizeVirtualHardDisk",
        {"Path": path, "MaxInternalSize": size},
        what=f"grow the virtual disk '{path}' to {format_size(size)}",
    )


def in_use(host: Host, path: str) -> bool:
    """Whether something has the disk open: a running VM, a mount, a child that is merged."""
    answer = jobs.call(
        host,
        IMAGE_SERVICE,
        "GetVirtualHardDiskState",
        {"Path": path},
        returns={"State": "string"},
        what=f"read the state of the virtual disk '{path}'",
    )
    return bool(answer.get("State")) and bool(cim.from_embedded(answer["State"], DISK_STATE)["InUse"])


def delete(host: Host, path: str) -> None:
    """Delete a file for good (CIM_DataFile.Delete; the virtualization services have no such method)."""
    answer = host.client.invoke(DATA_FILE, "Delete", keys={"Name": path})
    code = answer["ReturnValue"]
    if code:
        reason = _DELETE_RESULTS.get(code, f"code {code}")
        raise MethodFailed(f"could not delete '{path}': {reason}", path=path, method="Delete", return_value=code)
