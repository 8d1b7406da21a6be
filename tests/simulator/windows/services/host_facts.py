"""What a machine is: hardware (root/cimv2) and virtualization-based security."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2, read_yaml
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine

DEVICE_GUARD = "root/Microsoft/Windows/DeviceGuard"
# Win32_DeviceGuard docs: VirtualizationBasedSecurityStatus; services: 1 Credential Guard, 2 memory integrity.
VBS = {"off": 0, "enabled": 1, "running": 2}
MEMORY_INTEGRITY = 2
HYPERVISOR, SECURE_BOOT, DMA_PROTECTION, NX, MODE_BASED = 1, 2, 3, 5, 7


def bios(machine: Machine) -> dict[str, Any]:
    values = host_kind(machine)["bios"]
    return {
        "Name": values["smbios"],
        "Caption": values["smbios"],
        "Description": values["smbios"],
        "SoftwareElementID": values["smbios"],
        "SoftwareElementState": 3,
        "TargetOperatingSystem": 0,
        "Version": values["version"],
        "Manufacturer": values["manufacturer"],
        "SerialNumber": values["serial"],
        "SMBIOSBIOSVersion": values["smbios"],
        "SMBIOSPresent": True,
        "SMBIOSMajorVersion": 3,
        "SMBIOSMinorVersion": 1,
        "BIOSVersion": [values["version"], values["smbios"]],
        "ReleaseDate": datetime(2023, 11, 28, tzinfo=timezone.utc),
        "PrimaryBIOS": True,
        "Status": "OK",
    }


def enclosure(machine: Machine) -> dict[str, Any]:
    kind = host_kind(machine)
    return {
        "Tag": "System Enclosure 0",
        "Manufacturer": kind["manufacturer"],
        "SerialNumber": kind["bios"]["serial"],
        "SMBIOSAssetTag": kind["asset_tag"],
        "ChassisTypes": [kind["chassis"]],
    }


def product(machine: Machine) -> dict[str, Any]:
    kind = host_kind(machine)
    return {
        "IdentifyingNumber": kind["bios"]["serial"],
        "Name": kind["model"],
        "Vendor": kind["manufacturer"],
        "Version": "1.0",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{machine.name}/product")).upper(),
    }


def device_guard(machine: Machine) -> dict[str, Any]:
    return {
        "InstanceIdentifier": "4ff40742-2649-41b8-bdd1-e80fad1cce80",
        "Version": "1.0",
        "RequiredSecurityProperties": [HYPERVISOR] if vbs(machine) else [],
        "SecurityServicesConfigured": [MEMORY_INTEGRITY] if vbs(machine) else [0],
        "CodeIntegrityPolicyEnforcementStatus": 0,
        "UsermodeCodeIntegrityPolicyEnforcementStatus": 0,
    }


ROWS: dict[tuple[str, str], Callable[[Machine], dict[str, Any]]] = {
    ("Win32_BIOS", CIMV2): bios,
    ("Win32_SystemEnclosure", CIMV2): enclosure,
    ("Win32_ComputerSystemProduct", CIMV2): product,
    ("Win32_DeviceGuard", DEVICE_GUARD): device_guard,
}


class HostFacts(Service):
    def install(self, machine: Machine) -> None:
        for (cls, namespace), row in ROWS.items():
            machine.repository.add(cls, row(machine), namespace)
        for prop, value in (
            ("VirtualizationBasedSecurityStatus", vbs),
            ("SecurityServicesRunning", _running),
            ("AvailableSecurityProperties", _available),
        ):
            machine.repository.live("Win32_DeviceGuard", prop, lambda _row, value=value: value(machine), DEVICE_GUARD)


def host_kind(machine: Machine) -> dict[str, Any]:
    """The row of data/host_kinds.yml, with what the model says of its own."""
    kind = dict(read_yaml("host_kinds.yml")[machine.spec.get("kind") or "physical"])
    for name in ("manufacturer", "model", "asset_tag"):
        if machine.spec.get(name):
            kind[name] = machine.spec[name]
    return kind


# --- virtualization-based security


def vbs(machine: Machine) -> int:
    """VirtualizationBasedSecurityStatus as the model says."""
    return VBS[machine.spec.get("vbs") or "off"]


def _running(machine: Machine) -> list[int]:
    return [MEMORY_INTEGRITY] if vbs(machine) == VBS["running"] else [0]


def _available(machine: Machine) -> list[int]:
    """A VM has no DMA protection unless it has an IOMMU of its own (Win32_DeviceGuard docs)."""
    if not machine.virtualization and not machine.hypervisor_running:
        return [SECURE_BOOT]
    outside = not host_kind(machine)["virtual"]
    return [HYPERVISOR, SECURE_BOOT, *([DMA_PROTECTION] if outside else []), NX, MODE_BASED]
