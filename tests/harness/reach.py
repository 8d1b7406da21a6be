# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network between the control node and the guests of a simulation, beside WS-Management with their hosts."""

from __future__ import annotations

import pkgutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from ansible_collections.nested.hyperv.tests.simulator import Simulation
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine, all_machines

TCP = 6


@contextmanager
def guests_in_reach(sim: Simulation) -> Iterator[None]:
    """Lead connections to addresses of guests, and to mapped ports of hosts, to the simulator; no other leaves."""

    def routed(connect: Callable[..., socket.socket]) -> Callable[..., socket.socket]:
        def route(address: tuple[str, int], *rest: Any, **options: Any) -> socket.socket:
            place = find(sim, *address)
            if place is None and not address[0].startswith("127."):
                raise _nothing_at(address[0])
            return connect(place or address, *rest, **options)

        return route

    with ExitStack() as stack:
        for name in ("socket.create_connection", "urllib3.util.connection.create_connection"):  # of WinRM: urllib3's
            stack.enter_context(mock.patch(name, routed(pkgutil.resolve_name(name))))
        yield


def _nothing_at(address: str) -> OSError:
    """What the network says of an address that no machine has, or of a name, for which there is no name server."""
    try:
        ip_address(address)
    except ValueError:
        return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return TimeoutError("timed out")


def find(sim: Simulation, address: str, port: int) -> tuple[str, int] | None:
    """Where the simulator listens for an address and port of its machines."""
    machines = list(all_machines(sim.machines.values()))
    for machine in machines:
        for vm in machine.vms.values():
            if any(address in own for own in vm.addresses.values()):
                return _of_guest(sim, vm, port)
    mapped = (found for machine in machines if (found := _mapped(sim, machine, address, port)))
    return next(mapped, None)


def _of_guest(sim: Simulation, vm: Any, port: int) -> tuple[str, int] | None:
    if vm.guest.ssh and port == 22 and vm.id in sim.ssh:
        return "127.0.0.1", sim.ssh[vm.id].port
    known = sim.endpoints.get(vm.guest.machine.name) if vm.guest.machine else None
    url = urlsplit({5985: known.http, 5986: known.https}.get(port, "")) if known else None
    return (url.hostname, url.port) if url and url.port else None


def _mapped(sim: Simulation, machine: Machine, address: str, port: int) -> tuple[str, int] | None:
    """A static mapping of a host, which is reached at its loopback address."""
    if not address.startswith("127.") or not machine.hyperv:
        return None
    for row in machine.repository.rows("MSFT_NetNatStaticMapping", STANDARD):
        if (row["ExternalPort"], row["Protocol"]) == (port, TCP):
            return find(sim, row["InternalIPAddress"], row["InternalPort"])
    return None
