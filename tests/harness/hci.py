# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for the role azure_stack_hci_eval, the nodes that it is asked for, and runs of it in this process."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.windows.services.host_guardian import GUARDIAN

from . import changes, plays
from .lab import Lab, open_lab
from .ports import free_ports

ROLE = "azure_stack_hci_eval"
PLAYBOOK = f"deploy_{ROLE}"
IMAGE = r"D:\Images\azurelocal.vhdx"
RECORD = r"C:\ProgramData\nested.hyperv\azure_stack_hci_eval\hci.json"
PASSWORD = "Correct-Horse-Battery-7"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "128GB",
            "drives": [{"letter": "C", "size": "500GB"}, {"letter": "D", "size": "4TB"}],
            "network_adapters": [{"name": "Ethernet", "addresses": ["10.0.0.5/24"], "dhcp": False}],
            "folders": [r"D:\HCI"],
            "files": [{"path": IMAGE, "size": "127GB"}, {"path": r"D:\Other\node1\s2d2.vhdx", "size": "1TB"}],
            "vms": [{"name": "dc01", "memory": "4GB"}],
        }
    ]
}
WANTED: dict[str, Any] = {"nodes": [{"name": "node1"}, {"name": "node2"}], "path": r"D:\HCI", "image": IMAGE}
# Windows on disks and discs, which boots for the first time.
MACHINE = {"hyperv": False, "restart": {"closing": 1, "boot": 2}, "servicing": {"seconds": 1, "after_restart": 1}}
GENERALIZED = {"os": "hci24h2", "generalized": True, "machine": MACHINE}


# The previous record, which the next write or removal deletes, and addresses that Windows derives.
_KEPT = re.compile(r"hci\.json\.[0-9a-f]{8}\.old$|MSFT_NetIPAddress.*poB")
_PORT = re.compile(r"\b(?:3[2-9]|[45]\d|6[0-5])\d{3}\b")  # one that free_ports has found


def with_system(**other: Any) -> dict[str, Any]:
    """The MODEL with a generalized system on its image, or with other settings of it."""
    model = copy.deepcopy(MODEL)
    model["hosts"][0]["files"][0]["system"] = {**GENERALIZED, **other}
    return model


def variables(**given: Any) -> dict[str, Any]:
    """The variables of the role: those wanted, and others; None leaves one out."""
    return {f"{ROLE}_{name}": value for name, value in {**WANTED, **given}.items() if value is not None}


def seeded(nodes: int = 2, *, published: bool = True) -> dict[str, Any]:
    """Variables of nodes that a seed configures, reached through ports of the host or at their addresses."""
    given = {
        "nodes": [{"name": f"node{number}", "computer_name": f"azl-{number}"} for number in range(1, nodes + 1)],
        "guest": True,
        "reboot": True,
        "dns_servers": ["192.168.44.10"],
        "administrator_password": PASSWORD,
    }
    return {**given, "publish": {"first_port": free_ports(nodes)}} if published else given


def of_host(sim: simulator.Simulation) -> dict[str, Any]:
    """The state of the host without what stays: folders of VMs, and the guardian of virtual TPMs."""
    state = changes.state(sim.machines["hv01"])
    return {path: values for path, values in state.items() if not path.startswith("folder:") and GUARDIAN not in path}


def nodes_are_configured(host: Lab, nodes: int = 2) -> None:
    """Windows in each node has its name, its adapters by MAC address with their settings, and Hyper-V."""
    for number in range(1, nodes + 1):
        windows = host.sim.machines[f"azl-{number}"]
        assert windows.software.computer_name.lower() == f"azl-{number}"
        found = {adapter.name: adapter for adapter in windows.network.adapters}
        planned = host.info(f"node{number}", "network_adapters")["network_adapters"]
        assert {name: adapter.mac.replace("-", "") for name, adapter in found.items()} == {
            row["name"]: row["mac_address"].replace(":", "") for row in planned
        }
        assert not any(adapter.dhcp for adapter in found.values())
        assert [f"192.168.44.{200 + number}"] in host.vm(f"node{number}").addresses.values()
        assert list(found["NIC1"].dns) == ["192.168.44.10"]
        assert windows.hyperv


class Site:
    """A host on which the role runs in this process."""

    def __init__(self, lab: Lab) -> None:
        self.host = lab

    def tasks(self, *tags: str, before: Any = None, **given: Any) -> Iterator[plays.Outcome]:
        """The outcomes of the tasks of a run, while they run."""
        more = {"before": before} if before else {}
        return plays.play(self.host, PLAYBOOK, variables(**given), tags=tags or ("all",), **more)

    def run(self, *tags: str, **given: Any) -> list[plays.Outcome]:
        """The outcomes of a whole run."""
        return list(self.tasks(*tags, **given))

    def succeeds(self, *tags: str, **given: Any) -> list[plays.Outcome]:
        """The outcomes of a whole run that doesn't fail."""
        outcomes = self.run(*tags, **given)
        assert not outcomes[-1].failed, outcomes[-1]
        return outcomes

    def refuses(self, *words: str, **given: Any) -> str:
        """The sentence of a run that is refused before it writes anything."""
        before = self.host.state()
        outcomes = self.run(**given)
        assert outcomes[-1].failed, "it succeeds"
        assert [write for row in outcomes for write in row.writes] == []
        assert self.host.state() == before
        rows = outcomes[-1].result.get("results") or [outcomes[-1].result]
        text = " ".join(str(row.get("msg")) for row in rows if row.get("failed"))
        assert [word for word in words if word not in text] == [], text
        return text

    def leaves_alone(self, **given: Any) -> None:
        """A run that changes nothing: no task says so, and no request writes."""
        outcomes = self.succeeds(**given)
        assert [row.task for row in outcomes if row.result.get("changed")] == []
        assert [write for row in outcomes for write in row.writes] == []

    def state(self) -> Counter[str]:
        """The state of the host and of Windows in its VMs, without what they choose."""
        self.host.sim.advance(600)  # so that all is over that a run has begun
        rows = {f"hv01 {path}": row for path, row in of_host(self.host.sim).items()}
        for vm in self.host.machine.vms.values():
            if vm.guest.machine:
                rows |= {f"{vm.name} {path}": row for path, row in changes.state(vm.guest.machine).items()}
        shown = (_shown(path, row) for path, row in rows.items() if not _KEPT.search(path))
        return changes.shape({_PORT.sub("port", path): _PORT.sub("port", row) for path, row in shown})


def _shown(path: str, row: Mapping[str, Any]) -> tuple[str, str]:
    """An object and its state; an IP address without its interface, which Windows numbers anew each time."""
    if "MSFT_NetIPAddress" not in path:
        return path, repr(row)
    return (
        f"{path.partition(' ')[0]} {row['InterfaceAlias']}",
        f"{row['IPAddress'].partition('%')[0]}/{row['PrefixLength']}",
    )


@contextmanager
def site(model: Mapping[str, Any] | None = None) -> Iterator[Site]:
    with open_lab(model or with_system()) as lab:
        yield Site(lab)
