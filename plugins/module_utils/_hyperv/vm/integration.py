# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integration services of a VM, told apart by their CIM class, since their display names are localized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Refused
from ..._task.session import Host
from ..._task.step import Step
from ..schema import INTEGRATION_SERVICES
from . import find as vms
from .find import VM

OPTIONS: dict[str, Any] = {name: {"type": "bool"} for name in INTEGRATION_SERVICES}

_ENABLED, _DISABLED = 2, 3


# What a VM has that was just made: the guest service interface is the one that is off.
FRESH: dict[str, dict[str, Any]] = {
    name: {"EnabledState": _DISABLED if name == "guest_service_interface" else _ENABLED}
    for name in INTEGRATION_SERVICES
}


def plan(host: Host, vm: VM, rows: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, bool | None]) -> list[Step]:
    """A step for each service that is asked for. Raises Refused where the VM has no such service."""
    asked = {name: enabled for name, enabled in wanted.items() if enabled is not None}
    missing = [name for name in asked if name not in rows]
    if missing:
        raise Refused(
            f"integration_services.{missing[0]}: {vm} has no such service, since its configuration version or this "
            "host is too old; leave it out",
            vm=vm.name,
        )
    return [_step(host, vm, name, rows[name], enabled) for name, enabled in asked.items()]


def _step(host: Host, vm: VM, name: str, row: Mapping[str, Any], enabled: bool) -> Step:
    def apply() -> None:
        values = {"EnabledState": _ENABLED if enabled else _DISABLED}
        vms.modify_resource(host, vm, INTEGRATION_SERVICES[name], row["InstanceID"], values)

    return Step(
        f"turn integration service {name} of {vm} {'on' if enabled else 'off'}",
        {"integration_services": {name: row["EnabledState"] == _ENABLED}},
        {"integration_services": {name: enabled}},
        apply,
        (f"integration_services.{name}",) if vm.state == vms.SAVED else (),
    )
