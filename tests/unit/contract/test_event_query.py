# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VMs Automation Platform counts for a task (extensions/audit/event_query.yml), as its controller does it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jq
import pytest
import yaml

from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL = Path(__file__).with_name("model.yml")
FILE = Path(__file__).resolve().parents[3] / "extensions" / "audit" / "event_query.yml"
# The entry of the action plugin, by which older ansible-cores name all modules
ANY = "host"
QUERIES = {name.rpartition(".")[2]: entry["query"] for name, entry in yaml.safe_load(FILE.read_text()).items()}

VM_MODULES = [name for name in QUERIES if name != ANY]


def counted(module: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    return jq.compile(QUERIES[module]).input(result).all()


def test_every_module_that_returns_its_vm_is_counted() -> None:
    returned = {
        module
        for module in collection.modules()
        if any(
            str(value["description"]).startswith(("ID (GUID) of the VM", "ID (GUID) and name of the VM"))
            for value in collection.documentation(module, "RETURN").values()
        )
    }
    assert {*VM_MODULES} == returned


def test_the_guide_lists_the_modules_that_count() -> None:
    guide = FILE.parents[2] / "docs/docsite/rst/guide_automation_platform.rst"
    section = guide.read_text().partition("\nCount managed nodes\n")[2]
    counting, _separator, others = section.partition("count no VM")
    assert set(re.findall(r"``(\w+)``", counting)) == {*VM_MODULES}
    assert set(re.findall(r"``(\w+)``", others)) & {*VM_MODULES} == set()


@pytest.mark.parametrize("module", VM_MODULES)
def test_the_vm_of_each_example_is_counted_once(lab: Lab, module: str) -> None:
    names = {vm.id.upper(): vm.name for vm in lab.machine.vms.values()}
    examples = [task for task in collection.documentation(module, "EXAMPLES") if f"nested.hyperv.{module}" in task]
    done = 0
    for example in examples:
        args = example[f"nested.hyperv.{module}"]
        result = lab.run(module, **args)
        names |= {vm.id.upper(): vm.name for vm in lab.machine.vms.values()}
        records = counted(module, result)
        if result.get("failed") or args.get("state") == "absent":
            assert len(records) <= 1
            continue
        (record,) = records
        identifier = record["canonical_facts"]["id"]
        assert names[identifier] == args.get("vm", args.get("name"))
        assert record["name"] in (names[identifier], identifier)
        assert record["facts"]["device_type"] == "virtual_machine"
        done += 1
    assert done


@pytest.mark.parametrize("module", sorted({*collection.modules()} - {*VM_MODULES}))
def test_other_modules_count_nothing_under_the_name_of_their_action_plugin(module: str) -> None:
    values = collection.documentation(module, "RETURN").items()
    sample = {name: value["sample"] for name, value in values if "sample" in value}
    assert counted(ANY, sample) == []


@pytest.mark.parametrize("module", QUERIES)
def test_a_task_without_a_vm_counts_nothing(module: str) -> None:
    for result in ({}, {"failed": True, "msg": "no VM"}, {"unreachable": True}, {"results": [{"id": "x"}]}):
        assert counted(module, result) == []
