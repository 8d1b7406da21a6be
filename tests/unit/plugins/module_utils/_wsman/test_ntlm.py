# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NTLM: which requests authenticate, with which secret, and what is never sent twice."""

from __future__ import annotations

import base64
import ssl
import struct
from datetime import datetime, timezone

import pytest
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from spnego.channel_bindings import GssChannelBindings

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import diagnosis, faults, ntlm
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.options import ConnectionOptions, endpoint_url
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.transport import HttpTransport

# MS-NLMP 4.2.1 and 4.2.2.1.2: a password and its NTOWFv1.
PASSWORD, NT_HASH = "Password", "a4f49c406510bdcab6824ee7c30fd852"
SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><ok/></s:Body></s:Envelope>'
SEALED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
SEALED_TEMPLATE = (
    b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
    b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n"
    b"--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n%b--Encrypted Boundary--\r\n"
)


class NtlmHost:
    """Answers for a WebServer: authenticates connections by NTLM with pyspnego, and counts the messages that it ran."""

    def __init__(self, scheme="Negotiate", certificate=None):
        self.scheme = scheme
        self.bindings = certificate and GssChannelBindings(
            application_data=b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())
        )
        self.contexts = {}
        self.ran = 0
        self.tamper = False
        self.flip = None

    def __call__(self, request):
        scheme, _space, token = (request.headers.get("Authorization") or "").partition(" ")
        context = self.contexts.get(request.client_address)
        if token and scheme == self.scheme:
            if context is None or context.complete:
                context = spnego.server(
                    protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm, channel_bindings=self.bindings
                )
                self.contexts[request.client_address] = context
            try:
                answer = context.step(base64.b64decode(token))
            except spnego.exceptions.SpnegoError:
                del self.contexts[request.client_address]
                context = None
            else:
                if not context.complete:
                    return 401, {"WWW-Authenticate": f"{self.scheme} {base64.b64encode(answer).decode()}"}, b""
        if context is None or not context.complete:
            return 401, {"WWW-Authenticate": self.scheme}, b""
        self.ran += 1
        if not request.headers["Content-Type"].startswith("multipart/encrypted"):
            return 200, {"Content-Type": "application/soap+xml"}, SOAP
        return 200, {"Content-Type": SEALED}, self.seal(context)

    def seal(self, context):
        sealed = context.wrap_winrm(SOAP)
        data = bytes(len(sealed.data)) if self.tamper else sealed.data
        body = SEALED_TEMPLATE % (len(SOAP), struct.pack("<I", len(sealed.header)) + sealed.header + data)
        if self.flip is None:
            return body
        return body[: self.flip] + bytes([body[self.flip] ^ 1]) + body[self.flip + 1 :]


@pytest.fixture
def accounts(tmp_path, monkeypatch):
    """Writes the accounts that pyspnego's acceptor knows, all with PASSWORD (smbpasswd form: LM hash, NT hash)."""

    def write(*names, lm_hash="0" * 32):
        lines = [f"{name}:0:{lm_hash}:{NT_HASH.upper()}:[U]:LCT-00000000\n" for name in names]
        (tmp_path / "accounts").write_text("".join(lines))
        monkeypatch.setenv("NTLM_USER_FILE", str(tmp_path / "accounts"))

    write("admin")
    return write


@pytest.fixture
def host(serve, accounts):
    """Starts an NtlmHost. Returns it and the options to reach it."""

    def start(scheme="Negotiate", **more):
        answers = NtlmHost(scheme)
        server = serve(answers)
        return answers, server, options(server.port, **more)

    return start


def options(port, scheme="http", **more):
    given = {"transport": "ntlm", "user": "admin", "password": PASSWORD, "proxy": None} | more
    return ConnectionOptions(endpoint=endpoint_url(scheme, "127.0.0.1", port), **given)


def tokens(server):
    """NTLM's message type in each request: 1 NEGOTIATE, 3 AUTHENTICATE, 0 none (MS-NLMP 2.2.1)."""
    found = []
    for headers, _body in server.requests:
        _scheme, _space, token = headers.get("Authorization", "").partition(" ")
        found.append(base64.b64decode(token)[8] if token else 0)
    return found


# ---- requests ----


def test_one_request_authenticates_and_the_next_is_sealed(host):
    answers, server, chosen = host()
    channel = HttpTransport(chosen)
    assert channel.send(b"<a/>") == SOAP
    assert channel.send(b"<b/>") == SOAP
    assert tokens(server) == [1, 3, 0]
    assert [len(body) == 0 for _headers, body in server.requests] == [True, False, False]
    assert [headers["Content-Type"] == SEALED for headers, _body in server.requests] == [False, True, True]
    assert len(server.connections) == 1
    assert answers.ran == 2


@pytest.mark.parametrize(
    ("tls", "encryption", "sealed"),
    [(False, "auto", True), (True, "auto", False), (True, "always", True)],
)
def test_requests_to_the_simulator(simulated, tls, encryption, sealed):
    host = simulated(tls=tls)
    client = host.client(message_encryption=encryption)
    client.identify()
    client.identify()
    legs = [(entry.authentication, entry.status, entry.encrypted) for entry in host.log]
    assert legs == [(True, 401, False), (False, 200, sealed), (False, 200, sealed)]
    assert len({entry.connection for entry in host.log}) == 1


def test_a_wrong_password_takes_two_requests(simulated):
    """One attempt, however often the client is used: the host locks the account after some."""
    host = simulated()
    client = host.client(password="wrong")
    for _turn in range(5):
        with pytest.raises(faults.AuthenticationFailed, match="rejects the credentials of the user administrator"):
            client.identify()
    assert [entry.status for entry in host.log] == [401, 401]


def test_a_host_that_offers_ntlm_only(host):
    answers, server, chosen = host(scheme="NTLM")
    assert HttpTransport(chosen).send(b"<a/>") == SOAP
    assert tokens(server) == [1, 1, 3]
    assert answers.ran == 1


def test_a_host_without_a_challenge(serve):
    server = serve(lambda _request: (401, {"WWW-Authenticate": "Negotiate, Kerberos"}, b""))
    with pytest.raises(faults.AuthenticationFailed, match="did not answer with an NTLM challenge") as caught:
        HttpTransport(options(server.port)).send(b"<a/>")
    assert caught.value.details["offered"] == ["Negotiate", "Kerberos"]
    assert len(server.requests) == 1


def test_a_host_that_does_not_authenticate(serve):
    server = serve(lambda _request: (200, {"Content-Type": "application/soap+xml"}, SOAP))
    with pytest.raises(faults.NotWSMan, match="doesn't ask for authentication"):
        HttpTransport(options(server.port)).send(b"<a/>")
    assert [body for _headers, body in server.requests] == [b""]


@pytest.mark.parametrize("transport", ["ntlm", "negotiate", "credssp", "basic"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_credentials_do_not_follow_a_redirection(serve, tmp_path, monkeypatch, transport, status):
    elsewhere = serve(lambda _request: (401, {"WWW-Authenticate": "Negotiate, CredSSP, Basic"}, b""))
    location = {"Location": f"http://127.0.0.1:{elsewhere.port}/wsman"}
    server = serve(lambda _request: (status, location, b""))
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login admin password s3cret\n")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(faults.NotWSMan, match=f"it redirects elsewhere .HTTP {status}"):
        HttpTransport(options(server.port, transport=transport)).send(b"<a/>")
    assert elsewhere.requests == []
    assert not any("YWRtaW46czNjcmV0" in str(headers) for headers, _body in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_messages_do_not_follow_a_redirection(host, serve, status):
    elsewhere = serve(lambda _request: (200, {"Content-Type": "application/soap+xml"}, SOAP))
    _answers, server, chosen = host()
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    server.answers = lambda _request: (status, {"Location": f"http://127.0.0.1:{elsewhere.port}/wsman"}, b"")
    with pytest.raises(faults.NotWSMan, match="it redirects elsewhere"):
        channel.send(b"<b/>")
    assert elsewhere.requests == []


def test_a_busy_host_is_authenticated_to_again(host):
    """HTTP 503 may come from in front of what authenticates the connection."""
    answers, server, chosen = host()
    channel = HttpTransport(chosen)
    busy = []

    def answer(request):
        if len(server.requests) == 2:
            busy.append(request.client_address)
            return 503, {}, b""
        return answers(request)

    server.answers = answer
    with pytest.raises(faults.HostBusy):
        channel.send(b"<a/>")
    assert channel.send(b"<a/>") == SOAP
    assert tokens(server) == [1, 3, 1, 3]
    assert len(busy) == 1


# ---- sent once ----


def test_a_closed_connection_is_authenticated_again(host):
    answers, server, chosen = host()
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    answers.contexts.clear()  # the host no longer knows who is at the other end
    assert channel.send(b"<b/>") == SOAP
    assert tokens(server) == [1, 3, 0, 1, 3]
    assert answers.ran == 2


def test_a_message_is_not_repeated_if_its_answer_cannot_be_read(host):
    """The host has run it. Only HTTP 401 says that a host has not."""
    answers, _server, chosen = host()
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    answers.tamper = True
    with pytest.raises(faults.BadAnswer, match="cannot be decrypted") as caught:
        channel.send(b"<b/>")
    assert caught.value.sent
    assert answers.ran == 2
    answers.tamper = False
    assert channel.send(b"<c/>") == SOAP
    assert answers.ran == 3


def outcome(channel):
    """Whether an answer was good, or raised an error that says that the host may have run the message."""
    try:
        return channel.send(b"<b/>") == SOAP
    except faults.BadAnswer as error:
        return error.sent


@pytest.mark.parametrize("first", [True, False])
def test_no_flipped_bit_makes_a_message_go_twice(host, first):
    """Each octet of the sealed answer in turn, on a new connection and on one in use."""
    answers, _server, chosen = host()
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    length = len(answers.seal(next(iter(answers.contexts.values()))))
    channel.close()
    for position in range(0, length, 7):
        if not first:
            channel.send(b"<a/>")
        before, answers.flip = answers.ran, position
        assert outcome(channel)
        assert answers.ran == before + 1
        answers.flip = None
        channel.close()


# ---- sealed means sealed ----

PLAIN_TYPES = [
    "application/soap+xml;charset=UTF-8",
    "multipart/encrypted",
    'multipart/encrypted;protocol="none";boundary="Encrypted Boundary"',
    "",
]


@pytest.mark.parametrize("content_type", PLAIN_TYPES)
@pytest.mark.parametrize("status", [200, 202, 500])
@pytest.mark.parametrize("encryption", ["auto", "always"])
def test_an_answer_in_plain_text_is_none(host, status, content_type, encryption):
    answers, server, chosen = host(message_encryption=encryption)
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    server.answers = lambda _request: (status, {"Content-Type": content_type} if content_type else {}, SOAP)
    with pytest.raises(faults.BadAnswer, match="in plain text") as caught:
        channel.send(b"<b/>")
    assert caught.value.sent
    assert len(server.requests) == 3
    assert answers.ran == 1


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_refusal_in_plain_text_is_no_envelope_either(host, status):
    _answers, server, chosen = host()
    channel = HttpTransport(chosen)
    channel.send(b"<a/>")
    server.answers = lambda _request: (status, {"Content-Type": "application/soap+xml"}, SOAP)
    with pytest.raises((faults.NotWSMan, faults.HostBusy)) as caught:
        channel.send(b"<b/>")
    assert not caught.value.sent
    assert caught.value.details["http_status"] == status


def test_a_sealed_frame_without_a_message_is_no_envelope(host):
    answers, _server, chosen = host()
    answers.seal = lambda _context: b"--Encrypted Boundary--\r\n" + SOAP
    with pytest.raises(faults.NotWSMan):
        HttpTransport(chosen).send(b"<a/>")


# ---- the secret ----


def test_the_nt_hash():
    """Fails if pyspnego no longer has the function behind it; NTLM then works with the password, but slower."""
    assert ntlm.nt_hash(PASSWORD) == NT_HASH
    assert ntlm.nt_hash(f"{'0' * 32}:{NT_HASH}") == NT_HASH  # a hash given as the password, as pyspnego accepts it
    assert ntlm.nt_hash("") == "31d6cfe0d16ae931b73c59d7e0c089c0"


@pytest.mark.parametrize("level", ["0", "2", "-1", "nonsense"])
def test_ntlm_version_1_needs_the_password(monkeypatch, level):
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    assert ntlm.nt_hash(PASSWORD) is None


@pytest.mark.parametrize("level", ["3", "5"])
def test_ntlm_version_2_needs_the_hash(monkeypatch, level):
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    assert ntlm.nt_hash(PASSWORD) == NT_HASH


@pytest.mark.parametrize("user", ["admin", "LAB\\admin", "admin@lab.example", ".\\admin", "Größe\\Jürgen"])
@pytest.mark.parametrize("function", ["there", "gone"])
def test_user_names(host, accounts, monkeypatch, user, function):
    if function == "gone":
        monkeypatch.delattr("spnego._ntlm_raw.crypto.ntowfv1")
        assert ntlm.nt_hash(PASSWORD) is None
    accounts(user)
    answers, _server, chosen = host(user=user)
    assert HttpTransport(chosen).send(b"<a/>") == SOAP
    (context,) = answers.contexts.values()
    assert context.client_principal == user


def test_no_lm_hash_is_computed(host, monkeypatch):
    def fail(_password):
        raise AssertionError("DES")

    monkeypatch.setattr("spnego._ntlm.lmowfv1", fail)
    _answers, _server, chosen = host()
    assert HttpTransport(chosen).send(b"<a/>") == SOAP


def test_ntlm_version_1_still_works(host, accounts, monkeypatch):
    monkeypatch.setenv("LM_COMPAT_LEVEL", "1")
    accounts("admin", lm_hash="E52CAC67419A9A224A3B108F3FA6CB6D")  # MS-NLMP 4.2.2.1.1
    _answers, _server, chosen = host()
    assert HttpTransport(chosen).send(b"<a/>") == SOAP


def test_no_secret_in_messages(host):
    _answers, _server, chosen = host()
    channel = HttpTransport(chosen)
    error = diagnosis.of_exception(chosen, ValueError(f"{PASSWORD} {NT_HASH}"), (PASSWORD, channel._password_hash))
    assert PASSWORD not in str(error)
    assert NT_HASH not in str(error)


def test_pyspnego_missing(monkeypatch):
    """As with requests_ntlm 1.1, which pywinrm accepts. Other transports don't need it."""
    monkeypatch.setattr(ntlm, "IMPORT_ERROR", ImportError("No module named 'spnego'"))
    with pytest.raises(faults.HostError, match="needs requests_ntlm"):
        HttpTransport(options(1))
    HttpTransport(options(1, transport="basic"))


# ---- TLS ----


@pytest.mark.parametrize(
    ("send_cbt", "other", "accepted"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_the_authentication_is_bound_to_the_certificate(serve, self_signed, accounts, send_cbt, other, accepted):
    """Extended protection: the host refuses a client that saw another certificate, or does not say which it saw."""
    path = self_signed("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    bound = x509.load_pem_x509_certificate((self_signed("other") if other else path).read_bytes())
    server = serve(NtlmHost(certificate=bound), context)
    channel = HttpTransport(options(server.port, "https", send_cbt=send_cbt, ca_trust_path=str(path)))
    if accepted:
        assert channel.send(b"<a/>") == SOAP
    else:
        with pytest.raises(faults.AuthenticationFailed, match="rejects the credentials"):
            channel.send(b"<a/>")
    assert tokens(server) == [1, 3]


@pytest.mark.parametrize(
    ("algorithm", "used"),
    [(hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512"), (None, "sha256")],
)
def test_the_hash_of_the_binding(algorithm, used):
    """RFC 5929 4.1; a signature without a hash algorithm of its own (Ed25519) counts as SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm else ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=timezone.utc))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=timezone.utc))
        .sign(key, algorithm)
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    expected = b"tls-server-end-point:" + certificate.fingerprint(getattr(hashes, used.upper())())
    assert ntlm._channel_bindings(der).application_data == expected


@pytest.mark.parametrize(
    ("header", "scheme", "challenge"),
    [
        ("Negotiate VGVzdA==", "Negotiate", b"Test"),
        ("Kerberos, Negotiate VGVzdA==, Basic realm=\"WSMAN\"", "Negotiate", b"Test"),
        ("negotiate VGVzdDEy", "Negotiate", b"Test12"),
        ("Negotiate, NTLM VGVzdA==", "Negotiate", None),
        ("Negotiate, NTLM VGVzdA==", "NTLM", b"Test"),
        ("Basic realm=\"WSMAN\"", "Negotiate", None),
        ("", "Negotiate", None),
    ],
)  # fmt: skip
def test_challenges(header, scheme, challenge):
    class Response:
        headers = {"WWW-Authenticate": header} if header else {}

    assert ntlm.challenge_of(Response, scheme) == challenge
