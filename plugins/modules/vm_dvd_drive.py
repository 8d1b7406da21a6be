# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_dvd_drive
short_description: Put images into DVD drives of a VM
version_added: 0.1.0
description:
  - Adds and removes DVD drives of a VM, and puts ISO images in and takes them out, also while the VM runs. Images are
    never changed or deleted.
options:
  path:
    description:
      - Full path of the ISO image on the host, compared without case. An empty string takes the medium out. An image
        that isn't there is an error.
      - The medium is left as it is where it isn't given. A new drive is empty then.
    type: str
  state:
    description: Whether the drive should be there. A drive goes with the image in it.
    type: str
    choices: [present, absent]
    default: present
  controller_type:
    description: Type of the drive's controller. VMs of generation 2 have C(scsi) only. C(ide) needs the VM off.
    type: str
    choices: [scsi, ide]
  controller_number:
    description: Number of the drive's controller, counted from 0. A missing SCSI controller is added.
    type: int
  controller_location:
    description:
      - Location on the controller, from 0 to 63 on SCSI and 0 to 1 on IDE.
      - Where neither type, number nor location is given, the first DVD drive of the VM is meant, or a new one at the
        first free place where it has none.
    type: int
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_disk
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Put an installation image in
  nested.hyperv.vm_dvd_drive:
    vm: lab01
    path: C:\ISO\server.iso

- name: Take the medium out
  nested.hyperv.vm_dvd_drive:
    vm: web01
    path: ""
"""

RETURN = r"""
id:
  description: Id of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
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
  sample: [add SCSI controller 1 to VM 'lab01']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure
from ..module_utils._hyperv.storage import drive
from ..module_utils._hyperv.storage import layout as storage
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import power
from ..module_utils._hyperv.vm import settings as configuration
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.PART_OPTIONS,
        **drive.DVD_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **power.OPTIONS,
    },
    **vm.PART_ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    drive.parse_dvd(task.params)  # what can't be is refused before anything is read
    found = vm.find_whole(host, task.params)
    layout = storage.read(host, found)
    if task.params["state"] == "absent":
        steps = drive.plan_dvd_removal(host, found, layout, task.params)
    else:
        generation = configuration.generation(configuration.read(host, found))
        steps = drive.plan_dvd(host, found, generation, layout, task.params)
    return {**ensure(host, task, steps, found), "id": found.id}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
