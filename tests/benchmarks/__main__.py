"""What a task costs, side by side on one simulated host: this collection, a PowerShell task doing the same, a no-op.

python -m tests.benchmarks (make bench) prints tables, and writes tests/output/bench.json and the picture of the README
(docs/bench.svg). The PowerShell of ansible.windows.win_powershell is sent as to a real host, but not run: the host
answers at once with the result that the script would have. So its seconds are those of the control node and the wire
alone, a lower bound.
"""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests.certs
import yaml

from .. import simulator
from ..harness import hci, roles, task
from ..harness.inventory import PLUGIN as INVENTORY_PLUGIN
from ..harness.inventory import connection as connection_of
from ..simulator.windows import programs
from . import powershell
from .network import Relay, relay

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output" / "bench.json"
PICTURE = ROOT / "docs" / "bench.svg"
ROUNDS = 5
FEW, MANY = 2, 22  # tasks of the two playbooks whose difference, by the number of tasks, is the cost of one
OURS, POWERSHELL, NOOP = "nested.hyperv", "win_powershell", "noop"


class Connection(NamedTuple):
    """How Ansible reaches the host. A validated certificate is checked against the whole bundle of requests."""

    name: str
    scheme: str
    transport: str
    validated: bool = False


NTLM_HTTP = Connection("NTLM, http", "http", "ntlm")
NTLM_HTTPS = Connection("NTLM, https", "https", "ntlm", validated=True)
BASIC_HTTPS = Connection("Basic, https", "https", "basic", validated=True)
HTTPS = (
    NTLM_HTTPS,
    BASIC_HTTPS,
    Connection("NTLM, https, ignore", "https", "ntlm"),
    Connection("Basic, https, ignore", "https", "basic"),
)
# Seconds of a round trip, and the connections that are measured so far away.
DISTANCES: tuple[tuple[float, tuple[Connection, ...]], ...] = (
    (0.0, (NTLM_HTTP, *HTTPS)),
    (0.01, (NTLM_HTTP,)),
    (0.05, (NTLM_HTTP, NTLM_HTTPS, BASIC_HTTPS)),
)


@dataclass(frozen=True)
class Row:
    """What a task costs, or a playbook.

    `requests` are those of WS-Management. `round_trips` are all that the client waited for, of TCP, TLS and
    authentication, too; not counted without a distance. Bytes are those of HTTP bodies; processes are started on the
    host.
    """

    case: str
    subject: str
    connection: str
    vms: int
    rtt_ms: float
    requests: float
    round_trips: float
    bytes_up: float
    bytes_down: float
    processes: float
    wall_s: float
    cpu_s: float


MEASURED = ("requests", "round_trips", "bytes_up", "bytes_down", "processes", "wall_s", "cpu_s")
NOTHING = [{"ansible.builtin.debug": {"msg": "no change"}}]

# A case, and the task of each subject; a list of tasks is gone through again and again. The first case is also measured
# over https.
NESTING = {"name": "lab01", "state": "enabled"}
TASKS: Mapping[str, Mapping[str, list[dict[str, Any]]]] = {
    "no change: vm_nesting": {
        OURS: [{"nested.hyperv.vm_nesting": NESTING}],
        POWERSHELL: [{"ansible.windows.win_powershell": {"script": powershell.NESTING}}],
    },
    "change: vm_memory": {
        OURS: [{"nested.hyperv.vm_memory": {"name": "lab01", "priority": priority}} for priority in (10, 20)],
        POWERSHELL: [
            {"ansible.windows.win_powershell": {"script": powershell.MEMORY.replace("PRIORITY", str(priority))}}
            for priority in (10, 20)
        ],
    },
    "facts: vm_info, VM off": {
        OURS: [{"nested.hyperv.vm_info": {"name": ["lab01"]}}],
        POWERSHELL: [{"ansible.windows.win_powershell": {"script": powershell.INFO.replace("NAMES", "'lab01'")}}],
    },
    "facts: vm_info, VM running": {
        OURS: [{"nested.hyperv.vm_info": {"name": ["vm0001"]}}],
    },
}
NO_CHANGE = next(iter(TASKS))
PLUGIN, CACHED_PLUGIN = "inventory plugin", "inventory plugin, cache"
CLONES = 50
TRAINING = {
    "create_training_lab_count": CLONES,
    "create_training_lab_parent": r"C:\Images\base.vhdx",
    "create_training_lab_path": r"C:\Training",
    "create_training_lab_switch": "Lab",
    "create_training_lab_nesting": True,
}
SURVEYED = 200  # hosts of a survey
LISTED, VMS_OF_LISTED = 50, 40  # hosts of the inventory plugin, and VMs of each
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


def model(vms: int, hosts: int = 1) -> dict[str, Any]:
    """Hosts with this many VMs each, of which lab01 is one that nests."""
    memory = {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"}
    adapters = [
        {"name": "Network Adapter", "switch": "Lab", "addresses": ["192.0.2.21"]},
        {"name": "Storage", "switch": "Lab"},
    ]
    common = {"memory": memory, "adapters": adapters}
    return {
        "hosts": [
            {
                "name": f"hv{number:02}",
                "memory": "8TB",
                "switches": [{"name": "Lab", "type": "internal"}],
                "folders": [TRAINING["create_training_lab_path"]],
                "files": [{"path": TRAINING["create_training_lab_parent"], "size": "127GB", "used": "20GB"}],
                "vms": [
                    {"name": "lab01", "nested": True, **common},
                    {"name": "vm{n:04}", "count": vms - 1, "state": "running", **common},
                ],
            }
            for number in range(1, hosts + 1)
        ]
    }


class Bench:
    """ansible-playbook against one host, over one connection."""

    def __init__(
        self, sim: simulator.Simulation, vms: int, folder: Path, through: Relay, connection: Connection = NTLM_HTTP
    ) -> None:
        self.sim, self.vms, self.folder, self.relay, self.connection = sim, vms, folder, through, connection
        address = sim.endpoints["hv01"]
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": through.port,
            "ansible_connection": "winrm",
            "ansible_winrm_scheme": connection.scheme,
            "ansible_winrm_transport": connection.transport,
            "ansible_winrm_server_cert_validation": "validate" if connection.validated else "ignore",
            "ansible_user": address.user,
            "ansible_password": address.password,
        }
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"hv01": host}}}))
        bundle = Path(requests.certs.where()).read_text() + Path(address.certificate).read_text()
        (folder / "bundle.pem").write_text(bundle)
        self.output = ""
        self.environment = environment(folder) | {"REQUESTS_CA_BUNDLE": str(folder / "bundle.pem")}

    def run(self, tasks: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """What one run of ansible-playbook costs."""
        play = {"hosts": "all", "gather_facts": False, "tasks": [dict(task) for task in tasks]}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        return self.play("play.yml")

    def play(self, playbook: str, *options: str) -> dict[str, float]:
        """The same for a playbook, by its file or name."""
        return self.program("ansible-playbook", "-i", "inventory.yml", playbook, *options)

    def program(self, name: str, *arguments: str) -> dict[str, float]:
        """The same for any program of Ansible."""
        self.sim.log.clear()
        self.relay.round_trips = 0
        used, begun = _cpu(), time.perf_counter()
        done = subprocess.run(
            [Path(sys.executable).with_name(name), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        wall, cpu = time.perf_counter() - begun, _cpu() - used
        self.output = done.stdout
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stdout}\n{done.stderr}")
        entries = list(self.sim.log)
        return {
            "requests": sum(not entry.authentication for entry in entries),
            "round_trips": self.relay.round_trips if self.relay.round_trip else 0,
            "bytes_up": sum(entry.bytes_in for entry in entries),
            "bytes_down": sum(entry.bytes_out for entry in entries),
            "processes": sum(entry.action == "Command" for entry in entries),
            "wall_s": wall,
            "cpu_s": cpu,
        }

    def compare(self, case: str, subjects: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Row]:
        """A task of each subject and, if CPU time is of interest, of a no-op, by turns."""
        near = not self.relay.round_trip
        costs = self.costs({**subjects, NOOP: NOTHING} if near else subjects, FEW, MANY, rounds=ROUNDS if near else 2)
        return (self.row(case, subject, cost) for subject, cost in costs.items())

    def inventory(self) -> Iterator[Row]:
        """Host and VMs at once, as one case of several tasks."""
        (of,) = {len(tasks) for tasks in INVENTORY.values()}
        costs = self.costs(INVENTORY, of, 3 * of, of=of)
        return (self.row("inventory", subject, costs[subject]) for subject in INVENTORY)

    def costs(
        self,
        subjects: Mapping[str, Sequence[Mapping[str, Any]]],
        few: int,
        many: int,
        of: int = 1,
        rounds: int = ROUNDS,
    ) -> dict[str, dict[str, float]]:
        """What one task of each subject costs, or ``of`` that belong together: many in a run less few, divided.

        The least of all rounds counts: whatever else the machine does only adds to the seconds.
        """
        least: dict[tuple[str, int], dict[str, float]] = {}
        for _round in range(rounds):
            for subject, tasks in subjects.items():
                for count in (few, many):
                    cost = self.run(tasks[n % len(tasks)] for n in range(count))
                    before = least.setdefault((subject, count), cost)
                    least[subject, count] = {name: min(cost[name], before[name]) for name in MEASURED}
        return {
            subject: {
                name: (least[subject, many][name] - least[subject, few][name]) * of / (many - few) for name in MEASURED
            }
            for subject in subjects
        }

    def training_lab(self) -> Iterator[Row]:
        """Two runs of a playbook as a whole: one that makes all VMs, and one that changes nothing."""
        variables = {"create_training_lab_hosts": "all", **TRAINING}
        for case in ("training_lab", "no change: training_lab"):
            cost = self.play("nested.hyperv.create_training_lab", "-e", json.dumps(variables))
            yield replace(self.row(case, OURS, cost), vms=CLONES)

    def survey(self) -> Iterator[Row]:
        """The playbook survey_hosts on all hosts of the simulation, with its report."""
        inventory = {name: task.variables(self.sim, name) for name in self.sim.endpoints}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump({"hyperv": {"hosts": inventory}}))
        cost = self.play("nested.hyperv.survey_hosts", "--forks", "20")
        yield replace(self.row("survey_hosts", OURS, cost), vms=SURVEYED * self.vms)

    def inventory_plugin(self) -> Iterator[Row]:
        """The inventory plugin on all hosts of the simulation, without a cache and from it."""
        hosts = {name: connection_of(self.sim, name) for name in self.sim.endpoints}
        config = {"plugin": INVENTORY_PLUGIN, "hosts": hosts}
        cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(self.folder / "c")}
        for name, more in (("plain", {}), ("cached", cache)):
            (self.folder / f"{name}.hyperv.yml").write_text(yaml.safe_dump({**config, **more}))
        arguments = "ansible-inventory", "--graph", "-i"
        self.program(*arguments, "cached.hyperv.yml")
        for case, name in ((PLUGIN, "plain"), (CACHED_PLUGIN, "cached")):
            costs = [self.program(*arguments, f"{name}.hyperv.yml") for _round in range(3)]
            least = {name: min(cost[name] for cost in costs) for name in MEASURED}
            yield replace(self.row(case, OURS, least), vms=LISTED * VMS_OF_LISTED)

    def role(self, role: roles.Role) -> Iterator[Row]:
        """A run of a role that changes nothing: as a whole, and each of its tasks."""
        start = self.run(NOTHING)
        hosts = {name: task.variables(self.sim, name) for name in (roles.HOST, roles.GUEST)}
        inventory = {"all": {"hosts": hosts}, "guests": {"hosts": {roles.GUEST: {}}}}
        least = self.second_run(role.playbook, role.variables(), inventory)
        yield self.row(f"no change: {role.name}", OURS, least)
        (done,) = re.findall(rf"^{roles.GUEST} .*\bok=(\d+)", self.output, re.MULTILINE)
        each = {name: (least[name] - start[name]) / (int(done) - 1) for name in MEASURED}
        yield self.row(f"a task of {role.name}", OURS, each)

    def nodes(self) -> Iterator[Row]:
        """A run of the role azure_stack_hci_eval that changes nothing, with two nodes that a seed has configured."""
        inventory = {"hyperv": {"hosts": {"hv01": task.variables(self.sim, "hv01")}}}
        cost = self.second_run(hci.PLAYBOOK, hci.variables(**hci.seeded(2)), inventory)
        yield self.row(f"no change: {hci.ROLE}", OURS, cost)

    def second_run(self, playbook: str, variables: Mapping[str, Any], inventory: Mapping[str, Any]) -> dict[str, float]:
        """What a playbook costs after a run that has made all changes: the least of several rounds."""
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        arguments = f"nested.hyperv.{playbook}", "-e", json.dumps(variables)
        self.play(*arguments)
        costs = [self.play(*arguments) for _round in range(ROUNDS)]
        return {name: min(cost[name] for cost in costs) for name in MEASURED}

    def row(self, case: str, subject: str, cost: Mapping[str, float]) -> Row:
        values = {name: round(cost[name], 4) for name in MEASURED}
        return Row(case, subject, self.connection.name, self.vms, self.relay.round_trip * 1000, **values)


@contextmanager
def bench(
    vms: int,
    folder: Path,
    connection: Connection = NTLM_HTTP,
    rtt: float = 0.0,
    hosts: int = 1,
    of: Mapping[str, Any] | None = None,
) -> Iterator[Bench]:
    """Starts hosts with this many VMs, or those of a model, of which the first is so far away."""
    with simulator.start(of or model(vms, hosts)) as sim:
        address = sim.endpoints["hv01"]
        port = urlsplit(address.https if connection.scheme == "https" else address.http).port
        assert port is not None
        with relay(port, rtt) as through:
            yield Bench(sim, vms, folder, through, connection)


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
    for rtt, connections in DISTANCES:
        for connection in connections:
            with bench(10, folder, connection, rtt) as measured:
                for case, subjects in TASKS.items():
                    if connection == NTLM_HTTP or case == NO_CHANGE:
                        yield from measured.compare(case, subjects)
    for vms in (10, 100, 1000):
        with bench(vms, folder) as measured:
            yield from measured.inventory()
    with bench(2, folder) as measured:
        yield from measured.training_lab()
    with bench(20, folder, hosts=SURVEYED) as measured:
        yield from measured.survey()
    with bench(VMS_OF_LISTED, folder, hosts=LISTED) as measured:
        yield from measured.inventory_plugin()
    for role in roles.ROLES:
        with bench(1, folder, of=role.model()) as measured:
            yield from measured.role(role)
    with bench(2, folder, of=hci.with_system()) as measured:
        yield from measured.nodes()


def times_noop(found: Sequence[Row], row: Row) -> float:
    """CPU time of a task as times that of a no-op: the median of all, since no connection matters to a no-op."""
    return row.cpu_s / statistics.median(other.cpu_s for other in found if other.subject == NOOP)


def table(found: Sequence[Row]) -> Iterator[str]:
    yield (
        f"{'case':26} {'subject':17} {'connection':20} {'VMs':>5} {'RTT ms':>6} {'requests':>8} {'trips':>6} "
        f"{'KB up':>9} {'KB down':>9} {'processes':>9} {'wall s':>8} {'CPU s':>8} {'CPU':>7}"
    )
    for row in found:
        subject = f"{row.subject} *" if row.subject == POWERSHELL else row.subject
        times = f"{times_noop(found, row):.2f} x" if row.case in TASKS and not row.rtt_ms else ""
        yield (
            f"{row.case:26} {subject:17} {row.connection:20} {row.vms:>5} {row.rtt_ms:>6.0f} {row.requests:>8.1f} "
            f"{f'{row.round_trips:.1f}' if row.rtt_ms else '':>6} "
            f"{row.bytes_up / 1024:>9.1f} {row.bytes_down / 1024:>9.1f} {row.processes:>9.1f} "
            f"{row.wall_s:>8.3f} {row.cpu_s:>8.3f} {times:>7}"
        )
    yield ""
    yield "* Its PowerShell isn't run: the host answers at once."
    yield "Per task: requests of WS-Management, KB of HTTP bodies, seconds of ansible-playbook, CPU as times a no-op."
    yield "trips: round trips that the client waits for, of TCP, TLS and authentication, too."
    yield "https: validated against the whole bundle of requests, or not at all (ignore)."
    yield "inventory: host_info and vm_info, all but what guests tell, of VMs with two adapters each."
    yield f"training_lab: the playbook create_training_lab as a whole, with {CLONES} clones of one parent disk."
    yield "no change: wsl2_in_vm, isolated_containers: the playbook of the role as a whole; below, each of its tasks."
    yield "no change: azure_stack_hci_eval: the same with two nodes, whose Windows is configured."
    yield f"inventory plugin: ansible-inventory --graph, {LISTED} hosts with {VMS_OF_LISTED} VMs each."
    yield f"survey_hosts: the playbook as a whole with its report, {SURVEYED} hosts with 20 VMs each, forks 20."


README_CASES = {
    "no change: vm_nesting": "`vm_nesting`, no change",
    "change: vm_memory": "`vm_memory`, a change",
    "facts: vm_info, VM off": "`vm_info` of a VM that is off, all facts",
    "facts: vm_info, VM running": "`vm_info` of a running VM, all facts",
}


def readme(found: Sequence[Row]) -> Iterator[str]:
    """The table of the README."""
    away = [rtt * 1000 for rtt, _connections in DISTANCES]
    columns = " | ".join(f"{rtt:.0f} ms away" for rtt in away[1:])
    yield f"| per task | requests | round trips | KB up | KB down | {columns} | controller CPU |"
    yield "|---|---|---|---|---|---|---|---|"
    for case, title in README_CASES.items():
        for subject in TASKS[case]:
            near, middle, far = (pick(found, case, subject, rtt=rtt) for rtt in away)
            name = title if subject == OURS else "the same by `win_powershell`"
            yield (
                f"| {name} | {near.requests:.0f} | {far.round_trips:.0f} | {near.bytes_up / 1024:.1f} "
                f"| {near.bytes_down / 1024:.1f} | {middle.wall_s * 1000:.0f} ms | {far.wall_s * 1000:.0f} ms "
                f"| {times_noop(found, near):.1f} × |"
            )


class Panel(NamedTuple):
    """The milliseconds of the tasks at one distance, by subject; None if a subject has no such task."""

    title: str
    values: Mapping[str, Sequence[float | None]]


def panels(found: Sequence[Row]) -> Iterator[Panel]:
    """What the picture of the README shows: the same tasks as its table, at each distance."""
    for rtt in (seconds * 1000 for seconds, _connections in DISTANCES):
        values = {
            subject: [
                pick(found, case, subject, rtt=rtt).wall_s * 1000 if subject in TASKS[case] else None
                for case in README_CASES
            ]
            for subject in (OURS, POWERSHELL)
        }
        yield Panel(f"{rtt:.0f} ms away" if rtt else "Next to the control node", values)


def pick(
    found: Sequence[Row], case: str, subject: str = OURS, connection: Connection = NTLM_HTTP, rtt: float = 0
) -> Row:
    return next(
        row
        for row in found
        if (row.case, row.subject, row.connection, row.rtt_ms) == (case, subject, connection.name, rtt)
    )


def verdicts(found: Sequence[Row]) -> list[tuple[str, bool]]:
    """The figures to reach, each with what was measured."""
    ours, theirs = (pick(found, NO_CHANGE, subject) for subject in (OURS, POWERSHELL))
    factor = (theirs.bytes_up + theirs.bytes_down) / (ours.bytes_up + ours.bytes_down)
    https = max(times_noop(found, pick(found, NO_CHANGE, connection=connection)) for connection in HTTPS)
    far = pick(found, NO_CHANGE, rtt=50).wall_s / pick(found, NO_CHANGE, POWERSHELL, rtt=50).wall_s
    inventory = next(row for row in found if (row.case, row.subject, row.vms) == ("inventory", OURS, 1000))
    measured: list[tuple[str, float, str, float]] = [
        ("requests of a task that changes nothing", ours.requests, "at most", 2),
        ("KB up of a task that changes nothing", ours.bytes_up / 1024, "at most", 8),
        ("times the bytes in the PowerShell task", factor, "at least", 30),
        ("times a no-op's CPU, NTLM over http", times_noop(found, ours), "at most", 1.85),
        ("times a no-op's CPU, the worst over https", https, "at most", 2.0),
        ("of the PowerShell task's time, 50 ms away", far, "at most", 0.4),
        ("requests of vm_info, VM off", pick(found, "facts: vm_info, VM off").requests, "at most", 6),
        ("requests of vm_info, VM running", pick(found, "facts: vm_info, VM running").requests, "at most", 9),
        ("requests for 1000 VMs", inventory.requests, "at most", 200),
        ("seconds for 1000 VMs", inventory.wall_s, "at most", 6),
        (f"seconds for {CLONES} clones of a training lab", pick(found, "training_lab").wall_s, "at most", 60),
        (f"seconds for an inventory of {LISTED} hosts", pick(found, PLUGIN).wall_s, "at most", 20),
        ("requests of a host in an inventory", pick(found, PLUGIN).requests / LISTED, "at most", 10),
        (f"seconds for an inventory of {LISTED} hosts, cached", pick(found, CACHED_PLUGIN).wall_s, "at most", 2),
        (f"seconds for a survey of {SURVEYED} hosts", pick(found, "survey_hosts").wall_s, "at most", 90),
    ]
    for role in roles.ROLES:
        wall, each = (pick(found, f"{case} {role.name}") for case in ("no change:", "a task of"))
        measured.append((f"seconds for a run of {role.name} without a change", wall.wall_s, "at most", 10))
        measured.append((f"times a no-op's CPU, a task of {role.name}", times_noop(found, each), "at most", 3))
    nodes = pick(found, f"no change: {hci.ROLE}").wall_s
    measured.append((f"seconds for a run of {hci.ROLE} without a change, two nodes", nodes, "at most", 15))
    return [
        # A difference of runs below 0 measures what else the machine did.
        (f"{value:8.2f} {text} ({bound} {limit:g})", 0 < value <= limit if bound == "at most" else value >= limit)
        for text, value, bound, limit in measured
    ]


def main() -> int:
    from . import plot  # needs matplotlib, which the tests of this file do without

    programs.PROGRAMS.update(powershell.PROGRAMS)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nested-hyperv-bench-") as folder:
        found = []
        for row in rows(Path(folder)):
            found.append(row)
            done = (
                f"{row.case}, {row.subject}, {row.connection}, {row.rtt_ms:.0f} ms, {row.vms} VMs: {row.wall_s:.3f} s"
            )
            print(f"  {done}", file=sys.stderr, flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    print("\n".join([*table(found), "", "For README.md:", "", *readme(found)]), end="\n\n")
    tasks = [title.replace("`", "") for title in README_CASES.values()]
    noop = statistics.median(row.wall_s for row in found if row.subject == NOOP) * 1000
    plot.draw(list(panels(found)), tasks, noop, PICTURE)
    for text, reached in verdicts(found):
        print(f"{'MET   ' if reached else 'MISSED'}  {text}")
    written = " and ".join(str(path.relative_to(ROOT)) for path in (OUTPUT, PICTURE))
    print(f"\n{written} written after {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
