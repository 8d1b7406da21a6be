"""A playbook that makes VMs and goes on with them: --check foresees it, task by task, and then it is run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.changes import state
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks

pytestmark = pytest.mark.playbook

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


def test_what_earlier_tasks_would_make_is_there_for_later_ones(sim: simulator.Simulation, playbook: Playbooks) -> None:
    before = state(sim.machines["hv01"])
    check = playbook({"tasks": TASKS}, "--check")
    assert check.code == 0, check.text
    assert not check.writes
    assert state(sim.machines["hv01"]) == before
    assert "[WARNING]" not in check.text
    real = playbook({"tasks": TASKS})
    assert real.code == 0, real.text
    unforeseen = {name for name in real.outcomes() if check.outcomes()[name] != real.outcomes()[name]}
    assert unforeseen == set(), "what was foreseen came true"
    assert real.outcomes()["spare once more"] == {"ok"}
    assert sim.machines["hv01"].vm("node01").running

    again = playbook({"tasks": TASKS}, "--check")
    assert {name for name, said in again.outcomes().items() if said != {"ok"}} == set(), again.text


@pytest.mark.parametrize(
    "typo",
    [
        {"nested.hyperv.vm_memory": {"name": "nod01", "startup": "2GB"}},
        {"nested.hyperv.vm_disk": {"vm": "nod01", "path": SPARE, "size": "1GB"}},
        {"nested.hyperv.vm_dvd_drive": {"vm": "nod01"}},
        {"nested.hyperv.vm_checkpoint": {"vm": "nod01", "name": "clean"}},
        {"nested.hyperv.vm_disk": {"path": r"Q:\VMs\node01\spare.vhdx", "size": "1GB"}},
        {"nested.hyperv.vm_disk": {"path": r"C:\VMs\node01\other.vhdx", "vm": "lab01"}},
        {"nested.hyperv.vm": {"name": "lab01", "network_adapters": [{"name": "LAN", "switch": "Lap"}]}},
    ],
    ids=str,
)
def test_a_typo_still_fails(playbook: Playbooks, typo: dict[str, Any]) -> None:
    check = playbook({"tasks": [*TASKS[:3], {"name": "typo", **typo}]}, "--check")
    assert check.code == 2, check.text
    assert check.outcomes()["typo"] == {"fatal"}
    assert not check.writes


def test_a_removal_of_what_isn_t_there_yet_is_foreseen(playbook: Playbooks) -> None:
    """Making and removing in one play: the removal changes something, as in the real run."""
    gone = {"name": "gone", "nested.hyperv.vm": {"name": "node01", "state": "absent"}}
    check = playbook({"tasks": [*TASKS[:3], gone]}, "--check")
    assert check.outcomes()["gone"] == {"changed"}
    assert playbook({"tasks": [*TASKS[:3], gone]}).outcomes()["gone"] == {"changed"}
