# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check whether nested virtualization is supported on a host and in a VM
version_added: 1.0.0
description:
  - Evaluates Microsoft's support rules for a scenario and a purpose, and returns the violated rules as findings with
    their remedies and sources. The task fails if the host or the VM is not supported.
  - Without O(vm) and O(vm_id), only the host is evaluated. A VM is evaluated as a VM that is to run a hypervisor,
    whether or not virtualization extensions are exposed to it.
  - Reads only the facts that the rules of the scenario need, and changes nothing.
  - The rules are listed in C(docs/support_rules.md) of the collection.
options:
  scenario:
    description:
      - Workload of the VM. V(nested_vms) are Hyper-V VMs in the VM, V(wsl2) is WSL 2, V(isolated_containers) are
        Windows containers with Hyper-V isolation, V(azure_stack_hci) is a node of Azure Stack HCI (Azure Local).
      - V(any) evaluates the rules that all scenarios except V(azure_stack_hci) have in common.
    type: str
    choices: [nested_vms, wsl2, isolated_containers, azure_stack_hci, any]
    default: any
  purpose:
    description: Purpose of the VM. Several rules are stricter for V(production).
    type: str
    choices: [evaluation, production]
    default: evaluation
  profile:
    description:
      - Instructions by whose numbers nodes and their host are evaluated, with O(scenario=azure_stack_hci). The default
        is the latest of them. RV(profile) contains the numbers and the source.
      - V(azure_local_2026_04) and V(azure_local_2025_04) are Microsoft's page about virtual deployments of Azure Local
        in April 2026 and 2025, V(mslab_2025_09) is MSLab, and V(azure_stack_hci_20h2) the evaluation guide of Azure
        Stack HCI 20H2 and 21H2.
    type: str
    choices: [azure_local_2026_04, azure_local_2025_04, mslab_2025_09, azure_stack_hci_20h2]
    default: azure_local_2026_04
    version_added: 1.0.0
  nodes:
    description: Number of nodes that the host is to run, with O(scenario=azure_stack_hci).
    type: int
    default: 1
    version_added: 1.0.0
  strict:
    description: Whether findings of severity C(warn) fail the task as well.
    type: bool
    default: false
  ignore:
    description:
      - Rules that do not fail the task if they are violated. Their findings are returned with the reason.
      - The rules C(hci-production), C(nested-depth) and C(nested-cluster) cannot be ignored with
        O(purpose=production).
    type: list
    elements: dict
    default: []
    suboptions:
      rule:
        description: ID of the rule.
        type: str
        required: true
      reason:
        description: Reason why the rule may be ignored.
        type: str
        required: true
  report_only:
    description: Whether to return the findings without failing the task.
    type: bool
    default: false
  vm_facts:
    description:
      - Facts about a VM that does not exist yet, in the format in which M(nested.hyperv.vm_info) returns them in
        RV(nested.hyperv.vm_info#module:vms), with its name. Rules whose facts are missing are not evaluated.
      - Mutually exclusive with O(vm) and O(vm_id).
    type: dict
    version_added: 1.0.0
  guest_facts:
    description:
      - Facts about the guest operating system of the VM, as M(nested.hyperv.host_info) returns them in
        RV(nested.hyperv.host_info#module:host). To gather them, delegate a M(nested.hyperv.host_info) task to the guest
        with the groups V(system), V(features), V(network), V(availability) and V(software).
      - If omitted, rules about the guest are not evaluated, except for those that require only the version of the guest
        that its integration services report.
    type: dict
extends_documentation_fragment:
  - nested.hyperv._module
  - nested.hyperv._module.info
  - nested.hyperv._vm.part
seealso:
  - module: nested.hyperv.host_info
  - module: nested.hyperv.vm_info
  - module: nested.hyperv.vm_nesting
  - name: What is nested virtualization?
    description: Supported scenarios of nested virtualization.
    link: https://learn.microsoft.com/windows-server/virtualization/hyper-v/nested-virtualization
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Require a host on which nested virtualization is supported in production
  nested.hyperv.preflight:
    purpose: production

- name: Report the rules that a VM violates for WSL 2
  nested.hyperv.preflight:
    vm: lab01
    scenario: wsl2
    report_only: true
  register: wsl

- name: Evaluate Azure Stack HCI on a host with a small volume
  nested.hyperv.preflight:
    scenario: azure_stack_hci
    ignore:
      - rule: hci-host-space
        reason: The disks are dynamic and stay small

- name: Evaluate a node of Azure Stack HCI that does not exist yet, on a host of two nodes
  nested.hyperv.preflight:
    scenario: azure_stack_hci
    profile: azure_local_2025_04
    nodes: 2
    vm_facts:
      name: node01
      generation: 2
      memory: {startup: 25769803776, dynamic: false}
      processor: {count: 8}
    report_only: true

- name: Include the guest operating system
  block:
    - name: Gather facts about the guest
      nested.hyperv.host_info:
        include: [system, features, network, availability, software]
      delegate_to: lab01-guest
      register: guest

    - name: Require a VM and a guest that are supported for isolated containers
      nested.hyperv.preflight:
        vm: lab01
        scenario: isolated_containers
        guest_facts: "{{ guest.host }}"
"""

RETURN = r"""
supported:
  description:
    - Whether no finding of severity C(fail) exists that is not ignored. With O(strict), this includes findings of
      severity C(warn).
  returned: success, or when findings fail the task
  type: bool
  sample: false
findings:
  description: Violated rules, sorted by severity, rule and VM.
  returned: success, or when findings fail the task
  type: list
  elements: dict
  contains:
    id:
      description: ID of the rule.
      type: str
      sample: nested-extensions
    severity:
      description: Severity for the purpose, C(fail), C(warn) or C(info).
      type: str
      sample: fail
    vm:
      description: Name of the VM, null for findings about the host.
      type: str
      sample: lab01
    message:
      description: The rule.
      type: str
      sample: without virtualization extensions, no hypervisor runs inside a VM; by default they are hidden
    observed:
      description: Value that violates the rule.
      type: str
      sample: virtualization extensions are hidden
    remedy:
      description: Solution.
      type: str
      sample: Expose them while the VM is off (vm_nesting)
    source:
      description: Source of the rule.
      type: str
      sample: https://learn.microsoft.com/windows-server/virtualization/hyper-v/enable-nested-virtualization
    ignored:
      description: Reason from O(ignore), null for rules that are not ignored.
      type: str
      sample: null
profile:
  description:
    - Numbers by which the rules of Azure Stack HCI are evaluated, with sizes in bytes. C(host_memory) is the memory of
      a host of one node and of two nodes.
  returned: with O(scenario=azure_stack_hci), success or when findings fail the task
  type: dict
  sample:
    name: azure_local_2026_04
    title: Azure Local, virtual deployment as of April 2026
    date: "2026-04-27"
    source: https://learn.microsoft.com/azure/azure-local/deploy/deployment-virtual
    host_build: 20348
    host_memory: [51539607552, 77309411328]
    host_space: 1099511627776
    memory: 34359738368
    least_memory: 17179869184
    processors: 4
    tpm: true
    os_disk: 136365211648
    data_disks: 2
    data_disk: 1099511627776
    adapters: 2
    adapter_names: [NIC1, NIC2, NIC3, NIC4]
    allow_teaming: true
    allowed_vlans: 1-1000
not_judged:
  description: IDs of the rules that were not evaluated, because facts about the host, the VM or the guest are missing.
  returned: success, or when findings fail the task
  type: list
  elements: str
  sample: [nested-third-party, wsl-guest-update]
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._hyperv import jobs
from ..module_utils._hyperv.host import facts as host_facts
from ..module_utils._hyperv.vm import facts as vm_facts
from ..module_utils._hyperv.vm import find
from ..module_utils._policy import evaluate, platform
from ..module_utils._policy.profiles import LATEST, PROFILES
from ..module_utils._policy.rule import ANY, PURPOSES, SCENARIOS, Request
from ..module_utils._standalone import run_alone
from ..module_utils._task.errors import Invalid, Refused, renamed
from ..module_utils._task.session import Target, Task

SPEC: dict[str, Any] = {
    "argument_spec": {
        **find.PART_OPTIONS,
        "scenario": {"type": "str", "choices": [*SCENARIOS, ANY], "default": ANY},
        "purpose": {"type": "str", "choices": list(PURPOSES), "default": PURPOSES[0]},
        "profile": {"type": "str", "choices": list(PROFILES), "default": LATEST.name},
        "nodes": {"type": "int", "default": 1},
        "strict": {"type": "bool", "default": False},
        "ignore": {
            "type": "list",
            "elements": "dict",
            "options": {"rule": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
            "default": [],
        },
        "report_only": {"type": "bool", "default": False},
        "vm_facts": {"type": "dict"},
        "guest_facts": {"type": "dict"},
        **jobs.OPTIONS,
    },
    "mutually_exclusive": [("vm", "vm_id", "vm_facts")],
    "supports_check_mode": True,
}

MAY_BE_EMPTY = ("guest_facts", "vm_facts")  # the facts in it


def run(host: Target, task: Task) -> dict[str, Any]:
    params = task.params
    profile = PROFILES[params["profile"]]
    request = Request(params["scenario"], params["purpose"], profile=profile, nodes=_nodes(params["nodes"]))
    ignore = evaluate.parse_ignore(params["ignore"], request.purpose)
    guest, planned = _guest(params["guest_facts"]), _planned(params["vm_facts"])
    about_vm = bool(params["vm"] or params["vm_id"])
    reads = evaluate.needed(request, about_vm or planned is not None, guest is not None)
    about_host = _fetch_host(host, reads["host"])
    has_vms = about_host.get("hyperv", {}) is not None  # a host without Hyper-V is a finding
    facts = {
        "host": about_host,
        "vm": _fetch_vm(host, params, reads["vm"]) if about_vm and has_vms else planned,
        "guest": guest,
    }
    findings, unknown = evaluate.judge(facts, request, ignore)
    supported = evaluate.supported(findings, params["strict"])
    result = {"supported": supported, "findings": findings, "not_judged": unknown}
    if request.scenario == "azure_stack_hci":
        result["profile"] = profile.describe()
    if supported or params["report_only"]:
        return {"changed": False, **result}
    what = f"VM '{facts['vm']['name']}'" if facts["vm"] else "this host"
    raise Refused(evaluate.sentence(what, findings, request, params["strict"]), **result)


def _fetch_host(host: Target, names: Iterable[str]) -> dict[str, Any]:
    """The facts of these names about the host."""
    groups = {host_facts.GROUP_OF[name] for name in names}
    result = host_facts.fetch(host, groups - {"hyperv"})
    if "system" in groups:
        result |= platform.completed(host_facts.fetch_system(host), lambda: host_facts.query_asset_tags(host))
    if "hyperv" in groups:  # only whether it is installed
        result["hyperv"] = None if host_facts.fetch_settings(host) is None else {}
    return result


def _fetch_vm(host: Target, params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The facts of these names about the VM that the options choose. Raises Missing, Ambiguous."""
    groups = {vm_facts.GROUP_OF.get(name, name) for name in names} - {None}
    ids = [find.vm_id(params["vm_id"], "vm_id")] if params["vm_id"] else None
    with renamed({"name": "vm", "id": "vm_id"}):
        vms = vm_facts.fetch(host, [params["vm"]] if params["vm"] else None, ids, groups)
    if len(vms) > 1:
        raise find.ambiguous(params["vm"], [vm["id"] for vm in vms], ("vm", "vm_id"))
    return vms[0]


def _nodes(number: int) -> int:
    if number < 1:
        raise Invalid("must be the number of nodes, at least 1", option="nodes")
    return number


def _planned(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The facts of a VM that doesn't exist yet. Raises Invalid if it has no name."""
    if facts is not None and not facts.get("name"):
        raise Invalid("contains no name; give the facts in the form of vm_info, with a name", option="vm_facts")
    return facts


_GUEST_FACTS = ("os", "features", "software", "network", "cluster")


def _guest(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The facts of the guest. Raises Invalid if they are not those that host_info returns."""
    if facts is None:
        return None
    known = {name: facts[name] for name in _GUEST_FACTS if facts.get(name) is not None}
    if not known or not all(isinstance(value, Mapping) for value in known.values()):
        raise Invalid(
            "contains no facts about a guest; use the value that host_info returns in 'host' (register: guest, and "
            "then 'guest_facts: \"{{ guest.host }}\"')",
            option="guest_facts",
        )
    return known


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run, MAY_BE_EMPTY)


if __name__ == "__main__":
    main()
