# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISO images: names in every tree of the disc, no UDF, the same octets for the same files."""

from __future__ import annotations

import builtins
import itertools
import time
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._seed import image
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, Missing
from ansible_collections.nested.hyperv.tests.simulator.machine import iso

FILES = {
    "Autounattend.xml": b"<unattend/>",
    "meta-data": b"instance-id: x\n",
    "drivers/net work/VeryLongName_of-a.driver.inf": b"\0\1" * 3000,
    "drivers/empty": b"",
}


@pytest.mark.parametrize(("label", "files"), [("cidata", FILES), ("UNATTEND", {"a": b"1"})])
def test_every_reader_finds_the_files(label: str, files: dict[str, bytes]) -> None:
    built = image.build(label, files)
    found = iso.read(built)
    assert (found.label, found.type) == (label, "iso9660")
    assert found.plain == found.joliet == found.rock_ridge == files
    assert image.read(built) == (label, files)


def test_the_same_files_are_the_same_octets() -> None:
    first = image.build("cidata", FILES)
    zones = itertools.cycle(["UTC", "Asia/Tokyo"])
    for shift in (86400.0, 1e8):
        with mock.patch("time.time", lambda shift=shift: 1.7e9 + shift), mock.patch.dict("os.environ", TZ=next(zones)):
            time.tzset()
            assert image.build("cidata", dict(reversed(FILES.items()))) == first
    time.tzset()
    assert image.build("cidata", {**FILES, "drivers/empty": b"1"}) != first


def test_a_small_seed_is_small() -> None:
    assert len(image.build("UNATTEND", {"Autounattend.xml": b"x" * 6000})) < 100_000


@pytest.mark.parametrize("content", [b"", b"MZ", bytes(40_000), b"\0" * 32768 + b"\1CD001" + b"\xff" * 4000])
def test_other_files_are_no_images(content: bytes) -> None:
    assert image.read(content) is None
    assert iso.read(content) is None or not iso.read(content).plain


def test_a_name_that_no_disc_has() -> None:
    with pytest.raises(Invalid, match="can't be on an ISO image"):
        image.build("cidata", {"x" * 70: b""})


def test_without_pycdlib_the_way_to_get_it() -> None:
    ordinary = builtins.__import__

    def without(name: str, *args: object, **options: object) -> object:
        if name.partition(".")[0] == "pycdlib":
            raise ImportError(name)
        return ordinary(name, *args, **options)

    with mock.patch("builtins.__import__", without), pytest.raises(Missing, match="-m pip install pycdlib"):
        image.build("cidata", {"a": b""})
