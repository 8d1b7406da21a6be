# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From facts to findings: which support rules a host, its VMs and their guests violate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from .._task.errors import Invalid, Refused, within
from .rule import ANY, FAIL, GUEST, HOST, INFO, NESTED_VM, SEVERITIES, VM, WARN, Facts, Request, Rule, violations
from .rules import containers, hci, nat, nesting, wsl

RULES = (*nesting.RULES, *wsl.RULES, *containers.RULES, *hci.RULES, *nat.RULES)
BY_ID = {rule.id: rule for rule in RULES}

Finding = dict[str, Any]


class Judgement(NamedTuple):
    """The findings in their order, and the ids of the rules whose facts are missing."""

    findings: list[Finding]
    unknown: list[str]


# ---- judging ----


def applicable(request: Request, about: Collection[str] = (HOST, VM, NESTED_VM, GUEST)) -> list[Rule]:
    """The rules about these things that are judged for a scenario and purpose."""
    return [rule for rule in RULES if rule.about in about and rule.applies(request)]


def judge(facts: Facts, request: Request, ignore: Mapping[str, str] | None = None) -> Judgement:
    """All rules for a scenario and purpose, on a host and, if the facts have one, on a VM that is to run Hyper-V."""
    return _judge(facts, request, _about(bool(facts.get("vm")), bool(facts.get("guest"))), ignore or {})


def needed(request: Request, vm: bool, guest: bool) -> dict[str, set[str]]:
    """The names of the facts that `judge` looks at, by `host`, `vm` and `guest`."""
    names: dict[str, set[str]] = {"host": set(), "vm": set(), "guest": set()}
    for rule in applicable(request, _about(vm, guest)):
        for path in rule.reads:
            side, _dot, name = path.partition(".")
            names[side].add(name)
    return names


def _about(vm: bool, guest: bool) -> set[str]:
    return {HOST} | ({VM, NESTED_VM, GUEST} if vm else set()) | ({GUEST} if guest else set())


def survey(
    host: Mapping[str, Any], vms: Iterable[Mapping[str, Any]], purpose: str, ignore: Mapping[str, str] | None = None
) -> Judgement:
    """The rules of all scenarios in common, on a host and all its VMs as they are.

    The rules for VMs that nest are judged on those to which virtualization extensions are exposed.
    """
    vms = list(vms)
    nested = [bool((vm.get("nesting") or {}).get("virtualization_extensions")) for vm in vms]
    request = Request(ANY, purpose, nests=any(nested))
    parts = [_judge({"host": host}, request, {HOST}, ignore or {})]
    for vm, nests in zip(vms, nested, strict=True):
        about = {VM, NESTED_VM} if nests else {VM}
        parts.append(_judge({"host": host, "vm": vm}, request, about, ignore or {}))
    return Judgement(
        ordered(finding for part in parts for finding in part.findings),
        sorted({rule for part in parts for rule in part.unknown}),
    )


def _judge(facts: Facts, request: Request, about: Collection[str], ignore: Mapping[str, str]) -> Judgement:
    violated, unknown = violations(applicable(request, about), facts, request)
    name = (facts.get("vm") or {}).get("name")
    return Judgement(
        ordered(
            {
                "id": rule.id,
                "severity": rule.severity[request.purpose],
                "vm": None if rule.about == HOST else name,
                "message": rule.message,
                "observed": observed,
                "remedy": rule.remedy,
                "source": rule.source,
                "ignored": None if is_final(rule, request.purpose) else ignore.get(rule.id),
            }
            for rule, observed in violated
        ),
        sorted(unknown),
    )


def enforce(rules: Iterable[Rule], facts: Facts, name: str, options: Mapping[str, str] | None = None) -> None:
    """Raise Refused for the first rule that a target violates; ``options`` are those to look at, by the ids of rules.

    A rule whose facts are missing refuses nothing.
    """
    for rule, observed in violations(rules, facts, Request())[0]:
        text = f"{rule.message} (rule {rule.id}); {name} has {observed}. {rule.remedy}"
        raise Refused(text, option=(options or {}).get(rule.id, ""), **rule.details())


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by severity, rule and VM."""
    return sorted(findings, key=lambda row: (SEVERITIES.index(row["severity"]), row["id"], (row["vm"] or "").lower()))


def supported(findings: Iterable[Finding], strict: bool = False) -> bool:
    """Whether no finding fails, apart from those that are ignored; with ``strict``, warnings fail as well."""
    return not any(is_failure(finding, strict) for finding in findings)


def is_failure(finding: Finding, strict: bool = False) -> bool:
    """Whether a finding keeps its host or VM from being supported."""
    return finding["ignored"] is None and finding["severity"] in ((FAIL, WARN) if strict else (FAIL,))


def sentence(what: str, findings: Iterable[Finding], request: Request, strict: bool = False) -> str:
    """Why something is not supported, with the way out of each finding."""
    failed = [finding for finding in findings if is_failure(finding, strict)]
    reasons = (f"{row['id']}: {row['message']}; found {row['observed']}. {row['remedy']}" for row in failed)
    scenario = "" if request.scenario == ANY else f" of the scenario {request.scenario}"
    return f"{what} is not supported for {request.purpose}{scenario}. {'. '.join(reasons)}"


# ---- ignoring ----


def is_final(rule: Rule, purpose: str) -> bool:
    """Whether a rule can't be ignored for a purpose."""
    return rule.final and purpose == "production"


def parse_ignore(entries: Iterable[Mapping[str, Any]], purpose: str) -> dict[str, str]:
    """The reason for each rule that is ignored, by its id. Raises Invalid."""
    reasons: dict[str, str] = {}
    with within("ignore"):
        for entry in entries:
            rule, reason = _known(entry["rule"]), (entry["reason"] or "").strip()
            if not reason:
                raise Invalid(f"says nothing; write why rule {rule.id} may be ignored", option="reason")
            if is_final(rule, purpose):
                raise Invalid(
                    f"{rule.id} can't be ignored for production: {rule.message}. {rule.remedy}",
                    option="rule",
                    **rule.details(),
                )
            if rule.id in reasons:
                raise Invalid(f"{rule.id} is listed twice; merge both entries into one", option="rule")
            reasons[rule.id] = reason
    return reasons


def _known(name: str) -> Rule:
    rule = BY_ID.get(name.strip().lower())
    if rule is None:
        near = nearest(name, BY_ID)
        raise Invalid(f"'{name}' is no rule; the nearest {_listed(near)}", option="rule", nearest=near)
    return rule


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The up to three names that are most like another one; at least one."""
    return get_close_matches(name.strip().lower(), list(known), n=3, cutoff=0.0)


def _listed(names: list[str]) -> str:
    return f"is {names[0]}" if len(names) == 1 else f"are {', '.join(names)}"


# ---- the part of host_info ----


def describe_host(host: Mapping[str, Any]) -> dict[str, Any]:
    """Whether VMs of a host can run Hyper-V, and the reasons, from its facts; warnings are those for evaluation."""
    request = Request("nested_vms")
    violated, _unknown = violations(applicable(request, {HOST}), {"host": host}, request)
    severe = [(rule.severity["evaluation"], rule, observed) for rule, observed in violated]
    need = nesting.NEEDS.get(host["processor"]["vendor"] or "")
    return {
        "supported": not any(severity == FAIL for severity, _rule, _observed in severe),
        "minimum_vm_version": ".".join(map(str, need.version)) if need else None,
        "reasons": [
            {**rule.details(), "severity": severity, "text": rule.message, "found": observed}
            for severity, rule, observed in sorted(severe, key=lambda row: SEVERITIES.index(row[0]))
            if severity != INFO
        ],
    }
