"""CIM_DataFile, Win32_Directory and Win32_LogicalDisk (root/cimv2): the file system as WMI shows it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2
from ...cim.values import Instance
from ...machine.files import (
    ACCESS_DENIED,
    DISK_FULL,
    FILE_EXISTS,
    FILE_NOT_FOUND,
    INVALID_NAME,
    NOT_EMPTY,
    PATH_NOT_FOUND,
    SHARING_VIOLATION,
    Drive,
    FileError,
    HostFile,
)
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

# Return values: CIM_DataFile.Delete docs.
CODES = {
    ACCESS_DENIED: 2,
    FILE_NOT_FOUND: 9,
    PATH_NOT_FOUND: 9,
    FILE_EXISTS: 10,
    NOT_EMPTY: 14,
    SHARING_VIOLATION: 15,
    INVALID_NAME: 21,
}
UNSPECIFIED = 8


class HostFiles(Service):
    CLASSES = ("CIM_DataFile", "Win32_Directory")

    def install(self, machine: Machine) -> None:
        provide = machine.repository.provide
        provide("CIM_DataFile", lambda: (_file(machine, file) for file in machine.files if _local(file.path)), CIMV2)
        machine.repository.live(
            "CIM_DataFile", "EightDotThreeFileName", lambda row: machine.files.short_path(row["Name"]), CIMV2
        )
        provide(
            "Win32_Directory",
            lambda: (_folder(machine, path) for path in machine.files.folders() if _local(path)),
            CIMV2,
        )
        provide("Win32_LogicalDisk", lambda: map(partial(_drive, machine), machine.files.drives.values()), CIMV2)
        provide("Win32_Volume", lambda: map(partial(_volume, machine), machine.files.drives.values()), CIMV2)

    # --- methods of both classes

    def delete(self, call: Call) -> int:
        """Returns 0 or the reason of the failure; a directory is deleted with its content."""
        row = call.row
        assert row is not None
        files = call.machine.files
        try:
            if row.cls.name == "Win32_Directory":
                files.delete_folder(row["Name"])
            else:
                files.delete(row["Name"])
        except FileError as error:
            return CODES.get(error.hresult, UNSPECIFIED)
        return 0

    def rename(self, call: Call) -> int:
        """To a new path on the same drive (CIM_DataFile.Rename docs)."""
        row = call.row
        assert row is not None
        target = call["FileName"] or ""
        if target[:2].lower() != row["Drive"]:
            return 13
        try:
            call.machine.files.move(row["Name"], target)
        except FileError as error:
            return CODES.get(error.hresult, UNSPECIFIED)
        return 0

    def copy(self, call: Call) -> int:
        """A byte-for-byte copy; a copied virtual hard disk keeps its identity."""
        row = call.row
        assert row is not None
        files = call.machine.files
        try:
            source = files.need(row["Name"])
            if any(source.holders.values()):
                return CODES[SHARING_VIOLATION]
            files.create(call["FileName"] or "", bytes=source.bytes, disk=replace(source.disk) if source.disk else None)
        except FileError as error:
            return UNSPECIFIED if error.hresult == DISK_FULL else CODES.get(error.hresult, UNSPECIFIED)
        return 0


def _local(path: str) -> bool:
    """Shares aren't among a machine's files."""
    return not path.startswith("\\\\")


def _common(machine: Machine, path: str, file_name: str, extension: str, attributes: frozenset[str]) -> dict[str, Any]:
    r"""Names in lower case, as the class shows them; Path is the folder between two backslashes."""
    low = path.lower()
    folder = low[2:].rsplit("\\", 1)[0]
    return {
        "Name": low,
        "Caption": low,
        "Description": low,
        "Drive": low[:2],
        "Path": f"{folder}\\",
        "FileName": file_name.lower(),
        "Extension": extension.lower(),
        "CSName": machine.name,
        "CSCreationClassName": "Win32_ComputerSystem",
        "FSCreationClassName": "Win32_FileSystem",
        "FSName": "NTFS",
        "Readable": True,
        "System": False,
        "Hidden": False,
        "Compressed": "compressed" in attributes,
        "Encrypted": "encrypted" in attributes,
        "Status": "OK",
    }


def _file(machine: Machine, file: HostFile) -> Instance:
    stem, dot, extension = file.name.rpartition(".")
    return machine.repository.new(
        "CIM_DataFile",
        {
            **_common(machine, file.path, stem if dot else file.name, extension if dot else "", file.attributes),
            "CreationClassName": "CIM_LogicalFile",
            "FileSize": file.size,
            "FileType": f"{extension} file" if dot else "File",
            "CreationDate": file.created,
            "InstallDate": file.created,
            "LastModified": file.modified,
            "LastAccessed": file.modified,
            "Writeable": not file.read_only,
            "Archive": True,
            "InUseCount": None,
        },
        CIMV2,
    )


def _folder(machine: Machine, path: str) -> Instance:
    return machine.repository.new(
        "Win32_Directory",
        {
            **_common(machine, path, path.rsplit("\\", 1)[-1], "", machine.files.attributes_of(path)),
            "CreationClassName": "CIM_LogicalFile",
            "FileType": "File Folder",
            "Writeable": True,
        },
        CIMV2,
    )


def _drive(machine: Machine, drive: Drive) -> Instance:
    name = f"{drive.letter}:"
    return machine.repository.new(
        "Win32_LogicalDisk",
        {
            "DeviceID": name,
            "Name": name,
            "Caption": name,
            "Description": "Local Fixed Disk",
            "DriveType": 3,
            "MediaType": 12,
            "FileSystem": drive.file_system,
            "Size": drive.size,
            "FreeSpace": machine.files.free(drive.letter),
            "VolumeName": drive.label,
            "VolumeSerialNumber": drive.serial,
            "SystemName": machine.name,
            "SystemCreationClassName": "Win32_ComputerSystem",
            "CreationClassName": "Win32_LogicalDisk",
            "Compressed": False,
            "SupportsFileBasedCompression": True,
            "MaximumComponentLength": 255,
        },
        CIMV2,
    )


def _volume(machine: Machine, drive: Drive) -> Instance:
    """The same drive under its volume name; which of them Windows is on, the model doesn't say: C."""
    name = f"{drive.letter.upper()}:\\"
    guid = uuid.uuid5(uuid.NAMESPACE_OID, f"{machine.name}/{name}")
    return machine.repository.new(
        "Win32_Volume",
        {
            "DeviceID": f"\\\\?\\Volume{{{guid}}}\\",
            "Name": name,
            "Caption": name,
            "DriveLetter": name[:2],
            "DriveType": 3,
            "FileSystem": drive.file_system,
            "Capacity": drive.size,
            "FreeSpace": machine.files.free(drive.letter),
            "Label": drive.label or None,
            "SerialNumber": int(drive.serial or "0", 16),
            "BootVolume": drive.letter.upper() == "C",
            "SystemVolume": False,
            "Automount": True,
            "Compressed": False,
            "DirtyBitSet": False,
            "IndexingEnabled": True,
            "MaximumFileNameLength": 255,
            "CreationClassName": "Win32_Volume",
            "SystemCreationClassName": "Win32_ComputerSystem",
            "SystemName": machine.name,
        },
        CIMV2,
    )
