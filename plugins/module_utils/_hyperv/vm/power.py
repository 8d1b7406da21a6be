# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a VM: one state machine for every module that starts, stops or needs a VM off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..._policy.rules import Rule
from ..._task.errors import MethodFailed, Refused
from ..._task.session import Host
from ..._task.step import Step
from ..._wsman.cim import quote
from ..._wsman.faults import Fault, HostError
from .. import jobs
from ..schema import COMPUTER_SYSTEM, SHUTDOWN
from .find import OFF, PAUSED, RUNNING, SAVED, VM, state

# Msvm_ComputerSystem.RequestStateChange; 32768/32769 of the documentation are V1 values that v2 hosts refuse.
REQUESTS = {RUNNING: 2, OFF: 3, SAVED: 6, PAUSED: 9}
_VERBS = {RUNNING: "start", OFF: "turn off", SAVED: "save", PAUSED: "pause"}

# How long a host may refuse a request because a transition or checkpoint job still runs.
_SETTLING = 30.0  # seconds

OPTIONS: dict[str, Any] = {
    "allow_power_cycle": {"type": "bool", "default": False},
    "force_off": {"type": "bool", "default": False},
    "shutdown_timeout": {"type": "int", "default": 300},
    "discard_saved_state": {"type": "bool", "default": False},
}


class Permission(NamedTuple):
    """What the user allows where a change needs the VM off."""

    allow_power_cycle: bool = False
    force_off: bool = False
    shutdown_timeout: int = 300
    discard_saved_state: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Permission:
        return cls(**{name: params[name] for name in cls._fields if name in params})


def check_may_turn_off(vm: VM, options: list[str], permission: Permission, rule: Rule | None = None) -> None:
    """Raise Refused, naming the options and the rule, where this VM may not or can't be turned off for them."""
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
            f"{first}, or turn it off hard with 'force_off: true'",
            **details,
        )


class Transition(NamedTuple):
    """The way to a wanted state: steps before and after all changes, and the VM as the changes find it."""

    first: list[Step]
    then: list[Step]
    vm: VM


def plan(host: Host, vm: VM, wanted: str, permission: Permission) -> Transition:
    """The steps to a state of the option ``state``; turning off counts as asked for. Raises Refused.

    ``present`` leaves the power alone. ``restarted`` of a VM that isn't off is a power cycle without a change, so that
    it is started again also where a change of the same task fails.
    """
    if wanted == "present" or wanted == vm.state:
        return Transition([], [], vm)
    if wanted not in (OFF, "restarted"):
        return Transition([], [_bring(host, vm, wanted, wanted)], vm)
    if vm.state == OFF:
        return Transition([], [_bring(host, vm, RUNNING, wanted)], vm)
    check_may_turn_off(vm, ["state"], permission._replace(allow_power_cycle=True))
    told = {"state": vm.state}, {"state": wanted}
    if wanted == OFF:
        first = Step(f"turn off {vm}", *told, lambda: turn_off(host, vm, permission))
        return Transition([first], [], vm._replace(state=OFF))
    cycle = Step(f"turn off {vm}", *told, lambda: None, ("state",))
    stays_off = vm.state in (SAVED, PAUSED)
    return Transition([cycle], [_bring(host, vm, RUNNING, wanted)] if stays_off else [], vm)


def plan_off(host: Host, vm: VM, permission: Permission) -> Transition:
    """The way to a VM that can be removed: off, or saved, whose state goes with it."""
    return Transition([], [], vm._replace(state=OFF)) if vm.state == SAVED else plan(host, vm, OFF, permission)


def _bring(host: Host, vm: VM, target: str, told: str) -> Step:
    """The step to a state that a VM is brought to after all changes; an off VM is started to be saved or paused."""

    def apply() -> None:
        if target != RUNNING and vm.state not in (RUNNING, PAUSED):
            start(host, vm)
        request(host, vm, target)

    return Step(f"{_VERBS[target]} {vm}", {"state": vm.state}, {"state": told}, apply)


@contextmanager
def turned_off(host: Host, vm: VM, permission: Permission) -> Iterator[None]:
    """The VM is off inside, and back as it was afterwards, also where the work inside failed.

    A VM whose saved state was discarded stays off: what it was running is gone.
    """
    turn_off(host, vm, permission)
    try:
        yield
    except HostError as error:
        _back_after(host, vm, error)
        raise
    _back(host, vm)


def _back(host: Host, vm: VM) -> None:
    """Bring a VM that was turned off back to the state it had."""
    if vm.state != SAVED:
        start(host, vm)
    if vm.state == PAUSED:
        request(host, vm, PAUSED)


def _back_after(host: Host, vm: VM, error: HostError) -> None:
    """Start a VM again whose change failed; a second failure is added to the first, never hides it."""
    try:
        _back(host, vm)
    except HostError as second:
        error.message += f"; and {vm} is now off, since starting it failed too: {second.message}"


def turn_off(host: Host, vm: VM, permission: Permission) -> None:
    """Shut the guest down, or cut the power where ``force_off`` says so, or where nothing runs that could shut down."""
    if permission.force_off or vm.state != RUNNING:  # what is saved or paused can't shut down
        request(host, vm, OFF)
    else:
        shut_down(host, vm, permission.shutdown_timeout)


def start(host: Host, vm: VM) -> None:
    """Start, resume or restore the VM and wait until it runs."""
    request(host, vm, RUNNING)


def request(host: Host, vm: VM, target: str) -> None:
    """Ask for a state and wait until the VM is in it. Raises MethodFailed.

    A host answers 32775 both where the VM is there already and while another job holds it: so look, then ask again.
    """
    what = f"{_VERBS[target]} {vm}"

    def ask() -> None:
        jobs.call(
            host, COMPUTER_SYSTEM, "RequestStateChange", {"RequestedState": REQUESTS[target]}, keys=vm.keys, what=what
        )

    deadline = time.monotonic() + _SETTLING
    for pause in jobs.pauses(first=0.2):
        try:
            ask()
            break
        except MethodFailed as error:
            if state(host, vm) == target:
                return
            if not jobs.refused(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
    wait_for(host, vm, target, _SETTLING, what)


def shut_down(host: Host, vm: VM, timeout: float) -> None:
    """Ask the guest to shut down and wait until the VM is off. Raises Refused with the way out."""
    way_out = "Shut the guest down yourself, or cut its power with 'force_off: true'"
    found = host.client.query(SHUTDOWN, columns=tuple(SHUTDOWN.properties), where=f"SystemName = {quote(vm.id)}")
    if not found:
        raise Refused(f"{vm} has no shutdown integration service that answers. {way_out}", vm=vm.name)
    keys = {name: found[0][name] for name in SHUTDOWN.keys}
    arguments = {"Force": False, "Reason": "Ansible: nested.hyperv changes settings that need the VM off"}
    try:
        jobs.call(host, SHUTDOWN, "InitiateShutdown", arguments, keys=keys, what=f"shut down {vm}")
    except (MethodFailed, Fault) as error:  # a guest that still boots may raise a fault instead of a return value
        raise Refused(f"the guest of {vm} refused to shut down: {error.message}. {way_out}", **error.details) from error
    wait_for(host, vm, OFF, timeout, f"shut down {vm}", way_out)


def wait_for(host: Host, vm: VM, target: str, timeout: float, what: str, way_out: str = "") -> None:
    """Wait until the VM is in a state; progress is told while it takes long. Raises Refused after ``timeout`` s."""
    wait_until(host, lambda: state(host, vm) == target, timeout, what, way_out)


def wait_until(host: Host, reached: Callable[[], bool], timeout: float, what: str, way_out: str = "") -> None:
    """Poll a predicate, quickly at first, until it holds. Raises Refused after ``timeout`` seconds."""
    started = reported = time.monotonic()
    for pause in jobs.pauses():
        if reached():
            return
        now = time.monotonic()
        if now - started > timeout:
            raise Refused(f"gave up after {timeout:.0f} s to {what}. {way_out}".rstrip(" ."), timeout=timeout)
        if now - reported >= jobs.REPORT_EVERY:
            host.report(f"{what}: {now - started:.0f} s of at most {timeout:.0f} s")
            reported = now
        time.sleep(min(pause, max(0.0, started + timeout - now)))
