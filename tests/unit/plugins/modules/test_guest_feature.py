# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_feature: one run of dism.exe, pending states, restarts, and the meaning of exit codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._windows.feature import REASONS
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context, Steps
from ansible_collections.nested.hyperv.tests.simulator.windows.software import UPDATE_PENDING
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

WSL = ["Microsoft-Windows-Subsystem-Linux", "VirtualMachinePlatform"]
HOST: dict[str, Any] = {
    "name": "hv01",
    "hyperv": False,
    "servicing": {"seconds": 30, "after_restart": 60},
    "restart": {"closing": 3, "boot": 60},
}
MODEL = {"hosts": [HOST]}
DISM = r"c:\windows\system32\dism.exe"


def model(**more: Any) -> dict[str, Any]:
    return {"hosts": [{**HOST, **more}]}


def changing_lines(lab: Lab) -> list[str]:
    return [entry.method for entry in lab.requests if entry.action == "Command" and "-Feature " in entry.method]


def state(lab: Lab, name: str) -> str:
    return lab.machine.software.find_feature(name).state


def states(result: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in result["features"]}


@pytest.mark.parametrize("more", [{}, {"locale": "de-DE"}, {"winrm": {"skip_cmd_shell": True}}, {"os": "windows11"}])
def test_several_features_are_enabled_at_once(more: dict[str, Any]) -> None:
    with open_lab(model(**more)) as lab:
        result = lab.apply("guest_feature", name=["microsoft-windows-subsystem-linux", WSL[1]], once_more=False)
        (line,) = changing_lines(lab)
        assert line.endswith(f"/Enable-Feature /All /FeatureName:{WSL[0]} /FeatureName:{WSL[1]}")
        assert states(result) == dict.fromkeys(WSL, "enable_pending")
        assert result["diff"]["after"] == {"features": dict.fromkeys(WSL, "enabled")}
        assert (result["reboot_required"], result["rebooted"]) == (True, False)
        again = lab.leaves_alone("guest_feature", name=WSL)
        assert again["reboot_required"] is True
        assert lab.machine.boots == 0


def test_a_feature_that_needs_no_restart(lab: Lab) -> None:
    result = lab.apply("guest_feature", name=["TelnetClient"])
    assert states(result) == {"TelnetClient": "enabled"}
    assert result["reboot_required"] is False
    lab.apply("guest_feature", name=["TelnetClient"], state="absent")


def test_a_permitted_restart_is_waited_for(lab: Lab) -> None:
    result = lab.apply("guest_feature", name=["Containers"], allow_reboot=True)
    assert states(result) == {"Containers": "enabled"}
    assert (result["reboot_required"], result["rebooted"]) == (False, True)
    assert lab.machine.boots == 1
    result = lab.apply("guest_feature", name=["Containers"], state="absent", allow_reboot=True)
    assert states(result) == {"Containers": "disabled"}
    assert lab.machine.boots == 2


def test_a_pending_change_is_finished_by_a_restart(lab: Lab) -> None:
    lab.apply("guest_feature", name=["Containers"], once_more=False)
    result = lab.apply("guest_feature", name=["Containers"], allow_reboot=True)
    assert result["diff"]["before"] == {"features": {"Containers": "enable_pending"}}
    assert changing_lines(lab) == []
    assert lab.machine.boots == 1


def test_a_pending_restart_comes_first(lab: Lab) -> None:
    lab.apply("guest_feature", name=["Containers"], once_more=False)
    result = lab.refuses("guest_feature", "waits for a restart", "allow_reboot: true", name=WSL)
    assert result["reboot_required"] is True
    lab.apply("guest_feature", name=WSL, allow_reboot=True)
    assert lab.machine.boots == 2
    assert state(lab, "Containers") == "enabled"


def test_a_pending_restart_that_only_dism_knows_of(lab: Lab) -> None:
    lab.machine.software.registry.create(UPDATE_PENDING)
    result = lab.fails("guest_feature", "a restart is pending", "0xc004000d", name=["Containers"])
    assert (result["program"], result["code"], result["changed"]) == ("dism.exe", 0xC004000D, False)


def test_what_windows_does_not_know(lab: Lab) -> None:
    result = lab.refuses("guest_feature", "name: ", "no feature 'Container'; it has Containers", name=["Container"])
    assert result["option"] == "name"
    lab.refuses("guest_feature", "no feature 'none'", name=["none"], state="absent")


def test_files_of_a_feature_that_are_lost() -> None:
    with open_lab(model(features={"Containers": "absent"})) as lab:
        lab.leaves_alone("guest_feature", name=["Containers"], state="absent")
        lab.fails("guest_feature", "'source'", "0x800f081f", name=["Containers"])
        lab.run("guest_feature", name=["Containers"], source=r"D:\sources\s x s")
        (line,) = changing_lines(lab)
        assert line.endswith(r'"/Source:D:\sources\s x s" /LimitAccess')


def test_a_change_that_the_restart_undoes() -> None:
    with open_lab(model(servicing={"fails": ["Containers"]})) as lab:
        result = lab.fails("guest_feature", "undone the change of feature Containers", "CBS.log", name=["Containers"],
                           allow_reboot=True)  # fmt: skip
        assert result["changed"] is True
        assert result["rebooted"] is True


def test_a_change_that_takes_too_long() -> None:
    with open_lab(model(servicing={"seconds": 500})) as lab:
        result = lab.fails("guest_feature", "did not end within 60 s", name=["Containers"], feature_timeout=60)
        assert result["uncertain"] == ["enable feature Containers"]
        assert result["changed"] is True


def dism_that(answers: list[int], real: Any) -> Callable[[Context], Any]:
    """A dism.exe whose first changes end with these codes."""

    def main(context: Context) -> Steps:
        if "-Feature " in context.command_line and answers:
            code = answers.pop(0)
            context.out(f"\r\nFehler: 0x{code:08x}\r\n\r\nDas ging nicht.\r\n\r\nSiehe C:\\dism.log\r\n")
            yield 1
            return code
        return (yield from real(context))

    return main


@pytest.mark.parametrize("code", [0x80070020, 0x800F082F])
def test_a_busy_windows_is_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setitem(programs.PROGRAMS, DISM, Program(dism_that([code] * 3, programs.PROGRAMS[DISM].main)))
    lab.succeeds("guest_feature", name=["Containers"])
    assert len(changing_lines(lab)) == 4
    forever = dism_that([code] * 1000, programs.PROGRAMS[DISM].main)
    monkeypatch.setitem(programs.PROGRAMS, DISM, Program(forever))
    lab.succeeds("guest_reboot")
    lab.fails("guest_feature", f"0x{code:08x}", name=["TelnetClient"], feature_timeout=120)
    assert 3 < len(changing_lines(lab)) < 12


@pytest.mark.parametrize("code", [*(code for code in REASONS if code not in (0x80070020, 0x800F082F)), 31, 0x80004005])
def test_exit_codes_have_a_meaning(lab: Lab, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setitem(programs.PROGRAMS, DISM, Program(dism_that([code], programs.PROGRAMS[DISM].main)))
    result = lab.fails("guest_feature", REASONS.get(code, "Das ging nicht."), name=["Containers"])
    assert (result["program"], result["code"], result["said"]) == ("dism.exe", code, "Das ging nicht.")
    assert result["changed"] is False
    assert len(changing_lines(lab)) == 1


@pytest.mark.parametrize("action", ["Create", "Command", "Receive", "Signal"])
@pytest.mark.parametrize("do", ["drop", "lose"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_broken_connection(lab: Lab, action: str, do: str, at: int) -> None:
    lab.sim.faults.add(Rule(do, operation=action, at=at))
    result = lab.run("guest_feature", name=["Containers"])
    assert len(changing_lines(lab)) <= 1, "a change is not sent again"
    lab.sim.faults.clear()
    lab.sim.advance(100)
    pending = state(lab, "Containers") == "enable-pending"
    assert result["changed"] is pending or result.get("uncertain"), result
    if not pending:
        lab.succeeds("guest_feature", name=["Containers"])
    lab.leaves_alone("guest_feature", name=["Containers"])


@pytest.mark.parametrize("os", ["server2022", "windows11"])
def test_tasks_of_a_check_see_each_other(os: str) -> None:
    play: list[tuple[str, dict[str, Any]]] = [
        ("guest_feature", {"name": WSL}),
        ("guest_feature", {"name": WSL}),
        ("guest_feature", {"name": ["Containers"]}),
        ("guest_reboot", {"only_if_required": True}),
        ("guest_reboot", {"only_if_required": True}),
        ("guest_feature", {"name": WSL, "allow_reboot": True}),
        ("guest_feature", {"name": ["TelnetClient"]}),
        ("guest_feature", {"name": ["Containers"], "allow_reboot": True}),
        ("guest_feature", {"name": ["Containers"], "state": "absent"}),
        ("guest_feature", {"name": WSL, "state": "absent", "allow_reboot": True}),
        ("guest_info", {"include": ["features", "reboot"]}),
    ]
    tasks = [Task(f"{number}: {module}", module, args) for number, (module, args) in enumerate(play)]
    assert unforeseen(three_runs(model(os=os), tasks)) == {}


def test_no_change_costs_one_run_of_dism(lab: Lab) -> None:
    lab.succeeds("guest_feature", name=["Containers"], allow_reboot=True)
    lab.leaves_alone("guest_feature", name=["Containers"], allow_reboot=True)
    assert sum(entry.action == "Command" for entry in lab.requests) == 1
    assert lab.cost() <= 7
