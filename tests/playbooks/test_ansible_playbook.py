"""The collection as people use it: ansible-playbook in a process of its own, an ordinary Windows inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import bridge

MEMORY = {"startup": "4GB", "dynamic": True, "minimum": "1GB", "maximum": "8GB"}
VMS = [{"name": "lab01", "memory": MEMORY}, {"name": "lab02", "memory": MEMORY}, {"name": "lab03", "memory": MEMORY}]
MODEL = {
    "hosts": [
        {"name": "hv01", "vms": VMS},
        {"name": "hv02", "vms": VMS},
        {"name": "hv03", "vms": VMS, "winrm": {"allow_unencrypted": True}},
    ]
}
CIM_OPERATIONS = {"Enumerate", "Pull", "Release", "Get", "Invoke", "Create", "Put", "Delete"}


@pytest.fixture
def sim() -> Iterator[simulator.Simulation]:
    with simulator.start(MODEL) as started:
        yield started


def psrp(sim: simulator.Simulation, name: str) -> dict[str, Any]:
    """The host's variables for the psrp connection over https."""
    found = bridge.variables(sim, name, "https", ansible_connection="psrp", ansible_psrp_protocol="https")
    certificate = found["ansible_winrm_ca_trust_path"]
    found = {key: value for key, value in found.items() if not key.startswith("ansible_winrm")}
    return {**found, "ansible_psrp_ca_cert": certificate}


class Ended:
    """How ansible-playbook ended, and the requests that the hosts saw."""

    def __init__(self, sim: simulator.Simulation, process: subprocess.CompletedProcess[str]) -> None:
        self.code, self.text = process.returncode, process.stdout + process.stderr
        self.requests = sim.log.requests()
        # Every test here: nothing but CIM, no PowerShell, no shell of WinRS.
        assert {entry.action for entry in self.requests} <= CIM_OPERATIONS
        assert all("/wbem/wsman/1/wmi/" in entry.resource for entry in self.requests)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(entry.host, entry.method) for entry in self.requests if bridge.writes([entry])]

    def recap(self, host: str) -> dict[str, int]:
        (line,) = (line for line in self.text.splitlines() if line.startswith(host) and "unreachable=" in line)
        return {word.partition("=")[0]: int(word.partition("=")[2]) for word in line.partition(":")[2].split()}


Run = Callable[..., Ended]


@pytest.fixture
def playbook(sim: simulator.Simulation, tmp_path: Path) -> Run:
    """Run a play on these hosts."""

    def run(hosts: Mapping[str, Any], play: Mapping[str, Any], *options: str) -> Ended:
        inventory, book = tmp_path / "inventory.yml", tmp_path / "play.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": dict(hosts)}}))
        book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, **play}]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, book, *options]
        sim.log.clear()
        environment = os.environ.copy()
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
        return Ended(sim, done)

    return run


def test_check_diff_loop_delegation_and_defaults(sim: simulator.Simulation, playbook: Run) -> None:
    hosts = {
        "hv01": bridge.variables(sim, "hv01"),
        "hv02": psrp(sim, "hv02"),
        "control": {"ansible_connection": "local"},
    }
    play = {
        "module_defaults": {
            "group/nested.hyperv.all": {"name": "lab03"},
            "nested.hyperv.vm_memory": {"priority": 80},
        },
        "tasks": [
            {
                "name": "A loop",
                "when": "inventory_hostname != 'control'",
                "nested.hyperv.vm_memory": {"name": "{{ item }}", "startup": "2GB"},
                "loop": ["lab01", "lab02"],
            },
            {"name": "Another host", "delegate_to": "hv02", "run_once": True, "nested.hyperv.vm_nesting": {}},
            {
                "name": "Defaults",
                "when": "inventory_hostname != 'control'",
                "nested.hyperv.vm_info": {"include": ["memory"]},
                "register": "found",
            },
            {
                "when": "inventory_hostname != 'control'",
                "ansible.builtin.assert": {"that": ["found.vms | map(attribute='name') == ['lab03']"]},
            },
        ],
    }
    before = {name: bridge.state(sim.machines[name]) for name in ("hv01", "hv02")}

    check = playbook(hosts, play, "--check", "--diff")
    assert check.code == 0, check.text
    assert not check.writes
    assert before == {name: bridge.state(sim.machines[name]) for name in ("hv01", "hv02")}

    real = playbook(hosts, play, "--diff")
    assert real.code == 0, real.text
    for ended in (check, real):
        assert ended.text.count('-    "startup": "4GB"') == ended.text.count('+    "startup": "2GB"') == 4
        assert '+    "virtualization_extensions": true' in ended.text
        assert [ended.recap(host)["changed"] for host in hosts] == [1, 1, 1]
    # The control node, first by its name, has the delegated task.
    assert sorted(real.writes) == [("hv01", "ModifyResourceSettings")] * 2 + [("hv02", "ModifyResourceSettings")] * 3
    for name in ("hv01", "hv02"):
        memory = {
            vm.name: (vm.memory["VirtualQuantity"], vm.memory["Weight"]) for vm in sim.machines[name].vms.values()
        }
        assert memory == {"lab01": (2048, 8000), "lab02": (2048, 8000), "lab03": (4096, 5000)}
    assert sim.machines["hv02"].vm("lab03").processor["ExposeVirtualizationExtensions"] is True
    assert sim.machines["hv01"].vm("lab03").processor["ExposeVirtualizationExtensions"] is False

    again = playbook(hosts, play)
    assert again.code == 0, again.text
    assert [again.recap(host)["changed"] for host in hosts] == [0, 0, 0]
    assert not again.writes
    assert {entry.encrypted for entry in again.requests if entry.host == "hv01"} == {True}


def test_loops_authenticate_once(sim: simulator.Simulation, playbook: Run) -> None:
    task = {"nested.hyperv.vm_processor": {"name": "{{ item }}", "weight": 200}, "loop": ["lab01", "lab02", "lab03"]}
    ended = playbook({"hv01": bridge.variables(sim, "hv01")}, {"tasks": [task]})
    assert ended.code == 0, ended.text
    assert len({entry.connection for entry in sim.log}) == 1


def test_async_is_refused(sim: simulator.Simulation, playbook: Run) -> None:
    task = {"nested.hyperv.vm_memory": {"name": "lab01", "startup": "2GB"}, "async": 10, "poll": 1}
    ended = playbook({"hv01": bridge.variables(sim, "hv01")}, {"tasks": [task]})
    assert ended.code == 2
    assert "does not support async" in ended.text
    assert not ended.requests


def test_basic_over_http_warns_and_https_does_not(sim: simulator.Simulation, playbook: Run) -> None:
    hosts = {
        "plain": bridge.variables(sim, "hv03", ansible_winrm_transport="basic"),
        "tls": bridge.variables(sim, "hv03", "https", ansible_winrm_transport="basic"),
    }
    ended = playbook(hosts, {"tasks": [{"nested.hyperv.vm_info": {}}]})
    assert ended.code == 0, ended.text
    words = " ".join(ended.text.split())
    assert "[WARNING]: plain: the password travels unencrypted" in words
    assert "tls: the password" not in words
    assert sim.endpoints["hv03"].password not in ended.text


def test_ipv6(playbook: Run, tmp_path: Path) -> None:
    with simulator.start(MODEL, host="::1") as sim:
        hosts = {"hv01": bridge.variables(sim, "hv01"), "hv02": psrp(sim, "hv02")}
        assert hosts["hv01"]["ansible_host"] == "::1"
        ended = playbook(hosts, {"tasks": [{"nested.hyperv.vm_memory": {"name": "lab01", "startup": "2GB"}}]})
        assert ended.code == 0, ended.text
        for name in hosts:
            assert sim.machines[name].vm("lab01").memory["VirtualQuantity"] == 2048


def alone(sim: simulator.Simulation, tmp_path: Path, args: Mapping[str, Any], **environment: str) -> dict[str, Any]:
    """Run a module as a program, as Ansible's developer guide has it ("Verifying your module code")."""
    (tmp_path / "args.json").write_text(json.dumps({"ANSIBLE_MODULE_ARGS": dict(args)}))
    module = "ansible_collections.nested.hyperv.plugins.modules.vm_memory"
    done = subprocess.run(
        [sys.executable, "-m", module, tmp_path / "args.json"],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"], **environment},
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert sim.endpoints["hv01"].password not in done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_module_alone(sim: simulator.Simulation, tmp_path: Path) -> None:
    address = sim.endpoints["hv01"]
    environment = {
        "NESTED_HYPERV_URL": address.https,
        "NESTED_HYPERV_USER": address.user,
        "NESTED_HYPERV_PASSWORD": address.password,
    }
    args = {"name": "lab01", "startup": "2GB"}
    untrusted = alone(sim, tmp_path, args, **environment)
    assert untrusted["failed"] is True
    assert "certificate" in untrusted["msg"]

    environment["NESTED_HYPERV_CA"] = address.certificate
    assert alone(sim, tmp_path, {**args, "_ansible_check_mode": True}, **environment)["changed"] is True
    assert sim.machines["hv01"].vm("lab01").memory["VirtualQuantity"] == 4096
    changed = alone(sim, tmp_path, args, **environment)
    assert (changed["changed"], changed["memory"]["startup"]) == (True, 2 << 30)
    assert sim.machines["hv01"].vm("lab01").memory["VirtualQuantity"] == 2048
    assert alone(sim, tmp_path, args, **environment)["changed"] is False

    missing = alone(sim, tmp_path, {"name": "nosuch"}, **environment)
    assert missing["failed"] is True
    assert "no VM has the name 'nosuch'" in missing["msg"]
    nowhere = alone(sim, tmp_path, args)
    assert nowhere["failed"] is True
    assert "NESTED_HYPERV_URL" in nowhere["msg"]


def test_forks_import_nothing_more() -> None:
    """The parent process has compiled all that modules need: a fork adds the module's own file and nothing else."""
    code = """
import sys
from importlib import import_module
from ansible.plugins.loader import init_plugin_loader, module_loader, action_loader
init_plugin_loader()
action_loader.find_plugin_with_context("nested.hyperv.host")
package = "ansible_collections.nested.hyperv.plugins"
before = set(sys.modules)
for name in sys.argv[1:]:
    import_module(f"{package}.modules.{name.rpartition('.')[2]}")
print(*sorted(name for name in set(sys.modules) - before if not name.startswith(f"{package}.modules")))
"""
    done = subprocess.run([sys.executable, "-c", code, *bridge.modules()], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
