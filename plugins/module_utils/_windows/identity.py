# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of the connection as Windows sees it: its security identifier and its profile."""

from __future__ import annotations

import re

from .._task.errors import MethodFailed, Refused
from .._task.session import Target
from . import program, registry
from .registry import HKU

LOCAL_SYSTEM = "S-1-5-18"
_SID = re.compile(r"S-1-\d+(-\d+)+")
_PROFILES = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"


def fetch_sid(target: Target) -> str:
    """The SID of the user, whose part of the registry is loaded as long as the shell of the task exists.

    Raises Refused if it is not.
    """

    def ask() -> str:
        whoami = program.system(target, "whoami.exe")
        result = program.run(target, whoami, "/user", "/fo", "csv", "/nh", reads=True)
        found = _SID.search(result.text)
        if not found:
            details = {"program": "whoami.exe", "code": result.code, "said": result.words}
            raise MethodFailed(f"could not find out who the user is: {result.words}", **details)
        if found[0] != LOCAL_SYSTEM and not registry.keys(target, found[0], HKU):
            raise Refused(
                f"the profile of the user ({found[0]}) is not loaded on {target.name}, so that its settings can't be "
                "read. Log on with the account once, or check the policies about profiles"
            )
        return found[0]

    sid = target.once("sid", ask)
    return sid if target.client.shell(program.ENVIRONMENT).is_open else ask()  # a restart has ended the shell


def fetch_profile(target: Target) -> str:
    """The folder of the user's profile. Raises Refused without one."""

    def ask() -> str:
        sid = fetch_sid(target)
        folder = registry.expanded(target, rf"{_PROFILES}\{sid}", "ProfileImagePath")
        if not folder:
            raise Refused(
                f"the user ({sid}) has no profile on {target.name}. Log on with the account once, or check the "
                "policies about profiles"
            )
        return folder

    return target.once("profile", ask)
