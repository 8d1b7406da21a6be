"""Arrays of octets as arguments: the shape that a host takes is found out once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.octets import with_octets
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import FaultParts, HostError, SchemaInvalid


def target() -> Target:
    return Target("hv01", SimpleNamespace(octet_shape=None))  # type: ignore[arg-type]


def refusing(shape: type, error: HostError, sent: list[Any]) -> Any:
    def send(octets: Any) -> str:
        sent.append(octets)
        if isinstance(octets, shape):
            raise error
        return "done"

    return send


@pytest.mark.parametrize(
    "error",
    [
        SchemaInvalid(FaultParts()),
        MethodFailed("no", return_value=32773),
        MethodFailed("no", return_value=32776),
    ],
)
def test_the_other_shape_is_tried_once(error: HostError) -> None:
    host, sent = target(), []
    send = refusing(list, error, sent)
    assert [with_octets(host, [28, 156], send) for _turn in range(2)] == ["done", "done"]
    assert sent == [[28, 156], b"\x1c\x9c", b"\x1c\x9c"]


def test_repeated_elements_come_first() -> None:
    host, sent = target(), []
    assert with_octets(host, [1], refusing(bytes, MethodFailed("no"), sent)) == "done"
    assert sent == [[1]]


def test_other_refusals_say_nothing_of_shapes() -> None:
    host, sent = target(), []
    with pytest.raises(MethodFailed):
        with_octets(host, [1], refusing(list, MethodFailed("off", return_value=32775), sent))
    assert sent == [[1]]


def test_a_host_that_takes_neither_gets_the_first_error() -> None:
    host, sent = target(), []
    with pytest.raises(SchemaInvalid):
        with_octets(host, [1], refusing((list, bytes), SchemaInvalid(FaultParts()), sent))
    assert sent == [[1], b"\x01"]
