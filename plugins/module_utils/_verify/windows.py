# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments about Windows itself: its registry, rights and boot configuration, which are only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._hyperv.host import availability, boot
from .._hyperv.schema import V2
from .._windows.schema import CIMV2, REGISTRY, SERVICE
from .._wsman.cim import CimClass
from .._wsman.faults import Fault
from .bench import Bench, NotSettled, fault
from .experiment import Experiment

Seen = Mapping[str, Any]
_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_SERVICES = r"SYSTEM\CurrentControlSet\Services"
_LOCAL_MACHINE = 0x80000002
_ADMINISTRATOR, _UNSIGNED = 0x6003F, 0xFFFFFFFF


def _registry(bench: Bench) -> Seen:
    def read(method: str, key: str, value: str) -> str:
        arguments = {"hDefKey": _LOCAL_MACHINE, "sSubKeyName": key, "sValueName": value}
        try:
            code = bench.host.client.invoke(REGISTRY, method, arguments=arguments, reads=True)["ReturnValue"]
        except Fault as found:
            return f"fault {found.codes[0]:#x}"
        return f"{code & _UNSIGNED:#x}"

    return {
        "missing value": read("GetStringValue", _KEY, "Nested.Hyperv.Absent"),
        "missing key": read("GetStringValue", rf"{_KEY}\Nested.Hyperv.Absent", "x"),
        "another type": read("GetDWORDValue", _KEY, "CurrentBuildNumber"),
    }


def _caller_rights(bench: Bench) -> Seen:
    def ask(namespace: str) -> Any:
        cls = CimClass(namespace, "__SystemSecurity")
        answer = bench.host.client.invoke(cls, "GetCallerAccessRights", returns={"rights": "sint32"}, reads=True)
        return answer["rights"]

    masks = {namespace: ask(namespace) for namespace in (CIMV2, V2)}
    if any(mask != _ADMINISTRATOR for mask in masks.values()) and not _is_administrator(bench):
        raise NotSettled("the user is no administrator of the host")
    return {namespace: f"{mask:#x}" for namespace, mask in masks.items()}


def _is_administrator(bench: Bench) -> bool:
    arguments = {"hDefKey": _LOCAL_MACHINE, "sSubKeyName": _SERVICES, "uRequired": 2}
    return bench.host.client.invoke(REGISTRY, "CheckAccess", arguments=arguments, reads=True)["ReturnValue"] == 0


def _boot_configuration(bench: Bench) -> Seen:
    found = boot.fetch_boot(bench.host)
    if found is None and not _is_administrator(bench):
        raise NotSettled("the user is no administrator of the host")
    return {"readable": found is not None}


def _cluster(bench: Bench) -> Seen:
    found = availability.fetch_cluster(bench.host)
    services = bench.host.client.query(SERVICE, columns=("Name", "StartMode"), where="Name = 'ClusSvc'")
    has_service = bool(services)
    namespace = fault(
        lambda: bench.host.client.query(CimClass("root/MSCluster", "MSCluster_Cluster", ("Name",), {"Name": "string"}))
    )
    exists = "DestinationUnreachable" not in namespace and "CannotProcessFilter" not in namespace
    return {"the namespace exists exactly with the service": exists == has_service, "known": found is not None}


def _echo(bench: Bench) -> Seen:
    shell = bench.host.client.shell()
    try:
        ended = shell.run("echo", "verify", timeout=60)
        return {"echo": ended.stdout.decode("utf-8", "replace").strip()}
    except Fault as found:
        return {"echo": f"{found.codes[0]}"}
    finally:
        bench.host.client.close_shell()


EXPERIMENTS = (
    Experiment("PROTO-21", "run echo, which is no program, with WINRS_SKIP_CMD_SHELL", {"echo": "verify"}, _echo),
    Experiment(
        "WIN-06",
        "read values of the registry that do not exist, or have another type",
        {"missing value": "0x2", "missing key": "0x2", "another type": "0x80041005"},
        _registry,
    ),
    Experiment("WIN-07", "ask for the rights in namespaces", {CIMV2: "0x6003f", V2: "0x6003f"}, _caller_rights),
    Experiment("WIN-08", "read the boot configuration", {"readable": True}, _boot_configuration),
    Experiment(
        "WIN-09",
        "look for the namespace of clusters",
        {"the namespace exists exactly with the service": True, "known": True},
        _cluster,
    ),
)
