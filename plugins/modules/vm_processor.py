# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_processor
short_description: Configure the virtual processors of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Configures number, reserve, limit, weight, threads per core and migration compatibility of the virtual processors of
    a VM. Options that are omitted are not changed.
  - O(reserve), O(limit) and O(weight) can be changed while the VM is running. Every other change requires the VM to be
    off. A saved VM must be turned off for every change.
  - The module M(nested.hyperv.vm_nesting) exposes virtualization extensions to a VM.
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
  - nested.hyperv._processor
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Configure four virtual processors, with a power cycle if the change requires it
  nested.hyperv.vm_processor:
    name: web01
    count: 4
    allow_power_cycle: true

- name: Reserve half of the processor capacity for a VM
  nested.hyperv.vm_processor:
    name: lab01
    reserve: 50
    weight: 200
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
processor:
  description: Processor settings after the task, or predicted settings in check mode.
  returned: success
  type: dict
  sample: {count: 4, reserve: 0, limit: 100, weight: 100, threads_per_core: 0, migration_compatibility: false}
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
  sample: [set processor of VM 'web01']
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
from ..module_utils._hyperv.vm import find, power, processor
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._task.table import expected

SPEC: dict[str, Any] = {
    "argument_spec": {**find.OPTIONS, **processor.OPTIONS, **power.OPTIONS, **jobs.OPTIONS},
    **find.ONE,
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = processor.parse(task.params)
    vm = find.fetch_by_name(host, task.params)
    parts = Parts(host, vm)
    after = expected(processor.PROPERTIES, parts.processor, wanted)
    steps = processor.plan(parts, wanted)
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(task.params)))
    return {**result, "id": vm.id, "name": vm.name, "processor": after}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
