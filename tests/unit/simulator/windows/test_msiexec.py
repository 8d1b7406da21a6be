"""msiexec.exe: exit codes, what WSL's package leaves, and time."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.contents import WSL_UPGRADE_CODE
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Process

from ..hosts import host

MSI = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI"
INSTALL = r"msiexec.exe /i C:\w\wsl.msi /qn /norestart /L*V C:\w\wsl.log SKIPMSIX=1"
PACKAGES: list[dict[str, Any]] = [
    {"path": r"C:\w\wsl.msi", "content": {"msi": {}}},
    {"path": r"C:\w\old.msi", "content": {"msi": {"version": "2.0.1.0"}}},
    {"path": r"C:\w\arm.msi", "content": {"msi": {"platform": "arm64"}}},
    {"path": r"C:\w\text.msi", "content": "no package"},
    {"path": r"C:\w\same.msi", "content": {"msi": {"product": "Tool", "code": "{C0DE}", "upgrade_code": "{UP}"}}},
    {
        "path": r"C:\w\other.msi",
        "content": {"msi": {"product": "Tool", "version": "3.0", "code": "{C0DE}", "upgrade_code": "{UP}"}},
    },
]


def machine(**spec: Any) -> Machine:
    return host(hyperv=False, **{"os": "server2025", "files": PACKAGES, **spec})


def start(on: Machine, line: str, **options: Any) -> Process:
    return programs.start(on, line, **{"user": on.find_user("administrator"), **options})


def code(on: Machine, line: str, **options: Any) -> int | None:
    process = start(on, line, **options)
    assert process.context.output == [], "it has no console"
    return process.exit_code


def log(on: Machine) -> str:
    content = on.files.read(r"C:\w\wsl.log")
    assert content[:2] == b"\xff\xfe"
    return content.decode("utf-16")


def test_wsl_is_installed_and_removed():
    on = machine()
    assert code(on, INSTALL) == 0
    registry, (package,) = on.software.registry, on.software.packages()
    assert {value.name: value.data for value in registry.values(MSI)} == {
        "InstallLocation": "C:\\Program Files\\WSL\\",
        "ProductCode": package.code,
        "Version": "2.7.14.0",
    }
    assert (package.name, package.version) == ("Windows Subsystem for Linux", "2.7.14.0")
    service = on.software.find_service("WSLService")
    assert (service.display, service.start, service.state) == ("WSL Service", "Auto", "Stopped")
    assert service.account == "LocalSystem"
    assert on.files.get(r"C:\Program Files\WSL\wsl.exe")
    assert on.installer.children == [], "with SKIPMSIX=1 nothing starts PowerShell"
    assert "MainEngineThread is returning 0" in log(on)
    assert code(on, rf"msiexec /x {package.code} /qn /norestart") == 0
    assert (MSI in registry, on.software.packages(), on.software.find_service("WSLService")) == (False, [], None)
    assert not on.files.has_folder(r"C:\Program Files\WSL")
    assert code(on, rf"msiexec /x {package.code} /qn /norestart") == 1605


def test_another_version_replaces_wsl():
    on = machine(wsl={"version": "2.7.14.0"})
    assert code(on, r"msiexec /package C:\w\old.msi /quiet /norestart SKIPMSIX=1") == 0, "AllowDowngrades"
    assert [package.version for package in on.software.packages()] == ["2.0.1.0"]
    assert on.software.registry.data(MSI, "Version") == "2.0.1.0"


@pytest.mark.parametrize(
    ("spec", "line", "expected"),
    [
        ({}, r"msiexec /i C:\w\nope.msi /qn", 1619),
        ({}, r"msiexec /i C:\w\text.msi /qn", 1620),
        ({}, r"msiexec /i C:\w\arm.msi /qn SKIPMSIX=1", 1633),
        ({"packages": [{"name": "Tool", "version": "2.0", "code": "{C0DE}"}]}, r"msiexec /i C:\w\other.msi /qn", 1638),
        ({"installer": {"forbidden": True}}, INSTALL, 1625),
        ({"installer": {"busy": 60}}, INSTALL, 1618),
        ({"installer": {"exit_code": 3010}}, INSTALL, 3010),
        ({"os": "server2019"}, INSTALL, 1603),
        ({"os": "server2019"}, f"{INSTALL} SKIPVALIDATION=1", 0),
        ({}, r"msiexec /x {00000000-0000-0000-0000-000000000000} /qn", 1605),
    ],
)
def test_exit_codes(spec, line, expected):
    assert code(machine(**spec), line) == expected


def test_the_log_tells_why_windows_is_too_old():
    on = machine(os="server2019")
    assert code(on, INSTALL) == 1603
    assert "Windows version 10.0.17763.1 does not support the packaged version of Windows Subsystem for Linux." in log(
        on
    )
    assert "MainEngineThread is returning 1603" in log(on)
    assert MSI not in on.software.registry


def test_users_without_rights_install_nothing():
    on = machine()
    assert code(on, INSTALL, user=User("bob", groups=("Remote Management Users",))) == 1603
    assert "Error 1925" in log(on)


@pytest.mark.parametrize(
    ("os", "expected", "powershell"),
    [
        ({"product": "server2022", "revision": 1}, 0, True),
        ("server2025", 0, True),
        ("hci24h2", 0, False),
        ({"product": "windows10", "revision": 4473}, 1603, False),
        ({"product": "windows10", "revision": 4474}, 0, False),
    ],
)
def test_without_skipmsix_the_package_may_start_powershell_or_fail(os, expected, powershell):
    on = machine(os=os)
    assert code(on, r"msiexec /i C:\w\wsl.msi /qn /norestart") == expected
    assert any("powershell.exe" in line for line in on.installer.children) is powershell


def test_the_installation_takes_its_time_and_goes_on_without_its_client():
    on = machine(installer={"seconds": 30})
    process = start(on, INSTALL)
    on.clock.advance(10)
    assert process.running
    assert code(on, r"msiexec /i C:\w\same.msi /qn") == 1618
    process.kill()
    assert MSI not in on.software.registry
    on.clock.advance(30)
    assert on.software.registry.data(MSI, "Version") == "2.7.14.0"


def test_another_installation_ends_some_time():
    on = machine(installer={"busy": 60})
    assert code(on, INSTALL) == 1618
    on.clock.advance(60)
    assert code(on, INSTALL) == 0


def test_a_window_is_never_closed():
    on = machine()
    for line in (r"msiexec /i C:\w\wsl.msi", r"msiexec /i C:\w\wsl.msi /passive", "msiexec /frobnicate", "msiexec"):
        process = start(on, line)
        on.clock.advance(24 * 3600)
        assert process.running, line


def test_other_packages_are_installed_as_well():
    on = machine()
    assert code(on, r"msiexec /i C:\w\same.msi /qn") == 0
    assert [(one.code, one.name) for one in on.software.packages()] == [("{C0DE}", "Tool")]
    assert code(on, r"msiexec /x C:\w\same.msi /qn") == 0
    assert on.software.packages() == []
    assert WSL_UPGRADE_CODE == "{6D5B792B-1EDC-4DE9-8EAD-201B820F8E82}"
