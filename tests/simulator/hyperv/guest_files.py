"""Files of a guest, as far as its host can copy files into it (torvalds/linux tools/hv; Msvm_GuestFileService docs)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..machine.files import FILE_EXISTS, PATH_NOT_FOUND, Drive, FileError, Files, HostFile, parent_folder

if TYPE_CHECKING:
    from .guest import Guest

FAILED, DISK_FULL = 0x80004005, 0x80070070
LONGEST_LINUX = 260  # UTF-16 units of a path, and octets of the whole (uapi hyperv.h)
LINUX_MODE = 0o744
LINUX_FOLDERS = {"/", "/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr", "/var", "/var/lib"}
_VARIABLE = re.compile("%([^%]+)%")
VARIABLES = {
    "systemdrive": "C:",
    "systemroot": r"C:\Windows",
    "windir": r"C:\Windows",
    "programdata": r"C:\ProgramData",
    "programfiles": r"C:\Program Files",
    "public": r"C:\Users\Public",
    "temp": r"C:\Windows\Temp",
}


class Received(NamedTuple):
    """A file that came from the host: its content, or its length where the model gives no content."""

    content: bytes
    size: int


def expand(path: str) -> str:
    """A path with the variables that every Windows has."""
    return _VARIABLE.sub(lambda match: VARIABLES.get(match[1].lower(), match[0]), path)


class GuestFiles:
    """`received` has the files that came from the host, by path; `free` is the room that a Linux guest has."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.received: dict[str, Received] = {}
        self.folders = set(LINUX_FOLDERS)
        self.free = 100 << 30
        self._windows: Files | None = None

    @property
    def windows(self) -> Files:
        """The file system of a Windows guest; of one that the model doesn't describe, a drive C."""
        if self.guest.machine:
            return self.guest.machine.files
        if self._windows is None:
            self._windows = Files(self.guest.vm.machine.clock)
            self._windows.add_drive(Drive("C", 100 << 30, 20 << 30))
            for folder in VARIABLES.values():
                if folder != "C:":
                    self._windows.make_folder(folder)
        return self._windows

    def receive(self, source: HostFile, path: str, *, overwrite: bool, folders: bool) -> None:
        """Write a file that the host sends; FileError if the guest refuses it."""
        if self.guest.is_linux:
            self._receive_linux(source, path, overwrite=overwrite, folders=folders)
        else:
            self._receive_windows(source, expand(path), overwrite=overwrite, folders=folders)

    def _receive_windows(self, source: HostFile, path: str, *, overwrite: bool, folders: bool) -> None:
        files = self.windows
        where = files.resolve(path)
        if files.has_folder(where):  # an existing folder takes the name of the source
            where = files.resolve(f"{where}\\{source.name}")
        if not files.has_folder(parent_folder(where)):
            if not folders:
                raise FileError(PATH_NOT_FOUND, path)
            files.make_folder(parent_folder(where))
        if files.get(where) is not None:
            if not overwrite:
                raise FileError(FILE_EXISTS, path)
            files.delete(where)
        known = len(source.content) == source.size
        new = files.write(where, source.content) if known else files.create(where, bytes=source.size)
        self.received[new.path] = Received(source.content, source.size)

    def _receive_linux(self, source: HostFile, path: str, *, overwrite: bool, folders: bool) -> None:
        """hv_fcopy_daemon: the name follows the last slash; all but two errors are E_FAIL."""
        folder, slash, name = path.rpartition("/")
        name, where = name or source.name, f"{folder}/{name or source.name}"
        folder = folder or "/"
        if not path.startswith("/") or not slash or len(where.encode()) > LONGEST_LINUX or where in self.folders:
            raise FileError(FAILED, path)
        if folder not in self.folders:
            if not folders:
                raise FileError(FAILED, path)
            parts = folder.strip("/").split("/")
            self.folders |= {"/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)}
        if where in self.received and not overwrite:
            raise FileError(FILE_EXISTS, path)
        if source.size > self.free:
            raise FileError(DISK_FULL, path)
        self.received[where] = Received(source.content, source.size)
