"""CIM values as WinRM writes them: instances, projections, references, outputs of methods."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from ..cim.values import CimClass, CimMethod, CimProperty, Instance, Reference
from . import octets
from .config import Settings
from .envelope import ADDRESSING, ANONYMOUS, CIM, WMI, WSMAN, XSI, escape, escape_attribute

Write = Callable[[Any], str]
DEFAULTS = Settings()


class _Row(NamedTuple):
    """How one property of a class is written; `nil` represents NULL (empty for arrays)."""

    name: str
    write: Write
    array: bool
    nil: str


class _Plan(NamedTuple):
    head: str
    rows: tuple[_Row, ...]
    tail: str


def instance(item: Instance) -> str:
    """The element of an instance under the name of its own class, nil scalars present and NULL arrays absent."""
    plan = _plan(item.cls)
    return plan.head + "".join(_properties(item, plan.rows)) + plan.tail


def projection(item: Instance, columns: tuple[str, ...]) -> str:
    """A row of `SELECT a, b`: no class name, no namespaces, alphabetical (captured from Windows Server 2012)."""
    rows = _projected(item.cls, columns)
    return f'<w:XmlFragment xmlns:xsi="{XSI}">{"".join(_properties(item, rows))}</w:XmlFragment>'


def _properties(item: Instance, rows: Iterable[_Row]) -> Iterable[str]:
    # The reading order of Instance, spelled out: this loop writes half a million properties for 1,000 VMs.
    live, values, defaults = item.live, item.values, item.cls.defaults
    for name, write, array, nil in rows:
        if name in live:
            value = live[name](item)
        elif name in values:
            value = values[name]
        else:
            value = defaults.get(name)
        if value is None:
            yield nil
        elif array:
            for element in value:
                yield write(element)
        else:
            yield write(value)


@cache
def _plan(cls: CimClass) -> _Plan:
    rows = tuple(_row(prop, "p:") for prop in cls.properties.values())
    return _Plan(f'<p:{cls.name} {_xmlns(cls)} xsi:type="p:{cls.name}_Type">', rows, f"</p:{cls.name}>")


@cache
def _projected(cls: CimClass, columns: tuple[str, ...]) -> tuple[_Row, ...]:
    wanted = {name.lower() for name in columns}
    return tuple(_row(prop, "") for name, prop in cls.properties.items() if name.lower() in wanted)


def _xmlns(cls: CimClass) -> str:
    return f'xmlns:xsi="{XSI}" xmlns:p="{cls.uri}" xmlns:cim="{CIM}"'


def _row(prop: CimProperty, prefix: str) -> _Row:
    tag = prefix + prop.name
    nil = "" if prop.array else f'<{tag} xsi:nil="true"/>'
    return _Row(prop.name, _writer(tag, prop.type, prefix), prop.array, nil)


def _writer(tag: str, type_name: str, prefix: str) -> Write:
    start, end = f"<{tag}>", f"</{tag}>"
    # A projection has no namespaces at all, not even for the wrapper of a datetime.
    cim = "cim:" if prefix else ""
    match type_name:
        case "boolean":
            return lambda value: f"{start}{'true' if value else 'false'}{end}"
        case "datetime":
            return lambda value: f"{start}{time_element(value, cim)}{end}"
        case "octets":
            return lambda value: f"{start}{base64.b64encode(value).decode()}{end}"
        case "ref":
            return lambda value: reference_element(tag, value)
        case "instance":
            return lambda value: embedded_element(tag, value)
        case "string":
            return lambda value: f"{start}{escape(value)}{end}"
    return lambda value: f"{start}{value}{end}"


def time_element(value: datetime | timedelta, prefix: str = "cim:") -> str:
    name, text = ("Interval", interval(value)) if isinstance(value, timedelta) else ("Datetime", timestamp(value))
    return f"<{prefix}{name}>{text}</{prefix}{name}>"


def timestamp(value: datetime) -> str:
    """ISO 8601, UTC as Z, the zeros at the end of the fraction cut (captured: …36.68424Z, 1601-01-01T00:00:00Z)."""
    text = f"{value.year:04d}-{value:%m-%dT%H:%M:%S}"
    if value.microsecond:
        text += f".{value.microsecond:06d}".rstrip("0")
    offset = value.utcoffset()
    if not offset:
        return f"{text}Z"
    minutes = int(offset.total_seconds()) // 60
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def interval(value: timedelta) -> str:
    """P0DT0H5M0S, P0DT0H0M1.00417S (captured)."""
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    hours, rest = divmod(value.seconds, 3600)
    return f"P{value.days}DT{hours}H{rest // 60}M{rest % 60}{fraction}S"


def reference_element(tag: str, value: Reference) -> str:
    """A REF property or output: the parts of an endpoint reference without its wrapper (captured)."""
    return f'<{tag} xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}">{_reference_parts(value)}</{tag}>'


def endpoint_reference(value: Reference) -> str:
    """a:EndpointReference, an item of EnumerationMode EnumerateEPR (DSP0226 8.7)."""
    return (
        f'<a:EndpointReference xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}">{_reference_parts(value)}</a:EndpointReference>'
    )


def resource_created(value: Reference) -> str:
    return f"<x:ResourceCreated>{_reference_parts(value)}</x:ResourceCreated>"


def _reference_parts(value: Reference) -> str:
    selectors = "".join(_selector(name, key) for name, key in value.keys.items())
    return (
        f"<a:Address>{ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{WMI}{value.namespace}/{value.class_name}</w:ResourceURI>"
        f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
    )


def _selector(name: str, value: Any) -> str:
    if isinstance(value, Reference):
        text = endpoint_reference(value)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (datetime, timedelta)):
        text = timestamp(value) if isinstance(value, datetime) else interval(value)
    else:
        text = escape(str(value))
    return f'<w:Selector Name="{escape_attribute(name)}">{text}</w:Selector>'


def embedded_element(tag: str, item: Instance) -> str:
    """An embedded object: its properties in the namespace of its own class (DSP0230 7.2.5; virt-who reads it so)."""
    cls = item.cls
    body = "".join(_properties(item, _embedded_rows(cls)))
    return f'<{tag} xmlns:q="{cls.uri}" xsi:type="q:{cls.name}_Type">{body}</{tag}>'


@cache
def _embedded_rows(cls: CimClass) -> tuple[_Row, ...]:
    return tuple(_row(prop, "q:") for prop in cls.properties.values())


def output(
    cls: CimClass, method: CimMethod, code: int | None, values: Mapping[str, Any], settings: Settings = DEFAULTS
) -> str:
    """`Method_OUTPUT`: outputs in the order of the MOF signature, ReturnValue last, no xsi:type (captured)."""
    parts = []
    for declared in method.outputs:
        prop, value = octets.as_written(declared, values.get(declared.name), settings)
        row = _row(prop, "p:")
        if value is None:
            parts.append(row.nil)
        elif prop.array:
            parts.extend(row.write(element) for element in value)
        else:
            parts.append(row.write(value))
    returned = str(code).lower() if isinstance(code, bool) else code
    result = '<p:ReturnValue xsi:nil="true"/>' if code is None else f"<p:ReturnValue>{returned}</p:ReturnValue>"
    return f"<p:{method.name}_OUTPUT {_xmlns(cls)}>{''.join(parts)}{result}</p:{method.name}_OUTPUT>"
