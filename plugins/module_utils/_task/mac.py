# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MAC addresses: conversion between the notations of options and of CIM."""

from __future__ import annotations

import re

from .errors import Invalid

# 001122334455, 00-11-22-33-44-55, 00:11:22:33:44:55, 0011.2233.4455, 001122-334455.
_MAC = re.compile(
    r"[0-9A-F]{12}"
    r"|[0-9A-F]{2}([-: ])(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}"
    r"|[0-9A-F]{4}([.:-])[0-9A-F]{4}\2[0-9A-F]{4}"
    r"|[0-9A-F]{6}[-:][0-9A-F]{6}"
)


def parse_mac(text: str) -> str:
    """The address as CIM stores it: twelve hexadecimal digits in upper case. Raises Invalid."""
    address = text.strip().upper()
    if not _MAC.fullmatch(address):
        raise Invalid(f"'{text}' is not a MAC address, which has twelve hexadecimal digits: 00:15:5D:01:02:03")
    address = re.sub(r"[^0-9A-F]", "", address)
    if int(address[:2], 16) & 1:
        raise Invalid(f"'{text}' is a multicast address (its first byte is odd), which no adapter can have")
    if not address.strip("0"):
        raise Invalid(f"'{text}' is not a usable address; 'dynamic' lets the host assign an address")
    return address


def format_mac(address: str | None) -> str | None:
    """``00155D010203`` -> ``00:15:5D:01:02:03``; None for an address that the host hasn't assigned yet."""
    digits = re.sub(r"[^0-9A-Fa-f]", "", address or "").upper()
    if not digits.strip("0"):
        return None
    return ":".join(digits[index : index + 2] for index in range(0, 12, 2))
