"""The classes a Windows build knows, from data/schema.json, data/classes.yml and data/devices.yml."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from .values import CimClass, CimMethod, CimProperty, normal_namespace

DATA = Path(__file__).parents[1] / "data"

HYPERV = "root/virtualization/v2"
CIMV2 = "root/cimv2"
STANDARD = "root/StandardCimv2"
WMI = "root/wmi"
CLUSTER = "root/MSCluster"

# Classes and properties that schema.json lacks.
_ADDITIONS = ("classes.yml", "clusters.yml", "devices.yml", "guest_services.yml")

# Methods that are called on the class, without selectors: registry and CDXML providers ("Static" in their MOF).
STATIC_CLASSES = {
    "__SystemSecurity",
    "StdRegProv",
    "MSFT_HgsGuardian",
    "MSFT_HgsKeyProtector",
    "MSFT_HgsClientConfiguration",
    "PS_ScheduledTask",
}
STATIC_METHODS = {
    ("MSFT_NetIPAddress", "Create"),
    ("MSFT_NetRoute", "Create"),
    ("MSFT_NetRoute", "Find"),
    ("Win32_Process", "Create"),
    ("Win32_Service", "Create"),
}

# The system classes that every namespace has (WMI docs): the child namespaces (HV-24), and the rights in it (WIN-07).
_SYSTEM: dict[str, dict[str, Any]] = {
    "__NAMESPACE": {"keys": ["Name"], "properties": {"Name": "string"}},
    "__SystemSecurity": {"methods": {"GetCallerAccessRights": {"out": {"rights": "sint32"}}}},
}


class Schema:
    """All classes of one Windows build, without what later builds added (`type@build` in the data; HV-19)."""

    def __init__(self, build: int) -> None:
        self._classes: dict[tuple[str, str], CimClass] = {}
        self._children: dict[tuple[str, str], list[CimClass]] = {}
        self.namespaces: dict[str, str] = {}
        for namespace, classes in _documents().items():
            self.namespaces[normal_namespace(namespace)] = namespace
            for name in classes:
                self._build(namespace, name, classes, build)

    def _build(self, namespace: str, name: str, classes: dict[str, dict], build: int) -> None:
        chain = [name]
        while parent := classes[chain[-1]].get("super"):
            chain.append(parent)
        properties: dict[str, CimProperty] = {}
        for ancestor in reversed(chain):
            for prop, text in classes[ancestor].get("properties", {}).items():
                type_name, _separator, since = text.partition("@")
                if build >= int(since or 0):
                    properties[prop] = _typed(prop, type_name)
        own = classes[name]
        cls = CimClass(
            name=name,
            namespace=namespace,
            superclasses=tuple(chain[1:]),
            keys=tuple(own.get("keys", ())),
            properties=properties,
            methods={key: _method(name, key, method) for key, method in own.get("methods", {}).items()},
            defaults={key: value for key, value in own.get("defaults", {}).items() if key in properties},
            abstract=own.get("abstract", False),
            singleton=own.get("singleton", False),
        )
        self._classes[normal_namespace(namespace), name.lower()] = cls
        for ancestor in chain:
            self._children.setdefault((normal_namespace(namespace), ancestor.lower()), []).append(cls)

    def find(self, namespace: str, name: str) -> CimClass | None:
        return self._classes.get((normal_namespace(namespace), name.lower()))

    def family(self, cls: CimClass) -> list[CimClass]:
        """The class and all that derive from it (WMI's deep enumeration)."""
        return self._children[normal_namespace(cls.namespace), cls.name.lower()]

    def classes(self, namespace: str) -> list[CimClass]:
        return [cls for (where, _rest), cls in self._classes.items() if where == normal_namespace(namespace)]


@lru_cache(maxsize=1)
def _known_names() -> frozenset[tuple[str, str]]:
    """Namespace and class, in lower case, of what real hosts have."""
    found: set[tuple[str, str]] = set()
    namespace = ""
    for line in (DATA / "known_classes.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            namespace = normal_namespace(line.strip("[]"))
        elif not line.startswith("#"):
            found |= {(namespace, name.lower()) for name in line.split()}
    return frozenset(found)


def on_real_hosts(namespace: str, name: str) -> bool:
    """Whether hosts have a class of that name, so that its absence here is a gap of the simulator."""
    where = normal_namespace(namespace)
    return (where, name.lower()) in _known_names() or (where == CIMV2 and name.lower().startswith("win32_perf"))


@lru_cache(maxsize=8)
def load(build: int) -> Schema:
    return Schema(build)


def method_names(class_names: Iterable[str]) -> set[str]:
    """The names of all methods of the classes, in any build."""
    return {
        method
        for classes in _documents().values()
        for name in class_names
        for method in classes.get(name, {}).get("methods", ())
    }


@lru_cache(maxsize=1)
def _documents() -> dict[str, dict[str, dict]]:
    namespaces: dict[str, dict[str, dict]] = json.loads((DATA / "schema.json").read_text("utf-8"))["namespaces"]
    for namespace, classes in chain.from_iterable(read_yaml(name)["namespaces"].items() for name in _ADDITIONS):
        known = namespaces.setdefault(namespace, {})
        for name, added in classes.items():
            base = known.setdefault(name, {})
            for key, value in added.items():
                if isinstance(value, dict):
                    base[key] = {**base.get(key, {}), **value}
                elif key != "source":
                    base[key] = value
    for classes in namespaces.values():
        classes |= _SYSTEM
    return namespaces


def read_yaml(name: str) -> Any:
    """A table of data/, which the caller may change."""
    return copy.deepcopy(_parsed(name))


@lru_cache
def _parsed(name: str) -> Any:
    """A table of data/. Each machine reads several, and parsing takes fifty times as long as copying."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((DATA / name).read_text("utf-8"), Loader=loader)


def _typed(name: str, text: str) -> CimProperty:
    type_name, _separator, of = text.removesuffix("[]").partition(":")
    return CimProperty(name, type_name, text.endswith("[]"), of)


def _method(cls: str, name: str, method: dict) -> CimMethod:
    return CimMethod(
        name,
        tuple(_typed(key, text) for key, text in method.get("in", {}).items()),
        tuple(_typed(key, text) for key, text in method.get("out", {}).items()),
        static=cls in STATIC_CLASSES or (cls, name) in STATIC_METHODS,
    )
