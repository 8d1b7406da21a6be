# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks on a simulated host: in check mode, for real and again, with what they changed and what they cost."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry

from . import changes, reach, task

# Keys of results that check mode can't predict: what the host chooses, and what happened.
UNPREDICTABLE = {
    "power_cycled",
    "rebooted",
    "booted",
    "verification",
    "kernel",
    "file_size",
    "id",
    "checkpoint_id",
    "ip_addresses",
    "reached_at",
    "rounds",
    "warnings",
}


class Lab:
    """A simulated host, and the tasks that a playbook would run on it."""

    def __init__(
        self, sim: simulator.Simulation, host: str = "hv01", variables: Mapping[str, Any] | None = None
    ) -> None:
        self.sim, self.host = sim, host
        self.machine = sim.machines[host]
        self.variables = variables or task.variables(sim, host)

    def on(self, host: str) -> Lab:
        """The same simulation, with tasks on another of its hosts."""
        return Lab(self.sim, host)

    def by(self, user: str) -> Lab:
        """The same host, with tasks of another of its users."""
        password = self.machine.users[user].password
        return Lab(self.sim, self.host, {**self.variables, "ansible_user": user, "ansible_password": password})

    def run(self, module: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
        """The result of a task, whatever it is; its requests are in the log of the simulation."""
        self.sim.log.clear()
        return task.run_task(self.host, self.variables, module, args, check=check)

    def succeeds(self, module: str, **args: Any) -> dict[str, Any]:
        """The result of a task that doesn't fail."""
        result = self.run(module, **args)
        assert not result.get("failed"), result
        return result

    def apply(self, module: str, *, once_more: bool = True, **args: Any) -> dict[str, Any]:
        """The result of a task that changes the host: check mode predicts it, and a second run has nothing to do."""
        self.sim.advance(1)  # later than the task before, so that the order of what they create is known
        before = self.state()
        check = self.succeeds(module, check=True, **args)
        assert not self.writes, "check mode sent a write"
        assert self.state() == before, "check mode changed the host"
        real = self.succeeds(module, **args)
        assert real["changed"] is True
        assert _predictable(check) == _predictable(real), f"check mode predicted {check}, but: {real}"
        if once_more:
            self.leaves_alone(module, **args)
        return real

    def leaves_alone(self, module: str, **args: Any) -> dict[str, Any]:
        """The result of a task that has nothing to do, and sends no write."""
        for check in (True, False):
            result = self.succeeds(module, check=check, **args)
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
        assert {**check, "power_cycled": None} == {**real, "power_cycled": None}, f"check mode said: {check}"
        assert not self.requests or real["msg"].startswith(f"{self.host}: "), real["msg"]
        assert [word for word in words if word not in real["msg"]] == [], real["msg"]
        return real

    def fails(self, module: str, *words: str, **args: Any) -> dict[str, Any]:
        """The result of a task that fails on its way."""
        result = self.run(module, **args)
        assert result.get("failed") is True, result
        assert [word for word in (f"{self.host}: ", *words) if word not in result["msg"]] == [], result["msg"]
        return result

    def info(self, vm: str, *groups: str) -> dict[str, Any]:
        """What vm_info returns for a VM."""
        (found,) = self.succeeds("vm_info", name=[vm], include=list(groups))["vms"]
        return found

    def adapter(self, vm: str, name: str) -> dict[str, Any]:
        """What vm_info returns for a network adapter."""
        (found,) = (row for row in self.info(vm, "network_adapters")["network_adapters"] if row["name"] == name)
        return found

    def facts(self, group: str) -> dict[str, Any]:
        """What host_info returns in a group."""
        return self.succeeds("host_info", include=[group])["host"][group]

    def switch(self, name: str) -> dict[str, Any]:
        """What host_info returns for a virtual switch."""
        (found,) = (row for row in self.facts("network")["switches"] if row["name"] == name)
        return found

    def vm(self, name: str) -> Any:
        """The simulator's own object."""
        return self.machine.vm(name)

    def state(self) -> dict[str, dict[str, Any]]:
        return changes.state(self.machine)

    @property
    def requests(self) -> list[Entry]:
        """Requests of the last task."""
        return self.sim.log.requests()

    @property
    def writes(self) -> list[str]:
        return changes.writes(self.requests)

    @property
    def power_requests(self) -> list[str]:
        """Methods by which the last task changed the power state of VMs, in order."""
        return [entry.method for entry in self.requests if entry.method in ("InitiateShutdown", "RequestStateChange")]

    def cost(self) -> int:
        """Number of requests of the last task, without those that ask whether a job is done."""
        return sum(not (entry.action == "Get" and entry.class_name.endswith("Job")) for entry in self.requests)


def _predictable(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in UNPREDICTABLE}


@contextmanager
def open_lab(
    model: str | Path | Mapping[str, Any], host: str = "hv01", *, jobs: Mapping[str, Any] | None = None
) -> Iterator[Lab]:
    """Start a model, whose hosts answer methods with these `jobs`; time passes only when a task waits.

    A class that hosts have and the simulator lacks is an error of its own (strict), so that no code path of the client
    is taken only because of the simulator.
    """
    if jobs and isinstance(model, Mapping):
        model = copy.deepcopy(dict(model))
        for spec in model["hosts"]:
            spec["jobs"] = dict(jobs)
    with simulator.start(model, strict=True) as sim, waiting_advances(sim.clock), reach.guests_in_reach(sim):
        try:
            yield Lab(sim, host)
        finally:
            task.close_clients()


@contextmanager
def waiting_advances(clock: Clock) -> Iterator[None]:
    """Let a task's pauses advance the simulator's clock instead of the wall's: it waits for nothing, and sees no drift.

    The clock of the simulator stands still otherwise, so no test depends on how fast the machine is.
    """
    clock.freeze(skips=True)
    begin, thread, sleep = clock.seconds() - time.monotonic(), threading.current_thread(), time.sleep

    def monotonic() -> float:
        return clock.seconds() - begin

    def advance(seconds: float) -> None:
        if threading.current_thread() is thread:
            clock.advance(max(0.001, seconds))  # like a real pause, never too short to be noticed
        else:
            sleep(seconds)

    with mock.patch("time.sleep", advance), mock.patch("time.monotonic", monotonic):
        yield
