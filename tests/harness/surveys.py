# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of host_info and vm_info of an estate, as the playbook survey_hosts registers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

GB = 1 << 30
Row = tuple[str, dict[str, Any], dict[str, Any]]


def vm(name: str, gb: int = 4, *, mac: str | None = None, **facts: Any) -> dict[str, Any]:
    """What vm_info returns for a VM with one network adapter; `nests` and other keys override it."""
    nests, dynamic = facts.pop("nests", False), facts.pop("dynamic", False)
    spoofing, switch = facts.pop("spoofing", nests), facts.pop("switch", "External")
    adapter = {
        "id": f"Microsoft:{name}", "name": "Network Adapter", "switch": switch, "mac_address": mac,
        "mac_spoofing": spoofing, "allow_teaming": False, "ip_addresses": [],
    }  # fmt: skip
    return {
        "id": f"id of {name}",
        "name": name,
        "state": "running",
        "uptime": 86400,
        "generation": 2,
        "version": "10.0",
        "notes": "",
        "nesting": {
            "virtualization_extensions": nests,
            "adapters": [{"name": "Network Adapter", "id": adapter["id"], "mac_spoofing": spoofing}],
        },
        "processor": {"count": facts.pop("cpus", 2)},
        "memory": {
            "dynamic": dynamic,
            "startup": gb * GB,
            "minimum": gb * GB // 4 if dynamic else None,
            "maximum": gb * GB * 2 if dynamic else None,
            "assigned": gb * GB,
            "demand": gb * GB // 2,
        },
        "network_adapters": [adapter],
        "guest": None,
        "clustered": False,
        **facts,
    }


def host(
    name: str, gb: int = 256, *, platform: str | None = None, mac: str | None = None, **facts: Any
) -> dict[str, Any]:
    """What host_info returns for a host."""
    vendor = facts.pop("vendor", "GenuineIntel")
    maker, model = facts.pop("machine", ("Dell Inc.", "PowerEdge R750"))
    windows = {
        "name": "Microsoft Windows Server 2022 Datacenter", "version": "10.0.20348", "build": 20348,
        "type": "server", "sku": 8, "edition": "Datacenter Server", "booted": "2026-11-20T06:12:44+00:00",
    }  # fmt: skip
    return {
        "name": name.upper(),
        "domain": "example.com",
        "os": {**windows, **facts.pop("os", {})},
        "processor": {
            "vendor": vendor,
            "model": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz",
            "sockets": 2,
            "cores": facts.pop("cores", 64),
            "logical_processors": 128,
            "virtualization": {
                "trusted": False,
                "monitor_mode": None,
                "second_level_address_translation": None,
                "enabled_in_firmware": None,
            },
        },
        "memory": {"total": gb * GB, "free": gb * GB // 2},
        "hypervisor_present": True,
        "machine": {"manufacturer": maker, "model": model, "virtual": platform is not None, "platform": platform},
        "level": 0 if platform is None else 1,
        "hyperv": {"vm_versions": ["8.0", "9.0", "9.3", "10.0"]},
        "network": {
            "switches": facts.pop("switches", [{"name": "External", "type": "external", "host_adapter": None}]),
            "nats": facts.pop("nats", []),
            "adapters": [{"name": "Ethernet", "mac_address": mac, "addresses": ["192.0.2.10/24"], "connected": True}],
        },
        **facts,
    }


def row(name: str, facts: dict[str, Any], *vms: dict[str, Any]) -> Row:
    return name, {"changed": False, "host": facts}, {"changed": False, "vms": list(vms)}


def unreachable(name: str, message: str) -> Row:
    failed = {"unreachable": True, "changed": False, "msg": message}
    return name, failed, failed


_LAB = {
    "switches": [
        {"name": "External", "type": "external", "host_adapter": None},
        {"name": "Lab", "type": "internal", "host_adapter": {"addresses": ["192.168.100.1/24", "fe80::1/64"]}},
    ],
    "nats": [{"name": "lab", "prefix": "192.168.100.0/24", "external_prefix": None}],
}


def estate() -> list[Row]:
    """Hosts with a bit of everything: two levels of nesting, AMD, Azure, VMware, old Windows, and two that fail."""
    virtual = ("Microsoft Corporation", "Virtual Machine")
    old = {"name": "Microsoft Windows Server 2019 Standard", "build": 17763, "sku": 7}
    outer, inner = "00:15:5D:01:02:01", "00:15:5D:0A:00:01"
    students = [
        vm(f"student{n:02}", 16, nests=True, cpus=4, switch="Lab", version="9.0" if n == 3 else "10.0")
        for n in range(1, 9)
    ]
    return [
        row(
            "hv01.example.com",
            host("hv01", 256, **_LAB),
            vm("lab01", 64, mac=outer, nests=True, cpus=16, switch="Lab"),
            vm("wsl-build", 16, nests=True, cpus=8, dynamic=True, spoofing=False),
            *(vm(f"web0{n}", 4, state="running" if n < 3 else "off") for n in range(1, 4)),
            vm("db01", 32, cpus=8, dynamic=True),
            vm("legacy", 2, generation=1, version="8.0", state="saved"),
            vm("jump", 4, switch=None),
        ),
        row(
            "lab01.example.com",
            host("lab01", 64, platform="hyper-v", mac=outer, machine=virtual, cores=16, **_LAB),
            vm("node01", 16, mac=inner, nests=True, cpus=4, switch="Lab"),
            vm("node02", 16, nests=True, cpus=4, switch="Lab"),
            vm("dc01", 4, switch="Lab"),
        ),
        row(
            "node01.example.com",
            host("node01", 16, platform="hyper-v", mac=inner, machine=virtual, cores=4),
            vm("container-host", 4),
            vm("tiny", 1, state="off"),
        ),
        row(
            "hv02.example.com",
            host("hv02", 512, vendor="AuthenticAMD", cores=96, machine=("HPE", "ProLiant DL385 Gen11"), **_LAB),
            *students,
            vm("files", 8, dynamic=True),
        ),
        row(
            "hv03.example.com",
            host("hv03", 128, vendor="AuthenticAMD", cores=32, machine=("Supermicro", "AS-1114S"), os=old),
            vm("app01", 8),
            vm("lab09", 16, nests=True, version="9.0"),
        ),
        row(
            "az-lab",
            host("az-lab", 64, platform="azure", machine=virtual, cores=16),
            *(vm(f"inner0{n}", 8) for n in (1, 2)),
        ),
        row("hv04.example.com", host("hv04", 256), vm("print", 4), vm("mail", 16)),
        row(
            "esx-win",
            host("esx-win", 32, platform="vmware", machine=("VMware, Inc.", "VMware7,1"), cores=8),
            vm("test", 4),
        ),
        unreachable("hv05.example.com", "hv05.example.com: no connection to port 5985: timed out after 30 s"),
    ]


def many(hosts: int = 200, vms: int = 20) -> Sequence[Row]:
    """A large estate."""
    return [
        row(
            f"hv{n:03}.example.com",
            host(f"hv{n:03}", 512, **_LAB),
            *(
                vm(
                    f"vm{n:03}-{m:02}",
                    8,
                    nests=m % 4 == 0,
                    dynamic=m % 8 == 0,
                    state="off" if m % 7 == 0 else "running",
                )
                for m in range(vms)
            ),
        )
        for n in range(hosts)
    ]
