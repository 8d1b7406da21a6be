# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs whose VMs boot with seeds, as ansible-playbook runs them: named, addressed, reachable, and no seed is left."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.ports import free_ports
from ansible_collections.nested.hyperv.tests.harness.task import close_clients
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import storage
from ansible_collections.nested.hyperv.tests.unit.simulator.discs import answers

pytestmark = pytest.mark.playbook

PASSWORD = "Correct-Horse-7"
IMAGES: dict[str, dict[str, Any]] = {
    r"C:\Images\windows.vhdx": {"os": "server2022", "generalized": True},
    r"C:\Images\linux.vhdx": {"os": "linux"},
}
ISO = r"C:\ISO\server.iso"
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "512GB",
            "files": [
                *({"path": path, "size": "10GB", "system": system} for path, system in IMAGES.items()),
                {"path": ISO, "content": {"windows_disc": {"os": "server2022", "images": ["Standard"], "seconds": 1}}},
            ],
        }
    ]
}
TRAINING: dict[str, Any] = {
    "create_training_lab_state": "running",
    "create_training_lab_count": 2,
    "create_training_lab_parent": r"C:\Images\windows.vhdx",
    "create_training_lab_path": r"C:\Training",
    "create_training_lab_switch": "Class",
    "create_training_lab_manage_network": True,
    "create_training_lab_address": "192.168.100.1/24",
    "create_training_lab_guest_addresses": "192.168.100.101-192.168.100.140",
    "create_training_lab_dns_servers": ["192.0.2.53"],
    "create_training_lab_wait_timeout": 60,
    "create_training_lab_seed": {"windows": {"administrator_password": "{{ vault_password }}"}},
    "vault_password": PASSWORD,
}
LINUX = {
    "create_training_lab_parent": r"C:\Images\linux.vhdx",
    "create_training_lab_secure_boot_template": "uefi_ca",
    "create_training_lab_seed": {"cloud_init": {"user_data": {"password": "{{ vault_password }}"}}},
}

ABSENT, OFF = {"create_training_lab_state": "absent"}, {"create_training_lab_state": "present"}
SEEDS = "Create the seeds, from which the guests configure themselves"


def lab(count: int, **more: Any) -> dict[str, Any]:
    """Variables of a class with so many students, whose ports are free."""
    return {**TRAINING, "create_training_lab_count": count, "create_training_lab_first_port": free_ports(count), **more}


def play(playbook: Playbooks, name: str, variables: Mapping[str, Any], *options: str) -> Run:
    """Run a playbook that succeeds, and displays no password."""
    run = playbook(f"nested.hyperv.{name}", *options, variables=variables)
    assert run.code == 0, run.text
    assert PASSWORD not in run.text
    return run


def left(sim: simulator.Simulation) -> list[str]:
    """What is left of seeds: images, DVD drives, and files with the password."""
    host = sim.machines["hv01"]
    hidden = base64.b64encode(f"{PASSWORD}AdministratorPassword".encode("utf-16-le"))
    files = [
        file.path
        for file in host.files
        if file.path.endswith("-seed.iso")
        or any(secret in (file.content or b"") for secret in (PASSWORD.encode(), hidden))
    ]
    drives = [vm.name for vm in host.vms.values() if dvd_drives(vm)]
    return files + drives


def dvd_drives(vm: Any) -> list[Any]:
    return [row for row in storage.drives(vm) if row["ResourceSubType"] == storage.DVD_DRIVE]


def state(sim: simulator.Simulation) -> Mapping[str, Any]:
    """The host without folders, which Hyper-V leaves behind when it deletes a VM."""
    found = changes.state(sim.machines["hv01"])
    return {path: values for path, values in found.items() if not path.startswith("folder:")}


def addresses(sim: simulator.Simulation) -> dict[str, list[str]]:
    """Addresses by names of VMs, as their guests report them."""
    vms = sim.machines["hv01"].vms.values()
    return {vm.name: [text for texts in vm.addresses.values() for text in texts] for vm in vms}


def test_a_class_comes_up_named_addressed_and_reachable(sim: simulator.Simulation, playbook: Playbooks) -> None:
    before, variables = state(sim), lab(20)
    check = play(playbook, "create_training_lab", variables, "--check", "--diff")
    assert not check.writes
    assert state(sim) == before

    real = play(playbook, "create_training_lab", variables, "--diff", "-vvv")
    assert real.recap()["changed"] == check.recap()["changed"]
    assert addresses(sim) == {f"student{number:02}": [f"192.168.100.{100 + number}"] for number in range(1, 21)}
    first = variables["create_training_lab_first_port"]
    for number in range(1, 21):
        guest = sim.machines[f"student{number:02}"]
        assert guest.up
        assert guest.users["administrator"].password == PASSWORD
        assert f"student{number:02}: 192.168.100.{100 + number}, port {first + number - 1} of the host" in real.text
    assert left(sim) == []

    again = play(playbook, "create_training_lab", variables)
    assert again.recap()["changed"] == 0
    assert not again.writes

    check = play(playbook, "create_training_lab", variables | ABSENT, "--check")
    assert not check.writes
    removed = play(playbook, "create_training_lab", variables | ABSENT)
    assert removed.recap()["changed"] == check.recap()["changed"]
    assert state(sim) == before


def test_a_lab_that_was_interrupted_is_completed(sim: simulator.Simulation, playbook: Playbooks) -> None:
    variables, host = lab(2), sim.machines["hv01"]
    play(playbook, "create_training_lab", variables | OFF)
    assert len(left(sim)) == 4
    assert not play(playbook, "create_training_lab", variables | OFF).writes
    first, second = host.vms.values()
    for row in (*map(functools.partial(storage.medium_of, first), dvd_drives(first)), *dvd_drives(first)):
        host.repository.remove(row)  # what a task leaves that ended before it had added the drive
    check = play(playbook, "create_training_lab", variables, "--check")
    assert not check.writes
    real = play(playbook, "create_training_lab", variables)
    assert check.outcomes()[SEEDS] == real.outcomes()[SEEDS] == {"ok"}
    assert left(sim) == []
    assert all(vm.guest.machine for vm in (first, second))


def test_an_unfinished_lab_is_removed_with_its_seeds(sim: simulator.Simulation, playbook: Playbooks) -> None:
    before, variables = state(sim), lab(2)
    absent = {name: value for name, value in variables.items() if not name.endswith(("_path", "_seed"))} | ABSENT
    play(playbook, "create_training_lab", variables | OFF)
    check = play(playbook, "create_training_lab", absent, "--check")
    removed = play(playbook, "create_training_lab", absent)
    assert removed.recap()["changed"] == check.recap()["changed"]
    assert state(sim) == before


@pytest.mark.parametrize("folder", [{}, {"create_training_lab_path": "D:\\Other"}])
def test_no_seed_of_a_class_is_left_without_a_word(
    sim: simulator.Simulation, playbook: Playbooks, folder: dict[str, Any]
) -> None:
    variables, before = lab(2), state(sim)
    play(playbook, "create_training_lab", variables | OFF)
    absent = {name: value for name, value in variables.items() if name != "create_training_lab_path"} | folder | ABSENT
    run = playbook("nested.hyperv.create_training_lab", variables=absent)
    if folder:
        assert run.code == 2
        assert "Set create_training_lab_path to the folder of the lab" in run.words
        assert not run.writes
    else:
        assert run.code == 0, run.text
        assert state(sim) == before


def test_a_class_is_reset_to_a_checkpoint_from_before_its_first_boot(
    sim: simulator.Simulation, playbook: Playbooks
) -> None:
    variables = lab(2)
    play(playbook, "create_training_lab", variables | OFF)
    for name in ("student01", "student02"):
        Lab(sim).succeeds("vm_checkpoint", vm=name, name="new")
    close_clients()
    play(playbook, "create_training_lab", variables)
    assert left(sim) == []
    reset = {
        "reset_lab_vms": ["student01", "student02"],
        "reset_lab_checkpoint": "new",
        "reset_lab_start": False,
    }
    play(playbook, "reset_lab", reset)
    assert left(sim) == ["student01", "student02"], "their drives are back, and the seeds are not"
    play(playbook, "create_training_lab", variables)
    assert left(sim) == []
    assert all(vm.guest.machine for vm in sim.machines["hv01"].vms.values())


def test_a_class_of_linux_guests_on_a_network_that_exists(sim: simulator.Simulation, playbook: Playbooks) -> None:
    Lab(sim).succeeds("nat_network", name="Class", switch="Class", manage_switch=True, address="192.168.100.1/24")
    close_clients()
    before, variables = state(sim), lab(2, **LINUX, create_training_lab_manage_network=False)
    play(playbook, "create_training_lab", variables, "-vvv")
    assert addresses(sim) == {"student01": ["192.168.100.101"], "student02": ["192.168.100.102"]}
    assert left(sim) == []
    again = play(playbook, "create_training_lab", variables)
    assert again.recap()["changed"] == 0
    play(playbook, "create_training_lab", variables | ABSENT)
    assert state(sim) == before, "the network is kept, without the mappings"


def test_generation_1_vms_keep_their_empty_drives(sim: simulator.Simulation, playbook: Playbooks) -> None:
    variables = lab(1, create_training_lab_generation=1)
    check = play(playbook, "create_training_lab", variables, "--check")
    real = play(playbook, "create_training_lab", variables)
    assert check.recap()["changed"] == real.recap()["changed"]
    assert addresses(sim) == {"student01": ["192.168.100.101"]}
    assert left(sim) == ["student01"]
    assert not play(playbook, "create_training_lab", variables).writes


def test_ports_of_other_guests_are_kept(sim: simulator.Simulation, playbook: Playbooks) -> None:
    variables = lab(2, create_training_lab_manage_network=False)
    other = {
        "external_port": variables["create_training_lab_first_port"] + 1,
        "internal_address": "192.168.100.9",
        "internal_port": 80,
    }
    network = {"name": "Class", "switch": "Class", "manage_switch": True, "address": "192.168.100.1/24"}
    Lab(sim).succeeds("nat_network", **network, static_mappings=[other])
    close_clients()
    before = state(sim)
    refused = playbook("nested.hyperv.create_training_lab", variables=variables)
    assert refused.code == 2
    assert f"Port {other['external_port']} of hv01 is mapped to another guest" in refused.text
    play(playbook, "create_training_lab", variables | ABSENT)
    assert state(sim) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"create_training_lab_name": "student-of-the-class-%d"}, "name: 'student-of-the-class-1' is not a name for a"),
        (
            {"create_training_lab_guest_addresses": "192.168.100.101"},
            "guest_addresses: '192.168.100.101' has 1 addresses",
        ),
        (
            {"create_training_lab_address": "10.0.0.1/24"},
            "guest_addresses: 192.168.100.101 lies outside the prefix",
        ),
        (
            {"create_training_lab_seed": {"windows": {"administrator_password": "geheim"}}},
            "seed.windows.administrator_password: must contain 3 of these",
        ),
        (
            {"create_training_lab_secure_boot_template": "uefi_ca"},
            "secure_boot_template: uefi_ca does not start Windows",
        ),
        ({"create_training_lab_nat": "", "create_training_lab_manage_network": False}, "first_port requires"),
    ],
)
def test_what_cannot_work_is_refused_before_the_host_is_queried(
    playbook: Playbooks, wrong: Mapping[str, Any], words: str
) -> None:
    refused = playbook("nested.hyperv.create_training_lab", variables=lab(2) | wrong)
    assert refused.code == 2
    assert f"create_training_lab_{words}" in refused.text
    assert not refused.requests
    assert "geheim" not in refused.text


def test_an_image_that_no_seed_configures_is_named_with_the_way_out(
    sim: simulator.Simulation, playbook: Playbooks
) -> None:
    sealed = answers(oobeSystem={"Shell-Setup": "<TimeZone>UTC</TimeZone>"})
    sim.machines["hv01"].files.need(r"C:\Images\windows.vhdx").disk.system.panther = sealed
    variables = lab(1, create_training_lab_wait_timeout=5)
    failed = playbook("nested.hyperv.create_training_lab", variables=variables)
    assert failed.code == 2
    assert "sysprep" in failed.text
    play(playbook, "create_training_lab", variables | ABSENT)
    assert left(sim) == []


@pytest.fixture
def nested() -> dict[str, Any]:
    ports = free_ports(2)
    return {
        "create_nested_lab_state": "running",
        "create_nested_lab_wait_timeout": 60,
        "create_nested_lab_vms": [
            {"name": "node01", "parent": r"C:\Images\windows.vhdx", "address": "192.168.100.11", "port": ports},
            {
                "name": "Node02",
                "source": r"C:\Images\linux.vhdx",
                "secure_boot_template": "uefi_ca",
                "nesting": False,
                "address": "192.168.100.12",
                "port": ports + 1,
            },
            {"name": "node03", "disk": "20GB", "nesting": False},
        ],
        "create_nested_lab_seeds": {
            "node01": {"windows": {"administrator_password": "{{ vault_password }}", "computer_name": "dc01"}},
            "node02": {"cloud_init": {"user_data": {"password": "{{ vault_password }}"}}},
        },
        "vault_password": PASSWORD,
    }


@pytest.mark.parametrize("folder", [{}, {"create_nested_lab_path": "C:\\Nested\\"}])
def test_a_nested_lab_with_seeds(
    sim: simulator.Simulation, playbook: Playbooks, nested: dict[str, Any], folder: dict[str, Any]
) -> None:
    variables, before = nested | folder, state(sim)
    check = play(playbook, "create_nested_lab", variables, "--check")
    assert not check.writes
    real = play(playbook, "create_nested_lab", variables, "-vvv")
    assert check.recap()["changed"] == real.recap()["changed"]
    assert addresses(sim) == {"node01": ["192.168.100.11"], "Node02": ["192.168.100.12"], "node03": []}
    assert sim.machines["dc01"].up
    assert left(sim) == []
    again = play(playbook, "create_nested_lab", variables)
    assert again.recap()["changed"] == 0
    assert not again.writes
    play(playbook, "create_nested_lab", variables | {"create_nested_lab_state": "absent"})
    assert state(sim) == before


def test_seeds_in_a_folder_that_is_omitted_are_deleted(
    sim: simulator.Simulation, playbook: Playbooks, nested: dict[str, Any]
) -> None:
    before, off = state(sim), nested | {"create_nested_lab_state": "present"}
    play(playbook, "create_nested_lab", off | {"create_nested_lab_path": "C:\\Nested"})
    refused = playbook("nested.hyperv.create_nested_lab", variables=off)
    assert "Set create_nested_lab_path to the folder of the lab" in refused.words
    absent = nested | {"create_nested_lab_state": "absent"}
    check = play(playbook, "create_nested_lab", absent, "--check")
    assert not check.writes
    removed = play(playbook, "create_nested_lab", absent)
    assert removed.recap()["changed"] == check.recap()["changed"]
    assert state(sim) == before


def test_a_nested_lab_is_installed_from_a_disc(
    sim: simulator.Simulation, playbook: Playbooks, nested: dict[str, Any]
) -> None:
    node = {"name": "node01", "iso": ISO, "disk": "40GB", "address": "192.168.100.11", "port": free_ports(1)}
    seed = {"administrator_password": "{{ vault_password }}", "install": {"image_index": 1}}
    variables = nested | {
        "create_nested_lab_vms": [node, {"name": "old", "generation": 1, "disk": "20GB", "nesting": False}],
        "create_nested_lab_seeds": {"node01": {"windows": seed}},
    }
    play(playbook, "create_nested_lab", variables)
    assert addresses(sim)["node01"] == ["192.168.100.11"]
    assert left(sim) == ["node01"], "the drive of the installation disc, which the VM was declared with"
    assert not play(playbook, "create_nested_lab", variables).writes


@pytest.mark.parametrize(
    ("vms", "seeds", "words"),
    [
        ([{"name": "a", "address": "192.168.100.1"}], {}, "vms.address: 192.168.100.1 is the host's own address"),
        (
            [{"name": "a", "address": "192.168.100.9"}, {"name": "b", "address": "192.168.100.9"}],
            {},
            "vms.address: '192.168.100.9' belongs to two VMs",
        ),
        ([{"name": "a"}], {"b": {"windows": {}}}, "seeds: 'b' is not in create_nested_lab_vms"),
    ],
)
def test_what_cannot_work_in_a_nested_lab_is_refused_before_the_host_is_queried(
    playbook: Playbooks, vms: list[dict[str, Any]], seeds: dict[str, Any], words: str
) -> None:
    refused = playbook(
        "nested.hyperv.create_nested_lab", variables={"create_nested_lab_vms": vms, "create_nested_lab_seeds": seeds}
    )
    assert refused.code == 2
    assert f"create_nested_lab_{words}" in refused.text
    assert not refused.requests
