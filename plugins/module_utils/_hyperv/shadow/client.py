# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shadow of a host, on which check mode runs: it reads the host, and writes to predictions only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..._task.errors import Unforeseen
from ..._task.session import Target, silent
from ..._wsman import cim
from ..._wsman.cim import CimClass, Instance, Reference
from ..._wsman.client import Client, Types, Where
from ..._wsman.faults import FaultParts, NotFound
from ..._wsman.shell import Shell
from ..schema import COMPUTER_SYSTEM, GUEST_NETWORK, HEARTBEAT, KVP, SUMMARY, VM_SETTINGS
from . import wql
from .overlay import Overlay, key_of, keys_of, owner

# Methods that may be sent to the host, because they only read.
READING = re.compile(r"Get[A-Z]\w*|ValidateVirtualHardDisk")
_FROM_GUESTS = {HEARTBEAT.name, KVP.name, GUEST_NETWORK.name}
_MOST_CONDITIONS = 8  # a longer OR costs more than it saves
_SELECT = re.compile(r"SELECT \* FROM (\w+)(?: WHERE (.+))?", re.DOTALL)


class Call(NamedTuple):
    """The call of a method: its class, the keys of its object, its arguments, and the types of its outputs."""

    cls: CimClass
    method: str
    keys: Mapping[str, Any]
    arguments: Mapping[str, Any]
    returns: Mapping[str, Any]


class Shadow:
    """Has the operations of a client. No request that writes reaches the host: `_host` is read through `read` only."""

    def __init__(
        self,
        host: Client,
        overlay: Overlay,
        methods: Mapping[tuple[str, str], Method],
        warn: Callable[[str], None] = silent,
    ) -> None:
        self.to = host.to
        self.overlay = overlay
        self._host = host
        self._methods = methods
        self._warn = warn
        self.used = False  # whether an answer contained a prediction

    def tolerant(self, on_unreadable: Callable[[str], None]) -> Shadow:
        """The same shadow, over a client that tolerates rows larger than the host can send."""
        self._host = self._host.tolerant(on_unreadable)
        return self

    @cached_property
    def target(self) -> Target:
        """The shadow as a target, for functions that read."""
        return Target("", self, foresees=True)  # type: ignore[arg-type]

    # ---- reading ----

    def identify(self) -> dict[str, str]:
        return self._host.identify()

    def shell(self, environment: Mapping[str, str] | None = None) -> Shell:
        """The host's own shell, for programs that only read: `_windows.program` starts no others in check mode."""
        return self._host.shell(environment)

    def get(self, cls: CimClass, keys: Mapping[str, Any]) -> Instance:
        change = self.overlay.of(cls).get(key_of(cls, keys))
        if change is None and not self.overlay.is_gone(keys):
            return self._host.get(cls, keys)
        self.used = True
        if not change:
            raise NotFound(FaultParts(), resource=cls.uri, action="Get")
        if "row" in change:
            return _complete(cls, change["row"])
        return self._host.get(cls, keys) | change["set"]

    def enumerate(self, cls: CimClass, mode: str | None = None) -> list[Instance]:
        if mode is None:
            return self.query(cls)
        return self._host.enumerate(cls, mode)

    def query(
        self, cls: CimClass, columns: Sequence[str] | None = None, where: Where = None, limit: int | None = None
    ) -> list[Instance]:
        changes = self.overlay.of(cls)
        if cls is SUMMARY and (self.overlay.of(COMPUTER_SYSTEM) or self.overlay.of(VM_SETTINGS)):
            return []  # callers then read the other classes
        if cls.name in _FROM_GUESTS and self.overlay.of(COMPUTER_SYSTEM):
            rows = self._host.query(cls, columns, where, limit)
            return [row for row in rows if not self.power_changed(" ".join(map(str, row.values())))]
        if not changes and not (self.overlay.gone and "InstanceID" in cls.keys):
            return self._host.query(cls, columns, where, limit)
        try:
            condition = wql.parse(where)
        except Unforeseen as error:
            self._warn(f"predictions of {cls.name} are left out: {error.message}")
            return self._host.query(cls, columns, where, limit)
        needed = None if columns is None else list(dict.fromkeys([*columns, *keys_of(cls), *condition.columns]))
        rows = []
        if not condition.only(frozenset(self.overlay.made_up)):
            rows = [
                row
                for real in self._host.query(cls, needed, _widened(cls, where, changes))
                if (row := self._as_changed(cls, real)) is not None
            ]
        added = [_complete(cls, change["row"]) for change in changes.values() if "row" in change]
        found = [row for row in [*rows, *added] if condition.meets(row)]
        self.used = self.used or any(key_of(cls, row) in changes for row in found)
        return [row if columns is None else {name: row[name] for name in columns} for row in found][:limit]

    def power_changed(self, text: str) -> bool:
        """Whether a text names a VM whose power is changed, so that what its guest reports is of no use."""
        changes = self.overlay.of(COMPUTER_SYSTEM).items()
        return any("set" in change and key.rpartition("|")[2] in text.lower() for key, change in changes)

    def _as_changed(self, cls: CimClass, row: Instance) -> Instance | None:
        """A row of the host with its predicted changes; None if it is gone, or replaced by another one."""
        change = self.overlay.of(cls).get(key_of(cls, row), {"set": {}})
        return row | change["set"] if "set" in change and not self.overlay.is_gone(row) else None

    def wql(self, namespace: str, text: str, cls: Types = None, limit: int | None = None) -> list[Instance]:
        """A query of a common base class is answered class by class if a class is changed."""
        select = _SELECT.fullmatch(text)
        if not select or isinstance(cls, CimClass) or not cls or not (self._any_changed(cls) or self.overlay.gone):
            return self._host.wql(namespace, text, cls, limit)
        return self._of_each(cls, select[2])[:limit]

    def associators(
        self, reference: Reference, cls: Types = None, assoc_class: str | None = None, **conditions: Any
    ) -> list[Instance]:
        """The parts of a changed VM are read class by class; everything else is asked from the host."""
        guid = owner(reference.keys.get("InstanceID", ""))
        if isinstance(cls, CimClass) or not cls or not (guid and self.overlay.touches(guid)):
            return self._host.associators(reference, cls, assoc_class, **conditions)
        return self._of_each(cls, f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{guid}')}")

    def real(self, cls: CimClass, columns: Sequence[str]) -> list[Instance]:
        """The rows that the host has, without predictions."""
        return self._host.query(cls, columns)

    def references(self, reference: Reference, cls: Types = None, **conditions: Any) -> list[Instance]:
        return self._host.references(reference, cls, **conditions)

    def _any_changed(self, types: Mapping[str, CimClass]) -> bool:
        return any(self.overlay.of(cls) for cls in types.values())

    def _of_each(self, types: Mapping[str, CimClass], where: str | None) -> list[Instance]:
        return [{**row, "__CLASS": name} for name, cls in types.items() for row in self.query(cls, where=where)]

    def read(self, call: Call) -> dict[str, Any]:
        """The host's answer to a method that only reads. Raises Unforeseen for any other method."""
        if not READING.fullmatch(call.method):
            raise _unforeseen(call.cls, call.method)
        return self._host.invoke(call.cls, call.method, call.keys, call.arguments, call.returns)

    # ---- writing ----

    def invoke(
        self,
        cls: CimClass,
        method: str,
        keys: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        returns: Mapping[str, Any] | None = None,
        *,
        reads: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        if reads:
            return self._host.invoke(cls, method, keys, arguments, returns, reads=True, **options)
        call = Call(cls, method, keys or {}, arguments or {}, returns or {})
        predict = self._methods.get((cls.name, method))
        if predict is None:
            return self.read(call)
        outputs = {name: [] if _is_array(kind) else None for name, kind in call.returns.items()}
        return {**outputs, "ReturnValue": 0, **predict(self, call)}

    def create(self, cls: CimClass, values: Mapping[str, Any]) -> Reference:
        return self._write(cls, "Create", Call(cls, "Create", {}, values, {}))["Reference"]

    def put(self, cls: CimClass, keys: Mapping[str, Any], values: Mapping[str, Any]) -> Instance:
        self._write(cls, "Put", Call(cls, "Put", keys, values, {}))
        return self.get(cls, keys)

    def delete(self, cls: CimClass, keys: Mapping[str, Any]) -> None:
        self._write(cls, "Delete", Call(cls, "Delete", keys, {}, {}))

    def _write(self, cls: CimClass, operation: str, call: Call) -> dict[str, Any]:
        predict = self._methods.get((cls.name, f"WS-{operation}"))
        if predict is None:
            raise _unforeseen(cls, operation)
        return predict(self, call)


Method = Callable[[Shadow, Call], Mapping[str, Any]]


def _unforeseen(cls: CimClass, method: str) -> Unforeseen:
    return Unforeseen(f"check mode can't foresee what {method} of {cls.name} does")


def _is_array(kind: Any) -> bool:
    return isinstance(kind, list) or str(kind).endswith("[]")


def _complete(cls: CimClass, row: Mapping[str, Any]) -> Instance:
    """A predicted row with all properties of its class, as the client returns rows."""
    blank = {name: [] if kind.endswith("[]") else None for name, kind in cls.properties.items()}
    return {**blank, **row, "__CLASS": cls.name}


def _widened(cls: CimClass, where: Where, changes: Mapping[str, Any]) -> Where:
    """The condition extended to the rows that are changed, which may meet it only with their changes."""
    keys = [key for key, change in changes.items() if change.get("set")]
    if not where or not keys:
        return where
    if isinstance(where, Mapping) or len(keys_of(cls)) > 1 or len(keys) > _MOST_CONDITIONS:
        return None
    return " OR ".join([f"({where})", *(f"{keys_of(cls)[0]} = {cim.quote(key)}" for key in keys)])


def embedded(text: str) -> Instance:
    """The values that an embedded instance sets; one without a value stands for "unchanged"."""
    return {name: value for name, value in cim.from_embedded(text).items() if value is not None}
