# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All parts of one VM in one query, whatever their classes; class by class where a host doesn't take that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import CimClass
from ..._wsman.faults import FilterRefused, InvalidClass, NotSupported
from ..network import adapter
from ..schema import (
    CONNECTION,
    INTEGRATION_SERVICES,
    LEGACY_ADAPTER,
    MEDIUM,
    MEMORY,
    PROCESSOR,
    RESOURCE,
    SYNTHETIC_ADAPTER,
    V2,
)
from .find import VM, of_vms

Rows = dict[str, list[dict[str, Any]]]

CLASSES = (
    PROCESSOR,
    MEMORY,
    SYNTHETIC_ADAPTER,
    LEGACY_ADAPTER,
    CONNECTION,
    RESOURCE,
    MEDIUM,
    *INTEGRATION_SERVICES.values(),
)
_ANY_FEATURE = "Msvm_EthernetSwitchPortFeatureSettingData"
_REFUSALS = (FilterRefused, InvalidClass, NotSupported)


def read(host: Host, vm: VM) -> Rows:
    """The rows of what a VM is made of, by class name."""
    types = {cls.name: cls for cls in CLASSES}
    try:
        rows = host.client.associators(
            vm.settings_reference, types, assoc_class="Msvm_VirtualSystemSettingDataComponent"
        )
    except _REFUSALS:
        rows = []
    found = _by_class(rows, CLASSES)
    if found[PROCESSOR.name] or found[MEMORY.name]:
        return found
    where = of_vms([vm])
    return {cls.name: host.client.query(cls, columns=tuple(cls.properties), where=where) for cls in CLASSES}


def features(host: Host, vm: VM, classes: list[CimClass]) -> Rows:
    """The rows of these features of the VM's adapters by class name, several in one query of their common class."""
    if len(classes) < 2:
        return {cls.name: adapter.rows(host, [vm], cls) for cls in classes}
    where = f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{vm.id}{chr(92)}')}"
    try:
        rows = host.client.wql(V2, f"SELECT * FROM {_ANY_FEATURE} WHERE {where}", {cls.name: cls for cls in classes})
    except _REFUSALS:
        return {cls.name: adapter.rows(host, [vm], cls) for cls in classes}
    return _by_class(rows, classes)


def _by_class(rows: list[dict[str, Any]], classes: Iterable[CimClass]) -> Rows:
    found: Rows = {cls.name: [] for cls in classes}
    for row in rows:
        if row["__CLASS"] in found:
            found[row["__CLASS"]].append(row)
    return found
