# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and bit rates, as people write them and as CIM properties count them."""

from __future__ import annotations

import re
from decimal import Decimal

from .errors import Invalid

_BIT_RATES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_BIT_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)(?:bps|bit/s)?\s*", re.IGNORECASE)
_FACTORS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", re.IGNORECASE)


def parse_size(text: str | int) -> int:
    """Bytes of ``4GB``, ``4096MB``, ``1.5 TiB`` or a plain number of bytes; powers of 1024 as in Hyper-V.

    Raises Invalid for anything else, and for a fraction of a byte.
    """
    match = _SIZE.fullmatch(str(text))
    if not match:
        raise Invalid(f"'{text}' is not a size: write a number with MB, GB or TB, such as 4GB, or a number of bytes")
    number, unit = match.groups()
    size = float(number) * _FACTORS[unit.upper()] if "." in number else int(number) * _FACTORS[unit.upper()]
    if size != int(size):
        raise Invalid(f"'{text}' is not a whole number of bytes")
    return int(size)


def format_size(size: int) -> str:
    """The shortest exact form: 4294967296 -> 4GB."""
    for unit in ("TB", "GB", "MB", "KB"):
        factor = _FACTORS[unit[0]]
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size} bytes"


def parse_bit_rate(text: str | int) -> int:
    """Bits per second of ``100Mbps``, ``2.5 Gbit/s`` or a plain number of bits; powers of 1000 as in networks.

    Rounded to a multiple of 8, as Hyper-V does, so that the value read back equals the wanted one. Raises Invalid.
    """
    match = _BIT_RATE.fullmatch(str(text))
    if not match:
        raise Invalid(
            f"'{text}' is not a bandwidth: write a number with kbps, Mbps or Gbps, such as 100Mbps, or bits per second"
        )
    number, unit = match.groups()
    return round(Decimal(number) * _BIT_RATES[unit.upper()] / 8) * 8


def format_bit_rate(rate: int) -> str:
    """The shortest exact form: 100000000 -> 100Mbps."""
    for unit in ("G", "M", "K"):
        factor = _BIT_RATES[unit]
        if rate and rate % factor == 0:
            return f"{rate // factor}{unit.replace('K', 'k')}bps"
    return f"{rate}bps"
