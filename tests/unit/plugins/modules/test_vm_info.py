"""vm_info's groups for drives, checkpoints and firmware: what they tell, and what they cost."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

ISO = r"C:\ISO\setup.iso"
PARTS = ["disks", "checkpoints", "firmware"]
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "files": [{"path": ISO, "size": "5GB"}],
            "vms": [
                {
                    "name": "tree01",
                    "disks": [{"path": r"C:\VMs\tree.vhdx"}, {"empty": True}],
                    "checkpoints": [
                        {
                            "name": "root",
                            "created": "2026-01-01T10:00:00+00:00",
                            "children": [
                                {"name": "left", "created": "2026-01-02T10:00:00+00:00", "current": True},
                                {"name": "right", "created": "2026-01-03T10:00:00+00:00"},
                            ],
                        }
                    ],
                },
                {
                    "name": "uefi01",
                    "adapters": [{"name": "LAN"}],
                    "disks": [{"path": r"C:\VMs\uefi.vhdx"}],
                    "dvd_drives": [{"path": ISO, "location": 9}],
                    "firmware": {"files": ["Windows Boot Manager"]},
                },
                {"name": "bios01", "generation": 1, "disks": [{"path": r"C:\VMs\bios.vhdx"}], "dvd_drives": [{}]},
                *({"name": f"more{n:02}", "disks": [{}], "checkpoints": [{"name": "clean"}]} for n in range(20)),
            ],
        }
    ]
}


def test_drives(shared_lab: Lab) -> None:
    found = shared_lab.info("uefi01", "disks")
    place = {"controller_type": "scsi", "controller_number": 0}
    path = r"C:\VMs\uefi.vhdx"
    assert found["disks"] == [{"path": path, "base": path, **place, "controller_location": 0}]
    assert found["dvd_drives"] == [{"path": ISO, **place, "controller_location": 9}]
    found = shared_lab.info("bios01", "disks")
    assert [one["controller_type"] for one in (*found["disks"], *found["dvd_drives"])] == ["ide", "ide"]
    assert found["dvd_drives"][0]["path"] is None
    leaf, empty = shared_lab.info("tree01", "disks")["disks"]
    assert leaf["path"].endswith(".avhdx")
    assert leaf["base"].endswith(".vhdx"), "the disk that people created"
    assert empty["path"] is empty["base"] is None


def test_checkpoints(shared_lab: Lab) -> None:
    found = shared_lab.info("tree01", "checkpoints")["checkpoints"]
    assert [(one["name"], one["parent"], one["current"]) for one in found] == [
        ("root", None, False),
        ("left", "root", True),
        ("right", "root", False),
    ]
    assert found[0]["created"] == "2026-01-01T10:00:00+00:00"
    assert found[0]["id"] in shared_lab.vm("tree01").checkpoints
    assert shared_lab.info("uefi01", "checkpoints")["checkpoints"] == []


def test_firmware(shared_lab: Lab) -> None:
    assert shared_lab.info("uefi01", "firmware")["firmware"] == {
        "secure_boot": True,
        "secure_boot_template": "windows",
        "boot_order": ["file:Windows Boot Manager", "network:LAN", "disk:0:0", "dvd:0:9"],
        "certificates_2023": None,
    }
    assert shared_lab.info("bios01", "firmware")["firmware"] == {
        "secure_boot": None,
        "secure_boot_template": None,
        "boot_order": ["dvd", "disk", "network", "floppy"],
        "certificates_2023": None,
    }


def test_what_it_tells_can_be_asked_for(shared_lab: Lab) -> None:
    for name in ("tree01", "bios01", "more01"):
        order = shared_lab.info(name, "firmware")["firmware"]["boot_order"]
        assert order
        shared_lab.leaves_alone("vm", name=name, firmware={"boot_order": order})


@pytest.mark.parametrize(("group", "most"), [("disks", 2), ("checkpoints", 1), ("firmware", 5)])
def test_each_class_is_read_once_for_all_vms(shared_lab: Lab, group: str, most: int) -> None:
    shared_lab.run("vm_info", include=[])
    alone = len([entry for entry in shared_lab.requests if entry.action == "Enumerate"])
    assert all(group in one for one in shared_lab.run("vm_info", include=[group])["vms"])
    queries = len([entry for entry in shared_lab.requests if entry.action == "Enumerate"]) - alone
    assert queries <= most


def test_they_are_told_where_they_are_asked_for(shared_lab: Lab) -> None:
    assert not [one["name"] for one in shared_lab.run("vm_info")["vms"] if set(one) & {*PARTS, "dvd_drives"}]
    (one,) = shared_lab.run("vm_info", name=["uefi01"], include=PARTS)["vms"]
    assert set(one) == {"id", "name", "state", "uptime", "dvd_drives", "checkpoint_type", *PARTS}


GROUPS = ["settings", "nesting", "processor", "memory", "network_adapters", "guest"]
ONE_VM: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "switches": ["A", "B", "C"],
            "vms": [
                {
                    "name": state,
                    "state": state,
                    "notes": "two\nlines",
                    "disks": [{}, {}],
                    "adapters": [{"name": "x", "switch": "A", "vlan": 5}, {"name": "y", "switch": "A"}],
                }
                for state in ("off", "running", "saved")
            ],
        }
    ]
}


@pytest.mark.parametrize(("state", "most"), [("off", 6), ("running", 9)])
def test_one_vm_with_two_adapters_takes_few_requests(state: str, most: int) -> None:
    with open_lab(ONE_VM) as lab:
        lab.info(state, *GROUPS)
        assert lab.cost() <= most
        lab.info(state, *GROUPS, *PARTS)
        assert lab.cost() <= most + 4, "disks and firmware use the parts that were read already"


@pytest.mark.parametrize("state", ["off", "running", "saved"])
def test_one_vm_is_described_as_it_is_among_all_and_without_rows_of_summaries(state: str) -> None:
    with open_lab(ONE_VM) as lab:
        single = lab.info(state, *GROUPS, *PARTS)
        among_all = lab.succeeds("vm_info", include=[*GROUPS, *PARTS])["vms"]
        assert [single] == [vm for vm in among_all if vm["name"] == state]
        by_id = lab.succeeds("vm_info", id=[single["id"]], include=[*GROUPS, *PARTS])["vms"]
        assert by_id == [single]
        lab.sim.faults.add(simulator.Rule(do="fault", operation="Enumerate"))
        assert lab.info(state, *GROUPS, *PARTS) == single, "a host without such rows is asked class by class"


# ---- what decides about production ----

CREATED = datetime(2022, 5, 1, tzinfo=timezone.utc)
CLUSTERED = {
    "hosts": [
        {
            "name": "hv01",
            "cluster": "CL01",
            "users": [
                {"name": "administrator", "password": "Passw0rd!"},
                {
                    "name": "operator",
                    "password": "Oper4tor!",
                    "groups": ["Hyper-V Administrators", "Remote Management Users"],
                },
            ],
            "vms": [
                {"name": "role01", "clustered": True, "replication": 1, "created": CREATED},
                {"name": "own01"},
                {"name": "bios01", "generation": 1, "created": CREATED},
            ],
        }
    ]
}


def test_clustered_and_replicated_vms() -> None:
    with open_lab(CLUSTERED) as lab:
        vms = {vm["name"]: vm for vm in lab.succeeds("vm_info", include=["availability"])["vms"]}
        assert lab.cost() <= 5
        assert {name: vm["clustered"] for name, vm in vms.items()} == {"role01": True, "own01": False, "bios01": False}
        assert vms["role01"]["replication"] == {"enabled": True}
        assert vms["own01"]["replication"] == {"enabled": False}
        assert lab.info("role01", "availability")["clustered"] is True


def test_vms_of_a_host_without_clusters(shared_lab: Lab) -> None:
    found = shared_lab.info("uefi01", "availability")
    assert (found["clustered"], found["replication"]) == (False, {"enabled": False})


@pytest.mark.parametrize("fault", ["AccessDenied", "InternalError"])
def test_a_cluster_that_does_not_answer_is_unknown(lab: Lab, fault: str) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", fault=fault, operation="Enumerate", at=2))
    assert lab.info("uefi01", "availability")["clustered"] is None


def test_vms_older_than_the_certificates_of_2023() -> None:
    with open_lab(CLUSTERED) as lab:
        vms = {vm["name"]: vm for vm in lab.succeeds("vm_info", include=["firmware"])["vms"]}
    recent = {name: vm["firmware"]["certificates_2023"] for name, vm in vms.items()}
    assert recent == {"role01": False, "own01": None, "bios01": None}


def test_what_an_evaluation_of_azure_stack_hci_reads() -> None:
    vms = [
        {
            "name": "node01",
            "system_settings": {"UserSnapshotType": 2},
            "security": {"tpm": True},
            "disabled_services": ["TimeSync"],
        },
        {"name": "other01"},
        {"name": "bios01", "generation": 1},
    ]
    with open_lab({"hosts": [{"name": "hv01", "vms": vms}]}) as lab:
        found = lab.succeeds("vm_info", include=["checkpoints", "security", "integration_services"])["vms"]
        assert lab.cost() <= 18
    rows = {vm["name"]: vm for vm in found}
    assert {name: vm["checkpoint_type"] for name, vm in rows.items()} == {
        "node01": "disabled",
        "other01": "production",
        "bios01": "production",
    }
    assert [rows[name]["tpm"] for name in ("node01", "other01", "bios01")] == [True, False, False]
    time = {name: vm["integration_services"]["time_synchronization"] for name, vm in rows.items()}
    assert time == {"node01": False, "other01": True, "bios01": True}
    assert rows["other01"]["integration_services"]["guest_service_interface"] is False
