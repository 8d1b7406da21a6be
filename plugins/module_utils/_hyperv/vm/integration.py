# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integration services of a VM, identified by their CIM class, because their display names are localized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Refused
from ..._task.step import Step
from ..schema import INTEGRATION_SERVICES
from . import resources
from .find import SAVED
from .parts import Parts

OPTIONS: dict[str, Any] = {name: {"type": "bool"} for name in INTEGRATION_SERVICES}

ENABLED, _DISABLED = 2, 3

# The services of a VM that was just created: the guest service interface is the one that is off.
FRESH: dict[str, dict[str, Any]] = {
    name: {"EnabledState": _DISABLED if name == "guest_service_interface" else ENABLED} for name in INTEGRATION_SERVICES
}


def parse(options: Mapping[str, bool | None]) -> dict[str, bool]:
    """The services that the task speaks of, and whether they are wanted."""
    return {name: enabled for name, enabled in options.items() if enabled is not None}


def plan(parts: Parts, wanted: Mapping[str, bool]) -> list[Step]:
    """A step for each service. Raises Refused if the VM doesn't have it."""
    missing = [name for name in wanted if name not in parts.integration]
    if missing:
        raise Refused(
            f"{parts.vm} does not have this service, because its configuration version or the host is too old; "
            "leave it out",
            option=missing[0],
            vm=parts.vm.name,
        )
    return [_service_step(parts, name, enabled) for name, enabled in wanted.items()]


def _service_step(parts: Parts, name: str, enabled: bool) -> Step:
    what = f"turn integration service {name} of {parts.vm} {'on' if enabled else 'off'}"

    def apply() -> None:
        instance_id = parts.integration[name]["InstanceID"]
        values = {"EnabledState": ENABLED if enabled else _DISABLED}
        resources.modify(parts.host, INTEGRATION_SERVICES[name], instance_id, values, what)

    before = parts.integration[name]["EnabledState"] == ENABLED
    return Step(what, {name: before}, {name: enabled}, apply, (name,) if parts.vm.state == SAVED else ())
