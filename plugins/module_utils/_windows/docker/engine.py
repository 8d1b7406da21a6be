# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine of a target as it is: its programs, service, configuration and group."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Refused
from ..._task.session import Target
from .. import command_line, file, paths, program, service, source
from ..foreseen import name_of, recall
from ..schema import GROUP
from ..source import Source
from . import client, configuration
from .client import SERVICE
from .configuration import Configuration

FEATURES = ("Containers", "Microsoft-Hyper-V")
HYPER_V = "vmms"  # the service that every Windows with Hyper-V has
FOLDER = r"C:\Program Files\Docker"
PROGRAMS = ("docker.exe", "dockerd.exe")

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    "version": {"type": "str"},
    "path": {"type": "str", "default": FOLDER},
    "config": {"type": "dict"},
    "isolation": {"type": "str", "choices": list(configuration.ISOLATIONS), "default": "hyperv"},
    "group": {"type": "str", "default": "docker-users"},
    "remove_data": {"type": "bool", "default": False},
    "download_timeout": {"type": "int", "default": 1800},
    "feature_timeout": {"type": "int", "default": 1800},
    "start_timeout": {"type": "int", "default": 120},
}

_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[\w.]+)?")
_IN_NAME = re.compile(r"docker-(\d+\.\d+\.\d+(?:-[\w.]+)?)\.zip", re.IGNORECASE)


class Wanted(NamedTuple):
    """The engine as a task describes it; no version means any."""

    folder: str
    source: Source | None
    version: str | None
    config: Configuration
    isolation: str
    group: str


class Engine(NamedTuple):
    """The engine as it is: the version of its programs, its service, its file and whether its group exists."""

    version: str | None
    service: Mapping[str, Any] | None
    file: str
    config: Configuration | None
    group: bool | None  # None: a group of a domain, which is not looked for

    @property
    def runs(self) -> bool:
        return self.service is not None and self.service["state"] != "stopped"


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted engine. Raises Invalid."""
    origin = source.parse(params["source"], params["checksum"]) if params["source"] else None
    if params["checksum"] and not origin:
        raise Invalid("is the checksum of a source; set source, too", option="checksum")
    version = params["version"]
    if version is not None and not _VERSION.fullmatch(version):
        raise Invalid(f"'{version}' is not a version of Docker, such as 29.8.2", option="version")
    in_name = _IN_NAME.fullmatch(origin.name) if origin else None
    config = dict(params["config"] or {})
    configuration.check_wanted(config, params["isolation"])
    return Wanted(
        paths.canonical(params["path"], "path"),
        origin,
        version or (in_name[1] if in_name else None),
        {**config, "group": params["group"]},
        params["isolation"],
        params["group"],
    )


def fetch(target: Target, wanted: Wanted, to_remove: bool = False) -> Engine:
    """The engine of a target. Raises Refused if its service belongs to an engine in another folder.

    Also if its configuration file is not valid, unless the engine is ``to_remove``.
    """
    found = service.fetch(target, SERVICE)
    line = command_line.split(found["path"]) if found else [""]
    if found and paths.key(ntpath.dirname(line[0])) != paths.key(wanted.folder):
        raise Refused(
            f"the service docker of {target.name} runs {line[0]}, which is not in {wanted.folder}. Set the folder of "
            "that engine, or remove it first with the program that installed it",
            option="path",
            service=found["path"],
        )
    path = configuration.file_of(configuration.flags(line[1:]), program_data(target))
    try:
        config = fetch_config(target, path)
    except Refused:
        if not to_remove:
            raise
        config = None
    return Engine(fetch_version(target, wanted.folder), found, path, config, has_group(target, wanted.group))


def program_data(target: Target) -> str:
    r"""C:\ProgramData, on the drive of Windows."""
    return f"{program.system(target, 'cmd.exe')[:2]}\\ProgramData"


def fetch_version(target: Target, folder: str) -> str | None:
    """The version of dockerd.exe in a folder, None without one."""

    def read() -> str | None:
        path = ntpath.join(folder, "dockerd.exe")
        return None if file.fetch_size(target, path) is None else version_of(target, path)

    return recall(target, name_of("engine", folder), read)


def version_of(target: Target, dockerd: str) -> str | None:
    """What dockerd.exe says of its version, which is not localized."""
    result = program.run(target, dockerd, "--version", reads=True)
    found = _VERSION.search(result.text) if result.code == 0 else None
    return found[0] if found else None


def fetch_config(target: Target, path: str) -> Configuration | None:
    """The keys of the configuration file, None without one. Raises Refused if it isn't valid."""

    def read() -> Configuration | None:
        return None if file.fetch_size(target, path) is None else configuration.read(file.read(target, path), path)

    return recall(target, name_of("configuration", path), read)


def has_group(target: Target, name: str) -> bool | None:
    """Whether a local group exists; None for one of a domain."""
    if "\\" in name or "@" in name:
        return None

    def read() -> bool:
        return bool(target.client.query(GROUP, columns=("Name",), where={"LocalAccount": True, "Name": name}))

    return recall(target, name_of("group", name), read)


def describe(engine: Engine, wanted: Wanted) -> dict[str, Any]:
    """The engine as results return it."""
    return {
        "version": engine.version or None,
        "path": wanted.folder,
        "service": engine.service["state"] if engine.service else None,
        "config_file": engine.file,
        "isolation": configuration.isolation_of(engine.config or {}),
        "group": (engine.config or {}).get("group"),
    }


def running_containers(target: Target, folder: str) -> list[str]:
    """Names of the containers that run, none if the engine doesn't answer."""
    result = client.ask(target, client.docker_of(folder), "ps", "--format", "{{.Names}}")
    return sorted(line.strip() for line in result.text.splitlines() if line.strip()) if result.code == 0 else []


def folder_of(target: Target) -> str | None:
    """The folder of the engine that the service docker runs, None without one. Raises Refused if it is stopped."""
    found = service.fetch(target, SERVICE)
    if found is None:
        return None
    if found["state"] == "stopped":
        raise Refused(
            f"the service docker of {target.name} is stopped. Start it (container_engine, or guest_service)",
            service=SERVICE,
        )
    return ntpath.dirname(command_line.split(found["path"])[0])


def fetch_windows(target: Target) -> dict[str, Any]:
    """Build and edition of the target's Windows, as support rules read them."""
    return {"os": {"build": program.build(target), "sku": program.windows(target)["OperatingSystemSKU"]}}
