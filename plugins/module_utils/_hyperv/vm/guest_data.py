# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key-value pairs that a host keeps for a guest (Data Exchange), or for itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..._task.errors import Invalid, MethodFailed
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from .. import jobs
from ..schema import KVP_ITEM, KVP_SETTINGS, VM_SERVICE
from .find import OFF, VM

FOR_GUEST, HOST_ONLY = 0, 4  # Msvm_KvpExchangeDataItem.Source
LISTS: Mapping[int, str] = {FOR_GUEST: "HostExchangeItems", HOST_ONLY: "HostOnlyItems"}
_DEVICE = "2A34B1C2-FD73-4043-8A5B-DD2159BC743F"
_MOST_ITEMS = 128  # of a call (AddKvpItems docs)
# Characters of UTF-16 on the host, octets of UTF-8 in Linux, without the terminator (uapi hyperv.h), and what Azure's
# hosts read of a value (cloud-init).
_LONGEST = {"name": (254, 511), "value": (1022, 2047)}
_INVALID_PARAMETER = 32773
# Names of secrets: by any part, by a word (camelCase has words, too), and a key, unless it is known to be public.
_SECRET_PART = re.compile(r"pass(word|wd|phrase|code|key)|secret(?!ar)|token(?!i[sz])|credential", re.IGNORECASE)
_SECRET_WORD = re.compile(
    r"[a-z]*pwd|pw|psk|[a-z]*(?<!by)(?<!com)(?<!over)(?<!under)(?<!tres)(?<!sur)pass"
    r"|[a-z]*(api|ssh|private|access|auth|shared|master)keys?"
)
_BEGIN_OF_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PUBLIC = ("public", "authorized", "primary", "foreign", "registry")

OPTIONS: dict[str, Any] = {
    "data": {"type": "dict"},
    "remove": {"type": "list", "elements": "str"},
    "host_only": {"type": "bool", "default": False},
}


def settings_id(vm_id: str) -> str:
    """InstanceID of the settings that contain the pairs of a VM."""
    return f"Microsoft:{vm_id}\\{_DEVICE}"


# ---- options ----


def parse(params: Mapping[str, Any]) -> dict[str, str | None]:
    """The wanted value of each name; None for a name to remove. Raises Invalid."""
    given = [("data", str(name), value) for name, value in (params["data"] or {}).items()]
    given += [("remove", name, None) for name in params["remove"] or ()]
    seen: set[str] = set()
    for option, name, _value in given:
        _check(name, "name", option)
        if name.lower() in seen:
            raise Invalid(f"'{name}' is named twice; names are compared without case", option=option)
        seen.add(name.lower())
    return {name: _text(name, value) if option == "data" else None for option, name, value in given}


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        kind = "a list or dictionary" if isinstance(value, (list, dict)) else f"{value!r}"
        raise Invalid(f"the value of '{name}' is {kind}; write it as text, such as with to_json", option="data")
    _check(str(value), "value", "data", name)
    return str(value)


def _check(text: str, kind: str, option: str, name: str = "") -> None:
    units, octets = _LONGEST[kind]
    of = f" of '{name}'" if name else ""
    if kind == "name" and not text.strip():
        raise Invalid("a name is empty", option=option)
    if "\0" in text:
        raise Invalid(f"the {kind}{of} contains a null character, which ends it in the guest", option=option)
    if len(text.encode("utf-16-le")) > 2 * units or len(text.encode()) > octets:
        raise Invalid(
            f"the {kind}{of} is too long: at most {units} characters and {octets} octets of UTF-8 reach a guest. "
            "Split it into several pairs",
            option=option,
        )


def secrets_among(names: Iterable[str]) -> list[str]:
    """The names that look like those of secrets."""
    return [name for name in names if _is_secret(name)]


def _is_secret(name: str) -> bool:
    words = re.findall(r"[a-z]+", _BEGIN_OF_WORD.sub("_", name).lower())
    is_key = words[-1:] in (["key"], ["keys"]) and words[-2:-1] not in [[word] for word in _PUBLIC]
    return bool(_SECRET_PART.search(name)) or any(map(_SECRET_WORD.fullmatch, words)) or is_key


# ---- reading ----


def pairs_of(texts: Iterable[str]) -> dict[str, str]:
    """Pairs by name, from the embedded instances of a host."""
    items = (cim.from_embedded(text, KVP_ITEM) for text in texts)
    return {item["Name"]: item["Data"] or "" for item in items if item["Name"]}


def fetch(host: Target, vm: VM) -> Mapping[str, Any]:
    """The row of settings that contains the pairs of a VM. Raises NotFound."""
    return host.client.get(KVP_SETTINGS, {"InstanceID": settings_id(vm.id)})


def after(current: Mapping[str, str], wanted: Mapping[str, str | None]) -> dict[str, str]:
    """All pairs as they are once the wanted ones are written, by the names that the host has."""
    changed = {name.lower(): value for name, value in wanted.items()}
    kept = {name: changed.get(name.lower(), value) for name, value in current.items()}
    known = {name.lower() for name in current}
    new = {name: value for name, value in wanted.items() if name.lower() not in known}
    return {name: value for name, value in {**kept, **new}.items() if value is not None}


# ---- planning ----


def plan(host: Target, vm: VM, current: Mapping[str, str], wanted: Mapping[str, str | None], source: int) -> list[Step]:
    """The steps that add, change and remove pairs, at most 128 in a call, which the host carries out all or none."""
    known = {name.lower(): (name, value) for name, value in current.items()}
    add, modify, remove = {}, {}, []
    for name, value in wanted.items():
        before = known.get(name.lower())
        if value is None and before:
            remove.append(before[0])
        elif value is not None and before is None:
            add[name] = value
        elif value is not None and before and before[1] != value:
            modify[before[0]] = value
    return [
        *(_step(host, vm, "AddKvpItems", "add", current, part, source) for part in _parts(add)),
        *(_step(host, vm, "ModifyKvpItems", "change", current, part, source) for part in _parts(modify)),
        *(_step(host, vm, "RemoveKvpItems", "remove", current, part, source) for part in _parts(dict.fromkeys(remove))),
    ]


def _parts(pairs: Mapping[str, str | None]) -> Iterator[dict[str, str | None]]:
    names = list(pairs)
    for begin in range(0, len(names), _MOST_ITEMS):
        yield {name: pairs[name] for name in names[begin : begin + _MOST_ITEMS]}


def _step(
    host: Target,
    vm: VM,
    method: str,
    verb: str,
    current: Mapping[str, str],
    pairs: Mapping[str, str | None],
    source: int,
) -> Step:
    what = f"{verb} {_listed(list(pairs))} for {vm}"

    def apply() -> None:
        items = [{"Name": name, "Data": value or "", "Source": source} for name, value in pairs.items()]
        arguments = {"TargetSystem": vm.reference, "DataItems": [cim.embedded(KVP_ITEM, item) for item in items]}
        try:
            jobs.call(host, VM_SERVICE, method, arguments, what=what, look=lambda: _look(host, vm, pairs, source))
        except MethodFailed as error:
            codes = error.details.get("return_value"), error.details.get("error_code")
            if vm.state == OFF and _INVALID_PARAMETER in codes:
                said = f"The host may not show the pairs of a VM that is off; start {vm}, and run the task again"
                error.message = f"{error.message.rstrip('.')}. {said}"
            raise

    before = {name: current.get(name) for name in pairs}
    return Step(what, {"data": before}, {"data": dict(pairs)}, apply)


def _look(host: Target, vm: VM, pairs: Mapping[str, str | None], source: int) -> dict[str, Any] | None:
    """Whether the host shows the pairs as they were written."""
    shown = {name.lower(): value for name, value in pairs_of(fetch(host, vm)[LISTS[source]]).items()}
    return {} if all(shown.get(name.lower()) == value for name, value in pairs.items()) else None


def _listed(names: Sequence[str]) -> str:
    """The first names, for a sentence."""
    rest = len(names) - 3
    return ", ".join(map(repr, names[:3])) + (f" and {rest} more pairs" if rest > 0 else "")
