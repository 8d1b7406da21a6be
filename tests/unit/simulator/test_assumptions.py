"""ASSUMPTIONS.md: each row has an id of its own, and code refers to rows that exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

SIMULATOR = Path(__file__).resolve().parents[2] / "simulator"
ID = r"\b(?:PROTO|HV|VM|NET|WIN)-\d\d\b"
ids = Counter(re.findall(rf"^## ({ID})", (SIMULATOR / "ASSUMPTIONS.md").read_text("utf-8"), re.MULTILINE))


def test_each_assumption_has_an_id_of_its_own() -> None:
    assert ids
    assert {name for name, count in ids.items() if count > 1} == set()


def test_code_refers_to_assumptions_that_exist() -> None:
    used = {name for path in SIMULATOR.rglob("*.py") for name in re.findall(ID, path.read_text("utf-8"))}
    assert used
    assert used - set(ids) == set()
