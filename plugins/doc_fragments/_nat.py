# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ._options import elements, top_level

_MAPPING = r"""
protocol:
  description: Protocol of the mapping. Corresponds to C(Add-NetNatStaticMapping -Protocol).
  type: str
  choices: [tcp, udp]
  default: tcp
external_address:
  description:
    - External IP address of the mapping. V(0.0.0.0) stands for all addresses of the host. Corresponds to
      C(Add-NetNatStaticMapping -ExternalIPAddress).
  type: str
  default: 0.0.0.0
external_port:
  description:
    - Port of the host, from 1 to 65535. Windows refuses ports on which it is listening itself; the port of the
      connection is refused before anything is changed. Corresponds to
      C(Add-NetNatStaticMapping -ExternalPort).
  type: int
  required: true
internal_address:
  description:
    - IP address of the guest, within the prefix. Corresponds to C(Add-NetNatStaticMapping -InternalIPAddress).
  type: str
  required: true
internal_port:
  description:
    - Port of the guest, from 1 to 65535. Defaults to O(.external_port). Corresponds to
      C(Add-NetNatStaticMapping -InternalPort).
  type: int
"""


class ModuleDocFragment:
    # A static mapping; associated with module_utils._hyperv.network.nat.MAPPING_OPTIONS.
    MAPPING: str = top_level(_MAPPING)
    MAPPINGS: str = elements("static_mappings", _MAPPING)
