# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envelopes over HTTP and HTTPS, authenticated and sealed by pywinrm and the libraries below it."""

from __future__ import annotations

import inspect
import time
from typing import Any
from urllib.parse import urlsplit

from . import diagnosis, libraries, ntlm, tls
from .adapter import Adapter
from .faults import AuthenticationFailed, HostError, LibraryMissing, WSManError
from .options import AUTHENTICATION, ConnectionOptions, endpoint_url

try:
    import requests
    from winrm import exceptions as winrm_exceptions
    from winrm import transport as winrm_transport
    from winrm.encryption import Encryption
    from winrm.transport import Transport
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
    Transport = object
else:
    IMPORT_ERROR = None
OUTDATED = libraries.outdated("pywinrm")

__all__ = ["ConnectionOptions", "HttpTransport", "endpoint_url"]

# The arguments that pywinrm's Transport of this version accepts.
_PARAMETERS = frozenset(inspect.signature(Transport.__init__).parameters)
# What pywinrm knows of the packages of a transport, which it lists as an extra of the same name.
_PACKAGES = {
    "kerberos": ("HAVE_KERBEROS", "pykerberos"),
    "credssp": ("HAVE_CREDSSP", "requests-credssp"),
}
# HTTP.sys closes connections that were idle for 120 s; a write must not be the request that finds out.
IDLE_LIMIT = 60.0


class HttpTransport:
    """Sends envelopes over one authenticated keep-alive connection, which the first envelope opens."""

    def __init__(self, options: ConnectionOptions) -> None:
        _require_packages(options)
        self.options = options
        self.name = options.name
        self._pywinrm = _pywinrm_transport(options)
        self._password_hash = ntlm.nt_hash(options.password) if self._pywinrm.auth_method == "ntlm" else None
        self._proven = False  # the host has accepted the credentials on the present connection
        self._accepted = False  # … or ever
        self._rejection: AuthenticationFailed | None = None
        self._used = 0.0

    def send(self, envelope: bytes) -> bytes:
        """The envelope of the answer, which may hold a fault. Raises WSManError if there is none.

        Credentials that the host has rejected are not sent again: each attempt counts towards the lockout of the
        account.
        """
        if self._rejection is not None:
            raise AuthenticationFailed(self._rejection.message, **self._rejection.details)
        if self._proven and time.monotonic() - self._used > IDLE_LIMIT:
            self.close()
        try:
            answer = self._send(envelope)
        except AuthenticationFailed as error:
            if not error.sent and not self._accepted:
                self._rejection = error
            raise
        self._proven = self._accepted = True
        self._used = time.monotonic()
        return answer

    def _send(self, envelope: bytes) -> bytes:
        proven = self._proven
        try:
            return self._post(envelope)
        except AuthenticationFailed as error:
            if not proven or error.details.get("http_status") != 401:
                raise
            # The host closed the authenticated connection and refuses the new one: it hasn't run this request.
            return self._post(envelope)

    def close(self) -> None:
        """Close the connection. The next envelope opens another and authenticates again."""
        self._pywinrm.close_session()
        self._pywinrm.encryption = None
        self._proven = False

    def _post(self, envelope: bytes) -> bytes:
        sent = False
        try:
            session = self._session()
            request = self._request(session, envelope)
            sent = True
            return self._content(self._exchange(session, request))
        except WSManError as error:
            self.close()
            error.sent = error.sent and sent
            raise
        except Exception as error:
            # Of the libraries: requests, urllib3, ssl, spnego, gssapi, OSError, KeyError.
            self.close()
            failure = diagnosis.of_exception(self.options, error, (self.options.password, self._password_hash or ""))
            failure.sent = failure.sent and sent
            raise failure from error
        except BaseException:
            self.close()  # stopped in the middle: the rest of the answer must not become the next one
            raise

    def _session(self) -> requests.Session:
        """The session of the present connection, or a new one with the requests that only authenticate behind it."""
        transport = self._pywinrm
        if transport.session is not None:
            return transport.session
        if self.options.ticket is not None:
            self.options.ticket()
        session = transport.build_session()
        session.trust_env = False  # build_session() has read the environment; a .netrc would replace a certificate
        if transport.endpoint.lower().startswith("https:"):
            session.mount("https://", tls.TlsAdapter(session.verify, session.cert))
        else:
            session.mount("http://", Adapter())
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
        """The envelope of an answer. With message encryption, nothing in plain text is one."""
        status, content = response.status_code, response.content
        if status in (401, 407):
            raise self._refusal(response, content)
        if content and self._pywinrm.encryption:
            if self._is_sealed(response):
                content = self._unseal(response)
            elif 200 <= status < 300 or status == 500:
                raise diagnosis.unsealed(self.options, status, response.headers)
            else:
                raise self._refusal(response, content)
        if b"Envelope" not in content.replace(b"\0", b""):  # in UTF-16, too
            raise self._refusal(response, content)
        return content

    def _is_sealed(self, response: requests.Response) -> bool:
        """Whether pywinrm will decrypt the answer; it passes on others as they are."""
        protocol = self._pywinrm.encryption.protocol_string.decode()
        return f'protocol="{protocol}"' in response.headers.get("Content-Type", "")

    def _unseal(self, response: requests.Response) -> bytes:
        try:
            return self._pywinrm.encryption.parse_encrypted_response(response)
        except Exception as error:  # of the parser, or of the libraries below it
            raise diagnosis.damaged(self.options) from error

    def _refusal(self, response: requests.Response, content: bytes) -> WSManError:
        plain = self._pywinrm.endpoint.lower().startswith("http:") and not self._pywinrm.encryption
        return diagnosis.of_status(
            self.options, response.status_code, response.headers, wants_encryption=plain and not content
        )


class Alternatives:
    """Sends over the first of several transports that the host accepts, and keeps to it."""

    def __init__(self, options: ConnectionOptions) -> None:
        self.name = options.name
        self._waiting = [options, *options.alternatives]
        self._transports: list[HttpTransport] = []
        self._chosen: HttpTransport | None = None

    def send(self, envelope: bytes) -> bytes:
        """The envelope of the answer, as HttpTransport.send. Raises AuthenticationFailed if no transport works."""
        if self._chosen is not None:
            return self._chosen.send(envelope)
        errors: list[WSManError] = []
        for options in self._waiting:
            try:
                transport = self._transport(options)
                answer = transport.send(envelope)
            except (AuthenticationFailed, LibraryMissing) as error:
                if error.sent:
                    raise
                errors.append(error)
            else:
                self._chosen = transport
                return answer
        raise AuthenticationFailed(" ".join(error.message for error in errors), **errors[-1].details)

    def _transport(self, options: ConnectionOptions) -> HttpTransport:
        known = next((transport for transport in self._transports if transport.options is options), None)
        if known is None:
            known = HttpTransport(options)
            self._transports.append(known)
        return known

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports:
            transport.close()


class _PywinrmTransport(Transport):
    """pywinrm's Transport, except that it sends nothing while it builds a session: HttpTransport does."""

    def setup_encryption(self, session: requests.Session) -> None:
        self.encryption = Encryption(session, self.auth_method)


def _require_packages(options: ConnectionOptions) -> None:
    """Raise LibraryMissing before a password goes anywhere."""
    if OUTDATED is not None:
        raise LibraryMissing(
            f"The Python package pywinrm of the control node has version {OUTDATED}; version "
            f"{libraries.MINIMUM['pywinrm']} or newer is needed. {libraries.installation('pywinrm')}"
        )
    if IMPORT_ERROR is not None:
        raise LibraryMissing(
            f"The Python package pywinrm cannot be imported on the control node ({IMPORT_ERROR}). "
            f"{libraries.installation('pywinrm')}"
        ) from IMPORT_ERROR
    if options.transport in ("ntlm", "negotiate") and ntlm.IMPORT_ERROR is not None:
        raise LibraryMissing(
            f"The transport {options.transport} needs requests_ntlm {libraries.MINIMUM['requests_ntlm']} or newer "
            f"({ntlm.IMPORT_ERROR}). {libraries.installation('requests_ntlm')}"
        ) from ntlm.IMPORT_ERROR
    flag, package = _PACKAGES.get(options.transport, ("", ""))
    if flag and not getattr(winrm_transport, flag, False):
        raise LibraryMissing(
            f"The transport {options.transport} needs the Python package {package}, which cannot be imported on the "
            f"control node. {libraries.installation('pywinrm', options.transport)}"
        )


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
