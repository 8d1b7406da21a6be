# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up in Ansible's parent process what each of its workers would otherwise set up for one task.

A query over NTLM is run against canned answers, through all of pywinrm, requests, urllib3, http.client and pyspnego:
patterns get compiled, OpenSSL's provider of old ciphers loaded, code specialised. A third of the controller's CPU time
of a small task. No port is opened: both ends of the connection are a pair of sockets of this process.
"""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from . import tls
from .adapter import Connection
from .cim import CimClass, Instance
from .client import Client
from .options import ConnectionOptions
from .transport import HttpTransport

try:
    import requests
    from urllib3.connectionpool import HTTPConnectionPool
except ImportError:  # transport.py reports it
    HTTPConnectionPool = object

# The CHALLENGE_MESSAGE of MS-NLMP 4.2.4.3.
_CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f"
    "53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
)
# Its content is not encrypted.
_CONTENT_TYPE = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
_ROWS = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:RelatesTo>%s</a:RelatesTo></s:Header>'
    "<s:Body>"
    '<n:EnumerateResponse xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><n:EnumerationContext/><w:Items>'
    '<p:Class xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Class"><p:Name>name</p:Name></p:Class>'
    "</w:Items><w:EndOfSequence/></n:EnumerateResponse></s:Body></s:Envelope>"
)
_QUERIES = 3


def warm_up() -> None:
    """Prepare this process. Errors are ignored: a cause that persists is reported by the task that meets it."""
    for prepare in (tls.prepare, rehearse):
        with contextlib.suppress(Exception):
            prepare()


def rehearse() -> list[Instance]:
    """The rows of a query over NTLM, which canned answers are given to."""
    options = ConnectionOptions("http://127.0.0.1:5985/wsman", "ntlm", "user", "password", proxy=None)
    cls = CimClass("root/cimv2", "Class", ("Name",), {"Name": "string"})
    transport = _Rehearsal(options)
    with Client(transport.send, close=transport.close) as client:
        return [row for _query in range(_QUERIES) for row in client.query(cls, ("Name",), {"Name": "name"})]


class _Rehearsal(HttpTransport):
    """A transport with a connection that goes nowhere. Its answers are not sealed, but belong to the requests."""

    def send(self, envelope: bytes) -> bytes:
        message_id = envelope.partition(b"<a:MessageID>")[2].partition(b"<")[0]
        return super().send(envelope).replace(b"%s", message_id)

    def _unseal(self, response: requests.Response) -> bytes:
        return response.content

    def _exchange(
        self, session: requests.Session, request: requests.PreparedRequest, stream: bool = False
    ) -> requests.Response:
        session.get_adapter(self.options.endpoint).poolmanager.pool_classes_by_scheme = {"http": _Pool}
        return super()._exchange(session, request, stream)


class _Connection(Connection):
    """A pair of sockets. Each answer is written to the far one before it is read from the near one."""

    def connect(self) -> None:
        socket.getaddrinfo(self.host, self.port)  # loads what resolves names; an address needs no name server
        self.sock, self._far = socket.socketpair()
        self._answers = _answers()

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        self._far.sendall(next(self._answers))
        return super().getresponse(*args, **kwargs)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


def _answers() -> Iterator[bytes]:
    yield _answer(401, "", f"WWW-Authenticate: Negotiate {base64.b64encode(_CHALLENGE).decode()}")
    for _query in range(_QUERIES):
        yield _answer(200, _ROWS, f"Content-Type: {_CONTENT_TYPE}")


def _answer(status: int, body: str, header: str) -> bytes:
    return f"HTTP/1.1 {status} \r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
