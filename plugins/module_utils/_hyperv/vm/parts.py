# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of one VM: each fetched when a plan first looks at it, or all of them in one query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..._task.errors import Missing
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.cim import CimClass
from ..._wsman.faults import EncodingLimit, FilterRefused, InvalidClass, NotSupported
from ..network import adapter
from ..network.adapter import Adapter, Slot
from ..schema import (
    CONNECTION,
    INTEGRATION_SERVICES,
    LEGACY_ADAPTER,
    MEDIUM,
    MEMORY,
    PROCESSOR,
    RESOURCE,
    SECURITY,
    SYNTHETIC_ADAPTER,
    V2,
    VM_SETTINGS,
)
from ..storage import layout as layouts
from ..storage.layout import Layout
from .find import VM, of_vms

Row = dict[str, Any]
Rows = dict[str, list[Row]]

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
# The host doesn't take the query, or has a row that must be read alone.
_REFUSALS = (FilterRefused, InvalidClass, NotSupported, EncodingLimit)

# VMs of configuration versions below 8.0 have no security settings at all.
NO_SECURITY: Row = {"TpmEnabled": False, "InstanceID": None}


@dataclass
class Parts:
    """A VM and its parts; ``rules`` are the support rules (``_policy.rules.nesting``) for plans that enforce them.

    Steps that are applied keep the parts up to date; the parts named ``planned_…`` are as the plan intends them.
    """

    host: Target
    vm: VM
    rules: Any = None
    folder: str | None = None  # the folder of its own that a VM gets when it is created

    @cached_property
    def settings(self) -> Row:
        """The VM's own settings; a Get, which copes with properties that older hosts don't have."""
        return self.host.client.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{self.vm.id}"})

    @cached_property
    def planned_version(self) -> str | None:
        """The configuration version as the steps planned so far leave it."""
        return self.settings["Version"]

    @cached_property
    def processor(self) -> Row:
        return fetch_row(self.host, self.vm, PROCESSOR)

    @cached_property
    def memory(self) -> Row:
        return fetch_row(self.host, self.vm, MEMORY)

    @cached_property
    def planned_memory(self) -> Row:
        """The memory as the steps planned so far leave it."""
        return self.memory

    @cached_property
    def security(self) -> Row:
        rows = self.host.client.query(SECURITY, columns=tuple(SECURITY.properties), where=of_vms([self.vm]))
        return rows[0] if rows else NO_SECURITY

    @cached_property
    def integration(self) -> Mapping[str, Row]:
        """The integration services by the names that options give them."""
        return services(query_parts(self.host, self.vm))

    @cached_property
    def layout(self) -> Layout:
        return layouts.fetch(self.host, self.vm)

    @cached_property
    def planned_layout(self) -> Layout:
        """The layout as the steps planned so far leave it."""
        return self.layout.copy()

    @cached_property
    def planned_folders(self) -> set[str]:
        """The folders that the steps planned so far create."""
        return {self.folder} if self.folder else set()

    @cached_property
    def adapters(self) -> list[Adapter]:
        return adapter.fetch(self.host, [self.vm])

    @cached_property
    def slots(self) -> dict[str, Slot]:
        """The adapters by name, also those that planned steps add."""
        return {current.name: Slot(self.host, self.vm, current, lambda: self.generation) for current in self.adapters}

    @property
    def generation(self) -> int:
        return generation(self.settings)


def generation(settings: Mapping[str, Any]) -> int:
    """1 or 2, from the VM's subtype (Msvm_VirtualSystemSettingData); old VMs have none and are generation 1."""
    number = (settings.get("VirtualSystemSubType") or "").rpartition(":")[2] or "1"
    return cim.convert("uint8", number, "VirtualSystemSubType")


def services(rows: Rows) -> dict[str, Row]:
    """The integration services among the rows of a VM's parts; their classes identify them, in every language."""
    return {name: rows[cls.name][0] for name, cls in INTEGRATION_SERVICES.items() if rows[cls.name]}


def fetch_row(host: Target, vm: VM, cls: CimClass) -> Row:
    """The VM's one instance of a setting class; one request. Raises Missing."""
    rows = host.client.query(cls, columns=tuple(cls.properties), where=of_vms([vm]))
    if not rows:
        raise Missing(f"{vm} has no {cls.name}; the host is changing it, or you lack the rights to see it", vm=vm.name)
    return rows[0]


def fetch_all(parts: Parts, features: list[CimClass]) -> Parts:
    """Fetch the settings, and all parts in one query, with these features of the adapters. Raises Missing."""
    host, vm = parts.host, parts.vm
    rows = query_parts(host, vm)
    if not (rows[PROCESSOR.name] and rows[MEMORY.name]):
        raise Missing(f"{vm} has no settings; somebody is removing it, or you lack the rights to see them", vm=vm.name)
    parts.processor, parts.memory = rows[PROCESSOR.name][0], rows[MEMORY.name][0]
    parts.integration = services(rows)
    parts.layout = layouts.arrange(rows[RESOURCE.name], rows[MEDIUM.name])
    parts.adapters = adapter.arrange(
        [(cls, row) for cls in (SYNTHETIC_ADAPTER, LEGACY_ADAPTER) for row in rows[cls.name]],
        rows[CONNECTION.name],
        query_features(host, vm, features) if rows[CONNECTION.name] else {},
    )
    return parts


def query_parts(host: Target, vm: VM) -> Rows:
    """The rows of a VM's parts by class name: one query, or one for each class if the host doesn't take it."""
    types = {cls.name: cls for cls in CLASSES}
    try:
        rows = host.client.associators(
            vm.settings_reference, types, assoc_class="Msvm_VirtualSystemSettingDataComponent"
        )
    except _REFUSALS:
        rows = []
    by_class = _by_class(rows, CLASSES)
    if by_class[PROCESSOR.name] or by_class[MEMORY.name]:
        return by_class
    where = of_vms([vm])
    return {cls.name: host.client.query(cls, columns=tuple(cls.properties), where=where) for cls in CLASSES}


def query_features(host: Target, vm: VM, classes: list[CimClass]) -> Rows:
    """The rows of these features of the VM's adapters by class name, several in one query of their common class."""
    if len(classes) < 2:
        return {cls.name: adapter.query_rows(host, [vm], cls) for cls in classes}
    where = f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{vm.id}{chr(92)}')}"
    try:
        rows = host.client.wql(V2, f"SELECT * FROM {_ANY_FEATURE} WHERE {where}", {cls.name: cls for cls in classes})
    except _REFUSALS:
        return {cls.name: adapter.query_rows(host, [vm], cls) for cls in classes}
    return _by_class(rows, classes)


def _by_class(rows: list[Row], classes: Iterable[CimClass]) -> Rows:
    by_class: Rows = {cls.name: [] for cls in classes}
    for row in rows:
        if row["__CLASS"] in by_class:
            by_class[row["__CLASS"]].append(row)
    return by_class
