"""SOAP envelopes: a request read from XML, an answer written the way WinRM writes it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .faults import Fault, fault

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
EVENTING = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
MICROSOFT = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"

# Prefixes per kind of answer (captured from Windows hosts: enumeration, transfer and invoke, fault, shell).
PREFIXES = {
    "enumeration": {"s": SOAP, "a": ADDRESSING, "n": ENUMERATION, "w": WSMAN},
    "transfer": {"s": SOAP, "a": ADDRESSING, "x": TRANSFER, "w": WSMAN, "p": MICROSOFT},
    "fault": {
        "s": SOAP, "a": ADDRESSING, "x": TRANSFER, "e": EVENTING, "n": ENUMERATION, "w": WSMAN, "p": MICROSOFT,
    },
    "shell": {"s": SOAP, "a": ADDRESSING, "w": WSMAN, "rsp": SHELL, "p": MICROSOFT},
    "shell-create": {"s": SOAP, "a": ADDRESSING, "x": TRANSFER, "w": WSMAN, "rsp": SHELL, "p": MICROSOFT},
}  # fmt: skip
_NAMESPACES = {
    kind: "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in table.items()) for kind, table in PREFIXES.items()
}

_SPECIAL = re.compile(r"[&<>\x00-\x1f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")


def escape(text: str) -> str:
    """Text of an element; control characters become `?` (MS-WSMV 3.1.4.1.26), white space stays (PROTO-19)."""
    if not _SPECIAL.search(text):
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CONTROL.sub(lambda match: "&#13;" if match[0] == "\r" else "?", text)


def escape_attribute(text: str) -> str:
    return escape(text).replace('"', "&quot;")


def local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


@dataclass(slots=True)
class Request:
    """A WS-Management request; header values are stripped, the body is its first element."""

    action: str = ""
    message_id: str = ""
    resource_uri: str = ""
    selectors: list[tuple[str, str | Element]] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)  # by name in lower case
    timeout: float | None = None
    max_envelope_size: int | None = None
    body: Element | None = None
    identify: bool = False

    @property
    def target(self) -> tuple[str, str]:
        """Namespace and class of a WMI resource URI; empty class for other resources."""
        uri = self.resource_uri
        if not uri.lower().startswith(WMI):
            return "", ""
        namespace, _separator, class_name = uri[len(WMI) :].partition("?")[0].rpartition("/")
        return namespace, class_name


# Headers the service knows (DSP0226, MS-WSMV 2.2.4); any other with mustUnderstand="true" is refused.
_KNOWN = {
    f"{{{ADDRESSING}}}{name}" for name in ("To", "Action", "MessageID", "ReplyTo", "RelatesTo", "FaultTo", "From")
} | {
    f"{{{WSMAN}}}{name}"
    for name in ("ResourceURI", "SelectorSet", "OptionSet", "MaxEnvelopeSize", "OperationTimeout", "Locale")
} | {
    f"{{{MICROSOFT}}}{name}"
    for name in ("DataLocale", "SessionId", "OperationID", "SequenceId", "Compression", "CompressionType", "Activity")
}  # fmt: skip


def parse(data: bytes) -> Request:
    """Read a request and check its headers (DSP0226 5-6, MS-WSMV 3.1.4.1); raises Fault."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise fault("InvalidXml") from error
    if root.tag != f"{{{SOAP}}}Envelope":
        raise fault("VersionMismatch" if local_name(root.tag) == "Envelope" else "InvalidXml")
    header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
    if body is None:
        raise fault("InvalidBody")
    request = Request(body=body[0] if len(body) else None)
    if request.body is not None and request.body.tag == f"{{{IDENTITY}}}Identify":
        request.identify = True
        return request
    headers = {} if header is None else {item.tag: item for item in header}
    request.message_id = _text(headers.get(f"{{{ADDRESSING}}}MessageID"))
    request.action = _text(headers.get(f"{{{ADDRESSING}}}Action"))
    request.resource_uri = _text(headers.get(f"{{{WSMAN}}}ResourceURI"))
    try:
        _check_understood(headers)
        _check_addressing(request, headers)
        _read_limits(request, headers)
        if (selector_set := headers.get(f"{{{WSMAN}}}SelectorSet")) is not None:
            request.selectors = read_selectors(selector_set)
        for option in headers.get(f"{{{WSMAN}}}OptionSet", ()):
            request.options[option.get("Name", "").lower()] = _text(option)
    except Fault as problem:
        problem.relates_to = request.message_id
        raise
    return request


def _text(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _check_understood(headers: dict[str, Element]) -> None:
    for tag, element in headers.items():
        must = element.get(f"{{{SOAP}}}mustUnderstand", "").lower() in ("true", "1")
        if must and tag == f"{{{WSMAN}}}FragmentTransfer":
            raise fault("FragmentTransfer")
        if must and tag not in _KNOWN:
            raise fault("MustUnderstand")
        if must and local_name(tag) in ("Locale", "DataLocale"):
            raise fault("LocaleMustUnderstand")


def _check_addressing(request: Request, headers: dict[str, Element]) -> None:
    if not request.message_id:
        raise fault("InvalidMessageInformationHeader")
    if not request.action:
        raise fault("MessageInformationHeaderRequired")
    reply_to = headers.get(f"{{{ADDRESSING}}}ReplyTo")
    if reply_to is None:
        raise fault("MessageInformationHeaderRequired")
    if _text(reply_to.find(f"{{{ADDRESSING}}}Address")) != ANONYMOUS:
        raise fault("AddressingMode")


def _read_limits(request: Request, headers: dict[str, Element]) -> None:
    size = headers.get(f"{{{WSMAN}}}MaxEnvelopeSize")
    if size is not None:
        if not _text(size).isdigit():
            raise fault("InvalidMessageInformationHeader")
        request.max_envelope_size = int(_text(size))
        if request.max_envelope_size < 8192:
            raise fault("MinimumEnvelopeLimit")
    timeout = headers.get(f"{{{WSMAN}}}OperationTimeout")
    if timeout is not None:
        request.timeout = duration(_text(timeout))
        if request.timeout is None:
            raise fault("InvalidTimeout")


def read_selectors(selector_set: Element) -> list[tuple[str, str | Element]]:
    """Name and value of each selector; the value of a key that is a reference is its EndpointReference element."""
    found: list[tuple[str, str | Element]] = []
    for selector in selector_set.findall(f"{{{WSMAN}}}Selector"):
        name = selector.get("Name")
        if not name:
            raise fault("InvalidSelectors")
        found.append((name, selector[0] if len(selector) else selector.text or ""))
    return found


_DURATION = re.compile(
    r"^(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$", re.ASCII
)


def duration(text: str) -> float | None:
    """Seconds of an xs:duration; None if it is malformed or not positive."""
    match = _DURATION.match(text)
    if not match or match[1] or text in ("P", "PT"):
        return None
    years, months, days, hours, minutes = (int(match[i] or 0) for i in range(2, 7))
    seconds = float(match[7] or 0) + 60 * minutes + 3600 * hours + 86400 * (days + 30 * months + 365 * years)
    return seconds or None


def new_id() -> str:
    return f"uuid:{str(uuid.uuid4()).upper()}"


def response(kind: str, action: str, relates_to: str, body: str, locale: str) -> str:
    """An answer on one line; header order and the absent mustUnderstand as captured from Windows hosts."""
    relates = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="{locale}"{_NAMESPACES[kind]}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>{new_id()}</a:MessageID><a:To>{ANONYMOUS}</a:To>{relates}</s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )
