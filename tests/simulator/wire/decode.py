"""CIM values as a client sends them: parameters of methods, instances for Put and Create, references, selectors."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import Element

from ..cim.values import INTEGERS, CimClass, CimMethod, CimProperty, Instance, Reference, from_text, normal_namespace
from . import octets
from .config import Settings
from .envelope import ADDRESSING, CIM, WMI, WSMAN, XSI, local_name, read_selectors
from .faults import fault

FindClass = Callable[[str, str], CimClass]
DEFAULTS = Settings()


def parameters(
    body: Element | None, method: CimMethod, cls: CimClass, find: FindClass, settings: Settings = DEFAULTS
) -> dict[str, Any]:
    """Values of `Method_INPUT` by parameter name, typed by the signature; SchemaValidationError for anything else.

    WinRM ignores the namespace of the wrapper (virt-who sends a different one).
    """
    if body is None:
        if method.inputs:
            raise fault("SchemaValidationError")
        return {}
    if local_name(body.tag).lower() != f"{method.name}_input".lower():
        raise fault("SchemaValidationError")
    values = _values(body, lambda name: octets.as_read(method.input(name), settings), cls, find)
    return {name: list(value) if isinstance(value, bytes) else value for name, value in values.items()}


def properties(body: Element | None, cls: CimClass, find: FindClass) -> dict[str, Any]:
    """Properties of the instance that Put or Create carries; InvalidRepresentation for another class."""
    if body is None or body.tag.lower() != f"{{{cls.uri}}}{cls.name}".lower():
        raise fault("InvalidRepresentation")
    return _values(body, cls.find_property, cls, find)


def _values(
    parent: Element, known: Callable[[str], CimProperty | None], cls: CimClass, find: FindClass
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in parent:
        prop = known(local_name(element.tag))
        namespace = element.tag.rpartition("}")[0].lstrip("{")
        if prop is None or (namespace and namespace.lower() != cls.uri.lower()):
            raise fault("SchemaValidationError")
        value = _value(element, prop, cls, find)
        if prop.array:
            items = found.setdefault(prop.name, None if value is None else [])
            if value is not None and items is not None:
                items.append(value)
        elif prop.name in found:
            raise fault("SchemaValidationError")
        else:
            found[prop.name] = value
    return found


def _value(element: Element, prop: CimProperty, cls: CimClass, find: FindClass) -> Any:
    if element.get(f"{{{XSI}}}nil", "").lower() in ("true", "1"):
        return None
    if prop.type == "ref":
        return reference(element)
    if prop.type == "instance":
        return _embedded(element, prop, cls, find)
    if prop.type == "datetime":
        return _time(element)
    if len(element):
        # An embedded instance as elements in a string parameter, say (captured: SchemaValidationError).
        raise fault("SchemaValidationError")
    try:
        return scalar(prop.type, element.text or "")
    except ValueError as error:
        raise fault("SchemaValidationError") from error


def scalar(type_name: str, text: str) -> Any:
    """One value from its XML Schema text; ValueError if it is invalid."""
    if type_name == "boolean":
        word = text.strip().lower()
        if word not in ("true", "false", "1", "0"):
            raise ValueError(text)
        return word in ("true", "1")
    if type_name == "octets":
        return base64.b64decode(text, validate=True)
    if type_name in INTEGERS and not re.fullmatch(r"\s*[+-]?\d+\s*", text):
        raise ValueError(text)
    return from_text(type_name, text)


def reference(element: Element) -> Reference:
    """A reference from the parts of an endpoint reference; a host refuses a wrapper around them (captured)."""
    parts = element.find(f"{{{ADDRESSING}}}ReferenceParameters")
    uri = parts.find(f"{{{WSMAN}}}ResourceURI") if parts is not None else None
    if parts is None or uri is None or not (uri.text or "").strip().lower().startswith(WMI):
        raise fault("SchemaValidationError")
    namespace, _separator, class_name = (uri.text or "").strip()[len(WMI) :].rpartition("/")
    selector_set = parts.find(f"{{{WSMAN}}}SelectorSet")
    return Reference(namespace, class_name, keys(read_selectors(selector_set) if selector_set is not None else ()))


def keys(selectors: Iterable[tuple[str, str | Element]], namespace: str | None = None) -> dict[str, Any]:
    """Key values by name, without `__cimnamespace`, which may only repeat the URI's namespace (MS-WSMV 3.1.4.1)."""
    found: dict[str, Any] = {}
    for name, value in selectors:
        if name.lower() == "__cimnamespace":
            if namespace is not None and normal_namespace(str(value)) != normal_namespace(namespace):
                raise fault("NamespaceMismatch")
            continue
        if name.lower() in (known.lower() for known in found):
            raise fault("DuplicateSelectors")
        found[name] = value if isinstance(value, str) else reference(value)
    return found


def _embedded(element: Element, prop: CimProperty, cls: CimClass, find: FindClass) -> Instance:
    """An embedded object: class by the namespace of its properties or by xsi:type, else as declared."""
    declared = prop.of
    if type_name := element.get(f"{{{XSI}}}type"):
        declared = type_name.rpartition(":")[2].removesuffix("_Type")
    own = find(cls.namespace, declared)
    return Instance(own, _values(element, own.find_property, own, find))


_STAMP = re.compile(r"(-?\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?", re.ASCII)


def _time(element: Element) -> datetime | timedelta:
    """cim:Datetime or cim:Interval, or their text alone (DSP0230 7.2.4)."""
    inner = element[0] if len(element) else element
    if len(element) > 1 or (len(element) and inner.tag not in (f"{{{CIM}}}Datetime", f"{{{CIM}}}Interval")):
        raise fault("SchemaValidationError")
    text = (inner.text or "").strip()
    try:
        if match := _STAMP.fullmatch(text):
            parts = [int(match[i]) for i in range(1, 7)]
            return datetime(*parts, _micros(match[7]), tzinfo=_zone(match[8]))  # type: ignore[misc]
        if (match := _SPAN.fullmatch(text)) and text not in ("P", "PT"):
            days, hours, minutes, seconds = (int(match[i] or 0) for i in range(1, 5))
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=_micros(match[5]))
    except (ValueError, OverflowError) as error:
        raise fault("SchemaValidationError") from error
    raise fault("SchemaValidationError")


def _micros(fraction: str | None) -> int:
    return int(f"{fraction or '0':0<6}"[:6])


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return timezone.utc
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
