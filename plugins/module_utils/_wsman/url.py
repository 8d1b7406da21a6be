# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs in messages, progress lines, diffs and results."""

from __future__ import annotations

import re

# User information before "@"; also with a "/", "?" or "#" in its password, which a URL must escape. A port is none.
_USER = re.compile(r"[^/?#]*@|[^/?#@\[\]:]*:(?!\d*(?:[/?#]|$)).*@", re.DOTALL)


def without_secrets(location: str) -> str:
    """A URL without user information, query and fragment, which may be secrets; another text as it is."""
    scheme, mark, rest = location.partition("://")
    if not mark:
        return location
    user = _USER.match(rest)
    shown = re.split("[?#]", rest[user.end() if user else 0 :], maxsplit=1)[0]
    return f"{scheme}://{shown}"
