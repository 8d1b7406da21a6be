# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_nesting
short_description: Configure nested virtualization for a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Exposes the virtualization extensions of the processor to a VM or hides them, and configures MAC address spoofing,
    static memory and the startup memory that nested virtualization requires.
  - Before virtualization extensions are exposed, the processor vendor, the build of the host and the configuration
    version of the VM are checked against Microsoft's rules. The task is refused if a rule is violated.
  - The module does not install Hyper-V inside the VM.
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
  - nested.hyperv._nesting
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_memory
  - module: nested.hyperv.nat_network
  - name: Run Hyper-V in a virtual machine with nested virtualization
    description: Prerequisites and networking of nested VMs.
    link: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Prepare a VM to run Hyper-V, with at most one power cycle
  nested.hyperv.vm_nesting:
    name: lab01
    state: enabled
    network: mac_spoofing
    static_memory: true
    minimum_startup_memory: 4GB
    allow_power_cycle: true

- name: Prepare a VM whose nested guests are behind a NAT
  nested.hyperv.vm_nesting:
    name: lab01
    network: nat
    static_memory: true
    minimum_startup_memory: 4GB
    allow_power_cycle: true

- name: Allow nested guests to use one network adapter
  nested.hyperv.vm_nesting:
    name: web01
    mac_spoofing: true
    adapters:
      - Network Adapter
    allow_power_cycle: true

- name: Hide virtualization extensions and disable MAC address spoofing
  nested.hyperv.vm_nesting:
    name: lab01
    state: disabled
    mac_spoofing: false
    allow_power_cycle: true
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
name:
  description: Name of the VM.
  returned: success
  type: str
  sample: lab01
power_cycle_required:
  description: Whether the changes require the VM to be powered off.
  returned: success, or when the task fails during the changes or is refused because the VM is not off
  type: bool
  sample: true
power_cycled:
  description: Whether the VM was turned off and is on again.
  returned: success, or when a later step failed
  type: bool
  sample: true
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [set virtualization extensions of VM 'lab01']
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
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: nested-vm-version
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
lacks:
  description: Rules that prevent nested virtualization of the VM on this host.
  returned: when the task is refused because of these rules
  type: list
  elements: dict
  contains:
    rule:
      description: ID of the rule.
      type: str
      sample: nested-vm-version
    source:
      description: Source of the rule in Microsoft's documentation.
      type: str
      sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
    found:
      description: Values that violate the rule.
      type: str
      sample: version 8.0 with AuthenticAMD
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, nesting, power
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._policy.rules import nesting as rules
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**find.OPTIONS, **nesting.OPTIONS, **power.OPTIONS, **jobs.OPTIONS},
    **find.ONE,
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = nesting.parse(task.params)
    vm = find.fetch_by_name(host, task.params)
    steps = nesting.plan(Parts(host, vm, rules), wanted)
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(task.params)))
    return {**result, "id": vm.id, "name": vm.name}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
