"""A play whose tasks depend on each other, run by ansible-playbook: with workers, loops, blocks and delegation."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import task
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks

pytestmark = pytest.mark.playbook

DRIVES = [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}]
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "64GB",
            "drives": DRIVES,
            "folders": [r"D:\vms"],
            "vms": [
                {
                    "name": "db",
                    "state": "running",
                    "processors": 2,
                    "disks": [{"path": r"D:\vms\db.vhdx", "size": "40GB"}, {"path": r"D:\vms\data.vhdx"}],
                    "guest": {"shutdown_seconds": 0.1},
                },
                {"name": "web", "disks": [{"path": r"D:\vms\web.vhdx", "size": "40GB"}]},
            ],
        },
        {"name": "hv02", "drives": DRIVES, "folders": [r"D:\vms"], "vms": [{"name": "web"}]},
    ]
}
BASE = r"D:\vms\base.vhdx"


def hyperv(title: str, module: str, **rest: Any) -> dict[str, Any]:
    keywords = {key: rest.pop(key) for key in ("loop", "delegate_to", "run_once", "check_mode", "when") if key in rest}
    return {"name": title, f"nested.hyperv.{module}": rest, "ignore_errors": True, **keywords}


TASKS = [
    hyperv("off", "vm", name="db", state="off", when="inventory_hostname == 'hv01'"),
    hyperv("processors", "vm_processor", name="db", count=4, when="inventory_hostname == 'hv01'"),
    hyperv("detach", "vm_disk", vm="db", path=r"D:\vms\data.vhdx", state="absent", delegate_to="hv01", run_once=True),
    hyperv("attach", "vm_disk", vm="web", path=r"D:\vms\data.vhdx", delegate_to="hv01", run_once=True),
    hyperv("base", "vm_disk", path=BASE, size="20GB"),
    hyperv(
        "several",
        "vm",
        name="{{ item }}",
        disks=[{"path": r"D:\vms\{{ item }}.vhdx", "parent": BASE}],
        loop=["node01", "node02", "NODE01"],
    ),
    # Workers of both hosts work on one of them at once.
    hyperv("crowd", "vm", name="{{ inventory_hostname }}-{{ item }}", delegate_to="hv01", loop=[1, 2, 3]),
    hyperv("crowd again", "vm", name="{{ inventory_hostname }}-{{ item }}", delegate_to="hv01", loop=[1, 2, 3]),
    hyperv("checkpoint", "vm_checkpoint", vm="node01", name="clean"),
    hyperv("remove", "vm", name="node01", state="absent"),
    hyperv("remove all", "vm", name="node01", state="absent", remove_checkpoints=True, delete_disks=True),
    hyperv("gone", "vm", name="node01", state="absent"),
    hyperv("base is free", "vm_disk", path=BASE, state="absent", delete_file=True),
    hyperv("last child", "vm", name="node02", state="absent", delete_disks=True),
    hyperv("base is free now", "vm_disk", path=BASE, state="absent", delete_file=True),
]


def test_a_check_ends_each_task_as_the_real_run_does(sim: simulator.Simulation, playbook: Playbooks) -> None:
    hosts = {name: task.variables(sim, name) for name in ("hv01", "hv02")}
    before = [set(machine.vms) for machine in sim.machines.values()]
    check = playbook({"tasks": TASKS}, "--check", hosts=hosts)
    assert not check.writes
    assert [set(machine.vms) for machine in sim.machines.values()] == before
    real = playbook({"tasks": TASKS}, hosts=hosts)
    for host in hosts:
        assert check.outcomes(host) == real.outcomes(host), check.text
    assert check.recap("hv01") == real.recap("hv01")
    assert "ansible_facts" not in check.text
    assert "nested_hyperv" not in check.text


def test_a_trial_within_a_real_run_does_not_change_what_follows(sim: simulator.Simulation, playbook: Playbooks) -> None:
    trial = hyperv("trial", "vm", name="node01", state="running", check_mode=True)
    tasks = [trial, {**trial, "name": "trial again"}, hyperv("real", "vm", name="node01"), {**trial, "name": "start"}]
    done = playbook({"tasks": tasks})
    assert done.outcomes() == {name: {"changed"} for name in ("trial", "trial again", "real", "start")}
    assert not sim.machines["hv01"].vm("node01").running
