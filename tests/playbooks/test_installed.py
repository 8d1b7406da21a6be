# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as Automation Platform has it: the built archive, and an environment with only what it asks for.

Of the packages of an execution environment, only those that are compiled for Kerberos are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jq
import pytest
import yaml
from ansible.release import __version__ as core

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import task

pytestmark = pytest.mark.playbook

MODEL = {"hosts": [{"name": "hv01", "vms": [{"name": "lab01", "memory": "2GB"}]}]}
PLAY = [
    {
        "hosts": "hyperv",
        "gather_facts": False,
        "tasks": [
            {"nested.hyperv.vm_memory": {"name": "lab01", "startup": "4GB"}},
            {"nested.hyperv.vm_processor": {"name": "lab01", "count": 2}},
            {"nested.hyperv.vm_info": {}},
        ],
    }
]


class Environment:
    """A virtual environment, and a folder in which the collection was installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, folder / "venv" / "bin"
        self.collections = folder / "collections"

    @property
    def root(self) -> Path:
        return self.collections / "ansible_collections" / "nested" / "hyperv"

    @property
    def variables(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return own | {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(self.collections), "HOME": str(self.folder)}

    def run(self, program: str, *arguments: str | Path, **environment: str) -> str:
        command = [self.programs / program, *arguments]
        variables = self.variables | environment
        process = subprocess.run(
            command,
            cwd=self.folder,
            env=variables,
            capture_output=True,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout


@pytest.fixture(scope="module")
def environment(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("installed"))
    subprocess.run([sys.executable, "-m", "venv", environment.folder / "venv"], check=True)
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    archives = environment.folder / "archives"
    subprocess.run([galaxy, "collection", "build", checkout, "--output-path", archives], check=True)
    (archive,) = archives.iterdir()
    subprocess.run(
        [galaxy, "collection", "install", archive, "--offline", "-p", environment.collections],
        env=environment.variables,
        check=True,
    )
    required = (environment.root / "meta" / "ee-requirements.txt").read_text().replace("[kerberos]", "").split()
    # pip keeps the user's cache and settings, such as a mirror, and obeys the constraints of the checkout.
    user = {"HOME": str(Path.home())}
    constraints = Path(sys.prefix) / "pip.conf"
    environment.run(
        *("pip", "install", "--quiet", "--disable-pip-version-check"),
        *(f"ansible-core=={core}", "ansible-builder", "ansible-runner", *required),
        **(user | {"PIP_CONFIG_FILE": str(constraints)} if constraints.exists() else user),
    )
    return environment


def test_the_execution_environment_has_kerberos(environment: Environment) -> None:
    """As ansible-builder finds it in the installed collection."""
    found = yaml.safe_load(environment.run("ansible-builder", "introspect", environment.collections))
    assert {line.partition(" ")[0] for line in found["python"]} == {"pywinrm[kerberos]>=0.5", "pycdlib>=1.14"}
    system = {line.partition("#")[0].strip() for line in found["system"]}
    assert {"krb5-devel [compile platform:rpm]", "krb5-workstation [platform:rpm]"} <= system


def test_the_execution_environment_of_the_guide(environment: Environment, checkout: Path) -> None:
    """Without a container engine, ansible-builder checks the definition and writes what would be built."""
    definition = checkout / "docs" / "docsite" / "examples" / "execution_environment.yml"
    context = environment.folder / "context"
    environment.run("ansible-builder", "create", "--output-filename", "Containerfile", "-f", definition, "-c", context)
    assert (context / "Containerfile").is_file()
    # The headers that the metadata of the collection lists are those of the default Python of the image.
    interpreter = yaml.safe_load(definition.read_text())["dependencies"]["python_interpreter"]["package_system"]
    system = (context / "_build" / "bindep.txt").read_text().splitlines()
    assert f"{interpreter}-devel [compile platform:rpm]" in [line.partition("#")[0].strip() for line in system]


def events(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("artifacts/*/job_events/*.json")):
        yield json.loads(path.read_text()).get("event_data", {})


def test_ansible_runner(environment: Environment, sim: simulator.Simulation) -> None:
    """As a job of Automation Platform, with the password of a machine credential; and the VM that counts for it."""
    job = environment.folder / "job"
    variables = task.variables(sim, "hv01")
    user, password = variables.pop("ansible_user"), variables.pop("ansible_password")
    inventory = {"hyperv": {"hosts": {"hv01": variables}}}
    (job / "env").mkdir(parents=True)
    (job / "env" / "cmdline").write_text(f"-u {user} --ask-pass")
    for name, content in (
        ("env/passwords", {r"^SSH password:\s*?$": password}),
        ("inventory/hosts.yml", inventory),
        ("project/play.yml", PLAY),
    ):
        (job / name).parent.mkdir(exist_ok=True)
        (job / name).write_text(yaml.safe_dump(content))
    output = environment.run("ansible-runner", "run", job, "-p", "play.yml")
    assert password not in output
    assert sim.machines["hv01"].vm("lab01").memory["VirtualQuantity"] == 4096

    queries = yaml.safe_load((environment.root / "extensions" / "audit" / "event_query.yml").read_text())
    records = [
        record
        for event in events(job)
        if "res" in event and event.get("resolved_action") in queries
        for record in jq.compile(queries[event["resolved_action"]]["query"]).input(event["res"]).all()
    ]
    identifier = sim.machines["hv01"].vm("lab01").id.upper()
    assert [record["canonical_facts"] for record in records] == [{"id": identifier}] * 2


def test_the_simulator_and_a_playbook_of_the_archive(environment: Environment) -> None:
    inventory = environment.folder / "simulated.yml"
    command = [environment.programs / "python", "-m", "ansible_collections.nested.hyperv.tests.simulator"]
    with subprocess.Popen(
        [*command, "--inventory", inventory, "--strict"],
        env=environment.variables,
        cwd=environment.collections,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            while not inventory.exists() and process.poll() is None:
                time.sleep(0.1)
            environment.run("ansible-playbook", "-i", inventory, "-l", "hyperv", "nested.hyperv.survey_hosts")
        finally:
            process.terminate()
    assert list(environment.folder.glob("*.html"))
