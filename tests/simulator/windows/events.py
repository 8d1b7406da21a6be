"""The event logs of a machine."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..machine.clock import Clock

# EventType of Win32_NTLogEvent, with its Type.
ERROR, WARNING, INFORMATION = 1, 2, 3
KINDS = {ERROR: "Error", WARNING: "Warning", INFORMATION: "Information"}
APPLICATION, SYSTEM = "Application", "System"


class Event(NamedTuple):
    log: str
    number: int
    time: datetime
    source: str
    kind: int
    code: int
    message: str
    strings: tuple[str, ...]


class EventLog:
    """Events of all logs, the oldest first; each log numbers its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.events: list[Event] = []

    def write(self, log: str, source: str, kind: int, code: int, message: str, strings: tuple[str, ...] = ()) -> None:
        number = 1 + sum(event.log == log for event in self.events)
        self.events.append(Event(log, number, self._clock.now(), source, kind, code, message, strings or (message,)))
