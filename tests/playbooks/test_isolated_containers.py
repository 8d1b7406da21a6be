"""The role isolated_containers, as ansible-playbook runs it on a guest and on its Hyper-V host."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.containers import NANO, PING, VERSION, ZIP
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import close_clients, variables
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar

pytestmark = pytest.mark.playbook

GUEST = {
    "os": "server2022",
    "hyperv": False,
    "restart": {"closing": 1, "boot": 2},
    "servicing": {"seconds": 1, "after_restart": 1},
    "files": [{"path": ZIP, "content": {"docker_engine": {"version": VERSION}}}],
    "docker": {"seconds": {"service": 0, "start": 1, "stop": 0, "pull": 1, "hyperv": 1, "process": 0}},
}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
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
    "isolated_containers_hyperv_host": "hv01",
    "isolated_containers_allow_power_cycle": True,
    "isolated_containers_reboot": True,
    "isolated_containers_engine": {"source": ZIP},
    "isolated_containers_containers": [{"name": "web", "image": NANO, "command": PING}],
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
        return playbook(
            "nested.hyperv.deploy_isolated_containers",
            "-i",
            "all.yml",
            "--limit",
            "guest01",
            *options,
            variables={**WANTED, **given},
        )

    return run


def settings(lab: Lab) -> dict[str, Any]:
    found = lab.info("guest01", "nesting", "processor", "memory")
    return {name: found[name] for name in ("nesting", "processor", "memory")} | {"memory": found["memory"]["dynamic"]}


def test_a_vm_is_made_a_host_of_containers_and_back(sim: simulator.Simulation, deploy: Deploy) -> None:
    host = Lab(sim)
    before = settings(host)
    check = deploy("--check")
    assert check.code == 0, check.text
    assert not check.writes
    real = deploy()
    assert real.code == 0, real.text
    guest = sim.machines["guest01"]
    (container,) = guest.docker.containers
    assert (container.name, container.running) == ("web", True)
    again = deploy()
    assert again.code == 0, again.text
    assert again.recap("guest01")["changed"] == 0, again.text
    assert not again.writes
    undone = deploy(isolated_containers_state="absent")
    assert undone.code == 0, undone.text
    assert not list(guest.docker.containers)
    assert guest.software.find_service("docker") is None
    assert settings(host) == before
    assert not guest.files.get(r"C:\ProgramData\nested.hyperv\isolated_containers.json")
    close_clients()


def test_nothing_is_interrupted_without_permission(sim: simulator.Simulation, deploy: Deploy) -> None:
    refused = deploy(isolated_containers_allow_power_cycle=False)
    assert refused.code == 2
    assert "allow_power_cycle" in refused.text
    assert sim.machines["guest01"].boots == 1
    without = deploy(isolated_containers_reboot=False)
    assert without.code == 0, without.text
    assert "must be restarted" in without.text
    assert not list(sim.machines["guest01"].docker.containers)
    finished = deploy()
    assert finished.code == 0, finished.text
    assert list(sim.machines["guest01"].docker.containers)


@pytest.mark.parametrize(
    "sim", [model_of(locale="de-DE", files=[], winrm={"skip_cmd_shell": True})], indirect=True, ids=["de-DE"]
)
def test_files_of_the_controller_reach_a_german_guest(
    sim: simulator.Simulation, deploy: Deploy, tmp_path: Path
) -> None:
    guest = sim.machines["guest01"]
    engine, image = tmp_path / f"docker-{VERSION}.zip", tmp_path / "nanoserver.tar"
    engine.write_bytes(engine_zip(VERSION))
    image.write_bytes(image_tar("10.0.20348.5386", NANO))
    container = {"name": "web", "image": NANO, "command": PING, "pull": False, "file": str(image)}
    given = {"isolated_containers_engine": {"file": str(engine)}, "isolated_containers_containers": [container]}
    real = deploy(**given)
    assert real.code == 0, real.text
    assert [container.running for container in guest.docker.containers] == [True]
    assert not [file.path for file in guest.files if file.path.endswith((".zip", ".tar"))]
    for file in (engine, image):
        file.unlink()
    again = deploy(**given)
    assert again.code == 0, again.text
    assert again.recap("guest01")["changed"] == 0, again.text
    assert not again.writes
    close_clients()
