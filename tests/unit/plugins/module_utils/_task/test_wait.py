"""Waiting: how long between two looks, when it ends, and what it reports meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._task.wait import pauses, wait_until
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client


class Waiting:
    """A wait on a clock that moves only while the wait sleeps: the times of its looks, and what it reported when."""

    def __init__(self) -> None:
        self.now = 1000.0  # seconds
        self.looks: list[float] = []
        self.reports: list[tuple[float, str]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0, "a pause can't be negative"
        self.now += max(seconds, 0.001)  # like a real pause, never too short to be noticed

    def until(self, reached: Callable[[float], bool], timeout: float, way_out: str = "") -> None:
        def look() -> bool:
            self.looks.append(self.now - 1000)
            assert len(self.looks) < 10_000, "the wait does not end"
            return reached(self.looks[-1])

        def report(line: str) -> None:
            self.reports.append((self.now - 1000, line))

        wait_until(Target("hv01", Client(unreachable), report), look, timeout, "see the guest", way_out)


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    wait = Waiting()
    with mock.patch("time.monotonic", wait.monotonic), mock.patch("time.sleep", wait.sleep):
        yield wait


@pytest.mark.parametrize(("first", "longest"), [(0.05, 2.0), (0.2, 2.0), (0.1, 0.5)])
def test_pauses_grow_to_the_longest_and_stay(first: float, longest: float) -> None:
    found = list(islice(pauses(first, longest), 30))
    assert found[0] == first
    assert all(one <= next_one for one, next_one in pairwise(found))
    assert found[-1] == max(found) == longest


def test_a_short_job_is_noticed_soon_and_a_long_one_costs_little() -> None:
    first_second, first_minute, elapsed = 0, 0, 0.0
    for pause in islice(pauses(), 1000):
        first_second += elapsed < 1
        first_minute += elapsed < 60
        elapsed += pause
    assert first_second >= 5
    assert first_minute <= 40


def test_what_is_reached_already_is_not_waited_for(waiting: Waiting) -> None:
    waiting.until(lambda _elapsed: True, timeout=0)
    assert (waiting.looks, waiting.reports, waiting.now) == ([0], [], 1000)


@pytest.mark.parametrize("timeout", [1, 7, 300])
def test_a_wait_looks_once_more_at_its_deadline_and_then_gives_up(waiting: Waiting, timeout: float) -> None:
    with pytest.raises(Refused) as caught:
        waiting.until(lambda _elapsed: False, timeout, "Raise 'wait_timeout'.")
    assert caught.value.message == f"gave up after {timeout} s to see the guest. Raise 'wait_timeout'"
    assert caught.value.details["timeout"] == timeout
    assert waiting.looks[-1] == pytest.approx(timeout, abs=0.01)


def test_a_condition_that_comes_true_at_the_deadline_is_success(waiting: Waiting) -> None:
    waiting.until(lambda elapsed: elapsed >= 30, timeout=30)
    assert waiting.looks[-1] == pytest.approx(30, abs=0.01)


def test_giving_up_without_a_way_out_ends_without_a_stop(waiting: Waiting) -> None:
    with pytest.raises(Refused, match=r"^gave up after 2 s to see the guest$"):
        waiting.until(lambda _elapsed: False, timeout=2)


def test_progress_is_reported_every_five_seconds_and_not_before(waiting: Waiting) -> None:
    waiting.until(lambda elapsed: elapsed >= 60, timeout=100)
    times = [time for time, _line in waiting.reports]
    assert all(5 <= later - before <= 7 for before, later in pairwise([0, *times])), times
    assert times[-1] > 50
    for time, line in waiting.reports:
        assert line == f"see the guest: {time:.0f} s of at most 100 s"


def test_a_short_wait_reports_nothing(waiting: Waiting) -> None:
    waiting.until(lambda elapsed: elapsed > 4, timeout=100)
    assert waiting.reports == []
