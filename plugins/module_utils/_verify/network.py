# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments about virtual switches and network adapters, on throw-away private switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._hyperv.schema import (
    CONNECTION,
    LEGACY_ADAPTER,
    NET_ADDRESS,
    PORT_BANDWIDTH,
    PORT_SECURITY,
    PORT_VLAN,
    SWITCH_SERVICE,
    SWITCH_SETTINGS,
    SYNTHETIC_ADAPTER,
    VM_SERVICE,
)
from .._windows.schema import OPERATING_SYSTEM
from .._wsman.cim import Reference, declare, embedded, like_prefix
from .bench import (
    OFF,
    RUNNING,
    Attempt,
    Bench,
    NotSettled,
    adapter,
    add,
    add_feature,
    attempt,
    connection,
    done,
    local,
    machine,
    modify,
    part,
    parts,
    power,
    rows,
    security,
    switch,
)
from .experiment import Experiment

Seen = Mapping[str, Any]
_PORT = declare("root/virtualization/v2", "Msvm_EthernetSwitchPort", "", string="SystemName Name DeviceID")
_CLOCK = 600  # seconds that a new switch's time may be away from the time of Windows


def _modify_switch(bench: Bench, which: Reference, **values: Any) -> Attempt:
    instance = embedded(SWITCH_SETTINGS, {"InstanceID": f"Microsoft:{which.keys['Name']}", **values})
    return attempt(bench, SWITCH_SERVICE, "ModifySystemSettings", {"SystemSettings": instance})


def _destroy(bench: Bench, which: Reference) -> Attempt:
    return attempt(bench, SWITCH_SERVICE, "DestroySystem", {"AffectedSystem": which})


def _jobs_of_switches(bench: Bench) -> Seen:
    short = switch(bench, "short")
    seen = {"create": bench.made["short answered"], "change": str(_modify_switch(bench, short, Notes=["x"]))}
    return {**seen, "remove": str(_destroy(bench, short))}


def _fixed(bench: Bench) -> Seen:
    which = switch(bench)
    columns = ("InstanceID", "BandwidthReservationMode")
    where = {"InstanceID": f"Microsoft:{which.keys['Name']}"}
    (row,) = bench.host.client.query(SWITCH_SETTINGS, columns=columns, where=where)
    return {
        "bandwidth mode": row["BandwidthReservationMode"],
        "IOVPreferred": str(_modify_switch(bench, which, IOVPreferred=True)),
        "BandwidthReservationMode": str(_modify_switch(bench, which, BandwidthReservationMode=3)),
        "TeamingEnabled": str(_modify_switch(bench, which, TeamingEnabled=True)),
    }


def _switch_in_use(bench: Bench) -> Seen:
    vm = machine(bench)
    used = switch(bench, "used")
    port = connection(bench, vm, "used", used)
    answer = _destroy(bench, used)
    row = bench.host.client.get(CONNECTION, port.keys)
    return {
        "answer": str(answer),
        "EnabledState": row["EnabledState"],
        "HostResource": len(row["HostResource"]),
        "LastKnownSwitchName": row["LastKnownSwitchName"] == f"{bench.prefix}used",
    }


def _ports(bench: Bench) -> Seen:
    vm, which = machine(bench), switch(bench)
    connection(bench, vm)

    def count() -> int:
        return len(bench.host.client.query(_PORT, where={"SystemName": which.keys["Name"]}))

    power(bench, vm, OFF)
    off = count()
    power(bench, vm, RUNNING)
    return {"off": off, "running": "some" if count() else "none"}


def _change_vlan(bench: Bench) -> Seen:
    vm = machine(bench)
    added = add_feature(bench, connection(bench, vm), PORT_VLAN, OperationMode=1, AccessVlanId=5)
    done(added, "add VLAN settings")
    row = part(bench, vm, PORT_VLAN)
    text = embedded(PORT_VLAN, {"InstanceID": row["InstanceID"], "OperationMode": 1, "AccessVlanId": 6})
    (windows,) = bench.host.client.query(OPERATING_SYSTEM, columns=("Name", "BuildNumber"))
    if int(windows["BuildNumber"]) < 15063:
        raise NotSettled("this experiment expects a build from 15063 on; the refusal of older ones is read by hand")
    return {"answer": str(attempt(bench, VM_SERVICE, "ModifyFeatureSettings", {"FeatureSettings": [text]}))}


def _inconsistent(bench: Bench) -> Seen:
    vm = machine(bench)
    port = connection(bench, vm, "second")
    return {
        "VLAN 5000": str(add_feature(bench, port, PORT_VLAN, OperationMode=1, AccessVlanId=5000)),
        "trunk without list": str(add_feature(bench, port, PORT_VLAN, OperationMode=2, NativeVlanId=1)),
        "reservation in mode 0": str(add_feature(bench, port, PORT_BANDWIDTH, Reservation=100_000_000)),
    }


def _key_of_address(bench: Bench) -> Seen:
    found = bench.host.client.query(NET_ADDRESS, columns=("Name",), where={"IPAddress": "127.0.0.1"})
    if not found:
        raise NotSettled("the host has no address 127.0.0.1")
    decoded = "".join(chr(ord(character) - 10) for character in found[0]["Name"]).split("++")
    return {"address": decoded[0], "parts": len(decoded)}


def _dynamic_address(bench: Bench) -> Seen:
    vm = machine(bench)
    adapter(bench, vm)

    def address() -> str:
        mine = adapter(bench, vm).lower()
        found = parts(bench, vm, SYNTHETIC_ADAPTER, ("InstanceID", "Address"))
        return next(row["Address"] for row in found if row["InstanceID"].lower() == mine)

    power(bench, vm, OFF)
    before = address()
    power(bench, vm, RUNNING)
    running = address()
    power(bench, vm, OFF)
    return {
        "before the first start": "an address" if before.strip("0") else "none",
        "running": "an address" if running.strip("0") else "none",
        "afterwards": "the same" if address() == running else "another one",
    }


def _long_name(bench: Bench) -> Seen:
    mine = adapter(bench, machine(bench))

    def rename(length: int) -> str:
        name = bench.prefix.ljust(length, "x")
        return str(modify(bench, SYNTHETIC_ADAPTER, mine, {"ElementName": name}))

    seen = {"255 characters": rename(255), "256 characters": rename(256)}
    modify(bench, SYNTHETIC_ADAPTER, mine, {"ElementName": f"{bench.prefix}adapter"})
    return seen


def _creation_time(bench: Bench) -> Seen:
    which = switch(bench)
    where = {"InstanceID": f"Microsoft:{which.keys['Name']}"}
    (row,) = bench.host.client.query(SWITCH_SETTINGS, columns=("InstanceID", "CreationTime"), where=where)
    (windows,) = bench.host.client.query(OPERATING_SYSTEM, columns=("Name", "LocalDateTime"))
    if row["CreationTime"] is None:
        return {"recent": None}
    return {"recent": abs((windows["LocalDateTime"] - row["CreationTime"]).total_seconds()) < _CLOCK}


def _legacy(bench: Bench) -> Seen:
    vm = machine(bench, 1)
    values = {"ElementName": f"{bench.prefix}legacy", "ResourceType": 10}
    values["ResourceSubType"] = "Microsoft:Hyper-V:Emulated Ethernet Port"
    answer = add(bench, vm, embedded(LEGACY_ADAPTER, values))
    return {"answer": str(answer), "adapters": len(parts(bench, vm, LEGACY_ADAPTER))}


def _several_adapters(bench: Bench) -> Seen:
    vm = machine(bench, 1)
    values = {"ResourceType": 10, "ResourceSubType": "Microsoft:Hyper-V:Synthetic Ethernet Port"}
    names = (f"{bench.prefix}{number}" for number in range(3))
    texts = [embedded(SYNTHETIC_ADAPTER, {"ElementName": name, **values}) for name in names]
    spoilt = texts[2].replace('TYPE="uint16"', 'TYPE="string"')
    refused = add(bench, vm, *texts[:2], spoilt)
    left = len(parts(bench, vm, SYNTHETIC_ADAPTER))
    added = add(bench, vm, *texts)
    return {
        "refused": str(refused) not in ("0", "4096, done"),
        "left of a refusal": left,
        "added": len(parts(bench, vm, SYNTHETIC_ADAPTER)) if added.code in (0, 4096) else 0,
    }


def _features_by_class(bench: Bench) -> Seen:
    vm = machine(bench)
    security(bench, vm)
    prefix = like_prefix(connection(bench, vm).keys["InstanceID"])
    query = f"SELECT * FROM Msvm_EthernetSwitchPortFeatureSettingData WHERE InstanceID LIKE {prefix}"
    found = {local(row) for row in rows(bench, query)}
    return {"missing classes": sorted({PORT_SECURITY.name} - found)}


EXPERIMENTS = (
    Experiment(
        "NET-01",
        "create, change and remove a private switch",
        {"create": "0", "change": "0", "remove": "4096, done"},
        _jobs_of_switches,
    ),
    Experiment(
        "NET-03",
        "write fixed properties of a switch",
        {
            "bandwidth mode": 0,
            "IOVPreferred": "32773",
            "BandwidthReservationMode": "32773",
            "TeamingEnabled": "32773",
        },
        _fixed,
    ),
    Experiment(
        "NET-04",
        "remove a switch that a VM uses",
        {
            "answer": "4096, done",
            "EnabledState": 3,
            "HostResource": 0,
            "LastKnownSwitchName": True,
        },
        _switch_in_use,
        OFF,
    ),
    Experiment("NET-06", "count the ports of a switch", {"off": 0, "running": "some"}, _ports, RUNNING),
    Experiment("NET-08", "change VLAN settings", {"answer": "0"}, _change_vlan, OFF),
    Experiment(
        "NET-09",
        "add inconsistent features",
        {
            "VLAN 5000": "32773",
            "trunk without list": "32773",
            "reservation in mode 0": "32773",
        },
        _inconsistent,
        OFF,
    ),
    Experiment(
        "NET-10", "read the key of the address 127.0.0.1", {"address": "127.0.0.1", "parts": 4}, _key_of_address
    ),
    Experiment(
        "NET-13",
        "start a VM with a dynamic MAC address",
        {"before the first start": "none", "running": "an address", "afterwards": "the same"},
        _dynamic_address,
        OFF,
    ),
    Experiment(
        "NET-16",
        "give a network adapter long names",
        {"255 characters": "0", "256 characters": "32773"},
        _long_name,
        OFF,
    ),
    Experiment("NET-17", "read the creation time of a new switch", {"recent": True}, _creation_time),
    Experiment("NET-18", "add a legacy adapter", {"answer": "0", "adapters": 1}, _legacy),
    Experiment(
        "VM-28",
        "add several adapters at once",
        {"refused": True, "left of a refusal": 0, "added": 3},
        _several_adapters,
    ),
    Experiment("VM-29", "read port features by their common class", {"missing classes": []}, _features_by_class, OFF),
)
