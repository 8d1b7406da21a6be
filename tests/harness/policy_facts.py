# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a host, a VM and a guest that violate no rule, and ways to change them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

GB = 1 << 30
ABSENT = object()  # a fact that isn't known

GOOD: Mapping[str, Any] = {
    "host": {
        "os": {"build": 20348, "type": "server", "sku": 8},
        "processor": {
            "vendor": "GenuineIntel",
            "virtualization": {
                "trusted": True,
                "monitor_mode": True,
                "second_level_address_translation": True,
                "enabled_in_firmware": True,
            },
        },
        "memory": {"total": 256 * GB, "free": 128 * GB},
        "hypervisor_present": True,
        "machine": {"manufacturer": "Dell Inc.", "model": "PowerEdge R750", "virtual": False, "platform": None},
        "level": 0,
        "hyperv": {"vm_versions": ["8.0", "9.0", "10.0"]},
        "security": {"virtualization_based_security": "off"},
        "service": {"state": "running", "start_mode": "auto"},
        "boot": {"hypervisor_launch": "auto", "nested_offered": True},
        "cluster": {"member": False, "name": None},
        "rights": {
            "administrator": True,
            "hyperv_administrator": False,
            "namespaces": {"root/virtualization/v2": {"read": True, "write": True, "methods": True}},
        },
        "volumes": [{"name": "C:", "free": 2 << 40, "size": 4 << 40}],
        "live_migration": {"enabled": False},
        "network": {
            "nats": [{"name": "lab", "prefix": "192.168.100.0/24"}],
            "adapters": [{"name": "Ethernet", "addresses": ["192.0.2.10/24", "fe80::1/64"]}],
        },
    },
    "vm": {
        "name": "lab01",
        "state": "off",
        "generation": 2,
        "version": "10.0",
        "nesting": {
            "virtualization_extensions": True,
            "adapters": [{"name": "LAN", "mac_spoofing": True}, {"name": "Storage", "mac_spoofing": True}],
        },
        "processor": {"count": 4},
        "memory": {"dynamic": False, "startup": 32 * GB},
        "network_adapters": [{"name": "LAN", "allow_teaming": True}, {"name": "Storage", "allow_teaming": True}],
        "disks": [{"path": rf"C:\VMs\{name}.vhdx"} for name in ("os", "s2d1", "s2d2")],
        "checkpoints": [],
        "checkpoint_type": "disabled",
        "integration_services": {"time_synchronization": False},
        "tpm": True,
        "clustered": False,
        "firmware": {"secure_boot": True, "certificates_2023": True},
        "guest": {"os": "Windows Server 2022 Datacenter", "os_version": "10.0.20348"},
    },
    "guest": {
        "os": {"build": 20348, "type": "server", "sku": 406},  # Azure Stack HCI 21H2
        "features": {
            "VirtualMachinePlatform": "enabled",
            "Microsoft-Windows-Subsystem-Linux": "enabled",
            "Containers": "enabled",
            "Microsoft-Hyper-V": "enabled",
        },
        "software": {
            "revision": 4000,
            "pending_reboot": False,
            "third_party": [],
            "services": {"HNS": "manual", "vmcompute": "manual", "SharedAccess": "manual"},
        },
        "network": {"nats": [], "adapters": []},
        "cluster": {"member": False, "name": None},
    },
}


def changed(changes: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The facts (GOOD unless told) with other values at some paths (``host.os.build``); ABSENT removes one."""
    result: dict[str, Any] = copy.deepcopy(dict(GOOD if facts is None else facts))
    for path, value in changes.items():
        *sections, name = path.split(".")
        target = result
        for section in sections:
            target = target[section]
        if value is ABSENT:
            del target[name]
        else:
            target[name] = value
    return result
