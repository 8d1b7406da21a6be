# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_service: states and start modes, and what a service or Windows refuses."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import Task, check_run, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.simulator.windows.software import STOPPED
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

SERVICES: dict[str, Any] = {
    "Slow": {"path": r"C:\slow.exe", "seconds": 20},
    "Off": {"path": r"C:\off.exe", "start": "Disabled", "state": "Stopped"},
    "Idle": {"path": r"C:\idle.exe", "start": "Manual", "state": "Stopped"},
}
MODEL: dict[str, Any] = {"hosts": [{"name": "hv01", "hyperv": False, "locale": "de-DE", "services": SERVICES}]}


def test_a_service_is_stopped_disabled_and_started_again(lab: Lab) -> None:
    result = lab.apply("guest_service", name="SLOW", state="stopped", start_mode="disabled")
    assert result["diff"] == {
        "before": {"start_mode": "auto", "state": "running"},
        "after": {"start_mode": "disabled", "state": "stopped"},
    }
    assert (result["service"]["name"], result["service"]["state"]) == ("Slow", "stopped")
    result = lab.apply("guest_service", name="Slow", state="started", start_mode="manual")
    assert result["service"] == {
        "name": "Slow", "state": "running", "start_mode": "manual", "path": r"C:\slow.exe", "account": "LocalSystem"
    }  # fmt: skip


def test_no_request_writes_if_nothing_changes(lab: Lab) -> None:
    lab.leaves_alone("guest_service", name="Idle")
    lab.leaves_alone("guest_service", name="Idle", state="stopped", start_mode="manual")


def test_a_restart_is_done_in_every_run(lab: Lab) -> None:
    for _turn in range(2):
        check = lab.run("guest_service", check=True, name="Slow", state="restarted")
        assert not lab.writes
        real = lab.succeeds("guest_service", name="Slow", state="restarted")
        assert lab.writes == ["Invoke Win32_Service StopService", "Invoke Win32_Service StartService"]
        assert check == real
        assert real["changed"] is True
    assert lab.succeeds("guest_service", name="Idle", state="restarted")["service"]["state"] == "running"


def test_what_can_not_be(lab: Lab) -> None:
    lab.refuses("guest_service", "name: ", "no service 'none'", name="none", state="started")
    lab.refuses("guest_service", "state: ", "'Off' is disabled", "start_mode", name="Off", state="started")
    lab.refuses("guest_service", "is disabled", name="Idle", state="started", start_mode="disabled")


def test_a_service_that_stops_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    service = lab.machine.software.find_service("Idle")
    monkeypatch.setattr(lab.machine.software, "_turn", lambda *_states: setattr(service, "state", STOPPED))
    result = lab.fails("guest_service", "stopped again (exit code 1077", name="Idle", state="started")
    assert result["changed"] is True


def test_a_service_that_takes_too_long(lab: Lab) -> None:
    result = lab.fails("guest_service", "gave up after 5 s", name="Slow", state="stopped", service_timeout=5)
    assert result["changed"] is True


@pytest.mark.parametrize(("name", "said"), [("Slow", True), ("Idle", False)])
def test_a_service_that_ran_and_does_not_start_again_is_named(lab: Lab, name: str, said: bool) -> None:
    lab.sim.faults.add(Rule("fault", fault="AccessDenied", method="StartService"))
    result = lab.fails("guest_service", "could not start", name=name, state="restarted")
    assert (f"The service '{name}' may be stopped" in result["msg"]) is said
    assert result["changed"] is said


@pytest.mark.parametrize("method", ["StartService", "StopService", "ChangeStartMode"])
@pytest.mark.parametrize("do", ["drop", "lose"])
def test_a_lost_answer(lab: Lab, method: str, do: str) -> None:
    wishes = {"StartService": ("Idle", "started", "manual"), "StopService": ("Slow", "stopped", "auto")}
    name, state, mode = wishes.get(method, ("Idle", "stopped", "auto"))
    lab.sim.faults.add(Rule(do, method=method))
    result = lab.run("guest_service", name=name, state=state, start_mode=mode)
    if do == "lose":
        assert not result.get("failed"), result
    assert lab.writes.count(f"Invoke Win32_Service {method}") == 0, "a write is not sent again"
    lab.sim.faults.clear()
    assert not lab.run("guest_service", name=name, state=state, start_mode=mode).get("failed")
    lab.leaves_alone("guest_service", name=name, state=state, start_mode=mode)


def test_tasks_of_a_check_see_each_other(lab: Lab) -> None:
    play = [
        {"name": "Off", "start_mode": "manual"},
        {"name": "Off", "state": "started"},
        {"name": "off", "state": "started", "start_mode": "manual"},
        {"name": "Slow", "state": "stopped"},
        {"name": "Slow", "state": "restarted"},
    ]
    tasks = [Task(str(number), "guest_service", args) for number, args in enumerate(play)]
    assert unforeseen(three_runs(MODEL, tasks)) == {}
    with check_run():
        lab.run("guest_service", check=True, name="Off", start_mode="auto")
        assert lab.run("guest_service", check=True, name="Off", state="started")["changed"] is True
