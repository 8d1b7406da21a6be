"""MSFT_PhysicalDisk (root/Microsoft/Windows/Storage): the disks of a machine, and whether a pool may use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.values import Instance
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine

STORAGE, DISK = "root/Microsoft/Windows/Storage", "MSFT_PhysicalDisk"
SAS, NVME = 10, 17  # BusType docs; disks of generation 2 VMs are SAS
INSUFFICIENT_CAPACITY = 5  # CannotPoolReason docs, of disks with partitions that fill them
HOST_DISK = 2 << 40


class PhysicalDisks(Service):
    def install(self, machine: Machine) -> None:
        machine.repository.provide(DISK, lambda: _rows(machine), STORAGE)


def _rows(machine: Machine) -> Iterator[Instance]:
    """A disk per drive of the VM with a file; a host has a single one. The first holds Windows."""
    for number, (size, is_empty) in enumerate(_disks(machine)):
        can_pool = is_empty and number > 0
        yield machine.repository.new(
            DISK,
            {
                "ObjectId": rf"{{1}}\\{machine.name}\{STORAGE}/Providers_v2\SPACES_PhysicalDisk.PD:{number}",
                "UniqueId": f"6002248{number:025X}",
                "DeviceId": str(number),
                "FriendlyName": "Msft Virtual Disk" if machine.inside else "NVMe Disk",
                "BusType": SAS if machine.inside else NVME,
                "Size": size,
                "AllocatedSize": 0 if can_pool else size,
                "CanPool": can_pool,
                "CannotPoolReason": None if can_pool else [INSUFFICIENT_CAPACITY],
                "HealthStatus": 0,
                "MediaType": 0,
                "Usage": 1,
            },
            STORAGE,
        )


def _disks(machine: Machine) -> Iterator[tuple[int, bool]]:
    """Size of each disk, and whether it has no partitions."""
    if machine.inside is None or machine.host is None:
        yield HOST_DISK, False
        return
    for row in machine.inside.rows("Msvm_StorageAllocationSettingData"):
        file = machine.host.files.get((row["HostResource"] or [""])[0])
        if file and file.disk:
            yield file.disk.size, not file.disk.minimum
