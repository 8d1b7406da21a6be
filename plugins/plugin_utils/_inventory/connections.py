# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From variables, named as the connection plugins name them, to the options of our own client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.helpers import get_group_vars
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

from ...module_utils._wsman.client import ConnectionOptions
from .._connection import WINRM_EXTRAS, connection_options

KIND = "ansible_connection"
_KINDS = ("ansible.builtin.winrm", "ansible.builtin.psrp")


@cache
def known_variables() -> frozenset[str]:
    """The variables that reach a Hyper-V host: those of the connection plugins winrm and psrp."""
    names = {KIND, *WINRM_EXTRAS}
    for kind in _KINDS:
        names |= _declared(connection_loader.get(kind, PlayContext()))
    return frozenset(name for name in names if name.startswith("ansible_"))


def _declared(connection: Any) -> set[str]:
    return {row["name"] for option in connection.option_definitions.values() for row in option.get("vars") or ()}


def variables_of(inventory: Any, loader: Any, name: str) -> dict[str, Any]:
    """The variables that sources before this one, and the files of their group_vars and host_vars, give to a host."""
    host = inventory.get_host(name)
    if host is None:
        return {}
    sources = getattr(inventory, "processed_sources", [])

    def of_files(entities: list[Any]) -> dict[str, Any]:
        return get_vars_from_inventory_sources(loader, sources, entities, "all")

    of_groups = combine_vars(get_group_vars(host.get_groups()), of_files(host.get_groups()))
    return combine_vars(of_groups, combine_vars(host.get_vars(), of_files([host])))


def options_of(
    name: str, variables: Mapping[str, Any], template: Callable[[Any, Mapping[str, Any]], Any]
) -> ConnectionOptions:
    """How to connect to a host with these variables. Raises AnsibleParserError, which names the host.

    ``template`` fills in the templates of a value, with the variables that it may contain.
    """
    everything = {"inventory_hostname": name, **variables}

    def value_of(variable: str) -> Any:
        try:
            return _plain(template(everything[variable], everything))
        except AnsibleError as error:
            raise AnsibleParserError(f"{name}: {variable} cannot be templated: {error.message}") from error

    kind = value_of(KIND) if KIND in everything else "winrm"
    connection = connection_loader.get(str(kind), PlayContext())
    if connection is None:
        raise AnsibleParserError(f"{name}: ansible_connection is '{kind}'; choose winrm or psrp")
    declared = _declared(connection)
    prefix = f"ansible_{connection.transport}_"
    chosen = {
        variable: value_of(variable) for variable in everything if variable in declared or variable.startswith(prefix)
    }
    extras = {variable: value for variable, value in chosen.items() if variable not in declared}
    try:
        connection.set_options(var_options={**chosen, "_extras": extras} if connection.allow_extras else chosen)
        return connection_options(connection.transport, connection.get_option)
    except AnsibleError as error:
        raise AnsibleParserError(f"{name}: {error.message}") from None


def _plain(value: Any) -> Any:
    """The value without what Ansible adds to text, such as that it comes from a vault."""
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
