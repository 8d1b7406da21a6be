"""Tasks about VMs on a simulated host: run for show, for real and again, with what they changed and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import bridge

# Results that a prediction can't know: what a host makes up, and what happened.
UNPREDICTABLE = {"power_cycled", "id", "ip_addresses", "warnings"}


class Lab:
    """One host, and the tasks that a playbook would run on it."""

    def __init__(self, sim: simulator.Simulation, host: str = "hv01") -> None:
        self.sim, self.host = sim, host
        self.machine = sim.machines[host]
        self.variables = bridge.variables(sim, host)

    def run(self, module: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
        self.sim.log.clear()
        return bridge.run_task(self.host, self.variables, f"nested.hyperv.{module}", args, check=check)

    def apply(self, module: str, *, once_more: bool = True, **args: Any) -> dict[str, Any]:
        """The result of a task that changes something: check mode foresees it, and another run has nothing to do."""
        before = self.state()
        check = self.run(module, check=True, **args)
        assert not check.get("failed"), check
        assert not self.writes, "check mode sent a write"
        assert self.state() == before, "check mode changed the host"
        real = self.run(module, **args)
        assert not real.get("failed"), real
        assert real["changed"] is True
        assert _comparable(check) == _comparable(real), "check mode must predict the result"
        if once_more:
            self.leaves_alone(module, **args)
        return real

    def leaves_alone(self, module: str, **args: Any) -> dict[str, Any]:
        """The result of a task that has nothing to do, and sends no write."""
        for check in (True, False):
            result = self.run(module, check=check, **args)
            assert not result.get("failed"), result
            assert result["changed"] is False, result.get("diff")
            assert not self.writes
            assert not any(result.get("diff", {}).values())
        return result

    def refuses(self, module: str, *words: str, **args: Any) -> dict[str, Any]:
        """The result of a task that is refused in check mode and for real, before it writes anything."""
        before = self.state()
        check = self.run(module, check=True, **args)
        assert not self.writes
        real = self.run(module, **args)
        assert not self.writes, real.get("msg")
        assert self.state() == before
        assert real.get("failed") is True, real
        assert real["changed"] is False
        assert {**check, "power_cycled": None} == {**real, "power_cycled": None}
        message = real["msg"]
        if self.requests:
            assert message.startswith(f"{self.host}: "), message
        assert [word for word in words if word not in message] == [], message
        return real

    def fails(self, module: str, *words: str, **args: Any) -> dict[str, Any]:
        """The result of a task that fails on its way."""
        result = self.run(module, **args)
        assert result.get("failed") is True, result
        assert [word for word in (f"{self.host}: ", *words) if word not in result["msg"]] == [], result["msg"]
        return result

    def vm(self, name: str) -> Any:
        return self.machine.vm(name)

    def state(self) -> dict[str, Any]:
        """Settings, power and files of the host."""
        with self.machine.clock.lock:
            files = {f"file {one.path}": {"size": one.size} for one in self.machine.files}
        return {**bridge.state(self.machine), **files}

    @property
    def requests(self) -> list[Any]:
        return self.sim.log.requests()

    @property
    def writes(self) -> list[str]:
        return bridge.writes(self.requests)

    def cost(self) -> int:
        """Requests of the last task, but those that look whether a job is done."""
        polls = ("Msvm_ConcreteJob", "Msvm_StorageJob")
        return sum(not (entry.action == "Get" and entry.class_name in polls) for entry in self.requests)


def _comparable(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in UNPREDICTABLE and key != "ansible_facts"}


@contextmanager
def open_lab(model: Path | Mapping[str, Any] | str) -> Iterator[Lab]:
    with simulator.start(model) as sim:
        try:
            yield Lab(sim)
        finally:
            bridge.forget_connections()
