# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own adapters on virtual switches, and their IP addresses (root/StandardCimv2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Interface
from typing import Any

from ..._task.errors import MethodFailed, Refused
from ..._task.journal import wrote
from ..._task.session import Target
from ..._task.wait import wait_until
from ..._wsman.cim import Instance, quote
from ..._wsman.faults import Fault, HostError, NotFound, NotWSMan, OperationTimeout
from ..schema import INTERNAL_PORT, NET_ADAPTER, NET_ADDRESS, NET_ROUTE
from . import switch
from .ethernet import format_mac
from .switch import Switch

IPV4 = 2  # AddressFamily
MANUAL = 1  # PrefixOrigin of an address that somebody gave
UNICAST = 1
# How long Windows may take until a new adapter, address or NAT shows.
_SETTLING = 30.0  # seconds


# ---- reading ----


def read_addresses(host: Target) -> list[Instance]:
    """All IPv4 addresses of the host."""
    return host.client.query(NET_ADDRESS, columns=tuple(NET_ADDRESS.properties), where=f"AddressFamily = {IPV4}")


def read_routes(host: Target) -> list[Instance]:
    """All IPv4 routes of the host."""
    columns = ("DestinationPrefix", "InterfaceAlias", "InterfaceIndex")
    return host.client.query(NET_ROUTE, columns=columns, where=f"AddressFamily = {IPV4}")


def host_adapter(host: Target, one: Switch) -> Instance | None:
    """The host's network adapter on a switch (MSFT_NetAdapter); None where it has none, or not yet.

    The port of the switch leads to an Msvm_InternalEthernetPort by MAC address or name, and that to an MSFT_NetAdapter
    by id or MAC address. The name of the latter isn't used: people change it, and Windows makes it up.
    """
    if not one.internals:
        return None
    ports = host.client.query(INTERNAL_PORT, columns=tuple(INTERNAL_PORT.properties))
    columns = ("DeviceID", "Name", "InterfaceIndex", "PermanentAddress", "HardwareInterface")
    return match_adapter(one, ports, host.client.query(NET_ADAPTER, columns=columns))


def match_adapter(one: Switch, ports: list[Instance], adapters: list[Instance]) -> Instance | None:
    """The host's adapter on a switch, out of the rows of both classes."""
    names = {(row["ElementName"] or "").lower() for row in one.internals}
    macs = {mac for row in one.internals if (mac := format_mac(row["Address"]))}
    mine = [row for row in ports if format_mac(row["PermanentAddress"]) in macs] or [
        row for row in ports if (row["ElementName"] or "").lower() in names
    ]
    ids = {switch.guid(row["DeviceID"]) for row in mine}
    macs |= {mac for row in mine if (mac := format_mac(row["PermanentAddress"]))}
    # A physical adapter may share its address with the host's adapter on top of it.
    adapters = [row for row in adapters if not row["HardwareInterface"]]
    found = [row for row in adapters if switch.guid(row["DeviceID"]) in ids]
    found = found or [row for row in adapters if format_mac(row["PermanentAddress"]) in macs]
    return min(found, key=lambda row: row["InterfaceIndex"]) if found else None


def interface(row: Mapping[str, Any]) -> IPv4Interface:
    return IPv4Interface(f"{row['IPAddress']}/{row['PrefixLength']}")


# ---- writing ----
# Nobody has published a capture of these writes over WS-Management, so each is verified by reading back, and what the
# host says to it counts only where the reading says that nothing happened.


def wait_for_adapter(host: Target, switch_name: str) -> Instance:
    """The host's adapter on a switch that was just made; Windows needs a moment for it."""
    found: list[Instance] = []

    def look() -> bool:
        one = switch.pick(switch.read(host), switch_name, "switch")
        adapter = host_adapter(host, one) if one else None
        found.extend([adapter] if adapter else [])
        return bool(found)

    wait_until(host, look, _SETTLING, f"see the host's adapter on '{switch_name}'")
    return found[0]


def verified(host: Target, write: Callable[[], Any], done: Callable[[], bool], what: str) -> None:
    """Write, then read until the change shows, and record it. Raises the write's own error, or MethodFailed."""
    failure: HostError | None = None
    try:
        write()
    except (Fault, NotWSMan, MethodFailed, OperationTimeout) as error:
        failure = error
    if failure is not None and not done():
        failure.message = f"could not {what}: {failure.message}"
        raise failure
    try:
        wait_until(host, done, _SETTLING, what)
    except Refused as error:
        text = f"could not {what}: the host accepted the request, but the change did not take effect"
        raise MethodFailed(text) from error
    wrote(what)


def add_address(host: Target, index: int, address: IPv4Interface) -> None:
    """Give an adapter an address that stays (static method MSFT_NetIPAddress.Create)."""
    what = f"give the host the address {address}"
    arguments = {
        "InterfaceIndex": index,
        "IPAddress": str(address.ip),
        "AddressFamily": IPV4,
        "PrefixLength": address.network.prefixlen,
        "Type": UNICAST,
    }

    def write() -> None:
        code = host.client.invoke(NET_ADDRESS, "Create", arguments=arguments)["ReturnValue"]
        if code:
            details = {"class": NET_ADDRESS.name, "method": "Create", "return_value": code}
            raise MethodFailed(f"Create returned {code}", **details)

    verified(host, write, lambda: bool(_address_rows(host, index, address)), what)


def remove_address(host: Target, index: int, address: IPv4Interface) -> None:
    """Take an address from an adapter: it is there twice, for now and for after a restart."""
    what = f"take the address {address} from the host"
    for row in _address_rows(host, index, address):
        verified(
            host,
            lambda row=row: _delete_address(host, row),
            lambda row=row: all(row["Name"] != left["Name"] for left in _address_rows(host, index, address)),
            what,
        )


def _delete_address(host: Target, row: Instance) -> None:
    """Three of the four keys are empty texts, which a host may not take as selectors; the fourth names it alone."""
    keys = {key: row[key] or "" for key in NET_ADDRESS.keys}
    try:
        host.client.delete(NET_ADDRESS, keys)
    except NotFound:
        pass  # gone with the row of the other store
    except Fault as fault:
        try:
            host.client.delete(NET_ADDRESS, {key: value for key, value in keys.items() if value})
        except Fault:
            raise fault from None


def _address_rows(host: Target, index: int, address: IPv4Interface) -> list[Instance]:
    where = f"InterfaceIndex = {index} AND IPAddress = {quote(str(address.ip))}"
    rows = host.client.query(NET_ADDRESS, columns=tuple(NET_ADDRESS.properties), where=where)
    return [row for row in rows if interface(row) == address]
