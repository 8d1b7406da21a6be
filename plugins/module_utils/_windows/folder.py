# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders on a target: CIM shows them, and cmd.exe creates them, because CIM has no method for it.

mkdir is the one documented way that every Windows has: tar.exe is missing before build 17063, and robocopy.exe needs a
folder to copy, whose attributes it copies too.
"""

from __future__ import annotations

import tarfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from .._task.answer import Output, answer_of
from .._task.errors import MethodFailed, Refused
from .._task.journal import forget, may_have_written, position, taken_back
from .._task.session import Target
from .._task.wait import persist
from .._wsman.faults import HostError
from . import file, paths, program
from .command_line import CMD
from .file import delete_folder, fetch_size, is_folder
from .foreseen import change, name_of


def missing(target: Target, path: str, planned: Collection[str] = ()) -> list[str]:
    """The folders to create for this one to exist, outermost first. Each is asked for once in a task.

    ``planned`` are folders that earlier steps of the task create, with those that contain them.
    """
    coming = {paths.key(folder) for name in planned for folder in paths.lineage(name)}
    found: list[str] = []
    for folder in paths.lineage(path):
        key = paths.key(folder)
        if key in coming or target.once(("folder", key), lambda folder=folder: is_folder(target, folder)):
            break
        found.insert(0, folder)
    return found


def check_creatable(target: Target, folders: Sequence[str], path: str, option: str = "path") -> None:
    """Raise Refused if missing folders can't be created for a file, because of their names or of a file in the way."""
    if fetch_size(target, folders[0]) is not None:
        text = f"'{folders[0]}' is a file, so there can be no folder '{folders[-1]}' for '{path}'; correct the path"
        raise Refused(text, option=option, path=path)
    if "%" in folders[-1]:
        raise Refused(
            f"there is no folder '{folders[-1]}' on {target.name} for '{path}', and a folder with % in its name is not "
            "created. Create it first, or choose another one",
            option=option,
            path=path,
        )


def check(target: Target, path: str) -> list[str]:
    """The folders that make() creates for this one, outermost first. Raises Refused if it can't create them."""
    folders = missing(target, path)
    if folders and not _by_tar(target, path):
        check_creatable(target, folders, path)
    return folders


def make(target: Target, path: str) -> None:
    """Create a folder with all that lead to it. Raises Refused and MethodFailed."""
    folders = check(target, path)
    if not folders:
        return
    if not _by_tar(target, path):
        _create(target, folders)
        return
    what = f"create the folder '{path}'"

    def look() -> Output | None:
        return {} if is_folder(target, path) else None

    def write() -> Output:
        member = tarfile.TarInfo(path[3:].replace("\\", "/"))
        member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, int(time.time())
        return file.extract(target, path[:3], member.tobuf(tarfile.PAX_FORMAT) + bytes(1024), what)

    values = {name_of("folder", paths.key(folder)): True for folder in folders}
    change(target, lambda: answer_of(target, what, write, look), values)


def _by_tar(target: Target, path: str) -> bool:
    """Whether tar.exe has to create a folder, because cmd.exe can't create one with % in its name."""
    return "%" in path and file.has_tar(target)


@contextmanager
def created(target: Target, folders: Sequence[str]) -> Iterator[None]:
    """Missing folders, outermost first, exist inside. If the work fails, those that are surely its own are removed.

    Raises MethodFailed if they can't be created.
    """
    since = position()
    if not folders or not _create(target, folders):
        yield
        return
    with taken_back(lambda: _remove_empty(target, folders), f"the folder '{folders[-1]}' stays", since):
        yield


@contextmanager
def temporary(target: Target, path: str) -> Iterator[None]:
    """A new folder inside, which is removed afterwards with everything in it."""
    since = position()
    _create(target, [path])
    forget(since)
    try:
        yield
    except HostError as error:
        try:
            persist(lambda: _discard(target, path))
        except HostError as second:
            may_have_written(f"create the folder '{path}'")
            error.message = f"{error.message.rstrip('.')}. Delete '{path}', which may be left: {second.message}"
        raise
    _discard(target, path)


def _discard(target: Target, path: str) -> None:
    """Delete a folder of the task's own, of which it has reported nothing."""
    since = position()
    if is_folder(target, path):
        delete_folder(target, path)
    forget(since)


def _create(target: Target, folders: Sequence[str]) -> bool:
    """Create the last of these folders, and the others as its parents; whether surely this task has done it."""
    return _write(target, f"create the folder '{folders[-1]}'", ("mkdir", folders[-1]), folders, folders[-1], True)


def remove_if_empty(target: Target, path: str) -> None:
    """Remove a folder, but not if something is in it, or comes into it meanwhile. Raises MethodFailed."""
    if "%" in path:  # cmd.exe would take it for a variable
        delete_folder(target, path)
    else:
        _remove_empty(target, [path])


def _remove_empty(target: Target, folders: Sequence[str]) -> None:
    """Remove folders that contain each other. Raises MethodFailed if anything else is in one."""
    _write(target, f"remove the folder '{folders[0]}'", ("rmdir", *reversed(folders)), folders, folders[0], False)


def _write(target: Target, what: str, command: Sequence[str], folders: Sequence[str], shown: str, wanted: bool) -> bool:
    """Run a command of cmd.exe, whose exit code counts less than whether a folder is ``shown`` afterwards."""
    surely = False

    def look() -> Output | None:
        return {} if is_folder(target, shown) is wanted else None

    def write() -> Output:
        nonlocal surely
        result = program.run(target, program.system(target, "cmd.exe"), *CMD, *command, timeout=target.job_timeout)
        surely = not result.code
        if result.code and look() is None:
            raise MethodFailed(
                f"could not {what}: {result.words}".rstrip(". :"),
                path=shown,
                program="cmd.exe",
                code=result.code,
                said=result.words,
            )
        return {}

    values = {name_of("folder", paths.key(folder)): wanted for folder in folders}
    change(target, lambda: answer_of(target, what, write, look), values)
    return surely
