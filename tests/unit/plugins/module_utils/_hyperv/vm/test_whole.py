"""A whole VM: the prediction of one that doesn't exist yet, names, and options that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import PORT_SECURITY, PORT_VLAN
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import find, memory, settings, whole
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.parts import Parts, fetch_all
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings.memory import Memory

MODEL: dict[str, Any] = {"hosts": [{"name": "hv01"}]}
# The host's own values.
CHOSEN_BY_HOST = {"automatic"}


@pytest.fixture
def host(lab: Lab) -> Iterator[Target]:
    address = lab.sim.endpoints["hv01"]
    with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
        yield Target("hv01", client)


def differences(predicted: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (value, real.get(name)) for name, value in predicted.items() if value != real.get(name)}


@pytest.mark.parametrize("generation", [None, 1, 2])
def test_a_vm_that_does_not_exist_yet_is_predicted_as_the_host_creates_it(
    lab: Lab, host: Target, generation: int | None
) -> None:
    """Otherwise check mode and the real run would differ, or a wanted value equal to the prediction is not written."""
    params = {"generation": generation, "path": None}
    predicted = whole.fresh(host, "new01", params, {"version": None}, None)
    lab.succeeds("vm", name="new01", **({"generation": generation} if generation else {}))
    real = fetch_all(Parts(host, find.fetch(host, "new01", None)), [])
    for part in ("processor", "memory", "security"):
        assert differences(getattr(predicted, part), getattr(real, part)).keys() <= CHOSEN_BY_HOST, part
    for section, properties in settings.SECTIONS.items():
        options = [row.option for row in properties if row.option != "secure_boot_template" or generation != 1]
        before, after = (table.read(properties, parts.settings) for parts in (predicted, real))
        assert differences({name: before[name] for name in options}, after).keys() <= CHOSEN_BY_HOST, section
    for name, service in predicted.integration.items():
        assert differences(service, real.integration[name]) == {}, name
    assert predicted.generation == real.generation == (generation or 2)
    assert predicted.layout.controllers.keys() == real.layout.controllers.keys()
    assert predicted.layout.drives == real.layout.drives == []
    assert predicted.adapters == real.adapters == []


@pytest.mark.parametrize(
    ("options", "differing"), [({}, {}), ({"memory": {"priority": 80}}, {"Weight": 8000})], ids=["none", "priority"]
)
def test_the_memory_of_a_new_vm_does_not_depend_on_the_host(
    lab: Lab, host: Target, options: dict[str, Any], differing: dict[str, Any]
) -> None:
    """The diff of a new VM shows its memory, so the host has no say in it."""
    install = Memory.install_vm

    def install_static(kind: Memory, vm: Any, spec: dict[str, Any]) -> None:
        install(kind, vm, {**spec, "memory": {**spec["memory"], "DynamicMemoryEnabled": False, "Reservation": 1024}})

    with mock.patch.object(Memory, "install_vm", install_static):
        lab.succeeds("vm", name="new01", **options)
    real = fetch_all(Parts(host, find.fetch(host, "new01", None)), [])
    assert differences({**memory.FRESH, **differing}, real.memory) == {}


@pytest.mark.parametrize("name", ["a", "n" * 100, " a "])
def test_a_name_of_1_to_100_characters_is_accepted(name: str) -> None:
    whole.check_new(name)


@pytest.mark.parametrize(("name", "option"), [("n" * 101, "name"), (" ", "name"), ("", "id"), (None, "id")])
def test_a_name_that_no_vm_can_have_is_refused(name: str | None, option: str) -> None:
    with pytest.raises(Invalid) as caught:
        whole.check_new(name)
    assert caught.value.option == option


# ---- options ----

NESTING: dict[str, Any] = {
    "state": "enabled",
    "network": "leave",
    "mac_spoofing": None,
    "adapters": None,
    "static_memory": False,
    "minimum_startup_memory": None,
}


def parse(**options: Any) -> whole.Wanted:
    return whole.parse({**dict.fromkeys(whole.OPTIONS), **options})


@pytest.mark.parametrize(
    ("memory_options", "nested"),
    [
        ({"startup": "4GB"}, {"minimum_startup_memory": "4GB"}),
        ({"startup": "5GB"}, {"minimum_startup_memory": "4GB"}),
        ({"priority": 80}, {"minimum_startup_memory": "4GB"}),
        ({"startup": "2GB"}, {}),
        ({"dynamic": False}, {"static_memory": True}),
        ({"dynamic": True}, {"static_memory": False}),
        ({"startup": "2GB"}, {"static_memory": True}),
    ],
)
def test_memory_that_satisfies_nesting_is_accepted(memory_options: dict[str, Any], nested: dict[str, Any]) -> None:
    wanted = parse(memory=memory_options, nesting={**NESTING, **nested})
    assert wanted["memory"] == memory.parse(memory_options)
    assert wanted["nesting"].static_memory is nested.get("static_memory", False)


@pytest.mark.parametrize(
    ("memory_options", "nested", "option"),
    [
        ({"startup": "4094MB"}, {"minimum_startup_memory": "4GB"}, "memory.startup"),
        ({"dynamic": True}, {"static_memory": True}, "memory.dynamic"),
    ],
)
def test_memory_that_nesting_would_change_at_each_run_is_refused(
    memory_options: dict[str, Any], nested: dict[str, Any], option: str
) -> None:
    with pytest.raises(Invalid) as caught:
        parse(memory=memory_options, nesting={**NESTING, **nested})
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("nested", "asked"),
    [
        (None, []),
        (NESTING, []),
        ({**NESTING, "mac_spoofing": False}, [PORT_SECURITY]),
        ({**NESTING, "network": "mac_spoofing"}, [PORT_SECURITY]),
    ],
)
def test_a_plan_asks_for_the_features_that_its_options_set(
    nested: dict[str, Any] | None, asked: list[CimClass]
) -> None:
    assert whole.features(parse(nesting=nested)) == asked
    with_vlan = parse(nesting=nested, network_adapters=[{"name": "LAN", "vlan": {"mode": "access", "id": 5}}])
    assert whole.features(with_vlan) == [cls for cls in adapter.FEATURES if cls in (*asked, PORT_VLAN)]


@pytest.mark.parametrize(
    ("path", "folder"),
    [(None, None), ("", None), (r"D:\VMs", r"D:\VMs\new01"), (r"D:\VMs" + "\\", r"D:\VMs\new01")],
)
def test_a_new_vm_gets_a_folder_of_its_own_below_the_path(path: str | None, folder: str | None) -> None:
    assert whole.folder("new01", {"path": path}) == folder
