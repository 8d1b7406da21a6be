# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client over a scripted host: what it asks, in which order, and what it makes of the answers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import envelope, faults
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass, Reference
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client

DATA = Path(__file__).parent / "data"
V2 = "root/virtualization/v2"
URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
PREFIXES = {"s": envelope.SOAP, "a": envelope.ADDRESSING, "w": envelope.WSMAN, "n": envelope.ENUMERATION}
COMPUTER = CimClass(
    V2,
    "Msvm_ComputerSystem",
    ("CreationClassName", "Name"),
    {
        "Name": "string",
        "ElementName": "string",
        "EnabledState": "uint16",
        "OperationalStatus": "uint16[]",
        "Missing": "string",
    },
)
SERVICE = CimClass(V2, "Msvm_VirtualEthernetSwitchManagementService", ("CreationClassName", "Name"))
JOB = CimClass(V2, "Msvm_StorageJob", ("InstanceID",), {"InstanceID": "string", "JobState": "uint16"})
EMPTY = (
    f'<s:Envelope xmlns:s="{envelope.SOAP}" xmlns:a="{envelope.ADDRESSING}"><s:Header><a:RelatesTo></a:RelatesTo>'
    "</s:Header><s:Body/></s:Envelope>"
)
RELATES_TO = re.compile(r"(<a:RelatesTo>)[^<]*(</a:RelatesTo>)")


class Script:
    """Answers in turn with files, texts or exceptions, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.slept = []
        self.client = Client(self.send, to="http://hv01:5985/wsman", sleep=self.slept.append)

    def send(self, request):
        self.requests.append(ElementTree.fromstring(request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        path = DATA / f"{answer}.xml"
        text = path.read_text() if len(answer) < 100 and path.exists() else answer
        # The captured answers belong to requests of others.
        return RELATES_TO.sub(rf"\g<1>{self.texts('s:Header/a:MessageID')[-1]}\g<2>", text)

    def texts(self, path):
        return [request.findtext(path, None, PREFIXES) for request in self.requests]

    @property
    def actions(self):
        return [(action or "Identify").rpartition("/")[2] for action in self.texts("s:Header/a:Action")]


def related(name):
    """An answer that was written down without its header."""
    return (DATA / f"{name}.xml").read_text().replace("<s:Header>", "<s:Header><a:RelatesTo></a:RelatesTo>", 1)


def reset():
    return faults.ConnectionFailed("The connection broke.")


def test_identify():
    script = Script("identify")
    assert script.client.identify()["ProductVersion"].startswith("OS: 10.0.20348")


def test_a_recorded_client_passes_on_what_it_sends_and_gets():
    script, exchanges = Script("identify"), []
    recorded = script.client.recorded(lambda *exchange: exchanges.append(exchange))
    assert recorded.identify()["ProductVendor"] == "Microsoft Corporation"
    ((request, answer),) = exchanges
    assert b"Identify" in request
    assert "Microsoft Corporation" in answer


def test_get_sends_the_keys():
    script = Script("get_storage_job")
    job = script.client.get(JOB, {"InstanceID": "J"})
    assert job["JobState"] == 7
    assert script.actions == ["Get"]
    assert script.texts("s:Header/w:ResourceURI") == [JOB.uri]
    assert script.texts("s:Header/w:SelectorSet/w:Selector[@Name='InstanceID']") == ["J"]


def test_an_enumeration_goes_to_the_end_with_the_newest_context():
    script = Script("enumerate_optimized_first", "pull_page", "pull_last")
    rows = script.client.enumerate(COMPUTER)
    assert [row["ElementName"] for row in rows] == ["web01", "web02", "web03", "web04"]
    assert script.actions == ["Enumerate", "Pull", "Pull"]
    assert script.texts(".//n:Pull/n:EnumerationContext") == [
        None,
        "uuid:00000000-0000-4000-8000-000000000003",
        "uuid:00000000-0000-4000-8000-000000000006",
    ]
    assert script.texts(".//n:Pull/n:MaxElements") == [None, "32000", "32000"]
    assert script.requests[0].find(".//w:OptimizeEnumeration", PREFIXES) is not None


def test_one_page_is_one_request():
    script = Script("enumerate_optimized_complete")
    assert len(script.client.enumerate(COMPUTER)) == 1
    assert script.actions == ["Enumerate"]


def test_a_host_without_optimisation():
    script = Script("enumerate_context_only", "pull_last")
    assert len(script.client.enumerate(COMPUTER)) == 2


def test_nothing_found():
    script = Script("enumerate_optimized_empty")
    assert script.client.enumerate(COMPUTER) == []


def test_modes():
    script = Script("enumerate_context_only", "pull_epr_items")
    (row,) = script.client.enumerate(COMPUTER, mode="EnumerateObjectAndEPR")
    assert script.texts(".//w:EnumerationMode")[0] == "EnumerateObjectAndEPR"
    assert row["__REFERENCE"].class_name == "Msvm_ComputerSystem"


def test_a_query_uses_the_uri_of_all_classes():
    script = Script("enumerate_optimized_complete")
    (row,) = script.client.query(COMPUTER, where="EnabledState = 2")
    assert row["ElementName"] == "web01"
    assert script.texts("s:Header/w:ResourceURI") == [URI + "*"]
    assert script.texts(".//w:Filter") == ["SELECT * FROM Msvm_ComputerSystem WHERE EnabledState = 2"]


def test_columns_and_equalities():
    script = Script("enumerate_optimized_empty")
    where = {"ElementName": "O'Neil & \\", "EnabledState": 2, "Missing": None}
    script.client.query(COMPUTER, columns=("Name", "EnabledState"), where=where)
    assert script.texts(".//w:Filter") == [
        "SELECT Name, EnabledState FROM Msvm_ComputerSystem"
        " WHERE ElementName = 'O\\'Neil & \\\\' AND EnabledState = 2 AND Missing IS NULL"
    ]


@pytest.mark.parametrize("argument", ["columns", "where"])
def test_unknown_columns_are_not_sent(argument):
    script = Script()
    with pytest.raises(faults.HostError, match="Msvm_ComputerSystem has no property Nmae"):
        script.client.query(COMPUTER, **{argument: {"Nmae": "x"}})
    assert script.requests == []


def test_a_limit_releases_the_rest():
    script = Script("enumerate_optimized_first", EMPTY)
    assert len(script.client.query(COMPUTER, limit=1)) == 1
    assert script.actions == ["Enumerate", "Release"]
    assert script.texts(".//n:Release/n:EnumerationContext")[1] == "uuid:00000000-0000-4000-8000-000000000003"


def test_an_error_in_the_middle_releases():
    script = Script("enumerate_optimized_first", "fault_access_denied", EMPTY)
    with pytest.raises(faults.AccessDenied):
        script.client.enumerate(COMPUTER)
    assert script.actions == ["Enumerate", "Pull", "Release"]


def test_a_failing_release_does_not_hide_the_error():
    script = Script("enumerate_optimized_first", "fault_access_denied", "fault_context")
    with pytest.raises(faults.AccessDenied):
        script.client.enumerate(COMPUTER)


def test_endless_empty_pages_end():
    page = (DATA / "pull_page.xml").read_text()
    empty = page[: page.index("<n:Items>")] + page[page.index("</n:Items>") + len("</n:Items>") :]
    script = Script(*["enumerate_context_only", *[empty] * 101, EMPTY] * 4)
    with pytest.raises(faults.BadAnswer, match="empty pages"):
        script.client.enumerate(COMPUTER)


def test_endless_pages_end():
    """A host that answers each request in time, and never comes to the end."""
    script = Script("enumerate_context_only", *["pull_page"] * 9)
    minutes = iter(range(0, 9000, 100))
    script.client._clock = lambda: next(minutes)
    with pytest.raises(faults.OperationTimeout, match="did not come to the end of an enumeration within 600 s"):
        script.client.enumerate(COMPUTER)
    assert script.actions == ["Enumerate", *["Pull"] * 7, "Release"]


def test_associators():
    script = Script("enumerate_optimized_empty", "enumerate_optimized_empty", "enumerate_optimized_empty")
    system = Reference(V2, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": 'G"\\'})
    script.client.associators(
        system, COMPUTER, "Msvm_SettingsDefineState", role="ManagedElement", result_role="SettingData"
    )
    script.client.references(system, result_class="Msvm_AffectedJobElement")
    script.client.associators(system)
    of = r'OF {Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="G\"\\"}'
    assert script.texts(".//w:Filter") == [
        f"ASSOCIATORS {of} WHERE AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_ComputerSystem"
        " Role = ManagedElement ResultRole = SettingData",
        f"REFERENCES {of} WHERE ResultClass = Msvm_AffectedJobElement",
        f"ASSOCIATORS {of}",
    ]
    assert set(script.texts("s:Header/w:ResourceURI")) == {URI + "*"}


def test_results_of_several_classes():
    script = Script("enumerate_context_only", "pull_last")
    rows = script.client.wql(V2, "SELECT * FROM CIM_System", {"Msvm_ComputerSystem": COMPUTER})
    assert [row["EnabledState"] for row in rows] == [3, 3]


def test_invoke():
    script = Script("invoke_destroy_job")
    system = Reference(V2, "Msvm_VirtualEthernetSwitch", {"Name": "G"})
    output = script.client.invoke(
        SERVICE, "DestroySystem", {"CreationClassName": SERVICE.name}, {"AffectedSystem": system}, {"Job": "ref"}
    )
    assert output["ReturnValue"] == 4096
    assert output["Job"].class_name == "Msvm_ConcreteJob"
    assert script.texts("s:Header/a:Action") == [SERVICE.uri + "/DestroySystem"]
    assert script.texts("s:Header/w:SelectorSet/w:Selector[@Name='CreationClassName']") == [SERVICE.name]


def test_create_put_delete():
    nat = CimClass("root/StandardCimv2", "MSFT_NetNat", ("InstanceID",), {"Name": "string"})
    script = Script(related("create_nat"), EMPTY, EMPTY)
    created = script.client.create(nat, {"Name": "nat1"})
    assert created.keys == {"InstanceID": "nat1;0"}
    assert script.client.put(nat, created.keys, {"Name": "nat2"}) == {}
    script.client.delete(nat, created.keys)
    assert script.actions == ["Create", "Put", "Delete"]
    assert script.texts("s:Header/w:SelectorSet/w:Selector") == [None, "nat1;0", "nat1;0"]


# ---- repeating ----


@pytest.mark.parametrize("trouble", [reset(), faults.HostBusy("busy"), "fault_quota", "fault_wmi_error_quota"])
def test_reads_are_repeated(trouble):
    script = Script(trouble, trouble, "get_storage_job")
    assert script.client.get(JOB, {"InstanceID": "J"})["JobState"] == 7
    assert len(script.slept) == 2
    assert sum(script.slept) < 2


def test_a_broken_enumeration_starts_again():
    script = Script("enumerate_optimized_first", reset(), "enumerate_optimized_first", "pull_last")
    assert [row["ElementName"] for row in script.client.enumerate(COMPUTER)] == ["web01", "web03", "web04"]
    assert script.actions == ["Enumerate", "Pull", "Enumerate", "Pull"]


def test_reads_are_not_repeated_for_ever():
    script = Script(*[reset() for _turn in range(9)])
    with pytest.raises(faults.ConnectionFailed):
        script.client.get(JOB, {"InstanceID": "J"})
    assert len(script.requests) == 4


@pytest.mark.parametrize(
    "trouble",
    [
        faults.ConnectionFailed("refused", sent=False),
        faults.CertificateInvalid("expired", sent=False),
        faults.AuthenticationFailed("wrong password"),
        faults.OperationTimeout("slow"),
        "fault_not_found",
        "fault_timed_out",
    ],
)
def test_what_repeating_does_not_mend(trouble):
    script = Script(trouble)
    with pytest.raises(faults.HostError):
        script.client.get(JOB, {"InstanceID": "J"})
    assert script.slept == []


@pytest.mark.parametrize("trouble", [reset(), faults.HostBusy("busy"), "fault_quota", faults.OperationTimeout("slow")])
@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.invoke(SERVICE, "DestroySystem", {"Name": "x"}),
        lambda client: client.create(JOB, {"InstanceID": "x"}),
        lambda client: client.put(JOB, {"InstanceID": "x"}, {}),
        lambda client: client.delete(JOB, {"InstanceID": "x"}),
    ],
)
def test_writes_are_sent_once(write, trouble):
    script = Script(trouble)
    with pytest.raises(faults.WSManError):
        write(script.client)
    assert len(script.requests) == 1


# ---- answers belong to requests ----


@pytest.mark.parametrize(
    "answer",
    [
        EMPTY.replace("</a:RelatesTo>", "</a:RelatesTo >"),  # not the id that the script puts in
        EMPTY.replace("<a:RelatesTo></a:RelatesTo>", ""),
    ],
)
def test_an_answer_to_another_request(answer):
    script = Script(answer)
    with pytest.raises(faults.BadAnswer, match="belongs to another request") as caught:
        script.client.delete(JOB, {"InstanceID": "x"})
    assert caught.value.sent
    assert len(script.requests) == 1


def test_a_fault_about_another_request():
    fault = RELATES_TO.sub(r"<a:RelatesTo >uuid:X</a:RelatesTo>", (DATA / "fault_not_found.xml").read_text())
    with pytest.raises(faults.BadAnswer, match="belongs to another request"):
        Script(fault).client.delete(JOB, {"InstanceID": "x"})


def test_a_fault_about_a_request_that_the_host_could_not_read():
    fault = RELATES_TO.sub("", (DATA / "fault_not_found.xml").read_text())
    with pytest.raises(faults.NotFound):
        Script(fault).client.delete(JOB, {"InstanceID": "x"})


@pytest.mark.parametrize("method", ["DestroySystem", "DefineSystems", "Define"])
def test_the_output_of_another_method(method):
    script = Script("invoke_define_switch")
    with pytest.raises(faults.BadAnswer, match=f"answered {method} with DefineSystem_OUTPUT") as caught:
        script.client.invoke(SERVICE, method)
    assert caught.value.sent


def test_a_read_is_repeated_if_its_answer_is_none():
    script = Script("not XML", "get_storage_job")
    assert script.client.get(JOB, {"InstanceID": "J"})["JobState"] == 7
    assert len(script.requests) == 2


def test_an_instance_without_its_key():
    row = (DATA / "get_storage_job.xml").read_text()
    script = Script(row.replace("InstanceID>", "InstanceIX>"))
    with pytest.raises(faults.BadAnswer, match="Msvm_StorageJob without its key InstanceID"):
        script.client.get(JOB, {"InstanceID": "J"})


# ---- judging ----


def test_faults_name_endpoint_class_and_operation():
    script = Script("fault_access_denied")
    with pytest.raises(faults.AccessDenied) as caught:
        script.client.invoke(SERVICE, "DestroySystem", {"Name": "x"})
    assert caught.value.details["endpoint"] == "http://hv01:5985/wsman"
    assert caught.value.details["class"] == SERVICE.name
    assert caught.value.details["operation"] == "DestroySystem"


@pytest.mark.parametrize(
    ("probes", "kind"),
    [
        (["enumerate_optimized_empty"], faults.InvalidClass),
        (["fault_not_found", "enumerate_optimized_empty"], faults.InvalidNamespace),
        # A host that hides __NAMESPACE everywhere says nothing about this namespace.
        (["fault_not_found", "fault_not_found"], faults.InvalidClass),
        (["fault_access_denied"], faults.InvalidClass),
    ],
)
def test_nothing_behind_a_class_uri(probes, kind):
    """A missing class and a missing namespace come with the same numbers; __NAMESPACE tells them apart."""
    script = Script("fault_not_found", *probes)
    with pytest.raises(faults.InvalidClass) as caught:
        script.client.enumerate(COMPUTER)
    assert caught.value.__class__ is kind
    assert caught.value.resource == COMPUTER.uri
    asked = [URI + "__NAMESPACE", "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/__NAMESPACE"]
    assert script.texts("s:Header/w:ResourceURI")[1:] == asked[: len(probes)]


def test_a_query_of_an_unknown_class_is_refused_like_any_other():
    script = Script("fault_filter", "fault_not_found", "fault_not_found", "enumerate_optimized_empty")
    with pytest.raises(faults.InvalidNamespace):
        script.client.query(COMPUTER, where="EnabledState > 2")


def test_nothing_behind_selectors_is_no_such_object():
    script = Script("fault_not_found")
    with pytest.raises(faults.NotFound):
        script.client.get(JOB, {"InstanceID": "x"})
    assert len(script.requests) == 1


def test_wql_refused_equalities_are_compared_here():
    script = Script("fault_filter", "enumerate_context_only", "pull_last", "enumerate_context_only", "pull_last")
    rows = script.client.query(COMPUTER, ("ElementName", "EnabledState"), {"ElementName": "WEB03"})
    assert rows == [{"ElementName": "web03", "EnabledState": 3}]
    assert script.texts("s:Header/w:ResourceURI") == [URI + "*", COMPUTER.uri, COMPUTER.uri]
    # From then on WQL isn't tried again.
    assert len(script.client.query(COMPUTER)) == 2
    assert script.actions == ["Enumerate", "Enumerate", "Pull", "Enumerate", "Pull"]


def test_wql_refused_for_good_reason():
    script = Script("fault_filter", "enumerate_context_only", "pull_last", "enumerate_optimized_complete")
    with pytest.raises(faults.FilterRefused) as caught:
        script.client.query(COMPUTER, ("ElementName", "Missing"), {"EnabledState": 3})
    assert caught.value.details["query"].startswith("SELECT ElementName, Missing")
    assert len(script.client.query(COMPUTER)) == 1


def test_wql_text_is_not_guessed():
    script = Script("fault_filter", "enumerate_optimized_empty")
    with pytest.raises(faults.FilterRefused):
        script.client.query(COMPUTER, where="EnabledState > 2")
    assert script.texts("s:Header/w:ResourceURI") == [URI + "*", COMPUTER.uri]


def test_no_request_is_sent_after_the_time_for_all_of_them():
    script = Script(EMPTY, EMPTY)
    now = [0.0]
    client = Client(script.send, to="http://hv01:5985/wsman", clock=lambda: now[0])
    client.until = 10.0
    client.delete(JOB, {"InstanceID": "a"})
    now[0] = 10.0
    for late in (client, client.tolerant(print)):
        with pytest.raises(faults.OperationTimeout):
            late.delete(JOB, {"InstanceID": "a"})
    assert len(script.requests) == 1
