# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_screenshot
short_description: Save a picture of the screen of a Hyper-V virtual machine
version_added: 1.0.0
description:
  - Saves the picture that a running or paused VM shows at its console as a PNG file on the control node. Requires no
    network and no integration services in the guest.
  - Changes the file if the picture differs from it. The VM is not changed. If O(dest) is omitted, the task only returns
    sizes and whether the picture is blank.
  - The picture may contain secrets, so only the user who runs Ansible can read the file (mode 0600).
  - On Windows client hosts without an active display (no monitor and no remote session), pictures of all VMs are black
    (RV(blank=true)).
options:
  dest:
    description:
      - Path of the PNG file on the control node. A relative path begins at the folder of the playbook. Missing folders
        are created.
    type: str
  width:
    description:
      - Width of the picture in pixels, at most that of the screen. A larger one is reduced, with a warning. Requires
        O(height).
      - Defaults to the size with the proportions of the screen that fits the messages of a host with default settings,
        which is 480 x 360 for a screen of 1024 x 768.
      - If the host cannot send a picture of this size, a smaller one is saved, with a warning. Raise
        C(MaxEnvelopeSizekb) of its WinRM service in this case. A picture of 1024 x 768 takes about 2100 KB.
    type: int
  height:
    description:
      - Height of the picture in pixels, as O(width), which it requires.
    type: int
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._vm.part
seealso:
  - module: nested.hyperv.vm_keyboard
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Save a picture of a VM that does not respond
  nested.hyperv.vm_screenshot:
    vm: web01
    dest: screenshots/web01.png

- name: Save a picture in the size of the screen
  nested.hyperv.vm_screenshot:
    vm: db01
    dest: screenshots/db01.png
    width: 640
    height: 480
"""

RETURN = r"""
id:
  description: ID (GUID) of the VM.
  returned: success
  type: str
  sample: 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11
dest:
  description: Path of the PNG file on the control node, null if O(dest) is omitted.
  returned: success
  type: str
  sample: /home/lab/screenshots/web01.png
width:
  description: Width of the picture in pixels.
  returned: success
  type: int
  sample: 480
height:
  description: Height of the picture in pixels.
  returned: success
  type: int
  sample: 360
screen:
  description: Size of the screen of the VM in pixels.
  returned: success
  type: dict
  sample: {width: 1024, height: 768}
blank:
  description: Whether all pixels have the same color.
  returned: success
  type: bool
  sample: false
"""

import hashlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.vm import find, screen
from ..module_utils._standalone import run_alone
from ..module_utils._task import local_file
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan, Step

SPEC: dict[str, Any] = {
    "argument_spec": {**find.PART_OPTIONS, "dest": {"type": "str"}, **screen.OPTIONS, **jobs.OPTIONS},
    **find.PART_ONE,
    "required_together": [("width", "height")],
    "supports_check_mode": True,
}

# Paths on the control node that the module writes.
LOCAL_OUTPUTS = ("dest",)


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted, dest = screen.parse(task.params), task.params["dest"]
    before = local_file.checksum(dest, "dest") if dest else None
    vm = find.fetch_of_part(host, task.params)
    taken = screen.fetch(host, vm, wanted)
    steps = [_save(host, vm, dest, before, taken.png)] if dest else []
    return {
        **ensure(Plan(steps), task.check_mode),
        "id": vm.id,
        "dest": dest,
        **taken.size._asdict(),
        "screen": taken.screen._asdict(),
        "blank": taken.blank,
    }


def _save(host: Target, vm: find.VM, dest: str, before: str | None, content: bytes) -> Step:
    def apply() -> None:
        if not host.foresees:
            local_file.write(dest, content, "dest")

    after = hashlib.sha256(content).hexdigest()
    return Step(f"save a picture of {vm}", {"dest": before}, {"dest": after}, apply)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
