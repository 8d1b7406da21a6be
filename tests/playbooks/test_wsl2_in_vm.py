"""The role wsl2_in_vm, as ansible-playbook runs it on a guest and on its Hyper-V host."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables

pytestmark = pytest.mark.playbook

MSI, ROOTFS = r"C:\Install\wsl.2.7.14.0.x64.msi", r"C:\Install\ubuntu.wsl"
GUEST = {
    "os": {"product": "server2022", "revision": 2582},
    "hyperv": False,
    "restart": {"closing": 1, "boot": 2},
    "servicing": {"seconds": 1, "after_restart": 1},
    "files": [
        {"path": MSI, "content": {"msi": {"version": "2.7.14.0"}}},
        {"path": ROOTFS, "content": {"rootfs": {"users": ["bob"]}}},
    ],
}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "switches": [{"name": "NAT", "type": "internal", "addresses": ["192.168.100.1/24"]}],
            "nats": [{"name": "lab", "prefix": "192.168.100.0/24"}],
            "vms": [
                {
                    "name": "guest01",
                    "state": "running",
                    "processors": 1,
                    "memory": {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"},
                    "adapters": [{"name": "LAN"}],
                    "guest": {"shutdown_seconds": 1, "boot_seconds": 1, "machine": GUEST},
                }
            ],
        }
    ]
}
WANTED = {
    "wsl2_in_vm_hyperv_host": "hv01",
    "wsl2_in_vm_allow_power_cycle": True,
    "wsl2_in_vm_reboot": True,
    "wsl2_in_vm_package": {"source": MSI},
    "wsl2_in_vm_distributions": [{"name": "Ubuntu", "source": ROOTFS, "default_user": "bob"}],
}

Deploy = Callable[..., Run]


def model_of(**machine: Any) -> dict[str, Any]:
    """The MODEL with another Windows in its guest."""
    model = copy.deepcopy(MODEL)
    model["hosts"][0]["vms"][0]["guest"]["machine"] |= machine
    return model


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[simulator.Simulation]:
    """The MODEL, or that of a test, in which time passes by itself."""
    with simulator.start(getattr(request, "param", MODEL), strict=True) as sim:
        yield sim


@pytest.fixture
def deploy(sim: simulator.Simulation, playbook: Playbooks) -> Deploy:
    def run(*options: str, **given: Any) -> Run:
        hosts = {name: dict(variables(sim, name)) for name in ("hv01", "guest01")}
        inventory = {"guests": {"hosts": {"guest01": hosts["guest01"]}}, "hyperv": {"hosts": {"hv01": hosts["hv01"]}}}
        playbook.folder.joinpath("all.yml").write_text(yaml.safe_dump(inventory))
        given = {**WANTED, **given}
        return playbook(
            "nested.hyperv.deploy_wsl2_in_vm", "-i", "all.yml", "--limit", "guest01", *options, variables=given
        )

    return run


def settings(lab: Lab) -> dict[str, Any]:
    found = lab.info("guest01", "nesting", "processor", "memory")
    return {name: found[name] for name in ("nesting", "processor")} | {"dynamic": found["memory"]["dynamic"]}


def test_a_vm_gets_wsl_and_loses_it_again(sim: simulator.Simulation, deploy: Deploy) -> None:
    host, guest = Lab(sim), sim.machines["guest01"]
    before = settings(host)
    check = deploy("--check")
    assert check.code == 0, check.text
    assert not check.writes
    real = deploy()
    assert real.code == 0, real.text
    found = Lab(sim, "guest01").succeeds("guest_info", include=["wsl"])["guest"]
    assert [(row["name"], row["version"]) for row in found["distributions"]] == [("Ubuntu", 2)]
    again = deploy()
    assert again.code == 0, again.text
    assert again.recap("guest01")["changed"] == 0, again.text
    undone = deploy(wsl2_in_vm_state="absent")
    assert undone.code == 0, undone.text
    assert settings(host) == before
    sim.advance(60)  # the guest starts again
    found = Lab(sim, "guest01").succeeds("guest_info", include=["wsl"])["guest"]
    assert (found["wsl"], found["distributions"]) == (None, [])
    assert not guest.files.get(r"C:\ProgramData\nested.hyperv\wsl2_in_vm.json")
    close_clients()


def test_a_guest_behind_nat_is_published_for_the_time_of_the_role(sim: simulator.Simulation, deploy: Deploy) -> None:
    """The simulated guest has an address of its own, which stands for the published one."""
    endpoint = variables(sim, "guest01")
    port = int(endpoint["ansible_port"])
    publish = {"nat": "lab", "external_port": port, "internal_address": "192.168.100.10", "address": "127.0.0.1"}
    real = deploy(wsl2_in_vm_publish=publish)
    assert real.code == 0, real.text
    assert any("MSFT_NetNatStaticMapping" in write for write in real.writes)
    assert Lab(sim).facts("network")["nats"][0]["static_mappings"] == []
    close_clients()


@pytest.mark.parametrize("sim", [model_of(os="server2019")], indirect=True, ids=["server2019"])
def test_a_guest_without_wsl_2_is_refused_before_its_vm_is_interrupted(
    sim: simulator.Simulation, deploy: Deploy
) -> None:
    refused = deploy()
    assert refused.code == 2
    assert "wsl-guest-build" in refused.text
    assert not refused.writes
    assert sim.machines["guest01"].boots == 1


@pytest.mark.parametrize(
    "sim", [model_of(locale="de-DE", winrm={"skip_cmd_shell": True})], indirect=True, ids=["de-DE"]
)
def test_files_of_the_controller_reach_a_german_guest(
    sim: simulator.Simulation, deploy: Deploy, tmp_path: Path
) -> None:
    guest = sim.machines["guest01"]
    here = {path: tmp_path / path.rpartition("\\")[2] for path in (MSI, ROOTFS)}
    for path, file in here.items():
        file.write_bytes(guest.files.get(path).content)
        guest.files.delete(path)
    given = {
        "wsl2_in_vm_package": {"file": str(here[MSI])},
        "wsl2_in_vm_distributions": [{"name": "Ubuntu", "file": str(here[ROOTFS])}],
    }
    real = deploy(**given)
    assert real.code == 0, real.text
    found = Lab(sim, "guest01").succeeds("guest_info", include=["wsl"])["guest"]
    assert [(row["name"], row["version"]) for row in found["distributions"]] == [("Ubuntu", 2)]
    assert not [file.path for file in guest.files if file.path.endswith((".msi", ".wsl"))]
    for file in here.values():
        file.unlink()
    again = deploy(**given)
    assert again.code == 0, again.text
    assert again.recap("guest01")["changed"] == 0, again.text
    assert not again.writes
    close_clients()
