"""Authentication (Basic, Negotiate with NTLM, CredSSP, client certificates) and sealed messages.

The state belongs to a connection, as with WinRM: NTLM authenticates the TCP connection, not the request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import spnego
import spnego._ntlm
import spnego.exceptions
import spnego.tls
from spnego._ntlm_raw.crypto import ntowfv1

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from .config import Settings

CERTIFICATE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
SPNEGO_PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
CREDSSP_PROTOCOL = "application/HTTP-CredSSP-session-encrypted"
_BOUNDARY = b"--Encrypted Boundary"
# A TLS record; a longer message is sealed in parts (MS-WSMV 2.2.9.1.3).
_CREDSSP_PART = 16_384

# pyspnego's acceptor knows its users from the file that this variable names, and names the machine that it runs on in
# its challenge. Both are the process's, so one handshake step at a time.
_USER_FILE = "NTLM_USER_FILE"
_step_lock = threading.Lock()


class Outcome(NamedTuple):
    """`headers` are WWW-Authenticate values; without a user the answer is 401, or the next leg of a handshake."""

    user: User | None
    headers: tuple[str, ...] = ()


class Authenticator:
    """Authentication methods and accounts of one endpoint."""

    def __init__(
        self, machine: Machine, settings: Settings, *, tls: bool, certificates: Mapping[str, str] | None = None
    ) -> None:
        self.machine = machine
        self.settings = settings
        self.tls = tls
        self.certificates = {digest.lower(): user for digest, user in (certificates or {}).items()}
        self._credssp: spnego.tls.CredSSPTLSContext | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="hyperv-simulator-")
        self._lock = threading.Lock()

    def close(self) -> None:
        self._directory.cleanup()

    def challenges(self) -> tuple[str, ...]:
        """WWW-Authenticate of a 401: Basic only over TLS, or if unencrypted traffic is allowed."""
        offered = []
        if self.settings.negotiate:
            # A real host offers Kerberos in a workgroup, too.
            offered += ["Negotiate", "Kerberos"]
        if self.settings.credssp:
            offered.append("CredSSP")
        if self.basic:
            offered.append('Basic realm="WSMAN"')
        return tuple(offered)

    @property
    def basic(self) -> bool:
        return self.settings.basic and (self.tls or self.settings.allow_unencrypted)

    @property
    def domains(self) -> tuple[str, ...]:
        """Accepted domain names of an account (ASSUMPTIONS PROTO-17)."""
        domain = self.machine.spec.get("domain") or "WORKGROUP"
        return ("", ".", self.machine.name, domain, domain.partition(".")[0])

    def account(self, name: str) -> User | None:
        domain, _separator, bare = name.rpartition("\\")
        return self.machine.find_user(bare) if domain.lower() in map(str.lower, self.domains) else None

    def check_password(self, name: str, password: str) -> User | None:
        user = self.account(name)
        return user if user is not None and user.password == password else None

    def certificate_user(self, der: bytes | None) -> User | None:
        """The account a client certificate is mapped to (winrm/config/service/certmapping), by its SHA-256."""
        if der is None or not self.settings.certificate:
            return None
        name = self.certificates.get(hashlib.sha256(der).hexdigest())
        return self.machine.find_user(name) if name else None

    def user_file(self) -> str:
        """The accounts in smbpasswd form, under every domain a client may write before a local account."""
        lines = [
            f"{domain}\\{user.name}:0:{'0' * 32}:{ntowfv1(user.password).hex().upper()}:[U]:LCT-00000000"
            for user in self.machine.users.values()
            for domain in self.domains
        ]
        text = "\n".join(lines)
        path = Path(self._directory.name) / hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._lock:
            if not path.exists():
                path.write_text(text, encoding="utf-8")
        return str(path)

    @contextmanager
    def identity(self) -> Iterator[None]:
        """A step of a handshake on this machine: with its accounts, and with its name in the challenge.

        Clients without a domain of their own answer with the challenge's TargetName (Azure/go-ntlmssp).
        """
        with _step_lock:
            before, own = os.environ.get(_USER_FILE), spnego._ntlm.socket
            os.environ[_USER_FILE] = self.user_file()
            spnego._ntlm.socket = SimpleNamespace(gethostname=lambda: self.machine.name)
            try:
                yield
            finally:
                spnego._ntlm.socket = own
                if before is None:
                    del os.environ[_USER_FILE]
                else:
                    os.environ[_USER_FILE] = before

    def acceptor(self, scheme: str) -> Any:
        if scheme == "credssp":
            return spnego.server(protocol="credssp", credssp_tls_context=self._credssp_context())
        return spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)

    def _credssp_context(self) -> spnego.tls.CredSSPTLSContext:
        with self._lock:
            if self._credssp is None:
                context = spnego.tls.default_tls_context(usage="accept")
                certificate, key, context.public_key = spnego.tls.generate_tls_certificate()
                path = Path(self._directory.name) / "credssp.pem"
                path.write_bytes(certificate + key)
                context.context.load_cert_chain(path)
                self._credssp = context
            return self._credssp


class Session:
    """Authentication state of one connection."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator
        self.context: Any = None
        self.scheme = ""
        self.user: User | None = None

    def authenticate(self, header: str | None, certificate: bytes | None = None) -> Outcome:
        """Process an Authorization header; without one, return the user of this connection."""
        if not header:
            if self.user is not None:
                return Outcome(self.user)
            return self._refuse()
        scheme, _separator, rest = header.strip().partition(" ")
        name = scheme.lower()
        settings = self.authenticator.settings
        if name == "basic" and self.authenticator.basic:
            return self._basic(rest)
        if name == CERTIFICATE and self.authenticator.tls:
            user = self.authenticator.certificate_user(certificate)
            return Outcome(user) if user else self._refuse()
        if (name == "negotiate" and settings.negotiate) or (name == "credssp" and settings.credssp):
            return self._token(scheme, rest)
        return self._refuse()

    def _refuse(self) -> Outcome:
        self.context, self.user, self.scheme = None, None, ""
        return Outcome(None, self.authenticator.challenges())

    def _basic(self, token: str) -> Outcome:
        try:
            octets = base64.b64decode(token, validate=True)
        except binascii.Error:
            return self._refuse()
        for encoding in ("utf-8", "latin-1"):  # RFC 7617 leaves it open, and requests sends Latin-1
            name, separator, password = octets.decode(encoding, "replace").partition(":")
            user = self.authenticator.check_password(name, password) if separator else None
            if user:
                return Outcome(user)
        return self._refuse()

    def _token(self, scheme: str, token: str) -> Outcome:
        """One leg of Negotiate or CredSSP."""
        try:
            data = base64.b64decode(token, validate=True)
            with self.authenticator.identity():
                if self.context is None or self.user is not None or self.scheme != scheme.lower():
                    self.context, self.user = self.authenticator.acceptor(scheme.lower()), None
                    self.scheme = scheme.lower()
                answer = self.context.step(data)
        except (spnego.exceptions.SpnegoError, ValueError, LookupError, ArithmeticError, StopIteration, struct.error):
            # pyspnego does not convert the errors of parsing a malformed token.
            return self._refuse()
        headers = (f"{scheme} {base64.b64encode(answer).decode()}",) if answer else ()
        if not self.context.complete:
            return Outcome(None, headers) if headers else self._refuse()
        self.user = self.authenticator.account(self.context.client_principal or "")
        return Outcome(self.user, headers) if self.user else self._refuse()

    # --- sealing (MS-WSMV 2.2.9.1)

    @property
    def _protocol(self) -> str:
        return CREDSSP_PROTOCOL if self.scheme == "credssp" else SPNEGO_PROTOCOL

    def unseal(self, body: bytes) -> bytes:
        """The message of a multipart/encrypted body; ValueError if it is malformed or was modified."""
        if self.context is None or self.user is None:
            raise ValueError("no security context")
        parts = [part for part in re.split(rb"--\s*Encrypted Boundary(?:--)?\r\n", body) if part]
        message = b""
        for header, payload in zip(parts[::2], parts[1::2], strict=True):
            length = re.search(rb"Length=(\d+)", header)
            data = payload.partition(b"application/octet-stream\r\n")[2]
            if not length or len(data) < 4:
                raise ValueError("not an encrypted message")
            (signature_length,) = struct.unpack("<I", data[:4])
            signature, sealed = data[4 : 4 + signature_length], data[4 + signature_length :]
            try:
                plain = self.context.unwrap_winrm(signature, sealed)
            except spnego.exceptions.SpnegoError as error:
                raise ValueError(str(error)) from error
            if len(plain) != int(length[1]):
                raise ValueError("length of the encrypted message")
            message += plain
        if not parts:
            raise ValueError("no parts")
        return message

    def seal(self, message: bytes) -> tuple[str, bytes]:
        """Content-Type and body of a sealed message."""
        size = _CREDSSP_PART if self.scheme == "credssp" else max(1, len(message))
        pieces = [message[start : start + size] for start in range(0, len(message), size)]
        kind = "multipart/x-multi-encrypted" if len(pieces) > 1 else "multipart/encrypted"
        body = b"".join(self._seal_one(piece) for piece in pieces)
        return f'{kind};protocol="{self._protocol}";boundary="Encrypted Boundary"', body + _BOUNDARY + b"--\r\n"

    def _seal_one(self, message: bytes) -> bytes:
        sealed = self.context.wrap_winrm(message)
        head = (
            f"\tContent-Type: {self._protocol}\r\n"
            "\tOriginalContent: type=application/soap+xml;charset=UTF-8;"
            f"Length={len(message) + sealed.padding_length}\r\n"
        ).encode()
        return b"".join((
            _BOUNDARY, b"\r\n", head, _BOUNDARY, b"\r\n\tContent-Type: application/octet-stream\r\n",
            struct.pack("<I", len(sealed.header)), sealed.header, sealed.data,
        ))  # fmt: skip
