"""Opening a host: errors as results, and the environment variables of a module on its own."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils import _run
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target, Task
from ansible_collections.nested.hyperv.plugins.module_utils._wsman import faults
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import FaultParts, HostError

PASSWORD = "s3cr3t"
OPTIONS = ConnectionOptions("https://hv01:5986/wsman", "ntlm", "ops", PASSWORD)
V2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem"
CIMV2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem"


@pytest.mark.parametrize(
    ("error", "starts", "ends"),
    [
        (HostError("no such thing."), "no such thing", "no such thing"),
        (
            faults.InvalidNamespace(FaultParts(wsman_code=0x8033801F), resource=V2),
            "Hyper-V is not installed on this host",
            ")",
        ),
        (
            faults.InvalidNamespace(FaultParts(), resource=CIMV2),
            "Win32_OperatingSystem: the host does not have",
            "namespace",
        ),
        (
            faults.AccessDenied(FaultParts(wsman_code=5, reason="Access is denied. "), resource=V2),
            "Msvm_ComputerSystem: the user is not allowed to do this: Access is denied (code 5). The user must be",
            "in its groups 'Remote Management Users' and 'Hyper-V Administrators'",
        ),
        (
            faults.AccessDenied(FaultParts(wmi_status=0x80041003), resource=V2),
            "Msvm_ComputerSystem: the user is not allowed to do this",
            "in its 'Hyper-V Administrators' group",
        ),
        (
            faults.AccessDenied(FaultParts(wmi_status=0x80041003), resource=CIMV2),
            "Win32_OperatingSystem: the user is not allowed to do this",
            "on the namespace root/cimv2 (wmimgmt.msc)",
        ),
        *(
            (
                faults.AccessDenied(
                    parts, resource=CIMV2.replace("cimv2/Win32_OperatingSystem", "standardCIMV2/MSFT_NetNat")
                ),
                "MSFT_NetNat: the user is not allowed to do this",
                "the group 'Hyper-V Administrators' is not enough in the namespace root/standardCIMV2",
            )
            for parts in (FaultParts(wmi_status=0x80041003), FaultParts(wsman_code=0x80070005))
        ),
        (
            faults.AccessDenied(FaultParts(), resource="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"),
            "cmd: the user is not allowed to do this",
            "in its groups 'Remote Management Users' and 'Hyper-V Administrators'",
        ),
    ],
)
def test_sentence(error: HostError, starts: str, ends: str) -> None:
    text = _run.sentence(error)
    assert text.startswith(starts)
    assert text.endswith(ends)
    assert ".." not in text


def test_an_error_becomes_a_failed_result_with_its_details() -> None:
    def run(_host: Target, _task: Task) -> dict[str, Any]:
        raise Refused("VM 'web01' is running", vm="web01", changed=True)

    assert _run.run_module(run, "hv01", OPTIONS, Task({})) == {
        "changed": True,
        "failed": True,
        "msg": "hv01: VM 'web01' is running",
        "vm": "web01",
    }


def test_the_option_of_an_error_begins_its_message_and_is_returned() -> None:
    def run(_host: Target, _task: Task) -> dict[str, Any]:
        raise Invalid("5GB is out of range", option="memory.minimum")

    assert _run.run_module(run, "hv01", OPTIONS, Task({})) == {
        "changed": False,
        "failed": True,
        "msg": "hv01: memory.minimum: 5GB is out of range",
        "option": "memory.minimum",
    }


@pytest.mark.parametrize(
    ("timeout", "msg"),
    [
        (60, "hv01: x.exe: it did not end. Increase copy_timeout if it needs more time"),
        (5, "hv01: x.exe: it did not end"),  # a limit that no option sets
    ],
)
@pytest.mark.parametrize("writes", [False, True])
def test_a_program_that_takes_too_long_fails_on_a_host_that_is_reachable(timeout: int, msg: str, writes: bool) -> None:
    error = faults.ProgramTimeout("x.exe: it did not end.", timeout=timeout)
    error.writes = writes

    def run(host: Target, task: Task) -> dict[str, Any]:
        raise error

    result = _run.run_module(run, "hv01", OPTIONS, Task({"copy_timeout": 60, "other_timeout": 7}))
    assert result == {"changed": False, "timeout": timeout, "failed": True, "msg": msg}


def test_what_is_no_error_of_the_host_is_not_hidden() -> None:
    def run(_host: Target, _task: Task) -> dict[str, Any]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        _run.run_module(run, "hv01", OPTIONS, Task({}))


def test_the_module_gets_host_task_and_where_to_report() -> None:
    told: list[str] = []

    def run(host: Target, task: Task) -> dict[str, Any]:
        host.report("half way")
        host.warn("mind the gap")
        return {"changed": False, "host": host.name, "check": task.check_mode, "endpoint": host.client.to}

    result = _run.run_module(run, "hv01", OPTIONS, Task({}, True), told.append, told.append)
    assert result == {"changed": False, "host": "hv01", "check": True, "endpoint": OPTIONS.endpoint}
    assert told == ["half way", "mind the gap"]


@pytest.mark.parametrize(
    ("endpoint", "transport", "warned"),
    [
        ("http://hv01:5985/wsman", "basic", True),
        ("http://hv01:5985/wsman", "plaintext", True),
        ("http://hv01:5985/wsman", "ntlm", False),
        ("https://hv01:5986/wsman", "basic", False),
    ],
)
def test_basic_over_http_warns(endpoint: str, transport: str, warned: bool) -> None:
    warnings: list[str] = []
    options = ConnectionOptions(endpoint, transport, "ops", PASSWORD)
    _run.run_module(lambda _host, _task: {}, "hv01", options, Task({}), warn=warnings.append)
    assert bool(warnings) is warned
    assert all("hv01: the password travels unencrypted" in one and PASSWORD not in one for one in warnings)


def test_one_client_per_set_of_options() -> None:
    other = ConnectionOptions(OPTIONS.endpoint, "ntlm", "somebody else", PASSWORD)
    assert _run.open_client(OPTIONS) is _run.open_client(ConnectionOptions(*_fields(OPTIONS)))
    assert _run.open_client(other) is not _run.open_client(OPTIONS)


def _fields(options: ConnectionOptions) -> tuple[str, str, str, str]:
    return options.endpoint, options.transport, options.user, options.password


def test_environment_variables() -> None:
    name, options = _run.connection_of(
        {
            "NESTED_HYPERV_URL": "https://hv01.example.com:5986/wsman",
            "NESTED_HYPERV_USER": "ops",
            "NESTED_HYPERV_PASSWORD": PASSWORD,
            "NESTED_HYPERV_TRANSPORT": "basic",
            "NESTED_HYPERV_CA": "/ca.pem",
            "NESTED_HYPERV_VALIDATE": "no",
        }
    )
    assert name == "hv01.example.com:5986"
    assert options == ConnectionOptions(
        "https://hv01.example.com:5986/wsman",
        "basic",
        "ops",
        PASSWORD,
        ca_trust_path="/ca.pem",
        server_cert_validation="ignore",
    )


@pytest.mark.parametrize(
    ("value", "validation"), [(None, "validate"), ("True", "validate"), ("1", "validate"), ("0", "ignore")]
)
def test_defaults_are_the_safe_ones(value: str | None, validation: str) -> None:
    environment = {"NESTED_HYPERV_URL": "https://hv01:5986/wsman"}
    _name, options = _run.connection_of(environment | ({"NESTED_HYPERV_VALIDATE": value} if value else {}))
    assert (options.transport, options.server_cert_validation, options.ca_trust_path) == ("ntlm", validation, None)


@pytest.mark.parametrize("environment", [{}, {"NESTED_HYPERV_URL": ""}, {"NESTED_HYPERV_USER": "ops"}])
def test_without_a_url_both_ways_out_are_named(environment: dict[str, str]) -> None:
    with pytest.raises(HostError) as caught:
        _run.connection_of(environment)
    assert "'ansible_connection: winrm' or 'psrp'" in caught.value.message
    assert "NESTED_HYPERV_URL" in caught.value.message
