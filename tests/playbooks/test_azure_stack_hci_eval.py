"""The role azure_stack_hci_eval, as ansible-playbook runs it on a Hyper-V host."""

from __future__ import annotations

import copy
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables

pytestmark = pytest.mark.playbook

GUARDIAN = "MSFT_HgsGuardian"
IMAGE = r"D:\Images\azurelocal.vhdx"
RECORD = r"C:\ProgramData\nested.hyperv\azure_stack_hci_eval\hci.json"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "128GB",
            "drives": [{"letter": "C", "size": "500GB"}, {"letter": "D", "size": "4TB"}],
            "network_adapters": [{"name": "Ethernet", "addresses": ["10.0.0.5/24"], "dhcp": False}],
            "folders": [r"D:\HCI"],
            "files": [{"path": IMAGE, "size": "127GB"}, {"path": r"D:\Other\node1\s2d2.vhdx", "size": "1TB"}],
            "vms": [{"name": "dc01", "memory": "4GB"}],
        }
    ]
}
WANTED: dict[str, Any] = {
    "azure_stack_hci_eval_nodes": [{"name": "node1"}, {"name": "node2"}],
    "azure_stack_hci_eval_path": r"D:\HCI",
    "azure_stack_hci_eval_image": IMAGE,
}

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


# Windows on disks and discs, which boots for the first time.
PASSWORD = "Correct-Horse-Battery-7"
URL, DOWNLOADED, ISO = "https://files.example.test/azl.vhdx", r"D:\Images\azl.vhdx", r"D:\ISO\azl.iso"
MACHINE = {"hyperv": False, "restart": {"closing": 1, "boot": 2}, "servicing": {"seconds": 1, "after_restart": 1}}
GENERALIZED = {"os": "hci24h2", "generalized": True, "machine": MACHINE}
DISC = {"os": "hci24h2", "images": ["Azure Stack HCI"], "seconds": 1}


def with_systems(system: dict[str, Any]) -> dict[str, Any]:
    """The MODEL with a system on its image, on one that can be downloaded, and on an installation disc."""
    model = copy.deepcopy(MODEL)
    host = model["hosts"][0]
    host["files"][0]["system"] = system
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
        wanted = {f"azure_stack_hci_eval_{name}": value for name, value in given.items()}
        name = "nested.hyperv.deploy_azure_stack_hci_eval"
        return playbook(name, "-i", "nodes.yml", *options, variables={**WANTED, **wanted})

    return run


@pytest.fixture
def seeded() -> dict[str, Any]:
    """Variables of a node that a seed configures, reached through a port of the host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "nodes": [{"name": "node1", "computer_name": "azl-1"}],
        "publish": {"first_port": port},
        "guest": True,
        "reboot": True,
        "administrator_password": PASSWORD,
    }


def seeds(sim: simulator.Simulation) -> list[str]:
    """What is left of seeds: images on the host, DVD drives, and entries of the record."""
    host = sim.machines["hv01"]
    files = [path for path in without_folders(sim) if path.lower().endswith("seed.iso")]
    record = json.loads(host.files.need(RECORD).content)
    drives = [row for vm in host.vms.values() for row in vm.rows("CIM_StorageAllocationSettingData")]
    return [*files, *record["seeds"], *(str(row) for row in drives if "DVD" in str(row["ResourceSubType"]))]


def without_folders(sim: simulator.Simulation) -> dict[str, Any]:
    """The state of the host without what Hyper-V leaves behind: folders of VMs, and the guardian of virtual TPMs."""
    state = changes.state(sim.machines["hv01"])
    return {path: values for path, values in state.items() if not path.startswith("folder:") and GUARDIAN not in path}


def names(sim: simulator.Simulation) -> set[str]:
    return {vm.name for vm in sim.machines["hv01"].vms.values()}


def test_two_nodes_are_predicted_created_kept_and_removed(sim: simulator.Simulation, deploy: Deploy) -> None:
    before, lab = without_folders(sim), Lab(sim)
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

    again = deploy()
    assert again.code == 0, again.text
    assert again.recap()["changed"] == 0, again.text
    assert not again.writes

    gone = deploy("--check", state="absent")
    assert gone.code == 0, gone.text
    assert not gone.writes
    removed = deploy(state="absent")
    assert removed.code == 0, removed.text
    assert gone.recap()["changed"] == removed.recap()["changed"]
    assert without_folders(sim) == before
    assert deploy(state="absent").recap()["changed"] == 0
    close_clients()


@pytest.mark.parametrize("sim", [with_systems(GENERALIZED)], indirect=True, ids=["an image"])
def test_a_half_built_lab_is_completed_or_removed(
    sim: simulator.Simulation, deploy: Deploy, seeded: dict[str, Any]
) -> None:
    before = without_folders(sim)
    wanted = {**seeded, "images": [{"path": DOWNLOADED, "source": URL}], "image": DOWNLOADED}
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
    after = without_folders(sim)
    assert {path for path in after if path not in before} == {f"file:{DOWNLOADED}"}
    close_clients()


@pytest.mark.parametrize("sim", [with_systems(GENERALIZED)], indirect=True, ids=["a disc"])
def test_windows_is_installed_from_a_disc(
    sim: simulator.Simulation, deploy: Deploy, seeded: dict[str, Any], tmp_path: Path
) -> None:
    steps = tmp_path / "next_steps.md"
    real = deploy(**seeded, image=None, iso=ISO, dns_servers=["192.168.44.10"], next_steps=str(steps))
    assert real.code == 0, real.text
    assert sim.machines["azl-1"].running
    assert seeds(sim) == []
    assert sim.machines["hv01"].files.get(ISO)
    assert "| node1 | azl-1 | 192.168.44.201/24 | 2 |" in steps.read_text()
    close_clients()


@pytest.mark.parametrize("sim", [with_systems({**GENERALIZED, "generalized": False})], indirect=True, ids=["not one"])
def test_an_image_that_ignores_the_seed_is_named_after_the_timeout(
    sim: simulator.Simulation, deploy: Deploy, seeded: dict[str, Any]
) -> None:
    failed = deploy(**seeded, boot_timeout=2)
    assert failed.code == 2
    text = " ".join(failed.text.split())
    assert "gave up after 2 s to see WinRM of VM 'node1' answer" in text
    assert "an image that is not generalized ignores it" in text
    assert len(seeds(sim)) == 3, "the seed is kept for another attempt, and for state absent"
    close_clients()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"purpose": "production"}, "hci-production: Azure Stack HCI in VMs is supported for evaluation only"),
        ({"nodes": [{"name": "dc01"}]}, "has not created the existing VM dc01"),
        ({"image": r"D:\Images\none.vhdx"}, "none.vhdx"),
        ({"image": None, "path": r"D:\Other"}, r"has not created the existing file D:\Other\node1\s2d2.vhdx"),
        ({"address": "10.0.0.1/8"}, "overlaps"),
        ({"memory": "64GB"}, "need 128.00 GB"),
    ],
)
def test_impossible_labs_are_refused_before_anything_is_created(
    sim: simulator.Simulation, deploy: Deploy, given: dict[str, Any], words: str
) -> None:
    refused = deploy(**given)
    assert refused.code == 2, refused.text
    assert words in " ".join(refused.text.split())
    assert not refused.writes


def test_a_port_that_leads_to_another_guest_is_refused(sim: simulator.Simulation, deploy: Deploy) -> None:
    Lab(sim).succeeds("nat_network", name="hci", switch="hci", manage_switch=True, address="192.168.44.1/24")
    mapping = {"external_port": 55986, "internal_address": "192.168.44.77", "internal_port": 5985}
    Lab(sim).succeeds("nat_mapping", nat="hci", **mapping)
    close_clients()
    refused = deploy(publish={"first_port": 55985})
    assert refused.code == 2, refused.text
    assert "has not created the mapping of port 55986 of hv01" in " ".join(refused.text.split())
    assert not refused.writes


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
