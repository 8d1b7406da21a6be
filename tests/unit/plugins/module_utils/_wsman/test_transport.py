# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads when a host can't be talked to, against sockets that behave that way."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import faults, transport
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.transport import (
    ConnectionOptions,
    HttpTransport,
    endpoint_url,
)

PASSWORD = "s3cret-Pa55"
SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><ok/></s:Body></s:Envelope>'


class Server:
    """Answers POSTs with (status, headers, body) from a list, or with what a function makes of the request."""

    def __init__(self, answers, context=None):
        self.answers = answers
        self.requests = []
        self.connections = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((dict(self.headers), body))
                server.connections.add(self.client_address)
                answer = server.answers(self) if callable(server.answers) else server.answers.pop(0)
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments):
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_arguments):
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:

        def start(answers, context=None):
            server = Server(answers, context)
            stack.callback(server.http.server_close)
            stack.callback(server.http.shutdown)
            return server

        yield start


def options(port, scheme="http", host="127.0.0.1", **more):
    given = {"transport": "basic", "user": "admin", "password": PASSWORD, "proxy": None} | more
    return ConnectionOptions(endpoint=endpoint_url(scheme, host, port), **given)


def failing(chosen):
    with pytest.raises(faults.HostError) as caught:
        HttpTransport(chosen).send(b"<x/>")
    assert PASSWORD not in str(caught.value) + repr(caught.value.details)
    return caught.value


def ok(headers=None):
    return (200, {"Content-Type": "application/soap+xml;charset=UTF-8"} | (headers or {}), SOAP)


# ---- addresses ----


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("http", "hv01", 5985), "http://hv01:5985/wsman"),
        (("https", "hv01.example", 443, "winrm/"), "https://hv01.example:443/winrm/"),
        (("http", "fd00::10", 5985), "http://[fd00::10]:5985/wsman"),
        (("http", "[fd00::10]", 5985), "http://[fd00::10]:5985/wsman"),
        (("http", "fe80::1%eth0", 5985), "http://[fe80::1%25eth0]:5985/wsman"),
        (("http", "fe80::1%25eth0", 5985), "http://[fe80::1%25eth0]:5985/wsman"),
    ],
)
def test_endpoint_urls(arguments, url):
    assert endpoint_url(*arguments) == url


def test_the_password_is_not_in_the_options_text():
    assert PASSWORD not in repr(options(1))


# ---- what works ----


def test_one_connection_for_all_requests(serve):
    server = serve(lambda _request: ok())
    channel = HttpTransport(options(server.port))
    assert channel.send(b"<a/>") == SOAP
    assert channel.send(b"<b/>") == SOAP
    assert [body for _headers, body in server.requests] == [b"<a/>", b"<b/>"]
    assert len(server.connections) == 1
    headers = server.requests[0][0]
    assert headers["Content-Type"] == "application/soap+xml;charset=UTF-8"
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    assert sum(len(name) + len(value) + 4 for name, value in headers.items()) < 400


def test_passwords_beyond_latin_1(serve):
    server = serve(lambda _request: ok())
    HttpTransport(options(server.port, password="пароль")).send(b"<a/>")
    credentials = base64.b64decode(server.requests[0][0]["Authorization"].removeprefix("Basic "))
    assert credentials == "admin:пароль".encode()


def test_a_connection_idle_for_long_is_replaced(serve, monkeypatch):
    server = serve(lambda _request: ok())
    channel = HttpTransport(options(server.port))
    channel.send(b"<a/>")
    monkeypatch.setattr(transport, "IDLE_LIMIT", -1.0)
    channel.send(b"<b/>")
    assert len(server.connections) == 2


def test_a_connection_that_lost_its_authentication_is_replaced_once(serve):
    refused = (401, {"WWW-Authenticate": 'Basic realm="WSMAN"'}, b"")
    server = serve([ok(), refused, ok(), refused, refused])
    channel = HttpTransport(options(server.port))
    channel.send(b"<a/>")
    assert channel.send(b"<b/>") == SOAP
    with pytest.raises(faults.AuthenticationFailed):
        channel.send(b"<c/>")
    assert len(server.requests) == 5


def test_a_fault_is_handed_on_whatever_its_status(serve):
    server = serve([(status, {"Content-Type": "application/soap+xml"}, SOAP) for status in (500, 400, 503)])
    channel = HttpTransport(options(server.port))
    assert [channel.send(b"<a/>") for _turn in range(3)] == [SOAP] * 3


def test_reads_survive_a_broken_connection(serve):
    identify = SOAP.replace(
        b"<ok/>",
        b'<i:IdentifyResponse xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
        b"<i:ProductVendor>Microsoft Corporation</i:ProductVendor></i:IdentifyResponse>",
    )
    server = serve([None, (200, {"Content-Type": "application/soap+xml"}, identify)])
    with connect(options(server.port)) as client:
        assert client.identify() == {"ProductVendor": "Microsoft Corporation"}


# ---- what doesn't ----


def test_connection_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = failing(options(port))
    assert error.__class__ is faults.ConnectionFailed
    assert not error.sent
    assert f"http://127.0.0.1:{port}/wsman refuses the connection" in str(error)


def test_unknown_host():
    error = failing(options(5985, host="no-such-host.invalid"))
    assert error.__class__ is faults.ConnectionFailed
    assert str(error) == "The host name no-such-host.invalid cannot be resolved."


def test_connection_broken(serve):
    error = failing(options(serve([None]).port))
    assert error.__class__ is faults.ConnectionFailed
    assert error.sent
    assert "broke before the answer came" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", faults.NotWSMan, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<x", faults.ConnectionFailed, "broke before the answer came"),
    ],
)
def test_other_talk(answer, kind, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk():
            connection, _address = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threading.Thread(target=talk, daemon=True).start()
        error = failing(options(listener.getsockname()[1]))
    assert error.__class__ is kind
    assert said in str(error)


def test_no_answer_in_time(serve):
    server = serve(lambda _request: time.sleep(1.5))
    error = failing(options(server.port, operation_timeout=1, read_timeout=1.05))
    assert error.__class__ is faults.OperationTimeout
    assert "did not answer within 1.05 s" in str(error)
    assert "unknown" in str(error)


def test_wrong_password(serve):
    error = failing(options(serve([(401, {"WWW-Authenticate": 'Negotiate, Basic realm="WSMAN"'}, b"")]).port))
    assert error.__class__ is faults.AuthenticationFailed
    assert "rejects the credentials of the user admin over basic" in str(error)


def test_method_not_offered(serve):
    error = failing(options(serve([(401, {"WWW-Authenticate": "Negotiate, Kerberos"}, b"")]).port))
    assert error.__class__ is faults.AuthenticationFailed
    assert "it offers Negotiate, Kerberos" in str(error)
    assert error.details["offered"] == ["Negotiate", "Kerberos"]


@pytest.mark.parametrize("chosen", ["ntlm", "negotiate"])
def test_ntlm_not_offered(serve, chosen):
    server = serve(lambda _request: (401, {"WWW-Authenticate": 'Basic realm="WSMAN"'}, b""))
    error = failing(options(server.port, transport=chosen))
    assert error.__class__ is faults.AuthenticationFailed
    assert "it offers Basic" in str(error)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "said"),
    [
        (
            404,
            "text/html; charset=us-ascii",
            b"<!DOCTYPE HTML><html>Not Found</html>",
            "no WS-Management service at this",
        ),
        (200, "text/html", b"<html>Welcome</html>", "HTTP 200, text/html"),
        (405, "text/plain", b"no", "HTTP 405"),
        (400, "text/html", b"<h2>Bad Request</h2>", "HTTP 400"),
        (302, "text/html", b"", "redirects"),
        (501, "", b"", "no content type"),
    ],
)
def test_not_a_winrm_endpoint(serve, status, content_type, body, said):
    headers = {"Content-Type": content_type} if content_type else {}
    error = failing(options(serve([(status, headers | {"Location": "http://elsewhere/"}, body)]).port))
    assert error.__class__ is faults.NotWSMan
    assert "is not a WinRM endpoint" in str(error)
    assert said in str(error)
    assert error.details["http_status"] == status


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (413, faults.RequestTooLarge, "MaxEnvelopeSizekb"),
        (500, faults.AuthenticationFailed, "wants messages encrypted"),
        (503, faults.HostBusy, "takes no requests now"),
        (403, faults.AuthenticationFailed, "refuses the user admin"),
        (407, faults.ConnectionFailed, "proxy"),
    ],
)
def test_other_refusals(serve, status, kind, said):
    error = failing(options(serve([(status, {}, b"")]).port))
    assert error.__class__ is kind
    assert said in str(error)


def test_no_proxy_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failing(options(5985, host="hv01.invalid", proxy=f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert "The proxy on the way to http://hv01.invalid:5985/wsman does not answer" in str(error)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"transport": "smoke"}, "Unknown transport smoke"),
        ({"user": ""}, "requires a username"),
        ({"operation_timeout": 60, "read_timeout": 60}, "must be longer than the operation time-out"),
        ({"transport": "certificate"}, "cert_pem"),
        ({"transport": "certificate", "certificate_pem": "/no/c", "certificate_key_pem": "/no/k"}, "/no/c"),
        ({"message_encryption": "always"}, "does not support it"),
        ({"server_cert_validation": "maybe"}, "maybe"),
    ],
)
def test_options_that_make_no_sense(more, said):
    assert said in str(failing(options(1, **more)))


def test_not_a_url():
    assert "Not the URL" in str(failing(ConnectionOptions(endpoint="hv01:5985", user="a", password=PASSWORD)))


def test_pywinrm_missing(monkeypatch):
    monkeypatch.setattr(transport, "IMPORT_ERROR", ImportError("No module named 'winrm'"))
    assert "pip install pywinrm" in str(failing(options(1)))


# ---- TLS ----


@pytest.fixture
def certificate(tmp_path, self_signed):
    """Makes a self-signed certificate: the server's context, and the file to trust."""

    def make(**options):
        path = self_signed("server", **options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.PEM))
        return context, str(trusted)

    return make


def test_a_trusted_certificate(serve, certificate):
    context, trusted = certificate()
    server = serve(lambda _request: ok(), context)
    assert HttpTransport(options(server.port, "https", ca_trust_path=trusted)).send(b"<a/>") == SOAP


def test_an_unknown_certificate_and_its_waiver(serve, certificate):
    context, _trusted = certificate()
    server = serve(lambda _request: ok(), context)
    error = failing(options(server.port, "https"))
    assert error.__class__ is faults.CertificateInvalid
    assert not error.sent
    assert "is not valid: it is self-signed" in str(error)
    assert server.requests == []
    assert HttpTransport(options(server.port, "https", server_cert_validation="ignore")).send(b"<a/>") == SOAP


def test_a_certificate_of_another_host(serve, certificate):
    context, trusted = certificate(names=("other.example",), addresses=("192.0.2.1",))
    server = serve(lambda _request: ok(), context)
    assert "it is for another IP address" in str(failing(options(server.port, "https", ca_trust_path=trusted)))
    error = failing(options(server.port, "https", host="localhost", ca_trust_path=trusted))
    assert "it is for another host name" in str(error)


def test_an_expired_certificate(serve, certificate):
    context, trusted = certificate(days=(-30, -1))
    server = serve(lambda _request: ok(), context)
    assert "it has expired" in str(failing(options(server.port, "https", ca_trust_path=trusted)))


def test_a_missing_ca_file(serve, certificate):
    context, _trusted = certificate()
    error = failing(options(serve([], context).port, "https", ca_trust_path="/no/ca.pem"))
    assert isinstance(error, faults.ConnectionFailed)
    assert "/no/ca.pem" in str(error)


def test_https_to_the_port_of_http(serve):
    error = failing(options(serve([]).port, "https"))
    assert error.__class__ is faults.ConnectionFailed
    assert "does not speak TLS" in str(error)
