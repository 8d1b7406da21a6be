"""Conditions of queries, evaluated here as a host evaluates them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.shadow import wql
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Unforeseen
from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim

ROW = {"Name": r"C:\VMs\it's 100%_[1].vhdx", "State": 2, "Ready": True, "Parent": None}


@pytest.mark.parametrize(
    ("where", "meets"),
    [
        (None, True),
        ("", True),
        ({}, True),
        ({"State": 2}, True),
        ({"State": 2, "Ready": False}, False),
        ({"Name": ROW["Name"].upper()}, True),
        ({"Parent": None}, True),
        (f"Name = {cim.quote(ROW['Name'])}", True),
        (f"name = {cim.quote('other')}", False),
        (f"Name LIKE {cim.like_prefix(ROW['Name'][:14])}", True),
        (f"Name LIKE {cim.like_prefix('C:' + chr(92) + 'VMs' + chr(92) + 'it_s')}", False),
        ("Name LIKE '%.vhdx'", True),
        ("Name LIKE 'C:%[[]1].vhdx'", True),
        ("State = 3", False),
        ("State <> 3", True),
        ("Ready = TRUE AND State = 2", True),
        ("Ready = FALSE OR State = 2", True),
        ("Ready = FALSE OR State = 2 AND Parent IS NULL", True),
        ("(Ready = FALSE OR State = 2) AND State = 3", False),
        ("Parent IS NULL", True),
        ("Missing = 'x'", False),
    ],
    ids=str,
)
def test_a_condition(where: Any, meets: bool) -> None:
    condition = wql.parse(where)
    row = {**ROW, "name": ROW["Name"]}
    assert condition.meets(row) is meets


def test_the_columns_of_a_condition_are_those_to_ask_for() -> None:
    assert wql.parse("(A = 1 OR B LIKE 'x%') AND C IS NULL").columns == {"A", "B", "C"}
    assert wql.parse(None).columns == frozenset()


@pytest.mark.parametrize(
    ("where", "only"),
    [
        ("InstanceID LIKE 'Microsoft:NEW%'", True),
        ("InstanceID = 'Microsoft:new'", True),
        ("InstanceID LIKE 'Microsoft:NEW%' OR InstanceID LIKE 'Microsoft:OLD%'", False),
        ("InstanceID LIKE 'Microsoft:NEW%' AND ElementName = 'x'", True),
        ("ElementName <> 'NEW'", False),
        (None, False),
    ],
)
def test_whether_only_rows_with_these_texts_can_meet_it(where: str | None, only: bool) -> None:
    assert wql.parse(where).only(frozenset({"NEW"})) is only
    assert wql.parse(where).only(frozenset()) is False


@pytest.mark.parametrize("where", ["A > 1", "A = B", "A = 1 XOR B = 2", "A LIKE", "(A = 1", "A = 1)", "A ISA 'B'"])
def test_other_conditions_are_unforeseen(where: str) -> None:
    with pytest.raises(Unforeseen):
        wql.parse(where)
