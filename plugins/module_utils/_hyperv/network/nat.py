# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network address translation of Windows (WinNAT) behind an internal switch: root/StandardCimv2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network, NetmaskValueError
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Missing, Refused, Rule
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman.cim import CimClass, Instance
from ..._wsman.faults import InvalidClass
from ..schema import NET_NAT, NET_NAT_MAPPING
from . import switch
from .host_network import (
    MANUAL,
    add_address,
    host_adapter,
    interface,
    read_addresses,
    read_routes,
    remove_address,
    verified,
    wait_for_adapter,
)
from .switch import PRIVATE, Switch

PROTOCOLS = {"tcp": 6, "udp": 17}
ANY = "0.0.0.0"

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "switch": {"type": "str", "required": True},
    "manage_switch": {"type": "bool", "default": False},
    "address": {"type": "str"},
    "prefix": {"type": "str"},
    "static_mappings": {
        "type": "list",
        "elements": "dict",
        "options": {
            "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
            "external_address": {"type": "str", "default": ANY},
            "external_port": {"type": "int", "required": True},
            "internal_address": {"type": "str", "required": True},
            "internal_port": {"type": "int"},
        },
    },
    "force": {"type": "bool", "default": False},
}


class StaticMapping(NamedTuple):
    """A static mapping; hashable, so that sets of them can be compared."""

    protocol: str
    external_address: str
    external_port: int
    internal_address: str
    internal_port: int

    @property
    def shown(self) -> dict[str, Any]:
        return self._asdict()

    def __str__(self) -> str:
        outside, inside = (
            f"{self.external_address}:{self.external_port}",
            f"{self.internal_address}:{self.internal_port}",
        )
        return f"{self.protocol} {outside} -> {inside}"

    def clashes(self, other: StaticMapping) -> bool:
        """Whether both want packets to the same port; 0.0.0.0 stands for every address."""
        same_address = ANY in (self.external_address, other.external_address) or (
            self.external_address == other.external_address
        )
        return same_address and (self.protocol, self.external_port) == (other.protocol, other.external_port)


class Wanted(NamedTuple):
    """The options, parsed; ``mappings`` None leaves them alone."""

    name: str
    address: IPv4Interface | None
    prefix: IPv4Network | None
    mappings: tuple[StaticMapping, ...] | None


class Found(NamedTuple):
    """What the host has: the switch, the host's adapter on it, and the tables that a NAT can collide with."""

    switch: Switch | None
    adapter: Mapping[str, Any] | None
    nat: Mapping[str, Any] | None
    nats: list[Instance]
    mappings: list[Instance]
    addresses: list[Instance]
    routes: list[Instance]

    @property
    def own_addresses(self) -> list[IPv4Interface]:
        """The addresses that somebody gave to the host's adapter."""
        index = self.adapter["InterfaceIndex"] if self.adapter else None
        rows = (row for row in self.addresses if row["InterfaceIndex"] == index and row["PrefixOrigin"] == MANUAL)
        return sorted({interface(row) for row in rows})


# ---- options ----


def parse(params: Mapping[str, Any]) -> Wanted:
    """Raise Invalid for what can't be, whatever the host has."""
    address = _parse_address(params["address"]) if params["address"] else None
    prefix = _parse_prefix(params["prefix"]) if params["prefix"] else address.network if address else None
    if params["state"] == "present" and address is None:
        raise Invalid(
            "give the host's address behind the NAT with its prefix length, such as 192.168.100.1/24", option="address"
        )
    if address and prefix and not (address.ip in prefix and address.network.subnet_of(prefix)):
        raise Invalid(f"{address} lies outside the prefix {prefix}; choose one of its addresses", option="address")
    mappings = params["static_mappings"]
    if mappings is None:
        return Wanted(params["name"], address, prefix, None)
    return Wanted(params["name"], address, prefix, _parse_mappings(mappings, address, prefix))


def _parse_address(text: str) -> IPv4Interface:
    try:
        if "/" not in text:
            raise ValueError
        address = IPv4Interface(text)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise Invalid(
            f"'{text}' is not an IPv4 address with its prefix length, such as 192.168.100.1/24", option="address"
        ) from error
    network = address.network
    if network.prefixlen > 30:
        raise Invalid(f"{text} leaves no addresses for guests; choose a prefix length of at most 30", option="address")
    if address.ip in (network.network_address, network.broadcast_address):
        which = "network" if address.ip == network.network_address else "broadcast"
        raise Invalid(
            f"{address.ip} is the {which} address of {network}, not one of a host; "
            f"choose from {network[1]} to {network[-2]}",
            option="address",
        )
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        raise Invalid(
            f"{address.ip} can't be an adapter's address; choose a private one such as 192.168.100.1", option="address"
        )
    return address


def _parse_prefix(text: str) -> IPv4Network:
    try:
        if "/" not in text:
            raise ValueError
        return IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise Invalid(
            f"'{text}' is not an IPv4 prefix with zeros behind its length, such as 192.168.100.0/24", option="prefix"
        ) from error


def _parse_mappings(
    options: Iterable[Mapping[str, Any]], address: IPv4Interface | None, prefix: IPv4Network | None
) -> tuple[StaticMapping, ...]:
    found: list[StaticMapping] = []
    for option in options:
        one = _parse_mapping(option, address, prefix)
        clash = next((other for other in found if one.clashes(other)), None)
        if clash:
            raise Invalid(
                f"{one} clashes with {clash}, which wants the same port; change one of them", option="static_mappings"
            )
        found.append(one)
    return tuple(sorted(found))


def _parse_mapping(
    option: Mapping[str, Any], address: IPv4Interface | None, prefix: IPv4Network | None
) -> StaticMapping:
    where = f"static_mappings: {option['protocol']} {option['external_port']}"
    internal_port = option["external_port"] if option["internal_port"] is None else option["internal_port"]
    for name, port in (("external_port", option["external_port"]), ("internal_port", internal_port)):
        if not 1 <= port <= 65535:
            raise Invalid(f"{name} {port} is out of range, choose a port from 1 to 65535", option=f"{where}")
    try:
        external, internal = IPv4Address(option["external_address"]), IPv4Address(option["internal_address"])
    except AddressValueError as error:
        raise Invalid(f"{error}; write an IPv4 address such as 192.168.100.10", option=f"{where}") from error
    if prefix and internal not in prefix:
        raise Invalid(
            f"internal_address {internal} lies outside the prefix {prefix}, where the guests are", option=f"{where}"
        )
    if address and internal == address.ip:
        raise Invalid(f"internal_address {internal} is the host's own address; name a guest's", option=f"{where}")
    return StaticMapping(option["protocol"], str(external), option["external_port"], str(internal), internal_port)


# ---- reading ----


def read(host: Target, name: str, switch_name: str) -> Found:
    """What bears on this NAT; each table once. Raises Refused where Windows has no NAT."""
    nats = read_nats(host)
    if nats is None:
        raise Refused(
            "Windows has no NAT on this host: the class MSFT_NetNat is missing, which comes with Windows Server 2016, "
            "Windows 10 and the Hyper-V role. Install Hyper-V there first"
        )
    chosen = switch.pick(switch.read(host), switch_name, "switch")
    return Found(
        chosen,
        host_adapter(host, chosen) if chosen else None,
        _named(nats, name),
        nats,
        read_mappings(host),
        read_addresses(host),
        read_routes(host),
    )


def reread(host: Target, found: Found, name: str) -> Found:
    """The same with NATs and mappings as they are now."""
    nats = read_nats(host) or []
    return found._replace(nat=_named(nats, name), nats=nats, mappings=read_mappings(host))


def _named(nats: list[Instance], name: str) -> Instance | None:
    return next((row for row in nats if row["Name"].lower() == name.lower()), None)


def read_nats(host: Target) -> list[Instance] | None:
    """The NATs, or None where this Windows has no NAT at all."""
    try:
        return host.client.query(NET_NAT, columns=tuple(NET_NAT.properties))
    except InvalidClass:
        return None


def read_mappings(host: Target) -> list[Instance]:
    return host.client.query(NET_NAT_MAPPING, columns=tuple(NET_NAT_MAPPING.properties))


def prefix_of(nat: Mapping[str, Any]) -> IPv4Network | None:
    """The internal prefix; some tools leave bits behind its length."""
    text = nat["InternalIPInterfaceAddressPrefix"]
    return IPv4Network(text, strict=False) if text and ":" not in text else None


def mapping_of(row: Mapping[str, Any]) -> StaticMapping:
    words = {number: word for word, number in PROTOCOLS.items()}
    return StaticMapping(
        words.get(row["Protocol"], str(row["Protocol"])),
        (row["ExternalIPAddress"] or ANY).partition("/")[0],
        row["ExternalPort"] or 0,
        row["InternalIPAddress"] or "",
        row["InternalPort"] or 0,
    )


def mappings_of(nat: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, StaticMapping]:
    """The static mappings of a NAT by their InstanceID."""
    return {row["InstanceID"]: mapping_of(row) for row in rows if row["NatName"].lower() == nat["Name"].lower()}


def describe(nat: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A NAT as results show it."""
    return {
        "name": nat["Name"],
        "prefix": nat["InternalIPInterfaceAddressPrefix"] or None,
        "external_prefix": nat["ExternalIPInterfaceAddressPrefix"] or None,
        "static_mappings": [one.shown for one in sorted(mappings_of(nat, rows).values())],
    }


def predict(found: Found, wanted: Wanted, state: str) -> dict[str, Any] | None:
    """The NAT as the task would leave it."""
    if state == "absent":
        return None
    now = {"name": wanted.name, "prefix": str(wanted.prefix), "external_prefix": None, "static_mappings": []}
    if found.nat:
        now = describe(found.nat, found.mappings)
    return now if wanted.mappings is None else {**now, "static_mappings": [one.shown for one in wanted.mappings]}


# ---- checking ----


def _check_overlap(found: Found, prefix: IPv4Network) -> None:
    """Raise Refused where the host is at home in the prefix already, or has a way there."""
    index = found.adapter["InterfaceIndex"] if found.adapter else None
    for row in found.addresses:
        if row["InterfaceIndex"] != index and interface(row).network.overlaps(prefix):
            raise Refused(
                f"{prefix} overlaps with {interface(row)}, the address of the host's adapter "
                f"'{row['InterfaceAlias']}'. Choose a prefix that nothing on this host uses",
                option="address",
                overlaps=str(interface(row)),
                interface=row["InterfaceAlias"],
            )
    for row in found.routes:
        route = IPv4Network(row["DestinationPrefix"], strict=False)
        if row["InterfaceIndex"] != index and _is_network(route) and route.overlaps(prefix):
            raise Refused(
                f"{prefix} overlaps with the host's route to {route} over '{row['InterfaceAlias']}', and "
                "would cut the host off from there. Choose a prefix that nothing on this host uses",
                option="address",
                overlaps=str(route),
                interface=row["InterfaceAlias"],
            )


def _is_network(route: IPv4Network) -> bool:
    """Whether a route leads to a network, rather than everywhere, or to what every adapter has of its own."""
    return (
        route.prefixlen > 0 and not route.is_multicast and not route.is_loopback and str(route) != "255.255.255.255/32"
    )


def _check_switch(found: Found, name: str, manage_switch: bool) -> None:
    if found.switch is None and not manage_switch:
        raise Missing(
            f"there is no virtual switch '{name}'; make it first, or let this task do it with 'manage_switch: true'",
            option="switch",
            switch=name,
        )
    if found.switch and found.switch.id == switch.DEFAULT_SWITCH:
        raise Refused(
            f"{found.switch} is the Default Switch, where Windows does NAT already. Use a switch of your own",
            option="switch",
            switch=found.switch.name,
        )
    if found.switch and found.switch.type == PRIVATE:
        raise Refused(
            f"{found.switch} is private, so the host has no adapter on it that could have an address. "
            "Make it internal first (virtual_switch)",
            option="switch",
            switch=found.switch.name,
        )
    if found.switch and found.adapter is None:
        raise Refused(f"Windows shows no adapter of the host on {found.switch}; try again in a moment", option="switch")


def _check_nats(found: Found, wanted: Wanted, one_nat: Rule) -> None:
    now = prefix_of(found.nat) if found.nat else None
    if found.nat and now != wanted.prefix:
        raise Refused(
            f"NAT '{found.nat['Name']}' has the internal prefix {now or 'of no IPv4 network'}, and Windows can't "
            f"change it to {wanted.prefix}. Remove it first with 'state: absent' (its static mappings go with it)",
            nat=found.nat["Name"],
        )
    for row in found.nats:
        prefix = prefix_of(row)
        if found.nat or prefix is None:
            continue
        if prefix.overlaps(wanted.prefix):
            raise Refused(
                f"{wanted.prefix} overlaps with {prefix}, which NAT '{row['Name']}' translates already. "
                "Choose another prefix, or name that NAT",
                option="address",
                overlaps=str(prefix),
                nat=row["Name"],
            )
        raise Refused(
            f"this host has the NAT '{row['Name']}' for {prefix} already ({one_nat.text}; rule {one_nat.id}). "
            "Put the guests behind that one, or remove it first",
            nat=row["Name"],
            **one_nat.details(),
        )


def _check_mappings(found: Found, wanted: Wanted) -> None:
    foreign = [(row["NatName"], mapping_of(row)) for row in found.mappings if not _is_ours(row, wanted)]
    for one in wanted.mappings or ():
        for nat, other in foreign:
            if one.clashes(other):
                raise Refused(
                    f"{one} clashes with {other} of NAT '{nat}'; choose another external port",
                    option="static_mappings",
                    nat=nat,
                )


def _is_ours(row: Mapping[str, Any], wanted: Wanted) -> bool:
    return row["NatName"].lower() == wanted.name.lower()


# ---- planning ----


def plan(
    host: Target, found: Found, wanted: Wanted, switch_name: str, manage_switch: bool, one_nat: Rule
) -> list[Step]:
    """Switch, address, NAT and mappings, in this order, each where it is missing. Raises Missing, Refused."""
    _check_switch(found, switch_name, manage_switch)
    _check_nats(found, wanted, one_nat)
    steps = []
    if found.switch is None:
        steps.append(
            Step(
                f"make the internal virtual switch '{switch_name}'",
                {"switch": None},
                {"switch": switch_name},
                lambda: switch.create(host, switch_name, [], True),
            )
        )
    steps += _plan_address(host, found, wanted, switch_name) + _plan_nat(host, found, wanted)
    if steps:  # what works already is left in peace
        _check_overlap(found, wanted.prefix)
        _check_mappings(found, wanted)
    return steps


def _plan_address(host: Target, found: Found, wanted: Wanted, switch_name: str) -> list[Step]:
    """One address of the adapter lies in the prefix, the wanted one; what else the adapter has is left alone."""
    mine = [one for one in found.own_addresses if one.ip in wanted.prefix]
    others = [one for one in mine if one != wanted.address]
    if mine == [wanted.address]:
        return []
    before, after = {"address": ", ".join(map(str, mine)) or None}, {"address": str(wanted.address)}

    def apply() -> None:
        adapter = found.adapter or wait_for_adapter(host, switch_name)
        index = adapter["InterfaceIndex"]
        for one in others:
            remove_address(host, index, one)
        if wanted.address not in mine:
            add_address(host, index, wanted.address)

    return [Step(f"give the host the address {wanted.address} on '{switch_name}'", before, after, apply)]


def _plan_nat(host: Target, found: Found, wanted: Wanted) -> list[Step]:
    steps = []
    if found.nat is None:
        steps.append(
            Step(
                f"make the NAT '{wanted.name}' for {wanted.prefix}",
                {"nat": None},
                {"nat": {"name": wanted.name, "prefix": str(wanted.prefix)}},
                lambda: _create(
                    host,
                    NET_NAT,
                    {"Name": wanted.name, "InternalIPInterfaceAddressPrefix": str(wanted.prefix)},
                    lambda row: row["Name"].lower() == wanted.name.lower(),
                    f"make the NAT '{wanted.name}' for {wanted.prefix}",
                ),
            )
        )
    if wanted.mappings is None:
        return steps
    there = mappings_of(found.nat, found.mappings) if found.nat else {}
    extra = {id: one for id, one in there.items() if one not in wanted.mappings}
    missing = [one for one in wanted.mappings if one not in there.values()]
    before = {"static_mappings": [one.shown for one in sorted(there.values())]}
    after = {"static_mappings": [one.shown for one in wanted.mappings]}
    name = found.nat["Name"] if found.nat else wanted.name
    if extra or missing:
        steps.append(
            Step(
                f"set the static mappings of NAT '{name}'",
                before,
                after,
                lambda: _exchange_mappings(host, name, extra, missing),
            )
        )
    return steps


def plan_removal(host: Target, found: Found, wanted: Wanted, manage_switch: bool, force: bool) -> list[Step]:
    """The steps back: NAT (with its mappings), the host's addresses within its prefix, and the switch if asked."""
    steps = []
    prefix = wanted.prefix or (prefix_of(found.nat) if found.nat else None)
    if found.nat:
        nat = found.nat
        steps.append(
            Step(
                f"remove NAT '{nat['Name']}'",
                {"nat": describe(nat, found.mappings)},
                {"nat": None},
                lambda: _remove_nat(host, nat, mappings_of(nat, found.mappings)),
            )
        )
    if manage_switch and found.switch and found.switch.id != switch.DEFAULT_SWITCH:
        # The host's adapter goes with the switch, and its addresses with the adapter.
        shown = [{"switch": found.switch.name}, {"switch": None}]
        removal = switch.plan_removal(host, found.switch, force)
        return steps + [Step(one.what, *shown, one.apply) for one in removal]
    mine = [one for one in found.own_addresses if prefix and one.ip in prefix]
    if mine:
        index = found.adapter["InterfaceIndex"]
        steps.append(
            Step(
                f"take the address {', '.join(map(str, mine))} from the host's adapter on {found.switch}",
                {"address": ", ".join(map(str, mine))},
                {"address": None},
                lambda: [remove_address(host, index, one) for one in mine],
            )
        )
    return steps


# ---- writing ----


def _create(
    host: Target, cls: CimClass, values: Mapping[str, Any], is_it: Callable[[Instance], bool], what: str
) -> None:
    verified(
        host,
        lambda: host.client.create(cls, values),
        lambda: any(is_it(row) for row in host.client.query(cls, columns=tuple(cls.properties))),
        what,
    )


def _delete(host: Target, cls: CimClass, instance_id: str, what: str) -> None:
    def gone() -> bool:
        return all(row["InstanceID"] != instance_id for row in host.client.query(cls, columns=("InstanceID",)))

    verified(host, lambda: host.client.delete(cls, {"InstanceID": instance_id}), gone, what)


def _exchange_mappings(
    host: Target, nat: str, extra: Mapping[str, StaticMapping], missing: Iterable[StaticMapping]
) -> None:
    """A mapping can't be changed, only removed and made; what goes makes room for what comes."""
    for id, one in extra.items():
        _delete(host, NET_NAT_MAPPING, id, f"remove the static mapping {one} of NAT '{nat}'")
    for one in missing:
        values = {
            "NatName": nat,
            "Protocol": PROTOCOLS[one.protocol],
            "ExternalIPAddress": one.external_address,
            "ExternalPort": one.external_port,
            "InternalIPAddress": one.internal_address,
            "InternalPort": one.internal_port,
        }
        _create(
            host,
            NET_NAT_MAPPING,
            values,
            lambda row, one=one: row["NatName"].lower() == nat.lower() and mapping_of(row) == one,
            f"add the static mapping {one} to NAT '{nat}'",
        )


def _remove_nat(host: Target, nat: Mapping[str, Any], mappings: Mapping[str, StaticMapping]) -> None:
    _delete(host, NET_NAT, nat["InstanceID"], f"remove NAT '{nat['Name']}'")
    left = {row["InstanceID"] for row in read_mappings(host)} & set(mappings)
    for id in left:
        _delete(host, NET_NAT_MAPPING, id, f"remove the static mapping {mappings[id]}")
