# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vm_table
short_description: Lay VMs out as a table for people
version_added: 0.1.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Turns what M(nested.hyperv.vm_info) returns into the lines of a table with state, nesting, processors, memory,
    MAC address spoofing and networks of each VM. Columns whose facts weren't included are left out.
options:
  _input:
    description: The RV(nested.hyperv.vm_info#module:vms) of M(nested.hyperv.vm_info).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the VMs
  nested.hyperv.vm_info:
  register: found

- name: Show the VMs
  ansible.builtin.debug:
    msg: "{{ found.vms | nested.hyperv.vm_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
  sample:
    - VM     STATE    NESTING  CPUS  MEMORY      SPOOFING  NETWORK
    - lab01  running  on       4     8GB static  on        External
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._task.units import format_size


def _memory(memory: Mapping[str, Any]) -> str:
    startup = format_size(memory["startup"])
    if not memory["dynamic"]:
        return f"{startup} static"
    return f"{startup} ({format_size(memory['minimum'])} to {format_size(memory['maximum'])})"


def _network(adapters: list[Mapping[str, Any]]) -> str:
    return ", ".join(adapter["switch"] or "not connected" for adapter in adapters)


def _spoofing(adapters: list[Mapping[str, Any]]) -> str:
    spoofing = sum(bool(adapter["mac_spoofing"]) for adapter in adapters)
    if spoofing in (0, len(adapters)):
        return "on" if spoofing else "off"
    return f"{spoofing} of {len(adapters)}"


# Heading, the fact that a column needs, and its text.
_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("VM", "name", str),
    ("STATE", "state", str),
    ("NESTING", "nesting", lambda nesting: "on" if nesting["virtualization_extensions"] else "off"),
    ("CPUS", "processor", lambda processor: str(processor["count"])),
    ("MEMORY", "memory", _memory),
    ("SPOOFING", "network_adapters", _spoofing),
    ("NETWORK", "network_adapters", _network),
)


def vm_table(vms: list[Mapping[str, Any]]) -> list[str]:
    """The lines of the table, headings first."""
    if not isinstance(vms, list) or not all(isinstance(vm, Mapping) and "name" in vm for vm in vms):
        raise AnsibleFilterError("vm_table takes the list 'vms' that nested.hyperv.vm_info returns")
    columns = [column for column in _COLUMNS if all(column[1] in vm for vm in vms)]
    rows = [[heading for heading, _fact, _text in columns]]
    rows += [[text(vm[fact]) for _heading, fact, text in columns] for vm in vms]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"vm_table": vm_table}
