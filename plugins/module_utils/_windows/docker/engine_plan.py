# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an engine as it is to the wanted one: installing, configuring, upgrading and removing the Docker Engine."""

from __future__ import annotations

import ntpath
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ..._task.answer import answer_of, insist
from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.journal import recording
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman.faults import HostError
from .. import command_line, feature, file, pending, program, service, source, upload
from ..folder import make as make_folder
from ..foreseen import change, name_of
from ..reboot import RebootCycle
from . import client, configuration, start
from .client import SERVICE
from .configuration import Configuration
from .engine import FEATURES, HYPER_V, PROGRAMS, Engine, Wanted, has_group, program_data, running_containers, version_of

_USE = "Use a zip file of download.docker.com/win/static/stable/x86_64"


class Changes(NamedTuple):
    """What differs between an engine and the wanted one, and whether Windows is ready to run it now."""

    programs: bool
    config: Configuration | None  # the whole file to write
    group: bool
    register: bool
    start: bool

    @property
    def any(self) -> bool:
        return self.programs or self.config is not None or self.register or self.start

    @property
    def interrupt(self) -> bool:
        """Whether an engine that runs has to be restarted."""
        return self.programs or self.config is not None


# ---- Windows ----


def cycle(target: Target, params: Mapping[str, Any], states: Mapping[str, str]) -> RebootCycle:
    """The restart of Windows that features wait for."""
    first = any(state not in feature.SATISFIED["present"] for state in states.values())
    return RebootCycle.of(
        target,
        params,
        lambda: not is_ready(feature.fetch_named(target, states)),
        first and pending.is_servicing(target),
    )


# ---- features ----


def features_of(target: Target, engine: Engine, isolation: str) -> dict[str, str]:
    """States of the needed features; what runs shows that Windows has them, without dism.exe."""
    needed = FEATURES[:1] if isolation == "process" else FEATURES
    if engine.runs and (needed == FEATURES[:1] or service.fetch(target, HYPER_V)):
        return {}
    return feature.fetch_named(target, needed)


def is_ready(states: Mapping[str, str]) -> bool:
    """Whether the features are enabled, and Windows has started since."""
    return all(state == feature.ENABLED for state in states.values())


def plan_features(target: Target, states: Mapping[str, str], params: Mapping[str, Any]) -> list[Step]:
    """The steps that enable the features, and finish them with a restart if that is permitted."""
    steps = feature.plan(target, states, "present", None, params["feature_timeout"])
    if params["allow_reboot"]:
        steps += feature.plan_restart(states, "present")
    return [step._replace(needs_off=("allow_reboot",)) for step in steps]


# ---- present ----


def compare(engine: Engine, wanted: Wanted, ready: bool) -> Changes:
    """What is to be changed. Raises Refused if that is impossible, before anything is changed."""
    programs = engine.version is None or wanted.version not in (None, engine.version)
    if programs and wanted.source is None:
        now = f"version {engine.version}" if engine.version else "no Docker Engine"
        raise Refused(
            f"{wanted.folder} has {now}. Set source, the zip file of Docker {wanted.version or 'Engine'}: a path on "
            "the guest, or a URL of download.docker.com/win/static/stable/x86_64",
            option="source",
        )
    current = engine.config or {}
    values = configuration.merged(current, wanted.config, wanted.isolation)
    if engine.service:
        configuration.check_flags(values, engine.service["path"], engine.file)
    register = ready and engine.service is None
    starts = ready and not engine.runs
    # Without the feature Containers, dockerd.exe does not validate a file.
    config = values if (ready or engine.runs) and values != current else None
    return Changes(programs, config, engine.group is False, register, starts)


def plan(target: Target, engine: Engine, wanted: Wanted, changes: Changes, timeouts: Mapping[str, int]) -> list[Step]:
    """The steps that create the group, and install, configure, register and start the engine."""
    steps = [_plan_group(target, wanted.group)] if changes.group else []
    return [*steps, *_plan_engine(target, engine, wanted, changes, timeouts)]


def _plan_group(target: Target, name: str) -> Step:
    what = f"create the local group '{name}'"

    def created() -> dict[str, Any] | None:
        return {} if has_group(target, name) else None

    def write() -> None:
        answer_of(target, what, lambda: _create_group(target, name, what), created)

    def apply() -> None:
        change(target, write, {name_of("group", name): True})

    return Step(what, {"group": None}, {"group": name}, apply)


def _create_group(target: Target, name: str, what: str) -> dict[str, Any]:
    net = program.system(target, "net.exe")
    result = program.run(target, net, "localgroup", name, "/add")
    if result.code and not has_group(target, name):
        raise MethodFailed(
            f"could not {what} on {target.name}: {result.words}", program="net.exe", code=result.code, said=result.words
        )
    return {}


def _plan_engine(
    target: Target, engine: Engine, wanted: Wanted, changes: Changes, timeouts: Mapping[str, int]
) -> list[Step]:
    if not changes.any:
        return []
    if changes.programs and wanted.source:
        source.check(target, wanted.source, timeouts["download_timeout"])
    before, after = _diff(engine, wanted, changes)
    version = wanted.version or engine.version if not changes.programs else wanted.version
    words = {
        f"{'upgrade' if engine.version else 'install'} it": changes.programs,
        "configure it": changes.config is not None,
        "register its service": changes.register,
        "start it": changes.start,
    }
    what = f"Docker Engine in {wanted.folder}: {', '.join(word for word, applies in words.items() if applies)}"
    foreseen: dict[str, Any] = {
        name_of("engine", wanted.folder): version or "",  # not known before
        **({name_of("configuration", engine.file): changes.config} if changes.config is not None else {}),
    }
    if changes.register or changes.start:
        line = f'"{ntpath.join(wanted.folder, "dockerd.exe")}" --run-service'
        known = engine.service or {"path": line, "start_mode": "auto"}
        foreseen[name_of("service", SERVICE)] = {**known, "state": "running"}

    def apply() -> None:
        change(target, lambda: _apply(target, engine, wanted, changes, timeouts), foreseen)

    return [Step(what, before, after, apply)]


def _diff(engine: Engine, wanted: Wanted, changes: Changes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options before and after; of the configuration only what the task manages."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if changes.programs:
        before["version"], after["version"] = engine.version, wanted.version or "of the source"
    if changes.config is not None:
        current = engine.config or {}
        keys = [key for key in wanted.config if current.get(key) != changes.config.get(key)]
        if keys:
            before["config"] = {key: current[key] for key in keys if key in current}
            after["config"] = {key: changes.config[key] for key in keys if key in changes.config}
        old, new = configuration.isolation_of(current), configuration.isolation_of(changes.config)
        if old != new:
            before["isolation"], after["isolation"] = old, new
    if changes.register or changes.start:
        before["service"] = engine.service["state"] if engine.service else None
        after["service"] = "running"
    return before, after


def _apply(target: Target, engine: Engine, wanted: Wanted, changes: Changes, timeouts: Mapping[str, int]) -> None:
    """Prepare and check everything, then stop the engine, replace what differs, and start it, whatever happens."""
    dockerd = ntpath.join(wanted.folder, "dockerd.exe")
    with _archive(target, wanted, changes, timeouts) as (archive, staged):
        if changes.config is not None:
            _validate(target, staged or dockerd, changes.config, engine.file)
        try:
            if engine.runs:
                stop(target)
            if archive:
                _replace(target, archive, wanted.folder)
            if changes.config is not None:
                upload.write(target, engine.file, configuration.write(changes.config))
            if changes.register:
                register(target, dockerd)
        except HostError as error:
            if engine.runs:
                _bring_back(target, wanted.folder, timeouts, error)
            raise
        if engine.runs or changes.start:
            with service.saying_it_may_be_stopped(SERVICE, engine.runs):
                start.start(target, wanted.folder, timeouts["start_timeout"])


def _replace(target: Target, archive: str, folder: str) -> None:
    """Extract the programs over those of an engine that has just stopped, which Windows may keep open for a moment."""
    for pause in (2.0, 5.0):
        try:
            extract(target, archive, folder)
            return
        except MethodFailed as error:
            if "code" not in error.details:  # tar.exe has not ended by itself
                raise
            time.sleep(pause)
    extract(target, archive, folder)


def _bring_back(target: Target, folder: str, timeouts: Mapping[str, int], error: HostError) -> None:
    """Start the engine again after a failure; the error says whether it runs."""
    try:
        insist(lambda: start.start(target, folder, timeouts["start_timeout"]))
    except HostError as second:
        error.message = f"{error.message.rstrip('.')}. The engine is stopped, and did not start again: {second.message}"


@contextmanager
def _archive(
    target: Target, wanted: Wanted, changes: Changes, timeouts: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """The zip file and the dockerd.exe of it, extracted into a folder of its own; empty if no programs are needed.

    The zip file must contain an engine that runs here, of the wanted version. Raises Refused.
    """
    if not changes.programs or wanted.source is None:
        yield "", ""
        return
    with source.local(target, wanted.source, timeouts["download_timeout"]) as archive:
        folder = source.temporary(target, "docker")

        def clear() -> None:
            if file.is_folder(target, folder):
                file.delete_folder(target, folder)

        with source.passing(target, f"extract the Docker Engine into {folder}", clear):
            with recording():
                _extract_given(target, archive, folder, wanted.source)
            staged = ntpath.join(folder, "dockerd.exe")
            found = version_of(target, staged) if file.fetch_size(target, staged) is not None else None
            if found is None:
                raise Refused(
                    f"{wanted.source.shown} does not contain docker\\dockerd.exe, or it does not run on "
                    f"{target.name}. {_USE}",
                    option=wanted.source.option,
                )
            if wanted.version not in (None, found):
                raise Refused(
                    f"{wanted.source.shown} contains Docker {found}, not {wanted.version}. Nothing was installed",
                    option="version",
                    found=found,
                )
            yield archive, staged


def _extract_given(target: Target, archive: str, folder: str, given: source.Source) -> None:
    """The same as extract(); a file that tar.exe does not take is the option's."""
    try:
        extract(target, archive, folder)
    except MethodFailed as error:
        if "code" in error.details:
            error.option, error.message = given.option, f"{error.message.rstrip('.')}. {_USE}"
        raise


def extract(target: Target, archive: str, folder: str) -> None:
    """Extract the programs of a zip file into a folder, which is created; its own folder `docker` is left out."""
    make_folder(target, folder)
    what = f"extract the Docker Engine into {folder}"
    tar = program.system(target, "tar.exe")
    members = [f"docker/{name}" for name in PROGRAMS]

    def write() -> dict[str, Any]:
        result = program.run(
            target, tar, "-xf", archive, "-C", folder, "--strip-components", "1", *members, timeout=600
        )
        if result.code:
            raise MethodFailed(
                f"could not {what}: tar.exe ended with {result.code}: {result.words}",
                program="tar.exe",
                code=result.code,
                said=result.words,
            )
        return {}

    answer_of(target, what, write)


def _validate(target: Target, dockerd: str, values: Configuration, path: str) -> None:
    """Let dockerd.exe read the file before it replaces the one in use. Raises Invalid with its words."""
    trial = source.temporary(target, "daemon.json")
    with source.passing(target, f"write '{trial}'", lambda: file.remove(target, trial)):
        with recording():
            upload.write(target, trial, configuration.write(values))
        result = program.run(target, dockerd, "--validate", "--config-file", trial, reads=True)
        if result.code:
            raise Invalid(
                f"dockerd.exe does not accept the configuration: {result.words.replace(trial, path)}. {path} is not "
                "changed. Correct the option, or the file if only that sets the key",
                option="config",
                program="dockerd.exe",
                code=result.code,
                said=result.words,
            )


def register(target: Target, dockerd: str) -> None:
    """Register the service docker; one that exists by then is fine."""
    what = "register the service docker"

    def registered() -> dict[str, Any] | None:
        return {} if service.fetch(target, SERVICE) else None

    def write() -> dict[str, Any]:
        result = program.run(target, dockerd, "--register-service")
        if result.code and not registered():
            raise MethodFailed(
                f"could not {what} on {target.name}: {result.words}",
                program="dockerd.exe",
                code=result.code,
                said=result.words,
            )
        return {}

    answer_of(target, what, write, registered)


def stop(target: Target) -> None:
    """Stop the engine, and its containers."""
    service.stop(target, SERVICE)


# ---- absent ----


def plan_removal(target: Target, engine: Engine, wanted: Wanted, remove_data: bool) -> list[Step]:
    """The step that removes service and programs, and with ``remove_data`` the images, containers and settings."""
    root = ""
    if remove_data:
        arguments = command_line.split(engine.service["path"])[1:] if engine.service else []
        flags = configuration.flags(arguments)
        root = configuration.data_root(engine.config or {}, flags, program_data(target))
    has_data = bool(root) and file.is_folder(target, root)
    if engine.service is None and engine.version is None and not has_data:
        return []
    before = {
        "version": engine.version,
        "service": engine.service["state"] if engine.service else None,
        **({"data": root} if has_data else {}),
    }
    foreseen = {
        name_of("service", SERVICE): None,
        name_of("engine", wanted.folder): None,
        **({name_of("configuration", engine.file): None} if has_data else {}),
    }

    def apply() -> None:
        change(target, lambda: _remove(target, engine, wanted.folder, root if has_data else ""), foreseen)

    what = f"remove the Docker Engine in {wanted.folder}{' with its data' if has_data else ''}"
    return [Step(what, before, dict.fromkeys(before), apply)]


def _remove(target: Target, engine: Engine, folder: str, root: str) -> None:
    if root and engine.runs:
        _prune(target, client.docker_of(folder))
    with service.saying_it_may_be_stopped(SERVICE, engine.runs):
        if engine.runs:
            stop(target)
        _remove_programs(target, engine, folder, root)


def _remove_programs(target: Target, engine: Engine, folder: str, root: str) -> None:
    """Remove the service, programs and data of an engine that does not run."""
    dockerd = ntpath.join(folder, "dockerd.exe")
    if engine.service:
        _unregister(target, dockerd)
    for name in PROGRAMS:
        if file.fetch_size(target, ntpath.join(folder, name)) is not None:
            file.delete(target, ntpath.join(folder, name))
    if file.is_folder(target, folder) and file.is_empty(target, folder):
        file.delete_folder(target, folder)
    if root:
        file.delete_folder(target, root)


def _prune(target: Target, docker: str) -> None:
    """Let the engine remove containers, images and volumes: their layers can't be deleted as ordinary files."""
    for objects, listing, removal in (
        ("containers", ("ps", "--all", "--quiet"), ("rm", "--force", "--volumes")),
        ("images", ("images", "--quiet", "--no-trunc"), ("rmi", "--force")),
    ):
        found = dict.fromkeys(client.lines(target, docker, *listing))
        if not found:
            continue
        _remove_all(target, docker, f"remove the {objects} of the engine", (*removal, *found), listing)


def _remove_all(target: Target, docker: str, what: str, command: Sequence[str], listing: Sequence[str]) -> None:
    def gone() -> dict[str, Any] | None:
        return None if client.lines(target, docker, *listing) else {}

    def write() -> dict[str, Any]:
        result = program.run(target, docker, *command, stdin=b"", timeout=600)
        if result.code:
            raise client.failed(target, docker, what, result)
        return {}

    answer_of(target, what, write, gone)


def _unregister(target: Target, dockerd: str) -> None:
    what = "remove the service docker"

    def gone() -> dict[str, Any] | None:
        return None if service.fetch(target, SERVICE) else {}

    def write() -> dict[str, Any]:
        with suppress(Missing):  # its program may be gone, or refuse its configuration
            program.run(target, dockerd, "--unregister-service")
        if gone() is not None:
            return {}
        result = program.run(target, program.system(target, "sc.exe"), "delete", SERVICE)
        if gone() is not None:
            return {}
        raise MethodFailed(
            f"could not {what} on {target.name}: {result.words}",
            program="sc.exe",
            code=result.code,
            said=result.words,
        )

    answer_of(target, what, write, gone)


def containers_to_stop(target: Target, engine: Engine, wanted: Wanted, interrupts: bool) -> list[str]:
    """Names of the containers that a restart or removal of the engine stops."""
    return running_containers(target, wanted.folder) if engine.runs and interrupts else []
