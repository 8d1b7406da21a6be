"""What a task costs, side by side on one simulated host: this collection, a PowerShell task doing the same, a no-op.

python -m tests.benchmarks (make bench) prints a table and writes tests/output/bench.json. The PowerShell of
ansible.windows.win_powershell is sent as to a real host, but not run: the host answers at once with the result that
the script would have. So its seconds are those of the control node and the wire alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import yaml

from .. import simulator
from ..simulator import programs
from . import powershell

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output" / "bench.json"
ROUNDS = 3
FEW, MANY = 2, 22  # tasks of the two playbooks whose difference, by the number of tasks, is the cost of one
OURS, POWERSHELL, NOOP = "nested.hyperv", "win_powershell", "noop"
AWAY_SECONDS = 0.02  # time that a request takes to a host that isn't next door


@dataclass(frozen=True)
class Row:
    """Medians; of a task where the case is one. Bytes are those of HTTP bodies; processes are started on the host."""

    case: str
    subject: str
    vms: int
    hosts: int
    rtt_ms: float
    requests: float
    bytes_up: float
    bytes_down: float
    processes: float
    wall_s: float
    cpu_s: float


MEASURED = ("requests", "bytes_up", "bytes_down", "processes", "wall_s", "cpu_s")

# A case, and the task of each subject; a list of tasks is gone through again and again.
NESTING = {"name": "lab01", "state": "enabled"}
TASKS: Mapping[str, Mapping[str, list[dict[str, Any]]]] = {
    "no change: vm_nesting": {
        OURS: [{"nested.hyperv.vm_nesting": NESTING}],
        POWERSHELL: [{"ansible.windows.win_powershell": {"script": powershell.NESTING}}],
        NOOP: [{"ansible.builtin.debug": {"msg": "no change"}}],
    },
    "change: vm_memory": {
        OURS: [{"nested.hyperv.vm_memory": {"name": "lab01", "priority": priority}} for priority in (10, 20)],
        POWERSHELL: [
            {"ansible.windows.win_powershell": {"script": powershell.MEMORY.replace("PRIORITY", str(priority))}}
            for priority in (10, 20)
        ],
    },
    "facts: vm_info of one VM": {
        OURS: [{"nested.hyperv.vm_info": {"name": ["lab01"]}}],
        POWERSHELL: [{"ansible.windows.win_powershell": {"script": powershell.INFO.replace("NAMES", "'lab01'")}}],
    },
}
CLONES = 50
TRAINING = {
    "create_training_lab_count": CLONES,
    "create_training_lab_parent": r"C:\Images\base.vhdx",
    "create_training_lab_path": r"C:\Training",
    "create_training_lab_switch": "Lab",
    "create_training_lab_nesting": True,
}
# Host and VMs, without what guests tell; each VM has two adapters.
INVENTORY = {
    OURS: [
        {"nested.hyperv.host_info": {}},
        {"nested.hyperv.vm_info": {"include": ["settings", "nesting", "processor", "memory", "network_adapters"]}},
    ],
    POWERSHELL: [
        {"ansible.windows.win_powershell": {"script": script}} for script in (powershell.HOST, powershell.INVENTORY)
    ],
}


def model(vms: int) -> dict[str, Any]:
    """A host with this many VMs, of which lab01 is one that nests."""
    memory = {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"}
    adapters = [
        {"name": "Network Adapter", "switch": "Lab", "addresses": ["192.0.2.21"]},
        {"name": "Storage", "switch": "Lab"},
    ]
    common = {"memory": memory, "adapters": adapters}
    return {
        "hosts": [
            {
                "name": "hv01",
                "memory": "8TB",
                "switches": [{"name": "Lab", "type": "internal"}],
                "folders": [TRAINING["create_training_lab_path"]],
                "files": [{"path": TRAINING["create_training_lab_parent"], "size": "127GB", "used": "20GB"}],
                "vms": [
                    {"name": "lab01", "nested": True, **common},
                    {"name": "vm{n:04}", "count": vms - 1, "state": "running", **common},
                ],
            }
        ]
    }


class Bench:
    """A running host, and ansible-playbook against it."""

    def __init__(self, sim: simulator.Simulation, vms: int, folder: Path) -> None:
        self.sim, self.vms, self.folder = sim, vms, folder
        address = sim.endpoints["hv01"]
        url = urlsplit(address.http)
        host = {
            "ansible_host": url.hostname,
            "ansible_port": url.port,
            "ansible_connection": "winrm",
            "ansible_winrm_scheme": "http",
            "ansible_winrm_transport": "ntlm",
            "ansible_user": address.user,
            "ansible_password": address.password,
        }
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"hv01": host}}}))

    def run(self, tasks: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """What one run of ansible-playbook costs."""
        play = {"hosts": "all", "gather_facts": False, "tasks": [dict(task) for task in tasks]}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        return self.play("play.yml")

    def play(self, playbook: str, *options: str) -> dict[str, float]:
        """The same for a playbook, by its file or name."""
        self.sim.log.clear()
        used, begun = _cpu(), time.perf_counter()
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "inventory.yml", playbook, *options],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        wall, cpu = time.perf_counter() - begun, _cpu() - used
        if done.returncode:
            sys.exit(f"ansible-playbook failed:\n{done.stdout}\n{done.stderr}")
        entries = list(self.sim.log)
        return {
            "requests": sum(not entry.authentication for entry in entries),
            "bytes_up": sum(entry.bytes_in for entry in entries),
            "bytes_down": sum(entry.bytes_out for entry in entries),
            "processes": sum(entry.action == "Command" for entry in entries),
            "wall_s": wall,
            "cpu_s": cpu,
        }

    def task(
        self, case: str, subject: str, tasks: Sequence[Mapping[str, Any]], few: int, many: int, of: int = 1
    ) -> Row:
        """One task of these, or ``of`` that belong together: many of them in a run less a few, divided."""
        found: list[dict[str, float]] = []
        for _turn in range(ROUNDS):
            small, large = (self.run(tasks[n % len(tasks)] for n in range(count)) for count in (few, many))
            found.append({name: (large[name] - small[name]) * of / (many - few) for name in MEASURED})
        values = {name: round(median(one[name] for one in found), 4) for name in MEASURED}
        return Row(case, subject, self.vms, 1, 0.0, **values)

    def training_lab(self) -> Iterator[Row]:
        """Two runs of a playbook as a whole: one that makes all VMs, and one that changes nothing."""
        variables = {"create_training_lab_hosts": "all", **TRAINING}
        for case in ("training_lab", "no change: training_lab"):
            values = self.play("nested.hyperv.create_training_lab", "-e", json.dumps(variables))
            yield Row(case, OURS, CLONES, 1, 0.0, **{name: round(values[name], 4) for name in MEASURED})


def _cpu() -> float:
    """User and system seconds of all programs that have ended: here, of ansible-playbook and its forks."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def environment(folder: Path) -> dict[str, str]:
    paths = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or f"{ROOT}/.build:{ROOT}/.build/bench"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return kept | {
        "ANSIBLE_COLLECTIONS_PATH": paths,
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "NO_PROXY": "127.0.0.1,::1,localhost",
    }


def rows(folder: Path) -> Iterator[Row]:
    for rtt in (0.0, AWAY_SECONDS):
        with simulator.start(model(10)) as sim:
            if rtt:
                sim.faults.add(simulator.Rule(do="delay", seconds=rtt, times=0))
            bench = Bench(sim, 10, folder)
            for case, subjects in TASKS.items():
                for subject, tasks in subjects.items():
                    if not (rtt and subject == NOOP):
                        yield replace(bench.task(case, subject, tasks, FEW, MANY), rtt_ms=rtt * 1000)
    for vms in (10, 100, 1000):
        with simulator.start(model(vms)) as sim:
            bench = Bench(sim, vms, folder)
            for subject, tasks in INVENTORY.items():
                yield bench.task("inventory", subject, tasks, len(tasks), 3 * len(tasks), of=len(tasks))
    with simulator.start(model(2)) as sim:
        yield from Bench(sim, 2, folder).training_lab()


def table(found: Sequence[Row]) -> Iterator[str]:
    yield (
        f"{'case':26} {'subject':15} {'VMs':>5} {'RTT ms':>6} {'requests':>8} {'KB up':>9} {'KB down':>9} "
        f"{'processes':>9} {'wall s':>8} {'CPU s':>8}"
    )
    for row in found:
        subject = f"{row.subject} *" if row.subject == POWERSHELL else row.subject
        yield (
            f"{row.case:26} {subject:17} {row.vms:>3} {row.rtt_ms:>6.0f} {row.requests:>8.1f} "
            f"{row.bytes_up / 1024:>9.1f} {row.bytes_down / 1024:>9.1f} {row.processes:>9.1f} "
            f"{row.wall_s:>8.3f} {row.cpu_s:>8.3f}"
        )
    yield ""
    yield "* Its PowerShell isn't run: the host answers at once."
    yield "Per task: requests besides authentication, KB of HTTP bodies, seconds of ansible-playbook."
    yield "inventory: host_info and vm_info, all but what guests tell, of VMs with two adapters each."
    yield f"training_lab: the playbook create_training_lab as a whole, with {CLONES} clones of one parent disk."


def verdicts(found: Sequence[Row]) -> list[tuple[str, bool]]:
    """The figures to reach, each with what was measured."""
    row = {one.subject: one for one in found if one.case == "no change: vm_nesting" and not one.rtt_ms}
    ours, theirs = row[OURS], row[POWERSHELL]
    up = ours.bytes_up / 1024
    factor = (theirs.bytes_up + theirs.bytes_down) / (ours.bytes_up + ours.bytes_down)
    cpu = ours.cpu_s / row[NOOP].cpu_s
    inventory = next(one for one in found if (one.case, one.subject, one.vms) == ("inventory", OURS, 1000))
    clones = next(one.wall_s for one in found if one.case == "training_lab")
    return [
        (f"requests of a task that changes nothing: {ours.requests:.1f} (at most 2)", ours.requests <= 2),
        (f"KB up of a task that changes nothing: {up:.1f} (at most 8)", up <= 8),
        (f"bytes of the PowerShell task: {factor:.0f} times as many (at least 30)", factor >= 30),
        (f"controller CPU: {cpu:.2f} times that of a no-op (at most 1.5)", cpu <= 1.5),
        (f"requests for 1000 VMs: {inventory.requests:.0f} (at most 200)", inventory.requests <= 200),
        (f"seconds for 1000 VMs: {inventory.wall_s:.1f} (at most 6)", inventory.wall_s <= 6),
        (f"seconds for {CLONES} clones of a training lab: {clones:.1f} (at most 60)", clones <= 60),
    ]


def main() -> int:
    programs.PROGRAMS["powershell"] = powershell.program
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nested-hyperv-bench-") as folder:
        found = []
        for row in rows(Path(folder)):
            found.append(row)
            print(f"  {row.case}, {row.subject}, {row.vms} VMs: {row.wall_s:.3f} s", file=sys.stderr, flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    print("\n".join(table(found)), end="\n\n")
    for text, reached in verdicts(found):
        print(f"{'reached' if reached else 'MISSED '}  {text}")
    print(f"\n{OUTPUT.relative_to(ROOT)} written after {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
