# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_mapping
short_description: Map a port of a Hyper-V host to a guest behind its NAT
version_added: 1.0.0
description:
  - Adds or removes one static mapping of an existing NAT, and keeps its other mappings. Tasks for several guests can
    therefore run at the same time. M(nested.hyperv.nat_network) manages the NAT itself and the complete list of its
    mappings.
  - A mapping of the same port to another guest is replaced. If the new mapping cannot be added, the previous one is
    restored.
  - Requires an administrator of the host. The task is refused before any change if the user is not an administrator.
options:
  nat:
    description:
      - Name of the NAT, compared without case. A missing NAT is an error, unless O(state=absent).
      - Corresponds to C(Add-NetNatStaticMapping -NatName).
    type: str
    required: true
  state:
    description:
      - V(present) adds the mapping. V(absent) removes the mapping of O(external_port), whatever guest it leads to, or
        only a mapping that leads to O(internal_address), if that is set.
      - Corresponds to C(Add-NetNatStaticMapping) and C(Remove-NetNatStaticMapping).
    type: str
    choices: [present, absent]
    default: present
  internal_address:
    description:
      - IP address of the guest, within the prefix of the NAT. Required with O(state=present). Corresponds to
        C(Add-NetNatStaticMapping -InternalIPAddress).
      - With O(state=absent), a mapping of the port that leads to another guest is kept.
    type: str
    required: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._nat.mapping
seealso:
  - module: nested.hyperv.nat_network
  - name: Set up a NAT network
    description: NAT on Windows and its limitations.
    link: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Reach WinRM of a guest through port 55985 of the host
  nested.hyperv.nat_mapping:
    nat: lab
    external_port: 55985
    internal_address: 192.168.100.10
    internal_port: 5985

- name: Remove the mapping
  nested.hyperv.nat_mapping:
    nat: lab
    external_port: 55985
    internal_address: 192.168.100.10
    state: absent
"""

RETURN = r"""
mapping:
  description: Mapping of the port after the task, or predicted in check mode. Null with O(state=absent).
  returned: success
  type: dict
  sample:
    protocol: tcp
    external_address: 0.0.0.0
    external_port: 55985
    internal_address: 192.168.100.10
    internal_port: 5985
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: nat-rights
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/virtualization/hyper-v-on-windows/user-guide/setup-nat-network
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ["remove the static mapping tcp 0.0.0.0:55985 -> 192.168.100.9:5985 of NAT 'lab'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["add the static mapping tcp 0.0.0.0:55985 -> 192.168.100.10:5985 to NAT 'lab'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.network import nat, nat_plan
from ..module_utils._policy.rules.nat import NAT_RIGHTS
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Missing
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        "nat": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **nat.MAPPING_OPTIONS,
        "internal_address": {"type": "str"},
        **jobs.OPTIONS,
    },
    "required_if": [("state", "present", ("internal_address",))],
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    params, present = task.params, task.params["state"] == "present"
    mapping = nat.parse_mapping({**params, "internal_address": params["internal_address"] or nat.ANY})
    of = nat.fetch_nat(host, params["nat"])
    if of is None and present:
        text = f"there is no NAT '{params['nat']}' on the host; create it first (nat_network), or correct the name"
        raise Missing(text, option="nat")
    steps = nat_plan.plan_mapping(host, of, mapping, present, NAT_RIGHTS) if of else []
    return {**ensure(Plan(steps), task.check_mode), "mapping": mapping._asdict() if present else None}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
