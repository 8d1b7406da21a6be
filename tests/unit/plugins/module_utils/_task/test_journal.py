"""The journal of a step: which writes count as done, and which were taken back."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed
from ansible_collections.nested.hyperv.plugins.module_utils._task.journal import position, recording, taken_back, wrote


def fail() -> None:
    raise MethodFailed("access denied")


def fail_after(write: str) -> None:
    wrote(write)
    raise MethodFailed("the disk is full")


def test_writes_are_recorded_in_their_order_and_only_inside() -> None:
    wrote("before")
    with recording() as writes:
        wrote("a")
        wrote("b")
    wrote("after")
    assert writes.done == ["a", "b"]


def test_each_step_has_a_journal_of_its_own() -> None:
    with recording() as outer:
        wrote("a")
        with recording() as inner:
            wrote("b")
            assert position() == 1
        wrote("c")
    assert (outer.done, inner.done) == (["a", "c"], ["b"])


@pytest.mark.parametrize("before", [[], ["a"], ["a", "b"]], ids=str)
def test_only_the_writes_of_the_failed_work_are_taken_back(before: list[str]) -> None:
    with recording() as writes:
        for write in before:
            wrote(write)
        with pytest.raises(MethodFailed, match=r"^the disk is full$"), taken_back(lambda: None, "it stays"):
            fail_after("c")
    assert writes.done == before


def test_writes_since_a_position_are_taken_back_and_those_before_it_count() -> None:
    with recording() as writes:
        wrote("a")
        since = position()
        wrote("b")
        with pytest.raises(MethodFailed), taken_back(lambda: None, "it stays", since):
            fail_after("c")
    assert writes.done == ["a"]


def test_writes_that_can_not_be_taken_back_count() -> None:
    with recording() as writes, pytest.raises(MethodFailed) as caught, taken_back(fail, "the drive stays empty"):
        fail_after("a")
    assert writes.done == ["a"]
    assert caught.value.message == "the disk is full; and the drive stays empty: access denied"


def test_work_that_succeeds_is_not_undone() -> None:
    with recording() as writes, taken_back(fail, "it stays"):
        wrote("a")
    assert writes.done == ["a"]


def test_outside_of_a_step_work_is_undone_without_a_journal() -> None:
    undone: list[str] = []
    with pytest.raises(MethodFailed, match=r"^the disk is full$"), taken_back(lambda: undone.append("a"), "it stays"):
        fail_after("a")
    assert undone == ["a"]
    assert position() == 0
