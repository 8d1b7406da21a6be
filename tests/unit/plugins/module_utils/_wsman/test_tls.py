# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation of certificates, and contexts that load CA certificates once."""

from __future__ import annotations

import os
import ssl
import subprocess
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import faults, tls
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.options import ConnectionOptions, endpoint_url
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.transport import HttpTransport
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.warm_up import warm_up
from ansible_collections.nested.hyperv.tests.harness.web import TunnelProxy

SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><ok/></s:Body></s:Envelope>'


def ok(_request):
    return 200, {"Content-Type": "application/soap+xml;charset=UTF-8"}, SOAP


def https(port, host="127.0.0.1", **more):
    given = {"transport": "basic", "user": "admin", "password": "s3cret-Pa55", "proxy": None} | more
    return ConnectionOptions(endpoint=endpoint_url("https", host, port), **given)


def failing(options):
    with pytest.raises(faults.HostError) as caught:
        HttpTransport(options).send(b"<x/>")
    return caught.value


@pytest.fixture(autouse=True)
def _nothing_prepared(monkeypatch):
    """Each test starts as a process that has not prepared contexts."""
    monkeypatch.setattr(tls, "_prepared", {})


@pytest.fixture
def certificate(tmp_path, self_signed):
    """Creates a certificate: the context of a server that has it, and the file to trust (without the key)."""

    def create(name="server", **options):
        path = self_signed(name, **options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        trusted = tmp_path / f"{name}-ca.pem"
        trusted.write_bytes(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.PEM))
        return context, str(trusted)

    return create


@pytest.fixture
def loads(monkeypatch):
    """The CA certificates and client certificates that any context of this process loads from now on."""
    seen = []
    for name in ("load_verify_locations", "load_default_certs", "load_cert_chain"):
        original = getattr(ssl.SSLContext, name)

        def counting(self, *arguments, _name=name, _original=original, **named):
            seen.append(_name)
            return _original(self, *arguments, **named)

        monkeypatch.setattr(ssl.SSLContext, name, counting)
    return seen


# ---- validation ----


def test_a_trusted_certificate(serve, certificate):
    context, trusted = certificate()
    server = serve(ok, context)
    assert HttpTransport(https(server.port, ca_trust_path=trusted)).send(b"<a/>") == SOAP


def test_a_certificate_signed_by_a_trusted_ca(serve, certificate, self_signed):
    ca = self_signed("ca", addresses=())
    context, _trusted = certificate(signer=ca)
    server = serve(ok, context)
    assert HttpTransport(https(server.port, ca_trust_path=str(ca))).send(b"<a/>") == SOAP


def test_a_certificate_signed_by_another_ca(serve, certificate, self_signed):
    context, _trusted = certificate(signer=self_signed("ca", addresses=()))
    _context, other = certificate("other")
    server = serve(ok, context)
    error = failing(https(server.port, ca_trust_path=other))
    assert error.__class__ is faults.CertificateInvalid
    assert "no CA trusted here has signed it" in str(error)
    assert server.requests == []


@pytest.mark.parametrize("prepared", [False, True])
def test_an_unknown_certificate_and_its_waiver(serve, certificate, prepared):
    if prepared:
        tls.prepare()
    context, _trusted = certificate()
    server = serve(ok, context)
    error = failing(https(server.port))
    assert error.__class__ is faults.CertificateInvalid
    assert not error.sent
    assert "is not valid: it is self-signed" in str(error)
    assert server.requests == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert HttpTransport(https(server.port, server_cert_validation="ignore")).send(b"<a/>") == SOAP
    # A connection without validation leaves the contexts of the others as they were.
    assert failing(https(server.port)).__class__ is faults.CertificateInvalid


def test_a_certificate_of_another_host(serve, certificate):
    context, trusted = certificate(names=("other.example",), addresses=("192.0.2.1",))
    server = serve(ok, context)
    assert "it is for another IP address" in str(failing(https(server.port, ca_trust_path=trusted)))
    error = failing(https(server.port, host="localhost", ca_trust_path=trusted))
    assert "it is for another host name" in str(error)


def test_an_expired_certificate(serve, certificate):
    context, trusted = certificate(days=(-30, -1))
    server = serve(ok, context)
    assert "it has expired" in str(failing(https(server.port, ca_trust_path=trusted)))


def test_a_missing_ca_file(serve, certificate):
    context, _trusted = certificate()
    error = failing(https(serve([], context).port, ca_trust_path="/no/ca.pem"))
    assert isinstance(error, faults.ConnectionFailed)
    assert "/no/ca.pem" in str(error)


def test_a_ca_file_without_certificates(serve, certificate, tmp_path):
    context, _trusted = certificate()
    (tmp_path / "empty.pem").write_text("no certificate\n")
    error = failing(https(serve([], context).port, ca_trust_path=str(tmp_path / "empty.pem")))
    assert error.__class__ is faults.ConnectionFailed
    assert not error.sent


def test_a_folder_of_ca_certificates(serve, certificate, tmp_path):
    context, trusted = certificate()
    folder = tmp_path / "certificates"
    folder.mkdir()
    server = serve(ok, context)
    assert failing(https(server.port, ca_trust_path=str(folder))).__class__ is faults.CertificateInvalid
    command = ["openssl", "x509", "-noout", "-hash", "-in", trusted]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except OSError:
        pytest.skip("no openssl here")
    (folder / f"{name}.0").write_bytes((tmp_path / "server-ca.pem").read_bytes())
    assert HttpTransport(https(server.port, ca_trust_path=str(folder))).send(b"<a/>") == SOAP


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.filterwarnings("ignore:'pywinrm' will use an environment variable:DeprecationWarning")
def test_the_ca_of_the_environment(serve, certificate, monkeypatch, variable, prepared):
    context, trusted = certificate()
    other_context, other = certificate("other")
    monkeypatch.setenv(variable, trusted)
    if prepared:
        tls.prepare()
    server, other_server = serve(ok, context), serve(ok, other_context)
    assert HttpTransport(https(server.port)).send(b"<a/>") == SOAP
    assert failing(https(other_server.port)).__class__ is faults.CertificateInvalid
    # The option outranks the environment.
    assert HttpTransport(https(other_server.port, ca_trust_path=other)).send(b"<a/>") == SOAP
    assert failing(https(server.port, ca_trust_path=other)).__class__ is faults.CertificateInvalid


def test_https_to_the_port_of_http(serve):
    error = failing(https(serve([]).port))
    assert error.__class__ is faults.ConnectionFailed
    assert "does not speak TLS" in str(error)


def test_an_encrypted_key_of_a_client_certificate(serve, certificate, self_signed):
    """OpenSSL would ask for the password on the terminal, and the task would hang."""
    context, trusted = certificate()
    client = str(self_signed("client", key_password=b"secret"))
    server = serve(ok, context)
    for validation in ("validate", "ignore"):
        error = failing(
            https(
                server.port,
                transport="certificate",
                certificate_pem=client,
                certificate_key_pem=client,
                ca_trust_path=trusted,
                server_cert_validation=validation,
            )
        )
        assert error.__class__ is faults.ConnectionFailed
        assert "private key of the client certificate is encrypted" in str(error)


# ---- proxies ----


@pytest.mark.parametrize("secure", [False, True])
def test_through_a_proxy(serve, certificate, secure):
    """The host is validated as without a proxy. A proxy that is reached over https is validated, too."""
    context, trusted = certificate()
    other_context, other = certificate("other")
    server, other_server = serve(ok, context), serve(ok, other_context)
    proxy = TunnelProxy(context if secure else None)
    url = f"{'https' if secure else 'http'}://127.0.0.1:{proxy.port}"
    try:
        assert HttpTransport(https(server.port, ca_trust_path=trusted, proxy=url)).send(b"<a/>") == SOAP
        assert (
            failing(https(other_server.port, ca_trust_path=trusted, proxy=url)).__class__ is faults.CertificateInvalid
        )
        assert proxy.targets == [f"127.0.0.1:{server.port}", f"127.0.0.1:{other_server.port}"]
        ignoring = https(server.port, server_cert_validation="ignore", proxy=url)
        assert HttpTransport(ignoring).send(b"<a/>") == SOAP
        assert len(proxy.targets) == 3
        trusts_host_only = https(other_server.port, ca_trust_path=other, proxy=url)
        if secure:
            assert isinstance(failing(trusts_host_only), faults.ConnectionFailed)
            assert len(proxy.targets) == 3
        else:
            assert HttpTransport(trusts_host_only).send(b"<a/>") == SOAP
    finally:
        proxy.stop()


# ---- what is loaded ----


@pytest.mark.parametrize("validation", ["validate", "ignore"])
def test_prepared_contexts_load_nothing_for_a_connection(serve, certificate, monkeypatch, loads, validation):
    """Counts what requests and urllib3 load; today they would load CA certificates for each connection."""
    context, trusted = certificate()
    monkeypatch.setattr(tls, "DEFAULT_CA_BUNDLE_PATH", trusted)
    warm_up()
    assert loads.count("load_verify_locations") == 1
    loads.clear()
    server = serve(ok, context)
    channel = HttpTransport(https(server.port, server_cert_validation=validation))
    channel.send(b"<a/>")
    channel.close()
    channel.send(b"<b/>")
    assert len(server.connections) == 2
    assert loads == []


def test_a_ca_file_and_a_client_certificate_are_loaded_once_for_a_connection(simulated, self_signed, loads):
    client = self_signed("client")
    host = simulated(tls=True, client=client)
    options = {"transport": "certificate", "certificate_pem": str(client), "certificate_key_pem": str(client)}
    loads.clear()
    host.client(**options, user="", password="").identify()
    assert sorted(loads) == ["load_cert_chain", "load_verify_locations"]


def test_settings_of_the_contexts():
    for verify in (True, False):
        ours = tls.context(verify)
        assert (ours.verify_mode, ours.check_hostname) == (
            (ssl.CERT_REQUIRED, True) if verify else (ssl.CERT_NONE, False)
        )
        assert ours.minimum_version == ssl.TLSVersion.TLSv1_2
        assert bool(ours.get_ca_certs()) is verify


def test_a_replaced_ca_file_is_loaded_again(monkeypatch, certificate):
    _context, trusted = certificate()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)
    tls.prepare()
    assert tls.context(trusted) is tls.context(trusted)
    before = tls.context(trusted)
    os.utime(trusted, ns=(1, 1))
    assert tls.context(trusted) is not before
