# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM's own settings (Msvm_VirtualSystemSettingData): notes, automatic actions, checkpoints, secure boot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..._task import table
from ..._task.errors import Refused, within
from ..._task.step import Step, merge
from ..._task.table import Kind, Property, choice
from ..._windows.schema import OPERATING_SYSTEM
from . import firmware, resources
from .parts import Parts

# Notes are an array in CIM of which hosts keep the first element only.
NOTES = Kind(
    parse=lambda text: text.replace("\r\n", "\n"),
    read=lambda notes: "\n".join(notes or []).replace("\r\n", "\n"),
    write=lambda text: [text],
)
SECONDS = Kind(
    read=lambda interval: None if interval is None else int(interval.total_seconds()),
    write=lambda seconds: timedelta(seconds=seconds),
)

START_ACTIONS = {"nothing": 2, "restart_if_running": 3, "always": 4}
STOP_ACTIONS = {"turn_off": 2, "save": 3, "shut_down": 4}
CHECKPOINT_TYPES = {"disabled": 2, "production": 3, "production_only": 4, "standard": 5}
CHECKPOINT_TYPE = choice(CHECKPOINT_TYPES)

# Section of the options -> its properties; the section "" is the top level.
SECTIONS: dict[str, tuple[Property, ...]] = {
    "": (Property("notes", "Notes", NOTES), Property("new_name", "ElementName")),
    "automatic_start": (
        Property("action", "AutomaticStartupAction", choice(START_ACTIONS)),
        Property("delay", "AutomaticStartupActionDelay", SECONDS, least=0, most=1 << 20),
    ),
    "automatic_stop": (Property("action", "AutomaticShutdownAction", choice(STOP_ACTIONS)),),
    "checkpoints": (
        Property("type", "UserSnapshotType", CHECKPOINT_TYPE),
        Property("automatic", "AutomaticSnapshotsEnabled"),
    ),
    "firmware": firmware.PROPERTIES,
}

OPTIONS: dict[str, Any] = {
    "notes": {"type": "str"},
    "automatic_start": {
        "type": "dict",
        "options": {"action": {"type": "str", "choices": list(START_ACTIONS)}, "delay": {"type": "int"}},
    },
    "automatic_stop": {
        "type": "dict",
        "options": {"action": {"type": "str", "choices": list(STOP_ACTIONS)}},
    },
    "checkpoints": {
        "type": "dict",
        "options": {"type": {"type": "str", "choices": list(CHECKPOINT_TYPES)}, "automatic": {"type": "bool"}},
    },
    "firmware": {"type": "dict", "options": firmware.OPTIONS},
}

# The settings of a VM that was just created, as far as a plan looks at them.
FRESH: dict[str, Any] = {
    "Notes": [],
    "AutomaticStartupAction": START_ACTIONS["restart_if_running"],
    "AutomaticStartupActionDelay": timedelta(0),
    "AutomaticShutdownAction": STOP_ACTIONS["save"],
    "UserSnapshotType": CHECKPOINT_TYPES["standard"],  # New-VM sets production by itself
    "AutomaticSnapshotsEnabled": None,  # on on client hosts, off on servers
    "VirtualNumaEnabled": False,
    **firmware.FRESH,
}

# The first build of Windows that has automatic checkpoints (Windows 10 1709).
FIRST_AUTOMATIC = 16299

Wanted = Mapping[str, Mapping[str, Any]]


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted options by section, without the boot order. Raises Invalid."""
    return {section: _parse(section, properties, params) for section, properties in SECTIONS.items()}


def _parse(section: str, properties: tuple[Property, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    if not section:
        return table.parse(properties, params)
    with within(section):
        return table.parse(properties, params[section] or {})


def values(parts: Parts, wanted: Wanted) -> dict[str, Any]:
    """The CIM properties of all these options, for a VM that is created."""
    supported = _supported(parts, wanted)
    return {
        row.cim: row.kind.write(supported[section][row.option])
        for section, properties in SECTIONS.items()
        for row in properties
        if row.option in supported[section]
    }


def _supported(parts: Parts, wanted: Wanted) -> Wanted:
    """The wanted options without those that are as wanted on any host that lacks them. Raises Refused."""
    wanted = firmware.without_harmless(parts, wanted)
    checkpoints = wanted["checkpoints"]
    if "automatic" not in checkpoints or not _lacks_automatic(parts):
        return wanted
    if checkpoints["automatic"]:
        text = "this host has no automatic checkpoints, which need Windows Server 2019 or Windows 10 1709; leave it out"
        raise Refused(text, option="checkpoints.automatic", vm=parts.vm.name)
    return {**wanted, "checkpoints": {key: value for key, value in checkpoints.items() if key != "automatic"}}


def _lacks_automatic(parts: Parts) -> bool:
    """Whether the host is too old for automatic checkpoints; costs a request for a VM that doesn't exist yet."""
    if parts.vm.id:
        return parts.settings.get("AutomaticSnapshotsEnabled") is None
    query = parts.host.client.query
    windows = parts.host.once("build", lambda: query(OPERATING_SYSTEM, columns=("Name", "BuildNumber"))[0])
    return int(windows["BuildNumber"]) < FIRST_AUTOMATIC


def plan(parts: Parts, wanted: Wanted) -> list[Step]:
    """One step for all sections, since one write carries all settings. Raises Invalid, Refused."""
    wanted = _supported(parts, wanted)
    firmware.check(parts, wanted["firmware"])
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    written: dict[str, Any] = {}
    needs_off: list[str] = []
    for section, properties in SECTIONS.items():
        for change in table.changes(properties, parts.settings, wanted[section]):
            for side, value in ((before, change.before), (after, change.after)):
                option = {change.option: change.property.format(value)}
                merge(side, {section: option} if section else option)
            written |= table.values([change])
            if change.property.needs_off:
                needs_off.append(f"{section}.{change.option}")

    def apply() -> None:
        resources.modify_settings(parts.host, parts.vm, written)

    return [Step(f"set settings of {parts.vm}", before, after, apply, tuple(needs_off))]
