# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` runs in each round, and what it reports."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FIRST = ["setup", "docs", "layers", "lint", "molecule", "report", "sanity", "units"]
OTHER = ["setup", "contract", "molecule", "sanity"]


@pytest.fixture(scope="module")
def steps(checkout: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkout / ".ci"))
        yield importlib.import_module("steps")


@pytest.fixture
def make(steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Run the rounds 2.19, 2.21 and 2.20 with a `make` that fails for a pattern of arguments."""
    cores = [steps.rounds.Core(name, f"{name}.0", range(12, 15)) for name in ("2.19", "2.21", "2.20", "2.22")]
    pythons = [steps.rounds.Python((3, minor, 1), f"/python3.{minor}") for minor in (11, 13, 12)]
    found = [steps.rounds.Round(*pair) for pair in zip(cores, pythons, strict=False)]
    monkeypatch.setattr(steps.rounds, "find_rounds", lambda: (found, cores[3:]))
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


def test_the_first_round_runs_all_steps_and_the_others_those_that_depend_on_ansible(make: Any, capfd: Any) -> None:
    status, lines = make("nothing")
    assert status == 0
    others = ("CORE=2.21 PYTHON=/python3.13", "CORE=2.20 PYTHON=/python3.12")
    assert sorted(lines) == sorted([*FIRST, *(f"{step} {other}" for step in OTHER for other in others)])
    assert [line for line in lines if line.startswith(("setup", "units", "contract"))] == [
        *("setup", "units"),
        *(f"{step} {other}" for other in others for step in ("setup", "contract")),
    ]
    output = capfd.readouterr().out
    assert output.count(" passed in ") == 2 * len([*FIRST, *OTHER, *OTHER])  # when a step ends, and in the summary
    assert output.count("output of sanity") == 3
    assert output.rstrip().endswith("Left out: ansible-core 2.22: no Python 3.12 to 3.14 with venv and ensurepip")


def test_variables_of_the_command_line_are_those_of_the_first_round(make: Any) -> None:
    _status, lines = make("nothing", "PYTHON=python3.11", "VENV=.venv-x")
    assert "units PYTHON=python3.11 VENV=.venv-x" in lines
    assert "contract CORE=2.21 PYTHON=/python3.13" in lines


def test_one_round_alone(make: Any) -> None:
    status, lines = make("nothing", "CORE=2.21")
    assert status == 0
    assert sorted(lines) == sorted(f"{step} CORE=2.21 PYTHON=/python3.13" for step in OTHER)


def test_a_round_that_does_not_exist(make: Any) -> None:
    with pytest.raises(SystemExit, match=r"No round has ansible-core 2\.22\.\nLeft out: ansible-core 2\.22"):
        make("nothing", "CORE=2.22")


def test_a_failure_ends_the_run_and_says_how_to_run_the_step_again(make: Any, capfd: Any) -> None:
    status, lines = make("sanity?CORE=2.21*")
    assert status == 1
    assert "units" in lines
    assert not any(line.startswith("contract CORE") for line in lines)
    output = capfd.readouterr().out
    assert "FAILED: sanity (ansible-core 2.21.0, Python 3.13.1)" in output
    assert "To run it again: make sanity CORE=2.21 PYTHON=/python3.13" in output
    assert "Passed:" not in output


def test_no_step_of_a_stage_starts_after_a_failure(make: Any) -> None:
    _status, lines = make("sanity|lint")
    assert sorted(lines) in (["layers", "lint", "report", "sanity", "setup"], ["layers", "report", "sanity", "setup"])
