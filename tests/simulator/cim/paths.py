"""WMI object paths."""

from __future__ import annotations

import re

from .values import Reference


class PathError(ValueError):
    """The text is no WMI object path."""


_PATH = re.compile(
    r"^\s*(?:(?:\\\\|//)(?P<host>[^\\/]+)[\\/])?(?:(?P<ns>[^:\"'=]+):)?(?P<cls>\w+)(?:\.(?P<keys>.*)|=(?P<single>@))?\s*$",
    re.DOTALL,
)
_KEY = re.compile(
    r"""\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\["\\'])*)"|'((?:[^'\\]|\\["\\'])*)'|([\w+-]+))\s*(,|$)""", re.DOTALL
)


def parse_path(text: str, namespace: str = "root/virtualization/v2") -> Reference:
    r"""Parse a WMI object path; host prefix and namespace are optional, `/` and `\` alike.

    A lone backslash in a key value is refused: a real host answers 32773 to `Microsoft:GUID\GUID` in a Parent
    (captured from a Windows 11 host, 2026-10; r4sd/go-wsman).
    """
    match = _PATH.match(text or "")
    if not match:
        raise PathError(text)
    keys: dict[str, str] = {}
    rest = match["keys"] or ""
    position = 0
    while position < len(rest):
        key = _KEY.match(rest, position)
        if not key:
            raise PathError(text)
        value = next(group for group in key.groups()[1:4] if group is not None)
        keys[key[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) if key[4] is None else value
        position = key.end()
    return Reference((match["ns"] or namespace).replace("\\", "/").strip("/"), match["cls"], keys)
