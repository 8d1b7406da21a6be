# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a host over WS-Management: one client, one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cim import CimClass, Instance, Reference

Types = CimClass | Mapping[str, CimClass] | None
Where = str | Mapping[str, str | bool | int | None] | None


@dataclass(frozen=True)
class ConnectionOptions:
    """Where and as whom to connect; times in seconds. `extras` go to pywinrm's Transport where it knows them."""

    endpoint: str
    transport: str = "negotiate"
    user: str = ""
    password: str = field(default="", repr=False)
    certificate_pem: str | None = None
    certificate_key_pem: str | None = None
    server_cert_validation: str = "validate"
    ca_trust_path: str | None = None
    proxy: str | None = "legacy_requests"
    connection_timeout: float = 30
    operation_timeout: float = 60
    read_timeout: float = 70
    message_encryption: str = "auto"
    kerberos_delegation: bool = False
    kerberos_hostname_override: str | None = None
    kerberos_service: str = "HTTP"
    credssp_disable_tlsv1_2: bool = False
    send_cbt: bool = True
    extras: Mapping[str, Any] = field(default_factory=dict)


def endpoint_url(scheme: str, host: str, port: int, path: str = "/wsman") -> str:
    """URL of the service; an IPv6 address gets its brackets."""
    raise NotImplementedError


class Client:
    """Typed CIM operations over `send`, a callable that takes an envelope (bytes) and returns the answer (bytes)."""

    def __init__(self, send: Callable[[bytes], bytes | str], *, to: str = "http://host:5985/wsman", operation_timeout: float = 60) -> None:
        raise NotImplementedError

    def identify(self) -> dict[str, str]:
        """ProtocolVersion, ProductVendor, ProductVersion."""
        raise NotImplementedError

    def get(self, cls: CimClass, keys: Mapping[str, Any]) -> Instance:
        """All key properties are needed; raises NotFound."""
        raise NotImplementedError

    def enumerate(self, cls: CimClass, mode: str | None = None) -> list[Instance]:
        """All instances of the class and its subclasses."""
        raise NotImplementedError

    def query(self, cls: CimClass, columns: Sequence[str] | None = None, where: Where = None, limit: int | None = None) -> list[Instance]:
        """SELECT; `where` is WQL text, or a mapping of equalities."""
        raise NotImplementedError

    def wql(self, namespace: str, text: str, cls: Types = None, limit: int | None = None) -> list[Instance]:
        """Any WQL; instances typed by `cls`, or by a mapping of class name -> CimClass."""
        raise NotImplementedError

    def associators(
        self,
        reference: Reference,
        cls: Types = None,
        assoc_class: str | None = None,
        *,
        result_class: str | None = None,
        role: str | None = None,
        result_role: str | None = None,
    ) -> list[Instance]:
        """ASSOCIATORS OF; result_class defaults to the name of `cls`."""
        raise NotImplementedError

    def references(self, reference: Reference, cls: Types = None, *, result_class: str | None = None, role: str | None = None) -> list[Instance]:
        """REFERENCES OF: the association instances themselves."""
        raise NotImplementedError

    def invoke(
        self,
        cls: CimClass,
        method: str,
        keys: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        returns: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run a method once, never repeated. `returns` types outputs: {name: "string[]" | CimClass | [CimClass]}."""
        raise NotImplementedError

    def create(self, cls: CimClass, values: Mapping[str, Any]) -> Reference:
        raise NotImplementedError

    def put(self, cls: CimClass, keys: Mapping[str, Any], values: Mapping[str, Any]) -> Instance:
        raise NotImplementedError

    def delete(self, cls: CimClass, keys: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def connect(options: ConnectionOptions) -> Client:
    """Client over pywinrm's transport; connects with the first request."""
    raise NotImplementedError
