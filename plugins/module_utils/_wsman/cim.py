# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM values in Python: classes, references, datetimes, WQL literals, embedded instances (CIM-XML, DSP0201)."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn
from xml.etree.ElementTree import Element

from . import document
from .faults import BadAnswer, HostError, quoted

URI_PREFIX = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"


def class_uri(namespace: str, class_name: str) -> str:
    """Resource URI of a class, or of WQL queries if the name is `*`."""
    return f"{URI_PREFIX}{namespace}/{class_name}"


class CimClass(NamedTuple):
    """A class with the properties that a caller uses. `properties` maps names to CIM types, arrays as `type[]`."""

    namespace: str
    name: str
    keys: tuple[str, ...] = ()
    properties: Mapping[str, str] = MappingProxyType({})

    @property
    def uri(self) -> str:
        return class_uri(self.namespace, self.name)

    def reference(self, instance: Mapping[str, Any]) -> Reference:
        """Reference to an instance of this class, from the values of its keys."""
        missing = [key for key in self.keys if instance.get(key) is None]
        if missing:
            raise HostError(f"An instance of {self.name} lacks the key {', '.join(missing)}.", **{"class": self.name})
        return Reference(self.namespace, self.name, {key: key_text(instance[key]) for key in self.keys})


def declare(namespace: str, name: str, keys: str, **names_by_type: str) -> CimClass:
    """A class from the names of its keys and those of its properties by type, such as `uint16_array="A B"`."""
    types = {
        property_name: type_name.replace("_array", "[]")
        for type_name, names in names_by_type.items()
        for property_name in names.split()
    }
    return CimClass(namespace, name, tuple(keys.split()), types)


class Keys(dict[str, str]):
    """The keys of a reference that a host sent; one that it lacks is the host's error."""

    def __missing__(self, name: str) -> NoReturn:
        raise BadAnswer(f"The host sent a reference without the key {name}.")


class Reference(NamedTuple):
    """The path of an instance. Key values are text, not escaped."""

    namespace: str
    class_name: str
    keys: Mapping[str, str]

    @property
    def uri(self) -> str:
        return class_uri(self.namespace, self.class_name)

    def relative_path(self) -> str:
        r"""Class.Key="value",… for WQL and object paths: keys sorted, `\` and `"` escaped."""
        keys = ",".join(f'{name}="{_in_path(str(value))}"' for name, value in sorted(self.keys.items()))
        return f"{self.class_name}.{keys}" if keys else f"{self.class_name}=@"

    def path(self) -> str:
        """WMI object path without the host name. Hosts accept it in embedded instances."""
        return f"{self.namespace}:{self.relative_path()}"


Instance = dict[str, Any]


def key_text(value: Any) -> str:
    """Selector or key text of a Python value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, timedelta)):
        return native_datetime(value)
    return str(value)


# ---- object paths ----

_PATH = re.compile(
    r"""
    ^(?:\\\\[^\\/]+[\\/] | //[^\\/]+[\\/])?   # host
    (?:(?P<namespace>[\w\\/]+):)?
    (?P<name>\w+)
    (?:(?P<dot>\.) | = | $)
    """,
    re.VERBOSE,
)
# No two parts that follow each other match the same character, so that it takes linear time whatever a host sends.
_KEY = re.compile(
    r"""
    \s*(?P<name>\w+)\s*=
    (?: \s*"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"\s*
      | \s*'(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'\s*
      | \s*(?P<bare>[^,"'\s][^,"']*)
    )
    (?:,|$)
    """,
    re.VERBOSE | re.DOTALL,
)


def _in_path(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _from_path(text: str) -> str:
    # Some hosts do not double the backslashes in BootSourceOrder, so a backslash before other characters is literal.
    return re.sub(r"""\\([\\"'])""", r"\1", text)


def parse_path(text: str) -> Reference:
    r"""Parse `\\HOST\ns:Class.Key="value"`. Host and namespace are optional; a missing namespace is empty."""
    head = _PATH.match(text)
    if head is None:
        raise BadAnswer(f"Not a WMI object path: {quoted(text)}")
    namespace = (head["namespace"] or "").replace("\\", "/").strip("/")
    rest = text[head.end() :]
    if head["dot"] is None:
        # Class="value" names the only key by position; Class=@ is a singleton; Class alone is the class itself.
        value = rest.strip()
        if value in ("", "@"):
            return Reference(namespace, head["name"], Keys())
        return Reference(namespace, head["name"], Keys({"": _from_path(value.strip("\"'"))}))
    keys = Keys()
    position = 0
    while position < len(rest):
        key = _KEY.match(rest, position)
        if key is None:
            raise BadAnswer(f"Not a WMI object path: {quoted(text)}")
        value = key["double"] if key["double"] is not None else key["single"]
        keys[key["name"]] = _from_path(value) if value is not None else key["bare"].strip()
        position = key.end()
    return Reference(namespace, head["name"], keys)


# ---- WQL literals ----


def quote(text: str) -> str:
    r"""WQL string literal in single quotes, with `\` and `'` escaped by a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def like_prefix(text: str) -> str:
    """Literal of a WQL LIKE pattern for text with this prefix. Brackets escape `[`, `%` and `_`."""
    return quote(re.sub(r"[\[%_]", r"[\g<0>]", text) + "%")


def literal(value: str | bool | int) -> str:
    """WQL literal of a Python value."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else quote(value)


# ---- datetimes ----

_INTERVAL = re.compile(r"^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?$")
_ISO = re.compile(r"^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?$")
_NATIVE = re.compile(r"^(\d{8})(\d\d)(\d\d)(\d\d)\.(\d{6}|\*{6})(?:([+-]\d{3})|(:)000)$")


def parse_datetime(text: str) -> datetime | timedelta:
    """Parse ISO 8601 datetimes and durations (DSP0230) and the native CIM form (DSP0004). Without an offset, UTC.

    Raises ValueError or OverflowError.
    """
    text = text.strip()
    if text[:1] == "P" or text[:2] == "-P":
        return _parse_interval(text)
    native = _NATIVE.match(text)
    if native is not None:
        return _parse_native(native)
    return _parse_iso(text)


def _parse_iso(text: str) -> datetime:
    """datetime.fromisoformat of Python 3.10 reads neither Z nor fractions of any length."""
    match = _ISO.match(text)
    if match is None:
        raise ValueError("not a datetime")
    date, time, fraction, offset = match.groups()
    text = f"{date}T{time or '00:00:00'}{(offset or '').replace('Z', '+00:00')}"
    return _utc(datetime.fromisoformat(text).replace(microsecond=_microseconds(fraction)))


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))


def _parse_interval(text: str) -> timedelta:
    match = _INTERVAL.match(text)
    if match is None:
        raise ValueError("not an interval")
    sign, days, hours, minutes, seconds, fraction = match.groups()
    value = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=_microseconds(fraction),
    )
    return -value if sign else value


def _parse_native(match: re.Match[str]) -> datetime | timedelta:
    date, hours, minutes, seconds, fraction, offset, interval = match.groups()
    micro = 0 if fraction.startswith("*") else int(fraction)
    if interval:
        return timedelta(int(date), int(seconds), micro, minutes=int(minutes), hours=int(hours))
    value = datetime(
        int(date[:4]),
        int(date[4:6]),
        int(date[6:]),
        int(hours),
        int(minutes),
        int(seconds),
        micro,
        timezone(timedelta(minutes=int(offset))),
    )
    return _utc(value)


def native_datetime(value: datetime | timedelta) -> str:
    """DSP0004 form: ddddddddHHMMSS.mmmmmm:000 or yyyymmddHHMMSS.mmmmmm+000 (in UTC)."""
    if isinstance(value, timedelta):
        minutes, seconds = divmod(value.seconds, 60)
        return f"{value.days:08d}{minutes // 60:02d}{minutes % 60:02d}{seconds:02d}.{value.microseconds:06d}:000"
    return _utc(value).strftime("%Y%m%d%H%M%S.%f+000").zfill(25)


def iso_datetime(value: datetime | timedelta) -> str:
    """DSP0230 form: PnDTnHnMnS, or ISO 8601 in UTC, fractions without trailing zeros."""
    fraction = f".{value.microseconds if isinstance(value, timedelta) else value.microsecond:06d}".rstrip("0").rstrip(
        "."
    )
    if isinstance(value, timedelta):
        minutes, seconds = divmod(value.seconds, 60)
        return f"P{value.days}DT{minutes // 60}H{minutes % 60}M{seconds}{fraction}S"
    return _utc(value).replace(microsecond=0, tzinfo=None).isoformat() + fraction + "Z"


def _utc(value: datetime) -> datetime:
    return value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)


# ---- text of values ----


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _integer(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most or "_" in text:
            raise ValueError("out of range")
        return value

    return number


_CONVERT: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "string": str,
        "char16": str,
        "boolean": _boolean,
        "datetime": parse_datetime,
        "real32": _real,
        "real64": _real,
        "ref": parse_path,
    }
    | {f"uint{size}": _integer(0, 2**size - 1) for size in (8, 16, 32, 64)}
    | {f"sint{size}": _integer(-(2 ** (size - 1)), 2 ** (size - 1) - 1) for size in (8, 16, 32, 64)}
)


def convert(kind: str, text: str, name: str) -> Any:
    """The value of a property of this CIM type; of an unknown type, the text. The only place that converts.

    Raises BadAnswer.
    """
    try:
        return _CONVERT.get(kind, str)(text)
    except (ValueError, OverflowError, KeyError) as error:
        raise _unexpected(kind, text, name) from error


def octets(texts: list[str], name: str) -> list[int]:
    """A uint8[]: one number in each element, or base64 in a single one (DSP0230, OctetString). Raises BadAnswer."""
    if len(texts) == 1 and not (len(texts[0].strip()) <= 3 and texts[0].strip().isdecimal()):
        try:
            return list(base64.b64decode(texts[0]))
        except ValueError as error:
            raise _unexpected("uint8[]", texts[0], name) from error
    return [convert("uint8", text, name) for text in texts]


def _unexpected(kind: str, text: str, name: str) -> BadAnswer:
    return BadAnswer(f"The host sent {quoted(text)} for {quoted(name)[1:-1]}, which is of type {kind}.")


# ---- embedded instances ----

# Hyper-V hosts refuse &amp; and &lt; inside an embedded instance (return codes 32768 and 32773) and read numeric
# references right: captured from a Windows 11 host. Line breaks go the same way, so that no XML layer changes them.
_EMBEDDED = str.maketrans(
    {"&": "&#38;", "<": "&#60;", ">": "&#62;", '"': "&#34;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def embedded(cls: CimClass, values: Mapping[str, Any]) -> str:
    """CIM-XML of an instance with these values only, for [EmbeddedInstance] string parameters.

    None is sent without a value, which providers read as "unchanged"; an empty string clears the property. References
    become object paths. Raises HostError if the class does not have one of the properties.
    """
    parts = [f'<INSTANCE CLASSNAME="{cls.name}">']
    for name, value in values.items():
        if name.startswith("__"):
            continue
        kind = cls.properties.get(name)
        if kind is None:
            raise HostError(f"{cls.name} has no property {name}.", **{"class": cls.name})
        parts.append(_embedded_property(name, kind, value))
    parts.append("</INSTANCE>")
    return "".join(parts)


def _embedded_property(name: str, kind: str, value: Any) -> str:
    kind, array = kind.removesuffix("[]"), kind.endswith("[]")
    if kind in ("ref", "instance"):
        raise HostError(f"An embedded instance cannot carry {name}, which is of type {kind}.")
    if array:
        items = "".join(f"<VALUE>{_embedded_text(item)}</VALUE>" for item in value or ())
        return f'<PROPERTY.ARRAY NAME="{name}" TYPE="{kind}"><VALUE.ARRAY>{items}</VALUE.ARRAY></PROPERTY.ARRAY>'
    text = "" if value is None else f"<VALUE>{_embedded_text(value)}</VALUE>"
    return f'<PROPERTY NAME="{name}" TYPE="{kind}">{text}</PROPERTY>'


def _embedded_text(value: Any) -> str:
    if isinstance(value, Reference):
        value = value.path()
    return key_text(value).translate(_EMBEDDED)


def from_embedded(text: str, cls: CimClass | None = None) -> Instance:
    """Parse the CIM-XML of an instance by its TYPE attributes. With `cls`, absent properties are None or empty."""
    root = document.parse(text, "The host sent an embedded instance that is not CIM-XML")
    instance = root if root.tag == "INSTANCE" else root.find(".//INSTANCE")
    if instance is None:
        raise BadAnswer(f"The host sent <{quoted(root.tag)[1:-1]}> where an embedded instance was expected.")
    return from_instance(instance, cls)


def from_instance(element: Element, cls: CimClass | None) -> Instance:
    """The values of an INSTANCE element."""
    types = cls.properties if cls else {}
    values: Instance = {name: [] if kind.endswith("[]") else None for name, kind in types.items()}
    values["__CLASS"] = element.get("CLASSNAME", "")
    for child in element:
        name = child.get("NAME", "")
        kind = types.get(name, "").removesuffix("[]") or child.get("TYPE", "string")
        if child.tag == "PROPERTY":
            value = child.find("VALUE")
            values[name] = None if value is None else convert(kind, value.text or "", name)
        elif child.tag == "PROPERTY.ARRAY":
            values[name] = [convert(kind, item.text or "", name) for item in child.iterfind("VALUE.ARRAY/VALUE")]
        elif child.tag == "PROPERTY.REFERENCE":
            values[name] = _from_value_reference(child)
        elif child.tag == "PROPERTY.OBJECT":
            inner = child.find(".//INSTANCE")
            values[name] = None if inner is None else from_instance(inner, None)
    return values


def _from_value_reference(element: Element) -> Reference | None:
    """The reference in VALUE.REFERENCE: a path as text (WMI), or INSTANCENAME with key bindings (DSP0201)."""
    name = element.find(".//INSTANCENAME")
    if name is not None:
        namespace = "/".join(part.get("NAME", "") for part in element.iterfind(".//LOCALNAMESPACEPATH/NAMESPACE"))
        keys = Keys((key.get("NAME", ""), key.findtext("KEYVALUE", "")) for key in name.iterfind("KEYBINDING"))
        return Reference(namespace, name.get("CLASSNAME", ""), keys)
    text = "".join(element.itertext()).strip()
    return parse_path(text) if text else None
