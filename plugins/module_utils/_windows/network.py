# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network adapters of Windows: names, IPv4 addresses, gateways, DNS servers and DHCP, by MAC address.

Adapters are rows of MSFT_NetAdapter, their configuration is one of Win32_NetworkAdapterConfiguration, whose methods and
codes Microsoft documents. An adapter that belongs to a virtual switch has no configuration; the adapter of Windows on
the switch has the same MAC address, and is then configured in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Interface
from typing import Any, NamedTuple

from .._task.answer import answer_of
from .._task.errors import Invalid, MethodFailed, Missing, Refused, about, within
from .._task.given import check_distinct
from .._task.ip import parse_gateway, parse_interface, parse_ipv4
from .._task.mac import format_mac, parse_mac
from .._task.session import Target
from .._task.step import Step
from .._wsman.cim import Instance
from .._wsman.faults import Fault
from .foreseen import change, recall
from .schema import NET_ADAPTER, NET_INTERFACE, NETWORK_CONFIGURATION

OPTIONS: dict[str, Any] = {
    "adapters": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "mac_address": {"type": "str", "required": True},
            "name": {"type": "str"},
            "dhcp": {"type": "bool"},
            "address": {"type": "str"},
            "gateway": {"type": "str"},
            "dns_servers": {"type": "list", "elements": "str"},
        },
    },
}

_IPV4 = 2
_LINK_LOCAL = "169.254."
_FORESEEN = "network"
_OF_TWO = "is given to two adapters; give each of them another one"
_RESTART = 1  # done, takes effect with a restart
# Win32_NetworkAdapterConfiguration, return values of its methods.
_REASONS = {
    64: "Windows does not support it",
    65: "Windows gave no reason",
    66: "the subnet mask is not valid",
    70: "the IP address is not valid",
    71: "the gateway is not valid",
    72: "Windows could not write its registry",
    81: "Windows could not configure its DHCP client",
    84: "TCP/IP is not bound to the adapter, or its cable is not connected",
    91: "access is denied",
    97: "the interface can't be configured",
    100: "DHCP is not enabled on the adapter",
    2147786788: "another program changes the network at present; run the task again",
}


class Adapter(NamedTuple):
    """An adapter of Windows with its configuration. ``keys`` are those of its MSFT_NetAdapter."""

    mac_address: str
    name: str
    dhcp: bool
    addresses: tuple[str, ...]
    gateway: str | None
    dns_servers: tuple[str, ...]
    index: int  # of its configuration
    interface: int
    keys: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """The adapter as results have it."""
        return {
            "mac_address": self.mac_address,
            "name": self.name,
            "dhcp": self.dhcp,
            "addresses": list(self.addresses),
            "gateway": self.gateway,
            "dns_servers": list(self.dns_servers),
        }


class Wanted(NamedTuple):
    """The options of one adapter, parsed; None for what isn't given."""

    mac_address: str
    name: str | None
    dhcp: bool | None
    address: IPv4Interface | None
    gateway: str | None
    dns_servers: tuple[str, ...] | None


# ---- options ----


def parse(params: Mapping[str, Any]) -> list[Wanted]:
    """The options. Raises Invalid."""
    with within("adapters"):
        wanted = [_parse(entry) for entry in params["adapters"]]
        check_distinct((row.mac_address for row in wanted), "mac_address", _OF_TWO)
        check_distinct((row.name for row in wanted), "name", _OF_TWO)
        check_distinct((row.address and row.address.ip for row in wanted), "address", _OF_TWO)
    return wanted


def _parse(entry: Mapping[str, Any]) -> Wanted:
    with within("mac_address"):
        mac = format_mac(parse_mac(entry["mac_address"])) or ""
    with about(f"adapter {mac}"):
        with within("address"):
            address = parse_interface(entry["address"]) if entry["address"] else None
        if address and entry["dhcp"]:
            raise Invalid("an adapter with an address has no DHCP; leave one of them out", option="dhcp")
        if entry["gateway"] and not address:
            raise Invalid("needs the 'address' of the adapter", option="gateway")
        with within("gateway"):
            gateway = parse_gateway(entry["gateway"], address) if entry["gateway"] and address else None
        servers = entry["dns_servers"]
        with within("dns_servers"):
            dns = None if servers is None else tuple(str(parse_ipv4(server)) for server in servers)
    return Wanted(mac, entry["name"], False if address else entry["dhcp"], address, gateway, dns)


# ---- reading ----


def fetch(target: Target) -> list[Adapter]:
    """The adapters, as earlier tasks of this check would have left them."""
    found = _read(target)
    expected = recall(target, _FORESEEN, dict)
    return [adapter._replace(**_tuples(expected.get(adapter.mac_address, {}))) for adapter in found]


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _read(target: Target) -> list[Adapter]:
    adapters = target.client.query(NET_ADAPTER, columns=tuple(NET_ADAPTER.properties))
    configured = target.client.query(NETWORK_CONFIGURATION, columns=tuple(NETWORK_CONFIGURATION.properties))
    by_mac: dict[str, list[Instance]] = {}
    for row in configured:
        by_mac.setdefault(format_mac(row["MACAddress"]) or "", []).append(row)
    return [
        adapter
        for row in sorted(adapters, key=lambda row: row["InterfaceIndex"])
        if row["HardwareInterface"] and (mac := format_mac(row["PermanentAddress"]))
        for adapter in [_adapter(row, mac, by_mac.get(mac, []))]
    ]


def _adapter(row: Instance, mac: str, configured: Sequence[Instance]) -> Adapter:
    """An adapter with its configuration, or with that of the adapter on its switch, which has its MAC address."""
    own: Instance = next((other for other in configured if other["InterfaceIndex"] == row["InterfaceIndex"]), {})
    bound = own if own.get("IPEnabled") else next((other for other in configured if other["IPEnabled"]), own)
    pairs = zip(bound.get("IPAddress") or (), bound.get("IPSubnet") or (), strict=False)
    addresses = [str(IPv4Interface(f"{ip}/{mask}")) for ip, mask in pairs if ":" not in ip]
    return Adapter(
        mac_address=mac,
        name=row["Name"],
        dhcp=bool(bound.get("DHCPEnabled")),
        addresses=tuple(text for text in addresses if not text.startswith(_LINK_LOCAL)),
        gateway=next((text for text in bound.get("DefaultIPGateway") or () if ":" not in text), None),
        dns_servers=tuple(bound.get("DNSServerSearchOrder") or ()),
        index=bound.get("Index", 0),
        interface=bound.get("InterfaceIndex", row["InterfaceIndex"]),
        keys={key: row[key] for key in NET_ADAPTER.keys},
    )


# ---- planning ----


def plan(target: Target, current: Sequence[Adapter], wanted: Iterable[Wanted]) -> list[Step]:
    """The steps to the wanted names and configurations. Raises Missing, Refused."""
    by_mac = {adapter.mac_address: adapter for adapter in current}
    pairs = []
    for entry in wanted:
        if entry.mac_address not in by_mac:
            raise Missing(
                f"{target.name} has no network adapter with the MAC address {entry.mac_address}; it has "
                f"{', '.join(sorted(by_mac)) or 'none'}",
                option="adapters.mac_address",
            )
        pairs.append((by_mac[entry.mac_address], entry))
    steps = _plan_names(target, current, [(adapter, entry.name) for adapter, entry in pairs if entry.name])
    return steps + [step for adapter, entry in pairs for step in _plan_configuration(target, adapter, entry)]


def _plan_names(target: Target, current: Sequence[Adapter], named: Iterable[tuple[Adapter, str]]) -> list[Step]:
    """The steps to names, in an order in which no two adapters have the same. Raises Refused."""
    waiting = [(adapter, name) for adapter, name in named if adapter.name != name]
    renamed = {adapter.mac_address for adapter, _name in waiting}
    for adapter in current:
        taken = next((name for _other, name in waiting if name.lower() == adapter.name.lower()), None)
        if taken is not None and adapter.mac_address not in renamed:
            raise Refused(
                f"the adapter {adapter.mac_address} of {target.name} has the name '{taken}' already; rename it, too",
                option="adapters.name",
            )
    names = {adapter.mac_address: adapter.name.lower() for adapter in current}
    steps = []
    while waiting:
        free = [
            (adapter, name)
            for adapter, name in waiting
            if name.lower() not in {taken for mac, taken in names.items() if mac != adapter.mac_address}
        ]
        if not free:  # they exchange their names
            adapter, name = waiting[0]
            between = f"{name} ({adapter.mac_address[-5:].replace(':', '')})"
            steps.append(_rename(target, adapter, between))
            names[adapter.mac_address] = between.lower()
            waiting[0] = (adapter._replace(name=between), name)
            continue
        for adapter, name in free:
            steps.append(_rename(target, adapter, name))
            names[adapter.mac_address] = name.lower()
            waiting.remove((adapter, name))
    return steps


def _rename(target: Target, adapter: Adapter, name: str) -> Step:
    what = f"rename the adapter '{adapter.name}' to '{name}'"
    write = partial(_invoke, target, NET_ADAPTER, "Rename", adapter.keys, {"NewName": name}, what)
    return _step(target, adapter, what, {"name": name}, {"name": adapter.name}, write)


def _plan_configuration(target: Target, adapter: Adapter, wanted: Wanted) -> list[Step]:
    keys, steps = {"Index": adapter.index}, []

    def method(name: str, what: str, before: Mapping[str, Any], after: Mapping[str, Any], **arguments: Any) -> None:
        write = partial(_invoke, target, NETWORK_CONFIGURATION, name, keys, arguments, what)
        steps.append(_step(target, adapter, what, after, before, write))

    label = f"the adapter '{wanted.name or adapter.name}'"
    if wanted.address and (adapter.dhcp or adapter.addresses != (str(wanted.address),)):
        method(
            "EnableStatic",
            f"assign the address {wanted.address} to {label}",
            {"addresses": list(adapter.addresses), "dhcp": adapter.dhcp},
            {"addresses": [str(wanted.address)], "dhcp": False},
            IPAddress=[str(wanted.address.ip)],
            SubnetMask=[str(wanted.address.netmask)],
        )
    elif wanted.dhcp is False and adapter.dhcp:
        what = f"disable DHCP of {label}"
        write = partial(_disable_dhcp, target, adapter.interface)
        steps.append(_step(target, adapter, what, {"dhcp": False}, {"dhcp": True}, write))
    elif wanted.dhcp and not adapter.dhcp:
        before = {"addresses": list(adapter.addresses), "gateway": adapter.gateway, "dhcp": False}
        method("EnableDHCP", f"enable DHCP of {label}", before, {"addresses": [], "gateway": None, "dhcp": True})
    if wanted.gateway and adapter.gateway != wanted.gateway:
        before, after = {"gateway": adapter.gateway}, {"gateway": wanted.gateway}
        what = f"set the gateway of {label}"
        method("SetGateways", what, before, after, DefaultIPGateway=[wanted.gateway], GatewayCostMetric=[1])
    if wanted.dns_servers is not None and adapter.dns_servers != wanted.dns_servers:
        servers = list(wanted.dns_servers)
        before, after = {"dns_servers": list(adapter.dns_servers)}, {"dns_servers": servers}
        method(
            "SetDNSServerSearchOrder", f"set the DNS servers of {label}", before, after, DNSServerSearchOrder=servers
        )
    return steps


# ---- writing ----


def _step(
    target: Target,
    adapter: Adapter,
    what: str,
    after: Mapping[str, Any],
    before: Mapping[str, Any],
    write: Callable[[], Any],
) -> Step:
    """The step that changes some values of an adapter; if its answer is lost, the adapter shows whether it was done."""
    mac = adapter.mac_address

    def look() -> Mapping[str, Any] | None:
        found = {row.mac_address: row.describe() for row in _read(target)}.get(mac, {})
        return {} if all(found.get(name) == value for name, value in after.items()) else None

    def apply() -> None:
        expected = dict(recall(target, _FORESEEN, dict)) if target.foresees else {}
        expected[mac] = {**expected.get(mac, {}), **after}
        change(target, lambda: answer_of(target, what, write, look), {_FORESEEN: expected})

    return Step(what, {"adapters": {mac: dict(before)}}, {"adapters": {mac: dict(after)}}, apply)


def _invoke(
    target: Target, cls: Any, method: str, keys: Mapping[str, Any], arguments: Mapping[str, Any], what: str
) -> Mapping[str, Any]:
    answer = target.client.invoke(cls, method, keys=keys, arguments=dict(arguments))
    code = answer["ReturnValue"]
    if code not in (0, _RESTART, None):
        reason = _REASONS.get(code, "Windows refused it")
        raise MethodFailed(f"could not {what}: {reason} (code {code})", method=method, return_value=code)
    return answer


def _disable_dhcp(target: Target, interface: int) -> Mapping[str, Any]:
    """Set Dhcp of the rows of an interface, one for now and one for after a restart (Set-NetIPInterface).

    Three of the four keys are empty, which Windows may refuse as selectors; the fourth alone identifies the row.
    """
    where = f"InterfaceIndex = {interface} AND AddressFamily = {_IPV4}"
    for row in target.client.query(NET_INTERFACE, columns=tuple(NET_INTERFACE.properties), where=where):
        keys, values = {key: row[key] or "" for key in NET_INTERFACE.keys}, {"Dhcp": 0}
        try:
            target.client.put(NET_INTERFACE, keys, values)
        except Fault as fault:
            try:
                target.client.put(NET_INTERFACE, {key: value for key, value in keys.items() if value}, values)
            except Fault:
                raise fault from None
    return {}
