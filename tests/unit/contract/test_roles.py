"""What holds for every role and playbook of the collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml"))
OF_A_RESULT = re.compile(r"\.msg\b|\[['\"]msg['\"]\]")
MESSAGES = {"msg", "fail_msg"}  # may quote a sentence


def expressions(node: Any) -> Iterator[str]:
    """All texts of a file but those that are messages."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in MESSAGES:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_no_result_is_judged_by_its_sentence(path: Path) -> None:
    """Sentences change; a module returns `kind` for a failure that a playbook may expect."""
    found = expressions(yaml.safe_load(path.read_text()))
    assert [text for text in found if OF_A_RESULT.search(text)] == []
