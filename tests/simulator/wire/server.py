"""HTTP and HTTPS endpoints of a machine: http.sys and the front of WinRM."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .auth import Authenticator, Session
from .faultrules import Dropped, Refused, operation_of
from .log import Entry, RequestLog
from .reservation import reserve
from .shells import line_of
from .wsman import Exchange, WinRm

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine

PATH = "/wsman"
SOAP_TYPE = "application/soap+xml;charset=UTF-8"
_connections = itertools.count(1)


class Endpoint:
    """One listener of a machine. Can be restarted on the same port after stop()."""

    def __init__(
        self,
        machine: Machine,
        service: WinRm,
        log: RequestLog,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        context: ssl.SSLContext | None = None,
        client_certificates: dict[str, str] | None = None,
    ) -> None:
        self.machine = machine
        self.service = service
        self.log = log
        self.host = host
        self.port = port
        self.context = context
        self.scheme = "https" if context else "http"
        self.authenticator = Authenticator(
            machine, service.settings, tls=context is not None, certificates=client_certificates
        )
        self._reserved: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}:{self.port}{PATH}"

    @property
    def address(self) -> str:
        """The host in the form of a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def listening(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        if self._server is not None:
            return
        if self._reserved is None:
            self._reserved = reserve(self.host, self.port)
            self.port = self._reserved.getsockname()[1]
        self._server = _Server((self.host, self.port), self)
        self._thread = threading.Thread(target=self._server.serve, name=f"endpoint-{self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every open connection, like a machine that shuts down."""
        server, self._server = self._server, None
        if server is None:
            return
        server.stop()
        if self._thread:
            self._thread.join(timeout=5)
        server.server_close()
        server.cut_connections()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        if self._reserved is not None:
            self._reserved.close()
        self.authenticator.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._sockets: set[socket.socket] = set()
        self._sockets_lock = threading.Lock()
        self._wake, self._woken = socket.socketpair()
        super().__init__(address, _Handler)

    def serve(self) -> None:
        """Accept connections until stop(). serve_forever() polls for its end; this loop is woken instead."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while self._woken not in {key.fileobj for key, _events in selector.select()}:
                with contextlib.suppress(OSError):  # the client may have gone before accept()
                    self.process_request(*self.get_request())

    def stop(self) -> None:
        self._wake.close()

    def server_close(self) -> None:
        super().server_close()
        self._wake.close()
        self._woken.close()

    def server_bind(self) -> None:
        # Without the name lookup of HTTPServer, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.endpoint.host, self.server_address[1]

    def track(self, connection: socket.socket) -> None:
        with self._sockets_lock:
            self._sockets.add(connection)

    def forget(self, connection: socket.socket) -> None:
        with self._sockets_lock:
            self._sockets.discard(connection)

    def cut_connections(self) -> None:
        with self._sockets_lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections; report anything else, a bug, on stderr."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 120
    server: _Server

    def setup(self) -> None:
        self.endpoint = self.server.endpoint
        self.connection_id = next(_connections)
        self.session = Session(self.endpoint.authenticator)
        plain: socket.socket = self.request
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(self.timeout)
        if self.endpoint.context is not None:
            # Not at accept(): a slow handshake must not block other clients.
            self.request = self.endpoint.context.wrap_socket(plain, server_side=True)
        self.server.track(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.forget(self.request)
        with contextlib.suppress(OSError):
            super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Not needed: the request log has an entry."""

    def do_GET(self) -> None:
        self._reply(405 if self.path.partition("?")[0].lower().rstrip("/") == PATH else 404)

    do_PUT = do_DELETE = do_HEAD = do_GET

    def do_POST(self) -> None:
        self.started = time.perf_counter()
        self.exchange = Exchange()
        self.sealed = False
        self.received = 0
        length = self.headers.get("Content-Length")
        if length is None or not length.isdigit():
            self._reply(411, close=True)
            return
        limit = self.endpoint.service.settings.max_envelope_kb * 1024
        if int(length) > 2 * limit:
            # Too large even for a sealed message; MS-WSMV 3.1.4.1.7: refused before SOAP.
            self._reply(413, close=True)
            return
        body = self.rfile.read(int(length))
        self.received = len(body)
        if self.path.partition("?")[0].lower().rstrip("/") != PATH:
            self._reply(404)
            return
        try:
            self._handle(body, limit)
        except Dropped:
            self._drop()
        except Refused as refused:
            self._reply(refused.status)
        except (OSError, ssl.SSLError):
            raise
        except Exception:
            # A bug of the simulator: report it on stderr, and 500 to the client.
            traceback.print_exc()
            self._reply(500)

    def _handle(self, body: bytes, limit: int) -> None:
        service = self.endpoint.service
        if self.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated" and not self.headers.get("Authorization"):
            self.exchange.request.identify = True
            self._reply(200, service.identify(anonymous=True).encode())
            return
        outcome = self.session.authenticate(self.headers.get("Authorization"), self._certificate())
        if outcome.user is None:
            self._reply(401, challenges=outcome.headers)
            return
        if not body:
            # Clients that seal their messages authenticate with an empty request first.
            self._reply(200, challenges=outcome.headers, user=outcome.user)
            return
        content_type = self.headers.get("Content-Type", "")
        if content_type.lower().startswith(("multipart/encrypted", "multipart/x-multi-encrypted")):
            try:
                body = self.session.unseal(body)
            except ValueError:
                self._reply(400, close=True)
                return
            self.sealed = True
        elif self.endpoint.context is None and not service.settings.allow_unencrypted:
            # The event log then says that the message was not encrypted; clients see 500 without a body.
            self._reply(500, user=outcome.user)
            return
        if len(body) > limit:
            self._reply(413, user=outcome.user)
            return
        address = (self.headers.get("Host") or self.endpoint.host).rsplit(":", 1)[0].strip("[]")
        self.exchange = service.handle(body, outcome.user, address, self.client_address[0])
        self._reply(self.exchange.status, self.exchange.text.encode(), challenges=outcome.headers, user=outcome.user)

    def _certificate(self) -> bytes | None:
        return self.request.getpeercert(binary_form=True) if isinstance(self.request, ssl.SSLSocket) else None

    def _reply(
        self,
        status: int,
        body: bytes = b"",
        *,
        challenges: Iterable[str] = (),
        user: User | None = None,
        close: bool = False,
    ) -> None:
        """One write per answer; header names and their order as http.sys sends them."""
        lines = [f"HTTP/1.1 {status} "]
        spoils = self.exchange.spoils
        if body:
            content_type = SOAP_TYPE
            if self.sealed and "unseal" not in spoils:
                content_type, body = self.session.seal(body)
            if "garble" in spoils:
                body = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
            lines.append(f"Content-Type: {content_type}")
        lines.append("Server: Microsoft-HTTPAPI/2.0")
        lines += [f"WWW-Authenticate: {challenge}" for challenge in challenges]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if close:
            lines.append("Connection: close")
            self.close_connection = True
        lines.append(f"Content-Length: {len(body)}")
        if self.command == "POST":
            # Before the answer is sent, so that its recipient finds the entry.
            self._record(status, len(body), user)
        if "cut" in spoils:
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def _drop(self) -> None:
        self.close_connection = True
        self._record(0, 0, None)
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def _record(self, status: int, sent: int, user: User | None) -> None:
        request = self.exchange.request
        operation, method = operation_of(request)
        _rest, class_name = request.target
        self.endpoint.log.add(
            Entry(
                time=time.time(),
                host=self.endpoint.machine.name,
                scheme=self.endpoint.scheme,
                connection=self.connection_id,
                user=user.name if user else "",
                authentication=not operation and status in (200, 401),
                action=operation,
                resource=request.resource_uri,
                class_name=class_name,
                method=method or line_of(request.body),
                bytes_in=self.received,
                bytes_out=sent,
                status=status,
                fault=self.exchange.fault,
                seconds=round(time.perf_counter() - self.started, 6),
                encrypted=self.sealed,
                not_modelled=self.exchange.not_modelled,
            )
        )
