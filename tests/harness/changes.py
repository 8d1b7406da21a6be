# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task did on a simulated host: its state before and after, and the requests that write."""

from __future__ import annotations

import ntpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.nested.hyperv.tests.simulator import Machine
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.command_line import split
from ansible_collections.nested.hyperv.tests.simulator.windows.registry import Registry
from ansible_collections.nested.hyperv.tests.simulator.windows.services.host_guardian import GUARDIAN
from ansible_collections.nested.hyperv.tests.simulator.windows.services.host_guardian import NAMESPACE as HGS
from ansible_collections.nested.hyperv.tests.simulator.windows.software import NEXT_NAME
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry

# Classes of the host's networking that people set; the rest follows from them.
NETWORKS = ("MSFT_NetNat", "MSFT_NetIPAddress")
# NewByGuardians only computes a key protector, which another method then sets.
# Programs that change nothing, with the begin of their arguments, whatever else follows.
READING_PROGRAMS = {
    "certutil.exe": ("-hashfile",),
    "cmd.exe": (r"/d /e:on /v:off /c type ",),
    "curl.exe": (r"-\w*I",),
    "dism.exe": (r"/English /Online /NoRestart /Get-\w+",),
    "docker.exe": (
        r"exec \S+ cmd\.exe /S /C ver$",
        "image inspect",
        "images",
        "info",
        "inspect",
        "network inspect",
        "network ls",
        "ps",
        "version",
    ),
    "dockerd.exe": ("--validate", "--version"),
    "reg.exe": ("query",),
    "sc.exe": ("query", "qc"),
    "tar.exe": ("-t", "-cf - "),
    "whoami.exe": ("",),
    "wsl.exe": ("--version", "--status", "-l ", "--list", r"-d \S+ (-u root )?--exec /(usr/)?bin/(id|uname) "),
}
# An address is tentative for some seconds, whoever looks; Windows numbers static mappings, also one that is put back.
_PASSING = {"AddressState", "InstanceID", "StaticMappingID"}
READING_METHODS = ("Check", "Enum", "Find", "Get", "NewByGuardians", "Test", "Validate")


def state(machine: Machine) -> dict[str, dict[str, Any]]:
    """What a task could change on a host, by object path: settings, power of VMs, networks and files."""
    with machine.clock.lock:
        power = {vm.reference.path(): {"EnabledState": vm.enabled_state} for vm in machine.vms.values()}
        networks = {
            _path_of_network(row): {name: value for name, value in row.items() if name not in _PASSING}
            for cls in machine.schema.classes(STANDARD)
            if not cls.abstract and cls.name.startswith(NETWORKS)
            for row in machine.repository.rows(cls.name, STANDARD, deep=False)
        }
        files = {
            f"file:{file.path}": {
                "Size": file.disk.size if file.disk else file.bytes,
                "SizeOnDisk": file.size,
                "Content": file.content,
            }
            for file in machine.files
        }
        folders = {f"folder:{path}": {} for path in machine.files.folders()}
        features = {f"feature:{row.name}": {"State": row.state} for row in machine.software.features.values()}
        services = {
            f"service:{row.name}": {"State": row.state, "Start": row.start}
            for row in machine.software.services.values()
        }
        docker = machine.docker
        containers = {f"container:{row.name}": {"Id": row.id, "Running": row.running} for row in docker.containers}
        images = {f"image:{image.id}": {"Tags": list(image.tags)} for image in docker.images}
        groups = {f"group:{name}": {"Members": list(machine.groups.members(name))} for name in machine.groups}
        registry = machine.software.registry
        wsl = {
            f"wsl:{key}": {value.name: value.data for value in registry.values(key)}
            for sid in registry.children("HKU")
            for key in _below(registry, rf"HKU\{sid}\Software\Microsoft\Windows\CurrentVersion\Lxss")
        }
        typed = {
            f"keyboard:{vm.id}": {"Typed": sorted({key.what for key in vm.keyboard.typed})}
            for vm in machine.vms.values()
            if vm.keyboard.typed
        }
        guests = {
            f"guestfile:{vm.id}:{path}": file._asdict()
            for vm in machine.vms.values()
            for path, file in vm.guest.files.received.items()
        }
        adapters = {
            f"adapter:{row.guid}": {"Name": row.name, "Dhcp": row.dhcp, "Dns": row.dns}
            for row in machine.network.physical
        }
        names = {"computer:": {"Name": getattr(registry.read(NEXT_NAME, "ComputerName"), "data", None)}}
        tasks = {f"task:{task.path}{task.name}": {"State": task.state} for task in machine.scheduler.tasks.values()}
        guardians = {row.reference().path(): {} for row in machine.repository.rows(GUARDIAN, HGS, deep=False)}
        windows = {
            **files,
            **folders,
            **features,
            **services,
            **groups,
            **containers,
            **images,
            **wsl,
            **adapters,
            **names,
            **tasks,
        }
        return {**machine.dump(), **power, **networks, **guardians, **windows, **typed, **guests}


def _below(registry: Registry, key: str) -> list[str]:
    """A key, if it exists, and those directly below it."""
    return [key, *(rf"{key}\{name}" for name in registry.children(key))] if key in registry else []


def _path_of_network(row: Any) -> str:
    """The object path; that of a static mapping without the number that Windows gives it."""
    path = row.reference().path()
    if "StaticMappingID" not in row:
        return path
    words = (row["NatName"], row["Protocol"], row["ExternalIPAddress"], row["ExternalPort"])
    return f"{path.partition('.InstanceID')[0]}.{';'.join(map(str, words))}"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Object path → property → (before, after); a new or removed object has the property "" alone."""
    changes: dict[str, dict[str, tuple[Any, Any]]] = {}
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            changes[path] = {"": (old, new)}
        elif old != new:
            names = [*old, *(name for name in new if name not in old)]
            changes[path] = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    return changes


_CHOSEN = re.compile(
    r"datetime\.datetime\([^()]*(\([^()]*\))?[^()]*\)"  # a moment, with its time zone
    r"|[0-9A-F]{64}"  # of a container
    r"|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"
    r"|00155D[0-9A-F]{6}|00-15-5D(-[0-9A-F]{2}){3}",
    re.IGNORECASE,
)


def shape(state: Mapping[str, Any]) -> Counter[str]:
    """A state without what the host chooses: GUIDs, MAC addresses and moments."""
    return Counter(_CHOSEN.sub("…", f"{path}: {row}") for path, row in state.items())


def writes(requests: Iterable[Entry]) -> list[str]:
    """The requests that may have changed something on the host."""
    return [
        f"{entry.action} {entry.class_name} {entry.method}".strip()
        for entry in requests
        if (entry.action == "Command" and not only_reads(entry.method))
        or (entry.action in ("Create", "Put", "Delete") and not entry.resource.endswith("/shell/cmd"))
        or (entry.action == "Invoke" and not entry.method.startswith(READING_METHODS))
    ]


def only_reads(line: str) -> bool:
    """Whether a command line is one of READING_PROGRAMS."""
    program, *_rest = split(line.replace("^", ""))
    arguments = line.replace("^", "").partition(ntpath.basename(program))[2].lstrip('" ')
    known = READING_PROGRAMS.get(ntpath.basename(program).lower(), ())
    return any(re.match(start, arguments, re.IGNORECASE) for start in known)
