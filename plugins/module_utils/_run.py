# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a target and running a module against it, for the action plugin and for a module on its own."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from importlib import import_module
from typing import Any

from ._hyperv.explain import explain
from ._policy.privileges import remedy
from ._task.errors import TaskError
from ._task.given import check_given
from ._task.session import JOB_TIMEOUT, Target, Task, silent
from ._task.wait import check_timeouts
from ._wsman.client import Client, ConnectionOptions, connect
from ._wsman.faults import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    CertificateInvalid,
    ConnectionFailed,
    Fault,
    HostBusy,
    HostError,
    NotWSMan,
    OperationTimeout,
    ProgramTimeout,
    WSManError,
)

Run = Callable[[Target, Task], dict[str, Any]]

# One authenticated connection per process and set of options: a loop pays for the handshake once.
_clients: list[tuple[ConnectionOptions, Client]] = []


def open_client(options: ConnectionOptions) -> Client:
    """The client for these options, opened once; it connects with its first request."""
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
    predictions: Any = None,
    may_be_empty: Container[str] = (),
) -> dict[str, Any]:
    """The result of a module on a host; every error that the layers below raise becomes a failed result here.

    ``predictions`` are what earlier tasks of a check would have changed (an Overlay), and get what this one would.
    ``may_be_empty`` are the options whose empty text means something.
    """
    client: Client | None = None
    try:
        check_given(task.params, may_be_empty)
        check_timeouts(task.params)
        if text := plain_password(options):
            warn(f"{name}: {text}")
        client = open_client(options)
        host = Target(name, client, report, warn, job_timeout=task.params.get("job_timeout", JOB_TIMEOUT))
        result = _foresee(run, host, task, predictions) if task.check_mode else run(host, task)
        for line in result.pop("warnings", ()):
            warn(f"{name}: {line}")
        return result
    except HostError as error:
        text = sentence(error, client is not None and client.answered) + _longer(error, task.params)
        result = {"changed": False, **error.details, "failed": True, "msg": f"{name}: {text}"}
        return {**result, "unreachable": True} if is_unreachable(error) else result
    finally:
        if client is not None:
            client.close_shell()


def plain_password(options: ConnectionOptions) -> str:
    """A warning if the connection sends the password unencrypted, else nothing."""
    if not options.endpoint.startswith("http:") or options.transport not in ("basic", "plaintext"):
        return ""
    return (
        "the password travels unencrypted (Basic authentication over http). "
        "Use https, or ansible_winrm_transport: ntlm or kerberos, which encrypt over http too"
    )


def is_unreachable(error: HostError) -> bool:
    """Whether the host cannot be talked to, and nothing was or may have been changed."""
    if isinstance(error, (Fault, BadAnswer)) or not isinstance(error, WSManError) or error.details.get("changed"):
        return False
    if (error.sent and error.writes) or isinstance(error, ProgramTimeout):
        return False
    return isinstance(error, (ConnectionFailed, AuthenticationFailed, OperationTimeout, NotWSMan, HostBusy))


def _foresee(run: Run, host: Target, task: Task, predictions: Any) -> dict[str, Any]:
    """The result in check mode, on a shadow of the host; a real run doesn't even import it."""
    return import_module(f"{__package__}._hyperv.shadow.foresee").foresee(run, host, task, predictions)


# Errors whose cause is the inventory or the connection, and the variables to check; the most specific class first.
_WAYS_OUT: tuple[tuple[type[HostError], str], ...] = (
    (AuthenticationFailed, "See ansible_user, ansible_password, and ansible_winrm_transport or ansible_psrp_auth"),
    (
        CertificateInvalid,
        "See ansible_winrm_ca_trust_path and ansible_winrm_server_cert_validation, "
        "or ansible_psrp_ca_cert and ansible_psrp_cert_validation",
    ),
    (BadAnswer, "Look for a proxy or another device between the control node and the host, and run the task again"),
    (NotWSMan, "See ansible_host, ansible_port, and ansible_winrm_scheme or ansible_psrp_protocol"),
    (ConnectionFailed, "See ansible_host, ansible_port, and ansible_winrm_scheme or ansible_psrp_protocol"),
    (OperationTimeout, "Run the task again, with a longer ansible_winrm_connection_timeout if need be"),
)


def sentence(error: HostError, answered: bool = False) -> str:
    """The error's message, with a solution unless the task itself is the cause.

    A host that has ``answered`` before has the right address, so that a lost connection has another cause.
    """
    if isinstance(error, TaskError):
        return error.sentence().rstrip(".")
    if explained := explain(error):
        return explained
    message = error.message.rstrip(".")
    if isinstance(error, ProgramTimeout):
        return message
    if isinstance(error, AccessDenied):
        return f"{message}. {remedy(error.resource, by_service=error.wmi_status is None)}"
    kinds = ((kind, text) for kind, text in _WAYS_OUT if not answered or kind in (BadAnswer, OperationTimeout))
    way_out = next((text for kind, text in kinds if isinstance(error, kind)), "")
    if isinstance(error, ConnectionFailed) and (error.sent or answered):  # host and port are right
        way_out = "Run the task again"
    return f"{message}{'' if message.endswith('?') else '.'} {way_out}" if way_out else message


def _longer(error: HostError, params: Mapping[str, Any]) -> str:
    """A sentence about the option whose time limit has passed."""
    timeout = error.details.get("timeout")
    names = [name for name, value in params.items() if name.endswith("timeout") and value == timeout]
    if timeout is None or not names or any(name in error.message for name in names):
        return ""
    return f". Increase {' or '.join(names)} if it needs more time"


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
    return options.name.partition("://")[2].partition("/")[0], options
