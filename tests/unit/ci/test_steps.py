# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` runs in each round, and what it reports."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ONCE = ["docs", "layers", "lint", "report"]
OTHER = ["setup", "contract"]
# The rounds of the fixture, the first one without the variables of its `make`.
STEPS = {
    "2.19": [*OTHER, *ONCE],
    "2.21": ["setup", "molecule", "sanity", "units"],
    "2.16": [*OTHER, "sanity-core", "scenarios", "transport"],
    "2.20": OTHER,
    "2.22": OTHER,
}
VARIABLES = {"2.19": "", "2.21": " CORE=2.21 PYTHON=/python3.13", "2.16": " CORE=2.16 PYTHON=/python3.10"}
VARIABLES |= {"2.20": " CORE=2.20 PYTHON=/python3.12", "2.22": " CORE=2.22 PYTHON=/python3.13"}


@pytest.fixture(scope="module")
def steps(checkout: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkout / ".ci"))
        yield importlib.import_module("steps")


@pytest.fixture
def make(steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Run rounds, the last one with a pre-release, with a `make` that fails for a pattern of arguments."""
    releases = ("2.19.0", "2.21.0", "2.16.0", "2.20.0", "2.22.0b1", "2.18.0")
    cores = [steps.rounds.Core(release[:4], release, range(12, 15)) for release in releases]
    pythons = [steps.rounds.Python((3, minor, 1), f"/python3.{minor}") for minor in (11, 13, 10, 12, 13)]
    found = [steps.rounds.Round(*pair) for pair in zip(cores, pythons, strict=False)]
    monkeypatch.setattr(steps.rounds, "find_rounds", lambda: (found, cores[5:]))
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    monkeypatch.setattr(steps, "LOGS", tmp_path / ".build" / "log")
    monkeypatch.setenv("MAKEFLAGS", "-n CORE=2.18")
    monkeypatch.setenv("PATH", f"{tmp_path}/.venv/bin:{tmp_path.parent}/bin-{tmp_path.name}:{os.environ['PATH']}")
    called = tmp_path / "called"
    program = Path(os.environ["PATH"].split(":")[1]) / "make"
    program.parent.mkdir()

    def run(failing: str, *variables: str) -> tuple[int, list[str]]:
        program.write_text(
            f'#!/bin/sh\necho "output of $1"\necho "$*" >>{called}\n'
            f'case $PATH in *{tmp_path}/.venv*) exit 1;; esac\n[ "$MAKEFLAGS" = --no-print-directory ] || exit 1\n'
            f'case "$*" in {failing}) exit 1;; esac\n'
        )
        program.chmod(0o755)
        status = steps.main(*variables)
        return status, called.read_text().splitlines()

    return run


def commands(*cores: str) -> list[str]:
    return sorted(step + VARIABLES[core] for core in cores for step in STEPS[core])


def test_each_round_runs_what_can_differ_in_it(make: Any, capfd: Any) -> None:
    status, lines = make("nothing")
    assert status == 0
    assert sorted(lines) == commands(*STEPS)
    output = capfd.readouterr().out
    assert output.count(" passed in ") == 2 * len(lines)  # when a step ends, and in the summary
    assert output.count("output of contract") == 4
    assert "Left out: ansible-core 2.18: no Python 3.12 to 3.14 with venv and ensurepip" in output
    assert re.search(r"\d min, CPU \d min\n$", output)


def test_a_round_is_set_up_before_its_other_steps(make: Any) -> None:
    _status, lines = make("nothing")
    for variables in VARIABLES.values():
        of_round = [line for line in lines if line.partition(" ")[2] == variables.strip()]
        assert of_round[0].startswith("setup")


@pytest.mark.parametrize("names", [["2.20"], ["2.19", "2.20"], ["2.20", "2.22"]])
def test_fewer_rounds_run_all_the_same(steps: Any, names: list[str]) -> None:
    rounds = steps.rounds
    found = [
        rounds.Round(rounds.Core(name, f"{name}.0rc1" if name == "2.22" else f"{name}.0", range(3)), None)
        for name in names
    ]
    run = {step for one in found for step in steps.steps_of(one, found)}
    assert {*ONCE, "setup", "units", "molecule", "sanity"} <= run
    assert len(found) > 1 or not run & {"contract", "transport", "scenarios", "sanity-core"}
    assert set(steps.ORDER) >= run


def test_steps_that_share_a_folder_do_not_run_side_by_side(steps: Any) -> None:
    core = steps.rounds.Core("2.19", "2.19.0", range(3))
    first, second = (steps.rounds.Round(core, python) for python in "ab")
    running, most = set(), []

    def run(command: tuple[str, ...], log: Path) -> Any:
        running.add(command[0])
        most.append(set(running))
        time.sleep(0.01)
        running.remove(command[0])
        log.write_text("")
        return steps.Outcome(True, 0, 0)

    jobs = [
        steps.Job(step, one, (f"{step} {number}",))
        for step in ("setup", "sanity", "sanity-core", "lint")
        for number, one in enumerate((first, second))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "run", run)
        patch.setattr(steps, "LOGS", steps.ROOT / ".build")
        queue = steps.Queue(jobs)
        queue.run()
    assert set(queue.outcomes) == set(jobs)
    assert max(map(len, most)) == 2
    for together in most:
        folders = [command.split()[0].partition("-")[0] for command in together]
        assert len(folders) == len(set(folders))


def test_variables_of_the_command_line_are_those_of_the_first_round(make: Any) -> None:
    _status, lines = make("nothing", "PYTHON=python3.11", "VENV=.venv-x")
    assert "lint PYTHON=python3.11 VENV=.venv-x" in lines
    assert "contract CORE=2.20 PYTHON=/python3.12" in lines


def test_one_round_alone(make: Any) -> None:
    status, lines = make("nothing", "CORE=2.21")
    assert status == 0
    assert sorted(lines) == commands("2.21")


def test_a_round_that_does_not_exist(make: Any) -> None:
    with pytest.raises(SystemExit, match=r"No round has ansible-core 2\.18\.\nLeft out: ansible-core 2\.18"):
        make("nothing", "CORE=2.18")


def test_a_failure_ends_the_run_and_says_how_to_run_the_step_again(make: Any, capfd: Any) -> None:
    status, lines = make("molecule*")
    assert status == 1
    assert not any(line.startswith("layers") for line in lines)
    output = capfd.readouterr().out
    assert "FAILED: molecule (ansible-core 2.21.0, Python 3.13.1)" in output
    assert "To run it again: make molecule CORE=2.21 PYTHON=/python3.13" in output
    assert "Passed:" not in output


def test_a_step_that_hangs_is_stopped(steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LIMIT", 2)
    log = tmp_path / "log"
    outcome = steps.run(["sh", "-c", "echo working; exec sleep 60"], log)
    assert not outcome.passed
    assert log.read_text() == "working\n\nStopped after 2 s.\n"


@pytest.mark.parametrize("step", ["setup", "contract"])
def test_a_pre_release_may_fail(make: Any, capfd: Any, step: str) -> None:
    status, lines = make(f"{step}?CORE=2.22*")
    assert status == 0
    kept = STEPS["2.22"] if step != "setup" else ["setup"]
    assert sorted(lines) == sorted([*commands(*list(STEPS)[:-1]), *(f"{name}{VARIABLES['2.22']}" for name in kept)])
    output = capfd.readouterr().out
    assert "ansible-core 2.22.0b1, Python 3.13.1 (a pre-release, which may fail):" in output
    assert f"FAILED: {step} (ansible-core 2.22.0b1, Python 3.13.1)" in output
    assert "\nPassed:" in output
