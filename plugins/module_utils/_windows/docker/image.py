# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of an engine: found, pulled or loaded, and whether this Windows can run them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..._task.answer import answer_of
from ..._task.errors import MethodFailed, Missing, Refused
from ..._task.journal import may_have_written
from ..._task.session import Target
from .. import program, source
from ..foreseen import change, name_of, recall
from ..source import Source
from . import client

# Tags of the base images of Microsoft, and the build of Windows in them (microsoft/windows-container docs, lifecycle).
_BUILDS = {
    "ltsc2016": 14393,
    "1809": 17763,
    "ltsc2019": 17763,
    "ltsc2022": 20348,
    "ltsc2025": 26100,
}
_TAG = re.compile(r"mcr\.microsoft\.com/windows/[\w./-]+:([\w.-]+)")
_BUILD = re.compile(r"10\.0\.(\d+)(?:\.(\d+))?")
_REPORTED = 200  # characters of a progress line


class Origin(NamedTuple):
    """How an image gets to the engine."""

    source: Source | None
    pull: bool
    pull_timeout: int
    download_timeout: int


def fetch(target: Target, docker: str, name: str) -> dict[str, Any] | None:
    """The image of a name, None if the engine has none."""
    return recall(
        target, name_of("image", name), lambda: next(iter(client.foreseen(target, docker, "image", name)), None)
    )


def build_of(image: Mapping[str, Any] | None, name: str) -> int | None:
    """The build of Windows in an image; before it is here, its tag shows that of the base images of Microsoft."""
    found = _BUILD.match((image or {}).get("OsVersion") or "")
    tag = _TAG.fullmatch(name)
    return int(found[1]) if found else _BUILDS.get(tag[1].lower()) if tag else None


def facts(image: Mapping[str, Any] | None, name: str, isolation: str) -> dict[str, Any]:
    """The image as support rules read it. Raises Refused for an image of another system."""
    system = (image or {}).get("Os") or "windows"
    if system != "windows":
        raise Refused(f"'{name}' is an image for {system}, and the engine runs Windows containers", option="image")
    return {"build": build_of(image, name), "isolation": isolation}


def check_origin(target: Target, name: str, origin: Origin) -> None:
    """Raise Missing or Refused if an image that the engine does not have can't come from anywhere."""
    if origin.source:
        source.check(target, origin.source, origin.download_timeout)
    elif not origin.pull:
        raise Missing(
            f"the engine of {target.name} has no image '{name}', and pull is false. Set pull to true, or source",
            option="image",
            image=name,
        )


def get(target: Target, docker: str, name: str, origin: Origin) -> None:
    """Load the image from its source, or pull it."""
    what = f"{'load' if origin.source else 'pull'} the image '{name}'"

    def look() -> dict[str, Any] | None:
        return client.inspect(target, docker, "image", name)

    def write() -> dict[str, Any]:
        return _load(target, docker, name, origin, what) if origin.source else _pull(target, docker, name, origin, what)

    change(target, lambda: answer_of(target, what, write, look), {name_of("image", name): {}})


def _pull(target: Target, docker: str, name: str, origin: Origin, what: str) -> dict[str, Any]:
    progress = _progress(target, what)
    result = program.run(target, docker, "pull", name, stdin=b"", timeout=origin.pull_timeout, on_output=progress)
    if result.code:
        raise MethodFailed(
            f"could not {what} on {target.name}: docker.exe ended with {result.code}: {result.words}. Check its name, "
            "and whether the registry can be reached from there; an image for a newer Windows can't be pulled. Without "
            "a registry, set source to a file of 'docker save'",
            option="image",
            program="docker.exe",
            code=result.code,
            said=result.words,
        )
    return {}


def _load(target: Target, docker: str, name: str, origin: Origin, what: str) -> dict[str, Any]:
    with source.local(target, origin.source, origin.download_timeout) as path:
        result = program.run(target, docker, "load", "--input", path, stdin=b"", timeout=origin.pull_timeout)
    if result.code:
        error = client.failed(target, docker, what, result)
        if isinstance(error, MethodFailed):
            error.option, error.message = origin.source.option, f"{error.message}. Set a file of 'docker save'"
        raise error
    if client.inspect(target, docker, "image", name) is None:
        may_have_written(f"load the images of {origin.source.shown}")  # unless the engine had them
        raise Refused(
            f"{origin.source.shown} does not contain the image '{name}' ({result.words}). Set image to a name in it",
            option="image",
            said=result.words,
        )
    return {}


def _progress(target: Target, what: str) -> Callable[[bytes], None]:
    """A function for the output of docker.exe that reports its last line."""

    def on_output(data: bytes) -> None:
        lines = data.decode("utf-8", "replace").split()
        if lines:
            last = data.decode("utf-8", "replace").strip().splitlines()[-1].strip()
            target.report(f"{what}: {last[:_REPORTED]}")

    return on_output
