"""The simulator as a whole: endpoints of a model, the command line, the inventory."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator

from .hosts import power

MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "winrm": {"allow_unencrypted": True},
            "vms": [{"name": "l1", "state": "running", "nested": True, "guest": {"machine": {}}}],
        }
    ]
}


def listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def eventually(condition) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_every_machine_has_endpoints_and_a_guest_only_while_it_runs() -> None:
    with simulator.start(MODEL) as sim:
        assert set(sim.endpoints) == {"hv01", "l1"}
        assert all(listens(url) for one in sim.endpoints.values() for url in (one.http, one.https))
        host = sim.machines["hv01"]
        power(host, "l1", 3)
        assert eventually(lambda: not listens(sim.endpoints["l1"].http)), "the clock runs by itself"
        assert eventually(lambda: not listens(sim.endpoints["l1"].https))
        power(host, "l1", 2)
        assert eventually(lambda: listens(sim.endpoints["l1"].http)), "on the port it had"
        endpoints = sim.endpoints
    assert not any(listens(url) for one in endpoints.values() for url in (one.http, one.https))


def test_the_certificate_can_be_trusted_and_holds_no_key() -> None:
    with simulator.start(MODEL) as sim:
        address = sim.endpoints["hv01"]
        assert "PRIVATE KEY" not in Path(address.certificate).read_text("ascii")
        context = ssl.create_default_context(cafile=address.certificate)
        parts = urlsplit(address.https)
        with (
            socket.create_connection((parts.hostname, parts.port)) as raw,
            context.wrap_socket(raw, server_hostname=parts.hostname) as tls,
        ):
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
        directory = sim.directory
    assert not directory.exists()


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_line(tmp_path: Path, checkout: Path, stop: signal.Signals, environment: dict[str, str]) -> None:
    model, inventory = tmp_path / "model.yml", tmp_path / "inventory.yml"
    model.write_text(yaml.safe_dump(MODEL), "utf-8")
    command = [sys.executable, "-m", "tests.simulator", "--model", model, "--inventory", inventory]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True, env=environment) as process:
        machines = json.loads(process.stdout.readline())["machines"]
        groups = yaml.safe_load(inventory.read_text("utf-8"))["all"]["children"]
        url = urlsplit(machines["hv01"]["http"])
        host = groups["hyperv"]["hosts"]["hv01"]
        assert (host["ansible_host"], host["ansible_port"]) == (url.hostname, url.port)
        assert host["ansible_winrm_transport"] == "ntlm"
        secure = groups["hyperv_https"]["hosts"]["hv01-https"]
        assert secure["ansible_port"] == urlsplit(machines["hv01"]["https"]).port
        assert Path(secure["ansible_winrm_ca_trust_path"]).exists()
        assert list(groups["guests"]["hosts"]) == ["l1"]
        process.send_signal(stop)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""
    assert not Path(secure["ansible_winrm_ca_trust_path"]).exists()


def test_https_without_validation_as_a_choice(tmp_path: Path, checkout: Path, environment: dict[str, str]) -> None:
    inventory = tmp_path / "inventory.yml"
    options = ["--model", "nested", "--inventory", inventory, "--scheme", "https", "--validation", "ignore"]
    command = [sys.executable, "-m", "tests.simulator", *options]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True, env=environment) as process:
        process.stdout.readline()
        host = yaml.safe_load(inventory.read_text("utf-8"))["all"]["children"]["hyperv"]["hosts"]["l0"]
        process.terminate()
    assert (host["ansible_winrm_scheme"], host["ansible_winrm_server_cert_validation"]) == ("https", "ignore")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("hosts: [{name: hv01, memroy: 1GB}]", [], "{model}: hosts[0]: unknown memroy; did you mean memory?"),
        ("hosts: [{name: hv01]", [], "{model}: line 1, column 20: "),
        ("hosts: \t5", [], "{model}: "),
        ("- hv01", [], "{model}: a mapping with hosts is expected"),
        (
            "hosts: [{name: hv01, vms: [{name: a, adapters: [{switch: LAN}]}]}]",
            [],
            "(a).adapters[0].switch: LAN is not",
        ),
        ("hosts: [{name: hv01, winrm: {basik: true}}]", [], "{model}: hv01.winrm: unknown winrm settings: basik"),
        ("{hosts: [{name: hv01}], faults: [{do: nothing}]}", [], "{model}: faults[0]: fault rule: do is one of drop"),
        (
            "hosts: [{name: hv01}]",
            ["--inventory", "{folder}/missing/i.yml"],
            "--inventory {folder}/missing/i.yml: No such",
        ),
        (
            "hosts: [{name: hv01}]",
            ["--log", "{folder}/missing/l.jsonl"],
            "No such file or directory: '{folder}/missing",
        ),
        (
            "hosts: [{name: hv01}]",
            ["--port", "65535"],
            "port 65535: the model needs 2 ports, so 1 to 65534 are allowed",
        ),
        (
            "hosts: [{name: hv01}]",
            ["--port", "70000"],
            "port 70000: the model needs 2 ports, so 1 to 65534 are allowed",
        ),
        ("hosts: [{name: hv01}]", ["--port", "-1"], "port -1: the model needs 2 ports"),
        ("hosts: [{name: hv01}]", ["--model", "smal"], "smal: no such file, and not one of the models lab, "),
        ("hosts: [{name: hv01}]", ["--model", "{folder}"], "Is a directory: '{folder}'"),
        (
            "hosts: [{name: hv01}]",
            ["--model", "{folder}/missing.yml"],
            "No such file or directory: '{folder}/missing.yml'",
        ),
    ],
)
def test_a_mistake_is_a_line_that_names_its_place_and_no_traceback(
    tmp_path: Path, checkout: Path, environment: dict[str, str], text: str, options: list[str], message: str
) -> None:
    model = tmp_path / "model.yml"
    model.write_text(text, "utf-8")
    given = [option.replace("{folder}", str(tmp_path)) for option in options]
    command = [sys.executable, "-m", "tests.simulator", "--model", model, *given]
    done = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=20, env=environment, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("simulator: ")
    assert message.replace("{model}", str(model)).replace("{folder}", str(tmp_path)) in line
