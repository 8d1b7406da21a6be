# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: survey_html
short_description: Format a survey as an HTML report
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Formats a survey of hosts as one HTML page with findings, hosts, the levels of nested virtualization and VMs.
  - The page contains its style and script, and requests no other file.
options:
  _input:
    description: Survey in the format of P(nested.hyperv.survey_data#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the report of a survey
  ansible.builtin.copy:
    content: "{{ survey | nested.hyperv.survey_html }}"
    dest: /tmp/nesting-survey.html
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The HTML page.
  type: str
  sample: <!DOCTYPE html>
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._report import page


def survey_html(survey: Mapping[str, Any]) -> str:
    """The survey as an HTML page."""
    if not isinstance(survey, Mapping) or survey.get("schema") != 1:
        raise AnsibleFilterError("survey_html requires a survey of nested.hyperv.survey_data")
    return page.render(survey)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"survey_html": survey_html}
