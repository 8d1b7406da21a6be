# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-inventory with configurations of the inventory plugin: its examples, a vault, a cache, and a play."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.plugins.inventory import vms
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.inventory import connection
from ansible_collections.nested.hyperv.tests.harness.task import variables

pytestmark = pytest.mark.playbook

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [
                {
                    "name": "lab01",
                    "state": "running",
                    "nested": True,
                    "adapters": [{"addresses": ["192.0.2.21"]}],
                    "guest": {"machine": {"os": "server2022", "vms": [{"name": "inner01"}]}},
                },
                {"name": "template-1", "state": "running"},
                {
                    "name": "web01",
                    "state": "running",
                    "notes": "course1",
                    "adapters": [{"addresses": ["192.0.2.22"]}],
                    "guest": {"os": "linux"},
                },
            ],
        },
        {"name": "hv02", "vms": [{"name": "web02"}]},
    ]
}


class Program:
    """ansible-inventory in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("ansible-inventory"), *options]
        home = {"HOME": str(self.folder), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder, env=os.environ | home | environment
        )

    def listed(self, *options: str, **environment: str) -> dict[str, Any]:
        """The inventory that it lists."""
        done = self(*options, "--list", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout, object_hook=_plain)

    def write(self, name: str, content: Mapping[str, Any]) -> str:
        (self.folder / name).write_text(yaml.safe_dump(dict(content), sort_keys=False))
        return name


def _plain(value: dict[str, Any]) -> Any:
    """Text instead of the mapping by which JSON marks that it is not a template."""
    return value.get("__ansible_unsafe", value)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def hosts_of(inventory: Mapping[str, Any]) -> list[str]:
    return sorted(inventory["_meta"]["hostvars"])


def adapted(example: Mapping[str, Any], sim: simulator.Simulation) -> dict[str, Any]:
    """An example with the addresses and users of the simulation instead of its own."""
    own = {host: connection(sim, host, ansible_password=None) for host in example["hosts"]}
    nested = connection(sim, "lab01", ansible_password=None)
    entries = [{**entry, "vars": {**entry["vars"], **nested}} for entry in example.get("nested_hosts", ())]
    return {**example, "hosts": own, **({"nested_hosts": entries} if entries else {})}


EXPECTED = (
    ["lab01", "template-1", "web01", "web02"],
    ["lab01", "web01"],
    ["inner01", "lab01", "template-1", "web01"],
)
EXAMPLES = list(yaml.safe_load_all(vms.EXAMPLES))


@pytest.mark.parametrize(
    ("example", "expected"), list(zip(EXAMPLES, EXPECTED, strict=True)), ids=["plain", "other", "deep"]
)
def test_examples(
    example: Mapping[str, Any], expected: list[str], sim: simulator.Simulation, program: Program, tmp_path: Path
) -> None:
    password = sim.endpoints["hv01"].password
    before = {"all": {"vars": {"ansible_password": password}, "hosts": {"hv01": {}, "hv02": {}}}}
    sources = ["-i", program.write("hosts.yml", before), "-i", program.write("e.hyperv.yml", adapted(example, sim))]
    found = program.listed(*sources, HYPERV_PASSWORD=password, LAB_PASSWORD=password)
    assert [host for host in hosts_of(found) if not host.startswith("hv")] == expected
    if "compose" in example:
        assert found["webservers"]["hosts"] == ["web01"]
        assert found["course_course1"]["hosts"] == ["web01"]
        kinds = {host: found["_meta"]["hostvars"][host]["ansible_connection"] for host in expected}
        assert kinds == {"lab01": "winrm", "web01": "ssh"}
    if "cache" in example:
        (file,) = (tmp_path / ".cache" / "hyperv").iterdir()
        assert password not in file.read_text()
        sim.log.clear()
        assert hosts_of(program.listed(*sources, HYPERV_PASSWORD=password, LAB_PASSWORD=password)) == hosts_of(found)
        assert sim.log.requests() == []


def test_a_vaulted_password(sim: simulator.Simulation, program: Program, tmp_path: Path) -> None:
    known = connection(sim, "hv01")
    (tmp_path / "secret").write_text("vault")
    vault = Path(sys.executable).with_name("ansible-vault")
    encrypt = [vault, "encrypt_string", "--vault-password-file", "secret", "--name", "ansible_password"]
    done = subprocess.run(
        [*encrypt, known.pop("ansible_password")], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    config = yaml.safe_dump({"plugin": "nested.hyperv.vms", "hosts": {"hv01": known}})
    indented = "\n".join(f"  {line}" for line in done.stdout.splitlines())
    (tmp_path / "lab.hyperv.yml").write_text(f"{config}vars:\n{indented}\n")
    found = program.listed("-i", "lab.hyperv.yml", "--vault-password-file", "secret")
    assert "web01" in hosts_of(found)
    assert "ansible_password" not in json.dumps(found)


def test_a_file_with_another_name(sim: simulator.Simulation, program: Program) -> None:
    config = {"plugin": "nested.hyperv.vms", "hosts": {"hv01": connection(sim, "hv01")}}
    done = program("-i", program.write("lab.yml", config), "--list")
    assert done.returncode != 0
    assert "rename it, so that its name ends with .hyperv.yml" in done.stderr.replace("\n", " ")


def test_a_host_that_is_down_fails_the_inventory(sim: simulator.Simulation, program: Program) -> None:
    config = {"plugin": "nested.hyperv.vms", "hosts": {"hv01": connection(sim, "hv01", ansible_port=1)}}
    done = program("-i", program.write("lab.hyperv.yml", config), "--list")
    assert done.returncode != 0
    assert "hv01: http://127.0.0.1:1/wsman refuses the connection" in done.stderr.replace("\n", " ")
    assert sim.endpoints["hv01"].password not in done.stderr


def test_a_play_on_a_vm_that_is_a_host(sim: simulator.Simulation, program: Program, tmp_path: Path) -> None:
    """The variables of the plugin reach the VM, with credentials of a group."""
    inner = connection(sim, "lab01", ansible_host=None, ansible_port=None)
    entry = {"names": ["lab*"], "vars": connection(sim, "lab01")}
    port = connection(sim, "lab01")["ansible_port"]
    config = {
        "plugin": "nested.hyperv.vms",
        "hosts": {"hv01": connection(sim, "hv01")},
        "recurse": True,
        "nested_hosts": [entry],
        "compose": {"ansible_host": "'127.0.0.1'", "ansible_port": f"{port}"},
    }
    program.write("lab.hyperv.yml", config)
    (tmp_path / "group_vars").mkdir()
    program.write("group_vars/hyperv_nesting_enabled.yml", {**inner, "ansible_connection": "winrm"})
    tasks = [
        {"nested.hyperv.vm_info": {"include": []}, "register": "found"},
        {"ansible.builtin.assert": {"that": ["found.vms | map(attribute='name') | list == ['inner01']"]}},
    ]
    play = {"hosts": "hyperv_nesting_enabled", "gather_facts": False, "tasks": tasks}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "lab.hyperv.yml", "play.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert variables(sim, "hv01")["ansible_password"] not in done.stdout
