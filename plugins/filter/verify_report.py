# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_report
short_description: Format the results of verify_hosts on a host
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Combines the result of M(nested.hyperv.host_experiment) and the results of examples into a report, as data for a
    JSON file and as Markdown.
options:
  _input:
    description: Result of M(nested.hyperv.host_experiment).
    type: dict
    required: true
  examples:
    description:
      - Results of tasks that ran in a loop over C(check), C(real) and C(again), each with a C(name).
    type: list
    elements: dict
    default: []
  words:
    description: Names to replace in messages, such as that of the host.
    type: list
    elements: str
    default: []
  created:
    description: Time of the report.
    type: str
"""

EXAMPLES = r"""
- name: Display the verdicts
  ansible.builtin.debug:
    msg: "{{ (experiments | nested.hyperv.verify_report).data.summary }}"
  vars:
    experiments: {host: null, entries: []}
"""

RETURN = r"""
_value:
  description: The report, as C(data) and as C(markdown).
  type: dict
  sample:
    data: {schema: 1, created: null, host: null, summary: {held: 73}, examples: [], entries: []}
    markdown: "# Assumptions of the simulator on a real host"
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._verify import assemble, markdown


def verify_report(
    result: Any, examples: Iterable[Mapping[str, Any]] = (), words: Iterable[str] = (), created: str | None = None
) -> dict[str, Any]:
    """The report on a host, as data and as text."""
    if not isinstance(result, Mapping) or "entries" not in result:
        raise AnsibleFilterError("verify_report requires the result of nested.hyperv.host_experiment")
    data = assemble(result, examples, words, created)
    return {"data": data, "markdown": markdown(data)}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"verify_report": verify_report}
