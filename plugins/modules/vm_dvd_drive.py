# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_dvd_drive
short_description: Manage the virtual DVD drives of a VM
version_added: 1.0.0
description:
  - Adds and removes a DVD drive of a VM, and inserts and removes ISO images. Images are not changed or deleted.
  - The options for the controller and O(path) identify the drive. If no DVD drive matches them, a drive is added at the
    first free location that they allow. If several match, the task fails with a list of them.
options:
  state:
    description:
      - Whether the VM has the drive.
      - With V(absent) and O(path), only the drive that holds this image is removed.
      - Corresponds to C(Add-VMDvdDrive) and C(Remove-VMDvdDrive).
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
  - nested.hyperv._drive.dvd_drive
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_disk
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Insert an installation image
  nested.hyperv.vm_dvd_drive:
    vm: lab01
    path: C:\ISO\server.iso

- name: Remove the drive that holds an image
  nested.hyperv.vm_dvd_drive:
    vm: lab01
    path: C:\ISO\server.iso
    state: absent

- name: Remove the image from the drive
  nested.hyperv.vm_dvd_drive:
    vm: web01
    path: ""
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
drive:
  description: The DVD drive after the task, null if it was removed or did not exist.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the image in the drive, null if the drive is empty.
      type: str
      sample: C:\ISO\server.iso
    controller_type:
      description: Type of the controller, C(scsi) or C(ide).
      type: str
      sample: scsi
    controller_number:
      description: Number of the controller, counted from 0.
      type: int
      sample: 0
    controller_location:
      description: Location on the controller.
      type: int
      sample: 1
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
  sample: [add SCSI controller 1 to VM 'lab01']
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
from ..module_utils._hyperv.storage import drive
from ..module_utils._hyperv.storage.drive import WantedDvd
from ..module_utils._hyperv.vm import find, power
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        **drive.DVD_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **power.OPTIONS,
        **jobs.OPTIONS,
    },
    **find.PART_ONE,
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("path",)


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = drive.parse_dvd(task.params)
    vm = find.fetch_of_part(host, task.params)
    plan = drive.plan_dvd_removal if task.params["state"] == "absent" else drive.plan_dvd
    parts = Parts(host, vm)
    steps = plan(parts, wanted)
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(task.params)))
    return {**result, "id": vm.id, "drive": _drive(parts, wanted, task.params["state"])}


def _drive(parts: Parts, wanted: WantedDvd, state: str) -> dict[str, Any] | None:
    """The drive that the task was about, as it is after the task."""
    held = drive.choose_dvd(parts.vm, parts.planned_layout, wanted) if state == "present" else None
    return drive.describe(parts.host, held) if held else None


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
