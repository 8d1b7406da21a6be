# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a survey in the words of the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SEVERITIES = ("fail", "warn", "info")
# The status of a host or VM: its worst finding that is not ignored.
STATUSES: Mapping[str, str] = {
    "fail": "not supported",
    "warn": "restricted",
    "ok": "supported",
    "unreachable": "not surveyed",
}
PLATFORMS = {
    "hyper-v": "Hyper-V VM",
    "azure": "Azure VM",
    "vmware": "VMware VM",
    "virtualbox": "VirtualBox VM",
    "xen": "Xen VM",
    "aws": "AWS instance",
    "gcp": "Google Cloud VM",
    "ahv": "Nutanix AHV VM",
    "parallels": "Parallels VM",
    "kvm": "KVM VM",
}
# Control characters, halves of characters, and what no XML document may contain.
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """The text with replacement characters for those that HTML, XML or UTF-8 can't contain."""
    return _UNPRINTABLE.sub("\ufffd", text)


def size(count: int | None) -> str:
    """A number of bytes for people: 8 GB, 1.5 TB."""
    if count is None:
        return "unknown"
    value, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def number(count: int, singular: str, plural: str = "") -> str:
    """A number with its noun: 1 host, 2 hosts."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def listed(parts: Iterable[str | None]) -> str:
    """The parts that are known, on one line."""
    return " · ".join(part for part in parts if part)


def status(findings: Iterable[Mapping[str, Any]]) -> str:
    """The status of a host or VM that has these findings."""
    severities = {finding["severity"] for finding in findings if finding["ignored"] is None}
    return next((name for name in ("fail", "warn") if name in severities), "ok")


def status_of_host(host: Mapping[str, Any]) -> str:
    """The status of a host with its VMs; a host of which nothing is known has its own."""
    return "unreachable" if host["error"] or host["host"] is None else status(host["findings"])


def time(created: str | None) -> str | None:
    """A time of the survey, which is in UTC, without seconds."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?Z", created or "")
    return f"{match[1]} {match[2]} UTC" if match else created


def system(host: Mapping[str, Any]) -> str:
    """Operating system of a host: Windows Server 2022 Datacenter (20348)."""
    windows = host.get("os") or {}
    name = (windows.get("name") or "").removeprefix("Microsoft ")
    return " ".join(filter(None, [name, f"({windows['build']})" if windows.get("build") else ""]))


def processor(host: Mapping[str, Any]) -> str:
    """Vendor and number of cores: Intel, 64 cores."""
    found = host.get("processor") or {}
    vendor = found.get("vendor") or ""
    vendor = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD"}.get(vendor, vendor)
    return ", ".join(filter(None, [vendor, number(found["cores"], "core") if found.get("cores") else ""]))


def machine(host: Mapping[str, Any]) -> str:
    """Maker and model, or the platform that the host is a VM of."""
    found = host.get("machine") or {}
    if found.get("platform"):
        return PLATFORMS.get(found["platform"], f"VM of {found['platform']}")
    return " ".join(filter(None, [found.get("manufacturer"), found.get("model")]))


def memory(vm: Mapping[str, Any]) -> str:
    """Startup memory, and its range if it is dynamic: 4 GB (1 GB to 8 GB)."""
    found = vm.get("memory")
    if not found:
        return "unknown"
    if not found["dynamic"]:
        return f"{size(found['startup'])} static"
    return f"{size(found['startup'])} ({size(found['minimum'])} to {size(found['maximum'])})"


def nests(vm: Mapping[str, Any]) -> bool:
    """Whether virtualization extensions are exposed to a VM."""
    return bool((vm.get("nesting") or {}).get("virtualization_extensions"))


def networks(vm: Mapping[str, Any]) -> list[str]:
    """Switches of a VM's network adapters, each once, with MAC address spoofing."""
    rows = [
        (adapter["switch"] or "not connected") + (" + spoofing" if adapter.get("mac_spoofing") else "")
        for adapter in vm.get("network_adapters") or ()
    ]
    return list(dict.fromkeys(rows))


def switches(host: Mapping[str, Any]) -> list[str]:
    """Virtual switches of a host with their type and the host's addresses, and its NATs."""
    network = host.get("network") or {}
    rows = []
    for switch in network.get("switches") or ():
        addresses: Sequence[str] = (switch.get("host_adapter") or {}).get("addresses") or ()
        visible = [address for address in addresses if not address.lower().startswith("fe80")]
        rows.append(listed([switch["name"], switch["type"], *visible[:1]]))
    for nat in network.get("nats") or ():
        rows.append(listed([f"NAT {nat['name']}", nat.get("prefix") or nat.get("external_prefix")]))
    return rows
