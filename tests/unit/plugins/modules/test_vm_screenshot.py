"""The vm_screenshot module: pictures of consoles, in sizes that hosts can send."""

from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

HOST = {
    "name": "hv01",
    "vms": [
        {"name": "off01"},
        {"name": "win01", "state": "running"},
        {"name": "old01", "state": "running", "generation": 1, "guest": {"integration_services": False}},
    ],
}
MODEL = {"hosts": [HOST]}


def read(path: Path) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of a PNG of 24 bits."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, position = {}, 8
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + 8 + length]
        assert struct.unpack(">I", data[position + 8 + length : position + 12 + length])[0] == zlib.crc32(
            kind + content
        )
        chunks[kind] = content
        position += 12 + length
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    pixels = zlib.decompress(chunks[b"IDAT"])
    step = 1 + width * 3
    assert set(pixels[::step]) == {0}
    return width, height, [pixels[begin + 1 : begin + step] for begin in range(0, len(pixels), step)]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "new" / "picture.png"


def test_a_picture_is_saved_for_its_owner_alone(lab: Lab, dest: Path) -> None:
    check = lab.succeeds("vm_screenshot", check=True, vm="win01", dest=str(dest))
    assert check["changed"] is True
    assert not dest.parent.exists(), "check mode writes nothing"
    result = lab.succeeds("vm_screenshot", vm="win01", dest=str(dest))
    assert result == check
    assert result["screen"] == {"width": 1024, "height": 768}
    assert (result["width"], result["height"], result["blank"]) == (480, 360, False)
    width, height, rows = read(dest)
    assert (width, height, len(rows)) == (480, 360, 360)
    assert rows[0] == b"\xff" * 3 * 480, "the widest component stays the widest"
    assert set(rows[-1]) == {0x84, 0x82}, "grey: 16/31 and 32/63 of 255"
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert list(dest.parent.iterdir()) == [dest]
    lab.leaves_alone("vm_screenshot", vm="win01", dest=str(dest))


def test_another_picture_replaces_the_file(lab: Lab, dest: Path) -> None:
    lab.apply("vm_screenshot", vm="win01", dest=str(dest))
    lab.vm("win01").screen.colour = b"\x1f\x00"
    lab.apply("vm_screenshot", vm="win01", dest=str(dest))
    assert read(dest)[2][-1] == b"\x00\x00\xff" * 480, "blue, in little-endian words"


def test_without_a_file_only_facts(lab: Lab) -> None:
    result = lab.leaves_alone("vm_screenshot", vm="old01")
    assert (result["dest"], result["screen"]) == (None, {"width": 720, "height": 400})
    assert result["width"] * result["height"] <= 480 * 360


@pytest.mark.parametrize("shape", ["base64", "prefixed", "elements"])
def test_pictures_in_each_shape(shape: str, dest: Path) -> None:
    with open_lab({"hosts": [{**HOST, "winrm": {"octet_strings": shape}}]}) as lab:
        result = lab.succeeds("vm_screenshot", vm="win01", dest=str(dest))
        size = (result["width"], result["height"])
        assert size == ((80, 60) if shape == "elements" else (480, 360))
        assert bool(result.get("warnings")) is (shape == "elements")
        assert read(dest)[2][0] == b"\xff" * 3 * size[0]


@pytest.mark.parametrize(("limit", "size"), [(500, (480, 360)), (4096, (1024, 768))])
def test_a_large_picture_needs_a_host_that_sends_it(limit: int, size: tuple[int, int], dest: Path) -> None:
    with open_lab({"hosts": [{**HOST, "winrm": {"max_envelope_kb": limit}}]}) as lab:
        result = lab.succeeds("vm_screenshot", vm="win01", dest=str(dest), width=1024, height=768)
        assert (result["width"], result["height"]) == size == read(dest)[:2]
        assert bool(result.get("warnings")) is (limit == 500)


def test_a_size_beyond_the_screen_is_reduced(lab: Lab) -> None:
    result = lab.succeeds("vm_screenshot", vm="win01", width=1920, height=300)
    assert (result["width"], result["height"]) == (1024, 300) or result["width"] <= 480
    assert "1024 x 768" in result["warnings"][0]


def test_a_blank_picture(dest: Path) -> None:
    with open_lab({"hosts": [{**HOST, "os": "windows11", "display": False}]}) as lab:
        assert lab.succeeds("vm_screenshot", vm="win01", dest=str(dest))["blank"] is True


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"vm": "off01"}, ["is off", "state: running"]),
        ({"vm": "none"}, ["vm: ", "no VM"]),
        ({"width": 0, "height": 5}, ["width: ", "out of range"]),
        ({"dest": "."}, ["dest: ", "is a folder"]),
        ({"dest": "/proc/none/x.png"}, []),
    ],
)
def test_refusals(shared_lab: Lab, args: dict[str, Any], words: list[str]) -> None:
    if words:
        shared_lab.refuses("vm_screenshot", *words, **{"vm": "win01", **args})
    else:
        shared_lab.fails("vm_screenshot", "dest: ", "control node", **{"vm": "win01", **args})


def test_width_and_height_go_together(shared_lab: Lab) -> None:
    assert "required together" in shared_lab.run("vm_screenshot", vm="win01", width=80)["msg"]


def test_a_german_host(dest: Path) -> None:
    with open_lab({"hosts": [{**HOST, "locale": "de-DE"}]}) as lab:
        lab.apply("vm_screenshot", vm="win01", dest=str(dest))
        lab.refuses("vm_screenshot", "is off", vm="off01")
