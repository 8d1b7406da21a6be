# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of a winrm or psrp connection to those of our own client; nothing connects here."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._wsman.client import ConnectionOptions, endpoint_url
from ..module_utils._wsman.options import AUTHENTICATION
from ._kerberos import get_ticket

Get = Callable[[str], Any]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


# ansible_winrm_<name> variables that the winrm connection passes through, and our names for them.
_WINRM_EXTRAS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "server_cert_validation": ("server_cert_validation", str),
    "ca_trust_path": ("ca_trust_path", _text),
    "cert_pem": ("certificate_pem", _text),
    "cert_key_pem": ("certificate_key_pem", _text),
    "message_encryption": ("message_encryption", str),
    "proxy": ("proxy", _text),
    "service": ("kerberos_service", str),
    "kerberos_delegation": ("kerberos_delegation", boolean),
    "kerberos_hostname_override": ("kerberos_hostname_override", _text),
    "credssp_disable_tlsv1_2": ("credssp_disable_tlsv1_2", boolean),
    "send_cbt": ("send_cbt", boolean),
    "operation_timeout_sec": ("operation_timeout", _seconds),
    "read_timeout_sec": ("read_timeout", _seconds),
}
WINRM_EXTRAS = frozenset(f"ansible_winrm_{name}" for name in _WINRM_EXTRAS)
# The variables of both connections behind our options, for errors about their values.
_WINRM_VARIABLES = {ours: f"ansible_winrm_{name}" for name, (ours, _convert) in _WINRM_EXTRAS.items()}
_WINRM_VARIABLES |= {"transport": "ansible_winrm_transport"}
_PSRP_VARIABLES = {
    "transport": "ansible_psrp_auth",
    "server_cert_validation": "ansible_psrp_cert_validation",
    "ca_trust_path": "ansible_psrp_ca_cert",
    "certificate_pem": "ansible_psrp_certificate_pem",
    "certificate_key_pem": "ansible_psrp_certificate_key_pem",
    "message_encryption": "ansible_psrp_message_encryption",
    "operation_timeout": "ansible_psrp_operation_timeout",
    "read_timeout": "ansible_psrp_read_timeout",
}


def connection_options(kind: str, get: Get) -> ConnectionOptions:
    """The options of a connection plugin of this kind (``winrm`` or ``psrp``), read with its get_option.

    Raises AnsibleError for another kind, since this collection only talks WS-Management, and for a value that cannot
    work, with the name of its variable.
    """
    if kind == "winrm":
        return _from_winrm(get)
    if kind == "psrp":
        return _from_psrp(get)
    raise AnsibleError(
        f"the connection is '{kind}', and nested.hyperv reaches a Hyper-V host through WS-Management only. "
        "Run the task on (or delegate it to) a Windows host whose inventory has 'ansible_connection: winrm' or 'psrp'"
    )


def _from_winrm(get: Get) -> ConnectionOptions:
    extras = {name.removeprefix("ansible_winrm_"): value for name, value in (get("_extras") or {}).items()}
    scheme = get("scheme") or ("http" if get("port") == 5985 else "https")
    user, password = get("remote_user") or "", get("remote_password") or ""
    known = {
        ours: _converted(name, convert, extras[name])
        for name, (ours, convert) in _WINRM_EXTRAS.items()
        if name in extras
    }
    if timeout := get("connection_timeout"):
        known |= {"operation_timeout": float(timeout), "read_timeout": float(timeout) + 10}
    url = endpoint_url(scheme, _host(get), int(get("port")), get("path"))
    options = ConnectionOptions(endpoint=url, user=user, password=password, **known)
    mode = get("kerberos_mode")
    ticket = _winrm_ticket(get, options) if mode == "managed" or (mode is None and password) else None
    first, *others = (
        _checked(
            replace(options, transport=transport, ticket=ticket if transport == "kerberos" else None), _WINRM_VARIABLES
        )
        for transport in _winrm_transports(get("transport"), scheme, user, extras)
    )
    return replace(first, alternatives=tuple(others))


def _winrm_transports(transports: list[str] | None, scheme: str, user: str, extras: Mapping[str, Any]) -> list[str]:
    """The transports as the winrm connection tries them: as listed, Kerberos for user@domain, else Basic."""
    chosen = transports or ["kerberos" if "@" in user else "ssl" if scheme == "https" else "plaintext"]
    ssl = "certificate" if extras.get("cert_pem") else "basic"
    return list(dict.fromkeys({"ssl": ssl, "plaintext": "basic"}.get(transport, transport) for transport in chosen))


def _winrm_ticket(get: Get, options: ConnectionOptions) -> Callable[[], None]:
    args = get("kinit_args")
    command = [
        get("kerberos_command") or "kinit",
        *(shlex.split(args) if args else ["-f"] if options.kerberos_delegation else []),
    ]
    names = ["PATH", *(get("kinit_env_vars") or [])]
    environment = {name: os.environ[name] for name in names if name in os.environ}
    return partial(get_ticket, command, environment, options.user, options.password)


def _from_psrp(get: Get) -> ConnectionOptions:
    port = get("port")
    scheme = get("protocol") or ("http" if port == 5985 else "https")
    port = port or (5986 if scheme == "https" else 5985)
    user, password = get("remote_user") or "", get("remote_password") or ""
    ticket = None
    if get("auth") == "kerberos" and password:
        command = ["kinit", "-f"] if get("negotiate_delegate") else ["kinit"]
        ticket = partial(get_ticket, command, dict(os.environ), user, password)  # pypsrp asks within this process
    options = ConnectionOptions(
        endpoint=endpoint_url(scheme, _host(get), int(port), get("path")),
        transport=get("auth"),
        user=user,
        password=password,
        certificate_pem=get("certificate_pem"),
        certificate_key_pem=get("certificate_key_pem"),
        server_cert_validation=get("cert_validation"),
        ca_trust_path=get("ca_cert"),
        proxy=get("proxy") or (None if get("ignore_proxy") else "legacy_requests"),
        connection_timeout=float(get("connection_timeout")),
        operation_timeout=float(get("operation_timeout")),
        read_timeout=max(float(get("read_timeout")), float(get("operation_timeout")) + 10),
        message_encryption=get("message_encryption"),
        kerberos_delegation=bool(get("negotiate_delegate")),
        kerberos_hostname_override=get("negotiate_hostname_override"),
        kerberos_service=get("negotiate_service"),
        credssp_disable_tlsv1_2=get("credssp_disable_tlsv1_2"),
        send_cbt=get("negotiate_send_cbt"),
        ticket=ticket,
    )
    return _checked(options, _PSRP_VARIABLES)


def _host(get: Get) -> str:
    """The host's name or address. Raises AnsibleError if it holds more than that."""
    host = str(get("remote_addr") or "").strip()
    try:
        ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        name, _colon, port = host.rpartition(":")
        if not host or "//" in host or any(character in "/\\@?#[]" or character.isspace() for character in host):
            raise AnsibleError(f"ansible_host is '{host}', which is neither a host name nor an IP address") from None
        if name:
            raise AnsibleError(
                f"ansible_host is '{host}', which is neither a host name nor an IP address; write the port of host "
                f"'{name}' as ansible_port: {port}"
            ) from None
    return host


def _converted(name: str, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except (TypeError, ValueError):
        kind = "a number of seconds" if convert is _seconds else "a boolean"
        raise AnsibleError(f"ansible_winrm_{name} is '{value}', which is not {kind}") from None


def _checked(options: ConnectionOptions, variables: Mapping[str, str]) -> ConnectionOptions:
    """The same options. Raises AnsibleError, with the name of the variable, if one cannot work."""

    def require(name: str, holds: bool, text: str) -> None:
        if not holds:
            raise AnsibleError(f"{variables[name]} is '{getattr(options, name)}', {text}")

    def choose(name: str, *choices: str) -> None:
        require(name, getattr(options, name) in choices, f"which is none of {', '.join(choices)}")

    choose("transport", *AUTHENTICATION)
    choose("server_cert_validation", "validate", "ignore")
    choose("message_encryption", "auto", "always", "never")
    require("operation_timeout", options.operation_timeout >= 1, "which is below 1 second")
    require(
        "read_timeout",
        options.read_timeout > options.operation_timeout,
        f"which must be longer than {variables['operation_timeout']} ({options.operation_timeout:g})",
    )
    files = ["certificate_pem", "certificate_key_pem"] if options.transport == "certificate" else []
    if options.endpoint.startswith("https:") and options.server_cert_validation == "validate":
        files += ["ca_trust_path"] if options.ca_trust_path not in (None, "legacy_requests") else []
    for name in files:
        require(name, os.path.exists(getattr(options, name) or ""), "and no such file exists on the control node")
    return options
