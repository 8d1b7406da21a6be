"""A client for tests: raw HTTP with Basic, envelopes as text, answers as elements."""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "wsmid": "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
}
XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
ANONYMOUS = f"{NS['a']}/role/anonymous"
ROOT = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
V2 = f"{ROOT}/root/virtualization/v2"
SYSTEM = f"{V2}/Msvm_ComputerSystem"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"


def vm_id(number: int) -> str:
    return f"0A0B0C0D-0000-4000-8000-{number:012d}"


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def root(self) -> Element:
        return ElementTree.fromstring(self.text)

    @property
    def body(self) -> Element:
        found = self.root.find("s:Body", NS)
        assert found is not None
        return found

    def find(self, path: str) -> Element:
        found = self.root.find(path, NS)
        assert found is not None, f"no {path} in {self.text}"
        return found

    def texts(self, path: str) -> list[str | None]:
        return [element.text for element in self.root.findall(path, NS)]

    @property
    def fault(self) -> tuple[str, str, int]:
        """SOAP code, subcode and WSManFault number."""
        fault = self.find("s:Body/s:Fault")
        detail = fault.find("s:Detail/f:WSManFault", NS)
        return (
            fault.findtext("s:Code/s:Value", "", NS),
            fault.findtext("s:Code/s:Subcode/s:Value", "", NS),
            int(detail.get("Code", "0")) if detail is not None else 0,
        )

    @property
    def context(self) -> str | None:
        return self.root.findtext(".//n:EnumerationContext", None, NS)

    @property
    def items(self) -> list[Element]:
        found = self.root.findall(".//n:Items/*", NS) + self.root.findall(".//w:Items/*", NS)
        return found

    @property
    def ended(self) -> bool:
        return any(self.root.find(f".//{prefix}:EndOfSequence", NS) is not None for prefix in "nw")


def envelope(
    action: str,
    uri: str,
    body: str = "",
    *,
    selectors: dict[str, str] | None = None,
    extra: str = "",
    message_id: str | None = "uuid:11111111-0000-4000-8000-000000000001",
    reply_to: str | None = ANONYMOUS,
    size: int | None = 512000,
) -> str:
    parts = [f"<a:To>http://host/wsman</a:To><a:Action>{action}</a:Action>"]
    if uri:
        parts.append(f'<w:ResourceURI s:mustUnderstand="true">{uri}</w:ResourceURI>')
    if reply_to:
        parts.append(f"<a:ReplyTo><a:Address>{reply_to}</a:Address></a:ReplyTo>")
    if message_id:
        parts.append(f"<a:MessageID>{message_id}</a:MessageID>")
    if size is not None:
        parts.append(f'<w:MaxEnvelopeSize s:mustUnderstand="true">{size}</w:MaxEnvelopeSize>')
    if selectors is not None:
        items = "".join(f'<w:Selector Name="{name}">{escape(value)}</w:Selector>' for name, value in selectors.items())
        parts.append(f"<w:SelectorSet>{items}</w:SelectorSet>")
    return f"<s:Envelope {XMLNS}><s:Header>{''.join(parts)}{extra}</s:Header><s:Body>{body}</s:Body></s:Envelope>"


class Talk:
    """One connection with Basic; `user:password` or None for no Authorization header."""

    def __init__(self, endpoint: Any, user: str | None = "Administrator:p:ss wörd") -> None:
        url = urlsplit(endpoint.url)
        self.connection = http.client.HTTPConnection(url.hostname or "", url.port or 0, timeout=20)
        self.user = user

    def post(self, text: str | bytes, headers: dict[str, str] | None = None, path: str = "/wsman") -> Answer:
        every = {"Content-Type": "application/soap+xml;charset=UTF-8"} | (headers or {})
        if self.user is not None:
            every["Authorization"] = "Basic " + base64.b64encode(self.user.encode()).decode()
        self.connection.request("POST", path, text.encode() if isinstance(text, str) else text, every)
        reply = self.connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read().decode())

    def ask(self, action: str, uri: str, body: str = "", **options: Any) -> Answer:
        return self.post(envelope(action, uri, body, **options))

    def enumerate(self, uri: str, inner: str = "", **options: Any) -> Answer:
        return self.ask(f"{NS['n']}/Enumerate", uri, f"<n:Enumerate>{inner}</n:Enumerate>", **options)

    def query(self, text: str, inner: str = "", namespace: str = "root/virtualization/v2", **options: Any) -> Answer:
        wql = f'<w:Filter Dialect="{WQL}">{escape(text)}</w:Filter>'
        return self.enumerate(f"{ROOT}/{namespace}/*", inner + wql, **options)

    def pull(self, context: str | None, inner: str = "", uri: str = SYSTEM, **options: Any) -> Answer:
        body = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext>{inner}</n:Pull>"
        return self.ask(f"{NS['n']}/Pull", uri, body, **options)

    def transfer(self, operation: str, uri: str, selectors: dict[str, str] | None = None, body: str = "") -> Answer:
        return self.ask(f"{NS['x']}/{operation}", uri, body, selectors=selectors)

    def invoke(self, uri: str, method: str, inner: str = "", selectors: dict[str, str] | None = None) -> Answer:
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>'
        return self.ask(f"{uri}/{method}", uri, body, selectors=selectors)
