# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secure boot and the boot order of a VM (Msvm_VirtualSystemSettingData)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._task.errors import Invalid, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._task.table import Kind, Property
from ..._wsman import cim
from ..schema import VM_SETTINGS
from ..storage.layout import DISK, DVD, SCSI, Layout, Place
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


def boot_devices(order: Iterable[str], layout: Layout, adapters: Mapping[str, str], vm: VM) -> list[str]:
    """InstanceIDs of the devices that the entries of boot_order name. Raises Invalid, Refused.

    Entries are ``disk``, ``dvd`` or ``network``, alone for the first one of the VM, or with ``:`` and a place such as
    ``scsi 0:1`` (or ``0:1``), the path of a disk, or the name of an adapter. ``adapters`` are ids by name.
    """
    return [_boot_device(entry, layout, adapters, vm) for entry in order]


def _boot_device(entry: str, layout: Layout, adapters: Mapping[str, str], vm: VM) -> str:
    kind, _colon, which = entry.partition(":")
    kind, which = kind.strip().lower(), which.strip()
    if kind == "network":
        devices = [adapter for name, adapter in adapters.items() if not which or name.lower() == which.lower()]
    elif kind in (DISK, DVD):
        place = _place(which)
        devices = [
            drive.id
            for drive in layout.drives
            if drive.kind == kind and (not which or drive.place == place or (drive.path or "").lower() == which.lower())
        ]
    else:
        raise Invalid(
            f"'{entry}' names no device of {vm}; write disk, dvd or network, "
            "or one of them such as 'disk:0:1', 'disk:C:\\vms\\os.vhdx' or 'network:Network Adapter'",
            option="boot_order",
            vm=vm.name,
        )
    if not devices:
        raise Refused(f"'{entry}' is not attached to {vm}; attach it, or leave it out", option="boot_order", vm=vm.name)
    return devices[0]


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
    layout = parts.planned_layout
    devices = [device.lower() for device in boot_devices(order, layout, _adapter_ids(parts), vm)]
    now = [_device(path) for path in parts.settings["BootSourceOrder"]]
    if devices == now[: len(devices)]:
        return []
    words = _device_words(layout, {instance_id: name for name, instance_id in _adapter_ids(parts).items()})

    def apply() -> None:
        devices = boot_devices(order, parts.layout, _adapter_ids(parts), vm)
        current = parts.host.client.get(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm.id}"})["BootSourceOrder"]
        resources.modify_settings(parts.host, vm, {"BootSourceOrder": boot_source_order(current, devices)})

    return [_boot_step(vm, [words.get(device, "file") for device in now], order, apply)]


def _adapter_ids(parts: Parts) -> dict[str, str]:
    """Ids of the adapters by name; one that is still to be added has none."""
    return {name: slot.adapter.id if slot.adapter else "" for name, slot in parts.slots.items()}


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
