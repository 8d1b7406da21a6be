# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of the collection, each with a guest for it, and what it is asked to do there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from . import changes, containers, plays
from .lab import Lab, open_lab

HOST, GUEST = "hv01", "guest01"
MSI, ROOTFS = r"C:\Install\wsl.2.7.14.0.x64.msi", r"C:\Install\ubuntu.wsl"
# A guest that is quick, for ansible-playbook, which waits for real.
QUICK: dict[str, Any] = {
    "hyperv": False,
    "restart": {"closing": 1, "boot": 2},
    "servicing": {"seconds": 1, "after_restart": 1},
}
# A VM that a role has to change, and that is behind a NAT.
VM: dict[str, Any] = {
    "name": GUEST,
    "state": "running",
    "processors": 1,
    "memory": {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"},
    "adapters": [{"name": "LAN"}],
}
# One that no role has to change.
READY_VM: dict[str, Any] = {
    "processors": 2,
    "nested": True,
    "memory": {"startup": "8GB"},
    "adapters": [{"name": "LAN", "mac_spoofing": True}],
}
HOUR = 3600.0
# What a role leaves: parts of Windows, settings that are as by default, and what is said in its README.
KEPT = re.compile(
    r"guest01 folder:C:\\Program Files:|hv01 .*:Msvm_EthernetSwitchPortSecuritySettingData\."
    r"|guest01 file:.*\\\.wslconfig:|guest01 group:docker-users:"
    r"|guest01 folder:.*\\AppData\\Local\\wsl:|guest01 wsl:HKU\\.*\\Lxss: \{\}"
)
GERMAN: dict[str, Any] = {"locale": "de-DE"}


class Role(NamedTuple):
    """A role: the Windows of its guest, its variables, and the tasks of its first run that change something."""

    name: str
    machine: Mapping[str, Any]
    wanted: Mapping[str, Any]
    steps: tuple[str, ...]
    unsupported: Mapping[str, Any]  # Windows of a guest that is refused
    rule: str  # by this rule

    @property
    def playbook(self) -> str:
        return f"deploy_{self.name}"

    def model(self, vm: Mapping[str, Any] | None = None, **machine: Any) -> dict[str, Any]:
        """The host with the guest; another VM, or another Windows in it."""
        guest = {"shutdown_seconds": 1, "boot_seconds": 1, "machine": {**QUICK, **self.machine, **machine}}
        host = {
            "name": HOST,
            "memory": "256GB",
            "switches": [{"name": "NAT", "type": "internal", "addresses": ["192.168.100.1/24"]}],
            "nats": [{"name": "lab", "prefix": "192.168.100.0/24"}],
            "vms": [{**VM, **(vm or {}), "guest": guest}],
        }
        return {"hosts": [host]}

    def variables(self, **given: Any) -> dict[str, Any]:
        """The variables of the role: those wanted, and others; None leaves one out."""
        values = {"hyperv_host": HOST, "allow_power_cycle": True, "reboot": True, **self.wanted, **given}
        return {f"{self.name}_{name}": value for name, value in values.items() if value is not None}


WSL2 = Role(
    "wsl2_in_vm",
    {
        "os": {"product": "server2022", "revision": 2582},
        "files": [
            {"path": MSI, "content": {"msi": {"version": "2.7.14.0"}}},
            {"path": ROOTFS, "content": {"rootfs": {"users": ["bob"]}}},
        ],
    },
    {"package": {"source": MSI}, "distributions": [{"name": "Ubuntu", "source": ROOTFS, "default_user": "bob"}]},
    (
        "Record the settings of the VM",
        "Configure and start the VM",
        "Record the planned changes",
        "Install WSL",
        "Import the distributions",
    ),
    {"os": "server2019"},
    "wsl-guest-build",
)
CONTAINERS = Role(
    "isolated_containers",
    {
        "os": "server2022",
        "files": [{"path": containers.ZIP, "content": {"docker_engine": {"version": containers.VERSION}}}],
        "docker": {"seconds": {"service": 0, "start": 1, "stop": 0, "pull": 1, "hyperv": 1, "process": 0}},
    },
    {
        "engine": {"source": containers.ZIP},
        "containers": [{"name": "web", "image": containers.NANO, "command": containers.PING}],
    },
    (
        "Record the settings of the VM",
        "Configure and start the VM",
        "Record the planned changes",
        "Install Docker Engine",
        "Run the containers",
    ),
    {"os": "server2016"},
    "containers-guest-build",
)
ROLES = (WSL2, CONTAINERS)


class Site:
    """A host and its guest, on which a role runs in this process."""

    def __init__(self, role: Role, lab: Lab) -> None:
        self.role, self.host, self.guest = role, lab, lab.on(GUEST)

    def tasks(self, *tags: str, before: Any = None, **given: Any) -> Iterator[plays.Outcome]:
        """The outcomes of the tasks of a run, while they run."""
        more = {"before": before} if before else {}
        variables = self.role.variables(**given)
        return plays.play(self.guest, self.role.playbook, variables, self.host, tags=tags or ("all",), **more)

    def run(self, *tags: str, **given: Any) -> list[plays.Outcome]:
        """The outcomes of a whole run."""
        return list(self.tasks(*tags, **given))

    def succeeds(self, *tags: str, **given: Any) -> Mapping[str, Any]:
        """What the role returns after a run that doesn't fail."""
        outcomes = self.run(*tags, **given)
        assert not outcomes[-1].failed, outcomes[-1]
        facts = [row.result.get("ansible_facts", {}).get(f"{self.role.name}_result", {}) for row in outcomes]
        return next(filter(None, facts), {})

    def leaves_alone(self, **given: Any) -> None:
        """A run that changes nothing: no task says so, no request writes, and no program does."""
        boots = self.boots
        outcomes = self.run(**given)
        assert not outcomes[-1].failed, outcomes[-1]
        assert [row.task for row in outcomes if row.result.get("changed")] == []
        assert [write for row in outcomes for write in row.writes] == []
        assert self.boots == boots

    @property
    def boots(self) -> int:
        return self.guest.machine.boots

    def state(self) -> Counter[str]:
        """The state of the host and the guest, without what they choose, and without what is KEPT."""
        self.host.sim.advance(600)  # so that all is over that a run has begun
        labs = (self.host, self.guest)
        state = changes.shape({f"{lab.host} {path}": row for lab in labs for path, row in lab.state().items()})
        return Counter({row: count for row, count in state.items() if not KEPT.match(row)})


@contextmanager
def site(role: Role, vm: Mapping[str, Any] | None = None, **machine: Any) -> Iterator[Site]:
    with open_lab(role.model(vm, **machine)) as lab:
        lab.sim.advance(HOUR)  # the guest has long been running
        yield Site(role, lab)
