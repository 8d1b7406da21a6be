"""Sizes as people write them."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._task.units import (
    format_bit_rate,
    format_size,
    parse_bit_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 << 30),
        ("4096MB", 4 << 30),
        ("4 GiB", 4 << 30),
        (" 4g ", 4 << 30),
        ("512K", 512 << 10),
        ("1.5TB", 3 << 39),
        ("0.5 MB", 512 << 10),
        ("17b", 17),
        (4294967296, 4 << 30),
        ("4294967296", 4 << 30),
        (0, 0),
    ],
)
def test_parse_size(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-4GB", "4 giga", "4,5GB", "4GBps", "1e9", "0x10", "4GB 2MB", "1.GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Invalid, match="is not a size: write a number with MB, GB or TB") as caught:
        parse_size(text)
    assert f"'{text}'" in caught.value.message


def test_a_fraction_of_a_byte_is_refused() -> None:
    with pytest.raises(Invalid, match=r"'0\.3KB' is not a whole number of bytes"):
        parse_size("0.3KB")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (4 << 30, "4GB"),
        (1536 << 20, "1536MB"),
        (1 << 40, "1TB"),
        (3 << 10, "3KB"),
        (1000, "1000 bytes"),
        (0, "0 bytes"),
    ],
)
def test_format_size(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize("size", [2 << 20, 4 << 30, 240 << 40, (4 << 30) + (2 << 20)])
def test_what_is_written_can_be_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100Mbps", 100_000_000),
        ("1Gbps", 1_000_000_000),
        ("2.5 gbit/s", 2_500_000_000),
        ("64kbps", 64_000),
        ("1M", 1_000_000),
        (800, 800),
        ("0", 0),
        # Multiples of 8, as Hyper-V rounds: else what is read back never is what was asked for.
        ("1001", 1000),
        ("1005", 1008),
        ("0.1Mbps", 100_000),
    ],
)
def test_parse_bit_rate(text: str | int, rate: int) -> None:
    assert parse_bit_rate(text) == rate
    assert parse_bit_rate(rate) == rate


@pytest.mark.parametrize("text", ["fast", "1GB", "10MB/s", "-5Mbps", "1,5Gbps", "", "1Tbps"])
def test_parse_bit_rate_refuses(text: str) -> None:
    with pytest.raises(Invalid, match="is not a bandwidth"):
        parse_bit_rate(text)


@pytest.mark.parametrize(
    ("rate", "text"),
    [(100_000_000, "100Mbps"), (1_000_000_000, "1Gbps"), (2_500_000_000, "2500Mbps"), (64_000, "64kbps"), (8, "8bps")],
)
def test_format_bit_rate(rate: int, text: str) -> None:
    assert format_bit_rate(rate) == text
    assert parse_bit_rate(text) == rate
