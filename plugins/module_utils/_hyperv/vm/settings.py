# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM's own settings (Msvm_VirtualSystemSettingData): notes, automatic actions, checkpoints, firmware."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from ..._task import table
from ..._task.errors import Invalid, Refused, within
from ..._task.session import Host
from ..._task.step import Step
from ..._task.table import Kind, Property, choice
from ..._wsman import cim
from .. import jobs
from ..schema import VM_CONFIGURATION, VM_SERVICE
from ..storage.layout import DISK, DVD, SCSI, Layout, Place
from .find import VM

# Secure boot templates that every host knows; their ids are Hyper-V's own.
TEMPLATES = {
    "windows": "1734C6E8-3154-4DDA-BA5F-A874CC483422",
    "uefi_ca": "272E7447-90A4-4563-A4B9-8E4AB00526CE",
    "shielded_open_source": "4292AE2B-EE2C-42B5-A969-DD8F8689F6F3",
}

# Notes are an array in CIM of which hosts keep the first element only.
NOTES = Kind(read=lambda notes: "\n".join(notes or []).replace("\r\n", "\n"), write=lambda text: [text])
SECONDS = Kind(
    read=lambda interval: None if interval is None else int(interval.total_seconds()),
    write=lambda seconds: timedelta(seconds=seconds),
)
TEMPLATE = Kind(
    read=lambda guid: {value: name for name, value in TEMPLATES.items()}.get((guid or "").upper(), guid),
    write=lambda name: TEMPLATES[name],
)

START_ACTIONS = {"nothing": 2, "restart_if_running": 3, "always": 4}
STOP_ACTIONS = {"turn_off": 2, "save": 3, "shut_down": 4}
CHECKPOINT_TYPES = {"disabled": 2, "production": 3, "production_only": 4, "standard": 5}

# Section of the options -> its properties; the section "" is the top level.
SECTIONS: dict[str, tuple[Property, ...]] = {
    "": (Property("notes", "Notes", NOTES),),
    "automatic_start": (
        Property("action", "AutomaticStartupAction", choice(START_ACTIONS)),
        Property("delay", "AutomaticStartupActionDelay", SECONDS, least=0, most=1 << 20),
    ),
    "automatic_stop": (Property("action", "AutomaticShutdownAction", choice(STOP_ACTIONS)),),
    "checkpoints": (
        Property("type", "UserSnapshotType", choice(CHECKPOINT_TYPES)),
        Property("automatic", "AutomaticSnapshotsEnabled"),
    ),
    "firmware": (
        Property("secure_boot", "SecureBootEnabled", needs_off=True),
        Property("secure_boot_template", "SecureBootTemplateId", TEMPLATE, needs_off=True),
    ),
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
    "firmware": {
        "type": "dict",
        "options": {
            "secure_boot": {"type": "bool"},
            "secure_boot_template": {"type": "str", "choices": list(TEMPLATES)},
            "boot_order": {"type": "list", "elements": "str"},
        },
    },
}

# Generation 1: what Msvm_VirtualSystemSettingData.BootOrder numbers.
_BIOS_DEVICES = {"floppy": 0, "dvd": 1, "disk": 2, "network": 3}


# What a VM has that was just made, as far as a plan looks at it.
FRESH: dict[str, Any] = {
    "Notes": [],
    "AutomaticStartupAction": START_ACTIONS["restart_if_running"],
    "AutomaticStartupActionDelay": timedelta(0),
    "AutomaticShutdownAction": STOP_ACTIONS["save"],
    "UserSnapshotType": CHECKPOINT_TYPES["production"],
    "AutomaticSnapshotsEnabled": None,  # on on client hosts, off on servers
    "SecureBootEnabled": True,
    "SecureBootTemplateId": TEMPLATES["windows"],
    "BootOrder": [1, 2, 3, 0],
    "BootSourceOrder": [],
    "Version": None,
}


def read(host: Host, vm: VM) -> dict[str, Any]:
    """The VM's own settings; one request, which copes with properties that older hosts don't have."""
    return host.client.get(VM_CONFIGURATION, {"InstanceID": f"Microsoft:{vm.id}"})


def generation(row: Mapping[str, Any]) -> int:
    """1 or 2, from the VM's subtype; old VMs have none and are of generation 1."""
    return int((row["VirtualSystemSubType"] or "").rpartition(":")[2] or 1)


def parse(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The wanted options by section, without the boot order. Raises Invalid."""
    return {section: _parse(section, properties, params) for section, properties in SECTIONS.items()}


def _parse(section: str, properties: tuple[Property, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    if not section:
        return table.parse(properties, params)
    with within(section):
        return table.parse(properties, params[section] or {})


def check(host: Host, vm: VM, row: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise Invalid where firmware options are not for this VM, Refused where they are not for this host."""
    firmware = wanted["firmware"]
    if not firmware:
        return
    if generation(row) == 1:
        raise Invalid(
            f"firmware.{next(iter(firmware))}: {vm} is of generation 1, which has no secure boot; leave it out",
            vm=vm.name,
        )
    template = firmware.get("secure_boot_template")
    if template is None or TEMPLATES[template] == (row["SecureBootTemplateId"] or "").upper():
        return
    there = host.once("secure boot templates", lambda: _templates(host))
    if there and TEMPLATES[template] not in there:
        raise Refused(
            f"firmware.secure_boot_template: this host doesn't have {template} for {vm}; it has "
            f"{', '.join(sorted(map(TEMPLATE.read, there)))}",
            vm=vm.name,
        )


def _templates(host: Host) -> set[str]:
    """Ids of the host's secure boot templates: its own instances of the settings name them (HV-13)."""
    where = f"InstanceID LIKE {cim.like_prefix('Microsoft:Definition')}"
    rows = host.client.query(VM_CONFIGURATION, columns=("InstanceID", "SecureBootTemplateId"), where=where)
    return {row["SecureBootTemplateId"].upper() for row in rows if (row["SecureBootTemplateId"] or "").strip("0-")}


def values(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The CIM properties of all these options, for a VM that is made."""
    return {
        row.cim: row.kind.write(wanted[section][row.option])
        for section, properties in SECTIONS.items()
        for row in properties
        if row.option in wanted[section]
    }


def plan(host: Host, vm: VM, row: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]]) -> Step:
    """One step for all sections, since one write carries them all."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    written: dict[str, Any] = {}
    offline: list[str] = []
    for section, properties in SECTIONS.items():
        for change in table.changes(properties, row, wanted[section]):
            (before.setdefault(section, {}) if section else before)[change.option] = change.property.shown(
                change.before
            )
            (after.setdefault(section, {}) if section else after)[change.option] = change.property.shown(change.after)
            written |= table.values([change])
            if change.property.needs_off:
                offline.append(f"{section}.{change.option}")
    return Step(f"set settings of {vm}", before, after, lambda: write(host, vm, written), tuple(offline))


def write(host: Host, vm: VM, values: Mapping[str, Any]) -> None:
    """Write these properties of the VM's own settings and no others."""
    text = cim.embedded(VM_CONFIGURATION, {"InstanceID": f"Microsoft:{vm.id}", **values})
    what = f"change {', '.join(values)} of {vm}"
    jobs.call(host, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what)


def boot_devices(order: Iterable[str], layout: Layout, adapters: Mapping[str, str], vm: VM) -> list[str]:
    """InstanceIDs of the devices that the entries of boot_order name. Raises Invalid, Refused.

    Entries are ``disk``, ``dvd`` or ``network``, alone for the first one of the VM, or with ``:`` and a place such as
    ``scsi 0:1`` (or ``0:1``), the path of a disk, or the name of an adapter.
    """
    return [_boot_device(entry, layout, adapters, vm) for entry in order]


def _boot_device(entry: str, layout: Layout, adapters: Mapping[str, str], vm: VM) -> str:
    kind, _colon, which = entry.partition(":")
    kind, which = kind.strip().lower(), which.strip()
    if kind == "network":
        found = [adapter for name, adapter in adapters.items() if not which or name.lower() == which.lower()]
    elif kind in (DISK, DVD):
        place = _place(which)
        found = [
            drive.id
            for drive in layout.drives
            if drive.kind == kind and (not which or drive.place == place or (drive.path or "").lower() == which.lower())
        ]
    else:
        raise Invalid(
            f"firmware.boot_order: '{entry}' names no device of {vm}; write disk, dvd or network, "
            "or one of them such as 'disk:0:1', 'disk:C:\\vms\\os.vhdx' or 'network:Network Adapter'",
            vm=vm.name,
        )
    if not found:
        raise Refused(f"firmware.boot_order: '{entry}' is not attached to {vm}; attach it, or leave it out", vm=vm.name)
    return found[0]


def _place(text: str) -> Place | None:
    parts = text.lower().removeprefix(SCSI).strip().split(":")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return Place(SCSI, int(parts[0]), int(parts[1]))
    return None


def boot_source_order(current: list[str], devices: list[str]) -> list[str]:
    """The VM's boot sources with these devices' first; hosts want every source listed, so the others follow."""
    by_device = {_device(path): path for path in current}
    first = [by_device[device.lower()] for device in devices if device.lower() in by_device]
    return first + [path for path in current if path not in first]


def _device(path: str) -> str:
    """InstanceID of the device behind a boot source (``<device>\\B``), in lower case."""
    return cim.parse_path(path).keys["InstanceID"].lower().removesuffix("\\b")


def bios_order(order: Iterable[str], vm: VM) -> list[int]:
    """BootOrder of a generation 1 VM: the named kinds of devices first, all four in any case. Raises Invalid."""
    numbers = []
    for entry in order:
        if entry.lower() not in _BIOS_DEVICES:
            raise Invalid(
                f"firmware.boot_order: '{entry}' is not for {vm}, which is of generation 1; "
                f"write {', '.join(_BIOS_DEVICES)}",
                vm=vm.name,
            )
        numbers.append(_BIOS_DEVICES[entry.lower()])
    return numbers + [number for number in _BIOS_DEVICES.values() if number not in numbers]


def plan_boot_order(
    host: Host,
    vm: VM,
    row: Mapping[str, Any],
    order: list[str] | None,
    layout: Layout,
    adapter_ids: Callable[[], Mapping[str, str]],
) -> list[Step]:
    """The step to this boot order; devices that earlier steps add have their ids when it is applied, not before.

    ``adapter_ids`` gives ids by name. Raises Invalid, Refused.
    """
    if order is None:
        return []
    if generation(row) == 1:
        wanted = bios_order(order, vm)
        before, after = _bios_words(row["BootOrder"]), _bios_words(wanted)
        return [_boot_step(vm, before, after, lambda: write(host, vm, {"BootOrder": wanted}))]
    adapters = adapter_ids()
    devices = boot_devices(order, layout, adapters, vm)
    current = row["BootSourceOrder"]
    now = [_device(path) for path in current]
    if [device.lower() for device in devices] == now[: len(devices)]:
        return []
    words = _device_words(layout, {instance_id: name for name, instance_id in adapters.items()})
    before = [words.get(device, "file") for device in now]

    def apply() -> None:
        there = boot_devices(order, layout, adapter_ids(), vm)
        sources = boot_source_order(read(host, vm)["BootSourceOrder"], there)
        write(host, vm, {"BootSourceOrder": sources})

    return [_boot_step(vm, before, order, apply)]


def describe_firmware(
    row: Mapping[str, Any], layout: Layout, adapters: Mapping[str, str], entries: Mapping[str, str]
) -> dict[str, Any]:
    """The firmware in the options' words; names of adapters and of other boot entries by InstanceID.

    Generation 1 has no secure boot, and knows kinds of devices only.
    """
    if generation(row) == 1:
        return {"secure_boot": None, "secure_boot_template": None, "boot_order": _bios_words(row["BootOrder"])}
    words = _device_words(layout, adapters)
    words |= {f"file {key.lower().removesuffix(chr(92) + 'b')}": name for key, name in entries.items()}
    order = [_device(path) for path in row["BootSourceOrder"]]
    return {
        "secure_boot": row["SecureBootEnabled"],
        "secure_boot_template": TEMPLATE.read(row["SecureBootTemplateId"]),
        "boot_order": [words.get(device) or f"file:{words.get(f'file {device}', '')}" for device in order],
    }


def _device_words(layout: Layout, adapters: Mapping[str, str]) -> dict[str, str]:
    """Entries of boot_order by InstanceID in lower case; ``adapters`` are names by InstanceID."""
    words = {one.id.lower(): f"{one.kind}:{one.place.number}:{one.place.location}" for one in layout.drives}
    return words | {instance_id.lower(): f"network:{name}" for instance_id, name in adapters.items()}


def _boot_step(vm: VM, before: list[str], after: list[str], apply: Callable[[], None]) -> Step:
    return Step(
        f"set the boot order of {vm}",
        {"firmware": {"boot_order": before}},
        {"firmware": {"boot_order": after}},
        apply,
        ("firmware.boot_order",),
    )


def _bios_words(numbers: Iterable[int]) -> list[str]:
    words = {number: word for word, number in _BIOS_DEVICES.items()}
    return [words.get(number, str(number)) for number in numbers]
