# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual TPM of a VM: a local key protector from the host's guardian service, then the TPM itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.session import Host
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.faults import InvalidClass
from .. import jobs
from ..schema import GUARDIAN, KEY_PROTECTOR, SECURITY, SECURITY_SERVICE
from . import find as vms
from .find import VM

_GUARDIAN_NAME = "UntrustedGuardian"  # the guardian that Hyper-V's own tools make on a host without a guarded fabric
_NO_PROTECTOR = 4  # bytes; a VM without a key protector has this many or fewer


FRESH: dict[str, Any] = {"TpmEnabled": False}


# VMs of configuration versions below 8.0 have no such settings at all.
_NONE: dict[str, Any] = {"TpmEnabled": False, "InstanceID": None}


def read(host: Host, vm: VM) -> dict[str, Any]:
    """The VM's security settings; one request."""
    rows = host.client.query(SECURITY, columns=tuple(SECURITY.properties), where=vms.of_vms([vm]))
    return rows[0] if rows else _NONE


def plan(host: Host, vm: VM, row: Mapping[str, Any], wanted: bool | None, generation: int) -> list[Step]:
    """The step to a VM with, or without, a virtual TPM. Raises Invalid, Refused."""
    if wanted is None:
        return []
    if generation == 1:
        raise Invalid(f"tpm: {vm} is of generation 1, which has no virtual TPM; leave it out", vm=vm.name)
    if wanted and row is _NONE:
        raise Refused(
            f"tpm: {vm} has no security settings, which come with configuration version 8.0. Upgrade its version while "
            "it is off (it can't be taken back), or leave it out",
            vm=vm.name,
        )
    if wanted and not row["TpmEnabled"]:
        check_possible(host, vm)
    return [
        Step(
            f"turn the virtual TPM of {vm} {'on' if wanted else 'off'}",
            {"tpm": bool(row["TpmEnabled"])},
            {"tpm": wanted},
            lambda: _set(host, vm, row["InstanceID"], wanted),
            ("tpm",),
        )
    ]


def check_possible(host: Host, vm: VM) -> None:
    """Raise Refused where the host has no guardian service, without which no VM can have a TPM."""
    try:
        host.client.query(GUARDIAN, columns=("Name",))
    except InvalidClass as error:
        raise Refused(
            f"tpm: {vm} can't get a virtual TPM, since this host lacks the host guardian client "
            "(CIM namespace root/Microsoft/Windows/Hgs). Enable the feature HostGuardian on it, or leave 'tpm' out",
            vm=vm.name,
        ) from error


def _set(host: Host, vm: VM, instance_id: str, enabled: bool) -> None:
    settings = cim.embedded(SECURITY, {"InstanceID": instance_id})
    if enabled and not _has_protector(host, vm, settings):
        arguments = {"SecuritySettingData": settings, "KeyProtector": _new_protector(host)}
        jobs.call(host, SECURITY_SERVICE, "SetKeyProtector", arguments, what=f"set a key protector for {vm}")
    text = cim.embedded(SECURITY, {"InstanceID": instance_id, "TpmEnabled": enabled})
    what = f"turn the virtual TPM of {vm} {'on' if enabled else 'off'}"
    jobs.call(host, SECURITY_SERVICE, "ModifySecuritySettings", {"SecuritySettingData": text}, what=what)


def _has_protector(host: Host, vm: VM, settings: str) -> bool:
    """A protector that is there is kept: with a new one the TPM's state could no longer be read."""
    answer = jobs.call(
        host,
        SECURITY_SERVICE,
        "GetKeyProtector",
        {"SecuritySettingData": settings},
        returns={"KeyProtector": "uint8[]"},
        what=f"read the key protector of {vm}",
    )
    return len(answer.get("KeyProtector") or []) > _NO_PROTECTOR


def _new_protector(host: Host) -> list[int]:
    guardians = host.client.query(GUARDIAN, where={"Name": _GUARDIAN_NAME})
    guardian = guardians[0] if guardians else _new_guardian(host)
    answer = host.client.invoke(
        KEY_PROTECTOR,
        "NewByGuardians",
        arguments={"Owner": {**guardian, "__CLASS": GUARDIAN.name}, "AllowUntrustedRoot": True},
        returns={"cmdletOutput": KEY_PROTECTOR},
    )
    protector = (answer.get("cmdletOutput") or {}).get("RawData")
    if not protector:
        raise MethodFailed("the host's guardian service made no key protector", method="NewByGuardians")
    return protector


def _new_guardian(host: Host) -> dict[str, Any]:
    answer = host.client.invoke(
        GUARDIAN,
        "NewByGenerateCertificates",
        arguments={"Name": _GUARDIAN_NAME, "GenerateCertificates": True},
        returns={"cmdletOutput": GUARDIAN},
    )
    guardian = answer.get("cmdletOutput")
    if not guardian:
        raise MethodFailed(f"the host made no guardian '{_GUARDIAN_NAME}'", method="NewByGenerateCertificates")
    return guardian
