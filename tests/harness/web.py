# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web servers that answer as a test says, and a proxy: for hosts and networks that the simulator does not behave as."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

# Status, headers, body; None closes the connection without an answer.
Answer: TypeAlias = "tuple[int, dict[str, str], bytes] | None"
Answers: TypeAlias = "list[Answer] | Callable[[Request], Answer]"


class Request(BaseHTTPRequestHandler):
    """A POST that the server has received; `body` is its content."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server
    body = b""

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        web = self.server.web
        web.requests.append((dict(self.headers), self.body))
        web.connections.add(self.client_address)
        answer = web.answers(self) if callable(web.answers) else web.answers.pop(0)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `requests`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: WebServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off are part of the tests."""


class WebServer:
    """Answers POSTs from a list, or by a function of the request."""

    def __init__(self, answers: Answers, context: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: set[Any] = set()
        self._http = _Server(("127.0.0.1", 0), Request)
        self._http.web = self
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port: int = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class TunnelProxy:
    """A proxy that takes CONNECT, over TLS if a context is given. `targets` are the tunnels it was asked for."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.targets: list[str] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                near = self._context.wrap_socket(near, server_side=True)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                octet = near.recv(1)
                if not octet:
                    return
                head += octet
            target = head.split()[1].decode()
            self.targets.append(target)
            host, _colon, port = target.rpartition(":")
            far = socket.create_connection((host, int(port)))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_pump, args=(far, near), daemon=True).start()
            _pump(near, far)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def web_servers() -> Iterator[Callable[..., WebServer]]:
    """Yields a function that starts a WebServer; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(answers: Answers, context: ssl.SSLContext | None = None) -> WebServer:
            server = WebServer(answers, context)
            stack.callback(server.stop)
            return server

        yield start
