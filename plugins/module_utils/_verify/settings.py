# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments about Hyper-V's settings, methods and jobs, on a throw-away VM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._hyperv.host import capacity
from .._hyperv.schema import (
    COMPUTER_SYSTEM,
    HEARTBEAT,
    INTEGRATION_SERVICES,
    JOB,
    KVP,
    KVP_ITEM,
    MEMORY,
    PORT_SECURITY,
    PROCESSOR,
    SECURITY,
    SHUTDOWN,
    SUMMARY,
    SYNTHETIC_ADAPTER,
    V2,
    VM_SERVICE,
    VM_SETTINGS,
)
from .._wsman.cim import CimClass, class_uri, declare, embedded, like_prefix
from .bench import (
    NO_FILE,
    NOBODY,
    OFF,
    RUNNING,
    SAVED,
    Attempt,
    Bench,
    NotSettled,
    adapter,
    add,
    add_feature,
    attempt,
    connection,
    define,
    defined,
    done,
    fault,
    first_page,
    insert,
    local,
    machine,
    modify,
    modify_system,
    part,
    parts,
    references,
    remove,
    request,
    rows,
    security,
    with_properties,
)
from .experiment import Experiment

Seen = Mapping[str, Any]
GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_COMPONENTS = (SHUTDOWN, HEARTBEAT, KVP)
_LIMITS = ("InstanceID", "VirtualQuantity", "Limit", "Reservation", "Weight", "DynamicMemoryEnabled")


def _memory(bench: Bench, **values: Any) -> Attempt:
    vm = machine(bench)
    return modify(bench, MEMORY, part(bench, vm, MEMORY)["InstanceID"], values)


def _processor(bench: Bench, **values: Any) -> Attempt:
    return modify(bench, PROCESSOR, part(bench, machine(bench), PROCESSOR)["InstanceID"], values)


def _static(bench: Bench) -> None:
    values = {"DynamicMemoryEnabled": False, "VirtualQuantity": 256, "Reservation": 256, "Limit": 256}
    done(_memory(bench, **values), "set the memory of a VM")


def _answers_when_off(bench: Bench) -> Seen:
    vm = machine(bench)
    defining = define(bench, {"ElementName": f"{bench.prefix}short"})
    destroyed = attempt(bench, VM_SERVICE, "DestroySystem", {"AffectedSystem": defined(defining).reference})
    return {
        "DefineSystem": defining.code,
        "ModifySystemSettings": modify_system(bench, vm, {"Notes": ["x"]}).code,
        "ModifyResourceSettings": _memory(bench, Weight=5000).code,
        "DestroySystem": destroyed.code,
    }


def _answers_when_running(bench: Bench) -> Seen:
    return {"ModifyResourceSettings": _memory(bench, Weight=5000).code}


def _failed_job(bench: Bench) -> Seen:
    failed = insert(bench, machine(bench), 1, bench.path(NO_FILE))
    if failed.job is None:
        raise NotSettled(f"the host answered {failed}, without a job")
    row = bench.host.client.get(
        with_properties(JOB, OperationalStatus="uint16[]", Status="string"), {"InstanceID": failed.job["InstanceID"]}
    )
    return {"OperationalStatus": row["OperationalStatus"], "JobState": row["JobState"]}


def _unknown_property(bench: Bench) -> Seen:
    cls = with_properties(VM_SETTINGS, Nope="string")
    before = part(bench, machine(bench), VM_SETTINGS, ("InstanceID", "Notes"))["Notes"]
    answer = modify_system(bench, machine(bench), {"Nope": "x", "Notes": ["nope"]}, cls)
    after = part(bench, machine(bench), VM_SETTINGS, ("InstanceID", "Notes"))["Notes"]
    return {"answer": str(answer), "the rest is applied": before != after}


def _entities(bench: Bench) -> Seen:
    vm = machine(bench)

    def rename(name: str) -> str:
        text = embedded(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm.id}", "ElementName": "@"}).replace("@", name)
        return str(attempt(bench, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": text}))

    seen = {entity: rename(f"{bench.prefix}vm2{entity}") for entity in ("&amp;", "&lt;", "&#38;", "&#60;")}
    modify_system(bench, vm, {"ElementName": f"{bench.prefix}vm2"})
    return seen


def _types(bench: Bench) -> Seen:
    vm = machine(bench)
    instance_id = part(bench, vm, MEMORY)["InstanceID"]
    kinds = ("uint16", "uint64", "uint32")
    return {
        kind: str(modify(bench, with_properties(MEMORY, Weight=kind), instance_id, {"Weight": 5000})) for kind in kinds
    }


def _off_from_saved(bench: Bench) -> Seen:
    vm = machine(bench)
    answer = request(bench, vm, OFF)
    row = bench.host.client.get(COMPUTER_SYSTEM, vm.keys)
    return {"answer": str(answer), "state": row["EnabledState"]}


def _processor_limits(bench: Bench) -> Seen:
    count = sum(row["NumberOfLogicalProcessors"] or 0 for row in capacity.query_processors(bench.host))
    seen = {
        "more than the host": str(_processor(bench, VirtualQuantity=count + 1)),
        "none": str(_processor(bench, VirtualQuantity=0)),
        "threads per core": str(_processor(bench, HwThreadsPerCore=3)),
    }
    _processor(bench, VirtualQuantity=1, HwThreadsPerCore=0)
    return seen


def _adapter_of_running(bench: Bench) -> Seen:
    vm = machine(bench)
    mac = modify(bench, SYNTHETIC_ADAPTER, adapter(bench, vm), {"StaticMacAddress": True, "Address": "00155DFFFF01"})
    values = {"ElementName": f"{bench.prefix}hot", "ResourceType": 10}
    values["ResourceSubType"] = "Microsoft:Hyper-V:Synthetic Ethernet Port"
    added = add(bench, vm, embedded(SYNTHETIC_ADAPTER, values))
    found = parts(bench, vm, SYNTHETIC_ADAPTER, ("InstanceID", "ElementName"))
    new = [row["InstanceID"] for row in found if row["ElementName"] == values["ElementName"]]
    removed = [_ended(remove(bench, instance_id, SYNTHETIC_ADAPTER)) for instance_id in new]
    renamed = modify(bench, SYNTHETIC_ADAPTER, adapter(bench, vm), {"ElementName": f"{bench.prefix}adapter"})
    return {"address": str(mac), "add": _ended(added), "remove": removed, "rename": _ended(renamed)}


def _ended(answer: Attempt) -> str:
    """How a method ended that may take a job or not."""
    return "done" if str(answer) in ("0", "4096, done") else str(answer)


def _feature_id(bench: Bench) -> Seen:
    vm = machine(bench)
    instance_id = security(bench, vm)["InstanceID"]
    port = connection(bench, vm).keys["InstanceID"]
    begins = instance_id.lower().startswith(port.lower() + "\\")
    tail = instance_id.rpartition("\\")[2]
    return {"begins with that of the connection": begins, "ends with a GUID": bool(re.fullmatch(GUID, tail))}


def _feature_twice(bench: Bench) -> Seen:
    vm = machine(bench)
    security(bench, vm)
    return {"answer": str(add_feature(bench, connection(bench, vm), PORT_SECURITY, AllowMacSpoofing=True))}


def _templates(bench: Bench) -> Seen:
    query = f"SELECT InstanceID FROM {VM_SETTINGS.name} WHERE InstanceID LIKE {like_prefix('Microsoft:Definition')}"
    found = [next(iter(row)).text or "" for row in rows(bench, query)]
    forms = (r"Default", r"Version\\[\d.]+", rf"SecureBootTemplate\\{GUID}")
    known = re.compile(rf"Microsoft:Definition\\VirtualSystem\\(?:{'|'.join(forms)})", re.IGNORECASE)
    return {
        "default": any(text.endswith("\\Default") for text in found),
        "others": sorted(text for text in found if not known.fullmatch(text) and "\\Default\\" not in text),
    }


def _static_limit(bench: Bench) -> Seen:
    _static(bench)
    seen = {"VirtualQuantity alone": str(_memory(bench, VirtualQuantity=512))}
    _static(bench)
    done(_memory(bench, VirtualQuantity=512, Limit=512), "set the memory of a VM")
    row = part(bench, machine(bench), MEMORY, _LIMITS)
    _static(bench)
    return {**seen, "Reservation follows": row["Reservation"] == 512}


def _dynamic_and_numa(bench: Bench) -> Seen:
    vm = machine(bench)
    done(modify_system(bench, vm, {"VirtualNumaEnabled": True}), "enable virtual NUMA")
    seen = {"dynamic memory": str(_memory(bench, DynamicMemoryEnabled=True, Reservation=128, Limit=512))}
    _static(bench)
    return seen


def _refusals(bench: Bench) -> Seen:
    return {
        "no memory": str(_memory(bench, VirtualQuantity=0)),
        "buffer": str(_memory(bench, TargetMemoryBuffer=5000)),
        "weight": str(_memory(bench, Weight=20000)),
    }


def _components(bench: Bench) -> Seen:
    where = {"SystemName": machine(bench).id}
    return {cls.name: len(bench.host.client.query(cls, columns=("SystemName",), where=where)) for cls in _COMPONENTS}


def _summary_rows(bench: Bench) -> Seen:
    vm = machine(bench)
    cls = declare(V2, SUMMARY.name, "", string="Name InstanceID", uint64="MemoryUsage", sint32="MemoryAvailable")
    (row,) = bench.host.client.query(cls, where={"Name": vm.id})
    return {
        "InstanceID": row["InstanceID"].upper() == f"MICROSOFT:{vm.id}",
        "MemoryUsage": row["MemoryUsage"] is not None,
    }


def _missing_object(bench: Bench) -> Seen:
    gone = references(f"Microsoft:{NOBODY}", VM_SETTINGS)
    nobody = COMPUTER_SYSTEM.reference({"CreationClassName": COMPUTER_SYSTEM.name, "Name": NOBODY})
    text = embedded(SYNTHETIC_ADAPTER, {"ElementName": "x", "ResourceType": 10})
    arguments = {"AffectedConfiguration": gone, "ResourceSettings": [text]}
    asked = {"SettingData": [gone], "RequestedInformation": [0]}
    return {
        "GetSummaryInformation": str(attempt(bench, VM_SERVICE, "GetSummaryInformation", asked)),
        "AddResourceSettings": str(attempt(bench, VM_SERVICE, "AddResourceSettings", arguments)),
        "RemoveResourceSettings": str(remove(bench, f"Microsoft:{NOBODY}\\{NOBODY}", SYNTHETIC_ADAPTER)),
        "DestroySystem": str(attempt(bench, VM_SERVICE, "DestroySystem", {"AffectedSystem": nobody})),
    }


def _namespaces(bench: Bench) -> Seen:
    def ask(namespace: str) -> str:
        return fault(lambda: first_page(bench, class_uri(namespace, "__NAMESPACE")))

    return {"exists": ask(V2), "does not": ask("root/nosuch")}


def _all_settings(bench: Bench) -> Seen:
    vm = machine(bench)
    security(bench, vm)
    where = f"WHERE InstanceID LIKE {like_prefix(f'Microsoft:{vm.id}')}"
    found = {local(row) for row in rows(bench, f"SELECT * FROM CIM_SettingData {where}")}
    wanted = {cls.name for cls in (VM_SETTINGS, PROCESSOR, MEMORY, SYNTHETIC_ADAPTER, PORT_SECURITY)}
    return {"missing classes": sorted(wanted - found)}


def _older_version(bench: Bench) -> Seen:
    settings = embedded(VM_SETTINGS, {"Version": "5.0"})
    arguments = {"ComputerSystem": machine(bench).reference, "UpgradeSettingData": settings}
    answer = attempt(bench, VM_SERVICE, "UpgradeSystemVersion", arguments)
    return {"answer": str(answer)}


def _define_defaults(bench: Bench) -> Seen:
    vm = defined(define(bench, {"ElementName": f"{bench.prefix}plain"}))
    memory = part(bench, vm, MEMORY, _LIMITS)
    processor = part(bench, vm, PROCESSOR, ("InstanceID", "VirtualQuantity"))
    own = part(bench, vm, VM_SETTINGS, ("InstanceID", "UserSnapshotType", "VirtualNumaEnabled"))
    done(attempt(bench, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}), "remove a VM")
    return {
        "UserSnapshotType": own["UserSnapshotType"],
        "VirtualNumaEnabled": own["VirtualNumaEnabled"],
        "dynamic memory": memory["DynamicMemoryEnabled"],
        "MB": [memory["VirtualQuantity"], memory["Reservation"], memory["Limit"]],
        "processors": processor["VirtualQuantity"],
    }


def _define_with_settings(bench: Bench) -> Seen:
    values = {"ElementName": f"{bench.prefix}full", "VirtualSystemSubType": "Microsoft:Hyper-V:SubType:2"}
    values |= {"Notes": ["x"], "AutomaticStartupAction": 2, "UserSnapshotType": 4, "SecureBootEnabled": False}
    vm = defined(define(bench, values))
    names = ("Notes", "AutomaticStartupAction", "UserSnapshotType", "SecureBootEnabled")
    own = part(bench, vm, VM_SETTINGS, ("InstanceID", *names))
    done(attempt(bench, VM_SERVICE, "DestroySystem", {"AffectedSystem": vm.reference}), "remove a VM")
    return {name: own[name] for name in names}


def _security_id(bench: Bench) -> Seen:
    vm = machine(bench)
    instance_id = part(bench, vm, SECURITY)["InstanceID"]
    form = rf"Microsoft:{vm.id}\\{GUID}"
    return {"InstanceID": bool(re.fullmatch(form, instance_id, re.IGNORECASE))}


def _tpm_without_protector(bench: Bench) -> Seen:
    row = part(bench, machine(bench), SECURITY)
    text = embedded(SECURITY, {"InstanceID": row["InstanceID"], "TpmEnabled": True})
    cls = CimClass(V2, "Msvm_SecurityService")
    return {"answer": str(attempt(bench, cls, "ModifySecuritySettings", {"SecuritySettingData": text}))}


def _components_by_association(bench: Bench) -> Seen:
    vm = machine(bench)
    connection(bench, vm)
    path = vm.settings_reference.relative_path()
    query = f"ASSOCIATORS OF {{{path}}} WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent"
    found = {local(row) for row in rows(bench, query)}
    wanted = {PROCESSOR.name, MEMORY.name, SYNTHETIC_ADAPTER.name, "Msvm_EthernetPortAllocationSettingData"}
    wanted |= {cls.name for cls in INTEGRATION_SERVICES.values()}
    return {"missing classes": sorted(wanted - found)}


def _pairs(bench: Bench) -> Seen:
    vm = machine(bench)

    def send(method: str, *names: str) -> str:
        items = [embedded(KVP_ITEM, {"Name": name, "Data": "1", "Source": 0}) for name in names]
        return str(attempt(bench, VM_SERVICE, method, {"TargetSystem": vm.reference, "DataItems": items}))

    added = send("AddKvpItems", "verify")
    cls = declare(
        V2, "Msvm_KvpExchangeComponentSettingData", "InstanceID", string="InstanceID", string_array="HostExchangeItems"
    )
    shown = len(part(bench, vm, cls, ("InstanceID", "HostExchangeItems"))["HostExchangeItems"])
    seen = {"add": added, "shown while off": shown, "again in capitals": send("AddKvpItems", "VERIFY")}
    return {**seen, "remove": send("RemoveKvpItems", "verify")}


_ANSWERS = {"DefineSystem": 0, "ModifySystemSettings": 0, "ModifyResourceSettings": 0, "DestroySystem": 4096}
EXPERIMENTS = (
    Experiment("HV-01", "create, change and remove a VM that is off", _ANSWERS, _answers_when_off, OFF),
    Experiment("HV-02", "read a failed job", {"OperationalStatus": [17, 6], "JobState": 10}, _failed_job, OFF),
    Experiment(
        "HV-03", "write an unknown property", {"answer": "32773", "the rest is applied": False}, _unknown_property, OFF
    ),
    Experiment(
        "HV-04",
        "rename a VM with named and numeric entities",
        {
            "&amp;": "4096, error 32768",
            "&lt;": "32773",
            "&#38;": "0",
            "&#60;": "0",
        },
        _entities,
        OFF,
    ),
    Experiment(
        "HV-05",
        "write an integer with another width",
        {
            "uint16": "4096, error 32768",
            "uint64": "4096, error 32768",
            "uint32": "0",
        },
        _types,
        OFF,
    ),
    Experiment("HV-07", "turn off a saved VM", {"answer": "4096, done", "state": 3}, _off_from_saved, SAVED),
    Experiment(
        "HV-08",
        "write impossible counts of processors",
        {
            "more than the host": "32773",
            "none": "32773",
            "threads per core": "32773",
        },
        _processor_limits,
        OFF,
    ),
    Experiment(
        "HV-10",
        "change network adapters of a running VM",
        {
            "address": "32775",
            "add": "done",
            "remove": ["done"],
            "rename": "done",
        },
        _adapter_of_running,
        RUNNING,
    ),
    Experiment(
        "HV-11",
        "read the InstanceID of security settings of a port",
        {
            "begins with that of the connection": True,
            "ends with a GUID": True,
        },
        _feature_id,
        OFF,
    ),
    Experiment("HV-12", "add security settings to a port that has them", {"answer": "32773"}, _feature_twice, OFF),
    Experiment("HV-13", "read the InstanceIDs of templates", {"default": True, "others": []}, _templates),
    Experiment(
        "HV-15",
        "write the amount of static memory",
        {
            "VirtualQuantity alone": "32773",
            "Reservation follows": True,
        },
        _static_limit,
        OFF,
    ),
    Experiment(
        "HV-16", "enable dynamic memory beside virtual NUMA", {"dynamic memory": "32773"}, _dynamic_and_numa, OFF
    ),
    Experiment(
        "HV-17",
        "write impossible settings of memory",
        {
            "no memory": "32773",
            "buffer": "32773",
            "weight": "32773",
        },
        _refusals,
        OFF,
    ),
    Experiment(
        "HV-18",
        "read the components of a VM that is off",
        dict.fromkeys((cls.name for cls in _COMPONENTS), 0),
        _components,
        OFF,
    ),
    Experiment(
        "HV-21", "read the summary of a VM that is off", {"InstanceID": True, "MemoryUsage": False}, _summary_rows, OFF
    ),
    Experiment(
        "HV-23",
        "refer to objects that do not exist",
        dict.fromkeys(
            ("GetSummaryInformation", "AddResourceSettings", "RemoveResourceSettings", "DestroySystem"), "32773"
        ),
        _missing_object,
    ),
    Experiment(
        "HV-24", "read __NAMESPACE", {"exists": "none", "does not": "DestinationUnreachable 0x80338000"}, _namespaces
    ),
    Experiment("HV-25", "read all settings of a VM by CIM_SettingData", {"missing classes": []}, _all_settings, OFF),
    Experiment("HV-27", "upgrade a VM to an older version", {"answer": "4096, error 32770"}, _older_version, OFF),
    Experiment(
        "VM-08", "read the InstanceID of the security settings of a VM", {"InstanceID": True}, _security_id, OFF
    ),
    Experiment(
        "VM-10",
        "create a VM with a name alone",
        {
            "UserSnapshotType": 5,
            "VirtualNumaEnabled": False,
            "dynamic memory": True,
            "MB": [1024, 512, 1048576],
            "processors": 1,
        },
        _define_defaults,
    ),
    Experiment(
        "VM-17",
        "enable a virtual TPM without key protector",
        {"answer": "4096, error 32768"},
        _tpm_without_protector,
        OFF,
    ),
    Experiment(
        "VM-25",
        "create a VM with settings",
        {
            "Notes": ["x"],
            "AutomaticStartupAction": 2,
            "UserSnapshotType": 4,
            "SecureBootEnabled": False,
        },
        _define_with_settings,
    ),
    Experiment(
        "VM-26",
        "read all components of a VM by one association",
        {"missing classes": []},
        _components_by_association,
        OFF,
    ),
    Experiment(
        "VM-35",
        "add key-value pairs to a VM that is off",
        {
            "add": "4096, done",
            "shown while off": 1,
            "again in capitals": "32773",
            "remove": "4096, done",
        },
        _pairs,
        OFF,
    ),
)
