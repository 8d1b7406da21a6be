# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import top_level

# {name} and {id} are the names of the two options.
_ONE_VM = r"""
{name}:
  description:
    - Name of the VM, taken literally (no wildcards) and compared without case, as Hyper-V does.
    - If several VMs share the name, the task fails with a list of their IDs. Use O(.{id}) in this case.
  type: str
{id}:
  description:
    - ID (GUID) of the VM, as M(nested.hyperv.vm_info) returns it. Mutually exclusive with O(.{name}).
  type: str
"""

_POWER = r"""
allow_power_cycle:
  description:
    - Whether the VM may be turned off and started again if a change requires it to be off. All changes of the task are
      made in one power cycle. The VM is started again (and paused, if it was paused) even if a change fails. If the
      host refuses to start the VM with the changed settings, the previous settings are restored.
    - With V(false), the task is refused with a list of the settings that require the VM to be off, also in check mode.
  type: bool
  default: false
force_off:
  description:
    - Whether to turn off the VM immediately, without a shutdown of its guest operating system. Unsaved data in the
      guest is lost. With V(false), the guest is shut down through the integration services.
    - Required to turn off a paused VM, because its guest cannot shut down.
    - Corresponds to C(Stop-VM -TurnOff).
  type: bool
  default: false
shutdown_timeout:
  description:
    - Number of seconds to wait for the guest to shut down. If the VM is not off after this time, the task fails. The
      guest may still shut down later.
  type: int
  default: 300
discard_saved_state:
  description:
    - Whether the saved state of a saved VM may be deleted if a change requires the VM to be off. A saved VM is not off.
    - The VM stays off afterwards, because the state that it would resume is lost.
    - Corresponds to C(Remove-VMSavedState).
  type: bool
  default: false
"""


class ModuleDocFragment:
    # Which VM; associated with module_utils._hyperv.vm.find.OPTIONS.
    DOCUMENTATION: str = top_level(_ONE_VM.format(name="name", id="id"))

    # Which VM a part belongs to; associated with module_utils._hyperv.vm.find.PART_OPTIONS.
    PART: str = top_level(_ONE_VM.format(name="vm", id="vm_id"))

    # How to turn off a VM for a change; associated with module_utils._hyperv.vm.power.OPTIONS.
    POWER: str = top_level(_POWER)
