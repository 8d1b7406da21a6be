# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service answers at an address, asked from the control node: it connects, and waits for its greeting."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple

_PATIENCE = 3.0  # seconds for a connection, and for a greeting
_LONGEST_GREETING = 4096  # octets that an SSH server may send before its identification (RFC 4253 4.2)
_HTTPS = 5986
# WinRM identifies itself, or asks for credentials; anything else is another web server.
_WINRM = (200, 401)
_IDENTIFY = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><i:Identify '
    b'xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>'
)


class Service(NamedTuple):
    """The usual port of a service, and the question to it: an empty answer is a greeting, any other says what is."""

    name: str
    port: int
    ask: Callable[[str, int, bool], str]


def ask(service: Service, address: str, port: int, tls: bool = False) -> str:
    """Empty if the service greets, else what came instead, in words."""
    try:
        return service.ask(address, port, tls)
    except TimeoutError:
        return f"no answer within {_PATIENCE:.0f} s"
    except ConnectionRefusedError:
        return "the connection is refused"
    except http.client.HTTPException:
        return "an answer that is not HTTP"
    except OSError as error:
        return error.strerror or str(error)


def _ask_winrm(address: str, port: int, tls: bool) -> str:
    """The certificate doesn't count: nothing is sent to the service but this question."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(address, port, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=_PATIENCE)
    headers = {"Content-Type": "application/soap+xml;charset=UTF-8", "WSMANIDENTIFY": "unauthenticated"}
    try:
        connection.request("POST", "/wsman", _IDENTIFY, headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if status in _WINRM else f"HTTP {status} for /wsman"


def _ask_ssh(address: str, port: int, _tls: bool) -> str:
    greeting = b""
    with socket.create_connection((address, port), _PATIENCE) as connection:
        while len(greeting) < _LONGEST_GREETING:
            part = connection.recv(_LONGEST_GREETING)
            greeting += part
            if any(line.startswith(b"SSH-") for line in greeting.splitlines()):
                return ""
            if not part:
                break
    return "the connection is closed without a greeting" if not greeting else "an answer that is not SSH"


SERVICES: Mapping[str, Service] = {
    "winrm": Service("WinRM", 5985, _ask_winrm),
    "ssh": Service("SSH", 22, _ask_ssh),
}


def uses_tls(port: int) -> bool:
    """Whether WinRM uses TLS at a port of its machine."""
    return port == _HTTPS
