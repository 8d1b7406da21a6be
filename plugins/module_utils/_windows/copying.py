# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of files by cmd.exe, which may take as long as they need: CIM_DataFile.Copy must answer within a minute."""

from __future__ import annotations

from .._task.errors import MethodFailed, Refused
from .._task.session import Target
from . import folder, paths, program


def check_path(path: str, option: str) -> None:
    """Raise Refused for a path that cmd.exe does not take as it is."""
    if "%" in path:
        raise Refused(f"'{path}' has a % in it, which cmd.exe can't copy. Rename the file", option=option, path=path)


def copy(target: Target, path: str, to: str, what: str, option: str, timeout: float) -> None:
    """Copy a file to a new one, octet by octet. Raises MethodFailed."""
    target.report(what)
    cmd = program.system(target, "cmd.exe")
    result = program.run(target, cmd, *folder.CMD, "copy", "/b", "/y", path, to, stdin=b"", timeout=timeout)
    if result.code:
        text = f"could not {what}: {result.words or 'copy failed'} (exit code {result.code})".replace(". (", " (")
        if paths.is_share(path):
            text += (
                ". A remote shell reaches a share only if the user's credentials are delegated: CredSSP "
                "(ansible_winrm_transport), or Kerberos with delegation. Copy the file to the host in another way "
                f"otherwise, and correct the option {option}"
            )
        raise MethodFailed(text, path=path, program="cmd.exe", code=result.code, said=result.words)
