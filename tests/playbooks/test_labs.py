"""The playbooks for labs, as ansible-playbook runs them: what they make and undo, and what becomes of a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables

pytestmark = pytest.mark.playbook

DISK = {"size": "40GB"}
CLEAN = [{"name": "clean"}]
LAB = {"state": "running", "memory": "1GB", "disks": [DISK], "checkpoints": CLEAN}
URL = "https://files.example.com/server.vhdx"
IMAGE = {
    "path": r"C:\Images\server.vhdx",
    "source": URL,
    "checksum": "sha256:5eb717bc248fa0f52b64a256b909f0d7842ea09360eea1be388ddc71688744a0",
}
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "512GB",
            "folders": [r"C:\Training"],
            "web": {URL: {"content": {"disk": {"size": "40GB"}}}},
            "switches": [{"name": "Lab", "type": "internal"}],
            "files": [
                {"path": r"C:\ISO\server.iso", "size": "5GB"},
                {"path": r"C:\Images\base.vhdx", **DISK},
                {"path": r"C:\Images\golden.vhdx", **DISK},
                {"path": r"C:\Images\above.vhdx", "parent": r"C:\Images\golden.vhdx"},
                {"path": r"C:\Images\open.vhdx", **DISK, "in_use": True},
            ],
            "vms": [
                {"name": "golden", "disks": [{"path": r"C:\Images\golden.vhdx"}]},
                {"name": "dc01", **LAB},
                {"name": "srv01", **LAB},
                {"name": "srv02", **LAB, "state": "saved"},
                {"name": "bare", "state": "running", "system_settings": {"UserSnapshotType": 2}},  # disabled
            ],
        },
        {"name": "hv02", "vms": [{"name": "dc02", **LAB}]},
    ]
}
TRAINING = {
    "create_training_lab_count": 3,
    "create_training_lab_parent": r"C:\Images\base.vhdx",
    "create_training_lab_path": r"C:\Training",
    "create_training_lab_switch": "Lab",
    "create_training_lab_nesting": True,
}
STUDENTS = ["student01", "student02", "student03"]
NESTED = {
    "create_nested_lab_vms": [
        {"name": "node01", "memory": "8GB", "processors": 4, "disk": "100GB", "iso": r"C:\ISO\server.iso"},
        {"name": "node02", "parent": r"C:\Images\base.vhdx", "nesting": False},
    ]
}
RESET = {"reset_lab_vms": ["dc01", "srv01", "srv02"], "reset_lab_checkpoint": "CLEAN"}


Play = Callable[..., Run]


@pytest.fixture
def play(playbook: Playbooks) -> Play:
    """Run a playbook of the collection with these variables."""

    def run(name: str, variables: Mapping[str, Any], *options: str, **more: Any) -> Run:
        return playbook(f"nested.hyperv.{name}", *options, variables=variables, **more)

    return run


def states(sim: simulator.Simulation, host: str = "hv01") -> dict[str, str]:
    words = {number: word for word, number in simulator.model.STATE_NAMES.items()}
    return {vm.name: words.get(vm.state, str(vm.state)) for vm in sim.machines[host].vms.values()}


def names(sim: simulator.Simulation) -> set[str]:
    return {vm.name for vm in sim.machines["hv01"].vms.values()}


def without_folders(state: dict[str, Any]) -> dict[str, Any]:
    """The state without folders, which Hyper-V leaves behind when it deletes a VM."""
    return {path: values for path, values in state.items() if not path.startswith("folder:")}


def parent_of(sim: simulator.Simulation, path: str) -> str | None:
    file = sim.machines["hv01"].files.get(path)
    return file.disk.parent if file and file.disk else None


def test_a_training_lab_is_predicted_made_kept_and_removed(sim: simulator.Simulation, play: Play) -> None:
    before = changes.state(sim.machines["hv01"])
    check = play("create_training_lab", TRAINING, "--check", "--diff")
    assert check.code == 0, check.text
    assert not check.writes
    assert changes.state(sim.machines["hv01"]) == before

    real = play("create_training_lab", TRAINING)
    assert real.code == 0, real.text
    assert check.recap()["changed"] == real.recap()["changed"]
    assert names(sim) - {"golden", "dc01", "srv01", "srv02", "bare"} == set(STUDENTS)
    assert {parent_of(sim, rf"C:\Training\{name}\{name}.vhdx") for name in STUDENTS} == {r"C:\Images\base.vhdx"}

    again = play("create_training_lab", TRAINING | {"create_training_lab_path": "C:\\Training\\"})
    assert again.code == 0, again.text
    assert again.recap()["changed"] == 0
    assert not again.writes

    started = play("create_training_lab", TRAINING | {"create_training_lab_state": "running"})
    assert started.code == 0, started.text
    assert {states(sim)[name] for name in STUDENTS} == {"running"}

    removed = play("create_training_lab", {"create_training_lab_count": 3, "create_training_lab_state": "absent"})
    assert removed.code == 0, removed.text
    assert names(sim) == {"golden", "dc01", "srv01", "srv02", "bare"}
    assert without_folders(changes.state(sim.machines["hv01"])) == without_folders(before), (
        "what was made is gone, and nothing else, the parent least of all"
    )


def test_clones_with_checkpoints_are_removed_and_the_parent_is_kept(sim: simulator.Simulation, play: Play) -> None:
    assert play("create_training_lab", TRAINING).code == 0
    for name in STUDENTS:
        assert Lab(sim).succeeds("vm_checkpoint", vm=name, name="clean")["changed"]
    close_clients()
    removed = play("create_training_lab", TRAINING | {"create_training_lab_state": "absent"})
    assert removed.code == 0, removed.text
    files = sim.machines["hv01"].files
    assert files.get(r"C:\Images\base.vhdx") is not None
    assert not [file.path for file in files.within(r"C:\Training")]


def test_a_larger_class_leaves_the_first_ones_alone(sim: simulator.Simulation, play: Play) -> None:
    assert play("create_training_lab", TRAINING | {"create_training_lab_state": "running"}).code == 0
    boots = {vm.name: vm.on_since for vm in sim.machines["hv01"].vms.values() if vm.name in STUDENTS}
    larger = play("create_training_lab", TRAINING | {"create_training_lab_count": 5})
    assert larger.code == 0, larger.text
    assert {"student04", "student05"} <= names(sim)
    assert {vm.name: vm.on_since for vm in sim.machines["hv01"].vms.values() if vm.name in STUDENTS} == boots


@pytest.mark.parametrize(
    ("parent", "words"),
    [
        ("missing", "there is no file"),
        ("golden", "is attached to VM 'golden'"),
        ("above", r"'C:\Images\golden.vhdx' is attached to VM 'golden'"),
        ("open", "is in use by something that is no VM"),
    ],
)
def test_a_parent_that_others_may_write_to_is_refused(
    sim: simulator.Simulation, play: Play, parent: str, words: str
) -> None:
    before = changes.state(sim.machines["hv01"])
    refused = play("create_training_lab", TRAINING | {"create_training_lab_parent": rf"C:\Images\{parent}.vhdx"})
    assert refused.code == 2
    assert words in refused.words
    assert refused.text.count("failed: [hv01]") == 1, "one VM is tried, and no other"
    assert not refused.writes
    assert changes.state(sim.machines["hv01"]) == before


def test_more_memory_than_the_host_has_is_refused(sim: simulator.Simulation, play: Play) -> None:
    wanted = TRAINING | {"create_training_lab_state": "running", "create_training_lab_memory": "256GB"}
    refused = play("create_training_lab", wanted)
    assert refused.code == 2
    assert "3 VMs with 256GB each must be started" in refused.text
    assert not refused.writes


def test_fifty_clones_take_fewer_than_forty_requests_each(sim: simulator.Simulation, play: Play) -> None:
    made = play("create_training_lab", TRAINING | {"create_training_lab_count": 50})
    assert made.code == 0, made.text
    assert len(names(sim)) == 55
    assert len(made.requests) / 50 < 40


def test_a_lab_on_two_hosts_is_reset_together(sim: simulator.Simulation, play: Play) -> None:
    for host in ("hv01", "hv02"):
        for vm in sim.machines[host].vms.values():
            vm.system["Notes"] = ["broken"]
    vms = {"hv01": RESET["reset_lab_vms"], "hv02": ["dc02"]}
    hosts = {host: variables(sim, host, reset_lab_vms=names) for host, names in vms.items()}
    check = play("reset_lab", {"reset_lab_checkpoint": "clean"}, "--check", hosts=hosts)
    assert check.code == 0, check.text
    assert not check.writes

    real = play("reset_lab", {"reset_lab_checkpoint": "clean"}, hosts=hosts)
    assert real.code == 0, real.text
    methods = [one.method for one in real.requests if one.method in ("RequestStateChange", "ApplySnapshot")]
    assert methods == ["RequestStateChange"] * 4 + ["ApplySnapshot"] * 4 + ["RequestStateChange"] * 4
    assert states(sim) == {"golden": "off", "bare": "running", **dict.fromkeys(RESET["reset_lab_vms"], "running")}
    assert states(sim, "hv02") == {"dc02": "running"}
    notes = {vm.name: vm.system["Notes"] for vm in sim.machines["hv01"].vms.values()}
    assert notes["bare"] == notes["golden"] == ["broken"]
    assert "broken" not in str([notes[name] for name in RESET["reset_lab_vms"]])


def test_nothing_is_touched_unless_every_vm_has_the_checkpoint(sim: simulator.Simulation, play: Play) -> None:
    vms = {"hv01": ["dc01", "bare", "nobody"], "hv02": ["dc02"]}
    hosts = {host: variables(sim, host, reset_lab_vms=names) for host, names in vms.items()}
    refused = play("reset_lab", {"reset_lab_checkpoint": "clean"}, hosts=hosts)
    assert refused.code == 2
    assert "Nothing was changed, because not all VMs can be reset:" in refused.text
    assert "VM 'bare' has no checkpoint 'clean'" in refused.text
    assert "no VM has the name 'nobody'" in refused.text
    assert "Checkpoints of these VMs are disabled: bare. Allow them" in refused.text
    assert not refused.writes, "neither host was touched"


def test_every_vm_that_cannot_be_reset_is_told_and_none_is_started(sim: simulator.Simulation, play: Play) -> None:
    rule = simulator.Rule(do="fail_job", method="ApplySnapshot", at=1, times=2, text="The disk is on fire.")
    sim.faults.add(rule)
    failed = play("reset_lab", RESET)
    assert failed.code == 2
    summary = failed.text.partition("No VM was started, because not all VMs could be reset:")[2]
    assert "VM 'dc01': The disk is on fire." in summary
    assert "VM 'srv01': The disk is on fire." in summary
    failures, _separator, off = summary.partition("PLAY RECAP")[0].partition("These VMs may be off now")
    assert "srv02" not in failures
    assert "start them with state: running: dc01, srv01, srv02" in off
    assert {states(sim)[name] for name in RESET["reset_lab_vms"]} == {"off"}

    again = play("reset_lab", RESET)
    assert again.code == 0, again.text
    assert {states(sim)[name] for name in RESET["reset_lab_vms"]} == {"running"}


def test_nothing_is_applied_while_a_vm_is_on(sim: simulator.Simulation, play: Play) -> None:
    sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", at=1, times=1, text="It hangs."))
    failed = play("reset_lab", RESET)
    assert failed.code == 2
    summary = failed.text.partition("No checkpoint was applied, because not all VMs are off:")[2]
    assert "It hangs." in summary
    assert "ApplySnapshot" not in {one.method for one in failed.requests}
    assert states(sim)["dc01"] == "running"


def test_vms_that_do_not_start_are_told(sim: simulator.Simulation, play: Play) -> None:
    sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", at=5, times=1, text="No memory."))
    failed = play("reset_lab", RESET)
    assert failed.code == 2
    summary = failed.text.partition("The lab is reset, but not all VMs are running:")[2]
    assert "VM 'srv01': No memory." in summary
    assert {name: states(sim)[name] for name in RESET["reset_lab_vms"]} == {
        "dc01": "running",
        "srv01": "off",
        "srv02": "running",
    }


@pytest.mark.parametrize("start", [False, "false"])
def test_a_lab_can_stay_off(sim: simulator.Simulation, play: Play, start: Any) -> None:
    done = play("reset_lab", RESET | {"reset_lab_start": start})
    assert done.code == 0, done.text
    assert {states(sim)[name] for name in RESET["reset_lab_vms"]} == {"off"}


def test_a_nested_lab_is_predicted_made_kept_and_undone(sim: simulator.Simulation, play: Play) -> None:
    before = changes.state(sim.machines["hv01"])
    check = play("create_nested_lab", NESTED, "--check", "--diff")
    assert check.code == 0, check.text
    assert not check.writes
    assert changes.state(sim.machines["hv01"]) == before

    real = play("create_nested_lab", NESTED)
    assert real.code == 0, real.text
    assert check.recap() == real.recap()
    assert "node01  off      on       4     8GB static" in real.text

    again = play("create_nested_lab", NESTED)
    assert again.code == 0, again.text
    assert again.recap()["changed"] == 0
    assert not again.writes

    undo = NESTED | {"create_nested_lab_state": "absent"}
    check = play("create_nested_lab", undo, "--check")
    assert check.code == 0, check.text
    assert not check.writes
    real = play("create_nested_lab", undo)
    assert real.code == 0, real.text
    assert check.recap() == real.recap()
    assert without_folders(changes.state(sim.machines["hv01"])) == without_folders(before)
    assert play("create_nested_lab", undo).recap()["changed"] == 0


def test_labs_begin_with_their_images(sim: simulator.Simulation, play: Play) -> None:
    vms = [{"name": "node01", "source": IMAGE["path"], "disk": "80GB"}, {"name": "node02", "source": IMAGE["path"]}]
    nested = {"create_nested_lab_vms": vms, "create_nested_lab_images": [IMAGE], "create_nested_lab_path": r"C:\Lab"}
    training = TRAINING | {"create_training_lab_images": [IMAGE], "create_training_lab_parent": IMAGE["path"]}
    for name, wanted in (("create_nested_lab", nested), ("create_training_lab", training)):
        check = play(name, wanted, "--check")
        assert check.code == 0, check.text
        assert not check.writes
        real = play(name, wanted)
        assert real.code == 0, real.text
        assert check.recap()["changed"] == real.recap()["changed"]
        again = play(name, wanted)
        assert again.code == 0, again.text
        assert not again.writes
    files = sim.machines["hv01"].files
    assert files.need(r"C:\Lab\node01\node01.vhdx").disk.size == 80 << 30
    assert files.need(r"C:\Lab\node02\node02.vhdx").disk.size == 40 << 30
    assert parent_of(sim, r"C:\Training\student01\student01.vhdx") == IMAGE["path"]


def test_a_nested_lab_without_nat_in_a_folder_of_its_own(sim: simulator.Simulation, play: Play) -> None:
    wanted = NESTED | {"create_nested_lab_nat": "", "create_nested_lab_path": "C:\\Training\\"}
    made = play("create_nested_lab", wanted | {"create_nested_lab_state": "running"})
    assert made.code == 0, made.text
    assert not any(one.class_name.startswith("MSFT_Net") for one in made.requests if changes.writes([one]))
    assert sim.machines["hv01"].files.get(r"C:\Training\node01\node01.vhdx") is not None
    assert parent_of(sim, r"C:\Training\node02\node02.vhdx") == r"C:\Images\base.vhdx"
    assert {states(sim)[name] for name in ("node01", "node02")} == {"running"}


def test_another_folder_for_a_lab_that_is_there_is_refused(sim: simulator.Simulation, play: Play) -> None:
    assert play("create_training_lab", TRAINING).code == 0
    before = changes.state(sim.machines["hv01"])
    refused = play("create_training_lab", TRAINING | {"create_training_lab_path": r"C:\Elsewhere"})
    assert refused.code == 2
    homes = [rf"{name} (C:\Training\{name}\{name}.vhdx)" for name in STUDENTS]
    assert f"do not belong to it: {', '.join(homes)}. The disk" in refused.words
    assert not refused.writes
    assert changes.state(sim.machines["hv01"]) == before


HAND = r"C:\hand.vhdx"
NODES = {"create_nested_lab_vms": [{"name": name, "disk": "40GB"} for name in ("student01", "student02", "student03")]}


@pytest.fixture
def by_hand(sim: simulator.Simulation) -> None:
    """VMs with names of a lab, which no lab has created."""
    Lab(sim).succeeds("vm", name="Student02", disks=[{"path": HAND, "size": "10GB"}])
    Lab(sim).succeeds("vm", name="student03")
    close_clients()


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("state", ["present", "running", "absent"])
@pytest.mark.parametrize(
    ("name", "lab", "place"),
    [
        ("create_training_lab", TRAINING, r"C:\Training\<name>\<name>.vhdx"),
        ("create_nested_lab", NODES | {"create_nested_lab_path": "C:\\Lab\\"}, r"C:\Lab\<name>\<name>.vhdx"),
        ("create_nested_lab", NODES, r"Virtual Hard Disks\<name>.vhdx"),
    ],
)
def test_vms_that_are_not_of_the_lab_are_refused_and_kept(
    sim: simulator.Simulation, play: Play, name: str, lab: Mapping[str, Any], place: str, state: str
) -> None:
    before = changes.state(sim.machines["hv01"])
    refused = play(name, {**lab, f"{name}_state": state})
    assert refused.code == 2
    without_disks = "" if lab is NODES else ", student03 (no disks)"
    assert rf"do not belong to it: Student02 (C:\hand.vhdx){without_disks}. The disk" in refused.words
    assert f"{place}. Set {name}_path" in refused.words
    assert not refused.writes
    assert refused.recap()["changed"] == 0
    assert changes.state(sim.machines["hv01"]) == before


@pytest.mark.usefixtures("by_hand")
def test_without_the_folder_a_vm_without_disks_is_kept(sim: simulator.Simulation, play: Play) -> None:
    refused = play("create_training_lab", {"create_training_lab_count": 3, "create_training_lab_state": "absent"})
    assert refused.code == 2
    assert r"Student02 (C:\hand.vhdx), student03 (no disks)" in refused.words
    assert "Set create_training_lab_path" in refused.words
    assert not refused.writes


@pytest.mark.parametrize(
    ("name", "lab"),
    [("create_training_lab", TRAINING), ("create_nested_lab", NODES | {"create_nested_lab_path": r"C:\Training"})],
)
def test_a_vm_whose_creation_was_interrupted_is_completed_or_removed(
    sim: simulator.Simulation, play: Play, name: str, lab: Mapping[str, Any]
) -> None:
    rule = simulator.Rule(do="fail_job", method="CreateVirtualHardDisk", at=1, times=1, text="It broke.")
    for state, left in (("absent", set()), ("present", set(STUDENTS))):
        sim.faults.add(rule)
        assert "It broke." in play(name, lab).text
        assert names(sim) > set(STUDENTS)
        disks = [sim.machines["hv01"].files.get(rf"C:\Training\{vm}\{vm}.vhdx") for vm in STUDENTS]
        assert disks.count(None) == 1, "a VM has no disk"
        done = play(name, {**lab, f"{name}_state": state})
        assert done.code == 0, done.text
        assert names(sim) & set(STUDENTS) == left


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        (
            "create_training_lab",
            {"create_training_lab_name": "a", "create_training_lab_path": "x", "create_training_lab_state": "off"},
            ["count must be", "name must contain", "parent must be", "path must be", "state must be"],
        ),
        ("reset_lab", {"reset_lab_vms": "dc01"}, ["vms must be a list", "checkpoint must be"]),
        ("reset_lab", {**RESET, "reset_lab_vms": ["dc01", "DC01"]}, ["vms must be a list"]),
        ("create_nested_lab", {"create_nested_lab_vms": ["node01"]}, ["vms must be a list"]),
        ("create_nested_lab", {"create_nested_lab_vms": [{"name": "a", "cpu": 2}]}, ["vms supports the keys name, "]),
    ],
)
def test_wrong_variables_are_all_named_before_a_host_is_queried(
    play: Play, name: str, wrong: Mapping[str, Any], words: list[str]
) -> None:
    refused = play(name, wrong)
    assert refused.code == 2
    assert [word for word in words if f"{name}_{word}" not in refused.text] == []
    assert not refused.requests, "nobody asked a host"
