"""Checkpoints: what they copy, the disks beneath them, applying, deleting and merging."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference
from ansible_collections.nested.hyperv.tests.simulator.hyperv import checkpoints
from ansible_collections.nested.hyperv.tests.simulator.hyperv.checkpoints import Checkpoint
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import storage
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, JOB, OK, VSMS, call, host, modify, outcome, power, rows
from ..machines import (
    ROOT,
    SNAPSHOTS,
    VSSD,
    add_disk,
    add_drive,
    checkpoint,
    create,
    disk_paths,
    file,
    names,
    snapshot_call,
    system,
)

STANDARD = {"system_settings": {"UserSnapshotType": 5}}
DISK = {"disks": [{"size": "40GB"}]}


def taken(machine: Machine, vm: str = "vm0") -> Checkpoint:
    """A new checkpoint of a VM."""
    before = set(machine.vm(vm).checkpoints)
    assert checkpoint(machine, machine.vm(vm))[0] == OK
    (new,) = set(machine.vm(vm).checkpoints) - before
    return machine.vm(vm).checkpoints[new]


def test_creating_answers_with_a_job_alone_and_the_job_tells_what_it_made() -> None:
    machine = host(DISK, jobs={"delays": {"snapshot": 5}})
    vm = machine.vm("vm0")
    code, outputs = call(
        machine, SNAPSHOTS, "CreateSnapshot", AffectedSystem=vm.reference, SnapshotSettings="", SnapshotType=2
    )
    assert (code, outputs["ResultingSnapshot"]) == (JOB, None)

    def affected() -> list[tuple[str, list[int]]]:
        found = rows(machine, "Msvm_AffectedJobElement")
        mine = [row for row in found if row["AffectingElement"] == outputs["Job"]]
        return [(row["AffectedElement"].class_name, row["ElementEffects"]) for row in mine]

    assert affected() == [("Msvm_ComputerSystem", [0])]
    machine.clock.advance(5)
    assert affected() == [("Msvm_ComputerSystem", [0]), (VSSD, [5])]


def test_a_checkpoint_has_the_settings_of_its_vm_under_its_own_guid() -> None:
    machine = host({**DISK, "adapters": [{"switch": "LAN"}], "notes": "mine"})
    vm = machine.vm("vm0")
    one = taken(machine)
    row = one.system
    assert row["VirtualSystemType"] == "Microsoft:Hyper-V:Snapshot:Realized"
    assert (row["InstanceID"], row["ConfigurationID"]) == (f"Microsoft:{one.id}", one.id)
    assert (row["VirtualSystemIdentifier"], row["Notes"]) == (vm.id, ["mine"])
    assert {other.cls.name for other in one.rows} == {other.cls.name for other in vm.rows("CIM_SettingData")}
    assert all(str(other["InstanceID"]).startswith(f"Microsoft:{one.id}") for other in one.rows)
    medium = next(other for other in one.rows if other.cls.name == storage.SASD)
    assert one.id in medium["Parent"]
    assert machine.repository.find(Reference(HYPERV, storage.RASD, {"InstanceID": medium["InstanceID"][:-1] + "D"}))


def test_the_disk_is_frozen_and_the_vm_goes_on_with_a_child() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    one = taken(machine)
    assert names(machine) == {"vm0.vhdx", disk_paths(vm)[0].rsplit("\\", 1)[1]}
    assert disk_paths(vm)[0].lower().endswith(".avhdx")
    medium = next(row for row in one.rows if row.cls.name == storage.SASD)
    assert medium["HostResource"] == [rf"{ROOT}\vm0.vhdx"]
    taken(machine)
    assert all(name.startswith("vm0_") or name == "vm0.vhdx" for name in names(machine))
    assert all(name.count("_") <= 1 for name in names(machine))


def test_parents_make_the_tree() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    first = taken(machine)
    assert first.system["Parent"] is None or first.system["Parent"] == ""
    second = taken(machine)
    assert (second.parent, vm.system["Parent"]) == (first, second.path)
    snapshot_call(machine, "ApplySnapshot", first.system)
    third = taken(machine)
    assert (third.parent, set(first.children)) == (first, {second, third})


@pytest.mark.parametrize(
    ("locale", "name"),
    [
        ("en-US", "vm0 - (10/8/2026 - 3:05:09 PM)"),
        ("ja-JP", "vm0 - (2026/10/08 - 15:05:09)"),
        ("de-DE", "vm0 - (08.10.2026 - 15:05:09)"),
    ],
)
def test_default_names_are_in_the_hosts_language(locale: str, name: str) -> None:
    machine = host({}, locale=locale)
    when = datetime(2026, 10, 8, 15, 5, 9, tzinfo=timezone.utc)
    assert checkpoints.default_name(machine.vm("vm0"), when, automatic=False) == name


def test_two_checkpoints_of_one_second_have_one_name() -> None:
    machine = host({})
    vm = machine.vm("vm0")
    now = machine.clock.now()
    first, second = (checkpoints.take(vm, saved=False, created=now) for _turn in range(2))
    assert first.system["ElementName"] == second.system["ElementName"]


def test_a_checkpoint_is_renamed_and_nothing_else() -> None:
    machine = host(DISK)
    one = taken(machine)
    assert system(machine, one.system, ElementName="before the exam")[0] == OK
    assert one.system["ElementName"] == "before the exam"
    assert machine.vm("vm0").name == "vm0"
    assert system(machine, one.system, AutomaticStartupAction=4)[0] == INVALID_PARAMETER


def test_settings_of_a_checkpoint_can_not_be_modified() -> None:
    machine = host(DISK)
    one = taken(machine)
    memory = next(row for row in one.rows if row.cls.name == "Msvm_MemorySettingData")
    assert outcome(machine, modify(machine, memory, VirtualQuantity=4096))[0] == INVALID_PARAMETER


# --- kinds


@pytest.mark.parametrize(
    ("kind", "power_state", "guest", "saved"),
    [
        (5, "running", {}, True),
        (5, "paused", {}, True),
        (5, "off", {}, False),
        (5, "saved", {}, True),
        (3, "running", {}, False),
        (3, "running", {"integration_services": False}, True),
        (4, "running", {}, False),
    ],
)
def test_what_holds_a_memory_state(kind: int, power_state: str, guest: dict[str, Any], saved: bool) -> None:
    vm = {**DISK, "state": power_state, "guest": guest, "system_settings": {"UserSnapshotType": kind}}
    machine = host(vm)
    one = taken(machine)
    assert one.saved is saved
    row = machine.repository.get(one.system.cls, {"InstanceID": one.system["InstanceID"]})
    assert row["IsSaved"] is saved


@pytest.mark.parametrize(
    ("kind", "guest", "word"), [(2, {}, "disabled"), (4, {"integration_services": False}, "Production")]
)
def test_checkpoints_that_are_refused(kind: int, guest: dict[str, Any], word: str) -> None:
    machine = host({**DISK, "state": "running", "guest": guest, "system_settings": {"UserSnapshotType": kind}})
    code, text = checkpoint(machine, machine.vm("vm0"))
    assert (code, word in text) == (FAILED, True)
    assert names(machine) == {"vm0.vhdx"}


@pytest.mark.parametrize(
    "parameters",
    [{"SnapshotType": 9}, {"SnapshotType": None}, {"AffectedSystem": Reference(HYPERV, "Msvm_ComputerSystem", {})}],
)
def test_calls_that_name_nothing(parameters: dict[str, Any]) -> None:
    machine = host(DISK)
    assert checkpoint(machine, machine.vm("vm0"), **parameters)[0] == INVALID_PARAMETER


def test_settings_of_another_class_are_refused() -> None:
    machine = host(DISK)
    assert checkpoint(machine, machine.vm("vm0"), SnapshotSettings="<INSTANCE/>")[0] == INVALID_PARAMETER


# --- applying


def test_applying_brings_back_settings_and_disks() -> None:
    machine = host({**DISK, "memory": "2GB"})
    vm = machine.vm("vm0")
    one = taken(machine)
    outcome(machine, modify(machine, vm.memory, VirtualQuantity=4096))
    path = rf"{ROOT}\second.vhdx"
    create(machine, path)
    add_drive(machine, vm, storage.controllers(vm, storage.SCSI)[0], 1)
    add_disk(machine, vm, storage.drives(vm)[-1], path)
    system(machine, vm.system, ElementName="renamed")
    leaf = disk_paths(vm)[0]
    assert snapshot_call(machine, "ApplySnapshot", one.system)[0] == OK
    assert vm.memory["VirtualQuantity"] == 2048
    assert len(storage.drives(vm)) == 1
    assert machine.files.get(leaf) is None
    assert machine.files.get(path)
    assert disk_paths(vm)[0] != leaf
    assert file(machine, disk_paths(vm)[0]).disk.parent == rf"{ROOT}\vm0.vhdx"
    assert (vm.name, vm.system["Parent"], vm.last_applied) == ("renamed", one.path, one.id)
    power(machine, "renamed", 2)
    machine.clock.advance(1)
    assert vm.state == 2


@pytest.mark.parametrize("power_state", ["running", "paused"])
def test_only_a_vm_that_is_off_or_saved_takes_a_checkpoint_back(power_state: str) -> None:
    machine = host({**DISK, **STANDARD, "state": power_state})
    one = taken(machine)
    assert snapshot_call(machine, "ApplySnapshot", one.system)[0] == INVALID_STATE


def test_a_memory_state_leaves_the_vm_saved_and_none_leaves_it_off() -> None:
    machine = host({**DISK, **STANDARD, "state": "running"})
    vm = machine.vm("vm0")
    hot = taken(machine)
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    cold = taken(machine)
    for one, state in ((hot, 6), (cold, 3), (hot, 6), (hot, 6)):
        assert snapshot_call(machine, "ApplySnapshot", one.system)[0] == OK
        assert vm.state == state
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert vm.state == 2


def test_clearing_the_state_leaves_the_checkpoint_without_memory() -> None:
    machine = host({**DISK, **STANDARD, "state": "running"})
    one = taken(machine)
    assert snapshot_call(machine, "ClearSnapshotState", one.system)[0] == OK
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    snapshot_call(machine, "ApplySnapshot", one.system)
    assert machine.vm("vm0").state == 3


def test_other_changes_wait_while_a_checkpoint_is_made() -> None:
    machine = host({**DISK, "state": "running"}, jobs={"delays": {"snapshot": 5}})
    vm = machine.vm("vm0")
    call(machine, SNAPSHOTS, "CreateSnapshot", AffectedSystem=vm.reference, SnapshotSettings="", SnapshotType=2)
    assert power(machine, "vm0", 3) == INVALID_STATE
    assert call(machine, VSMS, "DestroySystem", AffectedSystem=vm.reference)[0] == INVALID_STATE
    status = next(row for row in rows(machine, "Msvm_ComputerSystem") if row["Name"] == vm.id)["OperationalStatus"]
    assert status == [11, 32768]
    machine.clock.advance(6)
    assert power(machine, "vm0", 3) == JOB


# --- deleting


def test_deleting_merges_the_disk_back() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    one = taken(machine)
    file(machine, disk_paths(vm)[0]).disk.used = 3 << 30
    assert snapshot_call(machine, "DestroySnapshot", one.system)[0] == OK
    machine.clock.advance(1)
    assert names(machine) == {"vm0.vhdx"}
    assert disk_paths(vm) == [rf"{ROOT}\vm0.vhdx"]
    assert file(machine, rf"{ROOT}\vm0.vhdx").disk.used == 3 << 30
    assert not vm.system["Parent"]
    assert [row["InstanceID"] for row in rows(machine, VSSD) if one.id in row["InstanceID"]] == []


def test_the_disks_of_a_running_vm_are_merged_while_it_runs() -> None:
    machine = host({**DISK, "state": "running"}, jobs={"delays": {"merge": 10}})
    vm = machine.vm("vm0")
    one = taken(machine)
    call(machine, SNAPSHOTS, "DestroySnapshot", AffectedSnapshot=one.system.reference())
    machine.clock.advance(1)

    def status() -> list[int]:
        return next(row for row in rows(machine, "Msvm_ComputerSystem") if row["Name"] == vm.id)["OperationalStatus"]

    assert vm.checkpoints == {}
    assert len(names(machine)) == 2
    assert status() == [11, 32772]
    machine.clock.advance(10)
    assert names(machine) == {"vm0.vhdx"}
    assert status() == [2]
    assert file(machine, rf"{ROOT}\vm0.vhdx").in_use


def test_a_middle_one_goes_and_its_neighbours_meet() -> None:
    machine = host(DISK)
    first, second, third = (taken(machine) for _turn in range(3))
    snapshot_call(machine, "DestroySnapshot", second.system)
    machine.clock.advance(1)
    assert third.parent is first
    assert len(names(machine)) == 3
    assert all(checkpoints.disks.chain(machine.files, path) for path in disk_paths(machine.vm("vm0")))


def test_a_parent_of_two_branches_keeps_its_disk_until_one_is_left() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    root = taken(machine)
    left = taken(machine)
    snapshot_call(machine, "ApplySnapshot", root.system)
    right = taken(machine)
    snapshot_call(machine, "DestroySnapshot", root.system)
    machine.clock.advance(1)
    assert machine.files.get(rf"{ROOT}\vm0.vhdx")
    assert (left.parent, right.parent) == (None, None)
    before = len(names(machine))
    snapshot_call(machine, "DestroySnapshot", left.system)
    machine.clock.advance(1)
    assert len(names(machine)) < before
    snapshot_call(machine, "DestroySnapshot", right.system)
    machine.clock.advance(1)
    assert names(machine) == {"vm0.vhdx"}
    assert disk_paths(vm) == [rf"{ROOT}\vm0.vhdx"]


def test_a_tree_goes_as_a_whole() -> None:
    machine = host(DISK)
    keep = taken(machine)
    top = taken(machine)
    taken(machine)
    assert snapshot_call(machine, "DestroySnapshotTree", top.system)[0] == OK
    machine.clock.advance(1)
    assert list(machine.vm("vm0").checkpoints) == [keep.id]
    assert len(names(machine)) == 2


def test_a_training_disk_is_merged_into_itself_and_never_into_its_parent() -> None:
    golden = rf"{ROOT}\golden.vhdx"
    machine = host(
        {"disks": [{"path": rf"{ROOT}\clone.vhdx", "parent": golden}]}, files=[{"path": golden, "size": "40GB"}]
    )
    before = file(machine, golden).disk.data_id
    one = taken(machine)
    snapshot_call(machine, "DestroySnapshot", one.system)
    machine.clock.advance(1)
    assert names(machine) == {"golden.vhdx", "clone.vhdx"}
    assert file(machine, golden).disk.data_id == before


def test_deleting_a_vm_merges_and_its_disks_stay() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    one = taken(machine)
    code, _rest = outcome(machine, call(machine, VSMS, "DestroySystem", AffectedSystem=vm.reference))
    assert code == OK
    assert names(machine) == {"vm0.vhdx"}
    assert machine.repository.owned(one.id) == []


# --- automatic checkpoints, associations, models


def test_a_client_takes_one_at_the_start_and_merges_it_at_the_end() -> None:
    machine = host(DISK, os="windows11")
    vm = machine.vm("vm0")
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    (one,) = vm.checkpoints.values()
    assert (one.automatic, one.system["ElementName"].startswith("Automatic Checkpoint - vm0 - (")) == (True, True)
    assert vm.state == 2
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    assert (vm.checkpoints, names(machine)) == ({}, {"vm0.vhdx"})


def test_a_server_takes_none() -> None:
    machine = host(DISK, os="server2022")
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert machine.vm("vm0").checkpoints == {}


def test_associations_of_checkpoints() -> None:
    machine = host(DISK)
    vm = machine.vm("vm0")
    first, second = taken(machine), taken(machine)

    def ids(association: str) -> set[str]:
        found = machine.associators(vm.reference, assoc_class=association)
        return {row["InstanceID"] for row in found}

    both = {first.system["InstanceID"], second.system["InstanceID"]}
    assert ids("Msvm_SnapshotOfVirtualSystem") == both
    assert ids("Msvm_MostCurrentSnapshotInBranch") == {second.system["InstanceID"]}
    assert ids("Msvm_LastAppliedSnapshot") == set()
    snapshot_call(machine, "ApplySnapshot", first.system)
    assert ids("Msvm_LastAppliedSnapshot") == {first.system["InstanceID"]}
    assert ids("Msvm_MostCurrentSnapshotInBranch") == {first.system["InstanceID"]}
    assert ids("Msvm_SettingsDefineState") == {vm.system["InstanceID"]}
    parts = machine.associators(first.system.reference(), assoc_class="Msvm_VirtualSystemSettingDataComponent")
    assert {row["InstanceID"].split("\\")[0] for row in parts} == {f"Microsoft:{first.id}"}


def test_a_models_tree_stands_as_it_is_written() -> None:
    tree = [
        {
            "name": "installed",
            "children": [{"name": "left"}, {"name": "right", "saved": True, "children": [{"name": "leaf"}]}],
        }
    ]
    machine = host({**DISK, "checkpoints": tree})
    vm = machine.vm("vm0")
    found = {one.system["ElementName"]: one for one in vm.checkpoints.values()}
    assert {name: one.parent and one.parent.system["ElementName"] for name, one in found.items()} == {
        "installed": None,
        "left": "installed",
        "right": "installed",
        "leaf": "right",
    }
    assert (vm.system["Parent"], found["right"].saved, vm.state) == (found["leaf"].path, True, 3)


def test_a_model_says_where_the_vm_stands() -> None:
    tree = [{"name": "clean", "current": True, "children": [{"name": "later"}]}]
    machine = host({**DISK, "checkpoints": tree})
    vm = machine.vm("vm0")
    clean = next(one for one in vm.checkpoints.values() if one.system["ElementName"] == "clean")
    assert (vm.system["Parent"], vm.last_applied, vm.state) == (clean.path, "", 3)
