"""Drives, directories and files of a machine: what exists, how big it is, who has it open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock
    from .disks import Disk

# Win32 error codes as HRESULT_FROM_WIN32, and the virtual disk errors of winerror.h (FACILITY_VIRTUALDISK).
FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED = 0x80070002, 0x80070003, 0x80070005
SHARING_VIOLATION, FILE_EXISTS, BAD_PARAMETER = 0x80070020, 0x80070050, 0x80070057
DISK_FULL, INVALID_NAME, NOT_EMPTY = 0x80070070, 0x8007007B, 0x80070091

MB = 1 << 20
GB = 1 << 30


class FileError(Exception):
    """An operation on a file failed; `hresult` names the reason."""

    def __init__(self, hresult: int, path: str) -> None:
        super().__init__(f"{path}: 0x{hresult:08X}")
        self.hresult, self.path = hresult, path


@dataclass(eq=False)
class HostFile:
    """`disk` is set for a virtual hard disk, whose size then follows its contents; times are UTC."""

    path: str
    created: datetime
    modified: datetime
    bytes: int = 0
    read_only: bool = False
    disk: Disk | None = None
    content: bytes = b""  # empty if only the size is known
    # Who has it open, and whether for writing. Windows shares reading with reading, nothing with writing.
    holders: dict[str, bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.disk.file_size if self.disk else self.bytes

    @property
    def name(self) -> str:
        return self.path.rsplit("\\", 1)[-1]

    @property
    def folder(self) -> str:
        return self.path.rsplit("\\", 1)[0]

    @property
    def in_use(self) -> bool:
        return bool(self.holders)


@dataclass
class Drive:
    letter: str
    size: int
    used: int
    label: str = ""
    file_system: str = "NTFS"
    serial: str = ""


_VALID = re.compile(r'^[A-Za-z]:\\[^<>:"/|?*\x00-\x1f]*$')


def normal(path: str) -> str:
    r"""An absolute Windows path in one spelling of its separators; FileError where it is none.

    Network paths (\\server\share) are not simulated: they answer "path not found".
    """
    text = re.sub(r"(?<!^)\\+", r"\\", (path or "").strip().replace("/", "\\"))
    if text.startswith("\\\\"):
        raise FileError(PATH_NOT_FOUND, path)
    if not _VALID.match(text) or any(part.endswith((" ", ".")) for part in text.split("\\")[1:] if part):
        raise FileError(INVALID_NAME, path)
    return text.rstrip("\\") if len(text) > 3 else text


def parent_folder(path: str) -> str:
    folder = path.rsplit("\\", 1)[0]
    return folder + "\\" if folder.endswith(":") else folder


class Files:
    """The file system of a machine; names are compared without case, as NTFS does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.drives: dict[str, Drive] = {}
        self._files: dict[str, HostFile] = {}
        self._folders: dict[str, str] = {}
        self._held: dict[str, set[str]] = {}

    # --- reading

    def __iter__(self) -> Iterator[HostFile]:
        return iter(tuple(self._files.values()))

    def folders(self) -> list[str]:
        return sorted(self._folders.values(), key=str.lower)

    def get(self, path: str) -> HostFile | None:
        try:
            return self._files.get(normal(path).lower())
        except FileError:
            return None

    def need(self, path: str) -> HostFile:
        """The file, or FileError: path not found where its folder is missing, else file not found."""
        where = normal(path)
        found = self._files.get(where.lower())
        if found is None:
            raise FileError(FILE_NOT_FOUND if self.has_folder(parent_folder(where)) else PATH_NOT_FOUND, path)
        return found

    def has_folder(self, path: str) -> bool:
        text = path.lower()
        if len(text) == 3 and text.endswith(":\\"):
            return text[0] in self.drives
        return text in self._folders

    def within(self, folder: str) -> list[HostFile]:
        prefix = folder.lower().rstrip("\\") + "\\"
        return [file for path, file in self._files.items() if path.startswith(prefix)]

    def free(self, letter: str) -> int:
        drive = self.drives[letter.lower()]
        taken = sum(file.size for path, file in self._files.items() if path[0] == letter.lower())
        return max(0, drive.size - drive.used - taken)

    # --- changing

    def add_drive(self, drive: Drive) -> None:
        self.drives[drive.letter.lower()] = drive

    def make_folder(self, path: str) -> None:
        """Create a directory with all that lead to it."""
        where = normal(path)
        if where[0].lower() not in self.drives:
            raise FileError(PATH_NOT_FOUND, path)
        parts = where.split("\\")
        for count in range(2, len(parts) + 1):
            folder = "\\".join(parts[:count])
            if folder and len(folder) > 3:
                self._folders.setdefault(folder.lower(), folder)

    def create(self, path: str, *, bytes: int = 0, disk: Disk | None = None, folders: bool = False) -> HostFile:
        """A new file. FileError for a name that is taken, a folder that is missing (unless `folders`), a full drive."""
        where = normal(path)
        if where.lower() in self._files or self.has_folder(where):
            raise FileError(FILE_EXISTS, path)
        if folders:
            self.make_folder(parent_folder(where))
        if not self.has_folder(parent_folder(where)):
            raise FileError(PATH_NOT_FOUND, path)
        now = self.clock.now()
        new = HostFile(where, now, now, bytes, disk=disk)
        self.check_space(where, new.size)
        self._files[where.lower()] = new
        return new

    def read(self, path: str) -> bytes:
        """What is in a file; ValueError if only its size is known."""
        file = self.need(path)
        if len(file.content) != file.size:
            raise ValueError(f"the model gives no content of {path}")
        return file.content

    def write(self, path: str, content: bytes) -> HostFile:
        """Create a file with its folders, or replace what is in it."""
        file = self.get(path) or self.create(path, folders=True)
        if file.in_use:
            raise FileError(SHARING_VIOLATION, path)
        if file.read_only:
            raise FileError(ACCESS_DENIED, path)
        self.check_space(file.path, len(content) - file.size)
        file.content, file.bytes, file.modified = content, len(content), self.clock.now()
        return file

    def check_space(self, path: str, more: int) -> None:
        if more > self.free(path[0]):
            raise FileError(DISK_FULL, path)

    def delete(self, path: str) -> None:
        file = self.need(path)
        if file.in_use:
            raise FileError(SHARING_VIOLATION, path)
        if file.read_only:
            raise FileError(ACCESS_DENIED, path)
        del self._files[file.path.lower()]

    def move(self, path: str, new_path: str) -> HostFile:
        file, where = self.need(path), normal(new_path)
        if file.in_use:
            raise FileError(SHARING_VIOLATION, path)
        if where.lower() in self._files and where.lower() != file.path.lower():
            raise FileError(FILE_EXISTS, new_path)
        if not self.has_folder(parent_folder(where)):
            raise FileError(PATH_NOT_FOUND, new_path)
        del self._files[file.path.lower()]
        file.path = where
        self._files[where.lower()] = file
        return file

    def delete_folder(self, path: str) -> None:
        """Delete a directory with everything in it; nothing is deleted while one of its files is open."""
        where = normal(path)
        if not self.has_folder(where):
            raise FileError(PATH_NOT_FOUND, path)
        inside = self.within(where)
        for file in inside:
            if file.in_use:
                raise FileError(SHARING_VIOLATION, file.path)
        for file in inside:
            del self._files[file.path.lower()]
        prefix = where.lower() + "\\"
        for folder in [key for key in self._folders if key == where.lower() or key.startswith(prefix)]:
            del self._folders[folder]

    # --- opening

    def hold(self, owner: str, file: HostFile, *, write: bool) -> None:
        """Open a file for an owner; FileError where another's access forbids it."""
        others = [mode for name, mode in file.holders.items() if name != owner]
        if (write and others) or any(others):
            raise FileError(SHARING_VIOLATION, file.path)
        if write and file.read_only:
            raise FileError(ACCESS_DENIED, file.path)
        file.holders[owner] = write or file.holders.get(owner, False)
        self._held.setdefault(owner, set()).add(file.path.lower())

    def release(self, owner: str) -> None:
        """Close everything an owner has open."""
        for path in self._held.pop(owner, ()):
            file = self._files.get(path)
            if file is not None:
                file.holders.pop(owner, None)

    def held_by(self, owner: str) -> list[HostFile]:
        return [self._files[path] for path in self._held.get(owner, ()) if path in self._files]


def times(spec: dict[str, Any], key: str, default: datetime) -> datetime:
    """A point of time of the model file (YAML reads it as a datetime, or as text in ISO form)."""
    value = spec.get(key)
    if value is None:
        return default
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=default.tzinfo)


def check_keys(spec: dict[str, Any], known: set[str], what: str) -> None:
    """ValueError for a key of the model file that nobody reads."""
    if unknown := set(spec) - known:
        raise ValueError(f"{what}: unknown {', '.join(sorted(unknown))}")


_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": MB, "GB": GB, "TB": 1 << 40}


def amount(value: Any) -> int:
    """Bytes of a size in the model file: a number, or text such as 40GB."""
    match = re.fullmatch(r"\s*(\d+)\s*([KMGT]?B?)\s*", str(value or 0).upper())
    if not match:
        raise ValueError(f"{value!r} is not a size")
    return int(match[1]) * _UNITS[match[2]]
