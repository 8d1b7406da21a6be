# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_nesting
short_description: Let Hyper-V run inside a Hyper-V VM
version_added: 0.1.0
description:
  - Exposes the processor's virtualization extensions to a VM, or hides them, and sets what else nesting needs, which is
    MAC address spoofing for the packets of nested guests, static memory, and enough of it.
  - Before it exposes extensions, it checks processor vendor, host build and VM configuration version against
    Microsoft's rules, and refuses with the rule that is broken.
  - Exposing extensions doesn't install Hyper-V inside the VM.
options:
  state:
    description: Whether virtualization extensions are exposed to the VM. Needs the VM off to change.
    type: str
    choices: [enabled, disabled]
    default: enabled
  network:
    description:
      - How nested guests reach the network. Their packets cross two switches, one inside the VM and one outside.
      - With V(mac_spoofing) they have addresses of their own in the network that the VM is connected to. This switches
        MAC address spoofing on, for the adapters that O(adapters) names or for all of them.
      - With V(nat) the VM does network address translation for them, as in public clouds, where spoofing isn't
        possible. Nothing on this host changes for it, and spoofing that is on stays on (O(mac_spoofing=false) switches
        it off). The VM needs one adapter that is connected, and, once Hyper-V runs inside, an internal switch with an
        address and a NAT, which M(nested.hyperv.nat_network) makes in one task that runs on the VM as a host. Nested
        guests need fixed addresses or a DHCP server inside.
      - V(leave) leaves it to other tasks.
    type: str
    choices: [mac_spoofing, nat, leave]
    default: leave
  mac_spoofing:
    description:
      - Whether the adapters of the VM may send from other MAC addresses than their own. Packets of nested guests cross
        two switches, so either this is on, or the VM does network address translation for its guests.
      - O(network=mac_spoofing) says the same as V(true), so V(false) contradicts it.
      - Left alone where neither is given. Changes while the VM runs.
    type: bool
  adapters:
    description:
      - Names of the network adapters that O(mac_spoofing) or O(network=mac_spoofing) is for. All adapters of the VM
        where it isn't given.
    type: list
    elements: str
  static_memory:
    description:
      - Whether to turn dynamic memory off, which has no effect anyway while Hyper-V runs inside. Needs the VM off.
      - V(false) leaves it as it is, with a warning where extensions get exposed to a VM that has dynamic memory. Use
        M(nested.hyperv.vm_memory) to turn it on.
    type: bool
    default: false
  minimum_startup_memory:
    description:
      - Raise the startup memory to this size where it is smaller. Microsoft asks for at least 4 GB in a VM that runs
        Hyper-V. More memory is left as it is.
      - A number with C(MB), C(GB) or C(TB) (powers of 1024), or a number of bytes. Needs the VM off to change.
    type: str
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm_memory
  - module: nested.hyperv.nat_network
  - name: Run Hyper-V in a virtual machine with nested virtualization
    description: Prerequisites and networking of nested VMs.
    link: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Make a VM fit to run Hyper-V, in one restart at most
  nested.hyperv.vm_nesting:
    name: lab01
    state: enabled
    network: mac_spoofing
    static_memory: true
    minimum_startup_memory: 4GB
    allow_power_cycle: true

- name: The same for a VM whose guests are behind a NAT
  nested.hyperv.vm_nesting:
    name: lab01
    network: nat
    static_memory: true
    minimum_startup_memory: 4GB
    allow_power_cycle: true

- name: Let nested guests use one adapter of a running VM
  nested.hyperv.vm_nesting:
    name: web01
    mac_spoofing: true
    adapters:
      - Network Adapter
    allow_power_cycle: true

- name: Take virtualization extensions back
  nested.hyperv.vm_nesting:
    name: lab01
    state: disabled
    mac_spoofing: false
    allow_power_cycle: true
"""

RETURN = r"""
id:
  description: Id of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
name:
  description: Name of the VM.
  returned: success
  type: str
  sample: lab01
power_cycle_required:
  description: Whether the changes need a VM off that isn't.
  returned: success, or when refused for it
  type: bool
  sample: true
power_cycled:
  description: Whether the VM was turned off and started again.
  returned: success
  type: bool
  sample: true
lacks:
  description: The rules that keep the VM from nesting on this host.
  returned: when refused for them
  type: list
  elements: dict
  contains:
    rule:
      description: Id of the rule.
      type: str
      sample: nested-vm-version
    source:
      description: Where Microsoft states it.
      type: str
      sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
    found:
      description: What was found instead.
      type: str
      sample: version 8.0 with AuthenticAMD
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure
from ..module_utils._hyperv.network import adapter
from ..module_utils._hyperv.schema import MEMORY, PROCESSOR
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import nesting, power
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {**vm.OPTIONS, **nesting.OPTIONS, **power.OPTIONS},
    **vm.ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    params = task.params
    nesting.minimum_startup_memory(params)  # what can't be is refused before anything is read
    spoofing = nesting.spoofing(params)
    found = vm.find_by(host, params)
    steps = nesting.plan(
        host,
        found,
        params,
        processor_row=vm.setting(host, found, PROCESSOR),
        read_memory=lambda: host.once(("memory", found.id), lambda: vm.setting(host, found, MEMORY)),
        adapters=adapter.read(host, [found]) if spoofing is not None else [],
    )
    return {**ensure(host, task, steps, found), "id": found.id, "name": found.name}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
