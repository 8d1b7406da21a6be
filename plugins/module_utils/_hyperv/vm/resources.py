# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding, changing and removing the resources of a VM (Msvm_VirtualSystemManagementService)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._task.answer import Look
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.cim import CimClass
from .. import jobs
from ..schema import VM_SERVICE, VM_SETTINGS
from .find import VM


def add(host: Target, vm: VM, settings: list[str], what: str, look: Look | None = None) -> list[str]:
    """Add resources, given as embedded instances; their InstanceIDs, or none if the host answers with a job.

    ``look`` shows whether they were added, for resources that have no name or place of their own.
    """
    answer = jobs.call(
        host,
        VM_SERVICE,
        "AddResourceSettings",
        {"AffectedConfiguration": vm.settings_reference, "ResourceSettings": settings},
        returns={"ResultingResourceSettings": "ref[]"},
        what=what,
        look=look,
    )
    return [reference.keys["InstanceID"] for reference in answer["ResultingResourceSettings"]]


def modify(host: Target, cls: CimClass, instance_id: str, values: Mapping[str, Any], what: str) -> None:
    """Write these properties of one resource and no others.

    The provider validates the whole embedded instance, so an untouched property can make a good change fail.
    """
    settings = [cim.embedded(cls, {"InstanceID": instance_id, **values})]
    jobs.call(host, VM_SERVICE, "ModifyResourceSettings", {"ResourceSettings": settings}, what=what)


def previous(row: Mapping[str, Any], written: Iterable[str]) -> dict[str, Any]:
    """The properties that put back what was written to this row; a null property can't be written."""
    return {name: row[name] for name in written if row.get(name) is not None}


def remove(host: Target, cls: CimClass, instance_id: str, what: str) -> None:
    """Remove one resource."""
    reference = cls.reference({"InstanceID": instance_id})
    jobs.call(host, VM_SERVICE, "RemoveResourceSettings", {"ResourceSettings": [reference]}, what=what)


def modify_settings(host: Target, vm: VM, values: Mapping[str, Any]) -> None:
    """Write these properties of the VM's own settings and no others."""
    modify_system(host, f"Microsoft:{vm.id}", values, f"change {', '.join(values)} of {vm}")


def modify_system(host: Target, instance_id: str, values: Mapping[str, Any], what: str) -> None:
    """The same for the settings with this InstanceID, which a VM or a checkpoint has."""
    settings = cim.embedded(VM_SETTINGS, {"InstanceID": instance_id, **values})
    jobs.call(host, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": settings}, what=what)
