# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_network
short_description: Put the guests of a Hyper-V host behind network address translation
version_added: 0.1.0
description:
  - Gives the host an address on an internal switch, makes a NAT for the network around it, and maps ports of the host
    to guests.
  - Works on any Hyper-V host, also on a VM that is one. There it is the way to connect nested guests without MAC
    address spoofing (see O(nested.hyperv.vm_nesting#module:network)), and the only way in public clouds.
  - Before it writes anything it checks the network against the NATs, addresses and routes that the host has.
options:
  name:
    description: Name of the NAT, compared without case.
    type: str
    required: true
  state:
    description:
      - V(present) makes what is missing of switch, address, NAT and static mappings.
      - V(absent) removes the NAT with its static mappings, the addresses within its prefix that the host has on the
        switch, and the switch where O(manage_switch) says so.
    type: str
    choices: [present, absent]
    default: present
  switch:
    description:
      - Name or id of the switch that the guests are connected to, taken literally and compared without case.
      - It must be internal, or external with an adapter of the host.
    type: str
    required: true
  manage_switch:
    description:
      - Whether the switch belongs to the NAT. An internal switch is then made where it is missing, and removed with
        O(state=absent).
    type: bool
    default: false
  address:
    description:
      - Address of the host on the switch, which is the guests' gateway, with its prefix length, such as
        C(192.168.100.1/24). Needed with O(state=present).
      - Another address of the host within the same prefix gives way to it. Addresses outside the prefix are left alone.
      - Nothing gives out addresses to the guests. They need fixed ones, or a DHCP server of their own.
    type: str
  prefix:
    description:
      - Network that is translated, where it is larger than the one of O(address), such as C(192.168.0.0/16). Otherwise
        it is the network of O(address).
      - Windows can't change it, so another prefix for an existing NAT is refused.
    type: str
  static_mappings:
    description:
      - Ports of the host that lead to guests. These are all that the NAT has, and others are removed.
      - Left alone where it isn't given.
    type: list
    elements: dict
    suboptions:
      protocol:
        description: Protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      external_address:
        description: Address of the host that the port is mapped of. V(0.0.0.0) is all of them.
        type: str
        default: 0.0.0.0
      external_port:
        description: Port of the host, from 1 to 65535. Windows refuses ports that it listens on itself.
        type: int
        required: true
      internal_address:
        description: Address of the guest, within the prefix.
        type: str
        required: true
      internal_port:
        description: Port of the guest. The same as O(static_mappings[].external_port) where it isn't given.
        type: int
  force:
    description: With O(state=absent) and O(manage_switch), remove the switch also where VMs are connected to it.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
notes:
  - Windows has one NAT network per host. A second one is refused with the name of the first. What WSL and the Default
    Switch of client Windows translate doesn't count.
  - MSFT_NetNat and MSFT_NetIPAddress are made and removed with WS-Transfer and a static CIM method, for which no public
    recording from a real host exists. The module reads back what it wrote, and fails where nothing came of it.
seealso:
  - module: nested.hyperv.virtual_switch
  - module: nested.hyperv.vm_nesting
  - name: Set up a NAT network
    description: How NAT works on Windows, and what it can't do.
    link: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Make switch, address, NAT and a mapping, all in one
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    address: 192.168.100.1/24
    static_mappings:
      - external_port: 2222
        internal_address: 192.168.100.10
        internal_port: 22

- name: Map another port, and no longer the first
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    address: 192.168.100.1/24
    static_mappings:
      - protocol: udp
        external_port: 5514
        internal_address: 192.168.100.11

- name: Undo all of it
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    state: absent
"""

RETURN = r"""
nat:
  description: The NAT after the task, or as it would be in check mode. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Name of the NAT.
      type: str
      sample: lab
    prefix:
      description: Network that is translated.
      type: str
      sample: 192.168.100.0/24
    external_prefix:
      description: External prefix of a NAT that was made with one, by other means than this module.
      type: str
      sample: null
    static_mappings:
      description: Static mappings of the NAT.
      type: list
      elements: dict
      sample:
        - protocol: tcp
          external_address: 0.0.0.0
          external_port: 2222
          internal_address: 192.168.100.10
          internal_port: 22
rule:
  description: Id of the rule that keeps the NAT from being made.
  returned: when refused for it
  type: str
  sample: one-nat
source:
  description: Where Microsoft states the rule.
  returned: when refused for it
  type: str
  sample: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
overlaps:
  description: The address, route or prefix of the host that the network overlaps with.
  returned: when refused for it
  type: str
  sample: 192.168.0.0/16
completed:
  description: What had been done before a later step failed, in words.
  returned: when a later step failed
  type: list
  elements: str
  sample: [make the internal virtual switch 'NAT']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure_host
from ..module_utils._hyperv.network import nat
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": nat.OPTIONS,
    "required_if": [("state", "present", ("address",))],
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    params = task.params
    wanted = nat.parse(params)
    found = nat.read(host, wanted.name, params["switch"])
    if params["state"] == "absent":
        steps = nat.plan_removal(host, found, wanted, params["manage_switch"], params["force"])
    else:
        to_be_made = params["manage_switch"] or host.predicts("switch", params["switch"])
        steps = nat.plan(host, found, wanted, params["switch"], to_be_made)
    result = ensure_host(host, task, steps)
    if task.check_mode:
        makes_switch = params["state"] == "present" and found.switch is None
        made = {"would_make": [("switch", params["switch"])]} if makes_switch else {}
        return {**result, **made, "nat": nat.predict(found, wanted, params["state"])}
    if result["changed"]:
        found = nat.reread(host, found, wanted.name)
    return {**result, "nat": nat.describe(found.nat, found.mappings) if found.nat else None}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
