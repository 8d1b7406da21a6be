# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: gate_markdown
short_description: Format the result of a gate as Markdown
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Formats the verdict on several hosts as Markdown for a pull request or the summary of a pipeline, with a table of
    the findings that fail the gate, and the other findings in a collapsed section.
  - Names and values from the hosts are escaped. They contain no Markdown, no HTML, and mention no users.
  - The text has fewer than 65,000 characters, the limit of a comment on GitHub. Rows beyond that are counted.
options:
  _input:
    description: Verdict in the format of P(nested.hyperv.gate_data#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the summary for the pull request
  ansible.builtin.copy:
    content: "{{ gate | nested.hyperv.gate_markdown }}"
    dest: /tmp/gate-nesting.md
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The Markdown text.
  type: str
  sample: |
    ## Nested virtualization: passed
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._report.words import number, printable

LIMIT = 20_000  # characters of each of the three tables
LONGEST = 500  # characters of a name or value

# Punctuation has a meaning in Markdown, HTML, and references of GitHub, GitLab and Azure DevOps. Entities have none.
_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "!\"#$%&'*+-./:;<=>?@[\\]^_`{|}~"}
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # marks that reorder the text around them


def escape(text: Any) -> str:
    """The text on one line, with an entity for each character that has a meaning."""
    return " ".join(_DIRECTIONS.sub("\ufffd", printable(str(text))).split()).translate(_ENTITIES)


def code(text: Any) -> str:
    """A name or value of a host. Mentions and references have no effect in code."""
    text = str(text)
    return f"<code>{escape(text if len(text) <= LONGEST else text[:LONGEST] + '…')}</code>"


def _source(finding: Mapping[str, Any]) -> str:
    return f"[{finding['id']}](<{finding['source']}>)" if finding["source"] else str(finding["id"])


def _cells(host: str, finding: Mapping[str, Any]) -> tuple[str, ...]:
    note = f"ignored: {code(finding['ignored'])}" if finding["ignored"] is not None else escape(finding["remedy"])
    vm = code(finding["vm"]) if finding["vm"] else ""
    return code(host), vm, finding["severity"], _source(finding), code(finding["observed"]), note


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table up to the limit."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    length = 0
    for index, row in enumerate(rows):
        line = f"| {' | '.join(row)} |"
        length += len(line) + 1
        if length > LIMIT:
            yield f"\n{len(rows) - index} more in the other reports of this run."
            return
        yield line


def _lines(gate: Mapping[str, Any]) -> Iterator[str]:
    headings = ("Host", "VM", "Severity", "Rule", "Found", "Remedy")
    yield f"## Nested virtualization: {'passed' if gate['passed'] else 'failed'}"
    yield f"\n{gate['title']}"
    errors = [(code(host["name"]), code(host["error"])) for host in gate["hosts"] if host["error"]]
    if errors:
        yield f"\n{number(len(errors), 'host')} could not be checked.\n"
        yield from _table(("Host", "Error"), errors)
    blocking = [_cells(host["name"], row) for host in gate["hosts"] for row in host["blocking"]]
    if blocking:
        yield ""
        yield from _table(headings, blocking)
    others = [
        _cells(host["name"], row) for host in gate["hosts"] for row in host["findings"] if row not in host["blocking"]
    ]
    if others:
        yield f"\n<details><summary>{number(len(others), 'other finding')}</summary>\n"
        yield from _table(headings, others)
        yield "\n</details>"


def gate_markdown(gate: Mapping[str, Any]) -> str:
    """The verdict as Markdown."""
    if not isinstance(gate, Mapping) or not {"title", "passed", "hosts"} <= set(gate):
        raise AnsibleFilterError("gate_markdown requires a verdict of nested.hyperv.gate_data")
    return "\n".join(_lines(gate)) + "\n"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gate_markdown": gate_markdown}
