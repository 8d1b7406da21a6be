# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed CIM operations on a host over WS-Management."""

from __future__ import annotations

import contextlib
import copy
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar
from xml.etree.ElementTree import Element

from . import envelope
from .cim import CimClass, Instance, Reference, class_uri, literal
from .envelope import Types
from .faults import (
    BadAnswer,
    ConnectionFailed,
    ContextExpired,
    EncodingLimit,
    Fault,
    FilterRefused,
    HostBusy,
    HostError,
    InvalidClass,
    InvalidNamespace,
    NotFound,
    OperationTimeout,
    QuotaExceeded,
    WSManError,
)
from .options import ConnectionOptions, endpoint_url
from .shell import Shell
from .transport import Alternatives, HttpTransport

__all__ = ["Client", "ConnectionOptions", "Types", "Where", "connect", "endpoint_url"]

Where: TypeAlias = "str | Mapping[str, str | bool | int | None] | None"
Result = TypeVar("Result")

# MaxBatchItems of WinRM. A host lowers or refuses a greater number (MS-WSMV 3.1.4.1.17).
MAX_ELEMENTS = 32000
RETRY_PAUSES = (0.2, 0.6, 1.5)
# A host that answers each request in time, but never ends its enumeration.
EMPTY_PAGES = 100
ENUMERATION_TIMEOUT = 600.0  # seconds
# Rows that are read together if they don't fit a page all at once.
PORTION = 20
ANY_CLASS = "*"  # in the URI of a query, which names the class itself
_NAME_OF_CLASS = re.compile(r"(?:FROM |OF \{)(\w+)")
ANY_NAMESPACE = class_uri("root/cimv2", "__NAMESPACE")


class Client:
    """CIM operations over `send`, a function from the envelope of a request to that of its answer.

    Reads are repeated if the connection breaks, the answer is damaged, or the host is busy; a write is sent once. All
    methods raise HostError or a subclass.
    """

    def __init__(
        self,
        send: Callable[[bytes], bytes | str],
        *,
        to: str = "http://windows-host:5985/wsman",
        operation_timeout: float = 60,
        max_elements: int = MAX_ELEMENTS,
        close: Callable[[], None] | None = None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.to = to
        self.operation_timeout = operation_timeout
        self.max_elements = max_elements
        self._send = send
        self._close = close
        self._sleep = sleep or time.sleep
        self._clock = clock or time.monotonic
        self._without_wql: set[str] = set()
        self._shell: Shell | None = None
        self.octet_shape: Callable[[list[int]], Any] | None = None  # that this host takes, once one is known
        self.answered = False  # whether the host has ever answered, so that address and credentials are right
        self.until: float | None = None  # the time of the clock after which no request is sent
        # Called with the path of a row that the host cannot send; without it, such a row is an error.
        self.on_unreadable: Callable[[str], None] | None = None

    def tolerant(self, on_unreadable: Callable[[str], None]) -> Client:
        """The same client, whose queries return the keys alone of a row that is larger than the host can send."""
        client = copy.copy(self)
        client.on_unreadable = on_unreadable
        return client

    def recorded(self, record: Callable[[bytes, bytes | str], None]) -> Client:
        """The same client, which passes each request and its answer to `record`."""
        client = copy.copy(self)

        def send(request: bytes) -> bytes | str:
            answer = self._send(request)
            record(request, answer)
            return answer

        client._send = send
        return client

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; the next request opens a new one."""
        if self._close is not None:
            self._close()

    # ---- reading ----

    def identify(self) -> dict[str, str]:
        """ProtocolVersion, ProductVendor and ProductVersion, such as "OS: 10.0.20348 SP: 0.0 Stack: 3.0"."""
        return self._repeat(lambda: envelope.parse_identify(self._exchange(envelope.build_identify())))

    def get(self, cls: CimClass, keys: Mapping[str, Any]) -> Instance:
        """One instance, by all of its key properties. Raises NotFound."""
        body = self.call(envelope.ACTION_GET, cls.uri, selectors=keys, repeatable=True)
        instance = envelope.parse_first(body, cls)
        if instance is None:
            raise BadAnswer(f"The host answered Get {cls.name} with an empty body.", endpoint=self.to)
        return instance

    def enumerate(self, cls: CimClass, mode: str | None = None) -> list[Instance]:
        """All instances of the class and of its subclasses, without a filter.

        Mode EnumerateEPR returns {"__REFERENCE": Reference}, EnumerateObjectAndEPR adds that key to the instances.
        """
        return [envelope.parse_item(item, cls) for item in self._enumerate_class(cls, mode)]

    def query(
        self,
        cls: CimClass,
        columns: Sequence[str] | None = None,
        where: Where = None,
        limit: int | None = None,
    ) -> list[Instance]:
        """SELECT from the class. The rows hold the given columns only.

        `where` is WQL, or a mapping of equalities, which also works on a host that refuses WQL in the namespace.
        """
        row_type = cls if columns is None else _projected(cls, columns)
        if cls.namespace in self._without_wql:
            if isinstance(where, str):
                raise HostError(f"The host takes no WQL for {cls.namespace}; asked was: {where}", endpoint=self.to)
            return self._query_by_enumeration(cls, row_type, where or {}, None)[:limit]
        condition = where if isinstance(where, str) else _condition(cls, where or {})
        text = _select(cls, columns, condition)
        try:
            return self._wql(cls.namespace, text, row_type, limit, self.max_elements)
        except EncodingLimit:
            if not cls.keys:
                return self._wql(cls.namespace, text, row_type, limit, 1)
            return self._query_by_keys(cls, row_type, condition, limit)
        except FilterRefused as refusal:
            if refusal.wmi_status is not None:
                raise
            if isinstance(where, str):
                self._require_class(cls)
                raise
            rows = self._query_by_enumeration(cls, row_type, where or {}, refusal)
            self._without_wql.add(cls.namespace)
            return rows[:limit]

    def wql(self, namespace: str, text: str, cls: Types = None, limit: int | None = None) -> list[Instance]:
        """The instances that a WQL query returns, typed by one class or by a mapping of class names to classes."""
        return _divided(lambda size: self._wql(namespace, text, cls, limit, size), self.max_elements)

    def _wql(self, namespace: str, text: str, cls: Types, limit: int | None, size: int) -> list[Instance]:
        try:
            items = self._repeat(lambda: self._collect(class_uri(namespace, ANY_CLASS), text, None, limit, size))
        except NotFound as fault:
            raise self._unknown(namespace, fault) from fault
        except Fault as fault:
            fault.details["query"] = text
            name = _NAME_OF_CLASS.search(text)
            if name:  # the resource of a query names none
                fault.message = fault.message.replace(f" {ANY_CLASS}:", f" {name[1]}:", 1)
                fault.details["class"] = name[1]
            raise
        return [envelope.parse_item(item, cls) for item in items[:limit]]

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
        """The instances associated with an instance. `result_class` defaults to the name of `cls`."""
        return self._related("ASSOCIATORS", reference, cls, result_class, role, assoc_class, result_role)

    def references(
        self,
        reference: Reference,
        cls: Types = None,
        *,
        result_class: str | None = None,
        role: str | None = None,
    ) -> list[Instance]:
        """The associations that refer to an instance. `result_class` defaults to the name of `cls`."""
        return self._related("REFERENCES", reference, cls, result_class, role)

    # ---- writing ----

    def invoke(
        self,
        cls: CimClass,
        method: str,
        keys: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        returns: Mapping[str, Any] | None = None,
        *,
        reads: bool = False,
        answer_size: int = envelope.MAX_ENVELOPE_SIZE,
    ) -> dict[str, Any]:
        """Call a method, of the class itself if `keys` is empty. Sent once, unless the method only `reads`.

        `answer_size` is the largest answer to ask for, in octets; a host may have a limit of its own. An argument None
        is sent as null, a list as repeated elements, bytes as base64, a Reference as an EPR, and a mapping with
        `__CLASS` as an embedded object. `returns` maps output parameters to types ("ref", "string[]", CimClass,
        [CimClass], …); outputs without a type are text. `ReturnValue` is an int.
        """
        body = envelope.build_invoke(cls, method, arguments or {})
        try:
            answer = self.call(f"{cls.uri}/{method}", cls.uri, body, keys, repeatable=reads, answer_size=answer_size)
        except NotFound as fault:
            if keys:
                raise
            raise InvalidClass(fault.parts, resource=fault.resource, action=fault.action) from fault
        return envelope.parse_output(answer, method, returns or {})

    def create(self, cls: CimClass, values: Mapping[str, Any]) -> Reference:
        """WS-Transfer Create. Sent once."""
        answer = self.call(envelope.ACTION_CREATE, cls.uri, envelope.build_instance(cls, values))
        return envelope.parse_created(answer, cls)

    def put(self, cls: CimClass, keys: Mapping[str, Any], values: Mapping[str, Any]) -> Instance:
        """WS-Transfer Put. Sent once. Returns the new instance; a provider may clear properties not in `values`."""
        answer = self.call(envelope.ACTION_PUT, cls.uri, envelope.build_instance(cls, values), keys)
        return envelope.parse_first(answer, cls) or {}

    def delete(self, cls: CimClass, keys: Mapping[str, Any]) -> None:
        """WS-Transfer Delete. Sent once. Raises NotFound."""
        self.call(envelope.ACTION_DELETE, cls.uri, selectors=keys)

    # ---- programs ----

    def shell(self, environment: Mapping[str, str] | None = None) -> Shell:
        """The remote shell of this client, one for all programs of a task; `environment` counts for a new one."""
        if self._shell is None:
            self._shell = Shell(self, environment)
        return self._shell

    def close_shell(self) -> None:
        """Delete the shell, if there is one."""
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    # ---- requests ----

    def call(
        self,
        action: str,
        resource: str,
        body: str = "",
        selectors: Mapping[str, Any] | None = None,
        *,
        extra_headers: str = "",
        repeatable: bool = False,
        timeout: float | None = None,
        answer_size: int = envelope.MAX_ENVELOPE_SIZE,
    ) -> Element:
        """The s:Body of the answer to one operation. `body` and `extra_headers` are XML with the prefixes s, a, w.

        The host answers within `timeout` s if that is less than the client's own.
        """
        seconds = self.operation_timeout if timeout is None else max(1.0, min(timeout, self.operation_timeout))

        def send() -> Element:
            message_id = envelope.new_message_id()
            request = envelope.build_request(
                action,
                resource,
                body,
                to=self.to,
                selectors=selectors,
                timeout=seconds,
                extra_headers=extra_headers,
                message_id=message_id,
                answer_size=answer_size,
            )
            return self._exchange(request, message_id, resource, action)

        try:
            return self._repeat(send) if repeatable else send()
        except WSManError as error:
            error.writes = not (repeatable or action.startswith(envelope.ENUMERATION))
            raise

    def _exchange(self, request: bytes, message_id: str = "", resource: str = "", action: str = "") -> Element:
        if self.until is not None and self._clock() >= self.until:
            raise OperationTimeout("The host did not answer all requests within the time for them.", endpoint=self.to)
        try:
            answer = self._send(request)
            body = envelope.parse_response(answer, message_id=message_id, resource=resource, action=action)
        except HostError as error:
            error.details.setdefault("endpoint", self.to)
            raise
        self.answered = True
        return body

    def _repeat(self, read: Callable[[], Result]) -> Result:
        """The result of a read, which is repeated after a pause if there was no good answer, or the host is busy."""
        for pause in RETRY_PAUSES:
            try:
                return read()
            except (QuotaExceeded, HostBusy, BadAnswer):
                pass
            except ConnectionFailed as error:
                if not error.sent:  # refused connection, unknown host, invalid certificate: waiting does not help
                    raise
            self._sleep(pause)
        return read()

    def _enumerate_class(self, cls: CimClass, mode: str | None = None) -> list[Element]:
        def read(size: int) -> list[Element]:
            return self._repeat(lambda: self._collect(cls.uri, None, mode, None, size))

        try:
            return _divided(read, self.max_elements)
        except NotFound as fault:
            raise self._unknown(cls.namespace, fault) from fault

    def _require_class(self, cls: CimClass) -> None:
        """Raise InvalidClass or InvalidNamespace if that is why a query was refused; the fault has no code for it."""
        try:
            self._probe(cls.uri)
        except NotFound as fault:
            raise self._unknown(cls.namespace, fault) from fault

    def _unknown(self, namespace: str, fault: NotFound) -> InvalidClass:
        """InvalidNamespace if the host lacks the namespace, else InvalidClass: a fault NotFound stands for both.

        Every namespace has the system class __NAMESPACE (WMI documentation). If a host does not return it in
        root/cimv2 either, its absence says nothing.
        """
        kind: type[InvalidClass] = InvalidClass
        with contextlib.suppress(HostError):
            if not self._exists(class_uri(namespace, "__NAMESPACE")) and self._exists(ANY_NAMESPACE):
                kind = InvalidNamespace
        unknown = kind(fault.parts, resource=fault.resource, action=fault.action)
        unknown.details["endpoint"] = self.to
        return unknown

    def _exists(self, resource: str) -> bool:
        try:
            self._probe(resource)
        except NotFound:
            return False
        return True

    def _probe(self, resource: str) -> None:
        self._repeat(lambda: self._collect(resource, None, None, 0, 1))

    def _collect(
        self, resource: str, query: str | None, mode: str | None, limit: int | None, size: int
    ) -> list[Element]:
        """Enumerate and Pull to the end, or to `limit`, in pages of this size. What did not end is released."""
        size = size if limit is None else max(1, min(limit, size))
        page = envelope.parse_page(
            self.call(envelope.ACTION_ENUMERATE, resource, envelope.build_enumerate(query, mode, size))
        )
        items, context, empty, started = page.items, page.context, 0, self._clock()
        try:
            while context is not None and (limit is None or len(items) < limit):
                page = envelope.parse_page(
                    self.call(envelope.ACTION_PULL, resource, envelope.build_pull(context, size))
                )
                items.extend(page.items)
                context = page.context  # each answer brings a new one; the old is void
                empty = 0 if page.items else empty + 1
                if empty > EMPTY_PAGES:
                    raise BadAnswer("The host keeps answering Pull with empty pages.", endpoint=self.to)
                if self._clock() - started > ENUMERATION_TIMEOUT:
                    raise OperationTimeout(
                        f"The host did not come to the end of an enumeration within {ENUMERATION_TIMEOUT:g} s.",
                        endpoint=self.to,
                    )
        except (ConnectionFailed, ContextExpired):
            context = None
            raise
        finally:
            if context is not None:
                self._release(resource, context)
        return items

    def _query_by_keys(self, cls: CimClass, row_type: CimClass, condition: str, limit: int | None) -> list[Instance]:
        """The result of a query that has a row larger than a page: a few rows at a time, and each of those alone.

        An answer to Get may be as large as the host's MaxEnvelopeSizekb, a page is smaller (PROTO-03).
        """
        types = cls._replace(properties={name: cls.properties.get(name, "string") for name in cls.keys})
        named = self.wql(cls.namespace, _select(cls, cls.keys, condition), types, limit)
        keys = [{name: row[name] for name in cls.keys} for row in named]
        rows: list[Instance] = []
        for portion in (keys[first : first + PORTION] for first in range(0, len(keys), PORTION)):
            chosen = " OR ".join(f"({_condition(types, row)})" for row in portion)
            columns = None if row_type is cls else tuple(row_type.properties)
            try:
                rows += self._wql(cls.namespace, _select(cls, columns, chosen), row_type, None, PORTION)
            except EncodingLimit:
                rows += [self._get_columns(cls, row_type, row) for row in portion]
        return rows

    def _get_columns(self, cls: CimClass, row_type: CimClass, keys: Mapping[str, Any]) -> Instance:
        """One row of a query; if the host cannot send it and `on_unreadable` is set, nothing but its keys."""
        try:
            row = self.get(cls, keys)
        except EncodingLimit as limit:
            name = cls.reference(keys).relative_path()
            if self.on_unreadable is None:
                limit.message = f"{limit.message.rstrip('.')}: {name}"
                raise
            self.on_unreadable(name)
            row = {**{column: [] if kind.endswith("[]") else None for column, kind in cls.properties.items()}, **keys}
        return row if row_type is cls else {name: row[name] for name in row_type.properties}

    def _release(self, resource: str, context: str) -> None:
        """End an enumeration, which would count against the user's quota for another minute."""
        with contextlib.suppress(HostError):
            self.call(envelope.ACTION_RELEASE, resource, envelope.build_release(context))

    def _related(
        self,
        kind: str,
        reference: Reference,
        cls: Types,
        result_class: str | None,
        role: str | None,
        assoc_class: str | None = None,
        result_role: str | None = None,
    ) -> list[Instance]:
        if result_class is None and isinstance(cls, CimClass):
            result_class = cls.name
        conditions = {
            "AssocClass": assoc_class,
            "ResultClass": result_class,
            "Role": role,
            "ResultRole": result_role,
        }
        text = f"{kind} OF {{{reference.relative_path()}}}"
        chosen = " ".join(f"{name} = {value}" for name, value in conditions.items() if value)
        return self.wql(reference.namespace, f"{text} WHERE {chosen}" if chosen else text, cls)

    def _query_by_enumeration(
        self,
        cls: CimClass,
        row_type: CimClass,
        where: Mapping[str, Any],
        refusal: FilterRefused | None,
    ) -> list[Instance]:
        """The result of a query with equalities, computed here. Raises `refusal` if the query deserved it."""
        rows: list[Instance] = []
        scalars = {name for name in (*row_type.properties, *where) if not cls.properties[name].endswith("[]")}
        for item in self._enumerate_class(cls):
            values = envelope.parse_properties(item, cls.properties, fill=False)
            if row_type is not cls and not scalars <= values.keys():
                # A null scalar is sent as nil. If there is no element, this host's class lacks the column.
                raise refusal or HostError(
                    f"{cls.name} lacks {', '.join(sorted(scalars - values.keys()))} on this host.", endpoint=self.to
                )
            if all(_equal(values.get(name), value) for name, value in where.items()):
                row = envelope.parse_item(item, cls)
                rows.append(row if row_type is cls else {name: row[name] for name in row_type.properties})
        return rows


def connect(options: ConnectionOptions) -> Client:
    """A client that connects with its first request. Raises HostError if the options contradict each other."""
    transport = Alternatives(options) if options.alternatives else HttpTransport(options)
    return Client(
        transport.send,
        to=transport.name,
        operation_timeout=options.operation_timeout,
        close=transport.close,
    )


def _projected(cls: CimClass, columns: Sequence[str]) -> CimClass:
    unknown = [name for name in columns if name not in cls.properties]
    if unknown:
        raise HostError(f"{cls.name} has no property {', '.join(unknown)}.", **{"class": cls.name})
    return cls._replace(properties={name: cls.properties[name] for name in columns})


def _divided(read: Callable[[int], list[Result]], size: int) -> list[Result]:
    """The result of a reader of pages; item by item if the host cannot divide its pages as it must."""
    try:
        return read(size)
    except EncodingLimit:
        return read(1)


def _select(cls: CimClass, columns: Sequence[str] | None, condition: str) -> str:
    text = f"SELECT {', '.join(columns) if columns else '*'} FROM {cls.name}"
    return f"{text} WHERE {condition}" if condition else text


def _condition(cls: CimClass, where: Mapping[str, str | bool | int | None]) -> str:
    unknown = [name for name in where if name not in cls.properties]
    if unknown:
        raise HostError(f"{cls.name} has no property {', '.join(unknown)}.", **{"class": cls.name})
    return " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = {literal(value)}" for name, value in where.items()
    )


def _equal(value: Any, other: Any) -> bool:
    """Equality as in WQL, which compares text without case."""
    if isinstance(value, str) and isinstance(other, str):
        return value.lower() == other.lower()
    return value == other
