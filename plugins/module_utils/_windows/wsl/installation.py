# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSL as a whole: features of Windows, package, settings of the user."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.answer import Output, answer_of
from ..._task.session import Target
from ..._task.step import Plan, Step
from .. import feature, file, identity, pending, registry, upload
from ..foreseen import change, recall
from ..registry import HKU
from . import command, configuration, package, platform
from .distribution import key

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    "version": {"type": "str"},
    "config": {"type": "dict", "default": {}},
    "nested_virtualization": {"type": "bool", "default": False},
    "default_version": {"type": "int", "choices": [1, 2], "default": 2},
    "shutdown": {"type": "bool", "default": False},
    "feature_timeout": {"type": "int", "default": 1800},
    "download_timeout": {"type": "int", "default": 1800},
    "install_timeout": {"type": "int", "default": 900},
}
_DEFAULT_VERSION = 2  # without the value (wslutil.cpp, GetDefaultVersion)
_NESTED = ("wsl2", "nestedVirtualization")


class Wanted(NamedTuple):
    """WSL as a task describes it."""

    present: bool
    package: package.Wanted
    settings: configuration.Settings
    default_version: int
    shutdown: bool
    feature_timeout: float


class State(NamedTuple):
    """WSL as it is: the states of its features by name, the package, and the text of the user's .wslconfig."""

    windows: platform.Windows
    features: Mapping[str, str]
    package: Mapping[str, Any] | None
    default_version: int
    config_path: str
    config: str


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted WSL of a task. Raises Invalid."""
    settings = configuration.parse(params["config"])
    section, name = _NESTED
    own = next((known for known in settings if known.lower() == section), section)
    if name.lower() not in map(str.lower, settings.get(own, {})):
        settings.setdefault(own, {})[name] = str(params["nested_virtualization"]).lower()
    return Wanted(
        params["state"] == "present",
        package.parse(params),
        settings,
        params["default_version"],
        params["shutdown"],
        params["feature_timeout"],
    )


# ---- reading ----


def fetch(target: Target, lacks: platform.Lacks | None) -> State:
    """WSL as it is; with ``lacks``, raise Refused if it can't work."""
    windows = platform.check(target, lacks) if lacks else platform.fetch(target)
    states = feature.fetch(target) if lacks is None else feature.fetch_named(target, windows.features)
    path = ntpath.join(identity.fetch_profile(target), configuration.FILE)
    return State(
        windows,
        {name: state for name, state in states.items() if name in windows.features},
        package.fetch(target),
        _fetch_default_version(target),
        path,
        _read_config(target, path),
    )


def _fetch_default_version(target: Target) -> int:
    def read() -> int:
        version = registry.number(target, key(identity.fetch_sid(target)), "DefaultVersion", HKU)
        return _DEFAULT_VERSION if version is None else version

    return recall(target, "wsl_default_version", read)


def _read_config(target: Target, path: str) -> str:
    if file.fetch_size(target, path) is None:
        return ""
    return file.read(target, path).decode("utf-8", "replace")


def describe(state: State) -> dict[str, Any]:
    """WSL as results show it."""
    installed = state.package
    return {
        "version": installed and installed["version"],
        "location": installed and installed["location"].rstrip("\\"),
        "features": feature.rows(state.features),
        "default_version": state.default_version,
        "config": configuration.values(state.config),
    }


# ---- planning ----


class Changes(NamedTuple):
    """The plan of a task, and what of it a restart of Windows concerns.

    ``restarts`` gets what requires one for another reason than a feature, ``first`` is whether Windows waits for one
    already and takes no change of features before it.
    """

    plan: Plan
    restarts: list[str]
    first: bool
    features: tuple[str, ...]


def plan(target: Target, state: State, wanted: Wanted, allow_reboot: bool, lacks: platform.Lacks) -> Changes:
    """The changes to the wanted WSL. Raises Refused. ``lacks`` are reasons for which the installer may fail."""
    restarts: list[str] = []
    steps: list[Step] = []
    first = False
    if wanted.present:
        steps = feature.plan(target, state.features, "present", None, wanted.feature_timeout)
        if allow_reboot:
            steps += feature.plan_restart(state.features, "present")
        first = bool(steps) and pending.is_servicing(target)
        steps += package.plan(target, state.package, wanted.package, restarts, lambda: _hint(state, lacks))
        steps += _plan_config(target, state, wanted)
        steps += _plan_default_version(target, state, wanted)
    else:
        steps = package.plan_removal(target, state.package, wanted.package.install_timeout, restarts)

    def outcome() -> dict[str, Any]:
        after = fetch(target, None) if steps else state
        if wanted.present:
            feature.check_kept(target, dict(after.features), "present")
        waits = wanted.present and feature.is_waiting(after.features)
        return {"wsl": describe(after), "reboot_required": waits}

    return Changes(Plan(steps, outcome=outcome), restarts, first, tuple(state.features))


def waits(target: Target, changes: Changes) -> bool:
    """Whether Windows must be restarted for the changes."""
    return bool(changes.restarts) or feature.is_waiting(feature.fetch_named(target, changes.features))


def completed(result: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """The result of a task with the restarts that Windows Installer has asked for, unless Windows was restarted."""
    waiting = result["reboot_required"] or (bool(changes.restarts) and not result["rebooted"])
    return {**result, "reboot_required": waiting}


def _hint(state: State, lacks: platform.Lacks) -> str:
    """Why the installer may have failed on this Windows."""
    return ". ".join(lack.sentence() for lack in lacks(state.windows.build, state.windows.revision))


def _plan_config(target: Target, state: State, wanted: Wanted) -> list[Step]:
    """The step that writes .wslconfig, and shuts WSL down so that it counts."""
    changes = configuration.differing(state.config, wanted.settings)
    if not changes:
        return []
    what = f"set {', '.join(key for keys in changes.values() for key in keys)} in {state.config_path}"
    text = configuration.merged(state.config, wanted.settings)
    before, after = (
        {"config": {section: {key: pair[at] for key, pair in keys.items()} for section, keys in changes.items()}}
        for at in (0, 1)
    )

    def apply() -> None:
        upload.write(target, state.config_path, text.encode(), what)
        if wanted.shutdown and state.package:
            _shut_down(target)

    return [Step(what, before, after, apply)]


def _shut_down(target: Target) -> None:
    def write() -> Output:
        command.run(target, "shut down WSL", "--shutdown")
        return {}

    change(target, lambda: answer_of(target, "shut down WSL", write), {})


def _plan_default_version(target: Target, state: State, wanted: Wanted) -> list[Step]:
    version = wanted.default_version
    if state.default_version == version:
        return []
    what = f"set the default version of WSL to {version}"

    def write() -> Output:
        command.run(target, what, "--set-default-version", str(version))
        return {}

    def look() -> Output | None:
        return {} if _fetch_default_version(target) == version else None

    def apply() -> None:
        change(target, lambda: answer_of(target, what, write, look), {"wsl_default_version": version})

    return [Step(what, {"default_version": state.default_version}, {"default_version": version}, apply)]
