# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker.exe of a target: questions to the engine, and what its exit codes say."""

from __future__ import annotations

import json
import ntpath
from typing import Any

from ..._task.errors import MethodFailed, Missing, Refused
from ..._task.session import Target
from ..._wsman.faults import ProgramTimeout
from .. import program
from ..foreseen import name_of
from ..program import Result

SERVICE = "docker"
TIMEOUT = 120.0  # seconds for a question
PATIENCE = 20.0  # seconds for the question whether the engine answers


def docker_of(folder: str) -> str:
    """docker.exe in the folder of an engine."""
    return ntpath.join(folder, "docker.exe")


def ask(target: Target, docker: str, *arguments: str, timeout: float = TIMEOUT) -> Result:
    """Run a command of docker.exe that changes nothing."""
    return program.run(target, docker, *arguments, reads=True, stdin=b"", timeout=timeout)


def server_version(target: Target, docker: str) -> str | None:
    """The version of the engine, None if it doesn't answer; docker.exe waits for an engine that starts."""
    try:
        result = ask(target, docker, "version", "--format", "{{.Server.Version}}", timeout=PATIENCE)
    except ProgramTimeout:
        return None
    return result.text.strip() or None if result.code == 0 else None


def inspect(target: Target, docker: str, kind: str, name: str) -> dict[str, Any] | None:
    """What the engine knows of a container or image, None if it has none of that name. Raises Refused without engine.

    docker.exe ends with 1 for both, so the engine is asked whether it answers at all.
    """
    found = inspect_all(target, docker, kind, name)
    return found[0] if found else None


def inspect_all(target: Target, docker: str, kind: str, *names: str) -> list[dict[str, Any]]:
    """The same of several names, as far as the engine has them."""
    result = ask(target, docker, "inspect", "--type", kind, *names)
    try:
        found = [dict(row) for row in json.loads(result.text or "[]")]
    except ValueError as error:
        raise MethodFailed(f"docker.exe on {target.name} returned no JSON for the {kind} '{names[0]}'") from error
    if not found and server_version(target, docker) is None:
        raise no_answer(target, result)
    return found


def foreseen(target: Target, docker: str, kind: str, *names: str) -> list[dict[str, Any]]:
    """The same; an engine that only an earlier task of this check would have started has nothing yet."""
    try:
        return inspect_all(target, docker, kind, *names)
    except (Missing, Refused):
        if target.foresees and target.foreseen.get(name_of("service", SERVICE)):
            return []
        raise


def lines(target: Target, docker: str, *arguments: str) -> list[str]:
    """The output of a command, line by line. Raises Refused if the engine doesn't answer."""
    result = ask(target, docker, *arguments)
    if result.code:
        raise no_answer(target, result)
    return [line.strip() for line in result.text.splitlines() if line.strip()]


def no_answer(target: Target, result: Result) -> Refused:
    """The error about an engine that does not answer docker.exe."""
    return Refused(
        f"the Docker Engine on {target.name} does not answer. Start its service docker (guest_service) or install the "
        "engine (container_engine); the user must be an administrator or a member of the engine's group",
        program="docker.exe",
        code=result.code,
        said=result.words,
    )


def failed(target: Target, docker: str, what: str, result: Result) -> MethodFailed | Refused:
    """The error about a command of docker.exe; its words are in the language of the target.

    Whether the engine answers decides, since a client without an engine ends with 1, 125 or 127.
    """
    if server_version(target, docker) is None:
        return no_answer(target, result)
    return MethodFailed(
        f"could not {what} on {target.name}: docker.exe ended with {result.code}: {result.words}",
        program="docker.exe",
        code=result.code,
        said=result.words,
    )
