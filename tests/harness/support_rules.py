# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/support_rules.md, generated from the data of the rules (make rules)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ansible_collections.nested.hyperv.plugins.module_utils._policy.evaluate import RULES
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rule import (
    ALL,
    COMMON,
    GUEST,
    HOST,
    NESTED_VM,
    PURPOSES,
    SCENARIOS,
    VM,
    Rule,
)
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules.containers import CONTAINER_RULES

ENFORCED = [rule for rule in CONTAINER_RULES if rule not in RULES]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "support_rules.md"

_HEAD = """\
# Support rules

The rules that `nested.hyperv.preflight`, `nested.hyperv.host_info` and the playbooks `survey_hosts` and
`gate_nesting` evaluate; `vm_nesting`, `vm_memory`, `nat_network`, `container_engine` and `isolated_container` enforce
some of them. The page is generated from their data in `plugins/module_utils/_policy/rules` (`make rules`).

- A rule of severity `fail` prevents support, unless it is ignored with a reason. A rule of severity `warn` restricts
  it; with `strict`, it fails as well. A rule of severity `info` is a note. The severity depends on the purpose.
- A rule marked `final` cannot be ignored for production.
- The scenario `any` has the rules that all scenarios but `azure_stack_hci` have in common.
- A rule whose facts are missing is not judged, and `preflight` lists it in `not_judged`.
"""
_ENFORCED = """\
## Containers

`isolated_container` enforces these rules in a guest, together with `containers-features`, before it runs a container.

| Rule | Checks |
|---|---|"""
_SECTIONS = {
    HOST: "Host",
    VM: "All VMs",
    NESTED_VM: "VMs that run a hypervisor",
    GUEST: "Guests",
}


def document() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_tables(), *_enforced(), *_details()])


def _tables() -> Iterator[str]:
    for about, title in _SECTIONS.items():
        yield f"## {title}\n"
        yield "| Rule | Checks | Scenarios | " + " | ".join(name.capitalize() for name in PURPOSES) + " |"
        yield "|---|---|---|---|---|"
        for rule in sorted((rule for rule in RULES if rule.about == about), key=lambda rule: rule.id):
            severities = " | ".join(_severity(rule, purpose) for purpose in PURPOSES)
            yield f"| [{rule.id}](#{rule.id}) | {rule.checks} | {_scenarios(rule)} | {severities} |"
        yield ""


def _severity(rule: Rule, purpose: str) -> str:
    final = ", final" if rule.final and purpose == "production" else ""
    return f"{rule.severity[purpose] or '-'}{final}"


def _scenarios(rule: Rule) -> str:
    names = [name for name in SCENARIOS if name in rule.scenarios]
    if rule.scenarios == ALL:
        return "all"
    return "all but azure_stack_hci" if rule.scenarios == COMMON else ", ".join(names)


def _enforced() -> Iterator[str]:
    yield _ENFORCED
    for rule in ENFORCED:
        yield f"| [{rule.id}](#{rule.id}) | {rule.checks} |"
    yield ""


def _details() -> Iterator[str]:
    yield "## Texts"
    for rule in sorted((*RULES, *ENFORCED), key=lambda rule: rule.id):
        message = rule.message[0].upper() + rule.message[1:]
        yield f"\n### {rule.id}\n\n{message}. {rule.remedy}.\n\nSource: <{rule.source}>"
    yield ""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
