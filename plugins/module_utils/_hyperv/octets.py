# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of octets as arguments of methods: no source says in which shape WinRM takes them, so the host is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from .._task.errors import MethodFailed
from .._task.session import Target
from .._wsman.faults import HostError, SchemaInvalid

Answer = TypeVar("Answer")
Shape: TypeAlias = "Callable[[list[int]], Any]"

# A list is sent as repeated elements, bytes as base64 in one element (DSP0230, OctetString).
SHAPES: tuple[Shape, ...] = (list, bytes)
_REFUSED = (32773, 32776)  # invalid parameter, incorrect data type


def with_octets(host: Target, octets: list[int], send: Callable[[Any], Answer]) -> Answer:
    """The answer to `send` of octets in the shape that the host takes, which is remembered.

    A host that refuses a shape has not run the method. Raises the error about the first shape if it takes none.
    """
    first, *others = [host.client.octet_shape] if host.client.octet_shape else SHAPES
    try:
        return _sent(host, octets, first, send)
    except (SchemaInvalid, MethodFailed) as error:
        if not _is_about_shape(error):
            raise
        for shape in others:
            with suppress(SchemaInvalid, MethodFailed):
                return _sent(host, octets, shape, send)
        raise


def _sent(host: Target, octets: list[int], shape: Shape, send: Callable[[Any], Answer]) -> Answer:
    answer = send(shape(octets))
    host.client.octet_shape = shape
    return answer


def _is_about_shape(error: HostError) -> bool:
    return isinstance(error, SchemaInvalid) or error.details.get("return_value") in _REFUSED
