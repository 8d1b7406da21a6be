"""The VMs of a host for an inventory: the same facts as those of vm_info, in few requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import facts, overview
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import AccessDenied
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST

LAN = [{"name": "LAN", "switch": "Lab", "addresses": ["192.0.2.21"]}]
ONE_SWITCH = {
    "hosts": [
        {
            "name": "hv01",
            "switches": [{"name": "Lab"}],
            "vms": [
                {"name": "vm{n:02}", "count": 38, "state": "running", "adapters": LAN},
                {"name": "lab01", "nested": True, "adapters": [*LAN, {"name": "Storage", "switch": "Lab"}]},
                {"name": "lab02", "nested": True, "state": "saved", "notes": "of the course"},
            ],
        }
    ]
}
SMALL_ANSWERS = {"hosts": [{**ONE_SWITCH["hosts"][0], "winrm": {"max_envelope_kb": 60, "page_characters": 20_000}}]}
EMPTY = {"hosts": [{"name": "hv01", "users": [{"name": "admin", "password": "a", "groups": ["Administrators"]}]}]}
STRANGER = {
    "hosts": [
        {
            "name": "hv01",
            "users": [{"name": "guest", "password": "a", "groups": ["Remote Management Users"]}],
            "vms": [{"name": "web01"}],
        }
    ]
}


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[tuple[Target, simulator.Simulation]]:
    with simulator.start(request.param, strict=True) as sim:
        sim.clock.freeze()  # two readings see the same uptime
        address = sim.endpoints["hv01"]
        with connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)) as client:
            yield Target("hv01", client), sim


Host = tuple[Target, simulator.Simulation]


@pytest.mark.parametrize("host", [ONE_SWITCH, NETWORK_HOST], ids=["one-switch", "several-switches"], indirect=True)
@pytest.mark.parametrize("guest_details", [False, True])
def test_the_facts_are_those_of_vm_info(host: Host, guest_details: bool) -> None:
    target, _sim = host
    expected = [overview._reduced(vm) for vm in facts.fetch(target, None, None, overview._GROUPS)]
    for vm in [] if guest_details else expected:
        vm["guest"] = {key: vm["guest"][key] for key in ("heartbeat", "os")}
    assert overview.fetch(target, guest_details) == expected


@pytest.mark.parametrize("host", [ONE_SWITCH], indirect=True)
def test_forty_vms_take_at_most_ten_requests(host: Host) -> None:
    target, sim = host
    assert len(overview.fetch(target)) == 40
    assert len(sim.log.requests()) <= 10


@pytest.mark.parametrize("host", [NETWORK_HOST], indirect=True)
def test_connections_are_read_if_vms_are_on_several_switches(host: Host) -> None:
    target, sim = host
    (vm,) = [vm for vm in overview.fetch(target) if vm["name"] == "lab01"]
    assert [(row["name"], row["switch"]) for row in vm["network_adapters"]] == [
        ("LAN", "External"),
        ("Loose", None),
        ("Twin", "Private"),
        ("TWIN", "Private"),
    ]
    assert len(sim.log.requests()) <= 14


@pytest.mark.parametrize("host", [SMALL_ANSWERS], indirect=True)
def test_summaries_that_no_answer_can_hold_are_read_in_pages(host: Host) -> None:
    target, sim = host
    vms = overview.fetch(target)
    assert len(vms) == 40
    assert [vm["name"] for vm in vms if vm["nesting"]] == ["lab01", "lab02"]
    methods = [entry.method for entry in sim.log.requests() if entry.method]
    assert methods == ["GetSummaryInformation"]


@pytest.mark.parametrize("host", [ONE_SWITCH], indirect=True)
def test_a_host_without_such_summaries(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    target, _sim = host
    expected = overview.fetch(target, guest_details=True)
    monkeypatch.setattr(overview, "_query_summaries", lambda _host: None)
    assert overview.fetch(target) == expected


@pytest.mark.parametrize("host", [EMPTY], indirect=True)
def test_a_host_without_vms(host: Host) -> None:
    assert overview.fetch(host[0]) == []


@pytest.mark.parametrize("host", [STRANGER], indirect=True)
def test_a_user_who_sees_nothing_is_no_host_without_vms(host: Host) -> None:
    with pytest.raises((Refused, AccessDenied)):
        overview.fetch(host[0])


def test_names_of_switches_that_leave_a_doubt() -> None:
    ports = {"A": [{"InstanceID": "a1"}, {"InstanceID": "a2"}], "B": [{"InstanceID": "b1"}]}
    assert overview._switches(ports, {"A": ["Lab", "Lab"], "B": []}) == {"a1": "Lab", "a2": "Lab", "b1": None}
    assert overview._switches(ports, {"A": ["Lab"], "B": ["Lab"]}) is None  # one of two adapters, or one name for both
    assert overview._switches(ports, {"A": ["Lab", "WAN"], "B": ["Lab"]}) is None
    assert overview._switches(ports, {"A": [], "B": []}) is None  # this host may name none
    assert overview._switches({"A": []}, {"A": []}) == {}
