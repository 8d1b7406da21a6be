"""Get, Put, Create, Delete, Invoke, Identify and the checks of headers, over HTTP."""

from __future__ import annotations

import http.client
import selectors
import socket
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference

from ..conftest import VSMS, memory_keys
from ..talk import ANONYMOUS, NS, ROOT, SYSTEM, V2, Talk, envelope, vm_id

NOT_FOUND = ("s:Sender", "a:DestinationUnreachable", 2150858752)
NO_SINGLETON = ("s:Sender", "a:DestinationUnreachable", 2150859002)
BAD_SELECTORS = ("s:Sender", "w:InvalidSelectors", 2150858843)
BAD_SCHEMA = ("s:Sender", "w:SchemaValidationError", 2150858817)
DENIED = ("s:Sender", "w:AccessDenied", 5)
VM = {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id(1)}
SERVICE = f"{V2}/{VSMS}"
SINGLETON = {"CreationClassName": VSMS}
UNSUPPORTED_LOCALE = ("s:Sender", "w:UnsupportedFeature", 0x80338087)
NAT = f"{ROOT}/root/StandardCimv2/MSFT_NetNat"


@pytest.fixture
def talk(serve):
    return Talk(serve())


# --- Identify


def test_identify_without_authentication_hides_the_version(serve):
    answer = Talk(serve(), None).post(
        f"<s:Envelope xmlns:s='{NS['s']}' xmlns:wsmid='{NS['wsmid']}'><s:Header/><s:Body><wsmid:Identify/></s:Body>"
        "</s:Envelope>",
        {"WSMANIDENTIFY": "unauthenticated"},
    )
    assert answer.status == 200
    assert answer.find(".//wsmid:ProductVersion").text == "OS: 0.0.0 SP: 0.0 Stack: 3.0"
    assert answer.root.find(".//wsmid:SecurityProfiles", NS) is None


def test_identify_with_authentication(talk):
    answer = talk.post(
        f"<s:Envelope xmlns:s='{NS['s']}' xmlns:wsmid='{NS['wsmid']}'><s:Header/><s:Body><wsmid:Identify/></s:Body>"
        "</s:Envelope>"
    )
    assert answer.find(".//wsmid:ProductVersion").text == "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
    assert answer.find(".//wsmid:ProductVendor").text == "Microsoft Corporation"


# --- Get


@pytest.mark.parametrize(
    "selectors",
    [
        VM,
        {"name": vm_id(1).lower(), "CREATIONCLASSNAME": "msvm_computersystem"},
        VM | {"__cimnamespace": "root/virtualization/v2"},
    ],
)
def test_get(talk, selectors):
    answer = talk.transfer("Get", SYSTEM, selectors)
    assert answer.status == 200
    assert answer.find("s:Header/a:Action").text == f"{NS['x']}/GetResponse"
    assert answer.body[0].findtext(f"{{{SYSTEM}}}ElementName") == "vm1"


@pytest.mark.parametrize(
    ("selectors", "fault"),
    [
        ({"Name": vm_id(1)}, NOT_FOUND),
        (None, NO_SINGLETON),
        (VM | {"Name": vm_id(99)}, NOT_FOUND),
        (VM | {"ElementName": "vm1"}, BAD_SELECTORS),
        ({"Nope": "x"}, BAD_SELECTORS),
    ],
)
def test_get_with_other_keys(talk, selectors, fault):
    answer = talk.transfer("Get", SYSTEM, selectors)
    assert answer.status == 500
    assert answer.fault == fault
    assert answer.find("s:Header/a:RelatesTo").text == "uuid:11111111-0000-4000-8000-000000000001"


def test_get_of_a_singleton_needs_no_selectors(machine, talk):
    machine.repository.add("Win32_OperatingSystem", {"Name": "Windows", "BuildNumber": "26220"}, "root/cimv2")

    answer = talk.transfer("Get", f"{ROOT}/root/cimv2/Win32_OperatingSystem")

    assert answer.status == 200
    assert answer.body[0].findtext("{*}BuildNumber") == "26220"


# --- classes that the simulator lacks


def test_a_class_that_hosts_have_is_logged(serve):
    endpoint = serve()

    answer = Talk(endpoint).transfer("Get", f"{ROOT}/root/cimv2/Win32_TimeZone", {"StandardName": "x"})

    assert (answer.status, answer.fault) == (500, NOT_FOUND)
    assert [entry.not_modelled for entry in endpoint.log] == ["root/cimv2:Win32_TimeZone"]


def test_a_misspelt_class_is_not_one_that_the_simulator_lacks(serve):
    endpoint = serve(strict=True)

    answer = Talk(endpoint).transfer("Get", f"{ROOT}/root/cimv2/Win32_TimeZonne", {"StandardName": "x"})

    assert (answer.status, answer.fault) == (500, NOT_FOUND)
    assert [entry.not_modelled for entry in endpoint.log] == [""]


@pytest.mark.parametrize("query", [True, False])
def test_strict_mode_fails_in_its_own_words(serve, query):
    talk = Talk(serve(strict=True))

    if query:
        answer = talk.query("SELECT * FROM Win32_PerfRawData_Tcpip_TCPv4", namespace="root/cimv2")
    else:
        answer = talk.transfer("Get", f"{V2}/Msvm_MetricService", SINGLETON)

    assert answer.status == 501
    assert answer.find("s:Body/s:Fault/s:Reason/s:Text").text.startswith("The simulator does not model root/")


def test_not_found_has_the_detail_of_the_wmi_provider(talk):
    answer = talk.transfer("Get", SYSTEM, VM | {"Name": "gone"})

    assert answer.find("s:Header/a:Action").text == f"{NS['a']}/fault"
    assert answer.find(".//w:FaultDetail").text.endswith("/faultDetail/InvalidResourceURI")
    outer = answer.find("s:Body/s:Fault/s:Detail/f:WSManFault")
    assert outer.get("Machine") == "127.0.0.1"
    inner = outer.find("f:Message/f:ProviderFault/f:WSManFault", NS)
    assert (inner.get("Code"), inner.get("Machine")) == ("2150858752", "HV01")
    assert outer.find("f:Message/f:ProviderFault", NS).get("provider") == "WMI Provider"
    status = outer.find("f:Message/f:ProviderFault/f:ExtendedError", NS)[0]
    found = {child.tag.rpartition("}")[2]: child.text for child in status}
    assert found["Operation"] == "GetObject"
    assert 'Name="gone"' in found["ParameterInfo"]


@pytest.mark.parametrize("uri", [f"{V2}/Msvm_Nope", f"{ROOT}/root/nope/Msvm_ComputerSystem"])
@pytest.mark.parametrize("operation", ["Get", "Delete", "Enumerate", "Invoke"])
def test_unknown_class_or_namespace_in_the_uri(talk, uri, operation):
    if operation == "Enumerate":
        answer = talk.enumerate(uri)
    elif operation == "Invoke":
        answer = talk.invoke(uri, "RequestStateChange", selectors={"Name": "x"})
    else:
        answer = talk.transfer(operation, uri, {"Name": "x"})
    assert answer.fault == NOT_FOUND


def test_not_found_of_an_mi_provider_comes_as_msft_wmierror(talk):
    answer = talk.transfer("Get", NAT, {"InstanceID": "nope"})
    error = answer.find("s:Body/s:Fault/s:Detail")[-1]
    values = {child.tag.rpartition("}")[2]: child.text for child in error}
    assert error.tag.endswith("}MSFT_WmiError")
    assert values["CIMStatusCode"] == "6"
    assert values["error_Code"] == str(0x80041002)
    assert values["MessageID"] == "HRESULT 0x80041002"


# --- Put, Create, Delete


def nat(inner):
    return f'<p:MSFT_NetNat xmlns:p="{NAT}">{inner}</p:MSFT_NetNat>'


def test_create_get_put_delete(talk):
    body = nat(
        "<p:Name>nat1</p:Name><p:InternalIPInterfaceAddressPrefix>192.168.0.0/24</p:InternalIPInterfaceAddressPrefix>"
    )
    created = talk.transfer("Create", NAT, None, body)

    assert created.find("s:Body/x:ResourceCreated/a:ReferenceParameters/w:ResourceURI").text == NAT
    (selector,) = created.root.findall(".//w:Selector", NS)
    keys = {selector.get("Name"): selector.text}
    assert keys == {"InstanceID": "nat1"}
    assert talk.transfer("Create", NAT, None, body).fault[1] == "w:AlreadyExists"
    put = talk.transfer("Put", NAT, keys, nat("<p:Active>1</p:Active>"))
    assert put.body[0].findtext(f"{{{NAT}}}Active") == "1"
    assert put.body[0].findtext(f"{{{NAT}}}Name") == "nat1"
    deleted = talk.transfer("Delete", NAT, keys)
    assert deleted.status == 200
    assert len(deleted.body) == 0
    assert talk.transfer("Get", NAT, keys).fault[1] == "a:DestinationUnreachable"


@pytest.mark.parametrize(
    ("body", "subcode"),
    [
        (nat("<p:Nope>1</p:Nope>"), "w:SchemaValidationError"),
        (nat("<p:Active>many</p:Active>"), "w:SchemaValidationError"),
        (nat("<p:Active>256</p:Active>"), "w:SchemaValidationError"),
        (nat("<p:Name>a</p:Name><p:Name>b</p:Name>"), "w:SchemaValidationError"),
        (f'<p:MSFT_NetNat xmlns:p="{SYSTEM}"/>', "x:InvalidRepresentation"),
        ("", "x:InvalidRepresentation"),
    ],
)
def test_create_of_what_does_not_fit(talk, body, subcode):
    assert talk.transfer("Create", NAT, None, body).fault[1] == subcode


def test_hyperv_classes_take_no_put(talk):
    uri = f"{V2}/Msvm_MemorySettingData"
    body = (
        f'<p:Msvm_MemorySettingData xmlns:p="{uri}"><p:VirtualQuantity>1</p:VirtualQuantity></p:Msvm_MemorySettingData>'
    )
    answer = talk.transfer("Put", uri, memory_keys(0), body)
    assert answer.fault == ("s:Sender", "w:UnsupportedFeature", 0x80338102)


# --- Invoke


def reference(class_name, **keys):
    selectors = "".join(f'<w:Selector Name="{name}">{value}</w:Selector>' for name, value in keys.items())
    return (
        f"<a:Address>{ANONYMOUS}</a:Address><a:ReferenceParameters><w:ResourceURI>{V2}/{class_name}</w:ResourceURI>"
        f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
    )


VM_PARTS = reference("Msvm_ComputerSystem", **VM)


@pytest.mark.parametrize("selectors", [VM, {"Name": vm_id(1)}])
def test_invoke_on_an_instance(talk, provider, selectors):
    answer = talk.invoke(
        SYSTEM,
        "RequestStateChange",
        "<p:RequestedState>2</p:RequestedState><p:TimeoutPeriod><c:Interval xmlns:c='http://schemas.dmtf.org/wbem/wscim/1/"
        "common'>P0DT0H1M30S</c:Interval></p:TimeoutPeriod>",
        selectors,
    )

    assert answer.find("s:Header/a:Action").text == f"{SYSTEM}/RequestStateChangeResponse"
    output = answer.body[0]
    assert output.tag == f"{{{SYSTEM}}}RequestStateChange_OUTPUT"
    assert [child.tag.rpartition("}")[2] for child in output] == ["Job", "ReturnValue"]
    assert output[1].text == "4096"
    (call,) = provider.calls
    assert call.row["ElementName"] == "vm1"
    assert call["RequestedState"] == 2
    assert call["TimeoutPeriod"] == timedelta(seconds=90)


def test_invoke_on_a_service_by_its_creation_class_alone(talk, provider):
    answer = talk.invoke(
        SERVICE,
        "GetSummaryInformation",
        "<p:RequestedInformation>0</p:RequestedInformation><p:RequestedInformation>1</p:RequestedInformation>",
        SINGLETON,
    )
    summary = answer.find(f"s:Body/{{{SERVICE}}}GetSummaryInformation_OUTPUT/{{{SERVICE}}}SummaryInformation")
    assert summary.findtext(f"{{{V2}/Msvm_SummaryInformation}}ElementName") == "vm0"
    assert provider.calls[0]["RequestedInformation"] == [0, 1]
    assert provider.calls[0]["SettingData"] is None


def test_invoke_on_a_service_without_selectors(talk):
    answer = talk.invoke(SERVICE, "GetSummaryInformation")
    assert answer.fault == ("s:Receiver", "w:InternalError", 0x8004102F)


def test_invoke_a_static_method(talk, provider):
    uri = f"{ROOT}/root/cimv2/StdRegProv"
    answer = talk.invoke(
        uri, "GetDWORDValue", "<p:hDefKey>2147483650</p:hDefKey><p:sSubKeyName>SOFTWARE\\x</p:sSubKeyName>"
    )
    assert answer.find(f"s:Body/{{{uri}}}GetDWORDValue_OUTPUT/{{{uri}}}uValue").text == "7"
    assert provider.calls[0].row is None
    assert provider.calls[0]["sSubKeyName"] == "SOFTWARE\\x"


def test_reference_parameter(talk, provider):
    inner = f"<p:AffectedSystem>{reference('Msvm_ComputerSystem', **VM)}</p:AffectedSystem>"
    assert talk.invoke(SERVICE, "DestroySystem", inner, SINGLETON).status == 200
    assert provider.calls[0]["AffectedSystem"] == Reference("root/virtualization/v2", "Msvm_ComputerSystem", VM)


@pytest.mark.parametrize("text", ["<![CDATA[<INSTANCE CLASSNAME='x'/>]]>", "&lt;INSTANCE CLASSNAME='x'/&gt;"])
def test_embedded_instances_are_text_however_escaped(talk, provider, text):
    inner = f"<p:ResourceSettings>{text}</p:ResourceSettings><p:ResourceSettings>two</p:ResourceSettings>"
    assert talk.invoke(SERVICE, "ModifyResourceSettings", inner, SINGLETON).status == 200
    assert provider.calls[0]["ResourceSettings"] == ["<INSTANCE CLASSNAME='x'/>", "two"]


@pytest.mark.parametrize(
    ("method", "inner"),
    [
        (
            "DestroySystem",
            f"<p:AffectedSystem><a:EndpointReference>{VM_PARTS}</a:EndpointReference></p:AffectedSystem>",
        ),
        ("DestroySystem", "<p:AffectedSystem>vm1</p:AffectedSystem>"),
        ("DestroySystem", "<p:Nope>1</p:Nope>"),
        (
            "DestroySystem",
            f"<q:AffectedSystem xmlns:q='urn:x'>{VM_PARTS}</q:AffectedSystem>",
        ),
        ("ModifyResourceSettings", "<p:ResourceSettings><p:Msvm_MemorySettingData/></p:ResourceSettings>"),
        ("GetSummaryInformation", "<p:RequestedInformation>many</p:RequestedInformation>"),
        ("GetSummaryInformation", "<p:RequestedInformation>-1</p:RequestedInformation>"),
        ("GetSummaryInformation", "<p:RequestedInformation>0x1</p:RequestedInformation>"),
    ],
)
def test_parameters_that_do_not_fit_the_signature(talk, provider, method, inner):
    assert talk.invoke(SERVICE, method, inner, SINGLETON).fault == BAD_SCHEMA
    assert provider.calls == []


def test_a_scalar_parameter_given_twice(talk):
    inner = "<p:RequestedState>2</p:RequestedState><p:RequestedState>3</p:RequestedState>"
    assert talk.invoke(SYSTEM, "RequestStateChange", inner, VM).fault == BAD_SCHEMA


def test_wrapper_of_another_method(talk):
    body = f'<p:Other_INPUT xmlns:p="{SYSTEM}"/>'
    assert talk.ask(f"{SYSTEM}/RequestStateChange", SYSTEM, body, selectors=VM).fault == BAD_SCHEMA


def test_wrapper_in_another_namespace_is_taken(talk, provider):
    inner = f'<p:RequestedState xmlns:p="{SYSTEM}">2</p:RequestedState>'
    body = f"<w:RequestStateChange_INPUT>{inner}</w:RequestStateChange_INPUT>"
    assert talk.ask(f"{SYSTEM}/RequestStateChange", SYSTEM, body, selectors=VM).status == 200
    assert provider.calls[0]["RequestedState"] == 2


def test_unknown_method(talk):
    assert talk.invoke(SYSTEM, "Nope", selectors=VM).fault == ("s:Receiver", "w:InternalError", 0x8004102E)


def test_method_the_provider_lacks(talk):
    answer = talk.invoke(SYSTEM, "InjectNonMaskableInterrupt", selectors=VM)
    assert answer.fault == ("s:Sender", "w:UnsupportedFeature", 0x80338102)


def test_action_of_another_class(talk):
    answer = talk.ask(f"{SERVICE}/DestroySystem", SYSTEM, "", selectors=VM)
    assert answer.fault == ("s:Sender", "w:ActionMismatch", 0x80338031)


# --- headers and envelopes


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"reply_to": None}, ("s:Sender", "a:MessageInformationHeaderRequired", 0x80338011)),
        ({"reply_to": "http://elsewhere"}, ("s:Sender", "w:UnsupportedFeature", 0x80338076)),
        ({"message_id": None}, ("s:Sender", "a:InvalidMessageInformationHeader", 0x8033800F)),
        ({"size": 8191}, ("s:Sender", "w:EncodingLimit", 0x8033807E)),
        ({"size": "many"}, ("s:Sender", "a:InvalidMessageInformationHeader", 0x8033800F)),
        ({"extra": '<q:Odd xmlns:q="urn:x" s:mustUnderstand="true"/>'}, ("s:MustUnderstand", "", 0x80338010)),
        ({"extra": '<w:Locale xml:lang="de-DE" s:mustUnderstand="true"/>'}, UNSUPPORTED_LOCALE),
        ({"extra": '<p:DataLocale xml:lang="de-DE" s:mustUnderstand="true"/>'}, UNSUPPORTED_LOCALE),
        ({"extra": "<w:OperationTimeout>soon</w:OperationTimeout>"}, ("s:Sender", "w:InvalidParameter", 0x80338081)),
        ({"extra": "<w:OperationTimeout>-PT5S</w:OperationTimeout>"}, ("s:Sender", "w:InvalidParameter", 0x80338081)),
        (
            {"extra": '<w:FragmentTransfer s:mustUnderstand="true">Name</w:FragmentTransfer>'},
            ("s:Sender", "w:UnsupportedFeature", 0x80338077),
        ),
    ],
)
def test_headers_that_are_refused(talk, options, fault):
    answer = talk.ask(f"{NS['x']}/Get", SYSTEM, selectors=VM, **options)
    assert answer.status == 500
    assert answer.fault == fault


@pytest.mark.parametrize(
    "extra",
    [
        '<q:Odd xmlns:q="urn:x"/>',
        '<q:Odd xmlns:q="urn:x" s:mustUnderstand="false"/>',
        '<w:Locale xml:lang="de-DE" s:mustUnderstand="false"/><p:DataLocale xml:lang="de-DE"/>',
        "<w:OperationTimeout>PT60.000S</w:OperationTimeout><p:SessionId>uuid:1</p:SessionId>",
        '<w:OptionSet s:mustUnderstand="true"><w:Option Name="x" MustComply="true">1</w:Option></w:OptionSet>',
    ],
)
def test_headers_that_are_taken(talk, extra):
    answer = talk.ask(f"{NS['x']}/Get", SYSTEM, selectors=VM, extra=extra)
    assert answer.status == 200
    assert answer.root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en-US"


def test_language_is_the_machines(serve, machine):
    machine.locale = "ja-JP"
    answer = Talk(serve()).transfer("Get", SYSTEM, {"Nope": "x"})
    assert answer.root.get("{http://www.w3.org/XML/1998/namespace}lang") == "ja-JP"
    assert answer.find(".//s:Text").get("{http://www.w3.org/XML/1998/namespace}lang") == "ja-JP"


@pytest.mark.parametrize(
    ("action", "uri", "fault"),
    [
        (f"{NS['x']}/Get", "", ("s:Sender", "a:DestinationUnreachable", 0x8033803B)),
        (f"{NS['x']}/Get", "urn:other", ("s:Sender", "a:DestinationUnreachable", 0x8033803B)),
        ("urn:other", SYSTEM, ("s:Sender", "a:ActionNotSupported", 0x80338001)),
        (f"{NS['x']}/Get", f"{V2}/*", ("s:Sender", "a:ActionNotSupported", 0x80338001)),
    ],
)
def test_uris_that_mean_nothing(talk, action, uri, fault):
    assert talk.ask(action, uri, selectors=VM).fault == fault


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "s:Sender"),
        ("<a/>", "s:Sender"),
        ("<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>", "s:VersionMismatch"),
        (f"<s:Envelope xmlns:s='{NS['s']}'><s:Header/></s:Envelope>", "s:Sender"),
    ],
)
def test_what_is_no_envelope(talk, text, code):
    assert talk.post(text).fault[0] == code


def test_an_answer_larger_than_the_client_takes(talk, machine):
    for number in range(5):
        machine.repository.row("Msvm_MemorySettingData", **memory_keys(number)).update({"Description": "x" * 9000})
    uri = f"{V2}/Msvm_MemorySettingData"
    answer = talk.ask(f"{NS['x']}/Get", uri, selectors=memory_keys(0), size=8192)
    assert answer.fault == ("s:Sender", "w:EncodingLimit", 0x80338048)


def test_winrm_config(talk):
    uri = "http://schemas.microsoft.com/wbem/wsman/1/config"
    answer = talk.transfer("Get", uri)
    assert answer.find(f"s:Body/{{{uri}}}Config/{{{uri}}}MaxEnvelopeSizekb").text == "500"


# --- rights


def test_a_user_outside_winrms_groups_is_denied(serve):
    answer = Talk(serve(), "nobody:x").transfer("Get", SYSTEM, VM)
    assert answer.status == 500
    assert answer.fault == DENIED


def test_hyperv_shows_nothing_to_others(serve):
    talk = Talk(serve(), "remote:x")
    assert talk.pull(talk.enumerate(SYSTEM).context).items == []
    assert talk.transfer("Get", SYSTEM, VM).fault == NOT_FOUND
    assert talk.invoke(SYSTEM, "RequestStateChange", selectors=VM).fault == DENIED


def test_or_denies_them(serve, machine):
    machine.options["without_rights"] = "denied"
    talk = Talk(serve(), "remote:x")
    assert talk.enumerate(SYSTEM).fault == DENIED
    assert talk.query("SELECT * FROM Msvm_ComputerSystem").fault == DENIED


def test_hyperv_administrators_are_enough(serve, provider):
    talk = Talk(serve(), "operator:x")
    assert talk.transfer("Get", SYSTEM, VM).status == 200
    assert talk.invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", VM).status == 200
    assert provider.calls[0].user.name == "operator"


# --- HTTP


def test_answers_have_one_line_and_windows_headers(talk):
    answer = talk.transfer("Get", SYSTEM, VM)
    assert answer.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"
    assert answer.headers["Server"] == "Microsoft-HTTPAPI/2.0"
    assert "\n" not in answer.text
    assert answer.text.startswith("<s:Envelope")


def test_larger_than_the_service_takes_is_413_without_a_body(serve):
    talk = Talk(serve(max_envelope_kb=16))
    big = envelope(f"{NS['x']}/Get", SYSTEM, extra="x" * 17_000)
    answer = talk.post(big)
    assert (answer.status, answer.text) == (413, "")
    assert talk.post(envelope(f"{NS['x']}/Get", SYSTEM, selectors=VM)).status == 200


@pytest.mark.parametrize(("path", "status"), [("/other", 404), ("/wsman", 200), ("/WSMan/", 200), ("/wsman?x=1", 200)])
def test_paths(talk, path, status):
    assert talk.post(envelope(f"{NS['x']}/Get", SYSTEM, selectors=VM), path=path).status == status


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6(serve):
    endpoint = serve(host="::1")
    assert endpoint.url.startswith("http://[::1]:")
    answer = Talk(endpoint).transfer("Get", SYSTEM, {"Name": "x"})
    assert answer.find("s:Body/s:Fault/s:Detail/f:WSManFault").get("Machine") == "::1"


def test_an_endpoint_that_stops_cuts_its_connections_and_can_start_again(serve):
    endpoint = serve()
    talk = Talk(endpoint)
    assert talk.transfer("Get", SYSTEM, VM).status == 200
    endpoint.stop()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        talk.transfer("Get", SYSTEM, VM)
    with pytest.raises(ConnectionRefusedError):
        Talk(endpoint).transfer("Get", SYSTEM, VM)
    endpoint.start()
    assert Talk(endpoint).transfer("Get", SYSTEM, VM).status == 200


def test_the_log_tells_what_was_asked(serve):
    endpoint = serve()
    talk = Talk(endpoint)
    text = envelope(f"{SYSTEM}/RequestStateChange", SYSTEM, selectors=VM)
    answer = talk.post(text)
    Talk(endpoint, "Administrator:wrong").post(text)

    first, second = endpoint.log
    assert (first.host, first.scheme, first.user, first.action) == ("HV01", "http", "Administrator", "Invoke")
    assert (first.class_name, first.method) == ("Msvm_ComputerSystem", "RequestStateChange")
    assert (first.bytes_in, first.bytes_out) == (len(text.encode()), len(answer.text.encode()))
    assert (first.status, first.fault, first.authentication) == (500, 2150858817, False)
    assert (second.status, second.authentication) == (401, True)
    assert [entry.status for entry in endpoint.log.requests("HV01")] == [500]


def test_an_element_of_the_body_survives_as_sent(talk, provider):
    """Text with every awkward character goes through unharmed."""
    text = 'it\'s "C:\\x" & <b> 100% [x]* Größe 猫\n2'
    element = ElementTree.Element("x")
    element.text = text
    inner = f"<p:ResourceSettings>{ElementTree.tostring(element, 'unicode')[3:-4]}</p:ResourceSettings>"
    talk.invoke(SERVICE, "ModifyResourceSettings", inner, SINGLETON)
    assert provider.calls[0]["ResourceSettings"] == [text]


def test_an_endpoint_that_waits_for_requests_does_not_poll(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float | None] = []
    select = selectors.DefaultSelector.select

    def recorded(self: selectors.BaseSelector, timeout: float | None = None) -> list:
        timeouts.append(timeout)
        return select(self, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", recorded)
    endpoint = serve()
    assert Talk(endpoint).transfer("Get", SYSTEM, VM).status == 200
    endpoint.stop()
    assert timeouts
    assert set(timeouts) == {None}
