"""The roles on a guest and its Hyper-V host: to the end and back, with what is missing on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.containers import NANO, PING, VERSION
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks
from ansible_collections.nested.hyperv.tests.harness.plays import Outcome
from ansible_collections.nested.hyperv.tests.harness.roles import (
    CONTAINERS,
    GERMAN,
    GUEST,
    HOST,
    MSI,
    READY_VM,
    ROLES,
    ROOTFS,
    WSL2,
    Role,
    Site,
    site,
)
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables
from ansible_collections.nested.hyperv.tests.simulator import Rule
from ansible_collections.nested.hyperv.tests.simulator.machine.contents import octets
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar

every_role = pytest.mark.parametrize("role", ROLES, ids=[role.name for role in ROLES])
PUBLISHED = {"nat": "lab", "external_port": 55985, "internal_address": "192.168.100.10"}


def publish(there: Site) -> dict[str, Any]:
    """A mapping whose port is that of the simulated guest, which has an address of its own."""
    url = urlsplit(there.host.sim.endpoints[GUEST].http)
    return {**PUBLISHED, "external_port": url.port, "address": url.hostname}


def mappings(there: Site) -> list[Mapping[str, Any]]:
    return list(there.host.facts("network")["nats"][0]["static_mappings"])


def said(outcomes: list[Outcome]) -> str:
    return str(outcomes[-1].result.get("msg"))


# ---- to the end and back ----


@pytest.mark.playbook
@every_role
def test_ansible_playbook_deploys_it_and_takes_it_away(role: Role, tmp_path: Path) -> None:
    with simulator.start(role.model(), strict=True) as sim:
        playbook = Playbooks(sim, tmp_path)
        hosts = {name: variables(sim, name) for name in (GUEST, HOST)}

        def deploy(*options: str, **given: Any) -> Any:
            values = {f"{role.playbook}_hosts": GUEST, **role.variables(**given)}
            return playbook(f"nested.hyperv.{role.playbook}", *options, variables=values, hosts=hosts)

        before = vm_settings(Lab(sim))
        check = deploy("--check")
        assert check.code == 0, check.text
        assert not check.writes
        real = deploy()
        assert real.code == 0, real.text
        again = deploy()
        assert again.code == 0, again.text
        assert again.recap(GUEST)["changed"] == 0, again.text
        assert not again.writes
        undone = deploy(state="absent")
        assert undone.code == 0, undone.text
        assert vm_settings(Lab(sim)) == before
    close_clients()


def vm_settings(host: Lab) -> dict[str, Any]:
    found = host.info(GUEST, "nesting", "processor", "memory")
    return {name: found[name] for name in ("nesting", "processor")} | {"dynamic": found["memory"]["dynamic"]}


def test_wsl_runs_its_distributions() -> None:
    with site(WSL2) as there:
        assert there.succeeds()["version"] == "2.7.14.0"
        found = there.guest.succeeds("guest_info", include=["wsl"])["guest"]
        assert [(row["name"], row["version"]) for row in found["distributions"]] == [("Ubuntu", 2)]
        there.succeeds(state="absent")
        there.host.sim.advance(60)  # the guest starts again
        found = there.guest.succeeds("guest_info", include=["wsl"])["guest"]
        assert (found["wsl"], found["distributions"]) == (None, [])


def test_the_engine_runs_its_containers() -> None:
    with site(CONTAINERS) as there:
        (container,) = there.succeeds()["containers"]
        assert (container["name"], container["isolation"]) == ("web", "hyperv")
        assert [row.running for row in there.guest.machine.docker.containers] == [True]
        there.succeeds(state="absent")
        assert list(there.guest.machine.docker.containers) == []
        assert there.guest.machine.software.find_service("docker") is None


# ---- what existed before ----


def test_a_distribution_that_existed_stays_whatever_its_letters() -> None:
    """Also on a host without tar.exe, and if Windows refuses wsl.exe to remote shells."""
    features = dict.fromkeys(("VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux"), "enabled")
    existing = {"name": "UBUNTU", "rootfs": {"users": ["bob"]}}
    wsl = {"version": "2.7.14.0", "network_logon": "E_ACCESSDENIED", "distributions": [existing]}
    model = WSL2.model(READY_VM, features=features, wsl=wsl)
    model["hosts"][0]["os"] = "server2016"
    given = {
        "distributions": [*WSL2.wanted["distributions"], {"name": "new", "source": ROOTFS}],
        "scheduled_task": True,
    }
    with open_lab(model) as lab:
        lab.sim.advance(3600)  # the guest has long been running
        there = Site(WSL2, lab)
        there.succeeds(**given)
        record = json.loads(there.guest.machine.files.read(r"C:\ProgramData\nested.hyperv\wsl2_in_vm.json"))
        assert record["distributions"] == ["new"]
        assert not there.guest.machine.scheduler.tasks
        there.succeeds(state="absent", **given)
        found = there.guest.succeeds("guest_info", include=["wsl"])["guest"]
        assert [row["name"] for row in found["distributions"]] == ["UBUNTU"]


def test_an_engine_of_somebody_else_that_hides_its_containers() -> None:
    docker, features = {"version": VERSION, "state": "Stopped"}, {"Containers": "enabled"}
    with site(CONTAINERS, READY_VM, docker=docker, features=features) as there:
        outcomes = there.run()
        assert outcomes[-1].failed
        assert "does not answer, so that its containers are unknown" in said(outcomes)
        assert not there.guest.machine.files.get(r"C:\ProgramData\nested.hyperv\isolated_containers.json")


# ---- files of the control node ----


def test_wsl_comes_from_the_control_node(tmp_path: Path) -> None:
    with site(WSL2) as there:
        before, guest = there.state(), there.guest.machine
        here = {path: tmp_path / path.rpartition("\\")[2] for path in (MSI, ROOTFS)}
        for path, file in here.items():
            file.write_bytes(guest.files.get(path).content)
        here["other"] = tmp_path / "other" / here[ROOTFS].name  # of the same name, with another user
        here["other"].parent.mkdir()
        here["other"].write_bytes(octets({"rootfs": {"users": ["eve"]}}))
        given = {
            "package": {"file": str(here[MSI])},
            "distributions": [
                {"name": "Ubuntu", "file": str(here[ROOTFS]), "default_user": "bob"},
                {"name": "other", "file": str(here["other"]), "default_user": "eve"},
            ],
        }
        files_are_copied(there, given, list(here.values()), before)


def test_engine_and_images_come_from_the_control_node(tmp_path: Path) -> None:
    with site(CONTAINERS) as there:
        before = there.state()
        engine, image = tmp_path / f"docker-{VERSION}.zip", tmp_path / "nanoserver.tar"
        engine.write_bytes(engine_zip(VERSION))
        image.write_bytes(image_tar("10.0.20348.5386", NANO))
        container = {"name": "web", "image": NANO, "command": PING, "pull": False, "file": str(image)}
        files_are_copied(there, {"engine": {"file": str(engine)}, "containers": [container]}, [engine, image], before)


def files_are_copied(there: Site, given: dict[str, Any], files: list[Path], before: Counter[str]) -> None:
    """They are used and deleted, also if the role ends in between; a second run needs them no more."""
    copied = None
    for row in there.tasks(**given):
        if row.task.endswith("to the guest") and row.writes:
            copied = row
            break
    assert copied, "no file was copied"
    there.succeeds(state="absent")
    assert difference(there.state(), before) == SAME
    there.succeeds(**given)
    folder = r"C:\ProgramData\nested.hyperv\files"
    assert [row.path for row in there.guest.machine.files if row.path.startswith(folder)] == []
    for file in files:
        file.unlink()
    there.leaves_alone(**given)


# ---- permissions ----


@every_role
@pytest.mark.parametrize("allowed", [False, "false"])
def test_without_permission_for_a_power_cycle_nothing_is_changed(role: Role, allowed: Any) -> None:
    with site(role) as there:
        before = there.state()
        outcomes = there.run(allow_power_cycle=allowed)
        assert outcomes[-1].failed
        assert "allow_power_cycle" in said(outcomes)
        assert [write for row in outcomes for write in row.writes] == []
        assert there.state() == before
        assert there.succeeds()["power_cycled"]


@every_role
@pytest.mark.parametrize("published", [False, True])
def test_without_permission_for_a_restart_it_is_the_answer(role: Role, published: bool) -> None:
    with site(role) as there:
        more = {"publish": publish(there)} if published else {}
        result = there.succeeds(reboot=False, **more)
        boots = there.boots
        assert (result["reboot_required"], result["rebooted"], result["power_cycled"]) == (True, False, True)
        again = there.succeeds(reboot=False, **more)
        assert (again["reboot_required"], again["power_cycled"], there.boots) == (True, False, boots)
        assert mappings(there) == []
        finished = there.succeeds(**more)
        assert (finished["reboot_required"], finished["rebooted"], there.boots) == (False, True, boots + 1)
        assert mappings(there) == []


@every_role
def test_variables_can_be_texts(role: Role) -> None:
    """As those of -e name=value."""
    more = {"mac_spoofing": "false"} if role.name == "isolated_containers" else {}
    with site(role) as there:
        assert there.succeeds(processors="4", boot_timeout="900", allow_power_cycle="true", **more)["power_cycled"]
        vm = there.host.info(GUEST, "processor", "network_adapters")
        assert vm["processor"]["count"] == 4
        assert not vm["network_adapters"][0]["mac_spoofing"]


@every_role
def test_a_vm_that_is_prepared_is_not_interrupted(role: Role) -> None:
    with site(role, READY_VM) as there:
        result = there.succeeds(allow_power_cycle=False)
        assert (result["power_cycled"], result["rebooted"], there.boots) == (False, True, 2)
        there.leaves_alone(allow_power_cycle=False)


@every_role
def test_without_its_hyperv_host_the_guest_alone_is_changed(role: Role) -> None:
    with site(role, READY_VM) as there:
        host = changes.shape(there.host.state())
        assert there.succeeds(hyperv_host=None)["rebooted"]
        there.leaves_alone(hyperv_host=None)
        there.succeeds(hyperv_host=None, state="absent")
        assert changes.shape(there.host.state()) == host


# ---- guests ----


@every_role
@pytest.mark.parametrize("skips", [False, True], ids=["cmd", "direct"])
def test_a_german_guest(role: Role, skips: bool) -> None:
    with site(role, **GERMAN, winrm={"skip_cmd_shell": skips}) as there:
        assert not there.succeeds()["reboot_required"]
        there.leaves_alone()


@every_role
def test_a_vm_that_is_off_is_started(role: Role) -> None:
    with site(role, {"state": "off"}) as there:
        assert there.succeeds(allow_power_cycle=False)["reboot_required"] is False
        there.leaves_alone(allow_power_cycle=False)


@every_role
def test_a_vm_that_is_off_can_not_be_undone(role: Role) -> None:
    with site(role, {"state": "off"}) as there:
        outcomes = there.run(state="absent")
        assert outcomes[-1].failed
        assert f"VM '{GUEST}' is off. Start it" in said(outcomes)


@every_role
def test_a_guest_behind_a_nat_is_published_until_the_end(role: Role) -> None:
    with site(role) as there:
        seen = []
        for row in there.tasks(publish=publish(there)):
            seen.append(row)
            if row.task.endswith("Publish WinRM of the guest"):
                assert len(mappings(there)) == 1
        assert not seen[-1].failed, seen[-1]
        assert mappings(there) == []
        there.succeeds(publish={**publish(there), "keep": True})
        assert len(mappings(there)) == 1
        there.leaves_alone(publish={**publish(there), "keep": True})


@every_role
def test_a_mapping_that_the_role_has_not_created_is_kept(role: Role) -> None:
    with site(role) as there:
        mapping = {name: value for name, value in publish(there).items() if name != "address"}
        there.host.succeeds("nat_mapping", **mapping, internal_port=5985)
        there.succeeds(publish=publish(there))
        there.succeeds(publish=publish(there), state="absent")
        assert len(mappings(there)) == 1


@every_role
def test_a_port_that_leads_to_another_guest_is_refused(role: Role) -> None:
    with site(role) as there:
        mapping = {**PUBLISHED, "external_port": publish(there)["external_port"], "internal_address": "192.168.100.11"}
        there.host.succeeds("nat_mapping", **mapping, internal_port=5985)
        outcomes = there.run(publish=publish(there))
        assert outcomes[-1].failed
        assert "leads to 192.168.100.11 already" in said(outcomes)
        assert [row["internal_address"] for row in mappings(there)] == ["192.168.100.11"]


@every_role
def test_a_mapping_that_is_kept_ends_with_the_role(role: Role) -> None:
    with site(role) as there:
        kept = {**publish(there), "keep": True}
        before = there.state()
        there.succeeds(publish=kept)
        there.succeeds(publish=kept, state="absent")
        assert difference(there.state(), before) == SAME


@every_role
def test_a_mapping_that_leads_to_another_guest_now_is_kept(role: Role) -> None:
    with site(role) as there:
        kept = {**publish(there), "keep": True}
        there.succeeds(publish=kept)
        other = {**PUBLISHED, "external_port": kept["external_port"], "internal_address": "192.168.100.11"}
        there.host.succeeds("nat_mapping", **other)
        outcomes = there.run(publish=kept, state="absent")
        assert outcomes[-1].failed
        assert "leads to 192.168.100.11 already" in said(outcomes)
        assert [row["internal_address"] for row in mappings(there)] == ["192.168.100.11"]


@every_role
def test_an_unsupported_guest_is_refused_by_rule_before_anything_is_changed(role: Role) -> None:
    with site(role, **role.unsupported) as there:
        before = there.state()
        outcomes = there.run()
        assert outcomes[-1].failed
        assert role.rule in said(outcomes)
        assert [write for row in outcomes for write in row.writes] == []
        assert there.state() == before


@every_role
def test_each_tag_alone(role: Role) -> None:
    with site(role, READY_VM) as there:
        for tag in ("preflight", "host"):
            there.succeeds(tag)
        there.succeeds()
        for tag in ("preflight", "host", "guest", "verify"):
            outcomes = there.run(tag)
            assert not outcomes[-1].failed, outcomes[-1]
            assert [row.task for row in outcomes if row.writes] == []


# ---- interruptions ----


class Baseline(NamedTuple):
    """A first run without a fault: the states before and after it, and its tasks."""

    before: Counter[str]
    after: Counter[str]
    tasks: list[Outcome]


@cache
def baseline(name: str) -> Baseline:
    role = next(role for role in ROLES if role.name == name)
    with site(role) as there:
        before = there.state()
        tasks = there.run()
        assert not tasks[-1].failed, tasks[-1]
        return Baseline(before, there.state(), tasks)


def interrupt(there: Site, step: str) -> None:
    """A run whose network is gone as soon as the host has carried out the first write of a task."""
    (task,) = (row for row in baseline(there.role.name).tasks if row.task.endswith(step) and row.writes)
    first = next(number for number, entry in enumerate(task.requests, 1) if changes.writes([entry]))

    def before(name: str) -> None:
        if name == task.task:
            there.host.sim.faults.add(Rule("lose", at=first))
            there.host.sim.faults.add(Rule("drop", at=first + 1, times=0))

    outcomes = list(there.tasks(before=before))
    there.host.sim.faults.clear()
    assert outcomes[-1].failed


def difference(found: Counter[str], expected: Counter[str]) -> dict[str, list[str]]:
    return {"more": sorted(found - expected), "less": sorted(expected - found)}


SAME: dict[str, list[str]] = {"more": [], "less": []}


@every_role
def test_the_steps_are_all_that_a_first_run_changes(role: Role) -> None:
    changing = [row.task.partition(" : ")[2] for row in baseline(role.name).tasks if row.writes]
    assert changing == list(role.steps)


@pytest.mark.parametrize(
    ("role", "step"), [pytest.param(role, step, id=f"{role.name}: {step}") for role in ROLES for step in role.steps]
)
def test_a_role_that_was_interrupted_is_undone_or_finished(role: Role, step: str) -> None:
    with site(role) as there:
        interrupt(there, step)
        there.succeeds(state="absent")
        assert difference(there.state(), baseline(role.name).before) == SAME
        interrupt(there, step)
        there.succeeds()
        assert difference(there.state(), baseline(role.name).after) == SAME
