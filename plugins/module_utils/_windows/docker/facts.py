# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the Docker Engine of a target, its images and its containers, whoever has created them."""

from __future__ import annotations

import json
import ntpath
from collections.abc import Mapping
from typing import Any

from ..._task.errors import MethodFailed, Missing
from ..._task.session import Target
from .. import command_line, service
from ..foreseen import foretold
from . import client, engine
from .client import SERVICE

Inspected = Mapping[str, Any]


def fetch(target: Target) -> dict[str, Any]:
    """Engine, images and containers; images and containers are None if the engine doesn't answer."""
    found = service.fetch(target, SERVICE)
    if found is None:
        return {"engine": None, "images": [], "containers": []}
    folder = ntpath.dirname(command_line.split(found["path"])[0])
    docker = client.docker_of(folder)
    runs = found["state"] == service.RUNNING
    answers = runs and _answers(target, docker)
    if runs and not answers:
        target.warn(
            f"{target.name}: images and containers can't be read, because the Docker Engine does not answer. It may "
            "still start; the user must be an administrator or a member of the engine's group"
        )
    return {
        "engine": {
            "version": engine.fetch_version(target, folder),
            "path": folder,
            "state": found["state"],
            "start_mode": found["start_mode"],
            "answers": answers,
        },
        "images": _fetch_images(target, docker) if answers else None,
        "containers": _fetch_containers(target, docker) if answers else None,
    }


def _answers(target: Target, docker: str) -> bool:
    try:
        return client.server_version(target, docker) is not None
    except Missing:
        return False


def _fetch_images(target: Target, docker: str) -> list[dict[str, Any]]:
    found: dict[str, Inspected] = {}
    for image in _inspect_all(target, docker, "image", "images"):
        for name in image.get("RepoTags") or (image["Id"],):
            found[name.lower()] = {**image, "Name": name}
    return [
        {
            "name": image.get("Name", name),
            "id": image.get("Id"),
            "os_version": image.get("OsVersion"),
            "size": image.get("Size"),
        }
        for name, image in _as_foreseen(target, "image", found)
    ]


def _fetch_containers(target: Target, docker: str) -> list[dict[str, Any]]:
    found = {row["Name"].lstrip("/").lower(): row for row in _inspect_all(target, docker, "container", "ps", "-a")}
    return [
        {
            "name": container.get("Name", name).lstrip("/"),
            "id": container.get("Id"),
            "state": (container.get("State") or {}).get("Status"),
            "image": (container.get("Config") or {}).get("Image"),
            "isolation": (container.get("HostConfig") or {}).get("Isolation"),
        }
        for name, container in _as_foreseen(target, "container", found)
    ]


def _as_foreseen(target: Target, kind: str, found: dict[str, Inspected]) -> list[tuple[str, Inspected]]:
    """The objects by name, as earlier tasks of this check would have left them."""
    return sorted((name, value) for name, value in {**found, **foretold(target, kind)}.items() if value)


def _inspect_all(target: Target, docker: str, kind: str, *listing: str) -> list[Inspected]:
    """What the engine knows of all objects of a kind, in two commands. Raises MethodFailed."""
    ids = list(dict.fromkeys(client.lines(target, docker, *listing, "-q", "--no-trunc")))
    if not ids:
        return []
    result = client.ask(target, docker, "inspect", "--type", kind, *ids)
    try:
        return list(json.loads(result.text))
    except ValueError as error:
        raise MethodFailed(f"docker.exe on {target.name} returned no JSON for its {kind}s") from error
