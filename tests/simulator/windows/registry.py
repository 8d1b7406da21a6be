"""The registry of a machine: keys and typed values, both compared without case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

STRING, EXPAND_STRING, BINARY, DWORD, MULTI_STRING, QWORD = 1, 2, 3, 4, 7, 11  # winnt.h, REG_*
HIVES = ("HKCR", "HKCU", "HKLM", "HKU", "HKCC")
# Type of a value that the model or a program writes without one.
_TYPES = {str: STRING, bytes: BINARY, int: DWORD, list: MULTI_STRING}


class Value(NamedTuple):
    name: str
    type: int
    data: Any


class Registry:
    """`contents` are values by name, by path of their key; later ones add to earlier ones."""

    def __init__(self, *contents: Mapping[str, Mapping[str, Any] | None]) -> None:
        self._keys: dict[str, tuple[str, dict[str, Value]]] = {hive.lower(): (hive, {}) for hive in HIVES}
        for content in contents:
            for path, values in content.items():
                self.create(path)
                for name, data in (values or {}).items():
                    self.write(path, name, data)

    def __contains__(self, path: str) -> bool:
        return path.lower() in self._keys

    def create(self, path: str) -> None:
        """Create a key with all that lead to it; ValueError for an unknown hive."""
        parts = path.split("\\")
        if parts[0].lower() not in self._keys:
            raise ValueError(f"{path} is in none of {', '.join(HIVES)}")
        for count in range(2, len(parts) + 1):
            key = "\\".join(parts[:count])
            self._keys.setdefault(key.lower(), (key, {}))

    def delete(self, path: str) -> None:
        """Delete a key with all below it."""
        prefix = path.lower() + "\\"
        for key in [key for key in self._keys if key == path.lower() or key.startswith(prefix)]:
            del self._keys[key]

    def children(self, path: str) -> list[str]:
        """Names of the keys directly below a key."""
        prefix = path.lower() + "\\"
        below = (name[len(prefix) :] for key, (name, _values) in self._keys.items() if key.startswith(prefix))
        return [name for name in below if "\\" not in name]

    def values(self, path: str) -> Iterator[Value]:
        return iter(tuple(self._keys[path.lower()][1].values()) if path in self else ())

    def read(self, path: str, name: str) -> Value | None:
        return self._keys[path.lower()][1].get(name.lower()) if path in self else None

    def data(self, path: str, name: str) -> Any:
        """The data of a value; None if there is no such value."""
        value = self.read(path, name)
        return value.data if value else None

    def write(self, path: str, name: str, data: Any, type_: int | None = None) -> None:
        self.create(path)
        type_ = type_ or _TYPES.get(type(data))
        if type_ is None:
            raise ValueError(f"{path}: {name} is no text, number, list or bytes")
        self._keys[path.lower()][1][name.lower()] = Value(name, type_, data)

    def delete_value(self, path: str, name: str) -> None:
        self._keys[path.lower()][1].pop(name.lower(), None)
