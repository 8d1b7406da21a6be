"""Network adapters of VMs: adding, connecting, removing, their addresses and the features of their ports."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, RUNNING
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import INVALID_PARAMETER, INVALID_STATE, JOB, OK, VSMS, call, embedded, host, modify, outcome, power, rows
from ..networks import ADAPTER, CONNECTION, defined, settings, switch_path

LEGACY = "Msvm_EmulatedEthernetPortSettingData"
SECURITY = "Msvm_EthernetSwitchPortSecuritySettingData"
VLAN = "Msvm_EthernetSwitchPortVlanSettingData"
BANDWIDTH = "Msvm_EthernetSwitchPortBandwidthSettingData"
OFFLOAD = "Msvm_EthernetSwitchPortOffloadSettingData"


def add(machine: Machine, *texts: str, vm: str = "vm0") -> tuple[int, dict[str, Any]]:
    affected = machine.vm(vm).system.reference()
    return call(machine, VSMS, "AddResourceSettings", AffectedConfiguration=affected, ResourceSettings=list(texts))


def nic(cls: str = ADAPTER, **values: Any) -> str:
    return embedded(cls, ResourceType=10, **values)


def only(machine: Machine, cls: str = ADAPTER, vm: str = "vm0") -> Instance:
    (row,) = machine.vm(vm).rows(cls)
    return row


def feature(machine: Machine, cls: str, **values: Any) -> tuple[int, str]:
    """AddFeatureSettings on the VM's only connection."""
    answer = call(
        machine,
        VSMS,
        "AddFeatureSettings",
        AffectedConfiguration=only(machine, CONNECTION).reference(),
        FeatureSettings=[embedded(cls, **values)],
    )
    return outcome(machine, answer)


def change_feature(machine: Machine, row: Instance, **values: Any) -> int:
    text = embedded(row.cls.name, InstanceID=row["InstanceID"], **values)
    return call(machine, VSMS, "ModifyFeatureSettings", FeatureSettings=[text])[0]


@pytest.mark.parametrize(
    ("escaped", "array", "code"),
    [
        (True, True, OK),
        (True, False, INVALID_PARAMETER),
        (False, True, INVALID_PARAMETER),
        (False, False, INVALID_PARAMETER),
    ],
)
def test_parent_and_host_resource_of_a_connection(escaped: bool, array: bool, code: int) -> None:
    """Of the four combinations only doubled backslashes and an array pass (captured)."""
    machine = host({})
    assert outcome(machine, add(machine, nic(ElementName="lab")))[0] == OK
    parent = only(machine).reference().path()
    path = switch_path(machine, "LAN")
    text = embedded(
        CONNECTION,
        ResourceType=33,
        Parent=parent if escaped else parent.replace("\\\\", "\\"),
        HostResource=[path] if array else path,
    )
    assert outcome(machine, add(machine, text))[0] == code
    assert len(machine.vm("vm0").rows(CONNECTION)) == (code == OK)
    if code == OK:
        assert only(machine, CONNECTION)["InstanceID"] == only(machine)["InstanceID"] + "\\C"
        assert only(machine, OFFLOAD)["VMQOffloadWeight"] == 100
        assert outcome(machine, add(machine, text))[0] == INVALID_PARAMETER


def test_disconnect_and_connect_again() -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN"}]})
    connection = only(machine, CONNECTION)
    assert outcome(machine, modify(machine, connection, EnabledState=3))[0] == OK
    assert connection["HostResource"], "the row keeps its switch"
    assert connection["LastKnownSwitchName"] == "LAN"
    defined(machine, "other")
    values = {"EnabledState": 2, "HostResource": [switch_path(machine, "other")]}
    assert outcome(machine, modify(machine, connection, **values))[0] == OK
    assert connection["LastKnownSwitchName"] == "other"
    assert connection["HostResource"][0].startswith("\\\\HV01\\root\\virtualization\\v2:Msvm_VirtualEthernetSwitch.")
    gone = switch_path(machine, "LAN").replace('Name="', 'Name="0')
    assert outcome(machine, modify(machine, connection, HostResource=[gone]))[0] == INVALID_PARAMETER
    answer = call(machine, VSMS, "RemoveResourceSettings", ResourceSettings=[connection.reference()])
    assert outcome(machine, answer)[0] == OK
    assert machine.vm("vm0").rows(CONNECTION) == machine.vm("vm0").rows(OFFLOAD) == []
    assert only(machine)


@pytest.mark.parametrize(
    ("generation", "state", "cls", "code"),
    [
        (2, "off", ADAPTER, OK),
        (2, "running", ADAPTER, OK),
        (2, "saved", ADAPTER, INVALID_STATE),
        (2, "off", LEGACY, INVALID_PARAMETER),
        (1, "off", ADAPTER, OK),
        (1, "off", LEGACY, OK),
        (1, "running", ADAPTER, INVALID_STATE),
        (1, "running", LEGACY, INVALID_STATE),
    ],
)
def test_when_an_adapter_comes_and_goes(generation: int, state: str, cls: str, code: int) -> None:
    machine = host({"generation": generation, "state": state})
    answer = add(machine, nic(cls))
    if (generation, state) == (2, "running"):
        assert answer[0] == JOB
    assert outcome(machine, answer)[0] == code
    if code != OK:
        assert machine.vm("vm0").rows(cls) == []
        return
    row = only(machine, cls)
    assert row["Address"] == ("000000000000" if state == "off" else f"{machine.macs.prefix}00")
    answer = call(machine, VSMS, "RemoveResourceSettings", ResourceSettings=[row.reference()])
    assert outcome(machine, answer)[0] == OK
    assert machine.vm("vm0").rows(cls) == []


def test_how_many_adapters_a_vm_can_have() -> None:
    machine = host({"version": "8.0"}, {"version": "9.0"}, {"generation": 1})
    for vm, cls, limit in (("vm0", ADAPTER, 8), ("vm1", ADAPTER, 64), ("vm2", LEGACY, 4)):
        for number in range(limit):
            assert add(machine, nic(cls, ElementName=f"n{number}"), vm=vm)[0] == OK
        assert add(machine, nic(cls), vm=vm)[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"StaticMacAddress": True, "Address": "00155d0a0b0c"}, OK),
        ({"StaticMacAddress": True, "Address": "00-15-5D-0A-0B-0C"}, INVALID_PARAMETER),
        ({"StaticMacAddress": True, "Address": "01155D0A0B0C"}, INVALID_PARAMETER),
        ({"StaticMacAddress": True, "Address": "00155D0A0B"}, INVALID_PARAMETER),
        ({"StaticMacAddress": True, "Address": "000000000000"}, INVALID_PARAMETER),
        ({"StaticMacAddress": True}, INVALID_PARAMETER),
        ({"ElementName": "renamed", "DeviceNamingEnabled": True}, OK),
        ({"ElementName": ""}, INVALID_PARAMETER),
    ],
)
def test_addresses_and_names(values: dict[str, Any], code: int) -> None:
    machine = host({"adapters": [{}]})
    row = only(machine)
    assert outcome(machine, modify(machine, row, **values))[0] == code
    if code == OK:
        wanted = {name: value.upper() if name == "Address" else value for name, value in values.items()}
        assert {name: row[name] for name in values} == wanted


def test_a_dynamic_address_is_given_at_the_first_start_and_kept() -> None:
    machine = host({"adapters": [{}]})
    row = only(machine)
    assert row["Address"] == "000000000000"
    power(machine, "vm0", RUNNING)
    machine.clock.advance(10)
    given = row["Address"]
    assert given.startswith(machine.macs.prefix)
    assert outcome(machine, modify(machine, row, StaticMacAddress=True, Address="00155D0A0B0C"))[0] == INVALID_STATE
    power(machine, "vm0", OFF)
    machine.clock.advance(10)
    assert row["Address"] == given
    assert outcome(machine, modify(machine, row, StaticMacAddress=True, Address="00155D0A0B0C"))[0] == OK
    assert outcome(machine, modify(machine, row, StaticMacAddress=False))[0] == OK
    assert row["Address"] == "000000000000"


def test_the_address_range_belongs_to_the_host() -> None:
    machine = host({"adapters": [{}, {}, {}]})
    text = embedded(
        "Msvm_VirtualSystemManagementServiceSettingData",
        InstanceID="Microsoft:HV01",
        MinimumMacAddress="00155D112200",
        MaximumMacAddress="00155D112201",
    )
    assert call(machine, VSMS, "ModifyServiceSettings", SettingData=text)[0] == OK
    power(machine, "vm0", RUNNING)
    machine.clock.advance(10)
    given = [row["Address"] for row in machine.vm("vm0").rows(ADAPTER)]
    assert given[:2] == ["00155D112200", "00155D112201"]
    assert given[2] in given[:2]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"OperationMode": 1, "AccessVlanId": 20}, OK),
        ({"OperationMode": 1, "AccessVlanId": 4094}, OK),
        ({"OperationMode": 1, "AccessVlanId": 4095}, INVALID_PARAMETER),
        ({"OperationMode": 1}, INVALID_PARAMETER),
        ({"OperationMode": 2, "NativeVlanId": 0, "TrunkVlanIdArray": [1, 10, 20]}, OK),
        ({"OperationMode": 2, "NativeVlanId": 1}, INVALID_PARAMETER),
        ({"OperationMode": 2, "TrunkVlanIdArray": [0, 10]}, INVALID_PARAMETER),
        ({"OperationMode": 3, "PvlanMode": 1, "PrimaryVlanId": 10, "SecondaryVlanId": 11}, OK),
        ({"OperationMode": 3, "PvlanMode": 3, "PrimaryVlanId": 10, "SecondaryVlanIdArray": [11, 12]}, OK),
        ({"OperationMode": 3, "PvlanMode": 1, "PrimaryVlanId": 10, "SecondaryVlanId": 10}, INVALID_PARAMETER),
        ({"OperationMode": 3, "PrimaryVlanId": 10, "SecondaryVlanId": 11}, INVALID_PARAMETER),
        ({"OperationMode": 4}, INVALID_PARAMETER),
    ],
)
def test_vlan(values: dict[str, Any], code: int) -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN"}]})
    assert feature(machine, VLAN, **values)[0] == code
    assert len(machine.vm("vm0").rows(VLAN)) == (code == OK)


def test_features_are_added_once_then_modified_then_removed() -> None:
    machine = host({"adapters": [{"switch": "LAN"}]})
    assert feature(machine, SECURITY, AllowMacSpoofing=True)[0] == OK
    assert feature(machine, SECURITY, AllowTeaming=True)[0] == INVALID_PARAMETER
    row = only(machine, SECURITY)
    assert change_feature(machine, row, AllowTeaming=True) == OK
    assert (row["AllowMacSpoofing"], row["AllowTeaming"], row["EnableDhcpGuard"]) == (True, True, False)
    assert call(machine, VSMS, "RemoveFeatureSettings", FeatureSettings=[row.reference()])[0] == OK
    assert machine.vm("vm0").rows(SECURITY) == []
    nowhere = Reference("root/virtualization/v2", SECURITY, {"InstanceID": row["InstanceID"]})
    assert call(machine, VSMS, "RemoveFeatureSettings", FeatureSettings=[nowhere])[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("mode", "iov", "values", "code"),
    [
        (0, False, {"Weight": 50}, OK),
        (0, False, {"Reservation": 100_000_000}, INVALID_PARAMETER),
        (0, True, {"Weight": 50}, INVALID_PARAMETER),
        (1, False, {"Weight": 101}, INVALID_PARAMETER),
        (2, False, {"Reservation": 100_000_000, "Limit": 200_000_000}, OK),
        (2, False, {"Weight": 1}, INVALID_PARAMETER),
        (3, False, {"Weight": 1}, INVALID_PARAMETER),
        (3, False, {"Limit": 200_000_000}, OK),
    ],
)
def test_bandwidth_needs_the_mode_of_the_switch(mode: int, iov: bool, values: dict[str, Any], code: int) -> None:
    machine = host({"adapters": [{"switch": "BW"}]}, switches=[{"name": "BW", "bandwidth_mode": mode, "iov": iov}])
    assert feature(machine, BANDWIDTH, **values)[0] == code


def test_an_old_host_throws_when_a_vlan_row_is_changed() -> None:
    machine = host({"adapters": [{"switch": "LAN", "vlan": 5}]}, os="server2016")
    row = only(machine, VLAN)
    with pytest.raises(CimError, match="0x80041001"):
        change_feature(machine, row, AccessVlanId=6)
    assert call(machine, VSMS, "RemoveFeatureSettings", FeatureSettings=[row.reference()])[0] == OK
    assert feature(machine, VLAN, OperationMode=1, AccessVlanId=6)[0] == OK


def test_names_are_in_the_language_of_the_host() -> None:
    machine = host({"adapters": [{}]}, locale="de-DE")
    assert only(machine)["ElementName"] == "Netzwerkkarte"
    assert settings(machine, "LAN")["Caption"] == "Einstellungen des virtuellen Ethernet-Switches"


def test_the_device_of_an_adapter_is_there_while_the_vm_runs() -> None:
    machine = host({"state": "running", "adapters": [{"switch": "LAN"}]}, {"adapters": [{"switch": "LAN"}]})
    (device,) = rows(machine, "Msvm_SyntheticEthernetPort")
    row = only(machine)
    assert (device["SystemName"], device["PermanentAddress"]) == (machine.vm("vm0").id, row["Address"])
    found = machine.associators(row.reference(), assoc_class="Msvm_SettingsDefineState")
    assert [one.reference() for one in found] == [device.reference()]
    system = machine.vm("vm0").reference
    devices = machine.associators(system, assoc_class="Msvm_SystemDevice", result_class="Msvm_SyntheticEthernetPort")
    assert [one.reference() for one in devices] == [device.reference()]
