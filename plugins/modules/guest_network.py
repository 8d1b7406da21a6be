# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_network
short_description: Name and configure the network adapters of Windows
version_added: 1.0.0
description:
  - Names network adapters of Windows by their MAC address, and configures their IPv4 address, default gateway, DNS
    servers and DHCP. Options that are omitted are not changed, and adapters that are not in the list are not changed.
  - The MAC addresses of the adapters of a VM are options and results of M(nested.hyperv.vm_network_adapter) and
    M(nested.hyperv.vm_info).
  - An adapter that belongs to a virtual switch in Windows has no configuration of its own. The configuration is then
    that of the adapter of Windows on this switch, which has the same MAC address.
options:
  adapters:
    description: Network adapters.
    type: list
    elements: dict
    required: true
    suboptions:
      mac_address:
        description:
          - MAC address of an adapter of Windows in any common format. An address that no adapter has is an error.
          - Corresponds to C(Get-NetAdapter) with its property C(PermanentAddress).
        type: str
        required: true
      name:
        description:
          - Name of the adapter (of its network connection). Two adapters can exchange their names. A name that an
            adapter has that is not in the list is an error. Corresponds to C(Rename-NetAdapter -NewName).
        type: str
      dhcp:
        description:
          - Whether the adapter requests its address from a DHCP server. Mutually exclusive with O(adapters[].address),
            which disables DHCP. Corresponds to C(Set-NetIPInterface -Dhcp).
        type: bool
      address:
        description:
          - Static IPv4 address with its prefix length, such as C(192.168.44.201/24). Replaces all other IPv4 addresses
            of the adapter. Corresponds to C(New-NetIPAddress -IPAddress) and C(New-NetIPAddress -PrefixLength).
        type: str
      gateway:
        description:
          - Default gateway, in the network of O(adapters[].address), which it requires. Corresponds to
            C(New-NetIPAddress -DefaultGateway).
        type: str
      dns_servers:
        description:
          - IPv4 addresses of the DNS servers in their order. The list is complete. Corresponds to
            C(Set-DnsClientServerAddress -ServerAddresses).
        type: list
        elements: str
extends_documentation_fragment:
  - nested.hyperv._guest
notes:
  - If the task changes the address through which Ansible is connected, its connection is lost, and the task fails with
    the changes that may have been made.
  - DHCP of an adapter without an address is disabled with a WS-Transfer request that changes C(MSFT_NetIPInterface). No
    public recording of it on a real Windows exists.
seealso:
  - module: nested.hyperv.guest_computer_name
  - module: nested.hyperv.vm_network_adapter
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Name the adapter and assign its address
  nested.hyperv.guest_network:
    adapters:
      - mac_address: 02-15-5D-01-02-03
        name: NIC1
        address: 192.168.44.201/24
        gateway: 192.168.44.1
        dns_servers: [192.168.1.254]

- name: Request the address from a DHCP server
  nested.hyperv.guest_network:
    adapters:
      - mac_address: 02-15-5D-01-02-03
        dhcp: true
"""

RETURN = r"""
adapters:
  description: The network adapters of Windows after the task, or predicted in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    mac_address:
      description: MAC address of the adapter.
      type: str
      sample: 02:15:5D:01:02:03
    name:
      description: Name of the adapter.
      type: str
      sample: NIC1
    dhcp:
      description: Whether the adapter requests its address from a DHCP server.
      type: bool
      sample: false
    addresses:
      description: IPv4 addresses with prefix lengths, without link-local ones.
      type: list
      elements: str
      sample: [192.168.44.201/24]
    gateway:
      description: Default gateway, null without one.
      type: str
      sample: 192.168.44.1
    dns_servers:
      description: DNS servers.
      type: list
      elements: str
      sample: [192.168.1.254]
method:
  description: CIM method that Windows refused.
  returned: when Windows refused the request
  type: str
  sample: EnableStatic
return_value:
  description: Code with which Windows refused the request.
  returned: when Windows refused the request
  type: int
  sample: 84
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: ["rename the adapter 'Ethernet' to 'NIC1'"]
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: ["assign the address 192.168.44.201/24 to the adapter 'NIC1'"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import network

SPEC: dict[str, Any] = {"argument_spec": network.OPTIONS, "supports_check_mode": True}


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = network.parse(task.params)
    current = network.fetch(target)
    steps = network.plan(target, current, wanted)

    def outcome() -> dict[str, Any]:
        return {"adapters": [adapter.describe() for adapter in (network.fetch(target) if steps else current)]}

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
