# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a NAT network: its switch, the host's address, the NAT and its static mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any
from urllib.parse import urlsplit

from ..._task.errors import Missing, Refused, Rule
from ..._task.journal import taken_back
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman.cim import CimClass, Instance
from ..host import rights
from ..schema import NET_NAT, NET_NAT_MAPPING
from . import switch, switch_plan
from .host_network import add_address, interface, parse_network, remove_address, verified, wait_for_adapter
from .nat import (
    ANY,
    PROTOCOLS,
    HostNetwork,
    StaticMapping,
    WantedNat,
    describe,
    mapping_of,
    mapping_options,
    mappings_of,
    prefix_of,
    query_mappings,
)
from .switch import EXTERNAL, INTERNAL, PRIVATE

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
        route = parse_network(row["DestinationPrefix"] or "")
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
            f"this host has the NAT '{row['Name']}' for {prefix or text} already "
            f"({one_nat.message}; rule {one_nat.id}). Use that NAT for the guests, or remove it first",
            option="name",
            nat=row["Name"],
            **one_nat.details(),
        )


def _check_mappings(network: HostNetwork, wanted: WantedNat) -> None:
    """Raise Refused if another NAT maps the same external port."""
    foreign = [row for row in network.mappings if row["NatName"].lower() != wanted.name.lower()]
    _check_foreign(foreign, wanted.mappings or ())


def _check_foreign(
    rows: Iterable[Instance], mappings: Iterable[StaticMapping], option: str = "static_mappings.external_port"
) -> None:
    for row in rows:
        nat, other = row["NatName"], mapping_of(row)
        for mapping in mappings:
            if mapping.clashes(other):
                text = f"{mapping} clashes with {other} of NAT '{nat}'; choose another external port"
                raise Refused(text, option=option, nat=nat)


def _check_own_port(
    host: Target, missing: Iterable[StaticMapping], option: str = "static_mappings.external_port"
) -> None:
    """Raise Refused for a new mapping of the port on which this task reaches the host."""
    port = urlsplit(host.client.to).port
    for mapping in missing:
        if mapping.protocol == "tcp" and mapping.external_port == port:
            raise Refused(
                f"{mapping} maps port {port}, through which Ansible manages this host; choose another external port",
                option=option,
            )


def _check_rights(host: Target, of_nat: list[Step], rule: Rule) -> None:
    """Raise Refused if the user may not do what is planned with the NAT; one request, and none if nothing is."""
    if of_nat and rights.is_administrator(host) is False:
        raise Refused(
            f"the user may not {of_nat[0].what}: {rule.message} (rule {rule.id}). {rule.remedy}", **rule.details()
        )


# ---- planning ----


def plan(host: Target, network: HostNetwork, wanted: WantedNat, one_nat: Rule, nat_rights: Rule) -> list[Step]:
    """The steps that create switch, address, NAT and mappings, as far as they are missing, in this order.

    ``one_nat`` and ``nat_rights`` are the support rules behind the refusal of a second NAT, and of users who may not
    create one. Raises Missing, Refused.
    """
    _check_switch(network, wanted, wanted.manage_switch)
    _check_nats(network, wanted, one_nat)
    of_nat = [*_plan_nat(host, network, wanted), *_plan_mappings(host, network, wanted)]
    steps = [*_plan_switch(host, network, wanted), *_plan_address(host, network, wanted), *of_nat]
    if steps:  # a NAT that needs no change is not checked again
        _check_overlap(network, wanted)
        _check_mappings(network, wanted)
        _check_rights(host, of_nat, nat_rights)
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
            {"static_mappings": mapping_options(current.values())},
            {"static_mappings": mapping_options(wanted.mappings)},
            lambda: _exchange_mappings(host, name, extra, missing),
        )
    ]


def plan_removal(host: Target, network: HostNetwork, wanted: WantedNat, force: bool, nat_rights: Rule) -> list[Step]:
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
    of_nat = _plan_nat_removal(host, network, wanted)
    _check_rights(host, of_nat, nat_rights)
    return [*addresses, *of_nat, *removal]


def _plan_nat_removal(host: Target, network: HostNetwork, wanted: WantedNat) -> list[Step]:
    """The NAT, with mappings that Windows may leave behind, now or when the NAT was removed before."""
    name = network.nat["Name"] if network.nat else wanted.name
    mappings = mappings_of(name, network.mappings)
    if network.nat:
        what, before = f"remove NAT '{name}'", {"nat": describe(network.nat, network.mappings)}
        return [Step(what, before, {"nat": None}, lambda: _remove_nat(host, network.nat, mappings, what))]
    if mappings:
        before, after = {"static_mappings": mapping_options(mappings.values())}, {"static_mappings": []}
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


def plan_mapping(host: Target, nat: Mapping[str, Any], mapping: StaticMapping, present: bool, rule: Rule) -> list[Step]:
    """The step that adds one static mapping to a NAT in place of another one of its port, or removes that one.

    With an internal address of 0.0.0.0, it is removed whatever guest it leads to.

    The other mappings of the NAT are kept. Raises Refused, also with the support rule about the rights of the user.
    """
    prefix, name, rows = prefix_of(nat), nat["Name"], query_mappings(host)
    if present and prefix and IPv4Address(mapping.internal_address) not in prefix:
        text = (
            f"{mapping.internal_address} lies outside the prefix {prefix} of NAT '{name}'; give the address of a guest"
        )
        raise Refused(text, option="internal_address", nat=name)
    clashing = {id: other for id, other in mappings_of(name, rows).items() if other.clashes(mapping)}
    if not present and mapping.internal_address != ANY:
        clashing = {id: other for id, other in clashing.items() if other.internal_address == mapping.internal_address}
    if present:
        foreign = [row for row in rows if row["NatName"].lower() != name.lower()]
        _check_foreign(foreign, [mapping], "external_port")
    if list(clashing.values()) == [mapping] if present else not clashing:
        return []
    if present:
        _check_own_port(host, [mapping], "external_port")
    wanted = [mapping] if present else []
    what = (
        f"{'add' if present else 'remove'} the static mapping {mapping if present else next(iter(clashing.values()))}"
    )
    step = Step(
        f"{what} {'to' if present else 'of'} NAT '{name}'",
        {"static_mappings": mapping_options(clashing.values())},
        {"static_mappings": mapping_options(wanted)},
        lambda: _exchange_mappings(host, name, clashing, wanted),
    )
    _check_rights(host, [step], rule)
    return [step]


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
