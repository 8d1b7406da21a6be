"""The documentation of the inventory plugin: complete, and about what the plugin does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory import hosts
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.connections import known_variables
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.places import Guest, Host

PLUGIN = Path(__file__).resolve().parents[3] / "plugins" / "inventory" / "vms.py"
DOCS, EXAMPLES, _returns, _meta = get_docstring(
    str(PLUGIN), fragment_loader, collection_name="nested.hyperv", plugin_type="inventory"
)


# Of the fragments constructed and inventory_cache.
OF_ANSIBLE = {"strict", "compose", "groups", "keyed_groups", "use_extra_vars", "leading_separator", "cache"}
OF_ANSIBLE |= {f"cache_{name}" for name in ("plugin", "timeout", "connection", "prefix")}


def options(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in section.items():
        yield f"{path}{name}", option
        yield from options(option.get("suboptions") or {}, f"{path}{name}.")


OPTIONS = [(path, option) for path, option in options(DOCS["options"]) if path not in OF_ANSIBLE]


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=[path for path, _option in OPTIONS])
def test_each_option_has_a_description_and_a_type(path: str, option: Mapping[str, Any]) -> None:
    assert option["description"], path
    assert option["type"], path
    assert ("elements" in option) == (option["type"] == "list")


def test_options_that_the_documentation_names_exist() -> None:
    text = PLUGIN.read_text()
    known = {path.replace(".", "[].") for path, _option in options(DOCS["options"])}
    assert set(re.findall(r"\bO\(([^)#]+)\)", text)) <= known


def test_the_documented_variables_are_those_of_a_vm() -> None:
    facts: dict[str, Any] = {**dict.fromkeys(hosts._FACTS), "network_adapters": [], "guest": {"os": None}}
    guest = Guest(Host("hv01", "hv01", None), facts)  # type: ignore[arg-type]
    actual = {f"hyperv_{name}" for name in hosts.variables(guest, ["hv01"], None)}
    notes = " ".join(DOCS["notes"])
    assert set(re.findall(r"C\((hyperv_\w+)\)", notes)) == actual
    assert {f"hyperv_{name}" for name in hosts.VARIABLES} == actual


def test_the_choices_of_groups_are_those_of_the_code() -> None:
    assert DOCS["options"]["group_by"]["choices"] == list(hosts.GROUPINGS) == DOCS["options"]["group_by"]["default"]


def test_examples_use_options_and_variables_that_exist() -> None:
    for example in yaml.safe_load_all(EXAMPLES):
        assert set(example) <= set(DOCS["options"])
        variables = [example.get("vars") or {}, *(value or {} for value in example["hosts"].values())]
        variables += [entry["vars"] for entry in example.get("nested_hosts", ())]
        assert {name for section in variables for name in section} <= known_variables()


def test_the_readme_lists_the_plugin() -> None:
    assert "| `vms` |" in (PLUGIN.parents[2] / "README.md").read_text()
