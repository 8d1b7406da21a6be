"""Reading a whole VM, in the one query that hosts should take and in the many that they surely take."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter_plan as port
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import PORT_SECURITY
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import find as vm
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import parts as components
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import whole as lifecycle
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Host
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
PARAMS = {
    "network_adapters": [],
    "nesting": {"mac_spoofing": True, "network": None},
    "tpm": None,
    "integration_services": {"heartbeat": True},
}


@pytest.mark.parametrize("refusing", [False, True])
def test_read_by_one_query_or_class_by_class(monkeypatch: pytest.MonkeyPatch, refusing: bool) -> None:
    with simulator.start(MODEL) as sim:
        address = sim.endpoints["hv01"]
        with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
            host = Host("hv01", client)
            expected = lifecycle.read(host, vm.find(host, "web01"), PARAMS)
            if refusing:

                def refuse(*_arguments: object, **_options: object) -> None:
                    raise FilterRefused(FaultParts())

                monkeypatch.setattr(client, "associators", refuse)
            found = lifecycle.read(host, vm.find(host, "web01"), PARAMS)
    assert [(drive.kind, str(drive.place), drive.path) for drive in found.layout.drives] == [
        ("disk", "scsi 0:0", expected.layout.drives[0].path),
        ("dvd", "scsi 0:1", None),
    ]
    assert [one.name for one in found.adapters] == ["A"]
    assert found.processor["VirtualQuantity"] == expected.processor["VirtualQuantity"]
    assert found.memory["InstanceID"] == expected.memory["InstanceID"]
    assert found.integration["heartbeat"]["EnabledState"] == 2


def test_features_by_one_query_or_class_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulator.start(MODEL) as sim:
        address = sim.endpoints["hv01"]
        with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
            host = Host("hv01", client)
            web01 = vm.find(host, "web01")
            (one,) = adapter.read(host, [web01])
            port.set_feature(host, web01, one, PORT_SECURITY, {"AllowMacSpoofing": True})
            expected = components.features(host, web01, list(adapter.FEATURES))
            query = client.wql

            def refuse(namespace: str, text: str, *more: object) -> object:
                if "FROM Msvm_EthernetSwitchPortFeatureSettingData" in text:
                    raise FilterRefused(FaultParts())
                return query(namespace, text, *more)

            monkeypatch.setattr(client, "wql", refuse)
            found = components.features(host, web01, list(adapter.FEATURES))
    assert [row["AllowMacSpoofing"] for row in expected[PORT_SECURITY.name]] == [True]
    assert {name: [row["InstanceID"] for row in rows] for name, rows in found.items()} == {
        name: [row["InstanceID"] for row in rows] for name, rows in expected.items()
    }
