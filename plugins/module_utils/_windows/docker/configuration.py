# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's daemon.json and the flags of its service: what a task manages of them, and where they conflict."""

from __future__ import annotations

import json
import ntpath
from collections.abc import Mapping, Sequence
from typing import Any

from ..._task.errors import Invalid, Refused
from .. import command_line

Configuration = dict[str, Any]

ISOLATIONS = ("hyperv", "process", "default")
_ISOLATION = "isolation="
# Flags about the service itself, which have no key in the file (moby: cmd/dockerd).
_NO_KEY = {"config-file", "register-service", "run-service", "service-name", "unregister-service", "validate"}
# Flags whose key in the file has another name: short ones, and those that can be repeated (NamedOption in moby).
_KEYS = {
    "D": "debug",
    "G": "group",
    "H": "hosts",
    "b": "bridge",
    "l": "log-level",
    "p": "pidfile",
    "allow-nondistributable-artifact": "allow-nondistributable-artifacts",
    "authorization-plugin": "authorization-plugins",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}
# Keys that options of the module of their own set.
_OPTIONS = {"group": "group", "exec-opts": "isolation"}


def read(data: bytes, path: str) -> Configuration:
    """The keys of a file; an empty one has none. Raises Refused if it isn't a JSON object."""
    try:
        text = data.decode("utf-8-sig").strip()
        found = json.loads(text) if text else {}
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"it is not UTF-8 (offset {error.start})") from error
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"{error.msg}, line {error.lineno}, column {error.colno}") from error
    if not isinstance(found, dict):
        raise _unreadable(path, "it does not contain an object")
    return found


def _unreadable(path: str, reason: str) -> Refused:
    return Refused(f"'{path}' is not valid JSON: {reason}. Correct or remove the file", path=path, reason=reason)


def write(values: Mapping[str, Any]) -> bytes:
    """A file with these keys."""
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def merged(current: Mapping[str, Any], wanted: Mapping[str, Any], isolation: str | None) -> Configuration:
    """The current keys with the wanted ones in place, and the isolation among the exec-opts; other keys stay.

    A wanted key that is null is removed.
    """
    values = {key: value for key, value in {**current, **wanted}.items() if value is not None}
    if isolation is not None:
        others = [option for option in values.get("exec-opts") or [] if not _sets_isolation(option)]
        values["exec-opts"] = [*others, f"{_ISOLATION}{isolation}"]
        if isolation_of(current) == isolation and "exec-opts" not in wanted:
            values["exec-opts"] = current["exec-opts"]  # in its own order
    return values


def isolation_of(values: Mapping[str, Any]) -> str | None:
    """The default isolation that a file sets."""
    found = [str(option)[len(_ISOLATION) :] for option in values.get("exec-opts") or [] if _sets_isolation(option)]
    return found[-1].lower() if found else None


def _sets_isolation(option: Any) -> bool:
    return str(option).lower().startswith(_ISOLATION)


def differing(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ."""
    return [key for key in wanted if wanted[key] != current.get(key)]


def check_wanted(wanted: Mapping[str, Any], isolation: str) -> None:
    """Raise Invalid for keys that options of their own set, or that contradict one."""
    if "group" in wanted:
        raise Invalid("set the option group instead of the key 'group'", option="config")
    options = wanted.get("exec-opts")
    if options is not None and not isinstance(options, list):
        raise Invalid("'exec-opts' must be a list, such as ['isolation=hyperv']", option="config")
    given = isolation_of(wanted)
    if given is not None and given != isolation:
        raise Invalid(
            f"'exec-opts' contains isolation={given}, and the option isolation is {isolation}; set one of them",
            option="config",
        )


# ---- flags of the service ----


def flags(arguments: Sequence[str]) -> dict[str, str]:
    """Flag (without dashes) -> value of a service's command line, the program left out; the last one counts."""
    found: dict[str, str] = {}
    name = ""
    for word in arguments:
        if word.startswith("-"):
            name, _equals, value = word.lstrip("-").partition("=")
            found[name] = value
        elif name and not found[name]:
            found[name] = word
    return found


def file_of(given: Mapping[str, str], program_data: str) -> str:
    """The file that a daemon with these flags reads; `data-root` in the file itself doesn't move it."""
    if given.get("config-file"):
        return given["config-file"]
    return ntpath.join(given.get("data-root") or ntpath.join(program_data, "docker"), "config", "daemon.json")


def data_root(values: Mapping[str, Any], given: Mapping[str, str], program_data: str) -> str:
    """The folder of images and containers."""
    return str(values.get("data-root") or given.get("data-root") or ntpath.join(program_data, "docker"))


def check_flags(values: Mapping[str, Any], service_line: str, path: str) -> None:
    """Raise Refused if a flag of the service sets a key that the file is to have: the daemon would not start."""
    conflicts = {
        name: key
        for name in flags(command_line.split(service_line)[1:])
        if name not in _NO_KEY and (key := _KEYS.get(name, name)) in values
    }
    if conflicts:
        names = ", ".join(f"{'--' if len(name) > 1 else '-'}{name}" for name in conflicts)
        keys = ", ".join(dict.fromkeys(conflicts.values()))
        raise Refused(
            f"the service docker is registered with {names}, and a daemon does not start if '{path}' sets {keys} as "
            "well. Remove the keys from the file, or run the module with 'state: absent' first and register the "
            "service again without the flags",
            option=_OPTIONS.get(next(iter(conflicts.values())), "config"),
            flags=list(conflicts),
            keys=list(conflicts.values()),
        )
