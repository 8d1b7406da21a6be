# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envelopes over HTTP and HTTPS, authenticated and sealed by pywinrm and the libraries below it."""

from __future__ import annotations

import inspect
import time
from typing import Any
from urllib.parse import urlsplit

from . import diagnosis, ntlm, tls
from .faults import AuthenticationFailed, HostError, WSManError
from .options import AUTHENTICATION, ConnectionOptions, endpoint_url

try:
    import requests
    from winrm import exceptions as winrm_exceptions
    from winrm.encryption import Encryption
    from winrm.transport import Transport
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
    Transport = object
else:
    IMPORT_ERROR = None

__all__ = ["ConnectionOptions", "HttpTransport", "endpoint_url"]

# The arguments that pywinrm's Transport of this version accepts.
_PARAMETERS = frozenset(inspect.signature(Transport.__init__).parameters)
# HTTP.sys closes connections that were idle for 120 s; a write must not be the request that finds out.
IDLE_LIMIT = 60.0


class HttpTransport:
    """Sends envelopes over one authenticated keep-alive connection, which the first envelope opens."""

    def __init__(self, options: ConnectionOptions) -> None:
        if IMPORT_ERROR is not None:
            raise HostError(
                f"The Python package pywinrm cannot be imported on the control node ({IMPORT_ERROR}). "
                "Install it where Ansible runs: python3 -m pip install pywinrm"
            ) from IMPORT_ERROR
        self.options = options
        self.name = options.name
        self._pywinrm = _pywinrm_transport(options)
        self._password_hash: str | None = None
        if self._pywinrm.auth_method == "ntlm":
            if ntlm.IMPORT_ERROR is not None:
                raise HostError(
                    f"The transport {options.transport} needs requests_ntlm 1.2 or newer ({ntlm.IMPORT_ERROR}). "
                    "Install it where Ansible runs: python3 -m pip install 'requests_ntlm>=1.2'"
                ) from ntlm.IMPORT_ERROR
            self._password_hash = ntlm.nt_hash(options.password)
        self._proven = False  # the host has accepted the credentials on the present connection
        self._used = 0.0

    def send(self, envelope: bytes) -> bytes:
        """The envelope of the answer, which may hold a fault. Raises WSManError if there is none."""
        if self._proven and time.monotonic() - self._used > IDLE_LIMIT:
            self.close()
        proven = self._proven
        try:
            answer = self._post(envelope)
        except AuthenticationFailed as error:
            if not proven or error.details.get("http_status") != 401:
                raise
            # The host closed the authenticated connection and refuses the new one: it hasn't run this request.
            answer = self._post(envelope)
        self._proven = True
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """Close the connection. The next envelope opens another and authenticates again."""
        self._pywinrm.close_session()
        self._pywinrm.encryption = None
        self._proven = False

    def _post(self, envelope: bytes) -> bytes:
        try:
            session = self._session()
            response = self._exchange(session, self._request(session, envelope))
            content = self._content(response)
            if response.status_code in (401, 407) or b"Envelope" not in content:
                raise self._refusal(response, content)
        except WSManError:
            self.close()
            raise
        except Exception as error:
            # Of the libraries: requests, urllib3, ssl, spnego, gssapi, OSError, KeyError.
            self.close()
            secrets = (self.options.password, self._password_hash or "")
            raise diagnosis.of_exception(self.options, error, secrets) from error
        return content

    def _session(self) -> requests.Session:
        """The session of the present connection, or a new one with the requests that only authenticate behind it."""
        transport = self._pywinrm
        if transport.session is not None:
            return transport.session
        session = transport.build_session()
        session.trust_env = False  # build_session() has read the environment; a .netrc would replace a certificate
        if transport.endpoint.lower().startswith("https:"):
            session.mount("https://", tls.TlsAdapter(session.verify, session.cert))
        if transport.auth_method == "ntlm":
            self._begin_ntlm(session)
        elif transport.encryption:
            response = self._exchange(session, self._empty_request(session))
            if not 200 <= response.status_code < 300:
                raise self._refusal(response, b"")
        return session

    def _begin_ntlm(self, session: requests.Session) -> None:
        """Send the first token of NTLM. The second one goes with the next request."""
        options = self.options
        hostname = urlsplit(options.endpoint).hostname or ""
        for scheme in ("Negotiate", "NTLM"):  # WinRM offers the former; web servers in front of it may know the latter
            session.auth = auth = ntlm.NtlmAuth(options.user, options.password, self._password_hash, hostname, scheme)
            response = self._exchange(session, self._empty_request(session), stream=True)
            certificate = ntlm.certificate_of(response) if self._pywinrm.send_cbt else None
            response.content  # noqa: B018  (once it is read, the next request gets the same connection)
            challenge = ntlm.challenge_of(response, scheme)
            if response.status_code == 401 and challenge is not None:
                auth.answer(challenge, certificate)
                return
            if "NTLM" not in diagnosis.offered_schemes(response.headers):
                break
        if response.status_code == 401:
            raise diagnosis.without_challenge(options, response.headers)
        if 200 <= response.status_code < 300:
            raise diagnosis.without_authentication(options)
        raise self._refusal(response, b"")

    def _empty_request(self, session: requests.Session) -> requests.PreparedRequest:
        return session.prepare_request(requests.Request("POST", self._pywinrm.endpoint))

    def _request(self, session: requests.Session, envelope: bytes) -> requests.PreparedRequest:
        transport = self._pywinrm
        if not transport.encryption:
            return session.prepare_request(requests.Request("POST", transport.endpoint, data=envelope))
        request = transport.encryption.prepare_encrypted_request(session, transport.endpoint, envelope)
        # On a new connection the libraries would authenticate and repeat the message as it is, sealed with the key of
        # the old one. Without their hook the 401 gets here, and send() seals the message again.
        request.hooks["response"] = []
        return request

    def _exchange(
        self, session: requests.Session, request: requests.PreparedRequest, stream: bool = False
    ) -> requests.Response:
        """Send a request. A redirection is an answer: credentials don't follow it."""
        timeout = self._pywinrm.read_timeout_sec
        return session.send(request, timeout=timeout, proxies=session.proxies, allow_redirects=False, stream=stream)

    def _content(self, response: requests.Response) -> bytes:
        if self._pywinrm.encryption and response.content and "Content-Type" in response.headers:
            return self._pywinrm.encryption.parse_encrypted_response(response)
        return response.content

    def _refusal(self, response: requests.Response, content: bytes) -> WSManError:
        plain = self._pywinrm.endpoint.lower().startswith("http:") and not self._pywinrm.encryption
        return diagnosis.of_status(
            self.options, response.status_code, response.headers, wants_encryption=plain and not content
        )


class _PywinrmTransport(Transport):
    """pywinrm's Transport, except that it sends nothing while it builds a session: HttpTransport does."""

    def setup_encryption(self, session: requests.Session) -> None:
        self.encryption = Encryption(session, self.auth_method)


def _pywinrm_transport(options: ConnectionOptions) -> _PywinrmTransport:
    if options.transport not in AUTHENTICATION:
        raise HostError(f"Unknown transport {options.transport}; known are {', '.join(sorted(AUTHENTICATION))}.")
    if options.operation_timeout < 1 or options.read_timeout <= options.operation_timeout:
        raise HostError(
            f"The read time-out ({options.read_timeout:g} s) must be longer than the operation time-out "
            f"({options.operation_timeout:g} s), which is at least 1 s."
        )
    parts = urlsplit(options.endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HostError(f"Not the URL of a WinRM endpoint: {options.name}")
    arguments = _pywinrm_arguments(options) | dict(options.extras)
    try:
        return _PywinrmTransport(**{name: value for name, value in arguments.items() if name in _PARAMETERS})
    except winrm_exceptions.WinRMError as error:
        raise AuthenticationFailed(f"Cannot connect to {options.name}: {error}.") from error


def _pywinrm_arguments(options: ConnectionOptions) -> dict[str, Any]:
    method = AUTHENTICATION[options.transport].pywinrm
    user: str | bytes = options.user
    password: str | bytes = options.password
    if method in ("basic", "plaintext", "ssl"):
        user, password = _basic_credential(options.user), _basic_credential(options.password)
    return {
        "endpoint": options.endpoint,
        "auth_method": method,
        "username": user,
        "password": password,
        "service": options.kerberos_service,
        "ca_trust_path": options.ca_trust_path or "legacy_requests",
        "cert_pem": options.certificate_pem,
        "cert_key_pem": options.certificate_key_pem,
        "read_timeout_sec": (options.connection_timeout, options.read_timeout),
        "server_cert_validation": options.server_cert_validation,
        "kerberos_delegation": options.kerberos_delegation,
        "kerberos_hostname_override": options.kerberos_hostname_override,
        "message_encryption": options.message_encryption,
        "credssp_disable_tlsv1_2": options.credssp_disable_tlsv1_2,
        "send_cbt": options.send_cbt,
        "proxy": options.proxy,
    }


def _basic_credential(text: str) -> str | bytes:
    """Text that requests can encode, which it does as Latin-1; other text as UTF-8 octets, which it passes through."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
    return text
