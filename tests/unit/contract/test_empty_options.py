"""An option that is given but empty is an error in every module: it never means "all", and never "none"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.harness.lab import Lab

MODEL = {"hosts": [{"name": "hv01", "vms": [{"name": "only01", "disks": [{"path": r"C:\VMs\only.vhdx"}]}]}]}
SAMPLES = {"str": "x", "int": 1, "bool": True, "list": ["x"]}


def spec_of(module: str) -> dict[str, Any]:
    return import_module(f"{collection.PACKAGE}.{module}").SPEC


def may_be_empty(module: str) -> tuple[str, ...]:
    return getattr(import_module(f"{collection.PACKAGE}.{module}"), "MAY_BE_EMPTY", ())


def sample(option: Mapping[str, Any]) -> Any:
    return option["choices"][0] if option.get("choices") else SAMPLES[option["type"]]


def required(options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: sample(option) for name, option in options.items() if option.get("required")}


def emptied(options: Mapping[str, Mapping[str, Any]], empty: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The path of each text option, and the options of a task in which it is empty."""
    for name, option in options.items():
        of_texts = option["type"] == "list" and option.get("elements") in ("str", "path")
        if (option["type"] in ("str", "path") or of_texts) and not option.get("choices"):
            yield name, {**required(options), name: [empty] if of_texts else empty}
        for path, inner in emptied(option.get("options") or {}, empty):
            yield f"{name}.{path}", {**required(options), name: [inner] if option["type"] == "list" else inner}


def tasks(empty: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Module, option and arguments for each option of each module."""
    for module in collection.modules():
        spec = spec_of(module)
        for path, args in emptied(spec["argument_spec"], empty):
            chosen = {name: "only01" for group in spec.get("required_one_of", ()) for name in group[:1]}
            excluded = {
                name for group in spec.get("mutually_exclusive", ()) if args.keys() & set(group) for name in group
            }
            given = {name: value for name, value in chosen.items() if name not in excluded}
            for rule in spec.get("required_if", ()):
                given |= {name: sample(spec["argument_spec"][name]) for name in rule[2]}
            if path not in may_be_empty(module):
                yield module, path, {**given, **args}


ALL = list(tasks(""))


@pytest.mark.parametrize(("module", "option", "args"), ALL, ids=[f"{module}.{option}" for module, option, _args in ALL])
def test_an_empty_text_is_an_error(shared_lab: Lab, module: str, option: str, args: dict[str, Any]) -> None:
    assert shared_lab.refuses(module, "is empty", **args)["option"] == option
    assert not shared_lab.requests


def test_a_blank_text_is_as_empty(shared_lab: Lab) -> None:
    for module, option, args in tasks(" \t"):
        assert shared_lab.refuses(module, "is empty", **args)["option"] == option


REMOVALS = [
    ("vm", {"name": None, "state": "absent", "delete_disks": True}),
    ("vm_memory", {"name": None, "startup": "1GB"}),
    ("vm_processor", {"id": None, "count": 1}),
    ("vm_nesting", {"name": None, "id": None}),
    ("vm_dvd_drive", {"vm": None, "state": "absent"}),
    ("vm_checkpoint", {"vm": None, "name": "x"}),
    ("vm_network_adapter", {"vm": None, "name": "x", "state": "absent"}),
    ("vm_network_adapter", {"vm": "only01", "name": None, "state": "absent"}),
    ("virtual_switch", {"name": None, "state": "absent"}),
]


@pytest.mark.parametrize(("module", "args"), REMOVALS)
def test_a_null_is_as_omitted(shared_lab: Lab, module: str, args: dict[str, Any]) -> None:
    shared_lab.refuses(module, "one of the following is required", **args)


def test_an_empty_list_selects_nothing(shared_lab: Lab) -> None:
    assert [vm["name"] for vm in shared_lab.succeeds("vm_info")["vms"]] == ["only01"]
    for args in ({"name": []}, {"id": []}, {"name": [], "id": []}):
        assert shared_lab.succeeds("vm_info", **args)["vms"] == []
    assert len(shared_lab.succeeds("vm_info", name=["only01"], id=[])["vms"]) == 1


def test_an_empty_text_that_means_something_is_documented() -> None:
    for module in collection.modules():
        assert set(may_be_empty(module)) <= collection.options(module)
