"""Virtual switches: made, changed in place, refused where Hyper-V needs a new one, removed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL

MODULE = "virtual_switch"


@pytest.mark.parametrize("kind", ["private", "internal"])
def test_make_and_remove(lab: Lab, kind: str) -> None:
    result = lab.apply(MODULE, name="New", type=kind, notes="for tests")
    assert result["switch"] == {
        "name": "New",
        "type": kind,
        "net_adapters": [],
        "teaming": False,
        "allow_management_os": kind == "internal",
        "notes": "for tests",
    }
    found = lab.switch("New")
    assert (found["host_adapter"] is not None) is (kind == "internal")
    assert found["id"] == result["id"]
    lab.apply(MODULE, name="NEW", state="absent")


@pytest.mark.parametrize(
    ("options", "adapters", "teaming", "management"),
    [
        ({"net_adapters": ["Ethernet 3"]}, ["Ethernet 3"], False, True),
        ({"type": "external", "net_adapters": ["broadcom 57414"]}, ["Ethernet 2"], False, True),
        ({"net_adapters": ["Ethernet 2"], "allow_management_os": False}, ["Ethernet 2"], False, False),
        ({"net_adapters": ["Ethernet 4", "Ethernet 2"]}, ["Ethernet 2", "Ethernet 4"], True, True),
    ],
)
def test_make_an_external_switch(
    lab: Lab, options: dict[str, Any], adapters: list[str], teaming: bool, management: bool
) -> None:
    result = lab.apply(MODULE, name="New", **options)
    found = result["switch"]
    assert (found["type"], found["net_adapters"]) == ("external", adapters)
    assert (found["teaming"], found["allow_management_os"]) == (teaming, management)


def test_the_hosts_new_adapter_takes_over_what_the_physical_one_had(lab: Lab) -> None:
    (before,) = (one for one in lab.facts("network")["adapters"] if one["name"] == "Ethernet 3")
    lab.apply(MODULE, name="New", net_adapters=["Ethernet 3"])
    after = lab.switch("New")["host_adapter"]
    assert after["mac_address"] == before["mac_address"]
    assert [one for one in before["addresses"] if one.startswith("198.")] == after["addresses"]


def test_types_change_in_place(lab: Lab) -> None:
    id = lab.switch("Private")["id"]
    for options, kind, management in [
        ({"type": "internal"}, "internal", True),
        ({"net_adapters": ["Ethernet 2"]}, "external", True),
        ({"allow_management_os": False}, "external", False),
        ({"net_adapters": ["Ethernet 4"]}, "external", False),
        ({"type": "private"}, "private", False),
        ({"type": "external", "net_adapters": ["Ethernet 2"]}, "external", True),
        ({"type": "internal"}, "internal", True),
    ]:
        result = lab.apply(MODULE, name="Private", **options)
        assert (result["id"], result["switch"]["type"]) == (id, kind)
        assert result["switch"]["allow_management_os"] is management


def test_the_members_of_a_team_change(lab: Lab) -> None:
    lab.apply(MODULE, name="Team", net_adapters=["Ethernet 2", "Ethernet 3"])
    for names in (["Ethernet 3", "Ethernet 4"], ["Ethernet 4"], ["Ethernet 2", "Ethernet 3", "Ethernet 4"]):
        assert lab.apply(MODULE, name="Team", net_adapters=names)["switch"]["net_adapters"] == names


def test_only_what_was_asked(lab: Lab) -> None:
    before = lab.switch("External")
    lab.apply(MODULE, name="External", notes="to the lab")
    assert lab.switch("External") == {**before, "notes": "to the lab"}
    lab.leaves_alone(MODULE, name="External")
    lab.apply(MODULE, name="External", notes="")
    assert lab.switch("External")["notes"] == ""


def test_an_id_chooses_and_lets_rename(lab: Lab) -> None:
    id = "11111111-0000-0000-0000-000000000002"
    lab.refuses(MODULE, "2 virtual switches share the name 'twin'", id, name="twin", notes="x")
    assert lab.apply(MODULE, id=id, name="Other")["name"] == "Other"
    lab.apply(MODULE, name="Twin", state="absent")
    lab.apply(MODULE, id=id, state="absent")
    lab.refuses(MODULE, "there is no virtual switch with the id", id=id, notes="x")


def test_a_switch_in_use(lab: Lab) -> None:
    lab.refuses(MODULE, "is in use by 'lab01', 'web01'", "force: true", name="External", state="absent")
    lab.apply(MODULE, name="External", state="absent", force=True)
    assert lab.adapter("web01", "LAN")["switch"] is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "New"}, ("there is no virtual switch 'New'", "give its 'type'")),
        ({"name": "New", "type": "external"}, ("net_adapters: an external switch needs a network adapter",)),
        (
            {"name": "New", "net_adapters": ["Ethernet 9"]},
            ("net_adapters: this host has no network adapter 'Ethernet 9'", "'Ethernet 2' (Broadcom 57414)"),
        ),
        (
            {"name": "New", "net_adapters": ["Ethernet"]},
            ("'Ethernet' is held by virtual switch 'External'", "belongs to one switch"),
        ),
        ({"name": "Private", "net_adapters": ["Ethernet"]}, ("is held by virtual switch 'External'",)),
        (
            {"name": "External", "net_adapters": ["Ethernet", "Ethernet 2"]},
            ("was created without teaming", "remove the switch", "recreate it"),
        ),
        ({"name": "Internal", "type": "external"}, ("net_adapters", "name the network adapter that makes it external")),
        ({"name": "Internal", "allow_management_os": False}, ("allow_management_os", "external switch only")),
        ({"name": "New", "type": "private", "net_adapters": ["Ethernet 2"]}, ("has no physical adapter",)),
        ({"id": "Internal", "notes": "x"}, ("id: 'Internal' is not a switch id",)),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses(MODULE, *words, **args)


@pytest.mark.parametrize("args", [{"state": "absent", "force": True}, {"notes": "mine"}, {"type": "private"}])
def test_the_default_switch_of_client_windows_is_left_to_it(args: dict[str, Any]) -> None:
    with open_lab({"hosts": [{"name": "hv01", "os": "windows11", "locale": "ja-JP"}]}) as lab:
        (default,) = lab.facts("network")["switches"]
        lab.refuses(MODULE, "is the Default Switch, which belongs to Windows", id=default["id"], **args)


def test_teaming_is_for_servers() -> None:
    with open_lab({"hosts": [{**MODEL["hosts"][0], "os": "windows11", "switches": [], "vms": []}]}) as lab:
        lab.fails(MODULE, "not supported", name="Team", net_adapters=["Ethernet", "Ethernet 2"])


def test_what_was_done_before_a_failure_is_told(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="AddResourceSettings", code=32773, text="No port today."))
    result = lab.run(MODULE, name="Private", type="internal", notes="half")
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["completed"] == ["set notes of virtual switch 'Private'"]
    assert "No port today." in result["msg"]
