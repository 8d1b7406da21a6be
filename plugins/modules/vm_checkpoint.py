# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_checkpoint
short_description: Take, rename, apply and delete checkpoints of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Takes a checkpoint of a VM, renames a checkpoint, reverts the VM to a checkpoint, or deletes a checkpoint.
options:
  name:
    description:
      - Name of the checkpoint, taken literally and compared without case, or its ID. A new checkpoint has a name of 1
        to 100 characters.
      - If several checkpoints of the VM share the name, the task fails with a list of their IDs.
      - Corresponds to C(Checkpoint-VM -SnapshotName).
    type: str
    required: true
  new_name:
    description:
      - New name of the checkpoint, of 1 to 100 characters. Its ID stays as it is.
      - The checkpoint may have this name already, so the task can run again. It is refused if another checkpoint of the
        VM has the name, and with a checkpoint that does not exist.
      - Requires O(state=present).
      - Corresponds to C(Rename-VMSnapshot -NewName).
    type: str
    version_added: 1.0.0
  state:
    description:
      - V(present) takes a checkpoint if the VM has none of this name, or renames it if O(new_name) is set.
      - V(absent) deletes the checkpoint. Its child checkpoints are kept, unless O(include_children=true). The host
        merges its disks in the background.
      - V(applied) reverts the VM to the checkpoint. All changes since the checkpoint are lost. The checkpoint is
        applied at every run, because the host does not report whether the VM has changed since.
      - With V(applied), a running or paused VM is turned off without a guest shutdown, because its state is discarded
        anyway, and is running or paused again afterwards. This requires O(allow_power_cycle=true).
      - With V(applied), a VM that was off or saved is off afterwards, or saved if the checkpoint includes memory.
      - Corresponds to C(Checkpoint-VM), C(Remove-VMSnapshot) and C(Restore-VMSnapshot).
    type: str
    choices: [present, absent, applied]
    default: present
  type:
    description:
      - Type of a new checkpoint. V(production) uses the backup service of the guest and does not include memory.
        V(standard) includes the memory of a running VM.
      - Defaults to the checkpoint type of the VM, see O(nested.hyperv.vm#module:checkpoints.type). Only used when the
        checkpoint is taken.
    type: str
    choices: [production, standard]
  include_children:
    description:
      - With O(state=absent), whether to delete all child checkpoints as well. Corresponds to
        C(Remove-VMSnapshot -IncludeAllChildSnapshots).
    type: bool
    default: false
  allow_power_cycle:
    description:
      - Whether a running or paused VM may be turned off to apply a checkpoint, and started again. With V(false), the
        task is refused.
    type: bool
    default: false
  discard_saved_state:
    description:
      - Whether the saved state of a saved VM may be deleted to apply a checkpoint. With V(false), the task is refused.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
notes:
  - A VM that runs Hyper-V should be off when a checkpoint is taken or applied. The playbook C(nested.hyperv.reset_lab)
    turns off all VMs of a lab before it applies their checkpoints.
seealso:
  - module: nested.hyperv.vm
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Take a checkpoint
  nested.hyperv.vm_checkpoint:
    vm: lab01
    name: clean

- name: Rename a checkpoint
  nested.hyperv.vm_checkpoint:
    vm: lab01
    name: clean
    new_name: installed

- name: Revert a VM to a checkpoint
  nested.hyperv.vm_checkpoint:
    vm: web01
    name: clean
    state: applied
    allow_power_cycle: true

- name: Delete a checkpoint and its child checkpoints
  nested.hyperv.vm_checkpoint:
    vm: web01
    name: clean
    state: absent
    include_children: true
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
checkpoint_id:
  description:
    - ID of the checkpoint that the task created, found, applied or deleted.
    - Not returned in check mode if the task would create the checkpoint.
  returned: if the checkpoint exists before or after the task
  type: str
  sample: 7C9E6679-7425-40DE-944B-E07FC1F90AE7
checkpoints:
  description: Checkpoints of the VM before the task, oldest first.
  returned: success
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
power_cycle_required:
  description: Whether the changes require the VM to be powered off.
  returned: success, or when the task fails during the changes or is refused because the VM is not off
  type: bool
  sample: true
power_cycled:
  description: Whether the VM was turned off and is on again.
  returned: success, or when a later step failed
  type: bool
  sample: true
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [apply the checkpoint 'clean' to VM 'web01']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [shut down VM 'web01']
left_off:
  description: A sentence that says that the VM is off, or may go off, although it was not off before the task.
  returned: when the VM could not be started again, or its saved state was discarded
  type: str
  sample: "VM 'web01' is off; start it with state: running"
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import checkpoint, find, power
from ..module_utils._hyperv.vm.checkpoint import Checkpoint
from ..module_utils._hyperv.vm.parts import Parts
from ..module_utils._hyperv.vm.power import Permission, VmCycle
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Invalid
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan, Step

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        "name": {"type": "str", "required": True},
        "new_name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent", "applied"], "default": "present"},
        "type": {"type": "str", "choices": list(checkpoint.TYPES)},
        "include_children": {"type": "bool", "default": False},
        "allow_power_cycle": power.OPTIONS["allow_power_cycle"],
        "discard_saved_state": power.OPTIONS["discard_saved_state"],
        **jobs.OPTIONS,
    },
    **find.PART_ONE,
    "supports_check_mode": True,
}


def run(host: Target, task: Task) -> dict[str, Any]:
    name, new_name = task.params["name"], task.params["new_name"]
    if new_name is not None and task.params["state"] != "present":
        text = f"requires 'state: present', not 'state: {task.params['state']}'; leave it out"
        raise Invalid(text, option="new_name")
    vm = find.fetch_of_part(host, task.params)
    checkpoints = checkpoint.query(host, vm)
    if new_name is None:
        selected = checkpoint.select(vm, checkpoints, name)
    else:
        selected = checkpoint.select_renamed(vm, checkpoints, name, new_name)
    chosen = [selected] if selected else []
    plan = {"present": partial(_present, chosen), "absent": _absent, "applied": _applied}[task.params["state"]]
    steps = plan(Parts(host, vm), checkpoints, task.params)
    # The guest isn't asked to shut down first, because its state is discarded anyway.
    cycle = VmCycle(host, vm, Permission.of(task.params)._replace(force_off=True))
    result = ensure(Plan(steps), task.check_mode, cycle)
    return {
        **result,
        "id": vm.id,
        **({"checkpoint_id": chosen[0].guid} if chosen else {}),
        "checkpoints": [checkpoint.describe(item, checkpoints) for item in checkpoints],
    }


def _present(
    chosen: list[Checkpoint], parts: Parts, checkpoints: list[Checkpoint], params: Mapping[str, Any]
) -> list[Step]:
    """The step that creates the checkpoint and adds it to ``chosen``, or renames the one that is there."""
    name = params["name"]
    if chosen:
        return _renamed(parts, chosen[0], params["new_name"])

    def create() -> None:
        chosen.append(checkpoint.create(parts.host, parts.vm, name, params["type"]))

    checkpoint.check_new(parts, name)
    what = f"create the checkpoint '{name}' of {parts.vm}"
    after = {"checkpoints": [*(item.name for item in checkpoints), name]}
    before = _names(checkpoints)
    return [Step(what, before, after, create)]


def _renamed(parts: Parts, target: Checkpoint, new_name: str | None) -> list[Step]:
    if new_name is None:
        return []
    what = f"rename the checkpoint '{target.name}' of {parts.vm} to '{new_name}'"
    before, after = {"new_name": target.name}, {"new_name": new_name}
    return [Step(what, before, after, lambda: checkpoint.rename(parts.host, parts.vm, target, new_name))]


def _absent(parts: Parts, checkpoints: list[Checkpoint], params: Mapping[str, Any]) -> list[Step]:
    target, with_children = checkpoint.select(parts.vm, checkpoints, params["name"]), params["include_children"]
    if target is None:
        return []
    deleted = [target, *(checkpoint.descendants(checkpoints, target) if with_children else [])]
    after = _names([item for item in checkpoints if item not in deleted])
    what = f"delete the checkpoint '{target.name}' of {parts.vm}"
    before = _names(checkpoints)
    return [Step(what, before, after, lambda: checkpoint.delete(parts.host, parts.vm, target, with_children))]


def _applied(parts: Parts, checkpoints: list[Checkpoint], params: Mapping[str, Any]) -> list[Step]:
    vm, target = parts.vm, checkpoint.required(parts.vm, checkpoints, params["name"])
    what = f"apply the checkpoint '{target.name}' to {vm}"
    needs_off: tuple[str, ...] = ("state",)
    if vm.state == find.SAVED:  # Hyper-V applies checkpoints to saved VMs, but the saved state is lost all the same
        power.check_may_turn_off(vm, ["state"], Permission.of(params))
        needs_off = ()
    before, after = {"applied": None}, {"applied": target.name}
    return [Step(what, before, after, lambda: checkpoint.apply(parts.host, vm, target), needs_off)]


def _names(checkpoints: list[Checkpoint]) -> dict[str, Any]:
    return {"checkpoints": [item.name for item in checkpoints]}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
