"""Msvm_Keyboard, and the picture of a screen: methods of the console of a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE
from ...machine.service import Service
from ..console import CTRL_ALT_DEL, LEFT, Keyboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...machine.service import Call

UNTRANSLATABLE = 1  # Msvm_Keyboard.TypeText docs
LONGEST_TEXT = 512  # characters of ASCII (docs; the code for more: VM-31)


class Keys(Service):
    """Methods answer at once, and 0 says nothing of what reaches the guest (seen on hosts; ASSUMPTIONS VM-31)."""

    CLASSES = ("Msvm_Keyboard",)

    def press_key(self, call: Call) -> int:
        return _typed(call, lambda keyboard: keyboard.press(call["keyCode"]))

    def release_key(self, call: Call) -> int:
        return _typed(call, lambda keyboard: keyboard.release(call["keyCode"]))

    def type_key(self, call: Call) -> int:
        return _typed(call, lambda keyboard: keyboard.type(f"vk {call['keyCode']}"))

    def is_key_pressed(self, call: Call) -> tuple[int, dict[str, Any]]:
        """True for pressed keys, those of either side too (seen on a host; the documentation says otherwise)."""
        vm = call.machine.vm_of(call.row)
        code = call["keyCode"] or 0
        return _typed(call, lambda _keyboard: None), {"keyState": LEFT.get(code, code) in vm.keyboard.held}

    def type_text(self, call: Call) -> int:
        text = call["asciiText"] or ""
        if not text.isascii():
            return UNTRANSLATABLE
        if len(text) > LONGEST_TEXT:
            return INVALID_PARAMETER
        return _typed(call, lambda keyboard: keyboard.type(*(f"text {character}" for character in text)))

    def type_scancodes(self, call: Call) -> int:
        codes = call["Scancodes"]
        if not codes:
            return INVALID_PARAMETER
        return _typed(call, lambda keyboard: keyboard.type_scancodes(codes))

    def type_ctrl_alt_del(self, call: Call) -> int:
        return _typed(call, lambda keyboard: keyboard.type(CTRL_ALT_DEL))


class Pictures(Service):
    CLASSES = ("Msvm_VirtualSystemManagementService",)

    def get_virtual_system_thumbnail_image(self, call: Call) -> tuple[int, dict[str, bytes]]:
        """Of the VSSD of a VM or checkpoint (docs); of a VM without power, and in sizes beyond the screen, 32775."""
        target = call["TargetSystem"]
        row = call.machine.repository.find(target) if target is not None else None
        vm = call.machine.vm_of(row) if row is not None and row.cls.is_a("CIM_VirtualSystemSettingData") else None
        if vm is None:
            return INVALID_PARAMETER, {}
        picture = vm.screen.picture(call["WidthPixels"] or 0, call["HeightPixels"] or 0) if vm.powered else None
        return (INVALID_STATE, {}) if picture is None else (0, {"ImageData": picture})


def _typed(call: Call, act: Callable[[Keyboard], None]) -> int:
    """Only a running VM takes keys."""
    vm = call.machine.vm_of(call.row)
    if vm is None or not vm.running:
        return INVALID_STATE
    act(vm.keyboard)
    return 0
