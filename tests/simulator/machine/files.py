"""Drives, directories and files of a machine: what exists, how big it is, who has it open."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
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
SHARE_SPACE = 1 << 50


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
    attributes: frozenset[str] = frozenset()  # compressed, encrypted, sparse
    # Who has it open, and whether for writing. Windows shares reading with reading, nothing with writing.
    holders: dict[str, bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.disk.file_size if self.disk and not self.content else self.bytes

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


# A drive's root, or that of a share; what follows it.
_ROOT = re.compile(r"([A-Za-z]:\\|\\\\[^\\]+\\[^\\]+)(?:\\|$)?(.*)", re.DOTALL)
_WRONG = re.compile(r'[<>:"|?*\x00-\x1f]')
# A drive of this machine as its administrators reach it over the network.
_ADMIN_SHARE = re.compile(r"\\\\([^\\]+)\\([A-Za-z])\$(?:\\|$)(.*)", re.DOTALL)
LOCAL = ("localhost", "127.0.0.1", ".")
# What NTFS makes of a name that isn't 8.3 (fsutil 8dot3name docs): of what remains, six characters and a number.
_SHORT = re.compile(r"[^\s.+,;=\[\]]{1,8}(\.[^\s.+,;=\[\]]{1,3})?")


def normal(path: str) -> str:
    r"""An absolute Windows path, of a drive or of a share, in one spelling; FileError where it is none.

    Separators, `.` and `..` are resolved as GetFullPathName does; nothing leads above a root.
    """
    text = re.sub(r"(?<!^)\\+", r"\\", (path or "").strip().replace("/", "\\"))
    match = _ROOT.fullmatch(text)
    if not match or _WRONG.search(match[1].replace(":\\", "")) or match[1].startswith("\\\\?"):
        raise FileError(INVALID_NAME, path)
    parts: list[str] = []
    for part in match[2].split("\\"):
        if part == "..":
            del parts[-1:]
        elif (part.endswith((" ", ".")) and part != ".") or _WRONG.search(part):
            raise FileError(INVALID_NAME, path)
        elif part not in ("", "."):
            parts.append(part)
    return "\\".join((match[1].rstrip("\\"), *parts)) if parts else match[1]


def root_of(path: str) -> str:
    """The drive letter of a normal path, or its share, in lower case."""
    if path.startswith("\\\\"):
        return "\\".join(path.split("\\")[:4]).lower()
    return path[0].lower()


def parent_folder(path: str) -> str:
    """The folder that a normal path lies in; a root lies in itself."""
    if path.startswith("\\\\") and path.count("\\") <= 3:
        return path
    folder = path.rsplit("\\", 1)[0]
    return folder + "\\" if folder.endswith(":") else folder


def short_names(names: Iterable[str]) -> dict[str, str]:
    """8.3 names by the names of a folder in the order of their creation; those that need none are left out."""
    found: dict[str, str] = {}
    taken = {name.lower() for name in names if _SHORT.fullmatch(name)}
    for name in names:
        if _SHORT.fullmatch(name):
            continue
        stem, dot, extension = name.rpartition(".")
        bare = re.sub(r"[\s.]", "", stem if dot else name)
        bare, tail = (re.sub(r"[+,;=\[\]]", "_", text) for text in (bare[:6], extension[:3] if dot else ""))
        for number in itertools.count(1):
            short = f"{bare}~{number}{'.' if tail else ''}{tail}".upper()
            if short.lower() not in taken:
                break
        taken.add(short.lower())
        found[name] = short
    return found


class Files:
    """The file system of a machine; names are compared without case, as NTFS does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.host = ""  # the name that its own shares have
        self.drives: dict[str, Drive] = {}
        self.shares: set[str] = set()  # of other machines, without a limit of space
        self.reaches_shares = False  # for programs of a remote shell
        # What new files of a folder have, by its path in lower case; folders below it inherit that.
        self.folder_attributes: dict[str, frozenset[str]] = {}
        self.recognize: Callable[[bytes], Disk | None] = lambda content: None
        self._files: dict[str, HostFile] = {}
        self._folders: dict[str, str] = {}
        self._held: dict[str, set[str]] = {}

    # --- reading

    def __iter__(self) -> Iterator[HostFile]:
        return iter(tuple(self._files.values()))

    def folders(self) -> list[str]:
        return sorted(self._folders.values(), key=str.lower)

    def resolve(self, path: str) -> str:
        r"""The normal path that a file is listed under: 8.3 names and \\localhost\C$ lead to the same one."""
        where = normal(path)
        if (share := _ADMIN_SHARE.fullmatch(where)) and share[1].lower() in (*LOCAL, self.host.lower()):
            where = normal(f"{share[2]}:\\{share[3]}")
        if "~" not in where or where.startswith("\\\\"):
            return where
        folder, *parts = where.split("\\")
        for part in parts:
            long = {short.lower(): name for name, short in short_names(self._names_in(folder)).items()}
            folder = f"{folder}\\{long.get(part.lower(), part)}"
        return folder

    def short_path(self, path: str) -> str:
        """CIM_DataFile.EightDotThreeFileName: the path with the 8.3 name of each part that has one."""
        folder, *parts = path.split("\\")
        short = [folder]
        for part in parts:
            known = {name.lower(): short_name for name, short_name in short_names(self._names_in(folder)).items()}
            short.append(known.get(part.lower(), part))
            folder = f"{folder}\\{part}"
        return "\\".join(short).lower()

    def _names_in(self, folder: str) -> list[str]:
        """The names directly below a folder, `C:` being a drive's root, in the order of their creation."""
        prefix = folder.lower() + "\\"
        below = [
            path[len(prefix) :]
            for path in (*self._folders.values(), *(file.path for file in self))
            if path.lower().startswith(prefix)
        ]
        return [name for name in below if "\\" not in name]

    def get(self, path: str) -> HostFile | None:
        try:
            return self._files.get(self.resolve(path).lower())
        except FileError:
            return None

    def need(self, path: str) -> HostFile:
        """The file, or FileError: path not found where its folder is missing, else file not found."""
        where = self.resolve(path)
        found = self._files.get(where.lower())
        if found is None:
            raise FileError(FILE_NOT_FOUND if self.has_folder(parent_folder(where)) else PATH_NOT_FOUND, path)
        return found

    def has_folder(self, path: str) -> bool:
        text = path.lower()
        if parent_folder(text) == text:
            return root_of(text) in (*self.drives, *self.shares)
        return text in self._folders

    def within(self, folder: str) -> list[HostFile]:
        prefix = folder.lower().rstrip("\\") + "\\"
        return [file for path, file in self._files.items() if path.startswith(prefix)]

    def is_empty(self, folder: str) -> bool:
        return not self._names_in(self.resolve(folder).rstrip("\\"))

    def free(self, root: str) -> int:
        """Bytes that are free on a drive, by its letter, or on a share (root_of)."""
        drive = self.drives.get(root.lower())
        if drive is None:
            return SHARE_SPACE
        taken = sum(file.size for path, file in self._files.items() if path[0] == root.lower())
        return max(0, drive.size - drive.used - taken)

    # --- changing

    def add_drive(self, drive: Drive) -> None:
        self.drives[drive.letter.lower()] = drive

    def make_folder(self, path: str) -> None:
        """Create a directory with all that lead to it."""
        where = self.resolve(path)
        if root_of(where) not in (*self.drives, *self.shares):
            raise FileError(PATH_NOT_FOUND, path)
        missing = []
        while not self.has_folder(where):
            missing.append(where)
            where = parent_folder(where)
        for folder in reversed(missing):
            self._folders[folder.lower()] = folder

    def create(self, path: str, *, bytes: int = 0, disk: Disk | None = None, folders: bool = False) -> HostFile:
        """A new file. FileError for a name that is taken, a folder that is missing (unless `folders`), a full drive."""
        where = self.resolve(path)
        if where.lower() in self._files or self.has_folder(where):
            raise FileError(FILE_EXISTS, path)
        if folders:
            self.make_folder(parent_folder(where))
        if not self.has_folder(parent_folder(where)):
            raise FileError(PATH_NOT_FOUND, path)
        now = self.clock.now()
        new = HostFile(where, now, now, bytes, disk=disk, attributes=self.attributes_of(parent_folder(where)))
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
        file.disk = self.recognize(content)
        return file

    def fill(self, path: str, content: bytes) -> HostFile:
        """Write as a program does that sends its content on as it comes: a full drive keeps the part that it took."""
        try:
            return self.write(path, content)
        except FileError as error:
            file = self.get(path)
            if error.hresult == DISK_FULL:
                room = self.free(root_of(self.resolve(path))) + (file.size if file else 0)
                self.write(path, content[:room])
            raise

    def attributes_of(self, folder: str) -> frozenset[str]:
        """The attributes that new files of a folder have."""
        found: frozenset[str] = frozenset()
        for path, attributes in self.folder_attributes.items():
            if f"{folder.lower()}\\".startswith(f"{path}\\"):
                found |= attributes
        return found

    def check_space(self, path: str, more: int) -> None:
        if more > self.free(root_of(path)):
            raise FileError(DISK_FULL, path)

    def delete(self, path: str) -> None:
        file = self.need(path)
        if file.in_use:
            raise FileError(SHARING_VIOLATION, path)
        if file.read_only:
            raise FileError(ACCESS_DENIED, path)
        del self._files[file.path.lower()]

    def move(self, path: str, new_path: str) -> HostFile:
        file, where = self.need(path), self.resolve(new_path)
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
        where = self.resolve(path)
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
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
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
