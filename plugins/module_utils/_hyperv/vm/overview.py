# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMs of a host for an inventory: the facts that choose, group and reach VMs, in few requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task import table
from ..._task.mac import format_mac
from ..._task.session import Target
from ..._wsman.faults import EncodingLimit, Fault, NotFound
from .. import jobs
from ..network.adapter import arrange, query_rows
from ..schema import (
    COMPUTER_SYSTEM,
    CONNECTION,
    LEGACY_ADAPTER,
    MEMORY,
    PROCESSOR,
    SUMMARY,
    SYNTHETIC_ADAPTER,
    VM_SERVICE,
)
from . import facts, find, memory
from .find import VM, owner, state_word
from .parts import generation
from .settings import NOTES

Row = Mapping[str, Any]

# Msvm_SummaryInformation with the columns of an inventory, and the numbers by which they are requested.
_CODES = {
    "Name": 0,
    "ElementName": 1,
    "Notes": 3,
    "NumberOfProcessors": 4,
    "VirtualSwitchNames": 9,
    "Version": 10,
    "EnabledState": 100,
    "MemoryUsage": 103,
    "Heartbeat": 104,
    "UpTime": 105,
    "GuestOperatingSystem": 106,
    "MemoryAvailable": 112,
    "VirtualSystemSubType": 135,
}
_SUMMARY = SUMMARY._replace(
    properties={**SUMMARY.properties, "NumberOfProcessors": "uint16", "VirtualSwitchNames": "string[]"}
)
# What vm_info reads if the host has no such summaries.
_GROUPS = ("settings", "nesting", "processor", "memory", "network_adapters", "guest")


def fetch(host: Target, guest_details: bool = False) -> list[dict[str, Any]]:
    """All VMs of a host, sorted by name, in the format of vm_info, with the keys of `_describe` only.

    Eight to ten requests without `guest_details`, which adds what the guests report by Data Exchange. Raises Refused if
    the user sees nothing of Hyper-V.
    """
    rows = _query_summaries(host)
    if rows is None:
        return [_reduced(vm) for vm in facts.fetch(host, None, None, _GROUPS)]
    if not rows:
        find.check_rights(host)
        return []
    vms = sorted(map(_vm, rows), key=lambda vm: (vm.name.lower(), vm.id))
    summaries = {row["Name"].upper(): row for row in rows}
    reading = facts.Reading(host, vms, {"guest"}, summaries)
    exposing = {owner(row["InstanceID"]) for row in _query_exposing(host)}
    memories = {owner(row["InstanceID"]): row for row in query_rows(host, vms, MEMORY)}
    adapters = _fetch_adapters(host, reading)
    result = []
    for vm in vms:
        row = summaries[vm.id]
        options = memory.described(table.read(memory.PROPERTIES, memories.get(vm.id, {})))
        result.append(
            {
                "id": vm.id,
                "name": vm.name,
                "state": vm.state,
                "uptime": vm.uptime // 1000,
                "generation": generation(row),
                "version": row["Version"],
                "notes": NOTES.read([row["Notes"]] if row["Notes"] is not None else None),
                "processors": row["NumberOfProcessors"],
                "nesting": vm.id in exposing,
                "memory": options | facts.memory_now(vm, row),
                "network_adapters": adapters[vm.id],
                "guest": facts.guest_of(row),
            }
        )
    if guest_details:
        facts.complete_guests(reading, {vm["id"]: vm for vm in result})
    return result


def _query_summaries(host: Target) -> list[Row] | None:
    """The summaries of all VMs by one request, None if this host has none, or too many for one answer."""
    arguments = {"RequestedInformation": sorted(_CODES.values())}
    returns = {"SummaryInformation": [_SUMMARY]}
    what = "read the summaries of the VMs"
    try:
        answer = jobs.ask(host, VM_SERVICE, "GetSummaryInformation", arguments, returns=returns, what=what)
    except EncodingLimit:
        return _query_rows_of_summaries(host)
    except NotFound:
        host.client.query(COMPUTER_SYSTEM, columns=("Name",), limit=1)  # raises if Hyper-V is missing
        return None
    rows = answer["SummaryInformation"]
    return rows if all(row["Name"] and row["Version"] and row["EnabledState"] is not None for row in rows) else None


def _query_rows_of_summaries(host: Target) -> list[Row] | None:
    """The same as rows of their class, which come in pages."""
    try:
        rows = host.client.query(_SUMMARY, columns=tuple(_CODES))
    except Fault:
        return None
    return rows if all(row["Name"] and row["Version"] for row in rows) else None


def _vm(row: Row) -> VM:
    return VM(row["Name"].upper(), row["ElementName"] or "", state_word(row["EnabledState"]), row["UpTime"] or 0)


def _query_exposing(host: Target) -> list[Row]:
    """The processors to which virtualization extensions are exposed; those of checkpoints, too."""
    return host.client.query(PROCESSOR, columns=("InstanceID",), where={"ExposeVirtualizationExtensions": True})


def _fetch_adapters(host: Target, reading: facts.Reading) -> dict[str, list[dict[str, Any]]]:
    """The adapters of each VM with name, MAC address, switch and IP addresses.

    The summaries name the switches of a VM. Connections are read only if this leaves open which adapter is connected
    to which switch.
    """
    kinds = [SYNTHETIC_ADAPTER]
    if any(generation(row) == 1 for row in reading.summaries.values()):
        kinds.append(LEGACY_ADAPTER)
    ports = [(cls, row) for cls in kinds for row in query_rows(host, reading.vms, cls)]
    by_vm: dict[str, list[Row]] = {vm.id: [] for vm in reading.vms}
    for _cls, row in ports:
        by_vm[owner(row["InstanceID"])].append(row)
    named = {id: row["VirtualSwitchNames"] for id, row in reading.summaries.items()}
    switches = _switches(by_vm, named)
    if switches is None:
        connections = query_rows(host, reading.vms, CONNECTION)
        adapters = arrange(ports, connections, {})
        names = facts.query_switches(host, adapters)
        switches = {adapter.id: names.get(adapter.switch or "") for adapter in adapters}
    addresses = facts.query_addresses(reading) if ports else {}
    return {
        vm: [
            {
                "id": row["InstanceID"],
                "name": row["ElementName"] or "",
                "mac_address": format_mac(row["Address"]),
                "switch": switches[row["InstanceID"]],
                "ip_addresses": addresses.get(row["InstanceID"].lower(), []),
            }
            for row in rows
        ]
        for vm, rows in by_vm.items()
    }


def _switches(ports: Mapping[str, list[Row]], named: Mapping[str, list[str]]) -> dict[str, str | None] | None:
    """The switch of each adapter by its id, from the switches of each VM; None if they leave a doubt.

    Without a name at all, the host may not report them.
    """
    if any(ports.values()) and not any(named.values()):
        return None
    result: dict[str, str | None] = {}
    for vm, rows in ports.items():
        names = named.get(vm) or []
        if names and (len(set(names)) > 1 or len(names) < len(rows)):
            return None
        result |= {row["InstanceID"]: names[0] if names else None for row in rows}
    return result


def _reduced(vm: Mapping[str, Any]) -> dict[str, Any]:
    """What vm_info returns about a VM, in the form of an overview."""
    kept = ("id", "name", "state", "uptime", "generation", "version", "notes", "memory", "guest")
    columns = ("id", "name", "mac_address", "switch", "ip_addresses")
    return {
        **{key: vm[key] for key in kept},
        "processors": vm["processor"]["count"],
        "nesting": vm["nesting"]["virtualization_extensions"],
        "network_adapters": [{key: row[key] for key in columns} for row in vm["network_adapters"]],
    }
