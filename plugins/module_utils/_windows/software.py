# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services and updates of Windows that decide whether virtualization works in it, on a host or in a guest."""

from __future__ import annotations

from typing import Any

from .._task.session import Target
from .._wsman import cim
from .._wsman.faults import Fault
from .schema import REGISTRY, SERVICE

# Services of virtualization software of other vendors, by the names that identify them in every language.
THIRD_PARTY = ("BstHdAndroidSvc", "VBoxSDS", "VMAuthdService", "VMUSBArbService", "prl_disp_service")
# Services that WSL 2 and containers need.
NEEDED = ("HNS", "SharedAccess", "vfpext", "vmcompute")

_HKLM = 0x80000002
_CURRENT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# Signs of a pending restart: keys that exist, and a value with the renames that Windows does when it starts.
_PENDING_KEYS = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
)
_RENAMES = (r"SYSTEM\CurrentControlSet\Control\Session Manager", "PendingFileRenameOperations")
_FOUND, _NOT_FOUND = 0, 2


def fetch(host: Target) -> dict[str, Any]:
    """Services by name, revision of the build, and whether a restart is pending; each null if it is hidden."""
    modes = _query_modes(host)
    return {
        "revision": _read_number(host, _CURRENT, "UBR"),
        "pending_reboot": _is_reboot_pending(host),
        "third_party": None if modes is None else [name for name in THIRD_PARTY if name in modes],
        "services": None if modes is None else {name: modes[name] for name in NEEDED if name in modes},
    }


def _query_modes(host: Target) -> dict[str, str] | None:
    """Start mode of the services that exist, by their names as above."""
    names = (*THIRD_PARTY, *NEEDED)
    where = " OR ".join(f"Name = {cim.quote(name)}" for name in names)
    try:
        rows = host.client.query(SERVICE, columns=("Name", "StartMode"), where=where)
    except Fault:
        return None
    modes = {row["Name"].lower(): (row["StartMode"] or "").lower() for row in rows}
    return {name: modes[name.lower()] for name in names if name.lower() in modes}


def _is_reboot_pending(host: Target) -> bool | None:
    codes = [_ask(host, "EnumKey", {"sSubKeyName": key}, {})[0] for key in _PENDING_KEYS]
    key, value = _RENAMES
    codes.append(_ask(host, "GetMultiStringValue", {"sSubKeyName": key, "sValueName": value}, {})[0])
    if _FOUND in codes:
        return True
    return False if set(codes) == {_NOT_FOUND} else None


def _read_number(host: Target, key: str, value: str) -> int | None:
    code, answer = _ask(host, "GetDWORDValue", {"sSubKeyName": key, "sValueName": value}, {"uValue": "uint32"})
    return answer.get("uValue") if code == _FOUND else None


def _ask(
    host: Target, method: str, arguments: dict[str, Any], returns: dict[str, str]
) -> tuple[int | None, dict[str, Any]]:
    """The return code of a method of the registry and its output; no code if the user may not call it."""
    try:
        answer = host.client.invoke(
            REGISTRY, method, arguments={"hDefKey": _HKLM, **arguments}, returns=returns, reads=True
        )
    except Fault:
        return None, {}
    return answer["ReturnValue"], answer
