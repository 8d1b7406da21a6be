# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Gather facts about a Hyper-V host and its nested virtualization support
version_added: 1.0.0
description:
  - Returns operating system, processor, memory, Hyper-V settings, virtual switches, NATs and Windows features of a
    host.
  - Evaluates whether Hyper-V can run inside VMs of the host, and returns the rules that are violated, with their
    sources.
  - Works on any Windows host, including hosts without Hyper-V and VMs that are Hyper-V hosts themselves.
options:
  include:
    description:
      - Groups of facts to return. Each group takes a few requests, so fewer groups are faster.
      - V(system) contains name, operating system, processor, memory, hypervisor presence and machine.
      - V(security) contains virtualization-based security.
      - V(hyperv) contains the settings of Hyper-V and the supported VM configuration versions.
      - V(network) contains virtual switches with their adapters, NATs and physical network adapters.
      - V(features) contains the states of the Windows features for virtualization.
      - V(nesting) contains the evaluation of nested virtualization support.
      - V(availability) contains failover cluster and live migration, V(boot) the boot configuration of the hypervisor
        and the service of Hyper-V, V(rights) the rights of the user on the host, V(volumes) the volumes with their free
        space, V(software) the services and updates of Windows that M(nested.hyperv.preflight) evaluates in a guest.
        These five groups are not in the default.
    type: list
    elements: str
    choices: [system, security, hyperv, network, features, nesting, availability, boot, rights, volumes, software]
    default: [system, security, hyperv, network, features, nesting]
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._module.info
notes:
  - The boot configuration is read from the CIM class C(BcdObject), which requires an administrator of the host. Access
    to this class over WS-Management is not confirmed on a real host. RV(host.boot) is null without access.
seealso:
  - module: nested.hyperv.host
  - module: nested.hyperv.preflight
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_nesting
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Gather all facts about the host
  nested.hyperv.host_info:
  register: hyperv_host

- name: Gather the nested virtualization support only
  nested.hyperv.host_info:
    include:
      - nesting
  register: nesting_support

- name: Gather the boot configuration of the host and the rights of the user
  nested.hyperv.host_info:
    include: [boot, rights]
  register: condition

- name: Require nested virtualization support
  ansible.builtin.assert:
    that: nesting_support.host.nesting.supported
    fail_msg: "{{ nesting_support.host.nesting.reasons | map(attribute='text') | join('; ') }}"
"""

RETURN = r"""
host:
  description: Facts about the host.
  returned: success
  type: dict
  contains:
    name:
      description: Computer name. In group V(system).
      type: str
      sample: hv01
    domain:
      description: Domain of the host, null for a workgroup. In group V(system).
      type: str
      sample: example.com
    os:
      description:
        - Operating system. C(type) is C(workstation), C(server) or C(domain_controller). C(sku) is the number of the
          edition, and C(edition) its name, null for uncommon editions. In group V(system).
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
        - Processor. A running hypervisor hides the virtualization capabilities of the processor from Windows. In this
          case, C(trusted) is false and the capabilities are null. In group V(system).
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
      description:
        - Whether a hypervisor is running, either Hyper-V on the host or the hypervisor that runs the host as a VM. In
          group V(system).
      type: bool
      sample: true
    machine:
      description:
        - Machine of the host, and whether it is a VM itself. C(platform) is C(hyper-v), C(azure), C(vmware), C(kvm),
          C(virtualbox), C(xen), C(aws), C(gcp), C(ahv) or C(parallels), null for a physical machine. In group
          V(system).
      type: dict
      sample: {manufacturer: Dell Inc., model: PowerEdge R750, virtual: false, platform: null}
    level:
      description:
        - Number of hypervisors below the host, 0 for a physical machine and 1 for a VM. Whether the host of a VM is a
          VM itself cannot be determined from inside. In group V(system).
      type: int
      sample: 0
    security:
      description:
        - Virtualization-based security, C(off), C(enabled) (but not running) or C(running), and the services that use
          it. Null if Windows does not report it. In group V(security).
      type: dict
      sample:
        virtualization_based_security: running
        services_running: [credential_guard, memory_integrity]
        dma_protection_available: true
    hyperv:
      description:
        - Settings of Hyper-V, which the module M(nested.hyperv.host) configures, and the supported VM configuration
          versions. Null if Hyper-V is not installed. In group V(hyperv). Corresponds to C(Get-VMHost) and
          C(Get-VMHostSupportedVersion).
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
        - Virtual switches in the format of M(nested.hyperv.virtual_switch), each with the host's own adapter, NATs in
          the format of M(nested.hyperv.nat_network), and physical network adapters with their speed in bits per second.
          In group V(network).
        - Corresponds to C(Get-VMSwitch), C(Get-VMSwitchTeam), C(Get-NetNat), C(Get-NetNatStaticMapping),
          C(Get-NetAdapter) and C(Get-NetIPAddress).
      type: dict
      sample:
        switches:
          - id: 0F8FAD5B-D9CB-469F-A165-70867728950E
            name: NAT
            type: internal
            net_adapters: []
            allow_management_os: true
            teaming: false
            bandwidth_mode: absolute
            iov: false
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
        - States of Windows features, C(enabled), C(disabled), C(absent) or C(unknown), null for features that this
          Windows edition does not have. In group V(features). Corresponds to C(Get-WindowsOptionalFeature).
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
          description: Whether no rule of severity C(fail) is violated.
          type: bool
          sample: true
        minimum_vm_version:
          description: Minimum configuration version of the VM, null for an unknown processor vendor.
          type: str
          sample: "8.0"
        reasons:
          description:
            - Rules that are violated, with their severity for evaluation. A rule of severity C(fail) prevents nested
              virtualization, a rule of severity C(warn) restricts it. M(nested.hyperv.preflight) evaluates all rules,
              for production as well.
          type: list
          elements: dict
          sample:
            - rule: nested-depth
              severity: warn
              text: one level of nested virtualization is supported in production
              found: a host that is a Hyper-V VM itself
              source: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
    cluster:
      description:
        - Failover cluster of the host, with C(member) and the C(name) of the cluster. The name is null if the host is
          not a node of a cluster, or the cluster service does not answer. Null if unknown. In group V(availability).
      type: dict
      sample: {member: true, name: CLUSTER01}
    live_migration:
      description:
        - Whether live migration to and from the host is enabled (C(Enable-VMMigration)), null without Hyper-V. In group
          V(availability).
      type: dict
      sample: {enabled: false}
    boot:
      description:
        - Boot configuration of the hypervisor in the current boot entry. C(hypervisor_launch) is C(auto) or C(off)
          (C(bcdedit /set hypervisorlaunchtype)), null if the entry does not contain it. C(nested_offered) is false if
          C(hypervisorloadoptions) contains C(OFFERNESTEDVIRT=FALSE). Null if the boot configuration cannot be read. In
          group V(boot).
      type: dict
      sample: {hypervisor_launch: auto, nested_offered: true}
    service:
      description:
        - State of the Hyper-V Virtual Machine Management service (C(vmms)), such as C(running) or C(stopped), and its
          start mode, C(auto), C(manual) or C(disabled). Both are null if the service does not exist, or is hidden from
          the user. In group V(boot).
      type: dict
      sample: {state: running, start_mode: auto}
    rights:
      description:
        - Rights of the user on the host. C(administrator) is whether the user is an administrator with effect, and
          C(hyperv_administrator) whether Hyper-V shows its objects to the user. Both are null if unknown.
        - C(namespaces) are the rights in CIM namespaces, to read instances, to call methods and to write instances.
          Providers check further rights. C(docs/privileges.md) of the collection lists the rights that each module
          requires. In group V(rights).
      type: dict
      sample:
        administrator: true
        hyperv_administrator: true
        namespaces:
          root/virtualization/v2: {read: true, methods: true, write: true}
          root/StandardCimv2: {read: true, methods: true, write: true}
    volumes:
      description:
        - Volumes by drive or mount point, with free space and size in bytes, null if hidden from the user. In group
          V(volumes). Corresponds to C(Get-Volume).
      type: list
      elements: dict
      sample:
        - {name: "C:", free: 1099511627776, size: 2199023255552}
    software:
      description:
        - Software that decides whether virtualization works in Windows. C(revision) is the number after the build of
          Windows, C(pending_reboot) whether Windows waits for a restart, C(third_party) the services of virtualization
          software of other vendors, and C(services) the start modes of services that WSL 2 and containers require, if
          they exist. Null if hidden from the user. In group V(software).
      type: dict
      sample:
        revision: 2582
        pending_reboot: false
        third_party: []
        services: {HNS: manual, SharedAccess: manual, vmcompute: manual}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.host import facts
from ..module_utils._policy import evaluate, platform
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Target, Task

SPEC: dict[str, Any] = {
    "argument_spec": {
        "include": {
            "type": "list",
            "elements": "str",
            "choices": [*facts.GROUPS, *facts.MORE_GROUPS],
            "default": list(facts.GROUPS),
        },
        **jobs.OPTIONS,
    },
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    groups = set(task.params["include"])
    result = facts.fetch(host, groups)
    if groups & {"system", "nesting"}:
        system = platform.completed(facts.fetch_system(host), lambda: facts.query_asset_tags(host))
        result |= system if "system" in groups else {}
        if "nesting" in groups:
            settings = facts.fetch_settings(host)
            result["nesting"] = evaluate.describe_host({**system, "hyperv": None if settings is None else {}})
    return {"changed": False, "host": result}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
