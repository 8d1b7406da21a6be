# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Tell what the VMs of a Hyper-V host are
version_added: 0.1.0
description:
  - Returns state, nesting, processor, memory, network adapters and what is known of the guest, for all VMs of a host or
    for those that are named.
  - Reads each CIM class of the host once, whatever the number of VMs. O(include) leaves out what isn't needed.
options:
  name:
    description:
      - Names of VMs, taken literally (no wildcards) and compared without case. All VMs that have one of the names are
        returned. A name that no VM has is an error.
      - All VMs of the host where neither O(name) nor O(id) is given.
    type: list
    elements: str
  id:
    description: Ids (GUIDs) of VMs. An id that no VM has is an error.
    type: list
    elements: str
  include:
    description:
      - Groups of facts to return besides id, name, state and uptime.
      - V(settings) are generation, configuration version and notes.
      - V(guest) are heartbeat, operating system and computer name, which the guest's integration services tell.
      - V(disks) are the files of disks and DVD drives and where they are attached. V(checkpoints) and V(firmware) are
        what M(nested.hyperv.vm_checkpoint) and M(nested.hyperv.vm) set. These three are read where they are asked for.
    type: list
    elements: str
    choices: [settings, nesting, processor, memory, network_adapters, guest, disks, checkpoints, firmware]
    default: [settings, nesting, processor, memory, network_adapters, guest]
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._module.info
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Read all VMs of the host
  nested.hyperv.vm_info:
  register: all_vms

- name: Read only what nesting needs of two VMs
  nested.hyperv.vm_info:
    name:
      - web01
      - lab01
    include:
      - nesting
      - memory

- name: Read the disks and checkpoints of a VM
  nested.hyperv.vm_info:
    name: [lab01]
    include: [disks, checkpoints]

- name: Show the VMs that can run Hyper-V
  ansible.builtin.debug:
    msg: "{{ all_vms.vms | selectattr('nesting.virtualization_extensions') | map(attribute='name') }}"
"""

RETURN = r"""
vms:
  description: The VMs, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the VM.
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
      description: Seconds since the VM was started, 0 where it isn't running.
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
      description: What nested virtualization needs. In group V(nesting).
      type: dict
      contains:
        virtualization_extensions:
          description: Whether virtualization extensions are exposed to the VM.
          type: bool
          sample: true
        adapters:
          description: Whether each adapter may send from other MAC addresses than its own.
          type: list
          elements: dict
          sample:
            - name: Network Adapter
              id: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
              mac_spoofing: true
    processor:
      description: As M(nested.hyperv.vm_processor) sets it. In group V(processor).
      type: dict
      sample: {count: 4, reserve: 0, limit: 100, weight: 100, threads_per_core: 0, migration_compatibility: false}
    memory:
      description:
        - As M(nested.hyperv.vm_memory) sets it, and what is assigned to the VM and demanded by it now. Sizes in bytes.
          The minimum and the maximum are null where memory is static. In group V(memory).
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
      description: Network adapters of the VM. In group V(network_adapters).
      type: list
      elements: dict
      contains:
        id:
          description: Id (CIM InstanceID) of the adapter.
          type: str
          sample: Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11\7C9E6679-7425-40DE-944B-E07FC1F90AE7
        name:
          description: Name of the adapter.
          type: str
          sample: Network Adapter
        switch:
          description: Name of the virtual switch that it is connected to, null where it isn't connected.
          type: str
          sample: External
        mac_address:
          description: MAC address, null where the host hasn't given one out yet.
          type: str
          sample: 00:15:5D:01:02:03
        dynamic_mac_address:
          description: Whether the host gives out the MAC address.
          type: bool
          sample: true
        mac_spoofing:
          description: Whether the adapter may send from other MAC addresses.
          type: bool
          sample: true
        allow_teaming:
          description: Whether the guest may team the adapter.
          type: bool
          sample: false
        dhcp_guard:
          description: Whether answers of a DHCP server in the guest are dropped.
          type: bool
          sample: false
        router_guard:
          description: Whether router advertisements of the guest are dropped.
          type: bool
          sample: false
        device_naming:
          description: Whether the guest can see the adapter's name.
          type: bool
          sample: false
        vlan:
          description: How the switch port treats VLAN tags.
          type: dict
          contains:
            mode:
              description: Mode of the port, V(untagged), V(access), V(trunk) or V(private).
              type: str
              sample: access
            id:
              description: Id of the VLAN, in mode V(access).
              type: int
              sample: 42
            native_id:
              description: Id of the VLAN of packets without a tag, in mode V(trunk).
              type: int
              sample: 5
            allowed_ids:
              description: Ids and ranges of ids of the VLANs that the adapter sees, in mode V(trunk).
              type: list
              elements: str
              sample: [1-10, "20"]
        bandwidth:
          description: Share and limits in bits per second, 0 where there is none.
          type: dict
          sample: {weight: 0, minimum: 0, maximum: 1000000000}
        ip_addresses:
          description: IP addresses that the guest tells.
          type: list
          elements: str
          sample: [192.168.100.2]
    guest:
      description: What the integration services tell of the guest, null where they don't. In group V(guest).
      type: dict
      sample:
        heartbeat: ok
        os: Windows Server 2022 Datacenter
        os_version: 10.0.20348
        computer_name: lab01.example.com
    disks:
      description: Disks of the VM, by their places. In group V(disks).
      type: list
      elements: dict
      contains:
        path:
          description:
            - Path of the disk's file on the host. With checkpoints it is the C(.avhdx) file that the VM runs on.
              Null for a drive without a disk.
          type: str
          sample: C:\VMs\lab01\os.vhdx
        controller_type:
          description: Type of the controller, V(scsi) or V(ide).
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
      description: DVD drives of the VM, by their places. In group V(disks).
      type: list
      elements: dict
      contains:
        path:
          description: Path of the image in the drive, null where it is empty.
          type: str
          sample: C:\ISO\server.iso
        controller_type:
          description: Type of the controller, V(scsi) or V(ide).
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
      description: Checkpoints of the VM, oldest first. In group V(checkpoints).
      type: list
      elements: dict
      contains:
        id:
          description: Id of the checkpoint.
          type: str
          sample: 7C9E6679-7425-40DE-944B-E07FC1F90AE7
        name:
          description: Name of the checkpoint.
          type: str
          sample: clean
        created:
          description: When it was taken.
          type: str
          sample: "2026-11-22T10:30:00+00:00"
        parent:
          description: Name of the checkpoint that it was taken on, null for the first.
          type: str
          sample: installed
        current:
          description: Whether it is the one that the VM stands on.
          type: bool
          sample: true
    firmware:
      description: Firmware of the VM. In group V(firmware).
      type: dict
      contains:
        secure_boot:
          description: Whether only signed boot loaders may start, null for generation 1.
          type: bool
          sample: true
        secure_boot_template:
          description: Whose signatures count, null for generation 1.
          type: str
          sample: windows
        boot_order:
          description:
            - What the VM boots from, first one first, as C(firmware.boot_order) of M(nested.hyperv.vm) takes it.
              Entries that begin with C(file:) are those that an operating system made.
          type: list
          elements: str
          sample: ["disk:0:0", "network:Network Adapter"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task
from ..module_utils._hyperv.vm import facts as info
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        "name": {"type": "list", "elements": "str"},
        "id": {"type": "list", "elements": "str"},
        "include": {
            "type": "list",
            "elements": "str",
            "choices": [*info.GROUPS, *info.MORE_GROUPS],
            "default": list(info.GROUPS),
        },
    },
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    found = info.find(host, task.params["name"] or [], [vm.vm_id(one) for one in task.params["id"] or []])
    return {"changed": False, "vms": info.describe(host, found, task.params["include"])}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
