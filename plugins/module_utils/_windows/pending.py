# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Windows waits for a restart, and why: the signs that it keeps in its registry."""

from __future__ import annotations

from .._task.errors import Refused
from .._task.session import Target
from . import computer_name, registry
from .foreseen import recall

SERVICING = "component_servicing"  # of features and updates; Windows refuses to change features until then
_CURRENT = r"SOFTWARE\Microsoft\Windows\CurrentVersion"
_CONTROL = r"SYSTEM\CurrentControlSet\Control"
# Keys, and reasons by the names of keys below them.
_OF_SERVICING = (
    rf"{_CURRENT}\Component Based Servicing",
    {"RebootPending": SERVICING, "RebootInProgress": "servicing_in_progress", "PackagesPending": "packages"},
)
_KEYS = (_OF_SERVICING, (rf"{_CURRENT}\WindowsUpdate\Auto Update", {"RebootRequired": "windows_update"}))
_RENAMES = (rf"{_CONTROL}\Session Manager", "PendingFileRenameOperations")


def reasons(target: Target) -> list[str] | None:
    """Why Windows waits for a restart, as an earlier task of this check would have left it; None if that is hidden."""
    expected = recall(target, "reboot", lambda: None)
    if expected is not None:
        return [SERVICING] if expected else []
    found = [_read(target, key, names) for key, names in _KEYS]
    renames = registry.has_texts(target, *_RENAMES)
    known = [reason for part in found for reason in part or ()] + (["file_renames"] if renames else [])
    return None if not known and (None in found or renames is None) else known


def _read(target: Target, key: str, names: dict[str, str]) -> list[str] | None:
    below = registry.keys(target, key)
    return None if below is None else [reason for name, reason in names.items() if name in below]


def is_pending(target: Target) -> bool | None:
    """Whether Windows waits for a restart, None if that is hidden."""
    found = reasons(target)
    return None if found is None else bool(found)


def is_servicing(target: Target) -> bool:
    """Whether changes of features or updates wait for a restart."""
    return recall(target, "reboot", lambda: SERVICING in (_read(target, *_OF_SERVICING) or ()))


def every_reason(target: Target) -> list[str]:
    """Why Windows waits for a restart, also for reasons that don't concern virtualization. Raises Refused."""
    found = reasons(target)
    if found is None:
        raise Refused("the user may not read whether Windows waits for a restart; it must be an administrator")
    return found + (["computer_name"] if _is_renamed(target) else [])


def _is_renamed(target: Target) -> bool:
    """Whether the computer gets another name with its next start."""
    names = computer_name.fetch_known(target)
    return names is not None and names["active"] != names["next"]
