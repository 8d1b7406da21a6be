"""Keyboards and screens of VMs: what reaches a guest, and which pictures a host gives."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.hyperv.vm import Vm
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import INVALID_PARAMETER, INVALID_STATE, VSMS, call, host, power, rows

WHITE, BLUE, GREY, BLACK = b"\xff\xff", b"\x1f\x00", b"\x10\x84", b"\x00\x00"


def running(**spec: Any) -> Machine:
    machine = host({"state": "running", "guest": {"boot_seconds": 30}}, **spec)
    machine.clock.freeze()
    return machine


def keyboard(machine: Machine, method: str, **parameters: Any) -> int:
    (row,) = rows(machine, "Msvm_Keyboard")
    return call(machine, "Msvm_Keyboard", method, row.keys_dict(), **parameters)[0]


def typed(machine: Machine) -> list[str]:
    return [key.what for key in machine.vm("vm0").keyboard.typed]


def test_keys_reach_a_running_vm_with_their_time() -> None:
    machine, seen = running(), []
    machine.vm("vm0").keyboard.watchers.append(lambda key: seen.append(key.what))
    begin = machine.clock.now()
    assert keyboard(machine, "TypeKey", keyCode=13) == 0
    machine.clock.advance(1)
    later = machine.clock.now()
    assert keyboard(machine, "TypeText", asciiText="ab") == 0
    machine.clock.advance(1)
    assert keyboard(machine, "TypeCtrlAltDel") == 0
    assert typed(machine) == seen == ["vk 13", "text a", "text b", "ctrl+alt+del"]
    found = machine.vm("vm0").keyboard
    assert found.typed[0].when == begin
    assert [key.what for key in found.typed if key.when >= later] == ["text a", "text b", "ctrl+alt+del"]


def test_keys_that_come_too_fast_are_lost_though_the_host_answers_0() -> None:
    machine = running()
    assert [keyboard(machine, "TypeKey", keyCode=code) for code in (65, 66)] == [0, 0]
    machine.clock.advance(0.02)
    assert keyboard(machine, "TypeKey", keyCode=67) == 0
    assert typed(machine) == ["vk 65", "vk 67"]
    assert [key.what for key in machine.vm("vm0").keyboard.lost] == ["vk 66"]


@pytest.mark.parametrize(
    ("codes", "arrives"),
    [
        ([0x1C, 0x9C], ["1C"]),
        ([0x2A, 0x1E, 0x9E, 0xAA], ["1E"]),
        ([0xE0, 0x48, 0xE0, 0xC8], ["E048"]),
        ([0x1E, 0x9E, 0x30, 0xB0], []),
        ([0xE0, 0x5B, 0xE0, 0xDB], ["E05B"]),
        ([0xAA, 0xB6], []),
    ],
)
def test_scan_codes_of_one_character_arrive(codes: list[int], arrives: list[str]) -> None:
    machine = running()
    assert keyboard(machine, "TypeScancodes", Scancodes=codes) == 0
    assert typed(machine) == arrives


def test_a_character_after_a_burst_of_releases_is_swallowed() -> None:
    machine = running()
    for codes, pause in (([0xAA, 0xB6, 0x9D], 0.05), ([0x1E, 0x9E], 0.2), ([0x30, 0xB0], 0)):
        assert keyboard(machine, "TypeScancodes", Scancodes=codes) == 0
        machine.clock.advance(pause)
    assert typed(machine) == ["30"]


def test_held_keys_are_released_with_the_power() -> None:
    machine = running()
    (row,) = rows(machine, "Msvm_Keyboard")

    def pressed(code: int) -> bool:
        return call(machine, "Msvm_Keyboard", "IsKeyPressed", row.keys_dict(), keyCode=code)[1]["keyState"]

    keyboard(machine, "PressKey", keyCode=16)
    assert pressed(160)
    assert pressed(16)
    machine.clock.advance(1)
    keyboard(machine, "ReleaseKey", keyCode=160)
    assert not pressed(16)
    keyboard(machine, "PressKey", keyCode=162)
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert not pressed(162)


def test_what_a_keyboard_refuses() -> None:
    machine = running()
    assert keyboard(machine, "TypeText", asciiText="ä") == 1
    assert keyboard(machine, "TypeText", asciiText="a" * 513) == INVALID_PARAMETER
    assert keyboard(machine, "TypeScancodes", Scancodes=[]) == INVALID_PARAMETER
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    assert keyboard(machine, "TypeKey", keyCode=13) == INVALID_STATE, "the keyboard is there, the VM isn't on"
    assert typed(machine) == []


def picture(vm: Vm, width: int, height: int) -> tuple[int, bytes | None]:
    code, outputs = call(
        vm.machine,
        VSMS,
        "GetVirtualSystemThumbnailImage",
        TargetSystem=vm.system.reference(),
        WidthPixels=width,
        HeightPixels=height,
    )
    return code, outputs["ImageData"]


def test_pictures_are_rgb565_top_down_in_little_endian() -> None:
    machine = running()
    vm = machine.vm("vm0")
    assert picture(vm, 4, 8) == (0, WHITE * 4 + BLUE * 28)
    machine.clock.advance(60)
    assert picture(vm, 3, 16) == (0, WHITE * 6 + GREY * 42)
    assert picture(vm, 1, 1) == (0, WHITE)


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((1024, 768), 0),
        ((1280, 720), 0),
        ((1024, 769), 0),
        ((1920, 1080), INVALID_STATE),
        ((1280, 1024), INVALID_STATE),
        ((0, 0), INVALID_STATE),
    ],
)
def test_sizes_as_measured(size: tuple[int, int], code: int) -> None:
    answer, data = picture(running().vm("vm0"), *size)
    assert answer == code
    assert data is None if code else len(data) == size[0] * size[1] * 2


def test_one_side_beyond_the_screen_has_a_tail_of_zeros() -> None:
    _code, data = picture(running().vm("vm0"), 1024, 800)
    assert data[-1024 * 32 * 2 :] == BLACK * 1024 * 32
    assert data[1024 * 768 * 2 - 2 : 1024 * 768 * 2] == BLUE


def test_no_picture_without_power_and_of_anything_but_settings() -> None:
    machine = host({"state": "off"})
    vm = machine.vm("vm0")
    assert picture(vm, 80, 60) == (INVALID_STATE, None)
    given = {"TargetSystem": vm.reference, "WidthPixels": 80, "HeightPixels": 60}
    assert call(machine, VSMS, "GetVirtualSystemThumbnailImage", **given)[0] == INVALID_PARAMETER


def test_a_client_without_a_display_paints_black() -> None:
    machine = running(os="windows11", display=False)
    assert picture(machine.vm("vm0"), 2, 8) == (0, BLACK * 16)
