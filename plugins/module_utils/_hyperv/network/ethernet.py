# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs: conversion between the notations of options and of CIM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from ..._task.errors import Invalid, within

LEAST_VLAN, MOST_VLAN = 1, 4094

# Msvm_EthernetSwitchPortVlanSettingData.OperationMode
VLAN_MODES = {0: "untagged", 1: "access", 2: "trunk", 3: "private"}


def parse_vlans(texts: Iterable[str]) -> list[int]:
    """The ids of ranges such as ``["1-10", "20,30"]``, sorted and without duplicates. Raises Invalid."""
    return sorted({id for text in texts for part in str(text).split(",") for id in _parse_range(part)})


def _parse_range(text: str) -> range:
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if not match:
        raise Invalid(f"'{text}' is neither a VLAN id nor a range of ids; write for example 1-10,20,711-719")
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last:
        raise Invalid(f"the range {text} runs backwards, write {last}-{first}")
    if first < LEAST_VLAN or last > MOST_VLAN:
        raise Invalid(f"{text} is out of range, VLAN ids are {LEAST_VLAN} to {MOST_VLAN}")
    return range(first, last + 1)


def format_vlans(ids: Iterable[int]) -> list[str]:
    """The shortest ranges: [1, 2, 3, 20] -> ["1-3", "20"]."""
    ordered = sorted(set(ids))
    if not ordered:
        return []
    gaps = [(low, high) for low, high in pairwise(ordered) if high - low > 1]
    firsts = [ordered[0], *(high for _low, high in gaps)]
    lasts = [*(low for low, _high in gaps), ordered[-1]]
    return [str(first) if first == last else f"{first}-{last}" for first, last in zip(firsts, lasts, strict=True)]


def describe_vlan(row: Mapping[str, Any]) -> dict[str, Any]:
    """The value of the option ``vlan`` for a port's VLAN settings: the mode, and the ids that apply to it."""
    if row["OperationMode"] is None:  # a row that the host cannot send
        return {"mode": None}
    mode = VLAN_MODES.get(row["OperationMode"], "untagged")
    if mode == "access":
        return {"mode": mode, "id": row["AccessVlanId"]}
    if mode == "trunk":
        return {
            "mode": mode,
            "native_id": row["NativeVlanId"] or 0,
            "allowed_ids": format_vlans(row["TrunkVlanIdArray"]),
        }
    return {"mode": mode}


def parse_vlan(option: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The option in the form that describe_vlan returns, without a native id that is omitted. Raises Invalid."""
    if option is None:
        return None
    mode = option["mode"]
    supported = {"access": {"id"}, "trunk": {"native_id", "allowed_ids"}}.get(mode, set())
    for name, value in option.items():
        if value is not None and name not in {"mode", *supported}:
            raise Invalid(f"a VLAN of mode '{mode}' has no such setting; omit it", option=name)
    if mode == "access":
        if option.get("id") is None:
            raise Invalid("mode 'access' needs the id of the VLAN", option="id")
        return {"mode": mode, "id": _vlan_id("id", option["id"], LEAST_VLAN)}
    if mode == "trunk":
        with within("allowed_ids"):
            ids = parse_vlans(option.get("allowed_ids") or [])
            if not ids:
                raise Invalid("mode 'trunk' needs the ids that are allowed, for example 1-10,20")
        native = option.get("native_id")
        given = {} if native is None else {"native_id": _vlan_id("native_id", native, 0)}
        return {"mode": mode, **given, "allowed_ids": format_vlans(ids)}
    return {"mode": mode}


def complete_vlan(wanted: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """A VLAN that parse_vlan returned, with the native id that the port has if a trunk keeps it."""
    kept = {"native_id": row["NativeVlanId"] or 0} if wanted["mode"] == "trunk" else {}
    return {**kept, **wanted}


def _vlan_id(name: str, number: int, least: int) -> int:
    if not least <= number <= MOST_VLAN:
        raise Invalid(f"{number} is out of range, choose a VLAN id from {least} to {MOST_VLAN}", option=name)
    return number


def vlan_values(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The CIM properties of a VLAN that complete_vlan returned."""
    mode = next(number for number, word in VLAN_MODES.items() if word == wanted["mode"])
    values: dict[str, Any] = {"OperationMode": mode}
    if "id" in wanted:
        values["AccessVlanId"] = wanted["id"]
    if "allowed_ids" in wanted:
        values |= {"NativeVlanId": wanted["native_id"], "TrunkVlanIdArray": parse_vlans(wanted["allowed_ids"])}
    return values
