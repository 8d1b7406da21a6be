# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Create, configure, start, stop and remove Hyper-V virtual machines
version_added: 1.0.0
description:
  - Manages a whole VM in one task. Creates the VM if it does not exist; otherwise applies the requested settings, with
    at most one power cycle. Options that are omitted are not changed.
  - The sections have the options of the modules for single parts of a VM, such as M(nested.hyperv.vm_memory).
  - All options are checked before any change. If a later step fails nevertheless, the result lists the completed steps,
    and another run of the task completes the rest.
options:
  id:
    description:
      - ID (GUID) of an existing VM, as M(nested.hyperv.vm_info) returns it. Mutually exclusive with O(name), which is
        required to create a VM.
    type: str
  new_name:
    description:
      - New name of the VM, of 1 to 100 characters. Its ID, its files and the names of its folders stay as they are.
      - The VM may have this name already, so the task can run again. It is refused if another VM has the name, and
        with a VM that does not exist.
      - Corresponds to C(Rename-VM -NewName).
    type: str
    version_added: 1.0.0
  state:
    description:
      - V(present) creates the VM if it does not exist. Its power state is not changed; new VMs are created powered off.
      - V(running), V(off), V(saved) and V(paused) change the power state as well. To turn off the VM, its guest is shut
        down, unless O(force_off=true). A VM that is off is started before it is saved or paused.
      - V(restarted) turns off the VM and starts it at every run. A VM that is off is started.
      - V(absent) turns off the VM and removes it with its configuration and its saved state. Its disk files are kept,
        unless O(delete_disks=true). A VM with checkpoints is removed only with O(remove_checkpoints=true).
      - V(off), V(restarted) and V(absent) permit turning off the VM, so they do not require O(allow_power_cycle).
      - Corresponds to C(New-VM), C(Start-VM), C(Stop-VM), C(Save-VM), C(Suspend-VM), C(Resume-VM), C(Restart-VM) and
        C(Remove-VM).
    type: str
    choices: [present, absent, running, "off", saved, paused, restarted]
    default: present
  generation:
    description:
      - Generation of a new VM. V(1) has a BIOS and IDE controllers. V(2) has UEFI firmware and supports secure boot and
        a virtual TPM.
      - Defaults to V(2). The generation of an existing VM cannot be changed. The task is refused if it differs.
      - Corresponds to C(New-VM -Generation).
    type: int
    choices: [1, 2]
  version:
    description:
      - Configuration version of the VM, such as C(9.0), or V(latest) for the default version of the host, which is the
        latest that is released. The module M(nested.hyperv.host_info) returns the versions that the host supports.
      - A new VM has the default version of the host if this option is omitted. An older version allows migration to an
        older host.
      - An existing VM of an older version is upgraded only with O(upgrade_version=true). A version lower than that of
        the VM is an error.
      - Corresponds to C(New-VM -Version) and C(Update-VMVersion).
    type: str
  upgrade_version:
    description:
      - Whether to upgrade an existing VM whose configuration version is older than O(version). An upgrade cannot be
        undone, and an older host cannot run the VM afterwards. With V(false), the task is refused if the VM requires an
        upgrade.
      - The host upgrades VMs to its default version only, so O(version) must be V(latest) or this version.
      - Requires the VM to be off. A VM with checkpoints that contain a saved state is not upgraded.
      - Only used with O(version). Corresponds to C(Update-VMVersion -Force).
    type: bool
    default: false
    version_added: 1.0.0
  path:
    description:
      - Folder on the host in which Hyper-V creates a folder with the name of the VM for its configuration, checkpoints
        and saved state. Both folders are created if they do not exist, on an existing drive.
      - Defaults to the VM folder in the Hyper-V settings of the host.
      - Only used when the VM is created. Existing VMs are not moved.
      - Corresponds to C(New-VM -Path).
    type: str
  notes:
    description: Notes of the VM. An empty string clears them. Corresponds to C(Set-VM -Notes).
    type: str
  processor:
    description: Virtual processors, as in M(nested.hyperv.vm_processor).
    type: dict
  memory:
    description:
      - Memory, as in M(nested.hyperv.vm_memory).
      - If virtualization extensions are exposed to a running VM, changes of its amounts of memory require the VM to be
        off, see O(memory.hypervisor_in_guest).
    type: dict
  nesting:
    description: Nested virtualization, as in M(nested.hyperv.vm_nesting).
    type: dict
  network_adapters:
    description:
      - Network adapters of the VM, as in M(nested.hyperv.vm_network_adapter). Network adapters that are not in the list
        are not changed.
      - Adding a network adapter to a running generation 1 VM requires the VM to be off.
    type: list
    elements: dict
  disks:
    description:
      - Virtual hard disks of the VM, as in M(nested.hyperv.vm_disk). Disks that are not in the list are not changed.
    type: list
    elements: dict
  dvd_drives:
    description:
      - DVD drives of the VM, as in M(nested.hyperv.vm_dvd_drive). DVD drives that are not in the list are not changed.
      - Each entry describes a separate drive. An entry without a controller location matches the drive that already
        holds the image. If no drive holds it, the entry matches the first drive that no other entry matches. If all
        drives are matched, a drive is added.
    type: list
    elements: dict
  firmware:
    description: Firmware settings. Changing them requires the VM to be off.
    type: dict
    suboptions:
      secure_boot:
        description:
          - Whether secure boot is enabled, so that only signed boot loaders can start. Not supported by generation 1
            VMs.
          - Defaults to V(true) for a new VM. Corresponds to C(Set-VMFirmware -EnableSecureBoot).
        type: bool
      secure_boot_template:
        description:
          - Secure boot template. V(windows) is C(MicrosoftWindows), V(uefi_ca) is C(MicrosoftUEFICertificateAuthority)
            for Linux, V(shielded_open_source) is C(OpenSourceShieldedVM). Not supported by generation 1 VMs. The task
            is refused if the host does not have the template.
          - Cannot be changed after the VM was started with a virtual TPM.
          - Defaults to V(windows) for a new VM. Corresponds to C(Set-VMFirmware -SecureBootTemplate).
        type: str
        choices: [windows, uefi_ca, shielded_open_source]
      boot_order:
        description:
          - Boot devices in their order. Devices that are not in the list follow in their present order.
          - An entry is V(disk), V(dvd) or V(network), which stands for the first device of this kind that no other
            entry names. The first disk or DVD drive is that with the lowest controller location, the first network
            adapter that which comes first in the present boot order, or in the task if the task adds it.
          - For generation 2 VMs, an entry can also name a device by its controller number and location (C(disk:0:1) for
            location 1 of SCSI controller 0), by its file (C(disk:C:\VMs\os.vhdx)), or by the name of the network
            adapter (C(network:Management)).
          - For generation 1 VMs, entries are V(disk), V(dvd), V(network) and V(floppy) only.
          - A device that is not attached to the VM, and that the task does not attach, is an error, as is a device that
            two entries name.
          - Corresponds to C(Set-VMFirmware -BootOrder) and, for generation 1 VMs, to C(Set-VMBios -StartupOrder).
        type: list
        elements: str
  tpm:
    description:
      - Whether the VM has a virtual TPM. Not supported by generation 1 VMs.
      - The virtual TPM is protected by a key protector of the host, so that the VM cannot be migrated to another host
        with it. An existing key protector is kept.
      - Based on the documentation of the host guardian classes. It has not been tested on a real host over
        WS-Management yet. The task is refused on hosts without these classes.
      - Changing this option requires the VM to be off. Corresponds to C(Enable-VMTPM), C(Disable-VMTPM) and
        C(Set-VMKeyProtector -NewLocalKeyProtector).
    type: bool
  checkpoints:
    description: Checkpoint settings. Existing checkpoints are not changed.
    type: dict
    suboptions:
      type:
        description:
          - Type of the checkpoints of the VM. V(disabled) allows no checkpoints. V(standard) checkpoints include the
            memory of a running VM. V(production) checkpoints use the backup service of the guest instead, and are
            replaced by standard checkpoints if the guest does not support them. V(production_only) does not fall back
            to standard checkpoints.
          - Defaults to V(standard) for a new VM, whereas C(New-VM) sets V(production). Corresponds to
            C(Set-VM -CheckpointType).
        type: str
        choices: [disabled, production, production_only, standard]
      automatic:
        description:
          - Whether the host takes a checkpoint each time the VM is started, and merges it when the VM is stopped.
          - Defaults to V(true) for a new VM on Windows 10 and 11, and to V(false) on Windows Server. Corresponds to
            C(Set-VM -AutomaticCheckpointsEnabled).
        type: bool
  automatic_start:
    description: Action for the VM when the host is started.
    type: dict
    suboptions:
      action:
        description:
          - V(nothing) leaves the VM off, V(always) starts it, V(restart_if_running) starts it if it was running when
            the host was stopped.
          - Defaults to V(restart_if_running) for a new VM. Corresponds to C(Set-VM -AutomaticStartAction).
        type: str
        choices: [nothing, restart_if_running, always]
      delay:
        description:
          - Number of seconds that the host waits before it starts the VM. Defaults to 0 for a new VM. Corresponds to
            C(Set-VM -AutomaticStartDelay).
        type: int
  automatic_stop:
    description: Action for the VM when the host is stopped.
    type: dict
    suboptions:
      action:
        description:
          - V(shut_down) shuts down the guest, V(save) saves the state of the VM, V(turn_off) turns off the VM without a
            shutdown.
          - Defaults to V(save) for a new VM. Corresponds to C(Set-VM -AutomaticStopAction).
        type: str
        choices: [turn_off, save, shut_down]
  integration_services:
    description:
      - Integration services that the host offers to the guest. The names of the options do not depend on the language
        of the host. Can be changed while the VM is running.
      - Corresponds to C(Enable-VMIntegrationService -Name) and C(Disable-VMIntegrationService -Name).
    type: dict
    suboptions:
      guest_service_interface:
        description: Guest service interface, which copies files to the guest. Defaults to V(false) for a new VM.
        type: bool
      heartbeat:
        description: Heartbeat service. Defaults to V(true) for a new VM.
        type: bool
      key_value_pair_exchange:
        description:
          - Data Exchange (KVP) service, through which the guest reports its OS and IP addresses. Defaults to V(true)
            for a new VM.
        type: bool
      shutdown:
        description: Shutdown service, which lets the host shut down the guest. Defaults to V(true) for a new VM.
        type: bool
      time_synchronization:
        description:
          - Time synchronization of the guest with the host. It should be disabled for nested clusters. Defaults to
            V(true) for a new VM.
        type: bool
      vss:
        description: Backup service (VSS), which production checkpoints require. Defaults to V(true) for a new VM.
        type: bool
  wait_for:
    description:
      - Condition to wait for after the VM was started. V(heartbeat) waits until the heartbeat service of the guest
        responds, V(ip_address) until the guest reports an IP address that is not link-local.
      - V(winrm) and V(ssh) wait until the service of the guest answers the control node, without a login. The control
        node tries each address that the guest reports, or O(wait_address), and before it a static mapping of the host
        that leads to this address and port (see M(nested.hyperv.nat_mapping)).
      - Requires O(state=running) or O(state=restarted).
      - Corresponds to C(Wait-VM -For).
    type: str
    choices: [heartbeat, ip_address, winrm, ssh]
  wait_address:
    description:
      - IPv4 address, IPv6 address or host name of the guest for O(wait_for=winrm) and O(wait_for=ssh), if the guest
        reports no address. For a guest behind a NAT, the internal address of its static mapping.
    type: str
    version_added: 1.0.0
  wait_port:
    description:
      - Port of the service in the guest, for O(wait_for=winrm) and O(wait_for=ssh). Defaults to 5985 for V(winrm) and
        22 for V(ssh). Port 5986 uses TLS, and its certificate is not verified.
    type: int
    version_added: 1.0.0
  wait_timeout:
    description:
      - Number of seconds to wait for the condition in O(wait_for). If it is not met after this time, the task fails and
        the VM is left running. Ignored in check mode.
      - Corresponds to C(Wait-VM -Timeout).
    type: int
    default: 300
  delete_disks:
    description:
      - With O(state=absent), whether to delete the disk files of the VM, including the files of its checkpoints. All
        data on the disks is lost. Parents of differencing disks and ISO images are kept.
      - A disk that another VM uses, directly or as a parent, is an error. In this case, the VM is not removed.
    type: bool
    default: false
  remove_checkpoints:
    description:
      - With O(state=absent), whether to remove a VM together with its checkpoints. Hyper-V merges the disks of the
        checkpoints into the disks of the VM. With V(false), the task is refused if the VM has checkpoints.
      - Automatic checkpoints are removed in any case.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm
  - nested.hyperv._vm.power
  - nested.hyperv._processor.vm
  - nested.hyperv._memory.vm
  - nested.hyperv._nesting.vm
  - nested.hyperv._network_adapter.vm
  - nested.hyperv._drive.vm_disks
  - nested.hyperv._drive.vm_dvd_drives
seealso:
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_nesting
  - module: nested.hyperv.vm_checkpoint
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Create a VM that can run Hyper-V
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

- name: Start a VM and wait for the heartbeat of its guest
  nested.hyperv.vm:
    name: lab01
    state: running
    wait_for: heartbeat
    wait_timeout: 600

- name: Start a VM and wait until Ansible can connect to its guest
  nested.hyperv.vm:
    name: lab01
    state: running
    wait_for: ssh

- name: Upgrade the configuration version of a VM, with a power cycle if it is running
  nested.hyperv.vm:
    name: old02
    version: latest
    upgrade_version: true
    allow_power_cycle: true

- name: Shut down a VM and disable its automatic start
  nested.hyperv.vm:
    name: web01
    state: "off"
    automatic_start:
      action: nothing

- name: Remove a VM and delete its disks
  nested.hyperv.vm:
    name: lab01
    state: absent
    delete_disks: true
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM. Not returned in check mode for a VM that would be created.
  returned: success, if the VM exists or was removed
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
name:
  description: Name of the VM.
  returned: success
  type: str
  sample: node01
ip_addresses:
  description: IP addresses that the guest reports, or O(wait_address).
  returned: with O(wait_for=ip_address), O(wait_for=winrm) or O(wait_for=ssh)
  type: list
  elements: str
  sample: [192.168.100.2]
reached_at:
  description: Address and port at which the service of the guest answered the control node.
  returned: with O(wait_for=winrm) or O(wait_for=ssh)
  type: dict
  sample: {address: 192.0.2.10, port: 55985}
power_cycle_required:
  description: Whether the changes require the VM to be powered off.
  returned: success, or when the task fails during the changes or is refused because the VM is not off
  type: bool
  sample: false
power_cycled:
  description: Whether the VM was turned off and is on again.
  returned: success, or when a later step failed
  type: bool
  sample: false
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [create the VM 'node01']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [create the VM 'node01']
left_off:
  description: A sentence that says that the VM is off, or may go off, although it was not off before the task.
  returned: when the VM could not be started again, or its saved state was discarded
  type: str
  sample: "VM 'web01' is off; start it with state: running"
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: nested-vm-version
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
lacks:
  description: Rules that prevent nested virtualization of the VM on this host.
  returned: when the task is refused because of these rules
  type: list
  elements: dict
  contains:
    rule:
      description: ID of the rule.
      type: str
      sample: nested-vm-version
    source:
      description: Source of the rule in Microsoft's documentation.
      type: str
      sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
    found:
      description: Values that violate the rule.
      type: str
      sample: version 8.0 with AuthenticAMD
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, guest, memory, power, whole
from ..module_utils._hyperv.vm.find import VM
from ..module_utils._hyperv.vm.parts import Parts, fetch_all
from ..module_utils._hyperv.vm.power import Permission, VmCycle
from ..module_utils._policy.rules import nesting as rules
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Missing
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.OPTIONS,
        "new_name": {"type": "str"},
        "state": {
            "type": "str",
            "choices": ["present", "absent", "running", "off", "saved", "paused", "restarted"],
            "default": "present",
        },
        **whole.OPTIONS,
        **guest.OPTIONS,
        "delete_disks": {"type": "bool", "default": False},
        "remove_checkpoints": {"type": "bool", "default": False},
        **power.OPTIONS,
        **jobs.OPTIONS,
    },
    **find.ONE,
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("notes", "dvd_drives.path")


def run(host: Target, task: Task) -> dict[str, Any]:
    params = task.params
    wanted = whole.parse(params)
    guest.check(params)
    vm = _fetch(host, params)
    if params["state"] == "absent":
        return _remove(host, task, vm)
    return _change(host, task, vm, wanted) if vm else _create(host, task, wanted)


def _fetch(host: Target, params: Mapping[str, Any]) -> VM | None:
    try:
        return find.fetch_renamed(host, params) if params["new_name"] else find.fetch_by_name(host, params)
    except Missing:
        if params["new_name"] and params["state"] != "absent":
            raise
        return None


def _change(host: Target, task: Task, vm: VM, wanted: whole.Wanted) -> dict[str, Any]:
    params, permission = task.params, Permission.of(task.params)
    if params["state"] == power.RESTARTED:
        permission = permission._replace(allow_power_cycle=True)
    way = power.plan_state(host, vm, params["state"], permission)
    parts = fetch_all(Parts(host, way.vm, rules), whole.features(wanted))
    steps = [*way.first, *whole.plan(parts, params, wanted)]
    if way.after and way.vm.state == find.OFF:
        memory.check_start(parts, "state")
    cycle = VmCycle(host, way.vm, permission)
    plan = Plan(steps, cycle.later(way.after), outcome=guest.waiting(host, vm, params))
    return {**ensure(plan, task.check_mode, cycle), "id": vm.id, "name": params["new_name"] or vm.name}


def _create(host: Target, task: Task, wanted: whole.Wanted) -> dict[str, Any]:
    name, params = task.params["name"], task.params
    whole.check_new(name)
    parts, permission = whole.fresh(host, name, params, wanted, rules), Permission.of(params)
    vm = parts.vm
    way = power.plan_state(host, vm, params["state"], permission)
    steps = whole.plan_new(parts, params, wanted)
    if way.after:
        memory.check_start(parts, "state")
    plan = Plan(steps, way.after, whole.summary(name, [*steps, *way.after]), guest.waiting(host, vm, params))
    result = ensure(plan, task.check_mode, VmCycle(host, vm, permission))
    return {**result, "id": vm.id, "name": name}


def _remove(host: Target, task: Task, vm: VM | None) -> dict[str, Any]:
    params, permission = task.params, Permission.of(task.params)
    if vm is None:
        result = ensure(Plan(), task.check_mode, VmCycle(host, None, permission))
        return {**result, "name": params["name"]}
    way = power.plan_off(host, vm, permission)
    steps = [*way.first, *whole.plan_removal(host, vm, params["remove_checkpoints"], params["delete_disks"])]
    with power.left_off_said(host, vm):
        result = ensure(Plan(steps), task.check_mode, VmCycle(host, way.vm, permission))
    return {**result, "id": vm.id, "name": vm.name}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
