"""Keys by name, and scan codes of characters."""

from __future__ import annotations

import string

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import scancodes
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

SHIFT, ALT_GR = [0x2A], [0xE0, 0x38]


@pytest.mark.parametrize("layout", scancodes.LAYOUTS)
def test_a_layout_has_every_printable_character_of_ascii(layout: str) -> None:
    known = scancodes.LAYOUTS[layout]
    assert [character for character in string.printable[:95] if character not in known] == []
    for character, keys in known.items():
        for codes in keys:
            assert scancodes.parse_codes(bytes(codes).hex(" ")) == codes, character


@pytest.mark.parametrize(
    ("layout", "character", "keys"),
    [
        ("en-US", "a", [[0x1E, 0x9E]]),
        ("en-US", "A", [[0x2A, 0x1E, 0x9E, 0xAA]]),
        ("en-US", "@", [[0x2A, 0x03, 0x83, 0xAA]]),
        ("en-US", "z", [[0x2C, 0xAC]]),
        ("de-DE", "z", [[0x15, 0x95]]),
        ("de-DE", "ß", [[0x0C, 0x8C]]),
        ("de-DE", "@", [[0xE0, 0x38, 0x10, 0x90, 0xE0, 0xB8]]),
        ("de-DE", "\\", [[0xE0, 0x38, 0x0C, 0x8C, 0xE0, 0xB8]]),
        ("de-DE", "~", [[0xE0, 0x38, 0x1B, 0x9B, 0xE0, 0xB8]]),
        ("de-DE", "|", [[0xE0, 0x38, 0x56, 0xD6, 0xE0, 0xB8]]),
        ("de-DE", "^", [[0x29, 0xA9], [0x39, 0xB9]]),
        ("de-DE", "`", [[0x2A, 0x0D, 0x8D, 0xAA], [0x39, 0xB9]]),
    ],
)
def test_codes_of_characters(layout: str, character: str, keys: list[list[int]]) -> None:
    assert scancodes.LAYOUTS[layout][character] == keys


def test_names_of_keys() -> None:
    assert scancodes.parse_key("Enter") == ((), 13)
    assert scancodes.parse_key("ctrl+ALT+delete") == ((162, 164), 46)
    assert scancodes.parse_key("win") == ((), 91)
    for name in ("", "+", "ctrl+", "a+b", "f13"):
        with pytest.raises(Invalid):
            scancodes.parse_key(name)


def test_all_modifiers_are_released() -> None:
    codes = scancodes.RELEASES
    assert scancodes.parse_codes(bytes(codes).hex()) == codes
