# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a Windows machine, by groups; those that the user may not read are None."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .._task.errors import Refused
from .._task.session import Target
from .._wsman.faults import AccessDenied, HostError
from . import feature, pending, program, reboot, registry, service, software
from .docker import facts as docker_facts
from .schema import PHYSICAL_DISK
from .wsl import facts as wsl_facts

# Win32_OperatingSystem.ProductType docs.
_TIME = r"SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}


class Group(NamedTuple):
    """Some facts that are read together: their names, what they are, and how they are read."""

    names: tuple[str, ...]
    what: str
    read: Callable[[Target], dict[str, Any]]


def fetch(target: Target, groups: Iterable[str], explain: Callable[[HostError], str]) -> dict[str, Any]:
    """The facts of some groups. What is refused is a warning with the right that it needs, as ``explain`` words it.

    Raises AccessDenied if nothing can be read.
    """
    found: dict[str, Any] = {}
    refusals: list[HostError] = []
    for group in map(GROUPS.__getitem__, groups):
        try:
            found |= group.read(target)
        except (AccessDenied, Refused) as error:
            found |= dict.fromkeys(group.names)
            refusals.append(error)
            target.warn(f"{target.name}: {group.what} can't be read: {explain(error)}")
    denied = [error for error in refusals if isinstance(error, AccessDenied)]
    if denied and not any(value is not None for value in found.values()):
        raise denied[0]
    return found


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
    found = software.fetch_third_party(target)
    if found is None:
        raise Refused("the user may not read services; it must be an administrator")
    return {"other_hypervisors": found}


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


GROUPS: Mapping[str, Group] = {
    "system": Group(("os", "booted"), "the operating system", _fetch_system),
    "features": Group(("features",), "the features", _fetch_features),
    "reboot": Group(("reboot_required", "reboot_reasons"), "the pending restart", _fetch_reboot),
    "services": Group(("services",), "the services", _fetch_services),
    "wsl": Group(("wsl", "distributions"), "WSL", wsl_facts.fetch),
    "containers": Group(("engine", "images", "containers"), "the Docker Engine", docker_facts.fetch),
    "hypervisors": Group(("other_hypervisors",), "other hypervisors", _fetch_hypervisors),
    "disks": Group(("disks",), "the disks", _fetch_disks),
    "time": Group(("time",), "the configuration of the time", _fetch_time),
}
