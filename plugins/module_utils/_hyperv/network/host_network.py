# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own network adapters on virtual switches, and their IP addresses (root/StandardCimv2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from ..._task.answer import uncertain
from ..._task.errors import MethodFailed, Refused
from ..._task.journal import sending, wrote
from ..._task.mac import format_mac
from ..._task.session import Target
from ..._task.wait import wait_until
from ..._wsman.cim import Instance, quote
from ..._wsman.faults import (
    BadAnswer,
    ConnectionFailed,
    Fault,
    HostError,
    NotFound,
    NotWSMan,
    OperationTimeout,
    WSManError,
    may_have_run,
    quoted,
)
from ..schema import INTERNAL_PORT, NET_ADAPTER, NET_ADDRESS, NET_ROUTE
from . import switch
from .switch import Switch

IPV4 = 2  # AddressFamily
MANUAL = 1  # PrefixOrigin of an address that was configured manually
UNICAST = 1
# How long Windows may take to show a new adapter, address or NAT.
_SETTLING = 30.0  # seconds


# ---- reading ----


def query_addresses(host: Target) -> list[Instance]:
    """All IPv4 addresses of the host."""
    return host.client.query(NET_ADDRESS, columns=tuple(NET_ADDRESS.properties), where=f"AddressFamily = {IPV4}")


def query_routes(host: Target) -> list[Instance]:
    """All IPv4 routes of the host."""
    columns = ("DestinationPrefix", "InterfaceAlias", "InterfaceIndex")
    return host.client.query(NET_ROUTE, columns=columns, where=f"AddressFamily = {IPV4}")


def fetch_adapter(host: Target, on: Switch) -> Instance | None:
    """The host's network adapter on a switch (MSFT_NetAdapter); None if it has none, or none yet.

    The port of the switch is matched with an Msvm_InternalEthernetPort by MAC address or name, and that with an
    MSFT_NetAdapter by id or MAC address. The name of the latter is not used, because users and Windows change it.
    """
    if not on.internals:
        return None
    ports = host.client.query(INTERNAL_PORT, columns=tuple(INTERNAL_PORT.properties))
    columns = ("DeviceID", "Name", "InterfaceIndex", "PermanentAddress", "HardwareInterface")
    return match_adapter(on, ports, host.client.query(NET_ADAPTER, columns=columns))


def match_adapter(on: Switch, ports: list[Instance], adapters: list[Instance]) -> Instance | None:
    """The host's adapter on a switch, from the rows of both classes."""
    names = {(row["ElementName"] or "").lower() for row in on.internals}
    macs = {mac for row in on.internals if (mac := format_mac(row["Address"]))}
    own = [row for row in ports if format_mac(row["PermanentAddress"]) in macs] or [
        row for row in ports if (row["ElementName"] or "").lower() in names
    ]
    ids = {switch.guid(row["DeviceID"]) for row in own}
    macs |= {mac for row in own if (mac := format_mac(row["PermanentAddress"]))}
    # A physical adapter may have the same address as the host's adapter on its switch.
    virtual = [row for row in adapters if not row["HardwareInterface"]]
    matching = [row for row in virtual if switch.guid(row["DeviceID"]) in ids]
    matching = matching or [row for row in virtual if format_mac(row["PermanentAddress"]) in macs]
    return min(matching, key=lambda row: row["InterfaceIndex"]) if matching else None


def interface(row: Mapping[str, Any]) -> IPv4Interface:
    """Address and prefix length of an MSFT_NetIPAddress."""
    return _converted(IPv4Interface, f"{row['IPAddress']}/{row['PrefixLength']}")


def parse_network(text: str) -> IPv4Network:
    """The network that a prefix stands for; some tools write it with bits behind its length."""
    return _converted(partial(IPv4Network, strict=False), text)


def _converted(convert: Callable[[str], Any], text: str) -> Any:
    try:
        return convert(text)
    except ValueError as error:
        raise BadAnswer(f"The host sent {quoted(text)} where an IPv4 address was expected.") from error


# ---- writing ----
# No capture of these writes over WS-Management has been published. Each is verified by reading back, and an error from
# the host counts only if the change did not take effect.


def wait_for_adapter(host: Target, switch_name: str) -> Instance:
    """The host's adapter on a switch that was just created, as soon as Windows shows it. Raises Refused."""
    adapter: Instance | None = None

    def shows() -> bool:
        nonlocal adapter
        created = switch.pick(switch.fetch_all(host), switch_name, "switch")
        adapter = fetch_adapter(host, created) if created else None
        return adapter is not None

    wait_until(host, shows, _SETTLING, f"see the host's adapter on '{switch_name}'")
    return adapter


def verified(host: Target, write: Callable[[], Any], done: Callable[[], bool], what: str) -> None:
    """Write, then read until the change shows, and record it.

    Raises the write's own error, MethodFailed, or Unanswered if the host can't be asked whether the change was made.
    """
    failure: HostError | None = None
    try:
        with sending(what):
            write()
    except (Fault, NotWSMan, MethodFailed, OperationTimeout, ConnectionFailed) as error:
        failure = error
    try:
        if failure is not None and not done():
            failure.message = f"could not {what}: {failure.message}"
            raise failure
        wait_until(host, done, _SETTLING, what)
    except Refused as error:
        text = f"could not {what}: the host accepted the request, but the change did not take effect"
        raise MethodFailed(text) from error
    except WSManError as error:
        if error is failure or (failure is not None and not may_have_run(failure)):
            raise
        raise uncertain(what, failure or error) from error
    wrote(what)


def add_address(host: Target, index: int, address: IPv4Interface) -> None:
    """Assign a permanent address to an adapter (static method MSFT_NetIPAddress.Create)."""
    what = f"assign the address {address} to the host"
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

    verified(host, write, lambda: bool(_query_rows(host, index, address)), what)


def remove_address(host: Target, index: int, address: IPv4Interface) -> None:
    """Remove an address from an adapter. It has two rows: one for now, one for after a restart."""
    what = f"remove the address {address} from the host"
    for row in _query_rows(host, index, address):
        verified(
            host,
            lambda row=row: _delete_address(host, row),
            lambda row=row: all(row["Name"] != other["Name"] for other in _query_rows(host, index, address)),
            what,
        )


def _delete_address(host: Target, row: Instance) -> None:
    """Three of the four keys are empty, which a host may refuse as selectors; the fourth alone identifies the row."""
    keys = {key: row[key] or "" for key in NET_ADDRESS.keys}
    try:
        host.client.delete(NET_ADDRESS, keys)
    except NotFound:
        pass  # removed together with the row of the other store
    except Fault as fault:
        try:
            host.client.delete(NET_ADDRESS, {key: value for key, value in keys.items() if value})
        except Fault:
            raise fault from None


def _query_rows(host: Target, index: int, address: IPv4Interface) -> list[Instance]:
    where = f"InterfaceIndex = {index} AND IPAddress = {quote(str(address.ip))}"
    rows = host.client.query(NET_ADDRESS, columns=tuple(NET_ADDRESS.properties), where=where)
    return [row for row in rows if interface(row) == address]
