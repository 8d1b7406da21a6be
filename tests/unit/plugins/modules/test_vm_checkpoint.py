"""The vm_checkpoint module: taking, applying and deleting checkpoints."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

STATES = simulator.model.STATE_NAMES
TREE = [
    {"name": "root", "children": [{"name": "left", "children": [{"name": "leaf"}]}, {"name": "right", "current": True}]}
]
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "vms": [
                {"name": "off01", "disks": [{}]},
                {"name": "run01", "state": "running", "disks": [{}], "system_settings": {"UserSnapshotType": 5}},
                {"name": "tree01", "disks": [{}], "checkpoints": TREE},
                {"name": "never01", "disks": [{}], "system_settings": {"UserSnapshotType": 2}},
                {
                    "name": "strict01",
                    "state": "running",
                    "system_settings": {"UserSnapshotType": 4},
                    "guest": {"os": "none"},
                },
                *(
                    {
                        "name": f"{state}_{kind}",
                        "state": state,
                        "disks": [{}],
                        "checkpoints": [{"name": "clean", "saved": kind == "memory"}],
                    }
                    for state in STATES
                    for kind in ("memory", "disk")
                ),
                {
                    "name": "same01",
                    "disks": [{}],
                    "checkpoints": [{"name": "daily", "children": [{"name": "Daily", "children": [{"name": "once"}]}]}],
                },
            ],
        }
    ]
}


@pytest.fixture(params=["real", "async"])
def jobs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Hosts answer as real ones do, or with a job for everything."""
    return {"mode": request.param}


def names(lab: Lab, vm: str) -> list[str]:
    return [checkpoint["name"] for checkpoint in lab.info(vm, "checkpoints")["checkpoints"]]


def current(lab: Lab, vm: str) -> str | None:
    checkpoints = lab.info(vm, "checkpoints")["checkpoints"]
    return next((checkpoint["name"] for checkpoint in checkpoints if checkpoint["current"]), None)


@pytest.mark.parametrize("vm", ["off01", "run01"])
def test_taken(lab: Lab, vm: str) -> None:
    result = lab.apply("vm_checkpoint", vm=vm, name="clean & <safe>")
    assert result["id"] == lab.vm(vm).id
    assert result["diff"] == {"before": {"checkpoints": []}, "after": {"checkpoints": ["clean & <safe>"]}}
    assert (result["power_cycle_required"], result["power_cycled"]) == (False, False)
    assert current(lab, vm) == "clean & <safe>"
    again = lab.leaves_alone("vm_checkpoint", vm=vm, name="CLEAN & <safe>")
    (one,) = again["checkpoints"]
    assert (one["name"], one["parent"]) == ("clean & <safe>", None)
    lab.apply("vm_checkpoint", vm=vm, name="later")
    assert lab.run("vm_checkpoint", vm=vm, name="later")["checkpoints"][1]["parent"] == "clean & <safe>"


@pytest.mark.parametrize(("kind", "memory"), [(None, True), ("standard", True), ("production", False)])
def test_types(lab: Lab, kind: str | None, memory: bool) -> None:
    """run01's own setting is standard."""
    lab.apply("vm_checkpoint", vm="run01", name="typed", **({"type": kind} if kind else {}))
    (checkpoint,) = lab.vm("run01").checkpoints.values()
    assert checkpoint.saved is memory


@pytest.mark.parametrize(
    ("name", "children", "left", "stands_on"),
    [
        ("leaf", False, ["root", "left", "right"], "right"),
        ("left", False, ["root", "leaf", "right"], "right"),
        ("left", True, ["root", "right"], "right"),
        ("right", False, ["root", "left", "leaf"], "root"),
        ("root", False, ["left", "leaf", "right"], "right"),
        ("root", True, [], None),
    ],
)
def test_deleted(lab: Lab, name: str, children: bool, left: list[str], stands_on: str | None) -> None:
    result = lab.apply("vm_checkpoint", vm="tree01", name=name, state="absent", include_children=children)
    assert result["diff"] == {
        "before": {"checkpoints": ["root", "left", "leaf", "right"]},
        "after": {"checkpoints": left},
    }
    assert names(lab, "tree01") == left
    assert current(lab, "tree01") == stands_on
    lab.apply("vm", name="tree01", state="running")


# ---- applying ----

# State before, what the checkpoint holds, leave that it takes, state afterwards.
APPLIED = [
    ("off", "disk", {}, "off"),
    ("off", "memory", {}, "saved"),
    ("running", "disk", {"allow_power_cycle": True}, "running"),
    ("running", "memory", {"allow_power_cycle": True}, "running"),
    ("paused", "disk", {"allow_power_cycle": True}, "paused"),
    ("paused", "memory", {"allow_power_cycle": True}, "paused"),
    ("saved", "disk", {"discard_saved_state": True}, "off"),
    ("saved", "memory", {"discard_saved_state": True}, "saved"),
]


@pytest.mark.parametrize(("state", "kind", "leave", "then"), APPLIED)
def test_applied(lab: Lab, state: str, kind: str, leave: dict[str, bool], then: str) -> None:
    name = f"{state}_{kind}"
    if leave:
        lab.refuses("vm_checkpoint", f"VM '{name}' is {state}", *leave, vm=name, name="clean", state="applied")
    lab.apply("vm", name=name, notes="changed since")
    result = lab.apply("vm_checkpoint", once_more=False, vm=name, name="Clean", state="applied", **leave)
    assert result["diff"] == {"before": {"applied": None}, "after": {"applied": "clean"}}
    cycled = "allow_power_cycle" in leave
    assert (result["power_cycle_required"], result["power_cycled"]) == (cycled, cycled)
    vm = lab.vm(name)
    assert vm.state == STATES[then]
    assert vm.system["Notes"] == [""], "what happened since is lost"
    again = lab.run(
        "vm_checkpoint", vm=name, name="clean", state="applied", allow_power_cycle=True, discard_saved_state=True
    )
    assert again["changed"] is True, "it is done at every run"


def test_applied_in_a_tree(lab: Lab) -> None:
    lab.apply("vm_checkpoint", once_more=False, vm="tree01", name="leaf", state="applied")
    assert current(lab, "tree01") == "leaf"
    assert names(lab, "tree01") == ["root", "left", "leaf", "right"]


def test_a_running_vm_is_turned_off_hard(lab: Lab) -> None:
    task = {"vm": "running_disk", "name": "clean", "state": "applied", "allow_power_cycle": True}
    lab.run("vm_checkpoint", **task)
    methods = [
        entry.method
        for entry in lab.requests
        if entry.class_name in ("Msvm_ComputerSystem", "Msvm_ShutdownComponent") and entry.method
    ]
    assert methods == ["RequestStateChange", "RequestStateChange"]


# ---- renaming ----


def test_renamed(lab: Lab) -> None:
    before = {one["name"]: one["id"] for one in lab.info("tree01", "checkpoints")["checkpoints"]}
    result = lab.apply("vm_checkpoint", vm="tree01", name="LEFT", new_name="<installed> & clean")
    assert result["checkpoint_id"] == before["left"]
    assert result["diff"] == {"before": {"new_name": "left"}, "after": {"new_name": "<installed> & clean"}}
    assert names(lab, "tree01") == ["root", "<installed> & clean", "leaf", "right"]
    for name in ("<installed> & clean", before["left"]):
        again = lab.leaves_alone("vm_checkpoint", vm="tree01", name=name, new_name="<installed> & clean")
        assert again["checkpoint_id"] == before["left"]


def test_renamed_by_id_though_several_share_the_name(lab: Lab) -> None:
    first, second, *_rest = (one["id"] for one in lab.info("same01", "checkpoints")["checkpoints"])
    task = {"vm": "same01", "new_name": "weekly"}
    lab.refuses("vm_checkpoint", "name: 2 checkpoints of VM 'same01' are named 'daily'", name="daily", **task)
    lab.apply("vm_checkpoint", name=second.lower(), **task)
    lab.apply("vm_checkpoint", vm="same01", name=first, new_name="DAILY")
    assert names(lab, "same01") == ["DAILY", "weekly", "once"]


@pytest.mark.parametrize("vm", ["run01", "never01"])
def test_renamed_whatever_the_vm_does(lab: Lab, vm: str) -> None:
    lab.run("vm", name=vm, checkpoints={"type": "production"})
    lab.apply("vm_checkpoint", vm=vm, name="old")
    lab.apply("vm", name=vm, checkpoints={"type": "disabled"})
    lab.apply("vm_checkpoint", vm=vm, name="old", new_name="new")
    assert names(lab, vm) == ["new"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "left", "new_name": "ROOT"}, ("new_name: another checkpoint of VM 'tree01' has the name 'ROOT'",)),
        ({"name": "nosuch", "new_name": "new"}, ("name: VM 'tree01' has no checkpoint 'nosuch'", "it has 'root'")),
        (
            {"name": "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", "new_name": "root"},
            ("has no checkpoint '5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11'",),
        ),
        ({"name": "left", "new_name": " "}, ("new_name: is empty",)),
        ({"name": "left", "new_name": "n" * 101}, ("new_name: 'nnn", "1 to 100 characters")),
        ({"name": "left", "new_name": "new", "state": "absent"}, ("new_name: requires",)),
        ({"name": "left", "new_name": "new", "state": "applied"}, ("not 'state: applied'",)),
    ],
)
def test_renaming_refused(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_checkpoint", *words, vm="tree01", **args)


# ---- ids and names ----


def test_a_name_that_several_share(lab: Lab) -> None:
    ids = [one.id for one in lab.vm("same01").checkpoints.values() if one.system["ElementName"].lower() == "daily"]
    for state in ("present", "absent", "applied"):
        words = ("name: 2 checkpoints of VM 'same01' are named 'daily'", "use the id", *ids)
        lab.refuses("vm_checkpoint", *words, vm="same01", name="daily", state=state)
    lab.leaves_alone("vm_checkpoint", vm="same01", name=ids[0].lower())
    lab.apply("vm_checkpoint", vm="same01", name=ids[1], state="absent")
    lab.apply("vm_checkpoint", vm="same01", name="daily", state="absent")
    assert names(lab, "same01") == ["once"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"vm": "tree01", "name": "nosuch", "state": "applied"},
            ("name: VM 'tree01' has no checkpoint 'nosuch'", "it has 'root', 'left', 'leaf', 'right'"),
        ),
        ({"vm": "off01", "name": "nosuch", "state": "applied"}, ("VM 'off01' has no checkpoint", "it has none")),
        ({"vm": "never01", "name": "clean"}, ("checkpoints of VM 'never01' are disabled", "type: production")),
        ({"vm": "off01", "name": "  "}, ("name: is empty",)),
        ({"vm": "off01", "name": "n" * 101}, ("name: 'nnn", "1 to 100 characters")),
        ({"vm": "nosuch", "name": "clean"}, ("no VM has the name 'nosuch'",)),
        ({"vm": "off01"}, ("missing required arguments: name",)),
        ({"vm": "off01", "name": "clean", "type": "disk"}, ("type", "production, standard")),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm_checkpoint", *words, **args)


def test_absent_already(lab: Lab) -> None:
    lab.leaves_alone("vm_checkpoint", vm="tree01", name="nosuch", state="absent", include_children=True)


# ---- failures on the way ----


def test_a_guest_that_can_not_prepare_one(lab: Lab) -> None:
    lab.vm("strict01").guest.spec["integration_services"] = False
    result = lab.fails("vm_checkpoint", "create a checkpoint of VM 'strict01'", vm="strict01", name="clean")
    assert result["changed"] is False


@pytest.mark.parametrize("method", ["CreateSnapshot", "ModifySystemSettings"])
@pytest.mark.parametrize("do", ["fail_job", "fault"])
def test_a_checkpoint_that_fails_leaves_none(lab: Lab, method: str, do: str) -> None:
    lab.sim.faults.add(simulator.Rule(do=do, method=method, **({"text": "On fire."} if do == "fail_job" else {})))
    result = lab.fails("vm_checkpoint", vm="off01", name="clean")
    assert result["changed"] is False
    assert names(lab, "off01") == []
    lab.apply("vm_checkpoint", vm="off01", name="clean")


def test_a_checkpoint_without_its_name_is_told(lab: Lab) -> None:
    for method, text in (("ModifySystemSettings", "On fire."), ("DestroySnapshot", "Stuck.")):
        lab.sim.faults.add(simulator.Rule(do="fail_job", method=method, text=text))
    (words, stuck) = ("On fire.", "stays under the name that Hyper-V gave it")
    lab.fails("vm_checkpoint", words, stuck, "Stuck.", vm="off01", name="clean")
    assert len(names(lab, "off01")) == 1


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_vm_whose_checkpoint_fails_to_apply_is_brought_back(lab: Lab, state: str) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="ApplySnapshot", text="On fire."))
    task = {"vm": f"{state}_disk", "name": "clean", "state": "applied", "allow_power_cycle": True}
    result = lab.fails("vm_checkpoint", "apply the checkpoint 'clean'", "On fire.", **task)
    assert (result["changed"], result["power_cycled"]) == (False, True)
    assert lab.vm(f"{state}_disk").state == STATES[state]
    lab.apply("vm_checkpoint", once_more=False, **task)


def test_a_host_that_does_not_tell_which_one_it_made(lab: Lab) -> None:
    """Where Msvm_AffectedJobElement says nothing, the one that wasn't there before is named."""
    lab.machine.jobs.affected = lambda: iter(())
    lab.apply("vm_checkpoint", vm="tree01", name="named")
    assert names(lab, "tree01")[-1] == "named"
