# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network address translation of Windows (WinNAT) behind an internal switch: root/StandardCimv2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network, NetmaskValueError
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..._task.errors import Invalid, Missing, Refused, Rule, within
from ..._task.journal import taken_back
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman.cim import CimClass, Instance
from ..._wsman.faults import InvalidClass
from ..schema import NET_NAT, NET_NAT_MAPPING
from . import switch, switch_plan
from .host_network import (
    MANUAL,
    add_address,
    fetch_adapter,
    interface,
    query_addresses,
    query_routes,
    remove_address,
    verified,
    wait_for_adapter,
)
from .names import check_name
from .switch import EXTERNAL, INTERNAL, PRIVATE, Switch

PROTOCOLS = {"tcp": 6, "udp": 17}
ANY = "0.0.0.0"

# Networks that hosts use for themselves or not at all (IANA IPv4 Special-Purpose Address Registry): no NAT serves them.
UNUSABLE = {
    IPv4Network("0.0.0.0/8"): "for hosts without an address",
    IPv4Network("127.0.0.0/8"): "for loopback",
    IPv4Network("169.254.0.0/16"): "for link-local addresses, which hosts give themselves",
    IPv4Network("224.0.0.0/4"): "for multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}

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
    """A static mapping, named as the suboptions are."""

    protocol: str
    external_address: str
    external_port: int
    internal_address: str
    internal_port: int

    def __str__(self) -> str:
        external = f"{self.external_address}:{self.external_port}"
        return f"{self.protocol} {external} -> {self.internal_address}:{self.internal_port}"

    def clashes(self, other: StaticMapping) -> bool:
        """Whether both map the same external port; 0.0.0.0 stands for every address."""
        same_address = ANY in (self.external_address, other.external_address) or (
            self.external_address == other.external_address
        )
        return same_address and (self.protocol, self.external_port) == (other.protocol, other.external_port)


class WantedNat(NamedTuple):
    """The options, parsed; ``mappings`` is None to leave them alone. ``prefix_option`` is the option that gave prefix.

    ``prefix`` and ``address`` may be None for a NAT that is removed.
    """

    name: str
    switch: str
    manage_switch: bool
    address: IPv4Interface | None
    prefix: IPv4Network | None
    prefix_option: str
    mappings: tuple[StaticMapping, ...] | None


class HostNetwork(NamedTuple):
    """The switch, the host's adapter on it, the NAT, and the tables of the host that a NAT can conflict with."""

    switch: Switch | None
    adapter: Mapping[str, Any] | None
    nat: Mapping[str, Any] | None
    nats: list[Instance]
    mappings: list[Instance]
    addresses: list[Instance]
    routes: list[Instance]

    @property
    def own_addresses(self) -> list[IPv4Interface]:
        """The addresses of the host's adapter that were configured manually."""
        index = self.adapter["InterfaceIndex"] if self.adapter else None
        rows = (row for row in self.addresses if row["InterfaceIndex"] == index and row["PrefixOrigin"] == MANUAL)
        return sorted({interface(row) for row in rows})


# ---- options ----


def parse(params: Mapping[str, Any]) -> WantedNat:
    """The options, as far as they can be checked without the host. Raises Invalid."""
    check_name(params["name"])
    check_name(params["switch"], "switch")
    address = _parse_address(params["address"]) if params["address"] else None
    prefix = _parse_prefix(params["prefix"]) if params["prefix"] else address.network if address else None
    if params["state"] == "present" and address is None:
        text = "give the host's address behind the NAT with its prefix length, such as 192.168.100.1/24"
        raise Invalid(text, option="address")
    if params["state"] == "present" and prefix:
        _check_usable(prefix, "prefix" if params["prefix"] else "address")
    if address and prefix and not (address.ip in prefix and address.network.subnet_of(prefix)):
        raise Invalid(f"{address} lies outside the prefix {prefix}; choose one of its addresses", option="address")
    mappings = params["static_mappings"]
    if mappings is not None:
        with within("static_mappings"):
            mappings = _parse_mappings(mappings, address, prefix)
    return WantedNat(
        params["name"],
        params["switch"],
        params["manage_switch"],
        address,
        prefix,
        "prefix" if params["prefix"] else "address",
        mappings,
    )


def _parse_address(text: str) -> IPv4Interface:
    with within("address"):
        try:
            if "/" not in text:
                raise ValueError
            address = IPv4Interface(text)
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            raise Invalid(
                f"'{text}' is not an IPv4 address with its prefix length, such as 192.168.100.1/24"
            ) from error
        network = address.network
        if network.prefixlen > 30:
            raise Invalid(f"{text} leaves no addresses for guests; choose a prefix length of at most 30")
        if address.ip in (network.network_address, network.broadcast_address):
            kind = "network" if address.ip == network.network_address else "broadcast"
            raise Invalid(
                f"{address.ip} is the {kind} address of {network}, not an address of a host; "
                f"choose an address from {network[1]} to {network[-2]}"
            )
    return address


def _check_usable(prefix: IPv4Network, option: str) -> None:
    """Raise Invalid for a prefix whose addresses can't be those of guests."""
    for network, use in UNUSABLE.items():
        if network.overlaps(prefix):
            raise Invalid(
                f"addresses of {network} can't be those of guests, since the network is {use}; choose a private prefix "
                "such as 192.168.100.0/24",
                option=option,
            )


def _parse_prefix(text: str) -> IPv4Network:
    try:
        if "/" not in text:
            raise ValueError
        return IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        text = f"'{text}' is not an IPv4 prefix with zeros behind its length, such as 192.168.100.0/24"
        raise Invalid(text, option="prefix") from error


def _parse_mappings(
    options: Iterable[Mapping[str, Any]], address: IPv4Interface | None, prefix: IPv4Network | None
) -> tuple[StaticMapping, ...]:
    mappings: list[StaticMapping] = []
    for option in options:
        mapping = _parse_mapping(option, address, prefix)
        clash = next((other for other in mappings if mapping.clashes(other)), None)
        if clash:
            text = f"{mapping} clashes with {clash}, which uses the same port; change one of them"
            raise Invalid(text, option="external_port")
        mappings.append(mapping)
    return tuple(sorted(mappings))


def _parse_mapping(
    option: Mapping[str, Any], address: IPv4Interface | None, prefix: IPv4Network | None
) -> StaticMapping:
    label = f"{option['protocol']} {option['external_port']}"
    internal_port = option["external_port"] if option["internal_port"] is None else option["internal_port"]
    for name, port in (("external_port", option["external_port"]), ("internal_port", internal_port)):
        if not 1 <= port <= 65535:
            raise Invalid(f"{label}: {port} is out of range, choose a port from 1 to 65535", option=name)
    external, internal = (_parse_ip(option, name, label) for name in ("external_address", "internal_address"))
    if prefix and internal not in prefix:
        text = f"{label}: {internal} lies outside the prefix {prefix} of the guests"
        raise Invalid(text, option="internal_address")
    if address and internal == address.ip:
        text = f"{label}: {internal} is the host's own address; give the address of a guest"
        raise Invalid(text, option="internal_address")
    network = address.network if address and internal in address.network else prefix
    if network and internal in (network.network_address, network.broadcast_address):
        kind = "network" if internal == network.network_address else "broadcast"
        text = f"{label}: {internal} is the {kind} address of {network}; give the address of a guest"
        raise Invalid(text, option="internal_address")
    return StaticMapping(option["protocol"], str(external), option["external_port"], str(internal), internal_port)


def _parse_ip(option: Mapping[str, Any], name: str, label: str) -> IPv4Address:
    try:
        return IPv4Address(option[name])
    except AddressValueError as error:
        text = f"{label}: '{option[name]}' is not an IPv4 address; write an IPv4 address such as 192.168.100.10"
        raise Invalid(text, option=name) from error


# ---- reading ----


def fetch(host: Target, wanted: WantedNat) -> HostNetwork:
    """The network of the host; each table once. Raises Ambiguous, and Refused if this Windows has no NAT."""
    nats = query_nats(host)
    if nats is None:
        raise Refused(
            "Windows has no NAT on this host: the class MSFT_NetNat is missing, which comes with Windows Server 2016, "
            "Windows 10 and the Hyper-V role. Install Hyper-V on it first"
        )
    current = switch.pick(switch.fetch_all(host), wanted.switch, "switch")
    return HostNetwork(
        current,
        fetch_adapter(host, current) if current else None,
        _named(nats, wanted.name),
        nats,
        query_mappings(host),
        query_addresses(host),
        query_routes(host),
    )


def fetch_again(host: Target, network: HostNetwork, wanted: WantedNat) -> HostNetwork:
    """The same with the current NATs and mappings."""
    nats = query_nats(host) or []
    return network._replace(nat=_named(nats, wanted.name), nats=nats, mappings=query_mappings(host))


def _named(nats: list[Instance], name: str) -> Instance | None:
    return next((row for row in nats if row["Name"].lower() == name.lower()), None)


def query_nats(host: Target) -> list[Instance] | None:
    """The NATs, or None if this Windows has no NAT at all."""
    try:
        return host.client.query(NET_NAT, columns=tuple(NET_NAT.properties))
    except InvalidClass:
        return None


def query_mappings(host: Target) -> list[Instance]:
    """The static mappings of all NATs."""
    return host.client.query(NET_NAT_MAPPING, columns=tuple(NET_NAT_MAPPING.properties))


def prefix_of(nat: Mapping[str, Any]) -> IPv4Network | None:
    """The internal prefix; some tools write it with bits behind its length."""
    text = nat["InternalIPInterfaceAddressPrefix"]
    return IPv4Network(text, strict=False) if text and ":" not in text else None


def mapping_of(row: Mapping[str, Any]) -> StaticMapping:
    """The mapping that a row of MSFT_NetNatStaticMapping describes."""
    words = {number: word for word, number in PROTOCOLS.items()}
    return StaticMapping(
        words.get(row["Protocol"], str(row["Protocol"])),
        (row["ExternalIPAddress"] or ANY).partition("/")[0],
        row["ExternalPort"] or 0,
        row["InternalIPAddress"] or "",
        row["InternalPort"] or 0,
    )


def mappings_of(nat: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, StaticMapping]:
    """The static mappings of the NAT with this name by their InstanceID."""
    return {row["InstanceID"]: mapping_of(row) for row in rows if row["NatName"].lower() == nat.lower()}


def describe(nat: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A NAT in the form that results have."""
    return {
        "name": nat["Name"],
        "prefix": nat["InternalIPInterfaceAddressPrefix"] or None,
        "external_prefix": nat["ExternalIPInterfaceAddressPrefix"] or None,
        "static_mappings": _options(mappings_of(nat["Name"], rows).values()),
    }


def _options(mappings: Iterable[StaticMapping]) -> list[dict[str, Any]]:
    return [mapping._asdict() for mapping in sorted(mappings)]


# ---- checking ----


def _check_overlap(network: HostNetwork, wanted: WantedNat) -> None:
    """Raise Refused if the host already has an address in the prefix, or a route to it."""
    index = network.adapter["InterfaceIndex"] if network.adapter else None
    for row in network.addresses:
        if row["InterfaceIndex"] != index and interface(row).network.overlaps(wanted.prefix):
            raise Refused(
                f"{wanted.prefix} overlaps with {interface(row)}, the address of the host's adapter "
                f"'{row['InterfaceAlias']}'. Choose a prefix that this host does not use",
                option=wanted.prefix_option,
                overlaps=str(interface(row)),
                interface=row["InterfaceAlias"],
            )
    for row in network.routes:
        route = IPv4Network(row["DestinationPrefix"], strict=False)
        if row["InterfaceIndex"] != index and _is_network(route) and route.overlaps(wanted.prefix):
            raise Refused(
                f"{wanted.prefix} overlaps with the host's route to {route} over '{row['InterfaceAlias']}', and "
                "would make that network unreachable for the host. Choose a prefix that this host does not use",
                option=wanted.prefix_option,
                overlaps=str(route),
                interface=row["InterfaceAlias"],
            )


def _is_network(route: IPv4Network) -> bool:
    """Whether a route leads to a network; not the default route, and not those that every adapter has."""
    return (
        route.prefixlen > 0 and not route.is_multicast and not route.is_loopback and str(route) != "255.255.255.255/32"
    )


def _check_switch(network: HostNetwork, wanted: WantedNat, may_create: bool) -> None:
    current = network.switch
    if current is None:
        if may_create:
            return
        text = (
            f"there is no virtual switch '{wanted.switch}'; create it first, or let this task create it with "
            "'manage_switch: true'"
        )
        raise Missing(text, option="switch", switch=wanted.switch)
    text = ""
    if current.id == switch.DEFAULT_SWITCH:
        text = f"{current} is the Default Switch, on which Windows already does NAT. Use another switch"
    elif current.type == PRIVATE:
        text = (
            f"{current} is private, so the host has no adapter on it that could have an address. "
            "Make it internal first (virtual_switch)"
        )
    elif current.type == EXTERNAL and not current.internals:
        text = (
            f"the host has no adapter of its own on {current} that could have an address. Add one first "
            "(virtual_switch with 'allow_management_os: true'), or use an internal switch"
        )
    elif network.adapter is None:
        text = f"Windows shows no adapter of the host on {current}; try again later"
    if text:
        raise Refused(text, option="switch", switch=current.name)


def _check_nats(network: HostNetwork, wanted: WantedNat, one_nat: Rule) -> None:
    if network.nat:
        prefix = prefix_of(network.nat)
        if prefix != wanted.prefix:
            raise Refused(
                f"NAT '{network.nat['Name']}' has {f'the internal prefix {prefix}' if prefix else 'no IPv4 prefix'}, "
                f"and Windows can't change it to {wanted.prefix}. Remove the NAT first with 'state: absent' (which "
                "also removes its static mappings)",
                option=wanted.prefix_option,
                nat=network.nat["Name"],
            )
        return
    for row in network.nats:
        prefix, text = prefix_of(row), row["InternalIPInterfaceAddressPrefix"]
        if not text:  # a NAT with an external prefix only
            continue
        if prefix and prefix.overlaps(wanted.prefix):
            raise Refused(
                f"{wanted.prefix} overlaps with {prefix}, which NAT '{row['Name']}' translates already. "
                "Choose another prefix, or give the name of that NAT",
                option=wanted.prefix_option,
                overlaps=str(prefix),
                nat=row["Name"],
            )
        raise Refused(
            f"this host has the NAT '{row['Name']}' for {prefix or text} already ({one_nat.text}; rule {one_nat.id}). "
            "Use that NAT for the guests, or remove it first",
            option="name",
            nat=row["Name"],
            **one_nat.details(),
        )


def _check_mappings(network: HostNetwork, wanted: WantedNat) -> None:
    """Raise Refused if another NAT maps the same external port."""
    for row in network.mappings:
        nat, other = row["NatName"], mapping_of(row)
        if nat.lower() == wanted.name.lower():
            continue
        for mapping in wanted.mappings or ():
            if mapping.clashes(other):
                raise Refused(
                    f"{mapping} clashes with {other} of NAT '{nat}'; choose another external port",
                    option="static_mappings.external_port",
                    nat=nat,
                )


def _check_own_port(host: Target, missing: Iterable[StaticMapping]) -> None:
    """Raise Refused for a new mapping of the port on which this task reaches the host."""
    port = urlsplit(host.client.to).port
    for mapping in missing:
        if mapping.protocol == "tcp" and mapping.external_port == port:
            raise Refused(
                f"{mapping} maps port {port}, through which Ansible manages this host; choose another external port",
                option="static_mappings.external_port",
            )


# ---- planning ----


def plan(host: Target, network: HostNetwork, wanted: WantedNat, one_nat: Rule) -> list[Step]:
    """The steps that create switch, address, NAT and mappings, as far as they are missing, in this order.

    ``one_nat`` is the support rule behind the refusal of a second NAT. Raises Missing, Refused.
    """
    _check_switch(network, wanted, wanted.manage_switch)
    _check_nats(network, wanted, one_nat)
    steps = [
        *_plan_switch(host, network, wanted),
        *_plan_address(host, network, wanted),
        *_plan_nat(host, network, wanted),
        *_plan_mappings(host, network, wanted),
    ]
    if steps:  # a NAT that needs no change is not checked again
        _check_overlap(network, wanted)
        _check_mappings(network, wanted)
    return steps


def _plan_switch(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    if network.switch:
        return []
    what = f"create the internal virtual switch '{wanted.switch}'"
    before, after = {"switch": None}, {"switch": wanted.switch}
    return [Step(what, before, after, lambda: switch_plan.create(host, wanted.switch, [], True))]


def _plan_address(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    """The wanted address replaces the other addresses of the adapter in the prefix; those outside are not changed."""
    current = [address for address in network.own_addresses if address.ip in wanted.prefix]
    if current == [wanted.address]:
        return []

    def apply() -> None:
        adapter = network.adapter or wait_for_adapter(host, wanted.switch)
        _exchange_addresses(host, adapter["InterfaceIndex"], current, wanted.address)

    before, after = {"address": ", ".join(map(str, current)) or None}, {"address": str(wanted.address)}
    return [Step(f"assign the address {wanted.address} to the host on '{wanted.switch}'", before, after, apply)]


def _plan_nat(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    if network.nat:
        return []
    what = f"create the NAT '{wanted.name}' for {wanted.prefix}"
    values = {"Name": wanted.name, "InternalIPInterfaceAddressPrefix": str(wanted.prefix)}

    def is_created(row: Instance) -> bool:
        return row["Name"].lower() == wanted.name.lower()

    after = {"nat": {"name": wanted.name, "prefix": str(wanted.prefix)}}
    return [Step(what, {"nat": None}, after, lambda: _create(host, NET_NAT, values, is_created, what))]


def _plan_mappings(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    if wanted.mappings is None:
        return []
    current = mappings_of(network.nat["Name"], network.mappings) if network.nat else {}
    extra = {id: mapping for id, mapping in current.items() if mapping not in wanted.mappings}
    missing = [mapping for mapping in wanted.mappings if mapping not in current.values()]
    _check_own_port(host, missing)
    if not (extra or missing):
        return []
    name = network.nat["Name"] if network.nat else wanted.name
    return [
        Step(
            f"set the static mappings of NAT '{name}'",
            {"static_mappings": _options(current.values())},
            {"static_mappings": _options(wanted.mappings)},
            lambda: _exchange_mappings(host, name, extra, missing),
        )
    ]


def plan_removal(host: Target, network: HostNetwork, wanted: WantedNat, force: bool) -> list[Step]:
    """The steps that remove the NAT with its mappings, and the internal switch or the host's addresses in the prefix.

    A task that failed can be run again: the NAT, which knows the prefix, is removed after the addresses, and the
    switch, which the task names, last. Unless ``force`` allows it, raises Missing if the switch is unknown, and
    Refused if VMs are connected to it.
    """
    current, removal = network.switch, []
    if current is None and network.nat and not force:
        raise Missing(
            f"there is no virtual switch '{wanted.switch}', on which the host would have its address behind NAT "
            f"'{network.nat['Name']}'. Name the switch of the NAT, or remove the NAT alone with 'force: true'",
            option="switch",
            switch=wanted.switch,
            nat=network.nat["Name"],
        )
    if wanted.manage_switch and current and current.type == INTERNAL and current.id != switch.DEFAULT_SWITCH:
        # The host's adapter is removed with the switch, and its addresses with the adapter.
        before, after = {"switch": current.name}, {"switch": None}
        steps = switch_plan.plan_removal(host, current, force)
        removal = [Step(step.what, before, after, step.apply) for step in steps]
    elif wanted.manage_switch and current:
        host.warn(f"{host.name}: {current} is not removed: this task creates and removes internal switches only")
    addresses = [] if removal else _plan_address_removal(host, network, wanted)
    return [*addresses, *_plan_nat_removal(host, network, wanted), *removal]


def _plan_nat_removal(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    """The NAT, with mappings that Windows may leave behind, now or when the NAT was removed before."""
    name = network.nat["Name"] if network.nat else wanted.name
    mappings = mappings_of(name, network.mappings)
    if network.nat:
        what, before = f"remove NAT '{name}'", {"nat": describe(network.nat, network.mappings)}
        return [Step(what, before, {"nat": None}, lambda: _remove_nat(host, network.nat, mappings, what))]
    if mappings:
        before, after = {"static_mappings": _options(mappings.values())}, {"static_mappings": []}
        what = f"remove the static mappings of NAT '{name}'"
        return [Step(what, before, after, lambda: _remove_mappings(host, name, mappings))]
    return []


def _plan_address_removal(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    prefix = wanted.prefix or (prefix_of(network.nat) if network.nat else None)
    current = [address for address in network.own_addresses if prefix and address.ip in prefix]
    if not current:
        return []
    index, addresses = network.adapter["InterfaceIndex"], ", ".join(map(str, current))
    return [
        Step(
            f"remove the address {addresses} from the host's adapter on {network.switch}",
            {"address": addresses},
            {"address": None},
            lambda: [remove_address(host, index, address) for address in current],
        )
    ]


# ---- writing ----


def _create(
    host: Target, cls: CimClass, values: Mapping[str, Any], is_created: Callable[[Instance], bool], what: str
) -> None:
    """Create an instance, and verify that a row shows it."""
    verified(
        host,
        lambda: host.client.create(cls, values),
        lambda: any(is_created(row) for row in host.client.query(cls, columns=tuple(cls.properties))),
        what,
    )


def _delete(host: Target, cls: CimClass, instance_id: str, what: str) -> None:
    """Delete an instance, and verify that its row is gone."""

    def gone() -> bool:
        return all(row["InstanceID"] != instance_id for row in host.client.query(cls, columns=("InstanceID",)))

    verified(host, lambda: host.client.delete(cls, {"InstanceID": instance_id}), gone, what)


def _exchange_addresses(host: Target, index: int, current: Iterable[IPv4Interface], wanted: IPv4Interface) -> None:
    """Add the wanted address to an adapter before the others go; the same one with another length has to go first."""
    same = [address for address in current if address.ip == wanted.ip]
    if wanted not in same:
        otherwise = f"the host has lost the address {', '.join(map(str, same))}"
        with taken_back(lambda: [add_address(host, index, address) for address in same], otherwise):
            for address in same:
                remove_address(host, index, address)
            add_address(host, index, wanted)
    for address in current:
        if address.ip != wanted.ip:
            remove_address(host, index, address)


def _exchange_mappings(
    host: Target, nat: str, extra: Mapping[str, StaticMapping], missing: Iterable[StaticMapping]
) -> None:
    """Add the mappings whose ports are free, replace those whose ports are not, and remove the rest.

    A mapping can't be changed, and two can't use the same port: the old ones are restored if the new ones fail.
    """
    taken = [mapping for mapping in missing if any(mapping.clashes(other) for other in extra.values())]
    in_the_way = {id: other for id, other in extra.items() if any(other.clashes(mapping) for mapping in taken)}
    for mapping in missing:
        if mapping not in taken:
            _add_mapping(host, nat, mapping)
    _replace_mappings(host, nat, in_the_way, taken)
    _remove_mappings(host, nat, {id: other for id, other in extra.items() if id not in in_the_way})


def _replace_mappings(host: Target, nat: str, old: Mapping[str, StaticMapping], new: Iterable[StaticMapping]) -> None:
    undo: list[Callable[[], None]] = []
    otherwise = f"the static mappings of NAT '{nat}' are not all as before, since restoring them failed too"
    with taken_back(lambda: [step() for step in reversed(undo)], otherwise):
        for id, mapping in old.items():
            _remove_mappings(host, nat, {id: mapping})
            undo.append(partial(_add_mapping, host, nat, mapping))
        for mapping in new:
            _add_mapping(host, nat, mapping)
            undo.append(partial(_remove_mapping_again, host, nat, mapping))


def _add_mapping(host: Target, nat: str, mapping: StaticMapping) -> None:
    values = {
        "NatName": nat,
        "Protocol": PROTOCOLS[mapping.protocol],
        "ExternalIPAddress": mapping.external_address,
        "ExternalPort": mapping.external_port,
        "InternalIPAddress": mapping.internal_address,
        "InternalPort": mapping.internal_port,
    }
    what = f"add the static mapping {mapping} to NAT '{nat}'"
    _create(
        host,
        NET_NAT_MAPPING,
        values,
        lambda row: row["NatName"].lower() == nat.lower() and mapping_of(row) == mapping,
        what,
    )


def _remove_mapping_again(host: Target, nat: str, mapping: StaticMapping) -> None:
    rows = mappings_of(nat, query_mappings(host))
    _remove_mappings(host, nat, {id: other for id, other in rows.items() if other == mapping})


def _remove_mappings(host: Target, nat: str, mappings: Mapping[str, StaticMapping]) -> None:
    for id, mapping in mappings.items():
        _delete(host, NET_NAT_MAPPING, id, f"remove the static mapping {mapping} of NAT '{nat}'")


def _remove_nat(host: Target, nat: Mapping[str, Any], mappings: Mapping[str, StaticMapping], what: str) -> None:
    """Remove a NAT, and those of its mappings that Windows did not remove with it."""
    _delete(host, NET_NAT, nat["InstanceID"], what)
    remaining = {row["InstanceID"] for row in query_mappings(host)}
    _remove_mappings(host, nat["Name"], {id: each for id, each in mappings.items() if id in remaining})
