"""Whether services greet, asked of real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task import greeting
from ansible_collections.nested.hyperv.plugins.module_utils._task.greeting import SERVICES


@contextmanager
def server(answer: bytes, waits: bool) -> Iterator[int]:
    """A port that gives this answer to one client, at once or after its request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _address = listening.accept()
            with client:
                if waits:
                    client.recv(4096)
                client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


HTTP = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("service", "answer", "said"),
    [
        ("winrm", HTTP % b"401 Unauthorized", ""),
        ("winrm", HTTP % b"200 OK", ""),
        ("winrm", HTTP % b"404 Not Found", "HTTP 404 for /wsman"),
        ("winrm", b"SSH-2.0-OpenSSH_9.6\r\n", "an answer that is not HTTP"),
        ("ssh", b"SSH-2.0-OpenSSH_9.6\r\n", ""),
        ("ssh", b"Welcome\r\nSSH-2.0-x\r\n", ""),
        ("ssh", b"220 ftp\r\n", "an answer that is not SSH"),
        ("ssh", b"", "the connection is closed without a greeting"),
    ],
)
def test_greetings(service: str, answer: bytes, said: str) -> None:
    with server(answer, waits=service == "winrm") as port:
        assert greeting.ask(SERVICES[service], "127.0.0.1", port) == said


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for service in SERVICES.values():
        assert greeting.ask(service, "127.0.0.1", port) == "the connection is refused"


def test_a_name_that_nobody_knows() -> None:
    assert greeting.ask(SERVICES["ssh"], "guest.invalid", 22)
