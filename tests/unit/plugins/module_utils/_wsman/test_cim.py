# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass, Reference
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import BadAnswer, HostError

V2 = "root/virtualization/v2"
MEMORY = CimClass(
    V2,
    "Msvm_MemorySettingData",
    ("InstanceID",),
    {"InstanceID": "string", "VirtualQuantity": "uint64", "Limit": "uint64"},
)
SETTINGS = CimClass(
    V2,
    "Msvm_VirtualSystemSettingData",
    ("InstanceID",),
    {
        "InstanceID": "string",
        "ElementName": "string",
        "Notes": "string[]",
        "AutomaticStartupActionDelay": "datetime",
        "CreationTime": "datetime",
        "SecureBootEnabled": "boolean",
        "Parent": "string",
        "HighMmioGapSize": "uint64",
    },
)
NAMES = (
    "plain",
    "O'Neil",
    'say "hi"',
    "back\\slash\\",
    "R&D <lab>",
    "100%_[a-z]*",
    "Größe-虚拟机-🖥",
    "]]>",
    "x" * 100,
    "tab\tand\nline",
)


@pytest.mark.parametrize(
    ("text", "value", "iso", "native"),
    [
        (
            "2026-10-08T15:15:36.68424Z",
            datetime(2026, 10, 8, 15, 15, 36, 684240, timezone.utc),
            "2026-10-08T15:15:36.68424Z",
            "20261008151536.684240+000",
        ),
        ("2026-10-08T15:15:36Z", datetime(2026, 10, 8, 15, 15, 36, 0, timezone.utc), None, "20261008151536.000000+000"),
        ("1601-01-01T00:00:00Z", datetime(1601, 1, 1, tzinfo=timezone.utc), None, "16010101000000.000000+000"),
        (
            "2014-04-03T14:45:50.46875+08:00",
            datetime(2014, 4, 3, 14, 45, 50, 468750, timezone(timedelta(hours=8))),
            "2014-04-03T06:45:50.46875Z",
            "20140403064550.468750+000",
        ),
        ("2014-04-03T14:45:50", datetime(2014, 4, 3, 14, 45, 50, 0, timezone.utc), "2014-04-03T14:45:50Z", None),
        ("2014-04-03", datetime(2014, 4, 3, tzinfo=timezone.utc), "2014-04-03T00:00:00Z", None),
        ("2014-04-03T14:45:50.1234567Z", datetime(2014, 4, 3, 14, 45, 50, 123456, timezone.utc), None, None),
        ("P0DT0H5M0S", timedelta(minutes=5), "P0DT0H5M0S", "00000000000500.000000:000"),
        ("P0DT0H0M1.00417S", timedelta(seconds=1, microseconds=4170), None, "00000000000001.004170:000"),
        ("P12DT3H4M5S", timedelta(days=12, hours=3, minutes=4, seconds=5), None, "00000012030405.000000:000"),
        ("00000000004500.000000:000", timedelta(minutes=45), "P0DT0H45M0S", None),
        (
            "20130309025732.500000+060",
            datetime(2013, 3, 9, 1, 57, 32, 500000, timezone.utc),
            "2013-03-09T01:57:32.5Z",
            None,
        ),
        ("20130309025732.******+000", datetime(2013, 3, 9, 2, 57, 32, 0, timezone.utc), None, None),
    ],
)
def test_datetimes(text, value, iso, native):
    read = cim.convert("datetime", text, "When")
    assert read == value
    assert isinstance(read, timedelta) or read.tzinfo is not None
    if iso is not None:
        assert cim.iso_datetime(read) == iso
    if native is not None:
        assert cim.native_datetime(read) == native
    assert cim.convert("datetime", cim.iso_datetime(read), "When") == value
    assert cim.convert("datetime", cim.native_datetime(read), "When") == value


@pytest.mark.parametrize("text", ["", "soon", "P1", "2026-13-01T00:00:00Z", "2026-01-01Z", "2026-01-01T00:00:00.Z"])
def test_what_is_no_datetime_is_an_error(text):
    with pytest.raises(HostError, match="of type datetime"):
        cim.convert("datetime", text, "When")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("datetime", "00010101000000.000000+999"),
        ("datetime", "20261301000000.000000+000"),
        ("datetime", f"P{'9' * 50}D"),
        ("datetime", f"P{'9' * 5000}D"),
        ("uint16", "65536"),
        ("uint16", "-1"),
        ("uint16", "1_0"),
        ("uint64", "9" * 5000),
        ("sint8", "-129"),
        ("real64", "nan"),
        ("real64", "1e999"),
        ("boolean", "perhaps"),
        ("ref", "no path?"),
    ],
)
def test_what_no_type_holds_is_an_error_of_the_family(kind, text):
    with pytest.raises(BadAnswer) as caught:
        cim.convert(kind, text, "N" * 1000)
    assert len(str(caught.value)) < 400
    values = f'<INSTANCE CLASSNAME="X"><PROPERTY NAME="P" TYPE="{kind}"><VALUE>{text}</VALUE></PROPERTY></INSTANCE>'
    with pytest.raises(BadAnswer):
        cim.from_embedded(values)


@pytest.mark.parametrize("filling", [" ", "\\", "x", '"', "=", "A=1,", "\\\\", "\n"])
@pytest.mark.parametrize("start", ["X.", "X.A=", 'X.A="', "\\\\", "a:", ""])
def test_object_paths_take_linear_time(start, filling):
    """A hundred thousand characters, of which a cubic pattern would read 2,000 in minutes."""
    text = start + filling * (100_000 // len(filling)) + "?'"
    began = time.process_time()
    with contextlib.suppress(BadAnswer):
        cim.parse_path(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_an_object_path(name):
    reference = Reference(V2, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": name})
    assert cim.parse_path(reference.path()) == reference


def test_path_doubles_backslashes_and_sorts_keys():
    reference = Reference(V2, "Msvm_Some", {"Name": 'a"b', "InstanceID": "Microsoft:G\\0"})
    assert reference.path() == r'root/virtualization/v2:Msvm_Some.InstanceID="Microsoft:G\\0",Name="a\"b"'


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        (
            r'\\HV01\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID="Microsoft:G\\C\\0"',
            Reference(V2, "Msvm_ResourceAllocationSettingData", {"InstanceID": r"Microsoft:G\C\0"}),
        ),
        # BootSourceOrder has been seen with single backslashes.
        (
            r'root\virtualization\v2:X.InstanceID="Microsoft:G\0\B"',
            Reference(V2, "X", {"InstanceID": r"Microsoft:G\0\B"}),
        ),
        (
            r"//hv01/root/cimv2:Win32_Thing.Name='a,b',Index=5",
            Reference("root/cimv2", "Win32_Thing", {"Name": "a,b", "Index": "5"}),
        ),
        ('Msvm_X.Name="v"', Reference("", "Msvm_X", {"Name": "v"})),
        ("root/cimv2:Win32_Single=@", Reference("root/cimv2", "Win32_Single", {})),
        ('Win32_Disk="C:"', Reference("", "Win32_Disk", {"": "C:"})),
    ],
)
def test_paths_as_hosts_write_them(path, reference):
    assert cim.parse_path(path) == reference


@pytest.mark.parametrize("path", [r"C:\vm\disk.vhdx", r"\\server\share\disk.vhdx", "", 'X.Name="open'])
def test_what_is_no_object_path_is_an_error(path):
    with pytest.raises(HostError, match="object path"):
        cim.parse_path(path)


def wql_literal(text):
    """What a WQL literal means: quotes off, a backslash escapes a quote or a backslash."""
    assert text[0] == text[-1] == "'"
    assert re.fullmatch(r"'(?:[^'\\]|\\['\\])*'", text, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def like(pattern):
    """WQL LIKE as a regular expression: % any text, _ one character, […] one of a set."""
    parts = re.findall(r"\[.\]|.", pattern, re.DOTALL)
    special = {"%": ".*", "_": "."}
    return re.compile("".join(special.get(part) or re.escape(part.strip("[]") or "[") for part in parts), re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_wql(name):
    assert wql_literal(cim.quote(name)) == name


@pytest.mark.parametrize("name", [name for name in NAMES if "]" not in name] + ["[", "%", "_"])
def test_names_survive_a_like_pattern(name):
    pattern = like(wql_literal(cim.like_prefix(name)))
    assert pattern.fullmatch(name)
    assert pattern.fullmatch(name + "\\more")
    assert not pattern.fullmatch("other" + name)
    assert not pattern.fullmatch(re.sub(r"[%_\[]", "?", name) + "?" if set(name) & set("%_[") else "?")


def test_like_brackets_its_wildcards():
    assert cim.like_prefix("a[b]_%\\'") == r"'a[[]b][_][%]\\\'%'"


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_an_embedded_instance(name):
    text = cim.embedded(SETTINGS, {"InstanceID": "Microsoft:G", "ElementName": name})
    assert ElementTree.fromstring(text).find("PROPERTY[@NAME='ElementName']/VALUE").text == name
    assert cim.from_embedded(text, SETTINGS)["ElementName"] == name


def test_embedded_escapes_by_number():
    """Hosts answered 32768 and 32773 to &amp; and &lt; in the value, and read &#38; and &#60; right."""
    text = cim.embedded(SETTINGS, {"ElementName": "R&D <1> ]]>"})
    assert "<VALUE>R&#38;D &#60;1&#62; ]]&#62;</VALUE>" in text
    assert "&amp;" not in text
    assert "&lt;" not in text
    assert "]]>" not in text


def test_embedded_types():
    text = cim.embedded(
        SETTINGS,
        {
            "__CLASS": "ignored",
            "InstanceID": "Microsoft:G",
            "Notes": ["one"],
            "AutomaticStartupActionDelay": timedelta(minutes=45),
            "CreationTime": datetime(2026, 10, 8, 15, 15, 36, tzinfo=timezone.utc),
            "SecureBootEnabled": False,
            "HighMmioGapSize": 2**64 - 1,
            "ElementName": None,
            "Parent": Reference(V2, "Msvm_X", {"InstanceID": "Microsoft:G\\0"}),
        },
    )
    assert text == (
        '<INSTANCE CLASSNAME="Msvm_VirtualSystemSettingData">'
        '<PROPERTY NAME="InstanceID" TYPE="string"><VALUE>Microsoft:G</VALUE></PROPERTY>'
        '<PROPERTY.ARRAY NAME="Notes" TYPE="string"><VALUE.ARRAY><VALUE>one</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>'
        '<PROPERTY NAME="AutomaticStartupActionDelay" TYPE="datetime">'
        "<VALUE>00000000004500.000000:000</VALUE></PROPERTY>"
        '<PROPERTY NAME="CreationTime" TYPE="datetime"><VALUE>20261008151536.000000+000</VALUE></PROPERTY>'
        '<PROPERTY NAME="SecureBootEnabled" TYPE="boolean"><VALUE>false</VALUE></PROPERTY>'
        '<PROPERTY NAME="HighMmioGapSize" TYPE="uint64"><VALUE>18446744073709551615</VALUE></PROPERTY>'
        '<PROPERTY NAME="ElementName" TYPE="string"></PROPERTY>'
        '<PROPERTY NAME="Parent" TYPE="string"><VALUE>root/virtualization/v2:Msvm_X.InstanceID='
        "&#34;Microsoft:G\\\\0&#34;</VALUE></PROPERTY>"
        "</INSTANCE>"
    )
    back = cim.from_embedded(text, SETTINGS)
    assert back["AutomaticStartupActionDelay"] == timedelta(minutes=45)
    assert back["SecureBootEnabled"] is False
    assert back["ElementName"] is None
    assert back["HighMmioGapSize"] == 2**64 - 1
    assert cim.parse_path(back["Parent"]).keys == {"InstanceID": "Microsoft:G\\0"}


def test_embedded_refuses_a_property_that_the_class_lacks():
    with pytest.raises(HostError, match="Msvm_MemorySettingData has no property VirtualQuantitty"):
        cim.embedded(MEMORY, {"VirtualQuantitty": 1})


def test_from_embedded_reads_types_of_the_text():
    text = (
        '<INSTANCE CLASSNAME="Msvm_VirtualHardDiskSettingData">'
        '<PROPERTY NAME="BlockSize" TYPE="uint32"><VALUE>512</VALUE></PROPERTY>'
        '<PROPERTY NAME="DataAlignment" PROPAGATED="true" TYPE="uint64"></PROPERTY>'
        '<PROPERTY NAME="ParentPath" TYPE="string"><VALUE></VALUE></PROPERTY>'
        '<PROPERTY NAME="On" TYPE="boolean"><VALUE>TRUE</VALUE></PROPERTY>'
        '<PROPERTY.ARRAY NAME="Many" TYPE="uint16">'
        "<VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>"
        '<PROPERTY.REFERENCE NAME="Of"><VALUE.REFERENCE>root/cimv2:X.Name="v"</VALUE.REFERENCE></PROPERTY.REFERENCE>'
        "</INSTANCE>"
    )
    assert cim.from_embedded(text) == {
        "__CLASS": "Msvm_VirtualHardDiskSettingData",
        "BlockSize": 512,
        "DataAlignment": None,
        "ParentPath": "",
        "On": True,
        "Many": [1, 2],
        "Of": Reference("root/cimv2", "X", {"Name": "v"}),
    }


def test_from_embedded_fills_the_class():
    assert cim.from_embedded('<INSTANCE CLASSNAME="X"></INSTANCE>', SETTINGS)["Notes"] == []


@pytest.mark.parametrize("text", ["", "not xml", "<OTHER/>", "<INSTANCE"])
def test_from_embedded_refuses_other_text(text):
    with pytest.raises(HostError, match="embedded instance"):
        cim.from_embedded(text)


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["12"], [12]),
        (["1", "255"], [1, 255]),
        (["AQID"], [1, 2, 3]),
        (["MTI="], [49, 50]),
        (["1234"], [0xD7, 0x6D, 0xF8]),
    ],
)
def test_octets_in_both_encodings(texts, value):
    assert cim.octets(texts, "Data") == value


def test_reference_of_an_instance():
    assert MEMORY.reference({"InstanceID": "Microsoft:G", "Limit": 1}) == Reference(
        V2, "Msvm_MemorySettingData", {"InstanceID": "Microsoft:G"}
    )
    with pytest.raises(HostError, match="lacks the key InstanceID"):
        MEMORY.reference({"InstanceID": None})
