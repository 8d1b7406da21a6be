"""WS-Enumeration over WMI: Enumerate, Pull, Release, filters and pages."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ..cim import errors
from ..cim.errors import CimError
from ..cim.values import CimClass, Instance, Reference
from . import decode, encode, wql
from .envelope import ENUMERATION, WSMAN, Request, local_name, read_selectors
from .faults import fault, from_cim

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from .config import Settings

WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
SELECTOR_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
# Characters that an envelope needs around its items.
ENVELOPE = 1000


@dataclass
class Enumeration:
    """An open enumeration with its remaining items, in XML or still to be encoded."""

    items: Iterator[str]
    owner: str
    used: float

    def page(self, count: int, limits: Limits) -> tuple[list[str], bool]:
        """The next items, as many as fit, and whether they are the last ones."""
        found: list[str] = []
        characters, octets = ENVELOPE, ENVELOPE
        for item in self.items:
            characters += len(item)
            octets += len(item) if item.isascii() else len(item.encode())
            if len(found) == count or characters > limits.characters or octets > limits.octets:
                self.items = chain((item,), self.items)
                if not found:
                    raise fault("MaxEnvelopeSizeExceeded" if octets > limits.octets else "ServiceEnvelopeLimit")
                return found, False
            found.append(item)
        return found, True


@dataclass(frozen=True)
class Limits:
    """How long an answer may get: the service counts UTF-16 characters, the client octets on the wire."""

    characters: int
    octets: int


class Enumerations:
    """The open enumerations of one machine."""

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self.machine = machine
        self.settings = settings
        self._open: dict[str, Enumeration] = {}
        self._lock = threading.Lock()

    def limits(self, request: Request) -> Limits:
        most = self.settings.max_envelope_kb * 1024
        return Limits(self.settings.page_characters, min(request.max_envelope_size or most, most))

    def enumerate(self, request: Request, user: User) -> str:
        """Body of the EnumerateResponse."""
        body = request.body
        if body is None or body.tag != f"{{{ENUMERATION}}}Enumerate":
            raise fault("InvalidBody")
        wanted = {local_name(child.tag): child for child in body}
        items = self._items(request, user, wanted)
        enumeration = Enumeration(items, user.name, self.machine.clock.seconds())
        if "OptimizeEnumeration" not in wanted:
            return _enumerate_response(self._keep(enumeration, user), "")
        # Captured from Windows Server 2012: everything at once if there is at most one item, otherwise one item and
        # a context, whatever MaxElements is.
        page, last = enumeration.page(1, self.limits(request))
        text = f"<w:Items>{''.join(page)}</w:Items>"
        if last:
            return _enumerate_response("", f"{text}<w:EndOfSequence/>")
        return _enumerate_response(self._keep(enumeration, user), text)

    def pull(self, request: Request, user: User) -> str:
        """Body of the PullResponse: a new context each time, none with the last page."""
        body = request.body
        if body is None or body.tag != f"{{{ENUMERATION}}}Pull":
            raise fault("InvalidBody")
        enumeration = self._take(body, user)
        count = _count(body.find(f"{{{ENUMERATION}}}MaxElements"), self.settings.max_batch_items)
        with self.machine.clock.lock:
            page, last = enumeration.page(count, self.limits(request))
        items = f"<n:Items>{''.join(page)}</n:Items>"
        if last:
            return f"<n:PullResponse>{items}<n:EndOfSequence/></n:PullResponse>"
        context = self._keep(enumeration, user)
        return f"<n:PullResponse><n:EnumerationContext>{context}</n:EnumerationContext>{items}</n:PullResponse>"

    def release(self, request: Request, user: User) -> str:
        if request.body is None or request.body.tag != f"{{{ENUMERATION}}}Release":
            raise fault("InvalidBody")
        self._take(request.body, user)
        return ""

    def open_count(self, user: User) -> int:
        """Open enumerations of a user; they count as operations of his (MS-WSMV 2.2.4.10)."""
        with self._lock:
            self._expire()
            return sum(enumeration.owner == user.name for enumeration in self._open.values())

    def forget(self) -> None:
        """Close all enumerations, as if nobody had pulled them for too long."""
        with self._lock:
            self._open.clear()

    # --- contexts

    def _keep(self, enumeration: Enumeration, user: User) -> str:
        context = f"uuid:{str(uuid.uuid4()).upper()}"
        enumeration.used = self.machine.clock.seconds()
        with self._lock:
            self._open[context] = enumeration
        return context

    def _take(self, body: Element, user: User) -> Enumeration:
        element = body.find(f"{{{ENUMERATION}}}EnumerationContext")
        context = (element.text or "").strip() if element is not None else ""
        with self._lock:
            self._expire()
            found = self._open.pop(context, None)
        if found is None or found.owner != user.name:
            raise fault("InvalidEnumerationContext")
        return found

    def _expire(self) -> None:
        """Close enumerations that were not pulled for EnumerationTimeoutms."""
        oldest = self.machine.clock.seconds() - self.settings.enumeration_timeout
        for context in [key for key, enumeration in self._open.items() if enumeration.used < oldest]:
            del self._open[context]

    # --- items

    def _items(self, request: Request, user: User, wanted: dict[str, Element]) -> Iterator[str]:
        mode = _mode(wanted.get("EnumerationMode"))
        filter_element = wanted.get("Filter")
        namespace, class_name = request.target
        if not class_name:
            raise fault("InvalidResourceUri")
        selectors = decode.keys(request.selectors, namespace)
        if filter_element is None:
            if class_name == "*":
                raise fault("CannotProcessFilter")
            if selectors:
                raise fault("InvalidSelectors")
            return map(mode, self._class(namespace, class_name, user))
        dialect = filter_element.get("Dialect", "")
        if dialect == WQL:
            # The words of a Windows 11 host (r4sd/go-wsman), whose number wsmerror.h has.
            if class_name != "*" or selectors:
                raise fault("WqlNeedsStar")
            return self._query(namespace, filter_element.text or "", user, mode)
        if dialect == SELECTOR_FILTER:
            if class_name == "*":
                raise fault("CannotProcessFilter")
            return map(mode, self._selected(namespace, class_name, user, filter_element))
        raise fault("FilterDialectRequestedUnavailable")

    def _class(self, namespace: str, class_name: str, user: User) -> Iterator[Instance]:
        try:
            return self.machine.instances(self.machine.find_class(namespace, class_name), user)
        except CimError as error:
            error.operation, error.parameter_info = "CreateInstanceEnum", class_name
            raise from_cim(error, namespace) from error

    def _query(self, namespace: str, text: str, user: User, mode: Callable[[Instance], str]) -> Iterator[str]:
        text = text.strip()
        try:
            if not self.machine.has_namespace(namespace):
                raise CimError(errors.INVALID_NAMESPACE)
            query = wql.parse(text, namespace)
            if isinstance(query, wql.Related):
                return map(mode, self._related(query, user, text))
            cls = self.machine.find_class(namespace, query.class_name)
            columns = wql.columns(query, cls, text)
            found: Iterable[Instance] = self.machine.instances(cls, user)
            if test := wql.predicate(query.condition, cls, text, self.machine.name):
                with self.machine.clock.lock:
                    found = [item for item in found if test(item)]
        except CimError as error:
            error.operation, error.parameter_info, error.provider = "ExecQuery", text, "WinMgmt"
            raise from_cim(error, namespace, query=True) from error
        if columns is None:
            return map(mode, found)
        return (encode.projection(item, columns) for item in found)

    def _related(self, query: wql.Related, user: User, text: str) -> list[Instance]:
        target = query.target
        cls = self.machine.find_class(target.namespace, target.class_name)
        if "" in target.keys and len(cls.keys) == 1:
            target = Reference(target.namespace, target.class_name, {cls.keys[0]: target.keys[""]})
        for name in ("resultclass", "assocclass"):
            if name in query.conditions:
                self.machine.find_class(target.namespace, query.conditions[name])
        conditions = {_ARGUMENTS[name]: value for name, value in query.conditions.items()}
        if query.associators:
            return self.machine.associators(target, user, **conditions)
        return self.machine.references(target, user, **conditions)

    def _selected(self, namespace: str, class_name: str, user: User, filter_element: Element) -> Iterator[Instance]:
        """Selector filter: equality of scalar properties, all of them (DSP0226 7.5; MS-WSMV 3.1.4.1.20)."""
        cls = self._find(namespace, class_name)
        selector_set = filter_element.find(f"{{{WSMAN}}}SelectorSet")
        if selector_set is None:
            raise fault("CannotProcessFilter")
        tests = []
        for name, text in decode.keys(read_selectors(selector_set)).items():
            prop = cls.find_property(name)
            if prop is None or prop.array or prop.type in ("ref", "instance", "datetime") or not isinstance(text, str):
                raise fault("CannotProcessFilter")
            tests.append((prop.name, text.lower()))
        return (
            item
            for item in self._class(namespace, class_name, user)
            if all(item[name] is not None and str(item[name]).lower() == text for name, text in tests)
        )

    def _find(self, namespace: str, class_name: str) -> CimClass:
        try:
            return self.machine.find_class(namespace, class_name)
        except CimError as error:
            raise from_cim(error, namespace) from error


_ARGUMENTS = {
    "resultclass": "result_class",
    "assocclass": "assoc_class",
    "role": "role",
    "resultrole": "result_role",
}


def _enumerate_response(context: str, rest: str) -> str:
    return f"<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>{rest}</n:EnumerateResponse>"


def _mode(element: Element | None) -> Callable[[Instance], str]:
    """How an item is written (DSP0226 8.7)."""
    name = (element.text or "").strip() if element is not None else "EnumerateObject"
    if name in ("", "EnumerateObject"):
        return encode.instance
    if name == "EnumerateEPR":
        return lambda item: encode.endpoint_reference(item.reference())
    if name == "EnumerateObjectAndEPR":
        return lambda item: f"<w:Item>{encode.instance(item)}{encode.endpoint_reference(item.reference())}</w:Item>"
    raise fault("EnumerationMode")


def _count(element: Element | None, most: int) -> int:
    """MaxElements; 1 without it (WS-Enumeration 3.2), never more than MaxBatchItems (MS-WSMV 3.1.4.1.16)."""
    if element is None:
        return 1
    text = (element.text or "").strip()
    if not text.isdigit() or int(text) < 1:
        raise fault("SchemaValidationError")
    return min(int(text), most)
