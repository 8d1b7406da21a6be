"""What WSL's Windows Installer package puts on a machine, and takes away again (microsoft/WSL, package.wix.in)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...machine.contents import WSL_UPGRADE_CODE, msi, read_msi
from ..software import AUTO, STOPPED, Package, Service

if TYPE_CHECKING:
    from ...machine.machine import Machine

FOLDER = r"C:\Program Files\WSL"
PROGRAM = rf"{FOLDER}\wsl.exe"
KEY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI"
SERVICE = "WSLService"
FILES = ("wslg.exe", "wslc.exe", "wslhost.exe", "wslrelay.exe", "wslservice.exe", "system.vhd")
# What the versions bring (output of wsl --version in reports); others have what 2.7.11 has.
COMPONENTS = {
    "kernel": "6.18.33.2-2",
    "wslg": "1.0.73.2",
    "msrdc": "1.2.6676",
    "direct3d": "1.611.1-81528511",
    "dxcore": "10.0.26100.1-240331-1435.ge-release",
}
FIRST_BUILD = 19041
# First revision of a build that runs an installed MSI without a Store package (DllMain.cpp); 0: every revision.
DIRECT = {19044: 4529, 19045: 4474, 20348: 2582, 22621: 3672, 22631: 3672, 25398: 1009}
ALWAYS_DIRECT = 26100


def runs_directly(machine: Machine) -> bool:
    build, revision = machine.os["build"], machine.os["revision"]
    return build >= ALWAYS_DIRECT or revision >= DIRECT.get(build, revision + 1)


def is_wsl(package: dict[str, str]) -> bool:
    return package.get("upgrade_code", "").upper() == WSL_UPGRADE_CODE


def default_package(version: str) -> dict[str, str]:
    """The package of a version, for machines that have it from the beginning."""
    package = read_msi(msi(version))
    assert package is not None
    return package


def installed(machine: Machine) -> dict[str, str] | None:
    """The installed package with its components."""
    file = machine.files.get(PROGRAM)
    if file is None or KEY not in machine.software.registry:
        return None
    try:
        return {**COMPONENTS, **json.loads(file.content)}
    except ValueError:
        return dict(COMPONENTS)


def install(machine: Machine, package: dict[str, str]) -> None:
    """Files, keys and the service, which isn't started."""
    remove(machine)
    machine.files.write(PROGRAM, json.dumps(package).encode())
    for name in FILES:
        machine.files.write(rf"{FOLDER}\{name}", b"MZ")
    software = machine.software
    for name, data in (
        ("InstallLocation", FOLDER + "\\"),
        ("ProductCode", package["code"]),
        ("Version", package["version"]),
    ):
        software.registry.write(KEY, name, data)
    software.add_package(Package(package["code"], package["product"], package["version"], package["publisher"]))
    path = rf'"{FOLDER}\wslservice.exe"'
    software.services[SERVICE.lower()] = Service(SERVICE, "WSL Service", path, AUTO, STOPPED, STOPPED)


def remove(machine: Machine) -> None:
    """Everything of the installed package; the service is stopped, and with it all that runs in it."""
    software = machine.software
    code = software.registry.data(KEY, "ProductCode")
    if code is None:
        return
    software.remove_package(code)
    software.registry.delete(KEY)
    software.services.pop(SERVICE.lower(), None)
    for file in machine.files.within(FOLDER):
        machine.files.delete(file.path)
    machine.files.delete_folder(FOLDER)
