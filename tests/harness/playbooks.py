# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook in a process of its own, with an ordinary Windows inventory of simulated hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible import template

from ansible_collections.nested.hyperv.tests import simulator

from . import changes, task

# A playbook of the collection by its name, several files, or a play: its keywords besides hosts and gather_facts.
Playbook = str | list[str] | Mapping[str, Any]


class Run:
    """How a playbook ended, and what the hosts saw of it."""

    def __init__(self, sim: simulator.Simulation, process: subprocess.CompletedProcess[str]) -> None:
        self.code, self.text = process.returncode, process.stdout + process.stderr
        if not hasattr(template, "trust_as_template"):  # before ansible-core 2.19, messages are displayed as YAML
            self.text = self.text.replace("''", "'")
        self.requests = sim.log.requests()
        self.connections = {entry.connection for entry in sim.log}
        assert not [address.name for address in sim.endpoints.values() if address.password in self.text]

    @property
    def words(self) -> str:
        """The output without line breaks, which differ between ansible-cores."""
        return " ".join(self.text.split()).replace("''", "'")

    @property
    def writes(self) -> list[str]:
        return changes.writes(self.requests)

    def recap(self, host: str = "hv01") -> dict[str, int]:
        """Counts of the host's line of the last PLAY RECAP, such as changed and failed."""
        *_of_playbooks_before, line = (
            line for line in self.text.splitlines() if line.startswith(host) and "unreachable=" in line
        )
        return {word.partition("=")[0]: int(word.partition("=")[2]) for word in line.partition(":")[2].split()}

    def outcomes(self, host: str = "hv01") -> dict[str, set[str]]:
        """Name of a task → how it, or the items of its loop, ended on the host: ok, changed, failed, fatal."""
        sections = (section.partition("]") for section in re.split(r"^TASK \[", self.text, flags=re.MULTILINE)[1:])
        pattern = re.compile(rf"^(ok|changed|fatal|failed): \[{re.escape(host)}\]", flags=re.MULTILINE)
        return {name: set(pattern.findall(output)) for name, _bracket, output in sections}


class Playbooks:
    """Runs ansible-playbook on the hosts of a simulation."""

    def __init__(self, sim: simulator.Simulation, folder: Path) -> None:
        self.sim, self.folder = sim, folder

    def __call__(
        self,
        playbook: Playbook,
        *options: str,
        variables: Mapping[str, Any] | None = None,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Run:
        """Run a playbook with these extra variables on these hosts; by default on hv01."""
        hosts = hosts or {"hv01": task.variables(self.sim, "hv01")}
        inventory = {"hyperv": {"hosts": {host: dict(values) for host, values in hosts.items()}}}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        if isinstance(playbook, Mapping):
            play = {"hosts": "all", "gather_facts": False, **playbook}
            (self.folder / "play.yml").write_text(yaml.safe_dump([play]))
        names = playbook if isinstance(playbook, list) else [playbook if isinstance(playbook, str) else "play.yml"]
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, *names, "-i", "inventory.yml", "-e", json.dumps(variables or {}), *options]
        environment = os.environ | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
        self.sim.log.clear()
        process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder, env=environment)
        return Run(self.sim, process)
