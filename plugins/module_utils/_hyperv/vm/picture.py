# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of screens: from the pixels that a host sends to a PNG file."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Sequence

from ..._wsman.faults import BadAnswer

_PREFIX = 4  # octets of the length that a CIM octet string begins with, itself included
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EIGHT_BITS, _RGB = 8, 2


def pixels(data: Sequence[int], width: int, height: int) -> bytes:
    """RGB565 in little-endian words, without the prefix that some hosts leave. Raises BadAnswer."""
    size, octets = width * height * 2, bytes(data)
    if len(octets) == size + _PREFIX and int.from_bytes(octets[:_PREFIX], "big") == len(octets):
        octets = octets[_PREFIX:]
    if len(octets) != size:
        raise BadAnswer(f"The host sent {len(octets)} octets for a picture of {width} x {height}, which has {size}.")
    return octets


def is_blank(rgb565: bytes) -> bool:
    """Whether all pixels have one colour."""
    return rgb565 == rgb565[:2] * (len(rgb565) // 2)


def png(rgb565: bytes, width: int, height: int) -> bytes:
    """The picture as PNG of 24 bits (PNG specification, 3rd edition)."""
    words = array("H", rgb565)
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        words.byteswap()
    colours = {
        word: bytes((_wide(word >> 11, 31), _wide(word >> 5 & 63, 63), _wide(word & 31, 31))) for word in set(words)
    }
    rows = (b"".join(map(colours.__getitem__, words[begin : begin + width])) for begin in range(0, len(words), width))
    header = struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _RGB, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join((_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", content), _chunk(b"IEND", b"")))


def _wide(value: int, most: int) -> int:
    """A component in eight bits, so that its highest value stays the highest."""
    return (value * 255 + most // 2) // most


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
