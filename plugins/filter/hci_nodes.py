# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hci_nodes
short_description: Plan the nodes of an evaluation of Azure Stack HCI
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Completes the nodes of the role C(nested.hyperv.azure_stack_hci_eval) with the values of a profile, and with names,
    addresses, MAC addresses and paths, in the format of the options of M(nested.hyperv.vm). The role uses it.
  - The result depends on its input only. The MAC addresses of the nodes are locally administered addresses that are
    derived from the names of the host, the lab, the node and the adapter.
  - Impossible values are errors, which name the variable of the role.
options:
  _input:
    description:
      - List of nodes. Each node has a C(name), and can have C(computer_name), C(address), C(external_port),
        C(mac_addresses), C(memory), C(processors), C(os_disk), C(data_disks) and C(data_disk_size).
    type: list
    elements: dict
    required: true
  lab:
    description:
      - Values for all nodes, the variables of the role without their prefix. C(name), C(profile), C(path) and C(switch)
        are required.
      - C(recorded) is a list of names and paths of an earlier run. If they differ only in case, the nodes have them as
        they are spelled there.
    type: dict
    required: true
  host:
    description: Name of the Hyper-V host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Display the MAC addresses of a node
  ansible.builtin.debug:
    msg: "{{ (nodes | nested.hyperv.hci_nodes(lab=lab, host='hv01')).0.adapters | map(attribute='mac_address') }}"
  vars:
    nodes: [{name: node1}]
    lab: {name: hci, profile: azure_local_2026_04, path: 'D:\AzureLocal', switch: hci, address: 192.168.44.1/24}
"""

RETURN = r"""
_value:
  description: The nodes in their order.
  type: list
  elements: dict
  sample:
    - name: node1
      key: node1
      host: hv01
      computer_name: node1
      address: 192.168.44.201
      prefix_length: 24
      gateway: 192.168.44.1
      external_port: null
      memory: 32GB
      memory_bytes: 34359738368
      processors: 4
      tpm: true
      data_disks: 2
      adapters: []
      disks: []
      seed: {}
      seed_path: 'D:\AzureLocal\node1\seed.iso'
      discs: [{path: 'D:\AzureLocal\node1\seed.iso'}]
      facts: {}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible import template
from ansible.errors import AnsibleFilterError

from ..module_utils._task.errors import Invalid
from ..plugin_utils._hci import plan

# Up to ansible-core 2.18, a template whose value is none is an empty text, so an empty option is an omitted one there.
_NONE_IS_TEXT = not hasattr(template, "trust_as_template")
_REQUIRED = ("name", "profile", "path", "switch")


def hci_nodes(nodes: Any, lab: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """The nodes with all that the modules need."""
    if _NONE_IS_TEXT:
        lab = {name: None if value == "" else value for name, value in lab.items()}
    missing = [name for name in _REQUIRED if not lab.get(name)]
    if missing:
        raise AnsibleFilterError(f"azure_stack_hci_eval_{missing[0]} is required")
    try:
        return plan(nodes, lab, str(host))
    except Invalid as error:
        raise AnsibleFilterError(f"azure_stack_hci_eval_{error}") from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"hci_nodes": hci_nodes}
