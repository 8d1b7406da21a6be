# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The relay of the benchmark: what it counts, and that it never delivers early."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from ansible_collections.nested.hyperv.tests.benchmarks.network import relay


@pytest.fixture
def echo():
    """Answers each line in capitals; returns the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection):
            with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
                for line in lines:
                    connection.sendall(line.upper())

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def talk(port, *messages):
    """Send each message in two pieces and wait for its answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for message in messages:
            connection.sendall(message[:1])
            connection.sendall(message[1:] + b"\n")
            assert answers.readline() == message.upper() + b"\n"


def test_round_trips_are_connections_and_answers_waited_for(echo):
    with relay(echo) as far:
        talk(far.port, b"one")
        assert far.round_trips == 2
        talk(far.port, b"two", b"three", b"four")
        assert far.round_trips == 2 + 4


def test_order_and_content_survive(echo):
    message = bytes(range(97, 123)) * 40_000
    with relay(echo, 0.01) as far:
        talk(far.port, message, b"short", message)


def test_nothing_arrives_early(echo):
    begun = time.monotonic()
    with relay(echo, 0.1) as far:
        talk(far.port, b"one", b"two")
        assert far.round_trips == 3
    assert time.monotonic() - begun >= 0.3
