# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of a winrm or psrp connection to those of our own client; nothing connects here."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._wsman.client import ConnectionOptions, endpoint_url

Get = Callable[[str], Any]

# The ticket caches of this process, by what kinit was called with: a loop asks for each ticket once.
_tickets: dict[tuple[str, ...], Any] = {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


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
    "operation_timeout_sec": ("operation_timeout", float),
    "read_timeout_sec": ("read_timeout", float),
}


def connection_options(kind: str, get: Get) -> ConnectionOptions:
    """The options of a connection plugin of this kind (``winrm`` or ``psrp``), read with its get_option.

    Raises AnsibleError for another kind: this collection only talks WS-Management.
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
    transport = _winrm_transport(get("transport"), scheme, user, extras)
    mode = get("kerberos_mode")
    if transport == "kerberos" and (mode == "managed" or (mode is None and password)):
        forwardable = boolean(extras.get("kerberos_delegation", False))
        _kinit(get("kerberos_command") or "kinit", _kinit_args(get("kinit_args"), forwardable), get, user, password)
    known = {ours: convert(extras[name]) for name, (ours, convert) in _WINRM_EXTRAS.items() if name in extras}
    if timeout := get("connection_timeout"):
        known |= {"operation_timeout": float(timeout), "read_timeout": float(timeout) + 10}
    url = endpoint_url(scheme, get("remote_addr"), int(get("port")), get("path"))
    return ConnectionOptions(endpoint=url, transport=transport, user=user, password=password, **known)


def _winrm_transport(transports: list[str] | None, scheme: str, user: str, extras: Mapping[str, Any]) -> str:
    """The transport as the winrm connection chooses it: the first listed, Kerberos for user@domain, else Basic."""
    chosen = next(iter(transports or []), None)
    if chosen is None:
        chosen = "kerberos" if "@" in user else "ssl" if scheme == "https" else "plaintext"
    if chosen == "ssl":
        return "certificate" if extras.get("cert_pem") else "basic"
    return "basic" if chosen == "plaintext" else chosen


def _from_psrp(get: Get) -> ConnectionOptions:
    port = get("port")
    scheme = get("protocol") or ("http" if port == 5985 else "https")
    port = port or (5986 if scheme == "https" else 5985)
    user, password = get("remote_user") or "", get("remote_password") or ""
    if get("auth") == "kerberos" and password:
        _kinit("kinit", ["-f"] if get("negotiate_delegate") else [], get, user, password)
    return ConnectionOptions(
        endpoint=endpoint_url(scheme, get("remote_addr"), int(port), get("path")),
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
    )


def _kinit_args(args: str | None, forwardable: bool) -> list[str]:
    return shlex.split(args) if args else ["-f"] if forwardable else []


def _kinit(command: str, args: list[str], get: Get, principal: str, password: str) -> None:
    """Get a Kerberos ticket into a cache of this process. Raises AnsibleConnectionFailure, never with the password."""
    wanted = (command, *args, principal, password)
    if wanted not in _tickets:
        cache = tempfile.NamedTemporaryFile(prefix="nested_hyperv_krb5_")  # noqa: SIM115 (goes with the process)
        _run_kinit([command, *args, principal], get, principal, password, f"FILE:{cache.name}")
        _tickets[wanted] = cache
    os.environ["KRB5CCNAME"] = f"FILE:{_tickets[wanted].name}"


def _run_kinit(command: list[str], get: Get, principal: str, password: str, cache: str) -> None:
    try:
        passed = {name: os.environ[name] for name in get("kinit_env_vars") or [] if name in os.environ}
    except KeyError:  # psrp has no such option
        passed = {}
    try:
        done = subprocess.run(
            command,
            input=password.encode() + b"\n",
            capture_output=True,
            env={**passed, "PATH": os.environ["PATH"], "KRB5CCNAME": cache},
            start_new_session=True,  # without a terminal kinit reads the password from standard input
            check=False,
        )
    except OSError as error:
        reason = f"can't run '{command[0]}': {error}"
        raise AnsibleConnectionFailure(f"no Kerberos ticket for {principal}: {reason}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace(password or "\0", "<redacted>")
        said = said or f"'{command[0]}' ended with exit code {done.returncode}"
        raise AnsibleConnectionFailure(f"no Kerberos ticket for {principal}: {said}")
