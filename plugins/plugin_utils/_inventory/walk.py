# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the listed hosts to VMs of any depth. Nothing is asked here: functions that the caller passes do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .options import DIRECT, NAT, Preferences
from .places import Guest, Host, places
from .reading import Part

Obtain = Callable[[list[Host]], dict[str, Part]]


class Walk(NamedTuple):
    """All VMs, and those that were not asked because another host has their address."""

    guests: list[Guest]
    same: list[tuple[Guest, Host]]


def walk(
    listed: Iterable[Host], obtain: Obtain, host_of: Callable[[Guest], Host | None], preferences: Preferences
) -> Walk:
    """The VMs of the listed hosts, and of VMs that are hosts themselves.

    ``obtain`` reads hosts, and leaves out those that it could not read. ``host_of`` is the host that a VM is, None if
    it is not to be asked. No endpoint is asked twice, and no VM that runs, by its id, within itself: so the walk ends.
    """
    listed = list(listed)
    wave, guests, same = listed, [], []
    asked = {host.options.endpoint.lower(): host for host in listed}
    while wave:
        parts = obtain(wave)
        found: list[Guest] = []
        for host in wave:
            if host.key in parts:
                host.mappings = parts[host.key].mappings
                found += [Guest(host, facts) for facts in parts[host.key].vms]
        guests += found
        wave = []
        candidates = [guest for guest in found if guest.may_be_host and not _runs_within_itself(guest)]
        known = _recognise(listed, candidates, preferences)
        for guest in candidates:
            if guest in known:
                same.append((guest, known[guest]))
            elif host := host_of(guest):
                other = asked.setdefault(host.options.endpoint.lower(), host)
                if other is host:
                    wave.append(host)
                else:
                    same.append((guest, other))
    return Walk(guests, same)


def with_same_vms(guests: Iterable[Guest]) -> list[tuple[Host, Host]]:
    """Nested hosts, each with the listed host that reports VMs with the same IDs, so that both may be one host.

    This is no proof: cloned hosts have VMs with the same IDs, too.
    """
    by_host: dict[Host, set[str]] = {}
    for guest in guests:
        by_host.setdefault(guest.host, set()).add(guest.facts["id"])
    listed = {frozenset(ids): host for host, ids in by_host.items() if host.vm is None}
    pairs = ((host, listed.get(frozenset(ids))) for host, ids in by_host.items() if host.vm is not None)
    return [(nested, other) for nested, other in pairs if other]


def _runs_within_itself(guest: Guest) -> bool:
    return any(host.vm and host.vm.facts["id"] == guest.facts["id"] for host in [guest.host, *guest.host.above])


def _recognise(listed: Iterable[Host], guests: Iterable[Guest], preferences: Preferences) -> dict[Guest, Host]:
    """Which of the listed hosts are VMs of others, by address and port; their own VMs are a level deeper then."""
    by_place: dict[tuple[str, int | None], list[Guest]] = {}
    both = preferences._replace(ways=(DIRECT, NAT), networks=(), families=(4, 6))
    for guest in guests:
        for place in places(guest, both, [mapping["internal_port"] for mapping in guest.host.mappings]):
            by_place.setdefault((place.address, place.port), []).append(guest)
    known = {}
    for host in listed:
        matching = by_place.get((host.address, host.port)) or by_place.get((host.address, None)) or []
        if host.vm is None and len(matching) == 1 and host not in [matching[0].host, *matching[0].host.above]:
            host.vm = matching[0]
            known[host.vm] = host
    return known
