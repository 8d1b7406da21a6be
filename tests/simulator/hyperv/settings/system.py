"""Msvm_VirtualSystemSettingData: the settings of a VM as a whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.files import FileError
from ...machine.jobs import FAILED, INVALID_PARAMETER, INVALID_STATE, Refused
from ..states import OFF
from . import Setting, boot, in_range, security

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

CLASS = "Msvm_VirtualSystemSettingData"
REALIZED = "Microsoft:Hyper-V:System:Realized"
ZERO_GUID = "00000000-0000-0000-0000-000000000000"
SECURE_BOOT_TEMPLATES = {
    "MicrosoftWindows": "1734C6E8-3154-4DDA-BA5F-A874CC483422",
    "MicrosoftUEFICertificateAuthority": "272E7447-90A4-4563-A4B9-8E4AB00526CE",
    "OpenSourceShieldedVM": "4292AE2B-EE2C-42B5-A969-DD8F8689F6F3",
}

# Sent alone, each of these got ReturnValue 0 and changed nothing (captured from a Windows 11 host, 2026-10-08).
IGNORED = {
    "VirtualSystemIdentifier",
    "VirtualSystemType",
    "VirtualSystemSubType",
    "ConfigurationID",
    "ConfigurationDataRoot",
    "ConfigurationFile",
    "SuspendDataRoot",
    "LogDataRoot",
    "CreationTime",
    "Parent",
    "Version",
    "Caption",
    "Description",
    "IsSaved",
    "IsAutomaticSnapshot",
}
# Msvm_VirtualSystemSettingData docs, Set-VM and Set-VMFirmware docs: only while the VM is off.
NEED_OFF = {
    "VirtualNumaEnabled",
    "GuestControlledCacheTypes",
    "SecureBootEnabled",
    "SecureBootTemplateId",
    "BootOrder",
    "BootSourceOrder",
    "NetworkBootPreferredProtocol",
    "PauseAfterBootFailure",
    "ConsoleMode",
    "LowMmioGapSize",
    "HighMmioGapSize",
    "BIOSNumLock",
    "BIOSGUID",
    "BIOSSerialNumber",
    "BaseBoardSerialNumber",
    "ChassisSerialNumber",
    "ChassisAssetTag",
    "GuestStateIsolationType",
    "GuestStateIsolationEnabled",
}
LIMITS = {
    "AutomaticStartupAction": (2, 4),
    "AutomaticShutdownAction": (2, 4),
    "AutomaticRecoveryAction": (2, 4),
    "AutomaticCriticalErrorAction": (0, 1),
    "UserSnapshotType": (2, 5),
    "ConsoleMode": (0, 3),
    "NetworkBootPreferredProtocol": (4096, 4097),
    "EnhancedSessionTransportType": (0, 1),
    "LowMmioGapSize": (128, 3584),  # MB; bytes get 32773 (captured)
    "HighMmioGapSize": (1, 1 << 24),
}
FOLDERS = {
    "ConfigurationDataRoot",
    "SnapshotDataRoot",
    "SuspendDataRoot",
    "SwapFileDataRoot",
    "LogDataRoot",
    "GuestStateDataRoot",
}
DATA_ROOT = r"C:\ProgramData\Microsoft\Windows\Hyper-V"


class System(Setting):
    CLASSES = (CLASS,)

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        values = {
            **defaults(vm.machine, spec["generation"]),
            "InstanceID": f"Microsoft:{vm.id}",
            "ElementName": spec["name"],
            "VirtualSystemIdentifier": vm.id,
            "ConfigurationID": vm.id,
            "ConfigurationFile": f"Virtual Machines\\{vm.id}.vmcx",
            "GuestStateFile": f"Virtual Machines\\{vm.id}.vmgs",
            "BIOSGUID": f"{{{vm.id}}}",
            "CreationTime": vm.created,
            "VirtualNumaEnabled": not spec["memory"]["DynamicMemoryEnabled"],
            **spec["system"],
        }
        vm.system = vm.machine.repository.add(CLASS, values, owner=vm.id)

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        for name in IGNORED & set(values):
            del values[name]
        if row is not vm.system and set(values) - {"ElementName", "Notes"}:
            raise Refused(INVALID_PARAMETER)  # a checkpoint can be renamed (captured); the rest: ASSUMPTIONS VM-07
        if vm.busy:
            raise vm.refusal("error_state", INVALID_STATE)
        for names, rule in RULES:
            if not names.isdisjoint(values):
                rule(vm, values)


def defaults(machine: Machine, generation: int) -> dict[str, Any]:
    """Values of a new VM (captured default values of a generation 2 VM on a Windows 11 host; docs for generation 1)."""
    client = machine.os["product_type"] == 1
    values: dict[str, Any] = {
        "VirtualSystemType": REALIZED,
        "VirtualSystemSubType": f"Microsoft:Hyper-V:SubType:{generation}",
        "Version": machine.os["configuration_versions"][-1],
        "Notes": [""],
        "AutomaticStartupAction": 3,
        "AutomaticStartupActionDelay": timedelta(),
        "AutomaticStartupActionSequenceNumber": 0,
        "AutomaticShutdownAction": 3,
        "AutomaticRecoveryAction": 3,
        "AutomaticCriticalErrorAction": 1,
        "AutomaticCriticalErrorActionTimeout": timedelta(minutes=30),
        "AutomaticSnapshotsEnabled": client,
        "UserSnapshotType": 3,
        "ConfigurationDataRoot": DATA_ROOT,
        "SnapshotDataRoot": DATA_ROOT,
        "SuspendDataRoot": DATA_ROOT,
        "SwapFileDataRoot": DATA_ROOT,
        "LogDataRoot": DATA_ROOT,
        "GuestStateDataRoot": DATA_ROOT,
        "SecureBootEnabled": generation == 2,
        "SecureBootTemplateId": SECURE_BOOT_TEMPLATES["MicrosoftWindows"] if generation == 2 else ZERO_GUID,
        "NetworkBootPreferredProtocol": 4096,
        "ConsoleMode": 0,
        "PauseAfterBootFailure": False,
        "LockOnDisconnect": False,
        "IncrementalBackupEnabled": False,
        "GuestControlledCacheTypes": False,
        "TurnOffOnGuestRestart": False,
        "EnhancedSessionTransportType": 0,
        "LowMmioGapSize": 128,
        "HighMmioGapSize": 512,
        "AllowFullSCSICommandSet": False,
        "AllowReducedFcRedundancy": False,
        "IsAutomaticSnapshot": False,
        "BIOSNumLock": False,
        "DebugPortEnabled": 0,
        "DebugPort": 0,
        "DebugChannelId": 0,
        "Architecture": "x64",
    }
    if generation == 1:
        values["BootOrder"] = [1, 2, 3, 0]
    known = machine.repository.cls(CLASS).properties
    return {name: value for name, value in values.items() if name in known}


def _needs_off(vm: Vm, values: dict[str, Any]) -> None:
    if vm.state != OFF:
        raise vm.refusal("error_state", INVALID_STATE)


def _in_limits(vm: Vm, values: dict[str, Any]) -> None:
    in_range(values, LIMITS)


def _name_length(vm: Vm, values: dict[str, Any]) -> None:
    if not 1 <= len(values["ElementName"]) <= 100:
        raise Refused(INVALID_PARAMETER)


def _first_note(vm: Vm, values: dict[str, Any]) -> None:
    """Of several elements the first is kept (captured)."""
    values["Notes"] = values["Notes"][:1] or [""]


def _whole_minutes(vm: Vm, values: dict[str, Any]) -> None:
    """Kept in whole minutes, rounded up (docs)."""
    minutes = -(-values["AutomaticCriticalErrorActionTimeout"] // timedelta(minutes=1))
    values["AutomaticCriticalErrorActionTimeout"] = timedelta(minutes=minutes)


def _static_memory(vm: Vm, values: dict[str, Any]) -> None:
    if values["VirtualNumaEnabled"] and vm.memory["DynamicMemoryEnabled"]:
        raise vm.refusal("error_memory_numa", INVALID_PARAMETER)


def _known_template(vm: Vm, values: dict[str, Any]) -> None:
    if values["SecureBootTemplateId"].upper() not in SECURE_BOOT_TEMPLATES.values():
        raise Refused(INVALID_PARAMETER)


def _generation_2(vm: Vm, values: dict[str, Any]) -> None:
    if values["SecureBootEnabled"] and vm.generation == 1:
        raise Refused(INVALID_PARAMETER)


def _not_locked(vm: Vm, values: dict[str, Any]) -> None:
    if security.locked(vm):
        raise vm.refusal("error_secure_boot_locked", FAILED, in_job=True)


def check_folders(vm: Vm, values: dict[str, Any]) -> None:
    """SnapshotDataRoot and SwapFileDataRoot can be written at any time; the host creates the folder (captured)."""
    try:
        for name in FOLDERS & set(values):
            vm.machine.files.make_folder(values[name])
    except FileError as error:
        raise Refused(INVALID_PARAMETER, vm.machine.system_text(error.hresult)) from error


# Checked in this order, each if one of its properties changes.
RULES: tuple[tuple[set[str], Callable[[Vm, dict[str, Any]], None]], ...] = (
    (NEED_OFF, _needs_off),
    (set(LIMITS), _in_limits),
    ({"ElementName"}, _name_length),
    ({"Notes"}, _first_note),
    ({"AutomaticCriticalErrorActionTimeout"}, _whole_minutes),
    ({"VirtualNumaEnabled"}, _static_memory),
    ({"SecureBootTemplateId"}, _known_template),
    ({"SecureBootEnabled"}, _generation_2),
    ({"SecureBootEnabled", "SecureBootTemplateId"}, _not_locked),
    ({"BootSourceOrder"}, boot.check_order),
    ({"BootOrder"}, boot.check_bios_order),
    (FOLDERS, check_folders),
)
