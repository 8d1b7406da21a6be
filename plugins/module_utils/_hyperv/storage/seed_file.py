# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a seed on the host: compared by its octets, else by what it contains, and never while a VM reads it."""

from __future__ import annotations

import hashlib
from typing import Any

from ..._seed import content, image
from ..._task.errors import Invalid, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._windows import file, paths, upload
from ..schema import MEDIUM
from ..vm import find
from ..vm.find import OFF, VM


def check_path(path: str) -> str:
    """The full path of an image on the host. Raises Invalid."""
    found = file.check_path(path)
    if paths.suffix(found) != ".iso":
        raise Invalid(f"'{path}' must end in .iso, by which Hyper-V knows an image for a DVD drive", option="path")
    return found


def plan(host: Target, path: str, seed: content.Seed, size: int | None) -> list[Step]:
    """The step that creates or replaces the image, which has a size if it exists.

    Raises Missing without pycdlib, Refused.
    """
    built = image.build(seed.label, seed.files)
    if size is None and file.is_folder(host, path):
        raise Refused(f"'{path}' is a folder", option="path", path=path)
    before, after = _describe(None), _describe((seed.label, dict(seed.files)))
    if size is not None:
        state = file.fetch(host, path)
        if state and state["checksum"] == hashlib.sha256(built).hexdigest():
            return []
        current = _read(host, path)
        if current == (seed.label, dict(seed.files)):
            return []
        before = _describe(current)
        if before == after:
            before, after = {**before, "content": "different"}, {**after, "content": "as in the task"}
        _check_closed(host, path)
    what = f"{'create' if size is None else 'replace'} the seed '{path}'"
    return [Step(what, before, after, lambda: upload.write(host, path, built, what))]


def plan_removal(host: Target, path: str) -> list[Step]:
    """The step that deletes the image. Raises Refused while a VM has it in a DVD drive."""
    if fetch_size(host, path) is None:
        return []
    users = _users(host, path)
    if users:
        raise Refused(
            f"'{path}' is in a DVD drive of {', '.join(map(str, users))}, which could not start without it. Remove the "
            "drive first (vm_dvd_drive with 'state: absent' and this path)",
            option="path",
            path=path,
        )
    what = f"delete the seed '{path}'"
    return [Step(what, {"state": "present"}, {"state": "absent"}, lambda: file.delete(host, path))]


def fetch_size(host: Target, path: str) -> int | None:
    """The size of the image, None without one. Raises Refused for a file that is too large for a seed."""
    size = file.fetch_size(host, path)
    if size is not None and size > 2 * content.MOST:
        raise Refused(
            f"'{path}' has {size >> 20} MB, so it is no seed, and is neither replaced nor deleted. Choose another path",
            option="path",
            path=path,
        )
    return size


def _read(host: Target, path: str) -> tuple[str, dict[str, bytes]] | None:
    """Label and files of the image; None if it is another file, or one that check mode only foresees."""
    try:
        return image.read(file.read(host, path))
    except Refused:
        return None


def _describe(found: tuple[str, dict[str, bytes]] | None) -> dict[str, Any]:
    """An image in a diff, without the content of its files, which may be secret."""
    label, files = found or (None, None)
    return {"label": label, "files": None if files is None else sorted(files)}


def _check_closed(host: Target, path: str) -> None:
    open_in = [vm for vm in _users(host, path) if vm.state != OFF]
    if open_in:
        raise Refused(
            f"'{path}' is in a DVD drive of {', '.join(map(str, open_in))}, which is not off, and has other content. "
            "Remove the drive first (vm_dvd_drive), or choose another path",
            option="path",
            path=path,
        )


def _users(host: Target, path: str) -> list[VM]:
    """The VMs that have the image in a DVD drive."""
    rows = host.client.query(MEDIUM, columns=("InstanceID", "HostResource"))
    ids = {
        find.owner(row["InstanceID"])
        for row in rows
        if any(paths.key(used) == paths.key(path) for used in row["HostResource"] or ())
    }
    return find.query(host, ids=sorted(ids)) if ids else []
