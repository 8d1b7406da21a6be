"""Guests: what reports through integration services, and hosts within hosts."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.simulator import model
from ansible_collections.nested.hyperv.tests.simulator.cim.embedded import parse_embedded
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2, HYPERV
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, RUNNING, SAVED
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import JOB, call, host, modify, outcome, power, rows


def heartbeat(machine: Machine) -> list[int]:
    (row,) = rows(machine, "Msvm_HeartbeatComponent")
    return row["OperationalStatus"]


def test_the_heartbeat_comes_with_the_boot() -> None:
    machine = host({"guest": {"boot_seconds": 10}})
    assert rows(machine, "Msvm_HeartbeatComponent") == []
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert heartbeat(machine) == [12]
    machine.clock.advance(10)
    assert heartbeat(machine) == [2, 2]
    power(machine, "vm0", 9)
    machine.clock.advance(1)
    assert heartbeat(machine) == [15]


def test_kvp_items() -> None:
    adapters = [{"switch": "LAN", "addresses": ["192.0.2.5", "fe80::5"]}]
    machine = host({"state": "running", "name": "R&D", "adapters": adapters, "guest": {"hostname": "rd<1>"}})
    (row,) = rows(machine, "Msvm_KvpExchangeComponent")
    items = [
        parse_embedded(text.replace("&amp;", "&#38;").replace("&lt;", "&#60;"))
        for text in row["GuestIntrinsicExchangeItems"]
    ]
    values = {item.text("Name"): item.text("Data") for item in items}
    assert values["FullyQualifiedDomainName"] == "rd<1>"
    assert values["OSName"] == "Windows Server 2022 Datacenter"
    assert values["NetworkAddressIPv4"] == "192.0.2.5"
    assert values["NetworkAddressIPv6"] == "fe80::5"
    (network,) = rows(machine, "Msvm_GuestNetworkAdapterConfiguration")
    assert (network["IPAddresses"], network["ProtocolIFType"]) == (["192.0.2.5", "fe80::5"], 4098)


@pytest.mark.parametrize("guest", [{"kvp": False}, {"integration_services": False}, {"boot_seconds": 60}])
def test_a_guest_that_reports_nothing(guest: dict) -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN", "addresses": ["192.0.2.5"]}], "guest": guest})
    (row,) = rows(machine, "Msvm_KvpExchangeComponent")
    assert not row["GuestIntrinsicExchangeItems"]
    (network,) = rows(machine, "Msvm_GuestNetworkAdapterConfiguration")
    empty = {name: value for name, value in network.items() if value is not None}
    assert set(empty) == {"DHCPEnabled", "InstanceID", "ProtocolIFType"}, "as captured"
    assert empty["ProtocolIFType"] == 0


@pytest.fixture
def levels() -> dict[str, Machine]:
    machines = model.by_name(model.build(model.read("nested"), Clock()))
    machines["l0"].clock.advance(1)
    return machines


def test_three_levels_run(levels: dict[str, Machine]) -> None:
    assert [machine.hypervisor_running for machine in levels.values()] == [True, True, True]
    assert power(levels["l2"], "l3", 2) == JOB
    levels["l0"].clock.advance(1)
    assert levels["l2"].vm("l3").state == RUNNING
    (system,) = rows(levels["l1"], "Win32_ComputerSystem", CIMV2)
    assert (system["Manufacturer"], system["Model"]) == ("Microsoft Corporation", "Virtual Machine")


def test_a_guest_is_reachable_only_while_its_vm_runs(levels: dict[str, Machine]) -> None:
    seen = []
    levels["l1"].watchers.append(lambda machine: seen.append(machine.running))
    power(levels["l0"], "l1", 3)
    levels["l0"].clock.advance(1)
    assert not levels["l1"].running
    assert not levels["l2"].running
    power(levels["l0"], "l1", 2)
    levels["l0"].clock.advance(2)
    assert levels["l1"].running
    assert seen[0] is False
    assert seen[-1] is True


def test_vms_of_a_host_that_loses_power_are_off_and_start_with_it(levels: dict[str, Machine]) -> None:
    inner = levels["l1"].vm("l2")
    power(levels["l0"], "l1", 3)
    levels["l0"].clock.advance(1)
    assert inner.state == OFF
    power(levels["l0"], "l1", 2)
    levels["l0"].clock.advance(2)
    assert inner.state == RUNNING, "AutomaticStartupAction 3: it ran before"


def test_a_host_that_shuts_down_saves_its_vms(levels: dict[str, Machine]) -> None:
    power(levels["l0"], "l1", 4)
    levels["l0"].clock.advance(2)
    assert levels["l0"].vm("l1").state == OFF
    assert levels["l1"].vm("l2").state == SAVED


def test_without_the_extensions_the_inner_hypervisor_does_not_run(levels: dict[str, Machine]) -> None:
    outer, clock = levels["l0"], levels["l0"].clock
    power(outer, "l1", 3)
    clock.advance(1)
    assert modify(outer, outer.vm("l1").processor, ExposeVirtualizationExtensions=False)[0] == 0
    power(outer, "l1", 2)
    clock.advance(2)
    inner = levels["l1"]
    assert inner.running
    assert not inner.hypervisor_running
    assert inner.vm("l2").state == OFF
    keys = dict(inner.vm("l2").reference.keys)
    answer = call(inner, "Msvm_ComputerSystem", "RequestStateChange", keys, RequestedState=2)
    code, text = outcome(inner, answer)
    assert code == 32768
    assert "hypervisor is not running" in text


def test_a_resize_of_a_nested_host_fails_while_its_hypervisor_runs(levels: dict[str, Machine]) -> None:
    assert modify(levels["l0"], levels["l0"].vm("l1").memory, VirtualQuantity=16384)[0] == 32775


@pytest.mark.parametrize(
    ("locale", "caption", "memory"),
    [("ja-JP", "仮想マシン", "メモリ"), ("de-DE", "Virtueller Computer", "Arbeitsspeicher")],
)
def test_display_texts_are_in_the_language_of_the_host(locale: str, caption: str, memory: str) -> None:
    machine = host({}, locale=locale)
    row = next(row for row in rows(machine, "Msvm_ComputerSystem") if row["ElementName"] == "vm0")
    assert (row["Caption"], row["Description"]) == (caption, "Microsoft Virtual Machine")
    assert machine.vm("vm0").memory["ElementName"] == memory
    assert machine.find_class(HYPERV, "Msvm_HeartbeatComponentSettingData")
    (heartbeat_row,) = machine.vm("vm0").rows("Msvm_HeartbeatComponentSettingData")
    assert heartbeat_row["ElementName"] != "Heartbeat"
