# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_experiment
short_description: Perform experiments on a Hyper-V host that settle assumptions of the simulator
version_added: 1.0.0
description:
  - The simulator with which this collection is tested assumes how hosts behave wherever Microsoft's documentation does
    not describe it. C(tests/simulator/ASSUMPTIONS.md) lists these assumptions. This module performs an experiment for
    each assumption that can be settled safely, and returns whether it held, with the messages as evidence.
  - The experiments create VMs without an operating system, private virtual switches and small virtual disks, all with
    names that begin with O(prefix), start a VM with 256 MB of memory, and remove these objects in the end, also after a
    failure. They do not change other objects or settings of the host, and do not restart anything.
  - Two tasks that start on a host at the same moment with the same O(prefix) remove the objects of each other, so their
    results are not valid.
  - In the evidence, names of the host, domain, users and other objects, addresses and GUIDs are replaced.
  - The playbook C(nested.hyperv.verify_hosts) runs this module and writes a report.
options:
  mode:
    description:
      - V(find) returns the objects whose names begin with O(prefix), and changes nothing.
      - V(run) performs the experiments. The task is refused if objects with the prefix exist.
      - V(clean) removes the objects whose names begin with O(prefix), such as those that an interrupted run has left.
    type: str
    choices: [find, run, clean]
    default: find
  prefix:
    description:
      - Beginning of the names of all throw-away objects, 8 to 40 letters, digits and hyphens, a hyphen last.
    type: str
    default: nested-hyperv-verify-
  folder:
    description:
      - Existing folder for throw-away virtual disks, as a full path on the host. Defaults to the default folder of the
        host for virtual disks.
    type: str
  experiments:
    description:
      - Names of the assumptions to settle, such as V(HV-02). All are settled by default.
    type: list
    elements: str
extends_documentation_fragment:
  - nested.hyperv._module
attributes:
  check_mode:
    support: partial
    details: The result does not contain the results of the experiments.
  diff_mode:
    support: none
    details: Throw-away objects are in the result.
seealso:
  - module: nested.hyperv.host_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Look for objects of an earlier run
  nested.hyperv.host_experiment:
    mode: find

- name: Settle two assumptions about jobs
  nested.hyperv.host_experiment:
    mode: run
    experiments: [HV-01, HV-02]

- name: Remove the objects of an interrupted run
  nested.hyperv.host_experiment:
    mode: clean
"""

RETURN = r"""
folder:
  description: Folder of throw-away virtual disks on the host.
  returned: success
  type: str
  sample: C:\ProgramData\Microsoft\Windows\Virtual Hard Disks
found:
  description:
    - Objects whose names begin with O(prefix). With O(mode=clean), the objects that were removed.
  returned: success
  type: dict
  sample: {vms: [], switches: [], files: []}
host:
  description: Windows and WS-Management of the host, null unless O(mode=run).
  returned: success
  type: dict
  sample:
    os: Microsoft Windows Server 2022 Datacenter
    version: 10.0.20348
    stack: "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
entries:
  description:
    - Results of the experiments, and the assumptions that no experiment settles, with a C(reason). C(verdict) is
      C(held), C(not held) or C(not settled), C(action) the action of the experiment, C(expected) and C(observed) the
      values that are compared, and C(exchanges) the scrubbed messages. Empty unless O(mode=run).
  returned: success
  type: list
  elements: dict
  sample:
    - id: HV-02
      verdict: held
      action: read a failed job
      reason: ""
      expected: {JobState: 10, OperationalStatus: [17, 6]}
      observed: {JobState: 10, OperationalStatus: [17, 6]}
      exchanges:
        - {request: <s:Envelope …>, answer: <s:Envelope …>}
"""

from importlib import import_module
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm.find import check_rights
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Target, Task

SPEC: dict[str, Any] = {
    "argument_spec": {
        "mode": {"type": "str", "choices": ["find", "run", "clean"], "default": "find"},
        "prefix": {"type": "str", "default": "nested-hyperv-verify-"},
        "folder": {"type": "str"},
        "experiments": {"type": "list", "elements": "str"},
        **jobs.OPTIONS,
    },
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    # Imported by its tasks alone: nobody else needs the experiments.
    package = f"{__package__.rpartition('.')[0]}.module_utils._verify"
    session, throwaway = import_module(f"{package}.session"), import_module(f"{package}.throwaway")
    mode, prefix = task.params["mode"], task.params["prefix"]
    throwaway.check_prefix(prefix)
    experiments = session.chosen(task.params["experiments"])
    check_rights(host)
    folder = throwaway.folder(host, task.params["folder"])
    result = {"changed": False, "folder": folder, "host": None, "entries": []}
    if mode == "run":
        session.check_free(host, prefix, folder)
        result |= {"changed": True, "host": session.describe(host)}
        if not task.check_mode:
            entries = session.run(host, prefix, folder, experiments)
            result["entries"] = entries if task.params["experiments"] else [*entries, *session.unsettled()]
    found = throwaway.find(host, prefix, folder)
    if mode == "clean" and any(found):
        result["changed"] = True
        if not task.check_mode:
            throwaway.sweep(host, prefix, folder)
    return {**result, "found": found._asdict()}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
