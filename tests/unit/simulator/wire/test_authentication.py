"""Authentication as clients see it in HTTP; with third-party clients in test_clients.py."""

from __future__ import annotations

import base64
import http.client
import os
from urllib.parse import urlsplit

import pytest
import spnego
from spnego._ntlm_raw.messages import AvId, Challenge

from ..talk import NS, SYSTEM, Talk, envelope, vm_id

VM = {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id(1)}
GET = envelope(f"{NS['x']}/Get", SYSTEM, selectors=VM)


class Connection:
    def __init__(self, endpoint):
        url = urlsplit(endpoint.url)
        self.http = http.client.HTTPConnection(url.hostname, url.port, timeout=20)

    def post(self, body=b"", authorization=None, content_type="application/soap+xml;charset=UTF-8"):
        headers = {"Content-Type": content_type}
        if authorization:
            headers["Authorization"] = authorization
        self.http.request("POST", "/wsman", body, headers)
        answer = self.http.getresponse()
        data = answer.read()
        return answer.status, answer.headers.get_all("WWW-Authenticate") or [], data

    def negotiate(self, user="Administrator", password="p:ss wörd", protocol="ntlm"):
        """The client's context, and the status at the end of the handshake."""
        context = spnego.client(
            user, password, protocol=protocol, options=spnego.NegotiateOptions.use_ntlm if protocol == "ntlm" else 0
        )
        token = context.step()
        status = 401
        while token:
            status, challenges, _rest = self.post(b"", f"Negotiate {base64.b64encode(token).decode()}")
            answers = [one.partition(" ")[2] for one in challenges if one.startswith("Negotiate ")]
            if not answers:
                break
            token = context.step(base64.b64decode(answers[0]))
        return context, status


@pytest.mark.parametrize(
    ("tls", "settings", "challenges"),
    [
        (False, {}, ["Negotiate", "Kerberos", 'Basic realm="WSMAN"']),
        (False, {"allow_unencrypted": False}, ["Negotiate", "Kerberos"]),
        (False, {"basic": False}, ["Negotiate", "Kerberos"]),
        (False, {"credssp": True, "allow_unencrypted": False}, ["Negotiate", "Kerberos", "CredSSP"]),
        (False, {"negotiate": False}, ['Basic realm="WSMAN"']),
    ],
)
def test_what_a_401_offers(serve, tls, settings, challenges):
    status, offered, body = Connection(serve(**settings)).post(GET.encode())
    assert (status, offered, body) == (401, challenges, b"")


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_the_challenge_names_the_simulated_host(serve, protocol):
    """Clients without a domain of their own answer with its TargetName (Azure/go-ntlmssp)."""
    token = spnego.client(
        "Administrator", "x", protocol=protocol, options=spnego.NegotiateOptions.use_ntlm if protocol == "ntlm" else 0
    ).step()
    _status, challenges, _rest = Connection(serve()).post(b"", f"Negotiate {base64.b64encode(token).decode()}")
    (answer,) = (base64.b64decode(one.partition(" ")[2]) for one in challenges if one.startswith("Negotiate "))
    challenge = Challenge.unpack(answer[answer.index(b"NTLMSSP\0") :])
    assert challenge.target_name == "HV01"
    assert challenge.target_info[AvId.nb_computer_name] == "HV01"


@pytest.mark.parametrize(
    "user",
    [
        "Administrator:wrong",
        "nope:x",
        "Administrator:",
        "Administrator:p",
        ":",
        "administrator",
        "ELSEWHERE\\Administrator:p:ss wörd",
    ],
)
def test_basic_with_a_wrong_password(serve, user):
    answer = Talk(serve(), user).post(GET)
    assert answer.status == 401
    assert answer.text == ""


@pytest.mark.parametrize("user", ["Administrator", "ADMINISTRATOR", "HV01\\Administrator", ".\\administrator"])
def test_basic_takes_every_form_of_a_local_account(serve, user):
    assert Talk(serve(), f"{user}:p:ss wörd").post(GET).status == 200


@pytest.mark.parametrize(
    "token", ["Basic !!!", "Basic", "Negotiate !!!", "Negotiate AAAA", "NTLM AAAA", "Kerberos AAAA", "x"]
)
def test_nonsense_is_401(serve, token):
    assert Connection(serve()).post(GET.encode(), token)[0] == 401


def test_basic_is_not_taken_where_it_is_not_offered(serve):
    assert Talk(serve(allow_unencrypted=False)).post(GET).status == 401


def test_basic_is_for_one_request(serve):
    connection = Connection(serve())
    token = "Basic " + base64.b64encode("Administrator:p:ss wörd".encode()).decode()
    assert connection.post(GET.encode(), token)[0] == 200
    assert connection.post(GET.encode())[0] == 401


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_negotiate_is_for_the_connection(serve, protocol):
    endpoint = serve()
    connection = Connection(endpoint)
    _rest, status = connection.negotiate(protocol=protocol)
    assert status == 200
    assert connection.post(GET.encode())[0] == 200
    assert Connection(endpoint).post(GET.encode())[0] == 401


@pytest.mark.parametrize(
    ("user", "password"), [("Administrator", "wrong"), ("nope", "x"), ("ELSEWHERE\\Administrator", "p:ss wörd")]
)
def test_negotiate_with_wrong_credentials(serve, user, password):
    connection = Connection(serve())
    assert connection.negotiate(user, password)[1] == 401
    assert connection.post(GET.encode())[0] == 401
    assert connection.negotiate()[1] == 200


@pytest.mark.parametrize("user", ["administrator", "HV01\\Administrator", ".\\Administrator", "hv01\\ADMINISTRATOR"])
def test_negotiate_takes_every_form_of_a_local_account(serve, user):
    assert Connection(serve()).negotiate(user)[1] == 200


def test_unencrypted_messages_are_refused_with_an_empty_500(serve):
    connection = Connection(serve(allow_unencrypted=False))
    assert connection.negotiate()[1] == 200
    status, _rest, body = connection.post(GET.encode())
    assert (status, body) == (500, b"")


def test_a_message_that_was_tampered_with(serve):
    connection = Connection(serve(allow_unencrypted=False))
    context, _rest = connection.negotiate()
    sealed = context.wrap_winrm(GET.encode())
    body = (
        b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
        + f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(GET.encode())}\r\n".encode()
        + b"--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
        + len(sealed.header).to_bytes(4, "little")
        + sealed.header
        + bytes([sealed.data[0] ^ 1])
        + sealed.data[1:]
        + b"--Encrypted Boundary--\r\n"
    )
    kind = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
    assert connection.post(body, None, kind)[0] == 400


def test_a_sealed_message_without_a_handshake(serve):
    kind = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
    assert Connection(serve()).post(b"x", None, kind)[0] == 401


def test_the_environment_is_left_as_it_was(serve, monkeypatch):
    monkeypatch.setenv("NTLM_USER_FILE", "/mine")
    Connection(serve()).negotiate()
    assert os.environ["NTLM_USER_FILE"] == "/mine"
