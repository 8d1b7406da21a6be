# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a container as it is to the wanted one: creating, recreating, starting, stopping and removing it."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ..._task.answer import answer_of
from ..._task.errors import Invalid, MethodFailed
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman.faults import HostError
from .. import feature, hypervisor, program, source
from ..foreseen import change, name_of, recall
from ..schema import PROCESS
from . import client, image, settings
from .engine import FEATURES, fetch_windows
from .image import Origin
from .settings import Inspected, Settings

# Raises Refused if the facts of a guest, and of an image, violate a support rule.
Enforce = Callable[[Mapping[str, Any]], None]

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
    "image": {"type": "str"},
    "pull": {"type": "bool", "default": True},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    **settings.OPTIONS,
    "pull_timeout": {"type": "int", "default": 3600},
    "download_timeout": {"type": "int", "default": 1800},
    "start_timeout": {"type": "int", "default": 300},
    "stop_timeout": {"type": "int", "default": 60},
}
_IMAGE = re.compile(r"[\w][\w./:@-]*")
_VERSION = re.compile(r"10\.0\.\d+(?:\.\d+)?")
_MARK = "_nested_hyperv_new"  # of the name of a container that is to replace another one
_ADVICE = (
    "Hyper-V isolation needs virtualization extensions that are exposed to the VM (vm_nesting on its Hyper-V host), "
    "and enough free memory"
)
_WORKER = "vmwp.exe"  # the worker process of each VM


class Wanted(NamedTuple):
    """The container as a task describes it."""

    name: str
    state: str
    image: str
    settings: Settings
    origin: Origin
    start_timeout: int
    stop_timeout: int


class Found(NamedTuple):
    """The container as it is, its own image, and the image that has the wanted name now.

    `left` is a container that was to replace it, of a task that did not end; it is the container if that is gone.
    """

    container: Inspected | None
    own_image: Inspected
    image: Inspected | None
    left: Inspected | None = None

    @property
    def runs(self) -> bool:
        return bool(self.container and (self.container.get("State") or {}).get("Running"))


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted container. Raises Invalid."""
    settings.check_name(params["name"])
    name = params["image"] or ""
    if name and not _IMAGE.fullmatch(name):
        raise Invalid(
            f"'{name}' is not a name of an image, such as mcr.microsoft.com/windows/nanoserver:ltsc2022", "image"
        )
    origin = source.parse(params["source"], params["checksum"]) if params["source"] else None
    if params["checksum"] and not origin:
        raise Invalid("is the checksum of a source; set source, too", option="checksum")
    return Wanted(
        params["name"],
        params["state"],
        name,
        settings.parse(params),
        Origin(origin, params["pull"], params["pull_timeout"], params["download_timeout"]),
        params["start_timeout"],
        params["stop_timeout"],
    )


def fetch(target: Target, docker: str, name: str) -> Inspected | None:
    """The container of a name, None if the engine has none."""
    return _fetch(target, docker, name)[0]


def _fetch(target: Target, docker: str, *names: str) -> list[Inspected | None]:
    """The containers of several names, with one run of docker.exe."""
    rows: list[Inspected] | None = None

    def read(name: str) -> Inspected | None:
        nonlocal rows
        rows = client.foreseen(target, docker, "container", *names) if rows is None else rows
        return next((row for row in rows if row["Name"].lstrip("/") == name), None)

    return [recall(target, name_of("container", name), partial(read, name)) for name in names]


def find(target: Target, docker: str, wanted: Wanted) -> Found:
    """The container of the wanted name with its image, and the wanted image."""
    container, left = _fetch(target, docker, wanted.name, f"{wanted.name}{_MARK}")
    container = container or left
    if wanted.state == "absent":
        return Found(container, {}, None, left)
    named = image.fetch(target, docker, wanted.image)
    own_id = (container or {}).get("Image") or ""
    if container is None or not own_id or own_id == (named or {}).get("Id"):
        return Found(container, named or {}, named, left)
    return Found(container, client.inspect(target, docker, "image", own_id) or {}, named, left)


# ---- planning ----


def plan(target: Target, docker: str, found: Found, wanted: Wanted, enforce: Enforce) -> list[Step]:
    """The steps to the wanted state. Raises before any of them if the container can't run here."""
    left = [_plan_left(target, docker, found, wanted)] if found.left else []
    if wanted.state == "absent":
        return [*left, _plan_removal(target, docker, found, wanted)] if found.container else []
    differing = _differing(found, wanted) if found.container else []
    creates = found.container is None or bool(differing)
    starts = wanted.state == "started" and (creates or not found.runs)
    steps: list[Step] = left
    if creates or starts:
        _check(target, found, wanted, creates, starts, enforce)
    if creates and found.image is None:
        image.check_origin(target, wanted.image, wanted.origin)
        steps.append(_plan_image(target, docker, wanted, enforce))
    if creates:
        steps.append(_plan_creation(target, docker, found, wanted, differing))
    elif starts:
        steps.append(_plan_start(target, docker, found, wanted))
    elif wanted.state == "stopped" and found.runs:
        steps.append(_plan_stop(target, docker, found, wanted))
    return steps


def _differing(found: Found, wanted: Wanted) -> list[str]:
    """The options in which the container differs from the task, its image among them."""
    options = settings.differing(found.container, found.own_image, wanted.settings)
    return [*(["image"] if _is_other_image(found, wanted.image) else []), *options]


def _is_other_image(found: Found, name: str) -> bool:
    """Whether the container has another image: by its id, or by its name if the engine has lost that image."""
    container = found.container or {}
    own, named = container.get("Image"), (found.image or {}).get("Id")
    if own and named:
        return bool(own != named)
    return bool((container.get("Config") or {}).get("Image") != name)


def _check(target: Target, found: Found, wanted: Wanted, creates: bool, starts: bool, enforce: Enforce) -> None:
    """Raise Refused if this Windows can't run the container: decided by state, since the texts of docker are vague."""
    isolation, windows = wanted.settings["isolation"], fetch_windows(target)
    known = found.image if creates else found.own_image
    if starts and isolation == "hyperv":
        windows["features"] = feature.fetch_named(target, FEATURES)
        enforce({"guest": windows})
        if not target.foreseen.get("boot"):  # nobody knows how the next start ends
            windows["launch_failure"] = hypervisor.launch_failure(target)
    enforce({"guest": windows, "image": image.facts(known, wanted.image, isolation)})


def _plan_left(target: Target, docker: str, found: Found, wanted: Wanted) -> Step:
    """The end of a task that did not end: the new container gets its name, or goes if the old one is still there."""
    name = f"{wanted.name}{_MARK}"
    adopts = found.container is found.left
    later = {name_of("container", name): None, **({name_of("container", wanted.name): found.left} if adopts else {})}

    def write() -> None:
        if adopts:
            _rename(target, docker, name, wanted.name)
        else:
            remove(target, docker, name)

    what = f"name the container '{name}' '{wanted.name}'" if adopts else f"remove the container '{name}'"
    return Step(what, {"left": name}, {"left": None}, lambda: change(target, write, later))


def _plan_image(target: Target, docker: str, wanted: Wanted, enforce: Enforce) -> Step:
    def apply() -> None:
        image.get(target, docker, wanted.image, wanted.origin)
        if not target.foresees:
            found = image.fetch(target, docker, wanted.image)
            facts = image.facts(found, wanted.image, wanted.settings["isolation"])
            enforce({"guest": fetch_windows(target), "image": facts})

    verb = "load" if wanted.origin.source else "pull"
    return Step(f"{verb} the image '{wanted.image}'", {"image": None}, {"image": wanted.image}, apply)


def _plan_creation(target: Target, docker: str, found: Found, wanted: Wanted, differing: list[str]) -> Step:
    running = wanted.state == "started"
    before, after = _diff(found, wanted, differing)
    verb = "recreate" if found.container else "create"
    what = f"{verb} {'and start ' if running else ''}the container '{wanted.name}'"
    if found.container:
        complete = settings.kept(found.container, found.own_image, wanted.settings)
        wanted = wanted._replace(settings=complete)
    later = settings.as_inspected(wanted.name, wanted.image, found.image, wanted.settings, running)

    def write() -> None:
        if found.container:
            _replace(target, docker, found, wanted)
        else:
            create(target, docker, wanted.name, wanted)
            if running:
                start(target, docker, wanted.name, wanted)

    return Step(what, before, after, lambda: change(target, write, {name_of("container", wanted.name): later}))


def _diff(found: Found, wanted: Wanted, differing: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    if not found.container:
        return {"state": "absent"}, {"state": wanted.state, "image": wanted.image, **settings.shown(wanted.settings)}
    own = [option for option in differing if option != "image"]
    new_image = found.image or found.own_image
    before, after = settings.before_and_after(found.container, new_image, wanted.settings, own)
    if "image" in differing:
        old_name = (found.container.get("Config") or {}).get("Image") or ""
        before["image"] = f"{old_name} {_short(found.container.get('Image'))}".strip()
        after["image"] = f"{wanted.image} {_short((found.image or {}).get('Id'))}".strip()
    state = "started" if found.runs else "stopped"
    if state != wanted.state:
        before["state"], after["state"] = state, wanted.state
    return before, after


def _short(image_id: str | None) -> str:
    return f"({image_id.partition(':')[2][:12]})" if image_id else ""


def _plan_start(target: Target, docker: str, found: Found, wanted: Wanted) -> Step:
    return _turning(
        target,
        found,
        wanted,
        f"start the container '{wanted.name}'",
        lambda: start(target, docker, wanted.name, wanted),
    )


def _plan_stop(target: Target, docker: str, found: Found, wanted: Wanted) -> Step:
    return _turning(
        target,
        found,
        wanted,
        f"stop the container '{wanted.name}'",
        lambda: stop(target, docker, wanted.name, wanted.stop_timeout),
    )


def _turning(target: Target, found: Found, wanted: Wanted, what: str, write: Any) -> Step:
    running = wanted.state == "started"
    later = {**(found.container or {}), "State": {"Running": running, "Status": "running" if running else "exited"}}
    before = {"state": "stopped" if running else "started"}

    def apply() -> None:
        change(target, write, {name_of("container", wanted.name): later})

    return Step(what, before, {"state": wanted.state}, apply)


def _plan_removal(target: Target, docker: str, found: Found, wanted: Wanted) -> Step:
    def write() -> None:
        if found.runs:
            stop(target, docker, wanted.name, wanted.stop_timeout)
        remove(target, docker, wanted.name)

    before = {"state": "started" if found.runs else "stopped"}
    what = f"remove the container '{wanted.name}'"
    return Step(
        what, before, {"state": "absent"}, lambda: change(target, write, {name_of("container", wanted.name): None})
    )


# ---- writing ----


def create(target: Target, docker: str, name: str, wanted: Wanted) -> None:
    """Create a container; the values of variables go to docker.exe in its environment, not in its command line."""
    what = f"create the container '{name}'"
    arguments = settings.create_arguments(name, wanted.image, wanted.settings)

    def write() -> dict[str, Any]:
        result = program.run(
            target,
            docker,
            *arguments,
            stdin=b"",
            timeout=wanted.start_timeout,
            environment=settings.of_the_shell(wanted.settings),
        )
        if result.code:
            raise client.failed(target, docker, what, result)
        return {}

    answer_of(target, what, write, lambda: _seen(target, docker, name))


def _seen(target: Target, docker: str, name: str) -> dict[str, Any] | None:
    return {} if client.inspect(target, docker, "container", name) else None


def start(target: Target, docker: str, name: str, wanted: Wanted) -> None:
    """Start a container. Raises MethodFailed if it doesn't start, or ends at once."""
    what = f"start the container '{name}'"

    def running() -> dict[str, Any] | None:
        state = (client.inspect(target, docker, "container", name) or {}).get("State") or {}
        return {} if state.get("Running") else None

    def write() -> dict[str, Any]:
        result = program.run(target, docker, "start", name, stdin=b"", timeout=wanted.start_timeout)
        if result.code:
            error = client.failed(target, docker, what, result)
            isolated = wanted.settings["isolation"] == "hyperv" and isinstance(error, MethodFailed)
            if isolated and not hypervisor.has_started(target):
                error.message += f". {_ADVICE}"
            raise error
        return {}

    answer_of(target, what, write, running)
    state = (client.inspect(target, docker, "container", name) or {}).get("State") or {}
    if not state.get("Running"):
        raise MethodFailed(
            f"the container '{wanted.name}' on {target.name} has started, and ended at once with exit code "
            f"{state.get('ExitCode')}. Set a command that goes on, such as [ping, -t, localhost]",
            code=state.get("ExitCode"),
        )


def stop(target: Target, docker: str, name: str, timeout: int) -> None:
    """Stop a container, after a time without its cooperation."""
    what = f"stop the container '{name}'"

    def stopped() -> dict[str, Any] | None:
        state = (client.inspect(target, docker, "container", name) or {}).get("State") or {}
        return None if state.get("Running") else {}

    def write() -> dict[str, Any]:
        result = program.run(target, docker, "stop", "-t", str(timeout), name, stdin=b"", timeout=timeout + 120)
        if result.code:
            raise client.failed(target, docker, what, result)
        return {}

    answer_of(target, what, write, stopped)


def remove(target: Target, docker: str, name: str) -> None:
    """Remove a container with its anonymous volumes; one that is gone by then is fine."""
    what = f"remove the container '{name}'"

    def gone() -> dict[str, Any] | None:
        return None if client.inspect(target, docker, "container", name) else {}

    def write() -> dict[str, Any]:
        result = program.run(target, docker, "rm", "--force", "--volumes", name, stdin=b"", timeout=300)
        if result.code and gone() is None:
            raise client.failed(target, docker, what, result)
        return {}

    answer_of(target, what, write, gone)


def _replace(target: Target, docker: str, found: Found, wanted: Wanted) -> None:
    """Create the new container beside the old one, which starts again if the new one does not."""
    name = f"{wanted.name}{_MARK}"
    create(target, docker, name, wanted)
    if found.runs:
        stop(target, docker, wanted.name, wanted.stop_timeout)
    if wanted.state == "started":
        try:
            start(target, docker, name, wanted)
        except HostError as error:
            _take_back(target, docker, found, wanted, name, error)
            raise
    remove(target, docker, wanted.name)
    _rename(target, docker, name, wanted.name)


def _take_back(target: Target, docker: str, found: Found, wanted: Wanted, name: str, error: HostError) -> None:
    """Remove the new container and start the old one again; the error says what runs."""
    with suppress(HostError):
        remove(target, docker, name)
    if not found.runs:
        return
    try:
        start(target, docker, wanted.name, wanted)
    except HostError as second:
        error.message = f"{error.message.rstrip('.')}. The old container is stopped: {second.message}"
    else:
        error.message = f"{error.message.rstrip('.')}. The old container runs again"


def _rename(target: Target, docker: str, old: str, new: str) -> None:
    what = f"name the container '{old}' '{new}'"

    def write() -> dict[str, Any]:
        result = program.run(target, docker, "rename", old, new, stdin=b"")
        if result.code:
            raise client.failed(target, docker, what, result)
        return {}

    answer_of(target, what, write, lambda: _seen(target, docker, new))


# ---- results ----


def result(target: Target, docker: str, container: Inspected | None, wanted: Wanted) -> dict[str, Any]:
    """The container after the task, and what proves its isolation. Raises MethodFailed if it has another one."""
    if container is None:
        return {"container": None, "verification": None}
    isolation, runs = container["HostConfig"].get("Isolation"), bool((container.get("State") or {}).get("Running"))
    if isolation != wanted.settings["isolation"]:
        raise MethodFailed(
            f"the container '{wanted.name}' on {target.name} has the isolation {isolation}, not "
            f"{wanted.settings['isolation']}",
            isolation=isolation,
        )
    predicted = target.foresees and name_of("container", wanted.name) in target.foreseen
    return {
        "id": container["Id"],
        "container": {
            "name": wanted.name,
            "state": "started" if runs else "stopped",
            "image": (container.get("Config") or {}).get("Image"),
            "isolation": isolation,
        },
        "verification": verify(target, docker, container, wanted.start_timeout) if runs and not predicted else None,
    }


def verify(target: Target, docker: str, container: Inspected, timeout: int) -> dict[str, Any]:
    """What proves the isolation of a container that runs: its version of Windows, and its processes on the guest."""
    name = container["Name"].lstrip("/")
    arguments = ("exec", name, "cmd.exe", "/S", "/C", "ver")
    answer = program.run(target, docker, *arguments, reads=True, stdin=b"", timeout=timeout)
    version = _VERSION.search(answer.text) if answer.code == 0 else None
    own_image = client.inspect(target, docker, "image", container["Image"]) or {}
    rows = target.client.query(PROCESS, columns=("Name", "ProcessId"))
    path = ntpath.basename(container.get("Path") or "").lower().removesuffix(".exe")
    pid = (container.get("State") or {}).get("Pid")
    return {
        "windows_version": version[0] if version else None,
        "image_version": own_image.get("OsVersion"),
        "worker_process": any((row["Name"] or "").lower() == _WORKER for row in rows),
        # A container with Hyper-V isolation has processes in its own VM; their numbers may be in use here, too.
        "process_on_guest": any(
            row["ProcessId"] == pid and (row["Name"] or "").lower().removesuffix(".exe") == path for row in rows
        ),
    }
