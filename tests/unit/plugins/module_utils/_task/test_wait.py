"""How long to wait between two looks."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.wait import pauses


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
