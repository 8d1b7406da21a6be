# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM methods of Hyper-V: return values, and the jobs behind 4096."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._task.answer import Look, answer_of
from .._task.errors import MethodFailed, Unanswered
from .._task.session import JOB_TIMEOUT, Target
from .._task.wait import reached_within
from .._wsman.cim import CimClass, Reference
from .._wsman.faults import HostError, NotFound, WSManError
from .look import FIRST_FINISHED, jobs_run, look_at
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

_COMPLETED, _COMPLETED_WITH_WARNINGS, _SERVICE = 7, 32768, 11

# Option of every module: how long a job may take; associated with doc fragment _module.
OPTIONS: dict[str, Any] = {"job_timeout": {"type": "int", "default": JOB_TIMEOUT}}


def call(
    host: Target,
    cls: CimClass,
    method: str,
    arguments: Mapping[str, Any] | None = None,
    keys: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    what: str = "",
    look: Look | None = None,
) -> dict[str, Any]:
    """Invoke a method that writes, wait for its job, record the write, and return the method's output.

    ``what`` says in words what is done to which object ("set memory of VM 'web01'"). A service singleton needs no
    keys. If the answer is lost, ``look`` shows whether it was done, by default as the kind of the method suggests; the
    output then lacks what only the answer has. Raises MethodFailed with Hyper-V's own text if it gives one, Unanswered
    if nobody knows whether it was done.
    """
    what, arguments = what or method, arguments or {}
    look = look or look_at(host, method, arguments)
    output = answer_of(
        host,
        what,
        lambda: ask(host, cls, method, arguments, keys, returns, what),
        look,
        lambda: jobs_run(host),
    )
    return {**{name: [] if str(kind).endswith("[]") else None for name, kind in (returns or {}).items()}, **output}


def ask(
    host: Target,
    cls: CimClass,
    method: str,
    arguments: Mapping[str, Any] | None = None,
    keys: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    what: str = "",
) -> dict[str, Any]:
    """The same for a method that only reads. Raises Unanswered if its job doesn't end."""
    keys = keys or {"CreationClassName": cls.name}
    answer = host.client.invoke(cls, method, keys=keys, arguments=arguments, returns={"Job": "ref", **(returns or {})})
    code = answer["ReturnValue"]
    details = {"class": cls.name, "method": method, "return_value": code}
    if code == STARTED and answer.get("Job"):
        _wait(host, answer["Job"], what or method, details)
    elif code == STARTED:
        raise Unanswered(f"the host began to {what or method}, but named no job to wait for", **details)
    elif code != DONE:
        reason = RETURN_VALUES.get(code, "unknown return value")
        raise MethodFailed(f"could not {what or method}: {reason} ({method} returned {code})", **details)
    return answer


def _wait(host: Target, job: Reference, what: str, details: dict[str, Any]) -> None:
    """Poll a job until it ends. Its reference names the class to ask, since the jobs of disks have their own class."""
    state: dict[str, Any] = {}
    job_class = JOB._replace(name=job.class_name)

    def ended() -> bool:
        state.update(host.client.get(job_class, job.keys))
        return state["JobState"] >= FIRST_FINISHED and state["JobState"] != _SERVICE

    def percent() -> str:
        return f"{state.get('PercentComplete') or 0} %"

    try:
        done = reached_within(host, ended, host.job_timeout, what, percent)
    except NotFound as error:
        # A finished job is kept for five minutes; one that is gone ended without us seeing how.
        raise Unanswered(f"The job that was to {what} is gone", **details) from error
    except WSManError as error:
        raise Unanswered(f"The connection was lost while the host was to {what}: {error.message}", **details) from error
    if not done:
        name, timeout = state["ElementName"] or job.class_name, host.job_timeout
        raise Unanswered(
            f"The host's job '{name}', which is to {what}, has not ended after {timeout} s (job_timeout): it is at "
            f"{percent()}. Look at its object in Hyper-V Manager, and at the event log Hyper-V-VMMS and the job "
            f"({job.class_name} {job.keys['InstanceID']}) on the host",
            **details,
            job=job.keys["InstanceID"],
            timeout=timeout,
        )
    if state["JobState"] not in (_COMPLETED, _COMPLETED_WITH_WARNINGS) or state["ErrorCode"]:
        code = state["ErrorCode"]
        text = (state["ErrorDescription"] or state["ErrorSummaryDescription"] or "").strip()
        reason = text or RETURN_VALUES.get(code, "the job failed")
        details = {**details, "job_state": state["JobState"], "error_code": code}
        raise MethodFailed(f"could not {what}: {reason} (job error {code})", **details)


def refused(error: HostError) -> bool:
    """Whether the host rejected a request because of the state that the object is in just now."""
    return INVALID_STATE in (error.details.get("return_value"), error.details.get("error_code"))
