# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of Windows: their state and start mode (Win32_Service)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._task.answer import answer_of
from .._task.errors import MethodFailed, Missing, Refused
from .._task.session import Target
from .._task.step import Step
from .._task.wait import wait_until
from .._wsman.cim import quote
from .._wsman.faults import HostError
from .foreseen import change, foretold, name_of, recall
from .schema import SERVICE

RUNNING, STOPPED, START_PENDING = "running", "stopped", "start_pending"
DISABLED = "disabled"
TIMEOUT = 300.0  # seconds

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped", "restarted"]},
    "start_mode": {"type": "str", "choices": ["auto", "manual", "disabled"]},
    "service_timeout": {"type": "int", "default": int(TIMEOUT)},
}

_MODES = {"auto": "Automatic", "manual": "Manual", "disabled": "Disabled"}  # for ChangeStartMode
_COLUMNS = ("Name", "State", "StartMode", "PathName", "StartName")
# Return values of StartService, StopService and ChangeStartMode (Win32_Service docs); two say that it is done already,
# and one that the service has not answered yet.
_NOT_ACTIVE, _NO_ANSWER, _RUNS_ALREADY = 6, 7, 10
_REASONS = {
    1: "the request is not supported",
    2: "access is denied",
    3: "services that depend on it run; stop them first",
    4: "it does not take this request",
    5: "it takes no request in its present state",
    8: "the service failed without a reason",
    9: "its program does not exist",
    11: "the database of services is locked",
    12: "a service that it depends on does not exist",
    13: "a service that it depends on does not start",
    14: "it is disabled; set 'start_mode'",
    15: "its account can't log on",
    16: "it is marked for deletion, which happens once nothing uses it, at the latest with a restart",
    21: "a parameter is not valid",
    22: "its account is not valid",
}


def fetch(target: Target, name: str) -> dict[str, Any] | None:
    """Name, state, start mode, path and account of a service, as an earlier task of this check would have left it."""

    def read() -> dict[str, Any] | None:
        rows = target.client.query(SERVICE, columns=_COLUMNS, where=f"Name = {quote(name)}")
        return _described(rows[0]) if rows else None

    return recall(target, name_of("service", name), read)


def fetch_all(target: Target) -> list[dict[str, Any]]:
    """All services, by name."""
    found = {row["Name"].lower(): _described(row) for row in target.client.query(SERVICE, columns=_COLUMNS)}
    found |= foretold(target, "service")
    return [found[name] for name in sorted(found) if found[name]]


def need(target: Target, name: str) -> dict[str, Any]:
    """The service. Raises Missing."""
    found = fetch(target, name)
    if found is None:
        raise Missing(
            f"{target.name} has no service '{name}'. Give its name, not its display name (sc.exe query)", option="name"
        )
    return found


def plan(target: Target, current: Mapping[str, Any], params: Mapping[str, Any]) -> list[Step]:
    """The steps to a start mode and a state. Raises Refused if a disabled service would have to start."""
    name, state, mode = current["name"], params["state"], params["start_mode"]
    timeout = params["service_timeout"]
    steps = []
    if mode and mode != current["start_mode"]:
        before, after = {"start_mode": current["start_mode"]}, {"start_mode": mode}
        what = f"set start_mode of the service '{name}'"
        steps.append(Step(what, before, after, lambda: set_start_mode(target, name, mode)))
    starts = state in ("started", "restarted") and (current["state"] != RUNNING or state == "restarted")
    if starts and (mode or current["start_mode"]) == DISABLED:
        raise Refused(f"the service '{name}' is disabled, so it can't be started. Set 'start_mode'", option="state")
    before = {"state": current["state"]}

    def begin() -> None:
        with saying_it_may_be_stopped(name, current["state"] != STOPPED):
            start(target, name, timeout)

    if state in ("stopped", "restarted") and current["state"] != STOPPED:
        what = f"stop the service '{name}'"
        steps.append(Step(what, before, {"state": STOPPED}, lambda: stop(target, name, timeout)))
    if starts:
        after = {"state": state if state == "restarted" else RUNNING}
        steps.append(Step(f"start the service '{name}'", before, after, begin))
    return steps


@contextmanager
def saying_it_may_be_stopped(name: str, ran: bool) -> Iterator[None]:
    """Say in an error that a service, which ran before the task, may be stopped now.

    An error about an option, such as the time in which the service has to answer, says enough.
    """
    try:
        yield
    except HostError as error:
        if ran and not error.details.get("option"):
            error.message = f"{error.message.rstrip('.')}. The service '{name}' may be stopped; run the task again"
        raise


def start(target: Target, name: str, timeout: float = TIMEOUT) -> None:
    """Start a service and wait until it runs. Raises MethodFailed with its exit code if it stops again."""
    what = f"start the service '{name}'"

    def write() -> None:
        _ask(target, "StartService", name, what, (RUNNING, START_PENDING), _RUNS_ALREADY)
        wait_until(target, lambda: _is_up(target, name, what), timeout, what, "Look at the event log of Windows")

    change(target, write, _expected(target, name, state=RUNNING))


def stop(target: Target, name: str, timeout: float = TIMEOUT) -> None:
    """Stop a service and wait until it has stopped."""
    what = f"stop the service '{name}'"

    def is_down() -> bool:
        return (fetch(target, name) or {"state": STOPPED})["state"] == STOPPED

    def write() -> None:
        _ask(target, "StopService", name, what, (STOPPED, "stop_pending"), _NOT_ACTIVE)
        wait_until(target, is_down, timeout, what, "Look at the event log of Windows")

    change(target, write, _expected(target, name, state=STOPPED))


def set_start_mode(target: Target, name: str, mode: str) -> None:
    """Change how a service starts with Windows: auto, manual or disabled."""
    what = f"set start_mode of the service '{name}'"
    arguments = {"StartMode": _MODES[mode]}

    def look() -> Mapping[str, Any] | None:
        now = fetch(target, name)
        return {} if now and now["start_mode"] == mode else None

    def write() -> None:
        answer_of(target, what, lambda: _invoke(target, "ChangeStartMode", name, what, arguments), look)

    change(target, write, _expected(target, name, start_mode=mode))


def _described(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in words; State and StartMode are the same in every language."""
    return {
        "name": row["Name"],
        "state": (row["State"] or "").lower().replace(" ", "_"),
        "start_mode": (row["StartMode"] or "").lower(),
        "path": row["PathName"],
        "account": row["StartName"],
    }


def _expected(target: Target, name: str, **values: Any) -> dict[str, Any]:
    return {name_of("service", name): {**(fetch(target, name) or {}), **values}} if target.foresees else {}


def _is_up(target: Target, name: str, what: str) -> bool:
    """Whether a service runs that was started. Raises MethodFailed if it has stopped again."""
    columns = ("Name", "State", "ExitCode", "ServiceSpecificExitCode")
    rows = target.client.query(SERVICE, columns=columns, where=f"Name = {quote(name)}")
    row = rows[0] if rows else {"State": "Stopped", "ExitCode": None, "ServiceSpecificExitCode": None}
    if row["State"] == "Stopped":
        code, own = row["ExitCode"], row["ServiceSpecificExitCode"]
        shown = f"{code}, its own code {own}" if own else f"{code}"
        raise MethodFailed(
            f"could not {what}: it stopped again (exit code {shown}). Look at the event log of Windows",
            service=name,
            exit_code=code,
        )
    return row["State"] == "Running"


def _ask(target: Target, method: str, name: str, what: str, states: tuple[str, ...], done: int) -> None:
    """Ask a service for a state; if the answer is lost, one of these states is a sign that it was asked."""

    def look() -> Mapping[str, Any] | None:
        now = fetch(target, name)
        return {} if now and now["state"] in states else None

    answer_of(target, what, lambda: _invoke(target, method, name, what, fine=(done, _NO_ANSWER)), look)


def _invoke(
    target: Target,
    method: str,
    name: str,
    what: str,
    arguments: Mapping[str, Any] | None = None,
    fine: tuple[int, ...] = (),
) -> Mapping[str, Any]:
    answer = target.client.invoke(SERVICE, method, keys={"Name": name}, arguments=dict(arguments or {}))
    code = answer["ReturnValue"]
    if code and code not in fine:
        reason = _REASONS.get(code, "Windows refused it")
        raise MethodFailed(f"could not {what}: {reason} (code {code})", service=name, method=method, return_value=code)
    return answer
