"""Tasks on a simulated host whose networks the tests of the network modules change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import bridge

HOST = "hv01"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": HOST,
            "os": "server2022",
            "network_adapters": [
                {"name": "Ethernet", "addresses": ["192.0.2.10/24"], "gateway": "192.0.2.1"},
                {"name": "Ethernet 2", "description": "Broadcom 57414"},
                {"name": "Ethernet 3", "description": "Mellanox ConnectX-5", "addresses": ["198.51.100.10/24"]},
                {"name": "Ethernet 4", "description": "Mellanox ConnectX-5 #2"},
            ],
            "switches": [
                {"name": "External", "type": "external", "adapters": ["Ethernet"], "notes": "to the office"},
                {"name": "Internal", "type": "internal", "addresses": ["10.9.8.1/24"]},
                {"name": "Private", "type": "private"},
                {"name": "Twin", "type": "private", "id": "11111111-0000-0000-0000-000000000001"},
                {"name": "TWIN", "type": "private", "id": "11111111-0000-0000-0000-000000000002"},
            ],
            "vms": [
                {
                    "name": "lab01",
                    "adapters": [
                        {"name": "LAN", "switch": "External", "mac_spoofing": False, "vlan": 20},
                        {"name": "Loose", "connection": False},
                        {"name": "Twin", "switch": "Private"},
                        {"name": "TWIN", "switch": "Private"},
                    ],
                },
                {"name": "web01", "state": "running", "adapters": [{"name": "LAN", "switch": "External"}]},
                {
                    "name": "old01",
                    "state": "running",
                    "generation": 1,
                    "adapters": [{"name": "LAN", "switch": "Internal"}, {"name": "Legacy", "legacy": True}],
                },
                {"name": "saved01", "state": "saved", "adapters": [{"name": "LAN", "switch": "Internal"}]},
            ],
        }
    ]
}


class Hosts(NamedTuple):
    """A running simulation, and tasks on one of its hosts."""

    sim: simulator.Simulation
    name: str = HOST

    @property
    def machine(self) -> simulator.Machine:
        return self.sim.machines[self.name]

    def run(self, module: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
        """The result of a task; what it asked is in `requests` afterwards."""
        self.sim.log.clear()
        return bridge.run_task(
            self.name, bridge.variables(self.sim, self.name), f"nested.hyperv.{module}", args, check=check
        )

    def requests(self) -> list[Any]:
        """What the last task asked, without authentication and looks at jobs."""
        return [one for one in self.sim.log.requests() if not (one.action == "Get" and one.class_name.endswith("Job"))]

    def change(self, module: str, **args: Any) -> dict[str, Any]:
        """A task that changes something, which check mode predicts and a second run doesn't."""
        before = bridge.state(self.machine)
        check = self.run(module, check=True, **args)
        assert not bridge.difference(before, bridge.state(self.machine))
        real = self.run(module, **args)
        assert not real.get("failed"), real
        assert real["changed"] is check["changed"] is True, (check, real)
        assert real["diff"] == check["diff"]
        assert bridge.difference(before, bridge.state(self.machine))
        requests = self.requests()
        again = self.run(module, **args)
        assert again["changed"] is False, again
        assert not bridge.writes(self.sim.log.requests())
        return {**real, "requests": requests}

    def refuse(self, module: str, **args: Any) -> str:
        """The words of a task that is refused, in check mode too; nothing is written."""
        before = bridge.state(self.machine)
        check = self.run(module, check=True, **args)
        assert not bridge.writes(self.sim.log.requests())
        real = self.run(module, **args)
        assert real.get("failed") is True, real
        assert real["changed"] is False
        assert real["msg"] == check["msg"]
        assert real["msg"].startswith(f"{self.name}: ")
        assert not bridge.writes(self.sim.log.requests())
        assert not bridge.difference(before, bridge.state(self.machine))
        return real["msg"]

    def adapter(self, vm: str, name: str) -> dict[str, Any]:
        """What vm_info tells of an adapter."""
        (found,) = self.run("vm_info", name=[vm], include=["network_adapters"])["vms"]
        (one,) = (one for one in found["network_adapters"] if one["name"] == name)
        return one

    def facts(self, group: str) -> dict[str, Any]:
        return self.run("host_info", include=[group])["host"][group]

    def switch(self, name: str) -> dict[str, Any]:
        (one,) = (one for one in self.facts("network")["switches"] if one["name"] == name)
        return one


@pytest.fixture
def start() -> Iterator[Callable[..., Hosts]]:
    """Start a model; the simulation ends with the test."""
    running: list[simulator.Simulation] = []

    def begin(model: Any = None, name: str = HOST) -> Hosts:
        running.append(simulator.start(model or MODEL))
        return Hosts(running[-1], name)

    yield begin
    for sim in running:
        sim.close()
    bridge.forget_connections()


@pytest.fixture
def host(start: Callable[..., Hosts]) -> Hosts:
    return start()
