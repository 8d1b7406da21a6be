# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_network
short_description: Manage a NAT network on a Hyper-V host
version_added: 1.0.0
description:
  - Assigns an address on an internal switch to the host, creates a NAT for the network of this address, and maps ports
    of the host to guests.
  - Works on any Hyper-V host, including VMs that are Hyper-V hosts themselves. Inside a VM, it connects nested guests
    without MAC address spoofing (see O(nested.hyperv.vm_nesting#module:network)), which is the only way in public
    clouds.
  - Before any change, the network is checked against the existing NATs, addresses and routes of the host.
  - NATs and static mappings require an administrator of the host. The task is refused before any change if the user is
    not an administrator; membership in Hyper-V Administrators is not enough. Host addresses likely require an
    administrator, too, which is not measured.
options:
  name:
    description: Name of the NAT, compared without case. Corresponds to C(New-NetNat -Name).
    type: str
    required: true
  state:
    description:
      - V(present) creates the switch, the address, the NAT and the static mappings that do not exist yet.
      - V(absent) removes the NAT with its static mappings, the addresses of the host on the switch that are within the
        prefix of the NAT, and, with O(manage_switch), the switch.
      - Corresponds to C(New-NetNat), C(New-NetIPAddress), C(Remove-NetNat) and C(Remove-NetIPAddress).
    type: str
    choices: [present, absent]
    default: present
  switch:
    description:
      - Name or ID (GUID) of the virtual switch to which the guests are connected, taken literally and compared without
        case.
      - It must be an internal switch, or an external switch with an adapter of the host.
    type: str
    required: true
  manage_switch:
    description:
      - Whether the switch belongs to the NAT. A missing switch is then created as an internal switch, and an internal
        switch is removed with O(state=absent). A switch of another type is kept, with a warning.
    type: bool
    default: false
  address:
    description:
      - IPv4 address of the host on the switch with its prefix length, such as C(192.168.100.1/24). It is the default
        gateway of the guests. Required with O(state=present).
      - Replaces any other address that the host has on the switch within the same prefix, which is removed afterwards.
        Addresses outside the prefix are not changed.
      - Windows does not assign addresses to the guests. They require static addresses or a DHCP server of their own.
      - Corresponds to C(New-NetIPAddress -IPAddress) and C(New-NetIPAddress -PrefixLength).
    type: str
  prefix:
    description:
      - IPv4 prefix of the network that is translated, such as C(192.168.0.0/16). It must contain the network of
        O(address).
      - Networks for link-local addresses (C(169.254.0.0/16)), loopback and multicast and reserved networks are refused.
      - Defaults to the network of O(address).
      - The prefix of an existing NAT cannot be changed. The task is refused if it differs.
      - Corresponds to C(New-NetNat -InternalIPInterfaceAddressPrefix).
    type: str
  static_mappings:
    description:
      - Ports of the host that are mapped to guests. The list is complete, so other mappings of the NAT are removed.
      - New mappings are added before others are removed, unless both use the same port. If a mapping cannot be
        replaced, the previous one is restored.
      - The mappings are not changed if this option is omitted. Corresponds to C(Add-NetNatStaticMapping) and
        C(Remove-NetNatStaticMapping).
    type: list
    elements: dict
  force:
    description:
      - With O(state=absent) and O(manage_switch=true), whether to remove the switch even if VMs are connected to it.
      - With O(state=absent), whether to remove the NAT even if the host does not have the switch, on which its address
        is. The task is refused otherwise, because the address would remain.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._nat.mappings
notes:
  - Windows supports one NAT network per host, IPv4 or IPv6. The task is refused if another NAT exists. The networks of
    WSL and of the Default Switch of Windows clients are no NAT networks in this sense.
  - The module creates and removes instances of C(MSFT_NetNat) and C(MSFT_NetIPAddress) with WS-Transfer and a static
    CIM method. No public recording of these requests on a real host exists, so the module reads the instances after
    each change and fails if the change did not take effect.
seealso:
  - module: nested.hyperv.virtual_switch
  - module: nested.hyperv.vm_nesting
  - name: Set up a NAT network
    description: NAT on Windows and its limitations.
    link: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Create an internal switch with an address, a NAT and a port mapping
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    address: 192.168.100.1/24
    static_mappings:
      - external_port: 2222
        internal_address: 192.168.100.10
        internal_port: 22

- name: Replace the port mapping by another one
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    address: 192.168.100.1/24
    static_mappings:
      - protocol: udp
        external_port: 5514
        internal_address: 192.168.100.11

- name: Remove the NAT, the address and the switch
  nested.hyperv.nat_network:
    name: lab
    switch: NAT
    manage_switch: true
    state: absent
"""

RETURN = r"""
nat:
  description: NAT after the task, or predicted NAT in check mode. Null with O(state=absent).
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
      description: External prefix of a NAT that other tools created with one, otherwise null.
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
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: one-nat
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
overlaps:
  description: Address, route or prefix of the host that overlaps with the network.
  returned: when the task is refused because of an overlap
  type: str
  sample: 192.168.0.0/16
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [create the internal virtual switch 'NAT']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [create the virtual switch 'NAT']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.network import nat, nat_plan
from ..module_utils._policy.rules.nat import NAT_RIGHTS, ONE_NAT
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**nat.OPTIONS, **jobs.OPTIONS},
    "required_if": [("state", "present", ("address",))],
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted, absent = nat.parse(task.params), task.params["state"] == "absent"
    network = nat.fetch(host, wanted)
    if absent:
        steps = nat_plan.plan_removal(host, network, wanted, task.params["force"], NAT_RIGHTS)
    else:
        steps = nat_plan.plan(host, network, wanted, ONE_NAT, NAT_RIGHTS)

    def outcome() -> dict[str, Any]:
        after = nat.fetch_again(host, network, wanted) if steps else network
        return {"nat": nat.describe(after.nat, after.mappings) if after.nat else None}

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
