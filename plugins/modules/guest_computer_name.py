# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_computer_name
short_description: Rename Windows
version_added: 1.0.0
description:
  - Sets the computer name of Windows, which Windows gets when it restarts.
  - A computer that belongs to a domain is not renamed, because this requires credentials of the domain.
options:
  name:
    description:
      - Computer name, compared without case, of up to 15 letters, digits and hyphens, as NetBIOS and Active Directory
        require it. Corresponds to C(Rename-Computer -NewName).
    type: str
    required: true
extends_documentation_fragment:
  - nested.hyperv._guest
  - nested.hyperv._guest.reboot
seealso:
  - module: nested.hyperv.guest_network
  - module: nested.hyperv.guest_reboot
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Rename Windows, and restart it
  nested.hyperv.guest_computer_name:
    name: node1
    allow_reboot: true
"""

RETURN = r"""
name:
  description: Active computer name after the task, or predicted in check mode.
  returned: success
  type: str
  sample: NODE1
next_name:
  description: Computer name that Windows has after its next start.
  returned: success
  type: str
  sample: NODE1
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: false
rebooted:
  description: Whether the task restarted Windows. Always C(false) in check mode.
  returned: success, or when the task fails on its way
  type: bool
  sample: true
method:
  description: CIM method that Windows refused.
  returned: when Windows refused the request
  type: str
  sample: Rename
return_value:
  description: Code with which Windows refused the request.
  returned: when Windows refused the request
  type: int
  sample: 5
program:
  description: The program that failed.
  returned: when a program failed
  type: str
  sample: shutdown.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 5
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: Access is denied.(5)
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ["rename the computer 'WIN-1' to 'node1'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["rename the computer 'WIN-1' to 'node1'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import computer_name, reboot

SPEC: dict[str, Any] = {"argument_spec": {**computer_name.OPTIONS, **reboot.OPTIONS}, "supports_check_mode": True}


def run(target: Target, task: Task) -> dict[str, Any]:
    params, name = task.params, computer_name.check(task.params["name"])
    current = computer_name.fetch(target)
    steps = computer_name.plan(target, current, name)
    if params["allow_reboot"]:
        steps += computer_name.plan_restart(current, name)
    cycle = reboot.RebootCycle.of(target, params, lambda: _is_waiting(computer_name.fetch(target)), first=False)

    def outcome() -> dict[str, Any]:
        after = computer_name.fetch(target) if steps else current
        return {"name": after["active"], "next_name": after["next"], "reboot_required": _is_waiting(after)}

    return ensure(Plan(steps, outcome=outcome), task.check_mode, cycle)


def _is_waiting(names: dict[str, str]) -> bool:
    return names["active"].lower() != names["next"].lower()


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
