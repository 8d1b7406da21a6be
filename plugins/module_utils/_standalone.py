# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module on its own, outside the action plugin: the host comes from NESTED_HYPERV_* environment variables."""

from __future__ import annotations

import os
from collections.abc import Container

from ansible.module_utils.basic import AnsibleModule

from ._run import Run, connection_of, run_module
from ._task.session import Task
from ._wsman.faults import HostError


def run_alone(module: AnsibleModule, run: Run, may_be_empty: Container[str] = ()) -> None:
    """Run and exit as Ansible modules do."""
    try:
        name, options = connection_of(os.environ)
    except HostError as error:
        module.fail_json(msg=error.message)
    task = Task(module.params, module.check_mode)
    result = run_module(run, name, options, task, report=module.debug, warn=module.warn, may_be_empty=may_be_empty)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
