# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open target: facts that are asked for once, and what an earlier task of the same check would have created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


def target(**more: Any) -> Target:
    return Target("hv01", Client(unreachable), **more)


def asking(asked: list[str], what: str, answer: Any) -> Callable[[], Any]:
    def ask() -> Any:
        asked.append(what)
        return answer

    return ask


@pytest.mark.parametrize("answer", [{"build": 20348}, None, [], 0, ""])
def test_a_fact_is_asked_for_once_in_a_task_whatever_the_answer_is(answer: Any) -> None:
    host, asked = target(), list[str]()
    assert [host.once("build", asking(asked, "build", answer)) for _time in range(3)] == [answer] * 3
    assert host.once("switch", asking(asked, "switch", "Lab")) == "Lab"
    assert asked == ["build", "switch"]


def test_targets_share_no_facts() -> None:
    asked: list[str] = []
    for number in (1, 2):
        assert target().once("build", asking(asked, "build", number)) == number
    assert asked == ["build", "build"]


def test_a_fact_that_could_not_be_asked_for_is_asked_for_again() -> None:
    def fail() -> Any:
        raise ValueError("no answer")

    host = target()
    with pytest.raises(ValueError, match="no answer"):
        host.once("build", fail)
    assert host.once("build", lambda: 20348) == 20348
