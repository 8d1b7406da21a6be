# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix (matrix.py): carry out all of it, a part, a sample, or one run in detail.

python -m tests.faults (make faults) writes tests/output/faults.json and the tables of docs/fault_matrix.md.

  --flow NAME, --fault NAME   a part; such a run, and a sample, write faults.json only
  --at NUMBER                 with both: one run in detail, such as --flow 'vm save' --fault 'reset after' --at 5
  --sample NUMBER             so many runs, chosen by --seed
  --every NUMBER              one run in so many, spread over all flows and faults
  --examples FILE             an example of each row and column that is not 0
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pprint
import random
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .known import KNOWN
from .worker import judge_all, matrix, tables

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output" / "faults.json"


def _parts(cases: Iterable[tuple[str, str, int]], size: int = 20) -> Iterator[list[tuple[str, str, int]]]:
    """Runs of one flow at a time, so that a process knows the flow without a fault already."""
    part: list[tuple[str, str, int]] = []
    for case in cases:
        if part and (part[0][0] != case[0] or len(part) == size):
            yield part
            part = []
        part.append(tuple(case))
    if part:
        yield part


def _tell_progress(told: int, done: int, total: int) -> int:
    """Say how many runs are done, in a log once per 1,000; returns the number that was said last."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total} runs", end="", file=sys.stderr, flush=True)
    elif done - told >= 1000:
        print(f"{done} of {total} runs", file=sys.stderr, flush=True)
    else:
        return told
    return done


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--flow", action="append")
    parser.add_argument("--fault", action="append")
    parser.add_argument("--at", type=int)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def main() -> int:
    options = _arguments()
    if options.at:
        case = matrix.Case(options.flow[0], options.fault[0], options.at)
        verdict = matrix.judge(case, lambda *words: pprint.pp(words, width=160))
        pprint.pp(verdict.wrong, width=160)
        return bool(verdict.wrong)
    began = time.monotonic()
    cases = list(matrix.cases(options.flow, options.fault))[:: options.every]
    if options.sample:
        cases = sorted(random.Random(options.seed).sample(cases, min(options.sample, len(cases))))
    verdicts: list[Any] = []
    told = 0
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for part in pool.imap_unordered(judge_all, list(_parts(cases))):
            verdicts += part
            told = _tell_progress(told, len(verdicts), len(cases))
    rows = matrix.count(verdicts)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.examples:
        options.examples.write_text("\n".join(tables.examples(verdicts)) + "\n", encoding="utf-8")
    if not (options.flow or options.fault or options.sample or options.every > 1):
        tables.publish(rows)
    print("\n".join(tables.by_fault(rows)))
    print(f"\n{len(verdicts)} runs in {time.monotonic() - began:.0f} s; the rows are in {OUTPUT.relative_to(ROOT)}")
    expected = {(one.flow, one.fault, one.column) for one in KNOWN}
    found = {(row["flow"], row["fault"], column) for row in rows for column in matrix.COLUMNS if row[column]}
    return bool(found - expected)


if __name__ == "__main__":
    sys.exit(main())
