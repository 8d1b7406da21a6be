# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wsl_distribution
short_description: Manage Linux distributions of WSL 2
version_added: 1.0.0
description:
  - Imports a distribution for WSL 2 from an archive or a virtual disk, sets its default user, selects the default
    distribution, and removes distributions.
  - Distributions belong to the user of the connection, who must be the same for all tasks. Other users do not see them.
  - An import is refused if WSL 2 cannot work, for example because WSL is not installed, a feature of Windows is not
    enabled or waits for a restart, or no hypervisor runs in the guest.
  - A distribution of WSL 1 is converted to WSL 2.
options:
  name:
    description:
      - Name of the distribution, compared without case. Letters, digits, dots, underscores and hyphens, but no hyphen
        first.
      - Corresponds to the first argument of C(wsl --import) and C(wsl --unregister).
    type: str
    required: true
  state:
    description:
      - V(present) imports the distribution if it does not exist. V(absent) stops and removes it, and deletes its disk
        with all files in it.
      - Corresponds to C(wsl --import) and C(wsl --unregister).
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - File to import, as a full path in the guest, or as an C(https) or C(http) URL that the guest can reach. The
        guest downloads a URL with C(curl.exe) to the folder for temporary files of Windows, and the task removes the
        file afterwards.
      - An archive (C(.tar), C(.tar.gz), C(.tgz), C(.tar.xz), C(.txz)), a distribution file (C(.wsl)), or a virtual disk
        with a Linux file system (C(.vhdx), C(.vhd)), which is copied. The links to the C(.wsl) files of common
        distributions and their checksums are listed in C(DistributionInfo.json) of C(microsoft/WSL).
      - Messages and progress lines contain a URL without its query, such as the signature of a SAS URL.
      - Required if the distribution does not exist.
      - Corresponds to the third argument of C(wsl --import), and to its switch C(--vhd).
    type: str
  checksum:
    description:
      - Checksum of O(source), as C(sha256:) and 64 hexadecimal digits. C(sha384) and C(sha512) are supported as well.
        The guest computes it with C(certutil.exe). If it differs, nothing is imported.
      - The checksum is stored with the distribution. If a distribution of this name exists and was imported from a
        source with another checksum, the task is refused.
      - Required for an C(http) URL.
    type: str
  location:
    description:
      - Folder for the disk of the distribution, as a full path in the guest. It is created if it does not exist,
        together with its parent folders. It must not be compressed or encrypted.
      - Only used when the distribution is imported. If the distribution exists in another folder, the task is refused.
      - Defaults to the folder C(AppData\Local\wsl\<name>) in the user's profile. Corresponds to the second argument of
        C(wsl --import).
    type: str
  in_place:
    description:
      - Whether to use the virtual disk O(source) itself instead of a copy. V(absent) for O(state) then deletes it.
      - Corresponds to C(wsl --import-in-place).
    type: bool
    default: false
  default_user:
    description:
      - User of the distribution as whom programs run if no other one is chosen. The user must exist in the
        distribution. The task starts the distribution to find out its current default user, also in check mode. If the
        user changes, the task stops the distribution, so that it starts with the new one.
      - A user in C(/etc/wsl.conf) of the distribution takes precedence. If it is another one, the task fails.
      - New distributions have the default user V(root), unless they contain a C(/etc/wsl.conf).
      - Corresponds to C(wsl --manage <name> --set-default-user).
    type: str
  default:
    description:
      - Whether to make this the default distribution of the user, which C(wsl) starts without a name. V(false) changes
        nothing. The first distribution of a user becomes the default one in any case.
      - Corresponds to C(wsl --set-default).
    type: bool
    default: false
  verify:
    description:
      - Whether to start the distribution and return the release of its Linux kernel in RV(kernel). The task fails if
        the distribution does not start. In check mode, an existing distribution is started as well.
      - Runs C(wsl -d <name> -u root --exec /bin/uname -r).
    type: bool
    default: false
  scheduled_task:
    description:
      - Whether C(wsl.exe) may run in a scheduled task of the same user if it fails because of the kind of logon that a
        remote shell has. Set it if a task fails with C(Wsl/E_ACCESSDENIED), C(0x8007023f) or C(0x80070520) although the
        user has rights on the files. C(wsl.exe) always runs in the remote shell first.
      - The scheduled task C(nested_hyperv_<SID of the user>) is registered through the CIM class C(PS_ScheduledTask)
        without a password. It runs C(cmd.exe) with C(wsl.exe) as the user with the highest privileges, and writes the
        output to the folder C(AppData\Local) in the user's profile. When C(wsl.exe) ends, the scheduled task and the
        output are deleted; if that fails, the next task with this option deletes them. A warning says that a scheduled
        task was used.
      - It has no access to shares and encrypted files (logon type S4U). The user requires the right "Log on as a batch
        job", which administrators have by default. Products that watch computers for attacks may report that a
        scheduled task was registered remotely.
      - Check mode creates no scheduled task. A warning names each value that it could not read for that reason.
      - Corresponds to C(Register-ScheduledTask -Xml).
    type: bool
    default: false
  download_timeout:
    description: Number of seconds that the download of O(source) may take, and the computation of its checksum.
    type: int
    default: 1800
  import_timeout:
    description: Number of seconds that importing, converting or removing the distribution may take.
    type: int
    default: 1800
  start_timeout:
    description:
      - Number of seconds that the distribution may take to start, including the first start of the virtual machine of
        WSL, which is slow in a nested VM.
    type: int
    default: 300
extends_documentation_fragment:
  - nested.hyperv._guest
notes:
  - WSL itself is installed by M(nested.hyperv.wsl). The module runs the C(wsl.exe) of the MSI package by its full path.
  - In check mode, the file of a URL is not downloaded, so that its checksum is not compared.
seealso:
  - module: nested.hyperv.wsl
  - module: nested.hyperv.guest_reboot
  - module: nested.hyperv.vm_nesting
  - name: Basic commands for WSL
    description: Reference of wsl.exe.
    link: https://learn.microsoft.com/windows/wsl/basic-commands
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Import a distribution from a file in the guest, and prove that it runs
  nested.hyperv.wsl_distribution:
    name: Ubuntu-24.04
    source: C:\install\ubuntu-24.04.4-wsl-amd64.wsl
    verify: true

- name: Import a distribution from a URL into a folder of its own
  nested.hyperv.wsl_distribution:
    name: build
    source: https://files.example.com/rootfs.tar
    checksum: sha256:03a9a6ab9c94172c17e3562b29f6bcb25ab6307736d8cd503b0063e981a4585d
    location: D:\wsl\build

- name: Set the default user, and make a distribution the default one
  nested.hyperv.wsl_distribution:
    name: build
    default_user: builder
    default: true

- name: Use a virtual disk without a copy of it
  nested.hyperv.wsl_distribution:
    name: golden
    source: D:\wsl\golden\ext4.vhdx
    in_place: true

- name: Import a distribution although Windows refuses wsl.exe to remote shells
  nested.hyperv.wsl_distribution:
    name: tools
    source: C:\install\ubuntu-24.04.4-wsl-amd64.wsl
    scheduled_task: true

- name: Remove a distribution with its files
  nested.hyperv.wsl_distribution:
    name: build
    state: absent
"""

RETURN = r"""
distribution:
  description: The distribution after the task, or predicted in check mode. Null if it does not exist.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the distribution.
      type: str
      sample: build
    location:
      description: Folder of the distribution.
      type: str
      sample: D:\wsl\build
    disk:
      description: Path of the virtual disk.
      type: str
      sample: D:\wsl\build\ext4.vhdx
    wsl_version:
      description: Version of WSL under the distribution.
      type: int
      sample: 2
    default:
      description: Whether this is the default distribution of the user.
      type: bool
      sample: true
kernel:
  description:
    - Release of the Linux kernel, null without O(verify), and in check mode for a distribution that does not exist yet.
      The kernel of Microsoft contains C(microsoft-standard-WSL2).
  returned: success
  type: str
  sample: 6.18.33.2-microsoft-standard-WSL2
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: false
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: wsl-guest-build
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/windows/wsl/install-on-server
program:
  description: The program that failed.
  returned: when a program failed
  type: str
  sample: wsl.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 4294967295
error:
  description: Error code of WSL with its path.
  returned: when C(wsl.exe) failed
  type: str
  sample: Wsl/Service/RegisterDistro/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: WSL2 is unable to start since virtualization is not enabled on this machine.
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ['import distribution ''build'' from C:\install\rootfs.tar.gz']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ['import distribution ''build'' from C:\install\rootfs.tar.gz']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._policy.rules import wsl as rules
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows.wsl import command, distribution

SPEC: dict[str, Any] = {
    "argument_spec": distribution.OPTIONS,
    "supports_check_mode": True,
}


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = distribution.parse(task.params)
    if task.params["scheduled_task"]:
        command.allow_scheduled_task(target)
    found = distribution.fetch(target, wanted.name)
    if task.params["state"] == "absent":
        steps = distribution.plan_removal(target, found, wanted.import_timeout)
        return ensure(Plan(steps, outcome=distribution.outcome_of_removal), task.check_mode)
    steps = distribution.plan(target, found, wanted, rules.lacks)
    kernel = distribution.verify(target, found, wanted)
    return ensure(Plan(steps, outcome=lambda: distribution.outcome(target, wanted, kernel)), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
