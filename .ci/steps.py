# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of every round of tests (rounds.py) with `make`, and report how long each of them took.

steps.py [CORE=2.20] [VARIABLE=VALUE ...]   the variables of the command line of `make test`

Steps of a stage run side by side, two at a time; the output of such a step is printed when it ends. The first failure
ends the run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import rounds

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".build" / "log"
# Linters, the report, the documentation and all units run once. The rounds with other ansible-cores and Pythons run
# what can differ with them. The units start two processes themselves.
FIRST = (("setup",), ("layers", "report"), ("sanity", "lint", "docs", "molecule"), ("units",))
OTHER = (("setup",), ("sanity", "molecule"), ("contract",))


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


def run(command: Sequence[str], log: Path | None) -> Outcome:
    """The outcome of a command, whose output goes to a file if there is one."""
    begin = time.monotonic()
    with open(log or os.devnull, "wb") as file:
        stdout, stderr = (file, subprocess.STDOUT) if log else (None, None)
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(process.returncode == 0, time.monotonic() - begin, usage.ru_utime + usage.ru_stime)


def run_stage(title: str, commands: dict[str, list[str]]) -> dict[str, Outcome]:
    """The outcome of each step of a stage that has run; after a failure no other step starts."""
    together = len(commands) > 1
    folder = LOGS.relative_to(ROOT)
    print(f"\n=== {', '.join(commands)} ({title})" + (f"; progress: {folder}" if together else ""), flush=True)
    logs = {step: LOGS / f"{step}.txt" if together else None for step in commands}
    failure = threading.Event()

    def attempt(step: str) -> Outcome | None:
        if failure.is_set():
            return None
        outcome = run(commands[step], logs[step])
        if not outcome.passed:
            failure.set()
        return outcome

    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(2) as pool:
        futures = {pool.submit(attempt, step): step for step in commands}
        for future in as_completed(futures):
            step, outcome = futures[future], future.result()
            if outcome is None:
                continue
            outcomes[step] = outcome
            log = logs[step]
            if log:
                print(f"\n=== {step} ({title})", log.read_text(errors="replace").strip(), sep="\n")
            print(f"=== {step} {outcome}", flush=True)
            if not outcome.passed:
                print(f"\nFAILED: {step} ({title})\nTo run it again: {shlex.join(commands[step])}", flush=True)
    return outcomes


def run_round(title: str, stages: Iterable[Sequence[str]], variables: Sequence[str]) -> dict[str, Outcome]:
    """The outcome of each step of a round, up to the stage with a failure."""
    outcomes: dict[str, Outcome] = {}
    for stage in stages:
        outcomes |= run_stage(title, {step: ["make", step, *variables] for step in stage})
        if not all(outcome.passed for outcome in outcomes.values()):
            break
    return outcomes


def main(*variables: str) -> int:
    os.environ |= environment()
    LOGS.mkdir(parents=True, exist_ok=True)
    found, left_out = rounds.find_rounds()
    only = dict(variable.partition("=")[::2] for variable in variables).get("CORE")
    selected = [one for one in found if only in (None, "", one.core.name)]
    reasons = [f"Left out: ansible-core {core.name}: no {core.needs} with venv and ensurepip" for core in left_out]
    if not selected:
        sys.exit("\n".join([f"No round has ansible-core {only}.", *reasons]))
    print("Rounds:", *(f"  {one} ({one.python.path})" for one in selected), *reasons, sep="\n", flush=True)
    summary = []
    for one in selected:
        other = (OTHER, [f"CORE={one.core.name}", f"PYTHON={one.python.path}"])
        stages, own = (FIRST, variables) if one is found[0] else other
        outcomes = run_round(str(one), stages, own)
        summary += [f"{one}:", *(f"  {step:9}{outcome}" for step, outcome in outcomes.items())]
        if not all(outcome.passed for outcome in outcomes.values()):
            break
    else:
        print("\nPassed:", *summary, *reasons, sep="\n")
        return 0
    print("\nFAILED:", *summary, *reasons, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
