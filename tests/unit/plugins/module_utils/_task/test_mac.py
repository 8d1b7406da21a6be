"""MAC addresses as people write them."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task import mac
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid


@pytest.mark.parametrize(
    "text",
    [
        "00:15:5D:01:02:03",
        "00-15-5d-01-02-03",
        "0015.5d01.0203",
        "00155D-010203",
        " 00155D010203 ",
        "00 15 5D 01 02 03",
    ],
)
def test_parse_mac(text: str) -> None:
    assert mac.parse_mac(text) == "00155D010203"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("00:15:5D:01:02", "twelve hexadecimal digits"),
        ("00:15:5D:01:02:03:04", "twelve hexadecimal digits"),
        ("00:15:5D-01:02:03", "twelve hexadecimal digits"),
        ("00:15:5G:01:02:03", "twelve hexadecimal digits"),
        ("01:00:5E:00:00:01", "multicast"),
        ("FF:FF:FF:FF:FF:FF", "multicast"),
        ("00:00:00:00:00:00", "'dynamic' lets the host"),
        ("", "twelve hexadecimal digits"),
    ],
)
def test_parse_mac_refuses(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        mac.parse_mac(text)
    assert caught.value.message.startswith(f"'{text}'")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("00155D010203", "00:15:5D:01:02:03"),
        ("00155d010203", "00:15:5D:01:02:03"),
        ("00-15-5D-01-02-03", "00:15:5D:01:02:03"),
        ("000000000000", None),
        ("", None),
        (None, None),
    ],
)
def test_format_mac(address: str | None, shown: str | None) -> None:
    assert mac.format_mac(address) == shown
