"""Many single tasks on VMs in every state: check mode, the real run and the run after that agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import (
    Outcome,
    Task,
    incomplete,
    three_runs_each,
    unforeseen,
)

GUEST = {"shutdown_seconds": 0.1}
VM = {"processors": 2, "memory": "2GB", "adapters": [{"name": "LAN", "switch": "LAN"}]}


def disk(name: str) -> dict[str, Any]:
    return {"path": rf"D:\vms\{name}.vhdx", "size": "10GB"}


def host(os: str) -> dict[str, Any]:
    states = ("off", "running", "saved", "paused")
    vms = [{**VM, "name": state, "state": state, "disks": [disk(state)], "guest": GUEST} for state in states]
    old = {
        **VM,
        "name": "old",
        "generation": 1,
        "version": "8.0",
        "state": "running",
        "disks": [disk("old")],
        "guest": GUEST,
    }
    plain = {"name": "plain", "state": "running", "memory": "2GB", "guest": {"integration_services": False}}
    tree = {
        **VM,
        "name": "tree",
        "disks": [disk("tree")],
        "checkpoints": [{"name": "c1", "children": [{"name": "c2"}]}],
    }
    return {
        "name": "hv01",
        "os": os,
        "memory": "32GB",
        "cpu": {"logical_processors": 8, "threads": 2},
        "switches": [
            {"name": "LAN", "type": "internal"},
            {"name": "Out", "type": "external", "adapters": ["Ethernet"]},
        ],
        "network_adapters": [{"name": "Ethernet"}, {"name": "Ethernet 2"}],
        "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}],
        "folders": [r"D:\vms"],
        "files": [
            {"path": r"D:\images\base.vhdx", "size": "40GB"},
            {"path": r"D:\iso\a.iso", "size": "1GB"},
            {"path": r"D:\vms\fixed.vhdx", "size": "1GB", "read_only": True},
        ],
        "vms": [*vms, old, plain, tree],
    }


NAMES = ("off", "running", "saved", "paused", "old", "plain", "tree")
FREE = {"allow_power_cycle": True, "discard_saved_state": True}
CUT = {**FREE, "force_off": True}

# Options of each module, tried on every VM as `name` (or `vm`).
SETTINGS: Mapping[str, list[dict[str, Any]]] = {
    "vm": [
        {"state": "off"},
        {"state": "running"},
        {"state": "saved"},
        {"state": "paused"},
        {"state": "off", "force_off": True, "discard_saved_state": True},
        {"state": "restarted", "force_off": True, "discard_saved_state": True},
        {"state": "absent"},
        {"state": "absent", "force_off": True, "delete_disks": True},
        {"state": "absent", "force_off": True, "delete_disks": True, "remove_checkpoints": True},
        {"generation": 2},
        {"version": "1.0"},
        {"version": "10.0"},
        {"version": "latest", "upgrade_version": True, **CUT},
        {"version": "latest", "upgrade_version": True, "discard_saved_state": True},
        {"notes": "a\nb", "automatic_start": {"action": "nothing"}},
        {"processor": {"count": 4}, **CUT},
        {"processor": {"count": 9}, **CUT},
        {"processor": {"threads_per_core": 3}, **CUT},
        {"memory": {"startup": "3GB"}, **CUT},
        {"memory": {"startup": "64GB"}, **CUT},
        {"memory": {"startup": "64GB"}, "state": "running", **CUT},
        {"memory": {"minimum": "512MB"}},
        {"firmware": {"secure_boot": False}, **CUT},
        {"firmware": {"boot_order": ["network", "disk"]}, **CUT},
        {"firmware": {"boot_order": ["dvd"]}, **CUT},
        {"tpm": True, **CUT},
        {"checkpoints": {"type": "disabled"}},
        {"integration_services": {"vss": False, "shutdown": False}},
        {"disks": [{"path": r"D:\vms\more.vhdx", "size": "1GB"}, {"path": r"D:\vms\m2.vhdx", "size": "1GB"}]},
        {"disks": [{"path": r"D:\vms\child.vhdx", "parent": r"D:\images\base.vhdx"}], **CUT},
        {"disks": [{"path": r"Z:\vms\more.vhdx", "size": "1GB"}]},
        {"dvd_drives": [{"path": r"D:\iso\a.iso"}], **CUT},
        {"network_adapters": [{"name": "LAN", "mac_spoofing": True}, {"name": "New", "switch": "Out"}], **CUT},
        {"nesting": {"state": "enabled", "mac_spoofing": True, "static_memory": True}, **CUT},
    ],
    "vm_processor": [{"count": 1}, {"count": 4, **FREE}, {"weight": 200}, {"reserve": 60, "limit": 50}],
    "vm_memory": [{"startup": "3GB"}, {"dynamic": True, **FREE}, {"priority": 10}, {"startup": "64GB", **FREE}],
    "vm_nesting": [{}, {**FREE}, {"network": "mac_spoofing", **CUT}],
}
PARTS: Mapping[str, list[dict[str, Any]]] = {
    "vm_disk": [
        {"path": r"D:\vms\new.vhdx", "size": "1GB"},
        {"path": r"D:\vms\new.vhdx", "size": "1GB", "controller_type": "ide", **FREE},
        {"path": r"D:\vms\new.vhdx", "size": "2TB", "type": "fixed"},
        {"path": r"D:\vms\off.vhdx"},
        {"path": r"D:\vms\off.vhdx", "size": "20GB", **FREE},
        {"path": r"D:\vms\running.vhdx", "state": "absent", **FREE},
        {"path": r"D:\vms\running.vhdx", "state": "absent", "delete_file": True, **CUT},
        {"path": r"D:\vms\tree.vhdx", "state": "absent", "delete_file": True, **CUT},
        {"path": r"D:\vms\fixed.vhdx", "state": "absent", "delete_file": True},
        {"path": r"D:\vms\running.vhdx", "controller_location": 7, **CUT},
    ],
    "vm_dvd_drive": [{}, {"path": r"D:\iso\a.iso"}, {"path": r"D:\iso\none.iso"}, {"state": "absent"}],
    "vm_checkpoint": [
        {"name": "new"},
        {"name": "new", "type": "standard"},
        {"name": "c1", "new_name": "first"},
        {"name": "c1", "new_name": "c2"},
        {"name": "c1", "state": "applied", **FREE},
        {"name": "c2", "state": "absent"},
        {"name": "c1", "state": "absent", "include_children": True},
    ],
    "vm_network_adapter": [
        {"name": "New", "switch": "LAN", "vlan": {"mode": "access", "id": 7}},
        {"name": "LAN", "switch": "Out", "dhcp_guard": True},
        {"name": "LAN", "switch": "disconnected"},
        {"name": "LAN", "mac_address": "02-15-5D-01-02-03", **CUT},
        {"name": "LAN", "state": "absent", **CUT},
        {"name": "LAN", "switch": "none"},
    ],
}
OF_THE_HOST: list[tuple[str, dict[str, Any]]] = [
    ("host", {"vm_path": "d:/VMS/", "numa_spanning": False, "enhanced_session_mode": True}),
    ("host", {"disk_path": r"Z:\disks"}),
    ("host", {"mac_range": ["00-15-5D-0A-01-00", "00155D0A01FF"]}),
    ("vm", {"name": "new"}),
    ("vm", {"name": "new", "state": "running"}),
    ("vm", {"name": "new", "state": "paused"}),
    ("vm", {"name": "new", "generation": 1, "firmware": {"boot_order": ["disk"]}, "path": r"D:\vms"}),
    ("vm", {"name": "new", "path": r"Z:\vms"}),
    ("vm", {"name": "new", "version": "1.0"}),
    ("vm", {"name": "new", "version": "9"}),
    ("vm", {"name": "new", "version": "latest"}),
    ("vm", {"name": "a:b", "path": r"D:\vms"}),
    ("vm", {"name": "new", "memory": {"startup": "64GB", "dynamic": False}, "state": "running"}),
    ("vm", {"name": "new", "processor": {"count": 16}}),
    ("vm", {"name": "new", "disks": [{"path": r"D:\vms\a?.vhdx", "size": "1GB"}]}),
    ("virtual_switch", {"name": "New", "type": "external", "net_adapters": ["Ethernet 2"]}),
    ("virtual_switch", {"name": "New", "type": "external", "net_adapters": ["Ethernet"]}),
    ("virtual_switch", {"name": "Out", "type": "internal"}),
    ("virtual_switch", {"name": "Out", "allow_management_os": False}),
    ("virtual_switch", {"name": "LAN", "type": "private"}),
    ("virtual_switch", {"name": "LAN", "state": "absent"}),
    ("virtual_switch", {"name": "LAN", "state": "absent", "force": True}),
    ("nat_network", {"name": "lab", "switch": "LAN", "address": "192.168.7.1/24"}),
    ("nat_network", {"name": "lab", "switch": "New", "manage_switch": True, "address": "192.168.7.1/24"}),
    ("nat_network", {"name": "lab", "switch": "Out", "address": "192.168.7.1/24"}),
]


def triples(vm: str) -> Iterator[Task]:
    for options, modules in (("name", SETTINGS), ("vm", PARTS)):
        for module, tasks in modules.items():
            for args in tasks:
                yield Task(f"{module} {vm}: {args}", module, {options: vm, **args})


# Windows 11 takes automatic checkpoints, which matters for VMs that run or have checkpoints.
HOSTS = [*((vm, "server2022") for vm in NAMES), ("running", "windows11"), ("tree", "windows11")]


@pytest.mark.parametrize(("vm", "os"), HOSTS)
def test_check_mode_foresees_each_task_on_a_vm(vm: str, os: str) -> None:
    outcomes = three_runs_each({"hosts": [host(os)]}, list(triples(vm)))
    assert unforeseen(outcomes) == {}
    assert repeated(outcomes) == incomplete(outcomes) == []


def test_check_mode_foresees_each_task_on_the_host() -> None:
    tasks = [Task(f"{module}: {args}", module, args) for module, args in OF_THE_HOST]
    outcomes = three_runs_each({"hosts": [host("server2022")]}, tasks)
    assert unforeseen(outcomes) == {}
    assert repeated(outcomes) == incomplete(outcomes) == []


def repeated(outcomes: Sequence[Outcome]) -> list[str]:
    """Tasks that change something in the run after the one that succeeded, but for those that are documented to."""
    done = [outcome for outcome in outcomes if not outcome.real.get("failed")]
    always = ("restarted", "applied")
    return [
        outcome.task.name
        for outcome in done
        if outcome.again.get("changed") and outcome.task.args.get("state") not in always
    ]
