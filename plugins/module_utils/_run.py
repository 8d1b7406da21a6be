# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a host, and running a module against it: what the action plugin and a module on its own share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._ensure import Task
from ._hyperv.session import Host, silent
from ._wsman.client import Client, ConnectionOptions, connect
from ._wsman.faults import AccessDenied, HostError, InvalidNamespace

Run = Callable[[Host, Task], dict[str, Any]]

# One authenticated connection per process and set of options: a loop pays for the handshake once.
_clients: list[tuple[ConnectionOptions, Client]] = []


def open_client(options: ConnectionOptions) -> Client:
    """The client for these options, the one already open where there is one; connects with its first request."""
    for known, client in _clients:
        if known == options:
            return client
    client = connect(options)
    _clients.append((options, client))
    return client


def run_module(
    run: Run,
    name: str,
    options: ConnectionOptions,
    task: Task,
    report: Callable[[str], None] = silent,
    warn: Callable[[str], None] = silent,
) -> dict[str, Any]:
    """The result of a module on a host; everything that the layers below raise becomes a failed result here."""
    try:
        if options.endpoint.startswith("http:") and options.transport in ("basic", "plaintext"):
            warn(
                f"{name}: the password travels unencrypted (Basic authentication over http). "
                "Use https, or ansible_winrm_transport: ntlm or kerberos, which encrypt over http too"
            )
        return run(Host(name, open_client(options), report, warn), task)
    except HostError as error:
        return {"changed": False, **error.details, "failed": True, "msg": f"{name}: {sentence(error)}"}


def sentence(error: HostError) -> str:
    """The error's message; where the cause is the host rather than the task, with what to do about it."""
    message = error.message.rstrip(".")
    if isinstance(error, InvalidNamespace) and "virtualization" in error.resource.lower():
        return f"Hyper-V is not installed on this host, or its management service (vmms) doesn't run ({message})"
    if isinstance(error, AccessDenied):
        return f"{message}. The user must be an administrator of the host, or in its 'Hyper-V Administrators' group"
    return message


def connection_of(environment: Mapping[str, str]) -> tuple[str, ConnectionOptions]:
    """Name and connection options of the host that NESTED_HYPERV_* environment variables describe.

    NESTED_HYPERV_URL and _USER, _PASSWORD, _TRANSPORT (ntlm), _CA (path), _VALIDATE (true). Raises HostError.
    """
    url = environment.get("NESTED_HYPERV_URL")
    if not url:
        raise HostError(
            "no host to talk to: run the module as a task of an inventory host with 'ansible_connection: winrm' or "
            "'psrp', or set NESTED_HYPERV_URL (https://host:5986/wsman), NESTED_HYPERV_USER and NESTED_HYPERV_PASSWORD"
        )
    validate = environment.get("NESTED_HYPERV_VALIDATE", "true").lower() in ("true", "yes", "1")
    options = ConnectionOptions(
        endpoint=url,
        transport=environment.get("NESTED_HYPERV_TRANSPORT", "ntlm"),
        user=environment.get("NESTED_HYPERV_USER", ""),
        password=environment.get("NESTED_HYPERV_PASSWORD", ""),
        ca_trust_path=environment.get("NESTED_HYPERV_CA"),
        server_cert_validation="validate" if validate else "ignore",
    )
    return url.partition("://")[2].partition("/")[0], options
