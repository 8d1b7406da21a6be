# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtual_switch
short_description: Manage a virtual switch of a Hyper-V host
version_added: 1.0.0
description:
  - Manages a virtual switch of a Hyper-V host, including its physical network adapters and the host's own adapter.
  - Creates the switch if it does not exist; otherwise applies the requested settings. A setting that Hyper-V fixes when
    a switch is created cannot be changed. The task is refused in this case.
options:
  name:
    description:
      - Name of the switch, taken literally (no wildcards) and compared without case.
      - If several switches share the name, the task fails with a list of their IDs. Use O(id) in this case.
      - With O(id), the switch is renamed to this name. A name that another switch has is refused.
      - Corresponds to C(New-VMSwitch -Name) and, with O(id), to C(Rename-VMSwitch -NewName).
    type: str
  id:
    description:
      - ID (GUID) of an existing switch, as M(nested.hyperv.host_info) returns it.
      - An ID that no switch has is an error, also together with O(name), except with O(state=absent).
    type: str
  state:
    description: Whether the switch exists on the host. Corresponds to C(New-VMSwitch) and C(Remove-VMSwitch).
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - Type of the switch. A V(private) switch connects VMs with each other, an V(internal) switch connects them with
        the host as well, and an V(external) switch also with the networks of O(net_adapters).
      - Required to create a switch, unless O(net_adapters) is given, which implies V(external). The type of an existing
        switch can be changed.
      - Corresponds to C(New-VMSwitch -SwitchType) and C(Set-VMSwitch -SwitchType).
    type: str
    choices: [internal, private, external]
  net_adapters:
    description:
      - Physical network adapters of an external switch, by name (such as C(Ethernet 2)) or description (such as
        C(Intel(R) Ethernet Controller X710)). The list is complete, so other adapters are removed from the switch.
      - Several adapters are teamed (Switch Embedded Teaming), which requires Windows Server 2016 or later. Whether a
        switch supports teaming is fixed when it is created. The members of a team can be changed.
      - An adapter that another switch uses is an error.
      - Wireless adapters are not supported.
      - Corresponds to C(New-VMSwitch -NetAdapterName), C(Set-VMSwitch -NetAdapterName) and
        C(Set-VMSwitchTeam -NetAdapterName).
    type: list
    elements: str
  allow_management_os:
    description:
      - Whether the host has an adapter of its own on an external switch. The adapter takes over MAC address and IP
        configuration of a single physical adapter. Be careful with the adapter that Ansible connects through.
      - Defaults to V(true) for a new external switch. Other values than V(true) for internal and V(false) for
        private switches are refused, because the host is always connected to the former and never to the latter.
      - Corresponds to C(New-VMSwitch -AllowManagementOS) and C(Set-VMSwitch -AllowManagementOS).
    type: bool
  teaming:
    description:
      - Whether the switch supports a team of physical network adapters (Switch Embedded Teaming), also if it has a
        single one at first. Requires Windows Server 2016 or later.
      - Defaults to V(true) for a new switch with several O(net_adapters), otherwise to V(false). Fixed when the switch
        is created, so the task is refused if an existing switch differs.
      - Corresponds to C(New-VMSwitch -EnableEmbeddedTeaming).
    type: bool
  bandwidth_mode:
    description:
      - How the minimum bandwidth of network adapters is set on the switch. V(weight) allows
        O(nested.hyperv.vm_network_adapter#module:bandwidth.weight), V(absolute) allows
        O(nested.hyperv.vm_network_adapter#module:bandwidth.minimum), and V(none) allows neither.
      - V(default) lets the host choose when the switch is created, and matches any mode of an existing switch. A new
        switch has this mode if the option is omitted.
      - Fixed when the switch is created, so the task is refused if an existing switch has another mode.
      - Corresponds to C(New-VMSwitch -MinimumBandwidthMode).
    type: str
    choices: [absolute, weight, default, none]
  iov:
    description:
      - Whether the switch uses single-root I/O virtualization (SR-IOV) if its physical network adapter, the firmware
        and the host support it. Such a switch supports no minimum bandwidth by default.
      - Defaults to V(false) for a new switch. Fixed when the switch is created, so the task is refused if an existing
        switch differs.
      - Corresponds to C(New-VMSwitch -EnableIov).
    type: bool
  notes:
    description:
      - Notes of the switch. An empty string clears them. Corresponds to C(New-VMSwitch -Notes) and
        C(Set-VMSwitch -Notes).
    type: str
  force:
    description:
      - With O(state=absent), whether to remove the switch even if VMs are connected to it. The VMs are disconnected.
      - With V(false), the task is refused with a list of the connected VMs.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
notes:
  - If two tasks create a switch of the same name at the same time, the younger of both switches is removed again, and
    its task fails.
  - Creating or changing an external switch interrupts the network connection of its physical adapters for some seconds.
  - Private and internal switches require membership in Hyper-V Administrators. External switches likely require an
    administrator of the host, which is not measured. See C(docs/privileges.md) of the collection.
  - The representation of a team in CIM is not documented. The module creates one port for each adapter and returns the
    ports that the host reports.
seealso:
  - module: nested.hyperv.vm_network_adapter
  - module: nested.hyperv.nat_network
  - module: nested.hyperv.host_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Create an internal switch
  nested.hyperv.virtual_switch:
    name: Internal
    type: internal
    notes: for nested labs

- name: Create an internal switch on which adapters share bandwidth by weight
  nested.hyperv.virtual_switch:
    name: Shared
    type: internal
    bandwidth_mode: weight

- name: Disconnect the host from the switch
  nested.hyperv.virtual_switch:
    name: Internal
    type: private

- name: Remove the host's adapter from an external switch
  nested.hyperv.virtual_switch:
    name: External
    allow_management_os: false

- name: Remove a switch and disconnect its VMs
  nested.hyperv.virtual_switch:
    name: Internal
    state: absent
    force: true
"""

RETURN = r"""
id:
  description: ID (GUID) of the switch. Not returned in check mode for a switch that would be created.
  returned: if the switch exists
  type: str
  sample: 0F8FAD5B-D9CB-469F-A165-70867728950E
name:
  description: Name of the switch.
  returned: success
  type: str
  sample: External
switch:
  description: Settings of the switch after the task, or predicted settings in check mode. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Name of the switch.
      type: str
      sample: External
    type:
      description: Type of the switch, C(private), C(internal) or C(external).
      type: str
      sample: external
    net_adapters:
      description: Names of the physical network adapters of the switch.
      type: list
      elements: str
      sample: [Ethernet]
    allow_management_os:
      description: Whether the host has an adapter of its own on the switch.
      type: bool
      sample: true
    teaming:
      description: Whether the switch supports a team of physical network adapters.
      type: bool
      sample: false
    bandwidth_mode:
      description:
        - Bandwidth mode of the switch, V(absolute), V(weight) or V(none). V(default) if the host has chosen one of them
          and does not say which.
      type: str
      sample: absolute
    iov:
      description: Whether the switch uses SR-IOV if the hardware supports it.
      type: bool
      sample: false
    notes:
      description: Notes of the switch.
      type: str
      sample: for nested labs
vms:
  description: Names of the VMs that are connected to the switch.
  returned: when the task is refused because of these VMs
  type: list
  elements: str
  sample: [lab01, web01]
ids:
  description: IDs of the objects that share the name.
  returned: when a name is ambiguous
  type: list
  elements: str
  sample: [0F8FAD5B-D9CB-469F-A165-70867728950E, 7C9E6679-7425-40DE-944B-E07FC1F90AE7]
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [set notes of virtual switch 'External']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [create the virtual switch 'External']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.network import switch, switch_plan
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**switch.OPTIONS, **jobs.OPTIONS},
    "required_one_of": [("name", "id")],
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("notes",)


def run(host: Target, task: Task) -> dict[str, Any]:
    params = task.params
    switch_plan.check(params)
    key = switch.switch_id(params["id"]) if params["id"] else params["name"]
    switches = switch.fetch_all(host)
    current = switch.pick(switches, key, "id" if params["id"] else "name")
    if params["state"] == "absent":
        result = ensure(Plan(switch_plan.plan_removal(host, current, params["force"])), task.check_mode)
        return {**result, "name": current.name if current else params["name"], "switch": None}
    ids = [current.id] if current else []
    steps = switch_plan.plan(host, current, switches, params, ids)

    def outcome() -> dict[str, Any]:
        after = switch.fetch_again(host, ids[0] if ids else key) if steps else current
        return {"id": after.id, "name": after.name, "switch": switch.fetch_description(host, after)}

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
