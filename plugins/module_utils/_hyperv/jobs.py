# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM methods of Hyper-V: return values, and the jobs behind 4096."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .._task.errors import MethodFailed
from .._task.journal import wrote
from .._task.session import Target
from .._task.wait import REPORT_EVERY, pauses
from .._wsman.cim import CimClass, Reference
from .._wsman.faults import Fault, NotFound
from .schema import JOB

DONE, STARTED = 0, 4096
INVALID_STATE = 32775

# Return values of the virtualization services and ErrorCode of their jobs (Msvm_VirtualSystemManagementService docs).
RETURN_VALUES = {
    1: "not supported",
    2: "failed",
    3: "timed out",
    4: "invalid parameter",
    5: "invalid state",
    6: "incompatible parameter",
    32768: "failed",
    32769: "access denied",
    32770: "not supported",
    32771: "status unknown",
    32772: "timed out",
    32773: "invalid parameter",
    32774: "system in use",
    INVALID_STATE: "invalid state for this operation",
    32776: "incorrect data type",
    32777: "system not available",
    32778: "out of memory",
    32779: "file not found",
    32780: "the guest is not ready",
    32781: "the guest is locked",
    32782: "a shutdown is already in progress",
}

_COMPLETED, _COMPLETED_WITH_WARNINGS, _FIRST_FINISHED, _SERVICE = 7, 32768, 7, 11
_QUIET = 2.0  # seconds; a shorter job reports no progress


def call(
    host: Target,
    cls: CimClass,
    method: str,
    arguments: Mapping[str, Any] | None = None,
    keys: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    what: str = "",
) -> dict[str, Any]:
    """Invoke a method that writes, wait for its job, record the write, and return the method's output.

    ``what`` says in words what is done to which object ("set memory of VM 'web01'"). A service singleton needs no
    keys. Raises MethodFailed with Hyper-V's own text if it gives one.
    """
    answer = ask(host, cls, method, arguments, keys, returns, what)
    wrote(what or method)
    return answer


def ask(
    host: Target,
    cls: CimClass,
    method: str,
    arguments: Mapping[str, Any] | None = None,
    keys: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    what: str = "",
) -> dict[str, Any]:
    """The same for a method that only reads."""
    keys = keys or {"CreationClassName": cls.name}
    answer = host.client.invoke(cls, method, keys=keys, arguments=arguments, returns={"Job": "ref", **(returns or {})})
    code = answer["ReturnValue"]
    details = {"class": cls.name, "method": method, "return_value": code}
    if code == STARTED and answer.get("Job"):
        _wait(host, answer["Job"], what or method, details)
    elif code not in (DONE, STARTED):
        reason = RETURN_VALUES.get(code, "unknown return value")
        raise MethodFailed(f"could not {what or method}: {reason} ({method} returned {code})", **details)
    return answer


def _wait(host: Target, job: Reference, what: str, details: dict[str, Any]) -> None:
    """Poll a job until it ends. Its reference names the class to ask, since the jobs of disks have their own class."""
    started, reported = time.monotonic(), 0.0
    job_class = JOB._replace(name=job.class_name)
    for pause in pauses():
        try:
            state = host.client.get(job_class, job.keys)
        except NotFound as error:
            # A finished job is kept for five minutes; one that is gone ended without us seeing how.
            raise MethodFailed(f"could not learn the end of '{what}': its job is gone", **details) from error
        if state["JobState"] >= _FIRST_FINISHED and state["JobState"] != _SERVICE:
            break
        elapsed = time.monotonic() - started
        if elapsed >= _QUIET and elapsed - reported >= REPORT_EVERY:
            host.report(f"{what}: {state['PercentComplete'] or 0} %")
            reported = elapsed
        time.sleep(pause)
    if state["JobState"] not in (_COMPLETED, _COMPLETED_WITH_WARNINGS) or state["ErrorCode"]:
        code = state["ErrorCode"]
        text = (state["ErrorDescription"] or state["ErrorSummaryDescription"] or "").strip()
        reason = text or RETURN_VALUES.get(code, "the job failed")
        details = {**details, "job_state": state["JobState"], "error_code": code}
        raise MethodFailed(f"could not {what}: {reason} (job error {code})", **details)


def refused(error: Exception) -> bool:
    """Whether the host rejected a request because of the state that the object is in just now."""
    if isinstance(error, MethodFailed):
        return INVALID_STATE in (error.details.get("return_value"), error.details.get("error_code"))
    return isinstance(error, Fault)
