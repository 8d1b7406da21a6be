"""Virtual switches: what can be made, what is refused with which code, and what becomes of the host's network."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, STANDARD
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, JOB, OK, call, embedded, host, outcome, rows
from ..networks import (
    ADAPTER,
    CONNECTION,
    EXTERNAL,
    INTERNAL,
    PORT,
    SETTINGS,
    SWITCH,
    VESMS,
    addresses,
    define,
    defined,
    destroy,
    host_path,
    nic_path,
    own_ports,
    port,
    settings,
    switch,
)

WRONG_TYPE, NOT_SUPPORTED = 32776, 32770
TWO = [{"addresses": ["10.1.0.5/24"], "gateway": "10.1.0.1"}, {"addresses": ["10.2.0.5/24"]}]


def test_a_private_switch_is_made_at_once_and_reads_as_captured() -> None:
    machine = host()
    text = embedded(SETTINGS, ElementName="lab", Notes=["made by hand", "dropped"])
    code, outputs = call(machine, VESMS, "DefineSystem", SystemSettings=text)
    assert (code, outputs["Job"]) == (OK, None)
    row = machine.get(machine.find_class(HYPERV, SWITCH), outputs["ResultingSystem"].keys)
    assert (
        row["ElementName"],
        row["EnabledState"],
        row["RequestedState"],
        row["ResetCapability"],
        row["Dedicated"],
    ) == (
        "lab",
        5,
        12,
        5,
        [38],
    )
    assert settings(machine, "lab")["Notes"] == ["made by hand"]
    assert own_ports(machine, "lab") == []


def test_an_internal_switch_gives_the_host_an_adapter() -> None:
    machine = host()
    defined(machine, "lab", port([host_path(machine)], ElementName="lab"))
    internal = next(row for row in rows(machine, INTERNAL) if row["ElementName"] == "lab")
    adapter = next(row for row in rows(machine, "MSFT_NetAdapter", STANDARD) if row["Name"] == "vEthernet (lab)")
    assert internal["DeviceID"].strip("{}").endswith(adapter["InterfaceGuid"].strip("{}"))
    assert internal["PermanentAddress"] == adapter["PermanentAddress"]
    assert adapter["PermanentAddress"].startswith("00155D")
    profile = next(
        row for row in rows(machine, "MSFT_NetConnectionProfile", STANDARD) if row["InterfaceAlias"] == adapter["Name"]
    )
    assert profile["InterfaceIndex"] == adapter["InterfaceIndex"]


def _matrix(machine: Machine) -> list[tuple[str, int]]:
    wrong = host_path(machine).replace(machine.name, "OTHER")
    two_keys = nic_path(machine, "Ethernet").partition(",SystemCreationClassName")[0]
    return [
        (embedded(CONNECTION, ResourceType=33, EnabledState=2), INVALID_PARAMETER),
        (port(host_path(machine)), WRONG_TYPE),
        (port([wrong]), INVALID_PARAMETER),
        (port(["no path at all"]), INVALID_PARAMETER),
        (port([two_keys]), INVALID_PARAMETER),
        (port([host_path(machine), host_path(machine)]), INVALID_PARAMETER),
        (port([host_path(machine)], Address="01155D000001"), INVALID_PARAMETER),
        (port([host_path(machine)], Address="00155D0000"), INVALID_PARAMETER),
        (embedded("Msvm_MemorySettingData", VirtualQuantity=1), INVALID_PARAMETER),
        (port([host_path(machine)]), OK),
        (port(["\\\\HV01\\root\\virtualization\\v2:" + host_path(machine).partition(":")[2]]), OK),
    ]


@pytest.mark.parametrize("number", range(11))
def test_host_resource_of_a_port(number: int) -> None:
    """Nothing, or no such object: 32773; a scalar: 32776; an array, with or without host prefix, works (captured)."""
    machine = host()
    text, code = _matrix(machine)[number]
    assert define(machine, "lab", text)[0] == code
    assert len([row for row in rows(machine, SWITCH) if row["ElementName"] == "lab"]) == (code == OK)


def test_an_external_switch_moves_the_hosts_addresses_and_back() -> None:
    machine = host(network_adapters=TWO)
    nic = nic_path(machine, "Ethernet")
    code, outputs = call(
        machine,
        VESMS,
        "DefineSystem",
        SystemSettings=embedded(SETTINGS, ElementName="WAN"),
        ResourceSettings=[port([nic]), port([host_path(machine)], ElementName="WAN")],
    )
    assert code == JOB
    assert outcome(machine, (code, outputs)) == (OK, "")
    assert addresses(machine)["vEthernet (WAN)"] == ["10.1.0.5/24"]
    assert "Ethernet" not in addresses(machine)
    assert [row["IsBound"] for row in rows(machine, EXTERNAL)] == [True, False]
    routes = [row for row in rows(machine, "MSFT_NetRoute", STANDARD) if row["DestinationPrefix"] == "0.0.0.0/0"]
    assert {row["InterfaceAlias"] for row in routes} == {"vEthernet (WAN)"}
    assert define(machine, "second", port([nic]))[0] == INVALID_PARAMETER
    assert destroy(machine, switch(machine, "WAN").reference()) == (OK, "")
    assert addresses(machine)["Ethernet"] == ["10.1.0.5/24"]
    assert not [row for row in rows(machine, EXTERNAL) if row["IsBound"]]
    assert "vEthernet (WAN)" not in {row["Name"] for row in rows(machine, "MSFT_NetAdapter", STANDARD)}


def test_without_a_host_adapter_the_address_waits() -> None:
    machine = host(network_adapters=TWO)
    defined(machine, "WAN", port([nic_path(machine, "Ethernet")]))
    assert set(addresses(machine)) == {"Loopback Pseudo-Interface 1", "Ethernet 2"}
    add = [port([host_path(machine)], ElementName="WAN")]
    affected = settings(machine, "WAN").reference()
    answer = call(machine, VESMS, "AddResourceSettings", AffectedConfiguration=affected, ResourceSettings=add)
    assert outcome(machine, answer)[0] == OK
    assert addresses(machine)["vEthernet (WAN)"] == ["10.1.0.5/24"]
    internal = next(row for row in own_ports(machine, "WAN") if row["ElementName"] == "WAN" and row["Address"])
    answer = call(machine, VESMS, "RemoveResourceSettings", ResourceSettings=[internal.reference()])
    assert outcome(machine, answer)[0] == OK
    assert "vEthernet (WAN)" not in addresses(machine)
    assert destroy(machine, switch(machine, "WAN").reference())[0] == OK
    assert addresses(machine)["Ethernet"] == ["10.1.0.5/24"]


def test_a_team_needs_to_be_asked_for_and_a_server() -> None:
    machine = host(network_adapters=TWO)
    ports = [port([nic_path(machine, name)]) for name in ("Ethernet", "Ethernet 2")]
    assert define(machine, "team", *ports)[0] == INVALID_PARAMETER
    assert define(machine, "team", ports[0], ports[0], TeamingEnabled=True)[0] == INVALID_PARAMETER
    assert define(machine, "team", TeamingEnabled=True)[0] == INVALID_PARAMETER
    assert define(machine, "team", *ports, TeamingEnabled=True)[0] == OK
    assert [row["IsBound"] for row in rows(machine, EXTERNAL)] == [True, True]
    client = host(network_adapters=TWO, os="windows11")
    ports = [port([nic_path(client, name)]) for name in ("Ethernet", "Ethernet 2")]
    assert define(client, "team", *ports, TeamingEnabled=True)[0] == NOT_SUPPORTED


def test_another_adapter_for_an_external_port() -> None:
    machine = host(network_adapters=TWO)
    defined(machine, "WAN", port([nic_path(machine, "Ethernet")]), port([host_path(machine)]))
    external = next(row for row in own_ports(machine, "WAN") if "External" in row["HostResource"][0])
    text = embedded(CONNECTION, InstanceID=external["InstanceID"], HostResource=[nic_path(machine, "Ethernet 2")])
    assert outcome(machine, call(machine, VESMS, "ModifyResourceSettings", ResourceSettings=[text]))[0] == OK
    assert [row["IsBound"] for row in rows(machine, EXTERNAL)] == [False, True]
    text = embedded(CONNECTION, InstanceID=external["InstanceID"], HostResource=[host_path(machine)])
    answer = call(machine, VESMS, "ModifyResourceSettings", ResourceSettings=[text])
    assert outcome(machine, answer)[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ElementName": "renamed", "Notes": ["n"]}, OK),
        ({"ElementName": ""}, INVALID_PARAMETER),
        ({"IOVPreferred": True}, INVALID_PARAMETER),
        ({"IOVPreferred": False}, OK),
        ({"BandwidthReservationMode": 1}, INVALID_PARAMETER),
        ({"TeamingEnabled": True}, INVALID_PARAMETER),
        ({"Notes": "scalar"}, WRONG_TYPE),
    ],
)
def test_what_can_change_later(values: dict[str, Any], code: int) -> None:
    machine = host({"adapters": [{"switch": "LAN"}]})
    text = embedded(SETTINGS, InstanceID=settings(machine, "LAN")["InstanceID"], **values)
    assert outcome(machine, call(machine, VESMS, "ModifySystemSettings", SystemSettings=text))[0] == code
    name = values.get("ElementName") if code == OK else None
    connection = next(row for row in rows(machine, CONNECTION) if row["InstanceID"].endswith("\\C"))
    assert connection["LastKnownSwitchName"] == (name or "LAN")
    assert switch(machine, name or "LAN")


def test_a_switch_in_use_goes_and_its_vms_are_disconnected() -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN"}]})
    code, outputs = call(machine, VESMS, "DestroySystem", AffectedSystem=switch(machine, "LAN").reference())
    assert code == JOB
    assert outcome(machine, (code, outputs))[0] == OK
    connection = next(row for row in rows(machine, CONNECTION) if row["InstanceID"].endswith("\\C"))
    assert (connection["EnabledState"], connection["HostResource"], connection["LastKnownSwitchName"]) == (
        3,
        None,
        "LAN",
    )
    by_name = Reference(HYPERV, SWITCH, {"CreationClassName": SWITCH, "Name": "LAN"})
    assert destroy(machine, by_name)[0] == INVALID_PARAMETER


def test_ports_and_what_they_belong_to() -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN"}]}, {"adapters": [{"switch": "LAN"}]})
    defined(machine, "lab", port([host_path(machine)], ElementName="lab"))
    lan = switch(machine, "LAN").reference()
    ports = machine.associators(lan, assoc_class="Msvm_SystemDevice", result_class=PORT)
    assert len(ports) == 1  # the running VM's; the other VM is off
    connections = machine.associators(ports[0].reference(), assoc_class="Msvm_ElementSettingData")
    running = machine.vm("vm0").rows(CONNECTION)[0]
    assert [row["InstanceID"] for row in connections] == [running["InstanceID"]]
    link = machine.references(ports[0].reference(), result_class="Msvm_ElementSettingData")[0]
    device = running["InstanceID"].split("\\")[1]
    assert link["SettingData"].keys["InstanceID"] == running["InstanceID"].replace(device, device.lower())
    found = machine.associators(lan, assoc_class="Msvm_SettingsDefineState")
    assert [row["InstanceID"] for row in found] == [f"Microsoft:{lan.keys['Name']}"]
    host_ports = machine.associators(
        Reference(HYPERV, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": "HV01"}),
        assoc_class="Msvm_SystemDevice",
    )
    assert sorted(row.cls.name for row in host_ports) == [EXTERNAL, INTERNAL]


def test_vlan_of_a_host_adapter() -> None:
    machine = host()
    defined(machine, "lab", port([host_path(machine)], ElementName="lab"))
    own = own_ports(machine, "lab")[0].reference()
    vlan = "Msvm_EthernetSwitchPortVlanSettingData"
    texts = [embedded(vlan, OperationMode=1, AccessVlanId=20)]
    answer = call(machine, VESMS, "AddFeatureSettings", AffectedConfiguration=own, FeatureSettings=texts)
    assert outcome(machine, answer)[0] == OK
    row = machine.associators(own, assoc_class="Msvm_EthernetPortSettingDataComponent")[0]
    assert row["AccessVlanId"] == 20
    texts = [embedded(vlan, InstanceID=row["InstanceID"], AccessVlanId=4095)]
    assert call(machine, VESMS, "ModifyFeatureSettings", FeatureSettings=texts)[0] == INVALID_PARAMETER
    texts = [embedded(vlan, InstanceID=row["InstanceID"], AccessVlanId=21)]
    assert call(machine, VESMS, "ModifyFeatureSettings", FeatureSettings=texts)[0] == OK
    assert call(machine, VESMS, "RemoveFeatureSettings", FeatureSettings=[row.reference()])[0] == OK
    assert machine.associators(own, assoc_class="Msvm_EthernetPortSettingDataComponent") == []


def test_the_default_switch_of_a_client() -> None:
    machine = host(os="windows11", locale="ja-JP")
    row = switch(machine, "既定のスイッチ")
    assert row["Name"] == "C08CB7B8-9B3C-408E-8E30-5E16A3AEB444"
    assert "vEthernet (既定のスイッチ)" in addresses(machine)
    assert destroy(machine, row.reference())[0] == FAILED
    assert not [one for one in rows(host(), SWITCH) if one["Name"] == row["Name"]]


def test_a_host_in_a_vm_has_switches_on_the_adapters_of_its_vm() -> None:
    inner = {"name": "inner", "os": "server2022"}
    vm = {"state": "running", "nested": True, "adapters": [{"switch": "LAN", "addresses": ["192.0.2.31"]}]}
    machine = host({**vm, "guest": {"machine": inner}}).vm("vm0").guest.machine
    assert machine is not None
    assert addresses(machine)["Ethernet"] == ["192.0.2.31/24"]
    defined(machine, "NAT", port([host_path(machine)], ElementName="NAT"))
    defined(machine, "WAN", port([nic_path(machine, "Ethernet")]), port([host_path(machine)], ElementName="WAN"))
    assert addresses(machine)["vEthernet (WAN)"] == ["192.0.2.31/24"]
    assert machine.host is not None
    assert not [row for row in rows(machine.host, SWITCH) if row["ElementName"] in ("NAT", "WAN")]
    outer = machine.host.vm("vm0").rows(ADAPTER)[0]
    assert outer["Address"] in {row["PermanentAddress"] for row in rows(machine, EXTERNAL)}
