# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP connections whose answers are bounded: one deadline for a whole answer, and a limit of its size.

The time-outs of requests and urllib3 are for each read, so that a host that sends an octet now and then holds a task
for ever.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPException, HTTPResponse
from typing import Any

from .document import MAX_OCTETS

try:
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ImportError:  # transport.py reports it
    HTTPAdapter = HTTPConnection = HTTPSConnection = HTTPConnectionPool = HTTPSConnectionPool = object

# An answer with its headers and what sealing adds to it.
LONGEST_ANSWER = 2 * MAX_OCTETS

_CONNECTING = "nested_hyperv_connecting"


class Unacceptable(HTTPException):
    """An answer that is not read any further."""


def is_connecting(error: BaseException) -> bool:
    """Whether the exception was raised before the connection was there, TLS and a proxy's tunnel included."""
    return getattr(error, _CONNECTING, False)


class _Octets(io.RawIOBase):
    """The octets of one answer. The time-out that the socket has at first is the deadline for all of them."""

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw, self._sock = raw, sock
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._left = LONGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise Unacceptable(f"it is larger than {LONGEST_ANSWER} octets")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Octets(self.fp.detach(), sock))

    def begin(self) -> None:
        super().begin()
        coding = (self.headers.get("Content-Encoding") or "identity").lower()
        if coding != "identity":  # WinRM compresses nothing; unpacked, it could have any size
            raise Unacceptable(f"its content is compressed ({coding})")


class _Bounded:
    response_class = _Response

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as error:
            setattr(error, _CONNECTING, True)
            raise


class Connection(_Bounded, HTTPConnection):
    """A connection of urllib3 without TLS."""


class _SecureConnection(_Bounded, HTTPSConnection):
    """One with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """Adapter of requests with such connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
