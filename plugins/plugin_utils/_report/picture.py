# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a host's levels: boxes within boxes, which are nested lists for screen readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from . import words

_NOTHING = Markup("")
_DEEPEST = 4  # levels that have a color of their own


class Estate(NamedTuple):
    """The hosts of a survey by number, and which of them is inside which VM."""

    hosts: list[Mapping[str, Any]]
    numbers: Mapping[str, int]
    inside: Mapping[tuple[str, str], list[int]]
    levels: list[int]

    def outermost(self) -> list[int]:
        """The hosts whose parent was not surveyed."""
        return [number for number, host in enumerate(self.hosts) if not host["parent"]]


def estate(hosts: list[Mapping[str, Any]]) -> Estate:
    """Find the hosts inside of VMs, and the level of each host."""
    numbers = {host["name"]: number for number, host in enumerate(hosts)}
    inside: dict[tuple[str, str], list[int]] = {}
    for number, host in enumerate(hosts):
        if host["parent"]:
            inside.setdefault((host["parent"]["host"], host["parent"]["vm"]), []).append(number)
    return Estate(hosts, numbers, inside, [_level(host, hosts, numbers) for host in hosts])


def _level(host: Mapping[str, Any], hosts: list[Mapping[str, Any]], numbers: Mapping[str, int]) -> int:
    level = 0
    while host["parent"]:
        level += 1
        host = hosts[numbers[host["parent"]["host"]]]
    return level + ((host["host"] or {}).get("level") or 0)


def join(parts: Iterable[str]) -> Markup:
    """HTML without anything between the parts, of which those that aren't HTML are escaped."""
    return _NOTHING.join(parts)


def badge(status: str, text: str = "") -> Markup:
    """A status in color and in words."""
    return Markup('<span class="badge {}">{}</span>').format(status, text or words.STATUSES[status])


def counts(findings: Iterable[Mapping[str, Any]]) -> Markup:
    """The numbers of findings by severity that are not ignored."""
    found = [finding["severity"] for finding in findings if finding["ignored"] is None]
    numbers = ((severity, found.count(severity)) for severity in words.SEVERITIES)
    return join(badge(severity, f"{count} {severity}") for severity, count in numbers if count)


def chips(texts: Iterable[str], kind: str) -> Markup:
    return join(Markup('<span class="chip {}"><bdi>{}</bdi></span>').format(kind, text) for text in texts)


# ---- hosts ----


def card(number: int, estate: Estate, opened: bool) -> Markup:
    """A host that is in no other, with everything in it."""
    host = estate.hosts[number]
    return Markup(
        '<details class="host s-{status}" id="h{number}" data-h="{within}"{opened}>'
        '<summary><h3>{level}<bdi>{name}</bdi></h3><span class="badges">{badges}</span>'
        '<span class="about">{about}</span></summary>{body}</details>\n'
    ).format(
        status=words.status_of_host(host),
        number=number,
        within=" ".join(map(str, [number, *_within(number, estate)])),
        opened=Markup(" open") if opened else "",
        level=_level_mark(estate.levels[number]),
        name=host["name"],
        badges=_badges(host),
        about=_about(host),
        body=_body(number, estate),
    )


def _within(number: int, estate: Estate) -> Iterable[int]:
    """The hosts inside of a host, at any depth."""
    for (outer, _vm), inner in estate.inside.items():
        if outer == estate.hosts[number]["name"]:
            for child in inner:
                yield child
                yield from _within(child, estate)


def _level_mark(level: int) -> Markup:
    return Markup('<span class="level l{}" title="Level {}: {}">L{}</span> ').format(
        min(level, _DEEPEST), level, "physical host" if not level else "in a VM", level
    )


def _badges(host: Mapping[str, Any]) -> Markup:
    status = words.status_of_host(host)
    return badge(status) + (counts(host["findings"]) if status != "unreachable" else "")


def _about(host: Mapping[str, Any]) -> str:
    facts = host["host"]
    if facts is None:
        return ""
    total = (facts.get("memory") or {}).get("total")
    return words.listed(
        [words.system(facts), words.processor(facts), total and words.size(total), words.machine(facts)]
    )


def _body(number: int, estate: Estate) -> Markup:
    """What is inside of a host: the reason why nothing is known, or memory, networks, findings and VMs."""
    host = estate.hosts[number]
    error = Markup('<p class="error">{}</p>').format(host["error"] or "No task ran on this host.")
    if host["host"] is None:
        return error
    return join(
        [
            error if host["error"] else "",
            _meter(host),
            Markup('<p class="net">{}</p>').format(chips(words.switches(host["host"]), "switch")),
            _findings(host),
            _unknown(host),
            _vms(number, estate),
        ]
    )


def _meter(host: Mapping[str, Any]) -> Markup:
    """A bar with the startup memory of each VM as a part of the host's."""
    total = (host["host"].get("memory") or {}).get("total") or 0
    vms = [vm for vm in host["vms"] if vm.get("memory")]
    if not total:
        return _NOTHING
    running = sum(vm["memory"]["startup"] for vm in vms if vm["state"] == "running")
    everything = sum(vm["memory"]["startup"] for vm in vms)
    scale = 1000 / max(total, everything)
    parts, at = [], 0.0
    for vm in sorted(vms, key=lambda vm: (vm["state"] != "running", not words.nests(vm))):
        width = vm["memory"]["startup"] * scale
        kind = "off" if vm["state"] != "running" else "nest" if words.nests(vm) else "on"
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" width="{:.1f}" height="12"/>').format(kind, at, max(width - 1.5, 0.5))
        )
        at += width
    text = f"{words.size(running)} of {words.size(total)} for running VMs"
    if everything > running:
        text += f", {words.size(everything)} for all"
    limit = (
        Markup('<rect class="limit" x="{:.1f}" width="2" height="12"/>').format(total * scale)
        if everything > total
        else ""
    )
    return Markup(
        '<div class="meter"><svg viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">{}{}</svg>'
        "<span>Startup memory: {}</span></div>"
    ).format(join(parts), limit, text)


def _findings(host: Mapping[str, Any]) -> Markup:
    """The findings of a host, each rule once with the VMs that violate it."""
    rules: dict[tuple[str, str, str | None], list[str]] = {}
    for finding in host["findings"]:
        key = (finding["severity"], finding["id"], finding["ignored"])
        rules.setdefault(key, []).append(finding["vm"] or "host")
    if not rules:
        return _NOTHING
    rows = (
        Markup('<li><a class="badge {0}{4}" href="#r-{1}">{0} {1}</a> <bdi>{2}</bdi>{3}</li>').format(
            severity,
            rule,
            ", ".join(vms[:6]) + (f" and {len(vms) - 6} more" if len(vms) > 6 else ""),
            f" (ignored: {ignored})" if ignored is not None else "",
            " ignored" if ignored is not None else "",
        )
        for (severity, rule, ignored), vms in rules.items()
    )
    return Markup('<ul class="short">{}</ul>').format(join(rows))


def _unknown(host: Mapping[str, Any]) -> Markup:
    """The rules that say nothing about a host or its VMs, because facts are missing."""
    rules = host["unknown"]
    if not rules:
        return _NOTHING
    return Markup('<details class="unknown"><summary>{} could not be evaluated</summary>{}</details>').format(
        words.number(len(rules), "rule"), ", ".join(rules)
    )


# ---- VMs ----


def _vms(number: int, estate: Estate) -> Markup:
    host = estate.hosts[number]
    if not host["vms"]:
        return Markup('<p class="none">No VMs</p>') if not host["error"] else _NOTHING
    by_vm: dict[str, list[Mapping[str, Any]]] = {}
    for finding in host["findings"]:
        by_vm.setdefault(finding["vm"] or "", []).append(finding)

    def order(vm: Mapping[str, Any]) -> tuple[bool, bool]:
        return (host["name"], vm["name"]) not in estate.inside, not words.nests(vm)

    boxes = (
        _box(
            vm,
            by_vm.get(vm["name"], []),
            estate.levels[number] + 1,
            estate.inside.get((host["name"], vm["name"])),
            estate,
        )
        for vm in sorted(host["vms"], key=order)
    )
    return Markup('<ul class="vms">{}</ul>').format(join(boxes))


def _box(
    vm: Mapping[str, Any], findings: list[Mapping[str, Any]], level: int, inner: list[int] | None, estate: Estate
) -> Markup:
    nests = words.nests(vm)
    count = (vm.get("processor") or {}).get("count")
    return Markup(
        '<li class="vm l{color} {kinds}"><b>{level}<bdi>{name}</bdi></b> <span class="state {state}">{state}</span>'
        "{badges}<span class=spec>{spec}</span>{network}{inside}</li>"
    ).format(
        color=min(level, _DEEPEST),
        kinds=" ".join(
            name for name, holds in (("nest", nests), ("deep", inner), ("on", vm["state"] == "running")) if holds
        ),
        level=_level_mark(level) if nests or level > 1 else "",
        name=vm["name"],
        state=vm["state"],
        badges=(Markup('<span class="chip nesting">nesting</span>') if nests else "") + counts(findings),
        spec=words.listed([words.number(count, "CPU") if count else None, words.memory(vm)]),
        network=Markup("<span class=net>{}</span>").format(chips(words.networks(vm), "link")),
        inside=join(_inner(number, estate) for number in inner or ()),
    )


def _inner(number: int, estate: Estate) -> Markup:
    """A surveyed host inside of a VM."""
    host = estate.hosts[number]
    return Markup('<div class="inner s-{}" id="h{}"><h4><bdi>{}</bdi> {}</h4><p class="about">{}</p>{}</div>').format(
        words.status_of_host(host), number, host["name"], _badges(host), _about(host), _body(number, estate)
    )
