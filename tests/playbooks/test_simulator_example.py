# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/simulator.md: its example for pipelines runs, and tells a good playbook from a bad one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.playbook

GOOD = {"nested.hyperv.vm": {"name": "web01", "state": "running", "memory": {"startup": "2GB"}}}
BAD = {"nested.hyperv.vm": {"name": "web01", "state": "restarted", "force_off": True}}
ONCE = [
    {"nested.hyperv.vm": {"name": "web01", "notes": "from the first run"}, "register": "web"},
    {"ansible.builtin.assert": {"that": "web is changed"}},
]


def run(checkout: Path, folder: Path, *tasks: object, model: str = "small") -> subprocess.CompletedProcess[str]:
    playbook = folder / "playbook.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "hyperv", "gather_facts": False, "tasks": [*tasks]}]), "utf-8")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "PYTHONPATH": str(checkout / ".build")}
    script = checkout / "docs" / "simulator" / "playbook-test.sh"
    command = ["sh", script, playbook, model]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_playbook_that_changes_nothing_again_passes(checkout: Path, tmp_path: Path) -> None:
    ended = run(checkout, tmp_path, GOOD)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_playbook_that_changes_something_again_fails(checkout: Path, tmp_path: Path) -> None:
    ended = run(checkout, tmp_path, BAD)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "The second run changes something." in ended.stderr


def test_a_playbook_that_fails_only_in_its_second_run_fails(checkout: Path, tmp_path: Path) -> None:
    ended = run(checkout, tmp_path, *ONCE)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "The second run fails." in ended.stderr
    assert ended.stdout.count("PLAY RECAP") == 2


def test_a_wrong_model_fails_at_once(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "model.yml").write_text("hosts: [{name: hv01, memroy: 1GB}]")
    assert run(checkout, tmp_path, GOOD, model="model.yml").returncode != 0


def test_the_command_that_replays_a_report(checkout: Path, tmp_path: Path) -> None:
    text = (checkout / "docs" / "simulator.md").read_text("utf-8")
    (command,) = re.findall(r"^(.* -m \S+\.replay) verify-hosts-hv01\.json$", text, re.MULTILINE)
    (tmp_path / "report.json").write_text('{"entries": []}')
    # The checkout may use another environment than .venv.
    command = command.replace(".venv/bin/python", sys.executable)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(f"{command} {tmp_path}/report.json", shell=True, cwd=checkout, env=environment, check=True)


def test_the_page_links_to_files_that_exist(checkout: Path) -> None:
    page = checkout / "docs" / "simulator.md"
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
