# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secure boot and the boot order of a VM (Msvm_VirtualSystemSettingData)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._task.table import Kind, Property
from ..._wsman import cim
from ..schema import VM_SETTINGS
from ..storage.drive import holds
from ..storage.layout import DISK, DVD, SCSI, Drive, Layout, Place
from . import resources
from .find import VM
from .parts import Parts, generation

# Secure boot templates that every host knows; their ids are Hyper-V's own.
TEMPLATES = {
    "windows": "1734C6E8-3154-4DDA-BA5F-A874CC483422",
    "uefi_ca": "272E7447-90A4-4563-A4B9-8E4AB00526CE",
    "shielded_open_source": "4292AE2B-EE2C-42B5-A969-DD8F8689F6F3",
}
TEMPLATE = Kind(
    read=lambda guid: {value: name for name, value in TEMPLATES.items()}.get((guid or "").upper(), guid),
    write=lambda name: TEMPLATES[name],
)

OPTIONS: dict[str, Any] = {
    "secure_boot": {"type": "bool"},
    "secure_boot_template": {"type": "str", "choices": list(TEMPLATES)},
    "boot_order": {"type": "list", "elements": "str"},
}

PROPERTIES = (
    Property("secure_boot", "SecureBootEnabled", needs_off=True),
    Property("secure_boot_template", "SecureBootTemplateId", TEMPLATE, needs_off=True),
)

NETWORK = "network"

# Generation 1: the devices that Msvm_VirtualSystemSettingData.BootOrder numbers.
_BIOS_DEVICES = {"floppy": 0, "dvd": 1, "disk": 2, "network": 3}

# The firmware of a VM that was just created.
FRESH: dict[str, Any] = {
    "SecureBootEnabled": True,
    "SecureBootTemplateId": TEMPLATES["windows"],
    "BootOrder": [1, 2, 3, 0],
    "BootSourceOrder": [],
}


# ---- secure boot ----


def without_harmless(parts: Parts, wanted: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """The wanted sections without `secure_boot: false` of a generation 1 VM, which never has it."""
    options = wanted["firmware"]
    if parts.generation != 1 or options.get("secure_boot") is not False:
        return wanted
    return {**wanted, "firmware": {key: value for key, value in options.items() if key != "secure_boot"}}


def check(parts: Parts, wanted: Mapping[str, Any]) -> None:
    """Raise Invalid if secure boot options are not for this VM, Refused if they are not for this host."""
    host, vm = parts.host, parts.vm
    if not wanted:
        return
    if parts.generation == 1:
        raise Invalid(
            f"{vm} is a generation 1 VM, which has no secure boot; leave it out",
            option=f"firmware.{next(iter(wanted))}",
            vm=vm.name,
        )
    template = wanted.get("secure_boot_template")
    if template is None or TEMPLATES[template] == (parts.settings["SecureBootTemplateId"] or "").upper():
        return
    available = host.once("secure boot templates", lambda: query_templates(host))
    if available and TEMPLATES[template] not in available:
        raise Refused(
            f"this host doesn't have {template} for {vm}; it has {', '.join(sorted(map(TEMPLATE.read, available)))}",
            option="firmware.secure_boot_template",
            vm=vm.name,
        )


def query_templates(host: Target) -> set[str]:
    """Ids of the host's secure boot templates: its own instances of the settings name them (HV-13)."""
    where = f"InstanceID LIKE {cim.like_prefix('Microsoft:Definition')}"
    rows = host.client.query(VM_SETTINGS, columns=("InstanceID", "SecureBootTemplateId"), where=where)
    return {row["SecureBootTemplateId"].upper() for row in rows if (row["SecureBootTemplateId"] or "").strip("0-")}


# ---- boot order ----


class Device(NamedTuple):
    """A device of a VM that it can boot from; the id of a planned one is empty. ``drive`` is None for an adapter."""

    kind: str
    id: str
    name: str
    drive: Drive | None = None


def boot_devices(order: Iterable[str], devices: list[Device], vm: VM, host: Target) -> list[Device]:
    """The devices that the entries of boot_order name, each another one. Raises Invalid, Refused.

    Entries are ``disk``, ``dvd`` or ``network``, alone for the first one that no other entry names, or with ``:`` and a
    place such as ``scsi 0:1`` (or ``0:1``), the path of a disk, or the name of an adapter.
    """
    entries = [_entry(text, vm) for text in order]
    named = {index: _named(entry, devices, vm, host) for index, entry in enumerate(entries) if entry.which}
    for index, entry in enumerate(entries):
        if not entry.which:
            named[index] = _first(entry, [device for device in devices if device not in named.values()], vm)
    chosen = [named[index] for index in range(len(entries))]
    for index, device in enumerate(chosen):
        if device in chosen[:index]:
            raise Invalid(
                f"'{entries[index].text}' is listed twice for {vm}; merge both entries into one",
                option="boot_order",
                vm=vm.name,
            )
    return chosen


class _Entry(NamedTuple):
    text: str
    kind: str
    which: str


def _entry(text: str, vm: VM) -> _Entry:
    kind, _colon, which = text.partition(":")
    entry = _Entry(text, kind.strip().lower(), which.strip())
    if entry.kind not in (DISK, DVD, NETWORK):
        raise Invalid(
            f"'{text}' names no device of {vm}; write disk, dvd or network, "
            "or one of them such as 'disk:0:1', 'disk:C:\\vms\\os.vhdx' or 'network:Network Adapter'",
            option="boot_order",
            vm=vm.name,
        )
    return entry


def _named(entry: _Entry, devices: list[Device], vm: VM, host: Target) -> Device:
    place = _place(entry.which)
    found = [
        device
        for device in devices
        if device.kind == entry.kind
        and (
            (device.drive.place == place or holds(host, device.drive, entry.which))
            if device.drive
            else device.name.lower() == entry.which.lower()
        )
    ]
    if not found:
        raise _not_attached(entry, vm)
    if len(found) > 1:
        text = f"'{entry.text}' names {len(found)} devices of {vm}; give them different names first"
        raise Refused(text, option="boot_order", vm=vm.name)
    return found[0]


def _first(entry: _Entry, devices: list[Device], vm: VM) -> Device:
    found = next((device for device in devices if device.kind == entry.kind), None)
    if found is None:
        raise _not_attached(entry, vm)
    return found


def _not_attached(entry: _Entry, vm: VM) -> Refused:
    text = f"'{entry.text}' is not attached to {vm}, or another entry names it; attach it, or leave it out"
    return Refused(text, option="boot_order", vm=vm.name)


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
                f"'{entry}' is not for {vm}, which is a generation 1 VM; write {', '.join(_BIOS_DEVICES)}",
                option="boot_order",
                vm=vm.name,
            )
        if _BIOS_DEVICES[entry.lower()] in numbers:
            text = f"'{entry}' is listed twice for {vm}; a generation 1 VM boots from kinds of devices"
            raise Invalid(text, option="boot_order", vm=vm.name)
        numbers.append(_BIOS_DEVICES[entry.lower()])
    return numbers + [number for number in _BIOS_DEVICES.values() if number not in numbers]


def parse_boot_order(options: Mapping[str, Any]) -> list[str] | None:
    """The wanted boot order; None leaves it alone."""
    return options.get("boot_order")


def plan_boot_order(parts: Parts, order: list[str] | None) -> list[Step]:
    """The step to this boot order, planned against the planned devices, whose ids are looked up when it is applied.

    Raises Invalid, Refused.
    """
    if order is None:
        return []
    vm = parts.vm
    if parts.generation == 1:
        wanted = bios_order(order, vm)
        before, after = _bios_words(parts.settings["BootOrder"]), _bios_words(wanted)
        return [_boot_step(vm, before, after, lambda: resources.modify_settings(parts.host, vm, {"BootOrder": wanted}))]
    now = [_device(path) for path in parts.settings["BootSourceOrder"]]
    devices = _devices(parts, parts.planned_layout, now)
    wanted = [device.id.lower() for device in boot_devices(order, devices, vm, parts.host)]
    if wanted == now[: len(wanted)]:
        return []
    words = _device_words(parts.planned_layout, {device.id: device.name for device in devices if not device.drive})

    def apply() -> None:
        current = parts.host.client.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm.id}"})["BootSourceOrder"]
        devices = _devices(parts, parts.layout, [_device(path) for path in current])
        first = [device.id for device in boot_devices(order, devices, vm, parts.host)]
        resources.modify_settings(parts.host, vm, {"BootSourceOrder": boot_source_order(current, first)})

    return [_boot_step(vm, [words.get(device, "file") for device in now], order, apply)]


def _devices(parts: Parts, layout: Layout, now: list[str]) -> list[Device]:
    """The VM's devices: drives by their places; adapters in the current boot order, then in the task's order.

    Ids of adapters look random, so that an order by them would change from run to run.
    """
    adapters = [(adapter.name, adapter.id) for adapter in parts.adapters]
    known = {instance_id for _name, instance_id in adapters}
    added = [(name, slot.adapter.id if slot.adapter else "") for name, slot in parts.slots.items()]
    adapters += [(name, instance_id) for name, instance_id in added if instance_id not in known]
    position = {instance_id: index for index, instance_id in enumerate(now)}
    adapters.sort(key=lambda adapter: position.get(adapter[1].lower(), len(now)))
    return [
        *(Device(drive.kind, drive.id, str(drive.place), drive) for drive in layout.drives),
        *(Device(NETWORK, instance_id, name) for name, instance_id in adapters),
    ]


def describe(
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
    words = {drive.id.lower(): f"{drive.kind}:{drive.place.number}:{drive.place.location}" for drive in layout.drives}
    return words | {instance_id.lower(): f"network:{name}" for instance_id, name in adapters.items()}


def _boot_step(vm: VM, before: list[str], after: list[str], apply: Any) -> Step:
    what = f"set the boot order of {vm}"
    return Step(what, {"boot_order": before}, {"boot_order": after}, apply, ("boot_order",))


def _bios_words(numbers: Iterable[int]) -> list[str]:
    words = {number: word for word, number in _BIOS_DEVICES.items()}
    return [words.get(number, str(number)) for number in numbers]
