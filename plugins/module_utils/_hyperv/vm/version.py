# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration version of a VM: chosen when it is created, and upgraded afterwards, which can't be undone.

PowerShell's Update-VMVersion sends UpgradeSystemVersion without settings: a host upgrades to its latest version only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.answer import Output
from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.session import Target
from ..._task.step import Step
from .. import jobs
from ..host import facts as host_facts
from ..host.facts import by_number
from ..schema import VM_SERVICE, VM_SETTINGS
from . import checkpoint
from .find import VM
from .parts import Parts

OPTIONS: dict[str, Any] = {"version": {"type": "str"}, "upgrade_version": {"type": "bool", "default": False}}

LATEST = "latest"
_NUMBER = re.compile(r"(\d{1,3})(\.\d{1,3})?")


class Wanted(NamedTuple):
    """A configuration version such as ``9.0``, or LATEST, and whether the user permits an upgrade to it."""

    version: str
    upgrade: bool


def parse(params: Mapping[str, Any]) -> Wanted | None:
    """The wanted version; None if the task says nothing of it. Raises Invalid."""
    text = params["version"]
    if text is None:
        return None
    version, number = text.strip().lower(), _NUMBER.fullmatch(text.strip())
    if version != LATEST and not number:
        raise Invalid(f"'{text}' is not a configuration version; write 'latest', or one such as 9.0", option="version")
    if number and not number[2]:
        version += ".0"
    return Wanted(version, params["upgrade_version"])


def of_new(host: Target, name: str, wanted: Wanted | None) -> str | None:
    """The version that a new VM gets, if the task says. Raises Refused if the host doesn't support it."""
    if wanted is None:
        return None
    if wanted.version == LATEST:
        return host_facts.fetch_latest_vm_version(host)
    supported = host_facts.fetch_vm_versions(host)
    if supported and wanted.version not in supported:
        raise Refused(
            f"VM '{name}' can't have configuration version {wanted.version}, which this host doesn't support; it "
            f"supports {', '.join(supported)}",
            option="version",
            vm=name,
            supported=supported,
        )
    return wanted.version


def values(wanted: Wanted | None) -> dict[str, Any]:
    """The CIM properties that a VM is created with; a host gives a new VM its latest version by itself."""
    return {} if wanted is None or wanted.version == LATEST else {"Version": wanted.version}


def plan(parts: Parts, wanted: Wanted | None) -> list[Step]:
    """The upgrade to the wanted version. Raises Refused if it isn't permitted, or can't be."""
    if wanted is None:
        return []
    host, vm, current = parts.host, parts.vm, parts.settings["Version"] or ""
    if not vm.id:  # the step that creates the VM sets it
        return [Step(f"set the version of {vm}", {}, {"version": current or wanted.version}, lambda: None)]
    if wanted.version == current:
        return []
    if wanted.version != LATEST and by_number(wanted.version) < by_number(current):
        text = f"which can't be lowered to {wanted.version}. Leave it out, or create another VM"
        raise _refused(vm, current, text)
    latest = host_facts.fetch_latest_vm_version(host) or current
    version = latest if wanted.version == LATEST else wanted.version
    if by_number(version) <= by_number(current):
        return []
    _check_upgrade(parts, version, latest, wanted.upgrade)
    parts.planned_version = version
    before, after = {"version": current}, {"version": version}
    return [Step(f"upgrade the version of {vm}", before, after, lambda: _upgrade(host, vm, version), ("version",))]


def _check_upgrade(parts: Parts, version: str, latest: str, permitted: bool) -> None:
    """Raise Refused if the upgrade would lead elsewhere, isn't permitted, or would lose saved states."""
    host, vm, current = parts.host, parts.vm, parts.settings["Version"] or ""
    if version != latest:
        text = f"and this host upgrades VMs to {latest} only, not to {version}. Set 'version: latest', or leave it out"
        raise _refused(vm, current, text)
    if not permitted:
        raise _refused(
            vm,
            current,
            f"and the task asks for {version}. An upgrade can't be undone, and older hosts can't run the VM "
            "afterwards. Permit it with 'upgrade_version: true', or leave it out",
        )
    saved = [snapshot.name for snapshot in checkpoint.query(host, vm) if snapshot.saved and not snapshot.automatic]
    if saved:
        raise _refused(
            vm,
            current,
            f"and can't be upgraded while checkpoints of it contain a saved state ({', '.join(map(repr, saved))}). "
            "Delete these checkpoints first",
            checkpoints=saved,
        )


def _refused(vm: VM, current: str, text: str, **details: Any) -> Refused:
    return Refused(f"{vm} has configuration version {current}, {text}", option="version", vm=vm.name, **details)


def _upgrade(host: Target, vm: VM, version: str) -> None:
    what = f"upgrade the configuration version of {vm} to {version}"

    def fetch() -> str:
        return host.client.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm.id}"})["Version"] or ""

    def look() -> Output | None:
        return {} if fetch() == version else None

    arguments = {"ComputerSystem": vm.reference, "UpgradeSettingData": ""}
    jobs.call(host, VM_SERVICE, "UpgradeSystemVersion", arguments, what=what, look=look)
    if (reached := fetch()) != version:
        raise MethodFailed(f"the host was to {what}, and it has version {reached} now", method="UpgradeSystemVersion")
