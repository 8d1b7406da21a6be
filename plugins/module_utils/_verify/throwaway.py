# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away objects of a prefix: which ones a host has, and their removal, whoever has left them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from .._hyperv import jobs
from .._hyperv.host import facts
from .._hyperv.schema import COMPUTER_SYSTEM, SWITCH, SWITCH_SERVICE, VM_SERVICE
from .._hyperv.storage import disk_file
from .._hyperv.vm.find import OFF, VM, is_vm, state_word
from .._task.errors import Invalid, MethodFailed, Missing
from .._task.session import Target
from .._task.wait import reached_within
from .._windows.paths import canonical
from .._windows.schema import DATA_FILE
from .._wsman.cim import Instance, like_prefix, quote
from .._wsman.faults import HostError

PREFIX = "nested-hyperv-verify-"
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]{6,38}-")
_MERGED = 120.0  # seconds


class Found(NamedTuple):
    """The objects of the prefix: names of VMs and switches, paths of files."""

    vms: list[str]
    switches: list[str]
    files: list[str]

    def __str__(self) -> str:
        named = (("VM", self.vms), ("virtual switch", self.switches), ("file", self.files))
        return ", ".join(f"{kind} '{name}'" for kind, names in named for name in names)


def check_prefix(prefix: str) -> None:
    """Raise Invalid for a prefix that objects of other people may have, too."""
    if not _PREFIX.fullmatch(prefix):
        text = f"'{prefix}' is no prefix for throw-away objects: 8 to 40 letters, digits and hyphens, a hyphen last"
        raise Invalid(text, option="prefix")


def folder(host: Target, given: str | None) -> str:
    """The folder of throw-away disks: the given one, or the host's default one. Raises Missing."""
    if given:
        return canonical(given, "folder", of_folder=True)
    settings = facts.fetch_settings(host)
    if settings is None or not settings["DefaultVirtualHardDiskPath"]:
        raise Missing("the host names no default folder for disks; choose one", option="folder")
    return canonical(settings["DefaultVirtualHardDiskPath"], "folder", of_folder=True)


def find(host: Target, prefix: str, folder: str) -> Found:
    """The objects of the prefix on a host; nobody else's are looked at."""
    vms, switches = (
        sorted(row["ElementName"] for row in _query(host, cls, prefix)) for cls in (COMPUTER_SYSTEM, SWITCH)
    )
    return Found(vms, switches, _query_files(host, prefix, folder))


def _query(host: Target, cls: type, prefix: str) -> list[Instance]:
    columns = ("Name", "ElementName", *(("EnabledState",) if cls is COMPUTER_SYSTEM else ()))
    rows = host.client.query(cls, columns=columns, where=f"ElementName LIKE {like_prefix(prefix)}")
    mine = (row for row in rows if row["ElementName"].lower().startswith(prefix.lower()))
    return [row for row in mine if cls is not COMPUTER_SYSTEM or is_vm(row)]


def _query_files(host: Target, prefix: str, folder: str) -> list[str]:
    where = f"Drive = {quote(folder[:2])} AND Path = {quote(folder[2:].rstrip(chr(92)) + chr(92))}"
    where += f" AND FileName LIKE {like_prefix(prefix)}"
    rows = host.client.query(DATA_FILE, columns=("Name",), where=where)
    names = (row["Name"] for row in rows)
    return sorted(name for name in names if name.rpartition(chr(92))[2].lower().startswith(prefix.lower()))


def sweep(host: Target, prefix: str, folder: str) -> Found:
    """Remove every object of the prefix, as many as can be, and return them. Raises MethodFailed if some stay."""
    found, errors = find(host, prefix, folder), []

    def attempt(remove: Callable[[], None]) -> None:
        try:
            remove()
        except HostError as error:
            errors.append(error.message.rstrip("."))

    for row in _query(host, COMPUTER_SYSTEM, prefix):
        attempt(lambda row=row: _remove_vm(host, row))
    for row in _query(host, SWITCH, prefix):
        attempt(lambda row=row: _remove_switch(host, row))
    with suppress(HostError):  # disks are merged after their VM is gone; those that stay are named below
        reached_within(host, lambda: _remove_files(host, prefix, folder), _MERGED, "remove the throw-away disks")
    left = find(host, prefix, folder)
    if any(left):
        reasons = "; ".join(errors) or "the host gives no reason"
        raise MethodFailed(f"these throw-away objects remain on the host: {left}. {reasons}", left=left._asdict())
    return found


def _remove_vm(host: Target, row: Instance) -> None:
    vm = VM(row["Name"], row["ElementName"], state_word(row["EnabledState"]))
    what = f"remove the throw-away {vm}"

    def is_off() -> bool:
        return state_word(host.client.get(COMPUTER_SYSTEM, vm.keys)["EnabledState"]) == OFF

    if not is_off():
        with suppress(MethodFailed):
            jobs.ask(host, COMPUTER_SYSTEM, "RequestStateChange", {"RequestedState": 3}, keys=vm.keys, what=what)
        reached_within(host, is_off, _MERGED, what)
    jobs.ask(host, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}, what=what)


def _remove_switch(host: Target, row: Instance) -> None:
    reference = SWITCH.reference({"CreationClassName": SWITCH.name, "Name": row["Name"]})
    what = f"remove the throw-away switch '{row['ElementName']}'"
    jobs.ask(host, SWITCH_SERVICE, "DestroySystem", {"AffectedSystem": reference}, what=what)


def _remove_files(host: Target, prefix: str, folder: str) -> bool:
    """Whether no file is left."""
    files = _query_files(host, prefix, folder)
    for path in files:
        with suppress(MethodFailed):
            disk_file.delete(host, path)
    return not files
