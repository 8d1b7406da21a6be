# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_checkpoint
short_description: Take, apply and delete checkpoints of a VM
version_added: 0.1.0
description:
  - Takes a checkpoint of a VM, goes back to one, or deletes one.
options:
  name:
    description:
      - Name of the checkpoint, taken literally and compared without case, or its id.
      - A name that several checkpoints of the VM share is an error that lists their ids.
    type: str
    required: true
  state:
    description:
      - V(present) takes a checkpoint where there is none of this name.
      - V(absent) deletes the checkpoint. What stands on it stays, unless O(include_children) says otherwise. The host
        merges its disks in the background.
      - V(applied) brings the VM back to the checkpoint. What happened since is lost. It is done at every run, since
        nothing tells whether the VM has changed meanwhile. A running or paused VM is turned off for it hard, as its
        state is thrown away anyway, and brought back to running or paused, which O(allow_power_cycle) has to allow.
      - With V(applied) a VM that was off or saved is off afterwards, or saved where the checkpoint holds memory.
    type: str
    choices: [present, absent, applied]
    default: present
  type:
    description:
      - V(production) uses the guest's own backup service and holds no memory, V(standard) holds the memory of a
        running VM too.
      - The VM's own setting decides where it isn't given, see O(nested.hyperv.vm#module:checkpoints.type). Of use with
        O(state=present) only.
    type: str
    choices: [production, standard]
  include_children:
    description: With O(state=absent), delete the checkpoints below it as well.
    type: bool
    default: false
  allow_power_cycle:
    description:
      - Whether a running or paused VM may be turned off to apply a checkpoint, and started again. Without it the task
        is refused.
    type: bool
    default: false
  discard_saved_state:
    description:
      - Whether the saved state of a saved VM may be thrown away to apply a checkpoint. Without it the task is refused.
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
notes:
  - A VM in which Hyper-V runs is best turned off before a checkpoint is taken or applied. The playbook
    C(nested.hyperv.reset_lab) does it for all VMs of a lab together.
seealso:
  - module: nested.hyperv.vm
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Take a checkpoint to come back to
  nested.hyperv.vm_checkpoint:
    vm: lab01
    name: clean

- name: Go back to it
  nested.hyperv.vm_checkpoint:
    vm: web01
    name: clean
    state: applied
    allow_power_cycle: true

- name: Delete a checkpoint and those below it
  nested.hyperv.vm_checkpoint:
    vm: web01
    name: clean
    state: absent
    include_children: true
"""

RETURN = r"""
id:
  description: Id of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
checkpoints:
  description: The checkpoints of the VM before the task, oldest first.
  returned: success
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
power_cycle_required:
  description: Whether the changes need a VM off that isn't.
  returned: success, or when refused for it
  type: bool
  sample: true
power_cycled:
  description: Whether the VM was turned off and started again.
  returned: success, or where a step failed
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ensure import Step, Task, ensure
from ..module_utils._hyperv.vm import checkpoint, power
from ..module_utils._hyperv.vm import find as vm
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Host

SPEC: dict[str, Any] = {
    "argument_spec": {
        **vm.PART_OPTIONS,
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "applied"], "default": "present"},
        "type": {"type": "str", "choices": list(checkpoint.TYPES)},
        "include_children": {"type": "bool", "default": False},
        "allow_power_cycle": power.OPTIONS["allow_power_cycle"],
        "discard_saved_state": power.OPTIONS["discard_saved_state"],
    },
    **vm.PART_ONE,
    "supports_check_mode": True,
}


def run(host: Host, task: Task) -> dict[str, Any]:
    found = vm.find_whole(host, task.params)
    checkpoints = checkpoint.read(host, found)
    steps = {"present": _present, "absent": _absent, "applied": _applied}[task.params["state"]](
        host, found, checkpoints, task.params
    )
    # What runs is thrown away by going back, so the guest isn't asked to shut down first.
    task = task._replace(params={**task.params, "force_off": True})
    result = ensure(host, task, steps, found)
    return {**result, "id": found.id, "checkpoints": [checkpoint.describe(one, checkpoints) for one in checkpoints]}


def _present(host: Host, found: vm.VM, checkpoints: list[checkpoint.Checkpoint], params: dict[str, Any]) -> list[Step]:
    name = params["name"]
    if checkpoint.select(found, checkpoints, name):
        return []
    checkpoint.check_new(host, found, name)
    what = f"take the checkpoint '{name}' of {found}"
    after = {"checkpoints": [*(one.name for one in checkpoints), name]}
    return [Step(what, _names(checkpoints), after, lambda: checkpoint.create(host, found, name, params["type"]))]


def _absent(host: Host, found: vm.VM, checkpoints: list[checkpoint.Checkpoint], params: dict[str, Any]) -> list[Step]:
    one = checkpoint.select(found, checkpoints, params["name"])
    if one is None:
        return []
    gone = [one, *(checkpoint.descendants(checkpoints, one) if params["include_children"] else [])]
    after = {"checkpoints": [other.name for other in checkpoints if other not in gone]}
    what = f"delete the checkpoint '{one.name}' of {found}"
    return [
        Step(
            what,
            _names(checkpoints),
            after,
            lambda: checkpoint.delete(host, found, one, params["include_children"]),
        )
    ]


def _applied(host: Host, found: vm.VM, checkpoints: list[checkpoint.Checkpoint], params: dict[str, Any]) -> list[Step]:
    one = checkpoint.required(found, checkpoints, params["name"])
    what = f"apply the checkpoint '{one.name}' to {found}"
    needs_off: tuple[str, ...] = ("state",)
    if found.state == vm.SAVED:  # Hyper-V applies checkpoints to saved VMs, but what is saved is lost all the same
        power.check_may_turn_off(found, ["state"], power.Permission.of(params))
        needs_off = ()
    return [Step(what, {"applied": None}, {"applied": one.name}, lambda: checkpoint.apply(host, found, one), needs_off)]


def _names(checkpoints: list[checkpoint.Checkpoint]) -> dict[str, Any]:
    return {"checkpoints": [one.name for one in checkpoints]}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
