# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integration services of a VM, told apart by their CIM class, since their display names are localized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import vm as vms
from .schema import INTEGRATION_SERVICES
from .session import Host
from .step import Step
from .vm import VM

OPTIONS: dict[str, Any] = {name: {"type": "bool"} for name in INTEGRATION_SERVICES}

_ENABLED, _DISABLED = 2, 3


def plan(host: Host, vm: VM, wanted: Mapping[str, bool | None]) -> list[Step]:
    """A step for each service that is asked for; one request each to read it."""
    steps = []
    for name, enabled in wanted.items():
        if enabled is not None:
            row = vms.setting(host, vm, INTEGRATION_SERVICES[name])
            steps.append(_step(host, vm, name, row, enabled))
    return steps


def _step(host: Host, vm: VM, name: str, row: Mapping[str, Any], enabled: bool) -> Step:
    def apply() -> None:
        values = {"EnabledState": _ENABLED if enabled else _DISABLED}
        vms.modify_resource(host, vm, INTEGRATION_SERVICES[name], row["InstanceID"], values)

    return Step(
        f"turn integration service {name} of {vm} {'on' if enabled else 'off'}",
        {"integration_services": {name: row["EnabledState"] == _ENABLED}},
        {"integration_services": {name: enabled}},
        apply,
    )
