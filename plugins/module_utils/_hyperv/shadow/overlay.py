# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a check would have changed on a host: rows of CIM classes that are added, changed or gone."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..._windows import paths
from ..._windows.foreseen import name_of
from ..._windows.schema import DATA_FILE
from ..._wsman import cim
from ..._wsman.cim import CimClass, key_text

FILE = "file"  # the kind of the states of files, for `_windows.foreseen`
Row = dict[str, Any]
# A change of one object: {"row": …} for an added object, {"set": …} for changed properties, {} for one that is gone.
Change = dict[str, Row]


def keys_of(cls: CimClass) -> list[str]:
    """The key properties that rows of a class have here; the others have the same value in all rows."""
    return [name for name in cls.keys if name in cls.properties]


def key_of(cls: CimClass, row: Mapping[str, Any]) -> str:
    """The key properties of a row as one text, compared without case as hosts do."""
    values = (row.get(name) for name in keys_of(cls))
    return "|".join("" if value is None else key_text(value).lower() for value in values)


def owner(instance_id: str) -> str:
    """The GUID within an InstanceID (upper case): ``Microsoft:<GUID>\\…``."""
    return instance_id.partition(":")[2].partition("\\")[0].upper()


class Overlay:
    """The predicted changes of one host. ``gone`` are the VMs and checkpoints that are removed with all their rows.

    ``made_up`` are the ids of objects that don't exist yet, ``checkpoints`` what the changes of a VM were when a
    predicted checkpoint of it was created. ``windows`` is what programs would have changed, by a text that names it.
    """

    def __init__(self) -> None:
        self.changes: dict[str, dict[str, Change]] = {}
        self.gone: set[str] = set()
        self.made_up: set[str] = set()
        self.checkpoints: dict[str, dict[str, dict[str, Change]]] = {}
        self.windows: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.changes or self.gone or self.windows)

    def of(self, cls: CimClass) -> dict[str, Change]:
        """The changes of a class, by key."""
        changes = self.changes.get(cls.name, {})
        return {**changes, **self._files()} if cls.name == DATA_FILE.name and self.windows else changes

    def _files(self) -> dict[str, Change]:
        """The files that programs would have written or deleted, as changes of their class."""
        names = {key: key.partition(" ")[2] for key in self.windows if key.startswith(f"{FILE} ")}
        return {
            name: {"row": _row_of_file(name, self.windows[key])} if self.windows[key] else {}
            for key, name in names.items()
        }

    def file(self, path: str) -> dict[str, Any] | None:
        """What programs would have written to a file; empty if they would have deleted it, None if they would not."""
        key = name_of(FILE, paths.key(path))
        return (self.windows[key] or {}) if key in self.windows else None

    def forget_file(self, path: str) -> None:
        """Forget what programs would have done with a file, because something else writes or deletes it afterwards."""
        self.windows.pop(name_of(FILE, paths.key(path)), None)

    def new_id(self) -> str:
        """An id for an object that doesn't exist yet. Results don't show it."""
        made_up = str(uuid.uuid4()).upper()
        self.made_up.add(made_up)
        return made_up

    def is_gone(self, row: Mapping[str, Any]) -> bool:
        """Whether the row belongs to a VM or checkpoint that is removed."""
        return bool(self.gone) and owner(row.get("InstanceID") or "") in self.gone

    # ---- changing ----

    def add(self, cls: CimClass, row: Mapping[str, Any]) -> None:
        """Add an object; it replaces one of the same key."""
        self.changes.setdefault(cls.name, {})[key_of(cls, row)] = {"row": dict(row)}

    def set(self, cls: CimClass, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Change properties of an object."""
        change = self.changes.setdefault(cls.name, {}).setdefault(key_of(cls, keys), {"set": {}})
        change["row" if "row" in change else "set"].update(values)

    def remove(self, cls: CimClass, keys: Mapping[str, Any]) -> None:
        """Remove an object."""
        self.changes.setdefault(cls.name, {})[key_of(cls, keys)] = {}

    def remove_owner(self, guid: str) -> None:
        """Remove a VM's or checkpoint's settings with all its parts."""
        self.gone.add(guid.upper())
        self._drop(guid)

    # ---- all changes of a VM ----

    def touches(self, guid: str) -> bool:
        """Whether a part of this VM or checkpoint is changed."""
        return guid.upper() in self.gone or bool(self._owned(guid))

    def _owned(self, guid: str) -> dict[str, dict[str, Change]]:
        start = f"microsoft:{guid.lower()}"
        owned = {
            name: {key: change for key, change in changes.items() if key.startswith(start)}
            for name, changes in self.changes.items()
        }
        return {name: changes for name, changes in owned.items() if changes}

    def _drop(self, guid: str) -> None:
        for name, changes in self._owned(guid).items():
            for key in changes:
                del self.changes[name][key]

    def keep(self, checkpoint: str, guid: str) -> None:
        """Remember the changes of a VM for its predicted checkpoint."""
        self.checkpoints[checkpoint] = copy.deepcopy(self._owned(guid))

    def restore(self, checkpoint: str, guid: str) -> None:
        """Give a VM the changes that it had when its predicted checkpoint was created."""
        self._drop(guid)
        for name, changes in copy.deepcopy(self.checkpoints[checkpoint]).items():
            self.changes.setdefault(name, {}).update(changes)

    # ---- as text ----

    def dump(self) -> str:
        """The overlay as JSON."""
        values = {
            "changes": self.changes,
            "gone": sorted(self.gone),
            "made_up": sorted(self.made_up),
            "checkpoints": self.checkpoints,
            "windows": self.windows,
        }
        return json.dumps(values, default=_encoded)

    @classmethod
    def load(cls, text: str) -> Overlay:
        """The overlay that `dump` wrote."""
        overlay, values = cls(), json.loads(text, object_hook=_decoded)
        overlay.changes, overlay.checkpoints = values["changes"], values["checkpoints"]
        overlay.windows = values["windows"]
        overlay.gone, overlay.made_up = set(values["gone"]), set(values["made_up"])
        return overlay


def _row_of_file(name: str, state: Mapping[str, Any]) -> Row:
    place = {"Drive": name[:2], "Path": f"{paths.parent_folder(name)[2:]}\\"}
    return {"Name": name, "FileSize": state.get("size"), **place}


def _encoded(value: Any) -> Any:
    if isinstance(value, (datetime, timedelta)):
        return {"__datetime": cim.iso_datetime(value)}
    raise TypeError(f"no JSON for {type(value).__name__}")


def _decoded(value: dict[str, Any]) -> Any:
    return cim.parse_datetime(value["__datetime"]) if value.keys() == {"__datetime"} else value
