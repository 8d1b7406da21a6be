# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: seed_iso
short_description: Create an ISO image that configures a guest at its first boot
version_added: 1.0.0
description:
  - Creates a small ISO image on the control node and sends it to the Hyper-V host, through the connection of the task.
    A guest that boots for the first time with this image in a DVD drive configures itself from it.
  - Windows reads an answer file, from the options of O(windows) or from the text in O(unattend). A generalized Windows
    takes its name, passwords and addresses from it, and answers WinRM requests. With O(windows.install), Windows Setup
    also installs Windows from an installation disc without questions.
  - Linux reads the files of O(cloud_init) if cloud-init is installed (data source NoCloud).
  - The image is compared with the existing one by its label and its files. It is not replaced while a VM that is not
    off has it in a DVD drive.
options:
  path:
    description:
      - Full path of the image on a drive of the host, ending in C(.iso). Shares are not supported. Missing folders are
        created.
    type: str
    required: true
  state:
    description:
      - Whether the image exists. V(absent) deletes it. An image in a DVD drive of a VM is not deleted; remove the drive
        first with M(nested.hyperv.vm_dvd_drive).
      - With V(present), at least one of O(windows), O(unattend), O(cloud_init) and O(files) is required.
    type: str
    choices: [present, absent]
    default: present
  label:
    description:
      - Volume label of the image, at most 16 letters, digits, hyphens, dots and underscores.
      - Defaults to C(cidata) with O(cloud_init), which cloud-init requires, and to C(UNATTEND) otherwise.
    type: str
  windows:
    description:
      - Configuration of Windows, written as the answer files C(Autounattend.xml) and C(Unattend.xml). Mutually
        exclusive with O(unattend).
      - A Windows that was generalized with C(sysprep /unattend) ignores the image, because its own answer file has
        precedence.
    type: dict
    suboptions:
      computer_name:
        description:
          - Name of the computer, 1 to 15 letters, digits and hyphens.
          - Corresponds to C(Rename-Computer -NewName).
        type: str
        required: true
      administrator_password:
        description:
          - Password of the account Administrator, which is disabled in client editions of Windows. Required without
            O(windows.users), because Windows asks for one on its console otherwise.
          - Corresponds to C(Set-LocalUser -Password).
        type: str
      users:
        description:
          - Local accounts to create. Client editions of Windows require at least one with
            O(windows.users[].administrator).
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the account, at most 20 characters. It must differ from the name of the computer and from the
                accounts that Windows has already, such as Administrator (see O(windows.administrator_password)).
              - Corresponds to C(New-LocalUser -Name).
            type: str
            required: true
          password:
            description: Password of the account. Corresponds to C(New-LocalUser -Password).
            type: str
            required: true
          administrator:
            description:
              - Whether the account is a member of the group Administrators instead of Users. With O(windows.winrm),
                such accounts get their full rights over the network as well (C(LocalAccountTokenFilterPolicy)).
              - Corresponds to C(Add-LocalGroupMember -Member).
            type: bool
            default: true
      password_policy:
        description:
          - Passwords that are refused, because the guest would refuse them at its first boot.
          - V(windows) requires at least 6 characters of at least three of the four kinds lower case, upper case, digits
            and special characters, and no name of the account in the password. V(azure_stack_hci) requires at least 14
            characters of all four kinds. V(none) accepts every password, for an image with another policy.
        type: str
        choices: [windows, azure_stack_hci, none]
        default: windows
      network_adapters:
        description:
          - Network adapters with a static address. Other adapters use DHCP.
          - An adapter with an IPv4 and an IPv6 address has one entry for each of them.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the adapter in Windows. Defaults to C(Ethernet), the first adapter in most languages of Windows.
                Mutually exclusive with O(windows.network_adapters[].mac_address).
              - Corresponds to C(New-NetIPAddress -InterfaceAlias).
            type: str
          mac_address:
            description:
              - MAC address of the adapter, such as C(00-15-5D-01-02-03), which the VM must have as its static address.
              - Identifies the adapter instead of C(New-NetIPAddress -InterfaceAlias).
            type: str
          address:
            description:
              - IPv4 or IPv6 address with its prefix length, such as C(192.168.100.11/24).
              - Corresponds to C(New-NetIPAddress -IPAddress).
            type: str
            required: true
          gateway:
            description:
              - Address of the default gateway, in the network of O(windows.network_adapters[].address), or link-local
                with IPv6, such as C(fe80::1).
              - Corresponds to C(New-NetIPAddress -DefaultGateway).
            type: str
          dns_servers:
            description:
              - Addresses of the DNS servers, in the order in which they are asked. If an adapter has two entries, the
                servers of the first entry are asked first.
              - Corresponds to C(Set-DnsClientServerAddress -ServerAddresses).
            type: list
            elements: str
      time_zone:
        description:
          - Time zone by its name in Windows, such as C(W. Europe Standard Time), as C(tzutil.exe /l) lists them. The
            time zone of the image is not changed if omitted. Corresponds to C(Set-TimeZone -Name).
        type: str
      locale:
        description:
          - Language and formats, such as C(en-US). The language must be installed in the image. Not changed if omitted.
        type: str
      keyboard:
        description:
          - Keyboard layout, such as C(de-DE) or C(0407:00000407). Several layouts are separated by semicolons. Defaults
            to O(windows.locale).
        type: str
      product_key:
        description:
          - Product key, five groups of five letters and digits with hyphens. The key of the image, or an evaluation, is
            used if omitted.
        type: str
      winrm:
        description:
          - Whether to enable WinRM over HTTP (port 5985), with a firewall rule for all networks, and to treat networks
            that Windows cannot identify as private.
          - Corresponds to C(Enable-PSRemoting -SkipNetworkProfileCheck).
        type: bool
        default: true
      commands:
        description:
          - Command lines that run as SYSTEM at the first boot, after those of the other options, before the network is
            fully configured. They run without a shell, so begin with C(cmd.exe /c) if one is required.
          - Windows Setup allows at most 259 characters for each of them.
        type: list
        elements: str
      install:
        description:
          - Installs Windows from the installation disc in another DVD drive. Everything on the disk is deleted. Without
            this option, Windows must be installed on the disk of the VM already, and generalized.
        type: dict
        suboptions:
          image_name:
            description:
              - Name of the edition on the disc, such as C(Windows Server 2025 SERVERSTANDARD). Mutually exclusive with
                O(windows.install.image_index), and one of both is required.
            type: str
          image_index:
            description: Number of the edition on the disc, counted from 1.
            type: int
          disk:
            description: Number of the disk to install on, counted from 0.
            type: int
            default: 0
          firmware:
            description:
              - Partitions to create. V(uefi) for generation 2 VMs, V(bios) for generation 1 VMs.
            type: str
            choices: [uefi, bios]
            default: uefi
      architecture:
        description: Architecture of Windows.
        type: str
        choices: [amd64, arm64]
        default: amd64
  unattend:
    description:
      - Text of an answer file, such as the result of the C(template) lookup. It is written as C(Autounattend.xml) and
        C(Unattend.xml). C(docs/unattend.xml.j2) of this collection is a template to begin with.
      - An error if it is not well-formed, or if Windows Setup would ignore or refuse parts of it, such as commands that
        are too long. Windows Setup ignores elements in another order than the order of their schema. A suspicious order
        is a warning.
    type: str
  cloud_init:
    description: Configuration of Linux, written as the files of the data source NoCloud of cloud-init.
    type: dict
    suboptions:
      meta_data:
        description:
          - Metadata as a dictionary or as text, with at least C(instance-id). cloud-init configures the guest again if
            this ID changes.
        type: raw
        required: true
      user_data:
        description:
          - User data. A dictionary is written as C(#cloud-config), a text is written as it is.
        type: raw
        required: true
      network_config:
        description: Network configuration, version 1 or 2, as a dictionary or as text.
        type: raw
      vendor_data:
        description: Vendor data, in the format of O(cloud_init.user_data).
        type: raw
  files:
    description: Further files of the image.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Path in the image, such as C(drivers/network.inf). Each part has at most 64 letters, digits, blanks,
            hyphens, dots, underscores and plus signs. Windows compares names without case, so a file must not have the
            name of another file or folder in other letters, and the name of a folder is always written in the same way.
        type: str
        required: true
      content:
        description: Content of the file, encoded in UTF-8. Mutually exclusive with O(files[].src).
        type: str
      src:
        description:
          - Path of a file on the control node that is copied as it is. A relative path is searched as by
            M(ansible.builtin.copy).
        type: path
extends_documentation_fragment:
  - nested.hyperv._module
requirements:
  - pycdlib (on the control node; C(pip install pycdlib))
notes:
  - The image contains the passwords in readable form, and every user of the guest can read the disc. After the first
    boot, remove the DVD drive with M(nested.hyperv.vm_dvd_drive) and the image with O(state=absent), as the last
    examples show. Windows Setup removes passwords from its own copy of the answer file.
  - The passwords are part of neither the diff nor the result. Set C(no_log) if the variables of a task are displayed.
  - The image has the format ISO 9660 level 4 with Joliet and Rock Ridge. cloud-init does not read UDF.
seealso:
  - module: nested.hyperv.vm_dvd_drive
  - module: nested.hyperv.vm
  - name: cloud-init NoCloud
    description: Format of the files of O(cloud_init).
    link: https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
  - name: Windows Setup Automation Overview
    description: Locations in which Windows looks for answer files, and their order.
    link: https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-automation-overview
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Create the seed of a Windows guest
  nested.hyperv.seed_iso:
    path: C:\VMs\lab01\seed.iso
    windows:
      computer_name: lab01
      administrator_password: "{{ vault_password | default('Correct-Horse-7') }}"
      time_zone: UTC
      network_adapters:
        - address: 192.168.100.11/24
          gateway: 192.168.100.1
          dns_servers: [192.168.100.1]

- name: Create the seed of a Linux guest
  nested.hyperv.seed_iso:
    path: C:\VMs\linux01\seed.iso
    cloud_init:
      meta_data:
        instance-id: linux01
        local-hostname: linux01
      user_data:
        ssh_authorized_keys:
          - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE admin
      network_config:
        version: 2
        ethernets:
          eth0:
            addresses: [192.168.100.12/24]

- name: Install Windows from an installation disc without questions
  nested.hyperv.seed_iso:
    path: C:\VMs\lab01\install.iso
    windows:
      computer_name: lab01
      administrator_password: "{{ vault_password | default('Correct-Horse-7') }}"
      install:
        image_name: Windows Server 2025 SERVERSTANDARD

- name: Insert the seed
  nested.hyperv.vm_dvd_drive:
    vm: lab01
    path: C:\VMs\lab01\seed.iso

- name: Remove the drive with the seed after the first boot
  nested.hyperv.vm_dvd_drive:
    vm: lab01
    path: C:\VMs\lab01\seed.iso
    state: absent

- name: Delete the seed, which contains a password
  nested.hyperv.seed_iso:
    path: C:\VMs\lab01\seed.iso
    state: absent
"""

RETURN = r"""
path:
  description: Path of the image.
  returned: success
  type: str
  sample: C:\VMs\lab01\seed.iso
seed:
  description: The image after the task, or predicted in check mode. Null if it was deleted or did not exist.
  returned: success
  type: dict
  contains:
    label:
      description: Volume label.
      type: str
      sample: UNATTEND
    files:
      description: Names of the files.
      type: list
      elements: str
      sample: [Autounattend.xml, Unattend.xml]
existed:
  description: Whether the image existed before the task.
  returned: success
  type: bool
  sample: false
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
  sample: ["create the seed 'C:\\VMs\\lab01\\seed.iso'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["create the seed 'C:\\VMs\\lab01\\seed.iso'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.storage import seed_file
from ..module_utils._seed import content
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Invalid
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        "path": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **content.OPTIONS,
        **jobs.OPTIONS,
    },
    "mutually_exclusive": content.ONE_ANSWER_FILE,
    "supports_check_mode": True,
}

# Options whose empty text means something.
MAY_BE_EMPTY = ("cloud_init", "files.content")
# Options that name a file on the control node.
LOCAL_FILES = ("files.src",)


def run(host: Target, task: Task) -> dict[str, Any]:
    path, params = seed_file.check_path(task.params["path"]), task.params
    if params["state"] == "absent":
        _check_absent(params)
        steps = seed_file.plan_removal(host, path)
        return {**ensure(Plan(steps), task.check_mode), "path": path, "seed": None, "existed": bool(steps)}
    seed = content.parse(params)
    for line in seed.warnings:
        host.warn(line)
    size = seed_file.fetch_size(host, path)
    result = ensure(Plan(seed_file.plan(host, path, seed, size)), task.check_mode)
    outcome = {"label": seed.label, "files": sorted(seed.files)}
    return {**result, "path": path, "seed": outcome, "existed": size is not None}


def _check_absent(params: dict[str, Any]) -> None:
    for option in ("label", *content.SOURCES):
        if params[option]:
            raise Invalid("describes a seed, and can't be combined with 'state: absent'", option=option)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
