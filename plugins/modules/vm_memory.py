# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_memory
short_description: Set the memory of a Hyper-V VM
version_added: 0.1.0
description:
  - Sets startup, dynamic, minimum and maximum memory, buffer and priority of a VM, and nothing that wasn't asked for.
  - Checks the memory that would result before anything is written. The minimum must not exceed the startup memory, nor
    the startup memory the maximum, and each must be a multiple of 2 MB.
  - Knows what a running VM allows. With dynamic memory the minimum may go down and the maximum up, with static memory
    the startup memory may change; all else needs the VM off.
  - While Hyper-V runs inside a VM, its memory can be changed only while it is off. So a running VM that has
    virtualization extensions is taken for one in which Hyper-V runs, see O(hypervisor_in_guest).
options:
  dynamic:
    description:
      - Whether the host may give and take memory while the VM runs. Needs the VM off to change.
      - Turning it on turns the virtual NUMA topology of the VM off, since a VM has the one or the other.
    type: bool
  startup:
    description:
      - Memory that the VM starts with, and all of it where memory is static.
      - A number with C(MB), C(GB) or C(TB) (powers of 1024), or a number of bytes.
    type: str
  minimum:
    description: Least memory that dynamic memory leaves to the VM. Written like O(startup).
    type: str
  maximum:
    description: Most memory that dynamic memory gives to the VM. Written like O(startup).
    type: str
  buffer:
    description: Percentage of the guest's demand that dynamic memory keeps in reserve for it, from 5 to 2000.
    type: int
  priority:
    description: Which VM gets memory first where the host runs short, from 0 (last) to 100 (first).
    type: int
  hypervisor_in_guest:
    description:
      - Whether to take it that Hyper-V runs inside the VM while the VM runs. The host can't see it.
      - V(auto) takes it of every running VM to which virtualization extensions are exposed.
      - V(assume) takes it of every running VM.
      - V(ignore) tries the change on the running VM. The host refuses it where Hyper-V does run inside.
    type: str
    choices: [auto, assume, ignore]
    default: auto
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm_nesting
  - name: What is nested virtualization?
    description: Microsoft's rules, the one on memory among them.
    link: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Give a VM static memory, shutting it down and starting it again where that is needed
  nested.hyperv.vm_memory:
    name: web01
    dynamic: false
    startup: 8GB
    allow_power_cycle: true

- name: Let the memory of a VM that is off float between 1 and 16 GB
  nested.hyperv.vm_memory:
    name: lab01
    dynamic: true
    minimum: 1GB
    startup: 4GB
    maximum: 16GB
    buffer: 30

- name: Serve this VM first when memory runs short
  nested.hyperv.vm_memory:
    name: lab01
    priority: 80
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
memory:
  description:
    - The memory settings after the task, or as they would be in check mode. Sizes in bytes. The minimum and the maximum
      are null where memory is static.
  returned: success
  type: dict
  sample: {dynamic: true, startup: 4294967296, minimum: 1073741824, maximum: 17179869184, buffer: 20, priority: 50}
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
rule:
  description: Id of the support rule behind a refusal.
  returned: when a support rule was broken
  type: str
  sample: nested-memory-off
source:
  description: Where Microsoft states that rule.
  returned: when a support rule was broken
  type: str
  sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure
from ..module_utils._hyperv.schema import MEMORY
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import memory, power
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host
from ..module_utils._task.table import parse, shown

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.OPTIONS,
        **memory.OPTIONS,
        **power.OPTIONS,
        "hypervisor_in_guest": {"type": "str", "choices": ["auto", "assume", "ignore"], "default": "auto"},
    },
    **vm.ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    wanted = parse(memory.PROPERTIES, task.params)
    found = vm.find_by(host, task.params)
    instance = vm.setting(host, found, MEMORY)
    one = memory.plan(host, found, instance, wanted, task.params["hypervisor_in_guest"])
    result = ensure(host, task, [one], found)
    after = memory.described(shown(memory.PROPERTIES, instance, wanted))
    return {**result, "id": found.id, "name": found.name, "memory": after}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
