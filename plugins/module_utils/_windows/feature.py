# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional features of Windows, by dism.exe: judged by exit codes and states, whatever the language."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .._task.answer import answer_of
from .._task.errors import MethodFailed, Missing, Refused, TaskError
from .._task.session import Target
from .._task.step import Step
from .._task.wait import pauses
from .._wsman.cim import quote
from . import pending, program
from .foreseen import change, foretold, name_of, recall
from .schema import PROCESS

ENABLED, DISABLED, ABSENT = "enabled", "disabled", "absent"
ENABLE_PENDING, DISABLE_PENDING = "enable_pending", "disable_pending"
# The states as dism.exe /English writes them; a feature that is absent has lost its payload.
STATES = {
    "Enabled": ENABLED,
    "Disabled": DISABLED,
    "Disabled with Payload Removed": ABSENT,
    "Enable Pending": ENABLE_PENDING,
    "Disable Pending": DISABLE_PENDING,
    "Staged": "staged",
    "Partially Installed": "partial",
}
SETTLED = {ENABLE_PENDING: ENABLED, DISABLE_PENDING: DISABLED}  # with the next start of Windows
# States that need no change, by the value of the option state.
SATISFIED = {
    "present": (ENABLED, ENABLE_PENDING),
    "absent": (DISABLED, ABSENT, DISABLE_PENDING, "staged"),
}
_WANTED = {"present": ENABLED, "absent": DISABLED}

OPTIONS: dict[str, Any] = {
    "name": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "str"},
    "feature_timeout": {"type": "int", "default": 1800},
}

_DONE, _RESTART_REQUIRED = 0, 3010
_UNKNOWN = 0x800F080C
# Another servicing operation holds the component store: dism.exe is started again after a pause.
_BUSY = frozenset({0x80070020, 0x800F082F})
_LONGEST_PAUSE = 60.0  # seconds
_RESTART_FIRST = "restart Windows (not by shutting it down and starting it again), then run the task again"
_PAYLOAD = (
    "Windows does not have the files of the feature and could not download them. Give the folder of the files, such as "
    "that of an installation medium, as 'source'"
)
_DAMAGED = "the component store of Windows is damaged; repair it with 'dism.exe /Online /Cleanup-Image /RestoreHealth'"
# The meaning of exit codes, and what to do.
REASONS: Mapping[int, str] = {
    5: "access was denied: antivirus rules may block the servicing host (dismhost.exe)",
    50: "Windows does not support this, or a parent feature is not enabled; Windows may have to be restarted first",
    87: "dism.exe of this Windows does not know an option",
    740: "the user has no elevated rights: it must be an administrator of the guest, for a local account other than "
    "Administrator with LocalAccountTokenFilterPolicy",
    1465: _DAMAGED,
    1641: "Windows restarts now",
    14081: _DAMAGED,
    0x80070005: "access was denied: antivirus rules may block the servicing host (dismhost.exe)",
    0x80070020: "another program uses the component store; run the task again later",
    0x80070032: f"parent features are not enabled, which a pending restart may cause; {_RESTART_FIRST}",
    0x80073701: _DAMAGED,
    0x800F080C: "Windows does not know the feature",
    0x800F0819: _DAMAGED,
    0x800F081F: _PAYLOAD,
    0x800F082F: f"another change of features or updates is pending; {_RESTART_FIRST}",
    0x800F0906: _PAYLOAD,
    0x800F0922: _DAMAGED,
    0x800F0954: f"the update server (WSUS) does not offer the files of the feature. {_PAYLOAD}",
    0xC004000D: f"a restart is pending; {_RESTART_FIRST}",
}
_ROW = re.compile(r"^(\S*\w\S*)\s*\|\s*(\S.*?)\s*$", re.MULTILINE)
_INFO = re.compile(r"^Restart Required : (\w+)", re.MULTILINE)
_BAR = re.compile(r"\[[=\s.\d]*%?[=\s]*\]")
_PERCENT = re.compile(rb"(\d+)\.\d%")


# ---- reading ----


def fetch(target: Target) -> dict[str, str]:
    """States of all features by their names, as earlier tasks of this check would have left them."""
    states = {name: foreseen_state(target, name, state) for name, state in _read(target).items()}
    return dict(sorted(states.items(), key=lambda row: row[0].lower()))


def fetch_named(target: Target, names: Iterable[str]) -> dict[str, str]:
    """States of the named features, with the names as Windows writes them. Raises Missing for an unknown one."""
    known = {name.lower(): (name, state) for name, state in fetch(target).items()}
    return dict(_find(target, known, name) for name in dict.fromkeys(names))


def _find(target: Target, known: Mapping[str, tuple[str, str]], name: str) -> tuple[str, str]:
    if name.lower() in known:
        return known[name.lower()]
    alike = [other for other, _state in known.values() if name.lower() in other.lower()][:5]
    hint = f"; it has {', '.join(alike)}" if alike else ""
    raise Missing(
        f"{target.name} has no feature '{name}'{hint}. Names differ between Windows Server and Windows 10 or 11, and "
        "some editions and builds lack the feature",
        option="name",
        feature=name,
    )


def foreseen_state(target: Target, name: str, state: str) -> str:
    """The state of a feature as earlier tasks of this check would have left it."""
    if target.foresees and target.foreseen.get("boot"):
        state = SETTLED.get(state, state)
    return str(recall(target, name_of("feature", name), lambda: {"state": state})["state"])


def after_restart(target: Target) -> dict[str, dict[str, str]]:
    """The values to foretell for a restart: what was pending no longer is."""
    return {
        f"feature {name}": {"state": SETTLED.get(value["state"], value["state"])}
        for name, value in foretold(target, "feature").items()
    }


def is_settled(target: Target) -> bool:
    """Whether Windows is done with all changes of features, also after its restart."""
    return not is_waiting(fetch(target))


def rows(states: Mapping[str, str]) -> list[dict[str, str]]:
    """States of features as modules return them."""
    return [{"name": name, "state": state} for name, state in states.items()]


def is_waiting(states: Mapping[str, str]) -> bool:
    """Whether any of these states waits for a restart."""
    return bool(SETTLED.keys() & set(states.values()))


def check_kept(target: Target, states: dict[str, str], state: str) -> dict[str, str]:
    """The states after a change; Windows undoes at its restart what it can't complete. Raises MethodFailed."""
    lost = [name for name, now in states.items() if now not in SATISFIED[state]]
    if lost:
        raise MethodFailed(
            f"Windows has undone the change of {_listed(lost)}, as a restart does that can't complete it. See "
            r"C:\Windows\Logs\CBS\CBS.log",
            features=rows(states),
        )
    return states


def _read(target: Target) -> dict[str, str]:
    result = _dism(target, "/Get-Features", "/Format:Table", reads=True)
    if result.code != _DONE:
        raise _failed(result, "read the features of Windows")
    return {name: STATES.get(state, state.lower().replace(" ", "_")) for name, state in _ROW.findall(result.text)}


def _may_restart(target: Target, name: str) -> bool:
    """Whether a change of the feature may need a restart."""
    result = _dism(target, "/Get-FeatureInfo", f"/FeatureName:{name}", reads=True)
    found = _INFO.search(result.text)
    return not (found and found[1] == "No")


# ---- changing ----


def plan(target: Target, current: Mapping[str, str], state: str, source: str | None, timeout: float) -> list[Step]:
    """The step that changes the features that are not in the state (present, absent) and not about to be."""
    names = [name for name, now in current.items() if now not in SATISFIED[state]]
    if not names:
        return []
    what = f"{'enable' if state == 'present' else 'disable'} {_listed(names)}"
    before = {"features": {name: current[name] for name in names}}
    after = {"features": dict.fromkeys(names, _WANTED[state])}
    return [Step(what, before, after, lambda: turn(target, names, state, source, timeout, what), ("name",))]


def plan_restart(current: Mapping[str, str], state: str) -> list[Step]:
    """The step for features that get into the state with a restart."""
    waiting = [name for name, now in current.items() if SETTLED.get(now) == _WANTED[state]]
    if not waiting:
        return []
    before = {"features": {name: current[name] for name in waiting}}
    after = {"features": dict.fromkeys(waiting, _WANTED[state])}
    return [Step(f"restart Windows to finish {_listed(waiting)}", before, after, lambda: None, ("name",))]


def turn(target: Target, names: Sequence[str], state: str, source: str | None, timeout: float, what: str) -> None:
    """Enable or disable features in one run of dism.exe. Raises MethodFailed with the meaning of its exit code."""

    def look() -> Mapping[str, Any] | None:
        states = fetch_named(target, names)
        return {} if all(now in SATISFIED[state] for now in states.values()) else None

    def write() -> None:
        answer_of(
            target, what, lambda: _turn(target, names, state, source, timeout, what), look, lambda: is_working(target)
        )

    change(target, write, _expected(target, names, state) if target.foresees else {})


def _turn(
    target: Target, names: Sequence[str], state: str, source: str | None, timeout: float, what: str
) -> Mapping[str, Any]:
    command = ["/Enable-Feature", "/All"] if state == "present" else ["/Disable-Feature"]
    command += [f"/FeatureName:{name}" for name in names]
    if source and state == "present":
        command += [f"/Source:{source}", "/LimitAccess"]
    began = time.monotonic()
    for pause in pauses(first=5.0, longest=_LONGEST_PAUSE):
        left = timeout - (time.monotonic() - began)
        result = _dism(target, *command, timeout=left, on_output=_progress(target, what))
        if result.code in (_DONE, _RESTART_REQUIRED):
            return {}
        is_busy = result.code in _BUSY and not pending.is_servicing(target)
        if not is_busy or time.monotonic() - began + pause > timeout:
            raise _failed(result, what)
        target.report(f"{what}: another program changes Windows at present, next try in {pause:.0f} s")
        time.sleep(pause)
    raise AssertionError("pauses() never ends")


def _expected(target: Target, names: Iterable[str], state: str) -> dict[str, Any]:
    """What will be read after the change, as far as that is known before it."""
    values: dict[str, Any] = {}
    for name in names:
        waits = _may_restart(target, name)
        after = {"present": ENABLE_PENDING, "absent": DISABLE_PENDING}[state] if waits else _WANTED[state]
        values[name_of("feature", name)] = {"state": after}
        if waits:
            values["reboot"] = True
    return values


def is_working(target: Target) -> bool:
    """Whether Windows is still at work on its features."""
    where = " OR ".join(f"Name = {quote(name)}" for name in ("dism.exe", "DismHost.exe", "TiWorker.exe"))
    return bool(target.client.query(PROCESS, columns=("Name",), where=where))


def _progress(target: Target, what: str) -> Callable[[bytes], None]:
    """A function for the output of dism.exe that reports each new percentage."""
    said: list[int] = []

    def on_output(data: bytes) -> None:
        percent = max(map(int, _PERCENT.findall(data)), default=-1)
        if percent > max(said, default=-1):
            said.append(percent)
            target.report(f"{what}: {percent} %")

    return on_output


def _dism(target: Target, *arguments: str, **options: Any) -> program.Result:
    path = program.system(target, "dism.exe")
    return program.run(target, path, "/English", "/Online", "/NoRestart", *arguments, **options)


def _failed(result: program.Result, what: str) -> TaskError:
    """The error about a run of dism.exe that failed, with the meaning of its exit code."""
    shown = f"0x{result.code:08x}" if result.code > 0xFFFF else str(result.code)
    said = _said(result)
    reason = REASONS.get(result.code, f"dism.exe failed: {said}")
    kind = Refused if result.code in (_UNKNOWN, 740) else MethodFailed
    details = {"program": "dism.exe", "code": result.code, "said": said}
    return kind(f"could not {what}: {reason} (code {shown}, see C:\\Windows\\Logs\\DISM\\dism.log)", **details)


def _said(result: program.Result) -> str:
    """The sentences of dism.exe about an error, in the language of the target; they follow its number."""
    lines = [line.strip() for line in result.text.splitlines() if line.strip() and not _BAR.match(line)]
    begin = max(
        (at for at, line in enumerate(lines) if line.endswith((str(result.code), f"0x{result.code:08x}"))), default=-1
    )
    return " ".join(line for line in lines[begin + 1 :] if not line.lower().endswith(".log"))


def _listed(names: Sequence[str]) -> str:
    return f"feature{'s' if len(names) > 1 else ''} {', '.join(names)}"
