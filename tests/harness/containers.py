# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of guests for containers: a Windows in a VM, with or without what containers need."""

from __future__ import annotations

from typing import Any

from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar

GUEST = "guest01"
NANO = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
NEWER = "mcr.microsoft.com/windows/nanoserver:ltsc2025"
VERSION, NEXT = "29.6.2", "29.7.2"
ZIP, NEXT_ZIP = (rf"C:\Install\docker-{version}.zip" for version in (VERSION, NEXT))
SAVED = r"C:\Install\nanoserver.tar"
PING = ["ping", "-t", "localhost"]
ENGINE: dict[str, Any] = {"version": VERSION, "config": {"exec-opts": ["isolation=hyperv"], "group": "Users"}}


URL = f"https://download.example/win/static/stable/x86_64/docker-{VERSION}.zip"


def guest(*, nested: bool = True, **machine: Any) -> dict[str, Any]:
    """A Hyper-V host with one VM, whose Windows the tests manage; Windows with features, but without an engine."""
    windows = {
        "os": "server2022",
        "hyperv": True,
        "features": {"Containers": "enabled"},
        "restart": {"closing": 3, "boot": 60},
        "servicing": {"seconds": 20, "after_restart": 45},
        **machine,
    }
    vm = {
        "name": GUEST,
        "state": "running",
        "nested": nested,
        "memory": {"startup": "8GB"},
        "guest": {"machine": windows},
    }
    web = {URL: {"content": {"docker_engine": {"version": VERSION}}, "seconds": 60}}
    return {"hosts": [{"name": "hv01", "vms": [vm], "web": web}]}


def bare(**machine: Any) -> dict[str, Any]:
    """The same before its features are enabled."""
    return guest(**{"hyperv": False, "features": {}, **machine})


def add_files(machine: Any) -> None:
    """The files that a guest without a network gets."""
    for path, content in (
        (ZIP, engine_zip(VERSION)),
        (NEXT_ZIP, engine_zip(NEXT)),
        (SAVED, image_tar("10.0.20348.5386", NANO)),
    ):
        machine.files.write(path, content)
