# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: survey_junit
short_description: Format a survey as JUnit XML
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Formats a survey of hosts as JUnit XML, which most pipelines display as test results.
  - Each host is a test suite. The host and each of its VMs are test cases, which pass if no rule of O(severity) is
    violated. Each finding is a further test case. It fails if it has O(severity), and is skipped if it is ignored.
    Other findings pass, with their text as output. A host that could not be surveyed is an error.
options:
  _input:
    description: Survey in the format of P(nested.hyperv.survey_data#filter).
    type: dict
    required: true
  severity:
    description: Lowest severity of a finding that is a failed test case.
    type: str
    choices: [fail, warn]
    default: fail
  name:
    description: Name of the test run.
    type: str
    default: nested.hyperv.survey_hosts
"""

EXAMPLES = r"""
- name: Write the test results of a survey
  ansible.builtin.copy:
    content: "{{ survey | nested.hyperv.survey_junit }}"
    dest: /tmp/nesting-survey.junit.xml
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The XML document.
  type: str
  sample: <?xml version="1.0" encoding="UTF-8"?>
"""

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from ansible.errors import AnsibleFilterError

from ..module_utils._policy import evaluate
from ..plugin_utils._report.words import printable


def _case(suite: ElementTree.Element, name: str, outcome: str | None = None, message: str = "", text: str = "") -> None:
    """Add a test case: passed, with the text as output, or with an outcome."""
    case = ElementTree.SubElement(suite, "testcase", classname=suite.attrib["name"], name=name, time="0")
    if outcome:
        kind = {"error": "unreachable", "failure": name.rpartition(": ")[2], "skipped": "ignored"}[outcome]
        ElementTree.SubElement(case, outcome, type=kind, message=message).text = text
    elif text:
        ElementTree.SubElement(case, "system-out").text = text


def _finding(suite: ElementTree.Element, finding: Mapping[str, Any], strict: bool) -> None:
    text = "\n".join(
        f"{label}: {finding[key]}"
        for label, key in (("Rule", "message"), ("Found", "observed"), ("Remedy", "remedy"), ("Source", "source"))
        if finding[key]
    )
    name = f"{finding['vm'] or 'host'}: {finding['id']}"
    if finding["ignored"] is not None:
        _case(suite, name, "skipped", f"ignored: {finding['ignored']}", text)
    elif evaluate.is_failure(finding, strict):
        _case(suite, name, "failure", f"{finding['message']}; found {finding['observed']}", text)
    else:
        _case(suite, name, text=f"{finding['severity']}\n{text}")


def _suite(host: Mapping[str, Any], strict: bool) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=printable(host["name"]))
    if host["error"] or host["host"] is None:
        _case(suite, "host", "error", host["error"] or "No task ran on this host.")
    failed = {finding["vm"] for finding in host["findings"] if evaluate.is_failure(finding, strict)}
    if host["host"] is not None:
        for name in (None, *(vm["name"] for vm in host["vms"])):
            if name not in failed:
                _case(suite, f"{name or 'host'}: supported")
    for finding in host["findings"]:
        _finding(suite, finding, strict)
    cases = list(suite)
    suite.attrib |= {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": "0",
    }
    return suite


def survey_junit(survey: Mapping[str, Any], severity: str = "fail", name: str = "nested.hyperv.survey_hosts") -> str:
    """The survey as JUnit XML."""
    if not isinstance(survey, Mapping) or survey.get("schema") != 1:
        raise AnsibleFilterError("survey_junit requires a survey of nested.hyperv.survey_data")
    if severity not in ("fail", "warn"):
        raise AnsibleFilterError(f"severity must be fail or warn, not '{severity}'")
    root = ElementTree.Element("testsuites", name=str(name))
    root.extend(_suite(host, severity == "warn") for host in survey["hosts"])
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.attrib[key]) for suite in root)))
    ElementTree.indent(root, " ")
    return printable('<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"survey_junit": survey_junit}
