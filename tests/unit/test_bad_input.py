"""Bad input: each is a sentence with host, object, option and way out, and what has changed on the host is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes, task
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.web import web_servers

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
        {"name": "stopped", "services": {"vmms": "Stopped"}, "users": USERS, "vms": [{"name": "web01"}]},
        {"name": "strict", "without_rights": "denied", "users": USERS, "vms": [{"name": "web01"}]},
    ]
}
CYCLE = {"allow_power_cycle": True}


@pytest.mark.parametrize(
    ("module", "args", "words"),
    [
        ("vm_memory", {"name": "nosuch", "startup": "4GB"}, ("no VM has the name 'nosuch'", "vm_info")),
        ("vm_info", {"name": ["web01", "nosuch"]}, ("no VM has the name 'nosuch'", "vm_info")),
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
            ("VM 'lab01'", "minimum 1GB, startup 16GB and maximum 8GB", "set the other values"),
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
            ("state, static_memory", "'allow_power_cycle: true'"),
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
def test_a_refusal_names_host_object_and_way_out(
    shared_lab: Lab, module: str, args: dict[str, Any], words: tuple[str, ...]
) -> None:
    shared_lab.refuses(module, "hv01: ", *words, **args)


# Module, arguments, and the option that the failed result names; run_task asserts that it exists and is in the message.
NAMED_OPTIONS = [
    ("vm", {"name": "n" * 101}, "name"),
    ("vm", {"id": "00000000-0000-0000-0000-000000000001"}, "id"),
    ("vm", {"name": "new01", "path": "VMs"}, "path"),
    ("vm", {"name": "lab01", "generation": 1}, "generation"),
    ("vm", {"name": "lab01", "wait_for": "heartbeat"}, "wait_for"),
    ("vm", {"name": "nested01", "memory": {"minimum": "1GB"}}, "memory.minimum"),
    ("vm", {"name": "lab01", "memory": {"startup": "much"}}, "memory.startup"),
    ("vm", {"name": "lab01", "memory": {"priority": 101}}, "memory.priority"),
    ("vm", {"name": "lab01", "processor": {"count": 0}}, "processor.count"),
    ("vm", {"name": "lab01", "network_adapters": [{"name": "A", "switch": "No"}]}, "network_adapters.switch"),
    ("vm", {"name": "lab01", "network_adapters": [{"name": "A"}, {"name": "a"}]}, "network_adapters.name"),
    (
        "vm",
        {"name": "lab01", "network_adapters": [{"name": "A", "vlan": {"mode": "access", "id": 4095}}]},
        "network_adapters.vlan.id",
    ),
    ("vm", {"name": "lab01", "disks": [{"path": "x.vhdx"}]}, "disks.path"),
    ("vm", {"name": "lab01", "dvd_drives": [{"controller_type": "ide"}]}, "dvd_drives.controller_type"),
    ("vm", {"name": "lab01", "firmware": {"boot_order": ["disk:0:7"]}}, "firmware.boot_order"),
    ("vm", {"name": "lab01", "automatic_start": {"delay": -1}}, "automatic_start.delay"),
    ("vm", {"name": "lab01", "nesting": {"network": "mac_spoofing", "adapters": ["X"]}}, "nesting.adapters"),
    ("vm_memory", {"id": "nosuch"}, "id"),
    ("vm_memory", {"name": "nested01", "minimum": "1GB"}, "minimum"),
    ("vm_processor", {"name": "Twin", "count": 2}, "name"),
    ("vm_nesting", {"name": "lab01", "mac_spoofing": True, "adapters": ["WAN"]}, "adapters"),
    ("vm_network_adapter", {"vm": "Twin", "name": "LAN"}, "vm"),
    ("vm_network_adapter", {"vm_id": "x", "name": "LAN"}, "vm_id"),
    ("vm_network_adapter", {"vm": "lab01", "name": "LAN", "switch": "No"}, "switch"),
    ("vm_network_adapter", {"vm": "lab01", "name": "LAN", "mac_address": "01:00:5E:00:00:01"}, "mac_address"),
    ("vm_disk", {"vm_id": "x", "path": r"C:\x.vhdx"}, "vm_id"),
    ("vm_disk", {"path": "x.vhdx", "size": "1GB"}, "path"),
    ("vm_disk", {"path": r"C:\x.vhdx", "size": "much"}, "size"),
    ("vm_dvd_drive", {"vm": "lab01", "path": "x.iso"}, "path"),
    ("vm_checkpoint", {"vm": "lab01", "name": "  "}, "name"),
    ("virtual_switch", {"name": "New", "net_adapters": ["No"]}, "net_adapters"),
    ("nat_network", {"name": "n", "switch": "Lab", "address": "192.0.2.1"}, "address"),
    ("nat_network", {"name": "n", "switch": "No", "address": "198.51.100.1/24"}, "switch"),
]


@pytest.mark.parametrize(("module", "args", "option"), NAMED_OPTIONS)
def test_a_failed_result_names_the_option_by_its_full_path(
    shared_lab: Lab, module: str, args: dict[str, Any], option: str
) -> None:
    assert shared_lab.refuses(module, **args).get("option") == option


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
def test_options_are_checked_before_the_host_is_queried(
    shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]
) -> None:
    shared_lab.refuses("vm_memory", *words, **args)
    assert not shared_lab.requests


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
        ("stopped", {}, ("management service (vmms) doesn't run", "start it")),
        ("hv01", {"ansible_user": "reader"}, ("sees nothing of Hyper-V", "'Hyper-V Administrators' group")),
        ("hv01", {"ansible_user": "nobody"}, ("not allowed", "'Remote Management Users' and 'Hyper-V Administrators'")),
        ("strict", {"ansible_user": "reader"}, ("not allowed", "'Hyper-V Administrators'")),
    ],
)
@pytest.mark.parametrize(("module", "args"), [("vm_info", {}), ("vm_memory", {"name": "web01", "startup": "4GB"})])
def test_a_failed_connection_names_the_variables_to_check(
    shared_lab: Lab,
    host: str,
    overrides: dict[str, Any],
    words: tuple[str, ...],
    module: str,
    args: dict[str, Any],
) -> None:
    overrides = dict(overrides)
    if overrides.get("ansible_user") in PASSWORDS:
        overrides["ansible_password"] = PASSWORDS[overrides["ansible_user"]]
    host_vars = task.variables(shared_lab.sim, host, overrides.pop("scheme", "http"), **overrides)
    Lab(shared_lab.sim, host, host_vars).refuses(module, f"{host}: ", *words, **args)


def test_a_web_server_that_is_not_a_winrm_endpoint_is_recognised(shared_lab: Lab) -> None:
    page = (200, {"Content-Type": "text/html"}, b"<html><body>It works!</body></html>")
    with web_servers() as serve:
        port = serve(lambda _request: page).port
        lab = Lab(shared_lab.sim, "hv01", {**shared_lab.variables, "ansible_port": port})
        lab.fails("vm_info", f"127.0.0.1:{port}/wsman is not a WinRM endpoint", "ansible_port")


@pytest.mark.parametrize(
    ("vm", "more", "words", "asked"),
    [
        ("locked01", {}, ("refused to shut down", "locked"), False),
        (
            "hanging01",
            {"shutdown_timeout": 1},
            ("gave up after 1 s to shut down", "may still go off", "start it with state: running"),
            True,
        ),
        ("blind01", {}, ("refused to shut down", "not ready"), False),
    ],
)
def test_a_guest_that_does_not_shut_down_keeps_running_unless_forced(
    lab: Lab, vm: str, more: dict[str, Any], words: tuple[str, ...], asked: bool
) -> None:
    before = lab.state()
    args = {"name": vm, "startup": "2GB", **CYCLE, **more}
    result = lab.fails("vm_memory", f"VM '{vm}'", "'force_off: true'", *words, **args)
    assert result["power_cycled"] is False
    assert result["changed"] is bool(result.get("uncertain")) is asked, "a guest that was asked may still go off"
    assert lab.state() == before
    forced = lab.run("vm_memory", **args, force_off=True)
    assert (forced["changed"], forced["power_cycled"]) == (True, True), "the way out that the message names"
    assert lab.vm(vm).running


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
@pytest.mark.parametrize("do", ["fail_job", "fault"])
def test_a_failure_in_the_middle_says_what_has_changed(
    lab: Lab, vm: str, rule: dict[str, Any], done: list[str], do: str
) -> None:
    before = lab.state()
    more = {"code": 32773, "text": "The disk is on fire."} if do == "fail_job" else {}
    lab.sim.faults.add(simulator.Rule(do=do, **rule, **more))
    words = ("The disk is on fire.", f"VM '{vm}'") if do == "fail_job" else ()
    result = lab.fails("vm_nesting", *words, name=vm, **NEST)
    assert result["changed"] is bool(done)
    assert list(result.get("diff", {}).get("after", {})) == done
    assert len(result.get("completed", [])) == len(done)
    assert result["power_cycled"] is (vm == "web01")
    assert lab.vm(vm).running is (vm == "web01"), "a VM that ran must run again"
    names = {name for properties in changes.difference(before, lab.state()).values() for name in properties}
    properties = {"virtualization_extensions": "ExposeVirtualizationExtensions", "dynamic": "DynamicMemoryEnabled"}
    assert names & set(properties.values()) == {properties[option] for option in done}

    lab.succeeds("vm_nesting", name=vm, **NEST)
    lab.leaves_alone("vm_nesting", name=vm, **NEST)


def test_the_failure_to_start_a_vm_again_is_reported_with_the_change(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", times=0, text="Not enough memory."))
    result = lab.fails("vm_memory", "start VM 'web01'", "Not enough memory.", name="web01", startup="2GB", **CYCLE)
    assert (result["changed"], result["power_cycled"]) == (True, False), "off, but not on again"
    assert "VM 'web01' is off; start it with state: running" in result["msg"]
    assert "VM 'web01' has its previous settings again" in result["msg"]
    assert "diff" not in result
    assert not lab.vm("web01").running


def test_a_failed_change_and_a_failed_start_are_both_reported(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="ModifyResourceSettings", text="The disk is on fire."))
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="RequestStateChange", times=0, text="Not enough memory."))
    words = ("The disk is on fire.", "Not enough memory.", "VM 'web01' is off; start it with state: running")
    result = lab.fails("vm_memory", *words, name="web01", startup="2GB", **CYCLE)
    assert result["changed"] is True, "the VM ran before"
    assert "diff" not in result
