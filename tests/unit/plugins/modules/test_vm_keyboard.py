"""The vm_keyboard module: keys that reach a guest, one at a time, and the prompt of a DVD."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule

HOST = {
    "name": "hv01",
    "vms": [
        {"name": "off01", "guest": {"boot_seconds": 60}},
        {"name": "win01", "state": "running", "guest": {"boot_seconds": 0}},
        {"name": "fast01", "guest": {"boot_seconds": 3}},
        {"name": "saved01", "state": "saved"},
    ],
}
MODEL = {"hosts": [HOST]}


def typed(lab: Lab, vm: str = "win01") -> list[str]:
    return [key.what for key in lab.vm(vm).keyboard.typed]


def types(lab: Lab, **args: Any) -> list[str]:
    """The keys that reach win01, of which none is lost; check mode says the same and sends nothing."""
    args = {"vm": "win01", **args}
    check = lab.succeeds("vm_keyboard", check=True, **args)
    assert (check["changed"], lab.writes, typed(lab)) == (True, [], [])
    real = lab.succeeds("vm_keyboard", **args)
    assert {**check, "rounds": 1} == real
    assert lab.vm("win01").keyboard.lost == []
    assert not lab.vm("win01").keyboard.held
    return typed(lab)


def test_text_and_keys_in_their_order(lab: Lab) -> None:
    keys = types(lab, text="ab\tC\n", keys=["f8", "ctrl+alt+f1"], ctrl_alt_del=True)
    assert keys == [
        *("ctrl+alt+del", "text a", "text b", "vk 9", "text C", "vk 13"),
        *("vk 119", "vk 162", "vk 164", "vk 112"),
    ]


def test_a_long_text_goes_in_parts_that_hosts_take(lab: Lab) -> None:
    assert types(lab, text="x" * 1100) == ["text x"] * 1100
    assert [entry.method for entry in lab.requests].count("TypeText") == 3


@pytest.mark.parametrize(
    ("layout", "text", "codes"),
    [
        ("en-US", "aA/\n", ["1E", "1E", "35", "1C"]),
        ("de-DE", "zy-/", ["15", "2C", "35", "08"]),
        ("de-DE", "@ß€{^", ["10", "0C", "12", "08", "29", "39"]),
    ],
)
def test_layouts_of_guests(lab: Lab, layout: str, text: str, codes: list[str]) -> None:
    assert types(lab, text=text, layout=layout) == codes


@pytest.mark.parametrize("layout", [None, "en-US", "de-DE"])
def test_line_ends_of_windows_are_one_key(lab: Lab, layout: str | None) -> None:
    result = lab.succeeds("vm_keyboard", vm="win01", text="a\r\nb\n", layout=layout)
    expected = ["1E", "1C", "30", "1C"] if layout else ["text a", "vk 13", "text b", "vk 13"]
    assert (typed(lab), result["keys_typed"]) == (expected, 4)
    assert result["diff"]["after"] == {"typed": {"text": "4 characters"}}


@pytest.mark.parametrize("layout", [None, "de-DE"])
@pytest.mark.parametrize("text", ["a\r\nb\rc", "a\r\nb\x1b", "a\r\nb\x7f"])
def test_other_control_characters_are_refused(shared_lab: Lab, layout: str | None, text: str) -> None:
    result = shared_lab.refuses("vm_keyboard", "text: ", "character 5", "\\r\\n", vm="win01", text=text, layout=layout)
    assert "Set 'layout'" not in result["msg"]


def test_the_diff_shows_the_keys_that_are_pressed(lab: Lab) -> None:
    result = lab.succeeds("vm_keyboard", vm="win01", keys=["A", "Ctrl+C", "shift+a"])
    assert result["diff"]["after"] == {"typed": {"keys": ["a", "ctrl+c", "shift+a"]}}
    assert typed(lab) == ["vk 65", "vk 162", "vk 67", "vk 160", "vk 65"]


def test_scan_codes(lab: Lab) -> None:
    assert types(lab, scancodes=["e0 5b e0 db", "2a 1e 9e aa"]) == ["E05B", "1E"]


@pytest.mark.parametrize("shape", ["elements", "base64"])
def test_hosts_take_scan_codes_in_either_shape(shape: str) -> None:
    with open_lab({"hosts": [{**HOST, "winrm": {"byte_arrays": shape}}]}) as lab:
        assert types(lab, scancodes=["1c 9c", "1e 9e"]) == ["1C", "1E"]
        calls = [entry for entry in lab.requests if entry.method == "TypeScancodes"]
        assert len(calls) == (3 if shape == "elements" else 4), "the shape is learnt once"


def test_modifiers_that_somebody_left_are_released(lab: Lab) -> None:
    lab.vm("win01").keyboard.press(16)
    lab.vm("win01").keyboard.typed.clear()
    lab.sim.advance(1)
    lab.vm("win01").keyboard.held = {0x2A}
    assert types(lab, keys=["a"]) == ["vk 65"]


def test_the_text_is_nowhere_in_the_result(lab: Lab) -> None:
    result = lab.succeeds("vm_keyboard", vm="win01", text="Geheim!1")
    assert "Geheim" not in repr(result)
    assert result["diff"]["after"] == {"typed": {"text": "8 characters"}}
    for text, layout in (("Geheimß", None), ("Geheimя", "de-DE")):
        result = lab.refuses("vm_keyboard", "text: ", "character 7", vm="win01", text=text, layout=layout)
        assert "Geheim" not in repr(result)
        assert text[-1] not in repr(result)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, ["keys: ", "nothing to type"]),
        ({"text": ""}, ["text: ", "empty"]),
        ({"keys": ["entr"]}, ["keys: ", "'entr' is not a key", "enter"]),
        ({"keys": ["a+b"]}, ["keys: ", "'a+b'"]),
        ({"keys": ["/"]}, ["keys: ", "'/' is not a key", "typed with 'text'"]),
        ({"scancodes": ["1c zz"]}, ["scancodes: ", "hexadecimal"]),
        ({"scancodes": ["1e 9e 30 b0"]}, ["scancodes: ", "its own entry"]),
        ({"scancodes": ["e0"]}, ["scancodes: "]),
        ({"keys": ["a"], "repeat": {"every": 0}}, ["repeat.every: "]),
        ({"keys": ["a"], "repeat": {"for": -1}}, ["repeat.for: "]),
        ({"keys": ["a"], "vm": "none"}, ["vm: ", "no VM"]),
        ({"keys": ["a"], "vm": "off01"}, ["start: ", "is off", "start: true"]),
        ({"keys": ["a"], "vm": "saved01", "start": True}, ["start: ", "is saved", "Resume"]),
    ],
)
def test_refusals(shared_lab: Lab, args: dict[str, Any], words: list[str]) -> None:
    shared_lab.refuses("vm_keyboard", *words, **{"vm": "win01", **args})


BOOT = {"vm": "off01", "start": True, "keys": ["enter"], "repeat": {"every": 1, "for": 5}}


def test_keys_are_repeated_while_a_vm_boots(lab: Lab) -> None:
    check = lab.succeeds("vm_keyboard", check=True, **BOOT)
    assert (check["changed"], lab.writes) == (True, [])
    result = lab.succeeds("vm_keyboard", **BOOT)
    keyboard = lab.vm("off01").keyboard
    assert set(typed(lab, "off01")) == {"vk 13"}
    assert result["rounds"] == len(keyboard.typed)
    assert result["rounds"] in (5, 6)
    assert not keyboard.lost
    pauses = [
        (later.when - key.when).total_seconds()
        for key, later in zip(keyboard.typed[:-1], keyboard.typed[1:], strict=True)
    ]
    assert all(1 <= pause < 1.2 for pause in pauses)


def test_nothing_is_typed_once_the_prompt_has_passed(lab: Lab) -> None:
    lab.succeeds("vm_keyboard", **BOOT)
    lab.sim.advance(40)
    before = typed(lab, "off01")
    assert lab.leaves_alone("vm_keyboard", **BOOT)["keys_typed"] == 0
    assert typed(lab, "off01") == before
    assert lab.succeeds("vm_keyboard", **{**BOOT, "repeat": {"for": 0, "max_uptime": 0}})["rounds"] == 1
    lab.sim.advance(40)
    lab.leaves_alone("vm_keyboard", **{**BOOT, "repeat": {"max_uptime": 0}})


def test_typing_ends_when_the_guest_answers(lab: Lab) -> None:
    result = lab.succeeds("vm_keyboard", **{**BOOT, "vm": "fast01", "repeat": {"every": 1, "for": 30}})
    assert 3 <= result["rounds"] <= 5


def test_refusals_while_a_vm_starts_are_tried_again(lab: Lab) -> None:
    for at in (1, 2):
        lab.sim.faults.add(Rule(do="fault", fault="InternalError", method="TypeKey", at=at))
    result = lab.succeeds("vm_keyboard", **BOOT)
    assert result["rounds"] == len(typed(lab, "off01")) >= 3


def test_a_host_that_takes_no_key_at_all_is_an_error(lab: Lab) -> None:
    lab.sim.faults.add(Rule(do="fault", fault="InternalError", method="TypeKey", times=100))
    result = lab.fails("vm_keyboard", "type on the keyboard", **BOOT)
    assert result["completed"] == ["start VM 'off01'"]
    assert result["changed"] is True


def test_a_key_whose_answer_is_lost_is_not_typed_again(lab: Lab) -> None:
    lab.sim.faults.add(Rule(do="lose", method="TypeKey", at=2))
    result = lab.fails("vm_keyboard", "may have been typed", "vm_screenshot", vm="win01", keys=["a", "b", "c"])
    assert typed(lab) == ["vk 65", "vk 66"]
    assert result["changed"] is True
    assert result["uncertain"] == ["type on the keyboard of VM 'win01'"]
    assert "1 of 3 keys" in result["msg"]


def test_held_keys_are_released_when_a_combination_fails(lab: Lab) -> None:
    lab.sim.faults.add(Rule(do="fault", fault="InternalError", method="TypeKey"))
    lab.fails("vm_keyboard", vm="win01", keys=["ctrl+c"])
    assert not lab.vm("win01").keyboard.held


def test_a_german_host() -> None:
    with open_lab({"hosts": [{**HOST, "locale": "de-DE"}]}) as lab:
        assert types(lab, keys=["enter"]) == ["vk 13"]
