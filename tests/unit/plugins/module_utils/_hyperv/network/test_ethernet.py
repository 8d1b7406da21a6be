"""VLANs as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import ethernet
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["1-10", "20", "711-719"], ["1-10", "20", "711-719"]),
        (["20", "10-12", "1-3", "11-14", "4"], ["1-4", "10-14", "20"]),
        (["4094", " 1 "], ["1", "4094"]),
        (["1 - 4094"], ["1-4094"]),
        (["7", "7", "7-7"], ["7"]),
        (["1-2,5"], ["1-2", "5"]),
        (["1-2, 5", "9"], ["1-2", "5", "9"]),
        ([], []),
    ],
)
def test_vlan_ranges_are_normalised(texts: list[str], shown: list[str]) -> None:
    ids = ethernet.parse_vlans(texts)
    assert ethernet.format_vlans(ids) == shown
    assert ethernet.format_vlans(reversed(ids)) == shown
    assert ethernet.parse_vlans(shown) == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "out of range"),
        ("4095", "out of range"),
        ("1-5000", "out of range"),
        ("10-1", "runs backwards, write 1-10"),
        ("1..10", "neither a VLAN id nor a range"),
        ("1-", "neither a VLAN id nor a range"),
        ("-5", "neither a VLAN id nor a range"),
        ("all", "neither a VLAN id nor a range"),
        ("", "neither a VLAN id nor a range"),
    ],
)
def test_parse_vlans_refuses(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        ethernet.parse_vlans(["1", text])


VLAN = {"mode": "untagged", "id": None, "native_id": None, "allowed_ids": None}


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ({"mode": "untagged"}, {"OperationMode": 0}),
        ({"mode": "access", "id": 42}, {"OperationMode": 1, "AccessVlanId": 42}),
        (
            {"mode": "trunk", "native_id": 5, "allowed_ids": ["3", "1-2"]},
            {"OperationMode": 2, "NativeVlanId": 5, "TrunkVlanIdArray": [1, 2, 3]},
        ),
        (
            {"mode": "trunk", "allowed_ids": ["9"]},
            {"OperationMode": 2, "NativeVlanId": 7, "TrunkVlanIdArray": [9]},
        ),
    ],
)
def test_what_is_written_reads_back_the_same(option: dict[str, Any], values: dict[str, Any]) -> None:
    wanted = ethernet.parse_vlan({**VLAN, **option})
    assert wanted is not None
    row = {"OperationMode": 0, "AccessVlanId": 0, "NativeVlanId": 7, "TrunkVlanIdArray": []}
    complete = ethernet.complete_vlan(wanted, row)
    assert ethernet.vlan_values(complete) == values
    assert ethernet.describe_vlan({**row, **values}) == complete
    assert complete.items() >= wanted.items()


@pytest.mark.parametrize(
    ("option", "suboption", "words"),
    [
        ({"mode": "access"}, "id", "needs the id"),
        ({"mode": "access", "id": 0}, "id", "0 is out of range"),
        ({"mode": "access", "id": 4095}, "id", "4095 is out of range"),
        ({"mode": "access", "id": 5, "native_id": 6}, "native_id", "a VLAN of mode 'access' has no such setting"),
        ({"mode": "untagged", "id": 5}, "id", "a VLAN of mode 'untagged'"),
        ({"mode": "trunk", "allowed_ids": []}, "allowed_ids", "needs the ids"),
        ({"mode": "trunk", "allowed_ids": ["1", "x"]}, "allowed_ids", "'x' is neither"),
        ({"mode": "trunk", "allowed_ids": ["1"], "native_id": 5000}, "native_id", "5000 is out of range"),
    ],
)
def test_parse_vlan_refuses(option: dict[str, Any], suboption: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        ethernet.parse_vlan({**VLAN, **option})
    assert caught.value.option == suboption


def test_an_option_left_out_is_left_alone() -> None:
    assert ethernet.parse_vlan(None) is None
