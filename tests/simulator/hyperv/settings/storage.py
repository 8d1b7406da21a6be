r"""Controllers, drives and media of a VM (RASDs and SASDs).

Three levels: controller `Microsoft:<VM>\<controller>\<n>`, drive `<controller>\<slot>\D` and medium
`<controller>\<slot>\L`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim import errors
from ...cim.errors import CimError
from ...cim.paths import PathError, parse_path
from ...cim.repository import Association, Pair
from ...cim.values import CimClass, Instance
from ...machine import disks
from ...machine.files import FILE_NOT_FOUND, PATH_NOT_FOUND, FileError, check_keys
from ...machine.jobs import FAILED, FILE_MISSING, INVALID_PARAMETER, INVALID_STATE, Refused
from ..states import OFF, SAVED
from . import Setting

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

RASD, SASD = "Msvm_ResourceAllocationSettingData", "Msvm_StorageAllocationSettingData"
CLASSES = (RASD, SASD)

_SUB = "Microsoft:Hyper-V:"
IDE, SCSI = f"{_SUB}Emulated IDE Controller", f"{_SUB}Synthetic SCSI Controller"
DISK_DRIVE, DVD_DRIVE = f"{_SUB}Synthetic Disk Drive", f"{_SUB}Synthetic DVD Drive"
HARD_DISK, DVD_DISK = f"{_SUB}Virtual Hard Disk", f"{_SUB}Virtual CD/DVD Disk"
MOUSE, DISKETTE = f"{_SUB}Synthetic Mouse", f"{_SUB}Synthetic Diskette Drive"
# ResourceSubType → ResourceType (CIM_ResourceAllocationSettingData) and the key of its display name.
TYPES = {
    IDE: (5, "ide_controller"),
    SCSI: (6, "scsi_controller"),
    MOUSE: (13, "mouse"),
    DISKETTE: (14, "diskette_drive"),
    DVD_DRIVE: (16, "dvd_drive"),
    DISK_DRIVE: (17, "disk_drive"),
    HARD_DISK: (31, "hard_disk"),
    DVD_DISK: (31, "dvd_disk"),
}
MEDIUM_OF = {DISK_DRIVE: HARD_DISK, DVD_DRIVE: DVD_DISK}
SLOTS = {IDE: 2, SCSI: 64}  # Add-VMScsiController docs: 64 per SCSI controller; 2 per IDE controller
MAX_SCSI = 4
# Keys of a drive in the model file: its place, and its file (disks.FILE_KEYS).
PLACE_KEYS = {"controller", "controller_number", "location", "empty", "missing"}
DISK_KEYS = disks.FILE_KEYS | PLACE_KEYS
DVD_KEYS = {"path"} | PLACE_KEYS
IDE_DEVICE = "83F8638B-8DCA-4152-9EDA-2CA8B33039B4"
MOUSE_DEVICE = "58F75A6D-D949-4320-99E1-A2A2576D581C"
DISKETTE_DEVICE = r"8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0\D"
POOLS = {
    DISK_DRIVE: "118C3BE5-0D31-4804-85F0-5C6074ABEA8F",
    HARD_DISK: "70BB60D2-A9D3-46AA-B654-3DE53004B4F8",
    DVD_DRIVE: "7951A5ED-8DC5-42d7-AA8C-9F14C54CEB84",
    DVD_DISK: "D92D268E-9AA8-49DD-8C7D-821CEFB5F597",
    SCSI: "bde5d4d6-e450-46d2-b925-976ca3e989b4",
}
# Quality of service and caching change while the VM runs (Set-VMHardDiskDrive docs).
WHILE_RUNNING = {"IOPSLimit", "IOPSReservation", "StorageQoSPolicyID", "ElementName", "CachingMode"}


class Storage(Setting):
    CLASSES = CLASSES

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        for name in CLASSES:
            repository.live(name, "ElementName", lambda row: _display(machine, row))
        for sub_type, pool in POOLS.items():
            cls = SASD if sub_type in MEDIUM_OF.values() else RASD
            identity = {"ResourceType": TYPES[sub_type][0], "ResourceSubType": sub_type}
            repository.add("Msvm_AllocationCapabilities", {"InstanceID": f"Microsoft:{pool}", **identity})
            for kind in ("Default", "Minimum", "Maximum", "Increment"):
                repository.add(cls, {"InstanceID": f"Microsoft:Definition\\{pool}\\{kind}", **identity})
        repository.associate(
            Association(
                "Msvm_SettingsDefineCapabilities", ("GroupComponent", "PartComponent"), lambda: _templates(machine)
            )
        )

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        """The chipset of the generation, then the model's controllers, disks and DVD drives."""
        store = vm.machine.repository.store
        store(new_row(vm, MOUSE, f"Microsoft:{vm.id}\\{MOUSE_DEVICE}"), owner=vm.id)
        if spec["generation"] == 1:
            for number in "01":
                row = new_row(vm, IDE, f"Microsoft:{vm.id}\\{IDE_DEVICE}\\{number}")
                row["Address"] = number
                store(row, owner=vm.id)
            store(new_row(vm, DISKETTE, f"Microsoft:{vm.id}\\{DISKETTE_DEVICE}"), owner=vm.id)
        wanted = [*(spec.get("disks") or ()), *(spec.get("dvd_drives") or ())]
        on_scsi = [entry for entry in wanted if (entry.get("controller") or _default_bus(spec)) == "scsi"]
        # New-VM gives a VM of generation 2 one SCSI controller, DefineSystem none (captured).
        check_keys(spec.get("controllers") or {}, {"scsi"}, f"{vm.name}: controllers")
        count = int((spec.get("controllers") or {}).get("scsi", spec["generation"] - 1))
        for _turn in range(max([count, *(int(entry.get("controller_number") or 0) + 1 for entry in on_scsi)])):
            store(new_row(vm, SCSI, f"Microsoft:{vm.id}\\{disks.new_guid()}\\0"), owner=vm.id)
        for entry in spec.get("disks") or ():
            _from_model(vm, spec, entry, DISK_DRIVE)
        for entry in spec.get("dvd_drives") or ():
            _from_model(vm, spec, entry, DVD_DRIVE)

    # --- rules

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """A DVD's medium changes while the VM runs; a disk's file needs it off (Set-VMHardDiskDrive docs)."""
        if not values:
            return
        if vm.busy or vm.state == SAVED:
            raise vm.refusal("error_state", INVALID_STATE)
        if set(values) & {"Parent", "AddressOnParent", "ResourceType", "ResourceSubType", "Address"}:
            raise Refused(INVALID_PARAMETER)
        if row.cls.name != SASD:
            return
        disk = row["ResourceSubType"] == HARD_DISK
        if disk and vm.powered and set(values) - WHILE_RUNNING:
            raise vm.refusal("error_state", INVALID_STATE)
        if "HostResource" in values:
            if len(values["HostResource"] or ()) != 1:
                raise Refused(INVALID_PARAMETER)
            _check_file(vm, row, values["HostResource"][0])

    def modified(self, vm: Vm, row: Instance) -> None:
        if vm.powered and row.cls.name == SASD:
            open_media(vm)

    def plan_add(self, vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
        """A controller, a drive or a medium; minimal instances without a template work (captured)."""
        if vm.busy or vm.state == SAVED:
            raise vm.refusal("error_state", INVALID_STATE)
        values.pop("InstanceID", None)
        values.pop("ResourceType", None)
        named = (values.pop("ResourceSubType", None) or "").lower()
        sub_type = next((known for known in TYPES if known.lower() == named), "")
        values = {name: value for name, value in values.items() if value not in (None, "", [])}
        if sub_type in (HARD_DISK, DVD_DISK):
            # Also in the class that libvirt's driver gives a medium in production.
            values.pop("VirtualSystemIdentifiers", None)
            return [_plan_medium(vm, sub_type, values)]
        if cls.name != RASD:
            raise Refused(INVALID_PARAMETER)
        if sub_type == SCSI:
            return [_plan_controller(vm, values)]
        if sub_type in MEDIUM_OF:
            return [_plan_drive(vm, sub_type, values)]
        raise Refused(INVALID_PARAMETER)

    def added(self, vm: Vm, row: Instance) -> None:
        if row.cls.name == SASD and vm.powered:
            open_media(vm)

    def check_remove(self, vm: Vm, row: Instance) -> None:
        """The medium first, then the drive, in two calls: on a drive with a medium the provider fails (captured)."""
        if vm.busy or vm.state == SAVED:
            raise vm.refusal("error_state", INVALID_STATE)
        sub_type = row["ResourceSubType"]
        if sub_type in SLOTS:
            if sub_type == IDE:
                raise Refused(INVALID_PARAMETER)
            if vm.state != OFF:
                raise vm.refusal("error_state", INVALID_STATE)
            if drives(vm, row):
                raise CimError(errors.FAILED, operation="ExecMethod", provider="WMI")
            return
        on_ide = IDE_DEVICE.lower() in row["InstanceID"].lower()
        if vm.powered and on_ide and sub_type != DVD_DISK:
            raise vm.refusal("error_state", INVALID_STATE)
        if sub_type in MEDIUM_OF and medium_of(vm, row) is not None:
            raise CimError(errors.FAILED, operation="ExecMethod", provider="WMI")
        if sub_type in (MOUSE, DISKETTE):
            raise Refused(INVALID_PARAMETER)

    def removed(self, vm: Vm, row: Instance) -> None:
        if row.cls.name == SASD and vm.powered:
            open_media(vm)


def _templates(machine: Machine) -> Iterator[Pair]:
    """Clients find the template of a device through the capabilities of its pool (libhvee)."""
    for sub_type, pool in POOLS.items():
        group = machine.repository.row("Msvm_AllocationCapabilities", InstanceID=f"Microsoft:{pool}")
        for number, kind in enumerate(("Default", "Minimum", "Maximum", "Increment")):
            cls = SASD if sub_type in MEDIUM_OF.values() else RASD
            part = machine.repository.row(cls, InstanceID=f"Microsoft:Definition\\{pool}\\{kind}")
            role = 3 if number else 0
            yield group, part, {"ValueRange": number, "ValueRole": role, "PropertyPolicy": 0, "SupportStatement": 0}


def _display(machine: Machine, row: Instance) -> str:
    known = TYPES.get(row.values.get("ResourceSubType") or "")
    return row.values.get("ElementName") or (machine.text(known[1]) if known else "")


def _default_bus(spec: dict[str, Any]) -> str:
    return "ide" if spec["generation"] == 1 else "scsi"


def _from_model(vm: Vm, spec: dict[str, Any], entry: dict[str, Any], drive_type: str) -> None:
    """A drive of the model with its medium; a disk or ISO file that does not exist is created, unless `missing`.

    A disk without a path gets one by VM and number; `empty` creates the drive without a medium.
    """
    check_keys(entry, DISK_KEYS if drive_type == DISK_DRIVE else DVD_KEYS, f"{vm.name}: disks and DVD drives")
    bus = entry.get("controller") or _default_bus(spec)
    controller = controllers(vm, IDE if bus == "ide" else SCSI)[int(entry.get("controller_number") or 0)]
    slot = entry.get("location")
    drive = _new_drive(vm, controller, drive_type, free_slot(vm, controller) if slot is None else int(slot))
    vm.machine.repository.store(drive, owner=vm.id)
    path = str(entry.get("path") or "").replace("{name}", vm.name)
    if not path and drive_type == DISK_DRIVE:
        number = spec["disks"].index(entry)
        path = f"{disks.DISK_ROOT}\\{vm.name}{f'_{number}' if number else ''}.vhdx"
    if not path or entry.get("empty"):
        return
    files = vm.machine.files
    if files.get(path) is None and not entry.get("missing"):
        if drive_type == DVD_DRIVE:
            files.create(path, bytes=4 << 30, folders=True)
        else:
            content = {name: value for name, value in entry.items() if name not in PLACE_KEYS}
            disks.from_model(files, {**content, "path": path}, vm.created)
    vm.machine.repository.store(_new_medium(vm, drive, path), owner=vm.id)


# --- rows


def new_row(vm: Vm, sub_type: str, instance_id: str, values: dict[str, Any] | None = None) -> Instance:
    cls = SASD if sub_type in MEDIUM_OF.values() else RASD
    row = vm.machine.repository.new(
        cls,
        {
            "InstanceID": instance_id,
            "ResourceType": TYPES[sub_type][0],
            "ResourceSubType": sub_type,
            "VirtualQuantity": 1,
            "Reservation": 1,
            "Limit": 1,
            "Weight": 0,
            "AutomaticAllocation": True,
            "AutomaticDeallocation": True,
            "ConsumerVisibility": 3,
            "Parent": "",
            "PoolID": "",
        },
    )
    if cls == RASD:
        row["VirtualSystemIdentifiers"] = [f"{{{uuid.uuid4()}}}".upper()] if sub_type == SCSI else None
    else:
        row.update({"IOPSLimit": 0, "IOPSReservation": 0, "CachingMode": 1, "PersistentReservationsSupported": False})
    row.update(values or {})
    return row


def _new_drive(vm: Vm, controller: Instance, sub_type: str, slot: int) -> Instance:
    return new_row(
        vm,
        sub_type,
        f"{controller['InstanceID']}\\{slot}\\D",
        {"Parent": controller.reference().path(vm.machine.name), "AddressOnParent": str(slot)},
    )


def _new_medium(vm: Vm, drive: Instance, path: str) -> Instance:
    return new_row(
        vm,
        MEDIUM_OF[drive["ResourceSubType"]],
        f"{drive['InstanceID'][:-1]}L",
        {"Parent": drive.reference().path(vm.machine.name), "HostResource": [path]},
    )


def controllers(vm: Vm, sub_type: str) -> list[Instance]:
    return [row for row in vm.rows(RASD) if row["ResourceSubType"] == sub_type]


def drives(vm: Vm, controller: Instance | None = None) -> list[Instance]:
    prefix = (controller["InstanceID"] if controller is not None else f"Microsoft:{vm.id}").lower() + "\\"
    return [
        row
        for row in vm.rows(RASD)
        if row["ResourceSubType"] in MEDIUM_OF and row["InstanceID"].lower().startswith(prefix)
    ]


def free_slot(vm: Vm, controller: Instance) -> int:
    taken = {int(row["AddressOnParent"]) for row in drives(vm, controller)}
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def medium_of(vm: Vm, drive: Instance) -> Instance | None:
    return vm.machine.repository.row(SASD, InstanceID=f"{drive['InstanceID'][:-1]}L")


def media(vm: Vm, sub_type: str = HARD_DISK) -> list[Instance]:
    return [row for row in vm.rows(SASD) if row["ResourceSubType"] == sub_type]


def path_of(medium: Instance) -> str:
    return (medium["HostResource"] or [""])[0]


# --- open files of a VM that runs


def open_media(vm: Vm) -> Refused | None:
    """Open disks for writing, parents and ISO files for reading; returns the refusal, or None."""
    files = vm.machine.files
    files.release(vm.id)
    for medium in vm.rows(SASD):
        path = path_of(medium)
        try:
            if medium["ResourceSubType"] == HARD_DISK:
                disks.open_chain(files, vm.id, path)
            else:
                files.hold(vm.id, files.need(path), write=False)
        except FileError as error:
            files.release(vm.id)
            return file_refusal(vm, error, "error_start_disk", medium)
    return None


def file_refusal(vm: Vm, error: FileError, key: str, medium: Instance) -> Refused:
    """A job error in Hyper-V's words; the code next to the text is ASSUMPTIONS VM-03."""
    missing = error.hresult in (FILE_NOT_FOUND, PATH_NOT_FOUND)
    return vm.refusal(
        key,
        FILE_MISSING if missing else FAILED,
        in_job=True,
        hresult=error.hresult,
        device=vm.machine.text(TYPES[medium["ResourceSubType"]][1]),
        path=error.path,
        reason=vm.machine.system_text(error.hresult),
    )


def _plan_controller(vm: Vm, values: dict[str, Any]) -> Instance:
    """SCSI controllers are added and removed while the VM is off (Add-VMScsiController docs), IDE controllers never."""
    if vm.state != OFF:
        raise vm.refusal("error_state", INVALID_STATE)
    if len(controllers(vm, SCSI)) >= MAX_SCSI:
        raise vm.refusal("error_add", INVALID_PARAMETER, device=vm.machine.text("scsi_controller"), reason="")
    return new_row(vm, SCSI, f"Microsoft:{vm.id}\\{disks.new_guid()}\\0", values)


def _plan_drive(vm: Vm, sub_type: str, values: dict[str, Any]) -> Instance:
    """On a free slot of a controller of this VM; IDE not while it runs. Without AddressOnParent: ASSUMPTIONS VM-05."""
    controller = own(vm, values.pop("Parent", None))
    bus = controller["ResourceSubType"] if controller is not None else ""
    if controller is None or bus not in SLOTS:
        raise Refused(INVALID_PARAMETER)
    if bus == IDE and vm.powered:
        raise vm.refusal("error_state", INVALID_STATE)
    address = values.pop("AddressOnParent", None)
    if address is not None and not str(address).isdigit():
        raise Refused(INVALID_PARAMETER)
    slot = free_slot(vm, controller) if address is None else int(address)
    taken = {int(row["AddressOnParent"]) for row in drives(vm, controller)}
    if slot >= SLOTS[bus] or slot in taken:
        raise Refused(INVALID_PARAMETER)
    row = _new_drive(vm, controller, sub_type, slot)
    row.update(values)
    return row


def _plan_medium(vm: Vm, sub_type: str, values: dict[str, Any]) -> Instance:
    """Into an empty drive of the right kind that exists already (32773 otherwise: captured)."""
    drive = own(vm, values.pop("Parent", None))
    paths = values.pop("HostResource", None)
    if drive is None or MEDIUM_OF.get(drive["ResourceSubType"]) != sub_type or len(paths or ()) != 1:
        raise Refused(INVALID_PARAMETER)
    if medium_of(vm, drive) is not None:
        raise Refused(INVALID_PARAMETER)
    if vm.powered and sub_type == HARD_DISK and IDE_DEVICE.lower() in drive["InstanceID"].lower():
        raise vm.refusal("error_state", INVALID_STATE)
    row = _new_medium(vm, drive, paths[0])
    row.update(values)
    _check_file(vm, row, paths[0])
    return row


def _check_file(vm: Vm, medium: Instance, path: str) -> None:
    """The file exists, has the right type, is not attached to this VM and, while the VM runs, can be opened."""
    files = vm.machine.files
    try:
        if medium["ResourceSubType"] == DVD_DISK:
            files.need(path)
            return
        file = disks.need_disk(files, path)
        disks.chain(files, path)
        others = (row for row in media(vm) if row["InstanceID"] != medium["InstanceID"])
        if any(files.get(path_of(row)) is file for row in others):
            raise vm.refusal(
                "error_connected", FAILED, in_job=True, device=vm.machine.text("hard_disk"), path=file.path
            )
        if vm.powered:
            disks.open_chain(files, f"{vm.id} probe", path)
    except FileError as error:
        raise file_refusal(vm, error, "error_add_disk", medium) from error
    finally:
        files.release(f"{vm.id} probe")


def own(vm: Vm, path: str | None) -> Instance | None:
    """The row of this VM that a path names, or None; a path whose backslashes aren't doubled names nothing."""
    try:
        row = vm.machine.repository.find(parse_path(path or ""))
    except PathError:
        return None
    if row is None or "InstanceID" not in row:
        return None
    return row if row["InstanceID"].lower().startswith(f"microsoft:{vm.id.lower()}\\") else None
