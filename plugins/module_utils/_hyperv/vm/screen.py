# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture on the screen of a VM (GetVirtualSystemThumbnailImage)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.document import MAX_OCTETS
from ..._wsman.envelope import MAX_ENVELOPE_SIZE
from ..._wsman.faults import EncodingLimit, QuotaExceeded, RequestTooLarge
from .. import jobs
from ..schema import VIDEO_HEAD, VM_SERVICE
from . import picture
from .find import PAUSED, RUNNING, VM

_ENABLED, _MOST = 2, 65535
# Sizes that fit the envelopes of hosts: 480 x 360 in base64 that of 500 KB by default; the last also with one element
# for each octet.
_USUAL, _LEAST = 480 * 360, 80 * 60
_DEFAULT_SCREEN = (640, 480)  # of a VM whose screen the host doesn't describe, as libvirt assumes
_OVERHEAD = 16 << 10  # octets of an envelope around a picture
_READABLE = (MAX_OCTETS - _OVERHEAD) * 3 // 8  # pixels

OPTIONS: dict[str, Any] = {"width": {"type": "int"}, "height": {"type": "int"}}


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def within(self, pixels: int) -> Size:
        """The largest size of this shape with at most so many pixels."""
        scale = min(1.0, math.sqrt(pixels / self.pixels))
        return Size(max(1, int(self.width * scale + 1e-9)), max(1, int(self.height * scale + 1e-9)))


class Picture(NamedTuple):
    """The pixels in RGB565, and the size of the whole screen."""

    size: Size
    screen: Size
    rgb565: bytes

    @property
    def blank(self) -> bool:
        return picture.is_blank(self.rgb565)

    @property
    def png(self) -> bytes:
        return picture.png(self.rgb565, *self.size)


def parse(params: Mapping[str, Any]) -> Size | None:
    """The size that the task asks for. Raises Invalid."""
    for name in ("width", "height"):
        if params[name] is not None and not 1 <= params[name] <= _MOST:
            raise Invalid(f"{params[name]} is out of range, choose a number of pixels from 1 to {_MOST}", option=name)
    return Size(params["width"], params["height"]) if params["width"] else None


def fetch(host: Target, vm: VM, wanted: Size | None) -> Picture:
    """The picture in the wanted size, or in one that hosts can send. Raises Refused if the VM has no screen now."""
    if vm.state not in (RUNNING, PAUSED):
        text = (
            f"{vm} is {vm.state} and shows nothing; a picture needs a running VM. Start it first (vm, state: running)"
        )
        raise Refused(text, vm=vm.name, state=vm.state)
    screen = _fetch_screen(host, vm)
    size = _possible(host, vm, screen, wanted)
    for smaller in (_USUAL, _LEAST):
        try:
            return Picture(size, screen, _fetch_pixels(host, vm, size))
        except (EncodingLimit, QuotaExceeded, RequestTooLarge) as error:
            if size.pixels <= smaller:
                continue
            host.warn(f"{host.name}: the host can't send a picture of {size}, so it is smaller ({error.message})")
            size = screen.within(smaller)
    return Picture(size, screen, _fetch_pixels(host, vm, size))


def _fetch_screen(host: Target, vm: VM) -> Size:
    """The size of the screen: that of the head which is enabled, if there are two."""
    rows = host.client.query(VIDEO_HEAD, tuple(VIDEO_HEAD.properties), f"SystemName = {cim.quote(vm.id)}")
    sizes = [
        (row["EnabledState"] == _ENABLED, Size(row["CurrentHorizontalResolution"], row["CurrentVerticalResolution"]))
        for row in rows
        if row["CurrentHorizontalResolution"] and row["CurrentVerticalResolution"]
    ]
    return max(sizes)[1] if sizes else Size(*_DEFAULT_SCREEN)


def _possible(host: Target, vm: VM, screen: Size, wanted: Size | None) -> Size:
    if wanted is None:
        return screen.within(_USUAL)
    size = Size(min(wanted.width, screen.width), min(wanted.height, screen.height)).within(_READABLE)
    if size != wanted:
        host.warn(f"{host.name}: the screen of {vm} has {screen} pixels, so the picture has {size} instead of {wanted}")
    return size


def _fetch_pixels(host: Target, vm: VM, size: Size) -> bytes:
    arguments = {"TargetSystem": vm.settings_reference, "WidthPixels": size.width, "HeightPixels": size.height}
    needed = size.pixels * 2 * 4 // 3 + _OVERHEAD
    answer = host.client.invoke(
        VM_SERVICE,
        "GetVirtualSystemThumbnailImage",
        {"CreationClassName": VM_SERVICE.name},
        arguments,
        {"ImageData": "uint8[]"},
        reads=True,
        answer_size=max(MAX_ENVELOPE_SIZE, needed),
    )
    code = answer["ReturnValue"]
    if code != jobs.DONE:
        reason = jobs.RETURN_VALUES.get(code, "unknown return value")
        raise MethodFailed(
            f"the host has no picture of {vm} in {size}: {reason} ({code}). See that the VM runs, and try again",
            method="GetVirtualSystemThumbnailImage",
            return_value=code,
        )
    return picture.pixels(answer["ImageData"], *size)
