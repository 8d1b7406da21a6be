"""Values, paths and embedded instances of the simulator against texts that real hosts took or refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.embedded import (
    EmbeddedError,
    embedded_text,
    parse_embedded,
    typed_values,
)
from ansible_collections.nested.hyperv.tests.simulator.cim.paths import PathError, parse_path
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, load
from ansible_collections.nested.hyperv.tests.simulator.cim.values import (
    CimClass,
    CimProperty,
    Instance,
    Reference,
    fits,
    format_datetime,
    parse_datetime,
)

SYSTEM = load(20348).find(HYPERV, "Msvm_VirtualSystemSettingData")
DELAY = "AutomaticStartupActionDelay"
CONNECTION = load(20348).find(HYPERV, "Msvm_EthernetPortAllocationSettingData")


@pytest.mark.parametrize(
    "path",
    [
        r'\\HV01\root\virtualization\v2:Msvm_X.InstanceID="Microsoft:AB\\CD\\0"',
        r'//hv01/root/virtualization/v2:Msvm_X.InstanceID="Microsoft:AB\\CD\\0"',
        r'root/virtualization/v2:Msvm_X.InstanceID="Microsoft:AB\\CD\\0"',
        r'ROOT\Virtualization\V2:msvm_x.instanceid="microsoft:ab\\cd\\0"',
        r'Msvm_X.InstanceID="Microsoft:AB\\CD\\0"',
        r"Msvm_X.InstanceID='Microsoft:AB\\CD\\0'",
    ],
)
def test_paths_of_one_object_in_every_spelling(path: str) -> None:
    assert parse_path(path) == Reference(HYPERV, "Msvm_X", {"InstanceID": r"Microsoft:AB\CD\0"})


@pytest.mark.parametrize(
    "text",
    [
        r'root/virtualization/v2:Msvm_X.InstanceID="Microsoft:AB\CD"',
        "<a:Address>x</a:Address>",
        'Msvm_X.InstanceID="open',
        "",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


@pytest.mark.parametrize("value", ['it\'s "x"', r"a\b\\c", "a,b=c", "Größe 🖥", ""])
def test_a_path_is_read_as_it_was_written(value: str) -> None:
    reference = Reference(HYPERV, "Msvm_X", {"A": value, "B": "2"})
    assert parse_path(reference.path("HV01")).keys == {"A": value, "B": "2"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00000000004500.000000:000", timedelta(minutes=45)),
        ("00000002010203.000004:000", timedelta(days=2, hours=1, minutes=2, seconds=3, microseconds=4)),
        ("20261008151536.684240+000", datetime(2026, 10, 8, 15, 15, 36, 684240, timezone.utc)),
        ("20261008151536.000000-480", datetime(2026, 10, 8, 15, 15, 36, 0, timezone(timedelta(hours=-8)))),
    ],
)
def test_datetimes_both_ways(text: str, value: datetime | timedelta) -> None:
    assert parse_datetime(text) == value
    assert format_datetime(value) == text


@pytest.mark.parametrize("text", ["P0DT0H45M0S", "2026-10-08T15:15:36Z", "45", ""])
def test_other_forms_are_no_cim_datetimes(text: str) -> None:
    with pytest.raises(ValueError, match="CIM datetime"):
        parse_datetime(text)


def typed(properties: str, cls: CimClass = SYSTEM) -> dict:
    return typed_values(parse_embedded(f'<INSTANCE CLASSNAME="X">{properties}</INSTANCE>'), cls)


def test_embedded_values_get_the_types_of_the_class() -> None:
    assert typed(
        '<PROPERTY NAME="elementname" TYPE="string"><VALUE>R&#38;D &#60;x&#62;</VALUE></PROPERTY>'
        '<PROPERTY NAME="SecureBootEnabled" TYPE="boolean"><VALUE>FALSE</VALUE></PROPERTY>'
        '<PROPERTY NAME="UserSnapshotType" TYPE="uint16"><VALUE>5</VALUE></PROPERTY>'
        f'<PROPERTY NAME="{DELAY}" TYPE="datetime"><VALUE>00000000000130.000000:000</VALUE></PROPERTY>'
        '<PROPERTY.ARRAY NAME="Notes" TYPE="string">'
        "<VALUE.ARRAY><VALUE>a</VALUE><VALUE/></VALUE.ARRAY></PROPERTY.ARRAY>"
    ) == {
        "ElementName": "R&D <x>",
        "SecureBootEnabled": False,
        "UserSnapshotType": 5,
        "AutomaticStartupActionDelay": timedelta(minutes=1, seconds=30),
        "Notes": ["a", ""],
    }


def test_a_property_without_a_value_is_not_there() -> None:
    assert typed('<PROPERTY NAME="ElementName" TYPE="string"></PROPERTY>') == {}
    assert typed('<PROPERTY NAME="ElementName" TYPE="string"><VALUE></VALUE></PROPERTY>') == {"ElementName": ""}


@pytest.mark.parametrize(
    ("code", "properties"),
    [
        (32768, '<PROPERTY NAME="ElementName" TYPE="string"><VALUE>R&amp;D</VALUE></PROPERTY>'),
        (32773, '<PROPERTY NAME="ElementName" TYPE="string"><VALUE>a&lt;b</VALUE></PROPERTY>'),
        (32768, f'<PROPERTY NAME="{DELAY}" TYPE="string"><VALUE>P0DT0H45M0S</VALUE></PROPERTY>'),
        (
            32768,
            f'<PROPERTY NAME="{DELAY}" TYPE="string"><VALUE>00000000004500.000000:000</VALUE></PROPERTY>',
        ),
        (32768, f'<PROPERTY NAME="{DELAY}" TYPE="datetime"><VALUE>P0DT0H45M0S</VALUE></PROPERTY>'),
        (32768, '<PROPERTY NAME="UserSnapshotType" TYPE="string"><VALUE>5</VALUE></PROPERTY>'),
        (32773, '<PROPERTY NAME="UserSnapshotType" TYPE="uint16"><VALUE>70000</VALUE></PROPERTY>'),
        (32773, '<PROPERTY NAME="SecureBootEnabled" TYPE="boolean"><VALUE>yes</VALUE></PROPERTY>'),
        (32773, '<PROPERTY NAME="Notes" TYPE="string"><VALUE>a</VALUE></PROPERTY>'),
        (32773, '<PROPERTY NAME="ElementNaem" TYPE="string"><VALUE>a</VALUE></PROPERTY>'),
        (32773, "<PROPERTY"),
    ],
)
def test_what_a_host_refuses_in_an_embedded_instance(code: int, properties: str) -> None:
    with pytest.raises(EmbeddedError) as refused:
        typed(properties)
    assert refused.value.code == code


def test_the_text_of_an_instance_can_be_read_back() -> None:
    values = {
        "InstanceID": r"Microsoft:A\B",
        "HostResource": ['\\\\HV\\root:X.A="1"'],
        "EnabledState": 2,
        "Limit": 2**63,
    }
    text = embedded_text(Instance(CONNECTION, values))
    assert '<PROPERTY NAME="PoolID" PROPAGATED="true" TYPE="string"></PROPERTY>' in text
    again = typed_values(parse_embedded(text), CONNECTION)
    assert {name: again[name] for name in values} == values


def test_properties_are_found_without_case_and_typos_are_not() -> None:
    instance = Instance(SYSTEM, {"elementname": "a"})
    assert instance["ELEMENTNAME"] == "a"
    assert instance["Notes"] is None
    with pytest.raises(KeyError, match="ElementNaem"):
        instance["ElementNaem"]


@pytest.mark.parametrize(
    ("type_name", "array", "value", "expected"),
    [
        ("uint16", False, 65535, True),
        ("uint16", False, 65536, False),
        ("uint16", False, -1, False),
        ("uint16", False, True, False),
        ("uint16", False, "5", False),
        ("uint16", True, [1, 2], True),
        ("uint16", True, 1, False),
        ("boolean", False, 1, False),
        ("datetime", False, timedelta(1), True),
        ("string", False, None, True),
    ],
)
def test_fits(type_name: str, array: bool, value: object, expected: bool) -> None:
    assert fits(CimProperty("P", type_name, array), value) is expected
