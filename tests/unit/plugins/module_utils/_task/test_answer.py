"""Writes whose answer is lost: what a look at the target decides, and what is reported if it decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.answer import answer_of, insist
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed, Unanswered
from ansible_collections.nested.hyperv.plugins.module_utils._task.journal import (
    Writes,
    has_ended,
    recording,
    taken_back,
)
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import (
    AccessDenied,
    BadAnswer,
    ConnectionFailed,
    FaultParts,
    HostBusy,
    HostError,
    OperationTimeout,
)

LOST = ConnectionFailed("The connection broke.")
OUTPUT = {"ResultingSystem": "it"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[Callable[[], float]]:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += max(0.001, seconds)

    def time_now() -> float:
        return now

    with mock.patch("time.sleep", sleep), mock.patch("time.monotonic", time_now):
        yield time_now


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


def answer(write: Any, looks: list[Any] | None, working: bool = False) -> tuple[Any, Writes, int]:
    """The output or the error of a write, what was recorded, and how often it was looked; the last look repeats."""
    count = 0

    def give(result: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result() if callable(result) else result

    def look() -> Any:
        nonlocal count
        count += 1
        return give(looks[min(count, len(looks)) - 1])

    target = Target("hv01", Client(unreachable))
    with recording() as writes:
        try:
            output = answer_of(
                target, "set it", lambda: give(write), look if looks is not None else None, lambda: working
            )
        except (HostError, KeyboardInterrupt) as error:
            output = error
    return output, writes, count


def test_an_answer_needs_no_look() -> None:
    assert answer(OUTPUT, [None]) == (OUTPUT, Writes(["set it"], []), 0)


@pytest.mark.parametrize(
    "error", [HostBusy("busy"), ConnectionFailed("refused", sent=False), AccessDenied(FaultParts())]
)
def test_a_write_that_did_not_run_fails_as_it_does_and_names_itself(error: HostError) -> None:
    output, writes, looks = answer(error, [OUTPUT])
    assert (output, writes, looks) == (error, Writes([], []), 0)
    assert error.message.startswith("could not set it: ")


@pytest.mark.parametrize("lost", [LOST, BadAnswer("damaged"), OperationTimeout("late"), Unanswered("its job is gone")])
@pytest.mark.parametrize("looks", [[OUTPUT], [None, None, OUTPUT], [LOST, ConnectionFailed("x", sent=False), OUTPUT]])
def test_a_write_that_shows_was_done(lost: HostError, looks: list[Any]) -> None:
    assert answer(lost, looks) == (OUTPUT, Writes(["set it"], []), len(looks))


@pytest.mark.parametrize("lost", [LOST, BadAnswer("damaged")])
def test_a_write_that_does_not_show_was_not_done(lost: HostError, clock: Callable[[], float]) -> None:
    error, writes, _looks = answer(lost, [None])
    assert isinstance(error, MethodFailed)
    assert not isinstance(error, Unanswered)
    assert error.message.startswith("could not set it: ")
    assert "was not done" in error.message
    assert writes == Writes([], [])
    assert 10 <= clock() <= 15


@pytest.mark.parametrize(
    ("lost", "looks", "working"),
    [
        (LOST, None, False),  # nothing to look at
        (LOST, [HostError("two of that name")], False),  # a look that decides nothing
        (LOST, [AccessDenied(FaultParts())], False),
        (LOST, [LOST], False),  # the host is gone
        (LOST, [None], True),  # the host is still at work
        (OperationTimeout("late"), [None], False),  # … or may be
        (Unanswered("its job is gone"), [None], False),
        (Unanswered("its job goes on", timeout=5), [None], False),
    ],
)
def test_otherwise_it_may_have_been_done(
    lost: HostError, looks: Any, working: bool, clock: Callable[[], float]
) -> None:
    error, writes, _looks = answer(lost, looks, working)
    assert isinstance(error, Unanswered)
    assert "set it" in error.message
    assert "may have been done" in error.message
    assert writes == Writes([], ["set it"])
    assert clock() <= 130, "it ends"


def test_a_task_that_is_stopped_in_the_middle_of_a_write_may_have_done_it() -> None:
    error, writes, looks = answer(KeyboardInterrupt(), [OUTPUT])
    assert isinstance(error, KeyboardInterrupt)
    assert (writes, looks) == (Writes([], ["set it"]), 0)


@pytest.mark.parametrize(
    "error", [ConnectionFailed("refused", sent=False), HostBusy("busy"), AccessDenied(FaultParts())]
)
def test_a_request_that_fails_after_a_program_of_the_write_leaves_its_end_unknown(error: HostError) -> None:
    def write() -> Any:
        has_ended("docker.exe")
        raise error

    assert answer(write, [OUTPUT]) == (OUTPUT, Writes(["set it"], []), 1)
    again, writes, _looks = answer(write, [error])
    assert isinstance(again, Unanswered)
    assert writes == Writes([], ["set it"])


def test_a_program_of_a_write_within_a_write_is_not_one_of_the_outer() -> None:
    def write() -> Any:
        answer_of(Target("hv01", Client(unreachable)), "fetch it", fetch)
        raise HostBusy("busy")

    def fetch() -> Any:
        has_ended("curl.exe")
        return {}

    error, writes, looks = answer(write, [OUTPUT])
    assert isinstance(error, HostBusy)
    assert (writes, looks) == (Writes(["fetch it"], []), 0)


def test_what_may_have_been_done_is_not_undone() -> None:
    with recording(), pytest.raises(Unanswered), taken_back(unreachable, "it stays"):
        raise Unanswered("nobody knows")


def test_uncertain_writes_of_a_step_are_known_outside_of_it() -> None:
    with recording() as outer:
        _error, writes, _looks = answer(LOST, None)
        assert writes.uncertain == ["set it"]
    assert outer == Writes([], ["set it"])


NOT_DONE = MethodFailed("could not delete it: the connection broke. The host shows that it was not done")
REFUSED = MethodFailed("could not delete it: another program has it open", return_value=10)
FAILED = MethodFailed("could not delete it: tar.exe: no space", code=1)
UNKNOWN = Unanswered("could not learn how this ended")
DENIED = AccessDenied(FaultParts())


@pytest.mark.parametrize(
    ("outcomes", "ends_with"),
    [
        ([None], None),
        ([HostBusy("busy"), ConnectionFailed("refused", sent=False), None], None),  # surely not done
        ([NOT_DONE, None], None),
        ([NOT_DONE, HostBusy("busy"), None], None),
        ([NOT_DONE, NOT_DONE], NOT_DONE),  # once more is enough
        ([REFUSED], REFUSED),  # the host would say the same again
        ([FAILED], FAILED),
        ([NOT_DONE, REFUSED], REFUSED),
        ([UNKNOWN], UNKNOWN),
        ([DENIED], DENIED),
    ],
)
def test_what_does_no_harm_is_done_again_until_it_is_done(
    outcomes: list[HostError | None], ends_with: HostError | None
) -> None:
    left = list(outcomes)

    def act() -> None:
        if error := left.pop(0):
            raise error

    if ends_with is None:
        insist(act)
    else:
        with pytest.raises(type(ends_with)) as caught:
            insist(act)
        assert caught.value is ends_with
    assert left == []


def test_it_is_not_done_again_for_ever(clock: Callable[[], float]) -> None:
    def act() -> None:
        raise ConnectionFailed("refused", sent=False)

    with pytest.raises(ConnectionFailed):
        insist(act)
    assert 120 <= clock() <= 125
