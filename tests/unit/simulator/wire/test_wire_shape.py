"""What the simulator writes, character by character against what Windows hosts wrote."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, load
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.wire import decode, encode, faults
from ansible_collections.nested.hyperv.tests.simulator.wire.envelope import response

from .. import captured

SCHEMA = load(26220)


def _find(namespace, name):
    return SCHEMA.find(namespace, name)


@pytest.mark.parametrize(
    ("class_name", "text"),
    [
        ("Msvm_ComputerSystem", captured.VM_OFF),
        ("Msvm_StorageJob", captured.STORAGE_JOB),
        ("Msvm_AffectedJobElement", captured.AFFECTED_JOB_ELEMENT),
        ("Msvm_GuestNetworkAdapterConfiguration", captured.GUEST_ADAPTER),
    ],
)
def test_instance_is_written_as_windows_writes_it(class_name, text):
    cls = _find(HYPERV, class_name)
    values = decode.properties(ElementTree.fromstring(text), cls, _find)
    bare = Instance(cls, dict.fromkeys(cls.properties) | values)

    assert encode.instance(bare) == text


def test_output_of_a_method_and_its_envelope():
    cls = _find(HYPERV, "Msvm_VirtualEthernetSwitchManagementService")
    switch = Reference(
        HYPERV,
        "Msvm_VirtualEthernetSwitch",
        {"CreationClassName": "Msvm_VirtualEthernetSwitch", "Name": "00000000-0000-4000-8000-000000000014"},
    )
    body = encode.output(cls, cls.find_method("DefineSystem"), 0, {"ResultingSystem": switch, "Job": None})
    text = response(
        "transfer",
        f"{cls.uri}/DefineSystemResponse",
        "uuid:00000000-0000-4000-8000-000000000013",
        body,
        "ja-JP",
    )

    fresh = re.sub("<a:MessageID>uuid:[0-9A-F-]{36}<", "<a:MessageID>uuid:00000000-0000-4000-8000-000000000012<", text)
    assert fresh == captured.DEFINE_SWITCH_ENVELOPE


def test_fault_of_a_query_for_an_unknown_class():
    cim = errors.CimError(
        errors.INVALID_CLASS,
        operation="ExecQuery",
        parameter_info='Select * from Win32_Processa where name="sshd.exe"',
        provider="WinMgmt",
    )
    problem = faults.from_cim(cim, "root/cimv2", query=True)

    assert faults.fault_body(problem, "en-US", "localhost", "vagrant-2008R2") == captured.UNKNOWN_CLASS_FAULT


def test_projection_has_no_namespaces_and_no_null_arrays():
    cls = _find(HYPERV, "Msvm_ComputerSystem")
    values = decode.properties(ElementTree.fromstring(captured.VM_OFF), cls, _find)
    columns = ("Status", "InstallDate", "ProcessID", "OperationalStatus", "Roles", "ElementName")

    text = encode.projection(Instance(cls, values), columns)

    # txwinrm's samples of Windows Server 2012: <InstallDate><Datetime>…, alphabetical, nulls as xsi:nil.
    assert text == (
        f'<w:XmlFragment xmlns:xsi="{captured.XSI}"><ElementName>scrubbed-9</ElementName>'
        "<InstallDate><Datetime>2026-10-08T15:15:36.68424Z</Datetime></InstallDate>"
        '<OperationalStatus>2</OperationalStatus><ProcessID xsi:nil="true"/><Status>OK</Status></w:XmlFragment>'
    )


def test_embedded_object_is_in_the_namespace_of_its_own_class():
    cls = _find(HYPERV, "Msvm_VirtualSystemManagementService")
    summary = Instance(_find(HYPERV, "Msvm_SummaryInformation"), {"ElementName": "vm <1>", "EnabledState": 2})

    text = encode.output(cls, cls.find_method("GetSummaryInformation"), 0, {"SummaryInformation": [summary, summary]})

    found = ElementTree.fromstring(text).findall(
        f"{{{cls.uri}}}SummaryInformation/{{{captured.WMI}/Msvm_SummaryInformation}}ElementName"
    )
    assert [element.text for element in found] == ["vm <1>", "vm <1>"]


@pytest.mark.parametrize(
    ("text", "written"), [("a\tb\nc", "a\tb\nc"), ("a\rb", "a&#13;b"), ("a\x01b", "a?b"), ('<"&">', '&lt;"&amp;"&gt;')]
)
def test_text_is_escaped_and_control_characters_replaced(text, written):
    cls = _find(HYPERV, "Msvm_ComputerSystem")
    assert f"<p:ElementName>{written}</p:ElementName>" in encode.instance(Instance(cls, {"ElementName": text}))
