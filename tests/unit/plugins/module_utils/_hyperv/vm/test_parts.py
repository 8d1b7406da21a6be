"""The parts of a VM, in the one query that hosts should take and in the many that they surely take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter, adapter_plan
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import (
    INTEGRATION_SERVICES,
    MEMORY,
    PORT_SECURITY,
    PORT_VLAN,
    PROCESSOR,
)
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import find
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.parts import (
    CLASSES,
    NO_SECURITY,
    Parts,
    fetch_all,
    generation,
    query_features,
    services,
)
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Missing
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import FaultParts, FilterRefused
from ansible_collections.nested.hyperv.tests import simulator

MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "switches": ["Internal"],
            "vms": [
                {"name": "web01", "disks": [{}], "dvd_drives": [{}], "adapters": [{"name": "A", "switch": "Internal"}]},
                {"name": "other", "disks": [{}]},
            ],
        }
    ]
}


@pytest.fixture
def web01() -> Iterator[tuple[Target, VM]]:
    with simulator.start(MODEL) as sim:
        address = sim.endpoints["hv01"]
        with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
            host = Target("hv01", client)
            yield host, find.fetch(host, "web01", None)


def refuse(*_arguments: object, **_options: object) -> None:
    raise FilterRefused(FaultParts())


def nothing(*_arguments: object, **_options: object) -> list[dict[str, object]]:
    return []


@pytest.mark.parametrize("answer", [None, refuse, nothing])
def test_all_parts_by_one_query_or_class_by_class(
    web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch, answer: Callable[..., object] | None
) -> None:
    host, vm = web01
    if answer:
        monkeypatch.setattr(host.client, "associators", answer)
    parts = fetch_all(Parts(host, vm), [])
    assert [(drive.kind, str(drive.place), bool(drive.path)) for drive in parts.layout.drives] == [
        ("disk", "scsi 0:0", True),
        ("dvd", "scsi 0:1", False),
    ]
    assert [one.name for one in parts.adapters] == ["A"]
    assert parts.processor["InstanceID"].startswith(f"Microsoft:{vm.id}\\")
    assert parts.memory["InstanceID"].startswith(f"Microsoft:{vm.id}\\")
    assert parts.integration["heartbeat"]["EnabledState"] == 2


def test_each_part_by_itself_is_the_same_as_all_at_once(web01: tuple[Target, VM]) -> None:
    host, vm = web01
    single, whole = Parts(host, vm), fetch_all(Parts(host, vm), [PORT_SECURITY])
    assert single.layout == whole.layout
    assert [one.id for one in single.adapters] == [one.id for one in whole.adapters]
    for part in ("settings", "processor", "memory"):  # one by one, only the columns that plans look at are asked for
        assert getattr(single, part).items() <= getattr(whole, part).items(), part


@pytest.mark.parametrize("refusing", [False, True])
def test_features_by_one_query_or_class_by_class(
    web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch, refusing: bool
) -> None:
    host, vm = web01
    (one,) = adapter.fetch(host, [vm])
    adapter_plan.write_feature(host, vm, one, PORT_SECURITY, {"AllowMacSpoofing": True})
    query = host.client.wql

    def refuse_common_class(namespace: str, text: str, *more: object) -> object:
        if "FROM Msvm_EthernetSwitchPortFeatureSettingData" in text:
            raise FilterRefused(FaultParts())
        return query(namespace, text, *more)

    if refusing:
        monkeypatch.setattr(host.client, "wql", refuse_common_class)
    features = query_features(host, vm, list(adapter.FEATURES))
    assert [row["AllowMacSpoofing"] for row in features[PORT_SECURITY.name]] == [True]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_features_take_at_most_one_query(web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    host, vm = web01
    queries: list[str] = []
    wql = host.client._wql

    def counting(namespace: str, text: str, *more: object) -> object:
        queries.append(text)
        return wql(namespace, text, *more)

    monkeypatch.setattr(host.client, "_wql", counting)
    classes = [PORT_SECURITY, PORT_VLAN][:count]
    assert query_features(host, vm, classes).keys() == {cls.name for cls in classes}
    assert len(queries) == min(count, 1)


@pytest.mark.parametrize("lost", [PROCESSOR, MEMORY])
def test_a_vm_that_is_being_removed_is_missing(
    web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch, lost: CimClass
) -> None:
    host, vm = web01
    associators, query = host.client.associators, host.client.query
    monkeypatch.setattr(
        host.client,
        "associators",
        lambda *arguments, **options: [
            row for row in associators(*arguments, **options) if row["__CLASS"] != lost.name
        ],
    )
    monkeypatch.setattr(
        host.client, "query", lambda cls, **options: [] if cls.name == lost.name else query(cls, **options)
    )
    with pytest.raises(Missing, match="VM 'web01' has no settings"):
        fetch_all(Parts(host, vm), [])
    with pytest.raises(Missing, match=f"VM 'web01' has no {lost.name}"):
        getattr(Parts(host, vm), "processor" if lost is PROCESSOR else "memory")


def test_a_vm_of_an_old_version_has_no_tpm(web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch) -> None:
    host, vm = web01
    assert Parts(host, vm).security["InstanceID"].startswith(f"Microsoft:{vm.id}\\")
    monkeypatch.setattr(host.client, "query", nothing)
    assert Parts(host, vm).security == NO_SECURITY
    assert NO_SECURITY["TpmEnabled"] is False


def test_an_integration_service_that_the_vm_lacks_is_left_out() -> None:
    rows: dict[str, list[dict[str, object]]] = {cls.name: [] for cls in CLASSES}
    assert services(rows) == {}
    heartbeat = {"EnabledState": 2}
    rows[INTEGRATION_SERVICES["heartbeat"].name] = [heartbeat]
    assert services(rows) == {"heartbeat": heartbeat}


@pytest.mark.parametrize(
    ("subtype", "number"),
    [("Microsoft:Hyper-V:SubType:2", 2), ("Microsoft:Hyper-V:SubType:1", 1), ("", 1), (None, 1)],
)
def test_a_vm_without_a_subtype_is_generation_1(subtype: str | None, number: int) -> None:
    assert generation({"VirtualSystemSubType": subtype}) == number
    assert generation({}) == 1


def test_a_planned_layout_is_a_copy(web01: tuple[Target, VM]) -> None:
    parts = Parts(*web01)
    parts.planned_layout.drives.clear()
    assert len(parts.layout.drives) == 2
    assert parts.planned_layout.drives == []


def test_adapters_are_found_by_their_names(web01: tuple[Target, VM]) -> None:
    parts = Parts(*web01)
    assert {name: slot.generation() for name, slot in parts.slots.items()} == {"A": 2}
