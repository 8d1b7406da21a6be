# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_processor
short_description: Set the virtual processors of a Hyper-V VM
version_added: 0.1.0
description:
  - Sets number, reserve, limit, weight, threads per core and migration compatibility of a VM's processors, and nothing
    that wasn't asked for.
  - Reserve, limit and weight change while the VM runs. All else needs it off.
  - To expose virtualization extensions to the VM see M(nested.hyperv.vm_nesting).
options:
  count:
    description: Number of virtual processors. Needs the VM off to change.
    type: int
  reserve:
    description: Percentage of its processors that the host keeps for this VM, from 0 to 100.
    type: int
  limit:
    description: Percentage of its processors that the VM may use at most, from 0 to 100.
    type: int
  weight:
    description: Share of the VM where VMs compete for processors, from 0 to 10000. Hyper-V's default is 100.
    type: int
  threads_per_core:
    description:
      - Hardware threads that each core shows to the guest. V(0) takes over the host's number.
      - Needs the VM off to change.
    type: int
  migration_compatibility:
    description:
      - Whether to hide newer processor features, so that the VM can move to hosts with another processor of the same
        vendor. Needs the VM off to change.
    type: bool
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Give a VM four processors, restarting it where that is needed
  nested.hyperv.vm_processor:
    name: web01
    count: 4
    allow_power_cycle: true

- name: Keep half of its processors for a VM, also while it runs
  nested.hyperv.vm_processor:
    name: lab01
    reserve: 50
    weight: 200
"""

RETURN = r"""
id:
  description: Id of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
name:
  description: Name of the VM.
  returned: success
  type: str
  sample: web01
processor:
  description: The processor settings after the task, or as they would be in check mode.
  returned: success
  type: dict
  sample: {count: 4, reserve: 0, limit: 100, weight: 100, threads_per_core: 0, migration_compatibility: false}
power_cycle_required:
  description: Whether the changes need a VM off that isn't.
  returned: success, or when refused for it
  type: bool
  sample: true
power_cycled:
  description: Whether the VM was turned off and started again.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure
from ..module_utils._hyperv.schema import PROCESSOR
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import power, processor
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host
from ..module_utils._task.table import parse, shown

SPEC: dict[str, Any] = {
    "argument_spec": {**vm.OPTIONS, **processor.OPTIONS, **power.OPTIONS},
    **vm.ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    wanted = parse(processor.PROPERTIES, task.params)
    found = vm.find_by(host, task.params)
    instance = vm.setting(host, found, PROCESSOR)
    result = ensure(host, task, [processor.plan(host, found, instance, wanted)], found)
    return {**result, "id": found.id, "name": found.name, "processor": shown(processor.PROPERTIES, instance, wanted)}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
