# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Which VM; associated with module_utils._hyperv.vm.find.OPTIONS.
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the VM, taken literally (no wildcards) and compared without case, as Hyper-V does.
      - A name that several VMs share is an error that lists their ids. Use O(id) then.
    type: str
  id:
    description: Id (GUID) of the VM, as M(nested.hyperv.vm_info) returns it. Works wherever O(name) does.
    type: str
"""

    # Which VM a part belongs to; associated with module_utils._hyperv.vm.find.PART_OPTIONS.
    PART = r"""
options:
  vm:
    description:
      - Name of the VM, taken literally (no wildcards) and compared without case, as Hyper-V does.
      - A name that several VMs share is an error that lists their ids. Use O(vm_id) then.
    type: str
  vm_id:
    description: Id (GUID) of the VM, as M(nested.hyperv.vm_info) returns it. Works wherever O(vm) does.
    type: str
"""

    # What may happen to a VM that has to be off; associated with module_utils._hyperv.vm.power.OPTIONS.
    POWER = r"""
options:
  allow_power_cycle:
    description:
      - Whether the VM may be turned off and started again where a change needs it off. All changes of the task happen
        in one power cycle, and the VM is started again (and paused, if it was) also where one of them fails.
      - Without it the task is refused with the list of the settings that need the VM off, in check mode too.
    type: bool
    default: false
  force_off:
    description:
      - Turn the VM off at once, as if its power was cut, rather than shutting down its guest through the integration
        services. What the guest hasn't saved is lost.
      - Also needed for a paused VM, whose guest can't shut down.
    type: bool
    default: false
  shutdown_timeout:
    description: Seconds to wait for the guest to shut down. After them the task fails and the VM stays as it is.
    type: int
    default: 300
  discard_saved_state:
    description:
      - Whether the saved state of a saved VM may be thrown away where a change needs the VM off. A saved VM is not off.
      - The VM stays off afterwards, since what it was running is gone.
    type: bool
    default: false
"""
