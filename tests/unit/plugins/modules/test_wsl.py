# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wsl module: features, package and settings on each kind of Windows, and what keeps WSL 2 from working."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import Program, msiexec, process
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.identity import security_id
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context, Steps
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

MACHINES, LINUX = "VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux"
MSI = r"C:\install\wsl.2.7.14.0.x64.msi"
NEWER = r"C:\install\wsl.2.9.4.0.x64.msi"
CONFIG = r"C:\Users\administrator\.wslconfig"
URL = "https://files.example.com/wsl.2.7.14.0.x64.msi"
LXSS = r"Software\Microsoft\Windows\CurrentVersion\Lxss"
FILES = [
    {"path": MSI, "content": {"msi": {}}},
    {"path": NEWER, "content": {"msi": {"version": "2.9.4.0"}}},
    {"path": r"C:\install\wsl.2.7.14.0.arm64.msi", "content": {"msi": {"platform": "arm64"}}},
    {"path": r"C:\install\package.msi", "content": {"msi": {}}},
    {"path": r"C:\install\other.msi", "content": {"msi": {"product": "Other", "upgrade_code": "{0}"}}},
    {"path": r"C:\install\broken.msi", "content": "no package"},
]
TIMES = {"servicing": {"seconds": 20, "after_restart": 45}, "restart": {"closing": 3, "boot": 60}}
READY = {"features": {MACHINES: "enabled", LINUX: "enabled"}}


@contextmanager
def guest(**spec: Any) -> Iterator[Lab]:
    """A guest without Hyper-V whose changes of features take time."""
    spec = {"os": "server2022", "hyperv": False, "files": [*FILES, *spec.pop("more", [])], **TIMES, **spec}
    with open_lab({"hosts": [{"name": "g", **spec}]}, "g") as lab:
        yield lab


def started(lab: Lab, name: str) -> list[str]:
    """The command lines of the last task that start a program."""
    return [entry.method for entry in lab.requests if entry.action == "Command" and name in entry.method]


# ---- what is installed ----


@pytest.mark.parametrize("skip_cmd_shell", [False, True])
@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
@pytest.mark.parametrize(
    ("os", "features"),
    [
        ("server2022", [LINUX, MACHINES]),
        ("windows10", [LINUX, MACHINES]),
        ("windows11", [MACHINES]),
        ("server2025", [MACHINES]),
        ("hci23h2", [MACHINES]),
    ],
)
def test_features_package_and_settings_in_one_task(
    os: str, features: list[str], locale: str, skip_cmd_shell: bool
) -> None:
    with guest(os=os, locale=locale, winrm={"skip_cmd_shell": skip_cmd_shell}) as lab:
        result = lab.apply("wsl", source=MSI, allow_reboot=True)
        assert result["wsl"] == {
            "version": "2.7.14.0",
            "location": r"C:\Program Files\WSL",
            "features": [{"name": name, "state": "enabled"} for name in features],
            "default_version": 2,
            "config": {"wsl2": {"nestedVirtualization": "false"}},
        }
        assert (result["reboot_required"], result["rebooted"]) == (False, True)
        assert lab.machine.boots == 1
        assert lab.machine.files.need(CONFIG).content == b"[wsl2]\r\nnestedVirtualization=false\r\n"
        assert not any("powershell" in line.lower() for line in lab.machine.installer.children)
        assert not [file.path for file in lab.machine.files if "nested" in file.path.lower()]


def test_one_shell_serves_all_programs() -> None:
    with guest(**READY) as lab:
        lab.succeeds("wsl", source=MSI)
        assert sum(entry.action == "Create" for entry in lab.requests) == 1


def test_without_permission_a_restart_is_required_and_remains_so() -> None:
    with guest() as lab:
        result = lab.apply("wsl", source=MSI)
        assert (result["reboot_required"], result["rebooted"]) == (True, False)
        assert {row["state"] for row in result["wsl"]["features"]} == {"enable_pending"}
        assert result["wsl"]["version"] == "2.7.14.0"
        assert lab.leaves_alone("wsl", source=MSI)["reboot_required"] is True
        result = lab.apply("wsl", source=MSI, allow_reboot=True)
        assert (result["reboot_required"], result["rebooted"]) == (False, True)


def test_windows_that_waits_for_a_restart_takes_no_features_before_it() -> None:
    with guest(pending_restart=True, servicing={"seconds": 20}) as lab:
        result = lab.refuses("wsl", "waits for a restart", "allow_reboot: true", source=MSI)
        assert result["reboot_required"] is True
        result = lab.apply("wsl", source=MSI, allow_reboot=True)
        assert result["rebooted"] is True
        assert lab.machine.boots == 2
    with guest(pending_restart=True, **READY) as lab:
        assert lab.apply("wsl", source=MSI)["reboot_required"] is False


def test_windows_installer_that_needs_a_restart() -> None:
    with guest(installer={"exit_code": 3010}, **READY) as lab:
        result = lab.succeeds("wsl", source=MSI)
        assert (result["reboot_required"], result["rebooted"]) == (True, False)
    with guest(installer={"exit_code": 3010}, **READY) as lab:
        result = lab.succeeds("wsl", source=MSI, allow_reboot=True)
        assert (result["reboot_required"], result["rebooted"]) == (False, True)


# ---- versions ----


def test_an_older_package_is_upgraded_and_a_newer_one_is_kept() -> None:
    with guest(wsl={"version": "2.7.13.0"}, **READY) as lab:
        result = lab.apply("wsl", source=MSI)
        assert result["diff"]["after"]["package"] == "2.7.14.0"
        assert any("stops the distributions" in line for line in lab.run("wsl", source=NEWER)["warnings"])
        assert lab.leaves_alone("wsl", source=MSI)["wsl"]["version"] == "2.9.4.0"
        lab.leaves_alone("wsl", version="2.8")
        lab.refuses("wsl", "source: is required", "2.9.4.0, older than 3.0", version="3.0")


def test_any_version_is_kept_if_none_is_required() -> None:
    with guest(wsl={"version": "2.5.0.0"}, **READY) as lab:
        lab.apply("wsl")
        lab.leaves_alone("wsl", source=r"C:\install\package.msi")
        assert lab.succeeds("wsl", source=r"C:\install\package.msi", version="2.7")["wsl"]["version"] == "2.7.14.0"
        lab.leaves_alone("wsl", source=r"C:\install\package.msi", version="2.7")


def test_a_package_without_a_version_in_its_name_can_not_be_foreseen() -> None:
    with guest(**READY) as lab:
        assert lab.succeeds("wsl", check=True, source=r"C:\install\package.msi")["wsl"]["version"] is None
        assert lab.succeeds("wsl", source=r"C:\install\package.msi")["wsl"]["version"] == "2.7.14.0"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"source": MSI, "version": "2.9"}, ["source: ", "is older than the required version 2.9"]),
        ({"version": "two"}, ["version: 'two' is not a version"]),
        ({"source": r"C:\install\wsl.exe"}, ["source: ", "is not a package for Windows Installer"]),
        ({"source": "wsl.msi"}, ["source: 'wsl.msi' is not a full path"]),
        ({"source": "ftp://x/wsl.msi"}, ["source: "]),
        ({"checksum": "sha256:" + "0" * 64}, ["checksum: needs 'source'"]),
        ({"source": "http://x.example/wsl.msi"}, ["checksum: is required for a URL without encryption"]),
        ({"source": "https://a:b@x.example/wsl.msi"}, ["source: contains credentials"]),
        ({"source": MSI, "checksum": "0123"}, ["checksum: '0123' is not a checksum"]),
        ({"source": ""}, ["source: is empty"]),
        ({"source": MSI, "config": {"wsl2": "x"}}, ["config: 'wsl2' is not a section"]),
        ({"source": MSI, "install_timeout": -1}, ["install_timeout: -1 is below 0"]),
    ],
    ids=str,
)
def test_options_that_mean_nothing(shared: Lab, args: Mapping[str, Any], words: list[str]) -> None:
    shared.refuses("wsl", *words, **args)


# ---- what can't work ----


@pytest.mark.parametrize(
    ("os", "words"),
    [
        ("server2019", ["wsl-guest-build", "Windows Server 2019 has WSL 1 only; found a guest of build 17763"]),
        ("server2016", ["wsl-guest-build", "found a guest of build 14393"]),
        (
            {"product": "windows10", "build": 19045, "revision": 2251},
            ["wsl-guest-support", "KB5020030", "found a guest of build 19045.2251"],
        ),
        (
            {"product": "server2022", "build": 20348, "revision": 1249},
            ["wsl-guest-support", "KB5020032", "found a guest of build 20348.1249"],
        ),
    ],
    ids=str,
)
def test_a_windows_that_is_too_old(os: Any, words: list[str]) -> None:
    with guest(os=os) as lab:
        result = lab.refuses("wsl", *words[1:], source=MSI, allow_reboot=True)
        assert result["rule"] == words[0]
        assert result["source"].startswith("https://")
        lab.leaves_alone("wsl", state="absent")


def test_a_policy_forbids_wsl() -> None:
    with guest(registry={r"HKLM\SOFTWARE\Policies\WSL": {"AllowWSL": 0}}) as lab:
        lab.refuses("wsl", "a policy forbids WSL", "AllowWSL", source=MSI)


def test_local_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def whoami(context: Context) -> int:
        context.out('"nt authority\\system","S-1-5-18"\r\n')
        return 0

    monkeypatch.setitem(programs.PROGRAMS, r"c:\windows\system32\whoami.exe", Program(whoami))
    with guest() as lab:
        lab.refuses("wsl", "LocalSystem", "ansible_user", source=MSI)


# ---- sources ----


def test_no_package_and_no_source() -> None:
    with guest(**READY) as lab:
        lab.refuses("wsl", "source: is required", "does not have WSL")


def test_a_file_that_does_not_exist() -> None:
    with guest(**READY) as lab:
        lab.refuses("wsl", "source: ", "does not exist on g", source=r"C:\install\wsl.3.0.0.0.x64.msi")


def test_a_checksum_that_differs() -> None:
    with guest(**READY) as lab:
        result = lab.refuses("wsl", "checksum", "Nothing was installed", source=MSI, checksum="sha256:" + "0" * 64)
        assert len(result["checksum"]) == 64
        lab.apply("wsl", source=MSI, checksum=f"SHA256:{result['checksum'].upper()}")


@pytest.mark.parametrize("skip_cmd_shell", [False, True])
def test_a_url(skip_cmd_shell: bool) -> None:
    web = {f"{URL}?x=1&y=%20": {"content": {"msi": {}}, "seconds": 30}}
    with guest(web=web, winrm={"skip_cmd_shell": skip_cmd_shell}, **READY) as lab:
        result = lab.apply("wsl", source=f"{URL}?x=1&y=%20")
        assert result["wsl"]["version"] == "2.7.14.0"
        assert not [file.path for file in lab.machine.files if "nested" in file.path.lower()]


def test_a_url_with_a_checksum() -> None:
    with guest(web={URL: {"content": {"msi": {}}}}, **READY) as lab:
        result = lab.fails("wsl", "Nothing was installed, and the downloaded file is removed", source=URL,
                           checksum="0" * 64)  # fmt: skip
        assert result["option"] == "checksum"
        assert lab.machine.files.get(r"C:\Program Files\WSL\wsl.exe") is None
        assert not [file.path for file in lab.machine.files if "nested" in file.path.lower()]
        lab.apply("wsl", source=URL, checksum=f"sha256:0x{result['checksum']}")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404}, ["the server answered with an error"]),
        ({"fails": "resolve"}, ["can't be resolved"]),
        ({"fails": "connect"}, ["can't be reached"]),
        ({"fails": "untrusted"}, ["is not trusted"]),
        ({"content": "x", "seconds": 5000}, ["did not end within 60 s"]),
    ],
    ids=str,
)
def test_a_url_that_does_not_answer(answer: dict[str, Any], words: list[str]) -> None:
    with guest(web={URL: answer}, **READY) as lab:
        result = lab.fails("wsl", "download", *words, source=URL, download_timeout=60)
        assert result.get("program", "curl.exe") == "curl.exe"
        assert not [file.path for file in lab.machine.files if "nested" in file.path.lower()]


# ---- Windows Installer ----


@pytest.mark.parametrize(
    ("source", "spec", "code", "words"),
    [
        (r"C:\install\broken.msi", {}, 1620, ["not a valid package"]),
        (r"C:\install\wsl.2.7.14.0.arm64.msi", {}, 1633, ["another processor architecture"]),
        (MSI, {"installer": {"forbidden": True}}, 1625, ["a policy of Windows forbids"]),
    ],
    ids=str,
)
def test_windows_installer_fails(source: str, spec: dict[str, Any], code: int, words: list[str]) -> None:
    with guest(**READY, **spec) as lab:
        result = lab.fails("wsl", f"could not install WSL from {source}", *words, f"(code {code}, see ", source=source)
        assert (result["program"], result["code"]) == ("msiexec.exe", code)
        assert lab.machine.files.get(result["log"])
        assert result["changed"] is False


def test_an_installation_that_fails_for_unknown_reasons_names_what_windows_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(programs.PROGRAMS, r"c:\windows\system32\msiexec.exe", Program(lambda context: 1603))
    with guest(os={"product": "windows10", "build": 19045, "revision": 4000}, **READY) as lab:
        lab.fails("wsl", "(code 1603, see ", "found a guest of build 19045.4000", source=MSI)


def test_another_installation_is_waited_for() -> None:
    with guest(installer={"busy": 100}, **READY) as lab:
        lab.apply("wsl", source=MSI)
    with guest(installer={"busy": 100000}, **READY) as lab:
        result = lab.fails("wsl", "another package was being installed", source=MSI, install_timeout=60)
        assert result["code"] == 1618


def test_the_package_of_another_product() -> None:
    with guest(**READY) as lab:
        lab.fails("wsl", "is not the package of WSL", source=r"C:\install\other.msi")


def test_a_package_that_needs_too_long() -> None:
    with guest(installer={"seconds": 500}, **READY) as lab:
        result = lab.fails("wsl", "did not end within", source=MSI, install_timeout=60)
        assert result["uncertain"] == [f"install WSL from {MSI}"]


@pytest.mark.parametrize("do", ["drop", "lose"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_connection_that_breaks_during_the_installation(do: str, at: int) -> None:
    """Nothing is started twice; if Windows has the package in the end, the task goes on."""
    with guest(installer={"seconds": 20}, **READY) as lab:
        lab.sim.faults.add(Rule(do, operation="Receive", at=3 + at))
        result = lab.run("wsl", source=MSI)
        assert len(started(lab, "msiexec")) <= 1
        if result.get("failed"):
            assert "uncertain" in result or result["changed"] is False
        lab.sim.faults.clear()
        assert lab.succeeds("wsl", source=MSI)["wsl"]["version"] == "2.7.14.0"


@pytest.mark.parametrize("installs", [True, False])
def test_an_end_that_nobody_knows(monkeypatch: pytest.MonkeyPatch, installs: bool) -> None:
    """259 is the exit code of a program whose shell died: Windows is asked what has become of it."""

    def main(context: Context) -> Steps:
        if installs:
            yield from process.run(msiexec.main, context)
        return 259

    monkeypatch.setitem(programs.PROGRAMS, r"c:\windows\system32\msiexec.exe", Program(main))
    with guest(**READY) as lab:
        result = lab.run("wsl", source=MSI)
        assert len(started(lab, "msiexec")) == 1
        assert bool(result.get("failed")) is not installs
        if installs:
            assert result["wsl"]["version"] == "2.7.14.0"
        else:
            assert result["uncertain"] == [f"install WSL from {MSI}"]


# ---- settings ----


def test_other_lines_of_the_settings_are_kept() -> None:
    text = "# mine\n[wsl2]\nmemory=1GB # little\nlocalhostForwarding=true\n"
    with guest(more=[{"path": CONFIG, "content": text}], wsl={"version": "2.7.14.0"}, **READY) as lab:
        result = lab.apply("wsl", config={"wsl2": {"memory": "4GB", "localhostForwarding": None}}, shutdown=True)
        assert lab.machine.files.need(CONFIG).content.decode() == (
            "# mine\n[wsl2]\nmemory=4GB # little\nnestedVirtualization=false\n"
        )
        assert result["diff"]["before"]["config"] == {
            "wsl2": {"memory": "1GB", "localhostForwarding": "true", "nestedVirtualization": None}
        }


def test_the_option_and_the_key_for_nested_virtualization() -> None:
    with guest(wsl={"version": "2.7.14.0"}, **READY) as lab:
        assert lab.apply("wsl", nested_virtualization=True)["wsl"]["config"] == {
            "wsl2": {"nestedVirtualization": "true"}
        }
        lab.leaves_alone("wsl", config={"WSL2": {"nestedvirtualization": True}})


def test_settings_take_effect_with_a_shutdown() -> None:
    distribution = {"name": "Ubuntu", "running": True}
    with guest(wsl={"version": "2.7.14.0", "distributions": [distribution]}, **READY) as lab:
        lab.apply("wsl", config={"wsl2": {"memory": "2GB"}})
        assert not started(lab, "--shutdown")
        lab.succeeds("wsl", config={"wsl2": {"memory": "3GB"}}, shutdown=True)
        assert started(lab, "--shutdown")
        lab.leaves_alone("wsl", config={"wsl2": {"memory": "3GB"}}, shutdown=True)


def test_the_default_version_of_the_user() -> None:
    key = rf"HKU\{security_id('g', 'administrator')}\{LXSS}"
    with guest(registry={key: {"DefaultVersion": 1}}, wsl={"version": "2.7.14.0"}, **READY) as lab:
        assert lab.apply("wsl")["diff"]["after"]["default_version"] == 2
        assert lab.machine.software.registry.data(key, "DefaultVersion") == 2
        assert lab.apply("wsl", default_version=1)["wsl"]["default_version"] == 1


# ---- absent ----


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_absent_removes_the_package_and_nothing_else(locale: str) -> None:
    with guest(locale=locale, wsl={"version": "2.7.14.0", "distributions": [{"name": "Ubuntu"}]}, **READY) as lab:
        result = lab.apply("wsl", state="absent")
        assert result["wsl"]["version"] is None
        assert [row["state"] for row in result["wsl"]["features"]] == ["enabled", "enabled"]
        assert lab.machine.files.get(r"C:\Users\administrator\AppData\Local\wsl\Ubuntu\ext4.vhdx")


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with guest(**READY) as lab:
        yield lab
