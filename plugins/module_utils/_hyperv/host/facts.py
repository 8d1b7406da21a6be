# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_info tells of a host: each CIM class read once, with projected columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..._policy import nesting as policy
from ..._policy import platform
from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import CimClass, Instance, Reference
from ..._wsman.faults import FilterRefused, InvalidClass
from ..network import host_network, nat, switch
from ..network.ethernet import format_mac
from ..schema import (
    COMPUTER,
    CPU,
    DEVICE_GUARD,
    ENCLOSURE,
    EXTERNAL_PORT,
    HOST_SETTINGS,
    INTERNAL_PORT,
    NET_ADAPTER,
    OPERATING_SYSTEM,
    OPTIONAL_FEATURE,
    V2,
    VM_CAPABILITIES,
    VM_SETTINGS,
)

GROUPS = ("system", "security", "hyperv", "network", "features", "nesting")

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


def describe(host: Host, groups: Iterable[str] = GROUPS) -> dict[str, Any]:
    """What is known of the host, in the groups that were asked for."""
    groups = set(groups)
    facts: dict[str, Any] = {}
    settings = _absent(lambda: _one(host, HOST_SETTINGS)) if groups & {"hyperv", "nesting"} else None
    if groups & {"system", "nesting"}:
        computer, windows = _one(host, COMPUTER), _one(host, OPERATING_SYSTEM)
        processors = host.client.query(CPU, columns=tuple(CPU.properties))
        virtual = _platform(host, computer)
        if "system" in groups:
            facts |= _system(computer, windows, processors, virtual)
        if "nesting" in groups:
            facts["nesting"] = _nesting(computer, windows, processors, virtual, settings is not None)
    if "hyperv" in groups:
        facts["hyperv"] = _hyperv(host, settings) if settings else None
    readers: tuple[tuple[str, Callable[[Host], Any]], ...] = (
        ("security", _security),
        ("network", _network),
        ("features", _features),
    )
    return facts | {name: read(host) for name, read in readers if name in groups}


def _one(host: Host, cls: CimClass) -> Instance:
    """The only instance of a class."""
    return host.client.query(cls, columns=tuple(cls.properties))[0]


def _platform(host: Host, computer: Instance) -> str | None:
    """What the host is a VM of, None for a physical machine. Azure is told by the chassis, if it may be that."""
    found = platform.recognise(computer["Manufacturer"] or "", computer["Model"] or "")
    if found != platform.HYPER_V:
        return found
    rows = host.client.query(ENCLOSURE, columns=("Tag", "SMBIOSAssetTag"))
    return platform.AZURE if any(row["SMBIOSAssetTag"] == platform.AZURE_ASSET_TAG for row in rows) else found


def _system(computer: Instance, windows: Instance, processors: list[Instance], virtual: str | None) -> dict[str, Any]:
    hypervisor = bool(computer["HypervisorPresent"])
    return {
        "name": computer["DNSHostName"] or computer["Name"],
        "domain": computer["Domain"] if computer["PartOfDomain"] else None,
        "os": {
            "name": windows["Caption"],
            "version": windows["Version"],
            "build": int(windows["BuildNumber"]),
            "type": PRODUCT_TYPES.get(windows["ProductType"] or 0),
            "sku": windows["OperatingSystemSKU"],
            "edition": platform.EDITIONS.get(windows["OperatingSystemSKU"] or 0),
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
        "machine": {
            "manufacturer": computer["Manufacturer"],
            "model": computer["Model"],
            "virtual": virtual is not None,
            "platform": virtual,
        },
    }


def _virtualization(processors: list[Instance], hypervisor: bool) -> dict[str, Any]:
    """What the processor can, which Windows sees only while no hypervisor keeps it for itself."""
    flags = {
        "monitor_mode": "VMMonitorModeExtensions",
        "second_level_address_translation": "SecondLevelAddressTranslationExtensions",
        "enabled_in_firmware": "VirtualizationFirmwareEnabled",
    }
    known = {name: None if hypervisor else all(row[flag] for row in processors) for name, flag in flags.items()}
    return {"trusted": not hypervisor, **known}


def _nesting(
    computer: Instance, windows: Instance, processors: list[Instance], virtual: str | None, hyperv: bool
) -> dict[str, Any]:
    hypervisor = bool(computer["HypervisorPresent"])
    flags = _virtualization(processors, hypervisor)
    found = policy.host_reasons(
        policy.HostFacts(
            vendor=processors[0]["Manufacturer"] or "",
            build=int(windows["BuildNumber"]),
            sku=windows["OperatingSystemSKU"] or 0,
            hyperv=hyperv,
            hypervisor=hypervisor,
            extensions=None if not flags["trusted"] else all(flags[name] for name in flags if name != "trusted"),
            platform=virtual,
        )
    )
    need = policy.NEEDS.get(processors[0]["Manufacturer"] or "")
    return {
        "supported": not any(one.rule.severity == "fail" for one in found),
        "minimum_vm_version": ".".join(map(str, need.version)) if need else None,
        "reasons": [
            {
                **one.rule.details(),
                "severity": one.rule.severity,
                "text": one.rule.text,
                "found": one.found,
            }
            for one in found
        ],
    }


def _absent(read: Callable[[], Any]) -> Any:
    """What a read gives, or None where this Windows doesn't have the class or its namespace."""
    try:
        return read()
    except (InvalidClass, FilterRefused):
        return None


def _security(host: Host) -> dict[str, Any] | None:
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


def _hyperv(host: Host, row: Instance) -> dict[str, Any]:
    return {
        "vm_path": row["DefaultExternalDataRoot"],
        "disk_path": row["DefaultVirtualHardDiskPath"],
        "mac_range": [format_mac(row["MinimumMacAddress"]), format_mac(row["MaximumMacAddress"])],
        "numa_spanning": row["NumaSpanningEnabled"],
        "enhanced_session_mode": row["EnhancedSessionModeEnabled"],
        "vm_versions": _vm_versions(host),
    }


def _vm_versions(host: Host) -> list[str]:
    """The VM configuration versions that the host supports, which are templates behind its capabilities."""
    capabilities = Reference(V2, VM_CAPABILITIES.name, {"InstanceID": "Microsoft:VirtualSystemManagementCapabilities"})
    rows = host.client.associators(capabilities, VM_SETTINGS, assoc_class="Msvm_SettingsDefineCapabilities")
    return sorted({row["Version"] for row in rows if row["Version"]}, key=policy.version_tuple)


def _network(host: Host) -> dict[str, Any]:
    adapters = host.client.query(NET_ADAPTER, columns=tuple(NET_ADAPTER.properties))
    addresses = host_network.read_addresses(host)
    by_index: dict[int, list[str]] = {}
    for row in addresses:
        texts = by_index.setdefault(row["InterfaceIndex"], [])
        if (text := f"{row['IPAddress']}/{row['PrefixLength']}") not in texts:
            texts.append(text)
    nats = nat.read_nats(host)
    mappings = nat.read_mappings(host) if nats else []
    return {
        "switches": _absent(lambda: _switches(host, adapters, by_index)) or [],
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


def _switches(host: Host, adapters: list[Instance], addresses: dict[int, list[str]]) -> list[dict[str, Any]]:
    found = switch.read(host)
    ports = host.client.query(INTERNAL_PORT, columns=tuple(INTERNAL_PORT.properties))
    external = switch.name_ports(host.client.query(EXTERNAL_PORT, columns=tuple(EXTERNAL_PORT.properties)), adapters)
    result = []
    for one in found:
        own = host_network.match_adapter(one, ports, adapters)
        shown = None
        if own:
            shown = {
                "name": own["Name"],
                "mac_address": format_mac(own["PermanentAddress"]),
                "addresses": addresses.get(own["InterfaceIndex"], []),
            }
        result.append({"id": one.id, **switch.describe(one, external), "host_adapter": shown})
    return result


def _features(host: Host) -> dict[str, str | None]:
    """States of the features by name, None for those that this Windows doesn't know."""
    where = " OR ".join(f"Name = {cim.quote(name)}" for name in FEATURES)
    rows = host.client.query(OPTIONAL_FEATURE, columns=("Name", "InstallState"), where=where)
    states = {row["Name"].lower(): FEATURE_STATES.get(row["InstallState"] or 0, "unknown") for row in rows}
    return {name: states.get(name.lower()) for name in FEATURES}
