"""The promises of every module, tested with every example of its documentation: check mode, real run, second run.

The examples of a module run in their order on one host, as in a playbook. A new module needs no line here as long as
its options are in a property table; other properties that it writes are listed in WRITES, changes that follow from
others in FOLLOWS, and the objects of its examples in model.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils import _hyperv
from ansible_collections.nested.hyperv.plugins.module_utils._task.table import Property
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import changes, collection
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, STANDARD

MODEL = Path(__file__).with_name("model.yml")

ADAPTER, PORT, DRIVE, MEDIUM = (
    f"Msvm_{name}SettingData"
    for name in ("SyntheticEthernetPort", "EthernetPortAllocation", "ResourceAllocation", "StorageAllocation")
)
SYSTEM, MEMORY, SWITCH = (f"Msvm_{name}SettingData" for name in ("VirtualSystem", "Memory", "VirtualEthernetSwitch"))
HOST = "Msvm_VirtualSystemManagementServiceSettingData"
PAIRS = "Msvm_KvpExchangeComponentSettingData"
# What a module sends to a host, and also to a guest, whose programs it runs.
REQUESTS = {"Enumerate", "Pull", "Release", "Get", "Invoke", "Create", "Put", "Delete"}
OF_SHELLS = {"Command", "Send", "Receive", "Signal"}
WITH_PROGRAMS = {"host_image", "seed_iso"}  # modules for hosts that run programs, too
MODULES_AND_STATES = [
    (module, states)
    for module in collection.modules()
    for states in ("as documented", "running", "off")
    if states == "as documented" or not collection.is_for_guests(module)
]
LEGACY = "Msvm_EmulatedEthernetPortSettingData"

# An option, and what may change on the host for it besides the property of its table: CIM properties (Class.Property),
# objects that come or go (Class.), VMs and checkpoints as wholes (vm., checkpoint.), files (file.), folders (folder.),
# features, services and restarts of Windows (feature., service., boot.), settings and distributions of WSL (wsl.), keys
# that reach a VM (keyboard.), files in its guest (guestfile.) and on the control node (local.).
WRITES: Mapping[str, set[str]] = {
    "state": {"Msvm_ComputerSystem.EnabledState", "vm.", f"{SWITCH}.", f"{ADAPTER}.", f"{LEGACY}.", "MSFT_NetNat."}
    | {"service.", "file.", "folder.", "container."},
    "typed": {"keyboard."},
    "dest": {"guestfile.", "local."},
    "data": {f"{PAIRS}.HostExchangeItems", f"{PAIRS}.HostOnlyItems"},
    "guest_service_interface": {"Msvm_GuestServiceInterfaceComponentSettingData.EnabledState"},
    "features": {"feature."},
    "size": {"file."},
    "label": {"file."},
    "files": {"file."},
    "checksum": {"file."},
    "start_mode": {"service."},
    "config": {"file.", "service."},
    "group": {"group."},
    "service": {"service."},
    "image": {"image.", "container."},
    "images": {"file."},
    **{option: {"container."} for option in ("cpus", "ports", "volumes", "environment", "command", "entrypoint")},
    **{option: {"container."} for option in ("restart_policy", "labels", "network", "memory")},
    "isolation": {"file.", "container."},
    "booted": {"boot."},
    "package": {"file.", "service."},
    **{key: {"wsl."} for key in ("location", "wsl_version", "default_user", "default", "default_version")},
    "distribution": {"wsl."},
    "name": {
        "wsl.",
        "vm.",
        f"{SWITCH}.",
        f"{ADAPTER}.",
        f"{LEGACY}.",
        "MSFT_NetNat.",
        "adapter.",
        "computer.",
        "boot.",
    },
    **{key: {"adapter."} for key in ("dhcp", "dns_servers", "gateway")},
    "addresses": {"MSFT_NetIPAddress."},
    "new_name": {f"{SYSTEM}.ElementName"},
    "version": {f"{SYSTEM}.Version", "file."},
    "automatic_start": {f"{SYSTEM}.AutomaticStartupAction"},
    "checkpoints": {"checkpoint."},
    "applied": {f"{SYSTEM}.Parent"},
    "disks": {"file.", f"{MEDIUM}."},
    "folders": {"folder."},
    "dvd_drives": {f"{DRIVE}.", f"{MEDIUM}."},
    "switch": {f"{PORT}.", f"{PORT}.EnabledState", f"{PORT}.HostResource", f"{SWITCH}."},
    "legacy": {f"{LEGACY}."},
    "mac_range": {f"{HOST}.MinimumMacAddress", f"{HOST}.MaximumMacAddress"},
    "mac_address": {f"{ADAPTER}.Address", f"{ADAPTER}.StaticMacAddress", f"{ADAPTER}.", f"{LEGACY}."},
    "mac_spoofing": {"Msvm_EthernetSwitchPortSecuritySettingData."},
    "allow_teaming": {"Msvm_EthernetSwitchPortSecuritySettingData."},
    "vlan": {"Msvm_EthernetSwitchPortVlanSettingData."},
    "bandwidth": {"Msvm_EthernetSwitchPortBandwidthSettingData."},
    "notes": {f"{SWITCH}.Notes", f"{SYSTEM}.Notes"},
    # A switch of the host's own has a port for the host, and that an address.
    "type": {f"{PORT}."},
    "allow_management_os": {f"{PORT}."},
    # Fixed when a switch is created.
    "teaming": {f"{SWITCH}."},
    "bandwidth_mode": {f"{SWITCH}."},
    "iov": {f"{SWITCH}."},
    "address": {"MSFT_NetIPAddress."},
    "nat": {"MSFT_NetNat.", "MSFT_NetIPAddress.", "MSFT_NetNatStaticMapping."},
    # A new mapping takes the id of one that went.
    "static_mappings": {
        f"MSFT_NetNatStaticMapping.{name}"
        for name in ("", "Protocol", "ExternalIPAddress", "ExternalPort", "InternalIPAddress", "InternalPort")
    },
}

# What may change along with another change, and why.
FOLLOWS: Mapping[str, set[str]] = {
    # Hyper-V keeps Reservation and Limit of static memory around the quantity; people don't see them.
    f"{MEMORY}.VirtualQuantity": {f"{MEMORY}.Reservation", f"{MEMORY}.Limit"},
    # A VM has dynamic memory or virtual NUMA (documented at the option).
    f"{MEMORY}.DynamicMemoryEnabled": {f"{MEMORY}.Reservation", f"{MEMORY}.Limit", f"{SYSTEM}.VirtualNumaEnabled"},
    # A host gives a dynamic address at the first start.
    "Msvm_ComputerSystem.EnabledState": {f"{ADAPTER}.Address"},
    # What a VM can boot from, a generation 2 VM lists.
    f"{DRIVE}.": {"Msvm_BootSourceSettingData.", f"{SYSTEM}.BootSourceOrder"},
    f"{MEDIUM}.": {f"{DRIVE}.", "Msvm_BootSourceSettingData.", f"{SYSTEM}.BootSourceOrder"},
    f"{ADAPTER}.": {
        "Msvm_BootSourceSettingData.",
        f"{SYSTEM}.BootSourceOrder",
        f"{PORT}.",
        "Msvm_EthernetSwitchPortOffloadSettingData.",
        "Msvm_EthernetSwitchPortSecuritySettingData.",
        "Msvm_EthernetSwitchPortVlanSettingData.",
        "Msvm_EthernetSwitchPortBandwidthSettingData.",
    },
    f"{LEGACY}.": {f"{PORT}.", "Msvm_EthernetSwitchPortOffloadSettingData."},
    # A checkpoint takes the disks and leaves differencing ones; applying it brings its settings back.
    "checkpoint.": {"file.", f"{MEDIUM}.HostResource", f"{SYSTEM}.Parent"},
    f"{SYSTEM}.Parent": {"file.", f"{MEDIUM}.HostResource", f"{ADAPTER}.Address"},
    "vm.": {"file.", "folder."},
    "adapter.": {"MSFT_NetIPAddress.InterfaceAlias"},
    "file.": {"folder."},
    # Features bring services and folders, and may need a restart, in which services start and stop as configured.
    "feature.": {"boot.", "service.", "folder."},
    "boot.": {"feature.", "service."},
    "wsl.": {"file.", "folder.", "service."},
    f"{SWITCH}.": {f"{PORT}.", f"{PORT}.HostResource", f"{PORT}.EnabledState", "MSFT_NetIPAddress."},
    f"{PORT}.": {"MSFT_NetIPAddress."},
}

# Results that a prediction can't know: whether it was done, and the id that the host will give.
UNPREDICTABLE = {"power_cycled", "rebooted", "booted", "verification", "kernel", "id", "checkpoint_id", "file_size"}
UNPREDICTABLE |= {"reached_at", "rounds", "ip_addresses"}
# Results that tell what was there before the task, by module.
BEFORE = {
    "vm_checkpoint": {"checkpoints"},
    "guest_reboot": {"reasons"},
    "seed_iso": {"existed"},
    "vm_disk": {"created"},
    "vm_guest_file": {"copied"},
    "vm_keyboard": {"keys_typed"},
}
# What is done at every run, and documented so: option and value, by module.
DONE_ALWAYS = {
    "vm_checkpoint": ("state", "applied"),
    "vm": ("state", "restarted"),
    "guest_reboot": ("only_if_required", False),
    "vm_keyboard": ("repeat", None),
    "vm_guest_file": ("overwrite", True),
}
# The guest alone knows whether there is something to do, and refuses what it has already.
ASKS_THE_GUEST = {"vm_guest_file"}
# Results whose keys people choose.
OPEN = {"data", "host", "host_only", "guest", "intrinsic"}
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float, "raw": object, "path": str}
COMMON = {"changed", "diff", "warnings"}


class Example(NamedTuple):
    title: str
    args: Mapping[str, Any]


def examples(module: str) -> list[Example]:
    name = f"nested.hyperv.{module}"
    tasks = [task for task in collection.documentation(module, "EXAMPLES") if name in task]
    return [Example(task["name"], task[name] or {}) for task in tasks]


def property_table() -> dict[str, set[str]]:
    """Option → CIM properties, from the property tables of the modules."""
    found: dict[str, set[str]] = {}
    for info in walk_packages(_hyperv.__path__, f"{_hyperv.__name__}."):
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


def run(lab: Lab, module: str, example: Example, *, check: bool = False) -> Run:
    before = state(lab)
    result = lab.run(module, check=check, **example.args)
    assert lab.requests or result.get("failed"), "the module didn't even query the host"
    allowed = REQUESTS | (OF_SHELLS if collection.is_for_guests(module) or module in WITH_PROGRAMS else set())
    assert {entry.action for entry in lab.requests} <= allowed, "nothing but CIM requests, no shell"
    return Run(result, changes.difference(before, state(lab)), lab.writes)


def state(lab: Lab) -> dict[str, Any]:
    """What a module could change on a host or guest."""
    local = {f"local:{path}": {"Content": path.read_bytes()} for path in Path().rglob("*") if path.is_file()}
    return {**lab.state(), **local, "boot:": {"Count": lab.machine.boots}}


def boots(lab: Lab) -> dict[str, Any]:
    return {vm.name: vm.on_since for vm in lab.machine.vms.values()}


def set_all(lab: Lab, state: str) -> None:
    for vm in lab.machine.vms.values():
        vm.set_state(simulator.model.STATE_NAMES[state])


@pytest.fixture
def lab(lab: Lab, module: str) -> Lab:
    """The host or the guest that a module is for."""
    return lab.on(collection.host_of(module))


@pytest.mark.parametrize(("module", "states"), MODULES_AND_STATES)
def test_check_mode_predicts_each_example_and_a_second_run_changes_nothing(lab: Lab, module: str, states: str) -> None:
    for example in examples(module):
        if states != "as documented":
            set_all(lab, states)
        lab.sim.advance(60)  # so that a restart shows in the time since when a VM is on
        try:
            refusal = check_promises(lab, module, example)
        except AssertionError as error:
            raise AssertionError(f"example: {example.title}") from error
        if refusal:
            assert states != "as documented", f"{example.title}: {refusal}"
            set_all(lab, "off" if states == "running" else "running")
            assert not run(lab, module, example).result.get("failed"), f"{example.title}: the next examples need it"


def check_promises(lab: Lab, module: str, example: Example) -> str:
    """The message with which an example is refused, which check mode must predict; none if it succeeds."""
    boots_before = boots(lab)
    check = run(lab, module, example, check=True)
    assert not check.changes, "check mode changed the host"
    assert not check.writes, "check mode sent a write"
    assert boots(lab) == boots_before

    real = run(lab, module, example)
    if real.result.get("failed"):
        assert check.result == real.result, "check mode must refuse what the real run refuses, in the same words"
        assert not real.changes
        assert not real.writes
        return str(real.result["msg"])
    assert not check.result.get("failed"), check.result
    if "id" not in check.result:  # of an object that the real run creates
        real.result.pop("id", None)
    assert comparable(check.result) == comparable(real.result), "check mode must predict the result"
    assert real.result["changed"] is bool(real.changes)
    check_that_only_what_was_asked_changed(real)
    check_that_no_other_vm_changed(example, real, lab.machine)
    if "power_cycled" in real.result:
        assert real.result["power_cycled"] is (check.result["power_cycle_required"] and real.result["changed"])
    if "Msvm_ComputerSystem.EnabledState" not in kinds(real.changes):
        now = boots(lab)
        cycled = any(now[name] != boots_before[name] for name in now.keys() & boots_before)
        assert cycled is real.result.get("power_cycled", False)
    for result in (check.result, real.result):
        check_documented(module, result)
    option, value = DONE_ALWAYS.get(module, ("", None))
    if option and example.args.get(option) == value:
        return ""

    second = run(lab, module, example)
    assert not second.result.get("failed"), second.result
    assert second.result["changed"] is False
    assert not second.writes or module in ASKS_THE_GUEST
    assert not second.changes
    assert not any(second.result.get("diff", {}).values())
    check_documented(module, second.result)
    differing = {
        "changed",
        "diff",
        "power_cycle_required",
        "vmms_restart_required",
        *UNPREDICTABLE,
        *BEFORE.get(module, ()),
    }
    same = second.result.keys() & real.result.keys() - differing
    assert {key: second.result[key] for key in same} == {key: real.result[key] for key in same}
    return ""


def comparable(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in UNPREDICTABLE}


def check_that_only_what_was_asked_changed(run: Run) -> None:
    """Each change on the host belongs to a changed option of the diff, and the other way round."""
    wanted = {option: allowed(option) for option in changed_options(run.result.get("diff", {}))}
    done = kinds(run.changes)
    everything = set().union(*wanted.values())
    explained = done & everything
    while followers := {one for cause in explained for one in FOLLOWS.get(cause, ())} & done - explained:
        explained |= followers
    assert sorted(done - explained) == [], f"nobody asked for this; the diff speaks of {sorted(wanted)}"
    for option, names in wanted.items():
        assert names & done or "vm." in done, f"the diff says that {option} changed, and on the host nothing did"


def check_that_no_other_vm_changed(example: Example, run: Run, machine: simulator.Machine) -> None:
    named = {str(value).lower() for key, value in example.args.items() if key in ("name", "vm")}
    others = [vm for vm in machine.vms.values() if vm.name.lower() not in named]
    if len(others) < len(machine.vms):
        assert not [path for path in run.changes for vm in others if vm.id in path.upper()]


def kinds(changes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Changes as Class.Property, Class. and file.; a VM or checkpoint that came or went counts as a whole."""
    wholes = {}
    for path, properties in changes.items():
        match = re.search(r'Msvm_VirtualSystemSettingData\.InstanceID="Microsoft:([^"]+)"', path)
        if match and "" in properties:
            row = next(one for one in properties[""] if one)
            wholes[match[1].upper()] = "checkpoint." if "Snapshot" in row["VirtualSystemType"] else "vm."
    found = set(wholes.values())
    for path, properties in changes.items():
        if match := re.match(
            r"(adapter|file|folder|feature|service|boot|computer|container|image|group|wsl|keyboard|guestfile|local):",
            path,
        ):
            found |= {f"{match[1]}."}
        elif not any(whole in path.upper() for whole in wholes):
            found |= {f"{path.partition(':')[2].partition('.')[0]}.{name}" for name in properties}
    return found


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
    return {next((name for name in path if allowed(name)), "/".join(path)) for path in differing if path}


def allowed(option: str) -> set[str]:
    """Class.property for an option; of a property table only the property's name is known, so any class will do."""
    from_tables = {
        f"{name}.{prop}" for prop in OPTIONS.get(option, ()) for name, known in properties().items() if prop in known
    }
    return from_tables | WRITES.get(option, set())


@cache
def properties() -> dict[str, set[str]]:
    """Class → its properties, of the host's schema."""
    schema = simulator.cim.schema.load(20348)
    return {cls.name: set(cls.properties) for namespace in (HYPERV, STANDARD) for cls in schema.classes(namespace)}


def check_documented(module: str, result: Mapping[str, Any]) -> None:
    """What is returned is documented, in its type, and what is documented for success is returned."""
    documented = collection.documentation(module, "RETURN")
    assert result.keys() - COMMON <= documented.keys()
    for key, entry in documented.items():
        if entry["returned"] == "success" or entry["returned"].startswith("success, or"):
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
        elif isinstance(entry.get("sample"), Mapping) and where.rpartition(".")[2] not in OPEN:
            sample = entry["sample"]
            assert item.keys() == sample.keys(), where
            for key in sample:
                assert item[key] is None or isinstance(item[key], type(sample[key])), f"{where}.{key}"


def only_reads(module: str) -> bool:
    """Whether a module returns information and changes nothing."""
    fragments = collection.documentation(module, "DOCUMENTATION")["extends_documentation_fragment"]
    return "nested.hyperv._module.info" in fragments


@pytest.mark.parametrize("module", [module for module in collection.modules() if not only_reads(module)])
def test_the_first_example_changes_something(lab: Lab, module: str) -> None:
    assert run(lab, module, examples(module)[0]).result["changed"] is True


@pytest.mark.parametrize("module", collection.modules())
def test_every_module_has_examples_and_samples(module: str) -> None:
    assert examples(module)

    def samples(entries: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        for key, entry in entries.items():
            yield key, "sample" in entry or "contains" in entry
            yield from samples(entry.get("contains", {}))

    documented = collection.documentation(module, "RETURN")
    assert [key for key, has_sample in samples(documented) if not has_sample] == []
