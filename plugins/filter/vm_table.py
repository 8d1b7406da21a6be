# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vm_table
short_description: Format VMs as a table
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Formats the VMs that M(nested.hyperv.vm_info) returns as the lines of a table with state, nested virtualization,
    virtual processors, memory, MAC address spoofing and virtual switches. A column is omitted if its group of facts is
    not in the input.
options:
  _input:
    description: VMs in the format of RV(nested.hyperv.vm_info#module:vms).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the VMs
  nested.hyperv.vm_info:
  register: hyperv

- name: Display the VMs
  ansible.builtin.debug:
    msg: "{{ hyperv.vms | nested.hyperv.vm_table }}"
"""

RETURN = r"""
_value:
  description: Lines of the table, beginning with the headings.
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


# Columns: heading, fact that the column requires, function from the fact to the text.
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
    """Format the VMs as lines of a table, beginning with the headings."""
    if not isinstance(vms, list) or not all(isinstance(vm, Mapping) and "name" in vm for vm in vms):
        raise AnsibleFilterError("vm_table requires the list 'vms' that nested.hyperv.vm_info returns")
    columns = [column for column in _COLUMNS if all(column[1] in vm for vm in vms)]
    rows = [[heading for heading, _fact, _text in columns]]
    rows += [[text(vm[fact]) for _heading, fact, text in columns] for vm in vms]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"vm_table": vm_table}
