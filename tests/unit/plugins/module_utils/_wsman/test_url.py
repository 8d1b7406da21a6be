# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs in messages have neither user information nor a query."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.url import without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://files.example.com/a.iso", "https://files.example.com/a.iso"),
        ("https://files.example.com/a.iso?sig=x", "https://files.example.com/a.iso"),
        ("https://files.example.com?sig=x://y@z", "https://files.example.com"),
        ("https://files.example.com/a.iso#x?y", "https://files.example.com/a.iso"),
        ("https://user:secret@files.example.com:8443/a@b.iso", "https://files.example.com:8443/a@b.iso"),
        ("https://files.example.com:8443/@a/b.iso?to=c@d", "https://files.example.com:8443/@a/b.iso"),
        ("https://user:se/cr?et@files.example.com/a.iso", "https://files.example.com/a.iso"),
        ("https://user:se@cret@files.example.com/", "https://files.example.com/"),
        ("https://[fd00::1]:5986/wsman", "https://[fd00::1]:5986/wsman"),
        ("https://user:secret@[fd00::1]/wsman", "https://[fd00::1]/wsman"),
        ("ftp://files.example.com/a b?c d", "ftp://files.example.com/a b"),
        (r"D:\a?b@c.iso", r"D:\a?b@c.iso"),
        (r"\\nas\a.iso", r"\\nas\a.iso"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
