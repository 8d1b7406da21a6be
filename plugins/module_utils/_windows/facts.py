# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a Windows machine, by groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._task.session import Target
from . import feature, pending, program, reboot, registry, service, software
from .docker import facts as docker_facts
from .schema import PHYSICAL_DISK
from .wsl import facts as wsl_facts

# Win32_OperatingSystem.ProductType docs.
_TIME = r"SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}


def fetch(target: Target, groups: Iterable[str]) -> dict[str, Any]:
    """The facts of some groups."""
    return {name: value for group in groups for name, value in GROUPS[group](target).items()}


def _fetch_system(target: Target) -> dict[str, Any]:
    row = program.windows(target)
    return {
        "os": {
            "name": row["Caption"],
            "version": row["Version"],
            "build": int(row["BuildNumber"]),
            "revision": software.fetch_revision(target),
            "type": _TYPES.get(row["ProductType"], "server"),
            "sku": row["OperatingSystemSKU"],
        },
        "booted": reboot.fetch_boot(target).text,
    }


def _fetch_features(target: Target) -> dict[str, Any]:
    return {"features": feature.rows(feature.fetch(target))}


def _fetch_reboot(target: Target) -> dict[str, Any]:
    reasons = pending.every_reason(target)
    return {"reboot_required": bool(reasons), "reboot_reasons": reasons}


def _fetch_services(target: Target) -> dict[str, Any]:
    return {"services": service.fetch_all(target)}


def _fetch_hypervisors(target: Target) -> dict[str, Any]:
    return {"other_hypervisors": software.fetch_third_party(target)}


def _fetch_disks(target: Target) -> dict[str, Any]:
    columns = ("DeviceId", "FriendlyName", "Size", "CanPool")
    rows = target.client.query(PHYSICAL_DISK, columns=columns)
    disks = [
        {"number": row["DeviceId"], "name": row["FriendlyName"], "size": row["Size"], "can_pool": bool(row["CanPool"])}
        for row in rows
    ]
    return {"disks": sorted(disks, key=lambda disk: (len(disk["number"] or ""), disk["number"]))}


def _fetch_time(target: Target) -> dict[str, Any]:
    """The configuration of W32Time; flags follow each server after a comma."""
    servers = registry.text(target, _TIME, "NtpServer") or ""
    names = [server.partition(",")[0] for server in servers.split()]
    return {"time": {"type": registry.text(target, _TIME, "Type"), "servers": names}}


GROUPS: Mapping[str, Callable[[Target], dict[str, Any]]] = {
    "system": _fetch_system,
    "features": _fetch_features,
    "reboot": _fetch_reboot,
    "services": _fetch_services,
    "wsl": wsl_facts.fetch,
    "containers": docker_facts.fetch,
    "hypervisors": _fetch_hypervisors,
    "disks": _fetch_disks,
    "time": _fetch_time,
}
