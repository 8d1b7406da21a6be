"""Virtual hard disks (VHD, VHDX): headers, sizes and chains of differencing disks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .contents import octets, read_disk
from .files import (
    BAD_PARAMETER,
    DISK_FULL,
    GB,
    MB,
    SHARING_VIOLATION,
    Drive,
    FileError,
    Files,
    HostFile,
    amount,
    check_keys,
    normal,
    parent_folder,
    root_of,
    times,
)
from .systems import System, of_model

if TYPE_CHECKING:
    from .clock import Clock

# Msvm_VirtualHardDiskSettingData docs: Format and Type.
VHD, VHDX, VHD_SET = 2, 3, 4
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
FORMATS = {"vhd": VHD, "vhdx": VHDX, "vhds": VHD_SET}
TYPES = {"fixed": FIXED, "dynamic": DYNAMIC, "differencing": DIFFERENCING}
EXTENSIONS = {VHD: (".vhd", ".avhd"), VHDX: (".vhdx", ".avhdx"), VHD_SET: (".vhds",)}

# winerror.h, FACILITY_VIRTUALDISK
FORMAT_UNKNOWN, PARENT_NOT_FOUND, ID_MISMATCH, TIMESTAMP_MISMATCH = 0xC03A0004, 0xC03A000D, 0xC03A000E, 0xC03A000F
INVALID_SIZE, SIZE_MISMATCH, CHAIN_CYCLE = 0xC03A0012, 0xC03A0017, 0xC03A0018
PARENT_ERROR, LIMITATION, INVALID_TYPE = 0xC03A0019, 0xC03A001A, 0xC03A001B

# MS-VHDX 2.1: header section 1 MB, then log, block allocation table and metadata of 1 MB each at least. A VHD has a
# footer of 512 bytes, a dynamic one a second footer, a header of 1 KB and its table (VHD Image Format Specification).
OVERHEAD = {VHDX: 4 * MB, VHD_SET: 4 * MB}
LIMITS = {VHD: (3 * MB, 2040 * GB), VHDX: (3 * MB, 64 << 40), VHD_SET: (3 * MB, 64 << 40)}


def new_guid() -> str:
    return str(uuid.uuid4()).upper()


@dataclass(eq=False)
class Disk:
    """`data_id` changes with each writer that opens the disk (MS-VHDX 2.2.2 DataWriteGuid); a child remembers it.

    Sizes are bytes; `used` is allocated in this file, `minimum` (MinInternalSize) is the size of its partitions.
    """

    format: int
    type: int
    size: int = 0
    block_size: int = 0
    logical_sector: int = 0
    physical_sector: int = 0
    used: int = 0
    id: str = field(default_factory=new_guid)
    data_id: str = field(default_factory=new_guid)
    parent: str = ""
    parent_id: str = ""
    parent_time: datetime | None = None
    minimum: int = 0
    system: System | None = None  # the operating system on it

    @property
    def file_size(self) -> int:
        if self.type == FIXED:
            return self.size + OVERHEAD.get(self.format, 512)
        return self.used + OVERHEAD.get(self.format, 2 * 512 + 1024)


def extension_of(path: str) -> str:
    name = path.rsplit("\\", 1)[-1]
    return "." + name.rsplit(".", 1)[-1].lower() if "." in name else ""


def default_block(format_: int, type_: int) -> int:
    """MS-VHDX and New-VHD docs: 32 MB for a dynamic VHDX, 2 MB for a differencing one and for VHD; fixed has none."""
    if type_ == FIXED:
        return 0 if format_ == VHD else 32 * MB
    return 2 * MB if format_ == VHD or type_ == DIFFERENCING else 32 * MB


def create(files: Files, path: str, disk: Disk, parent: str = "") -> HostFile:
    """Create the file of a new disk, whose zeros stand for defaults; FileError for every reason to refuse it."""
    if extension_of(path) not in EXTENSIONS[disk.format]:
        raise FileError(BAD_PARAMETER, path)
    base = _new_parent(files, path, disk.format, parent) if disk.type == DIFFERENCING else None
    _complete(disk, base.disk if base else None)
    low, high = LIMITS[disk.format]
    if not low <= disk.size <= high or (base and base.disk and disk.size < base.disk.size):
        raise FileError(INVALID_SIZE, path)
    if {disk.logical_sector, disk.physical_sector} - {512, 4096}:
        raise FileError(BAD_PARAMETER, path)
    if base:
        link(disk, base)
    return files.create(path, disk=disk)


def _new_parent(files: Files, path: str, format_: int, parent: str) -> HostFile:
    """The parent of a new differencing disk: of the same format, and not in use by a writer."""
    base = need_disk(files, parent)
    if base.disk is None or base.disk.format != format_:
        raise FileError(BAD_PARAMETER, path)
    if any(base.holders.values()):
        raise FileError(SHARING_VIOLATION, parent)
    return base


def _complete(disk: Disk, base: Disk | None) -> None:
    """Defaults of New-VHD; a differencing disk has size, sectors and partitions of its parent."""
    disk.size = disk.size or (base.size if base else 0)
    disk.logical_sector = disk.logical_sector or (base.logical_sector if base else 512)
    disk.physical_sector = disk.physical_sector or (512 if disk.format == VHD else 4096)
    disk.block_size = disk.block_size or default_block(disk.format, disk.type)
    disk.size = -(-disk.size // disk.logical_sector) * disk.logical_sector
    disk.minimum = base.minimum if base else disk.used


def link(disk: Disk, parent: HostFile) -> None:
    """Record in a differencing disk its parent and the state of the parent."""
    assert parent.disk is not None
    disk.parent, disk.parent_id, disk.parent_time = parent.path, parent.disk.data_id, parent.modified


def need_disk(files: Files, path: str) -> HostFile:
    """The file of a virtual hard disk; FileError for a missing file, or one that is no such disk."""
    file = files.need(path)
    if file.attributes:
        raise FileError(LIMITATION, path)
    if file.disk is None:
        raise FileError(FORMAT_UNKNOWN, path)
    return file


def recognize(content: bytes) -> Disk | None:
    """The disk in a file that a model's content has made; None for any other file."""
    found = read_disk(content)
    if found is None:
        return None
    disk = Disk(FORMATS[found["format"]], DYNAMIC, amount(found["size"]), default_block(VHDX, DYNAMIC), 512, 4096)
    disk.system = of_model(found["system"], "disk") if found.get("system") else None
    return disk


def touch(files: Files, file: HostFile) -> None:
    """Change the identifier of the data, as a writer does; children no longer match."""
    if file.disk is not None:
        file.disk.data_id = new_guid()
        file.modified = files.clock.now()


def chain(files: Files, path: str, *, check: bool = True) -> list[HostFile]:
    """The disk and its parents, child first. FileError if the chain is broken or, with `check`, does not match."""
    links = [need_disk(files, path)]
    while (disk := links[-1].disk) is not None and disk.type == DIFFERENCING:
        parent = files.get(disk.parent)
        if parent is None or parent.disk is None:
            raise FileError(PARENT_NOT_FOUND, links[-1].path)
        if parent in links:
            raise FileError(CHAIN_CYCLE, links[-1].path)
        if check and disk.parent_id != parent.disk.data_id:
            # A VHD keeps the parent's time too, and says so (VHD Image Format Specification, "Parent Time Stamp").
            newer = disk.format == VHD and disk.parent_time is not None and parent.modified != disk.parent_time
            raise FileError(TIMESTAMP_MISMATCH if newer else ID_MISMATCH, links[-1].path)
        if check and parent.disk.size > disk.size:
            raise FileError(SIZE_MISMATCH, links[-1].path)
        links.append(parent)
    return links


def children(files: Files, file: HostFile) -> list[HostFile]:
    return [other for other in files if other.disk and other.disk.parent.lower() == file.path.lower()]


def open_chain(files: Files, owner: str, path: str) -> None:
    """Open a disk for writing and its parents for reading, as a starting VM does; after a FileError call release()."""
    links = chain(files, path)
    files.hold(owner, links[0], write=True)
    for parent in links[1:]:
        files.hold(owner, parent, write=False)
    touch(files, links[0])


def merge(files: Files, source: HostFile, target: HostFile) -> None:
    """Merge a child and the disks between into a parent; the children of the merged files are attached to it."""
    between = chain(files, source.path)
    if target not in between[1:]:
        raise FileError(BAD_PARAMETER, source.path)
    merged = between[: between.index(target)]
    assert target.disk is not None
    assert source.disk is not None
    if target.disk.type != FIXED:
        more = min(sum(file.disk.used for file in merged if file.disk), target.disk.size - target.disk.used)
        if more > files.free(root_of(target.path)):
            raise FileError(DISK_FULL, target.path)
        target.disk.used += max(0, more)
    target.disk.size = max(target.disk.size, source.disk.size)
    target.disk.system = next(
        (file.disk.system for file in merged if file.disk and file.disk.system), target.disk.system
    )
    standing = children(files, source)
    target.disk.data_id, target.modified = new_guid(), files.clock.now()
    for file in merged:
        files.delete(file.path)
    for child in standing:
        assert child.disk is not None
        link(child.disk, target)


DRIVE_KEYS = {"letter", "size", "used", "label", "file_system"}
FILE_KEYS = {
    "path",
    "size",
    "used",
    "minimum_size",
    "format",
    "type",
    "parent",
    "disk_id",
    "stale",
    "read_only",
    "in_use",
}
FILE_KEYS |= {"created", "modified", "content", "attributes", "system"}

# Default folders of Hyper-V (Msvm_VirtualSystemManagementServiceSettingData on a fresh host).
DATA_ROOT = r"C:\ProgramData\Microsoft\Windows\Hyper-V"
DISK_ROOT = r"C:\ProgramData\Microsoft\Windows\Virtual Hard Disks"
TEMPORARY = r"C:\Windows\Temp"


def load_files(clock: Clock, spec: dict[str, Any]) -> Files:
    """The `drives`, `folders` and `files` of a machine's model; parents before children, whatever their order."""
    files = Files(clock)
    files.recognize, files.reaches_shares = recognize, bool(spec.get("reaches_shares"))
    files.host = str(spec.get("name") or "")
    files.shares = {root_of(normal(path)) for path in _paths(spec) if path.startswith("\\\\")}
    for number, drive in enumerate(spec.get("drives") or [{"letter": "C", "size": "2TB", "used": "60GB"}]):
        check_keys(drive, DRIVE_KEYS, "drives")
        files.add_drive(
            Drive(
                letter=str(drive["letter"]).rstrip(":\\").upper(),
                size=amount(drive["size"]),
                used=amount(drive.get("used")),
                label=drive.get("label") or "",
                file_system=drive.get("file_system") or "NTFS",
                serial=f"{0x5A3C0000 + number:08X}",
            )
        )
    for folder in (*([DATA_ROOT, DISK_ROOT, TEMPORARY] if "c" in files.drives else []), *(spec.get("folders") or ())):
        path = folder if isinstance(folder, str) else folder["path"]
        files.make_folder(path)
        if not isinstance(folder, str):
            check_keys(folder, {"path", "attributes"}, "folders")
            files.folder_attributes[normal(path).lower()] = frozenset(folder.get("attributes") or ())
    waiting = list(spec.get("files") or ())
    while waiting:
        ready = [entry for entry in waiting if not entry.get("parent") or files.get(entry["parent"])]
        if not ready:
            raise ValueError(f"the parent of {waiting[0]['path']} is not in the model")
        for entry in ready:
            from_model(files, entry, clock.now())
            waiting.remove(entry)
    return files


def _paths(spec: dict[str, Any]) -> list[str]:
    """The folders and files of the model: a share exists because something is on it."""
    folders = [folder if isinstance(folder, str) else folder["path"] for folder in spec.get("folders") or ()]
    return [*folders, *(entry["path"] for entry in spec.get("files") or ())]


def from_model(files: Files, spec: dict[str, Any], default_time: datetime) -> HostFile:
    """A file of the model's `files` list: a disk if its extension or `format` says so."""
    check_keys(spec, FILE_KEYS, str(spec.get("path")))
    path = spec["path"]
    kind = spec.get("format") or {".vhd": "vhd", ".vhdx": "vhdx", ".avhdx": "vhdx", ".avhd": "vhd"}.get(
        extension_of(path)
    )
    if kind and "content" not in spec:
        type_ = TYPES[spec.get("type") or ("differencing" if spec.get("parent") else "dynamic")]
        files.make_folder(parent_folder(path))
        disk = Disk(
            FORMATS[kind],
            type_,
            size=amount(spec.get("size")) or (0 if spec.get("parent") else 127 * GB),
            used=amount(spec.get("used")),
            id=spec.get("disk_id") or new_guid(),
        )
        file = create(files, path, disk, spec.get("parent") or "")
        if spec.get("minimum_size") and file.disk:
            file.disk.minimum = amount(spec["minimum_size"])
        if spec.get("system") and file.disk:
            file.disk.system = of_model(spec["system"], path)
        if spec.get("stale") and file.disk:
            # The parent was written to after this child was made.
            file.disk.parent_id = new_guid()
    else:
        file = files.create(path, bytes=amount(spec.get("size")), folders=True)
        if "content" in spec:
            files.write(path, octets(spec["content"]))
    file.created = times(spec, "created", default_time)
    file.modified = times(spec, "modified", file.created)
    file.read_only = bool(spec.get("read_only"))
    file.attributes |= frozenset(spec.get("attributes") or ())
    if spec.get("in_use"):
        files.hold("another process", file, write=True)
    return file
