# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about VMs: each CIM class is read once, with projected columns, whatever the number of VMs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..._task import table
from ..._task.errors import Missing
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.cim import CimClass
from ..._wsman.faults import Fault
from .. import jobs
from ..host.availability import query_clustered
from ..network import adapter as adapters
from ..network.adapter import Adapter
from ..schema import (
    BOOT_SOURCE,
    COMPUTER_SYSTEM,
    CONNECTION,
    GUEST_NETWORK,
    INTEGRATION_SERVICES,
    KVP,
    KVP_SETTINGS,
    MEDIUM,
    MEMORY,
    PORT_SECURITY,
    PROCESSOR,
    RESOURCE,
    SECURITY,
    SUMMARY,
    SWITCH,
    SYNTHETIC_ADAPTER,
    VM_SERVICE,
    VM_SETTINGS,
)
from ..storage import layout as layouts
from ..storage.drive import describe as describe_drive
from ..storage.layout import DISK, DVD, Layout
from . import checkpoint, find, firmware, guest_data, integration, memory, processor
from .find import OFF, VM, of_vms, owner, state_word
from .parts import generation, query_features, query_parts
from .settings import CHECKPOINT_TYPE, NOTES

Row = Mapping[str, Any]
Facts = dict[str, dict[str, Any]]  # facts by VM id

GROUPS = ("settings", "nesting", "processor", "memory", "network_adapters", "guest")
MORE_GROUPS = (
    "disks",
    "checkpoints",
    "firmware",
    "availability",
    "security",
    "integration_services",
    "guest_data",
)  # returned only on request

UNREADABLE = (
    "The host cannot send the row {}, which is larger than the MaxEnvelopeSizekb of its WinRM service; the facts in it "
    "are null or empty"
)

# The group of each fact that isn't named like its group; the state of a VM is in none.
GROUP_OF = {
    "state": None,
    "generation": "settings",
    "version": "settings",
    "dvd_drives": "disks",
    "checkpoint_type": "checkpoints",
    "tpm": "security",
    "clustered": "availability",
    "replication": "availability",
}

# Msvm_SummaryInformation.Heartbeat, and the RequestedInformation numbers of the columns that are read.
HEARTBEATS = {2: "ok", 6: "error", 12: "no_contact", 13: "lost_contact", 15: "paused"}
_NAME, _MEMORY_USAGE, _HEARTBEAT, _GUEST_OS, _MEMORY_AVAILABLE = 0, 103, 104, 106, 112

# The output of a method can't be paged: VMs whose summaries surely fit an envelope of 150 KB.
_PORTION = 50
_MB = 1 << 20
_CERTIFICATES = 2023  # year in which Microsoft issued the present Secure Boot certificates
_NO_REPLICATION = 0  # Msvm_ComputerSystem.ReplicationMode
_NONSENSE_MEMORY = 256 * _MB  # MB; MemoryUsage of a VM that isn't running can be garbage

_REALIZED = "VirtualSystemType = 'Microsoft:Hyper-V:System:Realized'"
_INTRINSIC = ("SystemName", "GuestIntrinsicExchangeItems")
_SETTINGS_COLUMNS = ("InstanceID", "VirtualSystemSubType", "Version", "Notes")
_FIRMWARE_COLUMNS = (
    "InstanceID",
    "VirtualSystemSubType",
    "SecureBootEnabled",
    "SecureBootTemplateId",
    "BootOrder",
    "BootSourceOrder",
    "CreationTime",
)
_CHECKPOINT_COLUMNS = (
    "InstanceID",
    "ElementName",
    "VirtualSystemIdentifier",
    "VirtualSystemType",
    "Parent",
    "CreationTime",
    "UserSnapshotType",
)


@dataclass
class Reading:
    """The VMs that facts are read about, the groups of facts, and the summaries that were read with the VMs."""

    host: Target
    vms: list[VM]
    groups: set[str]
    summaries: dict[str, Row] = field(default_factory=dict)  # Msvm_SummaryInformation by VM id

    @property
    def powered(self) -> list[VM]:
        """The VMs that are not off: the others have no guest, and no memory assigned."""
        return [vm for vm in self.vms if vm.state != OFF]

    @cached_property
    def parts(self) -> dict[str, list[Row]]:
        """All parts of a single VM by class, if most of them are needed; empty otherwise."""
        adapters_needed = self.groups & {"nesting", "network_adapters"}
        if len(self.vms) != 1 or not {"processor", "memory"} <= self.groups or not adapters_needed:
            return {}
        parts = query_parts(self.host, self.vms[0])
        connected = parts[CONNECTION.name]
        features = list(adapters.FEATURES)
        return parts | (
            query_features(self.host, self.vms[0], features) if connected else {cls.name: [] for cls in features}
        )

    def rows_of(self, cls: CimClass) -> list[Row]:
        """The rows of a class that belong to these VMs."""
        if cls.name in self.parts:
            return self.parts[cls.name]
        return adapters.query_rows(self.host, self.vms, cls)

    @cached_property
    def exchange(self) -> dict[str, Row]:
        """What the Data Exchange services of the guests report, by VM id."""
        if not self.powered:
            return {}
        where = None
        if of_vms(self.powered):
            where = " OR ".join(f"SystemName = {cim.quote(vm.id)}" for vm in self.powered)
        columns = tuple(KVP.properties) if "guest_data" in self.groups else _INTRINSIC
        rows = self.host.client.query(KVP, columns=columns, where=where)
        return {row["SystemName"].upper(): row for row in rows}

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """The controllers and drives of each VM, by its id."""
        resources, media = self.by_owner(RESOURCE), self.by_owner(MEDIUM)
        return {vm.id: layouts.arrange(resources.get(vm.id, ()), media.get(vm.id, ())) for vm in self.vms}

    def by_owner(self, cls: CimClass) -> dict[str, list[Row]]:
        """The rows of a class by the id of the VM that they belong to."""
        rows: dict[str, list[Row]] = {}
        for row in self.rows_of(cls):
            rows.setdefault(owner(row["InstanceID"]), []).append(row)
        return rows

    def query_settings(self, columns: tuple[str, ...]) -> dict[str, Row]:
        """Columns of the VMs' own settings, by VM id."""
        narrower = of_vms(self.vms)
        where = f"{_REALIZED} AND ({narrower})" if narrower else _REALIZED
        return _by_vm(self.host.client.query(VM_SETTINGS, columns=columns, where=where))


def fetch(
    host: Target, names: list[str] | None, ids: list[str] | None, groups: Iterable[str] = GROUPS
) -> list[dict[str, Any]]:
    """The facts in these groups about the VMs of these names or ids, sorted by name; about all VMs if both are None.

    Raises Missing if a name or id has no VM.
    """
    reading = _fetch_summary(host, names, ids, set(groups)) or Reading(host, _fetch_vms(host, names, ids), set(groups))
    if not reading.vms:
        return []
    facts: Facts = {
        vm.id: {"id": vm.id, "name": vm.name, "state": vm.state, "uptime": vm.uptime // 1000} for vm in reading.vms
    }
    for needed_by, read in _READERS:
        if needed_by & reading.groups:
            read(reading, facts)
    return list(facts.values())


def _fetch_vms(host: Target, names: list[str] | None, ids: list[str] | None) -> list[VM]:
    vms = find.query(host, names, ids)
    if not vms:
        find.check_rights(host)
    _check_complete("name", [vm.name for vm in vms], names or [])
    _check_complete("id", [vm.id for vm in vms], ids or [])
    return sorted(vms, key=lambda vm: (vm.name.lower(), vm.id))


def _check_complete(option: str, existing: list[str], wanted: list[str]) -> None:
    known = {text.lower() for text in existing}
    missing = [text for text in wanted if text.lower() not in known]
    if missing:
        which = ", ".join(map(repr, missing))
        text = f"no VM has the {option} {which}; vm_info without a name lists the VMs of this host"
        raise Missing(text, option=option, vm=missing)


def _fetch_summary(host: Target, names: list[str] | None, ids: list[str] | None, groups: set[str]) -> Reading | None:
    """One VM with its state, settings and summary in one query of Msvm_SummaryInformation.

    None if more than one VM is asked for, if the groups need no summary, or if the host has no such rows (HV-21).
    """
    if len(names or ()) + len(ids or ()) != 1 or not groups & {"memory", "guest"}:
        return None
    where = f"ElementName = {cim.quote(names[0])}" if names else f"Name = {cim.quote(ids[0])}"
    try:
        rows = host.client.query(SUMMARY, columns=tuple(SUMMARY.properties), where=where)
    except Fault:
        return None
    if len(rows) != 1 or not rows[0]["Name"] or not rows[0]["Version"]:
        return None
    row = rows[0]
    vm = VM(row["Name"].upper(), row["ElementName"] or "", state_word(row["EnabledState"]), row["UpTime"] or 0)
    return Reading(host, [vm], groups, {vm.id: row})


# ---- groups ----


def _settings(reading: Reading, facts: Facts) -> None:
    rows = reading.summaries or reading.query_settings(_SETTINGS_COLUMNS)
    for vm in reading.vms:
        row = rows.get(vm.id, {})
        notes = row.get("Notes")
        facts[vm.id] |= {
            "generation": generation(row) if row.get("Version") else None,  # null if the host cannot send the row
            "version": row.get("Version"),
            "notes": NOTES.read([notes] if isinstance(notes, str) else notes),
        }


def _processor(reading: Reading, facts: Facts) -> None:
    by_id = _by_vm(reading.rows_of(PROCESSOR))
    for vm in reading.vms:
        row = by_id.get(vm.id, {})
        if "processor" in reading.groups:
            facts[vm.id]["processor"] = table.read(processor.PROPERTIES, row)
        if "nesting" in reading.groups:
            facts[vm.id]["nesting"] = table.read(processor.NESTING, row)


def _memory_and_heartbeat(reading: Reading, facts: Facts) -> None:
    settings = _by_vm(reading.rows_of(MEMORY)) if "memory" in reading.groups else {}
    summaries = reading.summaries or _fetch_summaries(reading)
    for vm in reading.vms:
        summary = summaries.get(vm.id, {})
        if "memory" in reading.groups:
            options = table.read(memory.PROPERTIES, settings.get(vm.id, {}))
            facts[vm.id]["memory"] = memory.described(options) | memory_now(vm, summary)
        if "guest" in reading.groups:
            facts[vm.id]["guest"] = guest_of(summary)


def guest_of(summary: Row) -> dict[str, Any]:
    """Heartbeat and operating system of a guest, as its summary has them."""
    heartbeat = HEARTBEATS.get(summary.get("Heartbeat") or 0)
    return {"heartbeat": heartbeat, "os": summary.get("GuestOperatingSystem") or None}


def _fetch_summaries(reading: Reading) -> dict[str, Row]:
    """Msvm_SummaryInformation of the VMs that are not off, in portions that fit an envelope."""
    summaries: dict[str, Row] = {}
    for first in range(0, len(reading.powered), _PORTION):
        arguments = {
            "SettingData": [vm.settings_reference for vm in reading.powered[first : first + _PORTION]],
            "RequestedInformation": [_NAME, _MEMORY_USAGE, _HEARTBEAT, _GUEST_OS, _MEMORY_AVAILABLE],
        }
        answer = jobs.ask(
            reading.host,
            VM_SERVICE,
            "GetSummaryInformation",
            arguments,
            returns={"SummaryInformation": [SUMMARY]},
            what="read the summaries of the VMs",
        )
        summaries |= {row["Name"].upper(): row for row in answer["SummaryInformation"] if row["Name"]}
    return summaries


def memory_now(vm: VM, summary: Row) -> dict[str, int | None]:
    """Assigned and demanded bytes; MemoryAvailable is the percentage of the assigned memory that isn't demanded."""
    usage, available = summary.get("MemoryUsage"), summary.get("MemoryAvailable")
    if vm.state == OFF or usage is None or usage > _NONSENSE_MEMORY:
        return {"assigned": 0 if vm.state == OFF else None, "demand": 0 if vm.state == OFF else None}
    known = available is not None and 0 <= available <= 100
    return {"assigned": usage * _MB, "demand": usage * (100 - available) // 100 * _MB if known else None}


def _network(reading: Reading, facts: Facts) -> None:
    full = "network_adapters" in reading.groups
    features = adapters.FEATURES if full else (PORT_SECURITY,)
    rows = adapters.fetch(reading.host, reading.vms, features, reading.rows_of)
    addresses = query_addresses(reading) if full else {}
    switches = query_switches(reading.host, rows) if full else {}
    by_vm: dict[str, list[Adapter]] = {vm.id: [] for vm in reading.vms}
    for adapter in rows:
        by_vm[adapter.vm].append(adapter)
    for vm in reading.vms:
        if full:
            facts[vm.id]["network_adapters"] = [
                describe_adapter(adapter, switches, addresses.get(adapter.id.lower(), [])) for adapter in by_vm[vm.id]
            ]
        if "nesting" in reading.groups:
            facts[vm.id]["nesting"]["adapters"] = [
                {
                    "name": adapter.name,
                    "id": adapter.id,
                    "mac_spoofing": adapter.feature(PORT_SECURITY)["AllowMacSpoofing"],
                }
                for adapter in by_vm[vm.id]
            ]


def describe_adapter(adapter: Adapter, switches: Mapping[str, str], addresses: list[str]) -> dict[str, Any]:
    """An adapter as results show it."""
    return {**adapters.describe(adapter), "switch": switches.get(adapter.switch or ""), "ip_addresses": addresses}


def query_switches(host: Target, connected: Iterable[Adapter], limit: int = 8) -> dict[str, str]:
    """Names of the switches in use, by id; of all switches if a long OR would cost more than it saves."""
    ids = sorted({adapter.switch for adapter in connected if adapter.switch})
    if not ids:
        return {}
    where = " OR ".join(f"Name = {cim.quote(id)}" for id in ids) if len(ids) <= limit else None
    rows = host.client.query(SWITCH, columns=("Name", "ElementName"), where=where)
    return {row["Name"].upper(): row["ElementName"] for row in rows}


def query_addresses(reading: Reading) -> dict[str, list[str]]:
    """Guest IP addresses by adapter id in lower case (``Microsoft:GuestNetwork\\<vm>\\<adapter>``)."""
    if not reading.powered:
        return {}
    prefix = "Microsoft:GuestNetwork\\"
    where = None
    if of_vms(reading.powered):
        where = " OR ".join(f"InstanceID LIKE {cim.like_prefix(prefix + vm.id)}" for vm in reading.powered)
    rows = reading.host.client.query(GUEST_NETWORK, columns=tuple(GUEST_NETWORK.properties), where=where)
    return {row["InstanceID"].lower().replace("guestnetwork\\", "", 1): row["IPAddresses"] for row in rows}


def complete_guests(reading: Reading, facts: Facts) -> None:
    """The operating system that the guest's data exchange service reports; absent if it doesn't run."""
    for vm in reading.vms:
        values = guest_data.pairs_of(reading.exchange.get(vm.id, {}).get("GuestIntrinsicExchangeItems") or ())
        facts[vm.id]["guest"] |= {
            "os": values.get("OSName") or facts[vm.id]["guest"]["os"],
            "os_version": values.get("OSVersion"),
            "computer_name": values.get("FullyQualifiedDomainName"),
        }


def _guest_data(reading: Reading, facts: Facts) -> None:
    """The key-value pairs in both directions: the settings of the host, and what the guest reports while it runs."""
    settings, reported = reading.by_owner(KVP_SETTINGS), reading.exchange
    for vm in reading.vms:
        row = next(iter(settings.get(vm.id, ())), {})
        facts[vm.id]["guest_data"] = {
            "host": guest_data.pairs_of(row.get("HostExchangeItems") or ()),
            "host_only": guest_data.pairs_of(row.get("HostOnlyItems") or ()),
            "guest": guest_data.pairs_of(reported.get(vm.id, {}).get("GuestExchangeItems") or ()),
            "intrinsic": guest_data.pairs_of(reported.get(vm.id, {}).get("GuestIntrinsicExchangeItems") or ()),
        }


def _drives(reading: Reading, facts: Facts) -> None:
    for vm, layout in reading.layouts.items():
        for group, kind in (("disks", DISK), ("dvd_drives", DVD)):
            drives = [drive for drive in layout.drives if drive.kind == kind]
            facts[vm][group] = [describe_drive(reading.host, drive) for drive in drives]


def _checkpoints(reading: Reading, facts: Facts) -> None:
    """One query returns the checkpoints and, in the VMs' own settings, their type and the current checkpoint."""
    where = None
    if of_vms(reading.vms):
        where = " OR ".join(f"VirtualSystemIdentifier = {cim.quote(vm.id)}" for vm in reading.vms)
    rows: dict[str, list[Row]] = {vm.id: [] for vm in reading.vms}
    current: dict[str, str] = {}
    for row in reading.host.client.query(VM_SETTINGS, columns=_CHECKPOINT_COLUMNS, where=where):
        vm_id = (row["VirtualSystemIdentifier"] or "").upper()
        if "Snapshot:" in (row["VirtualSystemType"] or ""):
            rows.get(vm_id, []).append(row)
            continue
        if vm_id in facts:
            facts[vm_id]["checkpoint_type"] = CHECKPOINT_TYPE.read(row["UserSnapshotType"])
        if row["Parent"]:
            current[vm_id] = cim.parse_path(row["Parent"]).keys["InstanceID"].lower()
    for vm in reading.vms:
        tree = checkpoint.arrange(rows[vm.id])
        facts[vm.id]["checkpoints"] = [
            {**checkpoint.describe(entry, tree), "current": entry.id.lower() == current.get(vm.id)} for entry in tree
        ]


def _firmware(reading: Reading, facts: Facts) -> None:
    settings = reading.query_settings(_FIRMWARE_COLUMNS)
    ports, sources = reading.by_owner(SYNTHETIC_ADAPTER), reading.by_owner(BOOT_SOURCE)
    for vm in reading.vms:
        if vm.id in settings:
            names = {row["InstanceID"]: row["ElementName"] or "" for row in ports.get(vm.id, ())}
            entries = {row["InstanceID"]: row["BootSourceDescription"] or "" for row in sources.get(vm.id, ())}
            row = settings[vm.id]
            facts[vm.id]["firmware"] = {
                **firmware.describe(row, reading.layouts[vm.id], names, entries),
                "certificates_2023": _has_certificates(row),
            }


def _has_certificates(row: Row) -> bool | None:
    """False if a VM is older than the Secure Boot certificates of 2023, and its variables were created without them.

    No CIM class shows the variables. Newer VMs may have the certificates, which depends on the updates of their host.
    """
    created = row["CreationTime"]
    return False if generation(row) == 2 and created and created.year < _CERTIFICATES else None


def _availability(reading: Reading, facts: Facts) -> None:
    clustered, modes = query_clustered(reading.host), _query_replication(reading)
    for vm in reading.vms:
        mode = modes.get(vm.id)
        facts[vm.id] |= {
            "clustered": None if clustered is None else vm.id in clustered,
            "replication": {"enabled": None if mode is None else mode != _NO_REPLICATION},
        }


def _query_replication(reading: Reading) -> dict[str, int | None]:
    """ReplicationMode by VM id."""
    where = None
    if of_vms(reading.vms):
        where = " OR ".join(f"Name = {cim.quote(vm.id)}" for vm in reading.vms)
    rows = reading.host.client.query(COMPUTER_SYSTEM, columns=("Name", "ReplicationMode"), where=where)
    return {row["Name"].upper(): row["ReplicationMode"] for row in rows}


def _security(reading: Reading, facts: Facts) -> None:
    rows = reading.by_owner(SECURITY)
    for vm in reading.vms:
        facts[vm.id]["tpm"] = next((row["TpmEnabled"] for row in rows.get(vm.id, ())), None)


def _integration(reading: Reading, facts: Facts) -> None:
    for name, cls in INTEGRATION_SERVICES.items():
        rows = reading.by_owner(cls)
        for vm in reading.vms:
            states = facts[vm.id].setdefault("integration_services", {})
            states[name] = next((row["EnabledState"] == integration.ENABLED for row in rows.get(vm.id, ())), None)


def _by_vm(rows: Iterable[Row]) -> dict[str, Row]:
    """The one row of a class by VM id."""
    return {owner(row["InstanceID"]): row for row in rows}


# The groups that need each reader, in the order of reading.
_READERS: tuple[tuple[set[str], Callable[[Reading, Facts], None]], ...] = (
    ({"settings"}, _settings),
    ({"nesting", "processor"}, _processor),
    ({"memory", "guest"}, _memory_and_heartbeat),
    ({"nesting", "network_adapters"}, _network),
    ({"guest"}, complete_guests),
    ({"disks"}, _drives),
    ({"checkpoints"}, _checkpoints),
    ({"firmware"}, _firmware),
    ({"availability"}, _availability),
    ({"security"}, _security),
    ({"integration_services"}, _integration),
    ({"guest_data"}, _guest_data),
)
