# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a VM: one state machine for every module that starts, stops or needs a VM off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..._task.answer import uncertain
from ..._task.cycle import nothing_to_put_back
from ..._task.errors import MethodFailed, Refused, Rule, Unanswered
from ..._task.journal import is_uncertain, may_have_written, sending, wrote
from ..._task.session import Target
from ..._task.step import Step
from ..._task.wait import RECONNECT, pauses, reached_within, wait_until
from ..._wsman.cim import quote
from ..._wsman.faults import Fault, HostError, NotFound, WSManError, is_passing, may_have_run
from .. import jobs
from ..schema import COMPUTER_SYSTEM, SHUTDOWN
from .find import LASTING, OFF, PAUSED, RUNNING, SAVED, VM, fetch_again, fetch_state, settled

RESTARTED = "restarted"

# Msvm_ComputerSystem.RequestStateChange; 32768/32769 of the documentation are V1 values that v2 hosts refuse.
REQUESTS = {RUNNING: 2, OFF: 3, SAVED: 6, PAUSED: 9}
_VERBS = {RUNNING: "start", OFF: "turn off", SAVED: "save", PAUSED: "pause"}

# How long a host may refuse a request because a transition or checkpoint job still runs.
_SETTLING = 30.0  # seconds
_BOOTING = 120_000  # milliseconds that a guest may take until it can be asked to shut down
_IN_PROGRESS = 32782
_SOMEBODY_ELSE = "another task or person {}. Run the task again when that is over"
_START_IT = "; start it with state: running"
_WAY_OUT = "Shut the guest down yourself, or cut its power with 'force_off: true'"
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
    because = f" ({rule.message}; rule {rule.id})" if rule else ""
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
    elif vm.state == PAUSED and not permission.force_off:
        raise Refused(
            f"{vm} is paused, so its guest can't shut down, and changing {which} needs it off{because}. "
            "Resume it first, or cut its power with 'force_off: true'",
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
            f"{vm} has no shutdown integration service that answers. {_WAY_OUT}",
            vm=vm.name,
            power_cycle_required=True,
            power_cycled=False,
        )


@dataclass
class VmCycle:
    """The power cycle of a VM, as a Cycle of the engine; without a VM, nothing is turned off.

    ``done`` is whether the VM was turned off and is on again, ``left_off`` the sentence about a VM that is not.
    """

    host: Target
    vm: VM | None
    permission: Permission
    needed: bool = False
    done: bool = False
    left_off: str = ""
    started_later: bool = False

    def check(self, steps: Sequence[Step]) -> None:
        options = list(dict.fromkeys(option for step in steps for option in step.needs_off))
        self.needed = self.vm is not None and self.vm.state != OFF and bool(options)
        if not self.needed:
            return
        rules = (step.rule for step in steps if step.needs_off and step.rule)
        check_may_turn_off(self.vm, options, self.permission, next(rules, None))
        check_shutdown(self.host, self.vm, self.permission)
        if self.vm.state == SAVED and not self.started_later:
            self.left_off = f"{self.vm} is off{_START_IT}"
            self.host.warn(f"{self.host.name}: the saved state of {self.vm} is discarded, so {self.left_off}")

    def report(self) -> dict[str, Any]:
        left_off = {"left_off": self.left_off} if self.left_off else {}
        return {"power_cycle_required": self.needed, "power_cycled": self.done, **left_off}

    @contextmanager
    def interruption(self, put_back: Callable[[], bool] = nothing_to_put_back) -> Iterator[None]:
        """The VM is off inside, and back in its state afterwards, whatever happened inside.

        A VM whose saved state was discarded stays off: its programs can't be resumed.
        """
        if not self.needed:
            yield
            return
        if self.vm.state not in LASTING and not self.permission.force_off:
            self.vm = _end_of_transition(self.host, self.vm, self.permission.shutdown_timeout)
        if self.vm.state == OFF:
            yield
            return
        off = returning = False
        try:
            turn_off(self.host, self.vm, self.permission)
            off = True
            yield
            returning = True
            self._bring_back(put_back)
        except BaseException as error:
            # Refusing to start once is enough; if the task was stopped just then, the VM is started all the same.
            again = not (returning and isinstance(error, HostError))
            self._recover(error, put_back if again else None, off and not returning)
            raise

    def _bring_back(self, put_back: Callable[[], bool]) -> None:
        if self.vm.state == SAVED:
            return
        try:
            start(self.host, self.vm)
        except MethodFailed as error:
            if jobs.refused(error) or not put_back():
                raise
            put_back_said = f"; {self.vm} has its previous settings again"
            try:
                start(self.host, self.vm)
            except HostError as second:
                second.message += put_back_said
                raise
            self.done = True
            error.message += f"{put_back_said} and was started with them"
            raise
        self.done = True
        if self.vm.state == PAUSED:
            request(self.host, self.vm, PAUSED)

    def _recover(self, error: BaseException, put_back: Callable[[], bool] | None, was_off: bool) -> None:
        """Look at the VM, bring it back if it may be, and note if it is off; a second failure is added to the first."""
        seconds: list[str] = []
        try:
            state = settled(self.host, self.vm).state
            if was_off and state in (RUNNING, "starting"):
                self.done = True
                seconds.append(f"another task or person has started {self.vm} meanwhile, so run the task again")
            elif put_back and state in LASTING and state != self.vm.state:
                self._bring_back(put_back)
        except HostError as second:
            seconds.append(second.message)
        if isinstance(error, HostError):
            error.message = "; and ".join([error.message.rstrip("."), *seconds])
        self._note_state()
        if self.left_off and not isinstance(error, HostError):
            self.host.report(self.left_off)

    def _note_state(self) -> None:
        """Note whether the VM is off, or may be soon, although it was not before the task."""
        self.left_off = _left_off(self.host, self.vm, is_uncertain(_shutting_down(self.vm)))

    def later(self, steps: Sequence[Step]) -> list[Step]:
        """These steps after the cycle, which start a VM that the cycle leaves off."""
        self.started_later = bool(steps)
        return [step._replace(apply=lambda step=step: self._start_later(step)) for step in steps]

    def _start_later(self, step: Step) -> None:
        try:
            step.apply()
        except BaseException:
            if self.needed:
                self._note_state()
            raise
        self.done = self.needed


def _left_off(host: Target, vm: VM, asked: bool) -> str:
    """The sentence about a VM that is off, or may be soon, and how to start it; empty if it stays on or is gone.

    ``asked`` is whether its guest may have been asked to shut down.
    """
    try:
        state = fetch_state(host, vm)
    except NotFound:
        return ""
    except HostError:
        return f"{vm} may be off{_START_IT}"
    if state == OFF:
        return f"{vm} is off{_START_IT}"
    return f"{vm} may go off{_START_IT}" if asked or state not in LASTING else ""


@contextmanager
def left_off_said(host: Target, vm: VM) -> Iterator[None]:
    """Add to an error inside, if the VM was not off before and is now, that it is: it was to be removed, and is not."""
    try:
        yield
    except HostError as error:
        if vm.state != OFF and error.details.get("changed"):
            asked = _shutting_down(vm) in error.details.get("uncertain", ())
            if said := _left_off(host, vm, asked):
                error.details["left_off"] = said
                error.message = f"{error.message.rstrip('.')}. {said}"
        raise


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
    if vm.state not in LASTING and not permission.force_off:
        vm = _end_of_transition(host, vm, permission.shutdown_timeout)
    if vm.state == OFF:
        return
    if permission.force_off or vm.state != RUNNING:  # a saved or paused guest can't shut down
        request(host, vm, OFF)
    else:
        shut_down(host, vm, permission.shutdown_timeout)


def _end_of_transition(host: Target, vm: VM, timeout: float) -> VM:
    """The VM after a transition that somebody else began. Raises Refused after ``timeout`` seconds."""
    way_out = f"Another task or person is at work on {vm}, or it is stuck; look at it in Hyper-V Manager"
    wait_until(
        host, lambda: fetch_state(host, vm) in LASTING, timeout, f"see {vm} leave its state '{vm.state}'", way_out
    )
    return vm.in_state(fetch_state(host, vm))


def start(host: Target, vm: VM) -> None:
    """Start, resume or restore the VM and wait until it runs."""
    request(host, vm, RUNNING)


def request(host: Target, vm: VM, target: str) -> None:
    """Ask for a state and wait until the VM is in it. Raises MethodFailed.

    A host answers 32775 both if the VM is in that state already and while another job holds it: look, then ask again.
    The same if the answer is lost: asking twice for one state does nothing more.
    """
    what = f"{_VERBS[target]} {vm}"
    arguments = {"RequestedState": REQUESTS[target]}
    began = time.monotonic()
    for pause in pauses(first=0.2):
        try:
            with sending(what):
                jobs.ask(host, COMPUTER_SYSTEM, "RequestStateChange", arguments, keys=vm.keys, what=what)
            break
        except HostError as error:
            try:
                state = settled(host, vm).state
            except HostError as second:
                raise uncertain(what, error) from second
            if state == target:
                break
            patience = _SETTLING if isinstance(error, (MethodFailed, Fault)) else RECONNECT
            if not _worth_repeating(error) or time.monotonic() - began > patience:
                if isinstance(error, Unanswered) or (may_have_run(error) and state not in LASTING):
                    raise uncertain(what, error) from error
                _name(error, vm, what, state)
                raise
        time.sleep(pause)
    try:
        wait_for(host, vm, target, _SETTLING, what, "Look at it in Hyper-V Manager")
    except HostError as error:
        raise uncertain(what, error) from error
    wrote(what)


def _worth_repeating(error: HostError) -> bool:
    """Whether the host may do later, or may not have got, what this error refuses."""
    if isinstance(error, MethodFailed):
        return jobs.refused(error)
    if isinstance(error, Unanswered):
        return "timeout" not in error.details
    return is_passing(error)


def _name(error: HostError, vm: VM, what: str, state: str) -> None:
    """Name in an error the VM, its present state, and who may be at work on it."""
    if isinstance(error, WSManError):
        error.message = f"could not {what}: {error.message}"
    if jobs.refused(error):
        error.message = f"{error.message.rstrip('.')}. {vm} is {state}, and another task or person may be at work on it"


def shut_down(host: Target, vm: VM, timeout: float) -> None:
    """Ask the guest to shut down and wait until the VM is off. Raises Refused with the way out."""
    what = _shutting_down(vm)
    begun = sent = False
    why_not: str | None = None
    uptime = 0

    def off() -> bool:
        nonlocal begun, sent, why_not, uptime
        if not begun:
            try:
                why_not = _ask_guest(host, vm, what)
            except WSManError as error:
                sent = sent or may_have_run(error)
                raise
            begun = sent = why_not is None
        now = fetch_again(host, vm)
        if now.uptime < uptime:  # it was off, and somebody has started it
            begun, why_not = False, _SOMEBODY_ELSE.format("has started it meanwhile")
        uptime = now.uptime
        return now.state == OFF

    try:
        if reached_within(host, off, timeout, what):
            sent = False
            wrote(what)
            return
        if why_not:
            raise Refused(f"gave up after {timeout:.0f} s to {what}: {why_not}", vm=vm.name, timeout=timeout)
        raise Refused(
            f"gave up after {timeout:.0f} s to {what}, whose guest has been asked and may still go off. {_WAY_OUT}",
            vm=vm.name,
            timeout=timeout,
        )
    except WSManError as error:
        error.message = f"could not {what}: {error.message}"
        raise
    finally:
        if sent:
            may_have_written(what)


def _shutting_down(vm: VM) -> str:
    return f"shut down {vm}"


def _ask_guest(host: Target, vm: VM, what: str) -> str | None:
    """Ask the guest to shut down: None if it has begun, or why it can't begin yet. Raises Refused if it never will."""
    services = host.client.query(SHUTDOWN, columns=tuple(SHUTDOWN.properties), where=f"SystemName = {quote(vm.id)}")
    keys = {name: services[0][name] for name in SHUTDOWN.keys} if services else {}
    arguments = {"Force": False, "Reason": "Ansible: nested.hyperv changes settings that need the VM off"}
    refusal = Refused(f"{vm} has no shutdown integration service that answers. {_WAY_OUT}", vm=vm.name)
    try:
        if services:
            with sending(what):
                # Counts as a write once the VM is off: a guest that was only asked may stay on.
                jobs.ask(host, SHUTDOWN, "InitiateShutdown", arguments, keys=keys, what=what)
            return None
    except (MethodFailed, Fault) as error:  # a guest that still boots may raise a fault instead of a return value
        if may_have_run(error):
            raise
        if error.details.get("return_value") == _IN_PROGRESS:
            return _SOMEBODY_ELSE.format("is shutting it down")
        text = f"the guest of {vm} refused to shut down: {error.message}. {_WAY_OUT}"
        refusal = Refused(text, **error.details)
    now = fetch_again(host, vm)
    if now.state != RUNNING:
        return _SOMEBODY_ELSE.format(f"is at work on it, which is {now.state}")
    if services and now.uptime < _BOOTING:
        return refusal.message
    raise refusal


def wait_for(host: Target, vm: VM, target: str, timeout: float, what: str, way_out: str = "") -> None:
    """Wait until the VM is in a state. Raises Refused after ``timeout`` seconds."""
    wait_until(host, lambda: fetch_state(host, vm) == target, timeout, what, way_out)
