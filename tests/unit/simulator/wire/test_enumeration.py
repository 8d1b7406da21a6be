"""Enumerate, Pull, Release and their filters, over HTTP."""

from __future__ import annotations

import pytest

from ..conftest import add_vms
from ..talk import NS, SYSTEM, V2, Talk, vm_id

CONTEXT_GONE = ("s:Receiver", "n:InvalidEnumerationContext", 2150858779)
BAD_FILTER = ("s:Sender", "n:CannotProcessFilter", 2150858778)
OPTIMIZE = "<w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements>"


@pytest.fixture
def talk(serve):
    return Talk(serve())


def names(answers):
    return [item.findtext(f"{{{SYSTEM}}}ElementName") for answer in answers for item in answer.items]


def pull_all(talk, answer, inner="<n:MaxElements>32000</n:MaxElements>", **options):
    answers = []
    while not answer.ended:
        answer = talk.pull(answer.context, inner, **options)
        answers.append(answer)
    return answers


def test_plain_enumerate_answers_with_a_context_alone(talk):
    answer = talk.enumerate(SYSTEM)

    (response,) = answer.body
    assert [child.tag for child in response] == [f"{{{NS['n']}}}EnumerationContext"]
    assert answer.context.startswith("uuid:")
    assert answer.find("s:Header/a:Action").text == f"{NS['n']}/EnumerateResponse"


def test_header_is_in_windows_order_without_must_understand(talk):
    answer = talk.enumerate(SYSTEM)

    assert [element.tag.rpartition("}")[2] for element in answer.find("s:Header")] == [
        "Action",
        "MessageID",
        "To",
        "RelatesTo",
    ]
    assert "mustUnderstand" not in answer.text
    assert answer.find("s:Header/a:RelatesTo").text == "uuid:11111111-0000-4000-8000-000000000001"


def test_pull_without_max_elements_gives_one_item_and_a_new_context_each_time(talk):
    answers = pull_all(talk, talk.enumerate(SYSTEM), "")

    assert [len(answer.items) for answer in answers] == [1] * 5
    contexts = [answer.context for answer in answers]
    assert contexts[-1] is None
    assert len(set(contexts)) == 5
    assert [child.tag.rpartition("}")[2] for child in answers[0].body[0]] == ["EnumerationContext", "Items"]
    assert [child.tag.rpartition("}")[2] for child in answers[-1].body[0]] == ["Items", "EndOfSequence"]
    assert sorted(names(answers)) == ["vm0", "vm1", "vm2", "vm3", "vm4"]


def test_max_elements_limits_a_page(talk):
    answers = pull_all(talk, talk.enumerate(SYSTEM), "<n:MaxElements>2</n:MaxElements>")
    assert [len(answer.items) for answer in answers] == [2, 2, 1]


@pytest.mark.parametrize("count", ["0", "-1", "many", ""])
def test_max_elements_must_be_a_number(talk, count):
    answer = talk.pull(talk.enumerate(SYSTEM).context, f"<n:MaxElements>{count}</n:MaxElements>")
    assert answer.fault[1] == "w:SchemaValidationError"


def test_pages_end_at_the_limit_of_the_service(serve, machine):
    add_vms(machine, 100, start=5)
    talk = Talk(serve())

    answers = pull_all(talk, talk.enumerate(SYSTEM))

    # Full pages captured from Windows Server 2012 have 75,000 to 76,800 characters, with rows of about 2,600.
    assert all(73_000 < len(answer.text) <= 76_800 for answer in answers[:-1])
    assert len(answers) > 2
    assert sorted(names(answers)) == sorted(f"vm{number}" for number in range(105))


def test_pages_keep_to_the_envelope_size_of_the_client(serve, machine):
    add_vms(machine, 20, start=5)
    talk = Talk(serve())

    answers = pull_all(talk, talk.enumerate(SYSTEM), size=8192)

    assert all(len(answer.text.encode()) <= 8192 for answer in answers)
    assert any(len(answer.items) > 1 for answer in answers)
    assert len(names(answers)) == 25


def test_an_item_larger_than_the_envelope_is_an_encoding_limit(serve, machine):
    machine.repository.row("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=vm_id(0)).update(
        {"Description": "x" * 9000}
    )
    talk = Talk(serve())
    answer = talk.pull(talk.enumerate(SYSTEM).context, size=8192)
    assert answer.fault == ("s:Sender", "w:EncodingLimit", 0x80338048)


def test_optimized_with_more_to_come_brings_exactly_one_item(talk):
    answer = talk.enumerate(SYSTEM, OPTIMIZE)

    assert len(answer.items) == 1
    assert answer.context.startswith("uuid:")
    assert answer.root.find(".//w:Items", NS) is not None
    assert not answer.ended
    rest = pull_all(talk, answer)
    assert len(rest) == 1
    assert sorted(names([answer, *rest])) == ["vm0", "vm1", "vm2", "vm3", "vm4"]


def test_optimized_with_one_row_ends_at_once(talk):
    answer = talk.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'VM3'", OPTIMIZE)

    assert names([answer]) == ["vm3"]
    assert answer.context == ""
    assert answer.root.find(".//w:EndOfSequence", NS) is not None


def test_optimized_with_nothing(talk):
    answer = talk.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'none'", OPTIMIZE)
    assert answer.items == []
    assert answer.ended


def test_plain_with_nothing(talk):
    answer = talk.pull(talk.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'none'").context)
    assert answer.items == []
    assert answer.ended


def test_a_context_serves_once(talk):
    first = talk.enumerate(SYSTEM).context
    assert talk.pull(first).context != first
    assert talk.pull(first).fault == CONTEXT_GONE


def test_release(talk):
    context = talk.enumerate(SYSTEM).context
    body = f"<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>"
    answer = talk.ask(f"{NS['n']}/Release", SYSTEM, body)
    assert answer.status == 200
    assert len(answer.body) == 0
    assert talk.pull(context).fault == CONTEXT_GONE


def test_a_context_dies_when_idle(talk, machine):
    first, second = talk.enumerate(SYSTEM).context, talk.enumerate(SYSTEM).context
    machine.clock.advance(59)
    assert talk.pull(first).status == 200
    machine.clock.advance(2)
    assert talk.pull(second).fault == CONTEXT_GONE


def test_a_context_belongs_to_its_user(serve):
    endpoint = serve()
    context = Talk(endpoint).enumerate(SYSTEM).context
    assert Talk(endpoint, "operator:x").pull(context).fault == CONTEXT_GONE


def test_items_as_endpoint_references(talk):
    answer = talk.enumerate(SYSTEM, "<w:EnumerationMode>EnumerateEPR</w:EnumerationMode>")
    (item,) = talk.pull(answer.context).items

    assert item.tag == f"{{{NS['a']}}}EndpointReference"
    assert item.findtext("a:ReferenceParameters/w:ResourceURI", None, NS) == SYSTEM
    selectors = {one.get("Name"): one.text for one in item.findall(".//w:Selector", NS)}
    assert selectors == {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id(0)}


def test_items_as_objects_with_their_references(talk):
    answer = talk.enumerate(SYSTEM, "<w:EnumerationMode>EnumerateObjectAndEPR</w:EnumerationMode>")
    (item,) = talk.pull(answer.context).items
    assert [child.tag for child in item] == [f"{{{SYSTEM}}}Msvm_ComputerSystem", f"{{{NS['a']}}}EndpointReference"]


def test_unknown_mode(talk):
    answer = talk.enumerate(SYSTEM, "<w:EnumerationMode>EnumerateNothing</w:EnumerationMode>")
    assert answer.fault == ("s:Sender", "w:UnsupportedFeature", 0x80338086)


def test_base_class_gives_derived_instances_under_their_own_name(talk):
    answers = pull_all(talk, talk.enumerate(f"{V2}/CIM_SettingData"))
    assert {item.tag for answer in answers for item in answer.items} == {
        f"{{{V2}/Msvm_MemorySettingData}}Msvm_MemorySettingData"
    }


@pytest.mark.parametrize(
    "uri", [f"{V2}/msvm_computersystem", SYSTEM.replace("/v2/", "/V2/").replace("root", "ROOT"), f"\n  {SYSTEM}\n "]
)
def test_class_and_namespace_are_caseless_and_white_space_is_tolerated(talk, uri):
    answers = pull_all(talk, talk.enumerate(uri))
    assert len(names(answers)) == 5


def test_wql_on_a_class_uri_is_refused(talk):
    wql = (
        '<w:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">SELECT * FROM Msvm_ComputerSystem</w:Filter>'
    )
    answer = talk.enumerate(SYSTEM, wql)
    assert answer.fault == ("s:Sender", "n:CannotProcessFilter", 2150859003)
    assert "the class name must be '*'" in answer.find("s:Body/s:Fault/s:Reason/s:Text").text


@pytest.mark.parametrize(
    ("namespace", "text"),
    [
        ("root/virtualization/v2", "SELECT * FROM Msvm_Nope"),
        ("root/virtualization/v2", "SELECT Nope FROM Msvm_ComputerSystem"),
        ("root/virtualization/v2", "SELECT * FROM Msvm_ComputerSystem WHERE Nope = 1"),
        ("root/virtualization/v2", "nonsense"),
        ("root/nope", "SELECT * FROM Msvm_ComputerSystem"),
        ("root/virtualization/v2", "ASSOCIATORS OF {Msvm_Nope.Name='x'}"),
    ],
)
def test_a_bad_query_names_the_filter(talk, namespace, text):
    answer = talk.query(text, namespace=namespace)

    assert answer.status == 500
    assert answer.fault == BAD_FILTER
    status = answer.find(".//f:ExtendedError")[0]
    assert {child.tag.rpartition("}")[2]: child.text for child in status} == {
        "Description": None,
        "Operation": "ExecQuery",
        "ParameterInfo": text,
        "ProviderName": "WinMgmt",
        "StatusCode": None,
    }


def test_without_hyperv_its_namespace_is_not_there(serve, machine):
    machine.hyperv = False
    talk = Talk(serve())
    assert talk.query("SELECT * FROM Msvm_ComputerSystem").fault == BAD_FILTER
    assert talk.enumerate(SYSTEM).fault == ("s:Sender", "a:DestinationUnreachable", 2150858752)


@pytest.mark.parametrize("text", ["", "<w:Filter>SELECT * FROM x</w:Filter>", '<w:Filter Dialect="urn:x">y</w:Filter>'])
def test_star_needs_a_filter_it_knows(talk, text):
    subcode = talk.enumerate(f"{V2}/*", text).fault[1]
    assert subcode == ("n:CannotProcessFilter" if not text else "n:FilterDialectRequestedUnavailable")


def test_columns_come_as_fragments(talk):
    answer = talk.query("SELECT ElementName, Name, Roles FROM Msvm_ComputerSystem WHERE ElementName = 'vm1'", OPTIMIZE)
    (item,) = answer.items
    assert item.tag == f"{{{NS['w']}}}XmlFragment"
    assert [(child.tag, child.text) for child in item] == [("ElementName", "vm1"), ("Name", vm_id(1))]


SELECTOR_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"


def selector_filter(name, value):
    return (
        f'<w:Filter Dialect="{SELECTOR_FILTER}"><w:SelectorSet><w:Selector Name="{name}">{value}</w:Selector>'
        "</w:SelectorSet></w:Filter>"
    )


def test_selector_filter(talk):
    answers = pull_all(talk, talk.enumerate(SYSTEM, selector_filter("elementname", "VM2")))
    assert names(answers) == ["vm2"]


@pytest.mark.parametrize("name", ["Nope", "OperationalStatus", "InstallDate"])
def test_selector_filter_by_what_it_cannot_compare(talk, name):
    assert talk.enumerate(SYSTEM, selector_filter(name, "1")).fault == BAD_FILTER


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        ("", 1),
        ("WHERE AssocClass = Msvm_SettingsDefineState", 1),
        ("WHERE AssocClass = Msvm_SystemDevice", 0),
        ("WHERE ResultClass = Msvm_MemorySettingData", 1),
        ("WHERE ResultClass = CIM_SettingData", 1),
        ("WHERE ResultClass = Msvm_ComputerSystem", 0),
        ("WHERE Role = ManagedElement ResultRole = SettingData", 1),
        ("WHERE Role = SettingData", 0),
    ],
)
def test_associators(talk, clause, count):
    path = f"Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{vm_id(0)}'"
    answer = talk.query(f"ASSOCIATORS OF {{{path}}} {clause}", OPTIMIZE)
    assert [item.tag.rpartition("}")[2] for item in answer.items] == ["Msvm_MemorySettingData"] * count
    assert answer.ended


def test_references(talk):
    path = f'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{vm_id(0)}"'
    answer = talk.query(f"REFERENCES OF {{{path}}} WHERE ResultClass = Msvm_SettingsDefineState", OPTIMIZE)

    (item,) = answer.items
    end = item.find(f"{{{V2}/Msvm_SettingsDefineState}}SettingData")
    assert [child.tag for child in end] == [f"{{{NS['a']}}}Address", f"{{{NS['a']}}}ReferenceParameters"]
    assert end.findtext(".//w:Selector", None, NS).endswith("\\4764334d-e001-4176-82ee-5594ec9b530e")


def test_cimnamespace_may_repeat_the_namespace_only(talk):
    same = {"__cimnamespace": r"root\virtualization\v2"}
    assert talk.enumerate(SYSTEM, selectors=same).status == 200
    assert talk.query("SELECT * FROM Msvm_ComputerSystem", selectors=same).status == 200
    other = {"__cimnamespace": "root/cimv2"}
    assert talk.enumerate(SYSTEM, selectors=other).fault[:2] == ("s:Receiver", "w:InternalError")


def test_open_enumerations_count_against_the_quota(serve):
    endpoint = serve(max_operations_per_user=3)
    talk = Talk(endpoint)
    contexts = [talk.enumerate(SYSTEM).context for _turn in range(3)]
    assert talk.enumerate(SYSTEM).fault == ("s:Receiver", "w:InternalError", 2150859174)
    assert Talk(endpoint, "operator:x").enumerate(SYSTEM).status == 200
    # What is open can be read to its end, which makes room.
    pull_all(talk, talk.pull(contexts[0]))
    assert talk.enumerate(SYSTEM).status == 200
