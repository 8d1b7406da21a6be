# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_file
short_description: Write, read and delete files and folders of Windows
version_added: 1.0.0
description:
  - Writes a file of up to 32 MB from a text or from a file on the control node, creates a folder, or deletes either of
    them. The folders of a new file are created as well.
  - A file is sent through the connection of the task, without SMB, to a temporary name in the same folder. It replaces
    the existing file when its checksum has been verified in Windows.
options:
  path:
    description: Full path of the file or folder on a drive of Windows. Shares are not supported.
    type: str
    required: true
  state:
    description:
      - V(present) is a file, and V(directory) a folder. V(absent) deletes a file, or a folder that is empty.
      - With V(present), either O(content) or O(src) is the content of the file. Without them, the file must exist.
    type: str
    choices: [present, absent, directory]
    default: present
  content:
    description:
      - Content of the file, encoded in UTF-8 without a byte order mark. Line ends are not changed. An empty text is an
        empty file.
      - Corresponds to C(Set-Content -Value).
    type: str
  src:
    description:
      - Path of a file on the control node that is copied as it is. A relative path is searched as by
        M(ansible.builtin.copy).
      - Larger files can be copied by M(ansible.windows.win_copy), or downloaded in Windows.
      - Corresponds to C(Copy-Item -Path) with C(Copy-Item -ToSession).
    type: path
  checksum:
    description:
      - SHA-256 checksum that the file must have, as a hexadecimal number. Another checksum is an error.
      - Corresponds to C(Get-FileHash -Algorithm).
    type: str
  fetch:
    description:
      - Whether to return the content of the file after the task. It must be a text of up to 1 MB, in UTF-8, or in
        UTF-16 with a byte order mark.
      - Corresponds to C(Get-Content -Raw).
    type: bool
    default: false
extends_documentation_fragment:
  - nested.hyperv._guest
notes:
  - Before Windows 10 version 1803 and Windows Server 2019, which lack C(tar.exe), O(fetch) reads plain texts only, and
    paths must not contain C(%).
  - New files inherit the permissions of their folder. Attributes and permissions of a replaced file are not kept.
seealso:
  - module: ansible.windows.win_copy
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Write a configuration file
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\settings.json
    content: '{"debug": true}'

- name: Copy a file from the control node, and verify its checksum
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\app.conf
    src: app.conf
    checksum: 7e345a0e41f4558fc52da8bb59ae5f125f771fdda3e804a4e4dd281dac7e15de

- name: Read a file
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\settings.json
    fetch: true
  register: settings

- name: Read a file that may not exist
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\settings.json
    fetch: true
  register: settings
  failed_when:
    - settings is failed
    - settings.kind | default('') != 'no_file'

- name: Create a folder
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\logs
    state: directory

- name: Delete a file
  nested.hyperv.guest_file:
    path: C:\ProgramData\app\settings.json
    state: absent
"""

RETURN = r"""
path:
  description: Path of the file or folder.
  returned: success
  type: str
  sample: C:\ProgramData\app\settings.json
file:
  description: The file after the task, or predicted in check mode. Null for a folder, and without a file.
  returned: success
  type: dict
  contains:
    size:
      description: Size in bytes.
      type: int
      sample: 15
    checksum:
      description: SHA-256 checksum.
      type: str
      sample: 5ecd15ca290addbb878a1df42071196b54781a1c6f620010baeb948e518144c9
content:
  description: Content of the file.
  returned: success, with O(fetch=true)
  type: str
  sample: '{"debug": true}'
kind:
  description:
    - Kind of the failure, for C(failed_when). V(no_file) if the file does not exist, and V(not_empty) if the folder is
      not empty.
  returned: when the file does not exist, or the folder is not empty
  type: str
  sample: no_file
return_value:
  description: Code with which Windows refused the request.
  returned: when Windows refused the request
  type: int
  sample: 2
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 1
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: "tar.exe: Error exit delayed from previous errors."
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ["write 'C:\\ProgramData\\app\\settings.json'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["write 'C:\\ProgramData\\app\\settings.json'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import file, file_plan

SPEC: dict[str, Any] = {
    "argument_spec": file_plan.OPTIONS,
    "mutually_exclusive": [("content", "src")],
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("content",)
# Options that name a file on the control node.
LOCAL_FILES = ("src",)


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = file_plan.parse(task.params)
    steps = file_plan.plan(target, wanted)

    def outcome() -> dict[str, Any]:
        state = file.fetch(target, wanted.path) if wanted.state == "present" else None
        found = state and {"size": state["size"], "checksum": state["checksum"]}
        text = {"content": file.read_text(target, wanted.path)} if task.params["fetch"] else {}
        return {"path": wanted.path, "file": found, **text}

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
