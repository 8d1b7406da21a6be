# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import elements, top_level

_DISK = r"""
path:
  description:
    - Full path of the disk file on the host, ending in C(.vhdx) or C(.vhd). All spellings of a path that Windows takes
      for the same file are the same (slashes, doubled backslashes, C(..), upper and lower case). If a share or an 8.3
      name hides whether two paths are the same file, the ID of the disk decides. Paths that begin with C(\\?\) are
      errors.
    - A missing file is created, and so are missing folders of a drive of the host, with C(cmd.exe /c mkdir) in a remote
      shell, for which the user needs the right to create folders there. If the disk cannot be created, these folders
      are removed again, as long as they are empty. A missing drive, a file in the place of a folder and a missing
      folder with C(%) in its name are errors. Folders on shares are never created.
    - An existing file is attached as it is. A file that is attached to another VM, that is a parent of an attached
      disk, that another program has open, or whose parent is attached to a VM, missing or changed, is an error.
    - A disk with checkpoints cannot be detached, because it could not be attached again.
    - A disk with checkpoints is identified by the path of its first file, not of the C(.avhdx) file that the VM uses.
    - Corresponds to C(New-VHD -Path) and C(Add-VMHardDiskDrive -Path).
  type: str
  required: true
size:
  description:
    - Size of the disk, as the guest sees it. A number with C(MB), C(GB) or C(TB) (powers of 1024), such as C(127GB), or
      a number of bytes. It must be a multiple of 4 KB, at least 3 MB and at most 64 TB (2040 GB for C(.vhd) files).
    - Required to create a disk, unless O(.parent) or O(.source) is given. The disk then has the size of that disk if
      this option is omitted, and can be larger, except for differencing C(.vhd) disks.
    - A smaller disk is expanded to this size, also while the VM is running. A C(.vhd) file and a disk on an IDE
      controller require the VM to be off, and so does the disk of a saved VM.
    - A larger disk is an error, because shrinking a disk can lose data. A disk with child disks or checkpoints cannot
      be expanded.
    - Corresponds to C(New-VHD -SizeBytes) and C(Resize-VHD -SizeBytes).
  type: str
type:
  description:
    - Type of the disk. V(dynamic) disks expand as data is written, V(fixed) disks are allocated in full when they are
      created and are refused if the drive has less space, V(differencing) disks store the differences from O(.parent).
    - A new disk defaults to V(differencing) with O(.parent) and to V(dynamic) otherwise.
    - An existing disk of another type is an error, because a disk is never converted in place. Convert it into a new
      file with O(.source), and attach that file instead.
    - Corresponds to C(New-VHD -Fixed), C(New-VHD -Dynamic) and C(New-VHD -Differencing), and with O(.source) to
      C(Convert-VHD -VHDType).
  type: str
  choices: [fixed, dynamic, differencing]
parent:
  description:
    - Full path of the parent of a differencing disk, in the format of O(.path). Both files are C(.vhdx) or both
      C(.vhd).
    - A parent must not be changed once it has child disks. A parent that is attached to a VM is therefore an error when
      a disk is created. An existing disk with another parent is an error too.
    - Corresponds to C(New-VHD -ParentPath).
  type: str
source:
  description:
    - Full path of a disk to copy, in the format of O(.path). A missing file is created as a copy of it that does not
      depend on it, with the content of all parents of the source. Mutually exclusive with O(.parent).
    - The copy gets the O(.type) (V(dynamic) if omitted), the O(.size) and the format of the task, so a copy also
      converts a C(.vhd) disk to C(.vhdx), or a dynamic disk to a fixed one. It gets a new disk ID.
    - A source that is in use, as by a running VM, is an error. If a VM has checkpoints, the first file of its disk has
      the content of the first checkpoint. The content of an existing file is not compared.
    - Corresponds to C(Convert-VHD -Path).
  type: str
block_size:
  description:
    - Block size of a new dynamic or differencing disk, or of a copy, in the format of O(.size). A power of two from
      1 MB to 256 MB for C(.vhdx) files, 512 KB or 2 MB for C(.vhd) files.
    - The host chooses the block size if this option is omitted. Corresponds to C(New-VHD -BlockSizeBytes).
  type: str
"""

_DVD_DRIVE = r"""
path:
  description:
    - Full path of the ISO image on the host or on a share, compared as the path of a disk. A missing image is an error,
      as is a virtual hard disk. Whether an image exists on a share is not checked before the change.
    - Without a controller location, the drive that holds the image is used, otherwise the first empty drive, otherwise
      the only one. If several drives remain, the task fails with a list of them.
    - An empty string removes the image from the drive.
    - If omitted, the image in the drive is not changed, and a new drive is created without an image.
    - Can be changed while the VM is running. Corresponds to C(Set-VMDvdDrive -Path).
  type: str
"""

# CMDLET and CONTROLLER_TYPE are placeholders, see _controller().
_CONTROLLER = r"""
controller_type:
  description:
    - Type of the controller. Generation 2 VMs have V(scsi) controllers only.
    - A new drive is attached to V(ide) if the VM is a generation 1 VM with a free IDE location, to V(scsi) otherwise.
    - Adding, moving and removing a drive on an IDE controller requires the VM to be off.
    - CONTROLLER_TYPE
  type: str
  choices: [scsi, ide]
controller_number:
  description:
    - Number of the controller, counted from 0. If it is the next number, a SCSI controller is added, which requires the
      VM to be off.
    - A new drive is attached to the first controller with a free location if this option is omitted. Corresponds to
      C(CMDLET -ControllerNumber).
  type: int
controller_location:
  description:
    - Location on the controller, from 0 to 63 for SCSI and from 0 to 1 for IDE. A location that holds another drive is
      an error.
    - If omitted, an existing drive is not moved, and a new drive is attached to the first free location.
    - Moving a disk to another location requires the VM to be off. Corresponds to C(CMDLET -ControllerLocation).
  type: int
"""


def _controller(cmdlet: str, controller_type: str) -> str:
    """Options for the controller of a drive, with the cmdlet that adds the drive and a sentence about the type."""
    return _CONTROLLER.replace("CMDLET", cmdlet).replace("CONTROLLER_TYPE", controller_type)


_DISK += _controller("Add-VMHardDiskDrive", "Corresponds to C(Add-VMHardDiskDrive -ControllerType).")
_DVD_DRIVE += _controller("Add-VMDvdDrive", "The cmdlet C(Add-VMDvdDrive) has no parameter for the type.")


class ModuleDocFragment:
    # Disks of a VM; associated with module_utils._hyperv.storage.drive.DISK_OPTIONS.
    DISK: str = top_level(_DISK)
    VM_DISKS: str = elements("disks", _DISK)

    # DVD drives of a VM; associated with module_utils._hyperv.storage.drive.DVD_OPTIONS.
    DVD_DRIVE: str = top_level(_DVD_DRIVE)
    VM_DVD_DRIVES: str = elements("dvd_drives", _DVD_DRIVE)
