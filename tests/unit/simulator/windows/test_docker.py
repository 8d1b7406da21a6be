"""Docker on a machine: its service, its client, images and containers, as recorded and as its sources say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar

from ..hosts import host, rows
from .test_programs import start, text

NANO = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
HYPERV = {"exec-opts": ["isolation=hyperv"]}
PATH = {"PATH": r"C:\Program Files\Docker;C:\Windows\System32"}
LONG = 600  # seconds in which everything ends that ends by itself
DOWN = (
    "failed to connect to the docker API at npipe:////./pipe/docker_engine; check if the path is correct and if the "
    "daemon is running: open //./pipe/docker_engine: The system cannot find the file specified.\n"
)


def machine(**docker: Any) -> Machine:
    """A host with an engine that is up and isolates by Hyper-V, and one image."""
    spec = {"version": "29.6.2", "config": HYPERV, "images": [NANO], **docker}
    return host(os="server2022", features={"Containers": "enabled"}, docker=spec)


def run(machine: Machine, line: str, *, seconds: float = LONG, **options: Any) -> tuple[int | None, str, str]:
    process = start(machine, line, environment=PATH, **options)
    process.write(b"", end=True)
    machine.clock.advance(seconds)
    return process.exit_code, text(process), text(process, "stderr")


def test_an_engine_is_unpacked_registered_and_started():
    bare = host(os="server2022", features={"Containers": "enabled"})
    bare.files.write(r"C:\Temp\docker.zip", engine_zip("29.6.2"))
    bare.files.make_folder(r"C:\Program Files")
    bare.files.write(r"C:\ProgramData\docker\config\daemon.json", json.dumps(HYPERV).encode())
    assert run(bare, r'tar.exe -xf C:\Temp\docker.zip -C "C:\Program Files"') == (0, "", "")
    assert run(bare, "dockerd --validate") == (0, "", "configuration OK\n")
    assert run(bare, "dockerd --register-service") == (0, "", "")
    service = bare.software.find_service("docker")
    assert (service.path, service.display, service.start) == (
        r'"C:\Program Files\Docker\dockerd.exe" --run-service',
        "Docker Engine",
        "Auto",
    )
    assert run(bare, "docker version --format {{.Server.Version}}") == (1, "\n", DOWN)
    assert run(bare, "sc start docker")[0] == 0
    assert run(bare, "docker version --format {{.Server.Version}}") == (0, "29.6.2\n", "")
    assert run(bare, "docker info --format {{.Isolation}}") == (0, "hyperv\n", "")


def test_an_image_is_pulled_and_runs_isolated():
    engine = machine(images=[])
    code, out, error = run(engine, f"docker pull {NANO}")
    assert (code, error) == (0, "")
    assert out.splitlines()[0] == "ltsc2022: Pulling from windows/nanoserver"
    assert out.splitlines()[-2:] == [f"Status: Downloaded newer image for {NANO}", NANO]
    assert run(engine, f"docker run --rm --isolation=hyperv {NANO} cmd /c ver") == (
        0,
        "\r\nMicrosoft Windows [Version 10.0.20348.5386]\r\n",
        "",
    )
    code, out, _error = run(engine, f"docker run -d --name web {NANO} ping -t localhost")
    assert (code, len(out)) == (0, 65)
    assert run(engine, "docker inspect --format {{.HostConfig.Isolation}} web")[:2] == (0, "hyperv\n")
    names = [row["Name"] for row in rows(engine, "Win32_Process", "root/cimv2")]
    assert ("vmwp.exe" in names, "ping.exe" in names) == (True, False)
    assert run(engine, "docker rm -f web")[:2] == (0, "web\n")


def test_an_image_is_loaded_from_a_file():
    engine = machine(images=[])
    engine.files.write(r"C:\Temp\nano.tar", image_tar("10.0.20348.2582", NANO))
    assert run(engine, r"docker load -i C:\Temp\nano.tar") == (0, f"Loaded image: {NANO}\n", "")
    assert run(engine, f"docker image inspect --format {{{{.OsVersion}}}} {NANO}")[1] == "10.0.20348.2582\n"


@pytest.mark.parametrize("verb", ["docker ps", "docker pull x", "docker inspect x", "docker info --format {{.ID}}"])
def test_no_daemon(verb):
    """S24."""
    code, _out, error = run(machine(state="Stopped"), verb)
    assert (code, error) == (1, DOWN)
