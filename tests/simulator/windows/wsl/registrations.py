"""Distributions of a user as the registry keeps them (microsoft/WSL, DistributionRegistration.h)."""

from __future__ import annotations

import ntpath
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..registry import Registry

INSTALLED, INSTALLING = 1, 3  # LxssDistributionState
WSL_2 = 8  # of Flags; the other three are interop, Windows' PATH and its drives
FLAGS = 7
DISK = "ext4.vhdx"


def hive(sid: str) -> str:
    """The key of a user's settings of WSL."""
    return rf"HKU\{sid}\Software\Microsoft\Windows\CurrentVersion\Lxss"


@dataclass(frozen=True)
class Distribution:
    """One key below Lxss."""

    registry: Registry
    key: str

    @property
    def guid(self) -> str:
        return self.key.rpartition("\\")[2]

    def read(self, name: str, default: Any = "") -> Any:
        data = self.registry.data(self.key, name)
        return default if data is None else data

    def write(self, **values: Any) -> None:
        for name, data in values.items():
            self.registry.write(self.key, name, data)

    @property
    def name(self) -> str:
        return str(self.read("DistributionName"))

    @property
    def folder(self) -> str:
        return str(self.read("BasePath")).removeprefix("\\\\?\\")

    @property
    def disk(self) -> str:
        return ntpath.join(self.folder, self.read("VhdFileName", DISK))

    @property
    def state(self) -> int:
        return int(self.read("State", 0))

    @property
    def version(self) -> int:
        return 2 if self.read("Flags", FLAGS) & WSL_2 else 1


class Registrations:
    """The distributions of a user, by its SID."""

    def __init__(self, registry: Registry, sid: str) -> None:
        self.registry, self.key = registry, hive(sid)

    def __iter__(self) -> Iterator[Distribution]:
        """Those of every state, in the order of their keys."""
        for name in sorted(self.registry.children(self.key)):
            if name.startswith("{"):
                yield Distribution(self.registry, rf"{self.key}\{name}")

    def find(self, name: str, *, unfinished: bool = False) -> Distribution | None:
        """By name, without regard to case; `unfinished` also finds what isn't installed completely."""
        found = (one for one in self if one.name.lower() == name.lower())
        return next((one for one in found if unfinished or one.state == INSTALLED), None)

    @property
    def default(self) -> Distribution | None:
        guid = self.registry.data(self.key, "DefaultDistribution")
        return next((one for one in self if one.guid == guid), None)

    @default.setter
    def default(self, distribution: Distribution | None) -> None:
        if distribution is None:
            self.registry.delete_value(self.key, "DefaultDistribution")
        else:
            self.registry.write(self.key, "DefaultDistribution", distribution.guid)

    @property
    def default_version(self) -> int:
        return int(self.registry.data(self.key, "DefaultVersion") or 2)

    @default_version.setter
    def default_version(self, version: int) -> None:
        self.registry.write(self.key, "DefaultVersion", version)

    def add(self, name: str, folder: str, *, version: int, disk: str = DISK, oobe: bool = False) -> Distribution:
        """A key in the state "installing"."""
        number = len(self.registry.children(self.key))
        guid = f"{{{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.key}/{folder}/{name}/{number}')}}}"
        new = Distribution(self.registry, rf"{self.key}\{guid}")
        flags = FLAGS | (WSL_2 if version == 2 else 0)
        new.write(State=INSTALLING, Version=2, BasePath=folder, Flags=flags, DefaultUid=0, RunOOBE=int(oobe))
        if name:
            new.write(DistributionName=name)
        if disk.lower() != DISK:
            new.write(VhdFileName=disk)
        return new

    def finish(self, distribution: Distribution) -> None:
        distribution.write(State=INSTALLED, Modern=1)
        if self.default is None:
            self.default = distribution

    def remove(self, distribution: Distribution) -> None:
        was_default = self.default is not None and self.default.guid == distribution.guid
        self.registry.delete(distribution.key)
        if was_default:
            self.default = next((one for one in self if one.state == INSTALLED), None)
