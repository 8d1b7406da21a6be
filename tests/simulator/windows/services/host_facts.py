"""What a machine is: hardware (root/cimv2), optional features, services, virtualization-based security."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2, read_yaml
from ...cim.values import Instance
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

CLASS = "Win32_Service"
DEVICE_GUARD = "root/Microsoft/Windows/DeviceGuard"
# Win32_OptionalFeature.InstallState docs.
STATES = {"enabled": 1, "disabled": 2, "absent": 3, "unknown": 4}
# Win32_DeviceGuard docs: VirtualizationBasedSecurityStatus; services: 1 Credential Guard, 2 memory integrity.
VBS = {"off": 0, "enabled": 1, "running": 2}
MEMORY_INTEGRITY = 2
HYPERVISOR, SECURE_BOOT, DMA_PROTECTION, NX, MODE_BASED = 1, 2, 3, 5, 7
# Win32_Service.StartService and StopService docs.
DONE, NOT_RUNNING, ALREADY_RUNNING = 0, 6, 10
# Services whose display names data/strings.yml has in every language.
TRANSLATED = ("vmms", "vmcompute")


class HostFacts(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        repository, kind = machine.repository, host_kind(machine)
        bios, new = kind["bios"], repository.add
        product_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{machine.name}/product")).upper()
        new(
            "Win32_BIOS",
            {
                "Name": bios["smbios"],
                "Caption": bios["smbios"],
                "Description": bios["smbios"],
                "SoftwareElementID": bios["smbios"],
                "SoftwareElementState": 3,
                "TargetOperatingSystem": 0,
                "Version": bios["version"],
                "Manufacturer": bios["manufacturer"],
                "SerialNumber": bios["serial"],
                "SMBIOSBIOSVersion": bios["smbios"],
                "SMBIOSPresent": True,
                "SMBIOSMajorVersion": 3,
                "SMBIOSMinorVersion": 1,
                "BIOSVersion": [bios["version"], bios["smbios"]],
                "ReleaseDate": datetime(2023, 11, 28, tzinfo=UTC),
                "PrimaryBIOS": True,
                "Status": "OK",
            },
            CIMV2,
        )
        new(
            "Win32_SystemEnclosure",
            {
                "Tag": "System Enclosure 0",
                "Manufacturer": kind["manufacturer"],
                "SerialNumber": bios["serial"],
                "SMBIOSAssetTag": kind["asset_tag"],
                "ChassisTypes": [kind["chassis"]],
            },
            CIMV2,
        )
        new(
            "Win32_ComputerSystemProduct",
            {
                "IdentifyingNumber": bios["serial"],
                "Name": kind["model"],
                "Vendor": kind["manufacturer"],
                "Version": "1.0",
                "UUID": product_id,
            },
            CIMV2,
        )
        new(
            "Win32_DeviceGuard",
            {
                "InstanceIdentifier": "4ff40742-2649-41b8-bdd1-e80fad1cce80",
                "Version": "1.0",
                "RequiredSecurityProperties": [HYPERVISOR] if vbs(machine) else [],
                "SecurityServicesConfigured": [MEMORY_INTEGRITY] if vbs(machine) else [0],
                "CodeIntegrityPolicyEnforcementStatus": 0,
                "UsermodeCodeIntegrityPolicyEnforcementStatus": 0,
            },
            DEVICE_GUARD,
        )
        live = repository.live
        live("Win32_DeviceGuard", "VirtualizationBasedSecurityStatus", lambda row: vbs(machine), DEVICE_GUARD)
        live("Win32_DeviceGuard", "SecurityServicesRunning", lambda row: _running(machine), DEVICE_GUARD)
        live("Win32_DeviceGuard", "AvailableSecurityProperties", lambda row: _available(machine), DEVICE_GUARD)
        repository.provide("Win32_OptionalFeature", lambda: _features(machine), CIMV2)
        repository.provide("Win32_Service", lambda: _services(machine), CIMV2)

    def start_service(self, call: Call) -> int:
        return _turn(call, True, ALREADY_RUNNING)

    def stop_service(self, call: Call) -> int:
        return _turn(call, False, NOT_RUNNING)


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


# --- optional features


def feature_states(machine: Machine) -> dict[str, str]:
    """State of every feature this Windows has. The model's `features` win, except over the role itself."""
    given = {name.lower(): state for name, state in (machine.spec.get("features") or {}).items()}
    states = {}
    for name, spec in _parts(machine, "features").items():
        state = "enabled" if spec.get("hyperv") and machine.hyperv else spec.get("default", "disabled")
        states[name] = given.get(name.lower(), state) if name != "Microsoft-Hyper-V" else state
    return states


def _features(machine: Machine) -> Iterator[Instance]:
    for name, state in feature_states(machine).items():
        values = {"Name": name, "Caption": name, "InstallState": STATES[state]}
        yield machine.repository.new("Win32_OptionalFeature", values, CIMV2)


def _parts(machine: Machine, which: str) -> dict[str, dict[str, Any]]:
    """What of data/windows_parts.yml this build and kind of Windows has."""
    ours = "client" if machine.os["product_type"] == 1 else "server"
    return {
        name: spec
        for name, spec in read_yaml("windows_parts.yml")[which].items()
        if spec.get("on", ours) == ours and machine.os["build"] >= spec.get("since", 0)
    }


# --- services


def _services(machine: Machine) -> Iterator[Instance]:
    for name, spec in _services_of(machine).items():
        yield machine.repository.new("Win32_Service", _service(machine, name, spec), CIMV2)


def _services_of(machine: Machine) -> dict[str, dict[str, Any]]:
    """Those of Windows, and what the model's `services` adds or changes: {name: Running | Stopped | {display, …}}."""
    known = {
        name: spec
        for name, spec in _parts(machine, "services").items()
        if (machine.hyperv or not spec.get("hyperv")) and (machine.inside or not spec.get("inside"))
    }
    for name, given in (machine.spec.get("services") or {}).items():
        change = {"state": given} if isinstance(given, str) else given
        same = next((one for one in known if one.lower() == name.lower()), name)
        known[same] = {**known.get(same, {}), **change}
    return known


def _service(machine: Machine, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    running = spec.get("state", "Running") == "Running"
    display = machine.text(f"service_{name.lower()}") if name in TRANSLATED else spec.get("display", name)
    return {
        "Name": name,
        "Caption": display,
        "DisplayName": display,
        "Description": display,
        "CreationClassName": "Win32_Service",
        "SystemCreationClassName": "Win32_ComputerSystem",
        "SystemName": machine.name,
        "PathName": spec.get("path", rf"C:\Windows\system32\{name}.exe"),
        "ServiceType": "Share Process" if "svchost" in spec.get("path", "") else "Own Process",
        "StartMode": spec.get("start", "Auto"),
        "StartName": "LocalSystem",
        "State": "Running" if running else "Stopped",
        "Started": running,
        "Status": "OK",
        "ProcessId": 1000 + sum(map(ord, name)) * 4 if running else 0,
        "AcceptStop": running,
        "ErrorControl": "Normal",
        "ExitCode": 0 if running else 1077,
    }


def _turn(call: Call, on: bool, already: int) -> int:
    if call.row["Started"] is on:
        return already
    services = call.machine.spec.setdefault("services", {})
    before = services.get(call.row["Name"], {})
    spec = {"state": before} if isinstance(before, str) else before
    services[call.row["Name"]] = {**spec, "state": "Running" if on else "Stopped"}
    return DONE
