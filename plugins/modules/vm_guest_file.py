# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_guest_file
short_description: Copy a file from a Hyper-V host into the guest of a VM
version_added: 1.0.0
description:
  - Copies a file of the host into the guest of a running VM through the guest services of Hyper-V. Requires no network
    and no credentials of the guest.
  - Copies single files in one direction. Folders, and files from the guest to the host, are not supported by the host.
  - The host cannot read files of the guest. If O(overwrite=false), the guest itself refuses a file that exists, and the
    task reports that nothing changed. The content of that file is not compared. If O(overwrite=true), the file is
    copied at every run.
  - In Linux, the file belongs to root and has mode 0744. The daemon C(hv_fcopy_daemon) (C(hv_fcopy_uio_daemon) since
    kernel 6.10) must run.
  - The transfer takes seconds per megabyte with some guests. For large files, use a DVD image or the network.
options:
  src:
    description:
      - Path of the file on the host. The management service of Hyper-V opens it, so a local path is required.
      - Corresponds to C(Copy-VMFile -SourcePath).
    type: str
    required: true
  dest:
    description:
      - Full path of the file in the guest, such as C(C:\Temp\app.zip) or C(/root/app.tar), of at most 260 characters.
        A Windows guest expands environment variables such as C(%TEMP%).
      - A folder that exists in a Windows guest, or a path with a slash at its end in Linux, receives a file with the
        name of the source.
      - Corresponds to C(Copy-VMFile -DestinationPath).
    type: str
    required: true
  overwrite:
    description:
      - Whether to replace a file that exists in the guest. Corresponds to C(Copy-VMFile -Force).
    type: bool
    default: false
  create_parents:
    description:
      - Whether to create missing folders of O(dest). With V(false), a missing folder is an error. Corresponds to
        C(Copy-VMFile -CreateFullPath).
    type: bool
    default: false
  enable_service:
    description:
      - Whether the task may enable the guest service interface of the VM, which is disabled by default. It stays
        enabled. With V(false), the task is refused if it is disabled.
      - The same as O(nested.hyperv.vm#module:integration_services.guest_service_interface). Corresponds to
        C(Enable-VMIntegrationService -Name).
    type: bool
    default: false
  service_timeout:
    description:
      - Number of seconds to wait until the guest services of the guest respond.
    type: int
    default: 60
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
notes:
  - In check mode, whether the file exists in the guest and whether the guest services respond cannot be foreseen.
seealso:
  - module: nested.hyperv.vm_guest_data
  - module: nested.hyperv.guest_file
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Copy an installer into a guest that has no network yet
  nested.hyperv.vm_guest_file:
    vm: web01
    src: C:\Files\agent.msi
    dest: C:\Windows\Temp\agent.msi
    enable_service: true

- name: Replace a configuration file in a Linux guest
  nested.hyperv.vm_guest_file:
    vm: db01
    src: C:\Files\netplan.yaml
    dest: /etc/netplan/60-lab.yaml
    overwrite: true
    create_parents: true
    enable_service: true
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
copied:
  description: Whether the file was copied, false if the guest has a file of this path. Predicted in check mode.
  returned: success
  type: bool
  sample: true
hresult:
  description: Number of the error of the guest or of Windows.
  returned: when the guest refuses the file
  type: str
  sample: "0x80070070"
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [turn integration service guest_service_interface of VM 'web01' on]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["copy 'C:\\Files\\agent.msi' to 'C:\\Windows\\Temp\\agent.msi' in the guest of VM 'web01'"]
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, guest_file
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**find.PART_OPTIONS, **guest_file.OPTIONS, **jobs.OPTIONS},
    **find.PART_ONE,
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = guest_file.parse(task.params)
    vm = find.fetch_of_part(host, task.params)
    guest_file.check_running(vm)
    guest_file.check_source(host, wanted.src)
    enabling = guest_file.plan_enabling(host, vm, task.params["enable_service"])
    copy = guest_file.plan_copy(host, vm, wanted, task.params["service_timeout"])

    def outcome() -> Mapping[str, Any]:
        """A file that the guest has already is no change."""
        copied = all(copy.done)
        if copied:
            return {"copied": True}
        kept = Plan(enabling)
        return {"copied": False, "changed": bool(enabling), "diff": kept.diff()}

    result = ensure(Plan([*enabling, copy.step], outcome=outcome), task.check_mode)
    return {**result, "id": vm.id}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
