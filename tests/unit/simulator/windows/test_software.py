"""What is installed on a Windows machine: one state for programs and CIM classes, and what a restart does to it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.errors import PROVIDER_LOAD_FAILURE, CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2, HYPERV
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.model import ModelError
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.registry import Registry
from ansible_collections.nested.hyperv.tests.simulator.windows.software import (
    SERVICING_PENDING,
    UPDATE_PENDING,
    Package,
    Service,
)

from ..hosts import host, power, rows

VMP, ROLE = "VirtualMachinePlatform", "Microsoft-Hyper-V"
HKLM = 0x80000002
READER = User("bob", groups=("Remote Management Users",))


def install_states(machine: Machine) -> dict[str, int]:
    return {row["Name"]: row["InstallState"] for row in rows(machine, "Win32_OptionalFeature", CIMV2)}


def services(machine: Machine) -> dict[str, Any]:
    return {row["Name"]: row for row in rows(machine, "Win32_Service", CIMV2)}


def invoke(machine: Machine, cls: str, method: str, keys: dict[str, Any] | None = None, **values: Any) -> Any:
    return machine.invoke(machine.find_class(CIMV2, cls), keys, method, values, values.pop("user", None))


def registry(machine: Machine, method: str, key: str, user: User | None = None, **values: Any) -> Any:
    cls = machine.find_class(CIMV2, "StdRegProv")
    return machine.invoke(cls, None, method, {"hDefKey": HKLM, "sSubKeyName": key, **values}, user)


def restart(machine: Machine) -> None:
    machine.stopped(graceful=True)
    machine.started()


# --- features


def test_hyperv_answers_only_while_its_management_service_runs():
    machine = host({"state": "running"}, services={"vmms": {"state": "Stopped"}})
    cls = machine.find_class(HYPERV, "Msvm_ComputerSystem")
    for ask in (
        lambda: list(machine.instances(cls)),
        lambda: machine.get(cls, machine.vm("vm0").reference.keys),
        lambda: machine.associators(machine.vm("vm0").reference),
        lambda: machine.invoke(cls, machine.vm("vm0").reference.keys, "RequestStateChange", {"RequestedState": 3}),
    ):
        with pytest.raises(CimError) as caught:
            ask()
        assert caught.value.status == PROVIDER_LOAD_FAILURE
    assert machine.vm("vm0").running
    invoke(machine, "Win32_Service", "StartService", {"Name": "vmms"})
    assert len(list(machine.instances(cls))) == 2


def test_pending_features_change_at_the_restart() -> None:
    machine = host(hyperv=False, features={VMP: "enable-pending", "NetFx4": "disable-pending"})
    assert machine.software.restart_pending
    assert (install_states(machine)[VMP], install_states(machine)["NetFx4"]) == (2, 1)
    restart(machine)
    assert (install_states(machine)[VMP], install_states(machine)["NetFx4"]) == (1, 2)


def test_what_dism_enables_cim_shows_after_the_restart() -> None:
    machine = host(hyperv=False)
    process = programs.start(machine, f"dism /online /norestart /enable-feature /featurename:{VMP}")
    assert process.exit_code == 3010
    assert registry(machine, "EnumKey", SERVICING_PENDING.removeprefix("HKLM\\"))[0] == 0
    assert (install_states(machine)[VMP], "vmcompute" in services(machine)) == (2, False)
    assert (
        invoke(
            machine,
            "Win32_OperatingSystem",
            "Reboot",
            {"Name": rows(machine, "Win32_OperatingSystem", CIMV2)[0]["Name"]},
        )[0]
        == 0
    )
    machine.clock.advance(10)
    assert (install_states(machine)[VMP], "vmcompute" in services(machine)) == (1, True)
    assert registry(machine, "EnumKey", SERVICING_PENDING.removeprefix("HKLM\\"))[0] == 2


def test_the_role_becomes_active_at_the_restart() -> None:
    machine = host(hyperv=False)
    programs.start(machine, f"dism /online /norestart /enable-feature /featurename:{ROLE} /all")
    with pytest.raises(CimError):
        machine.find_class(HYPERV, "Msvm_ComputerSystem")
    restart(machine)
    assert rows(machine, "Msvm_ComputerSystem")
    assert "vmms" in services(machine)
    programs.start(machine, f"dism /online /norestart /disable-feature /featurename:{ROLE}")
    assert rows(machine, "Msvm_ComputerSystem"), "until the restart"
    restart(machine)
    with pytest.raises(CimError):
        machine.find_class(HYPERV, "Msvm_ComputerSystem")


def test_servicing_may_be_slow_after_the_restart_or_roll_back() -> None:
    given = {"features": {VMP: "enable-pending", "Containers": "enable-pending"}}
    machine = host(hyperv=False, servicing={"after_restart": 120, "fails": ["containers", "NetFx4"]}, **given)
    restart(machine)
    assert machine.software.features["virtualmachineplatform"].state == "enable-pending"
    assert machine.software.features["containers"].state == "disabled", "without a word to anybody"
    assert machine.software.features["netfx4"].state == "enabled", "nothing was pending"
    machine.clock.advance(120)
    assert machine.software.features["virtualmachineplatform"].state == "enabled"


def test_a_restart_ends_what_an_update_left_pending() -> None:
    machine = host(pending_restart=True)
    assert machine.software.restart_pending
    assert UPDATE_PENDING in machine.software.registry
    restart(machine)
    assert not machine.software.restart_pending
    assert UPDATE_PENDING not in machine.software.registry


def test_a_guest_applies_its_pending_features_when_it_boots_again() -> None:
    inner = {"name": "l1", "hyperv": False, "features": {ROLE: "enable-pending"}}
    outer = host(
        {"name": "on", "state": "running", "nested": True, "guest": {"machine": inner}},
        {"name": "off", "nested": True, "guest": {"machine": {**inner, "name": "l2"}}},
    )
    on, off = (outer.vm(name).guest.machine for name in ("on", "off"))
    assert on is not None
    assert off is not None
    assert not on.hyperv, "it has not restarted yet"
    programs.start(on, "shutdown /r /t 0")
    power(outer, "off", 2)
    outer.clock.advance(10)
    assert (on.hyperv, on.hypervisor_running) == (True, True)
    assert (off.hyperv, off.hypervisor_running) == (True, True)


def test_a_host_that_restarts_takes_its_vms_along() -> None:
    machine = host({"name": "web", "state": "running"}, restart={"boot": 30})
    before = machine.boots
    programs.start(machine, "shutdown /r /t 0")
    machine.clock.advance(5)
    assert (machine.running, machine.vm("web").powered) == (False, False)
    machine.clock.advance(30)
    assert (machine.running, machine.boots) == (True, before + 1)


# --- services


def test_services_are_one_state_for_all() -> None:
    machine = host(services={"demo": {"start": "Manual", "state": "Stopped", "account": r".\svc", "seconds": 10}})
    row = services(machine)["demo"]
    assert (row["State"], row["StartMode"], row["StartName"]) == ("Stopped", "Manual", r".\svc")
    assert invoke(machine, "Win32_Service", "StartService", {"Name": "demo"})[0] == 0
    assert services(machine)["demo"]["State"] == "Start Pending"
    machine.clock.advance(10)
    assert services(machine)["demo"]["State"] == "Running"
    assert programs.start(machine, "sc stop demo").exit_code == 0
    assert services(machine)["demo"]["State"] == "Stop Pending"
    machine.clock.advance(10)
    assert invoke(machine, "Win32_Service", "StopService", {"Name": "demo"})[0] == 6
    assert invoke(machine, "Win32_Service", "ChangeStartMode", {"Name": "demo"}, StartMode="Disabled")[0] == 0
    assert invoke(machine, "Win32_Service", "StartService", {"Name": "demo"})[0] == 14
    assert invoke(machine, "Win32_Service", "ChangeStartMode", {"Name": "demo"}, StartMode="Sometimes")[0] == 21


def test_services_start_with_windows() -> None:
    machine = host(services={"vmms": "Stopped", "once": {"start": "Manual", "state": "Stopped"}})
    programs.start(machine, "sc start once")
    restart(machine)
    assert {name: services(machine)[name]["State"] for name in ("vmms", "once", "W32Time")} == {
        "vmms": "Running",
        "once": "Stopped",
        "W32Time": "Running",
    }
    invoke(machine, "Win32_Service", "ChangeStartMode", {"Name": "once"}, StartMode="Automatic")
    invoke(machine, "Win32_Service", "ChangeStartMode", {"Name": "vmms"}, StartMode="Disabled")
    restart(machine)
    assert (services(machine)["vmms"]["State"], services(machine)["once"]["State"]) == ("Stopped", "Running")


def test_a_service_that_a_program_adds_outlives_changes_of_features() -> None:
    machine = host(hyperv=False)
    machine.software.services["demo"] = Service("demo", "Demo", "C:\\demo.exe", "Auto", "Running", "Stopped")
    programs.start(machine, "dism /online /norestart /enable-feature /featurename:TelnetClient")
    restart(machine)
    assert services(machine)["demo"]["State"] == "Running"


def test_a_model_adds_to_the_registry_of_windows() -> None:
    key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    machine = host(registry={rf"HKLM\{key}": {"DisplayVersion": "21H2"}})
    for name, value in (("DisplayVersion", "21H2"), ("CurrentBuildNumber", "20348")):
        assert registry(machine, "GetStringValue", key, sValueName=name) == (0, {"sValue": value})


# --- packages and registry


def test_packages_are_in_the_registry() -> None:
    machine = host(packages=[{"name": "WSL", "version": "2.7.14.0", "code": "{A}"}])
    uninstall = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
    assert registry(machine, "EnumKey", uninstall)[1] == {"sNames": ["{A}"]}
    answer = registry(machine, "GetStringValue", rf"{uninstall}\{{A}}", sValueName="displayversion")
    assert answer == (0, {"sValue": "2.7.14.0"})
    assert machine.software.packages() == [Package("{A}", "WSL", "2.7.14.0", "")]
    machine.software.remove_package("{A}")
    assert machine.software.packages() == []


def test_values_of_every_type_are_read_and_written() -> None:
    machine = host(registry={r"HKLM\SOFTWARE\Demo": {"Text": "x", "Number": 7, "List": ["a", "b"]}})
    for kind, output, value in (
        ("String", "sValue", "y"),
        ("ExpandedString", "sValue", "%OS%"),
        ("MultiString", "sValue", ["c"]),
        ("DWORD", "uValue", 8),
        ("QWORD", "uValue", 1 << 40),
        ("Binary", "uValue", [1, 255]),
    ):
        given = {"sValueName": kind, output: value}
        assert registry(machine, f"Set{kind}Value", r"software\demo", **given)[0] == 0
        assert registry(machine, f"Get{kind}Value", r"SOFTWARE\Demo", sValueName=kind) == (0, {output: value})
    _code, outputs = registry(machine, "EnumValues", r"SOFTWARE\Demo")
    assert dict(zip(outputs["sNames"], outputs["Types"], strict=True)) == {
        "Text": 1, "Number": 4, "List": 7, "String": 1, "ExpandedString": 2, "MultiString": 7, "DWORD": 4, "QWORD": 11,
        "Binary": 3,
    }  # fmt: skip
    assert registry(machine, "GetDWORDValue", r"SOFTWARE\Demo", sValueName="Text")[0] == 0x80041005


def test_keys_and_values_that_are_not_there() -> None:
    machine = host()
    for method in ("EnumKey", "EnumValues", "DeleteKey"):
        assert registry(machine, method, r"SOFTWARE\Nope")[0] == 2
    assert registry(machine, "GetStringValue", "SOFTWARE", sValueName="Nope")[0] == 2
    assert registry(machine, "SetStringValue", r"SOFTWARE\Nope", sValueName="x", sValue="y")[0] == 2
    assert registry(machine, "DeleteValue", "SOFTWARE", sValueName="Nope")[0] == 2


def test_keys_come_and_go() -> None:
    machine = host()
    assert registry(machine, "CreateKey", r"SOFTWARE\A\B", READER)[0] == 5
    assert registry(machine, "CreateKey", r"SOFTWARE\A\B")[0] == 0
    assert registry(machine, "EnumKey", r"SOFTWARE\a")[1] == {"sNames": ["B"]}
    assert registry(machine, "DeleteKey", r"SOFTWARE\A")[0] == 5, "it has keys below it"
    assert registry(machine, "SetDWORDValue", r"SOFTWARE\A\B", sValueName="x", uValue=1)[0] == 0
    assert registry(machine, "SetDWORDValue", r"SOFTWARE\A\B", READER, sValueName="x", uValue=2)[0] == 5
    assert registry(machine, "DeleteValue", r"SOFTWARE\A\B", sValueName="X")[0] == 0
    assert registry(machine, "DeleteKey", r"SOFTWARE\A\B")[0] == 0
    assert registry(machine, "EnumKey", r"SOFTWARE\a")[1] == {"sNames": None}


def test_a_registry_knows_its_hives() -> None:
    with pytest.raises(ValueError, match="HKLM"):
        Registry({r"HKXX\SOFTWARE": {}})


@pytest.mark.parametrize(
    "spec",
    [
        {"services": {"x": {"colour": "red"}}},
        {"servicing": {"speed": 1}},
        {"restart": {"never": 1}},
        {"packages": [{"name": "x", "colour": "red"}]},
        {"features": {VMP: "half"}},
        {"features": {"Nope": "enabled"}},
        {"registry": {"HKXX": {}}},
    ],
)
def test_mistakes_in_a_model(spec: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        host(**spec)
