# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, for changes that it can't carry: processors, memory, drives. Each is asked for once in a task."""

from __future__ import annotations

from ..._task.errors import Missing, Refused
from ..._task.session import Target
from ..._task.units import format_size
from ..._windows.schema import OPERATING_SYSTEM
from ..._wsman.cim import Instance
from ..._wsman.faults import Fault
from ..schema import CPU, VOLUME

_KB = 1 << 10


# ---- processors and memory ----


def query_processors(host: Target) -> list[Instance]:
    """The processors of the host, one row for each socket."""
    columns = ("DeviceID", "Manufacturer", "NumberOfCores", "NumberOfLogicalProcessors")
    return host.once("processors", lambda: host.client.query(CPU, columns=columns))


def query_windows(host: Target) -> Instance:
    """Build and memory of the host's Windows."""
    columns = ("Name", "BuildNumber", "TotalVisibleMemorySize")
    return host.once("windows", lambda: host.client.query(OPERATING_SYSTEM, columns=columns))[0]


def check_count(host: Target, count: int, what: str, option: str) -> None:
    """Raise Refused if the host has fewer logical processors than a VM should have virtual ones."""
    logical = sum(row["NumberOfLogicalProcessors"] or 0 for row in query_processors(host))
    if 0 < logical < count:
        raise Refused(
            f"{what} can't have {count} virtual processors, since the host has {logical} logical processors; choose at "
            "most as many",
            option=option,
            most=logical,
        )


def check_threads(host: Target, threads: int, what: str, option: str) -> None:
    """Raise Refused if the cores of the host have fewer hardware threads (Set-VMProcessor -HwThreadCountPerCore)."""
    rows = query_processors(host)
    cores = sum(row["NumberOfCores"] or 0 for row in rows)
    most = sum(row["NumberOfLogicalProcessors"] or 0 for row in rows) // cores if cores else 0
    if 0 < most < threads:
        raise Refused(
            f"{what} can't have {threads} threads in each core, since the cores of the host have {most}; choose at "
            "most as many, or 0 for the host's own number",
            option=option,
            most=most,
        )


def check_memory(host: Target, startup: int, what: str, option: str) -> None:
    """Raise Refused if a VM couldn't start, because the whole host has less memory than its startup memory."""
    total = (query_windows(host)["TotalVisibleMemorySize"] or 0) * _KB
    if 0 < total < startup:
        raise Refused(
            f"{what} can't run with {format_size(startup)} of startup memory, since the host has {total >> 20} MB; "
            "reduce 'startup'",
            option=option,
            most=total,
        )


# ---- drives ----


def query_volumes(host: Target) -> list[Instance]:
    """The volumes of the host by drive or folder; none if the user may not see them."""

    def ask() -> list[Instance]:
        try:
            return host.client.query(VOLUME, columns=tuple(VOLUME.properties))
        except Fault:
            return []

    return host.once("volumes", ask)


def check_drive(host: Target, path: str, option: str = "path") -> None:
    """Raise Missing if a path is on a drive that the host doesn't have."""
    if path[1:2] != ":" or path[:1].upper() == "C":  # Windows itself is on C:
        return
    letters = {row["DriveLetter"].upper() for row in query_volumes(host) if row["DriveLetter"]}
    if letters and path[:2].upper() not in letters:
        raise Missing(
            f"the host has no drive {path[:2].upper()} for '{path}'; it has {', '.join(sorted(letters))}. "
            "Choose another path",
            option=option,
            path=path,
        )


def check_space(host: Target, path: str, size: int, option: str = "size") -> None:
    """Raise Refused if a volume has less space than a file takes. Cluster shared volumes are not among the volumes."""
    if "\\clusterstorage\\" in path.lower():
        return
    holding = [row for row in query_volumes(host) if path.lower().startswith((row["Name"] or "?").lower())]
    volume = max(holding, key=lambda row: len(row["Name"]), default=None)
    if volume and volume["FreeSpace"] is not None and volume["FreeSpace"] < size:
        raise Refused(
            f"'{path}' of {format_size(size)} does not fit on {volume['Name']}, which has "
            f"{volume['FreeSpace'] >> 20} MB left. Choose a smaller size, another drive, or a disk of type 'dynamic'",
            option=option,
            path=path,
            free=volume["FreeSpace"],
        )
