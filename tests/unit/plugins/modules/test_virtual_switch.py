"""Virtual switches: made, changed in place, refused where Hyper-V needs a new one, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator

from .conftest import MODEL, Hosts

MODULE = "virtual_switch"


@pytest.mark.parametrize("kind", ["private", "internal"])
def test_make_and_remove(host: Hosts, kind: str) -> None:
    result = host.change(MODULE, name="New", type=kind, notes="for tests")
    assert result["switch"] == {
        "name": "New",
        "type": kind,
        "net_adapters": [],
        "teaming": False,
        "allow_management_os": kind == "internal",
        "notes": "for tests",
    }
    found = host.switch("New")
    assert (found["host_adapter"] is not None) is (kind == "internal")
    assert found["id"] == result["id"]
    host.change(MODULE, name="NEW", state="absent")


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
    host: Hosts, options: dict[str, Any], adapters: list[str], teaming: bool, management: bool
) -> None:
    result = host.change(MODULE, name="New", **options)
    found = result["switch"]
    assert (found["type"], found["net_adapters"]) == ("external", adapters)
    assert (found["teaming"], found["allow_management_os"]) == (teaming, management)


def test_the_hosts_new_adapter_takes_over_what_the_physical_one_had(host: Hosts) -> None:
    (before,) = (one for one in host.facts("network")["adapters"] if one["name"] == "Ethernet 3")
    host.change(MODULE, name="New", net_adapters=["Ethernet 3"])
    after = host.switch("New")["host_adapter"]
    assert after["mac_address"] == before["mac_address"]
    assert [one for one in before["addresses"] if one.startswith("198.")] == after["addresses"]


def test_types_change_in_place(host: Hosts) -> None:
    id = host.switch("Private")["id"]
    for options, kind, management in [
        ({"type": "internal"}, "internal", True),
        ({"net_adapters": ["Ethernet 2"]}, "external", True),
        ({"allow_management_os": False}, "external", False),
        ({"net_adapters": ["Ethernet 4"]}, "external", False),
        ({"type": "private"}, "private", False),
        ({"type": "external", "net_adapters": ["Ethernet 2"]}, "external", True),
        ({"type": "internal"}, "internal", True),
    ]:
        result = host.change(MODULE, name="Private", **options)
        assert (result["id"], result["switch"]["type"]) == (id, kind)
        assert result["switch"]["allow_management_os"] is management


def test_the_members_of_a_team_change(host: Hosts) -> None:
    host.change(MODULE, name="Team", net_adapters=["Ethernet 2", "Ethernet 3"])
    for names in (["Ethernet 3", "Ethernet 4"], ["Ethernet 4"], ["Ethernet 2", "Ethernet 3", "Ethernet 4"]):
        assert host.change(MODULE, name="Team", net_adapters=names)["switch"]["net_adapters"] == names


def test_only_what_was_asked(host: Hosts) -> None:
    before = host.switch("External")
    host.change(MODULE, name="External", notes="to the lab")
    assert host.switch("External") == {**before, "notes": "to the lab"}
    assert host.run(MODULE, name="External")["changed"] is False
    host.change(MODULE, name="External", notes="")
    assert host.switch("External")["notes"] == ""


def test_an_id_chooses_and_lets_rename(host: Hosts) -> None:
    id = "11111111-0000-0000-0000-000000000002"
    words = host.refuse(MODULE, name="twin", notes="x")
    assert "2 virtual switches share the name 'twin'" in words
    assert id in words
    assert host.change(MODULE, id=id, name="Other")["name"] == "Other"
    host.change(MODULE, name="Twin", state="absent")
    host.change(MODULE, id=id, state="absent")
    assert "there is no virtual switch with the id" in host.refuse(MODULE, id=id, notes="x")


def test_a_switch_in_use(host: Hosts) -> None:
    words = host.refuse(MODULE, name="External", state="absent")
    assert "is in use by 'lab01', 'web01'" in words
    assert "force: true" in words
    host.change(MODULE, name="External", state="absent", force=True)
    assert host.adapter("web01", "LAN")["switch"] is None


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
            ("was made without teaming", "remove the switch", "make it anew"),
        ),
        ({"name": "Internal", "type": "external"}, ("net_adapters", "name the network adapter that makes it external")),
        ({"name": "Internal", "allow_management_os": False}, ("allow_management_os", "external switch only")),
        ({"name": "New", "type": "private", "net_adapters": ["Ethernet 2"]}, ("has no physical adapter",)),
        ({"id": "Internal", "notes": "x"}, ("id: 'Internal' is not a switch id",)),
    ],
)
def test_bad_input(host: Hosts, args: dict[str, Any], words: tuple[str, ...]) -> None:
    message = host.refuse(MODULE, **args)
    assert not [word for word in words if word not in message], message


@pytest.mark.parametrize("args", [{"state": "absent", "force": True}, {"notes": "mine"}, {"type": "private"}])
def test_the_default_switch_of_client_windows_is_left_to_it(start: Callable[..., Hosts], args: dict[str, Any]) -> None:
    host = start({"hosts": [{"name": "hv01", "os": "windows11", "locale": "ja-JP"}]})
    (default,) = host.facts("network")["switches"]
    words = host.refuse(MODULE, id=default["id"], **args)
    assert "is the Default Switch, which belongs to Windows" in words


def test_teaming_is_for_servers(start: Callable[..., Hosts]) -> None:
    host = start({"hosts": [{**MODEL["hosts"][0], "os": "windows11", "switches": [], "vms": []}]})
    result = host.run(MODULE, name="Team", net_adapters=["Ethernet", "Ethernet 2"])
    assert result["failed"] is True
    assert "not supported" in result["msg"]


def test_what_was_done_before_a_failure_is_told(host: Hosts) -> None:
    host.sim.faults.add(simulator.Rule(do="fail_job", method="AddResourceSettings", code=32773, text="No port today."))
    result = host.run(MODULE, name="Private", type="internal", notes="half")
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["completed"] == ["set notes of virtual switch 'Private'"]
    assert "No port today." in result["msg"]
