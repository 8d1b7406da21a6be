# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port that is reserved refuses connections, is given to nobody else, and can be listened on again and again."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.nested.hyperv.tests.simulator.wire.reservation import reserve
from ansible_collections.nested.hyperv.tests.simulator.wire.ssh import SshListener


def test_a_listener_keeps_its_port_while_it_is_stopped() -> None:
    listener = SshListener()
    listener.start()
    port = listener.port
    try:
        for _number in range(3):
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert client.recv(4) == b"SSH-"
            listener.stop()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            with pytest.raises(OSError), socket.socket() as other:  # noqa: PT011 - whatever the system calls it
                other.bind(("127.0.0.1", port))
            listener.start()
            assert listener.port == port
    finally:
        listener.close()
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_that_is_listened_on_is_no_listener_s() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listener = SshListener()
        listener.port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            listener.start()
        listener.close()


def test_any_free_port() -> None:
    with reserve("127.0.0.1", 0) as first, reserve("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
