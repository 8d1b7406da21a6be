"""Processors: what can be, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import processor
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, VM
from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

WEB01 = VM("5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", "web01", OFF)
INSTANCE = {
    "VirtualQuantity": 4,
    "Reservation": 10000,
    "Limit": 60000,
    "Weight": 100,
    "HwThreadsPerCore": 0,
    "LimitProcessorFeatures": False,
}


@pytest.mark.parametrize("wanted", [{}, {"reserve": 60}, {"limit": 10}, {"reserve": 100, "limit": 100}, {"count": 8}])
def test_what_can_be(wanted: dict[str, Any]) -> None:
    processor.check(WEB01, INSTANCE, wanted)


@pytest.mark.parametrize(
    ("wanted", "reserve", "limit"),
    [({"reserve": 61}, 61, 60), ({"limit": 9}, 10, 9), ({"reserve": 80, "limit": 70}, 80, 70)],
)
def test_the_reserve_fits_the_limit(wanted: dict[str, Any], reserve: int, limit: int) -> None:
    with pytest.raises(Invalid) as caught:
        processor.check(WEB01, INSTANCE, wanted)
    assert f"VM 'web01' would get a reserve of {reserve} % above its limit of {limit} %" in caught.value.message


def test_units_and_what_needs_the_vm_off() -> None:
    wanted = {"count": 2, "reserve": 50, "limit": 100, "weight": 200, "threads_per_core": 1}
    found = table.changes(processor.PROPERTIES, INSTANCE, wanted)
    assert table.values(found) == {
        "VirtualQuantity": 2,
        "Reservation": 50000,
        "Limit": 100000,
        "Weight": 200,
        "HwThreadsPerCore": 1,
    }
    assert {change.option for change in found if change.property.needs_off} == {"count", "threads_per_core"}
