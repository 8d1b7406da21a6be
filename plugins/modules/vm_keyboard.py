# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_keyboard
short_description: Type on the keyboard of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Sends keys to the virtual keyboard of a running VM, as a person at its console does. Requires no network and no
    integration services in the guest.
  - Typing is a change at every run. With O(repeat), a VM that has booted already is not changed.
  - The order is O(ctrl_alt_del), O(text), O(keys), O(scancodes). Modifier keys that an earlier task or person left
    pressed are released first.
  - The host confirms each key, but it does not report whether the key reaches the guest. Keys are sent one at a time,
    30 ms apart, because hosts lose keys that follow each other faster. M(nested.hyperv.vm_screenshot) saves a picture
    of the result.
options:
  text:
    description:
      - Text to type. A line end (C(\n) or C(\r\n)) is the Enter key, a tab is the Tab key. Other control characters
        are an error.
      - Without O(layout), the host types the text itself, with printable ASCII characters only and as on a US keyboard
        (C(Msvm_Keyboard.TypeText)). If the guest uses another keyboard layout, other characters arrive.
      - The text may be a password. It is not returned, is not part of the diff, and errors contain only positions of
        characters.
    type: str
  layout:
    description:
      - Keyboard layout of the guest, to type O(text) as scan codes. A character that the layout does not have is an
        error.
      - Defaults to the layout of the host's method, which is that of a US keyboard.
    type: str
    choices: [en-US, de-DE]
  keys:
    description:
      - Keys to press and release, in this order. An entry is a letter, a digit or the name of a key, such as V(enter),
        V(tab), V(esc), V(space), V(f8), V(up), V(page_down) or V(delete), after any of V(ctrl), V(alt), V(shift) and
        V(win), such as V(alt+f4).
      - Letters and digits are the keys of a US keyboard, without Shift. V(A) is the same key as V(a), which the diff
        shows, and V(shift+a) types C(A). The named keys are the same in every layout. Signs such as C(/) are typed
        with O(text).
    type: list
    elements: str
  scancodes:
    description:
      - Keys as PS/2 scan codes of set 1, in hexadecimal, such as V(1c 9c) for Enter pressed and released. Each entry is
        one key with its modifiers, because hosts lose several keys of one call.
    type: list
    elements: str
  ctrl_alt_del:
    description:
      - Whether to press Ctrl+Alt+Del. Firmware restarts the boot, Windows shows its security screen.
    type: bool
    default: false
  start:
    description:
      - Whether to start the VM first if it is off. The keyboard is determined before the start, so that no time is lost
        until the first key.
      - With V(false), a VM that is off is an error. Corresponds to C(Start-VM).
    type: bool
    default: false
  repeat:
    description:
      - Types the keys several times while the VM boots, for a prompt that is open for a few seconds, such as C(Press
        any key to boot from CD or DVD). Errors of a round are ignored if any round succeeds.
      - Nothing is typed if the VM has been running for longer than O(repeat.max_uptime), which is a warning, or if the
        heartbeat service of its guest responds. Typing ends as soon as it responds.
      - The host does not report whether an installer has started, so keys may reach it. Keep O(repeat.for) short, and
        choose a key that does no harm in the installer.
    type: dict
    suboptions:
      every:
        description: Number of seconds between two rounds, at least 0.1.
        type: float
        default: 1
      for:
        description: Number of seconds in which rounds begin. V(0) is one round.
        type: float
        default: 8
      max_uptime:
        description:
          - Number of seconds since the start of the VM after which no typing begins. V(0) is no limit.
        type: int
        default: 30
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
seealso:
  - module: nested.hyperv.vm_screenshot
  - module: nested.hyperv.vm_dvd_drive
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Start a VM and boot it from its DVD drive
  nested.hyperv.vm_keyboard:
    vm: lab01
    start: true
    keys: [enter]
    repeat:
      every: 1
      for: 8

- name: Sign in at the console of a VM with a German keyboard layout
  nested.hyperv.vm_keyboard:
    vm: web01
    layout: de-DE
    text: "admin\tGeheim!1\n"
  no_log: true

- name: Open a command prompt in Windows Setup
  nested.hyperv.vm_keyboard:
    vm: web01
    keys: [shift+f10]

- name: Restart the boot of a VM that has no boot device
  nested.hyperv.vm_keyboard:
    vm: old01
    ctrl_alt_del: true

- name: Press the left Windows key
  nested.hyperv.vm_keyboard:
    vm: old02
    scancodes: [e0 5b e0 db]
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
keys_typed:
  description: Number of keys and characters of a round, 0 if nothing is typed.
  returned: success
  type: int
  sample: 1
rounds:
  description: Number of rounds that the host accepted.
  returned: when keys were typed
  type: int
  sample: 8
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [start VM 'lab01']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [type on the keyboard of VM 'lab01']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, keyboard, power
from ..module_utils._hyperv.vm.find import VM
from ..module_utils._standalone import run_alone
from ..module_utils._task.answer import before_again
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Refused
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan, Step

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        **keyboard.OPTIONS,
        "start": {"type": "bool", "default": False},
        **jobs.OPTIONS,
    },
    **find.PART_ONE,
    "supports_check_mode": True,
}

# Options whose empty text means something: a blank is a key, too.
MAY_BE_EMPTY = ("text",)


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = keyboard.parse(task.params)
    vm = find.fetch_of_part(host, task.params)
    typing = not (wanted.repeat and keyboard.has_booted(host, vm, wanted.repeat))
    rounds: list[int] = []
    steps = [*_start(host, vm, task.params["start"], wanted), *([_type(host, vm, wanted, rounds)] if typing else [])]
    result = ensure(Plan(steps), task.check_mode)
    return {
        **result,
        "id": vm.id,
        "keys_typed": wanted.keys if typing else 0,
        **({"rounds": sum(rounds)} if rounds else {}),
    }


def _start(host: Target, vm: VM, permitted: bool, wanted: keyboard.Wanted) -> list[Step]:
    if vm.state == find.RUNNING:
        return []
    if vm.state != find.OFF or not permitted:
        way_out = (
            "Start it first, or let this task do it with 'start: true'" if vm.state == find.OFF else "Resume it first"
        )
        raise Refused(f"{vm} is {vm.state}, and takes keys only while it runs. {way_out}", option="start", vm=vm.name)
    (step,) = power.plan_state(host, vm, find.RUNNING, power.Permission()).after

    def start() -> None:
        with before_again(f"If {vm} runs by then, the prompt of its boot has passed; turn it off before"):
            step.apply()

    return [step._replace(apply=start) if wanted.repeat else step]


def _type(host: Target, vm: VM, wanted: keyboard.Wanted, rounds: list[int]) -> Step:
    keys = keyboard.query_keys(host, vm)

    def apply() -> None:
        if not host.foresees:
            rounds.append(keyboard.type_keys(host, vm, keys, wanted))

    return Step(f"type on the keyboard of {vm}", {"typed": None}, {"typed": dict(wanted.described)}, apply)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
