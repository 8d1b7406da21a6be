# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: survey_data
short_description: Evaluate the facts of several hosts as a survey
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Combines the results of M(nested.hyperv.host_info) and M(nested.hyperv.vm_info) of several hosts, evaluates the
    support rules of nested virtualization on them, and finds the hosts that are VMs of other hosts.
  - C(docs/survey.md) of the collection describes the format. Hosts, VMs, findings and keys have a stable order. Values
    that change on their own, such as uptimes, are omitted, so that two surveys can be compared.
positional: purpose
options:
  _input:
    description:
      - List of hosts. Each host is a list of its name, the registered result of M(nested.hyperv.host_info) and the
        registered result of M(nested.hyperv.vm_info). A result of a host that failed or is unreachable is valid.
    type: list
    elements: list
    required: true
  purpose:
    description: Purpose that the rules are evaluated for.
    type: str
    choices: [evaluation, production]
    default: production
  ignore:
    description: Rules to ignore, each with C(rule), the ID of the rule, and C(reason), which the findings repeat.
    type: list
    elements: dict
    default: []
  created:
    description: Time of the survey.
    type: str
"""

EXAMPLES = r"""
- name: Evaluate a survey of two hosts
  ansible.builtin.set_fact:
    survey: "{{ results | nested.hyperv.survey_data(purpose='evaluation') }}"
  vars:
    results:
      - [hv01, "{{ hostvars.hv01.host_result }}", "{{ hostvars.hv01.vms_result }}"]
      - [hv02, "{{ hostvars.hv02.host_result }}", "{{ hostvars.hv02.vms_result }}"]
"""

RETURN = r"""
_value:
  description: The survey.
  type: dict
  sample:
    schema: 1
    created: "2026-11-26T09:30:00Z"
    purpose: production
    scenario: any
    hosts: []
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._policy import evaluate
from ..module_utils._policy.rule import PURPOSES
from ..module_utils._task.errors import Invalid
from ..plugin_utils._survey import assemble


def survey_data(
    rows: Iterable[Any], purpose: str = "production", ignore: Any = (), created: str | None = None
) -> dict[str, Any]:
    """The survey of hosts, each with its name and the results of host_info and vm_info."""
    rows = list(rows)
    if not all(isinstance(row, list | tuple) and len(row) == 3 for row in rows):
        raise AnsibleFilterError("survey_data requires a list of hosts, each with its name, host_info and vm_info")
    if purpose not in PURPOSES:
        nearest = evaluate.nearest(str(purpose), PURPOSES)[0]
        raise AnsibleFilterError(f"purpose must be {' or '.join(PURPOSES)}, not '{purpose}'; did you mean {nearest}?")
    try:
        reasons = evaluate.parse_ignore(_entries(ignore), purpose)
    except Invalid as error:
        raise AnsibleFilterError(str(error)) from None
    return assemble(rows, str(purpose), reasons, created and str(created))


def _entries(ignore: Any) -> list[Mapping[str, Any]]:
    """The rules to ignore, with each key that they need."""
    entries = [] if ignore is None else ignore
    keys = {"rule", "reason"}
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, Mapping) for entry in entries):
        raise AnsibleFilterError("ignore must be a list of rules, such as [{rule: nested-azure, reason: tests only}]")
    for entry in entries:
        if not entry.get("rule") or not set(entry) <= keys:
            raise AnsibleFilterError(f"ignore supports the keys rule and reason, and requires rule; not {dict(entry)}")
    return [{"rule": str(entry["rule"]), "reason": str(entry.get("reason") or "")} for entry in entries]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"survey_data": survey_data}
