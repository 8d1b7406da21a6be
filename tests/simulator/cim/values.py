"""Classes, instances, references and values of CIM."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

INTEGERS = {
    f"{sign}int{bits}": (0, 2**bits - 1) if sign == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in "us"
    for bits in (8, 16, 32, 64)
}
NEVER = datetime(1601, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class CimProperty:
    """A property, or a parameter of a method; `type` is a CIM name, "ref" or "instance" (then `of` names the class)."""

    name: str
    type: str
    array: bool = False
    of: str = ""


@dataclass(frozen=True, slots=True)
class CimMethod:
    """Parameters in the order of the MOF signature, which is also the order of the OUTPUT element."""

    name: str
    inputs: tuple[CimProperty, ...] = ()
    outputs: tuple[CimProperty, ...] = ()
    static: bool = False

    def input(self, name: str) -> CimProperty | None:
        return next((p for p in self.inputs if p.name.lower() == name.lower()), None)


@dataclass(eq=False)
class CimClass:
    """A class with everything it inherits; properties are in the order of WinRM (alphabetical, ignoring case)."""

    name: str
    namespace: str
    superclasses: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    properties: dict[str, CimProperty] = field(default_factory=dict)
    methods: dict[str, CimMethod] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    abstract: bool = False
    singleton: bool = False  # [Singleton] of its MOF: the URI alone names the only instance

    def __post_init__(self) -> None:
        self.properties = dict(sorted(self.properties.items(), key=lambda item: item[0].lower()))
        self.spelling = {name.lower(): name for name in self.properties}
        self._methods = {name.lower(): method for name, method in self.methods.items()}
        self.ancestry = frozenset(name.lower() for name in (self.name, *self.superclasses))

    def find_property(self, name: str) -> CimProperty | None:
        return self.properties.get(self.spelling.get(name.lower(), ""))

    def find_method(self, name: str) -> CimMethod | None:
        return self._methods.get(name.lower())

    def is_a(self, name: str) -> bool:
        return name.lower() in self.ancestry

    @property
    def uri(self) -> str:
        return f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{self.namespace}/{self.name}"

    def __repr__(self) -> str:
        return f"<CimClass {self.namespace}:{self.name}>"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The name of an object. Two references are equal when they name the same object: case never counts."""

    namespace: str
    class_name: str
    keys: Mapping[str, str]

    @property
    def identity(self) -> tuple:
        keys = tuple(sorted((name.lower(), str(value).lower()) for name, value in self.keys.items()))
        return (normal_namespace(self.namespace), self.class_name.lower(), keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def key(self, name: str) -> str | None:
        return next((value for key, value in self.keys.items() if key.lower() == name.lower()), None)

    def path(self, host: str = "") -> str:
        r"""WMI object path; with a host as Windows writes it: \\HOST\root\virtualization\v2:Class.Key="value"."""
        keys = ",".join(f'{name}="{_escape_key(str(value))}"' for name, value in self.keys.items())
        if not host:
            return f"{self.namespace}:{self.class_name}.{keys}"
        return f"\\\\{host}\\{self.namespace.replace('/', chr(92))}:{self.class_name}.{keys}"


Live = Callable[["Instance"], Any]


class Instance:
    """An instance as a sparse dict over the defaults of its class.

    Reading order: a live function of the property, the stored value, the default of the class, None. So a row costs
    what differs from the class, and a query that reads two properties computes two.
    """

    __slots__ = ("cls", "live", "values")

    def __init__(self, cls: CimClass, values: Mapping[str, Any] | None = None, live: Mapping[str, Live] | None = None):
        self.cls = cls
        self.live = {} if live is None else live  # shared with the class, so that later registrations apply
        self.values: dict[str, Any] = {}
        for name, value in (values or {}).items():
            self.values[name if name in cls.properties else self._spell(name)] = value

    def _spell(self, name: str) -> str:
        try:
            return self.cls.spelling[name.lower()]
        except KeyError:
            raise KeyError(f"{self.cls.name} has no property {name}") from None

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.cls.spelling

    def __getitem__(self, name: str) -> Any:
        if name not in self.cls.properties:
            name = self._spell(name)
        if name in self.live:
            return self.live[name](self)
        if name in self.values:
            return self.values[name]
        return self.cls.defaults.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.values[self._spell(name)] = value

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default if it is NULL or the class has no such property."""
        if name not in self or (value := self[name]) is None:
            return default
        return value

    def update(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self.cls.properties)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every property of the class, nulls too, in wire order."""
        return ((name, self[name]) for name in self.cls.properties)

    def as_dict(self) -> dict[str, Any]:
        return dict(self.items())

    def copy(self) -> Instance:
        new = Instance.__new__(Instance)
        new.cls, new.live, new.values = self.cls, self.live, dict(self.values)
        return new

    def keys_dict(self) -> dict[str, Any]:
        return {name: self[name] for name in self.cls.keys}

    def identity(self) -> tuple:
        return tuple(_key_text(self[name]) for name in self.cls.keys)

    def reference(self) -> Reference:
        return Reference(self.cls.namespace, self.cls.name, self.keys_dict())

    def __repr__(self) -> str:
        return f"<{self.cls.name} {self.keys_dict()}>"


def _key_text(value: Any) -> Any:
    return value.identity if isinstance(value, Reference) else str(value).lower()


def normal_namespace(namespace: str) -> str:
    return namespace.replace("\\", "/").strip("/").lower()


def _escape_key(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


# --- datetimes (DSP0004 5.2.4) --------------------------------------------------------------------------------------

_STAMP = re.compile(r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})([+-]\d{3})$")
_SPAN = re.compile(r"^(\d{8})(\d\d)(\d\d)(\d\d)\.(\d{6}):000$")


def parse_datetime(text: str) -> datetime | timedelta:
    """Native CIM form: yyyymmddHHMMSS.mmmmmm+UUU or ddddddddHHMMSS.mmmmmm:000. ValueError for anything else."""
    if span := _SPAN.match(text):
        days, hours, minutes, seconds, micros = map(int, span.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    if stamp := _STAMP.match(text):
        zone = timezone(timedelta(minutes=int(stamp[8])))
        return datetime(*(int(stamp[i]) for i in range(1, 8)), tzinfo=zone)
    raise ValueError(f"not a CIM datetime: {text!r}")


def format_datetime(value: datetime | timedelta) -> str:
    if isinstance(value, timedelta):
        hours, rest = divmod(value.seconds, 3600)
        return f"{value.days:08d}{hours:02d}{rest // 60:02d}{rest % 60:02d}.{value.microseconds:06d}:000"
    offset = int((value.utcoffset() or timedelta()).total_seconds() // 60)
    return f"{value:%Y%m%d%H%M%S}.{value.microsecond:06d}{offset:+04d}"


# --- typed values ---------------------------------------------------------------------------------------------------


def from_text(type_name: str, text: str) -> Any:
    """One value of a CIM type from its CIM-XML text (DSP0201 VALUE). ValueError if the text is not one."""
    if type_name in INTEGERS:
        number = int(text.strip(), 0)
        low, high = INTEGERS[type_name]
        if not low <= number <= high:
            raise ValueError(f"{text} is out of range for {type_name}")
        return number
    if type_name == "boolean":
        if text.strip().lower() not in ("true", "false"):
            raise ValueError(f"{text!r} is not a boolean")
        return text.strip().lower() == "true"
    if type_name == "datetime":
        return parse_datetime(text.strip())
    if type_name in ("real32", "real64"):
        return float(text)
    return text


def to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (datetime, timedelta)):
        return format_datetime(value)
    if isinstance(value, Reference):
        return value.path()
    return str(value)


def fits(prop: CimProperty, value: Any) -> bool:
    """True when a Python value may be stored in the property."""
    if value is None:
        return True
    if prop.array:
        return isinstance(value, (list, tuple)) and all(_fits_one(prop.type, item) for item in value)
    return _fits_one(prop.type, value)


def _fits_one(type_name: str, value: Any) -> bool:
    if type_name in INTEGERS:
        low, high = INTEGERS[type_name]
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    wanted = {
        "boolean": bool,
        "string": str,
        "octets": bytes,
        "datetime": (datetime, timedelta),
        "ref": Reference,
        "instance": Instance,
    }
    return isinstance(value, wanted.get(type_name, (int, float)))
