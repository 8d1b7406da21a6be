# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of Windows over CIM (StdRegProv)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._task.errors import MethodFailed
from .._task.session import Target
from .._wsman.faults import Fault
from .schema import REGISTRY

HKLM, HKU = 0x80000002, 0x80000003
FOUND, NOT_FOUND = 0, 2


def has_texts(target: Target, key: str, value: str, hive: int = HKLM) -> bool | None:
    """Whether a value of type REG_MULTI_SZ exists; None if the user may not know."""
    code, _answer = _ask(target, hive, "GetMultiStringValue", key, value)
    return code == FOUND if code in (FOUND, NOT_FOUND) else None


def keys(target: Target, key: str, hive: int = HKLM) -> list[str] | None:
    """Names of the keys directly below a key, none if it doesn't exist; None if the user may not know."""
    code, answer = _ask(target, hive, "EnumKey", key, returns={"sNames": "string[]"})
    return list(answer.get("sNames") or ()) if code in (FOUND, NOT_FOUND) else None


def text(target: Target, key: str, value: str, hive: int = HKLM) -> str | None:
    """A value of type REG_SZ, None without it."""
    return _value(target, hive, "GetStringValue", key, value, "sValue", "string")


def expanded(target: Target, key: str, value: str, hive: int = HKLM) -> str | None:
    """A value of type REG_EXPAND_SZ with its variables replaced, None without it."""
    return _value(target, hive, "GetExpandedStringValue", key, value, "sValue", "string")


def number(target: Target, key: str, value: str, hive: int = HKLM) -> int | None:
    """A value of type REG_DWORD, None without it."""
    return _value(target, hive, "GetDWORDValue", key, value, "uValue", "uint32")


def _value(target: Target, hive: int, method: str, key: str, value: str, output: str, kind: str) -> Any:
    code, answer = _ask(target, hive, method, key, value, {output: kind})
    return answer.get(output) if code == FOUND else None


def _ask(
    target: Target, hive: int, method: str, key: str, value: str | None = None, returns: Mapping[str, str] | None = None
) -> tuple[int | None, dict[str, Any]]:
    """The return code of a method of the registry and its output; no code if the user may not call it."""
    arguments = {"hDefKey": hive, "sSubKeyName": key, **({} if value is None else {"sValueName": value})}
    try:
        answer = target.client.invoke(REGISTRY, method, arguments=arguments, returns=dict(returns or {}), reads=True)
    except Fault:
        return None, {}
    return answer["ReturnValue"], answer


def write_text(target: Target, key: str, value: str, data: str, hive: int = HKLM) -> None:
    """Set a value of type REG_SZ. Raises MethodFailed."""
    arguments = {"hDefKey": hive, "sSubKeyName": key, "sValueName": value, "sValue": data}
    code = target.client.invoke(REGISTRY, "SetStringValue", arguments=arguments)["ReturnValue"]
    if code != FOUND:
        raise MethodFailed(f"could not set {value} in the registry key {key}", code=code)


def create_key(target: Target, key: str, hive: int = HKLM) -> None:
    """Create a key with those above it, if it doesn't exist. Raises MethodFailed."""
    code = target.client.invoke(REGISTRY, "CreateKey", arguments={"hDefKey": hive, "sSubKeyName": key})["ReturnValue"]
    if code != FOUND:
        raise MethodFailed(f"could not create the registry key {key}", code=code)


def delete_value(target: Target, key: str, value: str, hive: int = HKLM) -> None:
    """Delete a value, if it exists. Raises MethodFailed."""
    arguments = {"hDefKey": hive, "sSubKeyName": key, "sValueName": value}
    code = target.client.invoke(REGISTRY, "DeleteValue", arguments=arguments)["ReturnValue"]
    if code not in (FOUND, NOT_FOUND):
        raise MethodFailed(f"could not delete {value} in the registry key {key}", code=code)
