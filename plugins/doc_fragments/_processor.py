# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import suboptions, top_level

_OPTIONS = r"""
count:
  description:
    - Number of virtual processors, at most the number of logical processors of the host.
    - If omitted, Hyper-V chooses the number for a new VM.
    - Changing this option requires the VM to be off. Corresponds to C(Set-VMProcessor -Count).
  type: int
reserve:
  description:
    - Percentage of the virtual processors' capacity that the host reserves for the VM, from 0 to 100. It must not
      exceed O(.limit).
    - Defaults to 0 for a new VM. Can be changed while the VM is running. Corresponds to C(Set-VMProcessor -Reserve).
  type: int
limit:
  description:
    - Percentage of the virtual processors' capacity that the VM can use at most, from 0 to 100.
    - Defaults to 100 for a new VM. Can be changed while the VM is running. Corresponds to C(Set-VMProcessor -Maximum).
  type: int
weight:
  description:
    - Weight of the VM relative to other VMs when they compete for processor time, from 0 to 10000.
    - Defaults to 100 for a new VM. Can be changed while the VM is running. Corresponds to
      C(Set-VMProcessor -RelativeWeight).
  type: int
threads_per_core:
  description:
    - Number of hardware threads per virtual core, at most as many as the cores of the host have. With V(0), the VM has
      as many threads per core as the host, which Windows Server 2016 does not support.
    - Defaults to 0 for a new VM.
    - Changing this option requires the VM to be off. Corresponds to C(Set-VMProcessor -HwThreadCountPerCore).
  type: int
migration_compatibility:
  description:
    - Whether to hide processor features from the VM, so that it can be migrated between hosts with different processors
      of the same vendor.
    - Defaults to V(false) for a new VM.
    - Changing this option requires the VM to be off. Corresponds to
      C(Set-VMProcessor -CompatibilityForMigrationEnabled).
  type: bool
"""


class ModuleDocFragment:
    # Virtual processors of a VM; associated with module_utils._hyperv.vm.processor.OPTIONS.
    DOCUMENTATION: str = top_level(_OPTIONS)
    VM: str = suboptions("processor", _OPTIONS)
