# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wsl_distribution module: imports from each kind of source, users, removal, and what keeps WSL from running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.identity import security_id
from ansible_collections.nested.hyperv.tests.simulator.windows.wsl.registrations import Registrations
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

MACHINES, LINUX = "VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux"
ROOTFS = r"C:\install\rootfs.tar.gz"
MSI = r"C:\install\wsl.2.7.14.0.x64.msi"
KERNEL = "6.18.33.2-microsoft-standard-WSL2"
FILES = [
    {"path": MSI, "content": {"msi": {}}},
    {"path": ROOTFS, "content": {"rootfs": {"users": ["bob"]}}},
    {"path": r"C:\install\ubuntu.wsl", "content": {"rootfs": {"name": "Ubuntu-24.04", "users": ["bob"]}}},
    {"path": r"C:\install\disk.vhdx", "content": {"vhdx": {"users": ["bob"]}}},
    {"path": r"C:\install\other.tar", "content": {"rootfs": {"compress": False}}},
    {"path": r"C:\install\wrong.tar", "content": "no archive"},
    {"path": r"C:\left\ext4.vhdx", "size": "1GB"},
]
READY: dict[str, Any] = {"features": {MACHINES: "enabled", LINUX: "enabled"}}
UBUNTU = {"name": "Ubuntu", "rootfs": {"users": ["bob"]}}


@contextmanager
def guest(*distributions: Mapping[str, Any], **spec: Any) -> Iterator[Lab]:
    """A guest with WSL and these distributions, on which a virtual machine takes time to start."""
    wsl = {"version": "2.7.14.0", "distributions": list(distributions), "seconds": {"start": 8, "import": 30}}
    wsl = {name: value for name, value in {**wsl, **spec.pop("wsl", {})}.items() if value is not None}
    files = [*FILES, *spec.pop("more", [])]
    model = {"name": "g", "os": "server2022", "hyperv": False, "files": files, "wsl": wsl, **READY, **spec}
    with open_lab({"hosts": [model]}, "g") as lab:
        yield lab


@pytest.fixture(params=[False, True], ids=["cmd", "direct"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A German guest without distributions that hands lines to cmd.exe, or not."""
    with guest(locale="de-DE", winrm={"skip_cmd_shell": request.param}) as lab:
        yield lab


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """A guest with a distribution, for tasks that are refused."""
    with guest(UBUNTU) as lab:
        yield lab


def registered(lab: Lab) -> Registrations:
    return Registrations(lab.machine.software.registry, security_id("g", "administrator"))


def started(lab: Lab, word: str) -> list[str]:
    return [entry.method for entry in lab.requests if entry.action == "Command" and word in entry.method]


# ---- importing ----


@pytest.mark.parametrize("source", [ROOTFS, r"C:\install\ubuntu.wsl", r"C:\install\other.tar"])
def test_an_archive(lab: Lab, source: str) -> None:
    result = lab.apply("wsl_distribution", name="dev.1_x-2", source=source, verify=True)
    folder = r"C:\Users\administrator\AppData\Local\wsl\dev.1_x-2"
    assert result["distribution"] == {
        "name": "dev.1_x-2",
        "location": folder,
        "disk": rf"{folder}\ext4.vhdx",
        "wsl_version": 2,
        "default": True,
    }
    assert result["kernel"] == KERNEL
    found = registered(lab).find("dev.1_x-2")
    assert found
    assert (found.version, found.folder, found.read("RunOOBE")) == (2, folder, 0)


def test_a_folder_with_blanks_whose_parents_are_missing(lab: Lab) -> None:
    result = lab.apply("wsl_distribution", name="dev", source=ROOTFS, location=r"C:\wsl data\deep (1)\dev&")
    assert result["distribution"]["disk"] == r"C:\wsl data\deep (1)\dev&\ext4.vhdx"
    lab.leaves_alone("wsl_distribution", name="DEV", source=ROOTFS, location=r"c:/WSL data/deep (1)/dev&/")


def test_a_copy_of_a_disk_and_the_disk_itself(lab: Lab) -> None:
    result = lab.apply("wsl_distribution", name="copy", source=r"C:\install\disk.vhdx", verify=True)
    assert result["distribution"]["disk"].endswith(r"\wsl\copy\disk.vhdx")
    result = lab.apply("wsl_distribution", name="own", source=r"C:\install\disk.vhdx", in_place=True, verify=True)
    assert result["distribution"]["disk"] == r"C:\install\disk.vhdx"
    lab.apply("wsl_distribution", name="own", state="absent")
    assert lab.machine.files.get(r"C:\install\disk.vhdx") is None


def test_all_of_a_distribution_at_once(lab: Lab) -> None:
    lab.apply("wsl_distribution", name="first", source=ROOTFS)
    result = lab.apply("wsl_distribution", name="second", source=ROOTFS, default_user="bob", default=True, verify=True)
    assert result["diff"]["after"]["distribution"]["default_user"] == "bob"
    assert result["distribution"]["default"] is True
    default = registered(lab).default
    assert default
    assert (default.name, default.read("DefaultUid")) == ("second", 1000)
    assert lab.apply("wsl_distribution", name="first", default=True)["diff"] == {
        "before": {"default": "second"},
        "after": {"default": "first"},
    }


def test_an_unchanged_run_without_verification_starts_no_distribution(lab: Lab) -> None:
    lab.succeeds("wsl_distribution", name="dev", source=ROOTFS)
    lab.succeeds("wsl_distribution", name="dev", source=ROOTFS)
    assert started(lab, "wsl.exe") == []


# ---- what exists ----


def test_a_distribution_of_wsl_1_is_converted() -> None:
    with guest({**UBUNTU, "version": 1}) as lab:
        result = lab.apply("wsl_distribution", name="ubuntu", verify=True)
        assert result["diff"]["after"]["distribution"]["wsl_version"] == 2
        assert result["kernel"] == KERNEL


def test_another_source_is_another_distribution(lab: Lab) -> None:
    checksum = lab.run("wsl_distribution", name="x", source=ROOTFS, checksum="0" * 64)["checksum"]
    lab.apply("wsl_distribution", name="dev", source=ROOTFS, checksum=checksum)
    result = lab.refuses(
        "wsl_distribution",
        "source: distribution 'dev' was imported from another source",
        "state: absent",
        name="dev",
        source=r"C:\install\other.tar",
        checksum="1" * 64,
    )
    assert result["option"] == "source"
    lab.leaves_alone("wsl_distribution", name="dev", source=r"C:\install\other.tar")
    lab.apply("wsl_distribution", name="dev", state="absent")
    lab.apply("wsl_distribution", name="dev", source=r"C:\install\other.tar")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "Ubuntu", "location": r"C:\else"}, ["location: distribution 'Ubuntu' exists in 'C:\\Users\\"]),
        ({"name": "new"}, ["source: is required", "has no distribution 'new' of this user"]),
        ({"name": "new", "source": r"C:\install\none.tar"}, ["source: 'C:\\install\\none.tar' does not exist on g"]),
        ({"name": "new", "source": ROOTFS, "location": r"C:\left"}, ["location: 'C:\\left\\ext4.vhdx' exists"]),
        (
            {"name": "new", "source": ROOTFS, "location": r"C:\Users\administrator\AppData\Local\wsl\UBUNTU"},
            ["location: ", "belongs to distribution 'Ubuntu'"],
        ),
        ({"name": "new", "source": ROOTFS, "location": r"E:\wsl\new"}, ["location: ", "a drive that g does not have"]),
        ({"name": "new", "source": ROOTFS, "location": r"\\nas\wsl\new"}, ["location: ", "is on a share"]),
        ({"name": "new", "source": ROOTFS, "checksum": "0" * 64}, ["checksum: ", "Nothing was installed"]),
        ({"name": "a b", "source": ROOTFS}, ["name: 'a b' is not a name"]),
        ({"name": "Legacy", "source": ROOTFS}, ["name: 'Legacy' is not a name"]),
        ({"name": "--shutdown", "source": ROOTFS}, ["name: '--shutdown' is not a name"]),
        ({"name": "con", "source": ROOTFS}, ["name: ", "'con'", "not a name for a file on Windows"]),
        ({"name": "dev.", "source": ROOTFS}, ["name: ", "'dev.'", "not a name for a file on Windows"]),
        ({"name": "x" * 257, "source": ROOTFS}, ["is not a name for a distribution"]),
        ({"name": "new", "source": r"C:\install\image.zip"}, ["source: 'image.zip' is none of the files"]),
        ({"name": "new", "source": "rootfs.tar"}, ["source: 'rootfs.tar' is not a full path"]),
        ({"name": "new", "source": ROOTFS, "location": "wsl"}, ["location: 'wsl' is not a full path"]),
        ({"name": "new", "source": ROOTFS, "default_user": "x'; rm -rf /"}, ["default_user: ", "is not the name"]),
        ({"name": "new", "source": ROOTFS, "in_place": True}, ["in_place: requires a 'source'"]),
        (
            {"name": "new", "source": r"C:\install\disk.vhdx", "in_place": True, "location": r"C:\else"},
            ["location: is 'C:\\else', but with 'in_place' the disk stays in 'C:\\install'"],
        ),
        ({"name": "new", "checksum": "0" * 64}, ["checksum: needs 'source'"]),
    ],
    ids=str,
)
def test_what_is_refused(shared: Lab, args: Mapping[str, Any], words: list[str]) -> None:
    shared.refuses("wsl_distribution", *words, **args)


@pytest.mark.parametrize(("state", "words"), [(3, "is being imported"), (4, "is being removed"), (9, "is in state 9")])
def test_a_distribution_that_wsl_works_on(state: int, words: str) -> None:
    with guest(UBUNTU) as lab:
        found = registered(lab).find("Ubuntu")
        assert found
        found.write(State=state)
        lab.refuses("wsl_distribution", f"name: distribution 'Ubuntu' {words}", "state: absent", name="Ubuntu")
        lab.succeeds("wsl_distribution", name="Ubuntu", state="absent")


# ---- users ----


def test_a_user_that_the_distribution_does_not_have() -> None:
    with guest(UBUNTU) as lab:
        lab.fails("wsl_distribution", "default_user: distribution 'Ubuntu' has no user 'alice'", name="Ubuntu",
                  default_user="alice")  # fmt: skip


def test_a_user_in_the_configuration_of_the_distribution_takes_precedence() -> None:
    rootfs = {"users": ["bob", "eve"], "files": {"/etc/wsl.conf": "[user]\ndefault=eve\n"}}
    with guest({"name": "Ubuntu", "rootfs": rootfs}) as lab:
        lab.leaves_alone("wsl_distribution", name="Ubuntu", default_user="eve")
        lab.fails("wsl_distribution", "default_user: is set, but", "'eve'", "/etc/wsl.conf", name="Ubuntu",
                  default_user="bob")  # fmt: skip


def test_a_new_user_stops_the_distribution() -> None:
    with guest({**UBUNTU, "running": True}) as lab:
        lab.apply("wsl_distribution", name="Ubuntu", default_user="bob", once_more=False)
        assert started(lab, "--terminate Ubuntu")


# ---- absent ----


def test_absent_removes_the_distribution_with_its_disk() -> None:
    other = {"name": "Other"}
    with guest(UBUNTU, other) as lab:
        result = lab.apply("wsl_distribution", name="UBUNTU", state="absent")
        assert result["distribution"] is None
        assert [one.name for one in registered(lab)] == ["Other"]
        assert registered(lab).default
        assert not [file.path for file in lab.machine.files if r"\Ubuntu\ext4" in file.path]
        lab.leaves_alone("wsl_distribution", name="Other")


def test_nothing_to_remove_needs_no_wsl() -> None:
    with guest(wsl={"version": None}, features={}, os="server2019") as lab:
        lab.leaves_alone("wsl_distribution", name="Ubuntu", state="absent")


# ---- what keeps WSL from running ----


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"os": "server2019", "features": {}, "wsl": {"version": None}}, ["found a guest of build 17763"]),
        ({"wsl": {"version": None}}, ["WSL is not installed", "module wsl"]),
        ({"features": {LINUX: "enabled"}}, [MACHINES, "not enabled on g", "allow_reboot: true"]),
        ({"features": {LINUX: "enabled", MACHINES: "enable-pending"}}, [MACHINES, "Restart it first"]),
        ({"registry": {r"HKLM\SOFTWARE\Policies\WSL": {"AllowWSL": 0}}}, ["a policy forbids WSL"]),
    ],
    ids=str,
)
def test_what_is_known_before_an_import(spec: dict[str, Any], words: list[str]) -> None:
    with guest(**spec) as lab:
        lab.refuses("wsl_distribution", *words, name="new", source=ROOTFS)


def test_a_hypervisor_that_has_not_started_is_known_before_an_import() -> None:
    windows = {"os": "server2022", "hyperv": False, "files": FILES, "wsl": {"version": "2.7.14.0"}, **READY}
    vm = {"name": "g", "state": "running", "nested": False, "guest": {"machine": {"name": "g", **windows}}}
    with open_lab({"hosts": [{"name": "hv01", "vms": [vm]}]}, "g") as lab:
        lab.refuses("wsl_distribution", "its hypervisor did not start", "vm_nesting", name="new", source=ROOTFS)


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({"cpu": {"virtualization": False}}, "HCS_E_HYPERV_NOT_INSTALLED", ["Expose virtualization extensions"]),
        ({"boot": {"hypervisor_launch": "off"}}, "HCS_E_HYPERV_NOT_INSTALLED", ["hypervisorlaunchtype"]),
        ({"wsl": {"logon_type_denied": True}}, "0x80070569", ["Log on as a service"]),
        ({"services": {"WSLService": {"start": "Disabled", "state": "Stopped"}}}, "", []),
    ],
    ids=str,
)
@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_what_wsl_says(spec: dict[str, Any], code: str, words: list[str], locale: str) -> None:
    with guest(locale=locale, **spec) as lab:
        result = lab.run("wsl_distribution", name="new", source=ROOTFS)
        if code:
            assert result["failed"], result
            assert [word for word in words if word not in result["msg"]] == [], result["msg"]
            assert [one.name for one in registered(lab)] == []


def test_a_file_that_is_no_archive() -> None:
    with guest() as lab:
        result = lab.fails("wsl_distribution", "could not be unpacked", name="new", source=r"C:\install\wrong.tar")
        assert result["error"].endswith("/WSL_E_IMPORT_FAILED")
        assert result["code"] == 0xFFFFFFFF


def test_a_distribution_that_does_not_start() -> None:
    with guest(UBUNTU, boot={"hypervisor_launch": "off"}) as lab:
        for check in (True, False):
            result = lab.run("wsl_distribution", check=check, name="Ubuntu", verify=True)
            assert result["failed"]
            assert "Expose virtualization extensions" in result["msg"]
        lab.leaves_alone("wsl_distribution", name="Ubuntu")


# ---- what breaks ----


def test_an_import_that_needs_too_long() -> None:
    with guest(wsl={"seconds": {"import": 500}}) as lab:
        result = lab.fails("wsl_distribution", "may have been done", name="new", source=ROOTFS, import_timeout=60)
        assert result["uncertain"] == [f"import distribution 'new' from {ROOTFS}"]


@pytest.mark.parametrize("do", ["drop", "lose"])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_connection_that_breaks(do: str, at: int) -> None:
    """wsl.exe is never started twice for the same; the task goes on if the registry shows what it has done."""
    with guest() as lab:
        lab.sim.faults.add(Rule(do, operation="Receive", at=at))
        result = lab.run("wsl_distribution", name="new", source=ROOTFS)
        assert len(started(lab, "--import")) <= 1
        if not result.get("failed"):
            assert registered(lab).find("new")
        lab.sim.faults.clear()
        lab.sim.advance(120)
        assert lab.succeeds("wsl_distribution", name="new", source=ROOTFS)["distribution"]["name"] == "new"
        lab.leaves_alone("wsl_distribution", name="new", source=ROOTFS)


# ---- a scheduled task instead of the network logon of the remote shell ----

DENIED = {"network_logon": "E_ACCESSDENIED"}
TASK = {"scheduled_task": True}
USES_TASK = "wsl.exe has run in a scheduled task"


def leaves_nothing(lab: Lab) -> bool:
    left = [file.path for file in lab.machine.files if "nested_hyperv" in file.path]
    return not lab.machine.scheduler.tasks and not left


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
@pytest.mark.parametrize("code", ["E_ACCESSDENIED", "0x80070520", "0x8007023f"])
def test_a_network_logon_that_is_refused(locale: str, code: str) -> None:
    with guest(locale=locale, wsl={"network_logon": code}) as lab:
        wanted = {"name": "dev", "source": ROOTFS, "location": r"C:\wsl data\100% & (dev)", "verify": True}
        refused = lab.fails("wsl_distribution", "'scheduled_task: true'", **wanted)
        assert refused["error"].endswith(code)
        assert not lab.machine.scheduler.tasks
        result = lab.succeeds("wsl_distribution", **wanted, **TASK)
        assert result["changed"] is True
        assert result["kernel"] == KERNEL
        assert any(USES_TASK in line for line in result["warnings"])
        assert registered(lab).find("dev").folder == r"C:\wsl data\100% & (dev)"
        assert leaves_nothing(lab)
        again = lab.succeeds("wsl_distribution", **wanted, **TASK)
        assert (again["changed"], again["kernel"]) == (False, KERNEL)
        assert lab.succeeds("wsl_distribution", name="dev", state="absent", **TASK)["changed"] is True
        assert registered(lab).find("dev") is None
        assert leaves_nothing(lab)


def test_the_password_is_on_no_command_line_and_in_no_task() -> None:
    with guest(wsl=DENIED) as lab:
        invoke, given = lab.machine.invoke, []

        def noted(cls: Any, keys: Any, method: str, parameters: Any = None, user: Any = None) -> Any:
            if method == "RegisterByXml":
                given.append(parameters)
            return invoke(cls, keys, method, parameters, user)

        with mock.patch.object(lab.machine, "invoke", noted):
            lab.succeeds("wsl_distribution", name="dev", source=ROOTFS, **TASK)
        assert [sorted(parameters) for parameters in given] == [["TaskName", "TaskPath", "Xml"]]
        assert "Passw0rd!" not in str(given)
        assert "S4U" in str(given)


def test_no_task_is_registered_unless_the_logon_is_refused() -> None:
    with guest(UBUNTU) as lab:
        lab.apply("wsl_distribution", name="dev", source=ROOTFS, default_user="bob", **TASK)
        lab.fails("wsl_distribution", "no user 'eve'", name="Ubuntu", default_user="eve", **TASK)
        assert not [entry for entry in lab.requests if entry.method == "RegisterByXml"]


def test_check_mode_runs_no_task_and_says_what_it_does_not_know() -> None:
    with guest(UBUNTU, wsl=DENIED) as lab:
        new = {"name": "dev", "source": ROOTFS, "verify": True, **TASK}
        check = lab.succeeds("wsl_distribution", check=True, **new)
        assert check["changed"] is True
        assert not lab.writes
        known = {"name": "Ubuntu", "default_user": "bob", "verify": True, **TASK}
        check = lab.succeeds("wsl_distribution", check=True, **known)
        assert (check["changed"], check["kernel"]) == (False, None)
        assert check["distribution"]["name"] == "Ubuntu"
        assert len([line for line in check["warnings"] if "needs a scheduled task" in line]) == 2
        assert not lab.writes
        real = lab.succeeds("wsl_distribution", **known)
        assert (real["changed"], real["kernel"]) == (True, KERNEL)
        assert leaves_nothing(lab)


def test_a_failure_in_a_task_has_the_reason_of_wsl() -> None:
    with guest(locale="de-DE", wsl=DENIED) as lab:
        source = r"C:\install\wrong.tar"
        result = lab.fails("wsl_distribution", "could not be unpacked", name="dev", source=source, **TASK)
        assert result["error"] == "Wsl/Service/RegisterDistro/WSL_E_IMPORT_FAILED"
        result = lab.fails("wsl_distribution", "no user 'eve'", name="dev", source=ROOTFS, default_user="eve", **TASK)
        assert result["option"] == "default_user"
        assert leaves_nothing(lab)


def test_a_task_that_windows_does_not_start() -> None:
    with guest(wsl=DENIED, scheduler={"result": 0x80070569}) as lab:
        lab.fails("wsl_distribution", "'Log on as a batch job'", name="dev", source=ROOTFS, **TASK)
        assert leaves_nothing(lab)
    with guest(wsl=DENIED, scheduler={"seconds": 9999}) as lab:
        lab.fails("wsl_distribution", "has not started the scheduled task", name="dev", source=ROOTFS, **TASK)
        assert leaves_nothing(lab)


def test_an_import_in_a_task_that_needs_too_long() -> None:
    with guest(wsl={**DENIED, "seconds": {"import": 500}}) as lab:
        result = lab.fails(
            "wsl_distribution", "did not end within 60 s", name="dev", source=ROOTFS, import_timeout=60, **TASK
        )
        assert result["uncertain"] == [f"import distribution 'dev' from {ROOTFS}"]
        assert leaves_nothing(lab)


def test_what_an_earlier_run_has_left_is_removed() -> None:
    """A task that still runs is waited for: two programs would import the same."""
    with guest(wsl=DENIED) as lab:
        name = f"nested_hyperv_{security_id('g', 'administrator')}"
        scheduler = lab.machine.scheduler
        command = r"<Command>C:\Windows\System32\ping.exe</Command><Arguments>-n 40 localhost</Arguments>"
        scheduler.register("\\", name, (
            '<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Principals><Principal><UserId>'
            f"administrator</UserId><LogonType>S4U</LogonType></Principal></Principals><Actions><Exec>{command}</Exec>"
            "</Actions></Task>"), force=False, caller=None)  # fmt: skip
        scheduler.start(scheduler.find("\\", name))
        lab.sim.advance(2)
        lab.succeeds("wsl_distribution", name="dev", source=ROOTFS, **TASK)
        assert leaves_nothing(lab)


# ---- check mode across tasks ----


def test_a_check_foresees_features_restart_wsl_and_distributions() -> None:
    model = {
        "hosts": [
            {
                "name": "g",
                "os": "server2022",
                "hyperv": False,
                "files": FILES,
                "servicing": {"seconds": 5, "after_restart": 30},
                "restart": {"closing": 2, "boot": 20},
            }
        ]
    }
    new = {"name": "dev", "source": ROOTFS}
    play = [
        Task("a distribution before WSL", "wsl_distribution", new),
        Task("features", "guest_feature", {"name": [LINUX, MACHINES]}),
        Task("WSL before the restart", "wsl", {"source": MSI}),
        Task("a distribution before the restart", "wsl_distribution", new),
        Task("restart", "guest_reboot", {"only_if_required": True}),
        Task("WSL", "wsl", {"source": MSI}),
        Task("settings", "wsl", {"source": MSI, "config": {"wsl2": {"memory": "2GB"}}}),
        Task("a distribution", "wsl_distribution", new),
        Task("the same", "wsl_distribution", {**new, "verify": True}),
        Task("its user", "wsl_distribution", {**new, "default_user": "bob"}),
        Task("in its folder", "wsl_distribution", {"name": "other", "source": ROOTFS,
             "location": r"C:\Users\administrator\AppData\Local\wsl\dev"}),
        Task("another one", "wsl_distribution", {"name": "other", "source": ROOTFS, "default": True}),
        Task("removed", "wsl_distribution", {"name": "dev", "state": "absent"}),
        Task("removed again", "wsl_distribution", {"name": "dev", "state": "absent"}),
        Task("no WSL", "wsl", {"state": "absent"}),
        Task("a distribution without WSL", "wsl_distribution", new),
    ]  # fmt: skip
    assert unforeseen(three_runs(model, play, "g")) == {}
