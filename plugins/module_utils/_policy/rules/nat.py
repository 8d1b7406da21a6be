# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of NATs, behind which nested guests reach the network."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from ..rule import ALWAYS_WARN, HOST, UNKNOWN, Facts, Observed, Request, Rule, at

_SETUP = "https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network"
_CONTAINERS = "https://learn.microsoft.com/virtualization/windowscontainers/container-networking/architecture"


def _one_nat(facts: Facts, _request: Request) -> Observed:
    nats = at(facts, "host.network.nats")
    if nats is None:
        return UNKNOWN
    return f"the NATs {', '.join(row['name'] for row in nats)}" if len(nats) > 1 else None


def _networks(of: Any) -> list[IPv4Network]:
    """The IPv4 prefixes of NATs and addresses of physical adapters."""
    prefixes = [IPv4Network(row["prefix"]) for row in of["nats"] if row["prefix"] and ":" not in row["prefix"]]
    addresses = [text for row in of["adapters"] for text in row["addresses"] if ":" not in text]
    return prefixes + [IPv4Interface(text).network for text in addresses]


def _overlap(facts: Facts, _request: Request) -> Observed:
    """A NAT of the host overlaps with its own networks, or a NAT of the guest with those of the host."""
    below, above = at(facts, "host.network"), at(facts, "guest.network")
    if below is None:
        return UNKNOWN
    pairs = [(row, below) for row in below["nats"]] + [(row, below) for row in (above or {"nats": []})["nats"]]
    for nat, networks in pairs:
        if not nat["prefix"] or ":" in nat["prefix"]:
            continue
        prefix = IPv4Network(nat["prefix"])
        others = _networks(networks)
        if nat in networks["nats"]:
            others.remove(prefix)
        for other in others:
            if prefix.overlaps(other):
                return f"{prefix} of NAT '{nat['name']}' overlaps with {other}"
    return None


def _rights(facts: Facts, _request: Request) -> Observed:
    administrator = at(facts, "host.rights.administrator")
    if administrator is None:
        return UNKNOWN
    return None if administrator else "a user who is not an administrator of the host"


ONE_NAT = Rule(
    "one-nat",
    checks="The host has at most one NAT",
    message="Windows has one NAT network per host",
    remedy="Use one NAT for all guests, and remove the others",
    source=_SETUP,
    check=_one_nat,
    reads=("host.network",),
    about=HOST,
    severity=ALWAYS_WARN,
)
NAT_RIGHTS = Rule(
    "nat-rights",
    checks="The user may create NATs",
    message="only administrators of the host may change NATs and their static mappings (root/StandardCimv2); "
    "membership in Hyper-V Administrators is not enough, and likely not for host addresses and external switches "
    "either",
    remedy="Run tasks of nat_network as an administrator of the host; docs/privileges.md lists the rights by module",
    source=_SETUP,
    check=_rights,
    reads=("host.rights",),
    about=HOST,
    severity=ALWAYS_WARN,
)

RULES = (
    ONE_NAT,
    NAT_RIGHTS,
    Rule(
        "nat-overlap",
        checks="The prefixes of NATs do not overlap with the networks of the host",
        message="a NAT whose prefix overlaps with another network of the host makes that network unreachable",
        remedy="Choose a prefix that neither the host nor its guests use",
        source=_CONTAINERS,
        check=_overlap,
        reads=("guest.network", "host.network"),
        about=HOST,
        severity=ALWAYS_WARN,
        refs=("P37",),
    ),
)
