# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vm_info tells: every class read once, with projected columns, and put together by VM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..._task import table
from ..._task.errors import Missing
from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import CimClass
from .. import jobs
from ..network import adapter as adapters
from ..network.adapter import Adapter
from ..schema import (
    BOOT_SOURCE,
    CHECKPOINT,
    COMPUTER_SYSTEM,
    CONNECTION,
    GUEST_NETWORK,
    KVP,
    KVP_ITEM,
    MEDIUM,
    MEMORY,
    PORT_SECURITY,
    PROCESSOR,
    RESOURCE,
    SUMMARY,
    SWITCH,
    SYNTHETIC_ADAPTER,
    VM_CONFIGURATION,
    VM_SERVICE,
    VM_SETTINGS,
)
from ..storage import layout as storage
from . import checkpoint, memory, processor
from . import parts as components
from . import settings as configuration
from .find import VM, check_rights, is_vm, of_vms, owner, state_word

RowsOf = Callable[[CimClass], list[dict[str, Any]]]

GROUPS = ("settings", "nesting", "processor", "memory", "network_adapters", "guest")
MORE_GROUPS = ("disks", "checkpoints", "firmware")  # returned where they are asked for

# Msvm_SummaryInformation.Heartbeat, and the RequestedInformation numbers of what is asked for.
HEARTBEATS = {2: "ok", 6: "error", 12: "no_contact", 13: "lost_contact", 15: "paused"}
_NAME, _MEMORY_USAGE, _HEARTBEAT, _GUEST_OS, _MEMORY_AVAILABLE = 0, 103, 104, 106, 112

# The output of a method can't be paged: VMs whose summaries surely fit an envelope of 150 KB.
_PORTION = 50
_MB = 1 << 20
_NONSENSE_MEMORY = 256 * _MB  # MB; MemoryUsage of a VM that isn't running can be garbage


class Found(NamedTuple):
    """The rows behind an answer: VMs, and by VM id their settings."""

    vms: list[VM]
    systems: Mapping[str, Mapping[str, Any]]


def find(host: Host, names: list[str], ids: list[str]) -> Found:
    """The VMs of these names or ids (all where neither is given), with the run-time columns of Msvm_ComputerSystem.

    Raises Missing where a name or id isn't there, Refused where the user may see none.
    """
    columns = ("Name", "ElementName", "EnabledState", "OnTimeInMilliseconds")
    conditions = [f"ElementName = {cim.quote(name)}" for name in names] + [f"Name = {cim.quote(i)}" for i in ids]
    rows = host.client.query(COMPUTER_SYSTEM, columns=columns, where=" OR ".join(conditions) or None)
    if not rows:
        check_rights(host)
    _all_found(rows, "ElementName", names)
    _all_found(rows, "Name", ids)
    rows = sorted(
        (row for row in rows if is_vm(row)), key=lambda row: ((row["ElementName"] or "").lower(), row["Name"])
    )
    vms = [VM(row["Name"].upper(), row["ElementName"] or "", state_word(row["EnabledState"])) for row in rows]
    return Found(vms, {vm.id: row for vm, row in zip(vms, rows, strict=True)})


def _all_found(rows: list[dict[str, Any]], column: str, wanted: list[str]) -> None:
    """Raise Missing where one of the names or ids that were asked for isn't there."""
    there = {(row[column] or "").lower() for row in rows if is_vm(row)}
    missing = [text for text in wanted if text.lower() not in there]
    if missing:
        which = ", ".join(map(repr, missing))
        raise Missing(
            f"no VM has the name or id {which}; vm_info without a name lists the VMs of this host", vm=missing
        )


def describe(host: Host, found: Found, groups: Iterable[str] = GROUPS) -> list[dict[str, Any]]:
    """What is known of each VM, in the groups that were asked for."""
    vms, groups = found.vms, set(groups)
    facts: dict[str, dict[str, Any]] = {
        vm.id: {
            "id": vm.id,
            "name": vm.name,
            "state": vm.state,
            "uptime": (found.systems[vm.id]["OnTimeInMilliseconds"] or 0) // 1000,
        }
        for vm in vms
    }
    if not vms:
        return []
    rows_of = _source(host, vms, groups)
    readers: tuple[tuple[set[str], Callable[..., None]], ...] = (
        ({"settings"}, _settings),
        ({"nesting", "processor"}, partial(_processor, rows_of=rows_of)),
        ({"memory", "guest"}, partial(_memory_and_summary, rows_of=rows_of)),
        ({"nesting", "network_adapters"}, partial(_network, rows_of=rows_of)),
        ({"guest"}, _guest),
        ({"disks", "firmware"}, _drives),
        ({"checkpoints"}, _checkpoints),
        ({"firmware"}, _firmware),
    )
    for needed_by, read in readers:
        if needed_by & groups:
            read(host, vms, facts, groups)
    return list(facts.values())


def _source(host: Host, vms: list[VM], groups: set[str]) -> RowsOf:
    """Where the rows of a class come from: class by class, or for one VM of which much is asked, from all its parts."""
    if len(vms) != 1 or not {"processor", "memory", "network_adapters"} <= groups:
        return partial(adapters.rows, host, vms)
    parts = components.read(host, vms[0])
    if parts[CONNECTION.name]:
        parts |= components.features(host, vms[0], list(adapters.FEATURES))
    return lambda cls: parts.get(cls.name, [])


def _by_vm(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The one row of a class by VM id."""
    return {owner(row["InstanceID"]): row for row in rows}


def _settings(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], _groups: set[str]) -> None:
    where = "VirtualSystemType = 'Microsoft:Hyper-V:System:Realized'"
    if narrower := of_vms(vms):
        where = f"{where} AND ({narrower})"
    rows = host.client.query(VM_SETTINGS, columns=tuple(VM_SETTINGS.properties), where=where)
    by_id = {owner(row["InstanceID"]): row for row in rows}
    for vm in vms:
        row = by_id.get(vm.id, {})
        facts[vm.id] |= {
            "generation": int((row.get("VirtualSystemSubType") or "").rpartition(":")[2] or 1),
            "version": row.get("Version"),
            "notes": "\n".join(row.get("Notes") or []),
        }


def _processor(_host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], groups: set[str], rows_of: RowsOf) -> None:
    by_id = _by_vm(rows_of(PROCESSOR))
    for vm in vms:
        row = by_id.get(vm.id, {})
        if "processor" in groups:
            facts[vm.id]["processor"] = table.read(processor.PROPERTIES, row)
        if "nesting" in groups:
            facts[vm.id]["nesting"] = table.read(processor.NESTING, row)


def _memory_and_summary(
    host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], groups: set[str], rows_of: RowsOf
) -> None:
    settings = _by_vm(rows_of(MEMORY)) if "memory" in groups else {}
    summaries = _summaries(host, vms)
    for vm in vms:
        summary = summaries.get(vm.id, {})
        if "memory" in groups:
            options = table.read(memory.PROPERTIES, settings.get(vm.id, {}))
            facts[vm.id]["memory"] = memory.described(options) | _memory_now(vm, summary)
        if "guest" in groups:
            facts[vm.id]["guest"] = {
                "heartbeat": HEARTBEATS.get(summary.get("Heartbeat") or 0),
                "os": summary.get("GuestOperatingSystem") or None,
            }


def _summaries(host: Host, vms: list[VM]) -> dict[str, Mapping[str, Any]]:
    """Msvm_SummaryInformation by VM id, in portions that fit an envelope."""
    found: dict[str, Mapping[str, Any]] = {}
    for first in range(0, len(vms), _PORTION):
        arguments = {
            "SettingData": [vm.settings_reference for vm in vms[first : first + _PORTION]],
            "RequestedInformation": [_NAME, _MEMORY_USAGE, _HEARTBEAT, _GUEST_OS, _MEMORY_AVAILABLE],
        }
        answer = jobs.call(
            host,
            VM_SERVICE,
            "GetSummaryInformation",
            arguments,
            returns={"SummaryInformation": [SUMMARY]},
            what="read the summaries of the VMs",
        )
        found |= {row["Name"].upper(): row for row in answer["SummaryInformation"] if row["Name"]}
    return found


def _memory_now(vm: VM, summary: Mapping[str, Any]) -> dict[str, int | None]:
    """Assigned and demanded bytes; MemoryAvailable is the percentage of the assigned memory that isn't demanded."""
    usage, available = summary.get("MemoryUsage"), summary.get("MemoryAvailable")
    if vm.state == "off" or usage is None or usage > _NONSENSE_MEMORY:
        return {"assigned": 0 if vm.state == "off" else None, "demand": 0 if vm.state == "off" else None}
    known = available is not None and 0 <= available <= 100
    return {"assigned": usage * _MB, "demand": usage * (100 - available) // 100 * _MB if known else None}


def _network(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], groups: set[str], rows_of: RowsOf) -> None:
    full = "network_adapters" in groups
    found = adapters.read(host, vms, adapters.FEATURES if full else (PORT_SECURITY,), rows_of)
    addresses = _addresses(host, vms) if full else {}
    switches = _switches(host) if full else {}
    by_vm: dict[str, list[Adapter]] = {vm.id: [] for vm in vms}
    for one in found:
        by_vm[one.vm].append(one)
    for vm in vms:
        if full:
            facts[vm.id]["network_adapters"] = [
                describe_adapter(one, switches, addresses.get(one.id.lower(), [])) for one in by_vm[vm.id]
            ]
        if "nesting" in groups:
            facts[vm.id]["nesting"]["adapters"] = [
                {"name": one.name, "id": one.id, "mac_spoofing": one.feature(PORT_SECURITY)["AllowMacSpoofing"]}
                for one in by_vm[vm.id]
            ]


def describe_adapter(one: Adapter, switches: Mapping[str, str], addresses: list[str]) -> dict[str, Any]:
    """One adapter as results show it."""
    return {
        **adapters.describe(one),
        "switch": switches.get(one.switch or ""),
        "ip_addresses": addresses,
    }


def _switches(host: Host) -> dict[str, str]:
    rows = host.client.query(SWITCH, columns=("Name", "ElementName"))
    return {row["Name"].upper(): row["ElementName"] for row in rows}


def _addresses(host: Host, vms: list[VM]) -> dict[str, list[str]]:
    """Guest IP addresses by adapter id in lower case (``Microsoft:GuestNetwork\\<vm>\\<adapter>``)."""
    prefix = "Microsoft:GuestNetwork\\"
    where = None
    if of_vms(vms):
        where = " OR ".join(f"InstanceID LIKE {cim.like_prefix(prefix + vm.id)}" for vm in vms)
    rows = host.client.query(GUEST_NETWORK, columns=tuple(GUEST_NETWORK.properties), where=where)
    return {row["InstanceID"].lower().replace("guestnetwork\\", "", 1): row["IPAddresses"] for row in rows}


def _guest(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], _groups: set[str]) -> None:
    """What the guest's data exchange service tells of its operating system; absent where it doesn't run."""
    where = None
    if of_vms(vms):
        where = " OR ".join(f"SystemName = {cim.quote(vm.id)}" for vm in vms)
    rows = host.client.query(KVP, columns=tuple(KVP.properties), where=where)
    by_id = {row["SystemName"].upper(): row["GuestIntrinsicExchangeItems"] for row in rows}
    for vm in vms:
        items = (cim.from_embedded(text, KVP_ITEM) for text in by_id.get(vm.id, []))
        told = {item["Name"]: item["Data"] for item in items}
        facts[vm.id]["guest"] |= {
            "os": told.get("OSName") or facts[vm.id]["guest"]["os"],
            "os_version": told.get("OSVersion"),
            "computer_name": told.get("FullyQualifiedDomainName"),
        }


def _drives(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], groups: set[str]) -> None:
    for vm, layout in _layouts(host, vms).items():
        if "disks" in groups:
            for group, kind in (("disks", storage.DISK), ("dvd_drives", storage.DVD)):
                found = [one for one in layout.drives if one.kind == kind]
                facts[vm][group] = [{"path": one.path, **one.place.options()} for one in found]


def _layouts(host: Host, vms: list[VM]) -> dict[str, storage.Layout]:
    """The drives of each VM by its id, asked for once: what boots is told by their places."""
    return host.once(("layouts", *vms), lambda: _read_layouts(host, vms))


def _read_layouts(host: Host, vms: list[VM]) -> dict[str, storage.Layout]:
    resources, media = _by_owner(host, RESOURCE, vms), _by_owner(host, MEDIUM, vms)
    return {vm.id: storage.arrange(resources.get(vm.id, ()), media.get(vm.id, ())) for vm in vms}


def _by_owner(host: Host, cls: CimClass, vms: list[VM]) -> dict[str, list[dict[str, Any]]]:
    """The rows of a class by the id of the VM that they belong to."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in host.client.query(cls, columns=tuple(cls.properties), where=of_vms(vms)):
        found.setdefault(owner(row["InstanceID"]), []).append(row)
    return found


def _checkpoints(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], _groups: set[str]) -> None:
    """One query brings the checkpoints and, in the VMs' own settings, the ones that they stand on."""
    where = None
    if of_vms(vms):
        where = " OR ".join(f"VirtualSystemIdentifier = {cim.quote(vm.id)}" for vm in vms)
    found: dict[str, list[dict[str, Any]]] = {vm.id: [] for vm in vms}
    current: dict[str, str] = {}
    for row in host.client.query(CHECKPOINT, columns=tuple(CHECKPOINT.properties), where=where):
        vm_id = (row["VirtualSystemIdentifier"] or "").upper()
        if "Snapshot:" in (row["VirtualSystemType"] or ""):
            found.get(vm_id, []).append(row)
        elif row["Parent"]:
            current[vm_id] = cim.parse_path(row["Parent"]).keys["InstanceID"].lower()
    for vm in vms:
        tree = checkpoint.arrange(found[vm.id])
        facts[vm.id]["checkpoints"] = [
            {**checkpoint.describe(one, tree), "current": one.id.lower() == current.get(vm.id)} for one in tree
        ]


def _firmware(host: Host, vms: list[VM], facts: dict[str, dict[str, Any]], _groups: set[str]) -> None:
    columns = ("InstanceID", "VirtualSystemSubType", "SecureBootEnabled", "SecureBootTemplateId")
    where = "VirtualSystemType = 'Microsoft:Hyper-V:System:Realized'"
    if narrower := of_vms(vms):
        where = f"{where} AND ({narrower})"
    rows = host.client.query(VM_CONFIGURATION, columns=(*columns, "BootOrder", "BootSourceOrder"), where=where)
    by_id = {owner(row["InstanceID"]): row for row in rows}
    adapters_by_vm = _by_owner(host, SYNTHETIC_ADAPTER, vms)
    files = _by_owner(host, BOOT_SOURCE, vms)
    for vm in vms:
        row = by_id.get(vm.id)
        if row is None:
            continue
        names = {one["InstanceID"]: one["ElementName"] or "" for one in adapters_by_vm.get(vm.id, ())}
        entries = {one["InstanceID"]: one["BootSourceDescription"] or "" for one in files.get(vm.id, ())}
        layout = _layouts(host, vms)[vm.id]
        facts[vm.id]["firmware"] = configuration.describe_firmware(row, layout, names, entries)
