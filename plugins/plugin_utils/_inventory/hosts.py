# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, variables and groups of VMs as hosts of an inventory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Any

from .places import Guest, Host, Place

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

# Variables that are derived from facts.
_DERIVED = (
    "host",
    "hosts",
    "level",
    "switches",
    "addresses",
    "guest_os",
    "reached_by",
    "port_in_guest",
)
VARIABLES = (*_FACTS, *_DERIVED)


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


# Names of a VM in the inventory, in the order in which they are tried; ``host`` is the unique name of its host.
_FORMS: tuple[Callable[[Guest, str], str], ...] = (
    lambda guest, _host: guest.name,
    lambda guest, host: f"{guest.name}_{host}",
    lambda guest, _host: f"{guest.name}_{guest.facts['id']}",
    lambda guest, host: f"{guest.name}_{host}_{guest.facts['id']}",
)
_LAST = len(_FORMS) - 1


def unique_names(
    guests: Iterable[Guest], taken: Collection[str], reserved: Callable[[Collection[str]], Collection[str]]
) -> tuple[dict[Guest, str], str]:
    """The name of each VM in the inventory, and a warning about VMs that do not have their own name.

    No two names are equal, compared without case, and none is in ``taken``, compared without case, or reserved.
    ``reserved`` returns the reserved names, such as those of groups, for the names of all hosts. VMs whose names are
    not unique get the next of `_FORMS`, and finally a number. Names do not depend on the order of the VMs.
    """
    guests = list(guests)
    outermost_first = sorted(guests, key=lambda guest: guest.level)
    forms = dict.fromkeys(outermost_first, 0)
    for attempt in count(1):
        names = _names_in(forms)
        clashing = _clashing(names, taken, reserved)
        pending = [guest for guest in clashing if forms[guest] < _LAST]
        if not pending:
            break
        forms |= dict.fromkeys(pending, min(attempt, _LAST))
    names = _numbered(names, clashing, {*taken, *reserved(_names_of_hosts(names))})
    renamed = Counter(guest.name for guest in guests if names[guest] != guest.name)
    warning = (
        "VMs share a name with each other, a host or a group, or are named like the control node, so the names of "
        "their hosts, their IDs or both are appended: "
        + ", ".join(f"'{name}' ({number})" for name, number in sorted(renamed.items()))
    )
    return {guest: names[guest] for guest in guests}, warning if renamed else ""


def _names_in(forms: Mapping[Guest, int]) -> dict[Guest, str]:
    """The names of VMs in these forms; a VM comes after the VM that is its host."""
    names: dict[Guest, str] = {}
    for guest, form in forms.items():
        names[guest] = _FORMS[form](guest, name_of_host(guest.host, names))
    return names


def name_of_host(host: Host, names: Mapping[Guest, str]) -> str:
    """The name of a Hyper-V host, which is that of the VM in the inventory if the host is a VM."""
    return names.get(host.vm, host.name) if host.vm else host.name


def _names_of_hosts(names: Mapping[Guest, str]) -> set[str]:
    return {name_of_host(guest.host, names) for guest in names}


def _clashing(
    names: Mapping[Guest, str], taken: Collection[str], reserved: Callable[[Collection[str]], Collection[str]]
) -> list[Guest]:
    """The VMs whose names are not unique, or that other things have."""
    counts = Counter(name.lower() for name in [*names.values(), *taken])
    forbidden = set(reserved(_names_of_hosts(names)))
    return [guest for guest, name in names.items() if counts[name.lower()] > 1 or name in forbidden]


def _numbered(names: Mapping[Guest, str], clashing: Iterable[Guest], unavailable: Iterable[str]) -> dict[Guest, str]:
    """The names, with numbers appended to those that clash."""
    result = dict(names)
    used = {name.lower() for name in [*names.values(), *unavailable]}
    for guest in sorted(clashing, key=lambda guest: guest.key):
        free = (f"{names[guest]}_{number}" for number in count(1))
        result[guest] = next(name for name in free if name.lower() not in used)
        used.add(result[guest].lower())
    return result
