# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Make, change, start, stop and remove Hyper-V VMs
version_added: 0.1.0
description:
  - One task describes a whole VM. It is made where it isn't there, and brought to what the task says where it is, in
    one power cycle at most and with one diff. What the task leaves out is left alone.
  - The suboptions are those of the modules for the single parts, such as M(nested.hyperv.vm_memory).
  - Everything is checked before anything is written. Where a later step fails all the same, the result says what had
    been done, and another run does the rest.
options:
  name:
    description:
      - Name of the VM, taken literally (no wildcards) and compared without case, as Hyper-V does.
      - A name that several VMs share is an error that lists their ids. Use O(id) then.
    type: str
  id:
    description: Id (GUID) of a VM that is there, as M(nested.hyperv.vm_info) returns it.
    type: str
  state:
    description:
      - V(present) makes the VM where it is missing and leaves its power alone. A new VM is off.
      - V(running), V(off), V(saved) and V(paused) bring it there as well. Turning off asks the guest to shut down,
        unless O(force_off) says otherwise. A VM that is off is started to be saved or paused.
      - V(restarted) turns the VM off and starts it, at every run. A VM that is off is started.
      - V(absent) turns the VM off and removes it with its configuration and its saved state. Its disks stay, unless
        O(delete_disks) says otherwise, and it isn't removed with checkpoints unless O(remove_checkpoints) says so.
      - Turning off, restarting and removing count as asked for, so that they don't need O(allow_power_cycle).
    type: str
    choices: [present, absent, running, "off", saved, paused, restarted]
    default: present
  generation:
    description:
      - Generation of a new VM, V(2) where it isn't given. An existing VM keeps its generation, and another one is an
        error.
      - V(1) has a BIOS and IDE controllers, V(2) UEFI firmware, secure boot and a virtual TPM.
    type: int
    choices: [1, 2]
  version:
    description:
      - Configuration version of a new VM, such as C(9.0), for VMs that are to move to an older host. The host's newest
        where it isn't given.
      - An existing VM keeps its version, and another one is an error.
    type: str
  path:
    description:
      - Folder on the host in which a new VM gets a folder of its name for its configuration, checkpoints and saved
        state. Hyper-V makes both. The host's default where it isn't given.
      - Of use for new VMs only. An existing VM stays where it is.
    type: str
  notes:
    description: Notes of the VM, as Hyper-V Manager shows them. An empty string clears them.
    type: str
  processor:
    description: Virtual processors, as in M(nested.hyperv.vm_processor).
    type: dict
    suboptions:
      count:
        description:
          - Number of virtual processors, at most as many as the host has. Needs the VM off to change. Hyper-V chooses
            for a new VM where it isn't given.
        type: int
      reserve:
        description: Percentage of its processors that the host keeps for this VM, 0 for a new one.
        type: int
      limit:
        description: Percentage of its processors that the VM may use at most, 100 for a new one.
        type: int
      weight:
        description: Share of the VM where VMs compete for processors, from 0 to 10000, 100 for a new one.
        type: int
      threads_per_core:
        description: Hardware threads that each core shows to the guest, V(0) for the host's number. Needs the VM off.
        type: int
      migration_compatibility:
        description: Whether to hide newer processor features. Needs the VM off to change.
        type: bool
  memory:
    description: Memory, as in M(nested.hyperv.vm_memory).
    type: dict
    suboptions:
      dynamic:
        description: Whether the host may give and take memory while the VM runs. Needs the VM off to change.
        type: bool
      startup:
        description:
          - Memory that the VM starts with, such as C(4GB), or a number of bytes. All of it where memory is static. 1GB
            for a new VM.
        type: str
      minimum:
        description:
          - Least memory that dynamic memory leaves to the VM, written like O(memory.startup). 512MB for a new VM.
        type: str
      maximum:
        description: Most memory that dynamic memory gives to the VM, written like O(memory.startup). 1TB for a new VM.
        type: str
      buffer:
        description: Percentage of the guest's demand that dynamic memory keeps in reserve for it, from 5 to 2000.
        type: int
      priority:
        description: Which VM gets memory first where the host runs short, from 0 (last) to 100 (first).
        type: int
  nesting:
    description: What Hyper-V inside the VM needs, as in M(nested.hyperv.vm_nesting).
    type: dict
    suboptions:
      state:
        description: Whether virtualization extensions are exposed to the VM. Needs the VM off to change.
        type: str
        choices: [enabled, disabled]
        default: enabled
      network:
        description:
          - How nested guests reach the network, V(mac_spoofing) with addresses of their own, V(nat) behind address
            translation that Hyper-V inside the VM does, which changes nothing here.
        type: str
        choices: [mac_spoofing, nat, leave]
        default: leave
      mac_spoofing:
        description: Whether the adapters of the VM may send from other MAC addresses than their own.
        type: bool
      adapters:
        description: Names of the network adapters that O(nesting.mac_spoofing) is for. All where it isn't given.
        type: list
        elements: str
      static_memory:
        description: Whether to turn dynamic memory off. V(false) leaves it as it is.
        type: bool
        default: false
      minimum_startup_memory:
        description: Raise the startup memory to this size where it is smaller.
        type: str
  network_adapters:
    description:
      - Network adapters that the VM must have, as in M(nested.hyperv.vm_network_adapter). Others are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the adapter, taken literally and compared without case. Added where the VM has none of it.
        type: str
        required: true
      switch:
        description:
          - Name of the virtual switch that the adapter is connected to, taken literally and compared without case.
            The id (GUID) of a switch works as well, for names that several switches share.
          - V(disconnected) disconnects it, and leaves its features as they are.
          - A new adapter isn't connected where it isn't given.
        type: str
      mac_address:
        description:
          - MAC address in any common spelling, such as C(00:15:5D:01:02:03), C(00-15-5d-01-02-03), C(0015.5d01.0203) or
            C(00155D010203). The adapter keeps it, wherever the VM goes.
          - V(dynamic) lets the host give out an address at the next start of the VM, which is what a new adapter has.
          - Needs the VM off to change.
        type: str
      mac_spoofing:
        description:
          - Whether the adapter may send from other MAC addresses than its own, which nested guests need whose packets
            aren't translated (see M(nested.hyperv.nat_network)). Hyper-V's default is no.
        type: bool
      allow_teaming:
        description: Whether the guest may make the adapter part of a team. Hyper-V's default is no.
        type: bool
      device_naming:
        description:
          - Whether the guest learns the adapter's name, as an advanced property of its driver. Hyper-V's default is no.
            Legacy adapters don't have it.
        type: bool
      dhcp_guard:
        description: Drop what a DHCP server in the guest sends. Hyper-V's default is no.
        type: bool
      router_guard:
        description: Drop router advertisements and redirects that the guest sends. Hyper-V's default is no.
        type: bool
      vlan:
        description: How the switch port treats VLAN tags. Hyper-V's default is V(untagged).
        type: dict
        suboptions:
          mode:
            description:
              - V(untagged) passes what has no tag.
              - V(access) puts the guest into one VLAN without it knowing.
              - V(trunk) passes the tags of several VLANs to the guest.
            type: str
            choices: [untagged, access, trunk]
            required: true
          id:
            description: VLAN of mode V(access), from 1 to 4094.
            type: int
          native_id:
            description:
              - VLAN of the guest's untagged packets in mode V(trunk), from 1 to 4094. V(0) is none, the default.
            type: int
          allowed_ids:
            description:
              - VLANs that may pass in mode V(trunk), as ids and ranges of them from 1 to 4094, in a list or in a text
                such as V(1-10,20,711-719). Order, duplicates and the way of writing ranges make no difference.
            type: list
            elements: str
      bandwidth:
        description:
          - Share and limits of the adapter's bandwidth, in bits per second. Write them with C(kbps), C(Mbps) or C(Gbps)
            (powers of 1000, as network hardware counts), or as a number of bits. They are rounded to multiples of 8, as
            Hyper-V does.
          - Which of O(network_adapters.bandwidth.weight) and O(network_adapters.bandwidth.minimum) can be set was
            decided when the switch was created. The host refuses the other.
        type: dict
        suboptions:
          weight:
            description: Relative share of what the switch can send, from 0 (none) to 100. Hyper-V's default is 0.
            type: int
          minimum:
            description: Bandwidth that is kept for the adapter. V(0) keeps none, which is Hyper-V's default.
            type: str
          maximum:
            description: Most that the adapter gets. V(0) is no limit, which is Hyper-V's default.
            type: str
  disks:
    description: Disks that must be attached to the VM, as in M(nested.hyperv.vm_disk). Others are left alone.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - Full path of the disk file on the host, ending in C(.vhdx) or C(.vhd). A missing file is made, in a folder
            that is there or that the new VM gets by O(path).
          - An existing file is attached as it is. One that another VM has or that something else has open is an error.
        type: str
        required: true
      size:
        description:
          - Size that the guest sees, such as C(127GB), or a number of bytes. Needed to make a disk without a parent. A
            smaller disk grows to it, and a larger one is an error.
        type: str
      type:
        description: Type of a new disk, V(dynamic) where it isn't given, or V(differencing) where it has a parent.
        type: str
        choices: [fixed, dynamic, differencing]
      parent:
        description:
          - Path of the disk that a differencing disk is a child of. It must never change again, so one that is attached
            to a VM is an error.
        type: str
      block_size:
        description: Block size of a new disk, written like O(disks.size). The host chooses otherwise.
        type: str
      controller_type:
        description: Type of controller. C(ide) needs the VM off.
        type: str
        choices: [scsi, ide]
      controller_number:
        description: Number of the controller, counted from 0. A missing SCSI controller is added.
        type: int
      controller_location:
        description: Location on the controller. The first free one where it isn't given.
        type: int
  dvd_drives:
    description:
      - DVD drives that the VM must have, as in M(nested.hyperv.vm_dvd_drive). Others are left alone.
      - Each entry stands for another drive. One without a place is the drive that holds its image already, else the
        first one that no other entry means, else a new one.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - Path of the ISO image on the host. An empty string takes the medium out. Left as it is where it isn't given.
        type: str
      controller_type:
        description: Type of controller. C(ide) needs the VM off.
        type: str
        choices: [scsi, ide]
      controller_number:
        description: Number of the controller, counted from 0. A missing SCSI controller is added.
        type: int
      controller_location:
        description: Location on the controller. The first free one where it isn't given.
        type: int
  firmware:
    description: Firmware of the VM, what it boots and from where. All of it needs the VM off to change.
    type: dict
    suboptions:
      secure_boot:
        description: Whether only signed boot loaders may start. Generation 2 only, and on for a new VM.
        type: bool
      secure_boot_template:
        description:
          - Whose signatures count. V(windows) is Microsoft's for Windows, V(uefi_ca) the one that signs Linux boot
            loaders. V(windows) for a new VM. Generation 2 only. A template that the host lacks is an error.
          - Can't be changed any more once the VM ran with a virtual TPM.
        type: str
        choices: [windows, uefi_ca, shielded_open_source]
      boot_order:
        description:
          - Devices to boot from, first one first. Those that aren't listed follow in the order that they had.
          - An entry is V(disk), V(dvd) or V(network), for the first device of that kind. On generation 2 one device can
            be named, by its place (C(disk:0:1) for location 1 of SCSI controller 0), its file
            (C(disk:C:\VMs\os.vhdx)), or the name of the adapter (C(network:Management)).
          - Generation 1 knows kinds of devices only, and V(floppy).
          - A device that isn't attached, and that this task doesn't attach, is an error.
        type: list
        elements: str
  tpm:
    description:
      - Whether the VM has a virtual TPM. Generation 2 only. Needs the VM off to change.
      - It gets a key protector of the host's own, so the VM can't move to another host with it. A protector that is
        there is kept.
      - Made after the documentation of the host guardian classes and not yet seen on a real host over this protocol.
        A host that lacks them gives a clear error.
    type: bool
  checkpoints:
    description: What kind of checkpoints the VM has. Those that are there stay as they are.
    type: dict
    suboptions:
      type:
        description:
          - V(production) falls back to standard where the guest can't do it, V(production_only) doesn't. V(disabled)
            allows no checkpoints, V(standard) holds the memory of a running VM too.
        type: str
        choices: [disabled, production, production_only, standard]
      automatic:
        description:
          - Whether the host takes a checkpoint at each start of the VM, and merges it when the VM stops. On for a new
            VM on Windows 10 and 11, off on servers.
        type: bool
  automatic_start:
    description: What happens to the VM when the host starts.
    type: dict
    suboptions:
      action:
        description: V(restart_if_running) starts it if it ran when the host stopped, which is what a new VM has.
        type: str
        choices: [nothing, restart_if_running, always]
      delay:
        description: Seconds that the host waits before it starts the VM, 0 for a new one.
        type: int
  automatic_stop:
    description: What happens to the VM when the host stops.
    type: dict
    suboptions:
      action:
        description:
          - V(shut_down) asks the guest, V(save) keeps its state, which is what a new VM has, and V(turn_off) cuts its
            power.
        type: str
        choices: [turn_off, save, shut_down]
  integration_services:
    description: Which integration services the host offers to the guest. The names are the same in every language.
    type: dict
    suboptions:
      guest_service_interface:
        description: Copying files into the guest. Off for a new VM, unlike the others.
        type: bool
      heartbeat:
        description: The guest's sign of life.
        type: bool
      key_value_pair_exchange:
        description: What the guest tells of itself, its IP addresses among it.
        type: bool
      shutdown:
        description: Shutting the guest down from the host.
        type: bool
      time_synchronization:
        description: Setting the guest's clock. Nested clusters want it off.
        type: bool
      vss:
        description: The guest's backup service, which production checkpoints use.
        type: bool
  wait_for:
    description:
      - What to wait for with O(state=running) or O(state=restarted). V(heartbeat) is the guest's sign of life,
        V(ip_address) an address that the guest tells, other than link-local ones. With another state it is an error.
    type: str
    choices: [heartbeat, ip_address]
  wait_timeout:
    description:
      - Seconds to wait for what O(wait_for) says. After them the task fails, and the VM runs on. Check mode doesn't
        wait.
    type: int
    default: 300
  delete_disks:
    description:
      - With O(state=absent), delete the files of the VM's disks as well, also those of its checkpoints. What is on them
        is lost. Parents of differencing disks and ISO images stay.
      - A disk that another VM uses, itself or as a parent, is an error, and nothing is removed then.
    type: bool
    default: false
  remove_checkpoints:
    description:
      - With O(state=absent), remove a VM that has checkpoints, and them with it. Hyper-V merges their disks into those
        that the VM began with. Without it such a VM is refused.
      - Checkpoints that the host took by itself when the VM started don't count.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.power
seealso:
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_nesting
  - module: nested.hyperv.vm_checkpoint
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Make a VM that can run Hyper-V
  nested.hyperv.vm:
    name: node01
    generation: 2
    path: C:\VMs
    processor:
      count: 4
    memory:
      dynamic: false
      startup: 8GB
    network_adapters:
      - name: Management
        switch: Internal
    disks:
      - path: C:\VMs\node01\os.vhdx
        size: 127GB
    nesting:
      state: enabled
      mac_spoofing: true
    checkpoints:
      type: disabled

- name: Start a VM, and go on when its guest answers
  nested.hyperv.vm:
    name: lab01
    state: running
    wait_for: heartbeat
    wait_timeout: 600

- name: Shut a VM down and keep it off when the host starts
  nested.hyperv.vm:
    name: web01
    state: "off"
    automatic_start:
      action: nothing

- name: Remove a VM and its disks
  nested.hyperv.vm:
    name: lab01
    state: absent
    delete_disks: true
"""

RETURN = r"""
id:
  description: Id of the VM. Not there in check mode for a VM that would be made.
  returned: success, where the VM is or was there
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
name:
  description: Name of the VM.
  returned: success
  type: str
  sample: node01
ip_addresses:
  description: The guest's IP addresses.
  returned: with O(wait_for=ip_address)
  type: list
  elements: str
  sample: [192.168.100.2]
power_cycle_required:
  description: Whether the changes need a VM off that isn't.
  returned: success, or when refused for it
  type: bool
  sample: false
power_cycled:
  description: Whether the VM was turned off and started again for the changes.
  returned: success
  type: bool
  sample: false
completed:
  description: What had been done before a later step failed, in words.
  returned: when a later step failed
  type: list
  elements: str
  sample: [make the VM 'node01']
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Task, ensure, having_done
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._hyperv.vm import guest as wait
from ..module_utils._hyperv.vm import power
from ..module_utils._hyperv.vm import whole as lifecycle
from ..module_utils._standalone import run_alone
from ..module_utils._task.errors import Missing
from ..module_utils._task.session import Host
from ..module_utils._task.step import Step

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.OPTIONS,
        "state": {
            "type": "str",
            "choices": ["present", "absent", "running", "off", "saved", "paused", "restarted"],
            "default": "present",
        },
        **lifecycle.OPTIONS,
        **wait.OPTIONS,
        "delete_disks": {"type": "bool", "default": False},
        "remove_checkpoints": {"type": "bool", "default": False},
        **power.OPTIONS,
    },
    **vm.ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    params = task.params
    wanted = lifecycle.parse(params)
    wait.check(params)
    found = _find(host, params)
    if params["state"] == "absent":
        return _remove(host, task, found)
    return _change(host, task, found, wanted) if found else _make(host, task, wanted)


def _find(host: Host, params: Mapping[str, Any]) -> vm.VM | None:
    try:
        return vm.find_by(host, params)
    except Missing:
        if params["name"] and host.predicts("vm", params["name"]):
            raise  # what is done to a VM that only this check would have made can't be told
        return None


def _change(
    host: Host,
    task: Task,
    found: vm.VM,
    wanted: dict[str, Any],
    made: Step | None = None,
    whole: Step | None = None,
) -> dict[str, Any]:
    params = task.params
    way = power.plan(host, found, params["state"], power.Permission.of(params))
    steps = lifecycle.plan(host, way.vm, params, wanted, lifecycle.read(host, found, params))
    if params["state"] == "restarted":
        task = task._replace(params={**params, "allow_power_cycle": True})
    result = ensure(
        host,
        task,
        [*way.first, *steps],
        way.vm,
        then=way.then,
        made=made,
        whole=whole,
        wait=wait.for_it(host, found, params),
    )
    return {**result, "id": found.id, "name": found.name}


def _make(host: Host, task: Task, wanted: dict[str, Any]) -> dict[str, Any]:
    name, params = task.params["name"], task.params
    lifecycle.check_new(name)
    future = vm.VM("", name, vm.OFF)
    way = power.plan(host, future, params["state"], power.Permission.of(params))
    # Planned against what Hyper-V makes, so that every refusal comes before anything is made.
    shell = lifecycle.fresh(params)
    settings = lifecycle.plan_settings(host, future, params, wanted, shell)
    devices = lifecycle.plan_devices(host, future, params, wanted, shell)
    whole = lifecycle.describe_new(name, params, [*settings, *devices, *way.then])
    if task.check_mode:
        return {**ensure(host, task, [whole]), "name": name, "would_make": lifecycle.would_make(host, name, params)}
    made = lifecycle.describe_new(name, params, settings)
    found = lifecycle.create(host, name, params, wanted)
    with having_done(made):
        return _change(host, task, found, wanted, made, whole)


def _remove(host: Host, task: Task, found: vm.VM | None) -> dict[str, Any]:
    params = task.params
    if found is None:
        return {**ensure(host, task, []), "name": params["name"]}
    way = power.plan_off(host, found, power.Permission.of(params))
    steps = lifecycle.plan_removal(host, found, params["remove_checkpoints"], params["delete_disks"])
    return {**ensure(host, task, [*way.first, *steps], way.vm), "id": found.id, "name": found.name}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
