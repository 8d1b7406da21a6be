# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import top_level

_REBOOT = r"""
allow_reboot:
  description:
    - Whether the task may restart Windows if a change requires it. The task waits until Windows answers again and has
      finished the changes of its features.
    - With V(false), the task never restarts Windows. RV(reboot_required) is V(true) if a restart is required.
  type: bool
  default: false
reboot_timeout:
  description:
    - Number of seconds that a restart of Windows may take, until it answers again and has finished the changes of its
      features.
    - Corresponds to C(Restart-Computer -Timeout).
  type: int
  default: 900
"""


class ModuleDocFragment:
    # Properties of every module whose target is a Windows machine, usually the guest of a VM; associated with
    # plugins/action/host.py.
    DOCUMENTATION = r"""
requirements:
  - pywinrm (on the control node; the connection plugin C(winrm) requires it as well)
notes:
  - The target is Windows itself, usually the guest of a VM, as an inventory host of its own with the C(winrm) or
    C(psrp) connection. The user must be an administrator of it.
  - The module runs on the control node and sends WS-Management requests to the target, with the options of its
    connection. It runs native programs of Windows through a remote shell of the same protocol. It does not run
    PowerShell on the target and gathers no facts.
  - Outside a playbook, the environment variables E(NESTED_HYPERV_URL), E(NESTED_HYPERV_USER),
    E(NESTED_HYPERV_PASSWORD), E(NESTED_HYPERV_TRANSPORT) (default C(ntlm)), E(NESTED_HYPERV_CA) (path of a CA
    certificate) and E(NESTED_HYPERV_VALIDATE) (default C(true)) define the target.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Later tasks of a C(--check) run find the target as earlier tasks would have left it, also after a restart. A
        task with C(check_mode=true) in a real run predicts nothing for later tasks.
      - Check mode runs programs that only read. It cannot foresee whether a program fails.
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

    # Options of modules that may restart Windows; associated with module_utils._windows.reboot.OPTIONS.
    REBOOT: str = top_level(_REBOOT)
