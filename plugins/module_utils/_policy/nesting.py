# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host and a VM need so that Hyper-V can run inside the VM. Pure functions over facts."""

from __future__ import annotations

from typing import NamedTuple

from .rules import HOST_TOO_OLD, PROCESSOR_UNSUPPORTED, VM_VERSION_TOO_OLD, Rule


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
