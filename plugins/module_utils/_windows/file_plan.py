# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a file or folder of Windows, and the steps that bring it about."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .._task.errors import Invalid, Missing, Refused
from .._task.session import Target
from .._task.step import Step
from . import file, folder, upload

OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "directory"], "default": "present"},
    "content": {"type": "str"},
    "src": {"type": "path"},
    "checksum": {"type": "str"},
    "fetch": {"type": "bool", "default": False},
}
# Kinds of failures that playbooks expect, for their `failed_when`: sentences may change, these words don't.
NO_FILE, NOT_EMPTY = "no_file", "not_empty"


class Wanted(NamedTuple):
    """The options of a task: content is None if a file only has to exist."""

    path: str
    state: str
    content: bytes | None
    checksum: str


def parse(params: Mapping[str, Any]) -> Wanted:
    """The options of a task, with the content that they name. Raises Invalid."""
    path, state = file.check_path(params["path"]), params["state"]
    for option in ("content", "src", "checksum", "fetch"):
        if state != "present" and params[option] not in (None, False):
            raise Invalid(f"is for files, and can't be combined with 'state: {state}'", option=option)
    checksum = check_checksum(params["checksum"])
    content = None if params["content"] is None else params["content"].encode()
    if params["src"]:
        content = read_local(params["src"], "src")
    if content is not None and checksum and hashlib.sha256(content).hexdigest() != checksum:
        raise Invalid(
            f"the content has the checksum {hashlib.sha256(content).hexdigest()}; nothing was written",
            option="checksum",
        )
    return Wanted(path, state, content, checksum)


def check_checksum(text: str | None, option: str = "checksum") -> str:
    """A SHA-256 checksum in lower case, empty without one. Raises Invalid."""
    checksum = (text or "").strip().lower()
    if checksum and not re.fullmatch(r"[0-9a-f]{64}", checksum):
        raise Invalid(f"'{text}' is not a SHA-256 checksum of 64 hexadecimal digits", option=option)
    return checksum


def read_local(path: str, option: str) -> bytes:
    """The octets of a file on the control node. Raises Invalid."""
    try:
        size = Path(path).stat().st_size
        if size > file.MOST:
            raise Invalid(
                f"'{path}' has {size >> 20} MB; at most {file.MOST >> 20} MB are sent through WinRM. Copy the file in "
                "another way, or download it in Windows",
                option=option,
            )
        return Path(path).read_bytes()
    except OSError as error:
        raise Invalid(f"'{path}' can't be read on the control node: {error.strerror}", option=option) from error


def plan(target: Target, wanted: Wanted) -> list[Step]:
    """The steps to the wanted file or folder. Raises Missing and Refused."""
    match wanted.state:
        case "absent":
            return _plan_removal(target, wanted.path)
        case "directory":
            return _plan_folder(target, wanted.path)
    current = file.fetch(target, wanted.path)
    if current is None and file.is_folder(target, wanted.path):
        text = f"'{wanted.path}' is a folder; correct the path, or set 'state: directory' for a folder"
        raise Refused(text, option="path", path=wanted.path)
    if wanted.content is None:
        _check_existing(target, wanted, current)
        return []
    content = wanted.content
    after = {"size": len(content), "checksum": hashlib.sha256(content).hexdigest()}
    before = {name: current[name] if current else None for name in after}
    what = f"write '{wanted.path}'"
    step = Step(what, before, after, lambda: upload.write(target, wanted.path, content, what))
    return [step] if step.changes else []


def _check_existing(target: Target, wanted: Wanted, current: Mapping[str, Any] | None) -> None:
    if current is None:
        text = f"'{wanted.path}' does not exist on {target.name}. Give 'content' or 'src' to create it"
        raise Missing(text, option="path", path=wanted.path, kind=NO_FILE)
    if wanted.checksum and current["checksum"] != wanted.checksum:
        text = f"'{wanted.path}' has the checksum {current['checksum']}"
        raise Refused(text, option="checksum", path=wanted.path)


def _plan_folder(target: Target, path: str) -> list[Step]:
    if file.is_folder(target, path):
        return []
    if file.fetch_size(target, path) is not None:
        raise Refused(f"'{path}' is a file", option="path", path=path)
    folder.check(target, path)
    what = f"create the folder '{path}'"
    return [Step(what, {"state": "absent"}, {"state": "directory"}, lambda: folder.make(target, path))]


def _plan_removal(target: Target, path: str) -> list[Step]:
    # With what an interrupted task has left of it.
    found = [name for name in (path, upload.old_of(path)) if file.fetch_size(target, name) is not None]
    if found:
        return [
            Step(f"delete '{name}'", {"state": "present"}, {"state": "absent"}, partial(file.delete, target, name))
            for name in found
        ]
    if not file.is_folder(target, path):
        return []
    if not file.is_empty(target, path):
        text = f"the folder '{path}' is not empty, and only an empty one is deleted. Delete its content first"
        raise Refused(text, option="path", path=path, kind=NOT_EMPTY)
    what = f"delete the folder '{path}'"
    return [Step(what, {"state": "directory"}, {"state": "absent"}, lambda: folder.remove_if_empty(target, path))]
