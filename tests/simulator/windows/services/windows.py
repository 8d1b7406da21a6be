"""Win32 classes of the machine itself (root/cimv2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...cim.schema import CIMV2
from ...cim.values import Instance
from ...machine.service import Service
from .host_facts import host_kind

if TYPE_CHECKING:
    from ...machine.machine import Machine


# Language identifiers and country codes (Win32_OperatingSystem.Locale, .OSLanguage, .CountryCode docs).
LANGUAGES = {"en-US": "0409", "ja-JP": "0411", "de-DE": "0407"}
COUNTRIES = {"en-US": "1", "ja-JP": "81", "de-DE": "49"}


class Windows(Service):
    def install(self, machine: Machine) -> None:
        add, live, os, cpu = machine.repository.add, machine.repository.live, machine.os, machine.cpu
        total, kind = machine.memory_total * 1024, host_kind(machine)
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
                "OSArchitecture": machine.text("architecture_64"),
                "OSLanguage": int(LANGUAGES.get(machine.locale, "0409"), 16),
                "CountryCode": COUNTRIES.get(machine.locale, "1"),
                "Manufacturer": "Microsoft Corporation",
                "TotalVisibleMemorySize": total,
                "Locale": LANGUAGES.get(machine.locale, "0409"),
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
                "Manufacturer": kind["manufacturer"],
                "Model": kind["model"],
                "NumberOfProcessors": cpu["sockets"],
                "NumberOfLogicalProcessors": cpu["logical_processors"],
                "TotalPhysicalMemory": total * 1024,
                "SystemType": "x64-based PC",
                "Status": "OK",
            },
            CIMV2,
        )

        # True on a Hyper-V host and in every VM (Win32_ComputerSystem docs).
        def hypervisor_present(row: Instance) -> bool:
            return kind["virtual"] or bool(machine.inside) or machine.hypervisor_running

        live("Win32_ComputerSystem", "HypervisorPresent", hypervisor_present, CIMV2)
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
        for prop in (
            "VMMonitorModeExtensions",
            "SecondLevelAddressTranslationExtensions",
            "VirtualizationFirmwareEnabled",
        ):
            live("Win32_Processor", prop, lambda _: machine.virtualization and not machine.hypervisor_running, CIMV2)
