# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: every flow with every kind of fault at every request, and what was wrong with its result.

A run starts the flow's host, lets one request of the flow meet a fault, and carries out the flow. Then time passes
until all is over that the flow has begun, and the flow is carried out again without a fault. What a run is counted for:

false_unchanged   the state of the host differs from before, at the end of the flow (or as soon as the host is up again)
                  or when all is over, and the result says `changed: false`
false_changed     the state is the same as before, no Windows, service, container or VM was restarted, and the result
                  says `changed: true` without "may have been done"
tracebacks        the flow ends in an exception instead of a result, or does not end within three hours
double_writes     the host has carried out the same write (method, object and arguments, or a command line of a program
                  that changes something, and what was sent to it) more often than any of this method is in the flow
                  without a fault, which mostly is once; to ask a VM for a state again, which it has lost with a host
                  that restarted, is no second write
left_off_unsaid   a VM that was running or paused is off or saved when all is over, or a service that ran is
                  stopped, which it would not be without the fault, and the messages and warnings do not say so
not_converged     the flow without a fault fails afterwards, or leaves another state than without the fault before; a VM
                  that is off, which was said, is started first, as the messages advise. A state from which the flow has
                  been carried out again already is not judged twice.

An uncertain result is honest if it says `changed: true` together with `uncertain` or "may have been done". States are
those of tests/harness/changes.py: settings, power, networks and files.
"""

from __future__ import annotations

import ntpath
import re
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

from ansible.utils.display import Display

from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, PAUSED, RUNNING, SAVED
from ansible_collections.nested.hyperv.tests.simulator.windows import programs, software
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.command_line import split
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry

from .flows import BY_NAME, FLOWS, Flow

COLUMNS = (
    "false_unchanged",
    "false_changed",
    "tracebacks",
    "double_writes",
    "left_off_unsaid",
    "not_converged",
)
# What a host that restarts undoes: its VMs run again, and may be asked again.
LOST_WITH_THE_HOST = ("Msvm_ShutdownComponent.InitiateShutdown", "Msvm_ComputerSystem.RequestStateChange")
# wsl.exe starts it, also if it only reads.
ON_DEMAND = ("service:WSLService",)
# Windows creates and deletes them with features.
WITH_FEATURES = ("service:vmcompute", "service:hns")
# The log of an installation that failed is for people.
KEPT = ("nested_hyperv_wsl.log",)
HOUR = 3600.0
AT_MOST = 3 * HOUR  # that a flow may take, with all its time-outs
ALL_OVER = 5 * HOUR  # after a flow, jobs that hang included


class Fault(NamedTuple):
    """A kind of fault: its rule of the simulator, and whether it can meet `pulls`, `jobs` or any request."""

    rule: Mapping[str, Any]
    meets: str = ""

    def can_meet(self, entry: Entry) -> bool:
        if self.meets == "pulls":
            return entry.action == "Pull"
        if self.meets == "jobs":
            return entry.class_name.startswith("Msvm_") and bool(changes.writes([entry]))
        return True


FAULTS = {
    "refused": Fault({"do": "unplug", "seconds": 30}),
    "reset before": Fault({"do": "drop"}),
    "reset after": Fault({"do": "lose"}),
    "cut": Fault({"do": "cut"}),
    "garbled": Fault({"do": "garble"}),
    "unsealed": Fault({"do": "unseal"}),
    "503": Fault({"do": "refuse", "status": 503}),
    "500 with fault": Fault({"do": "fault", "fault": "InternalError"}),
    "access denied": Fault({"do": "fault", "fault": "AccessDenied"}),
    "another message": Fault({"do": "misdirect"}),
    "failed job": Fault({"do": "fail_job"}, "jobs"),
    "job without end": Fault({"do": "hang_job", "seconds": 4 * HOUR}, "jobs"),
    "expired enumeration": Fault({"do": "expire"}, "pulls"),
    "host reboot": Fault({"do": "reboot", "seconds": 60}),
}


class Case(NamedTuple):
    """A run: the fault meets the request number `at`, counted from 1."""

    flow: str
    fault: str
    at: int


class Verdict(NamedTuple):
    """What was wrong with a run, by column, in words."""

    case: Case
    wrong: Mapping[str, str]


class Baseline(NamedTuple):
    """A flow without a fault: its requests, writes, and the host after it.

    `restarted` is the shape of a guest that restarts then, which completes pending features.
    """

    requests: list[Entry]
    repeats: Mapping[str, int]  # method → how often the same write is carried out
    power: Mapping[str, int]
    shape: Counter[str]
    restarted: Counter[str]


def cases(flows: Iterable[str] | None = None, faults: Iterable[str] | None = None) -> Iterator[Case]:
    """All runs of the matrix, or of some flows and faults."""
    for flow in flows or BY_NAME:
        for fault in faults or FAULTS:
            for at, entry in enumerate(baseline(flow).requests, 1):
                if FAULTS[fault].can_meet(entry):
                    yield Case(flow, fault, at)


def count(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """The rows of the matrix, in the order of flows and faults."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for verdict in verdicts:
        key = verdict.case.flow, verdict.case.fault
        row = rows.setdefault(key, {"flow": key[0], "fault": key[1], "runs": 0, **dict.fromkeys(COLUMNS, 0)})
        row["runs"] += 1
        for column in verdict.wrong:
            row[column] += 1
    return [rows[flow.name, fault] for flow in FLOWS for fault in FAULTS if (flow.name, fault) in rows]


@cache
def baseline(name: str) -> Baseline:
    """The flow as it should be; raises AssertionError if it doesn't work without a fault."""
    flow = BY_NAME[name]
    with _host(flow) as lab, _writes(lab) as writes:
        result = flow.run(lab)
        assert not result.get("failed"), f"{name}: {result}"
        requests = lab.requests
        lab.sim.advance(ALL_OVER)
        repeats: Counter[str] = Counter()
        for (method, _rest), number in Counter(writes).items():
            repeats[method] = max(repeats[method], number)
        power, shape = _power(lab), _shape(_state(lab))
        if flow.guest is not None:
            lab.machine.restart.schedule(0, restart=True)
            lab.sim.advance(ALL_OVER)
        return Baseline(requests, repeats, power, shape, _shape(_state(lab)))


def judge(case: Case, tell: Any = lambda *_words: None) -> Verdict:
    """Carry out a run; `tell` gets what happened, for people."""
    flow, expected = BY_NAME[case.flow], baseline(case.flow)
    wrong: dict[str, str] = {}
    with _host(flow) as lab, _writes(lab) as writes:
        before, ran = _state(lab), {name for name, state in _power(lab).items() if state in (RUNNING, PAUSED)}
        starts = _starts(lab)
        lab.sim.faults.add(Rule(at=case.at, **FAULTS[case.fault].rule))
        result = _attempt(flow, lab, wrong)
        tell("result", result)
        tell("writes", [f"{entry.action} {entry.class_name} {entry.method} {entry.status}" for entry in lab.requests])
        if not lab.machine.running:
            lab.sim.advance(60)
        reboots = case.fault == "host reboot"
        at_once = _difference(before, _state(lab), reboots)
        lab.sim.faults.clear()
        lab.sim.advance(ALL_OVER)
        state, power = _state(lab), _power(lab)
        later = _difference(before, state, reboots)
        tell("changes", at_once, later)
        lies = _lies(result, bool(at_once), bool(later))
        wrong |= {} if "false_changed" in lies and _starts(lab) != starts else lies
        wrong |= _double(writes, expected, LOST_WITH_THE_HOST if case.fault == "host reboot" else ())
        off = {name for name in ran if power.get(name) in (OFF, SAVED) and power[name] != expected.power.get(name)}
        wrong |= _left_off(result, off)
        if wrong or result.get("failed") or _shape(state) != expected.shape:
            for name in off & {vm.name for vm in lab.machine.vms.values()}:
                lab.run("vm", name=name, state="running")
            known = _CONVERGENCES.setdefault(case.flow, {})
            key = reboots, frozenset(_shape(_state(lab)).items())
            if key not in known:
                known[key] = _convergence(flow, lab, expected.shape, expected.restarted if reboots else None, tell)
            wrong |= known[key]
    return Verdict(case, wrong)


# ---- what is wrong ----


def _attempt(flow: Flow, lab: Lab, wrong: dict[str, str]) -> dict[str, Any]:
    """The result of the flow; an exception or a task without an end is noted as wrong."""
    result: dict[str, Any] = {}
    with _limited(lab) as endless:
        try:
            result = flow.run(lab)
        except (Exception, Endless) as error:
            wrong["tracebacks"] = "".join(traceback.format_exception(error)[-3:])
    if endless:
        wrong["tracebacks"] = f"does not end within {AT_MOST:.0f} s"
    elif "Unexpected failure during task execution" in str(result.get("msg")):
        wrong["tracebacks"] = result["msg"]
    return result


def _difference(before: Mapping[str, Any], after: Mapping[str, Any], reboots: bool) -> Mapping[str, Any]:
    """What has changed, without what Windows itself changes if it restarts in between."""
    return {
        path: rest
        for path, values in changes.difference(before, after).items()
        if (rest := {key: pair for key, pair in values.items() if not (reboots and _is_of_windows(path, key, pair[0]))})
    }


def _is_of_windows(path: str, key: str, before: Any) -> bool:
    """Whether a restart of Windows alone changes it."""
    kind = path.partition(":")[0]
    if kind == "feature":
        return key == "State" and before in (software.ENABLE_PENDING, software.DISABLE_PENDING)
    return path in WITH_FEATURES or (kind, key) in (("service", "State"), ("container", "Running"))


def _lies(result: Mapping[str, Any], *differs: bool) -> dict[str, str]:
    says, text = bool(result.get("changed")), _said(result)
    if any(differs) and not says and result:
        return {"false_unchanged": text or "no message"}
    if not any(differs) and says and not is_uncertain(result):
        return {"false_changed": text or "no message"}
    return {}


def is_uncertain(result: Mapping[str, Any]) -> bool:
    """Whether a result says that it doesn't know whether something was done."""
    return bool(result.get("uncertain")) or "may have been done" in _said(result)


def _double(writes: Sequence[tuple[str, str]], expected: Baseline, lost: Sequence[str]) -> dict[str, str]:
    twice = {
        method: number
        for (method, _rest), number in Counter(writes).items()
        if number > max(1, expected.repeats.get(method, 0)) and method not in lost
    }
    return {"double_writes": ", ".join(f"{method} {number} times" for method, number in twice.items())} if twice else {}


def _left_off(result: Mapping[str, Any], off: set[str]) -> dict[str, str]:
    text = _said(result).lower()
    unsaid = [
        name for name in off if not (name.lower() in text and re.search("state: running|(is|may be) stopped", text))
    ]
    return {"left_off_unsaid": f"{', '.join(unsaid)}: {text or 'no message'}"} if unsaid else {}


# flow → (whether the host restarted, state) → what is wrong with a run from it
_CONVERGENCES: dict[str, dict[tuple[bool, frozenset[Any]], dict[str, str]]] = {}


def _convergence(
    flow: Flow, lab: Lab, expected: Counter[str], restarted: Counter[str] | None, tell: Any
) -> dict[str, str]:
    """What is wrong with the run that follows, which has to leave one of two shapes."""
    unexpected: dict[str, str] = {}
    second = _attempt(flow, lab, unexpected)
    tell("second run", second)
    if unexpected or second.get("failed"):
        return {"not_converged": f"second run: {unexpected.get('tracebacks') or _said(second)}"}
    lab.sim.advance(ALL_OVER)
    left = _shape(_state(lab))
    if left not in (expected, restarted):
        more, less = left - expected, expected - left
        tell("state", {"more": list(more.elements()), "less": list(less.elements())})
        return {"not_converged": f"the state differs: + {'; '.join(more)} - {'; '.join(less)}"[:2000]}
    return {}


def _said(result: Mapping[str, Any]) -> str:
    return "\n".join([str(result.get("msg") or ""), *map(str, result.get("warnings") or ())]).strip()


# ---- the host ----


class Endless(BaseException):
    """A task waits longer than it may."""


@contextmanager
def _host(flow: Flow) -> Iterator[Lab]:
    with open_lab(flow.model) as lab, mock.patch.object(Display, "display"):
        lab.sim.advance(60)  # guests have booted
        yield lab


@contextmanager
def _limited(lab: Lab) -> Iterator[list[float]]:
    """Let no task wait longer than AT_MOST; the list is not empty if one would have."""
    clock, pause, endless = lab.sim.clock, time.sleep, []
    deadline = clock.seconds() + AT_MOST

    def sleep(seconds: float) -> None:
        if clock.seconds() > deadline:
            endless.append(clock.seconds())
            raise Endless
        pause(seconds)

    with mock.patch("time.sleep", sleep):
        yield endless


@contextmanager
def _writes(lab: Lab) -> Iterator[list[tuple[str, str]]]:
    """The writes that the host carries out: method, and object with arguments."""
    machine, found, start, send = lab.machine, [], programs.start, programs.Process.write
    places: dict[programs.Process, int] = {}  # of the programs in the list
    invoke, transfer = machine.invoke, {name: getattr(machine, name) for name in ("create", "put", "delete")}

    def note(method: str, *rest: Any) -> None:
        found.append((method, repr(rest)))

    def invoked(cls: Any, keys: Any, method: str, parameters: Any = None, user: Any = None) -> Any:
        answer = invoke(cls, keys, method, parameters, user)
        fails = isinstance(lab.sim.faults.intercept(machine, "", ""), tuple)
        if not method.startswith(changes.READING_METHODS) and answer[0] in (0, 4096) and not fails:
            note(f"{cls.name}.{method}", keys, parameters)
        return answer

    def transferred(name: str) -> Any:
        def act(cls: Any, *rest: Any) -> Any:
            answer = transfer[name](cls, *rest)
            note(f"{name} {cls.name}", rest[:-1])
            return answer

        return act

    def started(on: Any, line: str, **how: Any) -> Any:
        process = start(on, line, **how)
        if not changes.only_reads(line):
            places[process] = len(found)
            note(f"start {ntpath.basename(split(line.replace('^', ''))[0])}", line)
        return process

    def sent(process: programs.Process, data: bytes, **how: Any) -> None:
        if process in places:  # tar.exe gets the names of its files this way
            method, rest = found[places[process]]
            found[places[process]] = method, f"{rest} {data!r}"
        send(process, data, **how)

    methods = {"invoke": invoked, **{name: transferred(name) for name in transfer}}
    with (
        mock.patch.multiple(machine, **methods),
        mock.patch.object(programs, "start", started),
        mock.patch.object(programs.Process, "write", sent),
    ):
        yield found


def _state(lab: Lab) -> dict[str, dict[str, Any]]:
    """The state of the host, without whether services run that start on their own whenever they are needed."""
    state = lab.state()
    return state | {path: {**state[path], "State": ""} for path in ON_DEMAND if path in state}


def _power(lab: Lab) -> dict[str, int]:
    """States of VMs, and of services as if they were VMs."""
    services = {row.name: RUNNING if row.state == software.RUNNING else OFF for row in _services(lab)}
    return {**services, **{vm.name: vm.state for vm in lab.machine.vms.values()}}


def _services(lab: Lab) -> list[Any]:
    return list(lab.machine.software.services.values())


def _starts(lab: Lab) -> dict[str, Any]:
    """Which start of Windows, its services, containers and VMs this is."""
    running = {f"container {one.image}": one.started for one in lab.machine.docker.containers if one.running}
    services = {f"service {row.name}": row.runs for row in _services(lab)}
    vms = {f"vm {vm.name}": vm.on_since for vm in lab.machine.vms.values()}
    return {"": lab.machine.boots, **running, **services, **vms}


def _shape(state: Mapping[str, Any]) -> Counter[str]:
    """A state without what the host chooses, and without what is for people."""
    return changes.shape({path: row for path, row in state.items() if not path.endswith(KEPT)})
