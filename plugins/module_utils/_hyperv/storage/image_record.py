# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums of images that are known already, in the registry of the host.

An image of 20 GB takes minutes to compute. A record counts as long as the file has the same size and time of change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.errors import MethodFailed
from ..._task.session import Target
from ..._windows import paths, registry
from ..._wsman.cim import iso_datetime
from ..._wsman.faults import HostError

KEY = r"SOFTWARE\nested.hyperv\Images"


class Record(NamedTuple):
    """Size and time of change of a file, its digests, and the digest of the archive that it was unpacked from."""

    size: int
    modified: str
    digests: tuple[str, ...] = ()
    archive: str = ""

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether the file is as it was, judging by its row of CIM_DataFile."""
        return (self.size, self.modified) == _marks(row)


def of(row: Mapping[str, Any], digests: tuple[str, ...], archive: str = "") -> Record:
    """The record of a file as it is."""
    return Record(*_marks(row), digests, archive)


def _marks(row: Mapping[str, Any]) -> tuple[int, str]:
    modified = row["LastModified"]
    return row["FileSize"] or 0, iso_datetime(modified) if modified else ""


def fetch(host: Target, path: str) -> Record | None:
    """The record of a file, None without one."""
    try:
        values = json.loads(registry.text(host, KEY, paths.key(path)) or "null")
        return values and Record(values["size"], values["modified"], tuple(values["digests"]), values["archive"])
    except (ValueError, KeyError, TypeError):  # somebody else's value
        return None


def write(host: Target, path: str, record: Record) -> bool:
    """Record a file; whether the user may do that, which only administrators may."""
    try:
        registry.create_key(host, KEY)
        registry.write_text(host, KEY, paths.key(path), json.dumps(record._asdict()))
    except MethodFailed:
        return False
    return True


def forget(host: Target, path: str) -> None:
    """Remove the record of a file; one that stays does no harm, because it fits no other file."""
    try:
        registry.delete_value(host, KEY, paths.key(path))
    except HostError:
        return
