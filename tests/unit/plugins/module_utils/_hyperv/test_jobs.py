"""Jobs: which errors are about the state of the object."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.jobs import refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed


@pytest.mark.parametrize(
    ("details", "expected"),
    [({"return_value": 32775}, True), ({"error_code": 32775}, True), ({"return_value": 32773}, False), ({}, False)],
)
def test_refused_for_the_state_of_the_object(details: dict[str, int], expected: bool) -> None:
    assert refused(MethodFailed("could not", **details)) is expected
