# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import suboptions, top_level

_OPTIONS = r"""
dynamic:
  description:
    - Whether the VM has dynamic memory, so that the host adds and removes memory while the VM is running.
    - New VMs have dynamic memory, from 512 MB to 1 TB, unless this option is V(false). A new VM with less than 512 MB
      of O(.startup) memory therefore requires V(false) as well, or a smaller O(.minimum). The diff of the task shows
      the memory of a new VM.
    - With V(false), O(.minimum) and O(.maximum) are ignored if O(.startup) lies between them.
    - Enabling dynamic memory disables virtual NUMA for the VM, because a VM cannot have both.
    - Changing this option requires the VM to be off. Corresponds to C(Set-VMMemory -DynamicMemoryEnabled).
  type: bool
startup:
  description:
    - Memory that the VM is started with. With static memory, this is all memory of the VM.
    - A number with C(MB), C(GB) or C(TB) (powers of 1024), such as C(4GB), or a number of bytes. It must be a multiple
      of 2 MB and at least 32 MB.
    - Defaults to 1 GB for a new VM. A VM is not started with more memory than the host has.
    - Can be changed while the VM is running if its memory is static. With dynamic memory, changing this option requires
      the VM to be off. Corresponds to C(Set-VMMemory -StartupBytes).
  type: str
minimum:
  description:
    - Minimum amount of dynamic memory, in the format of O(.startup). It must not exceed O(.startup).
    - Defaults to 512 MB for a new VM. Static memory has none, see O(.dynamic).
    - Can be decreased while the VM is running. Increasing it requires the VM to be off. Corresponds to
      C(Set-VMMemory -MinimumBytes).
  type: str
maximum:
  description:
    - Maximum amount of dynamic memory, in the format of O(.startup). It must not be less than O(.startup).
    - Defaults to 1 TB for a new VM. Static memory has none, see O(.dynamic).
    - Can be increased while the VM is running. Decreasing it requires the VM to be off. Corresponds to
      C(Set-VMMemory -MaximumBytes).
  type: str
buffer:
  description:
    - Memory that dynamic memory reserves for the VM as a buffer, as a percentage of its demand, from 5 to 2000.
    - Defaults to 20 for a new VM. Can be changed while the VM is running. Corresponds to C(Set-VMMemory -Buffer).
  type: int
priority:
  description:
    - Priority of the VM when the host does not have enough memory for all VMs, from 0 (lowest) to 100 (highest).
    - Defaults to 50 for a new VM. Can be changed while the VM is running. Corresponds to C(Set-VMMemory -Priority).
  type: int
hypervisor_in_guest:
  description:
    - Whether to assume that Hyper-V is running inside a running VM. The host cannot detect it.
    - V(auto) assumes it for every VM to which virtualization extensions are exposed.
    - V(assume) assumes it for every VM.
    - V(ignore) attempts the change while the VM is running. The host refuses the change if Hyper-V is running inside
      the VM.
    - While it is, amounts of memory require the VM to be off. O(.buffer) and O(.priority) do not. No cmdlet has this
      option.
  type: str
  choices: [auto, assume, ignore]
  default: auto
"""


class ModuleDocFragment:
    # Memory of a VM; associated with module_utils._hyperv.vm.memory.OPTIONS.
    DOCUMENTATION: str = top_level(_OPTIONS)
    VM: str = suboptions("memory", _OPTIONS)
