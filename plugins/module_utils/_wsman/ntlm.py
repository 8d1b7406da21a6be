# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NTLM over HTTP with one request besides those of WS-Management (MS-NTHT, MS-NLMP, MS-WSMV 2.2.9.1).

An empty POST carries the NEGOTIATE_MESSAGE. The first request of WS-Management carries the AUTHENTICATE_MESSAGE and is
sealed already, since the keys exist once that message is computed. The Ruby library WinRM (WinRb) did the same until
version 2.3.0, which sends the AUTHENTICATE_MESSAGE alone for the sake of OMI on Linux. requests_ntlm, which pywinrm
uses, sends an anonymous request first, then two that authenticate.
"""

from __future__ import annotations

import base64
import os
import re

try:
    import requests
    import spnego
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from requests.auth import AuthBase
    from spnego.channel_bindings import GssChannelBindings
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
    AuthBase = object
else:
    IMPORT_ERROR = None


_CHALLENGE = re.compile(r"(?:^|,)\s*(\w+) +([A-Za-z0-9+/]+=*)\s*(?=,|$)")


def nt_hash(password: str) -> str | None:
    """The NT hash of a password in hexadecimal, or None if NTLM needs the password itself.

    Given a password, pyspnego also computes its LM hash, by DES in Python, which takes most of the time of a
    handshake. NTLMv2 does not use it, NTLMv1 does (LM_COMPAT_LEVEL below 3, a variable of pyspnego and gss-ntlmssp).
    """
    try:
        from spnego._ntlm_raw.crypto import ntowfv1

        return ntowfv1(password).hex() if int(os.environ.get("LM_COMPAT_LEVEL", "3")) >= 3 else None
    except Exception:  # a private function may go, a variable may hold anything: pyspnego gets the password
        return None


class NtlmAuth(AuthBase):
    """NTLM authentication of one connection.

    `session_security` with `wrap` and `unwrap` is the interface that winrm.encryption.Encryption calls.
    """

    def __init__(self, user: str, password: str, password_hash: str | None, hostname: str, scheme: str) -> None:
        self.scheme = scheme
        self.session_security = self
        self._context = spnego.client(
            spnego.NTLMHash(user, nt_hash=password_hash) if password_hash else user,
            None if password_hash else password,
            hostname=hostname,
            service="http",
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
        )
        self._token = self._context.step()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token that is due. Requests after the second need none: NTLM authenticates the connection."""
        request.headers["Connection"] = "Keep-Alive"
        token, self._token = self._token, None
        if token:
            request.headers["Authorization"] = f"{self.scheme} {base64.b64encode(token).decode()}"
        return request

    def answer(self, challenge: bytes, certificate: bytes | None) -> None:
        """Compute the AUTHENTICATE_MESSAGE for the next request, bound to the host's certificate if one is given."""
        if certificate is not None:
            self._context.channel_bindings = _channel_bindings(certificate)
        self._token = self._context.step(challenge)

    def wrap(self, message: bytes) -> tuple[bytes, bytes]:
        """The sealed message and its signature."""
        sealed = self._context.wrap_winrm(message)
        return sealed.data, sealed.header

    def unwrap(self, message: bytes, signature: bytes) -> bytes:
        return self._context.unwrap_winrm(signature, message)


def challenge_of(response: requests.Response, scheme: str) -> bytes | None:
    """The CHALLENGE_MESSAGE in WWW-Authenticate; None if the scheme is not offered, or without a token."""
    for name, token in _CHALLENGE.findall(response.headers.get("WWW-Authenticate", "")):
        if name.lower() == scheme.lower():
            return base64.b64decode(token)
    return None


def certificate_of(response: requests.Response) -> bytes | None:
    """The host's certificate (DER); None without TLS. The response's content must not have been read yet."""
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    return sock.getpeercert(True) if hasattr(sock, "getpeercert") else None


def _channel_bindings(certificate: bytes) -> GssChannelBindings | None:
    """The binding tls-server-end-point: a hash of the certificate by the algorithm of its signature (RFC 5929 4.1)."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())
