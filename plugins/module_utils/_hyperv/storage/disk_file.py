# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual disk files of a host: reading, creating, expanding, deleting (Msvm_ImageManagementService, CIM_DataFile)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..._task.answer import Output, answer_of
from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.session import Target
from ..._task.units import format_size
from ..._task.wait import reached_within
from ..._windows import folder, paths
from ..._windows.foreseen import name_of, recall
from ..._windows.paths import suffix
from ..._windows.schema import DATA_FILE
from ..._wsman import cim
from ..._wsman.faults import HostError
from .. import jobs
from ..host import capacity
from ..look import FIRST_FINISHED
from ..schema import DISK_JOB, DISK_SETTINGS, DISK_STATE, IMAGE_SERVICE, MEDIUM, VM_SETTINGS
from ..vm.find import owner

TYPES = {"fixed": 2, "dynamic": 3, "differencing": 4}
_SECTOR = 4096
_FILE_NOT_FOUND = 32779
_QUICK = 1  # Mode of CompactVirtualHardDisk
_COMPACTING, _CONVERTING = 3, 6  # JobType (Msvm_StorageJob docs)

# What CIM_DataFile.Delete returns (CIM_LogicalFile docs); other numbers than the virtualization services use.
_DELETE_RESULTS = {2: "access denied", 8: "unspecified failure", 9: "no such file", 15: "the file is in use"}


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


class WantedFile(NamedTuple):
    """A disk file as a task describes it; sizes in bytes."""

    path: str
    size: int | None = None
    type: str | None = None
    parent: str | None = None
    block_size: int | None = None
    source: str | None = None

    @property
    def kind(self) -> str:
        """The type of the file if it is created."""
        return "differencing" if self.parent else self.type or "dynamic"

    @property
    def origin(self) -> str | None:
        """The disk that the content of a new file comes from: its parent, or the disk that it is a copy of."""
        return self.parent or self.source


def describe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A disk file's settings in the options' words."""
    words = {number: word for word, number in TYPES.items()}
    return {
        "size": settings["MaxInternalSize"],
        "type": words.get(settings["Type"], settings["Type"]),
        "parent": settings["ParentPath"] or None,
    }


def is_disk(path: str) -> bool:
    """Whether a path is that of a virtual disk file, judging by its name."""
    return suffix(path) in _FORMATS


def query_exists(host: Target, path: str) -> bool:
    """Whether the host has a file of this path. It doesn't show files on shares, which are taken to exist."""
    if paths.is_share(path):
        return True

    def read() -> Any:
        return host.client.query(DATA_FILE, columns=("Name",), where=f"Name = {cim.quote(path)}")

    return bool(recall(host, name_of("file", paths.key(path)), read))


def fetch(host: Target, path: str) -> dict[str, Any] | None:
    """The settings of a disk file, or None if there is no such file."""
    what = f"read the virtual disk '{path}'"

    def ask() -> str | None:
        answer = jobs.ask(
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
        if _FILE_NOT_FOUND in codes or not query_exists(host, path):
            return None
        what = "is a file, but none that the host can read as a virtual disk"
        if paths.is_share(path):
            what = "can't be read by the host, whose computer account needs rights on the share"
        raise Refused(
            f"'{path}' {what} ({error.message}). Choose another path, or remove the file",
            option="path",
            **error.details | {"path": path},
        ) from error
    if not text:
        raise MethodFailed(f"could not {what}: the host returned no settings for it", path=path)
    return cim.from_embedded(text, DISK_SETTINGS)


def fetch_known(host: Target, path: str) -> dict[str, Any] | None:
    """The same, asked for once in a task; for plans."""
    return host.once(("disk", paths.key(path)), lambda: fetch(host, path))


def same(host: Target, one: str, other: str) -> bool:
    """Whether two paths are those of one file; where their spelling can't decide, the id of the disk does."""
    if paths.key(one) == paths.key(other):
        return True
    if not paths.may_be_same(one, other):
        return False
    disk_id = _fetch_id(host, one)
    return disk_id is not None and disk_id == _fetch_id(host, other)


def _fetch_id(host: Target, path: str) -> str | None:
    try:
        settings = fetch_known(host, path)
    except Refused:  # a file that is no disk
        return None
    return (settings or {}).get("VirtualDiskId") or None


def fetch_chain(host: Target, path: str) -> list[str]:
    """The path and those of its parents, child first: a VM with checkpoints runs on the last .avhdx of a chain."""
    chain: list[str] = []
    while path and paths.key(path) not in map(paths.key, chain):
        chain.append(path)
        try:
            path = (fetch_known(host, path) or {}).get("ParentPath") or ""
        except Refused:  # a file that is no disk has no parent
            break
    return chain


def fetch_base(host: Target, path: str) -> str:
    """The file below the .avhdx files of checkpoints; the path itself if there are none."""
    files = fetch_chain(host, path) if suffix(path) in ON_CHECKPOINT else [path]
    return next((file for file in files if suffix(file) not in ON_CHECKPOINT), path)


def query_attached(host: Target) -> list[tuple[str, str]]:
    """Every attached disk file of the host with the id of the VM or checkpoint that it is attached to."""
    media = host.once("media", lambda: query_media(host))
    return [(owner(medium_id), path) for medium_id, path in media]


def query_media(host: Target) -> list[tuple[str, str]]:
    """Every attached disk file with the InstanceID of its medium, as it is now."""
    media = host.client.query(MEDIUM, columns=("InstanceID", "HostResource"))
    found = [(row["InstanceID"], (row["HostResource"] or [""])[0]) for row in media]
    return [(medium_id, path) for medium_id, path in found if is_disk(path)]


def missing(host: Target, file: str, text: str, option: str = "path", **details: Any) -> Missing:
    """The error about a missing file or folder. Raises another one if the host doesn't even have its drive."""
    capacity.check_drive(host, file, option)
    return Missing(text, option=option, **{"path": file, **details})


def check_wanted(wanted: WantedFile) -> None:
    """Raise Invalid if no disk can have these properties, on any host."""
    path = wanted.path
    kind = _FORMATS.get(suffix(path))
    if kind is None:
        raise Invalid(f"'{path}' is not a virtual disk; its name must end in .vhdx or .vhd", option="path", path=path)
    if wanted.size is not None and (not _LEAST <= wanted.size <= kind.most or wanted.size % _SECTOR):
        raise Invalid(
            f"{format_size(wanted.size)} for '{path}' is not a multiple of 4KB between 3MB and "
            f"{format_size(kind.most)}",
            option="size",
            path=path,
        )
    if wanted.block_size is not None and wanted.block_size not in kind.blocks:
        raise Invalid(
            f"{format_size(wanted.block_size)} is not for '{path}'; choose one of "
            f"{', '.join(map(format_size, kind.blocks))}",
            option="block_size",
            path=path,
        )
    if wanted.source:
        _check_source_options(wanted)
    if wanted.parent and wanted.type not in (None, "differencing"):
        raise Invalid(
            f"'{path}' can't be {wanted.type} and have a parent; leave one of them out", option="parent", path=path
        )
    if wanted.type == "differencing" and not wanted.parent:
        raise Invalid(f"'{path}' can't be differencing without a 'parent'; add it", option="type", path=path)
    if wanted.parent and _FORMATS.get(suffix(wanted.parent)) is not kind:
        raise Invalid(
            f"'{path}' and '{wanted.parent}' differ in their format; a disk and its parent are both VHDX or both VHD. "
            "Choose another ending, or another parent",
            option="parent",
            path=path,
        )


def _check_source_options(wanted: WantedFile) -> None:
    path = wanted.path
    if not is_disk(wanted.source or ""):
        text = f"'{wanted.source}' is not a virtual disk; its name must end in .vhdx or .vhd"
        raise Invalid(text, option="source", path=path)
    if wanted.parent or wanted.type == "differencing":
        text = f"'{path}' can't be a copy of '{wanted.source}' and have a parent; leave one of them out"
        raise Invalid(text, option="source", path=path)
    if paths.key(wanted.source or "") == paths.key(path):
        raise Invalid(f"'{path}' can't be a copy of itself; choose another path", option="source", path=path)


def check_new(host: Target, wanted: WantedFile) -> None:
    """Raise if the missing file can't be created: no size, no parent that may have children, no source to copy."""
    path = wanted.path
    if suffix(path) in ON_CHECKPOINT:
        raise missing(host, path, f"there is no file '{path}', and only a checkpoint creates such a file")
    if wanted.origin is None:
        if wanted.size is None:
            raise missing(host, path, f"there is no file '{path}'; set 'size' to create it, or correct the path")
        return
    if wanted.parent:
        check_parent(host, wanted.parent, path)
    else:
        check_source(host, wanted)
    _check_origin_size(wanted, (fetch_known(host, wanted.origin) or {})["MaxInternalSize"])


def _check_origin_size(wanted: WantedFile, size: int | None) -> None:
    """Raise if a new disk can't have the wanted size, because of the size of its parent or source.

    Check mode does not know the size of an image that an earlier task would download.
    """
    if wanted.size is None or size is None or wanted.size == size:
        return
    whose = "parent" if wanted.parent else "source"
    if wanted.size < size:
        raise Invalid(
            f"{format_size(wanted.size)} for '{wanted.path}' is smaller than its {whose} '{wanted.origin}', which has "
            f"{format_size(size)}. Set at least that size, or omit it",
            option="size",
            path=wanted.path,
        )
    if wanted.parent and suffix(wanted.path) == ".vhd":
        raise Refused(
            f"'{wanted.path}' can't be larger than its parent '{wanted.parent}', because a differencing .vhd disk "
            "can't be expanded. Omit the size, or use .vhdx disks",
            option="size",
            path=wanted.path,
        )


def check_source(host: Target, wanted: WantedFile) -> None:
    """Raise if the disk can't be copied, because it is missing, open or has a broken chain."""
    source, path = wanted.source or "", wanted.path
    settings = fetch_known(host, source)
    if settings is None:
        text = f"there is no file '{source}', so '{path}' can't be copied from it"
        raise missing(host, source, text, "source", path=path)
    if settings["ParentPath"]:
        check_chain(host, source, "source")
    if query_in_use(host, source):
        raise Refused(
            f"'{source}' is in use, by a running VM or something else on the host, so a copy of it would be "
            "inconsistent. Turn off the VM or wait for it, or choose another disk",
            option="source",
            path=path,
            source=source,
        )


def check_parent(host: Target, parent: str, path: str) -> None:
    """Raise if a disk can't be created from this parent, because it is missing, broken or attached to a VM.

    The same holds for its own parents. Disks of VMs may be children of it, which only read it.
    """
    settings = fetch_known(host, parent)
    if settings is None:
        text = f"there is no file '{parent}', so '{path}' can't be created from it"
        raise missing(host, parent, text, "parent", path=path)
    _check_unattached(host, fetch_chain(host, parent), path, "parent")
    if settings["ParentPath"]:
        check_chain(host, parent, "parent")
    if query_in_use(host, parent) and not any(_stands_on(host, used, parent) for _who, used in query_attached(host)):
        raise Refused(
            f"'{parent}' is in use by something that is no VM, such as a mount or a copy that isn't complete. "
            "Wait for it, or choose another parent",
            option="parent",
            path=path,
            parent=parent,
        )


def _check_unattached(host: Target, parents: Collection[str], path: str, option: str) -> None:
    """Raise Refused if a VM or checkpoint has one of these parents attached, and so could write below their child."""
    for who, used in query_attached(host):
        below = fetch_base(host, used)
        if parent := next((file for file in parents if same(host, file, below)), None):
            raise Refused(
                f"'{parent}' is attached to {fetch_holder_name(host, who)}, which could write to it and so corrupt "
                f"'{path}', which is based on it. Detach it there first, or use a copy of it",
                option=option,
                path=path,
                parent=parent,
                holder=who,
            )


def _stands_on(host: Target, used: str, path: str) -> bool:
    """Whether an attached disk is this file or a descendant of it."""
    return any(same(host, file, path) for file in fetch_chain(host, used))


def check_chain(host: Target, path: str, option: str = "path") -> None:
    """Raise Refused if a parent of a differencing disk is missing or was written to since (the host checks)."""
    try:
        what = f"check '{path}'"
        jobs.ask(host, IMAGE_SERVICE, "ValidateVirtualHardDisk", {"Path": path}, what=what)
    except MethodFailed as error:
        parent = (fetch_known(host, path) or {}).get("ParentPath")
        raise Refused(
            f"'{path}' can't be used, because its parent '{parent}' is missing or has changed since the disk was "
            f"created: {error.message}. Restore the parent, or recreate the disk",
            option=option,
            **error.details | {"path": path, "parent": parent},
        ) from error


def check_attachable(host: Target, path: str, settings: Mapping[str, Any]) -> None:
    """Raise Refused if VMs couldn't start with this disk attached.

    It is attached to another VM, or a parent or a descendant of it is, it is open, or its chain is broken.
    """
    for who, used in query_attached(host):
        if same(host, used, path):
            raise Refused(
                f"'{path}' is attached to {fetch_holder_name(host, who)} already. Detach it there first, or give "
                "each VM a differencing disk of its own",
                option="path",
                path=path,
                holder=who,
            )
        if _stands_on(host, used, path):
            raise Refused(
                f"'{path}' is a parent of '{used}', which is attached to {fetch_holder_name(host, who)} and can't be "
                "used any more once a VM has written to its parent. Attach a differencing disk of it ('parent') or a "
                "copy of it ('source') instead",
                option="path",
                path=path,
                holder=who,
            )
    _check_unattached(host, fetch_chain(host, path)[1:], path, "path")
    if query_in_use(host, path):
        raise Refused(
            f"'{path}' is in use by something else on the host, such as a mount, a backup or a running VM that "
            "has it as a parent. Wait for it, or choose another disk",
            option="path",
            path=path,
        )
    if settings["ParentPath"]:
        check_chain(host, path)


def check_childless(host: Target, path: str, leaving: Collection[str], option: str = "path") -> None:
    """Raise Refused if a VM or checkpoint other than those with these ids uses the disk, directly or as a parent."""
    for who, used in query_attached(host):
        if who not in leaving and _stands_on(host, used, path):
            how = "" if same(host, used, path) else f" as a parent of '{used}'"
            raise Refused(
                f"'{path}' is in use by {fetch_holder_name(host, who)}{how}. Detach it there first, or leave the "
                "file as it is",
                option=option,
                path=path,
                holder=who,
            )


def fetch_holder_name(host: Target, who: str) -> str:
    """``VM 'web01'`` or ``the checkpoint 'clean' of VM 'web01'`` for an id that settings begin with."""
    columns = ("ElementName", "VirtualSystemIdentifier")
    rows = host.client.query(VM_SETTINGS, columns, {"InstanceID": f"Microsoft:{who}"})
    if not rows:
        return f"the VM {who}"
    row = rows[0]
    of = row["VirtualSystemIdentifier"] or who
    if of.upper() == who:
        return f"VM '{row['ElementName']}'"
    return f"the checkpoint '{row['ElementName']}' of {fetch_holder_name(host, of.upper())}"


def missing_folders(host: Target, path: str, planned: Collection[str] = ()) -> list[str]:
    """The folders to create for a new file, outermost first. Raises Missing without a drive, Refused if none can be.

    ``planned`` are folders that earlier steps of the task create. Folders on shares are not seen by the host.
    """
    if paths.is_share(path):
        return []
    parent = paths.parent_folder(path)
    if len(parent) <= 2:  # the drive itself
        capacity.check_drive(host, path)
        return []
    folders = folder.missing(host, parent, planned)
    if folders:
        capacity.check_drive(host, path)
        folder.check_creatable(host, folders, path)
    return folders


def check_kept(host: Target, current: Mapping[str, Any], wanted: WantedFile) -> None:
    """Raise Refused if an existing disk would have to be recreated, which would lose its data."""
    now = describe(current)
    if wanted.size is not None and wanted.size < (now["size"] or 0):
        raise Refused(
            f"'{wanted.path}' has {format_size(now['size'])} and is never shrunk, because that can lose data. "
            "Set at least that size, or shrink it on the host first",
            option="size",
            path=wanted.path,
        )
    wanted_type = wanted.type or ("differencing" if wanted.parent else None)
    if wanted_type and wanted_type != now["type"]:
        raise Refused(
            f"'{wanted.path}' is {now['type']} and can't become {wanted_type} in place. "
            + _other_file(wanted.path, wanted_type),
            option="type",
            path=wanted.path,
        )
    if wanted.parent and not same(host, now["parent"] or "", wanted.parent):
        raise Refused(
            f"'{wanted.path}' is a child of '{now['parent']}', not of '{wanted.parent}'. Choose another path",
            option="parent",
            path=wanted.path,
        )


def _other_file(path: str, kind: str) -> str:
    """The way to a disk of another type, which is another file: replacing a file over CIM has a moment without it."""
    if kind == "differencing":
        return "Choose another path for the differencing disk"
    stem, dot, ending = path.rpartition(".")
    copy, source = (text.replace("'", "''") for text in (f"{stem}-{kind}{dot}{ending}", path))
    task = f"vm_disk: {{path: '{copy}', source: '{source}', type: {kind}}}"
    return f"Convert it into a new file, and use that one instead of it: {task}"


def create(host: Target, wanted: WantedFile) -> None:
    """Create the file, empty or from its parent or source, whose size it is expanded from."""
    path = wanted.path
    values: dict[str, Any] = {"Type": TYPES[wanted.kind], "Format": _FORMATS[suffix(path)].number, "Path": path}
    if wanted.parent:
        values["ParentPath"] = wanted.parent
    elif not wanted.source:
        values["MaxInternalSize"] = wanted.size
    if wanted.block_size:
        values["BlockSize"] = wanted.block_size
    if wanted.source:
        _copy(host, wanted.source, values)
    else:
        jobs.call(
            host,
            IMAGE_SERVICE,
            "CreateVirtualHardDisk",
            {"VirtualDiskSettingData": cim.embedded(DISK_SETTINGS, values)},
            what=f"create the virtual disk '{path}'",
            look=lambda: {} if _fetch_finished(host, path) else None,
        )
    if wanted.origin and wanted.size and wanted.size > ((fetch(host, path) or {})["MaxInternalSize"] or 0):
        expand(host, path, wanted.size)


def _copy(host: Target, source: str, values: Mapping[str, Any]) -> None:
    """Copy a disk with its parents into one new file. The method wants every property; zero stands for its default."""
    settings = {"ParentPath": "", "BlockSize": 0, "LogicalSectorSize": 0, **values}
    jobs.call(
        host,
        IMAGE_SERVICE,
        "ConvertVirtualHardDisk",
        {"SourcePath": source, "VirtualDiskSettingData": cim.embedded(DISK_SETTINGS, settings)},
        what=f"copy the virtual disk '{source}' to '{values['Path']}'",
        look=lambda: _look_for_copy(host, source, values),
    )


def _look_for_copy(host: Target, source: str, values: Mapping[str, Any]) -> Output | None:
    """Whether a disk was copied: the file exists as it was asked for, and nothing writes to it any more."""
    path = values["Path"]
    _wait_for_jobs(host, _CONVERTING, f"copy the virtual disk '{source}' to '{path}'")
    copy = fetch(host, path)
    if copy is None:
        return None
    size = (fetch_known(host, source) or {}).get("MaxInternalSize")
    wanted = {"Type": values["Type"], "Format": values["Format"], "MaxInternalSize": size}
    if any(copy[name] != value for name, value in wanted.items()) or query_in_use(host, path):
        raise HostError(f"'{path}' exists, but nothing shows that the copy is complete")
    return {}


def _wait_for_jobs(host: Target, kind: int, what: str) -> None:
    """Wait until the host runs no job of this kind. Their rows don't name the files that they work on."""
    where = f"JobType = {kind} AND JobState < {FIRST_FINISHED}"

    def ended() -> bool:
        return not host.client.query(DISK_JOB, columns=("InstanceID",), where=where, limit=1)

    reached_within(host, ended, host.job_timeout, what)


def expand(host: Target, path: str, size: int) -> None:
    """Expand a disk to a size in bytes."""
    jobs.call(
        host,
        IMAGE_SERVICE,
        "ResizeVirtualHardDisk",
        {"Path": path, "MaxInternalSize": size},
        what=f"expand the virtual disk '{path}' to {format_size(size)}",
        look=lambda: {} if ((_fetch_finished(host, path) or {}).get("MaxInternalSize") or 0) >= size else None,
    )


def _fetch_finished(host: Target, path: str) -> dict[str, Any] | None:
    """The settings of a disk; None if there is no such file, or the host can't read it because it is still at it."""
    try:
        return fetch(host, path)
    except (MethodFailed, Refused):
        return None


def compact(host: Target, path: str) -> None:
    """Release blocks of the file that the disk doesn't use; the quick mode, which needs no mounted disk."""
    what = f"compact the virtual disk '{path}'"

    def look() -> Output | None:
        """Nothing shows whether a disk was compacted, only that the host is through with it.

        A file without unused blocks keeps its size, and jobs of disks don't name their files (Parent and Child are null
        in the captured one). Compacting again loses nothing.
        """
        _wait_for_jobs(host, _COMPACTING, what)
        raise HostError("the host doesn't show whether a disk was compacted")

    arguments = {"Path": path, "Mode": _QUICK}
    jobs.call(host, IMAGE_SERVICE, "CompactVirtualHardDisk", arguments, what=what, look=look)


def query_in_use(host: Target, path: str) -> bool:
    """Whether the disk is open in a running VM, a mount or a merge."""
    answer = jobs.ask(
        host,
        IMAGE_SERVICE,
        "GetVirtualHardDiskState",
        {"Path": path},
        returns={"State": "string"},
        what=f"read the state of the virtual disk '{path}'",
    )
    return bool(answer.get("State")) and bool(cim.from_embedded(answer["State"], DISK_STATE)["InUse"])


def check_deletable(host: Target, path: str, option: str) -> None:
    """Raise Refused if a file is read-only, which CIM can't change."""
    where = f"Name = {cim.quote(path)}"
    rows = host.client.query(DATA_FILE, columns=("Name", "Writeable"), where=where)
    if rows and rows[0]["Writeable"] is False:
        text = f"'{path}' is read-only; clear its read-only attribute on the host, or leave the file as it is"
        raise Refused(text, option=option, path=path)


def delete(host: Target, path: str) -> None:
    """Delete a file (CIM_DataFile.Delete; the virtualization services have no such method)."""

    def write() -> Output:
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
        return answer

    answer_of(host, f"delete '{path}'", write, lambda: None if query_exists(host, path) else {})
