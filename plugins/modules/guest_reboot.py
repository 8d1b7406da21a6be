# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_reboot
short_description: Restart Windows and wait until it is ready
version_added: 1.0.0
description:
  - Restarts Windows, and waits until it has started again, answers WS-Management requests, and has finished the changes
    of its features.
  - A restart that has begun already counts. A shutdown or restart that is scheduled for later is replaced.
options:
  only_if_required:
    description:
      - Whether to restart Windows only if it waits for a restart. RV(reasons) returns the reasons.
    type: bool
    default: false
  reboot_timeout:
    description:
      - Number of seconds that the restart may take, until Windows answers again and has finished the changes of its
        features.
      - If Windows does not answer in time, the task fails and reports the last answer or error. Corresponds to
        C(Restart-Computer -Timeout).
    type: int
    default: 900
extends_documentation_fragment:
  - nested.hyperv._guest
notes:
  - Programs are closed without saving, as with C(shutdown.exe /f).
  - Check mode restarts nothing. Later tasks of a C(--check) run find Windows as after the restart.
seealso:
  - module: nested.hyperv.guest_feature
  - module: nested.hyperv.guest_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Restart Windows, and wait for at most 20 minutes
  nested.hyperv.guest_reboot:
    only_if_required: false
    reboot_timeout: 1200

- name: Restart Windows if features or updates require it
  nested.hyperv.guest_reboot:
    only_if_required: true
"""

RETURN = r"""
rebooted:
  description: Whether the task restarted Windows. Always C(false) in check mode.
  returned: success, or when the task fails on its way
  type: bool
  sample: true
booted:
  description: Time of the last start of Windows after the task, in UTC. In check mode, the present one.
  returned: success
  type: str
  sample: "2026-11-20T06:12:44+00:00"
reasons:
  description:
    - Reasons for which Windows required a restart before the task. C(component_servicing) are changes of features or
      updates, C(servicing_in_progress) and C(packages) parts of them, C(windows_update) updates, C(file_renames) files
      that are replaced at the start, and C(computer_name) a new name of the computer.
  returned: success
  type: list
  elements: str
  sample: [component_servicing]
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: false
last_seen:
  description: The last answer of Windows before the time-out, in words.
  returned: when Windows does not start again in time
  type: str
  sample: "it answered last 4 s after the request, and now: hv01: connection refused"
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [restart guest01]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan, Step
from ..module_utils._windows import pending, reboot

SPEC: dict[str, Any] = {
    "argument_spec": {
        "only_if_required": {"type": "bool", "default": False},
        "reboot_timeout": reboot.OPTIONS["reboot_timeout"],
    },
    "supports_check_mode": True,
}


def run(target: Target, task: Task) -> dict[str, Any]:
    timeout = task.params["reboot_timeout"]
    reasons, boot = pending.every_reason(target), reboot.fetch_boot(target)
    steps = []
    if reasons or not task.params["only_if_required"]:
        before, after = {"booted": boot.text}, {"booted": "after the restart"}
        steps = [Step(f"restart {target.name}", before, after, lambda: reboot.restart(target, timeout))]

    def outcome() -> dict[str, Any]:
        now, required = (reboot.fetch_boot(target), pending.every_reason(target)) if steps else (boot, reasons)
        return {"booted": now.text, "reboot_required": bool(required)}

    result = ensure(Plan(steps, outcome=outcome), task.check_mode)
    return {**result, "reasons": reasons, "rebooted": result["changed"] and not task.check_mode}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
