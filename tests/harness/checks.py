# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play in check mode, for real and again, each on a fresh simulation, compared task by task."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import ansible.constants as ansible_constants
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict

from .lab import open_lab

# What check mode can't know: ids that the host will choose, what has been done, and what is measured.
UNKNOWN = {"id", "checkpoint_id", "created", "power_cycled", "ip_addresses", "warnings"}
UNKNOWN |= {"uptime", "booted", "rebooted", "verification", "kernel", "file_size", "guest", "assigned", "demand"}
UNKNOWN |= {"reached_at", "rounds"}
# What is null in check mode until the host has chosen it.
CHOSEN = ("mac_address",)
_GUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}|…", re.IGNORECASE)


class Task(NamedTuple):
    """A task of a play: its name, its module without the collection, and its options."""

    name: str
    module: str
    args: Mapping[str, Any]


class Outcome(NamedTuple):
    """What a task returned in check mode, in the real run, and in the run after that."""

    task: Task
    check: Mapping[str, Any]
    real: Mapping[str, Any]
    again: Mapping[str, Any]


@contextmanager
def check_run() -> Iterator[None]:
    """Let tasks inside be those of one ``ansible-playbook --check``, which keeps its predictions."""
    arguments = ImmutableDict({**context.CLIARGS, "check": True})
    with (
        tempfile.TemporaryDirectory(prefix="nested_hyperv_check_") as folder,
        mock.patch.object(context, "CLIARGS", arguments),
        mock.patch.object(ansible_constants, "DEFAULT_LOCAL_TMP", folder),
    ):
        yield


def tasks(play: Sequence[Mapping[str, Any]]) -> list[Task]:
    """The tasks of a play as YAML has them."""
    return [
        Task(task["name"], key.rpartition(".")[2], task[key] or {})
        for task in play
        for key in task
        if key.startswith("nested.hyperv.")
    ]


def three_runs(model: Any, play: Sequence[Task], host: str = "hv01") -> list[Outcome]:
    """The play in check mode on one simulation; for real, and once more, on another one of the same model."""
    with open_lab(model, host) as lab, check_run():
        before = lab.state()
        check = []
        for task in play:
            lab.sim.advance(1)
            check.append(lab.run(task.module, check=True, **task.args))
            assert not lab.writes, f"{task.name}: check mode sent a write"
        assert lab.state() == before, "check mode changed the host"
    with open_lab(model, host) as lab:
        runs = []
        for _turn in range(2):
            results = []
            for task in play:
                lab.sim.advance(1)
                results.append(lab.run(task.module, **task.args))
            runs.append(results)
    return [Outcome(*row) for row in zip(play, check, *runs, strict=True)]


def three_runs_each(model: Any, play: Sequence[Task]) -> list[Outcome]:
    """Each task on a simulation of its own: in check mode, for real and again."""
    outcomes = []
    for task in play:
        with open_lab(model) as lab:
            lab.sim.advance(300)  # guests have booted
            before = lab.state()
            check = lab.run(task.module, check=True, **task.args)
            assert not lab.writes, f"{task.name}: check mode sent a write"
            assert lab.state() == before, f"{task.name}: check mode changed the host"
            real, again = lab.run(task.module, **task.args), lab.run(task.module, **task.args)
            outcomes.append(Outcome(task, check, real, again))
    return outcomes


def unforeseen(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """The differences by name of the task, for tasks that have any."""
    return {outcome.task.name: found for outcome in outcomes if (found := differences(outcome))}


def incomplete(outcomes: Sequence[Outcome]) -> list[Any]:
    """Warnings that a prediction is not complete."""
    texts = [text for outcome in outcomes for text in outcome.check.get("warnings", ())]
    return [text for text in texts if "don't see all" in text]


def differences(outcome: Outcome) -> list[str]:
    """What the check of a task should have foreseen: changed, refusal, keys, values and diff, ids aside."""
    check, real = outcome.check, outcome.real
    found = []
    if bool(check.get("failed")) != bool(real.get("failed")):
        found.append(f"failed: {check.get('msg')!r}, but {real.get('msg')!r}")
    elif real.get("failed") and _known(check["msg"]) != _known(real["msg"]):
        found.append(f"message: {check['msg']!r}, but {real['msg']!r}")
    names = {*check, *real} - UNKNOWN - {"msg", "failed"}
    for name in sorted(names):
        if (name in check) != (name in real):
            found.append(f"key {name}: {name in check} in check mode, {name in real} in the real run")
        else:
            found += _differing(name, _known(check[name]), _known(real[name]))
    return found


def _differing(where: str, check: Any, real: Any) -> Iterator[str]:
    """The places where two values differ."""
    if isinstance(check, Mapping) and isinstance(real, Mapping) and check.keys() == real.keys():
        for key in check:
            yield from _differing(f"{where}.{key}", check[key], real[key])
    elif isinstance(check, list) and isinstance(real, list) and len(check) == len(real):
        for number, (one, other) in enumerate(zip(check, real, strict=True)):
            yield from _differing(f"{where}.{number}", one, other)
    elif check != real and not (check is None and where.endswith(CHOSEN)):
        yield f"{where}: {check!r}, but {real!r}"


def _known(value: Any) -> Any:
    """A value without what check mode can't know."""
    if isinstance(value, Mapping):
        return {key: _known(inner) for key, inner in value.items() if key not in UNKNOWN or _is_vlan(key, inner)}
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    return _GUID.sub("…", value) if isinstance(value, str) else value


def _is_vlan(key: str, value: Any) -> bool:
    return key == "id" and isinstance(value, int)
