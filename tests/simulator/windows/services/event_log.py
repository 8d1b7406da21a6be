"""Win32_NTLogEvent (root/cimv2): the event logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.schema import CIMV2
from ...machine.service import Service
from ..events import KINDS

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine


class EventLogs(Service):
    def install(self, machine: Machine) -> None:
        machine.repository.provide("Win32_NTLogEvent", lambda: _events(machine), CIMV2)


def _events(machine: Machine) -> Iterator[Instance]:
    """The newest first, as the provider reads them."""
    for event in reversed(machine.events.events):
        values = {
            "Logfile": event.log,
            "RecordNumber": event.number,
            "Category": 0,
            "ComputerName": machine.name,
            "EventCode": event.code & 0xFFFF,
            "EventIdentifier": event.code,
            "EventType": event.kind,
            "InsertionStrings": list(event.strings),
            "Message": event.message,
            "SourceName": event.source,
            "TimeGenerated": event.time,
            "TimeWritten": event.time,
            "Type": KINDS[event.kind],
        }
        yield machine.repository.new("Win32_NTLogEvent", values, CIMV2)
