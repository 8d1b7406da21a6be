# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options of a host: endpoint, authentication, TLS, time-outs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .url import without_secrets


class Authentication(NamedTuple):
    """pywinrm's name of a transport, and the HTTP authentication schemes of which the host must offer one."""

    pywinrm: str
    schemes: frozenset[str]


AUTHENTICATION: Mapping[str, Authentication] = {
    "basic": Authentication("basic", frozenset({"basic"})),
    "plaintext": Authentication("plaintext", frozenset({"basic"})),
    "ssl": Authentication("ssl", frozenset({"basic"})),
    "ntlm": Authentication("ntlm", frozenset({"negotiate", "ntlm"})),
    "negotiate": Authentication("ntlm", frozenset({"negotiate", "ntlm"})),
    "kerberos": Authentication("kerberos", frozenset({"negotiate", "kerberos"})),
    "credssp": Authentication("credssp", frozenset({"credssp"})),
    "certificate": Authentication("certificate", frozenset()),
}


@dataclass(frozen=True)
class ConnectionOptions:
    """Endpoint and credentials of a host; times in seconds.

    `transport` is basic, plaintext, ntlm, negotiate (NTLM only), kerberos (with an existing ticket, or one that
    `ticket` gets), credssp, certificate, or ssl (certificate if `certificate_pem` is set, else basic). `proxy` is a
    URL, None for no proxy, or "legacy_requests" for the proxy of the environment variables. `extras` are passed to
    pywinrm's Transport, except those that it does not know. `alternatives` are tried in turn if the host or the
    control node does not support this transport, or the host refuses it.
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
    ticket: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    alternatives: tuple[ConnectionOptions, ...] = ()

    @property
    def name(self) -> str:
        """The endpoint as messages contain it."""
        return without_secrets(self.endpoint)


def endpoint_url(scheme: str, host: str, port: int, path: str = "/wsman") -> str:
    """URL of the service. An IPv6 address is bracketed and its zone escaped (RFC 6874)."""
    if ":" in host and not host.startswith("["):
        address, _percent, zone = host.partition("%")
        host = f"[{address}%25{zone.removeprefix('25')}]" if zone else f"[{address}]"
    return f"{scheme}://{host}:{port}/{path.lstrip('/')}"
