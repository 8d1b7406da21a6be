# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what a Hyper-V host is and whether its VMs can nest
version_added: 0.1.0
description:
  - Returns operating system, processor, memory, Hyper-V settings, switches, NATs and features of a host, and whether
    Hyper-V can run inside its VMs, with the rules and sources that speak against it.
  - Works on any Windows host, also on one without Hyper-V and on a VM that is a host itself.
  - Reads each CIM class of the host once. O(include) leaves out what isn't needed.
options:
  include:
    description:
      - Groups of facts to return.
      - V(system) is name, operating system, processor, memory, whether a hypervisor runs, and the machine.
      - V(security) is virtualization-based security.
      - V(hyperv) are the settings of Hyper-V and the VM configuration versions that it supports.
      - V(network) are virtual switches with their adapters, NATs and physical adapters.
      - V(features) are the states of Windows features that have to do with virtualization.
      - V(nesting) is the verdict about nested virtualization.
    type: list
    elements: str
    choices: [system, security, hyperv, network, features, nesting]
    default: [system, security, hyperv, network, features, nesting]
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._module.info
notes:
  - The boot configuration can keep the hypervisor from nesting too (C(hypervisorloadoptions) with
    C(OFFERNESTEDVIRT=FALSE)). CIM doesn't show it, so it isn't part of the verdict.
seealso:
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Read everything about the host
  nested.hyperv.host_info:
  register: hyperv_host

- name: Read only whether its VMs can nest
  nested.hyperv.host_info:
    include:
      - nesting
  register: verdict

- name: Stop where they can't
  ansible.builtin.assert:
    that: verdict.host.nesting.supported
    fail_msg: "{{ verdict.host.nesting.reasons | map(attribute='text') | join('; ') }}"
"""

RETURN = r"""
host:
  description: The host.
  returned: success
  type: dict
  contains:
    name:
      description: Computer name. In group V(system).
      type: str
      sample: hv01
    domain:
      description: Domain that the host belongs to, null for a workgroup. In group V(system).
      type: str
      sample: example.com
    os:
      description:
        - Operating system. C(type) is C(workstation), C(server) or C(domain_controller), C(sku) the number that
          C(edition) stands for, which is null for uncommon ones. In group V(system).
      type: dict
      sample:
        name: Microsoft Windows Server 2022 Datacenter
        version: 10.0.20348
        build: 20348
        type: server
        sku: 8
        edition: Datacenter Server
        booted: "2026-11-20T06:12:44+00:00"
    processor:
      description:
        - Processor. While a hypervisor runs, it hides from Windows what the processor can, so the flags are null then
          and C(trusted) is false. In group V(system).
      type: dict
      sample:
        vendor: GenuineIntel
        model: Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz
        sockets: 2
        cores: 64
        logical_processors: 128
        virtualization:
          trusted: false
          monitor_mode: null
          second_level_address_translation: null
          enabled_in_firmware: null
    memory:
      description: Physical memory in bytes. In group V(system).
      type: dict
      sample: {total: 274877906944, free: 137438953472}
    hypervisor_present:
      description: Whether a hypervisor runs, which is Hyper-V's own or the one of the machine. In group V(system).
      type: bool
      sample: true
    machine:
      description:
        - The machine, and whether it is a VM itself. C(platform) is C(hyper-v), C(azure), C(vmware), C(kvm),
          C(virtualbox), C(xen), C(aws), C(gcp), C(ahv) or C(parallels), null for a physical machine. In group
          V(system).
      type: dict
      sample: {manufacturer: Dell Inc., model: PowerEdge R750, virtual: false, platform: null}
    security:
      description:
        - Virtualization-based security, C(off), C(enabled) but not running, or C(running), and what runs on it. Null
          where Windows doesn't tell. In group V(security).
      type: dict
      sample:
        virtualization_based_security: running
        services_running: [credential_guard, memory_integrity]
        dma_protection_available: true
    hyperv:
      description: Settings of Hyper-V, null where it isn't installed. In group V(hyperv).
      type: dict
      sample:
        vm_path: C:\ProgramData\Microsoft\Windows\Hyper-V
        disk_path: C:\Users\Public\Documents\Hyper-V\Virtual hard disks
        mac_range: ["00:15:5D:01:02:00", "00:15:5D:01:02:FF"]
        numa_spanning: true
        enhanced_session_mode: false
        vm_versions: ["8.0", "9.0", "9.3", "10.0"]
    network:
      description:
        - Virtual switches as M(nested.hyperv.virtual_switch) returns them, with the host's own adapter, NATs as
          M(nested.hyperv.nat_network) returns them, and physical adapters with speed in bits per second. In group
          V(network).
      type: dict
      sample:
        switches:
          - id: 0F8FAD5B-D9CB-469F-A165-70867728950E
            name: NAT
            type: internal
            net_adapters: []
            teaming: false
            allow_management_os: true
            notes: ""
            host_adapter:
              name: vEthernet (NAT)
              mac_address: 00:15:5D:01:02:00
              addresses: [192.168.100.1/24]
        nats:
          - name: lab
            prefix: 192.168.100.0/24
            external_prefix: null
            static_mappings: []
        adapters:
          - name: Ethernet
            description: Intel(R) Ethernet Controller X710
            mac_address: 0C:C4:7A:12:34:56
            connected: true
            speed: 10000000000
            addresses: [192.0.2.10/24]
    features:
      description:
        - States of features, C(enabled), C(disabled), C(absent) or C(unknown), null where this Windows doesn't have the
          feature at all. In group V(features).
      type: dict
      sample:
        Containers: disabled
        Containers-DisposableClientVM: null
        HypervisorPlatform: disabled
        Microsoft-Hyper-V: enabled
        Microsoft-Hyper-V-Hypervisor: enabled
        Microsoft-Hyper-V-Services: enabled
        Microsoft-Windows-Subsystem-Linux: disabled
        VirtualMachinePlatform: disabled
    nesting:
      description: Whether Hyper-V can run inside VMs of this host. In group V(nesting).
      type: dict
      contains:
        supported:
          description: Whether no rule of severity C(fail) speaks against it.
          type: bool
          sample: true
        minimum_vm_version:
          description: VM configuration version that a VM needs at least, null for an unknown processor.
          type: str
          sample: "8.0"
        reasons:
          description: Rules that speak against it (severity C(fail)), or that it is good to know of (C(warn)).
          type: list
          elements: dict
          sample:
            - rule: nested-depth
              severity: warn
              text: one level of nested virtualization is supported in production
              found: a host that is a Hyper-V VM itself
              source: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task
from ..module_utils._hyperv.host import facts
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        "include": {"type": "list", "elements": "str", "choices": list(facts.GROUPS), "default": list(facts.GROUPS)},
    },
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    return {"changed": False, "host": facts.describe(host, task.params["include"])}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
