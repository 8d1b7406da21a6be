# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that tar.exe of Windows unpacks: zip, tar and 7z, as far as it knows their compression.

It unpacks no file that is compressed without an archive (libarchive, archive_read_support_format_all: no raw).
"""

from __future__ import annotations

from .._task.errors import Invalid, MethodFailed, Refused
from .._task.session import Target
from . import file, program

_COMPRESSIONS = (".gz", ".xz", ".bz2", ".zst")
SUFFIXES = (".zip", ".7z", ".tar", ".tgz", ".txz", ".tbz2", ".tzst", *(f".tar{ending}" for ending in _COMPRESSIONS))
_SIGNS = frozenset("*?[]\\")  # of patterns
_NEWEST = "older builds have no xz, zstd and 7z, and all have zip and gz"


def is_archive(name: str) -> bool:
    """Whether a file is an archive, judging by its name."""
    return name.lower().endswith(SUFFIXES)


def check_name(name: str, option: str) -> None:
    """Raise Invalid for a file that is compressed without an archive, which Windows can't decompress."""
    if name.lower().endswith(_COMPRESSIONS) and not is_archive(name):
        raise Invalid(
            f"'{name}' is compressed without an archive, which no program of Windows decompresses. Decompress it on "
            "the control node and set 'src', or provide it as .zip or .tar.gz",
            option=option,
        )


def check_available(target: Target, option: str) -> None:
    """Raise Refused if Windows has no tar.exe."""
    if not file.has_tar(target):
        raise Refused(
            "can't be an archive, because Windows has tar.exe from Windows 10 version 1803 and Windows Server 2019 on, "
            f"and this is build {program.build(target)}. Unpack it elsewhere",
            option=option,
        )


def names(target: Target, path: str, what: str, timeout: float) -> list[str]:
    """The names of the files in an archive, with slashes. Raises MethodFailed if it can't be read."""
    result = program.run(target, program.system(target, "tar.exe"), "-tf", path, reads=True, timeout=timeout)
    if result.code:
        raise _failed(result, what)
    return [name for name in result.text.splitlines() if name and not name.endswith("/")]


def extract(target: Target, path: str, member: str, folder: str, what: str, timeout: float) -> None:
    """Unpack a file of an archive in a folder. Raises MethodFailed."""
    members = () if _SIGNS.intersection(member) else (member,)  # a name with signs of a pattern: everything
    tar = program.system(target, "tar.exe")
    result = program.run(target, tar, "-xf", path, "-C", folder, *members, timeout=timeout)
    if result.code:
        raise _failed(result, what)


def _failed(result: program.Result, what: str) -> MethodFailed:
    error = file.failed(result, what)
    error.message += f". tar.exe may not know the compression: {_NEWEST}"
    return error
