# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_reboot: one restart, whatever answer is lost, and a guest that is waited for until it is ready."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._windows.reboot import Boot
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import Program
from ansible_collections.nested.hyperv.tests.simulator.windows.software import SERVICING_PENDING
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

HOST: dict[str, Any] = {
    "name": "hv01",
    "hyperv": False,
    "locale": "de-DE",
    "servicing": {"after_restart": 100},
    "restart": {"closing": 5, "boot": 90},
}
MODEL = {"hosts": [HOST]}
SHUTDOWN = r"c:\windows\system32\shutdown.exe"


def asked(lab: Lab) -> int:
    return sum("shutdown.exe /r" in entry.method for entry in lab.requests)


def test_windows_has_started_again(lab: Lab) -> None:
    lab.sim.advance(1000)
    before = lab.machine.booted_at
    result = lab.apply("guest_reboot", once_more=False)
    assert lab.machine.boots == 1
    assert result["rebooted"] is True
    assert datetime.fromisoformat(result["booted"]) > before
    assert result["reasons"] == []
    assert lab.succeeds("guest_reboot")["changed"] is True


def test_the_guest_of_a_vm() -> None:
    guest = {"boot_seconds": 40, "machine": {"hyperv": False, "servicing": {"after_restart": 30}}}
    vm = {"name": "g01", "state": "running", "memory": "4GB", "guest": guest}
    with open_lab({"hosts": [{"name": "hv01", "vms": [vm]}]}) as lab:
        lab.sim.advance(600)
        inside = lab.on("g01")
        boots = inside.machine.boots
        inside.apply("guest_feature", name=["Containers"], allow_reboot=True)
        assert inside.machine.boots == boots + 1
        inside.succeeds("guest_reboot")
        assert inside.machine.boots == boots + 2


def test_a_restart_only_if_required(lab: Lab) -> None:
    lab.leaves_alone("guest_reboot", only_if_required=True)
    assert lab.machine.boots == 0
    lab.machine.software.change_features([lab.machine.software.find_feature("Containers")], enable=True)
    result = lab.apply("guest_reboot", only_if_required=True)
    assert result["reasons"] == ["component_servicing"]
    assert result["reboot_required"] is False
    assert lab.machine.software.find_feature("Containers").state == "enabled", "features are waited for"


def test_a_windows_that_needs_another_restart(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.machine.software.servicing["after_restart"] = 0
    monkeypatch.setattr(lab.machine.software, "_finish", lambda: None)  # the sign of a pending restart stays
    lab.machine.software.registry.create(SERVICING_PENDING)
    began = lab.sim.clock.seconds()
    result = lab.succeeds("guest_reboot")
    assert result["reboot_required"] is True
    assert lab.sim.clock.seconds() - began < 300, "nothing is at work, so nothing is waited for"


def test_an_update_that_windows_works_on_after_its_restart(lab: Lab) -> None:
    lab.machine.software.registry.create(SERVICING_PENDING)
    result = lab.succeeds("guest_reboot")
    assert result["reboot_required"] is False
    assert "warnings" not in result


def test_features_that_are_not_done_in_time() -> None:
    with open_lab({"hosts": [{**HOST, "servicing": {"after_restart": 5000}}]}) as lab:
        lab.machine.software.change_features([lab.machine.software.find_feature("Containers")], enable=True)
        result = lab.succeeds("guest_reboot", reboot_timeout=300)
        assert "not done with its features" in result["warnings"][0]
        assert result["reboot_required"] is True


def test_a_scheduled_shutdown_is_replaced(lab: Lab) -> None:
    lab.machine.restart.schedule(3600, restart=False)
    lab.succeeds("guest_reboot")
    lab.sim.advance(5000)
    assert (lab.machine.boots, lab.machine.up) == (1, True)


def test_a_restart_in_progress_counts(lab: Lab) -> None:
    lab.machine.restart.seconds["closing"] = 10
    lab.machine.restart.schedule(0, restart=True)
    lab.sim.advance(1)
    lab.succeeds("guest_reboot")
    assert lab.machine.boots == 1


def test_a_guest_that_never_comes_back() -> None:
    with open_lab({"hosts": [{**HOST, "restart": {"closing": 5, "boot": 10_000}}]}) as lab:
        result = lab.fails("guest_reboot", "within 120 s", "it answered last", "refuses the connection",
                           "reboot_timeout", reboot_timeout=120)  # fmt: skip
        assert result["changed"] is True
        assert result["uncertain"] == ["restart hv01"]
        assert result["last_seen"] in result["msg"]


def test_a_guest_that_does_not_shut_down(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(programs.PROGRAMS, SHUTDOWN, Program(lambda context: 0))
    lab.fails("guest_reboot", "it answers, and has not shut down yet", reboot_timeout=120)
    assert asked(lab) == 1


@pytest.mark.parametrize(("code", "words"), [(5, "may not shut Windows down"), (31, "shutdown.exe failed")])
def test_a_refused_restart(lab: Lab, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    monkeypatch.setitem(programs.PROGRAMS, SHUTDOWN, Program(lambda context: code))
    result = lab.fails("guest_reboot", words, f"(code {code})")
    assert (result["changed"], result["program"]) == (False, "shutdown.exe")


@pytest.mark.parametrize("action", ["Create", "Command", "Receive", "Signal"])
@pytest.mark.parametrize("do", ["drop", "lose", "cut"])
def test_a_broken_connection_means_one_restart(lab: Lab, action: str, do: str) -> None:
    lab.sim.advance(100)
    lab.sim.faults.add(Rule(do, operation=action))
    result = lab.run("guest_reboot")
    lab.sim.advance(1000)
    assert lab.machine.boots <= 1
    assert bool(result["changed"]) is bool(lab.machine.boots), result
    assert not result.get("failed") or action in ("Create", "Command")


def boot(uptime: float, at: float) -> Boot:
    return Boot(datetime(2026, 1, 1, tzinfo=timezone.utc), uptime, at)


@pytest.mark.parametrize(
    ("before", "after", "restarted"),
    [
        (boot(1000, 0), boot(1100, 100), False),
        (boot(1000, 0), boot(1098, 100), False),
        (boot(1000, 0), boot(20, 100), True),
        (boot(10, 0), boot(50, 100), True),
        (boot(4, 0), boot(104, 100), False),
        (boot(1_000_000, 0), boot(99, 100), True),
    ],
)
def test_a_start_is_told_by_uptime_whoever_sets_the_clock(before: Boot, after: Boot, restarted: bool) -> None:
    assert before.is_before(after) is restarted
