"""Msvm_ImageManagementService: virtual hard disk files of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...cim.embedded import embedded_text
from ...cim.values import Instance
from ...machine import disks
from ...machine.disks import DIFFERENCING, DYNAMIC, FIXED, VHD, VHDX
from ...machine.files import (
    ACCESS_DENIED,
    BAD_PARAMETER,
    FILE_NOT_FOUND,
    INVALID_NAME,
    PATH_NOT_FOUND,
    SHARING_VIOLATION,
    FileError,
    HostFile,
)
from ...machine.jobs import ACCESS_DENIED as DENIED
from ...machine.jobs import CHAIN_CYCLE, FAILED, FILE_MISSING, INVALID_PARAMETER, NOT_SUPPORTED, Plan, Refused
from ...machine.service import Service
from .. import settings
from ..settings import storage
from .management_service import add_service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

SERVICE, MOUNTED = "Msvm_ImageManagementService", "Msvm_MountedStorageImage"
SETTINGS = "Msvm_VirtualHardDiskSettingData"
Answer = tuple[int, dict[str, Any]]
ALIGNED = 1  # Msvm_VirtualHardDiskState.Alignment: the file is aligned to 4 KB
READ_ONLY, READ_WRITE = 1, 2


class ImageManagement(Service):
    CLASSES = (SERVICE, MOUNTED)

    def install(self, machine: Machine) -> None:
        add_service(machine, SERVICE, "vhdsvc")

    # --- reading

    def get_virtual_hard_disk_setting_data(self, call: Call) -> Answer:
        return _read(call, "SettingData", lambda file: embedded_text(setting_data(call.machine, file)))

    def get_virtual_hard_disk_state(self, call: Call) -> Answer:
        return _read(call, "State", lambda file: embedded_text(_state(call.machine, file)))

    # --- creating and changing

    def create_virtual_hard_disk(self, call: Call) -> Answer:
        """Always a job (captured); errors of the file are errors of the job."""

        def plan() -> Plan:
            values = _settings(call)
            disk_type, format_ = values.get("Type") or DYNAMIC, values.get("Format") or VHDX
            if (
                disk_type not in (FIXED, DYNAMIC, DIFFERENCING)
                or format_ not in disks.EXTENSIONS
                or not values.get("Path")
            ):
                raise Refused(INVALID_PARAMETER)
            if (disk_type == DIFFERENCING) != bool(values.get("ParentPath")):
                raise Refused(INVALID_PARAMETER)
            if disk_type != DIFFERENCING and not values.get("MaxInternalSize"):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                _create(call.machine, values, disk_type, format_)

            return _plan(call, "error_create_disk", values["Path"], work)

        return call.machine.jobs.perform(call, "create_disk", plan)

    def create_virtual_floppy_disk(self, call: Call) -> Answer:
        def plan() -> Plan:
            path = call["Path"] or ""
            return _plan(call, "error_create_disk", path, lambda: call.machine.files.create(path, bytes=1440 * 1024))

        return call.machine.jobs.perform(call, "create_floppy", plan)

    def resize_virtual_hard_disk(self, call: Call) -> Answer:
        """Expanding: not a differencing VHD. Shrinking: only VHDX, not below the size of its partitions (docs).

        While a VM uses it: only VHDX, and only on a SCSI controller (Resize-VHD docs).
        """
        path, size = call["Path"] or "", call["MaxInternalSize"] or 0

        def work() -> None:
            files = call.machine.files
            file = disks.need_disk(files, path)
            disk = file.disk
            assert disk is not None
            new_size = -(-size // disk.logical_sector) * disk.logical_sector
            if disk.format == VHD and (disk.type == DIFFERENCING or new_size < disk.size):
                raise FileError(disks.INVALID_TYPE, path)
            if not disks.LIMITS[disk.format][0] <= new_size <= disks.LIMITS[disk.format][1] or new_size < disk.minimum:
                raise FileError(BAD_PARAMETER, path)
            if file.in_use and (disk.format == VHD or not _on_scsi(call.machine, file)):
                raise FileError(SHARING_VIOLATION, path)
            if disks.children(files, file):
                # A parent that grew no longer fits its children (captured: 0xC03A0017 at their next start).
                disks.touch(files, file)
            if disk.type == FIXED:
                files.check_space(file.path, max(0, new_size - disk.size))
            disk.size, file.modified = new_size, files.clock.now()

        return call.machine.jobs.perform(call, "resize_disk", lambda: _plan(call, "error_resize_disk", path, work))

    def set_virtual_hard_disk_setting_data(self, call: Call) -> Answer:
        """Exactly one of ParentPath, PhysicalSectorSize and VirtualDiskId; the disk must not be in use (docs)."""

        def plan() -> Plan:
            values = _settings(call)
            names = ("ParentPath", "PhysicalSectorSize", "VirtualDiskId")
            wanted = {name: values[name] for name in names if values.get(name)}
            if len(wanted) != 1 or not values.get("Path"):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                files = call.machine.files
                file = _writable(call.machine, values["Path"])
                disk = file.disk
                assert disk is not None
                if "ParentPath" in wanted:
                    _set_parent(call.machine, file, wanted["ParentPath"], ignore_mismatch=False)
                elif disk.format == VHD:
                    raise FileError(disks.INVALID_TYPE, file.path)
                elif "PhysicalSectorSize" in wanted:
                    if wanted["PhysicalSectorSize"] not in (512, 4096):
                        raise FileError(BAD_PARAMETER, file.path)
                    disk.physical_sector = wanted["PhysicalSectorSize"]
                else:
                    disk.id = wanted["VirtualDiskId"].strip("{}").upper()
                file.modified = files.clock.now()

            return _plan(call, "error_set_disk", values["Path"], work)

        return call.machine.jobs.perform(call, "set_disk", plan)

    def set_parent_virtual_hard_disk(self, call: Call) -> Answer:
        child = call["ChildPath"] or ""

        def work() -> None:
            file = _writable(call.machine, child)
            _set_parent(call.machine, file, call["ParentPath"] or "", ignore_mismatch=bool(call["IgnoreIDMismatch"]))

        return call.machine.jobs.perform(call, "set_disk", lambda: _plan(call, "error_set_disk", child, work))

    def convert_virtual_hard_disk(self, call: Call) -> Answer:
        """Copy the content of the chain into a new file of another type or format."""
        source = call["SourcePath"] or ""

        def plan() -> Plan:
            values = _settings(call)
            disk_type, format_ = values.get("Type"), values.get("Format")
            if (
                not values.get("Path")
                or disk_type not in (FIXED, DYNAMIC, DIFFERENCING)
                or format_ not in disks.EXTENSIONS
            ):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                files = call.machine.files
                chain = disks.chain(files, source)
                if any(any(file.holders.values()) for file in chain):
                    raise FileError(SHARING_VIOLATION, source)
                disk = chain[0].disk
                assert disk is not None
                new = _create(call.machine, {"MaxInternalSize": disk.size, **values}, disk_type, format_)
                assert new.disk is not None
                held = sum(file.disk.used for file in chain if file.disk)
                new.disk.used = 0 if disk_type == DIFFERENCING else min(disk.size, held)
                new.disk.minimum = disk.minimum
                new.disk.system = next((file.disk.system for file in chain if file.disk and file.disk.system), None)

            return _plan(call, "error_convert_disk", source, work)

        return call.machine.jobs.perform(call, "convert_disk", plan)

    def merge_virtual_hard_disk(self, call: Call) -> Answer:
        source, target = call["SourcePath"] or "", call["DestinationPath"] or ""

        def work() -> None:
            files = call.machine.files
            child, parent = disks.need_disk(files, source), disks.need_disk(files, target)
            if child.disk is None or child.disk.type != DIFFERENCING:
                raise FileError(disks.INVALID_TYPE, source)
            busy = next((file for file in disks.chain(files, source) if file.in_use), None)
            if busy is not None:
                raise FileError(SHARING_VIOLATION, busy.path)
            disks.merge(files, child, parent)

        return call.machine.jobs.perform(call, "merge_disk", lambda: _plan(call, "error_merge_disk", source, work))

    def compact_virtual_hard_disk(self, call: Call) -> Answer:
        """Any disk but a fixed VHD (docs), while no one writes to it; simulated disks have no unused blocks to free."""
        path = call["Path"] or ""

        def work() -> None:
            file = disks.need_disk(call.machine.files, path)
            if file.disk is not None and file.disk.type == FIXED and file.disk.format == VHD:
                raise FileError(disks.INVALID_TYPE, path)
            if any(file.holders.values()):
                raise FileError(SHARING_VIOLATION, path)

        def plan() -> Plan:
            if (call["Mode"] or 0) not in range(5):
                raise Refused(INVALID_PARAMETER)
            return _plan(call, "error_compact_disk", path, work)

        return call.machine.jobs.perform(call, "compact_disk", plan)

    def validate_virtual_hard_disk(self, call: Call) -> Answer:
        """The chain is complete and fits together; a cycle is 32787 (docs)."""
        path = call["Path"] or ""

        def work() -> None:
            disks.chain(call.machine.files, path)

        return call.machine.jobs.perform(call, "validate_disk", lambda: _plan(call, "error_validate_disk", path, work))

    # --- mounting

    def attach_virtual_hard_disk(self, call: Call) -> Answer:
        path = call["Path"] or ""

        def work() -> None:
            machine, read_only = call.machine, bool(call["ReadOnly"])
            iso = disks.extension_of(path) == ".iso"
            owner = f"mounted {path.lower()}"
            if _mounted(machine, path) is not None:
                raise FileError(SHARING_VIOLATION, path)
            try:
                if iso:
                    machine.files.hold(owner, machine.files.need(path), write=False)
                elif read_only:
                    for file in disks.chain(machine.files, path):
                        machine.files.hold(owner, file, write=False)
                else:
                    disks.open_chain(machine.files, owner, path)
            except FileError:
                machine.files.release(owner)
                raise
            taken = {row["Lun"] for row in machine.repository.rows(MOUNTED)}
            machine.repository.add(
                MOUNTED,
                {
                    "Name": machine.files.need(path).path,
                    "Type": int(iso),
                    "Access": READ_ONLY if read_only or iso else READ_WRITE,
                    "PortNumber": 1,
                    "PathId": 0,
                    "TargetId": 0,
                    "Lun": next(lun for lun in range(256) if lun not in taken),
                },
            )

        return call.machine.jobs.perform(call, "mount_disk", lambda: _plan(call, "error_mount_disk", path, work))

    def detach_virtual_hard_disk(self, call: Call) -> int:
        row = call.row
        assert row is not None
        stored = _mounted(call.machine, row["Name"])
        if stored is None:
            return FILE_MISSING
        call.machine.files.release(f"mounted {row['Name'].lower()}")
        call.machine.repository.remove(stored)
        return 0

    def find_mounted_storage_image_instance(self, call: Call) -> Answer:
        """By path (CriterionType 0; the numbers of the others are not documented: ASSUMPTIONS VM-09)."""
        if call["CriterionType"] not in (0, None):
            return NOT_SUPPORTED, {}
        row = _mounted(call.machine, call["SelectionCriterion"] or "")
        return (0, {"Image": row.reference()}) if row is not None else (FILE_MISSING, {})


def _read(call: Call, output: str, describe: Callable[[HostFile], str]) -> Answer:
    """The header is read without opening the chain; a missing file is 32779 at once (ASSUMPTIONS VM-02)."""
    try:
        return 0, {output: describe(disks.need_disk(call.machine.files, call["Path"] or ""))}
    except FileError as error:
        return _code(error), {}


def setting_data(machine: Machine, file: HostFile) -> Instance:
    disk = file.disk
    assert disk is not None
    child = disk.type == DIFFERENCING
    values = {
        "Path": file.path,
        "Type": disk.type,
        "Format": disk.format,
        "ParentPath": disk.parent,
        "ParentIdentifier": disk.parent_id if child else "",
        "ParentTimestamp": disk.parent_time if child else None,
        "MaxInternalSize": disk.size,
        "BlockSize": disk.block_size,
        "LogicalSectorSize": disk.logical_sector,
        "PhysicalSectorSize": disk.physical_sector,
        "VirtualDiskId": disk.id,
        "PmemAddressAbstractionType": 65535,
    }
    known = machine.repository.cls(SETTINGS)
    return machine.repository.new(SETTINGS, {key: value for key, value in values.items() if key in known.properties})


def _state(machine: Machine, file: HostFile) -> Instance:
    disk = file.disk
    assert disk is not None
    return machine.repository.new(
        "Msvm_VirtualHardDiskState",
        {
            "FileSize": file.size,
            "InUse": file.in_use,
            "MinInternalSize": disk.minimum if disk.format != VHD else disk.size,
            "FragmentationPercentage": 0,
            "Alignment": ALIGNED,
            "PhysicalSectorSize": disk.physical_sector,
            "Timestamp": file.modified,
        },
    )


def _create(machine: Machine, values: dict[str, Any], disk_type: int, format_: int) -> HostFile:
    disk = disks.Disk(
        format_,
        disk_type,
        size=values.get("MaxInternalSize") or 0,
        block_size=values.get("BlockSize") or 0,
        logical_sector=values.get("LogicalSectorSize") or 0,
        physical_sector=values.get("PhysicalSectorSize") or 0,
        id=(values.get("VirtualDiskId") or "").strip("{}").upper() or disks.new_guid(),
    )
    return disks.create(machine.files, values["Path"], disk, values.get("ParentPath") or "")


def _on_scsi(machine: Machine, file: HostFile) -> bool:
    for vm in machine.vms.values():
        for medium in storage.media(vm) if vm.id in file.holders else ():
            if storage.path_of(medium).lower() == file.path.lower():
                return storage.IDE_DEVICE.lower() not in medium["InstanceID"].lower()
    return False


def _set_parent(machine: Machine, file: HostFile, path: str, *, ignore_mismatch: bool) -> None:
    disk, parent = file.disk, disks.need_disk(machine.files, path)
    assert disk is not None
    assert parent.disk is not None
    if disk.type != DIFFERENCING:
        raise FileError(disks.INVALID_TYPE, file.path)
    if file in disks.chain(machine.files, parent.path, check=False):
        raise FileError(disks.CHAIN_CYCLE, file.path)
    if disk.parent_id != parent.disk.data_id and not ignore_mismatch:
        raise FileError(disks.ID_MISMATCH, file.path)
    if parent.disk.size > disk.size:
        raise FileError(disks.SIZE_MISMATCH, file.path)
    disks.link(disk, parent)


def _mounted(machine: Machine, path: str) -> Instance | None:
    return next((row for row in machine.repository.rows(MOUNTED) if row["Name"].lower() == path.lower()), None)


# --- help


def _settings(call: Call) -> dict[str, Any]:
    cls, values = settings.read(call.machine, call["VirtualDiskSettingData"] or "")
    if cls.name != SETTINGS:
        raise Refused(INVALID_PARAMETER)
    return values


def _writable(machine: Machine, path: str) -> HostFile:
    file = disks.need_disk(machine.files, path)
    if file.in_use:
        raise FileError(SHARING_VIOLATION, path)
    if file.read_only:
        raise FileError(ACCESS_DENIED, path)
    return file


def _plan(call: Call, key: str, path: str, work: Callable[[], Any]) -> Plan:
    """Do the work at the end of the job; a FileError becomes the error of the job."""

    def guarded() -> None:
        try:
            work()
        except FileError as error:
            machine = call.machine
            text = machine.text(key, path=path, file=error.path, reason=machine.system_text(error.hresult))
            raise Refused(_code(error), text, in_job=True, hresult=error.hresult) from error

    return Plan(work=guarded)


def _code(error: FileError) -> int:
    """ErrorCode beside the HRESULT: 32779 is documented for a missing file, the others are ASSUMPTIONS VM-03."""
    if error.hresult in (FILE_NOT_FOUND, PATH_NOT_FOUND):
        return FILE_MISSING
    return {
        ACCESS_DENIED: DENIED,
        BAD_PARAMETER: INVALID_PARAMETER,
        INVALID_NAME: INVALID_PARAMETER,
        disks.INVALID_SIZE: INVALID_PARAMETER,
        disks.CHAIN_CYCLE: CHAIN_CYCLE,
    }.get(error.hresult, FAILED)
