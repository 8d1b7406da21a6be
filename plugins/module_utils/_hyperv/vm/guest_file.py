# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files from a host into the guest of a running VM, through its guest services (Msvm_GuestFileService)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._task.wait import reached_within
from ..._windows import file, paths
from ..._windows.foreseen import change, name_of, recall
from ..._wsman import cim
from .. import jobs
from ..schema import COPY_TO_GUEST, GUEST_FILE_SERVICE, INTEGRATION_SERVICES
from . import integration, resources
from .find import RUNNING, VM, of_vms

_INTERFACE = "guest_service_interface"
_LONGEST = 260  # characters of a path (uapi hyperv.h), and octets in Linux
_DRIVE = re.compile(r"[A-Za-z]:[\\/].|%[^%]+%[\\/].")
_NUMBER = re.compile(r"0x([0-9A-Fa-f]{8})")
_EXISTS = 0x80070050
# What the guest's errors mean (winerror.h; Linux has three of them: tools/hv/hv_fcopy_daemon.c), whatever the language.
_REASONS = {
    0x80070002: "the file does not exist on the host",
    0x80070003: "a folder of the destination does not exist in the guest. Create it, or allow 'create_parents: true'",
    0x80070005: "access is denied, on the host (a share that its management service cannot open) or in the guest "
    "(a folder of that name, or a protected file)",
    0x80070020: "another program in the guest has the file open",
    _EXISTS: "the file exists in the guest",
    0x80070070: "the disk of the guest is full",
    0x8007007B: "the destination is not a valid path in the guest",
    0x80004005: "the guest could not write it. In Linux, that is a folder that does not exist (allow 'create_parents: "
    "true'), or a destination that is a folder or too long",
    0x800710DF: "the guest has stopped",
}

OPTIONS: dict[str, Any] = {
    "src": {"type": "str", "required": True},
    "dest": {"type": "str", "required": True},
    "overwrite": {"type": "bool", "default": False},
    "create_parents": {"type": "bool", "default": False},
    "enable_service": {"type": "bool", "default": False},
    "service_timeout": {"type": "int", "default": 60},
}


class Wanted(NamedTuple):
    """A file of the host, and where it is to be in the guest."""

    src: str
    dest: str
    overwrite: bool
    create_parents: bool


def parse(params: Mapping[str, Any]) -> Wanted:
    """Raises Invalid."""
    dest = params["dest"]
    if not (dest.startswith("/") or _DRIVE.match(dest)):
        text = f"'{dest}' is not a full path in the guest, such as C:\\Temp\\app.zip or /root/app.tar"
        raise Invalid(text, option="dest")
    if len(dest) > _LONGEST or (dest.startswith("/") and len(dest.encode()) > _LONGEST):
        raise Invalid(f"the path has more than {_LONGEST} characters, which no guest takes", option="dest")
    src = paths.canonical(params["src"], "src")
    return Wanted(src, dest, params["overwrite"], params["create_parents"])


def check_source(host: Target, src: str) -> None:
    """Raise Missing or Refused unless the file exists; a share isn't visible from here."""
    if paths.is_share(src):
        return
    if file.is_folder(host, src):
        text = f"'{src}' is a folder, and guest services copy single files. Copy an archive, or insert a DVD image"
        raise Refused(text, option="src", path=src)
    if file.fetch_size(host, src) is None:
        raise Missing(f"'{src}' does not exist on the host", option="src", path=src)


def check_running(vm: VM) -> None:
    """Raise Refused unless the VM runs."""
    if vm.state != RUNNING:
        text = f"{vm} is {vm.state}, and only a running guest takes files. Start it, and wait for its heartbeat"
        raise Refused(text, vm=vm.name, state=vm.state)


# ---- the service ----


def fetch_enabled(host: Target, vm: VM) -> bool:
    """Whether the guest service interface of the VM is enabled. Raises Refused if the VM has none."""
    rows = host.client.query(INTEGRATION_SERVICES[_INTERFACE], where=of_vms([vm]))
    if not rows:
        raise Refused(f"{vm} has no guest service interface, because its version or the host is too old", vm=vm.name)
    return rows[0]["EnabledState"] == integration.ENABLED


def plan_enabling(host: Target, vm: VM, permitted: bool) -> list[Step]:
    """The step that enables the guest service interface. Raises Refused if the task does not permit it."""
    if fetch_enabled(host, vm):
        return []
    if not permitted:
        raise Refused(
            f"the guest service interface of {vm} is disabled, as it is by default. Allow the task to enable it with "
            "'enable_service: true'",
            option="enable_service",
            vm=vm.name,
        )
    cls = INTEGRATION_SERVICES[_INTERFACE]
    what = f"turn integration service {_INTERFACE} of {vm} on"

    def apply() -> None:
        row = host.client.query(cls, where=of_vms([vm]))[0]
        resources.modify(host, cls, row["InstanceID"], {"EnabledState": integration.ENABLED}, what)

    return [Step(what, {_INTERFACE: False}, {_INTERFACE: True}, apply)]


def query_service(host: Target, vm: VM) -> dict[str, str] | None:
    """The keys of the guest's file service; None while it doesn't answer."""
    where = f"SystemName = {cim.quote(vm.id)}"
    rows = host.client.query(GUEST_FILE_SERVICE, tuple(GUEST_FILE_SERVICE.properties), where)
    return {name: rows[0][name] for name in GUEST_FILE_SERVICE.keys} if rows else None


def _await_service(host: Target, vm: VM, timeout: float) -> dict[str, str]:
    found: dict[str, str] = {}

    def answers() -> bool:
        found.update(query_service(host, vm) or {})
        return bool(found)

    if reached_within(host, answers, timeout, f"see the guest services of {vm}"):
        return found
    raise Refused(
        f"the guest services of {vm} did not answer within {timeout:.0f} s. In Windows, see that the service "
        "vmicguestinterface runs; in Linux, that hv_fcopy_daemon (hv_fcopy_uio_daemon since kernel 6.10) runs",
        vm=vm.name,
        timeout=timeout,
    )


# ---- copying ----


class Copy(NamedTuple):
    """The step that copies a file, and what became of it: nothing if the guest has it and may not overwrite it."""

    step: Step
    done: list[bool]


def plan_copy(host: Target, vm: VM, wanted: Wanted, timeout: float) -> Copy:
    """Copy the file; with ``overwrite`` whatever the guest has, since no host can read a file of its guest."""
    what, done, known = f"copy '{wanted.src}' to '{wanted.dest}' in the guest of {vm}", [], _name(vm, wanted.dest)

    def apply() -> None:
        done.append(wanted.overwrite or not recall(host, known, bool))
        change(host, write, {known: True})

    def write() -> None:
        done[:] = [_copy(host, vm, wanted, what, timeout)]

    return Copy(Step(what, {"dest": None}, {"dest": wanted.dest}, apply), done)


def _copy(host: Target, vm: VM, wanted: Wanted, what: str, timeout: float) -> bool:
    """Whether the file was copied; False if the guest has a file there. Raises MethodFailed with the guest's reason."""
    values = {
        "SourcePath": wanted.src,
        "DestinationPath": wanted.dest,
        "OverwriteExisting": wanted.overwrite,
        "CreateFullPath": wanted.create_parents,
    }
    arguments = {"CopyFileToGuestSettings": [cim.embedded(COPY_TO_GUEST, values)]}
    keys = query_service(host, vm) or _await_service(host, vm, timeout)
    try:
        jobs.call(host, GUEST_FILE_SERVICE, "CopyFilesToGuest", arguments, keys, what=what)
    except MethodFailed as error:
        number = _NUMBER.search(error.message)
        code = int(number[1], 16) if number else 0
        if code == _EXISTS and not wanted.overwrite:
            return False
        if code in _REASONS:
            error.details["hresult"] = f"0x{code:08X}"
            error.message = f"could not {what}: {_REASONS[code]} (0x{code:08X})"
        raise
    return True


def _name(vm: VM, dest: str) -> str:
    return name_of("guest_file", vm.id, dest)
