"""WQL: SELECT … FROM … WHERE, ASSOCIATORS OF, REFERENCES OF (Win32 "WQL (SQL for WMI)")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from ..cim import errors
from ..cim.errors import CimError
from ..cim.values import INTEGERS, CimClass, Instance, Reference, parse_datetime

Test = Callable[[Instance], bool]


@dataclass(frozen=True, slots=True)
class Select:
    """`columns` is None for `*`; the condition is bound to a class by `predicate`."""

    class_name: str
    columns: tuple[str, ...] | None
    condition: tuple | None


@dataclass(frozen=True, slots=True)
class Column:
    """A property on the right of a comparison: `Name != __SERVER`, as libvirt's driver tells the host from its VMs."""

    name: str


@dataclass(frozen=True, slots=True)
class Related:
    """ASSOCIATORS OF or REFERENCES OF, with the conditions of its WHERE clause by lower-case name."""

    target: Reference
    associators: bool
    conditions: dict[str, str]


class _Token(NamedTuple):
    kind: str
    text: str


_TOKENS = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?))
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<path>\{(?:[^}'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*\})
      | (?P<operator><>|!=|<=|>=|[=<>(),*@])
    )""",
    re.VERBOSE | re.DOTALL,
)


_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


def _error(text: str, status: int = errors.INVALID_QUERY) -> CimError:
    return CimError(status, operation="ExecQuery", parameter_info=text)


@lru_cache(maxsize=512)
def parse(text: str, namespace: str) -> Select | Related:
    """Parse a query; CimError INVALID_QUERY for anything WMI couldn't read."""
    return _Parser(text, namespace).query()


def unquote(literal: str) -> str:
    r"""Value of a WQL string literal: `\\`, `\'` and `\"` are escapes, any other backslash is literal.

    os-win runs `LIKE '%\Default'` against Windows with a single backslash, virt-who doubles it.
    """
    return re.sub(r"""\\(["'\\])""", r"\1", literal[1:-1])


class _Parser:
    def __init__(self, text: str, namespace: str) -> None:
        self.text = text
        self.namespace = namespace
        self.tokens = list(self._scan())
        self.position = 0

    def _scan(self) -> Iterator[_Token]:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKENS.match(self.text, position)
            if not match or not match.lastgroup:
                raise _error(self.text)
            yield _Token(match.lastgroup, match[match.lastgroup])
            position = match.end()

    # --- tokens

    def peek(self) -> _Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _Token("end", "")

    def next(self) -> _Token:
        token = self.peek()
        self.position += 1
        return token

    def accept(self, *words: str) -> bool:
        if self.peek().kind in ("word", "operator") and self.peek().text.upper() in words:
            self.position += 1
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise _error(self.text)

    def word(self) -> str:
        token = self.next()
        if token.kind != "word":
            raise _error(self.text)
        return token.text

    # --- grammar

    def query(self) -> Select | Related:
        if self.accept("SELECT"):
            found: Select | Related = self.select()
        elif self.accept("ASSOCIATORS"):
            found = self.related(True)
        elif self.accept("REFERENCES"):
            found = self.related(False)
        else:
            raise _error(self.text)
        if self.peek().kind != "end":
            raise _error(self.text)
        return found

    def select(self) -> Select:
        columns: tuple[str, ...] | None = None
        if not self.accept("*"):
            names = [self.word()]
            while self.accept(","):
                names.append(self.word())
            columns = tuple(name.rpartition(".")[2] for name in names)
        self.expect("FROM")
        class_name = self.word()
        condition = self.disjunction() if self.accept("WHERE") else None
        return Select(class_name, columns, condition)

    def disjunction(self) -> tuple:
        left = self.conjunction()
        while self.accept("OR"):
            left = ("or", left, self.conjunction())
        return left

    def conjunction(self) -> tuple:
        left = self.negation()
        while self.accept("AND"):
            left = ("and", left, self.negation())
        return left

    def negation(self) -> tuple:
        if self.accept("NOT"):
            return ("not", self.negation())
        if self.accept("("):
            inner = self.disjunction()
            self.expect(")")
            return inner
        return self.comparison()

    def comparison(self) -> tuple:
        if self.peek().kind in ("string", "number") or self.peek().text.upper() in _CONSTANTS:
            value = self.literal()
            operator = self.operator()
            mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
            return (mirrored, self.word(), value)
        name = self.word()
        if self.accept("IS"):
            operator = "<>" if self.accept("NOT") else "="
            self.expect("NULL")
            return (operator, name, None)
        if self.accept("NOT"):
            self.expect("LIKE")
            return ("not", ("like", name, self.string()))
        if self.accept("LIKE"):
            return ("like", name, self.string())
        if self.accept("ISA"):
            return ("isa", name, self.string())
        operator = self.operator()
        if self.peek().kind == "word" and self.peek().text.upper() not in _CONSTANTS:
            return (operator, name, Column(self.word()))
        return (operator, name, self.literal())

    def operator(self) -> str:
        token = self.next()
        if token.kind != "operator" or token.text not in ("=", "<>", "!=", "<", ">", "<=", ">="):
            raise _error(self.text)
        return "<>" if token.text == "!=" else token.text

    def string(self) -> str:
        token = self.next()
        if token.kind != "string":
            raise _error(self.text)
        return unquote(token.text)

    def literal(self) -> Any:
        token = self.next()
        if token.kind == "string":
            return unquote(token.text)
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text, 0)
        if token.kind == "word" and token.text.upper() in _CONSTANTS:
            return _CONSTANTS[token.text.upper()]
        raise _error(self.text)

    def related(self, associators: bool) -> Related:
        self.expect("OF")
        token = self.next()
        if token.kind != "path":
            raise _error(self.text)
        target = object_path(token.text[1:-1], self.namespace, self.text)
        allowed = {"RESULTCLASS", "ROLE"} | ({"ASSOCCLASS", "RESULTROLE"} if associators else set())
        conditions: dict[str, str] = {}
        if self.accept("WHERE"):
            while self.peek().kind != "end":
                name = self.word().upper()
                if name not in allowed or name.lower() in conditions:
                    raise _error(self.text)
                self.expect("=")
                conditions[name.lower()] = self.word()
            if not conditions:
                raise _error(self.text)
        return Related(target, associators, conditions)


_PATH = re.compile(
    r"\s*(?:(?:\\\\|//)[^\\/]+[\\/])?(?:(?P<ns>[\w\\/]+):)?(?P<cls>\w+)(?:\.(?P<keys>.*)|\s*=\s*(?P<one>.*))\s*",
    re.DOTALL,
)
_KEY = re.compile(r"""\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w+-]+)\s*(,|$)""", re.DOTALL)


def object_path(text: str, namespace: str, query: str) -> Reference:
    """The object path between the braces of ASSOCIATORS OF; INVALID_OBJECT_PATH if it is malformed."""
    match = _PATH.fullmatch(text)
    if not match:
        raise _error(query, errors.INVALID_OBJECT_PATH)
    source = match["keys"] if match["keys"] is not None else f"={match['one']}"
    keys: dict[str, str] = {}
    if match["keys"] is None:
        keys[""] = _path_value(source[1:].strip())
    position = 0
    while match["keys"] is not None and position < len(source):
        key = _KEY.match(source, position)
        if not key:
            raise _error(query, errors.INVALID_OBJECT_PATH)
        keys[key[1]] = _path_value(key[2])
        position = key.end()
    return Reference((match["ns"] or namespace).replace("\\", "/").strip("/"), match["cls"], keys)


def _path_value(text: str) -> str:
    return unquote(text) if text[:1] in ("'", '"') else text


# --- conditions -----------------------------------------------------------------------------------------------------


def columns(query: Select, cls: CimClass, text: str) -> tuple[str, ...] | None:
    """The columns in the spelling of the class; INVALID_QUERY for an unknown one."""
    if query.columns is None:
        return None
    names = [cls.find_property(name) for name in query.columns if not name.startswith("__")]
    if None in names:
        raise _error(text)
    return tuple(prop.name for prop in names if prop)


def predicate(condition: tuple | None, cls: CimClass, text: str, host: str = "") -> Test | None:
    """A test over instances of the class, on the host of that name; None without a condition."""
    return None if condition is None else _compile(condition, _Scope(cls, text, host))


class _Scope(NamedTuple):
    """What the names in a condition refer to."""

    cls: CimClass
    text: str
    host: str


# Win32 "WMI System Properties", without the arrays: those of an instance, by lower-case name.
_SYSTEM: dict[str, Callable[[Instance, str], str | int]] = {
    "__class": lambda item, host: item.cls.name,
    "__dynasty": lambda item, host: item.cls.superclasses[-1] if item.cls.superclasses else item.cls.name,
    "__genus": lambda item, host: 2,
    "__namespace": lambda item, host: item.cls.namespace.replace("/", "\\"),
    "__path": lambda item, host: item.reference().path(host),
    "__property_count": lambda item, host: len(item.cls.properties),
    "__relpath": lambda item, host: item.reference().path().partition(":")[2],
    "__server": lambda item, host: host,
    "__superclass": lambda item, host: item.cls.superclasses[0] if item.cls.superclasses else "",
}
_SYSTEM_NUMBERS = ("__genus", "__property_count")


def _compile(condition: tuple, scope: _Scope) -> Test:
    match condition:
        case ("and", left, right):
            first, second = _compile(left, scope), _compile(right, scope)
            return lambda item: first(item) and second(item)
        case ("or", left, right):
            first, second = _compile(left, scope), _compile(right, scope)
            return lambda item: first(item) or second(item)
        case ("not", inner):
            test = _compile(inner, scope)
            return lambda item: not test(item)
        case ("isa", name, wanted):
            if name.lower() != "__this":
                raise _error(scope.text)
            return lambda item: item.cls.is_a(wanted)
        case ("like", name, pattern):
            read, _rest = _reader(name, scope)
            matches = like(pattern).fullmatch
            return lambda item: (value := read(item)) is not None and matches(_as_text(value)) is not None
        case (operator, name, Column(other)):
            return _two_columns(operator, _reader(name, scope)[0], _reader(other, scope)[0])
        case (operator, name, literal):
            read, type_name = _reader(name, scope)
            return _comparison(operator, read, _coerce(literal, type_name, scope.text))
    raise _error(scope.text)


def _reader(name: str, scope: _Scope) -> tuple[Callable[[Instance], Any], str]:
    if system := _SYSTEM.get(name.lower()):
        return lambda item: system(item, scope.host), "sint32" if name.lower() in _SYSTEM_NUMBERS else "string"
    prop = scope.cls.find_property(name)
    if prop is None or prop.array:
        # Array properties are not allowed in a WHERE clause (Win32 "WHERE Clause").
        raise _error(scope.text)
    spelled = prop.name
    return lambda item: item[spelled], prop.type


def _coerce(literal: Any, type_name: str, text: str) -> Any:
    """The literal as a value of the property's type; WMI accepts numbers and booleans as strings too."""
    if literal is None:
        return None
    try:
        if type_name in INTEGERS:
            return int(literal, 0) if isinstance(literal, str) else int(literal)
        if type_name == "boolean":
            if isinstance(literal, str):
                return {"true": True, "false": False, "1": True, "0": False}[literal.lower()]
            return bool(literal)
        if type_name == "datetime":
            return parse_datetime(str(literal))
    except (ValueError, KeyError) as error:
        raise _error(text) from error
    return _as_text(literal).lower()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return value.path() if isinstance(value, Reference) else str(value)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _two_columns(operator: str, left: Callable[[Instance], Any], right: Callable[[Instance], Any]) -> Test:
    """Texts without case, as with a literal; NULL on either side is false."""
    compare = _COMPARE[operator]

    def test(item: Instance) -> bool:
        first, second = left(item), right(item)
        if first is None or second is None:
            return False
        if isinstance(first, str) or isinstance(second, str):
            first, second = _as_text(first).lower(), _as_text(second).lower()
        return compare(first, second)

    return test


def _comparison(operator: str, read: Callable[[Instance], Any], literal: Any) -> Test:
    if literal is None:
        if operator == "=":
            return lambda item: read(item) is None
        return lambda item: read(item) is not None
    plain = isinstance(literal, (bool, int, float, datetime, timedelta))
    compare = _COMPARE[operator]

    def test(item: Instance) -> bool:
        value = read(item)
        if value is None:
            return False
        return compare(value if plain else _as_text(value).lower(), literal)

    return test


@lru_cache(maxsize=512)
def like(pattern: str) -> re.Pattern[str]:
    """LIKE: `%` any text, `_` one character, `[abc]` `[a-c]` `[^a]` one of a set (Win32 "LIKE Operator")."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        end = pattern.find("]", position + 2) if char == "[" else -1
        if char == "%":
            parts.append(".*")
        elif char == "_":
            parts.append(".")
        elif end > 0:
            inner = pattern[position + 1 : end]
            negated = "^" if inner.startswith("^") and len(inner) > 1 else ""
            body = inner[1:] if negated else inner
            escaped = re.sub(r"([\\\]\[^&~|])", r"\\\1", body)
            parts.append(f"[{negated}{escaped}]")
            position = end
        else:
            parts.append(re.escape(char))
        position += 1
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
