# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the code three tasks run through: files, functions, and moves from one file to another.

python -m tests.benchmarks.profile (make profile) runs each task in this process, through the connection plugin and the
action plugin, against a simulated host, and prints a table. Counted are the calls and returns that sys.setprofile
reports for functions of plugins/; what else runs in between is left out, as are comprehensions, generator expressions
and lambdas, which belong to the function that they stand in. A move is a call or return whose file differs from that of
the call or return before it, so calls of the same file in a row are one move there and one back. A run in check mode
goes before, so that no import is counted.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
NAMELESS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "<lambda>")

VMS = 20
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "switches": [{"name": "Lab", "type": "internal"}],
            "folders": [r"C:\VMs"],
            "files": [{"path": r"C:\ISO\setup.iso", "size": "5GB"}],
            "vms": [
                {
                    "name": "lab{n:02}",
                    "count": VMS,
                    "state": "running",
                    "memory": "4GB",
                    "adapters": [{"name": "Network Adapter", "switch": "Lab", "addresses": ["192.0.2.21"]}],
                }
            ],
        }
    ]
}
# A VM with something in every section. The memory of a running VM is changed in one power cycle.
VM = {
    "name": "new01",
    "path": r"C:\VMs",
    "processor": {"count": 4},
    "memory": {"startup": "8GB", "dynamic": False},
    "network_adapters": [{"name": "Management", "switch": "Lab"}, {"name": "Storage", "switch": "Lab"}],
    "disks": [
        {"path": r"C:\VMs\new01\os.vhdx", "size": "40GB"},
        {"path": r"C:\VMs\new01\data.vhdx", "size": "100GB"},
    ],
    "dvd_drives": [{"path": r"C:\ISO\setup.iso"}],
    "firmware": {"secure_boot_template": "uefi_ca", "boot_order": ["disk:0:0", "network:Management"]},
    "integration_services": {"time_synchronization": False},
    "nesting": {"state": "enabled", "mac_spoofing": True},
}
MEMORY = {"startup": "4GB", "dynamic": True, "minimum": "1GB", "maximum": "8GB"}
FLOWS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "vm_info of all VMs": ("vm_info", {}),
    "vm_memory change": ("vm_memory", {"name": "lab01", **MEMORY, "allow_power_cycle": True, "force_off": True}),
    "vm create": ("vm", VM),
}


class Event(NamedTuple):
    """The call of a function, or the return from it."""

    file: str
    function: str
    line: int


class Row(NamedTuple):
    flow: str
    files: int
    functions: int
    moves: int


@cache
def locate(code: CodeType, folder: Path) -> Event | None:
    """The event of a function with this code, if it is a named function below a folder."""
    path = Path(code.co_filename).resolve()
    if code.co_name in NAMELESS or not path.is_relative_to(folder):
        return None
    return Event(str(path.relative_to(folder)), code.co_name, code.co_firstlineno)


def trace(action: Callable[[], Any], folder: Path = PLUGINS) -> list[Event]:
    """The calls and returns of functions below a folder, in order, while an action runs in this thread."""
    events: list[Event] = []

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event in ("call", "return") and (found := locate(frame.f_code, folder)):
            events.append(found)

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return events


def count(flow: str, events: list[Event]) -> Row:
    moves = sum(before.file != after.file for before, after in pairwise(events))
    return Row(flow, len({event.file for event in events}), len(set(events)), moves)


def measure() -> list[Row]:
    """One row per flow, each against a new host."""
    harness = "ansible_collections.nested.hyperv.tests.harness"
    lab_module, task = (importlib.import_module(f"{harness}.{name}") for name in ("lab", "task"))
    rows = []
    for flow, (module, args) in FLOWS.items():
        with lab_module.open_lab(MODEL) as lab:
            results = [lab.run(module, check=True, **args)]
            task.close_clients()
            events = trace(lambda: results.append(lab.run(module, **args)))  # noqa: B023
        if failed := [result["msg"] for result in results if result.get("failed")]:
            sys.exit(f"{flow}: {failed[0]}")
        rows.append(count(flow, events))
    return rows


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="nested-hyperv-profile-") as folder:
        os.environ |= {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
            "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
            "ANSIBLE_HOME": folder,
            "NO_PROXY": "127.0.0.1,::1,localhost",
        }
        # Only now: Ansible reads the environment when it is imported.
        importlib.import_module("ansible.plugins.loader").init_plugin_loader()
        rows = measure()
    print(f"{'flow':20} {'files':>7} {'functions':>11} {'moves':>7}")
    for row in rows:
        print(f"{row.flow:20} {row.files:>7,} {row.functions:>11,} {row.moves:>7,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
