"""MAC addresses that a host assigns to adapters without a static address."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..machine.machine import Machine


class MacAddresses:
    """The range of a host, as its management service's settings have it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._numbers = itertools.count()
        self._returned: list[str] = []

    @property
    def prefix(self) -> str:
        """The first ten digits of the default range: Microsoft's OUI and two bytes that differ between hosts."""
        return f"00155D{zlib.crc32(self._machine.name.lower().encode()) & 0xFFFF:04X}"

    def next(self) -> str:
        """The next free address of the range; if the range is used up, one that is in use already.

        Hyper-V doesn't start such a VM; a model with more running adapters than addresses gets duplicates instead.
        """
        repository = self._machine.repository
        settings = repository.row(
            "Msvm_VirtualSystemManagementServiceSettingData", InstanceID=f"Microsoft:{self._machine.name}"
        )
        low, high = (int(settings[name], 16) for name in ("MinimumMacAddress", "MaximumMacAddress"))
        number, size = next(self._numbers), high - low + 1
        if number and number % size == 0:
            taken = {row["Address"] for row in repository.rows("CIM_EthernetPortAllocationSettingData")}
            self._returned = [mac for mac in map(_text, range(low, high + 1)) if mac not in taken]
        return self._returned.pop(0) if self._returned else _text(low + number % size)


def _text(number: int) -> str:
    return f"{number:012X}"
