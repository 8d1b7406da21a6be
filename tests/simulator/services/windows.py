"""Win32 classes of the machine itself (root/cimv2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import CIMV2

if TYPE_CHECKING:
    from ..machine import Machine


def install(machine: Machine) -> None:
    add, live, os, cpu = machine.repository.add, machine.repository.live, machine.os, machine.cpu
    total = machine.memory_total * 1024
    add(
        "Win32_OperatingSystem",
        {
            "Name": rf"{os['caption']}|C:\Windows|\Device\Harddisk0\Partition3",
            "Caption": os["caption"],
            "Version": f"10.0.{os['build']}",
            "BuildNumber": str(os["build"]),
            "CSName": machine.name,
            "OperatingSystemSKU": os["sku"],
            "ProductType": os["product_type"],
            "OSArchitecture": "64-bit",
            "TotalVisibleMemorySize": total,
            "Locale": {"ja-JP": "0411", "de-DE": "0407"}.get(machine.locale, "0409"),
            "MUILanguages": [machine.locale],
            "SystemDirectory": r"C:\Windows\system32",
            "WindowsDirectory": r"C:\Windows",
            "InstallDate": machine.created,
            "Status": "OK",
        },
        CIMV2,
    )
    live("Win32_OperatingSystem", "LastBootUpTime", lambda _: machine.booted_at, CIMV2)
    live("Win32_OperatingSystem", "LocalDateTime", lambda _: machine.clock.now(), CIMV2)
    live("Win32_OperatingSystem", "FreePhysicalMemory", lambda _: max(0, machine.memory_free) * 1024, CIMV2)
    add(
        "Win32_ComputerSystem",
        {
            "Name": machine.name,
            "Caption": machine.name,
            "DNSHostName": machine.name,
            "Domain": machine.spec["domain"] or "WORKGROUP",
            "PartOfDomain": bool(machine.spec["domain"]),
            "Workgroup": None if machine.spec["domain"] else "WORKGROUP",
            "Manufacturer": machine.spec["manufacturer"],
            "Model": machine.spec["model"],
            "NumberOfProcessors": cpu["sockets"],
            "NumberOfLogicalProcessors": cpu["logical_processors"],
            "TotalPhysicalMemory": total * 1024,
            "SystemType": "x64-based PC",
            "Status": "OK",
        },
        CIMV2,
    )
    # True on a Hyper-V host and in every VM (Win32_ComputerSystem docs).
    live(
        "Win32_ComputerSystem", "HypervisorPresent", lambda _: bool(machine.inside) or machine.hypervisor_running, CIMV2
    )
    for socket in range(cpu["sockets"]):
        add(
            "Win32_Processor",
            {
                "DeviceID": f"CPU{socket}",
                "Name": cpu["name"],
                "Manufacturer": cpu["vendor"],
                "NumberOfCores": cpu["logical_processors"] // cpu["sockets"] // cpu["threads"],
                "NumberOfEnabledCore": cpu["logical_processors"] // cpu["sockets"] // cpu["threads"],
                "NumberOfLogicalProcessors": cpu["logical_processors"] // cpu["sockets"],
                "ThreadCount": cpu["logical_processors"] // cpu["sockets"],
                "MaxClockSpeed": 2600,
                "Architecture": 9,
                "Status": "OK",
            },
            CIMV2,
        )
    # While a hypervisor runs, these read false whatever the processor can (Win32_Processor, seen on Hyper-V hosts).
    for prop in ("VMMonitorModeExtensions", "SecondLevelAddressTranslationExtensions", "VirtualizationFirmwareEnabled"):
        live("Win32_Processor", prop, lambda _: machine.virtualization and not machine.hypervisor_running, CIMV2)
