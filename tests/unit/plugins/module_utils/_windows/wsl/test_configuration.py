# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of .wslconfig: what is read from it as WSL reads it, and that nothing else of it changes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._windows.wsl import configuration

MINE = (
    '# mine\r\n[WSL2]\r\nmemory = 4GB  # half of it\r\nkernel=C:\\\\a\\\\b \\\r\n  c\r\nkernelCommandLine="a # b"\r\n'
    "\r\nnot a setting\r\n[other]\r\nx=1\r\n"
)
TEXTS = ["", "\r\n\r\n", "[wsl2]", "[wsl2]\nmemory=1GB", "\ufeff[wsl2]\r\n", "x=1\n[general]\n[wsl2]\n# end\n", MINE]
WANTED: list[dict[str, Any]] = [
    {"wsl2": {"nestedVirtualization": False}},
    {"wsl2": {"memory": "8GB", "kernel": None}, "general": {"instanceIdleTimeout": 15000}},
    {"wsl2": {"kernel": r"C:\kernels\a b#1 ", "swap": 0}, "experimental": {"sparseVhd": True}},
]


def test_values_as_wsl_reads_them() -> None:
    assert configuration.values(MINE) == {
        "WSL2": {"memory": "4GB", "kernel": r"C:\a\b   c", "kernelCommandLine": "a # b"},
        "other": {"x": "1"},
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("memory=4GB", "4GB"),
        ("  MEMORY  =  4GB\t# comment", "4GB"),
        ('memory=" 4GB "', " 4GB "),
        (r"memory=a\\b\"c\n", 'a\\b"c\n'),
        ("memory=", ""),
    ],
)
def test_a_value(line: str, value: str) -> None:
    assert configuration.value(f"[wsl2]\n{line}\n", "WSL2", "memory") == value


def test_the_first_of_two_values_counts() -> None:
    text = "[wsl2]\nmemory=1GB\n[other]\n[wsl2]\nMemory=2GB\n"
    assert configuration.value(text, "wsl2", "memory") == "1GB"
    assert configuration.merged(text, {"wsl2": {"memory": "3GB"}}) == text.replace("1GB", "3GB")
    assert configuration.merged(text, {"wsl2": {"memory": None}}) == "[wsl2]\n[other]\n[wsl2]\n"


@pytest.mark.parametrize(("text", "given"), list(itertools.product(TEXTS, WANTED)))
def test_wanted_values_are_read_back_and_all_other_lines_stay(text: str, given: dict[str, Any]) -> None:
    wanted = configuration.parse(given)
    after = configuration.merged(text, wanted)
    for section, keys in wanted.items():
        for key, value in keys.items():
            assert configuration.value(after, section, key) == value
    assert configuration.differing(after, wanted) == {}
    assert configuration.merged(after, wanted) == after
    names = {key.lower() for keys in wanted.values() for key in keys}
    kept = [line for line in text.split("\n") if line.strip() and line.partition("=")[0].strip().lower() not in names]
    if "kernel" in names:
        kept = [line for line in kept if line.strip() != "c"]  # the second line of the value
    assert [line for line in kept if line.rstrip("\r") not in after] == []


def test_a_changed_value_stays_where_it_is_with_its_comment() -> None:
    after = configuration.merged(MINE, {"wsl2": {"memory": "8GB"}})
    assert after == MINE.replace("memory = 4GB  #", "memory=8GB  #")


def test_a_new_value_comes_behind_the_others_of_its_section() -> None:
    after = configuration.merged("[wsl2]\nmemory=1GB\n\n[other]\nx=1\n", {"wsl2": {"swap": "0"}})
    assert after == "[wsl2]\nmemory=1GB\nswap=0\n\n[other]\nx=1\n"


def test_truth_values_have_no_case() -> None:
    assert configuration.differing("[wsl2]\na=FALSE\nb=X\n", {"wsl2": {"a": "false", "b": "x"}}) == {
        "wsl2": {"b": ("X", "x")}
    }


@pytest.mark.parametrize(
    ("given", "option", "words"),
    [
        ({"wsl2": "memory=4GB"}, "config", "'wsl2' is not a section with keys"),
        ({"wsl 2": {"memory": 1}}, "config", "'wsl 2' is not a name of WSL"),
        ({"wsl2": {"memory]\nx": 1}}, "config", "is not a name of WSL"),
        ({"wsl2": {"memory": ["4GB"]}}, "config", "'memory' in the section 'wsl2' is not a single value"),
    ],
)
def test_what_is_no_setting(given: dict[str, Any], option: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        configuration.parse(given)
    assert caught.value.option == option
