# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the Molecule scenarios, without Molecule, which supports fewer ansible-cores than the collection."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import pytest
import yaml

pytestmark = pytest.mark.playbook

SCENARIOS = Path(__file__).resolve().parents[2] / "extensions" / "molecule"
NAMES = sorted(path.parent.name for path in SCENARIOS.glob("*/converge.yml"))


def arguments_of(scenario: str) -> list[str]:
    """The arguments of ansible-playbook in the settings of a scenario, else in those of all scenarios."""
    for path in (SCENARIOS / scenario / "molecule.yml", SCENARIOS / "config.yml"):
        executor = (yaml.safe_load(path.read_text()) or {}).get("ansible", {}).get("executor", {})
        if "args" in executor:
            return executor["args"]["ansible_playbook"]
    return []


@pytest.fixture(scope="module")
def play(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    """Run playbooks of a scenario on the simulated host that all scenarios share."""
    folder = tmp_path_factory.mktemp("scenarios")
    environment = os.environ | {
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "MOLECULE_PROJECT_DIRECTORY": str(checkout),
    }
    program = Path(sys.executable).with_name("ansible-playbook")

    def run(scenario: str, *names: str) -> None:
        environment["MOLECULE_SCENARIO_DIRECTORY"] = str(SCENARIOS / scenario)
        arguments = (Template(argument).substitute(environment) for argument in arguments_of(scenario))
        command = [program, *arguments, *(SCENARIOS / scenario / f"{name}.yml" for name in names)]
        process = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False, text=True)
        assert process.returncode == 0, process.stdout + process.stderr

    run("default", "create")
    yield run
    run("default", "destroy")


@pytest.mark.parametrize("scenario", NAMES)
def test_converge_twice_and_verify(play: Callable[..., None], scenario: str) -> None:
    """Some scenarios verify that their last run changed nothing."""
    own = [name for name in ("cleanup", "prepare") if (SCENARIOS / scenario / f"{name}.yml").exists()]
    try:
        play(scenario, *own[1:], "converge", "converge", "verify")
    finally:
        if own:
            play(scenario, "cleanup")
