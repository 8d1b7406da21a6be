# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual TPM of a VM: a local key protector from the host's guardian service, then the TPM itself."""

from __future__ import annotations

from typing import Any

from ..._task.answer import answer_of
from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.faults import InvalidClass, WSManError, may_have_run
from .. import jobs
from ..schema import GUARDIAN, KEY_PROTECTOR, SECURITY, SECURITY_SERVICE
from .find import VM
from .parts import NO_SECURITY, Parts

OPTIONS: dict[str, Any] = {"tpm": {"type": "bool"}}

_GUARDIAN_NAME = "UntrustedGuardian"  # the guardian that Hyper-V's own tools create on a host without a guarded fabric
_NO_PROTECTOR = 4  # bytes; a VM without a key protector has this many or fewer

# The security settings of a VM that was just created.
FRESH: dict[str, Any] = {"TpmEnabled": False}


def parse(options: dict[str, Any]) -> bool | None:
    """Whether a TPM is wanted; None leaves it alone."""
    return options["tpm"]


def plan(parts: Parts, wanted: bool | None) -> list[Step]:
    """The step to a VM with, or without, a virtual TPM. Raises Invalid, Refused."""
    if wanted is None:
        return []
    host, vm = parts.host, parts.vm
    if not wanted and parts.generation == 1:
        return []
    if parts.generation == 1:
        raise Invalid(f"{vm} is a generation 1 VM, which has no virtual TPM; leave it out", option="tpm", vm=vm.name)
    if wanted and parts.security is NO_SECURITY:
        raise Refused(
            f"{vm} has no security settings, which come with configuration version 8.0. Upgrade its version in a task "
            "of its own ('version: latest' and 'upgrade_version: true', which can't be undone), or leave it out",
            option="tpm",
            vm=vm.name,
        )
    enabled = bool(parts.security["TpmEnabled"])
    if wanted and not enabled:
        check_possible(host, vm)
    what = f"turn the virtual TPM of {vm} {'on' if wanted else 'off'}"
    return [Step(what, {"tpm": enabled}, {"tpm": wanted}, lambda: _write(parts, wanted, what), ("tpm",))]


def check_possible(host: Target, vm: VM) -> None:
    """Raise Refused if the host has no guardian service, without which no VM can have a TPM."""
    try:
        host.client.query(GUARDIAN, columns=("Name",))
    except InvalidClass as error:
        raise Refused(
            f"{vm} can't get a virtual TPM, because this host lacks the host guardian client "
            "(CIM namespace root/Microsoft/Windows/Hgs). Enable the feature HostGuardian on it, or leave 'tpm' out",
            option="tpm",
            vm=vm.name,
        ) from error


def _write(parts: Parts, enabled: bool, what: str) -> None:
    host, vm, instance_id = parts.host, parts.vm, parts.security["InstanceID"]
    settings = cim.embedded(SECURITY, {"InstanceID": instance_id})
    if enabled and not _has_protector(host, vm, settings):
        arguments = {"SecuritySettingData": settings, "KeyProtector": _new_protector(host)}
        jobs.call(
            host,
            SECURITY_SERVICE,
            "SetKeyProtector",
            arguments,
            what=f"set a key protector for {vm}",
            look=lambda: {} if _has_protector(host, vm, settings) else None,
        )
    text = cim.embedded(SECURITY, {"InstanceID": instance_id, "TpmEnabled": enabled})
    jobs.call(host, SECURITY_SERVICE, "ModifySecuritySettings", {"SecuritySettingData": text}, what=what)


def _has_protector(host: Target, vm: VM, settings: str) -> bool:
    """Whether the VM has a key protector, which is then kept: a new one couldn't decrypt the state of its TPM."""
    answer = jobs.ask(
        host,
        SECURITY_SERVICE,
        "GetKeyProtector",
        {"SecuritySettingData": settings},
        returns={"KeyProtector": "uint8[]"},
        what=f"read the key protector of {vm}",
    )
    return len(answer.get("KeyProtector") or []) > _NO_PROTECTOR


def _new_protector(host: Target) -> list[int]:
    guardians = _query_guardians(host)
    guardian = guardians[0] if guardians else _new_guardian(host)

    def compute() -> dict[str, Any]:
        return host.client.invoke(
            KEY_PROTECTOR,
            "NewByGuardians",
            arguments={"Owner": {**guardian, "__CLASS": GUARDIAN.name}, "AllowUntrustedRoot": True},
            returns={"cmdletOutput": KEY_PROTECTOR},
        )

    try:
        answer = compute()
    except WSManError as error:
        if not may_have_run(error):
            raise
        answer = compute()  # the host keeps nothing of it
    protector = (answer.get("cmdletOutput") or {}).get("RawData")
    if not protector:
        raise MethodFailed("the host's guardian service returned no key protector", method="NewByGuardians")
    return protector


def _query_guardians(host: Target) -> list[dict[str, Any]]:
    return host.client.query(GUARDIAN, where={"Name": _GUARDIAN_NAME})


def _new_guardian(host: Target) -> dict[str, Any]:
    answer = answer_of(
        host,
        f"create the guardian '{_GUARDIAN_NAME}' on the host",
        lambda: host.client.invoke(
            GUARDIAN,
            "NewByGenerateCertificates",
            arguments={"Name": _GUARDIAN_NAME, "GenerateCertificates": True},
            returns={"cmdletOutput": GUARDIAN},
        ),
        lambda: next(({"cmdletOutput": row} for row in _query_guardians(host)), None),
    )
    guardian = answer.get("cmdletOutput")
    if not guardian:
        raise MethodFailed(f"the host returned no guardian '{_GUARDIAN_NAME}'", method="NewByGenerateCertificates")
    return guardian
