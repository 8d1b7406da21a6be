# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a host answers, every error is one of the family, and none takes longer than a second.

A sample. MUTATIONS=200000 pytest tests/unit/plugins/test_mutations.py takes as many answers, over all modules.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from random import Random
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.nested.hyperv.plugins.module_utils import _run
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv import schema
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Task
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass, Reference, from_embedded
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.options import ConnectionOptions
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import waiting_advances
from ansible_collections.nested.hyperv.tests.harness.mutations import mutated

SAMPLE = 1500
COUNT = int(os.environ.get("MUTATIONS", SAMPLE))
SLOW = 1.0  # seconds of CPU time

DISK = r"C:\VMs\lab01.vhdx"
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "files": [{"path": r"C:\ISO\setup.iso", "size": "5GB"}],
            "network_adapters": [{"name": "Ethernet", "addresses": ["192.0.2.10/24"]}],
            "switches": [{"name": "Lab"}, {"name": "Inside", "type": "internal", "addresses": ["10.9.8.1/24"]}],
            "vms": [
                {
                    "name": "lab01",
                    "adapters": [{"name": "LAN", "switch": "Lab", "vlan": 7}],
                    "disks": [{"path": DISK}],
                    "dvd_drives": [{"path": r"C:\ISO\setup.iso"}],
                    "checkpoints": [{"name": "clean"}],
                },
                {"name": "web01", "state": "running", "adapters": [{"name": "LAN", "switch": "Lab"}]},
            ],
        }
    ]
}
ALL = ["settings", "nesting", "processor", "memory", "network_adapters", "guest", "disks", "checkpoints", "firmware"]
TASKS: list[tuple[str, dict[str, Any]]] = [
    ("vm_info", {}),
    ("vm_info", {"include": ALL}),
    ("vm_info", {"name": ["web01"], "include": ALL}),
    ("host_info", {}),
    ("vm", {"name": "lab01", "memory": {"startup": "3GB"}, "processor": {"count": 2}}),
    ("vm", {"name": "new01", "network_adapters": [{"name": "LAN", "switch": "Lab"}]}),
    ("vm", {"name": "new01", "state": "absent"}),
    ("vm", {"name": "web01", "state": "running"}),
    ("vm_memory", {"name": "lab01", "startup": "2GB"}),
    ("vm_processor", {"name": "lab01", "count": 4}),
    ("vm_nesting", {"name": "lab01"}),
    ("vm_checkpoint", {"vm": "lab01", "name": "more"}),
    ("vm_checkpoint", {"vm": "lab01", "name": "more", "state": "absent"}),
    ("vm_disk", {"vm": "lab01", "path": r"C:\VMs\data.vhdx", "size": "2GB"}),
    ("vm_dvd_drive", {"vm": "lab01", "path": r"C:\ISO\setup.iso"}),
    ("vm_network_adapter", {"vm": "lab01", "name": "LAN", "vlan": {"mode": "access", "id": 9}}),
    ("virtual_switch", {"name": "Lab", "notes": "x"}),
    ("virtual_switch", {"name": "Other", "type": "private"}),
    ("nat_network", {"name": "nat", "switch": "Inside", "address": "10.9.8.1/24"}),
]
OPTIONS = ConnectionOptions("http://hv01:5985/wsman", "ntlm", "user", "password")


class Wire:
    """A client of a simulated host, of whose answers the one that is `due` is mutated."""

    def __init__(self, sim: simulator.Simulation) -> None:
        self.service = sim._listeners["hv01"][0].service
        self.user = next(iter(sim.machines["hv01"].users.values()))
        self.random = Random(0)
        self.due, self.answered, self.last = -1, 0, b""
        self.client = Client(self.send, sleep=lambda _seconds: None)

    def send(self, request: bytes) -> bytes:
        answer = self.service.handle(request, self.user, "hv01").text
        self.answered += 1
        if self.answered - 1 != self.due:
            return answer.encode()
        self.last = mutated(answer, self.random)
        return self.last


@pytest.fixture
def wire() -> Iterator[Wire]:
    with simulator.start(MODEL) as sim, waiting_advances(sim.clock):
        yield Wire(sim)


def operations() -> list[Callable[[Client], Any]]:
    """Operations of the client with typed and untyped answers, over many classes."""
    classes = [cls for cls in vars(schema).values() if isinstance(cls, CimClass) and cls.keys]
    rows = [lambda client, cls=cls: client.query(cls, columns=tuple(cls.properties)) for cls in classes]
    settings = Reference(schema.V2, schema.VM_SETTINGS.name, {"InstanceID": "Microsoft:Definition"})
    return [
        *rows,
        lambda client: client.identify(),
        lambda client: client.enumerate(schema.COMPUTER_SYSTEM),
        lambda client: client.enumerate(schema.COMPUTER_SYSTEM, mode="EnumerateObjectAndEPR"),
        lambda client: client.wql(schema.V2, "SELECT * FROM Msvm_ComputerSystem"),
        lambda client: client.wql(schema.V2, "SELECT * FROM CIM_SettingData"),
        lambda client: client.references(settings),
        lambda client: [
            from_embedded(text, schema.KVP_ITEM)
            for row in client.query(schema.KVP)
            for text in row["GuestIntrinsicExchangeItems"]
        ],
        lambda client: client.invoke(
            schema.VM_SERVICE,
            "GetSummaryInformation",
            {"CreationClassName": schema.VM_SERVICE.name},
            {"RequestedInformation": [0, 1, 4, 103]},
            {"SummaryInformation": [schema.SUMMARY]},
        ),
    ]


def judge(work: Callable[[], Any], what: str, wire: Wire) -> str | None:
    """What is wrong with the way in which a piece of work ended; None if nothing is."""
    began = time.thread_time()
    try:
        work()
    except HostError:
        pass
    except Exception:
        return f"{what}: {traceback.format_exc(limit=-4)}\n{wire.last[:3000]!r}"
    spent = time.thread_time() - began
    return f"{what} took {spent:.1f} s\n{wire.last[:3000]!r}" if spent > SLOW else None


def report(troubles: list[str]) -> None:
    assert not troubles, f"{len(troubles)} of {COUNT}:\n" + "\n".join(troubles[:5])


def test_the_client(wire: Wire) -> None:
    chosen = operations()
    troubles = []
    for seed in range(COUNT):
        wire.random = random = Random(seed)
        number = random.randrange(len(chosen))
        wire.due, wire.answered = random.choice((0, 0, 1)), 0
        trouble = judge(lambda work=chosen[number]: work(wire.client), f"seed {seed}, operation {number}", wire)
        if trouble:
            troubles.append(trouble)
    report(troubles)


def params(module: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    spec = {name: value for name, value in module.SPEC.items() if name != "supports_check_mode"}
    validated = ArgumentSpecValidator(**spec).validate(dict(args))
    assert not validated.error_messages
    return validated.validated_parameters


def test_the_modules(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task in check mode and for real, with one mutated answer among those it gets."""
    monkeypatch.setattr(_run, "_clients", [(OPTIONS, wire.client)])
    tasks = [
        (
            module := import_module(f"ansible_collections.nested.hyperv.plugins.modules.{name}"),
            params(module, args),
            name,
        )
        for name, args in TASKS
    ]
    troubles = []
    for seed in range(COUNT // 10):
        wire.random = random = Random(seed)
        module, given, name = random.choice(tasks)
        wire.due, wire.answered = random.randrange(12), 0
        work = partial(_run.run_module, module.run, "hv01", OPTIONS, Task(given, random.random() < 0.5))
        trouble = judge(work, f"seed {seed}, {name}, answer {wire.due}", wire)
        if trouble:
            troubles.append(trouble)
    report(troubles)
