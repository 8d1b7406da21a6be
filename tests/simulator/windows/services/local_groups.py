"""Win32_Group (root/cimv2): the local groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.schema import CIMV2
from ...machine.service import Service

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine

ALIAS = 4  # SIDType


class LocalGroups(Service):
    def install(self, machine: Machine) -> None:
        machine.repository.provide("Win32_Group", lambda: _groups(machine), CIMV2)


def _groups(machine: Machine) -> Iterator[Instance]:
    for name in machine.groups:
        values = {
            "Caption": rf"{machine.name}\{name}",
            "Description": machine.groups.comments.get(name.lower(), ""),
            "Domain": machine.name,
            "LocalAccount": True,
            "Name": name,
            "SID": machine.groups.security_id(name),
            "SIDType": ALIAS,
            "Status": "OK",
        }
        yield machine.repository.new("Win32_Group", values, CIMV2)
