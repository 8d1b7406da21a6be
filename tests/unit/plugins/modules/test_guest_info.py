# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_info: what it returns of a Windows, and that it returns what earlier tasks of a check would have changed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import check_run
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule

SIGNS = {
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired": {},
    r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager": {"PendingFileRenameOperations": [r"\??\C:\x", ""]},
    r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName": {"ComputerName": "OTHER"},
}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "os": {"product": "windows11", "revision": 4037},
            "hyperv": False,
            "locale": "de-DE",
            "features": {"Microsoft-Hyper-V-All": "absent", "VirtualMachinePlatform": "enable-pending"},
            "services": {"VBoxSDS": {"path": r"C:\VBoxSDS.exe", "start": "Manual", "state": "Stopped"}},
            "registry": SIGNS,
        }
    ]
}


def states(result: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in result["guest"]["features"]}


def test_all_facts(lab: Lab) -> None:
    result = lab.leaves_alone("guest_info")
    guest = result["guest"]
    assert guest["os"]["type"] == "workstation"
    assert guest["os"]["build"] == lab.machine.os["build"]
    assert guest["os"]["revision"] == 4037
    assert states(result)["Microsoft-Hyper-V-All"] == "absent"
    assert states(result)["VirtualMachinePlatform"] == "enable_pending"
    assert guest["reboot_required"] is True
    assert guest["reboot_reasons"] == ["component_servicing", "windows_update", "file_renames", "computer_name"]
    assert guest["other_hypervisors"] == ["VBoxSDS"]
    names = [row["name"] for row in guest["services"]]
    assert names == sorted(names, key=str.lower)
    assert {"VBoxSDS", "WinRM"} <= set(names)


READER = {"name": "reader", "password": "Re4der!!", "groups": ["Remote Management Users"]}


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_facts_that_the_user_may_not_read_are_null(locale: str) -> None:
    spec = {
        **MODEL["hosts"][0],
        "locale": locale,
        "users": [{"name": "administrator", "password": "Passw0rd!"}, READER],
    }
    with open_lab({"hosts": [spec]}) as lab:
        everything = lab.succeeds("guest_info")["guest"]
        result = lab.by("reader").succeeds("guest_info")
        guest = result["guest"]
        assert set(guest) == set(everything)
        assert (guest["features"], guest["os"]) == (None, everything["os"])
        (warning,) = [line for line in result["warnings"] if "features" in line]
        assert warning.startswith("hv01: the features can't be read: ")
        assert "must be an administrator of the guest" in warning


def test_a_user_who_may_read_nothing_is_told_so(lab: Lab) -> None:
    lab.sim.faults.add(Rule("fault", fault="AccessDenied", times=0))
    lab.fails("guest_info", "not allowed")


def test_groups(lab: Lab) -> None:
    assert set(lab.succeeds("guest_info", include=["reboot"])["guest"]) == {"reboot_required", "reboot_reasons"}
    assert not any(entry.action == "Command" for entry in lab.requests)
    assert set(lab.succeeds("guest_info", include=["hypervisors", "system"])["guest"]) == {
        "os",
        "booted",
        "other_hypervisors",
    }


def test_nothing_is_pending_without_signs() -> None:
    with open_lab({"hosts": [{"name": "hv01", "hyperv": False}]}) as lab:
        guest = lab.succeeds("guest_info", include=["reboot", "hypervisors"])["guest"]
        assert guest == {"reboot_required": False, "reboot_reasons": [], "other_hypervisors": []}


IMAGE = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
ENGINE: dict[str, Any] = {
    "name": "hv01",
    "os": "server2022",
    "kind": "hyperv",
    "features": {"Containers": "enabled"},
    "docker": {"version": "29.6.2", "config": {"exec-opts": ["isolation=hyperv"]}},
    "files": [
        {"path": r"C:\i.tar", "content": {"docker_image": {"name": IMAGE, "os_version": "10.0.20348.5386"}}},
    ],
}


def test_no_engine(lab: Lab) -> None:
    guest = lab.succeeds("guest_info", include=["containers"])["guest"]
    assert guest == {"engine": None, "images": [], "containers": []}
    assert lab.cost() == 1


def test_engine_images_and_containers() -> None:
    with open_lab({"hosts": [ENGINE]}) as lab:
        lab.succeeds(
            "isolated_container", name="Web", image=IMAGE, source=r"C:\i.tar", command=["ping", "-t", "localhost"]
        )
        guest = lab.leaves_alone("guest_info", include=["containers"])["guest"]
        path = r"C:\Program Files\Docker"
        assert guest["engine"] == {
            "version": "29.6.2", "path": path, "state": "running", "start_mode": "auto", "answers": True
        }  # fmt: skip
        ((image,), (container,)) = guest["images"], guest["containers"]
        assert (image["name"], image["os_version"]) == (IMAGE, "10.0.20348.5386")
        assert (container["name"], container["image"], container["isolation"]) == ("Web", IMAGE, "hyperv")
        lab.succeeds("guest_service", name="docker", state="stopped")
        guest = lab.succeeds("guest_info", include=["containers"])["guest"]
        assert (guest["engine"]["answers"], guest["images"], guest["containers"]) == (False, None, None)


def test_a_check_shows_containers_that_do_not_exist_yet() -> None:
    with open_lab({"hosts": [ENGINE]}) as lab, check_run():
        lab.run("isolated_container", check=True, name="web", image=IMAGE, source=r"C:\i.tar")
        guest = lab.run("guest_info", check=True, include=["containers"])["guest"]
        assert [(row["name"], row["isolation"]) for row in guest["containers"]] == [("web", "hyperv")]


WSL: dict[str, Any] = {
    "name": "hv01",
    "os": "server2022",
    "hyperv": False,
    "features": {"VirtualMachinePlatform": "enabled", "Microsoft-Windows-Subsystem-Linux": "enabled"},
    "wsl": {
        "version": "2.7.14.0",
        "distributions": [{"name": "Ubuntu", "location": r"C:\wsl\Ubuntu"}, {"name": "old", "version": 1}],
    },
    "files": [{"path": r"C:\rootfs.tar", "content": {"rootfs": {"compress": False}}}],
}


def test_no_wsl(lab: Lab) -> None:
    assert lab.leaves_alone("guest_info", include=["wsl"])["guest"] == {"wsl": None, "distributions": []}


def test_wsl_and_its_distributions() -> None:
    with open_lab({"hosts": [WSL]}) as lab:
        guest = lab.leaves_alone("guest_info", include=["wsl"])["guest"]
        assert guest["wsl"] == {"version": "2.7.14.0", "path": r"C:\Program Files\WSL"}
        assert [(row["name"], row["version"], row["is_default"]) for row in guest["distributions"]] == [
            ("old", 1, False),
            ("Ubuntu", 2, True),
        ]
        with check_run():
            new = {"location": r"C:\wsl\new", "source": r"C:\rootfs.tar", "verify": False}
            assert not lab.run("wsl_distribution", check=True, name="new", **new).get("failed")
            assert not lab.run("wsl_distribution", check=True, name="ubuntu", state="absent").get("failed")
            found = lab.run("guest_info", check=True, include=["wsl"])["guest"]["distributions"]
            assert [row["name"] for row in found] == ["new", "old"]


def test_a_check_shows_what_it_foresees() -> None:
    model = {"hosts": [{"name": "hv01", "hyperv": False, "services": {"S": {"path": r"C:\s.exe"}}}]}
    with open_lab(model) as lab, check_run():
        lab.run("guest_feature", check=True, name=["Containers"])
        lab.run("guest_service", check=True, name="S", state="stopped")
        result = lab.run("guest_info", check=True)
        assert states(result)["Containers"] == "enable_pending"
        assert result["guest"]["reboot_required"] is True
        assert next(row["state"] for row in result["guest"]["services"] if row["name"] == "S") == "stopped"
        lab.run("guest_reboot", check=True, only_if_required=True)
        result = lab.run("guest_info", check=True)
        assert states(result)["Containers"] == "enabled"
        assert result["guest"]["reboot_required"] is False
    assert lab.machine.boots == 0
