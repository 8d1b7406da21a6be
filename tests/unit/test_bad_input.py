"""Bad input: each is a sentence with host, object, option and way out, and what has changed on the host is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import bridge

PASSWORDS = {"administrator": "Adm1n!secret", "reader": "Re4der!secret", "nobody": "N0body!secret"}
USERS = [
    {"name": "administrator", "password": PASSWORDS["administrator"]},
    {"name": "reader", "password": PASSWORDS["reader"], "groups": ["Remote Management Users"]},
    {"name": "nobody", "password": PASSWORDS["nobody"], "groups": ["Users"]},
]
MEMORY = {"startup": "4GB", "dynamic": True, "minimum": "1GB", "maximum": "8GB"}
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "users": USERS,
            "switches": [{"name": "Lab", "type": "internal"}],
            "vms": [
                {"name": "web01", "state": "running", "memory": MEMORY, "adapters": [{"name": "LAN", "switch": "Lab"}]},
                {"name": "lab01", "memory": MEMORY, "adapters": [{"name": "LAN", "switch": "Lab"}]},
                {"name": "saved01", "state": "saved", "memory": MEMORY},
                {"name": "paused01", "state": "paused", "memory": MEMORY},
                {"name": "twin", "memory": MEMORY},
                {"name": "TWIN", "memory": MEMORY},
                {"name": "nested01", "state": "running", "nested": True, "memory": "4GB"},
                {"name": "old01", "version": "5.0"},
                {"name": "locked01", "state": "running", "memory": MEMORY, "guest": {"shutdown": "locked"}},
                {"name": "hanging01", "state": "running", "memory": MEMORY, "guest": {"shutdown": "hang"}},
                {"name": "blind01", "state": "running", "memory": MEMORY, "guest": {"integration_services": False}},
            ],
        },
        {"name": "bare", "hyperv": False, "users": USERS},
        {"name": "strict", "without_rights": "denied", "users": USERS, "vms": [{"name": "web01"}]},
    ]
}
CYCLE = {"allow_power_cycle": True}


@pytest.fixture(scope="module")
def shared() -> Iterator[simulator.Simulation]:
    """For tests that change nothing on the hosts, which each of them makes sure of."""
    with simulator.start(MODEL) as sim:
        yield sim
    bridge.forget_connections()


@pytest.fixture
def sim() -> Iterator[simulator.Simulation]:
    with simulator.start(MODEL) as fresh:
        yield fresh
    bridge.forget_connections()


def refusal(
    sim: simulator.Simulation, host: str, action: str, args: Mapping[str, Any], host_vars: Mapping[str, Any]
) -> dict[str, Any]:
    """The failed result, which check mode must foresee, of a task that leaves the host alone and sends no write."""
    before = bridge.state(sim.machines[host])
    sim.log.clear()
    check = bridge.run_task(host, host_vars, f"nested.hyperv.{action}", args, check=True)
    assert not bridge.writes(sim.log.requests())
    real = bridge.run_task(host, host_vars, f"nested.hyperv.{action}", args)
    assert real["failed"] is True
    assert real["changed"] is False
    assert real["msg"] == check["msg"]
    assert not bridge.writes(sim.log.requests())
    assert not bridge.difference(before, bridge.state(sim.machines[host]))
    without_password(real)
    return real


def without_password(result: Mapping[str, Any] | str) -> None:
    text = result if isinstance(result, str) else json.dumps(result, default=str)
    assert not [password for password in (*PASSWORDS.values(), "Wr0ng!secret") if password in text]


@pytest.mark.parametrize(
    ("action", "args", "words"),
    [
        ("vm_memory", {"name": "nosuch", "startup": "4GB"}, ("no VM has the name 'nosuch'", "vm_info")),
        ("vm_info", {"name": ["web01", "nosuch"]}, ("no VM has the name or id 'nosuch'", "vm_info")),
        ("vm_memory", {"id": "nosuch"}, ("id: 'nosuch' is not a VM id", "looks like")),
        (
            "vm_nesting",
            {"id": "00000000-0000-0000-0000-000000000001"},
            ("no VM has the id 00000000-0000-0000-0000-000000000001",),
        ),
        ("vm_processor", {"name": "Twin", "count": 2}, ("2 VMs share the name 'Twin'", "choose one by 'id'")),
        (
            "vm_memory",
            {"name": "lab01", "startup": "16GB"},
            ("VM 'lab01'", "minimum 1GB, startup 16GB and maximum 8GB", "move along"),
        ),
        ("vm_memory", {"name": "lab01", "startup": "much"}, ("startup: 'much' is not a size", "such as 4GB")),
        ("vm_memory", {"name": "lab01", "minimum": "16MB"}, ("minimum: 16MB is out of range", "from 32MB to 240TB")),
        ("vm_memory", {"name": "lab01", "startup": 4294967297}, ("startup: ", "VM 'lab01'", "multiple of 2MB")),
        ("vm_memory", {"name": "nested01", "maximum": "8GB"}, ("maximum: VM 'nested01' has static memory", "dynamic")),
        ("vm_processor", {"name": "lab01", "reserve": 60, "limit": 50}, ("VM 'lab01'", "reserve of 60 %", "limit")),
        ("vm_processor", {"name": "lab01", "count": 0}, ("count: 0 is out of range", "from 1 to 2048")),
        (
            "vm_memory",
            {"name": "web01", "startup": "3GB"},
            ("VM 'web01' is running", "changing startup needs it off", "'allow_power_cycle: true'"),
        ),
        (
            "vm_nesting",
            {"name": "web01", "static_memory": True},
            ("virtualization_extensions, dynamic", "'allow_power_cycle: true'"),
        ),
        (
            "vm_memory",
            {"name": "nested01", "startup": "8GB"},
            ("VM 'nested01' is running", "while Hyper-V runs inside", "rule nested-memory-off", "allow_power_cycle"),
        ),
        (
            "vm_processor",
            {"name": "saved01", "count": 4, **CYCLE},
            ("VM 'saved01' is saved", "not off", "changing count", "'discard_saved_state: true'"),
        ),
        (
            "vm_processor",
            {"name": "paused01", "count": 4, **CYCLE},
            ("VM 'paused01' is paused", "changing count", "Resume it", "'force_off: true'"),
        ),
        (
            "vm_nesting",
            {"name": "old01"},
            ("VM 'old01' can't run Hyper-V on this host", "8.0 or later", "found version 5.0", "upgrade"),
        ),
        (
            "vm_nesting",
            {"name": "lab01", "mac_spoofing": True, "adapters": ["WAN"]},
            ("adapters: VM 'lab01' has no network adapter 'WAN'", "it has 'LAN'"),
        ),
    ],
)
def test_task(shared: simulator.Simulation, action: str, args: dict[str, Any], words: tuple[str, ...]) -> None:
    result = refusal(shared, "hv01", action, args, bridge.variables(shared, "hv01"))
    assert result["msg"].startswith("hv01: ")
    assert [word for word in words if word not in result["msg"]] == [], result["msg"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"startup": "4GB"}, ("one of the following is required: name, id",)),
        ({"name": "web01", "id": "x"}, ("mutually exclusive: name|id",)),
        ({"name": "web01", "dynamic": "perhaps"}, ("'dynamic'", "'perhaps'")),
        ({"name": "web01", "hypervisor_in_guest": "no"}, ("hypervisor_in_guest", "auto, assume, ignore")),
        ({"name": "web01", "size": "4GB"}, ("(nested.hyperv.vm_memory)", "size", "Supported parameters")),
    ],
)
def test_options_are_checked_before_the_host_is_asked(
    shared: simulator.Simulation, args: dict[str, Any], words: tuple[str, ...]
) -> None:
    result = refusal(shared, "hv01", "vm_memory", args, bridge.variables(shared, "hv01"))
    assert not shared.log.requests()
    assert all(word in result["msg"] for word in words), result["msg"]


@pytest.mark.parametrize(
    ("host", "overrides", "words"),
    [
        (
            "hv01",
            {"ansible_password": "Wr0ng!secret"},
            ("rejects the credentials of the user administrator", "ansible_password"),
        ),
        ("hv01", {"ansible_user": "stranger"}, ("rejects the credentials of the user stranger", "ansible_user")),
        (
            "hv01",
            {"ansible_winrm_transport": "plaintext"},
            ("does not offer what the transport basic needs", "Negotiate", "ansible_winrm_transport"),
        ),
        ("hv01", {"ansible_port": 9}, ("refuses the connection", "5985", "ansible_port")),
        ("hv01", {"ansible_host": "no-such-host.invalid"}, ("no-such-host.invalid cannot be resolved", "ansible_host")),
        (
            "hv01",
            {"scheme": "https", "ansible_winrm_ca_trust_path": None},
            ("certificate", "self-signed", "ansible_winrm_ca_trust_path"),
        ),
        (
            "hv01",
            {
                "scheme": "https",
                "ansible_winrm_ca_trust_path": None,
                "ansible_connection": "psrp",
                "ansible_psrp_protocol": "https",
            },
            ("certificate", "self-signed", "ansible_psrp_ca_cert"),
        ),
        ("hv01", {"ansible_winrm_scheme": "https"}, ("does not speak TLS", "ansible_winrm_scheme")),
        ("hv01", {"ansible_winrm_path": "/other"}, ("/other is not a WinRM endpoint", "HTTP 404", "path")),
        ("bare", {}, ("Hyper-V is not installed on this host", "vmms")),
        ("hv01", {"ansible_user": "reader"}, ("sees nothing of Hyper-V", "'Hyper-V Administrators' group")),
        ("hv01", {"ansible_user": "nobody"}, ("not allowed", "'Hyper-V Administrators' group")),
        ("strict", {"ansible_user": "reader"}, ("not allowed", "'Hyper-V Administrators' group")),
    ],
)
@pytest.mark.parametrize(("action", "args"), [("vm_info", {}), ("vm_memory", {"name": "web01", "startup": "4GB"})])
def test_connection(
    shared: simulator.Simulation,
    host: str,
    overrides: dict[str, Any],
    words: tuple[str, ...],
    action: str,
    args: dict[str, Any],
) -> None:
    overrides = dict(overrides)
    if overrides.get("ansible_user") in PASSWORDS:
        overrides["ansible_password"] = PASSWORDS[overrides["ansible_user"]]
    host_vars = bridge.variables(shared, host, overrides.pop("scheme", "http"), **overrides)
    result = refusal(shared, host, action, args, host_vars)
    assert result["msg"].startswith(f"{host}: ")
    assert [word for word in words if word not in result["msg"]] == [], result["msg"]


class Website(BaseHTTPRequestHandler):
    """A web server that takes anything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<html><body>It works!</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_not_a_winrm_endpoint(shared: simulator.Simulation) -> None:
    with HTTPServer(("127.0.0.1", 0), Website) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        host_vars = bridge.variables(shared, "hv01", ansible_port=server.server_address[1])
        result = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_info", {})
        server.shutdown()
    assert result["failed"] is True
    assert f"127.0.0.1:{host_vars['ansible_port']}/wsman is not a WinRM endpoint" in result["msg"]
    assert "ansible_port" in result["msg"]
    without_password(result)


@pytest.mark.parametrize(
    ("vm", "more", "words"),
    [
        ("locked01", {}, ("refused to shut down", "locked")),
        ("hanging01", {"shutdown_timeout": 1}, ("gave up after 1 s to shut down",)),
        ("blind01", {}, ("refused to shut down", "not ready")),
    ],
)
def test_a_guest_that_does_not_shut_down(
    sim: simulator.Simulation, vm: str, more: dict[str, Any], words: tuple[str, ...]
) -> None:
    before, host_vars = bridge.state(sim.machines["hv01"]), bridge.variables(sim, "hv01")
    args = {"name": vm, "startup": "2GB", **CYCLE, **more}
    result = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_memory", args)
    assert result["failed"] is True
    assert all(word in result["msg"] for word in (f"VM '{vm}'", "'force_off: true'", *words)), result["msg"]
    assert result["changed"] is result["power_cycled"] is False
    assert not bridge.difference(before, bridge.state(sim.machines["hv01"]))
    forced = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_memory", {**args, "force_off": True})
    assert (forced["changed"], forced["power_cycled"]) == (True, True), "the way out that the message names"
    assert sim.machines["hv01"].vm(vm).running


NEST = {"state": "enabled", "static_memory": True, "mac_spoofing": True, **CYCLE}


@pytest.mark.parametrize("vm", ["lab01", "web01"])
@pytest.mark.parametrize(
    ("rule", "done"),
    [
        ({"method": "ModifyResourceSettings", "at": 1}, []),
        ({"method": "ModifyResourceSettings", "at": 2}, ["virtualization_extensions"]),
        ({"method": "AddFeatureSettings", "at": 1}, ["virtualization_extensions", "dynamic"]),
    ],
)
@pytest.mark.parametrize("do", ["fail_job", "fault", "lose"])
def test_a_failure_in_the_middle_says_what_has_changed(
    sim: simulator.Simulation, vm: str, rule: dict[str, Any], done: list[str], do: str
) -> None:
    machine, host_vars = sim.machines["hv01"], bridge.variables(sim, "hv01")
    before = bridge.state(machine)
    more = {"code": 32773, "text": "The disk is on fire."} if do == "fail_job" else {}
    sim.faults.add(simulator.Rule(do=do, **rule, **more))
    result = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_nesting", {"name": vm, **NEST})
    assert result["failed"] is True
    assert result["msg"].startswith("hv01: ")
    without_password(result)
    assert result["changed"] is bool(done)
    assert list(result.get("diff", {}).get("after", {})) == done
    assert len(result.get("completed", [])) == len(done)
    assert result["power_cycled"] is (vm == "web01")
    assert machine.vm(vm).running is (vm == "web01"), "a VM that ran must run again"
    if do == "fail_job":
        assert "The disk is on fire." in result["msg"]
        assert f"VM '{vm}'" in result["msg"]
    if do != "lose":  # then the host has done one thing more than it could tell
        names = {
            name for properties in bridge.difference(before, bridge.state(machine)).values() for name in properties
        }
        properties = {"virtualization_extensions": "ExposeVirtualizationExtensions", "dynamic": "DynamicMemoryEnabled"}
        assert names & set(properties.values()) == {properties[option] for option in done}

    again = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_nesting", {"name": vm, **NEST})
    assert again.get("failed") is not True, again
    once_more = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_nesting", {"name": vm, **NEST})
    assert once_more["changed"] is False, "running the task again finishes the work"


def test_a_vm_that_does_not_start_again_is_told(sim: simulator.Simulation) -> None:
    sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", times=0, text="Not enough memory."))
    host_vars = bridge.variables(sim, "hv01")
    result = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_memory", {"name": "web01", "startup": "2GB", **CYCLE})
    assert result["failed"] is True
    assert "start VM 'web01'" in result["msg"]
    assert "Not enough memory." in result["msg"]
    assert result["changed"] is result["power_cycled"] is True
    assert result["diff"]["after"] == {"startup": "2GB"}
    assert not sim.machines["hv01"].vm("web01").running


def test_neither_the_change_nor_the_start_afterwards(sim: simulator.Simulation) -> None:
    sim.faults.add(simulator.Rule(do="fail_job", method="ModifyResourceSettings", text="The disk is on fire."))
    sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", times=0, text="Not enough memory."))
    host_vars = bridge.variables(sim, "hv01")
    result = bridge.run_task("hv01", host_vars, "nested.hyperv.vm_memory", {"name": "web01", "startup": "2GB", **CYCLE})
    assert all(words in result["msg"] for words in ("The disk is on fire.", "Not enough memory.", "is now off"))
    assert result["changed"] is False


Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run one task with ansible-playbook on a host with these variables."""

    def run(host_vars: dict[str, Any], task: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        inventory, playbook = tmp_path / "inventory.yml", tmp_path / "play.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {"hv01": host_vars}}}))
        playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, playbook]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ.copy())

    return run


@pytest.mark.parametrize("connection", ["local", "ssh"])
def test_another_connection(play: Play, connection: str) -> None:
    host_vars = {"ansible_connection": connection, "ansible_password": PASSWORDS["administrator"]}
    done = play(host_vars, {"nested.hyperv.vm_info": {}})
    assert done.returncode == 2
    assert f"hv01: the connection is '{connection}'" in done.stdout
    assert "ansible_connection: winrm" in done.stdout
    without_password(done.stdout + done.stderr)
