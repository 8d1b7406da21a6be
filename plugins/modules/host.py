# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Configure the Hyper-V settings of a host
version_added: 1.0.0
description:
  - Configures default folders, the range of dynamic MAC addresses, NUMA spanning and enhanced session mode of a Hyper-V
    host. Options that are omitted are not changed.
  - The module M(nested.hyperv.host_info) returns the settings under the same names.
options:
  vm_path:
    description:
      - Default folder for the configuration, the checkpoints and the saved state of new VMs, as a full path on the host
        or on a share. Hyper-V creates the folder C(Virtual Machines) in it. Existing VMs are not moved.
      - Used for new VMs without a path, such as those of O(nested.hyperv.vm#module:path).
      - Corresponds to C(Set-VMHost -VirtualMachinePath).
    type: str
  disk_path:
    description:
      - Default folder for virtual hard disks, as a full path on the host or on a share. Existing disks are not moved.
      - Hyper-V Manager and Windows Admin Center suggest it for new disks. Hyper-V itself and the modules of this
        collection do not use it.
      - Corresponds to C(Set-VMHost -VirtualHardDiskPath).
    type: str
  mac_range:
    description:
      - First and last MAC address of the range from which the host assigns dynamic addresses, as a list of two
        addresses. The ranges of hosts in one network should not overlap.
      - Network adapters keep the addresses that they have.
      - Corresponds to C(Set-VMHost -MacAddressMinimum) and C(Set-VMHost -MacAddressMaximum).
    type: list
    elements: str
  numa_spanning:
    description:
      - Whether a VM can use the memory of more than one NUMA node of the host. With V(false), a VM does not start if
        the memory that it requires is not available on its nodes.
      - Takes effect when the service C(vmms) (Hyper-V Virtual Machine Management) or the host is restarted, which the
        module does not do. Microsoft advises to shut down all VMs of the host before the change.
      - Corresponds to C(Set-VMHost -NumaSpanningEnabled).
    type: bool
  enhanced_session_mode:
    description:
      - Whether users can connect to VMs in enhanced session mode, which redirects the clipboard, drives and other
        devices of the client. The guest must support it.
      - Defaults to V(true) on Windows 10 and 11, and to V(false) on Windows Server. Corresponds to
        C(Set-VMHost -EnableEnhancedSessionMode).
    type: bool
extends_documentation_fragment:
  - nested.hyperv._module
seealso:
  - module: nested.hyperv.host_info
  - name: Set-VMHost
    description: Reference of the cmdlet that sets the same.
    link: https://learn.microsoft.com/powershell/module/hyper-v/set-vmhost
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Configure the default folders of a host
  nested.hyperv.host:
    vm_path: D:\Hyper-V
    disk_path: D:\Hyper-V\Virtual Hard Disks

- name: Assign MAC addresses from a range that no other host has
  nested.hyperv.host:
    mac_range:
      - 00:15:5D:0A:01:00
      - 00:15:5D:0A:01:FF

- name: Disable NUMA spanning and allow enhanced sessions
  nested.hyperv.host:
    numa_spanning: false
    enhanced_session_mode: true
"""

RETURN = r"""
hyperv:
  description: Settings of Hyper-V after the task, or predicted settings in check mode.
  returned: success
  type: dict
  sample:
    vm_path: D:\Hyper-V
    disk_path: D:\Hyper-V\Virtual Hard Disks
    mac_range: ["00:15:5D:0A:01:00", "00:15:5D:0A:01:FF"]
    numa_spanning: false
    enhanced_session_mode: true
vmms_restart_required:
  description:
    - Whether the task changed a setting that takes effect when the service C(vmms) or the host is restarted. Earlier
      changes are not considered.
  returned: success
  type: bool
  sample: true
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [set numa_spanning of the host]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [set numa_spanning of the host]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.host import settings
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**settings.OPTIONS, **jobs.OPTIONS},
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = settings.parse(task.params)
    row = settings.fetch(host)
    changing = settings.differing(row, wanted)
    result = ensure(Plan(settings.plan(host, row, changing)), task.check_mode)
    after = {**settings.describe(row), **changing}
    return {**result, "hyperv": after, "vmms_restart_required": "numa_spanning" in changing}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
