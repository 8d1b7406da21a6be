"""Msvm_VirtualSystemManagementService: settings of VMs, adapters, features, summaries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.hyperv import checkpoints
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, JOB, OK, VSMS, call, embedded, host, modify, outcome, rows

SYSTEM = "Msvm_VirtualSystemSettingData"
ADAPTER = "Msvm_SyntheticEthernetPortSettingData"
CONNECTION = "Msvm_EthernetPortAllocationSettingData"
SECURITY = "Msvm_EthernetSwitchPortSecuritySettingData"
VLAN = "Msvm_EthernetSwitchPortVlanSettingData"


def set_system(machine: Machine, vm: str = "vm0", **values: Any) -> int:
    text = embedded(SYSTEM, InstanceID=machine.vm(vm).system["InstanceID"], **values)
    return outcome(machine, call(machine, VSMS, "ModifySystemSettings", SystemSettings=text))[0]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ElementName": 'it\'s <R&D> "100%" [x]*'}, OK),
        ({"ElementName": ""}, INVALID_PARAMETER),
        ({"ElementName": "x" * 100}, OK),
        ({"ElementName": "x" * 101}, INVALID_PARAMETER),
        ({"Notes": ["one\ntwo"]}, OK),
        ({"AutomaticStartupAction": 4}, OK),
        ({"AutomaticStartupAction": 5}, INVALID_PARAMETER),
        ({"LowMmioGapSize": 256}, OK),
        ({"LowMmioGapSize": 268435456}, INVALID_PARAMETER),
        ({"SecureBootTemplateId": "272e7447-90a4-4563-a4b9-8e4ab00526ce"}, OK),
        ({"SecureBootTemplateId": "00000000-0000-0000-0000-000000000001"}, INVALID_PARAMETER),
        ({"AutomaticStartupActionDelay": ("datetime", "P0DT0H1M0S")}, FAILED),
    ],
)
def test_settings_of_a_vm(values: dict[str, Any], code: int) -> None:
    machine = host({})
    assert set_system(machine, **values) == code
    if code == OK:
        system = next(iter(machine.vms.values())).system
        assert {name: system[name] for name in values} == values


def test_a_delay_is_written_in_the_native_form() -> None:
    machine = host({})
    assert set_system(machine, AutomaticStartupActionDelay=("datetime", "00000000000130.000000:000")) == OK
    assert machine.vm("vm0").system["AutomaticStartupActionDelay"] == timedelta(seconds=90)


def test_only_the_first_note_is_kept() -> None:
    machine = host({})
    assert set_system(machine, Notes=["a", "b"]) == OK
    assert machine.vm("vm0").system["Notes"] == ["a"]


def test_read_only_settings_are_ignored_silently() -> None:
    machine = host({"version": "9.0"})
    before = machine.vm("vm0").system.as_dict()
    assert set_system(machine, Version="10.0", VirtualSystemType="x", ConfigurationID="y") == OK
    assert machine.vm("vm0").system.as_dict() == before


def test_a_running_vm_takes_some_settings() -> None:
    machine = host({"state": "running"})
    assert set_system(machine, ElementName="new") == OK
    assert set_system(machine, "new", SecureBootEnabled=False) == INVALID_STATE
    assert set_system(machine, "new", SecureBootEnabled=True) == OK, "the same value is no change"


def test_what_is_wrong_with_an_embedded_instance() -> None:
    machine = host({})
    instance_id = machine.vm("vm0").memory["InstanceID"]

    def send(text: str) -> int:
        return outcome(machine, call(machine, VSMS, "ModifyResourceSettings", ResourceSettings=[text]))[0]

    memory = "Msvm_MemorySettingData"
    assert send(embedded(memory, Weight=1)) == INVALID_PARAMETER
    assert send(embedded(memory, InstanceID="Microsoft:nothing", Weight=1)) == INVALID_PARAMETER
    assert send(embedded(memory, InstanceID=instance_id, Wieght=1)) == INVALID_PARAMETER
    assert send(embedded("Msvm_Typo", InstanceID=instance_id)) == INVALID_PARAMETER
    assert send(embedded(SYSTEM, InstanceID=machine.vm("vm0").system["InstanceID"])) == INVALID_PARAMETER
    assert send(embedded(memory, InstanceID=instance_id, Weight=("uint16", 1))) == FAILED
    assert send(embedded(memory, InstanceID=instance_id, Weight=[1])) == INVALID_PARAMETER
    assert send("") == INVALID_PARAMETER
    assert call(machine, VSMS, "ModifyResourceSettings", ResourceSettings=[])[0] == INVALID_PARAMETER
    assert send(embedded(memory, InstanceID=instance_id.lower(), Weight=1)) == OK
    assert machine.vm("vm0").memory["Weight"] == 1


# --- adapters


def lab(**vm: Any) -> tuple[Machine, Instance]:
    machine = host({"adapters": [{"name": "a", "switch": "LAN"}], **vm})
    return machine, machine.vm("vm0").rows(ADAPTER)[0]


def add(
    machine: Machine, text: str, method: str = "AddResourceSettings", to: Instance | None = None
) -> tuple[int, Any]:
    to = to or machine.vm("vm0").system
    name = "ResourceSettings" if method == "AddResourceSettings" else "FeatureSettings"
    return call(machine, VSMS, method, AffectedConfiguration=to.reference(), **{name: [text]})


def remove(machine: Machine, *rows: Instance, kind: str = "Resource") -> int:
    references = [row.reference() for row in rows]
    return outcome(machine, call(machine, VSMS, f"Remove{kind}Settings", **{f"{kind}Settings": references}))[0]


def test_an_adapter_is_added_connected_and_removed_with_all_that_hangs_on_it() -> None:
    machine = host({})
    before = machine.dump()
    code, outputs = add(machine, embedded(ADAPTER, ElementName="Lab & more", StaticMacAddress=False))
    assert code == OK
    (reference,) = outputs["ResultingResourceSettings"]
    adapter = machine.repository.find(reference)
    assert (adapter["ElementName"], adapter["Address"]) == ("Lab & more", "000000000000")
    text = embedded(CONNECTION, Parent=reference.path(), HostResource=[machine.switch_path("lan")])
    code, outputs = add(machine, text)
    assert code == OK
    connection = machine.repository.find(outputs["ResultingResourceSettings"][0])
    assert connection["InstanceID"] == adapter["InstanceID"] + r"\C"
    assert connection["Parent"].startswith(r"\\HV01\root\virtualization\v2:Msvm_SyntheticEthernetPortSettingData")
    assert connection["LastKnownSwitchName"] == "LAN"
    assert add(machine, embedded(SECURITY, AllowMacSpoofing=True), "AddFeatureSettings", connection)[0] == OK
    assert remove(machine, adapter) == OK
    assert machine.dump() == before


def test_a_connection_needs_an_escaped_parent_and_an_array() -> None:
    machine = host({"adapters": [{"connection": False}]})
    (adapter,) = machine.vm("vm0").rows(ADAPTER)
    path, switch = adapter.reference().path(), machine.switch_path("LAN")
    raw = path.replace("\\\\", "\\")
    for parent, hosts in ((raw, [switch]), (path, switch), (raw, switch), (path, [path]), (path, ["nothing"])):
        assert add(machine, embedded(CONNECTION, Parent=parent, HostResource=hosts))[0] == INVALID_PARAMETER
    assert add(machine, embedded(CONNECTION, Parent=path, HostResource=[switch]))[0] == OK
    assert add(machine, embedded(CONNECTION, Parent=path, HostResource=[switch]))[0] == INVALID_PARAMETER


def test_disconnect_and_connect_again() -> None:
    machine, _rest = lab(state="running")
    (connection,) = machine.vm("vm0").rows(CONNECTION)
    assert outcome(machine, modify(machine, connection, EnabledState=3))[0] == OK
    assert connection["EnabledState"] == 3
    answer = modify(machine, connection, EnabledState=2, HostResource=[machine.switch_path("LAN")])
    assert outcome(machine, answer)[0] == OK
    assert outcome(machine, modify(machine, connection, HostResource=["nothing"]))[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"StaticMacAddress": True, "Address": "00155DABCDEF"}, OK),
        ({"StaticMacAddress": True, "Address": "00-15-5D-AB-CD-EF"}, INVALID_PARAMETER),
        ({"StaticMacAddress": True, "Address": "01155DABCDEF"}, INVALID_PARAMETER),
        ({"ElementName": "new"}, OK),
    ],
)
def test_adapter_settings(values: dict[str, Any], code: int) -> None:
    machine, adapter = lab()
    assert outcome(machine, modify(machine, adapter, **values))[0] == code


def test_the_mac_address_of_a_running_vm_is_fixed() -> None:
    machine, adapter = lab(state="running")
    assert modify(machine, adapter, StaticMacAddress=True, Address="00155DABCDEF")[0] == INVALID_STATE
    assert outcome(machine, modify(machine, adapter, ElementName="new"))[0] == OK


def test_features_are_added_once_modified_and_removed() -> None:
    machine, _rest = lab(state="running")
    (connection,) = machine.vm("vm0").rows(CONNECTION)
    code, outputs = add(machine, embedded(SECURITY, AllowMacSpoofing=True), "AddFeatureSettings", connection)
    assert code == OK
    row = machine.repository.find(outputs["ResultingFeatureSettings"][0])
    assert row["InstanceID"].startswith(connection["InstanceID"] + "\\")
    assert (row["AllowMacSpoofing"], row["AllowTeaming"]) == (True, False)
    again = add(machine, embedded(SECURITY, AllowTeaming=True), "AddFeatureSettings", connection)
    assert again[0] == INVALID_PARAMETER
    text = embedded(SECURITY, InstanceID=row["InstanceID"], AllowTeaming=True)
    assert call(machine, VSMS, "ModifyFeatureSettings", FeatureSettings=[text])[0] == OK
    assert (row["AllowMacSpoofing"], row["AllowTeaming"]) == (True, True)
    found = machine.associators(connection.reference(), assoc_class="Msvm_EthernetPortSettingDataComponent")
    assert SECURITY in {one.cls.name for one in found}
    assert remove(machine, row, kind="Feature") == OK
    assert machine.vm("vm0").rows(SECURITY) == []


def test_features_belong_to_a_connection() -> None:
    machine, adapter = lab()
    for to in (machine.vm("vm0").system, adapter):
        assert add(machine, embedded(SECURITY, AllowMacSpoofing=True), "AddFeatureSettings", to)[0] == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"OperationMode": 1, "AccessVlanId": 4094}, OK),
        ({"OperationMode": 1, "AccessVlanId": 4095}, INVALID_PARAMETER),
        ({"OperationMode": 1}, INVALID_PARAMETER),
        ({"OperationMode": 2, "NativeVlanId": 1, "TrunkVlanIdArray": [2, 4094]}, OK),
        ({"OperationMode": 2, "TrunkVlanIdArray": [0]}, INVALID_PARAMETER),
        ({"OperationMode": 4}, INVALID_PARAMETER),
    ],
)
def test_vlans(values: dict[str, Any], code: int) -> None:
    machine, _rest = lab()
    (connection,) = machine.vm("vm0").rows(CONNECTION)
    assert add(machine, embedded(VLAN, **values), "AddFeatureSettings", connection)[0] == code


def test_integration_services_can_be_turned_on_and_off() -> None:
    machine = host({"state": "running"})
    (row,) = machine.vm("vm0").rows("Msvm_HeartbeatComponentSettingData")
    assert outcome(machine, modify(machine, row, EnabledState=3))[0] == OK
    assert rows(machine, "Msvm_HeartbeatComponent") == []
    assert outcome(machine, modify(machine, row, EnabledState=4))[0] == INVALID_PARAMETER
    assert outcome(machine, modify(machine, row, Interval=5))[0] == INVALID_PARAMETER


def upgrade(machine: Machine, version: str = "") -> int:
    text = embedded(SYSTEM, Version=version) if version else ""
    reference = machine.vm("vm0").reference
    answer = call(machine, VSMS, "UpgradeSystemVersion", ComputerSystem=reference, UpgradeSettingData=text)
    return outcome(machine, answer)[0]


def test_configuration_versions_only_grow_and_only_while_off() -> None:
    machine = host({"version": "8.0"})
    assert upgrade(machine, "9.0") == OK
    assert machine.vm("vm0").version == (9, 0)
    assert upgrade(machine, "8.0") == 32770
    assert upgrade(machine, "12.0") == 32770
    assert upgrade(machine) == OK
    assert machine.vm("vm0").version == (10, 0)
    assert upgrade(host({"version": "8.0", "state": "running"})) == INVALID_STATE


@pytest.mark.parametrize(("saved", "code"), [(True, 32770), (False, OK)])
def test_a_checkpoint_with_a_saved_state_keeps_the_version(saved: bool, code: int) -> None:
    machine = host({"version": "8.0"})
    checkpoints.take(machine.vm("vm0"), saved=saved, name="before")
    assert upgrade(machine) == code


# --- reading


def summary(machine: Machine, codes: list[int], *references: Reference) -> list[dict[str, Any]]:
    parameters: dict[str, Any] = {"RequestedInformation": codes}
    if references:
        parameters["SettingData"] = list(references)
    _rest, outputs = call(machine, VSMS, "GetSummaryInformation", **parameters)
    found = outputs["SummaryInformation"]
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def test_summaries_hold_what_was_asked_for() -> None:
    machine = host({"state": "running", "memory": "2GB"}, {"notes": "x"})
    both = summary(machine, [1, 3, 100, 103, 104])
    assert both == [
        {"ElementName": "vm0", "Notes": "", "EnabledState": 2, "MemoryUsage": 2048, "Heartbeat": 2},
        {"ElementName": "vm1", "Notes": "x", "EnabledState": 3},
    ]
    assert summary(machine, [1], machine.vm("vm1").system.reference()) == [{"ElementName": "vm1"}]
    assert summary(machine, [], machine.vm("vm1").system.reference()) == [{}]
    code, _rest = call(
        machine,
        VSMS,
        "GetSummaryInformation",
        SettingData=[Reference(HYPERV, SYSTEM, {"InstanceID": "Microsoft:none"})],
        RequestedInformation=[1],
    )
    assert code == INVALID_PARAMETER


def test_summary_rows_can_be_queried_too() -> None:
    machine = host({"state": "running", "memory": {"startup": "1GB", "dynamic": True}, "guest": {"memory_demand": 600}})
    (row,) = rows(machine, "Msvm_SummaryInformation")
    assert (row["ElementName"], row["MemoryUsage"], row["MemoryAvailable"]) == ("vm0", 1024, 41)
    assert row["GuestOperatingSystem"] == "Windows Server 2022 Datacenter"


def test_settings_data_also_lists_templates() -> None:
    machine = host({})
    found = {row["InstanceID"].rpartition("\\")[2] for row in rows(machine, "Msvm_MemorySettingData")}
    assert found == {"Default", "Minimum", "Maximum", "Increment", "4764334d-e001-4176-82ee-5594ec9b530e"}
    (capabilities,) = [
        row for row in rows(machine, "Msvm_AllocationCapabilities") if row["ResourceSubType"].endswith("Memory")
    ]
    links = machine.references(capabilities.reference(), result_class="Msvm_SettingsDefineCapabilities")
    default = next(link["PartComponent"] for link in links if link["ValueRole"] == 0)
    assert machine.repository.find(default)["ResourceSubType"] == "Microsoft:Hyper-V:Memory"


def test_associations_of_a_vm() -> None:
    machine, adapter = lab(state="running")
    vm = machine.vm("vm0")
    (settings,) = machine.associators(vm.reference, assoc_class="Msvm_SettingsDefineState")
    assert settings["InstanceID"] == vm.system["InstanceID"]
    parts = machine.associators(settings.reference(), assoc_class="Msvm_VirtualSystemSettingDataComponent")
    names = [part.cls.name for part in parts]
    for name in ("Msvm_MemorySettingData", "Msvm_ProcessorSettingData", ADAPTER, CONNECTION):
        assert names.count(name) == 1
    assert SECURITY not in names
    (config,) = machine.associators(adapter.reference(), assoc_class="Msvm_SettingDataComponent")
    assert config["InstanceID"] == f"Microsoft:GuestNetwork\\{adapter['InstanceID'].removeprefix('Microsoft:')}"
    devices = machine.associators(vm.reference, assoc_class="Msvm_SystemDevice", result_class="Msvm_ShutdownComponent")
    assert len(devices) == 1
    host_row = Reference(HYPERV, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": "HV01"})
    assert VSMS in {row.cls.name for row in machine.associators(host_row, assoc_class="Msvm_HostedService")}


# --- who may


def test_users_without_rights_see_nothing_and_change_nothing() -> None:
    machine = host({})
    reader = User("reader", groups=("Remote Management Users",))
    cls = machine.find_class(HYPERV, "Msvm_ComputerSystem")
    assert list(machine.instances(cls, reader)) == []
    assert machine.associators(machine.vm("vm0").reference, reader) == []
    keys = dict(machine.vm("vm0").reference.keys)
    with pytest.raises(CimError) as hidden:
        machine.get(cls, keys, reader)
    assert hidden.value.status == errors.NOT_FOUND
    with pytest.raises(CimError) as denied:
        machine.invoke(cls, keys, "RequestStateChange", {"RequestedState": 2}, reader)
    assert denied.value.status == errors.ACCESS_DENIED
    operator = User("operator", groups=("Hyper-V Administrators",))
    assert machine.invoke(cls, keys, "RequestStateChange", {"RequestedState": 2}, operator)[0] == JOB


def test_a_host_can_deny_reading_as_well() -> None:
    machine = host({}, without_rights="denied")
    with pytest.raises(CimError) as denied:
        machine.instances(machine.find_class(HYPERV, "Msvm_ComputerSystem"), User("x", groups=("Users",)))
    assert denied.value.status == errors.ACCESS_DENIED


@pytest.mark.parametrize(
    ("namespace", "class_name", "status"),
    [
        ("root/virtualization/v3", "Msvm_ComputerSystem", errors.INVALID_NAMESPACE),
        (HYPERV, "Msvm_ComputerSytsem", errors.INVALID_CLASS),
        ("root/cimv2", "Msvm_ComputerSystem", errors.INVALID_CLASS),
    ],
)
def test_unknown_names(namespace: str, class_name: str, status: int) -> None:
    with pytest.raises(CimError) as unknown:
        host({}).find_class(namespace, class_name)
    assert unknown.value.status == status


def test_without_the_role_there_is_no_namespace() -> None:
    machine = host(hyperv=False)
    with pytest.raises(CimError) as missing:
        machine.find_class(HYPERV, "Msvm_ComputerSystem")
    assert missing.value.status == errors.INVALID_NAMESPACE
    assert rows(machine, "Win32_OperatingSystem", "root/cimv2")[0]["BuildNumber"] == "20348"


@pytest.mark.parametrize(
    ("class_name", "method", "keys", "parameters", "status"),
    [
        (VSMS, "Frobnicate", {"CreationClassName": VSMS}, {}, errors.INVALID_METHOD),
        (VSMS, "GetSummaryInformation", {}, {}, errors.INVALID_METHOD_PARAMETERS),
        (VSMS, "GetSummaryInformation", {"CreationClassName": "x"}, {}, errors.NOT_FOUND),
        ("Msvm_ComputerSystem", "RequestStateChange", {}, {}, errors.FAILED),
        (VSMS, "GetSummaryInformation", {"CreationClassName": VSMS}, {"Typo": [1]}, errors.INVALID_METHOD_PARAMETERS),
        (
            VSMS,
            "GetSummaryInformation",
            {"CreationClassName": VSMS},
            {"RequestedInformation": 1},
            errors.INVALID_METHOD_PARAMETERS,
        ),
        (VSMS, "GenerateWwpn", {"CreationClassName": VSMS}, {}, errors.METHOD_NOT_IMPLEMENTED),
        ("Msvm_ComputerSystem", "RequestStateChange", {"Name": "nobody"}, {}, errors.NOT_FOUND),
    ],
)
def test_calls_that_are_no_calls(class_name: str, method: str, keys: dict, parameters: dict, status: int) -> None:
    machine = host({})
    with pytest.raises(CimError) as refused:
        machine.invoke(machine.find_class(HYPERV, class_name), keys, method, parameters)
    assert refused.value.status == status


def test_some_of_the_keys_are_enough_for_a_call() -> None:
    machine = host({})
    cls = machine.find_class(HYPERV, "Msvm_ComputerSystem")
    assert (
        machine.invoke(cls, {"Name": machine.vm("vm0").id.lower()}, "RequestStateChange", {"RequestedState": 2})[0]
        == JOB
    )


def test_hyperv_has_no_ws_transfer_writes() -> None:
    machine = host({})
    cls = machine.find_class(HYPERV, "Msvm_MemorySettingData")
    keys = {"InstanceID": machine.vm("vm0").memory["InstanceID"]}
    for write in (
        lambda: machine.put(cls, keys, {"VirtualQuantity": 1}),
        lambda: machine.delete(cls, keys),
        lambda: machine.create(cls, {"InstanceID": "x"}),
    ):
        with pytest.raises(CimError) as refused:
            write()
        assert refused.value.status == errors.PROVIDER_NOT_CAPABLE


def test_a_dump_shows_each_change_and_nothing_else() -> None:
    machine = host({"state": "running"})
    before = machine.dump()
    machine.clock.advance(1000)
    assert machine.dump() == before
    outcome(machine, modify(machine, machine.vm("vm0").processor, Weight=7))
    after = machine.dump()
    changed = {path: row for path, row in after.items() if before[path] != row}
    assert [row["Weight"] for row in changed.values()] == [7]
