# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_network_adapter
short_description: Manage a network adapter of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Adds, configures and removes a network adapter of a VM, with its connection to a virtual switch, its MAC address,
    and the security, VLAN and bandwidth settings of its switch port. Options that are omitted are not changed.
  - O(mac_address) requires the VM to be off. All other options can be changed while the VM is running.
  - A network adapter can be added to or removed from a running generation 2 VM. A generation 1 VM, a saved VM and
    legacy adapters require the VM to be off.
options:
  name:
    description:
      - Name of the adapter, taken literally and compared without case. The default name that Hyper-V gives to adapters,
        such as C(Network Adapter), depends on the language of the host.
      - If several adapters of the VM share the name, the task fails with a list of their IDs. Use O(id) in this case.
      - With O(id), the adapter is renamed to this name. A name that another adapter of the VM has is refused.
      - Corresponds to C(Add-VMNetworkAdapter -Name) and, with O(id), to C(Rename-VMNetworkAdapter -NewName).
    type: str
  id:
    description:
      - ID of an existing adapter, as M(nested.hyperv.vm_info) returns it, or the GUID at its end.
      - An ID that no adapter of the VM has is an error, except with O(state=absent).
    type: str
  state:
    description:
      - Whether the VM has the adapter. Corresponds to C(Add-VMNetworkAdapter) and C(Remove-VMNetworkAdapter).
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
  - nested.hyperv._network_adapter
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.virtual_switch
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Add a network adapter for nested guests
  nested.hyperv.vm_network_adapter:
    vm: lab01
    name: Guests
    switch: External
    mac_spoofing: true

- name: Assign the adapter to VLAN 42 and limit its bandwidth to 1 Gbit/s
  nested.hyperv.vm_network_adapter:
    vm: lab01
    name: Guests
    vlan:
      mode: access
      id: 42
    bandwidth:
      maximum: 1Gbps

- name: Add a trunk adapter for a router VM
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    switch: External
    allow_teaming: true
    vlan:
      mode: trunk
      native_id: 5
      allowed_ids: 1-10,20,711-719

- name: Add a legacy adapter, through which a generation 1 VM can boot from the network
  nested.hyperv.vm_network_adapter:
    vm: old01
    name: PXE
    switch: External
    legacy: true
    allow_power_cycle: true

- name: Assign a static MAC address, which requires the VM to be off
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    mac_address: 02-15-5D-01-02-03
    allow_power_cycle: true

- name: Disconnect the adapter
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    switch: disconnected

- name: Remove the adapter
  nested.hyperv.vm_network_adapter:
    vm: web01
    name: Trunk
    state: absent
    allow_power_cycle: true
"""

RETURN = r"""
vm:
  description: ID (GUID) and name of the VM.
  returned: success
  type: dict
  sample: {id: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11, name: lab01}
id:
  description: ID (CIM InstanceID) of the adapter. Not returned in check mode for an adapter that would be added.
  returned: if the adapter exists
  type: str
  sample: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
name:
  description: Name of the adapter.
  returned: success
  type: str
  sample: Guests
ids:
  description: IDs of the objects that share the name.
  returned: when a name is ambiguous
  type: list
  elements: str
  sample:
    - Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
    - Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\0F8FAD5B-D9CB-469F-A165-70867728950E
power_cycle_required:
  description: Whether the changes require the VM to be powered off.
  returned: success, or when the task fails during the changes or is refused because the VM is not off
  type: bool
  sample: false
power_cycled:
  description: Whether the VM was turned off and is on again.
  returned: success, or when a later step failed
  type: bool
  sample: false
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [add adapter 'Guests' to VM 'lab01']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [shut down VM 'web01']
left_off:
  description: A sentence that says that the VM is off, or may go off, although it was not off before the task.
  returned: when the VM could not be started again, or its saved state was discarded
  type: str
  sample: "VM 'web01' is off; start it with state: running"
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.network import adapter, adapter_plan
from ..module_utils._hyperv.network.adapter import Slot
from ..module_utils._hyperv.vm import find, power
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Missing
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        "name": {"type": "str"},
        "id": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **adapter.OPTIONS,
        **power.OPTIONS,
        **jobs.OPTIONS,
    },
    "mutually_exclusive": find.PART_ONE["mutually_exclusive"],
    "required_one_of": [*find.PART_ONE["required_one_of"], ("name", "id")],
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    name, id, absent = task.params["name"], task.params["id"], task.params["state"] == "absent"
    wanted = adapter.NOTHING if absent else adapter.parse(task.params)
    vm = find.fetch_of_part(host, task.params)
    parts = Parts(host, vm)
    slot = Slot(host, vm, adapter.fetch_one(host, vm, name, id, wanted), lambda: parts.generation)
    if id and not absent and slot.adapter is None:
        text = f"{vm} has no network adapter with the id '{id}'; vm_info lists them"
        raise Missing(text, option="id", vm=vm.name, id=id)
    steps = adapter_plan.plan_removal(slot) if absent else adapter_plan.plan(slot, name, wanted).steps()
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(task.params)))
    current = None if absent else slot.adapter
    identity = {"id": current.id, "name": (id and name) or current.name} if current else {"name": name}
    return {**result, "vm": {"id": vm.id, "name": vm.name}, **identity}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
