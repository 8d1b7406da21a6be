"""A playbook that makes VMs and goes on with them: --check foresees it, task by task, and then it is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import bridge

MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "folders": [r"C:\VMs", r"C:\Images"],
            "files": [{"path": r"C:\ISO\setup.iso", "size": "5GB"}],
            "vms": [{"name": "lab01", "memory": "2GB", "adapters": [{"name": "LAN"}]}],
        }
    ]
}
BASE, SPARE = r"C:\Images\base.vhdx", r"C:\VMs\node01\spare.vhdx"
TASKS: list[dict[str, Any]] = [
    {"name": "switch", "nested.hyperv.virtual_switch": {"name": "Lab", "type": "internal"}},
    {"name": "base", "nested.hyperv.vm_disk": {"path": BASE, "size": "40GB"}},
    {
        "name": "node",
        "nested.hyperv.vm": {
            "name": "node01",
            "path": r"C:\VMs",
            "memory": {"startup": "4GB"},
            "network_adapters": [{"name": "LAN", "switch": "Lab"}],
            "disks": [{"path": r"C:\VMs\node01\os.vhdx", "parent": BASE}],
        },
    },
    {
        "name": "several",
        "nested.hyperv.vm": {
            "name": "{{ item }}",
            "disks": [{"path": r"C:\VMs\{{ item }}.vhdx", "parent": BASE}],
            "network_adapters": [{"name": "LAN", "switch": "Lab"}],
        },
        "loop": ["node02", "node03"],
    },
    {"name": "spare", "nested.hyperv.vm_disk": {"path": SPARE, "size": "1GB"}},
    {"name": "spare once more", "nested.hyperv.vm_disk": {"path": SPARE.lower()}},
    {"name": "spare for another", "nested.hyperv.vm_disk": {"vm": "lab01", "path": SPARE}},
    {"name": "data", "nested.hyperv.vm_disk": {"vm": "node01", "path": r"C:\VMs\node01\data.vhdx", "size": "2GB"}},
    {"name": "image", "nested.hyperv.vm_dvd_drive": {"vm": "NODE01", "path": r"C:\ISO\setup.iso"}},
    {"name": "adapter", "nested.hyperv.vm_network_adapter": {"vm": "node01", "name": "More", "switch": "Lab"}},
    {"name": "connect", "nested.hyperv.vm_network_adapter": {"vm": "lab01", "name": "LAN", "switch": "Lab"}},
    {"name": "memory", "nested.hyperv.vm_memory": {"name": "node01", "priority": 80}},
    {"name": "checkpoint", "nested.hyperv.vm_checkpoint": {"vm": "node01", "name": "clean"}},
    {"name": "start", "nested.hyperv.vm": {"name": "node01", "state": "running"}},
]
# Each task that goes on with something that isn't there says so.
WARNED = {"node01", "NODE01", f"'{SPARE}'", f"'{SPARE.lower()}'"}


@pytest.fixture
def sim() -> Iterator[simulator.Simulation]:
    with simulator.start(MODEL) as started:
        yield started


class Ended:
    """How a play ended: what each task said, and what was written."""

    def __init__(self, sim: simulator.Simulation, process: subprocess.CompletedProcess[str]) -> None:
        self.code = process.returncode
        self.text = process.stdout + process.stderr
        self.writes = bridge.writes(sim.log.requests())
        self.said: dict[str, set[str]] = {}
        for section in re.split(r"^TASK \[", process.stdout, flags=re.MULTILINE)[1:]:
            name, _end, rest = section.partition("]")
            self.said[name] = set(re.findall(r"^(ok|changed|fatal|failed): \[hv01\]", rest, flags=re.MULTILINE))
        self.warned = set(re.findall(r"hv01: (.*) does not exist yet; an earlier task of this check", self.text))


Run = Callable[..., Ended]


@pytest.fixture
def play(sim: simulator.Simulation, tmp_path: Path) -> Run:
    def run(tasks: list[dict[str, Any]], *options: str) -> Ended:
        inventory, book = tmp_path / "inventory.yml", tmp_path / "play.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {"hv01": bridge.variables(sim, "hv01")}}}))
        book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, book, *options]
        sim.log.clear()
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ.copy(), check=False)
        return Ended(sim, done)

    return run


def test_what_earlier_tasks_would_make_is_there_for_later_ones(sim: simulator.Simulation, play: Run) -> None:
    before = bridge.state(sim.machines["hv01"])
    check = play(TASKS, "--check")
    assert check.code == 0, check.text
    assert not check.writes
    assert bridge.state(sim.machines["hv01"]) == before
    assert check.warned == WARNED, check.text

    real = play(TASKS)
    assert real.code == 0, real.text
    assert real.warned == set()
    unforeseen = {name for name in real.said if check.said[name] != real.said[name]}
    assert unforeseen == set(), "what was foreseen came true"
    assert real.said["spare once more"] == {"ok"}
    assert sim.machines["hv01"].vm("node01").running

    again = play(TASKS, "--check")
    assert {name for name, said in again.said.items() if said != {"ok"}} == set(), again.text


@pytest.mark.parametrize(
    "typo",
    [
        {"nested.hyperv.vm_memory": {"name": "nod01", "startup": "2GB"}},
        {"nested.hyperv.vm_disk": {"vm": "nod01", "path": SPARE, "size": "1GB"}},
        {"nested.hyperv.vm_dvd_drive": {"vm": "nod01"}},
        {"nested.hyperv.vm_checkpoint": {"vm": "nod01", "name": "clean"}},
        {"nested.hyperv.vm_disk": {"path": r"C:\VMs\nod01\spare.vhdx", "size": "1GB"}},
        {"nested.hyperv.vm_disk": {"path": r"C:\VMs\node01\other.vhdx", "vm": "lab01"}},
        {"nested.hyperv.vm": {"name": "lab01", "network_adapters": [{"name": "LAN", "switch": "Lap"}]}},
    ],
    ids=str,
)
def test_a_typo_still_fails(play: Run, typo: dict[str, Any]) -> None:
    check = play([*TASKS[:3], {"name": "typo", **typo}], "--check")
    assert check.code == 2, check.text
    assert check.said["typo"] == {"fatal"}
    assert not check.writes


def test_a_removal_of_what_isn_t_there_yet_is_foreseen(play: Run) -> None:
    """Making and removing in one play: the removal changes something, as in the real run."""
    gone = {"name": "gone", "nested.hyperv.vm": {"name": "node01", "state": "absent"}}
    check = play([*TASKS[:3], gone], "--check")
    assert check.said["gone"] == {"changed"}
    assert play([*TASKS[:3], gone]).said["gone"] == {"changed"}
