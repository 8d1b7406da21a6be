# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: gate_data
short_description: Evaluate hosts for a gate in a pipeline
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Combines the findings of M(nested.hyperv.preflight) on several hosts with the differences from a declared state, and
    decides whether each host passes. The playbook C(nested.hyperv.gate_nesting) uses it.
  - A host passes if it is reachable, has no finding of the severity that is not ignored, and does not differ from its
    declared state.
  - The result is also valid input of P(nested.hyperv.survey_junit#filter).
options:
  _input:
    description:
      - List of hosts. Each host is a list of its name, a list of the registered results of M(nested.hyperv.preflight),
        and a list of the registered results of loops that apply the declared switches, NATs and VMs in check mode, in
        this order. Results of other tasks can be in the first list, so that their failures count. Results of skipped
        and failed tasks and of unreachable hosts are valid.
    type: list
    elements: list
    required: true
  purpose:
    description: Purpose that the rules were evaluated for.
    type: str
    choices: [evaluation, production]
    default: production
  scenario:
    description: Scenario that the rules were evaluated for.
    type: str
    default: any
  severity:
    description: Lowest severity of a finding that fails a host.
    type: str
    choices: [fail, warn]
    default: fail
  declared:
    description:
      - Declared state of a host, to validate it. The keys C(switches), C(nats) and C(vms) contain lists of the options
        of M(nested.hyperv.virtual_switch), M(nested.hyperv.nat_network) and M(nested.hyperv.vm).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Decide whether two hosts pass
  ansible.builtin.set_fact:
    gate: "{{ results | nested.hyperv.gate_data(severity='warn') }}"
  vars:
    results:
      - [hv01, ["{{ hostvars.hv01.preflight_result }}"], []]
      - [hv02, ["{{ hostvars.hv02.preflight_result }}"], ["{{ hostvars.hv02.switch_result }}"]]
"""

RETURN = r"""
_value:
  description:
    - The verdict, with C(passed), a C(title), lines of a C(summary), and the C(hosts) with their C(findings), those of
      them that are C(blocking), and a C(verdict).
  type: dict
  sample:
    schema: 1
    purpose: production
    scenario: any
    severity: fail
    passed: true
    hosts: []
    title: "PASSED: 0 hosts (purpose production, scenario any, severity fail)"
    summary: ["PASSED: 0 hosts (purpose production, scenario any, severity fail)"]
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._task.errors import Invalid
from ..plugin_utils._gate import SECTIONS, SEVERITIES, assemble, validate


def gate_data(
    rows: Iterable[Any],
    purpose: str = "production",
    scenario: str = "any",
    severity: str = "fail",
    declared: Any = MappingProxyType({}),
) -> dict[str, Any]:
    """The verdict on hosts, each with its name, the results of its checks and those of its declared state."""
    rows = list(rows)
    if not all(_is_row(row) for row in rows):
        raise AnsibleFilterError(
            "gate_data requires a list of hosts, each with its name, a list of results of nested.hyperv.preflight, and "
            "a list of results of the declared switches, NATs and VMs"
        )
    if severity not in SEVERITIES:
        raise AnsibleFilterError(f"severity must be {' or '.join(SEVERITIES)}, not '{severity}'")
    try:
        validate(declared)
    except Invalid as error:
        raise AnsibleFilterError(f"declared{'.' if error.option else ' '}{error}") from None
    return assemble(rows, str(purpose), str(scenario), str(severity))


def _is_row(row: Any) -> bool:
    if not isinstance(row, list | tuple) or len(row) != 3:
        return False
    _name, checks, declared = row
    return isinstance(checks, list | tuple) and isinstance(declared, list | tuple) and len(declared) <= len(SECTIONS)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gate_data": gate_data}
