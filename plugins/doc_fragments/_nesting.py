# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import suboptions, top_level

_OPTIONS = r"""
state:
  description:
    - Whether virtualization extensions of the processor are exposed to the VM.
    - Changing this option requires the VM to be off. Corresponds to
      C(Set-VMProcessor -ExposeVirtualizationExtensions).
  type: str
  choices: [enabled, disabled]
  default: enabled
network:
  description:
    - How nested guests, which are the VMs inside the VM, reach the network.
    - V(mac_spoofing) enables MAC address spoofing for the adapters in O(.adapters), so that nested guests have
      addresses of their own in the network that the VM is connected to. Not allowed with O(.state=disabled).
    - V(nat) is for nested guests behind network address translation inside the VM, which is the only way in public
      clouds. Nothing is changed on this host, and MAC address spoofing stays as it is. Inside the VM, the module
      M(nested.hyperv.nat_network) creates the internal switch, its address and the NAT once Hyper-V is installed there.
      Nested guests then require static addresses or a DHCP server inside the VM.
    - V(leave) changes nothing.
  type: str
  choices: [mac_spoofing, nat, leave]
  default: leave
mac_spoofing:
  description:
    - Whether the adapters in O(.adapters) are allowed to send packets with other source MAC addresses than their own.
      Nested guests require this unless they are behind network address translation.
    - O(.network=mac_spoofing) is the same as V(true), so V(false) is not allowed with it.
    - If both options are omitted, MAC address spoofing is not changed.
    - Can be changed while the VM is running. Corresponds to C(Set-VMNetworkAdapter -MacAddressSpoofing).
  type: bool
adapters:
  description:
    - Names of the network adapters to which O(.mac_spoofing) or O(.network=mac_spoofing) applies.
    - Defaults to all network adapters of the VM. Requires one of these two options.
  type: list
  elements: str
static_memory:
  description:
    - Whether to disable dynamic memory, which has no effect while Hyper-V is running inside the VM.
    - V(false) does not change dynamic memory. A warning is displayed if virtualization extensions are exposed to a VM
      with dynamic memory.
    - Disabling dynamic memory requires the VM to be off. Corresponds to C(Set-VMMemory -DynamicMemoryEnabled).
  type: bool
  default: false
minimum_startup_memory:
  description:
    - Increases the startup memory to this size if it is smaller. Microsoft requires at least 4 GB for a VM that runs
      Hyper-V. A larger startup memory is not changed.
    - A number with C(MB), C(GB) or C(TB) (powers of 1024), such as C(4GB), or a number of bytes.
    - Increasing the startup memory requires the VM to be off. Corresponds to C(Set-VMMemory -StartupBytes).
  type: str
"""


class ModuleDocFragment:
    # Nested virtualization of a VM; associated with module_utils._hyperv.vm.nesting.OPTIONS.
    DOCUMENTATION: str = top_level(_OPTIONS)
    VM: str = suboptions("nesting", _OPTIONS)
