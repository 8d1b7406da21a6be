# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_disk
short_description: Make, grow, attach and detach virtual disks
version_added: 0.1.0
description:
  - Makes a virtual disk file on the host, lets it grow, and attaches it to a VM, each where that isn't done yet.
  - What a disk is for is checked before anything is written. A disk that another VM has, that something else has open,
    or whose parent is missing or has changed isn't attached, and a disk that others stand on doesn't grow.
  - Never makes a disk smaller or anew, and deletes a file only where O(delete_file) asks for it.
  - With neither O(vm) nor O(vm_id) it looks after the file alone.
options:
  path:
    description:
      - Full path of the disk file on the host, ending in C(.vhdx) or C(.vhd). Compared without case. Its folder must be
        there.
      - A disk that a VM runs on through checkpoints is found by the path of its first file.
    type: str
    required: true
  state:
    description:
      - V(present) makes the file where it is missing, and attaches it.
      - V(absent) detaches the disk, and deletes its file where O(delete_file) says so.
    type: str
    choices: [present, absent]
    default: present
  size:
    description:
      - Size that the guest sees. A number with C(MB), C(GB) or C(TB) (powers of 1024), or a number of bytes.
      - Needed to make a disk, other than a differencing one, which takes the size of its parent. A smaller disk grows
        to it, also while its VM runs, unless it is a C(.vhd) or on an IDE controller. A larger one is an error, since
        making it smaller can lose data.
      - A disk doesn't grow while checkpoints or other disks stand on it.
    type: str
  type:
    description:
      - V(dynamic) files grow with what is written, V(fixed) ones have their full size at once, V(differencing) ones
        hold what differs from O(parent).
      - A new disk is dynamic where it isn't given, or differencing where it has a parent. An existing disk of another
        type is an error.
    type: str
    choices: [fixed, dynamic, differencing]
  parent:
    description:
      - Path of the disk that a differencing disk is a child of. It must never change once it has children, so one that
        is attached to a VM is an error.
    type: str
  block_size:
    description:
      - Block size of a new dynamic or differencing disk, written like O(size), a power of two from C(1MB) to C(256MB)
        for VHDX. The host chooses otherwise.
    type: str
  controller_type:
    description:
      - Type of controller to attach the disk to. VMs of generation 2 have C(scsi) only. Disks on an IDE controller
        need the VM off to come or go.
      - A new disk goes to C(ide) on a generation 1 VM with a free place there, to C(scsi) otherwise.
    type: str
    choices: [scsi, ide]
  controller_number:
    description:
      - Number of the controller, counted from 0. The next SCSI controller is added where it is missing, which needs the
        VM off.
      - The first one with a free place where it isn't given.
    type: int
  controller_location:
    description:
      - Location on the controller, from 0 to 63 on SCSI and 0 to 1 on IDE. A place that holds something else is an
        error.
      - The first free one where it isn't given. A disk that is attached already stays where it is.
      - Moving a disk from one place to another needs the VM off.
    type: int
  delete_file:
    description:
      - With O(state=absent), delete the file as well. What is on the disk is lost.
      - A disk that another VM or a checkpoint uses, itself or as a parent, is an error.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.vm_dvd_drive
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Give a VM a data disk
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\data.vhdx
    size: 100GB

- name: Attach another disk at a place of its own
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\logs.vhdx
    size: 20GB
    type: fixed
    controller_type: scsi
    controller_number: 0
    controller_location: 10

- name: Make a disk that a later task attaches
  nested.hyperv.vm_disk:
    path: C:\VMs\spare.vhdx
    size: 40GB

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
  sample: [make the virtual disk 'C:\VMs\lab01\data.vhdx']
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Step, Task, ensure
from ..module_utils._hyperv.storage import drive
from ..module_utils._hyperv.storage import layout as storage
from ..module_utils._hyperv.storage.disk_file import Wanted
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import power
from ..module_utils._hyperv.vm import settings as configuration
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.PART_OPTIONS,
        **drive.DISK_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "delete_file": {"type": "bool", "default": False},
        **power.OPTIONS,
    },
    "mutually_exclusive": [("vm", "vm_id")],
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    params = task.params
    wanted = drive.parse_disk(params)  # what can't be is refused before anything is read
    found = vm.find_whole(host, params) if params["vm"] or params["vm_id"] else None
    present = params["state"] == "present"
    steps = _present(host, found, wanted, params) if present else _absent(host, found, wanted, params)
    made = {"would_make": drive.would_make(host, wanted.path)} if present and task.check_mode else {}
    return {**ensure(host, task, steps, found), **made, "path": wanted.path}


def _present(host: Host, found: vm.VM | None, wanted: Wanted, params: Mapping[str, Any]) -> list[Step]:
    if found is None:
        return drive.plan_file(host, wanted)
    generation = configuration.generation(configuration.read(host, found))
    return drive.plan_disk(host, found, generation, storage.read(host, found), params)


def _absent(host: Host, found: vm.VM | None, wanted: Wanted, params: Mapping[str, Any]) -> list[Step]:
    steps = drive.plan_detach(host, found, storage.read(host, found), wanted.path) if found else []
    if params["delete_file"]:
        steps += drive.plan_delete(host, wanted.path, found if steps else None)
    return steps


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
