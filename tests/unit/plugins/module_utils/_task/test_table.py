"""Property tables: between the options' units and CIM's."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task import table
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._task.table import MEGABYTES, PERCENT, PRIORITY, Property

GB = 1 << 30
MODES = table.choice({"access": 1, "trunk": 2})
TABLE = (
    Property("startup", "VirtualQuantity", MEGABYTES, needs_off=True, least=32 << 20, most=240 << 40),
    Property("reserve", "Reservation", PERCENT, least=0, most=100),
    Property("priority", "Weight", PRIORITY, least=0, most=100),
    Property("mode", "OperationMode", MODES),
    Property("dynamic", "DynamicMemoryEnabled"),
)
INSTANCE: dict[str, Any] = {
    "VirtualQuantity": 4096,
    "Reservation": 50000,
    "Weight": 5000,
    "OperationMode": 2,
    "DynamicMemoryEnabled": False,
    "Limit": 7,
}


def test_read_has_the_options_units() -> None:
    assert table.read(TABLE, INSTANCE) == {
        "startup": 4 * GB,
        "reserve": 50,
        "priority": 50,
        "mode": "trunk",
        "dynamic": False,
    }


def test_what_the_host_does_not_tell_is_none() -> None:
    assert table.read(TABLE, {}) == dict.fromkeys(("startup", "reserve", "priority", "mode", "dynamic"))


def test_a_number_without_a_word_is_shown_as_it_is() -> None:
    assert table.read(TABLE, {"OperationMode": 99})["mode"] == 99


def test_parse_takes_only_what_was_asked() -> None:
    params = {"startup": "8GB", "reserve": None, "priority": 0, "dynamic": False, "name": "web01"}
    assert table.parse(TABLE, params) == {"startup": 8 * GB, "priority": 0, "dynamic": False}


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"startup": "16MB"}, "startup: 16MB is out of range, choose a value from 32MB to 240TB"),
        ({"startup": "241TB"}, "startup: 241TB is out of range, choose a value from 32MB to 240TB"),
        ({"startup": "much"}, "startup: 'much' is not a size"),
        ({"reserve": 101}, "reserve: 101 is out of range, choose a value from 0 to 100"),
        ({"priority": -1}, "priority: -1 is out of range"),
    ],
)
def test_parse_names_option_and_bounds(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        table.parse(TABLE, params)
    assert caught.value.sentence().startswith(sentence)


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ({}, {}),
        ({"startup": 4 * GB, "reserve": 50, "mode": "trunk"}, {}),
        ({"startup": 8 * GB}, {"VirtualQuantity": 8192}),
        (
            {"reserve": 10, "priority": 80, "mode": "access", "dynamic": True},
            {"Reservation": 10000, "Weight": 8000, "OperationMode": 1, "DynamicMemoryEnabled": True},
        ),
    ],
)
def test_only_differences_are_written(wanted: dict[str, Any], written: dict[str, Any]) -> None:
    found = table.changes(TABLE, INSTANCE, wanted)
    assert table.values(found) == written
    assert {change.option: change.after for change in found} == {
        option: value for option, value in wanted.items() if value != table.read(TABLE, INSTANCE)[option]
    }
    assert all(change.before == table.read(TABLE, INSTANCE)[change.option] for change in found)


def test_shown_is_the_state_after_the_write() -> None:
    after = table.expected(TABLE, INSTANCE, {"startup": 8 * GB})
    assert after == table.read(TABLE, {**INSTANCE, "VirtualQuantity": 8192})
