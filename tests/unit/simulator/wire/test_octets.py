"""Arrays of octets on the wire, in each of their shapes (PROTO-09)."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, load
from ansible_collections.nested.hyperv.tests.simulator.wire import decode, encode
from ansible_collections.nested.hyperv.tests.simulator.wire.config import Settings
from ansible_collections.nested.hyperv.tests.simulator.wire.faults import Fault

SCHEMA = load(20348)
SERVICE = SCHEMA.find(HYPERV, "Msvm_VirtualSystemManagementService")
KEYBOARD = SCHEMA.find(HYPERV, "Msvm_Keyboard")
SECURITY = SCHEMA.find(HYPERV, "Msvm_SecurityService")
PIXELS = bytes(range(6))


@pytest.mark.parametrize(
    ("shape", "texts"),
    [
        ("base64", [base64.b64encode(PIXELS).decode()]),
        ("prefixed", [base64.b64encode(b"\0\0\0\x0a" + PIXELS).decode()]),
        ("elements", ["0", "1", "2", "3", "4", "5"]),
    ],
)
def test_shapes_of_octet_strings(shape: str, texts: list[str]) -> None:
    method = SERVICE.find_method("GetVirtualSystemThumbnailImage")
    text = encode.output(SERVICE, method, 0, {"ImageData": PIXELS}, Settings(octet_strings=shape))
    assert [node.text for node in ElementTree.fromstring(text)] == [*texts, "0"]


@pytest.mark.parametrize(("shape", "texts"), [("elements", ["1", "2"]), ("base64", ["AQI="])])
def test_shapes_of_other_arrays(shape: str, texts: list[str]) -> None:
    method = SECURITY.find_method("GetKeyProtector")
    text = encode.output(SECURITY, method, 0, {"KeyProtector": [1, 2]}, Settings(byte_arrays=shape))
    assert [node.text for node in ElementTree.fromstring(text)] == [*texts, "0"]


def sent(*texts: str, shape: str) -> list[int]:
    items = "".join(f"<p:Scancodes>{text}</p:Scancodes>" for text in texts)
    body = ElementTree.fromstring(f'<p:TypeScancodes_INPUT xmlns:p="{KEYBOARD.uri}">{items}</p:TypeScancodes_INPUT>')
    method = KEYBOARD.find_method("TypeScancodes")
    return decode.parameters(body, method, KEYBOARD, SCHEMA.find, Settings(byte_arrays=shape))["Scancodes"]


def test_arrays_are_read_in_the_shape_that_the_host_knows() -> None:
    assert sent("28", "156", shape="elements") == sent("HJw=", shape="base64") == [28, 156]
    for texts, shape in ((["HJw="], "elements"), (["28", "156"], "base64"), (["28"], "base64")):
        with pytest.raises(Fault):
            sent(*texts, shape=shape)
