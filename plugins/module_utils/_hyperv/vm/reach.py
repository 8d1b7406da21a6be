# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the control node to a service in a guest: directly, or through a static mapping of its host's NAT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..._task import greeting
from ..._task.greeting import Service
from ..._task.session import Target
from ..._wsman.faults import Fault
from ..network.nat import ANY, StaticMapping, mapping_of, query_mappings


class Place(NamedTuple):
    """Where the control node asks for a service; `port_in_guest` differs behind a NAT."""

    address: str
    port: int
    port_in_guest: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def answers(service: Service, places: list[Place], seen: list[str]) -> Place | None:
    """The first place at which the service greets; ``seen`` gets what the others did."""
    seen.clear()
    for place in places:
        answer = greeting.ask(service, place.address, place.port, greeting.uses_tls(place.port_in_guest))
        if not answer:
            return place
        seen.append(f"{place}: {answer}")
    return None


def places(host: Target, service: Service, addresses: list[str], port: int | None) -> list[Place]:
    """The mappings of the host that lead to the service, then the addresses of the guest themselves."""
    wanted = port or service.port
    direct = [Place(address, wanted, wanted) for address in addresses]
    return [*_mapped(host, addresses, wanted), *direct]


def _mapped(host: Target, addresses: list[str], port: int) -> Iterator[Place]:
    for mapping in host.once("mappings for waiting", lambda: _query(host)):
        if mapping.internal_address in addresses and mapping.internal_port == port:
            own = urlsplit(host.client.to).hostname or host.name
            external = own if mapping.external_address == ANY else mapping.external_address
            yield Place(external, mapping.external_port, port)


def _query(host: Target) -> list[StaticMapping]:
    """The static mappings of TCP; none if the host has no NAT, or does not show it to the user."""
    try:
        return [mapping for row in query_mappings(host) if (mapping := mapping_of(row)).protocol == "tcp"]
    except Fault:
        return []


def described(place: Place) -> dict[str, Any]:
    """A place as results show it."""
    return {"address": place.address, "port": place.port}
