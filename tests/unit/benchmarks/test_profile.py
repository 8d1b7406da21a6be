# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the profile of a task counts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from ansible_collections.nested.hyperv.tests.benchmarks import profile

UPPER = """
from profiled_lower import double, numbers

def alone():
    return sum(number for number in [1, 2])

def twice():
    return [double(number) for number in (1, 2)]

def borrowed():
    return sorted([2, 1], key=double)

def alternating():
    return double(1) + alone() + double(2)

def generator():
    return list(numbers())
"""
LOWER = """
def double(number):
    return (lambda value: 2 * value)(number)

def numbers():
    yield 1
    yield 2
"""


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("alone", (1, 1, 0)),
        ("twice", (2, 2, 2)),  # two calls in a row are one move to the file and one back
        ("borrowed", (2, 2, 2)),  # sorted() calls the function of the other file
        ("alternating", (2, 3, 4)),
        ("generator", (2, 2, 2)),
    ],
)
def test_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, expected: tuple[int, int, int]) -> None:
    (tmp_path / "profiled_upper.py").write_text(UPPER)
    (tmp_path / "profiled_lower.py").write_text(LOWER)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("profiled_upper", "profiled_lower"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("profiled_upper")
    events = profile.trace(getattr(module, function), tmp_path)
    assert profile.count("flow", events) == ("flow", *expected)


def test_every_flow_runs_in_more_than_one_file_of_the_collection() -> None:
    rows = profile.measure()
    assert [row.flow for row in rows] == list(profile.FLOWS)
    assert all(1 < row.files < row.functions < row.moves for row in rows)


def test_a_task_that_fails_ends_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "FLOWS", {"a flow": ("vm_memory", {"name": "nowhere", "startup": "4GB"})})
    with pytest.raises(SystemExit, match=r"a flow: hv01: .*nowhere"):
        profile.measure()
