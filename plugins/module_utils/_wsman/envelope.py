# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management envelopes as pure functions: build_* for requests, parse_* for answers (DSP0226, MS-WSMV)."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from xml.etree.ElementTree import Element

from . import document
from .cim import (
    URI_PREFIX,
    CimClass,
    Instance,
    Keys,
    Reference,
    class_uri,
    convert,
    from_embedded,
    from_instance,
    iso_datetime,
    key_text,
    octets,
)
from .faults import BadAnswer, FaultParts, HostError, judge, quoted

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
COMMON = "http://schemas.dmtf.org/wbem/wscim/1/common"
FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
ANONYMOUS = ADDRESSING + "/role/anonymous"

ACTION_GET = TRANSFER + "/Get"
ACTION_PUT = TRANSFER + "/Put"
ACTION_CREATE = TRANSFER + "/Create"
ACTION_DELETE = TRANSFER + "/Delete"
ACTION_ENUMERATE = ENUMERATION + "/Enumerate"
ACTION_PULL = ENUMERATION + "/Pull"
ACTION_RELEASE = ENUMERATION + "/Release"

# The service's own limit wins where it is lower (MS-WSMV: MaxEnvelopeSizekb, 500 by default); below 8192 is refused.
MAX_ENVELOPE_SIZE = 512000

_RELATES_TO = f"{{{SOAP}}}Header/{{{ADDRESSING}}}RelatesTo"
_NIL = f"{{{XSI}}}nil"
_TYPE = f"{{{XSI}}}type"
_COMMON_TAG = f"{{{COMMON}"
_MUST = ' s:mustUnderstand="true"'

Types: TypeAlias = "CimClass | Mapping[str, CimClass] | None"
NO_TYPES: Mapping[str, str] = MappingProxyType({})


# ---- building ----

_EXCLUDED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """Escaped character data. Carriage returns are escaped as well, as XML parsers would replace them."""
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\r", "&#13;") if "\r" in escaped else escaped


def attribute(value: str) -> str:
    """Escaped attribute value, without its quotes."""
    return text(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def new_message_id() -> str:
    """The id of a request, which its answer repeats."""
    return f"uuid:{str(uuid.uuid4()).upper()}"


def build_request(
    action: str,
    resource: str,
    body: str = "",
    *,
    to: str,
    selectors: Mapping[str, Any] | None = None,
    timeout: float = 60,
    extra_headers: str = "",
    message_id: str | None = None,
    answer_size: int = MAX_ENVELOPE_SIZE,
) -> bytes:
    """One request; `body` and `extra_headers` are XML that may use the prefixes s, a and w.

    Raises HostError if a value in it has a character that XML excludes.
    """
    envelope = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}"><s:Header>'
        f"<a:To>{text(to)}</a:To>"
        f"<w:ResourceURI{_MUST}>{text(resource)}</w:ResourceURI>"
        f"<a:ReplyTo><a:Address{_MUST}>{ANONYMOUS}</a:Address></a:ReplyTo>"
        f"<a:Action{_MUST}>{text(action)}</a:Action>"
        f"<a:MessageID>{message_id or new_message_id()}</a:MessageID>"
        f"<w:MaxEnvelopeSize{_MUST}>{answer_size}</w:MaxEnvelopeSize>"
        f"<w:OperationTimeout>PT{timeout:g}S</w:OperationTimeout>"
        # Requests fault and job texts in English. A host without that language answers in its own.
        '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>'
        f"{_selector_set(selectors) if selectors else ''}{extra_headers}"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
    _check_characters(envelope)
    return envelope.encode()


def _check_characters(envelope: str) -> None:
    """Raise HostError if the envelope has a character that XML 1.0 excludes (2.2), quoting the text around it."""
    bad = _EXCLUDED.search(envelope)
    if bad is None:
        return
    begin = max(envelope.rfind(">", 0, bad.start()) + 1, bad.start() - 100)
    end = envelope.find("<", bad.start())
    quoted = envelope[begin : min(end, bad.start() + 100)].encode("unicode_escape").decode("ascii")
    raise HostError(
        f'The text "{quoted}" contains the character U+{ord(bad.group()):04X}, which XML 1.0, and so WS-Management, '
        "cannot carry. Leave it out."
    )


def build_identify() -> bytes:
    """The request Identify, which has no headers (DSP0226 11)."""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:i="{IDENTITY}"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>'
    ).encode()


def build_enumerate(query: str | None, mode: str | None, max_elements: int) -> str:
    """Body of Enumerate. `query` is WQL and requires the resource URI …/*."""
    return (
        f'<n:Enumerate xmlns:n="{ENUMERATION}"><w:OptimizeEnumeration/><w:MaxElements>{max_elements}</w:MaxElements>'
        + (f"<w:EnumerationMode>{text(mode)}</w:EnumerationMode>" if mode else "")
        + (f'<w:Filter Dialect="{WQL}">{text(query)}</w:Filter>' if query else "")
        + "</n:Enumerate>"
    )


def build_pull(context: str, max_elements: int) -> str:
    return (
        f'<n:Pull xmlns:n="{ENUMERATION}"><n:EnumerationContext>{text(context)}</n:EnumerationContext>'
        f"<n:MaxElements>{max_elements}</n:MaxElements></n:Pull>"
    )


def build_release(context: str) -> str:
    return (
        f'<n:Release xmlns:n="{ENUMERATION}"><n:EnumerationContext>{text(context)}</n:EnumerationContext></n:Release>'
    )


def build_invoke(cls: CimClass, method: str, arguments: Mapping[str, Any]) -> str:
    """Body of a method call. None is sent as null, a list as repeated elements, an empty list as none."""
    content = "".join(_argument("p", name, value, cls.namespace) for name, value in arguments.items())
    return _wrapped("p", f"{method}_INPUT", cls.uri, content)


def build_instance(cls: CimClass, values: Mapping[str, Any]) -> str:
    """Body of Create and Put. Raises HostError if the class does not have one of the properties."""
    unknown = [name for name in values if not name.startswith("__") and name not in cls.properties]
    if unknown:
        raise HostError(f"{cls.name} has no property {', '.join(unknown)}.", **{"class": cls.name})
    content = "".join(
        _argument("p", name, value, cls.namespace) for name, value in values.items() if not name.startswith("__")
    )
    return _wrapped("p", cls.name, cls.uri, content)


def _wrapped(prefix: str, name: str, uri: str, content: str) -> str:
    declarations = f' xmlns:{prefix}="{attribute(uri)}"'
    if " xsi:" in content:
        declarations += f' xmlns:xsi="{XSI}"'
    if "<cim:" in content:
        declarations += f' xmlns:cim="{COMMON}"'
    return f"<{prefix}:{name}{declarations}>{content}</{prefix}:{name}>"


def _argument(prefix: str, name: str, value: Any, namespace: str) -> str:
    if isinstance(value, (list, tuple)) and not isinstance(value, Reference):
        return "".join(_argument(prefix, name, item, namespace) for item in value)
    tag = f"{prefix}:{name}"
    if value is None:
        return f'<{tag} xsi:nil="true"/>'
    if isinstance(value, Reference):
        return f"<{tag}>{_reference(value)}</{tag}>"
    if isinstance(value, Mapping):
        return _object(tag, value, namespace)
    if isinstance(value, (datetime, timedelta)):
        kind = "Interval" if isinstance(value, timedelta) else "Datetime"
        return f"<{tag}><cim:{kind}>{iso_datetime(value)}</cim:{kind}></{tag}>"
    if isinstance(value, (bytes, bytearray)):
        return f"<{tag}>{base64.b64encode(value).decode()}</{tag}>"
    return f"<{tag}>{_content(value if isinstance(value, str) else key_text(value))}</{tag}>"


def _content(value: str) -> str:
    # The same characters either way, but hosts are known to take numeric references of an embedded instance when it
    # comes as CDATA, and it is a third shorter. embedded() writes neither a bare `>` in values nor a line break.
    if value.startswith("<INSTANCE ") and "]]>" not in value and "\r" not in value:
        return f"<![CDATA[{value}]]>"
    return text(value)


def _reference(reference: Reference) -> str:
    """Children of a reference parameter. Hosts refuse a wsa:EndpointReference around them (SchemaValidationError)."""
    return (
        f"<a:Address>{ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{text(reference.uri)}</w:ResourceURI>{_selector_set(reference.keys)}</a:ReferenceParameters>"
    )


def _selector_set(selectors: Mapping[str, Any]) -> str:
    items = "".join(
        f'<w:Selector Name="{attribute(name)}">{_selector_value(value)}</w:Selector>'
        for name, value in selectors.items()
    )
    return f"<w:SelectorSet>{items}</w:SelectorSet>" if items else ""


def _selector_value(value: Any) -> str:
    if isinstance(value, Reference):
        return f"<a:EndpointReference>{_reference(value)}</a:EndpointReference>"
    return text(value if isinstance(value, str) else key_text(value))


def _object(tag: str, values: Mapping[str, Any], namespace: str) -> str:
    """An embedded object (DSP0230 7.2.5): children in the namespace of its own class, named by `__CLASS`."""
    name = values.get("__CLASS")
    if not name:
        raise HostError(f"The embedded object for {tag.rpartition(':')[2]} lacks __CLASS.")
    uri = attribute(class_uri(values.get("__NAMESPACE") or namespace, name))
    content = "".join(
        _argument("g", item, value, namespace) for item, value in values.items() if not item.startswith("__")
    )
    return f'<{tag} xmlns:g="{uri}" xsi:type="g:{name}_Type">{content}</{tag}>'


# ---- reading ----


def parse_response(data: bytes | str, *, message_id: str = "", resource: str = "", action: str = "") -> Element:
    """The s:Body of the answer to the request with this id. Raises Fault for a SOAP fault, BadAnswer for anything else.

    A fault about a request whose headers the host could not read does not name the request.
    """
    root = document.parse(data, "The answer is not a WS-Management message")
    body = root.find(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else None
    if body is None:
        raise BadAnswer("The answer is not a WS-Management message: it has no SOAP 1.2 body.")
    fault = body.find(f"{{{SOAP}}}Fault")
    answers = (root.findtext(_RELATES_TO) or "").strip()
    if message_id and answers.lower() != message_id.lower() and (answers or fault is None):
        raise BadAnswer("The answer belongs to another request.")
    if fault is not None:
        raise judge(parse_fault(fault), resource=resource, action=action)
    return body


def parse_identify(body: Element) -> dict[str, str]:
    answer = body.find(f"{{{IDENTITY}}}IdentifyResponse")
    if answer is None:
        raise BadAnswer("The answer to Identify is not a WS-Management message.")
    return {_local(child): (child.text or "").strip() for child in answer if not len(child)}


class Page(NamedTuple):
    """The answer to Enumerate or Pull. `context` is None at the end of the enumeration."""

    items: list[Element]
    context: str | None


def parse_page(body: Element) -> Page:
    """Items and context, in the namespace wsman (optimised answers to Enumerate) or wsen (answers to Pull)."""
    answer = next(iter(body), None)
    if answer is None or answer.tag not in (f"{{{ENUMERATION}}}EnumerateResponse", f"{{{ENUMERATION}}}PullResponse"):
        raise BadAnswer("The host answered an enumeration with something else.")
    items: list[Element] = []
    context, ended = "", False
    for child in answer:
        name = _local(child)
        if name == "Items":
            items.extend(child)
        elif name == "EnumerationContext":
            context = (child.text or "").strip()
        elif name == "EndOfSequence":
            ended = True
    return Page(items, None if ended or not context else context)


def parse_item(element: Element, types: Types = None) -> Instance:
    """An item of an enumeration: an instance, a w:XmlFragment, an EPR (mode EnumerateEPR), or a w:Item of both.

    `__REFERENCE` holds the EPR of the item, if it has one.
    """
    name = _local(element)
    if element.tag == f"{{{WSMAN}}}Item":
        instance: Instance = {}
        for child in element:
            instance.update(parse_item(child, types))
        return instance
    if element.tag == f"{{{ADDRESSING}}}EndpointReference":
        return {"__REFERENCE": parse_reference(element)}
    if element.tag == f"{{{WSMAN}}}XmlFragment":
        if not isinstance(types, CimClass):
            return parse_properties(element, NO_TYPES)
        return _with_keys(parse_properties(element, types.properties), types)
    return parse_instance(element, types, name)


def parse_instance(element: Element, types: Types = None, class_name: str | None = None) -> Instance:
    """An instance with `__CLASS` and all properties of its CimClass; those that the host did not send are empty."""
    class_name = class_name or _local(element)
    if isinstance(types, Mapping) and not isinstance(types, CimClass):
        types = types.get(class_name)
    instance = parse_properties(element, types.properties if types is not None else NO_TYPES)
    instance["__CLASS"] = class_name
    return _with_keys(instance, types) if types is not None else instance


def _with_keys(instance: Instance, cls: CimClass) -> Instance:
    """The instance. Raises BadAnswer if it lacks a key of its class, which identifies it."""
    for key in cls.keys:
        if key in cls.properties and instance[key] is None:
            raise BadAnswer(f"The host sent an instance of {cls.name} without its key {key}.", **{"class": cls.name})
    return instance


class _Shape(NamedTuple):
    """The types of properties, with the values that a row of them starts from."""

    types: Mapping[str, Any]
    blank: Instance
    arrays: frozenset[str]

    @classmethod
    def of(cls, types: Mapping[str, Any]) -> _Shape:
        return cls(types, dict.fromkeys(types), frozenset(name for name, kind in types.items() if _is_array(kind)))

    def row(self) -> Instance:
        """A row without values: None, and empty lists for arrays."""
        row = self.blank.copy()
        for name in self.arrays:
            row[name] = []
        return row


# Shapes by identity of their types. A shape holds its types, so that no other mapping gets the same identity.
_shapes: dict[int, _Shape] = {}
_MOST_SHAPES = 500  # more than this collection has classes; queries of some columns have types of their own


def _shape(types: Mapping[str, Any]) -> _Shape:
    shape = _shapes.get(id(types))
    if shape is None:
        if len(_shapes) >= _MOST_SHAPES:
            _shapes.clear()
        shape = _shapes[id(types)] = _Shape.of(types)
    return shape


def parse_properties(element: Element, types: Mapping[str, Any], fill: bool = True) -> Instance:
    """Children as properties, by local name. A name without a type is text, or a list of text if it repeats."""
    return _properties(element, _shape(types), fill)


def _properties(element: Element, shape: _Shape, fill: bool = True) -> Instance:
    types, arrays = shape.types, shape.arrays
    values: Instance = shape.row() if fill else {}
    guessed: set[str] = set()
    octet_texts: dict[str, list[str]] = {}
    for child in element:
        space, _brace, name = child.tag.rpartition("}")
        if space == _COMMON_TAG:
            continue  # cim:Location of old hosts
        kind = types.get(name)
        if kind is None:
            _guess(values, guessed, name, _value(child, None))
        elif name not in arrays:
            plain = kind == "string" and not child.attrib and not len(child)  # most of what hosts send
            values[name] = (child.text or "") if plain else _value(child, kind)
        elif child.get(_NIL) in ("true", "1"):
            continue
        elif kind == "uint8[]":
            octet_texts.setdefault(name, []).append(child.text or "")
        elif (item := _value(child, _item_kind(kind))) is not None:
            values.setdefault(name, []).append(item)
    for name, texts in octet_texts.items():
        values[name] = octets(texts, name)
    return values


def _guess(values: Instance, guessed: set[str], name: str, value: Any) -> None:
    """Store the value of a property without a type: alone, or in a list if the property repeats."""
    if name not in guessed:
        guessed.add(name)
        values[name] = value
    elif isinstance(values[name], list):
        values[name].append(value)
    else:
        values[name] = [values[name], value]


def _is_array(kind: Any) -> bool:
    return isinstance(kind, list) or (isinstance(kind, str) and kind.endswith("[]"))


def _item_kind(kind: Any) -> Any:
    return kind[0] if isinstance(kind, list) else kind[:-2]


def _value(element: Element, kind: Any) -> Any:
    if len(element):
        return _structured(element, kind)
    if element.get(_NIL) in ("true", "1"):
        return None
    content = element.text or ""
    if kind is None or kind == "string":
        return content
    if isinstance(kind, CimClass) or kind == "instance":
        cls = kind if isinstance(kind, CimClass) else None
        return from_embedded(content, cls) if content.lstrip().startswith("<") else None
    content = content.strip()
    return convert(kind, content, _local(element)) if content else None


def _structured(element: Element, kind: Any) -> Any:
    """The value of an element with children: a datetime, a reference or an embedded object."""
    first = element[0]
    if kind == "datetime" or (kind is None and first.tag.startswith(_COMMON_TAG)):  # projections have no namespaces
        return convert("datetime", first.text or "", _local(element))
    if kind in ("ref", None) and first.tag.startswith(f"{{{ADDRESSING}}}"):
        return parse_reference(element)
    if kind not in (None, "instance") and not isinstance(kind, CimClass):
        raise BadAnswer(f"The host sent elements for {quoted(_local(element))[1:-1]}, which is of type {kind}.")
    if first.tag == "INSTANCE":
        return from_instance(first, kind if isinstance(kind, CimClass) else None)
    return parse_instance(element, kind if isinstance(kind, CimClass) else None, _object_class(element))


def _object_class(element: Element) -> str:
    declared = element.get(_TYPE, "").rpartition(":")[2].removesuffix("_Type")
    return declared or element[0].tag.partition("}")[0].rpartition("/")[2]


def parse_reference(element: Element) -> Reference | None:
    """An EPR, with or without wsa:EndpointReference around it; None if it has no resource URI."""
    uri = element.find(f".//{{{WSMAN}}}ResourceURI")
    if uri is None:
        return None
    resource = (uri.text or "").strip()
    path = resource[len(URI_PREFIX) :] if resource.lower().startswith(URI_PREFIX) else resource
    namespace, _slash, name = path.rpartition("/")
    keys = Keys()
    selectors = element.find(f".//{{{WSMAN}}}SelectorSet")
    for selector in () if selectors is None else selectors:
        key = selector.get("Name", "")
        if key.lower() == "__cimnamespace":
            continue
        inner = parse_reference(selector) if len(selector) else None
        keys[key] = inner.path() if inner is not None else selector.text or ""
    return Reference(namespace, name, keys)


def parse_output(body: Element, method: str, returns: Mapping[str, Any]) -> dict[str, Any]:
    """Output parameters and ReturnValue, which is None for a method without one."""
    answer = next(iter(body), None)
    if answer is None or _local(answer).lower() != f"{method}_OUTPUT".lower():
        content = "an empty body" if answer is None else quoted(_local(answer))[1:-1]
        raise BadAnswer(f"The host answered {method} with {content}.")
    return _properties(answer, _Shape.of({"ReturnValue": "uint32", **returns}))


def parse_created(body: Element, cls: CimClass) -> Reference:
    created = body.find(f"{{{TRANSFER}}}ResourceCreated")
    reference = parse_reference(created) if created is not None else None
    if reference is None:
        raise BadAnswer(f"The host created an instance of {cls.name}, but does not say which.")
    return reference


def parse_first(body: Element, cls: CimClass) -> Instance | None:
    """The instance in the answer to Get or Put."""
    item = next(iter(body), None)
    return None if item is None else parse_item(item, cls)


# ---- faults ----


def parse_fault(fault: Element) -> FaultParts:
    """Both shapes of s:Detail: f:WSManFault with nested provider faults, and MSFT_WmiError of MI providers."""
    detail = fault.find(f"{{{SOAP}}}Detail")
    nodes = [] if detail is None else list(detail.iter())
    wmi_error, status = _fields(nodes, "MSFT_WmiError"), _fields(nodes, "__ExtendedStatus")
    wsman_codes = [_number(node.get("Code")) for node in nodes if node.tag == f"{{{FAULT}}}WSManFault"]
    further = (
        _number(wmi_error.get("error_Code")),
        _hresult(wmi_error.get("MessageID")),
        _number(status.get("StatusCode")),
    )
    codes = tuple(dict.fromkeys(code for code in (*wsman_codes, *further) if code))
    message = _last_text(nodes, f"{{{FAULT}}}Message", f"{{{FAULT}}}ProviderFault")
    return FaultParts(
        code=(fault.findtext(f"{{{SOAP}}}Code/{{{SOAP}}}Value") or "").strip(),
        subcode=(fault.findtext(f"{{{SOAP}}}Code/{{{SOAP}}}Subcode/{{{SOAP}}}Value") or "").strip(),
        reason=(fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or "").strip(),
        wsman_code=next((code for code in wsman_codes if code is not None), None),
        codes=codes,
        wmi_status=next((code for code in codes if 0x80041000 <= code < 0x80045000), None),
        cim_status=_number(wmi_error.get("CIMStatusCode")),
        provider_message=(message or wmi_error.get("Message") or status.get("Description") or "").strip(),
        fault_detail=_last_text(nodes, f"{{{WSMAN}}}FaultDetail"),
        extended={**wmi_error, **status},
    )


def _fields(nodes: Sequence[Element], name: str) -> dict[str, str | None]:
    """The children of the last node with this local name, as text."""
    return next(({_local(child): child.text for child in node} for node in reversed(nodes) if _local(node) == name), {})


def _last_text(nodes: Sequence[Element], *tags: str) -> str:
    texts = [(node.text or "").strip() for node in nodes if node.tag in tags]
    return next(filter(None, reversed(texts)), "")


def _number(value: str | None) -> int | None:
    try:
        return int(value or "", 0) & 0xFFFFFFFF
    except ValueError:
        return None


def _hresult(message_id: str | None) -> int | None:
    """The number in a MSFT_WmiError.MessageID such as "HRESULT 0x803381a6"."""
    kind, _space, number = (message_id or "").partition(" ")
    return _number(number.strip()) if kind == "HRESULT" else None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
