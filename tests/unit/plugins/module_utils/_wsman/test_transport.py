# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads when a host can't be talked to, against sockets that behave that way."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import os
import platform
import socket
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import faults, libraries, transport
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.adapter import LONGEST_ANSWER
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.transport import (
    ConnectionOptions,
    HttpTransport,
    endpoint_url,
)

PASSWORD = "s3cret-Pa55"
SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><ok/></s:Body></s:Envelope>'


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


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<x"])
def test_a_host_that_drips_has_no_longer_than_one_that_is_silent(start):
    """The time-out is for the whole answer: its headers, or its content, come an octet at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(start)
                while True:
                    time.sleep(0.1)
                    connection.sendall(b".")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        error = failing(options(listener.getsockname()[1], operation_timeout=1, read_timeout=1.05))
        thread.join(5)
    assert error.__class__ is faults.OperationTimeout
    assert error.sent
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(10_000_000)), "compressed"),
        ({}, b"<Envelope>" + bytes(LONGEST_ANSWER), "larger than"),
    ],
)
def test_answers_out_of_proportion(serve, headers, body, said):
    error = failing(options(serve([(200, headers, body)]).port))
    assert error.__class__ is faults.BadAnswer
    assert error.sent
    assert said in str(error)


def test_a_rejected_password_is_not_sent_again(serve):
    server = serve([(401, {"WWW-Authenticate": 'Basic realm="WSMAN"'}, b"")])
    channel = HttpTransport(options(server.port))
    for _turn in range(3):
        with pytest.raises(faults.AuthenticationFailed, match="rejects the credentials"):
            channel.send(b"<x/>")
    assert len(server.requests) == 1


# ---- several transports ----


def choice(port, *transports, **more):
    first, *others = (options(port, transport=transport, **more) for transport in transports)
    return connect(dataclasses.replace(first, alternatives=tuple(others)))


IDENTIFY = SOAP.replace(
    b"<ok/>", b'<i:IdentifyResponse xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/>'
)


def test_the_next_transport_if_a_package_is_missing(serve, monkeypatch):
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", False)
    server = serve(lambda _request: (200, {"Content-Type": "application/soap+xml"}, IDENTIFY))
    with choice(server.port, "kerberos", "basic") as client:
        assert client.identify() == {}
        assert client.identify() == {}
    assert len(server.connections) == 1


def test_the_next_transport_if_the_host_does_not_offer_the_first(serve):
    refused = (401, {"WWW-Authenticate": 'Basic realm="WSMAN"'}, b"")
    server = serve([refused, *[(200, {"Content-Type": "application/soap+xml"}, IDENTIFY)] * 2])
    with choice(server.port, "ntlm", "basic") as client:
        assert client.identify() == {}
        assert client.identify() == {}


def test_no_transport_works(serve, monkeypatch):
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", False)
    server = serve([(401, {"WWW-Authenticate": 'Basic realm="WSMAN"'}, b"")])
    client = choice(server.port, "kerberos", "basic")
    for _turn in range(2):
        with pytest.raises(faults.AuthenticationFailed) as caught:
            client.identify()
    assert "needs the Python package pykerberos" in str(caught.value)
    assert "rejects the credentials" in str(caught.value)
    assert len(server.requests) == 1


def test_a_host_that_cannot_be_reached_is_not_tried_over_another_transport():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(faults.ConnectionFailed, match="refuses the connection"):
            choice(taken.getsockname()[1], "ntlm", "basic").identify()


@pytest.mark.parametrize("transport", ["kerberos", "credssp"])
def test_no_ticket_before_the_package_is_there(monkeypatch, transport):
    """kinit gets the password, so it doesn't run for a transport that can't work."""
    monkeypatch.setattr("winrm.transport.HAVE_KERBEROS", False)
    monkeypatch.setattr("winrm.transport.HAVE_CREDSSP", False)
    asked = []
    with pytest.raises(faults.LibraryMissing, match="pip install 'pywinrm"):
        HttpTransport(options(1, transport=transport, ticket=lambda: asked.append(1))).send(b"<x/>")
    assert asked == []


# ---- refusals ----


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
    assert f"{sys.executable} -m pip install 'pywinrm>=0.5'" in str(failing(options(1)))


@pytest.mark.parametrize("version", ["0.3.0", "0.4.3"])
def test_pywinrm_too_old(checkout, tmp_path, version):
    """With the metadata of that release first in the path, in a process of its own: it is compared at the import."""
    metadata = tmp_path / f"pywinrm-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: pywinrm\nVersion: {version}\n")
    code = f"""
from {transport.__name__} import ConnectionOptions, HttpTransport
HttpTransport(ConnectionOptions("https://hv01:5986/wsman", "ntlm", "administrator", "x"))
"""
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{checkout / '.build'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert "LibraryMissing: " in last
    assert f"has version {version}; version 0.5 or newer is needed" in last
    assert f"({sys.executable}, version {platform.python_version()})" in last
    assert f"{sys.executable} -m pip install 'pywinrm>=0.5'" in last


@pytest.mark.parametrize("version", ["0.5", "0.5.0", "0.6.1rc1", "1.0"])
def test_pywinrm_new_enough(monkeypatch, version):
    monkeypatch.setattr("importlib.metadata.version", lambda _package: version)
    assert libraries.outdated("pywinrm") is None


def test_a_package_without_metadata_is_not_outdated():
    assert libraries.outdated("no-such-package") is None


def test_execution_environments_have_the_versions_that_are_needed(checkout):
    requirements = (checkout / "meta" / "ee-requirements.txt").read_text().splitlines()
    (pywinrm,) = (line for line in requirements if line.startswith("pywinrm"))
    assert pywinrm.endswith(f">={libraries.MINIMUM['pywinrm']}")
