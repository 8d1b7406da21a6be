# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_network_adapter
short_description: Add, connect, configure and remove the network adapters of a VM
version_added: 0.1.0
description:
  - Looks after one network adapter of a VM, with its connection to a virtual switch, its MAC address, and the features
    of its switch port, which are security, VLAN and bandwidth.
  - Options that are left out are left alone, so an adapter can be connected without touching its VLAN, and the other
    way round.
  - Everything but O(mac_address) changes while the VM runs. Adapters are added to and removed from running VMs of
    generation 2 only.
options:
  name:
    description:
      - Name of the adapter, taken literally and compared without case. Hyper-V calls an adapter C(Network Adapter) in
        the language of the host where nobody gives it a name.
      - A name that several adapters of the VM share is an error that lists their ids. Use O(id) then.
      - With O(id) it is the name that the adapter gets.
    type: str
  id:
    description:
      - Id of the adapter, as M(nested.hyperv.vm_info) returns it, or just the GUID at its end.
      - An id that the VM doesn't have is an error, except with O(state=absent).
    type: str
  state:
    description: Whether the VM has the adapter.
    type: str
    choices: [present, absent]
    default: present
  switch:
    description:
      - Name of the virtual switch that the adapter is connected to, taken literally and compared without case. The id
        (GUID) of a switch works as well, for names that several switches share.
      - V(disconnected) disconnects it, and leaves its features as they are.
      - A new adapter isn't connected where it isn't given.
    type: str
  mac_address:
    description:
      - MAC address in any common spelling, such as C(00:15:5D:01:02:03), C(00-15-5d-01-02-03), C(0015.5d01.0203) or
        C(00155D010203). The adapter keeps it, wherever the VM goes.
      - V(dynamic) lets the host give out an address at the next start of the VM, which is what a new adapter has.
      - Needs the VM off to change.
    type: str
  mac_spoofing:
    description:
      - Whether the adapter may send from other MAC addresses than its own, which nested guests need whose packets
        aren't translated (see M(nested.hyperv.nat_network)). Hyper-V's default is no.
    type: bool
  allow_teaming:
    description: Whether the guest may make the adapter part of a team. Hyper-V's default is no.
    type: bool
  device_naming:
    description:
      - Whether the guest learns the adapter's name, as an advanced property of its driver. Hyper-V's default is no.
        Legacy adapters don't have it.
    type: bool
  dhcp_guard:
    description: Drop what a DHCP server in the guest sends. Hyper-V's default is no.
    type: bool
  router_guard:
    description: Drop router advertisements and redirects that the guest sends. Hyper-V's default is no.
    type: bool
  vlan:
    description: How the switch port treats VLAN tags. Hyper-V's default is V(untagged).
    type: dict
    suboptions:
      mode:
        description:
          - V(untagged) passes what has no tag.
          - V(access) puts the guest into one VLAN without it knowing.
          - V(trunk) passes the tags of several VLANs to the guest.
        type: str
        choices: [untagged, access, trunk]
        required: true
      id:
        description: VLAN of mode V(access), from 1 to 4094.
        type: int
      native_id:
        description: VLAN of the guest's untagged packets in mode V(trunk), from 1 to 4094. V(0) is none, the default.
        type: int
      allowed_ids:
        description:
          - VLANs that may pass in mode V(trunk), as ids and ranges of them from 1 to 4094, in a list or in a text such
            as V(1-10,20,711-719). Order, duplicates and the way of writing ranges make no difference.
        type: list
        elements: str
  bandwidth:
    description:
      - Share and limits of the adapter's bandwidth, in bits per second. Write them with C(kbps), C(Mbps) or C(Gbps)
        (powers of 1000, as network hardware counts), or as a number of bits. They are rounded to multiples of 8, as
        Hyper-V does.
      - Which of O(bandwidth.weight) and O(bandwidth.minimum) can be set was decided when the switch was created. The
        host refuses the other.
    type: dict
    suboptions:
      weight:
        description: Relative share of what the switch can send, from 0 (none) to 100. Hyper-V's default is 0.
        type: int
      minimum:
        description: Bandwidth that is kept for the adapter. V(0) keeps none, which is Hyper-V's default.
        type: str
      maximum:
        description: Most that the adapter gets. V(0) is no limit, which is Hyper-V's default.
        type: str
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.virtual_switch
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Give a VM an adapter for its nested guests
  nested.hyperv.vm_network_adapter:
    vm: lab01
    name: Guests
    switch: External
    mac_spoofing: true

- name: Put it into VLAN 42 with at most 1 Gbit/s, without touching anything else
  nested.hyperv.vm_network_adapter:
    vm: lab01
    name: Guests
    vlan:
      mode: access
      id: 42
    bandwidth:
      maximum: 1Gbps

- name: Let a router VM see several VLANs
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    switch: External
    allow_teaming: true
    vlan:
      mode: trunk
      native_id: 5
      allowed_ids: 1-10,20,711-719

- name: Give the adapter an address of its own, which needs the VM off
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    mac_address: 02-15-5D-01-02-03
    allow_power_cycle: true

- name: Disconnect it
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    switch: disconnected

- name: Remove it
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    state: absent
    allow_power_cycle: true
"""

RETURN = r"""
vm:
  description: Id and name of the VM.
  returned: success
  type: dict
  sample: {id: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11, name: lab01}
id:
  description: Id (CIM InstanceID) of the adapter. Not there in check mode for an adapter that would be added.
  returned: when there is an adapter
  type: str
  sample: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
name:
  description: Name of the adapter.
  returned: success
  type: str
  sample: Guests
ids:
  description: Ids of the adapters, VMs or switches that share a name.
  returned: when a name is ambiguous
  type: list
  elements: str
  sample:
    - Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
    - Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\0F8FAD5B-D9CB-469F-A165-70867728950E
power_cycle_required:
  description: Whether the changes need a VM off that isn't.
  returned: success, or when refused for it
  type: bool
  sample: false
power_cycled:
  description: Whether the VM was turned off and started again.
  returned: success
  type: bool
  sample: false
completed:
  description: What had been done before a later step failed, in words.
  returned: when a later step failed
  type: list
  elements: str
  sample: [add adapter 'Guests' to VM 'lab01']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure
from ..module_utils._hyperv.network import adapter
from ..module_utils._hyperv.network import adapter_plan as port
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import power
from ..module_utils._standalone import run_alone
from ..module_utils._task.errors import Missing
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.PART_OPTIONS,
        "name": {"type": "str"},
        "id": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **adapter.OPTIONS,
        **power.OPTIONS,
    },
    "mutually_exclusive": vm.PART_ONE["mutually_exclusive"],
    "required_one_of": [*vm.PART_ONE["required_one_of"], ("name", "id")],
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    name, id, absent = task.params["name"], task.params["id"], task.params["state"] == "absent"
    wanted = adapter.NOTHING if absent else adapter.parse(task.params)
    whole = vm.find_whole(host, task.params)
    target = port.Target(host, whole, adapter.find(host, whole, name, id, wanted))
    if id and not absent and target.adapter is None:
        raise Missing(f"{whole} has no network adapter with the id '{id}'; vm_info lists them", vm=whole.name, id=id)
    steps = port.plan_removal(target) if absent else port.plan(target, name, wanted)
    result = ensure(host, task, steps, whole)
    one = None if absent else target.adapter
    shown = {"id": one.id, "name": one.name} if one else {"name": name}
    return {**result, "vm": {"id": whole.id, "name": whole.name}, **shown}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
