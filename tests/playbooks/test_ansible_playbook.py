"""The collection as people use it: ansible-playbook in a process of its own, an ordinary Windows inventory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes, collection
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks, Run
from ansible_collections.nested.hyperv.tests.harness.task import variables

pytestmark = pytest.mark.playbook

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


def psrp(sim: simulator.Simulation, name: str) -> dict[str, Any]:
    """The host's variables for the psrp connection over https."""
    found = variables(sim, name, "https", ansible_connection="psrp", ansible_psrp_protocol="https")
    certificate = found["ansible_winrm_ca_trust_path"]
    found = {key: value for key, value in found.items() if not key.startswith("ansible_winrm")}
    return {**found, "ansible_psrp_ca_cert": certificate}


def nothing_but_cim(run: Run) -> bool:
    """No PowerShell, no WinRS shell."""
    return all(entry.action in CIM_OPERATIONS and "/wbem/wsman/1/wmi/" in entry.resource for entry in run.requests)


def test_check_diff_loop_delegation_and_defaults(sim: simulator.Simulation, playbook: Playbooks) -> None:
    hosts = {
        "hv01": variables(sim, "hv01"),
        "hv02": psrp(sim, "hv02"),
        "control": {"ansible_connection": "local"},
    }
    play = {
        "module_defaults": {
            # vm_info has no allow_power_cycle.
            "group/nested.hyperv.all": {"name": "lab03", "allow_power_cycle": "{{ 1 == 2 }}"},
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
    before = {name: changes.state(sim.machines[name]) for name in ("hv01", "hv02")}

    check = playbook(play, "--check", "--diff", hosts=hosts)
    assert check.code == 0, check.text
    assert not check.writes
    assert before == {name: changes.state(sim.machines[name]) for name in ("hv01", "hv02")}

    real = playbook(play, "--diff", hosts=hosts)
    assert real.code == 0, real.text
    for ended in (check, real):
        for line, count in (
            ("- *startup: 4GB", 4),
            ("\\+ *startup: 2GB", 4),
            ("\\+ *virtualization_extensions: true", 1),
        ):
            assert len(re.findall(f"^{line}$", ended.text, flags=re.MULTILINE)) == count, ended.text
        assert [ended.recap(host)["changed"] for host in hosts] == [1, 1, 1]
    # The control node, first by its name, has the delegated task.
    writes = sorted((entry.host, entry.method) for entry in real.requests if changes.writes([entry]))
    assert writes == [("hv01", "ModifyResourceSettings")] * 2 + [("hv02", "ModifyResourceSettings")] * 3
    for name in ("hv01", "hv02"):
        memory = {
            vm.name: (vm.memory["VirtualQuantity"], vm.memory["Weight"]) for vm in sim.machines[name].vms.values()
        }
        assert memory == {"lab01": (2048, 8000), "lab02": (2048, 8000), "lab03": (4096, 5000)}
    assert sim.machines["hv02"].vm("lab03").processor["ExposeVirtualizationExtensions"] is True
    assert sim.machines["hv01"].vm("lab03").processor["ExposeVirtualizationExtensions"] is False

    again = playbook(play, hosts=hosts)
    assert again.code == 0, again.text
    assert [again.recap(host)["changed"] for host in hosts] == [0, 0, 0]
    assert all(nothing_but_cim(run) for run in (check, real, again))
    assert not again.writes
    assert {entry.encrypted for entry in again.requests if entry.host == "hv01"} == {True}


def test_loops_authenticate_once(sim: simulator.Simulation, playbook: Playbooks) -> None:
    task = {"nested.hyperv.vm_processor": {"name": "{{ item }}", "weight": 200}, "loop": ["lab01", "lab02", "lab03"]}
    ended = playbook({"tasks": [task]})
    assert ended.code == 0, ended.text
    assert len(ended.connections) == 1


def test_async_is_refused(sim: simulator.Simulation, playbook: Playbooks) -> None:
    task = {"nested.hyperv.vm_memory": {"name": "lab01", "startup": "2GB"}, "async": 10, "poll": 1}
    ended = playbook({"tasks": [task]})
    assert ended.code == 2
    # ansible-core up to 2.18 says it in other words.
    assert re.search("does not support async|async is not supported", ended.text)
    assert not ended.requests


def test_basic_over_http_warns_and_https_does_not(sim: simulator.Simulation, playbook: Playbooks) -> None:
    hosts = {
        "plain": variables(sim, "hv03", ansible_winrm_transport="basic"),
        "tls": variables(sim, "hv03", "https", ansible_winrm_transport="basic"),
    }
    ended = playbook({"tasks": [{"nested.hyperv.vm_info": {}}]}, hosts=hosts)
    assert ended.code == 0, ended.text
    words = " ".join(ended.text.split())
    assert "[WARNING]: plain: the password travels unencrypted" in words
    assert "tls: the password" not in words


def test_ipv6(tmp_path: Path) -> None:
    with simulator.start(MODEL, host="::1") as sim:
        hosts = {"hv01": variables(sim, "hv01"), "hv02": psrp(sim, "hv02")}
        assert hosts["hv01"]["ansible_host"] == "::1"
        tasks = [{"nested.hyperv.vm_memory": {"name": "lab01", "startup": "2GB"}}]
        ended = Playbooks(sim, tmp_path)({"tasks": tasks}, hosts=hosts)
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
    import_module(f"{package}.modules.{name}")
print(*sorted(name for name in set(sys.modules) - before if not name.startswith(f"{package}.modules")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *collection.modules()], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("connection", ["local", "ssh"])
def test_another_connection_is_refused(playbook: Playbooks, connection: str) -> None:
    hosts = {"hv01": {"ansible_connection": connection}}
    ended = playbook({"tasks": [{"nested.hyperv.vm_info": {}}]}, hosts=hosts)
    assert ended.code == 2
    assert f"hv01: the connection is '{connection}'" in ended.text
    assert "ansible_connection: winrm" in ended.text
