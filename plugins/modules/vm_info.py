# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Gather information about Hyper-V virtual machines
version_added: 1.0.0
description:
  - Returns state, nested virtualization, processors, memory, network adapters and guest information of all VMs of a
    host, or of the VMs in O(name) and O(id).
  - Each CIM class of the host is read once, regardless of the number of VMs.
  - If the host cannot send a row because it is larger than C(MaxEnvelopeSizekb) of its WinRM service, a warning names
    the row, and the facts in it are null or empty.
options:
  name:
    description:
      - Names of VMs, taken literally (no wildcards) and compared without case. All VMs that have one of the names are
        returned. A name that no VM has is an error.
      - If both O(name) and O(id) are omitted, all VMs of the host are returned. An empty list selects no VM.
    type: list
    elements: str
  id:
    description: IDs (GUIDs) of VMs. An ID that no VM has is an error. An empty list selects no VM.
    type: list
    elements: str
  include:
    description:
      - Groups of facts to return besides ID, name, state and uptime. Each group takes a few requests, so fewer groups
        are faster.
      - V(settings) contains generation, configuration version and notes.
      - V(nesting), V(processor), V(memory) and V(network_adapters) contain the settings of the modules
        M(nested.hyperv.vm_nesting), M(nested.hyperv.vm_processor), M(nested.hyperv.vm_memory) and
        M(nested.hyperv.vm_network_adapter).
      - V(guest) contains heartbeat, operating system and computer name, which the integration services of the guest
        report.
      - V(disks) contains the files of disks and DVD drives and their controller locations, V(checkpoints) the
        checkpoints of M(nested.hyperv.vm_checkpoint), V(firmware) the firmware settings of M(nested.hyperv.vm),
        V(availability) failover cluster and replication, V(security) the virtual TPM, V(integration_services) the
        integration services of M(nested.hyperv.vm), and V(guest_data) the key-value pairs of
        M(nested.hyperv.vm_guest_data) and those of the guest. These seven groups are not in the default.
    type: list
    elements: str
    choices:
      - settings
      - nesting
      - processor
      - memory
      - network_adapters
      - guest
      - disks
      - checkpoints
      - firmware
      - availability
      - security
      - integration_services
      - guest_data
    default: [settings, nesting, processor, memory, network_adapters, guest]
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._module.info
seealso:
  - module: nested.hyperv.vm
  - module: nested.hyperv.host_info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Gather information about all VMs of the host
  nested.hyperv.vm_info:
  register: all_vms

- name: Gather the settings for nested virtualization of two VMs
  nested.hyperv.vm_info:
    name:
      - web01
      - lab01
    include:
      - nesting
      - memory

- name: Gather the disks and checkpoints of a VM
  nested.hyperv.vm_info:
    name: [lab01]
    include: [disks, checkpoints]

- name: Display the VMs to which virtualization extensions are exposed
  ansible.builtin.debug:
    msg: "{{ all_vms.vms | selectattr('nesting.virtualization_extensions') | map(attribute='name') }}"
"""

RETURN = r"""
vms:
  description: VMs, sorted by name. Corresponds to C(Get-VM).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID (GUID) of the VM.
      type: str
      sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
    name:
      description: Name of the VM.
      type: str
      sample: lab01
    state:
      description: State of the VM, C(running), C(off), C(saved), C(paused), C(starting), C(stopping) or C(busy).
      type: str
      sample: running
    uptime:
      description: Number of seconds since the VM was started, 0 if it is not running.
      type: int
      sample: 86400
    generation:
      description: Generation of the VM. In group V(settings).
      type: int
      sample: 2
    version:
      description: Configuration version of the VM. In group V(settings).
      type: str
      sample: "10.0"
    notes:
      description: Notes of the VM. In group V(settings).
      type: str
      sample: build agent
    nesting:
      description: Settings for nested virtualization. In group V(nesting).
      type: dict
      contains:
        virtualization_extensions:
          description: Whether virtualization extensions are exposed to the VM.
          type: bool
          sample: true
        adapters:
          description: MAC address spoofing of each network adapter.
          type: list
          elements: dict
          sample:
            - name: Network Adapter
              id: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
              mac_spoofing: true
    processor:
      description:
        - Settings in the format of M(nested.hyperv.vm_processor). In group V(processor). Corresponds to
          C(Get-VMProcessor).
      type: dict
      sample: {count: 4, reserve: 0, limit: 100, weight: 100, threads_per_core: 0, migration_compatibility: false}
    memory:
      description:
        - Settings in the format of M(nested.hyperv.vm_memory), and the memory that is assigned to the VM and that the
          guest demands at present. Sizes are in bytes. With static memory, C(minimum) and C(maximum) are null. In group
          V(memory). Corresponds to C(Get-VMMemory).
      type: dict
      sample:
        dynamic: true
        startup: 8589934592
        minimum: 536870912
        maximum: 17179869184
        buffer: 20
        priority: 50
        assigned: 8589934592
        demand: 6442450944
    network_adapters:
      description: Network adapters of the VM. In group V(network_adapters). Corresponds to C(Get-VMNetworkAdapter).
      type: list
      elements: dict
      contains:
        id:
          description: ID (CIM InstanceID) of the adapter.
          type: str
          sample: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
        name:
          description: Name of the adapter.
          type: str
          sample: Network Adapter
        switch:
          description: Name of the virtual switch to which the adapter is connected, null if it is not connected.
          type: str
          sample: External
        mac_address:
          description: MAC address, null if the host has not assigned one yet.
          type: str
          sample: 00:15:5D:01:02:03
        dynamic_mac_address:
          description: Whether the host assigns the MAC address.
          type: bool
          sample: true
        legacy:
          description: Whether the adapter is a legacy adapter (an emulated one) of a generation 1 VM.
          type: bool
          sample: false
        mac_spoofing:
          description: Whether the adapter is allowed to send packets with other source MAC addresses.
          type: bool
          sample: true
        allow_teaming:
          description: Whether the adapter can be teamed in the guest operating system.
          type: bool
          sample: false
        dhcp_guard:
          description: Whether DHCP server messages of the guest are dropped.
          type: bool
          sample: false
        router_guard:
          description: Whether router advertisement and redirection messages of the guest are dropped.
          type: bool
          sample: false
        device_naming:
          description: Whether the guest can read the name of the adapter.
          type: bool
          sample: false
        vlan:
          description: VLAN settings of the switch port. Corresponds to C(Get-VMNetworkAdapterVlan).
          type: dict
          contains:
            mode:
              description: VLAN mode, C(untagged), C(access), C(trunk) or C(private).
              type: str
              sample: access
            id:
              description: VLAN ID, in mode C(access).
              type: int
              sample: 42
            native_id:
              description: ID of the VLAN for untagged packets, in mode C(trunk).
              type: int
              sample: 5
            allowed_ids:
              description: IDs and ranges of IDs of the allowed VLANs, in mode C(trunk).
              type: list
              elements: str
              sample: [1-10, "20"]
        bandwidth:
          description: Weight, and minimum and maximum bandwidth in bits per second. 0 means none.
          type: dict
          sample: {weight: 0, minimum: 0, maximum: 1000000000}
        ip_addresses:
          description: IP addresses that the guest reports.
          type: list
          elements: str
          sample: [192.168.100.2]
    guest:
      description: Information that the integration services report, null if they report none. In group V(guest).
      type: dict
      sample:
        heartbeat: ok
        os: Windows Server 2022 Datacenter
        os_version: 10.0.20348
        computer_name: lab01.example.com
    disks:
      description:
        - Disks of the VM, sorted by controller location. In group V(disks). Corresponds to C(Get-VMHardDiskDrive).
      type: list
      elements: dict
      contains:
        path:
          description:
            - Path of the disk file on the host. With checkpoints, this is the C(.avhdx) file that the VM uses. Null for
              a drive without a disk.
          type: str
          sample: C:\VMs\lab01\os_6E3D2B1A-5F4C-4E8B-9A7D-0C1B2A3F4E5D.avhdx
        base:
          description:
            - Path of the disk below the C(.avhdx) files of checkpoints, which identifies the disk in
              M(nested.hyperv.vm_disk).
          type: str
          sample: C:\VMs\lab01\os.vhdx
        controller_type:
          description: Type of the controller, C(scsi) or C(ide).
          type: str
          sample: scsi
        controller_number:
          description: Number of the controller, counted from 0.
          type: int
          sample: 0
        controller_location:
          description: Location on the controller.
          type: int
          sample: 0
    dvd_drives:
      description:
        - DVD drives of the VM, sorted by controller location. In group V(disks). Corresponds to C(Get-VMDvdDrive).
      type: list
      elements: dict
      contains:
        path:
          description: Path of the ISO image in the drive, null if the drive is empty.
          type: str
          sample: C:\ISO\server.iso
        controller_type:
          description: Type of the controller, C(scsi) or C(ide).
          type: str
          sample: scsi
        controller_number:
          description: Number of the controller, counted from 0.
          type: int
          sample: 0
        controller_location:
          description: Location on the controller.
          type: int
          sample: 0
    checkpoints:
      description: Checkpoints of the VM, oldest first. In group V(checkpoints). Corresponds to C(Get-VMSnapshot).
      type: list
      elements: dict
      contains:
        id:
          description: ID of the checkpoint.
          type: str
          sample: 7C9E6679-7425-40DE-944B-E07FC1F90AE7
        name:
          description: Name of the checkpoint.
          type: str
          sample: clean
        created:
          description: Time when the checkpoint was taken.
          type: str
          sample: "2026-11-22T10:30:00+00:00"
        parent:
          description: Name of the parent checkpoint, null for the first checkpoint.
          type: str
          sample: installed
        current:
          description: Whether this is the checkpoint that the VM is based on.
          type: bool
          sample: true
    checkpoint_type:
      description:
        - Type of the checkpoints of the VM, C(disabled), C(production), C(production_only) or C(standard). In group
          V(checkpoints).
      type: str
      sample: production
    firmware:
      description:
        - Firmware settings of the VM. In group V(firmware). Corresponds to C(Get-VMFirmware) and C(Get-VMBios).
      type: dict
      contains:
        secure_boot:
          description: Whether secure boot is enabled, null for generation 1 VMs.
          type: bool
          sample: true
        secure_boot_template:
          description: Secure boot template, null for generation 1 VMs.
          type: str
          sample: windows
        boot_order:
          description:
            - Boot devices in their order, in the format of O(nested.hyperv.vm#module:firmware.boot_order). Entries that
              begin with C(file:) were created by an operating system.
          type: list
          elements: str
          sample: ["disk:0:0", "network:Network Adapter"]
        certificates_2023:
          description:
            - Whether the Secure Boot variables of the VM were created with the certificates of 2023, which replace the
              certificates that expire in 2026. False if the VM is older than the certificates. Null otherwise, since no
              CIM class contains the variables; newer VMs may have the certificates.
            - The guest may have added the certificates since. In Windows, see the registry value C(UEFICA2023Status).
          type: bool
          sample: null
    clustered:
      description:
        - Whether the VM is a role of a failover cluster, which then owns its settings. Null if unknown. In group
          V(availability).
      type: bool
      sample: false
    replication:
      description:
        - Whether Hyper-V Replica is enabled for the VM, C(enabled) is null if unknown. In group V(availability).
          Corresponds to C(Get-VMReplication).
      type: dict
      sample: {enabled: false}
    tpm:
      description:
        - Whether the VM has a virtual TPM, null if its host or version has none. In group V(security). Corresponds to
          C(Get-VMSecurity).
      type: bool
      sample: true
    integration_services:
      description:
        - Whether each integration service of the VM is enabled, null for a service that the VM does not have. In group
          V(integration_services). Corresponds to C(Get-VMIntegrationService).
      type: dict
      sample:
        guest_service_interface: false
        heartbeat: true
        key_value_pair_exchange: true
        shutdown: true
        time_synchronization: true
        vss: true
    guest_data:
      description:
        - Key-value pairs of the Data Exchange service. C(host) are those of the host for the guest, C(host_only) those
          that only the host can read, C(guest) those that programs of the guest set for the host, and C(intrinsic)
          those that the guest reports by itself. Those of the guest are empty while it does not run. In group
          V(guest_data).
      type: dict
      contains:
        host:
          description: Pairs of the host for the guest.
          type: dict
          sample: {role: web}
        host_only:
          description: Pairs that only the host can read.
          type: dict
          sample: {owner: training}
        guest:
          description: Pairs that programs of the guest set for the host.
          type: dict
          sample: {ready: "yes"}
        intrinsic:
          description: Pairs that the guest reports by itself, such as its operating system.
          type: dict
          sample: {OSName: Windows Server 2022 Datacenter}
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import facts
from ..module_utils._hyperv.vm.find import vm_id
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Target, Task

SPEC: dict[str, Any] = {
    "argument_spec": {
        "name": {"type": "list", "elements": "str"},
        "id": {"type": "list", "elements": "str"},
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
    client = host.client.tolerant(lambda row: host.warn(f"{host.name}: {facts.UNREADABLE.format(row)}"))
    host = replace(host, client=client)
    ids = task.params["id"] if task.params["id"] is None else [vm_id(id) for id in task.params["id"]]
    return {"changed": False, "vms": facts.fetch(host, task.params["name"], ids, task.params["include"])}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
