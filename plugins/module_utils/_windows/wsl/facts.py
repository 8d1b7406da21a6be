# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about WSL on a target: its package, and the distributions of the user."""

from __future__ import annotations

from typing import Any

from ..._task.errors import Refused
from ..._task.session import Target
from ..foreseen import foretold
from . import distribution, package
from .distribution import Distribution


def fetch(target: Target) -> dict[str, Any]:
    """The package, None without it, and the distributions, None if the user's registry can't be read."""
    installed = package.fetch(target)
    return {
        "wsl": installed and {"version": installed["version"], "path": installed["location"].rstrip("\\")},
        "distributions": _fetch_distributions(target),
    }


def _fetch_distributions(target: Target) -> list[dict[str, Any]] | None:
    try:
        names = distribution.fetch_names(target)
    except Refused as error:
        target.warn(f"{target.name}: the distributions of the user can't be read: {error.message}")
        return None
    found = {name.lower(): distribution.fetch(target, name) for name in names}
    found |= {name: row and Distribution(*row) for name, row in foretold(target, "distribution").items()}
    default = distribution.fetch_default(target)
    return [
        {
            "name": row.name,
            "version": row.version,
            "path": row.location,
            "is_default": name == default,
        }
        for name, row in sorted(found.items())
        if row
    ]
