"""Options that are given but empty."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._task.given import check_given

EMPTY: Any = [
    ({"name": ""}, "name"),
    ({"memory": {"startup": " "}}, "memory.startup"),
    ({"disks": [{"path": "x"}, {"path": ""}]}, "disks.path"),
]


@pytest.mark.parametrize(("params", "option"), EMPTY)
def test_an_empty_text_is_refused_with_its_option(params: dict[str, Any], option: str) -> None:
    with pytest.raises(Invalid, match="is empty") as refusal:
        check_given(params)
    assert refusal.value.option == option


@pytest.mark.parametrize(("params", "option"), EMPTY)
def test_what_may_be_empty_covers_what_is_in_it(params: dict[str, Any], option: str) -> None:
    check_given(params, (option,))
    check_given(params, (option.partition(".")[0],))
    with pytest.raises(Invalid):
        check_given(params, (f"{option}.more", option[:-1]))
