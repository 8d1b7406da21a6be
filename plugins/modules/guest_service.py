# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_service
short_description: Start, stop and configure services of Windows
version_added: 1.0.0
description:
  - Starts or stops an existing service of Windows and waits until it has done so, and sets its start mode.
  - Does not create or delete services.
options:
  name:
    description:
      - Name of the service, such as C(vmcompute), compared without case. Display names are translated and not accepted.
      - Corresponds to C(Set-Service -Name).
    type: str
    required: true
  state:
    description:
      - Whether the service runs. V(restarted) stops and starts it in every run. A service that other running services
        depend on is not stopped.
      - The state is not changed if the option is omitted. Corresponds to C(Set-Service -Status) and
        C(Restart-Service).
    type: str
    choices: [started, stopped, restarted]
  start_mode:
    description:
      - Whether the service starts together with Windows (V(auto)), on request (V(manual)) or never (V(disabled)). It is
        set before the service is started.
      - The start mode is not changed if the option is omitted. Corresponds to C(Set-Service -StartupType).
    type: str
    choices: [auto, manual, disabled]
  service_timeout:
    description: Number of seconds that the service may take to start, and to stop.
    type: int
    default: 300
extends_documentation_fragment:
  - nested.hyperv._guest
seealso:
  - module: nested.hyperv.guest_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Stop a service, and do not start it together with Windows
  nested.hyperv.guest_service:
    name: Spooler
    state: stopped
    start_mode: disabled

- name: Start a service, now and with Windows
  nested.hyperv.guest_service:
    name: Spooler
    state: started
    start_mode: auto
"""

RETURN = r"""
service:
  description: The service after the task, or predicted in check mode.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the service as Windows writes it.
      type: str
      sample: Spooler
    state:
      description:
        - State of the service, C(running), C(stopped), C(paused), or C(start_pending) and similar words for a
          transition.
      type: str
      sample: running
    start_mode:
      description: Start mode of the service, C(auto), C(manual) or C(disabled), C(boot) or C(system) for drivers.
      type: str
      sample: auto
    path:
      description: Command line of the service.
      type: str
      sample: C:\Windows\System32\spoolsv.exe
    account:
      description: Account of the service.
      type: str
      sample: LocalSystem
exit_code:
  description: Exit code of the service.
  returned: when the service stopped again after its start
  type: int
  sample: 1067
return_value:
  description: Code with which Windows refused the request.
  returned: when Windows refused the request
  type: int
  sample: 2
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [set start_mode of the service 'Spooler']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [start the service 'Spooler']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import service

SPEC: dict[str, Any] = {"argument_spec": service.OPTIONS, "supports_check_mode": True}


def run(target: Target, task: Task) -> dict[str, Any]:
    current = service.need(target, task.params["name"])
    steps = service.plan(target, current, task.params)

    def outcome() -> dict[str, Any]:
        return {"service": service.need(target, current["name"]) if steps else current}

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
