"""Virtual switches: made, changed in place, refused where Hyper-V needs a new one, removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv import jobs
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST as MODEL
from ansible_collections.nested.hyperv.tests.simulator.hyperv.services import virtual_switch

MODULE = "virtual_switch"


@pytest.mark.parametrize("kind", ["private", "internal"])
def test_make_and_remove(lab: Lab, kind: str) -> None:
    result = lab.apply(MODULE, name="New", type=kind, notes="for tests")
    assert result["switch"] == {
        "name": "New",
        "type": kind,
        "net_adapters": [],
        "allow_management_os": kind == "internal",
        "teaming": False,
        "bandwidth_mode": "default",
        "iov": False,
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
    for options in ({"notes": "x"}, {"name": "New"}, {"name": "New", "type": "private"}):
        assert lab.refuses(MODULE, "id: there is no virtual switch with the id", id=id, **options)["option"] == "id"


@pytest.mark.parametrize("name", ["Internal", "EXTERNAL"])
def test_a_name_that_another_switch_has_is_refused(lab: Lab, name: str) -> None:
    id = lab.switch("Private")["id"]
    lab.refuses(MODULE, f"name: another virtual switch has the name '{name}' already", id=id, name=name)
    lab.apply(MODULE, id=id, name="PRIVATE")


@pytest.mark.parametrize(
    "options",
    [
        {"name": "New", "type": "internal", "allow_management_os": True, "net_adapters": []},
        {"name": "New", "type": "private", "allow_management_os": False, "teaming": False, "iov": False},
    ],
)
def test_a_wish_that_is_a_fact_already_is_granted(lab: Lab, options: dict[str, Any]) -> None:
    assert lab.apply(MODULE, **options)["switch"]["allow_management_os"] is options["allow_management_os"]
    known = {key: value for key, value in options.items() if key != "type"}
    lab.leaves_alone(MODULE, **{**known, "net_adapters": None})


# Each setting that is fixed when a switch is created: a value for a new one, and others that it then does not have.
FIXED = [
    ("bandwidth_mode", "absolute", ["weight", "none"]),
    ("bandwidth_mode", "weight", ["absolute", "none"]),
    ("bandwidth_mode", "none", ["weight"]),
    ("bandwidth_mode", "default", ["weight"]),
    ("iov", True, [False]),
    ("iov", False, [True]),
    ("teaming", True, [False]),
    ("teaming", False, [True]),
]


@pytest.mark.parametrize(("option", "value", "others"), FIXED)
def test_what_is_fixed_is_set_for_a_new_switch_and_refused_for_another(
    lab: Lab, option: str, value: Any, others: list[Any]
) -> None:
    args = {"name": "New", "net_adapters": ["Ethernet 2"]}
    assert lab.apply(MODULE, **args, **{option: value})["switch"][option] == value
    for other in others:
        lab.refuses(MODULE, f"{option}: virtual switch 'New' was created with", **args, **{option: other})
    lab.leaves_alone(MODULE, name="New", bandwidth_mode="default")


def test_a_team_of_one_can_grow(lab: Lab) -> None:
    lab.apply(MODULE, name="Team", net_adapters=["Ethernet 2"], teaming=True)
    result = lab.apply(MODULE, name="Team", net_adapters=["Ethernet 2", "Ethernet 4"])
    assert result["switch"]["net_adapters"] == ["Ethernet 2", "Ethernet 4"]


def create_another(lab: Lab, when: str) -> Iterator[list[str]]:
    """Let another task create a switch of the same name right before or right after DefineSystem."""
    created: list[str] = []
    call = jobs.call

    def another(*args: Any, **options: Any) -> dict[str, Any]:
        def create() -> None:
            lab.sim.advance(1)
            created.append(str(uuid.uuid4()).upper())
            virtual_switch.add_switch(lab.machine, created[0], "NEW")
            lab.sim.advance(1)

        if "DefineSystem" in args and when == "before":
            create()
        answer = call(*args, **options)
        if "DefineSystem" in args and when == "after":
            create()
        return answer

    with mock.patch.object(jobs, "call", another):
        yield created


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fails", [False, True])
def test_of_two_switches_that_are_created_at_once_the_younger_one_goes(lab: Lab, when: str, fails: bool) -> None:
    if fails:
        lab.sim.faults.add(simulator.Rule(do="fault", method="DestroySystem", times=0))
    before = {row["id"] for row in lab.facts("network")["switches"]}
    with contextmanager(create_another)(lab, when) as created:
        result = lab.run(MODULE, name="New", type="private")
    new = {row["id"] for row in lab.facts("network")["switches"]} - before
    if when == "after":  # the other task finds this switch, which is older
        assert new == {result["id"], created[0]}
    elif not fails:
        assert new == set(created)
        assert (result["failed"], result["changed"], result["ids"]) == (True, False, created)
        assert "this task has removed its own switch again" in result["msg"]
    else:
        assert result["changed"] is True
        assert len(new) == 2
        assert "remains, since removing it failed too" in result["msg"]


# The requests of a change of members, in their order: what each has done if the next one fails.
MEMBERS = [
    (["Ethernet 3", "Ethernet 4"], ["Ethernet 2", "Ethernet 3"], ["ModifyResourceSettings"]),
    (["Ethernet 2", "Ethernet 3", "Ethernet 4"], ["Ethernet 2"], ["AddResourceSettings"]),
    (["Ethernet 2"], ["Ethernet 2", "Ethernet 3", "Ethernet 4"], ["RemoveResourceSettings"]),
    (["Ethernet 4"], ["Ethernet 2", "Ethernet 3"], ["ModifyResourceSettings", "RemoveResourceSettings"]),
    (["Ethernet 3", "Ethernet 4"], ["Ethernet 2"], ["ModifyResourceSettings", "AddResourceSettings"]),
]


@pytest.mark.parametrize(("wanted", "present", "methods"), MEMBERS)
def test_each_request_for_the_members_of_a_team_is_told(
    lab: Lab, wanted: list[str], present: list[str], methods: list[str]
) -> None:
    lab.apply(MODULE, name="Team", net_adapters=present, teaming=True)
    for done, method in enumerate(methods):
        lab.sim.faults.add(simulator.Rule(do="fail_job", method=method, code=32773, text="Not today."))
        result = lab.fails(MODULE, "Not today.", name="Team", net_adapters=wanted)
        assert result["changed"] is (done > 0)
        assert len(result.get("completed", [])) == done
        now = lab.switch("Team")["net_adapters"]
        assert (sorted(now) != sorted(present)) is (done > 0)
        lab.succeeds(MODULE, name="Team", net_adapters=present)
    lab.apply(MODULE, name="Team", net_adapters=wanted)


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
