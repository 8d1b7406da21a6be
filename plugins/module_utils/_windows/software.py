# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services and updates of Windows that decide whether virtualization works in it, on a host or in a guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._task.session import Target
from .._wsman import cim
from .._wsman.faults import Fault
from . import pending, registry
from .schema import SERVICE

# Services of virtualization software of other vendors, by the names that identify them in every language.
THIRD_PARTY = ("BstHdAndroidSvc", "VBoxSDS", "VMAuthdService", "VMUSBArbService", "prl_disp_service")
# Services that WSL 2 and containers need.
NEEDED = ("HNS", "SharedAccess", "vfpext", "vmcompute")

_CURRENT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def fetch(host: Target) -> dict[str, Any]:
    """Services by name, revision of the build, and whether a restart is pending; each null if it is hidden."""
    modes = _query_modes(host, (*THIRD_PARTY, *NEEDED))
    return {
        "revision": fetch_revision(host),
        "pending_reboot": pending.is_pending(host),
        "third_party": None if modes is None else [name for name in THIRD_PARTY if name in modes],
        "services": None if modes is None else {name: modes[name] for name in NEEDED if name in modes},
    }


def fetch_revision(host: Target) -> int | None:
    """The revision of the build of Windows (UBR)."""
    return registry.number(host, _CURRENT, "UBR")


def fetch_third_party(host: Target) -> list[str] | None:
    """The services of virtualization software of other vendors; None if the user may not see services."""
    modes = _query_modes(host, THIRD_PARTY)
    return None if modes is None else list(modes)


def _query_modes(host: Target, names: Sequence[str]) -> dict[str, str] | None:
    """Start mode of the services that exist, by their names as above."""
    where = " OR ".join(f"Name = {cim.quote(name)}" for name in names)
    try:
        rows = host.client.query(SERVICE, columns=("Name", "StartMode"), where=where)
    except Fault:
        return None
    modes = {row["Name"].lower(): (row["StartMode"] or "").lower() for row in rows}
    return {name: modes[name.lower()] for name in names if name.lower() in modes}
