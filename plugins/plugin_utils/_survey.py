# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey (docs/survey.md) of several hosts: assembled from host_info and vm_info, judged, in a stable order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..module_utils._policy import evaluate

SCHEMA = 1
Survey = dict[str, Any]
Result = Mapping[str, Any] | None  # of a task; None: the task didn't run

# Facts that change although nobody changes anything; without them, two surveys differ only if the hosts do.
VOLATILE_OF_HOST = frozenset({("memory", "free"), ("os", "booted"), ("volumes", "free")})
VOLATILE_OF_VM = frozenset({("uptime",), ("memory", "assigned"), ("memory", "demand")})


def assemble(
    rows: Iterable[tuple[str, Result, Result]], purpose: str, ignore: Mapping[str, str], created: str | None
) -> Survey:
    """The survey of hosts, each with its inventory name and the results of host_info and vm_info."""
    hosts = sorted(
        (_host(name, found, vms, purpose, ignore) for name, found, vms in rows),
        key=lambda row: (row["name"].lower(), row["name"]),
    )
    for host, parent in _parents(hosts):
        host["parent"] = parent
    by_name = {host["name"]: host for host in hosts}
    for host in hosts:
        if _contains_itself(host, by_name):
            host["parent"] = None  # machines that contain each other have been mistaken for others
    return {"schema": SCHEMA, "created": created, "purpose": purpose, "scenario": evaluate.ANY, "hosts": hosts}


def _host(name: str, found: Result, listed: Result, purpose: str, ignore: Mapping[str, str]) -> dict[str, Any]:
    results = [result for result in (found, listed) if result]
    host = (found or {}).get("host")
    vms = list((listed or {}).get("vms") or ())
    judged = evaluate.survey(host, vms, purpose, ignore) if host is not None else evaluate.Judgement([], [])
    return {
        "name": str(name),
        "reachable": bool(results) and not any(result.get("unreachable") for result in results),
        "error": next((str(result["msg"]) for result in results if _went_wrong(result)), None),
        "host": None if host is None else _stable(host, VOLATILE_OF_HOST),
        "vms": sorted((_stable(vm, VOLATILE_OF_VM) for vm in vms), key=lambda vm: (vm["name"].lower(), vm["id"])),
        "parent": None,
        "findings": [_stable_order(finding) for finding in judged.findings],
        "unknown": [str(rule) for rule in judged.unknown],
    }


def _went_wrong(result: Mapping[str, Any]) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _stable(value: Any, volatile: frozenset[tuple[str, ...]], path: tuple[str, ...] = ()) -> Any:
    """Plain values with sorted keys, without those at the volatile paths."""
    if isinstance(value, Mapping):
        return {
            str(key): _stable(value[key], volatile, (*path, key))
            for key in sorted(value)
            if (*path, key) not in volatile
        }
    if isinstance(value, list | tuple):
        return [_stable(item, volatile, path) for item in value]
    return _plain(value)


def _stable_order(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): _plain(value) for key, value in finding.items()}


def _plain(value: Any) -> Any:
    """The value without the tags of Ansible's templates."""
    return str(value) if isinstance(value, str) else value


# ---- which host is which VM ----

_Place = tuple[str, str]  # the names of a host and of a VM on it


def _parents(hosts: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, str] | None]]:
    """Each host with the host and VM that it is, if one running VM has its MAC addresses, or else its computer name."""
    by_mac: dict[str, set[_Place]] = {}
    by_name: dict[str, set[_Place]] = {}
    for host in hosts:
        for vm in host["vms"]:
            if vm["state"] != "running":
                continue
            for adapter in vm.get("network_adapters") or ():
                by_mac.setdefault(adapter["mac_address"] or "", set()).add((host["name"], vm["name"]))
            name = (vm.get("guest") or {}).get("computer_name") or ""
            by_name.setdefault(name.lower(), set()).add((host["name"], vm["name"]))
    for host in hosts:
        place = None
        if ((host["host"] or {}).get("machine") or {}).get("virtual"):
            place = _place(host, by_mac, by_name)
        yield host, place and {"host": place[0], "vm": place[1]}


def _place(
    host: Mapping[str, Any], by_mac: Mapping[str, set[_Place]], by_name: Mapping[str, set[_Place]]
) -> _Place | None:
    """The only VM that fits a host, without those on the host itself."""
    facts = host["host"]
    macs = {adapter["mac_address"] for adapter in (facts.get("network") or {}).get("adapters") or ()} - {None, ""}
    names = {(facts.get("name") or "").lower()} - {""}
    names |= {f"{name}.{(facts.get('domain') or '').lower()}" for name in names}
    same_mac = {place for mac in macs for place in by_mac.get(mac, ()) if place[0] != host["name"]}
    same_name = {place for name in names for place in by_name.get(name, ()) if place[0] != host["name"]}
    for places in (same_mac & same_name, same_mac, same_name):
        if places:
            return next(iter(places)) if len(places) == 1 else None
    return None


def _contains_itself(host: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether following the parents of a host leads back to it."""
    current, seen = host, set()
    while current["parent"] and current["name"] not in seen:
        seen.add(current["name"])
        current = by_name[current["parent"]["host"]]
    return current is host and bool(seen)
