# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.x509.oid import NameOID

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client, ConnectionOptions, connect
from ansible_collections.nested.hyperv.tests.harness.web import WebServer, web_servers
from ansible_collections.nested.hyperv.tests.simulator import model
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.wire.certificates import (
    fingerprint,
    make_certificate,
    tls_context,
)
from ansible_collections.nested.hyperv.tests.simulator.wire.config import Settings
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import FaultRules, Rule
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry, RequestLog
from ansible_collections.nested.hyperv.tests.simulator.wire.server import Endpoint
from ansible_collections.nested.hyperv.tests.simulator.wire.wsman import WinRm

USER, PASSWORD = "administrator", "Passw0rd!"


@dataclass
class SimulatedHost:
    """One machine of the simulator with one endpoint, and clients for it."""

    machine: Machine
    service: WinRm
    endpoint: Endpoint
    log: RequestLog
    certificate: Path | None

    def options(self, **given: Any) -> ConnectionOptions:
        trust = {"ca_trust_path": str(self.certificate)} if self.certificate else {}
        return ConnectionOptions(
            **{
                "endpoint": self.endpoint.url,
                "transport": "ntlm",
                "user": USER,
                "password": PASSWORD,
                "proxy": None,
                **trust,
                **given,
            }
        )

    def client(self, **given: Any) -> Client:
        return connect(self.options(**given))

    def misbehave(self, **rule: Any) -> None:
        self.service.rules.add(Rule(**rule))

    def messages(self) -> list[Entry]:
        """The requests with a body since the last look; waits for quiet, for an entry follows its answer."""
        count = -1
        while count != len(self.log):
            count = len(self.log)
            time.sleep(0.02)
        found = [entry for entry in self.log if entry.bytes_in]
        self.log.clear()
        return found

    def asked(self) -> list[Entry]:
        """What of WS-Management was answered since the last look."""
        return [entry for entry in self.messages() if entry.action]


USAGE = dict.fromkeys(
    (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
) | {"digital_signature": True, "key_cert_sign": True}


@pytest.fixture
def self_signed(tmp_path: Path) -> Callable[..., Path]:
    """Creates a certificate for servers and clients, with its key in one PEM file, signed by itself or by `signer`."""

    def make(
        name: str,
        names: tuple[str, ...] = ("localhost",),
        addresses: tuple[str, ...] = ("127.0.0.1",),
        days: tuple[int, int] = (-1, 30),
        signer: Path | None = None,
        key_password: bytes | None = None,
    ) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(timezone.utc)
        alternatives: list[x509.GeneralName] = [x509.DNSName(item) for item in names]
        alternatives += [x509.IPAddress(ip_address(item)) for item in addresses]
        issuer, issuer_key = subject, key
        if signer is not None:
            issuer = x509.load_pem_x509_certificate(signer.read_bytes()).subject
            issuer_key = serialization.load_pem_private_key(signer.read_bytes(), None)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            # Python 3.13 and later want these of a CA.
            .add_extension(x509.KeyUsage(**USAGE), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        encryption = serialization.BestAvailableEncryption(key_password) if key_password else NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        path = tmp_path / f"{name}.pem"
        path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        return path

    return make


@pytest.fixture
def serve() -> Iterator[Callable[..., WebServer]]:
    """Starts a web server that answers as the test says."""
    with web_servers() as start:
        yield start


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Callable[..., SimulatedHost]]:
    """Starts a host of the simulator: its model, its certificates, and the settings of its WinRM service."""
    with contextlib.ExitStack() as stack:

        def start(
            host: dict[str, Any] | None = None, tls: bool = False, client: Path | None = None, **settings: Any
        ) -> SimulatedHost:
            (machine,) = model.build({"hosts": [{"name": "HV01", **(host or {})}]}, Clock())
            service, log = WinRm(machine, Settings(**settings), FaultRules()), RequestLog()
            certificate = make_certificate(tmp_path, "hv01") if tls else None
            endpoint = Endpoint(
                machine,
                service,
                log,
                context=tls_context(certificate, [client] if client else []) if certificate else None,
                client_certificates={fingerprint(client): USER} if client else None,
            )
            endpoint.start()
            stack.callback(endpoint.close)
            return SimulatedHost(machine, service, endpoint, log, certificate)

        yield start
