# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_model
short_description: Describe a Hyper-V host as a model of the simulator
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Converts the facts that M(nested.hyperv.host_info) and M(nested.hyperv.vm_info) return into a model of the simulator
    of this collection. The simulator then has the same switches, NATs and VMs, so that a problem can be reproduced
    without the host.
  - The contents of disks and guests are not part of the model. A disk has the default size.
options:
  _input:
    description:
      - Facts about the host in RV(nested.hyperv.host_info#module:host), with the groups V(system) and V(network).
      - The groups V(hyperv), V(boot) and V(features) show whether the host has Hyper-V. If Hyper-V is installed but its
        management service (C(vmms)) is not running, the VMs of the host are unknown, and the filter fails.
    type: dict
    required: true
  vms:
    description:
      - VMs as in RV(nested.hyperv.vm_info#module:vms), with the default groups. The groups V(disks) and V(checkpoints)
        are used as well.
    type: list
    elements: dict
    default: []
  scrubbed:
    description:
      - Whether names, paths, addresses and GUIDs are replaced. Notes, the name of the processor, descriptions of
        network adapters, and the manufacturer and model of a physical machine are left out.
      - Addresses in the same network remain in the same network, and networks that overlap still overlap. Private and
        link-local addresses remain so.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Write a model of the host
  ansible.builtin.copy:
    content: "{{ facts.host | nested.hyperv.host_model(vms=listed.vms, scrubbed=true) | to_nice_yaml }}"
    dest: model.yml
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The model.
  type: dict
  sample: {hosts: [{name: hv01, os: {product: server2022}, vms: [{name: lab01, state: running}]}]}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._model import assemble


def host_model(host: Any, vms: Sequence[Mapping[str, Any]] = (), scrubbed: bool = False) -> dict[str, Any]:
    """The model of a host, from its facts and those of its VMs."""
    try:
        return assemble(host, vms, bool(scrubbed))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(
            "host_model requires the facts of nested.hyperv.host_info with the groups system and network, and of "
            f"nested.hyperv.vm_info with its default groups: {error!r}"
        ) from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_model": host_model}
