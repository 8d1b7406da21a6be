"""Two tasks at once: what both create or attach, only one of them keeps, and the other one says so.

The second task is caught in the middle: it planned before the first one wrote, and writes after it.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.storage import disk_file
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import checkpoint
from ansible_collections.nested.hyperv.plugins.modules import vm as vm_module
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

LOW, HIGH = "11111111-0000-0000-0000-000000000001", "99999999-0000-0000-0000-000000000009"
DISK = r"C:\VMs\data.vhdx"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "files": [{"path": DISK, "size": "1GB"}],
            "vms": [
                {"name": "low", "id": LOW},
                {"name": "high", "id": HIGH},
                {"name": "tree", "disks": [{}], "checkpoints": [{"name": "clean"}]},
            ],
        }
    ]
}


@pytest.fixture(params=["real", "async"])
def jobs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Hosts answer as real ones do, or with a job for everything."""
    return {"mode": request.param}


def blind(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, answer: Any = None) -> None:
    monkeypatch.setattr(module, name, lambda *_args, **_kwargs: answer)


def test_the_younger_of_two_vms_is_removed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply("vm", name="twin")
    (first,) = (vm.id for vm in lab.machine.vms.values() if vm.name == "twin")
    before = lab.state()
    lab.sim.advance(1)
    blind(monkeypatch, vm_module, "_fetch")
    words = ("name: another task created VM 'TWIN' at the same time", "removed its own again", first)
    result = lab.fails("vm", *words, name="TWIN", disks=[{"path": r"C:\VMs\x.vhdx", "size": "1GB"}])
    assert result["changed"] is False
    assert lab.state() == before


def test_a_second_vm_that_cannot_be_removed_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply("vm", name="twin")
    lab.sim.advance(1)
    blind(monkeypatch, vm_module, "_fetch")
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="DestroySystem", text="On fire."))
    result = lab.fails("vm", "a second VM of this name stays, whose ID is ", "On fire.", name="twin")
    assert result["changed"] is True
    assert [vm.name for vm in lab.machine.vms.values()].count("twin") == 2


def test_the_younger_of_two_checkpoints_is_deleted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = lab.vm("tree")
    (first,) = tree.checkpoints
    blind(monkeypatch, checkpoint, "select")
    words = ("name: another task created a checkpoint 'Clean' of VM 'tree'", "deleted its own again", first.upper())
    assert lab.fails("vm_checkpoint", *words, vm="tree", name="Clean")["changed"] is False
    assert list(tree.checkpoints) == [first]


@pytest.mark.parametrize(("vm", "holder"), [("low", "high"), ("high", "low")])
def test_a_disk_that_another_vm_got_is_detached(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, vm: str, holder: str
) -> None:
    for name in (vm, holder):  # both have the controller that they need
        lab.apply("vm_dvd_drive", vm=name, controller_location=9)
    lab.apply("vm_disk", vm=holder, path=DISK)
    before = lab.state()
    blind(monkeypatch, disk_file, "check_attachable")
    words = (f"path: another task attached '{DISK}' to VM '{holder}'", f"detached from VM '{vm}' again")
    assert lab.fails("vm_disk", *words, vm=vm, path=DISK)["changed"] is False
    assert lab.state() == before


def test_of_two_that_see_each_other_one_keeps_the_disk(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one with the smaller id waits until the other one has detached its disk."""
    looks: list[int] = []
    query = disk_file.query_media

    def query_media(host: Any) -> list[tuple[str, str]]:
        looks.append(1)
        media = query(host)
        return (
            [*media, (f"Microsoft:{HIGH}\\x\\0\\0\\L", DISK)] if len(looks) in (2, 3) and host.name == "hv01" else media
        )

    monkeypatch.setattr(disk_file, "query_media", query_media)
    assert lab.run("vm_disk", vm="low", path=DISK)["changed"] is True
    assert len(looks) == 4
    assert lab.info("low", "disks")["disks"][0]["path"] == DISK


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("vm", {"name": "new"}),
        ("vm_disk", {"vm": "low", "path": DISK}),
        ("vm_checkpoint", {"vm": "tree", "name": "new"}),
    ],
)
def test_nobody_else_is_no_twin(lab: Lab, module: str, args: dict[str, Any]) -> None:
    lab.apply(module, **args)
