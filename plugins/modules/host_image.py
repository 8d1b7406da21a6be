# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_image
short_description: Manage images of virtual disks and ISO images on a Hyper-V host
version_added: 1.0.0
description:
  - Downloads an image to a Hyper-V host, copies it on the host, sends it from the control node, or deletes it.
  - An image from a URL or from a path goes to the host directly, not through the control node.
  - The file gets its name when it is complete, its checksum is verified, and Hyper-V can read it as a virtual disk.
    If the task fails, no part of the file is left. The parts of a task that was interrupted, for example because the
    control node was turned off, are removed by the next task that creates the same image.
  - M(nested.hyperv.vm_disk) creates the disk of a VM from the image, as a copy (O(nested.hyperv.vm_disk#module:source))
    or as a differencing disk (O(nested.hyperv.vm_disk#module:parent)). M(nested.hyperv.vm_dvd_drive) inserts an ISO
    image.
options:
  path:
    description:
      - Full path of the image on a drive of the host. The name ends in C(.vhdx), C(.vhd) or C(.iso).
      - Missing folders are created, and are removed again if the image cannot be created.
      - A folder that NTFS compresses or encrypts is an error, because Hyper-V refuses such images (0xC03A001A).
    type: str
    required: true
  state:
    description:
      - V(present) creates the image if it does not exist.
      - V(absent) deletes it. An image that a VM or a checkpoint uses, directly or as the parent of a disk, is an error
        that names the VM, and so is a file that another program has open.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - URL (C(https) or C(http)) that the host can reach, or full path of a file on the host or on a share.
      - The host downloads a URL with C(curl.exe), which Windows has from Windows Server 2019 and Windows 10 version
        1803 on. On Windows Server 2016, copy the file to the host by SMB and set its path, or use O(src). The URL must
        not contain credentials. Messages, progress lines and the diff contain it without its query, such as the
        signature of a SAS URL.
      - A share requires that the credentials of the user are delegated to the host, by CredSSP or by Kerberos with
        delegation. Otherwise, Windows does not let a remote shell access a share. M(nested.hyperv.vm_disk) copies disks
        from shares with the computer account of the host.
      - The format is not converted. M(nested.hyperv.vm_disk) converts C(.vhd) to C(.vhdx).
      - Required to create an image, unless O(src) is given.
      - Corresponds to C(Copy-Item -Path).
    type: str
  src:
    description:
      - Path of a file on the control node. A relative path is searched as by M(ansible.builtin.copy).
      - The file is sent through the connection of the task, which transfers a few MB per second.
        Use it for images of up to some 100 MB, such as seeds and small Linux images. For larger images, a download by
        the host, or a copy by SMB (for example with C(smbclient) to an administrative share), is much faster.
      - Windows Server 2016 receives files of up to 32 MB.
      - Corresponds to C(Copy-Item -Path) with C(Copy-Item -ToSession).
    type: path
  checksum:
    description:
      - Checksum of O(source) or O(src), as C(sha256:) and 64 hexadecimal digits. C(sha512), C(sha384), C(sha1) and
        C(md5) are supported as well. The host computes it with C(certutil.exe).
      - An existing image with another checksum is an error, unless O(force=true). Without a checksum, an existing file
        is not examined, except that with O(src) the checksum of the local file is used.
      - The checksum of the image is stored in the registry of the host (C(HKLM\SOFTWARE\nested.hyperv\Images)) together
        with its size and time of change, so that it is not computed in every run, which takes minutes for large images.
        It is computed again if the size or the time of change differs. Storing it requires an administrator.
      - For an archive, the stored checksum is the only evidence that the image is from this archive.
      - Required for an C(http) URL, as SHA-256 or longer. Corresponds to C(Get-FileHash -Algorithm).
    type: str
  unpack:
    description:
      - Whether O(source) or O(src) is an archive that contains the image. By default, the name decides (C(.zip),
        C(.tar), C(.tar.gz), C(.tgz), C(.tar.xz), C(.7z) and the like).
      - The host unpacks the archive with C(tar.exe), which Windows Server 2016 does not have. Older builds support zip
        and gz only. The drive requires space for the archive and the image.
      - A compressed file that is not an archive, such as C(image.vhdx.xz), is an error, because Windows has no program
        that decompresses it.
      - Corresponds to C(Expand-Archive -Path).
    type: bool
  member:
    description:
      - Path of the image in the archive. Required if the archive contains several files with the ending of O(path).
    type: str
  proxy:
    description:
      - URL of the proxy for the download, without credentials, such as C(http://proxy.example.com:3128). The proxy
        settings of Windows are not used.
    type: str
  force:
    description:
      - Whether to replace an existing image that has another checksum. An image that a VM or a checkpoint uses is an
        error in any case. Disks of which the image is the parent, and that are not attached to a VM, become unusable.
    type: bool
    default: false
  transfer_timeout:
    description:
      - Number of seconds that the transfer may take, and each computation of a checksum and the unpacking.
    type: int
    default: 7200
extends_documentation_fragment:
  - nested.hyperv._module
notes:
  - In check mode, the host is asked for the size of a URL, so that a server that it cannot reach is an error. The file
    is not downloaded, so its checksum and its format are not verified. Disks of later tasks that depend on the image
    have an unknown size.
seealso:
  - module: nested.hyperv.vm_disk
  - module: nested.hyperv.vm_dvd_drive
  - module: nested.hyperv.guest_file
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Download an ISO image to the host
  nested.hyperv.host_image:
    path: C:\ISO\debian.iso
    source: https://files.example.com/debian-13-amd64-netinst.iso
    checksum: sha256:c0e727b92ef6b916e5f8e1cfbacd91cff32a94d95f1dc49d82c12d7e3b445639

- name: Download an image in an archive through a proxy
  nested.hyperv.host_image:
    path: C:\Images\ubuntu.vhdx
    source: https://files.example.com/ubuntu-24.04.zip
    checksum: sha256:6dfd83be8c87bb2897d78196dc64db023852bf65aca6d56f40efaf4ebc4097d8
    proxy: http://proxy.example.com:3128

- name: Create the disk of a VM from the image
  nested.hyperv.vm_disk:
    vm: lab01
    path: C:\VMs\lab01\ubuntu.vhdx
    source: C:\Images\ubuntu.vhdx
    size: 80GB

- name: Copy an image on the host
  nested.hyperv.host_image:
    path: D:\Images\server2025.vhdx
    source: C:\Images\server2025.vhdx

- name: Send a small image from the control node
  nested.hyperv.host_image:
    path: C:\ISO\seed.iso
    src: seed.iso

- name: Delete an image
  nested.hyperv.host_image:
    path: C:\ISO\seed.iso
    state: absent
"""

RETURN = r"""
path:
  description: Path of the image.
  returned: success
  type: str
  sample: C:\Images\ubuntu.vhdx
file_size:
  description: Size of the file in bytes. Null without an image, and in check mode if it is not known yet.
  returned: success
  type: int
  sample: 3221225472
checksum:
  description: Verified checksum of the image. Null without O(checksum) and O(src), and for an unpacked image.
  returned: success
  type: str
  sample: sha256:5ecd15ca290addbb878a1df42071196b54781a1c6f620010baeb948e518144c9
members:
  description: Files of the archive from which the image can be chosen.
  returned: when the archive has no image or several
  type: list
  elements: str
  sample: [disk.vhdx, data.vhdx]
program:
  description: The program that failed.
  returned: when a program failed
  type: str
  sample: wsl.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 1
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: "curl: (6) Could not resolve host: files.example.com"
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ['create the folder ''C:\Images''']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ['write ''C:\Images\ubuntu.vhdx.1f3a5c7e.part''']
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.storage import image
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan

SPEC: dict[str, Any] = {
    "argument_spec": {**image.OPTIONS, **jobs.OPTIONS},
    "mutually_exclusive": [("source", "src")],
    "supports_check_mode": True,
}

# Options that name a file on the control node.
LOCAL_FILES = ("src",)


def run(host: Target, task: Task) -> dict[str, Any]:
    wanted = image.parse(task.params)
    removes = task.params["state"] == "absent"
    steps = image.plan_removal(host, wanted.path) if removes else image.plan(host, wanted)
    return ensure(Plan(steps, outcome=lambda: image.describe(host, wanted, bool(steps))), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
