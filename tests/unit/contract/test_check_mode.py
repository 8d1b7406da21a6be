"""Check mode across tasks: what earlier tasks of a check would have changed, later ones find."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.harness.checks import Task, check_run, incomplete, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import open_lab

MODEL = Path(__file__).with_name("model.yml")

# Plays on one host, each with the tasks that build on what earlier ones did.
HOST: Mapping[str, Any] = {
    "name": "hv01",
    "memory": "64GB",
    "switches": [{"name": "LAN", "type": "internal"}],
    "network_adapters": [
        {"name": "Ethernet", "addresses": ["192.0.2.10/24"], "gateway": "192.0.2.1"},
        {"name": "Ethernet 2"},
    ],
    "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}],
    "folders": [r"D:\vms"],
    "files": [{"path": r"D:\images\base.vhdx", "size": "40GB"}, {"path": r"D:\iso\setup.iso", "size": "1GB"}],
    "vms": [
        {
            "name": "db",
            "state": "running",
            "processors": 2,
            "memory": "4GB",
            "disks": [{"path": r"D:\vms\db.vhdx", "size": "40GB"}, {"path": r"D:\vms\extra.vhdx", "size": "10GB"}],
            "adapters": [{"name": "LAN", "switch": "LAN"}],
            "guest": {"shutdown_seconds": 0.1},
        },
        {"name": "web", "processors": 2, "memory": "4GB", "disks": [{"path": r"D:\vms\web.vhdx", "size": "40GB"}]},
        {"name": "xp", "generation": 1, "memory": "4GB", "disks": [{"path": r"D:\vms\xp.vhdx", "size": "40GB"}]},
        {"name": "kept", "state": "saved", "memory": "2GB", "disks": [{"path": r"D:\vms\kept.vhdx", "size": "10GB"}]},
        {
            "name": "tree",
            "memory": "2GB",
            "disks": [{"path": r"D:\vms\tree.vhdx", "size": "10GB"}],
            "checkpoints": [{"name": "root", "children": [{"name": "leaf", "current": True}]}],
        },
    ],
}
NEW = {
    "name": "fresh",
    "path": r"D:\vms",
    "memory": {"startup": "2GB", "dynamic": False},
    "disks": [{"path": r"D:\vms\fresh\fresh.vhdx", "size": "20GB"}],
}

PLAYS: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]] = {
    "power: settings that need the VM off": [
        ("vm", {"name": "db", "state": "off"}),
        ("vm_processor", {"name": "db", "count": 4}),
        ("vm_memory", {"name": "db", "dynamic": True}),
        ("vm_nesting", {"name": "db", "static_memory": True}),
        ("vm", {"name": "db", "state": "running"}),
        ("vm_processor", {"name": "db", "count": 2}),
        ("vm_processor", {"name": "db", "count": 2, "allow_power_cycle": True}),
        ("vm_processor", {"name": "db", "count": 2}),
        ("vm", {"name": "db", "state": "saved"}),
        ("vm_memory", {"name": "db", "priority": 10}),
        ("vm", {"name": "kept", "state": "off", "discard_saved_state": True}),
        ("vm_memory", {"name": "kept", "startup": "1GB"}),
        ("vm_info", {"name": ["db", "kept"]}),
    ],
    "disks: detached, attached and moved": [
        ("vm_disk", {"vm": "db", "path": r"D:\vms\extra.vhdx", "state": "absent"}),
        ("vm_disk", {"vm": "db", "path": r"D:\vms\extra.vhdx", "state": "absent"}),
        ("vm_disk", {"vm": "web", "path": r"D:\vms\extra.vhdx"}),
        ("vm_disk", {"vm": "xp", "path": r"D:\vms\extra.vhdx"}),
        ("vm_disk", {"path": r"D:\vms\more.vhdx", "size": "5GB"}),
        ("vm_disk", {"path": r"D:\vms\MORE.vhdx", "size": "8GB"}),
        ("vm_disk", {"path": r"D:\vms\more.vhdx", "size": "6GB"}),
        ("vm_disk", {"vm": "web", "path": r"D:\vms\more.vhdx", "controller_location": 5}),
        ("vm_disk", {"vm": "web", "path": r"D:\vms\more.vhdx", "controller_location": 6}),
        ("vm_disk", {"path": r"D:\vms\child.vhdx", "parent": r"D:\vms\more.vhdx"}),
        ("vm_disk", {"path": r"D:\vms\more.vhdx", "state": "absent", "delete_file": True}),
        ("vm_disk", {"vm": "web", "path": r"D:\vms\more.vhdx", "state": "absent", "delete_file": True}),
        ("vm_disk", {"path": r"D:\vms\more.vhdx"}),
        ("vm_disk", {"path": r"D:\vms\child.vhdx", "parent": r"D:\images\base.vhdx"}),
        ("vm_dvd_drive", {"vm": "web", "path": r"D:\iso\setup.iso"}),
        ("vm_dvd_drive", {"vm": "web", "path": r"D:\iso\setup.iso"}),
        ("vm_dvd_drive", {"vm": "web", "state": "absent"}),
        ("vm_info", {"name": ["web"], "include": ["disks", "dvd_drives", "firmware"]}),
    ],
    "checkpoints: created, applied and deleted": [
        ("vm_checkpoint", {"vm": "web", "name": "clean"}),
        ("vm_checkpoint", {"vm": "web", "name": "CLEAN"}),
        ("vm_disk", {"path": r"D:\vms\web.vhdx", "size": "50GB"}),
        ("vm_processor", {"name": "web", "count": 1}),
        ("vm_checkpoint", {"vm": "web", "name": "second"}),
        ("vm_checkpoint", {"vm": "web", "name": "second", "new_name": "Clean"}),
        ("vm_checkpoint", {"vm": "web", "name": "second", "new_name": "third"}),
        ("vm_checkpoint", {"vm": "web", "name": "second", "new_name": "third"}),
        ("vm_checkpoint", {"vm": "web", "name": "second", "state": "applied"}),
        ("vm_checkpoint", {"vm": "web", "name": "third", "new_name": "second"}),
        ("vm_checkpoint", {"vm": "web", "name": "clean", "state": "applied"}),
        ("vm_processor", {"name": "web", "count": 2}),
        ("vm_checkpoint", {"vm": "web", "name": "clean", "state": "absent", "include_children": True}),
        ("vm_checkpoint", {"vm": "web", "name": "second", "state": "applied"}),
        ("vm_disk", {"path": r"D:\vms\web.vhdx", "size": "50GB"}),
        ("vm", {"name": "web", "checkpoints": {"type": "disabled"}}),
        ("vm_checkpoint", {"vm": "web", "name": "none"}),
        ("vm_checkpoint", {"vm": "tree", "name": "root", "new_name": "base"}),
        ("vm_info", {"name": ["tree"], "include": ["checkpoints"]}),
        ("vm_checkpoint", {"vm": "tree", "name": "root", "state": "applied"}),
        ("vm_checkpoint", {"vm": "tree", "name": "base", "new_name": "root"}),
        ("vm_checkpoint", {"vm": "tree", "name": "root", "state": "applied"}),
        ("vm_checkpoint", {"vm": "tree", "name": "root", "state": "absent"}),
        ("vm", {"name": "tree", "state": "absent"}),
        ("vm", {"name": "tree", "state": "absent", "remove_checkpoints": True, "delete_disks": True}),
        ("vm_disk", {"path": r"D:\vms\tree.vhdx"}),
    ],
    "VMs: removed, created and created again": [
        ("vm", {"name": "xp", "state": "absent", "delete_disks": True}),
        ("vm", {"name": "xp", "generation": 2, "disks": [{"path": r"D:\vms\xp.vhdx", "size": "20GB"}]}),
        ("vm", {"name": "xp", "generation": 1}),
        ("vm", NEW),
        ("vm", NEW),
        ("vm_memory", {"name": "fresh", "startup": "2GB"}),
        ("vm_memory", {"name": "fresh", "minimum": "1GB"}),
        ("vm_disk", {"vm": "fresh", "path": r"D:\vms\fresh\data.vhdx", "size": "1GB", "controller_type": "ide"}),
        ("vm_disk", {"vm": "fresh", "path": r"D:\vms\fresh\data.vhdx", "size": "1GB"}),
        ("vm_disk", {"vm": "fresh", "path": r"D:\vms\web.vhdx"}),
        ("vm_network_adapter", {"vm": "fresh", "name": "eth0", "switch": "NoSuchSwitch"}),
        ("vm_network_adapter", {"vm": "fresh", "name": "eth0", "switch": "LAN", "vlan": {"mode": "access", "id": 5}}),
        ("vm_network_adapter", {"vm": "fresh", "name": "eth0", "switch": "LAN", "mac_spoofing": True}),
        ("vm_dvd_drive", {"vm": "fresh", "path": r"D:\iso\none.iso"}),
        ("vm_dvd_drive", {"vm": "fresh", "path": r"D:\iso\setup.iso"}),
        ("vm_nesting", {"name": "fresh", "network": "mac_spoofing", "minimum_startup_memory": "4GB"}),
        ("preflight", {"vm": "fresh", "report_only": True}),
        ("preflight", {"vm": "fresh", "scenario": "isolated_containers"}),
        ("vm", {"name": "fresh", "firmware": {"boot_order": ["network", "disk"], "secure_boot": False}}),
        ("vm", {"name": "fresh", "integration_services": {"vss": False}, "notes": "new"}),
        ("vm_checkpoint", {"vm": "fresh", "name": "none", "state": "applied"}),
        ("vm_disk", {"vm": "fresh", "path": r"D:\vms\nothing.vhdx", "state": "absent"}),
        ("vm_info", {"name": ["fresh"]}),
        ("vm_info", {"name": ["fresh"], "include": ["disks", "dvd_drives", "firmware", "checkpoints"]}),
        ("vm", {"name": "fresh", "state": "off"}),
        ("vm", {"name": "fresh", "state": "running"}),
        ("vm_memory", {"name": "fresh", "dynamic": True}),
        ("vm", {"name": "fresh", "state": "absent", "delete_disks": True, "force_off": True}),
        ("vm", {"name": "fresh", "state": "absent"}),
        ("vm_disk", {"path": r"D:\vms\fresh\fresh.vhdx"}),
    ],
    "networks: switches, the host's adapters, NATs": [
        ("virtual_switch", {"name": "Out", "type": "external", "net_adapters": ["Ethernet 2"]}),
        ("virtual_switch", {"name": "Other", "type": "external", "net_adapters": ["Ethernet 2"]}),
        ("virtual_switch", {"name": "out", "notes": "to the office"}),
        ("virtual_switch", {"name": "Out", "net_adapters": ["Ethernet"]}),
        ("virtual_switch", {"name": "Other", "type": "external", "net_adapters": ["Ethernet 2"]}),
        ("vm_network_adapter", {"vm": "web", "name": "WAN", "switch": "Out"}),
        ("virtual_switch", {"name": "Out", "state": "absent"}),
        ("vm_network_adapter", {"vm": "web", "name": "WAN", "switch": "disconnected"}),
        ("virtual_switch", {"name": "Out", "state": "absent"}),
        ("virtual_switch", {"name": "Out", "state": "absent"}),
        ("virtual_switch", {"name": "Again", "type": "external", "net_adapters": ["Ethernet"]}),
        ("virtual_switch", {"name": "LAN", "state": "absent"}),
        ("virtual_switch", {"name": "LAN", "state": "absent", "force": True}),
        ("virtual_switch", {"name": "NAT", "type": "private"}),
        ("nat_network", {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24"}),
        ("virtual_switch", {"name": "NAT", "type": "internal"}),
        ("nat_network", {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24"}),
        ("nat_network", {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24"}),
        ("nat_network", {"name": "two", "switch": "NAT", "address": "192.168.101.1/24"}),
        (
            "nat_network",
            {
                "name": "lab",
                "switch": "NAT",
                "address": "192.168.100.1/24",
                "static_mappings": [{"external_port": 2222, "internal_address": "192.168.100.9", "internal_port": 22}],
            },
        ),
        ("host_info", {"include": ["network"]}),
        ("nat_network", {"name": "lab", "switch": "NAT", "manage_switch": True, "state": "absent"}),
        ("nat_network", {"name": "lab", "switch": "NAT", "manage_switch": True, "address": "192.168.100.1/24"}),
        ("vm_network_adapter", {"vm": "web", "name": "LAN", "switch": "NAT"}),
    ],
}


def tasks(play: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Task]:
    return [Task(f"{number}: {module}", module, args) for number, (module, args) in enumerate(play)]


def examples(module: str) -> list[Task]:
    key = f"nested.hyperv.{module}"
    documented = collection.documentation(module, "EXAMPLES")
    return [Task(task["name"], module, task[key] or {}) for task in documented if key in task]


@pytest.mark.parametrize("os", ["server2022", "windows11"])
@pytest.mark.parametrize("play", PLAYS)
def test_a_check_foresees_what_each_task_of_a_play_returns(play: str, os: str) -> None:
    outcomes = three_runs({"hosts": [{**HOST, "os": os}]}, tasks(PLAYS[play]))
    assert unforeseen(outcomes) == {}
    assert incomplete(outcomes) == []


@pytest.mark.parametrize("module", collection.modules())
def test_a_check_foresees_all_examples_of_a_module_in_their_order(module: str) -> None:
    outcomes = three_runs(MODEL, examples(module), collection.host_of(module))
    assert unforeseen(outcomes) == {}
    assert incomplete(outcomes) == []


def test_facts_say_that_they_include_predictions() -> None:
    with open_lab({"hosts": [HOST]}) as lab, check_run():
        assert "warnings" not in lab.run("vm_info", check=True, name=["db"])
        lab.run("vm", check=True, **NEW)
        (warning,) = lab.run("vm_info", check=True, name=["fresh"])["warnings"]
        assert warning == "hv01: this includes what earlier tasks of this check would have changed"
        assert "warnings" not in lab.run("vm_info", check=True, name=["db"], include=["processor"])


def test_a_trial_in_a_real_run_changes_neither_later_trials_nor_real_tasks() -> None:
    with open_lab({"hosts": [HOST]}) as lab:
        for _turn in range(2):
            assert lab.run("vm", check=True, **NEW)["changed"] is True
        assert lab.run("vm_memory", check=True, name="fresh", startup="1GB")["failed"] is True
        assert lab.run("vm_memory", name="fresh", startup="1GB")["failed"] is True
        assert lab.run("vm", **NEW)["changed"] is True


def test_real_tasks_of_a_check_work_on_the_host_itself() -> None:
    """`check_mode: false` in a --check run: predictions concern checks only."""
    with open_lab({"hosts": [HOST]}) as lab, check_run():
        assert lab.run("vm", check=True, name="web", state="running")["changed"] is True
        assert lab.run("vm_processor", check=True, name="web", count=4)["failed"] is True
        assert lab.run("vm_processor", name="web", count=4)["changed"] is True
        assert lab.run("vm_processor", check=True, name="web", count=4)["changed"] is False


def test_a_check_that_fails_predicts_nothing() -> None:
    with open_lab({"hosts": [HOST]}) as lab, check_run():
        assert lab.run("vm", check=True, **NEW, firmware={"boot_order": ["dvd"]})["failed"] is True
        assert lab.run("vm_info", check=True, name=["fresh"])["failed"] is True


def test_predictions_belong_to_one_host() -> None:
    other = {"name": "hv02", "drives": HOST["drives"], "folders": [r"D:\vms"]}
    with open_lab({"hosts": [HOST, other]}) as lab, check_run():
        lab.run("vm", check=True, **NEW)
        assert lab.on("hv02").run("vm", check=True, name="fresh", state="absent")["changed"] is False
        assert lab.run("vm", check=True, name="fresh", state="absent")["changed"] is True


def test_predictions_do_not_outlive_the_run() -> None:
    with open_lab({"hosts": [HOST]}) as lab:
        for _turn in range(2):
            with check_run():
                assert lab.run("vm", check=True, **NEW)["changed"] is True
                assert lab.run("vm", check=True, **NEW)["changed"] is False


def test_a_real_run_does_not_import_the_shadow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if ".shadow" in name or "_predictions" in name]:
        monkeypatch.delitem(sys.modules, name)
    with open_lab({"hosts": [HOST]}) as lab:
        lab.succeeds("vm", **NEW)
        lab.succeeds("vm_info")
    assert [name for name in sys.modules if ".shadow" in name or "_predictions" in name] == []
