# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments about WS-Management. All but a few only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from .._hyperv.schema import (
    COMPUTER_SYSTEM,
    MEMORY,
    NET_NAT,
    RESOURCE,
    SECURITY,
    SECURITY_SERVICE,
    SUMMARY,
    V2,
    VM_SERVICE,
    VM_SETTINGS,
)
from .._windows.schema import CIMV2, OPERATING_SYSTEM
from .._wsman import envelope
from .._wsman.cim import CimClass, class_uri, embedded, like_prefix
from .bench import (
    NOBODY,
    OFF,
    Bench,
    NotSettled,
    below,
    call,
    fault,
    first_page,
    local,
    machine,
    modify_system,
    part,
    rows,
)
from .experiment import Experiment

Seen = Mapping[str, Any]
_NOPE = class_uri(V2, "Nope")
_NOWHERE = class_uri("root/nope", "Nope")
_TEMPLATES = f"SELECT * FROM {RESOURCE.name} WHERE InstanceID LIKE {like_prefix('Microsoft:Definition')}"
_ALL_TEMPLATES = f"SELECT * FROM CIM_SettingData WHERE InstanceID LIKE {like_prefix('Microsoft:Definition')}"
_PLAIN = f'<n:Enumerate xmlns:n="{envelope.ENUMERATION}">{{}}</n:Enumerate>'


def _unknown_names(bench: Bench) -> Seen:
    def query(namespace: str) -> str:
        return fault(lambda: first_page(bench, class_uri(namespace, "*"), "SELECT * FROM Nope"))

    return {
        "class in a URI": fault(lambda: first_page(bench, _NOPE)),
        "Get": fault(lambda: call(bench, "Get", _NOPE, selectors={"Name": "x"})),
        "namespace in a URI": fault(lambda: first_page(bench, _NOWHERE)),
        "class in a query": query(V2),
        "namespace of a query": query("root/nope"),
    }


def _namespace_selector(bench: Bench) -> Seen:
    body, selectors = envelope.build_enumerate(None, None, 10), {"__cimnamespace": CIMV2}
    return {"fault": fault(lambda: call(bench, "Enumerate", class_uri(V2, "*"), body, selectors))}


def _page_size(bench: Bench) -> Seen:
    sizes: list[int] = []

    def count(_request: bytes, answer: bytes | str) -> None:
        sizes.append(len(answer if isinstance(answer, str) else answer.decode()))

    bench.host.client.recorded(count).wql(V2, _ALL_TEMPLATES)
    full = sizes[1:-1]
    if not full:
        raise NotSettled(f"the templates of the host need {len(sizes)} answers, none of which is a full page")
    return {"characters": "about 76,800" if 65_000 < max(full) <= 76_800 else max(full)}


def _optimized(bench: Bench) -> Seen:
    one = f"SELECT * FROM {COMPUTER_SYSTEM.name} WHERE Name = '{machine(bench).id}'"
    none = f"SELECT * FROM {COMPUTER_SYSTEM.name} WHERE Name = '{NOBODY}'"

    def first(query: str) -> str:
        page = envelope.parse_page(first_page(bench, class_uri(V2, "*"), query))
        return f"{len(page.items)} of the rows, {'all' if page.context is None else 'more'}"

    return {"no row": first(none), "one row": first(one), "many rows": first(_TEMPLATES)}


def _empty(bench: Bench) -> Seen:
    query = f"SELECT * FROM {COMPUTER_SYSTEM.name} WHERE Name = '{NOBODY}'"
    optimized = next(iter(first_page(bench, class_uri(V2, "*"), query)))
    wql = f'<w:Filter Dialect="{envelope.WQL}">{envelope.text(query)}</w:Filter>'
    plain = next(iter(call(bench, "Enumerate", class_uri(V2, "*"), _PLAIN.format(wql))))
    context = next((found.text or "" for found in below(plain, "EnumerationContext")), "")
    pulled = next(iter(call(bench, "Pull", class_uri(V2, "*"), envelope.build_pull(context, 10)))) if context else ()
    return {
        name: [local(child) for child in answer]
        for name, answer in zip(_EMPTY, (optimized, plain, pulled), strict=True)
    }


_EMPTY = {
    "optimized": ["EnumerationContext", "Items", "EndOfSequence"],
    "plain": ["EnumerationContext"],
    "pulled": ["Items", "EndOfSequence"],
}


def _modes(bench: Bench) -> Seen:
    def items(mode: str) -> list[str]:
        query = f"SELECT * FROM {OPERATING_SYSTEM.name}"
        page = envelope.parse_page(first_page(bench, class_uri(CIMV2, "*"), query, mode))
        return [local(page.items[0]), *(local(child) for child in page.items[0])][:3] if page.items else []

    return {"EnumerateEPR": items("EnumerateEPR")[:1], "EnumerateObjectAndEPR": items("EnumerateObjectAndEPR")}


def _projected_reference(bench: Bench) -> Seen:
    settings = machine(bench).settings_reference.relative_path()
    found = rows(bench, f"REFERENCES OF {{{settings}}} WHERE ResultClass = Msvm_SettingsDefineState")
    if not found:
        raise NotSettled("the settings of the VM have no Msvm_SettingsDefineState")
    query = "SELECT SettingData FROM Msvm_SettingsDefineState"
    parts = below(first_page(bench, class_uri(V2, "*"), query), "ResourceURI")
    return {"namespace of ResourceURI": parts[0].tag.partition("}")[0][1:] if parts else "none"}


def _summary(bench: Bench) -> Seen:
    arguments = {"SettingData": [machine(bench).settings_reference], "RequestedInformation": [0, 1]}
    (found,) = below(_answer(bench, VM_SERVICE, "GetSummaryInformation", arguments), "SummaryInformation")
    kind = next((value for name, value in found.attrib.items() if name.endswith("}type")), "")
    return {"type": kind.partition(":")[2], "namespace": next(iter(found)).tag.partition("}")[0][1:]}


def _key_protector(bench: Bench) -> Seen:
    row = part(bench, machine(bench), SECURITY)
    arguments = {"SecuritySettingData": embedded(SECURITY, {"InstanceID": row["InstanceID"]})}
    answer = _answer(bench, SECURITY_SERVICE, "GetKeyProtector", arguments)
    return {"elements": [element.text for element in below(answer, "KeyProtector")]}


def _null_outputs(bench: Bench) -> Seen:
    text = embedded(MEMORY, {"InstanceID": f"Microsoft:{NOBODY}\\{NOBODY}", "Weight": 5000})
    answer = _answer(bench, VM_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]})
    job = below(answer, "Job")
    return {
        "scalar": "nil" if job and any(name.endswith("}nil") for name in job[0].attrib) else "absent",
        "array": "sent" if below(answer, "ResultingResourceSettings") else "absent",
    }


def _answer(bench: Bench, cls: CimClass, method: str, arguments: Mapping[str, Any]) -> Element:
    """The body of the answer to a method of a service."""
    body, keys = envelope.build_invoke(cls, method, arguments), {"CreationClassName": cls.name}
    return bench.host.client.call(f"{cls.uri}/{method}", cls.uri, body, keys)


def _failed_calls(bench: Bench) -> Seen:
    client, keys = bench.host.client, {"CreationClassName": VM_SERVICE.name}
    return {
        "unknown method": fault(lambda: client.invoke(VM_SERVICE, "Nope", keys)),
        "without selectors": fault(
            lambda: client.invoke(VM_SERVICE, "GetSummaryInformation", None, {"SettingData": []})
        ),
    }


def _mi_provider(bench: Bench) -> Seen:
    return {"fault": fault(lambda: bench.host.client.get(NET_NAT, {"InstanceID": f"{NOBODY};0"}))}


def _parameters(bench: Bench) -> Seen:
    vm = machine(bench)

    def ask(arguments: Mapping[str, Any]) -> str:
        return fault(lambda: bench.host.client.invoke(COMPUTER_SYSTEM, "RequestStateChange", vm.keys, arguments))

    return {
        "unknown parameter": ask({"Nope": "1", "RequestedState": 3}),
        "given twice": ask({"RequestedState": [3, 3]}),
        "out of range": ask({"RequestedState": 99999}),
        "wrong type": ask({"RequestedState": "off"}),
    }


def _selectors(bench: Bench) -> Seen:
    vm, client = machine(bench), bench.host.client

    def get(cls: CimClass, keys: Mapping[str, str]) -> str:
        return fault(lambda: client.get(cls, keys))

    return {
        "no selector": get(COMPUTER_SYSTEM, {}),
        "half of the keys": get(COMPUTER_SYSTEM, {"Name": vm.id}),
        "not a key": get(COMPUTER_SYSTEM, {**vm.keys, "ElementName": "x"}),
        "a singleton without selectors": get(OPERATING_SYSTEM, {}),
    }


def _white_space(bench: Bench) -> Seen:
    vm = machine(bench)
    notes = "one\r\ntwo\tthree"
    modify_system(bench, vm, {"Notes": [notes]})
    answers: list[str] = []
    client = bench.host.client.recorded(lambda _request, answer: answers.append(str(answer)))
    row = client.get(VM_SETTINGS, vm.settings_reference.keys)
    return {
        "read": row["Notes"][0],
        "carriage return on the wire": "one&#13;" in answers[-1] or "one&#xD;" in answers[-1],
    }


def _wql_edges(bench: Bench) -> Seen:
    vm = machine(bench)
    prefix = like_prefix(f"Microsoft:{vm.id}")

    def count(condition: str) -> int:
        return len(
            rows(bench, f"SELECT InstanceID FROM {VM_SETTINGS.name} WHERE InstanceID LIKE {prefix} AND {condition}")
        )

    def refused(text: str) -> str:
        return fault(lambda: rows(bench, text))

    templates = "SELECT InstanceID FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE '%{}Default'"
    return {
        "a lone backslash": len(rows(bench, templates.format("\\"))) == len(rows(bench, templates.format("\\\\"))),
        "<> with NULL": count("Parent <> 'x'"),
        "NOT = with NULL": count("NOT Parent = 'x'"),
        "an array in WHERE": refused(f"SELECT InstanceID FROM {VM_SETTINGS.name} WHERE Notes = 'x'"),
        "unknown in SELECT": refused(f"SELECT Nope FROM {VM_SETTINGS.name}"),
    }


_MISSING, _FILTER = "DestinationUnreachable 0x80338000", "CannotProcessFilter 0x8033801a"
_INVALID = "SchemaValidationError 0x80338041"
EXPERIMENTS = (
    Experiment(
        "PROTO-01",
        "ask for an unknown class and an unknown namespace",
        {
            "class in a URI": _MISSING,
            "Get": _MISSING,
            "namespace in a URI": _MISSING,
            "class in a query": _FILTER,
            "namespace of a query": _FILTER,
        },
        _unknown_names,
    ),
    Experiment(
        "PROTO-02",
        "enumerate with another namespace as selector",
        {"fault": "InternalError 0x54f"},
        _namespace_selector,
    ),
    Experiment(
        "PROTO-03",
        "read the templates of resources, and measure a full page",
        {"characters": "about 76,800"},
        _page_size,
    ),
    Experiment(
        "PROTO-04",
        "count the rows of first answers",
        {
            "no row": "0 of the rows, all",
            "one row": "1 of the rows, all",
            "many rows": "1 of the rows, more",
        },
        _optimized,
        OFF,
    ),
    Experiment("PROTO-05", "read nothing, with and without w:OptimizeEnumeration", _EMPTY, _empty),
    Experiment(
        "PROTO-06",
        "enumerate references, and objects with references",
        {
            "EnumerateEPR": ["EndpointReference"],
            "EnumerateObjectAndEPR": ["Item", "Win32_OperatingSystem", "EndpointReference"],
        },
        _modes,
    ),
    Experiment(
        "PROTO-07", "select a reference alone", {"namespace of ResourceURI": envelope.WSMAN}, _projected_reference, OFF
    ),
    Experiment(
        "PROTO-08",
        "ask for the summary of a VM",
        {
            "type": f"{SUMMARY.name}_Type",
            "namespace": SUMMARY.uri,
        },
        _summary,
        OFF,
    ),
    Experiment(
        "PROTO-09",
        "read the key protector of a VM without one",
        {"elements": ["0", "0", "0", "0"]},
        _key_protector,
        OFF,
    ),
    Experiment(
        "PROTO-10", "change a resource that does not exist", {"scalar": "nil", "array": "absent"}, _null_outputs
    ),
    Experiment(
        "PROTO-11",
        "call an unknown method, and one without selectors",
        {"unknown method": "InternalError 0x8004102e", "without selectors": "InternalError 0x8004102f"},
        _failed_calls,
    ),
    Experiment(
        "PROTO-12", "get a NAT that does not exist", {"fault": "DestinationUnreachable 0x80041002"}, _mi_provider
    ),
    Experiment(
        "PROTO-13",
        "request a state with invalid parameters",
        {
            "unknown parameter": _INVALID,
            "given twice": _INVALID,
            "out of range": _INVALID,
            "wrong type": _INVALID,
        },
        _parameters,
        OFF,
    ),
    Experiment(
        "PROTO-14",
        "get objects with too few and with wrong selectors",
        {
            "no selector": "DestinationUnreachable 0x803380fa",
            "half of the keys": _MISSING,
            "not a key": "InvalidSelectors 0x8033805b",
            "a singleton without selectors": "none",
        },
        _selectors,
        OFF,
    ),
    Experiment(
        "PROTO-19",
        "write notes with a line break and a tab, and read them",
        {
            "read": "one\r\ntwo\tthree",
            "carriage return on the wire": True,
        },
        _white_space,
        OFF,
    ),
    Experiment(
        "PROTO-20",
        "query with a lone backslash, with NULL and with an array",
        {
            "a lone backslash": True,
            "<> with NULL": 0,
            "NOT = with NULL": 1,
            "an array in WHERE": _FILTER,
            "unknown in SELECT": _FILTER,
        },
        _wql_edges,
        OFF,
    ),
)
