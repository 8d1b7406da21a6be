# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark without Ansible: its host, and what it makes of measurements."""

from __future__ import annotations

import json

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.benchmarks import __main__ as benchmark
from ansible_collections.nested.hyperv.tests.benchmarks import powershell
from ansible_collections.nested.hyperv.tests.benchmarks.__main__ import NOOP, OURS, POWERSHELL, Bench, Row
from ansible_collections.nested.hyperv.tests.harness import hci
from ansible_collections.nested.hyperv.tests.harness.roles import ROLES
from ansible_collections.nested.hyperv.tests.simulator.windows import programs


def measured(case, subject, connection=benchmark.NTLM_HTTP, rtt=0.0, vms=10, **more):
    values = dict.fromkeys(benchmark.MEASURED, 1.0) | {"bytes_up": 1024.0, "bytes_down": 1024.0, "cpu_s": 1.5}
    return Row(case, subject, connection.name, vms, rtt, **(values | more))


def everything(**ours):
    """Rows that meet all figures, but for the given values of this collection."""
    heavy = {"bytes_up": 400e3, "wall_s": 9.0}
    rows = [
        measured(case, subject, rtt=rtt, **(ours if subject == OURS else heavy))
        for case, subjects in benchmark.TASKS.items()
        for subject in subjects
        for rtt in (0, 10, 50)
    ]
    rows += [measured(benchmark.NO_CHANGE, OURS, connection, **ours) for connection in benchmark.HTTPS]
    rows += [measured(benchmark.NO_CHANGE, NOOP, cpu_s=cpu) for cpu in (0.2, 1.0, 7.0)]
    playbooks = [measured("training_lab", OURS, vms=50, **ours), measured("survey_hosts", OURS, vms=4000, **ours)]
    playbooks += [
        measured(f"{case} {role.name}", OURS, **ours) for role in ROLES for case in ("no change:", "a task of")
    ]
    playbooks.append(measured(f"no change: {hci.ROLE}", OURS, **ours))
    playbooks += [measured(case, OURS, vms=2000, **ours) for case in (benchmark.PLUGIN, benchmark.CACHED_PLUGIN)]
    return [*rows, measured("inventory", OURS, vms=1000, **ours), *playbooks]


@pytest.mark.parametrize(
    ("ours", "missed"),
    [
        ({}, []),
        ({"cpu_s": 1.9}, ["NTLM over http"]),
        ({"cpu_s": 2.1}, ["NTLM over http", "the worst over https"]),
        ({"cpu_s": 3.1}, ["NTLM over http", "the worst over https", "a task of wsl2_in_vm"]),
        ({"requests": 3.0}, ["requests of a task"]),
        ({"wall_s": 4.5}, ["of the PowerShell task's time"]),
        ({"wall_s": -4.5}, ["of the PowerShell task's time", "seconds for 1000 VMs"]),
        ({"bytes_up": 9000.0}, ["KB up"]),
    ],
)
def test_verdicts(ours, missed):
    failed = [text for text, met in benchmark.verdicts(everything(**ours)) if not met]
    assert [any(part in text for text in failed) for part in missed] == [True] * len(missed)
    assert (failed == []) is (missed == [])


def test_the_table_of_the_readme():
    lines = list(benchmark.readme(everything(wall_s=0.25, round_trips=4.0, cpu_s=1.849)))
    assert lines[2] == "| `vm_nesting`, no change | 1 | 4 | 1.0 | 1.0 | 250 ms | 250 ms | 1.8 × |"
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


@pytest.mark.parametrize("subject", [task[POWERSHELL] for task in benchmark.TASKS.values() if POWERSHELL in task])
def test_the_host_answers_the_scripts(subject, monkeypatch):
    """powershell.exe of the benchmark reads which script came from its standard input."""
    monkeypatch.setattr(programs, "PROGRAMS", programs.PROGRAMS | powershell.PROGRAMS)
    with simulator.start(benchmark.model(3)) as sim:
        for task in subject:
            process = programs.start(sim.machines["hv01"], "PowerShell -NoProfile -")
            process.write(task["ansible.windows.win_powershell"]["script"].encode(), end=True)
            assert process.exit_code == 0
            assert json.loads(b"".join(output for _stream, output in process.context.output))["result"]


def test_the_least_of_the_rounds_counts(monkeypatch):
    costs = iter([3.0, 9.0, 2.0, 8.0])  # seconds of few and many, twice

    def run(_self, tasks):
        list(tasks)
        return dict.fromkeys(benchmark.MEASURED, next(costs))

    monkeypatch.setattr(Bench, "run", run)
    found = Bench.costs(object.__new__(Bench), {OURS: benchmark.NOTHING}, 2, 5, rounds=2)
    assert found[OURS]["cpu_s"] == 2.0


def test_the_picture_has_the_tasks_of_the_table_at_each_distance():
    near, *far = benchmark.panels(everything(wall_s=0.25))
    assert near.title == "Next to the control node"
    assert [panel.title for panel in far] == ["10 ms away", "50 ms away"]
    assert near.values == {OURS: [250, 250, 250, 250], POWERSHELL: [9000, 9000, 9000, None]}
