# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions of this collection for HTTP statuses and for exceptions of the libraries (HTTP, TLS, authentication)."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from .adapter import Unacceptable, is_connecting
from .faults import (
    AuthenticationFailed,
    BadAnswer,
    CertificateInvalid,
    ConnectionFailed,
    HostBusy,
    NotWSMan,
    OperationTimeout,
    RequestTooLarge,
    WSManError,
)
from .options import AUTHENTICATION, ConnectionOptions

try:
    import requests
    from winrm import exceptions as winrm_exceptions
except ImportError:  # transport.py reports it
    pass

_CHECK_URL = "Check scheme, host, port and path."


# ---- HTTP statuses ----

_REFUSALS: Mapping[int, tuple[Callable[..., WSManError], str]] = {
    403: (AuthenticationFailed, "{name} refuses the user {user} (HTTP 403)."),
    407: (partial(ConnectionFailed, sent=False), "The proxy on the way to {name} wants authentication (HTTP 407)."),
    413: (
        RequestTooLarge,
        "{name} refuses the request as too large (HTTP 413); see MaxEnvelopeSizekb of its WinRM service.",
    ),
    429: (HostBusy, "The WS-Management service at {name} takes no requests now (HTTP 429)."),
    503: (HostBusy, "The WS-Management service at {name} takes no requests now (HTTP 503)."),
}


def of_status(
    options: ConnectionOptions, status: int, headers: Mapping[str, str], *, wants_encryption: bool = False
) -> WSManError:
    """The exception for an answer that holds no envelope.

    `wants_encryption`: the answer is one of WinRM to a message that it accepts only encrypted, if the status is 500.
    """
    if status == 401:
        return _unauthorized(options, headers)
    name = options.name
    facts: dict[str, Any] = {"endpoint": name, "http_status": status}
    if status in _REFUSALS:
        kind, text = _REFUSALS[status]
        return kind(text.format(name=name, user=options.user), **facts)
    if status == 500 and wants_encryption:
        return AuthenticationFailed(
            f"{name} answers HTTP 500 without content, as WinRM does when it wants messages encrypted. Use https, or "
            "the transport ntlm, kerberos or credssp with message encryption.",
            **facts,
        )
    content_type = headers.get("Content-Type", "").partition(";")[0] or "no content type"
    if status == 404:
        reason = f"there is no WS-Management service at this path (HTTP 404, {content_type})"
    elif 300 <= status < 400:
        reason = f"it redirects elsewhere (HTTP {status})"
    else:
        reason = f"the answer is not a WS-Management message (HTTP {status}, {content_type})"
    refusal = NotWSMan(f"{name} is not a WinRM endpoint: {reason}. {_CHECK_URL}", **facts)
    refusal.sent = not 300 <= status < 500
    return refusal


def unsealed(options: ConnectionOptions, status: int, headers: Mapping[str, str]) -> BadAnswer:
    """The exception for an answer in plain text where messages are encrypted."""
    content_type = headers.get("Content-Type", "").partition(";")[0] or "no content type"
    return BadAnswer(
        f"{options.name} seems to answer in plain text (HTTP {status}, {content_type}), although the messages are "
        "encrypted: something on the way answers in its place. Whether the host got the request is unknown.",
        endpoint=options.name,
        http_status=status,
    )


def damaged(options: ConnectionOptions) -> BadAnswer:
    """The exception for an encrypted answer that cannot be decrypted."""
    return BadAnswer(
        f"The answer of {options.name} cannot be decrypted: it was damaged or changed on the way. Whether the host did "
        "what was asked is unknown.",
        endpoint=options.name,
    )


def without_authentication(options: ConnectionOptions) -> NotWSMan:
    """The exception for a host that accepts an anonymous request although the transport authenticates."""
    return NotWSMan(
        f"{options.name} is not a WinRM endpoint: it doesn't ask for authentication. {_CHECK_URL}",
        endpoint=options.name,
    )


def without_challenge(options: ConnectionOptions, headers: Mapping[str, str]) -> AuthenticationFailed:
    """The exception for a host that answers the first token of NTLM with HTTP 401 and no challenge."""
    refusal = _unauthorized(options, headers)
    if not AUTHENTICATION[options.transport].schemes.intersection(map(str.lower, offered_schemes(headers))):
        return refusal
    return AuthenticationFailed(
        f"Authentication to {options.name} over {options.transport} failed: the host did not answer with an NTLM "
        "challenge. A policy of the host may deny NTLM.",
        **refusal.details,
    )


def _unauthorized(options: ConnectionOptions, headers: Mapping[str, str]) -> AuthenticationFailed:
    name = options.name
    offered = offered_schemes(headers)
    accepted = AUTHENTICATION[options.transport].schemes
    facts: dict[str, Any] = {
        "endpoint": name,
        "http_status": 401,
        "transport": options.transport,
        "offered": offered,
    }
    if offered and accepted and not accepted.intersection(scheme.lower() for scheme in offered):
        return AuthenticationFailed(
            f"{name} does not offer what the transport {options.transport} needs; it offers {', '.join(offered)}. "
            "Choose another transport, or allow this one in the host's WinRM service.",
            **facts,
        )
    if options.transport == "certificate" or (options.transport == "ssl" and options.certificate_pem):
        return AuthenticationFailed(
            f"{name} does not accept the client certificate {options.certificate_pem}: its WinRM service must allow "
            "Certificate and map this certificate to a local user.",
            **facts,
        )
    return AuthenticationFailed(
        f"{name} rejects the credentials of the user {options.user} over {options.transport}. Check user name, "
        "password, and that the account is neither locked nor denied network logon.",
        **facts,
    )


def offered_schemes(headers: Mapping[str, str]) -> list[str]:
    """Names of the authentication schemes in WWW-Authenticate. requests joins several headers by commas."""
    return re.findall(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s|,|$)", headers.get("WWW-Authenticate", ""))


# ---- exceptions ----


def of_exception(options: ConnectionOptions, error: Exception, secrets: Collection[str]) -> WSManError:
    """The exception for one of a library: requests, urllib3, ssl, spnego, gssapi, OSError. `secrets` are blanked."""
    chain = list(_chain(error))
    connecting = any(map(is_connecting, chain))
    facts: dict[str, Any] = {"endpoint": options.name, "cause": type(error).__name__}
    said = partial(_redacted, secrets=secrets)
    verification = _first(chain, ssl.SSLCertVerificationError)
    if verification is not None:
        return CertificateInvalid(_certificate_sentence(options, verification), sent=False, **facts)
    tls = _first(chain, ssl.SSLError)
    if tls is not None:
        return ConnectionFailed(_tls_sentence(options, tls), sent=not connecting, **facts)
    unacceptable = _first(chain, Unacceptable)
    if unacceptable is not None:
        return BadAnswer(f"The answer of {options.name} is not read: {unacceptable}.", **facts)
    if _first(chain, winrm_exceptions.WinRMError) is not None or _is_authentication(chain):
        failed = AuthenticationFailed(
            f"Authentication to {options.name} over {options.transport} failed: {said(error)}", **facts
        )
        failed.sent = True  # mutual authentication fails after the host has run the request
        return failed
    before = _before_sending(options, error, chain, facts)
    if before is not None:
        before.sent = not connecting
    return before or _after_sending(options, error, chain, facts, said)


def _before_sending(
    options: ConnectionOptions, error: Exception, chain: list[BaseException], facts: Mapping[str, Any]
) -> ConnectionFailed | None:
    """The exception if there was no connection to the host, or if the network to it is gone."""
    unreachable = next((link for link in chain if isinstance(link, OSError) and link.errno in _UNREACHABLE), None)
    if isinstance(error, requests.exceptions.ProxyError):
        text = f"The proxy on the way to {options.name} does not answer."
    elif isinstance(error, requests.exceptions.ConnectTimeout):
        text = (
            f"{options.name} does not answer: no connection within {options.connection_timeout:g} s. "
            "Is the host up, and does its firewall let the port through?"
        )
    elif _first(chain, socket.gaierror) is not None or any("NameResolution" in type(link).__name__ for link in chain):
        text = f"The host name {urlsplit(options.endpoint).hostname} cannot be resolved."
    elif _first(chain, ConnectionRefusedError) is not None:
        text = (
            f"{options.name} refuses the connection: nothing listens on this port. Is WinRM running there, and are "
            "port and scheme right (5985 for http, 5986 for https)?"
        )
    elif unreachable is not None:
        text = f"{options.name} cannot be reached: {unreachable.strerror}."
    else:
        return None
    return ConnectionFailed(text, sent=False, **facts)


def _after_sending(
    options: ConnectionOptions,
    error: Exception,
    chain: list[BaseException],
    facts: Mapping[str, Any],
    said: Callable[[BaseException], str],
) -> WSManError:
    """The exception if the host may have seen the request."""
    name = options.name
    if isinstance(error, requests.exceptions.Timeout) or _first(chain, TimeoutError) is not None:
        return OperationTimeout(
            f"{name} did not answer within {options.read_timeout:g} s; whether it did what was asked is unknown.",
            **facts,
        )
    status_line = _first(chain, http.client.BadStatusLine)
    if status_line is not None and not isinstance(status_line, http.client.RemoteDisconnected):
        return NotWSMan(f"{name} is not a WinRM endpoint: it does not speak HTTP. Check scheme and port.", **facts)
    if isinstance(error, (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return ConnectionFailed(f"The connection to {name} broke before the answer came ({said(chain[-1])}).", **facts)
    return ConnectionFailed(f"Talking to {name} failed: {said(error)}", **facts)


# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h).
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


def _certificate_sentence(options: ConnectionOptions, error: ssl.SSLCertVerificationError) -> str:
    reason = _CERTIFICATE_REASONS.get(error.verify_code, error.verify_message or str(error))
    return (
        f"The certificate of {options.name} is not valid: {reason}. Give the CA that signed it, or let the inventory "
        "say that certificates are not validated."
    )


def _tls_sentence(options: ConnectionOptions, error: ssl.SSLError) -> str:
    name = options.name
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason or "http request" in reason:
        return f"{name} does not speak TLS: is this the port of http (5985)?"
    if isinstance(error, ssl.SSLEOFError) or "alert" in reason:
        hint = " Does it trust the client certificate?" if options.certificate_pem else ""
        return f"{name} ended the TLS handshake ({reason}).{hint}"
    return f"TLS with {name} failed: {reason}."


def _redacted(error: BaseException, secrets: Collection[str]) -> str:
    text = str(error) or type(error).__name__
    for secret in filter(None, secrets):
        text = text.replace(secret, "********")
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it wraps: causes, contexts, `reason` of urllib3, exceptions among the arguments."""
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
