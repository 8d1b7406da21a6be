# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_foreign_vms
short_description: Find VMs that have a name of a lab but do not belong to it
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Returns the VMs that have a name of the lab, but no disk in the place in which the lab creates the disk of this VM.
    The playbooks C(create_nested_lab) and C(create_training_lab) change and remove no such VM.
  - The disk of a lab with a folder of its own is C(<path>\<name>\<name>.vhdx) (or C(.vhd)).
  - A VM without disks can be a VM of the lab whose creation was interrupted. It is returned with its C(folder), which
    must exist if the lab has created the VM. It is not returned if its seed is in one of its DVD drives, if O(path)
    is on a share, or if only O(disk_folder) is set, because then the folder is not known.
options:
  _input:
    description: VMs in the format of RV(nested.hyperv.vm_info#module:vms), with the group V(disks).
    type: list
    elements: dict
    required: true
  names:
    description: Names of the VMs of the lab.
    type: list
    elements: str
    required: true
  path:
    description: Folder in which each VM of the lab has a folder of its own. Unknown if empty.
    type: str
    default: ''
  disk_folder:
    description: Folder in which the disks of all VMs of the lab are if O(path) is empty.
    type: str
    default: ''
  absent:
    description:
      - Whether the lab is removed. If O(path) is empty, a disk C(<name>\<name>.vhdx) in any folder is accepted then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the VMs
  nested.hyperv.vm_info:
    include: disks
  register: hyperv

- name: Require that the names of the lab are free
  ansible.builtin.assert:
    that: hyperv.vms | nested.hyperv.lab_foreign_vms(['student01', 'student02'], path='D:\\Training') | length == 0
"""

RETURN = r"""
_value:
  description: VMs that do not belong to the lab, or may not belong to it, in the order of the input.
  type: list
  elements: dict
  sample:
    - name: student02
      disks: ['D:\hand.vhdx']
      folder: 'D:\Training\student02'
      summary: 'student02 (D:\hand.vhdx)'
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils import _lab


def lab_foreign_vms(
    vms: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    path: str = "",
    disk_folder: str = "",
    absent: bool = False,
) -> list[dict[str, Any]]:
    """The VMs that have a name of the lab, but not its disk."""
    if not all(isinstance(vm, Mapping) and "disks" in vm for vm in vms):
        raise AnsibleFilterError("lab_foreign_vms requires the VMs that nested.hyperv.vm_info returns with disks")
    return _lab.foreign_vms(vms, names, path, disk_folder, absent)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lab_foreign_vms": lab_foreign_vms}
