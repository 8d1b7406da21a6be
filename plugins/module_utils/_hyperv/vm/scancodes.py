# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a PC: virtual key codes by name, and scan codes (PS/2, set 1) of characters by keyboard layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..._task.errors import Invalid

BREAK, PREFIXES = 0x80, (0xE0, 0xE1)  # a key is released by its code with this bit; a prefix belongs to the next octet
_SHIFT, _ALT_GR = [0x2A], [0xE0, 0x38]
_MODIFIERS = {(0x1D,), (0x2A,), (0x36,), (0x38,), (0xE0, 0x1D), (0xE0, 0x38), (0xE0, 0x5B), (0xE0, 0x5C)}
# Both Shift, Ctrl, Alt and Windows keys, released; harmless if none of them is held.
RELEASES = [0xAA, 0xB6, 0x9D, 0xE0, 0x9D, 0xB8, 0xE0, 0xB8, 0xE0, 0xDB, 0xE0, 0xDC]

# Virtual key codes (winuser.h) by name.
MODIFIER_KEYS: Mapping[str, int] = {"shift": 160, "ctrl": 162, "alt": 164, "win": 91}
KEYS: Mapping[str, int] = {
    "backspace": 8,
    "tab": 9,
    "enter": 13,
    "pause": 19,
    "caps_lock": 20,
    "esc": 27,
    "space": 32,
    "page_up": 33,
    "page_down": 34,
    "end": 35,
    "home": 36,
    "left": 37,
    "up": 38,
    "right": 39,
    "down": 40,
    "print_screen": 44,
    "insert": 45,
    "delete": 46,
    "menu": 93,
    "num_lock": 144,
    "scroll_lock": 145,
    **{f"f{number}": 111 + number for number in range(1, 13)},
    **{str(digit): 48 + digit for digit in range(10)},
    **{chr(97 + number): 65 + number for number in range(26)},
    **MODIFIER_KEYS,
}


class Combination(NamedTuple):
    """A key with the keys that are held meanwhile, as virtual key codes."""

    held: tuple[int, ...]
    key: int


def normalized(name: str) -> str:
    """The name of a key or combination in lower case: ``A`` is the key a, and Shift is another key."""
    return name.strip().lower()


def parse_key(name: str) -> Combination:
    """The key or combination of that name, such as ``enter`` or ``ctrl+alt+f1``. Raises Invalid."""
    *held, key = normalized(name).split("+")
    unknown = [part for part in (*held, key) if part not in KEYS]
    if unknown or any(part not in MODIFIER_KEYS for part in held):
        raise Invalid(
            f"'{name}' is not a key. Known are letters, digits and {', '.join(sorted(set(KEYS) - set(_PLAIN)))}, each "
            f"with {', '.join(MODIFIER_KEYS)} before it, such as ctrl+c. Signs such as / are typed with 'text'",
            option="keys",
        )
    return Combination(tuple(MODIFIER_KEYS[part] for part in held), KEYS[key])


_PLAIN = [name for name in KEYS if len(name) == 1]


# ---- scan codes of characters ----

# Rows of keys from left to right: the first scan code, and the characters of its keys alone, with Shift and with AltGr.
_Row = tuple[int, str, str, str]
_EN_US: tuple[_Row, ...] = (
    (0x29, "`", "~", ""),
    (0x02, "1234567890-=", "!@#$%^&*()_+", ""),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}", ""),
    (0x1E, "asdfghjkl;'", 'ASDFGHJKL:"', ""),
    (0x2B, "\\", "|", ""),
    (0x2C, "zxcvbnm,./", "ZXCVBNM<>?", ""),
)
_DE_DE: tuple[_Row, ...] = (
    (0x29, "^", "°", ""),
    (0x02, "1234567890ß´", '!"§$%&/()=?`', " ²³   {[]}\\"),
    (0x10, "qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~"),
    (0x1E, "asdfghjklöä", "ASDFGHJKLÖÄ", ""),
    (0x2B, "#", "'", ""),
    (0x56, "<", ">", "|"),
    (0x2C, "yxcvbnm,.-", "YXCVBNM;:_", "      µ"),
)
_EVERYWHERE: Mapping[str, list[int]] = {" ": [0x39], "\n": [0x1C], "\t": [0x0F]}
_DEAD = {"de-DE": "^´`"}  # these wait for another character; with a blank they stand alone


def _characters(rows: tuple[_Row, ...]) -> dict[str, list[list[int]]]:
    """The keys that a character needs, each as the codes of one press and release."""
    found = {character: [press(codes)] for character, codes in _EVERYWHERE.items()}
    for first, *levels in rows:
        for held, characters in zip(([], _SHIFT, _ALT_GR), levels, strict=True):
            for offset, character in enumerate(characters):
                if character != " ":
                    found.setdefault(character, [press([first + offset], held)])
    return found


def press(key: list[int], held: list[int] | None = None) -> list[int]:
    """The codes of a key that is pressed and released, with another one held meanwhile."""
    held = held or []
    return [*held, *key, *_released(key), *_released(held)]


def _released(key: list[int]) -> list[int]:
    return [*key[:-1], key[-1] | BREAK] if key else []


LAYOUTS: Mapping[str, Mapping[str, list[list[int]]]] = {
    name: {
        character: [*keys, press([0x39])] if character in _DEAD.get(name, "") else keys
        for character, keys in _characters(rows).items()
    }
    for name, rows in (("en-US", _EN_US), ("de-DE", _DE_DE))
}


# ---- scan codes that the task gives ----


def parse_codes(text: str) -> list[int]:
    """The codes of one key from their hexadecimal text, such as ``1c 9c``. Raises Invalid."""
    try:
        codes = list(bytes.fromhex(text))
    except ValueError as error:
        raise Invalid(f"'{text}' is not hexadecimal; write octets such as '1c 9c'", option="scancodes") from error
    pressed = [code for code, is_break in _events(codes) if not is_break and code not in _MODIFIERS]
    if not codes or codes[-1] in PREFIXES or len(pressed) > 1:
        raise Invalid(
            f"'{text}' is not the codes of one key. Hosts lose several keys of one call; write each as its own entry",
            option="scancodes",
        )
    return codes


def _events(codes: list[int]) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Code with its prefix, and whether it is a release, of each event."""
    prefix: tuple[int, ...] = ()
    for code in codes:
        if code in PREFIXES:
            prefix = (code,)
            continue
        yield (*prefix, code & ~BREAK), bool(code & BREAK)
        prefix = ()
