# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine Windows runs on: virtualization platforms by the names in their firmware, editions by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

HYPER_V, AZURE = "hyper-v", "azure"
# Chassis asset tag of every VM in Azure.
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"

# Beginnings of Win32_ComputerSystem.Manufacturer and Model, in lower case; the first that fits counts.
# HypervisorPresent doesn't help here, because it is true on every host that runs Hyper-V itself.
_PLATFORMS = (
    ("microsoft corporation", "virtual machine", HYPER_V),
    ("vmware", "", "vmware"),
    ("innotek gmbh", "", "virtualbox"),
    ("oracle", "virtualbox", "virtualbox"),
    ("xen", "", "xen"),
    ("amazon ec2", "", "aws"),
    ("google", "google compute engine", "gcp"),
    ("nutanix", "ahv", "ahv"),
    ("parallels", "", "parallels"),
    ("qemu", "", "kvm"),
    ("red hat", "kvm", "kvm"),
    ("red hat", "openstack", "kvm"),
    ("openstack foundation", "", "kvm"),
    ("", "standard pc", "kvm"),
    ("", "kvm", "kvm"),
)

# Win32_OperatingSystem.OperatingSystemSKU, of the editions that matter here.
EDITIONS = {
    4: "Enterprise",
    7: "Standard Server",
    8: "Datacenter Server",
    12: "Datacenter Server Core",
    13: "Standard Server Core",
    27: "Enterprise N",
    42: "Hyper-V Server",
    48: "Professional",
    49: "Professional N",
    72: "Enterprise Evaluation",
    79: "Standard Server Evaluation",
    80: "Datacenter Server Evaluation",
    98: "Home N",
    99: "Home China",
    100: "Home Single Language",
    101: "Home",
    121: "Education",
    122: "Education N",
    125: "Enterprise LTSC",
    145: "Datacenter Server Core",
    146: "Standard Server Core",
    161: "Professional for Workstations",
    162: "Professional for Workstations N",
    175: "Enterprise multi-session",
    406: "Azure Stack HCI",
    407: "Datacenter Server: Azure Edition",
}
HOME_EDITIONS = frozenset({98, 99, 100, 101})


def recognise(manufacturer: str, model: str) -> str | None:
    """The platform that a machine is a VM of, or None for a physical one."""
    manufacturer, model = manufacturer.strip().lower(), model.strip().lower()
    if model.endswith(".metal"):  # Amazon's bare metal instances have the manufacturer of its VMs
        return None
    for maker, kind, platform in _PLATFORMS:
        if manufacturer.startswith(maker) and model.startswith(kind):
            return platform
    return None


def is_azure(asset_tags: Iterable[str]) -> bool:
    """Whether a Hyper-V VM runs in Azure, from the asset tags of its chassis."""
    return AZURE_ASSET_TAG in asset_tags


def completed(system: Mapping[str, Any], query_asset_tags: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """The system's facts with the name of its edition, the platform that it is a VM of, and its level of nesting.

    The asset tags of the chassis are only requested of Hyper-V VMs, which may be in Azure.
    """
    machine = system["machine"]
    name = recognise(machine["manufacturer"] or "", machine["model"] or "")
    if name == HYPER_V and is_azure(query_asset_tags()):
        name = AZURE
    return {
        **system,
        "os": {**system["os"], "edition": EDITIONS.get(system["os"]["sku"] or 0)},
        "machine": {**machine, "virtual": name is not None, "platform": name},
        "level": 0 if name is None else 1,
    }
