"""Optional features and services of Windows (root/cimv2), as Software keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.schema import CIMV2
from ...cim.values import Instance
from ...machine.service import Service
from .. import software
from .processes import service_process

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

# Win32_OptionalFeature.InstallState docs. Until the restart it says what is active (WIN-01).
INSTALLED, NOT_INSTALLED, NO_PAYLOAD = 1, 2, 3
# Win32_Service.StartService, StopService and ChangeStartMode docs.
CODES = {0: 0, software.NOT_STARTED: 6, software.ALREADY_RUNNING: 10, software.SERVICE_DISABLED: 14}
INVALID_PARAMETER = 21
START_MODES = {"automatic": software.AUTO, "manual": software.MANUAL, "disabled": software.DISABLED_SERVICE}
# Services whose display names data/strings.yml has in every language.
TRANSLATED = ("vmms", "vmcompute")


class SoftwareProvider(Service):
    CLASSES = ("Win32_Service",)

    def install(self, machine: Machine) -> None:
        machine.repository.provide("Win32_OptionalFeature", lambda: _features(machine), CIMV2)
        machine.repository.provide("Win32_Service", lambda: _services(machine), CIMV2)

    def start_service(self, call: Call) -> int:
        return CODES[call.machine.software.start_service(call.row["Name"])]

    def stop_service(self, call: Call) -> int:
        return CODES[call.machine.software.stop_service(call.row["Name"])]

    def change_start_mode(self, call: Call) -> int:
        service = call.machine.software.find_service(call.row["Name"])
        mode = START_MODES.get(str(call["StartMode"]).lower())
        if service is None or mode is None:
            return INVALID_PARAMETER
        service.start = mode
        return 0


def _features(machine: Machine) -> Iterator[Instance]:
    for feature in machine.software.features.values():
        values = {"Name": feature.name, "Caption": feature.display, "InstallState": _install_state(feature)}
        yield machine.repository.new("Win32_OptionalFeature", values, CIMV2)


def _install_state(feature: software.Feature) -> int:
    if feature.state == software.ABSENT:
        return NO_PAYLOAD
    return INSTALLED if feature.active else NOT_INSTALLED


def _services(machine: Machine) -> Iterator[Instance]:
    for service in machine.software.services.values():
        yield machine.repository.new("Win32_Service", _values(machine, service), CIMV2)


def _values(machine: Machine, service: software.Service) -> dict[str, Any]:
    name, running = service.name, service.state == software.RUNNING
    display = machine.text(f"service_{name.lower()}") if name in TRANSLATED else service.display
    return {
        "Name": name,
        "Caption": display,
        "DisplayName": display,
        "Description": display,
        "CreationClassName": "Win32_Service",
        "SystemCreationClassName": "Win32_ComputerSystem",
        "SystemName": machine.name,
        "PathName": service.path,
        "ServiceType": "Share Process" if "svchost" in service.path else "Own Process",
        "StartMode": service.start,
        "StartName": service.account,
        "State": service.state,
        "Started": service.state != software.STOPPED,
        "Status": "OK",
        "ProcessId": service_process(name) if service.state != software.STOPPED else 0,
        "AcceptStop": running,
        "ErrorControl": "Normal",
        "ExitCode": 1077 if service.state == software.STOPPED else 0,
    }
