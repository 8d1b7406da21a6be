# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk files of a host: reading, making, growing, deleting (Msvm_ImageManagementService, CIM_DataFile)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.session import Host
from ..._task.units import format_size
from ..._wsman import cim
from .. import jobs
from ..schema import DATA_FILE, DISK_SETTINGS, DISK_STATE, FOLDER, IMAGE_SERVICE, MEDIUM, VM_SETTINGS
from ..vm.find import owner

TYPES = {"fixed": 2, "dynamic": 3, "differencing": 4}
_SECTOR = 4096
_FILE_NOT_FOUND = 32779

# What CIM_DataFile.Delete returns (CIM_LogicalFile docs); other numbers than the virtualization services use.
_DELETE_RESULTS = {2: "access denied", 8: "unspecified failure", 9: "there is no such file", 15: "it is in use"}


class Format(NamedTuple):
    """A format of disk files: its number in CIM, its largest disk and its block sizes, in bytes."""

    number: int
    most: int
    blocks: tuple[int, ...]


# MS-VHDX 2.6.2.1 (BlockSize) and New-VHD docs.
_VHD = Format(2, 2040 << 30, (512 << 10, 2 << 20))
_VHDX = Format(3, 64 << 40, tuple(1 << power for power in range(20, 29)))
_FORMATS = {".vhd": _VHD, ".avhd": _VHD, ".vhdx": _VHDX, ".avhdx": _VHDX, ".vhds": _VHDX._replace(number=4)}
_LEAST = 3 << 20
ON_CHECKPOINT = (".avhdx", ".avhd")  # the files that a VM runs on after a checkpoint


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


def normal(path: str) -> str:
    """A path as hosts write it: people may write slashes for backslashes."""
    return path.replace("/", "\\")


def suffix(path: str) -> str:
    """``.vhdx`` of a path, in lower case; empty where the file's name has none."""
    _dot, dot, tail = path.rpartition("\\")[2].rpartition(".")
    return f"{dot}{tail}".lower()


def is_disk(path: str) -> bool:
    """Whether this is the path of a virtual disk file, going by its name."""
    return suffix(path) in _FORMATS


def check_path(option: str, path: str) -> None:
    """Raise Invalid where this is no full path of a file on a Windows host."""
    if not re.match(r"[A-Za-z]:\\.|\\\\[^\\]+\\[^\\]+\\.", path):
        raise Invalid(f"{option}: '{path}' is not a full path on the host, such as C:\\VMs\\data.vhdx", path=path)


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
        raise Refused(
            f"path: '{path}' is a file, but none that the host can read as a virtual disk ({error.message}). "
            "Choose another path, or remove the file",
            **error.details | {"path": path},
        ) from error
    if not text:
        raise MethodFailed(f"could not {what}: the host told nothing of it", path=path)
    return cim.from_embedded(text, DISK_SETTINGS)


def known(host: Host, path: str) -> dict[str, Any] | None:
    """The same for plans, which ask for each file once in a task."""
    return host.once(("disk", path.lower()), lambda: read(host, path))


def chain(host: Host, path: str) -> list[str]:
    """The path and those of its parents, child first: a VM with checkpoints runs on the last .avhdx of a chain."""
    paths: list[str] = []
    while path and path.lower() not in (one.lower() for one in paths):
        paths.append(path)
        try:
            path = (known(host, path) or {}).get("ParentPath") or ""
        except Refused:  # a file that is no disk has no parent
            break
    return paths


def base(host: Host, path: str) -> str:
    """The file that people made, below the .avhdx files of checkpoints: the path itself where there are none."""
    files = chain(host, path) if suffix(path) in ON_CHECKPOINT else [path]
    return next((one for one in files if suffix(one) not in ON_CHECKPOINT), path)


def attached(host: Host) -> list[tuple[str, str]]:
    """Every attached disk file of the host with the id of the VM or checkpoint that it is attached to."""
    media = host.once("media", lambda: host.client.query(MEDIUM, columns=("InstanceID", "HostResource")))
    found = [(owner(row["InstanceID"]), (row["HostResource"] or [""])[0]) for row in media]
    return [(who, path) for who, path in found if is_disk(path)]


def check_wanted(wanted: Wanted) -> None:
    """Raise Invalid where no disk could be like this, whatever the host has."""
    path = wanted.path
    kind = _FORMATS.get(suffix(path))
    if kind is None:
        raise Invalid(f"path: '{path}' is not a virtual disk; its name must end in .vhdx or .vhd", path=path)
    check_path("path", path)
    if wanted.size is not None and (not _LEAST <= wanted.size <= kind.most or wanted.size % _SECTOR):
        raise Invalid(
            f"size: {format_size(wanted.size)} for '{path}' is not a multiple of 4KB between 3MB and "
            f"{format_size(kind.most)}",
            path=path,
        )
    if wanted.block_size is not None and wanted.block_size not in kind.blocks:
        raise Invalid(
            f"block_size: {format_size(wanted.block_size)} is not for '{path}'; choose one of "
            f"{', '.join(map(format_size, kind.blocks))}",
            path=path,
        )
    if wanted.parent and wanted.type not in (None, "differencing"):
        raise Invalid(f"parent: '{path}' can't be {wanted.type} and have a parent; leave one of them out", path=path)
    if wanted.type == "differencing" and not wanted.parent:
        raise Invalid(f"type: '{path}' can't be differencing without a 'parent'; add it", path=path)
    if wanted.parent:
        check_path("parent", wanted.parent)
        if _FORMATS.get(suffix(wanted.parent)) is not kind:
            raise Invalid(
                f"parent: '{path}' and '{wanted.parent}' differ in their format; a disk and its parent are both VHDX "
                "or both VHD. Choose another ending, or another parent",
                path=path,
            )


def check_new(host: Host, wanted: Wanted) -> None:
    """Raise where the missing file can't be made: no size, or no parent that may have children."""
    path = wanted.path
    if suffix(path) in ON_CHECKPOINT:
        raise Missing(f"path: there is no file '{path}', and only a checkpoint makes such a file", path=path)
    if wanted.parent:
        if wanted.size is not None:
            raise Invalid(
                f"size: a differencing disk takes its size from its parent; leave it out for '{path}'", path=path
            )
        if not host.predicts("file", wanted.parent):
            check_parent(host, wanted.parent, path)
    elif wanted.size is None:
        raise Missing(f"path: there is no file '{path}'; give its 'size' to make it, or the right path", path=path)


def check_parent(host: Host, parent: str, path: str) -> None:
    """Raise where a disk can't be made from this parent: missing, broken, or, as its own parents, written to by others.

    Disks of VMs may be children of it, which only read it.
    """
    settings = known(host, parent)
    if settings is None:
        raise Missing(f"parent: there is no file '{parent}', so '{path}' can't be made from it", path=path)
    parents = [one.lower() for one in chain(host, parent)]
    for who, used in attached(host):
        below = base(host, used)
        if below.lower() in parents:
            which = f"'{parent}'" if below.lower() == parent.lower() else f"'{below}', a parent of '{parent}',"
            raise Refused(
                f"parent: {which} is attached to {holder_words(host, who)}, which could write to it and so break "
                f"'{path}'. Detach it there first, or use a copy of it",
                path=path,
                parent=parent,
            )
    if settings["ParentPath"]:
        check_chain(host, parent, "parent")
    in_chains = (one.lower() for _who, used in attached(host) for one in chain(host, used))
    if in_use(host, parent) and parent.lower() not in in_chains:
        raise Refused(
            f"parent: '{parent}' is in use by something that is no VM, such as a mount or a copy that isn't complete. "
            "Wait for it, or choose another parent",
            path=path,
            parent=parent,
        )


def check_chain(host: Host, path: str, option: str = "path") -> None:
    """Raise Refused where a parent of a differencing disk is missing, or was written to since (the host checks it)."""
    try:
        what = f"check '{path}'"
        jobs.call(host, IMAGE_SERVICE, "ValidateVirtualHardDisk", {"Path": path}, what=what)
    except MethodFailed as error:
        parent = (known(host, path) or {}).get("ParentPath")
        raise Refused(
            f"{option}: '{path}' is of no use as it is, since its parent '{parent}' is missing or isn't as it was when "
            f"the disk was made: {error.message}. Bring the parent back, or make the disk anew",
            **error.details | {"path": path, "parent": parent},
        ) from error


def check_attachable(host: Host, path: str, settings: Mapping[str, Any]) -> None:
    """Raise Refused where a VM couldn't start with this disk: it is another one's, open, or its chain is broken."""
    for who, used in attached(host):
        if used.lower() == path.lower():
            raise Refused(
                f"path: '{path}' is attached to {holder_words(host, who)} already. Detach it there first, or give "
                "each VM a differencing disk of its own",
                path=path,
            )
    if in_use(host, path):
        raise Refused(
            f"path: '{path}' is in use by something else on the host, such as a mount, a backup or a running VM that "
            "has it as a parent. Wait for it, or choose another disk",
            path=path,
        )
    if settings["ParentPath"]:
        check_chain(host, path)


def check_childless(host: Host, path: str, leaving: Collection[str], option: str = "path") -> None:
    """Raise Refused where a VM or checkpoint uses the disk, itself or as a parent, other than those with these ids."""
    for who, used in attached(host):
        if who not in leaving and path.lower() in (one.lower() for one in chain(host, used)):
            how = "" if used.lower() == path.lower() else f" as a parent of '{used}'"
            raise Refused(
                f"{option}: '{path}' is in use by {holder_words(host, who)}{how}. Detach it there first, or leave the "
                "file as it is",
                path=path,
                holder=who,
            )


def holder_words(host: Host, who: str) -> str:
    """``VM 'web01'`` or ``the checkpoint 'clean' of VM 'web01'`` for an id that settings begin with."""
    columns = ("ElementName", "VirtualSystemIdentifier")
    rows = host.client.query(VM_SETTINGS, columns, {"InstanceID": f"Microsoft:{who}"})
    if not rows:
        return f"the VM {who}"
    row = rows[0]
    of = row["VirtualSystemIdentifier"] or who
    if of.upper() == who:
        return f"VM '{row['ElementName']}'"
    return f"the checkpoint '{row['ElementName']}' of {holder_words(host, of.upper())}"


def check_folder(host: Host, path: str, made: str | None = None) -> None:
    """Raise Missing where the folder of a new file isn't there; ``made`` is one that the task makes."""
    folder = path.rpartition("\\")[0]
    if len(folder) <= 2 or folder.startswith("\\\\") or host.predicts("folder", folder):
        return  # a drive, and a share, which this class of the host doesn't show
    if made and f"{made}\\".lower().startswith(f"{folder}\\".lower()):
        return
    where = f"Name = {cim.quote(folder)}"
    if not host.once(("folder", folder.lower()), lambda: host.client.query(FOLDER, columns=("Name",), where=where)):
        raise Missing(
            f"path: there is no folder '{folder}' on the host for '{path}'. Make it first, or choose one that's there; "
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
    values: dict[str, Any] = {"Type": TYPES[kind], "Format": _FORMATS[suffix(path)].number, "Path": path}
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
        raise MethodFailed(
            f"could not delete '{path}': {reason}. Delete it on the host, or run the task again",
            path=path,
            method="Delete",
            return_value=code,
        )
