"""Power of VMs: every state and transition, guests that don't shut down, waiting, and removal."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import RUNNING
from ansible_collections.nested.hyperv.tests.unit.simulator import hosts

STATES = simulator.model.STATE_NAMES
WORDS = {number: word for word, number in STATES.items()}


def disk(name: str, **more: Any) -> dict[str, Any]:
    return {"path": rf"C:\VMs\{name}.vhdx", "size": "10GB", **more}


MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "switches": [{"name": "Lab"}],
            "files": [disk("shared"), {"path": r"C:\VMs\child.vhdx", "parent": r"C:\VMs\shared.vhdx"}],
            "vms": [
                *({"name": f"{state}01", "state": state, "disks": [disk(state)]} for state in STATES),
                {
                    "name": "slow01",
                    "adapters": [
                        {"name": "LAN", "switch": "Lab", "addresses": ["fe80::1", "169.254.3.4", "192.0.2.7"]}
                    ],
                    "guest": {"boot_seconds": 0.4, "shutdown_seconds": 0.4},
                },
                {"name": "locked01", "state": "running", "guest": {"shutdown": "locked"}},
                {"name": "hanging01", "state": "running", "guest": {"shutdown": "hang"}},
                {"name": "blind01", "state": "running", "guest": {"integration_services": False}},
                {"name": "unshut01", "state": "running", "disabled_services": ["Shutdown"]},
                {"name": "parent01", "disks": [{"path": r"C:\VMs\shared.vhdx"}]},
                {"name": "child01", "disks": [{"path": r"C:\VMs\child.vhdx"}]},
                {
                    "name": "grown01",
                    "disks": [disk("grown")],
                    "checkpoints": [{"name": "first", "children": [{"name": "second", "current": True}]}],
                },
                {
                    "name": "client01",
                    "state": "running",
                    "disks": [disk("client")],
                    "checkpoints": [{"name": "Automatic Checkpoint", "automatic": True}],
                },
                {"name": "twin", "notes": "one"},
                {"name": "TWIN", "notes": "two"},
            ],
        }
    ]
}


# ---- states ----

# From, to, what else is said, and the calls that it takes.
TRANSITIONS = [
    ("off", "running", {}, ["RequestStateChange"]),
    ("saved", "running", {}, ["RequestStateChange"]),
    ("paused", "running", {}, ["RequestStateChange"]),
    ("running", "off", {}, ["InitiateShutdown"]),
    ("running", "off", {"force_off": True}, ["RequestStateChange"]),
    ("paused", "off", {"force_off": True}, ["RequestStateChange"]),
    ("saved", "off", {"discard_saved_state": True}, ["RequestStateChange"]),
    ("running", "saved", {}, ["RequestStateChange"]),
    ("paused", "saved", {}, ["RequestStateChange"]),
    ("off", "saved", {}, ["RequestStateChange", "RequestStateChange"]),
    ("running", "paused", {}, ["RequestStateChange"]),
    ("off", "paused", {}, ["RequestStateChange", "RequestStateChange"]),
    ("saved", "paused", {}, ["RequestStateChange", "RequestStateChange"]),
]


@pytest.mark.parametrize(("before", "after", "more", "calls"), TRANSITIONS)
@pytest.mark.parametrize("jobs", [{"delay": 0}, {"delay": 5}], ids=str)
def test_every_transition_takes_these_requests(
    lab: Lab, before: str, after: str, more: dict[str, Any], calls: list[str]
) -> None:
    task = {"name": f"{before}01", "state": after, **more}
    result = lab.apply("vm", once_more=False, **task)
    assert lab.power_requests == calls
    assert result["diff"] == {"before": {"state": before}, "after": {"state": after}}
    assert lab.vm(task["name"]).state == STATES[after]
    lab.leaves_alone("vm", **task)


@pytest.mark.parametrize("state", STATES)
def test_present_and_the_same_state_change_nothing(lab: Lab, state: str) -> None:
    lab.leaves_alone("vm", name=f"{state}01", state="present")
    lab.leaves_alone("vm", name=f"{state}01", state=state, force_off=True, discard_saved_state=True)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("off01", {}),
        ("running01", {}),
        ("running01", {"force_off": True}),
        ("paused01", {"force_off": True}),
        ("saved01", {"discard_saved_state": True}),
    ],
)
def test_restarted_is_done_at_every_run(lab: Lab, name: str, more: dict[str, Any]) -> None:
    result = lab.apply("vm", once_more=False, name=name, state="restarted", **more)
    assert result["diff"] == {"before": {"state": name.removesuffix("01")}, "after": {"state": "restarted"}}
    assert result["power_cycled"] is (name != "off01")
    vm = lab.vm(name)
    assert vm.running
    first = vm.on_since
    lab.apply("vm", once_more=False, name=name, state="restarted")
    assert vm.running
    assert vm.on_since > first


@pytest.mark.parametrize("state", ["off", "restarted", "absent"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("paused01", ("VM 'paused01' is paused", "Resume it first", "'force_off: true'")),
        ("saved01", ("VM 'saved01' is saved", "'discard_saved_state: true'")),
    ],
)
def test_what_a_guest_can_not_do_needs_leave(lab: Lab, state: str, name: str, words: tuple[str, ...]) -> None:
    if (name, state) == ("saved01", "absent"):
        lab.apply("vm", name=name, state="absent")
        return
    lab.refuses("vm", *words, name=name, state=state)


@pytest.mark.parametrize("state", ["off", "restarted", "absent"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("locked01", ("refused to shut down", "locked")),
        ("hanging01", ("gave up after 1 s to shut down",)),
        ("blind01", ("refused to shut down", "not ready")),
        ("unshut01", ("VM 'unshut01'", "shutdown")),
    ],
)
def test_a_guest_that_does_not_shut_down(lab: Lab, state: str, name: str, words: tuple[str, ...]) -> None:
    before = lab.state()
    task = {"name": name, "state": state, "shutdown_timeout": 1}
    result = lab.fails("vm", f"VM '{name}'", "'force_off: true'", *words, **task)
    asked = name == "hanging01"
    assert result.get("uncertain") == ([f"shut down VM '{name}'"] if asked else None)
    assert (result["changed"], result["power_cycled"]) == (asked, False), "it may still go off"
    assert lab.state() == before, "it runs on"
    forced = lab.run("vm", **task, force_off=True)
    assert forced["changed"] is True, "the way out that the message names"


def test_a_transition_that_somebody_else_began_is_waited_for() -> None:
    with open_lab(MODEL, jobs={"delays": {"start": 0.5, "save": 0.5}}) as lab:
        assert hosts.power(lab.machine, "off01", RUNNING) == hosts.JOB
        assert lab.vm("off01").busy
        result = lab.succeeds("vm", name="off01", state="off")
    assert result["diff"]["before"] == {"state": "running"}
    assert WORDS[lab.vm("off01").state] == "off"


def test_a_job_that_holds_the_vm_is_waited_for() -> None:
    """A host answers 32775 while a checkpoint is taken: ask again until it is done."""
    with open_lab(MODEL, jobs={"delays": {"snapshot": 1}}) as lab:
        arguments = {"AffectedSystem": lab.vm("off01").reference, "SnapshotSettings": "", "SnapshotType": 2}
        code, _outputs = hosts.call(lab.machine, "Msvm_VirtualSystemSnapshotService", "CreateSnapshot", **arguments)
        assert code == hosts.JOB
        lab.succeeds("vm", name="off01", state="running")
        assert len(lab.power_requests) > 1


def test_a_vm_that_does_not_start(lab: Lab) -> None:
    lab.sim.faults.add(
        simulator.Rule(do="fail_job", method="RequestStateChange", code=32778, text="Not enough memory.")
    )
    result = lab.fails("vm", "start VM 'off01'", "Not enough memory.", name="off01", state="running", notes="new")
    assert result["changed"] is True
    assert result["completed"] == ["set settings of VM 'off01'"]
    assert result["diff"]["after"] == {"notes": "new"}


def test_a_restart_whose_change_fails_ends_with_a_running_vm(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="ModifyResourceSettings", text="The disk is on fire."))
    result = lab.fails("vm", "on fire", name="running01", state="restarted", processor={"count": 4})
    assert lab.vm("running01").running
    assert result["power_cycled"] is True
    assert result["completed"] == ["turn off VM 'running01'"]


def test_a_paused_vm_is_paused_again_after_a_change(lab: Lab) -> None:
    task = {"name": "paused01", "processor": {"count": 4}, "allow_power_cycle": True}
    lab.refuses("vm", "VM 'paused01' is paused", "'force_off: true'", **task)
    assert lab.apply("vm", **task, force_off=True)["power_cycled"] is True
    assert lab.vm("paused01").paused


def test_a_saved_vm_stays_off_after_a_change(lab: Lab) -> None:
    task = {"name": "saved01", "processor": {"count": 4}}
    lab.refuses("vm", "VM 'saved01' is saved", "processor.count", "'discard_saved_state: true'", **task)
    result = lab.apply("vm", **task, discard_saved_state=True)
    assert result["power_cycled"] is False, "it was not on before, and is not now"
    assert result["left_off"] == "VM 'saved01' is off; start it with state: running"
    assert any(result["left_off"] in warning for warning in result["warnings"])
    assert WORDS[lab.vm("saved01").state] == "off"


@pytest.mark.parametrize(
    "change", [{"processor": {"weight": 50}}, {"integration_services": {"vss": False}}, {"dvd_drives": [{}]}]
)
def test_a_saved_vm_takes_less_than_a_running_one(lab: Lab, change: dict[str, Any]) -> None:
    lab.refuses("vm", "VM 'saved01' is saved", next(iter(change)), name="saved01", **change)
    lab.apply("vm", name="running01", **change)


def test_off_and_changes_together(lab: Lab) -> None:
    """Turning off is asked for, so that what needs it needs no further leave."""
    result = lab.apply("vm", name="running01", state="off", processor={"count": 4}, firmware={"secure_boot": False})
    assert result["diff"]["after"] == {
        "state": "off",
        "processor": {"count": 4},
        "firmware": {"secure_boot": False},
    }
    assert (result["power_cycle_required"], result["power_cycled"]) == (False, False)


# ---- waiting ----


@pytest.mark.parametrize("condition", ["heartbeat", "ip_address"])
@pytest.mark.parametrize("state", ["running", "restarted"])
def test_waiting_for_a_guest(lab: Lab, condition: str, state: str) -> None:
    result = lab.run("vm", name="slow01", state=state, wait_for=condition)
    assert not result.get("failed"), result
    assert lab.vm("slow01").guest.booted
    assert result.get("ip_addresses") == (["192.0.2.7"] if condition == "ip_address" else None)
    if state == "running":
        assert lab.leaves_alone("vm", name="slow01", state="running", wait_for=condition).get("ip_addresses") == (
            ["192.0.2.7"] if condition == "ip_address" else None
        )


def test_check_mode_waits_for_nothing(lab: Lab) -> None:
    result = lab.run("vm", check=True, name="blind01", state="running", wait_for="heartbeat", wait_timeout=30)
    assert result["changed"] is False


@pytest.mark.parametrize("condition", ["heartbeat", "ip_address"])
def test_waiting_ends(lab: Lab, condition: str) -> None:
    words = (f"gave up after 1 s to see the {condition.replace('_', ' ')} of VM 'blind01'", "'wait_timeout'")
    task = {"name": "blind01", "wait_for": condition, "wait_timeout": 1}
    result = lab.fails("vm", *words, **task, state="running")
    assert result["changed"] is False
    result = lab.fails("vm", *words, **task, state="restarted", force_off=True, notes="new")
    assert result["changed"] is result["power_cycled"] is True
    assert result["completed"] == ["turn off VM 'blind01'", "set settings of VM 'blind01'"]
    assert lab.vm("blind01").running, "it runs on"


def test_long_waiting_reports_every_few_seconds_how_long(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.fails("vm", name="blind01", state="running", wait_for="heartbeat", wait_timeout=60)
    lines = capsys.readouterr().out.splitlines()
    assert 6 <= len(lines) <= 12
    assert all(line.startswith("hv01: see the heartbeat of VM 'blind01': ") for line in lines)
    assert all(line.endswith(" s of at most 60 s") for line in lines)


def test_a_new_vm_that_never_answers_is_told_as_made(lab: Lab) -> None:
    result = lab.fails("vm", "VM 'new01'", name="new01", state="running", wait_for="heartbeat", wait_timeout=1)
    assert result["changed"] is True
    assert result["completed"] == [
        "create the VM 'new01'",
        "adjust the settings of VM 'new01'",
        "start VM 'new01'",
    ]
    assert result["diff"]["after"]["state"] == "running"
    assert lab.vm("new01").running


# ---- absent ----


@pytest.mark.parametrize(
    ("name", "more", "calls"),
    [
        ("off01", {}, []),
        ("running01", {}, ["InitiateShutdown"]),
        ("running01", {"force_off": True}, ["RequestStateChange"]),
        ("paused01", {"force_off": True}, ["RequestStateChange"]),
        ("saved01", {}, []),
    ],
)
def test_removed(lab: Lab, name: str, more: dict[str, Any], calls: list[str]) -> None:
    state = name.removesuffix("01")
    assert lab.run("vm", check=True, name=name, state="absent", **more)["changed"] is True
    result = lab.run("vm", name=name, state="absent", **more)
    assert lab.power_requests == calls
    assert result["diff"] == {"before": {"state": "present"}, "after": {"state": "absent"}}
    assert name not in [vm.name for vm in lab.machine.vms.values()]
    assert lab.machine.files.get(rf"C:\VMs\{state}.vhdx"), "its disks stay"
    lab.leaves_alone("vm", name=name, state="absent", **more)


@pytest.mark.parametrize("name", ["running01", "saved01", "off01"])
def test_removed_with_its_disks(lab: Lab, name: str) -> None:
    path = rf"C:\VMs\{name.removesuffix('01')}.vhdx"
    result = lab.apply("vm", name=name, state="absent", delete_disks=True)
    assert result["diff"]["after"] == {"state": "absent", "disks": {path: {"exists": False}}}
    assert not lab.machine.files.get(path)


def test_removed_by_id_where_names_are_shared(lab: Lab) -> None:
    ids = sorted(vm.id for vm in lab.machine.vms.values() if vm.name.lower() == "twin")
    lab.refuses("vm", "2 VMs share the name 'Twin'", "choose one by 'id'", *ids, name="Twin", state="absent")
    lab.apply("vm", id=ids[0], state="absent")
    assert ids[0] not in lab.machine.vms
    assert ids[1] in lab.machine.vms


def test_names_are_no_patterns(lab: Lab) -> None:
    lab.leaves_alone("vm", name="*", state="absent")
    lab.leaves_alone("vm", name="off0_", state="absent")
    lab.leaves_alone("vm", name="off%", state="absent")


def test_checkpoints_go_only_where_they_may(lab: Lab) -> None:
    result = lab.refuses(
        "vm",
        "VM 'grown01' has checkpoints ('first', 'second')",
        "'remove_checkpoints: true'",
        name="grown01",
        state="absent",
    )
    assert result["checkpoints"] == ["first", "second"]
    lab.apply("vm", name="grown01", state="absent", remove_checkpoints=True)
    assert lab.machine.files.get(r"C:\VMs\grown.vhdx"), "its disk stays, merged"
    assert not [file.path for file in lab.machine.files if "grown" in file.path and file.path.endswith(".avhdx")]


def test_a_checkpoint_that_the_host_took_by_itself_does_not_count(lab: Lab) -> None:
    lab.apply("vm", name="client01", state="absent", delete_disks=True)
    assert not [file.path for file in lab.machine.files if "client" in file.path]


def test_checkpoints_and_disks_go_together(lab: Lab) -> None:
    task = {"name": "grown01", "state": "absent", "remove_checkpoints": True, "delete_disks": True}
    result = lab.apply("vm", **task)
    assert result["diff"] == {
        "before": {
            "state": "present",
            "checkpoints": ["first", "second"],
            "disks": {r"C:\VMs\grown.vhdx": {"exists": True}},
        },
        "after": {"state": "absent", "checkpoints": [], "disks": {r"C:\VMs\grown.vhdx": {"exists": False}}},
    }
    assert not [file.path for file in lab.machine.files if "grown" in file.path]


def test_a_disk_that_others_stand_on_is_not_deleted(lab: Lab) -> None:
    words = (
        r"delete_disks: 'C:\VMs\shared.vhdx' is in use by VM 'child01' as a parent of 'C:\VMs\child.vhdx'",
        "leave the file as it is",
    )
    lab.refuses("vm", *words, name="parent01", state="absent", delete_disks=True)
    lab.apply("vm", name="child01", state="absent", delete_disks=True)
    assert lab.machine.files.get(r"C:\VMs\shared.vhdx"), "the parent isn't the child's disk"
    assert not lab.machine.files.get(r"C:\VMs\child.vhdx")
    lab.apply("vm", name="parent01", state="absent", delete_disks=True)


def test_a_parent_of_a_disk_with_checkpoints_is_kept(lab: Lab) -> None:
    lab.apply("vm_checkpoint", vm="child01", name="first")
    lab.apply("vm", name="child01", state="absent", delete_disks=True, remove_checkpoints=True)
    assert lab.machine.files.get(r"C:\VMs\shared.vhdx")
    assert not lab.machine.files.get(r"C:\VMs\child.vhdx")


def test_a_disk_in_use_by_something_else_is_not_deleted(lab: Lab) -> None:
    file = lab.machine.files.get(r"C:\VMs\off.vhdx")
    lab.machine.files.hold("backup", file, write=False)
    lab.refuses("vm", r"delete_disks: 'C:\VMs\off.vhdx' is in use", name="off01", state="absent", delete_disks=True)


def test_a_removal_that_fails_half_way(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="DestroySystem", text="The disk is on fire."))
    result = lab.fails("vm", "remove VM 'running01'", "on fire", name="running01", state="absent", delete_disks=True)
    assert result["completed"] == ["turn off VM 'running01'", r"delete 'C:\VMs\running.vhdx'"]
    lab.apply("vm", name="running01", state="absent", delete_disks=True)


REMOVAL = {"name": "grown01", "state": "absent", "remove_checkpoints": True, "delete_disks": True}


@pytest.mark.parametrize("do", ["fault", "lose", "drop"])
@pytest.mark.parametrize(
    "rule",
    [
        {"method": "DestroySnapshotTree"},
        *({"method": "Delete", "at": number} for number in (1, 2, 3)),
        {"method": "DestroySystem"},
    ],
)
def test_a_removal_that_is_interrupted_is_finished_by_the_next_run(lab: Lab, do: str, rule: dict[str, Any]) -> None:
    """The VM goes last, because only it knows its disks."""
    for name in ("more", "most"):
        lab.apply("vm_disk", vm="grown01", path=rf"C:\VMs\grown-{name}.vhdx", size="1GB")
    lab.sim.faults.add(simulator.Rule(do=do, **rule))
    lab.run("vm", **REMOVAL)
    again = lab.run("vm", **REMOVAL)
    assert not again.get("failed"), again
    assert "grown01" not in [vm.name for vm in lab.machine.vms.values()]
    assert [file.path for file in lab.machine.files if "grown" in file.path] == []
    lab.leaves_alone("vm", **REMOVAL)


def test_a_disk_that_cannot_be_deleted_keeps_the_vm_that_knows_it(lab: Lab) -> None:
    lab.machine.files.get(r"C:\VMs\off.vhdx").read_only = True
    task = {"name": "off01", "state": "absent", "delete_disks": True}
    result = lab.run("vm", **task)
    assert result.get("failed"), result
    assert result["changed"] is False
    assert lab.vm("off01")
    lab.machine.files.get(r"C:\VMs\off.vhdx").read_only = False
    lab.apply("vm", **task)
    assert not lab.machine.files.get(r"C:\VMs\off.vhdx")


@pytest.mark.parametrize("jobs", [{"delays": {"merge": 120}}])
def test_disks_are_deleted_once_their_checkpoints_are_merged(lab: Lab) -> None:
    lab.apply("vm", **REMOVAL)
    assert [file.path for file in lab.machine.files if "grown" in file.path] == []


@pytest.mark.parametrize("jobs", [{"delays": {"merge": 120}}])
def test_merging_may_take_as_long_as_a_job(lab: Lab) -> None:
    result = lab.fails("vm", "gave up after 100 s to merge", "a longer 'job_timeout'", job_timeout=100, **REMOVAL)
    assert result["completed"] == ["delete the checkpoint 'first' of VM 'grown01'"]
    lab.sim.advance(60)
    lab.apply("vm", **REMOVAL)
    assert [file.path for file in lab.machine.files if "grown" in file.path] == []
