"""The CIM repository of one machine: stored rows, computed rows, live properties, association rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import errors
from .errors import CimError
from .schema import HYPERV, Schema
from .values import CimClass, Instance, Live, Reference

End = Instance | Reference | None
Pair = tuple  # (end, end) or (end, end, {further properties})


@dataclass(frozen=True)
class Association:
    """A rule that yields the pairs of an association class.

    `ends` are its two reference properties; `pairs()` yields all pairs, `of(row)` those of one row (set
    if a search through all pairs would be slow).
    """

    class_name: str
    ends: tuple[str, str]
    pairs: Callable[[], Iterable[Pair]]
    of: Callable[[Instance], Iterable[Pair]] | None = None
    namespace: str = HYPERV


class Repository:
    """Rows by class and key. The protocol gets copies; services change the rows themselves."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._rows: dict[CimClass, dict[tuple, Instance]] = {}
        self._live: dict[CimClass, dict[str, Live]] = {}
        self._providers: dict[CimClass, Callable[[], Iterable[Instance]]] = {}
        self._rules: dict[CimClass, list[Association]] = {}
        self._owned: dict[str, dict[int, Instance]] = {}

    # --- for services

    def cls(self, class_name: str, namespace: str = HYPERV) -> CimClass:
        cls = self.schema.find(namespace, class_name)
        if cls is None:
            raise CimError(errors.INVALID_CLASS, parameter_info=class_name)
        return cls

    def new(self, class_name: str, values: Mapping[str, Any] | None = None, namespace: str = HYPERV) -> Instance:
        """An instance with the live properties of its class that is stored nowhere (for providers)."""
        cls = self.cls(class_name, namespace)
        return Instance(cls, values, self._live.setdefault(cls, {}))

    def add(
        self, class_name: str, values: Mapping[str, Any], namespace: str = HYPERV, *, owner: str | None = None
    ) -> Instance:
        return self.store(self.new(class_name, values, namespace), owner=owner)

    def store(self, row: Instance, *, owner: str | None = None) -> Instance:
        """Store a row made by new(). `owner` is the GUID whose rows owned() lists and disown() removes."""
        rows = self._rows.setdefault(row.cls, {})
        identity = row.identity()
        if identity in rows:
            raise CimError(errors.ALREADY_EXISTS, parameter_info=row.reference().path())
        rows[identity] = row
        if owner:
            self._owned.setdefault(owner.lower(), {})[id(row)] = row
        return row

    def remove(self, row: Instance) -> None:
        stored = self._rows.get(row.cls, {}).pop(row.identity(), None)
        if stored is None:
            raise CimError(errors.NOT_FOUND, parameter_info=row.reference().path())
        for rows in self._owned.values():
            if rows.pop(id(stored), None) is not None:
                break

    def owned(self, owner: str, class_name: str | None = None) -> list[Instance]:
        """Stored rows of an owner (a VM's or a checkpoint's GUID), in the order they were added."""
        rows = self._owned.get(owner.lower(), {}).values()
        return [row for row in rows if class_name is None or row.cls.is_a(class_name)]

    def disown(self, owner: str) -> None:
        """Remove every row of an owner."""
        for row in self._owned.pop(owner.lower(), {}).values():
            self._rows[row.cls].pop(row.identity(), None)

    def live(self, class_name: str, prop: str, function: Live, namespace: str = HYPERV) -> None:
        """Compute a property at each reading; the function gets the row."""
        cls = self.cls(class_name, namespace)
        self._live.setdefault(cls, {})[cls.spelling[prop.lower()]] = function

    def provide(self, class_name: str, function: Callable[[], Iterable[Instance]], namespace: str = HYPERV) -> None:
        """Compute the rows of a class with a function at each reading; it creates them with new()."""
        self._providers[self.cls(class_name, namespace)] = function

    def associate(self, rule: Association) -> None:
        """Add a rule; a class may have several, for different kinds of ends."""
        self._rules.setdefault(self.cls(rule.class_name, rule.namespace), []).append(rule)

    def rows(self, class_name: str, namespace: str = HYPERV, *, deep: bool = True) -> Iterator[Instance]:
        """The rows themselves, not copies; derived classes too."""
        cls = self.cls(class_name, namespace)
        for derived in self.schema.family(cls) if deep else (cls,):
            yield from tuple(self._rows.get(derived, {}).values())
            if derived in self._providers:
                yield from self._providers[derived]()
            for rule in self._rules.get(derived, ()):
                for pair in rule.pairs():
                    yield self._association(rule, derived, pair)

    def row(self, class_name: str, namespace: str = HYPERV, /, **keys: Any) -> Instance | None:
        return self.find(Reference(namespace, class_name, keys))

    def find(self, reference: Reference, *, partial: bool = False) -> Instance | None:
        """The row a reference names, or None. `partial` accepts some of the keys when they name exactly one row."""
        cls = self.schema.find(reference.namespace, reference.class_name)
        if cls is None:
            return None
        given = {name.lower(): value for name, value in reference.keys.items()}
        names = [name.lower() for name in cls.keys]
        if set(given) == set(names):
            identity = tuple(_lower(given[name]) for name in names)
            for derived in self.schema.family(cls):
                stored = self._rows.get(derived, {}).get(identity)
                if stored is not None:
                    return stored
            return next((row for row in self._made(cls) if row.identity() == identity), None)
        if not partial or not set(given) <= set(names):
            return None
        hits = [
            row
            for row in self.rows(cls.name, cls.namespace)
            if all(_lower(row[name]) == _lower(value) for name, value in given.items())
        ]
        return hits[0] if len(hits) == 1 else None

    def _made(self, cls: CimClass) -> Iterator[Instance]:
        for derived in self.schema.family(cls):
            if derived in self._providers:
                yield from self._providers[derived]()
            for rule in self._rules.get(derived, ()):
                for pair in rule.pairs():
                    yield self._association(rule, derived, pair)

    # --- for the protocol

    def instances(self, cls: CimClass) -> Iterator[Instance]:
        """Copies of all instances of a class and of those that derive from it."""
        return (row.copy() for row in self.rows(cls.name, cls.namespace))

    def get(self, cls: CimClass, keys: Mapping[str, Any]) -> Instance:
        """One instance by all its keys; CimError NOT_FOUND otherwise."""
        reference = Reference(cls.namespace, cls.name, keys)
        row = self.find(reference)
        if row is None:
            raise CimError(errors.NOT_FOUND, operation="GetObject", parameter_info=reference.path())
        return row.copy()

    def references(
        self, reference: Reference, result_class: str | None = None, role: str | None = None
    ) -> list[Instance]:
        """REFERENCES OF {…}: the association instances that refer to an object."""
        return [link for link, _rest in self._links(reference, result_class, role)]

    def associators(
        self,
        reference: Reference,
        assoc_class: str | None = None,
        result_class: str | None = None,
        role: str | None = None,
        result_role: str | None = None,
    ) -> list[Instance]:
        """ASSOCIATORS OF {…}: the objects at the other ends, each once."""
        objects: dict[tuple, Instance] = {}
        for _link, others in self._links(reference, assoc_class, role):
            for name, end in others.items():
                if result_role and name.lower() != result_role.lower():
                    continue
                row = end if isinstance(end, Instance) else self.find(end)
                if row is not None and (not result_class or row.cls.is_a(result_class)):
                    objects[(row.cls.name, *row.identity())] = row.copy()
        return list(objects.values())

    def _links(
        self, reference: Reference, assoc_class: str | None, role: str | None
    ) -> Iterator[tuple[Instance, dict[str, Instance | Reference]]]:
        row = self.find(reference)
        if row is None:
            raise CimError(errors.NOT_FOUND, operation="ExecQuery", parameter_info=reference.path())
        own = row.reference()
        for cls in self.schema.classes(own.namespace):
            if assoc_class and not cls.is_a(assoc_class):
                continue
            for rule in self._rules.get(cls, ()):
                for pair in rule.of(row) if rule.of else rule.pairs():
                    others = _other_ends(own, role, dict(zip(rule.ends, pair, strict=False)))
                    if others is not None:
                        yield self._association(rule, cls, pair), others
            if cls in self._rows or cls in self._providers:
                refs = [name for name, prop in cls.properties.items() if prop.type == "ref"]
                if len(refs) > 1:
                    for link in self.rows(cls.name, cls.namespace, deep=False):
                        others = _other_ends(own, role, {name: link[name] for name in refs})
                        if others is not None:
                            yield link.copy(), others

    def _association(self, rule: Association, cls: CimClass, pair: Pair) -> Instance:
        values: dict[str, Any] = dict(pair[2]) if len(pair) > 2 else {}
        for name, end in zip(rule.ends, pair, strict=False):
            values[name] = None if end is None else _reference(end)
        return Instance(cls, values)


def _other_ends(own: Reference, role: str | None, ends: dict[str, End]) -> dict[str, Instance | Reference] | None:
    """The ends of a link apart from `own`, or None when `own` has no (such) end of it."""
    own_ends = [name for name, end in ends.items() if end is not None and _reference(end) == own]
    if not own_ends or (role and role.lower() not in (name.lower() for name in own_ends)):
        return None
    return {name: end for name, end in ends.items() if name != own_ends[0] and end is not None}


def _reference(end: Instance | Reference) -> Reference:
    return end.reference() if isinstance(end, Instance) else end


def _lower(value: Any) -> Any:
    return value.identity if isinstance(value, Reference) else str(value).lower()
