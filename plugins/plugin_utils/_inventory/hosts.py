# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, variables and groups of VMs as hosts of an inventory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .places import Guest, Place

NO_ADDRESS = "none"
# Facts that become variables as they are.
_FACTS = (
    "id",
    "name",
    "state",
    "uptime",
    "generation",
    "version",
    "notes",
    "processors",
    "nesting",
    "memory",
    "network_adapters",
    "guest",
)


def variables(guest: Guest, hosts: list[str], place: Place | None) -> dict[str, Any]:
    """The variables of a VM without their prefix; ``hosts`` are the names of those that it runs on, outermost first."""
    switches = (adapter["switch"] for adapter in guest.facts["network_adapters"])
    return {
        **{name: guest.facts[name] for name in _FACTS},
        "host": hosts[-1],
        "hosts": hosts,
        "level": guest.level,
        "switches": list(dict.fromkeys(name for name in switches if name)),
        "addresses": guest.addresses,
        "guest_os": guest.facts["guest"]["os"],
        "reached_by": place.way if place else None,
        "port_in_guest": place.port_in_guest if place else None,
    }


def connection_variables(place: Place | None) -> dict[str, Any]:
    """ansible_host, and ansible_port if only one port leads to the guest."""
    if place is None:
        return {}
    return {"ansible_host": place.address, **({"ansible_port": place.port} if place.port else {})}


# Values of a VM's variables by which it is grouped, by the word of the option.
GROUPINGS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[Any]]] = {
    "host": lambda known: [known["host"]],
    "state": lambda known: [known["state"]],
    "level": lambda known: [known["level"]],
    "generation": lambda known: [known["generation"]],
    "nesting": lambda known: [{True: "enabled", False: "disabled"}.get(known["nesting"])],
    "switch": lambda known: known["switches"],
    "guest_os": lambda known: [known["guest_os"]],
    "address": lambda known: [] if known["reached_by"] else [NO_ADDRESS],
}


def groups(known: Mapping[str, Any], kinds: Iterable[str], prefix: str) -> list[str]:
    """The names of a VM's groups, not yet safe: one of all VMs, and one for each value that is known."""
    named = (f"{prefix}{kind}_{value}".lower() for kind in kinds for value in GROUPINGS[kind](known) if value)
    return [f"{prefix}vms", *named]


def unique_names(guests: Iterable[Guest], taken: Collection[str]) -> tuple[dict[Guest, str], str]:
    """The name of each VM in the inventory, and a warning about names that several VMs share, or that are taken.

    VMs that share a name, without case, get that of their host behind it; those that still share one, their id. So the
    name of a VM does not depend on the order of the hosts.
    """
    guests = list(guests)
    names = {guest: guest.name for guest in guests}
    for lengthened in (
        lambda guest: f"{guest.name}_{guest.host.name}",
        lambda guest: f"{guest.name}_{guest.facts['id']}",
    ):
        counts = Counter(name.lower() for name in names.values()) + Counter(name.lower() for name in taken)
        shared = [guest for guest in guests if counts[names[guest].lower()] > 1]
        for guest in shared:
            names[guest] = lengthened(guest)
    renamed = Counter(guest.name for guest in guests if names[guest] != guest.name)
    if not renamed:
        return names, ""
    listed = ", ".join(f"'{name}' ({count})" for name, count in sorted(renamed.items()))
    return names, f"VMs share a name with each other or a host, so the names of their hosts are appended: {listed}"
