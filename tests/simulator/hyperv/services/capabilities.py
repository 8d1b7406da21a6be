r"""Templates of new devices: Microsoft:Definition\<pool>\Default|Minimum|Maximum|Increment, and their associations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.repository import Association, Pair
from ...machine.service import Service
from ..settings.system import SECURE_BOOT_TEMPLATES, defaults

if TYPE_CHECKING:
    from ...machine.machine import Machine

CAPABILITIES = "Microsoft:VirtualSystemManagementCapabilities"

# Pool GUID, ResourceType, ResourceSubType, class, and the values that differ from the defaults of the class.
# GUIDs printed from a real host; values: "Default" as captured for new VMs, bounds by the docs of Set-VM… cmdlets.
POOLS = (
    (
        "B637F347-6A0E-4DEC-AF52-BD70CB80A21D",
        3,
        "Microsoft:Hyper-V:Processor",
        "Msvm_ProcessorSettingData",
        {
            "Default": {},
            "Minimum": {"VirtualQuantity": 1, "Limit": 0, "Reservation": 0, "Weight": 0},
            "Maximum": {"VirtualQuantity": 2048, "Limit": 100000, "Reservation": 100000, "Weight": 10000},
            "Increment": {"VirtualQuantity": 1, "Limit": 1, "Reservation": 1, "Weight": 1},
        },
    ),
    (
        "4764334E-E001-4176-82EE-5594EC9B530E",
        4,
        "Microsoft:Hyper-V:Memory",
        "Msvm_MemorySettingData",
        {
            "Default": {"DynamicMemoryEnabled": True},
            "Minimum": {"VirtualQuantity": 32, "Limit": 32, "Reservation": 32, "Weight": 0, "TargetMemoryBuffer": 5},
            "Maximum": {
                "VirtualQuantity": 1048576,
                "Limit": 1048576,
                "Reservation": 1048576,
                "Weight": 10000,
                "TargetMemoryBuffer": 2000,
            },
            "Increment": {"VirtualQuantity": 2, "Limit": 2, "Reservation": 2, "Weight": 1, "TargetMemoryBuffer": 1},
        },
    ),
    (
        "6A45335D-4C3A-44B7-B61F-C9808BBDF8ED",
        10,
        "Microsoft:Hyper-V:Synthetic Ethernet Port",
        "Msvm_SyntheticEthernetPortSettingData",
        {"Default": {}, "Minimum": {}, "Maximum": {}, "Increment": {}},
    ),
    (
        "72027ECE-E44A-446E-AF2B-8D8C4B8A2279",
        33,
        "Microsoft:Hyper-V:Ethernet Connection",
        "Msvm_EthernetPortAllocationSettingData",
        {"Default": {"EnabledState": 2}, "Minimum": {}, "Maximum": {}, "Increment": {}},
    ),
)
# Msvm_SettingsDefineCapabilities: ValueRange, ValueRole (docs; the Default row printed from a real host).
SUPPORTED = {"PropertyPolicy": 0, "SupportStatement": 0}
RANGES = {"Default": (0, 0), "Minimum": (1, 3), "Maximum": (2, 3), "Increment": (3, 3)}


class Capabilities(Service):
    def install(self, machine: Machine) -> None:
        repository = machine.repository
        for pool, resource_type, sub_type, cls, rows in POOLS:
            repository.add(
                "Msvm_AllocationCapabilities",
                {"InstanceID": f"Microsoft:{pool}", "ResourceType": resource_type, "ResourceSubType": sub_type},
            )
            for name, values in rows.items():
                repository.add(cls, {"InstanceID": f"Microsoft:Definition\\{pool}\\{name}", **values})
        repository.add("Msvm_VirtualSystemManagementCapabilities", {"InstanceID": CAPABILITIES})
        _system_templates(machine)
        repository.associate(
            Association("Msvm_SettingsDefineCapabilities", ("GroupComponent", "PartComponent"), lambda: _pairs(machine))
        )


def _system_templates(machine: Machine) -> None:
    """Default, one per supported configuration version, one per secure boot template (form of the IDs: HV-13)."""
    add, cls = machine.repository.add, "Msvm_VirtualSystemSettingData"
    base = {key: value for key, value in defaults(machine, 2).items() if key not in ("VirtualSystemType", "Version")}
    newest = machine.os["configuration_versions"][-1]
    add(cls, {**base, "InstanceID": r"Microsoft:Definition\VirtualSystem\Default", "Version": newest})
    for version in machine.os["configuration_versions"]:
        add(cls, {"InstanceID": rf"Microsoft:Definition\VirtualSystem\Version\{version}", "Version": version})
    for name, guid in SECURE_BOOT_TEMPLATES.items():
        add(
            cls,
            {
                "InstanceID": rf"Microsoft:Definition\VirtualSystem\SecureBootTemplate\{guid}",
                "ElementName": name,
                "SecureBootTemplateId": guid,
            },
        )


def _pairs(machine: Machine) -> Iterator[Pair]:
    repository = machine.repository
    for pool, _rest, _rest, cls, rows in POOLS:
        group = repository.row("Msvm_AllocationCapabilities", InstanceID=f"Microsoft:{pool}")
        for name in rows:
            value_range, role = RANGES[name]
            part = repository.row(cls, InstanceID=f"Microsoft:Definition\\{pool}\\{name}")
            yield group, part, {**SUPPORTED, "ValueRange": value_range, "ValueRole": role}
    group = repository.row("Msvm_VirtualSystemManagementCapabilities", InstanceID=CAPABILITIES)
    for part in repository.rows("Msvm_VirtualSystemSettingData", deep=False):
        if part["InstanceID"].startswith(r"Microsoft:Definition"):
            default = part["InstanceID"].endswith("Default")
            yield group, part, {**SUPPORTED, "ValueRange": 0, "ValueRole": 0 if default else 3}
