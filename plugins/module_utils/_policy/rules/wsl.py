# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of WSL 2 in a VM."""

from __future__ import annotations

from ..rule import (
    ALWAYS_INFO,
    ALWAYS_WARN,
    GUEST,
    UNKNOWN,
    Facts,
    Observed,
    Request,
    Rule,
    Violation,
    at,
    at_least,
    counted,
    violations,
)
from .nesting import guest_build

_SERVER = "https://learn.microsoft.com/windows/wsl/install-on-server"
_MANUAL = "https://learn.microsoft.com/windows/wsl/install-manual"
_STORE = "https://github.com/microsoft/WSL/issues/9157"
_CONFIG = "https://learn.microsoft.com/windows/wsl/wsl-config"
_TROUBLESHOOTING = "https://learn.microsoft.com/windows/wsl/troubleshooting"
_INSTALLER = "https://github.com/microsoft/WSL/blob/master/src/windows/wslinstall/DllMain.cpp"

_WSL2 = frozenset({"wsl2"})
_FIRST_BUILD = 19041
_WINDOWS_11 = 22000
_FIRST_VFPEXT = 22621
# The first update of each build on which the MSI package of WSL installs without the Store package (_INSTALLER).
_DIRECT_MSI = {19044: 4529, 19045: 4474, 20348: 2582, 22621: 3672, 22631: 3672, 25398: 1009}
_FIRST_DIRECT = 26100  # with any update
# The first update of each build that the packaged WSL runs on: for Windows 10 KB5020030 of 2022-11-15
# (https://support.microsoft.com/help/5020030, and _STORE), for Windows Server 2022 its counterpart, KB5020032 of
# 2022-11-22 (https://support.microsoft.com/help/5020032); that WSL names this one is concluded from the dates.
_SUPPORT = {19041: 2311, 19042: 2311, 19043: 2311, 19044: 2311, 19045: 2311, 20348: 1311}


def _build(facts: Facts, _request: Request) -> Observed:
    build = guest_build(facts)
    if build is None:
        return UNKNOWN
    return f"a guest of build {build}" if build < _FIRST_BUILD else None


def _update(facts: Facts, _request: Request) -> Observed:
    build, update = guest_build(facts), at(facts, "guest.software.revision")
    if build is None or (update is None and build in _DIRECT_MSI):
        return UNKNOWN
    if build >= _FIRST_DIRECT or (build in _DIRECT_MSI and update >= _DIRECT_MSI[build]):
        return None
    return f"a guest of build {build}" + (f".{update}" if update is not None else "")


def _support(facts: Facts, _request: Request) -> Observed:
    build, update = guest_build(facts), at(facts, "guest.software.revision")
    if build is None or (update is None and build in _SUPPORT):
        return UNKNOWN
    return f"a guest of build {build}.{update}" if (update or 0) < _SUPPORT.get(build, 0) else None


def missing_features(facts: Facts, names: tuple[str, ...]) -> Observed:
    """Those of the Windows features that are not enabled in the guest."""
    features = at(facts, "guest.features")
    if features is None:
        return UNKNOWN
    missing = [name for name in names if features.get(name) != "enabled"]
    return f"the features {', '.join(missing)} are not enabled" if missing else None


def _features(facts: Facts, _request: Request) -> Observed:
    build = at(facts, "guest.os.build")
    if build is None:
        return UNKNOWN
    linux = ("Microsoft-Windows-Subsystem-Linux",) if build < _WINDOWS_11 else ()
    return missing_features(facts, ("VirtualMachinePlatform", *linux))


def _services(facts: Facts, _request: Request) -> Observed:
    """The services behind VirtualMachinePlatform, once the feature is enabled."""
    states, build = at(facts, "guest.software.services"), at(facts, "guest.os.build")
    if states is None or build is None:
        return UNKNOWN
    if at(facts, "guest.features.VirtualMachinePlatform") != "enabled":
        return None
    wanted = ("HNS", "vmcompute", *(("vfpext",) if build >= _FIRST_VFPEXT else ()))
    missing = [name for name in wanted if name.lower() not in {known.lower() for known in states}]
    return f"the services {', '.join(missing)} do not exist" if missing else None


def _sharing(facts: Facts, _request: Request) -> Observed:
    states = at(facts, "guest.software.services")
    if states is None:
        return UNKNOWN
    return "SharedAccess is disabled" if states.get("SharedAccess") == "disabled" else None


GUEST_TOO_OLD, LACKS_SUPPORT, LACKS_UPDATE = _INSTALLING = (
    Rule(
        "wsl-guest-build",
        checks="The Windows of the guest has WSL 2",
        message="WSL 2 needs Windows 10 2004 (build 19041) or later, or Windows Server 2022 (build 20348) or later; "
        "Windows Server 2019 has WSL 1 only",
        remedy="Upgrade Windows in the guest",
        source=_SERVER,
        check=_build,
        reads=("guest.os", "vm.guest"),
        scenarios=_WSL2,
        refs=("P30",),
    ),
    Rule(
        "wsl-guest-support",
        checks="The guest has the update that WSL from the MSI package requires",
        message="before Windows 11, WSL from the MSI package needs the update KB5020030 (revision 2311) of Windows 10, "
        "or KB5020032 (revision 1311) of Windows Server 2022",
        remedy="Install the current updates in the guest",
        source=_STORE,
        check=_support,
        reads=("guest.os", "guest.software", "vm.guest"),
        scenarios=_WSL2,
        refs=("P31",),
    ),
    Rule(
        "wsl-guest-update",
        checks="The updates of the guest let the MSI package of WSL install without the Store",
        message="on Windows without recent updates, the MSI package of WSL installs a Store package as well, which "
        "fails in sessions without a desktop",
        remedy="Install updates in the guest, or install the MSI package with SKIPMSIX=1",
        source=_INSTALLER,
        check=_update,
        reads=("guest.os", "guest.software", "vm.guest"),
        scenarios=_WSL2,
        severity=ALWAYS_WARN,
        refs=("P31",),
    ),
)

RULES = (
    *_INSTALLING,
    Rule(
        "wsl-processors",
        checks="The VM has at least two virtual processors",
        message="WSL 2 shares the virtual processors of the VM with Windows, so that fewer than two are slow",
        remedy="Assign two or more virtual processors to the VM (vm_processor)",
        source=_CONFIG,
        check=at_least("vm.processor.count", 2, lambda count: counted(count, "virtual processor")),
        reads=("vm.processor",),
        scenarios=_WSL2,
        severity=ALWAYS_WARN,
        refs=("P18",),
    ),
    Rule(
        "wsl-features",
        checks="The Windows features of WSL 2 are enabled in the guest",
        message="WSL 2 needs the feature VirtualMachinePlatform, before Windows 11 and Windows Server 2025 also "
        "Microsoft-Windows-Subsystem-Linux",
        remedy="Enable the features in the guest and restart it",
        source=_MANUAL,
        check=_features,
        reads=("guest.features", "guest.os"),
        about=GUEST,
        scenarios=_WSL2,
        severity=ALWAYS_INFO,
        refs=("P32",),
    ),
    Rule(
        "wsl-services",
        checks="The services of VirtualMachinePlatform exist in the guest if the feature is enabled",
        message="WSL 2 needs the services HNS and vmcompute, and vfpext since build 22621; the Hyper-V role alone "
        "does not install all of them",
        remedy="Restart the guest; if they are still missing, disable and enable the feature VirtualMachinePlatform",
        source=_TROUBLESHOOTING,
        check=_services,
        reads=("guest.features", "guest.os", "guest.software"),
        about=GUEST,
        scenarios=_WSL2,
        refs=("P33",),
    ),
    Rule(
        "wsl-connection-sharing",
        checks="The service SharedAccess of the guest is not disabled",
        message="the NAT of WSL 2 needs Internet Connection Sharing, the service SharedAccess",
        remedy="Set the start type of the service SharedAccess to Manual, and check the group policies that disable it",
        source=_TROUBLESHOOTING,
        check=_sharing,
        reads=("guest.software",),
        about=GUEST,
        scenarios=_WSL2,
        refs=("P33",),
    ),
)


def lacks(build: int, revision: int | None) -> list[Violation]:
    """The rules that prevent WSL 2 on a Windows of this build and revision, if that is known."""
    return _lacks((GUEST_TOO_OLD, LACKS_SUPPORT), build, revision)


def lacks_of_installer(build: int, revision: int | None) -> list[Violation]:
    """The rules for which the MSI package of WSL may fail there."""
    return _lacks((LACKS_UPDATE,), build, revision)


def _lacks(rules: tuple[Rule, ...], build: int, revision: int | None) -> list[Violation]:
    facts = {"guest": {"os": {"build": build}, "software": {"revision": revision}}}
    return violations(rules, facts, Request("wsl2"))[0]
