# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import elements, top_level

_NAME = r"""
name:
  description:
    - Name of the adapter, taken literally and compared without case. An adapter is added if the VM has none of this
      name. Corresponds to C(Add-VMNetworkAdapter -Name).
  type: str
  required: true
"""

_OPTIONS = r"""
switch:
  description:
    - Name or ID (GUID) of the virtual switch to which the adapter is connected, taken literally and compared without
      case. The ID distinguishes switches that share a name.
    - V(disconnected) disconnects the adapter. The settings of its switch port are kept.
    - New adapters are not connected if this option is omitted.
    - Can be changed while the VM is running. Corresponds to C(Connect-VMNetworkAdapter -SwitchName) and
      C(Disconnect-VMNetworkAdapter).
  type: str
mac_address:
  description:
    - Static MAC address in any common format, such as C(00:15:5D:01:02:03), C(00-15-5d-01-02-03), C(0015.5d01.0203) or
      C(00155D010203).
    - V(dynamic) lets the host assign an address the next time the VM is started.
    - Defaults to V(dynamic) for a new adapter.
    - A static address that another adapter of the host has is assigned with a warning that names the other adapter.
    - Changing this option requires the VM to be off. Corresponds to C(Set-VMNetworkAdapter -StaticMacAddress) and
      C(Set-VMNetworkAdapter -DynamicMacAddress).
  type: str
legacy:
  description:
    - Whether the adapter is a legacy adapter (an emulated one), through which a generation 1 VM can boot from the
      network (PXE). Generation 2 VMs have no legacy adapters.
    - Defaults to V(false) for a new adapter. Fixed when the adapter is added, so the task is refused if an existing
      adapter differs. Legacy adapters are added and removed while the VM is off. Corresponds to
      C(Add-VMNetworkAdapter -IsLegacy).
  type: bool
mac_spoofing:
  description:
    - Whether the adapter is allowed to send packets with other source MAC addresses than its own. Nested guests require
      this unless they are behind network address translation, see M(nested.hyperv.nat_network).
    - Defaults to V(false) for a new adapter. Can be changed while the VM is running. Corresponds to
      C(Set-VMNetworkAdapter -MacAddressSpoofing).
  type: bool
allow_teaming:
  description:
    - Whether the adapter can be teamed with other adapters in the guest operating system.
    - Defaults to V(false) for a new adapter. Can be changed while the VM is running. Corresponds to
      C(Set-VMNetworkAdapter -AllowTeaming).
  type: bool
device_naming:
  description:
    - Whether the guest can read the name of the adapter as an advanced property of its driver. Not supported by
      legacy adapters.
    - Defaults to V(false) for a new adapter. Can be changed while the VM is running. Corresponds to
      C(Set-VMNetworkAdapter -DeviceNaming).
  type: bool
dhcp_guard:
  description:
    - Whether to drop DHCP server messages that the guest sends.
    - Defaults to V(false) for a new adapter. Can be changed while the VM is running. Corresponds to
      C(Set-VMNetworkAdapter -DhcpGuard).
  type: bool
router_guard:
  description:
    - Whether to drop router advertisement and redirection messages that the guest sends.
    - Defaults to V(false) for a new adapter. Can be changed while the VM is running. Corresponds to
      C(Set-VMNetworkAdapter -RouterGuard).
  type: bool
vlan:
  description:
    - VLAN settings of the switch port. Can be changed while the VM is running.
  type: dict
  suboptions:
    mode:
      description:
        - V(untagged) allows untagged packets only. New adapters have this mode.
        - V(access) assigns the guest to the VLAN O(.vlan.id). The guest sends and receives untagged packets.
        - V(trunk) passes tagged packets of the VLANs in O(.vlan.allowed_ids) to the guest.
        - Corresponds to C(Set-VMNetworkAdapterVlan -Untagged), C(Set-VMNetworkAdapterVlan -Access) and
          C(Set-VMNetworkAdapterVlan -Trunk).
      type: str
      choices: [untagged, access, trunk]
      required: true
    id:
      description:
        - VLAN ID from 1 to 4094. Required in mode V(access). Corresponds to C(Set-VMNetworkAdapterVlan -VlanId).
      type: int
    native_id:
      description:
        - ID of the VLAN for untagged packets in mode V(trunk), from 1 to 4094. V(0) stands for no VLAN.
        - Defaults to the ID that the adapter has, V(0) for a new adapter. Corresponds to
          C(Set-VMNetworkAdapterVlan -NativeVlanId).
      type: int
    allowed_ids:
      description:
        - VLANs that are allowed in mode V(trunk), in which this option is required. IDs and ranges of IDs from 1 to
          4094 in a list of strings, or in one string, such as V(1-10,20,711-719). Order, duplicates and the format of
          ranges make no difference.
        - Corresponds to C(Set-VMNetworkAdapterVlan -AllowedVlanIdList).
      type: list
      elements: str
bandwidth:
  description:
    - Bandwidth settings of the switch port. Can be changed while the VM is running.
    - Bandwidths are in bits per second, as a number with C(kbps), C(Mbps) or C(Gbps) (powers of 1000), such as
      C(100Mbps), or a number of bits. They are rounded to multiples of 8, as Hyper-V does.
    - Whether O(.bandwidth.weight) or O(.bandwidth.minimum) can be set depends on the bandwidth mode of the virtual
      switch, which is fixed when the switch is created. The task is refused if it sets the other option.
  type: dict
  suboptions:
    weight:
      description:
        - Minimum bandwidth as a weight relative to the other adapters on the switch, from 0 (none) to 100.
        - Defaults to 0 for a new adapter. Corresponds to C(Set-VMNetworkAdapter -MinimumBandwidthWeight).
      type: int
    minimum:
      description:
        - Minimum bandwidth that is reserved for the adapter. V(0) reserves none.
        - Defaults to V(0) for a new adapter. Corresponds to C(Set-VMNetworkAdapter -MinimumBandwidthAbsolute).
      type: str
    maximum:
      description:
        - Maximum bandwidth of the adapter. V(0) sets no limit.
        - Defaults to V(0) for a new adapter. Corresponds to C(Set-VMNetworkAdapter -MaximumBandwidth).
      type: str
"""


class ModuleDocFragment:
    # Network adapters of a VM; associated with module_utils._hyperv.network.adapter.OPTIONS.
    DOCUMENTATION: str = top_level(_OPTIONS)
    VM: str = elements("network_adapters", _NAME + _OPTIONS)
