# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Paths of files on a Windows host: one spelling of each, in which they are compared.

Windows takes ``D:/vms//a.vhdx``, ``D:\vms\.\a.vhdx`` and ``d:\VMS\A.VHDX\`` for one file ("Naming Files, Paths, and
Namespaces" in the Win32 docs).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest

from .._task.errors import Invalid
from .._wsman.url import without_secrets

_DEVICE = re.compile(r"\\+[?.]\\")  # \\?\ and \\.\, also with doubled backslashes
_DRIVE = re.compile(r"[A-Za-z]:\\")
_REFUSED = re.compile(r'[<>:"|?*\x00-\x1f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)
_MOST_NAME = 255
# GOLDEN~1.VHD: the 8.3 name of a file, or a name that looks like one.
_SHORT = re.compile(r"[^~.]{1,6}~\d{1,2}(\.[^.]{1,3})?")


def canonical(path: str, option: str = "path", of_folder: bool = False) -> str:
    """The one spelling of a full path, in the letters of the task. Raises Invalid if it is no full path of a file.

    A drive or a share itself is the path of a folder, without a backslash at its end.
    """
    text = path.replace("/", "\\")
    if _DEVICE.match(text):
        raise Invalid(
            f"'{path}' names a device, which has no other spelling to compare it with; write C:\\… or \\\\server\\…",
            option=option,
            path=path,
        )
    root, names = _split(text)
    is_full = _DRIVE.match(text) or (text.startswith("\\\\") and root.count("\\") == 3)
    if not is_full or not (names or of_folder):
        shown = without_secrets(path)  # perhaps a URL
        raise Invalid(
            f"'{shown}' is not a full path on the host, such as C:\\VMs\\data.vhdx", option=option, path=shown
        )
    for name in names:
        check_name(name, path, option)
    return "\\".join([root, *names])


def check_name(name: str, path: str, option: str = "path") -> None:
    """Raise Invalid if Windows doesn't take the name for a file or folder."""
    if _REFUSED.search(name) or name.endswith((" ", ".")) or _RESERVED.fullmatch(name) or len(name) > _MOST_NAME:
        raise Invalid(
            f"'{path}' contains '{name[:40]}', which is not a name for a file on Windows: at most 255 characters, none "
            'of < > : " | ? *, no dot or blank at the end, and no device such as CON',
            option=option,
            path=path,
        )


@lru_cache(maxsize=4096)
def key(path: str) -> str:
    """What paths are compared by; also for paths that a host returns, whatever their form."""
    try:
        return canonical(path).lower()
    except Invalid:
        return path.replace("/", "\\").lower()


def is_share(path: str) -> bool:
    """Whether a path is on a share, which the classes of the host's own file system don't show."""
    return key(path).startswith("\\\\")


def suffix(path: str) -> str:
    """``.vhdx`` of a path, in lower case; empty if the name of the file has none."""
    _dot, dot, tail = key(path).rpartition("\\")[2].rpartition(".")
    return f"{dot}{tail}"


def parent_folder(path: str) -> str:
    """The folder of a file, without a backslash at its end."""
    return path.rpartition("\\")[0]


def lineage(folder: str) -> list[str]:
    """A folder of a drive, and the folders that contain it, innermost first; none for a folder of a share."""
    names = folder.split("\\")
    return ["\\".join(names[:count]) for count in range(len(names), 1, -1)] if folder[1:2] == ":" else []


def may_be_same(one: str, other: str) -> bool:
    """Whether two paths of different spelling could be those of one file: a share, or 8.3 names, hide that."""
    (root, names), (other_root, other_names) = _split(key(one)), _split(key(other))
    if root == other_root:
        both = list(zip_longest(names, other_names, fillvalue=""))
        return any(map(_hidden, both)) and all(same == alike or _hidden((same, alike)) for same, alike in both)
    on_share = root.startswith("\\\\") or other_root.startswith("\\\\")
    last, other_last = names[-1:] or [""], other_names[-1:] or [""]
    return on_share and (last == other_last or _hidden((last[0], other_last[0])))


def _hidden(names: tuple[str, str]) -> bool:
    """Whether one of two different names may stand for the other one."""
    return names[0] != names[1] and "" not in names and any(_SHORT.fullmatch(name) for name in names)


def _split(text: str) -> tuple[str, list[str]]:
    r"""``C:`` or ``\\server\share``, and the names below it, without ``.`` and ``..``."""
    parts = [part for part in text.split("\\") if part not in ("", ".")]
    count = 2 if text.startswith("\\\\") else 1
    names: list[str] = []
    for part in parts[count:]:
        if part == "..":
            del names[-1:]
        else:
            names.append(part)
    return ("\\\\" if count == 2 else "") + "\\".join(parts[:count]), names
