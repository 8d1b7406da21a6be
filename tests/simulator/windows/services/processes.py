"""Win32_Process (root/cimv2): the system, running services, and the programs that clients have started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim.schema import CIMV2
from ...machine.service import Service
from ..software import STOPPED

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine
    from ...machine.service import Call

ACCESS_DENIED, UNKNOWN_FAILURE = 2, 8  # Win32_Process.Terminate docs
ALWAYS = {
    0: "System Idle Process",
    4: "System",
    388: "smss.exe",
    512: "csrss.exe",
    620: "services.exe",
    640: "lsass.exe",
}
SERVICING = 90_000
FIRST_PROGRAM = 100_000


class Processes(Service):
    CLASSES = ("Win32_Process",)

    def install(self, machine: Machine) -> None:
        machine.repository.provide("Win32_Process", lambda: _processes(machine), CIMV2)

    def terminate(self, call: Call) -> int:
        """Programs end; Windows itself can't be ended."""
        number = int(call.row["ProcessId"]) - FIRST_PROGRAM
        if not 0 <= number < len(call.machine.processes):
            return ACCESS_DENIED
        call.machine.processes[number].kill()
        return 0


def service_process(name: str) -> int:
    """The process id of a running service; the same in every run."""
    return 1000 + sum(map(ord, name)) * 4


def _processes(machine: Machine) -> Iterator[Instance]:
    for number, name in ALWAYS.items():
        yield _process(machine, number, name, "")
    for service in machine.software.services.values():
        if service.state != STOPPED:
            path = service.path.lstrip('"').partition(".exe")[0] + ".exe"
            yield _process(machine, service_process(service.name), path.rpartition("\\")[2], service.path, path)
    if machine.software.works:
        path = r"C:\Windows\winsxs\amd64_microsoft-windows-servicingstack\TiWorker.exe"
        yield _process(machine, SERVICING, "TiWorker.exe", f"{path} -Embedding", path)
    for vm in machine.vms.values():
        if vm.pid is not None:
            path = r"C:\Windows\System32\vmwp.exe"
            yield _process(machine, vm.pid, "vmwp.exe", f"{path} {vm.id}", path)
    for number, name, line in machine.docker.processes():
        yield _process(machine, number, name, line)
    for number, process in enumerate(machine.processes):
        line = process.context.command_line
        name = line.strip('"').partition(" ")[0].rpartition("\\")[2]
        yield _process(machine, FIRST_PROGRAM + number, name, line)


def _process(machine: Machine, number: int, name: str, command_line: str, path: str | None = None) -> Instance:
    return machine.repository.new(
        "Win32_Process",
        {
            "Handle": str(number),
            "ProcessId": number,
            "Name": name,
            "Caption": name,
            "Description": name,
            "CommandLine": command_line or None,
            "ExecutablePath": path,
            "CreationClassName": "Win32_Process",
            "CreationDate": machine.booted_at,
            "CSCreationClassName": "Win32_ComputerSystem",
            "CSName": machine.name,
            "OSCreationClassName": "Win32_OperatingSystem",
            "OSName": rf"{machine.os['caption']}|C:\Windows|\Device\Harddisk0\Partition3",
            "ParentProcessId": 4 if number > 4 else 0,
            "SessionId": 0,
            "WindowsVersion": f"10.0.{machine.os['build']}",
        },
        CIMV2,
    )
