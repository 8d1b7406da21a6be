# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import envelope, faults

DATA = Path(__file__).parent / "data"
URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem"


def raised(name):
    with pytest.raises(faults.Fault) as caught:
        envelope.parse_response((DATA / f"fault_{name}.xml").read_bytes(), resource=URI, action="x/Get")
    return caught.value


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("not_found", faults.NotFound, 2150858752),
        ("invalid_class", faults.InvalidClass, 2150858752),
        ("invalid_namespace", faults.InvalidNamespace, 2150858752),
        ("filter", faults.FilterRefused, 2150858778),
        ("access_denied", faults.AccessDenied, 5),
        ("wbem_access_denied", faults.AccessDenied, 2147749891),
        ("selectors", faults.InvalidSelectors, 2150858843),
        ("schema", faults.SchemaInvalid, 2150858817),
        ("timed_out", faults.OperationTimedOut, 2150858793),
        ("context", faults.ContextExpired, 2150858779),
        ("quota", faults.QuotaExceeded, 2150859174),
        ("wmi_error_quota", faults.QuotaExceeded, None),
        ("wmi_error_exists", faults.AlreadyExists, None),
        ("invalid_parameters", faults.InvalidParameter, 2147749935),
    ],
)
def test_faults_become_the_most_precise_exception(name, kind, code):
    fault = raised(name)
    assert fault.__class__ is kind
    assert fault.wsman_code == code
    assert isinstance(fault, faults.HostError)


def test_all_nested_codes_are_kept():
    fault = raised("invalid_namespace")
    assert fault.codes == (2150858752, 0x8004100E)
    assert fault.wmi_status == 0x8004100E
    assert fault.provider_message == "Invalid namespace"
    assert fault.subcode == "a:DestinationUnreachable"
    assert str(fault) == (
        "Get Msvm_ComputerSystem: the host does not have this CIM namespace: Invalid namespace (code 0x8004100e)"
    )
    assert fault.details["class"] == "Msvm_ComputerSystem"
    assert fault.details["codes"] == [2150858752, 0x8004100E]


def test_extended_status_is_kept():
    fault = raised("filter")
    assert fault.extended["Operation"] == "ExecQuery"
    assert fault.extended["ParameterInfo"] == "select * from NoSuch"
    assert fault.extended["StatusCode"] is None
    assert fault.provider_message == "The specified class does not exist in the given namespace."


def test_wmi_error_content_is_kept():
    fault = raised("wmi_error_exists")
    assert fault.cim_status == 11
    assert fault.codes == (52,)
    assert fault.extended["MessageID"] == "Windows System Error 52"
    assert fault.provider_message == "A NAT of this name exists."


def test_a_time_out_is_also_an_operation_timeout():
    assert isinstance(raised("timed_out"), faults.OperationTimeout)


def test_localised_text_is_not_what_is_judged():
    fault = raised("wbem_access_denied")
    assert fault.reason == "アクセスが拒否されました。"


def test_an_unknown_fault_is_still_a_fault():
    parts = faults.FaultParts(
        code="s:Receiver", subcode="w:InternalError", reason="odd", codes=(1234,), wsman_code=1234
    )
    fault = faults.judge(parts, resource=URI, action="y/Enumerate")
    assert fault.__class__ is faults.Fault
    assert str(fault) == "Enumerate Msvm_ComputerSystem: the host refused the request: odd (code 1234)"


def test_prefixes_do_not_matter():
    text = (DATA / "fault_selectors.xml").read_text()
    other = re.sub(r"(</?|xmlns:)([a-z])\b", r"\1some\2", text)
    assert "<somes:Fault>" in other
    with pytest.raises(faults.InvalidSelectors):
        envelope.parse_response(other)
