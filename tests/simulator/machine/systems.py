"""Operating systems on virtual disks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

LINUX = "linux"
OF_MODEL = {"os", "generalized", "panther", "daemons", "boot_seconds", "setup_seconds", "hostname", "machine"}


@dataclass(eq=False)
class System:
    """An operating system on a disk; a generalized one becomes one of its own at its first boot."""

    os: Any = "server2022"  # a product of data/windows.yml, or linux
    generalized: bool = False
    panther: str | None = None  # an answer file that it was sealed with
    daemons: bool = True  # of Linux, which report addresses to the host
    boot_seconds: float = 0
    setup_seconds: float = 0  # of the first boot
    hostname: str = ""
    machine: dict[str, Any] | None = None  # further keys of the guest's machine
    configured: Any = None  # windows.setup.Configured, after the first boot
    instance: Any = None  # hyperv.cloud_init.Instance, after the first boot


def of_model(given: Any, where: str) -> System:
    """`system` of a disk in the model: a product, or a mapping with changes; ValueError for unknown keys."""
    spec = given if isinstance(given, Mapping) else {"os": given}
    known = {row.name for row in fields(System)} & OF_MODEL
    if unknown := set(spec) - known:
        raise ValueError(f"{where}: system: unknown {', '.join(sorted(unknown))}")
    return System(**spec)
