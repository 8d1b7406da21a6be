"""Rules that make a simulated host fail: at the k-th matching request, by host, operation, class or method."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from .envelope import ENUMERATION, SHELL, TRANSFER, Request
from .faults import KINDS, fault

if TYPE_CHECKING:
    from ..machine.machine import Machine

# What is wrong with an answer that was right.
SPOILS = ("cut", "garble", "unseal")
BEFORE = ("drop", "unplug", "delay", "refuse", "fault", "expire", "fail_job", "hang_job")
AFTER = ("lose", "reboot", "misdirect", *SPOILS)
ACTIONS = (*BEFORE, *AFTER)


@dataclass(frozen=True)
class Rule:
    """An action and the requests that it applies to.

    drop: close the connection before anything is done; lose: do it and close the connection instead of answering;
    delay: wait `seconds` first (past the client's OperationTimeout that is a TimedOut fault); refuse: HTTP `status`
    without a body; fault: the fault named `fault`; fail_job: the job of this method call ends in an exception with
    `code` and `text`; hang_job: it takes `seconds` more. unplug: like drop, and nobody is listening for `seconds`;
    reboot: do it, then the host restarts and is away for `seconds`. misdirect: the answer relates to another message;
    cut: it ends within its body; garble: a byte of it is another one; unseal: it comes as plain text though the request
    was sealed. expire: the service forgets its enumerations first. `at` is the number of the first matching request
    it applies to (1 is the first), `times` how often it applies (0: for ever). Names are compared without case; None
    matches all.
    """

    do: str
    host: str | None = None
    operation: str | None = None
    class_name: str | None = None
    method: str | None = None
    at: int = 1
    times: int = 1
    seconds: float = 0.0
    status: int = 503
    fault: str = "InternalError"
    code: int = 32768
    text: str = ""

    def __post_init__(self) -> None:
        if self.do not in ACTIONS:
            raise ValueError(f"fault rule: do is one of {', '.join(ACTIONS)}, not {self.do!r}")
        if self.do == "fault" and self.fault not in KINDS:
            raise ValueError(f"fault rule: no fault named {self.fault!r}")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Rule:
        """From a mapping of a model file; ValueError names unknown keys."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"fault rule: unknown {', '.join(sorted(unknown))}")
        return cls(**values)

    def matches(self, host: str, operation: str, class_name: str, method: str) -> bool:
        wanted = (self.host, self.operation, self.class_name, self.method)
        return all(
            want is None or want.lower() == have.lower()
            for want, have in zip(wanted, (host, operation, class_name, method), strict=True)
        )


class Dropped(Exception):
    """The connection ends here, without an answer."""


class Refused(Exception):
    """An HTTP status without a body instead of an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def operation_of(request: Request) -> tuple[str, str]:
    """Operation (Get, Pull, Invoke, Command, …) and, for Invoke, the method."""
    if request.identify:
        return "Identify", ""
    name = request.action.rpartition("/")[2]
    if request.action.startswith((TRANSFER, ENUMERATION, SHELL)):
        return name, ""
    return ("Invoke", name) if request.action else ("", "")


class FaultRules:
    """The rules of a simulation, and how often each has matched."""

    def __init__(self, rules: Iterable[Rule] = (), sleep: Callable[[float], None] = time.sleep) -> None:
        self._rules: list[Rule] = []
        self._seen: list[int] = []
        self._sleep = sleep
        self._lock = threading.Lock()
        self._thread = threading.local()
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)
            self._seen.append(0)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    def due(self, machine: Machine, request: Request) -> list[Rule]:
        """The rules that apply to this request; counts it."""
        operation, method = operation_of(request)
        found = []
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.matches(machine.name, operation, request.target[1], method):
                    self._seen[index] += 1
                    turn = self._seen[index] - rule.at
                    if turn >= 0 and (rule.times == 0 or turn < rule.times):
                        found.append(rule)
        return found

    def apply(self, due: Iterable[Rule], machine: Machine, timeout: float) -> None:
        """Apply the rules before the request is processed; raises Fault, Dropped or Refused."""
        self._thread.job = None
        for rule in due:
            match rule.do:
                case "drop":
                    raise Dropped
                case "unplug":
                    machine.unplug(rule.seconds)
                    raise Dropped
                case "refuse":
                    raise Refused(rule.status)
                case "fault":
                    raise fault(rule.fault)
                case "delay":
                    self._sleep(min(rule.seconds, timeout))
                    if rule.seconds > timeout:
                        raise fault("TimedOut")
                case "fail_job":
                    self._thread.job = (rule.code, rule.text)
                case "hang_job":
                    self._thread.job = float(rule.seconds)

    def intercept(self, machine: Machine, kind: str, method: str) -> tuple[int, str] | float | None:
        """For Jobs.intercept: what a rule has in store for the job of the request in this thread."""
        return getattr(self._thread, "job", None)
