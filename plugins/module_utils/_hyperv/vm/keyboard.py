# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typing on the keyboard of a VM (Msvm_Keyboard).

A host answers 0 whether or not a key reaches the guest. It loses keys that come too fast, several characters in one
TypeScancodes, and a character right after the release of modifiers (hashicorp/packer#5291, alissonsol/yuruna).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from ..._task.errors import Invalid, MethodFailed, Missing, Unanswered
from ..._task.journal import may_have_written, sending, wrote
from ..._task.session import Target
from ..._wsman import cim
from ..._wsman.faults import HostError, WSManError, may_have_run
from .. import jobs
from ..octets import with_octets
from ..schema import KEYBOARD
from . import guest, scancodes
from .find import OFF, PAUSED, RUNNING, SAVED, VM, fetch_again

PAUSE = 0.03  # seconds after each key
_AFTER_RELEASES = 0.2
_LONGEST = 512  # characters of one TypeText
_TYPED_AS_KEYS = {"\n": "enter", "\t": "tab"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

OPTIONS: dict[str, Any] = {
    "text": {"type": "str", "no_log": True},
    "layout": {"type": "str", "choices": list(scancodes.LAYOUTS)},
    "keys": {"type": "list", "elements": "str", "no_log": False},
    "scancodes": {"type": "list", "elements": "str"},
    "ctrl_alt_del": {"type": "bool", "default": False},
    "repeat": {
        "type": "dict",
        "options": {
            "every": {"type": "float", "default": 1},
            "for": {"type": "float", "default": 8},
            "max_uptime": {"type": "int", "default": 30},
        },
    },
}


class Call(NamedTuple):
    """One method call of the keyboard, and how many keys of the task it types."""

    method: str
    arguments: Mapping[str, Any]
    keys: int = 1
    pause: float = PAUSE


class Repeat(NamedTuple):
    """Seconds between two rounds, seconds for all of them, and the uptime in seconds from which none begins."""

    every: float
    duration: float
    max_uptime: float


class Wanted(NamedTuple):
    """The calls that type what the task says, in their order."""

    calls: tuple[Call, ...]
    repeat: Repeat | None
    described: Mapping[str, Any]  # for the diff, without the text

    @property
    def keys(self) -> int:
        return sum(call.keys for call in self.calls)


_RELEASE = Call("TypeScancodes", {"Scancodes": scancodes.RELEASES}, 0, _AFTER_RELEASES)


# ---- options ----


def parse(params: Mapping[str, Any]) -> Wanted:
    """What the options type: Ctrl+Alt+Del, the text, the keys, the scan codes. Raises Invalid."""
    text, codes = params["text"], params["scancodes"]
    if text == "":
        raise Invalid("is empty; write the text to type, or omit it", option="text")
    keys = [scancodes.normalized(name) for name in params["keys"] or ()]
    if not (text or keys or codes or params["ctrl_alt_del"]):
        raise Invalid("nothing to type: set text, keys, scancodes or ctrl_alt_del", option="keys")
    calls = [Call("TypeCtrlAltDel", {})] if params["ctrl_alt_del"] else []
    calls += _text_calls(text or "", params["layout"])
    calls += [call for name in keys for call in _key_calls(scancodes.parse_key(name))]
    calls += [Call("TypeScancodes", {"Scancodes": scancodes.parse_codes(entry)}) for entry in codes or ()]
    shown = {"ctrl_alt_del": params["ctrl_alt_del"], "keys": keys, "scancodes": codes}
    described: dict[str, Any] = {name: value for name, value in shown.items() if value}
    if text:
        described["text"] = f"{len(_lines(text))} characters"
    return Wanted(tuple(calls), _parse_repeat(params["repeat"]), described)


def _parse_repeat(options: Mapping[str, Any] | None) -> Repeat | None:
    if options is None:
        return None
    for name, least in (("every", 0.1), ("for", 0), ("max_uptime", 0)):
        if options[name] < least:
            raise Invalid(f"{options[name]} is below {least}; choose a number of seconds", option=f"repeat.{name}")
    return Repeat(options["every"], options["for"], options["max_uptime"])


def _lines(text: str) -> str:
    """The text with the line ends that are typed."""
    return text.replace("\r\n", "\n")


def _text_calls(text: str, layout: str | None) -> list[Call]:
    """Errors name the position of a character and not the character, because a text may be a password."""
    checked, text = text.replace("\r\n", " \n"), _lines(text)  # of the same length, for the positions
    _check_characters(
        checked,
        lambda character: character in _TYPED_AS_KEYS or not _CONTROL.match(character),
        "is a control character, of which only a tab and the line ends \\n and \\r\\n are typed. Set 'keys' for others",
    )
    if layout:
        known = scancodes.LAYOUTS[layout]
        _check_characters(checked, lambda character: character in known, f"has no key in the layout {layout}")
        calls = []
        for character in text:
            presses = [Call("TypeScancodes", {"Scancodes": codes}, 0) for codes in known[character]]
            calls += [*presses[:-1], presses[-1]._replace(keys=1)]
        return calls
    _check_characters(
        checked,
        lambda character: character in _TYPED_AS_KEYS or " " <= character <= "~",
        "is not a printable ASCII character, which is what hosts type by themselves. Set 'layout'",
    )
    return list(_ascii_calls(text))


def _check_characters(text: str, is_known: Callable[[str], bool], otherwise: str) -> None:
    unknown = [str(number) for number, character in enumerate(text, 1) if not is_known(character)]
    if unknown:
        raise Invalid(f"character {unknown[0]} of the text {otherwise}", option="text", positions=unknown)


def _ascii_calls(text: str) -> Iterator[Call]:
    part = ""
    for character in (*text, ""):
        if part and (character in (*_TYPED_AS_KEYS, "") or len(part) == _LONGEST):
            yield Call("TypeText", {"asciiText": part}, len(part))
            part = ""
        if character in _TYPED_AS_KEYS:
            yield from _key_calls(scancodes.parse_key(_TYPED_AS_KEYS[character]))
        else:
            part += character


def _key_calls(key: scancodes.Combination) -> list[Call]:
    press = [Call("PressKey", {"keyCode": code}, 0) for code in key.held]
    release = [Call("ReleaseKey", {"keyCode": code}, 0) for code in reversed(key.held)]
    return [*press, Call("TypeKey", {"keyCode": key.key}), *release]


# ---- typing ----


Keyboard: TypeAlias = "Mapping[str, str] | None"


def query_keys(host: Target, vm: VM) -> Keyboard:
    """The key properties of the VM's keyboard; None if the host shows none, as it may for a VM that is off."""
    rows = host.client.query(KEYBOARD, tuple(KEYBOARD.properties), f"SystemName = {cim.quote(vm.id)}")
    return {name: rows[0][name] for name in KEYBOARD.keys} if rows else None


def has_booted(host: Target, vm: VM, repeat: Repeat) -> bool:
    """Whether the prompt that repeated keys are for has passed: the VM runs for longer, or its guest answers."""
    if vm.state != RUNNING:
        return False
    if guest.query_heartbeat(host, vm) is not None:
        return True
    uptime = vm.uptime // 1000
    if not repeat.max_uptime or uptime <= repeat.max_uptime:
        return False
    host.warn(
        f"{host.name}: nothing is typed, because {vm} has been running for {uptime} s, longer than repeat.max_uptime. "
        "If it has missed the prompt of its boot, turn it off and run the task again"
    )
    return True


def type_keys(host: Target, vm: VM, keyboard: Keyboard, wanted: Wanted) -> int:
    """Type everything, once or repeatedly; the number of rounds. An error says how many keys had been typed."""
    if wanted.repeat:
        return _type_repeatedly(host, vm, keyboard, wanted, wanted.repeat)
    keyboard = keyboard or _need_keys(host, vm)
    _release_all(host, vm, keyboard, wanted)
    _type(host, vm, keyboard, wanted)
    return 1


def _type_repeatedly(host: Target, vm: VM, keyboard: Keyboard, wanted: Wanted, repeat: Repeat) -> int:
    """What the host refuses while the VM starts is tried again in the next round; if it took none, that is an error."""
    began, rounds, released = time.monotonic(), 0, False
    failure: HostError = Missing(f"the host shows no keyboard of {vm}", vm=vm.name)
    while True:
        try:
            keyboard = keyboard or _need_keys(host, vm)
            if not released:
                released = True
                _release_all(host, vm, keyboard, wanted)
            _type(host, vm, keyboard, wanted)
            rounds += 1
        except (MethodFailed, Missing, Unanswered, WSManError) as error:
            failure = error
        if time.monotonic() - began + repeat.every > repeat.duration or _is_over(host, vm):
            break
        time.sleep(repeat.every)
    if not rounds:
        raise failure
    return rounds


def _is_over(host: Target, vm: VM) -> bool:
    """Whether there is nobody to type for any more: the guest answers, or the VM has stopped."""
    try:
        return fetch_again(host, vm).state in (OFF, SAVED, PAUSED) or guest.query_heartbeat(host, vm) is not None
    except WSManError:
        return False


def _need_keys(host: Target, vm: VM) -> Mapping[str, str]:
    keyboard = query_keys(host, vm)
    if keyboard is None:
        raise Missing(f"the host shows no keyboard of {vm}; see that it runs, and run the task again", vm=vm.name)
    return keyboard


def _release_all(host: Target, vm: VM, keyboard: Mapping[str, str], wanted: Wanted) -> None:
    """Release modifiers that an earlier task or person left held. It is harmless, so its failure counts for nothing."""
    if all(call.method == "TypeCtrlAltDel" for call in wanted.calls):
        return
    with suppress(MethodFailed, WSManError):
        _ask(host, keyboard, _RELEASE, _what(vm))
    time.sleep(_RELEASE.pause)


def _type(host: Target, vm: VM, keyboard: Mapping[str, str], wanted: Wanted) -> None:
    done, held = 0, set[int]()
    try:
        for call in wanted.calls:
            _send(host, vm, keyboard, call)
            if call.method == "PressKey":
                held.add(call.arguments["keyCode"])
            elif call.method == "ReleaseKey":
                held.discard(call.arguments["keyCode"])
            done += call.keys
            time.sleep(call.pause)
    except HostError as error:
        for code in held:
            with suppress(HostError):
                _ask(host, keyboard, Call("ReleaseKey", {"keyCode": code}), _what(vm))
        if done:
            wrote(f"{_what(vm)} ({done} of {wanted.keys} keys)")
            error.message = f"{error.message.rstrip('.')}. {done} of {wanted.keys} keys had been typed before"
        raise


def _send(host: Target, vm: VM, keyboard: Mapping[str, str], call: Call) -> None:
    """One call, which is never repeated: nobody can see whether a key was typed."""
    what = _what(vm)
    try:
        _ask(host, keyboard, call, what)
    except MethodFailed as error:
        if jobs.refused(error):
            error.message = f"{error.message}. A VM takes keys only while it runs"
        raise
    except WSManError as error:
        if not may_have_run(error):
            error.message = f"could not {what}: {error.message}"
            raise
        may_have_written(what)
        text = f"could not learn how this ended: {what}. {error.message.rstrip('.')}. The key may have been typed"
        raise Unanswered(
            f"{text}. Look at the screen with vm_screenshot before you type again", **error.details
        ) from error


def _ask(host: Target, keyboard: Mapping[str, str], call: Call, what: str) -> None:
    def send(arguments: Mapping[str, Any]) -> None:
        with sending(what):
            jobs.ask(host, KEYBOARD, call.method, arguments, keys=keyboard, what=what)

    if "Scancodes" in call.arguments:
        with_octets(host, call.arguments["Scancodes"], lambda octets: send({"Scancodes": octets}))
    else:
        send(call.arguments)


def _what(vm: VM) -> str:
    return f"type on the keyboard of {vm}"
