# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Properties of every module of this collection; associated with plugins/action/host.py
    # and module_utils._hyperv.jobs.OPTIONS.
    DOCUMENTATION = r"""
options:
  job_timeout:
    description:
      - Number of seconds that each job of the host may take, such as starting a VM, creating a disk or merging a
        checkpoint. If a job takes longer, the task fails and names the job. The host continues the job.
      - The cmdlets of Hyper-V wait without a limit.
    type: int
    default: 1800
requirements:
  - pywinrm (on the control node; the connection plugin C(winrm) requires it as well)
notes:
  - The module runs on the control node and sends WS-Management requests to the Hyper-V host of the task, with the
    options of its C(winrm) or C(psrp) connection. It does not run PowerShell on the host and gathers no facts.
  - The progress of long steps is displayed while the task runs. With C(no_log=true), the module displays neither
    progress nor warnings. From ansible-core 2.19 on, Ansible displays the message of a failure even then.
  - Outside a playbook, the environment variables E(NESTED_HYPERV_URL), E(NESTED_HYPERV_USER),
    E(NESTED_HYPERV_PASSWORD), E(NESTED_HYPERV_TRANSPORT) (default C(ntlm)), E(NESTED_HYPERV_CA) (path of a CA
    certificate) and E(NESTED_HYPERV_VALIDATE) (default C(true)) define the host.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Later tasks of a C(--check) run find the host as earlier tasks would have left it. IDs of objects that do not
        exist yet are not returned, and results that include predictions of earlier tasks have a warning if the task
        only returns facts. A task with C(check_mode=true) in a real run predicts nothing for later tasks.
      - Check mode cannot foresee whether a guest shuts down, boots or reports addresses, whether other VMs use the
        memory that a VM needs to start, dynamic MAC addresses, and the progress of the host in merging disks of
        deleted checkpoints.
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    platforms: windows
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  action_group:
    description: Use C(group/nested.hyperv.all) in C(module_defaults) to set defaults for every module.
    support: full
    membership:
      - nested.hyperv.all
"""

    # Modules that only return information.
    INFO = r"""
attributes:
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)), when in diff mode.
    support: none
    details: This module changes nothing.
"""
