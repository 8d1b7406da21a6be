"""Pixels of screens, and PNG files of them."""

from __future__ import annotations

import struct
import zlib

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import picture
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.screen import Size
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import BadAnswer

RED, GREEN, BLUE, WHITE = b"\x00\xf8", b"\xe0\x07", b"\x1f\x00", b"\xff\xff"


def test_the_prefix_goes_only_if_it_holds_the_length() -> None:
    data = RED + GREEN
    assert picture.pixels(data, 2, 1) == data
    assert picture.pixels(b"\0\0\0\x08" + data, 2, 1) == data
    assert picture.pixels(b"\0\0\0\x08" + data, 2, 2) == b"\0\0\0\x08" + data, "it may be a picture"
    for wrong in (b"", data[:3], b"\0\0\0\x04" + data, b"\x08\0\0\0" + data):
        with pytest.raises(BadAnswer):
            picture.pixels(wrong, 2, 1)


def test_components_are_widened_to_eight_bits() -> None:
    data = picture.png(RED + GREEN + BLUE + WHITE + b"\0\0" + b"\x10\x84", 3, 2)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = zlib.decompress(data[start + 4 : start + 4 + length])
    assert rows == (
        b"\0" + b"\xff\0\0" + b"\0\xff\0" + b"\0\0\xff" + b"\0" + b"\xff\xff\xff" + b"\0\0\0" + bytes((132, 130, 132))
    )


def test_blank_pictures() -> None:
    assert picture.is_blank(BLUE * 5)
    assert not picture.is_blank(BLUE * 4 + RED)


@pytest.mark.parametrize(
    ("screen", "size"), [((1024, 768), (480, 360)), ((1920, 1080), (554, 311)), ((320, 200), (320, 200))]
)
def test_sizes_keep_the_shape_of_the_screen(screen: tuple[int, int], size: tuple[int, int]) -> None:
    assert Size(*screen).within(480 * 360) == size
