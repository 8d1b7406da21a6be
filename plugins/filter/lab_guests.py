# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_guests
short_description: Plan the addresses, ports and seeds of the guests of a lab
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Assigns addresses and ports to the VMs of a lab, and returns the options of M(nested.hyperv.seed_iso) that differ
    between the VMs. The playbooks C(create_nested_lab) and C(create_training_lab) use it.
  - The result depends on its input only, and contains no password. Impossible values are errors, which name the
    variable of the playbook.
options:
  _input:
    description:
      - Names of the VMs of a training lab, or the list of the VMs of a nested lab.
    type: list
    elements: raw
    required: true
  lab:
    description:
      - Variables of the playbook without their prefix. C(folder) is the folder of the seeds, and C(address) the address
        of the gateway with its prefix length. Optionally C(dns_servers).
      - For a training lab C(seed), C(first), C(guest_addresses), C(first_port), C(wait_for), C(generation) and
        C(secure_boot_template). For a nested lab C(seeds).
    type: dict
    required: true
  playbook:
    description: Playbook whose variables they are.
    type: str
    choices: [create_nested_lab, create_training_lab]
    required: true
"""

EXAMPLES = r"""
- name: Display the addresses of a class
  ansible.builtin.debug:
    msg: "{{ names | nested.hyperv.lab_guests(lab, playbook='create_training_lab') | map(attribute='address') }}"
  vars:
    names: [student01, student02]
    lab:
      folder: D:\Training
      address: 192.168.100.1/24
      guest_addresses: 192.168.100.101-192.168.100.140
      first: 1
      seed: {windows: {administrator_password: "{{ vault_password | default('Correct-Horse-7') }}"}}
"""

RETURN = r"""
_value:
  description: The guests in the order of the VMs.
  type: list
  elements: dict
  sample:
    - name: student01
      key: student01
      number: 1
      address: 192.168.100.101
      prefix_length: 24
      external_port: 55001
      mapping: {external_port: 55001, internal_address: 192.168.100.101, internal_port: 5985}
      wait_for: winrm
      installed: false
      seed_path: 'D:\Training\student01-seed.iso'
      seed_key: 'd:\training\student01-seed.iso'
      disc: {path: 'D:\Training\student01-seed.iso'}
      summary: 'student01: 192.168.100.101, port 55001 of the host'
      windows: {computer_name: student01}
      cloud_init: {}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._task.errors import Invalid
from ..plugin_utils import _lab

_PLANS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "create_nested_lab": _lab.plan_list,
    "create_training_lab": _lab.plan_class,
}


def lab_guests(vms: Sequence[Any], lab: Mapping[str, Any], playbook: str) -> list[dict[str, Any]]:
    """The guests with their addresses, ports and seeds."""
    try:
        return _PLANS[playbook](vms, lab)
    except Invalid as error:
        raise AnsibleFilterError(f"{playbook}_{error}") from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lab_guests": lab_guests}
