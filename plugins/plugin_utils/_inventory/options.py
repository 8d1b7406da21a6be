# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the inventory plugin, checked: which VMs are Hyper-V hosts to ask, and how guests are reached."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from ansible import constants as C
from ansible.errors import AnsibleParserError
from ansible.vars.reserved import is_reserved_name

DIRECT, NAT = "direct", "nat"
_OF_NESTED_HOSTS = ("names", "groups", "vars")


class Preferences(NamedTuple):
    """How guests are reached: the ways and the address families, best first, and the networks, if only some count."""

    ways: tuple[str, ...]
    families: tuple[int, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]
    nat_ports: tuple[int, ...]


class NestedHosts(NamedTuple):
    """VMs that are asked as Hyper-V hosts, by patterns of their names or by groups, and variables to connect."""

    names: tuple[str, ...]
    groups: frozenset[str]
    variables: Mapping[str, Any]

    def match(self, name: str, groups: Collection[str]) -> bool:
        """Whether this entry is about the VM; one without names and groups is about every VM."""
        if not self.names and not self.groups:
            return True
        return bool(self.groups & set(groups)) or any(_matches(name.lower(), text) for text in self.names)


def _matches(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern, in which only ``*`` and ``?`` are wildcards; ``[`` is part of a name."""
    wildcards = {"*": ".*", "?": "."}
    text = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(text, name, re.DOTALL) is not None


def is_for(plugin: str, path: str) -> bool:
    """Whether a file is a configuration of this plugin, by its text alone."""
    try:
        text = Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return False
    return re.search(rf"^plugin:\s*[\"']?{re.escape(plugin)}\b", text, re.MULTILINE) is not None


def check_names(section: str, given: Iterable[Any], known: Collection[str]) -> None:
    """Raise AnsibleParserError for the first name that is not known, with the nearest one that is."""
    for name in given:
        if name not in known:
            near = get_close_matches(str(name).lower(), sorted(known), n=1, cutoff=0.0)[0]
            where = f"{section}: " if section else ""
            raise AnsibleParserError(f"{where}'{name}' is not an option; the nearest is '{near}'")


def section_of(option: str, value: Any) -> dict[str, Any]:
    """A mapping of the configuration, which may be empty. Raises AnsibleParserError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise AnsibleParserError(f"{option} is '{value}', which is not a mapping")
    return dict(value)


def parse_nested_hosts(entries: Any, known: Collection[str]) -> tuple[NestedHosts, ...]:
    """The entries of ``nested_hosts``, whose ``vars`` may have the ``known`` names. Raises AnsibleParserError."""
    result = []
    for number, entry in enumerate(entries or ()):
        option = f"nested_hosts[{number}]"
        values = section_of(option, entry)
        check_names(option, values, _OF_NESTED_HOSTS)
        variables = section_of(f"{option}.vars", values.get("vars"))
        check_names(f"{option}.vars", variables, known)
        names, groups = (_texts(f"{option}.{key}", values.get(key)) for key in ("names", "groups"))
        result.append(NestedHosts(tuple(name.lower() for name in names), frozenset(groups), variables))
    return tuple(result)


def _texts(option: str, value: Any) -> list[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(text, str) and text.strip() for text in values):
        raise AnsibleParserError(f"{option} is {value!r}, which is not a list of names")
    return [str(text) for text in values]


def parse_preferences(
    ways: Iterable[str], families: Iterable[str], networks: Iterable[Any], nat_ports: Iterable[int]
) -> Preferences:
    """The options about addresses. Raises AnsibleParserError."""
    parsed = []
    for text in networks:
        try:
            parsed.append(ip_network(str(text)))
        except ValueError:
            raise AnsibleParserError(
                f"networks: '{text}' is not a network with zeros behind its length, such as 192.0.2.0/24 or "
                "2001:db8::/32"
            ) from None
    for port in nat_ports:
        if not 1 <= port <= 65535:
            raise AnsibleParserError(f"nat_ports: {port} is not a port; choose numbers from 1 to 65535")
    versions = tuple(int(family.removeprefix("ipv")) for family in families)
    chosen = tuple(ways)
    for option, values in (("reach", chosen), ("address_families", versions)):
        if not values:
            raise AnsibleParserError(f"{option} is empty; leave it out, or choose at least one")
    return Preferences(chosen, versions, tuple(parsed), tuple(nat_ports))


def check_least(name: str, value: int, least: int) -> int:
    """The number. Raises AnsibleParserError if it is less than the least possible one."""
    if value < least:
        raise AnsibleParserError(f"{name} is {value}; choose a number of at least {least}")
    return value


def check_prefix(option: str, prefix: str, names: Iterable[str]) -> None:
    """Raise AnsibleParserError if variables with these names cannot begin so."""
    if not (prefix.isascii() and f"{prefix}x".isidentifier()):
        raise AnsibleParserError(f"{option} is '{prefix}'; names of variables begin with a letter or '_'")
    for variable in (f"{prefix}{name}" for name in names):
        if variable.startswith("ansible_") or is_reserved_name(variable) or variable in C.INTERNAL_STATIC_VARS:
            raise AnsibleParserError(
                f"{option} is '{prefix}', but the variable '{variable}' has a meaning for Ansible; choose another "
                "prefix, such as hyperv_"
            )


def check_expressions(option: str, values: Iterable[Any]) -> None:
    """Raise AnsibleParserError for the first value that is not the text of a Jinja2 expression."""
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise AnsibleParserError(f"{option}: {value!r} is not a Jinja2 expression; write the expression in quotes")


def parse_port(value: Any, name: str) -> int:
    """The port of a VM. Raises AnsibleParserError."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AnsibleParserError(f"{name}: ansible_port is '{value}', which is not a port") from None
