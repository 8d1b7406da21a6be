# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of every round of tests (rounds.py) with `make`, and report how long each of them took.

steps.py [CORE=2.20] [VARIABLE=VALUE ...]   the variables of the command line of `make test`

Two steps run at a time, from any rounds; the output of a step is printed when it ends. The first failure ends the run,
except that of a round with a pre-release of ansible-core.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import rounds

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".build" / "log"
# The longest steps come first, so that both processors are busy until the end.
ORDER = (
    *("setup", "units", "molecule", "scenarios", "sanity", "docs", "lint"),
    *("contract", "sanity-core", "transport", "report", "layers"),
)
# What depends neither on ansible-core nor on Python runs in the round of the Python that was given.
ONCE = {"docs", "layers", "lint", "report"}
# Everything else runs with the newest ansible-core and Python. The other rounds run what can differ, and the oldest one
# the scenarios, too.
OLDEST = {"sanity-core", "scenarios", "transport"}
NEWEST = {"molecule", "sanity", "units"}
# Steps, and the steps that they include.
PARTS = {"units": {"contract", "transport"}, "sanity": {"sanity-core"}, "molecule": {"scenarios"}}
# A step that hangs is stopped, so that its output is printed.
LIMIT = 3600  # seconds


def steps_of(one: rounds.Round, found: Sequence[rounds.Round]) -> list[str]:
    """The steps of one of the rounds found."""
    stable = [other for other in found if other.core.stable]
    by_age = sorted(stable, key=lambda other: [int(part) for part in other.core.name.split(".")])
    steps = {"setup", "contract"}
    for names, chosen in ((ONCE, found[:1]), (OLDEST, by_age[:1]), (NEWEST, by_age[-1:])):
        steps |= names if one in chosen else set()
    steps = steps.difference(*(parts for step, parts in PARTS.items() if step in steps))
    return [step for step in ORDER if step in steps]


class Outcome(NamedTuple):
    passed: bool
    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'} in {self.seconds:.0f} s (CPU {self.cpu:.0f} s)"


def environment() -> dict[str, str]:
    """The environment without the virtual environment and the variables of the `make` that started this script."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.startswith(f"{ROOT}/")]
    return {**os.environ, "PATH": os.pathsep.join(folders), "MAKEFLAGS": "--no-print-directory"}


def run(command: Sequence[str], log: Path) -> Outcome:
    """The outcome of a command, whose output goes to a file."""
    begin = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        stop = threading.Timer(LIMIT, process.terminate)
        stop.start()
        _pid, status, usage = os.wait4(process.pid, 0)
        stop.cancel()
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if seconds >= LIMIT:
        with log.open("a") as file:
            file.write(f"\nStopped after {LIMIT} s.\n")
    return Outcome(process.returncode == 0, seconds, usage.ru_utime + usage.ru_stime)


class Job(NamedTuple):
    """A step of a round."""

    step: str
    round: rounds.Round
    command: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.step} ({self.round})"

    @property
    def folder(self) -> str:
        """What steps share that cannot run side by side; so each of them runs once at a time."""
        return self.step.partition("-")[0]


class Queue:
    """Runs jobs two at a time, those of a round after its setup."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._waiting = list(jobs)
        self._running: list[Job] = []
        self._changed = threading.Condition()
        self.outcomes: dict[Job, Outcome] = {}

    @property
    def failed(self) -> bool:
        return any(not outcome.passed and job.round.core.stable for job, outcome in self.outcomes.items())

    def run(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            for worker in [pool.submit(self._work), pool.submit(self._work)]:
                worker.result()

    def _work(self) -> None:
        try:
            while job := self._next():
                log = LOGS / f"{job.step}-{job.round.core.name}.txt"
                outcome = run(job.command, log)
                with self._changed:
                    self._end(job, outcome, log)
        except BaseException:
            with self._changed:  # the other one does not wait for this job to end
                self._waiting.clear()
                self._changed.notify_all()
            raise

    def _next(self) -> Job | None:
        with self._changed:
            while self._waiting and not self.failed:
                busy = {job.folder for job in self._running}
                ready = {job.round for job, outcome in self.outcomes.items() if job.step == "setup" and outcome.passed}
                for job in self._waiting:
                    if job.folder not in busy and (job.step == "setup" or job.round in ready):
                        self._waiting.remove(job)
                        self._running.append(job)
                        print(f"=== {job.title}; progress: {LOGS.relative_to(ROOT)}", flush=True)
                        return job
                if not self._running:
                    return None  # their setup has failed
                self._changed.wait()
        return None

    def _end(self, job: Job, outcome: Outcome, log: Path) -> None:
        self._running.remove(job)
        self.outcomes[job] = outcome
        print(f"\n=== {job.title}", log.read_text(errors="replace").strip(), f"=== {job.title} {outcome}", sep="\n")
        if not outcome.passed:
            print(f"\nFAILED: {job.title}\nTo run it again: {shlex.join(job.command)}")
            if job.step == "setup":
                self._waiting = [other for other in self._waiting if other.round != job.round]
        sys.stdout.flush()
        self._changed.notify_all()


def jobs_of(found: Sequence[rounds.Round], selected: Sequence[rounds.Round], variables: Sequence[str]) -> list[Job]:
    """The jobs of the selected rounds, in the order in which they are to start."""
    jobs = []
    for one in selected:
        own = variables if one is found[0] else [f"CORE={one.core.name}", f"PYTHON={one.python.path}"]
        jobs += [Job(step, one, ("make", step, *own)) for step in steps_of(one, found)]
    return sorted(jobs, key=lambda job: (ORDER.index(job.step), not job.round.core.stable))


def main(*variables: str) -> int:
    begin = time.monotonic()
    os.environ |= environment()
    LOGS.mkdir(parents=True, exist_ok=True)
    found, left_out = rounds.find_rounds()
    only = dict(variable.partition("=")[::2] for variable in variables).get("CORE")
    selected = [one for one in found if only in (None, "", one.core.name)]
    reasons = [f"Left out: ansible-core {core.name}: no {core.needs} with venv and ensurepip" for core in left_out]
    if not selected:
        sys.exit("\n".join([f"No round has ansible-core {only}.", *reasons]))
    print("Rounds:", *(f"  {one} ({one.python.path})" for one in selected), *reasons, sep="\n", flush=True)
    queue = Queue(jobs_of(found, selected, variables))
    queue.run()
    print("\nFAILED:" if queue.failed else "\nPassed:")
    for one in selected:
        print(f"{one}:" if one.core.stable else f"{one} (a pre-release, which may fail):")
        for job, outcome in queue.outcomes.items():
            if job.round == one:
                print(f"  {job.step:12}{outcome}")
    cpu = sum(outcome.cpu for outcome in queue.outcomes.values())
    print(*reasons, f"{(time.monotonic() - begin) / 60:.0f} min, CPU {cpu / 60:.0f} min", sep="\n")
    return 1 if queue.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
