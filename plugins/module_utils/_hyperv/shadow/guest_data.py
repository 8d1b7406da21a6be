# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of the key-value pairs that a host keeps for guests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._wsman import cim
from ..schema import KVP_ITEM, KVP_SETTINGS, VM_SERVICE
from ..vm.guest_data import LISTS, pairs_of, settings_id
from .client import Call, Shadow, embedded


def _write(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The pairs of one call, which have one source."""
    items = [embedded(text) for text in call.arguments["DataItems"]]
    source, keys = items[0]["Source"], {"InstanceID": settings_id(call.arguments["TargetSystem"].keys["Name"])}
    pairs = pairs_of(shadow.get(KVP_SETTINGS, keys)[LISTS[source]])
    for item in items:
        if call.method == "RemoveKvpItems":
            pairs.pop(item["Name"], None)
        else:
            pairs[item["Name"]] = item.get("Data") or ""
    texts = [cim.embedded(KVP_ITEM, {"Name": name, "Data": data, "Source": source}) for name, data in pairs.items()]
    shadow.overlay.set(KVP_SETTINGS, keys, {LISTS[source]: texts})
    return {}


METHODS = {(VM_SERVICE.name, method): _write for method in ("AddKvpItems", "ModifyKvpItems", "RemoveKvpItems")}
