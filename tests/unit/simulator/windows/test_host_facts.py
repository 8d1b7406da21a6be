"""What a host says of itself, by kind, system and language."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2, CLUSTER, HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.model import ModelError

from ..hosts import host, rows

FLAGS = ("VMMonitorModeExtensions", "SecondLevelAddressTranslationExtensions", "VirtualizationFirmwareEnabled")


def one(machine: Machine, cls: str, namespace: str = CIMV2) -> Instance:
    (row,) = rows(machine, cls, namespace)
    return row


def named(machine: Machine, cls: str) -> dict[str, Instance]:
    return {row["Name"]: row for row in rows(machine, cls, CIMV2)}


@pytest.mark.parametrize(
    ("kind", "maker", "model", "present"),
    [
        ("physical", "Contoso", "Rack Server 2000", False),
        ("hyperv", "Microsoft Corporation", "Virtual Machine", True),
        ("azure", "Microsoft Corporation", "Virtual Machine", True),
        ("vmware", "VMware, Inc.", "VMware7,1", True),
        ("kvm", "QEMU", "Standard PC (Q35 + ICH9, 2009)", True),
        ("virtualbox", "innotek GmbH", "VirtualBox", True),
    ],
)
def test_kinds_of_hosts(kind: str, maker: str, model: str, present: bool) -> None:
    machine = host(kind=kind, hyperv=False)
    system = one(machine, "Win32_ComputerSystem")
    assert (system["Manufacturer"], system["Model"], system["HypervisorPresent"]) == (maker, model, present)
    azure = one(machine, "Win32_SystemEnclosure")["SMBIOSAssetTag"] == "7783-7084-3265-9085-8269-3286-77"
    assert azure is (kind == "azure")
    assert one(machine, "Win32_ComputerSystemProduct")["Vendor"] == maker
    assert one(machine, "Win32_BIOS")["SMBIOSBIOSVersion"]


@pytest.mark.parametrize(
    ("hyperv", "can", "expected"), [(True, True, False), (False, True, True), (False, False, False)]
)
def test_processor_flags_read_false_while_a_hypervisor_runs(hyperv: bool, can: bool, expected: bool) -> None:
    machine = host(hyperv=hyperv, cpu={"vendor": "amd", "virtualization": can})
    row = one(machine, "Win32_Processor")
    assert row["Manufacturer"] == "AuthenticAMD"
    assert {row[flag] for flag in FLAGS} == {expected}


@pytest.mark.parametrize(
    ("os", "newest", "missing"),
    [
        ("server2016", "8.0", "9.0"),
        ("server2019", "9.0", "10.0"),
        ("server2022", "10.0", "11.0"),
        ("server2025", "12.0", "5.0"),
    ],
)
def test_configuration_versions_behind_the_capabilities(os: str, newest: str, missing: str) -> None:
    machine = host(os=os)
    capabilities = Reference(
        HYPERV,
        "Msvm_VirtualSystemManagementCapabilities",
        {"InstanceID": "Microsoft:VirtualSystemManagementCapabilities"},
    )
    templates = machine.associators(capabilities, assoc_class="Msvm_SettingsDefineCapabilities")
    versions = {row["Version"] for row in templates}
    assert newest in versions
    assert missing not in versions
    assert {"MicrosoftWindows", "MicrosoftUEFICertificateAuthority"} <= {row["ElementName"] for row in templates}


def test_features_and_services_follow_the_role() -> None:
    server, plain, client = host(), host(hyperv=False), host(os="windows11")
    assert named(server, "Win32_OptionalFeature")["Microsoft-Hyper-V"]["InstallState"] == 1
    assert named(plain, "Win32_OptionalFeature")["Microsoft-Hyper-V"]["InstallState"] == 2
    assert "Microsoft-Hyper-V-All" in named(client, "Win32_OptionalFeature")
    assert "Microsoft-Hyper-V-All" not in named(server, "Win32_OptionalFeature")
    assert named(server, "Win32_Service")["vmms"]["State"] == "Running"
    assert "vmms" not in named(plain, "Win32_Service")
    assert "VirtualMachinePlatform" not in named(host(os="server2016"), "Win32_OptionalFeature")


def test_a_model_changes_features_and_services() -> None:
    given: dict[str, Any] = {"features": {"containers": "enabled"}, "services": {"vmms": "Stopped", "docker": {}}}
    machine = host(**given)
    assert named(machine, "Win32_OptionalFeature")["Containers"]["InstallState"] == 1
    services = named(machine, "Win32_Service")
    assert (services["vmms"]["State"], services["docker"]["State"]) == ("Stopped", "Running")
    cls = machine.find_class(CIMV2, "Win32_Service")
    assert machine.invoke(cls, {"Name": "vmms"}, "StopService")[0] == 6
    assert machine.invoke(cls, {"Name": "vmms"}, "StartService")[0] == 0
    assert named(machine, "Win32_Service")["vmms"]["State"] == "Running"
    assert machine.invoke(cls, {"Name": "vmms"}, "StartService")[0] == 10


@pytest.mark.parametrize(("vbs", "status", "running"), [("off", 0, [0]), ("enabled", 1, [0]), ("running", 2, [2])])
def test_virtualization_based_security(vbs: str, status: int, running: list[int]) -> None:
    row = one(host(vbs=vbs), "Win32_DeviceGuard", "root/Microsoft/Windows/DeviceGuard")
    assert (row["VirtualizationBasedSecurityStatus"], row["SecurityServicesRunning"]) == (status, running)
    assert 3 in row["AvailableSecurityProperties"]
    inside = one(host(vbs=vbs, kind="hyperv"), "Win32_DeviceGuard", "root/Microsoft/Windows/DeviceGuard")
    assert 3 not in inside["AvailableSecurityProperties"]


def test_texts_are_in_the_language_of_the_host() -> None:
    japanese, german = host(locale="ja-JP"), host(locale="de-DE")
    assert one(japanese, "Win32_OperatingSystem")["OSArchitecture"] == "64 ビット"
    assert one(german, "Win32_OperatingSystem")["OSLanguage"] == 1031
    assert named(german, "Win32_Service")["vmms"]["DisplayName"] == "Hyper-V-Verwaltung für virtuelle Computer"


@pytest.mark.parametrize("part", [{"kind": "abacus"}, {"vbs": "sometimes"}, {"boot": {"order": 1}}])
def test_mistakes_in_a_model(part: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"is not one of|unknown"):
        host(**part)


CURRENT = {"Id": "{fa926493-6f1c-4193-a414-58f0b2456d1e}", "StoreFilePath": ""}
ADMINISTRATOR, OPERATOR = User("a"), User("o", groups=("Hyper-V Administrators", "Remote Management Users"))


def call(machine: Machine, namespace: str, cls: str, method: str, user: User = ADMINISTRATOR, **parameters: Any) -> Any:
    keys = CURRENT if cls == "BcdObject" else None
    return machine.invoke(machine.find_class(namespace, cls), keys, method, parameters, user)


def test_the_boot_entry() -> None:
    machine = host(boot={"load_options": "OFFERNESTEDVIRT=FALSE"})
    done, outputs = call(machine, "root/wmi", "BcdObject", "EnumerateElements")
    assert done is True
    launch, options = outputs["Elements"]
    assert (launch.cls.name, launch["Type"], launch["Integer"]) == ("BcdIntegerElement", 0x250000F0, 1)
    assert (options.cls.name, options["Type"], options["String"]) == (
        "BcdStringElement",
        0x22000117,
        "OFFERNESTEDVIRT=FALSE",
    )
    assert call(machine, "root/wmi", "BcdObject", "EnumerateElementTypes")[1]["Types"] == [0x250000F0, 0x22000117]
    assert call(machine, "root/wmi", "BcdObject", "GetElement", Type=0x250000F0)[1]["Element"]["Integer"] == 1
    assert call(machine, "root/wmi", "BcdObject", "GetElement", Type=1) == (False, {"Element": None})
    with pytest.raises(CimError) as refusal:
        call(machine, "root/wmi", "BcdObject", "EnumerateElements", OPERATOR)
    assert refusal.value.status == errors.ACCESS_DENIED


@pytest.mark.parametrize(
    ("key", "right", "user", "answer"),
    [
        (r"SYSTEM\CurrentControlSet\Services", 2, ADMINISTRATOR, (0, True)),
        (r"SYSTEM\CurrentControlSet\Services", 2, OPERATOR, (5, False)),
        (r"SYSTEM\CurrentControlSet\Services", 1, OPERATOR, (0, True)),
        (r"SYSTEM\CurrentControlSet\Services", None, OPERATOR, (5, False)),
        (r"SOFTWARE\Missing", 1, ADMINISTRATOR, (2, False)),
    ],
)
def test_access_to_a_key(key: str, right: int | None, user: User, answer: tuple[int, bool]) -> None:
    given = {"sSubKeyName": key} | ({} if right is None else {"uRequired": right})
    code, outputs = call(host(), CIMV2, "StdRegProv", "CheckAccess", user, **given)
    assert (code, outputs["bGranted"]) == answer


@pytest.mark.parametrize(("user", "rights"), [(ADMINISTRATOR, 0x6003F), (OPERATOR, 0x13), (User("r", groups=()), 0x13)])
def test_rights_in_a_namespace(user: User, rights: int) -> None:
    for namespace in (CIMV2, HYPERV):
        assert call(host(), namespace, "__SystemSecurity", "GetCallerAccessRights", user) == (0, {"rights": rights})


def test_a_cluster_and_its_virtual_machines() -> None:
    machine = host({"name": "role", "clustered": True}, {"name": "other"}, cluster="CL01")
    assert one(machine, "MSCluster_Cluster", CLUSTER)["Name"] == "CL01"
    resources = {row["Type"]: row for row in rows(machine, "MSCluster_Resource", CLUSTER)}
    assert set(resources) == {"Virtual Machine", "Virtual Machine Configuration"}
    assert resources["Virtual Machine"]["PrivateProperties"]["VmID"].upper() == machine.vm("role").id
    assert named(machine, "Win32_Service")["ClusSvc"]["StartMode"] == "Auto"
    machine.software.stop_service("ClusSvc")
    with pytest.raises(CimError):
        rows(machine, "MSCluster_Cluster", CLUSTER)


def test_the_namespace_of_clusters_comes_with_the_feature() -> None:
    assert not host().has_namespace(CLUSTER)
    machine = host(features={"FailoverCluster-FullServer": "enabled"})
    assert machine.has_namespace(CLUSTER)
    assert named(machine, "Win32_Service")["ClusSvc"]["StartMode"] == "Disabled"
