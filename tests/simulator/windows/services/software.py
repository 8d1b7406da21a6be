"""Optional features and services of Windows (root/cimv2), as Software keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
CODES = {
    0: 0,
    2: 9,
    1053: 7,
    1061: 5,
    software.NOT_STARTED: 6,
    software.ALREADY_RUNNING: 10,
    software.SERVICE_DISABLED: 14,
    software.MARKED_FOR_DELETE: 16,
    software.SERVICE_EXISTS: 23,
    87: 21,
}
INVALID = 87  # ERROR_INVALID_PARAMETER
ACCESS_DENIED, UNKNOWN_FAILURE, INVALID_PARAMETER = 2, 8, 21
START_MODES = {"automatic": software.AUTO, "manual": software.MANUAL, "disabled": software.DISABLED_SERVICE}
# Services whose display names data/strings.yml has in every language.
TRANSLATED = ("vmms", "vmcompute")


class SoftwareProvider(Service):
    CLASSES = ("Win32_Service",)

    def install(self, machine: Machine) -> None:
        machine.repository.provide("Win32_OptionalFeature", lambda: _features(machine), CIMV2)
        machine.repository.provide("Win32_Service", lambda: _services(machine), CIMV2)

    def start_service(self, call: Call) -> int:
        return _code(call, lambda: call.machine.software.start_service(call.row["Name"]))

    def stop_service(self, call: Call) -> int:
        return _code(call, lambda: call.machine.software.stop_service(call.row["Name"]))

    def delete(self, call: Call) -> int:
        return _code(call, lambda: call.machine.software.delete_service(call.row["Name"]))

    def change_start_mode(self, call: Call) -> int:
        return _code(call, lambda: _change(call))

    def change(self, call: Call) -> int:
        return _code(call, lambda: _change(call))

    def create(self, call: Call) -> int:
        """Name and PathName are needed; StartMode is Automatic, Manual or Disabled."""
        name, path, mode = call["Name"], call["PathName"], str(call["StartMode"] or "Automatic").lower()
        if not name or not path or mode not in START_MODES:
            return INVALID_PARAMETER
        start, account = START_MODES[mode], call["StartName"] or "LocalSystem"
        service = software.Service(
            name, call["DisplayName"] or name, path, start, software.STOPPED, software.STOPPED, account
        )
        return _code(call, lambda: call.machine.software.create_service(service))


def _code(call: Call, change: Callable[[], int]) -> int:
    """The return value of a method for the Windows error of what it does (WIN-11)."""
    if call.user and not call.user.administrator:
        return ACCESS_DENIED
    return CODES.get(change(), UNKNOWN_FAILURE)


def _change(call: Call) -> int:
    """Change or ChangeStartMode: what is given changes; 21 for what it can't be."""
    service = call.machine.software.find_service(call.row["Name"])
    mode = START_MODES.get(str(call["StartMode"]).lower()) if call["StartMode"] else None
    if service is None or (call["StartMode"] and mode is None):
        return INVALID
    if service.deleted:
        return software.MARKED_FOR_DELETE
    service.start = mode or service.start
    service.path = call["PathName"] or service.path
    service.display = call["DisplayName"] or service.display
    service.account = call["StartName"] or service.account
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
        "ExitCode": service.exit_code if service.state == software.STOPPED else 0,
        "ServiceSpecificExitCode": service.specific_code if service.state == software.STOPPED else 0,
    }
