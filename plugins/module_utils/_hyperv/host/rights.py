# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user may do on the host, found out before the first write."""

from __future__ import annotations

from typing import Any

from ..._task.session import Target
from ..._windows.schema import CIMV2, REGISTRY
from ..._wsman.cim import CimClass
from ..._wsman.faults import AccessDenied, Fault
from ..schema import CLUSTER, COMPUTER_SYSTEM, HGS, STANDARD, V2, WMI

# A key that administrators may write and other users only read, by its default permissions; nothing is written.
_KEY = {"hDefKey": 0x80000002, "sSubKeyName": r"SYSTEM\CurrentControlSet\Services", "uRequired": 2}  # KEY_SET_VALUE
_GRANTED, _DENIED = 0, 5

# The namespaces that this collection uses, and the rights in them (WMI security constants).
NAMESPACES = (V2, CIMV2, STANDARD, HGS, WMI, CLUSTER)
_RIGHTS = {"read": 0x1, "methods": 0x2, "write": 0x10}  # WBEM_ENABLE, WBEM_METHOD_EXECUTE, WBEM_WRITE_PROVIDER


def is_administrator(host: Target) -> bool | None:
    """Whether the user is an administrator of the host, None if that can't be found out; one request in a task.

    Group memberships don't answer it: they may be nested in the domain, and a filtered token has them without effect.
    """
    return host.once("administrator", lambda: _has_key(host))


def _has_key(host: Target) -> bool | None:
    try:
        answer = host.client.invoke(
            REGISTRY, "CheckAccess", arguments=_KEY, returns={"bGranted": "boolean"}, reads=True
        )
    except Fault:
        return None
    if answer["ReturnValue"] == _DENIED:
        return False
    return bool(answer["bGranted"]) if answer["ReturnValue"] == _GRANTED else None


def fetch(host: Target) -> dict[str, Any]:
    """The rights of the user: groups, by what they show and permit, and the rights in each namespace."""
    return {
        "administrator": is_administrator(host),
        "hyperv_administrator": _sees_hyperv(host),
        "namespaces": {name: rights for name in NAMESPACES if (rights := _rights_in(host, name))},
    }


def _sees_hyperv(host: Target) -> bool | None:
    """Whether Hyper-V shows its objects: to users without rights its classes are empty; None without Hyper-V."""
    try:
        return bool(host.client.query(COMPUTER_SYSTEM, columns=("Name",), limit=1))
    except AccessDenied:
        return False
    except Fault:
        return None


def _rights_in(host: Target, namespace: str) -> dict[str, bool] | None:
    """The user's rights in a namespace, None if it doesn't exist or says nothing. Providers check further rights."""
    security = CimClass(namespace, "__SystemSecurity")
    try:
        answer = host.client.invoke(security, "GetCallerAccessRights", returns={"rights": "sint32"}, reads=True)
    except Fault:
        return None
    mask = answer["rights"]
    return None if mask is None else {name: bool(mask & bit) for name, bit in _RIGHTS.items()}
