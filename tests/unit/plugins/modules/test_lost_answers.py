"""Writes whose answer is lost, or which never arrive: every write of every flow, and what the result says of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "64GB",
            "network_adapters": [
                {"name": "Ethernet", "addresses": ["192.0.2.10/24"], "gateway": "192.0.2.1"},
                {"name": "Ethernet 2"},
            ],
            "switches": [
                {"name": "LAN", "type": "external", "adapters": ["Ethernet"]},
                {"name": "Old", "type": "private"},
            ],
            "files": [{"path": r"C:\iso\setup.iso"}, {"path": r"C:\VMs\spare.vhdx", "size": "1GB"}],
            "vms": [
                {
                    "name": "web01",
                    "state": "running",
                    "adapters": [{"name": "LAN", "switch": "LAN"}],
                    "disks": [{"path": r"C:\VMs\web.vhdx", "size": "10GB"}],
                },
                {
                    "name": "lab01",
                    "adapters": [{"name": "LAN", "switch": "LAN"}],
                    "disks": [{"path": r"C:\VMs\lab.vhdx", "size": "10GB"}],
                    "checkpoints": [{"name": "clean", "children": [{"name": "later", "current": True}]}],
                },
            ],
        }
    ]
}


class Flow(NamedTuple):
    """A task that writes."""

    title: str
    module: str
    args: dict[str, Any]


FLOWS = [
    Flow("create a VM", "vm", {
        "name": "new01", "state": "running", "notes": "new", "memory": {"startup": "1GB"},
        "disks": [{"path": r"C:\VMs\new.vhdx", "size": "10GB"}], "dvd_drives": [{"path": r"C:\iso\setup.iso"}],
        "network_adapters": [{"name": "LAN", "switch": "LAN", "vlan": {"mode": "access", "id": 5}}],
    }),
    Flow("change a running VM", "vm", {
        "name": "web01", "notes": "new", "processor": {"count": 2}, "memory": {"startup": "2GB", "dynamic": False},
        "integration_services": {"vss": False}, "allow_power_cycle": True,
    }),
    Flow("remove a VM", "vm", {"name": "web01", "state": "absent", "delete_disks": True}),
    Flow("save a VM", "vm", {"name": "web01", "state": "saved"}),
    Flow("restart a VM", "vm", {"name": "web01", "state": "restarted"}),
    Flow("give a VM a TPM", "vm", {"name": "lab01", "tpm": True}),
    Flow("nest", "vm_nesting", {"name": "web01", "mac_spoofing": True, "allow_power_cycle": True}),
    Flow("set memory", "vm_memory", {"name": "web01", "dynamic": False, "startup": "2GB", "allow_power_cycle": True}),
    Flow("set processor", "vm_processor", {"name": "web01", "count": 4, "force_off": True, "allow_power_cycle": True}),
    Flow("attach a disk", "vm_disk", {"vm": "web01", "path": r"C:\VMs\data.vhdx", "size": "1GB", "controller_number": 1,
                                      "allow_power_cycle": True}),
    Flow("copy a disk", "vm_disk", {"path": r"C:\VMs\copy.vhdx", "source": r"C:\VMs\spare.vhdx", "size": "2GB"}),
    Flow("convert a disk", "vm_disk", {"path": r"C:\VMs\copy.vhd", "source": r"C:\VMs\spare.vhdx", "type": "fixed"}),
    Flow("compact a disk", "vm_disk", {"vm": "web01", "path": r"C:\VMs\web.vhdx", "state": "compacted",
                                       "allow_power_cycle": True}),
    Flow("expand a disk", "vm_disk", {"path": r"C:\VMs\spare.vhdx", "size": "2GB"}),
    Flow("remove a disk", "vm_disk", {"vm": "web01", "path": r"C:\VMs\web.vhdx", "state": "absent",
                                      "delete_file": True}),
    Flow("insert a medium", "vm_dvd_drive", {"vm": "web01", "path": r"C:\iso\setup.iso"}),
    Flow("add an adapter", "vm_network_adapter", {"vm": "lab01", "name": "Guests", "switch": "LAN",
                                                  "mac_spoofing": True, "vlan": {"mode": "access", "id": 7}}),
    Flow("remove an adapter", "vm_network_adapter", {"vm": "lab01", "name": "LAN", "state": "absent"}),
    Flow("take a checkpoint", "vm_checkpoint", {"vm": "web01", "name": "before"}),
    Flow("rename a checkpoint", "vm_checkpoint", {"vm": "lab01", "name": "clean", "new_name": "installed"}),
    Flow("delete a checkpoint", "vm_checkpoint", {"vm": "lab01", "name": "clean", "state": "absent"}),
    Flow("delete a checkpoint tree", "vm_checkpoint", {"vm": "lab01", "name": "clean", "state": "absent",
                                                       "include_children": True}),
    Flow("apply a checkpoint", "vm_checkpoint", {"vm": "lab01", "name": "clean", "state": "applied"}),
    Flow("create a switch", "virtual_switch", {"name": "DMZ", "net_adapters": ["Ethernet 2"], "notes": "new"}),
    Flow("change a switch", "virtual_switch", {"name": "Old", "type": "internal", "notes": "new"}),
    Flow("remove a switch", "virtual_switch", {"name": "Old", "state": "absent"}),
]  # fmt: skip


class Write(NamedTuple):
    """A request of a flow: its operation, its class and method, and the how-manieth of these it is."""

    operation: str
    class_name: str
    method: str
    at: int

    def rule(self, do: str, **more: Any) -> simulator.Rule:
        method = self.method or None
        return simulator.Rule(do, None, self.operation, self.class_name, method, self.at, **more)


# Methods that leave nothing on the host that shows whether they were carried out.
NOT_SHOWN = ("ApplySnapshot", "CompactVirtualHardDisk")
# What may happen to a write: its answer is lost; it never arrives; the host says that it takes too long over it.
FATES: dict[str, dict[str, Any]] = {"lose": {}, "drop": {}, "fault": {"fault": "TimedOut"}}


def writes_of(flow: Flow) -> list[Write]:
    """The writes of a flow when nothing goes wrong."""
    count: Counter[tuple[str, str, str]] = Counter()
    found = []
    with open_lab(MODEL) as lab:
        assert lab.succeeds(flow.module, **flow.args)["changed"] is True
        for entry in lab.requests:
            if changes.writes([entry]):
                key = (entry.action, entry.class_name, entry.method)
                count[key] += 1
                found.append(Write(*key, count[key]))
    return found


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.title)
def test_a_result_tells_what_was_done_though_an_answer_is_lost(flow: Flow, fate: str) -> None:
    for write in writes_of(flow):
        with open_lab(MODEL) as lab:
            lab.sim.faults.add(write.rule(fate, **FATES[fate]))
            try:
                check(lab, flow, write, fate)
            except AssertionError as error:
                raise AssertionError(f"{fate} {write}") from error


def check(lab: Lab, flow: Flow, write: Write, fate: str) -> None:
    before = lab.state()
    result = lab.run(flow.module, **flow.args)
    changed = lab.state() != before
    if result.get("failed"):
        assert result["changed"] is changed or result.get("uncertain"), result
        assert "ansible_host" not in result["msg"], "there is nothing wrong with host and port"
        assert "could not" in result["msg"], "the step is named"
        assert bool(result.get("uncertain")) is ("may have been done" in result["msg"]), result
        off = [vm for vm in lab.machine.vms.values() if vm.name == "web01" and not vm.running]
        assert not off or "VM 'web01' is off; start it with state: running" in (result["left_off"], result["msg"][-49:])
    else:
        assert result["changed"] is True
    if fate == "lose":
        assert not result.get("failed") or write.method in NOT_SHOWN, result
    lab.sim.faults.clear()
    again = lab.run(flow.module, **flow.args)
    assert not again.get("failed"), again


NAT = {"name": "lab", "switch": "NAT", "address": "192.168.100.1/24", "manage_switch": True}


@pytest.mark.parametrize("flow", [*FLOWS, Flow("create a NAT", "nat_network", NAT)], ids=lambda flow: flow.title)
def test_a_failure_after_the_last_write_has_changed_something(flow: Flow) -> None:
    """Also if only the reading of the result fails: what was done is reported."""
    with open_lab(MODEL) as lab:
        lab.succeeds(flow.module, **flow.args)
        count, last = len(lab.requests), max(i for i, entry in enumerate(lab.requests, 1) if changes.writes([entry]))
    for at in range(last + 1, count + 1):
        with open_lab(MODEL) as lab:
            lab.sim.faults.add(simulator.Rule("fault", at=at, times=0, fault="AccessDenied"))
            result = lab.run(flow.module, **flow.args)
            assert result["changed"] is True, f"request {at} of {count}: {result}"
            assert not result.get("failed") or result.get("completed") or result.get("uncertain"), result
