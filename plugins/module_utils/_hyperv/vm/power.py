# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a VM: one state machine for every module that starts, stops or needs a VM off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..._task.errors import MethodFailed, Refused, Rule
from ..._task.journal import wrote
from ..._task.session import Target
from ..._task.step import Step
from ..._task.wait import pauses, wait_until
from ..._wsman.cim import quote
from ..._wsman.faults import Fault, HostError
from .. import jobs
from ..schema import COMPUTER_SYSTEM, SHUTDOWN
from .find import OFF, PAUSED, RUNNING, SAVED, VM, fetch_state

RESTARTED = "restarted"

# Msvm_ComputerSystem.RequestStateChange; 32768/32769 of the documentation are V1 values that v2 hosts refuse.
REQUESTS = {RUNNING: 2, OFF: 3, SAVED: 6, PAUSED: 9}
_VERBS = {RUNNING: "start", OFF: "turn off", SAVED: "save", PAUSED: "pause"}

# How long a host may refuse a request because a transition or checkpoint job still runs.
_SETTLING = 30.0  # seconds

_BOOTING = 120_000  # milliseconds that a guest may take until it can be asked to shut down
_NO_ANSWER = {6, 7, 12, 13}  # OperationalStatus of a service in error, not contacted, or lost

OPTIONS: dict[str, Any] = {
    "allow_power_cycle": {"type": "bool", "default": False},
    "force_off": {"type": "bool", "default": False},
    "shutdown_timeout": {"type": "int", "default": 300},
    "discard_saved_state": {"type": "bool", "default": False},
}


class Permission(NamedTuple):
    """What the user permits when a change needs the VM off."""

    allow_power_cycle: bool = False
    force_off: bool = False
    shutdown_timeout: int = 300
    discard_saved_state: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Permission:
        return cls(**{name: params[name] for name in cls._fields if name in params})


def check_may_turn_off(vm: VM, options: list[str], permission: Permission, rule: Rule | None = None) -> None:
    """Raise Refused, naming the options and the rule, if this VM may not or can't be turned off for them."""
    which = ", ".join(options)
    because = f" ({rule.text}; rule {rule.id})" if rule else ""
    details = {"vm": vm.name, "state": vm.state, "power_cycle_required": True, "options": options}
    details |= rule.details() if rule else {}
    if vm.state == SAVED:
        if not permission.discard_saved_state:
            raise Refused(
                f"{vm} is saved, and a saved VM is not off: changing {which} would lose its saved state. "
                "Start it and shut it down first, or allow the loss with 'discard_saved_state: true'",
                **details,
            )
    elif not permission.allow_power_cycle:
        raise Refused(
            f"{vm} is {vm.state}, and changing {which} needs it off{because}. "
            "Turn it off first, or let this task do it with 'allow_power_cycle: true'",
            **details,
        )
    elif vm.state != RUNNING and not permission.force_off:
        first = "Resume it first" if vm.state == PAUSED else "Wait until that is over"
        raise Refused(
            f"{vm} is {vm.state}, so its guest can't shut down, and changing {which} needs it off{because}. "
            f"{first}, or cut its power with 'force_off: true'",
            **details,
        )


def check_shutdown(host: Target, vm: VM, permission: Permission) -> None:
    """Raise Refused if the guest of a running VM can't be asked to shut down; a guest that boots may answer later.

    OperationalStatus as the documentation of Msvm_ShutdownComponent lists it.
    """
    if vm.state != RUNNING or permission.force_off:
        return
    columns, where = ("SystemName", "OperationalStatus"), f"SystemName = {quote(vm.id)}"
    rows = host.once(("shutdown", vm.id), lambda: host.client.query(SHUTDOWN, columns=columns, where=where))
    if not rows or (vm.uptime >= _BOOTING and _NO_ANSWER.intersection(rows[0]["OperationalStatus"][:1])):
        raise Refused(
            f"{vm} has no shutdown integration service that answers. Shut the guest down yourself, or cut its power "
            "with 'force_off: true'",
            vm=vm.name,
            power_cycle_required=True,
            power_cycled=False,
        )


@dataclass
class VmCycle:
    """The power cycle of a VM, as a Cycle of the engine; without a VM, nothing is turned off."""

    host: Target
    vm: VM | None
    permission: Permission
    needed: bool = False
    done: bool = False

    def check(self, steps: Sequence[Step]) -> None:
        options = list(dict.fromkeys(option for step in steps for option in step.needs_off))
        self.needed = self.vm is not None and self.vm.state != OFF and bool(options)
        if self.needed:
            rules = (step.rule for step in steps if step.needs_off and step.rule)
            check_may_turn_off(self.vm, options, self.permission, next(rules, None))
            check_shutdown(self.host, self.vm, self.permission)

    def report(self) -> dict[str, Any]:
        return {"power_cycle_required": self.needed, "power_cycled": self.done}

    @contextmanager
    def interruption(self) -> Iterator[None]:
        """The VM is off inside, and back in its state afterwards, also if the work inside failed.

        A VM whose saved state was discarded stays off: its programs can't be resumed.
        """
        if not self.needed:
            yield
            return
        turn_off(self.host, self.vm, self.permission)
        self.done = True
        try:
            yield
        except HostError as error:
            self._bring_back_after(error)
            raise
        self._bring_back()

    def _bring_back(self) -> None:
        if self.vm.state != SAVED:
            start(self.host, self.vm)
        if self.vm.state == PAUSED:
            request(self.host, self.vm, PAUSED)

    def _bring_back_after(self, error: HostError) -> None:
        """A second failure is added to the first and never hides it."""
        try:
            self._bring_back()
        except HostError as second:
            error.message += f"; and {self.vm} is now off, since starting it failed too: {second.message}"


class Transition(NamedTuple):
    """The way to a requested state: steps before and after all changes, and the VM as the changes find it."""

    first: list[Step]
    after: list[Step]
    vm: VM


def plan_state(host: Target, vm: VM, state: str, permission: Permission) -> Transition:
    """The steps to a value of the option ``state``, which itself permits turning the VM off. Raises Refused.

    ``present`` doesn't change the power state. ``restarted`` of a VM that isn't off is a power cycle without a change,
    so that the VM is started again also if a change of the same task fails.
    """
    if state in ("present", vm.state):
        return Transition([], [], vm)
    if state not in (OFF, RESTARTED):
        return Transition([], [_state_step(host, vm, state, state)], vm)
    if vm.state == OFF:
        return Transition([], [_state_step(host, vm, RUNNING, state)], vm)
    check_may_turn_off(vm, ["state"], permission._replace(allow_power_cycle=True))
    before, after = {"state": vm.state}, {"state": state}
    if state == OFF:
        check_shutdown(host, vm, permission)
        first = Step(f"turn off {vm}", before, after, lambda: turn_off(host, vm, permission))
        return Transition([first], [], vm.in_state(OFF))
    cycle = Step(f"turn off {vm}", before, after, lambda: None, ("state",))
    stays_off = vm.state in (SAVED, PAUSED)
    return Transition([cycle], [_state_step(host, vm, RUNNING, state)] if stays_off else [], vm)


def plan_off(host: Target, vm: VM, permission: Permission) -> Transition:
    """The steps that power off a VM before its removal; a saved VM can be removed as it is."""
    return Transition([], [], vm.in_state(OFF)) if vm.state == SAVED else plan_state(host, vm, OFF, permission)


def _state_step(host: Target, vm: VM, target: str, state: str) -> Step:
    """The step to a state that a VM gets after all changes; an off VM is started before it is saved or paused."""

    def apply() -> None:
        if target != RUNNING and vm.state not in (RUNNING, PAUSED):
            start(host, vm)
        request(host, vm, target)

    return Step(f"{_VERBS[target]} {vm}", {"state": vm.state}, {"state": state}, apply)


def turn_off(host: Target, vm: VM, permission: Permission) -> None:
    """Shut the guest down; cut the power if ``force_off`` says so, or if nothing runs that could shut down."""
    if permission.force_off or vm.state != RUNNING:  # a saved or paused guest can't shut down
        request(host, vm, OFF)
    else:
        shut_down(host, vm, permission.shutdown_timeout)


def start(host: Target, vm: VM) -> None:
    """Start, resume or restore the VM and wait until it runs."""
    request(host, vm, RUNNING)


def request(host: Target, vm: VM, target: str) -> None:
    """Ask for a state and wait until the VM is in it. Raises MethodFailed.

    A host answers 32775 both if the VM is in that state already and while another job holds it: look, then ask again.
    """
    what = f"{_VERBS[target]} {vm}"

    def ask() -> None:
        jobs.call(
            host, COMPUTER_SYSTEM, "RequestStateChange", {"RequestedState": REQUESTS[target]}, keys=vm.keys, what=what
        )

    deadline = time.monotonic() + _SETTLING
    for pause in pauses(first=0.2):
        try:
            ask()
            break
        except MethodFailed as error:
            if fetch_state(host, vm) == target:
                return
            if not jobs.refused(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
    wait_for(host, vm, target, _SETTLING, what)


def shut_down(host: Target, vm: VM, timeout: float) -> None:
    """Ask the guest to shut down and wait until the VM is off. Raises Refused with the way out."""
    what, way_out = f"shut down {vm}", "Shut the guest down yourself, or cut its power with 'force_off: true'"
    services = host.client.query(SHUTDOWN, columns=tuple(SHUTDOWN.properties), where=f"SystemName = {quote(vm.id)}")
    if not services:
        raise Refused(f"{vm} has no shutdown integration service that answers. {way_out}", vm=vm.name)
    keys = {name: services[0][name] for name in SHUTDOWN.keys}
    arguments = {"Force": False, "Reason": "Ansible: nested.hyperv changes settings that need the VM off"}
    try:
        # Counts as a write once the VM is off: a guest that was only asked may stay on.
        jobs.ask(host, SHUTDOWN, "InitiateShutdown", arguments, keys=keys, what=what)
    except (MethodFailed, Fault) as error:  # a guest that still boots may raise a fault instead of a return value
        raise Refused(f"the guest of {vm} refused to shut down: {error.message}. {way_out}", **error.details) from error
    wait_for(host, vm, OFF, timeout, what, way_out)
    wrote(what)


def wait_for(host: Target, vm: VM, target: str, timeout: float, what: str, way_out: str = "") -> None:
    """Wait until the VM is in a state. Raises Refused after ``timeout`` seconds."""
    wait_until(host, lambda: fetch_state(host, vm) == target, timeout, what, way_out)
