# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim, envelope
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass, Reference
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError, NotWSMan

DATA = Path(__file__).parent / "data"
V2 = "root/virtualization/v2"
URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
PREFIXES = {
    "s": envelope.SOAP,
    "a": envelope.ADDRESSING,
    "w": envelope.WSMAN,
    "n": envelope.ENUMERATION,
    "cim": envelope.COMMON,
    "v": URI + "Msvm_VirtualSystemManagementService",
    "g": URI + "Msvm_Guardian",
}
NIL = f"{{{envelope.XSI}}}nil"
NAMES = ("O'Neil", 'say "hi"', "back\\slash", "R&D <lab>", "100%_[a]*", "Größe-虚拟机-🖥", "]]>", "x" * 100, "a\r\nb")

SETTINGS = CimClass(V2, "X", (), {"N": "string"})
SERVICE = CimClass(V2, "Msvm_VirtualSystemManagementService", ("CreationClassName", "Name"))
COMPUTER = CimClass(
    V2,
    "Msvm_ComputerSystem",
    ("CreationClassName", "Name"),
    {
        "CreationClassName": "string",
        "Name": "string",
        "ElementName": "string",
        "EnabledState": "uint16",
        "OperationalStatus": "uint16[]",
        "StatusDescriptions": "string[]",
        "Roles": "string[]",
        "InstallDate": "datetime",
        "LastSuccessfulBackupTime": "datetime",
        "ProcessID": "uint32",
        "OnTimeInMilliseconds": "uint64",
    },
)


def body_of(name):
    return envelope.parse_response((DATA / f"{name}.xml").read_bytes())


def items_of(name, cls=None):
    return [envelope.parse_item(item, cls) for item in envelope.parse_page(body_of(name)).items]


def request(body="", **options):
    text = envelope.build_request("urn:act", URI + "X", body, to="http://hv01:5985/wsman", **options)
    return ElementTree.fromstring(text)


def invoke(arguments, cls=SERVICE):
    sent = request(envelope.build_invoke(cls, "DoIt", arguments))
    return sent.find("s:Body", PREFIXES)[0]


# ---- building ----


def test_headers():
    header = request(timeout=60, message_id="uuid:M").find("s:Header", PREFIXES)
    assert header.findtext("a:To", None, PREFIXES) == "http://hv01:5985/wsman"
    assert header.findtext("a:Action", None, PREFIXES) == "urn:act"
    assert header.findtext("w:ResourceURI", None, PREFIXES) == URI + "X"
    assert header.findtext("a:MessageID", None, PREFIXES) == "uuid:M"
    assert header.findtext("a:ReplyTo/a:Address", None, PREFIXES) == envelope.ANONYMOUS
    assert header.findtext("w:OperationTimeout", None, PREFIXES) == "PT60S"
    assert header.find("w:SelectorSet", PREFIXES) is None
    assert int(header.findtext("w:MaxEnvelopeSize", None, PREFIXES)) >= 8192
    for name in ("w:ResourceURI", "a:Action"):
        assert header.find(name, PREFIXES).get(f"{{{envelope.SOAP}}}mustUnderstand") == "true"
    locale = header.find("w:Locale", PREFIXES)
    assert locale.get(f"{{{envelope.SOAP}}}mustUnderstand") == "false"


def test_every_message_has_its_own_id():
    ids = {request().findtext("s:Header/a:MessageID", None, PREFIXES) for _turn in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_selectors_filters_and_arguments(name):
    sent = request(
        envelope.build_enumerate(f"SELECT * FROM X WHERE N = {cim.quote(name)}", None, 10), selectors={"N": name}
    )
    assert sent.findtext("s:Header/w:SelectorSet/w:Selector[@Name='N']", None, PREFIXES) == name
    query = sent.find(".//w:Filter", PREFIXES)
    assert query.text == f"SELECT * FROM X WHERE N = {cim.quote(name)}"
    assert query.get("Dialect") == "http://schemas.microsoft.com/wbem/wsman/1/WQL"
    assert invoke({"Name": name}).findtext("v:Name", None, PREFIXES) == name
    reference = invoke({"Of": Reference(V2, "X", {"N": name})}).find("v:Of", PREFIXES)
    assert envelope.parse_reference(reference).keys == {"N": name}
    settings = CimClass(V2, "X", (), {"ElementName": "string"})
    sent_text = invoke({"S": [cim.embedded(settings, {"ElementName": name})]}).findtext("v:S", None, PREFIXES)
    assert cim.from_embedded(sent_text, settings)["ElementName"] == name


@pytest.mark.parametrize("bad", ["bell\a", "nul\0", "surrogate\ud800", "\ufffe"])
@pytest.mark.parametrize(
    "part",
    [
        lambda text: {"selectors": {"N": text}},
        lambda text: {"body": envelope.build_invoke(SERVICE, "M", {"N": text})},
        lambda text: {"body": envelope.build_enumerate(f"SELECT * FROM X WHERE N = '{text}'", None, 1)},
        lambda text: {
            "body": envelope.build_invoke(SERVICE, "M", {"N": cim.embedded(SETTINGS, {"N": f"before {text}"})})
        },
    ],
)
def test_control_characters_are_refused_before_anything_is_sent(part, bad):
    """The error quotes the text that has the character, not the whole request."""
    with pytest.raises(HostError, match=r"U\+[0-9A-F]{4}") as caught:
        envelope.build_request("urn:a", "urn:r", to="http://hv01/wsman", **part(bad))
    quoted = caught.value.message.split('"')[1]
    assert bad.encode("unicode_escape").decode("ascii") in quoted
    assert "Envelope" not in quoted


def test_the_text_of_an_embedded_parameter_holds_numeric_references():
    """What the host's second parser must see is &#38;, after the first one has read the envelope."""
    settings = CimClass(V2, "X", (), {"ElementName": "string"})
    text = invoke({"S": cim.embedded(settings, {"ElementName": "R&D <1>"})}).findtext("v:S", None, PREFIXES)
    assert text == (
        '<INSTANCE CLASSNAME="X"><PROPERTY NAME="ElementName" TYPE="string">'
        "<VALUE>R&#38;D &#60;1&#62;</VALUE></PROPERTY></INSTANCE>"
    )


def test_arguments():
    sent = invoke(
        {
            "State": 2,
            "Big": 2**64 - 1,
            "Force": True,
            "Nothing": None,
            "Empty": "",
            "None_": [],
            "Many": [1, 2],
            "At": datetime(2026, 1, 2, 3, 4, 5, 600000, timezone.utc),
            "After": timedelta(minutes=5),
            "Raw": b"\x01\x02\x03",
        }
    )
    assert sent.tag == f"{{{SERVICE.uri}}}DoIt_INPUT"
    assert [(child.tag.rpartition("}")[2], child.text) for child in sent if not len(child)] == [
        ("State", "2"),
        ("Big", "18446744073709551615"),
        ("Force", "true"),
        ("Nothing", None),
        ("Empty", None),
        ("Many", "1"),
        ("Many", "2"),
        ("Raw", "AQID"),
    ]
    assert sent.find("v:Nothing", PREFIXES).get(NIL) == "true"
    assert sent.find("v:Empty", PREFIXES).get(NIL) is None
    assert sent.findtext("v:At/cim:Datetime", None, PREFIXES) == "2026-01-02T03:04:05.6Z"
    assert sent.findtext("v:After/cim:Interval", None, PREFIXES) == "P0DT0H5M0S"


def test_references_have_no_wrapper():
    """Hosts answer a wsa:EndpointReference element with a schema validation fault."""
    first = Reference(V2, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": "G"})
    second = Reference(V2, "Msvm_X", {"InstanceID": "Microsoft:G\\0"})
    sent = invoke({"AffectedSystem": first, "ResourceSettings": [first, second]})
    affected = sent.find("v:AffectedSystem", PREFIXES)
    assert [child.tag for child in affected] == [
        f"{{{envelope.ADDRESSING}}}{n}" for n in ("Address", "ReferenceParameters")
    ]
    assert affected.findtext("a:ReferenceParameters/w:ResourceURI", None, PREFIXES) == URI + "Msvm_ComputerSystem"
    found = [envelope.parse_reference(item) for item in sent.findall("v:ResourceSettings", PREFIXES)]
    assert found == [first, second]


def test_embedded_objects_have_the_namespace_of_their_class():
    sent = invoke({"Owner": {"__CLASS": "Msvm_Guardian", "Name": "Untrusted", "Keys": [1, 2], "Note": None}})
    owner = sent.find("v:Owner", PREFIXES)
    assert owner.get(f"{{{envelope.XSI}}}type") == "g:Msvm_Guardian_Type"
    assert owner.findtext("g:Name", None, PREFIXES) == "Untrusted"
    assert [item.text for item in owner.findall("g:Keys", PREFIXES)] == ["1", "2"]
    with pytest.raises(HostError, match="__CLASS"):
        invoke({"Owner": {"Name": "x"}})


def test_instance_body():
    nat = CimClass("root/StandardCimv2", "MSFT_NetNat", ("InstanceID",), {"Name": "string", "Active": "boolean"})
    element = ElementTree.fromstring(envelope.build_instance(nat, {"__CLASS": "x", "Name": "nat<1>", "Active": None}))
    assert element.tag == f"{{{nat.uri}}}MSFT_NetNat"
    assert [(child.text, child.get(NIL)) for child in element] == [("nat<1>", None), (None, "true")]
    with pytest.raises(HostError, match="MSFT_NetNat has no property Nmae"):
        envelope.build_instance(nat, {"Nmae": 1})


def test_requests_are_small():
    query = "SELECT InstanceID, VirtualQuantity FROM Msvm_MemorySettingData WHERE InstanceID LIKE 'Microsoft:G%'"
    sent = envelope.build_request(
        envelope.ACTION_ENUMERATE,
        URI + "*",
        envelope.build_enumerate(query, None, 32000),
        to="http://hv01.example:5985/wsman",
    )
    assert len(sent) < 1300


# ---- reading ----


def test_a_whole_instance():
    (vm,) = items_of("enumerate_optimized_complete", COMPUTER)
    assert vm["__CLASS"] == "Msvm_ComputerSystem"
    assert vm["ElementName"] == "web01"
    assert vm["EnabledState"] == 2
    assert vm["OperationalStatus"] == [2]
    assert vm["StatusDescriptions"] == ["正常稼働中"]
    assert vm["Roles"] == []
    assert vm["InstallDate"] == datetime(2026, 10, 8, 15, 15, 36, 684240, timezone.utc)
    assert vm["LastSuccessfulBackupTime"] is None
    assert vm["ProcessID"] is None
    assert vm["OnTimeInMilliseconds"] == 0
    # Not in the CimClass: as it looks.
    assert vm["Description"] == "Microsoft Virtual Machine"
    assert vm["EnabledDefault"] == "3"
    assert vm["LastReplicationTime"] == datetime(1601, 1, 1, tzinfo=timezone.utc)
    assert vm["CommunicationStatus"] is None


def test_without_a_class_values_are_guessed():
    job = envelope.parse_item(body_of("get_storage_job")[0])
    assert job["OperationalStatus"] == ["17", "2"]
    assert job["ElapsedTime"] == timedelta(seconds=1, microseconds=4170)
    assert job["TimeBeforeRemoval"] == timedelta(minutes=5)
    assert job["Notify"] == ""
    assert job["Child"] is None


@pytest.mark.parametrize(
    ("name", "count", "context"),
    [
        ("enumerate_context_only", 0, "uuid:00000000-0000-4000-8000-000000000003"),
        ("enumerate_optimized_complete", 1, None),
        ("enumerate_optimized_first", 1, "uuid:00000000-0000-4000-8000-000000000003"),
        ("enumerate_optimized_empty", 0, None),
        ("pull_page", 1, "uuid:00000000-0000-4000-8000-000000000006"),
        ("pull_last", 2, None),
    ],
)
def test_pages(name, count, context):
    page = envelope.parse_page(body_of(name))
    assert (len(page.items), page.context) == (count, context)


def test_items_may_be_in_the_other_namespace():
    text = (
        (DATA / "pull_last.xml").read_text().replace("n:Items", "w:Items").replace("n:EndOfSequence", "w:EndOfSequence")
    )
    page = envelope.parse_page(envelope.parse_response(text))
    assert (len(page.items), page.context) == (2, None)


def test_fragments_of_projected_queries():
    memory = CimClass(
        V2,
        "Msvm_MemorySettingData",
        (),
        {
            "InstanceID": "string",
            "VirtualQuantity": "uint64",
            "DynamicMemoryEnabled": "boolean",
            "MaxMemoryBlocksPerNumaNode": "uint64",
            "HostResource": "string[]",
        },
    )
    (row,) = items_of("pull_fragments", memory)
    assert row.pop("InstanceID").endswith("\\4764334d-e001-4176-82ee-5594ec9b530e")
    assert row == {
        "VirtualQuantity": 4096,
        "DynamicMemoryEnabled": True,
        "MaxMemoryBlocksPerNumaNode": None,
        "HostResource": [],
    }


def test_items_with_references():
    (row,) = items_of("pull_epr_items", COMPUTER)
    assert row["ElementName"] == "web01"
    assert row["__REFERENCE"].keys["Name"] == row["Name"]
    assert row["__REFERENCE"].class_name == "Msvm_ComputerSystem"
    assert row["__REFERENCE"].namespace == V2


def test_association_ends():
    association = CimClass(
        V2,
        "Msvm_AffectedJobElement",
        (),
        {"AffectedElement": "ref", "AffectingElement": "ref", "ElementEffects": "uint16[]"},
    )
    (typed,) = items_of("pull_affected_element", association)
    assert typed["AffectedElement"] == Reference(
        V2, "Msvm_VirtualSystemSettingData", {"InstanceID": "Microsoft:5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A01"}
    )
    assert typed["ElementEffects"] == [5]
    (guessed,) = items_of("pull_affected_element")
    assert guessed["AffectedElement"] == typed["AffectedElement"]


def test_absent_arrays():
    guest = CimClass(
        V2, "Msvm_GuestNetworkAdapterConfiguration", (), {"IPAddresses": "string[]", "DHCPEnabled": "boolean"}
    )
    (row,) = items_of("guest_network_empty", guest)
    assert row["IPAddresses"] == []
    assert row["DHCPEnabled"] is True


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<p:A>1</p:A><p:A>2</p:A>", [1, 2]),
        ("<p:A>AQI=</p:A>", [1, 2]),
        ("<p:A>7</p:A>", [7]),
        ('<p:A xsi:nil="true"/>', []),
        ("", []),
    ],
)
def test_octet_arrays(xml, value):
    element = ElementTree.fromstring(f'<p:X xmlns:p="urn:x" xmlns:xsi="{envelope.XSI}">{xml}</p:X>')
    assert envelope.parse_instance(element, CimClass("n", "X", (), {"A": "uint8[]"}))["A"] == value


def test_old_hosts_add_a_location():
    element = ElementTree.fromstring(
        f'<p:X xmlns:p="urn:x" xmlns:cim="{envelope.COMMON}"><p:A>1</p:A><cim:Location>x</cim:Location></p:X>'
    )
    assert envelope.parse_instance(element) == {"A": "1", "__CLASS": "X"}


def test_rows_of_a_class_share_nothing():
    types = {"Name": "string", "Roles": "string[]"}
    empty = ElementTree.fromstring("<p:C xmlns:p='http://x'/>")
    first, second = (envelope.parse_properties(empty, types) for _row in range(2))
    first["Roles"].append("changed")
    first["Name"] = "changed"
    assert second == {"Name": None, "Roles": []}
    assert envelope.parse_properties(empty, types) == {"Name": None, "Roles": []}


def test_types_that_come_and_go():
    """Each query of some columns has types of its own; what is known of old ones is forgotten, never confused."""
    row = ElementTree.fromstring("<p:C xmlns:p='http://x'><p:A>1</p:A></p:C>")
    for _turn in range(2 * envelope._MOST_SHAPES):
        assert envelope.parse_properties(row, {"A": "uint32", "B": "string"}) == {"A": 1, "B": None}
        assert envelope.parse_properties(row, {"A": "string[]"}) == {"A": ["1"]}
    assert len(envelope._shapes) <= envelope._MOST_SHAPES


def test_a_value_of_the_wrong_type_is_named():
    element = ElementTree.fromstring('<p:X xmlns:p="urn:x"><p:A>many</p:A></p:X>')
    with pytest.raises(HostError, match="'many' for A, which is of type uint16"):
        envelope.parse_instance(element, CimClass("n", "X", (), {"A": "uint16"}))


def test_output_with_a_job():
    output = envelope.parse_output(body_of("invoke_destroy_job"), "DestroySystem", {"Job": "ref"})
    assert output["ReturnValue"] == 4096
    assert output["Job"] == Reference(V2, "Msvm_ConcreteJob", {"InstanceID": "8D9A2F5E-0000-4000-8000-000000000042"})


def test_output_without_a_job():
    output = envelope.parse_output(
        body_of("invoke_define_switch"), "DefineSystem", {"Job": "ref", "Missing": "string[]"}
    )
    assert output["Job"] is None
    assert output["ResultingSystem"].keys["CreationClassName"] == "Msvm_VirtualEthernetSwitch"
    assert output["Missing"] == []
    assert output["ReturnValue"] == 0


def test_output_with_one_reference_in_an_array():
    returns = {"ResultingResourceSettings": "ref[]"}
    output = envelope.parse_output(body_of("invoke_add_resources"), "AddResourceSettings", returns)
    assert [item.class_name for item in output["ResultingResourceSettings"]] == [
        "Msvm_SyntheticEthernetPortSettingData"
    ]


def test_output_with_embedded_objects():
    summary = CimClass(
        V2,
        "Msvm_SummaryInformation",
        (),
        {"Name": "string", "EnabledState": "uint16", "OperationalStatus": "uint16[]", "UpTime": "uint64"},
    )
    body = body_of("invoke_summary")
    typed = envelope.parse_output(body, "GetSummaryInformation", {"SummaryInformation": [summary]})[
        "SummaryInformation"
    ]
    assert [(row["ElementName"], row["EnabledState"], row["OperationalStatus"]) for row in typed] == [
        ("web01", 2, [2]),
        ("web02", 3, [2]),
    ]
    guessed = envelope.parse_output(body, "GetSummaryInformation", {})["SummaryInformation"]
    assert [row["__CLASS"] for row in guessed] == ["Msvm_SummaryInformation"] * 2
    assert guessed[0]["EnabledState"] == "2"


def test_output_with_an_embedded_instance():
    disk = CimClass(
        V2,
        "Msvm_VirtualHardDiskSettingData",
        (),
        {"Path": "string", "BlockSize": "uint32", "DataAlignment": "uint64", "Notes": "string[]"},
    )
    body = body_of("invoke_get_vhd")
    text = envelope.parse_output(body, "GetVirtualHardDiskSettingData", {})["SettingData"]
    setting = cim.from_embedded(text, disk)
    assert setting["Path"] == "C:\\vm\\R&D <1>.vhdx"
    assert (setting["BlockSize"], setting["DataAlignment"], setting["ParentPath"], setting["Notes"]) == (
        33554432,
        None,
        "",
        ["one"],
    )
    assert setting["CreationTime"] == datetime(2026, 10, 8, 15, 15, 36, 684240, timezone.utc)
    # Asked for as a class, the text is read at once.
    assert envelope.parse_output(body, "GetVirtualHardDiskSettingData", {"SettingData": disk})["SettingData"] == setting


def test_created():
    nat = CimClass("root/StandardCimv2", "MSFT_NetNat", ("InstanceID",))
    assert envelope.parse_created(body_of("create_nat"), nat) == Reference(
        "root/StandardCimv2", "MSFT_NetNat", {"InstanceID": "nat1;0"}
    )


def test_identify():
    assert envelope.parse_identify(body_of("identify")) == {
        "ProtocolVersion": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
        "ProductVendor": "Microsoft Corporation",
        "ProductVersion": "OS: 10.0.20348 SP: 0.0 Stack: 3.0",
    }


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html><body>hello</body></html>",
        b"<!DOCTYPE html><html></html>",
        b"{}",
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>&a;</s:Body></s:Envelope>',
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Bo',
    ],
)
def test_other_answers_are_no_ws_management(answer):
    with pytest.raises(NotWSMan, match="not a WS-Management message"):
        envelope.parse_response(answer)


def test_an_enumeration_answered_by_something_else():
    with pytest.raises(NotWSMan, match="something else"):
        envelope.parse_page(body_of("identify"))
