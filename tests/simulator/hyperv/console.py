"""The console of a VM: the keys that reach its guest, and the picture on its screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .vm import Vm

# Keys that follow each other faster are lost, although the host answers 0 (hashicorp/packer#5291, alissonsol/yuruna).
PAUSE = 0.02
AFTER_RELEASES = 0.1  # a key that follows a burst of releases is swallowed (alissonsol/yuruna; how long: VM-31)
# PS/2 scan codes, set 1: a break code is the make code with this bit; one of these prefixes belongs to the next byte.
BREAK, PREFIXES = 0x80, (0xE0, 0xE1)
MODIFIERS = {0x1D, 0x2A, 0x36, 0x38, 0xE01D, 0xE038, 0xE05B, 0xE05C}  # Ctrl, Shift, Alt and Windows keys
# Virtual keys of either side are those of the left (Msvm_Keyboard docs): Shift, Ctrl, Alt.
LEFT = {16: 160, 17: 162, 18: 164}
CTRL_ALT_DEL = "ctrl+alt+del"

TEXT_MODE, GRAPHICS = (720, 400), (1024, 768)
# Pixels of RGB565 in little-endian words: grey, blue, white and black.
GREY, BLUE, WHITE, BLACK = b"\x10\x84", b"\x1f\x00", b"\xff\xff", b"\x00\x00"
BAND = 8  # the top eighth of the picture is white


@dataclass(frozen=True)
class Key:
    """A key and when it was typed: `vk 13` (virtual key), `1C` (scan code), `text a`, or CTRL_ALT_DEL."""

    when: datetime
    what: str


class Keyboard:
    """`typed` has reached the guest, `lost` has not, though the host said so; a watcher gets each typed key at once."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.typed: list[Key] = []
        self.lost: list[Key] = []
        self.held: set[int] = set()  # virtual keys and scan codes
        self.watchers: list[Callable[[Key], None]] = []
        self._free_at = float("-inf")

    def type(self, *keys: str) -> None:
        """Keys of one call, which the host delivers one after the other."""
        clock = self.vm.machine.clock
        arrives = clock.seconds() >= self._free_at
        for what in keys:
            key = Key(clock.now(), what)
            (self.typed if arrives else self.lost).append(key)
            if arrives:
                for watcher in tuple(self.watchers):
                    watcher(key)
        self._pause(PAUSE)

    def press(self, code: int) -> None:
        self.held.add(LEFT.get(code, code))
        self.type(f"vk {code}")

    def release(self, code: int) -> None:
        self.held.discard(LEFT.get(code, code))
        self._pause(PAUSE)

    def type_scancodes(self, codes: list[int]) -> None:
        """One character at most: more of them in one call arrive as nothing (alissonsol/yuruna)."""
        makes: list[str] = []
        modifiers: list[str] = []
        only_releases = all(is_break for _code, is_break in events(codes))
        for code, is_break in events(codes):
            if is_break:
                self.held.discard(code)
            elif code in MODIFIERS:
                self.held.add(code)
                modifiers.append(f"{code:02X}")
            else:
                makes.append(f"{code:02X}")
        if len(makes) <= 1 and not only_releases:
            self.type(*(makes or modifiers))
        elif makes:
            now = self.vm.machine.clock.now()
            self.lost += [Key(now, what) for what in makes]
            self._pause(PAUSE)
        else:
            self._pause(AFTER_RELEASES)

    def without_power(self) -> None:
        self.held.clear()

    def _pause(self, seconds: float) -> None:
        self._free_at = self.vm.machine.clock.seconds() + seconds


def events(codes: list[int]) -> Iterator[tuple[int, bool]]:
    """Code (with its prefix) and whether it is a break, of each event in a sequence of scan codes."""
    prefix = 0
    for code in codes:
        if code in PREFIXES:
            prefix = code << 8
            continue
        yield prefix | (code & ~BREAK), bool(code & BREAK)
        prefix = 0


class Screen:
    """`colour` fills the picture; by default blue until the guest has booted, then grey."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.colour: bytes | None = None

    @property
    def synthetic(self) -> bool:
        """The synthetic controller shows the picture: in generation 1 once the driver of the guest has taken over."""
        guest = self.vm.guest
        return self.vm.generation == 2 or (guest.booted and bool(guest.spec["integration_services"]))

    @property
    def size(self) -> tuple[int, int]:
        return GRAPHICS if self.synthetic else TEXT_MODE

    def picture(self, width: int, height: int) -> bytes | None:
        """The picture in RGB565, top down, or None if the host has none of this size.

        Of the sizes measured on a Windows host, those with both sides beyond the screen and 0 x 0 are refused; with one
        side beyond it, the rest is zeros. A client without an active display paints black (alissonsol/yuruna).
        """
        across, down = self.size
        if not width or not height or (width > across and height > down):
            return None
        if not self.vm.machine.options["display"]:
            return BLACK * (width * height)
        shown = min(width, across) * min(height, down)
        band = min(width, across) * max(1, min(height, down) // BAND)
        colour = self.colour or (GREY if self.vm.guest.booted else BLUE)
        return WHITE * band + colour * (shown - band) + BLACK * (width * height - shown)
