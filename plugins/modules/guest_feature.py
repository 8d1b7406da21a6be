# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_feature
short_description: Manage optional features of Windows
version_added: 1.0.0
description:
  - Enables or disables optional features of Windows, such as those for WSL, containers and Hyper-V, all of them in one
    run of C(dism.exe).
  - A feature that is enabled when Windows restarts counts as enabled, see RV(reboot_required). If other changes of
    features or updates wait for a restart, Windows changes no features. The task is refused in this case, unless
    O(allow_reboot) permits to restart Windows first.
options:
  name:
    description:
      - Names of the features, compared without case. They are not translated, and differ in part between Windows
        Server and Windows 10 or 11. A name that Windows does not know is an error.
      - Corresponds to C(Enable-WindowsOptionalFeature -FeatureName) and C(Disable-WindowsOptionalFeature -FeatureName).
    type: list
    elements: str
    required: true
  state:
    description:
      - Whether the features are enabled. V(present) enables their parent features as well. V(absent) keeps the files of
        the features.
      - Corresponds to C(Enable-WindowsOptionalFeature -All) and C(Disable-WindowsOptionalFeature).
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Folder with the files of features that Windows has lost, as a path in Windows, such as C(D:\sources\sxs) of an
        installation medium. Windows Update is not used then.
      - Corresponds to C(Enable-WindowsOptionalFeature -Source) together with
        C(Enable-WindowsOptionalFeature -LimitAccess).
    type: str
  feature_timeout:
    description:
      - Number of seconds that the change may take, including the time to wait for other programs that change Windows.
        Windows may continue a change that takes longer.
    type: int
    default: 1800
extends_documentation_fragment:
  - nested.hyperv._guest
  - nested.hyperv._guest.reboot
notes:
  - In check mode, RV(reboot_required) is V(true) if Windows states that the change of a feature may require a restart.
  - With O(allow_reboot), Windows restarts up to two times, first if other changes wait for it, and after the change.
seealso:
  - module: nested.hyperv.guest_reboot
  - module: nested.hyperv.guest_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Enable the features for WSL 2, and restart Windows later
  nested.hyperv.guest_feature:
    name: [Microsoft-Windows-Subsystem-Linux, VirtualMachinePlatform]

- name: Enable the features for isolated containers, and restart Windows if required
  nested.hyperv.guest_feature:
    name: [Containers, Microsoft-Hyper-V]
    allow_reboot: true

- name: Disable the feature for WSL 1
  nested.hyperv.guest_feature:
    name: [Microsoft-Windows-Subsystem-Linux]
    state: absent
    allow_reboot: true
"""

RETURN = r"""
features:
  description: The named features after the task, or predicted in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the feature as Windows writes it.
      type: str
      sample: VirtualMachinePlatform
    state:
      description:
        - State of the feature, C(enabled), C(disabled), C(absent) (disabled and without files), C(staged) or
          C(partial), and C(enable_pending) or C(disable_pending) before a restart.
      type: str
      sample: enable_pending
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: true
rebooted:
  description: Whether the task restarted Windows. Always C(false) in check mode.
  returned: success, or when the task fails on its way
  type: bool
  sample: false
program:
  description: The program that failed.
  returned: when a program failed
  type: str
  sample: dism.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 740
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: Elevated permissions are required to run DISM.
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [enable feature Containers]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [enable feature Containers]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import feature, pending, reboot

SPEC: dict[str, Any] = {
    "argument_spec": {**feature.OPTIONS, **reboot.OPTIONS},
    "supports_check_mode": True,
}


def run(target: Target, task: Task) -> dict[str, Any]:
    params, state = task.params, task.params["state"]
    current = feature.fetch_named(target, params["name"])
    steps = feature.plan(target, current, state, params["source"], params["feature_timeout"])
    if params["allow_reboot"]:
        steps += feature.plan_restart(current, state)
    first = bool(steps) and pending.is_servicing(target)
    cycle = reboot.RebootCycle.of(
        target, params, lambda: feature.is_waiting(feature.fetch_named(target, current)), first
    )

    def outcome() -> dict[str, Any]:
        after = feature.check_kept(target, feature.fetch_named(target, current), state) if steps else current
        return {"features": feature.rows(after), "reboot_required": feature.is_waiting(after)}

    return ensure(Plan(steps, outcome=outcome), task.check_mode, cycle)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
