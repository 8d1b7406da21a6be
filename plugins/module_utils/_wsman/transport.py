# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to the host: pywinrm authenticates, seals and does TLS; this file says in sentences what went wrong."""

from __future__ import annotations

import contextlib
import errno
import http.client
import inspect
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .faults import (
    AuthenticationFailed,
    CertificateInvalid,
    ConnectionFailed,
    HostBusy,
    HostError,
    NotWSMan,
    OperationTimeout,
    RequestTooLarge,
    WSManError,
)

try:
    import requests
    from winrm import exceptions as winrm_exceptions
    from winrm import transport as winrm_transport
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

# HTTP.sys drops connections that were idle for 120 s; a write must not be the one to find out.
IDLE_LIMIT = 60.0

# pywinrm's name of each transport, and the HTTP authentication schemes of which the host must offer one.
_TRANSPORTS: Mapping[str, tuple[str, frozenset[str]]] = {
    "basic": ("basic", frozenset({"basic"})),
    "plaintext": ("plaintext", frozenset({"basic"})),
    "ssl": ("ssl", frozenset({"basic"})),
    "ntlm": ("ntlm", frozenset({"negotiate", "ntlm"})),
    "negotiate": ("ntlm", frozenset({"negotiate", "ntlm"})),
    "kerberos": ("kerberos", frozenset({"negotiate", "kerberos"})),
    "credssp": ("credssp", frozenset({"credssp"})),
    "certificate": ("certificate", frozenset()),
}


@dataclass(frozen=True)
class ConnectionOptions:
    """Where and as whom to connect; times in seconds.

    `transport` is basic, plaintext, ntlm, negotiate (which is NTLM here), kerberos (with the tickets at hand), credssp,
    certificate or ssl (certificate if one is given, else basic). `proxy`: a URL, None for none, "legacy_requests" for
    the environment's. `extras` go to pywinrm's Transport as far as it knows them.
    """

    endpoint: str
    transport: str = "negotiate"
    user: str = ""
    password: str = field(default="", repr=False)
    certificate_pem: str | None = None
    certificate_key_pem: str | None = None
    server_cert_validation: str = "validate"
    ca_trust_path: str | None = None
    proxy: str | None = "legacy_requests"
    connection_timeout: float = 30
    operation_timeout: float = 60
    read_timeout: float = 70
    message_encryption: str = "auto"
    kerberos_delegation: bool = False
    kerberos_hostname_override: str | None = None
    kerberos_service: str = "HTTP"
    credssp_disable_tlsv1_2: bool = False
    send_cbt: bool = True
    extras: Mapping[str, Any] = field(default_factory=dict, repr=False)


def endpoint_url(scheme: str, host: str, port: int, path: str = "/wsman") -> str:
    """URL of the service; an IPv6 address gets its brackets, its zone the escape of RFC 6874."""
    if ":" in host and not host.startswith("["):
        address, _percent, zone = host.partition("%")
        host = f"[{address}%25{zone.removeprefix('25')}]" if zone else f"[{address}]"
    return f"{scheme}://{host}:{port}/{path.lstrip('/')}"


def warm_up() -> None:
    """Have the libraries below set up now what they set up at first use, so that forks of this process find it done.

    A sixth of the controller's CPU time of a small task: OpenSSL's provider of old ciphers, SPNEGO, URLs and headers.
    """
    with contextlib.suppress(Exception):  # what fails here fails again, with a sentence, where it is needed
        requests.Session().prepare_request(requests.Request("POST", "http://localhost/wsman", data=b""))
        import spnego
        from spnego._ntlm_raw import crypto

        spnego.client("user", "password", hostname="localhost", protocol="ntlm").step()
        crypto.rc4k(b"\0" * 16, b"")


class HttpTransport:
    """Sends envelopes over one authenticated keep-alive connection, which it opens with the first."""

    def __init__(self, options: ConnectionOptions) -> None:
        if IMPORT_ERROR is not None:
            raise HostError(
                f"The Python package pywinrm cannot be imported on the control node ({IMPORT_ERROR}). "
                "Install it where Ansible runs: python3 -m pip install pywinrm"
            ) from IMPORT_ERROR
        self.options = options
        self.name = _shown_endpoint(options.endpoint)
        self._transport = _pywinrm_transport(options)
        self._proven = False  # the host has taken our credentials on the present connection
        self._used = 0.0

    def send(self, envelope: bytes) -> bytes:
        """The answer's envelope, faults included. Raises what _explain and _judge_status say."""
        if self._proven and time.monotonic() - self._used > IDLE_LIMIT:
            self.close()
        try:
            answer = self._post(envelope)
        except AuthenticationFailed:
            if not self._proven:
                raise
            # The host closed the authenticated connection and refuses the new one: it hasn't run this request.
            self.close()
            answer = self._post(envelope)
        self._proven = True
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        if self._transport.session is not None:
            self._transport.close_session()
        self._transport.encryption = None
        self._proven = False

    def _post(self, envelope: bytes) -> bytes:
        transport = self._transport
        try:
            session = transport.build_session()
            session.trust_env = False  # build_session() has looked; a .netrc would replace a client certificate
            if transport.encryption:
                if getattr(session.auth, "session_security", self) is None:
                    raise NotWSMan(
                        f"{self.name} is not a WinRM endpoint: it doesn't ask for authentication. "
                        "Check scheme, host, port and path.",
                        endpoint=self.name,
                    )
                request = transport.encryption.prepare_encrypted_request(session, transport.endpoint, envelope)
                # On a new connection the libraries would authenticate and repeat the message as it is, sealed with
                # the key of the old one. Without their hook the 401 comes here, and send() seals anew.
                request.hooks["response"] = []
            else:
                request = session.prepare_request(requests.Request("POST", transport.endpoint, data=envelope))
            response = session.send(
                request, timeout=transport.read_timeout_sec, proxies=session.proxies, allow_redirects=False
            )
            if transport.encryption and response.content and "Content-Type" in response.headers:
                content = transport.encryption.parse_encrypted_response(response)
            else:
                content = response.content
        except NotWSMan:
            self.close()
            raise
        except Exception as error:
            # The libraries below raise whatever they like: requests, urllib3, ssl, spnego, gssapi, OSError, KeyError.
            explained = self._explain(error)
            if not isinstance(explained, AuthenticationFailed):
                self.close()
            raise explained from error
        return self._judge(response.status_code, response.headers, content)

    def _judge(self, status: int, headers: Mapping[str, str], content: bytes) -> bytes:
        """The content if it can be an envelope, whatever the status; else an exception."""
        if status not in (401, 407) and b"Envelope" in content:
            return content
        if status == 401:
            raise self._unauthorized(headers)
        facts: dict[str, Any] = {"endpoint": self.name, "http_status": status}
        if status == 403:
            raise AuthenticationFailed(f"{self.name} refuses the user {self.options.user} (HTTP 403).", **facts)
        if status == 407:
            raise ConnectionFailed(
                f"The proxy on the way to {self.name} wants authentication (HTTP 407).", sent=False, **facts
            )
        if status == 413:
            raise RequestTooLarge(
                f"{self.name} refuses the request as too large (HTTP 413); see MaxEnvelopeSizekb of its WinRM service.",
                **facts,
            )
        if (
            status == 500
            and not content
            and self.options.endpoint.startswith("http:")
            and not self._transport.encryption
        ):
            raise AuthenticationFailed(
                f"{self.name} answers HTTP 500 without content, as WinRM does when it wants messages encrypted. Use "
                "https, or the transport ntlm, kerberos or credssp with message encryption.",
                **facts,
            )
        if status in (429, 503):
            raise HostBusy(f"The WS-Management service at {self.name} takes no requests now (HTTP {status}).", **facts)
        kind = headers.get("Content-Type", "").partition(";")[0] or "no content type"
        if status == 404:
            text = f"there is no WS-Management service at this path (HTTP 404, {kind})"
        elif 300 <= status < 400:
            text = f"it redirects elsewhere (HTTP {status})"
        else:
            text = f"the answer is not a WS-Management message (HTTP {status}, {kind})"
        raise NotWSMan(
            f"{self.name} is not a WinRM endpoint: {text}. Check scheme, host, port and path.",
            **facts,
        )

    def _unauthorized(self, headers: Mapping[str, str]) -> AuthenticationFailed:
        options = self.options
        offered = _schemes(headers.get("WWW-Authenticate", ""))
        wanted = _TRANSPORTS[options.transport][1]
        facts: dict[str, Any] = {"endpoint": self.name, "http_status": 401, "transport": options.transport}
        if offered and wanted and not wanted.intersection(scheme.lower() for scheme in offered):
            return AuthenticationFailed(
                f"{self.name} does not offer what the transport {options.transport} needs; it offers "
                f"{', '.join(offered)}. Choose another transport, or allow this one in the host's WinRM service.",
                offered=offered,
                **facts,
            )
        if options.transport == "certificate" or (options.transport == "ssl" and options.certificate_pem):
            return AuthenticationFailed(
                f"{self.name} does not accept the client certificate {options.certificate_pem}: its WinRM service must "
                "allow Certificate and map this certificate to a local user.",
                offered=offered,
                **facts,
            )
        return AuthenticationFailed(
            f"{self.name} rejects the credentials of the user {options.user} over {options.transport}. Check user "
            "name, password, and that the account is neither locked nor denied network logon.",
            offered=offered,
            **facts,
        )

    def _explain(self, error: Exception) -> WSManError:
        """The exception of a library as one of ours; never with the password."""
        chain = list(_causes(error))
        facts: dict[str, Any] = {"endpoint": self.name, "cause": type(error).__name__}
        verify = _first(chain, ssl.SSLCertVerificationError)
        if verify is not None:
            return CertificateInvalid(self._certificate_sentence(verify), sent=False, **facts)
        tls = _first(chain, ssl.SSLError)
        if tls is not None:
            return ConnectionFailed(self._tls_sentence(tls), sent=False, **facts)
        answered = next((link.response for link in chain if getattr(link, "response", None) is not None), None)
        if _first(chain, winrm_exceptions.InvalidCredentialsError) is not None:
            return self._unauthorized(answered.headers if answered is not None else {})
        refused = _first(chain, winrm_exceptions.WinRMTransportError)
        if refused is not None:
            try:
                self._judge(refused.code, answered.headers if answered is not None else {}, b"")
            except WSManError as judged:
                return judged
        if _first(chain, winrm_exceptions.WinRMError) is not None or _is_authentication(chain):
            return AuthenticationFailed(
                f"Authentication to {self.name} over {self.options.transport} failed: {self._clean(error)}", **facts
            )
        return self._connection_error(error, chain, facts)

    def _connection_error(self, error: Exception, chain: list[BaseException], facts: dict[str, Any]) -> WSManError:
        name, host = self.name, urlsplit(self.options.endpoint).hostname
        if isinstance(error, requests.exceptions.ProxyError):
            return ConnectionFailed(f"The proxy on the way to {name} does not answer.", sent=False, **facts)
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return ConnectionFailed(
                f"{name} does not answer: no connection within {self.options.connection_timeout:g} s. "
                "Is the host up, and does its firewall let the port through?",
                sent=False,
                **facts,
            )
        if isinstance(error, requests.exceptions.Timeout) or _first(chain, TimeoutError) is not None:
            return OperationTimeout(
                f"{name} did not answer within {self.options.read_timeout:g} s; whether it did what was asked is "
                "unknown.",
                **facts,
            )
        if _first(chain, socket.gaierror) is not None or any("NameResolution" in type(link).__name__ for link in chain):
            return ConnectionFailed(f"The host name {host} cannot be resolved.", sent=False, **facts)
        if _first(chain, ConnectionRefusedError) is not None:
            return ConnectionFailed(
                f"{name} refuses the connection: nothing listens on this port. Is WinRM running there, and are port "
                "and scheme right (5985 for http, 5986 for https)?",
                sent=False,
                **facts,
            )
        system = next((link for link in chain if isinstance(link, OSError) and link.errno in _UNREACHABLE), None)
        if system is not None:
            return ConnectionFailed(f"{name} cannot be reached: {system.strerror}.", sent=False, **facts)
        spoken = _first(chain, http.client.BadStatusLine)
        if spoken is not None and not isinstance(spoken, http.client.RemoteDisconnected):
            return NotWSMan(f"{name} is not a WinRM endpoint: it does not speak HTTP. Check scheme and port.", **facts)
        if isinstance(error, (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            return ConnectionFailed(
                f"The connection to {name} broke before the answer came ({self._clean(chain[-1])}).", **facts
            )
        return ConnectionFailed(f"Talking to {name} failed: {self._clean(error)}", **facts)

    def _certificate_sentence(self, error: ssl.SSLCertVerificationError) -> str:
        reason = _CERTIFICATE_REASONS.get(error.verify_code, error.verify_message or str(error))
        return (
            f"The certificate of {self.name} is not valid: {reason}. Give the CA that signed it, or let the inventory "
            "say that certificates are not validated."
        )

    def _tls_sentence(self, error: ssl.SSLError) -> str:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "wrong version number" in reason or "record layer failure" in reason or "http request" in reason:
            return f"{self.name} does not speak TLS: is this the port of http (5985)?"
        if isinstance(error, ssl.SSLEOFError) or "alert" in reason:
            hint = " Does it trust the client certificate?" if self.options.certificate_pem else ""
            return f"{self.name} ended the TLS handshake ({reason}).{hint}"
        return f"TLS with {self.name} failed: {reason}."

    def _clean(self, error: BaseException) -> str:
        text = str(error) or type(error).__name__
        password = self.options.password
        return text.replace(password, "********") if password else text


# OpenSSL's X509_V_ERR_* numbers.
_CERTIFICATE_REASONS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted here",
    20: "no CA trusted here has signed it",
    21: "no CA trusted here has signed it",
    23: "it has been revoked",
    62: "it is for another host name",
    64: "it is for another IP address",
}

_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL)


def _pywinrm_transport(options: ConnectionOptions) -> Any:
    if options.transport not in _TRANSPORTS:
        raise HostError(f"Unknown transport {options.transport}; known are {', '.join(sorted(_TRANSPORTS))}.")
    if options.operation_timeout < 1 or options.read_timeout <= options.operation_timeout:
        raise HostError(
            f"The read time-out ({options.read_timeout:g} s) must be longer than the operation time-out "
            f"({options.operation_timeout:g} s), which is at least 1 s."
        )
    parts = urlsplit(options.endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HostError(f"Not the URL of a WinRM endpoint: {_shown_endpoint(options.endpoint)}")
    method = _TRANSPORTS[options.transport][0]
    credentials = (options.user, options.password)
    if method in ("basic", "plaintext", "ssl"):
        # requests encodes text as Latin-1 and fails on anything else; bytes pass through.
        credentials = tuple(_basic_credential(item) for item in credentials)
    arguments = {
        "endpoint": options.endpoint,
        "auth_method": method,
        "username": credentials[0],
        "password": credentials[1],
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
    known = inspect.signature(winrm_transport.Transport.__init__).parameters
    try:
        return winrm_transport.Transport(
            **{name: value for name, value in (arguments | dict(options.extras)).items() if name in known}
        )
    except winrm_exceptions.WinRMError as error:
        raise AuthenticationFailed(f"Cannot connect to {_shown_endpoint(options.endpoint)}: {error}.") from error


def _basic_credential(text: str) -> str | bytes:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
    return text


def _shown_endpoint(endpoint: str) -> str:
    """The endpoint without user information."""
    return re.sub(r"//[^/@]*@", "//", endpoint)


def _schemes(header: str) -> list[str]:
    """Names of the schemes in WWW-Authenticate; several headers arrive joined by commas."""
    return re.findall(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s|,|$)", header)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all it wraps: causes, contexts, `reason` of urllib3, exceptions among the arguments."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


def _first(chain: list[BaseException], kind: type[Any]) -> Any:
    return next((link for link in chain if isinstance(link, kind)), None)


def _is_authentication(chain: list[BaseException]) -> bool:
    modules = ("spnego", "gssapi", "krb5", "kerberos", "requests_ntlm", "requests_credssp", "winrm.vendor")
    return any(type(link).__module__.startswith(modules) or type(link) in (PermissionError, KeyError) for link in chain)
