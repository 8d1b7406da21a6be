"""Nesting: what the options ask for, and the steps to it, planned without a host."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network.adapter import Adapter
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import PORT_SECURITY, SYNTHETIC_ADAPTER
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import memory, nesting
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, RUNNING, VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.nesting import Wanted
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.parts import Parts
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules import nesting as rules
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, Missing, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._task.step import Step
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client

MB, GB = 1 << 20, 1 << 30
ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"
DEFAULTS: dict[str, Any] = {
    "state": "enabled",
    "network": "leave",
    "mac_spoofing": None,
    "adapters": None,
    "static_memory": False,
    "minimum_startup_memory": None,
}
WANTED = Wanted(enabled=True, spoofing=None, names=None, static_memory=False, minimum=None)


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


def memory_row(dynamic: bool, startup: int = 4096, high: int = 8192) -> dict[str, Any]:
    """Msvm_MemorySettingData; sizes in MB."""
    return {**memory.FRESH, "DynamicMemoryEnabled": dynamic, "VirtualQuantity": startup, "Limit": high}


def adapter_named(name: str, spoofing: bool | None = None) -> Adapter:
    features = {} if spoofing is None else {PORT_SECURITY.name: {"AllowMacSpoofing": spoofing}}
    return Adapter(
        ID, SYNTHETIC_ADAPTER, {"ElementName": name, "InstanceID": f"Microsoft:{ID}\\{name}"}, None, features
    )


class Planned:
    """A VM whose parts are known, so that plans ask for nothing; ``warnings`` are those of its plans."""

    def __init__(self, state: str = OFF, extensions: bool = False, dynamic: bool = False, **more: Any) -> None:
        self.warnings: list[str] = []
        host = Target("hv01", Client(unreachable), warn=self.warnings.append)
        host.once("processors", lambda: [{"Manufacturer": more.get("vendor", "GenuineIntel")}])
        build = str(more.get("build", 20348))
        host.once("windows", lambda: [{"BuildNumber": build, "TotalVisibleMemorySize": 64 << 20}])
        self.parts = Parts(host, VM(ID, "lab01", state), rules)
        self.parts.processor = {"ExposeVirtualizationExtensions": extensions}
        self.parts.memory = memory_row(dynamic)
        self.parts.settings = {"Version": more.get("version", "10.0"), "VirtualNumaEnabled": False}
        self.parts.adapters = [adapter_named("LAN", spoofing=False), adapter_named("DMZ", spoofing=True)]

    def steps(self, **wanted: Any) -> list[Step]:
        return [step for step in nesting.plan(self.parts, WANTED._replace(**wanted)) if step.changes]


# ---- options ----


def test_no_options_want_no_nesting() -> None:
    assert nesting.parse({}) is None
    assert nesting.plan(Planned().parts, None) == []


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, WANTED),
        ({"state": "disabled"}, WANTED._replace(enabled=False)),
        ({"state": "disabled", "mac_spoofing": False}, WANTED._replace(enabled=False, spoofing=False)),
        ({"network": "mac_spoofing"}, WANTED._replace(spoofing=True)),
        ({"network": "mac_spoofing", "mac_spoofing": True}, WANTED._replace(spoofing=True)),
        ({"network": "mac_spoofing", "adapters": ["LAN"]}, WANTED._replace(spoofing=True, names=["LAN"])),
        ({"mac_spoofing": False, "adapters": ["LAN"]}, WANTED._replace(spoofing=False, names=["LAN"])),
        ({"network": "nat", "mac_spoofing": False}, WANTED._replace(spoofing=False)),
        ({"network": "nat"}, WANTED),
        ({"static_memory": True}, WANTED._replace(static_memory=True)),
        ({"minimum_startup_memory": "32MB"}, WANTED._replace(minimum=32 * MB)),
        ({"minimum_startup_memory": "240TB"}, WANTED._replace(minimum=240 << 40)),
    ],
)
def test_what_the_options_ask_for(options: dict[str, Any], wanted: Wanted) -> None:
    assert nesting.parse({**DEFAULTS, **options}) == wanted


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"network": "mac_spoofing", "mac_spoofing": False}, "mac_spoofing"),
        ({"network": "mac_spoofing", "state": "disabled"}, "network"),
        ({"adapters": ["LAN"]}, "adapters"),
        ({"network": "nat", "adapters": ["LAN"]}, "adapters"),
        ({"minimum_startup_memory": "31MB"}, "minimum_startup_memory"),
        ({"minimum_startup_memory": "241TB"}, "minimum_startup_memory"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], option: str) -> None:
    with pytest.raises(Invalid) as caught:
        nesting.parse({**DEFAULTS, **options})
    assert caught.value.option == option


@pytest.mark.parametrize("spoofing", [True, False])
def test_spoofing_is_meant_for_the_named_adapters_without_case_or_for_all(spoofing: bool) -> None:
    named = WANTED._replace(spoofing=spoofing, names=["Lan", "X"])
    assert [named.spoofing_of(name) for name in ("LAN", "x", "DMZ")] == [spoofing, spoofing, None]
    assert WANTED._replace(spoofing=spoofing).spoofing_of("DMZ") is spoofing


# ---- memory ----


@pytest.mark.parametrize(
    ("row", "static", "minimum", "wanted"),
    [
        (memory_row(True), False, None, {}),
        (memory_row(True), False, 4 * GB, {}),
        (memory_row(True), False, 4 * GB + 2 * MB, {"startup": 4 * GB + 2 * MB}),
        (memory_row(True), False, 8 * GB, {"startup": 8 * GB}),
        (memory_row(True), False, 8 * GB + 2 * MB, {"startup": 8 * GB + 2 * MB, "maximum": 8 * GB + 2 * MB}),
        (memory_row(True), True, None, {"dynamic": False}),
        (memory_row(True), True, 16 * GB, {"dynamic": False, "startup": 16 * GB}),
        (memory_row(False), False, 16 * GB, {"startup": 16 * GB}),
    ],
)
def test_nesting_raises_startup_memory_and_a_maximum_below_it(
    row: dict[str, Any], static: bool, minimum: int | None, wanted: dict[str, Any]
) -> None:
    assert nesting.wanted_memory(row, static, minimum) == wanted


def test_whatever_nesting_asks_of_memory_is_possible() -> None:
    sizes = (512 * MB, 4 * GB, 8 * GB, 16 * GB)
    for dynamic, static, startup, high, minimum in product((True, False), (True, False), sizes, sizes, (None, *sizes)):
        row = memory_row(dynamic, startup >> 20, max(startup, high) >> 20)
        wanted = nesting.wanted_memory(row, static, minimum)
        memory.check(VM(ID, "lab01", OFF), row, wanted)
        after = table.expected(memory.PROPERTIES, row, wanted)
        assert after["startup"] == max(startup, minimum or 0)
        assert after["dynamic"] is (dynamic and not static)


@pytest.mark.parametrize("state", [RUNNING, OFF])
def test_memory_options_are_named_as_those_of_nesting(state: str) -> None:
    steps = Planned(state, extensions=True, dynamic=True).steps(static_memory=True, minimum=16 * GB)
    assert [(step.before, step.after) for step in steps] == [
        ({"dynamic": True, "startup": "4GB"}, {"dynamic": False, "startup": "16GB"})
    ]
    assert steps[0].needs_off == (() if state == OFF else ("static_memory", "minimum_startup_memory"))
    with pytest.raises(Invalid) as caught:
        Planned().steps(minimum=5 * GB + MB)
    assert caught.value.option == "minimum_startup_memory"


def test_memory_of_a_running_vm_that_gets_the_extensions_needs_it_off() -> None:
    """Hyper-V counts as running inside, so that static memory is not resized while the VM runs."""
    (_extensions, resize) = Planned(RUNNING).steps(minimum=16 * GB)
    assert resize.needs_off == ("minimum_startup_memory",)
    assert resize.rule == rules.MEMORY_WHILE_NESTED


# ---- extensions ----


@pytest.mark.parametrize(("before", "enabled"), [*product((True, False), repeat=2)])
def test_extensions_are_changed_only_if_they_differ_and_need_the_vm_off(before: bool, enabled: bool) -> None:
    steps = Planned(RUNNING, extensions=before).steps(enabled=enabled)
    assert [step.after for step in steps] == ([] if before == enabled else [{"virtualization_extensions": enabled}])
    assert all(step.needs_off == ("state",) for step in steps)


OLD = {"vendor": "GenuineIntel", "build": 9600, "version": "5.0"}


def test_extensions_that_cannot_work_are_refused_with_every_broken_rule() -> None:
    with pytest.raises(Refused) as caught:
        Planned(**OLD).steps()
    assert [lack["rule"] for lack in caught.value.details["lacks"]] == ["nested-host-build", "nested-vm-version"]
    assert all(lack["found"] and lack["source"] for lack in caught.value.details["lacks"])
    assert caught.value.details["rule"] == "nested-host-build"


def test_extensions_that_are_exposed_already_or_removed_are_not_checked() -> None:
    assert Planned(extensions=True, **OLD).steps() == []
    assert len(Planned(extensions=True, **OLD).steps(enabled=False)) == 1
    assert Planned(extensions=False, **OLD).steps(enabled=False) == []


@pytest.mark.parametrize(
    ("extensions", "dynamic", "wanted", "warned"),
    [
        (False, True, {}, True),
        (False, False, {}, False),
        (False, True, {"static_memory": True}, False),
        (False, True, {"enabled": False}, False),
        (True, True, {"enabled": False}, False),
        (True, True, {}, False),
    ],
)
def test_dynamic_memory_is_warned_of_when_the_extensions_are_exposed(
    extensions: bool, dynamic: bool, wanted: dict[str, Any], warned: bool
) -> None:
    vm = Planned(extensions=extensions, dynamic=dynamic)
    vm.steps(**wanted)
    assert [rules.DYNAMIC_MEMORY_WHILE_NESTED.id in line for line in vm.warnings] == [True] * warned


# ---- adapters ----


@pytest.mark.parametrize(
    ("wanted", "after"),
    [
        ({"spoofing": None}, []),
        ({"spoofing": True}, [{"LAN": True}]),
        ({"spoofing": False}, [{"DMZ": False}]),
        ({"spoofing": True, "names": ["lan"]}, [{"LAN": True}]),
        ({"spoofing": True, "names": ["dmz"]}, []),
        ({"spoofing": True, "others": {"lan"}}, []),
        ({"spoofing": True, "names": ["LAN", "DMZ"], "others": {"lan"}}, []),
        ({"spoofing": False, "names": ["LAN", "DMZ"], "others": {"lan"}}, [{"DMZ": False}]),
    ],
)
def test_spoofing_is_set_where_it_differs_on_adapters_that_no_other_option_configures(
    wanted: dict[str, Any], after: list[dict[str, bool]]
) -> None:
    steps = Planned(extensions=True).steps(**wanted)
    assert [step.after for step in steps] == [{"mac_spoofing": one} for one in after]
    assert [step.before for step in steps] == [
        {"mac_spoofing": {name: not on for name, on in one.items()}} for one in after
    ]
    assert not any(step.needs_off for step in steps)


def test_an_adapter_that_was_never_configured_forbids_spoofing() -> None:
    vm = Planned(extensions=True)
    vm.parts.adapters = [adapter_named("New")]
    assert [step.before for step in vm.steps(spoofing=True)] == [{"mac_spoofing": {"New": False}}]
    assert vm.steps(spoofing=False) == []


def test_an_adapter_that_the_vm_does_not_have_is_missing() -> None:
    with pytest.raises(Missing) as caught:
        Planned(extensions=True).steps(spoofing=True, names=["LAN", "WAN"])
    assert caught.value.option == "adapters"
