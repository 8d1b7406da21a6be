"""Arrays of octets, which come and go in one of several shapes (ASSUMPTIONS PROTO-09)."""

from __future__ import annotations

from typing import Any

from ..cim.values import CimProperty
from .config import Settings

PREFIX = 4  # octets of the length in an [OctetString], which counts itself


def is_bytes(prop: CimProperty) -> bool:
    return prop.type == "uint8" and prop.array


def as_read(prop: CimProperty | None, settings: Settings) -> CimProperty | None:
    """A parameter as clients have to send it."""
    if prop is not None and is_bytes(prop) and settings.byte_arrays == "base64":
        return CimProperty(prop.name, "octets")
    return prop


def as_written(prop: CimProperty, value: Any, settings: Settings) -> tuple[CimProperty, Any]:
    """A parameter and its value as the host sends them."""
    if value is None:
        return prop, value
    if prop.type == "octets" and settings.octet_strings == "prefixed":
        return prop, (len(value) + PREFIX).to_bytes(PREFIX, "big") + value
    if prop.type == "octets" and settings.octet_strings == "elements":
        return CimProperty(prop.name, "uint8", True), list(value)
    if is_bytes(prop) and settings.byte_arrays == "base64":
        return CimProperty(prop.name, "octets"), bytes(value)
    return prop, value
