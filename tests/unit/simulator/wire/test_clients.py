"""Clients that others wrote, for Windows hosts, talk to the simulator."""

from __future__ import annotations

import socket
import ssl
import warnings
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import winrm
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pypsrp.exceptions import AuthenticationError
from pypsrp.exceptions import WSManFaultError as PsrpFault
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import SelectorSet, WSMan
from requests_credssp.exceptions import AuthenticationException, NTStatusException
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError

from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context

from ..conftest import add_vms
from ..talk import NS, ROOT, SYSTEM, V2, WQL, envelope, vm_id

USER, PASSWORD = "Administrator", "p:ss wörd"
VM = {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id(1)}


@pytest.fixture
def client_certificate(tmp_path):
    """A self-signed client certificate, and the paths of its two PEM files."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Administrator@localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "client.pem", tmp_path / "client.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return pem, key_pem


# --- pywinrm


def run(url, **options):
    session = winrm.Session(url, auth=(USER, options.pop("password", PASSWORD)), **options)
    result = session.run_cmd("ipconfig", ["/all"])
    session.protocol.transport.close_session()
    return result.status_code, result.std_out, result.std_err


RESULT = (3, b"ipconfig /all\r\n", "Größe".encode("cp437"))


def ipconfig(context: Context) -> int:
    context.out(f"{context.command_line}\r\n")
    context.err("Größe")
    return 3


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setitem(programs.PROGRAMS, f"{programs.SYSTEM}ipconfig.exe", programs.Program(ipconfig))


def test_pywinrm_basic_over_http(serve):
    assert run(serve().url, transport="basic") == RESULT


def test_pywinrm_basic_over_https_with_the_certificate_checked(serve, tmp_path):
    endpoint = serve(tls=True, allow_unencrypted=False)
    assert run(endpoint.url, transport="basic", ca_trust_path=str(tmp_path / "hv01.pem")) == RESULT


def test_pywinrm_ntlm_sealed_over_http(serve):
    endpoint = serve(allow_unencrypted=False)
    assert run(endpoint.url, transport="ntlm") == RESULT
    assert all(entry.encrypted for entry in endpoint.log.requests())
    assert [entry.action for entry in endpoint.log.requests()] == ["Create", "Command", "Receive", "Signal", "Delete"]


def test_pywinrm_ntlm_over_https(serve):
    endpoint = serve(tls=True, allow_unencrypted=False)
    assert run(endpoint.url, transport="ntlm", server_cert_validation="ignore") == RESULT


def test_pywinrm_ntlm_sealed_over_https(serve):
    endpoint = serve(tls=True, allow_unencrypted=False)
    options = {"server_cert_validation": "ignore", "message_encryption": "always"}
    assert run(endpoint.url, transport="ntlm", **options) == RESULT


def test_pywinrm_credssp(serve):
    endpoint = serve(credssp=True, allow_unencrypted=False)
    assert run(endpoint.url, transport="credssp") == RESULT
    assert all(entry.encrypted for entry in endpoint.log.requests())


def test_pywinrm_certificate(serve, client_certificate):
    pem, key = client_certificate
    endpoint = serve(tls=True, client_certificate=pem, allow_unencrypted=False)
    options = {"cert_pem": str(pem), "cert_key_pem": str(key), "server_cert_validation": "ignore"}
    assert run(endpoint.url, transport="certificate", **options) == RESULT
    assert {entry.user for entry in endpoint.log.requests()} == {USER}


def test_pywinrm_without_the_certificate_that_is_mapped(serve, client_certificate):
    pem, key = client_certificate
    endpoint = serve(tls=True, allow_unencrypted=False)
    options = {"cert_pem": str(pem), "cert_key_pem": str(key), "server_cert_validation": "ignore"}
    with pytest.raises(InvalidCredentialsError):
        run(endpoint.url, transport="certificate", **options)


@pytest.mark.parametrize(
    ("transport", "error"),
    [
        ("basic", InvalidCredentialsError),
        ("ntlm", InvalidCredentialsError),
        ("credssp", (InvalidCredentialsError, AuthenticationException, NTStatusException)),
    ],
)
def test_pywinrm_with_a_wrong_password(serve, transport, error):
    endpoint = serve(credssp=True)
    with pytest.raises(error):
        run(endpoint.url, transport=transport, password="wrong")
    assert endpoint.log.requests() == []


def test_pywinrm_unencrypted_where_that_is_not_allowed(serve):
    with pytest.raises(WinRMTransportError) as caught:
        run(serve(allow_unencrypted=False).url, transport="ntlm", message_encryption="never")
    assert caught.value.code == 500


def test_pywinrm_reads_the_parts_of_a_fault(serve):
    protocol = winrm.Protocol(serve().url, transport="ntlm", username=USER, password=PASSWORD)
    with pytest.raises(WSManFaultError) as caught:
        protocol.send_message(envelope(f"{NS['x']}/Get", SYSTEM, selectors={"Name": "x"}))
    assert caught.value.code == 500
    assert caught.value.fault_subcode == "a:DestinationUnreachable"
    assert caught.value.wsman_fault_code == 2150858752
    assert caught.value.reason.startswith("The WS-Management service cannot process the request.")


def test_pywinrm_reads_msft_wmierror(serve):
    protocol = winrm.Protocol(serve().url, transport="ntlm", username=USER, password=PASSWORD)
    uri = f"{ROOT}/root/StandardCimv2/MSFT_NetNat"
    with pytest.raises(WSManFaultError) as caught:
        protocol.send_message(envelope(f"{NS['x']}/Get", uri, selectors={"InstanceID": "x"}))
    assert caught.value.wmierror_code == 0x80041002


def test_pywinrm_sealed_pages(serve, machine):
    add_vms(machine, 60, start=5)
    protocol = winrm.Protocol(serve(allow_unencrypted=False).url, transport="ntlm", username=USER, password=PASSWORD)
    text = envelope(f"{NS['n']}/Enumerate", SYSTEM, "<n:Enumerate/>")
    context = ElementTree.fromstring(protocol.send_message(text)).findtext(".//n:EnumerationContext", None, NS)
    count = 0
    while context:
        body = (
            f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext><n:MaxElements>500</n:MaxElements></n:Pull>"
        )
        root = ElementTree.fromstring(protocol.send_message(envelope(f"{NS['n']}/Pull", SYSTEM, body)))
        count += len(root.find(".//n:Items", NS))
        context = root.findtext(".//n:EnumerationContext", None, NS)
    assert count == 65


# --- pypsrp


@pytest.fixture
def wsman(serve):
    opened = []

    def connect(endpoint, password=PASSWORD, **options):
        url = urlsplit(endpoint.url)
        options = {"ssl": url.scheme == "https", "auth": "negotiate", "cert_validation": False} | options
        client = WSMan(url.hostname, port=url.port, username=USER, password=password, **options)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


def selectors(keys):
    found = SelectorSet()
    for name, value in keys.items():
        found.add_option(name, value)
    return found


@pytest.mark.parametrize("auth", ["negotiate", "ntlm", "credssp"])
def test_pypsrp_sealed(serve, wsman, auth):
    endpoint = serve(allow_unencrypted=False, credssp=True)
    client = wsman(endpoint, auth=auth)
    body = client.get(SYSTEM, selector_set=selectors(VM))
    assert body[0].findtext(f"{{{SYSTEM}}}ElementName") == "vm1"
    assert all(entry.encrypted for entry in endpoint.log.requests())


def test_pypsrp_enumerates_and_pulls(serve, wsman):
    client = wsman(serve(allow_unencrypted=False))
    request = ElementTree.fromstring(
        f'<n:Enumerate xmlns:n="{NS["n"]}" xmlns:w="{NS["w"]}"><w:OptimizeEnumeration/>'
        f'<w:MaxElements>100</w:MaxElements><w:Filter Dialect="{WQL}">SELECT * FROM Msvm_ComputerSystem</w:Filter>'
        "</n:Enumerate>"
    )
    body = client.enumerate(f"{V2}/*", request)
    found = body.findall(".//w:Items/*", NS)
    assert len(found) == 1
    context = body.findtext(".//n:EnumerationContext", None, NS)
    pull = ElementTree.fromstring(
        f'<n:Pull xmlns:n="{NS["n"]}"><n:EnumerationContext>{context}</n:EnumerationContext>'
        "<n:MaxElements>100</n:MaxElements></n:Pull>"
    )
    body = client.pull(f"{V2}/*", pull)
    found += body.findall(".//n:Items/*", NS)
    assert sorted(item.findtext(f"{{{SYSTEM}}}ElementName") for item in found) == ["vm0", "vm1", "vm2", "vm3", "vm4"]
    assert body.find(".//n:EndOfSequence", NS) is not None


def test_pypsrp_invokes(serve, wsman, provider):
    client = wsman(serve(allow_unencrypted=False))
    request = ElementTree.fromstring(
        f'<p:RequestStateChange_INPUT xmlns:p="{SYSTEM}"><p:RequestedState>2</p:RequestedState>'
        "</p:RequestStateChange_INPUT>"
    )
    root = client.invoke(f"{SYSTEM}/RequestStateChange", SYSTEM, request, selector_set=selectors(VM))
    assert root.findtext(f".//{{{SYSTEM}}}ReturnValue") == "4096"
    assert provider.calls[0]["RequestedState"] == 2


def test_pypsrp_over_https_and_its_fault(serve, wsman):
    client = wsman(serve(tls=True, allow_unencrypted=False))
    with pytest.raises(PsrpFault) as caught:
        client.get(SYSTEM, selector_set=selectors({"Nope": "x"}))
    assert caught.value.code == 2150858843
    assert caught.value.machine == "127.0.0.1"


def test_pypsrp_asks_for_the_envelope_size(serve, wsman):
    client = wsman(serve(max_envelope_kb=300))
    client.update_max_payload_size()
    assert client.max_envelope_size == 300 * 1024


def test_pypsrp_with_a_wrong_password(serve, wsman):
    with pytest.raises(AuthenticationError):
        wsman(serve(), "wrong").get(SYSTEM, selector_set=selectors(VM))


# --- python-wsmanclient: Basic, and WS-Management as Dell's DRAC speaks it


@pytest.fixture
def dracclient(serve):
    client = pytest.importorskip("wsmanclient.client")

    def connect(endpoint):
        url = urlsplit(endpoint.url)
        return client.Client(url.hostname, USER, PASSWORD, port=url.port, protocol=url.scheme)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield connect


@pytest.mark.parametrize("tls", [False, True])
def test_wsmanclient_enumerates(serve, dracclient, tls):
    client = dracclient(serve(tls=tls))
    # Not optimised: it looks for the first items in another namespace than Windows puts them.
    root = client.enumerate(SYSTEM, optimization=False, max_elems=2)
    found = root.findall(".//n:Items/*", NS)
    assert [item.findtext(f"{{{SYSTEM}}}ElementName") for item in found] == ["vm0", "vm1", "vm2", "vm3", "vm4"]


def test_wsmanclient_queries(serve, dracclient):
    client = dracclient(serve())
    query = "SELECT Name FROM Msvm_ComputerSystem WHERE ElementName LIKE 'vm[12]'"
    root = client.enumerate(f"{V2}/*", optimization=False, filter_query=query, filter_dialect="wql")
    assert [item.findtext("Name") for item in root.findall(".//w:XmlFragment", NS)] == [vm_id(1), vm_id(2)]


def test_wsmanclient_invokes(serve, dracclient, provider):
    root = dracclient(serve()).invoke(SYSTEM, "RequestStateChange", VM, {"RequestedState": "2"})
    assert root.findtext(f".//{{{SYSTEM}}}ReturnValue") == "4096"
    assert provider.calls[0]["RequestedState"] == 2


# --- the certificate


def test_the_certificate_names_where_it_is_reached(serve, tmp_path):
    url = urlsplit(serve(tls=True).url)
    context = ssl.create_default_context(cafile=str(tmp_path / "hv01.pem"))
    for name in ("127.0.0.1", "localhost", "hv01"):
        plain = socket.create_connection((url.hostname, url.port), timeout=10)
        with context.wrap_socket(plain, server_hostname=name) as tls:
            assert tls.version() in ("TLSv1.2", "TLSv1.3")


@pytest.fixture
def psrp(serve):
    url = urlsplit(serve().url)
    account = {"auth": "basic", "encryption": "never", "username": USER, "password": PASSWORD}
    with WSMan(url.hostname, port=url.port, ssl=False, **account) as wsman:
        yield wsman


def test_pypsrp_runs_programs_in_a_shell(psrp):
    """What pypsrp's own tests ask of a real host, with its answers."""
    with WinRS(
        psrp, environment={"env1": "var1", 1234: 5678}, working_directory="C:\\Windows", idle_time_out=60
    ) as shell:
        process = Process(shell, "cmd.exe", ["/c", "echo", "hi"])
        process.invoke()
        process.signal(SignalCode.CTRL_C)
        assert (process.rc, process.stdout, process.stderr) == (0, b"hi\r\n", b"")
        process = Process(shell, "cmd.exe", ["/c", "set"])
        process.invoke()
        process.signal(SignalCode.TERMINATE)
        assert {"env1=var1", "1234=5678"} <= set(process.stdout.decode().splitlines())


def test_pypsrp_meets_the_faults_of_a_shell(psrp):
    with WinRS(psrp) as shell:
        process = Process(shell, "cmd.exe", ["/c", "echo", "hi"])
        with pytest.raises(PsrpFault) as early:
            process.poll_invoke()
        assert (early.value.code, early.value.provider) == (87, "Shell cmd plugin")
        assert early.value.provider_path == "%systemroot%\\system32\\winrscmd.dll"
        assert early.value.provider_fault == "The parameter is incorrect."
        process.begin_invoke()
        process.id = "87E77BEB-6761-4C48-9D70-A00266B8459A"
        with pytest.raises(PsrpFault) as unknown:
            process.poll_invoke()
        assert unknown.value.code == 2150858843
        assert "received a request to perform an operation on a command identifier" in unknown.value.reason
