"""Settings of live migration, off on a new host (Enable-VMMigration docs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine


class Migration(Service):
    def install(self, machine: Machine) -> None:
        machine.repository.add(
            "Msvm_VirtualSystemMigrationServiceSettingData",
            {
                "InstanceID": f"Microsoft:{machine.name.upper()}",
                "ElementName": machine.name,
                "EnableVirtualSystemMigration": machine.spec["live_migration"],
            },
        )
