# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirements of nested virtualization on a host and a VM: pure functions over facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._task.errors import Rule
from .platform import AZURE, EDITIONS, HOME_EDITIONS, HYPER_V
from .rules import (
    AZURE_VM,
    DEPTH,
    DYNAMIC_MEMORY_WHILE_NESTED,
    FOREIGN_HYPERVISOR,
    HOME_EDITION,
    HOST_TOO_OLD,
    HYPERV_NOT_RUNNING,
    MEMORY_WHILE_NESTED,
    PROCESSOR_EXTENSIONS,
    PROCESSOR_UNSUPPORTED,
    VM_VERSION_TOO_OLD,
)

# What plans that enforce the rules of nesting look up in this module.
__all__ = ("DYNAMIC_MEMORY_WHILE_NESTED", "MEMORY_WHILE_NESTED", "lacks")


class Need(NamedTuple):
    """The minimum host build and VM configuration version for a processor vendor."""

    build: int
    version: tuple[int, int]


# First host builds that can nest; Windows 11 (22000) lies above Server 2022 (20348).
NEEDS = {
    "GenuineIntel": Need(14393, (8, 0)),
    "AuthenticAMD": Need(20348, (9, 3)),
}


class Lack(NamedTuple):
    """A rule that isn't met, and the value found instead."""

    rule: Rule
    found: str

    def sentence(self) -> str:
        return f"{self.rule.text}; found {self.found}"


def version_tuple(version: str | None) -> tuple[int, int]:
    """``9.3`` -> (9, 3): configuration versions compare by number, not as text ("10.0" is above "9.3")."""
    major, _dot, minor = (version or "0").partition(".")
    return int(major), int(minor or 0)


def lacks(vendor: str, build: int, version: str | None = None) -> list[Lack]:
    """The rules of nesting that this processor vendor, host build and VM configuration version (if given) break."""
    need = NEEDS.get(vendor)
    if need is None:
        return [Lack(PROCESSOR_UNSUPPORTED, vendor or "an unknown processor")]
    broken = []
    if build < need.build:
        broken.append(Lack(HOST_TOO_OLD, f"build {build} with {vendor}"))
    if version is not None and version_tuple(version) < need.version:
        broken.append(Lack(VM_VERSION_TOO_OLD, f"version {version} with {vendor}"))
    return broken


class HostFacts(NamedTuple):
    """The facts of a host that decide about nesting; ``extensions`` is None if a hypervisor hides them."""

    vendor: str
    build: int
    sku: int
    hyperv: bool
    hypervisor: bool
    extensions: bool | None
    platform: str | None


def host_reasons(host: HostFacts) -> list[Lack]:
    """The rules that keep VMs of this host from running Hyper-V, failures before warnings."""
    reasons = lacks(host.vendor, host.build)
    if host.extensions is False:
        reasons.append(Lack(PROCESSOR_EXTENSIONS, "a processor without them"))
    if host.sku in HOME_EDITIONS:
        reasons.append(Lack(HOME_EDITION, EDITIONS[host.sku]))
    if not host.hyperv:
        reasons.append(Lack(HYPERV_NOT_RUNNING, "a host without Hyper-V, or whose management service doesn't run"))
    elif not host.hypervisor:
        reasons.append(Lack(HYPERV_NOT_RUNNING, "a host whose hypervisor doesn't run"))
    if host.platform in (HYPER_V, AZURE):
        reasons.append(Lack(DEPTH, "a host that is a Hyper-V VM itself"))
    if host.platform == AZURE:
        reasons.append(Lack(AZURE_VM, "a host that is an Azure VM"))
    elif host.platform not in (None, HYPER_V):
        reasons.append(Lack(FOREIGN_HYPERVISOR, f"a host that is a VM of {host.platform}"))
    return sorted(reasons, key=lambda lack: lack.rule.severity != "fail")


def describe(system: Mapping[str, Any], hyperv: bool) -> dict[str, Any]:
    """Whether VMs of a host can run Hyper-V, and the reasons.

    ``system`` are the host's facts as host_info returns them, ``hyperv`` says whether its Hyper-V answers.
    """
    flags = system["processor"]["virtualization"]
    vendor = system["processor"]["vendor"] or ""
    reasons = host_reasons(
        HostFacts(
            vendor=vendor,
            build=system["os"]["build"],
            sku=system["os"]["sku"] or 0,
            hyperv=hyperv,
            hypervisor=system["hypervisor_present"],
            extensions=all(flags[name] for name in flags if name != "trusted") if flags["trusted"] else None,
            platform=system["machine"]["platform"],
        )
    )
    need = NEEDS.get(vendor)
    return {
        "supported": not any(lack.rule.severity == "fail" for lack in reasons),
        "minimum_vm_version": ".".join(map(str, need.version)) if need else None,
        "reasons": [
            {**lack.rule.details(), "severity": lack.rule.severity, "text": lack.rule.text, "found": lack.found}
            for lack in reasons
        ],
    }
