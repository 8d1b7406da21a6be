# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories from configurations of the inventory plugin, in this process, with the warnings that they cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from ansible_collections.nested.hyperv.tests.simulator import Simulation

from . import task

PLUGIN = "nested.hyperv.vms"
# Variables of a connection by which a configuration reaches a host.
_CONNECTION = re.compile(r"ansible_(?:host|port|user|password|winrm_\w+)$")


def connection(sim: Simulation, host: str, **more: Any) -> dict[str, Any]:
    """Variables of a host for the option ``hosts``."""
    return {name: value for name, value in task.variables(sim, host, **more).items() if _CONNECTION.match(name)}


class Inventory:
    """The result of a configuration: hosts with their variables and groups, and warnings."""

    def __init__(self, data: InventoryData, warnings: list[str]) -> None:
        data.reconcile_inventory()
        self.data, self.warnings = data, warnings

    @property
    def hosts(self) -> list[str]:
        return sorted(map(str, self.data.hosts))

    def variables(self, host: str) -> dict[str, Any]:
        """The variables that the plugin has given to a host."""
        return dict(self.data.get_host(host).vars)

    def groups(self, host: str) -> set[str]:
        """The groups of a host, except Ansible's own."""
        return {group.name for group in self.data.get_host(host).get_groups()} - {"all", "ungrouped"}


def parse(
    config: Mapping[str, Any], folder: Path, *, cache: bool = True, before: Mapping[str, Any] | None = None
) -> Inventory:
    """Parse a configuration, as a file of this folder, after an inventory in YAML. Raises AnsibleError."""
    path = folder / "lab.hyperv.yml"
    path.write_text(yaml.safe_dump({"plugin": PLUGIN, **config}, sort_keys=False))
    data, loader = InventoryData(), DataLoader()
    if before is not None:
        earlier = folder / "earlier.yml"
        earlier.write_text(yaml.safe_dump(before))
        inventory_loader.get("ansible.builtin.yaml").parse(data, loader, str(earlier))
        data.processed_sources = [str(earlier)]
    plugin = inventory_loader.get(PLUGIN)
    warnings: list[str] = []
    with mock.patch.object(plugin.display, "warning", lambda text, **_options: warnings.append(str(text))):
        assert plugin.verify_file(str(path))
        plugin.parse(data, loader, str(path), cache=cache)
    plugin.update_cache_if_changed() if hasattr(plugin, "_cache") else None
    return Inventory(data, warnings)
