"""Time of a simulation: one clock that tests can advance, and the events that are due on it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class Clock:
    """Wall time, or a fixed moment after freeze(), plus what advance() added; events run when they are due, in order.

    Every entry of the protocol calls settle(), so a client never sees a state that time has passed by. start() adds a
    thread that settles without being asked, for what nobody polls: guests that finish booting open their endpoint.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._began = time.time() - time.monotonic()
        self._frozen: float | None = None
        self._skips = False
        self._offset = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wake = threading.Condition(self.lock)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def seconds(self) -> float:
        return (self._running() if self._frozen is None else self._frozen) + self._offset

    def _running(self) -> float:
        """The wall time, as it was at the start and without later steps of the system's clock: nothing waits longer."""
        return self._began + time.monotonic()

    def freeze(self, *, skips: bool = False) -> None:
        """Stop: from now on, time passes by advance() alone; or also where a client `skips` what it waits for."""
        with self._wake:
            self._frozen, self._skips = self._running(), skips
            self._wake.notify()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), timezone.utc)

    def since(self, start: datetime) -> timedelta:
        return self.now() - start

    def advance(self, seconds: float) -> None:
        """Let time pass at once, event by event."""
        with self.lock:
            target = self.seconds() + seconds
            while self._events and self._events[0][0] <= target:
                self._offset += max(0.0, self._events[0][0] - self.seconds())
                self.settle()
            self._offset += max(0.0, target - self.seconds())
            self._wake.notify_all()

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Run an event later; with 0 or less at the next settle(), never within this call."""
        with self._wake:
            heapq.heappush(self._events, (self.seconds() + seconds, next(self._order), event))
            self._wake.notify_all()

    def notify(self) -> None:
        """Let those in wait() look again."""
        with self._wake:
            self._wake.notify_all()

    def wait(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait, holding nothing, until `ready()` or until so much time has passed; False in that case."""
        with self._wake:
            deadline = self.seconds() + seconds
            while True:
                self.settle()
                if ready():
                    return True
                left = deadline - self.seconds()
                if left <= 0 or self._stopping:
                    return False
                due = self._events[0][0] - self.seconds() if self._events else left
                if self._skips:
                    self.advance(min(left, due))
                    continue
                self._wake.wait(max(0.001, min(left, due)))

    def settle(self) -> None:
        """Run what is due."""
        with self.lock:
            while self._events and self._events[0][0] <= self.seconds():
                heapq.heappop(self._events)[2]()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="simulator-clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        with self._wake:
            while not self._stopping:
                try:
                    self.settle()
                except Exception:
                    traceback.print_exc()  # a bug in one event must not stop time for all others
                moving = self._events and self._frozen is None
                self._wake.wait(max(0.001, self._events[0][0] - self.seconds()) if moving else None)
