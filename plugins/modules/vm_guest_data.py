# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_guest_data
short_description: Manage key-value pairs that a Hyper-V host passes to a guest
version_added: 1.0.0
description:
  - Adds, changes and removes key-value pairs of the Data Exchange service (KVP), through which a guest reads texts of
    its host without a network. Other pairs are not changed.
  - In a Windows guest, the pairs are values of the registry key C(HKLM\SOFTWARE\Microsoft\Virtual
    Machine\External). In a Linux guest, C(hv_kvp_daemon) writes them to C(/var/lib/hyperv/.kvp_pool_0). They arrive
    about 2 seconds later, or at the next boot.
  - Every user of the guest can read the pairs, and the configuration of the VM contains them in plain text. They must
    not contain passwords. A warning names pairs whose names look like secrets.
  - The pairs are settings of the VM. Deleting them in the guest has no lasting effect, because they return with its
    next boot.
options:
  data:
    description:
      - Names and values of pairs. A name has 1 to 254 characters and is compared without case. A value is a text of at
        most 1022 characters, or a number. A longer text must be split into several pairs.
    type: dict
  remove:
    description:
      - Names of pairs to remove. A name that does not exist is ignored.
    type: list
    elements: str
  host_only:
    description:
      - Whether the pairs are for the host only, which keeps them with the VM and does not pass them to the guest. The
        two kinds of pairs are independent of each other.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
seealso:
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_guest_file
  - name: Data Exchange
    description: Microsoft's documentation of key-value pairs between hosts and guests.
    link: https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2012-r2-and-2012/dn798287(v=ws.11)
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Pass the role of a VM to its guest
  nested.hyperv.vm_guest_data:
    vm: web01
    data:
      role: web
      seats: 20

- name: Keep the owner of a VM with it, for the host only
  nested.hyperv.vm_guest_data:
    vm: lab01
    data:
      owner: training
    host_only: true

- name: Remove a pair
  nested.hyperv.vm_guest_data:
    vm: web01
    remove: [seats]
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
data:
  description: All pairs of this kind after the task.
  returned: success
  type: dict
  sample: {role: web, seats: "20"}
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ["add 'role' for VM 'web01'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["add 'role' for VM 'web01'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, guest_data, integration
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**find.PART_OPTIONS, **guest_data.OPTIONS, **jobs.OPTIONS},
    "required_one_of": [*find.PART_ONE["required_one_of"], ("remove", "data")],
    "mutually_exclusive": find.PART_ONE["mutually_exclusive"],
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("data",)


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = guest_data.parse(task.params)
    source = guest_data.HOST_ONLY if task.params["host_only"] else guest_data.FOR_GUEST
    vm = find.fetch_of_part(host, task.params)
    row = guest_data.fetch(host, vm)
    current = guest_data.pairs_of(row[guest_data.LISTS[source]])
    if source == guest_data.FOR_GUEST:
        _warn(host, vm, row, [name for name, value in wanted.items() if value is not None])
    result = ensure(Plan(guest_data.plan(host, vm, current, wanted, source)), task.check_mode)
    return {**result, "id": vm.id, "data": guest_data.after(current, wanted)}


def _warn(host: Target, vm: find.VM, row: dict[str, Any], names: list[str]) -> None:
    if secrets := guest_data.secrets_among(names):
        which = ", ".join(map(repr, secrets))
        host.warn(f"{host.name}: every user of the guest of {vm} can read {which}, which should not be a secret")
    if names and row["EnabledState"] != integration.ENABLED:
        host.warn(
            f"{host.name}: the Data Exchange service of {vm} is disabled, so its guest does not get the pairs. Enable "
            "it with the module vm, integration_services.key_value_pair_exchange"
        )


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
