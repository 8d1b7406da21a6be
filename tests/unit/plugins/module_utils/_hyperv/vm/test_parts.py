"""The parts of a VM, in the one query that hosts should take and in the many that they surely take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter, adapter_plan
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import PORT_SECURITY
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import find
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.parts import Parts, fetch_all, query_features
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
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


@pytest.mark.parametrize("refusing", [False, True])
def test_all_parts_by_one_query_or_class_by_class(
    web01: tuple[Target, VM], monkeypatch: pytest.MonkeyPatch, refusing: bool
) -> None:
    host, vm = web01
    if refusing:
        monkeypatch.setattr(host.client, "associators", refuse)
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
