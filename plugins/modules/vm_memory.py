# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_memory
short_description: Configure the memory of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Configures startup memory, dynamic memory, memory buffer and memory priority of a VM. Options that are omitted are
    not changed.
  - The task is refused before any change if the resulting memory is invalid. O(minimum) must not exceed O(startup),
    and O(startup) must not exceed O(maximum).
  - While the VM is running, O(buffer) and O(priority) can be changed. With dynamic memory, O(minimum) can be decreased
    and O(maximum) increased. With static memory, O(startup) can be changed. Every other change requires the VM to be
    off, and so does every change of a paused or saved VM.
  - While Hyper-V is running inside a VM, the VM must be off to change its amounts of memory, see
    O(hypervisor_in_guest).
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
  - nested.hyperv._memory
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_nesting
  - name: What is nested virtualization?
    description: Microsoft's rules for nested virtualization, including the rule for memory.
    link: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Configure static memory, with a power cycle if the change requires it
  nested.hyperv.vm_memory:
    name: web01
    dynamic: false
    startup: 8GB
    allow_power_cycle: true

- name: Configure dynamic memory between 1 and 16 GB
  nested.hyperv.vm_memory:
    name: lab01
    dynamic: true
    minimum: 1GB
    startup: 4GB
    maximum: 16GB
    buffer: 30

- name: Increase the memory priority of a VM
  nested.hyperv.vm_memory:
    name: lab01
    priority: 80
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
  sample: web01
memory:
  description:
    - Memory settings after the task, or predicted settings in check mode. Sizes are in bytes.
    - With static memory, C(minimum) and C(maximum) are null.
  returned: success
  type: dict
  sample: {dynamic: true, startup: 4294967296, minimum: 1073741824, maximum: 17179869184, buffer: 20, priority: 50}
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
  sample: [set memory of VM 'web01']
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
  sample: nested-memory-off
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, memory, power
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._policy.rules import nesting as rules
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.OPTIONS,
        **memory.OPTIONS,
        **power.OPTIONS,
        **jobs.OPTIONS,
    },
    **find.ONE,
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = memory.parse(task.params)
    vm = find.fetch_by_name(host, task.params)
    parts = Parts(host, vm, rules)
    after = memory.expected(parts.memory, wanted)
    steps = memory.plan(parts, wanted)
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(task.params)))
    return {**result, "id": vm.id, "name": vm.name, "memory": memory.described(after)}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
