"""Win32 classes of the machine itself (root/cimv2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

from ...cim.repository import Association
from ...cim.schema import CIMV2
from ...machine.service import Service
from .host_facts import host_kind

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call


# Language identifiers and country codes (Win32_OperatingSystem.Locale, .OSLanguage, .CountryCode docs).
LANGUAGES = {"en-US": "0409", "ja-JP": "0411", "de-DE": "0407"}
COUNTRIES = {"en-US": "1", "ja-JP": "81", "de-DE": "49"}


def operating_system(machine: Machine) -> dict[str, Any]:
    os = machine.os
    return {
        "Name": rf"{os['caption']}|C:\Windows|\Device\Harddisk0\Partition3",
        "Caption": os["caption"],
        "Version": f"10.0.{os['build']}",
        "BuildNumber": str(os["build"]),
        "CSName": machine.name,
        "OperatingSystemSKU": os["sku"],
        "ProductType": os["product_type"],
        "OSArchitecture": machine.text("architecture_64"),
        "OSLanguage": int(LANGUAGES.get(machine.locale, "0409"), 16),
        "CountryCode": COUNTRIES.get(machine.locale, "1"),
        "Manufacturer": "Microsoft Corporation",
        "TotalVisibleMemorySize": machine.memory_total * 1024,
        "Locale": LANGUAGES.get(machine.locale, "0409"),
        "MUILanguages": [machine.locale],
        "SystemDirectory": r"C:\Windows\system32",
        "WindowsDirectory": r"C:\Windows",
        "InstallDate": machine.created,
        "Status": "OK",
    }


def computer_system(machine: Machine) -> dict[str, Any]:
    kind, domain = host_kind(machine), machine.spec["domain"]
    name = machine.software.computer_name
    return {
        "Name": name,
        "Caption": name,
        "DNSHostName": name,
        "HypervisorPresent": _hypervisor_present(machine),
        "Domain": domain or "WORKGROUP",
        "PartOfDomain": bool(domain),
        "Workgroup": None if domain else "WORKGROUP",
        "Manufacturer": kind["manufacturer"],
        "Model": kind["model"],
        "NumberOfProcessors": machine.cpu["sockets"],
        "NumberOfLogicalProcessors": machine.cpu["logical_processors"],
        "TotalPhysicalMemory": machine.memory_total * 1024 * 1024,
        "SystemType": "x64-based PC",
        "Status": "OK",
    }


def processor(machine: Machine, socket: int) -> dict[str, Any]:
    cpu = machine.cpu
    threads = cpu["logical_processors"] // cpu["sockets"]
    return {
        "DeviceID": f"CPU{socket}",
        "Name": cpu["name"],
        "Manufacturer": cpu["vendor"],
        "NumberOfCores": threads // cpu["threads"],
        "NumberOfEnabledCore": threads // cpu["threads"],
        "NumberOfLogicalProcessors": threads,
        "ThreadCount": threads,
        "MaxClockSpeed": 2600,
        "Architecture": 9,
        "Status": "OK",
    }


def _hypervisor_present(machine: Machine) -> bool:
    """True on a Hyper-V host and in every VM (Win32_ComputerSystem docs)."""
    return host_kind(machine)["virtual"] or bool(machine.inside) or machine.hypervisor_running


def _extensions_shown(machine: Machine) -> bool:
    """False while a hypervisor runs, whatever the processor has (Win32_Processor, seen on Hyper-V hosts)."""
    return machine.virtualization and not machine.hypervisor_running


LIVE: dict[tuple[str, str], Callable[[Machine], Any]] = {
    ("Win32_OperatingSystem", "LastBootUpTime"): lambda machine: machine.booted_at,
    ("Win32_OperatingSystem", "LocalDateTime"): lambda machine: machine.clock.now(),
    ("Win32_OperatingSystem", "FreePhysicalMemory"): lambda machine: max(0, machine.memory_free) * 1024,
    ("Win32_Processor", "VMMonitorModeExtensions"): _extensions_shown,
    ("Win32_Processor", "SecondLevelAddressTranslationExtensions"): _extensions_shown,
    ("Win32_Processor", "VirtualizationFirmwareEnabled"): _extensions_shown,
}


# winerror.h; Win32_ComputerSystem.Rename docs name 0 for success only, and "any other number" for an error.
ACCESS_DENIED, INVALID_COMPUTERNAME = 5, 1210
COMPUTER_NAME = re.compile(r"(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
LONGEST_NAME = 15


class Windows(Service):
    CLASSES = ("Win32_ComputerSystem",)

    def rename(self, call: Call) -> int:
        """Rename with the next start (docs); only the name itself is checked."""
        if call.user is not None and not call.user.administrator:
            return ACCESS_DENIED
        name = call["Name"] or ""
        if len(name) > LONGEST_NAME or not COMPUTER_NAME.fullmatch(name):
            return INVALID_COMPUTERNAME
        call.machine.software.rename(name)
        return 0

    def install(self, machine: Machine) -> None:
        add, live, rows = machine.repository.add, machine.repository.live, machine.repository.rows
        add("Win32_OperatingSystem", operating_system(machine), CIMV2)
        machine.repository.provide(
            "Win32_ComputerSystem",
            lambda: [machine.repository.new("Win32_ComputerSystem", computer_system(machine), CIMV2)],
            CIMV2,
        )
        for socket in range(machine.cpu["sockets"]):
            add("Win32_Processor", processor(machine, socket), CIMV2)
        for (cls, prop), value in LIVE.items():
            live(cls, prop, lambda _row, value=value: value(machine), CIMV2)
        machine.repository.associate(
            Association(
                "Win32_ComputerSystemProcessor",
                ("GroupComponent", "PartComponent"),
                lambda: product(rows("Win32_ComputerSystem", CIMV2), rows("Win32_Processor", CIMV2)),
                namespace=CIMV2,
            )
        )
