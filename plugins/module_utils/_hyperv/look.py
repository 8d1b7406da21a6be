# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host shows of a write whose answer is lost, by the kind of its method: was it done?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._task.answer import Look, Output
from .._task.session import Target
from .._wsman import cim
from .._wsman.cim import Instance, Reference
from .._wsman.faults import HostError, NotFound
from .schema import ANY_JOB, BY_NAME, COMPUTER_SYSTEM, SWITCH, SWITCH_SETTINGS, VM_SETTINGS

DONE: Output = {}
# Properties that say which of the new instances of a class is meant; a VM has one of each at most.
_IDENTITY = ("Parent", "AddressOnParent", "ElementName", "HostResource")
_DEFINED = {VM_SETTINGS.name: COMPUTER_SYSTEM, SWITCH_SETTINGS.name: SWITCH}
FIRST_FINISHED = 7  # JobState


def look_at(host: Target, method: str, arguments: Mapping[str, Any]) -> Look | None:
    """The function that looks what the host shows of a method called with these arguments; None if nothing can."""
    kind = next((look for start, look in _KINDS if method.startswith(start)), None)
    return None if kind is None else lambda: kind(host, arguments)


def jobs_run(host: Target) -> bool:
    """Whether the host is at work on anything."""
    return bool(host.client.query(ANY_JOB, columns=("InstanceID",), where=f"JobState < {FIRST_FINISHED}", limit=1))


# ---- kinds of methods ----


def _modified(host: Target, arguments: Mapping[str, Any]) -> Output | None:
    """Modify…: the instances have the properties that were written."""
    for wanted in _embedded(arguments):
        try:
            row = host.client.get(BY_NAME[wanted["__CLASS"]], {"InstanceID": wanted["InstanceID"]})
        except NotFound:
            return None
        if not _has(row, wanted, wanted.keys() - {"__CLASS"}):
            return None
    return DONE


def _removed(host: Target, arguments: Mapping[str, Any]) -> Output | None:
    """Remove…, Destroy…: the instances are gone."""
    for reference in _references(arguments.values()):
        try:
            host.client.get(BY_NAME[reference.class_name], reference.keys)
        except NotFound:
            continue
        return None
    return DONE


def _added(host: Target, arguments: Mapping[str, Any]) -> Output | None:
    """Add…: the configuration has instances of these classes, with the identity that they were given."""
    prefix = arguments["AffectedConfiguration"].keys["InstanceID"]
    for wanted in _embedded(arguments):
        cls = BY_NAME[wanted["__CLASS"]]
        columns = [name for name in ("InstanceID", *_IDENTITY) if name in cls.properties]
        rows = host.client.query(cls, columns=columns, where=f"InstanceID LIKE {cim.like_prefix(prefix)}")
        identity = [name for name in _IDENTITY if name in wanted]
        if not any(row["InstanceID"].lower() != prefix.lower() and _has(row, wanted, identity) for row in rows):
            return None
    return DONE


def _defined(host: Target, arguments: Mapping[str, Any]) -> Output | None:
    """DefineSystem: one system has the name, which none had when the task was planned."""
    (settings,) = (wanted for wanted in _embedded(arguments) if wanted["__CLASS"] in _DEFINED)
    cls, name = _DEFINED[settings["__CLASS"]], settings["ElementName"]
    rows = host.client.query(cls, columns=("CreationClassName", "Name"), where={"ElementName": name})
    if len(rows) > 1:
        raise HostError(f"{len(rows)} objects of the host are named '{name}'")
    return {"ResultingSystem": cls.reference(rows[0])} if rows else None


_KINDS: tuple[tuple[str, Callable[[Target, Mapping[str, Any]], Output | None]], ...] = (
    ("Modify", _modified),
    ("Remove", _removed),
    ("Destroy", _removed),
    ("Add", _added),
    ("DefineSystem", _defined),
)


# ---- arguments ----


def _embedded(arguments: Mapping[str, Any]) -> list[Instance]:
    """The embedded instances among the arguments."""
    texts = [text for value in arguments.values() for text in (value if isinstance(value, list) else [value])]
    return [cim.from_embedded(text) for text in texts if isinstance(text, str) and text.startswith("<INSTANCE")]


def _references(values: Iterable[Any]) -> list[Reference]:
    """The references among the arguments."""
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in items if isinstance(item, Reference)]


def _has(row: Mapping[str, Any], wanted: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether a row has these properties as wanted; None stands for "unchanged"."""
    return all(wanted[name] is None or _normal(row.get(name)) == _normal(wanted[name]) for name in names)


def _normal(value: Any) -> Any:
    """A value as it compares: text without case, line ends as one, object paths without the host's name."""
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        path = cim.parse_path(value)
    except HostError:
        return value.replace("\r\n", "\n").lower()
    return path.class_name.lower(), {name.lower(): text.lower() for name, text in path.keys.items()}
