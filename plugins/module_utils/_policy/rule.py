# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support rule: data, and a pure function from facts to the value that violates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from .profiles import LATEST, Profile

SCENARIOS = ("nested_vms", "wsl2", "isolated_containers", "azure_stack_hci")
ANY = "any"  # whatever runs in the VMs: the rules that all scenarios but Azure Stack HCI have in common
PURPOSES = ("evaluation", "production")
FAIL, WARN, INFO = SEVERITIES = ("fail", "warn", "info")

# The subject of a rule. Those of NESTED_VM concern VMs with a hypervisor, now or after the task.
HOST, VM, NESTED_VM, GUEST = "host", "vm", "nested_vm", "guest"

ALL = frozenset(SCENARIOS)
COMMON = ALL - {"azure_stack_hci"}  # Azure Stack HCI has stricter rules of its own

Facts = Mapping[str, Any]  # {"host": …, "vm": …, "guest": …}, each as host_info and vm_info return it, or None


class Request(NamedTuple):
    """Scenario and purpose of an evaluation. ``nests``: whether VMs of the host run a hypervisor, now or later.

    Nodes of Azure Stack HCI are judged by a profile, their host by their number.
    """

    scenario: str = ANY
    purpose: str = "evaluation"
    nests: bool = True
    profile: Profile = LATEST
    nodes: int = 1


class Unknown:
    """The answer of a check whose facts are missing."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
Observed: TypeAlias = "str | Unknown | None"  # the value that violates the rule; None if nothing does
Check = Callable[[Facts, Request], Observed]

ALWAYS_FAIL: Mapping[str, str | None] = {"evaluation": FAIL, "production": FAIL}
ALWAYS_WARN: Mapping[str, str | None] = {"evaluation": WARN, "production": WARN}
ALWAYS_INFO: Mapping[str, str | None] = {"evaluation": INFO, "production": INFO}
WARN_FAIL: Mapping[str, str | None] = {"evaluation": WARN, "production": FAIL}
INFO_WARN: Mapping[str, str | None] = {"evaluation": INFO, "production": WARN}


class Rule(NamedTuple):
    """A support rule. ``message`` is the rule itself, ``remedy`` the way out, ``source`` a URL.

    ``severity`` is by purpose; None: the rule says nothing then. ``reads`` are the facts that the check looks at
    (``host.os``). A ``final`` rule can't be ignored in production. ``refs`` are for people who work on the rules.
    """

    id: str
    checks: str
    message: str
    remedy: str
    source: str
    check: Check
    reads: tuple[str, ...]
    about: str = NESTED_VM
    scenarios: frozenset[str] = ALL
    severity: Mapping[str, str | None] = ALWAYS_FAIL
    final: bool = False
    refs: tuple[str, ...] = ()

    def details(self) -> dict[str, str]:
        """The part of a refused task's result that tools read."""
        return {"rule": self.id, "source": self.source}

    def applies(self, request: Request) -> bool:
        """Whether this rule is judged at all for a scenario and purpose."""
        wanted = COMMON if request.scenario == ANY else {request.scenario}
        return wanted <= self.scenarios and self.severity[request.purpose] is not None


class Violation(NamedTuple):
    """A rule that isn't met, and the value observed instead."""

    rule: Rule
    observed: str

    def sentence(self) -> str:
        return f"{self.rule.message}; found {self.observed}"


def violations(rules: Iterable[Rule], facts: Facts, request: Request) -> tuple[list[Violation], list[str]]:
    """The rules that facts violate, and the ids of those whose facts are missing; both in the order of the rules."""
    violated, unknown = [], []
    for rule in rules:
        observed = rule.check(facts, request)
        if isinstance(observed, Unknown):
            unknown.append(rule.id)
        elif observed is not None:
            violated.append(Violation(rule, observed))
    return violated, unknown


# ---- checks ----


def at(facts: Facts, path: str) -> Any:
    """The fact at a path (``host.os.build``), None if it isn't known."""
    value: Any = facts
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def requires(path: str, fits: Callable[[Any], bool], found: Callable[[Any], str] | str) -> Check:
    """A check that one fact fits; unknown if the fact is."""

    def check(facts: Facts, _request: Request) -> Observed:
        value = at(facts, path)
        if value is None:
            return UNKNOWN
        if fits(value):
            return None
        return found if isinstance(found, str) else found(value)

    return check


def at_least(path: str, least: int, found: Callable[[Any], str]) -> Check:
    """A check that a number is large enough."""
    return requires(path, lambda value: value >= least, found)


def counted(number: int, noun: str) -> str:
    """``1 adapter``, ``2 adapters``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
