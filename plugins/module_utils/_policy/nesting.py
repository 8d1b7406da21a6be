# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host and a VM need so that Hyper-V can run inside the VM. Pure functions over facts."""

from __future__ import annotations

from typing import NamedTuple

from .platform import AZURE, EDITIONS, HOME_EDITIONS, HYPER_V
from .rules import (
    AZURE_VM,
    DEPTH,
    FOREIGN_HYPERVISOR,
    HOME_EDITION,
    HOST_TOO_OLD,
    HYPERV_NOT_RUNNING,
    PROCESSOR_EXTENSIONS,
    PROCESSOR_UNSUPPORTED,
    VM_VERSION_TOO_OLD,
    Rule,
)


class Need(NamedTuple):
    """The least host build and VM configuration version for one processor vendor."""

    build: int
    version: tuple[int, int]


# First host builds that can nest; Windows 11 (22000) lies above Server 2022 (20348).
NEEDS = {
    "GenuineIntel": Need(14393, (8, 0)),
    "AuthenticAMD": Need(20348, (9, 3)),
}


class Lack(NamedTuple):
    """A rule that isn't met, and what was found instead."""

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
    found = []
    if build < need.build:
        found.append(Lack(HOST_TOO_OLD, f"build {build} with {vendor}"))
    if version is not None and version_tuple(version) < need.version:
        found.append(Lack(VM_VERSION_TOO_OLD, f"version {version} with {vendor}"))
    return found


class HostFacts(NamedTuple):
    """What of a host decides about nesting; ``extensions`` is None where a hypervisor hides them."""

    vendor: str
    build: int
    sku: int
    hyperv: bool
    hypervisor: bool
    extensions: bool | None
    platform: str | None


def host_reasons(host: HostFacts) -> list[Lack]:
    """What speaks against VMs of this host running Hyper-V, what forbids it first."""
    found = lacks(host.vendor, host.build)
    if host.extensions is False:
        found.append(Lack(PROCESSOR_EXTENSIONS, "a processor without them"))
    if host.sku in HOME_EDITIONS:
        found.append(Lack(HOME_EDITION, EDITIONS[host.sku]))
    if not host.hyperv:
        found.append(Lack(HYPERV_NOT_RUNNING, "a host without Hyper-V, or whose management service doesn't run"))
    elif not host.hypervisor:
        found.append(Lack(HYPERV_NOT_RUNNING, "a host whose hypervisor doesn't run"))
    if host.platform in (HYPER_V, AZURE):
        found.append(Lack(DEPTH, "a host that is a Hyper-V VM itself"))
    if host.platform == AZURE:
        found.append(Lack(AZURE_VM, "a host that is an Azure VM"))
    elif host.platform not in (None, HYPER_V):
        found.append(Lack(FOREIGN_HYPERVISOR, f"a host that is a VM of {host.platform}"))
    return sorted(found, key=lambda one: one.rule.severity != "fail")
