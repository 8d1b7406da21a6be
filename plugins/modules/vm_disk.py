# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_disk
short_description: Create, expand, attach and detach virtual hard disks
version_added: 1.0.0
description:
  - Creates a virtual hard disk file on the host, empty or as a copy of another disk, expands it and attaches it to a
    VM, as far as each step is required.
  - If both O(vm) and O(vm_id) are omitted, the module manages the file only.
  - The disk is checked before any change. A disk is not attached if it is attached to another VM, if another program
    has it open, or if its parent is missing or was changed. A disk with child disks or checkpoints cannot be expanded.
  - Never shrinks or recreates a disk. A file is deleted only with O(delete_file=true).
options:
  state:
    description:
      - V(present) creates the file if it does not exist and attaches it. Corresponds to C(New-VHD) and
        C(Add-VMHardDiskDrive).
      - V(absent) detaches the disk and, with O(delete_file=true), deletes its file. Corresponds to
        C(Remove-VMHardDiskDrive).
      - V(compacted) releases the unused blocks of an existing dynamic or differencing disk. The disk is compacted at
        every run, because the host does not report how many blocks are unused. The VM that uses the disk must be off. A
        disk with child disks or checkpoints is an error. Corresponds to C(Optimize-VHD -Path).
    type: str
    choices: [present, absent, compacted]
    default: present
  delete_file:
    description:
      - With O(state=absent), whether to delete the file. All data on the disk is lost.
      - A disk that another VM or a checkpoint uses, directly or as a parent, is an error. A read-only file is an error.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
  - nested.hyperv._drive.disk
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_dvd_drive
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Create a data disk and attach it to a VM
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\data.vhdx
    size: 100GB

- name: Attach a fixed disk at a given controller location
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\logs.vhdx
    size: 20GB
    type: fixed
    controller_type: scsi
    controller_number: 0
    controller_location: 10

- name: Create a disk without attaching it
  nested.hyperv.vm_disk:
    path: C:\VMs\spare.vhdx
    size: 40GB

- name: Create a VM's disk as a copy of an image that is larger than the image
  nested.hyperv.vm_disk:
    path: C:\VMs\copy.vhdx
    source: C:\Images\server2025.vhdx
    size: 80GB

- name: Convert a dynamic disk to a fixed disk, in a new file
  nested.hyperv.vm_disk:
    path: C:\VMs\fixed.vhdx
    source: C:\Images\server2025.vhdx
    type: fixed

- name: Detach a disk and delete its file
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\logs.vhdx
    state: absent
    delete_file: true
"""

RETURN = r"""
path:
  description: Path of the disk file.
  returned: success
  type: str
  sample: C:\VMs\lab01\data.vhdx
created:
  description: Whether the task creates the file, false if it existed before.
  returned: success
  type: bool
  sample: true
drive:
  description: Drive of the VM that holds the disk after the task; null if no drive does, or without a VM.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the file that the VM uses, which is an C(.avhdx) file if the VM has checkpoints.
      type: str
      sample: C:\VMs\lab01\data.vhdx
    base:
      description: Path of the disk below the C(.avhdx) files of checkpoints.
      type: str
      sample: C:\VMs\lab01\data.vhdx
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
  sample: ['create the virtual hard disk ''C:\VMs\lab01\data.vhdx''']
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
from ..module_utils._hyperv.storage import disk_file, drive
from ..module_utils._hyperv.storage.drive import WantedDisk
from ..module_utils._hyperv.vm import find, power
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan, Step

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        **drive.DISK_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent", "compacted"], "default": "present"},
        "delete_file": {"type": "bool", "default": False},
        **power.OPTIONS,
        **jobs.OPTIONS,
    },
    "mutually_exclusive": [("vm", "vm_id")],
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    params = task.params
    wanted = drive.parse_disk(params)
    path = wanted.file.path
    vm = find.fetch_of_part(host, params) if params["vm"] or params["vm_id"] else None
    parts = Parts(host, vm) if vm else None
    if params["state"] == "compacted":
        steps = _compacted(host, parts, wanted)
    elif params["state"] == "present":
        steps = _present(host, parts, wanted)
    else:
        steps = _absent(host, parts, wanted, params["delete_file"])
    created = params["state"] == "present" and disk_file.fetch_known(host, path) is None
    result = ensure(Plan(steps), task.check_mode, power.VmCycle(host, vm, power.Permission.of(params)))
    held = drive.fetch_holder(host, parts.planned_layout, path) if parts else None
    return {**result, "path": path, "created": created, "drive": drive.describe(host, held) if held else None}


def _present(host: Target, parts: Parts | None, wanted: WantedDisk) -> list[Step]:
    return drive.plan_disk(parts, wanted) if parts else drive.plan_file(host, wanted.file)


def _compacted(host: Target, parts: Parts | None, wanted: WantedDisk) -> list[Step]:
    held = drive.fetch_holder(host, parts.planned_layout, wanted.file.path) if parts else None
    return drive.plan_compact(host, wanted.file.path, held, parts.vm if parts else None)


def _absent(host: Target, parts: Parts | None, wanted: WantedDisk, delete_file: bool) -> list[Step]:
    steps = drive.plan_detach(parts, wanted) if parts else []
    leaving = parts.vm if parts and steps else None
    return [*steps, *(drive.plan_delete(host, wanted.file.path, leaving) if delete_file else ())]


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
