# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wsl
short_description: Install and configure the Windows Subsystem for Linux
version_added: 1.0.0
description:
  - Enables the features of Windows that WSL 2 requires, installs or upgrades the MSI package of WSL for all users, and
    configures WSL for the user of the connection.
  - The features are C(VirtualMachinePlatform), and before build 22000 (Windows 11) also
    C(Microsoft-Windows-Subsystem-Linux).
  - The task is refused if WSL 2 cannot work, that is before build 19041, on Windows Server 2019, on Windows 10 and
    Windows Server 2022 without the updates that WSL requires, for the user LocalSystem, and if a policy forbids WSL.
    The refused rule and its source are returned.
  - The module does not use C(wsl --install) and C(wsl --update), which need a desktop or the Internet.
options:
  state:
    description:
      - V(present) installs WSL. V(absent) removes the MSI package. The features of Windows, the settings and the
        distributions are not removed; see M(nested.hyperv.guest_feature) and M(nested.hyperv.wsl_distribution).
      - Corresponds to C(msiexec /i) and C(msiexec /x).
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - MSI package of WSL, as a full path in the guest, or as an C(https) or C(http) URL that the guest can reach. The
        guest downloads a URL with C(curl.exe) to the folder for temporary files of Windows, and the task removes the
        file afterwards. Microsoft publishes the packages C(wsl.<version>.x64.msi) as releases of C(microsoft/WSL).
      - Messages and progress lines contain a URL without its query, such as the signature of a SAS URL.
      - Required if WSL is not installed, or older than O(version).
      - The package is installed with C(SKIPMSIX=1), that is without the Store package, which cannot be used in sessions
        without a desktop and whose installation may start PowerShell.
      - Corresponds to C(msiexec /i).
    type: str
  checksum:
    description:
      - Checksum of O(source), as C(sha256:) and 64 hexadecimal digits. C(sha384) and C(sha512) are supported as well.
        The guest computes it with C(certutil.exe). If it differs, nothing is installed.
      - Required for an C(http) URL.
    type: str
  version:
    description:
      - Version of WSL that is required at least, such as V(2.7.14). An older package is upgraded, a newer one is kept.
      - Defaults to the version in the file name of O(source). If the name contains no version, any installed version is
        kept.
      - An upgrade stops the distributions that run. The task warns about this.
    type: str
  config:
    description:
      - Settings of WSL for the user of the connection, as sections of keys, such as C(wsl2) with C(memory). They are
        written to the file C(.wslconfig) in the user's profile. Other keys and comments of the file are kept. A key
        that is null is removed.
      - WSL reads the file when its virtual machine starts, see O(shutdown). WSL ignores keys that it does not know.
    type: dict
    default: {}
  nested_virtualization:
    description:
      - Whether the virtual machine of WSL may run virtual machines itself. In a guest of Hyper-V this would be a
        further level of nested virtualization, which Microsoft does not support in production, so that the default
        differs from the one of WSL.
      - Corresponds to the key C(nestedVirtualization) in the section C(wsl2) of C(.wslconfig). A key in O(config) takes
        precedence.
    type: bool
    default: false
  default_version:
    description:
      - Version of WSL for new distributions of the user of the connection. M(nested.hyperv.wsl_distribution) imports
        distributions with version 2 in any case.
      - Corresponds to C(wsl --set-default-version).
    type: int
    choices: [1, 2]
    default: 2
  shutdown:
    description:
      - Whether to shut down WSL if settings in C(.wslconfig) change, so that they take effect with the next start. This
        stops all distributions of the user.
      - With V(false), the settings take effect when the virtual machine of WSL starts the next time, by default one
        minute after the last distribution has stopped.
      - Corresponds to C(wsl --shutdown).
    type: bool
    default: false
  feature_timeout:
    description:
      - Number of seconds that the change of features may take, including the time to wait for other programs that
        change Windows.
    type: int
    default: 1800
  download_timeout:
    description: Number of seconds that the download of O(source) may take, and the computation of its checksum.
    type: int
    default: 1800
  install_timeout:
    description:
      - Number of seconds that Windows Installer may take, including the time to wait for another installation. Windows
        Installer may continue an installation that takes longer.
    type: int
    default: 900
extends_documentation_fragment:
  - nested.hyperv._guest
  - nested.hyperv._guest.reboot
notes:
  - WSL belongs to the user of the connection. Use the same account for all tasks, without C(become).
  - The virtualization extensions of the processor must be exposed to the VM on its Hyper-V host, see
    M(nested.hyperv.vm_nesting). WSL can be installed without them, but no distribution starts.
  - In check mode, the package of a URL is not downloaded, so that its checksum is not compared.
seealso:
  - module: nested.hyperv.wsl_distribution
  - module: nested.hyperv.guest_feature
  - module: nested.hyperv.guest_reboot
  - module: nested.hyperv.vm_nesting
  - name: Advanced settings configuration in WSL
    description: Keys of .wslconfig.
    link: https://learn.microsoft.com/windows/wsl/wsl-config
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Install WSL from a file in the guest, and restart the guest if required
  nested.hyperv.wsl:
    source: C:\install\wsl.2.7.14.0.x64.msi
    allow_reboot: true

- name: Upgrade WSL from an internal server
  nested.hyperv.wsl:
    source: https://files.example.com/wsl.2.9.4.0.x64.msi
    checksum: sha256:d0e8d38a2ba8996742771df79135cc71b9ec55e757ea33777572f53f43af73fe

- name: Limit the memory of WSL, and shut it down so that the limit takes effect
  nested.hyperv.wsl:
    config:
      wsl2:
        memory: 4GB
        guiApplications: false
    shutdown: true

- name: Remove WSL
  nested.hyperv.wsl:
    state: absent
"""

RETURN = r"""
wsl:
  description: WSL after the task, or predicted in check mode.
  returned: success
  type: dict
  contains:
    version:
      description:
        - Version of the installed package, null without one. In check mode, null if the file name of O(source) and
          O(version) do not contain the version that would be installed.
      type: str
      sample: 2.7.14.0
    location:
      description: Folder of the installed package, null without one.
      type: str
      sample: C:\Program Files\WSL
    features:
      description: States of the required features, as in RV(nested.hyperv.guest_feature#module:features).
      type: list
      elements: dict
      sample: [{name: VirtualMachinePlatform, state: enabled}]
    default_version:
      description: Version of WSL for new distributions of the user.
      type: int
      sample: 2
    config:
      description: Settings in C(.wslconfig) of the user, as sections of keys.
      type: dict
      sample: {wsl2: {nestedVirtualization: "false"}}
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: true
rebooted:
  description: Whether the task restarted Windows. Always C(false) in check mode.
  returned: success, or when the task fails on its way
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
  sample: msiexec.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 1603
error:
  description: Error code of WSL with its path.
  returned: when C(wsl.exe) failed
  type: str
  sample: Wsl/ERROR_ACCESS_DISABLED_BY_POLICY
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: "curl: (22) The requested URL returned error: 404"
log:
  description: Path of the log of Windows Installer in the guest.
  returned: when Windows Installer failed
  type: str
  sample: C:\Windows\Temp\nested_hyperv_wsl.log
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [enable feature VirtualMachinePlatform]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ['install WSL from C:\install\wsl.2.7.14.0.x64.msi']
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._policy.rules import wsl as rules
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._windows import reboot
from ..module_utils._windows.wsl import installation

SPEC: dict[str, Any] = {
    "argument_spec": {**installation.OPTIONS, **reboot.OPTIONS},
    "supports_check_mode": True,
}

MAY_BE_EMPTY = ("config",)


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = installation.parse(task.params)
    state = installation.fetch(target, rules.lacks if wanted.present else None)
    changes = installation.plan(target, state, wanted, task.params["allow_reboot"], rules.lacks_of_installer)
    waits = partial(installation.waits, target, changes)
    cycle = reboot.RebootCycle.of(target, task.params, waits, changes.first)
    return installation.completed(ensure(changes.plan, task.check_mode, cycle), changes)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
