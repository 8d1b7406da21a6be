"""What every module promises, shown on every example of its documentation: check mode, real run, second run.

A new module needs no line here as long as its options stand in a property table; what it writes besides goes into
WRITES, what comes along by itself into FOLLOWS, and what its examples speak of into model.yml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils import _hyperv
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.table import Property
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.unit import bridge

MODEL = Path(__file__).with_name("model.yml")
HOST = "hv01"

# An option, and what may change on the host for it besides the property of its table: CIM properties, classes of which
# an object may come or go ("Class."), or files.
WRITES: Mapping[str, set[str]] = {
    "mac_spoofing": {
        "Msvm_EthernetSwitchPortSecuritySettingData.AllowMacSpoofing",
        "Msvm_EthernetSwitchPortSecuritySettingData.",
    },
    "allow_teaming": {"Msvm_EthernetSwitchPortSecuritySettingData."},
    "vlan": {"Msvm_EthernetSwitchPortVlanSettingData."},
    "maximum": {"Msvm_EthernetSwitchPortBandwidthSettingData."},
    "mac_address": {
        "Msvm_SyntheticEthernetPortSettingData.Address",
        "Msvm_SyntheticEthernetPortSettingData.StaticMacAddress",
        "Msvm_SyntheticEthernetPortSettingData.",
    },
    "name": {"Msvm_SyntheticEthernetPortSettingData.", "Msvm_VirtualEthernetSwitchSettingData."},
    "switch": {
        "Msvm_EthernetPortAllocationSettingData.",
        "Msvm_EthernetPortAllocationSettingData.HostResource",
        "Msvm_EthernetPortAllocationSettingData.EnabledState",
        "Msvm_VirtualEthernetSwitchSettingData.",
    },
    # An adapter with what belongs to it, or a switch with its ports.
    "state": {
        "Msvm_SyntheticEthernetPortSettingData.",
        "Msvm_EthernetPortAllocationSettingData.",
        "Msvm_VirtualEthernetSwitchSettingData.",
    },
    "type": {"Msvm_EthernetPortAllocationSettingData.", "Msvm_VirtualEthernetSwitchSettingData."},
    "notes": {"Msvm_VirtualEthernetSwitchSettingData."},
    "allow_management_os": {"Msvm_EthernetPortAllocationSettingData."},
    "address": {"MSFT_NetIPAddress."},
    "nat": {"MSFT_NetNat.", "MSFT_NetNatStaticMapping."},
    "static_mappings": {"MSFT_NetNatStaticMapping."},
}

# A CIM property that may change along with another one, and why.
FOLLOWS: Mapping[str, set[str]] = {
    # An adapter is a boot source at once.
    "Msvm_SyntheticEthernetPortSettingData.": {
        "Msvm_BootSourceSettingData.",
        "Msvm_VirtualSystemSettingData.BootSourceOrder",
    },
    # Every connected port has an offload row, and the host's own port is an adapter with addresses of its own.
    "Msvm_EthernetPortAllocationSettingData.": {
        "Msvm_EthernetPortAllocationSettingData.LastKnownSwitchName",
        "Msvm_EthernetSwitchPortOffloadSettingData.",
        "MSFT_NetIPAddress.",
    },
    # Hyper-V keeps Reservation and Limit of static memory around the quantity; people don't see them.
    "Msvm_MemorySettingData.VirtualQuantity": {
        "Msvm_MemorySettingData.Reservation",
        "Msvm_MemorySettingData.Limit",
    },
    "Msvm_MemorySettingData.DynamicMemoryEnabled": {
        "Msvm_MemorySettingData.Reservation",
        "Msvm_MemorySettingData.Limit",
        # A VM has dynamic memory or virtual NUMA (documented at the option).
        "Msvm_VirtualSystemSettingData.VirtualNumaEnabled",
    },
}

# Results that a prediction can't know.
UNPREDICTABLE = {"power_cycled", "ansible_facts"}
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float, "raw": object, "path": str}
COMMON = {"changed", "diff", "warnings", "ansible_facts"}


class Example(NamedTuple):
    module: str
    title: str
    args: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.module.rpartition('.')[2]}: {self.title}"


def examples() -> Iterator[Example]:
    for module, path in bridge.modules().items():
        for task in bridge.documentation(path, "EXAMPLES"):
            if module in task:
                yield Example(module, task["name"], task[module] or {})


EXAMPLES = list(examples())


def property_table() -> dict[str, set[str]]:
    """Option → CIM properties, from the property tables of the modules."""
    found: dict[str, set[str]] = {}
    for info in iter_modules(_hyperv.__path__, f"{_hyperv.__name__}."):
        for value in vars(import_module(info.name)).values():
            if isinstance(value, tuple) and value and all(isinstance(row, Property) for row in value):
                for row in value:
                    found.setdefault(row.option, set()).add(row.cim)
    return found


OPTIONS = property_table()


class Run(NamedTuple):
    """One run of a task: its result, what changed on the host, and the requests that may have."""

    result: dict[str, Any]
    changes: dict[str, dict[str, tuple[Any, Any]]]
    writes: list[str]


class Stage:
    """A simulated host with the VMs of the examples."""

    def __init__(self, sim: simulator.Simulation) -> None:
        self.sim = sim
        self.machine = sim.machines[HOST]
        self.variables = bridge.variables(sim, HOST)

    def run(self, example: Example, *, check: bool = False) -> Run:
        before = bridge.state(self.machine)
        self.sim.log.clear()
        result = bridge.run_task(HOST, self.variables, example.module, example.args, check=check)
        requests = self.sim.log.requests()
        assert requests or result.get("failed"), "the module didn't even ask the host"
        assert {entry.action for entry in requests} <= {"Enumerate", "Pull", "Release", "Get", "Invoke"} | (
            {"Create", "Put", "Delete"}
        ), "nothing but CIM requests, no shell"
        return Run(result, bridge.difference(before, bridge.state(self.machine)), bridge.writes(requests))

    def boots(self) -> dict[str, Any]:
        return {vm.name: vm.on_since for vm in self.machine.vms.values()}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with simulator.start(MODEL) as sim:
        yield Stage(sim)
    bridge.forget_connections()


@pytest.fixture(params=["as written", "running", "off"])
def vms(request: pytest.FixtureRequest, stage: Stage) -> str:
    """The states of the VMs: as the model has them, or all the same."""
    if request.param != "as written":
        for vm in stage.machine.vms.values():
            vm.set_state(simulator.model.STATE_NAMES[request.param])
    return request.param


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_check_mode_then_real_run_then_second_run(example: Example, stage: Stage, vms: str) -> None:
    boots = stage.boots()
    check = stage.run(example, check=True)
    assert not check.changes, "check mode changed the host"
    assert not check.writes, "check mode sent a write"
    assert stage.boots() == boots

    real = stage.run(example)
    if real.result.get("failed"):
        assert vms != "as written", real.result["msg"]
        assert check.result == real.result, "check mode must refuse what the real run refuses, in the same words"
        assert not real.changes
        assert not real.writes
        return
    assert not check.result.get("failed"), check.result
    if "id" not in check.result:  # of what the real run makes
        real.result.pop("id", None)
    assert comparable(check.result) == comparable(real.result), "check mode must predict the result"
    assert real.result["changed"] is bool(real.changes)
    check_that_only_what_was_asked_changed(real)
    if "power_cycled" in real.result:
        assert real.result["power_cycled"] is (check.result["power_cycle_required"] and real.result["changed"])
        assert (stage.boots() != boots) is real.result["power_cycled"]

    second = stage.run(example)
    assert not second.result.get("failed"), second.result
    assert second.result["changed"] is False
    assert not second.writes
    assert not second.changes
    assert not any(second.result.get("diff", {}).values())
    same = comparable(real.result).keys() - {"changed", "diff", "power_cycle_required"}
    assert {key: second.result[key] for key in same} == {key: real.result[key] for key in same}
    for run in (check, real, second):
        check_documented(example.module, run.result)


def comparable(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in UNPREDICTABLE}


def check_that_only_what_was_asked_changed(run: Run) -> None:
    """Each change on the host belongs to a changed option of the diff, and the other way round."""
    wanted = {option: allowed(option) for option in changed_options(run.result.get("diff", {}))}
    done = {
        f"{path.partition(':')[2].partition('.')[0]}.{name}" if ":" in path else path
        for path, properties in run.changes.items()
        for name in properties
    }
    everything = set().union(*wanted.values())
    followers = {follower for one in done & everything for follower in FOLLOWS.get(one, ())}
    assert done - everything - followers == set(), f"nobody asked for this; the diff speaks of {sorted(wanted)}"
    for option, names in wanted.items():
        assert names & done, f"the diff says that {option} changed, and on the host nothing did"


def changed_options(diff: Mapping[str, Any]) -> set[str]:
    """The options whose values differ, whatever section they stand in."""

    def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                yield from leaves(inner, (*path, str(key)))
        else:
            yield path, value

    before, after = (dict(leaves(diff.get(side) or {}, ())) for side in ("before", "after"))
    differing = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    known = [next((name for name in reversed(path) if allowed(name)), "/".join(path)) for path in differing if path]
    return set(known)


def allowed(option: str) -> set[str]:
    """Class.property for an option; of a property table only the property's name is known, so any class will do."""
    classes = simulator_classes()
    from_tables = {
        f"{name}.{prop}" for prop in OPTIONS.get(option, ()) for name, known in classes.items() if prop in known
    }
    return from_tables | WRITES.get(option, set())


def simulator_classes() -> dict[str, set[str]]:
    if not _classes:
        schema = simulator.model.Machine.__init__.__globals__["load"](20348)
        for cls in schema.classes(simulator.schema.HYPERV):
            _classes[cls.name] = set(cls.properties)
    return _classes


_classes: dict[str, set[str]] = {}


def check_documented(module: str, result: Mapping[str, Any]) -> None:
    """What is returned is documented, in its type, and what is documented for success is returned."""
    documented = bridge.documentation(bridge.modules()[module], "RETURN")
    assert result.keys() - COMMON <= documented.keys()
    for key, entry in documented.items():
        if entry["returned"].startswith("success"):
            assert key in result, f"{key} is documented, and not returned"
        if key in result:
            check_value(key, result[key], entry)


def check_value(where: str, value: Any, entry: Mapping[str, Any]) -> None:
    if value is None:
        return
    kind = TYPES[entry["type"]]
    assert isinstance(value, kind), f"{where} is documented as {entry['type']}"
    assert not (kind is int and isinstance(value, bool)), where
    items = value if kind is list else [value]
    if entry.get("elements"):
        assert all(isinstance(item, TYPES[entry["elements"]]) for item in items), where
    for item in items:
        if not isinstance(item, Mapping):
            continue
        if "contains" in entry:
            assert item.keys() <= entry["contains"].keys(), f"{where}: {item.keys() - entry['contains'].keys()}"
            for key, inner in item.items():
                check_value(f"{where}.{key}", inner, entry["contains"][key])
        elif isinstance(entry.get("sample"), Mapping):
            sample = entry["sample"]
            assert item.keys() == sample.keys(), where
            for key in sample:
                assert item[key] is None or isinstance(item[key], type(sample[key])), f"{where}.{key}"


@pytest.mark.parametrize("module", bridge.modules())
def test_every_module_has_examples_and_samples(module: str) -> None:
    assert any(example.module == module for example in EXAMPLES)

    def samples(entries: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        for key, entry in entries.items():
            yield key, "sample" in entry or "contains" in entry
            yield from samples(entry.get("contains", {}))

    missing = [key for key, there in samples(bridge.documentation(bridge.modules()[module], "RETURN")) if not there]
    assert not missing
