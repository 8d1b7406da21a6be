# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that cannot be talked to are unreachable, as for every module over a Windows connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import task
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

MODEL = {"hosts": [{"name": "hv01", "vms": [{"name": "lab01"}]}]}
PASSWORD = "s3cret-Pa55"


@pytest.fixture(scope="module")
def sim() -> Any:
    with simulator.start(MODEL) as sim:
        yield sim


@pytest.fixture(autouse=True)
def _clients() -> Any:
    yield
    task.close_clients()


def run(variables: dict[str, Any], module: str = "vm_memory") -> dict[str, Any]:
    args = {"name": "lab01", "startup": "2GB"} if module == "vm_memory" else {}
    return task.run_task("hv01", variables, module, args)


@pytest.fixture
def refusing() -> Any:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield {"ansible_host": "127.0.0.1", "ansible_port": taken.getsockname()[1]}


@pytest.fixture
def silent() -> Any:
    """A host that accepts the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield {
            "ansible_host": "127.0.0.1",
            "ansible_port": listener.getsockname()[1],
            "ansible_winrm_operation_timeout_sec": 1,
            "ansible_winrm_read_timeout_sec": 1.2,
        }


def kinit(folder: Path) -> dict[str, Any]:
    path = folder / "kinit"
    path.write_text("#!/bin/sh\necho 'kinit: Preauthentication failed' >&2\nexit 1\n")
    path.chmod(0o755)
    return {
        "ansible_winrm_transport": "kerberos",
        "ansible_user": "ops@EXAMPLE.COM",
        "ansible_winrm_kinit_cmd": str(path),
    }


@pytest.mark.parametrize("no_log", [False, True])
def test_no_log_hides_warnings(sim: Any, no_log: bool) -> None:
    host, args = task.variables(sim, "hv01"), {"vm": "lab01", "data": {"password": "x"}}
    result = task.run_task("hv01", host, "vm_guest_data", args, check=True, no_log=no_log)
    assert result["changed"]
    assert ("warnings" in result) is not no_log


def test_refused(sim: Any, refusing: dict[str, Any]) -> None:
    check(run(task.variables(sim, "hv01", **refusing)), "refuses the connection", "ansible_host")


def test_unknown(sim: Any) -> None:
    check(run(task.variables(sim, "hv01", ansible_host="no-such-host.invalid")), "cannot be resolved", "ansible_host")


def test_timed_out(sim: Any, silent: dict[str, Any]) -> None:
    check(run(task.variables(sim, "hv01", **silent)), "did not answer within", "ansible_winrm_connection_timeout")


def test_wrong_certificate(sim: Any) -> None:
    host = task.variables(sim, "hv01", "https", ansible_winrm_ca_trust_path=None)
    check(run(host), "certificate of", "ansible_winrm_ca_trust_path")


def test_wrong_password(sim: Any) -> None:
    check(run(task.variables(sim, "hv01", ansible_password=PASSWORD)), "rejects the credentials", "ansible_password")


def test_no_ticket(sim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", True)
    host = task.variables(sim, "hv01", **kinit(tmp_path), ansible_password=PASSWORD)
    check(run(host), "no Kerberos ticket for ops@EXAMPLE.COM: kinit: Preauthentication failed", "ansible_password")


def check(result: dict[str, Any], said: str, variable: str) -> None:
    assert result["unreachable"]
    assert result["changed"] is False
    assert said in result["msg"]
    assert variable in result["msg"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ansible_host": "hv01:5985"}, "ansible_host"),
        ({"ansible_winrm_message_encryption": "sometimes"}, "ansible_winrm_message_encryption"),
        ({"ansible_winrm_operation_timeout_sec": "long"}, "ansible_winrm_operation_timeout_sec"),
        ({"ansible_winrm_transport": "kerberos"}, "pykerberos"),
    ],
)
def test_a_wrong_variable_is_a_failure(
    sim: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any], named: str
) -> None:
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", False)
    result = run(task.variables(sim, "hv01", **variables))
    assert result["failed"]
    assert "unreachable" not in result
    assert named in result["msg"]
    assert "ansible_password" not in result["msg"]


@pytest.mark.parametrize("trouble", ["drop", "lose"])
def test_a_write_without_an_answer_is_a_failure(sim: Any, misbehave: Callable[..., None], trouble: str) -> None:
    misbehave(do=trouble, operation="Invoke", times=1)
    result = run(task.variables(sim, "hv01"))
    assert "unreachable" not in result


@pytest.fixture
def misbehave(sim: Any) -> Any:
    yield lambda **rule: sim.faults.add(Rule(**rule))
    sim.faults.clear()


def test_a_fault_is_a_failure(sim: Any, misbehave: Callable[..., None]) -> None:
    misbehave(do="fault", fault="AccessDenied", times=0)
    result = run(task.variables(sim, "hv01"), "vm_info")
    assert result["failed"]
    assert "unreachable" not in result
