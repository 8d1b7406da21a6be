# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of the parts of a VM: controllers, drives, media, adapters, connections and features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Unforeseen
from ..._wsman import cim
from ..._wsman.cim import CimClass, Instance, Reference
from ..network.adapter import FEATURE_DEFAULTS, FEATURES
from ..schema import (
    BOOT_SOURCE,
    CONNECTION,
    LEGACY_ADAPTER,
    MEDIUM,
    RESOURCE,
    SWITCH,
    SYNTHETIC_ADAPTER,
    VM_SERVICE,
    VM_SETTINGS,
)
from ..vm.parts import CLASSES
from .client import Call, Shadow, embedded
from .overlay import owner

_BY_NAME = {cls.name: cls for cls in (*CLASSES, *FEATURES)}
_CONTROLLER, _DRIVES = 6, (16, 17)  # ResourceType
_ON_ADAPTERS = (CONNECTION, *FEATURES)


def _class(name: str) -> CimClass:
    if name not in _BY_NAME:
        raise Unforeseen(f"check mode can't foresee changes of {name}")
    return _BY_NAME[name]


# ---- resources ----


def add_resources(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """Each resource under the id that hosts give it: within that of its parent, or a new one within the VM's."""
    vm = owner(call.arguments["AffectedConfiguration"].keys["InstanceID"])
    return {
        "ResultingResourceSettings": [_add(shadow, vm, embedded(text)) for text in call.arguments["ResourceSettings"]]
    }


def _add(shadow: Shadow, vm: str, given: Instance) -> Reference:
    cls = _class(given["__CLASS"])
    row = {**_defaults(cls), **given, "InstanceID": _new_instance_id(shadow, vm, cls, given)}
    if cls is CONNECTION:
        row |= _switch_name(shadow, row)
    shadow.overlay.add(cls, row)
    if cls is SYNTHETIC_ADAPTER or row.get("ResourceType") in _DRIVES:
        _append_boot_source(shadow, vm, row["InstanceID"])
    return cls.reference({"InstanceID": row["InstanceID"]})


def _defaults(cls: CimClass) -> dict[str, Any]:
    if cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER):
        return {"StaticMacAddress": False, "DeviceNamingEnabled": False}
    return {}


def _new_instance_id(shadow: Shadow, vm: str, cls: CimClass, given: Instance) -> str:
    parent = cim.parse_path(given["Parent"]).keys["InstanceID"] if given.get("Parent") else ""
    if cls is CONNECTION:
        return f"{parent}\\C"
    if cls is MEDIUM:
        return f"{parent.removesuffix('D')}L"
    if cls is RESOURCE and given["ResourceType"] in _DRIVES:
        return f"{parent}\\{given['AddressOnParent']}\\D"
    if cls is RESOURCE and given["ResourceType"] == _CONTROLLER:
        return f"Microsoft:{vm}\\{shadow.overlay.new_id()}\\0"
    if cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER):
        return f"Microsoft:{vm}\\{shadow.overlay.new_id()}"
    raise Unforeseen(f"check mode can't foresee a new {cls.name}")


def modify_resources(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    for text in call.arguments["ResourceSettings"]:
        values = embedded(text)
        cls = _class(values["__CLASS"])
        if cls is CONNECTION:
            values |= _switch_name(shadow, values)
        shadow.overlay.set(cls, values, values)
    return {}


def _switch_name(shadow: Shadow, connection: Mapping[str, Any]) -> dict[str, Any]:
    """The name of the switch, which hosts keep with a connection."""
    paths = connection.get("HostResource") or []
    keys = cim.parse_path(paths[0]).keys if paths else {}
    if keys.get("CreationClassName") != SWITCH.name:
        return {}
    rows = shadow.query(SWITCH, columns=("ElementName",), where=f"Name = {cim.quote(keys['Name'])}")
    return {"LastKnownSwitchName": rows[0]["ElementName"]} if rows else {}


def remove_resources(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The connection and the features of an adapter go with it."""
    for reference in call.arguments["ResourceSettings"]:
        cls, instance_id = _class(reference.class_name), reference.keys["InstanceID"]
        shadow.overlay.remove(cls, reference.keys)
        if cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER):
            where = f"InstanceID LIKE {cim.like_prefix(instance_id + chr(92))}"
            for part in _ON_ADAPTERS:
                for row in shadow.query(part, columns=("InstanceID",), where=where):
                    shadow.overlay.remove(part, row)
        if cls is SYNTHETIC_ADAPTER or cls is RESOURCE:
            _remove_boot_source(shadow, owner(instance_id), instance_id)
    return {}


# ---- boot sources: one for each drive and adapter of a generation 2 VM ----


def _append_boot_source(shadow: Shadow, vm: str, device: str) -> None:
    order = _boot_order(shadow, vm)
    if order is not None:
        _set_boot_order(shadow, vm, [*order, BOOT_SOURCE.reference({"InstanceID": f"{device}\\B"}).path()])


def _remove_boot_source(shadow: Shadow, vm: str, device: str) -> None:
    order = _boot_order(shadow, vm)
    if order is not None:
        source = f"{device}\\B".lower()
        _set_boot_order(shadow, vm, [path for path in order if _source(path) != source])


def _source(path: str) -> str:
    return cim.parse_path(path).keys["InstanceID"].lower()


def _boot_order(shadow: Shadow, vm: str) -> list[str] | None:
    """The boot sources of a generation 2 VM; None for generation 1."""
    settings = shadow.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm}"})
    return settings["BootSourceOrder"] if (settings["VirtualSystemSubType"] or "").endswith("2") else None


def _set_boot_order(shadow: Shadow, vm: str, order: list[str]) -> None:
    shadow.overlay.set(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm}"}, {"BootSourceOrder": order})


# ---- features ----


def add_features(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    connection = call.arguments["AffectedConfiguration"].keys["InstanceID"]
    for text in call.arguments["FeatureSettings"]:
        given = embedded(text)
        cls = _class(given["__CLASS"])
        row = {**FEATURE_DEFAULTS[cls.name], **given, "InstanceID": f"{connection}\\{cls.name}"}
        shadow.overlay.add(cls, row)
    return {}


def modify_features(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    for text in call.arguments["FeatureSettings"]:
        values = embedded(text)
        shadow.overlay.set(_class(values["__CLASS"]), values, values)
    return {}


def remove_features(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    for reference in call.arguments["FeatureSettings"]:
        shadow.overlay.remove(_class(reference.class_name), reference.keys)
    return {}


METHODS = {
    (VM_SERVICE.name, "AddResourceSettings"): add_resources,
    (VM_SERVICE.name, "ModifyResourceSettings"): modify_resources,
    (VM_SERVICE.name, "RemoveResourceSettings"): remove_resources,
    (VM_SERVICE.name, "AddFeatureSettings"): add_features,
    (VM_SERVICE.name, "ModifyFeatureSettings"): modify_features,
    (VM_SERVICE.name, "RemoveFeatureSettings"): remove_features,
}
