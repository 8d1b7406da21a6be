# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtual_switch
short_description: Make, change and remove virtual switches
version_added: 0.1.0
description:
  - Looks after one virtual switch of a Hyper-V host, with the physical network adapters and the host's own adapter that
    it is connected to.
  - Changes what Hyper-V can change in place. What it decides when a switch is made is refused with what to do instead.
options:
  name:
    description:
      - Name of the switch, taken literally (no wildcards) and compared without case.
      - A name that several switches share is an error that lists their ids. Use O(id) then.
      - With O(id) it is the name that the switch gets.
    type: str
  id:
    description: Id (GUID) of the switch, as M(nested.hyperv.host_info) returns it.
    type: str
  state:
    description: Whether the host has the switch.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - V(private) connects VMs with each other, V(internal) also with the host, V(external) also with the networks of
        O(net_adapters).
      - Needed to make a switch, unless O(net_adapters) says that it is external. Can change later.
    type: str
    choices: [internal, private, external]
  net_adapters:
    description:
      - Physical network adapters of an external switch, by name (such as C(Ethernet 2)) or description (such as
        C(Intel(R) Ethernet Controller X710)). These are all that the switch has.
      - More than one make a team (Switch Embedded Teaming), which Windows Server 2016 and later have. A switch is made
        for a team or not, which can't change later, while the members of a team can.
      - An adapter that another switch holds is an error.
      - Wireless adapters aren't supported.
    type: list
    elements: str
  allow_management_os:
    description:
      - Whether the host itself gets an adapter on an external switch. A new external switch has one where it isn't
        given, which takes over MAC address and IP configuration of the physical adapter.
      - The host is always connected to internal switches, and never to private ones.
      - Take care with the adapter that Ansible's own connection goes through.
    type: bool
  notes:
    description: Notes of the switch. An empty text removes them.
    type: str
  force:
    description:
      - With O(state=absent), remove the switch also where VMs are connected to it. They are disconnected then.
      - Without it the task is refused with the list of the VMs.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
notes:
  - Making and changing external switches interrupts the network of the adapters involved for some seconds.
  - How Windows lays a team out in CIM is documented nowhere. The module makes one port for each adapter, and returns
    what the host made of it.
seealso:
  - module: nested.hyperv.vm_network_adapter
  - module: nested.hyperv.nat_network
  - module: nested.hyperv.host_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Make a switch between the host and its VMs
  nested.hyperv.virtual_switch:
    name: Internal
    type: internal
    notes: for nested labs

- name: Leave it to the VMs
  nested.hyperv.virtual_switch:
    name: Internal
    type: private

- name: Let the host keep off an external switch
  nested.hyperv.virtual_switch:
    name: External
    allow_management_os: false

- name: Remove a switch, and disconnect the VMs that use it
  nested.hyperv.virtual_switch:
    name: Internal
    state: absent
    force: true
"""

RETURN = r"""
id:
  description: Id of the switch. Not there in check mode for a switch that would be made.
  returned: when there is a switch
  type: str
  sample: 0F8FAD5B-D9CB-469F-A165-70867728950E
name:
  description: Name of the switch.
  returned: success
  type: str
  sample: External
switch:
  description: The switch after the task, or as it would be in check mode. Null with O(state=absent).
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
      description: Names of its physical network adapters.
      type: list
      elements: str
      sample: [Ethernet]
    teaming:
      description: Whether it was made for a team of adapters.
      type: bool
      sample: false
    allow_management_os:
      description: Whether the host has an adapter on it.
      type: bool
      sample: true
    notes:
      description: Notes of the switch.
      type: str
      sample: for nested labs
vms:
  description: Names of the VMs that use the switch.
  returned: when it isn't removed because of them
  type: list
  elements: str
  sample: [lab01, web01]
ids:
  description: Ids of the switches that share a name.
  returned: when the name is ambiguous
  type: list
  elements: str
  sample: [0F8FAD5B-D9CB-469F-A165-70867728950E, 7C9E6679-7425-40DE-944B-E07FC1F90AE7]
completed:
  description: What had been done before a later step failed, in words.
  returned: when a later step failed
  type: list
  elements: str
  sample: [set notes of virtual switch 'External']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure_host
from ..module_utils._hyperv.network import switch
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": switch.OPTIONS,
    "required_one_of": [("name", "id")],
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    params = task.params
    switch.check(params)
    wanted = switch.switch_id(params["id"]) if params["id"] else params["name"]
    switches = switch.read(host)
    current = switch.pick(switches, wanted)
    if params["state"] == "absent":
        result = ensure_host(host, task, switch.plan_removal(host, current, params["force"]))
        return {**result, "name": current.name if current else params["name"], "switch": None}
    steps = switch.plan(host, current, switches, params)
    result = ensure_host(host, task, steps)
    if task.check_mode and result["changed"]:
        now = switch.describe(current, switch.net_adapters(host)) if current else switch.NEW
        predicted = switch.predict(now, steps)
        made = {"id": current.id} if current else {"would_make": [("switch", predicted["name"])]}
        return {**result, **made, "name": predicted["name"], "switch": predicted}
    if result["changed"]:
        current = switch.pick(switch.read(host), current.id if current else wanted)
    shown = switch.describe(current, switch.net_adapters(host))
    return {**result, "id": current.id, "name": current.name, "switch": shown}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
