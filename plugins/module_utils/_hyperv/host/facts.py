# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a Hyper-V host: each CIM class is read once, with projected columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..._task.errors import Refused
from ..._task.mac import format_mac
from ..._task.session import Target
from ..._windows import software
from ..._windows.schema import OPERATING_SYSTEM
from ..._wsman import cim
from ..._wsman.cim import CimClass, Instance
from ..._wsman.faults import Fault, FilterRefused, InvalidClass
from ..explain import has_no_provider
from ..network import host_network, nat, switch
from ..schema import (
    COMPUTER,
    CPU,
    DEVICE_GUARD,
    ENCLOSURE,
    EXTERNAL_PORT,
    HOST_SETTINGS,
    INTERNAL_PORT,
    NET_ADAPTER,
    OPTIONAL_FEATURE,
    VM_CAPABILITIES,
    VM_SETTINGS,
)
from . import availability, boot, capacity, rights, settings

GROUPS = ("system", "security", "hyperv", "network", "features", "nesting")
MORE_GROUPS = ("availability", "boot", "rights", "volumes", "software")  # returned only on request

# Windows features that have to do with virtualization; their names are the same in every language.
FEATURES = (
    "Containers",
    "Containers-DisposableClientVM",
    "HypervisorPlatform",
    "Microsoft-Hyper-V",
    "Microsoft-Hyper-V-Hypervisor",
    "Microsoft-Hyper-V-Services",
    "Microsoft-Windows-Subsystem-Linux",
    "VirtualMachinePlatform",
)
# Win32_OptionalFeature.InstallState
FEATURE_STATES = {1: "enabled", 2: "disabled", 3: "absent"}
# Win32_OperatingSystem.ProductType
PRODUCT_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}
# Win32_DeviceGuard.VirtualizationBasedSecurityStatus, and the services that run on it (Device Guard docs).
VBS_STATES = {0: "off", 1: "enabled", 2: "running"}
VBS_SERVICES = {1: "credential_guard", 2: "memory_integrity", 3: "secure_launch", 4: "smm_measurement"}
DMA_PROTECTION = 3  # of AvailableSecurityProperties
_KB = 1 << 10


def fetch(host: Target, groups: Iterable[str]) -> dict[str, Any]:
    """Facts about the host, in these groups of GROUPS and MORE_GROUPS."""
    groups = set(groups)
    return {name: read(host) for group, name, read in _READERS if group in groups}


def _one(host: Target, cls: CimClass) -> Instance:
    """The only instance of a class. Raises Refused if the host does not show it, as to a user without rights."""
    rows = host.client.query(cls, columns=tuple(cls.properties))
    if not rows:
        raise Refused(
            f"the user may not read {cls.name}; it must be an administrator of the host, or in its group "
            "'Hyper-V Administrators'"
        )
    return rows[0]


def fetch_system(host: Target) -> dict[str, Any]:
    """Windows, processor, memory and machine of the host; three requests."""
    computer, windows = _one(host, COMPUTER), _one(host, OPERATING_SYSTEM)
    processors = host.client.query(CPU, columns=tuple(CPU.properties))
    hypervisor = bool(computer["HypervisorPresent"])
    return {
        "name": computer["DNSHostName"] or computer["Name"],
        "domain": computer["Domain"] if computer["PartOfDomain"] else None,
        "os": {
            "name": windows["Caption"],
            "version": windows["Version"],
            "build": cim.convert("uint32", windows["BuildNumber"] or "", "BuildNumber"),
            "type": PRODUCT_TYPES.get(windows["ProductType"] or 0),
            "sku": windows["OperatingSystemSKU"],
            "booted": windows["LastBootUpTime"].isoformat() if windows["LastBootUpTime"] else None,
        },
        "processor": {
            "vendor": processors[0]["Manufacturer"],
            "model": (processors[0]["Name"] or "").strip(),
            "sockets": len(processors),
            "cores": sum(row["NumberOfCores"] or 0 for row in processors),
            "logical_processors": sum(row["NumberOfLogicalProcessors"] or 0 for row in processors),
            "virtualization": _virtualization(processors, hypervisor),
        },
        "memory": {
            "total": (windows["TotalVisibleMemorySize"] or 0) * _KB,
            "free": (windows["FreePhysicalMemory"] or 0) * _KB,
        },
        "hypervisor_present": hypervisor,
        "machine": {"manufacturer": computer["Manufacturer"], "model": computer["Model"]},
    }


def _virtualization(processors: list[Instance], hypervisor: bool) -> dict[str, Any]:
    """Virtualization capabilities of the processor; not reported while a hypervisor is running."""
    flags = {
        "monitor_mode": "VMMonitorModeExtensions",
        "second_level_address_translation": "SecondLevelAddressTranslationExtensions",
        "enabled_in_firmware": "VirtualizationFirmwareEnabled",
    }
    known = {name: None if hypervisor else all(row[flag] for row in processors) for name, flag in flags.items()}
    return {"trusted": not hypervisor, **known}


def query_asset_tags(host: Target) -> list[str]:
    """The asset tags of the host's chassis."""
    rows = host.client.query(ENCLOSURE, columns=("Tag", "SMBIOSAssetTag"))
    return [row["SMBIOSAssetTag"] or "" for row in rows]


def fetch_settings(host: Target) -> Instance | None:
    """The settings of Hyper-V on the host, None if Hyper-V isn't installed or doesn't run; one request in a task."""
    return host.once("host settings", lambda: _absent(lambda: _one(host, HOST_SETTINGS)))


def _absent(read: Callable[[], Any]) -> Any:
    """The result of a read, or None if this Windows doesn't have the class or its namespace, or its provider is off."""
    try:
        return read()
    except (InvalidClass, FilterRefused):
        return None
    except Fault as fault:
        if has_no_provider(fault):
            return None
        raise


def _fetch_security(host: Target) -> dict[str, Any] | None:
    """Virtualization-based security, which Windows itself runs on the hypervisor."""
    rows = _absent(lambda: host.client.query(DEVICE_GUARD, columns=tuple(DEVICE_GUARD.properties)))
    if not rows:
        return None
    running = rows[0]["SecurityServicesRunning"]
    return {
        "virtualization_based_security": VBS_STATES.get(rows[0]["VirtualizationBasedSecurityStatus"] or 0),
        "services_running": [VBS_SERVICES.get(number, str(number)) for number in running if number],
        "dma_protection_available": DMA_PROTECTION in rows[0]["AvailableSecurityProperties"],
    }


def _fetch_hyperv(host: Target) -> dict[str, Any] | None:
    row = fetch_settings(host)
    if row is None:
        return None
    return {**settings.describe(row), "vm_versions": fetch_vm_versions(host)}


def _query_templates(host: Target) -> list[Instance]:
    """The templates of VMs behind the host's capabilities: the default, and one for each supported version."""
    capabilities = VM_CAPABILITIES.reference({"InstanceID": "Microsoft:VirtualSystemManagementCapabilities"})
    association = "Msvm_SettingsDefineCapabilities"
    rows = host.once(
        "VM templates", lambda: host.client.associators(capabilities, VM_SETTINGS, assoc_class=association)
    )
    return [row for row in rows if row["Version"]]


def fetch_vm_versions(host: Target) -> list[str]:
    """The VM configuration versions that the host supports (Get-VMHostSupportedVersion)."""
    return sorted({row["Version"] for row in _query_templates(host)}, key=by_number)


def fetch_latest_vm_version(host: Target) -> str | None:
    """The version of new VMs, to which the host upgrades others (Get-VMHostSupportedVersion -Default), if it says."""
    defaults = [row["Version"] for row in _query_templates(host) if row["InstanceID"].endswith("\\Default")]
    versions = defaults or fetch_vm_versions(host)
    return versions[-1] if versions else None


def by_number(version: str) -> tuple[int, ...]:
    """``9.3`` -> (9, 3): configuration versions compare by number, not as text."""
    return tuple(cim.convert("uint16", part, "Version") for part in version.split(".")) if version else ()


def _fetch_network(host: Target) -> dict[str, Any]:
    adapters = host.client.query(NET_ADAPTER, columns=tuple(NET_ADAPTER.properties))
    addresses = host_network.query_addresses(host)
    by_index: dict[int, list[str]] = {}
    for row in addresses:
        texts = by_index.setdefault(row["InterfaceIndex"], [])
        if (text := f"{row['IPAddress']}/{row['PrefixLength']}") not in texts:
            texts.append(text)
    nats = nat.query_nats(host)
    mappings = nat.query_mappings(host) if nats else []
    return {
        "switches": _absent(lambda: _fetch_switches(host, adapters, by_index)) or [],
        "nats": [nat.describe(row, mappings) for row in nats or []],
        "adapters": [_adapter(row, by_index) for row in adapters if row["HardwareInterface"]],
    }


def _adapter(row: Instance, addresses: dict[int, list[str]]) -> dict[str, Any]:
    return {
        "name": row["Name"],
        "description": row["InterfaceDescription"],
        "mac_address": format_mac(row["PermanentAddress"]),
        "connected": row["MediaConnectState"] == 1,
        "speed": row["Speed"],
        "addresses": addresses.get(row["InterfaceIndex"], []),
    }


def _fetch_switches(host: Target, adapters: list[Instance], addresses: dict[int, list[str]]) -> list[dict[str, Any]]:
    vswitches = switch.fetch_all(host)
    ports = host.client.query(INTERNAL_PORT, columns=tuple(INTERNAL_PORT.properties))
    external = switch.name_ports(host.client.query(EXTERNAL_PORT, columns=tuple(EXTERNAL_PORT.properties)), adapters)
    result = []
    for vswitch in vswitches:
        own = host_network.match_adapter(vswitch, ports, adapters)
        host_adapter = None
        if own:
            host_adapter = {
                "name": own["Name"],
                "mac_address": format_mac(own["PermanentAddress"]),
                "addresses": addresses.get(own["InterfaceIndex"], []),
            }
        result.append({"id": vswitch.id, **switch.describe(vswitch, external), "host_adapter": host_adapter})
    return result


def _fetch_features(host: Target) -> dict[str, str | None]:
    """States of the features by name, None for features that this Windows doesn't know."""
    where = " OR ".join(f"Name = {cim.quote(name)}" for name in FEATURES)
    rows = host.client.query(OPTIONAL_FEATURE, columns=("Name", "InstallState"), where=where)
    states = {row["Name"].lower(): FEATURE_STATES.get(row["InstallState"] or 0, "unknown") for row in rows}
    return {name: states.get(name.lower()) for name in FEATURES}


def _fetch_volumes(host: Target) -> list[dict[str, Any]] | None:
    """The volumes by drive or folder, with sizes in bytes, None if the user may not see them."""
    rows = capacity.query_volumes(host)
    volumes = [
        {"name": row["DriveLetter"] or row["Name"], "free": row["FreeSpace"], "size": row["Capacity"]}
        for row in rows
        if row["Capacity"] is not None  # an empty drive for removable media
    ]
    return sorted(volumes, key=lambda volume: volume["name"]) or None


# The groups with the facts in them and their readers; the facts of the groups system and nesting need the policy.
_READERS: tuple[tuple[str, str, Callable[[Target], Any]], ...] = (
    ("hyperv", "hyperv", _fetch_hyperv),
    ("security", "security", _fetch_security),
    ("network", "network", _fetch_network),
    ("features", "features", _fetch_features),
    ("availability", "cluster", availability.fetch_cluster),
    ("availability", "live_migration", availability.fetch_live_migration),
    ("boot", "boot", boot.fetch_boot),
    ("boot", "service", boot.fetch_service),
    ("rights", "rights", rights.fetch),
    ("volumes", "volumes", _fetch_volumes),
    ("software", "software", software.fetch),
)

# The group of each fact.
GROUP_OF = {
    **dict.fromkeys(("os", "processor", "memory", "hypervisor_present", "machine", "level"), "system"),
    **{name: group for group, name, _read in _READERS},
}
