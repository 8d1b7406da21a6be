# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a host accepts for switches, network adapters and NATs."""

from __future__ import annotations

from ..._task.errors import Invalid

LONGEST = 255  # NDIS stores the names of switches and of their ports in IF_COUNTED_STRING, of 256 characters


def check_name(text: str | None, option: str = "name") -> None:
    """Raise Invalid for a text that no object can have as its name; None is no name at all."""
    if text is None:
        return
    if len(text) > LONGEST:
        raise Invalid(f"a name of {len(text)} characters is too long; use at most {LONGEST}", option=option)
    if not text.isprintable():
        raise Invalid(f"{text!r} contains a line break or another control character; remove it", option=option)
