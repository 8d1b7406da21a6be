"""The role azure_stack_hci_eval in this process: interruptions, what existed before, and what is refused."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import pytest

from ansible_collections.nested.hyperv.tests.harness import changes, hci
from ansible_collections.nested.hyperv.tests.harness.hci import Site, nodes_are_configured, site
from ansible_collections.nested.hyperv.tests.harness.plays import Outcome
from ansible_collections.nested.hyperv.tests.simulator import Rule

# The tasks of a first run that change something; those in Windows run for each node.
STEPS = (
    "Record what will be created",
    "Configure the switch and the NAT",
    "Publish WinRM of the nodes",
    "Create the seeds of nodes that boot for the first time",
    "Create and configure the nodes",
    "Start the nodes in their order",
    "Remove the discs from nodes that have answered",
    "Delete the seeds of nodes that have answered",
    "Record that the nodes have answered",
    "Name the network adapters, and assign their addresses",
    "Enable Hyper-V",
)


def small(nodes: int) -> dict[str, Any]:
    """Nodes that are as small as the rules permit, so that a run is short."""
    return {**hci.seeded(nodes), "adapters": ["NIC1", "NIC2"], "boot_timeout": 120}


def title(outcome: Outcome) -> str:
    return outcome.task.rpartition(" : ")[2]


# ---- interruptions ----


class Baseline(NamedTuple):
    """A first run without a fault: the states before and after it, and its tasks."""

    before: Counter[str]
    after: Counter[str]
    tasks: list[Outcome]


@cache
def baseline(nodes: int) -> Baseline:
    with site() as there:
        before = there.state()
        tasks = there.succeeds(**small(nodes))
        return Baseline(before, there.state(), tasks)


def interrupt(there: Site, step: str, given: dict[str, Any]) -> None:
    """A run whose network is gone in the midst of a task, as soon as the host has carried out one of its writes."""
    rows = [row for row in baseline(len(given["nodes"])).tasks if title(row) == step and row.writes]
    task = rows[-1]
    numbers = [number for number, entry in enumerate(task.requests, 1) if changes.writes([entry])]
    lost = numbers[len(numbers) // 2]

    names = Counter[str]()

    def before(name: str) -> None:
        names[name] += 1
        if name == task.task and names[name] == len(rows):
            there.host.sim.faults.add(Rule("lose", at=lost))
            there.host.sim.faults.add(Rule("drop", at=lost + 1, times=0))

    outcomes = list(there.tasks(before=before, **given))
    there.host.sim.faults.clear()
    assert outcomes[-1].failed
    assert title(outcomes[-1]) == step


def difference(found: Counter[str], expected: Counter[str]) -> dict[str, list[str]]:
    return {"more": sorted(found - expected), "less": sorted(expected - found)}


SAME: dict[str, list[str]] = {"more": [], "less": []}


def test_the_steps_are_all_that_a_first_run_changes() -> None:
    changing = [title(row) for row in baseline(1).tasks if row.writes]
    assert list(dict.fromkeys(changing)) == list(STEPS)


@pytest.mark.parametrize(
    ("step", "nodes"),
    [
        *((step, 1) for step in STEPS),
        ("Create and configure the nodes", 2),
    ],
)
def test_a_role_that_was_interrupted_is_undone_or_finished(step: str, nodes: int) -> None:
    given = small(nodes)
    with site() as there:
        interrupt(there, step, given)
        there.succeeds(state="absent")
        assert difference(there.state(), baseline(nodes).before) == SAME
        interrupt(there, step, given)
        there.succeeds(**given)
        assert difference(there.state(), baseline(nodes).after) == SAME


# ---- what existed before ----

PLAIN: dict[str, Any] = {"nodes": [{"name": "node1"}], "start": False}
NETWORK: dict[str, Any] = {"name": "hci", "switch": "hci", "manage_switch": True, "address": "192.168.44.1/24"}


def test_a_network_and_a_mapping_that_existed_stay() -> None:
    with site() as there:
        there.host.succeeds("nat_network", **NETWORK)
        mapping = {"nat": "hci", "external_port": 55985, "internal_address": "192.168.44.201", "internal_port": 5985}
        there.host.succeeds("nat_mapping", **mapping)
        before = there.state()
        given = {**PLAIN, "nodes": [{"name": "node1"}, {"name": "node2"}], "publish": {"first_port": 55985}}
        there.succeeds(**given)
        (nat,) = there.host.facts("network")["nats"]
        assert [row["external_port"] for row in nat["static_mappings"]] == [55985, 55986]
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME


def test_a_port_that_leads_to_another_guest_now_stays() -> None:
    with site() as there:
        there.host.succeeds("nat_network", **NETWORK)
        there.succeeds(**PLAIN, publish={"first_port": 55985})
        mapping = {"nat": "hci", "external_port": 55985, "internal_address": "192.168.44.77", "internal_port": 22}
        there.host.succeeds("nat_mapping", **mapping)
        there.refuses("has not created the mapping of port 55985 of hv01", **PLAIN, publish={"first_port": 55985})
        there.succeeds(state="absent")
        (nat,) = there.host.facts("network")["nats"]
        assert [row["internal_address"] for row in nat["static_mappings"]] == ["192.168.44.77"]


def test_a_vm_that_took_the_name_of_a_node_stays() -> None:
    with site() as there:
        there.succeeds(**PLAIN)
        there.host.succeeds("vm", name="node1", state="absent")
        there.host.succeeds("vm", name="NODE1", disks=[{"path": r"D:\Mine\node1\os.vhdx", "size": "1GB"}])
        there.succeeds(state="absent")
        assert there.host.info("node1", "disks")["disks"][0]["path"] == r"D:\Mine\node1\os.vhdx"
        assert not [file.path for file in there.host.machine.files if file.path.startswith(r"D:\HCI")]


@pytest.mark.parametrize("disks", [[], [{"path": r"D:\Mine\os.vhdx", "size": "1GB"}]], ids=["no disk", "an own disk"])
def test_a_vm_in_the_place_of_a_node_is_neither_changed_nor_removed(disks: list[dict[str, str]]) -> None:
    with site() as there:
        there.succeeds(**PLAIN)
        there.host.succeeds("vm", name="node1", state="absent")
        there.host.succeeds("vm", name="NODE1", disks=disks or None)
        mine = there.host.info("node1", "disks", "network_adapters", "memory")
        there.refuses("has not created the existing VM node1", **PLAIN)
        there.succeeds(state="absent")
        assert there.host.info("node1", "disks", "network_adapters", "memory") == mine


def test_a_node_of_another_lab_stays() -> None:
    """Also if the name of its lab begins with that of the one that is removed."""
    with site() as there:
        there.succeeds(**PLAIN)
        there.host.succeeds("vm", name="node1", state="absent")
        there.succeeds(**PLAIN, name="hci2", path=r"D:\HCI2", nat="")
        there.succeeds(state="absent")
        assert there.host.info("node1", "disks")["disks"][0]["path"] == r"D:\HCI2\node1\os.vhdx"


def test_a_node_whose_notes_have_changed_is_still_one() -> None:
    with site() as there:
        before = there.state()
        there.succeeds(**PLAIN)
        there.host.succeeds("vm", name="node1", notes="mine")
        there.leaves_alone(**PLAIN)
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME


@pytest.mark.parametrize("given", [{"switch": "other"}, {"nat": ""}, {"nat": "other"}])
def test_the_network_of_a_lab_is_not_renamed(given: dict[str, Any]) -> None:
    (name,) = given
    with site() as there:
        before = there.state()
        there.succeeds(**PLAIN)
        there.refuses(f"azure_stack_hci_eval_{name} cannot be changed", "the NAT 'hci'", **PLAIN, **given)
        there.succeeds(**PLAIN, switch="HCI", nat="Hci")
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME


# ---- spellings ----


def test_values_may_be_texts() -> None:
    """As those of -e name=value are."""
    with site() as there:
        there.succeeds(**hci.seeded(1) | {"start": "false", "publish": {"first_port": "55985"}})
        assert there.host.info("node1")["state"] == "off"
        (nat,) = there.host.facts("network")["nats"]
        assert [row["external_port"] for row in nat["static_mappings"]] == [55985]
        there.succeeds(**PLAIN | {"guest": "false"})


def test_other_spellings_are_the_same_lab() -> None:
    given = {**small(1), "start": False}
    other = given | {"path": "d:/hci\\", "nodes": [{**given["nodes"][0], "name": "NODE1"}]}
    with site() as there:
        before = there.state()
        there.succeeds(**given)
        there.leaves_alone(**other)
        there.succeeds(**other | {"start": True})
        assert not [file.path for file in there.host.machine.files if file.path.endswith("seed.iso")]
        there.leaves_alone(**given)
        there.leaves_alone(**other)
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME


def test_nodes_that_are_not_started_are_configured_when_they_are() -> None:
    given = small(1)
    with site() as there:
        there.succeeds(**given, start=False)
        assert there.host.info("node1")["state"] == "off"
        there.leaves_alone(**given, start=False)
        there.succeeds(**given)
        assert difference(there.state(), baseline(1).after) == SAME


def test_nodes_with_checkpoints_are_removed() -> None:
    with site() as there:
        before = there.state()
        there.succeeds(**PLAIN, checkpoint_type="production")
        there.host.succeeds("vm_checkpoint", vm="node1", name="clean")
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME


def test_a_switch_that_another_vm_uses_is_not_removed() -> None:
    with site() as there:
        there.succeeds(**PLAIN)
        there.host.succeeds("vm_network_adapter", vm="dc01", name="LAN", switch="hci")
        outcomes = there.run(state="absent")
        assert outcomes[-1].failed
        assert "dc01" in str(outcomes[-1].result["msg"])
        assert there.host.switch("hci")
        there.host.succeeds("vm_network_adapter", vm="dc01", name="LAN", state="absent")
        there.succeeds(state="absent")


# ---- bad input ----


def host(**changed: Any) -> dict[str, Any]:
    model = hci.with_system()
    model["hosts"][0].update(changed)
    return model


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        ({"memory": "40GB"}, {}, ("hci-host-memory", "less than 72 GB for 2 nodes")),
        ({"os": "server2019"}, {}, ("hci-host-build",)),
        ({}, {"purpose": "production"}, ("hci-production: Azure Stack HCI in VMs is supported for evaluation only",)),
        ({}, {"profile": "azure_local_2030"}, ("azure_local_2030", "azure_local_2026_04", "azure_stack_hci_20h2")),
        ({}, {"nodes": [{"name": "dc01"}]}, ("has not created the existing VM dc01",)),
        ({}, {"image": r"D:\Images\none.vhdx"}, ("none.vhdx",)),
        ({}, {"image": r"D:\Images\azurelocal.vhd"}, ("azure_stack_hci_eval_image", "generation 2")),
        (
            {},
            {"image": None, "path": r"D:\Other"},
            (r"has not created the existing file D:\Other\node1\s2d2.vhdx",),
        ),
        ({}, {"path": "HCI"}, ("azure_stack_hci_eval_", "path", "full path")),
        ({}, {"address": "10.0.0.1/8"}, ("overlaps",)),
        ({}, {"memory": "64GB"}, ("need 128.00 GB",)),
        ({}, {"nat": "", "publish": {"first_port": 55985}}, ("publish: requires a NAT", "azure_stack_hci_eval_nat")),
        ({}, {"publish": {"first_port": 65535}}, ("external_port: must be 0 to 65535, not 65536",)),
        ({}, {"name": r"..\evil"}, ("azure_stack_hci_eval_name cannot be part of a file name",)),
        ({}, {"guest": True, "administrator_password": "Short-1"}, ("administrator_password: must have 14",)),
        ({}, {"guest": True, "administrator_password": "all-lower-case-letters"}, ("administrator_password",)),
        ({}, {"guest": True, "administrator_password": "Administrator-Horse-7"}, ("administrator_password",)),
    ],
)
def test_impossible_labs_are_refused_before_anything_is_created(
    model: dict[str, Any], given: dict[str, Any], words: tuple[str, ...]
) -> None:
    with site(host(**model)) as there:
        text = there.refuses(*words, **given)
        password = given.get("administrator_password")
        assert not password or password not in text


def test_a_port_that_leads_to_another_guest_is_refused() -> None:
    with site() as there:
        there.host.succeeds("nat_network", **NETWORK)
        mapping = {"nat": "hci", "external_port": 55986, "internal_address": "192.168.44.77", "internal_port": 5985}
        there.host.succeeds("nat_mapping", **mapping)
        there.refuses("has not created the mapping of port 55986 of hv01", publish={"first_port": 55985})


def test_a_node_with_another_edition_is_refused_by_rule() -> None:
    with site(hci.with_system(os="server2022")) as there:
        outcomes = there.run(**hci.seeded(1))
        assert outcomes[-1].failed
        assert "hci-guest-edition" in str(outcomes[-1].result["msg"])
        there.succeeds(state="absent")


@pytest.mark.parametrize("published", [True, False], ids=["through ports", "at their addresses"])
def test_two_nodes_come_up_named_addressed_and_verified(published: bool) -> None:
    with site() as there:
        before, given = there.state(), hci.seeded(2, published=published)
        there.succeeds(**given)
        nodes_are_configured(there.host)
        there.leaves_alone(**given)
        there.succeeds(state="absent")
        assert difference(there.state(), before) == SAME
