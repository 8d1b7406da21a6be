"""One adapter of a VM: plugging, connecting, features; what it costs; what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL

MODULE = "vm_network_adapter"


def test_add_connect_and_configure_in_one_task(lab: Lab) -> None:
    lab.apply(
        MODULE,
        vm="lab01",
        name="Guests",
        switch="external",
        mac_address="0215.5d01.0203",
        mac_spoofing=True,
        allow_teaming=True,
        device_naming=True,
        dhcp_guard=True,
        router_guard=True,
        vlan={"mode": "trunk", "native_id": 5, "allowed_ids": "20,1-3,2-10"},
        bandwidth={"weight": 10, "maximum": "1001"},
    )
    found = lab.adapter("lab01", "Guests")
    assert found.pop("id").startswith("Microsoft:")
    assert found == {
        "name": "Guests",
        "switch": "External",
        "mac_address": "02:15:5D:01:02:03",
        "dynamic_mac_address": False,
        "legacy": False,
        "mac_spoofing": True,
        "allow_teaming": True,
        "device_naming": True,
        "dhcp_guard": True,
        "router_guard": True,
        "vlan": {"mode": "trunk", "native_id": 5, "allowed_ids": ["1-10", "20"]},
        "bandwidth": {"weight": 10, "minimum": 0, "maximum": 1000},
        "ip_addresses": [],
    }


def test_a_host_that_answers_with_a_job_does_not_tell_which_adapter_it_added() -> None:
    with open_lab(MODEL, jobs={"mode": "async"}) as lab:
        lab.apply(MODULE, vm="lab01", name="Guests", switch="External", mac_spoofing=True)
        found = lab.run("vm_info", name=["lab01"], include=["network_adapters"])["vms"][0]["network_adapters"]
    assert any({"name": "Guests", "switch": "External", "mac_spoofing": True}.items() <= one.items() for one in found)


def test_the_same_trunk_written_another_way_is_no_change(lab: Lab) -> None:
    args = {"vm": "lab01", "name": "LAN"}
    lab.apply(MODULE, **args, vlan={"mode": "trunk", "allowed_ids": ["1-10", "20"]})
    lab.leaves_alone(MODULE, **args, vlan={"mode": "trunk", "allowed_ids": ["20", "6-10", "1-5"]})


def test_a_trunk_keeps_the_native_id_that_it_has(lab: Lab) -> None:
    args = {"vm": "lab01", "name": "LAN"}
    lab.apply(MODULE, **args, vlan={"mode": "trunk", "native_id": 5, "allowed_ids": "1-10"})
    result = lab.apply(MODULE, **args, vlan={"mode": "trunk", "allowed_ids": ["1-2,5"]})
    assert result["diff"]["after"] == {"vlan": {"mode": "trunk", "native_id": 5, "allowed_ids": ["1-2", "5"]}}
    assert lab.adapter("lab01", "LAN")["vlan"] == result["diff"]["after"]["vlan"]
    lab.leaves_alone(MODULE, **args, vlan={"mode": "trunk", "allowed_ids": "1,2,5"})
    lab.apply(MODULE, **args, vlan={"mode": "trunk", "native_id": 0, "allowed_ids": "1-2,5"})


@pytest.mark.parametrize("name", ["Loose", "LOOSE", "twin"])
def test_a_name_that_another_adapter_has_is_refused(lab: Lab, name: str) -> None:
    id = lab.adapter("lab01", "LAN")["id"]
    lab.refuses(
        MODULE, f"name: another adapter of VM 'lab01' has the name '{name}' already", vm="lab01", id=id, name=name
    )
    lab.apply(MODULE, vm="lab01", id=id, name="lan")


def test_another_adapter_with_the_mac_address_is_named(lab: Lab) -> None:
    mac = "02:15:5D:01:02:03"
    lab.apply(MODULE, vm="saved01", name="LAN", mac_address=mac, allow_power_cycle=True, discard_saved_state=True)
    result = lab.apply(MODULE, vm="lab01", name="LAN", mac_address=mac)
    assert f"adapter 'LAN' of VM 'saved01' has the MAC address {mac} as well" in result["warnings"][0]
    adapters = [{"name": name, "mac_address": "02:15:5D:01:02:04"} for name in ("A", "B")]
    result = lab.apply("vm", name="new01", network_adapters=adapters)
    assert "adapter 'A' of the same VM has the MAC address" in result["warnings"][0]
    assert "warnings" not in lab.apply(MODULE, vm="lab01", name="Loose", mac_address="02:15:5D:01:02:05")


@pytest.mark.parametrize("jobs", [{"mode": "real"}, {"mode": "async"}], ids=str)
def test_legacy_adapters_of_generation_1(lab: Lab) -> None:
    args = {"vm": "old01", "name": "PXE", "allow_power_cycle": True}
    lab.apply(MODULE, **args, switch="Internal", legacy=True, mac_address="02:15:5D:01:02:03", dhcp_guard=True)
    found = lab.adapter("old01", "PXE")
    assert (found["legacy"], found["switch"], found["dhcp_guard"]) == (True, "Internal", True)
    lab.leaves_alone(MODULE, **args, legacy=True)
    lab.refuses(MODULE, "legacy: 'PXE' of VM 'old01' is a legacy adapter", **args, legacy=False)
    lab.refuses(MODULE, "legacy: 'LAN' of VM 'old01' is a synthetic adapter", vm="old01", name="LAN", legacy=True)
    lab.refuses(MODULE, "legacy: VM 'lab01' is a generation 2 VM", vm="lab01", name="PXE", legacy=True)
    lab.apply(MODULE, vm="lab01", name="PXE", legacy=False)
    lab.apply(MODULE, **args, state="absent")
    adapters = [{"name": "PXE", "legacy": True, "switch": "Internal"}, {"name": "LAN", "legacy": False}]
    lab.apply("vm", name="new01", generation=1, network_adapters=adapters)
    assert [row["legacy"] for row in lab.info("new01", "network_adapters")["network_adapters"]].count(True) == 1
    lab.refuses("vm", "network_adapters.legacy: VM 'new02'", name="new02", generation=2, network_adapters=adapters)


def test_reconnecting_leaves_the_rest_alone(lab: Lab) -> None:
    before = lab.adapter("lab01", "LAN")
    lab.apply(MODULE, vm="lab01", name="lan", switch="Internal")
    assert lab.adapter("lab01", "LAN") == {**before, "switch": "Internal"}
    lab.apply(MODULE, vm="lab01", name="LAN", switch="disconnected")
    assert lab.adapter("lab01", "LAN") == {**before, "switch": None}
    result = lab.apply(MODULE, vm="lab01", name="LAN", switch="External")
    assert result["diff"] == {"before": {"switch": "disconnected"}, "after": {"switch": "External"}}
    assert lab.adapter("lab01", "LAN") == before


def test_features_of_an_adapter_that_was_never_connected(lab: Lab) -> None:
    lab.apply(MODULE, vm="lab01", name="Loose", mac_spoofing=True, vlan={"mode": "access", "id": 7})
    found = lab.adapter("lab01", "Loose")
    assert (found["switch"], found["mac_spoofing"], found["vlan"]) == (None, True, {"mode": "access", "id": 7})
    lab.apply(MODULE, vm="lab01", name="Loose", switch="Private")
    assert lab.adapter("lab01", "Loose")["mac_spoofing"] is True


def test_back_to_the_defaults(lab: Lab) -> None:
    lab.apply(MODULE, vm="lab01", name="LAN", mac_address="02:15:5D:01:02:03", bandwidth={"maximum": "10Mbps"})
    lab.apply(
        MODULE, vm="lab01", name="LAN", mac_address="Dynamic", bandwidth={"maximum": 0}, vlan={"mode": "untagged"}
    )
    found = lab.adapter("lab01", "LAN")
    assert (found["dynamic_mac_address"], found["vlan"], found["bandwidth"]["maximum"]) == (
        True,
        {"mode": "untagged"},
        0,
    )


def test_an_id_chooses_among_adapters_of_one_name_and_lets_rename(lab: Lab) -> None:
    adapters = lab.info("lab01", "network_adapters")["network_adapters"]
    ids = [row["id"] for row in adapters if row["name"].lower() == "twin"]
    words = ("2 network adapters of VM 'lab01' share the name 'twin'", *ids)
    lab.refuses(MODULE, *words, vm="lab01", name="twin", mac_spoofing=True)
    lab.apply(MODULE, vm="lab01", id=ids[1], mac_spoofing=True)
    result = lab.apply(MODULE, vm="lab01", id=ids[1].rpartition("\\")[2].lower(), name="Other")
    assert (result["id"], result["name"]) == (ids[1], "Other")
    assert lab.adapter("lab01", "Other")["mac_spoofing"] is True
    lab.apply(MODULE, vm="lab01", id=ids[0], state="absent")
    lab.leaves_alone(MODULE, vm="lab01", name="Twin", state="absent")


@pytest.mark.parametrize(
    "args",
    [
        {"name": "LAN", "mac_spoofing": True},  # its row exists
        {"name": "LAN", "allow_teaming": True},
        {"name": "LAN", "bandwidth": {"maximum": "1Gbps"}},  # no row yet
        {"name": "LAN", "vlan": {"mode": "untagged"}},
        {"name": "LAN", "device_naming": True},
        {"name": "LAN", "mac_address": "02:15:5D:01:02:03"},
        {"name": "LAN", "state": "absent"},
    ],
)
def test_a_change_takes_four_requests(lab: Lab, args: dict[str, Any]) -> None:
    assert lab.run(MODULE, vm="lab01", **args)["changed"]
    assert lab.cost() <= 4


def test_connecting_takes_one_more_for_the_name_of_the_switch(lab: Lab) -> None:
    assert lab.run(MODULE, vm="lab01", name="LAN", switch="Internal")["changed"]
    assert lab.cost() == 5
    assert not lab.run(MODULE, vm="lab01", name="LAN", switch="Internal")["changed"]
    assert lab.cost() == 4


@pytest.mark.parametrize("jobs", [{"mode": "real"}, {"mode": "async"}], ids=str)
def test_adapters_are_added_to_and_removed_from_a_running_generation_2_vm(lab: Lab) -> None:
    result = lab.apply(MODULE, vm="web01", name="More", switch="Private", mac_spoofing=True)
    assert result["power_cycle_required"] is False
    assert lab.apply(MODULE, vm="web01", name="More", state="absent")["power_cycled"] is False


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"vm": "web01", "name": "LAN", "mac_address": "02:15:5D:01:02:03"}, "changing mac_address needs it off"),
        ({"vm": "old01", "name": "More"}, "changing state needs it off"),
        ({"vm": "old01", "name": "Legacy", "state": "absent"}, "changing state needs it off"),
    ],
)
def test_what_needs_the_vm_off(lab: Lab, args: dict[str, Any], words: str) -> None:
    lab.refuses(MODULE, words, "allow_power_cycle", **args)
    result = lab.apply(MODULE, **args, allow_power_cycle=True)
    assert result["power_cycled"] is True
    assert lab.machine.vm(args["vm"]).running


def test_a_saved_vm_keeps_its_adapters(lab: Lab) -> None:
    lab.refuses(MODULE, "discard_saved_state", vm="saved01", name="LAN", state="absent")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"switch": "Nowhere"}, ("switch: there is no virtual switch 'Nowhere'", "'External'", "'Internal'")),
        ({"switch": "Ext*"}, ("no virtual switch 'Ext*'",)),
        ({"switch": "Twin"}, ("2 virtual switches share the name 'Twin'", "11111111-0000-0000-0000-000000000001")),
        ({"mac_address": "01:00:5E:00:00:01"}, ("mac_address", "multicast")),
        ({"mac_address": "00:15:5D:01:02"}, ("mac_address", "twelve hexadecimal digits")),
        ({"vlan": {"mode": "access", "id": 4095}}, ("vlan.id: 4095 is out of range", "1 to 4094")),
        ({"vlan": {"mode": "access", "id": 0}}, ("vlan.id: 0 is out of range",)),
        ({"vlan": {"mode": "trunk", "allowed_ids": "1-10,x"}}, ("vlan.allowed_ids: 'x'", "1-10,20,711-719")),
        ({"vlan": {"mode": "trunk", "allowed_ids": "10-1"}}, ("runs backwards",)),
        ({"vlan": {"mode": "trunk", "allowed_ids": "0-4"}}, ("vlan.allowed_ids: 0-4 is out of range",)),
        ({"vlan": {"mode": "untagged", "id": 7}}, ("vlan.id", "'untagged' has no such setting")),
        ({"bandwidth": {"maximum": "1GB"}}, ("bandwidth.maximum: '1GB' is not a bandwidth", "Mbps")),
        (
            {"bandwidth": {"minimum": "1Mbps"}, "switch": "External"},
            ("bandwidth.minimum: the virtual switch 'External'", "bandwidth.weight"),
        ),
        ({"bandwidth": {"weight": 101}}, ("bandwidth.weight: 101 is out of range", "from 0 to 100")),
        ({"bandwidth": {"maximum": "9" * 20}}, ("bandwidth.maximum: 99999999999999999999 is out of range",)),
        ({"name": "x" * 300}, ("name: a name of 300 characters is too long",)),
        ({"name": ""}, ("name: ",)),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    for name in ("LAN", "New"):
        shared_lab.refuses(MODULE, *words, **{"vm": "lab01", "name": name, **args})


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"vm": "nosuch", "name": "LAN"}, "no VM has the name 'nosuch'"),
        ({"vm": "lab01", "id": "LAN"}, "id: 'LAN' is not an adapter's id"),
        ({"vm": "lab01", "id": "7C9E6679-7425-40DE-944B-E07FC1F90AE7"}, "has no network adapter with the id"),
        (
            {
                "vm": "lab01",
                "id": "Microsoft:7C9E6679-7425-40DE-944B-E07FC1F90AE7\\7C9E6679-7425-40DE-944B-E07FC1F90AE7",
            },
            "doesn't belong to VM 'lab01'",
        ),
        ({"vm": "old01", "name": "Legacy", "device_naming": True}, "is a legacy adapter"),
    ],
)
def test_bad_input_about_the_adapter(shared_lab: Lab, args: dict[str, Any], words: str) -> None:
    shared_lab.refuses(MODULE, words, **args)


def test_an_old_host_that_cannot_modify_a_vlan(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", method="ModifyFeatureSettings", times=0))
    lab.apply(MODULE, vm="lab01", name="LAN", vlan={"mode": "access", "id": 30})
    assert lab.adapter("lab01", "LAN")["vlan"] == {"mode": "access", "id": 30}
    # The other features have no such trouble, so a fault there is a failure.
    assert lab.run(MODULE, vm="lab01", name="LAN", mac_spoofing=True)["failed"] is True


@pytest.mark.parametrize("fault", ["AccessDenied", "MaxOperations"])
def test_a_request_that_was_not_run_is_not_replaced_by_another_method(lab: Lab, fault: str) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", fault=fault, method="ModifyFeatureSettings", times=0))
    lab.fails(MODULE, vm="lab01", name="LAN", vlan={"mode": "access", "id": 30})
    assert {entry.method for entry in lab.requests if entry.method} == {"ModifyFeatureSettings"}


def test_a_vlan_that_cannot_be_replaced_is_restored(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", method="ModifyFeatureSettings", times=0))
    lab.sim.faults.add(simulator.Rule(do="fault", method="AddFeatureSettings", at=1))
    result = lab.fails(MODULE, vm="lab01", name="LAN", vlan={"mode": "access", "id": 30})
    assert result["changed"] is False
    assert "completed" not in result
    assert lab.adapter("lab01", "LAN")["vlan"] == {"mode": "access", "id": 20}


def test_a_vlan_that_can_neither_be_replaced_nor_restored_is_reported(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", method="ModifyFeatureSettings", times=0))
    lab.sim.faults.add(simulator.Rule(do="fault", method="AddFeatureSettings", times=0))
    words = "the previous VLAN settings are lost"
    result = lab.fails(MODULE, words, vm="lab01", name="LAN", vlan={"mode": "access", "id": 30})
    assert result["changed"] is True
    assert result["completed"] == ["remove the VLAN settings of adapter 'LAN' of VM 'lab01'"]


@pytest.mark.parametrize("others", [[], [{"name": "B", "switch": "Private"}]])
def test_a_new_vm_gets_the_features_of_an_adapter_without_a_switch(lab: Lab, others: list[dict[str, Any]]) -> None:
    adapters = [{"name": "A", "vlan": {"mode": "access", "id": 7}}, *others]
    lab.apply("vm", name="new01", network_adapters=adapters)
    adapter = lab.adapter("new01", "A")
    assert (adapter["switch"], adapter["vlan"]) == (None, {"mode": "access", "id": 7})


def test_new_adapters_of_a_running_generation_1_vm_need_it_off(lab: Lab) -> None:
    result = lab.refuses("vm", "needs it off", name="old01", network_adapters=[{"name": "A"}, {"name": "B"}])
    assert result["options"] == ["network_adapters"]


def test_what_was_done_before_a_failure_is_told(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="AddFeatureSettings", code=32773, text="No port today."))
    result = lab.run(MODULE, vm="lab01", name="Guests", switch="External", mac_spoofing=True)
    assert result["failed"] is True
    assert result["changed"] is True
    assert "No port today." in result["msg"]
    assert result["completed"] == [
        "add adapter 'Guests' to VM 'lab01'",
        "connect adapter 'Guests' of VM 'lab01' to 'External'",
    ]
    assert lab.adapter("lab01", "Guests")["switch"] == "External"


@pytest.mark.parametrize("locale", ["ja-JP", "de-DE"])
def test_nothing_depends_on_english(locale: str) -> None:
    vms = [{"name": "lab01", "adapters": [{"switch": "Private"}]}]
    with open_lab({"hosts": [{**MODEL["hosts"][0], "locale": locale, "vms": vms}]}) as lab:
        (adapter,) = lab.info("lab01", "network_adapters")["network_adapters"]
        name = adapter["name"]
        assert not name.isascii() or name == "Netzwerkkarte"
        vlan = {"mode": "access", "id": 9}
        lab.apply(MODULE, vm="lab01", name=name, switch="External", mac_spoofing=True, vlan=vlan)
        changed = lab.adapter("lab01", name)
    assert (changed["switch"], changed["mac_spoofing"], changed["vlan"]) == ("External", True, vlan)
