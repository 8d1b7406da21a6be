"""The role azure_stack_hci_eval, as ansible-playbook runs it on a Hyper-V host."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import hci
from ansible_collections.nested.hyperv.tests.harness.hci import (
    GENERALIZED,
    MODEL,
    PASSWORD,
    PLAYBOOK,
    RECORD,
    with_system,
)
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables

pytestmark = pytest.mark.playbook

# A node as the role has created it, with Windows that has booted for the first time.
MACS = [f"02-15-5D-00-00-0{number}" for number in range(1, 5)]
NODE: dict[str, Any] = {
    "name": "node1",
    "state": "running",
    "nested": True,
    "processors": 4,
    "memory": "32GB",
    "adapters": [
        {"name": f"NIC{number}", "switch": "hci", "mac": mac, "mac_spoofing": True}
        for number, mac in enumerate(MACS, 1)
    ],
    "disks": [
        {"path": r"D:\HCI\node1\os.vhdx", "size": "127GB", "used": "20GB"},
        {"path": r"D:\HCI\node1\s2d1.vhdx", "size": "1TB"},
        {"path": r"D:\HCI\node1\s2d2.vhdx", "size": "1TB"},
    ],
    "security": {"tpm": True},
    "guest": {
        "shutdown_seconds": 1,
        "boot_seconds": 1,
        "machine": {
            "name": "node1",
            "os": "hci24h2",
            "hyperv": False,
            "restart": {"closing": 1, "boot": 2},
            "servicing": {"seconds": 1, "after_restart": 1},
        },
    },
}


# Windows on discs and in the web, which boots for the first time.
URL, DOWNLOADED, ISO = "https://files.example.test/azl.vhdx", r"D:\Images\azl.vhdx", r"D:\ISO\azl.iso"
DISC = {"os": "hci24h2", "images": ["Azure Stack HCI"], "seconds": 1}


def with_systems(system: dict[str, Any]) -> dict[str, Any]:
    """The MODEL with a system on its image, on one that can be downloaded, and on an installation disc."""
    model = with_system(**system)
    host = model["hosts"][0]
    host["files"].append({"path": ISO, "content": {"windows_disc": DISC}})
    host["web"] = {URL: {"content": {"disk": {"size": "127GB", "system": system}}}}
    return model


def with_a_node() -> dict[str, Any]:
    """The MODEL after the role has created node1 and its network."""
    model = copy.deepcopy(MODEL)
    host = model["hosts"][0]
    record = {"switch": "hci", "nat": "hci", "created": ["nat", "switch"], "nodes": ["node1"], "ports": []}
    record["files"] = [disk["path"] for disk in NODE["disks"]]
    host["files"].append({"path": RECORD, "content": json.dumps(record, sort_keys=True)})
    host["switches"] = [{"name": "hci", "type": "internal", "addresses": ["192.168.44.1/24"]}]
    host["nats"] = [{"name": "hci", "prefix": "192.168.44.0/24"}]
    host["vms"].append(copy.deepcopy(NODE))
    return model


Deploy = Callable[..., Run]


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[simulator.Simulation]:
    """The MODEL, or that of a test, in which time passes by itself."""
    with simulator.start(getattr(request, "param", MODEL), strict=True) as sim:
        yield sim


@pytest.fixture
def deploy(sim: simulator.Simulation, playbook: Playbooks) -> Deploy:
    def run(*options: str, **given: Any) -> Run:
        nodes = {name: dict(variables(sim, name)) for name in sim.machines if name.startswith("node")}
        playbook.folder.joinpath("nodes.yml").write_text(yaml.safe_dump({"nodes": {"hosts": nodes}}))
        name = f"nested.hyperv.{PLAYBOOK}"
        return playbook(name, "-i", "nodes.yml", *options, variables=hci.variables(**given))

    return run


def seeds(sim: simulator.Simulation) -> list[str]:
    """What is left of seeds: images on the host, DVD drives, and entries of the record."""
    host = sim.machines["hv01"]
    files = [path for path in hci.of_host(sim) if path.lower().endswith("seed.iso")]
    record = json.loads(host.files.need(RECORD).content)
    drives = [row for vm in host.vms.values() for row in vm.rows("CIM_StorageAllocationSettingData")]
    return [*files, *record["seeds"], *(str(row) for row in drives if "DVD" in str(row["ResourceSubType"]))]


def names(sim: simulator.Simulation) -> set[str]:
    return {vm.name for vm in sim.machines["hv01"].vms.values()}


def test_two_nodes_are_predicted_created_kept_and_removed(sim: simulator.Simulation, deploy: Deploy) -> None:
    before, lab = hci.of_host(sim), Lab(sim)
    check = deploy("--check", "--diff")
    assert check.code == 0, check.text
    assert not check.writes

    real = deploy()
    assert real.code == 0, real.text
    assert check.recap()["changed"] == real.recap()["changed"]
    found = [lab.info(name, "memory", "disks") for name in ("node1", "node2")]
    assert [vm["state"] for vm in found] == ["running", "running"]
    assert {vm["memory"]["startup"] for vm in found} == {32 << 30}
    assert [len(vm["disks"]) for vm in found] == [3, 3]
    starts = [one for one in real.requests if one.method == "RequestStateChange"]
    assert len(starts) == 2
    assert lab.facts("network")["nats"][0]["prefix"] == "192.168.44.0/24"

    for options in ((), ("--check",)):
        again = deploy(*options)
        assert again.code == 0, again.text
        assert again.recap()["changed"] == 0, again.text
        assert not again.writes

    gone = deploy("--check", state="absent")
    assert gone.code == 0, gone.text
    assert not gone.writes
    removed = deploy(state="absent")
    assert removed.code == 0, removed.text
    assert gone.recap()["changed"] == removed.recap()["changed"]
    assert hci.of_host(sim) == before
    assert deploy(state="absent").recap()["changed"] == 0
    close_clients()


@pytest.mark.parametrize("sim", [with_systems(GENERALIZED)], indirect=True, ids=["an image"])
def test_a_half_built_lab_is_completed_or_removed(sim: simulator.Simulation, deploy: Deploy) -> None:
    before = hci.of_host(sim)
    wanted = {**hci.seeded(1), "images": [{"path": DOWNLOADED, "source": URL}], "image": DOWNLOADED}
    # The second one: the first creates the switch.
    sim.faults.add(simulator.Rule(do="fault", method="DefineSystem", at=2, times=1))
    failed = deploy(**wanted)
    assert failed.code == 2
    assert names(sim) == {"dc01"}
    assert len(seeds(sim)) == 2, failed.text

    resumed = deploy(**wanted)
    assert resumed.code == 0, resumed.text
    assert names(sim) == {"dc01", "node1"}
    assert sim.machines["azl-1"].name.lower() == "azl-1"
    assert {adapter.name for adapter in sim.machines["azl-1"].network.adapters} >= {"NIC1", "NIC2", "NIC3", "NIC4"}
    assert seeds(sim) == []
    assert PASSWORD not in failed.text + resumed.text

    Lab(sim).succeeds("vm", name="node1", state="absent", force_off=True)
    close_clients()
    removed = deploy(state="absent")
    assert removed.code == 0, removed.text
    after = hci.of_host(sim)
    assert {path for path in after if path not in before} == {f"file:{DOWNLOADED}"}
    close_clients()


@pytest.mark.parametrize("sim", [with_systems(GENERALIZED)], indirect=True, ids=["an image"])
def test_variables_of_the_inventory(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path) -> None:
    """Tasks that are delegated to a node do not have them."""
    before, name = hci.of_host(sim), f"nested.hyperv.{PLAYBOOK}"
    given = hci.variables(**hci.seeded(1), next_steps="./next_steps.md")
    hosts = {"hv01": {**variables(sim, "hv01"), **given}}
    real = playbook(name, hosts=hosts)
    assert real.code == 0, real.text
    assert sim.machines["azl-1"].hyperv
    assert seeds(sim) == []
    assert (tmp_path / "next_steps.md").exists()
    assert PASSWORD not in real.text
    close_clients()
    removed = playbook(name, "-e", "azure_stack_hci_eval_state=absent", hosts=hosts)
    assert removed.code == 0, removed.text
    assert hci.of_host(sim) == before
    close_clients()


@pytest.mark.parametrize("sim", [with_systems(GENERALIZED)], indirect=True, ids=["a disc"])
def test_windows_is_installed_from_a_disc(sim: simulator.Simulation, deploy: Deploy, tmp_path: Path) -> None:
    steps = tmp_path / "next_steps.md"
    real = deploy(**hci.seeded(1), image=None, iso=ISO, next_steps=str(steps))
    assert real.code == 0, real.text
    assert sim.machines["azl-1"].running
    assert seeds(sim) == []
    assert sim.machines["hv01"].files.get(ISO)
    assert "| node1 | azl-1 | 192.168.44.201/24 | 2 |" in steps.read_text()
    close_clients()


@pytest.mark.parametrize("sim", [with_systems({**GENERALIZED, "generalized": False})], indirect=True, ids=["not one"])
def test_an_image_that_ignores_the_seed_is_named_after_the_timeout(sim: simulator.Simulation, deploy: Deploy) -> None:
    failed = deploy(**hci.seeded(1), boot_timeout=2)
    assert failed.code == 2
    text = " ".join(failed.text.split())
    assert "gave up after 2 s to see WinRM of VM 'node1' answer" in text
    assert "an image that is not generalized ignores it" in text
    assert len(seeds(sim)) == 3, "the seed is kept for another attempt, and for state absent"
    close_clients()


@pytest.mark.parametrize("sim", [with_a_node()], indirect=True, ids=["a node"])
def test_windows_in_a_node_is_configured_and_proven(sim: simulator.Simulation, deploy: Deploy) -> None:
    wanted = {
        "nodes": [{"name": "node1", "computer_name": "azl-1", "mac_addresses": MACS}],
        "image": None,
        "guest": True,
        "reboot": True,
        "allow_power_cycle": True,
        "dns_servers": ["192.168.1.254"],
    }
    real = deploy(**wanted)
    assert real.code == 0, real.text
    found = Lab(sim, "node1").succeeds("guest_info", include=["features", "reboot", "disks", "time"])["guest"]
    assert not found["reboot_required"]
    assert [disk["can_pool"] for disk in found["disks"]] == [False, True, True]
    assert {"name": "Microsoft-Hyper-V", "state": "enabled"} in found["features"]
    adapters = {adapter.name: adapter for adapter in sim.machines["node1"].network.adapters}
    assert set(adapters) == {"NIC1", "NIC2", "NIC3", "NIC4"}
    assert not any(adapter.dhcp for adapter in adapters.values())
    assert sim.machines["node1"].software.computer_name == "AZL-1"
    close_clients()

    again = deploy(**wanted)
    assert again.code == 0, again.text
    assert again.recap()["changed"] == 0, again.text
    assert not again.writes
    close_clients()
