"""A relay in front of a host that makes it seem far away, and counts the round trips that a client waits for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator


class Relay:
    """Passes TCP connections on to a port of this machine; what either side sends arrives half a round trip later.

    Connecting takes a round trip, too: the kernel accepts at once, so the first octets are held back for as long.
    TCP's slow start is not simulated, which favours clients that send much at once.
    """

    def __init__(self, port: int, round_trip: float = 0.0) -> None:
        self.round_trip = round_trip
        self.round_trips = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"relay-{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._connection, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        flight = _Flight(self)
        with contextlib.suppress(OSError):
            host, to_host = await asyncio.open_connection("127.0.0.1", self._target)
            for writer in (to_client, to_host):
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            half = self.round_trip / 2
            await asyncio.gather(
                _carry(client, to_host, half, flight.sent, not_before=time.monotonic() + self.round_trip),
                _carry(host, to_client, half, received=flight.received),
            )


class _Flight:
    """Whose turn it is on one connection. A round trip begins if the client sends after it has received something."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._waiting = False
        relay.round_trips += 1  # SYN, SYN ACK

    def sent(self) -> None:
        if not self._waiting:
            self._relay.round_trips += 1
        self._waiting = True

    def received(self) -> None:
        self._waiting = False


def _ignore() -> None:
    pass


async def _carry(
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter,
    delay: float,
    sent: Callable[[], None] = _ignore,
    received: Callable[[], None] = _ignore,
    not_before: float = 0.0,
) -> None:
    """Pass octets on, each chunk `delay` seconds after it came and none before `not_before`."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        data = b"-"
        while data:
            due, data = await queue.get()
            await asyncio.sleep(due - time.monotonic())
            if data:
                received()
                target.write(data)
                await target.drain()
        target.close()

    delivery = asyncio.ensure_future(deliver())
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sent()
            queue.put_nowait((max(time.monotonic(), not_before) + delay, data))
    queue.put_nowait((max(time.monotonic(), not_before) + delay, b""))
    await delivery


@contextlib.contextmanager
def relay(port: int, round_trip: float = 0.0) -> Iterator[Relay]:
    """Yields a relay to the port."""
    started = Relay(port, round_trip)
    try:
        yield started
    finally:
        started.close()
