"""The shadow of a host: no write reaches the host, reads contain the predictions, results hide ids made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv import schema
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import (
    COMPUTER_SYSTEM,
    MEDIUM,
    MEMORY,
    NET_NAT,
    PROCESSOR,
    VM_SERVICE,
    VM_SETTINGS,
)
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.shadow.client import Shadow
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.shadow.foresee import METHODS, without_ids
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.shadow.overlay import Overlay
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Unforeseen
from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client, ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import NotFound
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2, HYPERV, STANDARD, load

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [
                {"name": "web01", "memory": "2GB", "disks": [{"path": r"C:\VMs\web01.vhdx", "size": "10GB"}]},
                {"name": "db01", "state": "running"},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Lab, Client]]:
    with open_lab(MODEL) as lab:
        address = lab.sim.endpoints["hv01"]
        options = ConnectionOptions(address.http, "ntlm", address.user, address.password)
        with connect(options) as client:
            yield lab, client


@pytest.fixture
def host(shared: tuple[Lab, Client]) -> Client:
    return shared[1]


@pytest.fixture
def shadow(host: Client) -> Shadow:
    return Shadow(host, Overlay(), METHODS)


def classes() -> list[CimClass]:
    return [value for value in vars(schema).values() if isinstance(value, CimClass)]


def methods() -> list[tuple[str, str, str]]:
    """Every method of every class that hosts have, as namespace, class and method."""
    known = load(20348)
    return [
        (namespace, cls.name, method)
        for namespace in (HYPERV, CIMV2, STANDARD)
        for cls in known.classes(namespace)
        for method in cls.methods
    ]


# ---- nothing that writes reaches the host ----


def attempt(call: Any) -> None:
    try:
        call()
    except Exception:  # whatever happens: it is the requests that count
        return


def test_no_write_reaches_the_host(shared: tuple[Lab, Client]) -> None:
    lab, client = shared
    before = lab.state()
    lab.sim.log.clear()
    arguments: Mapping[str, Any] = {"AffectedSystem": lab.vm("web01").reference, "RequestedState": 2, "Path": "x"}
    for namespace, class_name, method in methods():
        target = Shadow(client, Overlay(), METHODS)
        cls = CimClass(namespace, class_name, ("Name",), {"Name": "string"})
        attempt(lambda: target.invoke(cls, method, {"Name": lab.vm("web01").id}, arguments, {}))  # noqa: B023
        attempt(lambda: target.invoke(cls, method))  # noqa: B023
    for cls in classes():
        target = Shadow(client, Overlay(), METHODS)
        keys = dict.fromkeys(cls.keys, "x")
        attempt(lambda: target.create(cls, keys))  # noqa: B023
        attempt(lambda: target.put(cls, keys, {}))  # noqa: B023
        attempt(lambda: target.delete(cls, keys))  # noqa: B023
    assert changes.writes(lab.sim.log.requests()) == []
    assert lab.state() == before


def test_the_shadow_has_no_other_way_to_the_host(shadow: Shadow) -> None:
    """Everything public of a client, but what sends any request, and what keeps the requests that were sent."""
    public = {name for name in vars(Client) if not name.startswith("_")}
    others = public - {name for name in dir(shadow) if not name.startswith("_")}
    assert others == {"call", "close", "close_shell", "recorded"}


@pytest.mark.parametrize("method", ["SetGuestNetworkAdapterConfiguration", "RequestStateChange", "getOff", "Validate"])
def test_a_method_without_a_prediction_is_unforeseen(shadow: Shadow, method: str) -> None:
    with pytest.raises(Unforeseen, match=f"can't foresee what {method} of Msvm_VirtualSystemManagementService does"):
        shadow.invoke(VM_SERVICE, method)


def test_instances_without_a_prediction_are_unforeseen(shadow: Shadow) -> None:
    for write in (
        lambda: shadow.create(MEMORY, {}),
        lambda: shadow.put(NET_NAT, {"InstanceID": "lab;0"}, {}),
        lambda: shadow.delete(MEMORY, {"InstanceID": "x"}),
    ):
        with pytest.raises(Unforeseen):
            write()


# ---- reading ----


def vm_row(shadow: Shadow, name: str) -> dict[str, Any]:
    (row,) = shadow.query(COMPUTER_SYSTEM, where=f"ElementName = {cim.quote(name)}")
    return row


def test_without_predictions_the_shadow_answers_as_the_host(shadow: Shadow, host: Client) -> None:
    columns = ("Name", "ElementName", "EnabledState")
    assert shadow.query(COMPUTER_SYSTEM, columns) == host.query(COMPUTER_SYSTEM, columns)
    assert shadow.enumerate(MEMORY) == host.enumerate(MEMORY)
    assert not shadow.used


def test_changed_properties_count_in_conditions(shadow: Shadow) -> None:
    row = vm_row(shadow, "web01")
    shadow.overlay.set(COMPUTER_SYSTEM, row, {"EnabledState": 2})
    names = {row["ElementName"] for row in shadow.query(COMPUTER_SYSTEM, ("ElementName",), "EnabledState = 2")}
    assert {"web01", "db01"} <= names
    assert shadow.query(COMPUTER_SYSTEM, ("Name",), "ElementName = 'web01' AND EnabledState = 3") == []
    assert (
        shadow.get(COMPUTER_SYSTEM, {"CreationClassName": COMPUTER_SYSTEM.name, "Name": row["Name"]})["EnabledState"]
        == 2
    )
    assert shadow.used


def test_added_rows_have_the_shape_of_the_hosts(shadow: Shadow) -> None:
    shadow.overlay.add(MEMORY, {"InstanceID": "Microsoft:X\\m", "VirtualQuantity": 1024})
    (added,) = shadow.query(MEMORY, where="InstanceID LIKE 'Microsoft:X%'")
    (real, *_others) = shadow.query(MEMORY, where="VirtualQuantity <> 1024")
    assert added.keys() <= real.keys()
    assert shadow.query(MEMORY, ("VirtualQuantity",), {"InstanceID": "microsoft:x\\M"}) == [{"VirtualQuantity": 1024}]
    assert shadow.query(MEMORY, limit=1) == shadow.query(MEMORY)[:1]


def test_a_removed_object_is_not_found(shadow: Shadow) -> None:
    row = vm_row(shadow, "web01")
    shadow.overlay.remove(COMPUTER_SYSTEM, row)
    assert shadow.query(COMPUTER_SYSTEM, where="ElementName = 'web01'") == []
    with pytest.raises(NotFound):
        shadow.get(COMPUTER_SYSTEM, row)


def test_a_removed_vm_takes_all_its_parts_with_it(shadow: Shadow) -> None:
    guid = vm_row(shadow, "web01")["Name"]
    where = f"InstanceID LIKE 'Microsoft:{guid}%'"
    assert shadow.query(MEDIUM, ("HostResource",), where)
    shadow.overlay.remove_owner(guid)
    for cls in (MEDIUM, MEMORY, PROCESSOR, VM_SETTINGS):
        assert shadow.query(cls, ("InstanceID",), where) == []
    with pytest.raises(NotFound):
        shadow.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{guid}"})


def test_an_object_added_in_place_of_a_removed_one_replaces_it(shadow: Shadow) -> None:
    (row,) = shadow.query(MEMORY, where=f"InstanceID LIKE 'Microsoft:{vm_row(shadow, 'web01')['Name']}%'")
    shadow.overlay.remove(MEMORY, row)
    shadow.overlay.add(MEMORY, {"InstanceID": row["InstanceID"], "VirtualQuantity": 4096})
    (found,) = shadow.query(MEMORY, ("VirtualQuantity",), f"InstanceID = {cim.quote(row['InstanceID'])}")
    assert found == {"VirtualQuantity": 4096}


def test_parts_of_objects_that_do_not_exist_are_not_asked_for(shared: tuple[Lab, Client]) -> None:
    lab, client = shared
    shadow = Shadow(client, Overlay(), METHODS)
    guid = shadow.overlay.new_id()
    shadow.overlay.add(MEMORY, {"InstanceID": f"Microsoft:{guid}\\memory"})
    lab.sim.log.clear()
    assert len(shadow.query(MEMORY, ("InstanceID",), f"InstanceID LIKE 'Microsoft:{guid}%'")) == 1
    assert lab.sim.log.requests() == []


def test_a_condition_that_cannot_be_evaluated_is_a_warning(host: Client) -> None:
    warnings: list[str] = []
    shadow = Shadow(host, Overlay(), METHODS, warnings.append)
    shadow.overlay.add(MEMORY, {"InstanceID": "Microsoft:X\\m"})
    assert len(shadow.query(MEMORY, ("InstanceID",), "VirtualQuantity > 1")) >= 2
    assert warnings == [
        "predictions of Msvm_MemorySettingData are left out: check mode can't evaluate the query condition "
        "VirtualQuantity > 1"
    ]


# ---- the overlay as text, and ids ----


def test_an_overlay_survives_being_written_and_read() -> None:
    overlay = Overlay()
    guid = overlay.new_id()
    row = {
        "InstanceID": f"Microsoft:{guid}",
        "CreationTime": datetime(2026, 1, 2, 3, 4, 5, 678900, timezone.utc),
        "AutomaticStartupActionDelay": timedelta(minutes=1),
        "Notes": ["a", ""],
        "VirtualNumaEnabled": None,
    }
    overlay.add(VM_SETTINGS, row)
    overlay.set(MEMORY, {"InstanceID": "Microsoft:A\\m"}, {"VirtualQuantity": 1})
    overlay.remove(COMPUTER_SYSTEM, {"CreationClassName": COMPUTER_SYSTEM.name, "Name": "B"})
    overlay.keep("C", guid)
    overlay.remove_owner("D")
    again = Overlay.load(overlay.dump())
    assert vars(again) == vars(overlay)
    assert again.of(VM_SETTINGS)[f"microsoft:{guid.lower()}"] == {"row": row}


def test_results_do_not_show_ids_that_do_not_exist() -> None:
    known, made_up = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", "0F8FAD5B-D9CB-469F-A165-70867728950E"
    result = {
        "id": made_up.lower(),
        "vm": {"id": known, "name": "web01"},
        "adapters": [{"id": f"Microsoft:{known}\\{made_up}", "vlan": {"mode": "access", "id": 20}}, {"id": None}],
        "path": rf"D:\web01_{made_up}.avhdx",
        "count": 4,
    }
    assert without_ids(result, {made_up}) == {
        "vm": {"id": known, "name": "web01"},
        "adapters": [{"vlan": {"mode": "access", "id": 20}}, {"id": None}],
        "path": r"D:\web01_….avhdx",
        "count": 4,
    }
    assert without_ids({"id": "", "name": "web01"}, set()) == {"name": "web01"}
