"""The request log: one entry per HTTP request, in memory and optionally as JSON lines in a file."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

_logger = logging.getLogger("simulator")


@dataclass(frozen=True, slots=True)
class Entry:
    """`authentication` marks a leg of a handshake, without WS-Management; bytes are those of the HTTP bodies.

    `not_modelled` is the class of a query that real hosts have and the simulator lacks.
    """

    time: float
    host: str
    scheme: str
    connection: int
    user: str
    authentication: bool
    action: str
    resource: str
    class_name: str
    method: str
    bytes_in: int
    bytes_out: int
    status: int
    fault: int | None
    seconds: float
    encrypted: bool
    not_modelled: str = ""


class RequestLog:
    """Entries of all machines of a simulation, oldest first."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._missing: set[str] = set()
        self._lock = threading.Lock()
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path else None

    def add(self, entry: Entry) -> None:
        if entry.not_modelled and entry.not_modelled not in self._missing:
            self._missing.add(entry.not_modelled)
            _logger.warning("%s has no %s, which real hosts have", entry.host, entry.not_modelled)
        with self._lock:
            self._entries.append(entry)
            if self._file:
                self._file.write(json.dumps(asdict(entry)) + "\n")
                self._file.flush()

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def requests(self, host: str | None = None) -> list[Entry]:
        """The requests that carried WS-Management, without the legs of authentication."""
        return [entry for entry in self if not entry.authentication and host in (None, entry.host)]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None
