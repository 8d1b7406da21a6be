# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of Hyper-V on a host (Msvm_VirtualSystemManagementServiceSettingData)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task import table
from ..._task.errors import Invalid, Missing, within
from ..._task.mac import format_mac, parse_mac
from ..._task.session import Target
from ..._task.step import Step
from ..._task.table import Kind, Property
from ..._windows import paths
from ..._wsman import cim
from ..._wsman.cim import Instance
from .. import jobs
from ..schema import HOST_SETTINGS, VM_SERVICE
from . import capacity

OPTIONS: dict[str, Any] = {
    "vm_path": {"type": "str"},
    "disk_path": {"type": "str"},
    "mac_range": {"type": "list", "elements": "str"},
    "numa_spanning": {"type": "bool"},
    "enhanced_session_mode": {"type": "bool"},
}
FOLDERS = ("vm_path", "disk_path")


def _folder(path: str) -> str:
    r"""A folder in its one spelling; a drive itself is ``D:\``."""
    text = paths.canonical(path, of_folder=True)
    return f"{text}\\" if text.endswith(":") else text


FOLDER = Kind(parse=_folder)
MAC = Kind(read=format_mac, parse=lambda text: format_mac(parse_mac(text)), write=parse_mac)

PROPERTIES = (
    Property("vm_path", "DefaultExternalDataRoot", FOLDER),
    Property("disk_path", "DefaultVirtualHardDiskPath", FOLDER),
    Property("numa_spanning", "NumaSpanningEnabled"),
    Property("enhanced_session_mode", "EnhancedSessionModeEnabled"),
)
# The two ends of `mac_range`.
RANGE = (Property("minimum", "MinimumMacAddress", MAC), Property("maximum", "MaximumMacAddress", MAC))


def parse(options: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted settings. Raises Invalid."""
    wanted = table.parse(PROPERTIES, options)
    if options["mac_range"] is not None:
        wanted["mac_range"] = _parse_range(options["mac_range"])
    return wanted


def _parse_range(addresses: list[str]) -> list[str]:
    if len(addresses) != len(RANGE):
        text = f"needs two addresses, the first and the last one of the range; it has {len(addresses)}"
        raise Invalid(text, option="mac_range")
    with within("mac_range"):
        first, last = (MAC.parse(address) for address in addresses)
    if first > last:
        raise Invalid(f"begins with {first}, which is after its end, {last}; exchange them", option="mac_range")
    return [first, last]


def fetch(host: Target) -> Instance:
    """The settings; one request. Raises Missing if the user may not see them."""
    rows = host.client.query(HOST_SETTINGS, columns=tuple(HOST_SETTINGS.properties))
    if not rows:
        raise Missing(
            "the host shows no settings of Hyper-V to this user, who must be an administrator of the host, or in its "
            "'Hyper-V Administrators' group"
        )
    return rows[0]


def describe(row: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as options, as the module host_info returns them."""
    return {**table.read(PROPERTIES, row), "mac_range": list(table.read(RANGE, row).values())}


def differing(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted settings that the host doesn't have; folders are compared as Windows compares them."""
    current = describe(row)
    differ = (name for name, value in wanted.items() if _comparable(name, value) != _comparable(name, current[name]))
    return {name: wanted[name] for name in differ}


def _comparable(option: str, value: Any) -> Any:
    return paths.key(value or "").rstrip("\\") if option in FOLDERS else value


def plan(host: Target, row: Instance, wanted: Mapping[str, Any]) -> list[Step]:
    """One step for all settings that differ. Raises Missing if a folder is on a drive that the host doesn't have."""
    for option in FOLDERS:
        if option in wanted:
            capacity.check_drive(host, wanted[option], option)
    ends = dict(zip(("minimum", "maximum"), wanted.get("mac_range", ()), strict=False))
    written = table.values([*table.changes(PROPERTIES, row, wanted), *table.changes(RANGE, row, ends)])
    current, what = describe(row), f"set {', '.join(wanted)} of the host"
    before = {name: current[name] for name in wanted}

    def apply() -> None:
        settings = cim.embedded(HOST_SETTINGS, {"InstanceID": row["InstanceID"], **written})
        jobs.call(host, VM_SERVICE, "ModifyServiceSettings", {"SettingData": settings}, what=what)

    return [Step(what, before, wanted, apply)]
